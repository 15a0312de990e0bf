//! A node with people on it, and a browser to visit it with.

use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};

use actix_http::Request;
use actix_web::{
    Error,
    body::MessageBody,
    cookie::Cookie,
    dev::{Service, ServiceResponse},
    http::{StatusCode, header},
    test,
};
use lianshi_market::{message::MESSAGE_KIND, subscription::SubscriptionId};
use lianshi_registry::{
    entry::{Admission, Entry, Fact, Possession, Texts},
    id::{DivisionCode, NodeName, Origin},
    key::{KeyPair, NodeKeys},
    member::Root,
    time::Timestamp,
    uscc::{self, Uscc},
};
use lianshi_store::{
    Db, Fault, Site,
    accounts::{self, ENTERPRISE, NewUser, OrganizationRecord, Role, Scope, TokenOrder},
    audit::Actor,
    catalog, letters, log, members, outbox,
    subscriptions::{self, Decision},
};
use lianshi_web::session::SESSION_COOKIE;

/// Everybody's password.
pub const PASSWORD: &str = "seven small boats";

/// When every node's time begins.
const BEGIN_MS: i64 = 1_795_000_000_000;
/// Clocks of the tests that let time pass; the first never moves.
static CLOCKS: [AtomicI64; 9] = [const { AtomicI64::new(BEGIN_MS) }; 9];

fn clock<const N: usize>() -> Timestamp {
    Timestamp::from_millis(CLOCKS.get(N).unwrap().load(Ordering::SeqCst))
}

/// Lets time pass on one clock.
pub fn pass<const N: usize>(millis: i64) {
    CLOCKS.get(N).unwrap().fetch_add(millis, Ordering::SeqCst);
}

/// A node on a fresh SQLite file.
pub struct Node {
    pub site: Site,
    _folder: tempfile::TempDir,
}

impl Node {
    pub fn new() -> Self {
        Self::on_clock::<0>()
    }

    /// With a clock of its own, for one test only.
    pub fn on_clock<const N: usize>() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let site = Site {
            db: Db::open_file(&folder.path().join("node.sqlite")).unwrap(),
            node: NodeName::parse("yinzhou").unwrap(),
            name: Texts { zh: "鄞州节点".to_owned(), en: "Yinzhou node".to_owned() },
            division: DivisionCode::parse("330212").unwrap(),
            origin: Origin::parse("ningbo.example/yinzhou/1").unwrap(),
            public_url: "http://127.0.0.1:8800".to_owned(),
            log_key: KeyPair::from_seed([1; 32]),
            seal_key: KeyPair::from_seed([2; 32]),
            witness_key: KeyPair::from_seed([3; 32]),
            quorum: lianshi_registry::policy::Rule::default(),
            folder: folder.path().to_owned(),
            clock: clock::<N>,
            nudge: Arc::new(|| {}),
        };
        Self { site, _folder: folder }
    }

    /// Makes the node its own federation and publishes the example product; gives its number.
    pub fn publish(&self) -> String {
        self.publish_file(include_str!("../../../docs/examples/division-code.toml"))
    }

    /// The same with another publishing file.
    pub fn publish_file(&self, file: &str) -> String {
        let site = &self.site;
        let admission = Admission {
            node: site.node.clone(),
            name: site.name.clone(),
            division: site.division.clone(),
            level: "district".to_owned(),
            origin: site.origin.clone(),
            identity_key: KeyPair::from_seed([3; 32]).public(),
            log_key: site.log_key.public(),
            witness_key: KeyPair::from_seed([4; 32]).public(),
            seal_key: site.seal_key.public(),
            addresses: vec!["/ip4/127.0.0.1/tcp/8802".to_owned()],
            public_url: site.public_url.clone(),
            quota_bytes: lianshi_registry::entry::QUOTA_BYTES,
            possession: Possession::default(),
        }
        .proved(&NodeKeys {
            identity: KeyPair::from_seed([3; 32]),
            log: site.log_key.clone(),
            witness: KeyPair::from_seed([4; 32]),
            seal: site.seal_key.clone(),
        });
        members::set_roots(&site.db, &[Root::of(&admission)]).unwrap();
        let entry = Entry {
            at: site.now(),
            by: site.node.to_string(),
            fact: Fact::MemberAdmitted(admission),
        };
        site.db
            .write(|write| {
                log::create_own(write, site)?;
                log::append(write, &site.origin, std::slice::from_ref(&entry), site.now())?;
                Ok::<_, Fault>(())
            })
            .unwrap();
        let published = catalog::publish(site, &Actor::node(), file).unwrap().published;
        published.into_iter().find(|one| one.kind == "product.registered").unwrap().id
    }

    /// Admits another node to the federation that [`Node::publish`] founds.
    pub fn admit(&self, name: &str) {
        let seed = |n: u8| KeyPair::from_seed([100 + n; 32]);
        let keys = NodeKeys { identity: seed(1), log: seed(2), witness: seed(3), seal: seed(4) };
        let admission = Admission {
            node: NodeName::parse(name).unwrap(),
            name: Texts { zh: name.to_owned(), en: name.to_owned() },
            division: self.site.division.clone(),
            level: "district".to_owned(),
            origin: Origin::parse(&format!("ningbo.example/{name}/1")).unwrap(),
            identity_key: keys.identity.public(),
            log_key: keys.log.public(),
            witness_key: keys.witness.public(),
            seal_key: keys.seal.public(),
            addresses: Vec::new(),
            public_url: format!("https://{name}.example"),
            quota_bytes: lianshi_registry::entry::QUOTA_BYTES,
            possession: Possession::default(),
        };
        let (site, fact) = (&self.site, Fact::MemberAdmitted(admission.proved(&keys)));
        let (at, by) = (site.now(), site.node.to_string());
        let entry = Entry { at, by, fact };
        let entries = std::slice::from_ref(&entry);
        site.db.write(|write| log::append(write, &site.origin, entries, at)).unwrap();
        let known = site.db.read(|read| members::by_node(read, &NodeName::parse(name).unwrap()));
        assert!(known.unwrap().is_some(), "admitted");
    }

    /// Carries every letter of the market from this node to itself.
    pub fn carry(&self) {
        let site = &self.site;
        loop {
            let due = site.db.read(|read| outbox::due(read, site.now(), 100)).unwrap();
            if due.is_empty() {
                return;
            }
            for letter in due {
                if letter.kind == MESSAGE_KIND {
                    letters::receive(site, &site.node, (&letter.kind, &letter.payload)).unwrap();
                }
                site.db.write(|write| outbox::done(write, &letter.id)).unwrap();
            }
        }
    }

    /// Lets the operator agree to a request, and carries what follows.
    pub fn agree(&self, id: &str) {
        let id = SubscriptionId::parse(id).unwrap();
        subscriptions::decide(&self.site, &Actor::node(), &id, Decision::Approve).unwrap();
        self.carry();
    }

    /// Adds a person of the operator of the example product.
    pub fn operator(&self, login: &str) {
        let uscc = Uscc::parse("91330212MA2DEM0026").unwrap();
        let record = OrganizationRecord {
            uscc: uscc.clone(),
            name: Texts { zh: "鄞联".to_owned(), en: "Yinlian".to_owned() },
            division: DivisionCode::parse("330212").unwrap(),
            kind: "operator".to_owned(),
        };
        accounts::add_organization(&self.site, &Actor::node(), &record).unwrap();
        self.add(login, uscc, &[Role::Provider]);
    }

    /// Adds a fictitious organization.
    pub fn organization(&self, serial: u8) -> Uscc {
        self.registered_as("91", serial)
    }

    /// One that was registered as what the first two characters of its code say.
    fn registered_as(&self, kind: &str, serial: u8) -> Uscc {
        let uscc = uscc::complete(&format!("{kind}330203MA2TEQT{serial:02}")).unwrap();
        let record = OrganizationRecord {
            uscc: uscc.clone(),
            name: Texts { zh: format!("测试单位{serial}"), en: format!("Test unit {serial}") },
            division: DivisionCode::parse("330203").unwrap(),
            kind: ENTERPRISE.to_owned(),
        };
        accounts::add_organization(&self.site, &Actor::node(), &record).unwrap();
        uscc
    }

    /// Adds a person to organization `serial`.
    pub fn person(&self, login: &str, serial: u8, roles: &[Role]) {
        self.add(login, self.organization(serial), roles);
    }

    /// Adds a person to a public institution.
    pub fn official(&self, login: &str, roles: &[Role]) {
        self.add(login, self.registered_as("12", 1), roles);
    }

    fn add(&self, login: &str, organization: Uscc, roles: &[Role]) {
        let new = NewUser {
            login: login.to_owned(),
            organization,
            display_name: login.to_owned(),
            roles: roles.iter().copied().collect(),
            password: PASSWORD.to_owned(),
        };
        accounts::add_user(&self.site, &Actor::node(), &Scope::Node, &new).unwrap();
        accounts::keep_password(&self.site, &Actor::node(), login).unwrap();
    }

    /// Somebody else gave this person their password, again.
    pub fn give_password(&self, login: &str) {
        let whose = (&Scope::Node, login);
        accounts::set_password(&self.site, &Actor::node(), whose, PASSWORD).unwrap();
    }

    /// A token of a person, with all their roles.
    pub fn token(&self, login: &str) -> String {
        let user = self.site.db.read(|read| accounts::user_by_login(read, login)).unwrap().unwrap();
        let order = TokenOrder { login, label: "test", roles: &user.roles, days: 30 };
        accounts::create_token(&self.site, &Actor::node(), &order).unwrap().secret
    }
}

/// The answer to a request.
#[derive(Debug, Clone)]
pub struct Answer {
    pub status: StatusCode,
    pub location: String,
    pub cookies: Vec<Cookie<'static>>,
    pub headers: header::HeaderMap,
    pub body: String,
}

impl Answer {
    /// The form token of the page.
    pub fn csrf(&self) -> String {
        let (_, rest) = self.body.split_once("name=\"csrf\" value=\"").expect("a form");
        rest.split('"').next().unwrap().to_owned()
    }

    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).expect(&self.body)
    }
}

/// Sends one request to an application.
pub async fn send<S, B>(app: &S, request: test::TestRequest) -> Answer
where
    S: Service<Request, Response = ServiceResponse<B>, Error = Error>,
    B: MessageBody,
{
    let request = request.peer_addr("192.0.2.1:4000".parse().unwrap()).to_request();
    let response = test::call_service(app, request).await;
    let header = |name| {
        let value = response.headers().get(name);
        value.map_or_else(String::new, |value| value.to_str().unwrap().to_owned())
    };
    Answer {
        status: response.status(),
        location: header(header::LOCATION),
        cookies: response.response().cookies().map(Cookie::into_owned).collect(),
        headers: response.headers().clone(),
        body: String::from_utf8_lossy(&test::read_body(response).await).into_owned(),
    }
}

/// Starts the application of a node inside a test.
macro_rules! app {
    ($node:expr) => {
        app!($node, Offered)
    };
    ($node:expr, $rule:ident) => {{
        let state = lianshi_web::WebState::new($node.site.clone())
            .with_second_factor(lianshi_store::accounts::SecondFactorRule::$rule);
        let configure = move |cfg: &mut actix_web::web::ServiceConfig| {
            lianshi_web::configure(cfg, state.clone());
        };
        actix_web::test::init_service(actix_web::App::new().configure(configure)).await
    }};
}
pub(crate) use app;

/// A page asked for by an anonymous browser.
pub fn get(path: &str) -> test::TestRequest {
    test::TestRequest::get().uri(path).insert_header(("accept-language", "en"))
}

/// A form sent by an anonymous browser from our own page.
pub fn post(path: &str, body: &str) -> test::TestRequest {
    test::TestRequest::post()
        .uri(path)
        .insert_header(("accept-language", "en"))
        .insert_header(("sec-fetch-site", "same-origin"))
        .insert_header(("content-type", "application/x-www-form-urlencoded"))
        .set_payload(body.to_owned())
}

/// Signs somebody in and returns the session cookie.
pub async fn sign_in<S, B>(app: &S, login: &str) -> Cookie<'static>
where
    S: Service<Request, Response = ServiceResponse<B>, Error = Error>,
    B: MessageBody,
{
    let password = PASSWORD.replace(' ', "+");
    let body = format!("login={login}&password={password}&next=%2F");
    let answer = send(app, post("/login", &body)).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.body);
    answer.cookies.into_iter().find(|cookie| cookie.name().starts_with(SESSION_COOKIE)).unwrap()
}
