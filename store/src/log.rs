//! The logs a node holds: its own and the replicas of others. Rows of `log_tiles` hold the very
//! bytes that are served; a row grows while its tile is partial and never changes once it is full.

mod announced;
mod append;
mod browse;
mod head;
mod read;
mod tail;
mod writer;

pub(crate) use announced::announce;
pub use announced::announced;
pub use append::{Tip, append, extend};
pub(crate) use append::{counted, shorten, store};
pub use browse::{BROWSED_MAX, BUNDLES_OPENED_MAX, Browsed, browse};
pub use head::{HeadRefusal, Published, publish_head, remember_head, signed_size};
pub(crate) use read::load_edge as edge;
pub use read::{
    checkpoint, consistency_proof, entries, entry, inclusion_proof, origin, prefix_proof, root_at,
    tile, unpublished_tile,
};
pub(crate) use tail::{drop_tail, keep_tail, tail_head, tail_proof};
pub use writer::{Writer, writer};

use diesel::prelude::*;
use lianshi_registry::{
    checkpoint::Checkpoint,
    id::Origin,
    key::PublicKey,
    merkle::{Hash, empty_root},
    time::Timestamp,
};

use crate::{
    Fault, Read, Site, Write,
    dialect::insert_if_absent,
    fold::right,
    recovery::{self, Cause},
    schema::logs,
};

/// What a node knows of one log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// The log.
    pub origin: Origin,
    /// Whether this node writes it.
    pub own: bool,
    /// The key its checkpoints are signed with.
    pub log_key: PublicKey,
    /// Entries held.
    pub size: u64,
    /// Root over the entries held.
    pub root: Hash,
    /// Entries the newest checkpoint covers; what is beyond is not served.
    pub checkpoint_size: u64,
    /// The newest checkpoint as a signed note; empty before the first.
    pub checkpoint: String,
    /// When this node signed or adopted it; `None` before the first.
    pub checkpoint_at: Option<Timestamp>,
    /// When the node that writes the log last said that it is the newest; `None` while it never
    /// did.
    pub confirmed_at: Option<Timestamp>,
    /// Entries the catalog has folded.
    pub folded_size: u64,
    /// Bytes of the entries held, each counted as
    /// [`counted_bytes`](lianshi_registry::entry::counted_bytes) does.
    pub bytes: u64,
}

/// A row of `logs`.
#[derive(Debug, Queryable, Selectable, Insertable)]
#[diesel(table_name = logs)]
struct LogRow {
    origin: String,
    node: String,
    generation: i64,
    own: bool,
    log_key: String,
    size: i64,
    root: Vec<u8>,
    checkpoint_size: i64,
    checkpoint: String,
    checkpoint_at: i64,
    confirmed_at: i64,
    folded_size: i64,
    entry_bytes: i64,
}

impl TryFrom<LogRow> for Head {
    type Error = Fault;

    fn try_from(row: LogRow) -> Result<Self, Fault> {
        Ok(Self {
            origin: Origin::parse(&row.origin).map_err(|e| Fault::corrupt("logs", e))?,
            own: row.own,
            log_key: PublicKey::parse(&row.log_key).map_err(|e| Fault::corrupt("logs", e))?,
            size: unsigned(row.size)?,
            root: Hash::from_slice(&row.root).ok_or_else(|| Fault::corrupt("logs", "root"))?,
            checkpoint_size: unsigned(row.checkpoint_size)?,
            checkpoint: row.checkpoint,
            checkpoint_at: moment(row.checkpoint_at),
            confirmed_at: moment(row.confirmed_at),
            folded_size: unsigned(row.folded_size)?,
            bytes: unsigned(row.entry_bytes)?,
        })
    }
}

/// Begins the log this node writes; does nothing when it is there.
pub fn create_own(write: &mut Write<'_>, site: &Site) -> Result<(), Fault> {
    right::remember_own_division(write, &site.division)?;
    let former =
        logs::table.filter(logs::own.eq(true)).filter(logs::origin.ne(site.origin.to_string()));
    // What the node wrote before it was admitted anew is a log like any other's.
    diesel::update(former).set(logs::own.eq(false)).execute(&mut **write)?;
    if create(write, &site.origin, site.log_key.public(), true)? && head::has_signed(site)? {
        recovery::require(write, Cause::Lost, site.now())?;
    }
    Ok(())
}

/// Begins an empty copy of another node's log; does nothing when it is there.
pub fn create_replica(
    write: &mut Write<'_>,
    origin: &Origin,
    log_key: PublicKey,
) -> Result<(), Fault> {
    create(write, origin, log_key, false).map(drop)
}

fn create(
    write: &mut Write<'_>,
    origin: &Origin,
    log_key: PublicKey,
    own: bool,
) -> Result<bool, Fault> {
    let row = LogRow {
        origin: origin.to_string(),
        node: origin.node().to_string(),
        generation: i64::from(origin.generation()),
        own,
        log_key: log_key.to_string(),
        size: 0,
        root: empty_root().bytes().to_vec(),
        checkpoint_size: 0,
        checkpoint: String::new(),
        checkpoint_at: 0,
        confirmed_at: 0,
        folded_size: 0,
        entry_bytes: 0,
    };
    Ok(insert_if_absent!(write, logs::table, &row)?)
}

/// Every log held here, by origin.
pub fn heads(read: &mut Read<'_>) -> Result<Vec<Head>, Fault> {
    let rows: Vec<LogRow> =
        logs::table.order(logs::origin.asc()).select(LogRow::as_select()).load(&mut **read)?;
    rows.into_iter().map(Head::try_from).collect()
}

/// One log.
pub fn head(read: &mut Read<'_>, origin: &Origin) -> Result<Option<Head>, Fault> {
    let row: Option<LogRow> = logs::table
        .find(origin.to_string())
        .select(LogRow::as_select())
        .first(&mut **read)
        .optional()?;
    row.map(Head::try_from).transpose()
}

/// Stores a checkpoint whose signature and root the caller has verified. An older one than the
/// stored is passed over, so that concurrent publishers cannot turn a log back.
pub fn store_checkpoint(
    write: &mut Write<'_>,
    (checkpoint, note): (&Checkpoint, &str),
    now: Timestamp,
) -> Result<(), Fault> {
    let size = signed(checkpoint.size)?;
    let row = logs::table
        .filter(logs::origin.eq(checkpoint.origin.to_string()))
        .filter(logs::checkpoint_size.le(size));
    diesel::update(row)
        .set((
            logs::checkpoint_size.eq(size),
            logs::checkpoint.eq(note),
            logs::checkpoint_at.eq(now.millis()),
        ))
        .execute(&mut **write)?;
    Ok(())
}

/// Notes that the node that writes the log said that the stored head is the newest.
pub fn confirm(write: &mut Write<'_>, origin: &Origin, now: Timestamp) -> Result<(), Fault> {
    diesel::update(logs::table.filter(logs::origin.eq(origin.to_string())))
        .set(logs::confirmed_at.eq(now.millis()))
        .execute(&mut **write)?;
    Ok(())
}

/// Notes up to where the catalog has folded a log.
pub fn mark_folded(write: &mut Write<'_>, origin: &Origin, size: u64) -> Result<(), Fault> {
    diesel::update(logs::table.filter(logs::origin.eq(origin.to_string())))
        .set(logs::folded_size.eq(signed(size)?))
        .execute(&mut **write)?;
    Ok(())
}

/// A stored time that may not have come yet: zero stands for never.
pub(crate) fn moment(millis: i64) -> Option<Timestamp> {
    (millis != 0).then(|| Timestamp::from_millis(millis))
}

fn unsigned(value: i64) -> Result<u64, Fault> {
    u64::try_from(value).map_err(|error| Fault::corrupt("logs", error))
}

fn signed(value: u64) -> Result<i64, Fault> {
    i64::try_from(value).map_err(|error| Fault::corrupt("logs", error))
}
