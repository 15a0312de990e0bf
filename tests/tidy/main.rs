//! Rules kept by machines: what a reviewer would otherwise have to remember. Sizes and names of
//! files, words that do not land, rooms that must not know each other, licences of what we depend
//! on.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod boundaries;
mod first_minute;
mod licences;
mod notice;
mod promises;
mod requirements;
mod sources;
