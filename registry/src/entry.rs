//! What a node says in public: one entry, its kinds and their bodies. An entry is one JSON object
//! in JCS form under a narrow profile (`json`); verifiers hash the stored bytes, never a
//! re-serialization.

mod catalog;
mod member;
mod offer;
pub mod writing;

pub use catalog::{
    Authorization, AuthorizationEnd, AuthorizationPause, Engine, Field, FieldType, Grade, Guard,
    Operation, Organization, OrganizationKind, Product, ProductForm, ProductNotice, Purpose,
    Regrade, Resource, ResourceWithdrawn, Texts,
};
pub use member::{Admission, MemberChange, Possession, witness_name};
pub use offer::{
    AuditSealed, BuyerKind, Ceiling, Charge, Consent, Plan, PlanRetired, Share, Split,
    StatementSealed,
};

use serde::{Deserialize, Serialize, de::value::MapDeserializer};
use serde_json::Value;

use crate::{fork::Fork, time::Timestamp};

/// Version of the entry format this program writes and folds. Entries of another version are stored
/// but not folded.
pub const ENTRY_VERSION: u32 = 1;
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
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Wire", into = "Wire")]
pub struct Entry {
    /// Format version, [`ENTRY_VERSION`].
    pub v: u32,
    /// When the office says it acted; never used to order anything.
    pub at: Timestamp,
    /// The office that acted: its unified social credit code, or the node's name for acts of the
    /// node itself.
    pub by: String,
    /// What is said, with its body: `"kind"` and `"body"` in the JSON.
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

impl TryFrom<Wire> for Entry {
    type Error = serde_json::Error;

    fn try_from(wire: Wire) -> Result<Self, Self::Error> {
        // The kind goes first: serde then reads the body as what it is, without keeping it aside.
        let tagged = [("kind", Value::String(wire.kind)), ("body", wire.body)];
        let fact = Fact::deserialize(MapDeserializer::new(tagged.into_iter()))?;
        Ok(Self { v: wire.v, at: wire.at, by: wire.by, fact })
    }
}

impl From<Entry> for Wire {
    fn from(entry: Entry) -> Self {
        let mut tagged = serde_json::to_value(&entry.fact).unwrap_or_default();
        let body = tagged.get_mut("body").map(serde_json::Value::take).unwrap_or_default();
        Self { v: entry.v, kind: entry.fact.kind().to_owned(), at: entry.at, by: entry.by, body }
    }
}

/// Every kind of entry with its body. The tag is the kind's name in the registry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", content = "body")]
pub enum Fact {
    /// A root authority admits a node.
    #[serde(rename = "member.admitted")]
    MemberAdmitted(Admission),
    /// A root authority suspends a node from an index of its log on.
    #[serde(rename = "member.suspended")]
    MemberSuspended(MemberChange),
    /// A root authority lifts a suspension: entries of the node's log from this index on count
    /// again.
    #[serde(rename = "member.reinstated")]
    MemberReinstated(MemberChange),
    /// A root authority ends a membership.
    #[serde(rename = "member.withdrawn")]
    MemberWithdrawn(MemberChange),
    /// An organization that holds, operates or contributes; never a buyer.
    #[serde(rename = "organization.listed")]
    OrganizationListed(Organization),
    /// The same organization, described anew.
    #[serde(rename = "organization.revised")]
    OrganizationRevised(Organization),
    /// An organization leaves.
    #[serde(rename = "organization.withdrawn")]
    OrganizationWithdrawn(Organization),
    /// A public-data resource.
    #[serde(rename = "resource.cataloged")]
    ResourceCataloged(Resource),
    /// The same resource, described anew.
    #[serde(rename = "resource.revised")]
    ResourceRevised(Resource),
    /// A resource may no longer be used.
    #[serde(rename = "resource.withdrawn")]
    ResourceWithdrawn(ResourceWithdrawn),
    /// An authorization to operate resources for one scenario.
    #[serde(rename = "authorization.granted")]
    AuthorizationGranted(Authorization),
    /// An authorization rests.
    #[serde(rename = "authorization.suspended")]
    AuthorizationSuspended(AuthorizationPause),
    /// A resting authorization is in force again.
    #[serde(rename = "authorization.resumed")]
    AuthorizationResumed(AuthorizationPause),
    /// An authorization is over.
    #[serde(rename = "authorization.ended")]
    AuthorizationEnded(AuthorizationEnd),
    /// A data product.
    #[serde(rename = "product.registered")]
    ProductRegistered(Box<Product>),
    /// The same product, described anew.
    #[serde(rename = "product.revised")]
    ProductRevised(Box<Product>),
    /// A product is offered.
    #[serde(rename = "product.listed")]
    ProductListed(ProductNotice),
    /// A product rests.
    #[serde(rename = "product.paused")]
    ProductPaused(ProductNotice),
    /// A resting product is offered again.
    #[serde(rename = "product.resumed")]
    ProductResumed(ProductNotice),
    /// A product is no longer offered; its page and number stay.
    #[serde(rename = "product.delisted")]
    ProductDelisted(ProductNotice),
    /// A price plan of a product.
    #[serde(rename = "plan.published")]
    PlanPublished(Plan),
    /// A plan takes no new subscriptions.
    #[serde(rename = "plan.retired")]
    PlanRetired(PlanRetired),
    /// The highest price allowed for a product.
    #[serde(rename = "ceiling.filed")]
    CeilingFiled(Ceiling),
    /// How a product's revenue is divided.
    #[serde(rename = "split.agreed")]
    SplitAgreed(Split),
    /// The hash of a period's close; names no buyer.
    #[serde(rename = "statement.sealed")]
    StatementSealed(StatementSealed),
    /// The head of a node's audit trail; says nothing of any row.
    #[serde(rename = "audit.sealed")]
    AuditSealed(AuditSealed),
    /// Evidence that a log was forked.
    #[serde(rename = "fork.witnessed")]
    ForkWitnessed(Box<Fork>),
}

impl Fact {
    /// The kind's name, such as `product.listed`.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::MemberAdmitted(_) => "member.admitted",
            Self::MemberSuspended(_) => "member.suspended",
            Self::MemberReinstated(_) => "member.reinstated",
            Self::MemberWithdrawn(_) => "member.withdrawn",
            Self::OrganizationListed(_) => "organization.listed",
            Self::OrganizationRevised(_) => "organization.revised",
            Self::OrganizationWithdrawn(_) => "organization.withdrawn",
            Self::ResourceCataloged(_) => "resource.cataloged",
            Self::ResourceRevised(_) => "resource.revised",
            Self::ResourceWithdrawn(_) => "resource.withdrawn",
            Self::AuthorizationGranted(_) => "authorization.granted",
            Self::AuthorizationSuspended(_) => "authorization.suspended",
            Self::AuthorizationResumed(_) => "authorization.resumed",
            Self::AuthorizationEnded(_) => "authorization.ended",
            Self::ProductRegistered(_) => "product.registered",
            Self::ProductRevised(_) => "product.revised",
            Self::ProductListed(_) => "product.listed",
            Self::ProductPaused(_) => "product.paused",
            Self::ProductResumed(_) => "product.resumed",
            Self::ProductDelisted(_) => "product.delisted",
            Self::PlanPublished(_) => "plan.published",
            Self::PlanRetired(_) => "plan.retired",
            Self::CeilingFiled(_) => "ceiling.filed",
            Self::SplitAgreed(_) => "split.agreed",
            Self::StatementSealed(_) => "statement.sealed",
            Self::AuditSealed(_) => "audit.sealed",
            Self::ForkWitnessed(_) => "fork.witnessed",
        }
    }
}
