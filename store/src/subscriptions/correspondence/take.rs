//! What another node told, held against what is held here: what this side forgot is here again,
//! what the other side forgot goes to it again, and where the two contradict each other a person
//! has to see it.

use std::collections::BTreeMap;

use diesel::prelude::*;
use lianshi_market::{
    correspondence::{Standing, Standings},
    letter::EnvelopeRefusal,
    message::{MESSAGE_KIND, Message, MessageRefusal},
    negotiation::{Parties, Process, Reconciled, Step},
    subscription::{Side, SubscriptionId},
};
use lianshi_registry::{
    id::NodeName,
    key::PublicKey,
    refusal::Refusal as _,
    seal::{SealError, Sealed},
    time::Timestamp,
};

use super::answer::{Copy, Hashes, copies};
use crate::{
    Failure, Fault, Read, Site, Write,
    audit::{self, Act, Actor},
    letters,
    schema::{outbox, sealed_messages, unlike_copies},
    statements::look_again,
    subscriptions::{
        keys,
        post::{self, IN, Kept, OUT},
        receive, rows,
    },
};

/// Copies compared in one transaction.
const COPIES_AT_ONCE: i64 = 500;
/// Copies whose messages are sent again in one transaction.
const RESENT_AT_ONCE: usize = 100;

/// Holds what a node says of its copies after a process against the copies here. What it lacks goes
/// to it again. Gives the copies here, by process and side, whose messages it is to be asked for.
pub fn compare(
    site: &Site,
    node: &NodeName,
    (after, told): (Option<&SubscriptionId>, &Standings),
) -> Result<Vec<(SubscriptionId, Side)>, Fault> {
    let own_copy = |standing: &Standing| (standing.process.clone(), standing.side.other());
    let mut standings: BTreeMap<(SubscriptionId, Side), &Standing> =
        told.standings.iter().map(|standing| (own_copy(standing), standing)).collect();
    let until = told.standings.last().filter(|_| told.more).map(|last| last.process.as_str());
    let mut begin = after.map(|after| after.as_str().to_owned()).unwrap_or_default();
    let (mut wanted, mut lacking, mut alike) = (Vec::new(), Vec::new(), Vec::new());
    loop {
        let (own, hashes) = site.db.read(|read| {
            let own = copies(read, node, ((&begin, until), COPIES_AT_ONCE))?;
            let hashes = Hashes::of(read, &own)?;
            Ok::<_, Fault>((own, hashes))
        })?;
        let Some(last) = own.last() else { break };
        begin.clone_from(&last.0);
        for copy in own {
            let (process, side) = parse(&copy)?;
            let Some(standing) = standings.remove(&(process.clone(), side)) else {
                lacking.push((process, side, 0));
                continue;
            };
            let count = |count: i64| u64::try_from(count).unwrap_or(0);
            let is_alike = standing.received <= count(copy.2)
                && standing.sent <= count(copy.3)
                && hashes.digest(&copy, OUT, standing.received) == standing.heard
                && hashes.digest(&copy, IN, standing.sent) == standing.said;
            if !is_alike {
                wanted.push((process, side));
                continue;
            }
            if count(copy.2) > standing.received {
                lacking.push((process.clone(), side, standing.received));
            }
            alike.push((process, side));
        }
    }
    wanted.extend(standings.into_keys());
    are_alike(site, node, &alike)?;
    for some in lacking.chunks(RESENT_AT_ONCE) {
        site.db.write(|write| {
            some.iter().try_for_each(|(process, side, after)| {
                let copy = rows::load(&mut write.as_read(), process, *side)?;
                copy.map_or(Ok(()), |copy| post::send_again(write, &copy, *after, site.now()))
            })
        })?;
    }
    Ok(wanted)
}

fn parse((process, side, ..): &Copy) -> Result<(SubscriptionId, Side), Fault> {
    let corrupt = |what: String| Fault::corrupt("subscriptions", what);
    let process = SubscriptionId::parse(process).map_err(|e| corrupt(e.to_string()))?;
    Ok((process, Side::parse(side).ok_or_else(|| corrupt(side.clone()))?))
}

/// What differed once and is alike now is told apart no longer.
fn are_alike(site: &Site, node: &NodeName, alike: &[(SubscriptionId, Side)]) -> Result<(), Fault> {
    let apart: Vec<(String, String)> = site.db.read(|read| {
        let of_node = unlike_copies::table.filter(unlike_copies::node.eq(node.as_str()));
        let columns = (unlike_copies::process, unlike_copies::side);
        Ok::<_, Fault>(of_node.select(columns).load(&mut **read)?)
    })?;
    for (process, side) in alike {
        if apart.iter().any(|(p, s)| p == process.as_str() && s == side.as_str()) {
            site.db.write(|write| is_alike(write, (process, *side)))?;
        }
    }
    Ok(())
}

fn is_alike(write: &mut Write<'_>, (process, side): Place<'_>) -> Result<(), Fault> {
    let of_copy = unlike_copies::table
        .filter(unlike_copies::process.eq(process.as_str()))
        .filter(unlike_copies::side.eq(side.as_str()));
    diesel::delete(of_copy).execute(&mut **write)?;
    Ok(())
}

/// A message with its sealed bytes and who sealed it.
struct Letter {
    by: NodeName,
    message: Message,
    bytes: Vec<u8>,
}

/// One side's copy of a process.
type Place<'a> = (&'a SubscriptionId, Side);

/// Takes every message of a process as a node kept them. Where they do not fit what is held here,
/// that is written down and nothing else. Refused when they cannot be judged yet; the node is asked
/// again.
pub fn take(
    site: &Site,
    node: &NodeName,
    (copy, letters): (Place<'_>, &[String]),
) -> Result<(), Failure<MessageRefusal>> {
    match try_to_take(site, node, (copy, letters)) {
        Err(Failure::Refused(refusal)) if !comes_right(&refusal) => {
            Ok(unfit(site, node, (copy, &refusal))?)
        }
        taken => {
            site.nudge();
            taken
        }
    }
}

/// Whether waiting helps: the other side says the same again, so only what changes here can.
fn comes_right(refusal: &MessageRefusal) -> bool {
    use MessageRefusal as No;
    matches!(
        refusal,
        No::Envelope(EnvelopeRefusal::SenderUnknown(_) | EnvelopeRefusal::SenderSuspended(_))
            | No::CatalogBehind(_)
            | No::Ahead { .. }
    )
}

/// What a node tells of a copy fits nothing that is held here: that is written down.
pub fn unfit(
    site: &Site,
    node: &NodeName,
    (copy, refusal): (Place<'_>, &MessageRefusal),
) -> Result<(), Fault> {
    site.db.write(|write| tell_apart(write, (site, node), copy, refusal))
}

fn try_to_take(
    site: &Site,
    node: &NodeName,
    (copy, letters): (Place<'_>, &[String]),
) -> Result<(), Failure<MessageRefusal>> {
    let keys = site.db.read(|read| Keys::of(read, site, node))?;
    let told = letters.iter().map(|letter| keys.open(copy.0, letter.as_bytes()));
    let told: Vec<Letter> = told.collect::<Result<_, _>>().map_err(Failure::Refused)?;
    ensure_side(site, copy.1, &told).map_err(Failure::Refused)?;
    site.db.write(|write| {
        ensure_not_refused(write, copy, &told)?;
        let own = rows::load(&mut write.as_read(), copy.0, copy.1)?;
        if own.as_ref().is_some_and(|own| own.other_node() != node) {
            return Err(Failure::Refused(MessageRefusal::NotParty));
        }
        let held = held(&mut write.as_read(), &keys, copy)?;
        reconcile(write, (site, node), copy, (&held, &told))?;
        is_alike(write, copy)?;
        Ok(look_again(write, site, copy.0.as_str())?)
    })
}

/// What the other side refused for good it cannot have taken: something else was said in its place.
fn ensure_not_refused(
    write: &mut Write<'_>,
    (process, side): Place<'_>,
    told: &[Letter],
) -> Result<(), Failure<MessageRefusal>> {
    let refused: Vec<Vec<u8>> = sealed_messages::table
        .filter(sealed_messages::process.eq(process.as_str()))
        .filter(sealed_messages::side.eq(side.as_str()))
        .filter(sealed_messages::direction.like("refused:%"))
        .select(sealed_messages::bytes)
        .load(&mut **write)?;
    match told.iter().find(|letter| refused.contains(&letter.bytes)) {
        Some(letter) => Err(Failure::Refused(MessageRefusal::Differs(letter.message.seq))),
        None => Ok(()),
    }
}

/// The keys of both sides.
struct Keys<'a> {
    own: (&'a NodeName, Vec<PublicKey>),
    other: (&'a NodeName, Vec<PublicKey>),
}

impl<'a> Keys<'a> {
    fn of(
        read: &mut Read<'_>,
        site: &'a Site,
        node: &'a NodeName,
    ) -> Result<Self, Failure<MessageRefusal>> {
        let mut keys = |node| letters::seal_keys(read, site, node).map_err(Failure::widen);
        let (own, other) = (keys(&site.node)?, keys(node)?);
        Ok(Self { own: (&site.node, own), other: (node, other) })
    }

    fn open(&self, process: &SubscriptionId, bytes: &[u8]) -> Result<Letter, MessageRefusal> {
        let broken = |error: SealError| EnvelopeRefusal::from(error);
        let sealed = Sealed::parse(bytes).map_err(broken)?;
        let by = sealed.claimed_sender();
        let keys = [&self.own, &self.other].into_iter().find(|(node, _)| *node == by);
        let (_, keys) = keys.ok_or(MessageRefusal::NotParty)?;
        if sealed.kind() != MESSAGE_KIND {
            let sealed = sealed.kind().to_owned();
            return Err(EnvelopeRefusal::OtherKind { sent: MESSAGE_KIND, sealed }.into());
        }
        let message = receive::read(&sealed.open_with(keys).map_err(broken)?)?;
        if message.process != *process {
            return Err(MessageRefusal::NotParty);
        }
        Ok(Letter { by: by.clone(), message, bytes: bytes.to_vec() })
    }
}

/// Each message is of the side whose node sealed it.
fn ensure_side(site: &Site, side: Side, told: &[Letter]) -> Result<(), MessageRefusal> {
    let fits = |letter: &Letter| (letter.by == site.node) == (letter.message.from == side);
    if !told.is_empty() && told.iter().all(fits) { Ok(()) } else { Err(MessageRefusal::NotParty) }
}

/// What is kept here of a process, with the rows it is kept in.
fn held(
    read: &mut Read<'_>,
    keys: &Keys<'_>,
    (process, side): Place<'_>,
) -> Result<Vec<(String, Letter)>, Failure<MessageRefusal>> {
    let rows: Vec<(String, Vec<u8>)> = sealed_messages::table
        .filter(sealed_messages::process.eq(process.as_str()))
        .filter(sealed_messages::side.eq(side.as_str()))
        .filter(sealed_messages::direction.eq_any([OUT, IN]))
        .order(sealed_messages::place.asc())
        .select((sealed_messages::id, sealed_messages::bytes))
        .load(&mut **read)?;
    rows.into_iter()
        .map(|(id, bytes)| Ok((id, keys.open(process, &bytes).map_err(Failure::Refused)?)))
        .collect()
}

fn reconcile(
    write: &mut Write<'_>,
    (site, node): (&Site, &NodeName),
    (process, side): Place<'_>,
    (held, told): (&[(String, Letter)], &[Letter]),
) -> Result<(), Failure<MessageRefusal>> {
    let now = site.now();
    let (home, provider) = match side {
        Side::Home => (&site.node, node),
        Side::Provider => (node, &site.node),
    };
    let parties = Parties { id: process.clone(), home: home.clone(), provider: provider.clone() };
    let messages = |letters: &[Letter]| -> Vec<Message> {
        letters.iter().map(|letter| letter.message.clone()).collect()
    };
    let here: Vec<Message> = held.iter().map(|(_, letter)| letter.message.clone()).collect();
    let Reconciled { recalled, unheard } =
        Process::reconcile((&parties, side), &here, &messages(told)).map_err(Failure::Refused)?;
    let before = rows::load(&mut write.as_read(), process, side)?;
    let before = before.as_ref().map_or("", |process| process.state.as_str());
    if let Some((step, played)) = &recalled {
        replace(write, (held, told.get(..*played).unwrap_or_default()), (step, now))?;
        record(write, site, process, ("recalled", before, step.process.state.as_str()))?;
    }
    for letter in unheard.iter().filter_map(|at| told.get(*at)) {
        // When it was heard before it was forgotten is not known: what it says of itself counts.
        let heard_at = letter.message.at.min(now);
        receive::take(write, site, node, (&letter.message, &letter.bytes), heard_at)?;
    }
    if let Some(copy) = rows::load(&mut write.as_read(), process, side)? {
        let heard = told.iter().filter(|letter| letter.message.from == side);
        let heard = heard.map(|letter| letter.message.seq).max().unwrap_or(0);
        post::send_again(write, &copy, heard, now)?;
    }
    Ok(())
}

/// Puts the recalled copy in the place of what is here: the messages in the order of the other
/// side, and out of the outbox what it took or never will.
fn replace(
    write: &mut Write<'_>,
    (held, told): (&[(String, Letter)], &[Letter]),
    (step, now): (&Step, Timestamp),
) -> Result<(), Fault> {
    let process = &step.process;
    for (row, _) in held {
        post::set_aside(write, ("forgotten", row))?;
    }
    for letter in told {
        let direction = if letter.message.from == process.side { OUT } else { IN };
        let (message, bytes) = (&letter.message, letter.bytes.as_slice());
        let kept = Kept { message, side: process.side, direction, bytes };
        post::keep(write, &kept, message.at)?;
    }
    let key = post::ordering_key(&process.id, process.side);
    diesel::delete(outbox::table.filter(outbox::ordering_key.eq(key))).execute(&mut **write)?;
    rows::save(write, process, now)?;
    let fees_end = process.fees_end_of(told.iter().map(|letter| &letter.message));
    rows::end_fees(write, process, fees_end)?;
    step.effects.iter().try_for_each(|effect| keys::apply(write, process, effect))
}

fn record(
    write: &mut Write<'_>,
    site: &Site,
    process: &SubscriptionId,
    (outcome, before, after): (&str, &str, &str),
) -> Result<(), Fault> {
    let (actor, action) = (&Actor::node(), "subscription.reconciled");
    let object = process.as_str();
    audit::record(write, &Act { at: site.now(), actor, action, object, outcome, before, after })
}

/// Writes down that the copies differ. What is said of a process that nothing is held of here is
/// only logged: it would be a way to fill the table.
fn tell_apart(
    write: &mut Write<'_>,
    (site, node): (&Site, &NodeName),
    (process, side): Place<'_>,
    refusal: &MessageRefusal,
) -> Result<(), Fault> {
    let copy = rows::load(&mut write.as_read(), process, side)?;
    let Some(copy) = copy.filter(|copy| copy.other_node() == node) else {
        tracing::warn!(%process, %node, %refusal, "what is told of a process fits nothing here");
        return Ok(());
    };
    let known: Option<String> = unlike_copies::table
        .filter(unlike_copies::process.eq(process.as_str()))
        .filter(unlike_copies::side.eq(side.as_str()))
        .select(unlike_copies::text)
        .first(&mut **write)
        .optional()?;
    if known.is_some_and(|text| text == refusal.to_string()) {
        return Ok(());
    }
    tracing::warn!(%process, %node, %refusal, "the two copies of a subscription differ");
    is_alike(write, (process, side))?;
    diesel::insert_into(unlike_copies::table)
        .values((
            unlike_copies::process.eq(process.as_str()),
            unlike_copies::side.eq(side.as_str()),
            unlike_copies::node.eq(node.as_str()),
            unlike_copies::code.eq(refusal.code()),
            unlike_copies::text.eq(refusal.to_string()),
            unlike_copies::at.eq(site.now().millis()),
        ))
        .execute(&mut **write)?;
    let state = copy.state.as_str();
    record(write, site, process, (refusal.code(), state, state))
}
