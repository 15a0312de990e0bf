//! Division codes (GB/T 2260) with their life spans. A code is judged as of a date, successors are
//! kept, and an issued number is never rewritten because its division changed.

use std::{collections::BTreeMap, ops::Bound, sync::OnceLock};

use lianshi_registry::{
    id::DivisionCode,
    time::{Date, Period},
};

/// The list as shipped.
const LIST: &str = include_str!("../data/divisions.csv");
/// Divisions that ended by joining one of another name.
const MERGERS: &str = include_str!("../data/mergers.csv");
/// How many months after the end of a code its successor may first be listed: lists were yearly
/// until 2012.
const SUCCESSOR_MONTHS: usize = 12;

/// A division under one code and one name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Division {
    /// Its code.
    pub code: DivisionCode,
    /// Its name in Chinese.
    pub name: String,
    /// First month in which it was listed.
    pub first_listed: Period,
    /// Last month in which it was listed; `None` while it still is.
    pub last_listed: Option<Period>,
}

impl Division {
    /// Whether it was listed in the month of a date.
    pub fn is_listed_on(&self, date: Date) -> bool {
        let month = date.period();
        self.first_listed <= month && self.last_listed.is_none_or(|last| month <= last)
    }

    /// Its name without the rank at the end, by which it is known again after a change of rank.
    fn stem(&self) -> &str {
        self.name.strip_suffix(['区', '市', '县']).unwrap_or(&self.name)
    }
}

/// What is known of a code on a date.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DivisionStanding<'a> {
    /// It is listed.
    Listed(&'a Division),
    /// It was listed before, not any more.
    Gone {
        /// What it was last.
        last: &'a Division,
        /// What took its place, if known.
        successors: Vec<&'a Division>,
    },
    /// It is listed only later.
    NotYet(&'a Division),
    /// It never was.
    Unknown,
}

/// The dated list.
#[derive(Debug, Default)]
pub struct Divisions {
    by_code: BTreeMap<DivisionCode, Vec<Division>>,
    mergers: Vec<(DivisionCode, DivisionCode)>,
}

impl Divisions {
    /// The list shipped with the program.
    pub fn shipped() -> &'static Self {
        static SHIPPED: OnceLock<Divisions> = OnceLock::new();
        SHIPPED.get_or_init(|| Self::parse(LIST, MERGERS))
    }

    /// Reads lists in the form of `governance/data`; lines that are none are left out, which a test
    /// rules out for the shipped ones.
    pub fn parse(list: &str, mergers: &str) -> Self {
        let mut divisions = Self::default();
        for line in list.lines().skip(1) {
            if let Some(division) = parse_division(line) {
                divisions.by_code.entry(division.code.clone()).or_default().push(division);
            }
        }
        for line in mergers.lines().skip(1) {
            let mut cells = line.split(',').map(DivisionCode::parse);
            if let (Some(Ok(code)), Some(Ok(successor))) = (cells.next(), cells.next()) {
                divisions.mergers.push((code, successor));
            }
        }
        divisions
    }

    /// Every division of every time, by code and first month.
    pub fn all(&self) -> impl Iterator<Item = &Division> {
        self.by_code.values().flatten()
    }

    /// The division listed under a code on a date.
    pub fn listed_on(&self, code: &DivisionCode, date: Date) -> Option<&Division> {
        self.by_code.get(code)?.iter().rfind(|division| division.is_listed_on(date))
    }

    /// What is known of a code on a date.
    pub fn standing(&self, code: &DivisionCode, date: Date) -> DivisionStanding<'_> {
        if let Some(division) = self.listed_on(code, date) {
            return DivisionStanding::Listed(division);
        }
        let month = date.period();
        let rows = self.by_code.get(code).map_or(&[][..], Vec::as_slice);
        match (
            rows.iter().rfind(|row| row.last_listed < Some(month) && row.first_listed < month),
            rows.first(),
        ) {
            (Some(last), _) => DivisionStanding::Gone { last, successors: self.successors(last) },
            (None, Some(first)) => DivisionStanding::NotYet(first),
            (None, None) => DivisionStanding::Unknown,
        }
    }

    /// Every division of the province a code lies in.
    fn province(&self, code: &DivisionCode) -> impl Iterator<Item = &Division> {
        let prefix = code.as_str().get(..2).unwrap_or_default().to_owned();
        let first = DivisionCode::parse(&format!("{prefix}0000")).ok();
        let from = first.map_or(Bound::Unbounded, Bound::Included);
        self.by_code
            .range((from, Bound::Unbounded))
            .take_while(move |(code, _)| code.as_str().starts_with(&prefix))
            .flat_map(|(_, rows)| rows)
    }

    /// What took the place of a division that is listed no more: the same name stem under the same
    /// city or province listed within a year of its end, or a recorded merger.
    pub fn successors(&self, division: &Division) -> Vec<&Division> {
        let Some(last) = division.last_listed else { return Vec::new() };
        let merged = self.mergers.iter().filter(|(code, _)| *code == division.code);
        let mut found: Vec<&Division> = merged
            .filter_map(|(_, successor)| {
                self.by_code
                    .get(successor)?
                    .iter()
                    .rfind(|row| row.last_listed > Some(last) || row.last_listed.is_none())
            })
            .collect();
        let mut latest = last;
        for _ in 0..SUCCESSOR_MONTHS {
            latest = latest.next();
        }
        found.extend(self.province(&division.code).filter(|other| {
            other.first_listed > last
                && other.first_listed <= latest
                && other.stem() == division.stem()
        }));
        found.dedup();
        found
    }
}

fn parse_division(line: &str) -> Option<Division> {
    let mut cells = line.split(',');
    let code = DivisionCode::parse(cells.next()?).ok()?;
    let name = cells.next()?.to_owned();
    let first_listed = Period::parse(cells.next()?).ok()?;
    let last_listed = match cells.next()? {
        "" => None,
        month => Some(Period::parse(month).ok()?),
    };
    Some(Division { code, name, first_listed, last_listed })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(text: &str) -> DivisionCode {
        DivisionCode::parse(text).expect("valid")
    }

    fn day(text: &str) -> Date {
        Date::parse(text).expect("valid")
    }

    #[test]
    fn every_line_of_the_shipped_list_is_read() {
        let divisions = Divisions::shipped();
        assert_eq!(divisions.all().count(), LIST.lines().count() - 1);
        assert_eq!(divisions.mergers.len(), MERGERS.lines().count() - 1);
        for (code, successor) in &divisions.mergers {
            assert!(divisions.by_code.contains_key(code), "{code}");
            assert!(divisions.by_code.contains_key(successor), "{successor}");
        }
    }

    #[test]
    fn a_code_is_judged_as_of_a_date() {
        let divisions = Divisions::shipped();
        for (text, date, listed) in [
            ("330212", "2026-11-21", true),
            ("330204", "2016-07-31", true),
            ("330204", "2018-10-01", false),
            ("440311", "2020-01-01", true),
            ("440311", "2010-01-01", false),
            ("999999", "2020-01-01", false),
        ] {
            let found = divisions.listed_on(&code(text), day(date)).is_some();
            assert_eq!(found, listed, "{text} on {date}");
        }
        assert!(matches!(
            divisions.standing(&code("440311"), day("2010-01-01")),
            DivisionStanding::NotYet(_)
        ));
        assert_eq!(
            divisions.standing(&code("999999"), day("2020-01-01")),
            DivisionStanding::Unknown
        );
    }

    #[test]
    fn successors_are_found_by_name_and_by_record() {
        let divisions = Divisions::shipped();
        for (old, new) in [("330283", "330213"), ("330204", "330212"), ("330227", "330212")] {
            let standing = divisions.standing(&code(old), day("2020-01-01"));
            let DivisionStanding::Gone { successors, .. } = standing else {
                panic!("{old}: {standing:?}");
            };
            let codes: Vec<&str> = successors.iter().map(|s| s.code.as_str()).collect();
            assert_eq!(codes, [new], "{old}");
        }
    }
}
