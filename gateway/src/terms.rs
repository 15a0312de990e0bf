//! What a call stands on: the contract behind its key and the product as the catalog has it. Both
//! are kept in memory for a second, so that a storm of calls asks the database once, and an ending,
//! a revocation or a suspension is felt within two seconds. What is not there is kept as well, in
//! room of its own: a storm of calls with an unknown key asks once, too, and displaces no contract.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use lianshi_market::{key::KeyHash, subscription::Contract};
use lianshi_registry::{entry::Product, id::RegistrationNumber, time::Timestamp};
use lianshi_store::{
    Fault, Read, catalog,
    datasets::{self, Dataset},
    subscriptions,
};

/// How long a contract or product is believed, and how long it is believed that there is none: a
/// key made after its refusal opens no later than a revoked one closes.
const FRESH_MS: i64 = 1_000;
/// Contracts kept, products kept, and unknown keys kept: the newest of each, however many are
/// asked for in a second.
const KEPT_MAX: usize = 10_000;

/// A product as calls need it.
pub(crate) struct ProductTerms {
    pub product: Product,
    /// Code and words of why it is not offered now; `None` while it is.
    pub not_offered: Option<(String, String)>,
}

/// What is kept in memory.
#[derive(Default)]
pub(crate) struct Terms {
    contracts: Kept<KeyHash, Arc<Contract>>,
    /// Keys without a contract.
    unknown: Kept<KeyHash, ()>,
    /// Products of contracts; `None` for one that the catalog does not have.
    products: Kept<RegistrationNumber, Option<Arc<ProductTerms>>>,
    datasets: Mutex<BTreeMap<(String, String), Arc<Dataset>>>,
}

/// Contract and product of a call.
pub(crate) struct Pair {
    pub contract: Option<Arc<Contract>>,
    /// Looked for only where it is the contract's.
    pub product: Option<Arc<ProductTerms>>,
}

impl Pair {
    const UNKNOWN: Self = Self { contract: None, product: None };

    /// A contract that does not cover what is called: no product is looked for.
    fn elsewhere(contract: Arc<Contract>) -> Self {
        Self { contract: Some(contract), product: None }
    }
}

impl Terms {
    /// Both from memory, if what is to be known of them is fresh there.
    pub(crate) fn remembered(
        &self,
        key: &KeyHash,
        number: &RegistrationNumber,
        now: Timestamp,
    ) -> Option<Pair> {
        let Some(contract) = self.contracts.fresh(key, now) else {
            return self.unknown.fresh(key, now).map(|()| Pair::UNKNOWN);
        };
        if contract.entitlement.product != *number {
            return Some(Pair::elsewhere(contract));
        }
        let product = self.products.fresh(number, now)?;
        Some(Pair { contract: Some(contract), product })
    }

    /// Both from the database, and remembered.
    pub(crate) fn read(
        &self,
        read: &mut Read<'_>,
        (key, number): (&KeyHash, &RegistrationNumber),
        now: Timestamp,
    ) -> Result<Pair, Fault> {
        let Some(contract) = subscriptions::entitlement_by_key(read, key)? else {
            self.unknown.keep(*key, (), now);
            return Ok(Pair::UNKNOWN);
        };
        let contract = self.contracts.keep(*key, Arc::new(contract), now);
        if contract.entitlement.product != *number {
            return Ok(Pair::elsewhere(contract));
        }
        let terms = catalog::product(read, number)?.map(|offer| {
            let standing = offer.standing(now);
            let not_offered = (!standing.is_listed())
                .then(|| (standing.code.to_owned(), standing.reason.clone()));
            Arc::new(ProductTerms { product: offer.product, not_offered })
        });
        let product = self.products.keep(number.clone(), terms, now);
        Ok(Pair { contract: Some(contract), product })
    }

    /// The data set in service, asked for in the caller's snapshot; its definition is parsed once
    /// for each version.
    pub(crate) fn dataset(
        &self,
        read: &mut Read<'_>,
        product: &str,
        operation: &str,
    ) -> Result<Option<Arc<Dataset>>, Fault> {
        let Some(version) = datasets::version(read, product, operation)? else { return Ok(None) };
        let key = (product.to_owned(), operation.to_owned());
        let known = self.datasets.lock().unwrap_or_else(PoisonError::into_inner).get(&key).cloned();
        if let Some(known) = known.filter(|known| known.version == version) {
            return Ok(Some(known));
        }
        let Some(dataset) = datasets::dataset(read, product, operation)? else { return Ok(None) };
        let dataset = Arc::new(dataset);
        let mut all = self.datasets.lock().unwrap_or_else(PoisonError::into_inner);
        all.insert(key, Arc::clone(&dataset));
        Ok(Some(dataset))
    }
}

/// Values with the time they were read at: the newest ones, [`KEPT_MAX`] at most. They are kept in
/// two halves; when the newer one is full the older one is given up, so that no flood costs more
/// than its own questions.
struct Kept<K, V>(Mutex<Halves<K, V>>);

struct Halves<K, V> {
    newer: BTreeMap<K, (Timestamp, V)>,
    older: BTreeMap<K, (Timestamp, V)>,
}

impl<K, V> Default for Kept<K, V> {
    fn default() -> Self {
        Self(Mutex::new(Halves { newer: BTreeMap::new(), older: BTreeMap::new() }))
    }
}

impl<K: Ord, V: Clone> Kept<K, V> {
    fn fresh(&self, key: &K, now: Timestamp) -> Option<V> {
        let halves = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = halves.newer.get(key).or_else(|| halves.older.get(key));
        kept.filter(|(at, _)| is_fresh(*at, now)).map(|(_, value)| value.clone())
    }

    fn keep(&self, key: K, value: V, now: Timestamp) -> V {
        let mut halves = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if halves.newer.len() >= KEPT_MAX / 2 {
            halves.older = std::mem::take(&mut halves.newer);
        }
        halves.newer.insert(key, (now, value.clone()));
        value
    }
}

/// What was read in the future was read before the clock was set back, and is read again.
fn is_fresh(at: Timestamp, now: Timestamp) -> bool {
    (0..FRESH_MS).contains(&now.millis().saturating_sub(at.millis()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_is_believed_for_a_second_of_any_clock() {
        let kept = Kept::default();
        let at = Timestamp::from_millis;
        kept.keep("key", "value", at(10_000));
        let fresh = |millis| kept.fresh(&"key", at(millis)).is_some();
        assert!(fresh(10_000) && fresh(10_999));
        assert!(!fresh(11_000));
        assert!(!fresh(9_999), "the clock was set back");
    }

    #[test]
    fn a_flood_is_kept_to_its_newest_and_what_was_read_again_is_told_anew() {
        let kept = Kept::default();
        let at = Timestamp::from_millis;
        for number in 0..3 * KEPT_MAX {
            kept.keep(number, number, at(10_000));
        }
        let found = (0..3 * KEPT_MAX).filter(|n| kept.fresh(n, at(10_000)).is_some()).count();
        assert!((KEPT_MAX / 2..=KEPT_MAX).contains(&found), "{found} are kept");
        let newest = 3 * KEPT_MAX - 1;
        assert!(kept.fresh(&newest, at(10_000)).is_some());
        // Kept in the older half by now, and read again.
        let first = 3 * KEPT_MAX - KEPT_MAX / 2 - 1;
        kept.keep(first, 7, at(10_500));
        assert_eq!(kept.fresh(&first, at(11_000)), Some(7));
    }
}
