//! Every refusal a caller can meet, and that none of them is charged.

use std::fmt::Write as _;

use lianshi_market::key::{AccessKey, KEY_BYTES};
use lianshi_registry::{
    entry::{Fact, ProductNotice},
    id::{DivisionCode, NumberKind, RegistrationNumber},
};
use lianshi_store::{
    audit::{self, Actor},
    subscriptions,
};
use serde_json::{Value, json};

use crate::world::{Call, WIDE, World, pass};

#[actix_web::test]
async fn bad_calls_are_refused_with_their_code_and_not_charged() {
    let world = World::new(WIDE);
    let server = world.serve();
    let good = world.verify("330213");
    let check = async |call: Call, status: u16, code: &str| {
        let reply = call.send(&server).await;
        assert_eq!(reply.refusal(), (status, code));
        if status == 401 {
            assert!(reply.headers["www-authenticate"].starts_with("Bearer"));
        }
    };
    let with_key = |key: &str| good.clone().header("authorization", &format!("Bearer {key}"));
    let unknown = AccessKey::from_random([7; KEY_BYTES]);
    let mut mistyped = world.key.clone();
    let last = mistyped.pop().expect("a key");
    mistyped.push(if last == 'a' { 'b' } else { 'a' });
    check(good.clone().without("authorization"), 401, "call.key_missing").await;
    check(good.clone().header("authorization", "Basic eDp5"), 401, "call.key_missing").await;
    check(with_key("secret"), 401, "call.key_malformed").await;
    check(with_key(&mistyped), 401, "call.key_malformed").await;
    check(with_key(unknown.reveal()), 401, "call.key_unknown").await;

    let division = DivisionCode::parse("330212").expect("valid");
    let other = RegistrationNumber::new(&division, NumberKind::Product, 2026, 2).expect("fits");
    let at = |path: String| Call { path, ..good.clone() };
    check(at("/call/330212-P-2026-0000001-0/verify".to_owned()), 404, "call.product_unknown").await;
    check(at(format!("/call/{other}/verify")), 403, "call.wrong_product").await;
    let told = world.site.db.read(|read| audit::newest(read, None, 1)).expect("the trail");
    let told = told.first().expect("a row");
    assert_eq!(
        (told.action.as_str(), told.outcome.as_str()),
        ("access.call", "call.wrong_product")
    );
    check(at(world.call("erase").path), 404, "call.operation_unknown").await;
    check(at(world.call("empty").path), 503, "call.no_dataset").await;

    check(good.clone().header("lianshi-purpose", "public_good"), 403, "call.wrong_purpose").await;
    check(good.clone().header("lianshi-purpose", "war"), 400, "call.purpose_unknown").await;
    let spaced = good.clone().header("idempotency-key", "a b");
    check(spaced, 400, "call.idempotency_key_malformed").await;
    let long = good.clone().header("idempotency-key", &"x".repeat(129));
    check(long, 400, "call.idempotency_key_malformed").await;

    check(good.clone().raw(b""), 400, "call.body_not_json").await;
    check(good.clone().raw(b"{\"code\":"), 400, "call.body_not_json").await;
    check(good.clone().raw("[".repeat(10_000).as_bytes()), 400, "call.body_not_json").await;
    check(good.clone().raw(&[0xff; 10]), 400, "call.body_not_json").await;
    let twice = br#"{"code":"330212","code":"330213"}"#;
    check(good.clone().raw(twice), 400, "call.body_not_json").await;
    let nul = br#"{"code":"3302\u000012"}"#;
    check(good.clone().raw(nul), 400, "call.body_not_json").await;
    check(good.clone().raw(&vec![b' '; 64 * 1024 + 1]), 413, "call.body_too_large").await;
    check(good.clone().json(&json!([])), 422, "call.input_not_object").await;
    check(good.clone().json(&json!({})), 422, "call.input_missing").await;
    check(good.clone().json(&json!({ "code": 1 })), 422, "call.input_type").await;
    // Nobody sees the difference, so nobody would understand an answer that is charged.
    for code in ["330212\u{200b}", "\u{feff}330212", "33\u{ad}0212"] {
        check(good.clone().json(&json!({ "code": code })), 422, "call.input_type").await;
    }
    check(good.clone().json(&json!({ "code": "1", "sql": "x" })), 422, "call.input_unknown").await;
    assert_eq!(world.calls_metered(), 0);
    assert_eq!(good.send(&server).await.status, 200);
}

#[actix_web::test]
async fn a_key_longer_than_any_in_the_data_is_refused() {
    let world = World::new(WIDE);
    let server = world.serve();
    let reply = world.verify(&"区".repeat(342)).send(&server).await;
    assert_eq!(reply.refusal(), (422, "call.key_too_long"));
    assert_eq!(*world.verify(&"区".repeat(341)).send(&server).await.data(), not_found());
    assert_eq!(world.calls_metered(), 1);
}

fn not_found() -> Value {
    json!({ "result": "not_found", "valid": false })
}

#[actix_web::test]
async fn an_answer_of_too_many_points_is_refused_until_it_is_narrowed() {
    let world = World::new(WIDE);
    let mut file = "region,year,mean,firms\n".to_owned();
    for year in 1..=2_001 {
        writeln!(file, "330212,{year},1.00,50").expect("a text grows");
    }
    world.load("cells", cells(&["region"]), &file);
    let server = world.serve();
    let ask = |to: u32| world.call("cells").json(&json!({ "region": "330212", "year_to": to }));
    assert_eq!(ask(2_001).send(&server).await.refusal(), (422, "call.too_many_points"));
    let whole = ask(2_000).send(&server).await;
    assert_eq!(whole.data()["points"].as_array().expect("points").len(), 2_000);
    assert_eq!(world.calls_metered(), 1);
}

#[actix_web::test]
async fn data_that_do_not_fit_the_description_are_not_answered_from() {
    let world = World::new(WIDE);
    let server = world.serve();
    let ask = || world.call("cells").json(&json!({ "region": "330212" })).send(&server);
    let rows = "region,year,mean,firms\n330212,2025,1.00,50\n";
    // The operation does not require a year, so nothing may be found by it.
    assert_eq!(world.refused("cells", cells(&["year"]), rows), "dataset.schema");
    let mut uncounted = cells(&["region"]);
    uncounted["series"].as_object_mut().expect("a table").remove("count");
    assert_eq!(world.refused("cells", uncounted, rows), "dataset.no_count");
    assert_eq!(ask().await.status, 200, "the version in service stays");
    // A stricter guard asks for points that were never withheld for it.
    let mut stricter = World::described();
    stricter.guard.smallest_cell = 20;
    world.publish(Fact::ProductRevised(Box::new(stricter)));
    pass(1_000);
    assert_eq!(ask().await.refusal(), (500, "call.dataset_unfit"));
    assert_eq!(world.calls_metered(), 1);
    world.load("cells", cells(&["region"]), rows);
    assert_eq!(ask().await.status, 200);
}

/// A definition of the series, found by some columns.
fn cells(key: &[&str]) -> Value {
    json!({
        "columns": [{ "name": "region" }, { "name": "year", "type": "integer" },
            { "name": "mean", "type": "decimal" }, { "name": "firms", "type": "integer" }],
        "series": { "key": key, "dimension": "year", "values": ["mean"], "count": "firms",
            "totals": [] }
    })
}

#[actix_web::test]
async fn a_refusal_speaks_the_callers_language() {
    let world = World::new(WIDE);
    let server = world.serve();
    let call = world.verify("330213").without("authorization");
    let chinese = call.clone().send(&server).await;
    assert_eq!(chinese.body["title"], chinese.body["messages"]["zh"]);
    let english = call.header("accept-language", "en-GB,en;q=0.9").send(&server).await;
    assert_eq!(english.body["title"], english.body["messages"]["en"]);
    let other = server.client.get(format!("http://{}{}", server.address, world.call("x").path));
    let other = other.send().await.expect("an answer");
    assert_eq!(
        (other.status().as_u16(), &other.headers()["allow"]),
        (405, &"POST".parse().expect("plain"))
    );
}

#[actix_web::test]
async fn a_revoked_key_stops_within_two_seconds() {
    let world = World::new(WIDE);
    let server = world.serve();
    assert_eq!(world.verify("330213").send(&server).await.status, 200);
    let id = &world.subscription;
    subscriptions::revoke_key(&world.site, &Actor::node(), id, &world.key_id).expect("revoked");
    world.deliver();
    pass(1_000);
    let reply = world.verify("330213").send(&server).await;
    assert_eq!(reply.refusal(), (401, "call.key_revoked"));
}

#[actix_web::test]
async fn an_ended_subscription_stops_within_two_seconds() {
    let world = World::new(WIDE);
    let server = world.serve();
    assert_eq!(world.verify("330213").send(&server).await.status, 200);
    subscriptions::end(&world.site, &Actor::node(), &world.subscription, "done").expect("ended");
    world.deliver();
    pass(1_000);
    let reply = world.verify("330213").send(&server).await;
    assert_eq!(reply.refusal(), (403, "call.subscription_ended"));
    assert_eq!(world.calls_metered(), 1);
}

#[actix_web::test]
async fn a_paused_product_stops_within_two_seconds_and_comes_back() {
    let world = World::new(WIDE);
    let server = world.serve();
    assert_eq!(world.verify("330213").send(&server).await.status, 200);
    let notice = ProductNotice { number: world.product.clone(), reason: "repair".to_owned() };
    world.publish(Fact::ProductPaused(notice.clone()));
    pass(1_000);
    let reply = world.verify("330213").send(&server).await;
    assert_eq!(reply.refusal(), (403, "call.product_not_offered"));
    world.publish(Fact::ProductResumed(notice));
    pass(1_000);
    assert_eq!(world.verify("330213").send(&server).await.status, 200);
}
