//! Figures along a dimension, point by point in the order of the file. A withheld point keeps its
//! place and loses its figures, and says so; none is dropped silently.

use lianshi_market::{
    dataset::{Definition, Series},
    guard::{self, SUPPRESSED},
};
use lianshi_store::datasets::Point;
use serde_json::{Map, Value};

use super::{POINTS_MAX, Task};
use crate::refusal::CallRefusal;

pub(crate) struct Question<'q> {
    pub definition: &'q Definition,
    pub shape: &'q Series,
    pub task: &'q Task<'q>,
}

/// Draws the points of one series.
pub(crate) fn draw(question: &Question<'_>, rows: &[Point]) -> Result<Vec<Value>, CallRefusal> {
    let chosen: Vec<&Point> = rows.iter().filter(|row| question.is_inside(row)).collect();
    if chosen.len() > POINTS_MAX {
        return Err(CallRefusal::TooManyPoints { max: POINTS_MAX });
    }
    chosen.into_iter().map(|row| question.point(row)).collect()
}

impl Question<'_> {
    fn is_inside(&self, row: &Point) -> bool {
        self.shape.draws(self.definition, self.task.request, &row.cells)
    }

    fn point(&self, row: &Point) -> Result<Value, CallRefusal> {
        let mut point = Map::new();
        for name in self.definition.produced() {
            if let Some((place, column)) = self.definition.column(name) {
                let cell = row.cells.get(place).map_or("", String::as_str);
                point.insert(name.to_owned(), column.answer(cell));
            }
        }
        // The data set's smallest cell, which is no smaller than the guard's: the points around
        // were withheld for it.
        let smallest_cell = self.task.dataset.smallest_cell;
        let counted = self.shape.cell(self.definition, &row.cells).count;
        let is_withheld = row.is_withheld || counted < smallest_cell;
        if is_withheld {
            let figures: Vec<String> =
                self.shape.values.iter().chain(&self.shape.count).cloned().collect();
            guard::blank(&mut point, &figures);
        }
        let mut released = guard::release(point, &self.task.operation.output)?;
        if is_withheld {
            released.insert(SUPPRESSED.to_owned(), Value::Bool(true));
        }
        Ok(Value::Object(released))
    }
}
