//! The stage of these tests: yinzhou with one product, members around it, contracts and calls made
//! up.

use std::sync::Arc;

use diesel::{RunQueryDsl as _, sql_query};
use lianshi_market::{agreement::Agreement, subscription::Side};
use lianshi_registry::{
    entry::{Admission, Entry, Fact, Possession, Texts},
    id::{DivisionCode, NodeName, Origin},
    key::{KeyPair, NodeKeys},
    member::Root,
    time::{Period, Timestamp},
};
use lianshi_store::{
    Db, Fault, Site, Write,
    audit::Actor,
    close::{self, CloseResult},
    members, rehearsal, usage,
};

/// A moment in December: October and November are over.
const NOW: &str = "2026-12-05T04:00:00Z";

pub fn time(text: &str) -> Timestamp {
    Timestamp::parse(text).expect("a time")
}

pub fn month(text: &str) -> Period {
    Period::parse(text).expect("a month")
}

pub fn node(name: &str) -> NodeName {
    NodeName::parse(name).expect("a name")
}

fn origin(name: &str) -> Origin {
    Origin::parse(&format!("ningbo.example/{name}/1")).expect("an origin")
}

fn texts(text: &str) -> Texts {
    Texts { zh: text.to_owned(), en: text.to_owned() }
}

/// A node's key for a role, made from its name.
pub fn key(name: &str, role: u8) -> KeyPair {
    KeyPair::from_seed([name.as_bytes()[0].wrapping_mul(4).wrapping_add(role); 32])
}

thread_local! {
    /// The data folder of the nodes of a test: only one of them closes at a time.
    static FOLDER: tempfile::TempDir = tempfile::tempdir().expect("a folder");
}

/// A node that knows the members of its federation.
pub fn site(db: &Db, name: &str, division: &str) -> Site {
    let site = Site {
        db: db.clone(),
        node: node(name),
        name: texts(name),
        division: DivisionCode::parse(division).expect("a division"),
        origin: origin(name),
        public_url: "http://127.0.0.1:1".to_owned(),
        log_key: key(name, 1),
        seal_key: key(name, 3),
        witness_key: KeyPair::from_seed([3; 32]),
        quorum: lianshi_registry::policy::Rule::default(),
        folder: FOLDER.with(|folder| folder.path().to_owned()),
        clock: || time(NOW),
        nudge: Arc::new(|| {}),
    };
    let root = Root::of(&admission("ningbo", "330200"));
    members::set_roots(db, &[root]).expect("the charter");
    let admitted = [("ningbo", "330200"), ("yinzhou", "330212"), ("haishu", "330203")];
    db.write(|write| {
        for (index, (name, division)) in (0..).zip(admitted) {
            let entry = Entry {
                at: time(NOW),
                by: "t".to_owned(),
                fact: Fact::MemberAdmitted(admission(name, division)),
            };
            members::apply(write, (&origin("ningbo"), index), &entry)?.expect("admitted");
        }
        Ok::<_, Fault>(())
    })
    .expect("members");
    site
}

fn admission(name: &str, division: &str) -> Admission {
    Admission {
        node: node(name),
        name: texts(name),
        division: DivisionCode::parse(division).expect("a division"),
        level: if name == "ningbo" { "city" } else { "district" }.to_owned(),
        origin: origin(name),
        identity_key: key(name, 0).public(),
        log_key: key(name, 1).public(),
        witness_key: key(name, 2).public(),
        seal_key: key(name, 3).public(),
        addresses: Vec::new(),
        public_url: "http://127.0.0.1:1".to_owned(),
        quota_bytes: lianshi_registry::entry::QUOTA_BYTES,
        possession: Possession::default(),
    }
    .proved(&NodeKeys {
        identity: key(name, 0),
        log: key(name, 1),
        witness: key(name, 2),
        seal: key(name, 3),
    })
}

/// Runs a body at yinzhou with one product on offer.
pub fn on_stage(db: &Db, body: impl FnOnce(&Site)) {
    let site = site(db, "yinzhou", "330212");
    rehearsal::stage(&site, 1).expect("staged");
    body(&site);
}

/// The `n`-th contract about the product, in force from October.
pub fn agreement(site: &Site, n: u32) -> Agreement {
    let product = rehearsal::product_number(site, 1).expect("a number");
    let buyer = rehearsal::buyer(n).expect("a buyer");
    rehearsal::agreement(site, (n, &product), buyer, month("2026-10"))
}

/// Writes a contract as the provider holds it.
pub fn hold(site: &Site, agreement: &Agreement) {
    let agreements = [agreement.clone()];
    site.db
        .write(|write| rehearsal::contract(write, Side::Provider, &agreements))
        .expect("written");
}

/// Changes rows as no program does; there must be some.
pub fn sql(site: &Site, statement: &str) {
    let run = |write: &mut Write<'_>| {
        let changed = sql_query(statement).execute(&mut **write)?;
        assert!(changed > 0, "{statement}");
        Ok::<_, Fault>(())
    };
    site.db.write(run).expect("changed");
}

/// Whether a closed month, computed again, comes to the same.
pub fn fits(site: &Site, text: &str) -> bool {
    let again = site.db.read(|read| close::recompute(read, site, month(text)));
    again.expect("computed").expect("closed").fits()
}

/// The `n`-th contract about a product of the stage, held by the provider.
pub fn product_contract(site: &Site, n: u32, product: u32) -> Agreement {
    let product = rehearsal::product_number(site, product).expect("a number");
    let buyer = rehearsal::buyer(n).expect("a buyer");
    let agreement = rehearsal::agreement(site, (n, &product), buyer, month("2026-10"));
    hold(site, &agreement);
    agreement
}

/// The first `count` contracts, held by the provider.
pub fn contracts(site: &Site, count: u32) -> Vec<Agreement> {
    let agreements: Vec<Agreement> = (1..=count).map(|n| agreement(site, n)).collect();
    site.db
        .write(|write| rehearsal::contract(write, Side::Provider, &agreements))
        .expect("written");
    agreements
}

/// Meters calls at one moment.
pub fn meter(site: &Site, agreement: &Agreement, at: &str, calls: usize) {
    let call = rehearsal::metering(agreement, "verify", time(at));
    let calls = vec![call; calls];
    site.db.write(|write| usage::meter(write, &site.node, &calls)).expect("metered");
}

/// Closes a month that can be closed.
pub fn close_month(site: &Site, text: &str) -> CloseResult {
    close::close_period(site, &Actor::node(), month(text)).expect("closed")
}
