//! The first page: what this is, what is here, and where to begin.

use actix_web::{HttpResponse, web::Data};
use askama::Template;
use lianshi_registry::catalog::ObjectKind;
use lianshi_store::catalog::{self, Query, Sort};

use crate::{
    WebState,
    listing::Card,
    nodes::{self, Known, NodeRow},
    page::{Page, render},
    problem::Problem,
    topology::Topology,
};

/// Newest products shown: two rows of three.
const NEWEST: u32 = 6;

#[derive(Template)]
#[template(path = "home.html")]
struct Home {
    products: u64,
    resources: u64,
    newest: Vec<Card>,
    sectors: Vec<Sector>,
    nodes: Vec<NodeRow>,
    topology: Topology,
    page: Page,
}

/// A sector with its listings.
struct Sector {
    value: String,
    label: String,
    count: u64,
}

/// `GET /`
pub async fn show(page: Page, state: Data<WebState>) -> Result<HttpResponse, Problem> {
    let now = page.now;
    let (known, found, resources) = state
        .read(move |read| {
            let query = Query { size: NEWEST, sort: Sort::Newest, now, ..Query::default() };
            Ok((
                Known::load(read, now)?,
                catalog::search(read, &query)?,
                catalog::count(read, ObjectKind::Resource)?,
            ))
        })
        .await?;
    let titles = nodes::titles(&page, &known.members);
    let rows = known.rows(&page);
    render(&Home {
        products: found.total,
        resources,
        newest: found.items.iter().map(|hit| Card::new(&page, &titles, hit)).collect(),
        sectors: found
            .facets
            .sector
            .iter()
            .map(|value| Sector {
                label: page.word("sector", &value.value),
                value: value.value.clone(),
                count: value.count,
            })
            .collect(),
        topology: nodes::picture(&page, &rows),
        nodes: rows.into_iter().filter(|row| row.status == "active").collect(),
        page,
    })
}
