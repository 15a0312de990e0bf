//! What a call stands on: the contract behind its key and the product as the catalog has it. Both
//! are kept in memory for a second, so that a storm of calls asks the database once, and an ending,
//! a revocation or a suspension is felt within two seconds.

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

/// How long a contract or product is believed.
const FRESH_MS: i64 = 1_000;
/// Contracts and products kept before stale ones are dropped.
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
    contracts: Kept<KeyHash, Contract>,
    products: Kept<RegistrationNumber, ProductTerms>,
    datasets: Mutex<BTreeMap<(String, String), Arc<Dataset>>>,
}

/// Contract and product of a call.
pub(crate) struct Pair {
    pub contract: Option<Arc<Contract>>,
    pub product: Option<Arc<ProductTerms>>,
}

impl Terms {
    /// Both from memory, if both are fresh there.
    pub(crate) fn remembered(
        &self,
        key: &KeyHash,
        number: &RegistrationNumber,
        now: Timestamp,
    ) -> Option<Pair> {
        let contract = Some(self.contracts.fresh(key, now)?);
        let product = Some(self.products.fresh(number, now)?);
        Some(Pair { contract, product })
    }

    /// Both from the database, and remembered. An unknown key is not remembered: it may be made at
    /// any moment.
    pub(crate) fn read(
        &self,
        read: &mut Read<'_>,
        (key, number): (&KeyHash, &RegistrationNumber),
        now: Timestamp,
    ) -> Result<Pair, Fault> {
        let Some(contract) = subscriptions::entitlement_by_key(read, key)? else {
            return Ok(Pair { contract: None, product: None });
        };
        let contract = Some(self.contracts.keep(*key, contract, now));
        let Some(offer) = catalog::product(read, number)? else {
            return Ok(Pair { contract, product: None });
        };
        let standing = offer.standing(now);
        let not_offered =
            (!standing.is_listed()).then(|| (standing.code.to_owned(), standing.reason.clone()));
        let terms = ProductTerms { product: offer.product, not_offered };
        Ok(Pair { contract, product: Some(self.products.keep(number.clone(), terms, now)) })
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

/// Values with the time they were read at.
struct Kept<K, V>(Mutex<BTreeMap<K, (Timestamp, Arc<V>)>>);

impl<K, V> Default for Kept<K, V> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<K: Ord, V> Kept<K, V> {
    fn fresh(&self, key: &K, now: Timestamp) -> Option<Arc<V>> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.get(key).filter(|(at, _)| is_fresh(*at, now)).map(|(_, value)| Arc::clone(value))
    }

    fn keep(&self, key: K, value: V, now: Timestamp) -> Arc<V> {
        let value = Arc::new(value);
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= KEPT_MAX {
            all.retain(|_, (at, _)| is_fresh(*at, now));
        }
        all.insert(key, (now, Arc::clone(&value)));
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
}
