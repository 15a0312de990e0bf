//! Replicas and members on both databases: false ranges leave nothing, true ones give the writer's
//! bytes, and the order in which logs arrive changes nothing.

use std::{path::Path, sync::Arc};

use lianshi_registry::{
    entry::{
        Admission, Entry, Fact, MemberChange, Organization, OrganizationKind, Possession, Texts,
    },
    id::{DivisionCode, NodeName, Origin},
    key::{KeyPair, NodeKeys},
    member::{Root, Status},
    refusal::Refusal as _,
    sync::{Pulled, SignedHead},
    tile::{Coordinate, Level, encode_hashes},
    time::Timestamp,
    uscc,
};
use lianshi_store::{
    Db, Failure, Site,
    audit::{self, Actor},
    catalog, log, members, replica,
};

use crate::support::on_both;

fn site(db: &Db, folder: &Path, node: &str, division: &str) -> Site {
    let seed = node.as_bytes()[0];
    let site = Site {
        db: db.clone(),
        node: NodeName::parse(node).expect("a name"),
        name: Texts { zh: "节点".to_owned(), en: node.to_owned() },
        division: DivisionCode::parse(division).expect("a code"),
        origin: Origin::parse(&format!("ningbo.example/{node}/1")).expect("an origin"),
        public_url: "http://127.0.0.1:1".to_owned(),
        log_key: KeyPair::from_seed([seed; 32]),
        seal_key: KeyPair::from_seed([seed + 100; 32]),
        witness_key: KeyPair::from_seed([seed + 70; 32]),
        quorum: lianshi_registry::policy::Rule::default(),
        folder: folder.join(node),
        clock: || Timestamp::from_millis(1000),
        nudge: Arc::new(|| {}),
    };
    std::fs::create_dir_all(&site.folder).expect("a folder");
    members::set_roots(db, &roots()).expect("remembered");
    site.db.write(|write| log::create_own(write, &site)).expect("begun");
    site
}

fn keys(seed: u8) -> NodeKeys {
    NodeKeys {
        identity: KeyPair::from_seed([seed + 50; 32]),
        log: KeyPair::from_seed([seed; 32]),
        witness: KeyPair::from_seed([seed + 70; 32]),
        seal: KeyPair::from_seed([seed + 100; 32]),
    }
}

fn roots() -> Vec<Root> {
    let origin = Origin::parse("ningbo.example/ningbo/1").expect("an origin");
    let keys = keys(b'n');
    vec![Root {
        origin,
        division: DivisionCode::parse("330200").expect("a code"),
        log_key: keys.log.public(),
        identity_key: keys.identity.public(),
        witness_key: keys.witness.public(),
        seal_key: keys.seal.public(),
        former: Vec::new(),
        retired: Vec::new(),
    }]
}

fn admission(site: &Site) -> Admission {
    let seed = site.node.as_str().as_bytes()[0];
    Admission {
        node: site.node.clone(),
        name: site.name.clone(),
        division: site.division.clone(),
        level: "district".to_owned(),
        origin: site.origin.clone(),
        identity_key: KeyPair::from_seed([seed + 50; 32]).public(),
        log_key: site.log_key.public(),
        witness_key: site.witness_key.public(),
        seal_key: site.seal_key.public(),
        addresses: vec!["/ip4/127.0.0.1/tcp/1".to_owned()],
        public_url: site.public_url.clone(),
        quota_bytes: lianshi_registry::entry::QUOTA_BYTES,
        possession: Possession::default(),
    }
    .proved(&keys(seed))
}

/// Three nodes: the root on a SQLite file, yinzhou on another, and the reader under test.
pub struct Three {
    pub root: Site,
    pub writer: Site,
    pub reader: Site,
    _home: tempfile::TempDir,
}

pub fn three(db: &Db) -> Three {
    let home = tempfile::tempdir().expect("a folder");
    let file = |name: &str| Db::open_file(&home.path().join(name)).expect("a database");
    let root = site(&file("root.sqlite"), home.path(), "ningbo", "330200");
    let writer = site(&file("writer.sqlite"), home.path(), "yinzhou", "330212");
    let reader = site(db, home.path(), "haishu", "330203");
    for node in [&root, &writer, &reader] {
        members::admit(&root, &Actor::node(), &admission(node)).expect("admitted");
    }
    Three { root, writer, reader, _home: home }
}

pub fn publish(site: &Site, count: u64) {
    site.db
        .write(|write| {
            let from = log::head(&mut write.as_read(), &site.origin)?.expect("own").size;
            let entries: Vec<Entry> = (from..from + count).map(|n| entry(site, n)).collect();
            log::append(write, &site.origin, &entries, site.now())
        })
        .expect("appended");
    log::publish_head(site).expect("signed");
}

fn entry(site: &Site, number: u64) -> Entry {
    let fact = Fact::OrganizationListed(Organization {
        uscc: uscc::complete(&format!("91{}{number:09}", site.division)).expect("digits"),
        name: Texts { zh: "示例单位".to_owned(), en: "Example unit".to_owned() },
        kind: OrganizationKind::Provider,
        division: site.division.clone(),
    });
    Entry { at: Timestamp::from_millis(0), by: site.node.to_string(), fact }
}

pub fn head(site: &Site, origin: &Origin) -> Option<log::Head> {
    site.db.read(|read| log::head(read, origin)).expect("read")
}

/// What a peer that holds the writer's log gives for a range.
pub fn pulled(writer: &Site, from: u64, to: u64) -> Pulled {
    let origin = &writer.origin;
    let held = head(writer, origin).expect("own");
    let signed = SignedHead::open(&held.checkpoint, origin, &writer.log_key.public());
    let signed = signed.expect("own head");
    let bundles = (from / 256..to.div_ceil(256)).map(|number| {
        let place = Coordinate::at(Level::Entries, number, to).expect("not empty");
        let bytes = writer.db.read(|read| log::tile(read, origin, place)).expect("read");
        bytes.expect("held")
    });
    let proof = (to < signed.size()).then(|| {
        let proof = writer.db.read(|read| log::consistency_proof(read, origin, to, signed.size()));
        encode_hashes(&proof.expect("read").expect("held"))
    });
    let bundles = bundles.collect();
    Pulled { peer: writer.node.clone(), from, to, bundles, proof, head: signed }
}

pub fn adopt(reader: &Site, writer: &Site, pulled: Pulled) -> Result<u64, &'static str> {
    match replica::adopt(reader, writer.log_key.public(), pulled) {
        Ok((size, _)) => Ok(size),
        Err(Failure::Refused(refusal)) => Err(refusal.code()),
        Err(Failure::Fault(fault)) => panic!("{fault}"),
    }
}

pub fn adopt_all(reader: &Site, writer: &Site) {
    let size = head(writer, &writer.origin).expect("own").size;
    let held = head(reader, &writer.origin).map_or(0, |head| head.size);
    assert_eq!(adopt(reader, writer, pulled(writer, held, size)), Ok(size));
}

fn digest(site: &Site) -> [u8; 32] {
    site.db.read(catalog::digest).expect("read")
}

#[test]
fn a_false_range_leaves_nothing_and_a_true_one_the_writers_bytes() {
    on_both(|db| {
        let Three { root, writer, reader, .. } = &three(db);
        log::publish_head(root).expect("signed");
        adopt_all(reader, root);
        publish(writer, 300);
        let good = pulled(writer, 0, 300);
        let spoil = |change: &dyn Fn(&mut Pulled)| {
            let mut bad = good.clone();
            change(&mut bad);
            adopt(reader, writer, bad).expect_err("refused")
        };
        assert_eq!(spoil(&|bad| bad.bundles[0][7] ^= 1), "sync.other_root");
        assert_eq!(spoil(&|bad| bad.bundles[1].truncate(9)), "sync.bundle_malformed");
        assert_eq!(spoil(&|bad| bad.bundles.truncate(1)), "sync.wrong_count");
        assert_eq!(spoil(&|bad| bad.bundles.swap(0, 1)), "sync.wrong_count");
        assert_eq!(spoil(&|bad| bad.proof = Some(vec![1])), "sync.proof_malformed");
        assert_eq!(spoil(&|bad| bad.from = 1), "sync.moved");
        let large = [65_000_u16.to_be_bytes().to_vec(), vec![b' '; 65_000]].concat();
        assert_eq!(spoil(&|bad| bad.bundles = vec![large.clone()]), "sync.entry_too_large");
        assert_eq!(head(reader, &writer.origin), None, "nothing was stored");

        assert_eq!(adopt(reader, writer, good.clone()), Ok(300));
        assert_eq!(adopt(reader, writer, good), Err("sync.moved"), "a repeat changes nothing");
        publish(writer, 700);
        adopt_all(reader, writer);
        let (ours, theirs) = (head(reader, &writer.origin), head(writer, &writer.origin));
        let (ours, theirs) = (ours.expect("held"), theirs.expect("own"));
        assert_eq!((ours.checkpoint, ours.root), (theirs.checkpoint, theirs.root));
        assert_eq!((ours.folded_size, ours.own), (1000, false));
        assert_eq!(ours.confirmed_at, None, "a relay confirms nothing");
        replica::confirm(reader, &writer.origin).expect("confirmed");
        let confirmed = head(reader, &writer.origin).expect("held").confirmed_at;
        assert_eq!(confirmed, Some(Timestamp::from_millis(1000)));
        let earlier = Timestamp::from_millis(500);
        let set = reader.db.write(|write| log::confirm(write, &writer.origin, earlier));
        set.expect("confirmed");
        publish(writer, 1);
        adopt_all(reader, writer);
        let relayed = head(reader, &writer.origin).expect("held").confirmed_at;
        assert_eq!(relayed, Some(earlier), "what a relay brings later does not make it younger");
        for level in [Level::Entries, Level::Hashes(0), Level::Hashes(1)] {
            for place in Coordinate::all(level, 0, 1000) {
                let tile = |site: &Site| {
                    site.db.read(|read| log::tile(read, &writer.origin, place)).expect("read")
                };
                assert_eq!(tile(reader), tile(writer), "{place}");
            }
        }
    });
}

#[test]
fn a_long_log_arrives_in_parts_each_proved_against_the_signed_head() {
    on_both(|db| {
        let Three { writer, reader, .. } = &three(db);
        publish(writer, 600);
        let mut unproved = pulled(writer, 0, 512);
        unproved.proof = None;
        assert_eq!(adopt(reader, writer, unproved), Err("sync.proof_malformed"));
        let mut spoiled = pulled(writer, 0, 512);
        spoiled.bundles[1][9] ^= 1;
        assert_eq!(adopt(reader, writer, spoiled), Err("sync.other_root"));
        assert_eq!(adopt(reader, writer, pulled(writer, 0, 512)), Ok(512));
        let half = head(reader, &writer.origin).expect("held");
        assert_eq!((half.size, half.checkpoint_size, half.checkpoint.as_str()), (512, 0, ""));
        assert_eq!(adopt(reader, writer, pulled(writer, 512, 600)), Ok(600));
        assert_eq!(head(reader, &writer.origin).expect("held").checkpoint_size, 600);
    });
}

#[test]
fn a_range_is_not_stored_behind_rows_that_changed_since_it_was_verified() {
    on_both(|db| {
        let Three { writer, reader, .. } = &three(db);
        publish(writer, 600);
        assert_eq!(adopt(reader, writer, pulled(writer, 0, 512)), Ok(512));
        let spoil = format!(
            "UPDATE logs SET root = (SELECT root FROM logs WHERE origin = '{}') WHERE origin = '{}'",
            reader.origin, writer.origin
        );
        let spoiled = reader.db.write(|write| {
            diesel::RunQueryDsl::execute(diesel::sql_query(&spoil), &mut **write)
                .map_err(lianshi_store::Fault::from)
        });
        assert_eq!(spoiled.expect("spoiled"), 1);
        let key = writer.log_key.public();
        let refused = replica::adopt(reader, key, pulled(writer, 512, 600));
        assert!(matches!(refused, Err(Failure::Fault(_))), "{refused:?}");
        assert_eq!(head(reader, &writer.origin).expect("held").size, 512);
    });
}

#[test]
fn what_goes_beyond_a_quota_is_not_stored_before_the_root_authority_raises_it() {
    on_both(|db| {
        let Three { root, writer, reader, .. } = &three(db);
        let admit = |quota_bytes| {
            let admission = Admission { quota_bytes, ..admission(writer) };
            members::admit(root, &Actor::node(), &admission).expect("admitted");
            log::publish_head(root).expect("signed");
            adopt_all(reader, root);
        };
        publish(writer, 300);
        let bytes = |site: &Site| head(site, &writer.origin).map_or(0, |head| head.bytes);
        let all = bytes(writer);
        assert!(all > 300 * 128, "{all}");
        admit(all - 1);
        assert_eq!(adopt(reader, writer, pulled(writer, 0, 300)), Err("sync.over_quota"));
        assert_eq!((head(reader, &writer.origin), bytes(reader)), (None, 0));
        assert_eq!(adopt(reader, writer, pulled(writer, 0, 256)), Ok(256), "what fits");
        let held = bytes(reader);
        assert!(held < all && held > 256 * 128, "{held}");
        assert_eq!(adopt(reader, writer, pulled(writer, 256, 300)), Err("sync.over_quota"));
        replica::drop_tail(reader, &writer.origin).expect("dropped");
        assert_eq!(bytes(reader), 0, "what is dropped counts no more");
        admit(all);
        assert_eq!(adopt(reader, writer, pulled(writer, 0, 300)), Ok(300));
        assert_eq!(bytes(reader), all);
    });
}

#[test]
fn the_own_log_is_never_overwritten_by_a_peer() {
    on_both(|db| {
        let Three { writer, reader, .. } = &three(db);
        publish(writer, 3);
        let same = Site { origin: writer.origin.clone(), ..reader.clone() };
        same.db.write(|write| log::create_own(write, &same)).expect("begun");
        assert_eq!(adopt(&same, writer, pulled(writer, 0, 3)), Err("sync.moved"));
    });
}

#[test]
fn the_order_in_which_logs_and_suspensions_arrive_changes_nothing() {
    on_both(|db| {
        let Three { root, writer, reader, .. } = &three(db);
        publish(writer, 10);
        // The members' log comes last: until then nothing of yinzhou counts.
        let nothing = digest(reader);
        adopt_all(reader, writer);
        assert_eq!(digest(reader), nothing);
        log::publish_head(root).expect("signed");
        adopt_all(reader, root);
        assert_ne!(digest(reader), nothing);
        // At the root it came first.
        adopt_all(root, writer);
        assert_eq!(digest(root), digest(reader));
        let all = digest(root);

        let node = writer.node.clone();
        let change = MemberChange { node, from_index: 4, reason: "test".to_owned() };
        members::change(root, &Actor::node(), &change, Status::Suspended).expect("suspended");
        publish(writer, 5);
        log::publish_head(root).expect("signed");
        adopt_all(root, writer);
        adopt_all(reader, writer);
        adopt_all(reader, root);
        assert_eq!(digest(root), digest(reader));
        assert_ne!(digest(root), all);
        let voice = |index| {
            let asked = reader.db.read(|read| members::may_speak(read, &writer.origin, index));
            asked.expect("read").map(|division| division.to_string())
        };
        assert_eq!(voice(3), Ok("330212".to_owned()));
        assert_eq!(voice(4).expect_err("silent").code(), "member.suspended");
        let refused = reader.db.read(|read| members::may_write(read, &writer.node));
        assert_eq!(refused.expect("read").expect_err("refused").code(), "member.suspended");

        let change = MemberChange { from_index: 12, ..change };
        members::change(root, &Actor::node(), &change, Status::Active).expect("reinstated");
        log::publish_head(root).expect("signed");
        adopt_all(reader, root);
        assert_eq!(digest(root), digest(reader));
        assert_eq!(voice(11).expect_err("silent").code(), "member.suspended");
        assert_eq!(voice(12), Ok("330212".to_owned()));
    });
}

#[test]
fn members_are_read_back_as_admitted_and_refused_acts_are_recorded() {
    on_both(|db| {
        let Three { root, writer, reader, .. } = &three(db);
        log::publish_head(root).expect("signed");
        adopt_all(reader, root);
        let (ours, theirs) = (reader.db.read(members::all), root.db.read(members::all));
        assert_eq!(ours.expect("read"), theirs.expect("read"));
        let member = reader.db.read(|read| members::by_node(read, &writer.node)).expect("read");
        let member = member.expect("admitted");
        // That it holds its keys was judged when the entry came.
        let judged = Admission { possession: Possession::default(), ..admission(writer) };
        assert_eq!(member.admission, judged);
        let key = member.admission.identity_key;
        let by_peer = reader.db.read(|read| members::by_peer(read, &key)).expect("read");
        assert_eq!(by_peer, Some(member));

        let refused = members::admit(reader, &Actor::node(), &admission(writer));
        let Err(Failure::Refused(refusal)) = refused else { panic!("a district admitted a node") };
        assert_eq!(refusal.code(), "member.not_a_root");
        let rows = reader.db.read(|read| audit::newest(read, None, 1)).expect("read");
        assert_eq!(
            (rows[0].action.as_str(), rows[0].outcome.as_str()),
            ("member.admitted", "member.not_a_root")
        );
        assert_eq!(head(reader, &reader.origin).expect("own").size, 0);
    });
}
