//! Fields of resources and operations.

use std::collections::BTreeSet;

use lianshi_registry::{
    entry::{Confirmation, Field, FieldType, ResourceField, Texts},
    text::Kind,
    time::Date,
    uscc::Uscc,
};

use super::section::Section;

/// The fields of an input or an output.
pub(super) fn fields(section: &Section<'_>, list: &str) -> Option<Vec<Field>> {
    let read = |section: &Section<'_>| {
        let required = section.flag("required", false);
        let (name, label, field_type) = described(section);
        section.finish();
        Some(Field { name: name?, label: label?, field_type: field_type?, required: required? })
    };
    each(section, list, (read, |field| &field.name))
}

/// The fields of a resource and what their provider confirmed.
pub(super) fn of_resource(
    section: &Section<'_>,
    provider: Option<&Uscc>,
    today: Date,
) -> Option<Vec<ResourceField>> {
    let for_all = section.section("confirmation");
    let for_all = for_all.as_ref().map_or(ForAll::Absent, |table| {
        confirmation(table, provider, today).map_or(ForAll::Refused, ForAll::Said)
    });
    let read = |field: &Section<'_>| {
        let (name, label, field_type) = described(field);
        let confirmed = if field.is_table("confirmed") {
            field.section("confirmed").and_then(|own| confirmation(&own, provider, today)).map(Some)
        } else {
            match field.flag("confirmed", false) {
                Some(true) => for_all.of(field).map(Some),
                Some(false) => Some(None),
                None => None,
            }
        };
        field.finish();
        Some(ResourceField {
            name: name?,
            label: label?,
            field_type: field_type?,
            confirmed: confirmed?,
        })
    };
    each(section, "fields", (read, |field| &field.name))
}

/// The confirmation that a resource has for all its fields.
enum ForAll {
    Absent,
    Refused,
    Said(Confirmation),
}

impl ForAll {
    /// That of a field with `confirmed = true`.
    fn of(&self, field: &Section<'_>) -> Option<Confirmation> {
        if matches!(self, Self::Absent) {
            let message = "`confirmed` does not say when and by which document: give the resource \
                           `confirmation = { on = …, document = \"…\" }`";
            field.refuse_at(field.line_of("confirmed"), "publish.missing", message);
        }
        match self {
            Self::Said(said) => Some(said.clone()),
            Self::Absent | Self::Refused => None,
        }
    }
}

/// `{ by, on, document }`; it is the provider's where `by` is left out.
fn confirmation(
    section: &Section<'_>,
    provider: Option<&Uscc>,
    today: Date,
) -> Option<Confirmation> {
    let by = section.has("by").then(|| section.parsed("by", Uscc::parse));
    let (on, document) = (section.date("on"), section.text("document"));
    section.finish();
    if let Some(on) = on.filter(|on| *on > today) {
        let message = format!("nothing was confirmed on {on}, which has not come");
        section.refuse_at(section.line_of("on"), "publish.not_yet", message);
        return None;
    }
    let by = by.unwrap_or_else(|| provider.cloned());
    Some(Confirmation { by: by?, on: on?, document: document? })
}

fn described(section: &Section<'_>) -> (Option<String>, Option<Texts>, Option<FieldType>) {
    (section.code("name"), section.texts("label", Kind::Name), section.word("type"))
}

/// Reads every table of a list that may not be empty and names nothing twice.
fn each<T>(
    section: &Section<'_>,
    list: &str,
    (read, name): (impl Fn(&Section<'_>) -> Option<T>, fn(&T) -> &String),
) -> Option<Vec<T>> {
    let sections = section.sections(list);
    if sections.is_empty() {
        section.refuse("publish.missing", format!("`{list}` names no field"));
        return None;
    }
    let read: Vec<Option<T>> = sections.iter().map(read).collect();
    let names = read.iter().map(|one| one.as_ref().map(|one| name(one).clone()));
    refuse_twice(sections.iter().zip(names), "a field of the list");
    read.into_iter().collect()
}

/// Tells names that stand twice, at the second of them: a call would find only one.
pub(super) fn refuse_twice<'s, 't: 's>(
    named: impl Iterator<Item = (&'s Section<'t>, Option<String>)>,
    what: &str,
) {
    let mut seen = BTreeSet::new();
    for (section, name) in named {
        let Some(name) = name else { continue };
        if !seen.insert(name.clone()) {
            let message = format!("`{name}` is the name of {what} already");
            section.refuse_at(section.line_of("name"), "publish.named_twice", message);
        }
    }
}
