//! Names of products and of their operations, for pages whose rows hold only numbers and codes.

use std::collections::BTreeMap;

use lianshi_registry::{entry::Texts, id::RegistrationNumber};
use lianshi_store::{
    Fault, Read,
    catalog::{self, Offer},
};

use crate::page::Page;

/// Names by number.
#[derive(Debug, Clone, Default)]
pub struct Names(BTreeMap<RegistrationNumber, Texts>);

impl Names {
    /// The name in the page's language; the number where the catalog does not know it.
    pub fn get(&self, page: &Page, number: &RegistrationNumber) -> String {
        self.0.get(number).map_or_else(|| number.to_string(), |name| page.of_texts(name).to_owned())
    }
}

/// Looks the names up, each once.
pub fn of<'n>(
    read: &mut Read<'_>,
    numbers: impl Iterator<Item = &'n RegistrationNumber>,
) -> Result<Names, Fault> {
    let mut names = BTreeMap::new();
    for number in numbers {
        if !names.contains_key(number)
            && let Some(offer) = catalog::product(read, number)?
        {
            names.insert(number.clone(), offer.product.name);
        }
    }
    Ok(Names(names))
}

/// What the operations of one product are called, by code.
#[derive(Debug, Clone, Default)]
pub struct Operations(BTreeMap<String, Texts>);

impl Operations {
    /// Of a product; none where the catalog does not know it.
    pub fn of(offer: Option<&Offer>) -> Self {
        let operations = offer.into_iter().flat_map(|offer| &offer.product.operations);
        Self(operations.map(|one| (one.name.clone(), one.label.clone())).collect())
    }

    /// The name in the page's language; the code where the product no longer has the operation.
    pub fn get(&self, page: &Page, code: &str) -> String {
        self.0.get(code).map_or_else(|| code.to_owned(), |name| page.of_texts(name).to_owned())
    }
}
