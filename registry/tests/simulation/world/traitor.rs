//! What a node may do that is against the rules. The last node of a world is the traitor, if there
//! is one.

use lianshi_registry::{checkpoint::Checkpoint, merkle::leaf_hash};

use super::{Message, World};

/// What a node may do that is against the rules.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Traitor {
    None,
    /// Gives false bundles of other nodes' logs.
    Liar,
    /// Shows one history to some peers and another to the others.
    Equivocator,
    /// Answers nothing.
    Silent,
    /// Announces heads of its own log that it cannot serve, again and again.
    Boaster,
}

impl World {
    pub(super) fn is_traitor(&self, place: usize) -> bool {
        self.faults.traitor != Traitor::None && place + 1 == self.nodes.len()
    }

    /// Whether an equivocator shows this peer its second history.
    pub(super) fn is_shown_the_other(&self, by: usize, peer: usize) -> bool {
        self.faults.traitor == Traitor::Equivocator && self.is_traitor(by) && peer % 2 == 1
    }

    /// What a traitor does when it works.
    pub(super) fn betray(&mut self, place: usize) {
        if !self.is_traitor(place) {
            return;
        }
        match self.faults.traitor {
            Traitor::Equivocator => {
                if self.nodes[place].other.is_none() && self.now > self.turns_at {
                    self.nodes[place].equivocate();
                }
                for _ in 0..self.random.below(4) {
                    let number = self.random.next();
                    self.nodes[place].append_other(number);
                }
            }
            Traitor::Boaster => {
                let origin = self.nodes[place].origin.clone();
                let checkpoint = Checkpoint {
                    origin,
                    size: self.random.below(1 << 50),
                    root: leaf_hash(&self.random.next().to_be_bytes()),
                };
                let note = checkpoint.sign(&self.nodes[place].key);
                for peer in 0..place {
                    if self.is_linked(peer, place) {
                        self.send(place, peer, Message::Announce(note.clone()));
                    }
                }
            }
            Traitor::None | Traitor::Liar | Traitor::Silent => {}
        }
    }
}
