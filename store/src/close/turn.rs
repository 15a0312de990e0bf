//! Who may close: one process at a time, for as long as it lives. A lock of the data folder ends
//! with the process that holds it, however that ends; what the process writes is held against its
//! attempt besides, so that one that lost its turn writes nothing more.

use std::{
    fs::{File, TryLockError},
    io::ErrorKind,
};

use diesel::prelude::*;
use lianshi_market::close::Inputs;
use lianshi_registry::time::{Period, Timestamp};

use super::{CloseRefusal, meter};
use crate::{
    Failure, Fault, Read, Site, Write, accounts::random_hex, audit::Actor, db::pause, private,
    recovery, schema::closings, setting,
};

/// Held by whoever closes.
const LOCK: &str = "close.lock";
/// How often the turn is asked for before it is somebody else's: who looks whether it is taken
/// holds the file for a moment.
const TRIES: u32 = 5;
/// Between two tries, in milliseconds.
const PAUSE_MS: u64 = 10;
/// Random bytes of an attempt: nobody makes the same twice.
const ATTEMPT_BYTES: usize = 16;

/// The turn to close; ends when it is dropped.
pub(super) struct Turn {
    _lock: File,
}

impl Turn {
    /// Takes the turn; `None` while somebody else has it.
    pub(super) fn take(site: &Site) -> Result<Option<Self>, Fault> {
        let path = site.folder.join(LOCK);
        let open = private::options().create(true).truncate(false).open(&path);
        let lock = open.map_err(|error| Fault::file(&path, error))?;
        for _ in 0..TRIES {
            match lock.try_lock() {
                Ok(()) => return Ok(Some(Self { _lock: lock })),
                Err(TryLockError::WouldBlock) => pause(PAUSE_MS),
                Err(TryLockError::Error(error)) => return Err(Fault::file(&path, error)),
            }
        }
        Ok(None)
    }

    /// Whether somebody has the turn at this moment.
    pub(super) fn is_taken(site: &Site) -> Result<bool, Fault> {
        let path = site.folder.join(LOCK);
        let lock = match File::open(&path) {
            Ok(lock) => lock,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(false),
            Err(error) => return Err(Fault::file(&path, error)),
        };
        match lock.try_lock_shared() {
            Ok(()) => Ok(false),
            Err(TryLockError::WouldBlock) => Ok(true),
            Err(TryLockError::Error(error)) => Err(Fault::file(&path, error)),
        }
    }
}

/// A close that is under way, for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Underway {
    /// The period.
    pub period: Period,
    /// Since when.
    pub since: Timestamp,
    /// By whom: a login, or `node`.
    pub by: String,
    /// Subscriptions rated so far.
    pub done: u64,
    /// How many there are.
    pub total: u64,
}

impl std::fmt::Display for Underway {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { period, since, by, done, total } = self;
        write!(f, "{period} is being closed by {by} since {since}: {done} of {total} subscriptions")
    }
}

/// A close with what it is pinned to.
pub(super) struct Attempt {
    id: String,
    pub inputs: Inputs,
}

#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = closings)]
struct ClosingRow {
    period: String,
    attempt: String,
    begun_at: i64,
    begun_by: String,
    ingest_to: i64,
    done: i64,
    total: i64,
}

fn parsed<T, E: std::fmt::Display>(outcome: Result<T, E>) -> Result<T, Fault> {
    outcome.map_err(|error| Fault::corrupt("closings", error))
}

impl Attempt {
    /// Begins the close of a period: pins it to where the meter stands.
    pub(super) fn begin(
        write: &mut Write<'_>,
        site: &Site,
        (actor, period, now): (&Actor, Period, Timestamp),
    ) -> Result<Self, Fault> {
        meet(write)?;
        let id = random_hex::<ATTEMPT_BYTES>()?;
        let ingest_to = meter(&mut write.as_read())?;
        let row = ClosingRow {
            period: period.to_string(),
            attempt: id.clone(),
            begun_at: now.millis(),
            begun_by: actor.name.clone(),
            ingest_to,
            done: 0,
            total: 0,
        };
        diesel::insert_into(closings::table).values(&row).execute(&mut **write)?;
        let inputs = Inputs::new(site.node.clone(), site.division.clone(), period, ingest_to);
        Ok(Self { id, inputs })
    }

    /// Notes how far it is; refuses when another close took over.
    pub(super) fn go_on(
        &self,
        write: &mut Write<'_>,
        (done, total): (u64, u64),
    ) -> Result<(), Failure<CloseRefusal>> {
        recovery::ensure_recovered(&mut write.as_read())?;
        let count = |count: u64| parsed(i64::try_from(count));
        let mine = closings::table
            .filter(closings::period.eq(self.inputs.period.to_string()))
            .filter(closings::attempt.eq(&self.id));
        let still = diesel::update(mine)
            .set((closings::done.eq(count(done)?), closings::total.eq(count(total)?)))
            .execute(&mut **write)?;
        if still == 1 { Ok(()) } else { Err(self.superseded()) }
    }

    /// Ends it with its seal; refuses when another close took over.
    pub(super) fn end(&self, write: &mut Write<'_>) -> Result<(), Failure<CloseRefusal>> {
        let mine = closings::table
            .filter(closings::period.eq(self.inputs.period.to_string()))
            .filter(closings::attempt.eq(&self.id));
        let still = diesel::delete(mine).execute(&mut **write)?;
        if still == 1 { Ok(()) } else { Err(self.superseded()) }
    }

    fn superseded(&self) -> Failure<CloseRefusal> {
        Failure::Refused(CloseRefusal::Superseded { period: self.inputs.period })
    }
}

/// The close that is under way, or that was ended before its seal.
pub(super) fn underway(read: &mut Read<'_>) -> Result<Option<Underway>, Fault> {
    let row: Option<ClosingRow> = closings::table
        .order(closings::period.asc())
        .select(ClosingRow::as_select())
        .first(&mut **read)
        .optional()?;
    let Some(row) = row else { return Ok(None) };
    Ok(Some(Underway {
        period: parsed(Period::parse(&row.period))?,
        since: Timestamp::from_millis(row.begun_at),
        by: row.begun_by,
        done: parsed(u64::try_from(row.done))?,
        total: parsed(u64::try_from(row.total))?,
    }))
}

/// Row of `node_state` that is written where a close begins, and where something is decided that it
/// must know of: PostgreSQL lets only one of two such transactions through at a time.
const MET: &str = "close.met";

/// Meets whoever begins a close, or decides something that it must know of.
pub(super) fn meet(write: &mut Write<'_>) -> Result<(), Fault> {
    let met: u64 = setting::read(&mut write.as_read(), MET)?.unwrap_or(0);
    setting::write(write, MET, &(met + 1))
}

/// Nobody goes on with the attempts there are.
pub(super) fn supersede(write: &mut Write<'_>) -> Result<(), Fault> {
    diesel::update(closings::table).set(closings::attempt.eq("")).execute(&mut **write)?;
    Ok(())
}

/// Forgets an attempt.
pub(super) fn forget(write: &mut Write<'_>, period: Period) -> Result<(), Fault> {
    diesel::delete(closings::table.find(period.to_string())).execute(&mut **write)?;
    Ok(())
}
