//! The public pages and API of a seeded node, over HTTP.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

#[macro_use]
mod support;
mod api;
mod frame;
mod public;
mod registry;
mod style;
