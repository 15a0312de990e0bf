//! From logs to tables: applies entries, in the order of their log, to the members and the catalog.
//! Called in the transaction that stores the entries, whether the node's own or a replica's.

pub(crate) mod right;
pub(crate) mod unfolded;

use std::collections::{BTreeMap, BTreeSet};

use diesel::prelude::*;
use lianshi_registry::{
    catalog::{self, Change, Known, Located, ObjectKey, Quarantine},
    entry::{Entry, Fact},
    fork::Fork,
    id::Origin,
    refusal::Refusal,
};

use crate::{
    Fault, Write,
    catalog::{folds, objects, project, refold},
    forks, members,
    schema::{logs, unfolded_entries},
};
use right::Right;
use unfolded::UnfoldedRow;

/// Objects that entries look at, in memory at a time: at 16 KiB each about 32 MiB, whatever a
/// member refers to.
const NEEDS_MAX: usize = 2_000;

/// An entry as the fold reads it, or why it cannot be read.
pub type Parsed = Result<Entry, Quarantine>;

/// Reads the bytes of entries. Costs most of a fold, so what comes in bulk is read before its
/// transaction begins.
pub fn parse(entries: &[Vec<u8>]) -> Vec<Parsed> {
    entries.iter().map(|bytes| catalog::read_entry(bytes)).collect()
}

/// Applies the entries of `origin` that begin at `first_index`. An entry that does not parse, or
/// that its author had no right to make, is quarantined with the reason and changes nothing else.
pub fn apply(
    write: &mut Write<'_>,
    origin: &Origin,
    first_index: u64,
    entries: &[Parsed],
) -> Result<(), Fault> {
    let mut again = BTreeSet::new();
    let mut run = Run::new(write, origin.clone())?;
    run.take_all(write, first_index, entries, |run, write, index, entry| {
        again.extend(run.take(write, index, entry, true)?);
        Ok(())
    })?;
    let precedes = run.precedes;
    run.finish(write, first_index, entries.len())?;
    if precedes {
        again.extend(judge_members_anew(write)?);
    }
    again.iter().try_for_each(|origin| refold(write, origin))
}

/// Judges everything that was said about members anew, and folds again what that concerns.
pub(crate) fn members_anew(write: &mut Write<'_>) -> Result<(), Fault> {
    let again = judge_members_anew(write)?;
    again.iter().try_for_each(|origin| refold(write, origin))
}

/// Gives the logs to fold again.
fn judge_members_anew(write: &mut Write<'_>) -> Result<BTreeSet<Origin>, Fault> {
    let members::Anew { logs, judged, refused } = members::anew(write)?;
    let told = unfolded_entries::table
        .filter(unfolded_entries::awaiting.eq(false))
        .filter(unfolded_entries::kind.like(members::MEMBER_KINDS))
        .filter(unfolded_entries::origin.eq_any(judged));
    diesel::delete(told).execute(&mut **write)?;
    for (origin, index, kind, reason) in &refused {
        UnfoldedRow::quarantined((origin, *index), kind, reason).keep(write)?;
    }
    Ok(logs)
}

/// The same for the catalog alone: members are kept when it is rebuilt.
pub(crate) fn apply_catalog(
    write: &mut Write<'_>,
    origin: &Origin,
    first_index: u64,
    entries: &[Parsed],
) -> Result<(), Fault> {
    let mut run = Run::new(write, origin.clone())?;
    run.take_all(write, first_index, entries, |run, write, index, entry| {
        run.take(write, index, entry, false).map(drop)
    })?;
    run.finish(write, first_index, entries.len())
}

/// Entries of one log on their way into the tables.
struct Run {
    origin: Origin,
    right: Right,
    known: Known,
    /// Keys that had a row before.
    stored: BTreeSet<ObjectKey>,
    /// Changed objects with the index that changed them last.
    changed: BTreeMap<ObjectKey, u64>,
    touched: project::Touched,
    /// Members changed of which other root authorities spoke as well.
    precedes: bool,
}

impl Run {
    fn new(write: &mut Write<'_>, origin: Origin) -> Result<Self, Fault> {
        let right = right::load(&mut write.as_read(), &origin)?;
        Ok(Self {
            origin,
            right,
            stored: BTreeSet::new(),
            known: BTreeMap::new(),
            changed: BTreeMap::new(),
            touched: project::Touched::default(),
            precedes: false,
        })
    }

    /// Takes entries one by one, with what some of them at a time look at or change in memory.
    fn take_all(
        &mut self,
        write: &mut Write<'_>,
        first_index: u64,
        entries: &[Parsed],
        mut take: impl FnMut(&mut Self, &mut Write<'_>, u64, &Parsed) -> Result<(), Fault>,
    ) -> Result<(), Fault> {
        let mut numbered = (first_index..).zip(entries).peekable();
        while numbered.peek().is_some() {
            let mut part = Vec::new();
            let mut keys = BTreeSet::new();
            while keys.len() < NEEDS_MAX
                && let Some((index, entry)) = numbered.next()
            {
                keys.extend(entry.iter().flat_map(|e| catalog::needs(&e.fact, &self.origin)));
                part.push((index, entry));
            }
            self.known = objects::load(&mut write.as_read(), &keys)?;
            self.stored = self.known.keys().cloned().collect();
            for (index, entry) in part {
                take(self, write, index, entry)?;
            }
            self.save(write)?;
        }
        Ok(())
    }

    /// Writes what changed.
    fn save(&mut self, write: &mut Write<'_>) -> Result<(), Fault> {
        let changed = std::mem::take(&mut self.changed);
        let changed = changed.iter().filter_map(|(key, index)| {
            let stored = self.stored.contains(key);
            let object = self.known.get(key)?;
            Some(objects::Changed { key, object, index: *index, stored })
        });
        objects::save(write, changed)
    }

    /// Takes one entry; gives the log that must be folded again because its right changed.
    fn take(
        &mut self,
        write: &mut Write<'_>,
        index: u64,
        entry: &Parsed,
        with_members: bool,
    ) -> Result<Option<Origin>, Fault> {
        let entry = match entry {
            Ok(entry) => entry,
            Err(reason) => {
                UnfoldedRow::unread((&self.origin, index), reason).keep(write)?;
                return Ok(None);
            }
        };
        if let Fact::ForkWitnessed(fork) = &entry.fact {
            return self.fork(write, index, fork).map(|()| None);
        }
        if !is_member_entry(&entry.fact) {
            self.fold(write, index, entry)?;
            return Ok(None);
        }
        if with_members { self.member(write, index, entry) } else { Ok(None) }
    }

    fn member(
        &mut self,
        write: &mut Write<'_>,
        index: u64,
        entry: &Entry,
    ) -> Result<Option<Origin>, Fault> {
        let at = (self.origin.clone(), index);
        match members::apply(write, (&at.0, at.1), entry)? {
            Err(reason) => {
                let at = (&self.origin, index);
                UnfoldedRow::quarantined(at, entry.fact.kind(), &reason).keep(write)?;
                Ok(None)
            }
            Ok(applied) => {
                self.precedes |= applied.precedes;
                let Some(refold) = applied.refold else { return Ok(None) };
                let own = refold.origin == self.origin;
                if own {
                    self.right = right::load(&mut write.as_read(), &self.origin)?;
                }
                // A root that admits itself in its first entry has said nothing before.
                Ok((!own || refold.from < index).then_some(refold.origin))
            }
        }
    }

    /// Evidence of a fork proves itself, whoever tells of it. What is kept is what this node can
    /// tell again.
    fn fork(&mut self, write: &mut Write<'_>, index: u64, fork: &Fork) -> Result<(), Fault> {
        let at = (&self.origin, index);
        match fork.normal() {
            Ok(fork) => forks::record(write, at, &fork),
            Err(reason) => UnfoldedRow::quarantined(at, "fork.witnessed", &reason).keep(write),
        }
    }

    fn fold(&mut self, write: &mut Write<'_>, index: u64, entry: &Entry) -> Result<(), Fault> {
        let changes = match judge(&self.right, (&self.origin, index), entry, &self.known) {
            Ok(changes) => changes,
            Err(row) => return row.keep(write),
        };
        for change in changes {
            let before = self.known.insert(change.key.clone(), change.object.clone());
            self.touched.note(before.as_ref(), &change.object);
            self.changed.insert(change.key, index);
        }
        Ok(())
    }

    fn finish(self, write: &mut Write<'_>, first_index: u64, count: usize) -> Result<(), Fault> {
        project::products(write, &self.origin, &self.touched)?;
        if first_index == 0 {
            folds::note(write, &self.origin)?;
        }
        let folded = first_index.saturating_add(u64::try_from(count).unwrap_or(u64::MAX));
        diesel::update(logs::table.filter(logs::origin.eq(self.origin.to_string())))
            .set(logs::folded_size.eq(i64::try_from(folded).unwrap_or(i64::MAX)))
            .execute(&mut **write)?;
        Ok(())
    }
}

pub(crate) fn is_member_entry(fact: &Fact) -> bool {
    matches!(
        fact,
        Fact::MemberAdmitted(_)
            | Fact::MemberSuspended(_)
            | Fact::MemberReinstated(_)
            | Fact::MemberWithdrawn(_)
    )
}

/// What an entry changes in the catalog, or why it counts for nothing.
pub(crate) fn judge(
    right: &Right,
    (origin, index): (&Origin, u64),
    entry: &Entry,
    known: &Known,
) -> Result<Vec<Change>, UnfoldedRow> {
    let refused =
        |reason: &dyn Refusal| UnfoldedRow::quarantined((origin, index), entry.fact.kind(), reason);
    let division = right.voice(origin, index).map_err(|reason| refused(&reason))?;
    let located = Located { origin, index, division };
    catalog::decide(entry, &located, known).map_err(|reason| refused(&reason))
}
