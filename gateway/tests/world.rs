//! A node that sells one fictitious product to an enterprise at home at the same node.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
        mpsc::{Receiver, Sender, channel},
    },
    thread::JoinHandle,
};

use actix_web::{App, HttpServer};

use lianshi_gateway::Gateway;
use lianshi_market::{dataset::Definition, subscription::SubscriptionId};
use lianshi_registry::{
    entry::{
        Authorization, Ceiling, Charge, ChargeUnit, Confirmation, Engine, Entry, Fact, Field,
        FieldType, Grade, Guard, Operation, Organization, OrganizationKind, Plan, Product,
        ProductForm, ProductNotice, Purpose, Resource, ResourceField, Share, ShareRole, Split,
        SplitBase, Texts, UpdateCycle,
    },
    id::{DivisionCode, NodeName, NumberKind, Origin, RegistrationNumber},
    key::KeyPair,
    price::Price,
    refusal::Refusal as _,
    time::{Date, Timestamp},
    uscc::{Uscc, complete},
};
use lianshi_store::{
    Db, Failure, Fault, Site,
    audit::Actor,
    datasets::{self, Encoding, Target},
    db::CONNECTIONS_MAX,
    letters, log, outbox,
    subscriptions::{self, Decision, RequestSubscription},
};
use serde_json::{Value, json};

/// 2026-11-20 noon in Shanghai; tests only move it forward, by seconds.
static NOW_MS: AtomicI64 = AtomicI64::new(1_795_147_200_000);

/// Lets time pass, for all tests of this process.
pub fn pass(millis: i64) {
    NOW_MS.fetch_add(millis, Ordering::Relaxed);
}

/// What the plan and the guard allow.
#[derive(Clone, Copy)]
pub struct Limits {
    pub calls_per_month: u64,
    pub calls_per_minute: u32,
    pub subjects: u64,
}

/// Room for everything.
pub const WIDE: Limits =
    Limits { calls_per_month: 100_000, calls_per_minute: 100_000, subjects: 100_000 };

pub struct World {
    pub site: Site,
    pub product: RegistrationNumber,
    pub subscription: SubscriptionId,
    pub key_id: String,
    pub key: String,
    _folder: tempfile::TempDir,
}

pub fn texts(text: &str) -> Texts {
    Texts { zh: text.to_owned(), en: text.to_owned() }
}

fn number(kind: NumberKind) -> RegistrationNumber {
    let division = DivisionCode::parse("330212").expect("valid");
    RegistrationNumber::new(&division, kind, 2026, 1).expect("fits")
}

fn operator() -> Uscc {
    complete("91330212MA2TEQT01").expect("a fictitious code")
}

fn day(text: &str) -> Date {
    Date::parse(text).expect("a date")
}

fn field(name: &str, field_type: FieldType, required: bool) -> Field {
    Field { name: name.to_owned(), label: texts(name), field_type, required }
}

fn site(db: Db, folder: &std::path::Path) -> Site {
    Site {
        db,
        node: NodeName::parse("yinzhou").expect("valid"),
        name: texts("yinzhou"),
        division: DivisionCode::parse("330212").expect("valid"),
        origin: Origin::parse("ningbo.example/yinzhou/1").expect("valid"),
        public_url: "http://127.0.0.1:1".to_owned(),
        log_key: KeyPair::from_seed([1; 32]),
        seal_key: KeyPair::from_seed([2; 32]),
        witness_key: KeyPair::from_seed([3; 32]),
        quorum: lianshi_registry::policy::Rule::default(),
        folder: folder.to_owned(),
        clock: || Timestamp::from_millis(NOW_MS.load(Ordering::Relaxed)),
        nudge: Arc::new(|| {}),
    }
}

impl World {
    pub fn new(limits: Limits) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let db = Db::open_file(&folder.path().join("node.sqlite")).expect("a database");
        Self::begin(db, folder, limits)
    }

    /// The same in a fresh database of another kind.
    pub fn on(url: &str, limits: Limits) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        Self::begin(Db::open(url).expect("a database"), folder, limits)
    }

    fn begin(db: Db, folder: tempfile::TempDir, limits: Limits) -> Self {
        let site = site(db, folder.path());
        let facts = facts(limits);
        site.db
            .write(|write| {
                log::create_own(write, &site)?;
                let by = operator().to_string();
                let entry =
                    |fact: &Fact| Entry { at: site.now(), by: by.clone(), fact: fact.clone() };
                let entries: Vec<Entry> = facts.iter().map(entry).collect();
                log::append(write, &site.origin, &entries, site.now())
            })
            .expect("published");
        let product = number(NumberKind::Product);
        for (operation, definition, file) in data() {
            load(&site, (&product, operation), definition, file);
        }
        let (subscription, key_id, key) = subscribe(&site, &product, "");
        Self { site, product, subscription, key_id, key, _folder: folder }
    }

    /// Puts other data behind an operation.
    pub fn load(&self, operation: &str, definition: Value, file: &str) {
        load(&self.site, (&self.product, operation), definition, file);
    }

    /// Tries the same and gives the code it is refused with.
    pub fn refused(&self, operation: &str, definition: Value, file: &str) -> &'static str {
        let definition = serde_json::from_value(definition).expect("a definition");
        let operation = operation.to_owned();
        let product = self.product.clone();
        let target = Target { product, operation, definition, encoding: Encoding::Utf8 };
        match datasets::load(&self.site, &Actor::node(), &target, file.as_bytes(), |_| {}) {
            Err(Failure::Refused(refusal)) => refusal.code(),
            other => panic!("{other:?}"),
        }
    }

    /// The product as it was described, to be described anew.
    pub fn described() -> Product {
        described(WIDE)
    }

    /// One more subscription of the same enterprise, with its key.
    pub fn subscribe_again(&self) -> String {
        subscribe(&self.site, &self.product, "another department").2
    }

    /// Says something more in the node's log.
    pub fn publish(&self, fact: Fact) {
        let entry = Entry { at: self.site.now(), by: operator().to_string(), fact };
        self.site
            .db
            .write(|write| {
                let entries = std::slice::from_ref(&entry);
                log::append(write, &self.site.origin, entries, self.site.now())
            })
            .expect("published");
    }

    /// Delivers letters of the node to itself, as the post does.
    pub fn deliver(&self) {
        deliver(&self.site);
    }

    /// Takes every connection the store may use: whoever asks the database now waits in vain.
    pub fn hold_connections(&self) -> Held {
        let (held, is_held) = channel();
        let (release, released) = channel();
        let db = self.site.db.clone();
        let holder = std::thread::spawn(move || hold(&db, CONNECTIONS_MAX, &held, &released));
        is_held.recv().expect("held");
        Held { release, holder }
    }

    /// Serves the gateway on a port of its own until the test ends.
    pub fn serve(&self) -> Server {
        let gateway = Gateway::start(self.site.clone()).expect("started");
        let app = move || {
            let gateway = gateway.clone();
            App::new().configure(|config| lianshi_gateway::configure(config, gateway))
        };
        let server = HttpServer::new(app).workers(2).disable_signals();
        let server = server.bind(("127.0.0.1", 0)).expect("a port");
        let address = server.addrs()[0];
        actix_web::rt::spawn(server.run());
        Server { address, client: reqwest::Client::new() }
    }

    pub fn call(&self, operation: &str) -> Call {
        Call {
            path: format!("/call/{}/{operation}", self.product),
            headers: BTreeMap::from([("authorization", format!("Bearer {}", self.key))]),
            body: Vec::new(),
        }
    }

    /// A verification of a code.
    pub fn verify(&self, code: &str) -> Call {
        self.call("verify").json(&json!({ "code": code }))
    }

    pub fn calls_metered(&self) -> u64 {
        let id = self.subscription.as_str();
        let days = self.site.db.read(|read| lianshi_store::usage::usage_days(read, id));
        lianshi_market::usage::total_calls(&days.expect("read"))
    }
}

/// Every connection of a store, held.
pub struct Held {
    release: Sender<()>,
    holder: JoinHandle<()>,
}

impl Held {
    pub fn release(self) {
        self.release.send(()).expect("heard");
        self.holder.join().expect("ran");
    }
}

fn hold(db: &Db, depth: u32, held: &Sender<()>, release: &Receiver<()>) {
    if depth == 0 {
        held.send(()).expect("heard");
        release.recv().expect("released");
        return;
    }
    let outcome = db.read(|_| {
        hold(db, depth - 1, held, release);
        Ok::<_, Fault>(())
    });
    outcome.expect("read");
}

/// A serving gateway.
pub struct Server {
    pub address: SocketAddr,
    pub client: reqwest::Client,
}

/// A request to be sent.
#[derive(Clone)]
pub struct Call {
    pub path: String,
    pub headers: BTreeMap<&'static str, String>,
    pub body: Vec<u8>,
}

/// What came back.
#[derive(Debug, Clone, PartialEq)]
pub struct Reply {
    pub status: reqwest::StatusCode,
    pub headers: BTreeMap<String, String>,
    pub body: Value,
}

impl Call {
    pub fn json(mut self, body: &Value) -> Self {
        self.body = body.to_string().into_bytes();
        self
    }

    pub fn raw(mut self, body: &[u8]) -> Self {
        self.body = body.to_vec();
        self
    }

    pub fn header(mut self, name: &'static str, value: &str) -> Self {
        self.headers.insert(name, value.to_owned());
        self
    }

    pub fn without(mut self, name: &str) -> Self {
        self.headers.retain(|known, _| *known != name);
        self
    }

    pub async fn send(self, server: &Server) -> Reply {
        let url = format!("http://{}{}", server.address, self.path);
        let mut request = server.client.post(url).body(self.body);
        for (name, value) in self.headers {
            request = request.header(name, value);
        }
        let response = request.send().await.expect("an answer");
        let status = response.status();
        let text = |value: &reqwest::header::HeaderValue| {
            value.to_str().expect("plain headers").to_owned()
        };
        let headers =
            response.headers().iter().map(|(name, value)| (name.to_string(), text(value)));
        let headers = headers.collect();
        let body = response.bytes().await.expect("a body");
        let body = serde_json::from_slice(&body).expect("every answer is JSON");
        Reply { status, headers, body }
    }
}

impl Reply {
    /// Status and code of a refusal, after a look at what every refusal must have.
    pub fn refusal(&self) -> (u16, &str) {
        assert_eq!(self.headers["content-type"], "application/problem+json", "{self:?}");
        assert_eq!(self.body["status"], self.status.as_u16());
        assert_eq!(self.body["request_id"], self.headers["x-request-id"].as_str());
        for language in ["zh", "en"] {
            let message = self.body["messages"][language].as_str().expect("a text");
            assert!(!message.is_empty());
        }
        (self.status.as_u16(), self.body["code"].as_str().expect("a code"))
    }

    /// The data of an answer.
    pub fn data(&self) -> &Value {
        assert_eq!(self.status, 200, "{self:?}");
        &self.body["data"]
    }
}

fn load(
    site: &Site,
    (product, operation): (&RegistrationNumber, &str),
    definition: Value,
    file: &str,
) {
    let definition: Definition = serde_json::from_value(definition).expect("a definition");
    let target = Target {
        product: product.clone(),
        operation: operation.to_owned(),
        definition,
        encoding: Encoding::Utf8,
    };
    datasets::load(site, &Actor::node(), &target, file.as_bytes(), |_| {}).expect("loaded");
}

fn deliver(site: &Site) {
    loop {
        let due = site.db.read(|read| outbox::due(read, site.now(), 100)).expect("due");
        if due.is_empty() {
            break;
        }
        for letter in due {
            letters::receive(site, &site.node, (&letter.kind, &letter.payload)).expect("taken");
            let done: Result<(), Fault> = site.db.write(|write| outbox::done(write, &letter.id));
            done.expect("done");
        }
    }
}

fn subscribe(
    site: &Site,
    product: &RegistrationNumber,
    second_reason: &str,
) -> (SubscriptionId, String, String) {
    let wanted = RequestSubscription {
        product: product.clone(),
        plan: "standard".to_owned(),
        purpose: Purpose::Industry,
        purpose_note: "to verify codes".to_owned(),
        months: 6,
        buyer: complete("91330203MA2TEQT03").expect("a fictitious code"),
        buyer_name: "Fictitious Trading".to_owned(),
        second_reason: second_reason.to_owned(),
    };
    let id = subscriptions::request(site, &Actor::node(), wanted).expect("requested");
    deliver(site);
    if !second_reason.is_empty() {
        let decided = subscriptions::decide(site, &Actor::node(), &id, Decision::Approve);
        decided.expect("a person read the reason");
        deliver(site);
    }
    let key = subscriptions::create_key(site, &Actor::node(), &id, "test").expect("a key");
    deliver(site);
    (id, key.id, key.secret.reveal().to_owned())
}

/// Everything that makes the product lawful.
fn facts(limits: Limits) -> Vec<Fact> {
    let organization = Organization {
        uscc: operator(),
        name: texts("Fictitious Operator"),
        kind: OrganizationKind::Operator,
        division: DivisionCode::parse("330212").expect("valid"),
    };
    let resource = Resource {
        number: number(NumberKind::Resource),
        name: texts("codes"),
        provider: operator(),
        platform_id: "R-1".to_owned(),
        grade: Grade::L1,
        forbidden: false,
        fields: vec![ResourceField {
            name: "code".to_owned(),
            label: texts("code"),
            field_type: FieldType::Text,
            confirmed: Some(Confirmation {
                by: operator(),
                on: day("2026-01-01"),
                document: "C-1".to_owned(),
            }),
        }],
        row_count: 3,
        update_cycle: UpdateCycle::Monthly,
    };
    let authorization = Authorization {
        number: number(NumberKind::Authorization),
        scenario: texts("verification"),
        grantor: operator(),
        operator: operator(),
        resources: vec![resource.number.clone()],
        purposes: vec![Purpose::Industry],
        from: day("2026-01-01"),
        until: day("2028-01-01"),
        agreement: "A-1".to_owned(),
        emergency_plan: "E-1".to_owned(),
        ruleset: "330200-2023".to_owned(),
    };
    let product = number(NumberKind::Product);
    vec![
        Fact::OrganizationListed(organization),
        Fact::ResourceCataloged(resource),
        Fact::AuthorizationGranted(authorization),
        Fact::ProductRegistered(Box::new(described(limits))),
        Fact::CeilingFiled(Ceiling {
            product: product.clone(),
            unit: ChargeUnit::Call,
            price_max: Price::parse("1").expect("a price"),
            document: "C-1".to_owned(),
        }),
        Fact::PlanPublished(plan(limits)),
        Fact::SplitAgreed(split()),
        Fact::ProductListed(ProductNotice { number: product, reason: String::new() }),
    ]
}

fn plan(limits: Limits) -> Plan {
    Plan {
        product: number(NumberKind::Product),
        code: "standard".to_owned(),
        name: texts("standard"),
        purpose: Purpose::Industry,
        charge: Charge::PerCall { price: Price::parse("0.5").expect("a price"), included_calls: 0 },
        calls_per_month_max: limits.calls_per_month,
        calls_per_minute_max: limits.calls_per_minute,
        term_months_max: 12,
        automatic_approval: true,
        qualifies: Vec::new(),
    }
}

fn split() -> Split {
    Split {
        product: number(NumberKind::Product),
        version: 1,
        from: day("2026-01-01").period(),
        base: SplitBase::Invoiced,
        consents: Vec::new(),
        shares: vec![Share {
            party: operator(),
            name: texts("Fictitious Operator"),
            role: ShareRole::Operator,
            node: NodeName::parse("yinzhou").expect("valid"),
            share_ppm: 1_000_000,
        }],
    }
}

fn described(limits: Limits) -> Product {
    Product {
        number: number(NumberKind::Product),
        name: texts("Code verification"),
        summary: texts("summary"),
        description: texts("description"),
        form: ProductForm::Verification,
        version: "1.0".to_owned(),
        sector: "governance".to_owned(),
        field: "governance".to_owned(),
        operator: operator(),
        authorization: number(NumberKind::Authorization),
        resources: vec![number(NumberKind::Resource)],
        grade: Grade::L1,
        regrade: None,
        purposes: vec![Purpose::Industry],
        forbidden_uses: texts("none"),
        update_cycle: UpdateCycle::Monthly,
        coverage: texts("all"),
        technique: "lookup".to_owned(),
        operations: operations(),
        guard: Guard { smallest_cell: 10, distinct_subjects_max: limits.subjects },
        security_assessment: "S-1".to_owned(),
        export_review: "X-1".to_owned(),
        service_level: texts("best effort"),
        contact: "desk".to_owned(),
        valid_until: day("2029-01-01"),
        synthetic: true,
    }
}

fn operations() -> Vec<Operation> {
    let operation = |name: &str, engine, input, output| Operation {
        name: name.to_owned(),
        label: texts(name),
        engine,
        input,
        output,
        example: None,
    };
    let verify_input = vec![
        field("code", FieldType::Text, true),
        field("name", FieldType::Text, false),
        field("date", FieldType::Date, false),
    ];
    let verify_output =
        vec![field("result", FieldType::Text, true), field("valid", FieldType::Boolean, false)];
    let successor_input =
        vec![field("code", FieldType::Text, true), field("name", FieldType::Text, true)];
    let successor_output =
        vec![field("result", FieldType::Text, true), field("successor", FieldType::Text, false)];
    let cells_input = vec![
        field("region", FieldType::Text, true),
        field("year_from", FieldType::Integer, false),
        field("year_to", FieldType::Integer, false),
    ];
    let cells_output =
        vec![field("year", FieldType::Integer, true), field("mean", FieldType::Decimal, true)];
    vec![
        operation("verify", Engine::Lookup, verify_input, verify_output),
        operation("successor", Engine::Lookup, successor_input, successor_output),
        operation("cells", Engine::Series, cells_input, cells_output),
        operation("empty", Engine::Lookup, vec![field("code", FieldType::Text, true)], vec![]),
    ]
}

fn data() -> [(&'static str, Value, &'static str); 3] {
    let verify = json!({
        "columns": [{ "name": "code" }, { "name": "name" },
            { "name": "first_listed", "type": "month" },
            { "name": "last_listed", "type": "month", "optional": true }],
        "lookup": { "key": ["code"], "compare": ["name"],
            "as_of": { "field": "date", "from": "first_listed", "through": "last_listed" } }
    });
    let verify_rows = "code,name,first_listed,last_listed\n\
        330283,奉化市,1988-10,2016-10\n330213,奉化区,2016-11,\n";
    let successor = json!({
        "columns": [{ "name": "code", "mask": "999999" }, { "name": "name" },
            { "name": "successor", "optional": true }, { "name": "people", "type": "integer" }],
        "lookup": { "key": ["code"], "compare": ["name"], "answer": ["successor"],
            "count": "people" }
    });
    let successor_rows = "code,name,successor,people\n330283,奉化市,330213,480000\n\
        330213,奉化区,,500000\n330299,小岛,330213,9\n";
    let cells = json!({
        "synthetic": true,
        "columns": [{ "name": "region" }, { "name": "year", "type": "integer" },
            { "name": "mean", "type": "decimal" }, { "name": "firms", "type": "integer" }],
        "series": { "key": ["region"], "dimension": "year", "values": ["mean"], "count": "firms",
            "totals": [] }
    });
    let cells_rows = "region,year,mean,firms\n330212,2023,1.50,40\n330212,2024,2.50,9\n\
        330212,2025,3.50,10\n330203,2025,9.99,50\n";
    [
        ("verify", verify, verify_rows),
        ("successor", successor, successor_rows),
        ("cells", cells, cells_rows),
    ]
}
