//! The operations port: `/healthz` (the process lives), `/readyz` (it can answer) and `/metrics`.
//! For the people who run the node; never reachable from outside.

use std::sync::OnceLock;

use actix_web::{HttpResponse, web};
use lianshi_store::{Fault, Site, log, outbox, quorum};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};

static RECORDER: OnceLock<Option<PrometheusHandle>> = OnceLock::new();

/// Starts counting, once in a process; without it the counters of all rooms cost nothing and show
/// nothing.
pub fn install_metrics() {
    RECORDER.get_or_init(|| PrometheusBuilder::new().install_recorder().ok());
}

/// Routes of the operations port.
pub fn configure(config: &mut web::ServiceConfig, site: Site) {
    config
        .app_data(web::Data::new(site))
        .route("/healthz", web::get().to(healthz))
        .route("/readyz", web::get().to(readyz))
        .route("/metrics", web::get().to(metrics));
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
        site.db.read(|read| {
            Ok::<_, Fault>((outbox::waiting(read)?, log::heads(read)?, quorum::all(read)?))
        })
    })
    .await;
    let mut text = match RECORDER.get() {
        Some(Some(recorder)) => recorder.render(),
        _ => String::new(),
    };
    if let Ok(Ok((waiting, heads, settled))) = figures {
        text.push_str(&format!("lianshi_outbox_waiting{{node=\"{node}\"}} {waiting}\n"));
        for head in heads {
            text.push_str(&format!(
                "lianshi_log_size{{node=\"{node}\",origin=\"{}\"}} {}\n",
                head.origin, head.size
            ));
        }
        for settled in settled {
            text.push_str(&format!(
                "lianshi_log_settled_size{{node=\"{node}\",origin=\"{}\"}} {}\n",
                settled.origin, settled.size
            ));
        }
    }
    HttpResponse::Ok().content_type("text/plain; version=0.0.4").body(text)
}
