//! Figures along a dimension, point by point in the order of the file. A point that counts too few
//! subjects keeps its place and loses its figures, and says so; none is dropped silently.

use std::cmp::Ordering;

use lianshi_market::{
    dataset::{ColumnType, Definition, Series},
    guard::{self, SUPPRESSED},
};
use serde_json::{Map, Value};

use super::{POINTS_MAX, ROWS_MAX, Task};
use crate::refusal::CallRefusal;

pub(crate) struct Question<'q> {
    pub definition: &'q Definition,
    pub shape: &'q Series,
    pub task: &'q Task<'q>,
}

/// Draws the points of one series.
pub(crate) fn draw(
    question: &Question<'_>,
    rows: &[Vec<String>],
) -> Result<Vec<Value>, CallRefusal> {
    let is_cut = i64::try_from(rows.len()).unwrap_or(i64::MAX) >= ROWS_MAX;
    let chosen: Vec<&Vec<String>> = rows.iter().filter(|row| question.is_inside(row)).collect();
    if is_cut || chosen.len() > POINTS_MAX {
        return Err(CallRefusal::TooManyPoints { max: POINTS_MAX });
    }
    chosen.into_iter().map(|row| question.point(row)).collect()
}

impl Question<'_> {
    fn is_inside(&self, row: &[String]) -> bool {
        let name = &self.shape.dimension;
        let Some((place, column)) = self.definition.column(name) else { return false };
        let Some(cell) = row.get(place) else { return false };
        let bound = |suffix: &str| self.task.request.get(&format!("{name}{suffix}"));
        let order = |given: &String| compare(column.column_type, cell, given);
        bound("_from").is_none_or(|from| order(from) != Ordering::Less)
            && bound("_to").is_none_or(|to| order(to) != Ordering::Greater)
    }

    fn point(&self, row: &[String]) -> Result<Value, CallRefusal> {
        let mut point = Map::new();
        for name in self.definition.produced() {
            if let Some((place, column)) = self.definition.column(name) {
                let cell = row.get(place).map_or("", String::as_str);
                point.insert(name.to_owned(), column.answer(cell));
            }
        }
        let figures: Vec<String> =
            self.shape.values.iter().chain(&self.shape.count).cloned().collect();
        let subjects = self.subjects(row);
        let smallest = self.task.guard.smallest_cell;
        let is_small = guard::suppress_small_cell(&mut point, &figures, subjects, smallest)?;
        let mut released = guard::release(point, &self.task.operation.output)?;
        if is_small {
            released.insert(SUPPRESSED.to_owned(), Value::Bool(true));
        }
        Ok(Value::Object(released))
    }

    /// `None` where the data set does not say. An empty count is a cell of nobody.
    fn subjects(&self, row: &[String]) -> Option<u64> {
        let (place, _) = self.definition.column(self.shape.count.as_ref()?)?;
        row.get(place).map(|cell| cell.parse().unwrap_or(0))
    }
}

fn compare(column_type: ColumnType, cell: &str, given: &str) -> Ordering {
    match (column_type, cell.parse::<i64>(), given.parse::<i64>()) {
        (ColumnType::Integer, Ok(cell), Ok(given)) => cell.cmp(&given),
        _ => cell.cmp(given),
    }
}
