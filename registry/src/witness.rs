//! The witness, exactly as C2SP tlog-witness v1.0 says: what is submitted, what is answered, and
//! when a checkpoint may be cosigned. One parser serves HTTP and the peer link.
//!
//! The machine is pure. [`decide`] looks at what the witness cosigned last and at what is
//! submitted; the shell stores [`Advance::next`] in the same transaction in which it read the
//! last, and only then lets the signature leave. A witness that forgot what it signed is no
//! witness.

mod submission;

use crate::{
    checkpoint::Body,
    cosignature::Cosigner,
    merkle::{Hash, empty_root, verify_consistency},
    note::{Note, NoteError, Signature, VerifierKey},
    refusal::Refusal,
};

pub use submission::{SUBMISSION_BYTES_MAX, Submission, SubmissionError, read_cosignatures};

/// What a witness remembers of one log: the latest checkpoint it cosigned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cosigned {
    /// Entries in it.
    pub size: u64,
    /// Root of its tree.
    pub root: Hash,
    /// When, in seconds since 1970.
    pub seconds: u64,
    /// The checkpoint with the log's signature and the witness's own: what monitors are given.
    pub note: String,
}

/// Why a witness does not cosign.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WitnessRefusal {
    /// Not a submission.
    #[error("{0}")]
    Malformed(SubmissionError),
    /// The witness does not follow this log.
    #[error("the log `{0}` is not known here")]
    UnknownLog(String),
    /// No known key of the log signed, or its signature does not fit.
    #[error("the log's signature is refused: {0}")]
    Unsigned(NoteError),
    /// The submission begins at another size than the one cosigned last.
    #[error("the last cosigned checkpoint has {0} entries")]
    OtherSize(u64),
    /// The tree is not shown to continue the one cosigned last.
    #[error("the checkpoint of {size} entries is not shown to continue that of {last}: {what}")]
    Inconsistent {
        /// Entries submitted.
        size: u64,
        /// Entries cosigned last.
        last: u64,
        /// What is wrong.
        what: &'static str,
    },
    /// The log signed two trees of one size.
    #[error("the log has another root at {0} entries")]
    TwoRoots(u64),
    /// The log is known to be forked, or the checkpoint contradicts the entries held here.
    #[error("the log's entries held here contradict the checkpoint of {0} entries")]
    Contradicted(u64),
    /// The witness's clock gives no time a cosignature may carry.
    #[error("the clock of this witness gives no time to sign")]
    Clock,
}

impl Refusal for WitnessRefusal {
    fn code(&self) -> &'static str {
        match self {
            Self::Malformed(_) => "witness.submission_malformed",
            Self::UnknownLog(_) => "witness.log_unknown",
            Self::Unsigned(_) => "witness.signature_refused",
            Self::OtherSize(_) => "witness.size_conflict",
            Self::Inconsistent { .. } => "witness.inconsistent",
            Self::TwoRoots(_) => "witness.two_roots",
            Self::Contradicted(_) => "witness.contradicted",
            Self::Clock => "witness.clock_unset",
        }
    }
}

impl WitnessRefusal {
    /// The HTTP status that tlog-witness v1.0.0 asks for. (The text after that tag asks for 422
    /// where one size has another root.)
    pub fn status(&self) -> u16 {
        match self {
            Self::Malformed(_) => 400,
            Self::UnknownLog(_) => 404,
            Self::Unsigned(_) => 403,
            Self::OtherSize(_) | Self::TwoRoots(_) => 409,
            Self::Inconsistent { .. } | Self::Contradicted(_) => 422,
            Self::Clock => 503,
        }
    }

    /// The body of the answer and its type: the size alone where the submitter must begin anew, so
    /// that it can, else a sentence.
    pub fn answer(&self) -> (&'static str, String) {
        match self {
            Self::OtherSize(size) => ("text/x.tlog.size", format!("{size}\n")),
            other => ("text/plain; charset=utf-8", format!("{other}\n")),
        }
    }
}

/// A checkpoint that may be cosigned, with its cosignature, which must not leave before `next` is
/// stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Advance {
    /// What the witness remembers from now on.
    pub next: Cosigned,
    /// The signature line to answer with, after that.
    pub cosignature: Signature,
}

/// Decides on a submission. `keys` are those trusted for the origin, none when the log is unknown;
/// `last` is what was cosigned last for it; `seconds` is the time now. A clock that was turned back
/// does not turn back what is stated: the time is never below that of the last cosignature.
pub fn decide(
    submission: &Submission,
    keys: &[VerifierKey],
    last: Option<&Cosigned>,
    (cosigner, seconds): (&Cosigner, u64),
) -> Result<Advance, WitnessRefusal> {
    let Body { origin, size, root } = submission.body();
    if keys.is_empty() {
        return Err(WitnessRefusal::UnknownLog(origin.clone()));
    }
    let note = submission.note();
    let verified = note.verify(keys).map_err(WitnessRefusal::Unsigned)?;
    let of_log = verified.into_iter().map(|(_, signature)| signature.clone()).collect();
    let last_size = last.map_or(0, |last| last.size);
    if submission.old() != last_size {
        return Err(WitnessRefusal::OtherSize(last_size));
    }
    let last_root = last.map_or_else(empty_root, |last| last.root);
    if *size == last_size && *root != last_root {
        return Err(WitnessRefusal::TwoRoots(*size));
    }
    consistent(submission, (last_size, last_root))
        .map_err(|what| WitnessRefusal::Inconsistent { size: *size, last: last_size, what })?;
    let seconds = seconds.max(last.map_or(0, |last| last.seconds));
    let cosignature = cosigner.cosign(&note.text, seconds).ok_or(WitnessRefusal::Clock)?;
    let mut kept = Note { text: note.text.clone(), signatures: of_log };
    kept.signatures.push(cosignature.clone());
    let next = Cosigned { size: *size, root: *root, seconds, note: kept.encode() };
    Ok(Advance { next, cosignature })
}

fn consistent(submission: &Submission, (last, last_root): (u64, Hash)) -> Result<(), &'static str> {
    let Body { size, root, .. } = submission.body();
    if last == 0 {
        let empty = submission.proof().is_empty();
        return if empty { Ok(()) } else { Err("a first checkpoint needs no proof") };
    }
    verify_consistency((last, last_root), (*size, *root), submission.proof())
        .map_err(|_| "the consistency proof does not hold")
}
