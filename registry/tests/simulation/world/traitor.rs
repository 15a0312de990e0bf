//! What a node may do that is against the rules. The last node of a world is the traitor, if there
//! is one.

use lianshi_registry::{
    checkpoint::Checkpoint,
    id::Origin,
    merkle::leaf_hash,
    sync::{RANGE_BUNDLES, REQUEST_MS_MAX},
};

use super::{Message, World};
use crate::node::origin_of;

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
    /// Shows a long log and serves only its beginning.
    Hostage,
    /// Answers everything as late as it may.
    Slow,
    /// Tells that it forked by evidence that fills an entry, so that nobody may be able to tell it
    /// again.
    Padded,
    /// Sends whatever keeps its peers busy: heads of logs that do not exist, old ones, forged ones,
    /// requests for what nobody has.
    Flooder,
}

/// Entries of the log of which a hostage taker serves the beginning.
const HOSTAGE_ENTRIES: u64 = 2_500;
/// Messages a flooder sends each peer whenever it works, and heads it adds to an answer.
const FLOOD: usize = 20;
/// Heads a flooder keeps to say them again.
const HEARD_MAX: usize = 100;

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
            Traitor::Flooder => {
                for peer in
                    (0..place).filter(|peer| self.is_linked(*peer, place)).collect::<Vec<_>>()
                {
                    for _ in 0..FLOOD {
                        let message = self.junk(place);
                        self.send(place, peer, message);
                    }
                }
            }
            Traitor::Hostage if self.nodes[place].own_size() < HOSTAGE_ENTRIES => {
                let facts = self.nodes[place].organizations(HOSTAGE_ENTRIES);
                self.append(place, facts);
            }
            Traitor::Padded if self.now > self.turns_at && !self.nodes[place].accuses() => {
                let evidence = self.nodes[place].padded_evidence();
                self.append(place, vec![evidence]);
            }
            Traitor::None
            | Traitor::Padded
            | Traitor::Liar
            | Traitor::Silent
            | Traitor::Hostage
            | Traitor::Slow => {}
        }
    }

    pub(super) fn is_silent(&self, place: usize) -> bool {
        self.faults.traitor == Traitor::Silent && self.is_traitor(place)
    }

    /// Whether a traitor keeps back what it is asked for: its entries beyond the first range.
    pub(super) fn holds_back(&self, place: usize, (origin, path): (&Origin, &str)) -> bool {
        let number = path.rsplit('/').next().and_then(|end| end.parse::<u64>().ok());
        self.faults.traitor == Traitor::Hostage
            && self.is_traitor(place)
            && *origin == self.nodes[place].origin
            && path.starts_with("tile/entries/")
            && number.is_none_or(|number| number >= RANGE_BUNDLES)
    }

    /// How much later than others a traitor answers.
    pub(super) fn dawdles_ms(&mut self, place: usize, message: &Message) -> i64 {
        let answers = matches!(message, Message::Bytes(..) | Message::Heads(..));
        if self.faults.traitor == Traitor::Slow && self.is_traitor(place) && answers {
            self.random.between(5_000, REQUEST_MS_MAX - 1_000)
        } else {
            0
        }
    }

    fn is_flooder(&self, place: usize) -> bool {
        self.faults.traitor == Traitor::Flooder && self.is_traitor(place)
    }

    /// A flooder remembers what it hears, to say it again.
    pub(super) fn overhear(&mut self, place: usize, note: &str) {
        if self.is_flooder(place) && self.heard.len() < HEARD_MAX {
            self.heard.push(note.to_owned());
        }
    }

    pub(super) fn flood_heads(&mut self, place: usize, notes: &mut Vec<String>) {
        if self.is_flooder(place) {
            for _ in 0..FLOOD {
                notes.push(self.forged());
            }
        }
    }

    fn junk(&mut self, place: usize) -> Message {
        let origin = origin_of(usize::try_from(self.random.below(60)).expect("small"), 1);
        let size = self.random.next();
        match self.random.below(5) {
            0 => Message::Announce(self.forged()),
            1 => Message::Announce(self.heard_again(place)),
            2 => Message::Ask(size, origin, format!("proof/{}/{size}", size / 2)),
            3 => Message::Ask(size, origin, "tile/entries/x999/000".to_owned()),
            _ => {
                let note = self.heard_again(place);
                Message::Submit(size, format!("old {}\n\n{note}", size % 100).into_bytes())
            }
        }
    }

    /// A head that was true once.
    fn heard_again(&mut self, place: usize) -> String {
        let count = u64::try_from(self.heard.len()).expect("small");
        let at = usize::try_from(self.random.below(count)).expect("small");
        let own = self.nodes[place].disk[&self.nodes[place].origin].head.as_ref();
        let own = own.map_or(String::new(), |head| head.note().to_owned());
        self.heard.get(at).cloned().unwrap_or(own)
    }

    /// A head of a log nobody knows, or of one whose key the forger does not have.
    fn forged(&mut self) -> String {
        let number = self.random.next();
        let log = if self.random.chance(20) { number % 50 } else { number };
        let root = leaf_hash(&number.to_be_bytes()).to_base64();
        let origin = format!("simulated.example/n{log}/1");
        let size = number % 1000;
        format!("{origin}\n{size}\n{root}\n\n\u{2014} {origin} {}\n", "A".repeat(92))
    }
}
