//! The registry: what nodes say in public, and how anyone can check it.
//!
//! Entries in canonical JSON, RFC 6962 logs in the C2SP formats, membership, the catalog fold and
//! the synchronization state machine. Pure: no socket, no disk, no clock, no randomness; time and
//! key bytes come in as arguments, and equal inputs give equal outputs on every node.

#![deny(missing_docs)]

pub mod address;
pub mod backoff;
pub mod catalog;
pub mod certificate;
pub mod checkpoint;
pub mod cosignature;
pub mod entry;
pub mod fork;
pub mod id;
pub mod inclusion;
pub mod inspection;
pub mod json;
pub mod key;
pub mod links;
pub mod member;
pub mod merkle;
pub mod note;
pub mod policy;
pub mod price;
pub mod program;
pub mod refusal;
pub mod seal;
pub mod sync;
pub mod text;
pub mod tile;
pub mod time;
pub mod uscc;
pub mod wire;
pub mod witness;
pub mod word;
