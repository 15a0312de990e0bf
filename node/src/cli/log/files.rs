//! The files of a log wherever they are: in a folder, or served over HTTP under a prefix.

use std::{
    fs,
    io::{self, Read as _},
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context as _, bail, ensure};
use reqwest::{
    StatusCode,
    blocking::{Client, Response},
    redirect,
};

/// Largest file of a log: 256 entries of the greatest length a bundle can tell, and their lengths.
const FILE_BYTES_MAX: u64 = 256 * 65_537;
/// Longest wait for one file.
const FILE_SECONDS_MAX: u64 = 30;

/// Where a log's files are.
#[derive(Clone)]
pub enum Files {
    /// A folder with `checkpoint` and `tile/…`.
    Folder(PathBuf),
    /// A prefix, without a trailing slash, under which they are served.
    Served(String, Client),
}

impl Files {
    /// A place as people name it.
    pub fn at(place: &str) -> anyhow::Result<Self> {
        if !place.starts_with("http://") && !place.starts_with("https://") {
            let folder = PathBuf::from(place);
            ensure!(folder.is_dir(), "{place} is neither a folder nor an http address");
            return Ok(Self::Folder(folder));
        }
        let client = Client::builder()
            .redirect(redirect::Policy::none())
            .timeout(Duration::from_secs(FILE_SECONDS_MAX))
            .build()
            .context("cannot prepare an HTTP client")?;
        Ok(Self::Served(place.trim_end_matches('/').to_owned(), client))
    }

    /// The files below a path.
    pub fn below(&self, path: &str) -> Self {
        match self {
            Self::Folder(folder) => Self::Folder(folder.join(path)),
            Self::Served(prefix, client) => {
                Self::Served(format!("{prefix}/{path}"), client.clone())
            }
        }
    }

    /// The bytes of a file, `None` when there is none.
    pub fn read(&self, path: &str) -> anyhow::Result<Option<Vec<u8>>> {
        match self {
            Self::Folder(folder) => {
                let file = folder.join(path);
                read_file(&file).with_context(|| format!("cannot read {}", file.display()))
            }
            Self::Served(prefix, client) => {
                let url = format!("{prefix}/{path}");
                let response = client.get(&url).send();
                let response = response.with_context(|| format!("cannot fetch {url}"))?;
                read_response(response).with_context(|| format!("cannot fetch {url}"))
            }
        }
    }

    /// The paths of every tile and bundle there is. Nothing for a served log, which does not list
    /// them.
    pub fn tiles(&self) -> anyhow::Result<Vec<String>> {
        let mut found = Vec::new();
        if let Self::Folder(folder) = self {
            list(folder, "tile", &mut found)
                .with_context(|| format!("cannot list {}", folder.display()))?;
        }
        Ok(found)
    }
}

fn read_file(file: &Path) -> anyhow::Result<Option<Vec<u8>>> {
    let opened = match fs::File::open(file) {
        Ok(opened) => opened,
        Err(error) => {
            return match error.kind() {
                io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => Ok(None),
                _ => Err(error.into()),
            };
        }
    };
    read_bounded(opened).map(Some)
}

fn read_response(response: Response) -> anyhow::Result<Option<Vec<u8>>> {
    match response.status() {
        StatusCode::OK => read_bounded(response).map(Some),
        StatusCode::NOT_FOUND => Ok(None),
        other => bail!("the server answers {other}"),
    }
}

fn read_bounded(source: impl io::Read) -> anyhow::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    source.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes)?;
    let length = u64::try_from(bytes.len())?;
    ensure!(length <= FILE_BYTES_MAX, "it is larger than any file of a log");
    Ok(bytes)
}

/// Every file below `path`, a path inside the folder, in order.
fn list(folder: &Path, path: &str, found: &mut Vec<String>) -> anyhow::Result<()> {
    let entries = match fs::read_dir(folder.join(path)) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error.into()),
    };
    let mut below = Vec::new();
    for entry in entries {
        let entry = entry?;
        let inside = format!("{path}/{}", entry.file_name().to_string_lossy());
        below.push((inside, entry.file_type()?.is_dir()));
    }
    below.sort();
    for (inside, is_folder) in below {
        if is_folder {
            list(folder, &inside, found)?;
        } else {
            found.push(inside);
        }
    }
    Ok(())
}
