//! Divisions: how a contributor's node takes what a provider says was divided. It is believed when
//! the catalog held here gives the product to its sender, names the same shares for the period, and
//! the division goes on where the one before ended.

use diesel::prelude::*;
use lianshi_market::{
    close::{DivisionDocument, DocumentError},
    money::Amount,
    split::Agreement,
};
use lianshi_registry::{
    id::{NodeName, RegistrationNumber},
    time::Period,
};

use super::{
    LetterKind, LetterRefusal, agreed,
    receive::{Opened, Outcome, answer, countersign, record, refuse, unknown},
};
use crate::{
    Failure, Fault, Site, Write,
    allocations::{AllocationRow, DivisionRow, DivisionSide, Sealed},
    catalog, copies,
    dialect::{insert_all, insert_if_absent},
    recovery,
    schema::{allocations, split_documents, split_receipts},
};

/// Takes a division and answers with a receipt.
pub(super) fn take(write: &mut Write<'_>, site: &Site, opened: &Opened) -> Outcome<()> {
    take_told(write, site, opened, false)
}

/// Takes a division, whenever it was made. One that this node `stood_by` already, and forgot, is
/// neither judged nor answered again.
pub(super) fn take_told(
    write: &mut Write<'_>,
    site: &Site,
    opened: &Opened,
    stood_by: bool,
) -> Outcome<()> {
    let document = DivisionDocument::read(opened.document.as_bytes())
        .map_err(|e| Failure::Refused(e.into()))?;
    let hash = document.seal_text().1;
    let id = division_id(document.period, &document.product);
    if id != opened.claim.id || hex::encode(hash) != opened.claim.hash {
        return refuse(LetterRefusal::Hash(opened.claim.id.clone()));
    }
    let for_us = document.parts.iter().any(|part| part.party.node == site.node);
    let own_product = agreed::division_of(write, site, &opened.from)?
        .is_some_and(|division| division.covers(&document.product.division()));
    let theirs = document.provider_node == opened.from && own_product;
    if !theirs || opened.from == site.node || !for_us {
        return refuse(LetterRefusal::Misdirected(id));
    }
    let known: Option<Vec<u8>> = split_documents::table
        .filter(split_documents::side.eq(DivisionSide::Party.as_str()))
        .filter(split_documents::period.eq(document.period.to_string()))
        .filter(split_documents::product.eq(document.product.as_str()))
        .select(split_documents::document_hash)
        .first(&mut **write)
        .optional()?;
    match known {
        Some(known) if known == hash => {}
        Some(_) => return refuse(LetterRefusal::Conflict(id)),
        None => {
            if !stood_by {
                judge(write, site, opened, &document)?;
            }
            let action = if stood_by { "division.recall" } else { "division.receive" };
            keep(write, site, opened, (&document, hash, action))?;
        }
    }
    if stood_by {
        return Ok(());
    }
    answer(write, site, opened, LetterKind::DivisionReceipt)
}

/// Compares a division with the split that the catalog says is in force, and with what was divided
/// under it before.
fn judge(
    write: &mut Write<'_>,
    site: &Site,
    opened: &Opened,
    document: &DivisionDocument,
) -> Outcome<()> {
    let id = || division_id(document.period, &document.product);
    if document.is_carried() {
        return refuse(DocumentError::Version(document.v));
    }
    let Some(offer) = catalog::product(&mut write.as_read(), &document.product)? else {
        return refuse(LetterRefusal::UnknownProduct(document.product.clone()));
    };
    if offer.node != opened.from {
        return refuse(LetterRefusal::Misdirected(id()));
    }
    let stated = Agreement::recorded(document.agreement.clone(), &document.parts);
    let in_force = offer.split_in(document.period).map(Agreement::from_split);
    let in_force = in_force.and_then(Result::ok).filter(|split| split.id() == stated.id());
    let Some(in_force) = in_force else {
        return refuse(LetterRefusal::SplitNotInForce {
            division: id(),
            agreement: document.agreement.clone(),
        });
    };
    if in_force != stated {
        return refuse(LetterRefusal::SharesDiffer(id()));
    }
    let begins = document.stretch().map_or(Amount::ZERO, |(begins, _)| begins);
    let ended = divided_so_far(write, in_force.id())?;
    if begins == ended {
        return Ok(());
    }
    let division = id();
    if begins > ended && was_forgotten(write, in_force.id())? {
        let (ended, begins) = (ended.to_string(), begins.to_string());
        return record(write, site, "division.gap", &division, &format!("{ended} {begins}"));
    }
    if begins > ended {
        refuse(LetterRefusal::DivisionMissing { division, begins, ended })
    } else {
        refuse(LetterRefusal::DividedBefore { division, begins, ended })
    }
}

/// Since this node recovered from a loss it has taken no division under an agreement version, so
/// what is missing may be what it lost. A party is within a fen of its share wherever one begins.
fn was_forgotten(write: &mut Write<'_>, agreement: &str) -> Result<bool, Fault> {
    let Some(recovered) = recovery::finished_at(&mut write.as_read())? else { return Ok(false) };
    let since = split_documents::table
        .filter(split_documents::side.eq(DivisionSide::Party.as_str()))
        .filter(split_documents::agreement.eq(agreement))
        .filter(split_documents::issued_at.ge(recovered.millis()));
    let has_taken: bool = diesel::select(diesel::dsl::exists(since)).get_result(&mut **write)?;
    Ok(!has_taken)
}

/// Where the divisions held here under an agreement version end.
fn divided_so_far(write: &mut Write<'_>, agreement: &str) -> Result<Amount, Fault> {
    let ended: Option<i64> = split_documents::table
        .filter(split_documents::side.eq(DivisionSide::Party.as_str()))
        .filter(split_documents::agreement.eq(agreement))
        .select(diesel::dsl::max(split_documents::base_to_fen))
        .first(&mut **write)?;
    Ok(Amount::from_fen(ended.unwrap_or(0)))
}

fn keep(
    write: &mut Write<'_>,
    site: &Site,
    opened: &Opened,
    (document, hash, action): (&DivisionDocument, [u8; 32], &'static str),
) -> Outcome<()> {
    let row = DivisionRow::of(
        document,
        DivisionSide::Party,
        Sealed {
            issued_at: opened.claim.at,
            hash,
            text: &opened.document,
            seal: opened.sealed.clone(),
            made_in: None,
        },
    );
    diesel::insert_into(split_documents::table).values(&row).execute(&mut **write)?;
    let lines = AllocationRow::of(document, DivisionSide::Party, |node| *node == site.node)?;
    insert_all!(write, allocations::table, &lines)?;
    copies::send_new(write, site, &lines)?;
    let sealed = countersign(site, opened, LetterKind::DivisionReceipt);
    keep_receipt(write, (DivisionSide::Party, &site.node), document, sealed)?;
    record(write, site, action, &opened.claim.id, &opened.claim.hash)
}

fn keep_receipt(
    write: &mut Write<'_>,
    (side, node): (DivisionSide, &NodeName),
    document: &DivisionDocument,
    sealed: Vec<u8>,
) -> Result<bool, Fault> {
    Ok(insert_if_absent!(
        write,
        split_receipts::table,
        (
            split_receipts::side.eq(side.as_str()),
            split_receipts::period.eq(document.period.to_string()),
            split_receipts::product.eq(document.product.to_string()),
            split_receipts::node.eq(node.to_string()),
            split_receipts::sealed.eq(sealed),
        )
    )?)
}

pub(super) fn receipt(write: &mut Write<'_>, site: &Site, opened: &Opened) -> Outcome<()> {
    let id = &opened.claim.id;
    let Some((period, product)) = id.split_once('/') else {
        return refuse(LetterRefusal::UnknownDocument(id.clone()));
    };
    let row: Option<DivisionRow> = split_documents::table
        .filter(split_documents::side.eq(DivisionSide::Provider.as_str()))
        .filter(split_documents::period.eq(period))
        .filter(split_documents::product.eq(product))
        .select(DivisionRow::as_select())
        .first(&mut **write)
        .optional()?;
    let Some(row) = row.filter(|row| hex::encode(&row.document_hash) == opened.claim.hash) else {
        return Err(unknown(&mut write.as_read(), site, id));
    };
    let document = row.read()?;
    if !document.parts.iter().any(|part| part.party.node == opened.from) {
        return refuse(LetterRefusal::Misdirected(id.clone()));
    }
    let side = (DivisionSide::Provider, &opened.from);
    if keep_receipt(write, side, &document, opened.sealed.clone())? {
        record(write, site, "division.check", id, &opened.claim.hash)?;
    }
    Ok(())
}

/// The name of a division in letters: `2026-10/330212-P-2026-0000001-X`.
pub(crate) fn division_id(period: Period, product: &RegistrationNumber) -> String {
    format!("{period}/{product}")
}
