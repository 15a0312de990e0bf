//! Signing in and out, the session cookie, forms from elsewhere, tokens of the API.

use actix_web::{
    cookie::{Cookie, SameSite},
    http::{StatusCode, header},
    test::TestRequest,
};
use lianshi_store::accounts::{DEVICE_DAYS, IDLE_MS, Role};
use lianshi_web::session::{DEVICE_COOKIE, SESSION_COOKIE};

use crate::support::{Node, PASSWORD, app, get, pass, post, send, sign_in};

fn credentials(login: &str, password: &str) -> String {
    format!("login={login}&password={}&next=%2Fsubscriptions", password.replace(' ', "+"))
}

#[actix_web::test]
async fn a_person_signs_in_works_and_signs_out() {
    let node = Node::new();
    node.person("buyer", 1, &[Role::Buyer]);
    let app = app!(node);
    let asked = send(&app, get("/account?x=1")).await;
    assert_eq!(asked.status, StatusCode::SEE_OTHER);
    assert_eq!(asked.location, "/login?next=%2Faccount%3Fx%3D1");
    let words = "Sign in to go on";
    assert!(send(&app, get(&asked.location)).await.body.contains(words), "why there is a form");
    assert!(!send(&app, get("/login")).await.body.contains(words), "nothing was asked for");
    let answer = send(&app, post("/login", &credentials("buyer", PASSWORD))).await;
    assert_eq!(
        (answer.status, answer.location.as_str()),
        (StatusCode::SEE_OTHER, "/subscriptions")
    );
    let device = answer.cookies.iter().find(|c| c.name().starts_with(DEVICE_COOKIE)).unwrap();
    assert_eq!((device.secure(), device.http_only()), (Some(true), Some(true)));
    assert_eq!((device.path(), device.domain()), (Some("/"), None));
    assert_eq!(
        device.max_age().map(actix_web::cookie::time::SignedDuration::whole_days),
        Some(DEVICE_DAYS),
        "it stays"
    );
    assert!(!device.name().contains("buyer"), "nobody who looks at the browser reads the login");
    let cookie = answer.cookies.into_iter().find(|c| c.name().starts_with(SESSION_COOKIE)).unwrap();
    assert_eq!(cookie.name(), "__Host-lianshi-session-yinzhou", "nodes may share a host");
    assert_eq!(cookie.secure(), Some(true));
    assert_eq!(cookie.http_only(), Some(true));
    assert_eq!(cookie.same_site(), Some(SameSite::Lax));
    assert_eq!((cookie.path(), cookie.domain()), (Some("/"), None));
    assert_eq!(cookie.value().len(), 64, "256 random bits");
    let page = send(&app, get("/").cookie(cookie.clone())).await;
    assert_eq!(page.status, StatusCode::OK);
    assert!(page.body.contains("Test unit 1"), "{}", page.body);
    let form = format!("csrf={}", page.csrf());
    let out = send(&app, post("/logout", &form).cookie(cookie.clone())).await;
    assert_eq!((out.status, out.location.as_str()), (StatusCode::SEE_OTHER, "/"));
    assert!(out.headers.contains_key("clear-site-data"));
    let after = send(&app, get("/account").cookie(cookie)).await;
    assert_eq!(after.status, StatusCode::SEE_OTHER, "the session is gone");
}

#[actix_web::test]
async fn a_person_says_where_they_hear_of_things_and_takes_it_back() {
    let node = Node::new();
    node.person("buyer", 1, &[Role::Buyer]);
    let app = app!(node);
    let cookie = sign_in(&app, "buyer").await;
    let see = async |path: &str| send(&app, get(path).cookie(cookie.clone())).await;
    let set = async |address: &str| {
        let token = see("/account/mailbox").await.csrf();
        let form = format!("csrf={token}&mailbox={}", address.replace('@', "%40"));
        send(&app, post("/account/mailbox", &form).cookie(cookie.clone())).await
    };
    let wrong = set("buyer").await;
    assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(wrong.body.contains("href=\"#mailbox\""), "{}", wrong.body);
    assert!(wrong.body.contains("value=\"buyer\""), "what was typed stays: {}", wrong.body);
    let done = set("buyer@office.example").await;
    assert_eq!(
        (done.status, done.location.as_str()),
        (StatusCode::SEE_OTHER, "/account?done=mailbox")
    );
    assert!(see(&done.location).await.body.contains("Where notices go was saved"));
    assert!(see("/account").await.body.contains("buyer@office.example"));
    assert_eq!(set("").await.status, StatusCode::SEE_OTHER);
    assert!(!see("/account").await.body.contains("buyer@office.example"));
}

#[actix_web::test]
async fn a_form_sent_without_a_session_leads_back_to_its_page() {
    let node = Node::new();
    let app = app!(node);
    let sent = send(&app, post("/account/tokens", "label=x")).await;
    assert_eq!(sent.status, StatusCode::SEE_OTHER);
    assert_eq!(sent.location, "/login?next=%2Faccount");
}

#[actix_web::test]
async fn every_way_to_fail_looks_the_same() {
    let node = Node::new();
    node.person("buyer", 1, &[Role::Buyer]);
    node.person("gone", 1, &[Role::Buyer]);
    lianshi_store::accounts::set_disabled(
        &node.site,
        &lianshi_store::audit::Actor::node(),
        (&lianshi_store::accounts::Scope::Node, "gone"),
        true,
    )
    .unwrap();
    let app = app!(node);
    let mut bodies = Vec::new();
    for (login, password) in [("buyer", "wrong password"), ("nobody", PASSWORD), ("gone", PASSWORD)]
    {
        let answer = send(&app, post("/login", &credentials(login, password))).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert!(answer.cookies.iter().all(|cookie| !cookie.name().starts_with(SESSION_COOKIE)));
        let token = answer.csrf();
        bodies.push(answer.body.replace(&token, "").replace(&format!("value=\"{login}\""), ""));
    }
    assert_eq!(bodies[0], bodies[1]);
    assert_eq!(bodies[0], bodies[2]);
    assert!(bodies[0].contains("<title>Error:"), "{}", bodies[0]);
}

#[actix_web::test]
async fn guessing_is_slowed_with_the_time_to_wait() {
    let node = Node::on_clock::<1>();
    node.person("buyer", 1, &[Role::Buyer]);
    let app = app!(node);
    for _ in 0..5 {
        let answer = send(&app, post("/login", &credentials("buyer", "wrong password"))).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    }
    let answer = send(&app, post("/login", &credentials("buyer", PASSWORD))).await;
    assert_eq!(answer.status, StatusCode::TOO_MANY_REQUESTS);
    assert!(answer.body.contains("second"), "{}", answer.body);
    pass::<1>(2000);
    let answer = send(&app, post("/login", &credentials("buyer", PASSWORD))).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER);
}

#[actix_web::test]
async fn forms_from_elsewhere_and_with_foreign_tokens_are_refused() {
    let node = Node::new();
    node.person("buyer", 1, &[Role::Buyer]);
    node.person("other", 2, &[Role::Buyer]);
    let app = app!(node);
    let (own, foreign) = (sign_in(&app, "buyer").await, sign_in(&app, "other").await);
    let token = send(&app, get("/").cookie(own.clone())).await.csrf();
    let foreign_token = send(&app, get("/").cookie(foreign)).await.csrf();
    let form = format!("csrf={token}");
    let attempts = [
        post("/logout", "").cookie(own.clone()),
        post("/logout", &format!("csrf={foreign_token}")).cookie(own.clone()),
        post("/logout", &form).cookie(own.clone()).insert_header(("sec-fetch-site", "cross-site")),
        plain("/logout", &form)
            .cookie(own.clone())
            .insert_header((header::ORIGIN, "http://evil.example")),
        plain("/logout", "").cookie(own.clone()),
    ];
    for attempt in attempts {
        let answer = send(&app, attempt).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{}", answer.body);
    }
    let still = send(&app, get("/account").cookie(own.clone())).await;
    assert_ne!(still.location, "/login?next=%2Faccount", "still signed in");
    let without_headers = send(&app, plain("/logout", &form).cookie(own)).await;
    assert_eq!(without_headers.status, StatusCode::SEE_OTHER, "an old browser has the token");
}

/// A form without any header that names its origin.
fn plain(path: &str, body: &str) -> TestRequest {
    TestRequest::post()
        .uri(path)
        .insert_header(("content-type", "application/x-www-form-urlencoded"))
        .insert_header(("host", "127.0.0.1:8800"))
        .set_payload(body.to_owned())
}

#[actix_web::test]
async fn the_sign_in_form_of_an_old_browser_needs_its_cookie() {
    let node = Node::new();
    node.person("buyer", 1, &[Role::Buyer]);
    let app = app!(node);
    let form = send(&app, get("/login?next=//evil.example")).await;
    assert!(form.body.contains("name=\"next\" value=\"/\""), "{}", form.body);
    let token = form.csrf();
    let body = format!("csrf={token}&{}", credentials("buyer", PASSWORD));
    let without = send(&app, plain("/login", &body)).await;
    assert_eq!(without.status, StatusCode::FORBIDDEN);
    let cookie = form.cookies.iter().find(|c| c.value() == token).unwrap().clone();
    let with = send(&app, plain("/login", &body).cookie(cookie)).await;
    assert_eq!(with.status, StatusCode::SEE_OTHER);
}

#[actix_web::test]
async fn a_session_ends_when_idle_and_an_invented_one_is_nobody() {
    let node = Node::on_clock::<2>();
    node.person("buyer", 1, &[Role::Buyer]);
    let app = app!(node);
    let cookie = sign_in(&app, "buyer").await;
    pass::<2>(IDLE_MS);
    let answer = send(&app, get("/account").cookie(cookie)).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER);
    let invented = Cookie::new(format!("{SESSION_COOKIE}yinzhou"), "00".repeat(32));
    let answer = send(&app, get("/account").cookie(invented)).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER);
}

#[actix_web::test]
async fn signing_in_again_gives_a_new_id_and_ends_the_old_session() {
    let node = Node::new();
    node.person("buyer", 1, &[Role::Buyer]);
    let app = app!(node);
    let first = sign_in(&app, "buyer").await;
    let again = post("/login", &credentials("buyer", PASSWORD)).cookie(first.clone());
    let answer = send(&app, again).await;
    let second = answer.cookies.into_iter().find(|c| c.name().starts_with(SESSION_COOKIE)).unwrap();
    assert_ne!(first.value(), second.value());
    let old = send(&app, get("/account").cookie(first)).await;
    assert_eq!(old.status, StatusCode::SEE_OTHER);
}

#[actix_web::test]
async fn the_api_knows_tokens_and_no_cookies() {
    let node = Node::new();
    node.person("buyer", 1, &[Role::Buyer]);
    let app = app!(node);
    let cookie = sign_in(&app, "buyer").await;
    let path = "/api/v1/subscriptions";
    for spelling in ["/%61pi/v1/subscriptions", "/api%2fv1/subscriptions"] {
        let with_cookie = send(&app, get(spelling).cookie(cookie.clone())).await;
        let refused = [StatusCode::UNAUTHORIZED, StatusCode::NOT_FOUND];
        assert!(refused.contains(&with_cookie.status), "{spelling}: {}", with_cookie.status);
    }
    let with_cookie = send(&app, get(path).cookie(cookie)).await;
    assert_eq!(with_cookie.status, StatusCode::UNAUTHORIZED);
    assert_eq!(with_cookie.json()["code"], "web.sign_in");
    let bearer =
        |token: &str| get(path).insert_header((header::AUTHORIZATION, format!("Bearer {token}")));
    let invented = send(&app, bearer(&format!("lt_{}", "0".repeat(64)))).await;
    assert_eq!(invented.status, StatusCode::UNAUTHORIZED);
    let answer = send(&app, bearer(&node.token("buyer"))).await;
    assert_ne!(answer.status, StatusCode::UNAUTHORIZED);
}
