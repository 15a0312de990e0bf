//! Each rule of tlog-tiles as a client sees it.

use std::sync::Arc;

use actix_web::{App, http::Method, test, web::Bytes};
use lianshi_registry::{
    checkpoint::Checkpoint,
    entry::Texts,
    id::{DivisionCode, NodeName, Origin},
    key::KeyPair,
    time::Timestamp,
};
use lianshi_store::{Db, Site};

use super::*;

fn state(folder: &std::path::Path, size: u64) -> WebState {
    let site = Site {
        db: Db::open_file(&folder.join("node.sqlite")).expect("a fresh database"),
        node: NodeName::parse("yinzhou").expect("a name"),
        name: Texts { zh: "鄞州".to_owned(), en: "Yinzhou".to_owned() },
        division: DivisionCode::parse("330212").expect("a code"),
        origin: Origin::parse("ningbo.example/yinzhou/1").expect("an origin"),
        public_url: String::new(),
        log_key: KeyPair::from_seed([1; 32]),
        seal_key: KeyPair::from_seed([2; 32]),
        witness_key: KeyPair::from_seed([3; 32]),
        quorum: lianshi_registry::policy::Rule::default(),
        folder: folder.to_owned(),
        clock: || Timestamp::from_millis(1000),
        nudge: Arc::new(|| {}),
    };
    let entries: Vec<Vec<u8>> = (0..size).map(|i| format!("entry {i}").into_bytes()).collect();
    let written: Result<(), Fault> = site.db.write(|write| {
        log::create_own(write, &site)?;
        log::extend(write, &site.origin, &entries).map(|_| ())
    });
    written.expect("written");
    log::publish_head(&site).expect("signed");
    WebState::new(site)
}

/// Status, headers by name and body of one request.
struct Seen {
    status: u16,
    headers: Vec<(String, String)>,
    body: Bytes,
}

impl Seen {
    fn header(&self, name: &str) -> &str {
        let found = self.headers.iter().find(|(known, _)| known == name);
        found.map_or("", |(_, value)| value)
    }
}

async fn ask(state: &WebState, method: Method, path: &str, encoding: Option<&str>) -> Seen {
    let state = state.clone();
    let app = test::init_service(App::new().configure(|cfg| configure(cfg, state))).await;
    let mut request = test::TestRequest::default().method(method).uri(path);
    if let Some(encoding) = encoding {
        request = request.insert_header(("accept-encoding", encoding));
    }
    let response = test::call_service(&app, request.to_request()).await;
    let headers = response.headers().iter();
    Seen {
        status: response.status().as_u16(),
        headers: headers
            .map(|(name, value)| (name.to_string(), value.to_str().expect("plain text").to_owned()))
            .collect(),
        body: test::read_body(response).await,
    }
}

async fn get(state: &WebState, path: &str) -> Seen {
    ask(state, Method::GET, path, None).await
}

#[actix_web::test]
async fn the_checkpoint_is_text_and_never_kept() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let state = state(folder.path(), 300);
    let seen = get(&state, "/log/yinzhou/1/checkpoint").await;
    assert_eq!(seen.status, 200);
    assert_eq!(seen.header("content-type"), "text/plain; charset=utf-8");
    assert_eq!(seen.header("cache-control"), "no-cache");
    let key = state.site.log_key.public();
    let opened = Checkpoint::open(&seen.body, &state.site.origin, &key).expect("our own");
    assert_eq!(opened.size, 300);
    let head = ask(&state, Method::HEAD, "/log/yinzhou/1/checkpoint", None).await;
    assert_eq!(head.status, 200);
}

#[actix_web::test]
async fn tiles_are_bytes_that_may_be_kept_for_ever() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let state = state(folder.path(), 300);
    for (path, length) in [
        ("tile/0/000", 8192),
        ("tile/0/001.p/44", 44 * 32),
        ("tile/0/001.p/43", 43 * 32),
        ("tile/0/000.p/7", 7 * 32),
        ("tile/1/000.p/1", 32),
        ("tile/entries/000.p/1", 9),
        ("tile/entries/001.p/44", 44 * 11),
    ] {
        let seen = get(&state, &format!("/log/yinzhou/1/{path}")).await;
        assert_eq!((seen.status, seen.body.len()), (200, length), "{path}");
        assert_eq!(seen.header("content-type"), "application/octet-stream");
        assert_eq!(seen.header("cache-control"), KEPT);
        assert_eq!(seen.header("content-encoding"), "", "nobody asked for gzip");
    }
}

#[actix_web::test]
async fn what_is_missing_is_404() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let state = state(folder.path(), 300);
    for path in [
        "/log/yinzhou/1/tile/0/001",
        "/log/yinzhou/1/tile/0/001.p/45",
        "/log/yinzhou/1/tile/0/002.p/1",
        "/log/yinzhou/1/tile/1/000",
        "/log/yinzhou/1/tile/1/000.p/2",
        "/log/yinzhou/1/tile/2/000.p/1",
        "/log/yinzhou/1/tile/entries/001.p/45",
        "/log/yinzhou/1/tile/data/000",
        "/log/yinzhou/1/tile/8/0/000",
        "/log/yinzhou/1/tile/0/0",
        "/log/yinzhou/1/tile/0/000/",
        "/log/yinzhou/1/tile/",
        "/log/yinzhou/1/checkpoint/",
        "/log/yinzhou/01/checkpoint",
        "/log/yinzhou/2/checkpoint",
        "/log/Yinzhou/1/checkpoint",
        "/log/haishu/1/checkpoint",
        "/log/haishu/1/tile/0/000",
        "/log/yinzhou/1",
        "/log/",
    ] {
        let seen = get(&state, path).await;
        assert_eq!(seen.status, 404, "{path}");
        assert_eq!(seen.header("location"), "", "no redirect");
    }
}

#[actix_web::test]
async fn an_empty_log_has_a_checkpoint_and_no_tile() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let state = state(folder.path(), 0);
    assert_eq!(get(&state, "/log/yinzhou/1/checkpoint").await.status, 200);
    for path in ["tile/0/000", "tile/0/000.p/1", "tile/entries/000.p/1"] {
        assert_eq!(get(&state, &format!("/log/yinzhou/1/{path}")).await.status, 404);
    }
}

#[actix_web::test]
async fn gzip_is_sent_to_those_who_ask() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let state = state(folder.path(), 300);
    let seen = ask(&state, Method::GET, "/log/yinzhou/1/tile/entries/000", Some("gzip")).await;
    assert_eq!((seen.status, seen.header("content-encoding")), (200, "gzip"));
}

#[actix_web::test]
async fn nothing_can_be_changed_from_outside() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let state = state(folder.path(), 3);
    for method in [Method::POST, Method::PUT, Method::DELETE] {
        let seen = ask(&state, method, "/log/yinzhou/1/checkpoint", None).await;
        assert!([404, 405].contains(&seen.status), "{}", seen.status);
    }
}

#[actix_web::test]
async fn a_fault_that_passes_says_when_to_come_back() {
    let gone = failed(&Fault::Connection("it hung up".to_owned()), "a test");
    assert_eq!(gone.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(gone.headers().get(header::RETRY_AFTER), Some(&HeaderValue::from(1)));
    let corrupt = failed(&Fault::corrupt("log_tiles", "a test"), "a test");
    assert_eq!(corrupt.status(), StatusCode::INTERNAL_SERVER_ERROR);
    assert!(!corrupt.headers().contains_key(header::RETRY_AFTER));
}
