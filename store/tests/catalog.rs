//! The catalog: publishing whole or not at all, the chain above a product, search, quarantine, and
//! the same digest on every node whatever the order of arrival.

use std::sync::Arc;

use lianshi_registry::{
    catalog::ProductStatus,
    entry::{Admission, Entry, Fact, MemberChange, Plan, Texts},
    id::{DivisionCode, NodeName, Origin, RegistrationNumber},
    json,
    key::KeyPair,
    member::Root,
    time::{Date, Timestamp},
};
use lianshi_store::{
    Db, Failure, Fault, Site,
    audit::Actor,
    catalog::{self, Offer, Query},
    fold, log, members,
};

use crate::support::{fresh_postgres, on_both};

pub const EXAMPLE: &str = include_str!("../../docs/examples/division-code.toml");
const DAY: &str = "2026-11-21T03:00:00Z";

pub fn now() -> Timestamp {
    Timestamp::parse(DAY).expect("valid")
}

fn origin(name: &str) -> Origin {
    Origin::parse(&format!("ningbo.example/{name}/1")).expect("valid")
}

fn key(name: &str, role: u8) -> KeyPair {
    let mut seed = [role; 32];
    for (place, byte) in seed.iter_mut().zip(name.bytes()) {
        *place ^= byte;
    }
    KeyPair::from_seed(seed)
}

pub fn site(db: &Db, name: &str, division: &str) -> Site {
    Site {
        db: db.clone(),
        node: NodeName::parse(name).expect("valid"),
        name: Texts { zh: name.to_owned(), en: name.to_owned() },
        division: DivisionCode::parse(division).expect("valid"),
        origin: origin(name),
        public_url: "http://127.0.0.1:1".to_owned(),
        log_key: key(name, 2),
        seal_key: key(name, 4),
        witness_key: KeyPair::from_seed([3; 32]),
        quorum: lianshi_registry::policy::Rule::default(),
        folder: std::env::temp_dir(),
        clock: now,
        nudge: Arc::new(|| {}),
    }
}

pub fn publish(site: &Site, text: &str) -> RegistrationNumber {
    let published = catalog::publish(site, &Actor::node(), text).expect("lawful");
    let product = published.iter().find(|one| one.kind == "product.registered");
    RegistrationNumber::parse(&product.expect("a product").id).expect("a number")
}

pub fn act(site: &Site, act: &str, number: &str) {
    let how = if act == "authorization.ended" { "how = \"revoked\"" } else { "" };
    let text =
        format!("[[act]]\ndo = \"{act}\"\nnumber = \"{number}\"\nreason = \"试验\"\n{how}\n");
    catalog::publish(site, &Actor::node(), &text).expect(act);
}

fn offer(db: &Db, number: &RegistrationNumber) -> Offer {
    db.read(|read| catalog::product(read, number)).expect("read").expect("known")
}

fn digest(db: &Db) -> [u8; 32] {
    db.read(catalog::digest).expect("read")
}

pub fn search(db: &Db, query: &Query) -> catalog::Page {
    let query = Query { now: now(), ..query.clone() };
    db.read(|read| catalog::search(read, &query)).expect("read")
}

#[test]
fn a_published_product_is_found_and_whole() {
    on_both(|db| {
        let site = site(db, "yinzhou", "330212");
        let number = publish(&site, EXAMPLE);
        assert_eq!(number.as_str().get(..21), Some("330212-P-2026-0000001"));
        let offer = offer(db, &number);
        assert!(offer.own && offer.standing(now()).is_listed());
        assert_eq!((offer.plans.len(), offer.ceilings.len(), offer.resources.len()), (2, 1, 1));
        assert_eq!(offer.split.expect("agreed").shares.len(), 3);
        assert_eq!(offer.node, site.node);
        for words in ["区划", "代码核验", "division", "鄞联", "VERIFICATION code", number.as_str()]
        {
            let page = search(db, &Query { q: words.to_owned(), ..Query::default() });
            assert_eq!(page.total, 1, "{words}");
            assert_eq!(page.items[0].number, number);
            assert_eq!(page.facets.kind[0].value, "verification");
        }
        for words in ["港口", "nothing", "，。"] {
            let page = search(db, &Query { q: words.to_owned(), ..Query::default() });
            assert_eq!((page.total, page.items.len()), (0, 0), "{words}");
        }
        let later = offer_standing(db, &number, "2028-12-31");
        assert_eq!(later, (ProductStatus::Expired, "product.authorization_expired"));
    });
}

fn offer_standing(
    db: &Db,
    number: &RegistrationNumber,
    day: &str,
) -> (ProductStatus, &'static str) {
    let standing = offer(db, number).standing(Date::parse(day).expect("valid").start());
    (standing.status, standing.code)
}

#[test]
fn a_refused_file_leaves_nothing_and_numbers_have_no_gaps() {
    on_both(|db| {
        let site = site(db, "yinzhou", "330212");
        let bad = EXAMPLE.replace("price = \"0.50\"", "price = \"0.90\"");
        let refused = catalog::publish(&site, &Actor::node(), &bad);
        assert!(matches!(refused, Err(Failure::Refused(_))), "{refused:?}");
        assert_eq!(search(db, &Query::default()).total, 0);
        let head = db.read(|read| log::head(read, &site.origin)).expect("read");
        assert_eq!(head.map_or(0, |head| head.size), 0);
        let first = publish(&site, EXAMPLE);
        let second = publish(&site, EXAMPLE);
        assert_eq!((first.sequence(), second.sequence()), (1, 2));
    });
}

/// A second version of the example's split, all to the operator, from a month on.
fn second_split(number: &RegistrationNumber, from: &str, consents: &[&str]) -> String {
    let consent = |party: &&str| {
        format!("[[product.split.consent]]\nparty = \"{party}\"\ndocument = \"函1号\"\n")
    };
    let consents = consents.iter().map(consent).collect::<Vec<_>>().concat();
    format!(
        "[[product]]\nnumber = \"{number}\"\n[product.split]\nfrom = \"{from}\"\n\
         base = \"invoiced\"\n{consents}[[product.split.share]]\nparty = \"91330212MA2DEM0026\"\n\
         name = {{ zh = \"运营\", en = \"Operator\" }}\nrole = \"operator\"\nnode = \"yinzhou\"\n\
         percent = \"100\"\n"
    )
}

#[test]
fn a_split_that_reaches_back_is_published_with_everybodys_consent_only() {
    let parties = ["12330212MB1DEM005G", "91330212MA2DEM0026", "91330203MA2DEM004B"];
    on_both(|db| {
        let site = site(db, "yinzhou", "330212");
        let number = publish(&site, EXAMPLE);
        let ask = |from: &str, consents: &[&str]| match catalog::publish(
            &site,
            &Actor::node(),
            &second_split(&number, from, consents),
        ) {
            Ok(_) => Vec::new(),
            Err(Failure::Refused(refusal)) => refusal.findings,
            Err(Failure::Fault(fault)) => panic!("{fault:?}"),
        };
        let alone = ask("1999-01", &parties[1..2]);
        assert_eq!(alone.len(), 2, "{alone:?}");
        assert!(alone.iter().all(|finding| finding.code == "guard.consent_missing"));
        assert_eq!(ask("2026-10", &[]).len(), 3, "October is over");
        assert!(ask("2026-11", &[]).is_empty(), "November runs");
        // The version that runs takes October from the first one's parties too.
        assert_eq!(ask("2026-10", &parties[1..2]).len(), 2);
        assert!(ask("1999-01", &parties).is_empty());
        let splits = offer(db, &number).splits;
        let consented: Vec<usize> = splits.iter().map(|split| split.consents.len()).collect();
        assert_eq!(consented, [1, 0, 3]);
        let rebuilt = catalog::rebuild(db, &|_, _| {}).expect("rebuilt");
        assert_eq!(rebuilt.before, rebuilt.after, "the fold judges the same");
    });
}

#[test]
fn a_broken_link_stops_everything_below_with_the_reason() {
    on_both(|db| {
        let site = site(db, "yinzhou", "330212");
        let number = publish(&site, EXAMPLE);
        let authorization = offer(db, &number).product.authorization.to_string();
        let check = |status: ProductStatus, code: &str| {
            let held = offer(db, &number);
            assert_eq!((held.status.status, held.status.code), (status, code));
            let page = search(db, &Query { status: "any".to_owned(), ..Query::default() });
            assert_eq!(page.items[0].status, status);
            assert_eq!(page.facets.status[0].value, status.as_str());
            assert_eq!(page.facets.status.len(), 1, "counts follow: {:?}", page.facets.status);
        };
        check(ProductStatus::Listed, "");
        act(&site, "authorization.suspended", &authorization);
        check(ProductStatus::Stopped, "product.authorization_suspended");
        assert_eq!(offer(db, &number).status.reason, "试验");
        act(&site, "authorization.resumed", &authorization);
        check(ProductStatus::Listed, "");
        act(&site, "product.paused", number.as_str());
        check(ProductStatus::Paused, "product.paused");
        act(&site, "product.resumed", number.as_str());
        let resource = offer(db, &number).product.resources[0].to_string();
        act(&site, "resource.withdrawn", &resource);
        check(ProductStatus::Stopped, "product.resource_withdrawn");
        act(&site, "authorization.ended", &authorization);
        check(ProductStatus::Stopped, "product.authorization_ended");
        act(&site, "product.delisted", number.as_str());
        check(ProductStatus::Delisted, "product.delisted");
        assert_eq!(search(db, &Query::default()).total, 0, "tombstones are asked for");
    });
}

#[test]
fn a_rebuild_makes_the_same_tables() {
    on_both(|db| {
        let site = site(db, "yinzhou", "330212");
        let number = publish(&site, EXAMPLE);
        publish(&site, EXAMPLE);
        act(&site, "product.paused", number.as_str());
        let pages = |db: &Db| {
            ["", "区划", "any"].map(|text| {
                let status = if text == "any" { "any" } else { "" };
                let q = if text == "any" { "" } else { text };
                let (q, status) = (q.to_owned(), status.to_owned());
                search(db, &Query { q, status, ..Query::default() })
            })
        };
        let before = (digest(db), pages(db));
        let rebuilt = catalog::rebuild(db, &|_, _| {}).expect("rebuilt");
        assert_eq!(rebuilt.before, rebuilt.after);
        assert_eq!((digest(db), pages(db)), before);
    });
}

/// A federation of three logs, each with entries in order, as bytes.
struct Federation {
    roots: Vec<Root>,
    logs: Vec<(Origin, Vec<Vec<u8>>)>,
}

fn admission(name: &str, division: &str) -> Fact {
    Fact::MemberAdmitted(Admission {
        node: NodeName::parse(name).expect("valid"),
        name: Texts { zh: name.to_owned(), en: name.to_owned() },
        division: DivisionCode::parse(division).expect("valid"),
        level: "district".to_owned(),
        origin: origin(name),
        identity_key: key(name, 1).public(),
        log_key: key(name, 2).public(),
        witness_key: key(name, 3).public(),
        seal_key: key(name, 4).public(),
        addresses: Vec::new(),
        public_url: format!("http://{name}.example"),
        quota_entries: 1000,
    })
}

fn entry(fact: Fact) -> Vec<u8> {
    let entry = Entry { v: 1, at: now(), by: "ningbo".to_owned(), fact };
    json::encode_entry(&entry).expect("encoded")
}

fn bytes_of(db: &Db, origin: &Origin) -> Vec<Vec<u8>> {
    db.read(|read| log::entries(read, origin, 0, 10_000)).expect("read")
}

fn federation() -> Federation {
    let folder = tempfile::tempdir().expect("a folder");
    let made = |name: &str, division: &str, text: &str| {
        let db = Db::open_file(&folder.path().join(format!("{name}.sqlite"))).expect("a database");
        let site = site(&db, name, division);
        publish(&site, text);
        publish(&site, text);
        (origin(name), bytes_of(&db, &origin(name)))
    };
    let yinzhou = made("yinzhou", "330212", EXAMPLE);
    let mut haishu = made("haishu", "330203", EXAMPLE);
    // What no honest node writes: garbage, a copy of a neighbor's product, a price above the
    // ceiling.
    haishu.1.push(b"{\"not\":\"canonical\" }".to_vec());
    haishu.1.push(yinzhou.1[5].clone());
    haishu.1.push(overpriced(&haishu.1));
    let suspended = MemberChange {
        node: NodeName::parse("haishu").expect("valid"),
        from_index: 12,
        reason: "试验".to_owned(),
    };
    let (mut federation, mut root) = admissions();
    root.1.push(entry(Fact::MemberSuspended(suspended)));
    federation.logs = vec![root, yinzhou, haishu];
    federation
}

/// A root that admitted itself and two districts.
fn admissions() -> (Federation, (Origin, Vec<Vec<u8>>)) {
    let root = vec![
        entry(admission("ningbo", "330200")),
        entry(admission("yinzhou", "330212")),
        entry(admission("haishu", "330203")),
    ];
    let roots = vec![Root { origin: origin("ningbo"), log_key: key("ningbo", 2).public() }];
    (Federation { roots, logs: Vec::new() }, (origin("ningbo"), root))
}

/// Lets a database know that both districts are members; `standing` is what the root says after.
pub fn admit(db: &Db, standing: Option<Fact>) {
    let (mut federation, mut root) = admissions();
    root.1.extend(standing.map(entry));
    federation.logs = vec![root];
    fold_into(db, &federation, &[(0, 100)]);
}

#[test]
fn a_node_that_may_not_speak_publishes_nothing_that_would_not_count() {
    on_both(|db| {
        let site = site(db, "haishu", "330203");
        let number = publish(&site, EXAMPLE);
        let change = MemberChange {
            node: NodeName::parse("haishu").expect("valid"),
            from_index: 0,
            reason: "试验".to_owned(),
        };
        admit(db, Some(Fact::MemberSuspended(change)));
        let head = db.read(|read| log::head(read, &site.origin)).expect("read").expect("a log");
        for text in [EXAMPLE.to_owned(), paused(&number)] {
            let refused = catalog::publish(&site, &Actor::node(), &text);
            let Err(Failure::Refused(refusal)) = refused else { panic!("{refused:?}") };
            let codes: Vec<&str> = refusal.findings.iter().map(|one| one.code.as_str()).collect();
            assert_eq!(codes, ["member.suspended"], "{refusal}");
        }
        let after = db.read(|read| log::head(read, &site.origin)).expect("read").expect("a log");
        assert_eq!(head.size, after.size);
    });
}

fn paused(number: &RegistrationNumber) -> String {
    format!("[[act]]\ndo = \"product.paused\"\nnumber = \"{number}\"\nreason = \"试验\"\n")
}

fn overpriced(entries: &[Vec<u8>]) -> Vec<u8> {
    let mut plans = entries.iter().filter_map(|bytes| match json::parse_entry(bytes).ok()?.fact {
        Fact::PlanPublished(plan) if plan.code == "per-call" => Some(plan),
        _ => None,
    });
    let plan: Plan = plans.next_back().expect("a plan");
    let text = serde_json::to_string(&Fact::PlanPublished(plan))
        .expect("text")
        .replace("per-call", "greedy")
        .replace("0.500000", "0.900000");
    entry(serde_json::from_str(&text).expect("a fact"))
}

/// Folds the logs into a fresh database, in the order of `turns`, each a log and how many entries.
fn fold_into(db: &Db, federation: &Federation, turns: &[(usize, usize)]) {
    members::set_roots(db, &federation.roots).expect("roots");
    let mut next = vec![0; federation.logs.len()];
    for (log_place, count) in turns {
        let (origin, entries) = &federation.logs[*log_place];
        let from = next[*log_place];
        let to = entries.len().min(from + count);
        next[*log_place] = to;
        let part = &entries[from..to];
        let done: Result<(), Fault> = db.write(|write| {
            log::create_replica(write, origin, key(origin.node().as_str(), 2).public())?;
            log::extend(write, origin, part)?;
            fold::apply(write, origin, u64::try_from(from).expect("small"), &fold::parse(part))
        });
        done.expect("folded");
    }
}

#[test]
fn logs_in_any_order_of_arrival_give_the_same_catalog() {
    let federation = federation();
    let all = 1000;
    let orders: [&[(usize, usize)]; 4] = [
        &[(0, all), (1, all), (2, all)],
        &[(2, all), (1, all), (0, all)],
        &[(1, 3), (0, 2), (2, 7), (1, 4), (0, 1), (2, all), (0, all), (1, all)],
        &[(0, 3), (2, 13), (1, 1), (0, 1), (2, 1), (2, 1), (2, all), (1, all)],
    ];
    let mut seen = Vec::new();
    for turns in orders {
        let folder = tempfile::tempdir().expect("a folder");
        let sqlite = Db::open_file(&folder.path().join("node.sqlite")).expect("a database");
        let postgres = Db::open(&fresh_postgres()).expect("a database");
        for db in [&sqlite, &postgres] {
            fold_into(db, &federation, turns);
            let quarantined = db.read(|read| catalog::quarantined(read, 100)).expect("read");
            let page = search(db, &Query { status: "any".to_owned(), ..Query::default() });
            seen.push((digest(db), quarantined, page));
            let rebuilt = catalog::rebuild(db, &|_, _| {}).expect("rebuilt");
            assert_eq!(rebuilt.before, rebuilt.after);
        }
    }
    for other in &seen {
        assert_eq!(other, &seen[0]);
    }
    let (_, quarantined, page) = &seen[0];
    // haishu's second product began after its suspension and never counted.
    assert_eq!(page.total, 3, "{page:?}");
    assert!(quarantined.iter().any(|one| one.code == "member.suspended"), "{quarantined:?}");
}

#[test]
fn what_no_rule_allows_is_quarantined_on_receipt() {
    let mut federation = federation();
    // Without the suspension every entry of haishu is judged by itself.
    federation.logs[0].1.pop();
    on_both(|db| {
        fold_into(db, &federation, &[(0, 100), (1, 100), (2, 100)]);
        let quarantined = db.read(|read| catalog::quarantined(read, 100)).expect("read");
        let codes: Vec<&str> = quarantined.iter().map(|one| one.code.as_str()).collect();
        assert_eq!(codes.len(), 3, "{quarantined:?}");
        assert!(codes[0].starts_with("catalog.above_ceiling"), "{quarantined:?}");
        assert!(codes[1].starts_with("entry.out_of_scope"), "{quarantined:?}");
        assert!(codes[2].starts_with("entry."), "{quarantined:?}");
        let page = search(db, &Query { node: "haishu".to_owned(), ..Query::default() });
        assert_eq!((page.total, page.facets.node.len()), (2, 2));
        let offer = offer(db, &page.items[0].number);
        assert_eq!(offer.public_url, "http://haishu.example");
        assert!(offer.plan("greedy").is_none() && offer.plan("per-call").is_some());
    });
}

#[test]
fn what_an_older_program_admitted_as_an_address_is_no_link() {
    use diesel::RunQueryDsl as _;
    let federation = federation();
    on_both(|db| {
        fold_into(db, &federation, &[(0, 100), (1, 100), (2, 100)]);
        let page = search(db, &Query { node: "yinzhou".to_owned(), ..Query::default() });
        let number = &page.items[0].number;
        assert_eq!(offer(db, number).public_url, "http://yinzhou.example");
        for old in ["javascript:alert(1)", "http://a.example''; id; ''"] {
            let update = format!("UPDATE members SET public_url = '{old}' WHERE node = 'yinzhou'");
            let done =
                db.write(|write| Ok::<_, Fault>(diesel::sql_query(&update).execute(&mut **write)?));
            assert_eq!(done.expect("updated"), 1);
            assert_eq!(offer(db, number).public_url, "", "{old}");
            let yinzhou = NodeName::parse("yinzhou").expect("valid");
            let member = db.read(|read| members::by_node(read, &yinzhou)).expect("read");
            assert_eq!(member.expect("still a member").admission.base(), None);
        }
    });
}

#[test]
fn facets_count_under_the_other_filters_and_pages_divide_the_total() {
    on_both(|db| {
        let site = site(db, "yinzhou", "330212");
        publish(&site, EXAMPLE);
        let free = EXAMPLE
            .replace("sector = \"governance\"", "sector = \"transport\"")
            .replace("list = true", "");
        publish(&site, &free);
        publish(&site, &free);
        let page =
            search(db, &Query { sector: "transport".to_owned(), size: 1, ..Query::default() });
        assert_eq!((page.total, page.pages, page.items.len()), (2, 2, 1));
        let sectors: Vec<(String, u64)> =
            page.facets.sector.into_iter().map(|f| (f.value, f.count)).collect();
        assert_eq!(sectors, [("transport".to_owned(), 2), ("governance".to_owned(), 1)]);
        assert_eq!(page.facets.kind[0].count, 2);
        assert_eq!(page.facets.charge.iter().map(|f| f.count).sum::<u64>(), 4, "free and paid");
        let second = search(
            db,
            &Query { sector: "transport".to_owned(), size: 1, page: 2, ..Query::default() },
        );
        assert_ne!(second.items[0].number, page.items[0].number);
        let late = Query {
            now: Date::parse("2030-01-01").expect("valid").start(),
            status: "expired".to_owned(),
            ..Query::default()
        };
        let expired = db.read(|read| catalog::search(read, &late)).expect("read");
        assert_eq!((expired.total, expired.items.len()), (3, 3));
        let listed = Query { status: "listed".to_owned(), ..late };
        let listed = db.read(|read| catalog::search(read, &listed)).expect("read");
        assert_eq!((listed.total, listed.items.len()), (0, 0));
    });
}
