//! What a write function gives instead of its value, and what [`Db::write`](super::Db::write) reads
//! of it.

use diesel::result::Error as DieselError;

use crate::fault::Fault;

/// Errors that may carry a [`Fault`]: what [`Db::write`](super::Db::write) looks into to decide
/// whether to try again.
pub trait AsFault {
    /// The fault inside, if it is one.
    fn as_fault(&self) -> Option<&Fault>;
}

impl AsFault for Fault {
    fn as_fault(&self) -> Option<&Fault> {
        Some(self)
    }
}

/// A refusal of the rules, or a fault: what most write functions return.
#[derive(Debug, thiserror::Error)]
pub enum Failure<R> {
    /// The rules say no.
    #[error("refused: {0}")]
    Refused(R),
    /// The machinery failed.
    #[error(transparent)]
    Fault(#[from] Fault),
}

impl<R> Failure<R> {
    /// The same, where the refusal is one of several.
    pub fn widen<S: From<R>>(self) -> Failure<S> {
        match self {
            Self::Refused(refusal) => Failure::Refused(refusal.into()),
            Self::Fault(fault) => Failure::Fault(fault),
        }
    }
}

impl<R> From<DieselError> for Failure<R> {
    fn from(error: DieselError) -> Self {
        Self::Fault(error.into())
    }
}

impl<R> AsFault for Failure<R> {
    fn as_fault(&self) -> Option<&Fault> {
        match self {
            Self::Refused(_) => None,
            Self::Fault(fault) => Some(fault),
        }
    }
}
