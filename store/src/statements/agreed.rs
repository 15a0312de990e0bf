//! What this node holds itself of what a statement is about: the agreement, the end, the statements
//! it stood by, and the counts the provider reported under its seal.

use std::collections::BTreeMap;

use diesel::prelude::*;
use lianshi_market::{
    agreement::Agreement,
    close::{Difference, Held, StatementDocument},
    rating::{Count, Usage},
    subscription::{Side, State},
};
use lianshi_registry::{
    id::{DivisionCode, NodeName},
    time::{Date, Period, Timestamp},
};

use super::LetterRefusal;
use crate::{
    Failure, Fault, Site, Write,
    close::BILLED,
    members,
    schema::{statements, subscriptions, usage_report_days},
};

/// What a node may number and divide: names in its division are its own, so that nobody takes the
/// name of another node's document.
pub(super) fn division_of(
    write: &mut Write<'_>,
    site: &Site,
    node: &NodeName,
) -> Result<Option<DivisionCode>, Fault> {
    if *node == site.node {
        return Ok(Some(site.division.clone()));
    }
    let member = members::by_node(&mut write.as_read(), node)?;
    Ok(member.map(|member| member.admission.division))
}

/// The columns of a subscription that bear on its statements.
#[derive(Queryable, Selectable)]
#[diesel(table_name = subscriptions)]
struct HeldRow {
    agreement: String,
    agreement_hash: Vec<u8>,
    state: String,
    ends_at: Option<i64>,
    ended_at: Option<i64>,
}

/// Compares a statement with what this node derives; refuses one of a subscription it does not
/// hold, and one under an agreement that it did not put in force.
pub(super) fn compare(
    write: &mut Write<'_>,
    site: &Site,
    document: &StatementDocument,
) -> Result<Result<(), Difference>, Failure<LetterRefusal>> {
    let row: Option<HeldRow> = subscriptions::table
        .filter(subscriptions::id.eq(&document.subscription))
        .filter(subscriptions::side.eq(Side::Home.as_str()))
        .select(HeldRow::as_select())
        .first(&mut **write)
        .optional()?;
    let Some(row) = row.filter(|row| !row.agreement.is_empty()) else {
        let subscription = document.subscription.clone();
        return Err(Failure::Refused(LetterRefusal::UnknownSubscription(subscription)));
    };
    ensure_in_force(&row, &document.subscription)?;
    let agreement: Agreement = serde_json::from_str(&row.agreement)
        .map_err(|error| Failure::Fault(Fault::corrupt("subscriptions", error)))?;
    let ends_at = [row.ends_at, row.ended_at]
        .into_iter()
        .flatten()
        .map(Timestamp::from_millis)
        .fold(agreement.ends_at, Timestamp::min);
    let held = Held {
        agreement_hash: &hex::encode(row.agreement_hash),
        ends_at,
        confirmed: &confirmed(write, &document.subscription)?,
        shares: shares_included_calls(write, document)?,
        reported: &reported(write, document)?,
        now: site.now(),
        agreement: &agreement,
    };
    Ok(document.compare(&held))
}

/// What was agreed and not put in force yet may come to be; what was refused binds nobody, whatever
/// its agreement says.
fn ensure_in_force(row: &HeldRow, subscription: &str) -> Result<(), Failure<LetterRefusal>> {
    let state = State::parse(&row.state)
        .ok_or_else(|| Failure::Fault(Fault::corrupt("subscriptions", &row.state)))?;
    let subscription = subscription.to_owned();
    match state {
        state if state.has_been_in_force() => Ok(()),
        State::Terminated => Err(Failure::Refused(LetterRefusal::NotInForce(subscription))),
        _ => Err(Failure::Refused(LetterRefusal::UnknownSubscription(subscription))),
    }
}

/// The buyer held another subscription to the product in these months, so that included calls went
/// there too.
fn shares_included_calls(
    write: &mut Write<'_>,
    document: &StatementDocument,
) -> Result<bool, Fault> {
    let first = document.months().min().unwrap_or(document.period).start().millis();
    let others: i64 = subscriptions::table
        .filter(subscriptions::side.eq(Side::Home.as_str()))
        .filter(subscriptions::buyer_uscc.eq(document.buyer.as_str()))
        .filter(subscriptions::product.eq(document.product.as_str()))
        .filter(subscriptions::id.ne(&document.subscription))
        .filter(subscriptions::state.eq(BILLED[0]).or(subscriptions::state.eq(BILLED[1])))
        .filter(subscriptions::starts_at.lt(document.period.end().millis()))
        .filter(subscriptions::ends_at.gt(first))
        .filter(subscriptions::ended_at.is_null().or(subscriptions::ended_at.gt(first)))
        .count()
        .get_result(&mut **write)?;
    Ok(others > 0)
}

/// The statements of a subscription that this node stood by: one for each month of its term.
fn confirmed(write: &mut Write<'_>, subscription: &str) -> Result<Vec<StatementDocument>, Fault> {
    let texts: Vec<String> = statements::table
        .filter(statements::subscription.eq(subscription))
        .filter(statements::side.eq(Side::Home.as_str()))
        .select(statements::document)
        .load(&mut **write)?;
    let read = |text: &String| StatementDocument::read(text.as_bytes());
    let read: Result<_, _> = texts.iter().map(read).collect();
    read.map_err(|error| Fault::corrupt("statements", error))
}

/// What the provider reported of the months a statement is about.
fn reported(
    write: &mut Write<'_>,
    document: &StatementDocument,
) -> Result<BTreeMap<Period, Usage>, Fault> {
    let first = document.months().min().unwrap_or(document.period).first_day();
    let days: Vec<(String, String, i64, i64)> = usage_report_days::table
        .filter(usage_report_days::subscription.eq(&document.subscription))
        .filter(usage_report_days::day.ge(first.to_string()))
        .filter(usage_report_days::day.le(document.period.last_day().to_string()))
        .select((
            usage_report_days::day,
            usage_report_days::operation,
            usage_report_days::calls,
            usage_report_days::units,
        ))
        .load(&mut **write)?;
    let corrupt = |error: String| Fault::corrupt("usage_report_days", error);
    let mut months: BTreeMap<Period, Usage> = BTreeMap::new();
    for (day, operation, calls, units) in days {
        let period = Date::parse(&day).map_err(|error| corrupt(error.to_string()))?.period();
        let whole = |count: i64| u64::try_from(count).map_err(|error| corrupt(error.to_string()));
        let count = Count { calls: whole(calls)?, units: whole(units)? };
        let sum = months.entry(period).or_default().entry(operation).or_default();
        *sum = sum.plus(count);
    }
    Ok(months)
}
