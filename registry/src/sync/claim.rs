//! What peers say they hold: compared with what is held here and with each other.

use super::{Conflict, HEADS_INTERVAL_MS, Output, Pending, RequestId, SignedHead, Sync, Wanted};
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
            let origin = head.origin().clone();
            let is_writer = *head.writer() == peer;
            self.take_claim(&peer, head, out);
            if is_writer && self.holds_claim_of(&peer, &origin) {
                out.push(Output::Confirmed(origin));
            }
        }
    }

    /// Notes that a connected peer has a head, and looks for contradictions.
    pub(super) fn take_claim(&mut self, peer: &NodeName, head: SignedHead, out: &mut Vec<Output>) {
        let origin = head.origin().clone();
        if origin == self.own {
            self.check_own(head, out);
            return;
        }
        let Some(source) = self.sources.get(&origin) else { return };
        if head.size() > source.quota_entries || !self.peers.contains_key(peer) {
            return;
        }
        if let Some(other) = self.contradiction(&origin, &head) {
            self.freeze(Conflict { older: other, newer: head, proof: Vec::new() }, out);
            return;
        }
        self.compare(&head, out);
        let Some(peer) = self.peers.get_mut(peer) else { return };
        // An answer may overtake an announcement; within one connection the larger head is the
        // newer.
        if peer.claims.get(&origin).is_none_or(|claim| claim.size() < head.size()) {
            peer.claims.insert(origin.clone(), head);
            self.touched.insert(origin);
        }
    }

    fn check_own(&mut self, head: SignedHead, out: &mut Vec<Output>) {
        let origin = self.own.clone();
        let Some(log) = self.logs.get(&origin) else { return };
        if head.size() > log.size {
            out.push(Output::OwnLogBehind(Box::new(head)));
        } else if let Some(held) = log.head.clone().filter(|held| contradict(held, &head)) {
            self.freeze(Conflict { older: held, newer: head, proof: Vec::new() }, out);
        } else {
            self.compare(&head, out);
        }
    }

    /// A head smaller than the one held was signed too: it must lie on the entries held.
    fn compare(&mut self, head: &SignedHead, out: &mut Vec<Output>) {
        let Some(log) = self.logs.get_mut(head.origin()) else { return };
        let is_smaller = log.head.as_ref().is_some_and(|held| head.size() < held.size());
        let is_vouched = log.vouched.get(&head.size()) == Some(&head.root());
        if head.size() > 0 && is_smaller && !is_vouched && !log.comparing && !log.frozen {
            log.comparing = true;
            out.push(Output::Compare(Box::new(head.clone())));
        }
    }

    pub(super) fn take_compared(
        &mut self,
        head: &SignedHead,
        conflict: Option<Box<Conflict>>,
        out: &mut Vec<Output>,
    ) {
        let Some(log) = self.logs.get_mut(head.origin()) else { return };
        log.comparing = false;
        match conflict {
            None => log.vouch(head),
            Some(conflict) => self.freeze(*conflict, out),
        }
    }

    fn contradiction(&self, origin: &Origin, head: &SignedHead) -> Option<SignedHead> {
        let held = self.logs.get(origin).and_then(|log| log.head.as_ref());
        let claimed = self.peers.values().filter_map(|peer| peer.claims.get(origin));
        held.into_iter().chain(claimed).find(|other| contradict(other, head)).cloned()
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
    }

    fn holds_claim_of(&self, peer: &NodeName, origin: &Origin) -> bool {
        let claim = self.peers.get(peer).and_then(|peer| peer.claims.get(origin));
        let held = self.logs.get(origin).and_then(|log| log.head.as_ref());
        matches!((claim, held), (Some(claim), Some(held)) if claim.size() <= held.size())
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
