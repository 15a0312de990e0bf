//! Measuring elapsed time, and what quantiles of it are.

use std::{
    thread,
    time::{Duration, Instant},
};

/// Lets time pass, which is part of what is measured: a caller thinks, a node is left alone.
#[expect(clippy::disallowed_methods, reason = "there is no condition that could be awaited")]
pub fn pause(duration: Duration) {
    thread::sleep(duration);
}

/// Runs from its start.
#[derive(Debug, Clone, Copy)]
pub struct Stopwatch(Instant);

impl Stopwatch {
    /// Starts one.
    #[expect(clippy::disallowed_methods, reason = "a measurement measures real time")]
    pub fn start() -> Self {
        Self(Instant::now())
    }

    /// The time since its start.
    pub fn elapsed(&self) -> Duration {
        self.0.elapsed()
    }
}

/// Milliseconds with their fraction.
pub fn millis(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}

/// How many there are in a second.
pub fn per_second(count: usize, duration: Duration) -> f64 {
    f64::from(u32::try_from(count).unwrap_or(u32::MAX)) / duration.as_secs_f64()
}

/// The duration that `percent` of a hundred stay below; sorts what it is given.
pub fn percentile(durations: &mut [Duration], percent: usize) -> Duration {
    durations.sort_unstable();
    let place = durations.len().saturating_sub(1) * percent.min(100) / 100;
    durations.get(place).copied().unwrap_or_default()
}
