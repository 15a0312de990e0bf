//! What changed in the catalog since a moment, for whoever keeps a copy of it.

use actix_web::{
    HttpResponse,
    web::{Data, Query},
};
use lianshi_store::catalog::{self, Moment};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::catalog::ProductItem;
use crate::{
    WebState,
    page::Page,
    problem::{Problem, ProblemDetails},
};

/// Products told at once where nothing is asked for.
const SIZE: u32 = 100;

/// Since when.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ChangesQuery {
    /// The `as_of` of a list, or the `until` of the changes asked for before. Opaque; of this node.
    #[param(pattern = "^[0-9a-f]{1,12}\\.[0-9]{1,18}$")]
    since: String,
    /// Products at once, at most 100.
    #[serde(default)]
    #[param(minimum = 1, maximum = 100)]
    size: Option<u32>,
}

/// What changed.
#[derive(Debug, Serialize, ToSchema)]
pub struct CatalogChanges {
    /// Products that appeared or changed, as they are now, each once, oldest change first.
    items: Vec<ProductItem>,
    /// Numbers that no log speaks of any more.
    gone: Vec<String>,
    /// What a copy that took all of these is up to date with: ask with it next time.
    until: String,
    /// Whether there is more to ask for at once.
    more: bool,
}

/// Tell what changed. A moment that this node does not know, or no more because its catalog was
/// recovered, is 410: then list everything anew.
#[utoipa::path(get, path = "/api/v1/catalog/changes", tag = "catalog", params(ChangesQuery),
    operation_id = "list_changes",
    responses((status = 200, body = CatalogChanges), (status = 410, body = ProblemDetails,
        description = "This node does not know the moment, or no more: list everything anew.")))]
pub async fn changes(
    page: Page,
    state: Data<WebState>,
    query: Query<ChangesQuery>,
) -> Result<HttpResponse, Problem> {
    let ChangesQuery { since, size } = query.into_inner();
    if size.is_some_and(|size| size == 0 || size > 100) {
        return Err(Problem::Malformed("size is 1 to 100".to_owned()));
    }
    let unread = || Problem::Malformed("since is an `as_of` or an `until`".to_owned());
    let (since, wanted) = (Moment::parse(&since).ok_or_else(unread)?, size.unwrap_or(SIZE));
    let now = page.now;
    let found = state.read(move |read| catalog::changes(read, &since, (wanted, now))).await?;
    let found = found.ok_or(Problem::Gone)?;
    Ok(HttpResponse::Ok().json(CatalogChanges {
        items: found.items.iter().map(|hit| ProductItem::new(&page, hit)).collect(),
        gone: found.gone.iter().map(ToString::to_string).collect(),
        until: found.until.to_string(),
        more: found.more,
    }))
}
