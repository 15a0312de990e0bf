//! What is not there costs the database one question, however often it is called.

use std::sync::atomic::{AtomicI64, Ordering};

use lianshi_market::key::{AccessKey, KEY_BYTES};
use lianshi_registry::{
    id::{DivisionCode, NumberKind, RegistrationNumber},
    time::Timestamp,
};
use lianshi_store::{
    audit::{Actor, KINDS_PER_MINUTE_MAX},
    subscriptions,
};

use crate::world::{Call, Server, WIDE, World};

/// A world whose time only these tests move.
fn world(clock: fn() -> Timestamp, now_ms: &AtomicI64) -> World {
    let mut world = World::new(WIDE);
    now_ms.store(world.site.now().millis(), Ordering::Relaxed);
    world.site.clock = clock;
    world
}

async fn refused(call: &Call, server: &Server, status: u16, code: &str) {
    let reply = call.clone().send(server).await;
    assert_eq!(reply.refusal(), (status, code));
}

#[actix_web::test]
async fn a_flood_of_unknown_keys_or_products_is_answered_without_the_database() {
    static NOW_MS: AtomicI64 = AtomicI64::new(0);
    let world = world(|| Timestamp::from_millis(NOW_MS.load(Ordering::Relaxed)), &NOW_MS);
    let server = world.serve();
    let unknown = AccessKey::from_random([7; KEY_BYTES]);
    let bearer = |key: &str| format!("Bearer {key}");
    let unknown = world.verify("1").header("authorization", &bearer(unknown.reveal()));
    let malformed = world.verify("1").header("authorization", &bearer("lk_guess"));
    let division = DivisionCode::parse("330212").expect("valid");
    let kinds = u32::try_from(KINDS_PER_MINUTE_MAX).expect("few");
    let other = |number: u32| {
        let kind = NumberKind::Product;
        let other = RegistrationNumber::new(&division, kind, 2026, number).expect("fits");
        Call { path: format!("/call/{other}/verify"), ..world.verify("1") }
    };
    refused(&unknown, &server, 401, "call.key_unknown").await;
    // Each has a line in the audit trail, until there are too many to tell them apart.
    for number in 2..2 + kinds {
        refused(&other(number), &server, 403, "call.wrong_product").await;
    }
    let held = world.hold_connections();
    for number in 0..kinds {
        refused(&unknown, &server, 401, "call.key_unknown").await;
        refused(&malformed, &server, 401, "call.key_malformed").await;
        refused(&other(100 + number), &server, 403, "call.wrong_product").await;
    }
    held.release();
}

#[actix_web::test]
async fn a_key_that_arrives_after_its_refusal_opens_within_a_second() {
    static NOW_MS: AtomicI64 = AtomicI64::new(0);
    let world = world(|| Timestamp::from_millis(NOW_MS.load(Ordering::Relaxed)), &NOW_MS);
    let server = world.serve();
    let made = subscriptions::create_key(&world.site, &Actor::node(), &world.subscription, "2");
    let key = made.expect("a key").secret;
    let call = world.verify("330213").header("authorization", &format!("Bearer {}", key.reveal()));
    // The letter that tells of it is still under way.
    refused(&call, &server, 401, "call.key_unknown").await;
    world.deliver();
    NOW_MS.fetch_add(1_000, Ordering::Relaxed);
    assert_eq!(call.send(&server).await.status, 200);
}
