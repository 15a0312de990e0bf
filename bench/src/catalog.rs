//! The catalog at many listings: how fast entries are folded into it, and how long a page takes:
//! the newest, filtered, deep, found by a rare word, found by a common one, and one product.

use std::{path::PathBuf, time::Duration};

use anyhow::{Context as _, ensure};
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use lianshi_node::demo::content::{self, Item};
use lianshi_registry::{
    entry::{Ceiling, Entry, Fact, Plan, Product, ProductNotice, Texts},
    id::{DivisionCode, NumberKind, RegistrationNumber},
    time::Timestamp,
};
use lianshi_store::{
    Site,
    audit::Actor,
    catalog::{self, Offer, Query},
    log,
};
use serde_json::{Value, json};

use crate::{
    disk::fdatasync,
    node::node,
    report::Report,
    stopwatch::{Stopwatch, millis, per_second, percentile},
};

/// A lawful product to take copies of.
const EXAMPLE: &str = include_str!("../../docs/examples/division-code.toml");
/// Divisions the listings are spread over, all inside the city's.
const DIVISIONS: [&str; 6] = ["330203", "330205", "330206", "330211", "330212", "330213"];
/// Listings appended in one transaction.
const BATCH: u32 = 500;

/// The catalog at many listings.
#[derive(Debug, Args)]
pub struct Catalog {
    /// How many listings.
    #[arg(long, default_value_t = 100_000)]
    listings: u32,
    /// How often each page is asked for.
    #[arg(long, default_value_t = 200)]
    pages: usize,
    /// URL of an empty PostgreSQL database; a fresh SQLite file when not given.
    #[arg(long)]
    database: Option<String>,
    /// Where the data folder is made.
    #[arg(long, default_value = ".")]
    folder: PathBuf,
}

impl Catalog {
    /// Runs it.
    pub fn run(&self) -> anyhow::Result<()> {
        let root = tempfile::tempdir_in(&self.folder)?;
        let fdatasync = fdatasync(root.path())?;
        let site = self.site(root.path())?;
        let watch = Stopwatch::start();
        let number = self.fill(&site)?;
        let filling = watch.elapsed();
        let head = site.db.read(|read| log::head(read, &site.origin))?.context("no log")?;
        let entries = usize::try_from(head.size)?;
        let mut rows = vec![vec![
            ("what", json!("folding entries")),
            ("total", json!(entries)),
            ("per_s", json!(per_second(entries, filling))),
            ("p50_ms", json!("")),
            ("p99_ms", json!("")),
        ]];
        for (what, query) in questions(&site, self.listings) {
            rows.push(self.measure(&site, what, &query)?);
        }
        rows.push(self.measure_product(&site, &number)?);
        let database = if self.database.is_some() { "PostgreSQL" } else { "SQLite" };
        let what = format!("Catalog pages at {} listings on {database}", self.listings);
        Report { name: "catalog", what, fdatasync, rows }.print()
    }

    fn site(&self, folder: &std::path::Path) -> anyhow::Result<Site> {
        let own = node(folder, self.database.as_deref())?;
        let site = Site { division: DivisionCode::parse("330200")?, ..own };
        site.db.write(|write| log::create_own(write, &site))?;
        Ok(site)
    }

    /// Publishes the example and appends copies of its product under other names and numbers.
    fn fill(&self, site: &Site) -> anyhow::Result<RegistrationNumber> {
        let published = catalog::publish(site, &Actor::node(), EXAMPLE)?.published;
        let first = published.iter().find(|one| one.kind == "product.registered");
        let first = RegistrationNumber::parse(&first.context("no product")?.id)?;
        let offer = site.db.read(|read| catalog::product(read, &first))?.context("no offer")?;
        let items = content::items()?;
        let bar = ProgressBar::new(u64::from(self.listings));
        bar.set_style(ProgressStyle::with_template("listing {bar:30} {pos}/{len}, {eta} left")?);
        let now = site.now();
        let mut sequence = 1;
        while sequence <= self.listings {
            let last = self.listings.min(sequence + BATCH - 1);
            let mut entries = Vec::new();
            for index in sequence..=last {
                let copy = Copy { offer: &offer, items: &items, index };
                entries.extend(copy.entries(now)?);
            }
            site.db.write(|write| log::append(write, &site.origin, &entries, now))?;
            bar.inc(u64::from(last - sequence + 1));
            sequence = last + 1;
        }
        bar.finish_and_clear();
        let quarantined = site.db.read(|read| catalog::quarantined(read, 1))?;
        ensure!(quarantined.is_empty(), "not folded: {quarantined:?}");
        Ok(first)
    }

    fn measure(
        &self,
        site: &Site,
        what: &'static str,
        query: &Query,
    ) -> anyhow::Result<Vec<(&'static str, Value)>> {
        let mut taken = Vec::with_capacity(self.pages);
        let mut total = 0;
        for _ in 0..self.pages.max(1) {
            let watch = Stopwatch::start();
            total = site.db.read(|read| catalog::search(read, query))?.total;
            taken.push(watch.elapsed());
        }
        Ok(row(what, total, &mut taken))
    }

    fn measure_product(
        &self,
        site: &Site,
        number: &RegistrationNumber,
    ) -> anyhow::Result<Vec<(&'static str, Value)>> {
        let mut taken = Vec::with_capacity(self.pages);
        for _ in 0..self.pages.max(1) {
            let watch = Stopwatch::start();
            site.db.read(|read| catalog::product(read, number))?.context("no offer")?;
            taken.push(watch.elapsed());
        }
        Ok(row("one product", 1, &mut taken))
    }
}

fn row(what: &'static str, total: u64, taken: &mut [Duration]) -> Vec<(&'static str, Value)> {
    let sum: Duration = taken.iter().sum();
    vec![
        ("what", json!(what)),
        ("total", json!(total)),
        ("per_s", json!(per_second(taken.len(), sum))),
        ("p50_ms", json!(millis(percentile(taken, 50)))),
        ("p99_ms", json!(millis(percentile(taken, 99)))),
    ]
}

fn questions(site: &Site, listings: u32) -> [(&'static str, Query); 6] {
    let any = || Query { now: site.now(), ..Query::default() };
    let text = |text: &str| text.to_owned();
    [
        ("newest", any()),
        ("sector and form", Query { sector: text("health"), kind: text("index"), ..any() }),
        ("free of charge", Query { charge: text("free"), ..any() }),
        ("page in the middle", Query { page: listings / 40 + 1, ..any() }),
        ("rare word", Query { q: text("区划代码"), ..any() }),
        ("common word", Query { q: text("指数"), ..any() }),
    ]
}

/// One listing to be made.
struct Copy<'a> {
    offer: &'a Offer,
    items: &'a [Item],
    index: u32,
}

impl Copy<'_> {
    fn entries(&self, at: Timestamp) -> anyhow::Result<Vec<Entry>> {
        let place = usize::try_from(self.index)?;
        let division = DIVISIONS.get(place % DIVISIONS.len()).context("a division")?;
        let item = self.items.get(place % self.items.len()).context("an item")?;
        let number = RegistrationNumber::new(
            &DivisionCode::parse(division)?,
            NumberKind::Product,
            2026,
            self.index,
        )
        .context("too many listings")?;
        let product = Product {
            number: number.clone(),
            name: Texts {
                zh: format!("{}第{}号", item.name_zh, self.index),
                en: format!("{} no. {}", item.name_en, self.index),
            },
            summary: Texts { zh: item.summary_zh.clone(), en: item.summary_en.clone() },
            form: serde_json::from_value(Value::String(item.form.clone()))?,
            sector: item.sector.clone(),
            field: item.field.clone(),
            ..self.offer.product.clone()
        };
        let mut facts = vec![Fact::ProductRegistered(Box::new(product))];
        let plan = if item.charge == "free" { "public-good" } else { "per-call" };
        if item.charge != "free" {
            let ceilings = self.offer.ceilings.iter().cloned();
            facts.extend(
                ceilings.map(|ceiling| {
                    Fact::CeilingFiled(Ceiling { product: number.clone(), ..ceiling })
                }),
            );
        }
        let plan = self.offer.plan(plan).context("no plan")?.clone();
        facts.push(Fact::PlanPublished(Plan { product: number.clone(), ..plan }));
        facts.push(Fact::ProductListed(ProductNotice { number, reason: String::new() }));
        let entry = |fact| Entry { at, by: "bench".to_owned(), fact };
        Ok(facts.into_iter().map(entry).collect())
    }
}
