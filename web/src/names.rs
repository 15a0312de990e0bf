//! Names of products for lists that hold only their numbers.

use std::collections::BTreeMap;

use lianshi_registry::{entry::Texts, id::RegistrationNumber};
use lianshi_store::{Fault, Read, catalog};

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
