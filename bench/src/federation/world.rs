//! The simulated world: the state machine of every node, and what its driver, its disk and the
//! network between them do, in an order that follows from the seed.
#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a simulation that breaks its own invariants must stop"
)]

use std::collections::BTreeSet;

use lianshi_registry::{
    id::Origin,
    sync::{Comparison, DIGEST_BYTES, Digest, Input, Output, RequestId, SignedHead, Sync},
    tile::Coordinate,
    time::Timestamp,
};

use super::{
    country::{Country, PROVINCE_NODES, number_of},
    hostile::{EVIL, is_silent},
    queue::Queue,
    random::Random,
    spread::{Healing, Spread, Summary, seconds},
    traffic::{Kind, Traffic},
};

/// A link's delay in one direction, fixed by its ends.
const DELAY_MS: std::ops::RangeInclusive<u64> = 5..=80;
/// Verifying and storing a range: one commit on an ordinary disk.
const COMMIT_MS: u64 = 10;
/// Ticks come five times as often in production; all they do is ask what is due.
const TICK_MS: u64 = 1_000;
/// A lost link is dialed again within this time (`net::link`).
const DIAL_PAUSE_MS: u64 = 30_000;
/// What is published in a day is published in office hours.
const OFFICE_HOURS_MS: u64 = 8 * 3_600_000;
/// A usual entry, and the two bytes before it in a bundle.
const ENTRY_BYTES: usize = 1_024 + 2;
/// The tag in front of everything, and the length of a field before another.
const TAG_BYTES: usize = 1;
const LENGTH_BYTES: usize = 2;
/// A checkpoint in a JSON array: quotes, a comma and five escaped line ends.
const QUOTING_BYTES: usize = 8;
/// Publications on their way when publishing ends have this long to arrive.
const SETTLING_MS_MAX: u64 = 60_000;

enum Event {
    Tick(usize),
    Publish,
    Link(usize, usize),
    Deliver { from: usize, to: usize, message: Message },
    Stored { node: usize, from: usize, head: SignedHead },
}

enum Message {
    AskHeads(RequestId, Digest),
    Heads(RequestId, Vec<SignedHead>),
    Announce(SignedHead),
    Fetch(RequestId, Origin, String),
    Part(RequestId),
    Nothing(RequestId),
}

/// What was counted in a time.
pub struct Measured {
    pub traffic: Traffic,
    /// Bytes that reached one node of the province, on average.
    pub province_bytes: f64,
    /// Most claims and requests a node remembered.
    pub remembered_max: usize,
}

pub struct World {
    country: Country,
    /// Whether some members answer nobody and one shows heads it cannot serve.
    hostile: bool,
    nodes: Vec<Sync>,
    queue: Queue<Event>,
    spread: Spread,
    random: Random,
    /// Pairs that would be linked and are not.
    down: BTreeSet<(usize, usize)>,
    publishing_until: u64,
    traffic: Traffic,
    province_bytes: u64,
    remembered_max: usize,
}

impl World {
    /// Everybody holds everything; links come up one after another.
    pub fn new(mut country: Country, seed: u64, hostile: bool) -> Self {
        // What nobody serves cannot arrive: they say nothing new.
        for (number, member) in country.members.iter_mut().enumerate() {
            if hostile && (is_silent(number) || number == EVIL) {
                member.daily = 0;
            }
        }
        let sources = country.sources();
        let nodes = country.members.iter().map(|member| {
            let mut sync = Sync::new(member.origin.clone());
            sync.step(Timestamp::default(), Input::Sources(sources.clone()));
            for other in &country.members {
                sync.step(Timestamp::default(), held(&other.head));
            }
            sync
        });
        let nodes = nodes.collect();
        let sizes: Vec<u64> = country.members.iter().map(|member| member.head.size()).collect();
        let mut world = Self {
            nodes,
            queue: Queue::new(),
            spread: Spread::new(&sizes),
            random: Random(seed),
            down: country.pairs().collect(),
            country,
            hostile,
            publishing_until: 0,
            traffic: Traffic::default(),
            province_bytes: 0,
            remembered_max: 0,
        };
        world.dial();
        for node in 0..sizes.len() {
            let first = world.random.below(TICK_MS);
            world.queue.after(first, Event::Tick(node));
        }
        world
    }

    pub fn run(&mut self, ms: u64) {
        for _ in 0..ms {
            self.next_ms();
        }
    }

    fn next_ms(&mut self) {
        for event in self.queue.next() {
            self.happen(event);
        }
    }

    pub fn publish_for(&mut self, ms: u64) {
        self.publishing_until = self.queue.now() + ms;
        self.queue.after(1, Event::Publish);
        self.run(ms);
    }

    /// Waits for what is on its way, and gives what is known of all that arrived.
    pub fn settle(&mut self) -> Summary {
        let end = self.queue.now() + SETTLING_MS_MAX;
        while self.spread.behind() > 0 && self.queue.now() < end {
            self.next_ms();
        }
        assert_eq!(self.spread.behind(), 0, "what was published did not arrive");
        self.spread.take_summary()
    }

    pub fn begin_measuring(&mut self) {
        (self.traffic, self.province_bytes, self.remembered_max) = (Traffic::default(), 0, 0);
    }

    pub fn measured(&self) -> Measured {
        let of_one = self.province_bytes / u64::try_from(PROVINCE_NODES).expect("small");
        Measured {
            traffic: self.traffic.clone(),
            province_bytes: f64::from(u32::try_from(of_one).unwrap_or(u32::MAX)),
            remembered_max: self.remembered_max,
        }
    }

    /// Cuts off the first province and gives every node what its side published in a day. The day
    /// itself is not lived through: what was measured before goes on on both sides.
    pub fn cut_off_a_day(&mut self) {
        let across = |(a, b): &(usize, usize)| is_in_province(*a) != is_in_province(*b);
        for (a, b) in self.country.pairs().filter(across).collect::<Vec<_>>() {
            self.down.insert((a, b));
            for (one, other) in [(a, b), (b, a)] {
                let name = self.country.members[other].name.clone();
                self.step(one, Input::Disconnected(name));
            }
        }
        for log in (0..self.nodes.len())
            .filter(|log| self.country.members[*log].daily > 0)
            .collect::<Vec<_>>()
        {
            self.publish(log, self.country.members[log].daily);
            let head = self.country.members[log].head.clone();
            let side = is_in_province(log);
            for node in (0..self.nodes.len()).filter(|node| is_in_province(*node) == side) {
                if node != log {
                    self.step(node, held(&head));
                    self.spread.give(node, log);
                }
            }
        }
        // The writers announced what everybody on their side holds by now.
        self.run(TICK_MS);
    }

    /// Lets the links come back and waits until everybody holds everything.
    pub fn heal(&mut self, ms_max: u64) -> Healing {
        let (begin, missing) = (self.queue.now(), self.spread.behind());
        let mut half = None;
        self.dial();
        while self.spread.behind() > 0 && self.queue.now() < begin + ms_max {
            self.next_ms();
            if self.spread.behind() <= missing / 2 && half.is_none() {
                half = Some(self.queue.now());
            }
        }
        assert_eq!(self.spread.behind(), 0, "the country did not heal");
        let since = |at: u64| seconds(at - begin);
        Healing {
            seconds_half: since(half.unwrap_or(begin)),
            seconds_all: since(self.queue.now()),
            hops_max: self.spread.take_summary().hops_max,
        }
    }

    /// Every link that is down comes back at some moment.
    fn dial(&mut self) {
        for (a, b) in self.down.clone() {
            let pause = self.random.below(DIAL_PAUSE_MS);
            self.queue.after(pause, Event::Link(a, b));
        }
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::Tick(node) => {
                self.step(node, Input::Tick);
                self.remembered_max = self.remembered_max.max(self.nodes[node].remembered());
                self.queue.after(TICK_MS, Event::Tick(node));
                if self.hostile && node == EVIL {
                    self.boast();
                }
            }
            Event::Publish => self.somebody_publishes(),
            Event::Link(a, b) => {
                self.down.remove(&(a, b));
                for (one, other) in [(a, b), (b, a)] {
                    let name = self.country.members[other].name.clone();
                    self.step(one, Input::Connected(name));
                }
            }
            Event::Deliver { from, to, message } => {
                if !self.down.contains(&(from.min(to), from.max(to))) {
                    self.deliver(from, to, message);
                }
            }
            Event::Stored { node, from, head } => {
                let (origin, size, root) = (head.origin().clone(), head.size(), head.root());
                let log = number_of(head.writer()).expect("a member");
                self.spread.arrive((node, log), size, from, self.queue.now());
                self.step(node, Input::Stored { origin, size, root });
            }
        }
    }

    /// The evil member shows its peers a head that it cannot serve, another one every time.
    fn boast(&mut self) {
        let more = 1 + self.random.below(1_000);
        let head = self.country.members[EVIL].boast(more);
        for peer in self.country.neighbors[EVIL].clone() {
            let bytes = head.note().len() + TAG_BYTES;
            let message = Message::Announce(head.clone());
            self.send((EVIL, peer), message, (Kind::Announcement, bytes));
        }
    }

    fn somebody_publishes(&mut self) {
        let all: u64 = self.country.members.iter().map(|member| member.daily).sum();
        let mut ticket = self.random.below(all);
        let writer = self.country.members.iter().position(|member| {
            let is_it = ticket < member.daily;
            ticket = ticket.saturating_sub(member.daily);
            is_it
        });
        self.publish(writer.expect("a ticket of somebody"), 1);
        // Between nothing and twice the mean.
        let pause = 1 + self.random.below(2 * OFFICE_HOURS_MS / all);
        if self.queue.now() + pause < self.publishing_until {
            self.queue.after(pause, Event::Publish);
        }
    }

    fn publish(&mut self, writer: usize, entries: u64) {
        let member = &mut self.country.members[writer];
        member.publish(entries);
        let head = member.head.clone();
        self.spread.begin(writer, head.size(), self.queue.now());
        self.step(writer, held(&head));
    }

    fn step(&mut self, node: usize, input: Input) {
        let now = Timestamp::from_millis(i64::try_from(self.queue.now()).expect("hours"));
        for output in self.nodes[node].step(now, input) {
            self.carry_out(node, output);
        }
    }

    fn carry_out(&mut self, node: usize, output: Output) {
        match output {
            Output::AskHeads { request, peer, digest } => {
                let message = Message::AskHeads(request, digest);
                let to = number_of(&peer).expect("a member");
                self.send((node, to), message, (Kind::Digest, DIGEST_BYTES));
            }
            Output::Announce { peer, head } => {
                let bytes = head.note().len() + TAG_BYTES;
                let to = number_of(&peer).expect("a member");
                self.send((node, to), Message::Announce(head), (Kind::Announcement, bytes));
            }
            Output::Fetch { request, peer, origin, path } => {
                let bytes = LENGTH_BYTES + origin.to_string().len() + path.len();
                let to = number_of(&peer).expect("a member");
                let message = Message::Fetch(request, origin, path);
                self.send((node, to), message, (Kind::Request, bytes));
            }
            Output::Store(pulled) => {
                assert_eq!(pulled.to, pulled.head.size(), "a day fits one range");
                let from = number_of(&pulled.peer).expect("a member");
                let stored = Event::Stored { node, from, head: pulled.head };
                self.queue.after(COMMIT_MS, stored);
            }
            Output::Compare(head) => {
                self.step(node, Input::Compared { head, found: Comparison::Contained });
            }
            Output::Confirmed(_) | Output::Keep(_) => {}
            Output::Conflict(_) | Output::DropTail(_) | Output::OwnLogBehind(_) => {
                panic!("everybody is honest: {output:?}")
            }
        }
    }

    fn send(&mut self, (from, to): (usize, usize), message: Message, (kind, bytes): (Kind, usize)) {
        self.traffic.count(kind, TAG_BYTES + bytes);
        if is_in_province(to) {
            self.province_bytes += u64::try_from(TAG_BYTES + bytes).expect("small");
        }
        self.queue.after(delay_ms(from, to), Event::Deliver { from, to, message });
    }

    fn deliver(&mut self, from: usize, to: usize, message: Message) {
        match message {
            Message::AskHeads(..) | Message::Fetch(..) if self.hostile && is_silent(to) => {}
            Message::AskHeads(request, digest) => {
                let heads = self.nodes[to].answer(&digest);
                let notes: usize = heads.iter().map(|head| head.note().len() + QUOTING_BYTES).sum();
                let message = Message::Heads(request, heads);
                self.send((to, from), message, (Kind::Heads, notes + 2));
            }
            Message::Heads(request, heads) => self.step(to, Input::Heads { request, heads }),
            Message::Announce(head) => {
                let peer = self.country.members[from].name.clone();
                self.step(to, Input::Announced { peer, head });
            }
            Message::Fetch(request, origin, path) => {
                let (message, bytes) = match self.bundle_bytes(to, &origin, &path) {
                    Some(bytes) => (Message::Part(request), bytes),
                    None => (Message::Nothing(request), 0),
                };
                self.send((to, from), message, (Kind::Entries, bytes));
            }
            Message::Part(request) => self.step(to, Input::Fetched { request, bytes: Vec::new() }),
            Message::Nothing(request) => self.step(to, Input::Failed { request }),
        }
    }

    /// How long a bundle or a part of one is; `None` when the node does not hold it.
    fn bundle_bytes(&self, node: usize, origin: &Origin, path: &str) -> Option<usize> {
        let held = self.spread.held(node, number_of(origin.node())?);
        if let Some((from, to)) = path.strip_prefix("entries/").and_then(|p| p.split_once('/')) {
            let (from, to): (u64, u64) = (from.parse().ok()?, to.parse().ok()?);
            let count = usize::try_from(to.checked_sub(from)?).ok()?;
            return (to <= held).then_some(count * ENTRY_BYTES);
        }
        let tile = Coordinate::parse(path).ok()?;
        tile.lies_in(held).then_some(usize::from(tile.width) * ENTRY_BYTES)
    }
}

fn delay_ms(a: usize, b: usize) -> u64 {
    let ends = [a.min(b), a.max(b)].map(|end| u64::try_from(end).expect("small"));
    let different = DELAY_MS.end() - DELAY_MS.start() + 1;
    DELAY_MS.start() + Random((ends[0] << 32) | ends[1]).below(different)
}

fn held(head: &SignedHead) -> Input {
    let (origin, size, root) = (head.origin().clone(), head.size(), head.root());
    Input::Held { origin, size, root, head: Some(head.clone()) }
}

fn is_in_province(node: usize) -> bool {
    node < PROVINCE_NODES
}
