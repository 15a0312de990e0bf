//! A statement that this node derives otherwise: finance sees the difference and decides, and the
//! enterprise sees a bill only where somebody stood by it.

use actix_web::http::{StatusCode, header};
use lianshi_registry::time::{Period, Timestamp};
use lianshi_store::{accounts::Role, audit::Actor, close, letters, outbox, statements, usage};

use crate::support::{Node, app, get, pass, post, send, sign_in};

/// Twenty days: the month of the calls is over.
const TWENTY_DAYS_MS: i64 = 20 * 86_400_000;
/// Its first statement of November.
const NUMBER: &str = "ST-330212-202611-0000001";

fn call(subscription: &str, product: &str, buyer: &str, at: Timestamp) -> usage::Metering {
    usage::Metering {
        subscription: subscription.to_owned(),
        buyer: buyer.to_owned(),
        product: product.to_owned(),
        operation: "verify".to_owned(),
        at,
        request_id: format!("r-{subscription}"),
        key_id: "k".to_owned(),
        outcome: usage::OUTCOME_ANSWERED.to_owned(),
        units: 0,
        included_calls: 0,
        calls_per_month_max: 10,
        subject: None,
        idempotency: None,
        status: 200,
        answer: Vec::new(),
    }
}

/// Carries the letters of a close from the node to itself.
fn carry_statements(node: &Node) {
    let site = &node.site;
    for letter in site.db.read(|read| outbox::due(read, site.now(), 100)).unwrap() {
        if letter.kind == statements::KIND {
            letters::receive(site, &site.node, (&letter.kind, &letter.payload)).unwrap();
        }
        site.db.write(|write| outbox::done(write, &letter.id)).unwrap();
    }
}

#[actix_web::test]
async fn finance_sees_what_differs_and_decides_and_the_enterprise_sees_what_was_accepted() {
    let node = Node::on_clock::<8>();
    let number = node.publish();
    node.person("buyer", 1, &[Role::Buyer]);
    node.official("finance", &[Role::Finance]);
    let app = app!(node);
    let buyer = sign_in(&app, "buyer").await;
    let token = send(&app, get("/account").cookie(buyer.clone())).await.csrf();
    let form = format!("csrf={token}&plan=per-call&months=6&note=addresses");
    let path = format!("/products/{number}/subscribe");
    let sent = send(&app, post(&path, &form).cookie(buyer)).await;
    let id = sent.location.split('/').nth(2).unwrap().to_owned();
    node.carry();
    node.agree(&id);
    let code = node.organization(1).to_string();
    let calls = [call(&id, &number, &code, node.site.now())];
    node.site.db.write(|write| usage::meter(write, &node.site.node, &calls)).unwrap();
    pass::<8>(TWENTY_DAYS_MS);
    let november = Period::parse("2026-11").unwrap();
    let closed = close::close_period(&node.site, &Actor::node(), november).unwrap();
    assert_eq!(
        closed.period.closed.as_ref().map(|closed| closed.statements),
        Some(1),
        "{closed:?}"
    );
    // Nobody reported the call; the node that issued the statement is told.
    carry_statements(&node);
    carry_statements(&node);

    let (buyer, finance) = (sign_in(&app, "buyer").await, sign_in(&app, "finance").await);
    let bill = format!("/bills/{NUMBER}");
    let one = format!("/finance/differences/{NUMBER}");
    let see = async |path: &str, language: &str| {
        let request = get(path).cookie(finance.clone());
        send(&app, request.insert_header((header::ACCEPT_LANGUAGE, language.to_owned()))).await
    };
    assert_eq!(send(&app, get(&bill).cookie(buyer.clone())).await.status, StatusCode::NOT_FOUND);
    for (language, words) in [
        ("zh-CN", "“verify”：结算单计 1 次，出具节点自己的用量报告为 0 次"),
        ("en", "the statement counts 1 calls, and the node&#39;s own usage report 0"),
    ] {
        for path in ["/finance/differences", &one] {
            let page = see(path, language).await;
            assert_eq!(page.status, StatusCode::OK, "{}", page.body);
            assert!(page.body.contains(NUMBER) && page.body.contains(words), "{}", page.body);
        }
    }
    let issued = format!("/finance/statements/{NUMBER}");
    for (language, words) in [("zh-CN", "等待对方人员决定"), ("en", "a person there decides")]
    {
        let page = see(&issued, language).await;
        assert_eq!(page.status, StatusCode::OK, "{}", page.body);
        assert!(page.body.contains(words), "{}", page.body);
    }
    for (state, listed) in [("questioned", true), ("checked", false)] {
        let list = see(&format!("/finance/statements?state={state}"), "en").await;
        assert_eq!(list.body.contains(&issued), listed, "{state}: {}", list.body);
    }
    let wrong = see("/finance/statements?state=lost", "en").await;
    assert!(wrong.body.contains("href=\"#state\""), "{}", wrong.body);
    let decide = async |form: &str| {
        let token = see(&one, "en").await.csrf();
        send(&app, post(&one, &format!("csrf={token}&{form}")).cookie(finance.clone())).await
    };
    let wordless = decide("verdict=accept&note=").await;
    assert_eq!(wordless.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(wordless.body.contains("href=\"#note\""), "{}", wordless.body);
    assert_eq!(decide("verdict=perhaps&note=why").await.status, StatusCode::BAD_REQUEST);
    assert_eq!(send(&app, get(&bill).cookie(buyer.clone())).await.status, StatusCode::NOT_FOUND);

    let done = decide("verdict=accept&note=asked+the+unit").await;
    assert_eq!((done.status, done.location.as_str()), (StatusCode::SEE_OTHER, one.as_str()));
    let page = see(&one, "en").await.body;
    for words in ["Accepted", "asked the unit", "finance"] {
        assert!(page.contains(words), "{words}: {page}");
    }
    assert!(!page.contains("name=\"verdict\""), "it is decided");
    carry_statements(&node);
    let page = see(&issued, "en").await.body;
    for words in ["stood by the statement", "asked the unit", "accepted by a person"] {
        assert!(page.contains(words), "{words}: {page}");
    }
    let empty = see("/finance/differences", "zh-CN").await.body;
    assert!(empty.contains("没有待核的结算单"), "{empty}");
    let page = send(&app, get(&bill).cookie(buyer)).await;
    assert_eq!(page.status, StatusCode::OK);
    assert!(page.body.contains("accepted by a person"), "{}", page.body);
}
