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
    id::RegistrationNumber,
    inclusion::PROOF_BYTES_MAX,
    merkle::leaf_hash,
    refusal::Refusal as _,
};
use lianshi_store::{
    Fault, Read, Site,
    catalog::{self, Offer},
    log,
    quorum::{self, Settled},
};
use serde_json::{Value, json};

use super::{
    At,
    log::verify::{Trust, witnesses_json},
};
use crate::clock;

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

/// Judge a certificate file offline.
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

fn find(read: &mut Read<'_>, number: &RegistrationNumber) -> Result<Option<Held>, Fault> {
    let Some(offer) = catalog::product(read, number)? else { return Ok(None) };
    let entry = log::entry(read, &offer.origin, offer.origin_index)?;
    let settled = quorum::settled(read, &offer.origin)?;
    let head = log::head(read, &offer.origin)?;
    Ok(entry.zip(head).map(|(entry, head)| Held { offer, entry, head, settled }))
}

/// A certificate as this node holds it.
struct Held {
    offer: Offer,
    entry: Vec<u8>,
    head: log::Head,
    settled: Option<Settled>,
}

impl Held {
    /// The checkpoint the certificate is made under, and whether the quorum cosigned it: the
    /// settled one if it covers the entry, else the newest signed one. `None` before either does.
    fn checkpoint(&self) -> Option<(u64, &str, bool)> {
        let settled = self.settled.as_ref().map(|s| (s.size, s.note.as_str(), true));
        let signed = (self.head.checkpoint_size, self.head.checkpoint.as_str(), false);
        let covers = |(size, _, _): &(u64, &str, bool)| *size > self.offer.origin_index;
        settled.filter(covers).or_else(|| Some(signed).filter(covers))
    }
}

fn held(site: &Site, number: &str) -> anyhow::Result<Held> {
    let number = RegistrationNumber::parse(number)?;
    let found = site.db.read(|read| find(read, &number))?;
    found.with_context(|| format!("no log held here describes a product {number}"))
}

fn show(at: &At, site: &Site, number: &str) -> anyhow::Result<()> {
    let held = held(site, number)?;
    let (offer, product) = (&held.offer, &held.offer.product);
    let standing = offer.standing(site.now());
    let reach = match held.checkpoint() {
        Some((_, _, true)) => "settled",
        Some((_, _, false)) => "signed",
        None => "local",
    };
    let hash = leaf_hash(&held.entry).to_string();
    let value = json!({
        "number": product.number,
        "name": product.name,
        "state": standing.status.as_str(),
        "code": standing.code,
        "reason": standing.reason,
        "registered_at": offer.registered_at,
        "valid_until": product.valid_until,
        "origin": offer.origin,
        "index": offer.origin_index,
        "entry_hash": hash,
        "vouched": reach,
        "confirmed_at": offer.confirmed_at,
    });
    let mut text = format!(
        "{}  {} / {}\nstate: {}",
        product.number,
        product.name.zh,
        product.name.en,
        standing.status.as_str()
    );
    if !standing.code.is_empty() {
        text.push_str(&format!(" ({} {})", standing.code, standing.reason));
    }
    text.push_str(&format!(
        "\nregistered {}, valid until {} (that day excluded)\nentry {} of {}, hash {hash}\n\
         vouched for: {reach}",
        offer.registered_at, product.valid_until, offer.origin_index, offer.origin,
    ));
    at.print(&value, text)
}

fn export(at: &At, site: &Site, (number, output): (&str, &Path)) -> anyhow::Result<()> {
    let held = held(site, number)?;
    let (origin, index) = (&held.offer.origin, held.offer.origin_index);
    let (size, note, settled) = held.checkpoint().with_context(|| {
        format!("entry {index} of {origin} is not signed yet; start the node with `lianshi serve`")
    })?;
    let proof = site.db.read(|read| log::inclusion_proof(read, origin, index, size))?;
    let hashes = proof.with_context(|| format!("{origin} has no proof of entry {index}"))?;
    let file = certificate::file(held.entry.clone(), (index, hashes), note);
    fs::write(output, file.encode())
        .with_context(|| format!("cannot write {}", output.display()))?;
    let number = &held.offer.product.number;
    let cosigned = if settled { "cosigned by the quorum" } else { "not cosigned by a quorum yet" };
    at.print(
        &json!({
            "number": number, "origin": origin, "index": index, "size": size, "settled": settled,
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
            Ok(proved) => tell(at, &proved),
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

/// What a proved certificate says today. Outside its window it fails.
fn tell(at: &At, proved: &Proved) -> anyhow::Result<()> {
    let window = proved.window(clock::now().date());
    let (sentence, limits) = (sentence::proved(proved, window), sentence::limits(proved));
    let value = proved_json(proved, window);
    if window != Window::Open {
        at.print_json(&value)?;
        bail!("{}\n{}", sentence.zh, sentence.en);
    }
    let text = format!("{}\n{}\n\n{}\n{}", sentence.zh, sentence.en, limits.zh, limits.en);
    at.print(&value, text)
}

fn proved_json(proved: &Proved, window: Window) -> Value {
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
        "sentence": sentence::proved(proved, window),
        "cannot_say": sentence::limits(proved),
    })
}

fn refuse(at: &At, refusal: &CertificateRefusal) -> anyhow::Result<()> {
    let sentence = sentence::refused(refusal);
    at.print_json(&json!({
        "verdict": "refused",
        "code": refusal.code(),
        "reason": refusal.to_string(),
        "sentence": sentence,
    }))?;
    bail!("{}\n{}\n{refusal}", sentence.zh, sentence.en)
}
