//! From objects to the rows pages list: one row for each product, the counts behind the facets, and
//! who has a share in it ([`parties`]). Done once for each product that a group of entries touched;
//! its words follow ([`index`]).

use std::collections::BTreeSet;

use diesel::prelude::*;
use lianshi_registry::{
    catalog::{Object, ObjectKind, ProductState, rule},
    entry::{Plan, Purpose},
    id::{DivisionCode, Origin, RegistrationNumber},
    price::Price,
    uscc::Uscc,
};

use super::{
    change, index, objects,
    offer::{Above, Below},
    parties,
};
use crate::{
    db::{Read, Write},
    fault::Fault,
    members,
    schema::{catalog_counts, catalog_products},
    subscriptions,
};

/// What a group of entries changed, as far as products are concerned.
#[derive(Debug, Default)]
pub(crate) struct Touched {
    products: BTreeSet<RegistrationNumber>,
    authorizations: BTreeSet<RegistrationNumber>,
    resources: BTreeSet<RegistrationNumber>,
    operators: BTreeSet<Uscc>,
}

impl Touched {
    /// Notes one change. What appears for the first time has nothing below it yet.
    pub(crate) fn note(&mut self, before: Option<&Object>, after: &Object) {
        if let Some(number) = after.product_number() {
            self.products.insert(number.clone());
        }
        if before.is_none() {
            return;
        }
        match after {
            Object::Authorization(state) => {
                self.authorizations.insert(state.authorization.number.clone());
            }
            Object::Resource(state) => {
                self.resources.insert(state.resource.number.clone());
            }
            Object::Organization(state) => {
                self.operators.insert(state.organization.uscc.clone());
            }
            _ => {}
        }
    }

    fn has_links(&self) -> bool {
        !(self.authorizations.is_empty() && self.resources.is_empty() && self.operators.is_empty())
    }
}

/// Brings the rows of the touched products of a log up to date.
pub(crate) fn products(
    write: &mut Write<'_>,
    origin: &Origin,
    touched: &Touched,
) -> Result<(), Fault> {
    let mut numbers = touched.products.clone();
    if touched.has_links() {
        objects::for_each_in_log(&mut write.as_read(), ObjectKind::Product, origin, |object| {
            if let Object::Product(state) = object {
                let product = &state.product;
                let hit = touched.authorizations.contains(&product.authorization)
                    || touched.operators.contains(&product.operator)
                    || product.resources.iter().any(|r| touched.resources.contains(r));
                if hit {
                    numbers.insert(product.number.clone());
                }
            }
        })?;
    }
    for number in &numbers {
        product(write, number)?;
    }
    Ok(())
}

/// A row of `catalog_products`.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = catalog_products, treat_none_as_null = true)]
pub(crate) struct ProductRow {
    pub number: String,
    pub origin: String,
    pub node: String,
    pub division: String,
    pub authorization_number: String,
    pub form: String,
    pub sector: String,
    pub field: String,
    pub grade: String,
    pub purpose: String,
    pub charge: String,
    pub price_from_micro: Option<i64>,
    pub name_zh: String,
    pub name_en: String,
    pub summary_zh: String,
    pub summary_en: String,
    pub operator_uscc: String,
    pub operator_name_zh: String,
    pub operator_name_en: String,
    pub status: String,
    pub status_code: String,
    pub status_reason: String,
    pub usable_until: i64,
    pub registered_at: i64,
    pub updated_at: i64,
    pub synthetic: bool,
    pub origin_index: i64,
}

/// Brings one product's rows up to date.
fn product(write: &mut Write<'_>, number: &RegistrationNumber) -> Result<(), Fault> {
    // Contracts depend on more than is listed: an authorization may end behind a frozen log.
    subscriptions::note_product(write, number)?;
    let Some((origin, state)) = speaker(&mut write.as_read(), number)? else {
        return forget(write, number);
    };
    let product = &state.product;
    let above = Above::load(&mut write.as_read(), product, &origin)?;
    let hanging = objects::of_product(&mut write.as_read(), number.as_str(), &origin)?;
    let below = Below::from_objects(hanging);
    parties::list(write, number, &below.splits)?;
    let row = row(&origin, &state, &above, &below);
    let old: Option<ProductRow> = catalog_products::table
        .filter(catalog_products::number.eq(number.as_str()))
        .select(ProductRow::as_select())
        .first(&mut **write)
        .optional()?;
    match &old {
        Some(old) if *old == row => return Ok(()),
        Some(old) => {
            count(write, old, -1)?;
            diesel::update(
                catalog_products::table.filter(catalog_products::number.eq(number.as_str())),
            )
            .set(&row)
            .execute(&mut **write)?;
        }
        None => {
            diesel::insert_into(catalog_products::table).values(&row).execute(&mut **write)?;
        }
    }
    count(write, &row, 1)?;
    change::note(write, number.as_str())?;
    let same_words = old.as_ref().is_some_and(|old| {
        old.origin == row.origin
            && old.origin_index == row.origin_index
            && old.operator_name_zh == row.operator_name_zh
            && old.operator_name_en == row.operator_name_en
    });
    if same_words { Ok(()) } else { index::mark(write, &row.number) }
}

/// The log whose word on a number counts, the same everywhere. Numbers cannot collide between
/// divisions; where a city and a district both claim one, the nearer node wins; of two nodes the
/// one whose root authority comes first in the charter, then the one that was admitted first; and
/// of two generations of one node the later.
pub(super) fn speaker(
    read: &mut Read<'_>,
    number: &RegistrationNumber,
) -> Result<Option<(Origin, ProductState)>, Fault> {
    let mut claims = objects::by_name(read, ObjectKind::Product, number.as_str())?;
    if claims.len() > 1 {
        let roots = members::roots(read)?;
        let mut ranked = Vec::with_capacity(claims.len());
        for claim in claims {
            let far = division(read, &claim.origin)? != Some(number.division());
            let node = claim.origin.node().clone();
            let seniority = members::by_node(read, &node)?.map(|member| {
                let root = roots.iter().position(|root| root.wrote(&member.admitted_by));
                let first = member.past.generations.first();
                (root, first.map_or(member.admitted_index, |first| first.admitted_index))
            });
            let generation = std::cmp::Reverse(claim.origin.generation());
            // Before its own admission arrived a node knows nobody else.
            ranked.push(((far, seniority.is_none(), seniority, node, generation), claim));
        }
        ranked.sort_by(|(a, _), (b, _)| a.cmp(b));
        claims = ranked.into_iter().map(|(_, claim)| claim).collect();
    }
    Ok(claims.into_iter().find_map(|claim| match claim.object {
        Object::Product(state) => Some((claim.origin, *state)),
        _ => None,
    }))
}

fn division(read: &mut Read<'_>, origin: &Origin) -> Result<Option<DivisionCode>, Fault> {
    Ok(crate::fold::right::load(read, origin)?.division().cloned())
}

/// A product no log speaks of anymore, because its log is being folded again.
fn forget(write: &mut Write<'_>, number: &RegistrationNumber) -> Result<(), Fault> {
    parties::list(write, number, &[])?;
    let filter = catalog_products::number.eq(number.as_str());
    let old: Option<ProductRow> = catalog_products::table
        .filter(filter)
        .select(ProductRow::as_select())
        .first(&mut **write)
        .optional()?;
    if let Some(old) = old {
        count(write, &old, -1)?;
        diesel::delete(catalog_products::table.filter(filter)).execute(&mut **write)?;
        // Its log may be about to be folded anew: the words stay until it is indexed.
        index::mark(write, number.as_str())?;
        change::note(write, number.as_str())?;
    }
    Ok(())
}

/// Brings the rows of all products of a log up to date: its node's standing changed, or its objects
/// were forgotten before it is folded again.
pub(crate) fn of_log(write: &mut Write<'_>, origin: &Origin) -> Result<(), Fault> {
    let numbers: Vec<String> = catalog_products::table
        .filter(catalog_products::node.eq(origin.node().as_str()))
        .filter(catalog_products::origin.eq(origin.to_string()))
        .select(catalog_products::number)
        .load(&mut **write)?;
    for number in numbers {
        let number = RegistrationNumber::parse(&number)
            .map_err(|error| Fault::corrupt("catalog_products", error))?;
        product(write, &number)?;
    }
    Ok(())
}

fn row(origin: &Origin, state: &ProductState, above: &Above, below: &Below) -> ProductRow {
    let product = &state.product;
    let standing = above.standing(state);
    let operator = above.operator.as_ref().map(|state| state.organization.name.clone());
    let (operator_name_zh, operator_name_en) =
        operator.map_or_else(Default::default, |name| (name.zh, name.en));
    let authorized_until = above.authorization.as_ref().map(|state| state.authorization.until);
    let until = authorized_until.map_or(product.valid_until, |day| day.min(product.valid_until));
    ProductRow {
        number: product.number.to_string(),
        origin: origin.to_string(),
        node: origin.node().to_string(),
        division: product.number.division().to_string(),
        authorization_number: product.authorization.to_string(),
        form: product.form.to_string(),
        sector: product.sector.clone(),
        field: product.field.clone(),
        grade: product.grade.to_string(),
        purpose: purpose(&product.purposes).to_owned(),
        charge: charge(&below.plans).to_owned(),
        price_from_micro: price_from(&below.plans).map(Price::micro),
        name_zh: product.name.zh.clone(),
        name_en: product.name.en.clone(),
        summary_zh: product.summary.zh.clone(),
        summary_en: product.summary.en.clone(),
        operator_uscc: product.operator.to_string(),
        operator_name_zh,
        operator_name_en,
        status: standing.status.to_string(),
        status_code: standing.code.to_owned(),
        status_reason: standing.reason,
        usable_until: until.start().millis(),
        registered_at: state.registered_at.millis(),
        updated_at: state.updated_at.millis(),
        synthetic: product.synthetic,
        origin_index: i64::try_from(state.described_index).unwrap_or(i64::MAX),
    }
}

fn purpose(purposes: &[Purpose]) -> &'static str {
    let good = purposes.contains(&Purpose::PublicGood);
    match (good, purposes.contains(&Purpose::Industry)) {
        (true, true) => "both",
        (true, false) => "public_good",
        (false, true) => "industry",
        (false, false) => "none",
    }
}

fn charge(plans: &[Plan]) -> &'static str {
    let paid = plans.iter().filter(|plan| rule::unit_price(&plan.charge).is_some()).count();
    match (paid, plans.len() - paid) {
        (0, 0) => "none",
        (0, _) => "free",
        (_, 0) => "paid",
        _ => "both",
    }
}

fn price_from(plans: &[Plan]) -> Option<Price> {
    plans
        .iter()
        .map(|plan| rule::unit_price(&plan.charge).map_or(Price::ZERO, |(_, price)| price))
        .min()
}

fn count(write: &mut Write<'_>, row: &ProductRow, by: i64) -> Result<(), Fault> {
    let cell = catalog_counts::table
        .filter(catalog_counts::form.eq(&row.form))
        .filter(catalog_counts::sector.eq(&row.sector))
        .filter(catalog_counts::division.eq(&row.division))
        .filter(catalog_counts::node.eq(&row.node))
        .filter(catalog_counts::field.eq(&row.field))
        .filter(catalog_counts::charge.eq(&row.charge))
        .filter(catalog_counts::status.eq(&row.status));
    let updated = diesel::update(cell)
        .set(catalog_counts::listings.eq(catalog_counts::listings + by))
        .execute(&mut **write)?;
    if by < 0 {
        // A rebuild would not make a row that counts nothing.
        diesel::delete(cell.filter(catalog_counts::listings.le(0))).execute(&mut **write)?;
    }
    if updated == 0 {
        diesel::insert_into(catalog_counts::table)
            .values((
                catalog_counts::form.eq(&row.form),
                catalog_counts::sector.eq(&row.sector),
                catalog_counts::division.eq(&row.division),
                catalog_counts::node.eq(&row.node),
                catalog_counts::field.eq(&row.field),
                catalog_counts::charge.eq(&row.charge),
                catalog_counts::status.eq(&row.status),
                catalog_counts::listings.eq(by),
            ))
            .execute(&mut **write)?;
    }
    Ok(())
}
