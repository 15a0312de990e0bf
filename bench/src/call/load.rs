//! The load: wrk with one thread and as many connections as callers, each asking about another
//! code. wrk is written in C and leaves the two cores to what is measured.

use std::{net::SocketAddr, path::PathBuf};

use anyhow::{Context as _, ensure};
use tokio::task::spawn_blocking;

use super::world::{CODES, World};

/// Seconds of a run that is not counted.
const WARM_SECONDS: u64 = 2;

/// One load.
pub struct Load<'w> {
    pub callers: usize,
    pub seconds: u64,
    pub world: &'w World,
}

/// What wrk saw.
pub struct Figures {
    /// Calls answered with success.
    pub answered: u64,
    pub per_second: f64,
    pub p50_ms: f64,
    pub p99_ms: f64,
}

impl Load<'_> {
    /// A short run whose figures nobody wants.
    pub async fn warm(&self, target: SocketAddr) -> anyhow::Result<()> {
        self.wrk(target, WARM_SECONDS).await.map(drop)
    }

    /// A run that counts.
    pub async fn run(&self, target: SocketAddr) -> anyhow::Result<Figures> {
        let output = self.wrk(target, self.seconds).await?;
        parse(&output).with_context(|| format!("wrk said\n{output}"))
    }

    async fn wrk(&self, target: SocketAddr, seconds: u64) -> anyhow::Result<String> {
        let script = self.script()?;
        let path = &self.world.call_path;
        let arguments = [
            "--threads".to_owned(),
            "1".to_owned(),
            "--connections".to_owned(),
            self.callers.to_string(),
            "--duration".to_owned(),
            format!("{seconds}s"),
            "--latency".to_owned(),
            "--script".to_owned(),
            script.display().to_string(),
            format!("http://{target}{path}"),
        ];
        let run = move || std::process::Command::new("wrk").args(arguments).output();
        let output = spawn_blocking(run).await?.context("wrk is needed: apt install wrk")?;
        ensure!(output.status.success(), "wrk failed: {}", String::from_utf8_lossy(&output.stderr));
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    fn script(&self) -> anyhow::Result<PathBuf> {
        let file = self.world.site.folder.join("call.lua");
        let script = format!(
            "local n = 0\n\
             wrk.method = 'POST'\n\
             wrk.headers['Content-Type'] = 'application/json'\n\
             wrk.headers['Authorization'] = 'Bearer {}'\n\
             request = function()\n\
             \x20 n = n + 1\n\
             \x20 local code = 100000 + n % {CODES}\n\
             \x20 return wrk.format(nil, nil, nil, '{{\"code\":\"' .. code .. '\"}}')\n\
             end\n",
            self.world.key
        );
        std::fs::write(&file, script)?;
        Ok(file)
    }
}

/// Reads wrk's table: `50%  1.23ms`, `12345 requests in 10.00s, …`, `Requests/sec: 1234.56`.
fn parse(output: &str) -> anyhow::Result<Figures> {
    ensure!(!output.contains("Non-2xx"), "some calls were refused");
    ensure!(!output.contains("Socket errors"), "some connections broke");
    let line = |start: &str| {
        output.lines().map(str::trim).find_map(|line| line.strip_prefix(start).map(str::trim))
    };
    let requests = output.lines().map(str::trim).find(|line| line.contains(" requests in "));
    let answered = requests.and_then(|line| line.split(' ').next()).context("no requests")?;
    Ok(Figures {
        answered: answered.parse()?,
        per_second: line("Requests/sec:").context("no rate")?.parse()?,
        p50_ms: milliseconds(line("50%").context("no median")?)?,
        p99_ms: milliseconds(line("99%").context("no tail")?)?,
    })
}

fn milliseconds(text: &str) -> anyhow::Result<f64> {
    for (unit, factor) in [("us", 0.001), ("ms", 1.0), ("s", 1000.0)] {
        if let Some(number) = text.strip_suffix(unit) {
            return Ok(number.parse::<f64>()? * factor);
        }
    }
    anyhow::bail!("`{text}` is no duration of wrk")
}
