//! Definitions and cells.

use lianshi_registry::entry::{Field, FieldType, Texts};

use super::*;

fn divisions() -> Definition {
    serde_json::from_value(serde_json::json!({
        "columns": [
            { "name": "code" },
            { "name": "name" },
            { "name": "first_listed", "type": "month" },
            { "name": "last_listed", "type": "month", "optional": true },
            { "name": "successor", "optional": true }
        ],
        "lookup": {
            "key": ["code"], "compare": ["name"], "answer": ["successor"],
            "as_of": { "field": "date", "from": "first_listed", "through": "last_listed" }
        }
    }))
    .expect("a definition")
}

fn field(name: &str, field_type: FieldType, required: bool) -> Field {
    let label = Texts { zh: name.to_owned(), en: name.to_owned() };
    Field { name: name.to_owned(), label, field_type, required }
}

fn operation() -> Operation {
    Operation {
        name: "verify".to_owned(),
        label: Texts { zh: "核验".to_owned(), en: "Verify".to_owned() },
        engine: Engine::Lookup,
        input: vec![
            field("code", FieldType::Text, true),
            field("name", FieldType::Text, false),
            field("date", FieldType::Date, false),
        ],
        output: vec![
            field("result", FieldType::Text, true),
            field("valid", FieldType::Boolean, false),
            field("successor", FieldType::Text, false),
        ],
    }
}

fn check(change: impl Fn(&mut Definition, &mut Operation), code: Option<&str>) {
    let (mut definition, mut operation) = (divisions(), operation());
    change(&mut definition, &mut operation);
    let answer = definition.check().and_then(|()| definition.check_operation(&operation, 0));
    assert_eq!(answer.as_ref().err().map(Refusal::code), code, "{answer:?}");
}

#[test]
fn a_definition_must_be_whole_and_serve_its_operation() {
    let lookup = |d: &mut Definition, f: fn(&mut Lookup)| d.lookup.as_mut().map_or((), f);
    check(|_, _| {}, None);
    check(|d, _| d.lookup = None, Some("dataset.one_engine"));
    check(|d, _| d.columns.clear(), Some("dataset.columns"));
    check(|d, _| d.columns.push(d.columns[0].clone()), Some("dataset.columns"));
    check(|d, _| lookup(d, |l| l.key.clear()), Some("dataset.no_key"));
    check(|d, _| lookup(d, |l| l.key.push("x".to_owned())), Some("dataset.unknown_column"));
    check(|d, _| d.columns[2].column_type = ColumnType::Text, Some("dataset.column_type"));
    check(
        |d, _| {
            lookup(d, |l| {
                let as_of = l.as_of.as_mut().expect("there");
                as_of.until = Some("last_listed".to_owned());
            });
        },
        Some("dataset.one_end"),
    );
    check(|_, o| o.engine = Engine::Series, Some("dataset.other_engine"));
    check(|_, o| o.input[0].required = false, Some("dataset.schema"));
    check(|_, o| o.input.truncate(1), Some("dataset.schema"));
    check(|_, o| o.output.push(field("area", FieldType::Text, true)), Some("dataset.schema"));
}

#[test]
fn a_series_under_a_smallest_cell_counts_its_subjects() {
    let definition = |count: Option<&str>| -> Definition {
        serde_json::from_value(serde_json::json!({
            "columns": [{ "name": "year", "type": "integer" },
                { "name": "mean", "type": "decimal" },
                { "name": "n", "type": "integer" }],
            "series": { "dimension": "year", "values": ["mean"], "count": count }
        }))
        .expect("a definition")
    };
    let mut operation = operation();
    operation.engine = Engine::Series;
    operation.output =
        vec![field("year", FieldType::Integer, true), field("mean", FieldType::Decimal, true)];
    assert_eq!(definition(Some("n")).check_operation(&operation, 10), Ok(()));
    assert_eq!(definition(None).check_operation(&operation, 10), Err(DefinitionRefusal::NoCount));
    assert_eq!(definition(None).check_operation(&operation, 0), Ok(()));
    let mut empty = definition(None);
    empty.series.as_mut().expect("there").values.clear();
    assert_eq!(empty.check(), Err(DefinitionRefusal::NoValues));
}

#[test]
fn keys_are_found_in_any_width_and_case() {
    let definition = divisions();
    let key = |text: &'static str| definition.row_key(|_| Some(text));
    assert_eq!(key(" ３３０２ａ "), key("3302A"));
    assert_eq!(definition.row_key(|_| None), None);
    let long = "x".repeat(KEY_BYTES_MAX + 1);
    assert_eq!(definition.row_key(|_| Some(&long)), None);
}

#[test]
fn cells_are_read_by_type() {
    let read = |column_type, cell: &str| {
        Column { name: "c".to_owned(), column_type, optional: false }.read(cell)
    };
    assert_eq!(read(ColumnType::Integer, " 007 "), Ok("7".to_owned()));
    assert_eq!(read(ColumnType::Month, "1980-12"), Ok("1980-12".to_owned()));
    for (column_type, bad) in [
        (ColumnType::Integer, "1.5"),
        (ColumnType::Decimal, "1e3"),
        (ColumnType::Date, "2026-02-30"),
        (ColumnType::Month, "2026-13"),
        (ColumnType::Boolean, "yes"),
        (ColumnType::Text, "a\u{1f}b"),
        (ColumnType::Text, ""),
    ] {
        assert!(read(column_type, bad).is_err(), "{bad}");
    }
    assert_eq!(read(ColumnType::Text, &"x".repeat(4097)), Err(CellError::TooLong(4097)));
}
