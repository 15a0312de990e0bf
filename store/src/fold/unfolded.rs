//! Entries that are in their log and not in the tables: quarantined ones, which no rule allows, and
//! those that await a newer program, of which nothing is said but that this one cannot read them.

use diesel::prelude::*;
use lianshi_registry::{catalog::Quarantine, id::Origin, refusal::Refusal};

use crate::{
    Fault, Write, dialect::insert_if_absent, members::MEMBER_KINDS, schema::unfolded_entries,
};

/// Why an entry is not in the tables, as stored.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable, Insertable)]
#[diesel(table_name = unfolded_entries)]
pub(crate) struct UnfoldedRow {
    pub awaiting: bool,
    pub origin: String,
    pub entry_index: i64,
    pub kind: String,
    pub code: String,
    pub reason: String,
}

impl UnfoldedRow {
    /// An entry of a kind that counts for nothing.
    pub(crate) fn quarantined(
        (origin, index): (&Origin, u64),
        kind: &str,
        reason: &dyn Refusal,
    ) -> Self {
        Self {
            awaiting: false,
            origin: origin.to_string(),
            entry_index: i64::try_from(index).unwrap_or(i64::MAX),
            kind: kind.to_owned(),
            code: reason.code().to_owned(),
            reason: reason.to_string(),
        }
    }

    /// An entry that could not be read.
    pub(crate) fn unread(at: (&Origin, u64), reason: &Quarantine) -> Self {
        match reason.newer() {
            Some(newer) => Self { awaiting: true, ..Self::quarantined(at, newer.kind(), reason) },
            None => Self::quarantined(at, "", reason),
        }
    }

    /// Keeps it.
    pub(crate) fn keep(self, write: &mut Write<'_>) -> Result<(), Fault> {
        insert_if_absent!(write, unfolded_entries::table, self)?;
        Ok(())
    }
}

/// Forgets what is kept of one entry.
pub(crate) fn forget(write: &mut Write<'_>, (origin, index): (&Origin, u64)) -> Result<(), Fault> {
    for awaiting in [false, true] {
        let index = i64::try_from(index).unwrap_or(i64::MAX);
        let row = unfolded_entries::table.find((awaiting, origin.to_string(), index));
        diesel::delete(row).execute(&mut **write)?;
    }
    Ok(())
}

/// Forgets what is kept of a log before its catalog entries are folded again. Entries about members
/// are judged elsewhere ([`super::members_anew`]), so what was said about them stays.
pub(crate) fn forget_log(write: &mut Write<'_>, origin: &Origin) -> Result<(), Fault> {
    for awaiting in [false, true] {
        let told = unfolded_entries::table
            .filter(unfolded_entries::awaiting.eq(awaiting))
            .filter(unfolded_entries::origin.eq(origin.to_string()))
            .filter(unfolded_entries::kind.not_like(MEMBER_KINDS));
        diesel::delete(told).execute(&mut **write)?;
    }
    Ok(())
}

/// The same for all logs.
pub(crate) fn forget_all(write: &mut Write<'_>) -> Result<(), Fault> {
    let told = unfolded_entries::kind.not_like(MEMBER_KINDS);
    diesel::delete(unfolded_entries::table.filter(told)).execute(&mut **write)?;
    Ok(())
}
