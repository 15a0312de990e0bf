//! Tests of the store: one body each, run on SQLite and on PostgreSQL. PostgreSQL's address comes
//! from `LIANSHI_TEST_POSTGRES` (a URL of a cluster where databases may be made); without it these
//! tests fail, they are not skipped: `tests/run` starts a cluster.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "tests")]

mod accounts;
mod backup;
mod browse;
mod catalog;
mod changes;
mod clock;
mod datasets;
mod federation;
mod forks;
mod foundation;
mod group;
mod log;
mod money;
mod notices;
mod plans;
mod readiness;
mod replica;
mod secrets;
mod subscriptions;
mod support;
mod trail;
mod trouble;
mod usage;
mod witness;
