//! Messages between the two sides: sealed, kept, and put into the outbox in the transaction that
//! decides them. Messages of one side of one process leave in order.

use diesel::prelude::*;
use lianshi_market::{
    message::{self, MESSAGE_KIND, Message},
    negotiation::{Command, Process, Rejection, Step},
    subscription::{HeldUp, Side, SubscriptionId},
};
use lianshi_registry::{seal::Sealed, time::Timestamp};
use sha2::{Digest as _, Sha256};

use super::{correspondence, keys, rows};
use crate::{
    Site,
    audit::{self, Act, Actor},
    db::{Read, Write},
    fault::Fault,
    notices,
    outbox::{self, OutboxRow},
    schema::{outbox as outbox_table, sealed_messages},
};

/// Which way a kept message went.
pub(super) const OUT: &str = "out";
/// See [`OUT`].
pub(super) const IN: &str = "in";

/// Outbox rows of one side of one process share this key and leave in order.
pub(super) fn ordering_key(process: &SubscriptionId, side: Side) -> String {
    format!("market/{process}/{side}")
}

fn outbox_id(process: &SubscriptionId, side: Side, seq: u64) -> String {
    format!("{}/{seq:010}", ordering_key(process, side))
}

fn parse_outbox_id(id: &str) -> Option<(SubscriptionId, Side, u64)> {
    let mut parts = id.strip_prefix("market/")?.split('/');
    let process = SubscriptionId::parse(parts.next()?).ok()?;
    let side = Side::parse(parts.next()?)?;
    let seq = parts.next()?.parse().ok()?;
    parts.next().is_none().then_some((process, side, seq))
}

/// A message as it is kept on either side.
pub(super) struct Kept<'a> {
    pub(super) message: &'a Message,
    pub(super) side: Side,
    pub(super) direction: &'static str,
    pub(super) bytes: &'a [u8],
}

/// Keeps the sealed bytes of a message as evidence, behind what is kept of its process.
pub(super) fn keep(write: &mut Write<'_>, kept: &Kept<'_>, now: Timestamp) -> Result<(), Fault> {
    let message = kept.message;
    let hash = hex::encode(Sha256::digest(kept.bytes));
    let short = hash.get(..16).unwrap_or(&hash);
    let seq = i64::try_from(message.seq).map_err(|e| Fault::corrupt("sealed_messages", e))?;
    let id = format!("{}/{}/{}/{seq:010}/{short}", message.process, kept.side, kept.direction);
    // Set aside before, and held after all.
    let aside = sealed_messages::id.eq(&id).and(sealed_messages::direction.ne_all([OUT, IN]));
    diesel::delete(sealed_messages::table.filter(aside)).execute(&mut **write)?;
    let last: Option<i64> = sealed_messages::table
        .filter(sealed_messages::process.eq(message.process.as_str()))
        .filter(sealed_messages::side.eq(kept.side.as_str()))
        .select(diesel::dsl::max(sealed_messages::place))
        .first(&mut **write)?;
    diesel::insert_into(sealed_messages::table)
        .values((
            sealed_messages::id.eq(id),
            sealed_messages::process.eq(message.process.as_str()),
            sealed_messages::side.eq(kept.side.as_str()),
            sealed_messages::direction.eq(kept.direction),
            sealed_messages::seq.eq(seq),
            sealed_messages::kind.eq(message.body.kind()),
            sealed_messages::bytes.eq(kept.bytes),
            sealed_messages::at.eq(now.millis()),
            sealed_messages::place.eq(last.unwrap_or(0).saturating_add(1)),
        ))
        .execute(&mut **write)?;
    Ok(())
}

/// The kept bytes of a message, if it was kept.
pub(super) fn kept_bytes(
    read: &mut Read<'_>,
    message: &Message,
    side: Side,
) -> Result<Option<Vec<u8>>, Fault> {
    let seq = i64::try_from(message.seq).unwrap_or(i64::MAX);
    Ok(sealed_messages::table
        .filter(sealed_messages::process.eq(message.process.as_str()))
        .filter(sealed_messages::side.eq(side.as_str()))
        .filter(sealed_messages::direction.eq(IN))
        .filter(sealed_messages::seq.eq(seq))
        .select(sealed_messages::bytes)
        .first(&mut **read)
        .optional()?)
}

/// Writes everything that follows from a command or a message: the copy, its keys, its messages.
pub(super) fn carry_out(
    write: &mut Write<'_>,
    site: &Site,
    step: &Step,
    now: Timestamp,
) -> Result<(), Fault> {
    rows::save(write, &step.process, now)?;
    for effect in &step.effects {
        keys::apply(write, &step.process, effect)?;
    }
    for message in &step.send {
        send(write, site, &step.process, message, now)?;
    }
    Ok(())
}

fn send(
    write: &mut Write<'_>,
    site: &Site,
    process: &Process,
    message: &Message,
    now: Timestamp,
) -> Result<(), Fault> {
    let payload = serde_json::to_vec(message).map_err(|e| Fault::corrupt("sealed_messages", e))?;
    let sealed = Sealed::new(site.node.clone(), MESSAGE_KIND, &payload, &site.seal_key);
    let bytes = sealed.to_bytes();
    keep(write, &Kept { message, side: process.side, direction: OUT, bytes: &bytes }, now)?;
    put(write, process, (message.seq, bytes), now)?;
    hurry(write, process, (message.seq, message.body.kind()))
}

/// Puts the sealed bytes of a message on their way, unless they are.
fn put(
    write: &mut Write<'_>,
    process: &Process,
    (seq, bytes): (u64, Vec<u8>),
    now: Timestamp,
) -> Result<(), Fault> {
    let id = outbox_id(&process.id, process.side, seq);
    let key = ordering_key(&process.id, process.side);
    let target = process.other_node().as_str();
    let row = OutboxRow::new(MESSAGE_KIND, (&id, &key), target, (bytes, now));
    outbox::enqueue(write, &row)?;
    Ok(())
}

/// A message that takes something away goes first, and what was said before it.
fn hurry(write: &mut Write<'_>, process: &Process, (seq, kind): (u64, &str)) -> Result<(), Fault> {
    if !message::is_urgent(kind) {
        return Ok(());
    }
    let id = outbox_id(&process.id, process.side, seq);
    outbox::hurry(write, (&id, &ordering_key(&process.id, process.side)))
}

/// Sends again what was said and the other side lacks: everything after a sequence that is kept.
pub(super) fn send_again(
    write: &mut Write<'_>,
    process: &Process,
    after: u64,
    now: Timestamp,
) -> Result<(), Fault> {
    let corrupt = |error| Fault::corrupt("sealed_messages", error);
    let kept: Vec<(i64, String, Vec<u8>)> = sealed_messages::table
        .filter(sealed_messages::process.eq(process.id.as_str()))
        .filter(sealed_messages::side.eq(process.side.as_str()))
        .filter(sealed_messages::direction.eq(OUT))
        .filter(sealed_messages::seq.gt(i64::try_from(after).map_err(corrupt)?))
        .order(sealed_messages::seq.asc())
        .select((sealed_messages::seq, sealed_messages::kind, sealed_messages::bytes))
        .load(&mut **write)?;
    let mut last_urgent = None;
    for (seq, kind, bytes) in kept {
        let seq = u64::try_from(seq).map_err(corrupt)?;
        put(write, process, (seq, bytes), now)?;
        if message::is_urgent(&kind) {
            last_urgent = Some((seq, kind));
        }
    }
    let Some((seq, kind)) = last_urgent else { return Ok(()) };
    hurry(write, process, (seq, &kind))
}

/// The other side says that something is missing before this letter: what is kept of it goes again.
pub fn missed(site: &Site, letter: &OutboxRow) -> Result<(), Fault> {
    let Some((id, side, _)) = parse_outbox_id(&letter.id) else { return Ok(()) };
    site.db.write(|write| match rows::load(&mut write.as_read(), &id, side)? {
        Some(process) => send_again(write, &process, 0, site.now()),
        None => Ok(()),
    })
}

/// The other side refused a message for good, so the two copies differ: it and those behind it are
/// withdrawn, the process ends here, and the other side is told.
pub fn rejected(site: &Site, letter: &OutboxRow, code: &str, text: &str) -> Result<(), Fault> {
    let Some((id, side, seq)) = parse_outbox_id(&letter.id) else {
        return site.db.write(|write| outbox::done(write, &letter.id));
    };
    let now = site.now();
    site.db.write(|write| {
        let copy = rows::load(&mut write.as_read(), &id, side)?;
        if let Some(copy) = &copy
            && correspondence::what_holds_up(&mut write.as_read(), copy)? == Some(HeldUp::Awaited)
        {
            // What the other side holds is asked first; then it is known which copy is behind.
            return outbox::failed(write, &letter.id, code, now);
        }
        let Some(was_final) = withdraw(write, letter, (&id, side, seq))? else {
            return Ok(());
        };
        let Some(process) = copy else { return Ok(()) };
        let (code, text) = (code.to_owned(), text.to_owned());
        let command = Command::GiveUp(Rejection { seq, was_final, code: code.clone(), text });
        // Giving up is never refused; if it were, the rows are gone and the copy stays.
        let Ok(step) = process.command(command, None, now) else { return Ok(()) };
        carry_out(write, site, &step, now)?;
        notices::subscription_changed(write, site, (&step.process, Some(process.state)))?;
        audit::record(
            write,
            &Act {
                at: now,
                actor: &Actor::node(),
                action: "subscription.message_refused",
                object: id.as_str(),
                outcome: &code,
                before: process.state.as_str(),
                after: step.process.state.as_str(),
            },
        )
    })?;
    site.nudge();
    Ok(())
}

/// A message that the other side does not hold is kept as evidence, but not as one that was said.
pub(super) fn set_aside(write: &mut Write<'_>, (why, row): (&str, &str)) -> Result<(), Fault> {
    diesel::update(sealed_messages::table.filter(sealed_messages::id.eq(row)))
        .set(sealed_messages::direction.eq(format!("{why}:{row}")))
        .execute(&mut **write)?;
    Ok(())
}

/// Takes a refused message and those behind it out of the outbox; whether it told the end, or
/// `None` when it was not waiting.
fn withdraw(
    write: &mut Write<'_>,
    letter: &OutboxRow,
    (id, side, seq): (&SubscriptionId, Side, u64),
) -> Result<Option<bool>, Fault> {
    let waiting: Option<Vec<u8>> = outbox_table::table
        .filter(outbox_table::id.eq(&letter.id))
        .select(outbox_table::payload)
        .first(&mut **write)
        .optional()?;
    // Told twice: what waits under this id now is the notice that took the letter's place.
    if waiting.as_ref() != Some(&letter.payload) {
        return Ok(None);
    }
    diesel::delete(
        outbox_table::table
            .filter(outbox_table::ordering_key.eq(ordering_key(id, side)))
            .filter(outbox_table::id.ge(&letter.id)),
    )
    .execute(&mut **write)?;
    let seq = i64::try_from(seq).map_err(|e| Fault::corrupt("sealed_messages", e))?;
    let refused: Vec<(String, i64, String)> = sealed_messages::table
        .filter(sealed_messages::process.eq(id.as_str()))
        .filter(sealed_messages::side.eq(side.as_str()))
        .filter(sealed_messages::direction.eq(OUT))
        .filter(sealed_messages::seq.ge(seq))
        .order(sealed_messages::seq.asc())
        .select((sealed_messages::id, sealed_messages::seq, sealed_messages::kind))
        .load(&mut **write)?;
    for (row, _, _) in &refused {
        set_aside(write, ("refused", row))?;
    }
    let was_final = refused
        .iter()
        .find(|(_, at, _)| *at == seq)
        .is_some_and(|(_, _, kind)| kind == "termination" || kind == "end");
    Ok(Some(was_final))
}
