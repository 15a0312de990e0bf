//! Copies of lines: how a node takes what another says of a party that reads there. It is kept as
//! that node's word. It is taken when the catalog held here has the party read that product's lines
//! at the sender, with that share; whether the amount is true is known to the sender, its provider
//! and the party. Whoever the party is, the answer is the same: it tells nobody who has an account.

use diesel::prelude::*;
use lianshi_market::{
    close::{CopyDocument, Difference},
    message::CLOCK_SKEW_MS,
    split::WHOLE_PPM,
};

use lianshi_registry::entry::ShareRole;

use super::{
    LetterKind, LetterRefusal,
    receive::{Opened, Outcome, letter_row, record, refuse},
};
use crate::{
    Failure, Site, Write,
    catalog::{self, Offer},
    outbox,
    schema::{received_copies, sent_copies},
    statements::Letter,
};

/// Copies kept of one node, some 1.5 KiB each: a hundred parties for forty years. What a node signs
/// costs the others a bounded part of their disks.
const KEPT_MAX: i64 = 50_000;

pub(super) fn take(write: &mut Write<'_>, site: &Site, opened: &Opened) -> Outcome<()> {
    let document = CopyDocument::read(opened.document.as_bytes())
        .map_err(|error| Failure::Refused(error.into()))?;
    let (id, hash) = (document.id(), document.seal_text().1);
    if id != opened.claim.id || hex::encode(hash) != opened.claim.hash {
        return refuse(LetterRefusal::Hash(opened.claim.id.clone()));
    }
    // Who divided has the line itself.
    let is_between = document.reading_node == opened.from
        && opened.from != site.node
        && document.provider_node != site.node;
    if !is_between {
        return refuse(LetterRefusal::Misdirected(id));
    }
    let key = (
        opened.from.as_str(),
        document.party.as_str(),
        document.period.to_string(),
        document.product.as_str(),
    );
    let known: Option<Vec<u8>> = received_copies::table
        .find(key)
        .select(received_copies::document_hash)
        .first(&mut **write)
        .optional()?;
    match known {
        Some(known) if known == hash => {}
        Some(_) => return refuse(LetterRefusal::Conflict(id)),
        None => {
            judge(write, site, opened, &document)?;
            keep(write, site, opened, (&document, hash))?;
        }
    }
    let sealed = opened.claim.seal(&site.node, LetterKind::LineCopyReceipt, &site.seal_key);
    let row = format!("{}/{}/{id}", LetterKind::LineCopyReceipt.as_str(), opened.from);
    let receipt = Letter::new("", sealed);
    outbox::enqueue(write, &letter_row(&row, &opened.from, &receipt, site.now()))?;
    Ok(())
}

/// Compares a copy with the catalog held here and the own clock.
fn judge(
    write: &mut Write<'_>,
    site: &Site,
    opened: &Opened,
    document: &CopyDocument,
) -> Outcome<()> {
    if document.period.end() > site.now().plus_millis(CLOCK_SKEW_MS) {
        let difference = Difference::PeriodAhead { period: document.period };
        return refuse(LetterRefusal::Differs { number: document.id(), difference });
    }
    let Some(offer) = catalog::product(&mut write.as_read(), &document.product)? else {
        return refuse(LetterRefusal::UnknownProduct(document.product.clone()));
    };
    if offer.node != document.provider_node {
        return refuse(LetterRefusal::Misdirected(document.id()));
    }
    if !has_share(&offer, document)? {
        return refuse(LetterRefusal::NoSuchShare(document.id()));
    }
    let kept: i64 = received_copies::table
        .filter(received_copies::from_node.eq(opened.from.as_str()))
        .count()
        .get_result(&mut **write)?;
    if kept >= KEPT_MAX {
        return refuse(LetterRefusal::CopiesFull(opened.from.clone()));
    }
    Ok(())
}

/// Whether the agreement that a copy names gives the party that share, to be read at the sender. An
/// agreement that this catalog does not show yet may be on its way.
fn has_share(offer: &Offer, document: &CopyDocument) -> Outcome<bool> {
    let CopyDocument { product, party, .. } = document;
    let without = format!("{product}/operator");
    let is_operators = document.agreement.strip_prefix(&without);
    // Older programs did not write the operator there.
    if is_operators.is_some_and(|rest| rest.is_empty() || rest == format!("/{party}")) {
        // Without a split the operator, whoever it was then, gets everything and reads it there.
        return Ok(document.reading_node == document.provider_node
            && document.share_ppm == WHOLE_PPM
            && document.role == ShareRole::Operator
            && offer.split_in(document.period).is_none());
    }
    let mut versions = offer.splits.iter();
    let split = versions.find(|s| document.agreement == format!("{product}/split/{}", s.version));
    let Some(split) = split else {
        let (division, agreement) = (document.id(), document.agreement.clone());
        return refuse(LetterRefusal::SplitNotInForce { division, agreement });
    };
    Ok(split.from <= document.period
        && split.shares.iter().any(|share| {
            share.party == *party
                && share.node == document.reading_node
                && share.role == document.role
                && share.share_ppm == document.share_ppm
        }))
}

fn keep(
    write: &mut Write<'_>,
    site: &Site,
    opened: &Opened,
    (document, hash): (&CopyDocument, [u8; 32]),
) -> Outcome<()> {
    diesel::insert_into(received_copies::table)
        .values((
            received_copies::from_node.eq(opened.from.as_str()),
            received_copies::party_uscc.eq(document.party.as_str()),
            received_copies::period.eq(document.period.to_string()),
            received_copies::product.eq(document.product.as_str()),
            received_copies::received_at.eq(site.now().millis()),
            received_copies::document_hash.eq(hash.to_vec()),
            received_copies::document.eq(&opened.document),
            received_copies::sealed.eq(&opened.sealed),
        ))
        .execute(&mut **write)?;
    record(write, site, "copy.receive", &opened.claim.id, &opened.claim.hash)
}

/// Takes a receipt for a copy that this node sent.
pub(super) fn receipt(write: &mut Write<'_>, site: &Site, opened: &Opened) -> Outcome<()> {
    let id = &opened.claim.id;
    let unknown = || LetterRefusal::UnknownDocument(id.clone());
    let parts: Vec<&str> = id.split('/').collect();
    let [period, product, party] = parts[..] else { return refuse(unknown()) };
    let sent = sent_copies::table.find((party, opened.from.as_str(), period, product));
    let held: Option<(Vec<u8>, Option<Vec<u8>>)> = sent
        .select((sent_copies::document_hash, sent_copies::countersigned))
        .first(&mut **write)
        .optional()?;
    let held = held.filter(|(hash, _)| hex::encode(hash) == opened.claim.hash);
    let Some((_, countersigned)) = held else { return refuse(unknown()) };
    if countersigned.is_some() {
        return Ok(());
    }
    diesel::update(sent)
        .set(sent_copies::countersigned.eq(Some(&opened.sealed)))
        .execute(&mut **write)?;
    record(write, site, "copy.check", id, &opened.claim.hash)
}
