//! Engines answer inside the domain, from the data set behind an operation. They take rows and give
//! values; which of these may leave is the guard's word, and how many engines run at once is kept
//! here, so that a slow one cannot take the others' place.

mod series;

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use lianshi_market::{
    dataset::{Definition, DefinitionRefusal, Judged, Lookup, Question, ROWS_PER_KEY_MAX},
    guard::{self, Request, SUPPRESSED},
};
use lianshi_registry::{
    entry::{Guard, Operation},
    time::Date,
};
use lianshi_store::{
    Fault, Read,
    datasets::{self, Dataset},
};
use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::refusal::CallRefusal;

/// Engines at work at once: below the store's connections, of which the meter and the pages need
/// some.
const ENGINES_MAX: usize = 8;
/// Of which one buyer may hold so many for a product, so that its slow calls leave room for others.
const ENGINES_PER_SHARE_MAX: usize = 4;
/// Most points of one answer.
pub(crate) const POINTS_MAX: usize = 2_000;
/// Buyers with a product whose slots are remembered before idle ones are forgotten.
const SHARES_KEPT: usize = 10_000;

/// What an engine works on.
pub(crate) struct Task<'t> {
    pub dataset: &'t Dataset,
    pub operation: &'t Operation,
    pub guard: &'t Guard,
    pub request: &'t Request,
    pub today: Date,
}

/// An answer that passed the guard.
pub(crate) struct Answer {
    pub data: Map<String, Value>,
    /// What was asked about, of which the guard allows so many distinct ones in a month.
    pub subject: [u8; 32],
    /// Whether a comparison failed; `None` where nothing was compared.
    pub has_failed: Option<bool>,
}

/// Answers, in the snapshot the data set's version was read in.
pub(crate) fn answer(
    read: &mut Read<'_>,
    task: &Task<'_>,
) -> Result<Result<Answer, CallRefusal>, Fault> {
    let definition = &task.dataset.definition;
    let value = |name: &str| task.request.get(name).map(String::as_str);
    let Some(row_key) = definition.row_key(value) else {
        return Ok(Err(CallRefusal::KeyTooLong));
    };
    let subject = subject(task, definition, &row_key);
    if let Some(shape) = &definition.lookup {
        let rows = whole(|limit| datasets::rows(read, task.dataset, &row_key, limit))?;
        let verified = rows.and_then(|rows| verify(task, shape, &rows));
        return Ok(verified.map(|(data, judged)| {
            let has_failed = judged.has_failed;
            Answer { data, subject, has_failed }
        }));
    }
    let Some(shape) = &definition.series else { return Ok(Err(CallRefusal::NoDataset)) };
    let rows = whole(|limit| datasets::points(read, task.dataset, &row_key, limit))?;
    let question = series::Question { definition, shape, task };
    let points = rows.and_then(|rows| series::draw(&question, &rows));
    Ok(points.map(|points| {
        let data = Map::from_iter([("points".to_owned(), Value::Array(points))]);
        Answer { data, subject, has_failed: None }
    }))
}

/// All rows of a key, which `read` gives up to a limit. Data that were loaded before a load refused
/// more of them are not answered from: which of them are read would decide the answer.
fn whole<R>(
    read: impl FnOnce(i64) -> Result<Vec<R>, Fault>,
) -> Result<Result<Vec<R>, CallRefusal>, Fault> {
    let rows = read(i64::try_from(ROWS_PER_KEY_MAX + 1).unwrap_or(i64::MAX))?;
    if rows.len() <= ROWS_PER_KEY_MAX {
        return Ok(Ok(rows));
    }
    Ok(Err(CallRefusal::DatasetUnfit(DefinitionRefusal::RowsOfKey)))
}

fn verify(
    task: &Task<'_>,
    shape: &Lookup,
    rows: &[Vec<String>],
) -> Result<(Map<String, Value>, Judged), CallRefusal> {
    let question = Question {
        definition: &task.dataset.definition,
        shape,
        request: task.request,
        today: task.today,
        smallest_cell: task.guard.smallest_cell,
    };
    let judged = question.judge(rows);
    let mut data = guard::release(judged.answer.clone(), &task.operation.output)?;
    if judged.is_withheld {
        data.insert(SUPPRESSED.to_owned(), Value::Bool(true));
    }
    Ok((data, judged))
}

/// The same subject asked about through two operations that find it by the same columns is one
/// subject.
fn subject(task: &Task<'_>, definition: &Definition, row_key: &str) -> [u8; 32] {
    let columns = definition.key().join("\u{1f}");
    let product = &task.dataset.product;
    let text = format!("lianshi/subject/v1\n{product}\n{columns}\n{row_key}");
    Sha256::digest(text.as_bytes()).into()
}

/// Places for engines, some for everybody, some for each buyer of a product.
pub(crate) struct Slots {
    all: Arc<Semaphore>,
    each: Mutex<BTreeMap<String, Arc<Semaphore>>>,
}

impl Default for Slots {
    fn default() -> Self {
        Self { all: Arc::new(Semaphore::new(ENGINES_MAX)), each: Mutex::default() }
    }
}

impl Slots {
    /// Waits for a place; it is free again when the permits are dropped.
    pub(crate) async fn take(&self, share: &str) -> Option<Permits> {
        let own = self.own(share);
        let first = own.acquire_owned().await.ok()?;
        let second = Arc::clone(&self.all).acquire_owned().await.ok()?;
        Some(Permits { _own: first, _all: second })
    }

    fn own(&self, share: &str) -> Arc<Semaphore> {
        let mut each = self.each.lock().unwrap_or_else(PoisonError::into_inner);
        if each.len() > SHARES_KEPT {
            each.retain(|_, slots| Arc::strong_count(slots) > 1);
        }
        if let Some(slots) = each.get(share) {
            return Arc::clone(slots);
        }
        let slots = Arc::new(Semaphore::new(ENGINES_PER_SHARE_MAX));
        each.insert(share.to_owned(), Arc::clone(&slots));
        slots
    }
}

/// Held while an engine runs.
pub(crate) struct Permits {
    _own: OwnedSemaphorePermit,
    _all: OwnedSemaphorePermit,
}

#[cfg(test)]
mod tests {
    use lianshi_registry::refusal::Refusal as _;

    use super::*;

    #[test]
    fn more_rows_of_a_key_than_a_load_lets_in_are_not_answered_from() {
        let read = |count: i64| {
            whole(|limit| Ok((0..count.min(limit)).collect::<Vec<_>>())).expect("no fault")
        };
        assert_eq!(read(20_000).expect("all of them").len(), ROWS_PER_KEY_MAX);
        for more in [20_001, 30_000] {
            let refused = read(more).expect_err("cut");
            assert_eq!(refused.code(), "call.dataset_unfit");
        }
    }
}
