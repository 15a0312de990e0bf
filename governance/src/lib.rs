//! Governance: how data comes to be a lawful product. Rulesets are dated data, guards are pure
//! functions whose refusals cite the rule, and a publishing file is decided whole: all its errors
//! with their lines, or all its entries.

#![deny(missing_docs)]

pub mod division;
pub mod guard;
pub mod publish;
pub mod ruleset;
