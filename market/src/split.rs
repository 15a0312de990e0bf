//! Dividing revenue by Tijdeman's rule ([`mod@crate::apportion`]): every division is exact to the
//! fen, no part is negative, and every party stays within one fen of its share for ever.
//!
//! What a party has received depends only on what was divided so far under the same agreement
//! version, its **cumulative base**: a division gives each party what it has after that number less
//! what it had before. Nothing is carried. Every version starts at its own zero.
//!
//! Divisions made before this rule carried fractions of a fen from one to the next. They stay as
//! they were recorded, with their own kind of explanation, and are never computed again.

use std::collections::BTreeMap;

use lianshi_registry::{
    entry::{Share, ShareRole, Split, Texts},
    id::{NodeName, RegistrationNumber},
    uscc::Uscc,
};
use serde::{Deserialize, Serialize};

use crate::{
    apportion::{ApportionError, apportion, received},
    money::{Amount, MoneyError},
};

/// Parts per million that make the whole.
pub const WHOLE_PPM: u32 = 1_000_000;
/// Denominator of the carries that divisions before [`mod@crate::apportion`] recorded.
pub const CARRY_DENOMINATOR: i64 = 1_000_000;

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
    /// A party that is named twice: each has one share.
    #[error("`{agreement}` names {party} twice")]
    PartyTwice {
        /// The agreement version.
        agreement: String,
        /// The party.
        party: Uscc,
    },
    /// A base below zero: refunds mirror the recorded division instead.
    #[error("the base {0} is negative; a refund reverses the recorded division")]
    NegativeBase(Amount),
    /// The cumulative base does not fit.
    #[error("what was divided under `{agreement}` so far: {source}")]
    Cumulative {
        /// The agreement version.
        agreement: String,
        /// What did not fit.
        source: MoneyError,
    },
    /// The shares cannot be handed out.
    #[error("the shares of `{agreement}`: {source}")]
    Apportion {
        /// The agreement version.
        agreement: String,
        /// Why not.
        source: ApportionError,
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
    /// What it earns for.
    pub role: ShareRole,
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
    /// From a published split.
    pub fn from_split(split: &Split) -> Result<Self, SplitError> {
        let id = format!("{}/split/{}", split.product, split.version);
        let mut parties: BTreeMap<Uscc, Party> = BTreeMap::new();
        let mut sum = 0_u64;
        for share in &split.shares {
            sum = sum.saturating_add(u64::from(share.share_ppm));
            let party = share.party.clone();
            if parties.insert(party.clone(), Party::from_share(share)).is_some() {
                return Err(SplitError::PartyTwice { agreement: id, party });
            }
        }
        if sum == u64::from(WHOLE_PPM) {
            Ok(Self { id, version: Some(split.version), parties })
        } else {
            Err(SplitError::Shares { agreement: id, sum })
        }
    }

    /// Without a split agreement the operator gets everything. The operator is part of the name: a
    /// product that changes hands begins anew.
    pub fn all_to_operator(product: &RegistrationNumber, operator: Party) -> Self {
        let operator = Party { share_ppm: WHOLE_PPM, ..operator };
        Self {
            id: format!("{product}/operator/{}", operator.uscc),
            version: None,
            parties: BTreeMap::from([(operator.uscc.clone(), operator)]),
        }
    }

    /// As a division recorded it, to compute the division again.
    pub fn recorded(id: String, parts: &[Part]) -> Self {
        let version = parts.first().and_then(|part| part.explanation.split_version());
        let parties =
            parts.iter().map(|part| (part.party.uscc.clone(), part.party.clone())).collect();
        Self { id, version, parties }
    }

    /// The name its cumulative base is kept under, such as `330212-P-2026-0000001-X/split/1`.
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
            role: share.role,
            node: share.node.clone(),
            share_ppm: share.share_ppm,
        }
    }
}

/// How a party's part came about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum ShareExplanation {
    /// By the cumulative base.
    Cumulative(CumulativeShare),
    /// By largest remainder with carry, as divisions were made before.
    Carried(CarriedShare),
}

impl ShareExplanation {
    /// The split's version; absent where no split was agreed and the operator gets everything.
    pub fn split_version(&self) -> Option<u32> {
        match self {
            Self::Cumulative(said) => said.split_version,
            Self::Carried(said) => said.split_version,
        }
    }
}

/// "Of `base_to` so far your `share_ppm` are so much; you had `received` and get the difference."
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CumulativeShare {
    /// The split's version; absent where no split was agreed and the operator gets everything.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub split_version: Option<u32>,
    /// The party's share in parts per million: its weight.
    pub share_ppm: u32,
    /// What had been divided under this version before.
    pub base_from: Amount,
    /// The same with this division.
    pub base_to: Amount,
    /// What the party had of `base_from`.
    pub received: Amount,
}

impl CumulativeShare {
    /// The party's exact share of everything divided so far, in millionths of a fen.
    pub fn exact_ppm(&self) -> i128 {
        i128::from(self.base_to.fen()) * i128::from(self.share_ppm)
    }
}

/// How a part came about under largest remainder with carry; no division is made so any more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CarriedShare {
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

/// Divides `base` after `so_far` was divided under the same agreement version. The parts come in
/// the order of party codes and sum to the base exactly.
pub fn divide(
    base: Amount,
    agreement: &Agreement,
    so_far: Amount,
) -> Result<Vec<Part>, SplitError> {
    if base < Amount::ZERO {
        return Err(SplitError::NegativeBase(base));
    }
    let id = || agreement.id.clone();
    let base_to =
        so_far.plus(base).map_err(|source| SplitError::Cumulative { agreement: id(), source })?;
    let weights: BTreeMap<&Uscc, u64> =
        agreement.parties().map(|party| (&party.uscc, u64::from(party.share_ppm))).collect();
    let refused = |source| SplitError::Apportion { agreement: id(), source };
    let had = received(&weights, so_far).map_err(refused)?;
    let given = apportion(&weights, so_far, base_to).map_err(refused)?;
    let of = |amounts: &BTreeMap<&Uscc, Amount>, party: &Party| {
        amounts.get(&party.uscc).copied().unwrap_or_default()
    };
    let part = |party: &Party| Part {
        party: party.clone(),
        amount: of(&given, party),
        explanation: ShareExplanation::Cumulative(CumulativeShare {
            split_version: agreement.version,
            share_ppm: party.share_ppm,
            base_from: so_far,
            base_to,
            received: of(&had, party),
        }),
    };
    Ok(agreement.parties().map(part).collect())
}

#[cfg(test)]
mod tests;
