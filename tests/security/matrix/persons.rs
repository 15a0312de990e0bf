//! The people who ask: nobody, and one for each role, of the demo's own organizations and of a
//! foreign one.

use std::fmt;

use lianshi_node::folder::Folder;
use lianshi_registry::{entry::Texts, id::DivisionCode, uscc};
use lianshi_store::{
    Site,
    accounts::{self, ENTERPRISE, NewUser, OrganizationRecord, Role, Scope, TokenOrder},
    audit::Actor,
};
use sha2::{Digest as _, Sha256};
use support::{demo::Demo, wait_for};
use tokio::sync::OnceCell;

use super::expected::Row;
use crate::raw::{Reply, Request, ask};

/// Long and not in any list.
const PASSWORD: &str = "seventeen-small-boats-at-dawn";

/// Somebody, with what they show at the door.
#[derive(Debug, Clone, Default)]
pub struct Person {
    /// None: nobody is signed in.
    pub role: Option<&'static str>,
    /// Of the organization that the demo's subscription belongs to on this node.
    own: bool,
    /// The whole `Cookie` header.
    pub cookie: String,
    /// API token.
    pub token: String,
    /// The token of their forms.
    pub csrf: String,
    /// The side of the subscription that the node keeps.
    side: &'static str,
}

impl fmt::Display for Person {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let whose = if self.own { "own" } else { "foreign" };
        write!(f, "{whose} {}", self.role.unwrap_or("nobody"))
    }
}

impl Person {
    /// Whether a route with an object in it shows this person anything; true where there is none.
    pub fn is_party(&self, pattern: &str) -> bool {
        let pattern = pattern.strip_prefix("/api/v1").unwrap_or(pattern);
        if pattern.starts_with("/subscriptions/{id}") {
            return self.own && self.side == "home" && self.role != Some("provider");
        }
        if pattern.starts_with("/provider/subscriptions/{id}") {
            return self.own && self.side == "provider";
        }
        if pattern.starts_with("/users/{login}") {
            return self.role == Some("node_admin") || self.own;
        }
        // The demo has closed no period yet: there is no bill of anybody's.
        let of_a_close = ["/bills/{number}", "/statements/{number}", "/differences/{number}"];
        !of_a_close.iter().any(|of_a_close| pattern.contains(of_a_close))
    }

    pub fn is_foreign(&self) -> bool {
        self.role.is_some() && !self.own
    }
}

/// A node with the people at its door and the objects they ask for.
pub struct Ground {
    pub web: String,
    pub persons: Vec<Person>,
    subscription: String,
    product: String,
    period: String,
    key: String,
    origin_hash: String,
    node: String,
}

impl Ground {
    /// A node of the demo that all tests share, prepared once.
    pub async fn of(demo: &'static Demo, node: &'static str) -> &'static Self {
        static GROUNDS: [OnceCell<Ground>; 2] = [const { OnceCell::const_new() }; 2];
        let place = usize::from(node == "haishu");
        GROUNDS[place].get_or_init(|| Self::prepare(demo, node)).await
    }

    /// Adds what the demo does not have: a foreign enterprise with one person for each role.
    async fn prepare(demo: &Demo, node: &str) -> Self {
        let web = demo.node(node, "web");
        let side = if node == "haishu" { "home" } else { "provider" };
        let mut persons = vec![Person { side, ..Person::default() }];
        let folder = demo.data.join(node);
        let strangers = tokio::task::spawn_blocking(move || strangers(&folder)).await;
        for (role, login, token) in strangers.expect("they were added") {
            persons.push(enter(&web, (&login, PASSWORD), (role, false, side), token).await);
        }
        let accounts = demo.about["accounts"].as_array().expect("accounts");
        for account in accounts.iter().filter(|account| account["node"] == node) {
            let text = |field: &str| account[field].as_str().expect("a text").to_owned();
            let role = Role::parse(&text("role")).expect("a role").as_str();
            // At home the subscription is the enterprise's, at the provider node the operator's.
            let own = match side {
                "home" => matches!(role, "buyer" | "org_admin"),
                _ => role == "provider",
            };
            let (user, password) = (text("user"), text("password"));
            let token = text("token");
            persons.push(enter(&web, (&user, &password), (role, own, side), token).await);
        }
        let of =
            |role| persons.iter().find(|p| p.role == Some(role) && (p.own || role == "finance"));
        let subscription = demo.subscription("id");
        let periods = page(&web, of("finance"), "/finance/periods").await;
        let keys = page(&web, of("buyer"), &format!("/subscriptions/{subscription}/keys")).await;
        let checkpoint = page(&web, None, "/log/ningbo/1/checkpoint").await;
        Self {
            period: part_after(&periods, "/finance/periods/").expect("a period"),
            key: part_after(&keys, &format!("/subscriptions/{subscription}/keys/"))
                .unwrap_or_else(|| "none".to_owned()),
            origin_hash: hex::encode(Sha256::digest(checkpoint.lines().next().expect("an origin"))),
            product: demo.subscription("product"),
            node: node.to_owned(),
            subscription,
            persons,
            web,
        }
    }

    /// A path of a route, with objects that exist where the demo has them.
    pub fn address(&self, pattern: &str) -> String {
        let number = match pattern {
            // The demo has closed no period yet.
            "/bills/{number}"
            | "/finance/statements/{number}"
            | "/finance/differences/{number}" => "none",
            _ => &self.product,
        };
        let id = if pattern.starts_with("/api/v1/products") {
            &self.product
        } else if pattern.contains("/tokens/") {
            "T-00000000000000000000000000"
        } else {
            &self.subscription
        };
        let query = match pattern {
            "/products/{number}/subscribe/terms" => "?plan=none&months=1",
            "/api/v1/catalog/changes" => "?since=0.0",
            _ => "",
        };
        let asset = lianshi_web::assets::paths().next().and_then(|path| path.rsplit('/').next());
        let asset = asset.expect("an asset");
        let path = pattern
            .replace("{number}", number)
            .replace("{period}", &self.period)
            .replace("{login}", "buyer")
            .replace("{name}", asset)
            .replace("{id}", id)
            .replace("{key}", &self.key)
            .replace("{node}", &self.node)
            .replace("{generation}", "1")
            .replace("{index}", "0")
            .replace("{tile:tile/.*}", "tile/0/000.p/1")
            .replace("{origin_hash}", &self.origin_hash)
            .replace("{product}", &self.product)
            .replace("{operation}", "check");
        format!("{path}{query}")
    }

    /// Whether an entitled person saw the thing itself.
    pub fn opens(row: &Row, reply: &Reply) -> bool {
        let unanswered = matches!(
            row.pattern,
            "/products/{number}/subscribe/plan"
                | "/products/{number}/subscribe/check"
                | "/products/{number}/subscribe/terms"
        );
        // Steps that were not answered lead back to the one before.
        reply.status == 200 || (unanswered && matches!(reply.status, 303 | 422))
    }
}

/// One person a role, of an enterprise that has nothing to do with the demo's; the same every time.
fn strangers(folder: &std::path::Path) -> Vec<(&'static str, String, String)> {
    let site = Folder::open(folder).and_then(|folder| folder.command_site()).expect("a node");
    let uscc = uscc::complete("91330203MA9FRN001").expect("a code");
    let record = OrganizationRecord {
        uscc: uscc.clone(),
        name: Texts {
            zh: "外来企业（演示）".to_owned(), en: "Stranger Ltd. (demo)".to_owned()
        },
        division: DivisionCode::parse("330203").expect("a division"),
        kind: ENTERPRISE.to_owned(),
    };
    accounts::add_organization(&site, &Actor::node(), &record).expect("an organization");
    Role::ALL.map(|role| stranger(&site, &record, role)).to_vec()
}

fn stranger(site: &Site, of: &OrganizationRecord, role: Role) -> (&'static str, String, String) {
    let login = format!("stranger-{}", role.as_str().replace('_', "-"));
    let known = site.db.read(|read| accounts::user_by_login(read, &login)).expect("a database");
    if known.is_none() {
        let new = NewUser {
            login: login.clone(),
            organization: of.uscc.clone(),
            display_name: login.clone(),
            roles: [role].into(),
            password: PASSWORD.to_owned(),
        };
        accounts::add_user(site, &Actor::node(), &Scope::Node, &new).expect("a person");
        accounts::keep_password(site, &Actor::node(), &login).expect("a password of their own");
    }
    let order = TokenOrder { login: &login, label: "matrix", roles: &[role].into(), days: 1 };
    let token = accounts::create_token(site, &Actor::node(), &order);
    (role.as_str(), login, token.expect("a token").secret)
}

/// Signs in over HTTP.
async fn enter(
    web: &str,
    (login, password): (&str, &str),
    (role, own, side): (&'static str, bool, &'static str),
    token: String,
) -> Person {
    let body = format!("login={login}&password={password}&next=%2F");
    let headers = vec![
        ("Sec-Fetch-Site", "same-origin".to_owned()),
        ("Content-Type", "application/x-www-form-urlencoded".to_owned()),
    ];
    let request = Request { method: "POST", target: "/login", headers, body: &body };
    // Other tests sign people in too, and passwords are judged a few at a time.
    let reply = wait_for("a place at the sign-in", 60, || async {
        let reply = ask(web, &request).await;
        (!matches!(reply.status, 429 | 503)).then_some(reply)
    })
    .await;
    assert_eq!(reply.status, 303, "{login} signs in: {}", reply.body);
    let cookie = reply.cookies.iter().find(|cookie| cookie.contains("-session-"));
    let cookie = cookie.expect("a session").clone();
    let mut person = Person { role: Some(role), own, cookie, token, csrf: String::new(), side };
    let headers = vec![("Cookie", person.cookie.clone())];
    let account = Request { method: "GET", target: "/account", headers, body: "" };
    let page = ask(web, &account).await.body;
    let (_, rest) = page.split_once("name=\"csrf\" value=\"").expect("a form on the account page");
    rest.split('"').next().expect("a value").clone_into(&mut person.csrf);
    person
}

/// A page as somebody sees it.
async fn page(web: &str, person: Option<&Person>, target: &str) -> String {
    let cookie = person.map(|person| ("Cookie", person.cookie.clone()));
    let headers = cookie.into_iter().collect();
    ask(web, &Request { method: "GET", target, headers, body: "" }).await.body
}

/// The segment that follows the first `lead` in a page.
fn part_after(page: &str, lead: &str) -> Option<String> {
    let (_, rest) = page.split_once(lead)?;
    let end = rest.find(['/', '"', '?'])?;
    rest.get(..end).map(str::to_owned)
}
