//! What two nodes compare to know that they show the same catalog.

use actix_web::{HttpResponse, web::Data};
use lianshi_store::{catalog, log, quorum};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{WebState, problem::Problem};

/// The heads of all logs held here and the digest of the catalog folded from them.
#[derive(Debug, Serialize, ToSchema)]
pub struct CatalogDigest {
    /// Heads by origin.
    heads: Vec<LogHead>,
    /// Digest, hexadecimal: equal on every node that holds the same logs and folds them by the same
    /// version.
    digest: String,
    /// The version of the fold.
    fold_version: u32,
    /// False after an upgrade until all logs are folded by that version: the digest is none to be
    /// compared until then.
    folded: bool,
}

/// The head of one log as held here.
#[derive(Debug, Serialize, ToSchema)]
pub struct LogHead {
    /// The log.
    origin: String,
    /// Entries held.
    size: u64,
    /// Root over them, hexadecimal.
    root: String,
    /// `settled` by the quorum, `signed` by the log, or only `local`.
    state: &'static str,
    /// Since when, `YYYY-MM-DDTHH:MM:SSZ`.
    since: Option<String>,
    /// Entries the quorum cosigned.
    settled_size: u64,
}

/// Compare catalogs.
#[utoipa::path(get, path = "/api/v1/catalog/digest", tag = "catalog",
    responses((status = 200, body = CatalogDigest)))]
pub async fn digest(state: Data<WebState>) -> Result<HttpResponse, Problem> {
    let (heads, settled, digest, fold) = state
        .read(|read| {
            let (digest, fold) = (catalog::digest(read)?, catalog::fold_state(read)?);
            Ok((log::heads(read)?, quorum::all(read)?, digest, fold))
        })
        .await?;
    let head = |head: log::Head| {
        let settled = settled.iter().find(|settled| settled.origin == head.origin);
        let (reach, since) = quorum::reach(&head, settled);
        LogHead {
            origin: head.origin.to_string(),
            size: head.size,
            root: head.root.to_string(),
            state: reach.as_str(),
            since: since.map(|at| at.to_string()),
            settled_size: settled.map_or(0, |settled| settled.size),
        }
    };
    Ok(HttpResponse::Ok().json(CatalogDigest {
        heads: heads.into_iter().map(head).collect(),
        digest: hex::encode(digest),
        fold_version: fold.version,
        folded: fold.is_whole(),
    }))
}
