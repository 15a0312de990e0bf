//! Every route for every role: what is declared decides, nothing else does. Whether the right thing
//! is declared, and whether a running server keeps to it, is asked in `tests/security`.

use actix_web::http::{StatusCode, header};
use lianshi_routes::{Access, Declared, headers::SECURITY};
use lianshi_store::accounts::Role;

use crate::support::{Answer, Node, app, get, post, send, sign_in};

/// What the table says about one role, `None` being an anonymous visitor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Expected {
    In,
    SignIn,
    Forbidden,
}

fn expected(access: Access, role: Option<Role>) -> Expected {
    match (access, role) {
        // These people owe nothing; `secrets.rs` asks those who do.
        (Access::Everyone, _) | (Access::SignedIn | Access::Owing(_), Some(_)) => Expected::In,
        (_, None) => Expected::SignIn,
        (Access::Roles(roles), Some(role)) if roles.contains(&role) => Expected::In,
        (Access::Roles(_), Some(_)) => Expected::Forbidden,
        (Access::Proof | Access::Operations, Some(_)) => panic!("no page is opened so"),
    }
}

fn found(route: &Declared, answer: &Answer) -> Expected {
    let api = route.pattern.starts_with("/api/");
    let to_login = answer.location.starts_with("/login");
    match answer.status {
        StatusCode::UNAUTHORIZED if api => Expected::SignIn,
        StatusCode::SEE_OTHER if to_login => Expected::SignIn,
        // The forms are sent without a token: being told so means having been let in.
        StatusCode::FORBIDDEN if answer.body.contains("our own pages") => Expected::In,
        StatusCode::FORBIDDEN => Expected::Forbidden,
        _ => Expected::In,
    }
}

/// An address of the route; ids that fit and exist nowhere.
fn address(pattern: &str) -> String {
    pattern
        .replace("{number}", "330212-P-2026-0000001-4")
        .replace("{period}", "2026-10")
        .replace("{login}", "nobody")
        .replace("{name}", "none.css")
        .replace("{id}", "S-00000000000000000000000000")
        .replace("{key}", "K-1")
        .replace("{node}", "nobody")
        .replace("{generation}", "1")
        .replace("{index}", "0")
}

#[actix_web::test]
async fn every_route_is_open_to_exactly_the_roles_of_its_declaration() {
    let node = Node::new();
    for role in Role::ALL {
        node.person(&role.to_string(), 1, &[role]);
    }
    let app = app!(node);
    let declared = lianshi_web::pages().declared();
    for role in std::iter::once(None).chain(Role::ALL.map(Some)) {
        let cookie = match role {
            Some(role) => Some(sign_in(&app, &role.to_string()).await),
            None => None,
        };
        let token = role.map(|role| node.token(&role.to_string()));
        for route in declared.iter().filter(|route| route.pattern != "/login") {
            let path = address(route.pattern);
            let mut request = if route.method == "GET" { get(&path) } else { post(&path, "") };
            if route.pattern.starts_with("/api/") {
                if let Some(token) = &token {
                    let bearer = format!("Bearer {token}");
                    request = request.insert_header((header::AUTHORIZATION, bearer));
                }
            } else if let Some(cookie) = &cookie {
                request = request.cookie(cookie.clone());
            }
            let answer = send(&app, request).await;
            assert_eq!(
                found(route, &answer),
                expected(route.access, role),
                "{} {} as {role:?}: {} {}",
                route.method,
                route.pattern,
                answer.status,
                answer.body
            );
            assert!(answer.status.as_u16() < 500, "{} {}: {}", route.method, path, answer.body);
        }
    }
}

#[actix_web::test]
async fn every_form_of_a_signed_in_person_demands_its_token() {
    let node = Node::new();
    node.person("everything", 1, &Role::ALL);
    let app = app!(node);
    let cookie = sign_in(&app, "everything").await;
    let declared = lianshi_web::pages().declared();
    let forms = declared.iter().filter(|route| {
        route.method == "POST"
            && route.access != Access::Everyone
            && !route.pattern.starts_with("/api/")
    });
    for route in forms {
        let request = post(&address(route.pattern), "x=1").cookie(cookie.clone());
        let answer = send(&app, request).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{}", route.pattern);
        assert!(answer.body.contains("our own pages"), "{}: {}", route.pattern, answer.body);
    }
}

#[actix_web::test]
async fn every_answer_carries_the_same_protective_headers() {
    let node = Node::new();
    let app = app!(node);
    let declared = lianshi_web::pages().declared();
    for route in declared.iter().filter(|route| route.method == "GET") {
        let answer = send(&app, get(&address(route.pattern))).await;
        for (name, value) in SECURITY {
            let found = answer.headers.get(name).and_then(|value| value.to_str().ok());
            assert_eq!(found, Some(value), "{} {name}", route.pattern);
        }
    }
}
