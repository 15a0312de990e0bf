//! Authorizations: who may operate which resources, for what, until when.

use serde::{Deserialize, Serialize};
use strum::{Display, EnumString, IntoStaticStr, VariantNames};

use super::Texts;
use crate::{id::RegistrationNumber, time::Date, uscc::Uscc};

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

/// Why data is used; the purpose decides the charge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[derive(Display, EnumString, IntoStaticStr, VariantNames)]
#[strum(serialize_all = "snake_case")]
pub enum Purpose {
    /// Public governance and public welfare 公共治理与公益事业: free.
    PublicGood,
    /// Industry and sector development 产业发展与行业发展: may be charged within the ceiling.
    Industry,
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
    /// How.
    pub how: AuthorizationEnding,
    /// Why.
    pub reason: String,
}

/// How an authorization ends; whatever stands on it ends with it in every case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[derive(Display, EnumString, IntoStaticStr, VariantNames)]
#[strum(serialize_all = "snake_case")]
pub enum AuthorizationEnding {
    /// Its term ran out, or what it was for is done 到期终止.
    Ended,
    /// A party of the agreement ends it before its term 提前终止.
    Terminated,
    /// Whoever granted it takes it back 撤销.
    Revoked,
}
