//! Statements that two nodes hold of each other, held against each other after one of them was
//! restored: what was stated and forgotten by either side is told by the other, under both seals.

pub(super) mod take;

use std::collections::BTreeMap;

use diesel::{
    dsl::{exists, not, sql},
    prelude::*,
    sql_types::BigInt,
};
use lianshi_market::{
    close::WaitingState,
    correspondence::{LETTERS_BYTES, MONTHS_MAX, Month, Months, Paper, Papers},
    subscription::Side,
};
use lianshi_registry::{id::NodeName, time::Period};

use crate::{
    Fault, Read,
    schema::{periods, recalled_statements, statements, waiting_statements},
};

pub use take::{compare_months, take_papers};

/// Statements looked at for one answer: of the largest ones, thirty-two MiB.
const PAPERS_AT_ONCE: i64 = 64;
/// Greater than every number of a statement.
const PAST_EVERY_NUMBER: &str = "ST-999999-999999-9999999";

fn corrupt(error: impl std::fmt::Display) -> Fault {
    Fault::corrupt("statements", error)
}

/// The months in which this node and another hold statements of each other.
pub(crate) fn months(read: &mut Read<'_>, other: &NodeName) -> Result<Months, Fault> {
    let mut months = Vec::new();
    for of in [Side::Provider, Side::Home] {
        let mut counts: BTreeMap<String, (i64, i64)> = BTreeMap::new();
        let columns =
            (statements::period, sql::<BigInt>("COUNT(*)"), sql::<BigInt>("COUNT(countersigned)"));
        let rows = statements::table.filter(statements::side.eq(of.as_str()));
        let held: Vec<(String, i64, i64)> = match of {
            Side::Provider => rows
                .filter(statements::home_node.eq(other.as_str()))
                .group_by(statements::period)
                .select(columns)
                .load(&mut **read)?,
            Side::Home => rows
                .filter(statements::provider_node.eq(other.as_str()))
                .group_by(statements::period)
                .select(columns)
                .load(&mut **read)?,
        };
        counts.extend(held.into_iter().map(|(period, all, both)| (period, (all, both))));
        if of == Side::Provider {
            // Those of a close that was forgotten are known as well.
            let recalled: Vec<(String, i64)> = recalled_statements::table
                .filter(recalled_statements::home_node.eq(other.as_str()))
                .filter(not(exists(
                    periods::table.filter(periods::period.eq(recalled_statements::period)),
                )))
                .group_by(recalled_statements::period)
                .select((recalled_statements::period, sql::<BigInt>("COUNT(*)")))
                .load(&mut **read)?;
            for (period, all) in recalled {
                let of_month = counts.entry(period).or_default();
                *of_month = (of_month.0 + all, of_month.1 + all);
            }
        }
        if of == Side::Home {
            let waiting: Vec<(String, i64)> = waiting_statements::table
                .filter(waiting_statements::provider_node.eq(other.as_str()))
                .filter(waiting_statements::state.ne(WaitingState::Accepted.as_str()))
                .group_by(waiting_statements::period)
                .select((waiting_statements::period, sql::<BigInt>("COUNT(*)")))
                .load(&mut **read)?;
            for (period, all) in waiting {
                counts.entry(period).or_default().0 += all;
            }
        }
        for (period, (all, both)) in counts {
            months.push(Month {
                of,
                period: Period::parse(&period).map_err(corrupt)?,
                statements: u64::try_from(all).map_err(corrupt)?,
                confirmed: u64::try_from(both).map_err(corrupt)?,
            });
        }
    }
    months.truncate(MONTHS_MAX);
    Ok(Months { months })
}

/// A statement as it is kept: number, text, seal and countersignature.
type PaperRow = (String, String, Vec<u8>, Option<Vec<u8>>);

fn into_paper((number, document, sealed, countersigned): PaperRow) -> Result<Paper, Fault> {
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).map_err(corrupt);
    let countersigned = countersigned.map(text).transpose()?;
    Ok(Paper { number, document, sealed: text(sealed)?, countersigned })
}

/// Statements of a month, some of those after a number, up to another.
fn held(
    read: &mut Read<'_>,
    (other, of, period): (&NodeName, Side, Period),
    (after, until): (&str, &str),
) -> Result<Vec<PaperRow>, Fault> {
    let of_month = statements::table
        .filter(statements::side.eq(of.as_str()))
        .filter(statements::period.eq(period.to_string()))
        .filter(statements::number.gt(after))
        .filter(statements::number.le(until))
        .order(statements::number.asc())
        .limit(PAPERS_AT_ONCE);
    let columns =
        (statements::number, statements::document, statements::sealed, statements::countersigned);
    if of == Side::Provider {
        let rows = of_month.filter(statements::home_node.eq(other.as_str()));
        return Ok(rows.select(columns).load(&mut **read)?);
    }
    let rows = of_month.filter(statements::provider_node.eq(other.as_str()));
    let mut rows: Vec<PaperRow> = rows.select(columns).load(&mut **read)?;
    let waiting: Vec<(String, String, Vec<u8>)> = waiting_statements::table
        .filter(waiting_statements::provider_node.eq(other.as_str()))
        .filter(waiting_statements::state.ne(WaitingState::Accepted.as_str()))
        .filter(waiting_statements::period.eq(period.to_string()))
        .filter(waiting_statements::number.gt(after))
        .filter(waiting_statements::number.le(until))
        .order(waiting_statements::number.asc())
        .limit(PAPERS_AT_ONCE)
        .select((
            waiting_statements::number,
            waiting_statements::document,
            waiting_statements::sealed,
        ))
        .load(&mut **read)?;
    rows.extend(waiting.into_iter().map(|(number, text, sealed)| (number, text, sealed, None)));
    rows.sort();
    rows.truncate(usize::try_from(PAPERS_AT_ONCE).unwrap_or(usize::MAX));
    Ok(rows)
}

/// What another node is told of the statements of a month.
pub(crate) fn papers(
    read: &mut Read<'_>,
    other: &NodeName,
    (of, period, after): (Side, Period, Option<&str>),
) -> Result<Papers, Fault> {
    let rows = held(read, (other, of, period), (after.unwrap_or_default(), PAST_EVERY_NUMBER))?;
    let mut told = Papers { papers: Vec::new(), more: false };
    let is_full = i64::try_from(rows.len()).is_ok_and(|rows| rows == PAPERS_AT_ONCE);
    let mut size_bytes = 0;
    for row in rows {
        if size_bytes >= LETTERS_BYTES {
            told.more = true;
            return Ok(told);
        }
        let paper = into_paper(row)?;
        size_bytes += paper.document.len() + paper.sealed.len();
        told.papers.push(paper);
    }
    told.more = is_full;
    Ok(told)
}
