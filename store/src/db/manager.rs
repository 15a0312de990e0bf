//! How connections are made, for the pool and beside it.

use std::path::Path;

use diesel::{
    connection::SimpleConnection as _,
    r2d2::{self, CustomizeConnection, ManageConnection},
};

use super::Conn;
use crate::{dialect, fault::Fault};

/// Makes connections from a URL by its scheme, because SQLite would accept any text as a file name.
pub(crate) struct Manager {
    url: String,
}

impl Manager {
    /// For a URL that names a database this program can open.
    pub(super) fn new(url: &str) -> Result<Self, Fault> {
        let known = ["sqlite://", "postgres://", "postgresql://"];
        if known.iter().any(|scheme| url.starts_with(scheme)) {
            Ok(Self { url: url.to_owned() })
        } else {
            let scheme = url.split([':', '/', '@']).next().unwrap_or_default();
            Err(Fault::Url(scheme.to_owned()))
        }
    }

    /// The file of a SQLite database; none for one in memory.
    pub(super) fn file(&self) -> Option<&Path> {
        let name = self.url.strip_prefix("sqlite://");
        name.filter(|name| *name != ":memory:").map(Path::new)
    }
}

impl ManageConnection for Manager {
    type Connection = Conn;
    type Error = r2d2::Error;

    fn connect(&self) -> Result<Conn, r2d2::Error> {
        use diesel::Connection as _;
        if let Some(path) = self.url.strip_prefix("sqlite://") {
            let conn = diesel::SqliteConnection::establish(path);
            conn.map(Conn::Sqlite).map_err(r2d2::Error::ConnectionError)
        } else {
            let conn = diesel::PgConnection::establish(&self.url);
            conn.map(Conn::Postgres).map_err(r2d2::Error::ConnectionError)
        }
    }

    fn is_valid(&self, conn: &mut Conn) -> Result<(), r2d2::Error> {
        match conn {
            // A file does not hang up.
            Conn::Sqlite(_) => Ok(()),
            Conn::Postgres(postgres) => {
                postgres.batch_execute("SELECT 1").map_err(r2d2::Error::QueryError)
            }
        }
    }

    fn has_broken(&self, _: &mut Conn) -> bool {
        std::thread::panicking()
    }
}

#[derive(Debug)]
pub(super) struct Prepare;

impl CustomizeConnection<Conn, r2d2::Error> for Prepare {
    fn on_acquire(&self, conn: &mut Conn) -> Result<(), r2d2::Error> {
        dialect::prepare(conn).map_err(r2d2::Error::QueryError)
    }
}
