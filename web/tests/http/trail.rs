//! What the trail's page tells: who was refused what and from where, and whether the public log
//! contradicts the trail.

use actix_web::http::StatusCode;
use lianshi_store::{
    accounts::Role,
    audit::{self, When},
    log,
};

use crate::support::{Node, app, get, post, send, sign_in};

#[actix_web::test]
async fn denied_access_and_sign_ins_are_rows_with_their_address() {
    let node = Node::new();
    node.person("regulator", 1, &[Role::Regulator]);
    node.person("contributor", 2, &[Role::Contributor]);
    let token = node.token("contributor");
    let app = app!(node);
    let wrong = send(&app, post("/login", "login=contributor&password=wrong")).await;
    assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY);
    let cookie = sign_in(&app, "contributor").await;
    let trail = node.site.db.read(|read| audit::newest(read, None, 1)).unwrap();
    let begun = (trail[0].action.as_str(), trail[0].object.as_str(), trail[0].outcome.as_str());
    assert_eq!(begun, ("session.begin", "contributor", "done"));
    for path in ["/finance/periods", "/users/somebody%20else", "/users/another"] {
        let denied = send(&app, get(path).cookie(cookie.clone())).await;
        assert_eq!(denied.status, StatusCode::FORBIDDEN, "{path}");
    }
    let api =
        get("/api/v1/subscriptions").insert_header(("authorization", format!("bearer {token}")));
    assert_eq!(send(&app, api).await.status, StatusCode::FORBIDDEN);
    let unknown = get("/api/v1/subscriptions").insert_header(("authorization", "Bearer lt_none"));
    let refused = send(&app, unknown).await;
    assert_eq!(refused.status, StatusCode::UNAUTHORIZED);
    assert!(refused.headers.contains_key("www-authenticate"));
    // Whoever is led to the sign-in page was not refused anything.
    assert_eq!(send(&app, get("/finance/periods")).await.status, StatusCode::SEE_OTHER);

    let cookie = sign_in(&app, "regulator").await;
    let page = send(&app, get("/audit").cookie(cookie)).await.body;
    for told in [
        "GET /finance/periods",
        "GET /users/{login}",
        "GET /api/v1/subscriptions",
        "program with the token of contributor",
        "not signed in",
        "192.0.2.1",
    ] {
        assert!(page.contains(told), "{told} is not told");
    }
    assert!(!page.contains("somebody"), "what is typed into an address is not kept");
    assert_eq!(page.matches("GET /users/{login}").count(), 1, "the same again is counted");
    assert_eq!(page.matches("GET /finance/periods").count(), 1);
}

#[actix_web::test]
async fn the_page_compares_the_trail_with_the_seals_of_the_public_log() {
    let node = Node::new();
    node.publish();
    node.person("regulator", 1, &[Role::Regulator]);
    let app = app!(node);
    let cookie = sign_in(&app, "regulator").await;
    let verify = || get("/audit?verify=1").cookie(cookie.clone());
    let page = send(&app, verify()).await.body;
    assert!(page.contains("No seal of it is in the public log yet."), "{page}");
    let index = audit::seal(&node.site, When::Now).unwrap().expect("rows wait");
    log::publish_head(&node.site).unwrap();
    let page = send(&app, verify()).await.body;
    assert!(page.contains(&format!("/registry/yinzhou/1/{index}")), "{page}");
    assert!(page.contains("notice good"));
    let entry = send(&app, get(&format!("/registry/yinzhou/1/{index}"))).await;
    assert_eq!(entry.status, StatusCode::OK);
    assert!(entry.body.contains("audit.sealed") || entry.body.contains("Audit trail sealed"));
}

/// A program that compares is no person who confirms, also where older rows call it so.
#[actix_web::test]
async fn what_a_program_compared_is_not_called_confirmed() {
    let node = Node::new();
    node.person("regulator", 1, &[Role::Regulator]);
    node.person("buyer", 2, &[Role::Buyer]);
    let act = audit::Act {
        at: node.site.now(),
        actor: &audit::Actor::node(),
        action: "statement.confirm",
        object: "ST-1",
        outcome: "done",
        before: "",
        after: "",
    };
    node.site.db.write(|write| audit::record(write, &act)).unwrap();
    let app = app!(node);
    let cookie = sign_in(&app, "regulator").await;
    let page = send(&app, get("/audit").cookie(cookie)).await.body;
    assert!(page.contains("Checked a statement automatically"), "{page}");
    let cookie = sign_in(&app, "buyer").await;
    let page = send(&app, get("/bills").cookie(cookie)).await.body;
    assert!(page.contains("Checked automatically") && !page.contains("Confirmed"), "{page}");
}
