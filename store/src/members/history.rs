//! The history of a member: every entry of a root authority's log that admitted, revised,
//! suspended, reinstated or withdrew it, by place, so that a page can show what each says. And what
//! a member last said of the program it runs.

use std::collections::BTreeMap;

use diesel::prelude::*;
use lianshi_registry::id::{NodeName, Origin};

use crate::{
    Fault, Read, Site, Write,
    dialect::insert_if_absent,
    schema::{member_entries, peer_versions},
};

/// Entries of a member's history that are shown: a change a month for eight years.
pub const HISTORY_MAX: i64 = 100;
/// Longest version that is kept, in characters: what a peer says of itself is foreign text.
const VERSION_CHARS_MAX: usize = 40;

/// Notes that the entry at a place was about a member and changed it.
pub(crate) fn note(
    write: &mut Write<'_>,
    (origin, index): (&Origin, u64),
    node: &NodeName,
) -> Result<(), Fault> {
    let row = (
        member_entries::origin.eq(origin.to_string()),
        member_entries::entry_index.eq(i64::try_from(index).unwrap_or(i64::MAX)),
        member_entries::node.eq(node.as_str()),
    );
    insert_if_absent!(write, member_entries::table, row)?;
    Ok(())
}

/// Where the entries about a member stand, the newest of each log first, at most [`HISTORY_MAX`].
pub fn history(read: &mut Read<'_>, node: &NodeName) -> Result<Vec<(Origin, u64)>, Fault> {
    let rows: Vec<(String, i64)> = member_entries::table
        .filter(member_entries::node.eq(node.as_str()))
        .order((member_entries::origin.asc(), member_entries::entry_index.desc()))
        .limit(HISTORY_MAX)
        .select((member_entries::origin, member_entries::entry_index))
        .load(&mut **read)?;
    rows.into_iter()
        .map(|(origin, index)| {
            let corrupt = |what: String| Fault::corrupt("member_entries", what);
            let origin = Origin::parse(&origin).map_err(|e| corrupt(e.to_string()))?;
            Ok((origin, u64::try_from(index).map_err(|e| corrupt(e.to_string()))?))
        })
        .collect()
}

/// Keeps what a peer says of the program it runs. Characters outside printable ASCII are left out.
pub fn heard_version(site: &Site, node: &NodeName, said: &str) -> Result<(), Fault> {
    let version: String =
        said.chars().filter(char::is_ascii_graphic).take(VERSION_CHARS_MAX).collect();
    let row = || peer_versions::table.find(node.as_str());
    let known: Option<String> = site.db.read(|read| {
        let known = row().select(peer_versions::version).first(&mut **read);
        known.optional().map_err(Fault::from)
    })?;
    if known.as_ref() == Some(&version) {
        return Ok(());
    }
    site.db.write(|write| {
        diesel::delete(row()).execute(&mut **write)?;
        diesel::insert_into(peer_versions::table)
            .values((peer_versions::node.eq(node.as_str()), peer_versions::version.eq(&version)))
            .execute(&mut **write)?;
        Ok(())
    })
}

/// What peers last said of the programs they run.
pub fn versions(read: &mut Read<'_>) -> Result<BTreeMap<String, String>, Fault> {
    let rows: Vec<(String, String)> = peer_versions::table.load(&mut **read)?;
    Ok(rows.into_iter().collect())
}
