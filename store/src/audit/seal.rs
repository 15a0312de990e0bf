//! The head of the trail, sealed into the node's own log at intervals: how many rows there are, and
//! the hash of the last. The chain of hashes tells an edit in the middle; what is cut off at its
//! end leaves a shorter chain that is whole. The log is public, replicated and signed, so a trail
//! that says less than its seals has been cut, and everybody can see since when.

use diesel::prelude::*;
use lianshi_registry::{
    entry::{AuditSealed, Entry, Fact},
    member::Status,
    refusal::Refusal,
    time::Timestamp,
};
use serde::{Deserialize, Serialize};

use super::{Act, Actor, record};
use crate::{
    Failure, Fault, Read, Site, Write, log, members, recovery, schema::audit_rows, setting,
};

/// Rows that are worth a seal before their hour is over: fewer than an intruder's visit leaves.
pub const SEAL_ROWS_MIN: i64 = 20;
/// The least time between two seals: at most 144 entries a day, whatever happens to the trail.
pub const SEAL_PAUSE_MS: i64 = 10 * 60_000;
/// The longest a row waits for its seal.
pub const SEAL_AGE_MS: i64 = 60 * 60_000;

/// The newest seal, and from where the trail goes on after a loss that is not sealed yet.
const LAST: &str = "audit.sealed";
const RESUMED: &str = "audit.resumed_from";
/// Entries looked at at once: bounds memory at a few MiB.
pub(super) const ENTRIES_AT_ONCE: u64 = 1024;

/// A seal, as the log has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seal {
    /// Index of the entry in the node's own log.
    pub index: u64,
    /// When it was written.
    pub at: Timestamp,
    /// Rows of the trail then.
    pub rows: i64,
    /// Hash of the last of them, in hexadecimal.
    pub head: String,
    /// The last row that was left when the trail went on after a restored backup.
    pub resumed_from: Option<i64>,
}

impl Seal {
    /// From an entry of the log, if it is one.
    pub(super) fn of(index: u64, entry: Entry) -> Option<Self> {
        let Fact::AuditSealed(body) = entry.fact else { return None };
        // More rows than a database can have contradict every trail, which is what they should do.
        let signed = |value: u64| i64::try_from(value).unwrap_or(i64::MAX);
        Some(Self {
            index,
            at: entry.at,
            rows: signed(body.rows),
            head: body.head,
            resumed_from: body.resumed_from.map(signed),
        })
    }
}

/// Why the trail is not sealed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SealRefusal {
    /// The trail is not the one that was sealed before: whoever sealed it now would cover that up.
    #[error(
        "the audit trail has {held} rows and contradicts the seal of {} rows in entry {} of the \
         own log, of {}: rows were cut off or changed",
        seal.rows, seal.index, seal.at
    )]
    Contradicted {
        /// The seal.
        seal: Seal,
        /// Rows the trail has.
        held: i64,
    },
}

impl Refusal for SealRefusal {
    fn code(&self) -> &'static str {
        match self {
            Self::Contradicted { .. } => "audit.seal_contradicted",
        }
    }
}

/// When the trail is sealed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// When enough rows wait, or one waited long enough.
    Due,
    /// When any row waits: the node stops.
    Now,
    /// When rows were lost and nobody was told: the node has just recovered.
    Loss,
}

/// Seals the head of the trail into the own log, if it is time. Gives the index of the entry. A
/// node that may not append now, because it must recover or is no active member, seals nothing. The
/// caller signs the new head.
pub fn seal(site: &Site, when: When) -> Result<Option<u64>, Failure<SealRefusal>> {
    let now = site.now();
    site.db.write(|write| {
        if !may_seal(&mut write.as_read(), site)? {
            return Ok(None);
        }
        if let Some(refusal) = contradiction(&mut write.as_read())? {
            return Err(Failure::Refused(refusal));
        }
        let resumed_from: Option<i64> = setting::read(&mut write.as_read(), RESUMED)?;
        if when == When::Loss && resumed_from.is_none() {
            return Ok(None);
        }
        let last: Option<Seal> = setting::read(&mut write.as_read(), LAST)?;
        let Some((rows, head)) = due(&mut write.as_read(), last.as_ref(), (when, now))? else {
            return Ok(None);
        };
        let body = AuditSealed {
            rows: u64::try_from(rows).map_err(|e| Fault::corrupt("audit_rows", e))?,
            head: hex::encode(&head),
            resumed_from: resumed_from.and_then(|row| u64::try_from(row).ok()),
        };
        let entry = Entry { at: now, by: site.node.to_string(), fact: Fact::AuditSealed(body) };
        let indexes = log::append(write, &site.origin, &[entry], now)?;
        let index = indexes.first().copied().unwrap_or_default();
        let seal = Seal { index, at: now, rows, head: hex::encode(head), resumed_from };
        setting::write(write, LAST, &seal)?;
        setting::forget(write, RESUMED)?;
        Ok(Some(index))
    })
}

fn may_seal(read: &mut Read<'_>, site: &Site) -> Result<bool, Fault> {
    if recovery::pending(read)?.is_some() {
        return Ok(false);
    }
    let member = members::by_origin(read, &site.origin)?;
    Ok(member.is_some_and(|member| member.status() == Status::Active))
}

/// The newest row, when it is to be sealed.
fn due(
    read: &mut Read<'_>,
    last: Option<&Seal>,
    (when, now): (When, Timestamp),
) -> Result<Option<(i64, Vec<u8>)>, Fault> {
    let newest: Option<(i64, Vec<u8>)> = audit_rows::table
        .select((audit_rows::seq, audit_rows::hash))
        .order(audit_rows::seq.desc())
        .first(&mut **read)
        .optional()?;
    let sealed = last.map_or(0, |seal| seal.rows);
    let Some((rows, hash)) = newest.filter(|(rows, _)| *rows > sealed) else { return Ok(None) };
    let oldest: Option<i64> = audit_rows::table
        .filter(audit_rows::seq.gt(sealed))
        .order(audit_rows::seq.asc())
        .select(audit_rows::at)
        .first(&mut **read)
        .optional()?;
    let since = |at: i64| now.millis().saturating_sub(at);
    let rested = last.is_none_or(|seal| since(seal.at.millis()) >= SEAL_PAUSE_MS);
    let waited = oldest.is_some_and(|at| since(at) >= SEAL_AGE_MS);
    let is_due = when != When::Due || (rested && (rows - sealed >= SEAL_ROWS_MIN || waited));
    Ok(is_due.then_some((rows, hash)))
}

/// Whether the trail contradicts its newest seal: one look, for what is asked often.
/// [`super::check`] compares all of them with the log itself.
pub fn contradiction(read: &mut Read<'_>) -> Result<Option<SealRefusal>, Fault> {
    let Some(seal) = setting::read::<Seal>(read, LAST)? else { return Ok(None) };
    if fits(read, &seal)? {
        return Ok(None);
    }
    Ok(Some(SealRefusal::Contradicted { seal, held: rows(read)? }))
}

fn fits(read: &mut Read<'_>, seal: &Seal) -> Result<bool, Fault> {
    let hash: Option<Vec<u8>> =
        audit_rows::table.find(seal.rows).select(audit_rows::hash).first(&mut **read).optional()?;
    Ok(hash.is_some_and(|hash| hex::encode(hash) == seal.head))
}

fn rows(read: &mut Read<'_>) -> Result<i64, Fault> {
    let last: Option<i64> =
        audit_rows::table.select(diesel::dsl::max(audit_rows::seq)).first(&mut **read)?;
    Ok(last.unwrap_or(0))
}

/// A node that recovered has its log back, and of its trail what the backup held. Where the log has
/// seals of more, the loss becomes a row of the trail, and the next seal tells everybody from which
/// row it goes on. Nothing else may take back a seal.
pub(crate) fn resume(write: &mut Write<'_>, site: &Site) -> Result<(), Fault> {
    let Some(newest) = newest(&mut write.as_read(), site)? else {
        return setting::forget(write, LAST);
    };
    setting::write(write, LAST, &newest)?;
    if fits(&mut write.as_read(), &newest)? {
        return Ok(());
    }
    let held = rows(&mut write.as_read())?;
    let act = Act {
        at: site.now(),
        actor: &Actor::node(),
        action: "trail.resume",
        object: &format!("{} {}", site.origin, newest.index),
        outcome: "done",
        before: &newest.rows.to_string(),
        after: &held.to_string(),
    };
    record(write, &act)?;
    setting::forget(write, LAST)?;
    setting::write(write, RESUMED, &held)
}

/// The newest seal of the own log.
fn newest(read: &mut Read<'_>, site: &Site) -> Result<Option<Seal>, Fault> {
    let mut end = log::head(read, &site.origin)?.map_or(0, |head| head.size);
    while end > 0 {
        let from = end.saturating_sub(ENTRIES_AT_ONCE);
        let entries = log::entries(read, &site.origin, from, end - from)?;
        let parsed = crate::fold::parse(&entries);
        let seals = (from..).zip(parsed).filter_map(|(index, entry)| Seal::of(index, entry.ok()?));
        if let Some(seal) = seals.last() {
            return Ok(Some(seal));
        }
        end = from;
    }
    Ok(None)
}
