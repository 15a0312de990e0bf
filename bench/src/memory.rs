//! The most memory this process has held, as Linux counts it.

use std::fs;

use anyhow::Context as _;

/// Begins counting the peak anew.
pub fn reset_peak() -> anyhow::Result<()> {
    fs::write("/proc/self/clear_refs", "5").context("cannot reset the peak of memory")
}

/// Most mebibytes resident since the process began or the last reset.
pub fn peak_mib() -> anyhow::Result<f64> {
    mib_of(std::process::id(), "VmHWM:")
}

/// Mebibytes of a process, by the name of a line of proc_pid_status(5).
pub fn mib_of(process: u32, name: &str) -> anyhow::Result<f64> {
    let status = fs::read_to_string(format!("/proc/{process}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    let kib: u32 = line
        .and_then(|line| line.split_whitespace().next())
        .and_then(|number| number.parse().ok())
        .with_context(|| format!("the kernel does not tell {name}"))?;
    Ok(f64::from(kib) / 1024.0)
}
