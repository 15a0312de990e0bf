//! The data behind the demo's products. Three sets are facts computed from the shipped division
//! list; all others are figures made from a fixed seed and marked as synthetic.

mod summed;
mod synthetic;

use std::collections::BTreeMap;

use lianshi_governance::division::{Division, Divisions};
use lianshi_registry::{
    entry::{Field, FieldType, Texts},
    time::Period,
};

use super::content::Item;

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
        (_, "verification") => synthetic::lookup(item),
        (_, "model") => synthetic::bands(item),
        _ => summed::of(item).unwrap_or_else(|| synthetic::series(item)),
    }
}

/// A step of a fixed sequence (Knuth's multiplier), so that the same product always gets the same
/// figures.
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
mask = "999999"

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
            field("name", ("名称，一并核对", "Name, compared with it"), FieldType::Text, true),
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
        example: serde_json::json!({ "code": "330283", "name": "奉化市", "date": "2015-01-01" }),
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
mask = "990000"

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
