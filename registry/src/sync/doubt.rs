//! When a range does not lead to the root it was signed for: are the bytes false, or did the log
//! fork? The peer is asked what the larger head says of the size held. Its answer proves one or the
//! other, or nothing, and then the peer is passed over.

use super::{AVOID_FALSE_MS, Conflict, Doubt, Output, SignedHead, Sync, Wanted};
use crate::{
    fork,
    id::{NodeName, Origin},
    merkle::Hash,
    tile::decode_hashes,
    time::Timestamp,
};

impl Sync {
    /// Asks the peer what `newer` says of the entries held.
    pub(super) fn doubt(
        &mut self,
        now: Timestamp,
        peer: NodeName,
        newer: SignedHead,
        out: &mut Vec<Output>,
    ) {
        let origin = newer.origin().clone();
        let Some(log) = self.logs.get_mut(&origin) else { return };
        if log.size == 0 || newer.size() <= log.size {
            self.blame(now, &peer, &origin);
            return;
        }
        log.doubt = Doubt::Asked;
        let path = format!("prefix/{}/{}", log.size, newer.size());
        let request = self.request(now, &peer, Wanted::Prefix(newer));
        out.push(Output::Fetch { request, peer, origin, path });
    }

    /// Reads the peer's answer.
    pub(super) fn settle(
        &mut self,
        now: Timestamp,
        (peer, newer): (&NodeName, &SignedHead),
        bytes: &[u8],
        out: &mut Vec<Output>,
    ) {
        let origin = newer.origin();
        let Some(log) = self.logs.get_mut(origin) else { return };
        if log.doubt != Doubt::Asked {
            return;
        }
        log.doubt = Doubt::None;
        let proof = decode_hashes(bytes).unwrap_or_default();
        let held = (log.size, log.root);
        if fork::judge(held, (newer.size(), newer.root()), &proof).is_err() {
            self.blame(now, peer, origin);
        } else if let Some(older) = log.head.clone().filter(|head| head.size() == log.size) {
            self.freeze(Conflict { older, newer: newer.clone(), proof }, out);
        } else {
            // The entries beyond the head belong to a larger head that was abandoned: without them
            // the peer may be right.
            self.drop_tail(origin, out);
        }
    }

    /// Forgets the entries beyond the head.
    pub(super) fn drop_tail(&mut self, origin: &Origin, out: &mut Vec<Output>) {
        if let Some(log) = self.logs.get_mut(origin)
            && log.doubt != Doubt::Dropping
        {
            log.doubt = Doubt::Dropping;
            out.push(Output::DropTail(origin.clone()));
        }
    }

    pub(super) fn take_dropped(
        &mut self,
        origin: &Origin,
        (size, root): (u64, Hash),
        out: &mut Vec<Output>,
    ) {
        let Some(log) = self.logs.get_mut(origin) else { return };
        log.doubt = Doubt::None;
        self.stirred.insert(origin.clone());
        (log.size, log.root) = (size, root);
        // What lay on the entries that are gone may not lie on those that come.
        log.vouched.retain(|(vouched, _)| *vouched <= size);
        self.compare_next(origin, out);
    }

    /// Passes a peer over for a log.
    pub(super) fn blame(&mut self, now: Timestamp, peer: &NodeName, origin: &Origin) {
        self.avoid(peer, origin, now.plus_millis(AVOID_FALSE_MS));
        self.drop_pull(origin);
        if let Some(log) = self.logs.get_mut(origin)
            && log.doubt == Doubt::Asked
        {
            log.doubt = Doubt::None;
        }
    }
}
