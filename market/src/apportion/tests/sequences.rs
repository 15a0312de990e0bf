//! A hundred thousand agreements live through up to sixty small months each. After every single fen
//! every party is within the bound, and every month is what the rule, fen by fen, hands out in it.

use super::{Naive, parts};

/// Sequences examined.
const SEQUENCES: u64 = 100_000;
/// Of these, one in so many has up to 200 parties; the others have up to 12.
const CROWD_EVERY: u64 = 50;
/// Months of a sequence.
const MONTHS_MAX: u64 = 60;

/// SplitMix64: small, and the same everywhere.
struct Draw(u64);

impl Draw {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn within(&mut self, low: u64, high: u64) -> u64 {
        low + self.next() % (high - low + 1)
    }
}

/// Parts per million that sum to the whole, of a hostile kind.
fn shares(draw: &mut Draw, parties: u64) -> Vec<u64> {
    const WHOLE: u64 = 1_000_000;
    let kind = draw.within(0, 4);
    let mut shares: Vec<u64> = match kind {
        // Whole percents, many alike, as agreements have them.
        0 => (1..parties).map(|_| 10_000 * draw.within(1, (100 / parties).max(1))).collect(),
        // Nearly equal.
        1 => vec![WHOLE / parties; usize::try_from(parties - 1).expect("few")],
        // Tiny ones beside one that takes nearly all.
        2 => (1..parties).map(|_| draw.within(1, 3_000)).collect(),
        // Two places of a percent.
        3 => (1..parties).map(|_| 100 * draw.within(1, (10_000 / parties).max(1))).collect(),
        // Anything.
        _ => (1..parties).map(|_| draw.within(1, (WHOLE / parties).max(1))).collect(),
    };
    let rest = WHOLE.saturating_sub(shares.iter().sum());
    if rest == 0 {
        return vec![WHOLE];
    }
    let place = draw.within(0, parties - 1);
    shares.insert(usize::try_from(place).expect("few").min(shares.len()), rest);
    assert_eq!(shares.iter().sum::<u64>(), WHOLE);
    shares
}

/// Small bases, where a fen is much; now and then nothing at all.
fn base(draw: &mut Draw) -> i64 {
    let largest = [1, 3, 10, 30][usize::try_from(draw.within(0, 3)).expect("small")];
    i64::try_from(draw.within(u64::from(largest == 30), largest)).expect("small")
}

fn live(seed: u64) {
    let mut draw = Draw(seed);
    let crowd = seed.is_multiple_of(CROWD_EVERY);
    let parties = if crowd { draw.within(13, 200) } else { draw.within(1, 12) };
    let weights = shares(&mut draw, parties);
    let mut rule = Naive::new(&weights);
    let mut so_far = 0;
    for month in 0..draw.within(1, MONTHS_MAX) {
        let base = base(&mut draw);
        let before = rule.given.clone();
        for _ in 0..base {
            rule.step();
            rule.check_bound();
        }
        let given = parts(&weights, so_far, so_far + base);
        so_far += base;
        assert_eq!(given.iter().sum::<i64>(), base, "seed {seed}, month {month}");
        for ((given, before), after) in given.iter().zip(&before).zip(&rule.given) {
            assert!(*given >= 0, "seed {seed}, month {month}");
            assert_eq!(i128::from(*given), after - before, "seed {seed}, month {month}");
        }
    }
    let whole = parts(&weights, 0, so_far);
    assert!(whole.iter().zip(&rule.given).all(|(part, given)| i128::from(*part) == *given));
}

#[test]
fn a_hundred_thousand_sequences_stay_within_a_fen() {
    std::thread::scope(|scope| {
        for half in 0..2 {
            scope.spawn(move || {
                for seed in (half..SEQUENCES).step_by(2) {
                    live(seed);
                }
            });
        }
    });
}
