//! Membership: the fold of the root authorities' logs that says who is a node of the federation,
//! which division it may speak for, and which entries of its log count.
//!
//! Which nodes are root authorities, with which division and keys, stands in the charter and
//! nowhere else. A root authority admits nodes of divisions its own covers, and itself as the
//! charter says. Every member is changed only by the root that admitted it. What several roots say
//! is folded in the order of the charter: a name or a key that an earlier one gave away is taken,
//! whichever was seen first. Standing is a list of changes, each from an index of the member's own
//! log on, so the right of one entry never depends on when anybody learned of a suspension.
//!
//! A node that withdrew, because its keys were lost or stolen, is admitted anew with fresh keys and
//! the next generation of its log; what it was before stays its [`Past`]. The keys of other roles
//! than the log's are replaced by a new admission under the same log, said by the root authority
//! and nobody else: whoever stole keys of a node cannot change them.

mod past;
mod refusal;
mod root;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{
    entry::{Admission, Fact, MemberChange, writing},
    id::{DivisionCode, NodeName, Origin},
    key::PublicKey,
    note::VerifierKey,
};
pub use past::{Generation, KeyRole, Past, RetiredKey};
pub use refusal::MemberRefusal;
use root::root_of;
pub use root::{FormerKey, FormerLog, Root, place_of};

/// Levels a node may have.
pub const LEVELS: [&str; 3] = ["province", "city", "district"];

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
    /// It is no member any more: its links are closed, and its entries from an index on do not
    /// count. Its log is still held and given on, so that what it said before counts everywhere.
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

    /// The keys that may have cosigned in its name: the newest, and those before it.
    pub fn witness_vkeys(&self) -> Vec<VerifierKey> {
        let retired = self.past.retired.iter().filter(|one| one.role == KeyRole::Witness);
        let before =
            retired.map(|one| Admission { witness_key: one.key, ..self.admission.clone() });
        let before = before.map(|admission| admission.witness_vkey());
        [self.admission.witness_vkey()].into_iter().chain(before).collect()
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
/// nothing. `None` for entries of other kinds. `members` are those whom this root authority and
/// those before it in the charter admitted.
pub fn decide(
    members: &Members,
    roots: &[Root],
    at: (&Origin, u64),
    fact: &Fact,
) -> Result<Option<Member>, MemberRefusal> {
    let (change, status) = match fact {
        Fact::MemberAdmitted(admission) => {
            let root = root_of(roots, at)?;
            writing::check_fact(fact)?;
            return admit(members, (roots, root), at, admission).map(Some);
        }
        Fact::MemberSuspended(change) => (change, Status::Suspended),
        Fact::MemberReinstated(change) => (change, Status::Active),
        Fact::MemberWithdrawn(change) => (change, Status::Withdrawn),
        _ => return Ok(None),
    };
    let root = root_of(roots, at)?;
    writing::check_fact(fact)?;
    alter(members, root, change, status).map(Some)
}

fn admit(
    members: &Members,
    (roots, root): (&[Root], &Root),
    (log, index): (&Origin, u64),
    admission: &Admission,
) -> Result<Member, MemberRefusal> {
    check_place((roots, root), log, admission)?;
    let (node, origin) = (&admission.node, &admission.origin);
    let known = members.get(node);
    if let Some(known) = known.filter(|known| !root.wrote(&known.admitted_by)) {
        return Err(other_root(known));
    }
    let known = known.map(|known| ended(root, known, origin));
    let known = known.as_ref();
    let withdrawn = known.filter(|known| known.status() == Status::Withdrawn);
    let is_next = |known: &Member| origin.generation() > known.admission.origin.generation();
    if withdrawn.is_some_and(|known| !is_next(known)) {
        return Err(MemberRefusal::Withdrawn(node.clone()));
    }
    check_keys(members, (roots, root), admission)?;
    if !admission.is_proved() {
        return Err(MemberRefusal::Unproved(node.clone()));
    }
    let mut member = Member {
        admission: admission.clone(),
        admitted_by: log.clone(),
        admitted_index: index,
        changes: Vec::new(),
        past: Past::default(),
    };
    let Some(known) = known else { return Ok(member) };
    if known.status() == Status::Withdrawn {
        member.past = known.past.succeeded(known, admission, index);
        return Ok(member);
    }
    if known.admission.origin != *origin || known.admission.log_key != admission.log_key {
        return Err(MemberRefusal::LogChanged(node.clone()));
    }
    member.admitted_by.clone_from(&known.admitted_by);
    member.admitted_index = known.admitted_index;
    member.changes.clone_from(&known.changes);
    member.past = known.past.rekeyed(&known.admission, admission, index);
    Ok(member)
}

/// A root authority that writes another log than before withdrew the one before at the index where
/// the charter ends it.
fn ended(root: &Root, known: &Member, next: &Origin) -> Member {
    let mut known = known.clone();
    let former = root.former.iter().find(|former| former.origin == known.admission.origin);
    if let Some(former) = former.filter(|former| former.origin != *next) {
        let reason = "the charter ends this log".to_owned();
        let from = former.until;
        known.changes.push(StandingChange { from, status: Status::Withdrawn, reason });
    }
    known
}

/// The level is one there is, the log is the node's own in this federation, and its division lies
/// inside that of the root authority; a root authority is admitted as the charter names it.
fn check_place(
    (roots, root): (&[Root], &Root),
    log: &Origin,
    admission: &Admission,
) -> Result<(), MemberRefusal> {
    let node = &admission.node;
    if !LEVELS.contains(&admission.level.as_str()) {
        return Err(MemberRefusal::Level(admission.level.clone()));
    }
    let origin = &admission.origin;
    if origin.node() != node || origin.domain() != root.origin.domain() {
        return Err(MemberRefusal::OriginMismatch { origin: origin.clone(), node: node.clone() });
    }
    if let Some(named) = roots.iter().find(|named| named.node() == node) {
        let names = |(role, key)| named.uses(role, key);
        let is_now = named.origin == *origin && past::keys(admission).into_iter().all(names);
        // What the charter ended had the keys that its own log said.
        let was = |former: &FormerLog| {
            former.origin == *origin && origin == log && former.log_key == admission.log_key
        };
        let is_named = is_now || named.former.iter().any(was);
        return if named == root && is_named && admission.division == named.division {
            Ok(())
        } else {
            Err(MemberRefusal::NotAsCharter(node.clone()))
        };
    }
    if !root.division.covers(&admission.division) {
        return Err(MemberRefusal::OutsideDivision {
            division: admission.division.clone(),
            root_division: root.division.clone(),
        });
    }
    Ok(())
}

/// A key serves one role of one node, once: inside the admission, among all members, also those
/// that do not use it any more, and among the root authorities.
fn check_keys(
    members: &Members,
    (roots, root): (&[Root], &Root),
    admission: &Admission,
) -> Result<(), MemberRefusal> {
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
    for named in roots.iter().filter(|named| *named != root || *named.node() != admission.node) {
        if named.keys().any(|key| wanted.contains(&key)) {
            return Err(taken(named.node()));
        }
    }
    for (node, other) in members {
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
    root: &Root,
    change: &MemberChange,
    status: Status,
) -> Result<Member, MemberRefusal> {
    let known =
        members.get(&change.node).ok_or_else(|| MemberRefusal::Unknown(change.node.clone()))?;
    if !root.wrote(&known.admitted_by) {
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
