//! So many a second on average, and so many at once after a pause: what somebody may ask for. A
//! pure decision: time comes in.

use std::{
    collections::BTreeMap,
    net::IpAddr,
    sync::{Mutex, PoisonError},
};

use lianshi_store::address::Neighborhood;
use tokio::time::{Duration, Instant};

/// What is earned with time, and how much of it may be saved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// Earned in a second.
    pub per_second: u64,
    /// Saved at most.
    pub burst: u64,
}

impl Rate {
    /// How long it takes to earn an amount.
    fn time_of(self, amount: u64) -> Duration {
        let nanos = u128::from(amount) * 1_000_000_000 / u128::from(self.per_second.max(1));
        Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }
}

/// How much of a rate is used: the moment at which all of it will have been earned.
#[derive(Debug, Default)]
pub struct Bucket(Option<Instant>);

impl Bucket {
    /// Whether the burst is not used up.
    pub fn has(&self, now: Instant, rate: Rate) -> bool {
        self.0.is_none_or(|earned| earned.duration_since(now) < rate.time_of(rate.burst))
    }

    /// Uses an amount, also beyond the burst: it has to be earned before anything else.
    pub fn take(&mut self, now: Instant, rate: Rate, amount: u64) {
        let from = self.0.map_or(now, |earned| earned.max(now));
        self.0 = from.checked_add(rate.time_of(amount));
    }

    fn is_full(&self, now: Instant) -> bool {
        self.0.is_none_or(|earned| earned <= now)
    }
}

/// Addresses remembered before those that used nothing lately are forgotten; beyond twice as many,
/// whoever is new waits.
const ADDRESSES_KEPT: usize = 10_000;
/// Between two looks for those to forget: each reads all of them, so that a flood of addresses must
/// not have one for every request. What one request used is earned again in no less.
const SWEEP_INTERVAL: Duration = Duration::from_millis(100);

/// The same rate for every address strangers come from.
#[derive(Debug)]
pub struct Shares {
    rate: Rate,
    used: Mutex<Used>,
}

#[derive(Debug, Default)]
struct Used {
    by_address: BTreeMap<Neighborhood, Bucket>,
    swept_at: Option<Instant>,
}

impl Used {
    /// Forgets who used nothing lately, unless that was done just now.
    fn sweep(&mut self, now: Instant) {
        if self.swept_at.is_none_or(|at| now.duration_since(at) >= SWEEP_INTERVAL) {
            self.by_address.retain(|_, bucket| !bucket.is_full(now));
            self.swept_at = Some(now);
        }
    }
}

impl Shares {
    /// Nobody has used anything yet.
    pub fn new(rate: Rate) -> Self {
        Self { rate, used: Mutex::default() }
    }

    /// Takes one of an address's share; `false` when it is used up.
    pub fn take(&self, address: IpAddr, now: Instant) -> bool {
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        if used.by_address.len() >= ADDRESSES_KEPT {
            used.sweep(now);
        }
        let address = Neighborhood::of(address);
        let is_known = used.by_address.contains_key(&address);
        if used.by_address.len() >= 2 * ADDRESSES_KEPT && !is_known {
            return false;
        }
        let bucket = used.by_address.entry(address).or_default();
        let has = bucket.has(now, self.rate);
        if has {
            bucket.take(now, self.rate, 1);
        }
        has
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: Rate = Rate { per_second: 5, burst: 50 };

    #[tokio::test]
    async fn each_address_has_a_share_of_its_own_that_comes_back() {
        let (shares, start) = (Shares::new(RATE), Instant::now());
        let taken = |address: &str, now: Instant| {
            let address: IpAddr = address.parse().expect("an address");
            (0..1_000).filter(|_| shares.take(address, now)).count()
        };
        assert_eq!(taken("192.0.2.1", start), 50);
        assert_eq!(taken("192.0.2.1", start), 0);
        assert_eq!(taken("192.0.2.2", start), 50);
        assert_eq!(taken("2001:db8::1", start), 50);
        assert_eq!(taken("2001:db8::2", start), 0, "one subscriber");
        assert_eq!(taken("192.0.2.1", start + Duration::from_secs(2)), 10);
    }

    #[tokio::test]
    async fn a_hundred_thousand_addresses_take_a_bounded_place() {
        let (shares, start) = (Shares::new(RATE), Instant::now());
        for number in 0..100_000_u32 {
            shares.take(IpAddr::from((0x0a00_0000 + number).to_be_bytes()), start);
        }
        assert_eq!(shares.used.lock().expect("whole").by_address.len(), 2 * ADDRESSES_KEPT);
        let known = IpAddr::from(0x0a00_0000_u32.to_be_bytes());
        assert!(shares.take(known, start), "who is known goes on");
        // One request of each is earned again after a fifth of a second.
        let (early, earned) = (start + SWEEP_INTERVAL, start + Duration::from_millis(200));
        let new = IpAddr::from([9, 9, 9, 8]);
        assert!(!shares.take(new, early), "nobody's share is earned again");
        let again = earned - Duration::from_millis(1);
        assert!(!shares.take(new, again) && shares.take(new, earned), "looked for once in a while");
        assert!(shares.take(IpAddr::from([9, 9, 9, 9]), start + Duration::from_mins(1)));
        assert!(
            shares.used.lock().expect("whole").by_address.len() < 10,
            "what is earned is forgotten"
        );
    }
}
