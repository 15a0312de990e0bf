//! The close of a period: contracts and metered calls are put on a stage first, which is not
//! measured; then the period is closed, closed again, computed again from its pinned inputs,
//! checked and exported. Meanwhile others may call: what they notice of the close is measured too.

mod callers;

use std::{io, path::PathBuf, time::Duration};

use anyhow::ensure;
use clap::Args;
use indicatif::ProgressBar;
use lianshi_market::export::Format;
use lianshi_registry::time::Period;
use lianshi_store::{
    Fault, Site,
    audit::Actor,
    close, ledger,
    rehearsal::{self, Scale},
};
use serde_json::{Value, json};

use callers::Callers;

use crate::{
    disk::fdatasync,
    node::node,
    report::Report,
    stopwatch::{Stopwatch, millis, pause, per_second},
};

/// How long callers are measured before the close.
const QUIET: Duration = Duration::from_secs(5);

/// The close of a period.
#[derive(Debug, Args)]
pub struct Close {
    /// Contracts in force.
    #[arg(long, default_value_t = 100_000)]
    subscriptions: u32,
    /// Products they are about.
    #[arg(long, default_value_t = 85)]
    products: u32,
    /// Buyers who hold them.
    #[arg(long, default_value_t = 20_000)]
    buyers: u32,
    /// Calls of each contract.
    #[arg(long, default_value_t = 5)]
    calls: u32,
    /// Callers who meter a call every 25 ms, for five seconds before the close and beside it.
    #[arg(long, default_value_t = 0)]
    callers: u32,
    /// URL of an empty PostgreSQL database; a fresh SQLite file when not given.
    #[arg(long)]
    database: Option<String>,
    /// Where the data folder is made; the disk that is measured.
    #[arg(long, default_value = ".")]
    folder: PathBuf,
}

impl Close {
    /// Runs it.
    pub fn run(&self) -> anyhow::Result<()> {
        let root = tempfile::tempdir_in(&self.folder)?;
        let fdatasync = fdatasync(root.path())?;
        let site = node(root.path(), self.database.as_deref())?;
        let period = site.now().period().previous();
        let metered = u64::from(self.subscriptions) * u64::from(self.calls);
        let bar = ProgressBar::new(metered).with_message("metering");
        let scale = Scale {
            subscriptions: self.subscriptions,
            products: self.products,
            buyers: self.buyers,
            calls: self.calls,
        };
        rehearsal::fill(&site, &scale, period, &mut |calls| bar.inc(calls))?;
        bar.finish_and_clear();
        let mut beside = Vec::new();
        if self.callers > 0 {
            let callers = self.start_callers(&site, period)?;
            pause(QUIET);
            beside.push(callers.finish("before the close")?);
        }
        let rows = self.measure(&site, period, &mut beside)?;
        let database = if self.database.is_some() { "PostgreSQL" } else { "SQLite" };
        let what = format!(
            "The close of {} subscriptions with {metered} calls on {database}",
            self.subscriptions
        );
        if !beside.is_empty() {
            let what = format!("{} callers, and {what}", self.callers);
            let fdatasync = fdatasync.clone();
            Report { name: "close beside callers", what, fdatasync, rows: beside }.print()?;
        }
        Report { name: "close", what, fdatasync, rows }.print()
    }

    fn start_callers(&self, site: &Site, period: Period) -> anyhow::Result<Callers> {
        let agreements = (0..self.callers.min(self.subscriptions))
            .map(|id| {
                let product = rehearsal::product_number(site, 1 + id % self.products.max(1))?;
                let buyer = rehearsal::buyer(id % self.buyers.max(1))?;
                Ok(rehearsal::agreement(site, (id, &product), buyer, period))
            })
            .collect::<Result<Vec<_>, Fault>>()?;
        Callers::start(site, &agreements)
    }

    fn measure(
        &self,
        site: &Site,
        period: Period,
        beside: &mut Vec<Vec<(&'static str, Value)>>,
    ) -> anyhow::Result<Vec<Vec<(&'static str, Value)>>> {
        let mut rows = Vec::new();
        let many = usize::try_from(self.subscriptions)?;
        let mut step = |name: &str, run: &mut dyn FnMut() -> anyhow::Result<()>| {
            let watch = Stopwatch::start();
            run()?;
            let elapsed = watch.elapsed();
            rows.push(vec![
                ("step", json!(name)),
                ("ms", json!(millis(elapsed))),
                ("subscriptions_per_s", json!(per_second(many, elapsed))),
            ]);
            anyhow::Ok(())
        };
        let close = || close::close_period(site, &Actor::node(), period);
        step("close", &mut || {
            let callers = (self.callers > 0).then(|| self.start_callers(site, period));
            let closed = close();
            if let Some(callers) = callers {
                beside.push(callers?.finish("beside the close")?);
            }
            ensure!(!closed?.repeated, "the period was closed before");
            Ok(())
        })?;
        step("close again", &mut || {
            ensure!(close()?.repeated, "the period was closed twice");
            Ok(())
        })?;
        step("compute again", &mut || {
            let again = site.db.read(|read| close::recompute(read, site, period))?;
            ensure!(again.is_some_and(|again| again.fits()), "the result hash differs");
            Ok(())
        })?;
        step("check", &mut || {
            let check = site.db.read(|read| ledger::check(read, site))?;
            ensure!(check.holds(), "the books do not hold: {:?}", check.findings);
            Ok(())
        })?;
        step("export beancount", &mut || {
            let format = Format::Beancount;
            site.db.read(|read| ledger::export(read, site, format, &mut io::sink()))?;
            Ok(())
        })?;
        Ok(rows)
    }
}
