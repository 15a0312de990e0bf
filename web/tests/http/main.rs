//! The pages and the API over HTTP, against a real database: signing in, who may do what, and what
//! each page shows.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test stops at the first surprise")]

mod contracts;
mod differences;
mod letters;
mod matrix;
mod ordering;
mod pages;
mod people;
mod secrets;
mod signing_in;
mod support;
mod trail;
mod usage;
