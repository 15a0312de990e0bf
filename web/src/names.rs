//! Names of products and of their operations, for pages whose rows hold only numbers and codes.

use std::collections::BTreeMap;

use lianshi_registry::{entry::Texts, id::RegistrationNumber, uscc::Uscc};
use lianshi_store::{
    Fault, Read, accounts,
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

/// Organizations by code, as far as their names in both languages are known here.
#[derive(Debug, Clone, Default)]
pub struct Parties(BTreeMap<Uscc, Texts>);

impl Parties {
    /// Looks them up, each once: among the organizations with accounts here, else in the catalog.
    pub fn of<'n>(
        read: &mut Read<'_>,
        codes: impl Iterator<Item = &'n Uscc>,
    ) -> Result<Self, Fault> {
        let mut known = BTreeMap::new();
        for code in codes {
            if known.contains_key(code) {
                continue;
            }
            let name = match accounts::organization(read, code)? {
                Some(record) => Some(record.name),
                None => catalog::organization(read, code)?.map(|listed| listed.name),
            };
            if let Some(name) = name {
                known.insert(code.clone(), name);
            }
        }
        Ok(Self(known))
    }

    /// The name in the page's language; `written`, the name in the contract, where no other is
    /// known.
    pub fn get(&self, page: &Page, code: &Uscc, written: &str) -> String {
        self.0.get(code).map_or_else(|| written.to_owned(), |name| page.of_texts(name).to_owned())
    }
}
