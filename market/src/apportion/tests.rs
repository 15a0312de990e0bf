//! Exact today, fair for ever: against the rule written down fen by fen, for shares and bases that
//! were hunted for.

use proptest::prelude::*;

use super::*;

mod sequences;

fn keyed(weights: &[u64]) -> BTreeMap<usize, u64> {
    weights.iter().copied().enumerate().collect()
}

fn parts(weights: &[u64], from: i64, to: i64) -> Vec<i64> {
    let parts = apportion(&keyed(weights), Amount::from_fen(from), Amount::from_fen(to));
    parts.expect("divided").into_values().map(Amount::fen).collect()
}

/// The rule as it is written, fen by fen from zero, without any of the shortcuts.
#[derive(Clone)]
struct Naive {
    weights: Vec<i128>,
    whole: i128,
    parties: i128,
    count: i128,
    given: Vec<i128>,
}

impl Naive {
    fn new(weights: &[u64]) -> Self {
        let weights: Vec<i128> = weights.iter().map(|weight| i128::from(*weight)).collect();
        let (whole, given) = (weights.iter().sum(), vec![0; weights.len()]);
        let parties = weights.iter().filter(|weight| **weight > 0).count();
        let parties = i128::try_from(parties).expect("few");
        Self { weights, whole, parties, count: 0, given }
    }

    /// w·h − a of a party, in parts of 1 / whole.
    fn lag(&self, index: usize) -> i128 {
        self.weights[index] * self.count - self.given[index] * self.whole
    }

    fn step(&mut self) {
        self.count += 1;
        let n = self.parties;
        let mut eligible = (0..self.weights.len()).filter(|index| self.weights[*index] > 0);
        if n == 1 {
            let only = eligible.next_back().expect("one");
            self.given[only] += 1;
            return;
        }
        let deltas = 2 * n - 2;
        let chosen = eligible
            .filter(|index| deltas * self.lag(*index) >= self.whole)
            .min_by(|a, b| {
                // (1 − 1/(2n−2) − (w·h − a)) / w, multiplied through.
                let patience = |index: usize| (deltas - 1) * self.whole - deltas * self.lag(index);
                (patience(*a) * self.weights[*b]).cmp(&(patience(*b) * self.weights[*a]))
            })
            .expect("the lags of all sum to one fen");
        self.given[chosen] += 1;
    }

    /// |a − w·h| ≤ 1 − 1/(2n−2) for everybody.
    fn check_bound(&self) {
        let n = self.parties;
        for index in 0..self.weights.len() {
            let off = self.lag(index).abs();
            if n == 1 {
                assert_eq!(off, 0);
            } else {
                let deltas = 2 * n - 2;
                assert!(deltas * off <= (deltas - 1) * self.whole, "{index} is {off} off");
            }
        }
    }
}

#[test]
fn the_vectors_of_the_field_come_out() {
    for (base, weights, expected) in [
        (10_001, &[333_300, 333_300, 333_400][..], &[3333, 3333, 3335][..]),
        (1, &[333_300, 333_300, 333_400], &[0, 0, 1]),
        (5, &[500_000, 500_000], &[3, 2]),
        (98_765, &[550_000, 250_000, 125_000, 75_000], &[54_321, 24_691, 12_346, 7407]),
        (0, &[550_000, 450_000], &[0, 0]),
        (777, &[1_000_000], &[777]),
        (7, &[0, 3, 0, 1], &[0, 5, 0, 2]),
    ] {
        assert_eq!(parts(weights, 0, base), expected, "{base}");
    }
}

#[test]
fn a_fifth_month_that_once_had_no_answer_has_one() {
    let weights = [5, 5, 5, 5, 40, 40];
    assert_eq!(parts(&weights, 8 + 27 + 6 + 13, 8 + 27 + 6 + 13 + 1), [0, 0, 1, 0, 0, 0]);
}

#[test]
fn what_cannot_be_divided_is_refused() {
    let fen = Amount::from_fen;
    let ask = |weights: &[u64], from, to| apportion(&keyed(weights), fen(from), fen(to));
    assert_eq!(ask(&[], 0, 1), Err(ApportionError::NoWeight));
    assert_eq!(ask(&[0, 0], 0, 0), Err(ApportionError::NoWeight));
    for (from, to) in [(-1, 5), (5, 4), (0, -1)] {
        let backwards = ApportionError::Backwards { from: fen(from), to: fen(to) };
        assert_eq!(ask(&[1, 1], from, to), Err(backwards));
    }
    assert_eq!(ask(&[u64::MAX, 1], 0, 1), Err(ApportionError::TooLarge));
    assert_eq!(ask(&[WEIGHTS_SUM_MAX, 1], 0, 1), Err(ApportionError::TooLarge));
    assert_eq!(ask(&vec![1; PARTIES_MAX + 1], 0, 1), Err(ApportionError::TooLarge));
    let uneven = [1, 1, WEIGHTS_SUM_MAX / 2];
    assert_eq!(ask(&uneven, 0, 1 << 40), Err(ApportionError::TooUneven));
    assert!(ask(&uneven, 0, 1_000).is_ok(), "a small number needs few steps");
}

#[test]
fn the_largest_numbers_do_not_overflow() {
    let quadrillion = 1_000_000_000_000_000;
    for weights in [
        &[333_333, 333_333, 333_334][..],
        &[1, 999_999],
        &[1, 1, 999_998],
        &[1, 499_999, 500_000],
        &[1; 997],
    ] {
        let whole: i128 = weights.iter().map(|weight| i128::from(*weight)).sum();
        for (from, to) in [(quadrillion, quadrillion + 12_345), (0, i64::MAX), (i64::MAX, i64::MAX)]
        {
            let given = parts(weights, from, to);
            assert_eq!(given.iter().sum::<i64>(), to - from);
            for (given, weight) in given.iter().zip(weights) {
                let off = i128::from(*given) * whole - i128::from(to - from) * i128::from(*weight);
                assert!(*given >= 0 && off.abs() < 2 * whole, "{weights:?}");
            }
        }
    }
    let halves = [WEIGHTS_SUM_MAX / 4, WEIGHTS_SUM_MAX / 4 - 1, WEIGHTS_SUM_MAX / 2 + 1];
    let many: Vec<u64> = (0..10_000).map(|n| WEIGHTS_SUM_MAX / 10_000 - 5_000 + n).collect();
    for weights in [&halves[..], &many] {
        assert_eq!(parts(weights, 0, i64::MAX).iter().sum::<i64>(), i64::MAX);
        let near = i64::try_from(WEIGHTS_SUM_MAX / 2).expect("fits");
        assert_eq!(parts(weights, near, near + 1).iter().sum::<i64>(), 1);
    }
}

#[test]
fn a_full_refund_returns_every_part_whatever_the_steps() {
    // The parts recorded for a line are the weights; what was refunded runs to the line's amount.
    let line = parts(&[333_300, 333_300, 333_400], 54_321, 54_321 + 10_001);
    let weights: Vec<u64> = line.iter().map(|part| u64::try_from(*part).expect("≥ 0")).collect();
    for steps in [&[10_001][..], &[1, 10_000], &[3_333, 3_333, 3_335], &[5_000, 1, 5_000]] {
        let mut refunded = vec![0; line.len()];
        let mut so_far = 0;
        for step in steps {
            for (sum, part) in refunded.iter_mut().zip(parts(&weights, so_far, so_far + step)) {
                *sum += part;
            }
            so_far += step;
        }
        assert_eq!(refunded, line, "{steps:?}");
    }
}

/// Shares that hurt: equal ones, one that takes nearly all, many tiny ones, few in common.
fn any_weights() -> impl Strategy<Value = Vec<u64>> {
    prop_oneof![
        proptest::collection::vec(1_u64..30, 1..12),
        proptest::collection::vec(0_u64..4, 2..40)
            .prop_filter("somebody", |w| w.iter().any(|w| *w > 0)),
        (proptest::collection::vec(1_u64..3, 1..12), 500_u64..2_000).prop_map(
            |(mut small, large)| {
                small.push(large);
                small
            }
        ),
        (2_usize..200).prop_map(|n| vec![1; n]),
    ]
}

proptest! {
    #[test]
    fn the_short_way_is_the_long_way(weights in any_weights(), to in 0_i64..5_000) {
        let mut naive = Naive::new(&weights);
        for _ in 0..to {
            naive.step();
        }
        let given: Vec<i128> = parts(&weights, 0, to).into_iter().map(i128::from).collect();
        prop_assert_eq!(given, naive.given);
    }

    #[test]
    fn one_step_or_many_come_to_the_same(
        weights in any_weights(),
        bases in proptest::collection::vec(0_i64..3_000, 1..12),
    ) {
        let mut sums = vec![0; weights.len()];
        let mut so_far = 0;
        for base in &bases {
            let given = parts(&weights, so_far, so_far + base);
            prop_assert_eq!(given.iter().sum::<i64>(), *base);
            for (sum, part) in sums.iter_mut().zip(given) {
                prop_assert!(part >= 0);
                *sum += part;
            }
            so_far += base;
        }
        prop_assert_eq!(sums, parts(&weights, 0, so_far));
    }

    #[test]
    fn a_common_factor_changes_nothing(
        weights in any_weights(),
        factor in 1_u64..1_000,
        (from, more) in (0_i64..3_000, 0_i64..3_000),
    ) {
        let scaled: Vec<u64> = weights.iter().map(|weight| weight * factor).collect();
        prop_assert_eq!(parts(&weights, from, from + more), parts(&scaled, from, from + more));
    }

    #[test]
    fn the_order_of_the_parties_changes_nothing_but_ties(
        weights in proptest::collection::btree_set(1_u64..1_000, 2..12),
        to in 0_i64..3_000,
    ) {
        let forward: Vec<u64> = weights.into_iter().collect();
        let backward: Vec<u64> = forward.iter().rev().copied().collect();
        let one = parts(&forward, 0, to);
        let mut other = parts(&backward, 0, to);
        other.reverse();
        if one != other {
            // The fen that a tie decided: for each, somebody has one more and somebody one less.
            let moved: i64 = one.iter().zip(&other).map(|(a, b)| (a - b).abs()).sum();
            let tied = ties(&forward, to);
            prop_assert!(tied && moved % 2 == 0, "{one:?} {other:?}");
        }
    }
}

/// Whether two parties were equally patient at any fen up to `to`.
fn ties(weights: &[u64], to: i64) -> bool {
    let mut naive = Naive::new(weights);
    (0..to).any(|_| {
        let deltas = 2 * naive.parties - 2;
        let key = |index: usize| (deltas - 1) * naive.whole - deltas * naive.lag(index);
        let tied = (0..weights.len())
            .any(|a| (0..a).any(|b| key(a) * naive.weights[b] == key(b) * naive.weights[a]));
        naive.step();
        tied
    })
}
