//! A subscription from the first step to its end, through the pages and through the API, and what
//! other organizations see of it: nothing.

use actix_web::{
    cookie::Cookie,
    http::{StatusCode, header},
    test::TestRequest,
};
use lianshi_store::accounts::Role;
use serde_json::{Value, json};

use crate::support::{Answer, Node, app, get, post, send, sign_in};

/// An id of the right form that nobody has.
const ABSENT: &str = "S-00000000000000000000000000";

/// The token of any page.
macro_rules! csrf {
    ($app:expr, $cookie:expr) => {
        send($app, get("/account").cookie($cookie.clone())).await.csrf()
    };
}

/// Asks for the product with the given plan and returns the subscription's id.
macro_rules! ask {
    ($app:expr, $cookie:expr, $number:expr, $plan:expr) => {{
        let token = csrf!($app, $cookie);
        let form = format!("csrf={token}&plan={}&months=6&note=checking+addresses", $plan);
        let path = format!("/products/{}/subscribe", $number);
        let sent = send($app, post(&path, &form).cookie($cookie.clone())).await;
        assert_eq!(sent.status, StatusCode::SEE_OTHER, "{}", sent.body);
        let id = sent.location.split('/').nth(2).unwrap().to_owned();
        assert_eq!(sent.location, format!("/subscriptions/{id}/requested"));
        id
    }};
}

fn see(path: &str, cookie: &Cookie<'static>) -> TestRequest {
    get(path).cookie(cookie.clone())
}

fn api(method: TestRequest, token: &str) -> TestRequest {
    method.insert_header((header::AUTHORIZATION, format!("Bearer {token}")))
}

fn body(path: &str, value: Value) -> TestRequest {
    TestRequest::post().uri(path).set_json(value)
}

#[actix_web::test]
async fn the_steps_keep_the_answers_and_say_what_is_wrong() {
    let node = Node::new();
    let number = node.publish();
    node.person("buyer", 1, &[Role::Buyer]);
    let app = app!(node);
    let cookie = sign_in(&app, "buyer").await;
    let base = format!("/products/{number}/subscribe");
    let plans = send(&app, see(&base, &cookie)).await;
    assert!(plans.body.contains("value=\"per-call\"") && plans.body.contains("Public good"));
    let none = send(&app, see(&format!("{base}/terms"), &cookie)).await;
    assert_eq!(none.status, StatusCode::UNPROCESSABLE_ENTITY, "no plan chosen");
    let terms = format!("{base}/terms?plan=per-call&note=secret");
    let terms = send(&app, see(&terms, &cookie)).await;
    assert_eq!(terms.status, StatusCode::OK, "{}", terms.body);
    assert!(!terms.body.contains(">secret"), "an address brings no note: {}", terms.body);
    let token = csrf!(&app, cookie);
    let step = async |step: &str, answers: &str| {
        let form = format!("csrf={token}&{answers}");
        send(&app, post(&format!("{base}/{step}"), &form).cookie(cookie.clone())).await
    };
    let wrong = step("check", "plan=per-call&months=99&note=").await;
    assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY);
    for part in ["<title>Error:", "href=\"#note\"", "href=\"#months\"", "value=\"99\""] {
        assert!(wrong.body.contains(part), "{part}: {}", wrong.body);
    }
    let answers = "plan=per-call&months=6&note=%3Cb%3E%0D%0Aaddresses";
    let good = step("check", answers).await;
    assert_eq!(good.status, StatusCode::OK);
    assert!(good.body.contains("Send request") && good.body.contains("&#60;b&#62; addresses"));
    assert!(good.body.contains("name=\"months\" value=\"6\""), "{}", good.body);
    for back in ["plan", "terms"] {
        let page = step(back, answers).await;
        assert_eq!(page.status, StatusCode::OK, "{}", page.body);
        assert!(page.body.contains("&#60;b&#62;"), "the note is kept: {}", page.body);
    }
    for (note, status) in [("a%00b", 400), ("a%E2%80%AEb", 422), ("%E2%80%8B", 422)] {
        let refused = step("check", &format!("plan=per-call&months=6&note={note}")).await;
        assert_eq!(refused.status.as_u16(), status, "{note}");
    }
    let again = send(&app, see(&format!("{base}/check?note=secret"), &cookie)).await;
    assert_eq!((again.status, again.location.as_str()), (StatusCode::SEE_OTHER, base.as_str()));
    for page in [&plans, &terms, &good] {
        let address = page
            .body
            .split("href=\"")
            .skip(1)
            .any(|link| link.split('"').next().is_some_and(|link| link.contains("note=")));
        assert!(!address && !page.body.contains("method=\"get\" action=\"/products"));
    }
    let unknown = send(&app, see("/products/330212-P-2026-0000009-1/subscribe", &cookie)).await;
    assert_eq!(unknown.status, StatusCode::NOT_FOUND);
}

#[actix_web::test]
async fn a_subscription_is_asked_for_agreed_used_and_ended_through_the_pages() {
    let node = Node::new();
    let number = node.publish();
    node.person("buyer", 1, &[Role::Buyer]);
    node.operator("operator");
    let app = app!(node);
    let buyer = sign_in(&app, "buyer").await;
    let operator = sign_in(&app, "operator").await;
    let id = ask!(&app, buyer, number, "per-call");
    let result = send(&app, see(&format!("/subscriptions/{id}/requested"), &buyer)).await;
    assert!(result.body.contains(&id) && result.body.contains("Request sent"));
    node.carry();

    let requests = send(&app, see("/provider/requests", &operator)).await;
    assert!(requests.body.contains(&format!("/provider/subscriptions/{id}")), "{}", requests.body);
    let token = csrf!(&app, operator);
    let refuse = format!("/provider/subscriptions/{id}/refuse");
    let form = format!("csrf={token}&reason=&text=no");
    let unreasoned = send(&app, post(&refuse, &form).cookie(operator.clone())).await;
    assert_eq!(unreasoned.status, StatusCode::UNPROCESSABLE_ENTITY, "{}", unreasoned.body);
    let agree = format!("/provider/subscriptions/{id}/agree");
    let form = format!("csrf={token}");
    let agreed = send(&app, post(&agree, &form).cookie(operator.clone())).await;
    assert_eq!(agreed.status, StatusCode::SEE_OTHER, "{}", agreed.body);
    node.carry();

    let path = format!("/subscriptions/{id}");
    let detail = send(&app, see(&path, &buyer)).await;
    assert!(detail.body.contains(">In force<"), "{}", detail.body);
    let token = csrf!(&app, buyer);
    let form = format!("csrf={token}&label=billing");
    let keys = format!("{path}/keys");
    let made = send(&app, post(&keys, &form).cookie(buyer.clone())).await;
    assert_eq!(made.status, StatusCode::OK, "{}", made.body);
    let secret = made.body.split("lk_").nth(1).unwrap().split('<').next().unwrap().to_owned();
    assert!(made.body.contains(&format!("/call/{number}/verify")), "{}", made.body);
    let again = send(&app, see(&keys, &buyer)).await;
    assert!(again.body.contains("billing") && !again.body.contains(&secret), "shown once");
    let unnamed = send(&app, post(&keys, &format!("csrf={token}&label=")).cookie(buyer.clone()));
    assert_eq!(unnamed.await.status, StatusCode::UNPROCESSABLE_ENTITY);

    let revoke = again.body.split("/revoke\"").next().unwrap().rsplit('"').next().unwrap();
    let revoke = format!("{revoke}/revoke");
    assert_eq!(send(&app, see(&revoke, &buyer)).await.status, StatusCode::OK, "{revoke}");
    let revoked = send(&app, post(&revoke, &format!("csrf={token}")).cookie(buyer.clone())).await;
    assert_eq!(revoked.status, StatusCode::SEE_OTHER, "{}", revoked.body);
    assert_eq!(send(&app, see(&revoke, &buyer)).await.status, StatusCode::NOT_FOUND);

    let end = format!("{path}/end");
    let silent = send(&app, post(&end, &format!("csrf={token}&reason=")).cookie(buyer.clone()));
    assert_eq!(silent.await.status, StatusCode::UNPROCESSABLE_ENTITY);
    let form = format!("csrf={token}&reason=no+longer+needed");
    let ended = send(&app, post(&end, &form).cookie(buyer.clone())).await;
    assert_eq!(ended.location, path);
    let detail = send(&app, see(&path, &buyer)).await;
    assert!(detail.body.contains("no longer needed"), "{}", detail.body);
}

#[actix_web::test]
async fn another_organization_gets_the_answer_for_what_is_absent() {
    let node = Node::new();
    let number = node.publish();
    node.person("buyer", 1, &[Role::Buyer]);
    node.person("stranger", 2, &Role::ALL);
    node.operator("operator");
    let app = app!(node);
    let buyer = sign_in(&app, "buyer").await;
    let id = ask!(&app, buyer, number, "public-good");
    node.carry();
    node.agree(&id);
    let stranger = sign_in(&app, "stranger").await;
    let csrf = csrf!(&app, stranger);
    for path in ["", "/requested", "/end", "/keys", "/keys/K-1/revoke", "/usage"] {
        let ask = |id: &str| see(&format!("/subscriptions/{id}{path}"), &stranger);
        let foreign = plain(send(&app, ask(&id)).await, &id);
        let missing = plain(send(&app, ask(ABSENT)).await, ABSENT);
        assert_eq!(foreign.0, StatusCode::NOT_FOUND, "{path}");
        assert_eq!(foreign, missing, "{path}");
    }
    let forms = [
        ("/subscriptions", "/end", "reason=x"),
        ("/subscriptions", "/keys", "label=x"),
        ("/subscriptions", "/keys/K-1/revoke", ""),
        ("/subscriptions", "/offer", "answer=accept"),
        ("/provider/subscriptions", "/agree", ""),
        ("/provider/subscriptions", "/refuse", "reason=other&text=x"),
        ("/provider/subscriptions", "/end", "reason=x"),
    ];
    for (base, path, form) in forms {
        let act = |id: &str| {
            let form = format!("csrf={csrf}&{form}");
            post(&format!("{base}/{id}{path}"), &form).cookie(stranger.clone())
        };
        let foreign = plain(send(&app, act(&id)).await, &id);
        let missing = plain(send(&app, act(ABSENT)).await, ABSENT);
        assert_eq!(foreign.0, StatusCode::NOT_FOUND, "{base} {path}");
        assert_eq!(foreign, missing, "{base} {path}");
    }
    let own = send(&app, see(&format!("/subscriptions/{id}"), &buyer)).await;
    assert!(own.body.contains(">In force<"), "nothing was changed: {}", own.body);
}

/// What is answered but for the address and the fresh token, which the frame of a page repeats.
fn plain(answer: Answer, id: &str) -> (StatusCode, String) {
    let token = answer.body.split("name=\"csrf\" value=\"").nth(1);
    let token = token.and_then(|rest| rest.split('"').next()).unwrap_or("-").to_owned();
    (answer.status, answer.body.replace(&token, "").replace(id, ""))
}

#[actix_web::test]
async fn another_organizations_programs_get_the_answer_for_what_is_absent() {
    let node = Node::new();
    let number = node.publish();
    node.person("buyer", 1, &[Role::Buyer]);
    node.person("stranger", 2, &Role::ALL);
    node.operator("operator");
    let app = app!(node);
    let buyer = sign_in(&app, "buyer").await;
    let id = ask!(&app, buyer, number, "public-good");
    node.carry();
    node.agree(&id);
    let token = node.token("stranger");
    let calls = [
        ("decision", json!({"decision": "agree"})),
        ("decision", json!({"decision": "accept"})),
        ("end", json!({"reason": "x"})),
        ("keys", json!({"label": "x"})),
    ];
    for (path, value) in calls {
        let call = |id: &str| {
            api(body(&format!("/api/v1/subscriptions/{id}/{path}"), value.clone()), &token)
        };
        let foreign = plain(send(&app, call(&id)).await, &id);
        let missing = plain(send(&app, call(ABSENT)).await, ABSENT);
        assert_eq!(foreign.0, StatusCode::NOT_FOUND, "{path}");
        assert_eq!(foreign, missing, "{path}");
    }
    for path in ["", "/usage"] {
        let call = |id: &str| api(get(&format!("/api/v1/subscriptions/{id}{path}")), &token);
        let foreign = plain(send(&app, call(&id)).await, &id);
        assert_eq!(foreign, plain(send(&app, call(ABSENT)).await, ABSENT), "{path}");
    }
    let own = send(&app, see(&format!("/subscriptions/{id}"), &buyer)).await;
    assert!(own.body.contains(">In force<"), "nothing was changed: {}", own.body);
}

#[actix_web::test]
async fn the_same_through_the_api() {
    let node = Node::new();
    let number = node.publish();
    node.person("buyer", 1, &[Role::Buyer]);
    node.operator("operator");
    let app = app!(node);
    let (buyer, operator) = (node.token("buyer"), node.token("operator"));
    let wanted = json!({
        "product": number, "plan": "per-call", "purpose_note": "checking addresses", "months": 6,
    });
    let made = send(&app, api(body("/api/v1/subscriptions", wanted), &buyer)).await;
    assert_eq!(made.status, StatusCode::CREATED, "{}", made.body);
    let id = made.json()["id"].as_str().unwrap().to_owned();
    node.carry();
    let path = format!("/api/v1/subscriptions/{id}");
    let decided = body(&format!("{path}/decision"), json!({"decision": "agree"}));
    let forbidden = send(&app, api(decided, &buyer)).await;
    assert_eq!(forbidden.status, StatusCode::FORBIDDEN, "{}", forbidden.body);
    let decided = body(&format!("{path}/decision"), json!({"decision": "agree"}));
    let agreed = send(&app, api(decided, &operator)).await;
    assert_eq!(agreed.status, StatusCode::OK, "{}", agreed.body);
    node.carry();
    let shown = send(&app, api(get(&path), &buyer)).await.json();
    assert_eq!((&shown["state"], &shown["active"]), (&json!("finalized"), &json!(true)));
    assert_eq!(shown["reasons"], json!([]));
    assert!(shown["history"].as_array().unwrap().len() >= 4, "{shown}");
    let key = send(&app, api(body(&format!("{path}/keys"), json!({"label": "one"})), &buyer)).await;
    assert_eq!(key.status, StatusCode::CREATED, "{}", key.body);
    assert!(key.json()["key"].as_str().unwrap().starts_with("lk_"));
    let usage = send(&app, api(get(&format!("{path}/usage")), &buyer)).await.json();
    assert_eq!((&usage["total"], &usage["by_day"]), (&json!(0), &json!([])));
    let listed = send(&app, api(get("/api/v1/subscriptions"), &buyer)).await.json();
    assert_eq!((&listed["total"], &listed["items"][0]["id"]), (&json!(1), &json!(id)));
    let bills = send(&app, api(get("/api/v1/statements?period=2026-10"), &buyer)).await;
    assert_eq!(bills.json()["total"], json!(0), "{}", bills.body);
    let odd = send(&app, api(get("/api/v1/statements?period=October"), &buyer)).await;
    assert_eq!(odd.status, StatusCode::BAD_REQUEST);
    let ended = body(&format!("{path}/end"), json!({"reason": "no longer needed"}));
    let ended = send(&app, api(ended, &buyer)).await.json();
    assert_eq!(
        (&ended["state"], &ended["reasons"][0]["code"]),
        (&json!("ended"), &json!("buyer.ended"))
    );
    let order = |reason: &str| {
        let wanted = json!({"product": number, "plan": "per-call", "purpose_note": "addresses",
            "months": 6, "second_reason": reason});
        api(body("/api/v1/subscriptions", wanted), &buyer)
    };
    assert_eq!(send(&app, order("")).await.status, StatusCode::CREATED);
    let silent = send(&app, order(" ")).await;
    assert_eq!(silent.json()["code"], "subscription.second_needs_reason", "{}", silent.body);
    let second = send(&app, order("another department")).await.json();
    assert_eq!(second["second_reason"], "another department");
    let surplus = json!({"product": number, "plan": "per-call", "purpose_note": "x", "months": 1,
        "price": "0"});
    let surplus = send(&app, api(body("/api/v1/subscriptions", surplus), &buyer)).await;
    assert_eq!(surplus.status, StatusCode::BAD_REQUEST, "{}", surplus.body);
}

#[actix_web::test]
async fn a_second_subscription_is_asked_its_reason_and_the_operator_reads_it() {
    let node = Node::new();
    let number = node.publish();
    node.person("buyer", 1, &[Role::Buyer]);
    node.operator("operator");
    let app = app!(node);
    let buyer = sign_in(&app, "buyer").await;
    ask!(&app, buyer, number, "per-call");
    let token = csrf!(&app, buyer);
    let path = format!("/products/{number}/subscribe");
    let form = format!("csrf={token}&plan=per-call&months=6&note=checking+addresses");
    let silent = send(&app, post(&path, &form).cookie(buyer.clone())).await;
    assert_eq!(silent.status, StatusCode::UNPROCESSABLE_ENTITY, "{}", silent.body);
    assert!(silent.body.contains("name=\"reason\""), "{}", silent.body);
    let form = format!("{form}&reason=another+department");
    let sent = send(&app, post(&path, &form).cookie(buyer.clone())).await;
    assert_eq!(sent.status, StatusCode::SEE_OTHER, "{}", sent.body);
    let id = sent.location.split('/').nth(2).unwrap().to_owned();
    node.carry();
    let operator = sign_in(&app, "operator").await;
    let shown = send(&app, see(&format!("/provider/subscriptions/{id}"), &operator)).await;
    assert!(shown.body.contains("another department"), "{}", shown.body);
}

#[actix_web::test]
async fn an_enterprise_does_not_get_a_free_plan_without_a_person() {
    let node = Node::new();
    let number = node.publish();
    node.person("buyer", 1, &[Role::Buyer]);
    node.operator("operator");
    let app = app!(node);
    let buyer = node.token("buyer");
    let wanted = json!({"product": number, "plan": "public-good", "months": 6,
        "purpose_note": "commercial use and resale"});
    let made = send(&app, api(body("/api/v1/subscriptions", wanted), &buyer)).await;
    let id = made.json()["id"].as_str().unwrap().to_owned();
    node.carry();
    let shown = send(&app, api(get(&format!("/api/v1/subscriptions/{id}")), &buyer)).await.json();
    assert_eq!((&shown["state"], &shown["active"]), (&json!("requested"), &json!(false)));
}
