//! The catalog page: search, facets with counts, chips, order and pages.

use std::collections::BTreeMap;

use actix_web::{
    HttpResponse,
    web::{Data, Query},
};
use askama::Template;
use lianshi_store::catalog;

use crate::{
    WebState,
    filters::{Choice, Facet, Filters, Pages, Words},
    listing::Card,
    nodes,
    page::{Page, render},
    problem::Problem,
};

#[derive(Template)]
#[template(path = "catalog.html")]
struct CatalogPage {
    heading: String,
    question: String,
    kept: Vec<(&'static str, String)>,
    facets: Vec<Facet>,
    chips: Vec<Choice>,
    sorts: Vec<Choice>,
    total: u64,
    cards: Vec<Card>,
    pages: Pages,
    page: Page,
}

/// `GET /catalog`
pub async fn show(
    page: Page,
    state: Data<WebState>,
    parameters: Query<BTreeMap<String, String>>,
) -> Result<HttpResponse, Problem> {
    let filters = Filters::parse(&parameters);
    let (asked, now) = (filters.clone(), page.now);
    let (found, members) = state
        .read(move |read| {
            let mut found = catalog::search(read, &asked.query(now))?;
            if found.page > found.pages {
                found = catalog::search(read, &asked.first_page().query(now))?;
            }
            Ok((found, lianshi_store::members::all(read)?))
        })
        .await?;
    let titles = nodes::titles(&page, &members);
    let divisions = nodes::divisions(&page, &found.facets.division);
    let words = Words { page: &page, nodes: &titles, divisions: &divisions };
    let question = filters.question().to_owned();
    let heading = if question.is_empty() {
        page.t("catalog-title")
    } else {
        page.t1("catalog-title-for", "question", &question)
    };
    render(&CatalogPage {
        heading,
        kept: filters.kept(),
        facets: filters.facets(&words, &found.facets),
        chips: filters.chips(&words),
        sorts: filters.sorts(&page),
        total: found.total,
        cards: found.items.iter().map(|hit| Card::new(&page, &titles, hit)).collect(),
        pages: filters.pages(found.page, found.pages),
        question,
        page,
    })
}
