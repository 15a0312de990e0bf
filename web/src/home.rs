//! The first page: what this is, what is here, and where to begin.

use actix_web::HttpResponse;
use askama::Template;

use crate::{
    page::{Page, render},
    problem::Problem,
};

#[derive(Template)]
#[template(path = "home.html")]
struct Home {
    page: Page,
}

/// `GET /`
pub async fn show(page: Page) -> Result<HttpResponse, Problem> {
    render(&Home { page })
}
