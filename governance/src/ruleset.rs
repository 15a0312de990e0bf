//! Rulesets: dated parameters of jurisdictions. Never a constant in code: each value names its
//! document and the part of it, and the strictest of all rulesets in force for a division applies.

use std::{fmt, sync::OnceLock};

use lianshi_registry::{
    entry::{Grade, ProductForm, Texts},
    id::DivisionCode,
    time::Date,
    word::Word,
};
use serde::Deserialize;

/// The rulesets as shipped.
const SHIPPED: &str = include_str!("../data/rulesets.toml");
/// The division that stands for the whole country.
const COUNTRY: &str = "000000";

/// A value of a rule.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub enum RuleValue {
    /// The rule holds.
    Holds(bool),
    /// A number, its unit in the rule's name.
    Number(i64),
    /// A word, such as a grade.
    Word(String),
    /// A closed list.
    List(Vec<String>),
}

/// One rule of a ruleset.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// Its name, such as `term_months_max`.
    pub name: String,
    /// Its value.
    pub value: RuleValue,
    /// The part of the document it follows.
    pub part: String,
    /// Read in the document's own text.
    pub confirmed: bool,
}

/// The rules of one document.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ruleset {
    /// Its id, such as `440311-2024`.
    pub id: String,
    /// The division it belongs to; `000000` for the whole country.
    pub division: DivisionCode,
    /// Its title.
    pub title: Texts,
    /// The document's number, or its date of issue.
    pub document: String,
    /// First day in force.
    pub from: Date,
    /// First day no longer in force.
    #[serde(default)]
    pub to: Option<Date>,
    /// Its rules.
    pub rules: Vec<Rule>,
}

impl Ruleset {
    /// Whether it is in force for a division on a day.
    pub fn applies(&self, division: &DivisionCode, day: Date) -> bool {
        let covers = self.division.as_str() == COUNTRY || self.division.covers(division);
        covers && self.from <= day && self.to.is_none_or(|to| day < to)
    }

    fn rule(&self, name: &str) -> Option<&Rule> {
        self.rules.iter().find(|rule| rule.name == name)
    }
}

/// Where a rule stands: what a refusal cites.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Citation {
    /// The ruleset.
    pub ruleset: String,
    /// The document.
    pub document: String,
    /// The part of it.
    pub part: String,
}

impl fmt::Display for Citation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({}): {}", self.ruleset, self.document, self.part)
    }
}

/// A limit and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limit<T> {
    /// The value.
    pub value: T,
    /// Where it stands; `None` for what this program keeps by itself.
    pub citation: Option<Citation>,
}

/// The rulesets a node knows.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rulebook {
    /// In the order of the file.
    #[serde(rename = "ruleset")]
    pub rulesets: Vec<Ruleset>,
}

impl Rulebook {
    /// The rulesets shipped with the program.
    pub fn shipped() -> &'static Self {
        static BOOK: OnceLock<Rulebook> = OnceLock::new();
        BOOK.get_or_init(|| Self::parse(SHIPPED).unwrap_or_default())
    }

    /// Reads a file of rulesets.
    pub fn parse(text: &str) -> Result<Self, toml::de::Error> {
        toml::from_str(text)
    }

    /// The rules in force for a division on a day.
    pub fn in_force(&self, division: &DivisionCode, day: Date) -> RulesInForce<'_> {
        let mut rulesets: Vec<&Ruleset> =
            self.rulesets.iter().filter(|ruleset| ruleset.applies(division, day)).collect();
        // The nearest jurisdiction last; of one jurisdiction the newest last.
        rulesets.sort_by_key(|ruleset| (nearness(&ruleset.division), ruleset.from));
        RulesInForce { rulesets }
    }
}

fn nearness(division: &DivisionCode) -> usize {
    let code = division.as_str();
    if code == COUNTRY { 0 } else { code.trim_end_matches("00").len() }
}

/// The rulesets in force for one division on one day.
#[derive(Debug, Clone)]
pub struct RulesInForce<'a> {
    rulesets: Vec<&'a Ruleset>,
}

impl RulesInForce<'_> {
    /// The ruleset a decision names: the nearest jurisdiction's newest.
    pub fn id(&self) -> String {
        self.rulesets.last().map_or_else(|| "none".to_owned(), |ruleset| ruleset.id.clone())
    }

    /// Every ruleset in force, the nearest last.
    pub fn rulesets(&self) -> impl Iterator<Item = &Ruleset> {
        self.rulesets.iter().copied()
    }

    fn found(&self, name: &str) -> impl Iterator<Item = (&RuleValue, Citation)> {
        self.rulesets.iter().rev().filter_map(move |ruleset| {
            let rule = ruleset.rule(name)?;
            let citation = Citation {
                ruleset: ruleset.id.clone(),
                document: ruleset.document.clone(),
                part: rule.part.clone(),
            };
            Some((&rule.value, citation))
        })
    }

    /// Where a rule stands, in the nearest ruleset that has it.
    pub fn cite(&self, name: &str) -> Option<Citation> {
        self.found(name).next().map(|(_, citation)| citation)
    }

    /// Whether a rule that holds or does not is in force.
    pub fn holds(&self, name: &str) -> bool {
        self.found(name).any(|(value, _)| *value == RuleValue::Holds(true))
    }

    /// The smallest of all numbers with this name; the nearest of equals.
    pub fn smallest(&self, name: &str) -> Option<Limit<i64>> {
        self.found(name)
            .filter_map(|(value, citation)| match value {
                RuleValue::Number(value) => Some(Limit { value: *value, citation: Some(citation) }),
                _ => None,
            })
            .min_by_key(|limit| limit.value)
    }

    /// The lowest of all grades with this name; the nearest of equals.
    pub fn lowest_grade(&self, name: &str) -> Option<Limit<Grade>> {
        self.found(name)
            .filter_map(|(value, citation)| match value {
                RuleValue::Word(word) => {
                    Some(Limit { value: Grade::read(word)?, citation: Some(citation) })
                }
                _ => None,
            })
            .min_by_key(|limit| limit.value)
    }

    /// Why a product form is not allowed: the nearest list that lacks it.
    pub fn forbids_form(&self, form: ProductForm) -> Option<Citation> {
        self.found("product_forms")
            .find(|(value, _)| match value {
                RuleValue::List(list) => {
                    !list.iter().any(|word| ProductForm::read(word) == Some(form))
                }
                _ => false,
            })
            .map(|(_, citation)| citation)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(division: &str, day: &str) -> (String, Option<i64>) {
        let division = DivisionCode::parse(division).expect("valid");
        let day = Date::parse(day).expect("valid");
        let book = Rulebook::shipped();
        let rules = book.in_force(&division, day);
        (rules.id(), rules.smallest("term_months_max").map(|limit| limit.value))
    }

    #[test]
    fn the_shipped_rulesets_are_read_and_their_words_known() {
        let book = Rulebook::parse(SHIPPED).expect("the shipped file");
        assert_eq!(book.rulesets.len(), 6);
        for rule in book.rulesets.iter().flat_map(|ruleset| &ruleset.rules) {
            match (&*rule.name, &rule.value) {
                ("product_forms", RuleValue::List(list)) => {
                    assert!(list.iter().all(|word| ProductForm::read(word).is_some()));
                }
                (name, RuleValue::Word(word)) if name.starts_with("grade") => {
                    assert!(Grade::read(word).is_some(), "{word}");
                }
                (_, value) => assert!(
                    matches!(value, RuleValue::Holds(_) | RuleValue::Number(_)),
                    "{}",
                    rule.name
                ),
            }
        }
    }

    #[test]
    fn a_decision_uses_the_ruleset_of_its_day_and_place() {
        assert_eq!(rules("330200", "2023-10-01").0, "330000-2023");
        assert_eq!(rules("330200", "2023-12-01").0, "330200-2023");
        assert_eq!(rules("330212", "2026-11-21").0, "330200-2023");
        assert_eq!(rules("440311", "2026-11-21").0, "440311-2024");
        assert_eq!(rules("640100", "2026-11-21").0, "national-2025");
        assert_eq!(rules("640100", "2020-01-01"), ("none".to_owned(), None));
    }

    #[test]
    fn the_strictest_term_applies() {
        assert_eq!(rules("440311", "2026-11-21").1, Some(36));
        assert_eq!(rules("640100", "2026-11-21").1, Some(60));
    }
}
