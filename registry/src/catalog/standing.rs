//! Whether a product may be used, and if not, why: the product's own state and every link above it.
//! End any link and everything below stops.

use serde::{Deserialize, Serialize};
use strum::{Display, EnumString, IntoStaticStr, VariantNames};

use super::{
    AuthorizationState, AuthorizationStatus, OrganizationState, ProductState, ResourceState, rule,
};
use crate::{entry::Grade, time::Timestamp};

/// Where a product stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[derive(Display, EnumString, IntoStaticStr, VariantNames)]
#[strum(serialize_all = "snake_case")]
pub enum ProductStatus {
    /// Registered, not offered yet.
    Registered,
    /// Offered.
    Listed,
    /// Rests by its operator's own act.
    Paused,
    /// A link above it is broken: authorization, resource, operator or membership.
    Stopped,
    /// Its node signed two histories: nothing it says can be relied on.
    Frozen,
    /// Its authorization or certificate ran out.
    Expired,
    /// No longer offered; page and number stay.
    Delisted,
}

/// Where a product stands and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// Where.
    pub status: ProductStatus,
    /// Stable code of what stopped it, such as `product.authorization_suspended`; empty while
    /// listed.
    pub code: &'static str,
    /// The reason given by whoever acted; may be empty.
    pub reason: String,
}

impl Standing {
    /// Whether it may be subscribed to and called.
    pub fn is_listed(&self) -> bool {
        self.status == ProductStatus::Listed
    }

    fn new(status: ProductStatus, code: &'static str, reason: &str) -> Self {
        Self { status, code, reason: reason.to_owned() }
    }

    fn stopped(code: &'static str, reason: &str) -> Self {
        Self::new(ProductStatus::Stopped, code, reason)
    }
}

/// The links above a product, as far as its log knows them.
#[derive(Debug, Clone, Copy)]
pub struct Links<'a> {
    /// Its authorization.
    pub authorization: Option<&'a AuthorizationState>,
    /// Its resources; one is missing when the list is shorter than the product's.
    pub resources: &'a [ResourceState],
    /// Its operator.
    pub operator: Option<&'a OrganizationState>,
    /// Whether its node can be relied on.
    pub node: NodeStanding,
}

/// Whether a node can be relied on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NodeStanding {
    /// A member in good standing.
    Active,
    /// Suspended, withdrawn or never admitted.
    Inactive,
    /// It signed two histories of its log.
    Forked,
}

/// Where the product stands by the logs alone; [`Standing::at`] adds the calendar.
pub fn standing(state: &ProductState, links: &Links<'_>) -> Standing {
    let own = match state.status {
        ProductStatus::Delisted => Some("product.delisted"),
        ProductStatus::Paused => Some("product.paused"),
        ProductStatus::Registered => Some("product.not_listed"),
        _ => None,
    };
    if links.node == NodeStanding::Forked {
        return Standing::new(ProductStatus::Frozen, "product.log_forked", "");
    }
    if state.status == ProductStatus::Delisted {
        return Standing::new(state.status, "product.delisted", &state.reason);
    }
    if let Some(stopped) = broken_link(state, links) {
        return stopped;
    }
    match own {
        Some(code) => Standing::new(state.status, code, &state.reason),
        None => Standing::new(state.status, "", ""),
    }
}

fn broken_link(state: &ProductState, links: &Links<'_>) -> Option<Standing> {
    if links.node == NodeStanding::Inactive {
        return Some(Standing::stopped("product.member_suspended", ""));
    }
    let Some(authorization) = links.authorization else {
        return Some(Standing::stopped("product.authorization_unknown", ""));
    };
    match authorization.status {
        AuthorizationStatus::Active => {}
        AuthorizationStatus::Suspended => {
            let reason = &authorization.reason;
            return Some(Standing::stopped("product.authorization_suspended", reason));
        }
        AuthorizationStatus::Ended => {
            return Some(Standing::stopped("product.authorization_ended", &authorization.reason));
        }
    }
    if links.operator.is_none_or(|operator| operator.withdrawn) {
        return Some(Standing::stopped("product.operator_withdrawn", ""));
    }
    if links.resources.len() < state.product.resources.len() {
        return Some(Standing::stopped("product.resource_unknown", ""));
    }
    links.resources.iter().find_map(|held| broken_resource(state, held))
}

fn broken_resource(state: &ProductState, held: &ResourceState) -> Option<Standing> {
    if let Some(reason) = &held.withdrawn {
        return Some(Standing::stopped("product.resource_withdrawn", reason));
    }
    let number = held.resource.number.as_str();
    if held.resource.forbidden {
        return Some(Standing::stopped("product.resource_forbidden", number));
    }
    if rule::unconfirmed(&held.resource).next().is_some() {
        return Some(Standing::stopped("product.resource_unconfirmed", number));
    }
    let graded_up = held.resource.grade > state.product.grade && state.product.regrade.is_none();
    if graded_up || held.resource.grade > Grade::L4 {
        return Some(Standing::stopped("product.resource_regraded", number));
    }
    None
}

impl Standing {
    /// The same on a given day: an authorization not begun or over, or a certificate that ran out,
    /// stops a listed product.
    #[must_use]
    pub fn at(
        self,
        now: Timestamp,
        state: &ProductState,
        authorization: Option<&AuthorizationState>,
    ) -> Self {
        if self.status != ProductStatus::Listed {
            return self;
        }
        let today = now.date();
        if let Some(granted) = authorization.map(|held| &held.authorization) {
            if today < granted.from {
                let from = granted.from.to_string();
                return Self::stopped("product.authorization_not_begun", &from);
            }
            if today >= granted.until {
                let until = granted.until.to_string();
                return Self::new(ProductStatus::Expired, "product.authorization_expired", &until);
            }
        }
        if today >= state.product.valid_until {
            let until = state.product.valid_until.to_string();
            return Self::new(ProductStatus::Expired, "product.certificate_expired", &until);
        }
        self
    }
}
