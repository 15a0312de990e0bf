//! What a plan allows and what is left of it, in the headers of an answer, as
//! draft-ietf-httpapi-ratelimit-headers says: `RateLimit-Policy` names the limits, `RateLimit` what
//! remains of each and for how many seconds.

use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue};
use lianshi_market::subscription::Contract;
use lianshi_registry::time::Timestamp;

use crate::{Gateway, rate::Left};

const POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
const LIMIT: HeaderName = HeaderName::from_static("ratelimit");
/// Seconds of the window of a minute, which slides.
const MINUTE_S: u64 = 60;

/// The limits of a plan at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Limits {
    /// Most calls in any minute.
    pub minute_max: u64,
    /// What is left of them.
    pub minute: Left,
    /// Most calls in a calendar month.
    pub month_max: u64,
    /// What is left of them; not known where nothing was counted.
    pub month_left: Option<u64>,
    /// Now.
    pub now: Timestamp,
}

/// What a plan allows a caller.
pub(crate) struct PlanLimits {
    share: String,
    minute_max: u32,
    month_max: u64,
}

impl PlanLimits {
    /// Of a contract.
    pub(crate) fn of(contract: &Contract) -> Self {
        let entitlement = &contract.entitlement;
        Self {
            share: contract.share(),
            minute_max: entitlement.calls_per_minute_max,
            month_max: entitlement.calls_per_month_max,
        }
    }

    /// What is left of it, now that the call is over.
    pub(crate) fn left(&self, gateway: &Gateway, calls_this_month: Option<u64>) -> Limits {
        let now = gateway.0.site.now();
        Limits {
            minute_max: u64::from(self.minute_max),
            minute: gateway.0.rates.left(&self.share, self.minute_max, now),
            month_max: self.month_max,
            month_left: calls_this_month.map(|calls| self.month_max.saturating_sub(calls)),
            now,
        }
    }
}

impl Limits {
    /// Adds the two headers.
    pub(crate) fn tell(&self, headers: &mut HeaderMap) {
        let seconds = |from: Timestamp, to: Timestamp| {
            let millis = to.millis().saturating_sub(from.millis()).max(0);
            u64::try_from(millis).unwrap_or(0).div_ceil(1000)
        };
        let month = self.now.period();
        let mut policy = minute_policy(self.minute_max);
        let mut limit = minute_limit(self.minute.calls, self.minute.renewed_s);
        policy.push_str(&format!(
            ", \"month\";q={};w={}",
            self.month_max,
            seconds(month.start(), month.end())
        ));
        if let Some(left) = self.month_left {
            limit.push_str(&format!(", \"month\";r={left};t={}", seconds(self.now, month.end())));
        }
        insert(headers, &policy, &limit);
    }
}

/// The headers of a call that came too soon.
pub(crate) fn tell_too_soon(headers: &mut HeaderMap, max: u32, retry_after_s: u64) {
    insert(headers, &minute_policy(u64::from(max)), &minute_limit(0, retry_after_s));
}

fn minute_policy(max: u64) -> String {
    format!("\"minute\";q={max};w={MINUTE_S}")
}

fn minute_limit(left: u64, seconds: u64) -> String {
    format!("\"minute\";r={left};t={seconds}")
}

fn insert(headers: &mut HeaderMap, policy: &str, limit: &str) {
    for (name, text) in [(POLICY, policy), (LIMIT, limit)] {
        if let Ok(value) = HeaderValue::from_str(text) {
            headers.insert(name, value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_and_what_is_left_are_told_as_the_draft_says() {
        let limits = Limits {
            minute_max: 60,
            minute: Left { calls: 58, renewed_s: 12 },
            month_max: 1_000,
            month_left: Some(993),
            now: Timestamp::parse("2026-11-30T15:59:00Z").expect("a time"),
        };
        let mut headers = HeaderMap::new();
        let text = |headers: &HeaderMap, name: &HeaderName| {
            headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned)
        };
        limits.tell(&mut headers);
        let policy = "\"minute\";q=60;w=60, \"month\";q=1000;w=2592000";
        assert_eq!(text(&headers, &POLICY).as_deref(), Some(policy));
        let limit = "\"minute\";r=58;t=12, \"month\";r=993;t=60";
        assert_eq!(text(&headers, &LIMIT).as_deref(), Some(limit));
        Limits { month_left: None, ..limits }.tell(&mut headers);
        assert_eq!(text(&headers, &LIMIT).as_deref(), Some("\"minute\";r=58;t=12"));
        tell_too_soon(&mut headers, 60, 7);
        assert_eq!(text(&headers, &LIMIT).as_deref(), Some("\"minute\";r=0;t=7"));
    }
}
