//! Once means once: idempotency keys under twins, quotas and budgets under a storm, and what is
//! left after a restart.

use futures::future::join_all;
use serde_json::json;

use crate::world::{Limits, Reply, WIDE, World};

#[actix_web::test]
async fn thirty_two_parallel_twins_are_one_call() {
    let world = World::new(WIDE);
    let server = world.serve();
    let twin = || world.verify("330213").header("idempotency-key", "order-1").send(&server);
    let replies: Vec<Reply> = join_all((0..32).map(|_| twin())).await;
    let first = &replies[0].body;
    assert!(replies.iter().all(|reply| reply.status == 200 && reply.body == *first));
    let replayed =
        replies.iter().filter(|reply| reply.headers.contains_key("idempotent-replayed")).count();
    assert_eq!((replayed, world.calls_metered()), (31, 1));
}

#[actix_web::test]
async fn a_key_means_one_request() {
    let world = World::new(WIDE);
    let server = world.serve();
    let keyed = |code: &str| world.verify(code).header("idempotency-key", "order-1");
    assert_eq!(keyed("330213").send(&server).await.status, 200);
    assert_eq!(keyed("330283").send(&server).await.refusal(), (409, "call.idempotency_conflict"));
    let mut elsewhere = keyed("330213");
    elsewhere.path = world.call("cells").path;
    let elsewhere = elsewhere.json(&json!({ "region": "330212" })).send(&server).await;
    assert_eq!(elsewhere.refusal(), (409, "call.idempotency_conflict"));
    let mixed = (0..16).map(|at| {
        let code = if at % 2 == 0 { "330213" } else { "330283" };
        world.verify(code).header("idempotency-key", "order-2").send(&server)
    });
    let replies = join_all(mixed).await;
    let conflicts = replies.iter().filter(|reply| reply.status == 409).count();
    assert_eq!((conflicts, world.calls_metered()), (8, 2));
}

#[actix_web::test]
async fn a_refused_call_does_not_use_up_its_key() {
    let world = World::new(WIDE);
    let server = world.serve();
    let keyed = |body| world.call("verify").json(&body).header("idempotency-key", "order-1");
    let bad = keyed(json!({ "code": 5 })).send(&server).await;
    assert_eq!(bad.refusal(), (422, "call.input_type"));
    assert_eq!(keyed(json!({ "code": "330213" })).send(&server).await.status, 200);
}

#[actix_web::test]
async fn a_storm_never_exceeds_the_quota() {
    let world = World::new(Limits { calls_per_month: 50, ..WIDE });
    let server = world.serve();
    let replies = join_all((0..100).map(|_| world.verify("330213").send(&server))).await;
    let (answered, refused): (Vec<&Reply>, Vec<&Reply>) =
        replies.iter().partition(|reply| reply.status == 200);
    assert_eq!((answered.len(), refused.len(), world.calls_metered()), (50, 50, 50));
    for reply in refused {
        assert_eq!(reply.refusal(), (429, "call.quota_used"));
        let wait: u64 = reply.headers["retry-after"].parse().expect("seconds");
        assert!((860_000..=907_200).contains(&wait), "ten and a half days are left: {wait}");
    }
}

#[actix_web::test]
async fn a_replay_is_answered_when_the_quota_is_used() {
    let world = World::new(Limits { calls_per_month: 1, ..WIDE });
    let server = world.serve();
    let keyed = || world.verify("330213").header("idempotency-key", "order-1").send(&server);
    let first = keyed().await;
    assert_eq!(world.verify("330213").send(&server).await.status, 429);
    let again = keyed().await;
    assert_eq!((again.status.as_u16(), again.body), (200, first.body));
}

#[actix_web::test]
async fn only_so_many_subjects_can_be_asked_about() {
    let world = World::new(Limits { subjects: 3, ..WIDE });
    let server = world.serve();
    let codes = (0..20).map(|code| format!("9999{code:02}"));
    let replies = join_all(codes.map(|code| world.verify(&code).send(&server))).await;
    let answered = replies.iter().filter(|reply| reply.status == 200).count();
    assert_eq!((answered, world.calls_metered()), (3, 3), "also those not found count");
    let refused = replies.iter().find(|reply| reply.status != 200).expect("one");
    assert_eq!(refused.refusal(), (429, "call.subject_budget_used"));
    assert!(refused.headers.contains_key("retry-after"));
}

#[actix_web::test]
async fn the_rate_of_a_minute_is_exact() {
    let world = World::new(Limits { calls_per_minute: 5, ..WIDE });
    let server = world.serve();
    let replies = join_all((0..12).map(|_| world.verify("330213").send(&server))).await;
    let refused: Vec<&Reply> = replies.iter().filter(|reply| reply.status != 200).collect();
    assert_eq!((refused.len(), world.calls_metered()), (7, 5));
    for reply in refused {
        assert_eq!(reply.refusal(), (429, "call.rate_exceeded"));
        let wait: u64 = reply.headers["retry-after"].parse().expect("seconds");
        assert!((1..=60).contains(&wait), "{wait}");
    }
}

#[actix_web::test]
async fn a_second_gateway_on_the_same_store_shares_quota_and_answers() {
    let world = World::new(Limits { calls_per_month: 20, ..WIDE });
    let (one, other) = (world.serve(), world.serve());
    let keyed = |server| world.verify("330213").header("idempotency-key", "order-1").send(server);
    assert_eq!(keyed(&one).await.body, keyed(&other).await.body);
    let storm = (0..40).map(|at| {
        let server = if at % 2 == 0 { &one } else { &other };
        world.verify("330213").send(server)
    });
    let replies = join_all(storm).await;
    let answered = replies.iter().filter(|reply| reply.status == 200).count();
    assert_eq!((answered, world.calls_metered()), (19, 20));
}
