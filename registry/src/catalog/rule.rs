//! The rules every node checks on receipt, whoever published. `governance` applies the same
//! functions before publishing and adds what only the publishing node can judge.

use std::collections::BTreeSet;

use crate::{
    entry::{
        Ceiling, Charge, ChargeUnit, Field, Grade, Plan, Product, Purpose, Resource, ResourceField,
        Split,
    },
    price::Price,
    time::Period,
    uscc::Uscc,
};

/// Shares of a split sum to this many parts.
pub const SHARES_PPM_SUM: u32 = 1_000_000;

/// Most versions of one product's split: one a month for sixteen years. Each is judged against all
/// before it.
pub const SPLIT_VERSIONS_MAX: u32 = 200;

/// The unit and unit price of a charge; `None` when nothing is charged.
pub fn unit_price(charge: &Charge) -> Option<(ChargeUnit, Price)> {
    let (unit, price) = match charge {
        Charge::Free => return None,
        Charge::FlatMonthly { price } => (ChargeUnit::Month, *price),
        Charge::PerCall { price, .. } => (ChargeUnit::Call, *price),
    };
    (price > Price::ZERO).then_some((unit, price))
}

/// The limit of a plan that is zero, so that nobody could use it.
pub fn nothing_allowed(plan: &Plan) -> Option<&'static str> {
    let limits = [
        ("calls_per_month_max", plan.calls_per_month_max),
        ("calls_per_minute_max", plan.calls_per_minute_max.into()),
        ("term_months_max", plan.term_months_max.into()),
    ];
    limits.into_iter().find(|(_, limit)| *limit == 0).map(|(name, _)| name)
}

/// The operation of a product, or the field of one of its operations, that is named twice: a call
/// would find only one of them.
pub fn named_twice(product: &Product) -> Option<String> {
    let names = product.operations.iter().map(|operation| operation.name.as_str());
    if let Some(name) = twice(names) {
        return Some(format!("operation {name}"));
    }
    product.operations.iter().find_map(|operation| {
        let name = field_twice(&operation.input).or_else(|| field_twice(&operation.output))?;
        Some(format!("field {name} of operation {}", operation.name))
    })
}

fn field_twice(fields: &[Field]) -> Option<&str> {
    twice(fields.iter().map(|field| field.name.as_str()))
}

/// The name that is there twice.
pub fn twice<'n>(names: impl Iterator<Item = &'n str>) -> Option<&'n str> {
    let mut seen = BTreeSet::new();
    names.into_iter().find(|name| !seen.insert(*name))
}

/// Public good is free: a plan for it charges nothing.
pub fn public_good_is_free(plan: &Plan) -> bool {
    plan.purpose != Purpose::PublicGood || unit_price(&plan.charge).is_none()
}

/// What a ceiling says about a plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CeilingCheck {
    /// Nothing is charged, or the price lies within.
    Within,
    /// A price without a filed ceiling for its unit.
    Missing {
        /// The unit.
        unit: ChargeUnit,
    },
    /// The price lies above.
    Above {
        /// The unit.
        unit: ChargeUnit,
        /// The highest price allowed.
        price_max: Price,
    },
}

/// Compares a plan's price with the ceilings filed for its product.
pub fn check_ceiling(plan: &Plan, ceilings: &[&Ceiling]) -> CeilingCheck {
    let Some((unit, price)) = unit_price(&plan.charge) else {
        return CeilingCheck::Within;
    };
    match ceilings.iter().find(|ceiling| ceiling.unit == unit) {
        None => CeilingCheck::Missing { unit },
        Some(ceiling) if price > ceiling.price_max => {
            CeilingCheck::Above { unit, price_max: ceiling.price_max }
        }
        Some(_) => CeilingCheck::Within,
    }
}

/// The fields of a resource that its provider has not confirmed: it may not be used while there are
/// any. What somebody else confirmed is not confirmed.
pub fn unconfirmed(resource: &Resource) -> impl Iterator<Item = &ResourceField> {
    let confirmed = |field: &ResourceField| {
        field.confirmed.as_ref().is_some_and(|said| said.by == resource.provider)
    };
    resource.fields.iter().filter(move |field| !confirmed(field))
}

/// Core and important data are not offered on the open market.
pub fn may_be_offered(grade: Grade) -> bool {
    grade <= Grade::L4
}

/// A product's grade is at least that of each input unless a regrade record says why not. Gives the
/// input above it.
pub fn input_above<'a>(
    product: &Product,
    resources: impl IntoIterator<Item = &'a Resource>,
) -> Option<&'a Resource> {
    if product.regrade.is_some() {
        return None;
    }
    resources.into_iter().find(|resource| resource.grade > product.grade)
}

/// Whether the shares of a split sum to the whole, each above zero, no party twice in one role.
pub fn shares_are_whole(split: &Split) -> bool {
    let sum = split.shares.iter().try_fold(0_u32, |sum, share| sum.checked_add(share.share_ppm));
    let positive = split.shares.iter().all(|share| share.share_ppm > 0);
    let mut parties: Vec<_> = split.shares.iter().map(|share| &share.party).collect();
    parties.sort();
    parties.dedup();
    sum == Some(SHARES_PPM_SUM) && positive && parties.len() == split.shares.len()
}

/// Who has not consented to a split that begins before `until`, the first month it may begin in by
/// itself: every party of a version that governs a month it takes over, and, for months that no
/// version governs, the operator, who got everything. `earlier` are the versions before it, in any
/// order.
pub fn consents_missing(
    split: &Split,
    earlier: &[&Split],
    (operator, until): (&Uscc, Period),
) -> BTreeSet<Uscc> {
    let replaced = |begins: Period, ends: Period| begins.max(split.from) < ends.min(until);
    let mut needed: BTreeSet<Uscc> = BTreeSet::new();
    for version in earlier {
        let later = earlier.iter().filter(|other| other.version > version.version);
        let ends = later.map(|other| other.from).min().unwrap_or(until);
        if replaced(version.from, ends) {
            needed.extend(version.shares.iter().map(|share| share.party.clone()));
        }
    }
    let governed_from = earlier.iter().map(|version| version.from).min().unwrap_or(until);
    if replaced(split.from, governed_from) {
        needed.insert(operator.clone());
    }
    for consent in &split.consents {
        needed.remove(&consent.party);
    }
    needed
}
