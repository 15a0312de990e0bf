//! What pages show and how objects of others are answered.

use actix_web::http::{StatusCode, header};
use lianshi_registry::time::{Period, Timestamp};
use lianshi_store::{
    accounts::Role,
    audit::{self, Actor},
    close, usage,
};

use crate::support::{Node, app, get, post, send, sign_in};

/// Pages whose lists are empty on a fresh node still say what to do next.
#[actix_web::test]
async fn every_list_page_renders_in_both_languages() {
    let node = Node::new();
    node.person("everything", 1, &Role::ALL);
    let app = app!(node);
    let cookie = sign_in(&app, "everything").await;
    for path in [
        "/account",
        "/account/mailbox",
        "/account/password",
        "/subscriptions",
        "/bills",
        "/provider/requests",
        "/provider/subscriptions",
        "/provider/revenue",
        "/contributor/lines",
        "/finance/periods",
        "/finance/periods/2026-10",
        "/finance/periods/2026-10/close",
        "/finance/differences",
        "/letters",
        "/finance/statements",
        "/audit",
        "/audit?verify=1",
        "/users",
        "/users/everything",
    ] {
        for language in ["zh-CN", "en"] {
            let request = get(path).cookie(cookie.clone());
            let request = request.insert_header((header::ACCEPT_LANGUAGE, language));
            let answer = send(&app, request).await;
            assert_eq!(answer.status, StatusCode::OK, "{path}: {}", answer.body);
            assert!(answer.body.contains(&format!("<html lang=\"{language}\"")), "{path}");
            assert_eq!(answer.body.matches("<h1").count(), 1, "{path} has one heading");
            assert!(!answer.body.contains(" style="), "{path} has no inline style");
            let cache = answer.headers.get(header::CACHE_CONTROL).unwrap();
            assert_eq!(cache, "no-store", "{path}");
        }
    }
}

/// Calls nobody has a contract for, in a month that is closed: the pages tell what waits and why.
#[actix_web::test]
async fn what_a_close_set_aside_is_shown_to_finance() {
    let node = Node::new();
    node.publish();
    node.person("everything", 1, &Role::ALL);
    let call = usage::Metering {
        subscription: "S-stranger".to_owned(),
        buyer: "91330203MA2TEQT03W".to_owned(),
        product: "330212-P-2026-0000001-X".to_owned(),
        operation: "verify".to_owned(),
        at: Timestamp::parse("2026-10-05T04:00:00Z").unwrap(),
        request_id: "r".to_owned(),
        key_id: "k".to_owned(),
        outcome: usage::OUTCOME_ANSWERED.to_owned(),
        units: 1,
        included_calls: 0,
        calls_per_month_max: 10,
        subject: None,
        idempotency: None,
        status: 200,
        answer: Vec::new(),
    };
    let calls = [call];
    node.site.db.write(|write| usage::meter(write, &node.site.node, &calls)).unwrap();
    let october = Period::parse("2026-10").unwrap();
    close::close_period(&node.site, &Actor::node(), october).unwrap();
    let app = app!(node);
    let cookie = sign_in(&app, "everything").await;
    for path in ["/finance/periods", "/finance/periods/2026-10"] {
        for (language, words) in [
            ("zh-CN", ["暂挂事项", "有调用记录，但没有生效的合同", "等待下次结账"]),
            ("en", ["Set aside", "no contract for them is in force", "Waits for the next close"]),
        ] {
            let request = get(path).cookie(cookie.clone());
            let request = request.insert_header((header::ACCEPT_LANGUAGE, language));
            let body = send(&app, request).await.body;
            assert!(body.contains("S-stranger"), "{path}");
            for words in words {
                assert!(body.contains(words), "{path}, {language}: {words}");
            }
        }
    }
}

#[actix_web::test]
async fn an_absent_object_and_a_malformed_id_are_answered_alike() {
    let node = Node::new();
    node.person("everything", 1, &Role::ALL);
    let app = app!(node);
    let cookie = sign_in(&app, "everything").await;
    let mut bodies = Vec::new();
    for path in [
        "/subscriptions/S-aaaaaaaaaaaaaaaaaaaaaaaaaa",
        "/subscriptions/nonsense",
        "/provider/subscriptions/S-aaaaaaaaaaaaaaaaaaaaaaaaaa",
        "/bills/ST-1",
        "/finance/statements/ST-1",
        "/finance/differences/ST-1",
        "/finance/periods/nonsense",
        "/no/such/page",
    ] {
        let answer = send(&app, get(path).cookie(cookie.clone())).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{path}");
        let token = answer.csrf();
        bodies.push(answer.body.replace(&token, "").replace(path, ""));
    }
    for body in &bodies {
        assert_eq!(strip_current(body), strip_current(&bodies[0]));
    }
}

/// The page frame marks where the reader is; that is the address they typed themselves.
fn strip_current(body: &str) -> String {
    body.replace(" aria-current=\"page\"", "")
}

#[actix_web::test]
async fn an_organizations_administrator_sees_and_changes_its_own_people_only() {
    let node = Node::new();
    node.person("admin.one", 1, &[Role::OrgAdmin]);
    node.person("buyer.one", 1, &[Role::Buyer]);
    node.person("buyer.two", 2, &[Role::Buyer]);
    let app = app!(node);
    let cookie = sign_in(&app, "admin.one").await;
    let page = send(&app, get("/users").cookie(cookie.clone())).await;
    assert!(page.body.contains("buyer.one") && !page.body.contains("buyer.two"));
    let csrf = page.csrf();
    let act =
        |path: &str, form: &str| post(path, &format!("csrf={csrf}&{form}")).cookie(cookie.clone());
    let foreign = send(&app, act("/users/buyer.two/disable", "")).await;
    let absent = send(&app, act("/users/buyer.six/disable", "")).await;
    assert_eq!((foreign.status, absent.status), (StatusCode::NOT_FOUND, StatusCode::NOT_FOUND));
    let own = send(&app, act("/users/buyer.one/disable", "")).await;
    assert_eq!(own.status, StatusCode::SEE_OTHER);
    let organization = node.organization(1);
    let form = format!("login=finance.one&name=F&organization={organization}&role=finance");
    let reserved = send(&app, act("/users", &form)).await;
    assert!(reserved.body.contains("error-summary"), "{}", reserved.body);
    let form = format!("login=buyer.new&name=N&organization={organization}&role=buyer");
    let added = send(&app, act("/users", &form)).await;
    assert_eq!(added.status, StatusCode::OK, "{}", added.body);
    assert!(added.body.contains("class=\"secret\""), "the first password is shown once");
    let unknown = send(&app, act("/users", "login=a&surplus=1")).await;
    assert_eq!(unknown.status, StatusCode::BAD_REQUEST, "unknown fields are refused");
}

/// The example's operator has a share; somebody else has none.
#[actix_web::test]
async fn a_party_sees_the_shares_that_the_catalog_gives_it() {
    let node = Node::new();
    let number = node.publish();
    node.operator("operator");
    node.person("somebody", 1, &[Role::Contributor]);
    let app = app!(node);
    let see = async |login: &str, language: &str, query: &str| {
        let cookie = sign_in(&app, login).await;
        let request = get(&format!("/contributor/lines{query}")).cookie(cookie);
        let answer =
            send(&app, request.insert_header((header::ACCEPT_LANGUAGE, language.to_owned()))).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
        answer.body
    };
    let own = see("operator", "en", "").await;
    for words in ["Shares agreed", &number, "In force", "This node", "Version 1", "Operator"] {
        assert!(own.contains(words), "{words}: {own}");
    }
    assert!(own.contains("Nothing has been divided yet."), "{own}");
    assert!(see("operator", "zh-CN", "").await.contains("我的份额"));
    assert!(see("operator", "en", "?shares=2").await.contains("shares=1\""), "a way back");
    let none = see("somebody", "en", "").await;
    assert!(none.contains("No split in the catalog names your organization."), "{none}");
    assert!(!none.contains(&number), "{none}");
}

/// Who is told of a party's lines is decided by its own people, and shown with since when.
#[actix_web::test]
async fn a_party_says_to_which_node_its_lines_are_copied_and_takes_it_back() {
    let node = Node::new();
    node.publish();
    node.operator("operator");
    node.person("somebody", 1, &[Role::Contributor]);
    let app = app!(node);
    let cookie = sign_in(&app, "operator").await;
    let see = async || send(&app, get("/contributor/lines").cookie(cookie.clone())).await.body;
    assert!(see().await.contains("There is no other node in the federation."));
    node.admit("haishu");
    let answer = send(&app, get("/contributor/lines").cookie(cookie.clone())).await;
    let (page, token) = (answer.body.clone(), answer.csrf());
    for words in ["<option value=\"haishu\">", "No other node is given copies.", "As other nodes"] {
        assert!(page.contains(words), "{words}: {page}");
    }
    let decide = async |form: &str| {
        let body = format!("csrf={token}&{form}");
        send(&app, post("/contributor/lines", &body).cookie(cookie.clone())).await
    };
    for (form, words) in [
        ("node=yinzhou&act=name", "holds the lines itself"),
        ("node=nobody&act=name", "is an active member"),
        ("node=haishu&act=take-back", "is given no copies"),
    ] {
        let refused = decide(form).await;
        assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY, "{form}");
        assert!(refused.body.contains(words), "{words}: {}", refused.body);
        assert!(refused.body.contains("href=\"#node\""), "{}", refused.body);
    }
    assert_eq!(decide("node=haishu&act=burn").await.status, StatusCode::BAD_REQUEST);
    let done = decide("node=haishu&act=name").await;
    assert_eq!(done.status, StatusCode::SEE_OTHER, "{}", done.body);
    assert_eq!(done.location, "/contributor/lines#copies-to");
    let page = see().await;
    assert!(page.contains("Send no more") && page.contains("operator</span>"), "{page}");
    let other = sign_in(&app, "somebody").await;
    let theirs = send(&app, get("/contributor/lines").cookie(other)).await.body;
    assert!(theirs.contains("No other node is given copies."), "of the own organization only");
    assert_eq!(decide("node=haishu&act=take-back").await.status, StatusCode::SEE_OTHER);
    assert!(see().await.contains("No other node is given copies."));
    let trail = node.site.db.read(|read| audit::newest(read, None, 50)).unwrap();
    let acts: Vec<&str> = trail
        .iter()
        .filter(|row| row.actor == "operator" && row.object == "91330212MA2DEM0026 haishu")
        .map(|row| row.action.as_str())
        .collect();
    assert_eq!(acts, ["copy.take_back", "copy.name"]);
}
