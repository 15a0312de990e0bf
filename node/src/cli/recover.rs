//! `lianshi recover`: a node whose database was restored or lost asks every other member what
//! it holds, pulls its own log and the others' back from them, and only then signs and cosigns
//! again. Nothing that does not fit a checkpoint signed by its log is stored; what is stored stays,
//! so that an interrupted recovery goes on where it ended.

mod pull;

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context as _, bail, ensure};
use clap::Args;
use lianshi_registry::{
    id::{NodeName, Origin},
    key::PublicKey,
    member::{Member, Status},
    note::{Note, VerifierKey},
    sync::{Conflict, SignedHead},
};
use lianshi_store::{
    Failure, Fault, Site,
    audit::When,
    forks,
    log::{self, HeadRefusal},
    members,
    recovery::{self, Cause},
    subscriptions::correspondence,
    witness::{self, Relearned},
};
use serde_json::json;
use sha2::{Digest as _, Sha256};

use super::log::files::Files;
use crate::{cli::At, folder::Folder, serve, trail};

/// Pull this node's own log, and the logs it witnessed, back from the other members.
#[derive(Debug, Args)]
pub struct Recover {
    /// Public address of a member to begin with, when the database knows none yet, such as
    /// https://ningbo.example; or a folder with this node's own log. May be given several times.
    #[arg(long, value_name = "URL|DIR")]
    from: Vec<String>,
    /// A member that does not answer and is not to be waited for. Whatever this node signed and
    /// only that member saw stays unknown, and may be contradicted; contracts with it go on as this
    /// node remembers them. May be given several times.
    #[arg(long, value_name = "NODE")]
    without: Vec<String>,
}

/// What was learned so far.
#[derive(Default)]
struct Learned {
    /// Entries pulled, by log.
    pulled: BTreeMap<Origin, u64>,
    answered: BTreeSet<NodeName>,
    silent: BTreeMap<NodeName, String>,
    /// Heads that were signed and whose entries nobody gave, by log.
    unmet: BTreeMap<Origin, u64>,
    conflicts: Vec<Conflict>,
}

impl Recover {
    /// Runs it.
    pub fn run(&self, at: &At) -> anyhow::Result<()> {
        let folder = at.folder()?;
        let _lock = serve::lock(&folder.path)?;
        let site = folder.command_site()?;
        site.db.write(|write| log::create_own(write, &site))?;
        recovery::beat(&site)?;
        let mut learned = Learned::default();
        for place in &self.from {
            ask(&folder, &site, (place, None), &mut learned)
                .with_context(|| format!("{place} could not be asked"))?;
        }
        self.ask_members(&folder, &site, &mut learned)?;
        self.judge(&folder, &site, &learned)?;
        finish(at, &site, &learned, &self.without)
    }

    /// Asks every member that is known, also those that become known meanwhile.
    fn ask_members(
        &self,
        folder: &Folder,
        site: &Site,
        learned: &mut Learned,
    ) -> anyhow::Result<()> {
        loop {
            let next = others(site)?.into_iter().find(|(member, _)| {
                let node = &member.admission.node;
                !learned.answered.contains(node) && !learned.silent.contains_key(node)
            });
            let Some((member, url)) = next else { return Ok(()) };
            let node = member.admission.node.clone();
            if self.without.iter().any(|without| *without == node.as_str()) {
                learned.silent.insert(node, "not waited for".to_owned());
                continue;
            }
            match ask(folder, site, (&url, Some(&member)), learned) {
                Ok(()) => drop(learned.answered.insert(node)),
                Err(error) => drop(learned.silent.insert(node, format!("{error:#}"))),
            }
        }
    }

    /// Refuses to go on when something that was signed may still be unknown.
    fn judge(&self, folder: &Folder, site: &Site, learned: &Learned) -> anyhow::Result<()> {
        let silent: Vec<String> = learned
            .silent
            .iter()
            .filter(|(node, _)| !self.without.iter().any(|without| *without == node.as_str()))
            .map(|(node, why)| format!("{node} ({why})"))
            .collect();
        ensure!(
            silent.is_empty(),
            "not every member answered: {}. What was pulled is kept. Run this again when they are \
             back, or name those that will not come back with --without NODE",
            silent.join("; ")
        );
        let knows_nobody = learned.answered.is_empty() && self.from.is_empty();
        let is_alone = folder.is_root() && folder.charter.root.len() == 1;
        ensure!(
            !knows_nobody || is_alone || !learned.silent.is_empty(),
            "the database knows no other member; give the address of one with --from URL"
        );
        if let Some(conflict) =
            learned.conflicts.iter().find(|conflict| *conflict.older.origin() == site.origin)
        {
            bail!(
                "two histories of {} were signed with its key, of {} and of {} entries; this log \
                 has ended: begin the next generation",
                site.origin,
                conflict.older.size(),
                conflict.newer.size()
            );
        }
        // Signs nothing: recovery is needed, or everybody was asked.
        let signed = match log::publish_head(site) {
            Err(Failure::Refused(HeadRefusal::AheadOfDatabase { signed, .. })) => Some(signed),
            _ => learned.unmet.get(&site.origin).copied(),
        };
        if let Some(size) = signed {
            bail!(
                "this node signed {size} entries, and nobody who was asked holds all of them; run \
                 this again with --from URL of another member, or --from the folder of an \
                 exported log. If they are lost, this log has ended: begin the next generation"
            );
        }
        Ok(())
    }
}

/// The members that may hold what this node signed, also suspended ones, which saw and cosigned it
/// before, with their public addresses.
fn others(site: &Site) -> anyhow::Result<Vec<(Member, String)>> {
    let members = site.db.read(members::all)?;
    let present = members.into_iter().filter(|member| member.status() != Status::Withdrawn);
    let others = present.filter(|member| member.admission.node != site.node);
    let with_base = |member: Member| {
        let base = member.admission.base()?.to_string();
        Some((member, base))
    };
    Ok(others.filter_map(with_base).collect())
}

/// The logs there are, as far as is known, with their keys: the root authorities' first, because
/// they tell of the others.
fn sources(folder: &Folder, site: &Site) -> anyhow::Result<Vec<(Origin, PublicKey)>> {
    let mut sources: Vec<(Origin, PublicKey)> =
        folder.charter.logs().map(|(origin, key)| (origin.clone(), key)).collect();
    sources.push((site.origin.clone(), site.log_key.public()));
    for member in site.db.read(members::all)? {
        let former = member.past.generations.into_iter().map(|former| former.admission);
        let logs = former.chain([member.admission]).map(|one| (one.origin, one.log_key));
        sources.extend(logs);
    }
    let mut seen = BTreeSet::new();
    sources.retain(|(origin, _)| seen.insert(origin.clone()));
    Ok(sources)
}

/// Asks one place for every log, and pulls what is not here. Where it is said to be a member's, it
/// must show what the member signed: its own log, and what it cosigned. An error says that the
/// place is not to be relied on.
fn ask(
    folder: &Folder,
    site: &Site,
    (place, member): (&str, Option<&Member>),
    learned: &mut Learned,
) -> anyhow::Result<()> {
    let place = Files::at(place)?;
    let witness_keys = member.map(Member::witness_vkeys);
    let mut asked = BTreeSet::new();
    let mut signed = BTreeSet::new();
    loop {
        let next = sources(folder, site)?.into_iter().find(|(log, _)| !asked.contains(log));
        let Some((origin, key)) = next else { break };
        if ask_log(site, (&place, witness_keys.as_deref()), (&origin, &key), learned)? {
            signed.insert(origin.clone());
        }
        asked.insert(origin);
    }
    let of_member = member.map(|member| &member.admission.origin);
    ensure!(
        of_member.is_none_or(|origin| signed.contains(origin)),
        "no checkpoint that the member signed is shown at its public address"
    );
    Ok(())
}

fn ask_log(
    site: &Site,
    (place, witness_keys): (&Files, Option<&[VerifierKey]>),
    (origin, key): (&Origin, &PublicKey),
    learned: &mut Learned,
) -> anyhow::Result<bool> {
    let Some(files) = files_of(site, place, origin) else { return Ok(false) };
    let shown = files.read("checkpoint")?;
    let mut heads: Vec<SignedHead> =
        shown.iter().filter_map(|note| open(note, origin, key)).collect();
    if let (Files::Served(..), false) = (place, *origin == site.origin) {
        let hash = hex::encode(Sha256::digest(origin.to_string()));
        let cosigned = place.below(&format!("witness/{hash}")).read("checkpoint")?;
        if let Some(note) = &cosigned {
            let by_member = witness_keys
                .is_none_or(|keys| Note::parse(note).is_ok_and(|note| note.verify(keys).is_ok()));
            ensure!(by_member, "what is shown there as cosigned was not cosigned by the member");
            heads.extend(open(note, origin, key));
        }
    }
    let is_signed = !heads.is_empty();
    for head in heads {
        let held = site.db.read(|read| log::head(read, origin))?.map_or(0, |held| held.size);
        if head.size() <= held {
            learned.conflicts.extend(forks::compare(site, &head)?.conflict());
            continue;
        }
        if *origin == site.origin {
            // Whatever happens now, this database is older than what was signed.
            site.db.write(|write| recovery::require(write, Cause::Behind, site.now()))?;
        }
        let count = head.size() - held;
        match pull::pull(site, &files, (*key, &head)) {
            Ok(()) => *learned.pulled.entry(origin.clone()).or_default() += count,
            Err(error) => {
                tracing::debug!(%origin, %error, "entries were not had");
                let size = learned.unmet.entry(origin.clone()).or_default();
                *size = head.size().max(*size);
            }
        }
    }
    let held = site.db.read(|read| log::head(read, origin))?.map_or(0, |held| held.size);
    learned.unmet.retain(|log, size| log != origin || *size > held);
    Ok(is_signed)
}

/// Where a place keeps a log; a folder holds only this node's own.
fn files_of(site: &Site, place: &Files, origin: &Origin) -> Option<Files> {
    match place {
        Files::Served(..) => {
            Some(place.below(&format!("log/{}/{}", origin.node(), origin.generation())))
        }
        Files::Folder(_) => (*origin == site.origin).then(|| place.clone()),
    }
}

/// A note that the log signed; anything else says nothing.
fn open(note: &[u8], origin: &Origin, key: &PublicKey) -> Option<SignedHead> {
    SignedHead::open(std::str::from_utf8(note).ok()?, origin, key).ok()
}

/// Makes sure of what this witness cosigned, and lets it and the log go on.
fn finish(at: &At, site: &Site, learned: &Learned, without: &[String]) -> anyhow::Result<()> {
    let mut conflicts = learned.conflicts.clone();
    let mut abstains: Vec<Origin> = learned.unmet.keys().cloned().collect();
    for head in site.db.read(log::heads)? {
        if head.origin.node() == &site.node {
            continue;
        }
        if let Relearned::Contradicted(note) = witness::relearn(site, &head.origin)? {
            let own = SignedHead::open(&note, &head.origin, &head.log_key)?;
            conflicts.extend(forks::compare(site, &own)?.conflict());
            abstains.push(head.origin);
        }
    }
    site.db.write(|write| {
        recovery::finish(write, site, &abstains)?;
        // Whoever is not waited for is not asked about contracts either.
        let nodes = without.iter().filter_map(|name| NodeName::parse(name).ok());
        nodes.into_iter().try_for_each(|node| {
            correspondence::go_on_without(write, site, (&At::actor(), &node)).map(drop)
        })
    })?;
    let published = log::publish_head(site);
    if let Err(error) = published {
        site.db.write(|write| recovery::require(write, Cause::Behind, site.now()))?;
        return Err(error).context("the own log cannot be signed");
    }
    // Where the trail lost rows that the log has seals of, everybody is told.
    trail::seal(site, When::Loss).context("the audit trail is not sealed")?;
    for conflict in &conflicts {
        if let Some(held) = site.db.read(|read| log::head(read, conflict.older.origin()))? {
            forks::witness(site, held.log_key, conflict)?;
        }
    }
    forks::examine_every_kept(site)?;
    say(at, site, learned, &abstains)
}

fn say(at: &At, site: &Site, learned: &Learned, abstains: &[Origin]) -> anyhow::Result<()> {
    let (size, names) = site.db.read(|read| {
        let size = log::head(read, &site.origin)?.map_or(0, |head| head.size);
        Ok::<_, Fault>((size, learned.answered.iter().map(NodeName::as_str).collect::<Vec<_>>()))
    })?;
    let pulled: u64 = learned.pulled.values().sum();
    let mut text = format!(
        "Recovered: {} has {size} entries and goes on. {pulled} entries of {} logs were pulled; {} \
         members were asked.",
        site.origin,
        learned.pulled.len(),
        names.len()
    );
    for origin in abstains {
        text.push_str(&format!(
            "\nThis witness does not cosign {origin} until it is recovered again."
        ));
    }
    let awaited = site.db.read(correspondence::awaited)?;
    if !awaited.is_empty() {
        text.push_str(
            "\nWhen it serves, it asks the other nodes what was said of their contracts since; no \
             call of theirs is answered before.",
        );
    }
    at.print(
        &json!({
            "awaited": awaited,
            "origin": site.origin, "size": size, "pulled": learned.pulled, "asked": names,
            "abstains": abstains,
        }),
        text,
    )
}
