//! How letters and notices leave. Every target has a task of its own while something is due for it,
//! so nobody is kept waiting by somebody else's silence; one that does not answer is tried with one
//! letter at a time, less and less often, and the others that wait for it are not touched.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
    time::Duration,
};

use futures::StreamExt as _;
use lianshi_market::{
    message::{GAP, MESSAGE_KIND},
    usage::REPORT_KIND,
};
use lianshi_registry::{id::NodeName, time::Timestamp, wire::Receipt};
use lianshi_store::{
    Fault, Site, notices,
    outbox::{self, OutboxRow, RETRY_MS_FIRST, RETRY_MS_MAX},
    subscriptions,
};
use tokio::{
    sync::Notify,
    task::{Id, JoinSet},
};

use super::{on_site, outlets::Outlets, receive};
use crate::{
    clock,
    net::{NetError, NetHandle},
    trouble::Trouble,
};

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

    fn hear(&mut self, target: String, outcome: Outcome, now: Timestamp) {
        match outcome {
            Outcome::Nothing => return,
            Outcome::Answered => {
                self.0.remove(&target);
                return;
            }
            Outcome::Silent => {}
        }
        let (failures, until) = self.0.entry(target).or_default();
        let pause = RETRY_MS_FIRST.saturating_mul(1_i64 << (*failures).min(16)).min(RETRY_MS_MAX);
        *failures = failures.saturating_add(1);
        *until = now.plus_millis(pause);
    }
}

/// Delivers letters and notices until the task is aborted. A nudge or a new connection starts a
/// look at once.
pub async fn run(site: Site, mut net: NetHandle, outlets: Arc<Outlets>, wake: Arc<Notify>) {
    let mut linked = BTreeSet::new();
    let mut rests = Rests::default();
    let mut trouble = Trouble::new("working on the outbox");
    let mut tasks = JoinSet::new();
    let mut busy: HashMap<Id, String> = HashMap::new();
    loop {
        let nudged = wake.notified();
        tokio::pin!(nudged);
        // Registered before the outbox is read, so that no nudge falls between.
        nudged.as_mut().enable();
        wake_returned(&site, (&mut linked, &mut rests), net.connected()).await;
        let due = on_site(&site, |site| site.db.read(|read| outbox::targets_due(read, site.now())));
        for target in trouble.hear(due.await).unwrap_or_default() {
            let is_busy = busy.values().any(|busy| *busy == target);
            if !is_busy && !rests.rests(&target, clock::now()) {
                let (site, net, to) = (site.clone(), net.clone(), target.clone());
                let outlets = Arc::clone(&outlets);
                let task = tasks.spawn(async move {
                    let carrier = if notices::is_outside(&to) {
                        Carrier::Outside(&outlets)
                    } else {
                        Carrier::Peers(&net)
                    };
                    deliver(&site, &carrier, &to).await
                });
                busy.insert(task.id(), target);
            }
        }
        tokio::select! {
            () = nudged => {}
            _ = net.next_change() => {}
            Some(ended) = tasks.join_next_with_id(), if !tasks.is_empty() => {
                // A task that panicked said so, and its target rests.
                let (id, outcome) = match ended {
                    Ok((id, outcome)) => (id, trouble.hear(outcome).unwrap_or(Outcome::Silent)),
                    Err(error) => (error.id(), Outcome::Silent),
                };
                if let Some(target) = busy.remove(&id) {
                    rests.hear(target, outcome, clock::now());
                }
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

/// What came of the letters of one target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// None was due.
    Nothing,
    /// It took or refused what was sent, or could not read it.
    Answered,
    /// It could not be reached, or did not answer in time.
    Silent,
}

/// By whom something leaves.
pub(super) enum Carrier<'a> {
    /// Over the links to other nodes.
    Peers(&'a NetHandle),
    /// To people and programs outside the federation.
    Outside(&'a Outlets),
}

impl Carrier<'_> {
    async fn carry(&self, site: &Site, letter: &OutboxRow) -> Result<Receipt, Missed> {
        match self {
            Self::Peers(net) => carry(site, net, letter).await,
            Self::Outside(outlets) => outlets.carry(site, letter).await,
        }
    }
}

/// Delivers what is due for a target until nothing is, or it does not answer. The first letter goes
/// alone: where it is not answered, the others are not touched.
pub(super) async fn deliver(
    site: &Site,
    carrier: &Carrier<'_>,
    target: &str,
) -> Result<Outcome, Fault> {
    let (mut at_once, mut outcome) = (1, Outcome::Nothing);
    loop {
        let wanted = target.to_owned();
        let due = on_site(site, move |site| {
            site.db.read(|read| outbox::due_to(read, &wanted, (site.now(), at_once)))
        });
        let due = due.await?;
        if due.is_empty() {
            return Ok(outcome);
        }
        let tries = due.into_iter().map(|letter| async {
            let answer = carrier.carry(site, &letter).await;
            (letter, answer)
        });
        let tried: Vec<Tried> =
            futures::stream::iter(tries).buffer_unordered(UNDER_WAY_MAX).collect().await;
        let is_silent = tried.iter().any(|(_, answer)| matches!(answer, Err(Missed::Silent(_))));
        on_site(site, move |site| settle(site, tried)).await?;
        if is_silent {
            return Ok(Outcome::Silent);
        }
        (at_once, outcome) = (LETTERS_AT_ONCE, Outcome::Answered);
    }
}

/// A letter and what became of one attempt: the receiver's answer, or why there is none.
type Tried = (OutboxRow, Result<Receipt, Missed>);

/// Why there is no receipt.
pub(super) enum Missed {
    /// Nobody answers there, whatever is sent.
    Silent(String),
    /// This letter was not taken.
    Unread(String),
    /// This letter fits into no frame, and never will.
    TooLarge(String),
}

async fn carry(site: &Site, net: &NetHandle, letter: &OutboxRow) -> Result<Receipt, Missed> {
    let to = NodeName::parse(&letter.target).map_err(|error| Missed::Silent(error.to_string()))?;
    let (kind, bytes) = (letter.kind.clone(), letter.payload.clone());
    let answer = if to == site.node {
        on_site(site, move |site| Ok(receive(site, &site.node, &kind, &bytes)))
            .await
            .map_err(|fault| Missed::Unread(fault.to_string()))?
            .map_err(Missed::Unread)?
    } else {
        net.send(&to, &kind, bytes).await.map_err(|error| match error {
            NetError::TooLarge(_) => Missed::TooLarge(error.to_string()),
            NetError::Missing(_) | NetError::Refused(_) => Missed::Unread(error.to_string()),
            _ => Missed::Silent(error.to_string()),
        })?
    };
    Receipt::parse(&answer).ok_or_else(|| Missed::Unread("the answer is no receipt".to_owned()))
}

/// Writes down what became of some attempts, in one transaction but for what a room has to do about
/// a refusal.
fn settle(site: &Site, tried: Vec<Tried>) -> Result<(), Fault> {
    let (mut done, mut later, mut rejected) = (Vec::new(), Vec::new(), Vec::new());
    let (mut gaps, mut parked) = (Vec::new(), Vec::new());
    for (letter, answer) in tried {
        match answer {
            Ok(Receipt::Taken) => done.push(letter.id),
            Ok(Receipt::Refused { code, text, again: false }) if letter.kind == MESSAGE_KIND => {
                told(&letter, &code, &text);
                rejected.push((letter, code, text));
            }
            // The next count of the subscription says what this one said.
            Ok(Receipt::Refused { code, text, again: false }) if letter.kind == REPORT_KIND => {
                told(&letter, &code, &text);
                done.push(letter.id);
            }
            Ok(Receipt::Refused { code, text, again: false }) => {
                told(&letter, &code, &text);
                parked.push((letter, code, text));
            }
            Ok(Receipt::Refused { code, text, again: true }) => {
                told(&letter, &code, &text);
                // Once: where what is kept does not help, more of it does not either.
                let is_new = letter.attempts == 0;
                if letter.kind == MESSAGE_KIND && code == GAP && is_new {
                    gaps.push(letter.clone());
                }
                later.push((letter.id, format!("{code}: {text}")));
            }
            Err(Missed::TooLarge(why)) => parked.push((letter, outbox::TOO_LARGE.to_owned(), why)),
            Err(Missed::Silent(why) | Missed::Unread(why)) => later.push((letter.id, why)),
        }
    }
    if !done.is_empty() || !later.is_empty() || !parked.is_empty() {
        site.db.write(|write| {
            done.iter().try_for_each(|id| outbox::done(write, id))?;
            parked.iter().try_for_each(|(letter, code, text)| {
                outbox::park(write, site, letter, (code, text))
            })?;
            later.iter().try_for_each(|(id, why)| outbox::failed(write, id, why, site.now()))
        })?;
    }
    gaps.iter().try_for_each(|letter| subscriptions::missed(site, letter))?;
    rejected
        .iter()
        .try_for_each(|(letter, code, text)| subscriptions::rejected(site, letter, code, text))
}

fn told(letter: &OutboxRow, code: &str, text: &str) {
    tracing::warn!(letter = %letter.id, to = %letter.target, code, text, "refused");
}
