//! What a root authority does to members: decided by `registry::member`, written as an entry of its
//! own log, and recorded in the audit trail, in one transaction.

use lianshi_registry::{
    entry::{Admission, Entry, Fact, MemberChange},
    member::{self, MemberRefusal, Members, Status},
    refusal::Refusal as _,
};

use crate::{
    Failure, Fault, Read, Site, Write,
    audit::{self, Act, Actor},
    log,
};

/// Admits a node, or revises the admission of one.
pub fn admit(
    site: &Site,
    actor: &Actor,
    admission: &Admission,
) -> Result<u64, Failure<MemberRefusal>> {
    let object = admission.node.to_string();
    say(site, actor, Fact::MemberAdmitted(admission.clone()), &object)
}

/// Suspends, reinstates or withdraws a node from an index of its log on.
pub fn change(
    site: &Site,
    actor: &Actor,
    change: &MemberChange,
    status: Status,
) -> Result<u64, Failure<MemberRefusal>> {
    let object = change.node.to_string();
    let fact = match status {
        Status::Active => Fact::MemberReinstated(change.clone()),
        Status::Suspended => Fact::MemberSuspended(change.clone()),
        Status::Withdrawn => Fact::MemberWithdrawn(change.clone()),
    };
    say(site, actor, fact, &object)
}

/// Writes the entry when the rules allow it; a refusal is recorded too. Gives the entry's index.
fn say(
    site: &Site,
    actor: &Actor,
    fact: Fact,
    object: &str,
) -> Result<u64, Failure<MemberRefusal>> {
    let action = fact.kind();
    let now = site.now();
    let record = |write: &mut Write<'_>, outcome: &str, after: &str| {
        let act = Act { at: now, actor, action, object, outcome, before: "", after };
        audit::record(write, &act)
    };
    let written = site.db.write(|write| {
        log::create_own(write, site)?;
        decide(&mut write.as_read(), site, &fact)?;
        let entry = Entry { at: now, by: site.node.to_string(), fact: fact.clone() };
        let indexes = log::append(write, &site.origin, &[entry], now)?;
        let index = indexes.first().copied().unwrap_or_default();
        record(write, "done", &format!("entry {index}"))?;
        Ok(index)
    });
    match &written {
        Ok(_) => site.nudge(),
        Err(Failure::Refused(refusal)) => {
            site.db.write(|write| record(write, refusal.code(), ""))?;
        }
        Err(Failure::Fault(_)) => {}
    }
    written
}

fn decide(read: &mut Read<'_>, site: &Site, fact: &Fact) -> Result<(), Failure<MemberRefusal>> {
    let known: Members =
        super::all(read)?.into_iter().map(|m| (m.admission.node.clone(), m)).collect();
    let roots = super::roots(read)?;
    let held = log::head(read, &site.origin)?;
    let next = held.ok_or_else(|| Fault::corrupt("logs", "the own log was never begun"))?.size;
    member::decide(&known, &roots, (&site.origin, next), fact).map_err(Failure::Refused)?;
    Ok(())
}
