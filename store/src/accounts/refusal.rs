//! What the rules of accounts say no to.

use lianshi_registry::{refusal::Refusal, text::TextRefusal};

use super::password::{PASSWORD_CHARS_MAX, PASSWORD_CHARS_MIN};

/// Why an account was not changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AccountRefusal {
    /// A login is 2 to 64 of `a-z 0-9 . _ - @`.
    #[error("`{0}` is not a login: 2 to 64 of a–z, 0–9, `.`, `_`, `-`, `@`")]
    LoginMalformed(String),
    /// Another user has it.
    #[error("the login `{0}` is taken")]
    LoginTaken(String),
    /// No such user, or one of an organization the actor has no say in.
    #[error("there is no user `{0}`")]
    UserUnknown(String),
    /// The organization is not in the books.
    #[error("there is no organization `{0}`")]
    OrganizationUnknown(String),
    /// The organization is in the books with other facts.
    #[error("the organization `{0}` is there already, with another name, kind or division")]
    OrganizationExists(String),
    /// An organization needs a name.
    #[error("an organization needs a name in Chinese and in English")]
    OrganizationNameless,
    /// A name that cannot be shown.
    #[error("the name {0}")]
    Name(TextRefusal),
    /// Not an e-mail address.
    #[error("`{0}` is not an e-mail address, such as name@office.example")]
    MailboxMalformed(String),
    /// Not a role.
    #[error("`{0}` is not a role")]
    RoleUnknown(String),
    /// A user without a role could do nothing.
    #[error("a user needs at least one role")]
    RoleMissing,
    /// Nobody edits their own roles.
    #[error("nobody changes their own roles or disables themselves")]
    OwnRoles,
    /// The role is given by the node only.
    #[error("the role `{0}` is given by the node's administration only")]
    RoleReserved(String),
    /// Whoever works for the node too is looked after by the node.
    #[error("`{0}` has a role of the node; only the node's administration changes the account")]
    NodeRole(String),
    /// One's own password is changed with the current one.
    #[error("nobody gives themselves a password without the current one; use the own account")]
    OwnPassword,
    /// Without an administrator nobody could repair the node.
    #[error("the last administrator of the node cannot be removed")]
    LastAdmin,
    /// Too short.
    #[error("a password has at least {PASSWORD_CHARS_MIN} characters")]
    PasswordShort,
    /// Too long.
    #[error("a password has at most {PASSWORD_CHARS_MAX} characters")]
    PasswordLong,
    /// Among the first an attacker tries.
    #[error("this password is among the first an attacker tries; take another")]
    PasswordCommon,
    /// Guessed sooner than a guesser gives up.
    #[error("this password is too easy to guess; take four unrelated words, or more characters")]
    PasswordGuessable,
    /// Nothing is made for somebody who is kept out.
    #[error("`{0}` is disabled")]
    UserDisabled(String),
    /// One's own second step is removed with a code of it.
    #[error("nobody resets their own second step; use the own account")]
    OwnSecondFactor,
    /// The person has no second step.
    #[error("no second step is set up")]
    SecondFactorAbsent,
    /// A token carries roles of its owner only.
    #[error("the role `{0}` is not one of the owner's, so no token carries it")]
    TokenRole(String),
    /// A person has at most [`super::TOKENS_MAX`] tokens.
    #[error("a person has at most {} tokens; revoke one first", super::TOKENS_MAX)]
    TokenLimit,
    /// No such token of this user.
    #[error("there is no such token")]
    TokenUnknown,
    /// A token lives from one to [`super::TOKEN_DAYS_MAX`] days.
    #[error("a token lives from 1 to {} days", super::TOKEN_DAYS_MAX)]
    TokenTerm,
}

impl Refusal for AccountRefusal {
    fn code(&self) -> &'static str {
        match self {
            Self::LoginMalformed(_) => "account.login_malformed",
            Self::LoginTaken(_) => "account.login_taken",
            Self::UserUnknown(_) => "account.user_unknown",
            Self::OrganizationUnknown(_) => "account.organization_unknown",
            Self::OrganizationExists(_) => "account.organization_exists",
            Self::OrganizationNameless => "account.organization_nameless",
            Self::Name(_) => "account.name",
            Self::MailboxMalformed(_) => "account.mailbox_malformed",
            Self::RoleUnknown(_) => "account.role_unknown",
            Self::RoleMissing => "account.role_missing",
            Self::OwnRoles => "account.own_roles",
            Self::RoleReserved(_) => "account.role_reserved",
            Self::NodeRole(_) => "account.node_role",
            Self::OwnPassword => "account.own_password",
            Self::LastAdmin => "account.last_admin",
            Self::PasswordShort => "account.password_short",
            Self::PasswordLong => "account.password_long",
            Self::PasswordCommon => "account.password_common",
            Self::PasswordGuessable => "account.password_guessable",
            Self::UserDisabled(_) => "account.user_disabled",
            Self::OwnSecondFactor => "account.own_second_factor",
            Self::SecondFactorAbsent => "account.second_factor_absent",
            Self::TokenRole(_) => "account.token_role",
            Self::TokenLimit => "account.token_limit",
            Self::TokenUnknown => "account.token_unknown",
            Self::TokenTerm => "account.token_term",
        }
    }
}

/// Why nobody was logged in.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LoginRefusal {
    /// Unknown login, wrong password or disabled user: which of them is not told.
    #[error("the login or the password is wrong")]
    Wrong,
    /// Too many attempts from this address or for this login.
    #[error("too many attempts; try again in {seconds} seconds")]
    TryLater {
        /// How long to wait.
        seconds: i64,
    },
    /// More people log in at this moment than passwords can be checked.
    #[error("too many people are logging in at this moment; try again in a few seconds")]
    Busy,
}

impl Refusal for LoginRefusal {
    fn code(&self) -> &'static str {
        match self {
            Self::Wrong => "login.wrong",
            Self::TryLater { .. } => "login.try_later",
            Self::Busy => "login.busy",
        }
    }
}

/// Why one's own password was not changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PasswordRefusal {
    /// The current password does not fit.
    #[error("the current password is wrong")]
    CurrentWrong,
    /// The new password is the current one.
    #[error("the new password is the current one")]
    Unchanged,
    /// The new password is too short, too long or too common.
    #[error(transparent)]
    New(#[from] AccountRefusal),
    /// Too many attempts.
    #[error("too many attempts; try again in {seconds} seconds")]
    TryLater {
        /// How long to wait.
        seconds: i64,
    },
    /// More passwords are being checked at this moment than can be.
    #[error("too many people are logging in at this moment; try again in a few seconds")]
    Busy,
}

impl Refusal for PasswordRefusal {
    fn code(&self) -> &'static str {
        match self {
            Self::CurrentWrong => "password.current_wrong",
            Self::Unchanged => "password.unchanged",
            Self::New(refusal) => refusal.code(),
            Self::TryLater { .. } => "password.try_later",
            Self::Busy => "password.busy",
        }
    }
}
