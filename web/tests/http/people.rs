//! One's own password, and what administrators do with the people they look after.

use actix_web::{cookie::Cookie, http::StatusCode, test::TestRequest};
use lianshi_store::accounts::{self, Role};

use crate::support::{Answer, Node, PASSWORD, app, get, post, send, sign_in};

fn see(path: &str, cookie: &Cookie<'static>) -> TestRequest {
    get(path).cookie(cookie.clone())
}

/// Sends a form with the token of the page it stands on.
macro_rules! submit {
    ($app:expr, $cookie:expr, $page:expr, $path:expr, $form:expr) => {{
        let token = send($app, see($page, $cookie)).await.csrf();
        let body = format!("csrf={token}&{}", $form);
        send($app, post($path, &body).cookie($cookie.clone())).await
    }};
}

fn passwords(current: &str, new: &str, again: &str) -> String {
    let plus = |text: &str| text.replace(' ', "+");
    format!("current={}&new={}&again={}", plus(current), plus(new), plus(again))
}

/// The field of a page is marked as wrong, and the summary leads there.
fn is_wrong_at(answer: &Answer, field: &str) -> bool {
    let body = &answer.body;
    answer.status.is_client_error()
        && body.contains("<title>Error:")
        && body.contains(&format!("<a href=\"#{field}\">"))
        && body.contains(&format!("id=\"{field}-error\""))
        && body.contains(&format!("{field}-error\" aria-invalid=\"true\""))
}

#[actix_web::test]
async fn a_person_changes_their_password() {
    let node = Node::on_clock::<3>();
    node.person("buyer", 1, &[Role::Buyer]);
    let app = app!(node);
    let (here, elsewhere) = (sign_in(&app, "buyer").await, sign_in(&app, "buyer").await);
    let path = "/account/password";
    for (form, field) in [
        (passwords("", "another good one", "another good one"), "current"),
        (passwords(PASSWORD, "", ""), "new"),
        (passwords(PASSWORD, "another good one", "another good two"), "again"),
        (passwords(PASSWORD, "short", "short"), "new"),
        (passwords(PASSWORD, PASSWORD, PASSWORD), "new"),
        (passwords("a wrong guess", "another good one", "another good one"), "current"),
    ] {
        let answer = submit!(&app, &here, path, path, form);
        assert!(is_wrong_at(&answer, field), "{form}: {} {}", answer.status, answer.body);
        assert!(!answer.body.contains("another good"), "no password is shown again");
    }
    let form = passwords(PASSWORD, "another good one", "another good one");
    let answer = submit!(&app, &here, path, path, form);
    assert_eq!(answer.location, "/account?done=password", "{}", answer.body);
    let renewed = answer.cookies.into_iter().find(|c| c.name() == here.name()).unwrap();
    assert_ne!(renewed.value(), here.value(), "the id of the session changes with the password");
    let stolen = send(&app, see("/account", &here)).await;
    assert_eq!(stolen.status, StatusCode::SEE_OTHER, "the old id is nobody's");
    let account = send(&app, see(&answer.location, &renewed)).await;
    assert!(account.body.contains("Your password was changed"), "{}", account.body);
    let other = send(&app, see("/account", &elsewhere)).await;
    assert_eq!(other.status, StatusCode::SEE_OTHER, "signed out elsewhere");
}

#[actix_web::test]
async fn guessing_the_current_password_is_slowed() {
    let node = Node::on_clock::<4>();
    node.person("buyer", 1, &[Role::Buyer]);
    let app = app!(node);
    let cookie = sign_in(&app, "buyer").await;
    let path = "/account/password";
    let wrong = passwords("a wrong guess", "another good one", "another good one");
    for _ in 0..5 {
        let answer = submit!(&app, &cookie, path, path, wrong);
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    }
    let right = passwords(PASSWORD, "another good one", "another good one");
    let answer = submit!(&app, &cookie, path, path, right);
    assert_eq!(answer.status, StatusCode::TOO_MANY_REQUESTS, "{}", answer.body);
    assert!(answer.body.contains("Try again in 2 seconds"), "{}", answer.body);
}

#[actix_web::test]
async fn an_administrator_gives_roles_and_a_new_password() {
    let node = Node::new();
    node.person("admin", 1, &[Role::OrgAdmin]);
    node.person("buyer", 1, &[Role::Buyer]);
    let app = app!(node);
    let cookie = sign_in(&app, "admin").await;
    let buyer = sign_in(&app, "buyer").await;
    let page = "/users/buyer";
    let shown = send(&app, see(page, &cookie)).await;
    assert!(shown.body.contains("value=\"buyer\" checked"), "{}", shown.body);
    assert!(!shown.body.contains("value=\"finance\""), "a role of the node is not offered");

    let none = submit!(&app, &cookie, page, "/users/buyer/roles", "");
    assert_eq!(none.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(none.body.contains("<a href=\"#roles\">Choose at least one role"), "{}", none.body);
    let reserved = submit!(&app, &cookie, page, "/users/buyer/roles", "role=finance");
    assert_eq!(reserved.status, StatusCode::FORBIDDEN, "{}", reserved.body);
    let form = "role=buyer&role=provider";
    let given = submit!(&app, &cookie, page, "/users/buyer/roles", form);
    assert_eq!(given.location, "/users/buyer?done=1", "{}", given.body);
    let user = node.site.db.read(|read| accounts::user_by_login(read, "buyer")).unwrap().unwrap();
    assert_eq!(user.roles, [Role::Buyer, Role::Provider].into());
    let out = send(&app, see("/account", &buyer)).await;
    assert_eq!(out.status, StatusCode::SEE_OTHER, "new rights begin with a new session");

    let made = submit!(&app, &cookie, page, "/users/buyer/password", "");
    let (_, rest) = made.body.split_once("id=\"password\">").expect("shown once");
    let password = rest.split('<').next().unwrap();
    let form = format!("login=buyer&password={password}&next=%2F");
    let signed_in = send(&app, post("/login", &form)).await;
    assert_eq!(signed_in.status, StatusCode::SEE_OTHER, "{}", signed_in.body);

    let kept_out = submit!(&app, &cookie, page, "/users/buyer/disable", "");
    assert_eq!(kept_out.location, "/users/buyer?done=1");
    assert!(send(&app, see(page, &cookie)).await.body.contains("Disabled"));
    let back = submit!(&app, &cookie, page, "/users/buyer/enable", "");
    assert_eq!(back.location, "/users/buyer?done=1");
}

#[actix_web::test]
async fn people_of_others_are_absent_and_those_of_the_node_closed() {
    let node = Node::new();
    node.person("admin", 1, &[Role::OrgAdmin]);
    node.person("root", 1, &[Role::NodeAdmin]);
    node.person("foreign", 2, &[Role::Buyer]);
    let app = app!(node);
    let cookie = sign_in(&app, "admin").await;
    let absent = send(&app, see("/users/nobody", &cookie)).await;
    let foreign = send(&app, see("/users/foreign", &cookie)).await;
    assert_eq!((absent.status, foreign.status), (StatusCode::NOT_FOUND, StatusCode::NOT_FOUND));
    for act in ["roles", "password", "disable", "enable"] {
        let path = format!("/users/foreign/{act}");
        let answer = submit!(&app, &cookie, "/account", &path, "role=buyer");
        let refused = [StatusCode::NOT_FOUND, StatusCode::BAD_REQUEST].contains(&answer.status);
        assert!(refused, "{act}: {} {}", answer.status, answer.body);
    }
    for login in ["root", "admin"] {
        let page = send(&app, see(&format!("/users/{login}"), &cookie)).await;
        assert_eq!(page.status, StatusCode::OK);
        assert!(!page.body.contains("/password\">"), "{login}: nothing to press");
    }
    let seized = submit!(&app, &cookie, "/account", "/users/root/password", "");
    assert!(!seized.body.contains("id=\"password\""), "{}", seized.body);
    assert!(seized.body.contains("only the node&#39;s administration"), "{}", seized.body);
}
