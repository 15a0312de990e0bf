//! What entries are filled with: as long as asked for, and lawful, for what is quarantined costs a
//! node nothing.

use anyhow::ensure;
use lianshi_registry::{entry::Texts, text::Kind};
use lianshi_store::{Db, catalog};

/// What an entry about an organization has beside its two names, in bytes.
const FRAME_BYTES: usize = 250;
/// A character of three bytes: a name has so many characters at most.
const WIDE: &str = "测";

/// Names that make an entry about an organization of this many bytes, as far as names can.
pub fn names(entry_bytes: usize) -> Texts {
    let wide = entry_bytes.saturating_sub(FRAME_BYTES) / (2 * WIDE.len());
    let name = WIDE.repeat(wide.clamp(1, Kind::Name.chars_max()));
    Texts { zh: name.clone(), en: name }
}

/// Refuses a measurement of entries that the node did not fold.
pub fn is_folded(db: &Db) -> anyhow::Result<()> {
    let quarantined = db.read(|read| catalog::quarantined(read, 1))?;
    ensure!(quarantined.is_empty(), "what was measured was not folded: {quarantined:?}");
    Ok(())
}
