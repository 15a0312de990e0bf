//! One subscription with everything the pages of both parties show of it: the contract, its history
//! in words, and names for the node at the other end, the operator and the operations.

use lianshi_market::{
    eligibility::{Asked, is_automatic},
    subscription::{Side, SubscriptionView},
};
use lianshi_registry::entry::Texts;
use lianshi_store::{
    accounts::User,
    catalog::{self, Offer},
    members, subscriptions,
};

use super::{Moment, of_party, timeline};
use crate::{
    WebState,
    names::{Operations, Parties},
    nodes,
    page::Page,
    problem::Problem,
};

/// The subscription and its names.
pub struct Dossier {
    /// The contract.
    pub view: SubscriptionView,
    /// What happened, oldest first.
    pub moments: Vec<Moment>,
    /// What people call the other party's node.
    pub other_node: String,
    /// The product's operator, by name.
    pub operator: String,
    /// The enterprise, by name.
    pub buyer: String,
    /// The product's operations, by name.
    pub operations: Operations,
    /// The plan is agreed to without a person.
    pub automatic: bool,
    /// Nothing was heard lately of the node that serves the product.
    pub silent: bool,
}

impl Dossier {
    /// For a party of it; anyone else is answered like somebody who asks for an absent one.
    pub async fn load(
        page: &Page,
        state: &WebState,
        user: &User,
        (id, side): (&str, Side),
    ) -> Result<Self, Problem> {
        let view = of_party(state, user, (id, side)).await?;
        let other = match side {
            Side::Home => view.provider.clone(),
            Side::Provider => view.home.clone(),
        };
        let (id, product, node) = (view.id.clone(), view.product.clone(), other.clone());
        let buyer = view.buyer.clone();
        let (history, offer, member, parties) = state
            .read(move |read| {
                let history = subscriptions::history(read, &id, side)?;
                let offer = catalog::product(read, &product)?;
                let parties = Parties::of(read, std::iter::once(&buyer))?;
                Ok((history, offer, members::by_node(read, &node)?, parties))
            })
            .await?;
        let name = |texts: &Texts| page.of_texts(texts).to_owned();
        let operator = offer.as_ref().and_then(|offer| offer.operator.as_ref());
        Ok(Self {
            moments: timeline(page, &view, &history),
            other_node: member
                .map_or_else(|| other.to_string(), |member| name(&member.admission.name)),
            operator: operator
                .map_or_else(|| view.operator.to_string(), |operator| name(&operator.name)),
            buyer: parties.get(page, &view.buyer, &view.buyer_name),
            operations: Operations::of(offer.as_ref()),
            automatic: plan_is_automatic(&view, offer.as_ref()),
            silent: offer
                .is_none_or(|offer| !offer.own && nodes::is_stale(page.now, offer.confirmed_at)),
            view,
        })
    }
}

/// Whether the request is agreed to without a person: as the contract froze it, else as the catalog
/// offers it.
fn plan_is_automatic(view: &SubscriptionView, offer: Option<&Offer>) -> bool {
    let offered = offer.and_then(|offer| offer.plan(&view.plan_code));
    let asked = Asked {
        buyer: &view.buyer,
        purpose_note: &view.purpose_note,
        second_reason: &view.second_reason,
    };
    view.plan.as_ref().or(offered).is_some_and(|plan| is_automatic(plan, asked))
}
