//! A node that sells one fictitious product to an enterprise at home at the same node, made as an
//! operator makes it: entries in the log, a negotiated contract, a key, a loaded data set.

use std::{fmt::Write as _, path::Path, sync::Arc};

use anyhow::Context as _;
use lianshi_market::{dataset::Definition, subscription::SubscriptionId, usage::total_calls};
use lianshi_node::clock;
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
    time::Date,
    uscc::{Uscc, complete},
};
use lianshi_store::{
    Db, Site,
    audit::Actor,
    datasets::{self, Encoding, Target},
    letters, log, outbox,
    subscriptions::{self, RequestSubscription},
    usage,
};
use serde_json::json;

/// The operation that is called.
pub const OPERATION: &str = "verify";
/// Codes in the data set: about as many as there are divisions.
pub const CODES: u32 = 3_200;
/// Far above what a run can call.
const PLENTY: u32 = 1_000_000_000;

/// The node with its product, contract and key.
pub struct World {
    pub site: Site,
    pub product: RegistrationNumber,
    pub subscription: SubscriptionId,
    pub key: String,
    pub call_path: String,
}

impl World {
    /// Makes it.
    pub fn new(folder: &Path, database: Option<&str>) -> anyhow::Result<Self> {
        let site = site(folder, database)?;
        let product = number(NumberKind::Product)?;
        publish(&site)?;
        load(&site, &product)?;
        let id = subscriptions::request(&site, &Actor::node(), wanted(&product)?)?;
        deliver(&site)?;
        let key = subscriptions::create_key(&site, &Actor::node(), &id, "bench")?;
        deliver(&site)?;
        let call_path = format!("/call/{product}/{OPERATION}");
        let key = key.secret.reveal().to_owned();
        Ok(Self { site, product, subscription: id, key, call_path })
    }

    /// Calls recorded so far.
    pub fn calls_metered(&self) -> anyhow::Result<u64> {
        let id = self.subscription.as_str();
        Ok(total_calls(&self.site.db.read(|read| usage::usage_days(read, id))?))
    }
}

fn site(folder: &Path, database: Option<&str>) -> anyhow::Result<Site> {
    let db = match database {
        Some(url) => Db::open(url)?,
        None => Db::open_file(&folder.join("node.sqlite"))?,
    };
    Ok(Site {
        db,
        node: NodeName::parse("yinzhou")?,
        name: texts("bench"),
        division: DivisionCode::parse("330212")?,
        origin: Origin::parse("ningbo.example/yinzhou/1")?,
        public_url: "http://127.0.0.1:1".to_owned(),
        log_key: KeyPair::from_seed([1; 32]),
        seal_key: KeyPair::from_seed([2; 32]),
        witness_key: KeyPair::from_seed([3; 32]),
        quorum: lianshi_registry::policy::Rule::default(),
        folder: folder.to_owned(),
        clock: clock::now,
        nudge: Arc::new(|| {}),
    })
}

fn publish(site: &Site) -> anyhow::Result<()> {
    let by = operator()?.to_string();
    let now = site.now();
    let entry = |fact| Entry { at: now, by: by.clone(), fact };
    let entries: Vec<Entry> = facts(now.date())?.into_iter().map(entry).collect();
    site.db.write(|write| {
        log::create_own(write, site)?;
        log::append(write, &site.origin, &entries, now)
    })?;
    Ok(())
}

fn load(site: &Site, product: &RegistrationNumber) -> anyhow::Result<()> {
    let definition: Definition = serde_json::from_value(json!({
        "synthetic": true,
        "columns": [{ "name": "code" }, { "name": "successor", "optional": true }],
        "lookup": { "key": ["code"] }
    }))?;
    let mut file = "code,successor\n".to_owned();
    for code in 0..CODES {
        writeln!(file, "{},", 100_000 + code)?;
    }
    let target = Target {
        product: product.clone(),
        operation: OPERATION.to_owned(),
        definition,
        encoding: Encoding::Utf8,
    };
    datasets::load(site, &Actor::node(), &target, file.as_bytes(), |_| {})?;
    Ok(())
}

/// Carries the node's letters to itself, as its post does.
fn deliver(site: &Site) -> anyhow::Result<()> {
    loop {
        let due = site.db.read(|read| outbox::due(read, site.now(), 100))?;
        if due.is_empty() {
            return Ok(());
        }
        for letter in due {
            letters::receive(site, &site.node, (&letter.kind, &letter.payload))?;
            site.db.write(|write| outbox::done(write, &letter.id))?;
        }
    }
}

fn wanted(product: &RegistrationNumber) -> anyhow::Result<RequestSubscription> {
    Ok(RequestSubscription {
        product: product.clone(),
        plan: "standard".to_owned(),
        purpose: Purpose::Industry,
        purpose_note: "to measure".to_owned(),
        months: 6,
        buyer: complete("91330203MA2TEQT03").context("a fictitious code")?,
        buyer_name: "Fictitious Trading".to_owned(),
        second_reason: String::new(),
    })
}

fn texts(text: &str) -> Texts {
    Texts { zh: text.to_owned(), en: text.to_owned() }
}

fn number(kind: NumberKind) -> anyhow::Result<RegistrationNumber> {
    let division = DivisionCode::parse("330212")?;
    RegistrationNumber::new(&division, kind, 2026, 1).context("fits")
}

fn operator() -> anyhow::Result<Uscc> {
    complete("91330212MA2TEQT01").context("a fictitious code")
}

fn facts(today: Date) -> anyhow::Result<Vec<Fact>> {
    let product = number(NumberKind::Product)?;
    Ok(vec![
        Fact::OrganizationListed(Organization {
            uscc: operator()?,
            name: texts("Fictitious Operator"),
            kind: OrganizationKind::Operator,
            division: DivisionCode::parse("330212")?,
        }),
        Fact::ResourceCataloged(resource()?),
        Fact::AuthorizationGranted(authorization(today)?),
        Fact::ProductRegistered(Box::new(described(today)?)),
        Fact::CeilingFiled(Ceiling {
            product: product.clone(),
            unit: ChargeUnit::Call,
            price_max: Price::parse("1")?,
            document: "C-1".to_owned(),
        }),
        Fact::PlanPublished(plan()?),
        Fact::SplitAgreed(split(today)?),
        Fact::ProductListed(ProductNotice { number: product, reason: String::new() }),
    ])
}

fn resource() -> anyhow::Result<Resource> {
    Ok(Resource {
        number: number(NumberKind::Resource)?,
        name: texts("codes"),
        provider: operator()?,
        platform_id: "R-1".to_owned(),
        grade: Grade::L1,
        forbidden: false,
        fields: vec![ResourceField {
            name: "code".to_owned(),
            label: texts("code"),
            field_type: FieldType::Text,
            confirmed: Some(Confirmation {
                by: operator()?,
                on: Date::parse("2026-01-01")?,
                document: "C-1".to_owned(),
            }),
        }],
        row_count: u64::from(CODES),
        update_cycle: UpdateCycle::Monthly,
    })
}

fn authorization(today: Date) -> anyhow::Result<Authorization> {
    Ok(Authorization {
        number: number(NumberKind::Authorization)?,
        scenario: texts("verification"),
        grantor: operator()?,
        operator: operator()?,
        resources: vec![number(NumberKind::Resource)?],
        purposes: vec![Purpose::Industry],
        from: today.plus_days(-1),
        until: today.plus_years(2),
        agreement: "A-1".to_owned(),
        emergency_plan: "E-1".to_owned(),
        ruleset: "330200-2023".to_owned(),
    })
}

fn plan() -> anyhow::Result<Plan> {
    Ok(Plan {
        product: number(NumberKind::Product)?,
        code: "standard".to_owned(),
        name: texts("standard"),
        purpose: Purpose::Industry,
        charge: Charge::PerCall { price: Price::parse("0.5")?, included_calls: 0 },
        calls_per_month_max: u64::from(PLENTY),
        calls_per_minute_max: PLENTY,
        term_months_max: 12,
        automatic_approval: true,
        qualifies: Vec::new(),
    })
}

fn split(today: Date) -> anyhow::Result<Split> {
    Ok(Split {
        product: number(NumberKind::Product)?,
        version: 1,
        from: today.period(),
        base: SplitBase::Invoiced,
        consents: Vec::new(),
        shares: vec![Share {
            party: operator()?,
            name: texts("Fictitious Operator"),
            role: ShareRole::Operator,
            node: NodeName::parse("yinzhou")?,
            share_ppm: 1_000_000,
        }],
    })
}

fn described(today: Date) -> anyhow::Result<Product> {
    Ok(Product {
        number: number(NumberKind::Product)?,
        name: texts("Code verification"),
        summary: texts("summary"),
        description: texts("description"),
        form: ProductForm::Verification,
        version: "1.0".to_owned(),
        sector: "governance".to_owned(),
        field: "governance".to_owned(),
        operator: operator()?,
        authorization: number(NumberKind::Authorization)?,
        resources: vec![number(NumberKind::Resource)?],
        grade: Grade::L1,
        regrade: None,
        purposes: vec![Purpose::Industry],
        forbidden_uses: texts("none"),
        update_cycle: UpdateCycle::Monthly,
        coverage: texts("all"),
        technique: "lookup".to_owned(),
        operations: vec![Operation {
            name: OPERATION.to_owned(),
            label: texts("verify"),
            engine: Engine::Lookup,
            input: vec![field("code", true)],
            output: vec![field("result", true)],
            example: None,
        }],
        guard: Guard { smallest_cell: 0, distinct_subjects_max: u64::from(PLENTY) },
        security_assessment: "S-1".to_owned(),
        export_review: "X-1".to_owned(),
        service_level: texts("best effort"),
        contact: "desk".to_owned(),
        valid_until: today.plus_years(2),
        synthetic: true,
    })
}

fn field(name: &str, required: bool) -> Field {
    let label = texts(name);
    Field { name: name.to_owned(), label, field_type: FieldType::Text, required }
}
