//! Tests of the gateway through HTTP, on a real store: a published product, a contract made by the
//! negotiation, a key, and data loaded as an operator loads it.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "tests")]

mod answers;
mod flood;
mod guard;
mod lost;
mod once;
mod refusals;
mod slow;
mod world;
