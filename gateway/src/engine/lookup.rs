//! Verification: is it there, is it in force on the date, does what the caller says agree. The
//! attribute itself is never answered; only columns the definition names as answers are, and only
//! to a caller whose statements agree.

use lianshi_market::dataset::{AsOf, Definition, Lookup, normalize};
use lianshi_registry::time::Date;
use serde_json::{Map, Value};

use super::Task;

pub(crate) struct Question<'q> {
    pub definition: &'q Definition,
    pub shape: &'q Lookup,
    pub task: &'q Task<'q>,
}

/// Judges the rows of one key.
pub(crate) fn judge(question: &Question<'_>, rows: &[Vec<String>]) -> Map<String, Value> {
    let in_force: Vec<&Vec<String>> = rows.iter().filter(|row| question.is_in_force(row)).collect();
    let is_valid = !in_force.is_empty();
    let candidates: Vec<&Vec<String>> = if is_valid { in_force } else { rows.iter().collect() };
    let agreeing: Vec<&Vec<String>> =
        candidates.into_iter().filter(|row| question.agrees(row)).collect();
    let result = match (rows.is_empty(), is_valid && !agreeing.is_empty()) {
        (true, _) => "not_found",
        (false, true) => "match",
        (false, false) => "no_match",
    };
    let mut answer = Map::new();
    answer.insert("result".to_owned(), Value::from(result));
    if question.shape.as_of.is_some() {
        answer.insert("valid".to_owned(), Value::Bool(is_valid));
    }
    // Of several rows the one that came into force last speaks.
    let speaker = agreeing.into_iter().max_by_key(|row| question.first_day(row));
    for name in &question.shape.answer {
        let value = speaker.and_then(|row| {
            let (place, column) = question.definition.column(name)?;
            row.get(place).map(|cell| column.answer(cell))
        });
        answer.insert(name.clone(), value.unwrap_or(Value::Null));
    }
    answer
}

impl Question<'_> {
    fn is_in_force(&self, row: &[String]) -> bool {
        let Some(as_of) = &self.shape.as_of else { return true };
        let Some(from) = self.first_day(row) else { return false };
        let date = self.date(as_of);
        from <= date && self.end(as_of, row).is_none_or(|end| date < end)
    }

    fn date(&self, as_of: &AsOf) -> Date {
        let given = self.task.request.get(&as_of.field);
        given.and_then(|text| Date::parse(text).ok()).unwrap_or(self.task.today)
    }

    fn first_day(&self, row: &[String]) -> Option<Date> {
        let as_of = self.shape.as_of.as_ref()?;
        let (place, column) = self.definition.column(&as_of.from)?;
        column.first_day(row.get(place)?)
    }

    /// First day no longer in force.
    fn end(&self, as_of: &AsOf, row: &[String]) -> Option<Date> {
        if let Some(name) = &as_of.until {
            let (place, column) = self.definition.column(name)?;
            return column.first_day(row.get(place)?);
        }
        let (place, column) = self.definition.column(as_of.through.as_ref()?)?;
        column.day_after(row.get(place)?)
    }

    fn agrees(&self, row: &[String]) -> bool {
        self.shape.compare.iter().all(|name| {
            let Some(stated) = self.task.request.get(name) else { return true };
            let cell = self.definition.column(name).and_then(|(place, _)| row.get(place));
            cell.is_some_and(|cell| normalize(cell) == normalize(stated))
        })
    }
}
