//! The tables of a publishing file (`docs/publishing.md`), as typed rows to be written.

use lianshi_registry::entry::{Field, Texts};
use serde::Serialize;

#[derive(Serialize)]
pub(super) struct File {
    pub(super) organization: Vec<Organization>,
    pub(super) resource: Vec<Resource>,
    pub(super) authorization: Vec<Authorization>,
    pub(super) product: Vec<Product>,
}

#[derive(Serialize)]
pub(super) struct Organization {
    pub(super) uscc: String,
    pub(super) kind: &'static str,
    pub(super) division: &'static str,
    pub(super) name: Texts,
}

#[derive(Serialize)]
pub(super) struct Resource {
    pub(super) key: String,
    pub(super) provider: String,
    pub(super) platform_id: String,
    pub(super) grade: &'static str,
    pub(super) row_count: u64,
    pub(super) update_cycle: &'static str,
    pub(super) name: Texts,
    pub(super) confirmation: Confirmation,
    pub(super) fields: Vec<ResourceField>,
}

#[derive(Serialize)]
pub(super) struct ResourceField {
    pub(super) name: String,
    pub(super) label: Texts,
    pub(super) r#type: &'static str,
    pub(super) confirmed: bool,
}

#[derive(Serialize)]
pub(super) struct Confirmation {
    pub(super) on: String,
    pub(super) document: String,
}

#[derive(Serialize)]
pub(super) struct Authorization {
    pub(super) key: String,
    pub(super) grantor: String,
    pub(super) operator: String,
    pub(super) resources: Vec<String>,
    pub(super) purposes: Vec<&'static str>,
    pub(super) from: String,
    pub(super) until: String,
    pub(super) agreement: String,
    pub(super) emergency_plan: String,
    pub(super) scenario: Texts,
}

#[derive(Serialize)]
pub(super) struct Product {
    pub(super) key: String,
    pub(super) authorization: String,
    pub(super) resources: Vec<String>,
    pub(super) form: String,
    pub(super) sector: String,
    pub(super) field: String,
    pub(super) grade: &'static str,
    pub(super) purposes: Vec<&'static str>,
    pub(super) update_cycle: &'static str,
    pub(super) technique: &'static str,
    pub(super) security_assessment: String,
    pub(super) export_review: String,
    pub(super) contact: String,
    pub(super) valid_until: String,
    pub(super) synthetic: bool,
    pub(super) name: Texts,
    pub(super) summary: Texts,
    pub(super) description: Texts,
    pub(super) forbidden_uses: Texts,
    pub(super) coverage: Texts,
    pub(super) service_level: Texts,
    pub(super) guard: Guard,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) regrade: Option<Regrade>,
    pub(super) operation: Vec<Operation>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) ceiling: Vec<Ceiling>,
    pub(super) plan: Vec<Plan>,
    pub(super) split: Split,
}

#[derive(Serialize)]
pub(super) struct Guard {
    pub(super) smallest_cell: u64,
    pub(super) distinct_subjects_max: u64,
}

#[derive(Serialize)]
pub(super) struct Regrade {
    pub(super) method: &'static str,
    pub(super) reviewer: String,
    pub(super) evidence: String,
}

#[derive(Serialize)]
pub(super) struct Operation {
    pub(super) name: &'static str,
    pub(super) engine: &'static str,
    pub(super) label: Texts,
    pub(super) input: Vec<Field>,
    pub(super) output: Vec<Field>,
    pub(super) example: serde_json::Value,
}

#[derive(Serialize)]
pub(super) struct Ceiling {
    pub(super) unit: &'static str,
    pub(super) price_max: String,
    pub(super) document: String,
}

#[derive(Serialize)]
pub(super) struct Plan {
    pub(super) code: &'static str,
    pub(super) purpose: &'static str,
    pub(super) calls_per_month_max: u64,
    pub(super) calls_per_minute_max: u32,
    pub(super) term_months_max: u32,
    pub(super) automatic_approval: bool,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) qualifies: Vec<&'static str>,
    pub(super) name: Texts,
    pub(super) charge: Charge,
}

#[derive(Serialize)]
pub(super) struct Charge {
    pub(super) model: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) price: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) included_calls: Option<u64>,
}

#[derive(Serialize)]
pub(super) struct Split {
    pub(super) from: String,
    pub(super) base: &'static str,
    pub(super) share: Vec<Share>,
}

#[derive(Serialize)]
pub(super) struct Share {
    pub(super) party: String,
    pub(super) role: &'static str,
    pub(super) node: &'static str,
    pub(super) percent: &'static str,
    pub(super) name: Texts,
}
