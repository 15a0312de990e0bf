//! Texts, addresses and codes that people and other nodes write, and JSON that is not canonical.

use lianshi_registry::{
    address::PublicUrl,
    json,
    text::{Kind, harmless, plain, shown, shown_json},
    uscc::Uscc,
};

/// Any text: what is read has the form of its kind, and reads as itself.
pub fn text(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    for kind in Kind::ALL {
        if let Ok(read) = kind.read(text) {
            assert_eq!(kind.check(&read), Ok(()), "{kind:?}");
            assert_eq!(kind.read(&read).as_deref(), Ok(&*read), "{kind:?}");
            assert_eq!(plain(&read), Ok(()), "{kind:?}");
        }
    }
    let harmful = |c: char| c.is_control() && c != '\n' && c != '\t';
    assert!(!shown(text).contains(harmful) && !shown_json(text).contains(harmful));
    assert_eq!(shown(&shown(text)), shown(text));
    if let Ok(url) = PublicUrl::parse(text) {
        assert!(url.as_str().bytes().all(|b| b.is_ascii_graphic() && !b"'\"`$\\<>".contains(&b)));
    }
    if let Ok(code) = Uscc::parse(text) {
        assert_eq!(Uscc::parse(code.as_str()), Ok(code), "a code has one form");
    }
}

/// JSON of somebody else: what is taken is what `serde_json` reads, and all its texts are harmless.
pub fn foreign(bytes: &[u8]) {
    let Ok(value) = json::read_value(bytes) else { return };
    assert_eq!(serde_json::from_slice::<serde_json::Value>(bytes).ok(), Some(value.clone()));
    let written = value.to_string();
    assert_eq!(harmless(&written), Ok(()));
    assert!(json::read_value(written.as_bytes()).is_ok());
}
