//! Why an admission or a change of standing is refused, and why an entry does not count.

use crate::{
    entry::writing::WritingRefusal,
    id::{DivisionCode, NodeName, Origin},
    refusal::Refusal,
};

/// Why an admission or change was refused, or why an entry does not count.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MemberRefusal {
    /// Only root authorities speak of members.
    #[error("`{0}` is not the log of a root authority")]
    NotARoot(Origin),
    /// A root authority is what the charter says it is, and nobody else is.
    #[error(
        "`{0}` is a root authority: its division and its keys stand in the charter, and it alone \
         admits itself with them"
    )]
    NotAsCharter(NodeName),
    /// Whoever asks does not show that it holds the four keys.
    #[error("the admission of `{0}` is not signed by all four of its keys")]
    Unproved(NodeName),
    /// A root admits only inside its own division.
    #[error("division {division} lies outside {root_division}, the division of the root authority")]
    OutsideDivision {
        /// The division asked for.
        division: DivisionCode,
        /// The root's own.
        root_division: DivisionCode,
    },
    /// The level is not one of [`crate::member::LEVELS`].
    #[error("`{0}` is not a level; use province, city or district")]
    Level(String),
    /// A name, an address or a reason that cannot be what it is meant to be.
    #[error(transparent)]
    Writing(#[from] WritingRefusal),
    /// The origin names another node or federation.
    #[error("the log `{origin}` cannot be the log of node `{node}` in this federation")]
    OriginMismatch {
        /// The origin in the admission.
        origin: Origin,
        /// The node in the admission.
        node: NodeName,
    },
    /// A key in the admission is used twice, inside it or by another member.
    #[error("a key of `{node}` is already used by `{other}`; every role of every node has its own")]
    KeyTaken {
        /// The node to be admitted.
        node: NodeName,
        /// Who uses the key.
        other: NodeName,
    },
    /// Log and log key stay with a node.
    #[error("the log and log key of `{0}` cannot be changed")]
    LogChanged(NodeName),
    /// The member belongs to another root authority.
    #[error("`{node}` was admitted by `{admitted_by}`, which alone may change it")]
    OtherRoot {
        /// The member.
        node: NodeName,
        /// The log that admitted it.
        admitted_by: Origin,
    },
    /// There is no such member.
    #[error("`{0}` is not a member")]
    Unknown(NodeName),
    /// The member has left for good.
    #[error("`{0}` has withdrawn")]
    Withdrawn(NodeName),
    /// Only a suspended member can be reinstated.
    #[error("`{0}` is not suspended")]
    NotSuspended(NodeName),
    /// Its entries from an index on do not count.
    #[error("`{node}` is suspended: {reason}")]
    Suspended {
        /// The member.
        node: NodeName,
        /// Why.
        reason: String,
    },
}

impl Refusal for MemberRefusal {
    fn code(&self) -> &'static str {
        match self {
            Self::NotARoot(_) => "member.not_a_root",
            Self::NotAsCharter(_) => "member.not_as_charter",
            Self::Unproved(_) => "member.keys_unproved",
            Self::OutsideDivision { .. } => "member.outside_division",
            Self::Level(_) => "member.level_unknown",
            Self::Writing(refusal) => refusal.code(),
            Self::OriginMismatch { .. } => "member.origin_mismatch",
            Self::KeyTaken { .. } => "member.key_taken",
            Self::LogChanged(_) => "member.log_changed",
            Self::OtherRoot { .. } => "member.other_root",
            Self::Unknown(_) => "member.unknown",
            Self::Withdrawn(_) => "member.withdrawn",
            Self::NotSuspended(_) => "member.not_suspended",
            Self::Suspended { .. } => "member.suspended",
        }
    }
}
