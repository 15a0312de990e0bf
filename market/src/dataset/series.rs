//! Which points of a series a request draws, and where a point stands among its totals.

use std::cmp::Ordering;

use serde::{Deserialize, Serialize};

use super::{ColumnType, Definition, Series, decimal};
use crate::guard::Request;

/// Which member of a column is the sum of which others.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Total {
    /// A key column or the dimension.
    pub column: String,
    /// The member that is the sum.
    pub total: String,
    /// The members it sums; all others of the column when left out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parts: Vec<String>,
}

/// One cell: where it stands and how many subjects it counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cell {
    /// The comparable members of the key columns and, last, of the dimension.
    pub at: Vec<String>,
    /// Subjects.
    pub count: u64,
}

impl Series {
    /// Whether a row lies within the request's bounds, both inclusive.
    pub fn draws(&self, definition: &Definition, request: &Request, row: &[String]) -> bool {
        let name = &self.dimension;
        let Some((place, column)) = definition.column(name) else { return false };
        let Some(cell) = row.get(place) else { return false };
        let bound = |suffix: &str| request.get(&format!("{name}{suffix}"));
        let order = |given: &String| compare(column.column_type, cell, given);
        bound("_from").is_none_or(|from| order(from) != Ordering::Less)
            && bound("_to").is_none_or(|to| order(to) != Ordering::Greater)
    }

    /// The columns that say where a point stands: those of the key and, last, the dimension.
    pub fn coordinates(&self) -> Vec<String> {
        self.key.iter().chain([&self.dimension]).cloned().collect()
    }

    /// The declared totals with their members in the form of [`Cell::at`].
    pub fn totals(&self, definition: &Definition) -> Vec<Total> {
        let comparable = |total: &Total| {
            let form = |member: &String| definition.comparable(&total.column, member);
            let (column, parts) = (total.column.clone(), total.parts.iter().map(form).collect());
            Total { column, total: form(&total.total), parts }
        };
        self.totals.iter().flatten().map(comparable).collect()
    }

    /// A row as suppression sees it. An empty count, or none at all, is a cell of nobody.
    pub fn cell(&self, definition: &Definition, row: &[String]) -> Cell {
        let value = |name: &String| {
            let cell = definition.column(name).and_then(|(place, _)| row.get(place));
            cell.map_or("", String::as_str)
        };
        let count = self.count.as_ref().and_then(|name| value(name).parse().ok()).unwrap_or(0);
        let columns = self.key.iter().chain([&self.dimension]);
        let at = columns.map(|name| definition.comparable(name, value(name)));
        Cell { at: at.collect(), count }
    }
}

fn compare(column_type: ColumnType, cell: &str, given: &str) -> Ordering {
    match (column_type, cell.parse::<i64>(), given.parse::<i64>()) {
        (ColumnType::Integer, Ok(cell), Ok(given)) => cell.cmp(&given),
        (ColumnType::Decimal, ..) => decimal::compare(cell, given),
        _ => cell.cmp(given),
    }
}
