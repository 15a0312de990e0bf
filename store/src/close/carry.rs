//! Writing into the books what a close sealed: statements with their lines and letters, divisions,
//! and what both post. Page by page, each in a transaction of its own that takes the drafts away,
//! so that it holds nobody up, may end anywhere, and goes on where it ended.

use std::collections::BTreeSet;

use lianshi_market::{
    close::{DivisionDocument, StatementDocument},
    ledger::Transfer,
    subscription::Side,
};
use lianshi_registry::{
    id::NodeName,
    time::{Period, Timestamp},
};

use super::{
    PAUSE_MS, Step,
    drafts::{self, DraftKind, DraftRow},
    lines::LineRow,
    periods,
    turn::Turn,
    unfinished,
};
use crate::{
    Fault, Read, Site, Write,
    allocations::{AllocationRow, DivisionRow, DivisionSide, Sealed},
    copies, crash,
    db::pause,
    dialect::{BULK_ROWS_MAX, insert_all},
    ledger,
    outbox::OutboxRow,
    recovery,
    schema::{allocations, outbox, split_documents, statement_lines, statements},
    statements::{
        Claim, Copy, LETTER_VERSION, Letter, LetterKind, NewStatement, StatementState, division_id,
        letter_row,
    },
};

/// Documents of one page: a write of some ten milliseconds.
const CARRIED_AT_ONCE: i64 = 200;

/// Carries everything that is sealed into the books.
pub(super) fn carry(
    _turn: &Turn,
    site: &Site,
    step: &mut dyn FnMut(Step) -> Result<(), Fault>,
) -> Result<(), Fault> {
    if site.db.read(recovery::pending)?.is_some() {
        // Nothing is sealed before the recovery is over.
        return Ok(());
    }
    while let Some(sealed) = site.db.read(next_sealed)? {
        let mut left = sealed.left;
        while left > 0 {
            let drafts = site.db.read(|read| drafts::sealed(read, CARRIED_AT_ONCE))?;
            if drafts.is_empty() {
                break;
            }
            let page = Page::new(site, (sealed.period, sealed.at), &drafts)?;
            site.db.write(|write| page.write(write))?;
            crash::point("close.carried");
            left = left.saturating_sub(u64::try_from(drafts.len()).unwrap_or(left));
            step(Step::Carried { period: sealed.period, left })?;
            pause(PAUSE_MS);
        }
    }
    Ok(())
}

/// A close with documents that are to be carried.
struct ToCarry {
    period: Period,
    at: Timestamp,
    left: u64,
}

/// The first close with documents that are to be carried.
fn next_sealed(read: &mut Read<'_>) -> Result<Option<ToCarry>, Fault> {
    let Some(period) = unfinished(read)? else { return Ok(None) };
    let closed = periods::closed(read, period)?.and_then(|view| view.closed);
    let missing = || Fault::corrupt("close_drafts", "of a period that is not closed");
    let closed = closed.ok_or_else(missing)?;
    Ok(Some(ToCarry { period, at: closed.at, left: closed.to_carry }))
}

/// A statement with its seal.
struct Stated<'a> {
    draft: &'a DraftRow,
    document: StatementDocument,
    hash: [u8; 32],
    seal: Vec<u8>,
}

/// The rows of a page, made outside of any transaction.
struct Page<'a> {
    site: &'a Site,
    close: Period,
    at: Timestamp,
    drafts: &'a [DraftRow],
    statements: Vec<Stated<'a>>,
    lines: Vec<LineRow>,
    divisions: Vec<DivisionRow>,
    allocations: Vec<AllocationRow>,
    letters: Vec<OutboxRow>,
    transfers: Vec<Transfer>,
}

impl<'a> Page<'a> {
    fn new(
        site: &'a Site,
        (close, at): (Period, Timestamp),
        drafts: &'a [DraftRow],
    ) -> Result<Self, Fault> {
        let mut page = Self {
            site,
            close,
            at,
            drafts,
            statements: Vec::with_capacity(drafts.len()),
            lines: Vec::with_capacity(drafts.len()),
            divisions: Vec::new(),
            allocations: Vec::new(),
            letters: Vec::with_capacity(drafts.len()),
            transfers: Vec::with_capacity(drafts.len()),
        };
        for draft in drafts {
            match draft.kind()? {
                DraftKind::Statement => page.add_statement(draft)?,
                DraftKind::Division => page.add_division(draft)?,
            }
        }
        Ok(page)
    }

    fn seal(&self, id: String, hash: [u8; 32], kind: LetterKind) -> lianshi_registry::seal::Sealed {
        let claim = Claim { v: LETTER_VERSION, id, hash: hex::encode(hash), at: self.at };
        claim.seal(&self.site.node, kind, &self.site.seal_key)
    }

    fn add_statement(&mut self, draft: &'a DraftRow) -> Result<(), Fault> {
        let document = parsed(StatementDocument::read(draft.document.as_bytes()))?;
        let hash = as_sealed(draft, document.seal_text().1)?;
        let sealed = self.seal(document.number.clone(), hash, LetterKind::Statement);
        let seal = sealed.to_bytes();
        let letter = Letter::new(&draft.document, sealed);
        let id = format!("statement/{}", document.number);
        self.letters.push(letter_row(&id, &document.home_node, &letter, self.at));
        self.lines.extend(LineRow::of(&document, Side::Provider)?);
        self.transfers.extend(parsed(document.transfer())?);
        self.statements.push(Stated { draft, document, hash, seal });
        Ok(())
    }

    fn add_division(&mut self, draft: &DraftRow) -> Result<(), Fault> {
        let document = parsed(DivisionDocument::read(draft.document.as_bytes()))?;
        let hash = as_sealed(draft, document.seal_text().1)?;
        let id = division_id(document.period, &document.product);
        let sealed = self.seal(id.clone(), hash, LetterKind::Division);
        let seal = sealed.to_bytes();
        let letter = Letter::new(&draft.document, sealed);
        let nodes: BTreeSet<&NodeName> =
            document.parts.iter().map(|part| &part.party.node).collect();
        for node in nodes.into_iter().filter(|node| **node != self.site.node) {
            let id = format!("division/{id}/{node}");
            self.letters.push(letter_row(&id, node, &letter, self.at));
        }
        self.allocations.extend(AllocationRow::of(&document, DivisionSide::Provider, |_| true)?);
        self.transfers.extend(parsed(document.transfers(self.close))?);
        self.divisions.push(DivisionRow::of(
            &document,
            DivisionSide::Provider,
            Sealed {
                issued_at: self.at,
                hash,
                text: &draft.document,
                seal,
                made_in: (document.period != self.close).then_some(self.close),
            },
        ));
        Ok(())
    }

    /// Puts them into the books in the place of their drafts, unless somebody did.
    fn write(&self, write: &mut Write<'_>) -> Result<(), Fault> {
        if !drafts::take(write, self.drafts)? {
            return Ok(());
        }
        for stated in self.statements.chunks(BULK_ROWS_MAX) {
            let rows: Vec<_> = stated.iter().map(|stated| self.row(stated)).collect();
            insert_all!(write, statements::table, &rows)?;
        }
        for lines in self.lines.chunks(BULK_ROWS_MAX) {
            insert_all!(write, statement_lines::table, lines)?;
        }
        for divisions in self.divisions.chunks(BULK_ROWS_MAX) {
            insert_all!(write, split_documents::table, divisions)?;
        }
        for allocations in self.allocations.chunks(BULK_ROWS_MAX) {
            insert_all!(write, allocations::table, allocations)?;
        }
        copies::send_new(write, self.site, &self.allocations)?;
        for letters in self.letters.chunks(BULK_ROWS_MAX) {
            insert_all!(write, outbox::table, letters)?;
        }
        ledger::post(write, &self.transfers, self.at)
    }

    fn row<'s>(&self, stated: &'s Stated<'_>) -> NewStatement<'s> {
        let copy = Copy {
            side: Side::Provider,
            state: StatementState::Issued,
            document: &stated.document,
            text: &stated.draft.document,
            hash: stated.hash,
            issued_at: self.at,
            sealed: stated.seal.clone(),
            countersigned: None,
        };
        copy.into_row()
    }
}

/// The hash of a document, which is the one its close was sealed with.
fn as_sealed(draft: &DraftRow, hash: [u8; 32]) -> Result<[u8; 32], Fault> {
    if draft.hash()? == hash {
        return Ok(hash);
    }
    Err(Fault::corrupt("close_drafts", "a document is not the one that was sealed"))
}

fn parsed<T, E: std::fmt::Display>(outcome: Result<T, E>) -> Result<T, Fault> {
    outcome.map_err(|error| Fault::corrupt("close_drafts", error))
}
