//! Whether a definition is whole, serves the operation it stands beside, and leaves the product's
//! guard standing.

use std::collections::BTreeSet;

use lianshi_registry::{
    entry::{Field, Operation},
    time::Date,
};

use super::{
    COLUMNS_MAX, Column, ColumnType, Definition, DefinitionRefusal, Lookup, Question, Series,
    Total, normalize,
};
use crate::guard::{self, GuardRefusal, Request};

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

    /// Checks that the definition serves an operation as its product describes it, under the
    /// product's smallest cell.
    pub fn check_operation(
        &self,
        operation: &Operation,
        smallest_cell: u64,
    ) -> Result<(), DefinitionRefusal> {
        if self.engine() != operation.engine {
            return Err(DefinitionRefusal::OtherEngine);
        }
        for name in self.key() {
            if !is_required(&operation.input, name) {
                return Err(schema("input", name, "does not require the key"));
            }
        }
        if let Some(lookup) = &self.lookup {
            self.check_lookup_operation(lookup, &operation.input, smallest_cell)?;
        }
        if let Some(series) = &self.series
            && smallest_cell > 0
        {
            series.count.as_ref().ok_or(DefinitionRefusal::NoCount("[series]"))?;
            series.totals.as_ref().ok_or(DefinitionRefusal::NoTotals)?;
        }
        let produced = self.produced();
        let missing = operation.output.iter().find(|f| f.required && !produced.contains(&*f.name));
        match missing {
            Some(field) => Err(schema("output", &field.name, "requires, but nothing gives,")),
            None => Ok(()),
        }
    }

    /// What is compared must be stated wherever something is answered: an attribute is told to
    /// those who know the subject, not to whoever counts through keys.
    fn check_lookup_operation(
        &self,
        lookup: &Lookup,
        input: &[Field],
        smallest_cell: u64,
    ) -> Result<(), DefinitionRefusal> {
        for name in lookup.compare.iter().chain(lookup.as_of.iter().map(|a| &a.field)) {
            if !input.iter().any(|field| field.name == *name) {
                return Err(schema("input", name, "does not name"));
            }
        }
        if lookup.answer.is_empty() {
            return Ok(());
        }
        if let Some(name) = lookup.compare.iter().find(|name| !is_required(input, name)) {
            return Err(schema("input", name, "answers something but does not require"));
        }
        if smallest_cell == 0 {
            return Ok(());
        }
        lookup.count.as_ref().ok_or(DefinitionRefusal::NoCount("[lookup] with answers"))?;
        let is_figure = |name: &&String| {
            let column = self.column(name).map(|(_, column)| column.column_type);
            matches!(column, Some(ColumnType::Integer | ColumnType::Decimal))
        };
        match lookup.answer.iter().find(is_figure) {
            Some(name) => Err(DefinitionRefusal::FigureInLookup(name.clone())),
            None => Ok(()),
        }
    }

    /// Checks the forms of what finds rows, is compared with them, or bounds points: a malformed
    /// code is the caller's mistake and no question about anybody.
    pub fn check_request(&self, request: &Request) -> Result<(), GuardRefusal> {
        let compared = self.lookup.iter().flat_map(|lookup| &lookup.compare);
        for name in self.key().iter().chain(compared) {
            if let (Some(text), Some((_, column))) = (request.get(name), self.column(name)) {
                check_form(name, text, column)?;
            }
        }
        let Some(series) = &self.series else { return Ok(()) };
        let Some((_, column)) = self.column(&series.dimension) else { return Ok(()) };
        for name in [format!("{}_from", series.dimension), format!("{}_to", series.dimension)] {
            if let Some(text) = request.get(&name) {
                check_form(&name, text, column)?;
            }
        }
        Ok(())
    }

    /// Checks that the example an operation shows is answered from the rows of its key: a match,
    /// or at least one point.
    pub fn check_example(
        &self,
        operation: &Operation,
        rows: &[Vec<String>],
        (today, smallest_cell): (Date, u64),
    ) -> Result<(), DefinitionRefusal> {
        let unanswered = |why: String| Err(DefinitionRefusal::Example(why));
        let request = match self.example(operation) {
            None => return Ok(()),
            Some(Ok(request)) => request,
            Some(Err(refusal)) => return unanswered(refusal.to_string()),
        };
        if let Some(shape) = &self.lookup {
            let request = &request;
            let question = Question { definition: self, shape, request, today, smallest_cell };
            let judged = question.judge(rows);
            return match judged.result() {
                "match" => Ok(()),
                other => unanswered(format!("the result is `{other}`")),
            };
        }
        let is_drawn = |row: &Vec<String>| self.series.iter().any(|s| s.draws(self, &request, row));
        if rows.iter().any(is_drawn) { Ok(()) } else { unanswered("it draws no point".to_owned()) }
    }

    /// The operation's example as a request; `None` where it has none.
    pub fn example(&self, operation: &Operation) -> Option<Result<Request, GuardRefusal>> {
        let example = operation.example.clone()?;
        let body = serde_json::Value::Object(example);
        Some(guard::read_request(&body, &operation.input).and_then(|request| {
            self.check_request(&request)?;
            Ok(request)
        }))
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
        self.check_count(lookup.count.as_ref())?;
        let told = |name: &&String| lookup.compare.contains(*name) || lookup.key.contains(*name);
        if let Some(name) = lookup.answer.iter().find(told) {
            return Err(DefinitionRefusal::AnswersCompared(name.clone()));
        }
        if let Some(name) = lookup.answer.first().filter(|_| lookup.compare.is_empty()) {
            return Err(DefinitionRefusal::NothingCompared(name.clone()));
        }
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
        self.known(named)?;
        self.check_count(series.count.as_ref())?;
        for total in series.totals(self) {
            check_total(series, &total)?;
        }
        Ok(())
    }

    fn check_count(&self, count: Option<&String>) -> Result<(), DefinitionRefusal> {
        self.known(count.into_iter())?;
        match count.and_then(|name| self.column(name)) {
            Some((_, column)) if column.column_type != ColumnType::Integer => {
                Err(column_type(&column.name, "must be a whole number to count subjects"))
            }
            _ => Ok(()),
        }
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

fn check_total(series: &Series, total: &Total) -> Result<(), DefinitionRefusal> {
    let refuse = |why| Err(DefinitionRefusal::Total { column: total.column.clone(), why });
    if !series.key.contains(&total.column) && series.dimension != total.column {
        return refuse("only key columns and the dimension have totals");
    }
    let sum = normalize(&total.total);
    let parts: Vec<String> = total.parts.iter().map(|part| normalize(part)).collect();
    if sum.is_empty() || parts.iter().any(String::is_empty) {
        return refuse("a member is empty");
    }
    let distinct: BTreeSet<&String> = parts.iter().collect();
    if distinct.len() < parts.len() || parts.contains(&sum) {
        return refuse("a member is named twice");
    }
    Ok(())
}

fn check_form(name: &str, text: &str, column: &Column) -> Result<(), GuardRefusal> {
    let malformed = |form| GuardRefusal::InputForm { field: name.to_owned(), form };
    column.check_form(&normalize(text)).map_err(malformed)
}

fn is_required(input: &[Field], name: &str) -> bool {
    input.iter().any(|field| field.name == name && field.required)
}

fn schema(schema: &'static str, field: &str, why: &'static str) -> DefinitionRefusal {
    DefinitionRefusal::Schema { schema, field: field.to_owned(), why }
}

fn column_type(column: &str, why: &'static str) -> DefinitionRefusal {
    DefinitionRefusal::ColumnType { column: column.to_owned(), why }
}
