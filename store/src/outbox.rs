//! The outbox: what must happen outside (a message to a peer, a notice to a person) is a row
//! written in the transaction that decides it, and carried out by a job afterwards, again and again
//! until it is done. Receivers must accept repeats.

mod parked;

use std::fmt;

use diesel::prelude::*;
use lianshi_registry::{backoff::Backoff, time::Timestamp};

use crate::{
    db::{Read, Write},
    dialect::insert_if_absent,
    fault::Fault,
    notices,
    schema::outbox,
};

pub use parked::{
    LetterRefusal, PARKED_MAX, ParkedLetter, TOO_LARGE, Unreached, give_up, park, parked,
    parked_count, send_again, unreached,
};

/// Pauses between two attempts. A peer that comes back is served within seconds of its return,
/// since a new connection also wakes the job.
pub const RETRY: Backoff = Backoff::new(500, 30_000);

/// Rows of the outbox that are counted at most: what a close leaves for an absent node is not read
/// whenever somebody asks how much waits.
pub const COUNTED_MAX: i64 = 10_000;

/// How many rows wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Waiting {
    /// So many.
    Exactly(i64),
    /// At least one more; how many is not counted.
    MoreThan(i64),
}

impl Waiting {
    /// How many were counted.
    pub fn counted(self) -> i64 {
        match self {
            Self::Exactly(count) | Self::MoreThan(count) => count,
        }
    }
}

impl fmt::Display for Waiting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exactly(count) => write!(f, "{count}"),
            Self::MoreThan(count) => write!(f, "more than {count}"),
        }
    }
}

/// Something to be done outside.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable, Insertable)]
#[diesel(table_name = outbox)]
pub struct OutboxRow {
    /// Unique and sortable in the order of one `ordering_key`; a repeat of the same id is ignored.
    pub id: String,
    /// What kind of job: `market.message`, `usage.report`, `statement`, `notice`.
    pub kind: String,
    /// The node it goes to, or who hears of it outside the federation ([`crate::notices`]).
    pub target: String,
    /// Rows with the same key are done one after the other, by id.
    pub ordering_key: String,
    /// The bytes to send.
    pub payload: Vec<u8>,
    /// When it was written.
    pub created_at: i64,
    /// Not before.
    pub due_at: i64,
    /// Attempts so far.
    pub attempts: i64,
    /// What the last attempt ended with.
    pub last_error: String,
}

impl OutboxRow {
    /// A row that nobody has tried yet, due at once. Named by `(id, ordering_key)`; `payload` was
    /// written at a time.
    pub fn new(
        kind: &str,
        (id, ordering_key): (&str, &str),
        target: &str,
        (payload, now): (Vec<u8>, Timestamp),
    ) -> Self {
        Self {
            id: id.to_owned(),
            kind: kind.to_owned(),
            target: target.to_owned(),
            ordering_key: ordering_key.to_owned(),
            payload,
            created_at: now.millis(),
            due_at: now.millis(),
            attempts: 0,
            last_error: String::new(),
        }
    }
}

/// Writes a row; the id makes it idempotent.
pub fn enqueue(write: &mut Write<'_>, row: &OutboxRow) -> Result<bool, Fault> {
    Ok(insert_if_absent!(write, outbox::table, row)?)
}

/// Puts a letter before all others of its target, and those that go before it in its queue, for an
/// ending or a key that was taken back: it must not wait behind a thousand statements, however
/// often it was tried.
pub fn hurry(write: &mut Write<'_>, (id, ordering_key): (&str, &str)) -> Result<(), Fault> {
    let up_to_it = outbox::ordering_key.eq(ordering_key).and(outbox::id.le(id));
    diesel::update(outbox::table.filter(up_to_it))
        .set(outbox::urgent.eq(true))
        .execute(&mut **write)?;
    Ok(())
}

/// The rows of a query that are due, the urgent before the others and of either the oldest first,
/// only the first of each ordering key. No pause is longer than that of [`RETRY`]: what would be
/// due later than that was written before the clock was set back, and is due now. Written as a
/// macro, because the types of queries differ.
macro_rules! due_of {
    ($read:expr, $rows:expr, $now:expr, $limit:expr) => {{
        let earlier = diesel::alias!(outbox as earlier);
        let is_due = outbox::due_at
            .le($now.millis())
            .or(outbox::due_at.gt($now.plus_millis(RETRY.max_ms()).millis()));
        $rows
            .filter(is_due)
            .filter(diesel::dsl::not(diesel::dsl::exists(
                earlier
                    .filter(earlier.field(outbox::ordering_key).eq(outbox::ordering_key))
                    .filter(earlier.field(outbox::id).lt(outbox::id)),
            )))
            .order((outbox::urgent.desc(), outbox::due_at.asc(), outbox::id.asc()))
            .limit($limit)
            .select(OutboxRow::as_select())
            .load(&mut **$read)
    }};
}

/// Letters to nodes that are due, the urgent first, only the first of each ordering key.
pub fn due(read: &mut Read<'_>, now: Timestamp, limit: i64) -> Result<Vec<OutboxRow>, Fault> {
    let to_nodes = outbox::table.filter(outbox::target.not_like(notices::OUTSIDE));
    Ok(due_of!(read, to_nodes, now, limit)?)
}

/// The same for one target, whatever it is.
pub fn due_to(
    read: &mut Read<'_>,
    target: &str,
    (now, limit): (Timestamp, i64),
) -> Result<Vec<OutboxRow>, Fault> {
    Ok(due_of!(read, outbox::table.filter(outbox::target.eq(target)), now, limit)?)
}

/// The targets that a letter is due for which is the first of its ordering key. Walks from one to
/// the next, however much waits for each.
pub fn targets_due(read: &mut Read<'_>, now: Timestamp) -> Result<Vec<String>, Fault> {
    let mut targets = Vec::new();
    let mut after = String::new();
    loop {
        let Some(target) = next_target(read, &after)? else { return Ok(targets) };
        let due = due_to(read, &target, (now, 1))?;
        targets.extend(due.into_iter().map(|letter| letter.target));
        after = target;
    }
}

/// The next node that anything waits for, by name.
fn next_target(read: &mut Read<'_>, after: &str) -> Result<Option<String>, Fault> {
    Ok(outbox::table
        .filter(outbox::target.gt(after))
        .order(outbox::target.asc())
        .select(outbox::target)
        .first(&mut **read)
        .optional()?)
}

/// How many rows wait, of the first [`COUNTED_MAX`].
pub fn waiting(read: &mut Read<'_>) -> Result<Waiting, Fault> {
    let counted: Vec<i64> = outbox::table
        .order(outbox::due_at.asc())
        .limit(COUNTED_MAX + 1)
        .select(outbox::due_at)
        .load(&mut **read)?;
    let count = i64::try_from(counted.len()).unwrap_or(i64::MAX);
    Ok(if count > COUNTED_MAX { Waiting::MoreThan(COUNTED_MAX) } else { Waiting::Exactly(count) })
}

/// The job is done: the row goes.
pub fn done(write: &mut Write<'_>, id: &str) -> Result<(), Fault> {
    diesel::delete(outbox::table.filter(outbox::id.eq(id))).execute(&mut **write)?;
    Ok(())
}

/// The attempt failed: tried again later, with a growing pause.
pub fn failed(write: &mut Write<'_>, id: &str, error: &str, now: Timestamp) -> Result<(), Fault> {
    let attempts: Option<i64> = outbox::table
        .filter(outbox::id.eq(id))
        .select(outbox::attempts)
        .first(&mut **write)
        .optional()?;
    let Some(attempts) = attempts else { return Ok(()) };
    let failures = u32::try_from(attempts.saturating_add(1)).unwrap_or(u32::MAX);
    diesel::update(outbox::table.filter(outbox::id.eq(id)))
        .set((
            outbox::attempts.eq(attempts + 1),
            outbox::due_at.eq(now.plus_millis(RETRY.pause_ms(failures)).millis()),
            outbox::last_error.eq(error),
        ))
        .execute(&mut **write)?;
    Ok(())
}

/// Since when the receiver of a letter has been answering that it may take it later; `None` where
/// it did not answer so the last time.
pub(crate) fn put_off_since(read: &mut Read<'_>, id: &str) -> Result<Option<Timestamp>, Fault> {
    let since: Option<Option<i64>> = outbox::table
        .filter(outbox::id.eq(id))
        .select(outbox::put_off_since)
        .first(&mut **read)
        .optional()?;
    Ok(since.flatten().map(Timestamp::from_millis))
}

/// The receiver answered, at a time, that it may take a letter later; or it did not answer.
pub(crate) fn put_off(write: &mut Write<'_>, id: &str, at: Option<Timestamp>) -> Result<(), Fault> {
    let letter = outbox::table.filter(outbox::id.eq(id));
    let Some(at) = at else {
        let never: Option<i64> = None;
        diesel::update(letter).set(outbox::put_off_since.eq(never)).execute(&mut **write)?;
        return Ok(());
    };
    diesel::update(letter.filter(outbox::put_off_since.is_null()))
        .set(outbox::put_off_since.eq(at.millis()))
        .execute(&mut **write)?;
    Ok(())
}

/// A peer came back: what would be due later, because it was tried, is due now.
pub fn wake(write: &mut Write<'_>, target: &str, now: Timestamp) -> Result<(), Fault> {
    let tried = outbox::target.eq(target).and(outbox::attempts.gt(0));
    diesel::update(outbox::table.filter(tried).filter(outbox::due_at.gt(now.millis())))
        .set(outbox::due_at.eq(now.millis()))
        .execute(&mut **write)?;
    Ok(())
}
