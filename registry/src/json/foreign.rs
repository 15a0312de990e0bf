//! JSON that somebody else wrote and that need not be canonical: bodies of the API and of calls,
//! letters of other nodes, files. No member may be given twice, because two readers would take two
//! values from it, and every text in it is
//! [`text::harmless`].

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{DeserializeOwned, Error as _, MapAccess, SeqAccess, Visitor},
};
use serde_json::{Map, Number, Value};

use crate::text;

/// Why JSON of somebody else was not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ForeignRefusal(String);

/// Reads JSON as a type.
pub fn read<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, ForeignRefusal> {
    serde_json::from_value(read_value(bytes)?).map_err(|error| ForeignRefusal(error.to_string()))
}

/// Reads JSON as a value.
pub fn read_value(bytes: &[u8]) -> Result<Value, ForeignRefusal> {
    let read = serde_json::from_slice::<Foreign>(bytes);
    read.map(|foreign| foreign.0).map_err(|error| ForeignRefusal(error.to_string()))
}

/// Reads JSON of another node, all whose texts people may read: [`text::legible`].
pub fn read_letter<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, ForeignRefusal> {
    let value = read_value(bytes)?;
    check_legible(&value)?;
    serde_json::from_value(value).map_err(|error| ForeignRefusal(error.to_string()))
}

fn check_legible(value: &Value) -> Result<(), ForeignRefusal> {
    match value {
        Value::String(text) => {
            text::legible(text).map_err(|refusal| ForeignRefusal(format!("a text of it {refusal}")))
        }
        Value::Array(values) => values.iter().try_for_each(check_legible),
        Value::Object(members) => members.values().try_for_each(check_legible),
        Value::Null | Value::Bool(_) | Value::Number(_) => Ok(()),
    }
}

struct Foreign(Value);

impl<'de> Deserialize<'de> for Foreign {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Reader).map(Self)
    }
}

struct Reader;

impl<'de> Visitor<'de> for Reader {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Value, E> {
        Number::from_f64(value).map(Value::Number).ok_or_else(|| E::custom("not a number"))
    }

    fn visit_str<E: serde::de::Error>(self, value: &str) -> Result<Value, E> {
        self.visit_string(value.to_owned())
    }

    fn visit_string<E: serde::de::Error>(self, value: String) -> Result<Value, E> {
        text::harmless(&value).map_err(|refusal| E::custom(format!("a text {refusal}")))?;
        Ok(Value::String(value))
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Value, A::Error> {
        let mut values = Vec::new();
        while let Some(Foreign(value)) = seq.next_element()? {
            values.push(value);
        }
        Ok(Value::Array(values))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut members = Map::new();
        while let Some(name) = map.next_key::<String>()? {
            let harmless = text::harmless(&name);
            harmless.map_err(|refusal| A::Error::custom(format!("a member's name {refusal}")))?;
            if members.contains_key(&name) {
                return Err(A::Error::custom(format!("the member `{name}` is given twice")));
            }
            let Foreign(value) = map.next_value()?;
            members.insert(name, value);
        }
        Ok(Value::Object(members))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn refused(text: &str) -> String {
        read_value(text.as_bytes()).expect_err(text).to_string()
    }

    #[test]
    fn a_member_given_twice_is_refused_at_any_depth() {
        for text in [r#"{"a":1,"a":2}"#, r#"[{"b":{"a":1,"a":1}}]"#, r#"{"a":1,"\u0061":2}"#] {
            assert!(refused(text).starts_with("the member `a` is given twice"), "{text}");
        }
        assert!(read_value(br#"{"a":1,"b":{"a":2}}"#).is_ok());
    }

    #[test]
    fn texts_are_harmless_in_values_and_names() {
        for (text, words) in [
            (r#"{"a":"\u0000"}"#, "a text contains the control character U+0000"),
            (r#"["a\u202e"]"#, "a text contains U+202E"),
            (r#"{"\u001b":1}"#, "a member's name contains the control character U+001B"),
        ] {
            let told = refused(text);
            assert!(told.starts_with(words), "{text}: {told}");
        }
    }

    #[test]
    fn letters_are_legible_throughout() {
        let read = |text: &str| read_letter::<Value>(text.as_bytes());
        for text in ["[\"\u{200b}\"]", r#"{"a":[{"b":"\ufeff"}]}"#, "\"e\u{301}\"", "[1,1e400]"] {
            assert!(read(text).is_err(), "{text}");
        }
        assert!(read("{\"a\":[\"می\u{200c}خواهم\",\"\",null,1]}").is_ok());
    }

    #[test]
    fn what_is_wrong_with_a_type_is_told() {
        #[derive(Debug, Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Wanted {
            #[expect(dead_code, reason = "only read")]
            a: u8,
        }
        assert!(read::<Wanted>(br#"{"a":1}"#).is_ok());
        let told = read::<Wanted>(br#"{"b":1}"#).expect_err("unknown").to_string();
        assert!(told.starts_with("unknown field `b`"), "{told}");
        assert!(read::<Wanted>(b"{").is_err());
        assert!(read::<Wanted>(b"\xff").is_err());
        assert!(read_value("[".repeat(100_000).as_bytes()).is_err(), "ends before the stack does");
    }

    proptest! {
        #[test]
        fn what_is_taken_is_what_serde_json_reads(bytes: Vec<u8>, number: f64) {
            if let Ok(value) = read_value(&bytes) {
                prop_assert_eq!(serde_json::from_slice::<Value>(&bytes).ok(), Some(value));
            }
            let value = serde_json::json!({"a": [number, i64::MIN, u64::MAX, null, true, "é"]});
            let text = value.to_string();
            let read = serde_json::from_str::<Value>(&text).expect("JSON");
            prop_assert_eq!(read_value(text.as_bytes()).ok(), Some(read));
        }
    }
}
