//! What every letter between two nodes has, whatever it says: the room it is for, and the seal of
//! the node that sends it.

use lianshi_registry::{id::NodeName, refusal::Refusal, seal::SealError};

use crate::{message::MESSAGE_KIND, usage::REPORT_KIND};

/// Kind of the letters of a close, as they travel; what they say stands under their seal.
pub const STATEMENT_KIND: &str = "statement";

/// Which room a letter is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Room {
    /// A message of a subscription.
    Subscriptions,
    /// A report of what was used.
    Usage,
    /// What a close states and divides, and what is answered.
    Statements,
}

impl Room {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Subscriptions, Self::Usage, Self::Statements];

    /// The kind of its letters, as it travels beside them.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Subscriptions => MESSAGE_KIND,
            Self::Usage => REPORT_KIND,
            Self::Statements => STATEMENT_KIND,
        }
    }

    /// Reads [`Room::as_str`] back.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|room| room.as_str() == text)
    }
}

/// Why a letter is not opened, and nobody reads what it says.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EnvelopeRefusal {
    /// Not a sealed letter, or its seal does not hold.
    #[error(transparent)]
    Seal(#[from] SealError),
    /// Sealed by another node than the one that sent it.
    #[error("`{from}` sent a letter sealed by `{sealed_by}`")]
    NotOfSender {
        /// Who sent it.
        from: NodeName,
        /// Who sealed it.
        sealed_by: NodeName,
    },
    /// Sealed as something else than it was sent as.
    #[error("a letter sent as `{sent}` is sealed as `{sealed}`")]
    OtherKind {
        /// As it was sent.
        sent: &'static str,
        /// As it was sealed.
        sealed: String,
    },
    /// No room reads letters of this kind.
    #[error("this node does not read `{0}`")]
    UnknownKind(String),
    /// No member of the federation has the sender's name, as far as is known here.
    #[error("`{0}` is not known here as a member")]
    SenderUnknown(NodeName),
    /// The sender is suspended or withdrawn.
    #[error("`{0}` may not speak now")]
    SenderSuspended(NodeName),
}

impl EnvelopeRefusal {
    /// Whether the same letter may be taken later: keys and memberships may still be on their way,
    /// and the sender's program may be newer.
    pub fn may_retry(&self) -> bool {
        match self {
            Self::Seal(error) => {
                matches!(error, SealError::Signature(_) | SealError::Algorithm(_))
            }
            Self::NotOfSender { .. } | Self::OtherKind { .. } => false,
            Self::UnknownKind(_) | Self::SenderUnknown(_) | Self::SenderSuspended(_) => true,
        }
    }
}

impl Refusal for EnvelopeRefusal {
    fn code(&self) -> &'static str {
        match self {
            Self::Seal(SealError::Malformed(_)) => "letter.malformed",
            Self::Seal(SealError::TooLarge(_)) => "letter.too_large",
            Self::Seal(SealError::Algorithm(_)) => "letter.algorithm",
            Self::Seal(SealError::Signature(_)) => "letter.seal",
            Self::NotOfSender { .. } => "letter.not_of_sender",
            Self::OtherKind { .. } => "letter.other_kind",
            Self::UnknownKind(_) => "letter.unknown_kind",
            Self::SenderUnknown(_) => "letter.sender_unknown",
            Self::SenderSuspended(_) => "letter.sender_suspended",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_reads_back_and_no_other_does() {
        for room in Room::ALL {
            assert_eq!(Room::parse(room.as_str()), Some(room));
        }
        assert_eq!(Room::parse("poem"), None);
    }

    #[test]
    fn what_may_still_arrive_is_tried_again_and_what_is_broken_is_not() {
        let node = |name| NodeName::parse(name).expect("a name");
        let refusals = [
            (EnvelopeRefusal::Seal(SealError::Malformed("x".to_owned())), false),
            (EnvelopeRefusal::Seal(SealError::TooLarge(1 << 30)), false),
            (EnvelopeRefusal::Seal(SealError::Algorithm("falcon".to_owned())), true),
            (EnvelopeRefusal::Seal(SealError::Signature(node("haishu"))), true),
            (
                EnvelopeRefusal::NotOfSender { from: node("haishu"), sealed_by: node("ningbo") },
                false,
            ),
            (EnvelopeRefusal::OtherKind { sent: "statement", sealed: "poem".to_owned() }, false),
            (EnvelopeRefusal::UnknownKind("poem".to_owned()), true),
            (EnvelopeRefusal::SenderUnknown(node("haishu")), true),
            (EnvelopeRefusal::SenderSuspended(node("haishu")), true),
        ];
        for (refusal, expected) in refusals {
            assert_eq!(refusal.may_retry(), expected, "{}", refusal.code());
        }
    }
}
