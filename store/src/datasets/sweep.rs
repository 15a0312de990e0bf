//! Taking rows back: those of a load that failed, at once; those of one that was killed, when
//! nothing was heard of it for long; those of the version before, after a switch.

use diesel::prelude::*;
use lianshi_registry::time::Timestamp;

use super::load::Claim;
use crate::{
    Fault, Site, Write, dialect,
    schema::{dataset_rows, node_state, withheld_rows},
};

/// Rows swept in one transaction, so that calls are metered in between.
const SWEEP_ROWS: i64 = 5_000;
/// The fewest in one, where a disk has no room for more.
const SWEEP_ROWS_MIN: i64 = 20;
/// After this long without a word from it a load was killed.
const ABANDONED_MS: i64 = 15 * 60_000;

/// Removes rows of every version but the one in service. Stops when another load has begun: its
/// rows are not ours. On a full disk it goes on in smaller steps.
pub(super) fn sweep(site: &Site, claim: &Claim, kept: i64) -> Result<(), Fault> {
    let mut rows = SWEEP_ROWS;
    loop {
        let step = site.db.write(|write| {
            if claim.is_held(write)? { sweep_some(write, claim, (kept, rows)) } else { Ok(true) }
        });
        match step {
            Ok(true) => return Ok(()),
            Ok(false) => {}
            Err(fault) if fault.is_of_disk() && rows > SWEEP_ROWS_MIN => {
                rows = (rows / 4).max(SWEEP_ROWS_MIN);
                // What the log of changes holds is written down and its room used again.
                dialect::checkpoint(&mut *site.db.connection()?)?;
            }
            Err(fault) => return Err(fault),
        }
    }
}

/// Along the primary key, so that each step touches only what it removes. Tells whether nothing is
/// left.
fn sweep_some(
    write: &mut Write<'_>,
    claim: &Claim,
    (kept, rows): (i64, i64),
) -> Result<bool, Fault> {
    let all = dataset_rows::table
        .filter(dataset_rows::product.eq(&claim.product))
        .filter(dataset_rows::operation.eq(&claim.operation));
    let stale: Option<i64> = all
        .filter(dataset_rows::version.ne(kept))
        .order(dataset_rows::version.asc())
        .select(dataset_rows::version)
        .first(&mut **write)
        .optional()?;
    let Some(version) = stale else {
        let withheld = withheld_rows::table
            .filter(withheld_rows::product.eq(&claim.product))
            .filter(withheld_rows::operation.eq(&claim.operation))
            .filter(withheld_rows::version.ne(kept));
        diesel::delete(withheld).execute(&mut **write)?;
        return Ok(true);
    };
    let of_version = all.filter(dataset_rows::version.eq(version));
    let boundary: Option<String> = of_version
        .order(dataset_rows::row_key.asc())
        .offset(rows)
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

/// Takes back what loads left that were killed; a job calls it now and then. A load that is only
/// slow loses its claim and says so.
pub fn sweep_abandoned(site: &Site) -> Result<(), Fault> {
    let now = site.now();
    for (product, operation) in site.db.read(|read| unfinished(read, now))? {
        let claim = site.db.write(|write| Claim::take(write, site, (&product, &operation)))?;
        tracing::warn!(%product, %operation, "the rows of a load that was killed are taken back");
        sweep(site, &claim, claim.version_before)?;
        site.db.write(|write| claim.give_up(write))?;
    }
    Ok(())
}

/// Operations whose claim nobody renewed for long.
fn unfinished(read: &mut crate::Read<'_>, now: Timestamp) -> Result<Vec<(String, String)>, Fault> {
    let claims: Vec<(String, String)> = node_state::table
        .filter(node_state::name.like(format!("{}%", Claim::PREFIX)))
        .select((node_state::name, node_state::value))
        .load(&mut **read)?;
    let old = now.plus_millis(-ABANDONED_MS).millis();
    let is_old = |value: &str| {
        let heard = value.rsplit('/').next().and_then(|ms| ms.parse::<i64>().ok());
        heard.is_none_or(|heard| heard < old)
    };
    let of_old = claims.iter().filter(|(_, value)| is_old(value));
    let names = of_old.filter_map(|(name, _)| name.strip_prefix(Claim::PREFIX)?.split_once('/'));
    Ok(names.map(|(product, operation)| (product.to_owned(), operation.to_owned())).collect())
}
