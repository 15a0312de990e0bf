//! The catalog of one node: publishing whole or not at all, the chain above a product, search.

mod upgraded;

use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering},
};

use lianshi_registry::{
    catalog::ProductStatus,
    entry::{Entry, Fact, Texts},
    id::{DivisionCode, NodeName, Origin, RegistrationNumber},
    key::KeyPair,
    time::{Date, Timestamp},
};
use lianshi_store::{
    Db, Failure, Site,
    audit::Actor,
    catalog::{self, Offer, Query, TERMS_MAX},
    log,
};

use crate::support::{contents, on_both};

pub const EXAMPLE: &str = include_str!("../../docs/examples/division-code.toml");
const DAY: &str = "2026-11-21T03:00:00Z";

pub fn now() -> Timestamp {
    Timestamp::parse(DAY).expect("valid")
}

pub fn origin(name: &str) -> Origin {
    Origin::parse(&format!("ningbo.example/{name}/1")).expect("valid")
}

pub fn key(name: &str, role: u8) -> KeyPair {
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

/// Publishes what a text says, also where it was published before.
pub fn publish(site: &Site, text: &str) -> RegistrationNumber {
    static FILES: AtomicU32 = AtomicU32::new(0);
    let text = format!("{text}\n# file {}\n", FILES.fetch_add(1, Ordering::Relaxed));
    let published = catalog::publish(site, &Actor::node(), &text).expect("lawful").published;
    let product = published.iter().find(|one| one.kind == "product.registered");
    RegistrationNumber::parse(&product.expect("a product").id).expect("a number")
}

pub fn act(site: &Site, act: &str, number: &str) {
    let how = if act == "authorization.ended" { "how = \"revoked\"" } else { "" };
    let text =
        format!("[[act]]\ndo = \"{act}\"\nnumber = \"{number}\"\nreason = \"试验\"\n{how}\n");
    catalog::publish(site, &Actor::node(), &text).expect(act);
}

pub fn offer(db: &Db, number: &RegistrationNumber) -> Offer {
    db.read(|read| catalog::product(read, number)).expect("read").expect("known")
}

pub fn digest(db: &Db) -> [u8; 32] {
    db.read(catalog::digest).expect("read")
}

pub fn search(db: &Db, query: &Query) -> catalog::Page {
    let query = Query { now: now(), ..query.clone() };
    db.read(|read| catalog::search(read, &query)).expect("read")
}

#[test]
fn a_file_that_registers_something_is_published_once() {
    on_both(|db| {
        let site = site(db, "yinzhou", "330212");
        let (clerk, other) = (Actor::node(), Actor::command("clerk"));
        let other = Actor { organization: "91330212MA2TEQT01X".to_owned(), ..other };
        let publish = |by: &Actor, text: &str| catalog::publish(&site, by, text).expect("lawful");
        let size = || {
            let head = db.read(|read| log::head(read, &site.origin)).expect("read");
            head.expect("own").size
        };
        let first = publish(&clerk, EXAMPLE);
        assert_eq!(first.before, None);
        let after = size();
        let again = publish(&clerk, EXAMPLE);
        assert_eq!((&again.published, again.before), (&first.published, Some(now())));
        assert_eq!(size(), after, "who did not hear that it was done tries again");
        let changed = format!("{EXAMPLE}# once more\n");
        assert_eq!(publish(&clerk, &changed).before, None, "another file is another wish");
        assert_eq!(publish(&other, EXAMPLE).before, None, "and so is another publisher's");
        // What changes something may be wished again.
        let number = RegistrationNumber::parse(
            &first.published.iter().find(|one| one.kind == "product.registered").expect("one").id,
        );
        let number = number.expect("a number");
        for step in ["product.paused", "product.resumed", "product.paused"] {
            act(&site, step, number.as_str());
        }
    });
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
            assert_eq!(page.facets.status[0].value, status.to_string());
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

#[test]
fn a_product_has_a_bounded_number_of_words_and_is_indexed_after_it_is_stored() {
    on_both(|db| {
        let site = site(db, "yinzhou", "330212");
        let number = publish(&site, EXAMPLE);
        let found =
            |words: &str| search(db, &Query { q: words.to_owned(), ..Query::default() }).total;
        let rows = |table: &str| contents(db).get(table).map_or(0, Vec::len);
        assert_eq!((rows("catalog_unindexed"), found("蓝鲸")), (0, 0));
        let mut product = offer(db, &number).product;
        product.name.zh = "蓝鲸迁徙指数".to_owned();
        let place = |n: u32| 0x4e00 + n.wrapping_mul(2_654_435_761) % 20_900;
        product.description.zh = (0..1_900).filter_map(|n| char::from_u32(place(n))).collect();
        let fact = Fact::ProductRevised(Box::new(product));
        let entry = Entry { at: now(), by: "yinzhou".to_owned(), fact };
        let entries = std::slice::from_ref(&entry);
        db.write(|write| log::append(write, &site.origin, entries, now())).expect("appended");
        assert_eq!(rows("unfolded_entries"), 0);
        // As after a crash between the two.
        assert_eq!((rows("catalog_unindexed"), found("蓝鲸")), (1, 0));
        assert_eq!(catalog::index(db).expect("indexed"), 1);
        assert_eq!((rows("catalog_unindexed"), found("蓝鲸")), (0, 1));
        assert_eq!(rows("catalog_terms"), TERMS_MAX);
        assert_eq!(catalog::index(db).expect("indexed"), 0);
        catalog::rebuild(db, &|_, _| {}).expect("rebuilt");
        assert_eq!((rows("catalog_terms"), found("蓝鲸")), (TERMS_MAX, 1));
    });
}
