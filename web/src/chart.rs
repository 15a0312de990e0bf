//! Charts as SVG without inline style. The one place that knows the chart library; every chart has
//! a table beside it and says in a sentence what it shows.

use std::collections::BTreeMap;

use charts_rs::{BarChart, Color, Series};
use lianshi_market::usage::DayCount;
use lianshi_registry::time::Date;

use crate::page::Page;

/// Teal that stands out on light and on dark ground.
const BAR: &str = "#2a8f9a";
/// Days one chart shows at most: three months.
const DAYS_MAX: i64 = 92;
/// Days it shows at least: a month, so that a few days are not drawn as a wall.
const DAYS_MIN: i64 = 31;
/// Size of the texts at the axes; the picture is drawn at twice its size, because the library keeps
/// a fixed gap between bars.
const AXIS_TEXT: f32 = 27.0;
/// From the axis to its dates: below the lower half of the 0 beside the axis.
const DATE_GAP: f32 = 18.0;
/// Room for a row of dates with that gap.
const DATES_HEIGHT: f32 = 56.0;

/// Calls by day as bars, all operations together; empty for no days. The axis has every day of the
/// span, a month at least, so that days without calls are seen as such.
pub fn of_days(page: &Page, days: &[DayCount]) -> String {
    let mut by_day: BTreeMap<Date, u64> = BTreeMap::new();
    for day in days {
        let sum = by_day.entry(day.day).or_default();
        *sum = sum.saturating_add(day.calls);
    }
    let (Some((first, _)), Some((last, _))) = (by_day.first_key_value(), by_day.last_key_value())
    else {
        return String::new();
    };
    let from = (*first).min(last.plus_days(1 - DAYS_MIN)).max(last.plus_days(1 - DAYS_MAX));
    let shown: Vec<Date> =
        (0..DAYS_MAX).map(|day| from.plus_days(day)).take_while(|day| day <= last).collect();
    let labels: Vec<String> =
        shown.iter().map(|day| day.to_string().get(5..).unwrap_or_default().to_owned()).collect();
    let calls = shown.iter().map(|day| by_day.get(day).copied().unwrap_or_default());
    bars(&page.t("usage-calls"), labels, calls)
}

fn bars(name: &str, labels: Vec<String>, values: impl Iterator<Item = u64>) -> String {
    // A bar's height is a picture of the number in the table; 24 bits of it are more than a screen
    // shows.
    let heights: Vec<f32> = values.map(|value| value.to_string().parse().unwrap_or(0.0)).collect();
    let scale = Scale::of(heights.iter().copied().fold(0.0, f32::max));
    let mut chart = BarChart::new(vec![Series::new(name.to_owned(), heights)], labels);
    chart.width = 1920.0;
    chart.height = 520.0;
    chart.legend.show = Some(false);
    chart.x_axis.font.size = AXIS_TEXT;
    chart.x_axis.name_gap = DATE_GAP;
    chart.x_axis.height = DATES_HEIGHT;
    for axis in &mut chart.y_axis_configs {
        axis.font.size = AXIS_TEXT;
        axis.min = Some(0.0);
        axis.max = Some(scale.max);
        axis.split_number = scale.parts;
        axis.formatter = Some("{t}".to_owned());
    }
    // The page's own ground shows through, light or dark; the style sheet colors the texts.
    chart.background_color = Color::transparent();
    chart.series.colors = vec![BAR.into()];
    chart.svg().unwrap_or_default()
}

/// Most parts an axis is divided into.
const PARTS_MAX: f32 = 5.0;

/// An axis from 0 with a mark at every whole step: calls come in whole numbers.
struct Scale {
    max: f32,
    parts: usize,
}

impl Scale {
    /// The least one that reaches `highest`, in steps of 1, 2 or 5 times a power of ten.
    fn of(highest: f32) -> Self {
        let mut step = 1.0_f32;
        let mut factors = [2.0, 2.5, 2.0].into_iter().cycle();
        while highest > step * PARTS_MAX {
            step *= factors.next().unwrap_or(2.0);
        }
        let mut parts = 1;
        let mut max = step;
        while max < highest {
            max += step;
            parts += 1;
        }
        Self { max, parts }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(days: &[(&str, u64)]) -> String {
        let count = |(day, calls): &(&str, u64)| DayCount {
            day: Date::parse(day).expect("a date"),
            operation: "verify".to_owned(),
            calls: *calls,
            units: *calls,
        };
        let counts: Vec<DayCount> = days.iter().map(count).collect();
        let request = actix_web::test::TestRequest::default().to_http_request();
        of_days(&Page::of(&request), &counts)
    }

    #[test]
    fn a_few_days_are_drawn_in_a_whole_month_without_style() {
        let svg = drawn(&[("2026-11-02", 3), ("2026-11-05", 40)]);
        assert!(svg.contains("10-06") && svg.contains("11-05"), "{svg}");
        assert!(!svg.contains("style"), "{svg}");
        assert_eq!(drawn(&[]), "");
    }

    /// Numbers of calls at the axis once were 4.5, 9, 13.5.
    #[test]
    fn every_mark_at_the_axis_is_a_whole_number_of_calls() {
        for highest in (1..400).chain([999, 1_000, 1_234, 4_999, 25_000, 1_000_001]) {
            let svg = drawn(&[("2026-11-02", highest), ("2026-11-05", 1)]);
            let texts = svg.split("<text").skip(1).filter_map(|part| {
                let text = part.split_once('>')?.1.split('<').next()?;
                Some(text.trim().replace(',', ""))
            });
            let marks: Vec<f64> = texts.filter_map(|text| text.parse().ok()).collect();
            assert!(marks.len() >= 2, "{highest}: {svg}");
            assert!(marks.iter().all(|mark| mark.fract() == 0.0), "{highest}: {marks:?}");
            let top = marks.iter().copied().fold(0.0, f64::max);
            let reached = f64::from(u32::try_from(highest).expect("small"));
            assert!(top >= reached && top <= 2.0 * reached.max(1.0), "{highest}: {marks:?}");
        }
    }
}
