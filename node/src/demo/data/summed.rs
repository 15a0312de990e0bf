//! Series whose points are sums of others, made up from a fixed seed: flat parts of a total, two
//! dimensions with levels, and sums over time. Some points count few subjects, so that what is
//! withheld beside them can be seen.

use std::collections::BTreeMap;

use lianshi_registry::entry::FieldType;

use super::{DemoData, Seeded, field, texts};
use crate::demo::content::Item;

/// One in so many cells counts few subjects.
const SMALL_CELLS: u64 = 9;
/// Months of one year.
const MONTHS: u64 = 12;

/// The data of a product whose figures are summed; `None` for others.
pub(super) fn of(item: &Item) -> Option<DemoData> {
    match item.key.as_str() {
        "retail-activity" => Some(by_area(item)),
        "manufacturing-pmi" => Some(by_area_and_industry(item)),
        "night-economy" => Some(over_time(item)),
        _ => None,
    }
}

/// Subjects and turnover by where a point stands.
type Cells = BTreeMap<Vec<String>, (u64, u64)>;

/// A total with its parts, in the column at a place.
struct Sum<'s> {
    place: usize,
    total: &'s str,
    parts: &'s [&'s str],
}

fn draw(seeded: &mut Seeded) -> (u64, u64) {
    let subjects =
        if seeded.below(SMALL_CELLS) == 0 { 1 + seeded.below(8) } else { 20 + seeded.below(200) };
    (subjects, subjects * (30 + seeded.below(40)))
}

/// Adds the points that sum others.
fn add(cells: &mut Cells, sum: &Sum<'_>) {
    let mut totals = Cells::new();
    for (at, (subjects, turnover)) in cells.iter() {
        let is_part = at.get(sum.place).is_some_and(|member| sum.parts.contains(&member.as_str()));
        if !is_part {
            continue;
        }
        let mut of_total = at.clone();
        if let Some(member) = of_total.get_mut(sum.place) {
            sum.total.clone_into(member);
        }
        let total = totals.entry(of_total).or_default();
        total.0 += subjects;
        total.1 += turnover;
    }
    cells.extend(totals);
}

fn csv(header: &str, cells: &Cells) -> String {
    let mut csv = format!("{header},turnover,shops\n");
    for (at, (subjects, turnover)) in cells {
        csv.push_str(&format!("{},{turnover},{subjects}\n", at.join(",")));
    }
    csv
}

fn month(number: u64) -> String {
    format!("2025-{:02}", number + 1)
}

/// The operation's data with its output, which is the same for all three.
struct Summed {
    label: (&'static str, &'static str),
    key: Vec<(&'static str, (&'static str, &'static str))>,
    dimension: (&'static str, (&'static str, &'static str)),
    definition: &'static str,
    csv: String,
    example: serde_json::Value,
}

impl Summed {
    fn into_data(self) -> DemoData {
        let (dimension, words) = self.dimension;
        let text = |name: &str, words, required| field(name, words, FieldType::Text, required);
        let mut input: Vec<_> =
            self.key.iter().map(|(name, words)| text(name, *words, true)).collect();
        for (suffix, words) in [("_from", ("起始", "First")), ("_to", ("截止", "Last"))] {
            input.push(text(&format!("{dimension}{suffix}"), words, false));
        }
        DemoData {
            operation: "series",
            label: texts(self.label.0, self.label.1),
            engine: "series",
            input,
            output: vec![
                text(dimension, words, true),
                field("turnover", ("营业额（万元）", "Turnover"), FieldType::Integer, false),
                field("shops", ("样本商户数", "Shops counted"), FieldType::Integer, false),
            ],
            definition: self.definition,
            csv: self.csv,
            example: self.example,
            smallest_cell: 10,
            synthetic: true,
        }
    }
}

const BY_AREA: &str = r#"synthetic = true

[[columns]]
name = "area"

[[columns]]
name = "month"
type = "month"

[[columns]]
name = "turnover"
type = "integer"

[[columns]]
name = "shops"
type = "integer"

[series]
key = ["area"]
dimension = "month"
values = ["turnover"]
count = "shops"

[[series.totals]]
column = "area"
total = "all"
"#;

/// Areas and all of them together.
fn by_area(item: &Item) -> DemoData {
    let mut seeded = Seeded::of(item);
    let areas = ["east", "south", "west", "north"];
    let mut cells = Cells::new();
    for area in areas {
        for number in 0..MONTHS {
            cells.insert(vec![area.to_owned(), month(number)], draw(&mut seeded));
        }
    }
    add(&mut cells, &Sum { place: 0, total: "all", parts: &areas });
    Summed {
        label: ("按片区和月份查询", "By area and month"),
        key: vec![(
            "area",
            ("片区：east、south、west、north，或 all", "Area: east, south, west, north, or all"),
        )],
        dimension: ("month", ("月份", "Month")),
        definition: BY_AREA,
        csv: csv("area,month", &cells),
        example: serde_json::json!({ "area": "all", "month_from": "2025-01" }),
    }
    .into_data()
}

const BY_AREA_AND_INDUSTRY: &str = r#"synthetic = true

[[columns]]
name = "area"

[[columns]]
name = "industry"

[[columns]]
name = "month"
type = "month"

[[columns]]
name = "turnover"
type = "integer"

[[columns]]
name = "shops"
type = "integer"

[series]
key = ["area", "industry"]
dimension = "month"
values = ["turnover"]
count = "shops"

[[series.totals]]
column = "area"
total = "inner"
parts = ["east", "south"]

[[series.totals]]
column = "area"
total = "outer"
parts = ["west", "north"]

[[series.totals]]
column = "area"
total = "all"
parts = ["inner", "outer"]

[[series.totals]]
column = "industry"
total = "all"
"#;

/// Areas in two levels, crossed with industries.
fn by_area_and_industry(item: &Item) -> DemoData {
    let mut seeded = Seeded::of(item);
    let industries = ["food", "textile", "machinery"];
    let mut cells = Cells::new();
    for area in ["east", "south", "west", "north"] {
        for industry in industries {
            for number in 0..MONTHS {
                let at = vec![area.to_owned(), industry.to_owned(), month(number)];
                cells.insert(at, draw(&mut seeded));
            }
        }
    }
    for sum in [
        Sum { place: 0, total: "inner", parts: &["east", "south"] },
        Sum { place: 0, total: "outer", parts: &["west", "north"] },
        Sum { place: 0, total: "all", parts: &["inner", "outer"] },
        Sum { place: 1, total: "all", parts: &industries },
    ] {
        add(&mut cells, &sum);
    }
    Summed {
        label: ("按片区、行业和月份查询", "By area, industry and month"),
        key: vec![
            (
                "area",
                (
                    "片区：east、south、west、north、inner、outer 或 all",
                    "Area: east, south, west, north, inner, outer or all",
                ),
            ),
            (
                "industry",
                (
                    "行业：food、textile、machinery 或 all",
                    "Industry: food, textile, machinery or all",
                ),
            ),
        ],
        dimension: ("month", ("月份", "Month")),
        definition: BY_AREA_AND_INDUSTRY,
        csv: csv("area,industry,month", &cells),
        example: serde_json::json!({ "area": "all", "industry": "all" }),
    }
    .into_data()
}

const OVER_TIME: &str = r#"synthetic = true

[[columns]]
name = "street"

[[columns]]
name = "period"

[[columns]]
name = "turnover"
type = "integer"

[[columns]]
name = "shops"
type = "integer"

[series]
key = ["street"]
dimension = "period"
values = ["turnover"]
count = "shops"

[[series.totals]]
column = "period"
total = "2025-Q1"
parts = ["2025-01", "2025-02", "2025-03"]

[[series.totals]]
column = "period"
total = "2025-Q2"
parts = ["2025-04", "2025-05", "2025-06"]

[[series.totals]]
column = "period"
total = "2025-Q3"
parts = ["2025-07", "2025-08", "2025-09"]

[[series.totals]]
column = "period"
total = "2025-Q4"
parts = ["2025-10", "2025-11", "2025-12"]

[[series.totals]]
column = "period"
total = "2025"
parts = ["2025-Q1", "2025-Q2", "2025-Q3", "2025-Q4"]
"#;

/// Months, quarters and the year.
fn over_time(item: &Item) -> DemoData {
    let mut seeded = Seeded::of(item);
    let mut cells = Cells::new();
    for street in ["harbor", "market"] {
        for number in 0..MONTHS {
            cells.insert(vec![street.to_owned(), month(number)], draw(&mut seeded));
        }
    }
    for (total, parts) in [
        ("2025-Q1", ["2025-01", "2025-02", "2025-03"]),
        ("2025-Q2", ["2025-04", "2025-05", "2025-06"]),
        ("2025-Q3", ["2025-07", "2025-08", "2025-09"]),
        ("2025-Q4", ["2025-10", "2025-11", "2025-12"]),
    ] {
        add(&mut cells, &Sum { place: 1, total, parts: &parts });
    }
    let quarters = ["2025-Q1", "2025-Q2", "2025-Q3", "2025-Q4"];
    add(&mut cells, &Sum { place: 1, total: "2025", parts: &quarters });
    Summed {
        label: ("按街区和时段查询", "By street and period"),
        key: vec![("street", ("街区：harbor 或 market", "Street: harbor or market"))],
        dimension: ("period", ("月、季度或年", "Month, quarter or year")),
        definition: OVER_TIME,
        csv: csv("street,period", &cells),
        example: serde_json::json!({ "street": "harbor" }),
    }
    .into_data()
}
