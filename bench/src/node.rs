//! The node that is measured where one is enough.

use std::{path::Path, sync::Arc};

use lianshi_registry::{
    entry::Texts,
    id::{DivisionCode, NodeName, Origin},
    key::KeyPair,
};
use lianshi_store::{Db, Site};

/// A node with a folder, and a fresh SQLite file in it or an empty PostgreSQL database.
pub fn node(folder: &Path, database: Option<&str>) -> anyhow::Result<Site> {
    let db = match database {
        Some(url) => Db::open(url)?,
        None => Db::open_file(&folder.join("node.sqlite"))?,
    };
    site(folder, db)
}

/// A node with a folder and an open database.
pub fn site(folder: &Path, db: Db) -> anyhow::Result<Site> {
    Ok(Site {
        db,
        node: NodeName::parse("bench")?,
        name: Texts { zh: "测量".to_owned(), en: "Bench".to_owned() },
        division: DivisionCode::parse("330212")?,
        origin: Origin::parse("bench.example/bench/1")?,
        public_url: "http://127.0.0.1:1".to_owned(),
        log_key: KeyPair::from_seed([1; 32]),
        seal_key: KeyPair::from_seed([2; 32]),
        witness_key: KeyPair::from_seed([3; 32]),
        quorum: lianshi_registry::policy::Rule::default(),
        folder: folder.to_owned(),
        clock: lianshi_node::clock::now,
        nudge: Arc::new(|| {}),
    })
}
