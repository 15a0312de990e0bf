//! Public-data resources as their source units describe and confirm them.

use serde::{Deserialize, Serialize};
use strum::{Display, EnumString, IntoStaticStr, VariantNames};

use super::Texts;
use crate::{id::RegistrationNumber, time::Date, uscc::Uscc};

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
    /// Its fields.
    pub fields: Vec<ResourceField>,
    /// Rows held, as last reported.
    pub row_count: u64,
    /// How often it is updated.
    pub update_cycle: UpdateCycle,
}

/// One field of a resource.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ResourceField {
    /// Its name in the resource: `a-z`, digits and `_`.
    pub name: String,
    /// What it means.
    pub label: Texts,
    /// Its type.
    #[serde(rename = "type")]
    pub field_type: FieldType,
    /// That it may be used; absent while its provider has not said so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confirmed: Option<Confirmation>,
}

/// A source unit's word 确认 that a field of its resource may be used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Confirmation {
    /// Who confirmed: the organization that holds the resource.
    pub by: Uscc,
    /// On which day.
    pub on: Date,
    /// The number of the document that says so.
    pub document: String,
}

/// How often data are updated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[derive(Display, EnumString, IntoStaticStr, VariantNames)]
#[strum(serialize_all = "snake_case")]
pub enum UpdateCycle {
    /// As it happens.
    Realtime,
    /// Every day.
    Daily,
    /// Every week.
    Weekly,
    /// Every month.
    Monthly,
    /// Every quarter.
    Quarterly,
    /// Every year.
    Yearly,
    /// At no fixed time.
    Irregular,
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

/// Data grade (GB/T 43697-2024), lowest first; general data in four levels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[derive(Display, EnumString, IntoStaticStr, VariantNames)]
#[strum(serialize_all = "snake_case")]
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
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[derive(Display, EnumString, IntoStaticStr, VariantNames)]
#[strum(serialize_all = "snake_case")]
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
