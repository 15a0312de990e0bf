//! How letters and notices leave. Every target has a task of its own while something is due for it,
//! so nobody is kept waiting by somebody else's silence; one that does not answer is tried with one
//! letter at a time, less and less often, and the others that wait for it are not touched.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
    time::Duration,
};

use futures::StreamExt as _;
use lianshi_registry::{backoff::Backoff, id::NodeName, time::Timestamp, wire::Receipt};
use lianshi_store::{
    Fault, Site,
    letters::{self, Answer},
    notices,
    outbox::{self, OutboxRow},
};
use tokio::{
    sync::Notify,
    task::{Id, JoinSet},
};

use super::{on_site, outlets::Outlets, receive};
use crate::{
    clock,
    net::{BUSY, NetError, NetHandle},
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

/// Pauses of a target that does not answer, so at the longest shorter than those of its letters:
/// one that is never answered, though it goes before all others, is not the only one that is tried.
const REST: Backoff = Backoff::new(500, 20_000);

/// Whom nothing is sent to for a while: how often it did not answer, and until when.
#[derive(Default)]
struct Rests(BTreeMap<String, (u32, Timestamp)>);

impl Rests {
    fn rests(&self, target: &str, now: Timestamp) -> bool {
        // A clock that was set back must not make a rest longer than it can be.
        let ends = |until: Timestamp| until > now && until <= now.plus_millis(REST.max_ms());
        self.0.get(target).is_some_and(|(_, until)| ends(*until))
    }

    fn hear(&mut self, target: String, outcome: Outcome, now: Timestamp) {
        let before = self.0.get(&target).map_or(0, |(failures, _)| *failures);
        let (failures, pause_ms) = match outcome {
            Outcome::Nothing => return,
            Outcome::Answered => {
                self.0.remove(&target);
                return;
            }
            Outcome::Busy => (0, i64::try_from(BUSY.as_millis()).unwrap_or(REST.max_ms())),
            Outcome::FellSilent => (1, REST.pause_ms(1)),
            Outcome::Silent => {
                let failures = before.saturating_add(1);
                (failures, REST.pause_ms(failures))
            }
        };
        self.0.insert(target, (failures, now.plus_millis(pause_ms)));
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
    /// It answered some, and is busy now.
    Busy,
    /// It answered some, and then not in time or not at all.
    FellSilent,
    /// It could not be reached, did not answer in time, or was busy from the first.
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
    async fn carry(&self, site: &Site, letter: &OutboxRow) -> Answer {
        match self {
            Self::Peers(net) => carry(site, net, letter).await,
            Self::Outside(outlets) => outlets.carry(site, letter).await,
        }
    }
}

/// Delivers what is due for a target until nothing is, or it does not answer, or not now. The first
/// letter goes alone: where it is not answered, the others are not touched.
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
        let mut tried: Vec<(OutboxRow, Answer)> =
            futures::stream::iter(tries).buffer_unordered(UNDER_WAY_MAX).collect().await;
        if outcome == Outcome::Nothing {
            for (_, answer) in &mut tried {
                busy_from_the_first(answer);
            }
        }
        outcome = come_of(outcome, &tried);
        on_site(site, move |site| letters::settle(site, tried)).await?;
        if outcome != Outcome::Answered {
            return Ok(outcome);
        }
        at_once = LETTERS_AT_ONCE;
    }
}

/// After a rest there is room for the first letter. Who is busy even then is not only over its
/// measure: it has a fault, or does not know this node, and that is written down.
fn busy_from_the_first(answer: &mut Answer) {
    if matches!(answer, Answer::Busy) {
        *answer = Answer::Silent("it is busy".to_owned());
    }
}

/// What came of a run, with what was tried last.
fn come_of(before: Outcome, tried: &[(OutboxRow, Answer)]) -> Outcome {
    let is_silent = tried.iter().any(|(_, answer)| matches!(answer, Answer::Silent(_)));
    let is_busy = tried.iter().any(|(_, answer)| matches!(answer, Answer::Busy));
    match (before, is_silent, is_busy) {
        (_, false, false) => Outcome::Answered,
        (_, false, true) => Outcome::Busy,
        (Outcome::Nothing, true, _) => Outcome::Silent,
        (_, true, _) => Outcome::FellSilent,
    }
}

async fn carry(site: &Site, net: &NetHandle, letter: &OutboxRow) -> Answer {
    let to = match NodeName::parse(&letter.target) {
        Ok(to) => to,
        Err(error) => return Answer::Silent(error.to_string()),
    };
    let (kind, bytes) = (letter.kind.clone(), letter.payload.clone());
    let answered = if to == site.node {
        let own = on_site(site, move |site| Ok(receive(site, &site.node, &kind, &bytes)));
        own.await.map_err(|fault| fault.to_string()).flatten().map_err(Answer::Unread)
    } else {
        net.send(&to, &kind, bytes).await.map_err(|error| match error {
            NetError::TooLarge(_) => Answer::TooLarge(error.to_string()),
            NetError::Busy(_) => Answer::Busy,
            NetError::Missing(_) | NetError::Refused(_) => Answer::Unread(error.to_string()),
            _ => Answer::Silent(error.to_string()),
        })
    };
    let read = |bytes: Vec<u8>| {
        let unread = || Answer::Unread("the answer is no receipt".to_owned());
        Receipt::parse(&bytes).map_or_else(unread, Answer::Receipt)
    };
    answered.map_or_else(|unanswered| unanswered, read)
}
