//! Figures made up from a fixed seed: the same product always gets the same ones.

use lianshi_registry::{entry::FieldType, time::Period};

use super::{DemoData, Seeded, field, result_field, texts};
use crate::demo::content::Item;

/// Rows of a synthetic verification set: enough for a page of tries.
const LOOKUP_ROWS: u64 = 60;
/// The row that examples ask about.
const EXAMPLE_ROW: u64 = 7;
/// Areas and months of a synthetic series.
const AREAS: [&str; 4] = ["east", "south", "west", "north"];
const SERIES_MONTHS: u64 = 24;

const SYNTHETIC_LOOKUP: &str = r#"synthetic = true

[[columns]]
name = "code"
mask = "DEMO-9999"

[[columns]]
name = "valid_from"
type = "date"

[[columns]]
name = "valid_until"
type = "date"
optional = true

[lookup]
key = ["code"]
as_of = { field = "date", from = "valid_from", until = "valid_until" }
"#;

/// Numbers that are valid on some days.
pub(super) fn lookup(item: &Item) -> DemoData {
    let mut seeded = Seeded::of(item);
    let mut csv = "code,valid_from,valid_until\n".to_owned();
    let mut first_valid = String::new();
    for row in 1..=LOOKUP_ROWS {
        let year = 2015 + seeded.below(10);
        let month = 1 + seeded.below(12);
        if row == EXAMPLE_ROW {
            first_valid = format!("{year}-{month:02}-15");
        }
        let until =
            if seeded.below(4) == 0 { format!("{}-06-30", year + 2) } else { String::new() };
        csv.push_str(&format!("DEMO-{row:04},{year}-{month:02}-15,{until}\n"));
    }
    DemoData {
        operation: "verify",
        label: texts("核验编号在某日是否有效", "Check a number on a date"),
        engine: "lookup",
        input: vec![
            field(
                "code",
                ("编号（演示数据：DEMO-0001 至 DEMO-0060）", "Number, DEMO-0001 to DEMO-0060"),
                FieldType::Text,
                true,
            ),
            field(
                "date",
                ("日期，缺省为当日", "Date, today when not given"),
                FieldType::Date,
                false,
            ),
        ],
        output: vec![
            result_field(),
            field("valid", ("当日是否有效", "In force on the date"), FieldType::Boolean, false),
        ],
        definition: SYNTHETIC_LOOKUP,
        csv,
        example: serde_json::json!({ "code": "DEMO-0007", "date": first_valid }),
        smallest_cell: 0,
        synthetic: true,
    }
}

const SYNTHETIC_BANDS: &str = r#"synthetic = true

[[columns]]
name = "code"
mask = "DEMO-9999"

[[columns]]
name = "consent"
mask = "C-9999"

[[columns]]
name = "band"

[lookup]
key = ["code"]
compare = ["consent"]
answer = ["band"]
"#;

/// What a subject of a model hands to those it lets ask.
fn consent(row: u64) -> String {
    format!("C-{:04}", 6_000 + row)
}

/// Bands of a model.
pub(super) fn bands(item: &Item) -> DemoData {
    let mut seeded = Seeded::of(item);
    let mut csv = "code,consent,band\n".to_owned();
    for row in 1..=LOOKUP_ROWS {
        let band = ["A", "B", "C", "D"].get(usize::try_from(seeded.below(4)).unwrap_or(0)).copied();
        csv.push_str(&format!("DEMO-{row:04},{},{}\n", consent(row), band.unwrap_or("A")));
    }
    DemoData {
        operation: "score",
        label: texts("查询模型分档", "Band by the model"),
        engine: "lookup",
        input: vec![
            field(
                "code",
                ("对象编号（演示数据：DEMO-0001 至 DEMO-0060）", "Subject, DEMO-0001 to DEMO-0060"),
                FieldType::Text,
                true,
            ),
            field(
                "consent",
                ("对象出具的授权码，如 DEMO-0007 为 C-6007", "The subject's consent, as C-6007"),
                FieldType::Text,
                true,
            ),
        ],
        output: vec![
            result_field(),
            field("band", ("分档 A–D", "Band A–D"), FieldType::Text, false),
        ],
        definition: SYNTHETIC_BANDS,
        csv,
        example: serde_json::json!({ "code": "DEMO-0007", "consent": consent(EXAMPLE_ROW) }),
        smallest_cell: 0,
        synthetic: true,
    }
}

const SYNTHETIC_SERIES: &str = r#"synthetic = true

[[columns]]
name = "area"

[[columns]]
name = "month"
type = "month"

[[columns]]
name = "index"
type = "decimal"

[[columns]]
name = "subjects"
type = "integer"

[series]
key = ["area"]
dimension = "month"
values = ["index"]
count = "subjects"
totals = []
"#;

/// An index by area and month.
pub(super) fn series(item: &Item) -> DemoData {
    let mut seeded = Seeded::of(item);
    let mut csv = "area,month,index,subjects\n".to_owned();
    for area in AREAS {
        let mut level = 900 + seeded.below(300);
        let mut month = Period::parse("2024-10").ok();
        for _ in 0..SERIES_MONTHS {
            level = (level + seeded.below(61)).saturating_sub(28).clamp(600, 1800);
            // Now and then a cell is small, so that suppression can be seen.
            let subjects = if seeded.below(15) == 0 { 3 } else { 40 + seeded.below(400) };
            if let Some(at) = month {
                csv.push_str(&format!("{area},{at},{}.{},{subjects}\n", level / 10, level % 10));
            }
            month = month.map(Period::next);
        }
    }
    DemoData {
        operation: "series",
        label: texts("按片区和月份查询", "By area and month"),
        engine: "series",
        input: vec![
            field(
                "area",
                ("片区（演示数据：east、south、west、north）", "Area: east, south, west, north"),
                FieldType::Text,
                true,
            ),
            field("month_from", ("起始月份", "First month"), FieldType::Text, false),
            field("month_to", ("截止月份", "Last month"), FieldType::Text, false),
        ],
        output: vec![
            field("month", ("月份", "Month"), FieldType::Text, true),
            field("index", ("指数", "Index"), FieldType::Decimal, false),
            field("subjects", ("样本数", "Subjects"), FieldType::Integer, false),
        ],
        definition: SYNTHETIC_SERIES,
        csv,
        example: serde_json::json!({ "area": "east", "month_from": "2026-01", "month_to": "2026-06" }),
        smallest_cell: 10,
        synthetic: true,
    }
}
