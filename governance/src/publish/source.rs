//! The text of a publishing file with its lines, and what was found wrong with it so far.

use std::{cell::RefCell, collections::BTreeSet, ops::Range};

use toml::de::{DeTable, DeValue};

use super::{Finding, PublishRefusal, section::Section};

/// A parsed file with the places of its lines.
pub(super) struct Source<'t> {
    table: DeTable<'t>,
    lines: Vec<usize>,
}

impl<'t> Source<'t> {
    /// Parses TOML; syntax errors are all told.
    pub(super) fn parse(text: &'t str) -> Result<Self, PublishRefusal> {
        let lines = text.match_indices('\n').map(|(at, _)| at).collect();
        let (table, errors) = DeTable::parse_recoverable(text);
        let source = Self { table: table.into_inner(), lines };
        if errors.is_empty() {
            return Ok(source);
        }
        let findings = errors
            .iter()
            .map(|error| Finding {
                line: source.line(&error.span().unwrap_or_default()),
                place: "file".to_owned(),
                code: "publish.syntax".to_owned(),
                message: error.message().to_owned(),
                rule: None,
            })
            .collect();
        Err(PublishRefusal::new(findings))
    }

    /// The line of a place.
    pub(super) fn line(&self, span: &Range<usize>) -> usize {
        self.lines.partition_point(|at| *at < span.start) + 1
    }

    /// The tables of a top-level array of tables.
    pub(super) fn tables(&self, name: &str) -> impl Iterator<Item = &DeTable<'t>> {
        let array = self.table.get(name).and_then(|value| value.get_ref().as_array());
        array.into_iter().flat_map(|array| array.iter()).filter_map(|v| v.get_ref().as_table())
    }

    /// Every text in the file.
    pub(super) fn texts(&self) -> Vec<String> {
        let mut found = Vec::new();
        for value in self.table.values() {
            collect(value.get_ref(), &mut found);
        }
        found
    }

    /// The whole file as a section.
    pub(super) fn root<'s>(&'s self, findings: &'s Findings) -> Section<'s> {
        Section::new(self, findings, &self.table)
    }
}

fn collect(value: &DeValue<'_>, found: &mut Vec<String>) {
    match value {
        DeValue::String(text) => found.push(text.to_string()),
        DeValue::Array(items) => items.iter().for_each(|item| collect(item.get_ref(), found)),
        DeValue::Table(table) => table.values().for_each(|item| collect(item.get_ref(), found)),
        _ => {}
    }
}

/// What was found wrong so far.
#[derive(Debug, Default)]
pub(super) struct Findings(RefCell<Vec<Finding>>);

impl Findings {
    pub(super) fn push(&self, finding: Finding) {
        self.0.borrow_mut().push(finding);
    }

    pub(super) fn count(&self) -> usize {
        self.0.borrow().len()
    }

    pub(super) fn into_sorted(self) -> Vec<Finding> {
        let mut findings = self.0.into_inner();
        findings.sort_by_key(|finding| finding.line);
        // What is wrong with a resource is told once, not again for each product made from it.
        let mut told = BTreeSet::new();
        findings.retain(|finding| {
            !finding.code.starts_with("guard.")
                || told.insert((finding.code.clone(), finding.message.clone()))
        });
        findings
    }
}
