//! A node's data folder: configuration, charter, keys and database. `init` makes one, every command
//! opens one.
//!
//! ```text
//! DIR/node.toml      who this node is and where it listens
//! DIR/charter.toml   the federation: its domain and root authorities
//! DIR/keys/*.key     identity, log, witness, seal: 32 bytes in hexadecimal, mode 0600
//! DIR/node.sqlite    the database, unless node.toml names another
//! DIR/serve.lock     held by the one serving process
//! DIR/close.lock     held by whoever closes a period
//! DIR/mail           e-mail as files, where node.toml names no server
//! ```
//!
//! All of it is its owner's alone: files 0600, folders 0700. A folder that others may look into is
//! not opened.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::{Context as _, ensure};
use lianshi_registry::{
    entry::{Admission, Possession, QUOTA_BYTES, Texts},
    id::{DivisionCode, FederationDomain, NodeName, Origin},
    key::{NodeKeys, PublicKey},
    policy::Rule,
};
use lianshi_routes::proxies::Proxies;
use lianshi_store::{
    Db, Fault, Site,
    accounts::SecondFactorRule,
    format::{self, FormatRefusal},
    log, members,
    recovery::{self, Cause, Unfinished},
    room,
};
use serde::{Deserialize, Serialize};

use crate::clock;

mod admitted;
mod belonging;
mod charter;
mod keys;
pub mod outlets;
pub mod private;
pub mod public_url;
mod rotation;

pub use admitted::Difference;
pub use belonging::strange_keys;
use charter::root_of;
pub use charter::{Charter, Root};
use outlets::{MailConfig, WebhookConfig};
pub use rotation::parse_role;

/// `node.toml`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Short name.
    pub node: NodeName,
    /// What people call it.
    pub name: Texts,
    /// The division it speaks for.
    pub division: DivisionCode,
    /// `city` or `district`.
    pub level: String,
    /// Which of its logs it writes, from 1.
    pub generation: u32,
    /// Database URL; empty for `node.sqlite` in the folder.
    #[serde(default)]
    pub database: String,
    /// Where pages, calls and logs are served, such as `127.0.0.1:8800`.
    pub listen: String,
    /// Where health and metrics are served.
    pub listen_ops: String,
    /// libp2p address to listen on, such as `/ip4/127.0.0.1/tcp/8802`.
    pub listen_peer: String,
    /// Base URL others reach `listen` by.
    pub public_url: String,
    /// libp2p addresses others reach `listen_peer` by.
    pub peer_addresses: Vec<String>,
    /// Whether people with roles that hold money or access must sign in with a second step, as they
    /// must when nothing is said, or may.
    #[serde(default)]
    pub second_factor: SecondFactorRule,
    /// Proxies in front of `listen` that are believed when they say whom they speak for.
    #[serde(default, skip_serializing_if = "Proxies::is_none")]
    pub proxies: Proxies,
    /// The server that e-mail leaves by; without it, it is written into the folder `mail`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mail: Option<MailConfig>,
    /// Programs that hear of every notice.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub webhooks: Vec<WebhookConfig>,
}

/// An opened data folder.
#[derive(Clone)]
pub struct Folder {
    /// Where it is.
    pub path: PathBuf,
    /// `node.toml`.
    pub config: Config,
    /// `charter.toml`.
    pub charter: Charter,
    /// The keys.
    pub keys: NodeKeys,
}

impl Folder {
    /// Makes a folder with fresh keys. Without a charter the node becomes root authority of a new
    /// federation `domain`. A later generation than the first must recover what the node said
    /// before: its numbers must not be given twice.
    pub fn init(path: &Path, config: Config, charter: CharterSource) -> anyhow::Result<Self> {
        let returns = config.generation > 1;
        Self::make(path, config, charter, (None, returns))
    }

    /// Makes the folder of a node that lost its disk and kept its keys, in the folder `kept`. Its
    /// database is begun and marked: the node must recover its log before it signs, also when this
    /// is ended in between.
    pub fn rejoin(
        path: &Path,
        config: Config,
        charter: Charter,
        kept: &Path,
    ) -> anyhow::Result<Self> {
        Self::make(path, config, CharterSource::Join(charter), (Some(kept), true))
    }

    /// The node was there before, and its database is new.
    fn mark_lost(site: &Site) -> Result<(), Fault> {
        site.db.write(|write| {
            recovery::require(write, Cause::Lost, site.now())?;
            log::create_own(write, site)
        })?;
        Unfinished::finish(&site.folder)
    }

    fn make(
        path: &Path,
        config: Config,
        charter: CharterSource,
        (kept, returns): (Option<&Path>, bool),
    ) -> anyhow::Result<Self> {
        ensure!(!path.join("node.toml").exists(), "{} is a data folder already", path.display());
        let keys_path = path.join("keys");
        private::make_folder(path)?;
        private::make_folder(&keys_path)?;
        let keys = match kept {
            Some(kept) => {
                let keys = keys::read(kept)?;
                keys::write(&keys_path, &keys)?;
                keys
            }
            None => keys::make(&keys_path)?,
        };
        let charter = match charter {
            CharterSource::Join(charter) => charter,
            CharterSource::Found(domain) => Charter {
                root: vec![root_of(&domain, &config, &keys)],
                domain,
                quorum: Rule::default(),
            },
        };
        charter.check().context("the charter is refused")?;
        private::write(&path.join("charter.toml"), toml::to_string(&charter)?)?;
        if returns {
            Unfinished::Return.mark(path)?;
        }
        // Written last: a folder without it was never finished.
        private::write(&path.join("node.toml"), toml::to_string(&config)?)?;
        let folder = Self { path: path.to_owned(), config, charter, keys };
        if returns {
            folder.command_site()?;
        }
        Ok(folder)
    }

    /// Opens a folder made by [`Folder::init`]. One that others may look into is refused, with the
    /// command that closes it.
    pub fn open(path: &Path) -> anyhow::Result<Self> {
        private::demand(private::of_folder(path)?)?;
        let read = |name: &str| {
            let file = path.join(name);
            fs::read_to_string(&file).with_context(|| {
                format!("cannot read {}; make a data folder with `lianshi init`", file.display())
            })
        };
        let invalid = |name: &str, what: &str| {
            format!("{} is not {what}; mend it or bring it back", path.join(name).display())
        };
        let text = read("node.toml")?;
        let config: Config = toml::from_str(&text)
            .map_err(|error| without_secrets(&text, &error))
            .with_context(|| invalid("node.toml", "the description of a node"))?;
        let charter: Charter = toml::from_str(&read("charter.toml")?)
            .with_context(|| invalid("charter.toml", "a charter"))?;
        charter.check().with_context(|| invalid("charter.toml", "a charter"))?;
        let keys = keys::read(&path.join("keys"))?;
        let folder = Self { path: path.to_owned(), config, charter, keys };
        private::demand(folder.database_files())?;
        Ok(folder)
    }

    /// The files of a SQLite database, wherever it is; none for PostgreSQL.
    fn database_files(&self) -> Vec<PathBuf> {
        let url = self.database_url();
        let path = url.strip_prefix("sqlite://");
        path.map(|path| private::database_files(Path::new(path))).unwrap_or_default()
    }

    /// The log this node writes.
    pub fn origin(&self) -> Origin {
        Origin::new(self.charter.domain.clone(), self.config.node.clone(), self.config.generation)
    }

    /// Whether this node is a root authority of its federation.
    pub fn is_root(&self) -> bool {
        let origin = self.origin();
        self.charter.root.iter().any(|root| root.origin == origin)
    }

    /// The database URL.
    pub fn database_url(&self) -> String {
        if self.config.database.is_empty() {
            format!("sqlite://{}", self.path.join("node.sqlite").display())
        } else {
            self.config.database.clone()
        }
    }

    /// What a root authority needs to admit this node.
    pub fn application(&self) -> Admission {
        Admission {
            node: self.config.node.clone(),
            name: self.config.name.clone(),
            division: self.config.division.clone(),
            level: self.config.level.clone(),
            origin: self.origin(),
            identity_key: self.keys.identity.public(),
            log_key: self.keys.log.public(),
            witness_key: self.keys.witness.public(),
            seal_key: self.keys.seal.public(),
            addresses: self.config.peer_addresses.clone(),
            public_url: self.config.public_url.clone(),
            quota_bytes: QUOTA_BYTES,
            possession: Possession::default(),
        }
        .proved(&self.keys)
    }

    /// Opens the database and gives the shell rooms what they share. `nudge` wakes the jobs of a
    /// serving process; a command beside it passes one that does nothing, and the serving process
    /// notices by itself.
    pub fn site(&self, nudge: Arc<dyn Fn() + Send + Sync>) -> anyhow::Result<Site> {
        let unfinished = self.begun()?;
        let site = self.assembled(nudge)?;
        if unfinished == Some(Unfinished::Return) {
            Self::mark_lost(&site)?;
        }
        Ok(site)
    }

    /// What was begun in this folder and not finished; refuses after a restore that was not.
    pub fn begun(&self) -> anyhow::Result<Option<Unfinished>> {
        let unfinished = recovery::unfinished(&self.path)?;
        ensure!(
            unfinished != Some(Unfinished::Restore),
            "a restore of {} was not finished, so nothing in its database counts; run `lianshi \
             restore` again, with this backup or another",
            self.path.display()
        );
        Ok(unfinished)
    }

    fn assembled(&self, nudge: Arc<dyn Fn() + Send + Sync>) -> anyhow::Result<Site> {
        self.ensure_format()?;
        let db = self.open_database().context("cannot open the database")?;
        format::ensure(&db)?;
        belonging::check(self, &db.read(log::heads)?)?;
        members::set_roots(&db, &self.charter.roots())
            .context("cannot store the charter's roots")?;
        Ok(Site {
            db,
            node: self.config.node.clone(),
            name: self.config.name.clone(),
            division: self.config.division.clone(),
            origin: self.origin(),
            public_url: self.config.public_url.trim_end_matches('/').to_owned(),
            log_key: self.keys.log.clone(),
            seal_key: self.keys.seal.clone(),
            witness_key: self.keys.witness.clone(),
            quorum: self.charter.quorum.clone(),
            folder: self.path.clone(),
            clock: clock::now,
            nudge,
        })
    }

    /// Refuses a database of another format of entries before opening it changes its tables. That
    /// it cannot be opened at all is told by whoever opens it.
    pub fn ensure_format(&self) -> Result<(), FormatRefusal> {
        match format::look(&self.database_url()) {
            Err(FormatRefusal::Fault(_)) => Ok(()),
            looked => looked,
        }
    }

    /// Opens the database, also on a disk that others have filled to the last byte: what is there
    /// must be read, and shown, whatever else is impossible.
    fn open_database(&self) -> Result<Db, Fault> {
        let url = self.database_url();
        match Db::open(&url) {
            Err(_) if room::spend_spare(&self.path) => {
                tracing::warn!("the disk is full: the spare file was removed to open the database");
                Db::open(&url)
            }
            opened => opened,
        }
    }

    /// Opens the database for a command that runs beside or without a serving process.
    pub fn command_site(&self) -> anyhow::Result<Site> {
        self.site(Arc::new(|| {}))
    }
}

/// What is wrong with `node.toml` and in which line, without the line: passwords and secrets stand
/// in some.
fn without_secrets(text: &str, error: &toml::de::Error) -> anyhow::Error {
    let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
    let line = before.matches('\n').count() + 1;
    anyhow::anyhow!("line {line}: {}", error.message())
}

/// The public part of the seal key a folder has, or will have when it is put together; `None` where
/// there is none.
pub fn seal_key(path: &Path) -> anyhow::Result<Option<PublicKey>> {
    let keys = path.join("keys");
    if !keys.join("seal.key").exists() {
        return Ok(None);
    }
    Ok(Some(keys::read_key(&keys, "seal")?.public()))
}

/// Where a new folder's charter comes from.
pub enum CharterSource {
    /// An existing federation.
    Join(Charter),
    /// A new one, with this node as its root authority.
    Found(FederationDomain),
}
