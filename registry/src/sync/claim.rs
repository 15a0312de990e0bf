//! What peers say they hold: compared with what is held here and with each other.

use std::collections::BTreeMap;

use super::{
    Conflict, HEADS_INTERVAL_MS, Output, Pending, RequestId, SignedHead, Sync, Wanted,
    examine::Unexamined,
};
use crate::{
    id::{NodeName, Origin},
    time::Timestamp,
};

impl Sync {
    pub(super) fn take_heads(
        &mut self,
        now: Timestamp,
        request: RequestId,
        heads: Vec<SignedHead>,
        out: &mut Vec<Output>,
    ) {
        let Some(Pending { peer, what: Wanted::Heads, .. }) = self.pending.remove(&request) else {
            return;
        };
        if let Some(peer_state) = self.peers.get_mut(&peer) {
            peer_state.heads_due = now.plus_millis(HEADS_INTERVAL_MS + spread_ms(&peer));
        }
        for head in heads {
            let confirms = *head.writer() == peer;
            self.take_claim(&peer, head.clone(), out);
            if confirms && self.holds(&head) {
                out.push(Output::Confirmed(head.origin().clone()));
            }
        }
    }

    /// Looks for contradictions in what a peer shows, and notes that it has a head that is not held
    /// here. What is held here nobody needs to be asked for.
    pub(super) fn take_claim(&mut self, peer: &NodeName, head: SignedHead, out: &mut Vec<Output>) {
        let origin = head.origin().clone();
        if origin == self.own {
            self.check_own(peer, head, out);
            return;
        }
        let Some(log) = self.logs.get(&origin).filter(|log| !log.frozen) else { return };
        let Some(quota) = log.quota_entries else { return };
        if let Some(other) = self.contradiction(&head) {
            self.freeze(Conflict { older: other, newer: head, proof: Vec::new() }, out);
            return;
        }
        self.examine(peer, &head, out);
        let is_wanted = self.logs.get(&origin).is_some_and(|log| log.is_behind(&head));
        if !is_wanted || head.size() > quota || !self.peers.contains_key(peer) {
            return;
        }
        let claims = self.claims.entry(origin.clone()).or_default();
        // An answer may overtake an announcement; within one connection the larger head is the
        // newer.
        if claims.get(peer).is_none_or(|claim| claim.size() < head.size()) {
            claims.insert(peer.clone(), head);
            self.stirred.insert(origin);
        }
    }

    /// Drops what was claimed of a log and is held now, or will never be.
    pub(super) fn drop_claims(&mut self, origin: &Origin) {
        let Some(claims) = self.claims.get_mut(origin) else { return };
        let log = self.logs.get(origin).filter(|log| log.quota_entries.is_some() && !log.frozen);
        claims.retain(|_, claim| log.is_some_and(|log| log.is_behind(claim)));
        if claims.is_empty() {
            self.claims.remove(origin);
        }
    }

    /// With `to` entries a log is larger than its quota: they are not asked for again before the
    /// list of logs changes. A smaller head may still fit.
    pub(super) fn fill(&mut self, origin: &Origin, to: u64) {
        if let Some(log) = self.logs.get_mut(origin) {
            let most = to.saturating_sub(1).max(log.size);
            log.quota_entries = log.quota_entries.map(|quota| quota.min(most));
        }
        if let Some(claims) = self.claims.get_mut(origin) {
            claims.retain(|_, claim| claim.size() < to);
            if claims.is_empty() {
                self.claims.remove(origin);
            }
        }
    }

    fn check_own(&mut self, peer: &NodeName, head: SignedHead, out: &mut Vec<Output>) {
        let origin = self.own.clone();
        let Some(log) = self.logs.get(&origin) else { return };
        // What is appended and not signed is no answer to what was signed.
        if log.head.as_ref().is_none_or(|signed| signed.size() < head.size()) {
            out.push(Output::OwnLogBehind(head));
        } else if let Some(held) = log.head.clone().filter(|held| contradict(held, &head)) {
            self.freeze(Conflict { older: held, newer: head, proof: Vec::new() }, out);
        } else {
            self.examine(peer, &head, out);
        }
    }

    fn contradiction(&self, head: &SignedHead) -> Option<SignedHead> {
        let held = self.logs.get(head.origin()).and_then(|log| log.head.as_ref());
        let claimed = self.claims.get(head.origin()).into_iter().flat_map(BTreeMap::values);
        let waiting = self.unexamined.get(head.origin()).into_iter().flatten();
        let shown = claimed.chain(waiting.map(Unexamined::head));
        held.into_iter().chain(shown).find(|other| contradict(other, head)).cloned()
    }

    pub(super) fn freeze(&mut self, conflict: Conflict, out: &mut Vec<Output>) {
        let origin = conflict.older.origin().clone();
        let is_news = self.logs.get(&origin).is_none_or(|log| !log.frozen);
        self.stop(&origin);
        if is_news {
            out.push(Output::Conflict(Box::new(conflict)));
        }
    }

    /// Nothing more is pulled of a log.
    pub(super) fn stop(&mut self, origin: &Origin) {
        self.drop_pull(origin);
        self.logs.entry(origin.clone()).or_default().frozen = true;
        self.shown.remove(origin);
        self.drop_claims(origin);
        self.forget_examined(origin, |_| true);
    }

    /// Whether what is held of a log reaches this head.
    fn holds(&self, head: &SignedHead) -> bool {
        let log = self.logs.get(head.origin());
        log.is_some_and(|log| log.quota_entries.is_some() && !log.frozen && !log.is_behind(head))
    }
}

fn contradict(one: &SignedHead, other: &SignedHead) -> bool {
    one.size() == other.size() && one.root() != other.root()
}

/// Up to five seconds, fixed by the peer's name.
fn spread_ms(peer: &NodeName) -> i64 {
    let sum: u32 = peer.as_str().bytes().map(u32::from).sum();
    i64::from(sum * 37 % 5000)
}
