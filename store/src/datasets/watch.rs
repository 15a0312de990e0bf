//! What a load looks at besides single cells: the guard its product is under, the example its
//! operation shows, and which points of a series must be withheld so that no sum gives a small one
//! away. Decided once for a version and the same for every question.

use std::collections::{BTreeMap, BTreeSet};

use diesel::prelude::*;
use lianshi_market::{
    dataset::{Cell, Definition, Series},
    suppression::{CELLS_MAX, Table, undeclared_total, withhold},
};
use lianshi_registry::{entry::Operation, time::Timestamp};

use super::{Dataset, load::Target, refusal::LoadRefusal, source::SourceRow};
use crate::{
    catalog,
    db::{Failure, Read, Write},
    dialect::{BULK_ROWS_MAX, insert_all},
    fault::Fault,
    schema::{dataset_rows, withheld_rows},
    subscriptions,
};

/// Rows kept to try the example on; no engine reads more for one key.
const EXAMPLE_ROWS_MAX: usize = 20_000;

/// Watches a load.
pub(super) struct Watch<'t> {
    target: &'t Target,
    /// The operation as its product describes it; `None` where this node's catalog has none.
    operation: Option<Operation>,
    smallest_cell: u64,
    /// Withheld by the version in service, by where they stand, with what they count.
    kept: BTreeMap<Vec<String>, u64>,
    example_key: Option<String>,
    example_rows: Vec<Vec<String>>,
    points: Vec<Watched>,
}

/// A point that is under a smallest cell, with its key and its line.
struct Watched {
    key: String,
    line: u64,
    cell: Cell,
}

/// What was decided for a version.
pub(super) struct Decided {
    pub smallest_cell: u64,
    /// Key and number of the rows that are withheld.
    pub withheld: Vec<(String, i64)>,
}

#[derive(Insertable)]
#[diesel(table_name = withheld_rows)]
struct WithheldRow<'r> {
    product: &'r str,
    operation: &'r str,
    version: i64,
    row_key: &'r str,
    row_number: i64,
}

impl Decided {
    /// Writes what is withheld of a version.
    pub(super) fn keep(
        &self,
        write: &mut Write<'_>,
        target: &Target,
        version: i64,
    ) -> Result<(), Fault> {
        for some in self.withheld.chunks(BULK_ROWS_MAX) {
            let rows: Vec<WithheldRow<'_>> = some
                .iter()
                .map(|(row_key, row_number)| WithheldRow {
                    product: target.product.as_str(),
                    operation: &target.operation,
                    version,
                    row_key,
                    row_number: *row_number,
                })
                .collect();
            insert_all!(write, withheld_rows::table, &rows)?;
        }
        Ok(())
    }
}

impl<'t> Watch<'t> {
    /// Refuses a definition that does not serve its operation or undoes the product's guard.
    pub(super) fn begin(
        read: &mut Read<'_>,
        target: &'t Target,
    ) -> Result<Self, Failure<LoadRefusal>> {
        let definition = &target.definition;
        let offer = catalog::product(read, &target.product)?;
        let promised = subscriptions::smallest_cell_promised(read, &target.product)?;
        let registered = offer.as_ref().map_or(0, |offer| offer.product.guard.smallest_cell);
        let smallest_cell = registered.max(promised);
        let operation = offer.and_then(|offer| {
            offer.product.operations.into_iter().find(|known| known.name == target.operation)
        });
        let mut example_key = None;
        if let Some(operation) = &operation {
            definition.check_operation(operation, smallest_cell).map_err(refused)?;
            if let Some(Ok(request)) = definition.example(operation) {
                example_key = definition.row_key(|name| request.get(name).map(String::as_str));
            }
        }
        if definition.series.is_some() && smallest_cell > 0 {
            check_siblings(read, target)?;
        }
        let kept = kept(read, target)?;
        Ok(Self {
            target,
            operation,
            smallest_cell,
            kept,
            example_key,
            example_rows: Vec::new(),
            points: Vec::new(),
        })
    }

    /// Takes the next row of the file.
    pub(super) fn take(&mut self, row: &SourceRow) {
        if self.example_key.as_ref() == Some(&row.key) && self.example_rows.len() < EXAMPLE_ROWS_MAX
        {
            self.example_rows.push(row.cells.clone());
        }
        let Some(series) = self.watched() else { return };
        // One more than can be decided is enough to refuse.
        if self.points.len() <= CELLS_MAX {
            let cell = series.cell(&self.target.definition, &row.cells);
            self.points.push(Watched { key: row.key.clone(), line: row.line, cell });
        }
    }

    /// The series whose points are under a smallest cell.
    fn watched(&self) -> Option<&'t Series> {
        self.target.definition.series.as_ref().filter(|_| self.smallest_cell > 0)
    }

    /// Decides, when the whole file was taken.
    pub(super) fn settle(self, now: Timestamp) -> Result<Decided, LoadRefusal> {
        if let Some(operation) = &self.operation {
            let under = (now.date(), self.smallest_cell);
            self.target.definition.check_example(operation, &self.example_rows, under)?;
        }
        let withheld = match self.watched() {
            Some(series) => self.withheld(series)?,
            None => Vec::new(),
        };
        Ok(Decided { smallest_cell: self.smallest_cell, withheld })
    }

    fn withheld(&self, series: &Series) -> Result<Vec<(String, i64)>, LoadRefusal> {
        let columns = series.coordinates();
        let totals = series.totals(&self.target.definition);
        // Without sums a point is withheld by what it counts alone, and that is seen when it is
        // answered.
        if totals.is_empty() && self.points.len() > CELLS_MAX {
            return Ok(Vec::new());
        }
        let cells: Vec<Cell> = self.points.iter().map(|point| point.cell.clone()).collect();
        let mut met = BTreeSet::new();
        if let Some(twice) = cells.iter().find(|cell| !met.insert(&cell.at)) {
            return Err(LoadRefusal::PointTwice(twice.at.join(" / ")));
        }
        let smallest_cell = self.smallest_cell;
        let table = Table { columns: &columns, totals: &totals, cells: &cells, smallest_cell };
        undeclared_total(&table)?;
        let is_kept = |cell: &Cell| self.kept.get(&cell.at) == Some(&cell.count);
        let kept = cells.iter().enumerate().filter(|(_, cell)| is_kept(cell));
        let withheld = withhold(&table, &kept.map(|(place, _)| place).collect())?;
        let row = |place: usize| {
            let point = self.points.get(place)?;
            Some((point.key.clone(), i64::try_from(point.line).ok()?))
        };
        Ok(withheld.into_iter().filter_map(row).collect())
    }
}

fn refused(refusal: impl Into<LoadRefusal>) -> Failure<LoadRefusal> {
    Failure::Refused(refusal.into())
}

/// Two operations that answer the same figures are two views of one population: one may show what
/// the other withholds. They belong into one data set that declares their totals.
fn check_siblings(read: &mut Read<'_>, target: &Target) -> Result<(), Failure<LoadRefusal>> {
    let own = target.definition.series.iter().flat_map(|series| &series.values);
    let own: BTreeSet<&String> = own.collect();
    for other in super::all(read)? {
        if other.product != target.product.as_str() || other.operation == target.operation {
            continue;
        }
        let values = other.definition.series.iter().flat_map(|series| &series.values);
        if let Some(value) = values.into_iter().find(|value| own.contains(value)) {
            let value = value.clone();
            return Err(refused(LoadRefusal::SameFigures { operation: other.operation, value }));
        }
    }
    Ok(())
}

/// What the version in service withholds although it counts enough: while the figure is the same,
/// it must not be shown.
fn kept(read: &mut Read<'_>, target: &Target) -> Result<BTreeMap<Vec<String>, u64>, Fault> {
    let old = super::dataset(read, target.product.as_str(), &target.operation)?;
    let Some(old) = old else { return Ok(BTreeMap::new()) };
    let (Some(then), Some(now)) = (&old.definition.series, &target.definition.series) else {
        return Ok(BTreeMap::new());
    };
    if then.coordinates() != now.coordinates() {
        return Ok(BTreeMap::new());
    }
    let cells = withheld_cells(read, &old, &old.definition)?;
    Ok(cells.into_iter().filter(|(_, count)| *count >= old.smallest_cell).collect())
}

fn withheld_cells(
    read: &mut Read<'_>,
    dataset: &Dataset,
    definition: &Definition,
) -> Result<Vec<(Vec<String>, u64)>, Fault> {
    let Some(series) = &definition.series else { return Ok(Vec::new()) };
    let rows: Vec<String> = dataset_rows::table
        .inner_join(
            withheld_rows::table.on(withheld_rows::product
                .eq(dataset_rows::product)
                .and(withheld_rows::operation.eq(dataset_rows::operation))
                .and(withheld_rows::version.eq(dataset_rows::version))
                .and(withheld_rows::row_key.eq(dataset_rows::row_key))
                .and(withheld_rows::row_number.eq(dataset_rows::row_number))),
        )
        .filter(dataset_rows::product.eq(&dataset.product))
        .filter(dataset_rows::operation.eq(&dataset.operation))
        .filter(dataset_rows::version.eq(dataset.version))
        .select(dataset_rows::cells)
        .load(&mut **read)?;
    let cell = |cells: String| {
        let cell = series.cell(definition, &super::parsed(dataset, &cells)?);
        Ok::<_, Fault>((cell.at, cell.count))
    };
    rows.into_iter().map(cell).collect()
}
