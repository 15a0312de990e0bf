//! A stage for measurements and tests: products with splits, contracts in force and metered calls,
//! made up and marked as such, written through the same functions as real ones where they exist.
//! Nothing here is reachable from a running node.

mod content;
pub mod logs;

use diesel::prelude::*;
use lianshi_market::{
    agreement::{AGREEMENT_VERSION, Agreement, Terms},
    subscription::{Side, SubscriptionId},
};
use lianshi_registry::{
    entry::{Charge, Guard, Plan, Purpose, Texts},
    id::{NumberKind, RegistrationNumber},
    price::Price,
    time::{Period, Timestamp},
    uscc::{Uscc, complete},
};

use crate::{
    Fault, Site, Write,
    dialect::{BULK_ROWS_MAX, insert_all},
    schema::subscriptions,
    usage::{self, Metered, Metering, OUTCOME_ANSWERED},
};

pub use content::stage;

/// How much to make up.
#[derive(Debug, Clone, Copy)]
pub struct Scale {
    /// Contracts in force all through the period.
    pub subscriptions: u32,
    /// Products they are about, in turn.
    pub products: u32,
    /// Buyers who hold them, in turn.
    pub buyers: u32,
    /// Calls of each contract, spread over the days of the period.
    pub calls: u32,
}

/// Puts a scale of contracts and calls on the stage of a fresh database. `progress` hears how many
/// calls are metered.
pub fn fill(
    site: &Site,
    scale: &Scale,
    period: Period,
    progress: &mut dyn FnMut(u64),
) -> Result<(), Fault> {
    stage(site, scale.products)?;
    let ids: Vec<u32> = (0..scale.subscriptions).collect();
    for ids in ids.chunks(BULK_ROWS_MAX) {
        let agreements: Vec<Agreement> = ids
            .iter()
            .map(|id| {
                let product = product_number(site, 1 + id % scale.products.max(1))?;
                Ok(agreement(site, (*id, &product), buyer(id % scale.buyers.max(1))?, period))
            })
            .collect::<Result<_, Fault>>()?;
        site.db.write(|write| contract(write, Side::Provider, &agreements))?;
        for day in 0..scale.calls {
            let calls: Vec<Metering> =
                agreements.iter().map(|agreement| call(agreement, (period, day))).collect();
            let metered = site.db.write(|write| usage::meter(write, &site.node, &calls))?;
            if metered.iter().any(|metered| !matches!(metered, Metered::Recorded { .. })) {
                return Err(Fault::corrupt("usage_events", "a rehearsed call was not recorded"));
            }
            progress(u64::try_from(calls.len()).unwrap_or_default());
        }
    }
    Ok(())
}

/// The number of the `n`-th product on the stage, from 1.
pub fn product_number(site: &Site, n: u32) -> Result<RegistrationNumber, Fault> {
    RegistrationNumber::new(&site.division, NumberKind::Product, 2026, n)
        .ok_or_else(|| Fault::corrupt("rehearsal", "a product number"))
}

/// The `n`-th made-up buyer.
pub fn buyer(n: u32) -> Result<Uscc, Fault> {
    complete(&format!("91330203MA{n:07}")).ok_or_else(|| Fault::corrupt("rehearsal", "a buyer"))
}

/// A contract for the `n`-th subscription of a product: 0.5 yuan per call, 2 calls included, from
/// the start of the period, for a year, of a buyer whose home is this node.
pub fn agreement(
    site: &Site,
    (n, product): (u32, &RegistrationNumber),
    buyer: Uscc,
    period: Period,
) -> Agreement {
    let price = Price::from_micro(500_000).unwrap_or_default();
    let mut seed = [0; 16];
    seed.iter_mut().rev().zip(n.to_le_bytes()).for_each(|(to, from)| *to = from);
    let text = |zh: &str, en: &str| Texts { zh: zh.to_owned(), en: en.to_owned() };
    let ends_at = period.first_day().plus_years(1).start();
    Agreement {
        v: AGREEMENT_VERSION,
        subscription: SubscriptionId::from_random(seed),
        home: site.node.clone(),
        provider: site.node.clone(),
        buyer_name: format!("演练企业 {buyer}"),
        buyer,
        operator: content::operator(),
        product: product.clone(),
        terms: Terms {
            product_version: "1.0".to_owned(),
            plan: Plan {
                product: product.clone(),
                code: "rehearsal".to_owned(),
                name: text("演练", "Rehearsal"),
                purpose: Purpose::Industry,
                charge: Charge::PerCall { price, included_calls: 2 },
                calls_per_month_max: 1_000_000,
                calls_per_minute_max: 6_000,
                term_months_max: 12,
                automatic_approval: true,
                qualifies: Vec::new(),
            },
            purpose: Purpose::Industry,
            purpose_note: "演练".to_owned(),
            forbidden_uses: text("", ""),
            months: 12,
            ends_by: ends_at,
            guard: Guard { smallest_cell: 0, distinct_subjects_max: 1 },
            authorization: content::number(site, NumberKind::Authorization),
            ruleset: "rehearsal".to_owned(),
            split_version: 0,
            split_hash: String::new(),
        },
        starts_at: period.start(),
        ends_at,
    }
}

/// One call of a contract at noon of a day of the period, days counted around.
fn call(agreement: &Agreement, (period, day): (Period, u32)) -> Metering {
    let noon = period.start().plus_millis(i64::from(day % 28) * 86_400_000 + 43_200_000);
    metering(agreement, "verify", noon)
}

/// A call of a contract, as a gateway meters it.
pub fn metering(agreement: &Agreement, operation: &str, at: Timestamp) -> Metering {
    Metering {
        subscription: agreement.subscription.to_string(),
        buyer: agreement.buyer.to_string(),
        product: agreement.product.to_string(),
        operation: operation.to_owned(),
        at,
        request_id: "rehearsal".to_owned(),
        key_id: "rehearsal".to_owned(),
        outcome: OUTCOME_ANSWERED.to_owned(),
        units: 1,
        included_calls: agreement.terms.plan.charge.included_calls(),
        calls_per_month_max: agreement.terms.plan.calls_per_month_max,
        subject: None,
        idempotency: None,
        status: 200,
        answer: Vec::new(),
    }
}

/// Writes contracts as one side holds them once they are in force, without their negotiation.
pub fn contract(write: &mut Write<'_>, side: Side, agreements: &[Agreement]) -> Result<(), Fault> {
    let rows: Vec<ContractRow> = agreements
        .iter()
        .map(|agreement| ContractRow::of(agreement, side))
        .collect::<Result<_, _>>()?;
    for rows in rows.chunks(BULK_ROWS_MAX) {
        insert_all!(write, subscriptions::table, rows)?;
    }
    Ok(())
}

#[derive(Insertable)]
#[diesel(table_name = subscriptions)]
struct ContractRow {
    id: String,
    side: &'static str,
    home_node: String,
    provider_node: String,
    product: String,
    plan: String,
    purpose: &'static str,
    purpose_note: String,
    buyer_uscc: String,
    buyer_name: String,
    provider_uscc: String,
    state: &'static str,
    reason_code: &'static str,
    reason_text: &'static str,
    ended_by: &'static str,
    negotiation: &'static str,
    agreement: String,
    agreement_hash: Vec<u8>,
    requested_at: i64,
    starts_at: i64,
    ends_at: i64,
    updated_at: i64,
    sent_seq: i64,
    received_seq: i64,
}

impl ContractRow {
    fn of(agreement: &Agreement, side: Side) -> Result<Self, Fault> {
        let at = agreement.starts_at.millis();
        Ok(Self {
            id: agreement.subscription.to_string(),
            side: side.as_str(),
            home_node: agreement.home.to_string(),
            provider_node: agreement.provider.to_string(),
            product: agreement.product.to_string(),
            plan: agreement.terms.plan.code.clone(),
            purpose: "industry",
            purpose_note: agreement.terms.purpose_note.clone(),
            buyer_uscc: agreement.buyer.to_string(),
            buyer_name: agreement.buyer_name.clone(),
            provider_uscc: agreement.operator.to_string(),
            state: "finalized",
            reason_code: "",
            reason_text: "",
            ended_by: "",
            negotiation: "{}",
            agreement: agreement.document(),
            agreement_hash: hex::decode(agreement.hash())
                .map_err(|error| Fault::corrupt("subscriptions", error))?,
            requested_at: at,
            starts_at: at,
            ends_at: agreement.ends_at.millis(),
            updated_at: at,
            sent_seq: 0,
            received_seq: 0,
        })
    }
}
