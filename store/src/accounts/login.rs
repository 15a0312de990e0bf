//! Logging in: throttle, check, session, in that order; the same answer after the same work for
//! every way to fail.

use diesel::prelude::*;
use lianshi_registry::{refusal::Refusal as _, time::Timestamp};

use super::{
    device, password,
    refusal::LoginRefusal,
    session,
    throttle::{self, Subject},
    user::{User, UserRow, enabled_by_id, row_by_login},
};
use crate::{
    Failure, Fault, Read, Site, Write,
    address::Neighborhood,
    audit::{self, Act, Actor, Denied},
    schema::users,
};

/// Longest login looked at; what is longer is nobody's.
const LOGIN_CHARS_MAX: usize = 64;

/// An attempt to log in.
#[derive(Debug, Clone)]
pub struct Attempt<'a> {
    /// The login as typed.
    pub login: &'a str,
    /// The password as typed.
    pub password: &'a str,
    /// Where it comes from.
    pub address: &'a str,
    /// The session the browser still has; it ends.
    pub replaces: Option<&'a str>,
    /// What the browser got when this login was last used in it.
    pub device: Option<&'a str>,
}

/// A session that has just begun.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewSession {
    /// The id for the cookie.
    pub secret: String,
    /// What makes the browser known, for a cookie that stays.
    pub device: String,
    /// Who logged in.
    pub user: User,
}

/// A login as it is looked up, whatever was typed.
pub fn normal_login(typed: &str) -> String {
    typed.trim().to_lowercase().chars().take(LOGIN_CHARS_MAX).collect()
}

/// Logs in.
pub fn log_in(site: &Site, attempt: &Attempt<'_>) -> Result<NewSession, Failure<LoginRefusal>> {
    let login = normal_login(attempt.login);
    let now = site.now();
    let (row, subjects) = site.db.read(|read| {
        let row = row_by_login(read, &login)?;
        let subjects = subjects(read, attempt, (&login, row.as_ref()), now)?;
        Ok::<_, Fault>((row, subjects))
    })?;
    let object = row.as_ref().map_or("", |row| row.login.as_str());
    match site.db.write(|write| throttle::begin_all(write, &subjects, now)) {
        Ok(()) => {}
        Err(Failure::Refused(seconds)) => {
            let refusal = LoginRefusal::TryLater { seconds };
            tell(site, attempt, (object, &refusal))?;
            return Err(Failure::Refused(refusal));
        }
        Err(Failure::Fault(fault)) => return Err(fault.into()),
    }
    let stored = row.as_ref().map(|row| row.password_hash.as_str());
    let from = subjects.first().map_or("", |(subject, _)| subject.as_str());
    let Ok(fits) = password::verify_for(attempt.password, stored, from) else {
        site.db.write(|write| {
            let mut all = subjects.iter();
            all.try_for_each(|(subject, _)| throttle::take_back(write, subject, site.now()))
        })?;
        return Err(Failure::Refused(LoginRefusal::Busy));
    };
    let entitled = row.as_ref().filter(|row| fits && !row.disabled);
    if let Some(row) = entitled {
        open(site, attempt, row, &subjects)
    } else {
        tell(site, attempt, (object, &LoginRefusal::Wrong))?;
        Err(Failure::Refused(LoginRefusal::Wrong))
    }
}

/// What the attempt is counted under: whose place in the queue it takes first, the login last.
fn subjects(
    read: &mut Read<'_>,
    attempt: &Attempt<'_>,
    (login, row): (&str, Option<&UserRow>),
    now: Timestamp,
) -> Result<Vec<Subject>, Fault> {
    if let (Some(device), Some(row)) = (attempt.device, row)
        && let Some(subject) = device::subject(read, (device, &row.id), now)?
    {
        return Ok(vec![(subject, throttle::LOGIN)]);
    }
    let from = attempt.address.parse().map(|ip| Neighborhood::of(ip).to_string());
    // Only where there is no connection there is no address.
    let from = from.unwrap_or_default();
    let of_login = (format!("login:{login}@{from}"), throttle::LOGIN);
    Ok(vec![(format!("address:{from}"), throttle::ADDRESS), of_login])
}

fn open(
    site: &Site,
    attempt: &Attempt<'_>,
    row: &UserRow,
    subjects: &[Subject],
) -> Result<NewSession, Failure<LoginRefusal>> {
    let rehashed = password::is_outdated(&row.password_hash)
        .then(|| password::hash(attempt.password))
        .transpose()?;
    let now = site.now();
    site.db.write(|write| {
        // Between the check and now the user may have been disabled or the password changed.
        let current = row_by_login(&mut write.as_read(), &row.login)?
            .filter(|current| current.password_hash == row.password_hash);
        let user = match current {
            Some(current) => enabled_by_id(&mut write.as_read(), &current.id)?,
            None => None,
        };
        let Some(user) = user else { return Err(Failure::Refused(LoginRefusal::Wrong)) };
        if let Some(hash) = &rehashed {
            diesel::update(users::table.find(&row.id))
                .set(users::password_hash.eq(hash))
                .execute(&mut **write)?;
        }
        succeeded(write, subjects, now)?;
        if let Some(old) = attempt.replaces {
            session::replace(write, old)?;
        }
        let secret = session::open(write, &user.id, now)?;
        let actor = user.actor();
        let from = audit::mark(write, attempt.address, now)?;
        let act = Act {
            at: now,
            actor: &actor,
            action: "session.begin",
            object: &user.login,
            outcome: "done",
            before: "",
            after: &from,
        };
        audit::record(write, &act)?;
        let device = device::know(write, (attempt.device, &user.id), now)?;
        Ok(NewSession { secret, device, user })
    })
}

/// Forgets the failures for this login from there; those of the address for other logins stay.
fn succeeded(write: &mut Write<'_>, subjects: &[Subject], now: Timestamp) -> Result<(), Fault> {
    let Some(((own, _), others)) = subjects.split_last() else { return Ok(()) };
    throttle::forget(write, own)?;
    others.iter().try_for_each(|(subject, _)| throttle::take_back(write, subject, now))
}

/// Tells the trail of a failed attempt, for an unknown login under no name: people type passwords
/// into the wrong box.
fn tell(
    site: &Site,
    attempt: &Attempt<'_>,
    (object, refusal): (&str, &LoginRefusal),
) -> Result<(), Fault> {
    let denied = Denied {
        actor: &Actor::stranger(),
        action: "session.begin",
        object,
        outcome: refusal.code(),
        address: attempt.address,
    };
    audit::deny(site, &denied)
}
