//! The texts and addresses of an entry: each is what it is meant to be. Checked where entries are
//! made, and again by every node that folds them, whoever wrote them. Bodies are taken apart member
//! by member, so that a new one cannot be forgotten here.

use super::{
    Admission, AuditSealed, Authorization, AuthorizationEnd, AuthorizationPause, Ceiling,
    Confirmation, Consent, Entry, Fact, Field, FieldType, MemberChange, Operation, Organization,
    Plan, PlanRetired, Product, ProductNotice, Regrade, Resource, ResourceField, ResourceWithdrawn,
    Share, Split, StatementSealed, Texts,
};
use serde_json::Value;

use crate::{
    address::{AddressError, PublicUrl, check_peer_addresses},
    id::NodeName,
    refusal::Refusal,
    text::{Kind, TextRefusal},
    uscc::{Uscc, UsccError},
};

/// Resources that an authorization covers, or a product is made from: one scenario needs a few, the
/// widest seen some dozens. Each is looked up when the entry is folded.
pub const RESOURCES_MAX: usize = 100;
/// Fields of a resource, or of the input or output of an operation: what fits an entry with labels
/// in two languages, and more than any table should show.
pub const FIELDS_MAX: usize = 128;
/// Operations of a product: what fits its page.
pub const OPERATIONS_MAX: usize = 32;
/// Parties of a split: each gets a share of every bill, and its consent may be asked for.
pub const PARTIES_MAX: usize = 32;
/// Purposes or kinds of buyers that are named: more than there are.
pub const NAMED_MAX: usize = 16;

/// Why a member of an entry cannot be what it is meant to be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WritingRefusal {
    /// A text.
    #[error("`{member}` {refusal}")]
    Text {
        /// The member of the body.
        member: &'static str,
        /// What is wrong with it.
        refusal: TextRefusal,
    },
    /// An address of a node.
    #[error("`{member}` {refusal}")]
    Address {
        /// The member of the body.
        member: &'static str,
        /// What is wrong with it.
        refusal: AddressError,
    },
    /// An example that is no request of its operation.
    #[error("`example` gives `{0}` what the operation does not ask for")]
    Example(String),
    /// More of something than any entry may have.
    #[error("`{member}` has {count}, at most {count_max} are allowed")]
    TooMany {
        /// The member of the body.
        member: &'static str,
        /// How many there are.
        count: usize,
        /// How many there may be.
        count_max: usize,
    },
    /// A code of an organization.
    #[error("`{member}`: {refusal}")]
    Organization {
        /// The member of the body.
        member: &'static str,
        /// What is wrong with it.
        refusal: UsccError,
    },
}

impl Refusal for WritingRefusal {
    fn code(&self) -> &'static str {
        match self {
            Self::Text { .. } => "entry.text",
            Self::Address { .. } => "entry.address",
            Self::Example(_) => "entry.example",
            Self::TooMany { .. } => "entry.too_many",
            Self::Organization { .. } => "entry.organization_code",
        }
    }
}

type Checked = Result<(), WritingRefusal>;

/// Checks every text, address and code of an entry.
pub fn check(entry: &Entry) -> Checked {
    let Entry { at: _, by, fact } = entry;
    // A node's name is itself a strict text; offices act by their code.
    if NodeName::parse(by).is_err() {
        let office = Uscc::known(by).and_then(|code| code.check());
        office.map_err(|refusal| WritingRefusal::Organization { member: "by", refusal })?;
    }
    check_fact(fact)
}

/// Checks every text, address and code of what an entry says.
pub fn check_fact(fact: &Fact) -> Checked {
    match fact {
        Fact::MemberAdmitted(body) => admission(body),
        Fact::MemberSuspended(body)
        | Fact::MemberReinstated(body)
        | Fact::MemberWithdrawn(body) => member_change(body),
        Fact::OrganizationListed(body)
        | Fact::OrganizationRevised(body)
        | Fact::OrganizationWithdrawn(body) => organization(body),
        #[cfg(feature = "next")]
        Fact::OrganizationRenamed(super::OrganizationRenamed { uscc, name }) => {
            office("uscc", uscc)?;
            texts(Kind::Name, "name", name)
        }
        Fact::ResourceCataloged(body) | Fact::ResourceRevised(body) => resource(body),
        Fact::ResourceWithdrawn(ResourceWithdrawn { number: _, reason }) => {
            maybe(Kind::Note, "reason", reason)
        }
        Fact::AuthorizationGranted(body) => authorization(body),
        Fact::AuthorizationSuspended(body) | Fact::AuthorizationResumed(body) => {
            let AuthorizationPause { number: _, reason } = body;
            maybe(Kind::Note, "reason", reason)
        }
        Fact::AuthorizationEnded(AuthorizationEnd { number: _, how: _, reason }) => {
            maybe(Kind::Note, "reason", reason)
        }
        Fact::ProductRegistered(body) | Fact::ProductRevised(body) => product(body),
        Fact::ProductListed(body)
        | Fact::ProductPaused(body)
        | Fact::ProductResumed(body)
        | Fact::ProductDelisted(body) => {
            let ProductNotice { number: _, reason } = body;
            maybe(Kind::Note, "reason", reason)
        }
        Fact::PlanPublished(body) => plan(body),
        Fact::PlanRetired(PlanRetired { product: _, code, reason }) => {
            text(Kind::Code, "code", code)?;
            maybe(Kind::Note, "reason", reason)
        }
        Fact::CeilingFiled(Ceiling { product: _, unit: _, price_max: _, document }) => {
            maybe(Kind::Reference, "document", document)
        }
        Fact::SplitAgreed(body) => split(body),
        Fact::StatementSealed(StatementSealed { period: _, statement_count: _, result_hash }) => {
            text(Kind::Reference, "result_hash", result_hash)
        }
        Fact::AuditSealed(AuditSealed { rows: _, head, resumed_from: _ }) => {
            text(Kind::Reference, "head", head)
        }
        // Keys, checkpoints and proofs, which prove themselves.
        Fact::ForkWitnessed(_) => Ok(()),
    }
}

fn text(kind: Kind, member: &'static str, text: &str) -> Checked {
    kind.check(text).map_err(|refusal| WritingRefusal::Text { member, refusal })
}

fn maybe(kind: Kind, member: &'static str, text: &str) -> Checked {
    kind.check_optional(text).map_err(|refusal| WritingRefusal::Text { member, refusal })
}

/// One of the two languages may have been left out; the other is shown in its place.
fn texts(kind: Kind, member: &'static str, Texts { zh, en }: &Texts) -> Checked {
    if zh.is_empty() && en.is_empty() {
        return Err(WritingRefusal::Text { member, refusal: TextRefusal::Empty });
    }
    maybe(kind, member, zh)?;
    maybe(kind, member, en)
}

fn few<T>(member: &'static str, count_max: usize, all: &[T]) -> Checked {
    let count = all.len();
    if count <= count_max {
        Ok(())
    } else {
        Err(WritingRefusal::TooMany { member, count, count_max })
    }
}

fn office(member: &'static str, code: &Uscc) -> Checked {
    code.check().map_err(|refusal| WritingRefusal::Organization { member, refusal })
}

fn admission(body: &Admission) -> Checked {
    let Admission {
        node: _,
        name,
        division: _,
        level,
        origin: _,
        identity_key: _,
        log_key: _,
        witness_key: _,
        seal_key: _,
        addresses,
        public_url,
        quota_bytes: _,
        // Judged with the keys, where the entry counts.
        possession: _,
    } = body;
    texts(Kind::Name, "name", name)?;
    text(Kind::Code, "level", level)?;
    let address = |member, refusal| WritingRefusal::Address { member, refusal };
    check_peer_addresses(addresses).map_err(|refusal| address("addresses", refusal))?;
    PublicUrl::parse(public_url).map_err(|refusal| address("public_url", refusal))?;
    Ok(())
}

fn member_change(MemberChange { node: _, from_index: _, reason }: &MemberChange) -> Checked {
    text(Kind::Note, "reason", reason)
}

fn organization(Organization { uscc, name, kind: _, division: _ }: &Organization) -> Checked {
    office("uscc", uscc)?;
    texts(Kind::Name, "name", name)
}

fn resource(body: &Resource) -> Checked {
    let Resource {
        number: _,
        name,
        provider,
        platform_id,
        grade: _,
        forbidden: _,
        fields,
        row_count: _,
        update_cycle: _,
    } = body;
    texts(Kind::Name, "name", name)?;
    office("provider", provider)?;
    text(Kind::Reference, "platform_id", platform_id)?;
    few("fields", FIELDS_MAX, fields)?;
    fields.iter().try_for_each(resource_field)
}

fn resource_field(body: &ResourceField) -> Checked {
    let ResourceField { name, label, field_type: _, confirmed } = body;
    text(Kind::Code, "name", name)?;
    texts(Kind::Name, "label", label)?;
    confirmed.iter().try_for_each(|Confirmation { by, on: _, document }| {
        office("confirmed", by)?;
        text(Kind::Reference, "document", document)
    })
}

fn field(Field { name, label, field_type: _, required: _ }: &Field) -> Checked {
    text(Kind::Code, "name", name)?;
    texts(Kind::Name, "label", label)
}

fn authorization(body: &Authorization) -> Checked {
    let Authorization {
        number: _,
        scenario,
        grantor,
        operator,
        resources,
        purposes,
        from: _,
        until: _,
        agreement,
        emergency_plan,
        ruleset,
    } = body;
    texts(Kind::Sentence, "scenario", scenario)?;
    few("resources", RESOURCES_MAX, resources)?;
    few("purposes", NAMED_MAX, purposes)?;
    office("grantor", grantor)?;
    office("operator", operator)?;
    maybe(Kind::Reference, "agreement", agreement)?;
    maybe(Kind::Reference, "emergency_plan", emergency_plan)?;
    maybe(Kind::Reference, "ruleset", ruleset)
}

fn product(body: &Product) -> Checked {
    let Product {
        number: _,
        name,
        summary,
        description,
        form: _,
        version,
        sector,
        field: area,
        operator,
        authorization: _,
        resources,
        grade: _,
        regrade,
        purposes,
        forbidden_uses,
        update_cycle: _,
        coverage,
        technique,
        operations,
        guard: _,
        security_assessment,
        export_review,
        service_level,
        contact,
        valid_until: _,
        synthetic: _,
    } = body;
    texts(Kind::Name, "name", name)?;
    texts(Kind::Sentence, "summary", summary)?;
    texts(Kind::Description, "description", description)?;
    text(Kind::Label, "version", version)?;
    let codes = [("sector", sector), ("field", area), ("technique", technique)];
    codes.into_iter().try_for_each(|(member, code)| text(Kind::Code, member, code))?;
    office("operator", operator)?;
    regrade.iter().try_for_each(regraded)?;
    texts(Kind::Description, "forbidden_uses", forbidden_uses)?;
    texts(Kind::Description, "coverage", coverage)?;
    few("resources", RESOURCES_MAX, resources)?;
    few("purposes", NAMED_MAX, purposes)?;
    few("operations", OPERATIONS_MAX, operations)?;
    operations.iter().try_for_each(operation)?;
    maybe(Kind::Reference, "security_assessment", security_assessment)?;
    maybe(Kind::Reference, "export_review", export_review)?;
    texts(Kind::Description, "service_level", service_level)?;
    maybe(Kind::Reference, "contact", contact)
}

fn regraded(Regrade { method: _, reviewer, evidence }: &Regrade) -> Checked {
    office("reviewer", reviewer)?;
    maybe(Kind::Reference, "evidence", evidence)
}

fn operation(body: &Operation) -> Checked {
    let Operation { name, label, engine: _, input, output, example } = body;
    text(Kind::Code, "operation", name)?;
    texts(Kind::Name, "label", label)?;
    few("input", FIELDS_MAX, input)?;
    few("output", FIELDS_MAX, output)?;
    input.iter().chain(output).try_for_each(field)?;
    example.iter().flatten().try_for_each(|(name, value)| exemplary(input, name, value))
}

/// A member of an example is one of the operation's input fields, with a value that can be sent.
fn exemplary(input: &[Field], name: &str, value: &Value) -> Checked {
    let field = input.iter().find(|field| field.name == *name);
    match (field.map(|field| field.field_type), value) {
        (Some(FieldType::Text | FieldType::Decimal | FieldType::Date), Value::String(value)) => {
            text(Kind::Value, "example", value)
        }
        (Some(FieldType::Integer), Value::Number(_))
        | (Some(FieldType::Boolean), Value::Bool(_)) => Ok(()),
        _ => Err(WritingRefusal::Example(name.chars().take(64).collect())),
    }
}

fn plan(body: &Plan) -> Checked {
    let Plan {
        product: _,
        code,
        name,
        purpose: _,
        charge: _,
        calls_per_month_max: _,
        calls_per_minute_max: _,
        term_months_max: _,
        automatic_approval: _,
        qualifies,
    } = body;
    few("qualifies", NAMED_MAX, qualifies)?;
    text(Kind::Code, "code", code)?;
    texts(Kind::Name, "name", name)
}

fn split(body: &Split) -> Checked {
    let Split { product: _, version: _, from: _, base: _, shares, consents } = body;
    few("shares", PARTIES_MAX, shares)?;
    few("consents", 2 * PARTIES_MAX, consents)?;
    shares.iter().try_for_each(share)?;
    consents.iter().try_for_each(|Consent { party, document }| {
        office("party", party)?;
        text(Kind::Reference, "document", document)
    })
}

fn share(Share { party, name, role: _, node: _, share_ppm: _ }: &Share) -> Checked {
    office("party", party)?;
    texts(Kind::Name, "name", name)
}
