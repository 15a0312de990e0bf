//! What people and the catalog do to a subscription: ask for it, decide it, end it, cut it.

use lianshi_market::{
    agreement::hash_of,
    eligibility::{Consequence, Offering, Request, SubscriptionRefusal, consequence, read_note},
    negotiation::{Command, Parties, Process, Step},
    subscription::{HeldUp, SUBSCRIPTION_ID_BYTES, Side, SubscriptionId},
};
use lianshi_registry::{id::RegistrationNumber, time::Timestamp};

use super::{Decision, RequestSubscription, correspondence, offering, post, rows, unfollowed};
use crate::{
    Site,
    audit::{self, Act, Actor},
    db::{Failure, Read, Write},
    fault::Fault,
};

type Refused = Failure<SubscriptionRefusal>;

/// An enterprise asks for a product at its home node. The request goes to the product's node, which
/// decides; the id is the same on both.
pub fn request(
    site: &Site,
    actor: &Actor,
    wanted: RequestSubscription,
) -> Result<SubscriptionId, Refused> {
    let mut random = [0; SUBSCRIPTION_ID_BYTES];
    getrandom::fill(&mut random).map_err(|error| Fault::Randomness(error.to_string()))?;
    let id = SubscriptionId::from_random(random);
    let purpose_note = read_note(&wanted.purpose_note, SubscriptionRefusal::PurposeMissing)
        .map_err(Failure::Refused)?;
    let second_reason = match wanted.second_reason.trim() {
        "" => String::new(),
        reason => {
            let missing = SubscriptionRefusal::SecondNeedsReason(wanted.product.clone());
            read_note(reason, missing).map_err(Failure::Refused)?
        }
    };
    let now = site.now();
    site.db.write(|write| {
        let offering = offering::of(&mut write.as_read(), &wanted.product, now)?;
        let unknown = || SubscriptionRefusal::ProductUnknown(wanted.product.clone());
        let Some(offering) = offering else { return Err(Failure::Refused(unknown())) };
        let plan = offering.plans.iter().find(|plan| plan.code == wanted.plan);
        let request = Request {
            product: wanted.product.clone(),
            product_name: offering.product.name.clone(),
            operator: offering.product.operator.clone(),
            plan: wanted.plan.clone(),
            plan_hash: plan.map_or_else(String::new, |plan| hash_of("plan", plan)),
            purpose: wanted.purpose,
            purpose_note: purpose_note.clone(),
            months: wanted.months,
            buyer: wanted.buyer.clone(),
            buyer_name: wanted.buyer_name.clone(),
            second_reason: second_reason.clone(),
        };
        let held =
            rows::held(&mut write.as_read(), Side::Home, (&wanted.buyer, &wanted.product), now)?;
        let offering = Offering { held, ..offering };
        let provider = offering.node.clone();
        let parties = Parties { id: id.clone(), home: site.node.clone(), provider };
        let step =
            Process::open(parties, request, Some(&offering), now).map_err(Failure::Refused)?;
        let done = Done { actor, action: "subscription.request", before: "" };
        Ok::<_, Refused>(finish(write, site, &done, &step)?)
    })?;
    site.nudge();
    Ok(id)
}

/// A person decides: the provider a request, the enterprise an offer.
pub fn decide(
    site: &Site,
    actor: &Actor,
    id: &SubscriptionId,
    decision: Decision,
) -> Result<(), Refused> {
    let (side, action, command) = match decision {
        Decision::Approve => (Side::Provider, "subscription.approve", Command::Approve),
        Decision::Refuse { text } => {
            (Side::Provider, "subscription.refuse", Command::Refuse { text })
        }
        Decision::Accept => (Side::Home, "subscription.accept", Command::Accept),
        Decision::Decline { text } => {
            (Side::Home, "subscription.decline", Command::Decline { text })
        }
    };
    site.db.write(|write| {
        let process = of_actor(&mut write.as_read(), actor, id, Some(side))?;
        let offering = offering::of(&mut write.as_read(), &process.request.product, site.now())?;
        let step = process
            .command(command.clone(), offering.as_ref(), site.now())
            .map_err(Failure::Refused)?;
        let done = Done { actor, action, before: process.state.as_str() };
        Ok::<_, Refused>(finish(write, site, &done, &step)?)
    })?;
    site.nudge();
    Ok(())
}

/// Withdraws from a negotiation or ends a contract, from the side of the actor's organization. Both
/// nodes will hold who ended it, when and why.
pub fn end(site: &Site, actor: &Actor, id: &SubscriptionId, reason: &str) -> Result<(), Refused> {
    site.db.write(|write| {
        let process = of_actor(&mut write.as_read(), actor, id, None)?;
        let command = Command::End { text: reason.to_owned() };
        let step = process.command(command, None, site.now()).map_err(Failure::Refused)?;
        let done = Done { actor, action: "subscription.end", before: process.state.as_str() };
        Ok::<_, Refused>(finish(write, site, &done, &step)?)
    })?;
    site.nudge();
    Ok(())
}

/// Has [`follow_catalog`] look at every contract in force once more, as a node does when it starts:
/// another program may have judged them before.
pub fn follow_anew(site: &Site) -> Result<(), Fault> {
    site.db.write(unfollowed::note_all)
}

/// Ends or cuts the contracts whose product was delisted or whose authorization ended or became
/// shorter, and tells the home nodes. Looks at products whose word in the catalog changed or whose
/// contracts did, and costs nothing where there is none. Called by a job of the provider; returns
/// how many changed.
pub fn follow_catalog(site: &Site) -> Result<usize, Fault> {
    let (mut changed, mut failed) = (0, None);
    let mut last = None;
    loop {
        let products = site.db.read(|read| unfollowed::after(read, last.as_ref()))?;
        let Some(newest) = products.last() else { break };
        last = Some(newest.clone());
        let mut followed = Vec::new();
        for product in &products {
            match follow_product(site, product, &mut changed) {
                Ok(()) => followed.push(product),
                Err(fault) => failed = failed.or(Some(fault)),
            }
        }
        // Judged anew in the transaction that takes it off, which misses no change in between.
        site.db.write(|write| {
            followed.iter().try_for_each(|product| {
                let is_over = due(&mut write.as_read(), site, product)?.is_empty();
                if is_over { unfollowed::done(write, product) } else { Ok(()) }
            })
        })?;
    }
    if changed > 0 {
        site.nudge();
    }
    failed.map_or(Ok(changed), Err)
}

/// Follows for the contracts of a product, and counts those that changed. One contract that cannot
/// be written holds no other up.
fn follow_product(
    site: &Site,
    product: &RegistrationNumber,
    changed: &mut usize,
) -> Result<(), Fault> {
    let mut failed = Ok(());
    for id in site.db.read(|read| due(read, site, product))? {
        match site.db.write(|write| follow(write, site, &id)) {
            Ok(done) => *changed += usize::from(done),
            Err(fault) => failed = failed.and(Err(fault)),
        }
    }
    failed
}

/// The contracts of a product that the catalog ends or cuts; those whose term is over are no
/// concern of it.
fn due(
    read: &mut Read<'_>,
    site: &Site,
    product: &RegistrationNumber,
) -> Result<Vec<SubscriptionId>, Fault> {
    let now = site.now();
    let offering = offering::of(read, product, now)?;
    // Asked for a contract without end: all are concerned, those past a day, or none.
    let latest = match consequence(offering.as_ref(), Timestamp::from_millis(i64::MAX)) {
        Some(Consequence::End { .. }) => now,
        Some(Consequence::Cut { ends_at, .. }) => ends_at.max(now),
        None => return Ok(Vec::new()),
    };
    rows::in_force_beyond(read, product, latest)
}

fn follow(write: &mut Write<'_>, site: &Site, id: &SubscriptionId) -> Result<bool, Fault> {
    let read = &mut write.as_read();
    let Some(process) = rows::load(read, id, Side::Provider)? else { return Ok(false) };
    if correspondence::what_holds_up(read, &process)? == Some(HeldUp::Awaited) {
        return Ok(false);
    }
    let offering = offering::of(read, &process.request.product, site.now())?;
    let due = process.ends_at.and_then(|ends_at| consequence(offering.as_ref(), ends_at));
    let Some(due) = due else { return Ok(false) };
    // Refused when the contract ended meanwhile.
    let Ok(step) = process.command(Command::Follow(due), None, site.now()) else {
        return Ok(false);
    };
    if step.send.is_empty() {
        return Ok(false);
    }
    let actor = Actor::node();
    let before = process.state.as_str();
    let done = Done { actor: &actor, action: "subscription.follow_catalog", before };
    finish(write, site, &done, &step)?;
    Ok(true)
}

/// An act to be recorded.
pub(super) struct Done<'a> {
    pub(super) actor: &'a Actor,
    pub(super) action: &'static str,
    pub(super) before: &'a str,
}

/// Writes what follows from an act, and the act.
pub(super) fn finish(
    write: &mut Write<'_>,
    site: &Site,
    done: &Done<'_>,
    step: &Step,
) -> Result<(), Fault> {
    let now = site.now();
    post::carry_out(write, site, step, now)?;
    audit::record(
        write,
        &Act {
            at: now,
            actor: done.actor,
            action: done.action,
            object: step.process.id.as_str(),
            outcome: "done",
            before: done.before,
            after: step.process.state.as_str(),
        },
    )?;
    Ok(())
}

/// The copy the actor may act on: the home copy for the buyer's people, the provider's for the
/// operator's, either for the node itself. Anyone else hears that there is none.
pub(super) fn of_actor(
    read: &mut Read<'_>,
    actor: &Actor,
    id: &SubscriptionId,
    side: Option<Side>,
) -> Result<Process, Refused> {
    for candidate in [Side::Home, Side::Provider] {
        if side.is_some_and(|side| side != candidate) {
            continue;
        }
        let Some(process) = rows::load(read, id, candidate)? else { continue };
        let party = match candidate {
            Side::Home => &process.request.buyer,
            Side::Provider => &process.request.operator,
        };
        if !actor.organization.is_empty() && actor.organization != party.as_str() {
            continue;
        }
        if correspondence::what_holds_up(read, &process)? == Some(HeldUp::Awaited) {
            let other = process.other_node().clone();
            return Err(Failure::Refused(SubscriptionRefusal::AwaitsNode(other)));
        }
        return Ok(process);
    }
    Err(Failure::Refused(SubscriptionRefusal::Unknown))
}
