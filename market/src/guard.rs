//! The guard: the last thing an answer passes before it is metered. It lets out only what the
//! product's output schema names, with the types it names, and blanks cells that count too few
//! subjects, saying that it did.

use std::collections::BTreeMap;

use lianshi_registry::{
    entry::{Field, FieldType},
    json::INTEGER_MAX,
    refusal::Refusal,
    text::Kind,
    time::Date,
};
use serde_json::{Map, Value};

/// The member that marks a point whose figures were blanked.
pub const SUPPRESSED: &str = "suppressed";
/// How often statements about one subject may differ in a month before nothing more is compared
/// about it: enough for a typing error or two, far too few to find a PIN of four digits.
pub const MISMATCHES_PER_SUBJECT_MAX: u64 = 5;
/// Of so many subjects that may be asked about in a month, one may differ: who states facts is
/// wrong now and then, who guesses is wrong nearly always.
const SUBJECTS_PER_MISMATCH: u64 = 10;
/// The same for a small budget of subjects, so that a trial does not end with its typing errors.
const MISMATCHES_MIN: u64 = 20;

/// How many statements of one buyer may differ in a month, over all subjects.
pub fn mismatches_max(distinct_subjects_max: u64) -> u64 {
    (distinct_subjects_max / SUBJECTS_PER_MISMATCH).max(MISMATCHES_MIN)
}

/// Why a request does not fit an operation's input schema, or an answer its output schema.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GuardRefusal {
    /// The body is not a JSON object.
    #[error("the request must be one JSON object")]
    InputNotObject,
    /// A member the operation does not know.
    #[error("the operation knows no field `{0}`")]
    InputUnknown(String),
    /// A required field is missing.
    #[error("the field `{0}` is required")]
    InputMissing(String),
    /// A field has the wrong type.
    #[error("the field `{field}` must be {expected}")]
    InputType {
        /// The field.
        field: String,
        /// What is expected, in words.
        expected: &'static str,
    },
    /// A code or a bound that cannot be one.
    #[error("the field `{field}` has the form {form}")]
    InputForm {
        /// The field.
        field: String,
        /// A mask (`9` a digit, `@` a letter, `*` either), or an example of what is expected.
        form: String,
    },
    /// The engine answered something the output schema does not allow; the provider must correct
    /// the data set.
    #[error("the answer does not fit the product's output schema at `{0}`")]
    AnswerOutsideSchema(String),
}

impl Refusal for GuardRefusal {
    fn code(&self) -> &'static str {
        match self {
            Self::InputNotObject => "call.input_not_object",
            Self::InputUnknown(_) => "call.input_unknown",
            Self::InputMissing(_) => "call.input_missing",
            Self::InputType { .. } => "call.input_type",
            Self::InputForm { .. } => "call.input_form",
            Self::AnswerOutsideSchema(_) => "guard.answer_outside_schema",
        }
    }
}

impl GuardRefusal {
    /// Whether the caller can mend it; otherwise the provider must.
    pub fn is_callers(&self) -> bool {
        !matches!(self, Self::AnswerOutsideSchema(_))
    }
}

/// A checked request: field name to its text form. Absent and `null` fields are left out.
pub type Request = BTreeMap<String, String>;

/// Checks a request body against the operation's input schema.
pub fn read_request(body: &Value, input: &[Field]) -> Result<Request, GuardRefusal> {
    let members = body.as_object().ok_or(GuardRefusal::InputNotObject)?;
    if let Some(unknown) = members.keys().find(|name| !input.iter().any(|f| f.name == **name)) {
        let shown: String = unknown.chars().take(64).collect();
        return Err(GuardRefusal::InputUnknown(shown));
    }
    let mut request = Request::new();
    for field in input {
        match members.get(&field.name) {
            None | Some(Value::Null) if field.required => {
                return Err(GuardRefusal::InputMissing(field.name.clone()));
            }
            None | Some(Value::Null) => {}
            Some(value) => {
                let text =
                    input_text(value, field.field_type).ok_or_else(|| GuardRefusal::InputType {
                        field: field.name.clone(),
                        expected: expected(field.field_type),
                    })?;
                request.insert(field.name.clone(), text);
            }
        }
    }
    Ok(request)
}

fn input_text(value: &Value, field_type: FieldType) -> Option<String> {
    match (field_type, value) {
        // A character nobody sees would find nothing, and the caller would pay for that.
        (FieldType::Text, Value::String(text)) => Kind::Value.read(text).ok(),
        // Beyond this, what arrived is not what the caller's program meant.
        (FieldType::Integer, Value::Number(number)) => {
            number.as_i64().filter(is_exact).map(|n| n.to_string())
        }
        (FieldType::Decimal, Value::String(text)) => is_decimal(text).then(|| text.clone()),
        (FieldType::Date, Value::String(text)) => Date::parse(text).ok().map(|d| d.to_string()),
        (FieldType::Boolean, Value::Bool(value)) => Some(value.to_string()),
        _ => None,
    }
}

fn expected(field_type: FieldType) -> &'static str {
    match field_type {
        FieldType::Text => "a text of 1 to 512 characters, all of which can be seen",
        FieldType::Integer => "a whole number within ±(2^53-1)",
        FieldType::Decimal => "a decimal number written as a text, such as \"1.50\"",
        FieldType::Date => "a date of the form 2026-11-21",
        FieldType::Boolean => "true or false",
    }
}

/// Whether every reader of JSON holds a whole number exactly.
pub fn is_exact(number: &i64) -> bool {
    (-INTEGER_MAX..=INTEGER_MAX).contains(number)
}

/// Whether a text is a plain decimal number: digits, at most one point inside, an optional minus in
/// front.
pub fn is_decimal(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let (whole, places) = digits.split_once('.').unwrap_or((digits, "0"));
    let all_digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    text.len() <= 40 && all_digits(whole) && all_digits(places)
}

/// Lets out of `answer` only what `output` names. A required field that is missing, or a value of
/// another type, stops the whole answer: half of it may mean something else.
pub fn release(
    mut answer: Map<String, Value>,
    output: &[Field],
) -> Result<Map<String, Value>, GuardRefusal> {
    let mut released = Map::new();
    for field in output {
        let outside = || GuardRefusal::AnswerOutsideSchema(field.name.clone());
        match answer.remove(&field.name) {
            None if field.required => return Err(outside()),
            None => {}
            Some(value) if value.is_null() || fits(&value, field.field_type) => {
                released.insert(field.name.clone(), value);
            }
            Some(_) => return Err(outside()),
        }
    }
    Ok(released)
}

fn fits(value: &Value, field_type: FieldType) -> bool {
    match field_type {
        FieldType::Text => value.is_string(),
        FieldType::Integer => value.as_i64().is_some_and(|number| is_exact(&number)),
        FieldType::Decimal => value.as_str().is_some_and(is_decimal),
        FieldType::Date => value.as_str().is_some_and(|text| Date::parse(text).is_ok()),
        FieldType::Boolean => value.is_boolean(),
    }
}

/// Takes the figures of a withheld point: `figures` are the members that say something about the
/// subjects counted. The point keeps its place.
pub fn blank(point: &mut Map<String, Value>, figures: &[String]) {
    for figure in figures {
        if let Some(value) = point.get_mut(figure) {
            *value = Value::Null;
        }
    }
}

#[cfg(test)]
mod tests {
    use lianshi_registry::entry::Texts;
    use serde_json::json;

    use super::*;

    fn field(name: &str, field_type: FieldType, required: bool) -> Field {
        let label = Texts { zh: name.to_owned(), en: name.to_owned() };
        Field { name: name.to_owned(), label, field_type, required }
    }

    fn object(value: Value) -> Map<String, Value> {
        value.as_object().cloned().expect("an object")
    }

    #[test]
    fn a_request_is_taken_only_as_the_schema_says() {
        let input = [field("code", FieldType::Text, true), field("date", FieldType::Date, false)];
        let check = |body: Value, code: Option<&str>| {
            let read = read_request(&body, &input);
            assert_eq!(read.as_ref().err().map(Refusal::code), code, "{body}");
        };
        check(json!({ "code": "330212" }), None);
        check(json!({ "code": "330212", "date": null }), None);
        check(json!({ "code": "330212", "date": "2026-02-28" }), None);
        check(json!([]), Some("call.input_not_object"));
        check(json!({}), Some("call.input_missing"));
        check(json!({ "code": "1", "name": "x" }), Some("call.input_unknown"));
        check(json!({ "code": 330_212 }), Some("call.input_type"));
        check(json!({ "code": " " }), Some("call.input_type"));
        check(json!({ "code": "x".repeat(513) }), Some("call.input_type"));
        check(json!({ "code": "330212\u{200b}" }), Some("call.input_type"));
        check(json!({ "code": "\u{202e}212033" }), Some("call.input_type"));
        check(json!({ "code": "3302\u{0}12" }), Some("call.input_type"));
        check(json!({ "code": "1", "date": "2026-02-30" }), Some("call.input_type"));
    }

    #[test]
    fn whole_numbers_are_those_every_reader_holds_exactly() {
        let input = [field("count", FieldType::Integer, true)];
        let taken = |number: i64| read_request(&json!({ "count": number }), &input).is_ok();
        assert!(taken(INTEGER_MAX) && taken(-INTEGER_MAX));
        assert!(!taken(INTEGER_MAX + 1) && !taken(-INTEGER_MAX - 1));
        let answer = |number: i64| release(object(json!({ "count": number })), &input).is_ok();
        assert!(answer(INTEGER_MAX) && !answer(INTEGER_MAX + 1));
    }

    #[test]
    fn only_named_members_with_their_types_leave() {
        let output =
            [field("result", FieldType::Text, true), field("valid", FieldType::Boolean, false)];
        let answer = object(json!({ "result": "match", "valid": true, "owner": "secret" }));
        let released = release(answer, &output).expect("fits");
        assert_eq!(Value::Object(released), json!({ "result": "match", "valid": true }));
        let missing = release(object(json!({ "valid": true })), &output);
        assert_eq!(missing, Err(GuardRefusal::AnswerOutsideSchema("result".to_owned())));
        let wrong = release(object(json!({ "result": "match", "valid": "yes" })), &output);
        assert_eq!(wrong, Err(GuardRefusal::AnswerOutsideSchema("valid".to_owned())));
    }

    #[test]
    fn a_withheld_point_keeps_its_place_and_loses_its_figures() {
        let mut point = object(json!({ "year": 2025, "mean": "3.5" }));
        blank(&mut point, &["mean".to_owned(), "firms".to_owned()]);
        assert_eq!(Value::Object(point), json!({ "year": 2025, "mean": null }));
    }

    #[test]
    fn few_guesses_are_allowed_whatever_the_budget() {
        assert_eq!([0, 10, 3_000].map(mismatches_max), [20, 20, 300]);
    }
}
