//! The database behind one pair of doors: [`Db::read`] gives one snapshot, [`Db::write`] one write
//! transaction. Functions that change rows demand `&mut Write`, so forgetting the transaction does
//! not compile.

mod failure;

use std::{
    ops::{Deref, DerefMut},
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, TryLockError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

use diesel::{
    connection::SimpleConnection,
    r2d2::{self, CustomizeConnection, ManageConnection, Pool, PooledConnection},
};

use crate::{audit::Denials, crash, dialect, fault::Fault, private};
pub use failure::{AsFault, Failure};

/// How often a write runs before it gives up: a serialization failure means another writer won, and
/// five losses in a row mean that something else is wrong.
pub const WRITE_ATTEMPTS_MAX: u32 = 5;
/// Connections a process keeps: two cores cannot use more, and SQLite has one writer anyway.
pub const CONNECTIONS_MAX: u32 = 12;
/// How long a connection may be unused before it is closed, but for the last one: what it held of
/// the database in memory goes with it.
const CONNECTION_IDLE_S: u64 = 60;
/// How long a caller waits for a connection before it hears that the store is busy.
const CONNECTION_TIMEOUT_MS: u64 = 10_000;

/// A connection to either database.
#[derive(diesel::MultiConnection)]
pub enum Conn {
    /// PostgreSQL.
    Postgres(diesel::PgConnection),
    /// SQLite.
    Sqlite(diesel::SqliteConnection),
}

/// Reads inside one snapshot.
pub struct Read<'c>(&'c mut Conn);

/// One write transaction.
pub struct Write<'c>(&'c mut Conn);

impl<'c> Read<'c> {
    /// The snapshot that was begun on a connection.
    pub(crate) fn through(conn: &'c mut Conn) -> Self {
        Self(conn)
    }
}

impl<'c> Write<'c> {
    /// The write transaction that was begun on a connection.
    pub(crate) fn through(conn: &'c mut Conn) -> Self {
        Self(conn)
    }
}

impl Write<'_> {
    /// The same transaction where only reading is asked for.
    pub fn as_read(&mut self) -> Read<'_> {
        Read(self.0)
    }

    /// The raw connection, for backend matches in `dialect`.
    pub(crate) fn conn(&mut self) -> &mut Conn {
        self.0
    }
}

impl Deref for Read<'_> {
    type Target = Conn;
    fn deref(&self) -> &Conn {
        self.0
    }
}

impl DerefMut for Read<'_> {
    fn deref_mut(&mut self) -> &mut Conn {
        self.0
    }
}

impl Deref for Write<'_> {
    type Target = Conn;
    fn deref(&self) -> &Conn {
        self.0
    }
}

impl DerefMut for Write<'_> {
    fn deref_mut(&mut self) -> &mut Conn {
        self.0
    }
}

/// A node's database: a pool of connections, cheap to clone.
#[derive(Clone)]
pub struct Db {
    pool: Pool<Manager>,
    /// Held by the one writer of this process that lost twice: writers that lost to each other then
    /// go one after the other, and each gets through.
    turn: Arc<Mutex<()>>,
    /// What this process refused and has not written yet.
    denials: Arc<Mutex<Denials>>,
    /// Transactions this process may have committed, and those it knows it has.
    commits: Arc<AtomicU64>,
    written: Arc<AtomicU64>,
    /// The last that was heard of a write is that the database takes none.
    doubted: Arc<AtomicBool>,
    /// Held by whoever writes the words of products.
    indexing: Arc<Mutex<()>>,
    /// Makes connections beside those of the pool.
    apart: Arc<Manager>,
    /// Where its file is, if it is one.
    folder: Option<Arc<Path>>,
}

impl Db {
    /// Opens `sqlite:///path` or `postgres://…` and brings the schema up to date. Refuses a
    /// database of a newer version.
    pub fn open(url: &str) -> Result<Self, Fault> {
        let db = Self::open_unmigrated(url)?;
        let mut conn = db.connection()?;
        dialect::migrate(&mut conn)?;
        drop(conn);
        Ok(db)
    }

    /// Opens a SQLite file.
    pub fn open_file(path: &Path) -> Result<Self, Fault> {
        Self::open(&format!("sqlite://{}", path.display()))
    }

    pub(crate) fn open_unmigrated(url: &str) -> Result<Self, Fault> {
        let manager = Manager::new(url)?;
        let file = url.strip_prefix("sqlite://").map(Path::new);
        let folder = file.and_then(Path::parent).map(Arc::from);
        if let Some(path) = manager.file() {
            private::begin(path).map_err(|error| Fault::Connection(error.to_string()))?;
        }
        let apart = Arc::new(Manager::new(url)?);
        let pool = Pool::builder()
            .max_size(CONNECTIONS_MAX)
            .min_idle(Some(1))
            .idle_timeout(Some(std::time::Duration::from_secs(CONNECTION_IDLE_S)))
            .connection_timeout(std::time::Duration::from_millis(CONNECTION_TIMEOUT_MS))
            .connection_customizer(Box::new(Prepare))
            .build(manager)
            .map_err(|error| Fault::Connection(error.to_string()))?;
        Ok(Self {
            pool,
            turn: Arc::default(),
            denials: Arc::default(),
            commits: Arc::default(),
            written: Arc::default(),
            doubted: Arc::default(),
            indexing: Arc::default(),
            apart,
            folder,
        })
    }

    /// The folder its file is in; `None` for a database that is served by another program.
    pub fn folder(&self) -> Option<&Path> {
        // A path without a folder is in the one the process works in.
        self.folder
            .as_deref()
            .map(|path| if path.as_os_str().is_empty() { Path::new(".") } else { path })
    }

    /// The file in which SQLite gathers changes, where it is one.
    pub(crate) fn log_of_changes(&self) -> Option<PathBuf> {
        self.apart.file().map(|path| {
            let mut name = path.as_os_str().to_owned();
            name.push("-wal");
            PathBuf::from(name)
        })
    }

    /// Runs `f` in one snapshot; changes nothing.
    pub fn read<T, E: From<Fault>>(
        &self,
        f: impl FnOnce(&mut Read<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        let mut conn = self.connection()?;
        dialect::begin_read(&mut conn)?;
        let outcome = f(&mut Read(&mut conn));
        // Nothing was written: rolling back only ends the snapshot.
        let ended = dialect::rollback(&mut conn);
        let value = outcome?;
        ended?;
        Ok(value)
    }

    /// Runs `f` in one write transaction and commits when it gives `Ok`. `f` runs again, at most
    /// [`WRITE_ATTEMPTS_MAX`] times, when another writer was faster; so it must have no effect but
    /// rows.
    pub fn write<T, E>(&self, mut f: impl FnMut(&mut Write<'_>) -> Result<T, E>) -> Result<T, E>
    where
        E: From<Fault> + AsFault,
    {
        let mut conn = self.connection()?;
        let mut turn = None;
        for tried in 0..WRITE_ATTEMPTS_MAX {
            match attempt(&mut conn, &mut f) {
                Err(error) if matches!(error.as_fault(), Some(Fault::Conflict(_))) => {
                    step_aside(tried);
                }
                done => {
                    self.commits.fetch_add(1, Ordering::Release);
                    match &done {
                        Ok(_) => drop(self.written.fetch_add(1, Ordering::Release)),
                        Err(error) if error.as_fault().is_some_and(Fault::refuses_writes) => {
                            self.doubted.store(true, Ordering::Release);
                        }
                        Err(_) => {}
                    }
                    return done;
                }
            }
            if tried > 0 && turn.is_none() {
                turn = Some(self.turn.lock().unwrap_or_else(PoisonError::into_inner));
            }
        }
        Err(Fault::Busy { attempts: WRITE_ATTEMPTS_MAX }.into())
    }

    /// A number that changes whenever this process may have written: what was read while it stays
    /// the same is still so, but for what other processes do.
    pub fn commits(&self) -> u64 {
        self.commits.load(Ordering::Acquire)
    }

    /// A number that changes whenever this process wrote.
    pub(crate) fn written(&self) -> u64 {
        self.written.load(Ordering::Acquire)
    }

    /// Whether a write found that the database takes none, and none was tried for good since.
    pub(crate) fn is_doubted(&self) -> bool {
        self.doubted.load(Ordering::Acquire)
    }

    /// A write for good is tried now: what was doubted before is answered by it.
    pub(crate) fn trust(&self) {
        self.doubted.store(false, Ordering::Release);
    }

    /// A connection beside the pool, without any settings.
    pub(crate) fn connect_apart(&self) -> Result<Conn, Fault> {
        self.apart.connect().map_err(|error| Fault::Connection(error.to_string()))
    }

    /// The turn of whoever writes the words of products; `None` while somebody else does.
    pub(crate) fn turn_to_index(&self) -> Option<MutexGuard<'_, ()>> {
        match self.indexing.try_lock() {
            Ok(turn) => Some(turn),
            Err(TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        }
    }

    pub(crate) fn denials(&self) -> MutexGuard<'_, Denials> {
        self.denials.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn connection(&self) -> Result<PooledConnection<Manager>, Fault> {
        self.pool.get().map_err(|error| Fault::Connection(error.to_string()))
    }
}

/// Longest pause after the first lost attempt; it doubles with each.
const PAUSE_MS_FIRST: u64 = 8;

/// Lets the faster writer finish: writers that lost together must not come back together.
#[expect(clippy::disallowed_methods, reason = "there is no condition to await but chance itself")]
fn step_aside(tried: u32) {
    let mut byte = [0_u8];
    // Without randomness the pause is the longest one, which is right as well.
    let share = getrandom::fill(&mut byte).map_or(255, |()| u64::from(byte[0]));
    let longest = PAUSE_MS_FIRST << tried.min(WRITE_ATTEMPTS_MAX);
    std::thread::sleep(std::time::Duration::from_micros(longest * 1000 * share / 255));
}

/// Leaves the database to others between two of many transactions in a row.
#[expect(clippy::disallowed_methods, reason = "nobody tells that they wait for SQLite's lock")]
pub(crate) fn pause(ms: u64) {
    std::thread::sleep(std::time::Duration::from_millis(ms));
}

fn attempt<T, E: From<Fault>>(
    conn: &mut Conn,
    f: &mut impl FnMut(&mut Write<'_>) -> Result<T, E>,
) -> Result<T, E> {
    dialect::begin_write(conn)?;
    match f(&mut Write(conn)) {
        Ok(value) => match commit(conn) {
            Ok(()) => Ok(value),
            Err(error) => {
                // A failed commit may leave the transaction open; its end is what matters, not how.
                let _ = dialect::rollback(conn);
                Err(error.into())
            }
        },
        Err(error) => {
            let _ = dialect::rollback(conn);
            Err(error)
        }
    }
}

fn commit(conn: &mut Conn) -> Result<(), Fault> {
    crash::point("commit.before");
    dialect::commit(conn)?;
    crash::point("commit.after");
    Ok(())
}

/// Makes connections from a URL by its scheme, because SQLite would accept any text as a file name.
pub(crate) struct Manager {
    url: String,
}

impl Manager {
    /// For a URL that names a database this program can open.
    fn new(url: &str) -> Result<Self, Fault> {
        let known = ["sqlite://", "postgres://", "postgresql://"];
        if known.iter().any(|scheme| url.starts_with(scheme)) {
            Ok(Self { url: url.to_owned() })
        } else {
            let scheme = url.split([':', '/', '@']).next().unwrap_or_default();
            Err(Fault::Url(scheme.to_owned()))
        }
    }

    /// The file of a SQLite database; none for one in memory.
    fn file(&self) -> Option<&Path> {
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
struct Prepare;

impl CustomizeConnection<Conn, r2d2::Error> for Prepare {
    fn on_acquire(&self, conn: &mut Conn) -> Result<(), r2d2::Error> {
        dialect::prepare(conn).map_err(r2d2::Error::QueryError)
    }
}
