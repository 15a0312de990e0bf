//! The nodes of the federation as the pages show them: who they are, how much of each log is held
//! here and how old it is.

use std::{cmp::Reverse, collections::BTreeMap};

use lianshi_governance::division::Divisions;
use lianshi_registry::{
    checkpoint::vkey,
    id::{DivisionCode, Origin},
    member::{Member, Root, Status},
    program::Program,
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
    /// Largest signed head known of each replica.
    pub announced: BTreeMap<String, u64>,
    /// What peers said of the programs they run.
    pub versions: BTreeMap<String, String>,
    /// Quarantined entries by log.
    pub quarantined: BTreeMap<String, u64>,
    /// Entries that await a newer program, by log.
    pub awaiting: BTreeMap<String, u64>,
}

/// What a table of nodes is sorted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// Root authorities first, then by name.
    Name,
    /// The largest log first.
    Entries,
    /// Whoever lies furthest behind first.
    Lag,
    /// Whoever was silent longest first.
    Contact,
    /// Whoever has most quarantined entries first.
    Quarantined,
}

impl Order {
    /// Every order, as the page offers them.
    pub const ALL: [Self; 5] =
        [Self::Name, Self::Entries, Self::Lag, Self::Contact, Self::Quarantined];

    /// Its word in the address.
    pub fn word(self) -> &'static str {
        match self {
            Self::Name => "name",
            Self::Entries => "entries",
            Self::Lag => "lag",
            Self::Contact => "contact",
            Self::Quarantined => "quarantined",
        }
    }

    /// The order of an address; another word is none.
    pub fn from_word(word: &str) -> Self {
        Self::ALL.into_iter().find(|order| order.word() == word).unwrap_or(Self::Name)
    }
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
            announced: log::announced(read)?,
            versions: members::versions(read)?,
            quarantined: catalog::quarantine_counts(read)?,
            awaiting: catalog::awaiting_counts(read)?,
        })
    }

    /// One row for each member, the root authorities first.
    pub fn rows(&self, page: &Page) -> Vec<NodeRow> {
        self.rows_by(page, Order::Name)
    }

    /// The same in another order; equals keep the usual one.
    pub fn rows_by(&self, page: &Page, order: Order) -> Vec<NodeRow> {
        let mut rows: Vec<NodeRow> = self.members.iter().map(|m| self.row(page, m)).collect();
        rows.sort_by(|a, b| (!a.root, &a.name).cmp(&(!b.root, &b.name)));
        match order {
            Order::Name => {}
            Order::Entries => rows.sort_by_key(|row| Reverse(row.size)),
            Order::Lag => rows.sort_by_key(|row| Reverse(row.lag)),
            Order::Contact => rows.sort_by_key(|row| (row.own, row.confirmed_at)),
            Order::Quarantined => rows.sort_by_key(|row| Reverse(row.quarantined)),
        }
        rows
    }

    /// The row of one member.
    pub fn row(&self, page: &Page, member: &Member) -> NodeRow {
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
            public_url: admission.base().map_or_else(String::new, |base| base.to_string()),
            origin: admission.origin.to_string(),
            log_path: format!("/log/{}/{}", name, admission.origin.generation()),
            log_key: admission.log_key.to_string(),
            key_id: hex::encode(vkey(&admission.origin, admission.log_key).id()),
            program: if own {
                Program::this()
            } else {
                self.versions.get(&name).map(|said| Program::parse(said)).unwrap_or_default()
            },
            lag: head.map(|head| {
                let announced = self.announced.get(&head.origin.to_string());
                announced.map_or(0, |announced| announced.saturating_sub(head.size))
            }),
            quarantined: count(&self.quarantined, &admission.origin),
            awaiting: count(&self.awaiting, &admission.origin),
            log: format!("{name}/{}", admission.origin.generation()),
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

fn count(counts: &BTreeMap<String, u64>, origin: &Origin) -> u64 {
    counts.get(&origin.to_string()).copied().unwrap_or_default()
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
    /// Base of its own pages; empty where it has none that can be linked.
    pub public_url: String,
    /// Its log.
    pub origin: String,
    /// Where this node serves that log.
    pub log_path: String,
    /// The key that signs it.
    pub log_key: String,
    /// The beginning of that key as signed notes name it, in hexadecimal.
    pub key_id: String,
    /// The program it runs, as it last said; empty when it never did.
    pub program: Program,
    /// Entries of a signed head that are known to exist and not held here.
    pub lag: Option<u64>,
    /// Entries of its log that count for nothing.
    pub quarantined: u64,
    /// Entries of its log that await a newer program here.
    pub awaiting: u64,
    /// Node and generation, as addresses have them.
    pub log: String,
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
    /// Whether its digest cannot be compared with this node's: it folds by another version, or does
    /// not say by which.
    pub fn folds_otherwise(&self) -> bool {
        !self.program.name.is_empty() && self.program.fold != Program::this().fold
    }

    /// The first characters of the root hash, enough to compare by eye.
    pub fn root_short(&self) -> &str {
        self.root_hash.get(..12).unwrap_or(&self.root_hash)
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

/// Most characters of a name that fit under a dot.
const fn fits(lang: Lang) -> usize {
    match lang {
        Lang::Zh => 9,
        Lang::En => 20,
    }
}

/// A name that fits under a dot: the node's own, else its division's, which has a Chinese name
/// only; an English name is cut after a word.
fn short_title(lang: Lang, row: &NodeRow, today: Date) -> String {
    if row.title.chars().count() <= fits(lang) {
        return row.title.clone();
    }
    match lang {
        Lang::Zh => division_name(&row.division, today).unwrap_or(&row.name).to_owned(),
        Lang::En => cut(&row.title, fits(lang)),
    }
}

/// As many whole words as fit, at least one; what stands in brackets at the end is left out first.
fn cut(title: &str, fits: usize) -> String {
    let bare = title.split(" (").next().unwrap_or(title);
    if bare.chars().count() <= fits {
        return bare.to_owned();
    }
    let mut short = String::new();
    for word in bare.split_whitespace() {
        let wanted = short.chars().count() + word.chars().count() + 2;
        if !short.is_empty() && wanted > fits {
            break;
        }
        if !short.is_empty() {
            short.push(' ');
        }
        short.push_str(word);
    }
    let short: String = short.chars().take(fits - 1).collect();
    format!("{short}…")
}

/// The name of a division on a date.
fn division_name(code: &str, date: Date) -> Option<&'static str> {
    let code = DivisionCode::parse(code).ok()?;
    Divisions::shipped().listed_on(&code, date).map(|division| division.name.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_english_name_is_cut_after_a_word() {
        for (title, short) in [
            ("Yinzhou node (demo)", "Yinzhou node"),
            ("Yinzhou District Node of Public Data", "Yinzhou District…"),
            ("Llanfairpwllgwyngyllgogerychwyrndrobwll", "Llanfairpwllgwyngyl…"),
        ] {
            assert_eq!(cut(title, 20), short);
            assert!(short.chars().count() <= 20, "{short}");
        }
    }
}
