//! After a recovery every other node is asked what both wrote, until all have answered; and whoever
//! a person has asked once more. Each has a
//! task of its own, so that nobody waits for somebody else's silence or lies. What they say is
//! judged by the store.

mod lists;

use std::{collections::HashMap, sync::Arc, time::Duration};

use lianshi_market::{
    correspondence::{Letters, MONTHS_MAX, Months, Papers, Question, STANDINGS_MAX, Standings},
    message::MessageRefusal,
    subscription::{Side, SubscriptionId},
};
use lianshi_registry::{
    backoff::Backoff, id::NodeName, json, member::Status, time::Period, wire::Request,
};
use lianshi_store::{
    Failure, Fault, Site, members, statements,
    subscriptions::correspondence::{self, NotTaken, Told},
};
use serde::de::DeserializeOwned;
use tokio::{
    sync::Semaphore,
    task::{Id, JoinSet},
};

use self::lists::Far;
use super::on_site;
use crate::{
    net::{BUSY, NetError, NetHandle},
    trouble::Trouble,
};

/// How often it is looked for nodes that a person has asked once more.
const LOOK: Duration = Duration::from_secs(5);
/// Nodes asked at the same time.
const ASKED_AT_ONCE: usize = 8;
/// Longest that one node keeps a place. What was taken in it stays taken, so the next attempt goes
/// on behind it.
const ATTEMPT_MAX: Duration = Duration::from_mins(1);
/// Pauses after attempts that failed: whoever comes back is asked within half a minute.
const PAUSES: Backoff = Backoff::new(1_000, 30_000);
/// Messages of one process that are taken at most: more than a key made and taken back on every day
/// of the longest term.
const LETTERS_MAX: usize = 10_000;
/// Their bytes: sixteen times what one answer has.
const LETTERS_BYTES_MAX: usize = 16 << 20;

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
    #[error("it did not come to an end within {} s", ATTEMPT_MAX.as_secs())]
    Late,
}

/// Asks every node that is to be asked, until the task is aborted: those of a recovery, which
/// happens while nothing is served, and those a person has asked once more.
pub async fn reconcile(site: Site, net: NetHandle) {
    let places = Arc::new(Semaphore::new(ASKED_AT_ONCE));
    let mut trouble = Trouble::new("looking whom to ask what was said");
    let (mut tasks, mut asked) = (JoinSet::new(), HashMap::<Id, NodeName>::new());
    loop {
        while let Some(ended) = tasks.try_join_next_with_id() {
            asked.remove(&ended.map_or_else(|error| error.id(), |(id, ())| id));
        }
        let to_ask = on_site(&site, |site| site.db.read(correspondence::to_ask)).await;
        for node in trouble.hear(to_ask).unwrap_or_default() {
            if asked.values().all(|asked| *asked != node) {
                let places = Arc::clone(&places);
                let asking = until_answered(site.clone(), net.clone(), (node.clone(), places));
                asked.insert(tasks.spawn(asking).id(), node);
            }
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// Asks one node again and again, less and less often, until it has answered or is not waited for.
async fn until_answered(site: Site, net: NetHandle, (node, places): (NodeName, Arc<Semaphore>)) {
    let mut failures = 0;
    let mut far = Far::default();
    loop {
        let attempt = async {
            // Never closed.
            let _place = places.acquire().await;
            let asked = tokio::time::timeout(ATTEMPT_MAX, ask(&site, &net, (&node, &mut far)));
            asked.await.unwrap_or(Err(Unasked::Late))
        };
        match attempt.await {
            Ok(()) => {
                tracing::info!(%node, "asked what was said before the restore");
                return;
            }
            // Told once; after that it is what is known already.
            Err(error) if failures == 0 => {
                tracing::warn!(%node, %error, "to be asked again what was said before the restore");
            }
            Err(error) => tracing::debug!(%node, %error, "to be asked again"),
        }
        failures += 1;
        tokio::time::sleep(Duration::from_millis(PAUSES.pause_ms(failures).unsigned_abs())).await;
        let name = node.clone();
        let is_awaited = on_site(&site, move |site| {
            site.db.read(|read| Ok(correspondence::to_ask(read)?.contains(&name)))
        });
        if matches!(is_awaited.await, Ok(false)) {
            return;
        }
    }
}

async fn ask(
    site: &Site,
    net: &NetHandle,
    (node, far): (&NodeName, &mut Far),
) -> Result<(), Unasked> {
    if has_left(site, node).await? {
        return settled(site, node).await;
    }
    let mut after: Option<SubscriptionId> = None;
    let mut not_yet = None;
    loop {
        let asked = Question::Standings { after: after.clone() };
        let told: Standings = question(net, node, &asked).await?;
        ensure_onward(after.as_ref(), &told)?;
        let (to, from, next) = (node.clone(), after, told.standings.last().cloned());
        let more = told.more;
        let wanted =
            on_site(site, move |site| correspondence::compare(site, &to, (from.as_ref(), &told)));
        for copy in wanted.await? {
            if let Some(refusal) = take(site, net, (node, copy)).await? {
                not_yet = Some(refusal);
            }
        }
        let Some(next) = next.filter(|_| more) else { break };
        after = Some(next.process);
    }
    if let Some(refusal) = not_yet {
        return Err(Unasked::NotYet(refusal));
    }
    // After the contracts they are about.
    lists::counts(site, net, (node, far)).await?;
    let told: Months = question(net, node, &Question::Months).await?;
    if told.months.len() > MONTHS_MAX {
        return Err(Unasked::Unread("it tells of more months than there are".to_owned()));
    }
    let to = node.clone();
    let wanted = on_site(site, move |site| statements::compare_months(site, &to, &told));
    let mut late = NotTaken::new();
    for month in wanted.await? {
        late.append(&mut papers(site, net, (node, month)).await?);
    }
    far.ask_again(&late)?;
    lists::leave_out(site, node, (Told::Statement, late)).await?;
    lists::divisions(site, net, (node, far)).await?;
    settled(site, node).await
}

/// Asks for the statements of a month and takes them; gives those that cannot be judged yet.
async fn papers(
    site: &Site,
    net: &NetHandle,
    (node, (of, period)): (&NodeName, (Side, Period)),
) -> Result<NotTaken, Unasked> {
    let (mut after, mut not_yet): (Option<String>, _) = (None, NotTaken::new());
    loop {
        let asked = Question::Papers { of, period, after: after.clone() };
        let told: Papers = question(net, node, &asked).await?;
        let numbers = after.iter().chain(told.papers.iter().map(|paper| &paper.number));
        if !numbers.is_sorted_by(|one, next| one < next) {
            return Err(Unasked::Unread("its list of statements does not go on".to_owned()));
        }
        let (to, from) = (node.clone(), after);
        after = told.papers.last().filter(|_| told.more).map(|last| last.number.clone());
        let taken = on_site(site, move |site| {
            statements::take_papers(site, &to, ((of, period), (from.as_deref(), &told)))
        });
        not_yet.append(&mut taken.await?);
        if after.is_none() {
            return Ok(not_yet);
        }
    }
}

/// A list that does not go on would be asked for ever.
fn ensure_onward(after: Option<&SubscriptionId>, told: &Standings) -> Result<(), Unasked> {
    let ids = after.into_iter().chain(told.standings.iter().map(|standing| &standing.process));
    let is_ascending = ids.is_sorted_by(|one, next| one < next);
    let is_empty = told.standings.is_empty();
    if is_ascending && told.standings.len() <= STANDINGS_MAX && !(is_empty && told.more) {
        return Ok(());
    }
    Err(Unasked::Unread("its list of processes does not go on".to_owned()))
}

/// Whether it withdrew from the federation: then nothing is had from it.
async fn has_left(site: &Site, node: &NodeName) -> Result<bool, Fault> {
    let name = node.clone();
    on_site(site, move |site| {
        let member = site.db.read(|read| members::by_node(read, &name))?;
        Ok(member.is_some_and(|member| member.status() == Status::Withdrawn))
    })
    .await
}

async fn settled(site: &Site, node: &NodeName) -> Result<(), Unasked> {
    let node = node.clone();
    let settled = on_site(site, move |site| {
        site.db.write(|write| correspondence::settled(write, site, &node))
    });
    Ok(settled.await?)
}

/// Asks for the messages of one copy and takes them; why they cannot be judged yet, if so.
async fn take(
    site: &Site,
    net: &NetHandle,
    (node, (process, side)): (&NodeName, (SubscriptionId, Side)),
) -> Result<Option<String>, Unasked> {
    let letters = letters(net, node, &process).await?;
    let to = node.clone();
    let taken = on_site(site, move |site| {
        let copy = (&process, side);
        let Some(letters) = letters else {
            let words = format!("more than {LETTERS_MAX} messages, or {LETTERS_BYTES_MAX} bytes");
            let refusal = MessageRefusal::Malformed(words);
            return correspondence::unfit(site, &to, (copy, &refusal)).map(|()| None);
        };
        match correspondence::take(site, &to, (copy, &letters)) {
            Ok(()) => Ok(None),
            Err(Failure::Refused(refusal)) => Ok(Some(refusal.to_string())),
            Err(Failure::Fault(fault)) => Err(fault),
        }
    });
    Ok(taken.await?)
}

/// Every message of a process; `None` where there are more than anybody writes.
async fn letters(
    net: &NetHandle,
    node: &NodeName,
    process: &SubscriptionId,
) -> Result<Option<Vec<String>>, Unasked> {
    let (mut letters, mut size_bytes) = (Vec::new(), 0_usize);
    loop {
        let skip = u64::try_from(letters.len()).unwrap_or(u64::MAX);
        let asked = Question::Letters { process: process.clone(), skip };
        let told: Letters = question(net, node, &asked).await?;
        let is_empty = told.letters.is_empty();
        size_bytes = told.letters.iter().map(String::len).fold(size_bytes, usize::saturating_add);
        letters.extend(told.letters);
        if letters.len() > LETTERS_MAX || size_bytes > LETTERS_BYTES_MAX {
            return Ok(None);
        }
        if !told.more || is_empty {
            return Ok(Some(letters));
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
    let answer = loop {
        match net.ask(node, Request::Correspondence(asked.clone())).await {
            Err(NetError::Busy(_)) => tokio::time::sleep(BUSY).await,
            answer => break answer?,
        }
    };
    json::read(&answer).map_err(|error| unread(&error))
}

#[cfg(test)]
mod tests {
    use lianshi_market::{correspondence::Standing, subscription::SUBSCRIPTION_ID_BYTES};

    use super::*;

    fn id(n: u8) -> SubscriptionId {
        SubscriptionId::from_random([n; SUBSCRIPTION_ID_BYTES])
    }

    #[test]
    fn a_list_that_does_not_go_on_is_not_followed() {
        let told = |ids: &[u8], more| {
            let standing = |n: &u8| Standing {
                process: id(*n),
                side: Side::Home,
                sent: 1,
                received: 1,
                said: String::new(),
                heard: String::new(),
            };
            Standings { standings: ids.iter().map(standing).collect(), more }
        };
        let goes_on = |after: Option<u8>, ids: &[u8], more| {
            ensure_onward(after.map(id).as_ref(), &told(ids, more)).is_ok()
        };
        assert!(goes_on(None, &[], false) && goes_on(None, &[1, 2], true));
        assert!(goes_on(Some(2), &[3], true) && goes_on(Some(2), &[], false));
        assert!(!goes_on(None, &[], true), "nothing, and more of it");
        assert!(!goes_on(Some(2), &[2], true) && !goes_on(Some(2), &[1], true));
        assert!(!goes_on(None, &[2, 1], false) && !goes_on(None, &[1, 1], false));
    }
}
