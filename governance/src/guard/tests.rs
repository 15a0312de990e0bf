//! Tests of the guards one by one; those a publishing file can trip are also tested there, with
//! their lines.

use lianshi_registry::{
    entry::{
        BuyerKind, Charge, ChargeUnit, Confirmation, Engine, Field, FieldType,
        Guard as AnswerGuard, Operation, ResourceField, Share, ShareRole, SplitBase, Texts,
        UpdateCycle,
    },
    id::{DivisionCode, NodeName, NumberKind, RegistrationNumber},
    price::Price,
    refusal::Refusal as _,
    time::Period,
    uscc::{self, Uscc},
};

use super::*;
use crate::ruleset::Rulebook;

fn day(text: &str) -> Date {
    Date::parse(text).expect("valid")
}

fn division() -> DivisionCode {
    DivisionCode::parse("440311").expect("valid")
}

fn rules() -> RulesInForce<'static> {
    Rulebook::shipped().in_force(&division(), day("2026-06-01"))
}

fn number(kind: NumberKind) -> RegistrationNumber {
    RegistrationNumber::new(&division(), kind, 2026, 1).expect("fits")
}

fn code(sequence: u8) -> Uscc {
    uscc::complete(&format!("91440311MA2DEM{sequence:03}")).expect("fits")
}

fn texts() -> Texts {
    Texts { zh: "文".to_owned(), en: "text".to_owned() }
}

fn field() -> ResourceField {
    let (by, on, document) = (code(1), day("2026-01-05"), "D-1".to_owned());
    ResourceField {
        name: "code".to_owned(),
        label: texts(),
        field_type: FieldType::Text,
        confirmed: Some(Confirmation { by, on, document }),
    }
}

fn held() -> ResourceState {
    let resource = Resource {
        number: number(NumberKind::Resource),
        name: texts(),
        provider: code(1),
        platform_id: "P".to_owned(),
        grade: Grade::L1,
        forbidden: false,
        fields: vec![field()],
        row_count: 1,
        update_cycle: UpdateCycle::Daily,
    };
    ResourceState { resource, withdrawn: None }
}

fn granted() -> AuthorizationState {
    let authorization = Authorization {
        number: number(NumberKind::Authorization),
        scenario: texts(),
        grantor: code(1),
        operator: code(2),
        resources: vec![number(NumberKind::Resource)],
        purposes: vec![Purpose::Industry],
        from: day("2026-01-01"),
        until: day("2028-12-31"),
        agreement: "A".to_owned(),
        emergency_plan: "E".to_owned(),
        ruleset: "440311-2024".to_owned(),
    };
    AuthorizationState { authorization, status: AuthorizationStatus::Active, reason: String::new() }
}

fn code_field() -> Field {
    let name = "code".to_owned();
    Field { name, label: texts(), field_type: FieldType::Text, required: true }
}

fn offered() -> Product {
    let operation = Operation {
        name: "verify".to_owned(),
        label: texts(),
        engine: Engine::Lookup,
        input: vec![code_field()],
        output: vec![code_field()],
        example: None,
    };
    Product {
        number: number(NumberKind::Product),
        name: texts(),
        summary: texts(),
        description: texts(),
        form: ProductForm::Index,
        version: "1.0".to_owned(),
        sector: "health".to_owned(),
        field: "economy".to_owned(),
        operator: code(2),
        authorization: number(NumberKind::Authorization),
        resources: vec![number(NumberKind::Resource)],
        grade: Grade::L1,
        regrade: None,
        purposes: vec![Purpose::Industry],
        forbidden_uses: texts(),
        update_cycle: UpdateCycle::Daily,
        coverage: texts(),
        technique: "aggregation".to_owned(),
        operations: vec![operation],
        guard: AnswerGuard { smallest_cell: 10, distinct_subjects_max: 10 },
        security_assessment: "S".to_owned(),
        export_review: "X".to_owned(),
        service_level: texts(),
        contact: "a@b.example".to_owned(),
        valid_until: day("2028-12-31"),
        synthetic: false,
    }
}

fn paid(yuan: &str) -> Plan {
    Plan {
        product: number(NumberKind::Product),
        code: "paid".to_owned(),
        name: texts(),
        purpose: Purpose::Industry,
        charge: Charge::FlatMonthly { price: Price::parse(yuan).expect("valid") },
        calls_per_month_max: 10,
        calls_per_minute_max: 10,
        term_months_max: 12,
        automatic_approval: false,
        qualifies: Vec::new(),
    }
}

fn codes(refusals: Vec<GuardRefusal>) -> Vec<&'static str> {
    refusals.iter().map(GuardRefusal::code).collect()
}

#[test]
fn g1_every_field_confirmed_nothing_forbidden_withdrawn_or_graded_too_high() {
    let check = |change: fn(&mut ResourceState)| {
        let mut state = held();
        change(&mut state);
        codes(resource(&state, &rules()))
    };
    assert!(check(|_| {}).is_empty());
    assert_eq!(check(|s| s.resource.forbidden = true), ["guard.resource_forbidden"]);
    assert_eq!(check(|s| s.withdrawn = Some(String::new())), ["guard.resource_withdrawn"]);
    let unconfirmed = check(|s| s.resource.fields[0].confirmed = None);
    assert_eq!(unconfirmed, ["guard.field_not_confirmed"]);
    let by_another = check(|s| s.resource.fields[0].confirmed.as_mut().expect("is").by = code(2));
    assert_eq!(by_another, ["guard.field_not_confirmed"]);
    assert_eq!(check(|s| s.resource.grade = Grade::Important), ["guard.grade_too_high"]);
    assert_eq!(check(|s| s.resource.grade = Grade::Core), ["guard.grade_too_high"]);
}

#[test]
fn an_authorization_is_complete_and_no_longer_than_the_strictest_rules_allow() {
    let check = |change: fn(&mut Authorization)| {
        let mut state = granted();
        change(&mut state.authorization);
        codes(authorization(&state.authorization, &[held()], &rules()))
    };
    assert!(check(|_| {}).is_empty());
    assert!(check(|a| a.until = day("2029-01-01")).is_empty(), "three years exactly");
    assert_eq!(check(|a| a.until = day("2029-01-02")), ["guard.term_too_long"]);
    assert_eq!(check(|a| a.until = a.from), ["guard.term_empty"]);
    assert_eq!(check(|a| a.purposes.clear()), ["guard.nothing_granted"]);
    assert_eq!(check(|a| a.resources.clear()), ["guard.nothing_granted"]);
    assert_eq!(check(|a| a.agreement.clear()), ["guard.agreement_missing"]);
    assert_eq!(check(|a| a.emergency_plan = " ".to_owned()), ["guard.emergency_plan_missing"]);
}

#[test]
fn g2_a_product_stays_inside_what_it_stands_on() {
    let check = |change: fn(&mut Product), above: fn(&mut AuthorizationState)| {
        let (mut made, mut state) = (offered(), granted());
        change(&mut made);
        above(&mut state);
        let resources = [held()];
        let foundation = Foundation {
            authorization: Some(&state),
            resources: &resources,
            today: day("2026-06-01"),
        };
        codes(product(&made, &foundation, &rules()))
    };
    let of = |change| check(change, |_| {});
    assert!(of(|_| {}).is_empty());
    assert_eq!(of(|p| p.operator = code(1)), ["guard.out_of_scope"]);
    assert_eq!(of(|p| p.purposes.push(Purpose::PublicGood)), ["guard.out_of_scope"]);
    assert_eq!(
        of(|p| {
            let division = DivisionCode::parse("440311").expect("valid");
            p.resources.extend(RegistrationNumber::new(&division, NumberKind::Resource, 2026, 2));
        }),
        ["guard.out_of_scope"]
    );
    assert_eq!(of(|p| p.resources.clear()), ["guard.no_resource"]);
    assert_eq!(of(|p| p.grade = Grade::L3), ["guard.form_too_open"]);
    assert_eq!(of(|p| p.grade = Grade::Core)[0], "guard.grade_too_high");
    assert_eq!(of(|p| p.security_assessment.clear()), ["guard.security_assessment_missing"]);
    assert_eq!(of(|p| p.export_review.clear()), ["guard.export_review_missing"]);
    assert_eq!(of(|p| p.valid_until = day("2030-01-01")), ["guard.validity_too_long"]);
    let suspended = |s: &mut AuthorizationState| s.status = AuthorizationStatus::Suspended;
    assert_eq!(check(|_| {}, suspended), ["guard.authorization_not_active"]);
    let over = |s: &mut AuthorizationState| s.authorization.until = day("2026-06-01");
    assert_eq!(check(|_| {}, over), ["guard.authorization_ended"]);
}

#[test]
fn g2_without_an_authorization_there_is_no_product_and_grades_follow_the_inputs() {
    let mut resources = [held()];
    let foundation =
        Foundation { authorization: None, resources: &resources, today: day("2026-06-01") };
    let found = codes(product(&offered(), &foundation, &rules()));
    assert_eq!(found, ["guard.authorization_absent"]);
    resources[0].resource.grade = Grade::L2;
    let state = granted();
    let foundation =
        Foundation { authorization: Some(&state), resources: &resources, today: day("2026-06-01") };
    let found = codes(product(&offered(), &foundation, &rules()));
    assert_eq!(found, ["guard.grade_below_input"]);
}

#[test]
fn the_closed_list_of_forms_is_the_rulesets() {
    let book = Rulebook::parse(
        "[[ruleset]]\nid = \"t\"\ndivision = \"440311\"\ntitle = { zh = \"t\", en = \"t\" }\n\
         document = \"t\"\nfrom = \"2020-01-01\"\nrules = [{ name = \"product_forms\", \
         value = [\"verification\"], part = \"t\", confirmed = true }]",
    )
    .expect("rules");
    let rules = book.in_force(&division(), day("2026-06-01"));
    let (state, resources) = (granted(), [held()]);
    let foundation =
        Foundation { authorization: Some(&state), resources: &resources, today: day("2026-06-01") };
    assert_eq!(codes(product(&offered(), &foundation, &rules)), ["guard.form_not_allowed"]);
}

#[test]
fn prices_need_a_ceiling_and_public_good_has_none() {
    let ceiling = Ceiling {
        product: number(NumberKind::Product),
        unit: ChargeUnit::Month,
        price_max: Price::parse("100").expect("valid"),
        document: "D".to_owned(),
    };
    let both = [Purpose::Industry, Purpose::PublicGood];
    let check = |plan_: &Plan, ceilings: &[&Ceiling]| codes(plan(plan_, &both, ceilings, &rules()));
    assert!(check(&paid("100"), &[&ceiling]).is_empty());
    assert_eq!(check(&paid("100.000001"), &[&ceiling]), ["guard.price_above_ceiling"]);
    assert_eq!(check(&paid("1"), &[]), ["guard.ceiling_missing"]);
    assert!(check(&paid("0"), &[]).is_empty(), "a price of nothing needs no ceiling");
    let mut good = paid("1");
    good.purpose = Purpose::PublicGood;
    assert_eq!(check(&good, &[&ceiling]), ["guard.public_good_priced"]);
    good.charge = Charge::Free;
    assert!(check(&good, &[]).is_empty(), "a person reviews it");
    good.automatic_approval = true;
    assert_eq!(check(&good, &[]), ["guard.public_good_unreviewed"]);
    good.qualifies = vec![BuyerKind::Foundation];
    assert!(check(&good, &[]).is_empty());
    good.qualifies.push(BuyerKind::Enterprise);
    assert_eq!(check(&good, &[]), ["guard.qualifies_trade"]);
    let found = codes(plan(&paid("1"), &[Purpose::PublicGood], &[&ceiling], &rules()));
    assert_eq!(found, ["guard.plan_purpose"]);
}

#[test]
fn a_split_is_whole() {
    let share = |party, share_ppm| Share {
        party,
        name: texts(),
        role: ShareRole::Operator,
        node: NodeName::parse("guangming").expect("valid"),
        share_ppm,
    };
    let check = |shares: Vec<Share>| {
        let agreed = Split {
            product: number(NumberKind::Product),
            version: 1,
            from: Period::parse("2026-01").expect("valid"),
            base: SplitBase::Invoiced,
            consents: Vec::new(),
            shares,
        };
        split(&agreed).map(|refusal| refusal.code())
    };
    assert_eq!(check(vec![share(code(1), 333_333), share(code(2), 666_667)]), None);
    let broken = Some("guard.shares_not_whole");
    assert_eq!(check(vec![share(code(1), 333_333), share(code(2), 666_666)]), broken);
    assert_eq!(check(vec![share(code(1), 500_000), share(code(1), 500_000)]), broken);
    assert_eq!(check(vec![share(code(1), 1_000_000), share(code(2), 0)]), broken);
    assert_eq!(check(Vec::new()), broken);
}

#[test]
fn a_split_that_reaches_back_is_refused_in_words() {
    let share = |party| Share {
        party,
        name: texts(),
        role: ShareRole::Operator,
        node: NodeName::parse("guangming").expect("valid"),
        share_ppm: 500_000,
    };
    let month = |text: &str| Period::parse(text).expect("valid");
    let agreed = |version, from: &str| Split {
        product: number(NumberKind::Product),
        version,
        from: month(from),
        base: SplitBase::Invoiced,
        consents: Vec::new(),
        shares: vec![share(code(1)), share(code(2))],
    };
    let until = month("2026-11");
    let (first, operator) = (agreed(1, "2026-01"), code(1));
    let ask = |split: &Split| split_reaches_back(split, &[&first], (&operator, until));
    assert!(ask(&agreed(2, "2026-11")).is_empty());
    let refused = ask(&agreed(2, "2026-10"));
    assert_eq!(codes(refused.clone()), ["guard.consent_missing", "guard.consent_missing"]);
    let said = refused[0].to_string();
    for word in ["2026-10", "2026-11", "[[product.split.consent]]"] {
        assert!(said.contains(word), "{said}");
    }
    let alone = split_reaches_back(&agreed(1, "1999-01"), &[], (&operator, until));
    assert_eq!(codes(alone), ["guard.consent_missing"], "the operator got everything before");
}

#[test]
fn g3_a_subscription_ends_no_later_than_the_authorization() {
    let plan = paid("1");
    let check = |from: &str, until: &str, change: fn(&mut AuthorizationState)| {
        let mut state = granted();
        change(&mut state);
        let asked = SubscriptionAsked {
            plan: &plan,
            purpose: Purpose::Industry,
            from: day(from),
            until: day(until),
        };
        subscription(&asked, &state, &rules())
            .map(|term| (term.until.to_string(), term.cut))
            .map_err(|refusal| refusal.code())
    };
    let same = |_: &mut AuthorizationState| {};
    let ok = |until: &str, cut| Ok((until.to_owned(), cut));
    assert_eq!(check("2026-06-01", "2026-12-01", same), ok("2026-12-01", false));
    assert_eq!(check("2026-06-01", "2027-12-01", same), ok("2027-06-01", true));
    assert_eq!(check("2028-06-01", "2029-06-01", same), ok("2028-12-31", true));
    let beyond = Err("guard.subscription_beyond_authorization");
    assert_eq!(check("2028-12-31", "2029-06-01", same), beyond);
    assert_eq!(check("2025-12-01", "2026-06-01", same), beyond);
    assert_eq!(check("2026-06-01", "2026-06-01", same), beyond);
    let suspended = |s: &mut AuthorizationState| s.status = AuthorizationStatus::Suspended;
    let resting = Err("guard.authorization_not_active");
    assert_eq!(check("2026-06-01", "2026-12-01", suspended), resting);
    let asked = SubscriptionAsked {
        plan: &plan,
        purpose: Purpose::PublicGood,
        from: day("2026-06-01"),
        until: day("2026-12-01"),
    };
    let refused = subscription(&asked, &granted(), &rules()).expect_err("another purpose");
    assert_eq!(refused.code(), "guard.plan_purpose");
    assert!(refused.rule().expect("cited").starts_with("440311-2024"));
}
