//! What a node knows of one log.

use super::SignedHead;
use crate::{
    merkle::{Hash, empty_root},
    time::Timestamp,
};

/// Heads of one log remembered as sound: peers that lag name the same few again and again.
pub const VOUCHED_MAX: usize = 16;

/// What keeps a log from being pulled although somebody has more of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Doubt {
    None,
    /// A peer was asked whether a larger head continues what is held.
    Asked,
    /// Entries beyond the head are being forgotten.
    Dropping,
}

/// What a node knows of one log. There are thousands, most of them at rest: what is being done with
/// one is kept apart.
#[derive(Debug)]
pub(super) struct Log {
    /// Entries it may hold; `None` while it is not on the list.
    pub(super) quota_entries: Option<u64>,
    pub(super) size: u64,
    /// Root of the entries held.
    pub(super) root: Hash,
    pub(super) head: Option<SignedHead>,
    pub(super) doubt: Doubt,
    /// A smaller head is being compared with the entries held.
    pub(super) comparing: bool,
    /// Smaller heads known to lie on what is held, at most [`VOUCHED_MAX`].
    pub(super) vouched: Vec<(u64, Hash)>,
    pub(super) rests_until: Timestamp,
    /// When entries were stored last.
    pub(super) moved_at: Timestamp,
    pub(super) frozen: bool,
}

impl Default for Log {
    fn default() -> Self {
        Self {
            quota_entries: None,
            size: 0,
            root: empty_root(),
            head: None,
            doubt: Doubt::None,
            comparing: false,
            vouched: Vec::new(),
            rests_until: Timestamp::default(),
            moved_at: Timestamp::default(),
            frozen: false,
        }
    }
}

impl Log {
    pub(super) fn vouch(&mut self, head: &SignedHead) {
        if self.vouched.len() == VOUCHED_MAX {
            self.vouched.remove(0);
        }
        self.vouched.push((head.size(), head.root()));
    }

    /// Whether a head is known to lie on what is held, as that of nothing does.
    pub(super) fn has_vouched(&self, head: &SignedHead) -> bool {
        head.size() == 0 || self.vouched.contains(&(head.size(), head.root()))
    }

    /// Entries up to the signed head held.
    pub(super) fn head_size(&self) -> u64 {
        self.head.as_ref().map_or(0, SignedHead::size)
    }

    /// Whether entries are held beyond the head.
    pub(super) fn has_tail(&self) -> bool {
        self.head_size() < self.size
    }

    pub(super) fn is_behind(&self, other: &SignedHead) -> bool {
        self.head.as_ref().is_none_or(|held| held.size() < other.size())
    }
}
