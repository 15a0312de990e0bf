//! A message of the other node: judged by the negotiation, kept as evidence. What is answered here,
//! the outbox sends.

use lianshi_market::{
    message::{Body, Message, MessageRefusal},
    negotiation::{Parties, Process, Received, Step},
    subscription::{Side, State},
};
use lianshi_registry::{id::NodeName, json, time::Timestamp};

use super::{correspondence, offering, post, rows};
use crate::{
    Site,
    audit::{self, Act, Actor},
    db::{Failure, Read, Write},
    letters::Incoming,
    notices,
};

/// Takes a message from a node. A repeat is acknowledged without effect; a gap is refused, so that
/// the sender comes again in order.
pub(crate) fn receive(
    write: &mut Write<'_>,
    site: &Site,
    opened: &Incoming,
) -> Result<(), Failure<MessageRefusal>> {
    let from = &opened.from;
    if *from != site.node && correspondence::is_awaited(&mut write.as_read(), from)? {
        return Err(Failure::Refused(MessageRefusal::Recovering));
    }
    let message = read(&opened.payload).map_err(Failure::Refused)?;
    take(write, site, from, (&message, &opened.sealed), site.now())
}

/// Reads what is under the seal of a message.
pub(super) fn read(payload: &[u8]) -> Result<Message, MessageRefusal> {
    json::read_letter(payload).map_err(|error| MessageRefusal::Malformed(error.to_string()))
}

/// Takes a message that was heard at this time.
pub(super) fn take(
    write: &mut Write<'_>,
    site: &Site,
    from: &NodeName,
    (message, bytes): (&Message, &[u8]),
    heard_at: Timestamp,
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
    if matches!(message.body, Body::End(_)) {
        let fees_end = step.process.fees_end(known.as_ref(), heard_at);
        rows::end_fees(write, &step.process, fees_end)?;
    }
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
