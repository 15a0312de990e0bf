//! The store: the only crate that knows a database. One public function is one whole transaction,
//! or a step of one that demands the [`Write`] it runs in. SQLite by default, PostgreSQL by URL,
//! one schema, one body of code.

pub mod accounts;
pub mod address;
pub mod allocations;
pub mod audit;
pub mod backup;
pub mod catalog;
pub mod certificate;
pub mod close;
pub mod copies;
pub mod crash;
pub mod datasets;
pub mod db;
mod dialect;
mod durable;
pub mod fault;
pub mod fold;
pub mod forks;
pub mod format;
pub mod group;
pub mod ledger;
pub mod letters;
pub mod log;
pub mod members;
pub mod notices;
pub mod numbers;
pub mod outbox;
pub mod overview;
mod private;
pub mod quorum;
pub mod readiness;
pub mod recovery;
#[cfg(feature = "rehearsal")]
pub mod rehearsal;
pub mod replica;
pub mod room;
mod schema;
mod setting;
pub mod site;
pub mod statements;
pub mod subscriptions;
pub mod usage;
pub mod witness;

pub use db::{Db, Failure, Read, Write};
pub use fault::Fault;
pub use site::Site;
