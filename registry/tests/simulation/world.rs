//! The simulated world: a queue of events ordered by time and number, a network with faults, and
//! the checks.

use std::collections::{BTreeMap, BTreeSet};

use lianshi_registry::{
    checkpoint::Checkpoint,
    entry::Fact,
    id::{NodeName, Origin},
    member::Root,
    merkle::leaf_hash,
    sync::{Conflict, Input, Output, Pulled, RequestId, SignedHead},
    time::Timestamp,
};
use sha2::{Digest as _, Sha256};

use crate::{
    disk::{StoredLog, short},
    node::{Node, key_of, origin_of},
    random::Random,
};

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

    fn is_traitor(&self, place: usize) -> bool {
        self.faults.traitor != Traitor::None && place + 1 == self.nodes.len()
    }

    /// Whether an equivocator shows this peer its second history.
    fn is_shown_the_other(&self, by: usize, peer: usize) -> bool {
        self.faults.traitor == Traitor::Equivocator && self.is_traitor(by) && peer % 2 == 1
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

    /// What a traitor does when it works.
    fn betray(&mut self, place: usize) {
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

    fn break_something(&mut self) {
        let count = u64::try_from(self.nodes.len()).expect("small");
        let pick = |random: &mut Random| usize::try_from(random.below(count)).expect("small");
        let a = pick(&mut self.random);
        let neighbors: Vec<usize> =
            (0..self.nodes.len()).filter(|b| *b != a && self.are_neighbors(a, *b)).collect();
        let length = self.random.between(100, 40_000);
        if self.random.chance(40) {
            self.after(0, Event::Crash(a));
            self.after(length, Event::Start(a));
        } else {
            let b = neighbors[pick(&mut self.random) % neighbors.len()];
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
        let held = self.nodes[place].disk.iter().map(|(origin, log)| Input::Held {
            origin: origin.clone(),
            size: log.size(),
            root: log.root(),
            head: log.head.clone(),
        });
        let forks = self.nodes[place].forks.keys().cloned().map(Input::Forked);
        for input in held.chain(forks).collect::<Vec<_>>() {
            self.step(place, input);
        }
        self.mend_all(50, place);
    }

    /// Links a node with all its neighbors, soon.
    fn mend_all(&mut self, delay: i64, place: usize) {
        for other in 0..self.nodes.len() {
            if other != place && self.are_neighbors(place, other) {
                self.after(delay, Event::Mend(place, other));
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
            Message::AskHeads(_) | Message::Ask(..)
                if self.faults.traitor == Traitor::Silent && self.is_traitor(to) => {}
            Message::AskHeads(request) => {
                let shown = self.shown(to, from);
                let own = self.nodes[to].origin.clone();
                let others = self.nodes[to].disk.iter().filter(|(origin, _)| **origin != own);
                let heads =
                    others.map(|(_, log)| log).chain([&shown]).filter_map(|l| l.head.as_ref());
                let notes = heads.map(|head| head.note().to_owned()).collect();
                self.send(to, from, Message::Heads(request, notes));
            }
            Message::Ask(request, origin, path) => {
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
        }
    }

    /// The own log as a node shows it to a peer.
    fn shown(&self, by: usize, peer: usize) -> StoredLog {
        let node = &self.nodes[by];
        let other = node.other.as_ref().filter(|_| self.is_shown_the_other(by, peer));
        other.unwrap_or(&node.disk[&node.origin]).clone()
    }

    fn serve(
        &mut self,
        place: usize,
        peer: usize,
        (origin, path): (&Origin, &str),
    ) -> Option<Vec<u8>> {
        if self.random.chance(self.faults.missing) {
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
    fn open(&mut self, place: usize, note: &str) -> Option<SignedHead> {
        let origin = Origin::parse(note.lines().next()?).ok()?;
        let node = &self.nodes[place];
        if origin != node.origin && !node.follows(&origin) {
            return None;
        }
        if let Some(opened) = self.opened.get(note) {
            return opened.clone();
        }
        let writer = self.nodes.iter().find(|node| node.origin == origin)?;
        let opened = SignedHead::open(note, &origin, &writer.key.public()).ok();
        self.opened.insert(note.to_owned(), opened.clone());
        opened
    }

    fn step(&mut self, place: usize, input: Input) {
        let now = Timestamp::from_millis(self.now);
        self.remembered = self.remembered.max(self.nodes[place].sync.remembered());
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
                let note = if *head.origin() == self.nodes[place].origin {
                    self.shown(place, to).head.expect("signed").note().to_owned()
                } else {
                    head.note().to_owned()
                };
                self.send(place, to, Message::Announce(note));
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
            Output::Compare(head) => {
                let conflict = self.nodes[place].disk[head.origin()].compare(&head).map(Box::new);
                self.step(place, Input::Compared { head, conflict });
            }
            Output::DropTail(origin) => {
                let log = self.nodes[place].disk.get_mut(&origin).expect("held");
                log.drop_tail();
                let (size, root) = (log.size(), log.root());
                self.step(place, Input::TailDropped { origin, size, root });
            }
            Output::Conflict(conflict) => self.witness(place, &conflict),
            Output::OwnLogBehind(_) => self.own_behind += usize::from(!self.is_traitor(place)),
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
                let (size, root) = (log.size(), log.root());
                self.assert_prefix(place, &origin);
                Input::Stored { origin: origin.clone(), size, root }
            }
            Err(refusal) => Input::NotStored { origin: origin.clone(), fault: refusal.fault() },
        };
        if self.nodes[place].life != life || !self.nodes[place].up {
            return;
        }
        self.step(place, input);
        self.learn(place);
    }

    /// What new entries say about members and forks reaches the state machine.
    fn learn(&mut self, place: usize) {
        if let Some(sources) = self.nodes[place].fold_members() {
            self.step(place, Input::Sources(sources));
        }
        for origin in self.nodes[place].fold_forks() {
            self.note(&format!("{place} knows of the fork of {}", short(&origin)));
            self.step(place, Input::Forked(origin));
        }
    }

    /// A node that has seen two histories publishes the evidence.
    fn witness(&mut self, place: usize, conflict: &Conflict) {
        let origin = conflict.older.origin().clone();
        let writer = self.nodes.iter().position(|node| node.origin == origin).expect("a node");
        let evidence = conflict.evidence(key_of(writer).public());
        evidence.verify().expect("a conflict is proved");
        if self.nodes[place].forks.contains_key(&origin) || place == writer {
            return;
        }
        self.nodes[place].append(vec![Fact::ForkWitnessed(Box::new(evidence))]);
        self.learn(place);
        self.own_log_grew(place);
    }

    /// No node ever stores what the writer did not write.
    fn assert_prefix(&self, place: usize, origin: &Origin) {
        let copy = &self.nodes[place].disk[origin].entries;
        let writer = self.nodes.iter().find(|node| node.origin == *origin).expect("a writer");
        let original = &writer.disk[origin].entries;
        let forked = self.forked.as_ref().filter(|log| log.size() > 0).or(writer.other.as_ref());
        let fits = |entries: &Vec<Vec<u8>>| entries.starts_with(copy);
        let is_one = fits(original) || forked.is_some_and(|log| fits(&log.entries));
        assert!(is_one, "node {place} mixed up {origin}");
    }

    /// Every link stands, every node is up, nothing is lost any more.
    pub fn heal(&mut self) {
        self.note("heal");
        self.faults = Faults { traitor: self.faults.traitor, ..Faults::none() };
        for place in 0..self.nodes.len() {
            if !self.nodes[place].up {
                self.start(place);
            }
            self.mend_all(100, place);
            // Whoever was down all the time says something now.
            if place > 0 && self.nodes[place].disk[&origin_of(place)].size() == 0 {
                let facts = self.nodes[place].organizations(1);
                self.nodes[place].append(facts);
                self.own_log_grew(place);
            }
        }
        // Whoever was not admitted yet is now, and an equivocator has said two things.
        while self.nodes[0].members.len() < self.nodes.len() {
            self.root_speaks();
        }
        self.own_log_grew(0);
        let last = self.nodes.len() - 1;
        if self.faults.traitor == Traitor::Equivocator && self.is_traitor(last) {
            self.work(last);
            let facts = self.nodes[last].organizations(1);
            self.nodes[last].append(facts);
            self.nodes[last].append_other(0);
            self.own_log_grew(last);
        }
        self.healed = true;
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

    pub fn own_logs_behind(&self) -> usize {
        self.own_behind
    }

    /// Every other node holds evidence against this one.
    pub fn assert_known_forked(&self, place: usize) {
        let origin = &self.nodes[place].origin;
        for node in self.nodes.iter().filter(|node| node.origin != *origin) {
            assert!(node.forks.contains_key(origin), "{} knows nothing", node.name);
        }
    }

    pub fn assert_no_replica_mixes_the_forks(&self) {
        for place in 0..self.nodes.len() {
            for origin in self.nodes[place].disk.keys() {
                self.assert_prefix(place, origin);
            }
        }
    }

    /// Every honest node holds every sound log to its newest head, shows the same catalog, accuses
    /// nobody who is honest, and remembered little.
    pub fn assert_converged(&self) {
        let traitors = usize::from(self.is_traitor(self.nodes.len() - 1));
        let honest = &self.nodes[..self.nodes.len() - traitors];
        let heads = honest[0].heads();
        let digest = honest[0].catalog_digest();
        for node in honest {
            let writer_size = node.disk[&node.origin].size();
            assert_eq!(heads[&node.origin].0, writer_size, "the newest head of {}", node.name);
            for other in honest {
                assert_eq!(node.heads()[&other.origin], heads[&other.origin], "at {}", node.name);
                assert!(!node.forks.contains_key(&other.origin), "{} is accused", other.name);
            }
            assert_eq!(node.catalog_digest(), digest, "catalog of {}", node.name);
        }
        let nothing = lianshi_registry::catalog::Catalog::default().digest();
        assert_ne!(digest, nothing, "the catalog says something");
        assert_eq!(self.own_behind, 0, "nobody's own log is behind");
        let count = self.nodes.len();
        assert!(self.remembered < count * (count + 64), "{} things remembered", self.remembered);
    }

    /// Once two histories were signed, every honest node holds evidence and follows the log no
    /// more.
    pub fn assert_exposed(&self) {
        let traitor = self.nodes.last().expect("a node");
        let other = traitor.other.as_ref().expect("it equivocated");
        let one = &traitor.disk[&traitor.origin];
        let parted = one.entries.iter().zip(&other.entries).any(|(a, b)| a != b);
        assert!(parted, "both histories went on");
        for node in &self.nodes[..self.nodes.len() - 1] {
            assert!(node.forks.contains_key(&traitor.origin), "{} knows nothing", node.name);
        }
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
        Output::Conflict(conflict) => format!("conflict {}", short(conflict.older.origin())),
        Output::Compare(head) => format!("compare {} {}", short(head.origin()), head.size()),
        Output::DropTail(origin) => format!("drop tail {}", short(origin)),
        Output::OwnLogBehind(head) => format!("behind {}", head.size()),
    }
}
