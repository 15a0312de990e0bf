//! The market: from a product on offer to a contract both nodes hold, and from calls to money.
//! Pure: no clock, disk, network or randomness; equal inputs give equal outputs on every node.

#![deny(missing_docs)]

pub mod agreement;
pub mod apportion;
mod base32;
pub mod close;
pub mod correspondence;
pub mod dataset;
pub mod eligibility;
pub mod entitlement;
pub mod export;
pub mod guard;
pub mod key;
pub mod ledger;
pub mod letter;
pub mod message;
pub mod money;
pub mod negotiation;
pub mod rating;
#[cfg(test)]
mod sample;
pub mod split;
pub mod subscription;
pub mod suppression;
pub mod term;
pub mod usage;
