//! The market: plans, negotiation, entitlement, usage, rating, ledger and splits. Pure: no clock, disk, network or
//! randomness; equal inputs give equal outputs on every node.

#![deny(missing_docs)]

pub mod dataset;
pub mod entitlement;
pub mod guard;
pub mod usage;
