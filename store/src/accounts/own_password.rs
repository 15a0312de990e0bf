//! A person gives themselves another password. Whoever sits at a browser somebody left open does
//! not know the current one, so it is asked for, and guessing it is slowed as at the door; what was
//! signed in elsewhere with the old password ends.

use diesel::prelude::*;
use lianshi_registry::refusal::Refusal as _;

use super::{
    password,
    refusal::PasswordRefusal,
    session, throttle,
    user::{User, record, row_by_id},
};
use crate::{
    Failure, Site,
    audit::{self, Act},
    schema::users,
};

/// A change of one's own password.
#[derive(Debug, Clone)]
pub struct PasswordChange<'a> {
    /// The password so far, as typed.
    pub current: &'a str,
    /// The password from now on.
    pub new: &'a str,
    /// SHA-256 of the id of the session it is asked from; this session stays.
    pub session: &'a [u8],
}

/// Changes the password of `user` and ends their other sessions.
pub fn change_password(
    site: &Site,
    user: &User,
    change: &PasswordChange<'_>,
) -> Result<(), Failure<PasswordRefusal>> {
    password::check(change.new, &user.login)?;
    if change.current == change.new {
        return Err(Failure::Refused(PasswordRefusal::Unchanged));
    }
    // Apart from the throttle of logging in: whoever guesses here does not keep the owner out
    // there.
    let subject = format!("password:{}", user.login);
    let wait =
        site.db.write(|write| throttle::begin(write, (&subject, throttle::LOGIN), site.now()))?;
    if let Some(seconds) = wait {
        return Err(Failure::Refused(PasswordRefusal::TryLater { seconds }));
    }
    let row = site.db.read(|read| row_by_id(read, &user.id))?;
    let stored = row.as_ref().map(|row| row.password_hash.as_str());
    let fits = password::verify(change.current, stored)
        .map_err(|_| Failure::Refused(PasswordRefusal::Busy))?;
    let Some(row) = row.filter(|_| fits) else { return refuse(site, user) };
    let hash = password::hash(change.new)?;
    site.db.write(|write| {
        // Between the check and now somebody else may have changed it.
        let same = users::table.find(&row.id).filter(users::password_hash.eq(&row.password_hash));
        let changed =
            diesel::update(same).set(users::password_hash.eq(&hash)).execute(&mut **write)?;
        if changed == 0 {
            return Err(Failure::Refused(PasswordRefusal::CurrentWrong));
        }
        throttle::forget(write, &subject)?;
        session::delete_others(write, &row.id, change.session)?;
        Ok(record(write, site, &user.actor(), ("user.password", &user.login, "", ""))?)
    })
}

/// Records the failed attempt.
fn refuse(site: &Site, user: &User) -> Result<(), Failure<PasswordRefusal>> {
    let act = Act {
        at: site.now(),
        actor: &user.actor(),
        action: "user.password",
        object: &user.login,
        outcome: PasswordRefusal::CurrentWrong.code(),
        before: "",
        after: "",
    };
    site.db.write(|write| audit::record(write, &act))?;
    Err(Failure::Refused(PasswordRefusal::CurrentWrong))
}
