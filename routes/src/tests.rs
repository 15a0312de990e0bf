//! What a declaration keeps to, on a server of its own.

use actix_web::{App, test};

use super::*;

const SHUT: Access = Access::SignedIn;

fn routes() -> Routes<NoPeople> {
    let mut routes = Routes::new("", NoPeople);
    routes
        .get("/open", Access::Everyone, || async { "open" })
        .get("/shut", SHUT, || async { "shut" })
        .post("/shut", SHUT, || async { "shut" });
    routes
}

async fn answer(method: &str, target: &str) -> (u16, String, String) {
    let scope = routes().scope(|| async { HttpResponse::NotFound().body("nothing") });
    let app = test::init_service(App::new().service(scope)).await;
    let method = actix_web::http::Method::from_bytes(method.as_bytes()).expect("a method");
    let request = test::TestRequest::default().method(method).uri(target).to_request();
    let response = test::call_service(&app, request).await;
    let allow = response.headers().get(ALLOW).and_then(|value| value.to_str().ok());
    let allow = allow.unwrap_or_default().to_owned();
    let status = response.status().as_u16();
    (status, allow, String::from_utf8_lossy(&test::read_body(response).await).into_owned())
}

#[actix_web::test]
async fn no_spelling_reaches_a_handler_without_its_check() {
    assert_eq!(answer("GET", "/open").await.2, "open");
    assert_eq!(answer("GET", "/%6fpen").await.2, "open", "the router reads it as the same path");
    for target in ["/shut", "/%73hut", "/%73%68%75%74", "//shut", "/shut/", "/./shut"] {
        for method in ["GET", "POST"] {
            let (status, _, body) = answer(method, target).await;
            assert_eq!(status, 404, "{method} {target}");
            assert_ne!(body, "shut", "{method} {target}");
        }
    }
}

#[actix_web::test]
async fn a_method_that_a_path_does_not_have_is_told_which_it_has() {
    let checked = [("/open", "GET, HEAD"), ("/shut", "GET, HEAD, POST")];
    for (target, allowed) in checked {
        for method in ["TRACE", "DELETE", "BREW"] {
            let (status, allow, _) = answer(method, target).await;
            assert_eq!((status, allow.as_str()), (405, allowed), "{method} {target}");
        }
    }
    assert_eq!(answer("TRACE", "/elsewhere").await.0, 404);
}

#[::core::prelude::v1::test]
#[should_panic(expected = "is declared twice")]
fn a_route_declared_twice_does_not_start() {
    let mut routes = routes();
    routes.get("/open", SHUT, || async { "another" });
    routes.scope(|| async { "nothing" });
}

#[::core::prelude::v1::test]
#[should_panic(expected = "is not below /log")]
fn a_route_beside_its_prefix_does_not_start() {
    let mut routes = Routes::new("/log", NoPeople);
    routes.get("/open", Access::Everyone, || async { "open" });
    routes.scope(|| async { "nothing" });
}
