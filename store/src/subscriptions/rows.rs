//! A subscription's row: one side's copy of the negotiation and of the contract.

use diesel::prelude::*;
use lianshi_market::{
    agreement::{Agreement, Terms},
    eligibility::{Held, Request},
    message::Cut,
    negotiation::Process,
    subscription::{Ending, Side, State, SubscriptionId},
};
use lianshi_registry::{
    entry::Purpose,
    id::{NodeName, RegistrationNumber},
    time::Timestamp,
    uscc::Uscc,
};
use serde::{Deserialize, Serialize};

use super::unfollowed;
use crate::{
    db::{Read, Write},
    fault::Fault,
    schema::subscriptions,
};

#[derive(Clone, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = subscriptions, treat_none_as_null = true)]
pub(super) struct SubscriptionRow {
    id: String,
    side: String,
    home_node: String,
    provider_node: String,
    product: String,
    plan: String,
    purpose: String,
    purpose_note: String,
    buyer_uscc: String,
    buyer_name: String,
    provider_uscc: String,
    state: String,
    reason_code: String,
    reason_text: String,
    ended_by: String,
    negotiation: String,
    agreement: String,
    agreement_hash: Vec<u8>,
    requested_at: i64,
    starts_at: Option<i64>,
    ends_at: Option<i64>,
    ended_at: Option<i64>,
    pub(super) updated_at: i64,
    sent_seq: i64,
    received_seq: i64,
}

/// The parts of a copy that nobody searches by.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Kept {
    request: Request,
    offer: Option<Terms>,
    notice: Option<Cut>,
    /// Absent in copies of an older program.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    heard_at: Option<Timestamp>,
}

fn corrupt(what: impl ToString) -> Fault {
    Fault::corrupt("subscriptions", what)
}

/// `industry`, `public_good`.
pub(super) fn purpose_text(purpose: Purpose) -> &'static str {
    match purpose {
        Purpose::PublicGood => "public_good",
        Purpose::Industry => "industry",
    }
}

impl SubscriptionRow {
    fn of(process: &Process, now: Timestamp) -> Result<Self, Fault> {
        let (request, ending) = (&process.request, process.ending.as_ref());
        let kept = Kept {
            request: request.clone(),
            offer: process.offer.clone(),
            notice: process.notice.clone(),
            heard_at: process.heard_at,
        };
        let text = |value: Option<&String>| value.cloned().unwrap_or_default();
        Ok(Self {
            id: process.id.to_string(),
            side: process.side.as_str().to_owned(),
            home_node: process.home.to_string(),
            provider_node: process.provider.to_string(),
            product: request.product.to_string(),
            plan: request.plan.clone(),
            purpose: purpose_text(request.purpose).to_owned(),
            purpose_note: request.purpose_note.clone(),
            buyer_uscc: request.buyer.to_string(),
            buyer_name: request.buyer_name.clone(),
            provider_uscc: request.operator.to_string(),
            state: process.state.as_str().to_owned(),
            reason_code: text(ending.map(|ending| &ending.code)),
            reason_text: text(ending.map(|ending| &ending.text)),
            ended_by: ending.map(|ending| ending.by.to_string()).unwrap_or_default(),
            negotiation: serde_json::to_string(&kept).map_err(corrupt)?,
            agreement: process.agreement.as_ref().map(Agreement::document).unwrap_or_default(),
            agreement_hash: hex::decode(process.agreement_hash()).map_err(corrupt)?,
            requested_at: process.requested_at.millis(),
            starts_at: process.agreement.as_ref().map(|agreement| agreement.starts_at.millis()),
            ends_at: process.ends_at.map(Timestamp::millis),
            ended_at: ending.map(|ending| ending.at.millis()),
            updated_at: now.millis(),
            sent_seq: i64::try_from(process.sent_seq).map_err(corrupt)?,
            received_seq: i64::try_from(process.received_seq).map_err(corrupt)?,
        })
    }

    pub(super) fn into_process(self) -> Result<Process, Fault> {
        let kept: Kept = serde_json::from_str(&self.negotiation).map_err(corrupt)?;
        let state = State::parse(&self.state).ok_or_else(|| corrupt(&self.state))?;
        let agreement = if self.agreement.is_empty() {
            None
        } else {
            Some(serde_json::from_str::<Agreement>(&self.agreement).map_err(corrupt)?)
        };
        let ending = match self.ended_at {
            Some(at) => Some(Ending {
                by: Side::parse(&self.ended_by).ok_or_else(|| corrupt(&self.ended_by))?,
                code: self.reason_code,
                text: self.reason_text,
                at: Timestamp::from_millis(at),
            }),
            None => None,
        };
        Ok(Process {
            id: SubscriptionId::parse(&self.id).map_err(corrupt)?,
            side: Side::parse(&self.side).ok_or_else(|| corrupt(&self.side))?,
            home: NodeName::parse(&self.home_node).map_err(corrupt)?,
            provider: NodeName::parse(&self.provider_node).map_err(corrupt)?,
            state,
            sent_seq: u64::try_from(self.sent_seq).map_err(corrupt)?,
            received_seq: u64::try_from(self.received_seq).map_err(corrupt)?,
            request: kept.request,
            requested_at: Timestamp::from_millis(self.requested_at),
            offer: kept.offer,
            agreement,
            ends_at: self.ends_at.map(Timestamp::from_millis),
            notice: kept.notice,
            ending,
            heard_at: kept.heard_at,
        })
    }
}

/// One side's copy as a row.
pub(super) fn row(
    read: &mut Read<'_>,
    id: &SubscriptionId,
    side: Side,
) -> Result<Option<SubscriptionRow>, Fault> {
    Ok(subscriptions::table
        .filter(subscriptions::id.eq(id.as_str()))
        .filter(subscriptions::side.eq(side.as_str()))
        .select(SubscriptionRow::as_select())
        .first(&mut **read)
        .optional()?)
}

/// One side's copy.
pub(super) fn load(
    read: &mut Read<'_>,
    id: &SubscriptionId,
    side: Side,
) -> Result<Option<Process>, Fault> {
    row(read, id, side)?.map(SubscriptionRow::into_process).transpose()
}

/// Keeps from when the ending of a copy counts for its fees. What was kept once stays.
pub(super) fn end_fees(
    write: &mut Write<'_>,
    process: &Process,
    at: Option<Timestamp>,
) -> Result<(), Fault> {
    let Some(at) = at else { return Ok(()) };
    diesel::update(subscriptions::table)
        .filter(subscriptions::id.eq(process.id.as_str()))
        .filter(subscriptions::side.eq(process.side.as_str()))
        .filter(subscriptions::fees_end_at.is_null())
        .set(subscriptions::fees_end_at.eq(at.millis()))
        .execute(&mut **write)?;
    Ok(())
}

/// Writes a copy, whether new or changed.
pub(super) fn save(write: &mut Write<'_>, process: &Process, now: Timestamp) -> Result<(), Fault> {
    let row = SubscriptionRow::of(process, now)?;
    let changed = diesel::update(
        subscriptions::table
            .filter(subscriptions::id.eq(&row.id))
            .filter(subscriptions::side.eq(&row.side)),
    )
    .set(&row)
    .execute(&mut **write)?;
    if changed == 0 {
        diesel::insert_into(subscriptions::table).values(&row).execute(&mut **write)?;
    }
    // The catalog may have changed since the contract was agreed.
    match (process.side, process.state) {
        (Side::Provider, State::Finalized) => unfollowed::note(write, &process.request.product),
        _ => Ok(()),
    }
}

/// Contracts of a product in force on the provider's side that end after `latest`.
pub(super) fn in_force_beyond(
    read: &mut Read<'_>,
    product: &RegistrationNumber,
    latest: Timestamp,
) -> Result<Vec<SubscriptionId>, Fault> {
    let ids: Vec<String> = subscriptions::table
        .filter(subscriptions::side.eq(Side::Provider.as_str()))
        .filter(subscriptions::product.eq(product.as_str()))
        .filter(subscriptions::state.eq(State::Finalized.as_str()))
        .filter(subscriptions::ends_at.gt(latest.millis()))
        .select(subscriptions::id)
        .order(subscriptions::id.asc())
        .load(&mut **read)?;
    ids.iter().map(|id| SubscriptionId::parse(id).map_err(corrupt)).collect()
}

/// The node's own copies of one column's value, newest first.
pub(super) fn list(
    read: &mut Read<'_>,
    side: Side,
    party: Option<&Uscc>,
    limit: i64,
) -> Result<Vec<SubscriptionRow>, Fault> {
    let mut query = subscriptions::table
        .filter(subscriptions::side.eq(side.as_str()))
        .order((subscriptions::requested_at.desc(), subscriptions::id.asc()))
        .limit(limit)
        .select(SubscriptionRow::as_select())
        .into_boxed();
    if let Some(party) = party {
        query = match side {
            Side::Home => query.filter(subscriptions::buyer_uscc.eq(party.as_str())),
            Side::Provider => query.filter(subscriptions::provider_uscc.eq(party.as_str())),
        };
    }
    Ok(query.load(&mut **read)?)
}

/// What a buyer holds on one side: subscriptions to a product that are not over, and requests for
/// any product that nobody decided yet.
pub(super) fn held(
    read: &mut Read<'_>,
    side: Side,
    (buyer, product): (&Uscc, &RegistrationNumber),
    now: Timestamp,
) -> Result<Held, Fault> {
    let of_buyer = subscriptions::table
        .filter(subscriptions::side.eq(side.as_str()))
        .filter(subscriptions::buyer_uscc.eq(buyer.as_str()));
    let is = |state: State| subscriptions::state.eq(state.as_str());
    let waiting: i64 = of_buyer
        .filter(is(State::Requested).or(is(State::Offered)))
        .count()
        .get_result(&mut **read)?;
    let live: i64 = of_buyer
        .filter(subscriptions::product.eq(product.as_str()))
        .filter(subscriptions::state.ne(State::Terminated.as_str()))
        .filter(subscriptions::state.ne(State::Ended.as_str()))
        .filter(subscriptions::ends_at.is_null().or(subscriptions::ends_at.gt(now.millis())))
        .count()
        .get_result(&mut **read)?;
    let count = |value| u64::try_from(value).map_err(corrupt);
    Ok(Held { live: count(live)?, waiting: count(waiting)? })
}

/// The largest smallest cell that contracts of a product in force promise on the provider's side; 0
/// without any.
pub fn smallest_cell_promised(
    read: &mut Read<'_>,
    product: &RegistrationNumber,
) -> Result<u64, Fault> {
    let agreements: Vec<String> = subscriptions::table
        .filter(subscriptions::side.eq(Side::Provider.as_str()))
        .filter(subscriptions::product.eq(product.as_str()))
        .filter(subscriptions::state.eq(State::Finalized.as_str()))
        .select(subscriptions::agreement)
        .load(&mut **read)?;
    agreements.iter().try_fold(0, |largest, text| {
        let agreement: Agreement = serde_json::from_str(text).map_err(corrupt)?;
        Ok(largest.max(agreement.terms.guard.smallest_cell))
    })
}
