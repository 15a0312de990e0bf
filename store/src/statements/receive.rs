//! Taking in the letters of a close. Every letter is checked before anything is kept: who sealed
//! it, that the document is the one the seal names, that it adds up, and that this node derives the
//! same from what it holds itself. Then it is countersigned, kept and answered with a receipt; a
//! repeat is answered again and changes nothing.

use diesel::prelude::*;
use lianshi_market::{
    close::{DocumentError, StatementDocument},
    subscription::Side,
};
use lianshi_registry::{id::NodeName, json, key::PublicKey, seal::SealError, time::Timestamp};

use super::{
    Claim, Copy, KIND, Letter, LetterKind, LetterRefusal, StatementState, agreed, division,
    letter::LETTER_VERSION,
    objection,
    waiting::{self, Judged},
};
use crate::{
    Failure, Site, Write,
    audit::{self, Act, Actor},
    close::lines::LineRow,
    dialect::insert_all,
    members,
    outbox::{self, OutboxRow},
    schema::{statement_lines, statements},
    subscriptions::correspondence,
};

/// Failure of this room.
pub(super) type Outcome<T> = Result<T, Failure<LetterRefusal>>;

pub(super) fn refuse<T>(refusal: impl Into<LetterRefusal>) -> Outcome<T> {
    Err(Failure::Refused(refusal.into()))
}

/// A letter whose seal was checked.
pub(super) struct Opened {
    pub from: NodeName,
    pub kind: LetterKind,
    pub claim: Claim,
    pub document: String,
    pub sealed: Vec<u8>,
}

/// Takes a letter `from` sent: a statement, a division, a receipt for one, or an objection. Repeats
/// are welcome.
pub fn receive(site: &Site, from: &NodeName, bytes: &[u8]) -> Outcome<()> {
    let letter = Letter::parse(bytes).map_err(|error| Failure::Refused(error.into()))?;
    site.db.write(|write| {
        let opened = open(write, site, from, &letter)?;
        match opened.kind {
            LetterKind::Statement => {
                // The copy it is derived from may have ended since the backup.
                if *from != site.node && correspondence::is_awaited(&mut write.as_read(), from)? {
                    return refuse(LetterRefusal::Recovering);
                }
                take_statement(write, site, &opened, false)
            }
            LetterKind::Division => division::take(write, site, &opened),
            LetterKind::StatementReceipt => statement_receipt(write, site, &opened),
            LetterKind::DivisionReceipt => division::receipt(write, site, &opened),
            LetterKind::Objection => objection::take(write, site, &opened),
        }
    })?;
    site.nudge();
    Ok(())
}

/// Checks who sealed a letter, and what is claimed in it.
pub(super) fn open(
    write: &mut Write<'_>,
    site: &Site,
    from: &NodeName,
    letter: &Letter,
) -> Outcome<Opened> {
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
        .set(statements::countersigned.eq(Some(opened.sealed.clone())))
        .execute(&mut **write)?;
    objection::settle(write, number)?;
    record(write, site, "statement.check", number, &opened.claim.hash)
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
