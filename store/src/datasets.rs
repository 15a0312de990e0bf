//! Data sets: what lies behind a product's operation, inside this node, and never travels. A load
//! is all or nothing: rows of a new version gather beside the old ones, and one small transaction
//! switches over.

mod contradiction;
mod load;
mod refusal;
mod source;
mod sweep;
mod text;
mod watch;

pub use load::{Loaded, Progress, Target, load};
pub use refusal::{LoadRefusal, ROW_ERRORS_MAX, RowError};
pub use sweep::sweep_abandoned;
pub use text::Encoding;

use std::collections::BTreeSet;

use diesel::prelude::*;
use lianshi_market::dataset::Definition;
use lianshi_registry::time::Timestamp;

use crate::{
    db::Read,
    fault::Fault,
    schema::{dataset_rows, datasets, withheld_rows},
};

/// A data set in service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dataset {
    /// Number of the product.
    pub product: String,
    /// The operation it answers.
    pub operation: String,
    /// How it is read.
    pub definition: Definition,
    /// Counts loads, from 1.
    pub version: i64,
    /// Rows.
    pub row_count: i64,
    /// SHA-256 of the file.
    pub source_hash: Vec<u8>,
    /// When it was loaded.
    pub loaded_at: Timestamp,
    /// The smallest cell its withheld points were decided for.
    pub smallest_cell: u64,
}

/// A point of a series as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Point {
    /// A cell for each column of the definition.
    pub cells: Vec<String>,
    /// Its figures are not answered: it counts too few subjects, or would give one away that does.
    pub is_withheld: bool,
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = datasets)]
struct DatasetRow {
    product: String,
    operation: String,
    definition: String,
    version: i64,
    row_count: i64,
    source_hash: Vec<u8>,
    loaded_at: i64,
    smallest_cell: i64,
}

impl TryFrom<DatasetRow> for Dataset {
    type Error = Fault;

    fn try_from(row: DatasetRow) -> Result<Self, Fault> {
        let definition = serde_json::from_str(&row.definition)
            .map_err(|error| Fault::corrupt("datasets", error))?;
        Ok(Self {
            product: row.product,
            operation: row.operation,
            definition,
            version: row.version,
            row_count: row.row_count,
            source_hash: row.source_hash,
            loaded_at: Timestamp::from_millis(row.loaded_at),
            smallest_cell: u64::try_from(row.smallest_cell)
                .map_err(|error| Fault::corrupt("datasets", error))?,
        })
    }
}

/// The data set behind an operation.
pub fn dataset(
    read: &mut Read<'_>,
    product: &str,
    operation: &str,
) -> Result<Option<Dataset>, Fault> {
    let row: Option<DatasetRow> = datasets::table
        .filter(datasets::product.eq(product))
        .filter(datasets::operation.eq(operation))
        .select(DatasetRow::as_select())
        .first(&mut **read)
        .optional()?;
    row.map(Dataset::try_from).transpose()
}

/// The version in service, to tell whether a [`Dataset`] kept in memory is still the one.
pub fn version(read: &mut Read<'_>, product: &str, operation: &str) -> Result<Option<i64>, Fault> {
    Ok(datasets::table
        .filter(datasets::product.eq(product))
        .filter(datasets::operation.eq(operation))
        .select(datasets::version)
        .first(&mut **read)
        .optional()?)
}

/// Every data set of this node, by product and operation.
pub fn all(read: &mut Read<'_>) -> Result<Vec<Dataset>, Fault> {
    let rows: Vec<DatasetRow> = datasets::table
        .order((datasets::product.asc(), datasets::operation.asc()))
        .select(DatasetRow::as_select())
        .load(&mut **read)?;
    rows.into_iter().map(Dataset::try_from).collect()
}

/// Rows of a key, in the order of the file, at most `limit`; each has a cell for each column of the
/// definition. Ask in the snapshot in which the version was read: rows of older versions are swept
/// away.
pub fn rows(
    read: &mut Read<'_>,
    dataset: &Dataset,
    row_key: &str,
    limit: i64,
) -> Result<Vec<Vec<String>>, Fault> {
    let rows = numbered(read, dataset, row_key, limit)?;
    Ok(rows.into_iter().map(|(_, cells)| cells).collect())
}

/// The same with what is withheld of them.
pub fn points(
    read: &mut Read<'_>,
    dataset: &Dataset,
    row_key: &str,
    limit: i64,
) -> Result<Vec<Point>, Fault> {
    let rows = numbered(read, dataset, row_key, limit)?;
    let withheld: Vec<i64> = if dataset.smallest_cell == 0 {
        Vec::new()
    } else {
        withheld_rows::table
            .filter(withheld_rows::product.eq(&dataset.product))
            .filter(withheld_rows::operation.eq(&dataset.operation))
            .filter(withheld_rows::version.eq(dataset.version))
            .filter(withheld_rows::row_key.eq(row_key))
            .select(withheld_rows::row_number)
            .load(&mut **read)?
    };
    let withheld: BTreeSet<i64> = withheld.into_iter().collect();
    let point = |(number, cells): (i64, Vec<String>)| Point {
        cells,
        is_withheld: withheld.contains(&number),
    };
    Ok(rows.into_iter().map(point).collect())
}

fn numbered(
    read: &mut Read<'_>,
    dataset: &Dataset,
    row_key: &str,
    limit: i64,
) -> Result<Vec<(i64, Vec<String>)>, Fault> {
    let rows: Vec<(i64, String)> = dataset_rows::table
        .filter(dataset_rows::product.eq(&dataset.product))
        .filter(dataset_rows::operation.eq(&dataset.operation))
        .filter(dataset_rows::version.eq(dataset.version))
        .filter(dataset_rows::row_key.eq(row_key))
        .order(dataset_rows::row_number.asc())
        .limit(limit)
        .select((dataset_rows::row_number, dataset_rows::cells))
        .load(&mut **read)?;
    rows.into_iter()
        .map(|(number, cells)| Ok::<_, Fault>((number, parsed(dataset, &cells)?)))
        .collect()
}

fn parsed(dataset: &Dataset, cells: &str) -> Result<Vec<String>, Fault> {
    let cells: Vec<String> =
        serde_json::from_str(cells).map_err(|error| Fault::corrupt("dataset_rows", error))?;
    let fits = cells.len() == dataset.definition.columns.len();
    if fits { Ok(cells) } else { Err(Fault::corrupt("dataset_rows", "cells")) }
}
