//! Organizations that hold, operate or contribute, and what they are called.

use serde::{Deserialize, Serialize};
use strum::{Display, EnumString, IntoStaticStr, VariantNames};

use crate::{id::DivisionCode, uscc::Uscc};

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
#[derive(Display, EnumString, IntoStaticStr, VariantNames)]
#[strum(serialize_all = "snake_case")]
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
