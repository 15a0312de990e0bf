//! Who has a share in which product: found by the party, so that it sees its shares at every node
//! in whichever catalog it looks. The rows name parties and products and nothing else; what a share
//! comes to stands in the product's splits.

use std::collections::BTreeSet;

use diesel::prelude::*;
use lianshi_registry::{
    entry::{ShareRole, Split, SplitBase, Texts},
    id::{NodeName, RegistrationNumber},
    time::Period,
    uscc::Uscc,
};

use super::{
    objects,
    offer::{Below, Offer, product},
    project::speaker,
};
use crate::{
    Db, Fault, Read, Write,
    dialect::insert_if_absent,
    schema::{catalog_parties, catalog_unshared},
};

/// Products on one page of a party's shares: each is assembled whole.
pub const SHARE_PRODUCTS_MAX: i64 = 20;
/// Versions of one product's split that a page shows, the newest; the product's page has the rest.
pub const VERSIONS_MAX: usize = 12;
/// Products of an older program whose parties are listed in one transaction.
const LISTED_AT_ONCE: i64 = 100;

/// Where a share stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ShareStanding {
    /// Its version governs the month asked about.
    InForce,
    /// Its version begins later.
    Ahead,
    /// A later version took its place.
    Replaced,
}

impl ShareStanding {
    /// As translated: `in_force`, `ahead`, `replaced`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::InForce => "in_force",
            Self::Ahead => "ahead",
            Self::Replaced => "replaced",
        }
    }
}

/// What one version of a product's split gives a party.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartyShare {
    /// The product.
    pub product: RegistrationNumber,
    /// Its name.
    pub name: Texts,
    /// The node that owns it and divides its revenue.
    pub owner: NodeName,
    /// The version of the split.
    pub version: u32,
    /// First month it governs.
    pub from: Period,
    /// First month it no longer governs; none while no later version was agreed.
    pub until: Option<Period>,
    /// What is divided.
    pub base: SplitBase,
    /// What the party earns for.
    pub role: ShareRole,
    /// Its share in parts per million.
    pub share_ppm: u32,
    /// The node where it reads its lines.
    pub node: NodeName,
    /// Where it stands.
    pub standing: ShareStanding,
}

/// One page of a party's shares.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SharePage {
    /// How many products name the party.
    pub products: u64,
    /// Which page, from 1.
    pub page: u32,
    /// The shares, by product, the newest version first.
    pub items: Vec<PartyShare>,
}

/// The shares of a party in products of every node, as the catalog held here has them, with where
/// they stand in `month`. `page` counts from 1; 0 is read as 1.
pub fn shares_of(
    read: &mut Read<'_>,
    party: &Uscc,
    (month, page): (Period, u32),
) -> Result<SharePage, Fault> {
    let named = catalog_parties::table.filter(catalog_parties::party_uscc.eq(party.as_str()));
    let products: i64 = named.count().get_result(&mut **read)?;
    let page = page.max(1);
    let numbers: Vec<String> = named
        .order(catalog_parties::product.asc())
        .limit(SHARE_PRODUCTS_MAX)
        .offset(SHARE_PRODUCTS_MAX.saturating_mul(i64::from(page) - 1))
        .select(catalog_parties::product)
        .load(&mut **read)?;
    let mut items = Vec::new();
    for number in numbers {
        let number = parsed(RegistrationNumber::parse(&number))?;
        if let Some(offer) = product(read, &number)? {
            items.extend(shares_in(&offer, party, month));
        }
    }
    Ok(SharePage { products: parsed(u64::try_from(products))?, page, items })
}

/// What the versions of a product's split give a party, the newest first.
fn shares_in(offer: &Offer, party: &Uscc, month: Period) -> Vec<PartyShare> {
    let in_force = offer.split_in(month).map(|split| split.version);
    let newest_first = offer.splits.iter().rev();
    let named = newest_first.filter_map(|split| {
        let share = split.shares.iter().find(|share| share.party == *party)?;
        let later = offer.splits.iter().filter(|other| other.version > split.version);
        let until = later.map(|other| other.from).min();
        let standing = match in_force {
            Some(version) if version == split.version => ShareStanding::InForce,
            _ if until.is_none_or(|until| until > split.from) && split.from > month => {
                ShareStanding::Ahead
            }
            _ => ShareStanding::Replaced,
        };
        Some(PartyShare {
            product: offer.product.number.clone(),
            name: offer.product.name.clone(),
            owner: offer.node.clone(),
            version: split.version,
            from: split.from,
            until,
            base: split.base,
            role: share.role,
            share_ppm: share.share_ppm,
            node: share.node.clone(),
            standing,
        })
    });
    named.take(VERSIONS_MAX).collect()
}

/// Lists the parties of a product's splits, in the place of those listed before.
pub(super) fn list(
    write: &mut Write<'_>,
    number: &RegistrationNumber,
    splits: &[Split],
) -> Result<(), Fault> {
    let rows = catalog_parties::table.filter(catalog_parties::product.eq(number.as_str()));
    let listed: Vec<String> = rows.select(catalog_parties::party_uscc).load(&mut **write)?;
    let listed: BTreeSet<&str> = listed.iter().map(String::as_str).collect();
    let shares = splits.iter().flat_map(|split| &split.shares);
    let named: BTreeSet<&str> = shares.map(|share| share.party.as_str()).collect();
    for party in listed.difference(&named) {
        diesel::delete(catalog_parties::table.find((*party, number.as_str())))
            .execute(&mut **write)?;
    }
    for party in named.difference(&listed) {
        let (party, product) = (*party, number.as_str());
        let row = (catalog_parties::party_uscc.eq(party), catalog_parties::product.eq(product));
        insert_if_absent!(write, catalog_parties::table, row)?;
    }
    Ok(())
}

/// Lists the parties of the products that an older program left out. Cheap when there are none;
/// safe beside others that do the same, and after a crash at any moment.
pub(super) fn list_rest(db: &Db) -> Result<(), Fault> {
    while db.read(|read| Ok::<_, Fault>(!unlisted(read)?.is_empty()))? {
        db.write(|write| {
            for number in unlisted(&mut write.as_read())? {
                let product = parsed(RegistrationNumber::parse(&number))?;
                if let Some((origin, _)) = speaker(&mut write.as_read(), &product)? {
                    let hanging = objects::of_product(&mut write.as_read(), &number, &origin)?;
                    list(write, &product, &Below::from_objects(hanging).splits)?;
                }
                diesel::delete(catalog_unshared::table.find(&number)).execute(&mut **write)?;
            }
            Ok::<_, Fault>(())
        })?;
    }
    Ok(())
}

fn unlisted(read: &mut Read<'_>) -> Result<Vec<String>, Fault> {
    Ok(catalog_unshared::table
        .order(catalog_unshared::product.asc())
        .limit(LISTED_AT_ONCE)
        .select(catalog_unshared::product)
        .load(&mut **read)?)
}

fn parsed<T, E: std::fmt::Display>(outcome: Result<T, E>) -> Result<T, Fault> {
    outcome.map_err(|error| Fault::corrupt("catalog_parties", error))
}
