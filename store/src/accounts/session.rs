//! Sessions as rows: they can be listed and ended, and only a hash of their id is kept.

use diesel::prelude::*;
use lianshi_registry::time::Timestamp;

use super::{
    given_password,
    second_factor::{self, SecondFactorRule},
    secret::{hash_of, random_bytes, random_hex},
    throttle, token,
    user::{User, enabled_by_id, record},
};
use crate::{Fault, Read, Site, Write, audit::Actor, schema::sessions};

/// A session nobody used for this long has ended.
pub const IDLE_MS: i64 = 30 * 60_000;
/// No session lives longer: one working day.
pub const ABSOLUTE_MS: i64 = 8 * 3_600_000;
/// How exactly the last use is known; keeps reading from being writing.
const SEEN_STEP_MS: i64 = 60_000;

/// A person's session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// SHA-256 of the id in the cookie.
    pub id_hash: Vec<u8>,
    /// Key of this session's form tokens.
    pub csrf_secret: Vec<u8>,
    /// When it began.
    pub created_at: Timestamp,
    /// When it was last used, to the minute.
    pub seen_at: Timestamp,
    /// Whose it is.
    pub user: User,
    /// How they proved who they are.
    pub standing: Standing,
}

/// How far a person has proved who they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// Somebody else gave them their password.
    pub given_password: bool,
    /// They have a second factor.
    pub enrolled: bool,
    /// This session passed the second step.
    pub second_step: bool,
}

/// What a person must do before anything else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Owed {
    /// The second step of signing in; until then nobody is signed in.
    SecondStep,
    /// A password of their own.
    OwnPassword,
    /// Setting up a second factor, which their roles require.
    SecondFactor,
}

impl Owed {
    /// Everything there is.
    pub const ALL: [Self; 3] = [Self::SecondStep, Self::OwnPassword, Self::SecondFactor];
}

impl Session {
    /// When it ends unless used before.
    pub fn ends_at(&self) -> Timestamp {
        self.last_at().min(self.seen_at.plus_millis(IDLE_MS))
    }

    /// What its owner must do before anything else.
    pub fn owes(&self, rule: SecondFactorRule) -> Option<Owed> {
        let Standing { given_password, enrolled, second_step } = self.standing;
        let is_required = rule == SecondFactorRule::Required
            && self.user.roles.iter().any(|role| role.needs_second_factor());
        if enrolled && !second_step {
            Some(Owed::SecondStep)
        } else if given_password {
            Some(Owed::OwnPassword)
        } else if is_required && !enrolled {
            Some(Owed::SecondFactor)
        } else {
            None
        }
    }

    /// When it ends however much it is used.
    pub fn last_at(&self) -> Timestamp {
        self.created_at.plus_millis(ABSOLUTE_MS)
    }
}

#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = sessions)]
struct Row {
    id_hash: Vec<u8>,
    user_id: String,
    csrf_secret: Vec<u8>,
    created_at: i64,
    seen_at: i64,
    second_step: bool,
}

impl Row {
    /// A fresh id, and the row that knows it by its hash.
    fn make(user_id: &str, now: Timestamp) -> Result<(String, Self), Fault> {
        let secret = random_hex::<32>()?;
        let row = Self {
            id_hash: hash_of(&secret),
            user_id: user_id.to_owned(),
            csrf_secret: random_bytes::<32>()?.to_vec(),
            created_at: now.millis(),
            seen_at: now.millis(),
            second_step: false,
        };
        Ok((secret, row))
    }

    fn is_over(&self, now: Timestamp) -> bool {
        now.millis() >= self.seen_at + IDLE_MS || now.millis() >= self.created_at + ABSOLUTE_MS
    }

    fn into_session(self, read: &mut Read<'_>, user: User) -> Result<Session, Fault> {
        let standing = Standing {
            given_password: given_password::is_given(read, &user.id)?,
            enrolled: second_factor::is_enrolled(read, &user.id)?,
            second_step: self.second_step,
        };
        Ok(Session {
            id_hash: self.id_hash,
            csrf_secret: self.csrf_secret,
            created_at: Timestamp::from_millis(self.created_at),
            seen_at: Timestamp::from_millis(self.seen_at),
            user,
            standing,
        })
    }
}

/// Begins a session and returns the id that goes into the cookie and is kept nowhere.
pub(super) fn open(write: &mut Write<'_>, user_id: &str, now: Timestamp) -> Result<String, Fault> {
    let (secret, row) = Row::make(user_id, now)?;
    diesel::insert_into(sessions::table).values(&row).execute(&mut **write)?;
    Ok(secret)
}

/// Gives a session another id, which goes into the cookie: whoever knew the old one is out. Its end
/// stays where it was.
pub(super) fn renew(
    write: &mut Write<'_>,
    session: &Session,
    second_step: bool,
) -> Result<String, Fault> {
    let (secret, mut row) = Row::make(&session.user.id, session.seen_at)?;
    row.created_at = session.created_at.millis();
    row.second_step = second_step;
    diesel::delete(sessions::table.find(&session.id_hash)).execute(&mut **write)?;
    diesel::insert_into(sessions::table).values(&row).execute(&mut **write)?;
    Ok(secret)
}

/// The session of a cookie, if it is alive and its user may still log in.
pub fn resume_session(site: &Site, secret: &str) -> Result<Option<Session>, Fault> {
    let now = site.now();
    let found = site.db.read(|read| {
        let row: Option<Row> = sessions::table
            .find(hash_of(secret))
            .select(Row::as_select())
            .first(&mut **read)
            .optional()?;
        let Some(row) = row.filter(|row| !row.is_over(now)) else { return Ok(None) };
        let user = enabled_by_id(read, &row.user_id)?;
        user.map(|user| row.into_session(read, user)).transpose()
    })?;
    let Some(mut session) = found else { return Ok(None) };
    // Also when it was seen in the future: the clock was set back, and its limits count from now.
    if now.millis().abs_diff(session.seen_at.millis()) >= SEEN_STEP_MS.unsigned_abs() {
        site.db.write(|write| touch(write, &session, now))?;
        session.seen_at = now;
    }
    Ok(Some(session))
}

fn touch(write: &mut Write<'_>, session: &Session, now: Timestamp) -> Result<(), Fault> {
    diesel::update(sessions::table.find(&session.id_hash))
        .set((
            sessions::seen_at.eq(now.millis()),
            sessions::created_at.eq(session.created_at.min(now).millis()),
        ))
        .execute(&mut **write)?;
    Ok(())
}

/// Ends one session of its own user.
pub fn end_session(site: &Site, user: &User, id_hash: &[u8]) -> Result<(), Fault> {
    site.db.write(|write| {
        let own = sessions::table.find(id_hash).filter(sessions::user_id.eq(&user.id));
        if diesel::delete(own).execute(&mut **write)? == 0 {
            return Ok(());
        }
        record(write, site, &user.actor(), ("session.end", &user.login, "", ""))
    })
}

/// Ends all sessions of a user, and all tokens: whoever does this wants everybody out.
pub fn end_sessions(site: &Site, actor: &Actor, user: &User) -> Result<(), Fault> {
    site.db.write(|write| {
        delete_of(write, &user.id)?;
        let ended = token::end_of(write, &user.id, site.now())?;
        let after = token::ended(ended);
        record(write, site, actor, ("session.end_all", &user.login, "", &after))
    })
}

/// The living sessions of a user, newest first.
pub fn sessions_of(
    read: &mut Read<'_>,
    user: &User,
    now: Timestamp,
) -> Result<Vec<Session>, Fault> {
    let rows: Vec<Row> = sessions::table
        .filter(sessions::user_id.eq(&user.id))
        .order(sessions::created_at.desc())
        .select(Row::as_select())
        .load(&mut **read)?;
    let alive = rows.into_iter().filter(|row| !row.is_over(now));
    alive.map(|row| row.into_session(read, user.clone())).collect()
}

/// Deletes sessions that are over, tokens and throttles that are old; a job calls it now and then.
pub fn sweep(site: &Site) -> Result<(), Fault> {
    let now = site.now();
    site.db.write(|write| {
        let idle = now.plus_millis(-IDLE_MS).millis();
        let absolute = now.plus_millis(-ABSOLUTE_MS).millis();
        let over = sessions::seen_at.le(idle).or(sessions::created_at.le(absolute));
        diesel::delete(sessions::table.filter(over)).execute(&mut **write)?;
        token::sweep(write, now)?;
        throttle::sweep(write, now)
    })
}

/// Ends all sessions of a user inside a transaction.
pub(super) fn delete_of(write: &mut Write<'_>, user_id: &str) -> Result<(), Fault> {
    diesel::delete(sessions::table.filter(sessions::user_id.eq(user_id))).execute(&mut **write)?;
    Ok(())
}

/// Ends the session of a cookie inside a transaction, because another takes its place.
pub(super) fn replace(write: &mut Write<'_>, secret: &str) -> Result<(), Fault> {
    diesel::delete(sessions::table.find(hash_of(secret))).execute(&mut **write)?;
    Ok(())
}
