//! Files beside and behind the database are their owner's alone, whatever the process's mask is.

use std::{
    fs::{File, OpenOptions},
    io,
    os::unix::fs::OpenOptionsExt as _,
    path::Path,
};

/// Mode of every file.
const FILE_MODE: u32 = 0o600;

/// Options of a file to write, closed to others when it is made.
pub(crate) fn options() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.write(true).mode(FILE_MODE);
    options
}

/// Makes an empty file where none is: SQLite would make its database readable by everybody, and
/// gives the files beside it the mode of the database.
pub(crate) fn begin(path: &Path) -> io::Result<()> {
    match options().create_new(true).open(path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    }
}

/// Begins a file anew.
pub(crate) fn create(path: &Path) -> io::Result<File> {
    options().create(true).truncate(true).open(path)
}
