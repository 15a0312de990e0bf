//! What a person must do before anything else: the second step, a password of their own, setting up
//! a second step; and what tokens may do.

use actix_web::{
    cookie::Cookie,
    http::{StatusCode, header},
    test::TestRequest,
};
use lianshi_store::accounts::Role;
use lianshi_web::session::SESSION_COOKIE;
use totp_rs::{Algorithm, Secret, TOTP};

use crate::support::{Answer, Node, PASSWORD, app, get, pass, post, send, sign_in};

const STEP_MS: i64 = 30_000;

fn see(path: &str, cookie: &Cookie<'static>) -> TestRequest {
    get(path).cookie(cookie.clone())
}

/// Sends a form with the token of a page.
macro_rules! submit {
    ($app:expr, $cookie:expr, $page:expr, $path:expr, $form:expr) => {{
        let token = send($app, see($page, $cookie)).await.csrf();
        let body = format!("csrf={token}&{}", $form);
        send($app, post($path, &body).cookie($cookie.clone())).await
    }};
}

fn cookie(answer: &Answer) -> Cookie<'static> {
    let cookies = answer.cookies.iter();
    cookies.clone().find(|cookie| cookie.name().starts_with(SESSION_COOKIE)).unwrap().clone()
}

/// What stands between two pieces of a page.
fn between<'b>(body: &'b str, before: &str, after: &str) -> &'b str {
    let (_, rest) = body.split_once(before).unwrap_or_else(|| panic!("no {before} in {body}"));
    rest.split_once(after).unwrap().0
}

fn code(node: &Node, secret: &str) -> String {
    let secret = Secret::Encoded(secret.to_owned()).to_bytes().unwrap();
    let totp = TOTP::new(Algorithm::SHA1, 6, 1, 30, secret).unwrap();
    totp.generate(u64::try_from(node.site.now().seconds()).unwrap())
}

/// Every page and form but the named ones leads to `page`.
macro_rules! leads_only_to {
    ($app:expr, $cookie:expr, $page:expr) => {{
        for path in ["/account", "/subscriptions", "/users", "/finance/periods", "/audit"] {
            let answer = send($app, see(path, $cookie)).await;
            assert_eq!(answer.status, StatusCode::SEE_OTHER, "{path}");
            let next = path.replace('/', "%2F");
            assert_eq!(answer.location, format!("{}?next={next}", $page));
        }
        let token = send($app, see($page, $cookie)).await.csrf();
        for path in ["/account/tokens", "/account/sessions/end", "/users"] {
            let form = post(path, &format!("csrf={token}&label=x&days=9&role=buyer"));
            let answer = send($app, form.cookie($cookie.clone())).await;
            assert_eq!(answer.location, format!("{}?next=%2F", $page), "{path}");
        }
        let public = send($app, see("/catalog", $cookie)).await;
        assert_eq!(public.status, StatusCode::OK);
        assert!(!public.body.contains("Sign out"), "nobody is signed in on public pages");
    }};
}

#[actix_web::test]
async fn a_given_password_opens_only_the_page_where_another_is_taken() {
    let node = Node::on_clock::<5>();
    node.person("buyer", 1, &[Role::Buyer]);
    node.give_password("buyer");
    let app = app!(node);
    let form = format!("login=buyer&password={}&next=%2Fbills", PASSWORD.replace(' ', "+"));
    let begun = send(&app, post("/login", &form)).await;
    assert_eq!(begun.location, "/account/password?next=%2Fbills");
    let here = cookie(&begun);
    leads_only_to!(&app, &here, "/account/password");
    let page = send(&app, see("/account/password", &here)).await;
    assert!(page.body.contains("Somebody else gave you the password"), "{}", page.body);
    let plus = |text: &str| text.replace(' ', "+");
    let new = plus("another good one");
    let form = format!("current={}&new={new}&again={new}", plus(PASSWORD));
    let path = "/account/password";
    let changed = submit!(&app, &here, path, path, form);
    assert_eq!(changed.location, "/account?done=password", "{}", changed.body);
    let open = send(&app, see("/bills", &cookie(&changed))).await;
    assert_eq!(open.status, StatusCode::OK);
    let out = send(&app, see("/bills", &here)).await;
    assert_eq!(out.location, "/login?next=%2Fbills", "the old id is nobody's");
}

#[actix_web::test]
async fn roles_with_money_set_up_a_second_step_and_pass_it_at_every_sign_in() {
    let node = Node::on_clock::<6>();
    node.person("finance", 1, &[Role::Finance]);
    let app = app!(node, Required);
    let here = sign_in(&app, "finance").await;
    let path = "/account/second-factor";
    leads_only_to!(&app, &here, path);
    let begun = submit!(&app, &here, path, "/account/second-factor/begin", "");
    assert_eq!(begun.location, path, "{}", begun.body);
    let page = send(&app, see(path, &here)).await;
    assert!(page.body.contains("<svg viewBox"), "a QR code");
    let secret = between(&page.body, "id=\"secret\">", "<").to_owned();
    let confirm = "/account/second-factor/confirm";
    let wrong = submit!(&app, &here, path, confirm, "code=000000");
    assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(wrong.body.contains("<a href=\"#code\">The code is wrong"), "{}", wrong.body);
    let done = submit!(&app, &here, path, confirm, format!("code={}", code(&node, &secret)));
    assert_eq!(done.status, StatusCode::OK, "{}", done.body);
    let codes = between(&done.body, "id=\"codes\">", "</ul>");
    assert_eq!(codes.matches("class=\"secret\"").count(), 10);
    let recovery = between(codes, "class=\"secret\">", "<").to_owned();
    let renewed = cookie(&done);
    let open = send(&app, see("/finance/periods", &renewed)).await;
    assert_eq!(open.status, StatusCode::OK);
    let old = send(&app, see("/finance/periods", &here)).await;
    assert_eq!(old.location, "/login?next=%2Ffinance%2Fperiods");
    let again = send(&app, see(path, &renewed)).await;
    assert!(!again.body.contains(&recovery) && !again.body.contains(&secret), "shown once");

    pass::<6>(STEP_MS);
    let half = sign_in(&app, "finance").await;
    leads_only_to!(&app, &half, "/login/second");
    let second = "/login/second";
    let wrong = submit!(&app, &half, second, second, "code=000000&next=%2Faudit");
    assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY, "{}", wrong.body);
    assert!(wrong.cookies.is_empty());
    let form = format!("code={}&next=%2Ffinance%2Fperiods", code(&node, &secret));
    let passed = submit!(&app, &half, second, second, form);
    assert_eq!(passed.location, "/finance/periods", "{}", passed.body);
    let open = send(&app, see("/finance/periods", &cookie(&passed))).await;
    assert_eq!(open.status, StatusCode::OK);
    let half = sign_in(&app, "finance").await;
    let by_paper = submit!(&app, &half, second, second, format!("code={recovery}&next=%2F"));
    assert_eq!(by_paper.status, StatusCode::SEE_OTHER, "{}", by_paper.body);
}

#[actix_web::test]
async fn an_administrator_resets_the_second_step_of_somebody_who_lost_it() {
    let node = Node::on_clock::<7>();
    node.person("admin", 1, &[Role::OrgAdmin]);
    node.person("buyer", 1, &[Role::Buyer]);
    let app = app!(node);
    let buyer = sign_in(&app, "buyer").await;
    let path = "/account/second-factor";
    submit!(&app, &buyer, path, "/account/second-factor/begin", "");
    let page = send(&app, see(path, &buyer)).await;
    let secret = between(&page.body, "id=\"secret\">", "<").to_owned();
    let form = format!("code={}", code(&node, &secret));
    let done = submit!(&app, &buyer, path, "/account/second-factor/confirm", form);
    let buyer = cookie(&done);
    let admin = sign_in(&app, "admin").await;
    let person = send(&app, see("/users/buyer", &admin)).await;
    assert!(person.body.contains("/users/buyer/second-factor/reset"), "{}", person.body);
    let reset = "/users/buyer/second-factor/reset";
    let done = submit!(&app, &admin, "/users/buyer", reset, "");
    assert_eq!(done.location, "/users/buyer?done=1", "{}", done.body);
    let out = send(&app, see("/account", &buyer)).await;
    assert_eq!(out.status, StatusCode::SEE_OTHER, "signed out");
    let buyer = sign_in(&app, "buyer").await;
    assert_eq!(send(&app, see("/account", &buyer)).await.status, StatusCode::OK, "one step");
}

#[actix_web::test]
async fn a_token_opens_what_its_chosen_roles_open() {
    let node = Node::new();
    node.person("both", 1, &[Role::Buyer, Role::Finance]);
    let app = app!(node);
    let here = sign_in(&app, "both").await;
    let none = submit!(&app, &here, "/account", "/account/tokens", "label=erp&days=30");
    assert_eq!(none.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(none.body.contains("<a href=\"#roles\">Choose at least one role"), "{}", none.body);
    let form = "label=erp&days=30&role=buyer";
    let made = submit!(&app, &here, "/account", "/account/tokens", form);
    let token = between(&made.body, "id=\"token\">", "<").to_owned();
    let ask =
        |path: &str| get(path).insert_header((header::AUTHORIZATION, format!("Bearer {token}")));
    let may = send(&app, ask("/api/v1/subscriptions")).await;
    assert_eq!(may.status, StatusCode::OK, "{}", may.body);
    let ended = submit!(&app, &here, "/account", "/account/sessions/end", "");
    assert_eq!(ended.location, "/login");
    let out = send(&app, ask("/api/v1/subscriptions")).await;
    assert_eq!(out.status, StatusCode::UNAUTHORIZED, "signing out everywhere ends it");
    let here = sign_in(&app, "both").await;
    let form = "label=erp&days=30&role=finance";
    let made = submit!(&app, &here, "/account", "/account/tokens", form);
    let token = between(&made.body, "id=\"token\">", "<").to_owned();
    let request = get("/api/v1/subscriptions");
    let bearer = (header::AUTHORIZATION, format!("Bearer {token}"));
    let may_not = send(&app, request.insert_header(bearer)).await;
    assert_eq!(may_not.status, StatusCode::FORBIDDEN, "no buyer's token");
}

#[actix_web::test]
async fn signing_in_over_plain_http_from_elsewhere_says_why_it_cannot_work() {
    let node = Node::new();
    node.person("buyer", 1, &[Role::Buyer]);
    let app = app!(node);
    let elsewhere = ("host", "192.0.2.10:8800");
    let page = send(&app, get("/login").insert_header(elsewhere)).await;
    assert!(page.body.contains("this page came over plain HTTP"), "{}", page.body);
    assert!(!page.body.contains("type=password"), "no password is asked for");
    let form = format!("login=buyer&password={}", PASSWORD.replace(' ', "+"));
    let sent = TestRequest::post()
        .uri("/login")
        .insert_header(("accept-language", "en"))
        .insert_header(("content-type", "application/x-www-form-urlencoded"))
        .insert_header(elsewhere)
        .insert_header((header::ORIGIN, "http://192.0.2.10:8800"))
        .set_payload(form);
    let sent = send(&app, sent).await;
    assert!(sent.cookies.iter().all(|cookie| !cookie.name().starts_with(SESSION_COOKIE)));
    let behind =
        get("/login").insert_header(elsewhere).insert_header(("x-forwarded-proto", "https"));
    assert!(send(&app, behind).await.body.contains("type=password"));
}
