//! The post: carries what the rooms wrote into the outbox to the nodes it is for and to people and
//! programs outside, and hands letters that come in to their rooms. It decides nothing. A letter
//! leaves again and again until its receiver has answered; rooms accept repeats.

mod delivery;
pub mod outlets;
mod reconcile;

use std::time::Duration;

use lianshi_market::{message::MESSAGE_KIND, usage::REPORT_KIND};
use lianshi_registry::{id::NodeName, refusal::Refusal, wire::Receipt};
use lianshi_store::{Failure, Fault, Site, statements, subscriptions, usage};

pub use delivery::run;
pub use reconcile::reconcile;

use crate::trouble::Trouble;

/// How often it is looked for contracts to be compared with the catalog: a link that ends stops
/// what is below it within seconds.
const CONTRACTS_MS: u64 = 1_000;

/// Hands a letter to its room and gives the receipt to send back. Called on a blocking thread with
/// the authenticated sender; an error means that nothing was decided and the sender tries again.
pub fn receive(site: &Site, from: &NodeName, kind: &str, bytes: &[u8]) -> Result<Vec<u8>, String> {
    let receipt = match kind {
        MESSAGE_KIND => {
            let taken = subscriptions::receive(site, from, bytes);
            let again = matches!(&taken, Err(Failure::Refused(no)) if no.may_retry());
            receipt(from, kind, taken, again)
        }
        REPORT_KIND => {
            let taken = usage::receive_report(site, from, bytes);
            let again = matches!(&taken, Err(Failure::Refused(no)) if no.may_retry());
            receipt(from, kind, taken, again)
        }
        statements::KIND => {
            let taken = statements::receive(site, from, bytes);
            let again = matches!(&taken, Err(Failure::Refused(no)) if no.may_retry());
            receipt(from, kind, taken, again)
        }
        other => {
            let words = format!("this node does not read `{other}`");
            Ok(Receipt::refused("letter.unknown_kind", &words, true))
        }
    }?;
    Ok(receipt.to_bytes())
}

fn receipt<R: Refusal>(
    from: &NodeName,
    kind: &str,
    taken: Result<(), Failure<R>>,
    again: bool,
) -> Result<Receipt, String> {
    match taken {
        Ok(()) => Ok(Receipt::Taken),
        Err(Failure::Refused(refusal)) => {
            Ok(Receipt::refused(refusal.code(), &refusal.to_string(), again))
        }
        Err(Failure::Fault(fault)) => {
            tracing::error!(%from, kind, error = %fault, "a letter could not be taken");
            Err("a fault; try again".to_owned())
        }
    }
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
