//! How every log held here stands, in one look: what `lianshi status`, `/metrics` and the pages
//! tell the people who run a node.

use lianshi_registry::{note::Note, time::Timestamp};

use crate::{
    Fault, Read, catalog, forks,
    log::{self, Head},
    quorum::{self, Reach, Settled},
};

/// One log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogState {
    /// Its head as held here.
    pub head: Head,
    /// How far the entries held are vouched for.
    pub reach: Reach,
    /// Since when.
    pub since: Option<Timestamp>,
    /// Entries the quorum cosigned.
    pub settled_size: u64,
    /// Signatures under the settled checkpoint beside the log's own.
    pub cosignatures: u64,
    /// Entries of a signed head that are known to exist and not held here.
    pub lag: u64,
    /// Entries that count for nothing.
    pub quarantined: u64,
    /// Entries that await a newer program.
    pub awaiting: u64,
    /// Two histories of it were signed, and the evidence is held here.
    pub forked: bool,
}

/// Every log held here, by origin.
pub fn logs(read: &mut Read<'_>) -> Result<Vec<LogState>, Fault> {
    let settled = quorum::all(read)?;
    let announced = log::announced(read)?;
    let quarantined = catalog::quarantine_counts(read)?;
    let awaiting = catalog::awaiting_counts(read)?;
    let forked = forks::origins(read)?;
    let state = |head: Head| {
        let origin = head.origin.to_string();
        let settled = settled.iter().find(|settled| settled.origin == head.origin);
        let (reach, since) = quorum::reach(&head, settled);
        let announced = announced.get(&origin).copied().unwrap_or_default();
        LogState {
            reach,
            since,
            settled_size: settled.map_or(0, |settled| settled.size),
            cosignatures: settled.map_or(0, cosignatures),
            lag: announced.saturating_sub(head.size),
            quarantined: quarantined.get(&origin).copied().unwrap_or_default(),
            awaiting: awaiting.get(&origin).copied().unwrap_or_default(),
            forked: forked.contains(&head.origin),
            head,
        }
    };
    Ok(log::heads(read)?.into_iter().map(state).collect())
}

/// They were verified when the checkpoint was settled.
fn cosignatures(settled: &Settled) -> u64 {
    let signatures = Note::parse(settled.note.as_bytes()).map_or(0, |note| note.signatures.len());
    u64::try_from(signatures.saturating_sub(1)).unwrap_or_default()
}
