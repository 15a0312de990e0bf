//! Operations of a product, each with an example that can be tried.

use lianshi_registry::{
    entry::{Field, FieldType, Operation},
    text::Kind,
};
use serde_json::Value;

use super::{
    field::{fields, refuse_twice},
    section::Section,
};

/// `[[product.operation]]`, at least one.
pub(super) fn all(section: &Section<'_>) -> Option<Vec<Operation>> {
    let sections = section.sections("operation");
    let operations: Vec<Option<Operation>> = sections.iter().map(operation).collect();
    if operations.is_empty() {
        section.refuse("publish.missing", "the product has no [[product.operation]]");
    }
    let name = |operation: &Option<Operation>| operation.as_ref().map(|one| one.name.clone());
    refuse_twice(sections.iter().zip(operations.iter().map(name)), "an operation of the product");
    operations.into_iter().collect()
}

fn operation(section: &Section<'_>) -> Option<Operation> {
    let name = section.code("name");
    let label = section.texts("label", Kind::Name);
    let engine = section.word("engine");
    let input = fields(section, "input");
    let output = fields(section, "output");
    let example = input.as_ref().and_then(|input| example(section, input));
    section.finish();
    Some(Operation {
        name: name?,
        label: label?,
        engine: engine?,
        input: input?,
        output: output?,
        example: Some(example?),
    })
}

/// A request to be tried, which names what must be given and nothing unknown. Whether the data
/// answer it is seen when they are loaded.
fn example(section: &Section<'_>, input: &[Field]) -> Option<serde_json::Map<String, Value>> {
    let Some(table) = section.section("example") else {
        section.refuse("publish.missing", "`example` is missing: a request that is answered");
        return None;
    };
    let mut example = serde_json::Map::new();
    let mut is_whole = true;
    for field in input.iter().filter(|field| field.required || table.has(&field.name)) {
        let value = match field.field_type {
            FieldType::Text | FieldType::Decimal => table.text(&field.name).map(Value::from),
            FieldType::Integer => table.number(&field.name).map(Value::from),
            FieldType::Date => table.date(&field.name).map(|date| Value::from(date.to_string())),
            FieldType::Boolean => table.flag(&field.name, false).map(Value::from),
        };
        match value {
            Some(value) => {
                example.insert(field.name.clone(), value);
            }
            None => is_whole = false,
        }
    }
    table.finish();
    is_whole.then_some(example)
}
