//! Terms in months: when one ends, and which of its months begin a fee. A term of so many months
//! costs so many monthly fees, on whatever day it began.

use lianshi_registry::time::{Date, Period, Timestamp};

/// First day after a term of `months` months that begins on `from`: the day with the same number.
/// Where that month has no such day, its last day still belongs to the term (Civil Code of the
/// People's Republic of China, article 202), so the day after is the first of the next month.
pub fn first_day_after(from: Date, months: u32) -> Date {
    let same_day = from.plus_months(i64::from(months));
    if same_day.day() == from.day() { same_day } else { same_day.plus_days(1) }
}

/// The first instant after such a term.
pub fn end(starts_at: Timestamp, months: u32) -> Timestamp {
    first_day_after(starts_at.date(), months).start()
}

/// Whether a period bills the fee of a month of the term `[starts_at, ends_at)`. The first month of
/// the term is billed in the period it begins in, each further one in the period after the one
/// before, as long as the term reaches into it. A month that has begun costs its whole fee.
pub fn bills_fee(starts_at: Timestamp, ends_at: Timestamp, period: Period) -> bool {
    let Some(month) = months_between(starts_at.period(), period) else { return false };
    let begins_at = if month == 0 { starts_at } else { end(starts_at, month) };
    begins_at < ends_at
}

/// How many monthly fees a term costs: its months, the last one whole even when it was cut short.
pub fn fees(starts_at: Timestamp, ends_at: Timestamp) -> u32 {
    let mut months = 0;
    let mut period = starts_at.period();
    while bills_fee(starts_at, ends_at, period) {
        months += 1;
        period = period.next();
    }
    months
}

/// Months from one period to another; none when the other is earlier.
fn months_between(from: Period, to: Period) -> Option<u32> {
    let count = |period: Period| {
        let day = period.first_day();
        i64::from(day.year()) * 12 + i64::from(day.month())
    };
    u32::try_from(count(to) - count(from)).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(day: &str) -> Timestamp {
        Date::parse(day).expect(day).start()
    }

    fn last_day(from: &str, months: u32) -> String {
        end(at(from), months).plus_millis(-1).date().to_string()
    }

    #[test]
    fn a_month_from_the_31st_ends_on_the_last_day_of_the_next_month() {
        for (from, months, last) in [
            ("2026-10-31", 1, "2026-11-30"),
            ("2027-01-31", 1, "2027-02-28"),
            ("2028-01-31", 1, "2028-02-29"),
            ("2027-01-30", 1, "2027-02-28"),
            ("2027-01-29", 1, "2027-02-28"),
            ("2028-01-29", 1, "2028-02-28"),
            ("2027-01-28", 1, "2027-02-27"),
            ("2026-11-30", 1, "2026-12-29"),
            ("2026-10-31", 2, "2026-12-30"),
            ("2026-10-01", 1, "2026-10-31"),
            ("2026-11-15", 12, "2027-11-14"),
            ("2028-02-29", 12, "2029-02-28"),
        ] {
            assert_eq!(last_day(from, months), last, "{months} from {from}");
        }
    }

    #[test]
    fn a_flat_month_costs_one_fee_on_whatever_day_it_began() {
        let mut day = Date::parse("2026-01-01").expect("a day");
        for _ in 0..800 {
            let noon = day.start().plus_millis(12 * 3_600_000);
            assert_eq!(fees(noon, end(noon, 1)), 1, "{day}");
            assert!(bills_fee(noon, end(noon, 1), day.period()), "{day}");
            assert!(!bills_fee(noon, end(noon, 1), day.period().next()), "{day}");
            day = day.plus_days(1);
        }
    }

    #[test]
    fn a_month_that_has_begun_costs_its_fee_and_one_that_has_not_costs_none() {
        let from = at("2026-10-15");
        assert_eq!(fees(from, from.plus_millis(1)), 1);
        assert_eq!(fees(from, at("2026-11-15")), 1);
        assert_eq!(fees(from, at("2026-11-15").plus_millis(1)), 2);
        assert_eq!(fees(from, from), 0, "a contract that never was in force");
    }

    #[test]
    fn periods_before_and_after_the_term_bill_nothing() {
        let (from, after) = (at("2026-10-31"), at("2026-12-01"));
        for (period, billed) in
            [("2026-09", false), ("2026-10", true), ("2026-11", false), ("2026-12", false)]
        {
            let period = Period::parse(period).expect(period);
            assert_eq!(bills_fee(from, after, period), billed, "{period}");
        }
    }

    proptest! {
        #[test]
        fn a_term_costs_as_many_fees_as_it_has_months(
            day in 0_i64..3_000,
            millis in 0_i64..86_400_000,
            months in 1_u32..40,
        ) {
            let from = at("2024-01-01").date().plus_days(day).start().plus_millis(millis);
            let after = end(from, months);
            prop_assert_eq!(fees(from, after), months);
            // Each in a period of its own, in which the subscription is in force or just was.
            let mut period = from.period();
            for _ in 0..months {
                prop_assert!(bills_fee(from, after, period));
                prop_assert!(period.start() < after);
                period = period.next();
            }
            prop_assert!(!bills_fee(from, after, period));
            prop_assert!(after.date() > from.date());
        }

        #[test]
        fn a_longer_term_ends_later(day in 0_i64..3_000, months in 1_u32..40) {
            let from = at("2024-01-01").date().plus_days(day).start();
            prop_assert!(end(from, months) < end(from, months + 1));
        }
    }
}
