//! Words of a text and of a question, cut the same way for both databases. Chinese has no spaces: a
//! dictionary finds the words, and pairs of neighboring characters find what the dictionary cuts
//! differently inside a longer run.

use std::{collections::BTreeMap, sync::OnceLock};

use jieba_rs::Jieba;
use lianshi_registry::id::RegistrationNumber;

/// Longest term kept, in characters: longer runs are no words.
const TERM_CHARS_MAX: usize = 40;
/// Words of a question that count; the rest is ignored.
pub(crate) const QUESTION_WORDS_MAX: usize = 12;
/// Words too frequent to find anything by.
const STOP_WORDS: [&str; 24] = [
    "的", "了", "和", "与", "或", "及", "在", "是", "对", "按", "为", "等", "由", "从", "以", "a",
    "an", "the", "of", "and", "or", "in", "to", "for",
];

fn dictionary() -> &'static Jieba {
    static DICTIONARY: OnceLock<Jieba> = OnceLock::new();
    DICTIONARY.get_or_init(Jieba::new)
}

/// Loads the dictionary now, so that the first search does not wait for it.
pub(crate) fn prepare() {
    let _ = dictionary();
}

/// Terms to store for texts, each text with its weight; a term's weights add up.
pub(crate) fn terms(texts: &[(&str, i64)]) -> BTreeMap<String, i64> {
    let mut terms = BTreeMap::new();
    for (text, weight) in texts {
        let text = text.to_lowercase();
        for word in dictionary().cut_for_search(&text, true) {
            if let Some(term) = term(word.word) {
                *terms.entry(term).or_insert(0) += weight * 2;
            }
        }
        for pair in pairs(&text) {
            terms.entry(pair).and_modify(|held| *held += 1).or_insert(1);
        }
    }
    terms
}

/// What a question asks for: each word must be found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Question {
    /// The words as the dictionary cuts them.
    pub words: Vec<String>,
    /// The same as pairs of characters, for when the words are cut differently in the texts.
    pub pairs: Vec<String>,
}

/// Cuts a question.
pub(crate) fn question(text: &str) -> Question {
    if let Ok(number) = RegistrationNumber::parse(text) {
        let words = vec![number.as_str().to_lowercase()];
        return Question { words, pairs: Vec::new() };
    }
    let text = text.to_lowercase();
    let mut words: Vec<String> = Vec::new();
    let mut parts: Vec<String> = Vec::new();
    for word in dictionary().cut(&text, true) {
        let Some(term) = term(word.word) else { continue };
        if words.contains(&term) || words.len() >= QUESTION_WORDS_MAX {
            continue;
        }
        let inner = pairs(&term);
        if inner.is_empty() {
            parts.push(term.clone());
        } else {
            parts.extend(inner);
        }
        words.push(term);
    }
    parts.sort();
    parts.dedup();
    Question { words, pairs: parts }
}

fn term(word: &str) -> Option<String> {
    let word = word.trim();
    let fits = word.chars().any(char::is_alphanumeric)
        && word.chars().count() <= TERM_CHARS_MAX
        && !STOP_WORDS.contains(&word);
    fits.then(|| word.to_owned())
}

/// Neighboring Chinese characters, two by two.
fn pairs(text: &str) -> Vec<String> {
    let characters: Vec<char> = text.chars().collect();
    characters
        .windows(2)
        .filter(|pair| pair.iter().all(|c| is_chinese(*c)))
        .map(|pair| pair.iter().collect())
        .collect()
}

fn is_chinese(character: char) -> bool {
    matches!(character, '\u{3400}'..='\u{9fff}' | '\u{20000}'..='\u{323af}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_inside_a_run_are_found() {
        let stored = terms(&[("鄞州区行政区划代码核验服务 Division code check", 1)]);
        for text in ["区划", "行政区划", "代码核验", "division CODE", "鄞州", "划代"]
        {
            let question = question(text);
            let by_word = question.words.iter().all(|word| stored.contains_key(word));
            let by_pair = question.pairs.iter().all(|pair| stored.contains_key(pair));
            assert!(by_word || by_pair, "{text}: {question:?}");
        }
        assert!(question("的 , ！").words.is_empty());
    }
}
