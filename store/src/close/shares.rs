//! Under which agreement a close divides what a product earned, and where that agreement stands.

use std::collections::BTreeMap;

use diesel::prelude::*;
use lianshi_market::{
    close::ParkReason,
    money::Amount,
    split::{Agreement, Party, WHOLE_PPM},
};
use lianshi_registry::{entry::Texts, id::RegistrationNumber, time::Period};

use crate::{Fault, Read, Site, allocations::DivisionSide, catalog, schema::split_documents};

/// What was divided so far by agreement version, with what this close divided.
#[derive(Default)]
pub(super) struct Stretches(BTreeMap<String, Amount>);

impl Stretches {
    /// Where an agreement version stands.
    pub(super) fn so_far(&mut self, read: &mut Read<'_>, agreement: &str) -> Result<Amount, Fault> {
        if let Some(so_far) = self.0.get(agreement) {
            return Ok(*so_far);
        }
        let so_far = divided_so_far(read, agreement)?;
        self.0.insert(agreement.to_owned(), so_far);
        Ok(so_far)
    }

    /// An agreement version stands at `to` now.
    pub(super) fn go_on(&mut self, agreement: &str, to: Amount) {
        self.0.insert(agreement.to_owned(), to);
    }
}

/// Why an agreement cannot be had: the reason, and what is wrong in words.
pub(super) type NoAgreement = (ParkReason, String);

/// The split agreement of a product in force in a period; without one the operator gets everything.
/// What is wrong with the product is its own affair; only what is wrong with the database is a
/// fault.
pub(super) fn agreement_of(
    read: &mut Read<'_>,
    site: &Site,
    (product, period): (&RegistrationNumber, Period),
) -> Result<Result<Agreement, NoAgreement>, Fault> {
    let offer = match catalog::product(read, product) {
        Ok(Some(offer)) => offer,
        Ok(None) => {
            let what = format!("{product} was sold and is not in the catalog");
            return Ok(Err((ParkReason::ProductUnknown, what)));
        }
        Err(fault @ Fault::Corrupt { .. }) => {
            return Ok(Err((ParkReason::Unreadable, fault.to_string())));
        }
        Err(fault) => return Err(fault),
    };
    if let Some(split) = offer.split_in(period) {
        let agreement = Agreement::from_split(split);
        return Ok(agreement.map_err(|error| (ParkReason::Split, error.to_string())));
    }
    let uscc = offer.product.operator.clone();
    let name = offer.operator.map_or_else(
        || Texts { zh: uscc.to_string(), en: uscc.to_string() },
        |organization| organization.name,
    );
    let party = Party {
        uscc,
        name,
        role: "operator".to_owned(),
        node: site.node.clone(),
        share_ppm: WHOLE_PPM,
    };
    Ok(Ok(Agreement::all_to_operator(product, party)))
}

/// What was divided so far under an agreement version: what the state of a split is.
fn divided_so_far(read: &mut Read<'_>, agreement: &str) -> Result<Amount, Fault> {
    let so_far: Option<i64> = split_documents::table
        .filter(split_documents::side.eq(DivisionSide::Provider.as_str()))
        .filter(split_documents::agreement.eq(agreement))
        .select(diesel::dsl::max(split_documents::base_to_fen))
        .first(&mut **read)?;
    Ok(Amount::from_fen(so_far.unwrap_or(0)))
}
