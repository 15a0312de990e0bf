//! What the demo's nodes publish: one publishing file for each sector of each node, written from
//! the list in `products.csv`. Organizations are plainly fictitious; texts that all products share
//! are made from their form.

mod coverage;
mod file;
mod sector;

use lianshi_registry::{
    entry::Texts,
    time::{Date, Period},
    uscc::{self, Uscc},
};
use serde::Deserialize;

use super::cast;

pub use file::publishing_file;
pub use sector::{SECTORS, Sector};

/// The list of products.
const PRODUCTS: &str = include_str!("products.csv");

/// A product of the list.
#[derive(Debug, Clone, Deserialize)]
pub struct Item {
    /// The node that publishes it.
    pub node: String,
    /// Its key in the publishing file.
    pub key: String,
    /// Its form.
    pub form: String,
    /// Its sector.
    pub sector: String,
    /// Its field.
    pub field: String,
    /// `free`, `per_call` or `flat`.
    pub charge: String,
    /// Yuan per call or month.
    pub price: String,
    /// Name.
    pub name_zh: String,
    /// Name.
    pub name_en: String,
    /// One sentence.
    pub summary_zh: String,
    /// One sentence.
    pub summary_en: String,
    /// Its place in the list, from 1: the number of its documents.
    #[serde(skip)]
    pub serial: usize,
}

impl Item {
    /// The number of a document about it, such as `演示安评〔2026〕007号`.
    fn document(&self, kind: &str, terms: Terms) -> String {
        format!("演示{kind}〔{}〕{:03}号", terms.from.year(), self.serial)
    }
}

/// The list.
pub fn items() -> anyhow::Result<Vec<Item>> {
    let mut items: Vec<Item> =
        csv::Reader::from_reader(PRODUCTS.as_bytes()).deserialize().collect::<Result<_, _>>()?;
    for (place, item) in items.iter_mut().enumerate() {
        item.serial = place + 1;
    }
    Ok(items)
}

/// When what is published begins and ends.
#[derive(Debug, Clone, Copy)]
pub struct Terms {
    /// First day of the authorizations.
    pub from: Date,
    /// First day they are over: within the three years of the strictest ruleset.
    pub until: Date,
    /// First period of the split agreements.
    pub first_period: Period,
}

impl Terms {
    /// From the day of founding.
    pub fn from_founding(day: Date) -> Self {
        Self { from: day, until: day.plus_months(35), first_period: day.period() }
    }
}

/// A party of the demo, by node and part.
#[derive(Debug, Clone)]
pub struct Party {
    /// Its code.
    pub uscc: Uscc,
    /// Its name.
    pub name: Texts,
    /// Its role in a split and in the registry.
    pub role: &'static str,
    /// The node where it reads what it is paid.
    pub node: &'static str,
}

/// Parts a party can have at a node: kind of code, number, role, name.
const PARTS: [(&str, &str, &str, (&str, &str)); 3] = [
    ("91", "MA9DEM001", "operator", ("数据运营有限公司（演示）", "Data Operation Ltd. (demo)")),
    ("91", "MA9DEM002", "partner", ("数据应用合作有限公司（演示）", "Data Partner Ltd. (demo)")),
    ("91", "MA9DEM003", "platform", ("数据平台技术有限公司（演示）", "Data Platform Ltd. (demo)")),
];

/// The party with a role at a node.
pub fn party(node: &'static cast::DemoNode, role: &str) -> anyhow::Result<Party> {
    let part = PARTS.iter().find(|part| part.2 == role);
    let (prefix, rest, role, (zh, en)) =
        part.ok_or_else(|| anyhow::anyhow!("no part `{role}` in the demo"))?;
    let uscc = code(&format!("{prefix}{}{rest}", node.division))?;
    let name =
        Texts { zh: format!("{}{zh}", node.place_zh), en: format!("{} {en}", node.place_en) };
    Ok(Party { uscc, name, role, node: node.name })
}

/// The source unit of a sector at a node.
pub fn source_unit(node: &'static cast::DemoNode, sector: &Sector) -> anyhow::Result<Party> {
    let uscc = code(&format!("12{}MB9DEM{:03}", node.division, 100 + sector.number))?;
    let name = Texts {
        zh: format!("{}{}数据中心（演示）", node.place_zh, sector.unit_zh),
        en: format!("{} {} Data Center (demo)", node.place_en, sector.unit_en),
    };
    Ok(Party { uscc, name, role: "provider", node: node.name })
}

fn code(seventeen: &str) -> anyhow::Result<Uscc> {
    uscc::complete(seventeen)
        .ok_or_else(|| anyhow::anyhow!("`{seventeen}` cannot be completed to a code"))
}

/// Who shares what a product earns, with percent: four parties on two nodes for the product of the
/// demo's subscription, three on its own node for others.
pub fn shares(
    node: &'static cast::DemoNode,
    item: &Item,
) -> anyhow::Result<Vec<(Party, &'static str)>> {
    let sector = sector::find(&item.sector)?;
    let unit = source_unit(node, sector)?;
    let operator = party(node, "operator")?;
    if item.key == FLAGSHIP {
        let far = cast::node(cast::HOME_NODE)?;
        return Ok(vec![
            (unit, "33.33"),
            (operator, "33.33"),
            (party(far, "partner")?, "20.84"),
            (party(far, "platform")?, "12.5"),
        ]);
    }
    Ok(vec![(unit, "30"), (operator, "55"), (party(node, "platform")?, "15")])
}

/// The product the demo's enterprise subscribes to.
pub const FLAGSHIP: &str = "division-code";
/// Code of the plans that charge by call.
const PER_CALL: &str = "per-call";

/// Calls a month that a plan of the demo includes.
pub fn included_calls(plan: &str) -> u64 {
    if plan == PER_CALL { 100 } else { 0 }
}

/// Products with facts behind them.
pub const CALLABLE: [&str; 3] = [FLAGSHIP, "division-count", "division-changes"];

#[cfg(test)]
mod tests;
