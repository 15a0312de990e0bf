//! Number series without gaps: a number is taken in the transaction that uses it, so a rollback
//! gives it back.

use diesel::prelude::*;

use crate::{db::Write, fault::Fault, schema::number_series};

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
