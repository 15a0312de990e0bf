//! Pulling a log from one peer, range by range: while one range is verified and stored, the next is
//! fetched.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet},
    ops::Bound::{Excluded, Unbounded},
};

use super::{
    Doubt, Output, PULLS_MAX, Pending, PullFault, Pulled, RANGE_BUNDLES, RequestId, STORE_RETRY_MS,
    SignedHead, Sync, Wanted, patience::PROBES_MAX,
};
use crate::{
    id::{NodeName, Origin},
    merkle::Hash,
    tile::{Coordinate, Level},
    time::Timestamp,
};

/// Entries of a full bundle.
const WIDTH: u64 = 256;

/// A pull in progress.
#[derive(Debug)]
pub(super) struct Pull {
    peer: NodeName,
    head: SignedHead,
    range: Option<Range>,
    /// When the range was asked for.
    begun: Timestamp,
}

impl Pull {
    pub(super) fn peer(&self) -> &NodeName {
        &self.peer
    }

    /// Size of the head it leads to.
    pub(super) fn size(&self) -> u64 {
        self.head.size()
    }

    pub(super) fn begun(&self) -> Timestamp {
        self.begun
    }

    /// Whether a part of the range came.
    pub(super) fn has_brought(&self) -> bool {
        self.range.as_ref().is_some_and(|range| {
            range.bundles.values().any(Option::is_some) || matches!(range.proof, Proof::Arrived(_))
        })
    }
}

/// A range that is being verified and stored.
#[derive(Debug)]
pub(super) struct Storing {
    peer: NodeName,
    head: SignedHead,
    to: u64,
}

/// A range that is being fetched.
#[derive(Debug)]
struct Range {
    from: u64,
    to: u64,
    bundles: BTreeMap<u64, Option<Vec<u8>>>,
    proof: Proof,
}

/// The consistency proof of a range.
#[derive(Debug)]
enum Proof {
    NotNeeded,
    Awaited,
    Arrived(Vec<u8>),
}

impl Range {
    /// The next range after `from` on the way to `size`: up to a bundle's end, or the end of the
    /// log.
    fn next(from: u64, size: u64) -> Self {
        let to = (from / WIDTH).saturating_add(RANGE_BUNDLES).saturating_mul(WIDTH).min(size);
        let bundles = if from == to { 0..0 } else { from / WIDTH..to.div_ceil(WIDTH) };
        Self {
            from,
            to,
            bundles: bundles.map(|number| (number, None)).collect(),
            proof: if to < size { Proof::Awaited } else { Proof::NotNeeded },
        }
    }

    fn is_complete(&self) -> bool {
        self.bundles.values().all(Option::is_some) && !matches!(self.proof, Proof::Awaited)
    }

    fn into_pulled(self, peer: NodeName, head: SignedHead) -> Pulled {
        Pulled {
            peer,
            from: self.from,
            to: self.to,
            bundles: self.bundles.into_values().flatten().collect(),
            proof: if let Proof::Arrived(bytes) = self.proof { Some(bytes) } else { None },
            head,
        }
    }
}

/// Where the entries of a bundle up to `to` are. Of one whose first entries are held only the rest
/// is asked for: most logs grow by an entry at a time.
fn bundle_path(number: u64, (from, to): (u64, u64)) -> Option<String> {
    let first = number.saturating_mul(WIDTH);
    if first < from {
        return Some(format!("entries/{from}/{}", to.min(first + WIDTH)));
    }
    Coordinate::at(Level::Entries, number, to).map(|bundle| bundle.to_string())
}

impl Sync {
    /// Continues the pulls that something happened to; where one ended, another begins. Every log
    /// that somebody has more of is looked at when time passes or a place became free
    /// (`places_taken` were when the step began), otherwise those that something happened to.
    pub(super) fn advance_pulls(
        &mut self,
        now: Timestamp,
        places_taken: usize,
        out: &mut Vec<Output>,
    ) {
        while let Some(origin) = self.touched.pop_first() {
            self.hand_over(&origin, out);
            self.fetch_next(now, &origin, out);
        }
        let stirred = std::mem::take(&mut self.stirred);
        for origin in &stirred {
            self.leave_outdone(origin);
        }
        let looks_at_all = std::mem::take(&mut self.looks_at_all);
        let among =
            if looks_at_all || self.pulls.len() < places_taken { None } else { Some(&stirred) };
        while self.pulls.len() < PULLS_MAX
            && let Some((peer, head)) = self.next_pull(now, among)
        {
            let origin = head.origin().clone();
            self.begun_last = Some(origin.clone());
            self.pulls.insert(origin.clone(), Pull { peer, head, range: None, begun: now });
            self.fetch_next(now, &origin, out);
        }
        self.leave_stranded_tails(if looks_at_all { None } else { Some(&stirred) }, out);
    }

    /// Where entries were pulled towards a head that nobody shows any more, and everybody shows a
    /// smaller one, they are forgotten: else nothing of that log would be pulled again.
    fn leave_stranded_tails(&mut self, among: Option<&BTreeSet<Origin>>, out: &mut Vec<Output>) {
        let is_left = |origin: &&Origin| {
            let is_busy = self.pulls.contains_key(*origin) || self.storing.contains_key(*origin);
            let log = self.logs.get(*origin).filter(|log| log.doubt == Doubt::None && !is_busy);
            log.is_some_and(|log| log.has_tail() && self.is_stranded(origin, log))
        };
        let stranded: Vec<Origin> = match among {
            Some(among) => among.iter().filter(is_left).cloned().collect(),
            None => self.claims.keys().filter(is_left).cloned().collect(),
        };
        for origin in stranded {
            self.drop_tail(&origin, out);
        }
    }

    /// The logs that peers claim more of take turns, so that none keeps the others waiting.
    fn next_pull(
        &self,
        now: Timestamp,
        among: Option<&BTreeSet<Origin>>,
    ) -> Option<(NodeName, SignedHead)> {
        let probes = self.pulls.values().filter(|pull| !self.is_proved(&pull.peer)).count();
        let later = (self.begun_last.as_ref().map_or(Unbounded, Excluded), Unbounded);
        let best = |origin: &Origin| self.best_claim(now, origin, probes);
        if let Some(among) = among {
            return among.range::<Origin, _>(later).chain(among).find_map(best);
        }
        let later = self.claims.range::<Origin, _>(later).map(|(origin, _)| origin);
        later.chain(self.claims.keys()).find_map(best)
    }

    /// A log is pulled from the peer that served best so far, then from the one that has most and
    /// is least busy.
    fn best_claim(
        &self,
        now: Timestamp,
        origin: &Origin,
        probes: usize,
    ) -> Option<(NodeName, SignedHead)> {
        let (log, claims) = (self.logs.get(origin)?, self.claims.get(origin)?);
        let is_busy = self.pulls.contains_key(origin) || self.storing.contains_key(origin);
        if is_busy || log.doubt != Doubt::None || log.rests_until > now {
            return None;
        }
        let is_free = |name| self.is_proved(name) || probes < PROBES_MAX;
        // What is not larger than what is held is compared first.
        let is_next = |claim: &SignedHead| {
            claim.size() > log.size || claim.size() == log.size && log.has_vouched(claim)
        };
        claims
            .iter()
            .filter(|(name, claim)| {
                is_next(claim) && self.may_serve(name, origin, now) && is_free(*name)
            })
            .min_by_key(|(name, claim)| {
                (self.rank(name), Reverse(claim.size()), self.load(name), self.tie(name))
            })
            .map(|(name, claim)| (name.clone(), claim.clone()))
    }

    /// Logs being pulled from a peer.
    fn load(&self, peer: &NodeName) -> usize {
        self.pulls.values().filter(|pull| pull.peer == *peer).count()
    }

    /// Gives a complete range to be stored, when the one before it is.
    fn hand_over(&mut self, origin: &Origin, out: &mut Vec<Output>) {
        let Some(log) = self.logs.get(origin) else { return };
        if self.storing.contains_key(origin) {
            return;
        }
        let Some(pull) = self.pulls.get_mut(origin) else { return };
        let Some(range) = pull.range.take_if(|range| range.is_complete()) else { return };
        if range.from != log.size {
            return;
        }
        let (peer, head) = (pull.peer.clone(), pull.head.clone());
        let storing = Storing { peer: peer.clone(), head: head.clone(), to: range.to };
        self.storing.insert(origin.clone(), storing);
        if range.to == head.size() {
            self.pulls.remove(origin);
        }
        out.push(Output::Store(Box::new(range.into_pulled(peer, head))));
    }

    /// Asks for every part of the next range.
    fn fetch_next(&mut self, now: Timestamp, origin: &Origin, out: &mut Vec<Output>) {
        let Some(log) = self.logs.get(origin) else { return };
        let from = self.storing.get(origin).map_or(log.size, |storing| storing.to);
        let Some(pull) = self.pulls.get_mut(origin).filter(|pull| pull.range.is_none()) else {
            return;
        };
        let range = Range::next(from, pull.head.size());
        let (peer, size, to) = (pull.peer.clone(), pull.head.size(), range.to);
        let numbers: Vec<u64> = range.bundles.keys().copied().collect();
        let needs_proof = matches!(range.proof, Proof::Awaited);
        (pull.range, pull.begun) = (Some(range), now);
        for number in numbers {
            let Some(path) = bundle_path(number, (from, to)) else { continue };
            let request = self.request(now, &peer, Wanted::Bundle(origin.clone(), number));
            let (peer, origin) = (peer.clone(), origin.clone());
            out.push(Output::Fetch { request, peer, origin, path });
        }
        if needs_proof {
            let request = self.request(now, &peer, Wanted::Proof(origin.clone()));
            let path = format!("proof/{to}/{size}");
            let (peer, origin) = (peer.clone(), origin.clone());
            out.push(Output::Fetch { request, peer, origin, path });
        }
        self.hand_over(origin, out);
    }

    pub(super) fn take_part(
        &mut self,
        now: Timestamp,
        request: RequestId,
        bytes: Vec<u8>,
        out: &mut Vec<Output>,
    ) {
        let Some(Pending { peer, what, deadline }) = self.pending.remove(&request) else { return };
        self.brought(now, &peer, deadline);
        let origin = match &what {
            Wanted::Bundle(origin, _) | Wanted::Proof(origin) => origin.clone(),
            Wanted::Prefix(newer) => return self.settle(now, (&peer, newer), &bytes, out),
            Wanted::Heads => return,
        };
        let pull = self.pulls.get_mut(&origin).filter(|pull| pull.peer == peer);
        let Some(range) = pull.and_then(|pull| pull.range.as_mut()) else { return };
        match what {
            Wanted::Bundle(_, number) => {
                if let Some(place) = range.bundles.get_mut(&number) {
                    *place = Some(bytes);
                }
            }
            _ => range.proof = Proof::Arrived(bytes),
        }
        self.touched.insert(origin);
    }

    pub(super) fn take_stored(
        &mut self,
        origin: &Origin,
        (size, root): (u64, Hash),
        out: &mut Vec<Output>,
    ) {
        let Some(storing) = self.storing.remove(origin) else { return };
        let Some(log) = self.logs.get_mut(origin) else { return };
        self.touched.insert(origin.clone());
        self.stirred.insert(origin.clone());
        if size > log.size {
            (log.size, log.root, log.moved_at) = (size, root, self.now);
        }
        if storing.to < storing.head.size() {
            return self.compare_next(origin, out);
        }
        let from_writer = *storing.head.writer() == storing.peer;
        self.adopt(storing.head, out);
        self.announce(origin, out);
        self.drop_claims(origin);
        if from_writer {
            out.push(Output::Confirmed(origin.clone()));
        }
    }

    pub(super) fn take_not_stored(
        &mut self,
        now: Timestamp,
        origin: &Origin,
        fault: PullFault,
        out: &mut Vec<Output>,
    ) {
        let Some(storing) = self.storing.remove(origin) else { return };
        self.drop_pull(origin);
        match fault {
            PullFault::Own => {
                if let Some(log) = self.logs.get_mut(origin) {
                    log.rests_until = now.plus_millis(STORE_RETRY_MS);
                }
            }
            PullFault::Peer => self.blame(now, &storing.peer, origin),
            PullFault::Quota => self.fill(origin, storing.to),
            PullFault::Root => self.doubt(now, storing.peer, storing.head, out),
        }
    }

    /// Ends a pull; answers still on their way find nobody waiting. A range being stored stays
    /// until its outcome is known.
    pub(super) fn drop_pull(&mut self, origin: &Origin) {
        self.pulls.remove(origin);
        self.pending.retain(|_, pending| match &pending.what {
            Wanted::Bundle(of, _) | Wanted::Proof(of) => of != origin,
            Wanted::Heads | Wanted::Prefix(_) => true,
        });
    }
}
