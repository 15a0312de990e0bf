//! Publishing: numbers, decision, entries, audit row, all in one transaction. A refused file leaves
//! nothing, and gives its numbers back.

use std::collections::BTreeMap;

use diesel::prelude::*;
use lianshi_governance::publish::{
    self, Finding, FreshNumbers, PublishRefusal, Published, Publisher, Wanted,
};
use lianshi_registry::{
    catalog::{Known, Object, ObjectKey},
    id::{NumberKind, RegistrationNumber},
    refusal::Refusal as _,
    time::Timestamp,
};
use sha2::{Digest as _, Sha256};

use super::{index::index_some, objects};
use crate::{
    audit::{self, Act, Actor},
    close,
    db::{Failure, Read, Write},
    fault::Fault,
    fold::right,
    log, numbers,
    schema::published_files,
    site::Site,
};

/// What publishing a file came to, now or the first time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Publication {
    /// What was published, in the order of the file.
    pub published: Vec<Published>,
    /// When it was published before; nothing was changed now.
    pub before: Option<Timestamp>,
}

/// Publishes a file: every entry it makes, or none. A file that registers something is published
/// once: the same text of the same publisher again, as by whoever did not hear that it was done,
/// changes nothing and gives what it came to.
pub fn publish(
    site: &Site,
    actor: &Actor,
    text: &str,
) -> Result<Publication, Failure<PublishRefusal>> {
    let now = site.now();
    let wanted = publish::wanted(text, &site.origin).map_err(Failure::Refused)?;
    let decided = site.db.write(|write| {
        log::create_own(write, site)?;
        write_file(write, (site, actor, now), text, &wanted)
    });
    match &decided {
        Ok(Publication { before: None, .. }) => {
            site.nudge();
            // It is published; what is not indexed now, a serving node does.
            if let Err(error) = index_some(&site.db) {
                tracing::warn!(%error, "what was published is not indexed yet");
            }
        }
        Err(Failure::Refused(refusal)) => note_refusal(site, actor, refusal, now)?,
        Ok(Publication { before: Some(_), .. }) | Err(Failure::Fault(_)) => {}
    }
    decided
}

fn write_file(
    write: &mut Write<'_>,
    (site, actor, now): (&Site, &Actor, Timestamp),
    text: &str,
    wanted: &Wanted,
) -> Result<Publication, Failure<PublishRefusal>> {
    let registers = wanted.numbers.values().any(|count| *count > 0);
    let file_hash = hex::encode(Sha256::digest(text.as_bytes()));
    let file = (file_hash.as_str(), actor.organization.as_str());
    if registers && let Some(known) = published_before(&mut write.as_read(), file)? {
        return Ok(known);
    }
    close::meet_begin(write)?;
    let next_index = log::head(&mut write.as_read(), &site.origin)?.map_or(0, |head| head.size);
    // What the federation would not count is not recorded as done either.
    right::load(&mut write.as_read(), &site.origin)?
        .voice(&site.origin, next_index)
        .map_err(|reason| Failure::Refused(of_file(reason.code(), reason.to_string())))?;
    let fresh = take_numbers(write, site, &wanted.numbers, now)?;
    let known = load(&mut write.as_read(), site, &wanted.mentioned)?;
    let by = if actor.organization.is_empty() { site.node.as_str() } else { &actor.organization };
    let publisher = Publisher {
        origin: &site.origin,
        division: &site.division,
        next_index,
        by,
        now,
        closed_to: close::latest_begun(&mut write.as_read())?,
    };
    let decision = publish::decide(text, &publisher, known, &fresh).map_err(Failure::Refused)?;
    log::append(write, &site.origin, &decision.entries, now)?;
    for published in &decision.published {
        let act = Act {
            at: now,
            actor,
            action: "catalog.publish",
            object: &published.id,
            outcome: "done",
            before: "",
            after: &published.kind,
        };
        audit::record(write, &act)?;
    }
    if registers {
        remember(write, file, (&decision.published, now))?;
    }
    Ok(Publication { published: decision.published, before: None })
}

/// What the same file of the same publisher came to before.
fn published_before(
    read: &mut Read<'_>,
    (file_hash, by): (&str, &str),
) -> Result<Option<Publication>, Fault> {
    let known: Option<(i64, String)> = published_files::table
        .find((file_hash, by))
        .select((published_files::published_at, published_files::published))
        .first(&mut **read)
        .optional()?;
    let Some((at, published)) = known else { return Ok(None) };
    let published = serde_json::from_str(&published)
        .map_err(|error| Fault::corrupt("published_files", error))?;
    Ok(Some(Publication { published, before: Some(Timestamp::from_millis(at)) }))
}

fn remember(
    write: &mut Write<'_>,
    (file_hash, by): (&str, &str),
    (published, now): (&[Published], Timestamp),
) -> Result<(), Fault> {
    let text = serde_json::to_string(published)
        .map_err(|error| Fault::corrupt("published_files", error))?;
    diesel::insert_into(published_files::table)
        .values((
            published_files::file_hash.eq(file_hash),
            published_files::published_by.eq(by),
            published_files::published_at.eq(now.millis()),
            published_files::published.eq(text),
        ))
        .execute(&mut **write)?;
    Ok(())
}

fn note_refusal(
    site: &Site,
    actor: &Actor,
    refusal: &PublishRefusal,
    now: Timestamp,
) -> Result<(), Fault> {
    let first = refusal.findings.first().map_or(refusal.code(), |finding| finding.code.as_str());
    site.db.write(|write| {
        let act = Act {
            at: now,
            actor,
            action: "catalog.publish",
            object: "file",
            outcome: first,
            before: "",
            after: "",
        };
        audit::record(write, &act)
    })
}

fn take_numbers(
    write: &mut Write<'_>,
    site: &Site,
    wanted: &BTreeMap<NumberKind, u32>,
    now: Timestamp,
) -> Result<FreshNumbers, Failure<PublishRefusal>> {
    let year = now.date().year();
    let mut fresh = FreshNumbers::new();
    for (kind, count) in wanted {
        let mut taken = Vec::new();
        for _ in 0..*count {
            let sequence = numbers::next(write, &numbers::series(*kind, year))?;
            let number = u32::try_from(sequence)
                .ok()
                .and_then(|n| RegistrationNumber::new(&site.division, *kind, year, n));
            taken.push(number.ok_or_else(|| Failure::Refused(exhausted(*kind)))?);
        }
        fresh.insert(*kind, taken);
    }
    Ok(fresh)
}

fn exhausted(kind: NumberKind) -> PublishRefusal {
    let message = format!("all {} numbers of this year are used", kind.letter());
    of_file("publish.numbers_exhausted", message)
}

/// A refusal of the file as a whole.
fn of_file(code: &str, message: String) -> PublishRefusal {
    PublishRefusal::new(vec![Finding {
        line: 1,
        place: "file".to_owned(),
        code: code.to_owned(),
        message,
        rule: None,
    }])
}

/// Loads what a file mentions, and what that stands on.
fn load(read: &mut Read<'_>, site: &Site, mentioned: &[ObjectKey]) -> Result<Known, Fault> {
    let mut known = Known::new();
    let mut wanted: Vec<ObjectKey> = mentioned.to_vec();
    while !wanted.is_empty() {
        let found = objects::load(read, &wanted)?;
        wanted = found
            .values()
            .flat_map(|object| publish::stands_on(object, &site.origin))
            .filter(|key| !known.contains_key(key) && !found.contains_key(key))
            .collect();
        wanted.sort();
        wanted.dedup();
        known.extend(found);
    }
    let products: Vec<String> = mentioned
        .iter()
        .filter(|key| matches!(known.get(key), Some(Object::Product(_))))
        .map(|key| key.name.clone())
        .collect();
    for number in products {
        for object in objects::of_product(read, &number, &site.origin)? {
            if let Some(key) = key_below(&object, site) {
                known.insert(key, object);
            }
        }
    }
    Ok(known)
}

fn key_below(object: &Object, site: &Site) -> Option<ObjectKey> {
    let origin = &site.origin;
    match object {
        Object::Plan(state) => Some(ObjectKey::plan(&state.plan.product, &state.plan.code, origin)),
        Object::Ceiling(ceiling) => {
            Some(ObjectKey::ceiling(&ceiling.product, ceiling.unit, origin))
        }
        Object::Split(split) => Some(ObjectKey::split(&split.product, split.version, origin)),
        _ => None,
    }
}
