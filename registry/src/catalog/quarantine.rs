//! Why an entry is in its log but not in the catalog. Every reason has a stable code and words for
//! people.

use crate::{
    entry::{ChargeUnit, writing::WritingRefusal},
    id::{DivisionCode, RegistrationNumber},
    json::{EntryRefusal, Newer},
    price::Price,
    refusal::Refusal,
    time::Period,
    uscc::Uscc,
};

/// Why an entry is not folded.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Quarantine {
    /// Not an entry this version can read, or one of another version.
    #[error(transparent)]
    Entry(#[from] EntryRefusal),
    /// A text, an address or a code that cannot be what it is meant to be.
    #[error("not to be read by people or programs: {0}")]
    Writing(#[from] WritingRefusal),
    /// A value that no entry of its kind may have.
    #[error("not a well-formed entry: {what}")]
    Malformed {
        /// What does not parse.
        what: String,
    },
    /// The record lies outside the division its author speaks for.
    #[error("{what} lies in {found}, outside {division}, which this node speaks for")]
    OutOfScope {
        /// The record.
        what: String,
        /// Its division.
        found: DivisionCode,
        /// The author's division.
        division: DivisionCode,
    },
    /// A number of one kind where another belongs.
    #[error("{number} is not a number of this kind of record")]
    NumberKind {
        /// The number.
        number: RegistrationNumber,
    },
    /// The object exists already.
    #[error("{what} was already recorded; numbers and codes are never used twice")]
    Duplicate {
        /// The object.
        what: String,
    },
    /// The object, or what it stands on, is not known in this log.
    #[error("{what} is not recorded in this log")]
    Unknown {
        /// The object.
        what: String,
    },
    /// The act does not fit the object's state.
    #[error("{what} is {state}, so this act does not apply")]
    WrongState {
        /// The object.
        what: String,
        /// Its state.
        state: &'static str,
    },
    /// The resource is barred from authorization.
    #[error("resource {number} is barred from authorized operation")]
    ResourceForbidden {
        /// The resource.
        number: RegistrationNumber,
    },
    /// A field that the resource's provider has not confirmed.
    #[error("field {field} of resource {number} is not confirmed by its provider")]
    FieldNotConfirmed {
        /// The resource.
        number: RegistrationNumber,
        /// The field.
        field: String,
    },
    /// The product goes beyond its authorization.
    #[error("{what} is outside authorization {authorization}")]
    BeyondAuthorization {
        /// The resource, purpose or operator.
        what: String,
        /// The authorization.
        authorization: RegistrationNumber,
    },
    /// The product's grade is below an input's without a regrade record, or too high to be offered.
    #[error("the grade of {number} is not admissible: {why}")]
    Grade {
        /// The product.
        number: RegistrationNumber,
        /// In words.
        why: String,
    },
    /// A public-good plan with a price.
    #[error("plan {code} serves the public good and must be free of charge")]
    PublicGoodPriced {
        /// The plan.
        code: String,
    },
    /// A priced plan without a ceiling.
    #[error("plan {code} has a price per {unit}, but no ceiling per {unit} was filed")]
    CeilingMissing {
        /// The plan.
        code: String,
        /// The unit.
        unit: ChargeUnit,
    },
    /// A price above the ceiling.
    #[error("plan {code} charges more than the ceiling of {price_max} yuan per {unit}")]
    AboveCeiling {
        /// The plan.
        code: String,
        /// The unit.
        unit: ChargeUnit,
        /// The ceiling.
        price_max: Price,
    },
    /// Two things of one name, of which a call would find only one.
    #[error("{what} is named twice")]
    NamedTwice {
        /// What.
        what: String,
    },
    /// A limit of zero, which nobody could use.
    #[error("plan {code} allows nothing: {what} is 0")]
    NothingAllowed {
        /// The plan.
        code: String,
        /// The limit.
        what: &'static str,
    },
    /// A split that is not whole.
    #[error("the shares must be above zero, one per party, and sum to 1000000 parts per million")]
    SharesNotWhole,
    /// A split that reaches back without the consent of a party it takes from.
    #[error(
        "the split reaches back to {from}, and {party}, whose share it replaces, did not consent"
    )]
    ConsentMissing {
        /// First month it is to govern.
        from: Period,
        /// The party.
        party: Uscc,
    },
}

impl Quarantine {
    /// What this program cannot read yet: the entry is not unlawful, it awaits a newer one.
    pub fn newer(&self) -> Option<&Newer> {
        match self {
            Self::Entry(EntryRefusal::Newer(newer)) => Some(newer),
            _ => None,
        }
    }
}

impl Refusal for Quarantine {
    fn code(&self) -> &'static str {
        match self {
            Self::Entry(refusal) => refusal.code(),
            Self::Writing(refusal) => refusal.code(),
            Self::Malformed { .. } => "entry.malformed",
            Self::OutOfScope { .. } => "entry.out_of_scope",
            Self::NumberKind { .. } => "entry.number_kind",
            Self::Duplicate { .. } => "catalog.duplicate",
            Self::Unknown { .. } => "catalog.unknown",
            Self::WrongState { .. } => "catalog.wrong_state",
            Self::ResourceForbidden { .. } => "catalog.resource_forbidden",
            Self::FieldNotConfirmed { .. } => "catalog.field_not_confirmed",
            Self::BeyondAuthorization { .. } => "catalog.beyond_authorization",
            Self::Grade { .. } => "catalog.grade",
            Self::PublicGoodPriced { .. } => "catalog.public_good_priced",
            Self::CeilingMissing { .. } => "catalog.ceiling_missing",
            Self::AboveCeiling { .. } => "catalog.above_ceiling",
            Self::NamedTwice { .. } => "catalog.named_twice",
            Self::NothingAllowed { .. } => "catalog.nothing_allowed",
            Self::SharesNotWhole => "catalog.shares_not_whole",
            Self::ConsentMissing { .. } => "catalog.consent_missing",
        }
    }
}
