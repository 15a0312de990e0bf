//! The list is whole, and its files are lawful under the rules in force.

use std::collections::BTreeSet;

use super::{super::data, *};

#[test]
fn the_list_has_enough_products_with_keys_of_their_own() {
    let items = items().expect("the list");
    let keys: BTreeSet<&str> = items.iter().map(|item| item.key.as_str()).collect();
    assert_eq!(keys.len(), items.len());
    assert!(items.len() >= 85, "{}", items.len());
    for key in CALLABLE {
        assert!(keys.contains(key), "{key}");
    }
}

#[test]
fn every_sector_and_field_of_the_list_is_known() {
    for item in items().expect("the list") {
        sector::find(&item.sector).expect("a sector");
        assert!(lianshi_governance::publish::FIELDS.contains(&item.field.as_str()));
    }
}

#[test]
fn shares_of_every_product_are_whole() {
    for item in items().expect("the list") {
        let node = cast::node(&item.node).expect("a node");
        let shares = shares(node, &item).expect("shares");
        let parts: f64 = shares.iter().map(|(_, percent)| percent.parse::<f64>().unwrap()).sum();
        assert!((parts - 100.0).abs() < 1e-9, "{}", item.key);
    }
}

#[test]
fn data_definitions_fit_their_operations() {
    for item in items().expect("the list") {
        let data = data::of(&item);
        let definition: lianshi_market::dataset::Definition =
            toml::from_str(data.definition).expect("a definition");
        definition.check().unwrap_or_else(|error| panic!("{}: {error}", item.key));
        assert!(data.csv.lines().count() > 10, "{}", item.key);
    }
}

/// "Coverage: Yinzhou, from 2024" once stood over the division codes of the whole country since
/// 1980, and over figures of four made-up areas.
#[test]
fn what_a_product_claims_is_in_its_rows() {
    let terms = Terms::from_founding(Date::parse("2026-09-24").expect("a day"));
    for item in items().expect("the list") {
        let node = cast::node(&item.node).expect("a node");
        let sector = sector::find(&item.sector).expect("a sector");
        let file = publishing_file(node, sector, &[&item], terms).expect("a file");
        let file: toml::Table = toml::from_str(&file).expect("TOML");
        let data = data::of(&item);
        let definition: lianshi_market::dataset::Definition =
            toml::from_str(data.definition).expect("a definition");
        let mut reader = csv::Reader::from_reader(data.csv.as_bytes());
        let header = reader.headers().expect("a header").clone();
        let rows: Vec<csv::StringRecord> =
            reader.records().map(|row| row.expect("a row")).collect();
        let column = |name: &str| -> BTreeSet<&str> {
            let at = header.iter().position(|one| one == name).expect(name);
            rows.iter().map(|row| &row[at]).filter(|cell| !cell.is_empty()).collect()
        };
        let mut claims = Vec::new();
        if let Some(series) = &definition.series {
            let times = column(&series.dimension);
            claims.extend([*times.first().expect("a time"), *times.last().expect("a time")]);
            claims
                .extend(series.key.iter().map(|key| column(key)).filter(|k| k.len() < 7).flatten());
        }
        if let Some(as_of) = definition.lookup.as_ref().and_then(|lookup| lookup.as_of.as_ref()) {
            claims.extend(column(&as_of.from).first().copied());
        }
        let product = &file["product"][0];
        for side in ["zh", "en"] {
            let coverage = product["coverage"][side].as_str().expect("a text");
            for claim in &claims {
                assert!(coverage.contains(claim), "{}: no {claim} in {coverage}", item.key);
            }
            // No year is claimed that no row has.
            let years =
                coverage.split(|c: char| !c.is_ascii_digit()).filter(|part| part.len() == 4);
            let years = years.filter(|part| part.starts_with("19") || part.starts_with("20"));
            let unfounded: Vec<&str> = years.filter(|year| !data.csv.contains(*year)).collect();
            assert!(unfounded.is_empty(), "{}: {unfounded:?} of {coverage} in no row", item.key);
            let own = [node.place_zh, node.place_en];
            assert!(!own.iter().any(|place| coverage.contains(place)), "{}: {coverage}", item.key);
        }
        let resource = &file["resource"][0];
        let count = i64::try_from(rows.len()).expect("few");
        assert_eq!(resource["row_count"].as_integer(), Some(count), "{}", item.key);
        let fields: Vec<&str> = resource["fields"]
            .as_array()
            .expect("fields")
            .iter()
            .map(|field| field["name"].as_str().expect("a name"))
            .collect();
        assert_eq!(fields, header.iter().collect::<Vec<_>>(), "{}", item.key);
    }
}
