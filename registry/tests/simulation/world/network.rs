//! The network: links that part and heal, messages that are late, lost, repeated and out of order.

use lianshi_registry::{
    id::Origin,
    sync::{Input, SignedHead},
};

use super::{Event, Message, Traitor, World};
use crate::disk::StoredLog;

impl World {
    /// Links a node with all its neighbors, soon.
    pub(super) fn mend_all(&mut self, delay: i64, place: usize) {
        for other in 0..self.nodes.len() {
            if other != place && self.are_neighbors(place, other) {
                self.after(delay, Event::Mend(place, other));
            }
        }
    }

    pub(super) fn is_linked(&self, a: usize, b: usize) -> bool {
        self.links.contains(&(a.min(b), a.max(b)))
    }

    pub(super) fn link(&mut self, a: usize, b: usize) {
        let both_up = self.nodes[a].up && self.nodes[b].up;
        let knows = |one: usize, other: usize| self.nodes[one].has_left(&self.nodes[other].name);
        if both_up && !knows(a, b) && !knows(b, a) && self.links.insert((a.min(b), a.max(b))) {
            self.note(&format!("link {a} {b}"));
            self.step(a, Input::Connected(self.nodes[b].name.clone()));
            self.step(b, Input::Connected(self.nodes[a].name.clone()));
        }
    }

    pub(super) fn unlink(&mut self, a: usize, b: usize) {
        if self.links.remove(&(a.min(b), a.max(b))) {
            self.note(&format!("unlink {a} {b}"));
            for (one, other) in [(a, b), (b, a)] {
                if self.nodes[one].up {
                    self.step(one, Input::Disconnected(self.nodes[other].name.clone()));
                }
            }
        }
    }

    pub(super) fn send(&mut self, from: usize, to: usize, message: Message) {
        let copies = if self.random.chance(self.faults.lost) {
            0
        } else if self.random.chance(self.faults.twice) {
            2
        } else {
            1
        };
        let lives = (self.nodes[from].life, self.nodes[to].life);
        for _ in 0..copies {
            let delay = self.random.between(1, self.faults.delay_ms_max);
            let delay = delay + self.dawdles_ms(from, &message);
            let message = message.clone();
            self.after(delay, Event::Deliver { from, to, lives, message });
        }
    }

    pub(super) fn deliver(&mut self, from: usize, to: usize, message: Message) {
        let peer = self.nodes[from].name.clone();
        match message {
            Message::AskHeads(..) | Message::Ask(..) | Message::Submit(..)
                if self.is_silent(to) => {}
            Message::AskHeads(request, digest) => {
                let shown = self.shown(to, from);
                let own = self.nodes[to].origin.clone();
                let heads = self.nodes[to].sync.answer(&digest);
                let others = heads.into_iter().filter(|head| *head.origin() != own);
                let heads = shown.head.into_iter().chain(others);
                let mut notes: Vec<String> = heads.map(|head| head.note().to_owned()).collect();
                self.flood_heads(to, &mut notes);
                self.send(to, from, Message::Heads(request, notes));
            }
            Message::Ask(request, origin, path) => {
                self.asked_traitor += u64::from(self.is_traitor(to));
                let answer = self.serve(to, from, (&origin, &path));
                let message = match answer {
                    Some(bytes) => Message::Bytes(request, bytes),
                    None => Message::Nothing(request),
                };
                self.send(to, from, message);
            }
            Message::Heads(request, notes) => {
                let heads = notes.iter().filter_map(|note| self.open(to, note)).collect();
                self.step(to, Input::Heads { request, heads });
            }
            Message::Announce(note) => {
                if let Some(head) = self.open(to, &note) {
                    self.step(to, Input::Announced { peer, head });
                }
            }
            Message::Bytes(request, bytes) => self.step(to, Input::Fetched { request, bytes }),
            Message::Nothing(request) => self.step(to, Input::Failed { request }),
            Message::Submit(size, body) => self.submitted(from, to, (size, body)),
            Message::Answered(size, status, body) => self.answered(from, to, (size, status, body)),
        }
    }

    /// The own log as a node shows it to a peer.
    pub(super) fn shown(&self, by: usize, peer: usize) -> StoredLog {
        let node = &self.nodes[by];
        let other = node.other.as_ref().filter(|_| self.is_shown_the_other(by, peer));
        other.unwrap_or(&node.disk[&node.origin]).clone()
    }

    pub(super) fn serve(
        &mut self,
        place: usize,
        peer: usize,
        (origin, path): (&Origin, &str),
    ) -> Option<Vec<u8>> {
        if self.random.chance(self.faults.missing) || self.holds_back(place, (origin, path)) {
            return None;
        }
        if *origin == self.nodes[place].origin && self.is_shown_the_other(place, peer) {
            return self.shown(place, peer).resource(path);
        }
        let mut bytes = self.nodes[place].disk.get(origin)?.resource(path)?;
        let lies = self.faults.traitor == Traitor::Liar && self.is_traitor(place);
        if lies && *origin != self.nodes[place].origin && self.random.chance(50) {
            let at = usize::try_from(self.random.below(u64::try_from(bytes.len()).ok()?)).ok()?;
            bytes[at] ^= 1;
        }
        Some(bytes)
    }

    /// Verifies a note as the driver of a node would; remembered, since signatures take most of the
    /// time.
    pub(super) fn open(&mut self, place: usize, note: &str) -> Option<SignedHead> {
        let origin = Origin::parse(note.lines().next()?).ok()?;
        self.overhear(place, note);
        let node = &self.nodes[place];
        if origin != node.origin && !node.follows(&origin) {
            return None;
        }
        if let Some(opened) = self.opened.get(note) {
            return opened.clone();
        }
        let writer = self.nodes.iter().find(|node| node.written(&origin).is_some())?;
        let log_key = writer.admission_of(origin.generation()).log_key;
        let opened = SignedHead::open(note, &origin, &log_key).ok();
        self.opened.insert(note.to_owned(), opened.clone());
        opened
    }
}
