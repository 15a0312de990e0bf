//! The definition of a data set: what the columns of its file are, which of them find a row, and
//! which may be compared, answered or drawn. It stands beside a product's operation, inside the
//! node, and is never published. Written as TOML by the provider, kept as JSON with the data;
//! `docs/datasets.md` explains it with examples.

mod cell;
mod rows;
#[cfg(test)]
mod tests;

pub use cell::{CELL_BYTES_MAX, CellError, Column, ColumnType, normalize};
pub use rows::{Contradiction, ROWS_PER_KEY_MAX};

use std::collections::BTreeSet;

use lianshi_registry::{
    entry::{Engine, Operation},
    refusal::Refusal,
};
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
    /// Columns answered when the comparison holds, such as a successor's code.
    #[serde(default)]
    pub answer: Vec<String>,
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
    #[error("the product's guard demands a smallest cell, so [series] needs a count column")]
    NoCount,
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
            Self::NoCount => "dataset.no_count",
        }
    }
}

impl Definition {
    /// Checks that the definition is complete in itself.
    pub fn check(&self) -> Result<(), DefinitionRefusal> {
        self.check_columns()?;
        match (&self.lookup, &self.series) {
            (Some(lookup), None) => self.check_lookup(lookup),
            (None, Some(series)) => self.check_series(series),
            _ => Err(DefinitionRefusal::OneEngine),
        }
    }

    /// Checks that the definition serves an operation as its product describes it.
    pub fn check_operation(
        &self,
        operation: &Operation,
        smallest_cell: u64,
    ) -> Result<(), DefinitionRefusal> {
        if self.engine() != operation.engine {
            return Err(DefinitionRefusal::OtherEngine);
        }
        for name in self.key() {
            let field = operation.input.iter().find(|field| field.name == *name);
            if !field.is_some_and(|field| field.required) {
                return Err(schema("input", name, "does not require the key"));
            }
        }
        if let Some(lookup) = &self.lookup {
            for name in lookup.compare.iter().chain(lookup.as_of.iter().map(|a| &a.field)) {
                if !operation.input.iter().any(|field| field.name == *name) {
                    return Err(schema("input", name, "does not name"));
                }
            }
        }
        if self.series.as_ref().is_some_and(|s| s.count.is_none()) && smallest_cell > 0 {
            return Err(DefinitionRefusal::NoCount);
        }
        let produced = self.produced();
        let missing = operation.output.iter().find(|f| f.required && !produced.contains(&*f.name));
        match missing {
            Some(field) => Err(schema("output", &field.name, "requires, but nothing gives,")),
            None => Ok(()),
        }
    }

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

    /// The key of a row or of a request: the normalized values of the key columns, which `value`
    /// gives by name. `None` where one is missing or the key is longer than [`KEY_BYTES_MAX`].
    pub fn row_key<'v>(&self, value: impl Fn(&str) -> Option<&'v str>) -> Option<String> {
        let parts: Option<Vec<String>> =
            self.key().iter().map(|name| value(name).map(normalize)).collect();
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

    fn check_columns(&self) -> Result<(), DefinitionRefusal> {
        let refuse = |what: String| Err(DefinitionRefusal::Columns(what));
        if self.columns.is_empty() || self.columns.len() > COLUMNS_MAX {
            return refuse(format!("from 1 to {COLUMNS_MAX}, not {}", self.columns.len()));
        }
        let mut seen = BTreeSet::new();
        for column in &self.columns {
            if column.name.is_empty() || !seen.insert(&column.name) {
                return refuse(format!("`{}` is empty or named twice", column.name));
            }
        }
        Ok(())
    }

    fn check_lookup(&self, lookup: &Lookup) -> Result<(), DefinitionRefusal> {
        if lookup.key.is_empty() {
            return Err(DefinitionRefusal::NoKey);
        }
        self.known(lookup.key.iter().chain(&lookup.compare).chain(&lookup.answer))?;
        let Some(as_of) = &lookup.as_of else { return Ok(()) };
        if as_of.until.is_some() && as_of.through.is_some() {
            return Err(DefinitionRefusal::OneEnd);
        }
        let ends = [Some(&as_of.from), as_of.until.as_ref(), as_of.through.as_ref()];
        for name in ends.into_iter().flatten() {
            let (_, column) =
                self.column(name).ok_or_else(|| DefinitionRefusal::UnknownColumn(name.clone()))?;
            if !matches!(column.column_type, ColumnType::Date | ColumnType::Month) {
                return Err(column_type(name, "must be a date or a month"));
            }
        }
        Ok(())
    }

    fn check_series(&self, series: &Series) -> Result<(), DefinitionRefusal> {
        if series.values.is_empty() {
            return Err(DefinitionRefusal::NoValues);
        }
        let named = series.key.iter().chain([&series.dimension]).chain(&series.values);
        self.known(named.chain(&series.count))?;
        if let Some((_, column)) = series.count.as_ref().and_then(|name| self.column(name))
            && column.column_type != ColumnType::Integer
        {
            return Err(column_type(&column.name, "must be a whole number to count subjects"));
        }
        Ok(())
    }

    fn known<'n>(
        &self,
        mut names: impl Iterator<Item = &'n String>,
    ) -> Result<(), DefinitionRefusal> {
        match names.find(|name| self.column(name).is_none()) {
            Some(name) => Err(DefinitionRefusal::UnknownColumn(name.clone())),
            None => Ok(()),
        }
    }
}

fn schema(schema: &'static str, field: &str, why: &'static str) -> DefinitionRefusal {
    DefinitionRefusal::Schema { schema, field: field.to_owned(), why }
}

fn column_type(column: &str, why: &'static str) -> DefinitionRefusal {
    DefinitionRefusal::ColumnType { column: column.to_owned(), why }
}
