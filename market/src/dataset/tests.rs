//! Definitions and cells.

use lianshi_registry::entry::{Field, FieldType, Operation, Texts};

use super::*;
use crate::guard::Request;

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
            field("name", FieldType::Text, true),
            field("date", FieldType::Date, false),
        ],
        output: vec![
            field("result", FieldType::Text, true),
            field("valid", FieldType::Boolean, false),
            field("successor", FieldType::Text, false),
        ],
        example: None,
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
    let undeclared = definition(Some("n"));
    assert_eq!(undeclared.check_operation(&operation, 10), Err(DefinitionRefusal::NoTotals));
    let mut declared = undeclared;
    declared.series.as_mut().expect("there").totals = Some(Vec::new());
    assert_eq!(declared.check_operation(&operation, 10), Ok(()));
    let uncounted = definition(None).check_operation(&operation, 10);
    assert_eq!(uncounted, Err(DefinitionRefusal::NoCount("[series]")));
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
        Column { name: "c".to_owned(), column_type, optional: false, mask: None }.read(cell)
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

#[test]
fn totals_are_of_members_that_say_where_a_point_stands() {
    let check = |column: &str, total: &str, parts: &[&str], code: Option<&str>| {
        let definition: Definition = serde_json::from_value(serde_json::json!({
            "columns": [{ "name": "area" }, { "name": "year" }, { "name": "firms" }],
            "series": { "key": ["area"], "dimension": "year", "values": ["firms"],
                "totals": [{ "column": column, "total": total, "parts": parts }] }
        }))
        .expect("a definition");
        let answer = definition.check();
        assert_eq!(answer.as_ref().err().map(Refusal::code), code, "{answer:?}");
    };
    check("area", "all", &["east", "west"], None);
    check("year", "all", &[], None);
    check("firms", "all", &[], Some("dataset.total"));
    check("area", " ", &[], Some("dataset.total"));
    check("area", "all", &["east", "ＥＡＳＴ"], Some("dataset.total"));
    check("area", "all", &["All"], Some("dataset.total"));
}

#[test]
fn an_answer_is_given_only_to_who_states_what_is_compared() {
    let lookup = |d: &mut Definition, f: fn(&mut Lookup)| d.lookup.as_mut().map_or((), f);
    check(|_, o| o.input[1].required = false, Some("dataset.schema"));
    check(|d, _| lookup(d, |l| l.compare.clear()), Some("dataset.nothing_compared"));
    let answers = |name: &'static str| {
        move |d: &mut Definition, _: &mut Operation| {
            if let Some(lookup) = d.lookup.as_mut() {
                lookup.answer.push(name.to_owned());
            }
        }
    };
    check(answers("name"), Some("dataset.answers_compared"));
    check(answers("code"), Some("dataset.answers_compared"));
    // Where nothing is answered a statement is the caller's choice.
    check(
        |d, o| {
            lookup(d, |l| l.answer.clear());
            o.output.truncate(2);
            o.input[1].required = false;
        },
        None,
    );
}

#[test]
fn a_lookup_under_a_smallest_cell_counts_its_subjects_and_answers_no_figures() {
    let (mut definition, operation) = (divisions(), operation());
    let code = |definition: &Definition| {
        definition.check_operation(&operation, 10).err().map(|refusal| refusal.code())
    };
    assert_eq!(code(&definition), Some("dataset.no_count"));
    definition.columns.push(
        serde_json::from_value(serde_json::json!({ "name": "n", "type": "integer" }))
            .expect("a column"),
    );
    definition.lookup.as_mut().expect("there").count = Some("n".to_owned());
    assert_eq!(definition.check(), Ok(()));
    assert_eq!(code(&definition), None);
    definition.columns[4].column_type = ColumnType::Decimal;
    assert_eq!(code(&definition), Some("dataset.figure_in_lookup"));
    definition.lookup.as_mut().expect("there").count = Some("name".to_owned());
    assert_eq!(definition.check().err().map(|r| r.code()), Some("dataset.column_type"));
}

fn date(text: &str) -> lianshi_registry::time::Date {
    lianshi_registry::time::Date::parse(text).expect("a date")
}

#[test]
fn of_a_row_that_counts_too_few_nothing_is_told() {
    let definition: Definition = serde_json::from_value(serde_json::json!({
        "columns": [{ "name": "area" }, { "name": "band" }, { "name": "n", "type": "integer" },
            { "name": "note" }],
        "lookup": { "key": ["area"], "compare": ["band"], "answer": ["note"], "count": "n" }
    }))
    .expect("a definition");
    let shape = definition.lookup.as_ref().expect("there");
    let judge = |band: &str, count: &str| {
        let request = Request::from([("band".to_owned(), band.to_owned())]);
        let question = Question {
            definition: &definition,
            shape,
            request: &request,
            today: date("2026-11-20"),
            smallest_cell: 10,
        };
        let row = ["east", "B", count, "quiet"].map(str::to_owned).to_vec();
        question.judge(&[row])
    };
    let shown = judge("B", "10");
    assert_eq!((shown.result(), shown.has_failed), ("match", Some(false)));
    assert_eq!(judge("A", "10").has_failed, Some(true));
    let (right, wrong) = (judge("B", "9"), judge("A", "9"));
    assert_eq!((right.result(), right.has_failed, right.is_withheld), (WITHHELD, None, true));
    assert_eq!(right, wrong, "a right guess looks like a wrong one");
    assert_eq!(right.answer["note"], serde_json::Value::Null);
    assert_eq!(judge("B", "").result(), WITHHELD, "an empty count is nobody");
}

#[test]
fn malformed_codes_and_bounds_are_the_callers_mistake() {
    let mut definition = divisions();
    definition.columns[0].mask = Some(Mask::try_from("999999".to_owned()).expect("a mask"));
    let ask = |name: &str, text: &str| {
        let request = Request::from([(name.to_owned(), text.to_owned())]);
        definition.check_request(&request).err().map(|refusal| refusal.code())
    };
    assert_eq!(ask("code", "330212"), None);
    assert_eq!(ask("code", "３３０２１２"), None, "full-width digits are digits");
    for bad in ["33021", "3302121", "33021A", "鄞州区"] {
        assert_eq!(ask("code", bad), Some("call.input_form"), "{bad}");
    }
    let mask = |mask: &str, text: &str| Mask::try_from(mask.to_owned()).expect("a mask").fits(text);
    assert!(mask("uscc", "91330200MA2TEQT175") && !mask("uscc", "91330200MA2TEQT174"));
    assert!(mask("demo-@*", "DEMO-Z9") && !mask("demo-@*", "DEMO-99"));
    assert!(Mask::try_from(String::new()).is_err() && Mask::try_from("9".repeat(65)).is_err());

    let series: Definition = serde_json::from_value(serde_json::json!({
        "columns": [{ "name": "month", "type": "month" }, { "name": "n", "type": "integer" }],
        "series": { "dimension": "month", "values": ["n"] }
    }))
    .expect("a definition");
    let bound = |text: &str| {
        let request = Request::from([("month_to".to_owned(), text.to_owned())]);
        series.check_request(&request).err().map(|refusal| refusal.code())
    };
    assert_eq!((bound("2026-11"), bound("2026-13")), (None, Some("call.input_form")));
}

#[test]
fn an_example_is_answered_from_the_data_it_stands_beside() {
    let definition = divisions();
    let rows = [["330283", "奉化市", "1988-10", "2016-10", "330213"].map(str::to_owned).to_vec()];
    let check = |example: serde_json::Value, fits: bool| {
        let mut operation = operation();
        operation.example = example.as_object().cloned();
        let answer = definition.check_example(&operation, &rows, (date("2026-11-20"), 0));
        assert_eq!(answer.is_ok(), fits, "{example}: {answer:?}");
        if !fits {
            assert_eq!(answer.expect_err("refused").code(), "dataset.example");
        }
    };
    check(serde_json::json!({ "code": "330283", "name": "奉化市", "date": "2000-01-01" }), true);
    check(serde_json::json!({ "code": "330283", "name": "奉化市" }), false);
    check(serde_json::json!({ "code": "330283", "name": "x", "date": "2000-01-01" }), false);
    check(serde_json::json!({ "code": "330283" }), false);
    check(serde_json::json!({ "code": 330_283, "name": "奉化市" }), false);
}

#[test]
fn decimals_are_found_compared_and_drawn_as_numbers() {
    let lookup: Definition = serde_json::from_value(serde_json::json!({
        "columns": [{ "name": "width", "type": "decimal" }, { "name": "load", "type": "decimal" },
            { "name": "code" }],
        "lookup": { "key": ["width", "code"], "compare": ["load"] }
    }))
    .expect("a definition");
    let key = |width, code| lookup.row_key(|name| Some(if name == "code" { code } else { width }));
    assert_eq!(key("1.50", "07.0"), key("1.5", "07.0"));
    assert_ne!(key("1.5", "07.0"), key("1.5", "7"), "a code is no number");
    let judge = |load: &str| {
        let request = Request::from([("load".to_owned(), load.to_owned())]);
        let question = Question {
            definition: &lookup,
            shape: lookup.lookup.as_ref().expect("there"),
            request: &request,
            today: date("2026-11-20"),
            smallest_cell: 0,
        };
        question.judge(&[["1.5", "20.00", "a"].map(str::to_owned).to_vec()]).result().to_owned()
    };
    assert_eq!((judge("20").as_str(), judge("2").as_str()), ("match", "no_match"));
    let alike = [(1, ["1.5", "20", "a"]), (2, ["1.5", "20.0", "a"])];
    let alike = alike.map(|(line, row)| (line, row.map(str::to_owned).to_vec()));
    assert_eq!(lookup.contradictions(&alike), [], "they say the same");

    let series: Definition = serde_json::from_value(serde_json::json!({
        "columns": [{ "name": "depth", "type": "decimal" }, { "name": "n", "type": "integer" }],
        "series": { "dimension": "depth", "values": ["n"],
            "totals": [{ "column": "depth", "total": "0.0", "parts": ["1.0", "02"] }] }
    }))
    .expect("a definition");
    let shape = series.series.as_ref().expect("there");
    let draws = |depth: &str| {
        let bounds = [("depth_from", "9.5"), ("depth_to", "10.50")];
        let request = bounds.map(|(name, text)| (name.to_owned(), text.to_owned())).into();
        shape.draws(&series, &request, &[depth.to_owned(), "1".to_owned()])
    };
    let drawn = ["9.4", "9.50", "10.0", "10.5", "10.51", "95"].map(draws);
    assert_eq!(drawn, [false, true, true, true, false, false]);
    let total = &shape.totals(&series)[0];
    assert_eq!((total.total.as_str(), total.parts.join(" ")), ("0", "1 2".to_owned()));
    let row = |depth: &str, n: &str| vec![depth.to_owned(), n.to_owned()];
    assert_eq!(shape.cell(&series, &row("-0.00", "3")).at, ["0"]);
    let twice = [(1, row("1.0", "3")), (2, row("1.00", "4"))];
    assert_eq!(series.contradictions(&twice).len(), 1, "one place, two figures");
}
