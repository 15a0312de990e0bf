//! How every HTTP service of a node declares what it answers: method, path, who may ask and the
//! handler, in one statement. The check travels with the handler, so no spelling of a path can
//! reach the one without the other; a handler nobody declared cannot be registered.

pub mod head;
pub mod headers;
pub mod pace;
pub mod proxies;

use actix_web::{
    Error, FromRequest, Handler, HttpRequest, HttpResponse, Resource, Responder, Route, Scope,
    body::BoxBody,
    dev::{ServiceRequest, ServiceResponse},
    http::{
        StatusCode,
        header::{ALLOW, HeaderValue},
    },
    middleware::{Next, from_fn},
    web,
};
use futures::future::LocalBoxFuture;
use lianshi_store::accounts::{Owed, Role};

/// Who may use a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Anyone.
    Everyone,
    /// Anyone who is signed in.
    SignedIn,
    /// Anyone who is signed in, also while they owe one of these things.
    Owing(&'static [Owed]),
    /// Whoever has at least one of these roles.
    Roles(&'static [Role]),
    /// Whoever sends what the handler itself verifies before anything else: a product's access
    /// key, a log's signature.
    Proof,
    /// Whoever reaches the operations port, which is never open to the outside.
    Operations,
}

/// One route as it was declared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Declared {
    /// `GET` (with `HEAD`, see [`head::answer`]) or `POST`.
    pub method: &'static str,
    /// The whole path with its `{parameters}`.
    pub pattern: &'static str,
    /// Who may use it.
    pub access: Access,
}

/// Decides on every request before its handler sees it.
pub trait Judge: Copy + 'static {
    /// Lets the request go on to what was declared, or says why not.
    fn judge(
        self,
        request: &ServiceRequest,
        declared: Declared,
    ) -> LocalBoxFuture<'_, Result<(), Error>>;

    /// The answer to a method that the path does not have; the methods it has are added.
    fn wrong_method(self, _: &HttpRequest) -> HttpResponse {
        HttpResponse::new(StatusCode::METHOD_NOT_ALLOWED)
    }
}

/// The judge of services that know no people: whatever is not open, or proved to the handler, is
/// refused as absent.
#[derive(Debug, Clone, Copy)]
pub struct NoPeople;

impl Judge for NoPeople {
    fn judge(
        self,
        _: &ServiceRequest,
        declared: Declared,
    ) -> LocalBoxFuture<'_, Result<(), Error>> {
        let open = match declared.access {
            Access::Everyone | Access::Proof | Access::Operations => Ok(()),
            Access::SignedIn | Access::Owing(_) | Access::Roles(_) => {
                Err(actix_web::error::ErrorNotFound(""))
            }
        };
        Box::pin(std::future::ready(open))
    }
}

/// The routes of one service, below one prefix.
pub struct Routes<J> {
    prefix: &'static str,
    judge: J,
    paths: Vec<Path>,
}

/// One path with its methods.
struct Path {
    pattern: &'static str,
    methods: Vec<(Declared, Route)>,
}

impl<J: Judge> Routes<J> {
    /// No routes yet. Every pattern declared begins with `prefix`.
    pub fn new(prefix: &'static str, judge: J) -> Self {
        Self { prefix, judge, paths: Vec::new() }
    }

    /// Declares a `GET`.
    pub fn get<F, Args>(&mut self, pattern: &'static str, access: Access, handler: F) -> &mut Self
    where
        F: Handler<Args>,
        Args: FromRequest + 'static,
        F::Output: Responder + 'static,
    {
        self.declare(Declared { method: "GET", pattern, access }, web::get().to(handler))
    }

    /// Declares a `POST`.
    pub fn post<F, Args>(&mut self, pattern: &'static str, access: Access, handler: F) -> &mut Self
    where
        F: Handler<Args>,
        Args: FromRequest + 'static,
        F::Output: Responder + 'static,
    {
        self.declare(Declared { method: "POST", pattern, access }, web::post().to(handler))
    }

    fn declare(&mut self, declared: Declared, route: Route) -> &mut Self {
        let method = (declared, judged(route, self.judge, declared));
        match self.paths.iter_mut().find(|path| path.pattern == declared.pattern) {
            Some(path) => path.methods.push(method),
            None => {
                self.paths.push(Path { pattern: declared.pattern, methods: vec![method] });
            }
        }
        self
    }

    /// Adds what a room declares.
    pub fn with(&mut self, declare: fn(&mut Self)) -> &mut Self {
        declare(self);
        self
    }

    /// Everything declared so far.
    pub fn declared(&self) -> Vec<Declared> {
        let methods = self.paths.iter().flat_map(|path| &path.methods);
        methods.map(|(declared, _)| *declared).collect()
    }

    /// What the server takes: every path, `405` with `Allow` for a method it does not have, and
    /// `otherwise` for every other path below the prefix.
    ///
    /// # Panics
    ///
    /// When a pattern does not begin with the prefix or a method was declared twice: such a program
    /// does not start.
    pub fn scope<F, Args>(self, otherwise: F) -> Scope
    where
        F: Handler<Args>,
        Args: FromRequest + 'static,
        F::Output: Responder + 'static,
    {
        let (prefix, judge) = (self.prefix, self.judge);
        let anything = Declared { method: "*", pattern: "*", access: Access::Everyone };
        self.paths
            .into_iter()
            .fold(web::scope(prefix), |scope, path| scope.service(path.resource(prefix, judge)))
            .default_service(judged(web::to(otherwise), judge, anything))
    }
}

impl Path {
    fn resource(self, prefix: &str, judge: impl Judge) -> Resource {
        let below = self.pattern.strip_prefix(prefix);
        assert!(below.is_some(), "{} is not below {prefix}", self.pattern);
        let mut allowed: Vec<&str> = Vec::new();
        let mut resource = web::resource(below.unwrap_or_default());
        for (declared, route) in self.methods {
            let twice = allowed.contains(&declared.method);
            assert!(!twice, "{} {} is declared twice", declared.method, declared.pattern);
            allowed.push(declared.method);
            if declared.method == "GET" {
                allowed.push("HEAD");
            }
            resource = resource.route(route);
        }
        let allow = HeaderValue::from_str(&allowed.join(", ")).ok();
        let wrong = web::to(move |request: HttpRequest| {
            let mut response = judge.wrong_method(&request);
            if let Some(allow) = &allow {
                response.headers_mut().insert(ALLOW, allow.clone());
            }
            std::future::ready(response)
        });
        let anything = Declared { method: "*", pattern: self.pattern, access: Access::Everyone };
        resource.default_service(judged(wrong, judge, anything))
    }
}

/// The handler behind its check.
fn judged(route: Route, judge: impl Judge, declared: Declared) -> Route {
    route.wrap(from_fn(move |request: ServiceRequest, next: Next<BoxBody>| async move {
        match judge.judge(&request, declared).await {
            Ok(()) => next.call(request).await,
            Err(error) => {
                let (request, _) = request.into_parts();
                Ok(ServiceResponse::from_err(error, request))
            }
        }
    }))
}

#[cfg(test)]
mod tests;
