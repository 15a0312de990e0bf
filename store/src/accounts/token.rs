//! API tokens: `lt_` and 64 hexadecimal digits, shown once, kept as a hash. A token carries chosen
//! roles of its owner and has an end; it ends before it with the owner's password, with all their
//! sessions, and when they are disabled.

use std::collections::BTreeSet;

use diesel::prelude::*;
use lianshi_registry::{text::Kind, time::Timestamp};

use super::{
    refusal::AccountRefusal,
    role::Role,
    secret::{hash_of, random_hex},
    user::{Scope, User, demand, enabled_by_id, names, record},
};
use crate::{
    Failure, Fault, Read, Site, Write,
    audit::Actor,
    schema::{api_tokens, token_roles},
};

/// Longest life of a token in days.
pub const TOKEN_DAYS_MAX: i64 = 366;
/// Living tokens of one person: one for each of their programs, and few enough to look over.
pub const TOKENS_MAX: i64 = 20;
/// How long an ended token is still shown to its owner, in days.
const ENDED_DAYS_SHOWN: i64 = 30;
/// How every token begins, so that a leaked one is recognized by scanners.
const PREFIX: &str = "lt_";
const DAY_MS: i64 = 86_400_000;

/// A token to be made.
#[derive(Debug, Clone)]
pub struct TokenOrder<'a> {
    /// The login of its owner.
    pub login: &'a str,
    /// What it is for.
    pub label: &'a str,
    /// What it may do: at least one role, and none its owner does not have.
    pub roles: &'a BTreeSet<Role>,
    /// How long it lives, from one to [`TOKEN_DAYS_MAX`].
    pub days: i64,
}

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

/// A token as its owner sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    /// Its id.
    pub id: String,
    /// What it is for.
    pub label: String,
    /// What it may do, as long as its owner may.
    pub roles: BTreeSet<Role>,
    /// Since when.
    pub created_at: Timestamp,
    /// First instant it no longer works; earlier than it was made for when it was ended.
    pub ends_at: Timestamp,
}

#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = api_tokens)]
struct Row {
    id: String,
    user_id: String,
    token_hash: Vec<u8>,
    label: String,
    created_at: i64,
    expires_at: i64,
    revoked_at: Option<i64>,
}

/// Makes a token for a person.
pub fn create_token(
    site: &Site,
    actor: &Actor,
    order: &TokenOrder<'_>,
) -> Result<NewToken, Failure<AccountRefusal>> {
    if !(1..=TOKEN_DAYS_MAX).contains(&order.days) {
        return Err(AccountRefusal::TokenTerm.into());
    }
    let label = Kind::Label.read_optional(order.label).map_err(AccountRefusal::Name)?;
    if order.roles.is_empty() {
        return Err(AccountRefusal::RoleMissing.into());
    }
    let now = site.now();
    let id = format!("T-{}", random_hex::<6>()?);
    let secret = format!("{PREFIX}{}", random_hex::<32>()?);
    let expires_at = now.plus_millis(order.days * DAY_MS);
    site.db.write(|write| {
        let (_, user) = demand(write, &Scope::Node, &order.login.trim().to_lowercase())?;
        demand_room(write, &user, now)?;
        if let Some(role) = order.roles.difference(&user.roles).next() {
            return Err(AccountRefusal::TokenRole(role.to_string()).into());
        }
        let row = Row {
            id: id.clone(),
            user_id: user.id.clone(),
            token_hash: hash_of(&secret),
            label: label.clone(),
            created_at: now.millis(),
            expires_at: expires_at.millis(),
            revoked_at: None,
        };
        diesel::insert_into(api_tokens::table).values(&row).execute(&mut **write)?;
        for role in order.roles {
            diesel::insert_into(token_roles::table)
                .values((token_roles::token_id.eq(&id), token_roles::role.eq(role.as_str())))
                .execute(&mut **write)?;
        }
        let after = format!("{} {}", user.login, names(order.roles));
        record(write, site, actor, ("token.create", &id, "", &after))?;
        Ok::<_, Failure<AccountRefusal>>(())
    })?;
    Ok(NewToken { id, secret, expires_at })
}

/// Refuses a token for somebody who is kept out, and one too many.
fn demand_room(
    write: &mut Write<'_>,
    user: &User,
    now: Timestamp,
) -> Result<(), Failure<AccountRefusal>> {
    if user.disabled {
        return Err(AccountRefusal::UserDisabled(user.login.clone()).into());
    }
    let living: i64 = api_tokens::table
        .filter(api_tokens::user_id.eq(&user.id))
        .filter(api_tokens::revoked_at.is_null())
        .filter(api_tokens::expires_at.gt(now.millis()))
        .count()
        .get_result(&mut **write)?;
    if living < TOKENS_MAX { Ok(()) } else { Err(AccountRefusal::TokenLimit.into()) }
}

/// Revokes a person's token.
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

/// Ends all tokens of a person inside a transaction, with what they were made under: the password,
/// the sessions, the account. Gives how many those were.
pub(super) fn end_of(write: &mut Write<'_>, user_id: &str, now: Timestamp) -> Result<usize, Fault> {
    let living = api_tokens::table
        .filter(api_tokens::user_id.eq(user_id))
        .filter(api_tokens::revoked_at.is_null())
        .filter(api_tokens::expires_at.gt(now.millis()));
    let ended = diesel::update(living).set(api_tokens::revoked_at.eq(now.millis()));
    Ok(ended.execute(&mut **write)?)
}

/// How many tokens ended with an act, as the audit trail tells it.
pub(super) fn ended(count: usize) -> String {
    if count == 0 { String::new() } else { format!("tokens ended: {count}") }
}

/// A person's tokens, newest first: those that work, and those that ended lately.
pub fn tokens_of(read: &mut Read<'_>, user: &User) -> Result<Vec<Token>, Fault> {
    let rows: Vec<Row> = api_tokens::table
        .filter(api_tokens::user_id.eq(&user.id))
        .order(api_tokens::created_at.desc())
        .select(Row::as_select())
        .load(&mut **read)?;
    let mut tokens = Vec::with_capacity(rows.len());
    for row in rows {
        tokens.push(Token {
            roles: roles_of(read, &row.id)?,
            created_at: Timestamp::from_millis(row.created_at),
            ends_at: Timestamp::from_millis(row.revoked_at.unwrap_or(row.expires_at)),
            id: row.id,
            label: row.label,
        });
    }
    Ok(tokens)
}

/// Whose token this is, with those of its roles that they still have, if it still works and they
/// may still log in.
pub fn user_by_token(
    read: &mut Read<'_>,
    secret: &str,
    now: Timestamp,
) -> Result<Option<User>, Fault> {
    if !secret.starts_with(PREFIX) {
        return Ok(None);
    }
    let found: Option<(String, String)> = api_tokens::table
        .filter(api_tokens::token_hash.eq(hash_of(secret)))
        .filter(api_tokens::revoked_at.is_null())
        .filter(api_tokens::expires_at.gt(now.millis()))
        .select((api_tokens::id, api_tokens::user_id))
        .first(&mut **read)
        .optional()?;
    let Some((token, owner)) = found else { return Ok(None) };
    let Some(mut user) = enabled_by_id(read, &owner)? else { return Ok(None) };
    let carried = roles_of(read, &token)?;
    user.roles.retain(|role| carried.contains(role));
    Ok(Some(user))
}

fn roles_of(read: &mut Read<'_>, token: &str) -> Result<BTreeSet<Role>, Fault> {
    let carried = token_roles::table.filter(token_roles::token_id.eq(token));
    let names: Vec<String> = carried.select(token_roles::role).load(&mut **read)?;
    let role = |name: &String| {
        Role::parse(name).ok_or_else(|| Fault::corrupt("token_roles", format!("role `{name}`")))
    };
    names.iter().map(role).collect()
}

/// Forgets tokens that ended long ago; the audit trail remembers them.
pub(super) fn sweep(write: &mut Write<'_>, now: Timestamp) -> Result<(), Fault> {
    let long_ago = now.plus_millis(-ENDED_DAYS_SHOWN * DAY_MS).millis();
    let expired = api_tokens::expires_at.lt(long_ago);
    let revoked = api_tokens::revoked_at.lt(long_ago).assume_not_null();
    let ids: Vec<String> = api_tokens::table
        .filter(expired.or(api_tokens::revoked_at.is_not_null().and(revoked)))
        .select(api_tokens::id)
        .load(&mut **write)?;
    for id in ids {
        let carried = token_roles::table.filter(token_roles::token_id.eq(&id));
        diesel::delete(carried).execute(&mut **write)?;
        diesel::delete(api_tokens::table.find(&id)).execute(&mut **write)?;
    }
    Ok(())
}
