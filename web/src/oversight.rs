//! The audit trail: who did what, and whether the chain of its rows is whole.

use actix_web::{HttpResponse, web};
use askama::Template;
use lianshi_registry::time::Timestamp;
use lianshi_store::audit::{self, AuditRow, Verdict};
use serde::Deserialize;

use crate::{
    WebState,
    page::{Page, render},
    problem::Problem,
};

/// Rows of one page.
const ROWS_MAX: usize = 50;

/// Which part of the trail.
#[derive(Debug, Deserialize)]
pub struct Wanted {
    #[serde(default)]
    before: Option<String>,
    #[serde(default)]
    verify: Option<String>,
}

#[derive(Template)]
#[template(path = "oversight/audit.html")]
struct AuditPage {
    page: Page,
    rows: Vec<AuditRow>,
    verdict: Option<Verdict>,
    older: Option<i64>,
}

impl AuditPage {
    fn at(&self, row: &AuditRow) -> String {
        self.page.time(&Timestamp::from_millis(row.at))
    }

    #[expect(clippy::unused_self, reason = "templates call methods of their page")]
    fn head(&self, hash: &[u8]) -> String {
        hex::encode(hash)
    }
}

/// `GET /audit`: the newest rows; with `?verify=1` the whole chain is recomputed.
pub async fn show(
    page: Page,
    state: web::Data<WebState>,
    wanted: web::Query<Wanted>,
) -> Result<HttpResponse, Problem> {
    let before = wanted.before.as_deref().and_then(|text| text.parse().ok());
    let verify = wanted.verify.is_some();
    let (rows, verdict) = state
        .read(move |read| {
            let limit = i64::try_from(ROWS_MAX).unwrap_or(i64::MAX);
            let rows = audit::newest(read, before, limit)?;
            let verdict = if verify { Some(audit::verify(read)?) } else { None };
            Ok((rows, verdict))
        })
        .await?;
    let older = if rows.len() == ROWS_MAX { rows.last().map(|row| row.seq) } else { None };
    render(&AuditPage { page, rows, verdict, older })
}
