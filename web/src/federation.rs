//! The federation page: who is a node, how much of each log is held here, how old it is, and the
//! digest by which any two nodes can see that they show the same catalog.

use std::collections::BTreeMap;

use actix_web::{
    HttpResponse,
    web::{Data, Query},
};
use askama::Template;
use lianshi_store::catalog::{self, Quarantined};

use crate::{
    WebState,
    nodes::{self, Known, NodeRow, Order},
    page::{Page, render},
    problem::Problem,
    topology::Topology,
};

/// Quarantined entries shown: whoever needs more reads the log.
const QUARANTINED_SHOWN: i64 = 20;

#[derive(Template)]
#[template(path = "federation.html")]
struct FederationPage {
    nodes: Vec<NodeRow>,
    order: Order,
    entries: u64,
    digest: String,
    quarantined: Vec<Quarantined>,
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
    let (known, digest, quarantined) = state
        .read(move |read| {
            Ok((
                Known::load(read, now)?,
                catalog::digest(read)?,
                catalog::quarantined(read, QUARANTINED_SHOWN)?,
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
        quarantined,
        page,
    })
}
