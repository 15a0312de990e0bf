//! What logs are made of, and how one node asks another for it.

use lianshi_registry::{
    catalog::Catalog,
    json::{encode_entry, parse_entry},
    sync::{Pulled, SignedHead},
    tile::{
        Coordinate, Edge, cut_bundle, decode_hashes, encode_bundle, encode_hashes, split_bundle,
    },
    wire::{Answer, Request},
};

use crate::specimen;

/// An entry, and its fold. Only the canonical bytes are an entry.
pub fn entry(bytes: &[u8]) {
    let mut catalog = Catalog::default();
    catalog.apply(&specimen::origin(), 0, &specimen::division(), bytes);
    if let Ok(entry) = parse_entry(bytes) {
        assert_eq!(encode_entry(&entry).as_deref(), Ok(bytes));
    }
}

/// A bundle of entries, alone and as a peer gives it for a signed head.
pub fn bundle(bytes: &[u8]) {
    if let Ok(entries) = split_bundle(bytes) {
        assert_eq!(encode_bundle(&entries).as_deref(), Ok(bytes));
        let width = u16::try_from(entries.len()).expect("at most 256");
        assert_eq!(cut_bundle(bytes, width), Some(bytes));
    }
    let (origin, key) = (specimen::origin(), specimen::log_key().public());
    let note = specimen::signed_checkpoint();
    let head = SignedHead::open(&note, &origin, &key).expect("signed here");
    let peer = origin.node().clone();
    let (to, bundles) = (head.size(), vec![bytes.to_vec()]);
    let pulled = Pulled { peer, from: 0, to, bundles, proof: None, head };
    if let Ok(verified) = pulled.verify(Edge::default()) {
        assert_eq!(verified.entries, specimen::entries(), "other entries were taken");
    }
}

/// The path of a tile, and the hashes in it.
pub fn tile(bytes: &[u8]) {
    if let Some(hashes) = decode_hashes(bytes) {
        assert_eq!(encode_hashes(&hashes), bytes);
    }
    let Ok(path) = std::str::from_utf8(bytes) else { return };
    if let Ok(coordinate) = Coordinate::parse(path) {
        assert_eq!(coordinate.to_string(), path, "a tile has one path");
    }
}

/// A request or an answer.
pub fn wire(bytes: &[u8]) {
    if let Some(request) = Request::decode(bytes) {
        assert_eq!(request.encode(), bytes);
    }
    if let Some(answer) = Answer::decode(bytes) {
        // Why a peer refused is read as what can be stored and shown.
        if !matches!(answer, Answer::Refused(_)) {
            assert_eq!(answer.encode(), bytes);
        }
        assert_eq!(Answer::decode(&answer.encode()), Some(answer));
    }
}
