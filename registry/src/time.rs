//! Time as the whole project uses it: an instant in UTC milliseconds, a civil date and a month,
//! both in the business zone Asia/Shanghai (UTC+8 without daylight saving since 1991). The clock
//! itself lives in `node`; here are only values.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

/// Offset of the business zone from UTC in milliseconds.
const SHANGHAI_OFFSET_MS: i64 = 8 * 3_600_000;
/// Milliseconds of a civil day.
const DAY_MS: i64 = 86_400_000;

/// Why a text is not a time.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TimeError {
    /// Not `YYYY-MM-DDTHH:MM:SSZ`.
    #[error("`{0}` is not a UTC time of the form 2026-11-21T03:00:00Z")]
    Timestamp(String),
    /// Not `YYYY-MM-DD`.
    #[error("`{0}` is not a date of the form 2026-11-21")]
    Date(String),
    /// Not `YYYY-MM`.
    #[error("`{0}` is not a month of the form 2026-10")]
    Period(String),
}

/// An instant: milliseconds since 1970-01-01T00:00:00Z.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Timestamp(i64);

impl Timestamp {
    /// From UTC milliseconds.
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis)
    }

    /// From UTC seconds as foreign formats state them; the largest time there is for what lies
    /// beyond.
    pub fn from_seconds(seconds: u64) -> Self {
        Self(i64::try_from(seconds).unwrap_or(i64::MAX).saturating_mul(1000))
    }

    /// UTC milliseconds.
    pub const fn millis(self) -> i64 {
        self.0
    }

    /// Whole UTC seconds, rounded down.
    pub const fn seconds(self) -> i64 {
        self.0.div_euclid(1000)
    }

    /// This instant moved by milliseconds, saturating at the ends of the range.
    #[must_use]
    pub const fn plus_millis(self, millis: i64) -> Self {
        Self(self.0.saturating_add(millis))
    }

    /// Parses `YYYY-MM-DDTHH:MM:SSZ`, the only form entries may carry.
    pub fn parse(text: &str) -> Result<Self, TimeError> {
        let bad = || TimeError::Timestamp(text.to_owned());
        if text.len() != 20 || !text.ends_with('Z') {
            return Err(bad());
        }
        let instant: jiff::Timestamp = text.parse().map_err(|_| bad())?;
        let parsed = Self(instant.as_millisecond());
        if parsed.to_string() == text { Ok(parsed) } else { Err(bad()) }
    }

    /// The civil date in Asia/Shanghai.
    pub fn date(self) -> Date {
        let days = self.0.saturating_add(SHANGHAI_OFFSET_MS).div_euclid(DAY_MS);
        Date::from_epoch_days(days)
    }

    /// As people in Asia/Shanghai read it, `YYYY-MM-DD HH:MM:SS`; whoever prints it says so.
    pub fn local(self) -> String {
        let shifted = Self(self.0.saturating_add(SHANGHAI_OFFSET_MS)).to_string();
        shifted.trim_end_matches('Z').replace('T', " ")
    }

    /// The month in Asia/Shanghai.
    pub fn period(self) -> Period {
        self.date().period()
    }
}

/// `YYYY-MM-DDTHH:MM:SSZ`; milliseconds are cut off. What lies beyond the calendar is printed as
/// its end: whoever states a time from outside may state any, and printing it never fails.
impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (first, last) = (jiff::Timestamp::MIN.as_second(), jiff::Timestamp::MAX.as_second());
        let seconds = self.seconds().clamp(first, last);
        let instant = jiff::Timestamp::from_second(seconds).map_err(|_| fmt::Error)?;
        write!(f, "{}", instant.strftime("%Y-%m-%dT%H:%M:%SZ"))
    }
}

/// A civil date in Asia/Shanghai, printed `YYYY-MM-DD`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Date(jiff::civil::Date);

impl Date {
    /// Parses `YYYY-MM-DD`.
    pub fn parse(text: &str) -> Result<Self, TimeError> {
        let bad = || TimeError::Date(text.to_owned());
        if text.len() != 10 {
            return Err(bad());
        }
        text.parse().map(Self).map_err(|_| bad())
    }

    /// From year, month 1–12 and day, when such a day exists.
    pub fn new(year: i16, month: i8, day: i8) -> Option<Self> {
        jiff::civil::Date::new(year, month, day).ok().map(Self)
    }

    fn from_epoch_days(days: i64) -> Self {
        let span = jiff::Span::new().try_days(days).unwrap_or_default();
        Self(jiff::civil::date(1970, 1, 1).saturating_add(span))
    }

    /// The year.
    pub fn year(self) -> i16 {
        self.0.year()
    }

    /// The month, 1–12.
    pub fn month(self) -> i8 {
        self.0.month()
    }

    /// The day of the month, 1–31.
    pub fn day(self) -> i8 {
        self.0.day()
    }

    /// The month this day lies in.
    pub fn period(self) -> Period {
        Period(self.0.first_of_month())
    }

    /// The instant this day begins in Asia/Shanghai.
    pub fn start(self) -> Timestamp {
        let days = jiff::civil::date(1970, 1, 1)
            .until(self.0)
            .map_or(0, |span| i64::from(span.get_days()));
        Timestamp(days.saturating_mul(DAY_MS).saturating_sub(SHANGHAI_OFFSET_MS))
    }

    /// This date moved by whole days.
    #[must_use]
    pub fn plus_days(self, days: i64) -> Self {
        let span = jiff::Span::new().try_days(days).unwrap_or_default();
        Self(self.0.saturating_add(span))
    }

    /// This date moved by whole years; 29 February becomes 28 in a common year.
    #[must_use]
    pub fn plus_years(self, years: i64) -> Self {
        let span = jiff::Span::new().try_years(years).unwrap_or_default();
        Self(self.0.saturating_add(span))
    }

    /// This date moved by whole months, cut to the last day of a shorter month.
    #[must_use]
    pub fn plus_months(self, months: i64) -> Self {
        let span = jiff::Span::new().try_months(months).unwrap_or_default();
        Self(self.0.saturating_add(span))
    }
}

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// A settlement period: one civil month in Asia/Shanghai, the half-open interval `[start, end)`.
/// Printed `YYYY-MM`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Period(jiff::civil::Date);

impl Period {
    /// Parses `YYYY-MM`.
    pub fn parse(text: &str) -> Result<Self, TimeError> {
        let bad = || TimeError::Period(text.to_owned());
        if text.len() != 7 {
            return Err(bad());
        }
        format!("{text}-01").parse().map(Self).map_err(|_| bad())
    }

    /// First instant inside.
    pub fn start(self) -> Timestamp {
        Date(self.0).start()
    }

    /// First instant after.
    pub fn end(self) -> Timestamp {
        self.next().start()
    }

    /// First day inside.
    pub fn first_day(self) -> Date {
        Date(self.0)
    }

    /// Last day inside.
    pub fn last_day(self) -> Date {
        Date(self.0.last_of_month())
    }

    /// The month after.
    #[must_use]
    pub fn next(self) -> Self {
        Self(Date(self.0).plus_months(1).0)
    }

    /// The month before.
    #[must_use]
    pub fn previous(self) -> Self {
        Self(Date(self.0).plus_months(-1).0)
    }
}

impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}", self.0.year(), self.0.month())
    }
}

macro_rules! serde_as_text {
    ($($name:ty),*) => {$(
        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }
        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                Self::parse(&text).map_err(D::Error::custom)
            }
        }
    )*};
}
serde_as_text!(Timestamp, Date, Period);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_time_prints_whoever_stated_it() {
        let end = "9999-12-30T22:00:00Z";
        for seconds in [253_402_207_200, 253_402_300_800, 1 << 62, u64::MAX] {
            let time = Timestamp::from_seconds(seconds);
            assert_eq!(time.to_string(), end);
            assert_eq!(time.local(), end.trim_end_matches('Z').replace('T', " "));
        }
        assert!(!Timestamp::from_millis(i64::MIN).to_string().is_empty());
        assert!(!Timestamp::from_millis(i64::MAX).date().to_string().is_empty());
    }

    #[test]
    fn timestamps_print_and_parse_back() {
        let time = Timestamp::parse("2026-11-21T03:00:00Z").expect("valid");
        assert_eq!(time.to_string(), "2026-11-21T03:00:00Z");
        assert_eq!(time.millis() % 1000, 0);
        for bad in [
            "2026-11-21",
            "2026-11-21T03:00:00+08:00",
            "2026-11-21T03:00:00.5Z",
            "2026-02-30T00:00:00Z",
        ] {
            assert!(Timestamp::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_month_is_half_open_in_shanghai() {
        for (text, first, after) in [
            ("2024-02", "2024-01-31T16:00:00Z", "2024-02-29T16:00:00Z"),
            ("2025-02", "2025-01-31T16:00:00Z", "2025-02-28T16:00:00Z"),
            ("2026-12", "2026-11-30T16:00:00Z", "2026-12-31T16:00:00Z"),
        ] {
            let period = Period::parse(text).expect("valid");
            assert_eq!(period.start().to_string(), first);
            assert_eq!(period.end().to_string(), after);
            assert_eq!(period.start().period(), period);
            assert_eq!(period.end().plus_millis(-1).period(), period);
            assert_eq!(period.end().period(), period.next());
        }
    }

    #[test]
    fn days_begin_at_midnight_in_shanghai() {
        let day = Date::parse("2026-11-21").expect("valid");
        assert_eq!(day.start().to_string(), "2026-11-20T16:00:00Z");
        assert_eq!(day.start().date(), day);
        assert_eq!(day.plus_years(3).to_string(), "2029-11-21");
    }
}
