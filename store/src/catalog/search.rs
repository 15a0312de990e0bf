//! Search: words, facets with counts, pages. Without words the counts come from a small table kept
//! by the fold and one index gives the page, so that a hundred thousand listings answer in
//! milliseconds; with words the matches are few.

mod cells;

use std::{cmp::Reverse, collections::BTreeMap};

use diesel::prelude::*;
use lianshi_registry::{
    catalog::ProductStatus,
    entry::Texts,
    id::{DivisionCode, NodeName, RegistrationNumber},
    price::Price,
    time::Timestamp,
    uscc::Uscc,
    word::Word,
};

use self::cells::{Cell, Column, cells, facet};
use super::{project::ProductRow, words};
use crate::{
    db::Read,
    fault::Fault,
    schema::{catalog_products, catalog_terms},
};

/// Most items on a page: what people scroll through, and a bounded response.
pub const PAGE_ITEMS_MAX: u32 = 100;
/// Items on a page when nothing is asked for.
const PAGE_ITEMS: u32 = 20;
/// Numbers asked for in one statement: far below SQLite's limit on variables.
const NUMBERS_MAX: usize = 400;

/// Matches that are looked up one by one; for more than these reading every listing is faster.
const LOOKED_UP_MAX: usize = 4_000;

/// In which order hits come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Sort {
    /// Best match first; newest first without words.
    #[default]
    Relevance,
    /// Newest registration first.
    Newest,
}

/// What to look for. Empty texts do not filter.
#[derive(Debug, Clone, Default)]
pub struct Query {
    /// Words; a registration number finds that product.
    pub q: String,
    /// Product form, such as `verification`.
    pub kind: String,
    /// Sector code.
    pub sector: String,
    /// Division code inside the registration number.
    pub division: String,
    /// Owning node.
    pub node: String,
    /// Field code.
    pub field: String,
    /// `free` or `paid`: has an open plan of that sort.
    pub charge: String,
    /// A status; empty for all that are or were offered, without the delisted; `any` for all.
    pub status: String,
    /// Page, from 1.
    pub page: u32,
    /// Items on a page; 0 for the usual number.
    pub size: u32,
    /// Order.
    pub sort: Sort,
    /// Those after this number, in the order of numbers, whatever page and order say; empty from
    /// the first on. No registration moves another in that order, so a list that is asked for page
    /// by page skips and repeats nothing. Not with words.
    pub after: Option<String>,
    /// The time: listings whose authorization ran out count as expired.
    pub now: Timestamp,
}

/// One listing of a page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hit {
    /// Registration number.
    pub number: RegistrationNumber,
    /// Name.
    pub name: Texts,
    /// One sentence.
    pub summary: Texts,
    /// Form code.
    pub form: String,
    /// Sector code.
    pub sector: String,
    /// Field code.
    pub field: String,
    /// Division.
    pub division: DivisionCode,
    /// Owning node.
    pub node: NodeName,
    /// Grade code.
    pub grade: String,
    /// `public_good`, `industry`, `both`, `none`.
    pub purpose: String,
    /// `free`, `paid`, `both`, `none`.
    pub charge: String,
    /// Lowest unit price of its open plans; `None` without plans.
    pub price_from: Option<Price>,
    /// Operator's code.
    pub operator: Uscc,
    /// Operator's name.
    pub operator_name: Texts,
    /// Where it stands now.
    pub status: ProductStatus,
    /// Code of what stopped it; empty while listed.
    pub status_code: String,
    /// When it was registered.
    pub registered_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
    /// Demonstration data.
    pub synthetic: bool,
}

/// A value of a facet with its count.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FacetValue {
    /// Code.
    pub value: String,
    /// Listings that have it, under all other filters.
    pub count: u64,
}

/// Values of every facet, most frequent first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Facets {
    /// Forms.
    pub kind: Vec<FacetValue>,
    /// Sectors.
    pub sector: Vec<FacetValue>,
    /// Divisions.
    pub division: Vec<FacetValue>,
    /// Nodes.
    pub node: Vec<FacetValue>,
    /// Fields.
    pub field: Vec<FacetValue>,
    /// `free` and `paid`; a listing with both sorts of plans counts in both.
    pub charge: Vec<FacetValue>,
    /// Statuses.
    pub status: Vec<FacetValue>,
}

/// A page of hits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// All hits.
    pub total: u64,
    /// This page, from 1.
    pub page: u32,
    /// Items on a full page.
    pub size: u32,
    /// How many pages there are, at least 1.
    pub pages: u32,
    /// The items of this page.
    pub items: Vec<Hit>,
    /// Facets with counts.
    pub facets: Facets,
}

/// Searches the catalog.
pub fn search(read: &mut Read<'_>, query: &Query) -> Result<Page, Fault> {
    let question = words::question(&query.q);
    let size = if query.size == 0 { PAGE_ITEMS } else { query.size.min(PAGE_ITEMS_MAX) };
    if question.words.is_empty() {
        if !query.q.trim().is_empty() {
            return Ok(assemble(query, size, &[], Vec::new()));
        }
        return browse(read, query, size);
    }
    let mut scores = matches(read, &question.words)?;
    if scores.is_empty() && !question.pairs.is_empty() {
        scores = matches(read, &question.pairs)?;
    }
    let mut found = narrow(read, &scores, query.now)?;
    let cells = Cell::counted(found.iter().map(|row| &row.facets));
    found.retain(|row| row.facets.passes(query, None));
    let score = |row: &Narrow| match query.sort {
        Sort::Relevance => scores.get(&row.number).copied().unwrap_or_default(),
        Sort::Newest => 0,
    };
    found.sort_by_cached_key(|row| Reverse((score(row), row.registered_at, row.number.clone())));
    let wanted = found.into_iter().skip(offset(query, size)).take(usize_of(size));
    let rows = wanted.map(|row| whole(read, &row.number)).collect::<Result<Vec<_>, _>>()?;
    Ok(assemble(query, size, &cells, hits_at(rows, query.now)?))
}

fn matches(read: &mut Read<'_>, terms: &[String]) -> Result<BTreeMap<String, i64>, Fault> {
    use diesel::{
        dsl::{count_star, sql},
        sql_types::BigInt,
    };
    let wanted = i64::try_from(terms.len()).unwrap_or(i64::MAX);
    let rows: Vec<(String, i64)> = catalog_terms::table
        .filter(catalog_terms::term.eq_any(terms))
        .group_by(catalog_terms::number)
        .having(count_star().eq(wanted))
        .select((catalog_terms::number, sql::<BigInt>("CAST(SUM(weight) AS BIGINT)")))
        .load(&mut **read)?;
    Ok(rows.into_iter().collect())
}

/// What ranking and counting need of a product: a word may match very many of them.
struct Narrow {
    number: String,
    registered_at: i64,
    facets: Cell,
}

/// The products of some scores.
fn narrow(
    read: &mut Read<'_>,
    scores: &BTreeMap<String, i64>,
    now: Timestamp,
) -> Result<Vec<Narrow>, Fault> {
    type Row = (String, i64, i64, (String, String, String, String, String, String, String));
    let all = catalog_products::table.select((
        catalog_products::number,
        catalog_products::registered_at,
        catalog_products::usable_until,
        (
            catalog_products::form,
            catalog_products::sector,
            catalog_products::division,
            catalog_products::node,
            catalog_products::field,
            catalog_products::charge,
            catalog_products::status,
        ),
    ));
    let mut rows: Vec<Row> = Vec::with_capacity(scores.len());
    if scores.len() > LOOKED_UP_MAX {
        rows = all.load(&mut **read)?;
        rows.retain(|row| scores.contains_key(&row.0));
    } else {
        let numbers: Vec<&String> = scores.keys().collect();
        for chunk in numbers.chunks(NUMBERS_MAX) {
            let some = all.filter(catalog_products::number.eq_any(chunk.iter().copied()));
            rows.extend(some.load::<Row>(&mut **read)?);
        }
    }
    let narrow = rows.into_iter().map(|(number, registered_at, usable_until, values)| {
        let mut facets = Cell::new(values, 1);
        facets.expire(usable_until, now);
        Narrow { number, registered_at, facets }
    });
    Ok(narrow.collect())
}

fn whole(read: &mut Read<'_>, number: &str) -> Result<ProductRow, Fault> {
    let row = catalog_products::table.find(number).select(ProductRow::as_select());
    Ok(row.first(&mut **read)?)
}

/// A page without words.
fn browse(read: &mut Read<'_>, query: &Query, size: u32) -> Result<Page, Fault> {
    let cells = cells(read, query.now)?;
    let mut rows = catalog_products::table.into_boxed();
    let filters = [
        (&query.kind, Column::Kind),
        (&query.sector, Column::Sector),
        (&query.division, Column::Division),
        (&query.node, Column::Node),
        (&query.field, Column::Field),
    ];
    for (value, column) in filters {
        if value.is_empty() {
            continue;
        }
        rows = match column {
            Column::Kind => rows.filter(catalog_products::form.eq(value)),
            Column::Sector => rows.filter(catalog_products::sector.eq(value)),
            Column::Division => rows.filter(catalog_products::division.eq(value)),
            Column::Node => rows.filter(catalog_products::node.eq(value)),
            _ => rows.filter(catalog_products::field.eq(value)),
        };
    }
    if !query.charge.is_empty() {
        rows = rows.filter(catalog_products::charge.eq_any([query.charge.as_str(), "both"]));
    }
    let now = query.now.millis();
    rows = match query.status.as_str() {
        "any" => rows,
        "" => rows.filter(catalog_products::status.ne_all(["delisted", "registered"])),
        "listed" => rows
            .filter(catalog_products::status.eq("listed"))
            .filter(catalog_products::usable_until.gt(now)),
        "expired" => rows
            .filter(catalog_products::status.eq("listed"))
            .filter(catalog_products::usable_until.le(now)),
        other => rows.filter(catalog_products::status.eq(other)),
    };
    let rows = match &query.after {
        Some(after) => {
            rows.filter(catalog_products::number.gt(after)).order(catalog_products::number.asc())
        }
        None => rows
            .order((catalog_products::registered_at.desc(), catalog_products::number.desc()))
            .offset(i64::try_from(offset(query, size)).unwrap_or(i64::MAX)),
    };
    let rows: Vec<ProductRow> =
        rows.limit(i64::from(size)).select(ProductRow::as_select()).load(&mut **read)?;
    Ok(assemble(query, size, &cells, hits_at(rows, query.now)?))
}

/// Rows as listings, as they stand at a time.
pub(super) fn hits_at(rows: Vec<ProductRow>, now: Timestamp) -> Result<Vec<Hit>, Fault> {
    hits(rows.into_iter().map(|row| expire(row, now)).collect())
}

fn assemble(query: &Query, size: u32, cells: &[Cell], items: Vec<Hit>) -> Page {
    let total: i64 =
        cells.iter().filter(|cell| cell.passes(query, None)).map(|cell| cell.listings).sum();
    let total = u64::try_from(total).unwrap_or_default();
    let pages = u32::try_from(total.div_ceil(u64::from(size).max(1))).unwrap_or(u32::MAX).max(1);
    let facet = |column| facet(query, cells, column);
    let facets = Facets {
        kind: facet(Column::Kind),
        sector: facet(Column::Sector),
        division: facet(Column::Division),
        node: facet(Column::Node),
        field: facet(Column::Field),
        charge: facet(Column::Charge),
        status: facet(Column::Status),
    };
    Page { total, page: query.page.max(1), size, pages, items, facets }
}

fn expire(mut row: ProductRow, now: Timestamp) -> ProductRow {
    if row.status == "listed" && row.usable_until <= now.millis() {
        "expired".clone_into(&mut row.status);
        "product.expired".clone_into(&mut row.status_code);
    }
    row
}

fn offset(query: &Query, size: u32) -> usize {
    usize_of(query.page.max(1) - 1).saturating_mul(usize_of(size))
}

fn usize_of(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

fn hits(rows: Vec<ProductRow>) -> Result<Vec<Hit>, Fault> {
    rows.into_iter().map(hit).collect()
}

fn hit(row: ProductRow) -> Result<Hit, Fault> {
    let corrupt = |what: &dyn std::fmt::Display| Fault::corrupt("catalog_products", what);
    Ok(Hit {
        number: RegistrationNumber::parse(&row.number).map_err(|e| corrupt(&e))?,
        division: DivisionCode::parse(&row.division).map_err(|e| corrupt(&e))?,
        node: NodeName::parse(&row.node).map_err(|e| corrupt(&e))?,
        operator: Uscc::known(&row.operator_uscc).map_err(|e| corrupt(&e))?,
        status: ProductStatus::read(&row.status).ok_or_else(|| corrupt(&row.status))?,
        price_from: row.price_from_micro.and_then(Price::from_micro),
        name: Texts { zh: row.name_zh, en: row.name_en },
        summary: Texts { zh: row.summary_zh, en: row.summary_en },
        operator_name: Texts { zh: row.operator_name_zh, en: row.operator_name_en },
        form: row.form,
        sector: row.sector,
        field: row.field,
        grade: row.grade,
        purpose: row.purpose,
        charge: row.charge,
        status_code: row.status_code,
        registered_at: Timestamp::from_millis(row.registered_at),
        updated_at: Timestamp::from_millis(row.updated_at),
        synthetic: row.synthetic,
    })
}
