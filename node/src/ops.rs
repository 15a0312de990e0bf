//! The operations port: `/healthz` (the process lives), `/readyz` (it can do its work) and
//! `/metrics`. For the people who run the node; never reachable from outside.

mod exposition;
mod readiness;

use std::sync::OnceLock;

use actix_web::{HttpRequest, HttpResponse, http::StatusCode, middleware::from_fn, web};
use lianshi_routes::{Access::Operations, NoPeople, Routes, head, headers};
use lianshi_store::{Fault, Site, audit, outbox, overview};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};

pub use self::readiness::Watch;
use self::{exposition::Figures, readiness::Verdict};

static RECORDER: OnceLock<Option<PrometheusHandle>> = OnceLock::new();

/// Starts counting, once in a process; without it the counters of all rooms cost nothing and show
/// nothing.
pub fn install_metrics() {
    RECORDER.get_or_init(|| {
        let recorder = PrometheusBuilder::new().install_recorder().ok();
        metrics::describe_counter!("gateway_calls_total", "Calls answered and recorded.");
        metrics::describe_counter!("gateway_refusals_total", "Calls refused, by code.");
        metrics::describe_counter!(
            "peer_over_quota_total",
            "Requests of a peer beyond its quota, answered with busy."
        );
        metrics::describe_counter!(
            "peer_refusals_total",
            "What a peer gave and was refused, by peer and code."
        );
        metrics::describe_gauge!(
            "lianshi_clock_ahead_seconds",
            "How far the time of this process is ahead of the clock that was set back."
        );
        recorder
    });
}

/// Routes of the operations port.
pub fn configure(config: &mut web::ServiceConfig, site: Site, watch: Watch) {
    config.service(
        routes()
            .scope(HttpResponse::NotFound)
            .app_data(web::Data::new(site))
            .app_data(web::Data::new(watch))
            .wrap(from_fn(headers::secure))
            .wrap(from_fn(head::answer)),
    );
}

/// Its routes, declared.
pub fn routes() -> Routes<NoPeople> {
    let mut routes = Routes::new("", NoPeople);
    routes
        .get("/healthz", Operations, healthz)
        .get("/readyz", Operations, readyz)
        .get("/metrics", Operations, metrics);
    routes
}

async fn healthz() -> HttpResponse {
    HttpResponse::Ok().content_type("text/plain; charset=utf-8").body("ok\n")
}

/// Green while the node can do its work. `?for=read` asks less: it is green also where the database
/// can only be read, on a full disk for example, with the same words.
async fn readyz(request: HttpRequest, watch: web::Data<Watch>) -> HttpResponse {
    let for_read = request.query_string() == "for=read";
    let verdict = watch.verdict().await;
    let is_green = match verdict {
        Verdict::Ready => true,
        Verdict::ReadOnly(_) => for_read,
        Verdict::NoDatabase(_) => false,
    };
    let status = if is_green { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let mut response = HttpResponse::build(status);
    response.content_type("text/plain; charset=utf-8").body(format!("{verdict}\n"))
}

async fn metrics(site: web::Data<Site>) -> HttpResponse {
    let node = site.node.to_string();
    let figures = web::block(move || {
        site.db.read(|read| {
            Ok::<_, Fault>(Figures {
                node,
                waiting: outbox::waiting(read)?.counted(),
                logs: overview::logs(read)?,
                trail_contradicted: audit::contradiction(read)?.is_some(),
            })
        })
    })
    .await;
    let mut text = match RECORDER.get() {
        Some(Some(recorder)) => recorder.render(),
        _ => String::new(),
    };
    // What the process counted is told also while the database does not answer.
    if let Ok(Ok(figures)) = figures {
        text.push_str(&figures.to_string());
    }
    HttpResponse::Ok().content_type("text/plain; version=0.0.4; charset=utf-8").body(text)
}
