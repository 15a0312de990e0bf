//! Passwords that somebody else gave: whoever gave one knows it, so it opens nothing but the page
//! where its owner takes another.

use diesel::prelude::*;
use lianshi_registry::time::Timestamp;

use super::{
    refusal::AccountRefusal,
    user::{Scope, demand, record},
};
use crate::{
    Failure, Fault, Read, Site, Write,
    audit::Actor,
    dialect::insert_if_absent,
    schema::given_passwords::{self, table},
};

/// Somebody else gave this person their password.
pub(super) fn mark(write: &mut Write<'_>, user_id: &str, now: Timestamp) -> Result<(), Fault> {
    let row = (given_passwords::user_id.eq(user_id), given_passwords::given_at.eq(now.millis()));
    insert_if_absent!(write, table, &row)?;
    Ok(())
}

/// The person took a password of their own.
pub(super) fn clear(write: &mut Write<'_>, user_id: &str) -> Result<(), Fault> {
    diesel::delete(table.find(user_id)).execute(&mut **write)?;
    Ok(())
}

/// Whether the person still has the password somebody else gave them.
pub(super) fn is_given(read: &mut Read<'_>, user_id: &str) -> Result<bool, Fault> {
    let found: Option<i64> =
        table.find(user_id).select(given_passwords::given_at).first(&mut **read).optional()?;
    Ok(found.is_some())
}

/// Lets a person keep the password that was given to them: for a demo, whose passwords are told to
/// everybody, and never by itself.
pub fn keep_password(
    site: &Site,
    actor: &Actor,
    login: &str,
) -> Result<(), Failure<AccountRefusal>> {
    site.db.write(|write| {
        let (row, user) = demand(write, &Scope::Node, login)?;
        clear(write, &row.id)?;
        Ok(record(write, site, actor, ("user.password_kept", &user.login, "", ""))?)
    })
}
