//! One simulated node: its disk, its state machine, and what its driver does around it.

use std::collections::BTreeMap;

use lianshi_registry::{
    catalog::Catalog,
    checkpoint::Checkpoint,
    entry::{Admission, Entry, Fact, MemberChange, Organization, OrganizationKind, Texts},
    fork::Fork,
    id::{DivisionCode, FederationDomain, NodeName, Origin},
    json::{encode_entry, parse_entry},
    key::KeyPair,
    member::{self, Members, Root},
    sync::{SignedHead, Source, Sync},
    time::Timestamp,
    uscc,
};

use crate::disk::StoredLog;

/// The kind of the entries that carry evidence.
const FORK: &[u8] = b"\"fork.witnessed\"";

pub struct Node {
    pub name: NodeName,
    pub origin: Origin,
    pub key: KeyPair,
    pub division: DivisionCode,
    place: u8,
    pub disk: BTreeMap<Origin, StoredLog>,
    pub sync: Sync,
    /// Counts restarts; messages to an earlier life are lost.
    pub life: u32,
    pub up: bool,
    pub roots: Vec<Root>,
    pub members: Members,
    /// Entries of the root's log folded into `members`.
    folded: usize,
    /// Logs proved to be forked, by this node or another.
    pub forks: BTreeMap<Origin, Fork>,
    /// The other history of a node that shows two.
    pub other: Option<StoredLog>,
    forks_read: BTreeMap<Origin, usize>,
}

impl Node {
    pub fn new(place: usize, roots: &[Root]) -> Self {
        let name = NodeName::parse(&format!("n{place}")).expect("valid");
        let origin = origin_of(place);
        let division = if place == 0 { "330200".to_owned() } else { format!("3302{place:02}") };
        Self {
            sync: Sync::new(origin.clone()),
            key: key_of(place),
            division: DivisionCode::parse(&division).expect("valid"),
            disk: BTreeMap::from([(origin.clone(), StoredLog::default())]),
            place: u8::try_from(place).expect("few nodes"),
            name,
            origin,
            life: 0,
            up: true,
            roots: roots.to_vec(),
            members: Members::new(),
            folded: 0,
            forks: BTreeMap::new(),
            other: None,
            forks_read: BTreeMap::new(),
        }
    }

    pub fn admission(&self) -> Admission {
        let key = |role: u8| {
            let mut seed = [100 + role; 32];
            seed[0] = self.place;
            KeyPair::from_seed(seed).public()
        };
        Admission {
            node: self.name.clone(),
            name: texts(self.name.as_str()),
            division: self.division.clone(),
            level: "district".to_owned(),
            origin: self.origin.clone(),
            identity_key: key(0),
            log_key: self.key.public(),
            witness_key: key(1),
            seal_key: key(2),
            addresses: Vec::new(),
            public_url: String::new(),
            quota_entries: 1_000_000,
        }
    }

    /// Appends to the own log and signs it: durable at once.
    pub fn append(&mut self, facts: Vec<Fact>) {
        let log = self.disk.get_mut(&self.origin).expect("own log");
        for fact in facts {
            let at = Timestamp::from_millis(0);
            let entry = Entry { v: 1, at, by: self.name.to_string(), fact };
            log.append(encode_entry(&entry).expect("inside the profile"));
        }
        self.sign();
    }

    pub fn sign(&mut self) {
        let log = self.disk.get_mut(&self.origin).expect("own log");
        sign(log, &self.origin, &self.key);
    }

    /// Begins a second history beside the first.
    pub fn equivocate(&mut self) {
        self.other = Some(self.disk[&self.origin].clone());
    }

    /// Appends to the second history what the first does not say.
    pub fn append_other(&mut self, number: u64) {
        let Some(log) = self.other.as_mut() else { return };
        log.append(format!("another history, {number}").into_bytes());
        sign(log, &self.origin, &self.key);
    }

    /// Entries that mean something: a new organization each.
    pub fn organizations(&self, count: u64) -> Vec<Fact> {
        let from = self.disk[&self.origin].size();
        (from..from + count)
            .map(|number| {
                let body = format!("91{}{number:09}", self.division);
                Fact::OrganizationListed(Organization {
                    uscc: uscc::complete(&body).expect("digits"),
                    name: texts("示例单位"),
                    kind: OrganizationKind::Provider,
                    division: self.division.clone(),
                })
            })
            .collect()
    }

    pub fn change(node: &NodeName, from_index: u64) -> MemberChange {
        MemberChange { node: node.clone(), from_index, reason: "simulated".to_owned() }
    }

    /// Folds what is new in the root's log; gives the logs to hold when they changed.
    pub fn fold_members(&mut self) -> Option<Vec<Source>> {
        let root = self.roots[0].origin.clone();
        let log = self.disk.get(&root)?;
        if log.entries.len() == self.folded {
            return None;
        }
        let before = self.members.clone();
        for (index, bytes) in log.entries.iter().enumerate().skip(self.folded) {
            let entry = parse_entry(bytes).expect("own format");
            let at = (&root, u64::try_from(index).expect("small"));
            if let Ok(Some(member)) = member::decide(&self.members, &self.roots, at, &entry.fact) {
                self.members.insert(member.admission.node.clone(), member);
            }
        }
        self.folded = log.entries.len();
        (self.members != before).then(|| self.sources())
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
                if !bytes.windows(FORK.len()).any(|part| part == FORK) {
                    continue;
                }
                let Ok(Entry { fact: Fact::ForkWitnessed(fork), .. }) = parse_entry(bytes) else {
                    continue;
                };
                fork.verify().expect("honest nodes publish evidence that proves itself");
                if !self.forks.contains_key(&fork.origin) {
                    news.push(fork.origin.clone());
                    self.forks.insert(fork.origin.clone(), *fork);
                }
            }
            *read = log.entries.len();
        }
        news
    }

    /// Whether a log is on this node's list.
    pub fn follows(&self, origin: &Origin) -> bool {
        let is_root = self.roots.iter().any(|root| root.origin == *origin);
        is_root || self.members.get(origin.node()).is_some_and(|m| m.admission.origin == *origin)
    }

    pub fn sources(&self) -> Vec<Source> {
        let roots = self.roots.iter().map(|root| Source {
            origin: root.origin.clone(),
            log_key: root.log_key,
            quota_entries: 1_000_000,
        });
        let members = self.members.values().map(|member| Source {
            origin: member.admission.origin.clone(),
            log_key: member.admission.log_key,
            quota_entries: member.admission.quota_entries,
        });
        roots.chain(members).collect()
    }

    /// A new life: the state machine starts from the disk.
    pub fn restart(&mut self) {
        self.life += 1;
        self.up = true;
        self.sync = Sync::new(self.origin.clone());
        self.members = Members::new();
        self.folded = 0;
        self.fold_members();
        self.forks_read.clear();
        self.fold_forks();
    }

    /// The digest of what this node would show, each log folded as far as its author might speak.
    pub fn catalog_digest(&self) -> [u8; 32] {
        let mut catalog = Catalog::default();
        for (origin, log) in &self.disk {
            let Some(member) = self.members.get(origin.node()) else { continue };
            if self.forks.contains_key(origin) {
                continue;
            }
            for (index, entry) in log.entries.iter().enumerate() {
                let index = u64::try_from(index).expect("small");
                if let Ok(division) = member.voice(index) {
                    catalog.apply(origin, index, division, entry);
                }
            }
        }
        catalog.digest()
    }

    /// Size and root of every log held.
    pub fn heads(&self) -> BTreeMap<Origin, (u64, lianshi_registry::merkle::Hash)> {
        let head = |log: &StoredLog| log.head.as_ref().map(|head| (head.size(), head.root()));
        let sound = self.disk.iter().filter(|(origin, _)| !self.forks.contains_key(*origin));
        sound.filter_map(|(origin, log)| Some((origin.clone(), head(log)?))).collect()
    }
}

fn sign(log: &mut StoredLog, origin: &Origin, key: &KeyPair) {
    let checkpoint = Checkpoint { origin: origin.clone(), size: log.size(), root: log.root() };
    log.head = SignedHead::open(&checkpoint.sign(key), origin, &key.public()).ok();
}

pub fn origin_of(place: usize) -> Origin {
    let domain = FederationDomain::parse("simulated.example").expect("valid");
    Origin::new(domain, NodeName::parse(&format!("n{place}")).expect("valid"), 1)
}

pub fn key_of(place: usize) -> KeyPair {
    KeyPair::from_seed([u8::try_from(place).expect("few nodes") + 1; 32])
}

fn texts(text: &str) -> Texts {
    Texts { zh: text.to_owned(), en: text.to_owned() }
}
