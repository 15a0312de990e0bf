//! Number series without gaps: a number is taken in the transaction that uses it, so a rollback
//! gives it back.

use diesel::prelude::*;
use lianshi_registry::id::NumberKind;

use crate::{db::Write, fault::Fault, schema::number_series};

/// The name of the series of registration numbers of one kind and year.
pub(crate) fn series(kind: NumberKind, year: i16) -> String {
    format!("{}-{year}", kind.letter())
}

/// Makes sure that numbers up to `last` are not given again: a database from a backup forgot those
/// that its log shows.
pub(crate) fn raise(write: &mut Write<'_>, series: &str, last: i64) -> Result<(), Fault> {
    let row = || number_series::table.filter(number_series::series.eq(series));
    let known: Option<i64> =
        row().select(number_series::last_number).first(&mut **write).optional()?;
    match known {
        Some(known) if known >= last => {}
        Some(_) => {
            diesel::update(row()).set(number_series::last_number.eq(last)).execute(&mut **write)?;
        }
        None => {
            diesel::insert_into(number_series::table)
                .values((number_series::series.eq(series), number_series::last_number.eq(last)))
                .execute(&mut **write)?;
        }
    }
    Ok(())
}

/// Takes the next number of a series, from 1.
pub fn next(write: &mut Write<'_>, series: &str) -> Result<i64, Fault> {
    let last: Option<i64> = number_series::table
        .filter(number_series::series.eq(series))
        .select(number_series::last_number)
        .first(&mut **write)
        .optional()?;
    let number = last.unwrap_or(0) + 1;
    if last.is_some() {
        diesel::update(number_series::table.filter(number_series::series.eq(series)))
            .set(number_series::last_number.eq(number))
            .execute(&mut **write)?;
    } else {
        diesel::insert_into(number_series::table)
            .values((number_series::series.eq(series), number_series::last_number.eq(number)))
            .execute(&mut **write)?;
    }
    Ok(number)
}
