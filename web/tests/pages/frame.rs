//! What holds on every route: headers, error words, settings.

use actix_web::{
    body::MessageBody as _,
    http::{Method, StatusCode, header},
    test::{TestRequest, call_service, read_body},
};
use lianshi_routes::headers::SECURITY;
use lianshi_web::assets;

use crate::support;

/// Every public route with the status it answers.
const ROUTES: [(&str, u16); 29] = [
    ("/", 200),
    ("/catalog", 200),
    ("/catalog?q=%E5%8C%BA%E5%88%92&page=9", 200),
    ("/products/330212-P-2026-0000001-X", 404),
    ("/products/junk", 404),
    ("/products/junk/entry", 404),
    ("/certificate/junk", 404),
    ("/federation", 200),
    ("/federation?sort=lag", 200),
    ("/node/yinzhou", 200),
    ("/node/nobody", 404),
    ("/registry/yinzhou/1", 200),
    ("/registry/yinzhou/2", 404),
    ("/registry/yinzhou/1/0", 200),
    ("/registry/yinzhou/1/0/entry", 200),
    ("/registry/yinzhou/1/999999", 404),
    ("/verify", 200),
    ("/verify/yinzhou/1", 200),
    ("/verify/yinzhou/1/policy", 200),
    ("/verify/yinzhou/9/vkey", 404),
    ("/nowhere", 404),
    ("/assets/app.css", 404),
    ("/api/v1/openapi.json", 200),
    ("/api/v1/products", 200),
    ("/api/v1/products?page=0", 400),
    ("/api/v1/products?q=%00", 400),
    ("/catalog?q=a%1B", 400),
    ("/api/v1/products/junk", 404),
    ("/api/v1/catalog/digest", 200),
];

#[actix_web::test]
async fn every_route_carries_the_security_headers() {
    let seeded = support::seeded(4);
    let app = app!(seeded);
    let paths = ROUTES.iter().copied().chain(assets::paths().map(|path| (path, 200)));
    for (path, status) in paths {
        let response = call_service(&app, TestRequest::get().uri(path).to_request()).await;
        assert_eq!(response.status().as_u16(), status, "{path}");
        for (name, value) in SECURITY {
            let found = response.headers().get(name).unwrap_or_else(|| panic!("{path}: {name}"));
            assert_eq!(found, value, "{path}: {name}");
        }
        let cache = response.headers().get(header::CACHE_CONTROL).unwrap();
        let kept = path.starts_with("/assets/") && status == 200;
        assert_eq!(cache == "no-store", !kept, "{path}");
    }
}

#[actix_web::test]
async fn head_is_get_without_a_body() {
    let seeded = support::seeded(4);
    let app = app!(seeded);
    for (path, status) in ROUTES {
        let get = call_service(&app, TestRequest::get().uri(path).to_request()).await;
        let request = TestRequest::default().method(Method::HEAD).uri(path).to_request();
        let head = call_service(&app, request).await;
        assert_eq!(head.status().as_u16(), status, "{path}");
        assert_eq!(head.response().body().size(), get.response().body().size(), "{path}");
        let content_type = header::CONTENT_TYPE;
        assert_eq!(head.headers().get(&content_type), get.headers().get(&content_type), "{path}");
        assert!(read_body(head).await.is_empty(), "{path}");
        assert!(!read_body(get).await.is_empty(), "{path}");
    }
}

#[actix_web::test]
async fn no_page_has_inline_script_or_style() {
    let seeded = support::seeded(12);
    let app = app!(seeded);
    let catalog = page!(&app, "/catalog");
    let product = catalog.split("href=\"/products/").nth(1).unwrap().split('"').next().unwrap();
    let product = format!("/products/{product}");
    let registry = ["/node/yinzhou", "/registry/yinzhou/1", "/registry/yinzhou/1/3", "/verify"];
    let others = ["/", "/catalog", product.as_str(), "/federation", "/nowhere"];
    for path in others.into_iter().chain(registry) {
        let html = page!(&app, path);
        for bad in [" style=", "<style", "javascript:", " onclick", " onload"] {
            assert!(!html.contains(bad), "{path} has {bad}");
        }
        for script in html.split("<script").skip(1) {
            assert!(script.starts_with(" defer src=\"/assets/app."), "{path}: {script:.40}");
        }
        assert_eq!(html.matches("<h1").count(), 1, "{path}");
        assert!(html.len() < 100 * 1024, "{path} has {} bytes", html.len());
    }
}

#[actix_web::test]
async fn a_page_that_fails_says_so_in_the_readers_language() {
    let seeded = support::empty();
    let app = app!(seeded);
    let zh = page!(&app, "/nowhere");
    assert!(zh.contains("未找到该页面") && zh.contains("lang=\"zh-CN\""), "{zh}");
    let request = TestRequest::get().uri("/nowhere").insert_header(("accept-language", "en"));
    let response = call_service(&app, request.to_request()).await;
    assert_eq!(response.status(), StatusCode::NOT_FOUND);
    let en = String::from_utf8(read_body(response).await.to_vec()).unwrap();
    assert!(en.contains("Page not found") && en.contains("lang=\"en\""), "{en}");
}

#[actix_web::test]
async fn another_method_is_refused_in_words() {
    let seeded = support::empty();
    let app = app!(seeded);
    let response = call_service(&app, TestRequest::delete().uri("/catalog").to_request()).await;
    assert!(response.status().is_client_error(), "{}", response.status());
    let html = String::from_utf8(read_body(response).await.to_vec()).unwrap();
    assert!(html.contains("<h1>"), "{html}");
}

#[actix_web::test]
async fn settings_are_kept_in_cookies_and_lead_back() {
    let seeded = support::empty();
    let app = app!(seeded);
    let form = [("lang", "en"), ("back", "/catalog?q=x")];
    let request = TestRequest::post().uri("/preferences").set_form(form).to_request();
    let response = call_service(&app, request).await;
    assert_eq!(response.status(), StatusCode::SEE_OTHER);
    assert_eq!(response.headers().get(header::LOCATION).unwrap(), "/catalog?q=x");
    let cookie = response.headers().get(header::SET_COOKIE).unwrap().to_str().unwrap();
    for part in ["lianshi_lang=en", "HttpOnly", "SameSite=Lax", "Path=/"] {
        assert!(cookie.contains(part), "{cookie}");
    }
    let request = TestRequest::get()
        .uri("/")
        .insert_header((header::COOKIE, "lianshi_lang=en; lianshi_care=on; lianshi_theme=dark"))
        .to_request();
    let html = read_body(call_service(&app, request).await).await;
    let html = String::from_utf8(html.to_vec()).unwrap();
    assert!(html.contains(r#"<html lang="en" data-theme="dark" data-care="on">"#), "{html:.200}");
}

/// The switches once sent the reader of an answer to a `POST` to an address that takes no `GET`.
#[actix_web::test]
async fn settings_lead_back_from_every_answer_to_a_form() {
    let seeded = support::empty();
    let app = app!(seeded);
    let parameter = |part: &'static str| if part.starts_with('{') { "x" } else { part };
    let mut forms = 0;
    for route in lianshi_web::pages().declared() {
        if route.method != "POST" || route.pattern.starts_with("/api/") {
            continue;
        }
        forms += 1;
        let back = route.pattern.split('/').map(parameter).collect::<Vec<_>>().join("/");
        let form = [("theme", "dark"), ("back", back.as_str())];
        let request = TestRequest::post().uri("/preferences").set_form(form).to_request();
        let response = call_service(&app, request).await;
        assert_eq!(response.status(), StatusCode::SEE_OTHER, "{back}");
        let location = response.headers().get(header::LOCATION).unwrap().to_str().unwrap();
        let page = call_service(&app, TestRequest::get().uri(location).to_request()).await;
        assert_ne!(page.status(), StatusCode::METHOD_NOT_ALLOWED, "{back} leads to {location}");
    }
    assert!(forms > 10, "{forms}");
}

#[actix_web::test]
async fn settings_sent_by_another_site_are_refused() {
    let seeded = support::empty();
    let app = app!(seeded);
    let request = TestRequest::post()
        .uri("/preferences")
        .insert_header(("sec-fetch-site", "cross-site"))
        .set_form([("lang", "en"), ("back", "//evil.example")])
        .to_request();
    let response = call_service(&app, request).await;
    assert_eq!(response.status(), StatusCode::FORBIDDEN);
    assert!(response.headers().get(header::SET_COOKIE).is_none());
}
