//! A close is a function: exact, repeatable, and sensitive to every input.

use lianshi_registry::{
    entry::{Charge, Share, ShareRole, Split, SplitBase, Texts},
    id::NumberKind,
    price::Price,
    uscc,
};
use proptest::prelude::*;

use lianshi_registry::{
    entry::{Plan, Purpose},
    id::{DivisionCode, NodeName},
    time::Timestamp,
};

use super::*;
use crate::{
    ledger::{Account, Transfer},
    rating::{Count, LateUsage},
    term,
};

pub(super) fn texts(text: &str) -> Texts {
    Texts { zh: text.to_owned(), en: text.to_owned() }
}

pub(super) fn period() -> Period {
    Period::parse("2026-10").expect("month")
}

pub(super) fn node(name: &str) -> NodeName {
    NodeName::parse(name).expect("label")
}

fn division() -> DivisionCode {
    DivisionCode::parse("330212").expect("six digits")
}

pub(super) fn product(sequence: u32) -> RegistrationNumber {
    RegistrationNumber::new(&division(), NumberKind::Product, 2026, sequence).expect("fits")
}

fn code(index: u32) -> Uscc {
    uscc::complete(&format!("91330200MA2TEQT{index:02}")).expect("seventeen characters")
}

fn inputs() -> Inputs {
    Inputs::new(node("yinzhou"), division(), period(), 99)
}

pub(super) fn subject(id: u32, charge: Charge, units: u64) -> Subject {
    let product = product(1 + id % 3);
    let usage = Usage::from([("verify".to_owned(), Count::of_month(&charge, units))]);
    Subject {
        subscription: format!("S-{id:05}"),
        agreement_hash: "00".repeat(32),
        home: node("haishu"),
        buyer: code(50),
        buyer_name: "海曙甲示例公司".to_owned(),
        operator: code(1),
        product: product.clone(),
        plan: Plan {
            product,
            code: "standard".to_owned(),
            name: texts("标准版"),
            purpose: Purpose::Industry,
            charge,
            calls_per_month_max: 1_000_000,
            calls_per_minute_max: 600,
            term_months_max: 12,
            automatic_approval: true,
            qualifies: Vec::new(),
        },
        purpose: Purpose::Industry,
        starts_at: period().start(),
        ends_at: period().end(),
        usage,
        late: Vec::new(),
        owed: Vec::new(),
    }
}

pub(super) fn per_call(micro: i64) -> Charge {
    Charge::PerCall { price: Price::from_micro(micro).expect("in range"), included_calls: 10 }
}

fn agreement(product: &RegistrationNumber) -> SplitAgreement {
    let share = |index, share_ppm| Share {
        party: code(index),
        name: texts("甲"),
        role: ShareRole::Provider,
        node: node("ningbo"),
        share_ppm,
    };
    SplitAgreement::from_split(&Split {
        product: product.clone(),
        version: 1,
        from: period(),
        base: SplitBase::Invoiced,
        consents: Vec::new(),
        shares: vec![share(1, 333_300), share(2, 333_300), share(3, 333_400)],
    })
    .expect("a whole")
}

pub(super) fn close(subjects: &[Subject]) -> (Vec<Issued>, Vec<Divided>, Outcome) {
    let mut run = Run::begin(inputs());
    let issued: Vec<Issued> =
        subjects.iter().filter_map(|subject| run.rate(subject).expect("rated")).collect();
    let divided = run
        .takings()
        .iter()
        .map(|takings| {
            run.divide(takings, &agreement(&takings.product), Amount::ZERO).expect("divided")
        })
        .collect();
    (issued, divided, run.finish())
}

#[test]
fn a_period_without_usage_closes_to_nothing() {
    let (issued, divided, outcome) = close(&[subject(1, per_call(500_000), 0)]);
    assert!(issued.is_empty() && divided.is_empty());
    assert_eq!((outcome.statement_count, outcome.total), (0, Amount::ZERO));
}

#[test]
fn statements_are_numbered_without_gaps_and_skip_who_used_nothing() {
    let subjects: Vec<Subject> =
        (0..5).map(|id| subject(id, per_call(500_000), if id == 2 { 0 } else { 20 })).collect();
    let (issued, _, outcome) = close(&subjects);
    let numbers: Vec<&str> = issued.iter().map(|i| i.document.number.as_str()).collect();
    assert_eq!(
        numbers,
        [
            "ST-330212-202610-0000001",
            "ST-330212-202610-0000002",
            "ST-330212-202610-0000003",
            "ST-330212-202610-0000004",
        ]
    );
    assert_eq!((outcome.statement_count, outcome.calls), (4, 80));
    assert_eq!(outcome.total, Amount::from_fen(4 * 500));
}

#[test]
fn a_free_statement_posts_nothing_and_is_not_divided() {
    let (issued, divided, _) = close(&[subject(1, Charge::Free, 7)]);
    assert_eq!(issued.len(), 1);
    assert_eq!(issued[0].document.transfer(), Ok(None));
    assert!(divided.is_empty());
}

#[test]
fn a_month_of_the_term_is_billed_in_the_period_it_begins_in() {
    let flat = Charge::FlatMonthly { price: Price::parse("100").expect("price") };
    let base = Subject { usage: Usage::new(), ..subject(1, flat, 0) };
    let minus = |time: Timestamp| time.plus_millis(-1);
    let (start, end) = (period().start(), period().end());
    for (starts_at, ends_at, billed) in [
        (start, end, true),
        (minus(end), end.plus_millis(1), true),
        (minus(start), start, false),
        // Begun on the last day of the period before, whose month reaches into this one.
        (minus(start), term::end(minus(start), 1), false),
        (minus(start), term::end(minus(start), 1).plus_millis(1), true),
        (end, end.plus_millis(1), false),
        (start, start, false),
    ] {
        let subject = Subject { starts_at, ends_at, ..base.clone() };
        assert_eq!(close(&[subject]).0.len(), usize::from(billed), "{starts_at} to {ends_at}");
    }
}

/// What a division posts in the close of the period.
fn posted(divided: &Divided) -> Vec<Transfer> {
    divided.document.transfers(period()).expect("posted")
}

#[test]
fn a_statement_taken_as_recorded_comes_to_the_same() {
    let subjects = [subject(0, per_call(500_000), 20), subject(1, per_call(500_000), 30)];
    let (issued, _, _) = close(&subjects);
    let (mut rated, mut taken) = (Run::begin(inputs()), Run::begin(inputs()));
    for (subject, issued) in subjects.iter().zip(&issued) {
        rated.rate(subject).expect("rated");
        assert!(taken.take_recorded(&issued.document));
    }
    assert!(!Run::begin(inputs()).take_recorded(&issued[1].document), "a number is missing");
    assert_eq!(taken.takings(), rated.takings());
    assert_eq!(taken.finish().result_hash, rated.finish().result_hash);
}

#[test]
fn every_posting_balances_and_clearing_returns_to_zero() {
    let subjects: Vec<Subject> =
        (0..30).map(|id| subject(id, per_call(7_777), 10 + u64::from(id))).collect();
    let (issued, divided, outcome) = close(&subjects);
    let mut balances: BTreeMap<Account, i64> = BTreeMap::new();
    let transfers = issued
        .iter()
        .filter_map(|issued| issued.document.transfer().expect("posted"))
        .chain(divided.iter().flat_map(posted));
    for transfer in transfers {
        *balances.entry(transfer.debit().clone()).or_default() += transfer.amount().fen();
        *balances.entry(transfer.credit().clone()).or_default() -= transfer.amount().fen();
    }
    assert_eq!(balances.values().sum::<i64>(), 0);
    assert_eq!(balances[&Account::SplitClearing], 0);
    assert_eq!(balances[&Account::Receivable(code(50))], outcome.total.fen());
    let payable: i64 = (1..4).map(|index| balances[&Account::Payable(code(index))]).sum();
    assert_eq!(-payable, outcome.total.fen());
}

#[test]
fn every_input_is_in_the_hash() {
    let subjects = [subject(0, per_call(500_000), 20), subject(1, per_call(500_000), 30)];
    let hash = close(&subjects).2.result_hash;
    assert_eq!(close(&subjects).2.result_hash, hash);
    let mut more = subjects.clone();
    more[1].usage.insert("list".to_owned(), Count { calls: 1, units: 0 });
    assert_ne!(close(&more).2.result_hash, hash);
    let mut dearer = subjects.clone();
    dearer[0].plan.charge = per_call(500_001);
    assert_ne!(close(&dearer).2.result_hash, hash);
    let mut other = Run::begin(Inputs { ingest_to: 100, ..inputs() });
    for subject in &subjects {
        other.rate(subject).expect("rated");
    }
    assert_ne!(other.finish().result_hash, hash);
}

#[test]
fn a_product_that_changed_hands_is_divided_once_and_booked_for_both() {
    let mut second = subject(3, per_call(500_000), 20);
    second.operator = code(2);
    let (_, divided, outcome) = close(&[subject(0, per_call(500_000), 30), second]);
    let document = &divided[0].document;
    assert_eq!((divided.len(), document.base), (1, outcome.total));
    let booked: Vec<i64> = document.by_operator.values().map(|amount| amount.fen()).collect();
    assert_eq!(booked, [1000, 500]);
    let posted = posted(&divided[0]);
    let ids: std::collections::BTreeSet<&str> = posted.iter().map(Transfer::id).collect();
    assert_eq!(ids.len(), posted.len());
}

#[test]
fn documents_read_back_and_what_does_not_add_up_is_refused() {
    let (issued, divided, _) = close(&[subject(0, per_call(500_000), 31)]);
    let statement = &issued[0];
    assert_eq!(StatementDocument::read(statement.text.as_bytes()), Ok(statement.document.clone()));
    assert_eq!(DivisionDocument::read(divided[0].text.as_bytes()), Ok(divided[0].document.clone()));
    let mut wrong = statement.document.clone();
    wrong.total = Amount::from_fen(1);
    assert!(matches!(
        StatementDocument::read(wrong.seal_text().0.as_bytes()),
        Err(DocumentError::Sum(_))
    ));
    let mut newer = statement.document.clone();
    newer.v = 2;
    assert_eq!(
        StatementDocument::read(newer.seal_text().0.as_bytes()),
        Err(DocumentError::Version(2))
    );
    let mut shifted = divided[0].document.clone();
    shifted.parts[0].amount = Amount::from_fen(shifted.parts[0].amount.fen() + 1);
    shifted.parts[1].amount = Amount::from_fen(shifted.parts[1].amount.fen() - 1);
    assert!(matches!(
        DivisionDocument::read(shifted.seal_text().0.as_bytes()),
        Err(DocumentError::Sum(_))
    ));
    for (count, fits) in [(PARTS_MAX, true), (PARTS_MAX + 1, false)] {
        let share = 1_000_000 / u32::try_from(count).expect("small");
        let mut split = Split {
            product: product(1),
            version: 1,
            from: period(),
            base: SplitBase::Invoiced,
            consents: Vec::new(),
            shares: (0..count)
                .map(|index| Share {
                    party: uscc::complete(&format!("91330200MA2TEQ{index:03}")).expect("digits"),
                    name: texts("甲"),
                    role: ShareRole::Provider,
                    node: node("ningbo"),
                    share_ppm: share,
                })
                .collect(),
        };
        split.shares[0].share_ppm += 1_000_000 - share * u32::try_from(count).expect("small");
        let agreed = SplitAgreement::from_split(&split).expect("a whole");
        let mut run = Run::begin(inputs());
        run.rate(&subject(0, per_call(500_000), 31)).expect("rated");
        let takings = run.takings().remove(0);
        // What nobody would read is not made either.
        let divided = run.divide(&takings, &agreed, Amount::ZERO);
        assert_eq!(divided.is_ok(), fits, "{count} parts");
        let read = divided.map(|divided| DivisionDocument::read(divided.text.as_bytes()));
        assert!(read.is_err() || read.is_ok_and(|read| read.is_ok()), "{count} parts");
    }
    let spaced = statement.text.replacen(':', ": ", 1);
    for bad in [spaced.as_str(), "", "{}", "[]", "null"] {
        assert!(matches!(
            StatementDocument::read(bad.as_bytes()),
            Err(DocumentError::Malformed(_))
        ));
    }
}

#[test]
fn one_absurd_subscription_is_an_error_and_leaves_the_run_as_it_was() {
    let dear = |units| subject(1, per_call(1_000_000_000_000), units);
    let others = [subject(0, per_call(500_000), 20), subject(2, per_call(500_000), 30)];
    let mut run = Run::begin(inputs());
    run.rate(&others[0]).expect("rated");
    assert!(matches!(run.rate(&dear(u64::MAX)), Err(CloseError::Money { .. })));
    assert!(matches!(run.rate(&dear(100_000_000)), Err(CloseError::TooMuch { .. })));
    let mut long = others[0].clone();
    long.usage = (0..501).map(|n| (format!("o{n}"), Count { calls: 1, units: 1 })).collect();
    assert!(matches!(run.rate(&long), Err(CloseError::Lines { lines: 501, .. })));
    run.rate(&others[1]).expect("rated");
    let hash = run.clone().finish().result_hash;
    let mut undisturbed = Run::begin(inputs());
    for subject in &others {
        undisturbed.rate(subject).expect("rated");
    }
    assert_eq!(run.takings(), undisturbed.takings());
    assert_eq!(hash, undisturbed.finish().result_hash);
    run.park(Parked::statement((period(), None), "S-00001", (ParkReason::Amount, "too dear")));
    assert_ne!(run.finish().result_hash, hash, "what was set aside is part of the result");
}

#[test]
fn a_month_set_aside_is_owed_with_its_fee() {
    let flat = Charge::FlatMonthly { price: Price::parse("100").expect("price") };
    let mut subject = subject(1, flat, 3);
    let owed = LateUsage {
        period: period().previous(),
        fee_due: true,
        before: Usage::new(),
        now: Usage::from([("verify".to_owned(), Count { calls: 2, units: 2 })]),
    };
    subject.owed = vec![owed];
    let (issued, _, outcome) = close(&[subject.clone()]);
    let document = &issued[0].document;
    let kinds: Vec<&str> = document.lines.iter().map(|line| line.kind.as_str()).collect();
    assert_eq!(kinds, ["monthly_fee", "calls", "late_fee", "late_calls"]);
    assert_eq!((document.total, outcome.calls), (Amount::from_fen(20_000), 5));
}

#[test]
fn a_division_set_aside_keeps_its_period_and_is_posted_in_this_one() {
    let mut run = Run::begin(inputs());
    run.rate(&subject(0, per_call(500_000), 30)).expect("rated");
    let now = run.takings().remove(0);
    let earlier = Takings { period: period().previous(), ..now.clone() };
    let agreed = agreement(&now.product);
    let first = run.divide(&earlier, &agreed, Amount::ZERO).expect("divided");
    let second = run.divide(&now, &agreed, earlier.earned.base).expect("divided");
    assert_eq!(first.document.period, period().previous());
    assert_eq!(first.document.stretch().map(|(_, to)| to), Some(earlier.earned.base));
    let posted = [posted(&first), posted(&second)].concat();
    assert!(posted.iter().all(|transfer| transfer.period() == period()));
    let ids: std::collections::BTreeSet<&str> = posted.iter().map(Transfer::id).collect();
    assert_eq!(ids.len(), posted.len());
}

proptest! {
    #[test]
    fn statements_lines_and_parts_all_sum(
        units in proptest::collection::vec(0_u64..10_000, 1..20),
        micro in 0_i64..1_000_000,
    ) {
        let subjects: Vec<Subject> = (0_u32..)
            .zip(units)
            .map(|(id, units)| subject(id, per_call(micro), units))
            .collect();
        let (issued, divided, outcome) = close(&subjects);
        let stated = Amount::sum(issued.iter().map(|i| i.document.total)).expect("small");
        prop_assert_eq!(stated, outcome.total);
        let bases = Amount::sum(divided.iter().map(|d| d.document.base)).expect("small");
        prop_assert_eq!(bases, outcome.total);
        for issued in &issued {
            prop_assert!(StatementDocument::read(issued.text.as_bytes()).is_ok());
        }
        for divided in &divided {
            prop_assert!(DivisionDocument::read(divided.text.as_bytes()).is_ok());
        }
    }

    #[test]
    fn garbage_is_no_document(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        prop_assert!(StatementDocument::read(&bytes).is_err());
        prop_assert!(DivisionDocument::read(&bytes).is_err());
    }
}
