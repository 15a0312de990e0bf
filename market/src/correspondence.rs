//! What two nodes ask each other about what they wrote: how far the copies of each process have
//! come, and every message of one; which statements of a month they hold; and how often a provider
//! said that it was called and what it divided. A node that was restored asks all others before it
//! goes on, so that what it said and forgot is not said twice, and what it heard and forgot is
//! heard again. Questions and answers are JSON on the link of two members; what counts is the seal
//! of each message in them. Described in docs/protocol.md.

use lianshi_registry::time::Period;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::subscription::{Side, SubscriptionId};

/// Standings in one answer, each of about three hundred bytes.
pub const STANDINGS_MAX: usize = 1_000;
/// Months in one answer: as many as fifty years have, for each side.
pub const MONTHS_MAX: usize = 1_200;
/// Bytes of messages or statements after which an answer ends: with the largest message after them,
/// they fit into one frame.
pub const LETTERS_BYTES: usize = 1 << 20;

/// What is asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "ask", rename_all = "snake_case", deny_unknown_fields)]
pub enum Question {
    /// How far the copies of processes with the asker have come, [`STANDINGS_MAX`] at most.
    Standings {
        /// Those after this one, in the order of their ids.
        after: Option<SubscriptionId>,
    },
    /// The messages of a process, in the order in which the copy of who is asked changed.
    Letters {
        /// The process.
        process: SubscriptionId,
        /// How many of them to leave out at the beginning.
        skip: u64,
    },
    /// How many statements who is asked holds that one of the two stated to the other.
    Months,
    /// The statements of a month, in the order of their numbers.
    Papers {
        /// The side of who is asked: `provider` for those it stated, `home` for those it was sent.
        of: Side,
        /// The month.
        period: Period,
        /// Those after this number.
        after: Option<String>,
    },
    /// What who is asked divided with parties of the asker, in the order in which it was made.
    Divisions {
        /// Those made then or later, in milliseconds.
        since_ms: i64,
        /// How many of them to leave out at the beginning.
        skip: u64,
    },
    /// How often the asker said that it was called, by its newest usage reports to who is asked.
    Counts {
        /// Those of subscriptions after this one, in the order of their ids.
        after: Option<SubscriptionId>,
    },
}

/// A division as its maker holds it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Division {
    /// When it was made, in milliseconds: the place in the list.
    pub made_ms: i64,
    /// Its canonical text.
    pub document: String,
    /// Its maker's seal over the claim, the JSON text of its envelope.
    pub sealed: String,
    /// The asker's seal over the same claim, once it stood by it.
    pub receipt: Option<String>,
}

/// Divisions, and where more follow.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Divisions {
    /// In the order in which they were made. None may be of who asks, though more follow.
    pub divisions: Vec<Division>,
    /// Where the question goes on: since when, and how many of that moment were looked at. Absent
    /// at the end.
    pub next: Option<(i64, u64)>,
}

/// The usage reports that are kept of a subscription.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reported {
    /// The subscription.
    pub process: SubscriptionId,
    /// Sealed by the provider, each the JSON text of its envelope: the newest, and where that one
    /// counts less than was reported before, also the one before.
    pub sealed: Vec<String>,
}

/// Usage reports, and whether more follow.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reports {
    /// In the order of their subscriptions.
    pub reports: Vec<Reported>,
    /// Whether more follow after the last.
    pub more: bool,
}

/// Statements of one month that one of two nodes stated to the other.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Month {
    /// The side of who answers.
    pub of: Side,
    /// The month.
    pub period: Period,
    /// How many it holds.
    pub statements: u64,
    /// How many of them bear both seals.
    pub confirmed: u64,
}

/// The months with statements, those it stated and those it was sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Months {
    /// In no order that matters.
    pub months: Vec<Month>,
}

/// A statement as a node holds it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Paper {
    /// Its number.
    pub number: String,
    /// Its canonical text.
    pub document: String,
    /// The provider's seal over the claim, the JSON text of its envelope.
    pub sealed: String,
    /// The home node's seal over the same claim, once it stood by it.
    pub countersigned: Option<String>,
}

/// Statements, and whether more follow.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Papers {
    /// In the order of their numbers.
    pub papers: Vec<Paper>,
    /// Whether more follow after the last.
    pub more: bool,
}

/// How far one copy has come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Standing {
    /// The process.
    pub process: SubscriptionId,
    /// Whose copy: the side of who answers.
    pub side: Side,
    /// Sequence of the last message it said; 0 for none.
    pub sent: u64,
    /// Sequence of the last message it took; 0 for none.
    pub received: u64,
    /// Digest of the messages it said, see [`digest`].
    pub said: String,
    /// Digest of the messages it took.
    pub heard: String,
}

/// Standings, and whether more follow.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Standings {
    /// In the order of their processes.
    pub standings: Vec<Standing>,
    /// Whether more follow after the last.
    pub more: bool,
}

/// Messages, and whether more follow.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Letters {
    /// Sealed, as they were sent: each is the JSON text of its envelope.
    pub letters: Vec<String>,
    /// Whether more follow.
    pub more: bool,
}

/// Digest of the messages that one side said, by the hashes of their sealed bytes in the order of
/// their sequence: SHA-256 of the texts, each with a line feed after it, in hexadecimal.
pub fn digest<'a>(hashes: impl IntoIterator<Item = &'a str>) -> String {
    let mut hasher = Sha256::new();
    for hash in hashes {
        hasher.update(hash);
        hasher.update("\n");
    }
    hex::encode(hasher.finalize())
}
