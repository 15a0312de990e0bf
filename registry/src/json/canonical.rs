//! Whether bytes are the canonical form of a value inside the profile, without writing that form.
//! Inside the profile it is simple: names are printable ASCII and sorted by their bytes, as the
//! value's map holds them; integers have one form; of all characters of a text only the quotation
//! mark and the backslash are escaped.

use serde_json::{Number, Value};

/// Takes the canonical form of a value inside the profile off the front of `bytes`; `None` when
/// they do not begin with it.
pub(super) fn strip<'b>(value: &Value, bytes: &'b [u8]) -> Option<&'b [u8]> {
    match value {
        Value::Null => None,
        Value::Bool(true) => bytes.strip_prefix(b"true"),
        Value::Bool(false) => bytes.strip_prefix(b"false"),
        Value::Number(number) => strip_number(number, bytes),
        Value::String(text) => strip_text(text, bytes),
        Value::Array(values) => {
            let mut rest = bytes.strip_prefix(b"[")?;
            for (place, value) in values.iter().enumerate() {
                rest = strip(value, strip_comma(place, rest)?)?;
            }
            rest.strip_prefix(b"]")
        }
        Value::Object(members) => {
            let mut rest = bytes.strip_prefix(b"{")?;
            for (place, (name, value)) in members.iter().enumerate() {
                rest = strip_text(name, strip_comma(place, rest)?)?;
                rest = strip(value, rest.strip_prefix(b":")?)?;
            }
            rest.strip_prefix(b"}")
        }
    }
}

fn strip_comma(place: usize, bytes: &[u8]) -> Option<&[u8]> {
    if place == 0 { Some(bytes) } else { bytes.strip_prefix(b",") }
}

fn strip_number<'b>(number: &Number, bytes: &'b [u8]) -> Option<&'b [u8]> {
    bytes.strip_prefix(number.as_i64()?.to_string().as_bytes())
}

fn strip_text<'b>(text: &str, bytes: &'b [u8]) -> Option<&'b [u8]> {
    let mut rest = bytes.strip_prefix(b"\"")?;
    let mut left = text;
    while let Some(place) = left.find(['"', '\\']) {
        let (plain, escaped) = left.split_at_checked(place)?;
        rest = rest.strip_prefix(plain.as_bytes())?.strip_prefix(b"\\")?;
        let (character, after) = escaped.split_at_checked(1)?;
        rest = rest.strip_prefix(character.as_bytes())?;
        left = after;
    }
    rest.strip_prefix(left.as_bytes())?.strip_prefix(b"\"")
}
