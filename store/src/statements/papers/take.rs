//! What another node told of statements, held against those here.

use std::collections::{BTreeMap, BTreeSet};

use diesel::prelude::*;
use lianshi_market::{
    close::StatementDocument,
    correspondence::{Month, Months, Paper, Papers},
    letter::EnvelopeRefusal,
    subscription::Side,
};
use lianshi_registry::{id::NodeName, refusal::Refusal as _, seal::Sealed, time::Period};

use super::{PAST_EVERY_NUMBER, PaperRow, corrupt, held, into_paper, months};
use crate::{
    Failure, Fault, Site, Write,
    dialect::insert_if_absent,
    letters,
    outbox::{self, OutboxRow},
    schema::{recalled_statements, statements},
    statements::{
        Letter, LetterKind, LetterRefusal, letter_row,
        receive::{self, Opened, Outcome, record, refuse},
    },
    subscriptions::correspondence::{NotTaken, Told, leave_out},
};

/// Holds the months another node tells of against those here. Gives those of which the papers are
/// to be asked for, by the side of the node that is asked: what is not alike, and what the other
/// node has not confirmed, against which it may have said something.
pub fn compare_months(
    site: &Site,
    node: &NodeName,
    told: &Months,
) -> Result<Vec<(Side, Period)>, Fault> {
    let own = site.db.read(|read| months(read, node))?.months;
    let by_place = |months: &[Month], turned: bool| -> BTreeMap<(String, Period), (u64, u64)> {
        let side = |of: Side| if turned { of.other() } else { of };
        let of = |month: &Month| (side(month.of).as_str().to_owned(), month.period);
        months.iter().map(|month| (of(month), (month.statements, month.confirmed))).collect()
    };
    let (own, told) = (by_place(&own, false), by_place(&told.months, true));
    let places: BTreeSet<&(String, Period)> = own.keys().chain(told.keys()).collect();
    let is_open = |place: &(String, Period)| {
        let of_provider = place.0 == Side::Provider.as_str();
        of_provider && own.get(place).is_some_and(|(all, confirmed)| all != confirmed)
    };
    let asked =
        places.into_iter().filter(|place| own.get(place) != told.get(place) || is_open(place));
    Ok(asked.filter_map(|(side, period)| Some((Side::parse(side)?.other(), *period))).collect())
}

/// Takes statements of a month as a node that holds them on its side `of` told them, those after a
/// number. What was forgotten here is here again; what the other side lacks goes to it again. What
/// will never fit changes nothing, and is listed for a person. Gives those that cannot be judged
/// yet: they are to be asked for again.
pub fn take_papers(
    site: &Site,
    node: &NodeName,
    ((of, period), (after, told)): ((Side, Period), (Option<&str>, &Papers)),
) -> Result<NotTaken, Fault> {
    let (mut not_yet, mut never) = (NotTaken::new(), NotTaken::new());
    for paper in &told.papers {
        let taken = site.db.write(|write| match of {
            Side::Provider => take_stated(write, site, (node, paper)),
            Side::Home => take_own(write, site, (node, paper)),
        });
        match taken {
            Ok(()) => {}
            Err(Failure::Refused(refusal)) => {
                let later = refusal.may_retry();
                let list = if later { &mut not_yet } else { &mut never };
                list.push((paper.number.clone(), refusal.code()));
            }
            Err(Failure::Fault(fault)) => return Err(fault),
        }
    }
    leave_out(site, node, (Told::Statement, &never))?;
    if of == Side::Home {
        let until = told.papers.last().filter(|_| told.more).map(|last| last.number.as_str());
        let range = (after.unwrap_or_default(), until.unwrap_or(PAST_EVERY_NUMBER));
        let known: BTreeSet<&str> = told.papers.iter().map(|paper| paper.number.as_str()).collect();
        send_again(site, (node, period), range, &known)?;
    }
    site.nudge();
    Ok(not_yet)
}

/// A statement of the node that tells it. Where this node stood by it, its own seal says so; else
/// it is judged as any letter is.
fn take_stated(
    write: &mut Write<'_>,
    site: &Site,
    (node, paper): (&NodeName, &Paper),
) -> Outcome<()> {
    let opened = open(write, site, node, &paper.sealed, &paper.document)?;
    if opened.kind != LetterKind::Statement {
        return refuse(LetterRefusal::Kind(opened.kind.as_str().to_owned()));
    }
    let receipt = (paper.countersigned.as_deref(), LetterKind::StatementReceipt);
    let stood_by = stood_by(write, site, receipt, &opened)?;
    receive::take_statement(write, site, &opened, stood_by)
}

/// Whether this node sealed a receipt for what was opened. Under the key of today alone: one that
/// was taken out of use may be in other hands.
pub(in crate::statements) fn stood_by(
    write: &mut Write<'_>,
    site: &Site,
    (receipt, kind): (Option<&str>, LetterKind),
    opened: &Opened,
) -> Outcome<bool> {
    let Some(receipt) = receipt else { return Ok(false) };
    let is_current = Sealed::parse(receipt.as_bytes())
        .is_ok_and(|own| own.open_with(&[site.seal_key.public()]).is_ok());
    let own = open(write, site, &site.node, receipt, "")?;
    Ok(is_current && own.kind == kind && own.claim == opened.claim)
}

/// A statement of this node as the enterprise's node holds it.
fn take_own(write: &mut Write<'_>, site: &Site, (node, paper): (&NodeName, &Paper)) -> Outcome<()> {
    let opened = open(write, site, &site.node, &paper.sealed, &paper.document)?;
    let document = StatementDocument::read(opened.document.as_bytes())
        .map_err(|error| Failure::Refused(error.into()))?;
    let hash = document.seal_text().1;
    let number = document.number.clone();
    if number != opened.claim.id || hex::encode(hash) != opened.claim.hash {
        return refuse(LetterRefusal::Hash(opened.claim.id));
    }
    if document.provider_node != site.node || document.home_node != *node {
        return refuse(LetterRefusal::Misdirected(number));
    }
    let known: Option<PaperRow> = statements::table
        .filter(statements::number.eq(&number))
        .filter(statements::side.eq(Side::Provider.as_str()))
        .select((
            statements::number,
            statements::document,
            statements::sealed,
            statements::countersigned,
        ))
        .first(&mut **write)
        .optional()?;
    match known {
        Some(known) if known.1 != opened.document => refuse(LetterRefusal::Conflict(number)),
        Some(known) => {
            if known.3.is_none() {
                // What was said against it, the answer to a repeat says.
                outbox::enqueue(write, &letter_again(site, node, known)?)?;
            }
            let Some(countersigned) = &paper.countersigned else { return Ok(()) };
            let receipt = open(write, site, node, countersigned, "")?;
            if receipt.kind != LetterKind::StatementReceipt {
                return refuse(LetterRefusal::Kind(receipt.kind.as_str().to_owned()));
            }
            receive::statement_receipt(write, site, &receipt)
        }
        None => {
            let row = (
                recalled_statements::number.eq(&number),
                recalled_statements::period.eq(document.period.to_string()),
                recalled_statements::home_node.eq(node.as_str()),
                recalled_statements::document.eq(&opened.document),
                recalled_statements::statement_hash.eq(hash.to_vec()),
                recalled_statements::recalled_at.eq(site.now().millis()),
            );
            if insert_if_absent!(write, recalled_statements::table, row)? {
                return record(write, site, "statement.recall", &number, &opened.claim.hash);
            }
            let first: Vec<u8> = recalled_statements::table
                .find(&number)
                .select(recalled_statements::statement_hash)
                .first(&mut **write)?;
            if first == hash { Ok(()) } else { refuse(LetterRefusal::Conflict(number)) }
        }
    }
}

/// Opens what a node sealed about a document.
pub(in crate::statements) fn open(
    write: &mut Write<'_>,
    site: &Site,
    by: &NodeName,
    sealed: &str,
    document: &str,
) -> Outcome<Opened> {
    let sealed = Sealed::parse(sealed.as_bytes())
        .map_err(|error| Failure::Refused(EnvelopeRefusal::from(error).into()))?;
    let letter = letters::open(&mut write.as_read(), site, by, (&sealed, document));
    receive::claimed(&letter.map_err(Failure::widen)?).map_err(Failure::Refused)
}

/// Letters of this node's statements of a month that the enterprise's node does not hold go to it
/// again.
fn send_again(
    site: &Site,
    (node, period): (&NodeName, Period),
    (after, until): (&str, &str),
    known: &BTreeSet<&str>,
) -> Result<(), Fault> {
    let mut after = after.to_owned();
    loop {
        let own =
            site.db.read(|read| held(read, (node, Side::Provider, period), (&after, until)))?;
        let Some(last) = own.last() else { return Ok(()) };
        after.clone_from(&last.0);
        let lacking = own.into_iter().filter(|row| !known.contains(row.0.as_str()));
        let letters =
            lacking.map(|row| letter_again(site, node, row)).collect::<Result<Vec<_>, Fault>>()?;
        site.db.write(|write| {
            letters.iter().try_for_each(|letter| outbox::enqueue(write, letter).map(drop))
        })?;
    }
}

/// The letter of a statement of this node, as it was sent.
fn letter_again(site: &Site, node: &NodeName, row: PaperRow) -> Result<OutboxRow, Fault> {
    let paper = into_paper(row)?;
    let sealed = Sealed::parse(paper.sealed.as_bytes()).map_err(corrupt)?;
    let letter = Letter::new(&paper.document, sealed);
    Ok(letter_row(&format!("statement/{}", paper.number), node, &letter, site.now()))
}
