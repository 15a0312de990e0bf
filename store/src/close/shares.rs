//! Under which agreement a close divides what a product earned, and where that agreement stands.

use std::collections::BTreeMap;

use diesel::prelude::*;
use lianshi_market::{
    close::{Divided, ParkReason, Run, Takings},
    money::Amount,
    split::{Agreement, Party, WHOLE_PPM},
};
use lianshi_registry::entry::{ShareRole, Texts};

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

/// What a product earned, with the agreement it is divided by: the split in force in its period;
/// without one, each operator gets what was invoiced for it, also where the product changed hands.
/// What is wrong with the product is its own affair; only what is wrong with the database is a
/// fault.
pub(super) fn by_agreement(
    read: &mut Read<'_>,
    site: &Site,
    takings: &Takings,
) -> Result<Result<Vec<(Agreement, Takings)>, NoAgreement>, Fault> {
    let Takings { period, product, earned } = takings;
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
    if let Some(split) = offer.split_in(*period) {
        let agreement = Agreement::from_split(split);
        return Ok(agreement
            .map(|agreement| vec![(agreement, takings.clone())])
            .map_err(|error| (ParkReason::Split, error.to_string())));
    }
    let mut shares = Vec::with_capacity(earned.by_operator.len());
    let above_zero = earned.by_operator.iter().filter(|(_, amount)| **amount > Amount::ZERO);
    for (uscc, _) in above_zero {
        let name = catalog::organization(read, uscc)?.map_or_else(
            || Texts { zh: uscc.to_string(), en: uscc.to_string() },
            |organization| organization.name,
        );
        let (uscc, role, node) = (uscc.clone(), ShareRole::Operator, site.node.clone());
        let party = Party { uscc, name, role, node, share_ppm: WHOLE_PPM };
        let own = takings.of(|operator| *operator == party.uscc);
        let own = own.map_err(|error| Fault::corrupt("statements", error))?;
        shares.push((Agreement::all_to_operator(product, party), own));
    }
    Ok(Ok(shares))
}

/// Divides what a product earned: one division for each agreement, all of them or none.
pub(super) fn divide(
    read: &mut Read<'_>,
    site: &Site,
    (run, stretches): (&mut Run, &mut Stretches),
    takings: &Takings,
) -> Result<Result<Vec<Divided>, NoAgreement>, Fault> {
    let shares = match by_agreement(read, site, takings)? {
        Ok(shares) => shares,
        Err(why) => return Ok(Err(why)),
    };
    let mut divisions = Vec::with_capacity(shares.len());
    for (agreement, own) in &shares {
        let so_far = stretches.so_far(read, agreement.id())?;
        match run.divide(own, agreement, so_far) {
            Ok(divided) => {
                if let Some((_, to)) = divided.document.stretch() {
                    stretches.go_on(agreement.id(), to);
                }
                divisions.push(divided);
            }
            Err(error) if divisions.is_empty() => {
                return Ok(Err((ParkReason::from(&error), error.to_string())));
            }
            // One operator gets what was invoiced for it: there is nothing in it to fail.
            Err(error) => return Err(Fault::corrupt("split_documents", error)),
        }
    }
    Ok(Ok(divisions))
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
