//! Attacks on a running demo: what strangers, people with other roles and hostile programs try.
//! One file a theme; the demo is shared, so each test works with accounts and objects of its own.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod answers;
mod files;
mod interfaces;
mod lockout;
mod matrix;
mod peer_flood;
mod raw;
mod slow;
mod tokens;
mod trail;
mod writing;
