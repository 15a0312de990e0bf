//! Tests of the publishing file: the example is published, each mistake is told at its line.

use lianshi_registry::{
    catalog::Known,
    id::{DivisionCode, NumberKind, Origin, RegistrationNumber},
    refusal::Refusal as _,
    time::{Date, Period, Timestamp},
};

use super::{Decision, FreshNumbers, PublishRefusal, Publisher, decide, wanted};

const EXAMPLE: &str = include_str!("../../../docs/examples/division-code.toml");

fn origin() -> Origin {
    Origin::parse("ningbo.example/yinzhou/1").expect("valid")
}

fn day() -> Timestamp {
    Date::parse("2026-11-21").expect("valid").start()
}

fn publish_in(text: &str, division: &str) -> Result<Decision, PublishRefusal> {
    publish_at(text, division, day())
}

fn publish_at(text: &str, division: &str, now: Timestamp) -> Result<Decision, PublishRefusal> {
    publish_after(text, division, (now, None))
}

/// Publishes at a moment, with the months closed up to one.
fn publish_after(
    text: &str,
    division: &str,
    (now, closed_to): (Timestamp, Option<Period>),
) -> Result<Decision, PublishRefusal> {
    let division = DivisionCode::parse(division).expect("valid");
    let origin = origin();
    let publisher = Publisher {
        origin: &origin,
        division: &division,
        next_index: 0,
        by: "yinzhou",
        now,
        closed_to,
    };
    let mut numbers = FreshNumbers::new();
    for (kind, count) in wanted(text, &origin)?.numbers {
        let fresh = (1..=count)
            .map(|n| RegistrationNumber::new(&division, kind, 2026, n).expect("fits"))
            .collect();
        numbers.insert(kind, fresh);
    }
    decide(text, &publisher, Known::new(), &numbers)
}

fn publish(text: &str) -> Result<Decision, PublishRefusal> {
    publish_in(text, "330212")
}

/// Publishes the example with one text replaced and tells the codes found, each with whether it is
/// told at the line of the replaced text.
fn codes(old: &str, new: &str) -> Vec<(String, usize)> {
    assert!(EXAMPLE.contains(old), "{old}");
    let refusal = publish(&EXAMPLE.replacen(old, new, 1)).expect_err(new);
    refusal.findings.into_iter().map(|finding| (finding.code, finding.line)).collect()
}

fn line_of(text: &str) -> usize {
    EXAMPLE.lines().position(|line| line.contains(text)).expect(text) + 1
}

#[test]
fn the_example_is_published_whole() {
    let decision = publish(EXAMPLE).expect("lawful");
    let kinds: Vec<&str> = decision.entries.iter().map(|entry| entry.fact.kind()).collect();
    assert_eq!(
        kinds,
        [
            "organization.listed",
            "organization.listed",
            "organization.listed",
            "resource.cataloged",
            "authorization.granted",
            "product.registered",
            "ceiling.filed",
            "split.agreed",
            "plan.published",
            "plan.published",
            "product.listed",
        ]
    );
    assert_eq!(wanted(EXAMPLE, &origin()).expect("TOML").numbers[&NumberKind::Product], 1);
}

#[test]
fn nothing_is_published_on_a_day_without_rules() {
    // A machine whose clock lost its battery wakes up in 1970.
    let refusal = publish_at(EXAMPLE, "330212", Timestamp::default()).expect_err("lawless");
    let first = &refusal.findings[0];
    assert_eq!(first.code, "publish.no_rules");
    assert!(first.message.contains("1970-01-01") && first.message.contains("clock"), "{first}");
}

/// A month that is over is not begun in by the operator alone, closed or not; neither is one that
/// was closed before the clock was set back.
#[test]
fn a_split_begins_in_no_month_that_is_over_or_closed_without_consent() {
    let consent = EXAMPLE.find("[[product.split.consent]]").expect("there");
    let share = EXAMPLE.find("[[product.split.share]]").expect("there");
    let alone = [&EXAMPLE[..consent], &EXAMPLE[share..]].concat();
    for (closed_to, from, needs_consent) in [
        (None, "2026-10", true),
        (None, "2026-11", false),
        (Some("2026-08"), "2026-09", true),
        (Some("2026-08"), "2026-10", true),
        (Some("2026-10"), "2026-11", false),
        (Some("2026-11"), "2026-11", true),
        (Some("2026-11"), "2026-12", false),
    ] {
        let text = alone.replacen("from = \"2026-01\"", &format!("from = \"{from}\""), 1);
        let closed_to = closed_to.map(|month| Period::parse(month).expect("a month"));
        let decided = publish_after(&text, "330212", (day(), closed_to));
        let codes: Vec<String> = decided
            .err()
            .into_iter()
            .flat_map(|refusal| refusal.findings)
            .map(|finding| finding.code)
            .collect();
        let expected: &[&str] = if needs_consent { &["guard.consent_missing"] } else { &[] };
        assert_eq!(codes, expected, "from {from}, closed to {closed_to:?}");
    }
}

#[test]
fn each_mistake_is_told_with_its_code_at_its_line() {
    let table = [
        ("confirmed = true", "confirmed = false", "guard.field_not_confirmed", "resources = ["),
        ("row_count = 6974", "row_count = 6974\nforbidden = true", "guard.resource_forbidden", ""),
        ("grade = \"l1\"", "grade = \"important\"", "guard.grade_too_high", ""),
        ("grade = \"l1\"", "grade = \"l2\"", "guard.grade_below_input", ""),
        ("until = 2028-12-31", "until = 2029-01-02", "guard.term_too_long", "until = 2028-12-31"),
        ("until = 2028-12-31", "until = 2025-12-31", "guard.term_empty", "until = 2028-12-31"),
        ("emergency_plan = \"鄞数应〔2026〕1号(示例)\"", "", "guard.emergency_plan_missing", ""),
        ("agreement = \"鄞数授〔2026〕1号(示例)\"", "", "guard.agreement_missing", ""),
        ("form = \"verification\"", "form = \"raw_table\"", "guard.form_not_allowed", "form = "),
        ("security_assessment = ", "#", "guard.security_assessment_missing", ""),
        ("export_review = ", "#", "guard.export_review_missing", ""),
        (
            "valid_until = 2028-12-31",
            "valid_until = 2030-01-01",
            "guard.validity_too_long",
            "valid_until",
        ),
        (
            "charge = { model = \"free\" }",
            "charge = { model = \"flat_monthly\", price = \"1\" }",
            "guard.public_good_priced",
            "model = \"free\"",
        ),
        ("price = \"0.50\"", "price = \"0.81\"", "guard.price_above_ceiling", "price = \"0.50\""),
        ("unit = \"call\"", "unit = \"month\"", "guard.ceiling_missing", ""),
        ("percent = \"25\"", "percent = \"24.9999\"", "guard.shares_not_whole", ""),
        (
            "party = \"91330212MA2DEM0026\"\ndocument",
            "party = \"91330203MA2DEM004B\"\ndocument",
            "guard.consent_missing",
            "from = \"2026-01\"",
        ),
        (
            "authorization = \"place-names\"",
            "authorization = \"330212-A-2026-0000009-P\"",
            "guard.authorization_absent",
            "",
        ),
        (
            "resources = [\"division-list\"]",
            "resources = [\"unknown\"]",
            "publish.unknown_reference",
            "resources = [",
        ),
        (
            "division = \"330212\"",
            "division = \"330204\"",
            "publish.division_not_listed",
            "division = \"330212\"",
        ),
        (
            "uscc = \"11330212MB1DEM0017\"",
            "uscc = \"11330212MB1DEM0018\"",
            "publish.malformed",
            "11330212MB1DEM0017",
        ),
        ("kind = \"authority\"", "kind = \"provider\"", "publish.grantor", "grantor"),
        ("sector = \"governance\"", "sector = \"gossip\"", "publish.unknown_word", "sector"),
        ("technique = \"lookup\"", "technique = \"magic\"", "publish.unknown_word", "technique"),
        ("row_count = 6974", "row_count = -1", "publish.wrong_type", "row_count"),
        ("row_count = 6974", "rows = 6974", "publish.unknown_field", "row_count"),
        ("contact = \"service@yinlian.example\"", "", "publish.missing", ""),
        ("en = \"Per call\"", "en = \" \"", "publish.empty", "Per call"),
        ("row_count = 6974", "row_count = ", "publish.syntax", "row_count"),
        ("en = \"Per call\"", "en = \"Per\u{202e}llac\"", "publish.direction", "Per call"),
        ("en = \"Per call\"", "en = \"Per\u{200b}call\"", "publish.invisible", "Per call"),
        ("en = \"Per call\"", "en = \"\\u0000\"", "publish.control_characters", "Per call"),
        ("name = \"code\"", "name = \"first_listed\"", "publish.named_twice", "\"first_listed\""),
        ("name = \"valid\"", "name = \"result\"", "publish.named_twice", "\"valid\""),
        ("calls_per_month_max = 10000", "calls_per_month_max = 0", "publish.nothing_allowed", ""),
        ("calls_per_minute_max = 60", "calls_per_minute_max = 0", "publish.nothing_allowed", ""),
        ("term_months_max = 12", "term_months_max = 0", "publish.nothing_allowed", "term_months"),
        ("subjects_max = 2000", "subjects_max = 0", "publish.nothing_allowed", "subjects_max"),
        (
            "uscc = \"12330212MB1DEM005G\"",
            "uscc = \"000000000000000000\"",
            "publish.malformed",
            "uscc = \"12330212MB1DEM005G\"",
        ),
        ("key = \"place-names\"", "key = \"Place\"", "publish.malformed", ""),
        ("name = \"奉化市\", ", "", "publish.missing", "example = "),
        ("code = \"330283\"", "town = \"x\"", "publish.unknown_field", "example = "),
        ("code = \"330283\"", "code = 330283", "publish.wrong_type", "example = "),
        ("example = ", "# ", "publish.missing", ""),
        ("[\"state_organ\"", "[\"enterprise\"", "guard.qualifies_trade", "qualifies = "),
        ("[\"state_organ\"", "[\"friends\"", "publish.unknown_word", "qualifies = "),
        ("qualifies = ", "# ", "guard.public_good_unreviewed", "automatic_approval"),
    ];
    for (old, new, code, line_text) in table {
        let found = codes(old, new);
        let told = found.iter().find(|(found, _)| found == code);
        let (_, line) = told.unwrap_or_else(|| panic!("{new}: {found:?}"));
        if !line_text.is_empty() {
            assert_eq!(*line, line_of(line_text), "{new}: {found:?}");
        }
    }
}

#[test]
fn two_operations_of_one_name_are_told_at_the_second() {
    let from = EXAMPLE.find("[[product.operation]]").expect("an operation");
    let to = EXAMPLE.find("[product.guard]").expect("a guard");
    let again = &EXAMPLE[from..to];
    let text = EXAMPLE.replacen("[product.guard]", &format!("{again}\n[product.guard]"), 1);
    let refusal = publish(&text).expect_err("twice");
    let codes: Vec<&str> = refusal.findings.iter().map(|f| f.code.as_str()).collect();
    assert_eq!(codes, ["publish.named_twice"], "{refusal}");
    assert_eq!(refusal.findings[0].line, line_of("[product.guard]") + 1, "{refusal}");
}

#[test]
fn at_most_fifty_mistakes_are_told_and_the_others_counted() {
    let refusal = publish(&"[[organization]]\n".repeat(30)).expect_err("120 mistakes");
    assert_eq!((refusal.findings.len(), refusal.more), (super::FINDINGS_MAX, 70));
    assert!(refusal.to_string().ends_with("… and 70 more\n"), "{refusal}");
}

#[test]
fn a_name_is_no_description() {
    let long = format!("name = {{ zh = \"{}\", en = \"Name\" }}", "名".repeat(161));
    let old = "name = { zh = \"行政区划代码核验\", en = \"Division code verification\" }";
    assert_eq!(codes(old, &long)[0].0, "publish.too_long");
}

#[test]
fn all_mistakes_are_told_at_once_and_cite_their_rules() {
    let text = EXAMPLE
        .replacen("until = 2028-12-31", "until = 2031-12-31", 1)
        .replacen("price = \"0.50\"", "price = \"0.90\"", 1)
        .replacen("row_count = 6974", "row_count = 6974\ncolour = \"red\"", 1);
    let refusal = publish(&text).expect_err("three mistakes");
    let codes: Vec<&str> = refusal.findings.iter().map(|f| f.code.as_str()).collect();
    assert!(codes.contains(&"publish.unknown_field"), "{codes:?}");
    assert!(codes.contains(&"guard.term_too_long"), "{codes:?}");
    assert!(codes.contains(&"guard.price_above_ceiling"), "{codes:?}");
    assert!(refusal.rule().expect("cited").starts_with("330200-2023"), "{refusal}");
}

#[test]
fn the_strictest_ruleset_bounds_the_term() {
    let long =
        EXAMPLE.replace("330212", "440311").replacen("until = 2028-12-31", "until = 2029-01-02", 1);
    // The codes inside the file change with the division, so only the term's finding matters.
    let refusal = publish_in(&long, "440311").expect_err("3 years and a day");
    let found = refusal.findings.iter().any(|finding| finding.code == "publish.malformed");
    assert!(found, "{refusal}");
    let refusal =
        publish_in(&EXAMPLE.replacen("until = 2028-12-31", "until = 2029-01-02", 1), "440311")
            .expect_err("3 years and a day");
    let term = refusal.findings.iter().find(|f| f.code == "guard.term_too_long").expect("told");
    assert!(term.rule.as_deref().expect("cited").starts_with("440311-2024"), "{refusal}");
    let national = EXAMPLE.replacen("until = 2028-12-31", "until = 2030-12-31", 1);
    publish_in(&national, "640104").expect("five years are allowed by the national rules");
}

#[test]
fn garbage_never_panics() {
    for text in
        ["", "=", "[[product]]", "[[product]]\nnumber = 5", "product = 3", "[[act]]\ndo = 1"]
    {
        assert!(publish(text).is_err(), "{text}");
    }
    for end in (0..EXAMPLE.len()).step_by(97) {
        if let Some(part) = EXAMPLE.get(..end) {
            let _ = publish(part);
        }
    }
}
