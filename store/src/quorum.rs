//! Settled checkpoints: those that as many members cosigned as the charter asks for. Each node
//! keeps the largest of every log; it is what certificates are made under, and what pages show as
//! settled.

use std::collections::{BTreeMap, BTreeSet};

use diesel::prelude::*;
use lianshi_registry::{
    checkpoint::{Checkpoint, CheckpointError},
    id::Origin,
    member::Member,
    policy::{Policy, PolicyRefusal, RuleRefusal},
    refusal::Refusal,
    time::Timestamp,
};

use crate::{
    Failure, Fault, Read, Site, Write,
    log::{self, Head},
    members,
    schema::settled,
};

/// The largest settled checkpoint of a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settled {
    /// The log.
    pub origin: Origin,
    /// Entries it covers.
    pub size: u64,
    /// The checkpoint with the signatures of the log and of the quorum.
    pub note: String,
    /// When this node learned of it.
    pub at: Timestamp,
}

#[derive(Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = settled)]
struct SettledRow {
    origin: String,
    size: i64,
    note: String,
    settled_at: i64,
}

impl TryFrom<SettledRow> for Settled {
    type Error = Fault;

    fn try_from(row: SettledRow) -> Result<Self, Fault> {
        Ok(Self {
            origin: Origin::parse(&row.origin).map_err(|e| Fault::corrupt("settled", e))?,
            size: u64::try_from(row.size).map_err(|e| Fault::corrupt("settled", e))?,
            note: row.note,
            at: Timestamp::from_millis(row.settled_at),
        })
    }
}

/// How far the world outside vouches for what is held of a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// The quorum cosigned all of it.
    Settled,
    /// The log signed all of it, and the quorum not yet.
    Signed,
    /// Some of it is held here and not signed.
    Local,
}

impl Reach {
    /// The word in tables, pages' keys and the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Settled => "settled",
            Self::Signed => "signed",
            Self::Local => "local",
        }
    }
}

/// How far the entries held of a log are vouched for, and since when; `None` before the first.
pub fn reach(head: &Head, settled: Option<&Settled>) -> (Reach, Option<Timestamp>) {
    let (reach, since) = match settled {
        Some(settled) if settled.size >= head.size => (Reach::Settled, Some(settled.at)),
        _ if head.checkpoint_size >= head.size => (Reach::Signed, head.checkpoint_at),
        _ => (Reach::Local, head.confirmed_at),
    };
    (reach, since.filter(|at| at.millis() > 0))
}

/// Why a checkpoint is not kept as settled.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SettleRefusal {
    /// This node does not hold the log.
    #[error("the log is not held here")]
    LogUnknown,
    /// The charter's rule settles nothing with the members there are.
    #[error("{0}")]
    Rule(RuleRefusal),
    /// There is nobody to witness.
    #[error("the federation has no other member to witness")]
    NoWitness,
    /// The log or the quorum did not sign it.
    #[error("{0}")]
    Policy(PolicyRefusal),
    /// Not a checkpoint of this program's logs.
    #[error("{0}")]
    Checkpoint(CheckpointError),
    /// The entries are not here yet, so nobody can compare.
    #[error("this node holds {held} entries, the checkpoint covers {size}")]
    NotHeld {
        /// Entries held.
        held: u64,
        /// Entries it covers.
        size: u64,
    },
    /// The entries held here have another root.
    #[error("the checkpoint contradicts the entries held here")]
    Contradicts,
}

impl Refusal for SettleRefusal {
    fn code(&self) -> &'static str {
        match self {
            Self::LogUnknown => "quorum.log_unknown",
            Self::Rule(_) => "quorum.rule_unmet",
            Self::NoWitness => "quorum.no_witness",
            Self::Policy(refusal) => refusal.code(),
            Self::Checkpoint(_) => "quorum.checkpoint_malformed",
            Self::NotHeld { .. } => "quorum.entries_not_held",
            Self::Contradicts => "quorum.contradicts",
        }
    }
}

/// The policy of the federation for a log held here.
pub fn policy(
    read: &mut Read<'_>,
    site: &Site,
    origin: &Origin,
) -> Result<Policy, Failure<SettleRefusal>> {
    let members = members::all(read)?;
    policy_among(read, (site, &members), origin)
}

/// The same with the members at hand: there are thousands, and thousands of logs.
fn policy_among(
    read: &mut Read<'_>,
    (site, members): (&Site, &[Member]),
    origin: &Origin,
) -> Result<Policy, Failure<SettleRefusal>> {
    let refused = |refusal| Failure::Refused(refusal);
    let head = log::head(read, origin)?.ok_or_else(|| refused(SettleRefusal::LogUnknown))?;
    Policy::of_federation(&site.quorum, members, (origin, head.log_key))
        .map_err(|error| refused(SettleRefusal::Rule(error)))
}

/// Keeps a checkpoint that the quorum of these members cosigned, wherever it came from. Tells
/// whether it is larger than the one kept so far.
pub fn settle(
    site: &Site,
    members: &[Member],
    (origin, note): (&Origin, &str),
) -> Result<bool, Failure<SettleRefusal>> {
    let policy = site.db.read(|read| policy_among(read, (site, members), origin))?;
    if policy.witnesses().is_empty() {
        return Err(Failure::Refused(SettleRefusal::NoWitness));
    }
    let opened = policy.open(note.as_bytes());
    let vouched = opened.map_err(|error| Failure::Refused(SettleRefusal::Policy(error)))?;
    let body = &vouched.body;
    let checkpoint = Checkpoint::claimed(note.as_bytes())
        .map_err(|error| Failure::Refused(SettleRefusal::Checkpoint(error)))?;
    let now = site.now();
    site.db.write(|write| {
        let read = &mut write.as_read();
        let held = log::head(read, origin)?.map_or(0, |head| head.size);
        match log::root_at(read, origin, body.size)? {
            None => return Err(Failure::Refused(SettleRefusal::NotHeld { held, size: body.size })),
            Some(root) if root != checkpoint.root => {
                return Err(Failure::Refused(SettleRefusal::Contradicts));
            }
            Some(_) => {}
        }
        keep(write, (&policy, origin, body.size), &vouched.note, now).map_err(Failure::Fault)
    })
}

/// Keeps a settled checkpoint in the place of a smaller one, or of one that members settled with
/// keys they do not use any more.
fn keep(
    write: &mut Write<'_>,
    (policy, origin, size): (&Policy, &Origin, u64),
    note: &str,
    now: Timestamp,
) -> Result<bool, Fault> {
    let kept = settled(&mut write.as_read(), origin)?;
    let is_kept = |kept: &Settled| {
        kept.size > size || (kept.size == size && policy.open(kept.note.as_bytes()).is_ok())
    };
    if kept.as_ref().is_some_and(is_kept) {
        return Ok(false);
    }
    let row = SettledRow {
        origin: origin.to_string(),
        size: i64::try_from(size).map_err(|e| Fault::corrupt("settled", e))?,
        note: note.to_owned(),
        settled_at: now.millis(),
    };
    if kept.is_some() {
        diesel::update(settled::table.find(origin.to_string())).set(&row).execute(&mut **write)?;
    } else {
        diesel::insert_into(settled::table).values(&row).execute(&mut **write)?;
    }
    Ok(true)
}

/// The largest settled checkpoint of a log.
pub fn settled(read: &mut Read<'_>, origin: &Origin) -> Result<Option<Settled>, Fault> {
    let row: Option<SettledRow> = settled::table
        .find(origin.to_string())
        .select(SettledRow::as_select())
        .first(&mut **read)
        .optional()?;
    row.map(Settled::try_from).transpose()
}

/// Up to which size a log is settled with the keys these members use now: zero when some of them
/// were replaced, and the log is to be settled anew.
pub fn settled_now(
    read: &mut Read<'_>,
    of: (&Site, &[Member]),
    kept: &Settled,
) -> Result<u64, Fault> {
    match policy_among(read, of, &kept.origin) {
        Ok(policy) => Ok(if policy.open(kept.note.as_bytes()).is_ok() { kept.size } else { 0 }),
        Err(Failure::Refused(_)) => Ok(0),
        Err(Failure::Fault(fault)) => Err(fault),
    }
}

/// The replicas whose newest checkpoint is not known to be settled with the keys these members use
/// now; whether the keys are those of now is looked at for `looked_at` logs after the one named,
/// in turns. Gives also the last one looked at.
pub fn behind(
    read: &mut Read<'_>,
    of: (&Site, &[Member]),
    (after, looked_at): (Option<&Origin>, usize),
) -> Result<(Vec<Origin>, Option<Origin>), Fault> {
    let settled: BTreeMap<Origin, Settled> =
        all(read)?.into_iter().map(|settled| (settled.origin.clone(), settled)).collect();
    let heads: Vec<Head> = log::heads(read)?.into_iter().filter(|head| !head.own).collect();
    let later = heads.iter().position(|head| Some(&head.origin) > after).unwrap_or(0);
    let turn = heads.iter().cycle().skip(later).take(looked_at.min(heads.len()));
    let turn: Vec<&Origin> = turn.map(|head| &head.origin).collect();
    let last = turn.last().map(|origin| (*origin).clone());
    let turn: BTreeSet<&Origin> = turn.into_iter().collect();
    let mut behind = Vec::new();
    for head in &heads {
        let size = match settled.get(&head.origin) {
            None => 0,
            Some(kept) if turn.contains(&head.origin) => settled_now(read, of, kept)?,
            Some(kept) => kept.size,
        };
        if head.checkpoint_size > size {
            behind.push(head.origin.clone());
        }
    }
    Ok((behind, last))
}

/// The largest settled checkpoint of every log that has one.
pub fn all(read: &mut Read<'_>) -> Result<Vec<Settled>, Fault> {
    let rows: Vec<SettledRow> = settled::table
        .order(settled::origin.asc())
        .select(SettledRow::as_select())
        .load(&mut **read)?;
    rows.into_iter().map(Settled::try_from).collect()
}
