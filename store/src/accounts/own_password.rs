//! A person gives themselves another password. Whoever sits at a browser somebody left open does
//! not know the current one, so it is asked for, and guessing it is slowed as at the door; what was
//! opened with the old one, sessions elsewhere and tokens, ends, and this session goes on under
//! another id.

use diesel::prelude::*;
use lianshi_registry::refusal::Refusal as _;

use super::{
    given_password, password,
    refusal::PasswordRefusal,
    session::{self, Session},
    strength::{self, Known},
    throttle, token,
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
    /// The session it is asked from.
    pub session: &'a Session,
}

/// Changes the password of whose session it is, ends their other sessions and their tokens, and
/// gives the new id of this session.
pub fn change_password(
    site: &Site,
    change: &PasswordChange<'_>,
) -> Result<String, Failure<PasswordRefusal>> {
    let user = &change.session.user;
    let known = Known::of(site, (&user.login, &user.display_name), &user.organization_name);
    strength::check(change.new, &known)?;
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
        given_password::clear(write, &row.id)?;
        session::delete_of(write, &row.id)?;
        let ended = token::ended(token::end_of(write, &row.id, site.now())?);
        let second_step = change.session.standing.second_step;
        let secret = session::renew(write, change.session, second_step)?;
        record(write, site, &user.actor(), ("user.password", &user.login, "", &ended))?;
        Ok(secret)
    })
}

/// Records the failed attempt.
fn refuse(site: &Site, user: &User) -> Result<String, Failure<PasswordRefusal>> {
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
