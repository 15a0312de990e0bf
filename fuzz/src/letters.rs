//! Letters, receipts, keys, and the file a publisher writes.

use lianshi_governance::publish::{FreshNumbers, Publisher, decide, wanted};
use lianshi_registry::{
    catalog::Known,
    id::RegistrationNumber,
    key::{KeyPair, PublicKey},
    note::VerifierKey,
    seal::Sealed,
    time::Date,
    wire::Receipt,
};

use crate::specimen;

/// A sealed letter. Only what was sealed opens.
pub fn sealed(bytes: &[u8]) {
    let Ok(sealed) = Sealed::parse(bytes) else { return };
    assert_eq!(Sealed::parse(&sealed.to_bytes()), Ok(sealed.clone()));
    if let Ok(payload) = sealed.open(&specimen::log_key().public()) {
        assert_eq!(payload, specimen::PAYLOAD, "a letter nobody sealed was opened");
    }
}

/// The receipt of a letter.
pub fn receipt(bytes: &[u8]) {
    let Some(receipt) = Receipt::parse(bytes) else { return };
    assert_eq!(Receipt::parse(&receipt.to_bytes()), Some(receipt));
}

/// A publishing file: read, and decided.
pub fn publish(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let (origin, division) = (specimen::origin(), specimen::division());
    let Ok(wanted) = wanted(text, &origin) else { return };
    let now = Date::parse("2026-11-21").expect("a day").start();
    let publisher =
        Publisher {
            origin: &origin,
            division: &division,
            next_index: 0,
            by: "yinzhou",
            now,
            closed_to: None,
        };
    let mut numbers = FreshNumbers::new();
    for (kind, count) in wanted.numbers {
        let number = |n| RegistrationNumber::new(&division, kind, 2026, n).expect("fits");
        numbers.insert(kind, (1..=count).map(number).collect());
    }
    let _ = decide(text, &publisher, Known::new(), &numbers);
}

/// A key: of a log as others name it, public, and the file of a private one.
pub fn key(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Ok(vkey) = VerifierKey::parse(text) {
        assert_eq!(vkey.to_string(), text, "a key has one form");
    }
    if let Ok(key) = PublicKey::parse(text) {
        assert_eq!(key.to_string(), text, "a key has one form");
    }
    if let Some(pair) = KeyPair::from_hex(text) {
        assert_eq!(KeyPair::from_hex(&pair.to_hex()).map(|again| again.seed()), Some(pair.seed()));
    }
}
