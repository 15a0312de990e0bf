//! Refused attempts: access that was denied, sign-ins that failed, keys and tokens that do not
//! work. They belong in the trail, and whoever makes them decides how many there are. So the first
//! of its kind in a minute becomes a row at once; the same again is counted and becomes one row
//! with the number when the minute is over; beyond a number of kinds, and of rows in a day, only
//! the sum is kept. A stranger can make the trail grow by about a megabyte a day, and hide nothing
//! else in it.

use std::collections::BTreeMap;

use lianshi_registry::time::Timestamp;

use super::{Act, Actor, address, record};
use crate::{Fault, Site};

/// Kinds of refused attempts told apart in one minute: more than honest people make by mistake.
pub const KINDS_PER_MINUTE_MAX: usize = 20;
/// Rows of their own for refused attempts in one day, by one process; beyond it they are summed up
/// by the minute: about a megabyte.
pub const ROWS_PER_DAY_MAX: u64 = 2_000;
const MINUTE_MS: i64 = 60_000;
const DAY_MS: i64 = 86_400_000;

/// A refused attempt.
#[derive(Debug, Clone)]
pub struct Denied<'a> {
    /// Who, as far as it is known.
    pub actor: &'a Actor,
    /// What was tried, such as `access.page`.
    pub action: &'static str,
    /// On what: a route's pattern, a login that exists, a product; never what somebody typed.
    pub object: &'a str,
    /// The code of the refusal.
    pub outcome: &'a str,
    /// Where it came from; empty where that is not known.
    pub address: &'a str,
}

/// What is told apart.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Kind {
    actor: (String, String),
    action: &'static str,
    object: String,
    outcome: String,
    address: String,
}

impl Kind {
    fn of(denied: &Denied<'_>) -> Self {
        Self {
            actor: (denied.actor.name.clone(), denied.actor.organization.clone()),
            action: denied.action,
            object: denied.object.to_owned(),
            outcome: denied.outcome.to_owned(),
            address: denied.address.to_owned(),
        }
    }
}

/// What this process refused in the running minute and on the running day.
#[derive(Debug, Default)]
pub(crate) struct Denials {
    minute: i64,
    /// How often again, after the first time that is a row already.
    again: BTreeMap<Kind, u64>,
    /// Attempts that are told apart no more.
    others: u64,
    day: i64,
    rows: u64,
}

/// What is to be written.
#[derive(Debug, PartialEq, Eq)]
enum Line {
    First(Kind),
    Again(Kind, u64),
    Others(u64),
}

impl Denials {
    /// Takes one attempt; gives what is to be written now.
    fn take(&mut self, kind: Kind, now: Timestamp) -> Vec<Line> {
        let mut lines = self.turn(now);
        if let Some(count) = self.again.get_mut(&kind) {
            *count += 1;
        } else if self.again.len() < KINDS_PER_MINUTE_MAX && self.rows < ROWS_PER_DAY_MAX {
            self.again.insert(kind.clone(), 0);
            self.rows += 1;
            lines.push(Line::First(kind));
        } else {
            self.others += 1;
        }
        lines
    }

    /// Ends the minute when it is over, whichever way the clock went; gives what waited for that.
    fn turn(&mut self, now: Timestamp) -> Vec<Line> {
        let (minute, day) = (now.millis() / MINUTE_MS, now.millis() / DAY_MS);
        if day != self.day {
            (self.day, self.rows) = (day, 0);
        }
        if minute == self.minute { Vec::new() } else { self.end(minute) }
    }

    fn end(&mut self, minute: i64) -> Vec<Line> {
        self.minute = minute;
        let again = std::mem::take(&mut self.again).into_iter().filter(|(_, count)| *count > 0);
        let mut lines: Vec<Line> = again.map(|(kind, count)| Line::Again(kind, count)).collect();
        self.rows += u64::try_from(lines.len()).unwrap_or(u64::MAX);
        let others = std::mem::take(&mut self.others);
        lines.extend((others > 0).then_some(Line::Others(others)));
        lines
    }
}

/// Tells the trail of a refused attempt: at once, or with the others of its minute.
pub fn deny(site: &Site, denied: &Denied<'_>) -> Result<(), Fault> {
    let now = site.now();
    let lines = site.db.denials().take(Kind::of(denied), now);
    write(site, lines, now)
}

/// Writes what waits of minutes that are over; with `ending` also of the running one, because the
/// process stops.
pub fn settle_denials(site: &Site, ending: bool) -> Result<(), Fault> {
    let now = site.now();
    let lines = {
        let mut denials = site.db.denials();
        if ending { denials.end(now.millis() / MINUTE_MS) } else { denials.turn(now) }
    };
    write(site, lines, now)
}

fn write(site: &Site, lines: Vec<Line>, now: Timestamp) -> Result<(), Fault> {
    if lines.is_empty() {
        return Ok(());
    }
    site.db.write(|write| {
        for line in &lines {
            let stranger = Actor::stranger();
            let (kind, times) = match line {
                Line::First(kind) => (kind, None),
                Line::Again(kind, count) => (kind, Some(count)),
                Line::Others(count) => {
                    let act = Act {
                        at: now,
                        actor: &stranger,
                        action: "access.others",
                        object: "",
                        outcome: "access.summed_up",
                        before: "",
                        after: &format!("×{count}"),
                    };
                    record(write, &act)?;
                    continue;
                }
            };
            let from = address::mark(write, &kind.address, now)?;
            let after = match times {
                None => from,
                Some(count) => format!("{from} ×{count}").trim().to_owned(),
            };
            let (name, organization) = kind.actor.clone();
            let act = Act {
                at: now,
                actor: &Actor { name, organization },
                action: kind.action,
                object: &kind.object,
                outcome: &kind.outcome,
                before: "",
                after: &after,
            };
            record(write, &act)?;
        }
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(object: usize) -> Kind {
        Kind {
            actor: (String::new(), String::new()),
            action: "access.page",
            object: object.to_string(),
            outcome: "forbidden".to_owned(),
            address: "192.0.2.1".to_owned(),
        }
    }

    fn at(minute: i64) -> Timestamp {
        Timestamp::from_millis(minute * MINUTE_MS)
    }

    #[test]
    fn the_first_is_told_at_once_and_the_same_again_once_with_its_number() {
        let mut denials = Denials::default();
        assert_eq!(denials.take(kind(1), at(1)), [Line::First(kind(1))]);
        for _ in 0..1_000 {
            assert_eq!(denials.take(kind(1), at(1)), []);
        }
        assert_eq!(denials.take(kind(2), at(1)), [Line::First(kind(2))]);
        assert_eq!(denials.turn(at(1)), []);
        assert_eq!(denials.turn(at(2)), [Line::Again(kind(1), 1_000)]);
        assert_eq!(denials.turn(at(3)), []);
        // The clock was set back: the minute is another one.
        denials.take(kind(1), at(3));
        denials.take(kind(1), at(3));
        assert_eq!(denials.turn(at(1)), [Line::Again(kind(1), 1)]);
    }

    #[test]
    fn however_many_kinds_somebody_makes_up_the_rows_of_a_day_are_bounded() {
        let mut denials = Denials::default();
        let mut written = 0;
        let mut attempts = 0_usize;
        for minute in 0..24 * 60 {
            for _ in 0..100 {
                attempts += 1;
                written += denials.take(kind(attempts), at(minute)).len();
            }
        }
        let by_the_minute = 24 * 60;
        assert!(written <= 2_000 + by_the_minute, "{written} rows for {attempts} attempts");
        assert_eq!(denials.take(kind(0), at(24 * 60)).len(), 2, "the next day begins anew");
    }

    #[test]
    fn a_process_that_ends_tells_what_waits() {
        let mut denials = Denials::default();
        for number in 0..=KINDS_PER_MINUTE_MAX {
            denials.take(kind(number), at(1));
        }
        denials.take(kind(0), at(1));
        assert_eq!(denials.end(1), [Line::Again(kind(0), 1), Line::Others(1)]);
        assert_eq!(denials.end(1), []);
    }
}
