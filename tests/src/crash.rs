//! Two nodes on their databases without a network, as the rehearsal of crashes uses them: one
//! writes a log, the other replicates and cosigns it.

use std::{fs, path::Path, sync::Arc};

use lianshi_registry::{
    entry::{Entry, Fact, Organization, OrganizationKind, Texts},
    id::{DivisionCode, NodeName, Origin},
    key::KeyPair,
    member::Root,
    policy::Rule,
    sync::{Pulled, RANGE_BUNDLES, SignedHead},
    tile::{Coordinate, Level, TILE_WIDTH, encode_hashes},
    time::Timestamp,
    uscc,
    witness::Submission,
};
use lianshi_store::{Db, Site, log, members, replica, witness};

/// The node that writes and the one that replicates and witnesses.
pub struct Pair {
    /// Writes a log.
    pub writer: Site,
    /// Holds a copy of it.
    pub reader: Site,
}

/// Opens both nodes below a folder, making what is missing: what a starting node does.
pub fn open(folder: &Path) -> Pair {
    Pair { writer: site(folder, "ningbo", "330200"), reader: site(folder, "haishu", "330203") }
}

fn site(folder: &Path, node: &str, division: &str) -> Site {
    let seed = node.as_bytes()[0];
    let folder = folder.join(node);
    fs::create_dir_all(&folder).expect("a folder");
    let db = Db::open_file(&folder.join("node.sqlite")).expect("a database");
    let origin = |node: &str| Origin::parse(&format!("ningbo.example/{node}/1")).expect("valid");
    let root = Root {
        origin: origin("ningbo"),
        division: DivisionCode::parse("330200").expect("a code"),
        log_key: KeyPair::from_seed([b'n'; 32]).public(),
        identity_key: KeyPair::from_seed([b'n' + 50; 32]).public(),
        witness_key: KeyPair::from_seed([b'n' + 70; 32]).public(),
        seal_key: KeyPair::from_seed([b'n' + 100; 32]).public(),
        former: Vec::new(),
        retired: Vec::new(),
    };
    members::set_roots(&db, &[root]).expect("remembered");
    let site = Site {
        db,
        node: NodeName::parse(node).expect("a name"),
        name: Texts { zh: "节点".to_owned(), en: node.to_owned() },
        division: DivisionCode::parse(division).expect("a code"),
        origin: origin(node),
        public_url: "http://127.0.0.1:1".to_owned(),
        log_key: KeyPair::from_seed([seed; 32]),
        seal_key: KeyPair::from_seed([seed + 100; 32]),
        witness_key: KeyPair::from_seed([seed + 70; 32]),
        quorum: Rule::default(),
        folder,
        clock: || Timestamp::from_millis(1_790_000_000_000),
        nudge: Arc::new(|| {}),
    };
    site.db.write(|write| log::create_own(write, &site)).expect("begun");
    site
}

/// The entry that stands at an index.
pub fn entry(site: &Site, index: u64) -> Entry {
    let fact = Fact::OrganizationListed(Organization {
        uscc: uscc::complete(&format!("91330200{index:09}")).expect("digits"),
        name: Texts { zh: "演练单位".to_owned(), en: "Rehearsal".to_owned() },
        kind: OrganizationKind::Provider,
        division: site.division.clone(),
    });
    Entry { at: site.now(), by: site.node.to_string(), fact }
}

/// What is held of the writer's log.
pub fn held(site: &Site, pair: &Pair) -> Option<log::Head> {
    site.db.read(|read| log::head(read, &pair.writer.origin)).expect("read")
}

impl Pair {
    /// Appends so many entries; gives the size after.
    pub fn append(&self, count: u64) -> u64 {
        let writer = &self.writer;
        let from = held(writer, self).expect("its own").size;
        let entries: Vec<Entry> = (from..from + count).map(|n| entry(writer, n)).collect();
        let now = writer.now();
        let appended = writer.db.write(|write| log::append(write, &writer.origin, &entries, now));
        appended.expect("appended");
        from + count
    }

    /// Lets the reader pull what it lacks; gives size and root after.
    pub fn adopt(&self) -> Option<SignedHead> {
        let head = held(&self.writer, self)?;
        let key = self.writer.log_key.public();
        let head = SignedHead::open(&head.checkpoint, &head.origin, &key).ok()?;
        loop {
            let from = held(&self.reader, self).map_or(0, |held| held.size);
            if from >= head.size() {
                return Some(head);
            }
            replica::adopt(&self.reader, key, self.range(from, &head)).expect("adopted");
        }
    }

    fn range(&self, from: u64, head: &SignedHead) -> Pulled {
        let width = u64::from(TILE_WIDTH);
        let (db, origin) = (&self.writer.db, &self.writer.origin);
        let to = ((from / width + RANGE_BUNDLES) * width).min(head.size());
        let bundle = |number| {
            let place = Coordinate::at(Level::Entries, number, to).expect("inside");
            db.read(|read| log::tile(read, origin, place)).expect("read").expect("held")
        };
        let proof = (to < head.size()).then(|| {
            let proof = db.read(|read| log::consistency_proof(read, origin, to, head.size()));
            encode_hashes(&proof.expect("read").expect("held"))
        });
        let bundles = (from / width..to.div_ceil(width)).map(bundle).collect();
        Pulled { peer: self.writer.node.clone(), from, to, bundles, proof, head: head.clone() }
    }

    /// Asks the reader's witness to cosign a head, from the size it cosigned last.
    pub fn cosign(&self, old: u64, head: &SignedHead) -> u16 {
        let (db, origin) = (&self.writer.db, &self.writer.origin);
        let proof = db.read(|read| log::consistency_proof(read, origin, old, head.size()));
        let proof = proof.expect("read").expect("held");
        let submission = Submission::new(old, proof, head.note()).expect("sound").encode();
        witness::submit(&self.reader, &submission).expect("answered").status
    }
}
