//! Room on the disk below a SQLite database. What fills a disk is a load of data, and it is the one
//! thing that can wait: it stops while there is still room to take it back, to meter calls and to
//! sign. And where a disk was filled by somebody else, a file that may go makes room to start in.

use std::{
    fs::{self, OpenOptions},
    io::{self, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::Path,
};

use crate::{
    Db, Fault,
    dialect::{self, WAL_KEPT_BYTES},
};

/// The part of a disk that is not loaded into: one of so many.
const RESERVE_PART: u64 = 20;
/// The least and the most of it: a few thousand transactions, and enough for a month of them.
const RESERVE_BYTES_MIN: u64 = 16 << 20;
const RESERVE_BYTES_MAX: u64 = 1 << 30;
/// What a line of a file takes in the database, with its key, its names and its place in the log of
/// changes: so many times its bytes.
const GROWTH: u64 = 3;
/// Below this no database can be opened: it needs a little room to read in.
const EXHAUSTED_BYTES: u64 = 1 << 20;
/// The file that may go, and its size.
const SPARE: &str = "disk-spare";
const SPARE_BYTES: usize = 8 << 20;

/// Too little is free.
#[derive(Debug, thiserror::Error)]
#[error("{free_mib} MiB are free, and {needed_mib} MiB are needed")]
pub struct TooLittle {
    free_mib: u64,
    needed_mib: u64,
}

/// Refuses with a full disk when what `bytes` of a file become would leave less than the reserve.
/// Says nothing where the database is on another machine, which knows its own disk.
pub fn demand(db: &Db, bytes: u64) -> Result<(), Fault> {
    let Some(folder) = db.folder() else { return Ok(()) };
    let room = Room::of(folder).map_err(|error| Fault::file(folder, error))?;
    room.demand(bytes).map_err(|too_little| Fault::Full(Box::new(too_little)))
}

/// Gives back what the log of changes of a SQLite database takes beyond `WAL_KEPT_BYTES`, when
/// nobody works with it: a long reader, or a large write, made it grow.
pub fn give_back(db: &Db) -> Result<(), Fault> {
    let Some(path) = db.log_of_changes() else { return Ok(()) };
    match fs::metadata(&path) {
        Ok(file) if file.len() > WAL_KEPT_BYTES => {
            dialect::checkpoint_unless_busy(&mut *db.connection()?)
        }
        Ok(_) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(Fault::file(&path, error)),
    }
}

/// Keeps a file that may go when the disk is full; makes it where there is plenty.
pub fn keep_spare(folder: &Path) -> Result<(), Fault> {
    let path = folder.join(SPARE);
    let fault = |error| Fault::file(&path, error);
    if path.exists() || Room::of(folder).map_err(fault)?.demand(0).is_err() {
        return Ok(());
    }
    let write = || {
        let mut file =
            OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&path)?;
        // Not zeros: a disk that compresses would keep nothing.
        let mut bytes = vec![0; SPARE_BYTES];
        getrandom::fill(&mut bytes).map_err(io::Error::other)?;
        file.write_all(&bytes)?;
        file.sync_all()
    };
    let written = write();
    if written.is_err() {
        // Half of it is of no use.
        let _ = fs::remove_file(&path);
    }
    written.map_err(fault)
}

/// Makes room on a disk that has none; tells whether it could.
pub fn spend_spare(folder: &Path) -> bool {
    let is_exhausted = Room::of(folder).is_ok_and(|room| room.free < EXHAUSTED_BYTES);
    is_exhausted && fs::remove_file(folder.join(SPARE)).is_ok()
}

/// What is free of a disk.
#[derive(Debug, Clone, Copy)]
struct Room {
    free: u64,
    total: u64,
}

impl Room {
    fn of(folder: &Path) -> io::Result<Self> {
        let disk = rustix::fs::statvfs(folder)?;
        let bytes = |blocks: u64| blocks.saturating_mul(disk.f_frsize);
        Ok(Self { free: bytes(disk.f_bavail), total: bytes(disk.f_blocks) })
    }

    fn reserve(self) -> u64 {
        (self.total / RESERVE_PART).clamp(RESERVE_BYTES_MIN, RESERVE_BYTES_MAX)
    }

    fn demand(self, bytes: u64) -> Result<(), TooLittle> {
        let needed = self.reserve().saturating_add(bytes.saturating_mul(GROWTH));
        if self.free >= needed {
            return Ok(());
        }
        Err(TooLittle { free_mib: self.free >> 20, needed_mib: needed.div_ceil(1 << 20) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GIB: u64 = 1 << 30;

    #[test]
    fn a_part_of_every_disk_is_kept() {
        let reserve = |total| Room { free: 0, total }.reserve();
        assert_eq!(reserve(GIB), GIB / 20);
        assert_eq!(reserve(64 << 20), RESERVE_BYTES_MIN);
        assert_eq!(reserve(1 << 50), RESERVE_BYTES_MAX);
    }

    #[test]
    fn a_file_is_refused_that_would_eat_into_the_reserve() {
        let room = Room { free: 10 * GIB, total: 20 * GIB };
        assert!(room.demand(3 * GIB).is_ok());
        let refused = room.demand(4 * GIB).expect_err("too much").to_string();
        assert_eq!(refused, "10240 MiB are free, and 13312 MiB are needed");
        assert!(room.demand(u64::MAX).is_err());
        assert!(Room { free: GIB / 2, total: 20 * GIB }.demand(0).is_err());
    }

    #[test]
    fn the_spare_file_is_made_once_and_kept_while_there_is_room() {
        let folder = tempfile::tempdir().expect("a folder");
        keep_spare(folder.path()).expect("made");
        let path = folder.path().join(SPARE);
        let size = fs::metadata(&path).expect("there").len();
        assert_eq!(size, u64::try_from(SPARE_BYTES).expect("small"));
        keep_spare(folder.path()).expect("kept");
        assert!(!spend_spare(folder.path()) && path.exists(), "this disk is not full");
    }
}
