//! Objections: what a home node tells a provider of a statement it does not stand by. The provider
//! keeps the last word about each statement, under the home node's seal, and shows it to its
//! finance; a receipt that follows settles it.

use diesel::prelude::*;
use lianshi_market::{
    close::{Difference, OBJECTION_VERSION, ObjectionDocument, WaitingState},
    subscription::Side,
};
use lianshi_registry::{refusal::Refusal as _, time::Timestamp};

use super::{
    Claim, Letter, LetterKind, LetterRefusal, StatementState,
    letter::LETTER_VERSION,
    receive::{Opened, Outcome, letter_row, record, refuse, unknown},
    waiting::decided_of,
};
use crate::{
    Failure, Fault, Read, Site, Write, outbox,
    schema::{outbox as outbox_rows, statement_objections, statements, waiting_statements},
};

/// Claims tell their time in whole seconds.
const CLAIM_TICK_MS: i64 = 1_000;

/// What a home node said against a statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Objection {
    /// Whether a person there has decided, and what.
    pub state: WaitingState,
    /// Where the statement differs from what the home node derives.
    pub difference: Difference,
    /// Why, in the words of whoever decided; empty while nobody has.
    pub note: String,
    /// When the home node said so.
    pub at: Timestamp,
}

/// Tells a provider where its statement stands that differs, and what was decided.
pub(super) fn raise(write: &mut Write<'_>, site: &Site, number: &str) -> Result<(), Fault> {
    let Some(held) = decided_of(&mut write.as_read(), number)? else { return Ok(()) };
    let provider = held.document.provider_node.clone();
    let document = ObjectionDocument {
        v: OBJECTION_VERSION,
        number: number.to_owned(),
        statement_hash: hex::encode(held.document.seal_text().1),
        state: held.state,
        difference: held.difference,
        note: held.decision.map(|decision| decision.note).unwrap_or_default(),
    };
    let (text, hash) = document.seal_text();
    let hash = hex::encode(hash);
    // Later than what was said before, also by a clock that was set back.
    let said_at: i64 = waiting_statements::table
        .find(number)
        .select(waiting_statements::said_at)
        .first(&mut **write)?;
    let at = site.now().max(Timestamp::from_millis(said_at.saturating_add(CLAIM_TICK_MS)));
    diesel::update(waiting_statements::table.find(number))
        .set(waiting_statements::said_at.eq(at.millis()))
        .execute(&mut **write)?;
    let queue = format!("objection/{number}");
    // What was not tried yet is out of date.
    let untried = outbox_rows::ordering_key.eq(&queue).and(outbox_rows::attempts.eq(0));
    diesel::delete(outbox_rows::table.filter(untried)).execute(&mut **write)?;
    let id = format!("{queue}/{:014}", at.millis());
    let claim = Claim { v: LETTER_VERSION, id: number.to_owned(), hash, at };
    let letter = Letter::new(&text, claim.seal(&site.node, LetterKind::Objection, &site.seal_key));
    let mut row = letter_row(&id, &provider, &letter, site.now());
    row.ordering_key = queue;
    outbox::enqueue(write, &row)?;
    Ok(())
}

/// Takes an objection of a home node to a statement of this one. An older one than is kept changes
/// nothing.
pub(super) fn take(write: &mut Write<'_>, site: &Site, opened: &Opened) -> Outcome<()> {
    let document = ObjectionDocument::read(opened.document.as_bytes())
        .map_err(|error| Failure::Refused(error.into()))?;
    let number = &document.number;
    if *number != opened.claim.id || hex::encode(document.seal_text().1) != opened.claim.hash {
        return refuse(LetterRefusal::Hash(opened.claim.id.clone()));
    }
    let stated: Option<(String, Vec<u8>)> = statements::table
        .filter(statements::number.eq(number))
        .filter(statements::side.eq(Side::Provider.as_str()))
        .select((statements::home_node, statements::statement_hash))
        .first(&mut **write)
        .optional()?;
    let is_ours = stated.is_some_and(|(home, hash)| {
        home == opened.from.as_str() && hex::encode(hash) == document.statement_hash
    });
    if !is_ours {
        return Err(unknown(&mut write.as_read(), site, number));
    }
    let kept = of(&mut write.as_read(), number)?;
    if let Some(kept) = kept {
        let is_said = kept.state == document.state
            && kept.difference == document.difference
            && kept.note == document.note;
        if is_said || kept.at > opened.claim.at {
            return Ok(());
        }
    }
    diesel::delete(statement_objections::table.find(number)).execute(&mut **write)?;
    diesel::insert_into(statement_objections::table)
        .values((
            statement_objections::number.eq(number),
            statement_objections::document.eq(&opened.document),
            statement_objections::sealed.eq(&opened.sealed),
            statement_objections::sealed_at.eq(opened.claim.at.millis()),
        ))
        .execute(&mut **write)?;
    settle(write, number)?;
    let said = format!("{} {}", document.state.as_str(), document.difference.code());
    record(write, site, "statement.objection", number, &said)
}

/// Brings the state of a statement of this node up to what its home node said and sealed.
pub(super) fn settle(write: &mut Write<'_>, number: &str) -> Result<(), Fault> {
    let objection = of(&mut write.as_read(), number)?.map(|objection| objection.state);
    let own = statements::table
        .filter(statements::number.eq(number))
        .filter(statements::side.eq(Side::Provider.as_str()));
    let is_confirmed: Option<bool> =
        own.select(statements::countersigned.is_not_null()).first(&mut **write).optional()?;
    let Some(is_confirmed) = is_confirmed else { return Ok(()) };
    let state = match (is_confirmed, objection) {
        (true, Some(WaitingState::Accepted)) => StatementState::Accepted,
        (true, _) => StatementState::Checked,
        (false, Some(WaitingState::Declined)) => StatementState::Declined,
        // The receipt of one that was accepted is on its way.
        (false, Some(_)) => StatementState::Questioned,
        (false, None) => StatementState::Issued,
    };
    diesel::update(own).set(statements::state.eq(state.as_str())).execute(&mut **write)?;
    Ok(())
}

/// What was said against a statement of this node.
pub(super) fn of(read: &mut Read<'_>, number: &str) -> Result<Option<Objection>, Fault> {
    let row: Option<(String, i64)> = statement_objections::table
        .find(number)
        .select((statement_objections::document, statement_objections::sealed_at))
        .first(&mut **read)
        .optional()?;
    let Some((text, at)) = row else { return Ok(None) };
    let ObjectionDocument { state, difference, note, .. } =
        ObjectionDocument::read(text.as_bytes())
            .map_err(|error| Fault::corrupt("statement_objections", error))?;
    Ok(Some(Objection { state, difference, note, at: Timestamp::from_millis(at) }))
}
