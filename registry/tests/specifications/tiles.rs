//! tlog-tiles.

use lianshi_registry::{
    merkle::{Hash, leaf_hash, root_of},
    tile::{Coordinate, LEVEL_MAX, Level, decode_hashes, split_bundle},
};

use crate::specimen::{Specimen, entry};

fn parse(path: &str) -> Option<Coordinate> {
    Coordinate::parse(path).ok()
}

#[test]
fn levels_are_decimal_from_0_to_63_without_leading_zeroes() {
    assert!(parse("tile/0/000").is_some());
    assert!(parse("tile/63/000").is_some());
    assert_eq!(LEVEL_MAX, 63);
    for bad in ["tile/64/000", "tile/00/000", "tile/01/000", "tile/-1/000", "tile/+1/000"] {
        assert_eq!(parse(bad), None, "{bad}");
    }
}

#[test]
fn numbers_are_groups_of_three_digits_all_but_the_last_marked() {
    let tile = Coordinate { level: Level::Hashes(0), number: 1_234_067, width: 256 };
    assert_eq!(tile.to_string(), "tile/0/x001/x234/067");
    assert_eq!(parse("tile/0/x001/x234/067"), Some(tile));
    for bad in ["x001/x234/x067", "001/234/067", "x000/067", "67", "0067", "x1/067", "x001/234/067"]
    {
        assert_eq!(parse(&format!("tile/0/{bad}")), None, "{bad}");
    }
}

#[test]
fn widths_are_1_to_255_without_leading_zeroes() {
    assert!(parse("tile/0/000.p/1").is_some());
    assert!(parse("tile/0/000.p/255").is_some());
    for bad in ["0", "256", "01", "", "-1", "1000"] {
        assert_eq!(parse(&format!("tile/0/000.p/{bad}")), None, "{bad}");
        assert_eq!(parse(&format!("tile/entries/000.p/{bad}")), None, "{bad}");
    }
}

#[test]
fn full_tiles_have_8192_bytes_and_hold_the_hashes_of_full_tiles_below() {
    let log = Specimen::new(70_000);
    let tile = |path: &str| decode_hashes(&log.files[path]).expect("whole hashes");
    for number in 0..273 {
        let path = Coordinate { level: Level::Hashes(0), number, width: 256 }.to_string();
        assert_eq!(log.files[&path].len(), 8_192, "{path}");
        let above = Coordinate::at(Level::Hashes(1), number / 256, 70_000).expect("there");
        let place = usize::try_from(number % 256).expect("small");
        assert_eq!(tile(&above.to_string())[place], root_of(&tile(&path)), "{path}");
    }
}

#[test]
fn a_log_has_exactly_the_tiles_the_specification_counts() {
    let paths = |size: u64| -> Vec<String> {
        let log = Specimen::new(size);
        let hashes = |path: &&String| path.starts_with("tile/") && !path.contains("entries");
        log.files.keys().filter(hashes).cloned().collect()
    };
    assert_eq!(paths(0), Vec::<String>::new(), "empty tiles are not served");
    assert_eq!(paths(256), ["tile/0/000", "tile/1/000.p/1"]);
    let many = paths(70_000);
    assert_eq!(many.iter().filter(|path| path.starts_with("tile/0/")).count(), 274);
    for path in ["tile/0/273.p/112", "tile/1/000", "tile/1/001.p/17", "tile/2/000.p/1"] {
        assert!(many.contains(&path.to_owned()), "{path}");
    }
    assert_eq!(many.len(), 277);
}

#[test]
fn a_partial_tile_is_as_wide_as_the_size_says_and_never_hashed_upward() {
    for size in [1_u64, 255, 257, 511, 513, 65_535, 65_537, 70_000] {
        for level in 0..4_u8 {
            let width = (size / 256_u64.pow(u32::from(level))) % 256;
            let last = Level::Hashes(level).count(size) / 256;
            let tile = Coordinate::at(Level::Hashes(level), last, size);
            assert_eq!(tile.map_or(0, |tile| u64::from(tile.width)), width, "{size} {level}");
        }
        assert_eq!(Level::Hashes(1).count(size), size / 256, "only full tiles count above");
    }
}

#[test]
fn a_bundle_is_its_entries_behind_lengths_in_two_bytes_and_hashes_to_its_tile() {
    let log = Specimen::new(300);
    let bundle = &log.files["tile/entries/001.p/44"];
    let expected: Vec<u8> = (256..300)
        .flat_map(|number| {
            let bytes = entry(number);
            let length = u16::try_from(bytes.len()).expect("short");
            [length.to_be_bytes().as_slice(), &bytes].concat()
        })
        .collect();
    assert_eq!(*bundle, expected);
    let leaves: Vec<Hash> =
        split_bundle(bundle).expect("a bundle").into_iter().map(leaf_hash).collect();
    assert_eq!(decode_hashes(&log.files["tile/0/001.p/44"]), Some(leaves));
}
