//! What a stolen password, session or token is still good for after its owner did something about
//! it, and what a first password opens.

use lianshi_node::folder::Folder;
use lianshi_registry::{entry::Texts, uscc};
use lianshi_store::{
    accounts::{self, ENTERPRISE, NewUser, OrganizationRecord, Role, Scope},
    audit::Actor,
};
use reqwest::{Client, Response, StatusCode, header, redirect::Policy};
use support::demo::Demo;

const LOGIN: &str = "token.owner";
const FIRST: &str = "eleven-grey-herons-in-reeds";
const SECOND: &str = "twelve-red-lanterns-on-water";
const THIRD: &str = "thirteen-tea-hills-in-mist";

/// A browser that is signed in, or not yet.
struct Visitor {
    client: Client,
    web: String,
    cookie: String,
}

impl Visitor {
    async fn get(&self, path: &str) -> Response {
        let request = self.client.get(format!("{}{path}", self.web));
        request.header(header::COOKIE, &self.cookie).send().await.expect("an answer")
    }

    /// Sends a form with the token of the page it stands on; takes the cookie that comes back.
    async fn submit(&mut self, page: &str, path: &str, fields: &[(&str, &str)]) -> Response {
        let shown = self.get(page).await.text().await.expect("a page");
        let token = between(&shown, "name=\"csrf\" value=\"", "\"").to_owned();
        let mut form = vec![("csrf", token.as_str())];
        form.extend_from_slice(fields);
        let request = self.client.post(format!("{}{path}", self.web)).form(&form);
        let request = request
            .header(header::COOKIE, &self.cookie)
            .header("sec-fetch-site", "same-origin")
            .header(header::ACCEPT_LANGUAGE, "en");
        let answer = request.send().await.expect("an answer");
        let given = answer.headers().get_all(header::SET_COOKIE).iter();
        let mut given = given.filter_map(|value| value.to_str().ok()?.split(';').next());
        if let Some(session) = given.rfind(|pair| pair.contains("-session-")) {
            session.clone_into(&mut self.cookie);
        }
        answer
    }

    async fn sign_in(&mut self, password: &str) -> Response {
        self.cookie.clear();
        let fields = [("login", LOGIN), ("password", password), ("next", "/account")];
        self.submit("/login", "/login", &fields).await
    }

    async fn change(&mut self, current: &str, new: &str) -> Response {
        let fields = [("current", current), ("new", new), ("again", new)];
        self.submit("/account/password", "/account/password", &fields).await
    }

    async fn make_token(&mut self) -> String {
        let fields = [("label", "test"), ("days", "1"), ("role", "buyer")];
        let answer = self.submit("/account", "/account/tokens", &fields).await;
        between(&answer.text().await.expect("a page"), "id=\"token\">", "<").to_owned()
    }

    /// What the API answers to a token.
    async fn ask(&self, token: &str) -> StatusCode {
        let request = self.client.get(format!("{}/api/v1/subscriptions", self.web));
        request.bearer_auth(token).send().await.expect("an answer").status()
    }
}

fn between<'t>(text: &'t str, before: &str, after: &str) -> &'t str {
    let (_, rest) = text.split_once(before).unwrap_or_else(|| panic!("no {before} in {text}"));
    rest.split(after).next().expect("text before the end")
}

fn location(answer: &Response) -> &str {
    let location = answer.headers().get(header::LOCATION).expect("led on");
    location.to_str().expect("a path")
}

/// Adds a person by hand, as an administrator does, with a password they are told.
fn add(demo: &Demo) {
    let site = Folder::open(&demo.data.join("haishu")).and_then(|f| f.command_site());
    let site = site.expect("the node");
    let node = Actor::node();
    let organization = uscc::complete("91330203MA2TEQT77").expect("a fictitious code");
    let record = OrganizationRecord {
        uscc: organization.clone(),
        name: Texts { zh: "令牌测试企业".to_owned(), en: "Token Test Ltd.".to_owned() },
        division: site.division.clone(),
        kind: ENTERPRISE.to_owned(),
    };
    accounts::add_organization(&site, &node, &record).expect("added");
    let new = NewUser {
        login: LOGIN.to_owned(),
        organization,
        display_name: "Token Owner".to_owned(),
        roles: [Role::Buyer].into(),
        password: FIRST.to_owned(),
    };
    accounts::add_user(&site, &node, &Scope::Node, &new).expect("added");
}

#[tokio::test]
async fn passwords_sessions_and_tokens_end_together_and_a_first_password_opens_nothing_else() {
    let demo = Demo::shared().await;
    tokio::task::spawn_blocking(move || add(demo)).await.expect("added");
    let client = Client::builder().redirect(Policy::none()).build().expect("a client");
    let web = demo.node("haishu", "web");
    let mut owner = Visitor { client, web, cookie: String::new() };

    let begun = owner.sign_in(FIRST).await;
    assert_eq!(location(&begun), "/account/password?next=%2Faccount");
    for path in ["/account", "/subscriptions", "/bills"] {
        assert!(location(&owner.get(path).await).starts_with("/account/password"), "{path}");
    }
    let weak = owner.change(FIRST, "haishu2026").await;
    assert_eq!(weak.status(), StatusCode::UNPROCESSABLE_ENTITY);
    let before = owner.cookie.clone();
    let changed = owner.change(FIRST, SECOND).await;
    assert_eq!(location(&changed), "/account?done=password");
    assert_ne!(owner.cookie, before, "the session has a new id");
    assert_eq!(owner.get("/account").await.status(), StatusCode::OK);

    let token = owner.make_token().await;
    assert_eq!(owner.ask(&token).await, StatusCode::OK);
    owner.change(SECOND, THIRD).await;
    assert_eq!(owner.ask(&token).await, StatusCode::UNAUTHORIZED, "after a new password");
    let token = owner.make_token().await;
    assert_eq!(owner.ask(&token).await, StatusCode::OK);
    owner.submit("/account", "/account/sessions/end", &[]).await;
    assert_eq!(owner.ask(&token).await, StatusCode::UNAUTHORIZED, "after the end of all sessions");
    assert_eq!(owner.get("/account").await.status(), StatusCode::SEE_OTHER);
}
