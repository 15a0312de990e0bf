//! What a home node says of a statement that is not what it derives: that it waits for a person,
//! and what the person decided. It travels under the home node's seal, so that the provider's
//! finance need not ask why a bill is not confirmed.

use lianshi_registry::text::Kind;
use serde::{Deserialize, Serialize};

use super::{
    Difference, DocumentError,
    document::{read_canonical, sealed},
};

/// Version of objections.
pub const OBJECTION_VERSION: u32 = 1;

/// Where a statement that differed stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WaitingState {
    /// Nobody has decided.
    Waiting,
    /// A person stood by it.
    Accepted,
    /// A person declined it.
    Declined,
}

impl WaitingState {
    /// The word stored and told: `waiting`, `accepted`, `declined`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Accepted => "accepted",
            Self::Declined => "declined",
        }
    }

    /// Reads [`WaitingState::as_str`] back.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Waiting, Self::Accepted, Self::Declined].into_iter().find(|one| one.as_str() == text)
    }
}

/// An objection 异议 to one statement.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ObjectionDocument {
    /// [`OBJECTION_VERSION`].
    pub v: u32,
    /// The statement's number.
    pub number: String,
    /// SHA-256 of the statement, in hexadecimal.
    pub statement_hash: String,
    /// Whether a person has decided, and what.
    pub state: WaitingState,
    /// Where the statement differs from what the home node derives.
    pub difference: Difference,
    /// Why, in the words of whoever decided; empty while nobody has.
    pub note: String,
}

impl ObjectionDocument {
    /// Reads a canonical text. Refused: another form or version, a difference that no person
    /// decides about, a decision without a reason or a reason without a decision, texts that
    /// nobody may read.
    pub fn read(text: &[u8]) -> Result<Self, DocumentError> {
        let document: Self = read_canonical(text)?;
        if document.v != OBJECTION_VERSION {
            return Err(DocumentError::Version(document.v));
        }
        let malformed = |what: &str| Err(DocumentError::Malformed(what.to_owned()));
        if !document.difference.is_for_a_person() {
            return malformed("a difference that no person decides about");
        }
        if document
            .difference
            .operation()
            .is_some_and(|name| Kind::Code.check_optional(name).is_err())
        {
            return malformed("the name of an operation");
        }
        match document.state {
            WaitingState::Waiting if document.note.is_empty() => Ok(document),
            WaitingState::Waiting => malformed("a reason without a decision"),
            WaitingState::Accepted | WaitingState::Declined => {
                match Kind::Note.check(&document.note) {
                    Ok(()) => Ok(document),
                    Err(refusal) => malformed(&format!("the reason {refusal}")),
                }
            }
        }
    }

    /// Its canonical text and the hash of it.
    pub fn seal_text(&self) -> (String, [u8; 32]) {
        sealed("lianshi/objection/v1\n", self)
    }
}

#[cfg(test)]
mod tests {
    use lianshi_registry::time::Period;

    use super::*;
    use crate::{money::Amount, rating::Count};

    fn objection() -> ObjectionDocument {
        ObjectionDocument {
            v: OBJECTION_VERSION,
            number: "ST-330212-202610-0000001".to_owned(),
            statement_hash: "ab".repeat(32),
            state: WaitingState::Declined,
            difference: Difference::Lines {
                period: Period::parse("2026-10").expect("a month"),
                stated: Amount::from_fen(2),
                expected: Amount::from_fen(1),
            },
            note: "与合同不符".to_owned(),
        }
    }

    fn check(change: impl FnOnce(&mut ObjectionDocument)) -> Result<(), DocumentError> {
        let mut changed = objection();
        change(&mut changed);
        ObjectionDocument::read(changed.seal_text().0.as_bytes()).map(drop)
    }

    #[test]
    fn an_objection_is_read_back_as_it_was_said() {
        let said = objection();
        let (text, _) = said.seal_text();
        assert_eq!(ObjectionDocument::read(text.as_bytes()), Ok(said));
    }

    #[test]
    fn an_objection_that_says_nothing_anybody_may_act_on_is_refused() {
        let period = Period::parse("2026-10").expect("a month");
        assert_eq!(check(|said| said.v = 2), Err(DocumentError::Version(2)));
        assert!(check(|said| said.note.clear()).is_err(), "a decision without a reason");
        assert!(check(|said| said.state = WaitingState::Waiting).is_err(), "a reason by nobody");
        assert!(check(|said| said.note = "a\u{202e}b".to_owned()).is_err(), "turned writing");
        assert!(check(|said| said.difference = Difference::PeriodAhead { period }).is_err());
        let count = Count { calls: 1, units: 1 };
        let named = |operation: &str| Difference::MoreThanReported {
            period,
            operation: operation.to_owned(),
            stated: count,
            reported: count,
        };
        assert!(check(|said| said.difference = named("query")).is_ok());
        assert!(check(|said| said.difference = named("a\nb")).is_err());
    }
}
