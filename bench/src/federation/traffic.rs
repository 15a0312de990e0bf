//! Messages and bytes by kind, as they are on the stream; what encryption and framing add is not
//! counted.

use std::collections::BTreeMap;

/// Kinds of messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// A digest, asking for the heads that differ.
    Digest,
    /// The heads that differ.
    Heads,
    /// The hint that a head exists, with its empty answer.
    Announcement,
    /// A request for entries.
    Request,
    /// The entries.
    Entries,
}

impl Kind {
    fn as_str(self) -> &'static str {
        match self {
            Self::Digest => "digests",
            Self::Heads => "heads that differ",
            Self::Announcement => "announcements",
            Self::Request => "requests for entries",
            Self::Entries => "entries",
        }
    }
}

/// How many of each, and their bytes.
#[derive(Debug, Clone, Default)]
pub struct Traffic(BTreeMap<Kind, (u64, u64)>);

impl Traffic {
    pub fn count(&mut self, kind: Kind, bytes: usize) {
        let (messages, sum) = self.0.entry(kind).or_default();
        *messages += 1;
        *sum += u64::try_from(bytes).unwrap_or(0);
    }

    pub fn messages(&self) -> u64 {
        self.0.values().map(|(messages, _)| messages).sum()
    }

    pub fn bytes(&self) -> u64 {
        self.0.values().map(|(_, bytes)| bytes).sum()
    }

    pub fn by_kind(&self) -> impl Iterator<Item = (&'static str, u64, u64)> {
        self.0.iter().map(|(kind, (messages, bytes))| (kind.as_str(), *messages, *bytes))
    }
}
