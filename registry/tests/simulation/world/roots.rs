//! What root authorities say: whom they admit, suspend, reinstate and withdraw, and now and then
//! what they have no right to say.

use lianshi_registry::{
    entry::Fact,
    id::{NodeName, Origin},
    key::{KeyPair, NodeKeys},
};

use super::World;
use crate::node::Node;

/// How names begin of nodes that there are none of.
pub(super) const SYBIL: &str = "sybil";
/// Fewer than so many are admitted at once.
const SYBILS: u64 = 6;

impl World {
    /// The nodes a root authority admits, itself first.
    fn of_root(&self, root: usize) -> Vec<usize> {
        (root..self.nodes.len()).step_by(self.faults.roots).collect()
    }

    /// How many of its nodes a root authority still has to admit.
    pub(super) fn unadmitted(&self, root: usize) -> usize {
        self.of_root(root).into_iter().filter(|place| !self.has_admitted(root, *place)).count()
    }

    /// Whether a root authority has admitted a node; a later one may have given its name away
    /// before.
    fn has_admitted(&self, root: usize, place: usize) -> bool {
        let member = self.nodes[root].members.get(&self.nodes[place].name);
        member.is_some_and(|member| member.admitted_by == self.nodes[root].origin)
    }

    /// The root admits itself, then some nodes at a time, then suspends and reinstates; of all its
    /// nodes it withdraws one at a time, which may come back in the next generation.
    pub(super) fn root_speaks(&mut self, root: usize) {
        let mine = self.of_root(root);
        let mut next = mine.clone();
        next.retain(|place| !self.has_admitted(root, *place));
        let mut facts: Vec<Fact> = if next.is_empty() {
            self.change_of(root, &mine).into_iter().collect()
        } else {
            let some = if next.len() == mine.len() { 1 } else { mine.len().div_ceil(5) };
            let admitted = next.iter().take(some);
            admitted.map(|place| Fact::MemberAdmitted(self.nodes[*place].admission())).collect()
        };
        if self.faults.rules && self.random.chance(30) {
            facts.push(self.overreach(root));
        }
        if self.faults.rules && root > 0 && root + 1 == self.faults.roots {
            facts.extend(self.sybils(root));
        }
        self.append(root, facts);
    }

    fn change_of(&mut self, root: usize, mine: &[usize]) -> Option<Fact> {
        let has_left = |place: &usize| self.nodes[root].has_left(&self.nodes[*place].name);
        let left = mine.iter().copied().find(has_left);
        if let Some(place) = left.filter(|_| self.faults.rules && self.random.chance(30)) {
            self.begin_again(place);
            return Some(Fact::MemberAdmitted(self.nodes[place].admission()));
        }
        let others: Vec<usize> = mine
            .iter()
            .copied()
            .filter(|place| *place != root && place + 1 != self.nodes.len())
            .filter(|place| !self.nodes[root].has_left(&self.nodes[*place].name))
            .collect();
        let count = u64::try_from(others.len().min(2)).expect("small");
        if count == 0 {
            return None;
        }
        let place = others[usize::try_from(self.random.below(count)).expect("small")];
        let name = self.nodes[place].name.clone();
        let change = Node::change(&name, self.random.below(200));
        if self.faults.rules && left.is_none() && self.random.chance(20) {
            return Some(Fact::MemberWithdrawn(change));
        }
        Some(match self.nodes[root].members[&name].may_write() {
            Ok(()) => Fact::MemberSuspended(change),
            Err(_) => Fact::MemberReinstated(change),
        })
    }

    /// An admission that no node may believe: of another root's node under other keys, with a key
    /// copied from another node, or outside the root's division.
    fn overreach(&mut self, root: usize) -> Fact {
        let count = u64::try_from(self.nodes.len()).expect("small");
        let victim = usize::try_from(self.random.below(count)).expect("small");
        let theirs = self.nodes[victim].admission();
        let mut admission = self.nodes[root].admission();
        admission.node = NodeName::parse("thief").expect("a name");
        admission.origin = Origin::new(theirs.origin.domain().clone(), admission.node.clone(), 1);
        let fresh = |role: u8| KeyPair::from_seed([200 + role; 32]);
        let keys =
            NodeKeys { identity: fresh(0), log: fresh(1), witness: fresh(2), seal: fresh(3) };
        // A name is the earlier root's to give away.
        let of = victim % self.faults.roots;
        let ways = if of < root { 3 } else { 1 + u64::from(of != root) };
        match self.random.below(ways) {
            0 => {
                admission = admission.proved(&keys);
                admission.identity_key = theirs.identity_key;
            }
            1 => {
                admission.division = theirs.division;
                admission = admission.proved(&keys);
            }
            _ => {
                (admission.node, admission.origin) = (theirs.node, theirs.origin);
                admission = admission.proved(&keys);
            }
        }
        Fact::MemberAdmitted(admission)
    }

    /// The last of several root authorities admits nodes of its own making, which it may, and
    /// which are to witness what it likes.
    fn sybils(&mut self, root: usize) -> Vec<Fact> {
        let made = (0..self.random.below(SYBILS)).map(|_| {
            let number = u8::try_from(self.random.below(u64::from(u8::MAX))).expect("small");
            let key = |role: u8| {
                let mut seed = [150 + role; 32];
                seed[0] = number;
                KeyPair::from_seed(seed)
            };
            let keys = NodeKeys { identity: key(0), log: key(1), witness: key(2), seal: key(3) };
            let mut admission = self.nodes[root].admission();
            admission.node = NodeName::parse(&format!("{SYBIL}{number}")).expect("a name");
            let domain = admission.origin.domain().clone();
            admission.origin = Origin::new(domain, admission.node.clone(), 1);
            Fact::MemberAdmitted(admission.proved(&keys))
        });
        made.collect()
    }

    /// The places of nodes that were withdrawn, as the roots themselves say.
    pub(super) fn withdrawn(&self) -> Vec<usize> {
        let places = 0..self.nodes.len();
        let is_left = |place: &usize| {
            let root = &self.nodes[place % self.faults.roots];
            root.has_left(&self.nodes[*place].name)
        };
        places.filter(is_left).collect()
    }
}
