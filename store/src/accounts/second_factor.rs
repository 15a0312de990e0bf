//! The second step of signing in: a code of six digits that an application on the person's
//! telephone computes every half minute (RFC 6238), or one of the recovery codes kept on paper.
//! Required of roles that hold money or access, unless the node's configuration only offers it.
//!
//! A code counts once: the step it belongs to is kept, and no code of that step or an earlier one
//! is taken again. Attempts are slowed as at the door.

mod code;
mod recovery;

use diesel::prelude::*;
use lianshi_registry::{refusal::Refusal, time::Timestamp};
use serde::{Deserialize, Serialize};

use self::code::SECRET_BYTES;
use super::{
    refusal::AccountRefusal,
    secret::random_bytes,
    session::{self, Session},
    throttle::{self, Pace},
    user::{Scope, User, check_standing, demand, record},
};
use crate::{
    Failure, Fault, Read, Site, Write,
    audit::{self, Act, Actor, Denied},
    schema::second_factors as table,
};

/// Attempts with codes: five, then pauses that double up to an hour. Only who knows the password
/// gets here, so a long pause is no weapon of strangers; a million codes, three of them right at a
/// time, then take ten thousand years.
const PACE: Pace = Pace { free: 5, delay_ms_max: 3_600_000 };

/// Whether a second step is required of the roles that
/// [need one](super::Role::needs_second_factor).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SecondFactorRule {
    /// They can do nothing before they have set one up.
    #[default]
    Required,
    /// Who set one up is asked for it; nobody has to.
    Offered,
}

/// Why a second factor was not set up, used or removed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SecondFactorRefusal {
    /// The code does not fit, or was used before.
    #[error("the code is wrong or was used already; wait for the next one")]
    CodeWrong,
    /// Nothing was begun that this code could confirm.
    #[error("begin with setting up the second step")]
    NotBegun,
    /// There is one.
    #[error("a second step is set up already; remove it first")]
    AlreadyOn,
    /// There is none.
    #[error("no second step is set up")]
    Absent,
    /// Too many attempts.
    #[error("too many attempts; try again in {seconds} seconds")]
    TryLater {
        /// How long to wait.
        seconds: i64,
    },
}

impl Refusal for SecondFactorRefusal {
    fn code(&self) -> &'static str {
        match self {
            Self::CodeWrong => "second_factor.code_wrong",
            Self::NotBegun => "second_factor.not_begun",
            Self::AlreadyOn => "second_factor.already_on",
            Self::Absent => "second_factor.absent",
            Self::TryLater { .. } => "second_factor.try_later",
        }
    }
}

type Refused = Failure<SecondFactorRefusal>;

/// What is to be put into an application, until its first code confirms that it is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecondFactorOffer {
    /// The secret in base 32, to be typed.
    pub secret: String,
    /// The same as an `otpauth:` address, to be read from a QR code.
    pub address: String,
}

/// A second factor that is in use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SecondFactor {
    /// Since when.
    pub since: Timestamp,
    /// How many recovery codes are unused.
    pub recovery_codes: i64,
}

/// What confirming gives: shown once and kept nowhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Enrolled {
    /// The recovery codes.
    pub recovery_codes: Vec<String>,
    /// The new id of the session.
    pub session: String,
}

#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = table)]
struct Row {
    user_id: String,
    secret: Vec<u8>,
    last_step: i64,
    confirmed_at: Option<i64>,
}

/// Begins to set one up: the same secret until it is confirmed, so that the page can be shown
/// again.
pub fn offer_second_factor(site: &Site, user: &User) -> Result<SecondFactorOffer, Refused> {
    let fresh = random_bytes::<SECRET_BYTES>()?;
    site.db.write(|write| {
        let secret = match row(&mut write.as_read(), &user.id)? {
            Some(Row { confirmed_at: Some(_), .. }) => {
                return Err(Failure::Refused(SecondFactorRefusal::AlreadyOn));
            }
            Some(waiting) => waiting.secret,
            None => {
                let secret = fresh.to_vec();
                let user_id = user.id.clone();
                let row = Row { user_id, secret, last_step: 0, confirmed_at: None };
                diesel::insert_into(table::table).values(&row).execute(&mut **write)?;
                row.secret
            }
        };
        Ok(code::offer(site, &user.login, secret)?)
    })
}

/// What waits to be confirmed.
pub fn waiting_second_factor(
    read: &mut Read<'_>,
    (site, user): (&Site, &User),
) -> Result<Option<SecondFactorOffer>, Fault> {
    let waiting = row(read, &user.id)?.filter(|row| row.confirmed_at.is_none());
    waiting.map(|row| code::offer(site, &user.login, row.secret)).transpose()
}

/// The second factor of a person, if one is in use.
pub fn second_factor(read: &mut Read<'_>, user: &User) -> Result<Option<SecondFactor>, Fault> {
    let Some(since) = row(read, &user.id)?.and_then(|row| row.confirmed_at) else {
        return Ok(None);
    };
    let recovery_codes = recovery::count(read, &user.id)?;
    Ok(Some(SecondFactor { since: Timestamp::from_millis(since), recovery_codes }))
}

/// Takes the secret that waits into use, after a first code shows that the application has it. The
/// session goes on under a new id.
pub fn confirm_second_factor(
    site: &Site,
    session: &Session,
    typed: &str,
) -> Result<Enrolled, Refused> {
    let recovery_codes = recovery::make()?;
    attempt(site, session, &Told::within("user.second_factor", "on"), |write, now| {
        let user = &session.user;
        let row = match row(&mut write.as_read(), &user.id)? {
            Some(Row { confirmed_at: Some(_), .. }) => {
                return Err(Failure::Refused(SecondFactorRefusal::AlreadyOn));
            }
            other => other.ok_or(Failure::Refused(SecondFactorRefusal::NotBegun))?,
        };
        demand_code(write, &row, typed, now)?;
        diesel::update(table::table.find(&user.id))
            .set(table::confirmed_at.eq(now.millis()))
            .execute(&mut **write)?;
        recovery::replace(write, &user.id, &recovery_codes)?;
        let session = session::renew(write, session, true)?;
        Ok(Enrolled { recovery_codes: recovery_codes.clone(), session })
    })
}

/// The second step of signing in, with a code of the application or a recovery code. The session
/// goes on under the new id that is returned. `address` is where it comes from, for the trail.
pub fn prove_second_step(
    site: &Site,
    session: &Session,
    (typed, address): (&str, &str),
) -> Result<String, Refused> {
    let told = Told { action: "session.second_step", after: "", address };
    attempt(site, session, &told, |write, now| {
        let row = in_use(write, &session.user)?;
        if !recovery::spend(write, &session.user.id, typed)? {
            demand_code(write, &row, typed, now)?;
        }
        Ok(session::renew(write, session, true)?)
    })
}

/// New recovery codes in place of the old ones.
pub fn renew_recovery_codes(
    site: &Site,
    session: &Session,
    typed: &str,
) -> Result<Vec<String>, Refused> {
    let made = recovery::make()?;
    attempt(site, session, &Told::within("user.recovery_codes", "renewed"), |write, now| {
        let row = in_use(write, &session.user)?;
        demand_code(write, &row, typed, now)?;
        recovery::replace(write, &session.user.id, &made)?;
        Ok(made.clone())
    })
}

/// Removes one's own second factor, with a code of it: before a new telephone, for example.
pub fn remove_second_factor(site: &Site, session: &Session, typed: &str) -> Result<(), Refused> {
    attempt(site, session, &Told::within("user.second_factor", "off"), |write, now| {
        let row = in_use(write, &session.user)?;
        if !recovery::spend(write, &session.user.id, typed)? {
            demand_code(write, &row, typed, now)?;
        }
        Ok(forget(write, &session.user.id)?)
    })
}

/// Removes another person's second factor, after they lost what makes the codes, and ends their
/// sessions. Whoever does this made sure who asks.
pub fn reset_second_factor(
    site: &Site,
    actor: &Actor,
    (scope, login): (&Scope, &str),
) -> Result<(), Failure<AccountRefusal>> {
    site.db.write(|write| {
        let (row, user) = demand(write, scope, &login.trim().to_lowercase())?;
        if actor.name == user.login {
            return Err(AccountRefusal::OwnSecondFactor.into());
        }
        check_standing(scope, &user)?;
        if !is_enrolled(&mut write.as_read(), &row.id)? {
            return Err(AccountRefusal::SecondFactorAbsent.into());
        }
        forget(write, &row.id)?;
        session::delete_of(write, &row.id)?;
        Ok(record(write, site, actor, ("user.second_factor", &user.login, "on", "reset"))?)
    })
}

/// Whether a second factor is in use.
pub(super) fn is_enrolled(read: &mut Read<'_>, user_id: &str) -> Result<bool, Fault> {
    Ok(row(read, user_id)?.is_some_and(|row| row.confirmed_at.is_some()))
}

fn row(read: &mut Read<'_>, user_id: &str) -> Result<Option<Row>, Fault> {
    let query = table::table.find(user_id).select(Row::as_select());
    Ok(query.first(&mut **read).optional()?)
}

fn in_use(write: &mut Write<'_>, user: &User) -> Result<Row, Refused> {
    let row = row(&mut write.as_read(), &user.id)?.filter(|row| row.confirmed_at.is_some());
    row.ok_or(Failure::Refused(SecondFactorRefusal::Absent))
}

fn forget(write: &mut Write<'_>, user_id: &str) -> Result<(), Fault> {
    recovery::delete(write, user_id)?;
    diesel::delete(table::table.find(user_id)).execute(&mut **write)?;
    Ok(())
}

/// Spends the step a code belongs to, or refuses it.
fn demand_code(
    write: &mut Write<'_>,
    row: &Row,
    typed: &str,
    now: Timestamp,
) -> Result<(), Refused> {
    let wrong = || Failure::Refused(SecondFactorRefusal::CodeWrong);
    let step = code::step_of(&row.secret, typed, now)?.filter(|step| *step > row.last_step);
    let step = step.ok_or_else(wrong)?;
    diesel::update(table::table.find(&row.user_id))
        .set(table::last_step.eq(step))
        .execute(&mut **write)?;
    Ok(())
}

/// How an attempt with a code is told to the trail.
struct Told<'a> {
    action: &'static str,
    /// The state afterwards; where it came from for a sign-in.
    after: &'static str,
    address: &'a str,
}

impl Told<'_> {
    /// An act inside a session whose beginning was told with its address.
    fn within(action: &'static str, after: &'static str) -> Self {
        Self { action, after, address: "" }
    }

    fn record(
        &self,
        write: &mut Write<'_>,
        user: &User,
        (outcome, at): (&str, Timestamp),
    ) -> Result<(), Fault> {
        let from = audit::mark(write, self.address, at)?;
        let after = if from.is_empty() { self.after } else { &from };
        let (action, object) = (self.action, &user.login);
        let actor = &user.actor();
        audit::record(write, &Act { at, actor, action, object, outcome, before: "", after })
    }
}

/// One attempt with a code: slowed, told to the trail whatever comes of it.
fn attempt<T>(
    site: &Site,
    session: &Session,
    told: &Told<'_>,
    mut act: impl FnMut(&mut Write<'_>, Timestamp) -> Result<T, Refused>,
) -> Result<T, Refused> {
    let (user, now) = (&session.user, site.now());
    let subject = format!("second:{}", user.login);
    if let Some(seconds) = site.db.write(|write| throttle::begin(write, (&subject, PACE), now))? {
        let refusal = SecondFactorRefusal::TryLater { seconds };
        let (actor, object, outcome) = (&user.actor(), user.login.as_str(), refusal.code());
        let (action, address) = (told.action, told.address);
        audit::deny(site, &Denied { actor, action, object, outcome, address })?;
        return Err(Failure::Refused(refusal));
    }
    let outcome = site.db.write(|write| {
        let done = act(write, now)?;
        throttle::forget(write, &subject)?;
        told.record(write, user, ("done", now))?;
        Ok(done)
    });
    if let Err(Failure::Refused(refusal)) = &outcome {
        site.db.write(|write| told.record(write, user, (refusal.code(), now)))?;
    }
    outcome
}
