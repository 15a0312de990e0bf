//! The gateway: the one door through which a product is called. A call passes, in this order, key,
//! subscription, entitlement, rate, engine, guard and meter; nothing is answered that has not been
//! recorded durably.

mod call;
mod denial;
mod engine;
mod headers;
mod limits;
mod meter;
mod problem;
mod rate;
mod refusal;
mod terms;

use std::sync::Arc;

use actix_web::{
    Error, HttpRequest, HttpResponse,
    dev::ServiceRequest,
    middleware::from_fn,
    web::{self, ServiceConfig},
};
use futures::future::LocalBoxFuture;
use lianshi_routes::{Access, Declared, Judge, NoPeople, Routes, head, headers as protection};
use lianshi_store::{Fault, Site};
use tokio::sync::Semaphore;

pub use refusal::CallRefusal;

use crate::{engine::Slots, meter::Meter, rate::Rates, terms::Terms};

/// The gateway of a node; cheap to clone, shared by all workers of a server.
#[derive(Clone)]
pub struct Gateway(Arc<Inner>);

struct Inner {
    site: Site,
    terms: Terms,
    rates: Rates,
    slots: Slots,
    bodies: Semaphore,
    meter: Meter,
}

impl Gateway {
    /// Starts the thread that records calls. One gateway of a node runs in one process; more of
    /// them on one PostgreSQL database take turns at the node's sequence of events.
    pub fn start(site: Site) -> Result<Self, Fault> {
        let meter = Meter::start(&site)?;
        Ok(Self(Arc::new(Inner {
            site,
            terms: Terms::default(),
            rates: Rates::default(),
            slots: Slots::default(),
            bodies: Semaphore::new(call::BODIES_MAX),
            meter,
        })))
    }
}

/// Adds `POST /call/<product>/<operation>` to a server.
pub fn configure(config: &mut ServiceConfig, gateway: Gateway) {
    config.service(
        routes()
            .scope(call::no_such_path)
            .app_data(web::Data::new(gateway))
            .wrap(from_fn(protection::secure))
            .wrap(from_fn(head::answer)),
    );
}

/// The routes of the gateway, declared: whoever holds a key of the product, which
/// `call.rs` verifies first.
pub fn routes() -> Routes<KeyHolders> {
    let mut routes = Routes::new("/call", KeyHolders);
    routes.post("/call/{product}/{operation}", Access::Proof, call::call);
    routes
}

/// The judge of calls: the handler itself asks for the key before anything else.
#[derive(Debug, Clone, Copy)]
pub struct KeyHolders;

impl Judge for KeyHolders {
    fn judge(
        self,
        request: &ServiceRequest,
        declared: Declared,
    ) -> LocalBoxFuture<'_, Result<(), Error>> {
        NoPeople.judge(request, declared)
    }

    fn wrong_method(self, request: &HttpRequest) -> HttpResponse {
        call::wrong_method(request)
    }
}
