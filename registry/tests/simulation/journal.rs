//! The memory of a witness on the simulated disk: a file that grows by records. A crash keeps what
//! was synced and as many of the other bytes as it likes, so the last record may be torn; whoever
//! starts again reads up to the first record that is not whole.

use std::collections::BTreeMap;

use lianshi_registry::{
    checkpoint::Body, cosignature, id::Origin, merkle::leaf_hash, note::Note, witness::Cosigned,
};

use crate::random::Random;

/// Bytes of a record's length and check before its note.
const HEADER: usize = 4 + 32;

#[derive(Default)]
pub struct Journal {
    bytes: Vec<u8>,
    synced: usize,
}

impl Journal {
    /// Writes what is to be remembered; gives up to where it must be synced.
    pub fn append(&mut self, cosigned: &Cosigned) -> usize {
        let note = cosigned.note.as_bytes();
        let length = u32::try_from(note.len()).expect("a note is small");
        self.bytes.extend(length.to_be_bytes());
        self.bytes.extend(leaf_hash(note).bytes());
        self.bytes.extend(note);
        self.bytes.len()
    }

    pub fn sync(&mut self, to: usize) {
        self.synced = self.synced.max(to);
    }

    /// Some of what was not synced is lost, and the last byte of what is left may be wrong.
    pub fn crash(&mut self, random: &mut Random) {
        let loose = u64::try_from(self.bytes.len() - self.synced).expect("small");
        if loose == 0 {
            return;
        }
        let kept = self.synced + usize::try_from(random.below(loose + 1)).expect("small");
        self.bytes.truncate(kept);
        if kept > self.synced && random.chance(50) {
            self.bytes[kept - 1] ^= 0x40;
        }
    }

    /// What was remembered last of each log. What cannot be read any more is cut off.
    pub fn open(&mut self) -> BTreeMap<Origin, Cosigned> {
        let mut remembered = BTreeMap::new();
        let mut at = 0;
        while let Some((origin, cosigned, next)) = self.record(at) {
            remembered.insert(origin, cosigned);
            at = next;
        }
        assert!(at >= self.synced, "what was synced can be read");
        self.bytes.truncate(at);
        self.synced = at;
        remembered
    }

    fn record(&self, at: usize) -> Option<(Origin, Cosigned, usize)> {
        let header = self.bytes.get(at..at + HEADER)?;
        let (length, check) = header.split_first_chunk::<4>()?;
        let next = at + HEADER + usize::try_from(u32::from_be_bytes(*length)).ok()?;
        let note = self.bytes.get(at + HEADER..next)?;
        if leaf_hash(note).bytes() != check {
            return None;
        }
        let parsed = Note::parse(note).expect("written here");
        let body = Body::parse(&parsed.text).expect("written here");
        let cosigned = Cosigned {
            size: body.size,
            root: body.root,
            seconds: cosignature::seconds(&parsed.signatures.last()?.bytes)?,
            note: parsed.encode(),
        };
        Some((Origin::parse(&body.origin).expect("a log"), cosigned, next))
    }
}
