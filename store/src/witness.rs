//! The witness of this node: what it cosigned last of every other log. What is remembered and the
//! signature over it are one transaction, and the signature leaves after it; so a crash at any
//! moment, or two submissions at once, never leave a signature that was forgotten.

use diesel::prelude::*;
use lianshi_registry::{
    checkpoint::vkey,
    id::Origin,
    key::PublicKey,
    member::Status,
    merkle::{Hash, empty_root},
    note::VerifierKey,
    sync::{Conflict, SignedHead},
    witness::{self, Advance, Cosigned, Submission, WitnessRefusal},
};
use sha2::{Digest as _, Sha256};

use crate::{
    Failure, Fault, Read, Site, Write, crash,
    forks::{self, Seen},
    log, members, recovery,
    schema::witnessed,
};

/// What a submitter is told, over HTTP or over a peer's link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The HTTP status of the specification.
    pub status: u16,
    /// The type of the body.
    pub content_type: &'static str,
    /// A signature line, a size, or a sentence.
    pub body: String,
}

/// What the witness cosigned last of a log.
#[derive(Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = witnessed)]
struct WitnessedRow {
    origin: String,
    origin_hash: String,
    size: i64,
    root: Vec<u8>,
    seconds: i64,
    note: String,
}

impl TryFrom<WitnessedRow> for Cosigned {
    type Error = Fault;

    fn try_from(row: WitnessedRow) -> Result<Self, Fault> {
        let number = |value: i64| u64::try_from(value).map_err(|e| Fault::corrupt("witnessed", e));
        Ok(Self {
            size: number(row.size)?,
            root: Hash::from_slice(&row.root).ok_or_else(|| Fault::corrupt("witnessed", "root"))?,
            seconds: number(row.seconds)?,
            note: row.note,
        })
    }
}

/// Takes the body of `add-checkpoint`. A refusal of the specification is an answer like any other;
/// only a machine that failed is an error.
pub fn submit(site: &Site, body: &[u8]) -> Result<Answer, Fault> {
    let decided = match Submission::parse(body) {
        Ok(submission) if !knows(site, &submission)? => return Ok(forgetful()),
        // Judged before the one write lock is taken: what no log signed, and what leads nowhere,
        // holds nobody up.
        Ok(submission) => site
            .db
            .read(|read| judge(read, site, &submission))
            .and_then(|_| site.db.write(|write| cosign(write, site, &submission))),
        Err(error) => Err(Failure::Refused(WitnessRefusal::Malformed(error))),
    };
    match decided {
        Ok(advance) => Ok(Answer {
            status: 200,
            content_type: "text/plain; charset=utf-8",
            body: advance.cosignature.line(),
        }),
        Err(Failure::Refused(refusal)) => {
            if let (true, Ok(submission)) = (is_signed(&refusal), Submission::parse(body)) {
                tell(site, &submission)?;
            }
            let (content_type, body) = refusal.answer();
            Ok(Answer { status: refusal.status(), content_type, body })
        }
        Err(Failure::Fault(fault)) => Err(fault),
    }
}

/// What a witness that forgot knows again of a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Relearned {
    /// It will cosign what continues the checkpoint held here, and nothing else.
    Certain,
    /// It remembers to have cosigned another history than the one held here, in this note.
    Contradicted(String),
}

/// After a restore: cosigns the newest checkpoint held of a log, unless it remembers a larger one,
/// so that from now on nothing is cosigned that does not continue it. What was cosigned and
/// forgotten lies before it, when the other members were asked for all they hold.
pub fn relearn(site: &Site, origin: &Origin) -> Result<Relearned, Failure<WitnessRefusal>> {
    site.db.write(|write| {
        let read = &mut write.as_read();
        let name = origin.to_string();
        let Some(held) = log::head(read, origin)? else { return Ok(Relearned::Certain) };
        let last = last(read, &name)?;
        let (size, root) = last.as_ref().map_or((0, empty_root()), |last| (last.size, last.root));
        if log::root_at(read, origin, size.min(held.size))? != Some(root) && size <= held.size {
            let note = last.map(|last| last.note).unwrap_or_default();
            return Ok(Relearned::Contradicted(note));
        }
        let is_over = trusted(read, site, &name)?.is_empty() || forks::is_forked(read, origin)?;
        if held.checkpoint_size <= size || is_over {
            return Ok(Relearned::Certain);
        }
        let proof = log::consistency_proof(read, origin, size, held.checkpoint_size)?;
        let proof = proof.ok_or_else(|| Fault::corrupt("log_tiles", format!("edge of {name}")))?;
        let submission = Submission::new(size, proof, &held.checkpoint)
            .map_err(|error| Fault::corrupt("logs", error))?;
        cosign(write, site, &submission).map(|_| Relearned::Certain)
    })
}

/// Whether what was cosigned of the log is known: a database from a backup forgot some of it.
fn knows(site: &Site, submission: &Submission) -> Result<bool, Fault> {
    site.db.read(|read| recovery::may_witness(read, &submission.body().origin))
}

fn forgetful() -> Answer {
    Answer {
        status: 503,
        content_type: "text/plain; charset=utf-8",
        body: "this witness was restored from a backup and does not know what it cosigned\n"
            .to_owned(),
    }
}

/// The checkpoint cosigned last of the log whose origin has this SHA-256 in hexadecimal: what
/// monitors ask for.
pub fn cosigned(read: &mut Read<'_>, origin_hash: &str) -> Result<Option<String>, Fault> {
    let note = witnessed::table
        .filter(witnessed::origin_hash.eq(origin_hash))
        .select(witnessed::note)
        .first(&mut **read)
        .optional()?;
    Ok(note)
}

/// Whether a submission may be cosigned, and what would be remembered of it; and whether something
/// of its log is remembered already.
fn judge(
    read: &mut Read<'_>,
    site: &Site,
    submission: &Submission,
) -> Result<(Advance, bool), Failure<WitnessRefusal>> {
    let origin = &submission.body().origin;
    let keys = trusted(read, site, origin)?;
    let last = last(read, origin)?;
    let seconds = u64::try_from(site.now().seconds()).unwrap_or(0);
    let decided = witness::decide(submission, &keys, last.as_ref(), (&site.cosigner(), seconds));
    let advance = decided.map_err(Failure::Refused)?;
    if is_contradicted(read, &advance.next, origin)? {
        return Err(Failure::Refused(WitnessRefusal::Contradicted(advance.next.size)));
    }
    Ok((advance, last.is_some()))
}

fn cosign(
    write: &mut Write<'_>,
    site: &Site,
    submission: &Submission,
) -> Result<Advance, Failure<WitnessRefusal>> {
    let (advance, known) = judge(&mut write.as_read(), site, submission)?;
    remember(write, &submission.body().origin, (&advance.next, known))?;
    crash::point("cosign.remembered");
    Ok(advance)
}

/// Whether a refused submission may be one of two signed histories: the log signed it.
fn is_signed(refusal: &WitnessRefusal) -> bool {
    use WitnessRefusal as R;
    let of = refusal;
    matches!(of, R::TwoRoots(_) | R::Contradicted(_) | R::OtherSize(_) | R::Inconsistent { .. })
}

/// Whether the entries held here, or a fork known of, speak against a checkpoint; also entries that
/// are on their way to a larger signed head, which prove as much.
fn is_contradicted(read: &mut Read<'_>, next: &Cosigned, origin: &str) -> Result<bool, Fault> {
    let Ok(origin) = Origin::parse(origin) else { return Ok(false) };
    if forks::is_forked(read, &origin)? {
        return Ok(true);
    }
    if next.size == 0 {
        return Ok(false);
    }
    let Some(head) = log::head(read, &origin)?.filter(|head| next.size <= head.size) else {
        return Ok(false);
    };
    let is_other = log::root_at(read, &origin, next.size)? != Some(next.root);
    let is_proved = next.size <= head.checkpoint_size
        || is_other && log::tail_proof(read, &head, next.size)?.is_some();
    Ok(is_other && is_proved)
}

/// Publishes a submission that contradicts what was cosigned last or what is held here; does
/// nothing with any other.
fn tell(site: &Site, submission: &Submission) -> Result<(), Fault> {
    let origin = &submission.body().origin;
    let (keys, last) =
        site.db.read(|read| Ok::<_, Fault>((trusted(read, site, origin)?, last(read, origin)?)))?;
    let (Some(key), Ok(origin)) = (keys.first(), Origin::parse(origin)) else { return Ok(()) };
    let key = key.key();
    let open = |note: &str| SignedHead::open(note, &origin, &key).ok();
    let Some(newer) = open(&submission.note().encode()) else { return Ok(()) };
    let older = last.and_then(|last| open(&last.note));
    let told = match older.filter(|older| older.size() == newer.size()) {
        Some(older) if older.root() != newer.root() => {
            forks::witness(site, key, &Conflict { older, newer, proof: Vec::new() })
        }
        _ => forks::examine(site, key, (&newer, Seen::Submitted)),
    };
    match told {
        Ok(_) | Err(Failure::Refused(_)) => Ok(()),
        Err(Failure::Fault(fault)) => Err(fault),
    }
}

/// A log held here has grown: what this witness cosigned of it must lie on the entries. Gives
/// whether it does not, which is then told.
pub fn check(site: &Site, origin: &Origin, log_key: PublicKey) -> Result<bool, Fault> {
    let last = site.db.read(|read| last(read, &origin.to_string()))?;
    let Some(cosigned) = last.and_then(|last| SignedHead::open(&last.note, origin, &log_key).ok())
    else {
        return Ok(false);
    };
    match forks::examine(site, log_key, (&cosigned, Seen::Shown)) {
        Ok(told) => Ok(told),
        Err(Failure::Refused(_)) => Ok(false),
        Err(Failure::Fault(fault)) => Err(fault),
    }
}

/// The keys that sign a log this witness follows: those of the charter's root authorities and of
/// members that have not withdrawn. Not its own log: whoever shows two histories would cosign both.
fn trusted(read: &mut Read<'_>, site: &Site, origin: &str) -> Result<Vec<VerifierKey>, Fault> {
    let Ok(origin) = Origin::parse(origin) else { return Ok(Vec::new()) };
    if origin.node() == site.origin.node() {
        return Ok(Vec::new());
    }
    if let Some(member) = members::by_origin(read, &origin)? {
        let follows = member.status() != Status::Withdrawn;
        let key = vkey(&origin, member.admission.log_key);
        return Ok(if follows { vec![key] } else { Vec::new() });
    }
    let roots = members::roots(read)?;
    let root = roots.into_iter().find(|root| root.origin == origin);
    Ok(root.map(|root| vkey(&origin, root.log_key)).into_iter().collect())
}

fn last(read: &mut Read<'_>, origin: &str) -> Result<Option<Cosigned>, Fault> {
    let row: Option<WitnessedRow> = witnessed::table
        .find(origin)
        .select(WitnessedRow::as_select())
        .first(&mut **read)
        .optional()?;
    row.map(Cosigned::try_from).transpose()
}

fn remember(
    write: &mut Write<'_>,
    origin: &str,
    (next, known): (&Cosigned, bool),
) -> Result<(), Fault> {
    let number = |value: u64| i64::try_from(value).map_err(|e| Fault::corrupt("witnessed", e));
    let row = WitnessedRow {
        origin: origin.to_owned(),
        origin_hash: hex::encode(Sha256::digest(origin.as_bytes())),
        size: number(next.size)?,
        root: next.root.bytes().to_vec(),
        seconds: number(next.seconds)?,
        note: next.note.clone(),
    };
    if known {
        diesel::update(witnessed::table.find(origin)).set(&row).execute(&mut **write)?;
    } else {
        diesel::insert_into(witnessed::table).values(&row).execute(&mut **write)?;
    }
    Ok(())
}
