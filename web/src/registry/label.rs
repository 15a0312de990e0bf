//! What an entry says of itself before anyone reads its body: its kind, its office, its time, what
//! it is about. Read from the bytes and not from the types, so that an entry of a kind or version
//! this program does not know is shown as far as it can be.

use lianshi_registry::{
    entry::Texts,
    id::{NodeName, NumberKind, RegistrationNumber},
    text::Kind,
    time::Timestamp,
};
use serde::Deserialize;
use serde_json::Value;

/// Members of a body that name what it is about, the most telling first.
const SUBJECTS: [&str; 6] = ["number", "product", "node", "uscc", "period", "origin"];

/// The label of an entry. Empty where the bytes do not say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Label {
    /// Its kind.
    pub kind: String,
    /// The office that acted.
    pub by: String,
    /// When it says so.
    pub at: Option<Timestamp>,
    /// Number, code or name of what it is about.
    pub subject: String,
    /// The page about it, where there is one.
    pub href: Option<String>,
    /// What people call it.
    pub name: Option<Texts>,
    /// The reason it gives.
    pub reason: String,
}

impl Label {
    /// From the bytes of an entry, whatever they are.
    pub fn of(bytes: &[u8]) -> Self {
        let value: Value = serde_json::from_slice(bytes).unwrap_or_default();
        let text = |value: &Value, name: &str| {
            value.get(name).and_then(Value::as_str).and_then(fit).unwrap_or_default()
        };
        let body = value.get("body").unwrap_or(&Value::Null);
        let named = SUBJECTS.iter().find_map(|name| {
            let subject = body.get(name)?.as_str()?;
            Some((*name, fit(subject)?))
        });
        let (what, subject) = named.unwrap_or_default();
        Self {
            kind: text(&value, "kind"),
            by: text(&value, "by"),
            at: Timestamp::parse(&text(&value, "at")).ok(),
            href: href(what, &subject),
            subject,
            name: body.get("name").and_then(name),
            reason: text(body, "reason"),
        }
    }
}

/// A text of an entry that may be in quarantine: what would deceive whoever reads it is left out.
fn fit(text: &str) -> Option<String> {
    Kind::Note.check(text).is_ok().then(|| text.to_owned())
}

fn name(value: &Value) -> Option<Texts> {
    let name = Texts::deserialize(value).ok()?;
    let fits = [&name.zh, &name.en].into_iter().all(|side| Kind::Name.check_optional(side).is_ok());
    fits.then_some(name)
}

/// The page about a subject. Only what parses becomes a part of an address.
fn href(what: &str, subject: &str) -> Option<String> {
    match what {
        "number" | "product" => {
            let number = RegistrationNumber::parse(subject).ok()?;
            (number.kind() == NumberKind::Product).then(|| format!("/products/{number}"))
        }
        "node" => Some(format!("/node/{}", NodeName::parse(subject).ok()?)),
        _ => None,
    }
}

/// The kind of an entry, without looking at its body; `None` where the bytes do not say.
pub fn kind(bytes: &[u8]) -> Option<String> {
    #[derive(Deserialize)]
    struct Kind {
        kind: String,
    }
    serde_json::from_slice::<Kind>(bytes).ok().map(|label| label.kind)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_says_what_the_bytes_say_and_nothing_else() {
        let bytes = br#"{"at":"2026-11-21T03:00:00Z","body":{"name":{"en":"Node","zh":"x"},"node":"yinzhou","reason":"y"},"by":"ningbo","kind":"member.admitted","v":1}"#;
        let label = Label::of(bytes);
        assert_eq!((label.kind.as_str(), label.by.as_str()), ("member.admitted", "ningbo"));
        assert_eq!(label.href.as_deref(), Some("/node/yinzhou"));
        assert_eq!(label.name.map(|name| name.en), Some("Node".to_owned()));
        assert_eq!(kind(bytes).as_deref(), Some("member.admitted"));
        for garbage in [&b"\xff\xfe"[..], b"[]", b"{", b"null", br#"{"body":7}"#] {
            let label = Label::of(garbage);
            assert_eq!((label.kind.as_str(), label.href), ("", None));
            assert_eq!(kind(garbage), None);
        }
    }

    #[test]
    fn what_would_deceive_is_left_out() {
        let text = |bad: &str| {
            let body =
                format!(r#"{{"name":{{"zh":"{bad}","en":"x"}},"uscc":"{bad}","reason":"{bad}"}}"#);
            format!(r#"{{"by":"{bad}","kind":"{bad}","body":{body}}}"#)
        };
        for bad in ["\u{202e}gnihsihp", "\u{200b}\u{200b}", "\\u0000", "\\u001b[2J"] {
            let label = Label::of(text(bad).as_bytes());
            assert_eq!(label.name, None, "{bad}");
            assert_eq!([label.kind, label.by, label.subject, label.reason].concat(), "", "{bad}");
        }
        assert_eq!(Label::of(text("鄞州").as_bytes()).reason, "鄞州");
    }

    #[test]
    fn what_does_not_parse_becomes_no_address() {
        for body in [r#"{"node":"../login"}"#, r#"{"number":"javascript:x"}"#, r#"{"uscc":"x"}"#] {
            let label = Label::of(format!("{{\"body\":{body}}}").as_bytes());
            assert_eq!(label.href, None, "{body}");
            assert!(!label.subject.is_empty());
        }
    }
}
