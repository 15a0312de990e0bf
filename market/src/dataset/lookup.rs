//! Verification: is it there, is it in force on the date, does what the caller says agree. The
//! attribute itself is never answered; only columns the definition names as answers are, and only
//! to a caller whose statements agree.

use lianshi_registry::time::Date;
use serde_json::{Map, Value};

use super::{AsOf, Definition, Lookup};
use crate::guard::Request;

/// The member that tells what was found.
pub const RESULT: &str = "result";
/// The result for a row that counts fewer subjects than the smallest cell: nothing is told of it.
pub const WITHHELD: &str = "withheld";

/// What is asked of the rows of one key.
#[derive(Debug, Clone, Copy)]
pub struct Question<'q> {
    /// How the data set is read.
    pub definition: &'q Definition,
    /// Its lookup.
    pub shape: &'q Lookup,
    /// The request.
    pub request: &'q Request,
    /// The day, for a request that names none.
    pub today: Date,
    /// Rows that count fewer subjects are not told of.
    pub smallest_cell: u64,
}

/// What was found, before the guard lets out what the operation names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judged {
    /// The members of an answer.
    pub answer: Map<String, Value>,
    /// Nothing is told, because too few subjects are counted.
    pub is_withheld: bool,
    /// Whether a comparison failed; `None` where nothing was compared.
    pub has_failed: Option<bool>,
}

impl Judged {
    /// `match`, `no_match`, `not_found` or [`WITHHELD`].
    pub fn result(&self) -> &str {
        self.answer.get(RESULT).and_then(Value::as_str).unwrap_or_default()
    }
}

impl Question<'_> {
    /// Judges the rows of the key asked for.
    pub fn judge(&self, rows: &[Vec<String>]) -> Judged {
        if rows.iter().any(|row| self.is_small(row)) {
            return self.withheld();
        }
        let in_force: Vec<&Vec<String>> = rows.iter().filter(|row| self.is_in_force(row)).collect();
        let is_valid = !in_force.is_empty();
        let candidates: Vec<&Vec<String>> = if is_valid { in_force } else { rows.iter().collect() };
        let agreeing: Vec<&Vec<String>> =
            candidates.into_iter().filter(|row| self.agrees(row)).collect();
        let result = match (rows.is_empty(), is_valid && !agreeing.is_empty()) {
            (true, _) => "not_found",
            (false, true) => "match",
            (false, false) => "no_match",
        };
        let is_compared =
            !rows.is_empty() && self.shape.compare.iter().any(|n| self.request.contains_key(n));
        let has_failed = is_compared.then_some(agreeing.is_empty());
        let mut answer = Map::new();
        answer.insert(RESULT.to_owned(), Value::from(result));
        if self.shape.as_of.is_some() {
            answer.insert("valid".to_owned(), Value::Bool(is_valid));
        }
        // Of several rows the one that came into force last speaks.
        let speaker = agreeing.into_iter().max_by_key(|row| self.first_day(row));
        for name in &self.shape.answer {
            let value = speaker.and_then(|row| {
                let (place, column) = self.definition.column(name)?;
                row.get(place).map(|cell| column.answer(cell))
            });
            answer.insert(name.clone(), value.unwrap_or(Value::Null));
        }
        Judged { answer, is_withheld: false, has_failed }
    }

    fn withheld(&self) -> Judged {
        let mut answer = Map::new();
        answer.insert(RESULT.to_owned(), Value::from(WITHHELD));
        if self.shape.as_of.is_some() {
            answer.insert("valid".to_owned(), Value::Null);
        }
        answer.extend(self.shape.answer.iter().map(|name| (name.clone(), Value::Null)));
        Judged { answer, is_withheld: true, has_failed: None }
    }

    /// An empty count is a cell of nobody.
    fn is_small(&self, row: &[String]) -> bool {
        let Some(count) = &self.shape.count else { return false };
        let cell = self.definition.column(count).and_then(|(place, _)| row.get(place));
        cell.is_none_or(|cell| cell.parse().unwrap_or(0) < self.smallest_cell)
    }

    fn is_in_force(&self, row: &[String]) -> bool {
        let Some(as_of) = &self.shape.as_of else { return true };
        let Some(from) = self.first_day(row) else { return false };
        let date = self.date(as_of);
        from <= date && self.end(as_of, row).is_none_or(|end| date < end)
    }

    fn date(&self, as_of: &AsOf) -> Date {
        let given = self.request.get(&as_of.field);
        given.and_then(|text| Date::parse(text).ok()).unwrap_or(self.today)
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
            let Some(stated) = self.request.get(name) else { return true };
            let cell = self.definition.column(name).and_then(|(place, _)| row.get(place));
            let form = |text| self.definition.comparable(name, text);
            cell.is_some_and(|cell| form(cell) == form(stated))
        })
    }
}
