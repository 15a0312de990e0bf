//! Folding again after an upgrade, while the tables of before are served. A log is folded from its
//! first entry in memory, in parts and outside any transaction; then only what came out differently
//! is written, some rows at a time, so that no call waits for it. What arrives meanwhile is folded
//! as ever and looked at again here. A process that ends in between begins the log again.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use diesel::prelude::*;
use lianshi_registry::{
    catalog::{self, FOLD_VERSION, Known, Object, ObjectKey, ObjectKind, object_hash},
    entry::{Entry, Fact},
    id::Origin,
    json,
    member::{self, Members, Root},
    merkle::Hash,
};

use super::{
    folds, index, objects,
    project::{self, Touched},
};
use crate::{
    Db, Fault, Read, Write,
    fold::{
        self, Parsed, judge,
        right::{self, Right},
        unfolded::{self, UnfoldedRow},
    },
    forks, log,
    members::{self, MEMBER_KINDS},
    schema::unfolded_entries,
    setting,
};

/// Entries read at once: a bundle.
const READ_AT_ONCE: u64 = 256;
/// Entries whose objects are in memory at once: each looks at two hundred at most.
const FOLDED_AT_ONCE: usize = 16;
/// Name of the setting that holds for which version of the fold [`read_members`] was done.
const MEMBERS_READ: &str = "members_read";
/// Rows changed in one transaction: a fraction of a second, which a call can wait.
const CHANGED_AT_ONCE: usize = 200;

/// Folds again every log whose tables an older version of the fold made. `progress` hears how many
/// entries of how many are done. Gives how many logs there were; cheap when there are none.
pub fn fold_anew(db: &Db, progress: &dyn Fn(u64, u64)) -> Result<u64, Fault> {
    read_members(db)?;
    let behind = db.read(folds::behind)?;
    if behind.is_empty() {
        return Ok(0);
    }
    let total: u64 = behind.iter().map(|(_, size)| size).sum();
    let mut done = 0;
    for (origin, size) in &behind {
        one(db, origin, &|folded| progress(done + folded.min(*size), total))?;
        done += size;
    }
    index(db)?;
    Ok(u64::try_from(behind.len()).unwrap_or(u64::MAX))
}

/// What root authorities said about members and an older program could not read is judged with all
/// else they said, once after an upgrade. What others said about members counts for nothing, and
/// is told so where their logs are folded again.
pub(super) fn read_members(db: &Db) -> Result<(), Fault> {
    let (read, roots) = db.read(|read| {
        Ok::<_, Fault>((setting::read::<u32>(read, MEMBERS_READ)?, members::roots(read)?))
    })?;
    if read == Some(FOLD_VERSION) {
        return Ok(());
    }
    let logs: Vec<String> = roots.iter().flat_map(Root::logs).map(Origin::to_string).collect();
    db.write(|write| {
        let awaiting: Vec<UnfoldedRow> = unfolded_entries::table
            .filter(unfolded_entries::awaiting.eq(true))
            .filter(unfolded_entries::origin.eq_any(&logs))
            .filter(unfolded_entries::kind.like(MEMBER_KINDS))
            .select(UnfoldedRow::as_select())
            .load(&mut **write)?;
        let mut is_any = false;
        for row in awaiting {
            let origin = Origin::parse(&row.origin).map_err(corrupt_entry)?;
            let index = u64::try_from(row.entry_index).map_err(corrupt_entry)?;
            let bytes = log::entry(&mut write.as_read(), &origin, index)?;
            if bytes.is_some_and(|bytes| json::parse_entry(&bytes).is_ok()) {
                is_any = true;
                unfolded::forget(write, (&origin, index))?;
                // Judged anew with those that were refused.
                UnfoldedRow { awaiting: false, ..row }.keep(write)?;
            }
        }
        setting::write(write, MEMBERS_READ, &FOLD_VERSION)?;
        if is_any { fold::members_anew(write) } else { Ok(()) }
    })
}

/// Folds one log again.
fn one(db: &Db, origin: &Origin, progress: &dyn Fn(u64)) -> Result<(), Fault> {
    'begin: loop {
        let mut anew = Anew::begin(db, origin)?;
        if !anew.fold(db, progress)? {
            continue;
        }
        let mut left = db.read(|read| anew.differences(read))?;
        anew.fresh.clear();
        loop {
            let some: Vec<Difference> = left.iter().take(CHANGED_AT_ONCE).cloned().collect();
            let is_last = some.len() == left.len();
            match db.write(|write| anew.apply(write, &some, is_last))? {
                Applied::All if is_last => return Ok(()),
                Applied::All => drop(left.drain(..some.len())),
                Applied::Grown => {
                    if !anew.fold(db, progress)? {
                        continue 'begin;
                    }
                    // What came may have been judged by objects of before.
                    left.extend(anew.fresh.drain(..));
                }
                Applied::Other => continue 'begin,
            }
        }
    }
}

/// What an object is to be.
struct Held {
    text: String,
    index: u64,
}

/// One thing that came out differently.
#[derive(Clone)]
enum Difference {
    Object(ObjectKey),
    Entry(u64),
}

/// How far differences were written.
enum Applied {
    All,
    /// Entries came that are not folded here yet.
    Grown,
    /// What the log's node may say changed, or what it said: its tail was dropped.
    Other,
}

/// A log that is being folded again.
struct Anew<'a> {
    origin: &'a Origin,
    right: Right,
    roots: Vec<Root>,
    /// The next entry.
    next: u64,
    /// The root over those before it.
    root: Option<Hash>,
    objects: BTreeMap<ObjectKey, Held>,
    /// Of entries for which something else is kept than should be, what should.
    unfolded: BTreeMap<u64, Option<UnfoldedRow>>,
    /// Evidence of forks that did not count before.
    forks: BTreeMap<u64, Entry>,
    /// What the entries folded last changed.
    fresh: Vec<Difference>,
}

impl<'a> Anew<'a> {
    fn begin(db: &Db, origin: &'a Origin) -> Result<Self, Fault> {
        let (right, roots) =
            db.read(|read| Ok::<_, Fault>((right::load(read, origin)?, members::roots(read)?)))?;
        Ok(Self {
            origin,
            right,
            roots,
            next: 0,
            root: None,
            objects: BTreeMap::new(),
            unfolded: BTreeMap::new(),
            forks: BTreeMap::new(),
            fresh: Vec::new(),
        })
    }

    /// Folds to the log's end. False when the log is not the one whose beginning was folded.
    fn fold(&mut self, db: &Db, progress: &dyn Fn(u64)) -> Result<bool, Fault> {
        loop {
            let (entries, kept, roots) = db.read(|read| {
                let entries = log::entries(read, self.origin, self.next, READ_AT_ONCE)?;
                let count = u64::try_from(entries.len()).unwrap_or(u64::MAX);
                let before = log::root_at(read, self.origin, self.next)?;
                let after = log::root_at(read, self.origin, self.next.saturating_add(count))?;
                Ok::<_, Fault>((entries, self.kept(read)?, (before, after)))
            })?;
            let (before, after) = roots;
            if before.is_none() || self.root.is_some_and(|root| before != Some(root)) {
                return Ok(false);
            }
            self.root = after;
            if entries.is_empty() {
                return Ok(true);
            }
            for part in fold::parse(&entries).chunks(FOLDED_AT_ONCE) {
                self.take(part, &kept)?;
            }
            progress(self.next);
        }
    }

    /// What is kept of the next entries.
    fn kept(&self, read: &mut Read<'_>) -> Result<BTreeMap<u64, UnfoldedRow>, Fault> {
        let end = self.next.saturating_add(READ_AT_ONCE);
        let signed = |index: u64| i64::try_from(index).unwrap_or(i64::MAX);
        let mut kept = BTreeMap::new();
        for awaiting in [false, true] {
            let rows: Vec<UnfoldedRow> = unfolded_entries::table
                .filter(unfolded_entries::awaiting.eq(awaiting))
                .filter(unfolded_entries::origin.eq(self.origin.to_string()))
                .filter(unfolded_entries::entry_index.ge(signed(self.next)))
                .filter(unfolded_entries::entry_index.lt(signed(end)))
                .select(UnfoldedRow::as_select())
                .load(&mut **read)?;
            for row in rows {
                kept.insert(u64::try_from(row.entry_index).map_err(corrupt_entry)?, row);
            }
        }
        Ok(kept)
    }

    fn take(&mut self, entries: &[Parsed], kept: &BTreeMap<u64, UnfoldedRow>) -> Result<(), Fault> {
        let read = entries.iter().flatten();
        let keys: BTreeSet<ObjectKey> =
            read.flat_map(|entry| catalog::needs(&entry.fact, self.origin)).collect();
        let mut known: Known = Known::new();
        for key in keys {
            if let Some(held) = self.objects.get(&key) {
                known.insert(key, Object::from_text(&held.text).map_err(corrupt_object)?);
            }
        }
        for parsed in entries {
            let index = self.next;
            let kept = kept.get(&index);
            let row = match parsed {
                Err(reason) => Some(UnfoldedRow::unread((self.origin, index), reason)),
                Ok(entry) if fold::is_member_entry(&entry.fact) => self.member(index, entry, kept),
                Ok(entry) => self.entry(index, entry, &mut known),
            };
            if let (Some(_), None, Ok(entry)) = (kept, &row, parsed)
                && matches!(entry.fact, Fact::ForkWitnessed(_))
            {
                self.forks.insert(index, entry.clone());
            }
            if row.as_ref() != kept {
                self.unfolded.insert(index, row);
                self.fresh.push(Difference::Entry(index));
            }
            self.next += 1;
        }
        Ok(())
    }

    /// What root authorities say about members is judged elsewhere, all of it at once; what others
    /// say counts for nothing.
    fn member(&self, index: u64, entry: &Entry, kept: Option<&UnfoldedRow>) -> Option<UnfoldedRow> {
        let at = (self.origin, index);
        match kept {
            Some(row) if row.awaiting => {
                let judged = member::decide(&Members::new(), &self.roots, at, &entry.fact);
                judged.err().map(|no| UnfoldedRow::quarantined(at, entry.fact.kind(), &no))
            }
            kept => kept.cloned(),
        }
    }

    /// Folds one entry, or says why it cannot be.
    fn entry(&mut self, index: u64, entry: &Entry, known: &mut Known) -> Option<UnfoldedRow> {
        let at = (self.origin, index);
        if let Fact::ForkWitnessed(fork) = &entry.fact {
            let refused = fork.normal().err();
            return refused.map(|no| UnfoldedRow::quarantined(at, entry.fact.kind(), &no));
        }
        match judge(&self.right, at, entry, known) {
            Ok(changes) => {
                for change in changes {
                    self.fresh.push(Difference::Object(change.key.clone()));
                    let held = Held { text: change.object.to_text(), index };
                    self.objects.insert(change.key.clone(), held);
                    known.insert(change.key, change.object);
                }
                None
            }
            Err(row) => Some(row),
        }
    }

    /// What is stored otherwise than it came out here.
    fn differences(&self, read: &mut Read<'_>) -> Result<VecDeque<Difference>, Fault> {
        let mut stored = BTreeMap::new();
        for kind in ObjectKind::all() {
            objects::for_each_hash_in_log(read, (*kind, self.origin), |key, hash, index| {
                stored.insert(key, (hash, index));
            })?;
        }
        let mut differences = VecDeque::new();
        for (key, held) in &self.objects {
            let text = key.to_string();
            let same = stored.remove(&text).is_some_and(|(hash, index)| {
                index == held.index && hash == object_hash(&text, &held.text)
            });
            if !same {
                differences.push_back(Difference::Object(key.clone()));
            }
        }
        for text in stored.into_keys() {
            let key =
                ObjectKey::parse(&text).ok_or_else(|| Fault::corrupt("catalog_objects", text))?;
            differences.push_back(Difference::Object(key));
        }
        differences.extend(self.unfolded.keys().copied().map(Difference::Entry));
        Ok(differences)
    }

    /// Writes some of the differences; with the last of them the log is folded by this version.
    fn apply(
        &self,
        write: &mut Write<'_>,
        some: &[Difference],
        is_last: bool,
    ) -> Result<Applied, Fault> {
        let right = right::load(&mut write.as_read(), self.origin)?;
        let root = log::root_at(&mut write.as_read(), self.origin, self.next)?;
        if right != self.right || root.is_none() || root != self.root {
            return Ok(Applied::Other);
        }
        let held = log::head(&mut write.as_read(), self.origin)?;
        if held.map_or(0, |head| head.size) != self.next {
            return Ok(Applied::Grown);
        }
        let mut touched = Touched::default();
        for difference in some {
            match difference {
                Difference::Object(key) => self.set(write, key, &mut touched)?,
                Difference::Entry(index) => {
                    unfolded::forget(write, (self.origin, *index))?;
                    if let Some(Some(row)) = self.unfolded.get(index) {
                        row.clone().keep(write)?;
                    }
                    if let Some(Fact::ForkWitnessed(fork)) =
                        self.forks.get(index).map(|entry| &entry.fact)
                        && let Ok(fork) = fork.normal()
                    {
                        forks::record(write, (self.origin, *index), &fork)?;
                    }
                }
            }
        }
        project::products(write, self.origin, &touched)?;
        if is_last {
            folds::note(write, self.origin)?;
        }
        Ok(Applied::All)
    }

    fn set(
        &self,
        write: &mut Write<'_>,
        key: &ObjectKey,
        touched: &mut Touched,
    ) -> Result<(), Fault> {
        let before = objects::one(&mut write.as_read(), key)?;
        let Some(held) = self.objects.get(key) else {
            if let Some(before) = &before {
                objects::forget(write, key)?;
                touched.note(Some(before), before);
            }
            return Ok(());
        };
        let object = Object::from_text(&held.text).map_err(corrupt_object)?;
        touched.note(before.as_ref(), &object);
        let stored = before.is_some();
        let changed = objects::Changed { key, object: &object, index: held.index, stored };
        objects::save(write, [changed].into_iter())
    }
}

fn corrupt_entry(what: impl ToString) -> Fault {
    Fault::corrupt("unfolded_entries", what)
}

fn corrupt_object(what: impl ToString) -> Fault {
    Fault::corrupt("catalog_objects", what)
}
