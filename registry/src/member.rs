//! Membership: the fold of the root authorities' logs that says who is a node of the federation,
//! which division it may speak for, and which entries of its log count.
//!
//! A root authority admits itself first, then nodes of divisions its own covers. Every member is
//! changed only by the root that admitted it. Standing is a list of changes, each from an index of
//! the member's own log on, so the right of one entry never depends on when anybody learned of a
//! suspension.
//!
//! A node that withdrew, because its keys were lost or stolen, is admitted anew with fresh keys and
//! the next generation of its log; what it was before stays its [`Past`]. The keys of other roles
//! than the log's are replaced by a new admission under the same log, said by the root authority
//! and nobody else: whoever stole keys of a node cannot change them.

mod past;
mod refusal;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{
    entry::{Admission, Fact, MemberChange, writing},
    id::{DivisionCode, NodeName, Origin},
    key::PublicKey,
};
pub use past::{Generation, KeyRole, Past, RetiredKey};
pub use refusal::MemberRefusal;

/// Levels a node may have.
pub const LEVELS: [&str; 3] = ["province", "city", "district"];

/// A root authority, as the charter names it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Root {
    /// Its log.
    pub origin: Origin,
    /// The key that signs the log's checkpoints.
    pub log_key: PublicKey,
}

/// A node of the federation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Member {
    /// Who it is, as its newest admission entry says.
    pub admission: Admission,
    /// The log that admitted it.
    pub admitted_by: Origin,
    /// The index of the first admission entry in that log.
    pub admitted_index: u64,
    /// Suspensions and reinstatements in the order of that log.
    pub changes: Vec<StandingChange>,
    /// What it was before.
    #[serde(default)]
    pub past: Past,
}

/// A change of standing, from an index of the member's own log on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StandingChange {
    /// From this index on.
    pub from: u64,
    /// What holds from there.
    pub status: Status,
    /// Why.
    pub reason: String,
}

/// Where a member stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Its entries count and its letters are read.
    Active,
    /// Its entries from an index on do not count and its letters are refused; it still reads what
    /// others say.
    Suspended,
    /// It is no member any more; its links are closed and its log is no longer followed.
    Withdrawn,
}

impl Status {
    /// The word stored and shown.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Suspended => "suspended",
            Self::Withdrawn => "withdrawn",
        }
    }
}

impl Member {
    /// Where it stands after all changes.
    pub fn status(&self) -> Status {
        self.changes.last().map_or(Status::Active, |change| change.status)
    }

    /// Whether the entry at `index` of its log counts, and for which division it may speak.
    pub fn voice(&self, index: u64) -> Result<&DivisionCode, MemberRefusal> {
        let node = &self.admission.node;
        let last = self.changes.iter().rev().find(|change| change.from <= index);
        match last {
            None | Some(StandingChange { status: Status::Active, .. }) => {
                Ok(&self.admission.division)
            }
            Some(StandingChange { status: Status::Suspended, reason, .. }) => {
                Err(MemberRefusal::Suspended { node: node.clone(), reason: reason.clone() })
            }
            Some(StandingChange { status: Status::Withdrawn, .. }) => {
                Err(MemberRefusal::Withdrawn(node.clone()))
            }
        }
    }

    /// Whether its letters are read.
    pub fn may_write(&self) -> Result<(), MemberRefusal> {
        self.voice(u64::MAX).map(|_| ())
    }

    /// The node as the one that writes this log, of whatever generation.
    pub fn of_log(&self, origin: &Origin) -> Option<Self> {
        if self.admission.origin == *origin {
            return Some(self.clone());
        }
        let former = self.past.generations.iter().find(|one| one.admission.origin == *origin)?;
        Some(Self {
            admission: former.admission.clone(),
            admitted_by: self.admitted_by.clone(),
            admitted_index: former.admitted_index,
            changes: former.changes.clone(),
            past: Past::default(),
        })
    }

    /// The keys that may have sealed what it sent: the newest, and those before it.
    pub fn seal_keys(&self) -> Vec<PublicKey> {
        let retired = self.past.retired.iter().filter(|one| one.role == KeyRole::Seal);
        [self.admission.seal_key].into_iter().chain(retired.map(|one| one.key)).collect()
    }
}

/// All members by name.
pub type Members = BTreeMap<NodeName, Member>;

/// The lowest index of the member's log whose right differs between two states, if any does:
/// entries folded from there on must be folded again.
pub fn first_index_changed(before: Option<&Member>, after: &Member) -> Option<u64> {
    let Some(before) = before else { return Some(0) };
    if before.admission.division != after.admission.division
        || before.admission.origin != after.admission.origin
        || before.admitted_by != after.admitted_by
    {
        return Some(0);
    }
    let kept = before.changes.iter().zip(&after.changes).take_while(|(a, b)| a == b).count();
    before.changes.iter().skip(kept).chain(after.changes.iter().skip(kept)).map(|c| c.from).min()
}

/// Applies one entry about members: the new state of the member it speaks of, or why it changes
/// nothing. `None` for entries of other kinds.
pub fn decide(
    members: &Members,
    roots: &[Root],
    at: (&Origin, u64),
    fact: &Fact,
) -> Result<Option<Member>, MemberRefusal> {
    let (origin, index) = at;
    let (change, status) = match fact {
        Fact::MemberAdmitted(admission) => {
            let root = root_of(roots, origin)?;
            writing::check_fact(fact)?;
            return admit(members, root, index, admission).map(Some);
        }
        Fact::MemberSuspended(change) => (change, Status::Suspended),
        Fact::MemberReinstated(change) => (change, Status::Active),
        Fact::MemberWithdrawn(change) => (change, Status::Withdrawn),
        _ => return Ok(None),
    };
    root_of(roots, origin)?;
    writing::check_fact(fact)?;
    alter(members, origin, change, status).map(Some)
}

fn root_of<'r>(roots: &'r [Root], origin: &Origin) -> Result<&'r Root, MemberRefusal> {
    let root = roots.iter().find(|root| root.origin == *origin);
    root.ok_or_else(|| MemberRefusal::NotARoot(origin.clone()))
}

fn admit(
    members: &Members,
    root: &Root,
    index: u64,
    admission: &Admission,
) -> Result<Member, MemberRefusal> {
    check_place(members, root, admission)?;
    let (node, origin) = (&admission.node, &admission.origin);
    let known = members.get(node).filter(|known| known.admitted_by == root.origin);
    let withdrawn = known.filter(|known| known.status() == Status::Withdrawn);
    let is_next = |known: &Member| origin.generation() > known.admission.origin.generation();
    if withdrawn.is_some_and(|known| !is_next(known)) {
        return Err(MemberRefusal::Withdrawn(node.clone()));
    }
    check_keys(members, root, admission)?;
    let mut member = Member {
        admission: admission.clone(),
        admitted_by: root.origin.clone(),
        admitted_index: index,
        changes: Vec::new(),
        past: Past::default(),
    };
    let Some(known) = members.get(node) else { return Ok(member) };
    if known.admitted_by != root.origin {
        // Two roots admitted the same name: the smaller origin keeps it, whichever entry was seen
        // first.
        if known.admitted_by < root.origin {
            return Err(other_root(known));
        }
        return Ok(member);
    }
    if known.status() == Status::Withdrawn {
        member.past = known.past.succeeded(known, index);
        return Ok(member);
    }
    if known.admission.origin != *origin || known.admission.log_key != admission.log_key {
        return Err(MemberRefusal::LogChanged(node.clone()));
    }
    member.admitted_index = known.admitted_index;
    member.changes.clone_from(&known.changes);
    member.past = known.past.rekeyed(&known.admission, admission, index);
    Ok(member)
}

/// The level is one there is, the log is the node's own in this federation, and its division lies
/// inside that of the root authority.
fn check_place(members: &Members, root: &Root, admission: &Admission) -> Result<(), MemberRefusal> {
    let node = &admission.node;
    if !LEVELS.contains(&admission.level.as_str()) {
        return Err(MemberRefusal::Level(admission.level.clone()));
    }
    let origin = &admission.origin;
    if origin.node() != node || origin.domain() != root.origin.domain() {
        return Err(MemberRefusal::OriginMismatch { origin: origin.clone(), node: node.clone() });
    }
    let is_root_itself = *origin == root.origin;
    if is_root_itself && admission.log_key != root.log_key {
        return Err(MemberRefusal::LogChanged(node.clone()));
    }
    if !is_root_itself {
        let own = members
            .get(root.origin.node())
            .filter(|own| own.admission.origin == root.origin)
            .ok_or_else(|| MemberRefusal::RootNotAdmitted(root.origin.clone()))?;
        let root_division = &own.admission.division;
        if !root_division.covers(&admission.division) {
            return Err(MemberRefusal::OutsideDivision {
                division: admission.division.clone(),
                root_division: root_division.clone(),
            });
        }
    }
    Ok(())
}

/// A key serves one role of one node, once: inside the admission, and among members of the same
/// root, also those that do not use it any more.
fn check_keys(members: &Members, root: &Root, admission: &Admission) -> Result<(), MemberRefusal> {
    let taken = |other: &NodeName| MemberRefusal::KeyTaken {
        node: admission.node.clone(),
        other: other.clone(),
    };
    let wanted = past::keys(admission).map(|(_, key)| key);
    for (place, key) in wanted.iter().enumerate() {
        if wanted.iter().skip(place + 1).any(|later| later == key) {
            return Err(taken(&admission.node));
        }
    }
    for (node, other) in members.iter().filter(|(_, other)| other.admitted_by == root.origin) {
        let current = past::keys(&other.admission);
        let is_used = |(role, key): &(KeyRole, PublicKey)| {
            // A node keeps the keys it does not change, unless it left for good.
            let keeps = *node == admission.node
                && other.status() != Status::Withdrawn
                && past::keys(admission).contains(&(*role, *key));
            !keeps && wanted.contains(key)
        };
        let was_used = |one: &RetiredKey| wanted.contains(&one.key);
        if current.iter().any(is_used) || other.past.retired.iter().any(was_used) {
            return Err(taken(node));
        }
    }
    Ok(())
}

fn other_root(known: &Member) -> MemberRefusal {
    MemberRefusal::OtherRoot {
        node: known.admission.node.clone(),
        admitted_by: known.admitted_by.clone(),
    }
}

fn alter(
    members: &Members,
    origin: &Origin,
    change: &MemberChange,
    status: Status,
) -> Result<Member, MemberRefusal> {
    let known =
        members.get(&change.node).ok_or_else(|| MemberRefusal::Unknown(change.node.clone()))?;
    if known.admitted_by != *origin {
        return Err(other_root(known));
    }
    match (known.status(), status) {
        (Status::Withdrawn, _) => return Err(MemberRefusal::Withdrawn(change.node.clone())),
        (Status::Active, Status::Active) => {
            return Err(MemberRefusal::NotSuspended(change.node.clone()));
        }
        _ => {}
    }
    let mut member = known.clone();
    member.changes.push(StandingChange {
        from: change.from_index,
        status,
        reason: change.reason.clone(),
    });
    Ok(member)
}

#[cfg(test)]
mod tests;
