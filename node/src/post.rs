//! The post: carries what the rooms wrote into the outbox to the nodes it is for and to people and
//! programs outside, and hands letters that come in to `store::letters`. It decides nothing. A
//! letter leaves again and again until its receiver has answered; rooms accept repeats.

mod delivery;
pub mod outlets;
mod reconcile;

use std::time::Duration;

use lianshi_registry::{id::NodeName, wire::Receipt};
use lianshi_store::{Failure, Fault, Site, letters, subscriptions};

pub use delivery::run;
pub use reconcile::reconcile;

use crate::trouble::Trouble;

/// How often it is looked for contracts to be compared with the catalog: a link that ends stops
/// what is below it within seconds.
const CONTRACTS_MS: u64 = 1_000;

/// Hands a letter to its room and gives the receipt to send back. Called on a blocking thread with
/// the authenticated sender; an error means that nothing was decided and the sender tries again.
pub fn receive(site: &Site, from: &NodeName, kind: &str, bytes: &[u8]) -> Result<Vec<u8>, String> {
    let receipt = match letters::receive(site, from, (kind, bytes)) {
        Ok(()) => Receipt::Taken,
        Err(Failure::Refused(refusal)) => refusal.receipt(),
        Err(Failure::Fault(fault)) => {
            tracing::error!(%from, kind, error = %fault, "a letter could not be taken");
            return Err("a fault; try again".to_owned());
        }
    };
    Ok(receipt.to_bytes())
}

/// Follows the catalog until the task is aborted: contracts whose product or authorization ended
/// are ended or cut, with notice to the home node.
pub async fn follow_catalog(site: Site) {
    let mut trouble = Trouble::new("comparing contracts with the catalog");
    while trouble.hear(on_site(&site, subscriptions::follow_anew).await).is_none() {
        tokio::time::sleep(Duration::from_millis(CONTRACTS_MS)).await;
    }
    loop {
        trouble.hear(on_site(&site, subscriptions::follow_catalog).await);
        tokio::time::sleep(Duration::from_millis(CONTRACTS_MS)).await;
    }
}

/// Runs store work on a blocking thread.
async fn on_site<T: Send + 'static>(
    site: &Site,
    work: impl FnOnce(&Site) -> Result<T, Fault> + Send + 'static,
) -> Result<T, Fault> {
    let site = site.clone();
    match tokio::task::spawn_blocking(move || work(&site)).await {
        Ok(done) => done,
        Err(error) => Err(Fault::Connection(format!("a blocking task ended: {error}"))),
    }
}

#[cfg(test)]
mod tests;
