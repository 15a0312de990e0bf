//! A message of the other node: opened with its seal key, judged by the negotiation, kept as
//! evidence. What is answered here, the outbox sends.

use lianshi_market::{
    message::{Body, MESSAGE_KIND, Message, MessageRefusal},
    negotiation::{Parties, Process, Received, Step},
    subscription::{Side, State},
};
use lianshi_registry::{id::NodeName, json, key::PublicKey, seal::Sealed};

use super::{correspondence, offering, post, rows};
use crate::{
    Site,
    audit::{self, Act, Actor},
    db::{Failure, Read, Write},
    members, notices,
};

/// Takes a sealed message from a node. A repeat is acknowledged without effect; a gap is refused,
/// so that the sender comes again in order.
pub fn receive(site: &Site, from: &NodeName, bytes: &[u8]) -> Result<(), Failure<MessageRefusal>> {
    let malformed =
        |error: &dyn ToString| Failure::Refused(MessageRefusal::Malformed(error.to_string()));
    let sealed = Sealed::parse(bytes).map_err(|error| malformed(&error))?;
    if sealed.claimed_sender() != from {
        return Err(Failure::Refused(MessageRefusal::NotParty));
    }
    if sealed.kind() != MESSAGE_KIND {
        return Err(malformed(&"another kind of message"));
    }
    let keys = site.db.read(|read| seal_keys(read, site, from))?;
    let payload = sealed
        .open_with(&keys)
        .map_err(|error| Failure::Refused(MessageRefusal::Seal(error.to_string())))?;
    let message: Message = json::read_letter(&payload).map_err(|error| malformed(&error))?;
    site.db.write(|write| {
        if *from != site.node && correspondence::is_awaited(&mut write.as_read(), from)? {
            return Err(Failure::Refused(MessageRefusal::Recovering));
        }
        take(write, site, from, (&message, bytes))
    })?;
    site.nudge();
    Ok(())
}

pub(super) fn seal_keys(
    read: &mut Read<'_>,
    site: &Site,
    from: &NodeName,
) -> Result<Vec<PublicKey>, Failure<MessageRefusal>> {
    if *from == site.node {
        return Ok(members::own_seal_keys(read, site)?);
    }
    let member = members::by_node(read, from)?
        .ok_or_else(|| Failure::Refused(MessageRefusal::SenderUnknown(from.to_string())))?;
    if member.may_write().is_err() {
        return Err(Failure::Refused(MessageRefusal::SenderSuspended(from.to_string())));
    }
    Ok(member.seal_keys())
}

pub(super) fn take(
    write: &mut Write<'_>,
    site: &Site,
    from: &NodeName,
    (message, bytes): (&Message, &[u8]),
) -> Result<(), Failure<MessageRefusal>> {
    let now = site.now();
    let side = message.from.other();
    let known = rows::load(&mut write.as_read(), &message.process, side)?;
    let state = known.as_ref().map(|process| process.state);
    let before = state.map_or("", State::as_str);
    let Some(step) = judge(write, site, from, (known.as_ref(), message, bytes))? else {
        return Ok(());
    };
    post::keep(write, &post::Kept { message, side, direction: post::IN, bytes }, now)?;
    post::carry_out(write, site, &step, now)?;
    notices::subscription_changed(write, site, (&step.process, state))?;
    let actor = Actor::other_node(from);
    let act = Act {
        at: now,
        actor: &actor,
        action: "subscription.message",
        object: message.process.as_str(),
        outcome: message.body.kind(),
        before,
        after: step.process.state.as_str(),
    };
    audit::record(write, &act)?;
    // What this node answers without a person is an act of its own.
    for answer in &step.send {
        let own = Act {
            actor: &Actor::node(),
            action: "subscription.answer",
            outcome: answer.body.kind(),
            ..act.clone()
        };
        audit::record(write, &own)?;
    }
    Ok(())
}

/// What follows from the message; `None` for a repeat.
fn judge(
    write: &mut Write<'_>,
    site: &Site,
    from: &NodeName,
    (known, message, bytes): (Option<&Process>, &Message, &[u8]),
) -> Result<Option<Step>, Failure<MessageRefusal>> {
    let read = &mut write.as_read();
    let now = site.now();
    let Some(process) = known else {
        return first(read, site, from, message).map(Some);
    };
    let party = match message.from {
        Side::Home => &process.home,
        Side::Provider => &process.provider,
    };
    if party != from {
        return Err(Failure::Refused(MessageRefusal::NotParty));
    }
    let offering = offering::of(read, &process.request.product, now)?;
    match process.receive(message, offering.as_ref(), now).map_err(Failure::Refused)? {
        Received::Step(step) => Ok(Some(*step)),
        Received::Repeat => {
            let kept = post::kept_bytes(read, message, process.side)?;
            if kept.is_some_and(|kept| kept == bytes) {
                Ok(None)
            } else {
                Err(Failure::Refused(MessageRefusal::Differs(message.seq)))
            }
        }
    }
}

fn first(
    read: &mut Read<'_>,
    site: &Site,
    from: &NodeName,
    message: &Message,
) -> Result<Step, Failure<MessageRefusal>> {
    if message.from != Side::Home {
        return Err(Failure::Refused(MessageRefusal::NotParty));
    }
    let parties =
        Parties { id: message.process.clone(), home: from.clone(), provider: site.node.clone() };
    let offering = match &message.body {
        Body::Request(request) => {
            offering::for_request(read, (Side::Provider, request), site.now())?
        }
        _ => None,
    };
    Process::receive_first(parties, message, offering.as_ref(), site.now())
        .map_err(Failure::Refused)
}
