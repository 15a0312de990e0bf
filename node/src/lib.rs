//! The node: one program that a city or district runs. Command line, configuration, libp2p, jobs
//! and wiring; every decision is made in the pure crates, every row written by `store`.

pub mod cli;
pub mod clock;
pub mod demo;
pub mod files;
pub mod folder;
pub mod http;
mod journal;
mod leap;
pub mod net;
pub mod ops;
pub mod peer;
pub mod post;
pub mod seats;
pub mod serve;
mod supervisor;
pub mod trail;
mod trouble;
pub mod witnessing;
