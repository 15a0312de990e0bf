//! What the guards say no to, each with its stable code and the rule it follows.

use lianshi_registry::{
    entry::{BuyerKind, ChargeUnit, Grade, ProductForm, Purpose},
    id::RegistrationNumber,
    price::Price,
    refusal::Refusal,
    time::{Date, Period},
    uscc::Uscc,
};

use crate::ruleset::Citation;

/// A guard's refusal with the rule behind it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what}")]
pub struct GuardRefusal {
    /// What is wrong.
    pub what: Guard,
    /// The rule, where a document says it.
    pub citation: Option<Box<Citation>>,
}

impl GuardRefusal {
    pub(crate) fn new(what: Guard, citation: Option<Citation>) -> Self {
        Self { what, citation: citation.map(Box::new) }
    }
}

impl Refusal for GuardRefusal {
    fn code(&self) -> &'static str {
        self.what.code()
    }

    fn rule(&self) -> Option<String> {
        self.citation.as_ref().map(ToString::to_string)
    }
}

/// What is wrong.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Guard {
    /// G1.
    #[error("field `{field}` of {resource} is not confirmed by its provider")]
    FieldNotConfirmed {
        /// The resource.
        resource: String,
        /// The field.
        field: String,
    },
    /// G1.
    #[error("{resource} is barred from opening and may not be authorized")]
    ResourceForbidden {
        /// The resource.
        resource: String,
    },
    /// G1.
    #[error("{resource} was withdrawn")]
    ResourceWithdrawn {
        /// The resource.
        resource: String,
    },
    /// G1 and G2.
    #[error("{what} is graded {grade:?}; at most {highest:?} may be offered")]
    GradeTooHigh {
        /// The resource or product.
        what: String,
        /// Its grade.
        grade: Grade,
        /// The highest allowed.
        highest: Grade,
    },
    /// An authorization without resources or purposes.
    #[error("an authorization names at least one resource and one purpose")]
    NothingGranted,
    /// An authorization without its agreement.
    #[error("the number of the written agreement is missing")]
    AgreementMissing,
    /// One authorization, one emergency plan.
    #[error("the number of the emergency plan is missing")]
    EmergencyPlanMissing,
    /// A term that ends before it begins.
    #[error("the term from {from} to {until} is empty")]
    TermEmpty {
        /// First day.
        from: Date,
        /// First day after.
        until: Date,
    },
    /// A term over the longest allowed.
    #[error("the term may last at most {months_max} months, until {latest}, not until {until}")]
    TermTooLong {
        /// First day after, as asked.
        until: Date,
        /// The latest allowed.
        latest: Date,
        /// The longest term.
        months_max: i64,
    },
    /// G2: nothing to stand on.
    #[error("there is no authorization {authorization}")]
    AuthorizationAbsent {
        /// The number given.
        authorization: RegistrationNumber,
    },
    /// G2 and G3.
    #[error("authorization {authorization} is suspended or ended: {reason}")]
    AuthorizationNotActive {
        /// The authorization.
        authorization: RegistrationNumber,
        /// Why.
        reason: String,
    },
    /// G2.
    #[error("authorization {authorization} ran out on {until}")]
    AuthorizationEnded {
        /// The authorization.
        authorization: RegistrationNumber,
        /// First day after.
        until: Date,
    },
    /// G2.
    #[error("{what} is outside authorization {authorization}")]
    OutOfScope {
        /// The resource, purpose or operator.
        what: String,
        /// The authorization.
        authorization: RegistrationNumber,
    },
    /// G2.
    #[error("a product is made from at least one resource")]
    NoResource,
    /// G2.
    #[error("form {form:?} is not in the closed list of product forms")]
    FormNotAllowed {
        /// The form.
        form: ProductForm,
    },
    /// G2.
    #[error("data graded {grade:?} is offered as verification or model only, not as {form:?}")]
    FormTooOpen {
        /// The form.
        form: ProductForm,
        /// The grade.
        grade: Grade,
    },
    /// G2.
    #[error("grade {grade:?} is below {input:?} of {resource}, and there is no regrade record")]
    GradeBelowInput {
        /// The product's grade.
        grade: Grade,
        /// The resource above it.
        resource: String,
        /// Its grade.
        input: Grade,
    },
    /// G2.
    #[error("the number of the security assessment is missing")]
    SecurityAssessmentMissing,
    /// G2.
    #[error("the number of the export (出域) review is missing")]
    ExportReviewMissing,
    /// G2.
    #[error("a registration is valid until {latest} at the latest, not until {until}")]
    ValidityTooLong {
        /// As asked.
        until: Date,
        /// The latest allowed.
        latest: Date,
    },
    /// A plan or subscription for another purpose.
    #[error("plan {plan} does not serve purpose {purpose}")]
    PlanPurpose {
        /// The plan.
        plan: String,
        /// The purpose.
        purpose: Purpose,
    },
    /// A public-good plan that nobody reviews and that names no kind of organization.
    #[error(
        "plan {plan} serves the public good and is agreed to without a person: name the kinds of \
         organization that qualify, or let a person review requests"
    )]
    PublicGoodUnreviewed {
        /// The plan.
        plan: String,
    },
    /// A kind of organization that was registered to trade does not qualify by itself.
    #[error(
        "plan {plan} lets {kind} qualify for the public good without a person: such an \
         organization may trade, so a person reviews what it wants"
    )]
    QualifiesTrade {
        /// The plan.
        plan: String,
        /// The kind, as files write it.
        kind: BuyerKind,
    },
    /// A public-good plan with a price.
    #[error("plan {plan} serves the public good and must be free of charge")]
    PublicGoodPriced {
        /// The plan.
        plan: String,
    },
    /// A price without a ceiling.
    #[error("plan {plan} has a price per {unit}, but no ceiling per {unit} is filed")]
    CeilingMissing {
        /// The plan.
        plan: String,
        /// The unit.
        unit: ChargeUnit,
    },
    /// A price above the ceiling.
    #[error("plan {plan} charges {price} yuan per {unit}, above the ceiling of {price_max}")]
    PriceAboveCeiling {
        /// The plan.
        plan: String,
        /// The unit.
        unit: ChargeUnit,
        /// The price.
        price: Price,
        /// The ceiling.
        price_max: Price,
    },
    /// A split that is not whole.
    #[error("shares must be above zero, one per party, and sum to 1000000 parts; here {sum}")]
    SharesNotWhole {
        /// What they sum to.
        sum: u64,
    },
    /// A split that reaches back without consent.
    #[error(
        "the split begins in {from}, and without consent {until} is the first month it may begin \
         in: {party}, whose share it replaces, has to consent; name the document under \
         [[product.split.consent]]"
    )]
    ConsentMissing {
        /// First month it is to govern.
        from: Period,
        /// First month that needs nobody's consent.
        until: Period,
        /// Who has not consented.
        party: Uscc,
    },
    /// G3.
    #[error(
        "a subscription from {from} does not fit the authorization, {authorized_from} to \
         {authorized_until}"
    )]
    SubscriptionBeyondAuthorization {
        /// First day asked for.
        from: Date,
        /// First day authorized.
        authorized_from: Date,
        /// First day no longer authorized.
        authorized_until: Date,
    },
}

impl Guard {
    /// Stable code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::FieldNotConfirmed { .. } => "guard.field_not_confirmed",
            Self::ResourceForbidden { .. } => "guard.resource_forbidden",
            Self::ResourceWithdrawn { .. } => "guard.resource_withdrawn",
            Self::GradeTooHigh { .. } => "guard.grade_too_high",
            Self::NothingGranted => "guard.nothing_granted",
            Self::AgreementMissing => "guard.agreement_missing",
            Self::EmergencyPlanMissing => "guard.emergency_plan_missing",
            Self::TermEmpty { .. } => "guard.term_empty",
            Self::TermTooLong { .. } => "guard.term_too_long",
            Self::AuthorizationAbsent { .. } => "guard.authorization_absent",
            Self::AuthorizationNotActive { .. } => "guard.authorization_not_active",
            Self::AuthorizationEnded { .. } => "guard.authorization_ended",
            Self::OutOfScope { .. } => "guard.out_of_scope",
            Self::NoResource => "guard.no_resource",
            Self::FormNotAllowed { .. } => "guard.form_not_allowed",
            Self::FormTooOpen { .. } => "guard.form_too_open",
            Self::GradeBelowInput { .. } => "guard.grade_below_input",
            Self::SecurityAssessmentMissing => "guard.security_assessment_missing",
            Self::ExportReviewMissing => "guard.export_review_missing",
            Self::ValidityTooLong { .. } => "guard.validity_too_long",
            Self::PlanPurpose { .. } => "guard.plan_purpose",
            Self::PublicGoodUnreviewed { .. } => "guard.public_good_unreviewed",
            Self::QualifiesTrade { .. } => "guard.qualifies_trade",
            Self::PublicGoodPriced { .. } => "guard.public_good_priced",
            Self::CeilingMissing { .. } => "guard.ceiling_missing",
            Self::PriceAboveCeiling { .. } => "guard.price_above_ceiling",
            Self::SharesNotWhole { .. } => "guard.shares_not_whole",
            Self::ConsentMissing { .. } => "guard.consent_missing",
            Self::SubscriptionBeyondAuthorization { .. } => {
                "guard.subscription_beyond_authorization"
            }
        }
    }
}
