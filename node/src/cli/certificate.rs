//! `lianshi certificate`: shows a certificate of this node's catalog, writes it as one file, and
//! judges such a file anywhere, without a network and without a data folder.

mod sentence;

use std::{
    fs,
    io::Read as _,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, bail};
use clap::{Args, Subcommand};
use lianshi_registry::{
    certificate::{self, CertificateRefusal, Proved, Window},
    entry::Texts,
    id::{Origin, RegistrationNumber},
    inclusion::PROOF_BYTES_MAX,
    member::MemberRefusal,
    merkle::leaf_hash,
    refusal::Refusal as _,
    word::Word as _,
};
use lianshi_store::{
    Fault, Site,
    catalog::{self, Offer},
    certificate as stored, log, members,
    quorum::Reach,
};
use serde_json::{Value, json};

use super::{
    At,
    log::verify::{Trust, witnesses_json},
};
use crate::{clock, folder::private};

/// What `lianshi certificate` can do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Show a product's certificate and its state now.
    Show {
        /// The product's registration number.
        number: String,
    },
    /// Write a product's certificate as one file: the entry, its proof and the signatures.
    Export {
        /// The product's registration number.
        number: String,
        /// Where to, such as `certificate.tlog-proof`.
        #[arg(short, long, value_name = "FILE")]
        output: PathBuf,
    },
    Verify(Verify),
}

/// Judge a certificate file offline. With `--data` of a node also whether the node that wrote the
/// log may speak for the division of the number, as far as that node knows.
#[derive(Debug, Args)]
pub struct Verify {
    /// The file `lianshi certificate export` wrote.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    #[command(flatten)]
    trust: Trust,
}

impl Command {
    /// Runs it.
    pub fn run(&self, at: &At) -> anyhow::Result<()> {
        match self {
            Self::Show { number } => show(at, &at.folder()?.command_site()?, number),
            Self::Export { number, output } => {
                export(at, &at.folder()?.command_site()?, (number, output))
            }
            Self::Verify(verify) => verify.run(at),
        }
    }
}

/// A product as this node's catalog knows it.
fn product(site: &Site, number: &str) -> anyhow::Result<Offer> {
    let number = RegistrationNumber::parse(number)?;
    let found = site.db.read(|read| catalog::product(read, &number))?;
    found.with_context(|| format!("no log held here describes a product {number}"))
}

fn show(at: &At, site: &Site, number: &str) -> anyhow::Result<()> {
    let offer = product(site, number)?;
    let (entry, reach) = site.db.read(|read| {
        let entry = log::entry(read, &offer.origin, offer.origin_index)?;
        Ok::<_, Fault>((entry, stored::reach(read, &offer)?))
    })?;
    let (product, standing) = (&offer.product, offer.standing(site.now()));
    let hash = leaf_hash(&entry.unwrap_or_default()).to_string();
    let value = json!({
        "number": product.number,
        "name": product.name,
        "state": standing.status.word(),
        "code": standing.code,
        "reason": standing.reason,
        "registered_at": offer.registered_at,
        "valid_until": product.valid_until,
        "origin": offer.origin,
        "index": offer.origin_index,
        "entry_hash": hash,
        "vouched": reach.as_str(),
        "confirmed_at": offer.confirmed_at,
    });
    let mut text = format!(
        "{}  {} / {}\nstate: {}",
        product.number,
        product.name.zh,
        product.name.en,
        standing.status.word()
    );
    if !standing.code.is_empty() {
        text.push_str(&format!(" ({} {})", standing.code, standing.reason));
    }
    text.push_str(&format!(
        "\nregistered {}, valid until {} (that day excluded)\nentry {} of {}, hash {hash}\n\
         vouched for: {}",
        offer.registered_at,
        product.valid_until,
        offer.origin_index,
        offer.origin,
        reach.as_str()
    ));
    at.print(&value, text)
}

fn export(at: &At, site: &Site, (number, output): (&str, &Path)) -> anyhow::Result<()> {
    let offer = product(site, number)?;
    let (origin, index) = (&offer.origin, offer.origin_index);
    let made = site.db.read(|read| stored::file(read, &offer))?;
    let file = made.with_context(|| {
        format!("entry {index} of {origin} is not signed yet; start the node with `lianshi serve`")
    })?;
    private::write(output, &file.bytes)?;
    let (number, settled) = (&offer.product.number, file.reach == Reach::Settled);
    let cosigned = if settled { "cosigned by the quorum" } else { "not cosigned by a quorum yet" };
    at.print(
        &json!({
            "number": number, "origin": origin, "index": index, "size": file.size,
            "settled": settled,
        }),
        format!(
            "Wrote the certificate of {number} to {}, {cosigned}.\nWhoever has the policy of the \
             log (`lianshi log policy {origin}`) can judge it offline.",
            output.display(),
        ),
    )
}

impl Verify {
    fn run(&self, at: &At) -> anyhow::Result<()> {
        let policy = self.trust.read()?.context("give --policy")?;
        let bytes = read_bounded(&self.file)
            .with_context(|| format!("cannot read {}", self.file.display()))?;
        match certificate::prove(&bytes, &policy) {
            Ok(proved) => {
                let speaks = speaks(at, &proved)?;
                tell(at, (&proved, speaks))
            }
            Err(refusal) => refuse(at, &refusal),
        }
    }
}

/// One byte more than a certificate may have is enough to see that it is none.
fn read_bounded(file: &Path) -> anyhow::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let limit = u64::try_from(PROOF_BYTES_MAX)?.saturating_add(1);
    fs::File::open(file)?.take(limit).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Whether the node of a log may say what it said: only the admissions tell, which a policy has
/// not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Speaks {
    /// Its division covers that of the number, and it was no suspended member there.
    Yes,
    /// It may not.
    No,
    /// No data folder was given to ask, or its node does not know the other.
    NotJudged,
}

fn speaks(at: &At, proved: &Proved) -> anyhow::Result<Speaks> {
    if at.data.is_none() {
        return Ok(Speaks::NotJudged);
    }
    let site = at.folder()?.command_site()?;
    let origin = Origin::parse(&proved.vouched.body.origin)?;
    let voice = site.db.read(|read| members::may_speak(read, &origin, proved.index))?;
    Ok(match voice {
        Ok(division) if division.covers(&proved.product.number.division()) => Speaks::Yes,
        // A node that holds little yet knows nothing of it.
        Err(MemberRefusal::Unknown(_)) => Speaks::NotJudged,
        Ok(_) | Err(_) => Speaks::No,
    })
}

/// What a proved certificate says today. Outside its window, or of a node that may not speak for
/// its number, it fails.
fn tell(at: &At, (proved, speaks): (&Proved, Speaks)) -> anyhow::Result<()> {
    let window = proved.window(clock::now().date());
    if speaks == Speaks::No {
        let reason = "the node of the log may not speak for the number";
        return refused(
            at,
            ("certificate.node_may_not_speak", reason),
            &sentence::no_voice(proved),
        );
    }
    let (sentence, limits) = (sentence::proved(proved, window), sentence::limits(proved, speaks));
    let value = proved_json((proved, speaks), window);
    if window != Window::Open {
        at.print_json(&value)?;
        bail!("{}\n{}", sentence.zh, sentence.en);
    }
    let text = format!("{}\n{}\n\n{}\n{}", sentence.zh, sentence.en, limits.zh, limits.en);
    at.print(&value, text)
}

fn proved_json((proved, speaks): (&Proved, Speaks), window: Window) -> Value {
    let verdict = match window {
        Window::NotBegun => "not_begun",
        Window::Open => "valid",
        Window::Closed => "expired",
    };
    json!({
        "verdict": verdict,
        "number": proved.product.number,
        "name": proved.product.name,
        "operator": proved.product.operator,
        "valid_from": proved.from(),
        "valid_until": proved.until(),
        "origin": proved.vouched.body.origin,
        "index": proved.index,
        "entry_hash": proved.leaf.to_string(),
        "checkpoint_size": proved.vouched.body.size,
        "settled": proved.vouched.settled,
        "witnesses": witnesses_json(&proved.vouched),
        "witnessed_at": proved.witnessed_at(),
        "may_speak": speaks,
        "sentence": sentence::proved(proved, window),
        "cannot_say": sentence::limits(proved, speaks),
    })
}

fn refuse(at: &At, refusal: &CertificateRefusal) -> anyhow::Result<()> {
    let reason = refusal.to_string();
    refused(at, (refusal.code(), &reason), &sentence::refused(refusal))
}

fn refused(at: &At, (code, reason): (&str, &str), sentence: &Texts) -> anyhow::Result<()> {
    at.print_json(&json!({
        "verdict": "refused",
        "code": code,
        "reason": reason,
        "sentence": sentence,
    }))?;
    bail!("{}\n{}\n{reason}", sentence.zh, sentence.en)
}
