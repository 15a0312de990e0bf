//! The largest signed head of each log that a range was pulled towards: how far a replica lies
//! behind what it knows to exist. A head is a fact only when it is held; this is for people to see.

use std::collections::BTreeMap;

use diesel::prelude::*;
use lianshi_registry::id::Origin;

use super::signed;
use crate::{Fault, Read, Write, schema::announced_heads};

/// Notes that a signed head of `size` entries exists.
pub(crate) fn announce(write: &mut Write<'_>, origin: &Origin, size: u64) -> Result<(), Fault> {
    let size = signed(size)?;
    let row = || announced_heads::table.find(origin.to_string());
    let known: Option<i64> = row().select(announced_heads::size).first(&mut **write).optional()?;
    match known {
        Some(known) if known >= size => {}
        Some(_) => {
            diesel::update(row()).set(announced_heads::size.eq(size)).execute(&mut **write)?;
        }
        None => {
            diesel::insert_into(announced_heads::table)
                .values((
                    announced_heads::origin.eq(origin.to_string()),
                    announced_heads::size.eq(size),
                ))
                .execute(&mut **write)?;
        }
    }
    Ok(())
}

/// The largest signed head known of each replica, by origin.
pub fn announced(read: &mut Read<'_>) -> Result<BTreeMap<String, u64>, Fault> {
    let rows: Vec<(String, i64)> = announced_heads::table.load(&mut **read)?;
    rows.into_iter()
        .map(|(origin, size)| {
            let size = u64::try_from(size).map_err(|e| Fault::corrupt("announced_heads", e))?;
            Ok((origin, size))
        })
        .collect()
}
