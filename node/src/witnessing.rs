//! Settling: asks the other members to cosign this node's newest checkpoint and keeps it once the
//! quorum has; and fetches the settled checkpoints of the logs replicated here. What the witnesses
//! remember is theirs; all that is kept here are the signatures.

mod gather;

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use futures::{
    StreamExt as _,
    stream::{self, FuturesUnordered},
};
use lianshi_registry::{
    id::{NodeName, Origin},
    member::Member,
    policy::Policy,
    sync::SignedHead,
};
use lianshi_store::{
    Failure, Fault, Read, Site,
    forks::{self, Seen},
    log, members,
    quorum::{self, SettleRefusal},
};
use tokio::time::{Interval, MissedTickBehavior, interval};

use crate::net::{NetHandle, Request};
use gather::{Answered, Gathering};

/// Pause between two rounds: a busy log is settled once a second, not once an entry.
const ROUND_MS: u64 = 1_000;
/// Witnesses asked in one round that no link stands with: each has to be dialed.
const DIALED_MAX: usize = 16;
/// Settled checkpoints of others asked for at the same time.
const FETCHED_AT_ONCE_MAX: usize = 16;
/// Rounds between two looks for settled checkpoints of others.
const ROUNDS_BETWEEN_FETCHES: u64 = 5;

/// Replicas of which one look asks whether they are settled with the keys the members use now: with
/// three thousand logs all of them within minutes.
const LOOKED_AT_MAX: usize = 100;
/// Rounds between two looks whether the own log still is.
const ROUNDS_BETWEEN_CHECKS: u64 = 30;

/// Runs until the task is aborted: the own log is settled whatever others' settled checkpoints are
/// waiting for.
pub async fn run(site: Site, net: NetHandle) {
    tokio::join!(settle_own(&site, &net), follow_settled(&site, &net));
}

/// Ticks at a pace, whether the work between is done in time or not.
fn rounds(pause_ms: u64) -> Interval {
    let mut rounds = interval(Duration::from_millis(pause_ms));
    rounds.set_missed_tick_behavior(MissedTickBehavior::Delay);
    rounds
}

async fn settle_own(site: &Site, net: &NetHandle) {
    let mut ticks = rounds(ROUND_MS);
    let mut own = Own::default();
    let mut unsettled = String::new();
    for round in 0_u64.. {
        ticks.tick().await;
        let anew = round % ROUNDS_BETWEEN_CHECKS == 0;
        if let Err(reason) = own.settle(site, net, anew).await
            && reason != unsettled
        {
            tracing::warn!(%reason, "the own log is not settled");
            unsettled = reason;
        }
    }
}

async fn follow_settled(site: &Site, net: &NetHandle) {
    let mut ticks = rounds(ROUND_MS * ROUNDS_BETWEEN_FETCHES);
    let mut looked_at = None;
    for round in 0_u64.. {
        ticks.tick().await;
        let after = looked_at.take();
        match on_thread(site, move |site| behind(site, after.as_ref())).await {
            Ok(found) => {
                looked_at.clone_from(&found.looked_at);
                fetch_settled(site, net, round, found).await;
            }
            Err(reason) => tracing::error!(%reason, "settled checkpoints could not be read"),
        }
    }
}

/// The own log on its way to a quorum.
#[derive(Default)]
struct Own {
    /// What each witness is believed to have cosigned last.
    sizes: BTreeMap<NodeName, u64>,
    /// The newest checkpoint with the cosignatures it has so far.
    gathering: Option<Gathering>,
    /// Witnesses dialed so far: the next round goes on after them.
    dialed: usize,
    /// What is settled was cosigned with keys that were replaced.
    anew: bool,
}

impl Own {
    /// Asks every connected witness that has not cosigned the newest checkpoint yet, then some of
    /// the others, and keeps the checkpoint when they suffice. `look` asks whether what is settled
    /// was cosigned with the keys the members use now; if not, it is settled anew.
    async fn settle(&mut self, site: &Site, net: &NetHandle, look: bool) -> Result<(), String> {
        let anew = self.anew || look;
        let newest = on_thread(site, move |site| begin(site, anew)).await?;
        self.anew = anew && newest.is_some();
        self.gathering = match (newest, self.gathering.take()) {
            (Some(newest), Some(begun)) if begun.is_of(&newest) => Some(begun.under(newest)),
            (newest, _) => newest,
        };
        let Some(gathering) = &self.gathering else { return Ok(()) };
        let connected = net.connected();
        let (near, mut far): (Vec<NodeName>, Vec<NodeName>) =
            gathering.missing().cloned().partition(|node| connected.contains(node));
        self.ask(site, net, near).await;
        if self.cosigned().is_none() {
            let begin = self.dialed.checked_rem(far.len()).unwrap_or(0);
            far.rotate_left(begin);
            far.truncate(DIALED_MAX);
            self.dialed += far.len();
            self.ask(site, net, far).await;
        }
        let Some(note) = self.cosigned() else { return Ok(()) };
        on_thread(site, move |site| {
            let members = site.db.read(members::all).map_err(|fault| fault.to_string())?;
            settle(site, &members, (&site.origin, &note))
        })
        .await
    }

    /// Asks witnesses for their signatures and keeps what they answer.
    async fn ask(&mut self, site: &Site, net: &NetHandle, witnesses: Vec<NodeName>) {
        let Some(gathering) = &mut self.gathering else { return };
        let size = |node: &NodeName| self.sizes.get(node).copied().unwrap_or(0);
        let sized = witnesses.into_iter().map(|node| (size(&node), node));
        let asked = sized.map(|(size, node)| gathering.ask(site, net, (node, size)));
        let mut answers: FuturesUnordered<_> = asked.collect();
        let mut answered: Vec<Answered> = Vec::new();
        // One silent witness must not keep a checkpoint waiting that the others settle.
        while let Some(answer) = answers.next().await {
            answered.push(answer);
            if gathering.suffices(&answered) {
                break;
            }
        }
        drop(answers);
        for answer in answered {
            self.sizes.insert(answer.node.clone(), answer.size);
            gathering.take(answer);
        }
    }

    /// The checkpoint with what was collected, when it suffices.
    fn cosigned(&self) -> Option<String> {
        self.gathering.as_ref()?.cosigned()
    }
}

/// The newest signed checkpoint of the own log, unless it is settled or nobody can settle it.
fn begin(site: &Site, anew: bool) -> Result<Option<Gathering>, String> {
    let read = |fault: Fault| fault.to_string();
    let head = site.db.read(|read| log::head(read, &site.origin)).map_err(read)?;
    let settled = site.db.read(|read| settled_size(read, site, anew)).map_err(read)?;
    let Some(head) = head.filter(|head| head.checkpoint_size > settled) else { return Ok(None) };
    let policy: Policy = match site.db.read(|read| quorum::policy(read, site, &site.origin)) {
        Ok(policy) if policy.witnesses().is_empty() => return Ok(None),
        Ok(policy) => policy,
        Err(error) => return Err(error.to_string()),
    };
    Ok(Gathering::new(&head.checkpoint, policy))
}

/// Up to which size the own log is settled; `anew` asks for the keys the members use now.
fn settled_size(read: &mut Read<'_>, site: &Site, anew: bool) -> Result<u64, Fault> {
    let Some(kept) = quorum::settled(read, &site.origin)? else { return Ok(0) };
    if !anew {
        return Ok(kept.size);
    }
    let members = members::all(read)?;
    quorum::settled_now(read, (site, &members), &kept)
}

/// Asks for the settled checkpoints of logs held here that have grown beyond the one known, some at
/// a time, so that whoever is silent holds up no other. The writer knows best; any other connected
/// node may know as well, another one each time.
async fn fetch_settled(site: &Site, net: &NetHandle, round: u64, found: Behind) {
    let connected: Vec<NodeName> = net.connected().into_iter().collect();
    let asked = (round..).zip(found.logs).filter_map(|(turn, origin)| {
        let writer = connected.iter().find(|node| *node == origin.node());
        let turn = usize::try_from(turn).unwrap_or(0).checked_rem(connected.len())?;
        Some((writer.or_else(|| connected.get(turn))?.clone(), origin))
    });
    let members = &found.members;
    let fetch = |(peer, origin)| fetch_one((site, net), Arc::clone(members), peer, origin);
    stream::iter(asked).for_each_concurrent(FETCHED_AT_ONCE_MAX, fetch).await;
}

async fn fetch_one(
    (site, net): (&Site, &NetHandle),
    members: Arc<Vec<Member>>,
    peer: NodeName,
    origin: Origin,
) {
    let wanted = Request::Resource { origin: origin.clone(), path: "settled".to_owned() };
    let Ok(note) = net.ask(&peer, wanted).await else { return };
    let Ok(note) = String::from_utf8(note) else { return };
    let kept = on_thread(site, move |site| settle(site, &members, (&origin, &note))).await;
    if let Err(reason) = kept {
        tracing::warn!(%peer, %reason, "a settled checkpoint is refused");
    }
}

/// The replicas whose newest checkpoint is not known to be settled.
struct Behind {
    logs: Vec<Origin>,
    members: Arc<Vec<Member>>,
    /// The last log of which was looked at with which keys it was settled.
    looked_at: Option<Origin>,
}

fn behind(site: &Site, after: Option<&Origin>) -> Result<Behind, String> {
    let look = |read: &mut Read<'_>| {
        let members = members::all(read)?;
        let turn = (after, LOOKED_AT_MAX);
        let (logs, looked_at) = quorum::behind(read, (site, &members), turn)?;
        Ok::<_, Fault>(Behind { logs, members: Arc::new(members), looked_at })
    };
    site.db.read(look).map_err(|fault| fault.to_string())
}

/// Keeps a settled checkpoint. One of entries that are not here yet is asked for again later; one
/// that the entries contradict is evidence of a fork.
fn settle(site: &Site, members: &[Member], (origin, note): (&Origin, &str)) -> Result<(), String> {
    match quorum::settle(site, members, (origin, note)) {
        Ok(_) => Ok(()),
        Err(Failure::Refused(SettleRefusal::NotHeld { .. })) => examine(site, origin, note),
        Err(Failure::Refused(contradicts @ SettleRefusal::Contradicts)) => {
            examine(site, origin, note)?;
            Err(contradicts.to_string())
        }
        Err(error) => Err(error.to_string()),
    }
}

/// What settles is a signed head like any other: it is compared, or waits for its entries.
fn examine(site: &Site, origin: &Origin, note: &str) -> Result<(), String> {
    let text = |error: &dyn std::fmt::Display| error.to_string();
    let held = site.db.read(|read| log::head(read, origin)).map_err(|error| text(&error))?;
    let key = held.map(|held| held.log_key);
    let seen = key.map(|key| SignedHead::open(note, origin, &key).map(|seen| (key, seen)));
    if let Some(Ok((key, seen))) = seen {
        forks::examine(site, key, (&seen, Seen::Shown)).map_err(|error| text(&error))?;
    }
    Ok(())
}

/// Runs work of the store off the async threads.
async fn on_thread<T: Send + 'static>(
    site: &Site,
    work: impl FnOnce(&Site) -> Result<T, String> + Send + 'static,
) -> Result<T, String> {
    let site = site.clone();
    let done = tokio::task::spawn_blocking(move || work(&site)).await;
    done.unwrap_or_else(|error| Err(error.to_string()))
}
