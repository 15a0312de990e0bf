//! What one buyer used of one product in one month, over all its subscriptions: quota, included
//! calls, distinct subjects and failed comparisons are counted here, so that a second subscription
//! opens nothing anew.

use diesel::prelude::*;
use lianshi_registry::{
    id::RegistrationNumber,
    time::{Period, Timestamp},
    uscc::Uscc,
};

use super::{count_of, meter::Metering};
use crate::{
    db::{Read, Write},
    fault::Fault,
    schema::buyer_months,
};

/// What one buyer used of one product in one month.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct BuyerMonth {
    /// Calls answered.
    pub calls: u64,
    /// Of them those that a plan's included calls covered.
    pub included: u64,
    /// Distinct subjects asked about.
    pub subjects: u64,
    /// Comparisons that failed.
    pub mismatches: u64,
}

/// Use of a product by a buyer in a month, as its provider metered it.
pub fn buyer_month(
    read: &mut Read<'_>,
    (buyer, product): (&Uscc, &RegistrationNumber),
    period: Period,
) -> Result<BuyerMonth, Fault> {
    let key = BuyerKey { buyer: buyer.to_string(), product: product.to_string(), period };
    let month = load(read, &key)?;
    let count = |value| count_of("buyer_months", value);
    Ok(BuyerMonth {
        calls: count(month.calls)?,
        included: count(month.included)?,
        subjects: count(month.subjects)?,
        mismatches: count(month.mismatches)?,
    })
}

/// Whose use, of what, when.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct BuyerKey {
    pub buyer: String,
    pub product: String,
    pub period: Period,
}

impl BuyerKey {
    pub(super) fn of(call: &Metering) -> Self {
        Self { buyer: call.buyer.clone(), product: call.product.clone(), period: call.at.period() }
    }

    /// When the next month begins.
    pub(super) fn resets_at(&self) -> Timestamp {
        self.period.end()
    }
}

/// The row of a month.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Counts {
    stored: bool,
    pub calls: i64,
    pub included: i64,
    pub subjects: i64,
    pub mismatches: i64,
}

pub(super) fn load(read: &mut Read<'_>, key: &BuyerKey) -> Result<Counts, Fault> {
    let row: Option<(i64, i64, i64, i64)> = buyer_months::table
        .filter(buyer_months::buyer.eq(&key.buyer))
        .filter(buyer_months::product.eq(&key.product))
        .filter(buyer_months::period.eq(key.period.to_string()))
        .select((
            buyer_months::calls,
            buyer_months::included,
            buyer_months::subjects,
            buyer_months::mismatches,
        ))
        .first(&mut **read)
        .optional()?;
    Ok(row.map_or_else(Counts::default, |(calls, included, subjects, mismatches)| Counts {
        stored: true,
        calls,
        included,
        subjects,
        mismatches,
    }))
}

pub(super) fn save(write: &mut Write<'_>, key: &BuyerKey, counts: &Counts) -> Result<(), Fault> {
    let values = (
        buyer_months::calls.eq(counts.calls),
        buyer_months::included.eq(counts.included),
        buyer_months::subjects.eq(counts.subjects),
        buyer_months::mismatches.eq(counts.mismatches),
    );
    if counts.stored {
        diesel::update(buyer_months::table)
            .filter(buyer_months::buyer.eq(&key.buyer))
            .filter(buyer_months::product.eq(&key.product))
            .filter(buyer_months::period.eq(key.period.to_string()))
            .set(values)
            .execute(&mut **write)?;
    } else {
        let of = (
            buyer_months::buyer.eq(&key.buyer),
            buyer_months::product.eq(&key.product),
            buyer_months::period.eq(key.period.to_string()),
        );
        diesel::insert_into(buyer_months::table).values((of, values)).execute(&mut **write)?;
    }
    Ok(())
}
