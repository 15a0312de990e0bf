//! The data behind the demo's products. Three sets are facts computed from the shipped division list; all others are
//! figures made from a fixed seed and marked as synthetic.

use std::collections::BTreeMap;

use lianshi_governance::division::{Division, Divisions};
use lianshi_registry::{
    entry::{Field, FieldType, Texts},
    time::Period,
};

use super::content::Item;

/// Rows of a synthetic verification set: enough for a page of tries.
const LOOKUP_ROWS: u64 = 60;
/// Areas and months of a synthetic series.
const AREAS: [&str; 4] = ["east", "south", "west", "north"];
const SERIES_MONTHS: u64 = 24;
/// Years the division figures cover.
const YEARS: std::ops::RangeInclusive<i16> = 1981..=2023;
/// Codes of the county level end in something else than `00`.
const COUNTY_ENDING: &str = "00";

/// An operation with the data that answers it.
pub struct DemoData {
    /// What the operation is called.
    pub operation: &'static str,
    /// What it does.
    pub label: Texts,
    /// `lookup` or `series`.
    pub engine: &'static str,
    /// Request fields.
    pub input: Vec<Field>,
    /// Answer fields.
    pub output: Vec<Field>,
    /// The data set's definition (`docs/datasets.md`).
    pub definition: &'static str,
    /// The data, CSV.
    pub csv: String,
    /// A request that is answered.
    pub example: serde_json::Value,
    /// Cells with fewer subjects are suppressed.
    pub smallest_cell: u64,
    /// Figures are made up.
    pub synthetic: bool,
}

/// The data of a product.
pub fn of(item: &Item) -> DemoData {
    match (item.key.as_str(), item.form.as_str()) {
        ("division-code", _) => division_codes(),
        ("division-count", _) => division_counts(),
        ("division-changes", _) => division_changes(),
        (_, "verification") => synthetic_lookup(item),
        (_, "model") => synthetic_bands(item),
        _ => synthetic_series(item),
    }
}

fn texts(zh: &str, en: &str) -> Texts {
    Texts { zh: zh.to_owned(), en: en.to_owned() }
}

fn field(name: &str, (zh, en): (&str, &str), field_type: FieldType, required: bool) -> Field {
    Field { name: name.to_owned(), label: texts(zh, en), field_type, required }
}

fn result_field() -> Field {
    let label =
        ("结果：match 一致，no_match 不一致，not_found 未找到", "match, no_match or not_found");
    field("result", label, FieldType::Text, true)
}

const DIVISION_CODES: &str = r#"synthetic = false

[[columns]]
name = "code"

[[columns]]
name = "name"

[[columns]]
name = "first_listed"
type = "month"

[[columns]]
name = "last_listed"
type = "month"
optional = true

[[columns]]
name = "successor"
optional = true

[lookup]
key = ["code"]
compare = ["name"]
answer = ["successor"]
as_of = { field = "date", from = "first_listed", through = "last_listed" }
"#;

fn division_codes() -> DemoData {
    let divisions = Divisions::shipped();
    let mut csv = "code,name,first_listed,last_listed,successor\n".to_owned();
    for division in divisions.all() {
        let last = division.last_listed.map(|month| month.to_string()).unwrap_or_default();
        let successor =
            divisions.successors(division).first().map_or("", |next| next.code.as_str());
        csv.push_str(&format!(
            "{},{},{},{last},{successor}\n",
            division.code, division.name, division.first_listed
        ));
    }
    DemoData {
        operation: "verify",
        label: texts("核验代码在某日是否有效", "Check a code on a date"),
        engine: "lookup",
        input: vec![
            field("code", ("行政区划代码", "Division code"), FieldType::Text, true),
            field(
                "name",
                ("名称，可选，一并核对", "Name, compared when given"),
                FieldType::Text,
                false,
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
            field("successor", ("后继代码", "Code that replaced it"), FieldType::Text, false),
        ],
        definition: DIVISION_CODES,
        csv,
        example: serde_json::json!({ "code": "330283", "date": "2020-01-01" }),
        smallest_cell: 0,
        synthetic: false,
    }
}

fn is_county(division: &Division) -> bool {
    !division.code.as_str().ends_with(COUNTY_ENDING)
}

/// December of a year: the state the yearly figures describe.
fn december(year: i16) -> Option<Period> {
    Period::parse(&format!("{year:04}-12")).ok()
}

const DIVISION_COUNTS: &str = r#"synthetic = false

[[columns]]
name = "year"
type = "integer"

[[columns]]
name = "divisions"
type = "integer"

[series]
dimension = "year"
values = ["divisions"]
"#;

fn division_counts() -> DemoData {
    let divisions = Divisions::shipped();
    let mut csv = "year,divisions\n".to_owned();
    for year in YEARS {
        let Some(month) = december(year) else { continue };
        let listed = |one: &&Division| is_county(one) && one.is_listed_on(month.first_day());
        csv.push_str(&format!("{year},{}\n", divisions.all().filter(listed).count()));
    }
    DemoData {
        operation: "by-year",
        label: texts("按年份查询数量", "Number by year"),
        engine: "series",
        input: year_bounds(),
        output: vec![
            field("year", ("年份", "Year"), FieldType::Integer, true),
            field(
                "divisions",
                ("县级行政区划数", "County-level divisions"),
                FieldType::Integer,
                true,
            ),
        ],
        definition: DIVISION_COUNTS,
        csv,
        example: serde_json::json!({ "year_from": 2015, "year_to": 2020 }),
        smallest_cell: 0,
        synthetic: false,
    }
}

fn year_bounds() -> Vec<Field> {
    vec![
        field("year_from", ("起始年份", "First year"), FieldType::Integer, false),
        field("year_to", ("截止年份", "Last year"), FieldType::Integer, false),
    ]
}

const DIVISION_CHANGES: &str = r#"synthetic = false

[[columns]]
name = "province"

[[columns]]
name = "year"
type = "integer"

[[columns]]
name = "listed"
type = "integer"

[[columns]]
name = "ended"
type = "integer"

[series]
key = ["province"]
dimension = "year"
values = ["listed", "ended"]
"#;

fn division_changes() -> DemoData {
    let mut changes: BTreeMap<(String, i16), (u64, u64)> = BTreeMap::new();
    for division in Divisions::shipped().all().filter(|one| is_county(one)) {
        let province: String =
            division.code.as_str().chars().take(2).chain("0000".chars()).collect();
        let first = division.first_listed.first_day().year();
        changes.entry((province.clone(), first)).or_default().0 += 1;
        if let Some(last) = division.last_listed {
            changes.entry((province, last.first_day().year())).or_default().1 += 1;
        }
    }
    let mut csv = "province,year,listed,ended\n".to_owned();
    for ((province, year), (listed, ended)) in changes {
        // The first list shows everything at once, which is no change.
        if YEARS.contains(&year) {
            csv.push_str(&format!("{province},{year},{listed},{ended}\n"));
        }
    }
    let mut input = vec![field("province", ("省级代码", "Province code"), FieldType::Text, true)];
    input.extend(year_bounds());
    DemoData {
        operation: "by-province",
        label: texts("按省份查询增减", "Changes of a province"),
        engine: "series",
        input,
        output: vec![
            field("year", ("年份", "Year"), FieldType::Integer, true),
            field("listed", ("新列入的代码数", "Codes newly listed"), FieldType::Integer, true),
            field("ended", ("停用的代码数", "Codes ended"), FieldType::Integer, true),
        ],
        definition: DIVISION_CHANGES,
        csv,
        example: serde_json::json!({ "province": "330000", "year_from": 2010, "year_to": 2020 }),
        smallest_cell: 0,
        synthetic: false,
    }
}

/// A step of a fixed sequence (Knuth's multiplier), so that the same product always gets the same figures.
struct Seeded(u64);

impl Seeded {
    fn of(item: &Item) -> Self {
        Self(
            item.key.bytes().fold(20_261_121, |seed, byte| seed.wrapping_mul(31) ^ u64::from(byte)),
        )
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound.max(1)
    }
}

const SYNTHETIC_LOOKUP: &str = r#"synthetic = true

[[columns]]
name = "code"

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

fn synthetic_lookup(item: &Item) -> DemoData {
    let mut seeded = Seeded::of(item);
    let mut csv = "code,valid_from,valid_until\n".to_owned();
    for row in 1..=LOOKUP_ROWS {
        let year = 2015 + seeded.below(10);
        let month = 1 + seeded.below(12);
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
        example: serde_json::json!({ "code": "DEMO-0007" }),
        smallest_cell: 0,
        synthetic: true,
    }
}

const SYNTHETIC_BANDS: &str = r#"synthetic = true

[[columns]]
name = "code"

[[columns]]
name = "band"

[lookup]
key = ["code"]
answer = ["band"]
"#;

fn synthetic_bands(item: &Item) -> DemoData {
    let mut seeded = Seeded::of(item);
    let mut csv = "code,band\n".to_owned();
    for row in 1..=LOOKUP_ROWS {
        let band = ["A", "B", "C", "D"].get(usize::try_from(seeded.below(4)).unwrap_or(0)).copied();
        csv.push_str(&format!("DEMO-{row:04},{}\n", band.unwrap_or("A")));
    }
    DemoData {
        operation: "score",
        label: texts("查询模型分档", "Band by the model"),
        engine: "lookup",
        input: vec![field(
            "code",
            ("对象编号（演示数据：DEMO-0001 至 DEMO-0060）", "Subject, DEMO-0001 to DEMO-0060"),
            FieldType::Text,
            true,
        )],
        output: vec![
            result_field(),
            field("band", ("分档 A–D", "Band A–D"), FieldType::Text, false),
        ],
        definition: SYNTHETIC_BANDS,
        csv,
        example: serde_json::json!({ "code": "DEMO-0007" }),
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
"#;

fn synthetic_series(item: &Item) -> DemoData {
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
