//! Why a letter of a close is not taken.

use lianshi_market::{
    close::{Difference, DocumentError},
    letter::EnvelopeRefusal,
    money::Amount,
};
use lianshi_registry::{
    id::{NodeName, RegistrationNumber},
    refusal::Refusal,
};

/// Why a letter is not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LetterRefusal {
    /// The letter is not opened.
    #[error(transparent)]
    Envelope(#[from] EnvelopeRefusal),
    /// What is sealed is no claim.
    #[error("what is sealed does not read: {0}")]
    Malformed(String),
    /// This node was restored, and has not asked the sender yet what both wrote.
    #[error("this node was restored, and asks first what was said before")]
    Recovering,
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
    /// A statement that is not what this node derives from what it holds, and that no person may
    /// stand by.
    #[error("statement `{number}`: {difference}")]
    Differs {
        /// The statement.
        number: String,
        /// Where it differs.
        difference: Difference,
    },
    /// A statement under an agreement that this node refused or that was withdrawn.
    #[error("subscription `{0}` was never in force here")]
    NotInForce(String),
    /// A division of a product that the catalog held here does not show.
    #[error("the catalog held here does not show `{0}`")]
    UnknownProduct(RegistrationNumber),
    /// A division under another split than the one in force.
    #[error("division `{division}`: `{agreement}` is not in force in the catalog held here")]
    SplitNotInForce {
        /// The division.
        division: String,
        /// The agreement version it names.
        agreement: String,
    },
    /// A division with other shares than were published.
    #[error("division `{0}` has other shares than the published split")]
    SharesDiffer(String),
    /// An earlier division under the same agreement has not come yet.
    #[error("division `{division}` begins at {begins}, and the divisions held here end at {ended}")]
    DivisionMissing {
        /// The division.
        division: String,
        /// Where it begins.
        begins: Amount,
        /// Where the ones held end.
        ended: Amount,
    },
    /// A division of what was divided before.
    #[error("division `{division}` begins at {begins}, and {ended} was divided before")]
    DividedBefore {
        /// The division.
        division: String,
        /// Where it begins.
        begins: Amount,
        /// Where the ones held end.
        ended: Amount,
    },
    /// A copy of a line that no version of the product's split gives the party to read there.
    #[error("no split in the catalog held here gives what copy `{0}` says")]
    NoSuchShare(String),
    /// More copies than one node is believed to have cause for.
    #[error("`{0}` has sent as many copies as are kept of one node")]
    CopiesFull(NodeName),
    /// Another document was taken under this name before.
    #[error("another document was taken as `{0}` before")]
    Conflict(String),
    /// A receipt for something this node never sent, or with another hash.
    #[error("this node issued no document `{0}` of that hash")]
    UnknownDocument(String),
}

impl LetterRefusal {
    /// Whether the same letter may be taken later: keys, membership, the agreement, the catalog and
    /// earlier letters may still be on their way, and clocks differ.
    pub fn may_retry(&self) -> bool {
        matches!(
            self,
            // Of a later version than this node's.
            Self::Kind(_)
                | Self::Recovering
                | Self::UnknownSubscription(_)
                | Self::Differs { difference: Difference::PeriodAhead { .. }, .. }
                | Self::UnknownProduct(_)
                | Self::SplitNotInForce { .. }
                | Self::DivisionMissing { .. }
        ) || matches!(self, Self::Envelope(refusal) if refusal.may_retry())
    }
}

impl Refusal for LetterRefusal {
    fn code(&self) -> &'static str {
        match self {
            Self::Envelope(refusal) => refusal.code(),
            Self::Malformed(_) => "statement.malformed",
            Self::Recovering => "statement.recovering",
            Self::Kind(_) => "statement.unknown_kind",
            Self::Document(_) => "statement.bad_document",
            Self::Hash(_) => "statement.wrong_hash",
            Self::Misdirected(_) => "statement.misdirected",
            Self::UnknownSubscription(_) => "statement.unknown_subscription",
            Self::Differs { difference, .. } => difference.code(),
            Self::NotInForce(_) => "statement.never_in_force",
            Self::UnknownProduct(_) => "statement.unknown_product",
            Self::SplitNotInForce { .. } => "statement.split_not_in_force",
            Self::SharesDiffer(_) => "statement.shares_differ",
            Self::DivisionMissing { .. } => "statement.division_missing",
            Self::DividedBefore { .. } => "statement.divided_before",
            Self::NoSuchShare(_) => "statement.no_such_share",
            Self::CopiesFull(_) => "statement.copies_full",
            Self::Conflict(_) => "statement.conflict",
            Self::UnknownDocument(_) => "statement.unknown_document",
        }
    }
}
