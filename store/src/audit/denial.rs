//! Refused attempts: access that was denied, sign-ins that failed, keys and tokens that do not
//! work. They belong in the trail, and whoever makes them decides how many there are. So the first
//! of its kind in a minute becomes a row at once; the same again is counted and becomes one row
//! with the number when the minute is over; beyond a number of kinds, and of rows in a day, only
//! the sum is kept. Each source (who, from where) has its own share of both, and strangers
//! together have another one than the people and programs of this node: whoever tries a thousand
//! doors hides nobody else, and makes the trail grow by about a megabyte a day at most.

use std::collections::BTreeMap;

use lianshi_registry::time::Timestamp;

use super::{Act, Actor, address, record};
use crate::{Fault, Site};

/// Kinds of refused attempts of one source told apart in one minute: more than honest people make
/// by mistake.
pub const KINDS_PER_MINUTE_MAX: usize = 20;
/// Sources told apart in one minute, so many strangers and as many who are known here: what is kept
/// in memory is bounded.
pub const SOURCES_PER_MINUTE_MAX: usize = 100;
/// Rows of their own for the refused attempts of one source in one day: ten bad minutes.
pub const ROWS_OF_A_SOURCE_MAX: u64 = 200;
/// Rows of their own for the refused attempts of all strangers in one day, by one process, and as
/// many for those of all who are known here; beyond it they are summed up by the minute: about
/// half a megabyte each.
pub const ROWS_PER_DAY_MAX: u64 = 1_000;
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

    fn source(&self) -> Source {
        (self.actor.clone(), self.address.clone())
    }
}

/// Whoever attempts: who, as far as it is known, and from where.
type Source = ((String, String), String);

/// What this process refused in the running minute and on the running day.
#[derive(Debug, Default)]
pub(crate) struct Denials {
    minute: i64,
    /// How often again, after the first time that is a row already.
    again: BTreeMap<Source, BTreeMap<Kind, u64>>,
    /// Attempts that are told apart no more.
    others: u64,
    day: i64,
    /// Rows of the day: of each source, of strangers, of those who are known here. Its sources are
    /// as many as the rows at most.
    rows: BTreeMap<Source, u64>,
    rows_of_strangers: u64,
    rows_of_known: u64,
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
        let source = kind.source();
        if let Some(count) = self.again.get_mut(&source).and_then(|kinds| kinds.get_mut(&kind)) {
            *count += 1;
        } else if self.has_room(&source) {
            self.count_row(&source);
            self.again.entry(source).or_default().insert(kind.clone(), 0);
            lines.push(Line::First(kind));
        } else {
            self.others += 1;
        }
        lines
    }

    /// Whether one more kind of this source is told apart.
    fn has_room(&self, source: &Source) -> bool {
        let in_minute = if let Some(kinds) = self.again.get(source) {
            kinds.len() < KINDS_PER_MINUTE_MAX
        } else {
            let like = |other: &&Source| is_stranger(other) == is_stranger(source);
            self.again.keys().filter(like).count() < SOURCES_PER_MINUTE_MAX
        };
        let of_all = if is_stranger(source) { self.rows_of_strangers } else { self.rows_of_known };
        in_minute
            && of_all < ROWS_PER_DAY_MAX
            && self.rows.get(source).is_none_or(|rows| *rows < ROWS_OF_A_SOURCE_MAX)
    }

    fn count_row(&mut self, source: &Source) {
        *self.rows.entry(source.clone()).or_default() += 1;
        *(if is_stranger(source) {
            &mut self.rows_of_strangers
        } else {
            &mut self.rows_of_known
        }) += 1;
    }

    /// Ends the minute when it is over, whichever way the clock went; gives what waited for that.
    fn turn(&mut self, now: Timestamp) -> Vec<Line> {
        let (minute, day) = (now.millis() / MINUTE_MS, now.millis() / DAY_MS);
        let lines = if minute == self.minute { Vec::new() } else { self.end(minute) };
        if day != self.day {
            self.day = day;
            self.rows.clear();
            (self.rows_of_strangers, self.rows_of_known) = (0, 0);
        }
        lines
    }

    fn end(&mut self, minute: i64) -> Vec<Line> {
        self.minute = minute;
        let again = std::mem::take(&mut self.again).into_values().flatten();
        let mut lines: Vec<Line> = again
            .filter(|(_, count)| *count > 0)
            .map(|(kind, count)| Line::Again(kind, count))
            .collect();
        for line in &lines {
            if let Line::Again(kind, _) = line {
                self.count_row(&kind.source());
            }
        }
        let others = std::mem::take(&mut self.others);
        lines.extend((others > 0).then_some(Line::Others(others)));
        lines
    }
}

/// Whether nobody here is known by it.
fn is_stranger(((name, organization), _): &Source) -> bool {
    let stranger = Actor::stranger();
    (name, organization) == (&stranger.name, &stranger.organization)
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
            actor: (Actor::stranger().name, String::new()),
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
    fn however_many_kinds_and_addresses_somebody_makes_up_the_rows_of_a_day_are_bounded() {
        let mut denials = Denials::default();
        let mut written = 0;
        let mut attempts = 0_usize;
        for minute in 0..24 * 60 {
            for _ in 0..100 {
                attempts += 1;
                let address = format!("192.0.2.{}", attempts % 200);
                written += denials.take(Kind { address, ..kind(attempts) }, at(minute)).len();
            }
        }
        let by_the_minute = 24 * 60;
        let limit = usize::try_from(ROWS_PER_DAY_MAX).expect("small") + by_the_minute;
        assert!(written <= limit, "{written} rows for {attempts} attempts");
        assert_eq!(denials.take(kind(0), at(24 * 60)).len(), 2, "the next day begins anew");
    }

    #[test]
    fn who_tries_a_thousand_doors_hides_nobody_else() {
        let mut denials = Denials::default();
        let told = |lines: &[Line]| lines.iter().any(|line| matches!(line, Line::First(_)));
        let mut rows = 0;
        for minute in 1..=60 {
            for door in 0..1_000 {
                rows += u64::from(told(&denials.take(kind(door), at(minute))));
            }
        }
        assert_eq!(rows, ROWS_OF_A_SOURCE_MAX, "of one source");
        let elsewhere = Kind { address: "192.0.2.2".to_owned(), ..kind(0) };
        assert!(told(&denials.take(elsewhere, at(60))), "of another address");
        // Even when strangers everywhere used up what strangers have.
        for minute in 61..=120 {
            for other in 0..1_000 {
                let address = format!("192.0.2.{}", other % 200);
                denials.take(Kind { address, ..kind(other) }, at(minute));
            }
        }
        let of_stranger = Kind { address: "192.0.2.250".to_owned(), ..kind(0) };
        assert!(!told(&denials.take(of_stranger, at(121))));
        let known = ("buyer".to_owned(), "91330212MA2DEM0026".to_owned());
        assert!(told(&denials.take(Kind { actor: known.clone(), ..kind(0) }, at(121))));
        // Nor does a crowd of strangers in the same minute, on a day that begins.
        let day = 24 * 60;
        for other in 0..1_000 {
            let address = format!("192.0.2.{}", other % 200);
            denials.take(Kind { address, ..kind(other) }, at(day));
        }
        assert!(told(&denials.take(Kind { actor: known, ..kind(0) }, at(day))));
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
