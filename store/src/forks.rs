//! Forked logs: evidence that the holder of a log's key signed two histories. It is kept as the
//! logs tell it and proves itself; nothing here ever resolves a fork. Evidence counts for a log
//! only when it was signed with the key this node knows the log by: anybody can sign with a key of
//! their own.

mod compare;

pub use compare::{Seen, compare, examine, examine_every_kept, examine_kept};
pub(crate) use compare::{chance, keep};

use diesel::prelude::*;
use lianshi_registry::{
    entry::{Entry, Fact},
    fork::{Fork, ForkRefusal},
    id::Origin,
    key::PublicKey,
    sync::Conflict,
    time::Timestamp,
};

use crate::{
    Failure, Fault, Site,
    audit::{self, Act, Actor},
    catalog::project_log,
    db::{Read, Write},
    dialect::insert_if_absent,
    log, recovery,
    schema::{forks, logs},
};

/// A forked log, with the evidence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Known {
    /// The proof.
    pub evidence: Fork,
    /// The log that told of it first here.
    pub told_by: Origin,
    /// The index in that log.
    pub told_index: u64,
    /// When this node learned of it.
    pub known_at: Timestamp,
}

type Row = (String, String, i64, i64);

/// Keeps verified evidence that an entry of a log held here tells. What is known already stays as
/// it was learned first.
pub(crate) fn record(
    write: &mut Write<'_>,
    (told_by, index): (&Origin, u64),
    evidence: &Fork,
) -> Result<(), Fault> {
    let text = serde_json::to_string(evidence).map_err(|e| Fault::corrupt("forks", e))?;
    let is_new = insert_if_absent!(
        write,
        forks::table,
        (
            forks::origin.eq(evidence.origin.to_string()),
            forks::log_key.eq(evidence.log_key.to_string()),
            forks::evidence.eq(&text),
            forks::told_by.eq(told_by.to_string()),
            forks::told_index.eq(i64::try_from(index).unwrap_or(i64::MAX)),
            forks::known_at.eq(0),
            forks::told_here.eq(false),
        )
    )?;
    // Evidence under a key that the log is not known by changes nothing here.
    if is_new && is_forked(&mut write.as_read(), &evidence.origin)? {
        project_log(write, &evidence.origin)?;
    }
    Ok(())
}

/// Tells the federation of a fork this node has seen: the evidence is checked, appended to its own
/// log and recorded in the audit trail. `log_key` is the key the log is known by; what is held of
/// the log may be nothing. A node that awaits recovery keeps it, and tells it after that
/// ([`attend`]). Gives whether it was news. The caller nudges the jobs, which sign the new head.
pub fn witness(
    site: &Site,
    log_key: PublicKey,
    conflict: &Conflict,
) -> Result<bool, Failure<ForkRefusal>> {
    let origin = conflict.older.origin();
    let head = site.db.read(|read| log::head(read, origin))?;
    let log_key = head.map_or(log_key, |head| head.log_key);
    let evidence = conflict.evidence(log_key);
    evidence.verify().map_err(Failure::Refused)?;
    let now = site.now();
    site.db.write(|write| {
        log::create_replica(write, origin, log_key)?;
        if is_forked(&mut write.as_read(), origin)? {
            return Ok(false);
        }
        if recovery::pending(&mut write.as_read())?.is_some() {
            record(write, (&site.origin, 0), &evidence)?;
        } else {
            tell(write, site, &evidence)?;
        }
        let act = Act {
            at: now,
            actor: &Actor::node(),
            action: "fork.witnessed",
            object: &origin.to_string(),
            outcome: "frozen",
            before: conflict.older.note(),
            after: conflict.newer.note(),
        };
        audit::record(write, &act)?;
        Ok(true)
    })
}

/// Appends the evidence to the own log, once. Of what this node saw itself, its own entry is where
/// it was told first.
fn tell(write: &mut Write<'_>, site: &Site, evidence: &Fork) -> Result<(), Fault> {
    let entry = Entry {
        at: site.now(),
        by: site.node.to_string(),
        fact: Fact::ForkWitnessed(Box::new(evidence.clone())),
    };
    let indexes = log::append(write, &site.origin, std::slice::from_ref(&entry), site.now())?;
    let row = || forks::table.find((evidence.origin.to_string(), evidence.log_key.to_string()));
    diesel::update(row()).set(forks::told_here.eq(true)).execute(&mut **write)?;
    let index = indexes.first().and_then(|index| i64::try_from(*index).ok()).unwrap_or_default();
    diesel::update(row().filter(forks::told_by.eq(site.origin.to_string())))
        .set(forks::told_index.eq(index))
        .execute(&mut **write)?;
    Ok(())
}

/// Attends to forks that other nodes told of: notes when this node learned of them, for a fold
/// knows no clock, and tells of them in its own log, for whoever told of them may be cut off before
/// everybody has read it; one by one, so that none holds another up. A node that may not append
/// now, because it awaits recovery or its own log is over, tells nothing yet.
pub fn attend(site: &Site) -> Result<(), Fault> {
    let undated = || forks::table.filter(forks::known_at.eq(0));
    let (count, untold) = site.db.read(|read| {
        let count: i64 = undated().count().get_result(&mut **read)?;
        let is_silent = recovery::pending(read)?.is_some() || is_forked(read, &site.origin)?;
        Ok::<_, Fault>((count, if is_silent { Vec::new() } else { untold(read)? }))
    })?;
    if count > 0 {
        let now = site.now().millis();
        site.db.write(|write| {
            diesel::update(undated()).set(forks::known_at.eq(now)).execute(&mut **write)?;
            Ok::<_, Fault>(())
        })?;
    }
    let mut told = Ok(());
    for evidence in &untold {
        // Each is tried, whatever became of those before it.
        told = told.and(site.db.write(|write| tell(write, site, evidence)));
    }
    told
}

/// Evidence that this node has read and not told.
fn untold(read: &mut Read<'_>) -> Result<Vec<Fork>, Fault> {
    let rows: Vec<Row> = known().filter(forks::told_here.eq(false)).load(&mut **read)?;
    rows.into_iter().map(|row| Ok(parse(row)?.evidence)).collect()
}

/// The evidence that counts: under the key by which this node knows the log.
#[diesel::dsl::auto_type]
fn known() -> _ {
    forks::table
        .inner_join(logs::table.on(logs::origin.eq(forks::origin)))
        .filter(forks::log_key.eq(logs::log_key))
        .select((forks::evidence, forks::told_by, forks::told_index, forks::known_at))
}

/// The forked logs this node holds.
pub fn origins(read: &mut Read<'_>) -> Result<Vec<Origin>, Fault> {
    Ok(all(read)?.into_iter().map(|known| known.evidence.origin).collect())
}

/// Whether a log is known to be forked.
pub fn is_forked(read: &mut Read<'_>, origin: &Origin) -> Result<bool, Fault> {
    Ok(of(read, origin)?.is_some())
}

/// The evidence against a log, signed with the key it is known by here.
pub fn of(read: &mut Read<'_>, origin: &Origin) -> Result<Option<Known>, Fault> {
    let row: Option<Row> =
        known().filter(forks::origin.eq(origin.to_string())).first(&mut **read).optional()?;
    row.map(parse).transpose()
}

/// Every forked log this node holds, by origin.
pub fn all(read: &mut Read<'_>) -> Result<Vec<Known>, Fault> {
    let rows: Vec<Row> = known().order(forks::origin.asc()).load(&mut **read)?;
    rows.into_iter().map(parse).collect()
}

fn parse((evidence, told_by, told_index, known_at): Row) -> Result<Known, Fault> {
    Ok(Known {
        evidence: serde_json::from_str(&evidence).map_err(|e| Fault::corrupt("forks", e))?,
        told_by: parse_origin(&told_by)?,
        told_index: u64::try_from(told_index).map_err(|e| Fault::corrupt("forks", e))?,
        known_at: Timestamp::from_millis(known_at),
    })
}

fn parse_origin(text: &str) -> Result<Origin, Fault> {
    Origin::parse(text).map_err(|error| Fault::corrupt("forks", error))
}
