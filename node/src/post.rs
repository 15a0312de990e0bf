//! The post: carries what the rooms wrote into the outbox to the nodes it is for, and hands letters
//! that come in to their rooms. It decides nothing. A letter leaves again and again until its
//! receiver has answered; rooms accept repeats.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use futures::StreamExt as _;
use lianshi_market::{message::MESSAGE_KIND, usage::REPORT_KIND};
use lianshi_registry::{id::NodeName, refusal::Refusal, wire::Receipt};
use lianshi_store::{
    Failure, Fault, Site,
    outbox::{self, OutboxRow},
    statements, subscriptions, usage,
};
use tokio::sync::Notify;

use crate::{net::NetHandle, trouble::Trouble};

/// Letters looked at in one round: enough to keep every link busy, few enough to hold in memory.
const ROUND_LETTERS_MAX: i64 = 256;
/// Letters under way at the same time.
const UNDER_WAY_MAX: usize = 16;
/// How often the outbox is looked at without a nudge: commands beside the serving process write to
/// it as well.
const POLL_MS: u64 = 250;
/// How often contracts in force are compared with the catalog: a link that ends stops what is below
/// it within seconds.
const CONTRACTS_MS: u64 = 1_000;

/// Delivers letters until the task is aborted. A nudge or a new connection starts a round at once.
pub async fn run(site: Site, mut net: NetHandle, wake: Arc<Notify>) {
    let mut linked = BTreeSet::new();
    let mut trouble = Trouble::new("working on the outbox");
    loop {
        let nudged = wake.notified();
        tokio::pin!(nudged);
        // Registered before the outbox is read, so that no nudge falls between.
        nudged.as_mut().enable();
        wake_returned(&site, &mut linked, net.connected()).await;
        if trouble.hear(deliver_due(&site, &net).await).is_some_and(|delivered| delivered > 0) {
            continue;
        }
        tokio::select! {
            () = nudged => {}
            _ = net.next_change() => {}
            () = tokio::time::sleep(Duration::from_millis(POLL_MS)) => {}
        }
    }
}

/// Everything for nodes that came back since the last look is due now.
async fn wake_returned(site: &Site, linked: &mut BTreeSet<NodeName>, now: BTreeSet<NodeName>) {
    let returned: Vec<NodeName> = now.difference(linked).cloned().collect();
    *linked = now;
    if returned.is_empty() {
        return;
    }
    let woken = on_site(site, move |site| {
        site.db.write(|write| {
            returned.iter().try_for_each(|node| outbox::wake(write, node.as_str(), site.now()))
        })
    });
    if let Err(error) = woken.await {
        tracing::error!(%error, "letters for a node that came back could not be woken");
    }
}

/// One round: every letter that is due is tried once. Gives how many were delivered.
pub async fn deliver_due(site: &Site, net: &NetHandle) -> Result<usize, Fault> {
    let due =
        on_site(site, |site| site.db.read(|read| outbox::due(read, site.now(), ROUND_LETTERS_MAX)))
            .await?;
    let tries = due.into_iter().map(|letter| deliver(site, net, letter));
    let outcomes: Vec<Result<bool, Fault>> =
        futures::stream::iter(tries).buffer_unordered(UNDER_WAY_MAX).collect().await;
    let mut delivered = 0;
    for outcome in outcomes {
        delivered += usize::from(outcome?);
    }
    Ok(delivered)
}

async fn deliver(site: &Site, net: &NetHandle, letter: OutboxRow) -> Result<bool, Fault> {
    let answer = carry(site, net, &letter).await;
    on_site(site, move |site| settle(site, &letter, answer)).await
}

/// What became of one attempt: the receiver's answer, or why there is none.
async fn carry(site: &Site, net: &NetHandle, letter: &OutboxRow) -> Result<Receipt, String> {
    let to = NodeName::parse(&letter.target).map_err(|error| error.to_string())?;
    let (kind, bytes) = (letter.kind.clone(), letter.payload.clone());
    let answer = if to == site.node {
        on_site(site, move |site| Ok(receive(site, &site.node, &kind, &bytes)))
            .await
            .map_err(|fault| fault.to_string())??
    } else {
        net.send(&to, &kind, bytes).await.map_err(|error| error.to_string())?
    };
    Receipt::parse(&answer).ok_or_else(|| "the answer is not a receipt".to_owned())
}

/// Writes down what became of an attempt.
fn settle(site: &Site, letter: &OutboxRow, answer: Result<Receipt, String>) -> Result<bool, Fault> {
    let later = |why: &str| {
        site.db.write(|write| outbox::failed(write, &letter.id, why, site.now()))?;
        Ok(false)
    };
    match answer {
        Ok(Receipt::Taken) => {
            site.db.write(|write| outbox::done(write, &letter.id))?;
            Ok(true)
        }
        Ok(Receipt::Refused { code, text, again: false }) if letter.kind == MESSAGE_KIND => {
            tracing::warn!(letter = %letter.id, to = %letter.target, code, text, "refused for good");
            subscriptions::rejected(site, letter, &code, &text)?;
            Ok(true)
        }
        // The next count of the subscription says what this one said.
        Ok(Receipt::Refused { code, text, again: false }) if letter.kind == REPORT_KIND => {
            tracing::warn!(letter = %letter.id, to = %letter.target, code, text, "refused for good");
            site.db.write(|write| outbox::done(write, &letter.id))?;
            Ok(true)
        }
        Ok(Receipt::Refused { code, text, .. }) => {
            tracing::warn!(letter = %letter.id, to = %letter.target, code, text, "refused");
            later(&format!("{code}: {text}"))
        }
        Err(why) => later(&why),
    }
}

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
