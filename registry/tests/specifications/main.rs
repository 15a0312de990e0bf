//! The C2SP specifications, demand by demand: signed-note, tlog-checkpoint, tlog-tiles,
//! tlog-cosignature, tlog-witness, tlog-proof and tlog-policy. Each test is one MUST, and its name
//! says which.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod checkpoints;
mod cosignatures;
mod inspections;
mod notes;
mod policies;
mod proofs;
mod specimen;
mod tampering;
mod tiles;
mod witnesses;
