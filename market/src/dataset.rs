//! The definition of a data set: what the columns of its file are, which of them find a row, and
//! which may be compared, answered or drawn. It stands beside a product's operation, inside the
//! node, and is never published. Written as TOML by the provider, kept as JSON with the data;
//! `docs/datasets.md` explains it with examples.

mod cell;
mod check;
mod decimal;
mod lookup;
mod mask;
mod rows;
mod series;
#[cfg(test)]
mod tests;

pub use cell::{CELL_BYTES_MAX, CellError, Column, ColumnType, normalize};
pub use lookup::{Judged, Question, RESULT, WITHHELD};
pub use mask::Mask;
pub use rows::{Contradiction, ROWS_PER_KEY_MAX};
pub use series::{Cell, Total};

use std::collections::BTreeSet;

use lianshi_registry::{entry::Engine, refusal::Refusal};
use serde::{Deserialize, Serialize};

/// Most columns of a file: far above any product's data list, low enough that one row stays small.
pub const COLUMNS_MAX: usize = 64;
/// Stands between the parts of a row's key; no cell may contain it.
const KEY_SEPARATOR: char = '\u{1f}';
/// Longest key in bytes: keys are codes and names, not documents.
pub const KEY_BYTES_MAX: usize = 1024;

/// What a data set's file holds and how an engine reads it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Definition {
    /// The figures are made up for demonstration; every answer says so.
    #[serde(default)]
    pub synthetic: bool,
    /// The columns of the file, all of them.
    pub columns: Vec<Column>,
    /// Read by the `lookup` engine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lookup: Option<Lookup>,
    /// Read by the `series` engine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub series: Option<Series>,
}

/// How a verification finds and judges a row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lookup {
    /// Columns that find rows; the request has a required field of the same name for each.
    pub key: Vec<String>,
    /// Columns compared with the request's fields of the same names, never answered.
    #[serde(default)]
    pub compare: Vec<String>,
    /// Columns answered when the comparison holds, such as a successor's code. Where there are any,
    /// something is compared and the request must state all of it.
    #[serde(default)]
    pub answer: Vec<String>,
    /// Column that counts the subjects behind a row, for the smallest-cell rule.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub count: Option<String>,
    /// Which rows are in force on a date.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub as_of: Option<AsOf>,
}

/// The validity of a row in time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AsOf {
    /// The request's field with the date asked about; today when it is not given.
    pub field: String,
    /// Column with the first day (or month) in force.
    pub from: String,
    /// Column with the first day (or month) no longer in force; empty cells mean still in force.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<String>,
    /// Column with the last day (or month) in force, where the source counts that way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub through: Option<String>,
}

/// How a series is drawn from rows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Series {
    /// Columns that choose the series, such as a region; none for a file with one series.
    #[serde(default)]
    pub key: Vec<String>,
    /// Column along which points lie, such as a year; `<dimension>_from` and `<dimension>_to` in
    /// the request bound it.
    pub dimension: String,
    /// Columns with the figures.
    pub values: Vec<String>,
    /// Column that counts the subjects behind a point, for the smallest-cell rule.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub count: Option<String>,
    /// Which members of which column are sums of others; an empty list says that none is. Required
    /// under a smallest cell, because a sum gives away what it is made of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub totals: Option<Vec<Total>>,
}

/// Why a definition is not one, or does not fit the operation it stands beside.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DefinitionRefusal {
    /// Neither or both of `[lookup]` and `[series]`.
    #[error("give exactly one of [lookup] and [series]")]
    OneEngine,
    /// No columns, too many, or one named twice.
    #[error("columns: {0}")]
    Columns(String),
    /// A name that is not a column.
    #[error("`{0}` is not among the columns")]
    UnknownColumn(String),
    /// A column of a type its use does not allow.
    #[error("`{column}` {why}")]
    ColumnType {
        /// The column.
        column: String,
        /// What is wrong.
        why: &'static str,
    },
    /// A lookup needs a key.
    #[error("[lookup] needs at least one key column")]
    NoKey,
    /// A series needs figures.
    #[error("[series] needs at least one column in values")]
    NoValues,
    /// `until` and `through` say the same thing twice.
    #[error("[lookup.as_of] takes one of until and through")]
    OneEnd,
    /// The product's operation names another engine.
    #[error("the product's operation is answered by another engine")]
    OtherEngine,
    /// The operation's schema lacks what the definition needs.
    #[error("the operation's {schema} schema {why} `{field}`")]
    Schema {
        /// `input` or `output`.
        schema: &'static str,
        /// The field.
        field: String,
        /// What is wrong.
        why: &'static str,
    },
    /// The product demands a smallest cell.
    #[error("the product's guard demands a smallest cell, so {0} needs a count column")]
    NoCount(&'static str),
    /// Data that were loaded before [`ROWS_PER_KEY_MAX`] was a rule.
    #[error("a key has more than {ROWS_PER_KEY_MAX} rows; load data with fewer")]
    RowsOfKey,
    /// The product demands a smallest cell.
    #[error(
        "the product's guard demands a smallest cell, so [series] must say which of its members \
         are totals of others: [[series.totals]], or `totals = []` when none is"
    )]
    NoTotals,
    /// A total that cannot be one.
    #[error("[[series.totals]] of `{column}`: {why}")]
    Total {
        /// The column.
        column: String,
        /// What is wrong.
        why: &'static str,
    },
    /// Something is answered to a caller who states nothing.
    #[error(
        "[lookup] answers `{0}` and compares nothing; name in compare what a caller must state"
    )]
    NothingCompared(String),
    /// What is compared would be told.
    #[error("[lookup] answers `{0}`, which it compares or finds by")]
    AnswersCompared(String),
    /// Figures of few subjects are a matter of series.
    #[error(
        "[lookup] answers the figure `{0}` under a smallest cell; answer figures by a [series], \
         which knows their totals"
    )]
    FigureInLookup(String),
    /// Loaded when the guard demanded less.
    #[error(
        "the data were loaded for a smallest cell of {loaded}, the guard demands {demanded}; load \
         them again"
    )]
    SmallestCell {
        /// The smallest cell of the load.
        loaded: u64,
        /// The one demanded.
        demanded: u64,
    },
    /// The request the product shows as an example is not answered by these data.
    #[error("the example of the operation is not answered from these data: {0}")]
    Example(String),
}

impl Refusal for DefinitionRefusal {
    fn code(&self) -> &'static str {
        match self {
            Self::OneEngine => "dataset.one_engine",
            Self::Columns(_) => "dataset.columns",
            Self::UnknownColumn(_) => "dataset.unknown_column",
            Self::ColumnType { .. } => "dataset.column_type",
            Self::NoKey => "dataset.no_key",
            Self::NoValues => "dataset.no_values",
            Self::OneEnd => "dataset.one_end",
            Self::OtherEngine => "dataset.other_engine",
            Self::Schema { .. } => "dataset.schema",
            Self::NoCount(_) => "dataset.no_count",
            Self::RowsOfKey => "dataset.rows_of_key",
            Self::NoTotals => "dataset.no_totals",
            Self::Total { .. } => "dataset.total",
            Self::NothingCompared(_) => "dataset.nothing_compared",
            Self::AnswersCompared(_) => "dataset.answers_compared",
            Self::FigureInLookup(_) => "dataset.figure_in_lookup",
            Self::SmallestCell { .. } => "dataset.smallest_cell",
            Self::Example(_) => "dataset.example",
        }
    }
}

impl Definition {
    /// The engine that reads it.
    pub fn engine(&self) -> Engine {
        if self.series.is_some() { Engine::Series } else { Engine::Lookup }
    }

    /// The columns that find rows.
    pub fn key(&self) -> &[String] {
        match (&self.lookup, &self.series) {
            (Some(lookup), _) => &lookup.key,
            (None, Some(series)) => &series.key,
            (None, None) => &[],
        }
    }

    /// Where a column stands in a row, and what it is.
    pub fn column(&self, name: &str) -> Option<(usize, &Column)> {
        self.columns.iter().enumerate().find(|(_, column)| column.name == name)
    }

    /// A value of a column in the form in which it is found and compared: normalized, and one text
    /// for one decimal number.
    pub fn comparable(&self, name: &str, value: &str) -> String {
        let text = normalize(value);
        match self.column(name) {
            Some((_, column)) if column.column_type == ColumnType::Decimal => {
                decimal::canonical(&text)
            }
            _ => text,
        }
    }

    /// The key of a row or of a request: the comparable values of the key columns, which `value`
    /// gives by name. `None` where one is missing or the key is longer than [`KEY_BYTES_MAX`].
    pub fn row_key<'v>(&self, value: impl Fn(&str) -> Option<&'v str>) -> Option<String> {
        let parts: Option<Vec<String>> =
            self.key().iter().map(|name| Some(self.comparable(name, value(name)?))).collect();
        let key = parts?.join(&KEY_SEPARATOR.to_string());
        (key.len() <= KEY_BYTES_MAX).then_some(key)
    }

    /// The members an answer (lookup) or a point (series) can have before the guard.
    pub fn produced(&self) -> BTreeSet<&str> {
        let mut names = BTreeSet::new();
        if let Some(lookup) = &self.lookup {
            names.insert("result");
            names.extend(lookup.as_of.is_some().then_some("valid"));
            names.extend(lookup.answer.iter().map(String::as_str));
        }
        if let Some(series) = &self.series {
            names.insert(series.dimension.as_str());
            names.extend(series.values.iter().chain(&series.key).map(String::as_str));
            names.extend(series.count.as_deref());
        }
        names
    }
}
