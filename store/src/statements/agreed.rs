//! Whether a document that another node sent is about what both nodes agreed, and about what is the
//! sender's own.

use std::collections::BTreeSet;

use diesel::prelude::*;
use lianshi_market::{agreement::Agreement, close::StatementDocument, subscription::Side, term};
use lianshi_registry::{
    id::{DivisionCode, NodeName},
    time::Period,
};

use super::LetterRefusal;
use crate::{
    Failure, Fault, Site, Write, members,
    schema::{statements, subscriptions},
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

/// The subscription is known here with the same parties and the same agreement, and the lines
/// follow its plan.
pub(super) fn follows(
    write: &mut Write<'_>,
    document: &StatementDocument,
) -> Result<bool, Failure<LetterRefusal>> {
    let row: Option<(String, Vec<u8>)> = subscriptions::table
        .filter(subscriptions::id.eq(&document.subscription))
        .filter(subscriptions::side.eq(Side::Home.as_str()))
        .select((subscriptions::agreement, subscriptions::agreement_hash))
        .first(&mut **write)
        .optional()?;
    let Some((agreement, hash)) = row.filter(|(agreement, _)| !agreement.is_empty()) else {
        let subscription = document.subscription.clone();
        return Err(Failure::Refused(LetterRefusal::UnknownSubscription(subscription)));
    };
    let agreement: Agreement = serde_json::from_str(&agreement)
        .map_err(|error| Failure::Fault(Fault::corrupt("subscriptions", error)))?;
    let fees_due = late_fees_are_due(write, document, &agreement)?;
    let shares = shares_included_calls(write, document)?;
    Ok(fees_due
        && hex::encode(hash) == document.agreement_hash
        && agreement.buyer == document.buyer
        && agreement.operator == document.operator
        && agreement.product == document.product
        && agreement.provider == document.provider_node
        && agreement.starts_at < document.period.end()
        && document.follows(&agreement.terms.plan, shares))
}

/// The buyer held another subscription to the product, so that included calls went there too.
fn shares_included_calls(
    write: &mut Write<'_>,
    document: &StatementDocument,
) -> Result<bool, Fault> {
    let others: i64 = subscriptions::table
        .filter(subscriptions::side.eq(Side::Home.as_str()))
        .filter(subscriptions::buyer_uscc.eq(document.buyer.as_str()))
        .filter(subscriptions::product.eq(document.product.as_str()))
        .filter(subscriptions::id.ne(&document.subscription))
        .filter(subscriptions::starts_at.is_not_null())
        .count()
        .get_result(&mut **write)?;
    Ok(others > 0)
}

/// The fee of an earlier month is charged once, for a month of the term that no statement billed.
fn late_fees_are_due(
    write: &mut Write<'_>,
    document: &StatementDocument,
    agreement: &Agreement,
) -> Result<bool, Fault> {
    let months: BTreeSet<Period> = document.late_fees().collect();
    if months.is_empty() {
        return Ok(true);
    }
    let held: Vec<String> = statements::table
        .filter(statements::subscription.eq(&document.subscription))
        .filter(statements::side.eq(Side::Home.as_str()))
        .select(statements::document)
        .load(&mut **write)?;
    for text in held {
        let earlier = StatementDocument::read(text.as_bytes())
            .map_err(|error| Fault::corrupt("statements", error))?;
        if months.contains(&earlier.period) || earlier.late_fees().any(|m| months.contains(&m)) {
            return Ok(false);
        }
    }
    let (starts_at, ends_at) = (agreement.starts_at, agreement.ends_at);
    Ok(months.iter().all(|month| term::bills_fee(starts_at, ends_at, *month)))
}
