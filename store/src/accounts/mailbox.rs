//! Mailboxes: where a person wants to hear of what was decided. A table of its own: an address is
//! personal data, needed for nothing else, and goes when the person takes it back, with what waits
//! to be sent to it.

use std::{fmt, str::FromStr as _};

use diesel::prelude::*;
use email_address::EmailAddress;
use lianshi_registry::uscc::Uscc;

use super::{
    Role, User,
    refusal::AccountRefusal,
    user::{Scope, demand, parse_login, record},
};
use crate::{
    Failure, Fault, Read, Site, Write,
    audit::Actor,
    notices,
    schema::{user_mailboxes, user_roles, users},
};

/// Longest address in bytes (RFC 5321, section 4.5.3.1.3, less the angle brackets).
const ADDRESS_BYTES_MAX: usize = 254;

/// An e-mail address (RFC 5321), without a name beside it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mailbox(String);

impl Mailbox {
    /// Reads an address as a person types it.
    pub fn parse(text: &str) -> Result<Self, AccountRefusal> {
        let text = text.trim();
        let malformed = || AccountRefusal::MailboxMalformed(text.to_owned());
        // Printable ASCII alone: not every server takes others, and nothing can be hidden in it.
        let is_plain =
            text.len() <= ADDRESS_BYTES_MAX && text.bytes().all(|b| b.is_ascii_graphic());
        let address = EmailAddress::from_str(text).ok().filter(|_| is_plain);
        let address = address.filter(|address| address.domain().contains('.'));
        address.map(|address| Self(address.to_string())).ok_or_else(malformed)
    }

    /// The address.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Mailbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Whom something is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Audience<'a> {
    /// Whoever has one of the roles.
    Node(&'a [Role]),
    /// Whoever has the role in an organization.
    Organization(&'a Uscc, Role),
}

/// Where a person wants to hear of things, if anywhere.
pub fn mailbox(read: &mut Read<'_>, user: &User) -> Result<Option<Mailbox>, Fault> {
    let address: Option<String> = user_mailboxes::table
        .find(&user.id)
        .select(user_mailboxes::address)
        .first(&mut **read)
        .optional()?;
    Ok(address.map(Mailbox))
}

/// A person says where they want to hear of things, or nowhere any more.
pub fn set_own_mailbox(site: &Site, user: &User, mailbox: Option<&Mailbox>) -> Result<(), Fault> {
    site.db.write(|write| set(write, site, (&user.actor(), user), mailbox))
}

/// An administrator says it for a person.
pub fn set_mailbox(
    site: &Site,
    actor: &Actor,
    (scope, login): (&Scope, &str),
    mailbox: Option<&Mailbox>,
) -> Result<(), Failure<AccountRefusal>> {
    let login = parse_login(login).map_err(Failure::Refused)?;
    site.db.write(|write| {
        let (_, user) = demand(write, scope, &login)?;
        Ok(set(write, site, (actor, &user), mailbox)?)
    })
}

fn set(
    write: &mut Write<'_>,
    site: &Site,
    (actor, user): (&Actor, &User),
    mailbox: Option<&Mailbox>,
) -> Result<(), Fault> {
    let had = self::mailbox(&mut write.as_read(), user)?;
    if had.is_some() && had.as_ref() != mailbox {
        notices::withdraw(write, &user.id)?;
    }
    let own = user_mailboxes::table.find(&user.id);
    diesel::delete(own).execute(&mut **write)?;
    if let Some(Mailbox(address)) = mailbox {
        diesel::insert_into(user_mailboxes::table)
            .values((
                user_mailboxes::user_id.eq(&user.id),
                user_mailboxes::address.eq(address),
                user_mailboxes::set_at.eq(site.now().millis()),
            ))
            .execute(&mut **write)?;
    }
    // The trail says that it was done; the address itself is nobody else's.
    let state = |set: bool| if set { "set" } else { "none" };
    let change =
        ("user.mailbox", user.login.as_str(), state(had.is_some()), state(mailbox.is_some()));
    record(write, site, actor, change)
}

/// The mailboxes of an audience, one for each person who may log in, by the person's id.
pub(crate) fn mailboxes_of(
    read: &mut Read<'_>,
    audience: Audience<'_>,
) -> Result<Vec<(String, Mailbox)>, Fault> {
    let (roles, organization) = match &audience {
        Audience::Node(roles) => (*roles, None),
        Audience::Organization(organization, role) => {
            (std::slice::from_ref(role), Some(organization))
        }
    };
    let names: Vec<&str> = roles.iter().map(|role| role.as_str()).collect();
    let mut rows = user_mailboxes::table
        .inner_join(users::table.inner_join(user_roles::table))
        .filter(users::disabled.eq(false))
        .filter(user_roles::role.eq_any(names))
        .select((user_mailboxes::user_id, user_mailboxes::address))
        .distinct()
        .order(user_mailboxes::user_id.asc())
        .into_boxed();
    if let Some(organization) = organization {
        rows = rows.filter(users::organization.eq(organization.as_str()));
    }
    let rows: Vec<(String, String)> = rows.load(&mut **read)?;
    Ok(rows.into_iter().map(|(id, address)| (id, Mailbox(address))).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_read_as_it_is_typed_and_what_hides_something_is_refused() {
        let read = |text: &str| Mailbox::parse(text).map(|mailbox| mailbox.to_string());
        assert_eq!(read(" buyer@office.example \n"), Ok("buyer@office.example".to_owned()));
        for wrong in [
            "",
            "buyer",
            "buyer@",
            "buyer@office",
            "a b@office.example",
            "Buyer <buyer@office.example>",
            "buyer@office.example\r\nBcc: all@office.example",
            "buyer@office.example, other@office.example",
            "b\u{fc}yer@office.example",
            &format!("{}@office.example", "a".repeat(260)),
        ] {
            assert!(read(wrong).is_err(), "{wrong:?}");
        }
    }
}
