//! Subscriptions as pages, the API and the jobs read them.

use std::collections::BTreeMap;

use diesel::prelude::*;
use lianshi_market::{
    negotiation::Process,
    subscription::{HeldUp, Side, State, SubscriptionId, SubscriptionView},
};
use lianshi_registry::{time::Timestamp, uscc::Uscc};

use super::{correspondence, post, rows};
use crate::{
    db::Read,
    fault::Fault,
    schema::{outbox, sealed_messages, subscriptions},
};

/// Most subscriptions one list shows, the newest first: beyond this a list is no longer read but
/// exported.
pub const LISTED_MAX: i64 = 500;

/// One line of a subscription's history: a sealed message that left or came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HistoryLine {
    /// When it was sealed or taken here.
    pub at: Timestamp,
    /// Which side spoke.
    pub by: Side,
    /// The speaker's sequence.
    pub seq: i64,
    /// Name of the message: `request`, `agreement`, …, pages translate it.
    pub kind: String,
    /// Size of the sealed bytes kept as evidence.
    pub bytes: usize,
}

/// The subscriptions of an enterprise at its home node, newest first, at most [`LISTED_MAX`].
pub fn for_buyer(read: &mut Read<'_>, buyer: &Uscc) -> Result<Vec<SubscriptionView>, Fault> {
    list(read, Side::Home, Some(buyer))
}

/// The subscriptions to an operator's products at their node, newest first, at most [`LISTED_MAX`].
pub fn for_provider(read: &mut Read<'_>, operator: &Uscc) -> Result<Vec<SubscriptionView>, Fault> {
    list(read, Side::Provider, Some(operator))
}

/// All copies of one side held by this node, newest first, at most [`LISTED_MAX`].
pub fn of_node(read: &mut Read<'_>, side: Side) -> Result<Vec<SubscriptionView>, Fault> {
    list(read, side, None)
}

/// How many requests wait for the decision of an operator, or of any.
pub fn waiting_for_decision(read: &mut Read<'_>, operator: Option<&Uscc>) -> Result<i64, Fault> {
    let mut query = subscriptions::table
        .filter(subscriptions::side.eq(Side::Provider.as_str()))
        .filter(subscriptions::state.eq(State::Requested.as_str()))
        .into_boxed();
    if let Some(operator) = operator {
        query = query.filter(subscriptions::provider_uscc.eq(operator.as_str()));
    }
    Ok(query.count().get_result(&mut **read)?)
}

/// One side's copy.
pub fn by_id(
    read: &mut Read<'_>,
    id: &SubscriptionId,
    side: Side,
) -> Result<Option<SubscriptionView>, Fault> {
    let row = rows::row(read, id, side)?;
    Ok(views(read, row.into_iter().collect())?.pop())
}

/// The messages of a subscription as one side holds them, in the order they were taken.
pub fn history(
    read: &mut Read<'_>,
    id: &SubscriptionId,
    side: Side,
) -> Result<Vec<HistoryLine>, Fault> {
    let held: Vec<(i64, String, i64, String, Vec<u8>)> = sealed_messages::table
        .filter(sealed_messages::process.eq(id.as_str()))
        .filter(sealed_messages::side.eq(side.as_str()))
        .filter(sealed_messages::direction.eq_any([post::OUT, post::IN]))
        .order(sealed_messages::place.asc())
        .select((
            sealed_messages::at,
            sealed_messages::direction,
            sealed_messages::seq,
            sealed_messages::kind,
            sealed_messages::bytes,
        ))
        .load(&mut **read)?;
    Ok(held
        .into_iter()
        .map(|(at, direction, seq, kind, bytes)| HistoryLine {
            at: Timestamp::from_millis(at),
            by: if direction == post::OUT { side } else { side.other() },
            seq,
            kind,
            bytes: bytes.len(),
        })
        .collect())
}

fn list(
    read: &mut Read<'_>,
    side: Side,
    party: Option<&Uscc>,
) -> Result<Vec<SubscriptionView>, Fault> {
    let rows = rows::list(read, side, party, LISTED_MAX)?;
    views(read, rows)
}

fn views(
    read: &mut Read<'_>,
    rows: Vec<rows::SubscriptionRow>,
) -> Result<Vec<SubscriptionView>, Fault> {
    let processes = rows.into_iter().map(|row| {
        let updated_at = Timestamp::from_millis(row.updated_at);
        Ok((updated_at, row.into_process()?))
    });
    let processes: Vec<(Timestamp, Process)> = processes.collect::<Result<_, Fault>>()?;
    let keys = processes.iter().map(|(_, process)| post::ordering_key(&process.id, process.side));
    let undelivered: Vec<(String, i64)> = outbox::table
        .filter(outbox::ordering_key.eq_any(keys))
        .group_by(outbox::ordering_key)
        .select((outbox::ordering_key, diesel::dsl::count_star()))
        .load(&mut **read)?;
    let undelivered: BTreeMap<String, i64> = undelivered.into_iter().collect();
    let copies = processes.iter().map(|(_, process)| process);
    let mut held_up = correspondence::held_up(read, copies)?;
    let views = processes.into_iter().map(|(updated_at, process)| {
        let held_up = held_up.remove(&(process.id.clone(), process.side));
        view((process, updated_at), &undelivered, held_up)
    });
    Ok(views.collect())
}

fn view(
    (process, updated_at): (Process, Timestamp),
    undelivered: &BTreeMap<String, i64>,
    held_up: Option<HeldUp>,
) -> SubscriptionView {
    let key = post::ordering_key(&process.id, process.side);
    let agreed = process.agreement.as_ref();
    let plan = agreed.map(|agreement| &agreement.terms).or(process.offer.as_ref());
    SubscriptionView {
        held_up,
        undelivered: undelivered.get(&key).copied().unwrap_or(0),
        updated_at,
        agreement_hash: process.agreement_hash(),
        plan: plan.map(|terms| terms.plan.clone()),
        starts_at: agreed.map(|agreement| agreement.starts_at),
        id: process.id,
        side: process.side,
        home: process.home,
        provider: process.provider,
        product: process.request.product,
        product_name: process.request.product_name,
        plan_code: process.request.plan,
        purpose: process.request.purpose,
        purpose_note: process.request.purpose_note,
        second_reason: process.request.second_reason,
        months: process.request.months,
        buyer: process.request.buyer,
        buyer_name: process.request.buyer_name,
        operator: process.request.operator,
        state: process.state,
        offer: process.offer,
        agreement: process.agreement,
        notice: process.notice,
        ending: process.ending,
        requested_at: process.requested_at,
        ends_at: process.ends_at,
    }
}
