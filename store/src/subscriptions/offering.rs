//! The catalog's word on a product, as far as a subscription depends on it.

use lianshi_governance::ruleset::Rulebook;
use lianshi_market::{
    eligibility::{Held, Offering, Request},
    subscription::Side,
};
use lianshi_registry::{id::RegistrationNumber, time::Timestamp};

use super::rows;
use crate::{catalog, db::Read, fault::Fault};

/// The same for a new request, with what its buyer holds already on this side.
pub(super) fn for_request(
    read: &mut Read<'_>,
    (side, request): (Side, &Request),
    now: Timestamp,
) -> Result<Option<Offering>, Fault> {
    let Some(offering) = of(read, &request.product, now)? else { return Ok(None) };
    let held = rows::held(read, side, (&request.buyer, &request.product), now)?;
    Ok(Some(Offering { held, ..offering }))
}

/// What the catalog says about a product now; `None` when no log speaks of it.
pub(super) fn of(
    read: &mut Read<'_>,
    number: &RegistrationNumber,
    now: Timestamp,
) -> Result<Option<Offering>, Fault> {
    let Some(offer) = catalog::product(read, number)? else { return Ok(None) };
    let reason = if offer.status.reason.is_empty() {
        offer.status.code.to_owned()
    } else {
        offer.status.reason.clone()
    };
    let rules = Rulebook::shipped().in_force(&number.division(), now.date());
    Ok(Some(Offering {
        scope_rule: rules.cite("scope").map_or_else(String::new, |rule| rule.to_string()),
        status: offer.status.status,
        status_reason: reason,
        node: offer.node,
        retired: offer.closed_plans.into_iter().map(|(plan, _)| plan.code).collect(),
        plans: offer.plans,
        authorization_status: offer.authorization.as_ref().map(|state| state.status),
        authorization: offer.authorization.map(|state| state.authorization),
        split: offer.split,
        confirmed_at: if offer.own { Some(now) } else { offer.confirmed_at },
        held: Held::default(),
        product: offer.product,
    }))
}
