//! The signed-in caller, as handlers ask for it.

use std::future::{Ready, ready};

use actix_web::{FromRequest, HttpMessage as _, HttpRequest, dev::Payload};
use lianshi_store::{
    accounts::{Owed, SecondFactorRule, Session, User},
    audit::Actor,
};

use crate::{
    problem::Problem,
    visitor::{SessionEnd, SignedIn, Visitor},
};

/// Whoever makes the request, put there by the middleware.
#[derive(Debug, Clone)]
pub struct Caller {
    /// Who.
    pub user: User,
    /// Their session; none for an API token.
    pub session: Option<Session>,
    /// The token for the forms of the page being made.
    pub csrf_token: String,
}

impl Caller {
    /// What they must do before anything else; a program owes nothing.
    pub fn owes(&self, rule: SecondFactorRule) -> Option<Owed> {
        self.session.as_ref().and_then(|session| session.owes(rule))
    }

    /// Them, as the audit trail names them: a program with their token is not them.
    pub fn actor(&self) -> Actor {
        let actor = self.user.actor();
        if self.session.is_some() { actor } else { actor.by_token() }
    }

    /// Them, as the page frame shows them.
    pub fn visitor(&self) -> Visitor {
        Visitor(Some(SignedIn {
            user: self.user.id.clone(),
            login: self.user.login.clone(),
            name: self.user.display_name.clone(),
            organization: self.user.organization.to_string(),
            organization_name: self.user.organization_name.clone(),
            roles: self.user.roles.iter().map(ToString::to_string).collect(),
            csrf: self.csrf_token.clone(),
            session: self
                .session
                .as_ref()
                .map(|session| SessionEnd { idle: session.ends_at(), last: session.last_at() }),
        }))
    }
}

impl FromRequest for Caller {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(request.extensions().get::<Self>().cloned().ok_or(Problem::SignIn))
    }
}
