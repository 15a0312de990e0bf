//! What the whole-system tests and the programs they kill share: stores that are filled and checked
//! without a node in front of them.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

pub mod books;
pub mod crash;
