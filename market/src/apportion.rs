//! Dividing whole fen for ever: who gets the fen between two cumulative numbers. One rule serves
//! splits, refunds, partial payments and sums spread over lines: Tijdeman's rule for the chairman
//! assignment problem (R. Tijdeman, "The chairman assignment problem", Discrete Mathematics 32,
//! 1980).
//!
//! Fen are handed out one by one. With `n` parties, weights `w` that sum to 1 and `a` handed out so
//! far, the `h`-th fen goes, among the parties with `w·h − a ≥ 1/(2n−2)`, to the one with the
//! smallest `(1 − 1/(2n−2) − (w·h − a)) / w`, ties to the smaller key. Then after every single fen
//! every party has its exact share to within `1 − 1/(2n−2)` of a fen, and nobody ever gives one
//! back. What a party has received depends on the cumulative number alone, so there is nothing to
//! carry: any part is the difference of two such numbers, and anybody computes it again.

use std::{cmp::Ordering, collections::BTreeMap};

use crate::money::Amount;

/// Largest sum of weights: 3.6e16, that is 360 trillion yuan where weights are fen. Below it every
/// product of this file stays within 128 bits.
pub const WEIGHTS_SUM_MAX: u64 = 1 << 55;
/// Most parties: far above what an entry of 16 KiB can name, low enough for the same 128 bits.
pub const PARTIES_MAX: usize = 10_000;
/// Most fen handed out one by one for one number: weights in parts per million need at most a
/// million, and the parts recorded for a line that was divided by such weights at most two. It
/// bounds the time of weights that are far more uneven than either.
pub const STEPS_MAX: u64 = 4_000_000;

/// Why fen cannot be divided.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ApportionError {
    /// Nobody has a weight above zero.
    #[error("nobody has a share")]
    NoWeight,
    /// Cumulative numbers run from zero upwards.
    #[error("cumulative amounts run upwards from zero, not from {from} to {to}")]
    Backwards {
        /// Where the part begins.
        from: Amount,
        /// Where it ends.
        to: Amount,
    },
    /// More than this program computes with exactly.
    #[error("the weights sum to more than {WEIGHTS_SUM_MAX}, or there are over {PARTIES_MAX}")]
    TooLarge,
    /// One weight is so small beside the whole that its turn is too far away.
    #[error("the smallest weight is less than one part in {STEPS_MAX} of the whole")]
    TooUneven,
}

/// Divides the fen after `from` up to `to`, both counted from the beginning, by weights. Every key
/// of `weights` gets a part, those of weight zero nothing. Parts are never negative and sum to
/// `to − from` exactly; parts of consecutive stretches add up to those of the whole stretch.
///
/// Takes at most as many steps as the smallest share goes into the whole (and, for weights with a
/// large common divisor, as there are fen in a cycle), each of one comparison for each party.
pub fn apportion<K: Ord + Clone>(
    weights: &BTreeMap<K, u64>,
    from: Amount,
    to: Amount,
) -> Result<BTreeMap<K, Amount>, ApportionError> {
    let (Ok(first), Ok(last)) = (u64::try_from(from.fen()), u64::try_from(to.fen())) else {
        return Err(ApportionError::Backwards { from, to });
    };
    if last < first {
        return Err(ApportionError::Backwards { from, to });
    }
    let wheel = Wheel::new(weights.values().copied())?;
    let before = wheel.received(first)?;
    let after = if last == first { before.clone() } else { wheel.received(last)? };
    let mut given = before.iter().zip(&after).map(|(before, after)| fen(after - before));
    Ok(weights
        .iter()
        .map(|(key, weight)| {
            let part = if *weight > 0 { given.next() } else { None };
            (key.clone(), part.unwrap_or(Amount::ZERO))
        })
        .collect())
}

/// What every party has received once `to` fen were handed out: its part of the stretch from zero.
pub fn received<K: Ord + Clone>(
    weights: &BTreeMap<K, u64>,
    to: Amount,
) -> Result<BTreeMap<K, Amount>, ApportionError> {
    apportion(weights, Amount::ZERO, to)
}

/// Parts never exceed the cumulative number, which came as an amount.
fn fen(part: i128) -> Amount {
    Amount::from_fen(i64::try_from(part).unwrap_or(i64::MAX))
}

/// Weights above zero, in lowest terms, in the order of their keys. After one turn of as many fen
/// as they sum to, every party has exactly its weight and all begins again.
struct Wheel {
    weights: Vec<i128>,
    /// Their sum: fen in one turn.
    turn: i128,
    /// 2n − 2: lags are compared in this many parts of a fen.
    parts: i128,
}

impl Wheel {
    fn new(weights: impl Iterator<Item = u64>) -> Result<Self, ApportionError> {
        let weights: Vec<u64> = weights.filter(|weight| *weight > 0).collect();
        let sum = weights.iter().try_fold(0_u64, |sum, weight| sum.checked_add(*weight));
        let Some(sum) = sum.filter(|sum| *sum <= WEIGHTS_SUM_MAX) else {
            return Err(ApportionError::TooLarge);
        };
        if weights.is_empty() {
            return Err(ApportionError::NoWeight);
        }
        if weights.len() > PARTIES_MAX {
            return Err(ApportionError::TooLarge);
        }
        let divisor = weights.iter().copied().fold(0, common_divisor).max(1);
        let parts = i128::try_from(weights.len()).map_err(|_| ApportionError::TooLarge)?;
        Ok(Self {
            weights: weights.iter().map(|weight| i128::from(weight / divisor)).collect(),
            turn: i128::from(sum / divisor),
            parts: (parts * 2 - 2).max(1),
        })
    }

    /// Fen each party has after `count` were handed out.
    fn received(&self, count: u64) -> Result<Vec<i128>, ApportionError> {
        let count = i128::from(count);
        let (turns, rest) = (count / self.turn, count % self.turn);
        let mut given = self.within_turn(rest)?;
        for (given, weight) in given.iter_mut().zip(&self.weights) {
            *given += turns * weight;
        }
        Ok(given)
    }

    /// The same for less than one turn.
    ///
    /// The rule serves the most urgent of the fen that are due, so a late fen never depends on the
    /// order in which earlier, more urgent ones were served. It is therefore enough to begin at an
    /// instant so early that every fen due by then must be served before `count`, with any state
    /// that has served only what was due.
    fn within_turn(&self, count: i128) -> Result<Vec<i128>, ApportionError> {
        if let [_] = self.weights.as_slice() {
            return Ok(vec![count]);
        }
        let start = (count - self.longest_wait()).max(0);
        if count - start > i128::from(STEPS_MAX) {
            return Err(ApportionError::TooUneven);
        }
        let mut given = self.begin(start);
        for step in start + 1..=count {
            self.hand_out(step, &mut given);
        }
        Ok(given)
    }

    /// Fen from the one at which a party's next is due to the last at which it must be served, and
    /// one more: (1 − 2/(2n−2)) / w for the smallest weight.
    fn longest_wait(&self) -> i128 {
        let smallest = self.weights.iter().copied().min().unwrap_or(1);
        (self.parts - 2) * self.turn / (self.parts * smallest) + 1
    }

    /// Some state in which `count` fen were served and none before it was due.
    fn begin(&self, count: i128) -> Vec<i128> {
        let mut given: Vec<i128> =
            self.weights.iter().map(|weight| self.due(*weight, count)).collect();
        let mut too_many = given.iter().sum::<i128>() - count;
        for given in given.iter_mut().filter(|given| **given > 0) {
            if too_many > 0 {
                *given -= 1;
                too_many -= 1;
            }
        }
        given
    }

    /// How many fen of a party are due once `count` are handed out: those with
    /// w·count − a ≥ 1/(2n−2).
    fn due(&self, weight: i128, count: i128) -> i128 {
        let (whole, rest) = (weight * count / self.turn, weight * count % self.turn);
        whole + i128::from(rest * self.parts >= self.turn)
    }

    /// Hands out fen number `step`.
    fn hand_out(&self, step: i128, given: &mut [i128]) {
        let mut chosen: Option<(usize, i128, i128)> = None;
        for (index, (given, weight)) in given.iter().zip(&self.weights).enumerate() {
            let lag = self.parts * (weight * step - given * self.turn);
            if lag < self.turn {
                continue;
            }
            let patience = (self.parts - 1) * self.turn - lag;
            let sooner = chosen.is_none_or(|(_, other, other_weight)| {
                (patience * other_weight).cmp(&(other * weight)) == Ordering::Less
            });
            if sooner {
                chosen = Some((index, patience, *weight));
            }
        }
        if let Some(given) = chosen.and_then(|(index, ..)| given.get_mut(index)) {
            *given += 1;
        }
    }
}

fn common_divisor(a: u64, b: u64) -> u64 {
    let (mut a, mut b) = (a, b);
    while b > 0 {
        (a, b) = (b, a % b);
    }
    a
}

#[cfg(test)]
mod tests;
