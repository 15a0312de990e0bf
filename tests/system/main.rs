//! The whole system as real processes: federation, crashes, bad input.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod bad_input;
mod close;
mod crash;
mod equivocation;
mod hostile_member;
mod recovery;
mod replication;
mod settling;
mod speech;
mod storm;
mod trouble;
