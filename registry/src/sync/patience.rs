//! Patience with peers that hold back. Whoever brings nothing rests for longer and longer, whoever
//! is slow comes after those that are not, and those that never brought anything hold few places
//! together; so peers that are silent, slow or take hostages delay others by a bounded time, and
//! never for ever.

use super::{
    AVOID_MISSING_MS, HEADS_RETRY_MS, Log, Pending, REQUEST_MS_MAX, RequestId, SignedHead, Sync,
    Wanted,
};
use crate::{
    backoff::Backoff,
    id::{NodeName, Origin},
    time::Timestamp,
};

/// Rests after requests that brought nothing, from the second in a row of a peer that brought
/// something before: an honest peer that was down for a day is asked again within minutes.
const REST: Backoff = Backoff::new(5_000, 600_000);
/// A part that takes longer makes a peer one step slower: a bundle is a quarter of a megabyte.
const SLOW_MS: i64 = 2_000;
/// A peer that has brought nothing of a range for so long may be left for another that shows as
/// much: a link around the world answers in a fraction of it.
const OUTDONE_MS: i64 = 2_000;
/// Logs pulled at once from peers that have brought nothing yet: half of all places.
pub(super) const PROBES_MAX: usize = 2;
/// Entries beyond the head are kept for this long while nobody serves what follows them.
const TAIL_KEPT_MS: i64 = 60_000;

/// How a peer has served so far. It outlives a connection: who holds back and connects anew is
/// known.
#[derive(Debug, Default)]
pub(super) struct Served {
    /// Requests in a row that brought nothing.
    failures: u32,
    rests_until: Timestamp,
    /// Milliseconds a part took, smoothed over the last few.
    pace_ms: i64,
    /// It brought something.
    proved: bool,
}

impl Served {
    fn brought(&mut self, took_ms: i64) {
        self.pace_ms = if self.proved { (3 * self.pace_ms + took_ms) / 4 } else { took_ms };
        (self.failures, self.proved, self.rests_until) = (0, true, Timestamp::default());
    }

    /// Who brought something may once not have what it showed.
    fn brought_nothing(&mut self, now: Timestamp) {
        let failures = self.failures.saturating_add(1);
        let counted = failures.saturating_sub(u32::from(self.proved));
        self.rests_until = now.plus_millis(REST.pause_ms(counted));
        self.failures = failures;
        self.pace_ms = (3 * self.pace_ms + REQUEST_MS_MAX) / 4;
    }
}

impl Sync {
    /// A request brought nothing, or not in time.
    pub(super) fn take_failure(&mut self, now: Timestamp, request: RequestId) {
        let Some(Pending { peer, what, .. }) = self.pending.remove(&request) else { return };
        match what {
            Wanted::Heads => {
                if let Some(peer) = self.peers.get_mut(&peer) {
                    peer.heads_due = now.plus_millis(HEADS_RETRY_MS);
                }
            }
            Wanted::Bundle(origin, _) | Wanted::Proof(origin) => {
                self.brought_nothing(now, &peer);
                self.avoid(&peer, &origin, now.plus_millis(AVOID_MISSING_MS));
                self.drop_pull(&origin);
            }
            // It cannot defend what it gave.
            Wanted::Prefix(newer) => {
                self.brought_nothing(now, &peer);
                self.blame(now, &peer, newer.origin());
            }
        }
    }

    /// Gives up what is late.
    pub(super) fn expire(&mut self, now: Timestamp) {
        let late: Vec<RequestId> =
            self.pending.iter().filter(|(_, p)| p.deadline <= now).map(|(id, _)| *id).collect();
        for request in late {
            self.take_failure(now, request);
        }
        for peer in self.peers.values_mut() {
            peer.avoided_until.retain(|_, until| *until > now);
        }
    }

    /// Passes a peer over for a log until then.
    pub(super) fn avoid(&mut self, peer: &NodeName, origin: &Origin, until: Timestamp) {
        if let Some(peer) = self.peers.get_mut(peer) {
            peer.avoided_until.insert(origin.clone(), until);
        }
    }

    /// A part came from a peer before its request's deadline.
    pub(super) fn brought(&mut self, now: Timestamp, peer: &NodeName, deadline: Timestamp) {
        let left = deadline.millis().saturating_sub(now.millis());
        let took = REQUEST_MS_MAX.saturating_sub(left).clamp(0, REQUEST_MS_MAX);
        let served = self.served.entry(peer.clone()).or_default();
        // From now on it may have any place.
        self.looks_at_all |= !served.proved;
        served.brought(took);
    }

    /// A request to a peer brought nothing.
    pub(super) fn brought_nothing(&mut self, now: Timestamp, peer: &NodeName) {
        self.served.entry(peer.clone()).or_default().brought_nothing(now);
    }

    /// Whether a peer may be asked for parts of a log now.
    pub(super) fn may_serve(&self, peer: &NodeName, origin: &Origin, now: Timestamp) -> bool {
        let connected = self.peers.get(peer);
        let is_avoided = |until: &Timestamp| *until > now;
        let rests = self.served.get(peer).is_some_and(|served| served.rests_until > now);
        connected.is_some_and(|peer| !peer.avoided_until.get(origin).is_some_and(is_avoided))
            && !rests
    }

    /// Whether a peer has brought something.
    pub(super) fn is_proved(&self, peer: &NodeName) -> bool {
        self.served.get(peer).is_some_and(|served| served.proved)
    }

    /// Who is asked first: who failed least, then who brought something before, then who is fast.
    pub(super) fn rank(&self, peer: &NodeName) -> (u32, bool, i64) {
        let rank = |served: &Served| (served.failures, !served.proved, served.pace_ms / SLOW_MS);
        self.served.get(peer).map_or((0, true, 0), rank)
    }

    /// Leaves a peer that has brought nothing of a range yet for another that shows as much and is
    /// known to serve: at once where the peer is not, after a while where the other is faster, or
    /// the peer is late by its own measure. Of two that are not known to serve, the second has its
    /// chance after a while.
    pub(super) fn leave_outdone(&mut self, origin: &Origin) {
        let (Some(pull), Some(claims)) = (self.pulls.get(origin), self.claims.get(origin)) else {
            return;
        };
        if pull.has_brought() {
            return;
        }
        let peer = pull.peer().clone();
        let serves = |(failures, is_unproved, _): (u32, bool, i64)| failures == 0 && !is_unproved;
        let rank = self.rank(&peer);
        let pace_ms = self.served.get(&peer).map_or(0, |served| served.pace_ms);
        let waited_ms = self.now.millis() - pull.begun().millis();
        let (waits, is_late) = (waited_ms < OUTDONE_MS, waited_ms >= OUTDONE_MS.max(2 * pace_ms));
        let is_better = |(name, claim): (&NodeName, &SignedHead)| {
            let other = self.rank(name);
            let better = match (serves(rank), serves(other)) {
                (false, true) => true,
                (true, true) => is_late || !waits && other < rank,
                (false, false) => !waits && other.0 == 0,
                (true, false) => false,
            };
            let may = *name != peer && self.may_serve(name, origin, self.now);
            claim.size() >= pull.size() && better && may
        };
        if claims.iter().any(is_better) {
            self.drop_pull(origin);
            if !waits {
                self.brought_nothing(self.now, &peer);
            }
        }
    }

    /// Breaks ties anew with every request, so that no name is always first.
    pub(super) fn tie(&self, peer: &NodeName) -> u64 {
        let start = self.next_request.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0xcbf2_9ce4_8422_2325;
        peer.as_str().bytes().fold(start, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3).rotate_left(23)
        })
    }

    /// Whether entries beyond the head lead nowhere: everybody shows less, or whoever shows more
    /// has served nothing for a while and somebody else shows less.
    pub(super) fn is_stranded(&self, origin: &Origin, log: &Log) -> bool {
        let Some(claims) = self.claims.get(origin) else { return false };
        // What the tail proves is asked before it is gone.
        if claims.values().any(|claim| claim.size() <= log.size && !log.has_vouched(claim)) {
            return false;
        }
        let mut beyond = claims.iter().filter(|(_, claim)| claim.size() >= log.size).peekable();
        if beyond.peek().is_none() {
            return true;
        }
        let held = log.head.as_ref().map_or(0, SignedHead::size);
        let shows_less = claims.values().any(|claim| claim.size() < log.size);
        let stands = self.now.millis().saturating_sub(log.moved_at.millis());
        held < log.size
            && shows_less
            && stands > TAIL_KEPT_MS
            && beyond.all(|(name, _)| !self.may_serve(name, origin, self.now))
    }
}
