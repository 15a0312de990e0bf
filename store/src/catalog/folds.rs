//! Which version of the fold made the tables of each log. After an upgrade they are those of
//! before, and served, until the log is folded again ([`super::fold_anew`]).

use std::collections::BTreeMap;

use diesel::prelude::*;
use lianshi_registry::{catalog::FOLD_VERSION, id::Origin};

use crate::{
    Fault, Read, Write,
    schema::{log_folds, logs},
};

/// How far the tables are what this program makes of the logs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FoldState {
    /// The version of this program's fold.
    pub version: u32,
    /// Logs with entries.
    pub logs: u64,
    /// Those of them that are not folded again yet.
    pub behind: u64,
}

impl FoldState {
    /// Whether the digest can be compared with that of other nodes that fold as this one does.
    pub fn is_whole(&self) -> bool {
        self.behind == 0
    }
}

/// How far the tables are what this program makes of the logs.
pub fn fold_state(read: &mut Read<'_>) -> Result<FoldState, Fault> {
    let with_entries = logs::table.filter(logs::size.gt(0));
    let logs: i64 = with_entries.count().get_result(&mut **read)?;
    let count = |rows| u64::try_from(rows).unwrap_or_default();
    let behind = u64::try_from(behind(read)?.len()).unwrap_or(u64::MAX);
    Ok(FoldState { version: FOLD_VERSION, logs: count(logs), behind })
}

/// The logs whose tables an older version made, with the number of their entries. What a newer
/// program made beside this one stays: the two would fold it by turns.
pub(super) fn behind(read: &mut Read<'_>) -> Result<Vec<(Origin, u64)>, Fault> {
    let folds: Vec<(String, i64)> = log_folds::table.load(&mut **read)?;
    let folds: BTreeMap<String, i64> = folds.into_iter().collect();
    let held: Vec<(String, i64)> = logs::table
        .filter(logs::size.gt(0))
        .order(logs::origin.asc())
        .select((logs::origin, logs::size))
        .load(&mut **read)?;
    let is_older = |origin: &String| {
        folds.get(origin).is_none_or(|version| *version < i64::from(FOLD_VERSION))
    };
    let behind = held.into_iter().filter(|(origin, _)| is_older(origin));
    behind
        .map(|(origin, size)| {
            let origin = Origin::parse(&origin).map_err(|e| Fault::corrupt("logs", e))?;
            Ok((origin, u64::try_from(size).map_err(|e| Fault::corrupt("logs", e))?))
        })
        .collect()
}

/// Notes that this program's fold made the tables of a log.
pub(crate) fn note(write: &mut Write<'_>, origin: &Origin) -> Result<(), Fault> {
    let row = log_folds::table.find(origin.to_string());
    diesel::delete(row).execute(&mut **write)?;
    diesel::insert_into(log_folds::table)
        .values((
            log_folds::origin.eq(origin.to_string()),
            log_folds::version.eq(i64::from(FOLD_VERSION)),
        ))
        .execute(&mut **write)?;
    Ok(())
}
