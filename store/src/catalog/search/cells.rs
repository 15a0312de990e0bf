//! Listings grouped by the values of all facets, and the counts of a facet under the other filters.

use std::collections::BTreeMap;

use diesel::prelude::*;
use lianshi_registry::time::Timestamp;

use super::{FacetValue, Query};
use crate::{
    catalog::project::ProductRow,
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

/// Listings that share the values of all facets.
#[derive(Debug, Clone)]
pub(super) struct Cell {
    kind: String,
    sector: String,
    division: String,
    node: String,
    field: String,
    charge: String,
    status: String,
    pub(super) listings: i64,
}

impl Cell {
    pub(super) fn of_row(row: &ProductRow) -> Self {
        Self {
            kind: row.form.clone(),
            sector: row.sector.clone(),
            division: row.division.clone(),
            node: row.node.clone(),
            field: row.field.clone(),
            charge: row.charge.clone(),
            status: row.status.clone(),
            listings: 1,
        }
    }

    /// Whether it passes every filter but the one on `except`.
    pub(super) fn passes(&self, query: &Query, except: Option<Column>) -> bool {
        let same = |column, wanted: &str, value: &str| {
            except == Some(column) || wanted.is_empty() || wanted == value
        };
        let charge = except == Some(Column::Charge)
            || query.charge.is_empty()
            || self.charge == query.charge
            || self.charge == "both";
        let status = except == Some(Column::Status)
            || match query.status.as_str() {
                "any" => true,
                "" => self.status != "delisted" && self.status != "registered",
                wanted => wanted == self.status,
            };
        same(Column::Kind, &query.kind, &self.kind)
            && same(Column::Sector, &query.sector, &self.sector)
            && same(Column::Division, &query.division, &self.division)
            && same(Column::Node, &query.node, &self.node)
            && same(Column::Field, &query.field, &self.field)
            && charge
            && status
    }

    fn values(&self, column: Column) -> Vec<&str> {
        match column {
            Column::Kind => vec![&self.kind],
            Column::Sector => vec![&self.sector],
            Column::Division => vec![&self.division],
            Column::Node => vec![&self.node],
            Column::Field => vec![&self.field],
            Column::Status => vec![&self.status],
            Column::Charge => match self.charge.as_str() {
                "both" => vec!["free", "paid"],
                "none" => Vec::new(),
                one => vec![one],
            },
        }
    }
}

/// The counts the fold keeps, with listings whose time ran out moved from `listed` to `expired`.
pub(super) fn cells(read: &mut Read<'_>, now: Timestamp) -> Result<Vec<Cell>, Fault> {
    type Row = (String, String, String, String, String, String, String, i64);
    let rows: Vec<Row> =
        catalog_counts::table.filter(catalog_counts::listings.gt(0)).load(&mut **read)?;
    let mut cells: Vec<Cell> = rows
        .into_iter()
        .map(|(kind, sector, division, node, field, charge, status, listings)| Cell {
            kind,
            sector,
            division,
            node,
            field,
            charge,
            status,
            listings,
        })
        .collect();
    let expired: Vec<ProductRow> = catalog_products::table
        .filter(catalog_products::usable_until.le(now.millis()))
        .filter(catalog_products::status.eq("listed"))
        .select(ProductRow::as_select())
        .load(&mut **read)?;
    for row in expired {
        let mut cell = Cell::of_row(&row);
        let removed = Cell { listings: -1, ..cell.clone() };
        "expired".clone_into(&mut cell.status);
        cells.extend([removed, cell]);
    }
    Ok(cells)
}

/// The values of one facet among the listings that pass every other filter.
pub(super) fn facet(query: &Query, cells: &[Cell], column: Column) -> Vec<FacetValue> {
    let mut counts: BTreeMap<&str, i64> = BTreeMap::new();
    for cell in cells.iter().filter(|cell| cell.passes(query, Some(column))) {
        for value in cell.values(column) {
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
