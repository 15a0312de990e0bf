//! The witness over HTTP, exactly as C2SP tlog-witness says: `POST /witness/add-checkpoint`, and
//! `GET /witness/<SHA-256 of the origin>/checkpoint` for monitors. Whoever submits proves itself by
//! the log's signature alone.

use actix_web::{
    HttpRequest, HttpResponse, http::StatusCode, http::header, middleware::from_fn, web,
};
use lianshi_registry::witness::SUBMISSION_BYTES_MAX;
use lianshi_routes::{
    Access::{Everyone, Proof},
    NoPeople, Routes, head, headers, proxies,
};
use lianshi_store::{
    Fault, Site,
    witness::{self, Answer},
};

use tokio::time::Instant;

use crate::{
    WebState,
    logs::{failed, plain},
};

/// Adds `/witness/…`.
pub fn configure(cfg: &mut web::ServiceConfig, state: WebState) {
    let scope = routes().scope(|| async { plain(StatusCode::NOT_FOUND) });
    cfg.service(
        scope
            .app_data(web::Data::new(state))
            .app_data(web::PayloadConfig::new(SUBMISSION_BYTES_MAX))
            .wrap(from_fn(headers::secure))
            .wrap(from_fn(head::answer)),
    );
}

/// The routes of the witness, declared.
pub fn routes() -> Routes<NoPeople> {
    let mut routes = Routes::new("/witness", NoPeople);
    routes.post("/witness/add-checkpoint", Proof, add_checkpoint).get(
        "/witness/{origin_hash}/checkpoint",
        Everyone,
        checkpoint,
    );
    routes
}

async fn add_checkpoint(
    request: HttpRequest,
    state: web::Data<WebState>,
    body: web::Bytes,
) -> HttpResponse {
    let address = proxies::client(&request);
    if address.is_some_and(|address| !state.submissions.take(address, Instant::now())) {
        return answer(Ok(too_many()));
    }
    answer(run(&state, move |site| witness::submit(site, &body)).await)
}

async fn checkpoint(state: web::Data<WebState>, path: web::Path<String>) -> HttpResponse {
    let origin_hash = path.into_inner();
    let found = run(&state, move |site| {
        let note = site.db.read(|read| witness::cosigned(read, &origin_hash))?;
        Ok(note.map_or_else(missing, |body| Answer { status: 200, content_type: TEXT, body }))
    });
    answer(found.await)
}

/// The type of checkpoints and sentences.
const TEXT: &str = "text/plain; charset=utf-8";

fn missing() -> Answer {
    Answer { status: 404, content_type: TEXT, body: "never cosigned\n".to_owned() }
}

fn too_many() -> Answer {
    let body = "too many submissions from this address; try again in a second\n".to_owned();
    Answer { status: 429, content_type: TEXT, body }
}

/// Runs off the async threads.
async fn run(
    state: &WebState,
    f: impl FnOnce(&Site) -> Result<Answer, Fault> + Send + 'static,
) -> Result<Answer, Fault> {
    let site = state.site.clone();
    let done = web::block(move || f(&site)).await;
    done.unwrap_or_else(|_| Err(Fault::Connection("the process is stopping".to_owned())))
}

fn answer(answered: Result<Answer, Fault>) -> HttpResponse {
    match answered {
        Ok(Answer { status, content_type, body }) => {
            let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            HttpResponse::build(status)
                .insert_header((header::CONTENT_TYPE, content_type))
                .insert_header((header::CACHE_CONTROL, "no-store"))
                .insert_header((header::X_CONTENT_TYPE_OPTIONS, "nosniff"))
                .body(body)
        }
        Err(fault) => failed(&fault, "the witness could not answer"),
    }
}

#[cfg(test)]
mod tests;
