//! How letters leave. Every target has a task of its own while something is due for it, so nobody
//! is kept waiting by somebody else's silence; one that does not answer is tried with one letter at
//! a time, less and less often, and the others that wait for it are not touched.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use futures::StreamExt as _;
use lianshi_market::{message::MESSAGE_KIND, usage::REPORT_KIND};
use lianshi_registry::{id::NodeName, time::Timestamp, wire::Receipt};
use lianshi_store::{
    Fault, Site,
    outbox::{self, OutboxRow, RETRY_MS_FIRST, RETRY_MS_MAX},
    subscriptions,
};
use tokio::{sync::Notify, task::JoinSet};

use super::{on_site, receive};
use crate::{clock, net::NetHandle, trouble::Trouble};

/// Letters of one target looked at together: enough to keep a link busy, and of the largest ones
/// eight MiB.
const LETTERS_AT_ONCE: i64 = 16;
/// Letters under way to one target at the same time.
const UNDER_WAY_MAX: usize = 8;
/// How often the outbox is looked at without a nudge: commands beside the serving process write to
/// it as well.
const POLL_MS: u64 = 250;

/// Whom nothing is sent to for a while, because it did not answer.
#[derive(Default)]
struct Rests(BTreeMap<String, (u32, Timestamp)>);

impl Rests {
    fn rests(&self, target: &str, now: Timestamp) -> bool {
        // A clock that was set back must not make a rest longer than it can be.
        let ends = |until: Timestamp| until > now && until <= now.plus_millis(RETRY_MS_MAX);
        self.0.get(target).is_some_and(|(_, until)| ends(*until))
    }

    fn hear(&mut self, target: String, answered: bool, now: Timestamp) {
        if answered {
            self.0.remove(&target);
            return;
        }
        let (failures, until) = self.0.entry(target).or_default();
        let pause = RETRY_MS_FIRST.saturating_mul(1_i64 << (*failures).min(16)).min(RETRY_MS_MAX);
        *failures = failures.saturating_add(1);
        *until = now.plus_millis(pause);
    }
}

/// Delivers letters until the task is aborted. A nudge or a new connection starts a look at once.
pub async fn run(site: Site, mut net: NetHandle, wake: Arc<Notify>) {
    let mut linked = BTreeSet::new();
    let mut rests = Rests::default();
    let mut trouble = Trouble::new("working on the outbox");
    let mut tasks: JoinSet<(String, Result<bool, Fault>)> = JoinSet::new();
    let mut busy = BTreeSet::new();
    loop {
        let nudged = wake.notified();
        tokio::pin!(nudged);
        // Registered before the outbox is read, so that no nudge falls between.
        nudged.as_mut().enable();
        wake_returned(&site, (&mut linked, &mut rests), net.connected()).await;
        let due = on_site(&site, |site| site.db.read(|read| outbox::targets_due(read, site.now())));
        for target in trouble.hear(due.await).unwrap_or_default() {
            if !rests.rests(&target, clock::now()) && busy.insert(target.clone()) {
                let (site, net) = (site.clone(), net.clone());
                tasks.spawn(async move {
                    let answered = deliver_to(&site, &net, &target).await;
                    (target, answered)
                });
            }
        }
        tokio::select! {
            () = nudged => {}
            _ = net.next_change() => {}
            Some(ended) = tasks.join_next(), if !tasks.is_empty() => {
                let Ok((target, answered)) = ended else {
                    // A task that panicked said so; receivers accept what others repeat.
                    busy.clear();
                    continue;
                };
                busy.remove(&target);
                let answered = trouble.hear(answered).unwrap_or(false);
                rests.hear(target, answered, clock::now());
            }
            () = tokio::time::sleep(Duration::from_millis(POLL_MS)) => {}
        }
    }
}

/// Everything for nodes that came back since the last look is due now.
async fn wake_returned(
    site: &Site,
    (linked, rests): (&mut BTreeSet<NodeName>, &mut Rests),
    now: BTreeSet<NodeName>,
) {
    let returned: Vec<NodeName> = now.difference(linked).cloned().collect();
    *linked = now;
    if returned.is_empty() {
        return;
    }
    for node in &returned {
        rests.0.remove(node.as_str());
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

/// Delivers what is due for a target until nothing is, or it does not answer; gives whether it
/// answered. The first letter goes alone: where it is not answered, the others are not touched.
pub async fn deliver_to(site: &Site, net: &NetHandle, target: &str) -> Result<bool, Fault> {
    let mut at_once = 1;
    loop {
        let wanted = target.to_owned();
        let due = on_site(site, move |site| {
            site.db.read(|read| outbox::due_to(read, &wanted, (site.now(), at_once)))
        });
        let due = due.await?;
        if due.is_empty() {
            return Ok(true);
        }
        let tries = due.into_iter().map(|letter| async {
            let answer = carry(site, net, &letter).await;
            (letter, answer)
        });
        let tried: Vec<Tried> =
            futures::stream::iter(tries).buffer_unordered(UNDER_WAY_MAX).collect().await;
        let answered = tried.iter().all(|(_, answer)| answer.is_ok());
        on_site(site, move |site| settle(site, tried)).await?;
        if !answered {
            return Ok(false);
        }
        at_once = LETTERS_AT_ONCE;
    }
}

/// A letter and what became of one attempt: the receiver's answer, or why there is none.
type Tried = (OutboxRow, Result<Receipt, String>);

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

/// Writes down what became of some attempts, in one transaction but for what a room has to do about
/// a refusal.
fn settle(site: &Site, tried: Vec<Tried>) -> Result<(), Fault> {
    let (mut done, mut later) = (Vec::new(), Vec::new());
    for (letter, answer) in tried {
        match answer {
            Ok(Receipt::Taken) => done.push(letter.id),
            Ok(Receipt::Refused { code, text, again: false }) if letter.kind == MESSAGE_KIND => {
                told(&letter, &code, &text);
                subscriptions::rejected(site, &letter, &code, &text)?;
            }
            // The next count of the subscription says what this one said.
            Ok(Receipt::Refused { code, text, again: false }) if letter.kind == REPORT_KIND => {
                told(&letter, &code, &text);
                done.push(letter.id);
            }
            Ok(Receipt::Refused { code, text, .. }) => {
                told(&letter, &code, &text);
                later.push((letter.id, format!("{code}: {text}")));
            }
            Err(why) => later.push((letter.id, why)),
        }
    }
    if done.is_empty() && later.is_empty() {
        return Ok(());
    }
    site.db.write(|write| {
        done.iter().try_for_each(|id| outbox::done(write, id))?;
        later.iter().try_for_each(|(id, why)| outbox::failed(write, id, why, site.now()))
    })
}

fn told(letter: &OutboxRow, code: &str, text: &str) {
    tracing::warn!(letter = %letter.id, to = %letter.target, code, text, "refused");
}
