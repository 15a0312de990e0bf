//! The public JSON API.

use actix_web::test::{TestRequest, call_service, read_body, read_body_json};
use serde_json::{Value, json};

use crate::support;

fn parsed(text: String) -> Value {
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

#[actix_web::test]
async fn products_are_listed_found_and_paged() {
    let seeded = support::seeded(27);
    let app = app!(seeded);
    let all = parsed(page!(&app, "/api/v1/products?size=5&page=2"));
    assert_eq!((&all["total"], &all["page"], &all["pages"]), (&27.into(), &2.into(), &6.into()));
    assert_eq!(all["items"].as_array().unwrap().len(), 5);
    let path = "/api/v1/products?q=%E5%8C%BA%E5%88%92&kind=verification&node=yinzhou";
    let found = parsed(page!(&app, path));
    let item = &found["items"][0];
    assert_eq!(item["id"], item["number"]);
    assert_eq!((&item["node"], &item["kind"]), (&"yinzhou".into(), &"verification".into()));
    assert!(item["name"].as_str().unwrap().contains("区划"));
    let details =
        parsed(page!(&app, &format!("/api/v1/products/{}", item["id"].as_str().unwrap())));
    assert_eq!(details["provenance"]["origin"], "ningbo.example/yinzhou/1");
    assert_eq!(details["plans"].as_array().unwrap().len(), 1);
}

#[actix_web::test]
async fn provenance_tells_the_age_of_the_copy_or_that_it_was_never_confirmed() {
    let seeded = support::seeded(3);
    let app = app!(seeded);
    let first = |node: &str| format!("/api/v1/products?node={node}");
    let path = |list: &Value| {
        format!("/api/v1/products/{}", list["items"][0]["id"].as_str().expect("a product"))
    };
    let copied = path(&parsed(page!(&app, &first("yinzhou"))));
    for (from_now_ms, at, age_seconds, age) in [
        (Some(-120_000), json!("2026-11-21T02:58:00Z"), json!(120), "2 minutes ago"),
        (Some(120_000), json!("2026-11-21T03:02:00Z"), json!(0), "0 seconds ago"),
        (None, Value::Null, Value::Null, "never confirmed"),
    ] {
        support::set_confirmed(&seeded, from_now_ms);
        let provenance = &parsed(page!(&app, &copied, "en"))["provenance"];
        assert_eq!((&provenance["confirmed_at"], &provenance["age_seconds"]), (&at, &age_seconds));
        assert!(provenance["age"].as_str().expect("words").contains(age), "{provenance}");
    }
    let own = path(&parsed(page!(&app, &first("haishu"))));
    let provenance = &parsed(page!(&app, &own, "en"))["provenance"];
    assert_eq!((&provenance["own"], &provenance["age_seconds"]), (&json!(true), &json!(0)));
}

#[actix_web::test]
async fn the_digest_names_every_head() {
    let seeded = support::seeded(3);
    let app = app!(seeded);
    let digest = parsed(page!(&app, "/api/v1/catalog/digest"));
    let heads = digest["heads"].as_array().unwrap();
    assert_eq!(heads.len(), 3);
    assert!(heads.iter().all(|head| head["root"].as_str().unwrap().len() == 64));
    assert_eq!(digest["digest"].as_str().unwrap().len(), 64);
}

#[actix_web::test]
async fn errors_are_problem_details() {
    let seeded = support::empty();
    let app = app!(seeded);
    for (path, status, code) in [
        ("/api/v1/products/330212-P-2026-0000001-X", 404, "web.not_found"),
        ("/api/v1/products?sort=price", 400, "web.malformed"),
        ("/api/v1/products?colour=red", 400, "web.malformed"),
        ("/api/v1/products?page=-1", 400, "web.malformed"),
        ("/api/v1/nothing", 404, "web.not_found"),
    ] {
        let response = call_service(&app, TestRequest::get().uri(path).to_request()).await;
        assert_eq!(response.status().as_u16(), status, "{path}");
        let kind = response.headers().get("content-type").unwrap().to_str().unwrap().to_owned();
        assert_eq!(kind, "application/problem+json", "{path}");
        let problem: Value = read_body_json(response).await;
        assert_eq!(problem["code"], code, "{path}");
        assert_eq!(problem["status"], status, "{path}");
    }
}

#[actix_web::test]
async fn the_description_names_every_path_and_who_needs_a_token() {
    let seeded = support::empty();
    let app = app!(seeded);
    let request = TestRequest::get().uri("/api/v1/openapi.json").to_request();
    let body = read_body(call_service(&app, request).await).await;
    let description: Value = serde_json::from_slice(&body).unwrap();
    for path in ["/api/v1/products", "/api/v1/products/{id}", "/api/v1/catalog/digest"] {
        let get = &description["paths"][path]["get"];
        assert!(get.is_object() && get["security"].is_null(), "{path}");
    }
    for row in lianshi_web::pages().declared().iter().filter(|row| row.pattern.starts_with("/api/"))
    {
        let described = &description["paths"][row.pattern][row.method.to_lowercase()];
        assert!(
            described.is_object() || row.pattern.ends_with("openapi.json"),
            "{} {} is not described",
            row.method,
            row.pattern
        );
        for (status, answer) in described["responses"].as_object().into_iter().flatten() {
            let said = answer["description"].as_str().unwrap_or_default();
            assert!(!said.is_empty(), "{} {status} says nothing", row.pattern);
            let problem = &answer["content"]["application/problem+json"]["schema"];
            assert_eq!(problem.is_object(), status.as_str() >= "400", "{} {status}", row.pattern);
        }
        if described["requestBody"].is_object() {
            for status in ["400", "413", "422", "429"] {
                let answer = &described["responses"][status];
                assert!(answer.is_object(), "{} {status} is not described", row.pattern);
            }
        }
    }
    assert!(description["paths"]["/call/{product}/{operation}"]["post"].is_object());
    let subscriptions = &description["paths"]["/api/v1/subscriptions"]["get"];
    assert!(subscriptions["security"][0]["token"].is_array(), "{subscriptions}");
}

#[actix_web::test]
async fn everything_is_listed_by_cursor_and_what_changed_since_is_told() {
    let seeded = support::seeded(27);
    let app = app!(seeded);
    let (mut seen, mut cursor, mut as_of) = (Vec::new(), Some(String::new()), String::new());
    while let Some(after) = cursor {
        let path = format!("/api/v1/products?size=5&status=any&cursor={after}");
        let list = parsed(page!(&app, &path));
        let items = list["items"].as_array().unwrap();
        seen.extend(items.iter().map(|item| item["number"].as_str().unwrap().to_owned()));
        if after.is_empty() {
            list["as_of"].as_str().unwrap().clone_into(&mut as_of);
        }
        cursor = list["next"].as_str().map(str::to_owned);
    }
    assert_eq!(seen.len(), 27);
    assert!(seen.is_sorted() && !seen.is_empty());
    let changes = parsed(page!(&app, &format!("/api/v1/catalog/changes?since={as_of}")));
    assert_eq!((&changes["items"], &changes["more"]), (&json!([]), &json!(false)));
    let all = parsed(page!(&app, "/api/v1/catalog/changes?since=0.0&size=20"));
    assert_eq!(all["items"].as_array().unwrap().len(), 20);
    assert_eq!(all["more"], true);
    for (path, status, code) in [
        ("/api/v1/catalog/changes?since=elsewhere", 400, "web.malformed"),
        ("/api/v1/catalog/changes?since=0.999999", 410, "web.gone"),
        ("/api/v1/catalog/changes", 400, "web.malformed"),
        ("/api/v1/products?cursor=&q=x", 422, "catalog.cursor_alone"),
        ("/api/v1/products?cursor=junk", 404, "web.not_found"),
    ] {
        let response = call_service(&app, TestRequest::get().uri(path).to_request()).await;
        assert_eq!(response.status().as_u16(), status, "{path}");
        let problem: Value = read_body_json(response).await;
        assert_eq!(problem["code"], code, "{path}");
    }
}
