//! Which texts are read at all, as patterns of the description: what a program may send is told by
//! the very rule that judges it.

use std::sync::OnceLock;

use lianshi_registry::text;
use serde_json::{Map, Value};

/// Parameters of an address: no control characters, however they are written.
const OF_ADDRESSES: &str = "^[^\\u0000-\\u001f\\u007f-\\u009f]*$";
/// Where schemas stand.
const SCHEMAS: &str = "#/components/schemas/";

/// Gives every text of a body and every parameter without a pattern of its own the pattern of what
/// is read.
pub(super) fn describe(whole: &mut Value) {
    let mut bodies = Vec::new();
    let paths = whole.get_mut("paths").and_then(Value::as_object_mut);
    for operation in paths.into_iter().flat_map(Map::values_mut).flat_map(operations) {
        let schema = operation.pointer("/requestBody/content/application~1json/schema/$ref");
        let name = schema.and_then(Value::as_str).and_then(|name| name.strip_prefix(SCHEMAS));
        bodies.extend(name.map(str::to_owned));
        let parameters = operation.get_mut("parameters").and_then(Value::as_array_mut);
        for parameter in parameters.into_iter().flatten() {
            let is_query = parameter.get("in").is_some_and(|place| place == "query");
            if let Some(schema) = parameter.get_mut("schema").filter(|_| is_query) {
                bound(schema, OF_ADDRESSES);
            }
        }
    }
    for name in bodies {
        let pointer = format!("/components/schemas/{name}/properties");
        let members = whole.pointer_mut(&pointer).and_then(Value::as_object_mut);
        members.into_iter().flat_map(Map::values_mut).for_each(|schema| bound(schema, harmless()));
    }
}

fn operations(item: &mut Value) -> impl Iterator<Item = &mut Value> {
    item.as_object_mut().into_iter().flat_map(Map::values_mut)
}

fn bound(schema: &mut Value, pattern: &str) {
    let Some(members) = schema.as_object_mut() else { return };
    let is_text = members.get("type").is_some_and(|kind| match kind {
        Value::Array(kinds) => kinds.iter().any(|kind| kind == "string"),
        kind => kind == "string",
    });
    if is_text && !members.contains_key("pattern") {
        members.insert("pattern".to_owned(), pattern.into());
    }
}

/// The pattern of texts without what [`text::harmless`] refuses.
fn harmless() -> &'static str {
    static PATTERN: OnceLock<String> = OnceLock::new();
    PATTERN.get_or_init(|| {
        let refused = |c: &char| text::harmless(c.encode_utf8(&mut [0; 4])).is_err();
        let mut ranges: Vec<(char, char)> = Vec::new();
        for character in ('\0'..=char::MAX).filter(refused) {
            match ranges.last_mut() {
                Some((_, last)) if follows(*last, character) => *last = character,
                _ => ranges.push((character, character)),
            }
        }
        let class = ranges.iter().fold(String::new(), |class, (first, last)| {
            class + &escaped(*first) + "-" + &escaped(*last)
        });
        format!("^[^{class}]*$")
    })
}

fn follows(last: char, next: char) -> bool {
    u32::from(last) + 1 == u32::from(next)
}

/// As every kind of regular expression reads it.
fn escaped(character: char) -> String {
    let code = u32::from(character);
    if code <= 0xffff { format!("\\u{code:04x}") } else { character.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pattern_names_what_the_rule_refuses() {
        let pattern = harmless();
        assert!(pattern.starts_with("^[^\\u0000-\\u001f\\u007f-\\u009f"), "{pattern}");
        for refused in ["\\u2028-\\u202e", "\\u2066-\\u2069", "-\u{e007f}"] {
            assert!(pattern.contains(refused), "{refused} in {pattern}");
        }
        assert!(pattern.len() < 600, "{} bytes", pattern.len());
    }
}
