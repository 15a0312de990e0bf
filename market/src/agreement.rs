//! The agreement: what both nodes sign. It freezes plan, price, purpose, term, limits and, by hash,
//! the split, so that later changes in the catalog change no contract.

use lianshi_registry::{
    entry::{Guard, Plan, Purpose, Texts},
    id::{NodeName, RegistrationNumber},
    time::Timestamp,
    uscc::Uscc,
};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::{subscription::SubscriptionId, term};

/// Version of the agreement's form.
pub const AGREEMENT_VERSION: u32 = 1;

/// Everything the two sides negotiate about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Terms {
    /// Version of the product.
    pub product_version: String,
    /// The plan with its price, as it stood.
    pub plan: Plan,
    /// What the product is used for.
    pub purpose: Purpose,
    /// The same in the enterprise's words.
    pub purpose_note: String,
    /// Uses that are forbidden.
    pub forbidden_uses: Texts,
    /// Length of the term in months, unless `ends_by` comes first.
    pub months: u32,
    /// The term ends no later: the product's authorization or validity ends here.
    pub ends_by: Timestamp,
    /// Smallest cell and distinct subjects.
    pub guard: Guard,
    /// The authorization the product rests on.
    pub authorization: RegistrationNumber,
    /// The ruleset it was granted under.
    pub ruleset: String,
    /// Version of the split in force; 0 for none.
    pub split_version: u32,
    /// Hash of that split in hexadecimal; empty for none.
    pub split_hash: String,
}

impl Terms {
    /// Hash in hexadecimal, by which the home node accepts an offer.
    pub fn hash(&self) -> String {
        hash_of("terms", self)
    }

    /// End of a term that begins at `starts_at`: midnight in Asia/Shanghai after the months
    /// ([`term::end`]), cut to `ends_by`.
    pub fn end_of_term(&self, starts_at: Timestamp) -> Timestamp {
        term::end(starts_at, self.months).min(self.ends_by)
    }

    /// Whether a term that begins at `starts_at` is shorter than asked for.
    pub fn is_cut(&self, starts_at: Timestamp) -> bool {
        term::end(starts_at, self.months) > self.ends_by
    }
}

/// The contract of one subscription.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Agreement {
    /// [`AGREEMENT_VERSION`].
    pub v: u32,
    /// The subscription.
    pub subscription: SubscriptionId,
    /// Node of the enterprise.
    pub home: NodeName,
    /// Node of the product.
    pub provider: NodeName,
    /// The enterprise.
    pub buyer: Uscc,
    /// Its name.
    pub buyer_name: String,
    /// The product's operator, who is paid.
    pub operator: Uscc,
    /// The product.
    pub product: RegistrationNumber,
    /// What was negotiated.
    pub terms: Terms,
    /// First instant of the term: when the provider agreed.
    pub starts_at: Timestamp,
    /// First instant after the term.
    pub ends_at: Timestamp,
}

impl Agreement {
    /// SHA-256 over the canonical form, in hexadecimal: both sides must find the same.
    pub fn hash(&self) -> String {
        hash_of("agreement", self)
    }

    /// The canonical form, as stored and shown.
    pub fn document(&self) -> String {
        canonical(self)
    }
}

/// Hash of a split or plan as agreements and requests name it, in hexadecimal.
pub fn hash_of<T: Serialize>(kind: &str, value: &T) -> String {
    let text = format!("lianshi/{kind}/v1\n{}", canonical(value));
    hex::encode(Sha256::digest(text.as_bytes()))
}

/// JSON with sorted members and no white space. The types hashed here hold texts, integers and
/// booleans only, for which this is RFC 8785.
fn canonical<T: Serialize>(value: &T) -> String {
    serde_json::to_value(value).map(|value| value.to_string()).unwrap_or_default()
}
