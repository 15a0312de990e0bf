//! Who is looking at a page. The session layer puts a [`Visitor`] into the request's extensions;
//! where it put none, the visitor is anonymous.

use lianshi_registry::{entry::Texts, time::Timestamp};
use lianshi_store::accounts::Owed;

use crate::preferences;

/// Whoever made the request.
#[derive(Debug, Clone, Default)]
pub struct Visitor(pub Option<SignedIn>);

/// A signed-in person, as the pages need to know them.
#[derive(Debug, Clone)]
pub struct SignedIn {
    /// Id of the user.
    pub user: String,
    /// The name they sign in with.
    pub login: String,
    /// The name they are called by.
    pub name: String,
    /// Unified social credit code of their organization.
    pub organization: String,
    /// Its name.
    pub organization_name: Texts,
    /// Their roles, as stored: `buyer`, `finance` …
    pub roles: Vec<String>,
    /// The token every form of this session must carry.
    pub csrf: String,
    /// When the session ends unless it is used, and at the latest; none for a program.
    pub session: Option<SessionEnd>,
}

/// The end of a session.
#[derive(Debug, Clone, Copy)]
pub struct SessionEnd {
    /// Unless it is used before.
    pub idle: Timestamp,
    /// However much it is used.
    pub last: Timestamp,
}

/// The page where a person does what they must do before anything else, and where they go then.
pub fn owed_path(owed: Owed, next: &str) -> String {
    let page = match owed {
        Owed::SecondStep => "/login/second",
        Owed::OwnPassword => "/account/password",
        Owed::SecondFactor => "/account/second-factor",
    };
    format!("{page}?next={}", preferences::encode(next))
}

impl SignedIn {
    /// Whether the person has at least one of these roles.
    pub fn has_any(&self, roles: &[&str]) -> bool {
        self.roles.iter().any(|role| roles.contains(&role.as_str()))
    }
}

impl Visitor {
    /// The signed-in person, if any.
    pub fn signed_in(&self) -> Option<&SignedIn> {
        self.0.as_ref()
    }

    /// Whether somebody with one of these roles looks.
    pub fn has_any(&self, roles: &[&str]) -> bool {
        self.0.as_ref().is_some_and(|person| person.has_any(roles))
    }
}
