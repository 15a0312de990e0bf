//! Accounts: the organizations people act for, the people, what they may do, and how they prove who
//! they are. Passwords are kept as Argon2id hashes, session ids and API tokens as SHA-256 hashes,
//! so that a stolen database opens nothing.
//!
//! What is true here: a disabled user is out at the next request; a token ends with the password,
//! the sessions and the account of its owner; a password somebody else gave opens nothing but the
//! page where another is taken; whoever guesses passwords waits longer and longer, and keeps nobody
//! out but those who share their address, who get in with a browser that signed in before; an
//! unknown login, a wrong password and a disabled user get the same answer after the same work.

mod device;
mod given_password;
mod login;
mod mailbox;
mod organization;
mod own_password;
pub(crate) mod password;
mod refusal;
mod role;
mod second_factor;
mod secret;
mod session;
mod strength;
mod throttle;
mod token;
mod user;

pub use device::DEVICE_DAYS;
pub use given_password::keep_password;
pub use login::{Attempt, NewSession, log_in, normal_login};
pub(crate) use mailbox::{Audience, mailboxes_of};
pub use mailbox::{Mailbox, mailbox, set_mailbox, set_own_mailbox};
pub use organization::{
    ENTERPRISE, OrganizationRecord, add_organization, organization, organizations,
};
pub use own_password::{PasswordChange, change_password};
pub use password::{PASSWORD_CHARS_MAX, PASSWORD_CHARS_MIN};
pub use refusal::{AccountRefusal, LoginRefusal, PasswordRefusal};
pub use role::Role;
pub use second_factor::{
    Enrolled, SecondFactor, SecondFactorOffer, SecondFactorRefusal, SecondFactorRule,
    confirm_second_factor, offer_second_factor, prove_second_step, remove_second_factor,
    renew_recovery_codes, reset_second_factor, second_factor, waiting_second_factor,
};
pub use secret::{random_bytes, random_grouped, random_hex};
pub use session::{
    ABSOLUTE_MS, IDLE_MS, Owed, Session, Standing, end_session, end_sessions, resume_session,
    sessions_of, sweep,
};
pub use token::{
    NewToken, TOKEN_DAYS_MAX, TOKENS_MAX, Token, TokenOrder, create_token, revoke_token, tokens_of,
    user_by_token,
};
pub use user::{
    NewUser, Scope, User, add_user, set_disabled, set_password, set_roles, user_by_login, users,
};
