//! What is answered, and how it is recorded and reported.

use lianshi_store::usage;
use serde_json::{Value, json};

use crate::world::{WIDE, World};

fn answer(result: &str, valid: bool) -> Value {
    json!({ "result": result, "valid": valid })
}

#[actix_web::test]
async fn a_code_is_verified_on_a_date() {
    let world = World::new(WIDE);
    let server = world.serve();
    let check = async |request: Value, expected: Value| {
        let reply = world.call("verify").json(&request).send(&server).await;
        assert_eq!(*reply.data(), expected, "{request}");
    };
    check(json!({ "code": "330213" }), answer("match", true)).await;
    check(json!({ "code": "３３０２１３" }), answer("match", true)).await;
    check(json!({ "code": "330283" }), answer("no_match", false)).await;
    check(json!({ "code": "330283", "date": "2016-10-31" }), answer("match", true)).await;
    check(json!({ "code": "330283", "date": "2016-11-01" }), answer("no_match", false)).await;
    check(json!({ "code": "330213", "name": "奉化区" }), answer("match", true)).await;
    let other = json!({ "code": "330283", "name": "别的名字", "date": "2000-01-01" });
    check(other, answer("no_match", true)).await;
    check(json!({ "code": "999999" }), answer("not_found", false)).await;
    assert_eq!(world.calls_metered(), 8);
}

#[actix_web::test]
async fn a_series_blanks_small_cells_and_says_so() {
    let world = World::new(WIDE);
    let server = world.serve();
    let reply = world.call("cells").json(&json!({ "region": "330212" })).send(&server).await;
    let points = json!({ "points": [
        { "year": 2023, "mean": "1.50" },
        { "year": 2024, "mean": null, "suppressed": true },
        { "year": 2025, "mean": "3.50" },
    ] });
    assert_eq!(*reply.data(), points);
    assert_eq!(reply.body["synthetic"], true);
    let request = json!({ "region": "330212", "year_from": 2024, "year_to": 2024 });
    let reply = world.call("cells").json(&request).send(&server).await;
    assert_eq!(reply.data()["points"].as_array().expect("points").len(), 1);
    let reply = world.call("cells").json(&json!({ "region": "000000" })).send(&server).await;
    assert_eq!(*reply.data(), json!({ "points": [] }));
}

#[actix_web::test]
async fn every_answer_names_its_call_and_is_counted_and_reported() {
    let world = World::new(WIDE);
    let server = world.serve();
    let reply = world.verify("330213").header("x-request-id", "order-17").send(&server).await;
    assert_eq!(reply.headers["x-request-id"], "order-17");
    assert_eq!(reply.headers["lianshi-calls-this-month"], "1");
    assert_eq!(reply.headers["cache-control"], "no-store");
    let reply = world.verify("330213").send(&server).await;
    assert_eq!(reply.headers["x-request-id"].len(), 32);
    assert_eq!(reply.headers["lianshi-calls-this-month"], "2");
    assert_eq!(reply.body["product"], world.product.as_str());
    assert_eq!(reply.body["dataset_version"], 1);
    assert_eq!(usage::enqueue_reports(&world.site).expect("reported"), 1);
    let id = world.subscription.as_str();
    let reported = world.site.db.read(|read| usage::reported_usage(read, id)).expect("read");
    assert_eq!(reported.expect("a report").days[0].calls, 2);
}
