//! What a node may not do while its database may be older than what it signed. A database that came
//! back from a backup, or was lost, forgot entries of the own log and cosignatures of others'; what
//! it would append, sign or cosign then could contradict them. So it does none of it until
//! [`finish`] says that the peers were asked, and nothing else is in the way: it replicates, and
//! its pages go on.

mod unfinished;

use std::{collections::BTreeMap, fs, io::ErrorKind};

use lianshi_registry::{
    entry::{Entry, Fact},
    id::{Origin, RegistrationNumber},
    time::Timestamp,
};
use serde::{Deserialize, Serialize};

pub use unfinished::{Unfinished, unfinished};

use crate::{
    Fault, Read, Site, Write, audit, catalog, close, copies, durable, fold, log, numbers, setting,
    subscriptions::correspondence,
};

/// Where it is kept that recovery is needed: in the database, so that every process sees it and
/// nothing is appended beside.
const PENDING: &str = "recovery.pending";
/// The logs this witness does not cosign any more, because it could not learn what it cosigned.
const ABSTAINS: &str = "recovery.abstains";

/// When the last recovery was over.
const FINISHED: &str = "recovery.finished";
/// How often [`beat`] was called, in the database and in the data folder.
const BEAT: &str = "recovery.beat";
const BEAT_FILE: &str = "database-beat";
/// Entries looked at at once: bounds memory at a few MiB.
const ENTRIES_AT_ONCE: u64 = 1024;

/// How it is known that the database is old.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// It was restored from a backup.
    Restored,
    /// It is older than a file beside it, or holds less of the own log than this node signed.
    Behind,
    /// It is new, and the node is not.
    Lost,
}

impl Cause {
    /// The word that is stored and shown.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Restored => "restored",
            Self::Behind => "behind",
            Self::Lost => "lost",
        }
    }
}

/// A recovery that is needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pending {
    /// How it is known.
    pub cause: Cause,
    /// Since when.
    pub since: Timestamp,
}

/// The recovery that is needed, if one is.
pub fn pending(read: &mut Read<'_>) -> Result<Option<Pending>, Fault> {
    setting::read(read, PENDING)
}

/// From now on nothing is appended, signed or cosigned. What was known first stays.
pub fn require(write: &mut Write<'_>, cause: Cause, since: Timestamp) -> Result<(), Fault> {
    if pending(&mut write.as_read())?.is_some() {
        return Ok(());
    }
    // A backup may hold letters that their party has taken back since.
    copies::withdraw(write)?;
    setting::write(write, PENDING, &Pending { cause, since })
}

/// The peers were asked and what they hold of the logs is here again; what they hold of contracts
/// they are asked next (`subscriptions::correspondence`). `abstains` are logs this witness must not
/// cosign any more. Numbers that the own logs show are not given again.
pub fn finish(write: &mut Write<'_>, site: &Site, abstains: &[Origin]) -> Result<(), Fault> {
    for (series, last) in numbers_shown(&mut write.as_read(), site)? {
        numbers::raise(write, &series, last)?;
    }
    setting::forget(write, PENDING)?;
    setting::write(write, FINISHED, &site.now())?;
    correspondence::await_all(write, site)?;
    close::forget_attempts(write)?;
    audit::resume(write, site)?;
    catalog::begin_anew(write)?;
    if abstains.is_empty() {
        setting::forget(write, ABSTAINS)
    } else {
        setting::write(write, ABSTAINS, &abstains)
    }
}

/// Counts on, in the database and then in a file beside it. A file that is ahead tells that the
/// database is an older one, put back by whatever means, and recovery is needed. Called when a node
/// starts and at intervals, which say how old a database must be to be found out.
pub fn beat(site: &Site) -> Result<(), Fault> {
    let path = site.folder.join(BEAT_FILE);
    let seen = match fs::read_to_string(&path) {
        Ok(text) => text.trim().parse().unwrap_or(0),
        Err(error) if error.kind() == ErrorKind::NotFound => 0,
        Err(error) => return Err(Fault::file(&path, error)),
    };
    let next = site.db.write(|write| {
        let held: u64 = setting::read(&mut write.as_read(), BEAT)?.unwrap_or(0);
        if seen > held {
            require(write, Cause::Behind, site.now())?;
        }
        let next = seen.max(held) + 1;
        setting::write(write, BEAT, &next).map(|()| next)
    })?;
    durable::replace(&site.folder, BEAT_FILE, &format!("{next}\n"))
}

/// When the last recovery was over; `None` where there was none.
pub(crate) fn finished_at(read: &mut Read<'_>) -> Result<Option<Timestamp>, Fault> {
    setting::read(read, FINISHED)
}

/// A fault while recovery is needed.
pub(crate) fn ensure_recovered(read: &mut Read<'_>) -> Result<(), Fault> {
    match pending(read)? {
        Some(_) => Err(Fault::Unrecovered),
        None => Ok(()),
    }
}

/// Whether this witness knows what it cosigned of a log.
pub(crate) fn may_witness(read: &mut Read<'_>, origin: &str) -> Result<bool, Fault> {
    if pending(read)?.is_some() {
        return Ok(false);
    }
    let abstains: Option<Vec<Origin>> = setting::read(read, ABSTAINS)?;
    Ok(!abstains.unwrap_or_default().iter().any(|abstained| abstained.to_string() == origin))
}

/// The largest number of each series in the logs of this node, of all its generations.
fn numbers_shown(read: &mut Read<'_>, site: &Site) -> Result<BTreeMap<String, i64>, Fault> {
    let mut shown = BTreeMap::new();
    let own = log::heads(read)?.into_iter().filter(|head| head.origin.node() == &site.node);
    for head in own {
        let mut from = 0;
        while from < head.size {
            let entries = log::entries(read, &head.origin, from, ENTRIES_AT_ONCE)?;
            from += ENTRIES_AT_ONCE;
            for number in fold::parse(&entries).into_iter().flatten().filter_map(number) {
                if number.division() == site.division {
                    let series = numbers::series(number.kind(), number.year());
                    let last = shown.entry(series).or_insert(0);
                    *last = i64::from(number.sequence()).max(*last);
                }
            }
        }
    }
    Ok(shown)
}

/// The number an entry gives away.
fn number(entry: Entry) -> Option<RegistrationNumber> {
    match entry.fact {
        Fact::ResourceCataloged(resource) => Some(resource.number),
        Fact::AuthorizationGranted(authorization) => Some(authorization.number),
        Fact::ProductRegistered(product) => Some(product.number),
        _ => None,
    }
}
