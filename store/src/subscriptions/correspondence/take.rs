//! What another node told, held against what is held here: what this side forgot is here again,
//! what the other side forgot goes to it again, and where the two contradict each other a person
//! has to see it.

use std::collections::BTreeSet;

use diesel::prelude::*;
use lianshi_market::{
    correspondence::Standings,
    message::{MESSAGE_KIND, Message, MessageRefusal},
    negotiation::{Parties, Process, Reconciled, Step},
    subscription::{Side, SubscriptionId},
};
use lianshi_registry::{
    id::NodeName, json, key::PublicKey, refusal::Refusal as _, seal::Sealed, time::Timestamp,
};

use super::answer::{Hashes, copies};
use crate::{
    Failure, Fault, Read, Site, Write,
    audit::{self, Act, Actor},
    schema::{outbox, sealed_messages, unlike_copies},
    subscriptions::{
        keys,
        post::{self, IN, Kept, OUT},
        receive, rows,
    },
};

/// Holds what a node says of its copies after a process against the copies here. What it lacks goes
/// to it again. Gives the copies here, by process and side, whose messages it is to be asked for.
pub fn compare(
    site: &Site,
    node: &NodeName,
    (after, told): (Option<&SubscriptionId>, &Standings),
) -> Result<Vec<(SubscriptionId, Side)>, Fault> {
    let now = site.now();
    site.db.write(|write| {
        let after = after.map(SubscriptionId::as_str).unwrap_or_default();
        let mut own = copies(&mut write.as_read(), node, (after, i64::MAX))?;
        if let (true, Some(last)) = (told.more, told.standings.last()) {
            own.retain(|(process, ..)| process.as_str() <= last.process.as_str());
        }
        let hashes = Hashes::of(&mut write.as_read(), &own)?;
        let mut wanted = Vec::new();
        let mut forgotten: BTreeSet<&str> = own.iter().map(|(process, ..)| &**process).collect();
        for standing in &told.standings {
            let (process, side) = (&standing.process, standing.side.other());
            forgotten.remove(process.as_str());
            let copy =
                own.iter().find(|copy| copy.0 == process.as_str() && copy.1 == side.as_str());
            let like = copy.is_some_and(|copy| {
                let (_, _, sent, received) = copy;
                let count = |count: &i64| u64::try_from(*count).unwrap_or(0);
                standing.received <= count(sent)
                    && standing.sent <= count(received)
                    && hashes.digest(copy, OUT, standing.received) == standing.heard
                    && hashes.digest(copy, IN, standing.sent) == standing.said
            });
            if like {
                let process = load(&mut write.as_read(), (process, side))?;
                if process.sent_seq > standing.received {
                    post::send_again(write, &process, standing.received, now)?;
                }
            } else {
                wanted.push((process.clone(), side));
            }
        }
        for (process, side, ..) in own.iter().filter(|copy| forgotten.contains(&*copy.0)) {
            let (process, side) = parse(process, side)?;
            let process = load(&mut write.as_read(), (&process, side))?;
            post::send_again(write, &process, 0, now)?;
        }
        Ok(wanted)
    })
}

fn parse(process: &str, side: &str) -> Result<(SubscriptionId, Side), Fault> {
    let corrupt = |what: String| Fault::corrupt("subscriptions", what);
    let process = SubscriptionId::parse(process).map_err(|e| corrupt(e.to_string()))?;
    Ok((process, Side::parse(side).ok_or_else(|| corrupt(side.to_owned()))?))
}

fn load(read: &mut Read<'_>, (process, side): (&SubscriptionId, Side)) -> Result<Process, Fault> {
    rows::load(read, process, side)?
        .ok_or_else(|| Fault::corrupt("subscriptions", format!("{process} has gone")))
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
    let taken = site.db.write(|write| {
        let keys = Keys::of(&mut write.as_read(), site, node)?;
        let told = letters.iter().map(|letter| keys.open(copy.0, letter.as_bytes()));
        let told: Vec<Letter> = told.collect::<Result<_, _>>().map_err(Failure::Refused)?;
        ensure_side(site, copy.1, &told).map_err(Failure::Refused)?;
        let held = held(&mut write.as_read(), &keys, copy)?;
        reconcile(write, (site, node), copy, (&held, &told))
    });
    match taken {
        Err(Failure::Refused(refusal)) if !refusal.may_retry() => {
            site.db.write(|write| tell_apart(write, (site, node), copy, &refusal))?;
            Ok(())
        }
        taken => {
            site.nudge();
            taken
        }
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
        let own = receive::seal_keys(read, site, &site.node)?;
        let other = receive::seal_keys(read, site, node)?;
        Ok(Self { own: (&site.node, own), other: (node, other) })
    }

    fn open(&self, process: &SubscriptionId, bytes: &[u8]) -> Result<Letter, MessageRefusal> {
        let malformed = |error: &dyn ToString| MessageRefusal::Malformed(error.to_string());
        let sealed = Sealed::parse(bytes).map_err(|error| malformed(&error))?;
        let by = sealed.claimed_sender();
        let keys = [&self.own, &self.other].into_iter().find(|(node, _)| *node == by);
        let (_, keys) = keys.ok_or(MessageRefusal::NotParty)?;
        if sealed.kind() != MESSAGE_KIND {
            return Err(malformed(&"another kind of message"));
        }
        let payload =
            sealed.open_with(keys).map_err(|error| MessageRefusal::Seal(error.to_string()))?;
        let message: Message = json::read_letter(&payload).map_err(|error| malformed(&error))?;
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
) -> Result<Vec<(String, Letter)>, Fault> {
    let rows: Vec<(String, Vec<u8>)> = sealed_messages::table
        .filter(sealed_messages::process.eq(process.as_str()))
        .filter(sealed_messages::side.eq(side.as_str()))
        .filter(sealed_messages::direction.eq_any([OUT, IN]))
        .order(sealed_messages::place.asc())
        .select((sealed_messages::id, sealed_messages::bytes))
        .load(&mut **read)?;
    let corrupt = |error: MessageRefusal| Fault::corrupt("sealed_messages", error);
    rows.into_iter()
        .map(|(id, bytes)| Ok((id, keys.open(process, &bytes).map_err(corrupt)?)))
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
        receive::take(write, site, node, (&letter.message, &letter.bytes))?;
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
    tracing::warn!(%process, %node, code = refusal.code(), %refusal, "the two copies differ");
    let copy = rows::load(&mut write.as_read(), process, side)?;
    let Some(copy) = copy.filter(|copy| copy.other_node() == node) else { return Ok(()) };
    let of_copy = unlike_copies::table
        .filter(unlike_copies::process.eq(process.as_str()))
        .filter(unlike_copies::side.eq(side.as_str()));
    diesel::delete(of_copy).execute(&mut **write)?;
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
