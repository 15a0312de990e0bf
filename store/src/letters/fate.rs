//! What becomes of a letter of this node once its receiver answered, or did not. One rule for every
//! kind: what was taken goes; what may be taken later is tried again; what never will be is for its
//! room to deal with, or for a person.

use lianshi_market::{letter::Room, message::GAP};
use lianshi_registry::{time::Timestamp, wire::Receipt};

use super::Job;
use crate::{
    Site,
    fault::Fault,
    notices,
    outbox::{self, OutboxRow},
    subscriptions,
};

/// What came of one attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// The receiver answered.
    Receipt(Receipt),
    /// Nobody answers there, whatever is sent.
    Silent(String),
    /// The receiver has too much to do, and has not looked at it.
    Busy,
    /// This letter was not read.
    Unread(String),
    /// This letter fits into no frame, and never will.
    TooLarge(String),
}

/// What becomes of a letter.
#[derive(Debug, PartialEq, Eq)]
enum Fate {
    /// It is out of the outbox.
    Done,
    /// It stays as it is, with its place.
    Kept,
    /// It is tried again, after a pause.
    Later(String),
    /// The same, and what is kept of its process goes again before it.
    Resent(String),
    /// The negotiation it belongs to deals with the refusal.
    Rejected { code: String, text: String },
    /// It waits for a person.
    Parked { code: String, text: String },
}

/// Writes down what became of some attempts: in one transaction, but for what a room has to do
/// about a refusal.
pub fn settle(site: &Site, tried: Vec<(OutboxRow, Answer)>) -> Result<(), Fault> {
    let now = site.now();
    let mut fates = Vec::with_capacity(tried.len());
    for (letter, answer) in tried {
        tell(&letter, &answer);
        let is_put_off = matches!(answer, Answer::Receipt(Receipt::Refused { again: true, .. }));
        let since = if is_put_off {
            site.db.read(|read| outbox::put_off_since(read, &letter.id))?
        } else {
            None
        };
        let put_off_ms = since.map_or(0, |since| now.millis().saturating_sub(since.millis()));
        let fate = fate(&letter, answer, (now, put_off_ms));
        if let Fate::Resent(_) = fate {
            // Before it is written down that this was done.
            subscriptions::missed(site, &letter)?;
        }
        fates.push((letter, fate, is_put_off.then_some(now)));
    }
    let is_own_act = |fate: &Fate| !matches!(fate, Fate::Kept | Fate::Rejected { .. });
    if fates.iter().any(|(_, fate, _)| is_own_act(fate)) {
        site.db.write(|write| {
            fates.iter().try_for_each(|(letter, fate, put_off)| match fate {
                Fate::Done => outbox::done(write, &letter.id),
                Fate::Later(why) | Fate::Resent(why) => {
                    outbox::failed(write, &letter.id, why, now)?;
                    outbox::put_off(write, &letter.id, *put_off)
                }
                Fate::Parked { code, text } => outbox::park(write, site, letter, (code, text)),
                Fate::Kept | Fate::Rejected { .. } => Ok(()),
            })
        })?;
    }
    fates.iter().try_for_each(|(letter, fate, _)| match fate {
        Fate::Rejected { code, text } => subscriptions::rejected(site, letter, code, text),
        Fate::Done | Fate::Kept | Fate::Later(_) | Fate::Resent(_) | Fate::Parked { .. } => Ok(()),
    })
}

fn tell(letter: &OutboxRow, answer: &Answer) {
    if let Answer::Receipt(Receipt::Refused { code, text, .. }) = answer {
        tracing::warn!(letter = %letter.id, to = %letter.target, code, text, "refused");
    }
}

/// `put_off_ms` is how long the receiver has been answering "later".
fn fate(letter: &OutboxRow, answer: Answer, (now, put_off_ms): (Timestamp, i64)) -> Fate {
    let job = Job::parse(&letter.kind);
    let waited_ms = if job.is_some_and(Job::expires_unanswered) {
        now.millis().saturating_sub(letter.created_at)
    } else {
        put_off_ms
    };
    let deadline_ms = job.and_then(Job::deadline_ms);
    let is_overdue = deadline_ms.is_some_and(|deadline| waited_ms > deadline);
    match answer {
        Answer::Receipt(Receipt::Taken) => Fate::Done,
        Answer::Receipt(Receipt::Refused { code, text, again: false }) => match job {
            Some(Job::Letter(Room::Subscriptions)) => Fate::Rejected { code, text },
            // The next count of the subscription says what this one said.
            Some(Job::Letter(Room::Usage)) => Fate::Done,
            Some(Job::Letter(Room::Statements) | Job::Notice) | None => Fate::Parked { code, text },
        },
        Answer::Receipt(Receipt::Refused { code, text, again: true }) => {
            if is_overdue {
                return Fate::Parked { code, text };
            }
            let is_message = job == Some(Job::Letter(Room::Subscriptions));
            let why = format!("{code}: {text}");
            // Once: where what is kept does not help, more of it does not either.
            if is_message && code == GAP && !letter.last_error.starts_with(GAP) {
                Fate::Resent(why)
            } else {
                Fate::Later(why)
            }
        }
        Answer::Busy => Fate::Kept,
        Answer::TooLarge(text) => Fate::Parked { code: outbox::TOO_LARGE.to_owned(), text },
        Answer::Silent(text) | Answer::Unread(text) => {
            if is_overdue && job.is_some_and(Job::expires_unanswered) {
                Fate::Parked { code: notices::UNDELIVERED.to_owned(), text }
            } else {
                Fate::Later(text)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY_MS: i64 = 86_400_000;

    fn letter(kind: &str, last_error: &str) -> OutboxRow {
        let row = OutboxRow::new(kind, ("id", "key"), "haishu", (Vec::new(), Timestamp::default()));
        OutboxRow { last_error: last_error.to_owned(), ..row }
    }

    fn refused(code: &str, again: bool) -> Answer {
        Answer::Receipt(Receipt::refused(code, "no", again))
    }

    fn later(code: &str) -> Fate {
        Fate::Later(format!("{code}: no"))
    }

    fn parked(code: &str, text: &str) -> Fate {
        Fate::Parked { code: code.to_owned(), text: text.to_owned() }
    }

    #[test]
    fn every_answer_has_one_fate_for_each_kind_of_letter() {
        let kinds = Room::ALL.map(|room| Job::Letter(room).as_str());
        let [message, report, statement] = kinds;
        let others = [message, report, statement, Job::Notice.as_str(), "poem"];
        let soon = Timestamp::from_millis(1);
        let fate = |kind, answer| fate(&letter(kind, ""), answer, (soon, 0));
        for kind in others {
            assert_eq!(fate(kind, Answer::Receipt(Receipt::Taken)), Fate::Done);
            assert_eq!(fate(kind, refused("a.b", true)), later("a.b"));
            assert_eq!(fate(kind, Answer::Busy), Fate::Kept);
            assert_eq!(fate(kind, Answer::Silent("x".to_owned())), Fate::Later("x".to_owned()));
            assert_eq!(fate(kind, Answer::Unread("x".to_owned())), Fate::Later("x".to_owned()));
            let large = fate(kind, Answer::TooLarge("x".to_owned()));
            assert_eq!(large, parked(outbox::TOO_LARGE, "x"));
        }
        let (code, text) = ("a.b".to_owned(), "no".to_owned());
        assert_eq!(fate(message, refused("a.b", false)), Fate::Rejected { code, text });
        assert_eq!(fate(report, refused("a.b", false)), Fate::Done);
        for kind in [statement, Job::Notice.as_str(), "poem"] {
            assert_eq!(fate(kind, refused("a.b", false)), parked("a.b", "no"));
        }
    }

    #[test]
    fn a_gap_is_filled_once_and_in_messages_only() {
        let message = Job::Letter(Room::Subscriptions).as_str();
        let fate = |kind: &str, last_error: &str| {
            fate(&letter(kind, last_error), refused(GAP, true), (Timestamp::default(), 0))
        };
        let resent = Fate::Resent(format!("{GAP}: no"));
        assert_eq!(fate(message, ""), resent);
        assert_eq!(fate(message, "message.recovering: asks first"), resent);
        assert_eq!(fate(message, &format!("{GAP}: no")), later(GAP));
        assert_eq!(fate(Job::Letter(Room::Statements).as_str(), ""), later(GAP));
    }

    #[test]
    fn a_person_sees_what_was_put_off_for_too_long() {
        let long = Timestamp::from_millis(3_000 * DAY_MS);
        let put_off = |kind: &str, days| {
            fate(&letter(kind, "a.b: no"), refused("a.b", true), (long, days * DAY_MS + 1))
        };
        let statement = Job::Letter(Room::Statements).as_str();
        assert_eq!(put_off(statement, 29), later("a.b"));
        assert_eq!(put_off(statement, 30), parked("a.b", "no"));
        let after = |kind: &str, answer, days| {
            fate(&letter(kind, ""), answer, (Timestamp::from_millis(days * DAY_MS + 1), 0))
        };
        assert_eq!(after(statement, refused("a.b", true), 3_000), later("a.b"), "it was away");
        let silent = || Answer::Silent("away".to_owned());
        let waits = Fate::Later("away".to_owned());
        assert_eq!(after(statement, silent(), 3_000), waits, "who is away is waited for");
        let notice = Job::Notice.as_str();
        assert_eq!(after(notice, silent(), 3), waits);
        assert_eq!(after(notice, silent(), 4), parked(notices::UNDELIVERED, "away"));
        for room in [Room::Subscriptions, Room::Usage] {
            assert_eq!(put_off(Job::Letter(room).as_str(), 3_000), later("a.b"));
        }
    }
}
