//! One simulated node: its disk, its state machines, and what its driver does around them.

use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet, HashMap},
};

use lianshi_registry::{
    catalog::Catalog,
    checkpoint::{Checkpoint, vkey},
    cosignature::Cosigner,
    entry::{
        Admission, Entry, Fact, MemberChange, Organization, OrganizationKind, Possession, Texts,
    },
    fork::Fork,
    id::{DivisionCode, FederationDomain, NodeName, Origin},
    json::{encode_entry, parse_entry},
    key::{KeyPair, NodeKeys},
    member::{self, Member, Members, Root, Status},
    merkle::{Hash, leaf_hash},
    note::{Signature, VerifierKey},
    sync::{SignedHead, Source, Sync},
    time::Timestamp,
    uscc,
    witness::Cosigned,
};

use crate::{
    arrivals::Arrivals, disk::StoredLog, journal::Journal, random::Random, world::Gathering,
};

/// The kind of the entries that carry evidence, and how the kinds begin that speak of members.
const FORK: &[u8] = b"\"fork.witnessed\"";
const MEMBER: &[u8] = b"\"kind\":\"member.";

/// The cities of the root authorities.
const CITIES: [&str; 3] = ["3302", "3301", "3303"];

/// Bytes of a signature nobody knows that almost fill an entry in base64.
const PADDING: usize = 11_000;

thread_local! {
    /// What the root's entries say: every node reads them again whenever it starts, and the keys in
    /// them take long to check.
    static READ: RefCell<HashMap<Vec<u8>, Fact>> = RefCell::default();
}

fn read(bytes: &[u8]) -> Fact {
    let parse = || parse_entry(bytes).expect("own format").fact;
    READ.with_borrow_mut(|read| read.entry(bytes.to_vec()).or_insert_with(parse).clone())
}

fn says(bytes: &[u8], what: &[u8]) -> bool {
    bytes.windows(what.len()).any(|part| part == what)
}

pub struct Node {
    pub name: NodeName,
    pub origin: Origin,
    pub key: KeyPair,
    pub division: DivisionCode,
    place: u8,
    /// What it wrote in earlier generations, as it wrote it.
    pub former: BTreeMap<Origin, StoredLog>,
    pub disk: BTreeMap<Origin, StoredLog>,
    /// Entries of the own log that a crash does not take.
    pub synced: u64,
    /// In which order entries came to this disk.
    pub arrivals: Arrivals,
    /// A copy of the disk taken earlier.
    pub backup: Option<BTreeMap<Origin, StoredLog>>,
    /// How far this node's clock is from the others'.
    pub skew_ms: i64,
    pub cosigner: Cosigner,
    /// What the witness remembers, on the disk.
    pub journal: Journal,
    /// What the witness remembers, in memory.
    pub cosigned: BTreeMap<Origin, Cosigned>,
    pub gathering: Gathering,
    pub sync: Sync,
    /// Counts restarts; messages to an earlier life are lost.
    pub life: u32,
    pub up: bool,
    pub roots: Vec<Root>,
    pub members: Members,
    /// Entries of each root's log folded so far, and the members as that root left them, in the
    /// order of the charter.
    folded: Vec<(usize, Members)>,
    /// Logs proved to be forked, by this node or another.
    pub forks: BTreeMap<Origin, Fork>,
    /// Forks that its own log tells of.
    pub told: BTreeSet<Origin>,
    /// The other history of a node that shows two.
    pub other: Option<StoredLog>,
    forks_read: BTreeMap<Origin, usize>,
}

impl Node {
    /// One of a federation of so many root authorities, which come first; the others are admitted
    /// by one of them in turn.
    pub fn new(place: usize, count: usize, roots: &[Root]) -> Self {
        let name = NodeName::parse(&format!("n{place}")).expect("valid");
        let origin = origin_of(place, 1);
        let (city, is_root) = (CITIES[place % count], place < count);
        let division = if is_root { format!("{city}00") } else { format!("{city}{place:02}") };
        Self {
            sync: Sync::new(origin.clone()),
            synced: 0,
            arrivals: Arrivals::default(),
            backup: None,
            skew_ms: 0,
            cosigner: Cosigner::of_node(&origin, role_key((place, 1), 1)),
            journal: Journal::default(),
            cosigned: BTreeMap::new(),
            gathering: Gathering::default(),
            key: key_of((place, 1)),
            division: DivisionCode::parse(&division).expect("valid"),
            disk: BTreeMap::from([(origin.clone(), StoredLog::default())]),
            place: u8::try_from(place).expect("few nodes"),
            former: BTreeMap::new(),
            name,
            origin,
            life: 0,
            up: true,
            roots: roots.to_vec(),
            members: Members::new(),
            folded: Vec::new(),
            forks: BTreeMap::new(),
            told: BTreeSet::new(),
            other: None,
            forks_read: BTreeMap::new(),
        }
    }

    pub fn admission(&self) -> Admission {
        self.admission_of(self.origin.generation())
    }

    /// Who it is, or was, in a generation.
    pub fn admission_of(&self, generation: u32) -> Admission {
        let of = (usize::from(self.place), generation);
        let key = |role| role_key(of, role);
        let keys = NodeKeys { identity: key(0), log: key_of(of), witness: key(1), seal: key(2) };
        Admission {
            node: self.name.clone(),
            name: texts(self.name.as_str()),
            division: self.division.clone(),
            level: "district".to_owned(),
            origin: origin_of(of.0, generation),
            identity_key: keys.identity.public(),
            log_key: keys.log.public(),
            witness_key: keys.witness.public(),
            seal_key: keys.seal.public(),
            addresses: Vec::new(),
            public_url: "http://127.0.0.1:1".to_owned(),
            quota_bytes: lianshi_registry::entry::QUOTA_BYTES,
            possession: Possession::default(),
        }
        .proved(&keys)
    }

    /// Appends to the own log: lost in a crash until it is synced.
    pub fn append(&mut self, facts: Vec<Fact>) {
        let log = self.disk.get_mut(&self.origin).expect("own log");
        for fact in facts {
            let at = Timestamp::from_millis(0);
            let entry = Entry { at, by: self.name.to_string(), fact };
            log.append(encode_entry(&entry).expect("inside the profile"));
        }
        self.arrivals.note(&self.origin, log.size());
    }

    /// So many entries of the own log are durable: they may be signed.
    pub fn sign(&mut self, size: u64) {
        self.synced = self.synced.max(size);
        let log = self.disk.get_mut(&self.origin).expect("own log");
        if log.head.as_ref().is_none_or(|head| head.size() < size) {
            sign(log, size, (&self.origin, &self.key));
        }
    }

    /// Size of the own log.
    pub fn own_size(&self) -> u64 {
        self.disk[&self.origin].size()
    }

    /// A crash takes of what was not synced as much as it likes, and with some luck the node
    /// is set up again from a copy of its disk. Its own log and what its witness remembers
    /// are never taken from an old copy: they would contradict what was signed since.
    pub fn crash(&mut self, random: &mut Random) {
        self.life += 1;
        self.up = false;
        self.journal.crash(random);
        let loose = self.own_size() - self.synced;
        let kept = self.synced + random.below(loose + 1);
        self.disk.get_mut(&self.origin).expect("own log").truncate(kept);
        if random.chance(20)
            && let Some(backup) = self.backup.clone()
        {
            let own = self.disk.remove(&self.origin).expect("own log");
            self.disk = backup;
            self.disk.insert(self.origin.clone(), own);
        }
        self.arrivals.cut(&self.disk);
    }

    /// It lost its disk and its keys: the next generation of its log begins.
    pub fn begin_again(&mut self) {
        let place = usize::from(self.place);
        let of = (place, self.origin.generation() + 1);
        let next = origin_of(place, of.1);
        let written = self.disk.remove(&self.origin).expect("own log");
        self.former.insert(std::mem::replace(&mut self.origin, next.clone()), written);
        self.key = key_of(of);
        self.cosigner = Cosigner::of_node(&next, role_key(of, 1));
        self.journal = Journal::default();
        self.disk = BTreeMap::from([(next, StoredLog::default())]);
        self.synced = 0;
        self.arrivals = Arrivals::default();
        self.backup = None;
        self.forks.clear();
        self.told.clear();
    }

    /// A log as it was written, if this node wrote it.
    pub fn written(&self, origin: &Origin) -> Option<&StoredLog> {
        let own = (self.origin == *origin).then(|| &self.disk[origin]);
        own.or_else(|| self.former.get(origin))
    }

    /// Begins a second history beside the first.
    pub fn equivocate(&mut self) {
        self.other = Some(self.disk[&self.origin].clone());
    }

    /// Whether its own log has evidence.
    pub fn accuses(&self) -> bool {
        self.disk[&self.origin].entries.iter().any(|entry| says(entry, FORK))
    }

    /// Bytes of the longest entry by which it tells of a fork.
    pub fn evidence_bytes(&self) -> usize {
        let own = self.disk[&self.origin].entries.iter();
        own.filter(|entry| says(entry, FORK)).map(Vec::len).max().unwrap_or(0)
    }

    /// Evidence against itself that fills an entry.
    pub fn padded_evidence(&self) -> Fact {
        let head = |said: &[u8]| {
            Checkpoint { origin: self.origin.clone(), size: 7, root: leaf_hash(said) }
                .sign(&self.key)
        };
        let notes = (head(b"one"), head(b"other"));
        let of = (&self.origin, self.key.public());
        let mut evidence = Fork::new(of, (&notes.0, &notes.1), &[]);
        let junk = Signature { name: "junk".to_owned(), key_id: [9; 4], bytes: vec![9; PADDING] };
        evidence.older.push(junk.line().trim_end().to_owned());
        Fact::ForkWitnessed(Box::new(evidence))
    }

    /// Appends to the second history what the first does not say.
    pub fn append_other(&mut self, number: u64) {
        let Some(log) = self.other.as_mut() else { return };
        log.append(format!("another history, {number}").into_bytes());
        let size = log.size();
        sign(log, size, (&self.origin, &self.key));
    }

    /// Entries that mean something: a new organization each, of which some are told by many
    /// nodes, each in its own words.
    pub fn organizations(&self, count: u64) -> Vec<Fact> {
        let from = self.own_size();
        (from..from + count)
            .map(|number| {
                let division = if number % 4 == 0 { "330200" } else { self.division.as_str() };
                let body = format!("91{division}{number:09}");
                Fact::OrganizationListed(Organization {
                    uscc: uscc::complete(&body).expect("digits"),
                    name: texts(self.name.as_str()),
                    kind: OrganizationKind::Provider,
                    division: self.division.clone(),
                })
            })
            .collect()
    }

    pub fn change(node: &NodeName, from_index: u64) -> MemberChange {
        MemberChange { node: node.clone(), from_index, reason: "simulated".to_owned() }
    }

    /// Folds what is new in the roots' logs, in the order of the charter: where one root said more,
    /// what those after it said is judged anew. Gives the logs to hold when they changed.
    pub fn fold_members(&mut self) -> Option<Vec<Source>> {
        let before = self.members.clone();
        let sizes: Vec<usize> = self.roots.iter().map(|root| self.root_size(root)).collect();
        let known = |place: &usize| self.folded.get(*place).map(|(size, _)| *size);
        let first = (0..sizes.len()).find(|place| known(place) != Some(sizes[*place]))?;
        for (place, size) in sizes.into_iter().enumerate().skip(first) {
            let above = place.checked_sub(1).map(|above| self.folded[above].1.clone());
            let grows = place == first && self.folded.get(place).is_some_and(|f| f.0 < size);
            let (from, mut members) = match self.folded.get(place) {
                Some(folded) if grows => folded.clone(),
                _ => (0, above.unwrap_or_default()),
            };
            self.fold_root(place, (from, size), &mut members);
            self.folded.truncate(place);
            self.folded.push((size, members));
        }
        self.members = self.folded.last().map(|(_, members)| members.clone()).unwrap_or_default();
        (self.members != before).then(|| self.sources())
    }

    fn root_size(&self, root: &Root) -> usize {
        self.disk.get(&root.origin).map_or(0, |log| log.entries.len())
    }

    fn fold_root(&self, place: usize, (from, to): (usize, usize), members: &mut Members) {
        let root = &self.roots[place].origin;
        let Some(log) = self.disk.get(root) else { return };
        for (index, bytes) in log.entries.iter().enumerate().take(to).skip(from) {
            let at = (root, u64::try_from(index).expect("small"));
            let fact = read(bytes);
            if let Ok(Some(member)) = member::decide(members, &self.roots, at, &fact) {
                members.insert(member.admission.node.clone(), member);
            }
        }
    }

    /// Whether this node knows that another was withdrawn.
    pub fn has_left(&self, name: &NodeName) -> bool {
        self.members.get(name).is_some_and(|member| member.status() == Status::Withdrawn)
    }

    /// Reads evidence in every log held; gives the logs that are now known to be forked.
    pub fn fold_forks(&mut self) -> Vec<Origin> {
        let mut news = Vec::new();
        for (origin, log) in &self.disk {
            let read = self.forks_read.entry(origin.clone()).or_default();
            if *read == log.entries.len() {
                continue;
            }
            for bytes in &log.entries[(*read).min(log.entries.len())..] {
                // Most entries are of other kinds, and parsing takes most of the time.
                if !says(bytes, FORK) {
                    continue;
                }
                let Ok(Entry { fact: Fact::ForkWitnessed(fork), .. }) = parse_entry(bytes) else {
                    continue;
                };
                let fork = fork.normal().expect("evidence that proves itself");
                if !self.forks.contains_key(&fork.origin) {
                    news.push(fork.origin.clone());
                    self.forks.insert(fork.origin.clone(), fork);
                }
            }
            *read = log.entries.len();
        }
        news
    }

    /// Forgets entries beyond the head of a log; gives size and root of what is left.
    pub fn drop_tail(&mut self, origin: &Origin) -> (u64, Hash) {
        let log = self.disk.get_mut(origin).expect("held");
        log.drop_tail();
        let tip = (log.size(), log.root());
        if let Some(read) = self.forks_read.get_mut(origin) {
            *read = (*read).min(self.disk[origin].entries.len());
        }
        self.arrivals.cut(&self.disk);
        tip
    }

    /// Whether a log is on this node's list.
    pub fn follows(&self, origin: &Origin) -> bool {
        let is_root = self.roots.iter().any(|root| root.origin == *origin);
        is_root || self.members.get(origin.node()).is_some_and(|m| m.of_log(origin).is_some())
    }

    pub fn sources(&self) -> Vec<Source> {
        let roots = self.roots.iter().map(|root| Source {
            origin: root.origin.clone(),
            log_key: root.log_key,
            quota_bytes: lianshi_registry::entry::QUOTA_BYTES,
        });
        let admissions = self.members.values().flat_map(|member| {
            let former = member.past.generations.iter().map(|one| &one.admission);
            former.chain([&member.admission])
        });
        let members = admissions.map(|admission| Source {
            origin: admission.origin.clone(),
            log_key: admission.log_key,
            quota_bytes: admission.quota_bytes,
        });
        roots.chain(members).collect()
    }

    /// A new life: the state machine starts from the disk.
    pub fn restart(&mut self) {
        self.life += 1;
        self.up = true;
        self.sync = Sync::new(self.origin.clone());
        self.cosigned = self.journal.open();
        self.gathering = Gathering::default();
        // Entries that are durable and not signed yet are signed now.
        self.sign(self.own_size());
        self.members = Members::new();
        self.folded.clear();
        self.fold_members();
        self.forks_read.clear();
        self.fold_forks();
    }

    /// The digest of what this node would show: entries folded in the order in which they came,
    /// each log as far as its author might speak.
    pub fn catalog_digest(&self) -> [u8; 32] {
        let mut catalog = Catalog::default();
        let mut writers = BTreeMap::new();
        for (origin, index) in self.arrivals.in_order() {
            let writer = writers
                .entry(origin)
                .or_insert_with(|| self.members.get(origin.node())?.of_log(origin));
            let Some(member) = writer else { continue };
            if self.forks.contains_key(origin) {
                continue;
            }
            let entry = &self.disk[origin].entries[usize::try_from(index).expect("small")];
            // Entries about members change nothing in a catalog.
            if let Ok(division) = member.voice(index)
                && !says(entry, MEMBER)
            {
                catalog.apply(origin, index, division, entry);
            }
        }
        catalog.digest()
    }

    /// The keys a witness trusts for a log: those of the logs it follows, but not its own.
    pub fn trusted(&self, origin: &Origin) -> Vec<VerifierKey> {
        let is_former = |member: &Member| member.admission.origin != *origin;
        let is_former = self.members.get(origin.node()).is_some_and(is_former);
        if *origin == self.origin || is_former || self.has_left(origin.node()) {
            return Vec::new();
        }
        let sources = self.sources().into_iter().filter(|source| source.origin == *origin).take(1);
        sources.map(|source| vkey(origin, source.log_key)).collect()
    }

    /// Size and root of every log held.
    pub fn heads(&self) -> BTreeMap<Origin, (u64, Hash)> {
        let head = |log: &StoredLog| log.head.as_ref().map(|head| (head.size(), head.root()));
        let sound = self.disk.iter().filter(|(origin, _)| !self.forks.contains_key(*origin));
        sound.filter_map(|(origin, log)| Some((origin.clone(), head(log)?))).collect()
    }
}

fn sign(log: &mut StoredLog, size: u64, (origin, key): (&Origin, &KeyPair)) {
    let root = log.root_at(size).expect("so many entries are held");
    let checkpoint = Checkpoint { origin: origin.clone(), size, root };
    log.head = SignedHead::open(&checkpoint.sign(key), origin, &key.public()).ok();
}

/// The key of a node for a role other than its log.
fn role_key((place, generation): (usize, u32), role: u8) -> KeyPair {
    let mut seed = [100 + role; 32];
    seed[0] = u8::try_from(place).expect("few nodes");
    seed[1] += u8::try_from(generation).expect("few generations") - 1;
    KeyPair::from_seed(seed)
}

pub fn origin_of(place: usize, generation: u32) -> Origin {
    let domain = FederationDomain::parse("simulated.example").expect("valid");
    Origin::new(domain, NodeName::parse(&format!("n{place}")).expect("valid"), generation)
}

/// The key of a node's log.
fn key_of((place, generation): (usize, u32)) -> KeyPair {
    let mut seed = [u8::try_from(place).expect("few nodes") + 1; 32];
    seed[1] += u8::try_from(generation).expect("few generations") - 1;
    KeyPair::from_seed(seed)
}

fn texts(text: &str) -> Texts {
    Texts { zh: text.to_owned(), en: text.to_owned() }
}
