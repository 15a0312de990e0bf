//! The ledger in the database: accounts with their sums, transfers in one gapless order. Written by
//! the close alone; read by finance, exported for other programs and checked against everything it
//! came from.

mod check;
mod export;

use std::collections::BTreeMap;

use diesel::{dsl::sql, prelude::*, sql_types::BigInt};
use lianshi_market::{
    ledger::{Account, AccountKind, Purpose, Reason, Transfer},
    money::Amount,
};
use lianshi_registry::time::{Period, Timestamp};

pub use check::{Check, Finding, check};
pub use export::{ExportError, export};

use crate::{
    Fault, Read, Write,
    dialect::{BULK_ROWS_MAX, insert_all, insert_all_if_absent},
    schema::{ledger_accounts, ledger_transfers},
};

/// Transfers on one page.
pub const PAGE_TRANSFERS_MAX: i64 = 100;

/// An account with its sums.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountView {
    /// The account.
    pub account: Account,
    /// Sum of debits.
    pub debits: Amount,
    /// Sum of credits.
    pub credits: Amount,
    /// When it was first posted to.
    pub opened_at: Timestamp,
}

impl AccountView {
    /// Debits less credits.
    pub fn balance(&self) -> Amount {
        // Both are sums of amounts above zero, so the difference always fits.
        Amount::from_fen(self.debits.fen().saturating_sub(self.credits.fen()))
    }

    /// The balance on the side where it is usually above zero: debits for assets and expenses,
    /// credits for the others.
    pub fn usual_balance(&self) -> Amount {
        match self.account.kind() {
            AccountKind::Asset | AccountKind::Expense => self.balance(),
            AccountKind::Liability | AccountKind::Income => {
                Amount::from_fen(self.balance().fen().saturating_neg())
            }
        }
    }
}

/// A posted transfer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Posted {
    /// Its place, from 1 without gaps.
    pub seq: i64,
    /// When it was posted.
    pub at: Timestamp,
    /// The transfer.
    pub transfer: Transfer,
}

/// Accounts after `after`, by name.
pub fn accounts(
    read: &mut Read<'_>,
    after: Option<&Account>,
    limit: i64,
) -> Result<Vec<AccountView>, Fault> {
    let after = after.map(ToString::to_string).unwrap_or_default();
    let rows: Vec<AccountRow> = ledger_accounts::table
        .filter(ledger_accounts::account.gt(after))
        .order(ledger_accounts::account.asc())
        .limit(limit)
        .select(AccountRow::as_select())
        .load(&mut **read)?;
    rows.into_iter().map(AccountRow::into_view).collect()
}

/// One account.
pub fn account(read: &mut Read<'_>, account: &Account) -> Result<Option<AccountView>, Fault> {
    let row: Option<AccountRow> = ledger_accounts::table
        .filter(ledger_accounts::account.eq(account.to_string()))
        .select(AccountRow::as_select())
        .first(&mut **read)
        .optional()?;
    row.map(AccountRow::into_view).transpose()
}

/// Transfers after `after_seq` in order; of one period, if named.
pub fn transfers(
    read: &mut Read<'_>,
    period: Option<Period>,
    after_seq: i64,
    limit: i64,
) -> Result<Vec<Posted>, Fault> {
    let mut rows = ledger_transfers::table.filter(ledger_transfers::seq.gt(after_seq)).into_boxed();
    if let Some(period) = period {
        rows = rows.filter(ledger_transfers::period.eq(period.to_string()));
    }
    let rows: Vec<TransferRow> = rows
        .order(ledger_transfers::seq.asc())
        .limit(limit)
        .select(TransferRow::as_select())
        .load(&mut **read)?;
    rows.into_iter().map(TransferRow::into_posted).collect()
}

fn parsed<T, E: std::fmt::Display>(outcome: Result<T, E>) -> Result<T, Fault> {
    outcome.map_err(|error| Fault::corrupt("ledger_transfers", error))
}

/// An account, as stored.
#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = ledger_accounts)]
pub(crate) struct AccountRow {
    account: String,
    kind: String,
    currency: String,
    party_uscc: String,
    debits_fen: i64,
    credits_fen: i64,
    opened_at: i64,
}

impl AccountRow {
    /// A fresh account.
    pub(crate) fn new(account: &Account, now: Timestamp) -> Self {
        Self {
            account: account.to_string(),
            kind: account.kind().as_str().to_owned(),
            currency: lianshi_market::money::Currency::Cny.code().to_owned(),
            party_uscc: account.party().map(ToString::to_string).unwrap_or_default(),
            debits_fen: 0,
            credits_fen: 0,
            opened_at: now.millis(),
        }
    }

    fn into_view(self) -> Result<AccountView, Fault> {
        Ok(AccountView {
            account: parsed(Account::parse(&self.account))?,
            debits: Amount::from_fen(self.debits_fen),
            credits: Amount::from_fen(self.credits_fen),
            opened_at: Timestamp::from_millis(self.opened_at),
        })
    }
}

/// A transfer, as stored.
#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = ledger_transfers)]
pub(crate) struct TransferRow {
    id: String,
    seq: i64,
    period: String,
    at: i64,
    debit_account: String,
    credit_account: String,
    amount_fen: i64,
    currency: String,
    reason: String,
    reference: String,
}

impl TransferRow {
    /// A transfer at its place.
    pub(crate) fn new(seq: i64, transfer: &Transfer, now: Timestamp) -> Self {
        Self {
            id: transfer.id().to_owned(),
            seq,
            period: transfer.period().to_string(),
            at: now.millis(),
            debit_account: transfer.debit().to_string(),
            credit_account: transfer.credit().to_string(),
            amount_fen: transfer.amount().fen(),
            currency: transfer.currency().code().to_owned(),
            reason: transfer.reason().as_str().to_owned(),
            reference: transfer.reference().to_owned(),
        }
    }

    fn into_posted(self) -> Result<Posted, Fault> {
        let purpose = Purpose {
            period: parsed(Period::parse(&self.period))?,
            reason: parsed(Reason::parse(&self.reason).ok_or("reason"))?,
            reference: self.reference,
        };
        let debit = parsed(Account::parse(&self.debit_account))?;
        let credit = parsed(Account::parse(&self.credit_account))?;
        let amount = Amount::from_fen(self.amount_fen);
        let transfer = parsed(Transfer::new(purpose, debit, credit, amount))?;
        if transfer.id() == self.id {
            Ok(Posted { seq: self.seq, at: Timestamp::from_millis(self.at), transfer })
        } else {
            Err(Fault::corrupt("ledger_transfers", format!("id {}", self.id)))
        }
    }
}

/// Posts transfers at the end of the order, and adds them to the sums of their accounts.
pub(crate) fn post(
    write: &mut Write<'_>,
    transfers: &[Transfer],
    now: Timestamp,
) -> Result<(), Fault> {
    let last: Option<i64> = ledger_transfers::table
        .select(diesel::dsl::max(ledger_transfers::seq))
        .first(&mut **write)?;
    let mut rows = Vec::with_capacity(transfers.len());
    let mut sums: BTreeMap<&Account, (i64, i64)> = BTreeMap::new();
    for (seq, transfer) in (last.unwrap_or(0) + 1..).zip(transfers) {
        let amount = transfer.amount().fen();
        sums.entry(transfer.debit()).or_default().0 += amount;
        sums.entry(transfer.credit()).or_default().1 += amount;
        rows.push(TransferRow::new(seq, transfer, now));
    }
    let accounts: Vec<AccountRow> =
        sums.keys().map(|account| AccountRow::new(account, now)).collect();
    for accounts in accounts.chunks(BULK_ROWS_MAX) {
        insert_all_if_absent!(write, ledger_accounts::table, accounts)?;
    }
    for rows in rows.chunks(BULK_ROWS_MAX) {
        insert_all!(write, ledger_transfers::table, rows)?;
    }
    for (account, (debits, credits)) in sums {
        diesel::update(ledger_accounts::table.find(account.to_string()))
            .set((
                ledger_accounts::debits_fen.eq(ledger_accounts::debits_fen + debits),
                ledger_accounts::credits_fen.eq(ledger_accounts::credits_fen + credits),
            ))
            .execute(&mut **write)?;
    }
    Ok(())
}

/// Sum of all debits and of all credits over all accounts.
pub fn totals(read: &mut Read<'_>) -> Result<(Amount, Amount), Fault> {
    let (debits, credits): (i64, i64) = ledger_accounts::table
        .select((
            sql::<BigInt>("CAST(COALESCE(SUM(debits_fen), 0) AS BIGINT)"),
            sql::<BigInt>("CAST(COALESCE(SUM(credits_fen), 0) AS BIGINT)"),
        ))
        .first(&mut **read)?;
    Ok((Amount::from_fen(debits), Amount::from_fen(credits)))
}
