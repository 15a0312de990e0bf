//! `lianshi catalog`: publish to the registry, look into it, and make its tables again.

use std::{fmt::Write as _, path::PathBuf};

use anyhow::Context as _;
use clap::Subcommand;
use indicatif::{ProgressBar, ProgressStyle};
use lianshi_registry::{id::RegistrationNumber, refusal::Refusal as _, word::Word as _};
use lianshi_store::{
    Failure, Fault, Site,
    audit::Actor,
    catalog::{self, Hit, Offer, Publication, Query, Unfolded},
    log,
};
use serde_json::{Value, json};

use super::At;

/// What `lianshi catalog` can do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Publish what a file says: resources, authorization, products, plans, splits, acts.
    Publish {
        /// The publishing file (docs/publishing.md).
        file: PathBuf,
        /// Unified social credit code of the office that acts; the node itself when not given.
        #[arg(long, default_value = "")]
        by: String,
    },
    /// Throw the catalog's tables away and fold them again from the logs.
    Rebuild,
    /// Print the digest of the catalog with the heads of the logs behind it.
    Digest,
    /// Find products.
    List {
        /// Words, Chinese or English, or a registration number.
        #[arg(default_value = "")]
        words: String,
        /// Only products of this node.
        #[arg(long, default_value = "")]
        node: String,
        /// Only this status; `any` for all. Without it all that are or were offered.
        #[arg(long, default_value = "")]
        status: String,
        /// Page, from 1.
        #[arg(long, default_value_t = 1)]
        page: u32,
    },
    /// Show one product with everything it stands on.
    Show {
        /// Its registration number.
        number: String,
    },
    /// Show entries that are in their log but were not folded, with the reason.
    Quarantine,
}

/// Quarantined entries shown at once.
const QUARANTINE_SHOWN: i64 = 500;

impl Command {
    /// Runs it.
    pub fn run(&self, at: &At) -> anyhow::Result<()> {
        let site = at.folder()?.command_site()?;
        match self {
            Self::Publish { file, by } => publish(at, &site, file, by),
            Self::Rebuild => rebuild(at, &site),
            Self::Digest => digest(at, &site),
            Self::List { words, node, status, page } => {
                let query = Query {
                    q: words.clone(),
                    node: node.clone(),
                    status: status.clone(),
                    page: *page,
                    now: site.now(),
                    ..Query::default()
                };
                list(at, &site, &query)
            }
            Self::Show { number } => show(at, &site, number),
            Self::Quarantine => quarantine(at, &site),
        }
    }
}

fn publish(at: &At, site: &Site, file: &PathBuf, by: &str) -> anyhow::Result<()> {
    let text =
        std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
    let actor = Actor { organization: by.to_owned(), ..At::actor() };
    let Publication { published, before } = match catalog::publish(site, &actor, &text) {
        Ok(publication) => publication,
        Err(Failure::Refused(refusal)) => {
            if at.json {
                let value = json!({
                    "code": refusal.code(), "findings": refusal.findings, "more": refusal.more,
                });
                at.print(&value, "")?;
            }
            anyhow::bail!("{}: {refusal}", file.display());
        }
        Err(Failure::Fault(fault)) => return Err(fault.into()),
    };
    log::publish_head(site).context("published, but the log's head could not be signed")?;
    let lines: Vec<String> = published
        .iter()
        .map(|one| format!("{:<24} {:<27} {}", one.kind, one.id, one.name))
        .collect();
    let mut text = lines.join("\n");
    if let Some(before) = before {
        write!(
            text,
            "\nthis file was published at {before}, and nothing was changed now; to register \
             the same once more, change anything in it, such as a comment"
        )?;
    }
    at.print(&json!({ "published": published, "before": before }), text)
}

fn rebuild(at: &At, site: &Site) -> anyhow::Result<()> {
    let bar = if at.json { ProgressBar::hidden() } else { ProgressBar::new(0) };
    bar.set_style(ProgressStyle::with_template(
        "folding {bar:30} {pos}/{len} entries, {eta} left",
    )?);
    let was_whole = site.db.read(catalog::fold_state)?.is_whole();
    let rebuilt = catalog::rebuild(&site.db, &|done, total| {
        bar.set_length(total);
        bar.set_position(done);
    })?;
    bar.finish_and_clear();
    let same = rebuilt.before == rebuilt.after;
    let value = json!({
        "logs": rebuilt.logs,
        "entries": rebuilt.entries,
        "before": hex::encode(rebuilt.before),
        "digest": hex::encode(rebuilt.after),
        "same": same,
    });
    let verdict = match (same, was_whole) {
        (true, _) => "the same as before",
        (false, true) => "different: the tables had drifted",
        (false, false) => "another than before, when an older program had folded some logs",
    };
    let text = format!(
        "Folded {} entries of {} logs; digest {}, {verdict}.",
        rebuilt.entries,
        rebuilt.logs,
        hex::encode(rebuilt.after)
    );
    at.print(&value, text)
}

fn digest(at: &At, site: &Site) -> anyhow::Result<()> {
    let (digest, heads, fold) = site.db.read(|read| {
        Ok::<_, Fault>((catalog::digest(read)?, log::heads(read)?, catalog::fold_state(read)?))
    })?;
    let digest = hex::encode(digest);
    let value: Vec<Value> = heads
        .iter()
        .map(|head| {
            json!({
                "origin": head.origin.to_string(),
                "size": head.size,
                "root": hex::encode(head.root.bytes()),
            })
        })
        .collect();
    let mut lines = vec![format!("digest {digest} (fold version {})", fold.version)];
    if !fold.is_whole() {
        let (behind, all) = (fold.behind, fold.logs);
        lines.push(format!("not to be compared yet: {behind} of {all} logs are folded again"));
    }
    lines.extend(heads.iter().map(|head| format!("{:>8}  {}", head.size, head.origin)));
    let value = json!({
        "digest": digest,
        "fold_version": fold.version,
        "folded": fold.is_whole(),
        "heads": value,
    });
    at.print(&value, lines.join("\n"))
}

fn list(at: &At, site: &Site, query: &Query) -> anyhow::Result<()> {
    let page = site.db.read(|read| catalog::search(read, query))?;
    let items: Vec<Value> = page.items.iter().map(hit).collect();
    let mut lines = vec![format!("{} products, page {} of {}", page.total, page.page, page.pages)];
    lines.extend(page.items.iter().map(|item| {
        let (node, status) = (item.node.as_str(), item.status.word());
        format!("{}  {node:<10} {status:<9} {}  {}", item.number, item.name.zh, item.name.en)
    }));
    at.print(&json!({ "total": page.total, "page": page.page, "items": items }), lines.join("\n"))
}

fn hit(hit: &Hit) -> Value {
    json!({
        "id": hit.number.to_string(),
        "number": hit.number.to_string(),
        "name": hit.name,
        "node": hit.node.to_string(),
        "kind": hit.form,
        "sector": hit.sector,
        "status": hit.status.word(),
    })
}

fn show(at: &At, site: &Site, number: &str) -> anyhow::Result<()> {
    let number = RegistrationNumber::parse(number)?;
    let offer = site
        .db
        .read(|read| catalog::product(read, &number))?
        .with_context(|| format!("no log held here speaks of {number}"))?;
    let standing = offer.standing(site.now());
    let value = json!({
        "number": number.to_string(),
        "status": standing.status.word(),
        "code": standing.code,
        "reason": standing.reason,
        "node": offer.node.to_string(),
        "origin": offer.origin.to_string(),
        "origin_index": offer.origin_index,
        "product": offer.product,
        "authorization": offer.authorization,
        "resources": offer.resources,
        "plans": offer.plans,
        "ceilings": offer.ceilings,
        "split": offer.split,
    });
    at.print(&value, describe(&offer, standing.status.word(), &standing.reason))
}

fn describe(offer: &Offer, status: &str, reason: &str) -> String {
    let product = &offer.product;
    let mut lines = vec![
        format!("{}  {}  {}", product.number, product.name.zh, product.name.en),
        format!("status         {status} {reason}"),
        format!("node           {} ({}, entry {})", offer.node, offer.origin, offer.origin_index),
        format!("authorization  {}", product.authorization),
    ];
    if let Some(until) = offer.authorized_until() {
        lines.push(format!("               until {until}"));
    }
    for state in &offer.resources {
        lines.push(format!("resource       {} {}", state.resource.number, state.resource.name.zh));
    }
    for plan in &offer.plans {
        lines.push(format!("plan           {} {}", plan.code, plan.name.zh));
    }
    for share in offer.split.iter().flat_map(|split| &split.shares) {
        lines.push(format!(
            "share          {:>7} ppm {} {}",
            share.share_ppm, share.party, share.name.zh
        ));
    }
    lines.join("\n")
}

fn quarantine(at: &At, site: &Site) -> anyhow::Result<()> {
    let (quarantined, awaiting) = site.db.read(|read| {
        let quarantined = catalog::quarantined(read, QUARANTINE_SHOWN)?;
        Ok::<_, Fault>((quarantined, catalog::awaiting(read, QUARANTINE_SHOWN)?))
    })?;
    let described = |entries: &[Unfolded]| -> Vec<Value> {
        let entry = |entry: &Unfolded| {
            json!({
                "origin": entry.origin.to_string(),
                "index": entry.index,
                "kind": entry.kind,
                "code": entry.code,
                "reason": entry.reason,
            })
        };
        entries.iter().map(entry).collect()
    };
    let mut lines = Vec::new();
    if quarantined.is_empty() {
        lines.push("No entry is in quarantine.".to_owned());
    }
    if !awaiting.is_empty() {
        lines.push(format!("{} await a newer program than this one:", awaiting.len()));
    }
    let told =
        |e: &Unfolded| format!("{} #{} {} {}: {}", e.origin, e.index, e.kind, e.code, e.reason);
    lines.splice(0..0, quarantined.iter().map(told));
    lines.extend(awaiting.iter().map(told));
    let value = json!({ "quarantined": described(&quarantined), "awaiting": described(&awaiting) });
    at.print(&value, lines.join("\n"))
}
