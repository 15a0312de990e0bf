//! The federation page: who is a node, how much of each log is held here, how old it is, and the
//! digest by which any two nodes can see that they show the same catalog.

use std::collections::BTreeMap;

use actix_web::{
    HttpResponse,
    web::{Data, Query},
};
use askama::Template;
use lianshi_store::catalog::{self, FoldState, Unfolded};

use crate::{
    WebState,
    nodes::{self, Known, NodeRow, Order},
    page::{Page, render},
    problem::Problem,
    topology::Topology,
};

/// Entries of each sort shown that are not in the catalog: whoever needs more reads the log.
const UNFOLDED_SHOWN: i64 = 20;

#[derive(Template)]
#[template(path = "federation.html")]
struct FederationPage {
    nodes: Vec<NodeRow>,
    order: Order,
    entries: u64,
    digest: String,
    fold: FoldState,
    /// Entries that are not in the catalog, each sort under its name.
    unfolded: [(&'static str, Vec<Unfolded>); 2],
    topology: Topology,
    page: Page,
}

/// `GET /federation`
pub async fn show(
    page: Page,
    state: Data<WebState>,
    parameters: Query<BTreeMap<String, String>>,
) -> Result<HttpResponse, Problem> {
    let order = Order::from_word(parameters.get("sort").map_or("", String::as_str));
    let now = page.now;
    let (known, digest, fold, quarantined, awaiting) = state
        .read(move |read| {
            Ok((
                Known::load(read, now)?,
                catalog::digest(read)?,
                catalog::fold_state(read)?,
                catalog::quarantined(read, UNFOLDED_SHOWN)?,
                catalog::awaiting(read, UNFOLDED_SHOWN)?,
            ))
        })
        .await?;
    let nodes = known.rows_by(&page, order);
    render(&FederationPage {
        entries: known.heads.iter().map(|head| head.size).sum(),
        topology: nodes::picture(&page, &nodes),
        digest: hex::encode(digest),
        nodes,
        order,
        fold,
        unfolded: [("quarantined", quarantined), ("awaiting", awaiting)],
        page,
    })
}
