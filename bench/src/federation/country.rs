//! The members of a simulated country, who is linked with whom, and who publishes how much.
#![expect(clippy::expect_used, reason = "names and codes made here parse")]

use std::collections::BTreeSet;

use lianshi_registry::{
    checkpoint::Checkpoint,
    id::{DivisionCode, FederationDomain, NodeName, Origin},
    key::KeyPair,
    links::{self, Place},
    merkle::leaf_hash,
    sync::{SignedHead, Source},
};

/// A city and its nine districts are ten nodes, a province ten cities.
pub const CITY_NODES: usize = 10;
pub const PROVINCE_NODES: usize = 100;
/// Entries published in a working day.
const DAILY_BY_DISTRICT: u64 = 5;
const DAILY_BY_CITY: u64 = 50;
/// Working days behind every log: a year.
const DAYS_BEFORE: u64 = 250;

pub struct Member {
    pub name: NodeName,
    pub origin: Origin,
    pub place: Place,
    pub key: KeyPair,
    /// Entries it publishes in a working day.
    pub daily: u64,
    /// Its newest head.
    pub head: SignedHead,
}

pub struct Country {
    pub members: Vec<Member>,
    /// For each member those it is linked with.
    pub neighbors: Vec<BTreeSet<usize>>,
}

impl Country {
    pub fn new(count: usize, seed: u64) -> Self {
        let members: Vec<Member> = (0..count).map(|number| member(number, seed)).collect();
        let neighbors = members.iter().map(|own| {
            let others = members.iter().map(|member| member.place.clone());
            links::neighbors(&own.place, others).iter().filter_map(number_of).collect()
        });
        let neighbors = neighbors.collect();
        Self { members, neighbors }
    }

    /// Ends of links: twice their number.
    pub fn links(&self) -> usize {
        self.neighbors.iter().map(BTreeSet::len).sum()
    }

    /// Every pair that is linked, the smaller number first.
    pub fn pairs(&self) -> impl Iterator<Item = (usize, usize)> {
        let of_one = |(one, others): (usize, &BTreeSet<usize>)| {
            let later = others.range(one + 1..).copied().collect::<Vec<_>>();
            later.into_iter().map(move |other| (one, other))
        };
        self.neighbors.iter().enumerate().flat_map(of_one)
    }

    pub fn sources(&self) -> Vec<Source> {
        let source = |member: &Member| Source {
            origin: member.origin.clone(),
            log_key: member.key.public(),
            quota_bytes: lianshi_registry::entry::QUOTA_BYTES,
        };
        self.members.iter().map(source).collect()
    }
}

impl Member {
    /// Signs a head over entries that nobody has.
    pub fn boast(&self, entries: u64) -> SignedHead {
        sign(&self.origin, &self.key, self.head.size() + entries)
    }

    /// Signs a head over some entries more, whatever they say.
    pub fn publish(&mut self, entries: u64) {
        self.head = sign(&self.origin, &self.key, self.head.size() + entries);
    }
}

fn member(number: usize, seed: u64) -> Member {
    let is_city = number.is_multiple_of(CITY_NODES);
    let (province, city) = (number / PROVINCE_NODES, number / CITY_NODES % CITY_NODES);
    let division = format!("{:02}{:02}{:02}", 11 + province, city + 1, number % CITY_NODES);
    let name = NodeName::parse(&format!("n{number}")).expect("a label");
    let division = DivisionCode::parse(&division).expect("six digits");
    let domain = FederationDomain::parse("country.example").expect("a domain");
    let origin = Origin::new(domain, name.clone(), 1);
    let mut bytes = [0; 32];
    let numbers = [u64::try_from(number).expect("small"), seed];
    for (place, byte) in bytes.iter_mut().zip(numbers.map(u64::to_be_bytes).concat()) {
        *place = byte;
    }
    let key = KeyPair::from_seed(bytes);
    let daily = if is_city { DAILY_BY_CITY } else { DAILY_BY_DISTRICT };
    // Logs end anywhere in their last bundle.
    let head = sign(&origin, &key, daily * DAYS_BEFORE + numbers.iter().sum::<u64>() % 256);
    let place = Place { division, node: name.clone() };
    Member { name, origin, place, key, daily, head }
}

fn sign(origin: &Origin, key: &KeyPair, size: u64) -> SignedHead {
    let root = leaf_hash(format!("{origin} {size}").as_bytes());
    let note = Checkpoint { origin: origin.clone(), size, root }.sign(key);
    SignedHead::open(&note, origin, &key.public()).expect("just signed")
}

/// The number in a member's name.
pub fn number_of(name: &NodeName) -> Option<usize> {
    name.as_str().strip_prefix('n')?.parse().ok()
}
