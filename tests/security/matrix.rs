//! Who gets in: every route of a running node, for every role of the own and of a foreign
//! organization, in every spelling of its path. What must be shut stays shut in all of them, and
//! what must be open is opened.

mod expected;
mod persons;
mod spelling;

use std::collections::BTreeSet;

use futures::{StreamExt as _, stream};
use lianshi_routes::{Access, Declared};
use support::demo::Demo;

use self::{
    expected::{OPERATIONS_PORT, PUBLIC_PORT, Row, Who},
    persons::{Ground, Person},
};
use crate::raw::{Reply, Request, ask};

/// Requests under way at a time: the server has two workers.
const AT_ONCE: usize = 4;

/// What an answer says of the one who asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    In,
    SignIn,
    Forbidden,
    Absent,
    /// The request was no request, or its method none of the path.
    Unread,
}

fn verdict(reply: &Reply) -> Verdict {
    match reply.status {
        401 => Verdict::SignIn,
        303 if reply.header("location").starts_with("/login") => Verdict::SignIn,
        // Forms are sent without their token: being told so means having been let in.
        403 if reply.body.contains("our own pages") => Verdict::In,
        403 => Verdict::Forbidden,
        404 => Verdict::Absent,
        400 if reply.body.is_empty() => Verdict::Unread,
        405 => Verdict::Unread,
        _ => Verdict::In,
    }
}

/// What the path in its own spelling must answer.
fn due(row: &Row, person: &Person) -> Verdict {
    let entitled = match row.who {
        Who::Everyone => true,
        Who::SignedIn | Who::Owing(_) => person.role.is_some(),
        Who::Roles(roles) => person.role.is_some_and(|role| roles.contains(&role)),
        Who::Proof | Who::Operations => false,
    };
    match (entitled, person.role) {
        (false, None) => Verdict::SignIn,
        (false, Some(_)) if row.who == Who::Proof => Verdict::SignIn,
        (false, Some(_)) => Verdict::Forbidden,
        (true, _) if row.method == "GET" && !person.is_party(row.pattern) => Verdict::Absent,
        (true, _) => Verdict::In,
    }
}

async fn send(ground: &Ground, row: &Row, person: &Person, target: &str) -> Reply {
    let mut request = Request { method: row.method, target, ..Request::default() };
    request.headers.push(("Accept-Language", "en".to_owned()));
    request.headers.push(("Sec-Fetch-Site", "same-origin".to_owned()));
    if row.pattern.starts_with("/api/") {
        if !person.token.is_empty() {
            request.headers.push(("Authorization", format!("Bearer {}", person.token)));
        }
        request.headers.push(("Content-Type", "application/json".to_owned()));
        request.body = if row.method == "POST" { "{" } else { "" };
    } else {
        if !person.cookie.is_empty() {
            request.headers.push(("Cookie", person.cookie.clone()));
        }
        request.headers.push(("Content-Type", "application/x-www-form-urlencoded".to_owned()));
    }
    ask(&ground.web, &request).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_spelling_of_a_path_opens_what_is_shut_and_what_is_open_opens() {
    let demo = Demo::shared().await;
    let ground = Ground::of(demo, "haishu").await;
    let rows = PUBLIC_PORT.iter().filter(|row| row.who != Who::Proof);
    let cases = rows.flat_map(|row| ground.persons.iter().map(move |person| (row, person)));
    let wrong: Vec<String> = stream::iter(cases)
        .map(|(row, person)| judge(ground, row, person))
        .buffer_unordered(AT_ONCE)
        .collect::<Vec<_>>()
        .await
        .concat();
    assert!(wrong.is_empty(), "{} answers are wrong:\n{}", wrong.len(), wrong.join("\n"));
}

/// Every answer to one person at one route that is not as it must be.
async fn judge(ground: &Ground, row: &Row, person: &Person) -> Vec<String> {
    let path = ground.address(row.pattern);
    let due = due(row, person);
    let reply = send(ground, row, person, &path).await;
    let mut wrong = Vec::new();
    let mut tell = |target: &str, reply: &Reply| {
        let (status, found) = (reply.status, verdict(reply));
        let head: String = reply.body.chars().take(120).collect();
        wrong.push(format!(
            "{} {target} as {person}: {status} {found:?}, not {due:?}: {head}",
            row.method
        ));
    };
    let opened = row.method != "GET" || due != Verdict::In || Ground::opens(row, &reply);
    if verdict(&reply) != due || !opened {
        tell(&path, &reply);
    }
    for target in spelling::of(&path, &ground.web) {
        let reply = send(ground, row, person, &target).await;
        let fits = match verdict(&reply) {
            // A NUL in a query is refused before anybody asks who sent it.
            Verdict::In if reply.status == 400 && asks_for_nul(&target) => true,
            Verdict::In => due == Verdict::In,
            _ => reply.status < 500,
        };
        if !fits {
            tell(&target, &reply);
        }
    }
    wrong
}

fn asks_for_nul(target: &str) -> bool {
    target.split_once('?').is_some_and(|(_, query)| query.contains("%00"))
}

/// A form with its token, of somebody whose role fits and whose organization is not a party.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_belongs_to_another_organization_is_absent_to_forms_too() {
    let demo = Demo::shared().await;
    let mut asked = 0;
    for node in ["haishu", "yinzhou"] {
        let ground = Ground::of(demo, node).await;
        let forms = PUBLIC_PORT.iter().filter(|row| row.method == "POST" && row.who != Who::Proof);
        for row in forms {
            for person in ground.persons.iter().filter(|person| person.is_foreign()) {
                if due(row, person) != Verdict::In || person.is_party(row.pattern) {
                    continue;
                }
                let target = ground.address(row.pattern);
                let reply = if row.pattern.starts_with("/api/") {
                    let body = r#"{"decision":"agree","reason":"x","label":"x"}"#;
                    program(ground, person, (&target, row), body).await
                } else {
                    form(ground, person, &target).await
                };
                let refused = matches!(reply.status, 404 | 400) && reply.status != 200;
                assert!(refused, "{target} as {person}: {} {}", reply.status, reply.body);
                asked += usize::from(reply.status == 404);
            }
        }
    }
    assert!(asked >= 12, "only {asked} forms reached the question of whose object it is");
}

async fn form(ground: &Ground, person: &Person, target: &str) -> Reply {
    let body = format!("csrf={}", person.csrf);
    let headers = vec![
        ("Accept-Language", "en".to_owned()),
        ("Sec-Fetch-Site", "same-origin".to_owned()),
        ("Cookie", person.cookie.clone()),
        ("Content-Type", "application/x-www-form-urlencoded".to_owned()),
    ];
    ask(&ground.web, &Request { method: "POST", target, headers, body: &body }).await
}

async fn program(ground: &Ground, person: &Person, at: (&str, &Row), body: &str) -> Reply {
    let (target, row) = at;
    let body = match row.pattern.rsplit('/').next() {
        Some("decision") => r#"{"decision":"agree"}"#,
        Some("end") => r#"{"reason":"x"}"#,
        Some("keys") => r#"{"label":"x"}"#,
        _ => body,
    };
    let headers = vec![
        ("Authorization", format!("Bearer {}", person.token)),
        ("Content-Type", "application/json".to_owned()),
    ];
    ask(&ground.web, &Request { method: "POST", target, headers, body }).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_needs_its_key_however_its_path_is_spelled() {
    let demo = Demo::shared().await;
    let door = demo.door();
    let web = demo.node("yinzhou", "web");
    let path = door.url.strip_prefix(&web).expect("a call at yinzhou");
    let body = door.request.to_string();
    let send = async |target: &str, key: Option<&str>| {
        let mut headers = vec![("Content-Type", "application/json".to_owned())];
        headers.extend(key.map(|key| ("Authorization", format!("Bearer {key}"))));
        ask(&web, &Request { method: "POST", target, headers, body: &body }).await
    };
    let opened = send(path, Some(&door.key)).await;
    assert_eq!(opened.status, 200, "{}", opened.body);
    let spellings: Vec<String> = spelling::of(path, &web).collect();
    for target in std::iter::once(path).chain(spellings.iter().map(String::as_str)) {
        for key in [None, Some("no-key"), Some("")] {
            let reply = send(target, key).await;
            let shut = matches!(reply.status, 400 | 401 | 404 | 405);
            assert!(shut, "{target} with {key:?}: {} {}", reply.status, reply.body);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_port_serves_its_own_routes_only() {
    let demo = Demo::shared().await;
    let (web, ops) = (demo.node("haishu", "web"), demo.node("haishu", "ops"));
    let ground = Ground::of(demo, "haishu").await;
    for row in OPERATIONS_PORT {
        let request = Request { method: row.method, target: row.pattern, ..Request::default() };
        assert_eq!(ask(&ops, &request).await.status, 200, "{} is open there", row.pattern);
        assert_eq!(ask(&web, &request).await.status, 404, "{} is absent here", row.pattern);
        for target in spelling::of(row.pattern, &web) {
            let request = Request { target: &target, ..request.clone() };
            let status = ask(&web, &request).await.status;
            // An absolute target and one with a query name the same path.
            assert!(matches!(status, 404 | 400), "{target}: {status}");
        }
    }
    for row in PUBLIC_PORT {
        let target = ground.address(row.pattern);
        let request = Request { method: row.method, target: &target, ..Request::default() };
        let status = ask(&ops, &request).await.status;
        assert_eq!(status, 404, "{target} is absent on the operations port");
    }
}

#[test]
fn what_is_declared_is_what_was_decided_here() {
    let pages = lianshi_web::pages().declared();
    let logs = lianshi_web::logs::routes().declared();
    let witness = lianshi_web::witness::routes().declared();
    let calls = lianshi_gateway::routes().declared();
    let public = [pages, logs, witness, calls].concat();
    assert_eq!(declared(&public), decided(PUBLIC_PORT));
    assert_eq!(declared(&lianshi_node::ops::routes().declared()), decided(OPERATIONS_PORT));
}

type Named = BTreeSet<(String, String, String)>;

fn declared(routes: &[Declared]) -> Named {
    let who = |access| match access {
        Access::Owing(owed) => format!("owing {owed:?}"),
        Access::Roles(roles) => {
            let names: BTreeSet<&str> = roles.iter().map(|role| role.as_str()).collect();
            format!("{names:?}")
        }
        other => format!("{other:?}"),
    };
    let named =
        |route: &Declared| (route.pattern.to_owned(), route.method.to_owned(), who(route.access));
    routes.iter().map(named).collect()
}

fn decided(rows: &[Row]) -> Named {
    let who = |who| match who {
        Who::Owing(owed) => format!("owing [{}]", owed.join(", ")),
        Who::Roles(roles) => format!("{:?}", roles.iter().copied().collect::<BTreeSet<&str>>()),
        other => format!("{other:?}"),
    };
    let named = |row: &Row| (row.pattern.to_owned(), row.method.to_owned(), who(row.who));
    rows.iter().map(named).collect()
}
