//! Why a letter of a close is not taken.

use lianshi_market::close::DocumentError;
use lianshi_registry::{id::NodeName, refusal::Refusal, seal::SealError};

/// Why a letter is not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LetterRefusal {
    /// Not a letter, or its seal does not hold.
    #[error(transparent)]
    Seal(#[from] SealError),
    /// Sealed by another node than the one that sent it.
    #[error("`{from}` sent a letter sealed by `{sealed_by}`")]
    WrongSender {
        /// Who sent it.
        from: NodeName,
        /// Who sealed it.
        sealed_by: NodeName,
    },
    /// The sender is no active member.
    #[error("`{0}` is no active member of the federation")]
    NotAMember(NodeName),
    /// A kind of letter this room does not know.
    #[error("`{0}` is no letter of a close")]
    Kind(String),
    /// The document is not one, or does not add up.
    #[error(transparent)]
    Document(#[from] DocumentError),
    /// The document is not the one the seal names.
    #[error("the document is not the one the seal of `{0}` names")]
    Hash(String),
    /// A document about another node's books, or for another node.
    #[error("`{0}` is not between the node that sent it and this one")]
    Misdirected(String),
    /// A statement of a subscription this node does not hold.
    #[error("this node holds no subscription `{0}`")]
    UnknownSubscription(String),
    /// A statement that does not follow the agreement both nodes hold.
    #[error("statement `{0}` does not follow the agreement of its subscription")]
    NotAsAgreed(String),
    /// Another document was taken under this name before.
    #[error("another document was taken as `{0}` before")]
    Conflict(String),
    /// A receipt for something this node never sent, or with another hash.
    #[error("this node issued no document `{0}` of that hash")]
    UnknownDocument(String),
}

impl LetterRefusal {
    /// Whether the same letter may be taken later: membership and the agreement may still be on
    /// their way.
    pub fn may_retry(&self) -> bool {
        matches!(self, Self::NotAMember(_) | Self::UnknownSubscription(_))
    }
}

impl Refusal for LetterRefusal {
    fn code(&self) -> &'static str {
        match self {
            Self::Seal(_) => "statement.bad_seal",
            Self::WrongSender { .. } => "statement.wrong_sender",
            Self::NotAMember(_) => "statement.not_a_member",
            Self::Kind(_) => "statement.unknown_kind",
            Self::Document(_) => "statement.bad_document",
            Self::Hash(_) => "statement.wrong_hash",
            Self::Misdirected(_) => "statement.misdirected",
            Self::UnknownSubscription(_) => "statement.unknown_subscription",
            Self::NotAsAgreed(_) => "statement.not_as_agreed",
            Self::Conflict(_) => "statement.conflict",
            Self::UnknownDocument(_) => "statement.unknown_document",
        }
    }
}
