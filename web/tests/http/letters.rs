//! Letters that another node refused for good are seen, sent again or given up with a reason.

use actix_web::http::{StatusCode, header};
use lianshi_store::{
    accounts::Role,
    audit::Actor,
    notices,
    outbox::{self, OutboxRow},
    statements,
};

use crate::support::{Node, app, get, post, send, sign_in};

fn letter(id: &str) -> OutboxRow {
    OutboxRow {
        id: id.to_owned(),
        kind: statements::KIND.to_owned(),
        target: "haishu".to_owned(),
        ordering_key: id.to_owned(),
        payload: b"sealed".to_vec(),
        created_at: 0,
        due_at: 0,
        attempts: 3,
        last_error: "`haishu` is not connected".to_owned(),
    }
}

#[actix_web::test]
async fn a_refused_letter_is_sent_again_or_given_up_by_finance() {
    let node = Node::new();
    node.official("finance", &[Role::Finance]);
    let app = app!(node);
    let finance = sign_in(&app, "finance").await;
    let see = async |language: &str| {
        let request = get("/letters").cookie(finance.clone());
        let request = request.insert_header((header::ACCEPT_LANGUAGE, language.to_owned()));
        send(&app, request).await
    };
    assert!(see("en").await.body.contains("No letter was refused for good."));
    let site = &node.site;
    let put = site.db.write(|write| {
        let webhook = notices::webhook_target("oa");
        for id in ["statement/ST-1", "statement/ST-2", "statement/ST-3"] {
            outbox::enqueue(write, &letter(id))?;
        }
        for (id, code) in
            [("statement/ST-1", "statement.unknown"), ("statement/ST-2", "letter.why")]
        {
            outbox::park(write, site, &letter(id), (code, "said by <haishu>"))?;
        }
        for (id, target) in [("mail/1", notices::MAIL.to_owned()), ("webhook/1", webhook)] {
            let kind = notices::KIND.to_owned();
            let notice = OutboxRow { kind, target, ..letter(id) };
            outbox::enqueue(write, &notice)?;
            outbox::park(write, site, &notice, (notices::UNDELIVERED, "no answer"))?;
        }
        Ok::<_, lianshi_store::Fault>(())
    });
    put.expect("set aside");
    let page = see("en").await.body;
    for words in [
        "statement/ST-1",
        "said by &#60;haishu&#62;",
        "Say in a sentence why",
        "is not connected",
        "Statement or division",
        "E-mail",
        "Webhook oa",
        "not taken for days",
    ] {
        assert!(page.contains(words), "{words}: {page}");
    }
    assert!(!page.contains("/node/@"), "no link to a node that is none: {page}");
    assert!(see("zh-CN").await.body.contains("已被拒收"));
    for id in ["mail/1", "webhook/1"] {
        let actor = Actor::command("clerk");
        outbox::give_up(site, &actor, (id, "the office moved")).expect("given up");
    }
    let decide = async |form: &str| {
        let token = see("en").await.csrf();
        send(&app, post("/letters", &format!("csrf={token}&{form}")).cookie(finance.clone())).await
    };
    let done = decide("id=statement%2FST-1&act=send").await;
    assert_eq!((done.status, done.location.as_str()), (StatusCode::SEE_OTHER, "/letters"));
    assert_eq!(
        decide("id=statement%2FST-1&act=send").await.status,
        StatusCode::UNPROCESSABLE_ENTITY
    );
    let wordless = decide("id=statement%2FST-2&act=give-up").await;
    assert_eq!(wordless.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(wordless.body.contains("href=\"#list\""), "{}", wordless.body);
    assert_eq!(decide("id=statement%2FST-2&act=burn").await.status, StatusCode::BAD_REQUEST);
    let done = decide("id=statement%2FST-2&act=give-up&why=agreed+by+telephone").await;
    assert_eq!(done.status, StatusCode::SEE_OTHER);
    assert!(see("en").await.body.contains("No letter was refused for good."));
    assert_eq!(
        site.db.read(outbox::waiting).expect("read").counted(),
        3,
        "one came back, and a notice"
    );
}
