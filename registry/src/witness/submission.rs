//! The body of `add-checkpoint`: the size cosigned last, a consistency proof and the checkpoint;
//! and of its answer, one or more signature lines.

use crate::{
    checkpoint::{Body, CheckpointError, SIZE_MAX, decimal},
    merkle::Hash,
    note::{Note, NoteError, Signature, VerifierKey},
};

/// Largest submission in bytes, as other witnesses cap it: 63 hashes have 2.9 KB, and the
/// checkpoint is submitted with the log's signature alone.
pub const SUBMISSION_BYTES_MAX: usize = 16 * 1024;
/// Most hashes a submission may have.
const PROOF_LINES_MAX: usize = 63;

/// A submission taken apart; nothing in it is verified. Its old size is at most its new one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Submission {
    old: u64,
    proof: Vec<Hash>,
    note: Note,
    body: Body,
}

/// Why bytes are not a submission.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SubmissionError {
    /// Larger than [`SUBMISSION_BYTES_MAX`].
    #[error("the submission has {0} bytes, at most {SUBMISSION_BYTES_MAX} are accepted")]
    TooLarge(usize),
    /// Not UTF-8, or without the empty line before the checkpoint.
    #[error("the submission has no empty line before its checkpoint")]
    NoCheckpoint,
    /// The first line is not `old` and a size.
    #[error("the first line is not `old` and a size")]
    OldSize,
    /// A line that is not a hash in base64, or more than 63 of them.
    #[error("proof line {0} is not a hash, or one too many")]
    Proof(usize),
    /// The checkpoint is not a signed note.
    #[error("{0}")]
    Note(NoteError),
    /// The note is not a checkpoint.
    #[error("{0}")]
    Checkpoint(CheckpointError),
    /// The old size lies above the checkpoint's.
    #[error("the old size {old} lies above the checkpoint's {size}")]
    Shrunk {
        /// The size submitted as old.
        old: u64,
        /// The checkpoint's.
        size: u64,
    },
}

impl Submission {
    /// A submission to a witness that last cosigned `old` entries.
    pub fn new(old: u64, proof: Vec<Hash>, checkpoint: &str) -> Result<Self, SubmissionError> {
        let note = Note::parse(checkpoint.as_bytes()).map_err(SubmissionError::Note)?;
        let body = Body::parse(&note.text).map_err(SubmissionError::Checkpoint)?;
        if proof.len() > PROOF_LINES_MAX {
            return Err(SubmissionError::Proof(PROOF_LINES_MAX + 1));
        }
        if old > body.size {
            return Err(SubmissionError::Shrunk { old, size: body.size });
        }
        Ok(Self { old, proof, note, body })
    }

    /// Takes the body of a request apart.
    pub fn parse(bytes: &[u8]) -> Result<Self, SubmissionError> {
        if bytes.len() > SUBMISSION_BYTES_MAX {
            return Err(SubmissionError::TooLarge(bytes.len()));
        }
        let text = std::str::from_utf8(bytes).map_err(|_| SubmissionError::NoCheckpoint)?;
        let (head, checkpoint) = text.split_once("\n\n").ok_or(SubmissionError::NoCheckpoint)?;
        let mut lines = head.split('\n');
        let old = lines.next().and_then(|line| line.strip_prefix("old ")).and_then(decimal);
        let old = old.filter(|old| *old <= SIZE_MAX).ok_or(SubmissionError::OldSize)?;
        let mut proof = Vec::new();
        for (place, line) in (1..).zip(lines) {
            let hash = Hash::from_base64(line).filter(|_| place <= PROOF_LINES_MAX);
            proof.push(hash.ok_or(SubmissionError::Proof(place))?);
        }
        Self::new(old, proof, checkpoint)
    }

    /// The body of the request.
    pub fn encode(&self) -> Vec<u8> {
        let hashes: String = self.proof.iter().map(|hash| hash.to_base64() + "\n").collect();
        format!("old {}\n{hashes}\n{}", self.old, self.note.encode()).into_bytes()
    }

    /// The size the witness is believed to have cosigned last.
    pub fn old(&self) -> u64 {
        self.old
    }

    /// The consistency proof.
    pub fn proof(&self) -> &[Hash] {
        &self.proof
    }

    /// The signed checkpoint.
    pub fn note(&self) -> &Note {
        &self.note
    }

    /// What the checkpoint tells.
    pub fn body(&self) -> &Body {
        &self.body
    }
}

/// Reads a witness's answer: the cosignatures of known witnesses over the text of a checkpoint,
/// verified. Those of others are ignored; none that is known is refused as unverified.
pub fn read_cosignatures(
    answer: &[u8],
    text: &str,
    witnesses: &[VerifierKey],
) -> Result<Vec<Signature>, NoteError> {
    let whole = [text.as_bytes(), b"\n", answer].concat();
    let note = Note::parse(&whole)?;
    if note.text != text {
        return Err(NoteError::NoSignatures);
    }
    Ok(note.verify(witnesses)?.into_iter().map(|(_, signature)| signature.clone()).collect())
}
