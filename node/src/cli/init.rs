//! `lianshi init`: makes a data folder with fresh keys, for a new federation or for one to join.

mod host;

use std::{net::IpAddr, path::PathBuf};

use anyhow::Context as _;
use clap::Args;
use lianshi_registry::{
    entry::Texts,
    id::{DivisionCode, FederationDomain, NodeName},
    text::Kind,
};
use lianshi_routes::proxies::Proxies;
use lianshi_store::accounts::SecondFactorRule;

use self::host::Wanted;
use super::At;
use crate::folder::{CharterSource, Config, Folder, private};

/// Make a data folder with fresh keys.
#[derive(Debug, Args)]
pub struct Init {
    /// Short name: a lower-case DNS label.
    #[arg(long)]
    name: String,
    /// Name in Chinese.
    #[arg(long)]
    name_zh: String,
    /// Name in English.
    #[arg(long)]
    name_en: String,
    /// Division the node speaks for, six digits.
    #[arg(long)]
    division: String,
    /// Charter of the federation to join.
    #[arg(long, conflicts_with = "found")]
    charter: Option<PathBuf>,
    /// Found a new federation with this domain name, with this node as its root authority.
    #[arg(long, required_unless_present = "charter")]
    found: Option<String>,
    /// First of three ports on this address: pages and calls, operations, peers.
    #[arg(long, default_value_t = 8800)]
    base_port: u16,
    /// Address of this machine to listen on, or a name of it; 0.0.0.0 for all. Operations are
    /// served on 127.0.0.1 in any case.
    #[arg(long, default_value = "127.0.0.1")]
    host: String,
    /// Base URL others reach the pages by, such as https://node.example, when it is not the host.
    #[arg(long, value_name = "URL")]
    public_url: Option<String>,
    /// Address other nodes reach the peer port by, when it is not the host.
    #[arg(long, value_name = "IP")]
    peer_host: Option<IpAddr>,
    /// Take up a node that lost its disk: the folder with the four keys it kept. Nothing is signed
    /// before `lianshi recover --from URL`.
    #[arg(long, value_name = "DIR", requires = "charter")]
    rejoin: Option<PathBuf>,
    /// Which log of the node this is: one more than the last for a node that lost its keys, was
    /// withdrawn, and is to be admitted anew.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    generation: u32,
    /// Database URL; a SQLite file in the folder when not given.
    #[arg(long, default_value = "")]
    database: String,
}

impl Init {
    /// Runs it.
    pub fn run(&self, at: &At) -> anyhow::Result<()> {
        let division = DivisionCode::parse(&self.division)?;
        let wanted = Wanted {
            host: &self.host,
            public_url: self.public_url.as_deref(),
            peer_host: self.peer_host,
            base_port: self.base_port,
        };
        let places = wanted.places()?;
        let config = Config {
            node: NodeName::parse(&self.name)?,
            name: Texts {
                zh: Kind::Name.read(&self.name_zh).context("--name-zh")?,
                en: Kind::Name.read(&self.name_en).context("--name-en")?,
            },
            level: if division.as_str().ends_with("00") { "city" } else { "district" }.to_owned(),
            division,
            generation: self.generation,
            database: self.database.clone(),
            listen: places.listen,
            listen_ops: places.listen_ops,
            listen_peer: places.listen_peer,
            public_url: places.public_url,
            peer_addresses: vec![places.peer_address],
            second_factor: SecondFactorRule::Required,
            proxies: Proxies::default(),
            mail: None,
            webhooks: Vec::new(),
        };
        let folder = match (&self.rejoin, self.charter_source()?) {
            (Some(kept), CharterSource::Join(charter)) => {
                Folder::rejoin(&at.path(), config, charter, kept)?
            }
            (_, source) => Folder::init(&at.path(), config, source)?,
        };
        let application = folder.application();
        let file = at.path().join("application.toml");
        private::write(&file, toml::to_string(&application)?)?;
        if self.rejoin.is_some() {
            return at.print(
                &application,
                format!(
                    "Made {} with the keys kept.\nNow run `lianshi recover --from URL` with the \
                     public address of a member, before `lianshi serve`.",
                    at.path().display()
                ),
            );
        }
        at.print(
            &application,
            format!(
                "Made {}.\nTo join, give {} to the root authority, which runs `lianshi member admit FILE`.",
                at.path().display(),
                file.display()
            ),
        )
    }

    fn charter_source(&self) -> anyhow::Result<CharterSource> {
        match (&self.charter, &self.found) {
            (Some(file), _) => {
                let text = std::fs::read_to_string(file)
                    .with_context(|| format!("cannot read {}", file.display()))?;
                let charter = toml::from_str(&text).with_context(|| {
                    format!("{} is not a charter; ask the root authority for it", file.display())
                })?;
                Ok(CharterSource::Join(charter))
            }
            (None, Some(domain)) => Ok(CharterSource::Found(FederationDomain::parse(domain)?)),
            (None, None) => anyhow::bail!("give --charter FILE or --found DOMAIN"),
        }
    }
}
