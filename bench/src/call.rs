//! Metered calls beside nginx. The same requests, by the same load generator (wrk), go to the
//! gateway, which checks a key, answers from a data set and records the call durably, and to nginx,
//! which proxies a bare service that answers from the same data set and records nothing. What the
//! gateway reaches of nginx is the price of the market.

mod load;
mod proxy;
mod world;

use std::{net::SocketAddr, path::PathBuf};

use actix_web::{App, HttpResponse, HttpServer, dev::ServerHandle, web};
use anyhow::{Context as _, ensure};
use clap::Args;
use lianshi_gateway::Gateway;
use lianshi_store::{Fault, datasets};
use serde_json::{Value, json};

use crate::{disk::fdatasync, report::Report};
use load::{Figures, Load};
use proxy::Nginx;
use world::World;

/// Threads of each server: the gateway and the bare service are given the same.
const WORKERS: usize = 2;

/// Metered calls with several callers, beside nginx proxying the same upstream.
#[derive(Debug, Args)]
pub struct Call {
    /// Seconds of each run.
    #[arg(long, default_value_t = 10)]
    seconds: u64,
    /// Callers at the same time, one pair of runs for each number.
    #[arg(long, value_delimiter = ',', default_value = "1,16,64")]
    callers: Vec<usize>,
    /// URL of an empty PostgreSQL database; a fresh SQLite file when not given.
    #[arg(long)]
    database: Option<String>,
    /// Where the data folder is made; the disk that is measured.
    #[arg(long, default_value = ".")]
    folder: PathBuf,
}

impl Call {
    /// Runs it.
    pub fn run(self) -> anyhow::Result<()> {
        let folder = tempfile::tempdir_in(&self.folder)?;
        let world = World::new(folder.path(), self.database.as_deref())?;
        let probe = fdatasync(folder.path())?;
        let rows = actix_web::rt::System::new().block_on(self.measure(&world, folder.path()))?;
        Report {
            name: "call",
            what: format!(
                "Metered calls of {} seconds each beside nginx proxying the same upstream.",
                self.seconds
            ),
            fdatasync: probe,
            rows,
        }
        .print()
    }

    async fn measure(
        &self,
        world: &World,
        folder: &std::path::Path,
    ) -> anyhow::Result<Vec<Vec<(&'static str, Value)>>> {
        let (gateway, gateway_handle) = serve_gateway(world)?;
        let (upstream, upstream_handle) = serve_upstream(world)?;
        let nginx = Nginx::start(folder, upstream).await?;
        let mut rows = Vec::new();
        for callers in &self.callers {
            let load = Load { callers: *callers, seconds: self.seconds, world };
            // Once without being counted: connections, caches and files warm up on both sides.
            load.warm(gateway).await?;
            load.warm(nginx.address()).await?;
            let proxied = load.run(nginx.address()).await?;
            let before = world.calls_metered()?;
            let metered = load.run(gateway).await?;
            let recorded = world.calls_metered()? - before;
            ensure!(
                recorded >= metered.answered,
                "{} calls were answered but only {recorded} recorded",
                metered.answered
            );
            rows.push(row(*callers, &metered, &proxied));
        }
        gateway_handle.stop(false).await;
        upstream_handle.stop(false).await;
        Ok(rows)
    }
}

fn row(callers: usize, metered: &Figures, proxied: &Figures) -> Vec<(&'static str, Value)> {
    vec![
        ("callers", json!(callers)),
        ("calls_s", json!(metered.per_second)),
        ("p50_ms", json!(metered.p50_ms)),
        ("p99_ms", json!(metered.p99_ms)),
        ("nginx_s", json!(proxied.per_second)),
        ("nginx_p50_ms", json!(proxied.p50_ms)),
        ("nginx_p99_ms", json!(proxied.p99_ms)),
        ("percent_of_nginx", json!(100.0 * metered.per_second / proxied.per_second)),
    ]
}

fn serve_gateway(world: &World) -> anyhow::Result<(SocketAddr, ServerHandle)> {
    let gateway = Gateway::start(world.site.clone())?;
    let app = move || {
        let gateway = gateway.clone();
        App::new().configure(|config| lianshi_gateway::configure(config, gateway))
    };
    let server = HttpServer::new(app).workers(WORKERS).disable_signals().bind("127.0.0.1:0")?;
    let address = *server.addrs().first().context("no address")?;
    let server = server.run();
    let handle = server.handle();
    actix_web::rt::spawn(server);
    Ok((address, handle))
}

/// The bare service: the same look into the same data set on the same kind of server, with no key,
/// no guard and no meter.
fn serve_upstream(world: &World) -> anyhow::Result<(SocketAddr, ServerHandle)> {
    let site = world.site.clone();
    let product = world.product.to_string();
    let known = site.db.read(|read| datasets::dataset(read, &product, world::OPERATION))?;
    let shared = web::Data::new((site, known.context("the data set is loaded")?));
    let app = move || {
        App::new().app_data(web::Data::clone(&shared)).default_service(web::post().to(bare_answer))
    };
    let server = HttpServer::new(app).workers(WORKERS).disable_signals().bind("127.0.0.1:0")?;
    let address = *server.addrs().first().context("no address")?;
    let server = server.run();
    let handle = server.handle();
    actix_web::rt::spawn(server);
    Ok((address, handle))
}

async fn bare_answer(
    shared: web::Data<(lianshi_store::Site, datasets::Dataset)>,
    request: web::Json<Value>,
) -> HttpResponse {
    let code = request.get("code").and_then(Value::as_str).unwrap_or_default().to_owned();
    let found = web::block(move || {
        let (site, dataset) = shared.get_ref();
        site.db.read(|read| datasets::rows(read, dataset, &code, 1))
    });
    let rows: Result<Vec<Vec<String>>, Fault> = match found.await {
        Ok(rows) => rows,
        Err(_) => return HttpResponse::ServiceUnavailable().finish(),
    };
    match rows {
        Ok(rows) => {
            let result = if rows.is_empty() { "not_found" } else { "match" };
            HttpResponse::Ok().json(json!({ "data": { "result": result } }))
        }
        Err(_) => HttpResponse::ServiceUnavailable().finish(),
    }
}
