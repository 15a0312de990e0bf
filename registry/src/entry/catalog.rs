//! Bodies that describe what is offered: organizations, resources, authorizations and
//! products.

use serde::{Deserialize, Serialize};

use crate::{
    id::{DivisionCode, RegistrationNumber},
    time::Date,
    uscc::Uscc,
};

/// One text in Chinese and in English.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Texts {
    /// Chinese.
    pub zh: String,
    /// English.
    pub en: String,
}

/// The role an organization has in the chain (the one role model for all cities).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OrganizationKind {
    /// Data department 数据主管部门.
    Authority,
    /// Source unit 数据提供单位.
    Provider,
    /// Authorized operator 授权运营单位.
    Operator,
    /// Partner per scenario 运营合作方.
    Partner,
    /// Runs the platform 平台运营主体.
    PlatformOperator,
    /// Regulator 监管部门.
    Regulator,
}

/// A public organization.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Organization {
    /// Its unified social credit code.
    pub uscc: Uscc,
    /// Its name.
    pub name: Texts,
    /// Its role.
    pub kind: OrganizationKind,
    /// Its division.
    pub division: DivisionCode,
}

/// Data grade (GB/T 43697-2024), lowest first; general data in four levels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Grade {
    /// General, level 1.
    L1,
    /// General, level 2.
    L2,
    /// General, level 3.
    L3,
    /// General, level 4.
    L4,
    /// Important 重要数据.
    Important,
    /// Core 核心数据.
    Core,
}

/// Type of a field of a resource or of an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FieldType {
    /// Text.
    Text,
    /// Whole number.
    Integer,
    /// Decimal number, carried as text.
    Decimal,
    /// `YYYY-MM-DD`.
    Date,
    /// True or false.
    Boolean,
}

/// One field with its meaning and, for resources, its provider's confirmation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Field {
    /// Name in requests, answers and files: `a-z`, digits and `_`.
    pub name: String,
    /// What it means.
    pub label: Texts,
    /// Its type.
    #[serde(rename = "type")]
    pub field_type: FieldType,
    /// For a resource: the provider confirmed that this field may be used. For an operation input:
    /// it must be given. For an output: it is always present.
    pub required: bool,
}

/// A public-data resource held by a source unit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Resource {
    /// Its registration number.
    pub number: RegistrationNumber,
    /// Its name.
    pub name: Texts,
    /// The source unit that holds it.
    pub provider: Uscc,
    /// Id in the integrated public-data platform.
    pub platform_id: String,
    /// Its grade.
    pub grade: Grade,
    /// Barred from opening: it may never be authorized.
    pub forbidden: bool,
    /// Its fields; `required` tells that the provider confirmed the field.
    pub fields: Vec<Field>,
    /// Rows held, as last reported.
    pub row_count: u64,
    /// How often it is updated: `daily`, `weekly`, `monthly`, `quarterly`, `yearly`, `irregular`.
    pub update_cycle: String,
}

/// A resource is withdrawn.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ResourceWithdrawn {
    /// The resource.
    pub number: RegistrationNumber,
    /// Why.
    pub reason: String,
}

/// An authorization: who may operate which resources for which scenario and purpose, until when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Authorization {
    /// Its registration number.
    pub number: RegistrationNumber,
    /// The scenario, exactly one.
    pub scenario: Texts,
    /// The authority that grants.
    pub grantor: Uscc,
    /// The operator that receives.
    pub operator: Uscc,
    /// The resources in scope.
    pub resources: Vec<RegistrationNumber>,
    /// The purposes in scope.
    pub purposes: Vec<Purpose>,
    /// First day in force.
    pub from: Date,
    /// First day no longer in force.
    pub until: Date,
    /// The written agreement's document number.
    pub agreement: String,
    /// The emergency plan's document number (one authorization, one plan).
    pub emergency_plan: String,
    /// The ruleset the decision used, such as `440311-2024`.
    pub ruleset: String,
}

/// An authorization is suspended or resumed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AuthorizationPause {
    /// The authorization.
    pub number: RegistrationNumber,
    /// Why.
    pub reason: String,
}

/// An authorization ends.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AuthorizationEnd {
    /// The authorization.
    pub number: RegistrationNumber,
    /// `ended`, `terminated` or `revoked`.
    pub how: String,
    /// Why.
    pub reason: String,
}

/// The closed list of product forms; a raw table is not among them and never will be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ProductForm {
    /// Verification API 核验接口.
    Verification,
    /// Index or indicator 指数指标.
    Index,
    /// Model or algorithm 模型算法.
    Model,
    /// Analysis report 分析报告.
    Report,
    /// Application 应用服务.
    Application,
}

/// Why data is used; the purpose decides the charge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Purpose {
    /// Public governance and public welfare 公共治理与公益事业: free.
    PublicGood,
    /// Industry and sector development 产业发展与行业发展: may be charged within the ceiling.
    Industry,
}

/// How an operation finds its answer inside the domain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Engine {
    /// Verification: match, no match or not found; never the attribute.
    Lookup,
    /// A series of figures.
    Series,
}

/// One operation of a product.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Operation {
    /// Name in the call path: `a-z`, digits and `-`.
    pub name: String,
    /// What it does.
    pub label: Texts,
    /// The engine that answers.
    pub engine: Engine,
    /// What a request may and must contain.
    pub input: Vec<Field>,
    /// All that an answer may contain.
    pub output: Vec<Field>,
    /// A request that is answered, to be tried; decimals are texts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub example: Option<serde_json::Map<String, serde_json::Value>>,
}

/// What the guard enforces on every answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Guard {
    /// Cells counting fewer subjects are suppressed; 0 for data about no subjects.
    pub smallest_cell: u64,
    /// How many distinct subjects a subscription may ask about in a month.
    pub distinct_subjects_max: u64,
}

/// Evidence that a product may carry a lower grade than its inputs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Regrade {
    /// How the data was changed, such as `aggregated`.
    pub method: String,
    /// Who reviewed it.
    pub reviewer: Uscc,
    /// Document number of the evidence.
    pub evidence: String,
}

/// A data product with all that its page and certificate show.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Product {
    /// Its registration number, its one identifier everywhere.
    pub number: RegistrationNumber,
    /// Its name.
    pub name: Texts,
    /// One sentence for lists.
    pub summary: Texts,
    /// A few paragraphs for its page.
    pub description: Texts,
    /// Its form.
    pub form: ProductForm,
    /// Version of its description, such as `1.0`.
    pub version: String,
    /// Sector code, such as `health`.
    pub sector: String,
    /// Field code: `governance`, `government_service`, `public_service`, `economy`.
    pub field: String,
    /// The operator that offers it.
    pub operator: Uscc,
    /// The authorization it stands on.
    pub authorization: RegistrationNumber,
    /// The resources it is made from, all inside the authorization.
    pub resources: Vec<RegistrationNumber>,
    /// Its grade.
    pub grade: Grade,
    /// Evidence where the grade is below an input's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub regrade: Option<Regrade>,
    /// Purposes it may be used for.
    pub purposes: Vec<Purpose>,
    /// What it must not be used for.
    pub forbidden_uses: Texts,
    /// How often it is updated, as for resources.
    pub update_cycle: String,
    /// Coverage in space and time.
    pub coverage: Texts,
    /// How the result is delivered and its privacy technique, such as `lookup`, `aggregation`.
    pub technique: String,
    /// Its operations.
    pub operations: Vec<Operation>,
    /// What the guard enforces.
    pub guard: Guard,
    /// Number of the security assessment.
    pub security_assessment: String,
    /// Number of the export (出域) review.
    pub export_review: String,
    /// Availability, latency and support hours.
    pub service_level: Texts,
    /// Where to ask and complain.
    pub contact: String,
    /// Certificate validity: first day no longer valid.
    pub valid_until: Date,
    /// Answers come from demonstration data.
    pub synthetic: bool,
}

/// A product is listed, paused, resumed or delisted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProductNotice {
    /// The product.
    pub number: RegistrationNumber,
    /// Why; empty for a plain listing.
    pub reason: String,
}
