//! What a party of splits sees: its shares at every node, as the catalog has them; what it was
//! given, as far as it is read at this node; what other nodes say at its word; and to whom this
//! node says so.

use std::collections::BTreeMap;

use actix_web::{HttpResponse, http::header::LOCATION, web};
use askama::Template;
use lianshi_registry::{entry::Texts, id::NodeName};
use lianshi_store::{
    Fault, Read,
    allocations::{self, LinePage, PARTY_LINES_MAX},
    catalog::{self, PartyShare, SHARE_PRODUCTS_MAX, SharePage},
    copies::{self, COPIES_MAX, CopyPage, Recipient},
    members,
};
use serde::Deserialize;

use crate::{
    WebState,
    access::Caller,
    account::settle,
    csrf::Posted,
    form::Errors,
    names::{self, Names},
    page::{Page, render, render_as},
    problem::Problem,
};

/// Which pages of the lists.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
pub struct Wanted {
    #[serde(default)]
    page: u32,
    #[serde(default)]
    shares: u32,
    #[serde(default)]
    copies: u32,
}

/// What nodes are called, and where their pages are; empty where they have none to be linked.
#[derive(Debug, Clone, Default)]
struct Places(BTreeMap<NodeName, (Texts, String)>);

impl Places {
    fn of<'n>(
        read: &mut Read<'_>,
        nodes: impl Iterator<Item = &'n NodeName>,
    ) -> Result<Self, Fault> {
        let mut places = BTreeMap::new();
        for node in nodes {
            if !places.contains_key(node)
                && let Some(member) = members::by_node(read, node)?
            {
                let base = member.admission.base().map(|base| base.to_string());
                places.insert(node.clone(), (member.admission.name, base.unwrap_or_default()));
            }
        }
        Ok(Self(places))
    }

    fn title(&self, page: &Page, node: &NodeName) -> String {
        self.0
            .get(node)
            .map_or_else(|| node.to_string(), |(name, _)| page.of_texts(name).to_owned())
    }

    /// Where the party reads its lines at another node.
    fn lines_at(&self, own: &str, node: &NodeName) -> Option<String> {
        let (_, base) = self.0.get(node)?;
        let is_linked = node.as_str() != own && !base.is_empty();
        is_linked.then(|| format!("{base}/contributor/lines"))
    }
}

#[derive(Template)]
#[template(path = "providing/lines.html")]
struct LinesPage {
    page: Page,
    shares: SharePage,
    lines: LinePage,
    names: Names,
    places: Places,
    copies: CopyPage,
    recipients: Vec<Recipient>,
    /// Nodes that may be named, with what they are called.
    others: Vec<(NodeName, Texts)>,
    errors: Errors,
}

impl LinesPage {
    /// Whether there are further products with a share.
    fn has_more_shares(&self) -> bool {
        u64::from(self.shares.page) * SHARE_PRODUCTS_MAX.unsigned_abs() < self.shares.products
    }

    /// Whether there are further lines.
    fn has_more_lines(&self) -> bool {
        u64::from(self.lines.page) * PARTY_LINES_MAX.unsigned_abs() < self.lines.total
    }

    /// Whether other nodes say more.
    fn has_more_copies(&self) -> bool {
        u64::from(self.copies.page) * COPIES_MAX.unsigned_abs() < self.copies.total
    }

    /// The look of a share's tag; the word in it says the same.
    fn class_of(share: &PartyShare) -> &'static str {
        match share.standing {
            catalog::ShareStanding::InForce => "tag ok",
            catalog::ShareStanding::Ahead => "tag",
            catalog::ShareStanding::Replaced => "tag quiet",
        }
    }
}

async fn listed(
    page: Page,
    caller: &Caller,
    state: &WebState,
    wanted: Wanted,
) -> Result<LinesPage, Problem> {
    let (party, month) = (caller.user.organization.clone(), page.now.period());
    let listed = state
        .read(move |read| {
            let shares = catalog::shares_of(read, &party, (month, wanted.shares))?;
            let lines = allocations::for_party(read, &party, wanted.page)?;
            let copies = copies::received(read, &party, wanted.copies)?;
            let products = lines.items.iter().map(|line| &line.product);
            let products = products.chain(copies.items.iter().map(|copy| &copy.document.product));
            let names = names::of(read, products)?;
            let nodes = shares.items.iter().flat_map(|share| [&share.node, &share.owner]);
            let nodes = nodes.chain(lines.items.iter().map(|line| &line.provider));
            let places = Places::of(read, nodes.chain(copies.items.iter().map(|copy| &copy.from)))?;
            let recipients = copies::recipients(read, &party)?;
            let others = others(read, page.node.as_str())?;
            let errors = Errors::default();
            Ok(LinesPage { page, shares, lines, names, places, copies, recipients, others, errors })
        })
        .await?;
    Ok(listed)
}

/// The members that letters are exchanged with.
fn others(read: &mut Read<'_>, own: &str) -> Result<Vec<(NodeName, Texts)>, Fault> {
    let members = members::all(read)?.into_iter();
    let active = members.filter(|member| member.may_write().is_ok());
    let named = active.map(|member| (member.admission.node, member.admission.name));
    Ok(named.filter(|(node, _)| node.as_str() != own).collect())
}

/// `GET /contributor/lines`: the shares of the caller's organization, and what it was given.
pub async fn show(
    page: Page,
    caller: Caller,
    state: web::Data<WebState>,
    wanted: web::Query<Wanted>,
) -> Result<HttpResponse, Problem> {
    render(&listed(page, &caller, &state, wanted.into_inner()).await?)
}

/// To which node lines are copied, or no longer.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Decided {
    node: String,
    act: String,
}

/// `POST /contributor/lines`
pub async fn decide(
    page: Page,
    caller: Caller,
    state: web::Data<WebState>,
    Posted(decided): Posted<Decided>,
) -> Result<HttpResponse, Problem> {
    let Decided { node, act } = decided;
    let names = match act.as_str() {
        "name" => true,
        "take-back" => false,
        other => return Err(Problem::Malformed(format!("act `{other}`"))),
    };
    let (actor, party) = (caller.actor(), caller.user.organization.clone());
    let outcome = state
        .run(move |site| {
            settle(if names {
                copies::name(site, (&actor, &party), &node)
            } else {
                copies::take_back(site, (&actor, &party), &node)
            })
        })
        .await?;
    match outcome {
        Ok(()) => {
            let back = "/contributor/lines#copies-to";
            Ok(HttpResponse::SeeOther().insert_header((LOCATION, back)).finish())
        }
        Err(refused) => {
            let shown = listed(page, &caller, &state, Wanted::default()).await?;
            let (status, errors) = Errors::refused(&shown.page, &refused, "node");
            render_as(status, &LinesPage { errors, ..shown })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_another_node_with_an_address_is_linked() {
        let node = |name: &str| NodeName::parse(name).expect("a name");
        let place = |name: &str, base: &str| {
            let name = Texts { zh: name.to_owned(), en: name.to_owned() };
            (name, base.to_owned())
        };
        let places = Places(BTreeMap::from([
            (node("haishu"), place("海曙", "https://haishu.example")),
            (node("yinzhou"), place("鄞州", "https://yinzhou.example")),
            (node("ningbo"), place("宁波", "")),
        ]));
        let at = |name: &str| places.lines_at("yinzhou", &node(name));
        let haishu = "https://haishu.example/contributor/lines";
        assert_eq!(at("haishu").as_deref(), Some(haishu));
        assert_eq!((at("yinzhou"), at("ningbo"), at("unknown")), (None, None, None));
    }
}
