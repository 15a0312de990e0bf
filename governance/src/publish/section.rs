//! One table of a publishing file, read field by field. Every mistake becomes a finding with its
//! line, and reading goes on, so that all of them are told at once.

use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
    fmt::Display,
};

use lianshi_registry::{
    entry::Texts,
    price::Price,
    refusal::Refusal,
    text::{Kind, TextRefusal},
    time::{Date, Period},
    word::Word,
};
use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use super::{
    Finding,
    source::{Findings, Source},
};
use crate::guard::GuardRefusal;

/// One table being read.
pub(super) struct Section<'s> {
    source: &'s Source<'s>,
    findings: &'s Findings,
    table: &'s DeTable<'s>,
    pub(super) line: usize,
    pub(super) place: String,
    used: RefCell<BTreeSet<String>>,
}

impl<'s> Section<'s> {
    /// The table of a whole file.
    pub(super) fn new(
        source: &'s Source<'s>,
        findings: &'s Findings,
        table: &'s DeTable<'s>,
    ) -> Self {
        let used = RefCell::default();
        Self { source, findings, table, line: 1, place: String::new(), used }
    }

    /// Tells a mistake at a line.
    pub(super) fn refuse_at(&self, line: usize, code: &str, message: impl Display) {
        self.findings.push(Finding {
            line,
            place: self.place.clone(),
            code: code.to_owned(),
            message: message.to_string(),
            rule: None,
        });
    }

    /// Tells a mistake of the whole table.
    pub(super) fn refuse(&self, code: &str, message: impl Display) {
        self.refuse_at(self.line, code, message);
    }

    /// Tells a guard's refusal, at the line of the field it concerns when that stands here.
    pub(super) fn refuse_guard(&self, refusal: &GuardRefusal, field: &str) {
        self.findings.push(Finding {
            line: self.line_of(field),
            place: self.place.clone(),
            code: refusal.code().to_owned(),
            message: refusal.to_string(),
            rule: refusal.rule(),
        });
    }

    /// The line of a field, or of the table where it is absent.
    pub(super) fn line_of(&self, field: &str) -> usize {
        self.table.get(field).map_or(self.line, |value| self.source.line(&value.span()))
    }

    /// Whether the field is given.
    pub(super) fn has(&self, field: &str) -> bool {
        self.table.contains_key(field)
    }

    /// Whether the field is given and a table.
    pub(super) fn is_table(&self, field: &str) -> bool {
        self.table.get(field).is_some_and(|value| value.get_ref().as_table().is_some())
    }

    fn value(&self, field: &str) -> Option<&'s Spanned<DeValue<'s>>> {
        self.used.borrow_mut().insert(field.to_owned());
        self.table.get(field)
    }

    fn required(&self, field: &str) -> Option<&'s Spanned<DeValue<'s>>> {
        let value = self.value(field);
        if value.is_none() {
            self.refuse("publish.missing", format!("`{field}` is missing"));
        }
        value
    }

    fn wrong(&self, value: &Spanned<DeValue<'_>>, field: &str, wanted: &str) {
        let line = self.source.line(&value.span());
        let found = value.get_ref().type_str();
        let message = format!("`{field}` must be {wanted}, not {found}");
        self.refuse_at(line, "publish.wrong_type", message);
    }

    fn read_text(
        &self,
        value: &Spanned<DeValue<'_>>,
        (field, kind): (&str, Kind),
    ) -> Option<String> {
        let Some(text) = value.get_ref().as_str() else {
            self.wrong(value, field, "a text");
            return None;
        };
        let refuse = |refusal: TextRefusal| {
            let line = self.source.line(&value.span());
            self.refuse_at(line, code_of(refusal), format!("`{field}` {refusal}"));
        };
        kind.read_optional(text).map_err(refuse).ok()
    }

    /// A text that is not empty: a number, a code, a word.
    pub(super) fn text(&self, field: &str) -> Option<String> {
        self.text_of(field, Kind::Reference)
    }

    /// A text of a kind that is not empty.
    pub(super) fn text_of(&self, field: &str, kind: Kind) -> Option<String> {
        let value = self.required(field)?;
        let text = self.read_text(value, (field, kind))?;
        if text.is_empty() {
            let line = self.source.line(&value.span());
            self.refuse_at(line, "publish.empty", format!("`{field}` is empty"));
            return None;
        }
        Some(text)
    }

    /// A text of a kind that may be absent or empty.
    pub(super) fn text_or(&self, field: &str, kind: Kind, default: &str) -> Option<String> {
        match self.value(field) {
            Some(value) => self.read_text(value, (field, kind)),
            None => Some(default.to_owned()),
        }
    }

    /// A text of a kind in Chinese and English.
    pub(super) fn texts(&self, field: &str, kind: Kind) -> Option<Texts> {
        let value = self.required(field)?;
        let Some(table) = value.get_ref().as_table() else {
            self.wrong(value, field, "a table { zh = \"…\", en = \"…\" }");
            return None;
        };
        let section = self.inner(table, self.source.line(&value.span()), field);
        let (zh, en) = (section.text_of("zh", kind), section.text_of("en", kind));
        section.finish();
        Some(Texts { zh: zh?, en: en? })
    }

    /// A text that parses.
    pub(super) fn parsed<T, E: Display>(
        &self,
        field: &str,
        parse: impl Fn(&str) -> Result<T, E>,
    ) -> Option<T> {
        let text = self.text(field)?;
        parse(&text)
            .map_err(|error| self.refuse_at(self.line_of(field), "publish.malformed", error))
            .ok()
    }

    /// A word of a closed list of the entry format.
    pub(super) fn word<T: Word>(&self, field: &str) -> Option<T> {
        let text = self.text(field)?;
        self.read_word(&text, (field, self.line_of(field)))
    }

    fn read_word<T: Word>(&self, text: &str, (field, line): (&str, usize)) -> Option<T> {
        let word = T::read(text);
        if word.is_none() {
            self.refuse_word(text, (field, line), T::words());
        }
        word
    }

    fn refuse_word(&self, text: &str, (field, line): (&str, usize), words: &[&str]) {
        let message = format!("`{text}` is no `{field}`; use one of {}", words.join(", "));
        let code = if field == "form" { "guard.form_not_allowed" } else { "publish.unknown_word" };
        self.refuse_at(line, code, message);
    }

    /// One of some words.
    pub(super) fn one_of(&self, field: &str, words: &[&str]) -> Option<String> {
        let text = self.text(field)?;
        if words.contains(&text.as_str()) {
            return Some(text);
        }
        self.refuse_word(&text, (field, self.line_of(field)), words);
        None
    }

    /// A name of `a-z`, digits, `-` and `_`, such as a plan's code.
    pub(super) fn code(&self, field: &str) -> Option<String> {
        self.parsed(field, |text| {
            Kind::Code.read(text).map_err(|refusal| format!("`{text}` {refusal}"))
        })
    }

    /// A whole number of at least zero.
    pub(super) fn number(&self, field: &str) -> Option<u64> {
        let value = self.required(field)?;
        let found = value
            .get_ref()
            .as_integer()
            .and_then(|integer| u64::from_str_radix(integer.as_str(), integer.radix()).ok());
        // Entries carry integers up to 2^53-1.
        let found = found.filter(|number| *number < 1 << 53);
        if found.is_none() {
            self.wrong(value, field, "a whole number from 0 on");
        }
        found
    }

    /// A whole number above zero: a limit that lets something through.
    pub(super) fn limit(&self, field: &str) -> Option<u64> {
        let limit = self.number(field)?;
        if limit > 0 {
            return Some(limit);
        }
        let message = format!("`{field}` is 0, so that nobody could use it");
        self.refuse_at(self.line_of(field), "publish.nothing_allowed", message);
        None
    }

    /// A whole number of at least zero, with a default.
    pub(super) fn number_or(&self, field: &str, default: u64) -> Option<u64> {
        if self.has(field) { self.number(field) } else { Some(default) }
    }

    /// A limit within 32 bits.
    pub(super) fn small_limit(&self, field: &str) -> Option<u32> {
        let number = self.limit(field)?;
        let small = u32::try_from(number).ok();
        if small.is_none() {
            let message = format!("`{field}` is too large");
            self.refuse_at(self.line_of(field), "publish.malformed", message);
        }
        small
    }

    /// True or false, with a default.
    pub(super) fn flag(&self, field: &str, default: bool) -> Option<bool> {
        let Some(value) = self.value(field) else { return Some(default) };
        let found = value.get_ref().as_bool();
        if found.is_none() {
            self.wrong(value, field, "true or false");
        }
        found
    }

    /// A day, written bare or as text.
    pub(super) fn date(&self, field: &str) -> Option<Date> {
        let value = self.required(field)?;
        if let Some(moment) = value.get_ref().as_datetime() {
            let parsed = Date::parse(&moment.to_string());
            return parsed
                .map_err(|error| self.refuse_at(self.line_of(field), "publish.malformed", error))
                .ok();
        }
        self.parsed(field, Date::parse)
    }

    /// A month.
    pub(super) fn period(&self, field: &str) -> Option<Period> {
        self.parsed(field, Period::parse)
    }

    /// A price in yuan, written as text.
    pub(super) fn price(&self, field: &str) -> Option<Price> {
        self.parsed(field, Price::parse)
    }

    /// A list of texts with their lines.
    pub(super) fn list(&self, field: &str) -> Option<Vec<(String, usize)>> {
        let value = self.required(field)?;
        let Some(array) = value.get_ref().as_array() else {
            self.wrong(value, field, "a list of texts");
            return None;
        };
        let texts: Vec<Option<(String, usize)>> = array
            .iter()
            .map(|item| {
                let text = self.read_text(item, (field, Kind::Reference))?;
                Some((text, self.source.line(&item.span())))
            })
            .collect();
        texts.into_iter().collect()
    }

    /// A list of words of a closed list of the entry format.
    pub(super) fn words<T: Word>(&self, field: &str) -> Option<Vec<T>> {
        let words = self.list(field)?;
        let read = words.iter().map(|(text, line)| self.read_word(text, (field, *line)));
        let read: Vec<Option<T>> = read.collect();
        read.into_iter().collect()
    }

    fn inner(&self, table: &'s DeTable<'s>, line: usize, name: &str) -> Section<'s> {
        let place =
            if self.place.is_empty() { name.to_owned() } else { format!("{}.{name}", self.place) };
        Section {
            source: self.source,
            findings: self.findings,
            table,
            line,
            place,
            used: RefCell::default(),
        }
    }

    /// A table inside this one, if given.
    pub(super) fn section(&self, field: &str) -> Option<Section<'s>> {
        let value = self.value(field)?;
        let Some(table) = value.get_ref().as_table() else {
            self.wrong(value, field, "a table");
            return None;
        };
        Some(self.inner(table, self.source.line(&value.span()), field))
    }

    /// The tables of an array of tables; none when absent.
    pub(super) fn sections(&self, field: &str) -> Vec<Section<'s>> {
        let Some(value) = self.value(field) else { return Vec::new() };
        let Some(array) = value.get_ref().as_array() else {
            self.wrong(value, field, "a list of tables");
            return Vec::new();
        };
        let mut sections = Vec::new();
        for item in array {
            match item.get_ref().as_table() {
                Some(table) => {
                    sections.push(self.inner(table, self.source.line(&item.span()), field));
                }
                None => self.wrong(item, field, "a table"),
            }
        }
        sections
    }

    /// Ends reading: fields nobody asked for are mistakes.
    pub(super) fn finish(&self) {
        let used = self.used.borrow();
        let unknown: BTreeMap<&str, usize> = self
            .table
            .iter()
            .map(|(name, _)| (name.get_ref().as_ref(), self.source.line(&name.span())))
            .filter(|(name, _)| !used.contains(*name))
            .collect();
        for (name, line) in unknown {
            let message = format!("`{name}` is not a field of this table");
            self.refuse_at(line, "publish.unknown_field", message);
        }
    }
}

/// The code of a finding about a text.
fn code_of(refusal: TextRefusal) -> &'static str {
    match refusal {
        TextRefusal::Empty => "publish.empty",
        TextRefusal::TooLong { .. } => "publish.too_long",
        TextRefusal::Control(_) => "publish.control_characters",
        TextRefusal::Direction(_) => "publish.direction",
        TextRefusal::Invisible(_) => "publish.invisible",
        TextRefusal::NotACode | TextRefusal::Form | TextRefusal::Unassigned(_) => {
            "publish.malformed"
        }
    }
}
