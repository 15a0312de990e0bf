//! The rows of a new version among themselves, before it goes into service: read back key by key,
//! so that a file of any size is compared in little memory.

use diesel::prelude::*;
use lianshi_market::dataset::{Definition, ROWS_PER_KEY_MAX};

use super::refusal::{ROW_ERRORS_MAX, RowError};
use crate::{Db, Fault, schema::dataset_rows};

/// Rows read at once.
const ROWS_PER_READ: i64 = 5_000;

/// Which rows to look at.
pub(super) struct Version<'v> {
    pub product: &'v str,
    pub operation: &'v str,
    pub number: i64,
}

/// A row as it was kept: its key, its line, its cells.
type Row = (String, i64, String);

/// What is wrong with rows beside each other, at most [`ROW_ERRORS_MAX`] and one.
pub(super) fn find(
    db: &Db,
    definition: &Definition,
    version: &Version<'_>,
) -> Result<Vec<RowError>, Fault> {
    let mut errors = Vec::new();
    let mut alike = Alike::default();
    let mut after: Option<(String, i64)> = None;
    loop {
        let rows = db.read(|read| page(read, version, after.as_ref()))?;
        let Some((key, line, _)) = rows.last() else { break };
        after = Some((key.clone(), *line));
        for row in rows {
            if row.0 != alike.key {
                errors.extend(alike.judge(definition));
                alike = Alike { key: row.0.clone(), ..Alike::default() };
            }
            alike.add(&row)?;
        }
        if errors.len() > ROW_ERRORS_MAX {
            break;
        }
    }
    errors.extend(alike.judge(definition));
    errors.sort_by_key(|error| error.line);
    Ok(errors)
}

fn page(
    read: &mut crate::Read<'_>,
    version: &Version<'_>,
    after: Option<&(String, i64)>,
) -> Result<Vec<Row>, Fault> {
    let all = dataset_rows::table
        .filter(dataset_rows::product.eq(version.product))
        .filter(dataset_rows::operation.eq(version.operation))
        .filter(dataset_rows::version.eq(version.number))
        .order((dataset_rows::row_key.asc(), dataset_rows::row_number.asc()))
        .limit(ROWS_PER_READ)
        .select((dataset_rows::row_key, dataset_rows::row_number, dataset_rows::cells));
    let rows = match after {
        None => all.load(&mut **read)?,
        Some((key, line)) => {
            let same_key = dataset_rows::row_key.eq(key).and(dataset_rows::row_number.gt(line));
            all.filter(dataset_rows::row_key.gt(key).or(same_key)).load(&mut **read)?
        }
    };
    Ok(rows)
}

/// The rows of one key.
#[derive(Default)]
struct Alike {
    key: String,
    rows: Vec<(u64, Vec<String>)>,
    /// Line of the first row beyond what a call reads.
    beyond: Option<u64>,
}

impl Alike {
    fn add(&mut self, (_, line, cells): &Row) -> Result<(), Fault> {
        let line = u64::try_from(*line).map_err(|e| Fault::corrupt("dataset_rows", e))?;
        if self.rows.len() >= ROWS_PER_KEY_MAX {
            self.beyond.get_or_insert(line);
            return Ok(());
        }
        let cells = serde_json::from_str(cells).map_err(|e| Fault::corrupt("dataset_rows", e))?;
        self.rows.push((line, cells));
        Ok(())
    }

    fn judge(&self, definition: &Definition) -> Vec<RowError> {
        if let Some(line) = self.beyond {
            let why = format!("is beyond the {ROWS_PER_KEY_MAX} rows of one key that a call reads");
            return vec![RowError::new(line, "", &why)];
        }
        if self.rows.len() < 2 {
            return Vec::new();
        }
        let contradictions = definition.contradictions(&self.rows);
        let told = contradictions.into_iter().map(|found| {
            let why = format!(
                "answers the same question at the same time otherwise than line {}",
                found.first
            );
            RowError::new(found.second, "", &why)
        });
        told.collect()
    }
}
