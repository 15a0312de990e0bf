//! The operations port: `/healthz` (the process lives), `/readyz` (it can answer) and `/metrics`.
//! For the people who run the node; never reachable from outside.

use std::sync::OnceLock;

use actix_web::{HttpResponse, middleware::from_fn, web};
use lianshi_routes::{Access::Operations, NoPeople, Routes, head, headers};
use lianshi_store::{
    Fault, Site, outbox,
    overview::{self, LogState},
};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};

static RECORDER: OnceLock<Option<PrometheusHandle>> = OnceLock::new();

/// Starts counting, once in a process; without it the counters of all rooms cost nothing and show
/// nothing.
pub fn install_metrics() {
    RECORDER.get_or_init(|| PrometheusBuilder::new().install_recorder().ok());
}

/// Routes of the operations port.
pub fn configure(config: &mut web::ServiceConfig, site: Site) {
    config.service(
        routes()
            .scope(HttpResponse::NotFound)
            .app_data(web::Data::new(site))
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
    HttpResponse::Ok().content_type("text/plain").body("ok\n")
}

async fn readyz(site: web::Data<Site>) -> HttpResponse {
    let read = web::block(move || site.db.read(outbox::waiting)).await;
    match read {
        Ok(Ok(_)) => HttpResponse::Ok().content_type("text/plain").body("ready\n"),
        Ok(Err(fault)) => {
            tracing::error!(error = %fault, "not ready: the database does not answer");
            HttpResponse::ServiceUnavailable().content_type("text/plain").body("no database\n")
        }
        Err(_) => HttpResponse::ServiceUnavailable().content_type("text/plain").body("stopping\n"),
    }
}

async fn metrics(site: web::Data<Site>) -> HttpResponse {
    let node = site.node.to_string();
    let figures = web::block(move || {
        site.db.read(|read| Ok::<_, Fault>((outbox::waiting(read)?, overview::logs(read)?)))
    })
    .await;
    let mut text = match RECORDER.get() {
        Some(Some(recorder)) => recorder.render(),
        _ => String::new(),
    };
    if let Ok(Ok((waiting, logs))) = figures {
        text.push_str(&format!("lianshi_outbox_waiting{{node=\"{node}\"}} {waiting}\n"));
        for log in logs {
            text.push_str(&of_log(&node, &log));
        }
    }
    HttpResponse::Ok().content_type("text/plain; version=0.0.4").body(text)
}

/// The gauges of one log.
fn of_log(node: &str, log: &LogState) -> String {
    let gauges = [
        ("size", log.head.size),
        ("signed_size", log.head.checkpoint_size),
        ("settled_size", log.settled_size),
        ("cosignatures", log.cosignatures),
        ("lag", log.lag),
        ("quarantined", log.quarantined),
        ("forked", u64::from(log.forked)),
    ];
    let origin = &log.head.origin;
    let line = |(name, value): (&str, u64)| {
        format!("lianshi_log_{name}{{node=\"{node}\",origin=\"{origin}\"}} {value}\n")
    };
    gauges.map(line).concat()
}
