//! After a recovery every other node is asked what both wrote, until all have answered. What they
//! say is judged by the store.

use std::time::Duration;

use futures::StreamExt as _;
use lianshi_market::{
    correspondence::{Letters, Question, Standings},
    subscription::SubscriptionId,
};
use lianshi_registry::{id::NodeName, json, wire::Request};
use lianshi_store::{Failure, Fault, Site, audit::Actor, subscriptions::correspondence};
use serde::de::DeserializeOwned;

use super::on_site;
use crate::{
    net::{NetError, NetHandle},
    trouble::Trouble,
};

/// Nodes asked at the same time.
const ASKED_AT_ONCE: usize = 8;
/// Pause before those that did not answer are asked again: calls under their contracts wait for it.
const PAUSE_MS: u64 = 1_000;
/// Messages of one process that are taken at most: more than a key made and taken back on every day
/// of the longest term.
const LETTERS_MAX: usize = 10_000;

/// Why a node was not asked to the end.
#[derive(Debug, thiserror::Error)]
enum Unasked {
    #[error(transparent)]
    Net(#[from] NetError),
    #[error(transparent)]
    Fault(#[from] Fault),
    #[error("what it answers does not read: {0}")]
    Unread(String),
    #[error("{0}")]
    NotYet(String),
}

/// Asks every node that is to be asked, again and again until none is left; then the task ends.
/// Recoveries happen while nothing is served.
pub async fn reconcile(site: Site, net: NetHandle) {
    let mut trouble = Trouble::new("asking for what was said before the restore");
    loop {
        let awaited = on_site(&site, |site| site.db.read(correspondence::awaited)).await;
        let Some(awaited) = trouble.hear(awaited) else {
            tokio::time::sleep(Duration::from_millis(PAUSE_MS)).await;
            continue;
        };
        if awaited.is_empty() {
            return;
        }
        futures::stream::iter(awaited)
            .for_each_concurrent(ASKED_AT_ONCE, |node| {
                let (site, net) = (&site, &net);
                async move {
                    match ask(site, net, &node).await {
                        Ok(()) => tracing::info!(%node, "both hold the same of what was said"),
                        Err(error) => tracing::warn!(%node, %error, "to be asked again"),
                    }
                }
            })
            .await;
        tokio::time::sleep(Duration::from_millis(PAUSE_MS)).await;
    }
}

async fn ask(site: &Site, net: &NetHandle, node: &NodeName) -> Result<(), Unasked> {
    let mut after: Option<SubscriptionId> = None;
    loop {
        let told: Standings =
            question(net, node, &Question::Standings { after: after.clone() }).await?;
        let (to, from, next) = (node.clone(), after, told.standings.last().cloned());
        let more = told.more;
        let wanted =
            on_site(site, move |site| correspondence::compare(site, &to, (from.as_ref(), &told)));
        for (process, side) in wanted.await? {
            let letters = letters(net, node, &process).await?;
            let to = node.clone();
            let taken = on_site(site, move |site| {
                match correspondence::take(site, &to, ((&process, side), &letters)) {
                    Ok(()) => Ok(None),
                    Err(Failure::Refused(refusal)) => Ok(Some(refusal.to_string())),
                    Err(Failure::Fault(fault)) => Err(fault),
                }
            });
            if let Some(refusal) = taken.await? {
                return Err(Unasked::NotYet(refusal));
            }
        }
        let Some(next) = next.filter(|_| more) else { break };
        after = Some(next.process);
    }
    let node = node.clone();
    let settled = on_site(site, move |site| {
        site.db.write(|write| correspondence::settled(write, site, (&node, &Actor::node())))
    });
    Ok(settled.await?)
}

async fn letters(
    net: &NetHandle,
    node: &NodeName,
    process: &SubscriptionId,
) -> Result<Vec<String>, Unasked> {
    let mut letters = Vec::new();
    loop {
        let skip = u64::try_from(letters.len()).unwrap_or(u64::MAX);
        let asked = Question::Letters { process: process.clone(), skip };
        let told: Letters = question(net, node, &asked).await?;
        let is_empty = told.letters.is_empty();
        letters.extend(told.letters);
        if !told.more || is_empty {
            return Ok(letters);
        }
        if letters.len() > LETTERS_MAX {
            return Err(Unasked::Unread(format!("more than {LETTERS_MAX} messages of {process}")));
        }
    }
}

async fn question<T: DeserializeOwned>(
    net: &NetHandle,
    node: &NodeName,
    question: &Question,
) -> Result<T, Unasked> {
    let unread = |error: &dyn ToString| Unasked::Unread(error.to_string());
    let asked = serde_json::to_vec(question).map_err(|error| unread(&error))?;
    let answer = net.ask(node, Request::Correspondence(asked)).await?;
    json::read(&answer).map_err(|error| unread(&error))
}
