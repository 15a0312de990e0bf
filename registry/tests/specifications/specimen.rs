//! Logs made for examination, fast and entirely from the pure crate: entries, tiles, a signed
//! checkpoint and the cosignatures of three witnesses, as the files that would be served.

use std::collections::BTreeMap;

use lianshi_registry::{
    checkpoint::{Checkpoint, vkey},
    cosignature::Cosigner,
    id::Origin,
    key::KeyPair,
    merkle::{Hash, leaf_hash},
    note::{Note, VerifierKey},
    policy::{self, Policy},
    tile::{Coordinate, Edge, Level, encode_bundle, encode_hashes},
};

pub const ORIGIN: &str = "ningbo.example/yinzhou/1";
/// When the witnesses cosigned.
pub const COSIGNED_AT: u64 = 1_795_000_000;

/// The files of a log by their paths.
#[derive(Clone)]
pub struct Specimen {
    pub size: u64,
    pub files: BTreeMap<String, Vec<u8>>,
}

pub fn origin() -> Origin {
    Origin::parse(ORIGIN).expect("an origin")
}

pub fn log_key() -> KeyPair {
    KeyPair::from_seed([11; 32])
}

pub fn log_vkey() -> VerifierKey {
    vkey(&origin(), log_key().public())
}

pub fn cosigners() -> Vec<Cosigner> {
    let named = |place: u8| {
        let key = KeyPair::from_seed([100 + place; 32]);
        Cosigner::new(&format!("ningbo.example/w{place}/witness"), key).expect("a name")
    };
    (1..=3).map(named).collect()
}

/// Two of the three witnesses.
pub fn policy() -> Policy {
    let witness = |cosigner: &Cosigner| policy::Witness {
        name: cosigner.vkey().name().to_owned(),
        key: cosigner.vkey().clone(),
        url: None,
    };
    let log = policy::Log { key: log_vkey(), url: None };
    let witnesses = cosigners().iter().map(witness).collect();
    Policy::new(log, witnesses, Some(2)).expect("a policy")
}

pub fn entry(number: u64) -> Vec<u8> {
    format!("entry {number} 条目").into_bytes()
}

impl Specimen {
    /// A log of `size` entries.
    pub fn new(size: u64) -> Self {
        Self::of(&(0..size).map(entry).collect::<Vec<_>>())
    }

    /// A log of these entries, signed and cosigned.
    pub fn of(entries: &[Vec<u8>]) -> Self {
        let mut specimen = Self { size: 0, files: BTreeMap::new() };
        let root = specimen.lay(entries);
        let size = specimen.size;
        specimen.put("checkpoint", cosigned(&Checkpoint { origin: origin(), size, root }));
        specimen
    }

    /// Writes bundles and tiles, without the checkpoint; gives the root.
    pub fn lay(&mut self, entries: &[Vec<u8>]) -> Hash {
        self.files.retain(|path, _| !path.starts_with("tile/"));
        self.size = u64::try_from(entries.len()).expect("small");
        let mut edge = Edge::default();
        let leaves: Vec<Hash> = entries.iter().map(|entry| leaf_hash(entry)).collect();
        for tile in edge.extend(&leaves) {
            self.put(&tile.coordinate().to_string(), encode_hashes(&tile.hashes));
        }
        let bundles = Coordinate::all(Level::Entries, 0, self.size);
        for (bundle, chunk) in bundles.zip(entries.chunks(256)) {
            self.put(&bundle.to_string(), encode_bundle(chunk).expect("short entries"));
        }
        edge.root()
    }

    pub fn put(&mut self, path: &str, bytes: impl Into<Vec<u8>>) {
        self.files.insert(path.to_owned(), bytes.into());
    }

    pub fn file(&mut self, path: &str) -> &mut Vec<u8> {
        self.files.get_mut(path).expect("the file is there")
    }

    pub fn checkpoint(&self) -> String {
        String::from_utf8(self.files["checkpoint"].clone()).expect("UTF-8")
    }
}

/// A checkpoint signed by the log and cosigned by the three witnesses.
pub fn cosigned(checkpoint: &Checkpoint) -> String {
    let signed = checkpoint.sign(&log_key());
    let mut note = Note::parse(signed.as_bytes()).expect("own note");
    for (later, cosigner) in (0..).zip(cosigners()) {
        let signature = cosigner.cosign(&note.text, COSIGNED_AT + later).expect("a time");
        note.signatures.push(signature);
    }
    note.encode()
}
