//! Plans rate as they read, and late usage costs what it would have cost in time.

use proptest::prelude::*;

use super::*;

fn per_call(price: &str, included_calls: u64) -> Charge {
    Charge::PerCall { price: Price::parse(price).expect(price), included_calls }
}

fn usage(counts: &[(&str, u64)]) -> Usage {
    counts
        .iter()
        .map(|(operation, units)| ((*operation).to_owned(), Count { calls: *units, units: *units }))
        .collect()
}

fn fen(lines: &[RatedLine]) -> Vec<i64> {
    lines.iter().map(|line| line.amount.fen()).collect()
}

#[test]
fn a_public_good_plan_costs_nothing_and_still_shows_every_call() {
    let lines = rate(&Charge::Free, true, &usage(&[("verify", 1200)])).expect("rated");
    assert_eq!(fen(&lines), [0]);
    assert_eq!(lines[0].quantity, 1200);
    assert!(matches!(lines[0].explanation, LineExplanation::Free { .. }));
}

#[test]
fn a_started_month_costs_its_fee_once_whatever_the_usage() {
    let plan = Charge::FlatMonthly { price: Price::parse("199.995").expect("price") };
    assert_eq!(fen(&rate(&plan, true, &Usage::new()).expect("rated")), [20_000]);
    assert_eq!(
        fen(&rate(&plan, true, &usage(&[("a", 5), ("b", 1)])).expect("rated")),
        [20_000, 0, 0]
    );
    assert_eq!(fen(&rate(&plan, false, &usage(&[("a", 5)])).expect("rated")), [0]);
}

#[test]
fn included_calls_are_those_that_count_no_unit() {
    let counted = Usage::from([
        ("a".to_owned(), Count { calls: 700, units: 0 }),
        ("b".to_owned(), Count { calls: 600, units: 300 }),
    ]);
    let lines = rate(&per_call("0.5", 1000), true, &counted).expect("rated");
    assert_eq!(fen(&lines), [0, 15_000]);
    assert_eq!(lines[1].quantity, 600);
    let LineExplanation::PerCall { included, charged, .. } = lines[1].explanation else {
        panic!("a per-call line");
    };
    assert_eq!((included, charged), (300, 300));
    let plan = per_call("0.5", 100);
    let of_month = |calls| Count::of_month(&plan, calls);
    assert_eq!([of_month(40), of_month(140)].map(|count| count.units), [0, 40]);
}

#[test]
fn calls_that_count_no_unit_cost_nothing_but_are_listed() {
    let counted = Usage::from([("verify".to_owned(), Count { calls: 10, units: 7 })]);
    let lines = rate(&per_call("1", 0), true, &counted).expect("rated");
    assert_eq!(fen(&lines), [700]);
    let none = Usage::from([("verify".to_owned(), Count { calls: 3, units: 0 })]);
    assert_eq!(fen(&rate(&per_call("1", 0), true, &none).expect("rated")), [0]);
    assert_eq!(rate(&per_call("1", 0), true, &Usage::new()), Ok(vec![]));
}

#[test]
fn each_line_is_rounded_once() {
    let lines = rate(&per_call("0.005", 0), true, &usage(&[("a", 1), ("b", 1)])).expect("rated");
    assert_eq!(fen(&lines), [1, 1]);
}

#[test]
fn late_calls_cost_what_they_would_have_cost_in_time() {
    let period = Period::parse("2026-09").expect("month");
    let before = Usage::from([("b".to_owned(), Count { calls: 100, units: 40 })]);
    let mut now = before.clone();
    now.insert("a".to_owned(), Count { calls: 40, units: 40 });
    let late = LateUsage { period, fee_due: false, before, now };
    let lines = rate_late(&per_call("0.5", 60), &late).expect("rated");
    let shown: Vec<(&str, u64, i64)> =
        lines.iter().map(|l| (l.operation.as_str(), l.quantity, l.amount.fen())).collect();
    assert_eq!(shown, [("a", 40, 2000)]);
    let nothing =
        LateUsage { period, fee_due: true, before: usage(&[("b", 1)]), now: usage(&[("b", 1)]) };
    assert_eq!(rate_late(&per_call("0.5", 0), &nothing), Ok(vec![]));
}

#[test]
fn line_kinds_and_explanations_read_back() {
    for kind in [LineKind::MonthlyFee, LineKind::Calls, LineKind::LateCalls, LineKind::LateFee] {
        assert_eq!(LineKind::parse(kind.as_str()), Some(kind));
    }
    assert_eq!(LineKind::parse("gift"), None);
    let lines = rate(&per_call("0.5", 1), true, &usage(&[("a", 5)])).expect("rated");
    let text = serde_json::to_string(&lines).expect("text");
    assert_eq!(serde_json::from_str::<Vec<RatedLine>>(&text).expect("own text"), lines);
}

fn any_plan() -> impl Strategy<Value = Charge> {
    let price = (0_i64..5_000_000).prop_map(|micro| Price::from_micro(micro).expect("in range"));
    prop_oneof![
        Just(Charge::Free),
        price.clone().prop_map(|price| Charge::FlatMonthly { price }),
        (price, 0_u64..500)
            .prop_map(|(price, included_calls)| Charge::PerCall { price, included_calls }),
    ]
}

fn any_usage() -> impl Strategy<Value = Usage> {
    proptest::collection::btree_map("[a-d]", (0_u64..1000, 0_u64..3), 0..4).prop_map(|counts| {
        counts
            .into_iter()
            .map(|(operation, (units, free))| (operation, Count { calls: units + free, units }))
            .collect()
    })
}

proptest! {
    #[test]
    fn every_call_is_on_exactly_one_line(plan in any_plan(), used in any_usage()) {
        let lines = rate(&plan, true, &used).expect("small amounts");
        for (operation, count) in &used {
            let on: Vec<u64> = lines
                .iter()
                .filter(|line| line.operation == *operation)
                .map(|line| line.quantity)
                .collect();
            prop_assert_eq!(on.len(), usize::from(*count != Count::default()));
            prop_assert_eq!(on.iter().sum::<u64>(), count.calls);
        }
    }

    #[test]
    fn late_usage_costs_in_the_end_what_it_would_have_cost_in_time(
        plan in any_plan(),
        first in any_usage(),
        second in any_usage(),
    ) {
        let mut all = first.clone();
        for (operation, count) in &second {
            let entry = all.entry(operation.clone()).or_default();
            *entry = entry.plus(*count);
        }
        let late = LateUsage {
            period: Period::parse("2026-09").expect("month"),
            fee_due: false,
            before: first.clone(),
            now: all.clone(),
        };
        let sum = |lines: &[RatedLine]| lines.iter().map(|line| line.amount.fen()).sum::<i64>();
        let in_time = rate(&plan, true, &all).expect("small");
        let on_time = rate(&plan, true, &first).expect("small");
        let late_lines = rate_late(&plan, &late).expect("small");
        prop_assert_eq!(sum(&on_time) + sum(&late_lines), sum(&in_time));
        prop_assert!(late_lines.iter().all(|line| line.amount >= Amount::ZERO));
    }
}
