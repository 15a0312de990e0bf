//! Everything that was said about members, judged anew in the order of the charter: after a root
//! authority spoke that comes before others, and under another charter. The same entries give the
//! same members on every node, whatever arrived first.

use std::collections::{BTreeMap, BTreeSet};

use diesel::prelude::*;
use lianshi_registry::{
    entry::{Fact, Possession},
    id::{NodeName, Origin},
    json,
    member::{self, Member, MemberRefusal, Members, Root},
};

use super::{all, history, keep, keep_past, roots};
use crate::{
    Fault, Read, Write, log,
    schema::{member_entries, members, unfolded_entries},
};

/// Entries about members, of each log by index.
type Said = BTreeMap<Origin, BTreeMap<u64, Fact>>;

/// What judging anew changed.
pub(crate) struct Anew {
    /// Logs whose right changed: they have to be folded again.
    pub(crate) logs: BTreeSet<Origin>,
    /// The logs that were judged: what was known to be refused of them is in `refused` again.
    pub(crate) judged: Vec<String>,
    /// Entries that change nothing, with the reason.
    pub(crate) refused: Vec<(Origin, u64, &'static str, MemberRefusal)>,
}

/// Judges everything that was said about members anew and writes what differs.
pub(crate) fn anew(write: &mut Write<'_>) -> Result<Anew, Fault> {
    let read = &mut write.as_read();
    let roots = roots(read)?;
    let said = said(read, &roots)?;
    let before: Members =
        all(read)?.into_iter().map(|member| (member.admission.node.clone(), member)).collect();
    let Judged { members: after, counted, refused } = judge(&roots, &said);
    diesel::delete(member_entries::table).execute(&mut **write)?;
    for (origin, index, node) in &counted {
        history::note(write, (origin, *index), node)?;
    }
    let mut logs = BTreeSet::new();
    for (node, member) in &before {
        if !after.contains_key(node) {
            diesel::delete(members::table.filter(members::node.eq(node.as_str())))
                .execute(&mut **write)?;
            keep_past(write, &Member { past: member::Past::default(), ..member.clone() })?;
            logs.extend(logs_of(member));
        }
    }
    for (node, member) in &after {
        let known = before.get(node);
        if known.map(stored).as_ref() == Some(&stored(member)) {
            continue;
        }
        keep(write, member, known.is_some())?;
        logs.extend(logs_of(member));
        logs.extend(known.into_iter().flat_map(logs_of));
    }
    let judged = said.keys().map(Origin::to_string).collect();
    Ok(Anew { logs, judged, refused })
}

/// A member as it is stored: what was judged when an entry came is not kept beside it.
fn stored(member: &Member) -> Member {
    let mut stored = member.clone();
    stored.admission.possession = Possession::default();
    for former in &mut stored.past.generations {
        former.admission.possession = Possession::default();
    }
    stored
}

/// Every log a member writes or wrote.
fn logs_of(member: &Member) -> Vec<Origin> {
    let former = member.past.generations.iter().map(|one| one.admission.origin.clone());
    former.chain([member.admission.origin.clone()]).collect()
}

/// The logs whose entries about members may count.
fn logs_of_roots(roots: &[Root]) -> Vec<&Origin> {
    roots.iter().flat_map(Root::logs).collect()
}

/// Whether one of these root authorities said anything about members.
pub(super) fn has_said(read: &mut Read<'_>, roots: &[Root]) -> Result<bool, Fault> {
    let logs: Vec<String> = logs_of_roots(roots).into_iter().map(Origin::to_string).collect();
    let counted = member_entries::table.filter(member_entries::origin.eq_any(&logs));
    let refused = unfolded_entries::table
        .filter(unfolded_entries::awaiting.eq(false))
        .filter(unfolded_entries::kind.like(MEMBER_KINDS))
        .filter(unfolded_entries::origin.eq_any(&logs));
    let counted: i64 = counted.count().get_result(&mut **read)?;
    let refused: i64 = refused.count().get_result(&mut **read)?;
    Ok(counted + refused > 0)
}

/// Every entry about members that this node holds, whether it counted or not; of logs that were
/// never a root authority's none counted, and none can.
fn said(read: &mut Read<'_>, roots: &[Root]) -> Result<Said, Fault> {
    let logs: Vec<String> = logs_of_roots(roots).into_iter().map(Origin::to_string).collect();
    let counted: Vec<(String, i64)> = member_entries::table
        .select((member_entries::origin, member_entries::entry_index))
        .load(&mut **read)?;
    let refused: Vec<(String, i64)> = unfolded_entries::table
        .filter(unfolded_entries::awaiting.eq(false))
        .filter(unfolded_entries::kind.like(MEMBER_KINDS))
        .filter(unfolded_entries::origin.eq_any(&logs))
        .select((unfolded_entries::origin, unfolded_entries::entry_index))
        .load(&mut **read)?;
    let places: BTreeSet<(String, i64)> = counted.into_iter().chain(refused).collect();
    let mut said = Said::new();
    let mut bundle: Option<(Origin, u64, Vec<Vec<u8>>)> = None;
    for (origin, index) in places {
        let origin = Origin::parse(&origin).map_err(|e| Fault::corrupt("member_entries", e))?;
        let index = u64::try_from(index).map_err(|e| Fault::corrupt("member_entries", e))?;
        let first = index - index % BUNDLE_ENTRIES;
        if bundle.as_ref().is_none_or(|(of, from, _)| *of != origin || *from != first) {
            let entries = log::entries(read, &origin, first, BUNDLE_ENTRIES)?;
            bundle = Some((origin.clone(), first, entries));
        }
        let place = usize::try_from(index - first).unwrap_or(usize::MAX);
        let bytes = bundle.as_ref().and_then(|(_, _, entries)| entries.get(place));
        // One that is not held (any more) says nothing.
        let entry = bytes.and_then(|bytes| json::parse_entry(bytes).ok());
        if let Some(entry) = entry {
            said.entry(origin).or_default().insert(index, entry.fact);
        }
    }
    Ok(said)
}

/// The kinds of entries about members, as SQL matches them.
pub(crate) const MEMBER_KINDS: &str = "member.%";
/// Entries read at once: a bundle.
const BUNDLE_ENTRIES: u64 = 256;

struct Judged {
    members: Members,
    counted: Vec<(Origin, u64, NodeName)>,
    refused: Vec<(Origin, u64, &'static str, MemberRefusal)>,
}

/// Judges entries in the order of the charter, of each root authority in the order of its logs.
fn judge(roots: &[Root], said: &Said) -> Judged {
    let mut judged = Judged { members: Members::new(), counted: Vec::new(), refused: Vec::new() };
    let named = logs_of_roots(roots);
    let others = said.keys().filter(|origin| !named.contains(origin));
    for origin in named.iter().copied().chain(others) {
        for (index, fact) in said.get(origin).into_iter().flatten() {
            match member::decide(&judged.members, roots, (origin, *index), fact) {
                Ok(Some(member)) => {
                    let node = member.admission.node.clone();
                    judged.counted.push((origin.clone(), *index, node.clone()));
                    judged.members.insert(node, member);
                }
                Ok(None) => {}
                Err(refusal) => {
                    judged.refused.push((origin.clone(), *index, fact.kind(), refusal));
                }
            }
        }
    }
    judged
}
