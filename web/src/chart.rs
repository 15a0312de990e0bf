//! Charts as SVG without inline style. The one place that knows the chart library; every chart has
//! a table beside it and says in a sentence what it shows.

use std::collections::BTreeMap;

use charts_rs::{BarChart, Color, Series};
use lianshi_market::usage::DayCount;
use lianshi_registry::time::Date;

use crate::page::Page;

/// Teal that stands out on light and on dark ground.
const BAR: &str = "#2a8f9a";
/// Days one chart shows: three months.
const DAYS_MAX: usize = 92;

/// Calls by day as bars, all operations together; empty for no days.
pub fn of_days(page: &Page, days: &[DayCount]) -> String {
    let mut by_day: BTreeMap<Date, u64> = BTreeMap::new();
    for day in days {
        let sum = by_day.entry(day.day).or_default();
        *sum = sum.saturating_add(day.calls);
    }
    let shown: Vec<(Date, u64)> =
        by_day.into_iter().rev().take(DAYS_MAX).collect::<Vec<_>>().into_iter().rev().collect();
    let labels: Vec<String> = shown
        .iter()
        .map(|(day, _)| day.to_string().get(5..).unwrap_or_default().to_owned())
        .collect();
    bars(&page.t("usage-calls"), labels, shown.iter().map(|(_, calls)| *calls))
}

fn bars(name: &str, labels: Vec<String>, values: impl Iterator<Item = u64>) -> String {
    // A bar's height is a picture of the number in the table; 24 bits of it are more than a screen
    // shows.
    let heights: Vec<f32> = values.map(|value| value.to_string().parse().unwrap_or(0.0)).collect();
    if heights.is_empty() {
        return String::new();
    }
    let mut chart = BarChart::new(vec![Series::new(name.to_owned(), heights)], labels);
    chart.width = 960.0;
    chart.height = 280.0;
    chart.legend.show = Some(false);
    // The page's own ground shows through, light or dark; the style sheet colors the texts.
    chart.background_color = Color::transparent();
    chart.series.colors = vec![BAR.into()];
    chart.svg().unwrap_or_default()
}
