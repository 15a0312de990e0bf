//! Two nodes with a database each and letters carried by the test: haishu, where an enterprise is
//! at home, and yinzhou, which offers a product. A root authority's log admits both.

use std::{cell::Cell, sync::Arc};

use lianshi_market::{
    correspondence::{Letters, Months, Papers, Question, Reports, Standings},
    subscription::{Side, SubscriptionId, SubscriptionView},
};
use lianshi_registry::{
    entry::{
        Admission, Authorization, Ceiling, Charge, ChargeUnit, Confirmation, Entry, Fact,
        FieldType, Grade, Guard, Organization, OrganizationKind, Plan, Possession, Product,
        ProductForm, ProductNotice, Purpose, Resource, ResourceField, Share, ShareRole, Split,
        SplitBase, Texts, UpdateCycle,
    },
    id::{DivisionCode, NodeName, NumberKind, Origin, RegistrationNumber},
    json,
    key::{KeyPair, NodeKeys},
    member::Root,
    price::Price,
    time::{Date, Timestamp},
    uscc::{Uscc, complete},
};
use lianshi_store::{
    Db, Failure, Fault, Site,
    audit::Actor,
    backup::{self, Contents, Target},
    catalog, fold, letters, log, members,
    outbox::{self, OutboxRow},
    recovery, statements,
    subscriptions::{self, RequestSubscription, correspondence},
    usage,
};

thread_local! {
    // Each test runs on its own thread and has its own time.
    static NOW: Cell<i64> = const { Cell::new(0) };
    /// And its own data folder: only one node of it closes at a time.
    static FOLDER: tempfile::TempDir = tempfile::tempdir().expect("a folder");
}

pub fn now() -> Timestamp {
    Timestamp::from_millis(NOW.get())
}

pub fn pass(millis: i64) {
    NOW.set(NOW.get() + millis);
}

pub fn day(text: &str) -> Date {
    Date::parse(text).expect("a date")
}

pub fn texts(text: &str) -> Texts {
    Texts { zh: text.to_owned(), en: text.to_owned() }
}

pub fn node(name: &str) -> NodeName {
    NodeName::parse(name).expect("a name")
}

fn origin(name: &str) -> Origin {
    Origin::parse(&format!("ningbo.example/{name}/1")).expect("an origin")
}

pub fn number(kind: NumberKind) -> RegistrationNumber {
    let division = DivisionCode::parse("330212").expect("a division");
    RegistrationNumber::new(&division, kind, 2026, 1).expect("fits")
}

pub fn buyer() -> Uscc {
    complete("91330203MA2TEQT03").expect("a code")
}

pub fn operator() -> Uscc {
    complete("91330212MA2TEQT01").expect("a code")
}

fn authority() -> Uscc {
    complete("11330212MA2TEQT02").expect("a code")
}

/// People of the two organizations.
pub fn buyers_clerk() -> Actor {
    Actor { name: "clerk".to_owned(), organization: buyer().to_string() }
}

pub fn operators_clerk() -> Actor {
    Actor { name: "desk".to_owned(), organization: operator().to_string() }
}

/// A node's four keys, made from one number.
fn key(name: &str, role: u8) -> KeyPair {
    let first = name.as_bytes()[0];
    KeyPair::from_seed([first.wrapping_mul(4).wrapping_add(role); 32])
}

/// The key a node seals with.
pub fn seal_key(name: &str) -> KeyPair {
    key(name, 3)
}

/// What was saved of a node.
pub struct Backup {
    folder: tempfile::TempDir,
    contents: Contents,
}

/// A node of the test.
pub struct Node {
    url: String,
    pub site: Site,
}

impl Node {
    fn new(name: &str, division: &str, url: &str) -> Self {
        let site = site(name, division, url);
        site.db
            .write(|write| {
                log::create_own(write, &site)?;
                Ok::<_, Fault>(())
            })
            .expect("own log");
        let root = Root::of(&admission("ningbo", "330200"));
        members::set_roots(&site.db, &[root]).expect("the charter");
        let node = Self { url: url.to_owned(), site };
        let admissions = [("ningbo", "330200"), ("yinzhou", "330212"), ("haishu", "330203")]
            .map(|(name, division)| Fact::MemberAdmitted(admission(name, division)));
        node.replicate("ningbo", &admissions);
        node
    }

    /// The process dies and starts again: nothing but the database is left.
    pub fn restart(&mut self) {
        let (name, division) = (self.site.node.to_string(), self.site.division.to_string());
        self.site = site(&name, &division, &self.url);
    }

    /// Another process beside it, as a command is.
    pub fn beside(&self) -> Self {
        let (name, division) = (self.site.node.as_str(), self.site.division.as_str());
        Self { url: self.url.clone(), site: site(name, division, &self.url) }
    }

    /// A backup of everything in the database.
    pub fn save(&self) -> Backup {
        let folder = tempfile::tempdir().expect("a folder");
        let dir = folder.path().join("backup");
        let contents = backup::save(&self.site.db, &dir, &|_| {}).expect("saved");
        Backup { folder, contents }
    }

    /// The database is lost, and what was saved comes back in a new one of the same kind; the logs
    /// are recovered.
    pub fn restore(&mut self, saved: &Backup) {
        let url = if self.url.starts_with("sqlite") {
            let folder = tempfile::tempdir().expect("a folder").keep();
            format!("sqlite://{}", folder.join("node.sqlite").display())
        } else {
            crate::support::fresh_postgres()
        };
        let target = Target { url: &url, folder: saved.folder.path(), replace: false };
        let dir = saved.folder.path().join("backup");
        backup::load(target, (&dir, &saved.contents), now(), &|_| {}).expect("restored");
        self.url = url;
        self.restart();
        let site = &self.site;
        site.db.write(|write| recovery::finish(write, site, &[])).expect("recovered");
    }

    /// Takes entries of another node's log, or of its own.
    pub fn replicate(&self, name: &str, facts: &[Fact]) {
        let entries: Vec<Entry> = facts.iter().map(|fact| entry(fact.clone())).collect();
        let log = origin(name);
        self.site
            .db
            .write(|write| {
                if log == self.site.origin {
                    log::append(write, &log, &entries, now())?;
                    return Ok(());
                }
                log::create_replica(write, &log, key(name, 1).public())?;
                let size = log::head(&mut write.as_read(), &log)?.map_or(0, |head| head.size);
                let bytes: Vec<Vec<u8>> =
                    entries.iter().map(|entry| json::encode_entry(entry).unwrap()).collect();
                log::extend(write, &log, &bytes)?;
                fold::apply(write, &log, size, &fold::parse(&bytes))
            })
            .expect("folded");
        let quarantined = self.site.db.read(|read| catalog::quarantined(read, 10));
        assert_eq!(quarantined.expect("read"), [], "the test's entries are sound");
    }

    /// Takes every waiting letter out of the outbox, as if all were on their way at once.
    pub fn letters(&self) -> Vec<OutboxRow> {
        let mut letters = Vec::new();
        loop {
            let due =
                self.site.db.read(|read| outbox::due(read, Timestamp::from_millis(i64::MAX), 10));
            let Some(letter) = due.expect("due").into_iter().next() else { return letters };
            self.settle(&letter.id);
            letters.push(letter);
        }
    }

    /// Puts letters back that were not delivered.
    pub fn put_back(&self, letters: &[OutboxRow]) {
        let put = self.site.db.write(|write| {
            letters.iter().try_for_each(|letter| outbox::enqueue(write, letter).map(|_| ()))
        });
        put.expect("enqueued");
    }

    /// The next letter in order.
    pub fn next_letter(&self) -> Option<OutboxRow> {
        let far = Timestamp::from_millis(i64::MAX);
        let due = self.site.db.read(|read| outbox::due(read, far, 1)).expect("due");
        due.into_iter().next()
    }

    /// The receipt came: the letter is done.
    pub fn settle(&self, id: &str) {
        self.site.db.write(|write| outbox::done(write, id)).expect("done");
    }

    pub fn view(&self, id: &SubscriptionId, side: Side) -> Option<SubscriptionView> {
        self.site.db.read(|read| subscriptions::by_id(read, id, side)).expect("read")
    }
}

fn site(name: &str, division: &str, url: &str) -> Site {
    crate::support::heard::listen();
    Site {
        db: Db::open(url).expect("a database"),
        node: node(name),
        name: texts(name),
        division: DivisionCode::parse(division).expect("a division"),
        origin: origin(name),
        public_url: "http://127.0.0.1:1".to_owned(),
        log_key: key(name, 1),
        seal_key: key(name, 3),
        witness_key: KeyPair::from_seed([3; 32]),
        quorum: lianshi_registry::policy::Rule::default(),
        folder: FOLDER.with(|folder| folder.path().to_owned()),
        clock: now,
        nudge: Arc::new(|| {}),
    }
}

fn entry(fact: Fact) -> Entry {
    Entry { at: Timestamp::parse("2026-11-01T00:00:00Z").unwrap(), by: "t".to_owned(), fact }
}

fn admission(name: &str, division: &str) -> Admission {
    Admission {
        node: node(name),
        name: texts(name),
        division: DivisionCode::parse(division).expect("a division"),
        level: if name == "ningbo" { "city" } else { "district" }.to_owned(),
        origin: origin(name),
        identity_key: key(name, 0).public(),
        log_key: key(name, 1).public(),
        witness_key: key(name, 2).public(),
        seal_key: key(name, 3).public(),
        addresses: Vec::new(),
        public_url: "http://127.0.0.1:1".to_owned(),
        quota_bytes: lianshi_registry::entry::QUOTA_BYTES,
        possession: Possession::default(),
    }
    .proved(&NodeKeys {
        identity: key(name, 0),
        log: key(name, 1),
        witness: key(name, 2),
        seal: key(name, 3),
    })
}

/// The federation of the tests.
pub struct World {
    pub home: Node,
    pub provider: Node,
    _folder: tempfile::TempDir,
}

impl World {
    /// Both nodes on SQLite.
    pub fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let url = |name: &str| format!("sqlite://{}", folder.path().join(name).display());
        let (home, provider) = (url("home.sqlite"), url("provider.sqlite"));
        Self::on(&home, &provider, folder)
    }

    /// One on SQLite, the other on PostgreSQL.
    pub fn mixed(home_on_postgres: bool) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let sqlite = format!("sqlite://{}", folder.path().join("node.sqlite").display());
        let postgres = crate::support::fresh_postgres();
        let (home, provider) =
            if home_on_postgres { (&postgres, &sqlite) } else { (&sqlite, &postgres) };
        Self::on(home, provider, folder)
    }

    fn on(home: &str, provider: &str, folder: tempfile::TempDir) -> Self {
        NOW.set(day("2026-11-21").start().millis() + 12 * 3_600_000);
        let home = Node::new("haishu", "330203", home);
        let provider = Node::new("yinzhou", "330212", provider);
        let world = Self { home, provider, _folder: folder };
        world.publish(&content());
        world
    }

    /// yinzhou says something, and both nodes hear it.
    pub fn publish(&self, facts: &[Fact]) {
        self.provider.replicate("yinzhou", facts);
        self.home.replicate("yinzhou", facts);
    }

    /// yinzhou tells the home node that what it holds of the log is all there is.
    pub fn confirm(&self) {
        let confirm =
            |write: &mut lianshi_store::Write<'_>| log::confirm(write, &origin("yinzhou"), now());
        self.home.site.db.write(confirm).expect("confirmed");
    }

    pub fn node(&mut self, side: Side) -> &mut Node {
        match side {
            Side::Home => &mut self.home,
            Side::Provider => &mut self.provider,
        }
    }

    /// Carries one letter of a side and gives the answer's code; a good answer settles it.
    pub fn carry(&mut self, from: Side, letter: &OutboxRow) -> &'static str {
        let code = self.deliver(from, letter);
        if code == "taken" {
            self.node(from).settle(&letter.id);
        }
        code
    }

    /// Delivers a letter, but the receipt is lost.
    pub fn deliver(&mut self, from: Side, letter: &OutboxRow) -> &'static str {
        let sender = self.node(from).site.node.clone();
        let to = self.node(from.other());
        assert_eq!(letter.target, to.site.node.as_str());
        let (site, bytes) = (&to.site, letter.payload.as_slice());
        answer(letters::receive(site, &sender, (&letter.kind, bytes)))
    }

    /// Carries everything until nobody has anything to say.
    pub fn carry_all(&mut self) {
        for _ in 0..50 {
            for side in [Side::Home, Side::Provider] {
                while let Some(letter) = self.node(side).next_letter() {
                    assert_eq!(self.carry(side, &letter), "taken");
                }
            }
        }
    }

    /// A side that was restored asks the other for everything, as the node does over its link.
    pub fn reconcile(&mut self, side: Side) {
        self.reconcile_with(side, true);
    }

    /// The same with a node that knows of counts, or with one of an older program.
    pub fn reconcile_with(&mut self, side: Side, knows_counts: bool) {
        let other = self.node(side.other()).site.clone();
        let site = self.node(side).site.clone();
        let ask = |question: &Question| {
            let asked = serde_json::to_vec(question).expect("JSON");
            correspondence::answer(&other, &site.node, &asked).expect("answered")
        };
        let mut after = None;
        loop {
            let told = ask(&Question::Standings { after: after.clone() });
            let told: Standings = serde_json::from_slice(&told).expect("standings");
            let wanted = correspondence::compare(&site, &other.node, (after.as_ref(), &told));
            for (process, copy) in wanted.expect("compared") {
                let letters = ask(&Question::Letters { process: process.clone(), skip: 0 });
                let letters: Letters = serde_json::from_slice(&letters).expect("letters");
                assert!(!letters.more, "few");
                let taken =
                    correspondence::take(&site, &other.node, ((&process, copy), &letters.letters));
                assert_eq!(answer(taken), "taken");
            }
            after = told.standings.last().map(|last| last.process.clone());
            if !told.more {
                break;
            }
        }
        let told = ask(&Question::Counts { after: None });
        let told: Reports = serde_json::from_slice(&told).expect("reports");
        assert!(!told.more, "few");
        if knows_counts {
            usage::take_reports(&site, &other.node, &told).expect("taken");
        }
        let told: Months = serde_json::from_slice(&ask(&Question::Months)).expect("months");
        let wanted = statements::compare_months(&site, &other.node, &told).expect("compared");
        for (of, period) in wanted {
            let asked = Question::Papers { of, period, after: None };
            let told: Papers = serde_json::from_slice(&ask(&asked)).expect("papers");
            assert!(!told.more, "few");
            let taken = ((of, period), (None, &told));
            let not_yet = statements::take_papers(&site, &other.node, taken).expect("taken");
            assert!(not_yet.is_empty(), "{not_yet:?}");
        }
        for node in [&other.node, &node("ningbo")] {
            let settled = site.db.write(|write| correspondence::settled(write, &site, node));
            settled.expect("settled");
        }
        assert!(site.db.read(correspondence::awaited).expect("read").is_empty());
    }

    pub fn request(&self, plan: &str, months: u32) -> SubscriptionId {
        subscriptions::request(&self.home.site, &buyers_clerk(), wanted(plan, months))
            .expect("requested")
    }

    /// Both copies, which must tell the same.
    pub fn both(&self, id: &SubscriptionId) -> (SubscriptionView, SubscriptionView) {
        let home = self.home.view(id, Side::Home).expect("at home");
        let provider = self.provider.view(id, Side::Provider).expect("at the provider");
        (home, provider)
    }

    /// Asserts that both copies tell the same and returns one.
    pub fn same(&self, id: &SubscriptionId) -> SubscriptionView {
        let (home, provider) = self.both(id);
        let alike = SubscriptionView { side: home.side, updated_at: home.updated_at, ..provider };
        assert_eq!(home, alike);
        home
    }
}

pub fn answer<R: lianshi_registry::refusal::Refusal>(
    outcome: Result<(), Failure<R>>,
) -> &'static str {
    match outcome {
        Ok(()) => "taken",
        Err(Failure::Refused(refusal)) => refusal.code(),
        Err(Failure::Fault(fault)) => panic!("a fault: {fault:?}"),
    }
}

pub fn wanted(plan: &str, months: u32) -> RequestSubscription {
    RequestSubscription {
        product: number(NumberKind::Product),
        plan: plan.to_owned(),
        purpose: Purpose::Industry,
        purpose_note: "核验客户地址".to_owned(),
        months,
        buyer: buyer(),
        buyer_name: "虚构贸易有限公司".to_owned(),
        second_reason: String::new(),
    }
}

pub fn plan(code: &str, automatic_approval: bool) -> Plan {
    Plan {
        product: number(NumberKind::Product),
        code: code.to_owned(),
        name: texts(code),
        purpose: Purpose::Industry,
        charge: Charge::PerCall { price: Price::parse("0.5").unwrap(), included_calls: 100 },
        calls_per_month_max: 10_000,
        calls_per_minute_max: 60,
        term_months_max: 24,
        automatic_approval,
        qualifies: Vec::new(),
    }
}

fn organization(uscc: Uscc, kind: OrganizationKind) -> Fact {
    let division = DivisionCode::parse("330212").expect("a division");
    Fact::OrganizationListed(Organization { uscc, name: texts("organization"), kind, division })
}

fn content() -> Vec<Fact> {
    let notice = ProductNotice { number: number(NumberKind::Product), reason: String::new() };
    let ceiling = Ceiling {
        product: number(NumberKind::Product),
        unit: ChargeUnit::Call,
        price_max: Price::parse("1").unwrap(),
        document: "document".to_owned(),
    };
    vec![
        organization(operator(), OrganizationKind::Operator),
        organization(authority(), OrganizationKind::Authority),
        Fact::ResourceCataloged(resource()),
        Fact::AuthorizationGranted(authorization()),
        Fact::ProductRegistered(Box::new(product())),
        Fact::CeilingFiled(ceiling),
        Fact::PlanPublished(plan("manual", false)),
        Fact::PlanPublished(plan("auto", true)),
        Fact::SplitAgreed(split()),
        Fact::ProductListed(notice),
    ]
}

fn resource() -> Resource {
    Resource {
        number: number(NumberKind::Resource),
        name: texts("resource"),
        provider: authority(),
        platform_id: "r1".to_owned(),
        grade: Grade::L1,
        forbidden: false,
        fields: vec![ResourceField {
            name: "code".to_owned(),
            label: texts("code"),
            field_type: FieldType::Text,
            confirmed: Some(Confirmation {
                by: authority(),
                on: day("2026-01-01"),
                document: "C-1".to_owned(),
            }),
        }],
        row_count: 10,
        update_cycle: UpdateCycle::Yearly,
    }
}

fn authorization() -> Authorization {
    Authorization {
        number: number(NumberKind::Authorization),
        scenario: texts("scenario"),
        grantor: authority(),
        operator: operator(),
        resources: vec![number(NumberKind::Resource)],
        purposes: vec![Purpose::Industry],
        from: day("2026-01-01"),
        until: day("2028-01-01"),
        agreement: "agreement".to_owned(),
        emergency_plan: "plan".to_owned(),
        ruleset: "330200-2023".to_owned(),
    }
}

pub fn product() -> Product {
    Product {
        number: number(NumberKind::Product),
        name: texts("product"),
        summary: texts("summary"),
        description: texts("description"),
        form: ProductForm::Verification,
        version: "1.0".to_owned(),
        sector: "finance".to_owned(),
        field: "credit".to_owned(),
        operator: operator(),
        authorization: number(NumberKind::Authorization),
        resources: vec![number(NumberKind::Resource)],
        grade: Grade::L1,
        regrade: None,
        purposes: vec![Purpose::Industry],
        forbidden_uses: texts("none"),
        update_cycle: UpdateCycle::Yearly,
        coverage: texts("coverage"),
        technique: "none".to_owned(),
        operations: Vec::new(),
        guard: Guard { smallest_cell: 1, distinct_subjects_max: 100 },
        security_assessment: "a".to_owned(),
        export_review: "e".to_owned(),
        service_level: texts("service"),
        contact: "desk".to_owned(),
        valid_until: day("2029-01-01"),
        synthetic: true,
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
            name: texts("operator"),
            role: ShareRole::Operator,
            node: node("yinzhou"),
            share_ppm: 1_000_000,
        }],
    }
}
