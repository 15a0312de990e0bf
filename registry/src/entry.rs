//! What a node says in public: one entry, its kinds and their bodies. An entry is one JSON object
//! in JCS form under a narrow profile (`json`); verifiers hash the stored bytes, never a
//! re-serialization.

mod authorization;
mod member;
#[cfg(feature = "next")]
mod next;
mod offer;
mod organization;
mod product;
mod resource;
pub mod writing;

pub use authorization::{
    Authorization, AuthorizationEnd, AuthorizationEnding, AuthorizationPause, Purpose,
};
pub use member::{Admission, MemberChange, Possession, witness_name};
#[cfg(feature = "next")]
pub use next::OrganizationRenamed;
pub use offer::{
    AuditSealed, BuyerKind, Ceiling, Charge, ChargeUnit, Consent, Plan, PlanRetired, Share,
    ShareRole, Split, SplitBase, StatementSealed,
};
pub use organization::{Organization, OrganizationKind, Texts};
pub use product::{
    Engine, Field, Guard, Operation, Product, ProductForm, ProductNotice, Regrade, RegradeMethod,
};
pub use resource::{
    Confirmation, FieldType, Grade, Resource, ResourceField, ResourceWithdrawn, UpdateCycle,
};

use serde::{
    Deserialize, Deserializer, Serialize,
    de::{Error as _, value::MapDeserializer},
};
use serde_json::Value;
use strum::{IntoStaticStr, VariantNames};

use crate::{
    fork::Fork,
    json::{Mismatch, Typed},
    time::Timestamp,
};

/// The version every kind begins with.
pub const FIRST_VERSION: u32 = 1;
/// Largest entry in bytes (DESIGN: 16 KiB): keeps a full bundle of 256 below 4.2 MiB, one response.
pub const ENTRY_BYTES_MAX: usize = 16 * 1024;
/// Bytes that an entry counts at least towards its log's quota: hashes, and a row that says why it
/// is not folded, are kept of the smallest as well.
pub const ENTRY_BYTES_COUNTED: u64 = 128;
/// Bytes a log may hold at its peers while nobody says otherwise: a quarter of a million entries of
/// a kilobyte, decades of a busy district.
pub const QUOTA_BYTES: u64 = 256 * 1024 * 1024;

/// What an entry of this length counts towards its log's quota.
pub fn counted_bytes(length: usize) -> u64 {
    u64::try_from(length).map_or(u64::MAX, |bytes| bytes.max(ENTRY_BYTES_COUNTED))
}

/// One public statement.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(into = "Wire")]
pub struct Entry {
    /// When the office says it acted; never used to order anything.
    pub at: Timestamp,
    /// The office that acted: its unified social credit code, or the node's name for acts of the
    /// node itself.
    pub by: String,
    /// What is said, with its body: `"kind"` and `"body"` in the JSON, and `"v"`, the version of the
    /// kind.
    pub fact: Fact,
}

/// The JSON members of an entry. (`flatten` would let unknown members pass.)
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wire {
    v: u32,
    kind: String,
    at: Timestamp,
    by: String,
    body: Value,
}

impl<'de> Deserialize<'de> for Entry {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::read(Value::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}

impl Entry {
    /// Reads the JSON of an entry whose kind and version are known.
    pub(crate) fn read(value: Value) -> Result<Self, Mismatch> {
        let Wire { v: _, kind, at, by, body } = Wire::deserialize(Typed(value))?;
        // The kind goes first: serde then reads the body as what it is, without keeping it aside.
        let tagged = [("kind", Typed(Value::String(kind))), ("body", Typed(body))];
        let fact = Fact::deserialize(MapDeserializer::new(tagged.into_iter()))?;
        Ok(Self { at, by, fact })
    }
}

impl From<Entry> for Wire {
    fn from(entry: Entry) -> Self {
        let mut tagged = serde_json::to_value(&entry.fact).unwrap_or_default();
        let body = tagged.get_mut("body").map(serde_json::Value::take).unwrap_or_default();
        let kind = entry.fact.kind();
        let v = Fact::version_of(kind).unwrap_or(FIRST_VERSION);
        Self { v, kind: kind.to_owned(), at: entry.at, by: entry.by, body }
    }
}

/// Every kind of entry with its body. The tag is the kind's name in the registry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, IntoStaticStr, VariantNames)]
#[serde(tag = "kind", content = "body")]
pub enum Fact {
    /// A root authority admits a node.
    #[serde(rename = "member.admitted")]
    #[strum(serialize = "member.admitted")]
    MemberAdmitted(Admission),
    /// A root authority suspends a node from an index of its log on.
    #[serde(rename = "member.suspended")]
    #[strum(serialize = "member.suspended")]
    MemberSuspended(MemberChange),
    /// A root authority lifts a suspension: entries of the node's log from this index on count
    /// again.
    #[serde(rename = "member.reinstated")]
    #[strum(serialize = "member.reinstated")]
    MemberReinstated(MemberChange),
    /// A root authority ends a membership.
    #[serde(rename = "member.withdrawn")]
    #[strum(serialize = "member.withdrawn")]
    MemberWithdrawn(MemberChange),
    /// An organization that holds, operates or contributes; never a buyer.
    #[serde(rename = "organization.listed")]
    #[strum(serialize = "organization.listed")]
    OrganizationListed(Organization),
    /// The same organization, described anew.
    #[serde(rename = "organization.revised")]
    #[strum(serialize = "organization.revised")]
    OrganizationRevised(Organization),
    /// An organization leaves.
    #[serde(rename = "organization.withdrawn")]
    #[strum(serialize = "organization.withdrawn")]
    OrganizationWithdrawn(Organization),
    /// A public-data resource.
    #[serde(rename = "resource.cataloged")]
    #[strum(serialize = "resource.cataloged")]
    ResourceCataloged(Resource),
    /// The same resource, described anew.
    #[serde(rename = "resource.revised")]
    #[strum(serialize = "resource.revised")]
    ResourceRevised(Resource),
    /// A resource may no longer be used.
    #[serde(rename = "resource.withdrawn")]
    #[strum(serialize = "resource.withdrawn")]
    ResourceWithdrawn(ResourceWithdrawn),
    /// An authorization to operate resources for one scenario.
    #[serde(rename = "authorization.granted")]
    #[strum(serialize = "authorization.granted")]
    AuthorizationGranted(Authorization),
    /// An authorization rests.
    #[serde(rename = "authorization.suspended")]
    #[strum(serialize = "authorization.suspended")]
    AuthorizationSuspended(AuthorizationPause),
    /// A resting authorization is in force again.
    #[serde(rename = "authorization.resumed")]
    #[strum(serialize = "authorization.resumed")]
    AuthorizationResumed(AuthorizationPause),
    /// An authorization is over.
    #[serde(rename = "authorization.ended")]
    #[strum(serialize = "authorization.ended")]
    AuthorizationEnded(AuthorizationEnd),
    /// A data product.
    #[serde(rename = "product.registered")]
    #[strum(serialize = "product.registered")]
    ProductRegistered(Box<Product>),
    /// The same product, described anew.
    #[serde(rename = "product.revised")]
    #[strum(serialize = "product.revised")]
    ProductRevised(Box<Product>),
    /// A product is offered.
    #[serde(rename = "product.listed")]
    #[strum(serialize = "product.listed")]
    ProductListed(ProductNotice),
    /// A product rests.
    #[serde(rename = "product.paused")]
    #[strum(serialize = "product.paused")]
    ProductPaused(ProductNotice),
    /// A resting product is offered again.
    #[serde(rename = "product.resumed")]
    #[strum(serialize = "product.resumed")]
    ProductResumed(ProductNotice),
    /// A product is no longer offered; its page and number stay.
    #[serde(rename = "product.delisted")]
    #[strum(serialize = "product.delisted")]
    ProductDelisted(ProductNotice),
    /// A price plan of a product.
    #[serde(rename = "plan.published")]
    #[strum(serialize = "plan.published")]
    PlanPublished(Plan),
    /// A plan takes no new subscriptions.
    #[serde(rename = "plan.retired")]
    #[strum(serialize = "plan.retired")]
    PlanRetired(PlanRetired),
    /// The highest price allowed for a product.
    #[serde(rename = "ceiling.filed")]
    #[strum(serialize = "ceiling.filed")]
    CeilingFiled(Ceiling),
    /// How a product's revenue is divided.
    #[serde(rename = "split.agreed")]
    #[strum(serialize = "split.agreed")]
    SplitAgreed(Split),
    /// The hash of a period's close; names no buyer.
    #[serde(rename = "statement.sealed")]
    #[strum(serialize = "statement.sealed")]
    StatementSealed(StatementSealed),
    /// The head of a node's audit trail; says nothing of any row.
    #[serde(rename = "audit.sealed")]
    #[strum(serialize = "audit.sealed")]
    AuditSealed(AuditSealed),
    /// An organization has another name: a kind of a program to come, for tests of an upgrade.
    #[cfg(feature = "next")]
    #[serde(rename = "organization.renamed")]
    #[strum(serialize = "organization.renamed")]
    OrganizationRenamed(OrganizationRenamed),
    /// Evidence that a log was forked.
    #[serde(rename = "fork.witnessed")]
    #[strum(serialize = "fork.witnessed")]
    ForkWitnessed(Box<Fork>),
}

impl Fact {
    /// The kind's name, such as `product.listed`.
    pub fn kind(&self) -> &'static str {
        self.into()
    }

    /// Every kind this program knows, as the registry names and groups them.
    pub fn kinds() -> &'static [&'static str] {
        Self::VARIANTS
    }

    /// The version of a kind that this program writes, the newest it reads; `None` for a kind it
    /// does not know. A kind whose body gets another member gets another version
    /// (`docs/protocol.md`, "How the format changes").
    pub fn version_of(kind: &str) -> Option<u32> {
        Self::VARIANTS.contains(&kind).then_some(FIRST_VERSION)
    }
}
