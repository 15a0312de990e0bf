//! Logging in: throttle, check, session, in that order; the same answer after the same work for
//! every way to fail.

use diesel::prelude::*;
use lianshi_registry::refusal::Refusal as _;

use super::{
    password,
    refusal::LoginRefusal,
    session, throttle,
    user::{User, UserRow, enabled_by_id, row_by_login},
};
use crate::{
    Failure, Fault, Site,
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
}

/// A session that has just begun.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewSession {
    /// The id for the cookie.
    pub secret: String,
    /// Who logged in.
    pub user: User,
}

/// Logs in.
pub fn log_in(site: &Site, attempt: &Attempt<'_>) -> Result<NewSession, Failure<LoginRefusal>> {
    let login: String = attempt.login.trim().to_lowercase().chars().take(LOGIN_CHARS_MAX).collect();
    let subjects = [
        (format!("address:{}", attempt.address), throttle::ADDRESS),
        (format!("login:{login}"), throttle::LOGIN),
    ];
    let wait = site.db.write(|write| {
        for (subject, pace) in &subjects {
            if let Some(seconds) = throttle::begin(write, (subject, *pace), site.now())? {
                return Ok::<_, Fault>(Some(seconds));
            }
        }
        Ok(None)
    })?;
    let row = site.db.read(|read| row_by_login(read, &login))?;
    if let Some(seconds) = wait {
        let object = row.as_ref().map_or("", |row| row.login.as_str());
        let refusal = LoginRefusal::TryLater { seconds };
        tell(site, attempt, (object, &refusal))?;
        return Err(Failure::Refused(refusal));
    }
    let stored = row.as_ref().map(|row| row.password_hash.as_str());
    let fits = password::verify(attempt.password, stored)
        .map_err(|_| Failure::Refused(LoginRefusal::Busy))?;
    let entitled = row.as_ref().filter(|row| fits && !row.disabled);
    match entitled {
        Some(row) => open(site, attempt, row, &subjects.map(|(subject, _)| subject)),
        None => {
            let object = row.as_ref().map_or("", |row| row.login.as_str());
            tell(site, attempt, (object, &LoginRefusal::Wrong))?;
            Err(Failure::Refused(LoginRefusal::Wrong))
        }
    }
}

fn open(
    site: &Site,
    attempt: &Attempt<'_>,
    row: &UserRow,
    [address, login]: &[String; 2],
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
        throttle::forget(write, login)?;
        throttle::take_back(write, address, now)?;
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
        Ok(NewSession { secret, user })
    })
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
