//! A real browser against the running demo: the main job from the home page to the bill, in both
//! languages, and every page judged by axe-core.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod journey;
mod pages;
mod paper;
