//! A product in a list: what a search hit shows in the language of the page.

use std::collections::BTreeMap;

use lianshi_registry::price::Price;
use lianshi_store::catalog::Hit;

use crate::page::Page;

/// One product of a list.
#[derive(Debug, Clone)]
pub struct Card {
    /// Registration number.
    pub number: String,
    /// Name.
    pub name: String,
    /// One sentence.
    pub summary: String,
    /// Form code.
    pub form: String,
    /// Sector code.
    pub sector: String,
    /// `public_good`, `industry`, `both` or `none`.
    pub purpose: String,
    /// `free`, `paid`, `both` or `none`.
    pub charge: String,
    /// Lowest unit price of its open plans.
    pub price_from: Option<Price>,
    /// Status code.
    pub status: String,
    /// What people call the owning node.
    pub node_name: String,
    /// Who offers it.
    pub operator: String,
    /// Demonstration data.
    pub synthetic: bool,
}

impl Card {
    /// From a hit; `titles` holds what people call each node.
    pub fn new(page: &Page, titles: &BTreeMap<String, String>, hit: &Hit) -> Self {
        let node = hit.node.to_string();
        Self {
            number: hit.number.to_string(),
            name: page.of_texts(&hit.name).to_owned(),
            summary: page.of_texts(&hit.summary).to_owned(),
            form: hit.form.clone(),
            sector: hit.sector.clone(),
            purpose: hit.purpose.clone(),
            charge: hit.charge.clone(),
            price_from: hit.price_from,
            status: hit.status.to_string(),
            node_name: titles.get(&node).cloned().unwrap_or(node),
            operator: page.of_texts(&hit.operator_name).to_owned(),
            synthetic: hit.synthetic,
        }
    }
}
