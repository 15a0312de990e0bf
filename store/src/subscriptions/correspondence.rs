//! What two nodes wrote to each other, held against each other after one of them was restored. A
//! database that came back from a backup forgot what was said and heard since: a contract that
//! ended is in force again, a key that was taken back opens again, and what is said next
//! contradicts what was said before. So after a recovery nothing is done with the contracts of
//! another node, and no call of theirs is answered, before that node was asked and both hold the
//! same, or it is known where they do not.

mod answer;
mod left;
mod take;

use std::collections::{BTreeMap, BTreeSet};

use diesel::prelude::*;
use lianshi_market::{
    negotiation::Process,
    subscription::{HeldUp, Side, SubscriptionId},
};
use lianshi_registry::{
    id::NodeName,
    member::Status,
    time::{Period, Timestamp},
};

pub use answer::{QuestionRefusal, answer, is_unknown_question};
pub use left::{LEFT_OUT_MAX, LeftOut, NotTaken, Told, leave_out, left};
pub use take::{compare, take, unfit};

use crate::{
    Fault, Read, Site, Write,
    audit::{self, Act, Actor},
    members, recovery,
    schema::{subscriptions, unlike_copies},
    setting, usage,
};

/// Row of `node_state`: the nodes that are to be asked.
const AWAITED: &str = "correspondence.awaited";
/// Row of `node_state`: the nodes that are asked as well, and that nothing waits for.
const LATER: &str = "correspondence.later";

/// Row of `node_state`: the nodes that cannot tell what was reported to them.
const UNCOUNTED: &str = "correspondence.uncounted";

/// The nodes that have not been asked yet since the last recovery, and that are waited for.
pub fn awaited(read: &mut Read<'_>) -> Result<BTreeSet<NodeName>, Fault> {
    Ok(setting::read(read, AWAITED)?.unwrap_or_default())
}

/// The nodes that are asked but not waited for.
pub fn asked_later(read: &mut Read<'_>) -> Result<BTreeSet<NodeName>, Fault> {
    Ok(setting::read(read, LATER)?.unwrap_or_default())
}

/// Every node that is to be asked.
pub fn to_ask(read: &mut Read<'_>) -> Result<BTreeSet<NodeName>, Fault> {
    let mut nodes = awaited(read)?;
    nodes.append(&mut asked_later(read)?);
    Ok(nodes)
}

/// A recovery is over: every other node that has not left is to be asked, whether it is known here
/// that there is a contract with it or was forgotten.
pub(crate) fn await_all(write: &mut Write<'_>, site: &Site) -> Result<(), Fault> {
    let members = members::all(&mut write.as_read())?;
    let nodes: BTreeSet<NodeName> = members
        .into_iter()
        .filter(|member| member.status() != Status::Withdrawn)
        .map(|member| member.admission.node)
        .filter(|node| *node != site.node)
        .collect();
    left::begin_anew(write)?;
    setting::write(write, AWAITED, &nodes)
}

/// A node was asked, or is no member any more.
pub fn settled(write: &mut Write<'_>, site: &Site, node: &NodeName) -> Result<(), Fault> {
    let was_awaited = take_off(write, AWAITED, node)?;
    let was_asked = take_off(write, LATER, node)?;
    if was_awaited || was_asked {
        record(write, site, (&Actor::node(), "correspondence.settled"), node)?;
    }
    if was_awaited {
        // Nothing was as long as it was to be asked.
        usage::report_anew_to(write, node)?;
    }
    Ok(())
}

/// The nodes that were asked how often this one was called and cannot tell, because they run an
/// older program: what was metered after the backup and reported to them has not come back.
pub fn uncounted(read: &mut Read<'_>) -> Result<BTreeSet<NodeName>, Fault> {
    Ok(setting::read(read, UNCOUNTED)?.unwrap_or_default())
}

/// Writes down whether a node could tell what was reported to it.
pub fn counted(
    write: &mut Write<'_>,
    site: &Site,
    (node, could_tell): (&NodeName, bool),
) -> Result<(), Fault> {
    if could_tell {
        return take_off(write, UNCOUNTED, node).map(drop);
    }
    let mut nodes = uncounted(&mut write.as_read())?;
    if nodes.insert(node.clone()) {
        setting::write(write, UNCOUNTED, &nodes)?;
        record(write, site, (&Actor::node(), "correspondence.uncounted"), node)?;
    }
    Ok(())
}

/// A person says that a node is not waited for: contracts with it go on as they are held here. It
/// is asked all the same when it comes back, and what its copies say otherwise is written down.
/// Gives whether it was waited for.
pub fn go_on_without(
    write: &mut Write<'_>,
    site: &Site,
    (actor, node): (&Actor, &NodeName),
) -> Result<bool, Fault> {
    if !take_off(write, AWAITED, node)? {
        return Ok(false);
    }
    ask_later(write, node)?;
    usage::report_anew_to(write, node)?;
    record(write, site, (actor, "correspondence.without"), node).map(|()| true)
}

/// A person has a node asked once more, while everything goes on. Gives whether it is a member that
/// is not asked yet.
pub fn ask_again(
    write: &mut Write<'_>,
    site: &Site,
    (actor, node): (&Actor, &NodeName),
) -> Result<bool, Fault> {
    let is_known = members::by_node(&mut write.as_read(), node)?.is_some();
    if *node == site.node || !is_known || to_ask(&mut write.as_read())?.contains(node) {
        return Ok(false);
    }
    ask_later(write, node)?;
    left::forget(write, node)?;
    record(write, site, (actor, "correspondence.ask"), node).map(|()| true)
}

fn ask_later(write: &mut Write<'_>, node: &NodeName) -> Result<(), Fault> {
    let mut nodes = asked_later(&mut write.as_read())?;
    nodes.insert(node.clone());
    setting::write(write, LATER, &nodes)
}

fn take_off(write: &mut Write<'_>, list: &'static str, node: &NodeName) -> Result<bool, Fault> {
    let listed: Option<BTreeSet<NodeName>> = setting::read(&mut write.as_read(), list)?;
    let mut nodes = listed.unwrap_or_default();
    let was_listed = nodes.remove(node);
    if was_listed {
        setting::write(write, list, &nodes)?;
    }
    Ok(was_listed)
}

fn record(
    write: &mut Write<'_>,
    site: &Site,
    (actor, action): (&Actor, &'static str),
    node: &NodeName,
) -> Result<(), Fault> {
    let (at, object, outcome) = (site.now(), node.as_str(), "done");
    audit::record(write, &Act { at, actor, action, object, outcome, before: "", after: "" })
}

/// Whether nothing may be done yet with what there is between this node and another.
pub(crate) fn is_awaited(read: &mut Read<'_>, other: &NodeName) -> Result<bool, Fault> {
    Ok(recovery::pending(read)?.is_some() || awaited(read)?.contains(other))
}

/// The nodes still to be asked that have contracts for products of this node which were not over
/// before a period.
pub(crate) fn awaited_homes(read: &mut Read<'_>, period: Period) -> Result<Vec<String>, Fault> {
    let begins = period.start().millis();
    let awaited = awaited(read)?;
    let mut homes = Vec::new();
    for node in awaited {
        let of_home = subscriptions::table
            .filter(subscriptions::home_node.eq(node.as_str()))
            .filter(subscriptions::side.eq(Side::Provider.as_str()))
            .filter(
                subscriptions::ended_at
                    .is_null()
                    .or(subscriptions::ended_at.ge(begins))
                    .or(subscriptions::fees_end_at.ge(begins)),
            )
            .filter(subscriptions::ends_at.is_null().or(subscriptions::ends_at.ge(begins)));
        if diesel::select(diesel::dsl::exists(of_home)).get_result(&mut **read)? {
            homes.push(node.to_string());
        }
    }
    Ok(homes)
}

/// What holds each of some copies up, by process and side. What a node has with itself, nobody else
/// can tell it.
pub(crate) fn held_up<'a>(
    read: &mut Read<'_>,
    copies: impl IntoIterator<Item = &'a Process>,
) -> Result<BTreeMap<(SubscriptionId, Side), HeldUp>, Fault> {
    let between: Vec<&Process> =
        copies.into_iter().filter(|copy| copy.home != copy.provider).collect();
    let (is_pending, awaited) = (recovery::pending(read)?.is_some(), awaited(read)?);
    let unlike: Vec<(String, String, String)> = unlike_copies::table
        .filter(unlike_copies::process.eq_any(between.iter().map(|copy| copy.id.as_str())))
        .select((unlike_copies::process, unlike_copies::side, unlike_copies::text))
        .load(&mut **read)?;
    let held_up = |copy: &Process| {
        if is_pending || awaited.contains(copy.other_node()) {
            return Some(HeldUp::Awaited);
        }
        let is_it = |(process, side, _): &&(String, String, String)| {
            process == copy.id.as_str() && side == copy.side.as_str()
        };
        let what = unlike.iter().find(is_it).map(|(.., what)| what.clone());
        what.map(|what| HeldUp::Unlike { what })
    };
    let found = between.into_iter().filter_map(|copy| Some((copy, held_up(copy)?)));
    Ok(found.map(|(copy, why)| ((copy.id.clone(), copy.side), why)).collect())
}

/// What holds one copy up.
pub(crate) fn what_holds_up(read: &mut Read<'_>, copy: &Process) -> Result<Option<HeldUp>, Fault> {
    Ok(held_up(read, [copy])?.into_values().next())
}

/// A copy that is not like the other side's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnlikeCopy {
    /// The subscription.
    pub process: SubscriptionId,
    /// Whose copy is meant: the side this node is on.
    pub side: Side,
    /// The other side's node.
    pub node: NodeName,
    /// What differs, as a stable code.
    pub code: String,
    /// The same in words.
    pub text: String,
    /// Since when it is known.
    pub at: Timestamp,
}

/// The copies that are not like the other side's, in the order of their subscriptions. No call is
/// answered under them.
pub fn unlike(read: &mut Read<'_>) -> Result<Vec<UnlikeCopy>, Fault> {
    let rows: Vec<(String, String, String, String, String, i64)> = unlike_copies::table
        .order((unlike_copies::process.asc(), unlike_copies::side.asc()))
        .load(&mut **read)?;
    let corrupt = |what: String| Fault::corrupt("unlike_copies", what);
    rows.into_iter()
        .map(|(process, side, node, code, text, at)| {
            Ok(UnlikeCopy {
                process: SubscriptionId::parse(&process).map_err(|e| corrupt(e.to_string()))?,
                side: Side::parse(&side).ok_or_else(|| corrupt(side.clone()))?,
                node: NodeName::parse(&node).map_err(|e| corrupt(e.to_string()))?,
                code,
                text,
                at: Timestamp::from_millis(at),
            })
        })
        .collect()
}
