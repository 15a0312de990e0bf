//! Rebuilding: everything the catalog tables hold is thrown away and folded again from the stored
//! logs. The digest must come out the same; if not, the tables had drifted and are right again now.

use diesel::prelude::*;
use lianshi_registry::id::Origin;

use super::{anew, change, digest, index, objects, project, words};
use crate::{
    db::{Db, Write},
    fault::Fault,
    fold::{self, unfolded},
    log,
    schema::{
        catalog_counts, catalog_objects, catalog_parties, catalog_products, catalog_unshared, logs,
    },
};

/// Entries folded at once: bounds memory at a few MiB.
const FOLD_ENTRIES: u64 = 1024;

/// What a rebuild found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rebuilt {
    /// Digest before.
    pub before: [u8; 32],
    /// Digest after.
    pub after: [u8; 32],
    /// Logs folded.
    pub logs: u64,
    /// Entries folded or quarantined.
    pub entries: u64,
}

/// Folds every stored log again in one transaction. `progress` hears how many entries of how many
/// are done.
pub fn rebuild(db: &Db, progress: &dyn Fn(u64, u64)) -> Result<Rebuilt, Fault> {
    words::prepare();
    anew::read_members(db)?;
    let rebuilt = db.write(|write| {
        let before = digest(&mut write.as_read())?;
        let noted = change::newest(&mut write.as_read())?;
        // Found by the words of before until they are indexed anew.
        index::mark_all(write)?;
        diesel::delete(catalog_counts::table).execute(&mut **write)?;
        diesel::delete(catalog_products::table).execute(&mut **write)?;
        diesel::delete(catalog_parties::table).execute(&mut **write)?;
        diesel::delete(catalog_unshared::table).execute(&mut **write)?;
        diesel::delete(catalog_objects::table).execute(&mut **write)?;
        // Entries about members are not folded again here, so what was said about them stays.
        unfolded::forget_all(write)?;
        let logs = stored_logs(write)?;
        let total: u64 = logs.iter().map(|(_, size)| size).sum();
        let mut done = 0;
        for (origin, size) in &logs {
            fold_again(write, origin, *size, &mut |count| {
                done += count;
                progress(done, total);
            })?;
        }
        change::note_rest(write, noted)?;
        let after = digest(&mut write.as_read())?;
        let logs = u64::try_from(logs.len()).unwrap_or(u64::MAX);
        Ok::<_, Fault>(Rebuilt { before, after, logs, entries: total })
    })?;
    index(db)?;
    Ok(rebuilt)
}

/// Forgets what one log said and folds it again: its node's right to speak changed.
pub(crate) fn refold(write: &mut Write<'_>, origin: &Origin) -> Result<(), Fault> {
    let text = origin.to_string();
    objects::forget_log(write, origin)?;
    project::of_log(write, origin)?;
    unfolded::forget_log(write, origin)?;
    let size: Option<i64> = logs::table
        .filter(logs::origin.eq(&text))
        .select(logs::size)
        .first(&mut **write)
        .optional()?;
    let size = u64::try_from(size.unwrap_or_default()).unwrap_or_default();
    fold_again(write, origin, size, &mut |_| {})
}

fn stored_logs(write: &mut Write<'_>) -> Result<Vec<(Origin, u64)>, Fault> {
    let rows: Vec<(String, i64)> =
        logs::table.select((logs::origin, logs::size)).load(&mut **write)?;
    let mut logs = Vec::with_capacity(rows.len());
    for (origin, size) in rows {
        let origin = Origin::parse(&origin).map_err(|error| Fault::corrupt("logs", error))?;
        logs.push((origin, u64::try_from(size).unwrap_or_default()));
    }
    logs.sort();
    Ok(logs)
}

fn fold_again(
    write: &mut Write<'_>,
    origin: &Origin,
    size: u64,
    progress: &mut dyn FnMut(u64),
) -> Result<(), Fault> {
    let mut index = 0;
    while index < size {
        let count = FOLD_ENTRIES.min(size - index);
        let entries = log::entries(&mut write.as_read(), origin, index, count)?;
        let found = u64::try_from(entries.len()).unwrap_or_default();
        if found != count {
            return Err(Fault::corrupt(
                "log_tiles",
                format!("{origin} has {size} entries, but not all from {index} on are stored"),
            ));
        }
        fold::apply_catalog(write, origin, index, &fold::parse(&entries))?;
        index += count;
        progress(count);
    }
    Ok(())
}
