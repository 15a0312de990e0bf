//! What a row of the outbox is: a letter for a room of another node, or a notice for somebody
//! outside the federation; and how long it is tried before a person is asked.

use lianshi_market::letter::Room;

use crate::notices;

/// How long a letter of a close is answered "later" before a person sees it, in milliseconds. What
/// it waits for (a membership, a catalog, an earlier letter) comes within minutes, or somebody has
/// to ask why not.
const CLOSE_LATER_MS: i64 = 30 * 86_400_000;

/// What a row of the outbox is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Job {
    /// A letter to another node.
    Letter(Room),
    /// A notice to somebody outside the federation.
    Notice,
}

impl Job {
    /// The kind of its rows.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Letter(room) => room.as_str(),
            Self::Notice => notices::KIND,
        }
    }

    /// Reads [`Job::as_str`] back.
    pub fn parse(text: &str) -> Option<Self> {
        if text == notices::KIND {
            return Some(Self::Notice);
        }
        Room::parse(text).map(Self::Letter)
    }

    /// How long it is tried, in milliseconds: of a notice since it was written, or a person had it
    /// sent again; of a letter since its receiver began to answer "later". `None` for what is not given up by itself: a message, on which those after it build
    /// and whose process a person may end; and a count, whose place the next one takes.
    pub const fn deadline_ms(self) -> Option<i64> {
        match self {
            Self::Letter(Room::Subscriptions | Room::Usage) => None,
            Self::Letter(Room::Statements) => Some(CLOSE_LATER_MS),
            Self::Notice => Some(notices::LIFE_MS),
        }
    }

    /// Whether its time runs while nobody answers. A node that is away is waited for: it is shown
    /// as one that cannot be reached, and takes everything when it is back.
    pub const fn expires_unanswered(self) -> bool {
        matches!(self, Self::Notice)
    }
}
