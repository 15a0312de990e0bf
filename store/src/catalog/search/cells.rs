//! Listings grouped by the values of all facets, and the counts of a facet under the other filters.

use std::collections::BTreeMap;

use diesel::prelude::*;
use lianshi_registry::time::Timestamp;

use super::{FacetValue, Query};
use crate::{
    db::Read,
    fault::Fault,
    schema::{catalog_counts, catalog_products},
};

/// A filtered column.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Column {
    Kind,
    Sector,
    Division,
    Node,
    Field,
    Charge,
    Status,
}

const COLUMNS: [Column; 7] = [
    Column::Kind,
    Column::Sector,
    Column::Division,
    Column::Node,
    Column::Field,
    Column::Charge,
    Column::Status,
];

/// The values of all facets, in the order of the columns of `catalog_counts`.
pub(super) type Values = (String, String, String, String, String, String, String);

/// Listings that share the values of all facets.
#[derive(Debug, Clone)]
pub(super) struct Cell {
    values: Values,
    pub(super) listings: i64,
}

impl Cell {
    pub(super) fn new(values: Values, listings: i64) -> Self {
        Self { values, listings }
    }

    /// Cells with equal values become one.
    pub(super) fn counted<'c>(cells: impl Iterator<Item = &'c Self>) -> Vec<Self> {
        let mut counts: BTreeMap<&Values, i64> = BTreeMap::new();
        for cell in cells {
            *counts.entry(&cell.values).or_default() += cell.listings;
        }
        let whole = |(values, listings): (&Values, i64)| Self::new(values.clone(), listings);
        counts.into_iter().map(whole).collect()
    }

    /// A listing whose time ran out is no longer listed.
    pub(super) fn expire(&mut self, usable_until: i64, now: Timestamp) {
        let status = &mut self.values.6;
        if status == "listed" && usable_until <= now.millis() {
            "expired".clone_into(status);
        }
    }

    fn value(&self, column: Column) -> &str {
        let (kind, sector, division, node, field, charge, status) = &self.values;
        match column {
            Column::Kind => kind,
            Column::Sector => sector,
            Column::Division => division,
            Column::Node => node,
            Column::Field => field,
            Column::Charge => charge,
            Column::Status => status,
        }
    }

    /// Whether it passes every filter but the one on `except`.
    pub(super) fn passes(&self, query: &Query, except: Option<Column>) -> bool {
        let passes = |column| {
            let value = self.value(column);
            match (column, wanted(query, column)) {
                (Column::Status, "") => value != "delisted" && value != "registered",
                (Column::Status, "any") | (_, "") => true,
                (Column::Charge, _) if value == "both" => true,
                (_, wanted) => wanted == value,
            }
        };
        COLUMNS.into_iter().all(|column| except == Some(column) || passes(column))
    }

    /// The values of a facet it counts for.
    fn counts_for(&self, column: Column) -> Vec<&str> {
        match (column, self.value(column)) {
            (Column::Charge, "both") => vec!["free", "paid"],
            (Column::Charge, "none") => Vec::new(),
            (_, value) => vec![value],
        }
    }
}

fn wanted(query: &Query, column: Column) -> &str {
    match column {
        Column::Kind => &query.kind,
        Column::Sector => &query.sector,
        Column::Division => &query.division,
        Column::Node => &query.node,
        Column::Field => &query.field,
        Column::Charge => &query.charge,
        Column::Status => &query.status,
    }
}

/// The counts the fold keeps, with listings whose time ran out moved from `listed` to `expired`.
pub(super) fn cells(read: &mut Read<'_>, now: Timestamp) -> Result<Vec<Cell>, Fault> {
    let counts = catalog_counts::table.filter(catalog_counts::listings.gt(0)).select((
        (
            catalog_counts::form,
            catalog_counts::sector,
            catalog_counts::division,
            catalog_counts::node,
            catalog_counts::field,
            catalog_counts::charge,
            catalog_counts::status,
        ),
        catalog_counts::listings,
    ));
    let rows: Vec<(Values, i64)> = counts.load(&mut **read)?;
    let mut cells: Vec<Cell> =
        rows.into_iter().map(|(values, listings)| Cell::new(values, listings)).collect();
    let over = catalog_products::table
        .filter(catalog_products::usable_until.le(now.millis()))
        .filter(catalog_products::status.eq("listed"))
        .select((
            catalog_products::form,
            catalog_products::sector,
            catalog_products::division,
            catalog_products::node,
            catalog_products::field,
            catalog_products::charge,
            catalog_products::status,
        ));
    for values in over.load::<Values>(&mut **read)? {
        let mut expired = Cell::new(values.clone(), 1);
        expired.expire(i64::MIN, now);
        cells.extend([Cell::new(values, -1), expired]);
    }
    Ok(cells)
}

/// The values of one facet among the listings that pass every other filter.
pub(super) fn facet(query: &Query, cells: &[Cell], column: Column) -> Vec<FacetValue> {
    let mut counts: BTreeMap<&str, i64> = BTreeMap::new();
    for cell in cells.iter().filter(|cell| cell.passes(query, Some(column))) {
        for value in cell.counts_for(column) {
            *counts.entry(value).or_default() += cell.listings;
        }
    }
    let mut values: Vec<FacetValue> = counts
        .into_iter()
        .filter_map(|(value, count)| {
            let count = u64::try_from(count).ok().filter(|count| *count > 0)?;
            Some(FacetValue { value: value.to_owned(), count })
        })
        .collect();
    values.sort_by(|a, b| b.count.cmp(&a.count).then_with(|| a.value.cmp(&b.value)));
    values
}
