//! The members of the federation as the root authorities' logs say: the table behind
//! `registry::member`.

mod act;
mod anew;
mod history;

pub use act::{admit, change};
pub(crate) use anew::{Anew, MEMBER_KINDS, anew};
pub use history::{HISTORY_MAX, heard_version, history, versions};

use std::collections::BTreeMap;

use diesel::prelude::*;
use lianshi_registry::{
    entry::{Admission, Entry, Possession, QUOTA_BYTES, Texts},
    id::{DivisionCode, NodeName, Origin},
    key::PublicKey,
    member::{self, Member, MemberRefusal, Members, Past, Root},
};

use crate::{
    Db, Fault, Read, Site, Write, fold,
    schema::{member_entries, member_pasts, members, node_state},
};

/// Where the charter's root authorities are kept, so that the fold knows them.
const ROOTS: &str = "charter.roots";

/// A member's row.
#[derive(Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = members)]
struct MemberRow {
    node: String,
    origin: String,
    division: String,
    level: String,
    name_zh: String,
    name_en: String,
    identity_key: String,
    log_key: String,
    witness_key: String,
    seal_key: String,
    addresses: String,
    public_url: String,
    quota_bytes: i64,
    status: String,
    changes: String,
    admitted_by: String,
    admitted_index: i64,
}

impl MemberRow {
    fn from_member(member: &Member) -> Result<Self, Fault> {
        let admission = &member.admission;
        let number = |value: u64| i64::try_from(value).map_err(|e| Fault::corrupt("members", e));
        let json = |error: serde_json::Error| Fault::corrupt("members", error);
        Ok(Self {
            node: admission.node.to_string(),
            origin: admission.origin.to_string(),
            division: admission.division.to_string(),
            level: admission.level.clone(),
            name_zh: admission.name.zh.clone(),
            name_en: admission.name.en.clone(),
            identity_key: admission.identity_key.to_string(),
            log_key: admission.log_key.to_string(),
            witness_key: admission.witness_key.to_string(),
            seal_key: admission.seal_key.to_string(),
            addresses: serde_json::to_string(&admission.addresses).map_err(json)?,
            public_url: admission.public_url.clone(),
            // A quota above what a log can ever hold is no quota.
            quota_bytes: i64::try_from(admission.quota_bytes).unwrap_or(i64::MAX),
            status: member.status().as_str().to_owned(),
            changes: serde_json::to_string(&member.changes).map_err(json)?,
            admitted_by: member.admitted_by.to_string(),
            admitted_index: number(member.admitted_index)?,
        })
    }

    fn into_member(self, past: Past) -> Result<Member, Fault> {
        let corrupt = |what: String| Fault::corrupt("members", what);
        let key = |text: &str| PublicKey::parse(text).map_err(|e| corrupt(e.to_string()));
        let number = |value: i64| u64::try_from(value).map_err(|e| corrupt(e.to_string()));
        let origin = |text: &str| Origin::parse(text).map_err(|e| corrupt(e.to_string()));
        let json = |error: serde_json::Error| corrupt(error.to_string());
        Ok(Member {
            admission: Admission {
                node: NodeName::parse(&self.node).map_err(|e| corrupt(e.to_string()))?,
                name: Texts { zh: self.name_zh, en: self.name_en },
                division: DivisionCode::parse(&self.division)
                    .map_err(|e| corrupt(e.to_string()))?,
                level: self.level,
                origin: origin(&self.origin)?,
                identity_key: key(&self.identity_key)?,
                log_key: key(&self.log_key)?,
                witness_key: key(&self.witness_key)?,
                seal_key: key(&self.seal_key)?,
                addresses: serde_json::from_str(&self.addresses).map_err(json)?,
                public_url: self.public_url,
                quota_bytes: number(self.quota_bytes)?,
                possession: Possession::default(),
            },
            admitted_by: origin(&self.admitted_by)?,
            admitted_index: number(self.admitted_index)?,
            changes: serde_json::from_str(&self.changes).map_err(json)?,
            past,
        })
    }
}

/// Remembers the charter's root authorities. Called whenever a data folder is opened; writes only
/// what is new. Under another charter everything that was said about members is judged anew.
pub fn set_roots(db: &Db, roots: &[Root]) -> Result<(), Fault> {
    let before = db.read(stored_roots)?;
    let value = serde_json::to_string(roots).map_err(|e| Fault::corrupt("node_state", e))?;
    if before.as_ref() == Some(&value) {
        return Ok(());
    }
    db.write(|write| {
        diesel::delete(node_state::table.filter(node_state::name.eq(ROOTS)))
            .execute(&mut **write)?;
        diesel::insert_into(node_state::table)
            .values((node_state::name.eq(ROOTS), node_state::value.eq(&value)))
            .execute(&mut **write)?;
        if before.is_some() { fold::members_anew(write) } else { Ok(()) }
    })
}

fn stored_roots(read: &mut Read<'_>) -> Result<Option<String>, Fault> {
    let stored = node_state::table
        .filter(node_state::name.eq(ROOTS))
        .select(node_state::value)
        .first(&mut **read)
        .optional()?;
    Ok(stored)
}

/// The charter's root authorities.
pub fn roots(read: &mut Read<'_>) -> Result<Vec<Root>, Fault> {
    let Some(stored) = stored_roots(read)? else { return Ok(Vec::new()) };
    serde_json::from_str(&stored).map_err(|error| Fault::corrupt("node_state", error))
}

/// Every member, also suspended and withdrawn ones, by name.
pub fn all(read: &mut Read<'_>) -> Result<Vec<Member>, Fault> {
    let rows: Vec<MemberRow> = members::table
        .order(members::node.asc())
        .select(MemberRow::as_select())
        .load(&mut **read)?;
    let pasts: Vec<(String, String)> =
        member_pasts::table.select((member_pasts::node, member_pasts::past)).load(&mut **read)?;
    let mut pasts: BTreeMap<String, String> = pasts.into_iter().collect();
    let member = |row: MemberRow| {
        let past = past(pasts.remove(&row.node))?;
        row.into_member(past)
    };
    rows.into_iter().map(member).collect()
}

fn past(stored: Option<String>) -> Result<Past, Fault> {
    let Some(stored) = stored else { return Ok(Past::default()) };
    serde_json::from_str(&stored).map_err(|error| Fault::corrupt("member_pasts", error))
}

fn with_past(read: &mut Read<'_>, row: Option<MemberRow>) -> Result<Option<Member>, Fault> {
    let Some(row) = row else { return Ok(None) };
    let stored: Option<String> = member_pasts::table
        .find(&row.node)
        .select(member_pasts::past)
        .first(&mut **read)
        .optional()?;
    row.into_member(past(stored)?).map(Some)
}

/// A member by its name.
pub fn by_node(read: &mut Read<'_>, node: &NodeName) -> Result<Option<Member>, Fault> {
    let row: Option<MemberRow> = members::table
        .filter(members::node.eq(node.as_str()))
        .select(MemberRow::as_select())
        .first(&mut **read)
        .optional()?;
    with_past(read, row)
}

/// The keys this node seals and sealed with: its own, before it is admitted with it.
pub(crate) fn own_seal_keys(read: &mut Read<'_>, site: &Site) -> Result<Vec<PublicKey>, Fault> {
    let known = by_node(read, &site.node)?.map(|member| member.seal_keys());
    Ok([site.seal_key.public()].into_iter().chain(known.unwrap_or_default()).collect())
}

/// The member that writes a log, or wrote it before it was admitted anew.
pub fn by_origin(read: &mut Read<'_>, origin: &Origin) -> Result<Option<Member>, Fault> {
    let member = by_node(read, origin.node())?;
    Ok(member.and_then(|member| member.of_log(origin)))
}

/// Bytes that may be held of a log: as its admission says, or, of a root authority's before that,
/// as many as are usual.
pub fn quota(read: &mut Read<'_>, origin: &Origin) -> Result<u64, Fault> {
    Ok(by_origin(read, origin)?.map_or(QUOTA_BYTES, |member| member.admission.quota_bytes))
}

/// The member whose libp2p identity key this is.
pub fn by_peer(read: &mut Read<'_>, identity_key: &PublicKey) -> Result<Option<Member>, Fault> {
    let row: Option<MemberRow> = members::table
        .filter(members::identity_key.eq(identity_key.to_string()))
        .order(members::node.asc())
        .select(MemberRow::as_select())
        .first(&mut **read)
        .optional()?;
    with_past(read, row)
}

/// Whether the entry at `index` of `origin` counts: the division its author may speak for, or why
/// not. A fold over many entries of one log asks [`by_origin`] once and then [`Member::voice`].
pub fn may_speak(
    read: &mut Read<'_>,
    origin: &Origin,
    index: u64,
) -> Result<Result<DivisionCode, MemberRefusal>, Fault> {
    Ok(match by_origin(read, origin)? {
        Some(member) => member.voice(index).cloned(),
        None => Err(MemberRefusal::Unknown(origin.node().clone())),
    })
}

/// Whether letters of this node are read.
pub fn may_write(read: &mut Read<'_>, node: &NodeName) -> Result<Result<(), MemberRefusal>, Fault> {
    Ok(match by_node(read, node)? {
        Some(member) => member.may_write(),
        None => Err(MemberRefusal::Unknown(node.clone())),
    })
}

/// Entries whose right changed: those of `origin` from `from` on must be folded again where they
/// were folded before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refold {
    /// The log of the member concerned.
    pub origin: Origin,
    /// The first index concerned.
    pub from: u64,
}

/// What an entry about members changed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Applied {
    /// The log whose right changed.
    pub refold: Option<Refold>,
    /// Whether what root authorities later in the charter said has to be judged anew, because this
    /// one comes before them.
    pub precedes: bool,
}

/// Applies one entry about members (`member.*`) of the log `at.0` at index `at.1`. Other kinds
/// change nothing.
pub fn apply(
    write: &mut Write<'_>,
    at: (&Origin, u64),
    entry: &Entry,
) -> Result<Result<Applied, MemberRefusal>, Fault> {
    let read = &mut write.as_read();
    let roots = roots(read)?;
    let all = all(read)?;
    let place = member::place_of(&roots, at);
    // What a root authority may do never depends on those after it.
    let is_before = |member: &&Member| {
        let of = roots.iter().position(|root| root.wrote(&member.admitted_by));
        of <= place
    };
    let known: Members =
        all.iter().filter(is_before).map(|m| (m.admission.node.clone(), m.clone())).collect();
    let member = match member::decide(&known, &roots, at, &entry.fact) {
        Ok(Some(member)) => member,
        Ok(None) => return Ok(Ok(Applied::default())),
        Err(refusal) => return Ok(Err(refusal)),
    };
    let node = &member.admission.node;
    let from = member::first_index_changed(known.get(node), &member);
    keep(write, &member, all.iter().any(|other| other.admission.node == *node))?;
    history::note(write, at, node)?;
    let later = place.map_or(&[][..], |place| roots.get(place + 1..).unwrap_or_default());
    let precedes = !later.is_empty() && anew::has_said(&mut write.as_read(), later)?;
    let refold = from.map(|from| Refold { origin: member.admission.origin, from });
    Ok(Ok(Applied { refold, precedes }))
}

/// Writes a member; `stored` tells whether there is one of the name.
fn keep(write: &mut Write<'_>, member: &Member, stored: bool) -> Result<(), Fault> {
    let row = MemberRow::from_member(member)?;
    if stored {
        diesel::update(members::table.filter(members::node.eq(&row.node)))
            .set(&row)
            .execute(&mut **write)?;
    } else {
        diesel::insert_into(members::table).values(&row).execute(&mut **write)?;
    }
    keep_past(write, member)
}

/// A node with nothing before it has no row.
fn keep_past(write: &mut Write<'_>, member: &Member) -> Result<(), Fault> {
    let node = member.admission.node.as_str();
    diesel::delete(member_pasts::table.find(node)).execute(&mut **write)?;
    if member.past == Past::default() {
        return Ok(());
    }
    let past = serde_json::to_string(&member.past);
    let past = past.map_err(|error| Fault::corrupt("member_pasts", error))?;
    diesel::insert_into(member_pasts::table)
        .values((member_pasts::node.eq(node), member_pasts::past.eq(past)))
        .execute(&mut **write)?;
    Ok(())
}

/// Forgets every member, before the logs are folded anew.
pub fn clear(write: &mut Write<'_>) -> Result<(), Fault> {
    diesel::delete(members::table).execute(&mut **write)?;
    diesel::delete(member_pasts::table).execute(&mut **write)?;
    diesel::delete(member_entries::table).execute(&mut **write)?;
    Ok(())
}
