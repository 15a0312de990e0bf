//! Logs as static resources, exactly as C2SP tlog-tiles says: the node's own and every replica
//! under `/log/<node>/<generation>/`. Plain bytes, no redirects, 404 for what is missing; tiles and
//! bundles never change and may be kept for ever, the checkpoint may never be kept.

use actix_web::{
    HttpResponse,
    http::{
        StatusCode,
        header::{self, HeaderName, HeaderValue},
    },
    middleware::{Compress, from_fn},
    web,
};
use lianshi_registry::{id::NodeName, tile::Coordinate};
use lianshi_routes::{Access::Everyone, NoPeople, Routes, head, headers};
use lianshi_store::{Fault, Read, log};

use crate::{
    WebState,
    problem::{chain, fault_retry_seconds},
};

/// A full tile, a partial one and a bundle are each immutable: a wider one has another path.
const KEPT: &str = "public, max-age=31536000, immutable";
/// Anyone must see the newest checkpoint.
const NOT_KEPT: &str = "no-cache";
/// Verifiers may run in pages of other sites; everything here is public.
const ANY_SITE: [(HeaderName, &str); 2] = [
    (header::ACCESS_CONTROL_ALLOW_ORIGIN, "*"),
    (HeaderName::from_static("cross-origin-resource-policy"), "cross-origin"),
];

/// Adds `/log/…`.
pub fn configure(cfg: &mut web::ServiceConfig, state: WebState) {
    let scope = routes().scope(|| async { plain(StatusCode::NOT_FOUND) });
    cfg.service(
        scope
            .app_data(web::Data::new(state))
            .wrap(from_fn(headers::secure))
            .wrap(Compress::default())
            .wrap(from_fn(head::answer)),
    );
}

/// The routes of logs, declared.
pub fn routes() -> Routes<NoPeople> {
    let mut routes = Routes::new("/log", NoPeople);
    routes.get("/log/{node}/{generation}/checkpoint", Everyone, checkpoint).get(
        "/log/{node}/{generation}/{tile:tile/.*}",
        Everyone,
        tile,
    );
    routes
}

async fn checkpoint(state: web::Data<WebState>, path: web::Path<(String, String)>) -> HttpResponse {
    let (node, generation) = path.into_inner();
    let found = find(state, node, generation, log::checkpoint).await;
    answer(found, ("text/plain; charset=utf-8", NOT_KEPT))
}

async fn tile(
    state: web::Data<WebState>,
    path: web::Path<(String, String, String)>,
) -> HttpResponse {
    let (node, generation, tile) = path.into_inner();
    let Ok(place) = Coordinate::parse(&tile) else { return plain(StatusCode::NOT_FOUND) };
    let found = find(state, node, generation, move |read, node, generation| {
        match log::origin(read, node, generation)? {
            Some(origin) => log::tile(read, &origin, place),
            None => Ok(None),
        }
    });
    answer(found.await, ("application/octet-stream", KEPT))
}

/// The node and generation of an address. A number has one form.
pub(crate) fn named(node: &str, generation: &str) -> Option<(NodeName, u32)> {
    let number = generation.parse::<u32>().ok().filter(|n| n.to_string() == generation)?;
    Some((NodeName::parse(node).ok()?, number))
}

/// Reads off the async threads. A path that cannot name a log finds nothing.
async fn find<T: Send + 'static>(
    state: web::Data<WebState>,
    node: String,
    generation: String,
    f: impl FnOnce(&mut Read<'_>, &NodeName, u32) -> Result<Option<T>, Fault> + Send + 'static,
) -> Result<Option<T>, Fault> {
    let Some((node, number)) = named(&node, &generation) else { return Ok(None) };
    let db = state.site.db.clone();
    let found = web::block(move || db.read(|read| f(read, &node, number))).await;
    found.unwrap_or_else(|_| Err(Fault::Connection("the process is stopping".to_owned())))
}

fn answer(
    found: Result<Option<impl Into<Vec<u8>>>, Fault>,
    (content_type, cache): (&'static str, &'static str),
) -> HttpResponse {
    match found {
        Ok(Some(bytes)) => {
            let mut response = HttpResponse::Ok();
            for pair in ANY_SITE {
                response.insert_header(pair);
            }
            response
                .insert_header((header::CONTENT_TYPE, content_type))
                .insert_header((header::CACHE_CONTROL, cache))
                .body(bytes.into())
        }
        Ok(None) => plain(StatusCode::NOT_FOUND),
        Err(fault) => failed(&fault, "a log could not be read"),
    }
}

/// The answer where a fault is in the way: when to come back, or nothing but that it is in our log.
pub(crate) fn failed(fault: &Fault, what: &'static str) -> HttpResponse {
    let Some(seconds) = fault_retry_seconds(fault) else {
        tracing::error!(chain = chain(fault), "{what}");
        return plain(StatusCode::INTERNAL_SERVER_ERROR);
    };
    let mut response = plain(StatusCode::SERVICE_UNAVAILABLE);
    response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    response
}

pub(crate) fn plain(status: StatusCode) -> HttpResponse {
    let reason = status.canonical_reason().unwrap_or("error");
    HttpResponse::build(status)
        .insert_header((header::CONTENT_TYPE, "text/plain; charset=utf-8"))
        .insert_header((header::CACHE_CONTROL, NOT_KEPT))
        .body(format!("{reason}\n"))
}

#[cfg(test)]
mod tests;
