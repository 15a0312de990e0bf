//! Divisions that one node stated to another, told again after one of them was restored: a party's
//! node that forgot what it took has its own seal under it at the maker, and the maker sends again
//! what no receipt is held of.

use diesel::prelude::*;
use lianshi_market::{
    close::DivisionDocument,
    correspondence::{Division, Divisions, LETTERS_BYTES},
};
use lianshi_registry::{id::NodeName, refusal::Refusal as _, seal::Sealed};

use super::{
    Letter, LetterKind,
    division::{self, division_id},
    letter_row,
    papers::take::{open, stood_by},
    receive::{Outcome, refuse},
    refusal::LetterRefusal,
};
use crate::{
    Failure, Fault, Read, Site, Write,
    allocations::{DivisionRow, DivisionSide},
    outbox,
    schema::{split_documents, split_receipts},
    subscriptions::correspondence::{NotTaken, Told, leave_out},
};

/// Divisions looked at together: of the largest ones, thirty-two MiB.
const DIVISIONS_AT_ONCE: i64 = 64;

fn corrupt(error: impl std::fmt::Display) -> Fault {
    Fault::corrupt("split_documents", error)
}

/// What another node is told of the divisions that its parties take part in.
pub(crate) fn divisions(
    read: &mut Read<'_>,
    other: &NodeName,
    (since_ms, skip): (i64, u64),
) -> Result<Divisions, Fault> {
    // How a party names its node in the canonical text. What people write into it is escaped, so it
    // never looks like this; and reading each document would divide it again.
    let names = format!("\"node\":\"{other}\"");
    let rows: Vec<DivisionRow> = split_documents::table
        .filter(split_documents::side.eq(DivisionSide::Provider.as_str()))
        .filter(split_documents::issued_at.ge(since_ms))
        .order((
            split_documents::issued_at.asc(),
            split_documents::period.asc(),
            split_documents::product.asc(),
            split_documents::agreement.asc(),
        ))
        .offset(i64::try_from(skip).unwrap_or(i64::MAX))
        .limit(DIVISIONS_AT_ONCE)
        .select(DivisionRow::as_select())
        .load(&mut **read)?;
    let mut more = i64::try_from(rows.len()).is_ok_and(|rows| rows == DIVISIONS_AT_ONCE);
    let (mut divisions, mut place, mut size_bytes) = (Vec::new(), (since_ms, skip), 0);
    for row in rows {
        if size_bytes >= LETTERS_BYTES {
            more = true;
            break;
        }
        let of_moment = if row.issued_at == place.0 { place.1 } else { 0 };
        place = (row.issued_at, of_moment.saturating_add(1));
        if !row.document.contains(&names) {
            continue;
        }
        let receipt: Option<Vec<u8>> = split_receipts::table
            .filter(split_receipts::side.eq(DivisionSide::Provider.as_str()))
            .filter(split_receipts::period.eq(&row.period))
            .filter(split_receipts::product.eq(&row.product))
            .filter(split_receipts::node.eq(other.as_str()))
            .select(split_receipts::sealed)
            .first(&mut **read)
            .optional()?;
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).map_err(corrupt);
        let (sealed, receipt) = (text(row.sealed)?, receipt.map(text).transpose()?);
        size_bytes += row.document.len() + sealed.len();
        divisions.push(Division {
            made_ms: row.issued_at,
            document: row.document,
            sealed,
            receipt,
        });
    }
    Ok(Divisions { divisions, next: more.then_some(place) })
}

/// Takes divisions as their maker told them, in the order in which they were made. What this node
/// stood by and forgot is here again, and any other is judged as the letter it would have been.
/// What will never fit changes nothing, and is listed for a person. Gives those that cannot be
/// judged yet: they are to be asked for again.
pub fn take_divisions(site: &Site, node: &NodeName, told: &Divisions) -> Result<NotTaken, Fault> {
    let (mut not_yet, mut never) = (NotTaken::new(), NotTaken::new());
    for one in &told.divisions {
        match site.db.write(|write| take(write, site, (node, one))) {
            Ok(()) => {}
            Err(Failure::Refused(refusal)) => {
                let later = refusal.may_retry();
                let list = if later { &mut not_yet } else { &mut never };
                list.push((named(one), refusal.code()));
            }
            Err(Failure::Fault(fault)) => return Err(fault),
        }
    }
    leave_out(site, node, (Told::Division, &never))?;
    site.nudge();
    Ok(not_yet)
}

/// What a division that was told is called.
fn named(one: &Division) -> String {
    DivisionDocument::read(one.document.as_bytes())
        .map_or_else(|_| "?".to_owned(), |document| division_id(document.period, &document.product))
}

fn take(write: &mut Write<'_>, site: &Site, (node, one): (&NodeName, &Division)) -> Outcome<()> {
    let opened = open(write, site, node, &one.sealed, &one.document)?;
    if opened.kind != LetterKind::Division {
        return refuse(LetterRefusal::Kind(opened.kind.as_str().to_owned()));
    }
    let receipt = (one.receipt.as_deref(), LetterKind::DivisionReceipt);
    let stood_by = stood_by(write, site, receipt, &opened)?;
    division::take_told(write, site, &opened, stood_by)
}

/// Divisions of this node that another has not confirmed go to it again; who has them answers with
/// its receipt.
pub fn send_divisions_again(site: &Site, node: &NodeName) -> Result<(), Fault> {
    let mut place = (i64::MIN, 0);
    loop {
        let told = site.db.read(|read| divisions(read, node, place))?;
        let unconfirmed = told.divisions.iter().filter(|one| one.receipt.is_none());
        let letters = unconfirmed.map(|one| letter_again(site, node, one));
        let letters = letters.collect::<Result<Vec<_>, Fault>>()?;
        site.db.write(|write| {
            letters.iter().try_for_each(|letter| outbox::enqueue(write, letter).map(drop))
        })?;
        let Some(next) = told.next else { return Ok(()) };
        place = next;
    }
}

/// The letter of a division of this node, as it was sent.
fn letter_again(site: &Site, node: &NodeName, one: &Division) -> Result<outbox::OutboxRow, Fault> {
    let document = lianshi_market::close::DivisionDocument::read(one.document.as_bytes());
    let document = document.map_err(corrupt)?;
    let sealed = Sealed::parse(one.sealed.as_bytes()).map_err(corrupt)?;
    let id = super::division_id(document.period, &document.product);
    let letter = Letter::new(&one.document, sealed);
    Ok(letter_row(&format!("division/{id}/{node}"), node, &letter, site.now()))
}
