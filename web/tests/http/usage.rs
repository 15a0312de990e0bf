//! What the enterprise reads about its calls when the node that counts them lost some.

use lianshi_market::usage::{DayCount, REPORT_KIND, REPORT_VERSION, UsageReport};
use lianshi_registry::{seal::Sealed, time::Timestamp};
use lianshi_store::{accounts::Role, letters};

use crate::support::{Node, app, get, post, send, sign_in};

/// A report of a number of calls yesterday, read at `as_of`.
fn report(node: &Node, subscription: &str, (calls, last_seq): (u64, u64), as_of: Timestamp) {
    let site = &node.site;
    let report = UsageReport {
        v: REPORT_VERSION,
        subscription: subscription.to_owned(),
        provider: site.node.clone(),
        as_of,
        last_seq,
        days: vec![DayCount {
            day: site.now().date().plus_days(-1),
            operation: "verify".to_owned(),
            calls,
            units: calls,
        }],
    };
    let payload = serde_json::to_vec(&report).unwrap();
    let sealed = Sealed::new(site.node.clone(), REPORT_KIND, &payload, &site.seal_key).to_bytes();
    letters::receive(site, &site.node, (REPORT_KIND, &sealed)).unwrap();
}

#[actix_web::test]
async fn the_usage_page_says_that_the_count_fell_and_when() {
    let node = Node::new();
    let number = node.publish();
    node.person("buyer", 1, &[Role::Buyer]);
    let app = app!(node);
    let cookie = sign_in(&app, "buyer").await;
    let token = send(&app, get("/account").cookie(cookie.clone())).await.csrf();
    let form = format!("csrf={token}&plan=public-good&months=6&note=addresses");
    let path = format!("/products/{number}/subscribe");
    let sent = send(&app, post(&path, &form).cookie(cookie.clone())).await;
    let id = sent.location.split('/').nth(2).unwrap().to_owned();
    node.carry();
    node.agree(&id);
    let show = || get(&format!("/subscriptions/{id}/usage")).cookie(cookie.clone());

    let now = node.site.now();
    report(&node, &id, (1_500, 1_500), now.plus_millis(-60_000));
    let page = send(&app, show()).await.body;
    assert!(page.contains("1,500") && !page.contains("counted anew"), "{page}");
    let made = now.plus_millis(-60_000);
    let counted = lianshi_web::figures::local_time(made);
    assert!(page.contains(&counted), "the time of the count, not of its arrival: {page}");

    report(&node, &id, (1_200, 1_200), now);
    let page = send(&app, show()).await.body;
    assert!(page.contains("1,200 calls in place of the 1,500 reported before"), "{page}");

    let api = node.token("buyer");
    let asked = get(&format!("/api/v1/subscriptions/{id}/usage"))
        .insert_header(("authorization", format!("Bearer {api}")));
    let usage = send(&app, asked).await.json();
    assert_eq!(usage["total"], 1_200);
    assert_eq!(usage["recounted"]["calls_before"], 1_500);
    assert_eq!(usage["recounted"]["calls_now"], 1_200);

    // An older report that arrives late changes nothing any more.
    report(&node, &id, (1_000, 1_000), now.plus_millis(-120_000));
    assert!(send(&app, show()).await.body.contains("1,200 calls in place of the 1,500"));
}
