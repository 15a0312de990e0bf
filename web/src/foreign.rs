//! Chinese on an English page: names, documents and sentences that exist in Chinese only. They are
//! marked with their language, so that a reading voice and a translating browser know it (WCAG 2.2,
//! 3.1.2). Done once, on the finished page, so that no template can forget it.

/// How an English page begins.
const ENGLISH: &str = "<html lang=\"en\"";
/// Elements whose text cannot hold other elements.
const PLAIN: [&str; 5] = ["title", "script", "style", "textarea", "option"];
/// Elements that are never closed.
const VOID: [&str; 9] = ["meta", "link", "input", "br", "hr", "img", "col", "wbr", "!doctype"];

/// Marks what is Chinese on an English page; every other page stays as it is.
pub fn mark(html: String) -> String {
    let head: String = html.chars().take(200).collect();
    if !head.contains(ENGLISH) || !html.contains(is_han) {
        return html;
    }
    let mut out = String::with_capacity(html.len() + html.len() / 8);
    let mut open: Vec<Element> = Vec::new();
    let mut rest = html.as_str();
    while let Some(at) = rest.find('<') {
        let (text, tail) = rest.split_at(at);
        put_text(&mut out, text, open.last());
        rest = tail;
        let Some(end) = tail.find('>') else { break };
        let (tag, after) = tail.split_at(end + 1);
        out.push_str(tag);
        follow(&mut open, tag);
        rest = after;
    }
    out.push_str(rest);
    out
}

/// An open element, as far as the text in it is concerned.
struct Element {
    name: String,
    /// Its text is left as it is.
    left: bool,
    /// It is drawn, so its text is marked by the element that pictures have for it.
    drawn: bool,
}

/// Opens or closes what a tag opens or closes.
fn follow(open: &mut Vec<Element>, tag: &str) {
    let inside = tag.trim_start_matches('<').trim_end_matches('>');
    if let Some(name) = inside.strip_prefix('/') {
        if let Some(at) = open.iter().rposition(|element| element.name == name.trim()) {
            open.truncate(at);
        }
        return;
    }
    let name = inside.split([' ', '\n', '/']).next().unwrap_or_default().to_lowercase();
    if inside.ends_with('/') || VOID.contains(&name.as_str()) {
        return;
    }
    let parent = open.last();
    open.push(Element {
        left: parent.is_some_and(|parent| parent.left)
            || PLAIN.contains(&name.as_str())
            || inside.contains(" lang=\"zh"),
        drawn: parent.is_some_and(|parent| parent.drawn) || name == "svg",
        name,
    });
}

fn put_text(out: &mut String, text: &str, inside: Option<&Element>) {
    if inside.is_some_and(|element| element.left) || !text.contains(is_han) {
        out.push_str(text);
        return;
    }
    let element = if inside.is_some_and(|element| element.drawn) { "tspan" } else { "span" };
    let mut rest = text;
    while let Some(from) = rest.find(is_han) {
        let (before, tail) = rest.split_at(from);
        let (run, after) = tail.split_at(run_length(tail));
        out.push_str(before);
        out.push_str(&format!("<{element} lang=\"zh-CN\">{run}</{element}>"));
        rest = after;
    }
    out.push_str(rest);
}

/// Bytes of the Chinese a text begins with: up to its last Chinese character or sign before white
/// space, markup of a character or the end. Digits inside belong to it, as in a document's number.
fn run_length(text: &str) -> usize {
    let mut end = 0;
    for (at, character) in text.char_indices() {
        if is_han(character) || is_chinese_sign(character) {
            end = at + character.len_utf8();
        } else if !character.is_ascii_alphanumeric() && !".-".contains(character) {
            break;
        }
    }
    end
}

fn is_han(character: char) -> bool {
    let common = matches!(character, '\u{3400}'..='\u{9fff}' | '\u{f900}'..='\u{faff}');
    common || matches!(character, '\u{20000}'..='\u{3ffff}')
}

/// Punctuation that stands among Chinese characters.
fn is_chinese_sign(character: char) -> bool {
    let full_width = matches!(character, '\u{3001}'..='\u{303f}' | '\u{ff01}'..='\u{ff60}');
    full_width || matches!(character, '“' | '”' | '—' | '…' | '·')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn marked(body: &str) -> String {
        let html = mark(format!("<!doctype html>\n<html lang=\"en\"><body>{body}</body></html>"));
        let (_, body) = html.split_once("<body>").expect("a body");
        body.trim_end_matches("</body></html>").to_owned()
    }

    #[test]
    fn chinese_on_an_english_page_is_marked_with_its_language() {
        for (body, wanted) in [
            ("<p>Hello</p>", "<p>Hello</p>"),
            ("<p>鄞州区</p>", "<p><span lang=\"zh-CN\">鄞州区</span></p>"),
            ("<p>a 鄞州区 330212</p>", "<p>a <span lang=\"zh-CN\">鄞州区</span> 330212</p>"),
            (
                "<p>No. 演示授协〔2026〕01号, in force</p>",
                "<p>No. <span lang=\"zh-CN\">演示授协〔2026〕01号</span>, in force</p>",
            ),
            (
                "<p>示例公司（演示） x 宁波</p>",
                "<p><span lang=\"zh-CN\">示例公司（演示）</span> x <span lang=\"zh-CN\">宁波</span></p>",
            ),
            (
                "<svg><text>宁</text></svg>",
                "<svg><text><tspan lang=\"zh-CN\">宁</tspan></text></svg>",
            ),
            ("<br>宁", "<br><span lang=\"zh-CN\">宁</span>"),
            ("宁&amp;波", "<span lang=\"zh-CN\">宁</span>&amp;<span lang=\"zh-CN\">波</span>"),
        ] {
            assert_eq!(marked(body), wanted);
        }
    }

    #[test]
    fn what_is_marked_already_or_can_hold_no_mark_stays() {
        for body in [
            "<button lang=\"zh-CN\"><span>中</span>文</button>",
            "<option value=\"宁\">宁波</option>",
            "<textarea>宁波</textarea>",
            "<script>let x = '宁';</script>",
            "<a title=\"宁波\" href=\"/?q=宁\">x</a>",
        ] {
            assert_eq!(marked(body), body);
        }
        assert!(marked("<b lang=\"zh-CN\">中</b>宁").ends_with("<span lang=\"zh-CN\">宁</span>"));
    }

    #[test]
    fn a_chinese_page_and_what_is_no_page_stay() {
        for html in ["<!doctype html>\n<html lang=\"zh-CN\"><p>宁波</p></html>", "宁波", ""] {
            assert_eq!(mark(html.to_owned()), html);
        }
    }

    #[test]
    fn a_tag_that_never_ends_loses_nothing() {
        let html = "<html lang=\"en\"><p>宁 <a href=";
        let marked = mark(html.to_owned());
        assert_eq!(marked, "<html lang=\"en\"><p><span lang=\"zh-CN\">宁</span> <a href=");
    }
}
