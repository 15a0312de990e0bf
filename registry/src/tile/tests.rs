//! Paths and widths as the specification gives them; tiles against the tree they stand for.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::merkle::{self, leaf_hash};

fn leaves(count: u64) -> Vec<Hash> {
    (0..count).map(|i| leaf_hash(&i.to_be_bytes())).collect()
}

/// Every tile of a log, after appends of the given lengths.
fn grow(steps: &[u64]) -> (Edge, BTreeMap<(u8, u64), Vec<Hash>>) {
    let all = leaves(steps.iter().sum());
    let (mut edge, mut tiles, mut done) = (Edge::default(), BTreeMap::new(), 0);
    for step in steps {
        let next = done + usize::try_from(*step).expect("small");
        for tile in edge.extend(&all[done..next]) {
            tiles.insert((tile.level, tile.number), tile.hashes);
        }
        done = next;
    }
    (edge, tiles)
}

#[test]
fn paths_are_those_of_the_specification() {
    let hashes = |level, number, width| Coordinate { level: Level::Hashes(level), number, width };
    let entries = |number, width| Coordinate { level: Level::Entries, number, width };
    for (coordinate, path) in [
        (hashes(0, 0, 256), "tile/0/000"),
        (hashes(0, 1_234_067, 256), "tile/0/x001/x234/067"),
        (hashes(63, 273, 112), "tile/63/273.p/112"),
        (entries(1000, 1), "tile/entries/x001/000.p/1"),
        (entries(u64::MAX, 255), "tile/entries/x018/x446/x744/x073/x709/x551/615.p/255"),
    ] {
        assert_eq!(coordinate.to_string(), path);
        assert_eq!(Coordinate::parse(path), Ok(coordinate));
    }
}

#[test]
fn every_other_path_is_refused() {
    for path in [
        "",
        "tile",
        "tile/0",
        "tile/0/",
        "tile/0/0",
        "tile/0/1000",
        "tile/0/x000/001",
        "tile/00/001",
        "tile/64/000",
        "tile/-1/000",
        "tile/data/000",
        "tile/8/0/000",
        "tile/0/000.p/0",
        "tile/0/000.p/256",
        "tile/0/000.p/01",
        "tile/0/000.p/+1",
        "tile/0/000.p/",
        "tile/0/000/",
        "tile/0/001/000",
        "tile/0/x001/x000",
        "tile/0/+01",
        "/tile/0/000",
        "tile/entries/000.p/1/2",
        "tile/entries/x018/x446/x744/x073/x709/x551/616",
    ] {
        assert!(Coordinate::parse(path).is_err(), "{path}");
    }
}

#[test]
fn widths_are_those_of_the_specification() {
    let widths = |size: u64| -> Vec<(i64, u64, u16)> {
        Edge::tiles(size).map(|t| (t.level.number(), t.number, t.width)).collect()
    };
    assert_eq!(widths(0), []);
    assert_eq!(widths(1), [(0, 0, 1)]);
    assert_eq!(widths(255), [(0, 0, 255)]);
    assert_eq!(widths(256), [(1, 0, 1)]);
    assert_eq!(widths(257), [(0, 1, 1), (1, 0, 1)]);
    assert_eq!(widths(70_000), [(0, 273, 112), (1, 1, 17), (2, 0, 1)]);
    assert_eq!(widths(u64::MAX).len(), 8);
    let counts = |level, size| Coordinate::all(level, 0, size).count();
    assert_eq!(counts(Level::Entries, 70_000), 274);
    assert_eq!(counts(Level::Hashes(0), 70_000), 274);
    assert_eq!(counts(Level::Hashes(1), 70_000), 2);
    assert_eq!(counts(Level::Hashes(2), 70_000), 1);
    assert_eq!(counts(Level::Hashes(3), 70_000), 0);
    assert_eq!(counts(Level::Hashes(0), 0), 0, "no empty tile");
}

#[test]
fn tiles_lie_in_a_log_up_to_its_size() {
    let tile = |path| Coordinate::parse(path).expect("a path");
    assert!(tile("tile/0/000.p/5").lies_in(5));
    assert!(tile("tile/0/000.p/5").lies_in(1000));
    assert!(!tile("tile/0/000.p/6").lies_in(5));
    assert!(!tile("tile/0/000").lies_in(255));
    assert!(tile("tile/1/000.p/1").lies_in(256));
    assert!(!tile("tile/1/000.p/1").lies_in(255), "a partial tile is never hashed upward");
    assert!(!tile("tile/9/000.p/1").lies_in(u64::MAX));
}

#[test]
fn each_hash_of_a_tile_is_the_root_of_its_subtree_at_all_sizes() {
    for size in [0, 1, 255, 256, 257, 511, 512, 65_536, 70_000] {
        let (edge, tiles) = grow(&[size]);
        let all = leaves(size);
        assert_eq!(edge.root(), merkle::root_of(&all), "{size}");
        let mut count = 0;
        for ((level, number), hashes) in &tiles {
            let coordinate = Coordinate::at(Level::Hashes(*level), *number, size).expect("inside");
            assert_eq!(hashes.len(), usize::from(coordinate.width));
            let span = 256_usize.pow(u32::from(*level));
            for (place, hash) in hashes.iter().enumerate() {
                let at = (usize::try_from(*number).expect("small") * 256 + place) * span;
                assert_eq!(*hash, merkle::root_of(&all[at..at + span]));
            }
            count += 1;
        }
        let expected: usize =
            (0..8).map(|level| Coordinate::all(Level::Hashes(level), 0, size).count()).sum();
        assert_eq!(count, expected, "{size}");
    }
}

#[test]
fn an_edge_loads_from_its_tiles_and_refuses_short_ones() {
    let (edge, tiles) = grow(&[70_000]);
    let read = |at: Coordinate| {
        let Level::Hashes(level) = at.level else { return None };
        tiles.get(&(level, at.number)).cloned()
    };
    let again = Edge::load(70_000, read).expect("all tiles are there");
    assert_eq!(again, edge);
    let older = Edge::load(69_990, read).expect("wider tiles suffice");
    assert_eq!(older.root(), merkle::root_of(&leaves(69_990)));
    assert_eq!(Edge::load(70_001, read), None);
}

#[test]
fn bundles_encode_split_and_cut() {
    let entries: Vec<Vec<u8>> = (0..256).map(|i| vec![7; i]).collect();
    let bundle = encode_bundle(&entries).expect("fits");
    assert_eq!(split_bundle(&bundle).expect("own bundle"), entries);
    let cut = cut_bundle(&bundle, 3).expect("there are more");
    assert_eq!(cut, [0, 0, 0, 1, 7, 0, 2, 7, 7]);
    assert_eq!(cut_bundle(&bundle, 256), Some(bundle.as_slice()));
    assert_eq!(cut_bundle(cut, 4), None);
    assert_eq!(split_bundle(&bundle[..bundle.len() - 1]), Err(BundleError::Truncated(255)));
    assert_eq!(split_bundle(&[0]), Err(BundleError::Truncated(0)));
    assert_eq!(split_bundle(&[]), Err(BundleError::Count(0)));
    assert_eq!(split_bundle(&[0; 514]), Err(BundleError::Count(257)));
    assert_eq!(encode_bundle::<&[u8]>(&[]), Err(BundleError::Count(0)));
    assert_eq!(encode_bundle(&[vec![0; 65_536]]), Err(BundleError::EntryTooLong(0)));
    assert!(encode_bundle(&[vec![0; ENTRY_LENGTH_MAX]]).is_ok());
}

#[test]
fn hash_tiles_decode_only_whole() {
    let hashes = leaves(256);
    let bytes = encode_hashes(&hashes);
    assert_eq!(bytes.len(), 8192);
    assert_eq!(decode_hashes(&bytes), Some(hashes));
    assert_eq!(decode_hashes(&bytes[..8191]), None);
    assert_eq!(decode_hashes(&[]), None);
    assert_eq!(decode_hashes(&[0; 8224]), None);
    assert_eq!(cut_hashes(&bytes, 2).map(<[u8]>::len), Some(64));
    assert_eq!(cut_hashes(&bytes[..32], 2), None);
}

proptest! {
    #[test]
    fn appending_in_any_steps_gives_the_same_tiles(
        steps in prop::collection::vec(0_u64..600, 0..8),
    ) {
        let size = steps.iter().sum();
        let (edge, tiles) = grow(&steps);
        let (at_once, tiles_at_once) = grow(&[size]);
        prop_assert_eq!(&tiles, &tiles_at_once);
        prop_assert_eq!(edge.root(), at_once.root());
        prop_assert_eq!(edge.size(), size);
        let mut source = |level, index| {
            node_from_tiles((level, index), |level, number| tiles.get(&(level, number)).cloned())
        };
        prop_assert_eq!(merkle::root(size, &mut source), Some(edge.root()));
        if size > 0 {
            let index = size / 3;
            let proof = merkle::inclusion_proof(index, size, &mut source).expect("inside");
            let leaf = leaf_hash(&index.to_be_bytes());
            let verdict = merkle::verify_inclusion(leaf, (index, size), &proof, edge.root());
            prop_assert_eq!(verdict, Ok(()));
        }
    }

    #[test]
    fn any_path_parses_to_itself_or_not_at_all(
        path in "tile/([0-9]{1,2}|entries)/(x[0-9]{3}/){0,3}[0-9]{3}(\\.p/[0-9]{1,3})?",
    ) {
        if let Ok(coordinate) = Coordinate::parse(&path) {
            prop_assert_eq!(coordinate.to_string(), path);
        }
    }

    #[test]
    fn garbage_bundles_never_panic(bytes: Vec<u8>, width: u16) {
        if let Ok(entries) = split_bundle(&bytes) {
            prop_assert_eq!(encode_bundle(&entries).expect("was one"), bytes.clone());
        }
        let _ = cut_bundle(&bytes, width);
        let _ = Coordinate::parse(&String::from_utf8_lossy(&bytes));
    }
}
