//! Hostile agreements through whole closes on both databases: every month of every agreement is
//! what the rule hands out between the two cumulative numbers, whatever the database kept.

use std::collections::BTreeMap;

use lianshi_market::{
    agreement::Agreement, apportion::apportion, money::Amount, split::ShareExplanation,
    subscription::Side,
};
use lianshi_registry::{
    entry::{Charge, Entry, Fact, Share, ShareRole, Split, SplitBase, Texts},
    price::Price,
    uscc::Uscc,
};
use lianshi_store::{Site, allocations, log, rehearsal, usage};

use super::{
    books,
    stage::{close_month, month, site, time},
};
use crate::support::{Draw, on_both};

/// Agreements of one world, each of a product of its own.
const AGREEMENTS: u32 = 300;
/// How many worlds are lived through, each with other agreements; one where it is not set.
const WORLDS: &str = "LIANSHI_TEST_WORLDS";
/// Months each lives through.
const MONTHS: [&str; 11] = [
    "2026-01", "2026-02", "2026-03", "2026-04", "2026-05", "2026-06", "2026-07", "2026-08",
    "2026-09", "2026-10", "2026-11",
];

/// Shares of two to nine parties, many of them small.
fn shares(draw: &mut Draw) -> Vec<u32> {
    let parties = draw.within(2, 9);
    let largest = [3_000, 50_000, 110_000][usize::try_from(draw.within(0, 2)).expect("small")];
    let mut shares: Vec<u32> =
        (1..parties).map(|_| u32::try_from(draw.within(1, largest)).expect("small")).collect();
    shares.push(1_000_000 - shares.iter().sum::<u32>());
    shares
}

/// The second version of a product's split, published before it begins.
fn agree(site: &Site, n: u32, shares: &[u32]) -> Entry {
    let share = |(party, share_ppm): (u32, &u32)| Share {
        party: rehearsal::buyer(500 + party).expect("a code"),
        name: Texts { zh: "演练".to_owned(), en: "Rehearsal".to_owned() },
        role: ShareRole::Provider,
        node: site.node.clone(),
        share_ppm: *share_ppm,
    };
    let split = Split {
        product: rehearsal::product_number(site, n).expect("a number"),
        version: 2,
        from: month("2026-01"),
        base: SplitBase::Invoiced,
        consents: Vec::new(),
        shares: (0..).zip(shares).map(share).collect(),
    };
    let at = time("2025-12-20T04:00:00Z");
    Entry { at, by: site.node.to_string(), fact: Fact::SplitAgreed(split) }
}

/// A contract at one fen per unit.
fn contract(site: &Site, n: u32) -> Agreement {
    let product = rehearsal::product_number(site, n).expect("a number");
    let buyer = rehearsal::buyer(n).expect("a code");
    let mut agreement = rehearsal::agreement(site, (n, &product), buyer, month(MONTHS[0]));
    let price = Price::from_micro(10_000).expect("a fen");
    agreement.terms.plan.charge = Charge::PerCall { price, included_calls: 0 };
    agreement
}

fn live(db: &lianshi_store::Db, world: u64) {
    let site = site(db, "yinzhou", "330212");
    rehearsal::stage(&site, AGREEMENTS).expect("staged");
    let mut draw = Draw(7 + world);
    let agreed: Vec<Vec<u32>> = (0..AGREEMENTS).map(|_| shares(&mut draw)).collect();
    let entries: Vec<Entry> =
        (1..).zip(&agreed).map(|(n, shares)| agree(&site, n, shares)).collect();
    let contracts: Vec<Agreement> = (1..=AGREEMENTS).map(|n| contract(&site, n)).collect();
    site.db
        .write(|write| {
            log::append(write, &site.origin, &entries, site.now())?;
            rehearsal::contract(write, Side::Provider, &contracts)
        })
        .expect("on stage");
    let mut so_far = vec![0_i64; contracts.len()];
    let mut given: Vec<BTreeMap<Uscc, i64>> = vec![BTreeMap::new(); contracts.len()];
    for text in MONTHS {
        let bases: Vec<i64> =
            contracts.iter().map(|_| i64::try_from(draw.within(0, 30)).expect("small")).collect();
        let noon = month(text).start().plus_millis(43_200_000);
        let calls: Vec<usage::Metering> = contracts
            .iter()
            .zip(&bases)
            .filter(|(_, base)| **base > 0)
            .map(|(contract, base)| {
                let mut call = rehearsal::metering(contract, "verify", noon);
                call.units = (*base).try_into().expect("small");
                call
            })
            .collect();
        site.db.write(|write| usage::meter(write, &site.node, &calls)).expect("metered");
        close_month(&site, text);
        let read = |read: &mut lianshi_store::Read<'_>| allocations::in_period(read, month(text));
        let views = site.db.read(read).expect("read");
        assert_eq!(views.len(), calls.len(), "{text}: each that earned is divided");
        let by_product: BTreeMap<String, _> = views
            .into_iter()
            .map(|view| (view.document.product.to_string(), view.document))
            .collect();
        for (index, base) in bases.iter().enumerate().filter(|(_, base)| **base > 0) {
            let document = &by_product[&contracts[index].product.to_string()];
            let (from, to) = (so_far[index], so_far[index] + base);
            let weights: BTreeMap<Uscc, u64> = document
                .parts
                .iter()
                .map(|part| (part.party.uscc.clone(), u64::from(part.party.share_ppm)))
                .collect();
            let rule = apportion(&weights, Amount::from_fen(from), Amount::from_fen(to));
            let rule = rule.expect("divided");
            for part in &document.parts {
                let ShareExplanation::Cumulative(said) = &part.explanation else { panic!() };
                assert_eq!((said.base_from.fen(), said.base_to.fen()), (from, to), "{text}");
                assert_eq!(part.amount, rule[&part.party.uscc]);
                let had = given[index].entry(part.party.uscc.clone()).or_default();
                assert_eq!(said.received.fen(), *had, "what was recorded is what it had");
                *had += part.amount.fen();
                let off = said.exact_ppm() - i128::from(*had) * 1_000_000;
                assert!(off.abs() < 1_000_000, "{text}: within a fen");
            }
            so_far[index] = to;
        }
    }
    books::hold(&site);
}

#[test]
fn hostile_agreements_live_through_closes_on_both_databases() {
    let worlds = std::env::var(WORLDS).map_or(1, |count| count.parse().expect("a number"));
    assert!(worlds > 0, "nothing would be asked");
    for world in 0..worlds {
        on_both(|db| live(db, world));
    }
}
