//! Closing a period, while people call. The bounds are pinned in a short transaction; then the
//! subscriptions are rated page by page, each page read in a snapshot and written as drafts; a
//! short transaction seals the result in the log; and what is sealed is carried into the books page
//! by page. Before the seal nothing happened, and what an attempt left behind is swept away; after
//! it everything will, whoever is stopped: the next close or the serving process goes on. Closing
//! again gives the same answer. What cannot be computed for one subscription or product is set
//! aside with its reason and tried again by the next close. See
//! `docs/decisions/0020-how-a-close-is-staged.md`.

mod carry;
mod counts;
mod drafts;
pub(crate) mod lines;
mod missed;
mod parked;
mod periods;
mod recall;
mod refusal;
mod run;
mod shares;
mod subjects;
mod turn;
mod verify;

use diesel::prelude::*;
use lianshi_market::close::{Inputs, Outcome};
use lianshi_registry::{
    entry::{Entry, Fact, StatementSealed},
    time::{Period, Timestamp},
};

pub use parked::{ParkedView, parked_in, waiting};
pub(crate) use periods::{BILLED, latest as latest_begun, latest_recovered};
pub use periods::{ClosedView, PeriodState, PeriodView, period, periods};
pub use recall::{Missing, recover_period};
pub use refusal::CloseRefusal;
pub use turn::Underway;
pub use verify::{Recomputed, recompute};

use crate::{
    Failure, Fault, Read, Site, Write,
    audit::{self, Act, Actor},
    crash, log, recovery,
    schema::{number_series, periods as periods_table, usage_months},
    subscriptions::correspondence,
};
use run::Computed;
use turn::{Attempt, Turn};

/// Pause after each page, in milliseconds: as long as a page holds the one write lock of SQLite,
/// which has no queue, so that whoever waits for it finds it free.
pub(crate) const PAUSE_MS: u64 = 20;

/// What closing a period came to, now or the first time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CloseResult {
    /// The period with its pinned inputs, counts, total and result hash.
    pub period: PeriodView,
    /// It had been closed before; nothing was changed now.
    pub repeated: bool,
}

/// Closes a period of this node's books. Closing a closed period again returns what it came to.
pub fn close_period(
    site: &Site,
    actor: &Actor,
    period: Period,
) -> Result<CloseResult, Failure<CloseRefusal>> {
    close_with(site, actor, period, &mut |_| Ok(()))
}

/// How far a close is; tests stop it here, the command line shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// This many subscriptions are rated and written.
    Rated {
        /// Subscriptions rated so far.
        subscriptions: u64,
        /// How many there are.
        of: u64,
    },
    /// Every product is divided.
    Divided,
    /// The result is about to be in the log.
    Sealed,
    /// Documents of a sealed close stand in the books.
    Carried {
        /// The period.
        period: Period,
        /// How many of its documents are left.
        left: u64,
    },
}

/// Closes a period and tells each step; an error from `step` up to [`Step::Sealed`] ends the close
/// without a trace, a later one only until somebody goes on.
pub fn close_with(
    site: &Site,
    actor: &Actor,
    period: Period,
    step: &mut dyn FnMut(Step) -> Result<(), Fault>,
) -> Result<CloseResult, Failure<CloseRefusal>> {
    let is_whole = |view: &ClosedView| view.to_carry == 0;
    if let Some(view) = site.db.read(|read| periods::closed(read, period))?
        && view.closed.as_ref().is_some_and(is_whole)
    {
        return Ok(CloseResult { period: view, repeated: true });
    }
    let turn = take_turn(site, step)?;
    let attempt = site.db.write(|write| begin(write, site, (actor, period)))?;
    let repeated = attempt.is_none();
    if let Some(attempt) = attempt {
        let sealed = run::run(site, &attempt, step)
            .and_then(|computed| seal(site, actor, (&attempt, &computed), step));
        if sealed.is_err() {
            // What cannot be removed now is removed before the next close.
            let _ = drafts::sweep(&turn, site);
        }
        sealed?;
        carry_if_possible(&turn, site, step)?;
    }
    site.nudge();
    Ok(CloseResult { period: made(site, period)?, repeated })
}

/// The close that was just made. Where a backup of before it was brought back meanwhile, it has
/// not happened here.
fn made(site: &Site, period: Period) -> Result<PeriodView, Failure<CloseRefusal>> {
    site.db.read(|read| {
        if let Some(view) = periods::closed(read, period)? {
            return Ok(view);
        }
        recovery::ensure_recovered(read)?;
        Err(Failure::Refused(CloseRefusal::Superseded { period }))
    })
}

/// Carries what is sealed. Where the machine cannot at the moment the close is made all the same:
/// the period says what is left, and it is tried again.
fn carry_if_possible(
    turn: &Turn,
    site: &Site,
    step: &mut dyn FnMut(Step) -> Result<(), Fault>,
) -> Result<(), Fault> {
    match carry::carry(turn, site, step) {
        Err(fault) if fault.is_transient() => {
            tracing::warn!(%fault, "what a close sealed is written into the books later");
            Ok(())
        }
        carried => carried,
    }
}

/// Goes on with what a close that was ended left: sweeps away what was not sealed, and carries what
/// was into the books. Cheap where there is nothing, and does nothing while somebody closes.
pub fn go_on(site: &Site) -> Result<(), Fault> {
    let is_idle = |read: &mut Read<'_>| {
        Ok::<_, Fault>(turn::underway(read)?.is_none() && unfinished(read)?.is_none())
    };
    if site.db.read(is_idle)? {
        return Ok(());
    }
    let Some(turn) = Turn::take(site)? else { return Ok(()) };
    drafts::sweep(&turn, site)?;
    carry::carry(&turn, site, &mut |_| Ok(()))?;
    site.nudge();
    Ok(())
}

/// Whether documents that this node sealed do not stand in its books: a close was forgotten and not
/// put together yet, or not carried yet.
pub(crate) fn lacks_documents(read: &mut Read<'_>, site: &Site) -> Result<bool, Fault> {
    Ok(unfinished(read)?.is_some() || recall::forgotten(read, site)?.is_some())
}

/// The first period that is sealed and does not stand in the books yet.
pub(crate) fn unfinished(read: &mut Read<'_>) -> Result<Option<Period>, Fault> {
    drafts::sealed(read, 1)?.first().map(drafts::DraftRow::period).transpose()
}

/// Begins the close of a period; `None` when it is closed.
fn begin(
    write: &mut Write<'_>,
    site: &Site,
    (actor, period): (&Actor, Period),
) -> Result<Option<Attempt>, Failure<CloseRefusal>> {
    let now = site.now();
    if periods::closed(&mut write.as_read(), period)?.is_some() {
        return Ok(None);
    }
    // After what is closed already: a clock set back does not open it again.
    if now < period.end() {
        let ends_at = period.end();
        return Err(Failure::Refused(CloseRefusal::Unfinished { period, ends_at }));
    }
    // Before the work: nothing could be sealed at its end.
    recovery::ensure_recovered(&mut write.as_read())?;
    // The first one, whichever is asked for: they come back in their order.
    if let Some(sealed) = recall::forgotten(&mut write.as_read(), site)? {
        let StatementSealed { period, statement_count: statements, result_hash } = sealed.entry;
        let forgotten = CloseRefusal::Forgotten { period, statements, result_hash };
        return Err(Failure::Refused(forgotten));
    }
    ensure_asked(write, period)?;
    periods::check_order(&mut write.as_read(), period)?;
    Ok(Some(Attempt::begin(write, site, (actor, period, now))?))
}

/// Refuses while homes with contracts of a period have not been asked since a recovery.
fn ensure_asked(write: &mut Write<'_>, period: Period) -> Result<(), Failure<CloseRefusal>> {
    let awaited = correspondence::awaited_homes(&mut write.as_read(), period)?;
    if awaited.is_empty() {
        return Ok(());
    }
    Err(Failure::Refused(CloseRefusal::Awaiting { nodes: awaited.join(", ") }))
}

/// A recovery is over: whoever was closing before it writes nothing more.
pub(crate) fn forget_attempts(write: &mut Write<'_>) -> Result<(), Fault> {
    turn::supersede(write)
}

/// Waits, in the database, for whoever begins a close at the same moment: what is decided in this
/// transaction is decided before the close reads, or knows of it.
pub(crate) fn meet_begin(write: &mut Write<'_>) -> Result<(), Fault> {
    turn::meet(write)
}

/// Takes the turn, and puts in order what others left.
fn take_turn(
    site: &Site,
    step: &mut dyn FnMut(Step) -> Result<(), Fault>,
) -> Result<Turn, Failure<CloseRefusal>> {
    let Some(turn) = Turn::take(site)? else {
        let underway = site.db.read(turn::underway)?;
        return Err(Failure::Refused(CloseRefusal::Underway(underway.map(Box::new))));
    };
    drafts::sweep(&turn, site)?;
    carry::carry(&turn, site, step)?;
    Ok(turn)
}

/// Where the meter stands: the ingest bound.
fn meter(read: &mut Read<'_>) -> Result<i64, Fault> {
    let last: Option<i64> =
        usage_months::table.select(diesel::dsl::max(usage_months::last_seq)).first(&mut **read)?;
    Ok(last.unwrap_or(0))
}

/// Seals what an attempt came to: the period, its entry in the log, and what was set aside.
fn seal(
    site: &Site,
    actor: &Actor,
    (attempt, computed): (&Attempt, &Computed),
    step: &mut dyn FnMut(Step) -> Result<(), Fault>,
) -> Result<(), Failure<CloseRefusal>> {
    let (inputs, outcome) = (&attempt.inputs, &computed.outcome);
    let hash = hex::encode(outcome.result_hash);
    site.db.write(|write| {
        let now = site.now();
        attempt.end(write)?;
        if drafts::left(&mut write.as_read(), inputs.period)? != computed.drafts {
            let period = inputs.period;
            return Err(Failure::Refused(CloseRefusal::Superseded { period }));
        }
        let entry = Entry {
            at: now,
            by: site.node.to_string(),
            fact: Fact::StatementSealed(StatementSealed {
                period: inputs.period,
                statement_count: outcome.statement_count,
                result_hash: hash.clone(),
            }),
        };
        let indexes = log::append(write, &site.origin, &[entry], now)?;
        let log_index = indexes.first().copied().unwrap_or_default();
        let row =
            Sealed { state: PeriodState::Closed.as_str(), hash: outcome.result_hash, log_index };
        keep_period(write, (inputs, outcome), (actor, now), &row)?;
        let object = inputs.period.to_string();
        let act = Act {
            at: now,
            actor,
            action: "period.close",
            object: &object,
            outcome: "done",
            before: "open",
            after: &hash,
        };
        audit::record(write, &act)?;
        computed.park.write(write, (actor, now))?;
        step(Step::Sealed)?;
        crash::point("close.sealed");
        Ok(())
    })
}

/// What the log says of a close.
struct Sealed {
    state: &'static str,
    hash: [u8; 32],
    log_index: u64,
}

/// Writes the row of a period, and where its series of numbers ends.
fn keep_period(
    write: &mut Write<'_>,
    (inputs, outcome): (&Inputs, &Outcome),
    (actor, now): (&Actor, Timestamp),
    sealed: &Sealed,
) -> Result<(), Fault> {
    let number = |value: u64| i64::try_from(value).map_err(|e| Fault::corrupt("periods", e));
    diesel::insert_into(periods_table::table)
        .values((
            periods_table::period.eq(inputs.period.to_string()),
            periods_table::state.eq(sealed.state),
            periods_table::event_to.eq(inputs.event_to),
            periods_table::ingest_to.eq(inputs.ingest_to),
            periods_table::closed_at.eq(now.millis()),
            periods_table::closed_by.eq(&actor.name),
            periods_table::statement_count.eq(number(outcome.statement_count)?),
            periods_table::calls.eq(number(outcome.calls)?),
            periods_table::total_fen.eq(outcome.total.fen()),
            periods_table::result_hash.eq(sealed.hash.to_vec()),
            periods_table::log_index.eq(number(sealed.log_index)?),
        ))
        .execute(&mut **write)?;
    if outcome.statement_count > 0 {
        let last_number = number_series::last_number.eq(number(outcome.statement_count)?);
        diesel::insert_into(number_series::table)
            .values((number_series::series.eq(inputs.series()), last_number))
            .execute(&mut **write)?;
    }
    Ok(())
}
