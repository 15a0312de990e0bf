//! Slows down whoever guesses passwords: for one login from one address, and for the address over
//! all logins, with delays that double. What others do elsewhere slows nobody: a limit for the
//! login alone would be a weapon against its owner. A browser that signed in before has its own
//! delay, and is let through at an address where somebody guesses. An attempt counts as failed from
//! its beginning, so that many at once cannot slip through; success takes it back, and so does a
//! queue too long to be checked in.

use diesel::prelude::*;
use lianshi_registry::{backoff::Backoff, time::Timestamp};

use super::device;
use crate::{Failure, Fault, Write, schema::login_throttles as table};

/// How attempts for one kind of subject are slowed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pace {
    /// Attempts that cost no delay.
    pub(super) free: i64,
    /// Longest delay.
    pub(super) delay_ms_max: i64,
}

/// For one login from one address or browser: five tries, then one second, two, four … five
/// minutes.
pub(super) const LOGIN: Pace = Pace { free: 5, delay_ms_max: 300_000 };
/// For one address: an office of many people shares one, so more tries and a longer delay.
pub(super) const ADDRESS: Pace = Pace { free: 30, delay_ms_max: 900_000 };
/// After an hour without an attempt all is forgotten.
const FORGET_MS: i64 = 3_600_000;

/// What an attempt is counted under.
pub(super) type Subject = (String, Pace);

/// Counts an attempt under each of several subjects, or under none when one of them has to wait:
/// then the seconds are the refusal.
pub(super) fn begin_all(
    write: &mut Write<'_>,
    subjects: &[Subject],
    now: Timestamp,
) -> Result<(), Failure<i64>> {
    for (subject, pace) in subjects {
        if let Some(seconds) = begin(write, (subject, *pace), now)? {
            // The transaction ends with nothing counted.
            return Err(Failure::Refused(seconds));
        }
    }
    Ok(())
}

/// Counts an attempt. `Some(seconds)` when the subject has to wait; the attempt is not counted
/// then.
pub(super) fn begin(
    write: &mut Write<'_>,
    (subject, pace): (&str, Pace),
    now: Timestamp,
) -> Result<Option<i64>, Fault> {
    let row: Option<(i64, i64)> = table::table
        .find(subject)
        .select((table::failures, table::retry_at))
        .first(&mut **write)
        .optional()?;
    let (failures, retry_at) = row.unwrap_or((0, 0));
    let wait_ms = retry_at - now.millis();
    // A clock set back must not turn into a lock: nobody waits longer than the longest delay.
    if wait_ms > 0 && wait_ms <= pace.delay_ms_max {
        return Ok(Some(wait_ms.div_euclid(1000) + 1));
    }
    let failures = if now.millis() > retry_at + FORGET_MS { 1 } else { failures + 1 };
    let retry_at = now.plus_millis(delay_ms(failures, pace)).millis();
    if row.is_some() {
        diesel::update(table::table.find(subject))
            .set((table::failures.eq(failures), table::retry_at.eq(retry_at)))
            .execute(&mut **write)?;
    } else {
        diesel::insert_into(table::table)
            .values((
                table::subject.eq(subject),
                table::failures.eq(failures),
                table::retry_at.eq(retry_at),
            ))
            .execute(&mut **write)?;
    }
    Ok(None)
}

/// The attempt for this login succeeded: its failures from there are forgotten.
pub(super) fn forget(write: &mut Write<'_>, subject: &str) -> Result<(), Fault> {
    diesel::delete(table::table.find(subject)).execute(&mut **write)?;
    Ok(())
}

/// The attempt was none to be counted, or succeeded from this address: it is taken back, failures
/// for other logins stay.
pub(super) fn take_back(write: &mut Write<'_>, subject: &str, now: Timestamp) -> Result<(), Fault> {
    diesel::update(table::table.find(subject))
        .set((table::failures.eq(table::failures - 1), table::retry_at.eq(now.millis())))
        .execute(&mut **write)?;
    Ok(())
}

/// Forgets what is old.
pub(super) fn sweep(write: &mut Write<'_>, now: Timestamp) -> Result<(), Fault> {
    let old = now.plus_millis(-FORGET_MS).millis();
    diesel::delete(table::table.filter(table::retry_at.lt(old))).execute(&mut **write)?;
    device::sweep(write, now)
}

/// The pause after the given number of attempts.
fn delay_ms(failures: i64, pace: Pace) -> i64 {
    let beyond = failures.saturating_sub(pace.free).saturating_add(1).max(0);
    Backoff::new(1000, pace.delay_ms_max).pause_ms(u32::try_from(beyond).unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_delay_doubles_to_its_limit() {
        let delays: Vec<i64> = [1, 4, 5, 6, 7, 13, 1_000_000].map(|n| delay_ms(n, LOGIN)).into();
        assert_eq!(delays, [0, 0, 1000, 2000, 4000, 256_000, 300_000]);
    }
}
