//! Every node is also a witness, with the decision of production, and asks its neighbors to cosign
//! what it signs. What a witness remembers is on its disk before the signature leaves; whatever
//! leaves is checked against everything it signed before.

use std::collections::{BTreeMap, BTreeSet};

use lianshi_registry::{
    id::Origin,
    note::Note,
    sync::{Input, SignedHead},
    witness::{self, Cosigned, Submission, read_cosignatures},
};

use super::{ALL_LINKED, Event, Message, START_MS, Synced, Traitor, World};
use crate::disk::short;

/// How often a node looks whom it may ask to cosign, and when it asks again.
const GATHER_MS: i64 = 5_000;
const ASK_AGAIN_MS: i64 = 4_000;
/// Percent of submissions by which an equivocator shows a witness the history it has not seen.
const CROSSED: u64 = 10;

/// A node on its way to cosignatures of its newest head.
#[derive(Default)]
pub struct Gathering {
    note: String,
    /// What each witness is believed to have cosigned last.
    sizes: BTreeMap<usize, u64>,
    asked: BTreeMap<usize, i64>,
    pub collected: BTreeSet<usize>,
}

/// A cosignature on its way to the disk.
#[derive(Clone)]
pub struct Signing {
    to: usize,
    lives: (u32, u32),
    /// Up to where the journal must be synced.
    journal: usize,
    origin: Origin,
    cosigned: Cosigned,
    line: String,
}

impl World {
    /// Asks every linked neighbor that has not cosigned the newest head.
    pub(super) fn gather(&mut self, place: usize) {
        if self.now % GATHER_MS / super::TICK_MS != i64::try_from(place % 10).expect("small") {
            return;
        }
        let node = &mut self.nodes[place];
        let Some(head) = node.disk[&node.origin].head.as_ref() else { return };
        if node.gathering.note != head.note() {
            head.note().clone_into(&mut node.gathering.note);
            node.gathering.asked.clear();
            node.gathering.collected.clear();
        }
        for peer in 0..self.nodes.len() {
            let gathering = &self.nodes[place].gathering;
            let is_late = gathering.asked.get(&peer).is_none_or(|at| at + ASK_AGAIN_MS < self.now);
            if self.is_linked(place, peer) && is_late && !gathering.collected.contains(&peer) {
                self.submit(place, peer);
            }
        }
    }

    fn submit(&mut self, place: usize, peer: usize) {
        let crossed = self.faults.traitor == Traitor::Equivocator
            && self.is_traitor(place)
            && self.random.chance(CROSSED);
        let log = self.shown(place, if crossed { peer + 1 } else { peer });
        let Some(head) = log.head.clone() else { return };
        self.nodes[place].gathering.asked.insert(peer, self.now);
        let old = self.nodes[place].gathering.sizes.get(&peer).copied().unwrap_or(0);
        let Some(proof) = log.consistency_proof(old, head.size()) else { return };
        let submission = Submission::new(old, proof, head.note()).expect("a signed head");
        self.send(place, peer, Message::Submit(head.size(), submission.encode()));
    }

    /// A witness is asked. What is submitted is a hint as well, whatever the witness answers.
    pub(super) fn submitted(&mut self, from: usize, to: usize, (size, body): (u64, Vec<u8>)) {
        let Ok(submission) = Submission::parse(&body) else {
            return self.send(to, from, Message::Answered(size, 400, String::new()));
        };
        if let Some(head) = self.open(to, &submission.note().encode()) {
            let peer = self.nodes[from].name.clone();
            self.step(to, Input::Announced { peer, head });
        }
        let Ok(origin) = Origin::parse(&submission.body().origin) else { return };
        let seconds = u64::try_from(self.clock(to).seconds()).expect("after 1970");
        let node = &mut self.nodes[to];
        let (keys, last) = (node.trusted(&origin), node.cosigned.get(&origin));
        match witness::decide(&submission, &keys, last, (&node.cosigner, seconds)) {
            Ok(advance) => {
                let journal = node.journal.append(&advance.next);
                node.cosigned.insert(origin.clone(), advance.next.clone());
                let lives = (self.nodes[from].life, self.nodes[to].life);
                let line = advance.cosignature.line();
                let cosigned = advance.next;
                let signing = Signing { to: from, lives, journal, origin, cosigned, line };
                self.sync_later(to, Synced::Witness(Box::new(signing)));
            }
            Err(refusal) => {
                self.note(&format!("{to} does not cosign {}: {refusal}", short(&origin)));
                let answer = Message::Answered(size, refusal.status(), refusal.answer().1);
                self.send(to, from, answer);
            }
        }
    }

    /// What a witness remembers is durable: the signature may leave.
    pub(super) fn cosign(&mut self, place: usize, signing: Signing) {
        let Signing { to, lives, journal, origin, cosigned, line } = signing;
        self.nodes[place].journal.sync(journal);
        self.note(&format!("{place} cosigns {} {}", short(&origin), cosigned.size));
        if !self.is_traitor(place) {
            self.check_cosigned(place, (&origin, &cosigned), (lives.1, journal));
        }
        if (self.nodes[to].life, self.nodes[place].life) == lives {
            self.send(place, to, Message::Answered(cosigned.size, 200, line));
        }
    }

    /// A witness answered.
    pub(super) fn answered(
        &mut self,
        from: usize,
        to: usize,
        (size, status, body): (u64, u16, String),
    ) {
        let node = &self.nodes[to];
        let head = node.disk[&node.origin].head.as_ref().map_or(0, SignedHead::size);
        let believed = node.gathering.sizes.get(&from).copied();
        match status {
            200 => {
                let is_newest = size == head;
                if is_newest && self.nodes.len() <= ALL_LINKED && !self.is_traitor(to) {
                    let head = node.disk[&node.origin].head.as_ref().expect("asked for one");
                    let text = Note::parse(head.note().as_bytes()).expect("signed").text;
                    let key = self.nodes[from].cosigner.vkey();
                    let read = read_cosignatures(body.as_bytes(), &text, std::slice::from_ref(key));
                    assert_eq!(read.map(|lines| lines.len()), Ok(1), "checker `cosignature`");
                }
                let gathering = &mut self.nodes[to].gathering;
                gathering.sizes.insert(from, size);
                if is_newest {
                    gathering.collected.insert(from);
                }
            }
            409 => {
                let Ok(last) = body.trim_end().parse() else { return };
                self.nodes[to].gathering.sizes.insert(from, last);
                if believed != Some(last) && last <= head && self.is_linked(to, from) {
                    self.submit(to, from);
                }
            }
            _ => {
                self.nodes[to].gathering.sizes.remove(&from);
            }
        }
    }

    /// Something is written and becomes durable soon, unless the node crashes before.
    pub(super) fn sync_later(&mut self, node: usize, what: Synced) {
        let delay = self.random.between(1, super::SYNC_MS_MAX);
        let life = self.nodes[node].life;
        self.after(delay, Event::Synced { node, life, what });
    }

    /// The time on a node's clock.
    pub(super) fn clock(&self, place: usize) -> lianshi_registry::time::Timestamp {
        let millis = START_MS + self.now + self.nodes[place].skew_ms;
        lianshi_registry::time::Timestamp::from_millis(millis)
    }
}
