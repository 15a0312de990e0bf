//! One product with everything above and below it: what the product page shows, what a subscription
//! freezes, what the gateway and the close look at.

use diesel::prelude::*;
use lianshi_registry::{
    address::PublicUrl,
    catalog::{
        AuthorizationState, Known, Links, NodeStanding, Object, ObjectKey, ObjectKind,
        OrganizationState, ProductState, ResourceState, Standing, rule, standing,
    },
    entry::{Ceiling, Organization, Plan, Product, Split, Texts},
    id::{NodeName, Origin, RegistrationNumber},
    time::{Date, Period, Timestamp},
};

use super::objects;
use crate::{
    db::Read,
    fault::Fault,
    fold::right,
    log,
    schema::{catalog_products, logs, members},
};

/// A product as its log describes it now.
#[derive(Debug, Clone)]
pub struct Offer {
    /// The description.
    pub product: Product,
    /// Where it stands by the logs alone, and why; [`Offer::standing`] adds the calendar.
    pub status: Standing,
    /// The node that owns it, serves it and decides requests.
    pub node: NodeName,
    /// What people call that node; the short name twice while its admission is not known.
    pub node_name: Texts,
    /// Base of the owning node's pages and calls; empty while its admission is not known.
    pub public_url: String,
    /// The log that speaks of it.
    pub origin: Origin,
    /// Index of the entry that describes it now: the subject of its certificate.
    pub origin_index: u64,
    /// Index of the entry that registered it.
    pub registered_index: u64,
    /// When it was registered.
    pub registered_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
    /// The operator that offers it.
    pub operator: Option<Organization>,
    /// The authorization it stands on, with its state.
    pub authorization: Option<AuthorizationState>,
    /// The resources it is made from, with their state.
    pub resources: Vec<ResourceState>,
    /// The source units that hold those resources.
    pub providers: Vec<Organization>,
    /// Plans that take new subscriptions, by code: not retired and within the ceilings.
    pub plans: Vec<Plan>,
    /// Plans that take none, with the reason.
    pub closed_plans: Vec<(Plan, String)>,
    /// Ceilings filed, at most one for each unit.
    pub ceilings: Vec<Ceiling>,
    /// The newest split agreement.
    pub split: Option<Split>,
    /// Every version of the split agreement, oldest first.
    pub splits: Vec<Split>,
    /// The log is this node's own, so what is said here is now.
    pub own: bool,
    /// When this node last confirmed that it holds the newest head of the log: the age of a
    /// replica. `None` while the node that writes the log never confirmed it.
    pub confirmed_at: Option<Timestamp>,
    state: ProductState,
}

impl Offer {
    /// Where it stands now: the logs' word and the calendar.
    pub fn standing(&self, now: Timestamp) -> Standing {
        self.status.clone().at(now, &self.state, self.authorization.as_ref())
    }

    /// First day its authorization is no longer in force: no subscription goes beyond.
    pub fn authorized_until(&self) -> Option<Date> {
        self.authorization.as_ref().map(|state| state.authorization.until)
    }

    /// The open plan with this code.
    pub fn plan(&self, code: &str) -> Option<&Plan> {
        self.plans.iter().find(|plan| plan.code == code)
    }

    /// The split agreement that governs a period: the newest that began by then.
    pub fn split_in(&self, period: Period) -> Option<&Split> {
        self.splits.iter().filter(|split| split.from <= period).max_by_key(|split| split.version)
    }
}

/// The product with this number, if any log speaks of it.
pub fn product(read: &mut Read<'_>, number: &RegistrationNumber) -> Result<Option<Offer>, Fault> {
    let origin: Option<String> = catalog_products::table
        .filter(catalog_products::number.eq(number.as_str()))
        .select(catalog_products::origin)
        .first(&mut **read)
        .optional()?;
    let Some(origin) = origin else { return Ok(None) };
    let origin =
        Origin::parse(&origin).map_err(|error| Fault::corrupt("catalog_products", error))?;
    let Some(Object::Product(state)) = objects::one(read, &ObjectKey::product(number, &origin))?
    else {
        return Err(Fault::corrupt("catalog_products", format!("{number} has no object")));
    };
    assemble(read, *state, origin).map(Some)
}

/// The split agreement of a product that governs a period.
pub fn split_for(
    read: &mut Read<'_>,
    number: &RegistrationNumber,
    period: Period,
) -> Result<Option<Split>, Fault> {
    Ok(product(read, number)?.and_then(|offer| offer.split_in(period).cloned()))
}

/// Numbers of the products that stand on an authorization.
pub fn authorized_products(
    read: &mut Read<'_>,
    authorization: &RegistrationNumber,
) -> Result<Vec<RegistrationNumber>, Fault> {
    let mut numbers: Vec<String> = catalog_products::table
        .filter(catalog_products::authorization_number.eq(authorization.as_str()))
        .select(catalog_products::number)
        .load(&mut **read)?;
    numbers.sort();
    numbers
        .iter()
        .map(|number| {
            RegistrationNumber::parse(number)
                .map_err(|error| Fault::corrupt("catalog_products", error))
        })
        .collect()
}

/// The links above a product, loaded.
pub(crate) struct Above {
    pub(crate) operator: Option<OrganizationState>,
    pub(crate) authorization: Option<AuthorizationState>,
    pub(crate) resources: Vec<ResourceState>,
    pub(crate) node: NodeStanding,
}

impl Above {
    /// Loads them.
    pub(crate) fn load(
        read: &mut Read<'_>,
        product: &Product,
        origin: &Origin,
    ) -> Result<Self, Fault> {
        let mut keys = vec![
            ObjectKey::organization(&product.operator, origin),
            ObjectKey::authorization(&product.authorization, origin),
        ];
        keys.extend(product.resources.iter().map(|number| ObjectKey::resource(number, origin)));
        let known = objects::load(read, &keys)?;
        let node = right::standing(read, origin)?;
        Ok(Self::from_known(product, origin, &known, node))
    }

    /// Takes them from objects at hand.
    pub(crate) fn from_known(
        product: &Product,
        origin: &Origin,
        known: &Known,
        node: NodeStanding,
    ) -> Self {
        let operator = match known.get(&ObjectKey::organization(&product.operator, origin)) {
            Some(Object::Organization(state)) => Some(state.clone()),
            _ => None,
        };
        let key = ObjectKey::authorization(&product.authorization, origin);
        let authorization = match known.get(&key) {
            Some(Object::Authorization(state)) => Some(state.clone()),
            _ => None,
        };
        let resources = product
            .resources
            .iter()
            .filter_map(|number| match known.get(&ObjectKey::resource(number, origin)) {
                Some(Object::Resource(state)) => Some(state.clone()),
                _ => None,
            })
            .collect();
        Self { operator, authorization, resources, node }
    }

    /// Where the product stands under them.
    pub(crate) fn standing(&self, state: &ProductState) -> Standing {
        let links = Links {
            authorization: self.authorization.as_ref(),
            resources: &self.resources,
            operator: self.operator.as_ref(),
            node: self.node,
        };
        standing(state, &links)
    }
}

/// What hangs below a product.
#[derive(Default)]
pub(crate) struct Below {
    pub(crate) plans: Vec<Plan>,
    pub(crate) closed_plans: Vec<(Plan, String)>,
    pub(crate) ceilings: Vec<Ceiling>,
    pub(crate) splits: Vec<Split>,
}

impl Below {
    /// Sorts a product's objects; a plan above a ceiling filed later takes no new subscriptions.
    pub(crate) fn from_objects(objects: Vec<Object>) -> Self {
        let mut below = Self::default();
        let mut plans = Vec::new();
        for object in objects {
            match object {
                Object::Plan(state) => plans.push(state),
                Object::Ceiling(ceiling) => below.ceilings.push(ceiling),
                Object::Split(split) => below.splits.push(split),
                _ => {}
            }
        }
        below.splits.sort_by_key(|split| split.version);
        let ceilings: Vec<&Ceiling> = below.ceilings.iter().collect();
        for state in plans {
            let within = rule::check_ceiling(&state.plan, &ceilings) == rule::CeilingCheck::Within;
            match state.retired {
                Some(reason) => below.closed_plans.push((state.plan, reason)),
                None if within => below.plans.push(state.plan),
                None => below.closed_plans.push((state.plan, "above the ceiling".to_owned())),
            }
        }
        below
    }
}

fn assemble(read: &mut Read<'_>, state: ProductState, origin: Origin) -> Result<Offer, Fault> {
    let product = state.product.clone();
    let above = Above::load(read, &product, &origin)?;
    let below = Below::from_objects(objects::of_product(read, product.number.as_str(), &origin)?);
    let providers = providers(read, &above.resources, &origin)?;
    let (own, confirmed_at) = held(read, &origin)?;
    let (node_name, public_url) = member(read, origin.node())?;
    Ok(Offer {
        status: above.standing(&state),
        node: origin.node().clone(),
        node_name,
        public_url,
        origin_index: state.described_index,
        registered_index: state.registered_index,
        registered_at: state.registered_at,
        updated_at: state.updated_at,
        operator: above.operator.map(|state| state.organization),
        authorization: above.authorization,
        resources: above.resources,
        providers,
        plans: below.plans,
        closed_plans: below.closed_plans,
        ceilings: below.ceilings,
        split: below.splits.last().cloned(),
        splits: below.splits,
        own,
        confirmed_at,
        product,
        origin,
        state,
    })
}

fn providers(
    read: &mut Read<'_>,
    resources: &[ResourceState],
    origin: &Origin,
) -> Result<Vec<Organization>, Fault> {
    let keys: Vec<ObjectKey> = resources
        .iter()
        .map(|state| ObjectKey::organization(&state.resource.provider, origin))
        .collect();
    let known = objects::load(read, &keys)?;
    Ok(known
        .into_values()
        .filter_map(|object| match object {
            Object::Organization(state) => Some(state.organization),
            _ => None,
        })
        .collect())
}

fn held(read: &mut Read<'_>, origin: &Origin) -> Result<(bool, Option<Timestamp>), Fault> {
    let row: Option<(bool, i64)> = logs::table
        .filter(logs::origin.eq(origin.to_string()))
        .select((logs::own, logs::confirmed_at))
        .first(&mut **read)
        .optional()?;
    Ok(row.map_or((false, None), |(own, at)| (own, log::moment(at))))
}

fn member(read: &mut Read<'_>, node: &NodeName) -> Result<(Texts, String), Fault> {
    let row: Option<(String, String, String)> = members::table
        .filter(members::node.eq(node.as_str()))
        .select((members::name_zh, members::name_en, members::public_url))
        .first(&mut **read)
        .optional()?;
    Ok(match row {
        Some((zh, en, url)) => {
            // What an older program admitted may be no address: it is neither linked nor called.
            let base = PublicUrl::parse(&url).map(|base| base.to_string());
            (Texts { zh, en }, base.unwrap_or_default())
        }
        None => (Texts { zh: node.to_string(), en: node.to_string() }, String::new()),
    })
}

/// An organization the logs held here speak of; of several descriptions, the one of the first
/// origin by name. `None` when it withdrew or nobody speaks of it.
pub fn organization(
    read: &mut Read<'_>,
    uscc: &lianshi_registry::uscc::Uscc,
) -> Result<Option<Organization>, Fault> {
    let mut held = objects::by_name(read, ObjectKind::Organization, uscc.as_str())?;
    held.sort_by(|a, b| a.origin.cmp(&b.origin));
    Ok(held.into_iter().find_map(|stored| match stored.object {
        Object::Organization(state) if !state.withdrawn => Some(state.organization),
        _ => None,
    }))
}
