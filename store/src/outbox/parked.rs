//! Letters that their receiver refused for good. Trying again by itself would change nothing and be
//! seen by nobody; so they are set aside with the reason, until a person sends them again or gives
//! them up.

use diesel::prelude::*;
use lianshi_registry::{
    refusal::Refusal,
    text::{Kind, TextRefusal},
    time::Timestamp,
};

use super::{OutboxRow, done, enqueue, next_target};
use crate::{
    Failure, Fault, Read, Site, Write,
    audit::{self, Act, Actor},
    letters::Job,
    notices,
    schema::{outbox, parked_letters},
};

/// Most letters one list shows, the oldest first; the others follow when these are dealt with.
pub const PARKED_MAX: i64 = 100;

/// The code of a letter that fits into no frame, whoever it is for.
pub const TOO_LARGE: &str = "letter.too_large";

/// A letter set aside, without its bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParkedLetter {
    /// Its id in the outbox.
    pub id: String,
    /// Which room it is for: `statement`, `market.message`, …
    pub kind: String,
    /// The node that refused it, or who could not be told: `@mail`, `@webhook/oa`.
    pub target: String,
    /// When it was written.
    pub created_at: Timestamp,
    /// When it was set aside.
    pub parked_at: Timestamp,
    /// The receiver's code.
    pub code: String,
    /// The receiver's words.
    pub text: String,
}

/// A node that letters wait for without success.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unreached {
    /// Its name.
    pub target: String,
    /// When the letter that was tried most recently was written.
    pub created_at: Timestamp,
    /// How often it was tried.
    pub attempts: i64,
    /// What the last attempt ended with.
    pub last_error: String,
}

/// Why nothing is done with a letter.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LetterRefusal {
    /// Somebody sent it again or gave it up.
    #[error("no letter `{0}` is set aside")]
    NotParked(String),
    /// The reason is missing, or nothing anybody may read.
    #[error("`why` {0}")]
    Why(TextRefusal),
}

impl Refusal for LetterRefusal {
    fn code(&self) -> &'static str {
        match self {
            Self::NotParked(_) => "letter.not_parked",
            Self::Why(_) => "letter.why",
        }
    }
}

/// Sets a letter aside that its receiver will never take as it is. Told once: one that is no longer
/// in the outbox is left alone.
pub fn park(
    write: &mut Write<'_>,
    site: &Site,
    letter: &OutboxRow,
    (code, text): (&str, &str),
) -> Result<(), Fault> {
    let waits = outbox::table.filter(outbox::id.eq(&letter.id));
    if !diesel::select(diesel::dsl::exists(waits)).get_result::<bool>(&mut **write)? {
        return Ok(());
    }
    done(write, &letter.id)?;
    let now = site.now();
    // Written and refused again meanwhile, as a receipt is with each repeat of its letter.
    let again = parked_letters::table.filter(parked_letters::id.eq(&letter.id));
    diesel::delete(again).execute(&mut **write)?;
    diesel::insert_into(parked_letters::table)
        .values((
            parked_letters::id.eq(&letter.id),
            parked_letters::kind.eq(&letter.kind),
            parked_letters::target.eq(&letter.target),
            parked_letters::ordering_key.eq(&letter.ordering_key),
            parked_letters::payload.eq(&letter.payload),
            parked_letters::created_at.eq(letter.created_at),
            parked_letters::attempts.eq(letter.attempts.saturating_add(1)),
            parked_letters::parked_at.eq(now.millis()),
            parked_letters::code.eq(code),
            parked_letters::text.eq(text),
        ))
        .execute(&mut **write)?;
    notices::letter_parked(write, site, letter, code)?;
    let (actor, object) = (&Actor::node(), letter.id.as_str());
    let (action, before, after) = ("letter.park", "", "");
    audit::record(write, &Act { at: now, actor, action, object, outcome: code, before, after })
}

/// The letters set aside, oldest first, at most [`PARKED_MAX`].
pub fn parked(read: &mut Read<'_>) -> Result<Vec<ParkedLetter>, Fault> {
    let rows: Vec<(String, String, String, i64, i64, String, String)> = parked_letters::table
        .order((parked_letters::parked_at.asc(), parked_letters::id.asc()))
        .limit(PARKED_MAX)
        .select((
            parked_letters::id,
            parked_letters::kind,
            parked_letters::target,
            parked_letters::created_at,
            parked_letters::parked_at,
            parked_letters::code,
            parked_letters::text,
        ))
        .load(&mut **read)?;
    let letters = rows.into_iter().map(|(id, kind, target, created_at, parked_at, code, text)| {
        let created_at = Timestamp::from_millis(created_at);
        let parked_at = Timestamp::from_millis(parked_at);
        ParkedLetter { id, kind, target, created_at, parked_at, code, text }
    });
    Ok(letters.collect())
}

/// How many there are.
pub fn parked_count(read: &mut Read<'_>) -> Result<i64, Fault> {
    Ok(parked_letters::table.count().get_result(&mut **read)?)
}

/// The nodes that a letter waits for which was tried in vain, by name, with the letter of each that
/// was tried most often.
pub fn unreached(read: &mut Read<'_>) -> Result<Vec<Unreached>, Fault> {
    let mut unreached = Vec::new();
    let mut after = String::new();
    loop {
        let Some(target) = next_target(read, &after)? else { return Ok(unreached) };
        let tried: Option<(i64, i64, String)> = outbox::table
            .filter(outbox::target.eq(&target))
            .filter(outbox::attempts.gt(0))
            .order(outbox::attempts.desc())
            .select((outbox::created_at, outbox::attempts, outbox::last_error))
            .first(&mut **read)
            .optional()?;
        if let Some((created_at, attempts, last_error)) = tried {
            let (target, created_at) = (target.clone(), Timestamp::from_millis(created_at));
            unreached.push(Unreached { target, created_at, attempts, last_error });
        }
        after = target;
    }
}

/// A person has a letter sent again: what was in its way is mended.
pub fn send_again(site: &Site, actor: &Actor, id: &str) -> Result<(), Failure<LetterRefusal>> {
    site.db.write(|write| {
        let now = site.now();
        let letter = take(write, id)?;
        // What is given up some time after it was written has all of that again.
        let expires = Job::parse(&letter.kind).is_some_and(Job::expires_unanswered);
        let created_at = if expires { now.millis() } else { letter.created_at };
        let (due_at, last_error) = (now.millis(), String::new());
        enqueue(write, &OutboxRow { created_at, due_at, attempts: 0, last_error, ..letter })?;
        Ok::<_, Failure<LetterRefusal>>(record(write, site, (actor, "letter.send"), id, "")?)
    })?;
    site.nudge();
    Ok(())
}

/// A person gives a letter up and says why; what it said is not said.
pub fn give_up(
    site: &Site,
    actor: &Actor,
    (id, why): (&str, &str),
) -> Result<(), Failure<LetterRefusal>> {
    let why =
        Kind::Note.read(why).map_err(|refusal| Failure::Refused(LetterRefusal::Why(refusal)))?;
    site.db.write(|write| {
        take(write, id)?;
        Ok(record(write, site, (actor, "letter.give_up"), id, &why)?)
    })
}

fn take(write: &mut Write<'_>, id: &str) -> Result<OutboxRow, Failure<LetterRefusal>> {
    let is_it = parked_letters::table.filter(parked_letters::id.eq(id));
    let letter: Option<OutboxRow> = is_it
        .select((
            parked_letters::id,
            parked_letters::kind,
            parked_letters::target,
            parked_letters::ordering_key,
            parked_letters::payload,
            parked_letters::created_at,
            parked_letters::parked_at,
            parked_letters::attempts,
            parked_letters::text,
        ))
        .first(&mut **write)
        .optional()?;
    let letter = letter.ok_or_else(|| Failure::Refused(LetterRefusal::NotParked(id.to_owned())))?;
    diesel::delete(is_it).execute(&mut **write)?;
    Ok(letter)
}

fn record(
    write: &mut Write<'_>,
    site: &Site,
    (actor, action): (&Actor, &'static str),
    object: &str,
    after: &str,
) -> Result<(), Fault> {
    let (at, outcome, before) = (site.now(), "done", "");
    audit::record(write, &Act { at, actor, action, object, outcome, before, after })
}
