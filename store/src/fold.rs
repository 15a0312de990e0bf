//! From logs to tables: applies entries, in the order of their log, to the members and the catalog.
//! Called in the transaction that stores the entries, whether the node's own or a replica's.

pub(crate) mod right;

use std::collections::{BTreeMap, BTreeSet};

use diesel::prelude::*;
use lianshi_registry::{
    catalog::{self, Known, Located, ObjectKey},
    entry::{Entry, Fact},
    id::Origin,
    refusal::Refusal,
};

use crate::{
    Fault, Write,
    catalog::{objects, project, refold},
    db::Read,
    dialect::insert_if_absent,
    members,
    schema::{logs, quarantined_entries},
};
use right::Right;

/// Applies the entries of `origin` that begin at `first_index`. An entry that does not parse, or
/// that its author had no right to make, is quarantined with the reason and changes nothing else.
pub fn apply(
    write: &mut Write<'_>,
    origin: &Origin,
    first_index: u64,
    entries: &[Vec<u8>],
) -> Result<(), Fault> {
    let mut run = Run::new(write, origin.clone())?;
    let mut again = BTreeSet::new();
    for (index, bytes) in (first_index..).zip(entries) {
        if let Some(origin) = run.take(write, index, bytes, true)? {
            again.insert(origin);
        }
    }
    run.finish(write, first_index, entries.len())?;
    for origin in again {
        refold(write, &origin)?;
    }
    Ok(())
}

/// The same for the catalog alone: members are kept when it is rebuilt.
pub(crate) fn apply_catalog(
    write: &mut Write<'_>,
    origin: &Origin,
    first_index: u64,
    entries: &[Vec<u8>],
) -> Result<(), Fault> {
    let mut run = Run::new(write, origin.clone())?;
    for (index, bytes) in (first_index..).zip(entries) {
        run.take(write, index, bytes, false)?;
    }
    run.finish(write, first_index, entries.len())
}

/// Entries of one log on their way into the tables.
struct Run {
    origin: Origin,
    right: Right,
    known: Known,
    /// Keys looked for already, found or not.
    sought: BTreeSet<ObjectKey>,
    /// Changed objects with the index that changed them last.
    changed: BTreeMap<ObjectKey, u64>,
    touched: project::Touched,
}

impl Run {
    fn new(write: &mut Write<'_>, origin: Origin) -> Result<Self, Fault> {
        let right = right::load(&mut write.as_read(), &origin)?;
        Ok(Self {
            origin,
            right,
            known: Known::new(),
            sought: BTreeSet::new(),
            changed: BTreeMap::new(),
            touched: project::Touched::default(),
        })
    }

    /// Takes one entry; gives the log that must be folded again because its right changed.
    fn take(
        &mut self,
        write: &mut Write<'_>,
        index: u64,
        bytes: &[u8],
        with_members: bool,
    ) -> Result<Option<Origin>, Fault> {
        let entry = match catalog::read_entry(bytes) {
            Ok(entry) => entry,
            Err(reason) => {
                quarantine(write, (&self.origin, index), "", &reason)?;
                return Ok(None);
            }
        };
        if !is_member_entry(&entry.fact) {
            self.fold(write, index, &entry)?;
            return Ok(None);
        }
        if with_members { self.member(write, index, &entry) } else { Ok(None) }
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
                quarantine(write, (&self.origin, index), entry.fact.kind(), &reason)?;
                Ok(None)
            }
            Ok(None) => Ok(None),
            Ok(Some(refold)) => {
                let own = refold.origin == self.origin;
                if own {
                    self.right = right::load(&mut write.as_read(), &self.origin)?;
                }
                // A root that admits itself in its first entry has said nothing before.
                Ok((!own || refold.from < index).then_some(refold.origin))
            }
        }
    }

    fn fold(&mut self, write: &mut Write<'_>, index: u64, entry: &Entry) -> Result<(), Fault> {
        let kind = entry.fact.kind();
        let division = match self.right.voice(&self.origin, index) {
            Ok(division) => division.clone(),
            Err(reason) => return quarantine(write, (&self.origin, index), kind, &reason),
        };
        self.load(&mut write.as_read(), catalog::needs(&entry.fact, &self.origin))?;
        let located = Located { origin: &self.origin, index, division: &division };
        let changes = match catalog::decide(entry, &located, &self.known) {
            Ok(changes) => changes,
            Err(reason) => return quarantine(write, (&self.origin, index), kind, &reason),
        };
        for change in changes {
            let before = self.known.insert(change.key.clone(), change.object.clone());
            self.touched.note(before.as_ref(), &change.object);
            self.changed.insert(change.key, index);
        }
        Ok(())
    }

    fn load(&mut self, read: &mut Read<'_>, keys: Vec<ObjectKey>) -> Result<(), Fault> {
        let known = &self.known;
        let sought = &mut self.sought;
        let unknown: Vec<ObjectKey> = keys
            .into_iter()
            .filter(|key| sought.insert(key.clone()) && !known.contains_key(key))
            .collect();
        if !unknown.is_empty() {
            self.known.extend(objects::load(read, &unknown)?);
        }
        Ok(())
    }

    fn finish(self, write: &mut Write<'_>, first_index: u64, count: usize) -> Result<(), Fault> {
        for (key, index) in &self.changed {
            if let Some(object) = self.known.get(key) {
                objects::save(write, key, object, *index)?;
            }
        }
        project::products(write, &self.origin, &self.touched)?;
        let folded = first_index.saturating_add(u64::try_from(count).unwrap_or(u64::MAX));
        diesel::update(logs::table.filter(logs::origin.eq(self.origin.to_string())))
            .set(logs::folded_size.eq(i64::try_from(folded).unwrap_or(i64::MAX)))
            .execute(&mut **write)?;
        Ok(())
    }
}

fn is_member_entry(fact: &Fact) -> bool {
    matches!(
        fact,
        Fact::MemberAdmitted(_)
            | Fact::MemberSuspended(_)
            | Fact::MemberReinstated(_)
            | Fact::MemberWithdrawn(_)
    )
}

/// Keeps the reason why an entry was not folded.
fn quarantine(
    write: &mut Write<'_>,
    (origin, index): (&Origin, u64),
    kind: &str,
    reason: &dyn Refusal,
) -> Result<(), Fault> {
    let row = (
        quarantined_entries::origin.eq(origin.to_string()),
        quarantined_entries::entry_index.eq(i64::try_from(index).unwrap_or(i64::MAX)),
        quarantined_entries::kind.eq(kind),
        quarantined_entries::code.eq(reason.code()),
        quarantined_entries::reason.eq(reason.to_string()),
    );
    insert_if_absent!(write, quarantined_entries::table, row)?;
    Ok(())
}
