//! A plainly fictitious product with its plans, for the tests of this crate.

use lianshi_registry::{
    catalog::{AuthorizationStatus, ProductStatus},
    entry::{
        Authorization, Charge, Guard, Plan, Product, ProductForm, Purpose, Split, SplitBase, Texts,
        UpdateCycle,
    },
    id::{DivisionCode, NodeName, NumberKind, RegistrationNumber},
    price::Price,
    time::{Date, Timestamp},
    uscc::{Uscc, complete},
};

use crate::{
    agreement::hash_of,
    eligibility::{Held, Offering, Request},
    negotiation::Parties,
    subscription::{SUBSCRIPTION_ID_BYTES, SubscriptionId},
};

pub(crate) fn texts(text: &str) -> Texts {
    Texts { zh: text.to_owned(), en: text.to_owned() }
}

pub(crate) fn number(kind: NumberKind) -> RegistrationNumber {
    let division = DivisionCode::parse("330212").expect("valid");
    RegistrationNumber::new(&division, kind, 2026, 1).expect("fits")
}

pub(crate) fn uscc(seventeen: &str) -> Uscc {
    complete(seventeen).expect("seventeen characters")
}

pub(crate) fn day(text: &str) -> Date {
    Date::parse(text).expect("a date")
}

pub(crate) fn noon(text: &str) -> Timestamp {
    day(text).start().plus_millis(12 * 3_600_000)
}

pub(crate) fn node(name: &str) -> NodeName {
    NodeName::parse(name).expect("a name")
}

pub(crate) fn parties() -> Parties {
    let id = SubscriptionId::from_random([9; SUBSCRIPTION_ID_BYTES]);
    Parties { id, home: node("haishu"), provider: node("yinzhou") }
}

pub(crate) fn plan(code: &str, automatic_approval: bool) -> Plan {
    Plan {
        product: number(NumberKind::Product),
        code: code.to_owned(),
        name: texts("plan"),
        purpose: Purpose::Industry,
        charge: Charge::PerCall {
            price: Price::parse("0.5").expect("a price"),
            included_calls: 100,
        },
        calls_per_month_max: 10_000,
        calls_per_minute_max: 60,
        term_months_max: 24,
        automatic_approval,
        qualifies: Vec::new(),
    }
}

fn authorization() -> Authorization {
    Authorization {
        number: number(NumberKind::Authorization),
        scenario: texts("scenario"),
        grantor: uscc("11330212MA2TEQT02"),
        operator: uscc("91330212MA2TEQT01"),
        resources: vec![number(NumberKind::Resource)],
        purposes: vec![Purpose::Industry],
        from: day("2026-01-01"),
        until: day("2028-01-01"),
        agreement: "agreement".to_owned(),
        emergency_plan: "plan".to_owned(),
        ruleset: "330200-2023".to_owned(),
    }
}

fn product(authorization: &Authorization) -> Product {
    Product {
        number: number(NumberKind::Product),
        name: texts("product"),
        summary: texts("summary"),
        description: texts("description"),
        form: ProductForm::Verification,
        version: "1.0".to_owned(),
        sector: "finance".to_owned(),
        field: "credit".to_owned(),
        operator: authorization.operator.clone(),
        authorization: authorization.number.clone(),
        resources: authorization.resources.clone(),
        grade: lianshi_registry::entry::Grade::L1,
        regrade: None,
        purposes: vec![Purpose::Industry],
        forbidden_uses: texts("none"),
        update_cycle: UpdateCycle::Daily,
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

pub(crate) fn offering() -> Offering {
    let authorization = authorization();
    let product = product(&authorization);
    let split = Split {
        product: product.number.clone(),
        version: 1,
        from: day("2026-01-01").period(),
        base: SplitBase::Invoiced,
        consents: Vec::new(),
        shares: Vec::new(),
    };
    Offering {
        product,
        status: ProductStatus::Listed,
        status_reason: String::new(),
        node: node("yinzhou"),
        plans: vec![plan("manual", false), plan("auto", true)],
        retired: vec!["old".to_owned()],
        authorization: Some(authorization),
        authorization_status: Some(AuthorizationStatus::Active),
        scope_rule: "330200-2023: use within the authorization".to_owned(),
        split: Some(split),
        confirmed_at: Some(Timestamp::from_millis(i64::MAX)),
        held: Held::default(),
    }
}

pub(crate) fn request(offering: &Offering, code: &str, months: u32) -> Request {
    let plan = offering.plans.iter().find(|plan| plan.code == code);
    Request {
        product: offering.product.number.clone(),
        product_name: offering.product.name.clone(),
        operator: offering.product.operator.clone(),
        plan: code.to_owned(),
        plan_hash: plan.map_or_else(String::new, |plan| hash_of("plan", plan)),
        purpose: Purpose::Industry,
        purpose_note: "to verify addresses".to_owned(),
        months,
        buyer: uscc("91330203MA2TEQT03"),
        buyer_name: "Fictitious Trading".to_owned(),
        second_reason: String::new(),
    }
}
