//! What the catalog holds: one object for each thing the logs speak of, with the state the entries
//! so far gave it.

use std::fmt;

use serde::{Deserialize, Serialize};
use strum::{Display, EnumString, IntoStaticStr, VariantArray, VariantNames};

use crate::{
    entry::{
        Authorization, Ceiling, ChargeUnit, Organization, Plan, Product, Resource, Split,
        StatementSealed,
    },
    id::{Origin, RegistrationNumber},
    time::{Period, Timestamp},
    uscc::Uscc,
    word::Word,
};

/// The kinds of objects.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Display,
    EnumString,
    IntoStaticStr,
    VariantArray,
    VariantNames,
)]
#[strum(serialize_all = "snake_case")]
pub enum ObjectKind {
    /// A holder, operator or contributor.
    Organization,
    /// A public-data resource.
    Resource,
    /// An authorization to operate.
    Authorization,
    /// A data product.
    Product,
    /// A price plan.
    Plan,
    /// A filed ceiling.
    Ceiling,
    /// One version of a split agreement.
    Split,
    /// A sealed close.
    Statement,
}

impl ObjectKind {
    /// Every kind.
    pub fn all() -> &'static [Self] {
        <Self as VariantArray>::VARIANTS
    }
}

/// The key of an object, printed `product/330212-P-2026-0000001-X@ningbo.example/yinzhou/1`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectKey {
    /// What it is.
    pub kind: ObjectKind,
    /// Its name inside the log: a number, a code, or a number with a part behind `/`.
    pub name: String,
    /// The log that speaks of it.
    pub origin: Origin,
}

impl fmt::Display for ObjectKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}@{}", self.kind, self.name, self.origin)
    }
}

impl ObjectKey {
    fn new(kind: ObjectKind, name: impl ToString, origin: &Origin) -> Self {
        Self { kind, name: name.to_string(), origin: origin.clone() }
    }

    /// Reads a key as it is printed.
    pub fn parse(text: &str) -> Option<Self> {
        let (named, origin) = text.rsplit_once('@')?;
        let (kind, name) = named.split_once('/')?;
        let origin = Origin::parse(origin).ok()?;
        Some(Self { kind: ObjectKind::read(kind)?, name: name.to_owned(), origin })
    }

    /// An organization by its code.
    pub fn organization(uscc: &Uscc, origin: &Origin) -> Self {
        Self::new(ObjectKind::Organization, uscc, origin)
    }

    /// A resource by its number.
    pub fn resource(number: &RegistrationNumber, origin: &Origin) -> Self {
        Self::new(ObjectKind::Resource, number, origin)
    }

    /// An authorization by its number.
    pub fn authorization(number: &RegistrationNumber, origin: &Origin) -> Self {
        Self::new(ObjectKind::Authorization, number, origin)
    }

    /// A product by its number.
    pub fn product(number: &RegistrationNumber, origin: &Origin) -> Self {
        Self::new(ObjectKind::Product, number, origin)
    }

    /// A plan by its product and code.
    pub fn plan(product: &RegistrationNumber, code: &str, origin: &Origin) -> Self {
        Self::new(ObjectKind::Plan, format!("{product}/{code}"), origin)
    }

    /// A ceiling by its product and unit.
    pub fn ceiling(product: &RegistrationNumber, unit: ChargeUnit, origin: &Origin) -> Self {
        Self::new(ObjectKind::Ceiling, format!("{product}/{}", unit.word()), origin)
    }

    /// A split by its product and version; versions sort as numbers.
    pub fn split(product: &RegistrationNumber, version: u32, origin: &Origin) -> Self {
        Self::new(ObjectKind::Split, format!("{product}/{version:010}"), origin)
    }

    /// A sealed close by its period.
    pub fn statement(period: Period, origin: &Origin) -> Self {
        Self::new(ObjectKind::Statement, period, origin)
    }
}

/// An organization as the log last described it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrganizationState {
    /// The description.
    pub organization: Organization,
    /// It left.
    pub withdrawn: bool,
}

/// A resource as the log last described it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResourceState {
    /// The description.
    pub resource: Resource,
    /// Why it was withdrawn, if it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub withdrawn: Option<String>,
}

/// Whether an authorization carries what stands on it; its dates are checked beside.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[derive(Display, EnumString, IntoStaticStr, VariantNames)]
#[strum(serialize_all = "snake_case")]
pub enum AuthorizationStatus {
    /// In force between its dates.
    Active,
    /// Rests.
    Suspended,
    /// Over for good: ended, terminated or revoked.
    Ended,
}

/// An authorization and where it stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuthorizationState {
    /// The grant.
    pub authorization: Authorization,
    /// Where it stands.
    pub status: AuthorizationStatus,
    /// Why it rests or is over; empty while active.
    pub reason: String,
}

/// A product and what the log last said about offering it; links above it are checked beside.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProductState {
    /// The description.
    pub product: Product,
    /// `Registered`, `Listed`, `Paused` or `Delisted`.
    pub status: super::ProductStatus,
    /// Why it rests or is gone; empty otherwise.
    pub reason: String,
    /// When its office says it was registered.
    pub registered_at: Timestamp,
    /// Index of the entry that registered it.
    pub registered_index: u64,
    /// When its office last changed it.
    pub updated_at: Timestamp,
    /// Index of the entry that describes it now.
    pub described_index: u64,
}

/// A plan and whether it takes new subscriptions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanState {
    /// The plan.
    pub plan: Plan,
    /// Why it was retired, if it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retired: Option<String>,
}

/// Any object of the catalog.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "object", rename_all = "snake_case")]
pub enum Object {
    /// A holder, operator or contributor.
    Organization(OrganizationState),
    /// A public-data resource.
    Resource(ResourceState),
    /// An authorization.
    Authorization(AuthorizationState),
    /// A product.
    Product(Box<ProductState>),
    /// A plan.
    Plan(PlanState),
    /// A ceiling.
    Ceiling(Ceiling),
    /// A split.
    Split(Split),
    /// A sealed close.
    Statement(StatementSealed),
}

impl Object {
    /// Its state in canonical JSON: what is stored and hashed.
    pub fn to_text(&self) -> String {
        serde_json_canonicalizer::to_string(self).unwrap_or_default()
    }

    /// Reads what [`Object::to_text`] wrote.
    pub fn from_text(text: &str) -> Result<Self, serde_json::Error> {
        serde_json::from_str(text)
    }

    /// The product this object belongs to: a product itself, its plans, ceilings and splits.
    pub fn product_number(&self) -> Option<&RegistrationNumber> {
        match self {
            Self::Product(state) => Some(&state.product.number),
            Self::Plan(state) => Some(&state.plan.product),
            Self::Ceiling(ceiling) => Some(&ceiling.product),
            Self::Split(split) => Some(&split.product),
            _ => None,
        }
    }
}
