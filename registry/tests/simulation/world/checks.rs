//! What must hold: at every step, and once the network has healed. Each check is named in its
//! message, so that a run over broken sources can say which one saw it.

use lianshi_registry::{
    catalog::Catalog,
    id::{NodeName, Origin},
    member::Member,
    merkle::Hash,
    policy::{Policy, Rule},
    sync::{PULLS_MAX, RANGE_BUNDLES},
    witness::Cosigned,
};

use super::{World, roots::SYBIL};
use crate::{disk::StoredLog, node::Node};

/// Requests for parts of logs by one peer in a whole run, a range with its proof each time, that
/// somebody may get who serves them late or not at all.
const ASKED_MAX: u64 = 60;

/// Bytes of an entry that tells of a fork, without what was added to fill it.
const EVIDENCE_BYTES_MAX: usize = 4_096;

/// The largest head that an honest witness has cosigned of one log, and the last time it stated.
pub struct Sworn {
    head: (u64, Hash),
    seconds: u64,
    signed: Signed,
}

/// When a witness signed, in its own order: its life, and where in the journal of that life.
pub type Signed = (u32, usize);

impl World {
    /// What a node signed: its log, a second history beside it, and one from before a backup.
    fn histories(&self, origin: &Origin) -> Vec<&StoredLog> {
        let writer = self.nodes.iter().find(|node| node.written(origin).is_some());
        let writer = writer.expect("a writer");
        let forked = self.forked.as_ref().filter(|(of, _)| of == origin).map(|(_, log)| log);
        [writer.written(origin), writer.other.as_ref(), forked].into_iter().flatten().collect()
    }

    /// No node ever stores what the writer did not write, and every head lies on what is stored.
    pub(super) fn assert_prefix(&self, place: usize, origin: &Origin) {
        let copy = &self.nodes[place].disk[origin];
        let is_one =
            self.histories(origin).iter().any(|log| log.entries.starts_with(&copy.entries));
        assert!(is_one, "checker `prefix`: node {place} stores what {origin} never said");
        let head = copy.head.as_ref();
        let fits = head.is_none_or(|head| copy.contains(head.size(), head.root()));
        assert!(
            fits,
            "checker `prefix`: node {place} holds a head of {origin} without its entries"
        );
    }

    /// An honest witness never signs two heads that no history contains, nor turns time back. Each
    /// head is compared with the largest so far, on which all others lie; times in the order in
    /// which they were signed, which is not always that in which signatures leave.
    pub(super) fn check_cosigned(
        &mut self,
        place: usize,
        (origin, cosigned): (&Origin, &Cosigned),
        signed: Signed,
    ) {
        let Cosigned { size, root, seconds, .. } = *cosigned;
        let key = (place, origin.clone());
        let before = self.sworn.get(&key);
        let ((old_size, old_root), old_seconds, old_signed) = before
            .map_or(((size, root), seconds, signed), |sworn| {
                (sworn.head, sworn.seconds, sworn.signed)
            });
        let contains =
            |log: &&StoredLog| log.contains(size, root) && log.contains(old_size, old_root);
        assert!(
            self.histories(origin).iter().any(contains),
            "checker `witness`: witness {place} signed two histories of {origin}: {old_size} {size}"
        );
        let in_order =
            if signed >= old_signed { seconds >= old_seconds } else { seconds <= old_seconds };
        assert!(in_order, "checker `witness`: witness {place} turned time back");
        let head = if size > old_size { (size, root) } else { (old_size, old_root) };
        let (signed, seconds) = (signed, seconds).max((old_signed, old_seconds));
        self.sworn.insert(key, Sworn { head, seconds, signed });
    }

    pub fn own_logs_behind(&self) -> usize {
        self.own_behind
    }

    /// Those who keep the rules and are still members, with their places.
    fn honest(&self) -> Vec<(usize, &Node)> {
        let withdrawn = self.withdrawn();
        let nodes = self.nodes.iter().enumerate();
        nodes.filter(|(place, _)| !self.is_traitor(*place) && !withdrawn.contains(place)).collect()
    }

    /// Every other node holds evidence against this one.
    pub fn assert_known_forked(&self, place: usize) {
        let origin = &self.nodes[place].origin;
        for node in self.nodes.iter().filter(|node| node.origin != *origin) {
            let knows = node.forks.contains_key(origin);
            assert!(knows, "checker `evidence`: {} knows nothing", node.name);
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
    /// nobody who is honest, remembered little, and has the cosignatures of its honest neighbors.
    pub fn assert_converged(&self) {
        self.assert_no_replica_mixes_the_forks();
        let honest = self.honest();
        let first = honest[0].1;
        let (heads, digest) = (first.heads(), first.catalog_digest());
        let left = self.withdrawn().into_iter().map(|place| &self.nodes[place]);
        let left: Vec<&Node> = left.collect();
        for (_, node) in &honest {
            let writer_size = node.own_size();
            assert_eq!(heads[&node.origin].0, writer_size, "checker `heads`: of {}", node.name);
            assert_eq!(node.members, first.members, "checker `members`: {}", node.name);
            for other in honest.iter().map(|(_, other)| other).chain(&left) {
                for origin in other.former.keys().chain([&other.origin]) {
                    let held = node.heads().get(origin).copied();
                    let expected = heads.get(origin).copied();
                    assert_eq!(held, expected, "checker `heads`: {origin} at {}", node.name);
                    let accused = node.forks.contains_key(origin);
                    assert!(!accused, "checker `evidence`: {origin} is accused");
                }
            }
            assert_eq!(node.catalog_digest(), digest, "checker `digest`: {}", node.name);
        }
        assert_ne!(digest, Catalog::default().digest(), "the catalog says something");
        assert_eq!(self.own_behind, 0, "nobody's own log is behind");
        self.assert_members();
        self.assert_balanced();
        self.assert_cosigned();
        self.assert_bounded();
    }

    /// Everybody is a member under the root authority it belongs to, with its own keys, and nobody
    /// else is but those whom the last root authority made.
    fn assert_members(&self) {
        let members = &self.honest()[0].1.members;
        let is_made = |name: &&NodeName| name.as_str().starts_with(SYBIL);
        let made = members.keys().filter(is_made).count();
        let expected = self.nodes.len() + made;
        assert_eq!(members.len(), expected, "checker `members`: {:?}", members.keys());
        for (place, node) in self.nodes.iter().enumerate() {
            let member = &members[&node.name];
            let root = &self.nodes[place % self.faults.roots].origin;
            let keys = (member.admission.log_key, member.admission.identity_key);
            let own = node.admission_of(member.admission.origin.generation());
            let is_own = keys == (own.log_key, own.identity_key) && member.admitted_by == *root;
            assert!(is_own, "checker `members`: {} is somebody else", node.name);
        }
    }

    /// No root authority of several chooses a majority of the witnesses of any log.
    fn assert_balanced(&self) {
        let members = &self.honest()[0].1.members;
        let all: Vec<Member> = members.values().cloned().collect();
        let admissions = all.iter().map(|member| &member.admission);
        for (origin, log_key) in admissions.map(|one| (&one.origin, one.log_key)) {
            let policy = Policy::of_federation(&Rule::default(), &all, (origin, log_key));
            let policy = policy.expect("a policy");
            let of = |root: &Origin| {
                let admitted = |name: &str| {
                    let name = NodeName::parse(name).expect("a member");
                    members[&name].admitted_by == *root
                };
                policy.witnesses().iter().filter(|one| admitted(&one.name)).count()
            };
            let most = (0..self.faults.roots).map(|root| of(&self.nodes[root].origin)).max();
            let (most, all) = (most.expect("a root"), policy.witnesses().len());
            let is_balanced = self.faults.roots == 1 || 2 * most <= all;
            assert!(is_balanced, "checker `balance`: {most} of {all} witnesses of {origin}");
        }
    }

    /// Every honest witness that is linked with a writer has cosigned its newest head.
    fn assert_cosigned(&self) {
        for (place, node) in self.honest() {
            for (peer, witness) in self.honest() {
                if self.is_linked(place, peer) {
                    let cosigned = node.gathering.collected.contains(&peer);
                    let (node, witness) = (&node.name, &witness.name);
                    assert!(cosigned, "checker `cosigned`: {witness} has not cosigned {node}");
                }
            }
        }
    }

    /// Whoever holds a log back, or answers late, is not asked for ever.
    pub fn assert_patient(&self) {
        let peers = u64::try_from(self.nodes.len() - 1).expect("small");
        let (asked, most) = (self.asked_traitor, peers * ASKED_MAX);
        assert!(asked <= most, "checker `patience`: {asked} requests, {most} are enough");
    }

    /// What peers can make a node remember: two things of each log for each neighbor, and what is
    /// being pulled.
    fn assert_bounded(&self) {
        let count = self.nodes.len();
        let neighbors = |a: usize| (0..count).filter(move |b| *b != a && self.are_neighbors(a, *b));
        let most = (0..count).map(|place| neighbors(place).count()).max().unwrap_or(0);
        let range = usize::try_from(RANGE_BUNDLES).expect("small") + 2;
        let bound = most * (2 * count + 1) + count + PULLS_MAX * range;
        let remembered = self.remembered;
        assert!(remembered <= bound, "checker `memory`: {remembered} things, bound {bound}");
    }

    /// Every honest node knows that the traitor forked, and tells it.
    pub fn assert_told(&self) {
        let traitor = self.nodes.len() - 1;
        self.assert_known_forked(traitor);
        for (_, node) in self.honest() {
            let tells = node.told.contains(&self.nodes[traitor].origin);
            assert!(tells, "checker `told`: {} tells nobody", node.name);
            let most = node.evidence_bytes();
            let is_bare = most <= EVIDENCE_BYTES_MAX;
            assert!(is_bare, "checker `told`: {} tells it with {most} bytes", node.name);
        }
    }

    /// Both histories of the traitor went on and were shown to honest nodes, so every honest node
    /// holds the evidence.
    pub fn assert_exposed(&self) {
        let traitor = self.nodes.last().expect("a node");
        let other = traitor.other.as_ref().expect("it equivocated");
        let one = &traitor.disk[&traitor.origin];
        let parted = one.entries.iter().zip(&other.entries).any(|(a, b)| a != b);
        assert!(parted, "both histories went on");
        self.assert_known_forked(self.nodes.len() - 1);
    }
}
