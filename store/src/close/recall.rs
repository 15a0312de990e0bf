//! A close that the node's own log knows and its books forgot: put together again from the
//! statements that the enterprises' nodes hold under this node's seal. It is never made anew: other
//! statements under the same numbers would contradict those.

use diesel::prelude::*;
use lianshi_market::close::{
    Inputs, Parked, ParkedKind, Run, StatementDocument, Takings, statement_number,
};
use lianshi_registry::time::Period;

use super::{
    CloseRefusal, CloseResult, PeriodState, Sealed, Step, carry_if_possible,
    drafts::{self, DraftRow, SubjectRow},
    ensure_asked, keep_period, made, meter,
    parked::{Park, Waiting},
    periods::closed,
    shares::{self, Stretches},
    take_turn,
};
use crate::{
    Failure, Fault, Read, Site, Write,
    audit::{self, Act, Actor},
    catalog::{self, SealedClose},
    recovery,
    schema::{periods, recalled_statements},
    subscriptions::correspondence,
};

/// Recalled statements read at once.
const PAGE_STATEMENTS: i64 = 500;

/// The first close that the node's log knows and its books do not.
pub(super) fn forgotten(read: &mut Read<'_>, site: &Site) -> Result<Option<SealedClose>, Fault> {
    let closed: Vec<String> = periods::table.select(periods::period).load(&mut **read)?;
    for period in catalog::sealed_closes(read, &site.origin)? {
        if !closed.contains(&period.to_string()) {
            return catalog::sealed_close(read, &site.origin, period);
        }
    }
    Ok(None)
}

/// What becomes of statements that have not come back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Missing {
    /// Without them the close is not put together.
    Awaited,
    /// A person says that they are given up: the next close states their months anew, as far as the
    /// meter has them. Only when every node was asked.
    GivenUp,
}

/// Puts a forgotten close together again. Refused as long as one of its statements is missing,
/// unless a person gives those up.
/// Divisions are computed again from the statements and the splits in force; what the close had set
/// aside is not known any more, and comes out of the next close where it still waits.
pub fn recover_period(
    site: &Site,
    actor: &Actor,
    (period, missing): (Period, Missing),
    step: &mut dyn FnMut(Step) -> Result<(), Fault>,
) -> Result<CloseResult, Failure<CloseRefusal>> {
    let turn = take_turn(site, step)?;
    let repeated = site.db.write(|write| {
        if closed(&mut write.as_read(), period)?.is_some() {
            return Ok(true);
        }
        recall(write, site, actor, (period, missing)).map(|()| false)
    })?;
    carry_if_possible(&turn, site, step)?;
    site.nudge();
    Ok(CloseResult { period: made(site, period)?, repeated })
}

fn recall(
    write: &mut Write<'_>,
    site: &Site,
    actor: &Actor,
    (period, given_up): (Period, Missing),
) -> Result<(), Failure<CloseRefusal>> {
    recovery::ensure_recovered(&mut write.as_read())?;
    let Some(sealed) = catalog::sealed_close(&mut write.as_read(), &site.origin, period)? else {
        return Err(Failure::Refused(CloseRefusal::NotForgotten(period)));
    };
    ensure_asked(write, period)?;
    let awaited = correspondence::awaited(&mut write.as_read())?;
    if given_up == Missing::GivenUp && !awaited.is_empty() {
        let nodes: Vec<String> = awaited.iter().map(ToString::to_string).collect();
        return Err(Failure::Refused(CloseRefusal::Awaiting { nodes: nodes.join(", ") }));
    }
    // In their order: what was divided later begins where the earlier one ended.
    let first = forgotten(&mut write.as_read(), site)?.map(|first| first.entry.period);
    if let Some(earlier) = first.filter(|first| *first < period) {
        return Err(Failure::Refused(CloseRefusal::EarlierOpen { period, earlier }));
    }
    let now = site.now();
    // What was billed is what the meter has: it forgot no less than the books.
    let ingest_to = meter(&mut write.as_read())?;
    let inputs = Inputs::new(site.node.clone(), site.division.clone(), period, ingest_to);
    let mut run = Run::begin(inputs.clone());
    let count = sealed.entry.statement_count;
    let waiting = Waiting::load(&mut write.as_read(), period)?;
    let mut park = Park::new(period);
    let (found, missing) = take_statements(write, (&mut run, &mut park), (&inputs, &waiting))?;
    let is_whole = found == count && missing == statement_number(&inputs, count + 1);
    if !is_whole && given_up == Missing::Awaited {
        let refusal = CloseRefusal::Incomplete { period, found, of: count, missing };
        return Err(Failure::Refused(refusal));
    }
    divide(write, site, (&mut run, &mut park), (&waiting.takings, period, found))?;
    let outcome = run.finish();
    let hash = hex::decode(&sealed.entry.result_hash).ok();
    let hash = hash.and_then(|hash| hash.try_into().ok());
    let hash = hash.ok_or_else(|| Fault::corrupt("catalog_objects", "a result hash"))?;
    let state = PeriodState::RECOVERED;
    let row = Sealed { state, hash, log_index: sealed.index };
    keep_period(write, (&inputs, &outcome), (actor, now), &row)?;
    let (object, action) = (period.to_string(), "period.recover");
    let (before, after) = ("forgotten", sealed.entry.result_hash.as_str());
    let outcome = if is_whole { "done" } else { "incomplete" };
    let act = Act { at: now, actor, action, object: &object, outcome, before, after };
    audit::record(write, &act)?;
    Ok(park.write(write, (actor, now))?)
}

/// Takes the statements that came back, in the order of their numbers, as drafts. Gives how many
/// there are and the first number that is not there.
fn take_statements(
    write: &mut Write<'_>,
    (run, park): (&mut Run, &mut Park),
    (inputs, waiting): (&Inputs, &Waiting),
) -> Result<(u64, String), Fault> {
    let period = inputs.period;
    let (mut found, mut first_missing, mut after) = (0_u64, None, String::new());
    loop {
        let rows: Vec<(String, String, Vec<u8>)> = recalled_statements::table
            .filter(recalled_statements::period.eq(period.to_string()))
            .filter(recalled_statements::number.gt(&after))
            .order(recalled_statements::number.asc())
            .limit(PAGE_STATEMENTS)
            .select((
                recalled_statements::number,
                recalled_statements::document,
                recalled_statements::statement_hash,
            ))
            .load(&mut **write)?;
        let Some(last) = rows.last() else { break };
        after.clone_from(&last.0);
        let (mut subjects, mut drafts) = (Vec::new(), Vec::new());
        for (number, text, hash) in rows {
            let document = StatementDocument::read(text.as_bytes())
                .map_err(|error| Fault::corrupt("recalled_statements", error))?;
            found += 1;
            if first_missing.is_none() && number != statement_number(inputs, found) {
                first_missing = Some(statement_number(inputs, found));
            }
            run.take_recorded(&document);
            // What waited and stands on it came out of this close.
            let waits = waiting.months.get(&document.subscription);
            for month in
                document.months().filter(|month| waits.is_some_and(|w| w.contains_key(month)))
            {
                park.take_up(month, ParkedKind::Statement, &document.subscription);
            }
            subjects.push(SubjectRow::recorded(period, document.subscription));
            drafts.push(DraftRow::recalled((period, position(found)?), text, hash));
        }
        drafts::write(write, &subjects, &drafts)?;
    }
    let next = first_missing.unwrap_or_else(|| statement_number(inputs, found + 1));
    Ok((found, next))
}

fn position(place: u64) -> Result<i64, Fault> {
    i64::try_from(place).map_err(|error| Fault::corrupt("close_drafts", error))
}

/// Divides again what waited and what each product earned; what cannot be divided waits, as it may
/// have when the close was made.
fn divide(
    write: &mut Write<'_>,
    site: &Site,
    (run, park): (&mut Run, &mut Park),
    (waiting, period, mut place): (&[Takings], Period, u64),
) -> Result<(), Fault> {
    let mut stretches = Stretches::default();
    let mut drafts = Vec::new();
    let own = run.takings();
    for takings in waiting.iter().chain(&own) {
        let read = &mut write.as_read();
        match shares::divide(read, site, (run, &mut stretches), takings)? {
            Ok(divisions) => {
                for divided in divisions {
                    place += 1;
                    drafts.push(DraftRow::division(period, position(place)?, divided));
                }
                if takings.period != period {
                    let product = takings.product.as_str();
                    park.take_up(takings.period, ParkedKind::Division, product);
                }
            }
            Err(why) if takings.period == period => park.set_aside(&Parked {
                kind: ParkedKind::Division,
                base: takings.earned.base,
                by_operator: takings.earned.by_operator.clone(),
                ..Parked::statement((period, None), takings.product.as_str(), why)
            })?,
            // It waits on.
            Err(_) => {}
        }
    }
    drafts::write(write, &[], &drafts)
}
