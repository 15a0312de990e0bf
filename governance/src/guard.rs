//! The guards that make a product lawful: G1 before data may be used, G2 while a product is made
//! and priced, G3 when it is subscribed to. Pure functions; each refusal cites its rule. A guard
//! that looks at one thing reports everything wrong with it.

mod refusal;
#[cfg(test)]
mod tests;

use lianshi_registry::{
    catalog::{
        AuthorizationState, AuthorizationStatus, ResourceState,
        rule::{self, CeilingCheck},
    },
    entry::{Authorization, Ceiling, Grade, Plan, Product, ProductForm, Purpose, Resource, Split},
    time::{Date, Period},
    uscc::Uscc,
};

pub use refusal::{Guard, GuardRefusal};

use crate::ruleset::RulesInForce;

/// What a product stands on, as the guards see it.
#[derive(Debug, Clone, Copy)]
pub struct Foundation<'a> {
    /// The authorization, if there is one.
    pub authorization: Option<&'a AuthorizationState>,
    /// The resources that are known.
    pub resources: &'a [ResourceState],
    /// The day of the decision.
    pub today: Date,
}

/// G1: a resource may be used only with every field confirmed by its provider, never when barred
/// from opening, never above the highest grade offered.
pub fn resource(state: &ResourceState, rules: &RulesInForce<'_>) -> Vec<GuardRefusal> {
    let resource = &state.resource;
    let mut refusals = Vec::new();
    let number = || resource.number.to_string();
    if resource.forbidden {
        let rule = rules.cite("resource_forbidden");
        refusals.push(GuardRefusal::new(Guard::ResourceForbidden { resource: number() }, rule));
    }
    if state.withdrawn.is_some() {
        refusals.push(GuardRefusal::new(Guard::ResourceWithdrawn { resource: number() }, None));
    }
    for field in rule::unconfirmed(resource) {
        let what = Guard::FieldNotConfirmed { resource: number(), field: field.name.clone() };
        refusals.push(GuardRefusal::new(what, rules.cite("resource_confirmed")));
    }
    refusals.extend(grade_allowed(resource.grade, &number(), rules));
    refusals
}

fn grade_allowed(grade: Grade, what: &str, rules: &RulesInForce<'_>) -> Option<GuardRefusal> {
    let limit = rules.lowest_grade("grade_max");
    let highest = limit.as_ref().map_or(Grade::L4, |limit| limit.value.min(Grade::L4));
    let refusal = Guard::GradeTooHigh { what: what.to_owned(), grade, highest };
    (grade > highest).then(|| GuardRefusal::new(refusal, limit.and_then(|limit| limit.citation)))
}

/// An authorization: known usable resources, a purpose, an agreement, an emergency plan, and a term
/// no longer than the strictest ruleset allows.
pub fn authorization(
    granted: &Authorization,
    resources: &[ResourceState],
    rules: &RulesInForce<'_>,
) -> Vec<GuardRefusal> {
    let mut refusals: Vec<GuardRefusal> =
        resources.iter().flat_map(|held| resource(held, rules)).collect();
    let mut refuse = |what, rule: &str| {
        refusals.push(GuardRefusal::new(what, rules.cite(rule)));
    };
    if granted.resources.is_empty() || granted.purposes.is_empty() {
        refuse(Guard::NothingGranted, "scope");
    }
    if granted.agreement.trim().is_empty() {
        refuse(Guard::AgreementMissing, "scope");
    }
    if granted.emergency_plan.trim().is_empty() {
        refuse(Guard::EmergencyPlanMissing, "emergency_plan");
    }
    if granted.until <= granted.from {
        refuse(Guard::TermEmpty { from: granted.from, until: granted.until }, "term_months_max");
    }
    if let Some(limit) = rules.smallest("term_months_max") {
        let latest = granted.from.plus_months(limit.value);
        if granted.until > latest {
            let what = Guard::TermTooLong { until: granted.until, latest, months_max: limit.value };
            refusals.push(GuardRefusal::new(what, limit.citation));
        }
    }
    refusals
}

/// G2: a product stays inside its authorization, has an allowed form, a grade its inputs permit,
/// and its assessments.
pub fn product(
    product: &Product,
    foundation: &Foundation<'_>,
    rules: &RulesInForce<'_>,
) -> Vec<GuardRefusal> {
    let mut refusals = Vec::new();
    match foundation.authorization {
        None => {
            let what = Guard::AuthorizationAbsent { authorization: product.authorization.clone() };
            refusals.push(GuardRefusal::new(what, rules.cite("scope")));
        }
        Some(state) => {
            let found = within(product, state, foundation.today);
            refusals.extend(found.into_iter().map(|w| GuardRefusal::new(w, rules.cite("scope"))));
        }
    }
    if product.resources.is_empty() {
        refusals.push(GuardRefusal::new(Guard::NoResource, rules.cite("resource_confirmed")));
    }
    for held in foundation.resources {
        refusals.extend(resource(held, rules));
    }
    if let Some(citation) = rules.forbids_form(product.form) {
        let what = Guard::FormNotAllowed { form: product.form };
        refusals.push(GuardRefusal::new(what, Some(citation)));
    }
    refusals.extend(graded(product, foundation.resources, rules));
    let assessment = [
        (&product.security_assessment, Guard::SecurityAssessmentMissing),
        (&product.export_review, Guard::ExportReviewMissing),
    ];
    for (number, what) in assessment {
        if number.trim().is_empty() {
            refusals.push(GuardRefusal::new(what, rules.cite("security_assessment")));
        }
    }
    if let Some(limit) = rules.smallest("validity_months_max") {
        let latest = foundation.today.plus_months(limit.value);
        if product.valid_until > latest {
            let what = Guard::ValidityTooLong { until: product.valid_until, latest };
            refusals.push(GuardRefusal::new(what, limit.citation));
        }
    }
    refusals
}

fn within(product: &Product, state: &AuthorizationState, today: Date) -> Vec<Guard> {
    let granted = &state.authorization;
    let authorization = || granted.number.clone();
    let mut found = Vec::new();
    if state.status != AuthorizationStatus::Active {
        let reason = state.reason.clone();
        found.push(Guard::AuthorizationNotActive { authorization: authorization(), reason });
    }
    if today >= granted.until {
        let until = granted.until;
        found.push(Guard::AuthorizationEnded { authorization: authorization(), until });
    }
    if product.operator != granted.operator {
        let what = format!("operator {}", product.operator);
        found.push(Guard::OutOfScope { what, authorization: authorization() });
    }
    for number in product.resources.iter().filter(|number| !granted.resources.contains(number)) {
        let what = format!("resource {number}");
        found.push(Guard::OutOfScope { what, authorization: authorization() });
    }
    for purpose in product.purposes.iter().filter(|purpose| !granted.purposes.contains(purpose)) {
        let what = format!("purpose {purpose}");
        found.push(Guard::OutOfScope { what, authorization: authorization() });
    }
    found
}

fn graded(
    product: &Product,
    resources: &[ResourceState],
    rules: &RulesInForce<'_>,
) -> Vec<GuardRefusal> {
    let mut refusals = Vec::new();
    refusals.extend(grade_allowed(product.grade, &product.name.zh, rules));
    let inputs: Vec<&Resource> = resources.iter().map(|held| &held.resource).collect();
    if let Some(input) = rule::input_above(product, inputs) {
        let what = Guard::GradeBelowInput {
            grade: product.grade,
            resource: input.number.to_string(),
            input: input.grade,
        };
        refusals.push(GuardRefusal::new(what, rules.cite("regrade_record")));
    }
    if let Some(limit) = rules.lowest_grade("grade_verification_only") {
        let open = matches!(product.form, ProductForm::Verification | ProductForm::Model);
        if product.grade >= limit.value && !open {
            let what = Guard::FormTooOpen { form: product.form, grade: product.grade };
            refusals.push(GuardRefusal::new(what, limit.citation));
        }
    }
    refusals
}

/// G2, plans: public good is free and reviewed by a person unless the plan names kinds of
/// organization that qualify; any other price needs a filed ceiling and stays within it; the plan's
/// purpose is one of the product's.
pub fn plan(
    plan: &Plan,
    purposes: &[Purpose],
    ceilings: &[&Ceiling],
    rules: &RulesInForce<'_>,
) -> Vec<GuardRefusal> {
    let mut refusals = Vec::new();
    let code = || plan.code.clone();
    if !purposes.contains(&plan.purpose) {
        let what = Guard::PlanPurpose { plan: code(), purpose: plan.purpose };
        refusals.push(GuardRefusal::new(what, rules.cite("scope")));
    }
    if plan.purpose == Purpose::PublicGood && plan.automatic_approval && plan.qualifies.is_empty() {
        let what = Guard::PublicGoodUnreviewed { plan: code() };
        refusals.push(GuardRefusal::new(what, rules.cite("scope")));
    }
    if let Some(kind) = plan.qualifies.iter().find(|kind| kind.may_trade()) {
        let what = Guard::QualifiesTrade { plan: code(), kind: *kind };
        refusals.push(GuardRefusal::new(what, rules.cite("scope")));
    }
    if !rule::public_good_is_free(plan) {
        let what = Guard::PublicGoodPriced { plan: code() };
        refusals.push(GuardRefusal::new(what, rules.cite("public_good_free")));
        return refusals;
    }
    let what = match rule::check_ceiling(plan, ceilings) {
        CeilingCheck::Within => None,
        CeilingCheck::Missing { unit } => Some(Guard::CeilingMissing { plan: code(), unit }),
        CeilingCheck::Above { unit, price_max } => {
            let price = rule::unit_price(&plan.charge).map(|(_, price)| price).unwrap_or_default();
            Some(Guard::PriceAboveCeiling { plan: code(), unit, price, price_max })
        }
    };
    refusals.extend(what.map(|what| GuardRefusal::new(what, rules.cite("price_ceiling"))));
    refusals
}

/// A split is whole: shares above zero, one for each party, together exactly 1,000,000 parts.
pub fn split(split: &Split) -> Option<GuardRefusal> {
    let sum = split.shares.iter().map(|share| u64::from(share.share_ppm)).sum();
    (!rule::shares_are_whole(split)).then(|| GuardRefusal::new(Guard::SharesNotWhole { sum }, None))
}

/// A split begins in no month that is over and in none that is closed, unless everybody it takes
/// from consented: the parties of the versions it replaces, and the operator where there was none.
pub fn split_reaches_back(
    split: &Split,
    earlier: &[&Split],
    (operator, until): (&Uscc, Period),
) -> Vec<GuardRefusal> {
    rule::consents_missing(split, earlier, (operator, until))
        .into_iter()
        .map(|party| {
            GuardRefusal::new(Guard::ConsentMissing { from: split.from, until, party }, None)
        })
        .collect()
}

/// What somebody wants to subscribe to.
#[derive(Debug, Clone, Copy)]
pub struct SubscriptionAsked<'a> {
    /// The plan.
    pub plan: &'a Plan,
    /// The purpose the buyer states.
    pub purpose: Purpose,
    /// First day asked for.
    pub from: Date,
    /// First day no longer asked for.
    pub until: Date,
}

/// A term that was granted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SubscriptionTerm {
    /// First day no longer in force.
    pub until: Date,
    /// It is shorter than asked for, which the buyer must be told.
    pub cut: bool,
}

/// G3: a subscription serves the plan's purpose and ends no later than the authorization; a longer
/// wish is cut with notice, never extended.
pub fn subscription(
    asked: &SubscriptionAsked<'_>,
    state: &AuthorizationState,
    rules: &RulesInForce<'_>,
) -> Result<SubscriptionTerm, GuardRefusal> {
    let granted = &state.authorization;
    let refuse = |what| Err(GuardRefusal::new(what, rules.cite("scope")));
    if asked.purpose != asked.plan.purpose {
        return refuse(Guard::PlanPurpose {
            plan: asked.plan.code.clone(),
            purpose: asked.purpose,
        });
    }
    if state.status != AuthorizationStatus::Active {
        let reason = state.reason.clone();
        return refuse(Guard::AuthorizationNotActive {
            authorization: granted.number.clone(),
            reason,
        });
    }
    let longest = asked.from.plus_months(i64::from(asked.plan.term_months_max));
    let until = asked.until.min(longest).min(granted.until);
    if until <= asked.from || asked.from < granted.from {
        return refuse(Guard::SubscriptionBeyondAuthorization {
            from: asked.from,
            authorized_from: granted.from,
            authorized_until: granted.until,
        });
    }
    Ok(SubscriptionTerm { until, cut: until < asked.until })
}
