//! One cell of a data set's file: its type, how it is read, kept and answered.

use lianshi_registry::time::{Date, Period};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Mask;
use crate::guard;

/// Longest cell in bytes.
pub const CELL_BYTES_MAX: usize = 4096;

/// A column of the file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Column {
    /// Its name in the file's first line, and in requests and answers.
    pub name: String,
    /// What its cells are.
    #[serde(rename = "type", default)]
    pub column_type: ColumnType,
    /// Cells may be empty.
    #[serde(default)]
    pub optional: bool,
    /// The form of its codes; a request's field of the same name must have it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mask: Option<Mask>,
}

/// What cells are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ColumnType {
    /// Text.
    #[default]
    Text,
    /// Whole number.
    Integer,
    /// Decimal number, answered as text.
    Decimal,
    /// `YYYY-MM-DD`.
    Date,
    /// `YYYY-MM`, answered as text.
    Month,
    /// `true` or `false`.
    Boolean,
}

/// Why a cell does not fit its column.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CellError {
    /// Empty where it must not be.
    #[error("is empty")]
    Empty,
    /// Longer than [`CELL_BYTES_MAX`].
    #[error("has {0} bytes, at most 4096 are taken")]
    TooLong(usize),
    /// A control character, which no field of a product may carry.
    #[error("contains a control character")]
    Control,
    /// Not of the column's type or form.
    #[error("`{text}` is not {expected}")]
    Type {
        /// The cell, cut to a few characters.
        text: String,
        /// What is expected.
        expected: String,
    },
}

impl Column {
    /// Checks a cell and gives the text that is kept; empty for an empty cell of an optional
    /// column.
    pub fn read(&self, cell: &str) -> Result<String, CellError> {
        let cell = cell.trim();
        if cell.len() > CELL_BYTES_MAX {
            return Err(CellError::TooLong(cell.len()));
        }
        if cell.chars().any(char::is_control) {
            return Err(CellError::Control);
        }
        if cell.is_empty() {
            return if self.optional { Ok(String::new()) } else { Err(CellError::Empty) };
        }
        let kept = match self.column_type {
            ColumnType::Text => Some(cell.to_owned()),
            ColumnType::Integer => cell.parse::<i64>().ok().map(|number| number.to_string()),
            ColumnType::Decimal => guard::is_decimal(cell).then(|| cell.to_owned()),
            ColumnType::Date => Date::parse(cell).ok().map(|date| date.to_string()),
            ColumnType::Month => Period::parse(cell).ok().map(|month| month.to_string()),
            ColumnType::Boolean => matches!(cell, "true" | "false").then(|| cell.to_owned()),
        };
        let not = |expected| CellError::Type { text: cell.chars().take(40).collect(), expected };
        let kept = kept.ok_or_else(|| not(self.expected().to_owned()))?;
        self.check_form(&normalize(&kept)).map_err(|form| not(format!("of the form {form}")))?;
        Ok(kept)
    }

    /// Whether a normalized text has the form of the column's codes and can stand in it; the form
    /// otherwise.
    pub fn check_form(&self, text: &str) -> Result<(), String> {
        if let Some(mask) = self.mask.as_ref().filter(|mask| !mask.fits(text)) {
            return Err(mask.to_string());
        }
        let can_stand = match self.column_type {
            ColumnType::Text | ColumnType::Boolean => true,
            ColumnType::Integer => text.parse::<i64>().is_ok(),
            ColumnType::Decimal => guard::is_decimal(text),
            ColumnType::Date => Date::parse(text).is_ok(),
            ColumnType::Month => Period::parse(text).is_ok(),
        };
        if can_stand { Ok(()) } else { Err(self.form().to_owned()) }
    }

    /// What a value of the type looks like, in no language.
    fn form(&self) -> &'static str {
        match self.column_type {
            ColumnType::Text => "…",
            ColumnType::Integer => "123",
            ColumnType::Decimal => "1.50",
            ColumnType::Date => "2026-11-21",
            ColumnType::Month => "2026-11",
            ColumnType::Boolean => "true, false",
        }
    }

    /// A kept cell as it is answered: empty is `null`.
    pub fn answer(&self, kept: &str) -> Value {
        if kept.is_empty() {
            return Value::Null;
        }
        match self.column_type {
            ColumnType::Integer => kept.parse::<i64>().map_or(Value::Null, Value::from),
            ColumnType::Boolean => Value::Bool(kept == "true"),
            _ => Value::String(kept.to_owned()),
        }
    }

    /// First day a kept date or month stands for.
    pub fn first_day(&self, kept: &str) -> Option<Date> {
        match self.column_type {
            ColumnType::Month => Period::parse(kept).ok().map(Period::first_day),
            _ => Date::parse(kept).ok(),
        }
    }

    /// First day after a kept date or month.
    pub fn day_after(&self, kept: &str) -> Option<Date> {
        match self.column_type {
            ColumnType::Month => Period::parse(kept).ok().map(|month| month.next().first_day()),
            _ => Date::parse(kept).ok().map(|date| date.plus_days(1)),
        }
    }

    fn expected(&self) -> &'static str {
        match self.column_type {
            ColumnType::Text => "a text",
            ColumnType::Integer => "a whole number",
            ColumnType::Decimal => "a decimal number such as 1.50",
            ColumnType::Date => "a date of the form 2026-11-21",
            ColumnType::Month => "a month of the form 2026-11",
            ColumnType::Boolean => "true or false",
        }
    }
}

/// The form in which keys are found and fields compared: trimmed, full-width forms as half-width,
/// Latin letters upper case, so that `９１ａ` and `91A` are the same code.
pub fn normalize(text: &str) -> String {
    let narrow = |c: char| match c {
        '\u{3000}' => ' ',
        '\u{ff01}'..='\u{ff5e}' => char::from_u32(u32::from(c).wrapping_sub(0xfee0)).unwrap_or(c),
        other => other,
    };
    let narrowed: String = text.chars().map(narrow).collect();
    narrowed.trim().to_ascii_uppercase()
}
