//! Whether a backup is the whole of what its schema has, and every file what was saved. Asked
//! before anything is touched: a table left out would come back empty, and nobody would miss it.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::{self, File},
    io::{BufRead as _, BufReader},
    path::Path,
};

use sha2::{Digest as _, Sha256};

use super::{Contents, RestoreRefusal, Table, damaged, file};
use crate::{Db, Failure, Fault, dialect};

/// A database that lives as long as its connection: the schema of a backup is made in it to see
/// which tables there must be. Both databases have the same.
const SCRATCH: &str = "sqlite://:memory:";

/// The tables of a schema with their columns.
type Schema = BTreeMap<String, BTreeSet<String>>;

/// Refuses a backup that lacks a table, has one its schema does not know, or of which a table is
/// not what was saved: each file's hash, rows and cells are looked at.
pub(super) fn verify(dir: &Path, contents: &Contents) -> Result<(), Failure<RestoreRefusal>> {
    for table in &contents.tables {
        ensure_names(table)?;
    }
    ensure_whole(contents)?;
    ensure_no_other_files(dir, contents)?;
    contents.tables.iter().try_for_each(|table| ensure_unaltered(dir, table))
}

fn ensure_names(table: &Table) -> Result<(), Failure<RestoreRefusal>> {
    let is_name = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    let name = &table.name;
    if name.chars().all(is_name) && table.columns.iter().all(|c| c.chars().all(is_name)) {
        Ok(())
    } else {
        Err(damaged(format!("`{name}` is no name of a table")))
    }
}

fn ensure_whole(contents: &Contents) -> Result<(), Failure<RestoreRefusal>> {
    let wanted = schema(&contents.schema)?;
    let mut found = Schema::new();
    for table in &contents.tables {
        let columns: BTreeSet<String> = table.columns.iter().cloned().collect();
        let (name, width) = (table.name.clone(), table.columns.len());
        if columns.len() != width || found.insert(name.clone(), columns).is_some() {
            return Err(damaged(format!("{name}, or a column of it, is named twice")));
        }
    }
    if let Some(missing) = wanted.keys().find(|name| !found.contains_key(*name)) {
        return Err(damaged(format!("the table {missing} is left out")));
    }
    for (name, columns) in found {
        match wanted.get(&name) {
            None => return Err(damaged(format!("there is no table {name} in its schema"))),
            Some(known) if *known != columns => {
                return Err(damaged(format!("{name} has other columns in its schema")));
            }
            Some(_) => {}
        }
    }
    Ok(())
}

fn schema(versions: &[String]) -> Result<Schema, Fault> {
    let scratch = Db::open_unmigrated(SCRATCH)?;
    let mut conn = scratch.connection()?;
    dialect::ensure_known(&conn, versions)?;
    dialect::migrate_to(&mut conn, versions)?;
    let mut schema = Schema::new();
    for name in dialect::tables(&mut conn)? {
        let columns = dialect::columns(&mut conn, &name)?.into_iter().map(|column| column.name);
        schema.insert(name, columns.collect());
    }
    Ok(schema)
}

fn ensure_no_other_files(dir: &Path, contents: &Contents) -> Result<(), Failure<RestoreRefusal>> {
    let folder = dir.join("tables");
    let failed = |error| Fault::file(&folder, error);
    let wanted: BTreeSet<String> =
        contents.tables.iter().map(|table| format!("{}.jsonl", table.name)).collect();
    for entry in fs::read_dir(&folder).map_err(failed)? {
        let name = entry.map_err(failed)?.file_name().to_string_lossy().into_owned();
        if !wanted.contains(&name) {
            return Err(damaged(format!("{} is not of it", folder.join(name).display())));
        }
    }
    Ok(())
}

fn ensure_unaltered(dir: &Path, table: &Table) -> Result<(), Failure<RestoreRefusal>> {
    let path = file(dir, &table.name);
    if !path.is_file() {
        return Err(damaged(format!("{} is missing", path.display())));
    }
    let (rows, sha256) = count_and_hash(&path)?;
    if sha256 != table.sha256 {
        return Err(damaged(format!("{} is not what was saved", path.display())));
    }
    if rows != table.rows {
        let (path, saved) = (path.display(), table.rows);
        return Err(damaged(format!("{path} has {rows} rows, not {saved}")));
    }
    Ok(())
}

/// How many lines a file has, and its SHA-256 in hexadecimal.
fn count_and_hash(path: &Path) -> Result<(u64, String), Fault> {
    let failed = |error| Fault::file(path, error);
    let mut lines = BufReader::new(File::open(path).map_err(failed)?);
    let (mut hasher, mut rows, mut line) = (Sha256::new(), 0, Vec::new());
    while lines.read_until(b'\n', &mut line).map_err(failed)? > 0 {
        hasher.update(&line);
        rows += 1;
        line.clear();
    }
    Ok((rows, hex::encode(hasher.finalize())))
}
