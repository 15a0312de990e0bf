//! Why a file was not loaded: what is wrong with which line, or with the file as a whole.

use lianshi_market::{dataset::DefinitionRefusal, suppression::SuppressionRefusal};
use lianshi_registry::refusal::Refusal;

/// Errors told at once; a file with more is better mended at its source.
pub const ROW_ERRORS_MAX: usize = 50;

/// One thing that is wrong with one row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowError {
    /// Line of the file, from 1.
    pub line: u64,
    /// The column, empty where the whole row is meant.
    pub column: String,
    /// What is wrong.
    pub why: String,
}

impl RowError {
    pub(super) fn new(line: u64, column: &str, why: &str) -> Self {
        Self { line, column: column.to_owned(), why: why.to_owned() }
    }
}

impl std::fmt::Display for RowError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.column.is_empty() {
            write!(f, "line {}: the row {}", self.line, self.why)
        } else {
            write!(f, "line {}, column `{}`: {}", self.line, self.column, self.why)
        }
    }
}

/// Why a file was not loaded; the version in service stays.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LoadRefusal {
    /// The definition is not whole.
    #[error("the definition is not usable: {0}")]
    Definition(#[from] DefinitionRefusal),
    /// It cannot be said which points to withhold.
    #[error("{0}")]
    Suppression(#[from] SuppressionRefusal),
    /// Two rows are one point, so that it would count twice.
    #[error("the point {0} stands in the file twice")]
    PointTwice(String),
    /// Another operation of the product answers the same figures.
    #[error(
        "operation `{operation}` of the product answers `{value}` too: what one withholds the \
         other may show; put both into one data set that declares their totals"
    )]
    SameFigures {
        /// The other operation.
        operation: String,
        /// What both answer.
        value: String,
    },
    /// Rows do not fit the definition.
    #[error("{} rows or columns do not fit the definition", errors.len())]
    Rows {
        /// What is wrong, in the order of the file, at most [`ROW_ERRORS_MAX`].
        errors: Vec<RowError>,
        /// There are more.
        more: bool,
    },
    /// The file is GB18030 and was not said to be.
    #[error("line {line} is not UTF-8 but reads as GB18030; load it with --encoding gb18030")]
    Gb18030 {
        /// The first line that is no UTF-8.
        line: u64,
    },
    /// The file cannot be read to its end.
    #[error("the file cannot be read: {0}")]
    Unreadable(String),
    /// A file without a row would silence the product.
    #[error("the file has no rows")]
    Empty,
    /// A later load of the same operation took over.
    #[error("another load of the same operation has begun since; this one was given up")]
    Overtaken,
}

impl LoadRefusal {
    /// A refusal of rows, when anything is wrong with them.
    pub(super) fn of_rows(mut errors: Vec<RowError>) -> Result<(), Self> {
        if errors.is_empty() {
            return Ok(());
        }
        let more = errors.len() > ROW_ERRORS_MAX;
        errors.truncate(ROW_ERRORS_MAX);
        Err(Self::Rows { errors, more })
    }
}

impl Refusal for LoadRefusal {
    fn code(&self) -> &'static str {
        match self {
            Self::Definition(refusal) => refusal.code(),
            Self::Suppression(refusal) => refusal.code(),
            Self::PointTwice(_) => "dataset.point_twice",
            Self::SameFigures { .. } => "dataset.same_figures",
            Self::Rows { .. } => "dataset.rows",
            Self::Gb18030 { .. } => "dataset.gb18030",
            Self::Unreadable(_) => "dataset.unreadable",
            Self::Empty => "dataset.empty",
            Self::Overtaken => "dataset.overtaken",
        }
    }
}
