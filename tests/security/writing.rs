//! What strangers, buyers and programs may write: control characters, texts nobody sees, members
//! given twice. Nothing of it is a fault of the node, nothing is charged, nothing is shown.

use reqwest::{Client, StatusCode, header};
use serde_json::{Value, json};
use support::demo::Demo;

/// Addresses of pages and of the API with something in them that a database could stumble over.
const ADDRESSES: [&str; 16] = [
    "/catalog?q=%00",
    "/catalog?q=a%00b&kind=%00",
    "/catalog?sector=%1B%5B2J",
    "/catalog?q=%C2%9B",
    "/federation?q=%00",
    "/node/%00",
    "/products/%00",
    "/products/330212-P-2026-0000001-9?%00=x",
    "/certificate/%00",
    "/registry/haishu/1?kind=%00",
    "/registry/haishu/1/%00",
    "/verify/%00/1",
    "/api/v1/products?q=%00",
    "/api/v1/products?sector=%00&page=1",
    "/api/v1/products/%00",
    "/login?next=%00",
];

/// The same for people who are signed in by a token.
const OF_THE_BUYER: [&str; 3] =
    ["/api/v1/subscriptions/%00", "/api/v1/statements?period=%00", "/api/v1/subscriptions?x=%00"];

async fn status(client: &Client, url: &str, token: Option<&str>) -> StatusCode {
    let mut request = client.get(url);
    if let Some(token) = token {
        request = request.bearer_auth(token);
    }
    request.send().await.unwrap().status()
}

#[tokio::test]
async fn control_characters_in_an_address_are_the_callers_mistake() {
    let demo = Demo::shared().await;
    let client = Client::new();
    let (_, _, token) = demo.account("haishu", "buyer");
    for node in ["ningbo", "haishu"] {
        let web = demo.node(node, "web");
        for path in ADDRESSES {
            let status = status(&client, &format!("{web}{path}"), None).await;
            assert!(status.is_client_error(), "{node} {path}: {status}");
        }
    }
    let web = demo.node("haishu", "web");
    for path in OF_THE_BUYER {
        let status = status(&client, &format!("{web}{path}"), Some(&token)).await;
        assert!(status.is_client_error(), "{path}: {status}");
    }
    // What is written as it should be is answered.
    for path in ["/catalog?q=%E5%8C%BA", "/api/v1/products?q=a+b"] {
        let status = status(&client, &format!("{web}{path}"), None).await;
        assert_eq!(status, StatusCode::OK, "{path}");
    }
}

async fn post(client: &Client, url: &str, (token, body): (&str, &str)) -> (StatusCode, Value) {
    let request =
        client.post(url).bearer_auth(token).header(header::CONTENT_TYPE, "application/json");
    let answer = request.body(body.to_owned()).send().await.unwrap();
    let status = answer.status();
    (status, answer.json().await.unwrap_or_default())
}

#[tokio::test]
async fn a_body_with_a_member_given_twice_or_a_text_nobody_may_read_asks_for_nothing() {
    let demo = Demo::shared().await;
    let client = Client::new();
    let (_, _, token) = demo.account("haishu", "buyer");
    let url = format!("{}/api/v1/subscriptions", demo.node("haishu", "web"));
    let product = demo.subscription("product");
    let body = |note: &str, more: &str| {
        format!(
            r#"{{"product":"{product}","plan":"per-call","purpose_note":"{note}","months":1{more}}}"#
        )
    };
    let before = status_of_list(&client, &url, &token).await;
    for (body, expected) in [
        (body("x", r#","months":12"#), 400),
        (body("x", r#","plan":"per-call""#), 400),
        (body(r"a\u0000b", ""), 400),
        (body(r"a\u202eb", ""), 400),
        (body(r"\u200b\u200b", ""), 422),
        (body("", ""), 422),
        (body(&"长".repeat(501), ""), 422),
    ] {
        let (status, problem) = post(&client, &url, (&token, &body)).await;
        assert_eq!(status.as_u16(), expected, "{body}: {problem}");
        assert!(problem["code"].is_string(), "{problem}");
    }
    assert_eq!(status_of_list(&client, &url, &token).await, before, "nothing was asked for");
}

async fn status_of_list(client: &Client, url: &str, token: &str) -> u64 {
    let answer = client.get(url).bearer_auth(token).send().await.unwrap();
    answer.json::<Value>().await.unwrap()["total"].as_u64().unwrap()
}

#[tokio::test]
async fn a_code_with_a_character_nobody_sees_is_refused_and_free() {
    let demo = Demo::shared().await;
    let client = Client::new();
    let door = demo.door();
    let (field, code) = door
        .request
        .as_object()
        .unwrap()
        .iter()
        .find_map(|(field, value)| Some((field.clone(), value.as_str()?.to_owned())))
        .expect("a text in the example");
    let call = async |body: String| {
        let request = client.post(&door.url).bearer_auth(&door.key);
        request.body(body).send().await.unwrap()
    };
    let before = demo.usage().await;
    for hidden in ["\u{200b}", "\u{feff}", "\u{ad}", "\u{2060}"] {
        let mut request = door.request.clone();
        request[&field] = json!(format!("{code}{hidden}"));
        let answer = call(request.to_string()).await;
        assert_eq!(answer.status(), StatusCode::UNPROCESSABLE_ENTITY, "{hidden:?}");
    }
    let twice = format!(r#"{{"{field}":"{code}","{field}":"{code}"}}"#);
    assert_eq!(call(twice).await.status(), StatusCode::BAD_REQUEST);
    let nul = format!(r#"{{"{field}":"{code}\u0000"}}"#);
    assert_eq!(call(nul).await.status(), StatusCode::BAD_REQUEST);
    let good = call(door.request.to_string()).await;
    assert_eq!(good.status(), StatusCode::OK, "what is meant is answered");
    assert_eq!(demo.usage().await, before + 1, "and alone is charged");
}
