//! Where the log lines of a serving process go: to standard error, or to a file that is opened anew
//! when somebody took it away to keep.

use std::{
    fs::{File, OpenOptions},
    io::{self, IsTerminal as _, Write},
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, OnceLock, PoisonError},
};

use anyhow::Context as _;
use tracing_subscriber::{EnvFilter, fmt::MakeWriter};

/// What is logged where `RUST_LOG` says nothing. The HTTP library calls it an error when a stranger
/// sends what is no request: that is answered with 400, and is no fault of this node.
pub const LOGGED: &str = "warn,lianshi=info,actix_http::h1::dispatcher=off";

/// The file, where there is one.
static JOURNAL: OnceLock<Journal> = OnceLock::new();

struct Journal {
    path: PathBuf,
    file: Mutex<File>,
}

impl Journal {
    fn file(&self) -> MutexGuard<'_, File> {
        self.file.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Begins to log, once in a process: `logged` where `RUST_LOG` says nothing.
pub fn begin(file: Option<&Path>, logged: &str) -> anyhow::Result<()> {
    if let Some(path) = file {
        let file =
            open(path).with_context(|| format!("cannot write the log {}", path.display()))?;
        JOURNAL.get_or_init(|| Journal { path: path.to_owned(), file: Mutex::new(file) });
    }
    let filter = EnvFilter::try_from_default_env();
    tracing_subscriber::fmt()
        .with_env_filter(filter.unwrap_or_else(|_| EnvFilter::new(logged)))
        .with_writer(Lines)
        .with_ansi(JOURNAL.get().is_none() && io::stderr().is_terminal())
        // It would tell of a log that cannot be written on that very log, and panic.
        .log_internal_errors(false)
        .init();
    Ok(())
}

/// Opens the file anew, under its name. `false` when the log is no file. When it cannot be opened
/// the old one is written on, and says so.
pub fn reopen() -> bool {
    let Some(journal) = JOURNAL.get() else { return false };
    match open(&journal.path) {
        Ok(file) => {
            *journal.file() = file;
            tracing::info!("the log is opened anew");
        }
        Err(error) => {
            let path = journal.path.display();
            tracing::error!(%path, %error, "the log cannot be opened anew");
        }
    }
    true
}

fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new().create(true).append(true).open(path)
}

struct Lines;

impl<'a> MakeWriter<'a> for Lines {
    type Writer = Line<'a>;

    fn make_writer(&'a self) -> Line<'a> {
        JOURNAL.get().map_or_else(|| Line::Standard(io::stderr()), |file| Line::File(file.file()))
    }
}

enum Line<'a> {
    Standard(io::Stderr),
    File(MutexGuard<'a, File>),
}

impl Write for Line<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Standard(stderr) => stderr.write(bytes),
            Self::File(file) => file.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Standard(stderr) => stderr.flush(),
            Self::File(file) => file.flush(),
        }
    }
}
