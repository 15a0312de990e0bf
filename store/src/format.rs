//! In which format of entries a database was begun. The first one was given up before anybody used
//! the program in earnest (`docs/decisions/0026-the-format-begins-anew.md`); a database of it is
//! told from all others by having none noted.

use crate::{Db, Fault, db::Conn, dialect, log, setting};

/// The format of entries that this program writes. What changes later are versions of kinds.
const ENTRY_FORMAT: u32 = 1;
/// Name of the setting that holds it.
const SETTING: &str = "entry_format";

/// Why a database is not opened.
#[derive(Debug, thiserror::Error)]
pub enum FormatRefusal {
    /// From before the format of today.
    #[error(
        "this folder's logs were written before the format of entries was settled, and no later \
         program reads them; begin anew in an empty folder with `lianshi init` (or `lianshi \
         demo`), and leave this one as it is"
    )]
    GivenUp,
    /// From after it.
    #[error(
        "this folder's logs are in format {0} of entries, and this program knows format \
         {ENTRY_FORMAT}; start the newer program"
    )]
    Newer(u32),
    /// The database.
    #[error(transparent)]
    Fault(#[from] Fault),
}

/// Refuses a database of another format before it is changed in any way: an older program goes on
/// with it as it is.
pub fn look(url: &str) -> Result<(), FormatRefusal> {
    let db = Db::open_unmigrated(url)?;
    let mut conn = db.connection()?;
    let tables = dialect::tables(&mut conn)?;
    let holds = |conn: &mut Conn, what: &str| {
        let mut found = None;
        dialect::each_row(conn, what, &mut |row| {
            found = Some(row);
            Ok(())
        })?;
        Ok::<_, Fault>(found)
    };
    if !tables.iter().any(|table| table == "logs") {
        return Ok(());
    }
    let noted = "SELECT value FROM node_state WHERE name = 'entry_format' LIMIT 1";
    if holds(&mut conn, noted)?.is_some() {
        return Ok(());
    }
    let entries = "SELECT CAST(1 AS BIGINT) FROM logs WHERE size > 0 LIMIT 1";
    if holds(&mut conn, entries)?.is_some() { Err(FormatRefusal::GivenUp) } else { Ok(()) }
}

/// Refuses a database of another format; notes the format of a new one.
pub fn ensure(db: &Db) -> Result<(), FormatRefusal> {
    let (noted, heads) =
        db.read(|read| Ok::<_, Fault>((setting::read::<u32>(read, SETTING)?, log::heads(read)?)))?;
    match noted {
        Some(ENTRY_FORMAT) => Ok(()),
        Some(newer) => Err(FormatRefusal::Newer(newer)),
        None if heads.iter().any(|head| head.size > 0) => Err(FormatRefusal::GivenUp),
        None => Ok(db.write(|write| setting::write(write, SETTING, &ENTRY_FORMAT))?),
    }
}
