//! Bodies that say what a product costs and who earns from it: plans, ceilings, splits, closes.

use serde::{Deserialize, Serialize};
use strum::{Display, EnumString, IntoStaticStr, VariantNames};

use super::{Purpose, Texts};
use crate::{
    id::{NodeName, RegistrationNumber},
    price::Price,
    time::Period,
    uscc::Uscc,
};

/// What a plan charges.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "model", rename_all = "snake_case", deny_unknown_fields)]
pub enum Charge {
    /// Nothing.
    Free,
    /// A fee for each started month.
    FlatMonthly {
        /// Yuan per month.
        price: Price,
    },
    /// A fee for each call beyond the included ones of a month.
    PerCall {
        /// Yuan per call.
        price: Price,
        /// Calls a month that cost nothing.
        included_calls: u64,
    },
}

impl Charge {
    /// Calls a month that cost nothing; none where calls are not charged one by one.
    pub const fn included_calls(&self) -> u64 {
        match self {
            Self::PerCall { included_calls, .. } => *included_calls,
            Self::Free | Self::FlatMonthly { .. } => 0,
        }
    }
}

/// A price plan of a product.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// The product.
    pub product: RegistrationNumber,
    /// Code unique within the product: `a-z`, digits and `-`.
    pub code: String,
    /// Its name.
    pub name: Texts,
    /// The purpose it serves.
    pub purpose: Purpose,
    /// What it charges.
    pub charge: Charge,
    /// Most calls in a calendar month.
    pub calls_per_month_max: u64,
    /// Most calls in a minute.
    pub calls_per_minute_max: u32,
    /// Longest term in months.
    pub term_months_max: u32,
    /// Requests are agreed to without a person; for the public good only those of kinds that
    /// qualify.
    pub automatic_approval: bool,
    /// Kinds of organization whose requests for the public good need no person.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub qualifies: Vec<BuyerKind>,
}

/// What kind of organization a buyer is, as the first two characters of its code say (GB
/// 32100-2015): who registered it, and as what. Nobody has to be believed for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[derive(Display, EnumString, IntoStaticStr, VariantNames)]
#[strum(serialize_all = "snake_case")]
pub enum BuyerKind {
    /// Organ of the state 机关 (11).
    StateOrgan,
    /// Public institution 事业单位 (12).
    PublicInstitution,
    /// Mass organization of the establishment 群众团体 (13).
    MassOrganization,
    /// Social association 社会团体 (51).
    SocialOrganization,
    /// Private non-enterprise unit 民办非企业单位 (52).
    PrivateNonprofit,
    /// Foundation 基金会 (53).
    Foundation,
    /// Enterprise 企业 (91).
    Enterprise,
    /// Individual business 个体工商户 (92).
    IndividualBusiness,
    /// Farmers' cooperative 农民专业合作社 (93).
    Cooperative,
    /// Any other.
    Other,
}

impl BuyerKind {
    /// The kind of the organization with a code.
    pub fn of(code: &Uscc) -> Self {
        match code.as_str().get(..2) {
            Some("11") => Self::StateOrgan,
            Some("12") => Self::PublicInstitution,
            Some("13") => Self::MassOrganization,
            Some("51") => Self::SocialOrganization,
            Some("52") => Self::PrivateNonprofit,
            Some("53") => Self::Foundation,
            Some("91") => Self::Enterprise,
            Some("92") => Self::IndividualBusiness,
            Some("93") => Self::Cooperative,
            _ => Self::Other,
        }
    }

    /// Whether it was registered to trade, or as nothing known here: what it wants for the public
    /// good is for a person to judge.
    pub const fn may_trade(self) -> bool {
        matches!(
            self,
            Self::Enterprise | Self::IndividualBusiness | Self::Cooperative | Self::Other
        )
    }
}

/// A plan is retired.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlanRetired {
    /// The product.
    pub product: RegistrationNumber,
    /// The plan's code.
    pub code: String,
    /// Why.
    pub reason: String,
}

/// What a price is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[derive(Display, EnumString, IntoStaticStr, VariantNames)]
#[strum(serialize_all = "snake_case")]
pub enum ChargeUnit {
    /// One call.
    Call,
    /// One started month.
    Month,
}

/// A filed ceiling: no plan of the product may charge more per unit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ceiling {
    /// The product.
    pub product: RegistrationNumber,
    /// What a price is for.
    pub unit: ChargeUnit,
    /// Highest price per unit.
    pub price_max: Price,
    /// The document that sets it.
    pub document: String,
}

/// One party's share of a split.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Share {
    /// The party.
    pub party: Uscc,
    /// Its name.
    pub name: Texts,
    /// What it earns for.
    pub role: ShareRole,
    /// The node where the party reads its statement.
    pub node: NodeName,
    /// Parts per million of the base; all shares of a split sum to 1,000,000.
    pub share_ppm: u32,
}

/// What a party of a split earns for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[derive(Display, EnumString, IntoStaticStr, VariantNames)]
#[strum(serialize_all = "snake_case")]
pub enum ShareRole {
    /// It holds the data 数据提供单位.
    Provider,
    /// It is authorized to operate them 授权运营单位.
    Operator,
    /// It works on a scenario with the operator 运营合作方.
    Partner,
    /// It runs the platform 平台运营主体.
    Platform,
    /// What goes to the public 公益.
    PublicInterest,
}

/// What of a product's revenue is divided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[derive(Display, EnumString, IntoStaticStr, VariantNames)]
#[strum(serialize_all = "snake_case")]
pub enum SplitBase {
    /// What the statements of a period ask for.
    Invoiced,
}

/// A split agreement of a product; a new version replaces the one before from its first period on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Split {
    /// The product.
    pub product: RegistrationNumber,
    /// Version, from 1.
    pub version: u32,
    /// First period it governs.
    pub from: Period,
    /// What is divided.
    pub base: SplitBase,
    /// The shares.
    pub shares: Vec<Share>,
    /// Who consented in writing that it reaches back; needed from every party of what it replaces
    /// when it begins in a month that is over.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub consents: Vec<Consent>,
}

/// A party's written consent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Consent {
    /// The party.
    pub party: Uscc,
    /// The document that says so.
    pub document: String,
}

/// A period's close was sealed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StatementSealed {
    /// The period.
    pub period: Period,
    /// How many statements.
    pub statement_count: u64,
    /// SHA-256 of the close result, 64 hexadecimal digits.
    pub result_hash: String,
}

/// The head of a node's audit trail at one moment. It binds the node to every row before it and
/// tells nothing of any of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AuditSealed {
    /// How many rows the trail had.
    pub rows: u64,
    /// Hash of the last of them, 64 hexadecimal digits.
    pub head: String,
    /// The last row that was left when the trail went on after a restored backup: what earlier
    /// seals say of later rows is lost.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resumed_from: Option<u64>,
}
