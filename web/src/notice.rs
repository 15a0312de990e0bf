//! Notices in words, for e-mail: both languages in one, Chinese first, for nobody knows which one
//! the reader prefers. They say what happened and where to look, and nothing that is not for
//! whoever carries the mail.

use lianshi_registry::entry::Texts;
use lianshi_store::notices::Notice;

use crate::text::{Lang, Value};

/// An e-mail in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Words {
    /// Its subject, in both languages.
    pub subject: String,
    /// Its text, in both languages.
    pub body: String,
}

/// A notice of the node of a name, whose pages begin with `public_url`.
pub fn words(notice: &Notice, (node, public_url): (&Texts, &str)) -> Words {
    let said = Lang::ALL.map(|lang| said(lang, notice));
    let closing = Lang::ALL.map(|lang| {
        let name = Value::Text(lang.pick(node).to_owned());
        lang.text("notice-closing", &[("node", name)])
    });
    let [zh, en] = said;
    let [zh_closing, en_closing] = closing;
    let link = format!("{public_url}{}", place(notice));
    Words {
        subject: format!("{zh} / {en}"),
        body: format!("{zh}\n{zh_closing}\n\n{en}\n{en_closing}\n\n{link}\n"),
    }
}

/// What happened, in one sentence.
fn said(lang: Lang, notice: &Notice) -> String {
    match notice {
        Notice::SubscriptionChanged { side, state, product_name, .. } => {
            let product = Value::Text(lang.pick(product_name).to_owned());
            let state = match state.as_str() {
                "terminated" if side == "provider" => "withdrawn",
                "terminated" => "refused",
                state => state,
            };
            lang.text(&format!("notice-{state}"), &[("product", product)])
        }
        Notice::LetterParked { node, .. } => {
            lang.text("notice-parked", &[("node", Value::Text(node.to_string()))])
        }
        Notice::Test { node } => {
            lang.text("notice-test", &[("node", Value::Text(node.to_string()))])
        }
    }
}

/// The page to look at.
fn place(notice: &Notice) -> String {
    match notice {
        Notice::SubscriptionChanged { subscription, side, .. } if side == "provider" => {
            format!("/provider/subscriptions/{subscription}")
        }
        Notice::SubscriptionChanged { subscription, .. } => {
            format!("/subscriptions/{subscription}")
        }
        Notice::LetterParked { .. } => "/letters".to_owned(),
        Notice::Test { .. } => "/".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use lianshi_registry::id::{DivisionCode, NumberKind, RegistrationNumber};

    use super::*;

    #[test]
    fn every_notice_is_said_in_both_languages_with_the_page_to_look_at() {
        let division = DivisionCode::parse("330212").unwrap();
        let product = RegistrationNumber::new(&division, NumberKind::Product, 2026, 1).unwrap();
        let node = Texts { zh: "鄞州".to_owned(), en: "Yinzhou".to_owned() };
        let mut subjects = Vec::new();
        for (side, state) in [
            ("provider", "requested"),
            ("provider", "terminated"),
            ("provider", "ended"),
            ("home", "offered"),
            ("home", "finalized"),
            ("home", "terminated"),
            ("home", "ended"),
        ] {
            let notice = Notice::SubscriptionChanged {
                subscription: "sub-1".to_owned(),
                side: side.to_owned(),
                state: state.to_owned(),
                product: product.clone(),
                product_name: Texts {
                    zh: "企业核验".to_owned(), en: "Company check".to_owned()
                },
                organization: String::new(),
            };
            let words = words(&notice, (&node, "https://yinzhou.example"));
            for part in ["企业核验", "Company check"] {
                assert!(words.subject.contains(part) && words.body.contains(part), "{words:?}");
            }
            assert!(!words.subject.contains("notice-"), "{words:?}");
            assert!(words.body.contains("鄞州") && words.body.contains("Yinzhou"), "{words:?}");
            let link = if side == "home" { "/subscriptions/sub-1\n" } else { "/provider/" };
            assert!(words.body.contains(&format!("https://yinzhou.example{link}")), "{words:?}");
            if !subjects.contains(&words.subject) {
                subjects.push(words.subject);
            }
        }
        assert_eq!(subjects.len(), 6, "an ending reads alike on both sides: {subjects:?}");
    }
}
