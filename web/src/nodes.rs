//! The nodes of the federation as the pages show them: who they are, how much of each log is held
//! here and how old it is.

use std::collections::BTreeMap;

use lianshi_governance::division::Divisions;
use lianshi_registry::{
    id::DivisionCode,
    member::{Member, Root, Status},
    time::{Date, Timestamp},
};
use lianshi_store::{
    Fault, Read,
    catalog::{self, FacetValue, Offer, Query},
    forks,
    log::{self, Head},
    members,
    quorum::{self, Settled},
};

use crate::{
    page::Page,
    text::Lang,
    topology::{self, Dot, Topology},
};

/// A replica not confirmed for so long is shown as stale: three rounds of the peers' exchange of
/// heads.
const STALE_MS: i64 = 3 * 60_000;

/// Whether a replica last confirmed at `confirmed_at`, if ever, is stale.
pub fn is_stale(now: Timestamp, confirmed_at: Option<Timestamp>) -> bool {
    confirmed_at.is_none_or(|at| now.millis().saturating_sub(at.millis()) > STALE_MS)
}

/// What the store holds about nodes.
pub struct Known {
    /// Members, also suspended and withdrawn ones.
    pub members: Vec<Member>,
    /// The charter's root authorities.
    pub roots: Vec<Root>,
    /// Heads of the logs held here.
    pub heads: Vec<Head>,
    /// Their settled checkpoints.
    pub settled: Vec<Settled>,
    /// Logs of which two histories were signed.
    pub forks: Vec<forks::Known>,
    /// Listings by node.
    pub products: Vec<FacetValue>,
}

impl Known {
    /// Loads it.
    pub fn load(read: &mut Read<'_>, now: Timestamp) -> Result<Self, Fault> {
        let query = Query { size: 1, now, ..Query::default() };
        Ok(Self {
            members: members::all(read)?,
            roots: members::roots(read)?,
            heads: log::heads(read)?,
            settled: quorum::all(read)?,
            forks: forks::all(read)?,
            products: catalog::search(read, &query)?.facets.node,
        })
    }

    /// One row for each member, the root authorities first.
    pub fn rows(&self, page: &Page) -> Vec<NodeRow> {
        let mut rows: Vec<NodeRow> = self.members.iter().map(|m| self.row(page, m)).collect();
        rows.sort_by(|a, b| (!a.root, &a.name).cmp(&(!b.root, &b.name)));
        rows
    }

    fn row(&self, page: &Page, member: &Member) -> NodeRow {
        let admission = &member.admission;
        let name = admission.node.to_string();
        let head = self.heads.iter().find(|head| head.origin == admission.origin);
        let own = name == page.node;
        let settled = self.settled.iter().find(|settled| settled.origin == admission.origin);
        let reach = head.map(|head| quorum::reach(head, settled));
        let products = self.products.iter().find(|value| value.value == name);
        let confirmed_at = head.and_then(|head| head.confirmed_at);
        let fork = self.forks.iter().find(|fork| fork.evidence.origin == admission.origin);
        NodeRow {
            title: page.of_texts(&admission.name).to_owned(),
            division: admission.division.to_string(),
            level: admission.level.clone(),
            own,
            root: self.roots.iter().any(|root| root.origin == admission.origin),
            status: member.status().as_str(),
            reason: match member.status() {
                Status::Active => String::new(),
                _ => member.changes.last().map(|c| c.reason.clone()).unwrap_or_default(),
            },
            public_url: admission.public_url.clone(),
            origin: admission.origin.to_string(),
            log_path: format!("/log/{}/{}", name, admission.origin.generation()),
            log_key: admission.log_key.to_string(),
            size: head.map(|head| head.size),
            root_hash: head.map(|head| head.root.to_string()).unwrap_or_default(),
            reach: reach.map_or("", |(reach, _)| reach.as_str()),
            reach_since: reach.and_then(|(_, since)| since),
            settled_size: settled.map_or(0, |settled| settled.size),
            head_at: head.and_then(|head| head.checkpoint_at),
            stale: !own && is_stale(page.now, confirmed_at),
            confirmed_at,
            fork: fork.cloned(),
            products: products.map_or(0, |value| value.count),
            name,
        }
    }
}

/// One node of a table.
#[derive(Debug, Clone)]
pub struct NodeRow {
    /// Short name.
    pub name: String,
    /// What people call it.
    pub title: String,
    /// The division it speaks for.
    pub division: String,
    /// `province`, `city` or `district`.
    pub level: String,
    /// It is this node.
    pub own: bool,
    /// It is a root authority.
    pub root: bool,
    /// `active`, `suspended` or `withdrawn`.
    pub status: &'static str,
    /// Why it is not active.
    pub reason: String,
    /// Base of its own pages.
    pub public_url: String,
    /// Its log.
    pub origin: String,
    /// Where this node serves that log.
    pub log_path: String,
    /// The key that signs it.
    pub log_key: String,
    /// Entries held here.
    pub size: Option<u64>,
    /// Root hash over them, in hexadecimal.
    pub root_hash: String,
    /// `settled`, `signed` or `local`; empty when nothing of the log is held here.
    pub reach: &'static str,
    /// Since when.
    pub reach_since: Option<Timestamp>,
    /// Entries the quorum cosigned.
    pub settled_size: u64,
    /// When the head held here was signed or adopted.
    pub head_at: Option<Timestamp>,
    /// When that node last said that the head is the newest.
    pub confirmed_at: Option<Timestamp>,
    /// That was too long ago.
    pub stale: bool,
    /// The evidence that it signed two histories.
    pub fork: Option<forks::Known>,
    /// Its listings.
    pub products: u64,
}

impl NodeRow {
    /// The first characters of the root hash, enough to compare by eye.
    pub fn root_short(&self) -> &str {
        self.root_hash.get(..16).unwrap_or(&self.root_hash)
    }

    /// How current the copy held here is, in few words.
    pub fn confirmed(&self, page: &Page) -> String {
        match self.confirmed_at {
            _ if self.own => page.t("node-here"),
            Some(at) => page.ago(&at),
            None if self.size.is_some_and(|size| size > 0) => page.t("node-unconfirmed"),
            None => page.t("node-never"),
        }
    }
}

/// How current what is read of a product is, in words: said here, or copied from its node, which
/// confirmed the copy some time ago or never.
pub fn age(page: &Page, offer: &Offer) -> String {
    match offer.confirmed_at {
        _ if offer.own => page.t("source-own"),
        Some(at) => page.t1("source-replica", "ago", page.ago(&at)),
        None => page.t("source-unconfirmed"),
    }
}

/// What people call each node.
pub fn titles(page: &Page, members: &[Member]) -> BTreeMap<String, String> {
    members
        .iter()
        .map(|member| {
            let admission = &member.admission;
            (admission.node.to_string(), page.of_texts(&admission.name).to_owned())
        })
        .collect()
}

/// What each division of a facet is called, with its code.
pub fn divisions(page: &Page, values: &[FacetValue]) -> BTreeMap<String, String> {
    let date = page.now.date();
    values
        .iter()
        .filter_map(|value| {
            let name = division_name(&value.value, date)?;
            Some((value.value.clone(), format!("{name} {}", value.value)))
        })
        .collect()
}

/// The picture of the nodes.
pub fn picture(page: &Page, rows: &[NodeRow]) -> Topology {
    let dots: Vec<Dot> = rows
        .iter()
        .filter(|row| row.status != "withdrawn")
        .map(|row| Dot {
            label: short_title(page.lang, row, page.now.date()),
            sub: page.tn("topology-products", row.products),
            here: row.own,
            stale: row.stale,
            root: row.root,
        })
        .collect();
    topology::draw(&page.t("topology-title"), &dots)
}

/// A name that fits under a dot: the node's own, else its division's, which has no English name.
fn short_title(lang: Lang, row: &NodeRow, today: Date) -> String {
    let fits = match lang {
        Lang::Zh => 9,
        Lang::En => 18,
    };
    if row.title.chars().count() <= fits {
        return row.title.clone();
    }
    match lang {
        Lang::Zh => division_name(&row.division, today).unwrap_or(&row.name).to_owned(),
        Lang::En => row.name.clone(),
    }
}

/// The name of a division on a date.
fn division_name(code: &str, date: Date) -> Option<&'static str> {
    let code = DivisionCode::parse(code).ok()?;
    Divisions::shipped().listed_on(&code, date).map(|division| division.name.as_str())
}
