//! What an operator's products earned, summed from its statements.

use diesel::prelude::*;
use lianshi_market::{money::Amount, subscription::Side};
use lianshi_registry::{id::RegistrationNumber, time::Period, uscc::Uscc};

use super::parsed;
use crate::{Fault, Read, schema::statements};

/// What one product earned in one period.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Revenue {
    /// The period.
    pub period: Period,
    /// The product.
    pub product: RegistrationNumber,
    /// How many statements.
    pub statements: u64,
    /// Their sum.
    pub total: Amount,
}

/// What an operator's products earned, by closed period and product, newest period first.
pub fn revenue(read: &mut Read<'_>, operator: &Uscc) -> Result<Vec<Revenue>, Fault> {
    use diesel::{dsl::sql, sql_types::BigInt};
    let rows: Vec<(String, String, i64, i64)> = statements::table
        .filter(statements::side.eq(Side::Provider.as_str()))
        .filter(statements::provider_uscc.eq(operator.as_str()))
        .group_by((statements::period, statements::product))
        .order((statements::period.desc(), statements::product.asc()))
        .select((
            statements::period,
            statements::product,
            sql::<BigInt>("COUNT(*)"),
            sql::<BigInt>("CAST(SUM(total_fen) AS BIGINT)"),
        ))
        .load(&mut **read)?;
    rows.into_iter()
        .map(|(period, product, count, total)| {
            Ok(Revenue {
                period: parsed(Period::parse(&period))?,
                product: parsed(RegistrationNumber::parse(&product))?,
                statements: parsed(u64::try_from(count))?,
                total: Amount::from_fen(total),
            })
        })
        .collect()
}
