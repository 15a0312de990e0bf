//! The simulated world: a queue of events ordered by time and number, and the work of the nodes.

mod accidents;
mod checks;
mod driver;
mod network;
mod roots;
mod traitor;
mod witnessing;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use lianshi_registry::{
    entry::Fact,
    id::Origin,
    member::Root,
    sync::{Digest, Input, Pulled, RequestId, SignedHead},
};
use sha2::{Digest as _, Sha256};

use crate::{disk::StoredLog, node::Node, random::Random};

use checks::Sworn;
pub use traitor::Traitor;
pub use witnessing::Gathering;
use witnessing::Signing;

/// Nodes up to which every pair is linked.
const ALL_LINKED: usize = 8;
/// How far a clock may be off.
const SKEW_MS_MAX: i64 = 3_600_000;
/// How long a node thinks between ticks.
const TICK_MS: i64 = 500;
/// The true time at the start: witnesses state seconds since 1970.
const START_MS: i64 = 1_780_000_000_000;
/// How long the disk takes at most to make something durable.
const SYNC_MS_MAX: i64 = 40;

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
    /// Root authorities, at most three.
    pub roots: usize,
    /// Roots withdraw members, and say what they have no right to say.
    pub rules: bool,
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
            roots: 1,
            rules: false,
        }
    }

    pub fn all() -> Self {
        Self { lost: 10, twice: 10, missing: 5, delay_ms_max: 800, breaks: true, ..Self::none() }
    }
}

#[derive(Clone)]
enum Message {
    AskHeads(RequestId, Digest),
    Ask(RequestId, Origin, String),
    Heads(RequestId, Vec<String>),
    Bytes(RequestId, Vec<u8>),
    Nothing(RequestId),
    Announce(String),
    /// A head of so many entries is to be cosigned: the body of `add-checkpoint`.
    Submit(u64, Vec<u8>),
    /// The answer to it: status and body.
    Answered(u64, u16, String),
}

enum Event {
    Tick(usize),
    Work(usize),
    Deliver { from: usize, to: usize, lives: (u32, u32), message: Message },
    Verified { node: usize, life: u32, pulled: Box<Pulled> },
    Synced { node: usize, life: u32, what: Synced },
    Break(usize, usize),
    Mend(usize, usize),
    Crash(usize),
    Start(usize),
}

/// What became durable.
enum Synced {
    /// So many entries of the own log.
    Own(u64),
    /// What the witness remembers of a log.
    Witness(Box<Signing>),
}

/// Notes that were verified, with what came of it: signatures take most of the time.
pub type Opened = HashMap<String, Option<SignedHead>>;

pub struct World {
    now: i64,
    random: Random,
    faults: Faults,
    nodes: Vec<Node>,
    queue: BTreeMap<(i64, u64), Event>,
    next: u64,
    links: BTreeSet<(usize, usize)>,
    opened: Opened,
    trace: Sha256,
    own_behind: usize,
    healed: bool,
    /// When an equivocator begins.
    turns_at: i64,
    /// The history a node wrote before it restored a backup and forgot.
    forked: Option<(Origin, StoredLog)>,
    /// What honest witnesses signed.
    sworn: BTreeMap<(usize, Origin), Sworn>,
    /// Largest number of things a state machine remembered at once.
    remembered: usize,
    /// Requests for parts of logs that reached the traitor.
    asked_traitor: u64,
    /// What a flooder has heard.
    heard: Vec<String>,
}

impl World {
    /// `opened` is what an earlier run of the same seed verified.
    pub fn new(seed: u64, count: usize, faults: Faults, opened: Opened) -> Self {
        let node = |place, roots: &[Root]| Node::new(place, faults.roots, roots);
        let of = |place| Root::of(&node(place, &[]).admission());
        let roots: Vec<Root> = (0..faults.roots).map(of).collect();
        let mut world = Self {
            now: 0,
            random: Random::new(seed),
            faults,
            nodes: (0..count).map(|place| node(place, &roots)).collect(),
            queue: BTreeMap::new(),
            next: 0,
            links: BTreeSet::new(),
            opened,
            trace: Sha256::new(),
            own_behind: 0,
            healed: false,
            turns_at: 30_000,
            forked: None,
            sworn: BTreeMap::new(),
            remembered: 0,
            asked_traitor: 0,
            heard: Vec::new(),
        };
        for place in 0..count {
            if faults.breaks {
                world.nodes[place].skew_ms = world.random.between(-SKEW_MS_MAX, SKEW_MS_MAX);
            }
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
                    self.gather(place);
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
            Event::Synced { node, life, what } if self.nodes[node].life == life => match what {
                Synced::Own(size) => self.own_log_grew(node, size),
                Synced::Witness(signing) => self.cosign(node, *signing),
            },
            Event::Synced { .. } => {}
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
        let is_root = place < self.faults.roots;
        let pause = self.random.between(500, if is_root { 6_000 } else { 15_000 });
        self.after(pause, Event::Work(place));
        if self.faults.breaks && self.random.chance(30) {
            self.break_something();
        }
        if !self.nodes[place].up {
            return;
        }
        if is_root {
            self.root_speaks(place);
        } else {
            let burst = std::mem::take(&mut self.faults.burst);
            let most = if self.nodes.len() > ALL_LINKED { 4 } else { 40 };
            let count = if burst > 0 { burst } else { 1 + self.random.below(most).pow(2) / 8 };
            let facts = self.nodes[place].organizations(count);
            self.append(place, facts);
        }
        self.betray(place);
    }

    /// Appends to the own log; what is said is signed, and told, once it is durable.
    fn append(&mut self, place: usize, facts: Vec<Fact>) {
        self.nodes[place].append(facts);
        let size = self.nodes[place].own_size();
        self.note(&format!("append {place} {size}"));
        self.sync_later(place, Synced::Own(size));
    }

    /// So many entries of the own log are durable.
    fn own_log_grew(&mut self, place: usize, durable: u64) {
        let node = &mut self.nodes[place];
        node.sign(durable);
        let origin = node.origin.clone();
        let log = &node.disk[&origin];
        let (size, root, head) = (log.size(), log.root(), log.head.clone());
        self.step(place, Input::Held { origin, size, root, head });
        self.learn(place);
    }

    /// The signatures this run verified, for the next one.
    pub fn into_opened(self) -> Opened {
        self.opened
    }

    pub fn trace(&self) -> [u8; 32] {
        self.trace.clone().finalize().into()
    }
}
