//! What peers ask this node: heads, static resources of logs, and letters for its rooms. Runs on
//! blocking threads.

use std::sync::Arc;

use lianshi_registry::{
    id::{NodeName, Origin},
    member::MemberRefusal,
    merkle::Hash,
    refusal::Refusal as _,
    sync::{Digest, SignedHead},
    tile::{Coordinate, TILE_WIDTH, encode_bundle, encode_hashes},
    witness::Submission,
};
use lianshi_store::{Failure, Fault, Read, Site, log, members, quorum, subscriptions, witness};
use tokio::sync::{mpsc, oneshot, watch};

use super::{Announced, Letters, LogKeys, Mail, carry};
use crate::net::{Answer, Request, Serve};

/// The ways into the driver.
pub(super) struct Hatch {
    pub(super) keys: watch::Receiver<LogKeys>,
    pub(super) mail: mpsc::UnboundedSender<Mail>,
    pub(super) announced: mpsc::Sender<Announced>,
}

impl Hatch {
    /// Hands a head on that a peer showed; waits while others do before it.
    fn announce(&self, peer: NodeName, note: &str) {
        let keys = LogKeys::clone(&self.keys.borrow());
        if let Some(head) = carry::open(&peer, note, &keys) {
            // The driver is gone when this fails.
            let _ = self.announced.blocking_send(Announced { peer, head });
        }
    }
}

/// Makes the function the network calls for every inbound request.
pub(super) fn door(site: Site, hatch: Hatch, letters: Letters) -> Serve {
    Arc::new(move |peer, request| {
        let answer = match request {
            Request::Heads(digest) => heads(&hatch.mail, digest),
            Request::Announce(note) => {
                hatch.announce(peer, &note);
                Ok(Answer::Done(Vec::new()))
            }
            Request::Resource { origin, path } => {
                let found = site.db.read(|read| resource(read, &origin, &path));
                found.map(|bytes| bytes.map_or(Answer::Missing, Answer::Done))
            }
            Request::Letter { kind, bytes } => letter(&site, &letters, peer, (kind, bytes)),
            Request::Correspondence(question) => correspondence(&site, &peer, &question),
            Request::Witness(body) => {
                // What is submitted is also a hint, whatever the witness thinks of it: a checkpoint
                // that contradicts another must reach the state machine.
                if let Ok(submission) = Submission::parse(&body) {
                    hatch.announce(peer, &submission.note().encode());
                }
                witness::submit(&site, &body).map(|answer| {
                    let status = answer.status.to_be_bytes();
                    Answer::Done([status.as_slice(), answer.body.as_bytes()].concat())
                })
            }
        };
        answer.unwrap_or_else(|fault| {
            tracing::error!(error = %fault, "a peer's request could not be answered");
            Answer::Busy
        })
    })
}

/// Whoever is a party is told what is held of what both wrote.
fn correspondence(site: &Site, peer: &NodeName, question: &[u8]) -> Result<Answer, Fault> {
    match subscriptions::correspondence::answer(site, peer, question) {
        Ok(told) => Ok(Answer::Done(told)),
        Err(Failure::Refused(refusal)) => Ok(Answer::Refused(refusal.to_string())),
        Err(Failure::Fault(fault)) => Err(fault),
    }
}

/// The state machine knows what is held and, by the asker's digest, what the asker is missing.
fn heads(mail: &mpsc::UnboundedSender<Mail>, digest: Digest) -> Result<Answer, Fault> {
    let (answer, answered) = oneshot::channel();
    // The driver is gone when either fails.
    let _ = mail.send(Mail::Asked(digest, answer));
    let Ok(heads) = answered.blocking_recv() else { return Ok(Answer::Busy) };
    let notes: Vec<&str> = heads.iter().map(SignedHead::note).collect();
    let json = serde_json::to_vec(&notes).map_err(|error| Fault::corrupt("logs", error))?;
    Ok(Answer::Done(json))
}

/// Makes a proof between two sizes of a log.
type Prove = fn(&mut Read<'_>, &Origin, u64, u64) -> Result<Option<Vec<Hash>>, Fault>;

/// The bytes of a path below a log's prefix, as over HTTP; beside those `settled`, the largest
/// checkpoint the quorum cosigned, `entries/<from>/<to>`, `proof/<from>/<to>` and
/// `prefix/<from>/<to>`.
fn resource(read: &mut Read<'_>, origin: &Origin, path: &str) -> Result<Option<Vec<u8>>, Fault> {
    if path == "checkpoint" {
        let note = log::checkpoint(read, origin.node(), origin.generation())?;
        return Ok(note.map(String::into_bytes));
    }
    if path == "settled" {
        let settled = quorum::settled(read, origin)?;
        return Ok(settled.map(|settled| settled.note.into_bytes()));
    }
    if let Some(places) = path.strip_prefix("entries/") {
        let Some(places) = parse_sizes(places) else { return Ok(None) };
        return part_of_bundle(read, origin, places);
    }
    let proofs: [(&str, Prove); 2] =
        [("proof/", log::consistency_proof), ("prefix/", log::prefix_proof)];
    for (start, prove) in proofs {
        let Some(sizes) = path.strip_prefix(start) else { continue };
        let Some((from, to)) = parse_sizes(sizes) else { return Ok(None) };
        let published = log::head(read, origin)?.map_or(0, |head| head.checkpoint_size);
        if to > published {
            return Ok(None);
        }
        return Ok(prove(read, origin, from, to)?.map(|hashes| encode_hashes(&hashes)));
    }
    match Coordinate::parse(path) {
        Ok(tile) => log::tile(read, origin, tile),
        Err(_) => Ok(None),
    }
}

/// Some entries of one bundle, as a bundle: for a peer that holds those before them.
fn part_of_bundle(
    read: &mut Read<'_>,
    origin: &Origin,
    (from, to): (u64, u64),
) -> Result<Option<Vec<u8>>, Fault> {
    let published = log::head(read, origin)?.map_or(0, |head| head.checkpoint_size);
    let bundle = |index: u64| index / u64::from(TILE_WIDTH);
    if from >= to || to > published || bundle(from) != bundle(to - 1) {
        return Ok(None);
    }
    let entries = log::entries(read, origin, from, to - from)?;
    Ok(encode_bundle(&entries).ok())
}

fn parse_sizes(sizes: &str) -> Option<(u64, u64)> {
    let (from, to) = sizes.split_once('/')?;
    Some((from.parse().ok()?, to.parse().ok()?))
}

/// A letter of a member in good standing goes to its room.
fn letter(
    site: &Site,
    letters: &Letters,
    from: NodeName,
    (kind, bytes): (String, Vec<u8>),
) -> Result<Answer, Fault> {
    match site.db.read(|read| members::may_write(read, &from))? {
        Ok(()) => {}
        // A root authority whose log has not arrived here yet: tried again later, it will be known.
        Err(MemberRefusal::Unknown(_)) => return Ok(Answer::Busy),
        Err(refusal) => return Ok(Answer::Refused(format!("{}: {refusal}", refusal.code()))),
    }
    Ok(match letters(from, kind, bytes) {
        Ok(answer) => Answer::Done(answer),
        Err(reason) => Answer::Refused(reason),
    })
}
