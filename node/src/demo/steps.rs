//! Progress of a first start: one bar, one line of words, and waiting for other nodes without
//! guessing a time.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use lianshi_store::{Fault, Read, Site};

use super::{
    Language,
    mishap::{Awaited, Mishap},
};

/// Longest wait for something the nodes do among themselves, on a loaded machine.
const WAIT_SECONDS: u64 = 60;
/// How often is looked.
const LOOK_MS: u64 = 20;

/// Work of a first start.
#[derive(Clone)]
pub struct Steps {
    bar: ProgressBar,
    language: Language,
}

impl Steps {
    /// Starts a bar of so many steps.
    pub fn begin(steps: u64, language: Language) -> anyhow::Result<Self> {
        let bar = ProgressBar::new(steps);
        bar.set_style(ProgressStyle::with_template("{bar:30} {pos}/{len} {msg}")?);
        Ok(Self { bar, language })
    }

    /// Says what is being done, in the caller's language.
    pub fn say(&self, zh: &str, en: &str) {
        self.bar.set_message(self.language.pick(zh, en).to_owned());
    }

    /// One step is done.
    pub fn done(&self) {
        self.bar.inc(1);
    }

    /// Everything is done.
    pub fn finish(&self) {
        self.bar.finish_and_clear();
    }
}

/// Looks into a node's books until `f` finds what is waited for.
pub async fn until<T: Send + 'static>(
    site: &Site,
    what: Awaited,
    f: impl Fn(&mut Read<'_>) -> Result<Option<T>, Fault> + Clone + Send + 'static,
) -> anyhow::Result<T> {
    let looking = async {
        loop {
            let (db, f) = (site.db.clone(), f.clone());
            if let Some(found) = tokio::task::spawn_blocking(move || db.read(f)).await?? {
                return Ok(found);
            }
            tokio::time::sleep(Duration::from_millis(LOOK_MS)).await;
        }
    };
    if let Ok(found) = tokio::time::timeout(Duration::from_secs(WAIT_SECONDS), looking).await {
        found
    } else {
        let node = site.node.to_string();
        Err(Mishap::InVain { node, seconds: WAIT_SECONDS, what }.into())
    }
}

/// Runs work of the store off the async threads.
pub async fn at<T: Send + 'static>(
    site: &Site,
    f: impl FnOnce(&Site) -> anyhow::Result<T> + Send + 'static,
) -> anyhow::Result<T> {
    let site = site.clone();
    tokio::task::spawn_blocking(move || f(&site)).await?
}
