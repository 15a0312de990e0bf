//! Taking in the letters of a close. Every letter is checked before anything is kept: who sealed
//! it, that the document is the one the seal names, that it adds up, and that a statement follows
//! the agreement both nodes hold. Then it is countersigned, kept and answered with a receipt; a
//! repeat is answered again and changes nothing.

use diesel::prelude::*;
use lianshi_market::{
    close::{DivisionDocument, DocumentError, StatementDocument},
    subscription::Side,
};
use lianshi_registry::{
    id::{NodeName, RegistrationNumber},
    json,
    key::PublicKey,
    seal::SealError,
    time::{Period, Timestamp},
};

use super::{Claim, Copy, KIND, Letter, LetterKind, LetterRefusal, agreed, letter::LETTER_VERSION};
use crate::{
    Failure, Fault, Site, Write,
    allocations::{AllocationRow, DivisionRow, DivisionSide, Sealed},
    audit::{self, Act, Actor},
    close::lines::LineRow,
    dialect::{insert_all, insert_if_absent},
    members,
    outbox::{self, OutboxRow},
    schema::{allocations, split_documents, split_receipts, statement_lines, statements},
};

/// Failure of this room.
type Outcome<T> = Result<T, Failure<LetterRefusal>>;

fn refuse<T>(refusal: impl Into<LetterRefusal>) -> Outcome<T> {
    Err(Failure::Refused(refusal.into()))
}

/// A letter whose seal was checked.
struct Opened {
    from: NodeName,
    kind: LetterKind,
    claim: Claim,
    document: String,
    sealed: Vec<u8>,
}

/// Takes a letter `from` sent: a statement, a division, or a receipt for one. Repeats are welcome.
pub fn receive(site: &Site, from: &NodeName, bytes: &[u8]) -> Outcome<()> {
    let letter = Letter::parse(bytes).map_err(|error| Failure::Refused(error.into()))?;
    site.db.write(|write| {
        let opened = open(write, site, from, &letter)?;
        match opened.kind {
            LetterKind::Statement => take_statement(write, site, &opened),
            LetterKind::Division => take_division(write, site, &opened),
            LetterKind::StatementReceipt => statement_receipt(write, site, &opened),
            LetterKind::DivisionReceipt => division_receipt(write, site, &opened),
        }
    })?;
    site.nudge();
    Ok(())
}

fn open(write: &mut Write<'_>, site: &Site, from: &NodeName, letter: &Letter) -> Outcome<Opened> {
    let sealed = &letter.sealed;
    if letter.v != LETTER_VERSION {
        return refuse(DocumentError::Version(letter.v));
    }
    if sealed.claimed_sender() != from {
        let sealed_by = sealed.claimed_sender().clone();
        return refuse(LetterRefusal::WrongSender { from: from.clone(), sealed_by });
    }
    let Some(kind) = LetterKind::parse(sealed.kind()) else {
        return refuse(LetterRefusal::Kind(sealed.kind().to_owned()));
    };
    let keys = seal_keys(write, site, from)?;
    let payload = sealed.open_with(&keys).map_err(|error| Failure::Refused(error.into()))?;
    let claim: Claim = json::read_letter(&payload)
        .map_err(|error| Failure::Refused(SealError::Malformed(error.to_string()).into()))?;
    if claim.v != LETTER_VERSION {
        return refuse(DocumentError::Version(claim.v));
    }
    let document = letter.document.clone();
    Ok(Opened { from: from.clone(), kind, claim, document, sealed: sealed.to_bytes() })
}

fn seal_keys(write: &mut Write<'_>, site: &Site, from: &NodeName) -> Outcome<Vec<PublicKey>> {
    if *from == site.node {
        return Ok(members::own_seal_keys(&mut write.as_read(), site)?);
    }
    let member = members::by_node(&mut write.as_read(), from)?;
    match member.filter(|member| member.may_write().is_ok()) {
        Some(member) => Ok(member.seal_keys()),
        None => refuse(LetterRefusal::NotAMember(from.clone())),
    }
}

fn take_statement(write: &mut Write<'_>, site: &Site, opened: &Opened) -> Outcome<()> {
    let document = StatementDocument::read(opened.document.as_bytes())
        .map_err(|e| Failure::Refused(e.into()))?;
    let hash = document.seal_text().1;
    if document.number != opened.claim.id || hex::encode(hash) != opened.claim.hash {
        return refuse(LetterRefusal::Hash(opened.claim.id.clone()));
    }
    let division = agreed::division_of(write, site, &opened.from)?;
    let month = document.period.to_string().replace('-', "");
    let own_number = division.is_some_and(|division| {
        document.number.starts_with(&format!("ST-{division}-{month}-"))
            && division.covers(&document.product.division())
    });
    if document.provider_node != opened.from || document.home_node != site.node || !own_number {
        return refuse(LetterRefusal::Misdirected(document.number));
    }
    let known: Option<Vec<u8>> = statements::table
        .filter(statements::number.eq(&document.number))
        .filter(statements::side.eq(Side::Home.as_str()))
        .select(statements::statement_hash)
        .first(&mut **write)
        .optional()?;
    match known {
        Some(known) if known == hash => {}
        Some(_) => return refuse(LetterRefusal::Conflict(document.number)),
        None => keep_statement(write, site, opened, (&document, hash))?,
    }
    answer(write, site, opened, LetterKind::StatementReceipt)
}

fn keep_statement(
    write: &mut Write<'_>,
    site: &Site,
    opened: &Opened,
    (document, hash): (&StatementDocument, [u8; 32]),
) -> Outcome<()> {
    if !agreed::follows(write, document)? {
        return refuse(LetterRefusal::NotAsAgreed(document.number.clone()));
    }
    let taken: i64 = statements::table
        .filter(statements::side.eq(Side::Home.as_str()))
        .filter(statements::period.eq(document.period.to_string()))
        .filter(statements::subscription.eq(&document.subscription))
        .count()
        .get_result(&mut **write)?;
    if taken > 0 {
        return refuse(LetterRefusal::Conflict(document.number.clone()));
    }
    let countersigned = countersign(site, opened, LetterKind::StatementReceipt);
    let row = Copy {
        side: Side::Home,
        document,
        text: &opened.document,
        hash,
        issued_at: opened.claim.at,
        sealed: opened.sealed.clone(),
        countersigned: Some(countersigned),
    }
    .into_row();
    diesel::insert_into(statements::table).values(&row).execute(&mut **write)?;
    let lines = LineRow::of(document, Side::Home)?;
    insert_all!(write, statement_lines::table, &lines)?;
    record(write, site, "statement.receive", &document.number, &opened.claim.hash)
}

fn take_division(write: &mut Write<'_>, site: &Site, opened: &Opened) -> Outcome<()> {
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
        None => keep_division(write, site, opened, (&document, hash))?,
    }
    answer(write, site, opened, LetterKind::DivisionReceipt)
}

fn keep_division(
    write: &mut Write<'_>,
    site: &Site,
    opened: &Opened,
    (document, hash): (&DivisionDocument, [u8; 32]),
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
    let sealed = countersign(site, opened, LetterKind::DivisionReceipt);
    keep_receipt(write, (DivisionSide::Party, &site.node), document, sealed)?;
    record(write, site, "division.receive", &opened.claim.id, &opened.claim.hash)
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

fn statement_receipt(write: &mut Write<'_>, site: &Site, opened: &Opened) -> Outcome<()> {
    let number = &opened.claim.id;
    let row: Option<(String, Vec<u8>, Option<Vec<u8>>)> = statements::table
        .filter(statements::number.eq(number))
        .filter(statements::side.eq(Side::Provider.as_str()))
        .select((statements::home_node, statements::statement_hash, statements::countersigned))
        .first(&mut **write)
        .optional()?;
    let Some((home, hash, countersigned)) = row else {
        return refuse(LetterRefusal::UnknownDocument(number.clone()));
    };
    if home != opened.from.as_str() || hex::encode(hash) != opened.claim.hash {
        return refuse(LetterRefusal::UnknownDocument(number.clone()));
    }
    if countersigned.is_some() {
        return Ok(());
    }
    diesel::update(statements::table)
        .filter(statements::number.eq(number))
        .filter(statements::side.eq(Side::Provider.as_str()))
        .set((
            statements::state.eq(super::StatementState::Checked.as_str()),
            statements::countersigned.eq(Some(opened.sealed.clone())),
        ))
        .execute(&mut **write)?;
    record(write, site, "statement.check", number, &opened.claim.hash)
}

fn division_receipt(write: &mut Write<'_>, site: &Site, opened: &Opened) -> Outcome<()> {
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
        return refuse(LetterRefusal::UnknownDocument(id.clone()));
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

/// Our seal under the same claim. It bears the time of the provider's seal, so that countersigning
/// again gives the same bytes; when it arrived stands in the audit trail.
fn countersign(site: &Site, opened: &Opened, kind: LetterKind) -> Vec<u8> {
    opened.claim.seal(&site.node, kind, &site.seal_key).to_bytes()
}

fn answer(write: &mut Write<'_>, site: &Site, opened: &Opened, kind: LetterKind) -> Outcome<()> {
    let sealed = opened.claim.seal(&site.node, kind, &site.seal_key);
    let id = format!("{}/{}", kind.as_str(), opened.claim.id);
    let letter = Letter::new("", sealed);
    outbox::enqueue(write, &letter_row(id, &opened.from, &letter, site.now()))?;
    Ok(())
}

/// The outbox row of a letter. Letters do not depend on each other, so each is its own queue.
pub(crate) fn letter_row(id: String, to: &NodeName, letter: &Letter, now: Timestamp) -> OutboxRow {
    OutboxRow {
        ordering_key: id.clone(),
        id,
        kind: KIND.to_owned(),
        target: to.to_string(),
        payload: letter.to_bytes(),
        created_at: now.millis(),
        due_at: now.millis(),
        attempts: 0,
        last_error: String::new(),
    }
}

fn record(
    write: &mut Write<'_>,
    site: &Site,
    action: &'static str,
    object: &str,
    after: &str,
) -> Outcome<()> {
    let actor = Actor::node();
    let act =
        Act { at: site.now(), actor: &actor, action, object, outcome: "done", before: "", after };
    Ok(audit::record(write, &act)?)
}
