//! Products with all that their pages and certificates show.

use serde::{Deserialize, Serialize};
use strum::{Display, EnumString, IntoStaticStr, VariantNames};

use super::{FieldType, Grade, Purpose, Texts, UpdateCycle};
use crate::{id::RegistrationNumber, time::Date, uscc::Uscc};

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
    /// How often it is updated.
    pub update_cycle: UpdateCycle,
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

/// The closed list of product forms; a raw table is not among them and never will be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[derive(Display, EnumString, IntoStaticStr, VariantNames)]
#[strum(serialize_all = "snake_case")]
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

/// Evidence that a product may carry a lower grade than its inputs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Regrade {
    /// How the data was changed.
    pub method: RegradeMethod,
    /// Who reviewed it.
    pub reviewer: Uscc,
    /// Document number of the evidence.
    pub evidence: String,
}

/// What was done to data so that the result may carry a lower grade (GB/T 43697-2024, annex I).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[derive(Display, EnumString, IntoStaticStr, VariantNames)]
#[strum(serialize_all = "snake_case")]
pub enum RegradeMethod {
    /// Only figures about many are left.
    Aggregated,
    /// What is sensitive was made unreadable 脱敏.
    Masked,
    /// Nobody can be found in it anymore 匿名化.
    Anonymized,
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

/// How an operation finds its answer inside the domain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[derive(Display, EnumString, IntoStaticStr, VariantNames)]
#[strum(serialize_all = "snake_case")]
pub enum Engine {
    /// Verification: match, no match or not found; never the attribute.
    Lookup,
    /// A series of figures.
    Series,
}

/// One field of a request or an answer.
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
    /// Of an input: it must be given. Of an output: it is always present.
    pub required: bool,
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

/// A product is listed, paused, resumed or delisted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProductNotice {
    /// The product.
    pub number: RegistrationNumber,
    /// Why; empty for a plain listing.
    pub reason: String,
}
