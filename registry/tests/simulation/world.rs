//! The simulated world: a queue of events ordered by time and number, a network with faults, and
//! the checks.

use std::collections::{BTreeMap, BTreeSet};

use lianshi_registry::{
    entry::Fact,
    id::{NodeName, Origin},
    key::PublicKey,
    member::Root,
    sync::{Input, Output, Pulled, RequestId, SignedHead},
    time::Timestamp,
};
use sha2::{Digest as _, Sha256};

use crate::{
    disk::{StoredLog, short},
    node::{Node, key_of, origin_of},
    random::Random,
};

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
    /// The last node gives false bundles of other nodes' logs, also after healing.
    pub liar: bool,
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
            liar: false,
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
    conflicts: usize,
    own_behind: usize,
    healed: bool,
    forked: Option<StoredLog>,
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
            conflicts: 0,
            own_behind: 0,
            healed: false,
            forked: None,
        };
        for place in 0..count {
            world.start(place);
            world.after(1, Event::Tick(place));
            let first = world.random.between(1, 10_000);
            world.after(first, Event::Work(place));
            for other in 0..place {
                world.after(10, Event::Mend(other, place));
            }
        }
        world
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
            Event::Start(place) => self.start(place),
        }
    }

    /// Appends, and now and then something breaks; rarer as time goes on, never after healing.
    fn work(&mut self, place: usize) {
        if self.healed {
            return;
        }
        let pause = self.random.between(500, 15_000);
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
            let count = if burst > 0 { burst } else { 1 + self.random.below(40).pow(2) / 8 };
            let facts = self.nodes[place].organizations(count);
            self.nodes[place].append(facts);
        }
        self.note(&format!("append {place} {}", self.nodes[place].disk[&origin_of(place)].size()));
        self.own_log_grew(place);
    }

    /// The root admits itself, then one node after the other, then suspends and reinstates.
    fn root_speaks(&mut self) {
        let members = self.nodes[0].members.len();
        let fact = if members < self.nodes.len() {
            Fact::MemberAdmitted(self.nodes[members].admission())
        } else {
            let place = 1 + usize::try_from(self.random.below(2)).expect("small");
            let change = Node::change(&self.nodes[place].name, self.random.below(200));
            match self.nodes[0].members[&change.node].may_write() {
                Ok(()) => Fact::MemberSuspended(change),
                Err(_) => Fact::MemberReinstated(change),
            }
        };
        self.nodes[0].append(vec![fact]);
        if let Some(sources) = self.nodes[0].fold_members() {
            self.step(0, Input::Sources(sources));
        }
    }

    fn own_log_grew(&mut self, place: usize) {
        let origin = self.nodes[place].origin.clone();
        let log = &self.nodes[place].disk[&origin];
        let (size, head) = (log.size(), log.head.clone());
        self.step(place, Input::Held { origin, size, head });
    }

    fn break_something(&mut self) {
        let count = u64::try_from(self.nodes.len()).expect("small");
        let pick = |random: &mut Random| usize::try_from(random.below(count)).expect("small");
        let (a, b) = (pick(&mut self.random), pick(&mut self.random));
        let length = self.random.between(100, 40_000);
        if a == b {
            self.after(0, Event::Crash(a));
            self.after(length, Event::Start(a));
        } else {
            self.after(0, Event::Break(a, b));
            self.after(length, Event::Mend(a, b));
        }
    }

    fn crash(&mut self, place: usize) {
        self.note(&format!("crash {place}"));
        self.nodes[place].up = false;
        self.nodes[place].life += 1;
        for other in 0..self.nodes.len() {
            self.unlink(place, other);
        }
    }

    fn start(&mut self, place: usize) {
        self.note(&format!("start {place}"));
        self.nodes[place].restart();
        let sources = self.nodes[place].sources();
        self.step(place, Input::Sources(sources));
        let held: Vec<(Origin, u64, Option<SignedHead>)> = self.nodes[place]
            .disk
            .iter()
            .map(|(origin, log)| (origin.clone(), log.size(), log.head.clone()))
            .collect();
        for (origin, size, head) in held {
            self.step(place, Input::Held { origin, size, head });
        }
        for other in 0..self.nodes.len() {
            if other != place {
                self.after(50, Event::Mend(place, other));
            }
        }
    }

    fn is_linked(&self, a: usize, b: usize) -> bool {
        self.links.contains(&(a.min(b), a.max(b)))
    }

    fn link(&mut self, a: usize, b: usize) {
        let both_up = self.nodes[a].up && self.nodes[b].up;
        if both_up && self.links.insert((a.min(b), a.max(b))) {
            self.note(&format!("link {a} {b}"));
            self.step(a, Input::Connected(self.nodes[b].name.clone()));
            self.step(b, Input::Connected(self.nodes[a].name.clone()));
        }
    }

    fn unlink(&mut self, a: usize, b: usize) {
        if self.links.remove(&(a.min(b), a.max(b))) {
            self.note(&format!("unlink {a} {b}"));
            for (one, other) in [(a, b), (b, a)] {
                if self.nodes[one].up {
                    self.step(one, Input::Disconnected(self.nodes[other].name.clone()));
                }
            }
        }
    }

    fn send(&mut self, from: usize, to: usize, message: Message) {
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
            let message = message.clone();
            self.after(delay, Event::Deliver { from, to, lives, message });
        }
    }

    fn deliver(&mut self, from: usize, to: usize, message: Message) {
        let peer = self.nodes[from].name.clone();
        match message {
            Message::AskHeads(request) => {
                let notes = self.nodes[to].disk.values().filter_map(|log| log.head.as_ref());
                let notes = notes.map(|head| head.note().to_owned()).collect();
                self.send(to, from, Message::Heads(request, notes));
            }
            Message::Ask(request, origin, path) => {
                let answer = self.serve(to, &origin, &path);
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
        }
    }

    fn serve(&mut self, place: usize, origin: &Origin, path: &str) -> Option<Vec<u8>> {
        if self.random.chance(self.faults.missing) {
            return None;
        }
        let mut bytes = self.nodes[place].disk.get(origin)?.resource(path)?;
        let is_liar = self.faults.liar && place + 1 == self.nodes.len();
        if is_liar && *origin != self.nodes[place].origin && self.random.chance(50) {
            let at = usize::try_from(self.random.below(u64::try_from(bytes.len()).ok()?)).ok()?;
            bytes[at] ^= 1;
        }
        Some(bytes)
    }

    /// Verifies a note as the driver of a node would; remembered, since signatures take most of the
    /// time.
    fn open(&mut self, place: usize, note: &str) -> Option<SignedHead> {
        let text = note.lines().next()?;
        let origin = Origin::parse(text).ok()?;
        let key: PublicKey = if origin == self.nodes[place].origin {
            self.nodes[place].key.public()
        } else {
            let sources = self.nodes[place].sources();
            sources.iter().find(|source| source.origin == origin)?.log_key
        };
        self.opened
            .entry(note.to_owned())
            .or_insert_with(|| SignedHead::open(note, &origin, &key).ok())
            .clone()
    }

    fn step(&mut self, place: usize, input: Input) {
        let now = Timestamp::from_millis(self.now);
        for output in self.nodes[place].sync.step(now, input) {
            self.carry_out(place, output);
        }
    }

    fn carry_out(&mut self, place: usize, output: Output) {
        self.note(&format!("{place} {}", summary(&output)));
        let find = |nodes: &[Node], peer: &NodeName| nodes.iter().position(|n| n.name == *peer);
        match output {
            Output::AskHeads { request, peer } => {
                let to = find(&self.nodes, &peer).expect("a node");
                self.send(place, to, Message::AskHeads(request));
            }
            Output::Announce { peer, head } => {
                let to = find(&self.nodes, &peer).expect("a node");
                self.send(place, to, Message::Announce(head.note().to_owned()));
            }
            Output::Fetch { request, peer, origin, path } => {
                let to = find(&self.nodes, &peer).expect("a node");
                self.send(place, to, Message::Ask(request, origin, path));
            }
            Output::Store(pulled) => {
                let delay = self.random.between(1, 50);
                let life = self.nodes[place].life;
                self.after(delay, Event::Verified { node: place, life, pulled });
            }
            Output::Confirmed(_) => {}
            Output::Conflict(_) => self.conflicts += 1,
            Output::OwnLogBehind(_) => self.own_behind += 1,
        }
    }

    fn store(&mut self, place: usize, life: u32, pulled: Pulled) {
        // A crash before the commit loses the range; one after it loses only the news.
        if self.nodes[place].life != life && self.random.chance(50) {
            return;
        }
        let origin = pulled.head.origin().clone();
        let log = self.nodes[place].disk.entry(origin.clone()).or_default();
        let input = match pulled.verify(log.edge.clone()) {
            Ok(verified) => {
                log.adopt(verified);
                let size = log.size();
                self.assert_prefix(place, &origin);
                Input::Stored { origin: origin.clone(), size }
            }
            Err(refusal) => {
                let peer_at_fault = refusal.is_peers_fault();
                Input::NotStored { origin: origin.clone(), peer_at_fault }
            }
        };
        if self.nodes[place].life != life || !self.nodes[place].up {
            return;
        }
        self.step(place, input);
        if let Some(sources) = self.nodes[place].fold_members() {
            self.step(place, Input::Sources(sources));
        }
    }

    /// No node ever stores what the writer did not write.
    fn assert_prefix(&self, place: usize, origin: &Origin) {
        let copy = &self.nodes[place].disk[origin].entries;
        let writer = self.nodes.iter().find(|node| node.origin == *origin).expect("a writer");
        let original = &writer.disk[origin].entries;
        let forked = self.forked.as_ref().filter(|log| log.size() > 0).map(|log| &log.entries);
        let fits = |entries: &Vec<Vec<u8>>| entries.starts_with(copy);
        assert!(fits(original) || forked.is_some_and(fits), "node {place} mixed up {origin}");
    }

    /// Every link stands, every node is up, nothing is lost any more.
    pub fn heal(&mut self) {
        self.note("heal");
        self.healed = true;
        self.faults = Faults { liar: self.faults.liar, ..Faults::none() };
        for place in 0..self.nodes.len() {
            if !self.nodes[place].up {
                self.start(place);
            }
            for other in 0..place {
                self.after(100, Event::Mend(other, place));
            }
        }
    }

    pub fn lose_replicas(&mut self, place: usize) {
        self.crash(place);
        let origin = self.nodes[place].origin.clone();
        self.nodes[place].disk.retain(|held, _| *held == origin);
        self.start(place);
    }

    /// A node restores a backup, forgets that it did, and signs another history of the same length.
    pub fn fork(&mut self, place: usize) {
        self.healed = true;
        let origin = self.nodes[place].origin.clone();
        let original = self.nodes[place].disk[&origin].clone();
        let mut forked = StoredLog::default();
        for entry in &original.entries[..original.entries.len() - 1] {
            forked.append(entry.clone());
        }
        self.forked = Some(original);
        self.crash(place);
        self.nodes[place].disk.insert(origin, forked);
        let mut facts = self.nodes[place].organizations(2);
        facts.remove(0);
        self.nodes[place].append(facts);
        self.start(place);
    }

    pub fn restore_backup(&mut self, place: usize) {
        self.healed = true;
        self.crash(place);
        let origin = self.nodes[place].origin.clone();
        let original = self.nodes[place].disk[&origin].clone();
        let mut restored = StoredLog::default();
        for entry in &original.entries[..original.entries.len() / 2] {
            restored.append(entry.clone());
        }
        self.nodes[place].disk.insert(origin, restored);
        self.nodes[place].sign();
        self.start(place);
    }

    pub fn conflicts(&self) -> usize {
        self.conflicts
    }

    pub fn own_logs_behind(&self) -> usize {
        self.own_behind
    }

    pub fn assert_no_replica_mixes_the_forks(&self) {
        for place in 0..self.nodes.len() {
            for origin in self.nodes[place].disk.keys() {
                self.assert_prefix(place, origin);
            }
        }
    }

    pub fn assert_converged(&self) {
        let heads = self.nodes[0].heads();
        assert_eq!(heads.len(), self.nodes.len(), "every log has a head");
        let digest = self.nodes[0].catalog_digest();
        for node in &self.nodes {
            let writer_size = node.disk[&node.origin].size();
            assert_eq!(heads[&node.origin].0, writer_size, "the newest head of {}", node.name);
            assert_eq!(node.heads(), heads, "heads of {}", node.name);
            assert_eq!(node.catalog_digest(), digest, "catalog of {}", node.name);
            assert_eq!(node.sync.lagging(), 0, "{} has nothing left to pull", node.name);
        }
        let nothing = lianshi_registry::catalog::Catalog::default().digest();
        assert_ne!(digest, nothing, "the catalog says something");
        assert_eq!(self.conflicts + self.own_behind, 0, "nobody is accused");
    }

    pub fn trace(&self) -> [u8; 32] {
        self.trace.clone().finalize().into()
    }
}

fn summary(output: &Output) -> String {
    match output {
        Output::AskHeads { request, peer } => format!("heads? {request} {peer}"),
        Output::Announce { peer, head } => {
            format!("announce {peer} {} {}", short(head.origin()), head.size())
        }
        Output::Fetch { request, peer, origin, path } => {
            format!("fetch {request} {peer} {} {path}", short(origin))
        }
        Output::Store(pulled) => {
            format!("store {} {}..{}", short(pulled.head.origin()), pulled.from, pulled.to)
        }
        Output::Confirmed(origin) => format!("confirmed {}", short(origin)),
        Output::Conflict(conflict) => format!("conflict {}", short(conflict.one.origin())),
        Output::OwnLogBehind(head) => format!("behind {}", head.size()),
    }
}
