//! Taking in the letters of a close. Every letter is checked before anything is kept: that the
//! document is the one the seal names, that it adds up, and that this node derives the same from
//! what it holds itself. Then it is countersigned, kept and answered with a receipt; a
//! repeat is answered again and changes nothing.

use diesel::prelude::*;
use lianshi_market::{
    close::{DocumentError, StatementDocument},
    subscription::Side,
};
use lianshi_registry::{id::NodeName, json, time::Timestamp};

use super::{
    Claim, Copy, KIND, Letter, LetterKind, LetterRefusal, StatementState, agreed, copy, division,
    letter::LETTER_VERSION,
    objection,
    waiting::{self, Judged},
};
use crate::{
    Failure, Read, Site, Write,
    audit::{self, Act, Actor},
    close::{self, lines::LineRow},
    dialect::insert_all,
    letters::Incoming,
    outbox::{self, OutboxRow},
    schema::{statement_lines, statements},
    subscriptions::correspondence,
};

/// Failure of this room.
pub(super) type Outcome<T> = Result<T, Failure<LetterRefusal>>;

pub(super) fn refuse<T>(refusal: impl Into<LetterRefusal>) -> Outcome<T> {
    Err(Failure::Refused(refusal.into()))
}

/// A letter whose seal was checked, and what is claimed in it.
pub(super) struct Opened {
    pub from: NodeName,
    pub kind: LetterKind,
    pub claim: Claim,
    pub document: String,
    pub sealed: Vec<u8>,
}

/// Takes a letter of a close: a statement, a division, a receipt for one, or an objection. Repeats
/// are welcome.
pub(crate) fn receive(write: &mut Write<'_>, site: &Site, letter: &Incoming) -> Outcome<()> {
    let opened = claimed(letter).map_err(Failure::Refused)?;
    let from = &opened.from;
    // What it is derived from may have ended since the backup, and what it answers be forgotten.
    if *from != site.node && correspondence::is_awaited(&mut write.as_read(), from)? {
        return refuse(LetterRefusal::Recovering);
    }
    match opened.kind {
        LetterKind::Statement => take_statement(write, site, &opened, false),
        LetterKind::Division => division::take(write, site, &opened),
        LetterKind::StatementReceipt => statement_receipt(write, site, &opened),
        LetterKind::DivisionReceipt => division::receipt(write, site, &opened),
        LetterKind::Objection => objection::take(write, site, &opened),
        LetterKind::LineCopy => copy::take(write, site, &opened),
        LetterKind::LineCopyReceipt => copy::receipt(write, site, &opened),
    }
}

/// Reads what is claimed under the seal of a letter.
pub(super) fn claimed(letter: &Incoming) -> Result<Opened, LetterRefusal> {
    let kind =
        LetterKind::parse(&letter.kind).ok_or_else(|| LetterRefusal::Kind(letter.kind.clone()))?;
    let claim: Claim = json::read_letter(&letter.payload)
        .map_err(|error| LetterRefusal::Malformed(error.to_string()))?;
    if claim.v != LETTER_VERSION {
        return Err(DocumentError::Version(claim.v).into());
    }
    let (from, document) = (letter.from.clone(), letter.document.clone());
    Ok(Opened { from, kind, claim, document, sealed: letter.sealed.clone() })
}

/// Takes a statement and answers with a receipt. One that this node `stood_by` already, and forgot,
/// is not judged again.
pub(super) fn take_statement(
    write: &mut Write<'_>,
    site: &Site,
    opened: &Opened,
    stood_by: bool,
) -> Outcome<()> {
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
        // How it differed, where a person stood by it all the same.
        Some(known) if known == hash => objection::raise(write, site, &document.number)?,
        Some(_) => return refuse(LetterRefusal::Conflict(document.number)),
        None => {
            let stated = Stated { document, hash };
            if stood_by {
                waiting::recall(write, site, opened, &stated)?;
            } else if let Judged::Differs { .. } = waiting::judge(write, site, opened, &stated)? {
                // Told with each repeat: the node that asks may have forgotten it.
                return Ok(objection::raise(write, site, &stated.document.number)?);
            }
            stand_by(write, site, opened, (&stated, StatementState::Checked))?;
            waiting::look_again(write, site, &stated.document.subscription)?;
        }
    }
    answer(write, site, opened, LetterKind::StatementReceipt)
}

/// A statement with the hash of its text.
pub(super) struct Stated {
    pub document: StatementDocument,
    pub hash: [u8; 32],
}

/// Keeps a statement under both seals.
pub(super) fn stand_by(
    write: &mut Write<'_>,
    site: &Site,
    opened: &Opened,
    (stated, state): (&Stated, StatementState),
) -> Outcome<()> {
    let document = &stated.document;
    let countersigned = countersign(site, opened, LetterKind::StatementReceipt);
    let row = Copy {
        side: Side::Home,
        state,
        document,
        text: &opened.document,
        hash: stated.hash,
        issued_at: opened.claim.at,
        sealed: opened.sealed.clone(),
        countersigned: Some(countersigned),
    }
    .into_row();
    diesel::insert_into(statements::table).values(&row).execute(&mut **write)?;
    let lines = LineRow::of(document, Side::Home)?;
    insert_all!(write, statement_lines::table, &lines)?;
    Ok(())
}

pub(super) fn statement_receipt(
    write: &mut Write<'_>,
    site: &Site,
    opened: &Opened,
) -> Outcome<()> {
    let number = &opened.claim.id;
    let row: Option<(String, Vec<u8>, Option<Vec<u8>>)> = statements::table
        .filter(statements::number.eq(number))
        .filter(statements::side.eq(Side::Provider.as_str()))
        .select((statements::home_node, statements::statement_hash, statements::countersigned))
        .first(&mut **write)
        .optional()?;
    let row = row.filter(|(home, hash, _)| {
        home == opened.from.as_str() && hex::encode(hash) == opened.claim.hash
    });
    let Some((_, _, countersigned)) = row else {
        return Err(unknown(&mut write.as_read(), site, number));
    };
    if countersigned.is_some() {
        return Ok(());
    }
    diesel::update(statements::table)
        .filter(statements::number.eq(number))
        .filter(statements::side.eq(Side::Provider.as_str()))
        .set(statements::countersigned.eq(Some(opened.sealed.clone())))
        .execute(&mut **write)?;
    objection::settle(write, number)?;
    record(write, site, "statement.check", number, &opened.claim.hash)
}

/// Why a document that is answered here is not known: it was never issued, or it is forgotten and
/// comes back.
pub(super) fn unknown(read: &mut Read<'_>, site: &Site, id: &str) -> Failure<LetterRefusal> {
    match close::lacks_documents(read, site) {
        Ok(true) => Failure::Refused(LetterRefusal::Recovering),
        Ok(false) => Failure::Refused(LetterRefusal::UnknownDocument(id.to_owned())),
        Err(fault) => Failure::Fault(fault),
    }
}

/// Our seal under the same claim. It bears the time of the provider's seal, so that countersigning
/// again gives the same bytes; when it arrived stands in the audit trail.
pub(super) fn countersign(site: &Site, opened: &Opened, kind: LetterKind) -> Vec<u8> {
    opened.claim.seal(&site.node, kind, &site.seal_key).to_bytes()
}

pub(super) fn answer(
    write: &mut Write<'_>,
    site: &Site,
    opened: &Opened,
    kind: LetterKind,
) -> Outcome<()> {
    let sealed = opened.claim.seal(&site.node, kind, &site.seal_key);
    let id = format!("{}/{}", kind.as_str(), opened.claim.id);
    let letter = Letter::new("", sealed);
    outbox::enqueue(write, &letter_row(&id, &opened.from, &letter, site.now()))?;
    Ok(())
}

/// The outbox row of a letter. Letters do not depend on each other, so each is its own queue.
pub(crate) fn letter_row(id: &str, to: &NodeName, letter: &Letter, now: Timestamp) -> OutboxRow {
    OutboxRow::new(KIND, (id, id), to.as_str(), (letter.to_bytes(), now))
}

pub(super) fn record(
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
