//! Rows that nobody answers from: those of versions out of service and of loads that failed.

use diesel::prelude::*;

use super::{
    load::{Claim, Target},
    refusal::LoadRefusal,
};
use crate::{
    db::{Failure, Write},
    fault::Fault,
    schema::{dataset_rows, withheld_rows},
    site::Site,
};

/// Rows swept in one transaction, so that calls are metered in between.
const SWEEP_ROWS: i64 = 5_000;

/// Removes rows of every version but the one in service. Stops when another load has begun: its
/// rows are not ours.
pub(super) fn sweep(
    site: &Site,
    target: &Target,
    kept: i64,
    claim: &Claim,
) -> Result<(), Failure<LoadRefusal>> {
    loop {
        let done = site.db.write(|write| {
            if claim.is_held(write)? { sweep_some(write, target, kept) } else { Ok(true) }
        })?;
        if done {
            return Ok(());
        }
    }
}

/// Along the primary key, so that each step touches only what it removes. Tells whether nothing is
/// left.
fn sweep_some(write: &mut Write<'_>, target: &Target, kept: i64) -> Result<bool, Fault> {
    let all = dataset_rows::table
        .filter(dataset_rows::product.eq(target.product.as_str()))
        .filter(dataset_rows::operation.eq(&target.operation));
    let stale: Option<i64> = all
        .filter(dataset_rows::version.ne(kept))
        .order(dataset_rows::version.asc())
        .select(dataset_rows::version)
        .first(&mut **write)
        .optional()?;
    let Some(version) = stale else {
        let withheld = withheld_rows::table
            .filter(withheld_rows::product.eq(target.product.as_str()))
            .filter(withheld_rows::operation.eq(&target.operation))
            .filter(withheld_rows::version.ne(kept));
        diesel::delete(withheld).execute(&mut **write)?;
        return Ok(true);
    };
    let of_version = all.filter(dataset_rows::version.eq(version));
    let boundary: Option<String> = of_version
        .order(dataset_rows::row_key.asc())
        .offset(SWEEP_ROWS)
        .select(dataset_rows::row_key)
        .first(&mut **write)
        .optional()?;
    match boundary {
        Some(key) => diesel::delete(of_version.filter(dataset_rows::row_key.le(key)))
            .execute(&mut **write)?,
        None => diesel::delete(of_version).execute(&mut **write)?,
    };
    Ok(false)
}
