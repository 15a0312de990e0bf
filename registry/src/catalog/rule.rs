//! The rules every node checks on receipt, whoever published. `governance` applies the same
//! functions before publishing and adds what only the publishing node can judge.

use crate::{
    entry::{Ceiling, Charge, Grade, Plan, Product, Purpose, Resource, Split},
    price::Price,
};

/// Shares of a split sum to this many parts.
pub const SHARES_PPM_SUM: u32 = 1_000_000;

/// The unit and unit price of a charge; `None` when nothing is charged.
pub fn unit_price(charge: &Charge) -> Option<(&'static str, Price)> {
    let (unit, price) = match charge {
        Charge::Free => return None,
        Charge::FlatMonthly { price } => ("month", *price),
        Charge::PerCall { price, .. } => ("call", *price),
    };
    (price > Price::ZERO).then_some((unit, price))
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
        unit: &'static str,
    },
    /// The price lies above.
    Above {
        /// The unit.
        unit: &'static str,
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
