//! How long somebody who did not answer is left alone: the pause doubles with each failure, up to a
//! longest one. Pure: whoever waits brings the clock, and the randomness where there is some.

/// A pause that doubles.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backoff {
    first_ms: i64,
    max_ms: i64,
}

impl Backoff {
    /// From a first pause to a longest one, in milliseconds.
    pub const fn new(first_ms: i64, max_ms: i64) -> Self {
        Self { first_ms, max_ms }
    }

    /// The longest pause, in milliseconds.
    pub const fn max_ms(self) -> i64 {
        self.max_ms
    }

    /// The pause after a number of failures in a row, in milliseconds: none after none.
    pub fn pause_ms(self, failures: u32) -> i64 {
        let Some(doublings) = failures.checked_sub(1) else { return 0 };
        let factor = 1_i64.checked_shl(doublings.min(62)).unwrap_or(i64::MAX);
        self.first_ms.saturating_mul(factor).min(self.max_ms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_the_longest_and_never_overflow() {
        let backoff = Backoff::new(500, 30_000);
        let pauses = [0, 1, 2, 3, 6, 7, 8, 63, 64, 65, u32::MAX].map(|n| backoff.pause_ms(n));
        assert_eq!(
            pauses,
            [0, 500, 1_000, 2_000, 16_000, 30_000, 30_000, 30_000, 30_000, 30_000, 30_000]
        );
        assert_eq!(Backoff::new(i64::MAX, i64::MAX).pause_ms(9), i64::MAX);
    }
}
