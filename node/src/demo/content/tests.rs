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
