//! Streaming the ledger into a file of another program's format, page by page, with the balances
//! the books keep as the last assertions.

use std::{collections::BTreeMap, io};

use diesel::prelude::*;
use lianshi_market::{
    export::{Format, Writer},
    ledger::Account,
    money::{Amount, MoneyError},
};
use lianshi_registry::{
    time::{Date, Period},
    uscc::Uscc,
};

use super::{accounts, transfers};
use crate::{
    Fault, Read, Site, close,
    schema::{allocations, ledger_transfers, statements},
};

/// Rows read at once.
const PAGE: i64 = 2000;

/// Why an export ended.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// The database failed.
    #[error(transparent)]
    Fault(#[from] Fault),
    /// A close is sealed and does not stand in the books yet.
    #[error("the close of {0} is still being written into the books; export when it is done")]
    Unfinished(Period),
    /// The file could not be written.
    #[error("the export could not be written")]
    Write(#[from] io::Error),
    /// The balances do not fit.
    #[error(transparent)]
    Money(#[from] MoneyError),
}

/// Writes the whole ledger to `out`. An empty ledger gives a file with a head and no accounts.
pub fn export(
    read: &mut Read<'_>,
    site: &Site,
    format: Format,
    out: &mut dyn io::Write,
) -> Result<(), ExportError> {
    if let Some(period) = close::unfinished(read)? {
        return Err(ExportError::Unfinished(period));
    }
    let names = party_names(read)?;
    let mut opened: Vec<(Account, String)> = Vec::new();
    let mut stored: Vec<(Account, Amount)> = Vec::new();
    loop {
        let page = accounts(read, opened.last().map(|(account, _)| account), PAGE)?;
        if page.is_empty() {
            break;
        }
        for view in page {
            let name = view.account.party().and_then(|party| names.get(party));
            stored.push((view.account.clone(), view.balance()));
            opened.push((view.account, name.cloned().unwrap_or_default()));
        }
    }
    let mut writer = Writer::new(format);
    let title = format!("{} {}", site.name.zh, site.origin);
    out.write_all(writer.head(&title, first_day(read, site)?, &opened).as_bytes())?;
    drop(opened);
    let mut after = 0;
    loop {
        let page = transfers(read, None, after, PAGE)?;
        let Some(last) = page.last() else { break };
        after = last.seq;
        for posted in &page {
            out.write_all(writer.transfer(posted.seq, &posted.transfer)?.as_bytes())?;
        }
    }
    out.write_all(writer.end(&stored).as_bytes())?;
    Ok(out.flush()?)
}

/// The first day of the first period posted.
fn first_day(read: &mut Read<'_>, site: &Site) -> Result<Date, Fault> {
    let first: Option<String> = ledger_transfers::table
        .select(diesel::dsl::min(ledger_transfers::period))
        .first(&mut **read)
        .map_err(Fault::from)?;
    match first {
        None => Ok(site.now().date()),
        Some(text) => Ok(super::parsed(lianshi_registry::time::Period::parse(&text))?.first_day()),
    }
}

/// Names of buyers and parties, for readers of the export; the latest known of each.
fn party_names(read: &mut Read<'_>) -> Result<BTreeMap<Uscc, String>, Fault> {
    let buyers: Vec<(String, String)> = statements::table
        .select((statements::buyer_uscc, statements::buyer_name))
        .distinct()
        .load(&mut **read)?;
    let parties: Vec<(String, String)> = allocations::table
        .select((allocations::party_uscc, allocations::party_name))
        .distinct()
        .load(&mut **read)?;
    let mut names = BTreeMap::new();
    for (uscc, name) in buyers {
        names.insert(super::parsed(Uscc::known(&uscc))?, name);
    }
    for (uscc, name) in parties {
        let name: lianshi_registry::entry::Texts = super::parsed(serde_json::from_str(&name))?;
        names.insert(super::parsed(Uscc::known(&uscc))?, name.zh);
    }
    Ok(names)
}
