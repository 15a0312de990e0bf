//! The page of one product: what it is, what it may be used for, what it costs with a worked
//! example, the facts that make it lawful, and where all that was said.

use std::collections::{BTreeMap, BTreeSet};

use actix_web::{
    HttpResponse,
    web::{Data, Path, Query},
};
use askama::Template;
use lianshi_governance::ruleset::Rulebook;
use lianshi_registry::{
    catalog::{AuthorizationStatus, ResourceState, Standing},
    entry::{Organization, Purpose},
    id::RegistrationNumber,
    merkle,
    time::Date,
    uscc::Uscc,
};
use lianshi_store::{
    Fault, Read,
    catalog::{self, Offer},
    log, members,
};

use crate::{
    WebState, nodes,
    page::{Page, render_as},
    plans::{Asked, PlanRow},
    problem::Problem,
};

#[derive(Template)]
#[template(path = "product.html")]
struct ProductPage {
    offer: Offer,
    standing: Standing,
    plans: Vec<PlanRow>,
    asked: Asked,
    shares: Vec<ShareRow>,
    entry: Option<EntryRow>,
    node_title: String,
    grantor: Option<Organization>,
    page: Page,
}

/// The entry that describes the product, as stored.
struct EntryRow {
    hash: String,
    path: String,
}

/// One party's share.
struct ShareRow {
    party: String,
    role: String,
    node: String,
    percent: String,
    /// Where its part of the bar begins and how wide it is, in tenths of a percent.
    from: u32,
    width: u32,
}

/// What the store holds about one product.
struct Found {
    offer: Offer,
    members: Vec<lianshi_registry::member::Member>,
    entry: Option<Vec<u8>>,
    grantor: Option<Organization>,
}

fn find(read: &mut Read<'_>, number: &RegistrationNumber) -> Result<Option<Found>, Fault> {
    let Some(offer) = catalog::product(read, number)? else { return Ok(None) };
    let entry = log::entry(read, &offer.origin, offer.origin_index)?;
    let grantor = match &offer.authorization {
        Some(state) => catalog::organization(read, &state.authorization.grantor)?,
        None => None,
    };
    Ok(Some(Found { members: members::all(read)?, entry, grantor, offer }))
}

/// `GET /products/{number}`
pub async fn show(
    page: Page,
    state: Data<WebState>,
    number: Path<String>,
    parameters: Query<BTreeMap<String, String>>,
) -> Result<HttpResponse, Problem> {
    let number = RegistrationNumber::parse(&number).map_err(|_| Problem::NotFound)?;
    let found = state.read(move |read| find(read, &number)).await?.ok_or(Problem::NotFound)?;
    let Found { offer, members, entry, grantor } = found;
    let titles = nodes::titles(&page, &members);
    let asked = Asked::of(&page, &parameters);
    let status = asked.errors.status();
    let node = offer.node.to_string();
    let template = ProductPage {
        standing: offer.standing(page.now),
        plans: offer.plans.iter().map(|plan| PlanRow::new(&page, plan, asked.calls)).collect(),
        asked,
        shares: shares(&page, &offer, &titles),
        entry: entry.map(|bytes| EntryRow {
            hash: merkle::leaf_hash(&bytes).to_string(),
            path: format!("/products/{}/entry", offer.product.number),
        }),
        node_title: titles.get(&node).cloned().unwrap_or(node),
        offer,
        grantor,
        page,
    };
    render_as(status, &template)
}

/// `GET /products/{number}/entry`: the bytes the node signed, exactly as stored.
pub async fn entry(state: Data<WebState>, number: Path<String>) -> Result<HttpResponse, Problem> {
    let number = RegistrationNumber::parse(&number).map_err(|_| Problem::NotFound)?;
    let found = state.read(move |read| find(read, &number)).await?.ok_or(Problem::NotFound)?;
    let bytes = found.entry.ok_or(Problem::NotFound)?;
    Ok(HttpResponse::Ok().content_type("application/json").body(bytes))
}

fn shares(page: &Page, offer: &Offer, titles: &BTreeMap<String, String>) -> Vec<ShareRow> {
    let mut from = 0;
    let rows = offer.split.iter().flat_map(|split| &split.shares).map(|share| {
        let width = share.share_ppm / 1000;
        let node = share.node.to_string();
        let row = ShareRow {
            party: page.of_texts(&share.name).to_owned(),
            role: page.word("party", share.role),
            node: titles.get(&node).cloned().unwrap_or(node),
            percent: crate::figures::percent(share.share_ppm),
            from,
            width,
        };
        from += width;
        row
    });
    rows.collect()
}

impl ProductPage {
    /// What the provider of a resource confirmed its fields by, each document once.
    fn confirmations(held: &ResourceState) -> BTreeSet<(Date, &str)> {
        let said = held.resource.fields.iter().filter_map(|field| field.confirmed.as_ref());
        said.map(|said| (said.on, said.document.as_str())).collect()
    }

    /// What an organization of the chain is called; its code where nothing else is known.
    fn organization(&self, uscc: &Uscc) -> String {
        let known = self.offer.operator.iter().chain(&self.offer.providers);
        known
            .filter(|organization| organization.uscc == *uscc)
            .map(|organization| self.page.of_texts(&organization.name).to_owned())
            .next()
            .unwrap_or_else(|| uscc.to_string())
    }

    fn grantor(&self, uscc: &Uscc) -> String {
        let name = |known: &Organization| self.page.of_texts(&known.name).to_owned();
        self.grantor.as_ref().map_or_else(|| self.organization(uscc), name)
    }

    /// What a ruleset is called; its id where this node does not ship it.
    fn ruleset(&self, id: &str) -> String {
        let known = Rulebook::shipped().rulesets.iter().find(|rules| rules.id == id);
        known.map_or_else(|| id.to_owned(), |rules| self.page.of_texts(&rules.title).to_owned())
    }

    fn purposes(&self) -> String {
        let word = |purpose: &Purpose| self.page.word("purpose", purpose);
        let words: Vec<String> = self.offer.product.purposes.iter().map(word).collect();
        words.join(&self.page.t("list-comma"))
    }

    /// What the guard lets out, in words.
    fn guard(&self) -> String {
        let guard = &self.offer.product.guard;
        let cell = match guard.smallest_cell {
            0 => self.page.t("guard-no-cell"),
            cell => self.page.tn("guard-cell", cell),
        };
        let subjects = match guard.distinct_subjects_max {
            0 => return cell,
            subjects => self.page.tn("guard-subjects", subjects),
        };
        format!("{cell}{}{subjects}", self.page.t("list-semicolon"))
    }
}
