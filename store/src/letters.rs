//! The correspondence between nodes: whatever a letter says, it is opened here, handed to its room,
//! and answered with a receipt; and whatever a receiver answered to a letter of this node, what
//! becomes of it is decided here. Letters come in any order and more than once, and rooms say
//! whether they have taken one before.

mod envelope;
mod fate;
mod job;

use lianshi_market::{
    letter::{EnvelopeRefusal, Room},
    message::MessageRefusal,
};
use lianshi_registry::{id::NodeName, refusal::Refusal, wire::Receipt};

pub(crate) use envelope::{Incoming, open, seal_keys, unseal};
pub use fate::{Answer, settle};
pub use job::Job;

use crate::{
    Site,
    db::Failure,
    statements, subscriptions,
    usage::{self, ReportRefusal},
};

/// Why a letter is not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReceiveRefusal {
    /// It is not opened.
    #[error(transparent)]
    Envelope(#[from] EnvelopeRefusal),
    /// The negotiation does not take the message.
    #[error(transparent)]
    Message(#[from] MessageRefusal),
    /// The counts are not taken.
    #[error(transparent)]
    Report(#[from] ReportRefusal),
    /// The letter of a close is not taken.
    #[error(transparent)]
    Statement(#[from] statements::LetterRefusal),
}

impl ReceiveRefusal {
    /// Whether the same letter may be taken later.
    pub fn may_retry(&self) -> bool {
        match self {
            Self::Envelope(refusal) => refusal.may_retry(),
            Self::Message(refusal) => refusal.may_retry(),
            Self::Report(refusal) => refusal.may_retry(),
            Self::Statement(refusal) => refusal.may_retry(),
        }
    }

    /// The answer that says so.
    pub fn receipt(&self) -> Receipt {
        Receipt::refused(self.code(), &self.to_string(), self.may_retry())
    }
}

impl Refusal for ReceiveRefusal {
    fn code(&self) -> &'static str {
        match self {
            Self::Envelope(refusal) => refusal.code(),
            Self::Message(refusal) => refusal.code(),
            Self::Report(refusal) => refusal.code(),
            Self::Statement(refusal) => refusal.code(),
        }
    }
}

/// Takes a letter that `from` sent as a kind. It is opened before the transaction of its room
/// begins: a signature is no work to do while others wait.
pub fn receive(
    site: &Site,
    from: &NodeName,
    (kind, bytes): (&str, &[u8]),
) -> Result<(), Failure<ReceiveRefusal>> {
    let room = Room::parse(kind)
        .ok_or_else(|| Failure::Refused(EnvelopeRefusal::UnknownKind(kind.to_owned()).into()))?;
    let opened = site.db.read(|read| envelope::read(read, site, from, (room, bytes)));
    let opened = opened.map_err(Failure::widen)?;
    site.db.write(|write| match room {
        Room::Subscriptions => subscriptions::receive(write, site, &opened).map_err(Failure::widen),
        Room::Usage => usage::receive_report(write, site, &opened).map_err(Failure::widen),
        Room::Statements => statements::receive(write, site, &opened).map_err(Failure::widen),
    })?;
    site.nudge();
    Ok(())
}
