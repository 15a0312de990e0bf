//! A kind that no program in use knows: what a federation meets when one of its nodes is upgraded
//! before the others. Only in builds with the feature `next`, which an optimized build cannot have.

use serde::{Deserialize, Serialize};

use super::Texts;
use crate::uscc::Uscc;

#[cfg(not(debug_assertions))]
compile_error!("the feature `next` is for tests; build without --release");

/// An organization has another name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OrganizationRenamed {
    /// The organization.
    pub uscc: Uscc,
    /// Its name from now on.
    pub name: Texts,
}
