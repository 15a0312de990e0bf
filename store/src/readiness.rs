//! Whether a database answers and can be written, asked again and again on a connection of its own:
//! the answer is about the database, and not about who waits for a connection.

use diesel::connection::SimpleConnection as _;
use lianshi_registry::time::Timestamp;

use crate::{
    Db, Fault, Write,
    db::{Conn, Read},
    dialect, setting,
};

/// Where it is written now and then that the database was written.
const WRITTEN: &str = "readiness.written";

/// What a database can do.
#[derive(Debug)]
pub enum Readiness {
    /// It answers and takes changes.
    Writes,
    /// It answers and takes no change.
    Reads(Fault),
    /// It does not answer.
    Gone(Fault),
}

/// Asks one database.
pub struct Probe {
    db: Db,
    conn: Option<Conn>,
}

impl Probe {
    /// Of this database. Nothing is asked yet.
    pub fn new(db: &Db) -> Self {
        Self { db: db.clone(), conn: None }
    }

    /// Whether a write of this process found lately that the database takes none.
    pub fn is_doubted(&self) -> bool {
        self.db.is_doubted()
    }

    /// Asks. A write transaction is begun and a change of no row tried: that proves the lock, and
    /// that changes are allowed, and costs the disk nothing. `for_good` writes a small row and
    /// commits it, which alone proves that there is room and that the disk obeys. Takes as long as
    /// `dialect::prepare_probe` says, or as the network below takes.
    pub fn ask(&mut self, for_good: bool, now: Timestamp) -> Readiness {
        let taken = self.conn.take().map_or_else(|| self.connect(), Ok);
        let mut conn = match taken {
            Ok(conn) => conn,
            Err(fault) => return Readiness::Gone(fault),
        };
        if let Err(fault) = answers(&mut conn) {
            return Readiness::Gone(fault);
        }
        let written_before = self.db.written();
        if for_good {
            // Whoever finds a full disk meanwhile is heard.
            self.db.trust();
        }
        match write(&mut conn, for_good, now) {
            // Whoever holds the lock is this process, which gets on.
            Err(Fault::Locked(_) | Fault::Conflict(_)) if self.db.written() != written_before => {}
            Err(fault) if fault.refuses_writes() || matches!(fault, Fault::Locked(_)) => {
                self.conn = Some(conn);
                return Readiness::Reads(fault);
            }
            Ok(()) | Err(Fault::Conflict(_)) => {}
            Err(fault) => return Readiness::Gone(fault),
        }
        self.conn = Some(conn);
        Readiness::Writes
    }

    fn connect(&self) -> Result<Conn, Fault> {
        let mut conn = self.db.connect_apart()?;
        dialect::prepare_probe(&mut conn)?;
        Ok(conn)
    }
}

fn answers(conn: &mut Conn) -> Result<(), Fault> {
    dialect::begin_read(conn)?;
    let read = setting::read::<Timestamp>(&mut Read::through(conn), WRITTEN);
    dialect::rollback(conn)?;
    read.map(drop)
}

fn write(conn: &mut Conn, for_good: bool, now: Timestamp) -> Result<(), Fault> {
    dialect::begin_write(conn)?;
    let changed = if for_good {
        setting::write(&mut Write::through(conn), WRITTEN, &now)
    } else {
        conn.batch_execute("UPDATE node_state SET value = value WHERE name = ''")
            .map_err(Fault::from)
    };
    let done = changed.and_then(|()| if for_good { dialect::commit(conn) } else { Ok(()) });
    if done.is_err() || !for_good {
        let undone = dialect::rollback(conn);
        return done.and(undone);
    }
    done
}
