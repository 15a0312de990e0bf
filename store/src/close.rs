//! Closing a period: one transaction that pins the inputs, rates every subscription, posts the
//! ledger, divides what each product earned, seals the result in the log and writes the letters.
//! Before its commit nothing happened; after it everything did, and closing again gives the same
//! answer. Subscriptions stream through in pages. What cannot be computed for one subscription or
//! product is set aside with its reason and tried again by the next close.

mod counts;
pub(crate) mod lines;
mod parked;
mod periods;
mod post;
mod run;
mod subjects;
mod verify;

use diesel::prelude::*;
use lianshi_registry::{
    entry::{ENTRY_VERSION, Entry, Fact, StatementSealed},
    refusal::Refusal,
    time::{Period, Timestamp},
};

pub use parked::{ParkedView, parked_in, waiting};
pub(crate) use periods::latest as latest_closed;
pub use periods::{PeriodState, PeriodView, period, periods};
pub use verify::{Recomputed, recompute};

use crate::{
    Failure, Fault, Site, Write,
    audit::{self, Act, Actor},
    crash, log, recovery,
    schema::{periods as periods_table, usage_months},
    subscriptions::correspondence,
};
use run::Closed;

/// Why a period is not closed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CloseRefusal {
    /// The period is still running.
    #[error("{period} runs until {ends_at}; close it then")]
    Unfinished {
        /// The period.
        period: Period,
        /// Its first instant after.
        ends_at: Timestamp,
    },
    /// An earlier period has something to bill and is open.
    #[error("{earlier} is still open and has something to bill; close it before {period}")]
    EarlierOpen {
        /// The period asked for.
        period: Period,
        /// The one to close first.
        earlier: Period,
    },
    /// This node was restored, and other nodes have not told yet what was said since.
    #[error("contracts with {nodes} may have ended meanwhile; close when they have answered")]
    Awaiting {
        /// The nodes that have contracts here, by name.
        nodes: String,
    },
    /// A later period was closed without it.
    #[error("{latest} was closed already; what is found of {period} now goes into the next close")]
    Passed {
        /// The period asked for.
        period: Period,
        /// The latest closed one.
        latest: Period,
    },
}

impl Refusal for CloseRefusal {
    fn code(&self) -> &'static str {
        match self {
            Self::Unfinished { .. } => "period.unfinished",
            Self::EarlierOpen { .. } => "period.earlier_open",
            Self::Awaiting { .. } => "period.awaiting",
            Self::Passed { .. } => "period.passed",
        }
    }
}

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
    /// The result is in the log.
    Sealed,
}

/// Closes a period and tells each step; an error from `step` ends the close without a trace.
pub fn close_with(
    site: &Site,
    actor: &Actor,
    period: Period,
    step: &mut dyn FnMut(Step) -> Result<(), Fault>,
) -> Result<CloseResult, Failure<CloseRefusal>> {
    let now = site.now();
    let mut close = || close_once(site, actor, (period, now), step);
    let result = match close() {
        // PostgreSQL found the rows of a close that committed in between: that close is the answer.
        Err(Failure::Fault(fault)) if fault.is_duplicate() => close(),
        done => done,
    }?;
    site.nudge();
    Ok(result)
}

fn close_once(
    site: &Site,
    actor: &Actor,
    (period, now): (Period, Timestamp),
    step: &mut dyn FnMut(Step) -> Result<(), Fault>,
) -> Result<CloseResult, Failure<CloseRefusal>> {
    site.db.write(|write| {
        if let Some(closed) = periods::closed(&mut write.as_read(), period)? {
            return Ok(CloseResult { period: closed, repeated: true });
        }
        // After what is closed already: a clock set back does not open it again.
        if now < period.end() {
            let ends_at = period.end();
            return Err(Failure::Refused(CloseRefusal::Unfinished { period, ends_at }));
        }
        // Before the work: nothing could be sealed at its end.
        recovery::ensure_recovered(&mut write.as_read())?;
        let awaited = correspondence::awaited_homes(&mut write.as_read(), period)?;
        if !awaited.is_empty() {
            let nodes = awaited.join(", ");
            return Err(Failure::Refused(CloseRefusal::Awaiting { nodes }));
        }
        periods::check_order(&mut write.as_read(), period)?;
        let closed = run::run(write, site, (period, now), step)?;
        seal(write, site, actor, (closed, now))?;
        step(Step::Sealed)?;
        crash::point("close.sealed");
        let closed = periods::closed(&mut write.as_read(), period)?
            .ok_or_else(|| Fault::corrupt("periods", "the period just closed"))?;
        Ok(CloseResult { period: closed, repeated: false })
    })
}

/// Where the meter stands: the ingest bound.
fn meter(write: &mut Write<'_>) -> Result<i64, Fault> {
    let last: Option<i64> =
        usage_months::table.select(diesel::dsl::max(usage_months::last_seq)).first(&mut **write)?;
    Ok(last.unwrap_or(0))
}

fn seal(
    write: &mut Write<'_>,
    site: &Site,
    actor: &Actor,
    (closed, now): (Closed, Timestamp),
) -> Result<(), Fault> {
    let Closed { inputs, outcome, park } = closed;
    let hash = hex::encode(outcome.result_hash);
    let entry = Entry {
        v: ENTRY_VERSION,
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
    let number = |value: u64| i64::try_from(value).map_err(|e| Fault::corrupt("periods", e));
    diesel::insert_into(periods_table::table)
        .values((
            periods_table::period.eq(inputs.period.to_string()),
            periods_table::state.eq(PeriodState::Closed.as_str()),
            periods_table::event_to.eq(inputs.event_to),
            periods_table::ingest_to.eq(inputs.ingest_to),
            periods_table::closed_at.eq(now.millis()),
            periods_table::closed_by.eq(&actor.name),
            periods_table::statement_count.eq(number(outcome.statement_count)?),
            periods_table::calls.eq(number(outcome.calls)?),
            periods_table::total_fen.eq(outcome.total.fen()),
            periods_table::result_hash.eq(outcome.result_hash.to_vec()),
            periods_table::log_index.eq(number(log_index)?),
        ))
        .execute(&mut **write)?;
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
    park.write(write, actor)
}
