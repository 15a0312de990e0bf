//! Backups: every row as one snapshot showed it, table by table, in one form for both databases.
//! One row is one line of JSON; a backup made on SQLite can be restored into PostgreSQL and back,
//! and no tool of either has to be there. A restored database is loaded in one transaction, at the
//! schema it was saved with, and marked so that nothing is signed before it was recovered.

mod completeness;
mod line;
mod seal;

use std::{
    collections::BTreeSet,
    fs::{DirBuilder, File},
    io::{BufRead as _, BufReader, BufWriter, Read as _, Write as _},
    os::unix::fs::DirBuilderExt as _,
    path::{Path, PathBuf},
};

use lianshi_registry::{key::PublicKey, refusal::Refusal, time::Timestamp};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::{
    Db, Failure, Fault, Write, crash,
    db::Conn,
    dialect::{self, BULK_ROWS_MAX, Cell, Column},
    private,
    recovery::{self, Cause, Unfinished},
    usage,
};

pub use seal::{Claim, open, seal};

/// Bytes of one bulk insert: a few large tiles, or many small rows.
const INSERT_BYTES_MAX: usize = 4 << 20;
/// Parameters of one statement: below the limits of both databases.
const PARAMETERS_MAX: usize = 30_000;

/// What a backup holds of a database.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Contents {
    /// The migrations the database had.
    pub schema: Vec<String>,
    /// Its tables, each a file `tables/<name>.jsonl`.
    pub tables: Vec<Table>,
}

/// One table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Table {
    /// Its name.
    pub name: String,
    /// Its columns, in the order of the cells of a line.
    pub columns: Vec<String>,
    /// Rows, one line each.
    pub rows: u64,
    /// SHA-256 of the file, in hexadecimal.
    pub sha256: String,
}

/// Why a backup is not restored.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RestoreRefusal {
    /// There is something to lose.
    #[error("the database holds data already")]
    Occupied,
    /// The backup is not what it was when it was made.
    #[error("the backup is damaged: {0}")]
    Damaged(String),
    /// Nobody who holds the seal key of the node vouches for it.
    #[error("the backup is not sealed with the key {key}: {reason}")]
    Unsealed {
        /// The key the restorer knows.
        key: PublicKey,
        /// What is wrong with the seal.
        reason: String,
    },
}

impl Refusal for RestoreRefusal {
    fn code(&self) -> &'static str {
        match self {
            Self::Occupied => "backup.database_occupied",
            Self::Damaged(_) => "backup.damaged",
            Self::Unsealed { .. } => "backup.unsealed",
        }
    }
}

/// Saves every row of one snapshot into the folder `tables` below `dir`, while others read and
/// write. `progress` hears the name of each table.
pub fn save(db: &Db, dir: &Path, progress: &dyn Fn(&str)) -> Result<Contents, Fault> {
    let folder = dir.join("tables");
    let made = DirBuilder::new().recursive(true).mode(0o700).create(&folder);
    made.map_err(|error| Fault::file(&folder, error))?;
    db.read(|read| {
        let schema = dialect::applied(read)?;
        let mut names = dialect::tables(read)?;
        names.sort();
        let mut tables = Vec::with_capacity(names.len());
        for name in names {
            progress(&name);
            tables.push(save_table(read, dir, name)?);
        }
        Ok(Contents { schema, tables })
    })
}

fn save_table(conn: &mut Conn, dir: &Path, name: String) -> Result<Table, Fault> {
    let columns: Vec<String> =
        dialect::columns(conn, &name)?.into_iter().map(|column| column.name).collect();
    let path = file(dir, &name);
    let failed = |error| Fault::file(&path, error);
    let created = private::options().create_new(true).open(&path);
    let mut out = BufWriter::new(created.map_err(failed)?);
    let mut hasher = Sha256::new();
    let mut rows = 0;
    let quoted: Vec<String> = columns.iter().map(|column| format!("\"{column}\"")).collect();
    let select = format!("SELECT {} FROM \"{name}\"", quoted.join(", "));
    dialect::each_row(conn, &select, &mut |row| {
        let line = line::write(row);
        hasher.update(line.as_bytes());
        rows += 1;
        out.write_all(line.as_bytes()).map_err(failed)
    })?;
    let written = out.into_inner().map_err(|error| failed(error.into_error()))?;
    written.sync_all().map_err(failed)?;
    Ok(Table { name, columns, rows, sha256: hex::encode(hasher.finalize()) })
}

fn file(dir: &Path, table: &str) -> PathBuf {
    dir.join("tables").join(format!("{table}.jsonl"))
}

/// SHA-256 of a file, in hexadecimal.
pub fn hash_file(path: &Path) -> Result<String, Fault> {
    let failed = |error| Fault::file(path, error);
    let mut file = File::open(path).map_err(failed)?;
    let mut hasher = Sha256::new();
    let mut buffer = vec![0_u8; 1 << 16];
    loop {
        let count = file.read(&mut buffer).map_err(failed)?;
        let Some(read) = buffer.get(..count).filter(|read| !read.is_empty()) else {
            return Ok(hex::encode(hasher.finalize()));
        };
        hasher.update(read);
    }
}

/// Refuses a backup that is not whole or not what was saved, before anything is touched: every
/// table of its schema, no other, each with the rows and the hash that the manifest names.
pub fn verify(dir: &Path, contents: &Contents) -> Result<(), Failure<RestoreRefusal>> {
    completeness::verify(dir, contents)
}

/// Where a backup is restored.
#[derive(Debug, Clone, Copy)]
pub struct Target<'t> {
    /// The database.
    pub url: &'t str,
    /// The data folder of its node.
    pub folder: &'t Path,
    /// Whether a database that holds data is replaced, and not refused.
    pub replace: bool,
}

/// Restores a verified backup. What was there is gone in the transaction in which the backup is
/// there, so an end in between leaves it. Where nothing was there the folder is marked
/// [`Unfinished::Restore`] before, so that no empty database is taken for a new one; the caller
/// removes the mark. A database that holds data is refused, unless it is to be replaced or the mark
/// says where the data come from. `progress` hears the name of each table.
pub fn load(
    target: Target<'_>,
    (dir, contents): (&Path, &Contents),
    now: Timestamp,
    progress: &dyn Fn(&str),
) -> Result<(), Failure<RestoreRefusal>> {
    verify(dir, contents)?;
    let db = Db::open_unmigrated(target.url)?;
    let mut conn = db.connection()?;
    let known = dialect::tables(&mut conn)?;
    // The mark is made where nothing was, and nothing else is done while it is there.
    let goes_on = recovery::unfinished(target.folder)? == Some(Unfinished::Restore);
    let is_occupied = !goes_on && is_occupied(&mut conn, &known)?;
    if is_occupied && !target.replace {
        return Err(Failure::Refused(RestoreRefusal::Occupied));
    }
    dialect::ensure_known(&conn, &contents.schema)?;
    drop(conn);
    if !is_occupied {
        Unfinished::Restore.mark(target.folder)?;
    }
    db.write(|write| {
        if !known.is_empty() {
            dialect::revert(write.conn())?;
        }
        dialect::migrate_to(write.conn(), &contents.schema)?;
        crash::point("restore.emptied");
        for table in in_order(write, &contents.tables)? {
            progress(&table.name);
            load_table(write, dir, table)?;
            crash::point("restore.table");
        }
        recovery::require(write, Cause::Restored, now)?;
        // The home nodes hold counts of calls that are not in the backup.
        usage::report_anew(write)?;
        Ok::<_, Failure<RestoreRefusal>>(())
    })?;
    crash::point("restore.committed");
    Ok(())
}

/// Whether any table but that of settings has a row. A log that was begun and says nothing is no
/// loss: so is the database of a folder made to rejoin.
fn is_occupied(conn: &mut Conn, tables: &[String]) -> Result<bool, Fault> {
    for table in tables.iter().filter(|table| *table != "node_state") {
        let mut found = false;
        let rows = if table == "logs" { "WHERE size > 0" } else { "" };
        let select = format!("SELECT CAST(1 AS BIGINT) FROM \"{table}\" {rows} LIMIT 1");
        dialect::each_row(conn, &select, &mut |_| {
            found = true;
            Ok(())
        })?;
        if found {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The tables, those that others refer to first.
fn in_order<'t>(conn: &mut Conn, tables: &'t [Table]) -> Result<Vec<&'t Table>, Fault> {
    let mut waiting = Vec::new();
    for table in tables {
        let mut needs: BTreeSet<String> =
            dialect::referred(conn, &table.name)?.into_iter().collect();
        needs.remove(&table.name);
        waiting.push((table, needs));
    }
    let mut ordered: Vec<&Table> = Vec::new();
    while !waiting.is_empty() {
        let before = ordered.len();
        let is_ready = |needs: &BTreeSet<String>, ordered: &[&Table]| {
            needs.iter().all(|need| ordered.iter().any(|table| table.name == *need))
        };
        let (ready, later): (Vec<_>, Vec<_>) =
            waiting.into_iter().partition(|(_, needs)| is_ready(needs, &ordered));
        ordered.extend(ready.into_iter().map(|(table, _)| table));
        waiting = later;
        if ordered.len() == before {
            return Err(Fault::Migration("tables refer to each other in a circle".to_owned()));
        }
    }
    Ok(ordered)
}

fn load_table(
    write: &mut Write<'_>,
    dir: &Path,
    table: &Table,
) -> Result<(), Failure<RestoreRefusal>> {
    let path = file(dir, &table.name);
    let failed = |error| Fault::file(&path, error);
    let columns = ordered_columns(write, table)?;
    let batch_rows = (PARAMETERS_MAX / columns.len().max(1)).clamp(1, BULK_ROWS_MAX);
    let (mut batch, mut bytes, mut rows) = (Vec::new(), 0, 0);
    let mut lines = BufReader::new(File::open(&path).map_err(failed)?);
    let (mut hasher, mut text) = (Sha256::new(), String::new());
    while lines.read_line(&mut text).map_err(failed)? > 0 {
        hasher.update(text.as_bytes());
        let row: Vec<Cell> = line::read(&text, columns.len())
            .map_err(|what| damaged(format!("{}: {what}", path.display())))?;
        batch.push(row);
        bytes += text.len();
        rows += 1;
        text.clear();
        if batch.len() == batch_rows || bytes > INSERT_BYTES_MAX {
            dialect::insert_rows(
                write.conn(),
                (&table.name, &columns),
                std::mem::take(&mut batch),
            )?;
            bytes = 0;
        }
    }
    if !batch.is_empty() {
        dialect::insert_rows(write.conn(), (&table.name, &columns), batch)?;
    }
    // The file may have been changed since it was verified.
    let unaltered = rows == table.rows && hex::encode(hasher.finalize()) == table.sha256;
    if unaltered {
        Ok(())
    } else {
        Err(damaged(format!("{} is not what was saved", path.display())))
    }
}

/// The columns of the table as the backup orders them; it must have all there are.
fn ordered_columns(conn: &mut Conn, table: &Table) -> Result<Vec<Column>, Failure<RestoreRefusal>> {
    let known = dialect::columns(conn, &table.name)?;
    let found: Vec<Column> = table
        .columns
        .iter()
        .filter_map(|name| known.iter().find(|column| column.name == *name).cloned())
        .collect();
    if found.len() == table.columns.len() && found.len() == known.len() {
        Ok(found)
    } else {
        Err(damaged(format!("{} has other columns in its schema", table.name)))
    }
}

fn damaged(what: String) -> Failure<RestoreRefusal> {
    Failure::Refused(RestoreRefusal::Damaged(what))
}
