//! Tests of the fold: every reason for quarantine, the chain above a product, and, for any logs,
//! one catalog whatever the order in which they arrive.

use proptest::prelude::*;

use super::*;
use crate::{
    entry::*,
    id::{NumberKind, RegistrationNumber},
    price::Price,
    refusal::Refusal as _,
    time::{Date, Period, Timestamp},
    uscc::{self, Uscc},
};

fn origin(name: &str) -> Origin {
    Origin::parse(&format!("ningbo.example/{name}/1")).expect("valid")
}

fn division() -> DivisionCode {
    DivisionCode::parse("330212").expect("valid")
}

fn number(kind: NumberKind, sequence: u32) -> RegistrationNumber {
    RegistrationNumber::new(&division(), kind, 2026, sequence).expect("fits")
}

fn code(sequence: u8) -> Uscc {
    uscc::complete(&format!("91330212MA2DEM{sequence:03}")).expect("fits")
}

fn texts(text: &str) -> Texts {
    Texts { zh: text.to_owned(), en: text.to_owned() }
}

fn organization(sequence: u8) -> Organization {
    Organization {
        uscc: code(sequence),
        name: texts("机构"),
        kind: OrganizationKind::Operator,
        division: division(),
    }
}

fn field(name: &str) -> Field {
    let name = name.to_owned();
    Field { name, label: texts("字段"), field_type: FieldType::Text, required: true }
}

fn resource_field(name: &str) -> ResourceField {
    let Field { name, label, field_type, required: _ } = field(name);
    let (by, on, document) =
        (code(1), Date::parse("2026-01-05").expect("valid"), "确〔2026〕1号".to_owned());
    ResourceField { name, label, field_type, confirmed: Some(Confirmation { by, on, document }) }
}

fn resource(sequence: u32) -> Resource {
    Resource {
        number: number(NumberKind::Resource, sequence),
        name: texts("资源"),
        provider: code(1),
        platform_id: "P-1".to_owned(),
        grade: Grade::L1,
        forbidden: false,
        fields: vec![resource_field("code")],
        row_count: 1,
        update_cycle: UpdateCycle::Daily,
    }
}

/// The resource again, with its first field confirmed by somebody else or by nobody.
fn confirmed_by(by: Option<Uscc>) -> Fact {
    let mut revised = resource(1);
    let said = revised.fields[0].confirmed.take();
    revised.fields[0].confirmed = by.zip(said).map(|(by, said)| Confirmation { by, ..said });
    Fact::ResourceRevised(revised)
}

fn authorization(sequence: u32) -> Authorization {
    Authorization {
        number: number(NumberKind::Authorization, sequence),
        scenario: texts("场景"),
        grantor: code(1),
        operator: code(1),
        resources: vec![number(NumberKind::Resource, 1)],
        purposes: vec![Purpose::PublicGood, Purpose::Industry],
        from: Date::parse("2026-01-01").expect("valid"),
        until: Date::parse("2027-01-01").expect("valid"),
        agreement: "A-1".to_owned(),
        emergency_plan: "E-1".to_owned(),
        ruleset: "national-2025".to_owned(),
    }
}

fn product(sequence: u32) -> Product {
    Product {
        number: number(NumberKind::Product, sequence),
        name: texts("产品"),
        summary: texts("摘要"),
        description: texts("说明"),
        form: ProductForm::Verification,
        version: "1.0".to_owned(),
        sector: "health".to_owned(),
        field: "economy".to_owned(),
        operator: code(1),
        authorization: number(NumberKind::Authorization, 1),
        resources: vec![number(NumberKind::Resource, 1)],
        grade: Grade::L1,
        regrade: None,
        purposes: vec![Purpose::PublicGood, Purpose::Industry],
        forbidden_uses: texts("无"),
        update_cycle: UpdateCycle::Daily,
        coverage: texts("全区"),
        technique: "lookup".to_owned(),
        operations: vec![Operation {
            name: "verify".to_owned(),
            label: texts("核验"),
            engine: Engine::Lookup,
            input: vec![field("code")],
            output: vec![field("result")],
            example: None,
        }],
        guard: Guard { smallest_cell: 0, distinct_subjects_max: 10 },
        security_assessment: "S-1".to_owned(),
        export_review: "X-1".to_owned(),
        service_level: texts("工作日"),
        contact: "a@b.example".to_owned(),
        valid_until: Date::parse("2028-01-01").expect("valid"),
        synthetic: false,
    }
}

fn plan(code: &str, purpose: Purpose, charge: Charge) -> Plan {
    Plan {
        product: number(NumberKind::Product, 1),
        code: code.to_owned(),
        name: texts("方案"),
        purpose,
        charge,
        calls_per_month_max: 10,
        calls_per_minute_max: 10,
        term_months_max: 12,
        automatic_approval: true,
        qualifies: Vec::new(),
    }
}

fn per_call(yuan: &str) -> Charge {
    Charge::PerCall { price: Price::parse(yuan).expect("valid"), included_calls: 0 }
}

fn ceiling(yuan: &str) -> Fact {
    Fact::CeilingFiled(Ceiling {
        product: number(NumberKind::Product, 1),
        unit: ChargeUnit::Call,
        price_max: Price::parse(yuan).expect("valid"),
        document: "D-1".to_owned(),
    })
}

fn split(version: u32, shares: &[u32]) -> Fact {
    let share = |(party, share_ppm): (u8, &u32)| Share {
        party: code(party),
        name: texts("一方"),
        role: ShareRole::Operator,
        node: crate::id::NodeName::parse("yinzhou").expect("valid"),
        share_ppm: *share_ppm,
    };
    Fact::SplitAgreed(Split {
        product: number(NumberKind::Product, 1),
        version,
        from: Period::parse(if version == 1 { "2026-01" } else { "2026-10" }).expect("valid"),
        base: SplitBase::Invoiced,
        consents: Vec::new(),
        shares: (1..).zip(shares).map(share).collect(),
    })
}

fn notice(reason: &str) -> ProductNotice {
    ProductNotice { number: number(NumberKind::Product, 1), reason: reason.to_owned() }
}

fn pause(reason: &str) -> AuthorizationPause {
    AuthorizationPause { number: number(NumberKind::Authorization, 1), reason: reason.to_owned() }
}

fn end(how: AuthorizationEnding) -> Fact {
    Fact::AuthorizationEnded(AuthorizationEnd {
        number: number(NumberKind::Authorization, 1),
        how,
        reason: "r".to_owned(),
    })
}

/// A product ready to be listed.
fn ready() -> Vec<Fact> {
    vec![
        Fact::OrganizationListed(organization(1)),
        Fact::ResourceCataloged(resource(1)),
        Fact::AuthorizationGranted(authorization(1)),
        Fact::ProductRegistered(Box::new(product(1))),
    ]
}

fn bytes(fact: Fact) -> Vec<u8> {
    let at = Timestamp::from_millis(1_790_000_000_000);
    json::encode_entry(&Entry { at, by: "office".to_owned(), fact }).expect("encoded")
}

fn folded(facts: impl IntoIterator<Item = Fact>) -> Catalog {
    let mut catalog = Catalog::default();
    for (index, fact) in (0..).zip(facts) {
        catalog.apply(&origin("yinzhou"), index, &division(), &bytes(fact));
    }
    catalog
}

/// Folds a ready product and then `facts`; gives the code the last of them is quarantined with.
fn last_code(facts: Vec<Fact>) -> Option<&'static str> {
    let mut all = ready();
    all.extend(facts);
    let last = u64::try_from(all.len() - 1).expect("small");
    folded(all).quarantined().get(&(origin("yinzhou"), last)).map(Quarantine::code)
}

fn limited(change: impl FnOnce(&mut Plan)) -> Fact {
    let mut plan = plan("free", Purpose::PublicGood, Charge::Free);
    change(&mut plan);
    Fact::PlanPublished(plan)
}

fn changed(change: impl FnOnce(&mut Product)) -> Fact {
    let mut product = product(2);
    change(&mut product);
    Fact::ProductRegistered(Box::new(product))
}

#[test]
fn a_lawful_chain_is_folded_whole() {
    let free = Fact::PlanPublished(plan("free", Purpose::PublicGood, Charge::Free));
    let paid = Fact::PlanPublished(plan("paid", Purpose::Industry, per_call("0.5")));
    let sealed = Fact::StatementSealed(StatementSealed {
        period: Period::parse("2026-10").expect("valid"),
        statement_count: 1,
        result_hash: "00".repeat(32),
    });
    let mut facts = ready();
    facts.extend([
        ceiling("0.5"),
        split(1, &[400_000, 600_000]),
        split(2, &[1_000_000]),
        free,
        paid,
        Fact::ProductListed(notice("")),
        Fact::ProductPaused(notice("r")),
        Fact::ProductResumed(notice("")),
        Fact::AuthorizationSuspended(pause("r")),
        Fact::AuthorizationResumed(pause("")),
        Fact::ProductRevised(Box::new(product(1))),
        end(AuthorizationEnding::Revoked),
        sealed,
    ]);
    let catalog = folded(facts);
    assert!(catalog.quarantined().is_empty(), "{:?}", catalog.quarantined());
    assert_eq!(catalog.objects().len(), 10);
}

#[test]
fn each_unlawful_entry_is_quarantined_with_its_code() {
    let paid = |yuan| Fact::PlanPublished(plan("paid", Purpose::Industry, per_call(yuan)));
    let good = Fact::PlanPublished(plan("good", Purpose::PublicGood, per_call("0.1")));
    let forbidden = {
        let mut held = resource(1);
        held.forbidden = true;
        Fact::ResourceRevised(held)
    };
    let withdrawn = Fact::ResourceWithdrawn(ResourceWithdrawn {
        number: number(NumberKind::Resource, 1),
        reason: "r".to_owned(),
    });
    let graded_up = {
        let mut held = resource(1);
        held.grade = Grade::L3;
        Fact::ResourceRevised(held)
    };
    let foreign = {
        let mut held = resource(1);
        let other = DivisionCode::parse("330203").expect("valid");
        held.number = RegistrationNumber::new(&other, NumberKind::Resource, 2026, 9).expect("fits");
        Fact::ResourceCataloged(held)
    };
    let twice = {
        let mut held = resource(2);
        held.fields.push(held.fields[0].clone());
        Fact::ResourceCataloged(held)
    };
    let table: Vec<(&str, Vec<Fact>)> = vec![
        ("entry.out_of_scope", vec![foreign]),
        ("entry.number_kind", vec![changed(|p| p.number = number(NumberKind::Resource, 7))]),
        ("catalog.duplicate", vec![Fact::ResourceCataloged(resource(1))]),
        ("catalog.duplicate", vec![Fact::ProductRegistered(Box::new(product(1)))]),
        ("catalog.unknown", vec![Fact::ResourceRevised(resource(2))]),
        ("catalog.unknown", vec![Fact::OrganizationRevised(organization(9))]),
        (
            "catalog.wrong_state",
            vec![
                Fact::OrganizationListed(organization(9)),
                Fact::OrganizationWithdrawn(organization(9)),
                Fact::OrganizationRevised(organization(9)),
            ],
        ),
        ("catalog.unknown", vec![split(2, &[1_000_000])]),
        (
            "catalog.unknown",
            vec![changed(|p| p.authorization = number(NumberKind::Authorization, 9))],
        ),
        ("catalog.wrong_state", vec![Fact::ProductResumed(notice(""))]),
        ("catalog.wrong_state", vec![Fact::AuthorizationResumed(pause(""))]),
        (
            "catalog.wrong_state",
            vec![end(AuthorizationEnding::Ended), end(AuthorizationEnding::Ended)],
        ),
        ("catalog.wrong_state", vec![end(AuthorizationEnding::Ended), changed(|_| {})]),
        ("catalog.wrong_state", vec![withdrawn.clone(), withdrawn]),
        (
            "catalog.wrong_state",
            vec![Fact::ProductDelisted(notice("r")), Fact::ProductRevised(Box::new(product(1)))],
        ),
        ("catalog.resource_forbidden", vec![forbidden, changed(|_| {})]),
        ("catalog.field_not_confirmed", vec![confirmed_by(None), changed(|_| {})]),
        ("catalog.field_not_confirmed", vec![confirmed_by(Some(code(2))), changed(|_| {})]),
        (
            "catalog.field_not_confirmed",
            vec![confirmed_by(None), Fact::AuthorizationGranted(authorization(2))],
        ),
        (
            "catalog.beyond_authorization",
            vec![Fact::OrganizationListed(organization(2)), changed(|p| p.operator = code(2))],
        ),
        (
            "catalog.beyond_authorization",
            vec![changed(|p| p.resources.push(number(NumberKind::Resource, 2)))],
        ),
        ("catalog.grade", vec![changed(|p| p.grade = Grade::Important)]),
        ("catalog.grade", vec![graded_up, changed(|_| {})]),
        ("catalog.public_good_priced", vec![ceiling("1"), good]),
        ("catalog.ceiling_missing", vec![paid("0.1")]),
        ("catalog.above_ceiling", vec![ceiling("0.5"), paid("0.500001")]),
        ("catalog.named_twice", vec![changed(|p| p.operations.push(p.operations[0].clone()))]),
        ("catalog.named_twice", vec![changed(|p| p.operations[0].input.push(field("code")))]),
        ("catalog.named_twice", vec![changed(|p| p.operations[0].output.push(field("result")))]),
        ("catalog.named_twice", vec![twice]),
        ("catalog.nothing_allowed", vec![limited(|p| p.calls_per_month_max = 0)]),
        ("catalog.nothing_allowed", vec![limited(|p| p.calls_per_minute_max = 0)]),
        ("catalog.nothing_allowed", vec![limited(|p| p.term_months_max = 0)]),
        ("catalog.shares_not_whole", vec![split(1, &[400_000, 599_999])]),
        ("catalog.shares_not_whole", vec![split(1, &[1_000_000, 0])]),
    ];
    for (code, facts) in table {
        let kind = facts.last().map(Fact::kind);
        assert_eq!(last_code(facts), Some(code), "{kind:?}");
    }
}

/// A version of the split from a month on, of parties with equal shares, with their consents.
fn version(number: u32, from: &str, (parties, consents): (&[u8], &[u8])) -> Fact {
    let share = 1_000_000 / u32::try_from(parties.len()).expect("few");
    let Fact::SplitAgreed(mut split) = split(number, &vec![share; parties.len()]) else {
        unreachable!("a split")
    };
    for (share, party) in split.shares.iter_mut().zip(parties) {
        share.party = code(*party);
    }
    split.from = Period::parse(from).expect("valid");
    split.consents = consents
        .iter()
        .map(|party| Consent {
            party: code(*party), document: "鄞联函〔2026〕1号".to_owned()
        })
        .collect();
    Fact::SplitAgreed(split)
}

/// The entries of these tests are of September 2026.
#[test]
fn a_split_that_reaches_back_needs_the_consent_of_all_it_takes_from() {
    let missing = Some("catalog.consent_missing");
    let sealed = Fact::StatementSealed(StatementSealed {
        period: Period::parse("2026-09").expect("valid"),
        statement_count: 0,
        result_hash: "00".repeat(32),
    });
    let first = version(1, "2026-01", (&[1, 2], &[]));
    for (facts, expected) in [
        (vec![version(2, "2026-09", (&[1], &[]))], None),
        (vec![version(2, "2026-08", (&[1], &[]))], missing),
        (vec![version(2, "2026-08", (&[1], &[1]))], missing),
        (vec![version(2, "2026-08", (&[1], &[1, 2]))], None),
        // Before the first version the operator got everything.
        (vec![version(2, "1999-01", (&[2], &[2]))], missing),
        (vec![version(2, "1999-01", (&[2], &[1, 2]))], None),
        // A version for the future in between takes nobody's right away.
        (vec![version(2, "2026-12", (&[1], &[])), version(3, "2026-05", (&[1], &[1]))], missing),
        (vec![version(2, "2026-12", (&[1], &[])), version(3, "2026-05", (&[1], &[1, 2]))], None),
        // Who was replaced before that month is not asked.
        (vec![version(2, "2026-05", (&[4], &[1, 2])), version(3, "2026-06", (&[1], &[4]))], None),
        // A month whose close is sealed is over, whatever the entry's date says.
        (vec![sealed.clone(), version(2, "2026-09", (&[1], &[]))], missing),
        (vec![sealed, version(2, "2026-10", (&[1], &[]))], None),
    ] {
        let all = [vec![first.clone()], facts].concat();
        assert_eq!(last_code(all.clone()), expected, "{all:?}");
    }
    let mut blank = version(2, "2026-08", (&[1], &[1, 2]));
    if let Fact::SplitAgreed(split) = &mut blank {
        split.consents[0].document = "　".to_owned();
    }
    assert_eq!(last_code(vec![first, blank]), Some("entry.text"));
    let beyond = split(rule::SPLIT_VERSIONS_MAX + 1, &[1_000_000]);
    assert_eq!(last_code(vec![beyond]), Some("entry.malformed"));
}

#[test]
fn no_text_of_an_entry_may_deceive_whoever_reads_it() {
    let name = |zh: &str| Texts { zh: zh.to_owned(), en: "Name".to_owned() };
    let mut table: Vec<(&str, Fact)> = Vec::new();
    for bad in
        ["\u{200b}\u{200b}", "鄞州\u{202e}gnihsihp", "鄞\u{200d}州", "名\u{fe0f}", "\u{3000}a"]
    {
        let mut office = organization(9);
        office.name = name(bad);
        table.push(("entry.text", Fact::OrganizationListed(office)));
        let mut held = resource(2);
        held.fields[0].label = name(bad);
        table.push(("entry.text", Fact::ResourceCataloged(held)));
        let mut held = resource(2);
        bad.clone_into(&mut held.fields[0].confirmed.as_mut().expect("is").document);
        table.push(("entry.text", Fact::ResourceCataloged(held)));
        table.push(("entry.text", changed(|p| p.name = name(bad))));
        table.push(("entry.text", changed(|p| p.contact = bad.to_owned())));
        table.push(("entry.text", changed(|p| p.operations[0].label = name(bad))));
        table.push(("entry.text", limited(|p| p.name = name(bad))));
        let Fact::SplitAgreed(mut body) = split(1, &[1_000_000]) else { panic!("a split") };
        body.shares[0].name = name(bad);
        table.push(("entry.text", Fact::SplitAgreed(body)));
    }
    for bad in ["verify/../../x", "Verify", "核验", "a b", "a'b", ""] {
        table.push(("entry.text", changed(|p| p.operations[0].name = bad.to_owned())));
        table.push(("entry.text", changed(|p| p.operations[0].input[0].name = bad.to_owned())));
        table.push(("entry.text", limited(|p| p.code = bad.to_owned())));
    }
    let blank = Texts { zh: String::new(), en: String::new() };
    table.push(("entry.text", changed(|p| p.name = blank)));
    table.push(("entry.text", changed(|p| p.name = name(&"长".repeat(161)))));
    table.push(("entry.text", Fact::ProductPaused(notice("r\u{202e}"))));
    let zeros = Uscc::known("000000000000000000").expect("its check character fits");
    let mut office = organization(9);
    office.uscc = zeros.clone();
    let mut held = resource(2);
    held.fields[0].confirmed.as_mut().expect("is").by = zeros;
    table.push(("entry.organization_code", Fact::ResourceCataloged(held)));
    table.push(("entry.organization_code", Fact::OrganizationListed(office)));
    for (code, fact) in table {
        let told = format!("{fact:?}");
        assert_eq!(last_code(vec![fact]), Some(code), "{told}");
    }
    let run_on = changed(|p| p.description = name("می\u{200c}خواهم"));
    assert_eq!(last_code(vec![run_on]), None, "running texts may join letters");
}

#[test]
fn no_entry_names_more_than_it_may() {
    use writing::{FIELDS_MAX, OPERATIONS_MAX, PARTIES_MAX, RESOURCES_MAX};
    let fields = |count: usize| (0..count).map(|n| field(&format!("f{n}"))).collect::<Vec<_>>();
    let resources = |count: usize| vec![number(NumberKind::Resource, 1); count];
    let granted = |count| {
        let mut granted = authorization(2);
        granted.resources = resources(count);
        Fact::AuthorizationGranted(granted)
    };
    let cataloged = |count| {
        let mut held = resource(2);
        let named = |n| ResourceField { confirmed: None, ..resource_field(&format!("f{n}")) };
        held.fields = (0..count).map(named).collect();
        Fact::ResourceCataloged(held)
    };
    let offered = |count: usize| {
        changed(|product| {
            let one = product.operations[0].clone();
            let named = |n| Operation { name: format!("o{n}"), ..one.clone() };
            product.operations = (0..count).map(named).collect();
        })
    };
    let asked = |count| changed(|product| product.operations[0].input = fields(count));
    let made = |count| changed(|product| product.resources = resources(count));
    let divided = |count: u32| {
        let each = 1_000_000 / count;
        let mut shares = vec![each; usize::try_from(count).expect("small")];
        shares[0] += 1_000_000 - each * count;
        split(1, &shares)
    };
    let parties = u32::try_from(PARTIES_MAX).expect("small");
    let as_many = [
        granted(RESOURCES_MAX),
        cataloged(FIELDS_MAX),
        offered(OPERATIONS_MAX),
        asked(FIELDS_MAX),
        made(RESOURCES_MAX),
        divided(parties),
    ];
    let one_more = [
        granted(RESOURCES_MAX + 1),
        cataloged(FIELDS_MAX + 1),
        offered(OPERATIONS_MAX + 1),
        asked(FIELDS_MAX + 1),
        made(RESOURCES_MAX + 1),
        divided(parties + 1),
    ];
    for (allowed, refused) in as_many.into_iter().zip(one_more) {
        let kind = allowed.kind();
        assert_eq!(last_code(vec![allowed]), None, "{kind}");
        assert_eq!(last_code(vec![refused]), Some("entry.too_many"), "{kind}");
    }
}

#[test]
fn a_regrade_record_lets_a_grade_fall_and_a_later_rise_stops_without_one() {
    let mut held = resource(1);
    held.grade = Grade::L3;
    let regraded = changed(|p| {
        p.regrade = Some(Regrade {
            method: RegradeMethod::Aggregated,
            reviewer: code(1),
            evidence: "E".to_owned(),
        });
    });
    let catalog = folded(ready().into_iter().chain([
        Fact::ResourceRevised(held),
        regraded,
        Fact::ProductListed(notice("")),
    ]));
    assert!(catalog.quarantined().is_empty(), "{:?}", catalog.quarantined());
    let code_of = |sequence| standing_of(&catalog, sequence, NodeStanding::Active).code;
    assert_eq!(code_of(1), "product.resource_regraded");
    assert_eq!(code_of(2), "product.not_listed");
}

fn standing_of(catalog: &Catalog, sequence: u32, node: NodeStanding) -> Standing {
    let origin = origin("yinzhou");
    let find = |key| catalog.objects().get(&key);
    let product_key = ObjectKey::product(&number(NumberKind::Product, sequence), &origin);
    let Some(Object::Product(state)) = find(product_key) else { panic!("no product") };
    let authorization = match find(ObjectKey::authorization(&state.product.authorization, &origin))
    {
        Some(Object::Authorization(held)) => Some(held),
        _ => None,
    };
    let operator = match find(ObjectKey::organization(&state.product.operator, &origin)) {
        Some(Object::Organization(held)) => Some(held),
        _ => None,
    };
    let resources: Vec<ResourceState> = state
        .product
        .resources
        .iter()
        .filter_map(|held| match find(ObjectKey::resource(held, &origin)) {
            Some(Object::Resource(held)) => Some(held.clone()),
            _ => None,
        })
        .collect();
    let links = Links { authorization, resources: &resources, operator, node };
    let day = Date::parse("2026-06-01").expect("valid").start();
    standing(state, &links).at(day, state, authorization)
}

#[test]
fn every_broken_link_stops_a_listed_product() {
    use NodeStanding::{Active, Forked, Inactive};
    let listed = || ready().into_iter().chain([Fact::ProductListed(notice(""))]);
    let check = |facts: Vec<Fact>, node: NodeStanding| {
        let standing = standing_of(&folded(listed().chain(facts)), 1, node);
        (standing.status, standing.code)
    };
    assert_eq!(check(vec![], Active), (ProductStatus::Listed, ""));
    assert_eq!(check(vec![], Inactive), (ProductStatus::Stopped, "product.member_suspended"));
    assert_eq!(check(vec![], Forked), (ProductStatus::Frozen, "product.log_forked"));
    assert_eq!(
        check(vec![Fact::OrganizationWithdrawn(organization(1))], Active),
        (ProductStatus::Stopped, "product.operator_withdrawn")
    );
    assert_eq!(
        check(vec![Fact::AuthorizationSuspended(pause("r"))], Active).1,
        "product.authorization_suspended"
    );
    assert_eq!(
        check(vec![end(AuthorizationEnding::Terminated)], Active).1,
        "product.authorization_ended"
    );
    assert_eq!(check(vec![confirmed_by(None)], Active).1, "product.resource_unconfirmed");
    let catalog = folded(listed());
    let Some(Object::Product(state)) = catalog
        .objects()
        .get(&ObjectKey::product(&number(NumberKind::Product, 1), &origin("yinzhou")))
    else {
        panic!("no product")
    };
    let granted = AuthorizationState {
        authorization: authorization(1),
        status: AuthorizationStatus::Active,
        reason: String::new(),
    };
    for (day, code) in [
        ("2025-12-31", "product.authorization_not_begun"),
        ("2026-01-01", ""),
        ("2026-12-31", ""),
        ("2027-01-01", "product.authorization_expired"),
    ] {
        let listed = Standing { status: ProductStatus::Listed, code: "", reason: String::new() };
        let day = Date::parse(day).expect("valid").start();
        assert_eq!(listed.at(day, state, Some(&granted)).code, code, "{day}");
    }
}

fn any_fact() -> impl Strategy<Value = Fact> {
    let two = 1_u32..=2;
    prop_oneof![
        (1_u8..=2).prop_map(|n| Fact::OrganizationListed(organization(n))),
        two.clone().prop_map(|n| Fact::ResourceCataloged(resource(n))),
        (two.clone(), any::<bool>()).prop_map(|(n, forbidden)| {
            let mut held = resource(n);
            held.forbidden = forbidden;
            Fact::ResourceRevised(held)
        }),
        two.clone().prop_map(|n| Fact::AuthorizationGranted(authorization(n))),
        two.clone().prop_map(|n| Fact::ProductRegistered(Box::new(product(n)))),
        two.clone().prop_map(|n| Fact::ProductRevised(Box::new(product(n)))),
        Just(Fact::ProductListed(notice(""))),
        Just(Fact::ProductPaused(notice("r"))),
        Just(Fact::ProductResumed(notice(""))),
        Just(Fact::AuthorizationSuspended(pause("r"))),
        Just(Fact::AuthorizationResumed(pause(""))),
        Just(end(AuthorizationEnding::Ended)),
        prop_oneof![Just("0.1"), Just("1")].prop_map(ceiling),
        (1_u32..=3).prop_map(|version| split(version, &[500_000, 500_000])),
        prop_oneof![Just("0.1"), Just("0.9")].prop_map(|yuan| {
            Fact::PlanPublished(plan(
                &format!("p{}", yuan.len()),
                Purpose::Industry,
                per_call(yuan),
            ))
        }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_order_of_arrival_gives_the_same_catalog(
        logs in proptest::collection::vec(proptest::collection::vec(any_fact(), 0..24), 1..4),
        turns in proptest::collection::vec(0_usize..3, 0..80),
    ) {
        let names = ["yinzhou", "haishu", "ningbo"];
        let logs: Vec<(Origin, Vec<Vec<u8>>)> = logs
            .into_iter()
            .zip(names)
            .map(|(facts, name)| (origin(name), facts.into_iter().map(bytes).collect()))
            .collect();
        let mut one_by_one = Catalog::default();
        for (origin, entries) in &logs {
            for (index, entry) in (0..).zip(entries) {
                one_by_one.apply(origin, index, &division(), entry);
            }
        }
        let mut shuffled = Catalog::default();
        let mut next = [0_usize; 3];
        let rest = (0..logs.len()).flat_map(|place| std::iter::repeat_n(place, 24));
        for place in turns.into_iter().chain(rest) {
            let Some((origin, entries)) = logs.get(place) else { continue };
            let Some(entry) = entries.get(next[place]) else { continue };
            let index = u64::try_from(next[place]).expect("small");
            shuffled.apply(origin, index, &division(), entry);
            next[place] += 1;
        }
        prop_assert_eq!(shuffled.digest(), one_by_one.digest());
        prop_assert_eq!(shuffled, one_by_one);
    }

    #[test]
    fn what_is_stored_of_an_object_reads_back_and_needs_name_all_it_takes(
        facts in proptest::collection::vec(any_fact(), 0..40),
    ) {
        let mut known = Known::new();
        let origin = origin("yinzhou");
        for (index, fact) in (0..).zip(facts) {
            let entry = read_entry(&bytes(fact)).expect("own entry");
            let located = Located { origin: &origin, index, division: &division() };
            let whole = decide(&entry, &located, &known);
            let needed = needs(&entry.fact, &origin);
            let asked: Known = needed
                .iter()
                .cloned()
                .filter_map(|key| known.get(&key).map(|object| (key, object.clone())))
                .collect();
            prop_assert_eq!(&decide(&entry, &located, &asked), &whole);
            for change in whole.unwrap_or_default() {
                prop_assert!(needed.contains(&change.key), "{}", change.key);
                let read = Object::from_text(&change.object.to_text()).expect("own text");
                prop_assert_eq!(&read, &change.object);
                known.insert(change.key, change.object);
            }
        }
    }

    #[test]
    fn garbage_never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let mut catalog = Catalog::default();
        catalog.apply(&origin("yinzhou"), 0, &division(), &bytes);
        prop_assert_eq!(catalog.objects().len(), 0);
    }
}
