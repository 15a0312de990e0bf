//! Usage by month, the newest first, each with its days: a year of counts is read month by month.

use lianshi_market::usage::DayCount;
use lianshi_registry::time::Period;

/// A month of one subscription.
pub struct Month {
    /// Which.
    pub period: Period,
    /// Calls in it.
    pub calls: u64,
    /// Units charged for in it.
    pub units: u64,
    /// Its days and operations, newest first.
    pub days: Vec<DayCount>,
}

/// Groups counts by month.
pub fn of(days: &[DayCount]) -> Vec<Month> {
    let mut newest_first: Vec<&DayCount> = days.iter().collect();
    newest_first.sort_by(|a, b| (b.day, &a.operation).cmp(&(a.day, &b.operation)));
    newest_first
        .chunk_by(|a, b| a.day.period() == b.day.period())
        .filter_map(|chunk| {
            Some(Month {
                period: chunk.first()?.day.period(),
                calls: chunk.iter().map(|day| day.calls).sum(),
                units: chunk.iter().map(|day| day.units).sum(),
                days: chunk.iter().copied().cloned().collect(),
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use lianshi_registry::time::Date;

    use super::*;

    #[test]
    fn days_are_grouped_by_month_with_sums_newest_first() {
        let count = |day: &str, operation: &str, calls: u64| DayCount {
            day: Date::parse(day).expect("a date"),
            operation: operation.to_owned(),
            calls,
            units: calls * 2,
        };
        let months = of(&[
            count("2026-09-30", "verify", 1),
            count("2026-10-01", "verify", 2),
            count("2026-10-01", "series", 3),
            count("2026-10-31", "verify", 4),
        ]);
        let shape: Vec<_> =
            months.iter().map(|m| (m.period.to_string(), m.calls, m.units, m.days.len())).collect();
        assert_eq!(shape, [("2026-10".to_owned(), 9, 18, 3), ("2026-09".to_owned(), 1, 2, 1)]);
        let first = months.first().and_then(|month| month.days.get(1)).expect("a day");
        assert_eq!(
            (first.day.to_string().as_str(), first.operation.as_str()),
            ("2026-10-01", "series")
        );
    }
}
