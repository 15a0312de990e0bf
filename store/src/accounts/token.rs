//! API tokens: `lt_` and 64 hexadecimal digits, shown once, kept as a hash, always with an end.

use diesel::prelude::*;
use lianshi_registry::{text::Kind, time::Timestamp};

use super::{
    refusal::AccountRefusal,
    secret::{hash_of, random_hex},
    user::{Scope, User, demand, enabled_by_id, record},
};
use crate::{Failure, Fault, Read, Site, audit::Actor, schema::api_tokens};

/// Longest life of a token in days.
pub const TOKEN_DAYS_MAX: i64 = 366;
/// How every token begins, so that a leaked one is recognized by scanners.
const PREFIX: &str = "lt_";
const DAY_MS: i64 = 86_400_000;

/// A token as it is shown once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewToken {
    /// Its id.
    pub id: String,
    /// The token itself.
    pub secret: String,
    /// First instant it no longer works.
    pub expires_at: Timestamp,
}

/// A token as it is kept.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable, Insertable)]
#[diesel(table_name = api_tokens)]
pub struct TokenRow {
    /// Its id.
    pub id: String,
    /// Whose it is.
    pub user_id: String,
    /// SHA-256 of the token.
    pub token_hash: Vec<u8>,
    /// What it is for.
    pub label: String,
    /// Since when.
    pub created_at: i64,
    /// Until when.
    pub expires_at: i64,
    /// When it was revoked.
    pub revoked_at: Option<i64>,
}

/// Makes a token for a user.
pub fn create_token(
    site: &Site,
    actor: &Actor,
    (login, label): (&str, &str),
    days: i64,
) -> Result<NewToken, Failure<AccountRefusal>> {
    if !(1..=TOKEN_DAYS_MAX).contains(&days) {
        return Err(AccountRefusal::TokenTerm.into());
    }
    let label = Kind::Label.read_optional(label).map_err(AccountRefusal::Name)?;
    let now = site.now();
    let secret = format!("{PREFIX}{}", random_hex::<32>()?);
    let id = format!("T-{}", random_hex::<6>()?);
    let expires_at = now.plus_millis(days * DAY_MS);
    site.db.write(|write| {
        let (user, _) = demand(write, &Scope::Node, &login.trim().to_lowercase())?;
        let row = TokenRow {
            id: id.clone(),
            user_id: user.id,
            token_hash: hash_of(&secret),
            label: label.clone(),
            created_at: now.millis(),
            expires_at: expires_at.millis(),
            revoked_at: None,
        };
        diesel::insert_into(api_tokens::table).values(&row).execute(&mut **write)?;
        Ok::<_, Failure<AccountRefusal>>(record(
            write,
            site,
            actor,
            ("token.create", &id, "", &user.login),
        )?)
    })?;
    Ok(NewToken { id, secret, expires_at })
}

/// Revokes a user's token.
pub fn revoke_token(
    site: &Site,
    actor: &Actor,
    user: &User,
    id: &str,
) -> Result<(), Failure<AccountRefusal>> {
    let now = site.now();
    site.db.write(|write| {
        let own = api_tokens::table.find(id).filter(api_tokens::user_id.eq(&user.id));
        let changed = diesel::update(own.filter(api_tokens::revoked_at.is_null()))
            .set(api_tokens::revoked_at.eq(now.millis()))
            .execute(&mut **write)?;
        if changed == 0 {
            return Err(AccountRefusal::TokenUnknown.into());
        }
        Ok(record(write, site, actor, ("token.revoke", id, "", &user.login))?)
    })
}

/// A user's tokens, newest first.
pub fn tokens_of(read: &mut Read<'_>, user: &User) -> Result<Vec<TokenRow>, Fault> {
    Ok(api_tokens::table
        .filter(api_tokens::user_id.eq(&user.id))
        .order(api_tokens::created_at.desc())
        .select(TokenRow::as_select())
        .load(&mut **read)?)
}

/// Whose token this is, if it still works and its user may still log in.
pub fn user_by_token(
    read: &mut Read<'_>,
    secret: &str,
    now: Timestamp,
) -> Result<Option<User>, Fault> {
    if !secret.starts_with(PREFIX) {
        return Ok(None);
    }
    let id: Option<String> = api_tokens::table
        .filter(api_tokens::token_hash.eq(hash_of(secret)))
        .filter(api_tokens::revoked_at.is_null())
        .filter(api_tokens::expires_at.gt(now.millis()))
        .select(api_tokens::user_id)
        .first(&mut **read)
        .optional()?;
    id.map_or(Ok(None), |id| enabled_by_id(read, &id))
}
