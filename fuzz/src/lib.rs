//! The parsers of foreign bytes as functions that take any bytes: none may panic, and what one of
//! them reads must be written back to something that reads the same. `cargo fuzz` calls them with
//! bytes it thinks up, and `tests/mutations.rs` with changed samples, where no fuzzer can be had.

mod letters;
mod logs;
mod notes;
mod specimen;
mod texts;

pub use letters::{key, publish, receipt, sealed};
pub use logs::{bundle, entry, tile, wire};
pub use notes::{checkpoint, cosignature, fork, note, policy, proof, submission};
pub use texts::{foreign, text};

/// A parser, with true samples of what it reads.
pub struct Target {
    /// As in `fuzz_targets/`.
    pub name: &'static str,
    /// Reads any bytes; panics when the parser is wrong.
    pub read: fn(&[u8]),
    /// Bytes that it reads without a refusal.
    pub samples: fn() -> Vec<Vec<u8>>,
}

/// Every parser.
pub static TARGETS: [Target; 17] = [
    Target { name: "note", read: note, samples: specimen::notes },
    Target { name: "checkpoint", read: checkpoint, samples: specimen::notes },
    Target { name: "cosignature", read: cosignature, samples: specimen::cosignatures },
    Target { name: "submission", read: submission, samples: specimen::submissions },
    Target { name: "policy", read: policy, samples: specimen::policies },
    Target { name: "proof", read: proof, samples: specimen::proofs },
    Target { name: "fork", read: fork, samples: specimen::forks },
    Target { name: "entry", read: entry, samples: specimen::entries },
    Target { name: "bundle", read: bundle, samples: specimen::bundles },
    Target { name: "tile", read: tile, samples: specimen::paths },
    Target { name: "wire", read: wire, samples: specimen::frames },
    Target { name: "sealed", read: sealed, samples: specimen::letters },
    Target { name: "receipt", read: receipt, samples: specimen::receipts },
    Target { name: "publish", read: publish, samples: specimen::publishing_files },
    Target { name: "key", read: key, samples: specimen::keys },
    Target { name: "text", read: text, samples: specimen::texts },
    Target { name: "foreign", read: foreign, samples: specimen::bodies },
];
