//! The simulated world: a queue of events ordered by time and number, and the work of the nodes.

mod accidents;
mod checks;
mod driver;
mod network;
mod traitor;

use std::collections::{BTreeMap, BTreeSet};

use lianshi_registry::{
    entry::Fact,
    id::Origin,
    member::Root,
    sync::{Input, Pulled, RequestId, SignedHead},
};
use sha2::{Digest as _, Sha256};

use crate::{
    disk::StoredLog,
    node::{Node, key_of, origin_of},
    random::Random,
};

pub use traitor::Traitor;

/// Nodes up to which every pair is linked.
const ALL_LINKED: usize = 8;
/// How long a node thinks between ticks.
const TICK_MS: i64 = 500;

#[derive(Clone, Copy)]
pub struct Faults {
    /// Percent of messages lost, delivered twice, answered with nothing.
    pub lost: u64,
    pub twice: u64,
    pub missing: u64,
    pub delay_ms_max: i64,
    /// Links part and heal, nodes restart.
    pub breaks: bool,
    /// What the last node does, also after healing.
    pub traitor: Traitor,
    /// Entries of one long log.
    pub burst: u64,
}

impl Faults {
    pub fn none() -> Self {
        Self {
            lost: 0,
            twice: 0,
            missing: 0,
            delay_ms_max: 5,
            breaks: false,
            traitor: Traitor::None,
            burst: 0,
        }
    }

    pub fn all() -> Self {
        Self { lost: 10, twice: 10, missing: 5, delay_ms_max: 800, breaks: true, ..Self::none() }
    }
}

#[derive(Clone)]
enum Message {
    AskHeads(RequestId),
    Ask(RequestId, Origin, String),
    Heads(RequestId, Vec<String>),
    Bytes(RequestId, Vec<u8>),
    Nothing(RequestId),
    Announce(String),
}

enum Event {
    Tick(usize),
    Work(usize),
    Deliver { from: usize, to: usize, lives: (u32, u32), message: Message },
    Verified { node: usize, life: u32, pulled: Box<Pulled> },
    Break(usize, usize),
    Mend(usize, usize),
    Crash(usize),
    Start(usize),
}

pub struct World {
    now: i64,
    random: Random,
    faults: Faults,
    nodes: Vec<Node>,
    queue: BTreeMap<(i64, u64), Event>,
    next: u64,
    links: BTreeSet<(usize, usize)>,
    opened: BTreeMap<String, Option<SignedHead>>,
    trace: Sha256,
    own_behind: usize,
    healed: bool,
    /// When an equivocator begins.
    turns_at: i64,
    forked: Option<StoredLog>,
    /// Largest number of things a state machine remembered at once.
    remembered: usize,
}

impl World {
    pub fn new(seed: u64, count: usize, faults: Faults) -> Self {
        let roots = [Root { origin: origin_of(0), log_key: key_of(0).public() }];
        let mut world = Self {
            now: 0,
            random: Random::new(seed),
            faults,
            nodes: (0..count).map(|place| Node::new(place, &roots)).collect(),
            queue: BTreeMap::new(),
            next: 0,
            links: BTreeSet::new(),
            opened: BTreeMap::new(),
            trace: Sha256::new(),
            own_behind: 0,
            healed: false,
            turns_at: 30_000,
            forked: None,
            remembered: 0,
        };
        for place in 0..count {
            world.start(place);
            world.after(1, Event::Tick(place));
            let first = world.random.between(1, 10_000);
            world.after(first, Event::Work(place));
            world.mend_all(10, place);
        }
        world
    }

    /// Few nodes all know each other; of many, each knows some.
    fn are_neighbors(&self, a: usize, b: usize) -> bool {
        let count = self.nodes.len();
        let apart = a.abs_diff(b).min(count - a.abs_diff(b));
        count <= ALL_LINKED
            || [1, 2, 9].contains(&apart)
            || (a.min(b) == 0 && a.max(b).is_multiple_of(6))
    }

    fn after(&mut self, delay: i64, event: Event) {
        self.next += 1;
        self.queue.insert((self.now + delay, self.next), event);
    }

    pub fn run_until(&mut self, end: i64) {
        while let Some(((time, _), _)) = self.queue.first_key_value() {
            if *time > end {
                break;
            }
            let ((time, _), event) = self.queue.pop_first().expect("not empty");
            self.now = time;
            self.happen(event);
        }
        self.now = end;
    }

    fn note(&mut self, what: &str) {
        self.trace.update(format!("{} {what}\n", self.now));
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::Tick(place) => {
                if self.nodes[place].up {
                    self.step(place, Input::Tick);
                }
                self.after(TICK_MS, Event::Tick(place));
            }
            Event::Work(place) => self.work(place),
            Event::Deliver { from, to, lives, message } => {
                let alive = (self.nodes[from].life, self.nodes[to].life) == lives;
                if alive && self.nodes[to].up && self.is_linked(from, to) {
                    self.deliver(from, to, message);
                }
            }
            Event::Verified { node, life, pulled } => self.store(node, life, *pulled),
            Event::Break(a, b) => self.unlink(a, b),
            Event::Mend(a, b) => self.link(a, b),
            Event::Crash(place) => self.crash(place),
            // Healing may have started it already, or it crashed twice.
            Event::Start(place) if self.nodes[place].up => {}
            Event::Start(place) => self.start(place),
        }
    }

    /// Appends, and now and then something breaks; rarer as time goes on, never after healing.
    fn work(&mut self, place: usize) {
        if self.healed {
            return;
        }
        let pause = self.random.between(500, if place == 0 { 6_000 } else { 15_000 });
        self.after(pause, Event::Work(place));
        if self.faults.breaks && self.random.chance(30) {
            self.break_something();
        }
        if !self.nodes[place].up {
            return;
        }
        if place == 0 {
            self.root_speaks();
        } else {
            let burst = std::mem::take(&mut self.faults.burst);
            let most = if self.nodes.len() > ALL_LINKED { 4 } else { 40 };
            let count = if burst > 0 { burst } else { 1 + self.random.below(most).pow(2) / 8 };
            let facts = self.nodes[place].organizations(count);
            self.nodes[place].append(facts);
        }
        self.betray(place);
        self.note(&format!("append {place} {}", self.nodes[place].disk[&origin_of(place)].size()));
        self.own_log_grew(place);
    }

    /// The root admits itself, then some nodes at a time, then suspends and reinstates.
    fn root_speaks(&mut self) {
        let members = self.nodes[0].members.len();
        let facts = if members < self.nodes.len() {
            let some = if members == 0 { 1 } else { self.nodes.len().div_ceil(5) };
            let next = self.nodes.iter().skip(members).take(some);
            next.map(|node| Fact::MemberAdmitted(node.admission())).collect()
        } else {
            let place = 1 + usize::try_from(self.random.below(2)).expect("small");
            let change = Node::change(&self.nodes[place].name, self.random.below(200));
            match self.nodes[0].members[&change.node].may_write() {
                Ok(()) => vec![Fact::MemberSuspended(change)],
                Err(_) => vec![Fact::MemberReinstated(change)],
            }
        };
        self.nodes[0].append(facts);
        if let Some(sources) = self.nodes[0].fold_members() {
            self.step(0, Input::Sources(sources));
        }
    }

    fn own_log_grew(&mut self, place: usize) {
        let origin = self.nodes[place].origin.clone();
        let log = &self.nodes[place].disk[&origin];
        let (size, root, head) = (log.size(), log.root(), log.head.clone());
        self.step(place, Input::Held { origin, size, root, head });
    }

    pub fn trace(&self) -> [u8; 32] {
        self.trace.clone().finalize().into()
    }
}
