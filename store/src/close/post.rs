//! What a close writes: statements with their lines and letters, transfers and divisions.
//! Rows gather until there are enough for one insert, so that a close writes in hundreds and holds
//! no more than hundreds.

use std::collections::BTreeSet;

use diesel::prelude::*;
use lianshi_market::{
    close::{Divided, Issued, ParkReason},
    ledger::{Account, Transfer},
    money::Amount,
    split::{Agreement, Party, WHOLE_PPM},
    subscription::Side,
};
use lianshi_registry::{
    entry::Texts,
    id::RegistrationNumber,
    time::{Period, Timestamp},
};

use super::lines::LineRow;
use crate::{
    Fault, Read, Site, Write,
    allocations::{AllocationRow, DivisionRow, DivisionSide, Sealed},
    catalog,
    dialect::{BULK_ROWS_MAX, insert_all, insert_all_if_absent},
    ledger::{AccountRow, TransferRow, next_seq, store_balances},
    outbox::OutboxRow,
    schema::{
        allocations, ledger_accounts, ledger_transfers, number_series, outbox, split_documents,
        statement_lines, statements,
    },
    statements::{
        Claim, Copy, LETTER_VERSION, Letter, LetterKind, StatementState, division_id, letter_row,
    },
};

/// Rows of one insert of statements: with their twenty columns below the bind limits of both
/// databases.
const BATCH_ROWS: usize = BULK_ROWS_MAX;

/// The books a close writes into.
pub(super) struct Books<'a> {
    site: &'a Site,
    now: Timestamp,
    close: Period,
    first_seq: i64,
    seq: i64,
    known: BTreeSet<Account>,
    issued: Vec<Waiting>,
    numbers: Option<(String, i64)>,
}

/// A statement with its seal, waiting for its insert.
struct Waiting {
    issued: Issued,
    seal: Vec<u8>,
    letter: OutboxRow,
}

impl<'a> Books<'a> {
    /// Opens the books.
    pub(super) fn open(
        write: &mut Write<'_>,
        site: &'a Site,
        (close, now): (Period, Timestamp),
    ) -> Result<Self, Fault> {
        let seq = next_seq(&mut write.as_read())?;
        Ok(Self {
            site,
            now,
            close,
            first_seq: seq,
            seq,
            known: BTreeSet::new(),
            issued: Vec::new(),
            numbers: None,
        })
    }

    /// Takes a statement in.
    pub(super) fn issue(&mut self, write: &mut Write<'_>, issued: Issued) -> Result<(), Fault> {
        let document = &issued.document;
        let claim = Claim {
            v: LETTER_VERSION,
            id: document.number.clone(),
            hash: hex::encode(issued.hash),
            at: self.now,
        };
        let sealed = claim.seal(&self.site.node, LetterKind::Statement, &self.site.seal_key);
        let bytes = sealed.to_bytes();
        let letter = Letter::new(&issued.text, sealed);
        let id = format!("statement/{}", document.number);
        let letter = letter_row(id, &document.home_node, &letter, self.now);
        self.count_number(&document.number)?;
        self.issued.push(Waiting { issued, seal: bytes, letter });
        if self.issued.len() >= BATCH_ROWS { self.flush(write) } else { Ok(()) }
    }

    /// Remembers the last number used, so that the series in the database ends where the statements
    /// do.
    fn count_number(&mut self, number: &str) -> Result<(), Fault> {
        let bad = || Fault::corrupt("statements", format!("number {number}"));
        let (series, n) = number.rsplit_once('-').ok_or_else(bad)?;
        self.numbers = Some((series.to_owned(), n.parse().map_err(|_| bad())?));
        Ok(())
    }

    fn flush(&mut self, write: &mut Write<'_>) -> Result<(), Fault> {
        let batch = std::mem::take(&mut self.issued);
        let mut rows = Vec::with_capacity(batch.len());
        let mut lines = Vec::with_capacity(batch.len());
        let mut letters = Vec::with_capacity(batch.len());
        let mut transfers = Vec::with_capacity(batch.len());
        for waiting in &batch {
            lines.extend(LineRow::of(&waiting.issued.document, Side::Provider)?);
            rows.push(
                Copy {
                    side: Side::Provider,
                    state: StatementState::Issued,
                    document: &waiting.issued.document,
                    text: &waiting.issued.text,
                    hash: waiting.issued.hash,
                    issued_at: self.now,
                    sealed: waiting.seal.clone(),
                    countersigned: None,
                }
                .into_row(),
            );
            letters.push(&waiting.letter);
            transfers.extend(waiting.issued.transfer.clone());
        }
        if !rows.is_empty() {
            insert_all!(write, statements::table, &rows)?;
            insert_all!(write, outbox::table, letters)?;
        }
        for lines in lines.chunks(BATCH_ROWS) {
            insert_all!(write, statement_lines::table, lines)?;
        }
        self.post(write, &transfers)
    }

    /// Writes a division.
    pub(super) fn divide(&mut self, write: &mut Write<'_>, divided: &Divided) -> Result<(), Fault> {
        let document = &divided.document;
        let claim = Claim {
            v: LETTER_VERSION,
            id: division_id(document.period, &document.product),
            hash: hex::encode(divided.hash),
            at: self.now,
        };
        let sealed = claim.seal(&self.site.node, LetterKind::Division, &self.site.seal_key);
        let row = DivisionRow::of(
            document,
            DivisionSide::Provider,
            Sealed {
                issued_at: self.now,
                hash: divided.hash,
                text: &divided.text,
                seal: sealed.to_bytes(),
                made_in: (document.period != self.close).then_some(self.close),
            },
        );
        diesel::insert_into(split_documents::table).values(&row).execute(&mut **write)?;
        let lines = AllocationRow::of(document, DivisionSide::Provider, |_| true)?;
        insert_all!(write, allocations::table, &lines)?;
        let letter = Letter::new(&divided.text, sealed);
        let nodes: BTreeSet<_> = document.parts.iter().map(|part| &part.party.node).collect();
        for node in nodes.into_iter().filter(|node| **node != self.site.node) {
            let id = format!("division/{}/{node}", claim.id);
            let row = letter_row(id, node, &letter, self.now);
            diesel::insert_into(outbox::table).values(&row).execute(&mut **write)?;
        }
        self.flush(write)?;
        self.post(write, &divided.transfers)
    }

    fn post(&mut self, write: &mut Write<'_>, transfers: &[Transfer]) -> Result<(), Fault> {
        let mut accounts = Vec::new();
        let mut rows = Vec::with_capacity(transfers.len());
        for transfer in transfers {
            for account in [transfer.debit(), transfer.credit()] {
                if self.known.insert(account.clone()) {
                    accounts.push(AccountRow::new(account, self.now));
                }
            }
            rows.push(TransferRow::new(self.seq, transfer, self.now));
            self.seq += 1;
        }
        for accounts in accounts.chunks(BATCH_ROWS) {
            insert_all_if_absent!(write, ledger_accounts::table, accounts)?;
        }
        for rows in rows.chunks(BATCH_ROWS) {
            insert_all!(write, ledger_transfers::table, rows)?;
        }
        Ok(())
    }

    /// Writes what still waits, the balances of all accounts touched, and where the number series
    /// stands.
    pub(super) fn balance(&mut self, write: &mut Write<'_>) -> Result<(), Fault> {
        self.flush(write)?;
        store_balances(write, self.first_seq)?;
        let Some((series, last)) = &self.numbers else { return Ok(()) };
        diesel::insert_into(number_series::table)
            .values((number_series::series.eq(series), number_series::last_number.eq(last)))
            .execute(&mut **write)?;
        Ok(())
    }
}

/// Why an agreement cannot be had: the reason, and what is wrong in words.
pub(super) type NoAgreement = (ParkReason, String);

/// The split agreement of a product in force in a period; without one the operator gets everything.
/// What is wrong with the product is its own affair; only what is wrong with the database is a
/// fault.
pub(super) fn agreement_of(
    read: &mut Read<'_>,
    site: &Site,
    (product, period): (&RegistrationNumber, Period),
) -> Result<Result<Agreement, NoAgreement>, Fault> {
    let offer = match catalog::product(read, product) {
        Ok(Some(offer)) => offer,
        Ok(None) => {
            let what = format!("{product} was sold and is not in the catalog");
            return Ok(Err((ParkReason::ProductUnknown, what)));
        }
        Err(fault @ Fault::Corrupt { .. }) => {
            return Ok(Err((ParkReason::Unreadable, fault.to_string())));
        }
        Err(fault) => return Err(fault),
    };
    if let Some(split) = offer.split_in(period) {
        let agreement = Agreement::from_split(split);
        return Ok(agreement.map_err(|error| (ParkReason::Split, error.to_string())));
    }
    let uscc = offer.product.operator.clone();
    let name = offer.operator.map_or_else(
        || Texts { zh: uscc.to_string(), en: uscc.to_string() },
        |organization| organization.name,
    );
    let party = Party {
        uscc,
        name,
        role: "operator".to_owned(),
        node: site.node.clone(),
        share_ppm: WHOLE_PPM,
    };
    Ok(Ok(Agreement::all_to_operator(product, party)))
}

/// What was divided so far under an agreement version: what the state of a split is.
pub(super) fn divided_so_far(read: &mut Read<'_>, agreement: &str) -> Result<Amount, Fault> {
    let so_far: Option<i64> = split_documents::table
        .filter(split_documents::side.eq(DivisionSide::Provider.as_str()))
        .filter(split_documents::agreement.eq(agreement))
        .select(diesel::dsl::max(split_documents::base_to_fen))
        .first(&mut **read)?;
    Ok(Amount::from_fen(so_far.unwrap_or(0)))
}
