//! Every signed head that anybody shows is examined: it must lie on the entries held. One that is
//! not larger than what is held is compared at once; a larger one waits until the log has grown.
//! Waiting heads are few for each log, and whoever shows many displaces its own. What has waited
//! for long is kept on disk ([`Output::Keep`]): nobody may serve it while this node lives.

use super::{Comparison, Doubt, Output, SignedHead, Sync};
use crate::{
    id::{NodeName, Origin},
    time::Timestamp,
};

/// Heads of one log that wait to be examined. Honest peers show the same few.
pub const UNEXAMINED_MAX: usize = 8;
/// A head that has waited for this long is kept on disk: what peers serve is held long before.
pub const KEEP_AFTER_MS: i64 = 60_000;

/// A signed head of which it is not known whether it lies on what is held.
#[derive(Debug)]
pub(super) struct Unexamined {
    head: SignedHead,
    /// Who showed it first.
    from: NodeName,
    since: Timestamp,
    kept: bool,
}

impl Unexamined {
    pub(super) fn head(&self) -> &SignedHead {
        &self.head
    }
}

impl Sync {
    /// Notes a head that somebody showed.
    pub(super) fn examine(&mut self, from: &NodeName, head: &SignedHead, out: &mut Vec<Output>) {
        let origin = head.origin();
        let Some(log) = self.logs.get(origin).filter(|log| !log.frozen) else { return };
        let is_held = log.head.as_ref() == Some(head);
        let waiting = self.unexamined.get(origin).map_or(&[][..], Vec::as_slice);
        let waits = waiting.iter().any(|other| other.head == *head);
        if is_held || log.has_vouched(head) || waits {
            return;
        }
        let displaced = (waiting.len() >= UNEXAMINED_MAX).then(|| most_shown(waiting));
        let waiting = self.unexamined.entry(origin.clone()).or_default();
        if let Some(place) = displaced {
            waiting.remove(place);
        }
        let (head, from) = (head.clone(), from.clone());
        waiting.push(Unexamined { head, from, since: self.now, kept: false });
        self.compare_next(&origin.clone(), out);
    }

    /// Compares the next waiting head that the entries held reach.
    pub(super) fn compare_next(&mut self, origin: &Origin, out: &mut Vec<Output>) {
        let Some(log) = self.logs.get_mut(origin) else { return };
        if log.comparing || log.doubt == Doubt::Dropping {
            return;
        }
        // Of the own log, what is appended and not signed is no answer to what was signed.
        let reach = if *origin == self.own { log.head_size() } else { log.size };
        let waiting = self.unexamined.get(origin).into_iter().flatten();
        let is_next = |head: &&SignedHead| head.size() <= reach && !log.has_vouched(head);
        if let Some(next) = waiting.map(|one| &one.head).find(is_next) {
            log.comparing = true;
            out.push(Output::Compare(next.clone()));
        }
    }

    pub(super) fn take_compared(
        &mut self,
        head: &SignedHead,
        found: Comparison,
        out: &mut Vec<Output>,
    ) {
        let origin = head.origin();
        let Some(log) = self.logs.get_mut(origin) else { return };
        log.comparing = false;
        self.stirred.insert(origin.clone());
        match found {
            // Entries beyond the signed head may be dropped: until it has grown, it waits on.
            Comparison::Contained if head.size() > log.head_size() => {
                if head.size() <= log.size {
                    log.vouch(head);
                }
                return self.compare_next(origin, out);
            }
            Comparison::Contained => log.vouch(head),
            Comparison::Contradicted(conflict) => return self.freeze(*conflict, out),
            // It is compared again when they are gone.
            Comparison::Unproved if log.has_tail() => return self.drop_tail(origin, out),
            // Entries were dropped meanwhile: it waits until there are others.
            Comparison::Unproved if head.size() > log.size => {
                return self.compare_next(origin, out);
            }
            Comparison::Unproved => {}
        }
        self.forget_examined(origin, |other| other == head);
        self.compare_next(origin, out);
    }

    /// Forgets what waits of a log: it is held now, or will never be.
    pub(super) fn forget_examined(
        &mut self,
        origin: &Origin,
        is_examined: impl Fn(&SignedHead) -> bool,
    ) {
        if let Some(waiting) = self.unexamined.get_mut(origin) {
            waiting.retain(|one| !is_examined(&one.head));
            if waiting.is_empty() {
                self.unexamined.remove(origin);
            }
        }
    }

    /// Has what has waited for long kept on disk, each once.
    pub(super) fn keep_waiting(&mut self, out: &mut Vec<Output>) {
        let late = self.now.plus_millis(-KEEP_AFTER_MS);
        for one in self.unexamined.values_mut().flatten() {
            if !one.kept && one.since <= late {
                one.kept = true;
                out.push(Output::Keep(one.head.clone()));
            }
        }
    }
}

/// The last one of whoever showed most of them.
fn most_shown(waiting: &[Unexamined]) -> usize {
    let shown = |one: &Unexamined| waiting.iter().filter(|other| other.from == one.from).count();
    let place = waiting.iter().enumerate().max_by_key(|(place, one)| (shown(one), *place));
    place.map_or(0, |(place, _)| place)
}
