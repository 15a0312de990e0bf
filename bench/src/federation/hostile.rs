//! A hostile country: one member in a hundred answers nobody, and one boasts.

const SILENT_EVERY: usize = 100;
const SILENT_FIRST: usize = 57;
/// The member that shows heads it cannot serve.
pub const EVIL: usize = 33;

/// Whether a member of a hostile country answers nobody.
pub fn is_silent(node: usize) -> bool {
    node % SILENT_EVERY == SILENT_FIRST
}
