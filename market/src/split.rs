//! Dividing revenue: largest remainder with carry. Every division is exact to the fen, no part is
//! negative, and what a party was given less or more than its exact share is carried, as an exact
//! fraction, into the next division under the same agreement version, so that every party stays
//! within one fen of its share for ever.
//!
//! Per agreement version, tier and currency each party has a carry c, all of which sum to 0. For a
//! base a and weight w: e = a·w + c; the party gets max(0, ⌊e⌋); the fen left over go one each to
//! the largest e − f (should clipping at 0 have handed out too much, it is taken back from the
//! smallest); ties go to the smaller party code; c becomes e − f.

use std::collections::BTreeMap;

use lianshi_registry::{
    entry::{Share, Split, Texts},
    id::{NodeName, RegistrationNumber},
    uscc::Uscc,
};
use serde::{Deserialize, Serialize};

use crate::money::Amount;

/// Parts per million that make the whole.
pub const WHOLE_PPM: u32 = 1_000_000;
/// Denominator of every carry: shares are parts per million, so fractions of a fen are too.
pub const CARRY_DENOMINATOR: i64 = 1_000_000;
/// The one tier of this version; waterfalls of several tiers number them from here.
pub const TIER: i64 = 1;

/// Why a base cannot be divided.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SplitError {
    /// The shares are not one million parts.
    #[error("the shares of `{agreement}` sum to {sum} parts per million, not 1000000")]
    Shares {
        /// The agreement version.
        agreement: String,
        /// What they sum to.
        sum: u64,
    },
    /// A base below zero: refunds mirror the recorded division instead.
    #[error("the base {0} is negative; a refund reverses the recorded division")]
    NegativeBase(Amount),
    /// Carries that do not sum to zero, or one of a whole fen or more: the stored state is not
    /// ours.
    #[error("the carries of `{agreement}` do not fit: {what}")]
    Carry {
        /// The agreement version.
        agreement: String,
        /// What is wrong.
        what: &'static str,
    },
}

/// One party of an agreement.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Party {
    /// Its unified social credit code; ties go to the smaller.
    pub uscc: Uscc,
    /// Its name.
    pub name: Texts,
    /// Its role, such as `provider`.
    pub role: String,
    /// The node where it reads its lines.
    pub node: NodeName,
    /// Its share in parts per million.
    pub share_ppm: u32,
}

/// What governs a division: one version of a split agreement, or its absence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Agreement {
    id: String,
    version: Option<u32>,
    parties: BTreeMap<Uscc, Party>,
}

impl Agreement {
    /// From a published split. Shares of the same party are joined.
    pub fn from_split(split: &Split) -> Result<Self, SplitError> {
        let id = format!("{}/split/{}", split.product, split.version);
        let mut parties: BTreeMap<Uscc, Party> = BTreeMap::new();
        let mut sum = 0_u64;
        for share in &split.shares {
            sum = sum.saturating_add(u64::from(share.share_ppm));
            if let Some(party) = parties.get_mut(&share.party) {
                party.join(share);
            } else {
                parties.insert(share.party.clone(), Party::from_share(share));
            }
        }
        if sum == u64::from(WHOLE_PPM) {
            Ok(Self { id, version: Some(split.version), parties })
        } else {
            Err(SplitError::Shares { agreement: id, sum })
        }
    }

    /// Without a split agreement the operator gets everything.
    pub fn all_to_operator(product: &RegistrationNumber, operator: Party) -> Self {
        let operator = Party { share_ppm: WHOLE_PPM, ..operator };
        Self {
            id: format!("{product}/operator"),
            version: None,
            parties: BTreeMap::from([(operator.uscc.clone(), operator)]),
        }
    }

    /// As a division recorded it, to compute the division again.
    pub fn recorded(id: String, parts: &[Part]) -> Self {
        let version = parts.first().and_then(|part| part.explanation.split_version);
        let parties =
            parts.iter().map(|part| (part.party.uscc.clone(), part.party.clone())).collect();
        Self { id, version, parties }
    }

    /// The name carries are kept under, such as `330212-P-2026-0000001-X/split/1`.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The version of the split; `None` where there is none and the operator gets everything.
    pub fn version(&self) -> Option<u32> {
        self.version
    }

    /// Who takes part, by code.
    pub fn parties(&self) -> impl Iterator<Item = &Party> {
        self.parties.values()
    }
}

impl Party {
    fn from_share(share: &Share) -> Self {
        Self {
            uscc: share.party.clone(),
            name: share.name.clone(),
            role: share.role.clone(),
            node: share.node.clone(),
            share_ppm: share.share_ppm,
        }
    }

    fn join(&mut self, share: &Share) {
        self.share_ppm = self.share_ppm.saturating_add(share.share_ppm);
        if self.role != share.role {
            self.role = format!("{}+{}", self.role, share.role);
        }
    }
}

/// Carries by party: numerators over [`CARRY_DENOMINATOR`], in fen. An absent party carries
/// nothing.
pub type Carries = BTreeMap<Uscc, i64>;

/// How a party's part came about, to the last fraction.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ShareExplanation {
    /// The split's version; absent where no split was agreed and the operator gets everything.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub split_version: Option<u32>,
    /// What was divided.
    pub base: Amount,
    /// The party's share in parts per million.
    pub share_ppm: u32,
    /// Millionths of a fen carried in from the division before.
    pub carry_before: i64,
    /// Whole fen of base × share + carry.
    pub floor: Amount,
    /// Fen handed out (1) or taken back (−1) by the order of remainders.
    pub remainder_fen: i64,
    /// Millionths of a fen carried on.
    pub carry_after: i64,
}

/// What one party gets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Part {
    /// The party.
    pub party: Party,
    /// Its amount, never negative.
    pub amount: Amount,
    /// How it came about.
    pub explanation: ShareExplanation,
}

/// A part before its remainder is settled; all numbers over [`CARRY_DENOMINATOR`] where not fen.
struct Draft<'a> {
    party: &'a Party,
    exact: i128,
    carry_before: i64,
    floor: i128,
    adjustment: i128,
}

impl Draft<'_> {
    fn remainder(&self) -> i128 {
        self.exact - (self.floor + self.adjustment) * i128::from(CARRY_DENOMINATOR)
    }
}

/// Divides `base` and moves the carries on. The parts come in the order of party codes and sum to
/// the base exactly.
pub fn divide(
    base: Amount,
    agreement: &Agreement,
    carries: &mut Carries,
) -> Result<Vec<Part>, SplitError> {
    if base < Amount::ZERO {
        return Err(SplitError::NegativeBase(base));
    }
    check_carries(agreement, carries)?;
    let mut drafts: Vec<Draft<'_>> = agreement
        .parties()
        .map(|party| {
            let carry_before = carries.get(&party.uscc).copied().unwrap_or(0);
            let exact =
                i128::from(base.fen()) * i128::from(party.share_ppm) + i128::from(carry_before);
            let floor = exact.div_euclid(i128::from(CARRY_DENOMINATOR)).max(0);
            Draft { party, exact, carry_before, floor, adjustment: 0 }
        })
        .collect();
    hand_out(base, &mut drafts);
    let parts: Vec<Part> =
        drafts.iter().map(|draft| finish(base, agreement, draft)).collect::<Result<_, _>>()?;
    for part in &parts {
        carries.insert(part.party.uscc.clone(), part.explanation.carry_after);
    }
    Ok(parts)
}

fn check_carries(agreement: &Agreement, carries: &Carries) -> Result<(), SplitError> {
    let wrong = |what| Err(SplitError::Carry { agreement: agreement.id.clone(), what });
    if carries.keys().any(|uscc| !agreement.parties.contains_key(uscc)) {
        return wrong("a carry of somebody who is no party");
    }
    if carries.values().map(|carry| i128::from(*carry)).sum::<i128>() != 0 {
        return wrong("they do not sum to zero");
    }
    if carries.values().any(|carry| carry.unsigned_abs() >= CARRY_DENOMINATOR.unsigned_abs()) {
        return wrong("one is a whole fen or more");
    }
    Ok(())
}

/// Gives or takes single fen until the parts sum to the base. Fewer than there are parties are ever
/// needed: flooring loses less than one fen each, and clipping at 0 adds less than one fen each,
/// since carries are below one.
fn hand_out(base: Amount, drafts: &mut [Draft<'_>]) {
    let mut left = i128::from(base.fen()) - drafts.iter().map(|draft| draft.floor).sum::<i128>();
    // Sorting is stable and the drafts come by party code, so ties go to the smaller code.
    let mut order: Vec<usize> = (0..drafts.len()).collect();
    let remainder = |index: &usize| drafts.get(*index).map_or(0, Draft::remainder);
    if left > 0 {
        order.sort_by_key(|index| std::cmp::Reverse(remainder(index)));
    } else {
        order.sort_by_key(remainder);
    }
    for index in order {
        let Some(draft) = drafts.get_mut(index) else { continue };
        if left > 0 {
            draft.adjustment = 1;
            left -= 1;
        } else if left < 0 && draft.floor > 0 {
            draft.adjustment = -1;
            left += 1;
        }
    }
}

fn finish(base: Amount, agreement: &Agreement, draft: &Draft<'_>) -> Result<Part, SplitError> {
    // The base fits 64 bits and no part exceeds it by more than the carry; a failure here is a
    // carry that is not ours.
    let narrow = |wide: i128| {
        i64::try_from(wide).map_err(|_| SplitError::Carry {
            agreement: agreement.id.clone(),
            what: "a part does not fit 64 bits",
        })
    };
    Ok(Part {
        party: draft.party.clone(),
        amount: Amount::from_fen(narrow(draft.floor + draft.adjustment)?),
        explanation: ShareExplanation {
            split_version: agreement.version,
            base,
            share_ppm: draft.party.share_ppm,
            carry_before: draft.carry_before,
            floor: Amount::from_fen(narrow(draft.floor)?),
            remainder_fen: narrow(draft.adjustment)?,
            carry_after: narrow(draft.remainder())?,
        },
    })
}

#[cfg(test)]
mod tests;
