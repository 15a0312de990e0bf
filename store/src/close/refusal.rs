//! Why a period is not closed, or its close not put together again.

use lianshi_registry::{
    refusal::Refusal,
    time::{Period, Timestamp},
};

use super::Underway;

/// Why a period is not closed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CloseRefusal {
    /// The period is still running.
    #[error("{period} runs until {ends_at}; close it then")]
    Unfinished {
        /// The period.
        period: Period,
        /// Its first instant after.
        ends_at: Timestamp,
    },
    /// An earlier period has something to bill and is open.
    #[error("{earlier} is still open and has something to bill; close it before {period}")]
    EarlierOpen {
        /// The period asked for.
        period: Period,
        /// The one to close first.
        earlier: Period,
    },
    /// This node was restored, and other nodes have not told yet what was said since.
    #[error("contracts with {nodes} may have ended meanwhile; close when they have answered")]
    Awaiting {
        /// The nodes that have contracts here, by name.
        nodes: String,
    },
    /// Somebody is closing.
    #[error("{}; wait until it is done", .0.as_ref().map_or_else(
        || "another close is being written into the books".to_owned(),
        ToString::to_string,
    ))]
    Underway(Option<Box<Underway>>),
    /// Another close of it took over, as after a restore beside a close.
    #[error("another close of {period} took over; look what it came to")]
    Superseded {
        /// The period asked for.
        period: Period,
    },
    /// The node's own log says that it was closed, and the books, restored from before, do not.
    #[error(
        "{period} was closed and sealed in this node's log with {statements} statements, result \
         {result_hash}, and these books do not have it; `lianshi period recover {period}` puts it \
         together from what the enterprises' nodes hold"
    )]
    Forgotten {
        /// The period.
        period: Period,
        /// How many statements were sealed.
        statements: u64,
        /// With which result, in hexadecimal.
        result_hash: String,
    },
    /// A period that nothing was forgotten of.
    #[error("nothing of {0} was forgotten: no entry of this node's log says that it was closed")]
    NotForgotten(Period),
    /// Not every statement of a forgotten close came back.
    #[error(
        "{found} of {of} statements of {period} came back, {missing} is the first that did not; \
         `lianshi letters ask NODE` asks the node that has it once more"
    )]
    Incomplete {
        /// The period.
        period: Period,
        /// How many came back.
        found: u64,
        /// How many were sealed.
        of: u64,
        /// The number of the first that is missing.
        missing: String,
    },
    /// A later period was closed without it.
    #[error("{latest} was closed already; what is found of {period} now goes into the next close")]
    Passed {
        /// The period asked for.
        period: Period,
        /// The latest closed one.
        latest: Period,
    },
}

impl Refusal for CloseRefusal {
    fn code(&self) -> &'static str {
        match self {
            Self::Unfinished { .. } => "period.unfinished",
            Self::EarlierOpen { .. } => "period.earlier_open",
            Self::Awaiting { .. } => "period.awaiting",
            Self::Underway(_) => "period.underway",
            Self::Superseded { .. } => "period.superseded",
            Self::Forgotten { .. } => "period.forgotten",
            Self::NotForgotten(_) => "period.not_forgotten",
            Self::Incomplete { .. } => "period.incomplete",
            Self::Passed { .. } => "period.passed",
        }
    }
}
