//! The outbox: what must happen outside (a message to a peer, a notice to a person) is a row
//! written in the transaction that decides it, and carried out by a job afterwards, again and again
//! until it is done. Receivers must accept repeats.

mod parked;

use diesel::prelude::*;
use lianshi_registry::time::Timestamp;

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

/// Longest pause between two attempts: a peer that comes back is served within seconds of its
/// return, since a new connection also wakes the job.
pub const RETRY_MS_MAX: i64 = 30_000;
/// First pause after a failed attempt; doubles with each.
pub const RETRY_MS_FIRST: i64 = 500;

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

/// Writes a row; the id makes it idempotent.
pub fn enqueue(write: &mut Write<'_>, row: &OutboxRow) -> Result<bool, Fault> {
    Ok(insert_if_absent!(write, outbox::table, row)?)
}

/// Puts the untried letters of an ordering key before all others of their target, for an ending or
/// a key that was taken back: it must not wait behind a thousand statements.
pub fn hurry(write: &mut Write<'_>, ordering_key: &str) -> Result<(), Fault> {
    let untried = outbox::ordering_key.eq(ordering_key).and(outbox::attempts.eq(0));
    diesel::update(outbox::table.filter(untried))
        .set(outbox::due_at.eq(0))
        .execute(&mut **write)?;
    Ok(())
}

/// The rows of a query that are due, oldest first, only the first of each ordering key. No pause is
/// longer than [`RETRY_MS_MAX`]: what would be due later than that was written before the clock was
/// set back, and is due now. Written as a macro, because the types of queries differ.
macro_rules! due_of {
    ($read:expr, $rows:expr, $now:expr, $limit:expr) => {{
        let earlier = diesel::alias!(outbox as earlier);
        let is_due = outbox::due_at
            .le($now.millis())
            .or(outbox::due_at.gt($now.plus_millis(RETRY_MS_MAX).millis()));
        $rows
            .filter(is_due)
            .filter(diesel::dsl::not(diesel::dsl::exists(
                earlier
                    .filter(earlier.field(outbox::ordering_key).eq(outbox::ordering_key))
                    .filter(earlier.field(outbox::id).lt(outbox::id)),
            )))
            .order((outbox::due_at.asc(), outbox::id.asc()))
            .limit($limit)
            .select(OutboxRow::as_select())
            .load(&mut **$read)
    }};
}

/// Letters to nodes that are due, oldest first, only the first of each ordering key.
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

/// How many rows wait.
pub fn waiting(read: &mut Read<'_>) -> Result<i64, Fault> {
    Ok(outbox::table.count().get_result(&mut **read)?)
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
    let doublings = u32::try_from(attempts.clamp(0, 16)).unwrap_or(16);
    let pause = RETRY_MS_FIRST.saturating_mul(1_i64 << doublings).min(RETRY_MS_MAX);
    diesel::update(outbox::table.filter(outbox::id.eq(id)))
        .set((
            outbox::attempts.eq(attempts + 1),
            outbox::due_at.eq(now.plus_millis(pause).millis()),
            outbox::last_error.eq(error),
        ))
        .execute(&mut **write)?;
    Ok(())
}

/// A peer came back: what would be due later is due now.
pub fn wake(write: &mut Write<'_>, target: &str, now: Timestamp) -> Result<(), Fault> {
    let later = outbox::target.eq(target).and(outbox::due_at.gt(now.millis()));
    diesel::update(outbox::table.filter(later))
        .set(outbox::due_at.eq(now.millis()))
        .execute(&mut **write)?;
    Ok(())
}
