//! A federation as one node folds it: the same members, catalog and quarantine whatever the order
//! in which logs arrive, of one root authority and of two.

mod lives;

use lianshi_registry::{
    entry::{Admission, Entry, Fact, MemberChange, Plan, Possession, Texts},
    id::{DivisionCode, NodeName, Origin, RegistrationNumber},
    json,
    key::NodeKeys,
    member::Root,
};
use lianshi_store::{
    Db, Failure, Fault,
    audit::Actor,
    catalog::{self, Query},
    fold, log, members,
};

use crate::{
    catalog::{EXAMPLE, digest, key, now, offer, origin, publish, search, site},
    support::{fresh_postgres, on_both},
};

/// A federation of three logs, each with entries in order, as bytes.
struct Federation {
    roots: Vec<Root>,
    logs: Vec<(Origin, Vec<Vec<u8>>)>,
}

/// Whose keys write a log: those of a later generation are others.
fn holder(origin: &Origin) -> String {
    let generation = origin.generation();
    let node = origin.node();
    if generation > 1 { format!("{node}{generation}") } else { node.to_string() }
}

fn keys(name: &str) -> NodeKeys {
    NodeKeys {
        identity: key(name, 1),
        log: key(name, 2),
        witness: key(name, 3),
        seal: key(name, 4),
    }
}

fn admission(name: &str, division: &str) -> Admission {
    Admission {
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
        quota_bytes: lianshi_registry::entry::QUOTA_BYTES,
        possession: Possession::default(),
    }
    .proved(&keys(name))
}

fn admitted(name: &str, division: &str) -> Vec<u8> {
    entry(Fact::MemberAdmitted(admission(name, division)))
}

fn entry(fact: Fact) -> Vec<u8> {
    let entry = Entry { at: now(), by: "ningbo".to_owned(), fact };
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
    let suspended = MemberChange { from_index: 12, ..change("haishu") };
    let (mut federation, mut root) = admissions();
    root.1.push(entry(Fact::MemberSuspended(suspended)));
    federation.logs = vec![root, yinzhou, haishu];
    federation
}

/// A root that admitted itself and two districts.
fn admissions() -> (Federation, (Origin, Vec<Vec<u8>>)) {
    let root = vec![
        admitted("ningbo", "330200"),
        admitted("yinzhou", "330212"),
        admitted("haishu", "330203"),
    ];
    let roots = vec![Root::of(&admission("ningbo", "330200"))];
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
        admit(db, Some(Fact::MemberSuspended(change("haishu"))));
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
            log::create_replica(write, origin, keys(&holder(origin)).log.public())?;
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

/// A city and, after it in the charter, a province that admits what the city admits as well: a
/// name, a key, and under a later generation a node that claims a number of the city's district.
fn two_roots() -> Federation {
    let folder = tempfile::tempdir().expect("a folder");
    let made = |name: &str, division: &str, generation: u32| {
        let db = Db::open_file(&folder.path().join(format!("{name}.sqlite"))).expect("a database");
        let mut site = site(&db, name, division);
        site.origin = Origin::new(site.origin.domain().clone(), site.node.clone(), generation);
        publish(&site, EXAMPLE);
        let entries = bytes_of(&db, &site.origin);
        (site.origin, entries)
    };
    let mut copied = admission("shangcheng", "330102");
    copied.identity_key = key("haishu", 1).public();
    let mut thief = admission("thief", "330212");
    thief.origin = Origin::new(thief.origin.domain().clone(), thief.node.clone(), 7);
    let thief = thief.proved(&keys("thief7"));
    let moved = MemberChange { from_index: 3, ..change("yinzhou") };
    let of_city = vec![
        admitted("ningbo", "330200"),
        admitted("yinzhou", "330212"),
        admitted("haishu", "330203"),
    ];
    let of_province = vec![
        admitted("zhejiang", "330000"),
        admitted("yinzhou", "330299"),
        entry(Fact::MemberSuspended(moved)),
        entry(Fact::MemberAdmitted(copied)),
        entry(Fact::MemberAdmitted(thief)),
        admitted("xihu", "330106"),
    ];
    let roots = ["ningbo", "zhejiang"].map(|name| {
        let division = if name == "ningbo" { "330200" } else { "330000" };
        Root::of(&admission(name, division))
    });
    Federation {
        roots: roots.to_vec(),
        logs: vec![
            (origin("ningbo"), of_city),
            (origin("zhejiang"), of_province),
            made("yinzhou", "330212", 1),
            made("thief", "330212", 7),
            made("xihu", "330106", 1),
        ],
    }
}

fn change(node: &str) -> MemberChange {
    let node = NodeName::parse(node).expect("valid");
    MemberChange { node, from_index: 0, reason: "试验".to_owned() }
}

#[test]
fn what_two_roots_say_is_the_same_whichever_is_heard_first() {
    let federation = two_roots();
    let all = 1000;
    let orders: [&[(usize, usize)]; 5] = [
        &[(0, all), (1, all), (2, all), (3, all), (4, all)],
        &[(1, all), (3, all), (4, all), (0, all), (2, all)],
        &[(3, all), (2, all), (1, all), (4, all), (0, all)],
        &[(1, 2), (0, 1), (2, 5), (1, 1), (3, all), (0, 1), (1, all), (2, all), (0, all), (4, all)],
        &[(0, 2), (1, 4), (2, all), (0, all), (3, 3), (1, all), (3, all), (4, all)],
    ];
    let mut seen = Vec::new();
    for turns in orders {
        let folder = tempfile::tempdir().expect("a folder");
        let sqlite = Db::open_file(&folder.path().join("node.sqlite")).expect("a database");
        let postgres = Db::open(&fresh_postgres()).expect("a database");
        for db in [&sqlite, &postgres] {
            fold_into(db, &federation, turns);
            let known = db.read(members::all).expect("read");
            let quarantined = db.read(|read| catalog::quarantined(read, 100)).expect("read");
            let page = search(db, &Query { status: "any".to_owned(), ..Query::default() });
            seen.push((known, digest(db), quarantined, page.items));
        }
    }
    for other in &seen {
        assert_eq!(other, &seen[0]);
    }
    let (known, _, quarantined, products) = &seen[0];
    let names: Vec<&str> = known.iter().map(|one| one.admission.node.as_str()).collect();
    assert_eq!(names, ["haishu", "ningbo", "thief", "xihu", "yinzhou", "zhejiang"]);
    assert!(known.iter().all(|one| one.changes.is_empty()), "{known:?}");
    let reasons: Vec<(String, u64, &str)> = quarantined
        .iter()
        .map(|one| (one.origin.to_string(), one.index, one.code.as_str()))
        .filter(|(_, _, code)| code.starts_with("member."))
        .collect();
    let province = origin("zhejiang").to_string();
    // The newest first.
    let expected = [(3, "member.key_taken"), (2, "member.other_root"), (1, "member.other_root")];
    assert_eq!(reasons, expected.map(|(index, code)| (province.clone(), index, code)));
    // Both may speak for the division; who was admitted by the first root speaks of the number.
    let shown: Vec<&str> = products.iter().map(|hit| hit.node.as_str()).collect();
    assert_eq!((shown.len(), shown.contains(&"thief")), (2, false), "{shown:?}");
}

#[test]
fn under_another_charter_everything_said_about_members_is_judged_anew() {
    let federation = two_roots();
    on_both(|db| {
        fold_into(db, &federation, &[(0, 100), (1, 100), (2, 100), (3, 100), (4, 100)]);
        let names = |db: &Db| -> Vec<String> {
            let known = db.read(members::all).expect("read");
            known.iter().map(|one| one.admission.node.to_string()).collect()
        };
        let both = (names(db), digest(db));
        members::set_roots(db, &federation.roots[..1]).expect("without the province");
        assert_eq!(names(db), ["haishu", "ningbo", "yinzhou"]);
        let page = search(db, &Query { status: "any".to_owned(), ..Query::default() });
        assert_eq!(page.items.len(), 1, "what the others said counts no more");
        members::set_roots(db, &federation.roots).expect("with it");
        assert_eq!((names(db), digest(db)), both);
    });
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
