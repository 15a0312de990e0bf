//! A node's books on the eve of three closes, as the rehearsal of crashes inside a close uses them:
//! contracts, calls of three months, and calls without a contract that every close must set aside.

use std::{path::Path, sync::Arc};

use lianshi_market::{agreement::Agreement, export::Format, subscription::Side};
use lianshi_registry::{
    entry::Texts,
    id::{DivisionCode, NodeName, Origin},
    key::KeyPair,
    policy::Rule,
    time::{Period, Timestamp},
};
use lianshi_store::{Db, Site, ledger, rehearsal, usage};

/// The months that are closed one after another.
pub const MONTHS: [&str; 3] = ["2026-09", "2026-10", "2026-11"];
/// Contracts: more than a close reads at once, so that it can be struck between two readings.
const CONTRACTS: u32 = 1_200;
/// Products they are about.
const PRODUCTS: u32 = 7;
/// The contract nobody made.
const STRANGER: u32 = 5_000;

/// One of [`MONTHS`].
pub fn month(text: &str) -> Period {
    Period::parse(text).expect("a month")
}

/// Opens the node on a database; its time stands still in December.
pub fn open(url: &str, folder: &Path) -> Site {
    Site {
        db: Db::open(url).expect("a database"),
        node: NodeName::parse("yinzhou").expect("a name"),
        name: Texts { zh: "鄞州".to_owned(), en: "Yinzhou".to_owned() },
        division: DivisionCode::parse("330212").expect("a code"),
        origin: Origin::parse("ningbo.example/yinzhou/1").expect("an origin"),
        public_url: "http://127.0.0.1:1".to_owned(),
        log_key: KeyPair::from_seed([1; 32]),
        seal_key: KeyPair::from_seed([2; 32]),
        witness_key: KeyPair::from_seed([3; 32]),
        quorum: Rule::default(),
        folder: folder.to_owned(),
        clock: || Timestamp::parse("2026-12-05T04:00:00Z").expect("a time"),
        nudge: Arc::new(|| {}),
    }
}

/// Puts everything on stage that the three closes find.
pub fn stage(site: &Site) {
    rehearsal::stage(site, PRODUCTS).expect("staged");
    let agreement = |n: u32| -> Agreement {
        let product = rehearsal::product_number(site, 1 + n % PRODUCTS).expect("a number");
        let buyer = rehearsal::buyer(n).expect("a buyer");
        rehearsal::agreement(site, (n, &product), buyer, month(MONTHS[0]))
    };
    let contracts: Vec<Agreement> = (0..CONTRACTS).map(agreement).collect();
    site.db
        .write(|write| rehearsal::contract(write, Side::Provider, &contracts))
        .expect("contracts");
    let stranger = agreement(STRANGER);
    for (index, text) in (0_u64..).zip(MONTHS) {
        let noon = month(text).start().plus_millis(43_200_000);
        let calls: Vec<usage::Metering> = contracts
            .iter()
            .chain([&stranger])
            .zip(index..)
            .map(|(contract, n)| {
                let mut call = rehearsal::metering(contract, "verify", noon);
                call.units = 3 + n % 5;
                call
            })
            .collect();
        for calls in calls.chunks(400) {
            site.db.write(|write| usage::meter(write, &site.node, calls)).expect("metered");
        }
    }
}

/// The whole ledger as text.
pub fn exported(site: &Site) -> String {
    let mut out = Vec::new();
    let format = Format::Csv;
    site.db.read(|read| ledger::export(read, site, format, &mut out)).expect("exported");
    String::from_utf8(out).expect("text")
}
