//! The log browser: the entries of a log, newest first and by kind, and one entry with its proof.
//! Pages go by index, and a look opens a bounded number of bundles, so the last page of a log of
//! millions costs what the first does.

mod entry;
#[cfg(test)]
mod kinds;
pub mod label;

use actix_web::{
    HttpResponse,
    web::{Data, Path, Query},
};
use askama::Template;
use lianshi_registry::{checkpoint::vkey, entry::Fact, id::Origin};
use lianshi_store::{
    Fault, Read,
    catalog::{self, Unfolded},
    forks,
    log::{self, Browsed, Head},
    quorum::{self, Settled},
};
use serde::Deserialize;

use crate::{
    WebState,
    access::{Access::Everyone, Pages},
    logs,
    page::{Page, render},
    preferences::encode,
    problem::Problem,
};
use label::Label;

/// Longest kind of an address that is looked for.
const KIND_CHARS_MAX: usize = 40;
/// Entries of a look outside the catalog that are marked: as many as it can show.
const MARKED_MAX: i64 = 4_096;

/// Adds the browser.
pub fn declare(routes: &mut Pages) {
    routes
        .get("/registry/{node}/{generation}", Everyone, show)
        .get("/registry/{node}/{generation}/{index}", Everyone, entry::show)
        .get("/registry/{node}/{generation}/{index}/entry", Everyone, entry::bytes)
        .get("/registry/{node}/{generation}/{index}/proof", Everyone, entry::proof);
}

/// Which part of a log.
#[derive(Debug, Deserialize)]
pub struct Wanted {
    #[serde(default)]
    kind: String,
    #[serde(default)]
    before: String,
}

#[derive(Template)]
#[template(path = "registry/log.html")]
struct LogPage {
    log: LogHead,
    kinds: &'static [&'static str],
    kind: String,
    rows: Vec<EntryRow>,
    /// Where the look ended, when older entries follow.
    older: Option<u64>,
    /// The look began below the end of the log.
    newest: bool,
    /// The look ended before it found a page of entries.
    cut: bool,
    page: Page,
}

/// What every page of a log says of it.
pub struct LogHead {
    /// The log.
    pub origin: Origin,
    /// Node and generation, as addresses have them.
    pub path: String,
    /// Its newest head as held here.
    pub head: Head,
    /// How far it is vouched for.
    pub reach: &'static str,
    /// The settled checkpoint.
    pub settled: Option<Settled>,
    /// The key outside tools take.
    pub vkey: String,
    /// Two histories of it were signed.
    pub forked: bool,
}

impl LogHead {
    /// A log held here.
    pub fn load(read: &mut Read<'_>, origin: &Origin) -> Result<Option<Self>, Fault> {
        let Some(head) = log::head(read, origin)? else { return Ok(None) };
        let settled = quorum::settled(read, origin)?;
        Ok(Some(Self {
            path: format!("{}/{}", origin.node(), origin.generation()),
            reach: quorum::reach(&head, settled.as_ref()).0.as_str(),
            vkey: vkey(origin, head.log_key).to_string(),
            forked: forks::is_forked(read, origin)?,
            origin: origin.clone(),
            settled,
            head,
        }))
    }

    /// What files about it are called, without what follows the dot.
    pub fn file(&self) -> String {
        self.path.replace('/', "-")
    }

    /// The log of an address.
    pub fn at(
        read: &mut Read<'_>,
        (node, generation): (&str, &str),
    ) -> Result<Option<Self>, Fault> {
        let Some((node, generation)) = logs::named(node, generation) else { return Ok(None) };
        match log::origin(read, &node, generation)? {
            Some(origin) => Self::load(read, &origin),
            None => Ok(None),
        }
    }
}

/// One entry of the list.
struct EntryRow {
    index: u64,
    label: Label,
    unfolded: Option<Unfolded>,
}

/// `GET /registry/{node}/{generation}?kind=…&before=…`
pub async fn show(
    page: Page,
    state: Data<WebState>,
    path: Path<(String, String)>,
    wanted: Query<Wanted>,
) -> Result<HttpResponse, Problem> {
    let (node, generation) = path.into_inner();
    let kind: String = wanted.kind.chars().take(KIND_CHARS_MAX).collect();
    let before: Option<u64> = wanted.before.parse().ok();
    let asked = kind.clone();
    let found = state.read(move |read| {
        let Some(log) = LogHead::at(read, (&node, &generation))? else { return Ok(None) };
        let before = before.unwrap_or(log.head.size).min(log.head.size);
        let fits = |bytes: &[u8]| asked.is_empty() || label::kind(bytes).as_ref() == Some(&asked);
        let browsed = log::browse(read, &log.origin, before, &fits)?;
        let looked_at = (browsed.down_to, before);
        let marked = catalog::unfolded_between(read, &log.origin, looked_at, MARKED_MAX)?;
        Ok(Some((log, browsed, marked)))
    });
    let (log, Browsed { entries, down_to }, marked) = found.await?.ok_or(Problem::NotFound)?;
    let rows: Vec<EntryRow> = entries
        .iter()
        .map(|(index, bytes)| EntryRow {
            index: *index,
            label: Label::of(bytes),
            unfolded: marked.iter().find(|one| one.index == *index).cloned(),
        })
        .collect();
    render(&LogPage {
        newest: before.is_none_or(|before| before >= log.head.size),
        cut: down_to > 0 && rows.len() < log::BROWSED_MAX,
        older: (down_to > 0).then_some(down_to),
        log,
        kinds: Fact::kinds(),
        kind,
        rows,
        page,
    })
}

impl LogPage {
    /// The address of the next older part.
    fn older_href(&self) -> String {
        let before = self.older.unwrap_or_default();
        let kind = if self.kind.is_empty() {
            String::new()
        } else {
            format!("kind={}&", encode(&self.kind))
        };
        format!("/registry/{}?{kind}before={before}", self.log.path)
    }

    /// The address of the newest part.
    fn newest_href(&self) -> String {
        if self.kind.is_empty() {
            format!("/registry/{}", self.log.path)
        } else {
            format!("/registry/{}?kind={}", self.log.path, encode(&self.kind))
        }
    }
}
