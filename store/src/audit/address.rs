//! Addresses that acts came from. They are personal data and end; the trail never does. So a row
//! names a mark that means nothing by itself, and the address of the mark is kept apart, for as
//! long as the law asks for it and not longer.

use std::collections::BTreeMap;

use diesel::prelude::*;
use lianshi_registry::time::{Period, Timestamp};

use crate::{Fault, Read, Write, accounts::random_hex, schema::audit_addresses};

/// Full months that an address is kept after the month it was seen in: the Cybersecurity Law asks
/// for network logs of not less than six months.
pub const ADDRESS_MONTHS_MAX: u32 = 6;
/// Longest address that is kept: an IPv6 address with a zone.
const ADDRESS_CHARS_MAX: usize = 64;
/// How every mark begins.
pub const MARK_PREFIX: &str = "A-";

/// The mark of an address in the month of `now`; empty for no address. In another month the same
/// address has another mark.
pub(crate) fn mark(write: &mut Write<'_>, address: &str, now: Timestamp) -> Result<String, Fault> {
    let address: String = address.chars().take(ADDRESS_CHARS_MAX).collect();
    if address.is_empty() {
        return Ok(String::new());
    }
    let period = now.period().to_string();
    let known: Option<String> = audit_addresses::table
        .filter(audit_addresses::period.eq(&period))
        .filter(audit_addresses::address.eq(&address))
        .select(audit_addresses::mark)
        .first(&mut **write)
        .optional()?;
    if let Some(mark) = known {
        return Ok(mark);
    }
    let mark = format!("{MARK_PREFIX}{}", random_hex::<6>()?);
    diesel::insert_into(audit_addresses::table)
        .values((
            audit_addresses::mark.eq(&mark),
            audit_addresses::period.eq(&period),
            audit_addresses::address.eq(&address),
        ))
        .execute(&mut **write)?;
    Ok(mark)
}

/// The addresses of the marks that texts of the trail name, as far as they are kept.
pub fn addresses_in<'t>(
    read: &mut Read<'_>,
    texts: impl IntoIterator<Item = &'t str>,
) -> Result<BTreeMap<String, String>, Fault> {
    let words = texts.into_iter().flat_map(|text| text.split(' '));
    let mut marks: Vec<&str> = words.filter(|word| word.starts_with(MARK_PREFIX)).collect();
    marks.sort_unstable();
    marks.dedup();
    let rows: Vec<(String, String)> = audit_addresses::table
        .filter(audit_addresses::mark.eq_any(marks))
        .select((audit_addresses::mark, audit_addresses::address))
        .load(&mut **read)?;
    Ok(rows.into_iter().collect())
}

/// Forgets the addresses whose time is over; a job calls it now and then.
pub fn forget_addresses(write: &mut Write<'_>, now: Timestamp) -> Result<usize, Fault> {
    let mut oldest: Period = now.period();
    for _ in 0..ADDRESS_MONTHS_MAX {
        oldest = oldest.previous();
    }
    let over = audit_addresses::table.filter(audit_addresses::period.lt(oldest.to_string()));
    Ok(diesel::delete(over).execute(&mut **write)?)
}
