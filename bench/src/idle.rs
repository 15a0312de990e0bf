//! A node that has many contracts and nothing to do: what the whole program costs then, as the
//! kernel counts it.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

use anyhow::{Context as _, ensure};
use clap::Args;
use indicatif::ProgressBar;
use lianshi_node::folder::Folder;
use lianshi_store::rehearsal::{self, Scale};
use serde_json::json;

use crate::{
    disk::fdatasync,
    memory::mib_of,
    report::Report,
    stopwatch::{Stopwatch, millis, pause},
};

/// The three ports of the node that is measured begin here.
const PORT: u16 = 18_480;
/// Longest the program may take to become ready: it folds its log and looks at every contract once.
const READY_MAX: Duration = Duration::from_mins(10);
/// How long it is left alone before the first measurement: its first rounds of every job are over.
const SETTLE: Duration = Duration::from_secs(20);
/// Ticks of a processor's clock in a second, as Linux tells them to programs.
const TICKS_PER_SECOND: f64 = 100.0;

/// Measure a node that has contracts and nothing to do.
#[derive(Debug, Args)]
pub struct Idle {
    /// Contracts in force.
    #[arg(long, default_value_t = 100_000)]
    subscriptions: u32,
    /// Seconds that are measured, three times.
    #[arg(long, default_value_t = 60)]
    seconds: u64,
    /// URL of an empty PostgreSQL database; a fresh SQLite file when not given.
    #[arg(long)]
    database: Option<String>,
    /// The program; beside this one when not given.
    #[arg(long)]
    program: Option<PathBuf>,
    /// Where the data folder is made.
    #[arg(long, default_value = ".")]
    folder: PathBuf,
}

impl Idle {
    /// Runs it.
    pub fn run(&self) -> anyhow::Result<()> {
        let root = tempfile::tempdir_in(&self.folder)?;
        let fdatasync = fdatasync(root.path())?;
        let program = match &self.program {
            Some(program) => program.clone(),
            None => std::env::current_exe()?.with_file_name("lianshi"),
        };
        let data = root.path().join("node");
        self.init(&program, &data)?;
        self.fill(&data)?;
        let mut serving = Serving::start(&program, &data)?;
        let ready = serving.await_ready()?;
        pause(SETTLE);
        let mut rows = Vec::new();
        for _ in 0..3 {
            let (before, watch) = (serving.ticks()?, Stopwatch::start());
            pause(Duration::from_secs(self.seconds));
            let ticks = u32::try_from(serving.ticks()?.saturating_sub(before))?;
            let cores = f64::from(ticks) / TICKS_PER_SECOND / watch.elapsed().as_secs_f64();
            rows.push(vec![
                ("ready_after_ms", json!(millis(ready))),
                ("cores", json!((cores * 10_000.0).round() / 10_000.0)),
                ("resident_mib", json!(mib_of(serving.0.id(), "VmRSS:")?)),
                ("peak_mib", json!(mib_of(serving.0.id(), "VmHWM:")?)),
            ]);
        }
        let database = if self.database.is_some() { "PostgreSQL" } else { "SQLite" };
        let what = format!("An idle node with {} contracts, on {database}", self.subscriptions);
        Report { name: "idle", what, fdatasync, rows }.print()
    }

    fn init(&self, program: &Path, data: &Path) -> anyhow::Result<()> {
        let mut init = Command::new(program);
        init.arg("--data").arg(data).args(["init", "--name", "bench", "--division", "330212"]);
        init.args(["--name-zh", "测量", "--name-en", "Bench", "--found", "bench.example"]);
        init.args(["--base-port", &PORT.to_string()]);
        if let Some(url) = &self.database {
            init.args(["--database", url]);
        }
        let made =
            init.output().with_context(|| format!("{} does not start", program.display()))?;
        ensure!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        Ok(())
    }

    fn fill(&self, data: &Path) -> anyhow::Result<()> {
        let site = Folder::open(data)?.command_site()?;
        let bar = ProgressBar::new(u64::from(self.subscriptions)).with_message("metering");
        let scale = Scale {
            subscriptions: self.subscriptions,
            products: 85,
            buyers: self.subscriptions.div_ceil(5),
            calls: 1,
        };
        rehearsal::fill(&site, &scale, site.now().period(), &mut |calls| bar.inc(calls))?;
        bar.finish_and_clear();
        Ok(())
    }
}

/// The program at work, which ends with its measurement.
struct Serving(Child);

impl Serving {
    fn start(program: &Path, data: &Path) -> anyhow::Result<Self> {
        let mut serve = Command::new(program);
        serve.arg("--data").arg(data).arg("serve").stdout(Stdio::null()).stderr(Stdio::null());
        Ok(Self(serve.spawn()?))
    }

    fn await_ready(&mut self) -> anyhow::Result<Duration> {
        let watch = Stopwatch::start();
        let client = reqwest::blocking::Client::new();
        let address = format!("http://127.0.0.1:{}/readyz", PORT + 1);
        loop {
            ensure!(self.0.try_wait()?.is_none(), "the program ended");
            ensure!(watch.elapsed() < READY_MAX, "it does not become ready");
            if client.get(&address).send().is_ok_and(|answer| answer.status().is_success()) {
                return Ok(watch.elapsed());
            }
            pause(Duration::from_millis(20));
        }
    }

    /// Time of processors that it has used, in ticks (proc_pid_stat(5), fields 14 and 15).
    fn ticks(&self) -> anyhow::Result<u64> {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.0.id()))?;
        // The name before the last parenthesis may have spaces.
        let fields = stat.rsplit_once(") ").context("a line of /proc that does not read")?.1;
        let number = |at: usize| -> anyhow::Result<u64> {
            Ok(fields.split(' ').nth(at).context("too few fields")?.parse()?)
        };
        Ok(number(11)? + number(12)?)
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        // It holds nothing that is needed.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
