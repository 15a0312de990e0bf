//! Whether the trail is what this node sealed: the chain of its rows, and every seal that its own
//! log has of it. Nothing the database says about seals is believed: they are read from the log,
//! and the log is compared with the head that was signed for it.

use std::collections::BTreeMap;

use lianshi_registry::{
    checkpoint::Checkpoint,
    merkle::{Hash, leaf_hash},
    tile::Edge,
};

use super::{
    Verdict,
    seal::{ENTRIES_AT_ONCE, Seal},
    walk,
};
use crate::{Fault, Read, Site, fold, log};

/// Rows that were lost with a restored backup, as a seal says in public.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Loss {
    /// The first row lost.
    pub from: i64,
    /// The last one that was sealed.
    pub to: i64,
    /// The entry of the own log that says so.
    pub index: u64,
}

/// What a check of the trail found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// The chain by itself.
    pub chain: Verdict,
    /// Seals in the own log.
    pub seals: usize,
    /// The newest of them.
    pub newest: Option<Seal>,
    /// The first seal that the trail contradicts.
    pub contradicted: Option<Seal>,
    /// What was lost with restored backups and said so.
    pub losses: Vec<Loss>,
    /// Whether the log that has the seals is the one this node signed.
    pub log: LogVerdict,
}

impl Report {
    /// Whether nothing contradicts the trail.
    pub fn is_whole(&self) -> bool {
        matches!(self.chain, Verdict::Whole { .. })
            && self.contradicted.is_none()
            && self.log == LogVerdict::Signed
    }

    /// Rows of the trail that no seal covers yet.
    pub fn unsealed(&self) -> i64 {
        match self.chain {
            Verdict::Whole { rows, .. } => {
                rows - self.newest.as_ref().map_or(0, |seal| seal.rows.min(rows))
            }
            Verdict::Broken { .. } => 0,
        }
    }
}

/// The own log against what this node signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogVerdict {
    /// Its entries lead to the signed head; or nothing was signed yet.
    Signed,
    /// Its entries do not lead to the signed head.
    Altered,
    /// It has fewer entries than were signed.
    Short {
        /// Entries of the last signed head.
        signed: u64,
        /// Entries held.
        held: u64,
    },
}

/// Recomputes the chain and compares it with every seal in the own log.
pub fn check(site: &Site) -> Result<Report, Fault> {
    let signed = log::signed_size(site)?;
    site.db.read(|read| {
        let (seals, log) = seals(read, site, signed)?;
        let (live, losses) = standing(&seals);
        let mut heads: BTreeMap<i64, String> = BTreeMap::new();
        let chain = walk(read, &mut |seq, hash| {
            if live.iter().any(|seal| seal.rows == seq) {
                heads.insert(seq, hex::encode(hash));
            }
        })?;
        let fits = |seal: &&&Seal| heads.get(&seal.rows) == Some(&seal.head);
        let contradicted = live.iter().find(|seal| !fits(seal)).map(|seal| (*seal).clone());
        let newest = seals.last().cloned();
        Ok(Report { chain, seals: seals.len(), newest, contradicted, losses, log })
    })
}

/// The seals that stand, and what later ones gave up: a trail that went on from row `n` has lost
/// what was sealed beyond.
fn standing(seals: &[Seal]) -> (Vec<&Seal>, Vec<Loss>) {
    let mut live: Vec<&Seal> = Vec::new();
    let mut losses = Vec::new();
    for seal in seals {
        if let Some(kept) = seal.resumed_from {
            let lost = live.iter().map(|before| before.rows).filter(|rows| *rows > kept).max();
            if let Some(to) = lost {
                losses.push(Loss { from: kept + 1, to, index: seal.index });
            }
            live.retain(|before| before.rows <= kept);
        }
        live.push(seal);
    }
    (live, losses)
}

/// Every seal of the own log, and whether the log is the signed one.
fn seals(
    read: &mut Read<'_>,
    site: &Site,
    signed: Option<u64>,
) -> Result<(Vec<Seal>, LogVerdict), Fault> {
    let Some(head) = log::head(read, &site.origin)? else {
        return Ok((Vec::new(), verdict(signed, 0)));
    };
    let (mut edge, mut seals, mut root_signed) = (Edge::default(), Vec::new(), edge_root(&head));
    while edge.size() < head.size {
        let from = edge.size();
        // Stops where the signed head does, to compare its root.
        let end = match head.checkpoint_size {
            size if from < size => size,
            _ => head.size,
        };
        let entries = log::entries(read, &site.origin, from, ENTRIES_AT_ONCE.min(end - from))?;
        if entries.is_empty() {
            return Ok((seals, LogVerdict::Altered));
        }
        let leaves: Vec<Hash> = entries.iter().map(|entry| leaf_hash(entry)).collect();
        edge.extend(&leaves);
        let parsed = (from..).zip(fold::parse(&entries));
        seals.extend(parsed.filter_map(|(index, entry)| Seal::of(index, entry.ok()?)));
        if edge.size() == head.checkpoint_size {
            root_signed = Some(edge.root());
        }
    }
    let is_signed = head.checkpoint.is_empty() || {
        let note = head.checkpoint.as_bytes();
        let signed = Checkpoint::open(note, &site.origin, &site.log_key.public());
        signed.is_ok_and(|signed| {
            signed.size == head.checkpoint_size && Some(signed.root) == root_signed
        })
    };
    if is_signed && edge.root() == head.root {
        Ok((seals, verdict(signed, head.size)))
    } else {
        Ok((seals, LogVerdict::Altered))
    }
}

/// The root of a signed head of no entries; any other is met on the way.
fn edge_root(head: &log::Head) -> Option<Hash> {
    (head.checkpoint_size == 0).then(|| Edge::default().root())
}

fn verdict(signed: Option<u64>, held: u64) -> LogVerdict {
    match signed {
        Some(signed) if signed > held => LogVerdict::Short { signed, held },
        _ => LogVerdict::Signed,
    }
}

#[cfg(test)]
mod tests {
    use lianshi_registry::time::Timestamp;

    use super::*;

    fn seal(index: u64, rows: i64, resumed_from: Option<i64>) -> Seal {
        Seal { index, at: Timestamp::from_millis(0), rows, head: String::new(), resumed_from }
    }

    #[test]
    fn a_seal_is_given_up_only_by_a_later_one_that_says_so() {
        let all = [seal(1, 20, None), seal(5, 50, None), seal(7, 45, None), seal(9, 60, Some(30))];
        let (live, losses) = standing(&all);
        assert_eq!(live.iter().map(|seal| seal.index).collect::<Vec<_>>(), [1, 9]);
        assert_eq!(losses, [Loss { from: 31, to: 50, index: 9 }]);
        let (live, losses) = standing(&all[..3]);
        assert_eq!((live.len(), losses.len()), (3, 0), "a shorter seal alone takes nothing back");
    }
}
