//! Fields of resources and operations.

use std::collections::BTreeSet;

use lianshi_registry::{entry::Field, text::Kind};

use super::section::Section;

/// A list of fields; `mark` is the word for what `required` means here.
pub(super) fn fields(section: &Section<'_>, list: &str, mark: &str) -> Option<Vec<Field>> {
    let sections = section.sections(list);
    if sections.is_empty() {
        section.refuse("publish.missing", format!("`{list}` names no field"));
        return None;
    }
    let fields: Vec<Option<Field>> = sections
        .iter()
        .map(|section| {
            let name = section.code("name");
            let label = section.texts("label", Kind::Name);
            let field_type = section.word("type");
            let required = section.flag(mark, false);
            section.finish();
            Some(Field { name: name?, label: label?, field_type: field_type?, required: required? })
        })
        .collect();
    let name = |field: &Option<Field>| field.as_ref().map(|one| one.name.clone());
    refuse_twice(sections.iter().zip(fields.iter().map(name)), "a field of the list");
    fields.into_iter().collect()
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
