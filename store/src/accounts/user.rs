//! People: a login, the organization they act for, their roles.

use std::collections::BTreeSet;

use diesel::prelude::*;
use lianshi_registry::{entry::Texts, text::Kind, time::Timestamp, uscc::Uscc};

use super::{
    given_password,
    organization::{demand_organization, organization},
    password,
    refusal::AccountRefusal,
    role::Role,
    secret::random_hex,
    session,
    strength::{self, Known},
    token,
};
use crate::{
    Failure, Fault, Read, Site, Write,
    audit::{self, Act, Actor},
    schema::{user_roles, users as user_table},
};

/// A person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// Stable id.
    pub id: String,
    /// What they log in with.
    pub login: String,
    /// The organization they act for.
    pub organization: Uscc,
    /// Its name.
    pub organization_name: Texts,
    /// What to call them.
    pub display_name: String,
    /// May not log in.
    pub disabled: bool,
    /// What they may do.
    pub roles: BTreeSet<Role>,
    /// Since when.
    pub created_at: Timestamp,
}

impl User {
    /// Whether they have the role.
    pub fn has(&self, role: Role) -> bool {
        self.roles.contains(&role)
    }

    /// Them, as the audit trail names them.
    pub fn actor(&self) -> Actor {
        Actor { name: self.login.clone(), organization: self.organization.to_string() }
    }
}

/// A person to be added.
#[derive(Debug, Clone)]
pub struct NewUser {
    /// What they will log in with.
    pub login: String,
    /// The organization they act for.
    pub organization: Uscc,
    /// What to call them.
    pub display_name: String,
    /// What they may do.
    pub roles: BTreeSet<Role>,
    /// Their password.
    pub password: String,
}

/// Over whose users an administrator has a say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scope {
    /// All users of the node.
    Node,
    /// The users of one organization.
    Organization(Uscc),
}

impl Scope {
    /// Whether the people of an organization belong to it.
    pub fn covers(&self, organization: &Uscc) -> bool {
        match self {
            Self::Node => true,
            Self::Organization(own) => own == organization,
        }
    }
}

#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = user_table)]
pub(super) struct UserRow {
    pub(super) id: String,
    pub(super) login: String,
    pub(super) organization: String,
    pub(super) display_name: String,
    pub(super) password_hash: String,
    pub(super) disabled: bool,
    pub(super) created_at: i64,
}

/// Adds a person. The password is checked and hashed before the transaction; they must change it
/// before they can do anything else.
pub fn add_user(
    site: &Site,
    actor: &Actor,
    scope: &Scope,
    new: &NewUser,
) -> Result<User, Failure<AccountRefusal>> {
    let login = parse_login(&new.login).map_err(Failure::Refused)?;
    let display_name = Kind::Name.read(&new.display_name);
    let display_name = display_name.map_err(|no| Failure::Refused(AccountRefusal::Name(no)))?;
    check_roles(scope, &new.roles).map_err(Failure::Refused)?;
    let named = site.db.read(|read| organization(read, &new.organization))?;
    let named = named
        .ok_or_else(|| AccountRefusal::OrganizationUnknown(new.organization.to_string()))
        .map_err(Failure::Refused)?;
    let known = Known::of(site, (&login, &new.display_name), &named.name);
    strength::check(&new.password, &known).map_err(Failure::Refused)?;
    let row = UserRow {
        id: format!("U-{}", random_hex::<8>()?),
        login: login.clone(),
        organization: new.organization.to_string(),
        display_name,
        password_hash: password::hash(&new.password)?,
        disabled: false,
        created_at: site.now().millis(),
    };
    site.db.write(|write| {
        demand_organization(write, &new.organization)?;
        if !scope.covers(&new.organization) {
            return Err(AccountRefusal::OrganizationUnknown(new.organization.to_string()).into());
        }
        if row_by_login(&mut write.as_read(), &login)?.is_some() {
            return Err(AccountRefusal::LoginTaken(login.clone()).into());
        }
        diesel::insert_into(user_table::table).values(&row).execute(&mut **write)?;
        write_roles(write, &row.id, &new.roles)?;
        given_password::mark(write, &row.id, site.now())?;
        record(write, site, actor, ("user.add", &login, "", &names(&new.roles)))?;
        demand(write, scope, &login).map(|(_, user)| user)
    })
}

/// Gives another person another password and ends their sessions and tokens. They must change it
/// before they can do anything else.
pub fn set_password(
    site: &Site,
    actor: &Actor,
    (scope, login): (&Scope, &str),
    new_password: &str,
) -> Result<(), Failure<AccountRefusal>> {
    let login = parse_login(login).map_err(Failure::Refused)?;
    let found = site.db.read(|read| user_by_login(read, &login))?;
    let found = found.filter(|user| scope.covers(&user.organization));
    let Some(found) = found else { return Err(AccountRefusal::UserUnknown(login).into()) };
    let known = Known::of(site, (&login, &found.display_name), &found.organization_name);
    strength::check(new_password, &known).map_err(Failure::Refused)?;
    let hash = password::hash(new_password)?;
    site.db.write(|write| {
        let (row, user) = demand(write, scope, &login)?;
        if actor.name == login {
            return Err(AccountRefusal::OwnPassword.into());
        }
        check_standing(scope, &user)?;
        diesel::update(user_table::table.find(&row.id))
            .set(user_table::password_hash.eq(&hash))
            .execute(&mut **write)?;
        given_password::mark(write, &row.id, site.now())?;
        session::delete_of(write, &row.id)?;
        let ended = token::ended(token::end_of(write, &row.id, site.now())?);
        Ok(record(write, site, actor, ("user.password", &login, "", &ended))?)
    })
}

/// Disables or enables a person. Either way their sessions and tokens end, so that none comes back.
pub fn set_disabled(
    site: &Site,
    actor: &Actor,
    (scope, login): (&Scope, &str),
    disabled: bool,
) -> Result<(), Failure<AccountRefusal>> {
    let login = parse_login(login).map_err(Failure::Refused)?;
    site.db.write(|write| {
        let (row, user) = demand(write, scope, &login)?;
        if actor.name == login {
            return Err(AccountRefusal::OwnRoles.into());
        }
        check_standing(scope, &user)?;
        if disabled && user.has(Role::NodeAdmin) {
            demand_other_admin(write, &row.id)?;
        }
        diesel::update(user_table::table.find(&row.id))
            .set(user_table::disabled.eq(disabled))
            .execute(&mut **write)?;
        session::delete_of(write, &row.id)?;
        token::end_of(write, &row.id, site.now())?;
        let state = |disabled: bool| if disabled { "disabled" } else { "enabled" };
        let change = ("user.disable", login.as_str(), state(row.disabled), state(disabled));
        Ok(record(write, site, actor, change)?)
    })
}

/// Replaces a person's roles and ends their sessions, so that a new session id goes with the new
/// rights.
pub fn set_roles(
    site: &Site,
    actor: &Actor,
    (scope, login): (&Scope, &str),
    roles: &BTreeSet<Role>,
) -> Result<(), Failure<AccountRefusal>> {
    let login = parse_login(login).map_err(Failure::Refused)?;
    check_roles(scope, roles).map_err(Failure::Refused)?;
    site.db.write(|write| {
        let (row, user) = demand(write, scope, &login)?;
        if actor.name == login {
            return Err(AccountRefusal::OwnRoles.into());
        }
        check_standing(scope, &user)?;
        if user.has(Role::NodeAdmin) && !roles.contains(&Role::NodeAdmin) {
            demand_other_admin(write, &row.id)?;
        }
        diesel::delete(user_roles::table.filter(user_roles::user_id.eq(&row.id)))
            .execute(&mut **write)?;
        write_roles(write, &row.id, roles)?;
        session::delete_of(write, &row.id)?;
        let change = ("user.roles", login.as_str(), &*names(&user.roles), &*names(roles));
        Ok(record(write, site, actor, change)?)
    })
}

/// One person by login.
pub fn user_by_login(read: &mut Read<'_>, login: &str) -> Result<Option<User>, Fault> {
    let row = row_by_login(read, &login.trim().to_lowercase())?;
    row.map(|row| to_user(read, &row)).transpose()
}

/// Everybody the scope covers, by login.
pub fn users(read: &mut Read<'_>, scope: &Scope) -> Result<Vec<User>, Fault> {
    let query = user_table::table.order(user_table::login.asc()).select(UserRow::as_select());
    let rows: Vec<UserRow> = match scope {
        Scope::Node => query.load(&mut **read)?,
        Scope::Organization(own) => {
            query.filter(user_table::organization.eq(own.as_str())).load(&mut **read)?
        }
    };
    rows.iter().map(|row| to_user(read, row)).collect()
}

pub(super) fn row_by_login(read: &mut Read<'_>, login: &str) -> Result<Option<UserRow>, Fault> {
    Ok(user_table::table
        .filter(user_table::login.eq(login))
        .select(UserRow::as_select())
        .first(&mut **read)
        .optional()?)
}

pub(super) fn row_by_id(read: &mut Read<'_>, id: &str) -> Result<Option<UserRow>, Fault> {
    Ok(user_table::table.find(id).select(UserRow::as_select()).first(&mut **read).optional()?)
}

/// The person with this id, unless disabled.
pub(super) fn enabled_by_id(read: &mut Read<'_>, id: &str) -> Result<Option<User>, Fault> {
    let row = row_by_id(read, id)?.filter(|row| !row.disabled);
    row.map(|row| to_user(read, &row)).transpose()
}

pub(super) fn to_user(read: &mut Read<'_>, row: &UserRow) -> Result<User, Fault> {
    let names: Vec<String> = user_roles::table
        .filter(user_roles::user_id.eq(&row.id))
        .select(user_roles::role)
        .load(&mut **read)?;
    let role = |name: &String| {
        Role::parse(name).ok_or_else(|| Fault::corrupt("user_roles", format!("role `{name}`")))
    };
    let roles = names.iter().map(role).collect::<Result<_, _>>()?;
    let uscc = Uscc::known(&row.organization).map_err(|error| Fault::corrupt("users", error))?;
    let organization = organization(read, &uscc)?
        .ok_or_else(|| Fault::corrupt("users", format!("organization of `{}`", row.login)))?;
    Ok(User {
        id: row.id.clone(),
        login: row.login.clone(),
        organization: uscc,
        organization_name: organization.name,
        display_name: row.display_name.clone(),
        disabled: row.disabled,
        roles,
        created_at: Timestamp::from_millis(row.created_at),
    })
}

impl<R: From<AccountRefusal>> From<AccountRefusal> for Failure<R> {
    fn from(refusal: AccountRefusal) -> Self {
        Self::Refused(refusal.into())
    }
}

pub(super) fn demand(
    write: &mut Write<'_>,
    scope: &Scope,
    login: &str,
) -> Result<(UserRow, User), Failure<AccountRefusal>> {
    let unknown = || AccountRefusal::UserUnknown(login.to_owned());
    let mut read = write.as_read();
    let row = row_by_login(&mut read, login)?.ok_or_else(unknown)?;
    let user = to_user(&mut read, &row)?;
    if scope.covers(&user.organization) { Ok((row, user)) } else { Err(unknown().into()) }
}

fn demand_other_admin(write: &mut Write<'_>, id: &str) -> Result<(), Failure<AccountRefusal>> {
    let admins: Vec<String> = user_roles::table
        .filter(user_roles::role.eq(Role::NodeAdmin.as_str()))
        .filter(user_roles::user_id.ne(id))
        .select(user_roles::user_id)
        .load(&mut **write)?;
    for admin in admins {
        if enabled_by_id(&mut write.as_read(), &admin)?.is_some() {
            return Ok(());
        }
    }
    Err(AccountRefusal::LastAdmin.into())
}

/// An organization's own administrator hands out what concerns the organization, not what concerns
/// the node.
fn check_roles(scope: &Scope, roles: &BTreeSet<Role>) -> Result<(), AccountRefusal> {
    if roles.is_empty() {
        return Err(AccountRefusal::RoleMissing);
    }
    match reserved(scope, roles) {
        Some(role) => Err(AccountRefusal::RoleReserved(role.to_string())),
        None => Ok(()),
    }
}

/// Whoever could give a colleague with a role of the node another password would have that role.
pub(super) fn check_standing(scope: &Scope, user: &User) -> Result<(), AccountRefusal> {
    match reserved(scope, &user.roles) {
        Some(_) => Err(AccountRefusal::NodeRole(user.login.clone())),
        None => Ok(()),
    }
}

/// A role that the scope has no say in.
fn reserved(scope: &Scope, roles: &BTreeSet<Role>) -> Option<Role> {
    roles.iter().copied().find(|role| *scope != Scope::Node && !role.is_of_an_organization())
}

pub(super) fn parse_login(text: &str) -> Result<String, AccountRefusal> {
    let login = text.trim().to_lowercase();
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || ".-_@".contains(c);
    if (2..=64).contains(&login.len()) && login.chars().all(allowed) {
        Ok(login)
    } else {
        Err(AccountRefusal::LoginMalformed(login))
    }
}

fn write_roles(write: &mut Write<'_>, id: &str, roles: &BTreeSet<Role>) -> Result<(), Fault> {
    for role in roles {
        diesel::insert_into(user_roles::table)
            .values((user_roles::user_id.eq(id), user_roles::role.eq(role.as_str())))
            .execute(&mut **write)?;
    }
    Ok(())
}

pub(super) fn names(roles: &BTreeSet<Role>) -> String {
    roles.iter().map(|role| role.as_str()).collect::<Vec<_>>().join(" ")
}

pub(super) fn record(
    write: &mut Write<'_>,
    site: &Site,
    actor: &Actor,
    (action, object, before, after): (&'static str, &str, &str, &str),
) -> Result<(), Fault> {
    let at = site.now();
    audit::record(write, &Act { at, actor, action, object, outcome: "done", before, after })
}
