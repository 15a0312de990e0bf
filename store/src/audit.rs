//! The audit trail: every act leaves a row in the transaction that does it, and each row carries
//! the hash of the row before it, so that an edit, a deletion or a swap is found and named. What is
//! cut off at the end is found by the seals the node's own log has ([`seal`]).

mod address;
mod check;
mod denial;
mod seal;

use diesel::prelude::*;
use lianshi_registry::{id::NodeName, time::Timestamp};
use sha2::{Digest as _, Sha256};

use crate::{
    db::{Read, Write},
    fault::Fault,
    schema::audit_rows,
};

pub(crate) use address::mark;
pub(crate) use denial::Denials;
pub(crate) use seal::resume;
pub use {
    address::{ADDRESS_MONTHS_MAX, MARK_PREFIX, addresses_in, forget_addresses},
    check::{LogVerdict, Loss, Report, check},
    denial::{Denied, KINDS_PER_MINUTE_MAX, ROWS_PER_DAY_MAX, deny, settle_denials},
    seal::{
        SEAL_AGE_MS, SEAL_PAUSE_MS, SEAL_ROWS_MIN, Seal, SealRefusal, When, contradiction, seal,
    },
};

/// Who acts. What a program did is never said to be done by a person, nor the other way round: the
/// name tells the two apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Actor {
    /// The login of a person who is signed in; or `token` and the login whose token a program uses,
    /// `command` and the system account that ran a command, `node` for the node's own jobs, `node`
    /// and the name of another node for what its letter brought about, `stranger` for somebody who
    /// is not signed in. A login has no space, and only people have an organization.
    pub name: String,
    /// Unified social credit code of the organization acted for, or empty for the node.
    pub organization: String,
}

impl Actor {
    /// The node itself: what its jobs do, and what it answers without a person.
    pub fn node() -> Self {
        Self::named("node".to_owned())
    }

    /// Another node, by its letter.
    pub fn other_node(node: &NodeName) -> Self {
        Self::named(format!("node {node}"))
    }

    /// Somebody at the command line, known by the account of the system.
    pub fn command(account: &str) -> Self {
        let account: String = account.chars().filter(|c| !c.is_whitespace()).collect();
        Self::named(format!("command {account}"))
    }

    /// Somebody who is not signed in.
    pub fn stranger() -> Self {
        Self::named("stranger".to_owned())
    }

    /// A program that uses the token of this person.
    #[must_use]
    pub fn by_token(self) -> Self {
        Self { name: format!("token {}", self.name), ..self }
    }

    fn named(name: String) -> Self {
        Self { name, organization: String::new() }
    }
}

/// An act to be recorded.
#[derive(Debug, Clone)]
pub struct Act<'a> {
    /// When.
    pub at: Timestamp,
    /// Who.
    pub actor: &'a Actor,
    /// What, such as `subscription.approve`.
    pub action: &'static str,
    /// On what, an id people can search for.
    pub object: &'a str,
    /// `done`, or the code of the refusal.
    pub outcome: &'a str,
    /// The object's state before, in few words.
    pub before: &'a str,
    /// The object's state after.
    pub after: &'a str,
}

/// A recorded act.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable, Insertable)]
#[diesel(table_name = audit_rows)]
pub struct AuditRow {
    /// Place in the chain, from 1.
    pub seq: i64,
    /// UTC milliseconds.
    pub at: i64,
    /// Who.
    pub actor: String,
    /// For which organization.
    pub organization: String,
    /// What.
    pub action: String,
    /// On what.
    pub object: String,
    /// With which outcome.
    pub outcome: String,
    /// State before.
    pub before: String,
    /// State after.
    pub after: String,
    /// Hash of the row before; 32 zero bytes for the first.
    pub previous_hash: Vec<u8>,
    /// Hash of this row.
    pub hash: Vec<u8>,
}

impl AuditRow {
    fn compute_hash(&self) -> Vec<u8> {
        let mut hasher = Sha256::new();
        hasher.update(b"lianshi/audit/v1\n");
        hasher.update(self.seq.to_be_bytes());
        hasher.update(self.at.to_be_bytes());
        let texts = [
            &self.actor,
            &self.organization,
            &self.action,
            &self.object,
            &self.outcome,
            &self.before,
            &self.after,
        ];
        for text in texts {
            // The length in front keeps two neighboring texts from trading characters.
            hasher.update(u64::try_from(text.len()).unwrap_or(u64::MAX).to_be_bytes());
            hasher.update(text.as_bytes());
        }
        hasher.update(&self.previous_hash);
        hasher.finalize().to_vec()
    }
}

/// Appends an act to the chain, in the transaction of the act itself.
pub fn record(write: &mut Write<'_>, act: &Act<'_>) -> Result<(), Fault> {
    let last: Option<(i64, Vec<u8>)> = audit_rows::table
        .select((audit_rows::seq, audit_rows::hash))
        .order(audit_rows::seq.desc())
        .first(&mut **write)
        .optional()?;
    let (seq, previous_hash) = last.unwrap_or((0, vec![0; 32]));
    let mut row = AuditRow {
        seq: seq + 1,
        at: act.at.millis(),
        actor: act.actor.name.clone(),
        organization: act.actor.organization.clone(),
        action: act.action.to_owned(),
        object: act.object.to_owned(),
        outcome: act.outcome.to_owned(),
        before: act.before.to_owned(),
        after: act.after.to_owned(),
        previous_hash,
        hash: Vec::new(),
    };
    row.hash = row.compute_hash();
    diesel::insert_into(audit_rows::table).values(&row).execute(&mut **write)?;
    Ok(())
}

/// Whether the same act on the same object with the same state after it is in the trail already:
/// for what others can make happen again and again.
pub fn is_recorded(read: &mut Read<'_>, act: &Act<'_>) -> Result<bool, Fault> {
    let same = audit_rows::table
        .filter(audit_rows::object.eq(act.object))
        .filter(audit_rows::action.eq(act.action))
        .filter(audit_rows::after.eq(act.after));
    let found: Option<i64> = same.select(audit_rows::seq).first(&mut **read).optional()?;
    Ok(found.is_some())
}

/// What a check of the chain found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Every row fits; how many there are and the hash of the last.
    Whole {
        /// Rows checked.
        rows: i64,
        /// Hash of the last row, empty for no rows.
        head: Vec<u8>,
    },
    /// The first row that does not fit the one before it or its own hash.
    Broken {
        /// Its place, or the place where a row is missing.
        seq: i64,
    },
}

/// Rows read at once while verifying: bounds memory at a few hundred KiB.
const VERIFY_PAGE: i64 = 1000;

/// Recomputes the whole chain and names the first row that does not fit.
pub fn verify(read: &mut Read<'_>) -> Result<Verdict, Fault> {
    walk(read, &mut |_, _| {})
}

/// The same, and tells the place and hash of every row that fits.
fn walk(read: &mut Read<'_>, hear: &mut dyn FnMut(i64, &[u8])) -> Result<Verdict, Fault> {
    let mut expected = 1;
    let mut head: Vec<u8> = vec![0; 32];
    loop {
        let rows: Vec<AuditRow> = audit_rows::table
            .filter(audit_rows::seq.ge(expected))
            .order(audit_rows::seq.asc())
            .limit(VERIFY_PAGE)
            .select(AuditRow::as_select())
            .load(&mut **read)?;
        if rows.is_empty() {
            let head = if expected == 1 { Vec::new() } else { head };
            return Ok(Verdict::Whole { rows: expected - 1, head });
        }
        for row in rows {
            if row.seq != expected || row.previous_hash != head || row.hash != row.compute_hash() {
                return Ok(Verdict::Broken { seq: expected });
            }
            hear(row.seq, &row.hash);
            head = row.hash;
            expected += 1;
        }
    }
}

/// The newest rows, newest first, from `before_seq` down (all for `None`).
pub fn newest(
    read: &mut Read<'_>,
    before_seq: Option<i64>,
    limit: i64,
) -> Result<Vec<AuditRow>, Fault> {
    Ok(audit_rows::table
        .filter(audit_rows::seq.lt(before_seq.unwrap_or(i64::MAX)))
        .order(audit_rows::seq.desc())
        .limit(limit)
        .select(AuditRow::as_select())
        .load(&mut **read)?)
}
