//! The whole system as real processes: federation, crashes, bad input.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod addresses;
mod bad_input;
mod burden;
mod close;
mod contracts;
mod crash;
mod equivocation;
mod full_disk;
mod hostile_member;
mod leap;
mod mixed_versions;
mod readiness;
mod recovery;
mod replication;
mod restore;
mod root_keys;
mod settling;
mod speech;
mod stopping;
mod storm;
mod trouble;
mod two_roots;
