//! A look at what other processes and earlier commits changed: the own log's size, which is signed
//! when it grew, and the members, when a root authority's log grew.

use std::collections::{BTreeMap, BTreeSet};

use lianshi_registry::{
    entry::{Admission, QUOTA_BYTES},
    id::{DivisionCode, NodeName, Origin},
    key::PublicKey,
    links::{self, Place},
    member::{Member, Status},
    sync::{SignedHead, Source},
};
use lianshi_store::{Failure, Fault, Site, forks, log, members};

use super::LogKeys;
use crate::{
    folder::{Folder, strange_keys},
    net::Peer,
};

/// What the last look saw, so that the next tells only what is new.
#[derive(Debug, Clone, Default)]
pub(super) struct Seen {
    own_note: String,
    root_sizes: Option<BTreeMap<Origin, u64>>,
    strange_keys: Vec<&'static str>,
    forked: BTreeSet<Origin>,
}

/// What a look found.
pub(super) struct Poll {
    pub(super) seen: Seen,
    /// The own log's newest signed head, when it is new.
    pub(super) own: Option<SignedHead>,
    /// The members, when they may have changed.
    pub(super) members: Option<MemberView>,
    /// Logs that are now known to be forked.
    pub(super) forked: Vec<Origin>,
    /// Why the own log is not signed.
    pub(super) refusal: Option<String>,
    /// How each duty went.
    pub(super) outcomes: Vec<(Duty, Result<(), Fault>)>,
}

impl Poll {
    /// Whether something could not be looked after, and is to be tried again soon.
    pub(super) fn is_troubled(&self) -> bool {
        self.outcomes.iter().any(|(_, outcome)| outcome.is_err())
    }
}

/// What is looked after in one look, each by itself: whichever fails, the others go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Duty {
    /// Signing the own log's head.
    Sign,
    /// Reading the own log's head.
    OwnHead,
    /// Reading the members, when a root authority's log grew.
    Members,
    /// Telling of forks that others told of.
    TellForks,
    /// Reading which logs are known to be forked.
    Forks,
}

impl Duty {
    /// What is said when it fails.
    pub(super) fn what(self) -> &'static str {
        match self {
            Self::Sign => "signing the own log's head",
            Self::OwnHead => "reading the own log's head",
            Self::Members => "reading the members",
            Self::TellForks => "telling of forks in the own log",
            Self::Forks => "reading which logs are forked",
        }
    }
}

/// The members as the network and the state machine need them.
pub(super) struct MemberView {
    pub(super) keys: LogKeys,
    pub(super) sources: Vec<Source>,
    pub(super) peers: Vec<Peer>,
    /// Roles whose key this node was not admitted with.
    pub(super) strange_keys: Vec<&'static str>,
}

/// Why a log is not signed with a key that nobody would take.
const STRANGE_LOG_KEY: &str = "keys/log.key is not the key this node was admitted with, so no node \
    would take what it signs; bring the admitted key back from the backup of the keys";

/// Looks, on a blocking thread. What cannot be looked after is said in the outcomes and looked
/// after again next time.
pub(super) fn look(site: &Site, folder: &Folder, seen: &Seen, may_sign: bool) -> Poll {
    let mut poll = Poll {
        seen: seen.clone(),
        own: None,
        members: None,
        forked: Vec::new(),
        refusal: None,
        outcomes: Vec::new(),
    };
    let duties = [
        (Duty::Sign, sign(site, may_sign, &mut poll)),
        (Duty::OwnHead, look_at_own(site, &mut poll)),
        (Duty::Members, look_at_members(site, folder, &mut poll)),
        (Duty::TellForks, forks::attend(site)),
        (Duty::Forks, look_at_forks(site, &mut poll)),
    ];
    poll.outcomes.extend(duties);
    poll
}

fn sign(site: &Site, may_sign: bool, poll: &mut Poll) -> Result<(), Fault> {
    if poll.seen.strange_keys.contains(&"log") {
        poll.refusal = Some(STRANGE_LOG_KEY.to_owned());
    } else if may_sign {
        match log::publish_head(site) {
            Ok(_) => {}
            Err(Failure::Refused(reason)) => poll.refusal = Some(reason.to_string()),
            Err(Failure::Fault(fault)) => return Err(fault),
        }
    }
    Ok(())
}

fn look_at_own(site: &Site, poll: &mut Poll) -> Result<(), Fault> {
    let own = site.db.read(|read| log::head(read, &site.origin))?;
    let note = own.map(|head| head.checkpoint).unwrap_or_default();
    if note != poll.seen.own_note {
        poll.own = SignedHead::open(&note, &site.origin, &site.log_key.public()).ok();
        poll.seen.own_note = note;
    }
    Ok(())
}

fn look_at_members(site: &Site, folder: &Folder, poll: &mut Poll) -> Result<(), Fault> {
    // Only these: a large federation has thousands of logs, and this is done several times a
    // second.
    let sizes = site.db.read(|read| {
        let mut sizes = BTreeMap::new();
        for root in &folder.charter.root {
            if let Some(head) = log::head(read, &root.origin)? {
                sizes.insert(head.origin, head.size);
            }
        }
        Ok::<_, Fault>(sizes)
    })?;
    if poll.seen.root_sizes.as_ref() != Some(&sizes) {
        let members = view(site, folder, &site.db.read(members::all)?);
        poll.seen.strange_keys.clone_from(&members.strange_keys);
        poll.seen.root_sizes = Some(sizes);
        poll.members = Some(members);
    }
    Ok(())
}

fn look_at_forks(site: &Site, poll: &mut Poll) -> Result<(), Fault> {
    let known: BTreeSet<Origin> = site.db.read(forks::origins)?.into_iter().collect();
    poll.forked = known.difference(&poll.seen.forked).cloned().collect();
    poll.seen.forked = known;
    Ok(())
}

fn source_of(admission: &Admission) -> Source {
    Source {
        origin: admission.origin.clone(),
        log_key: admission.log_key,
        quota_bytes: admission.quota_bytes,
    }
}

/// The charter's root authorities first, then what the logs say. A suspended node stays linked: it
/// must be able to read that it is suspended, and its log goes on to be held though it is not
/// folded. A withdrawn one is cut off, and its log stays what others give: what it said before
/// counts on every node, also on one that joins later.
fn view(site: &Site, folder: &Folder, members: &[Member]) -> MemberView {
    let own = members.iter().find(|member| member.admission.origin == site.origin);
    let strange_keys = own.map(|own| strange_keys(&folder.keys, &own.admission));
    let kept = kept(site, members);
    let mut sources = BTreeMap::new();
    let mut peers = BTreeMap::new();
    for (origin, log_key) in folder.charter.logs() {
        let source = Source { origin: origin.clone(), log_key, quota_bytes: QUOTA_BYTES };
        sources.insert(origin.clone(), source);
    }
    for root in &folder.charter.root {
        let node = root.origin.node().clone();
        let addresses = root.addresses.clone();
        // Whoever holds nothing yet begins with the addresses of the charter.
        let peer = Peer { node, identity_key: root.identity_key, addresses, kept: true };
        peers.insert(peer.node.clone(), peer);
    }
    for member in members {
        // The logs of its earlier generations are part of the catalog, and any node may have them.
        for former in &member.past.generations {
            let source = source_of(&former.admission);
            sources.insert(source.origin.clone(), source);
        }
        let admission = &member.admission;
        let node = admission.node.clone();
        sources.insert(admission.origin.clone(), source_of(admission));
        if member.status() == Status::Withdrawn {
            peers.remove(&node);
            continue;
        }
        // Until a root authority says anew who it is, it is whom the charter names.
        let named = folder.charter.root.iter().find(|root| *root.origin.node() == node);
        if named.is_some_and(|root| root.identity_key != admission.identity_key) {
            continue;
        }
        let (identity_key, addresses) = (admission.identity_key, admission.addresses.clone());
        let peer = Peer { kept: kept.contains(&node), node, identity_key, addresses };
        peers.insert(peer.node.clone(), peer);
    }
    peers.remove(&site.node);
    #[cfg(feature = "evil")]
    crate::demo::evil::keep_shown(&folder.path, &mut peers);
    let mut keys: BTreeMap<Origin, PublicKey> =
        sources.iter().map(|(origin, source)| (origin.clone(), source.log_key)).collect();
    keys.insert(site.origin.clone(), site.log_key.public());
    MemberView {
        keys: LogKeys::new(keys),
        sources: sources.into_values().collect(),
        peers: peers.into_values().collect(),
        strange_keys: strange_keys.unwrap_or_default(),
    }
}

/// The members this node keeps links with.
fn kept(site: &Site, members: &[Member]) -> BTreeSet<NodeName> {
    let place = |division: &DivisionCode, node: &NodeName| Place {
        division: division.clone(),
        node: node.clone(),
    };
    let present = members.iter().filter(|member| member.status() != Status::Withdrawn);
    let others = present.map(|m| place(&m.admission.division, &m.admission.node));
    links::neighbors(&place(&site.division, &site.node), others)
}
