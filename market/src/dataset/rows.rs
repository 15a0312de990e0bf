//! The rows of a file among themselves and with time: each can be asked about, ends after it
//! begins, and no two of them answer one question differently, so that the order of the file
//! decides nothing.

use std::collections::BTreeMap;

use lianshi_registry::{
    text::{Kind, harmless, nfc},
    time::Date,
};

use super::{Column, ColumnType, Definition, DefinitionRefusal, Lookup, Series};
use crate::guard;

/// Most rows of one key: what a call reads of them. The order of a file that has more would decide
/// which of them are seen.
pub const ROWS_PER_KEY_MAX: usize = 20_000;

/// One thing wrong with a row: the column, empty where the whole row is meant, and what.
pub type Wrong<'d> = (&'d str, String);

/// Two rows that cannot both stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Contradiction {
    /// Line of the row that came first.
    pub first: u64,
    /// Line of the row that contradicts it.
    pub second: u64,
}

impl Definition {
    /// Checks that the names of the columns can stand in requests, answers and messages.
    pub fn check_names(&self) -> Result<(), DefinitionRefusal> {
        self.columns.iter().try_for_each(|column| {
            let refuse = |refusal| DefinitionRefusal::Columns(format!("a name {refusal}"));
            Kind::Name.check(&column.name).map_err(refuse)
        })
    }

    /// A cell as the file has it, in the form texts have everywhere; what it is of its column is
    /// [`Column::read`].
    pub fn read_cell(cell: &str) -> Result<String, String> {
        let cell = nfc(cell.trim());
        harmless(&cell).map_err(|refusal| refusal.to_string())?;
        Ok(cell.into_owned())
    }

    /// Checks the kept cells of a row by what they are used for.
    pub fn check_row(&self, cells: &[String]) -> Result<(), Vec<Wrong<'_>>> {
        let mut wrong: Vec<Wrong<'_>> = Vec::new();
        for (column, cell) in self.columns.iter().zip(cells).filter(|(_, cell)| !cell.is_empty()) {
            if let Err(why) = self.check_use(column, cell) {
                wrong.push((&column.name, why));
            }
        }
        if let Some((column, why)) = self.ends_before_it_begins(cells) {
            wrong.push((column, why));
        }
        if wrong.is_empty() { Ok(()) } else { Err(wrong) }
    }

    fn check_use(&self, column: &Column, cell: &str) -> Result<(), String> {
        let is_exact = |cell: &str| cell.parse().is_ok_and(|number| guard::is_exact(&number));
        if column.column_type == ColumnType::Integer && !is_exact(cell) {
            return Err(format!("`{cell}` is beyond 2^53, which JSON does not carry exactly"));
        }
        // A request with such a text is refused, so the row could never be found.
        if column.column_type == ColumnType::Text && self.is_asked(&column.name) {
            return Kind::Value.check(cell).map_err(|refusal| refusal.to_string());
        }
        Ok(())
    }

    fn is_asked(&self, name: &str) -> bool {
        let compared = self.lookup.iter().flat_map(|lookup| &lookup.compare);
        self.key().iter().chain(compared).any(|asked| asked == name)
    }

    fn ends_before_it_begins(&self, cells: &[String]) -> Option<Wrong<'_>> {
        let as_of = self.lookup.as_ref()?.as_of.as_ref()?;
        let Term { from, end: Some(end) } = self.term(cells) else { return None };
        if from? < end {
            return None;
        }
        let column = as_of.until.as_ref().or(as_of.through.as_ref())?;
        Some((column, "lies before the first day, so the row is never in force".to_owned()))
    }

    /// When a row is in force.
    fn term(&self, cells: &[String]) -> Term {
        let cell = |name: &String| {
            let (place, column) = self.column(name)?;
            Some((column, cells.get(place)?.as_str()))
        };
        let as_of = self.lookup.as_ref().and_then(|lookup| lookup.as_of.as_ref());
        let Some(as_of) = as_of else { return Term { from: None, end: None } };
        let from = cell(&as_of.from).and_then(|(column, cell)| column.first_day(cell));
        let until = as_of.until.as_ref().and_then(cell).and_then(|(c, cell)| c.first_day(cell));
        let through = as_of.through.as_ref().and_then(cell).and_then(|(c, cell)| c.day_after(cell));
        Term { from, end: until.or(through) }
    }

    /// The rows of one key that cannot stand beside others, in the order of their lines. `rows` are
    /// all rows of the key with the line each stands on.
    pub fn contradictions(&self, rows: &[(u64, Vec<String>)]) -> Vec<Contradiction> {
        let mut found = match (&self.lookup, &self.series) {
            (Some(lookup), _) => self.in_lookup(lookup, rows),
            (None, Some(series)) => self.in_series(series, rows),
            (None, None) => Vec::new(),
        };
        found.sort_by_key(|one| (one.second, one.first));
        found
    }

    /// Two points at one place with other figures.
    fn in_series(&self, series: &Series, rows: &[(u64, Vec<String>)]) -> Vec<Contradiction> {
        let mut seen: BTreeMap<String, (u64, Vec<&str>)> = BTreeMap::new();
        let mut found = Vec::new();
        for (line, cells) in rows {
            let place = self.part(cells, [&series.dimension]).concat();
            let place = self.comparable(&series.dimension, &place);
            let figures = self.part(cells, series.values.iter().chain(&series.count));
            match seen.get(&place) {
                Some((first, other)) if *other != figures => {
                    found.push(Contradiction { first: *first, second: *line });
                }
                Some(_) => {}
                None => {
                    seen.insert(place, (*line, figures));
                }
            }
        }
        found
    }

    /// Two rows that agree with the same statements at the same time and answer differently.
    fn in_lookup(&self, lookup: &Lookup, rows: &[(u64, Vec<String>)]) -> Vec<Contradiction> {
        let mut alike: BTreeMap<Vec<String>, Vec<InForce<'_>>> = BTreeMap::new();
        for (line, cells) in rows {
            let term = self.term(cells);
            // Without a first day a dated row is never in force.
            let from = match (&lookup.as_of, term.from) {
                (Some(_), None) => continue,
                (_, from) => from,
            };
            let stated = lookup.compare.iter().zip(self.part(cells, &lookup.compare));
            let stated = stated.map(|(name, cell)| self.comparable(name, cell)).collect();
            let answer = self.part(cells, &lookup.answer);
            let row = InForce { from, end: term.end, line: *line, answer };
            alike.entry(stated).or_default().push(row);
        }
        alike.into_values().flat_map(overlapping).collect()
    }

    fn part<'c, 'n>(
        &self,
        cells: &'c [String],
        names: impl IntoIterator<Item = &'n String>,
    ) -> Vec<&'c str> {
        let cell = |name: &String| {
            let (place, _) = self.column(name)?;
            cells.get(place).map(String::as_str)
        };
        names.into_iter().map(|name| cell(name).unwrap_or_default()).collect()
    }
}

/// First day in force and first day no longer in force; `None` for without bound.
struct Term {
    from: Option<Date>,
    end: Option<Date>,
}

struct InForce<'c> {
    from: Option<Date>,
    end: Option<Date>,
    line: u64,
    answer: Vec<&'c str>,
}

/// Along time: beside the rows still in force, which agree with each other, a new one must agree.
fn overlapping(mut rows: Vec<InForce<'_>>) -> Vec<Contradiction> {
    rows.sort_by_key(|row| (row.from, row.line));
    let mut found = Vec::new();
    let mut in_force: Vec<InForce<'_>> = Vec::new();
    for row in rows {
        in_force.retain(|held| held.end.is_none_or(|end| row.from.is_none_or(|from| from < end)));
        if let Some(other) = in_force.iter().find(|held| held.answer != row.answer) {
            let (first, second) = (other.line.min(row.line), other.line.max(row.line));
            found.push(Contradiction { first, second });
        }
        // Of rows with one answer the one that lasts longest is enough, so that few are held.
        match in_force.iter_mut().find(|held| held.answer == row.answer) {
            Some(held) if lasts_longer(&row, held) => *held = row,
            Some(_) => {}
            None => in_force.push(row),
        }
    }
    found
}

fn lasts_longer(row: &InForce<'_>, held: &InForce<'_>) -> bool {
    match (row.end, held.end) {
        (_, None) => false,
        (None, Some(_)) => true,
        (Some(row), Some(held)) => row > held,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn lookup(compare: &[&str]) -> Definition {
        serde_json::from_value(json!({
            "columns": [{ "name": "code" }, { "name": "name" }, { "name": "next", "optional": true },
                { "name": "from", "type": "date" },
                { "name": "until", "type": "date", "optional": true }],
            "lookup": { "key": ["code"], "compare": compare, "answer": ["next"],
                "as_of": { "field": "on", "from": "from", "until": "until" } },
        }))
        .expect("a definition")
    }

    fn row(name: &str, next: &str, (from, until): (&str, &str)) -> Vec<String> {
        ["330212", name, next, from, until].map(str::to_owned).to_vec()
    }

    fn lines(definition: &Definition, rows: Vec<Vec<String>>) -> Vec<(u64, u64)> {
        let rows: Vec<(u64, Vec<String>)> = (2..).zip(rows).collect();
        let found = definition.contradictions(&rows);
        found.into_iter().map(|one| (one.first, one.second)).collect()
    }

    #[test]
    fn rows_of_one_key_that_overlap_and_answer_differently_are_named() {
        let definition = lookup(&[]);
        let check = |rows: Vec<Vec<String>>, expected: &[(u64, u64)]| {
            assert_eq!(lines(&definition, rows), expected);
        };
        let first = row("a", "x", ("2020-01-01", "2021-01-01"));
        let next = row("a", "y", ("2021-01-01", ""));
        check(vec![first.clone(), next.clone()], &[]);
        check(vec![next.clone(), first.clone()], &[]);
        let early = row("a", "y", ("2020-12-31", ""));
        check(vec![first.clone(), early.clone()], &[(2, 3)]);
        check(vec![early, first.clone()], &[(2, 3)]);
        check(vec![first.clone(), first.clone(), next.clone()], &[]);
        let inside = row("a", "z", ("2020-05-01", "2020-06-01"));
        check(vec![row("a", "x", ("2019-01-01", "")), next, inside], &[(2, 3), (2, 4)]);
        let same_start = row("a", "y", ("2020-01-01", "2020-01-02"));
        check(vec![first, same_start], &[(2, 3)]);
    }

    #[test]
    fn rows_that_agree_with_other_statements_may_answer_otherwise() {
        let definition = lookup(&["name"]);
        let term = ("2020-01-01", "");
        let rows = vec![row("a", "x", term), row("b", "y", term)];
        assert_eq!(lines(&definition, rows), []);
        let rows = vec![row("ａ", "x", term), row("A", "y", term)];
        assert_eq!(lines(&definition, rows), [(2, 3)], "found as one");
    }

    #[test]
    fn columns_have_names_that_can_be_told() {
        let mut definition = lookup(&[]);
        assert_eq!(definition.check_names(), Ok(()));
        for name in ["a\u{202e}b", "\u{200b}", "a\0", "e\u{301}", " a"] {
            name.clone_into(&mut definition.columns[1].name);
            let refused = definition.check_names().expect_err(name);
            assert!(matches!(refused, DefinitionRefusal::Columns(_)), "{refused}");
        }
    }

    #[test]
    fn without_time_every_row_is_in_force() {
        let mut definition = lookup(&[]);
        definition.lookup.as_mut().expect("a lookup").as_of = None;
        let rows =
            vec![row("a", "x", ("2020-01-01", "2021-01-01")), row("a", "y", ("2021-01-01", ""))];
        assert_eq!(lines(&definition, rows), [(2, 3)]);
    }

    #[test]
    fn two_points_at_one_place_with_other_figures_are_named() {
        let definition: Definition = serde_json::from_value(json!({
            "columns": [{ "name": "year", "type": "integer" }, { "name": "count", "type": "integer" }],
            "series": { "dimension": "year", "values": ["count"] },
        }))
        .expect("a definition");
        let point = |year: &str, count: &str| vec![year.to_owned(), count.to_owned()];
        let rows = vec![point("2020", "1"), point("2021", "1"), point("2020", "2")];
        assert_eq!(lines(&definition, rows), [(2, 4)]);
        assert_eq!(lines(&definition, vec![point("2020", "1"), point("2020", "1")]), []);
    }

    #[test]
    fn a_row_ends_after_it_begins_and_can_be_asked_about() {
        let definition = lookup(&["name"]);
        let check = |cells: Vec<String>, expected: &[&str]| {
            let wrong = definition.check_row(&cells).err().unwrap_or_default();
            let columns: Vec<&str> = wrong.iter().map(|(column, _)| *column).collect();
            assert_eq!(columns, expected, "{cells:?} {wrong:?}");
        };
        check(row("a", "", ("2020-01-01", "2020-01-02")), &[]);
        check(row("a", "", ("2020-01-01", "2020-01-01")), &["until"]);
        check(row("a", "", ("2020-01-02", "2020-01-01")), &["until"]);
        check(row("a\u{200b}", "", ("2020-01-01", "")), &["name"]);
        check(row("a", "b\u{200d}", ("2020-01-01", "")), &[]);
        check(row(&"长".repeat(513), "", ("2020-01-01", "")), &["name"]);
        let counted: Definition = serde_json::from_value(json!({
            "columns": [{ "name": "year", "type": "integer" }, { "name": "n", "type": "integer" }],
            "series": { "dimension": "year", "values": ["n"] },
        }))
        .expect("a definition");
        let wrong = |n: &str| counted.check_row(&["2020".to_owned(), n.to_owned()]).is_err();
        assert!(!wrong("9007199254740991") && !wrong("-9007199254740991"));
        assert!(wrong("9007199254740992") && wrong("-9223372036854775808"));
    }

    #[test]
    fn a_month_through_which_a_row_lasts_is_counted_to_its_end() {
        let definition: Definition = serde_json::from_value(json!({
            "columns": [{ "name": "code" }, { "name": "next" }, { "name": "from", "type": "month" },
                { "name": "through", "type": "month", "optional": true }],
            "lookup": { "key": ["code"], "answer": ["next"],
                "as_of": { "field": "on", "from": "from", "through": "through" } },
        }))
        .expect("a definition");
        let row = |next: &str, from: &str, through: &str| {
            ["330212", next, from, through].map(str::to_owned).to_vec()
        };
        assert!(definition.check_row(&row("x", "2020-05", "2020-05")).is_ok());
        assert!(definition.check_row(&row("x", "2020-05", "2020-04")).is_err());
        let rows = vec![row("x", "2020-01", "2020-05"), row("y", "2020-06", "")];
        assert_eq!(lines(&definition, rows), []);
        let rows = vec![row("x", "2020-01", "2020-06"), row("y", "2020-06", "")];
        assert_eq!(lines(&definition, rows), [(2, 3)]);
    }

    proptest! {
        #[test]
        fn there_is_a_contradiction_when_some_day_has_two_answers(
            terms in prop::collection::vec((0_i64..8, 1_i64..4, 0_usize..3), 0..6)
        ) {
            let first = Date::parse("2020-01-01").expect("valid");
            let day = |offset: i64| first.plus_days(offset).to_string();
            let rows: Vec<Vec<String>> = terms
                .iter()
                .map(|(from, length, answer)| {
                    row("a", ["x", "y", "z"][*answer], (&day(*from), &day(from + length)))
                })
                .collect();
            let torn = (0..12).any(|at| {
                let mut answers: Vec<usize> = terms
                    .iter()
                    .filter(|(from, length, _)| (*from..from + length).contains(&at))
                    .map(|(_, _, answer)| *answer)
                    .collect();
                answers.sort_unstable();
                answers.dedup();
                answers.len() > 1
            });
            prop_assert_eq!(!lines(&lookup(&[]), rows).is_empty(), torn);
        }
    }
}
