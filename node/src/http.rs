//! How HTTP is served, on every port: so many connections, each with its time. A head, a body and
//! an answer have theirs, idle connections end, and whoever keeps this node waiting longest gives
//! way to others (`seats.rs`).

use std::{
    cell::Cell,
    future::poll_fn,
    io,
    net::SocketAddr,
    pin::{Pin, pin},
    rc::Rc,
    task::{Context, Poll},
};

use actix_http::{HttpServiceBuilder, error::DispatchError};
use actix_server::Server;
use actix_service::{IntoServiceFactory as _, ServiceFactoryExt as _, fn_service, map_config};
use actix_web::{
    App, Error, HttpMessage as _, HttpResponse,
    body::MessageBody,
    dev::{AppConfig, Payload, ServiceRequest, ServiceResponse},
    error::{InternalError, PayloadError},
    http::header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE, ContentType, X_CONTENT_TYPE_OPTIONS},
    middleware::{Next, from_fn},
    rt::net::TcpStream,
    web::{Bytes, ServiceConfig},
};
use anyhow::Context as _;
use futures::Stream;
use tokio::time::{Duration, Sleep, sleep};

use crate::seats::{Bounds, Presence, Seated, Seats, WeakSeats};

/// Time for the head of a first request: a few hundred bytes.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);
/// Time for a body, all of it: 64 KiB at most, so a modem would do. Calls have a shorter one of
/// their own (`gateway`).
const BODY_TIMEOUT: Duration = Duration::from_secs(15);
/// How long a connection may be idle between requests.
const IDLE_TIMEOUT: Duration = Duration::from_secs(15);
/// Longest anything is waited for: more than each of the above, and the pause a reader may make
/// while an answer is sent.
const PATIENCE: Duration = Duration::from_secs(20);
/// The least one address may hold: a browser opens six connections, a scraper two.
const SHARE_MIN: usize = 6;
/// How often is looked for those that took longer.
const LOOK: Duration = Duration::from_secs(1);
/// Time to part in good order, after an answer before the end of its request.
const PARTING_TIMEOUT: Duration = Duration::from_secs(1);
/// Longest a stopping server waits for answers under way: a call may wait for a place, its engine,
/// and a database that is locked, each for its time.
pub const STOP_SECONDS: u64 = 40;
/// What hears one whose body came too slowly.
const TOO_SLOW: &str = "请求体未能及时到达，连接已关闭。\n\
                        The request body did not arrive in time; the connection is closed.\n";

/// A port to serve.
pub struct Port<'a> {
    /// Where, such as `127.0.0.1:8800`.
    pub address: &'a str,
    /// Connections it may hold.
    pub connections: usize,
    /// Threads that answer.
    pub workers: usize,
}

/// Serves what `configure` adds, on a port with its seats, until the server is stopped.
pub fn serve<F>(port: &Port<'_>, seats: &Seats, configure: F) -> anyhow::Result<Server>
where
    F: Fn(&mut ServiceConfig) + Clone + Send + 'static,
{
    let builder = Server::build()
        .workers(port.workers)
        .shutdown_timeout(STOP_SECONDS)
        .max_concurrent_connections(port.connections.div_ceil(port.workers))
        .disable_signals();
    let stopping = builder.graceful_shutdown_signal();
    let looked_over = seats.downgrade();
    let seats = seats.clone();
    let listening = builder.bind("http", port.address, move || {
        let (seats, configure, stopping) = (seats.clone(), configure.clone(), stopping.clone());
        let app = App::new()
            .wrap(from_fn(attend))
            .configure(configure)
            .into_factory()
            .map_err(|error: Error| error.error_response());
        let http = HttpServiceBuilder::default()
            .graceful_shutdown_signal(move || {
                let stopping = stopping.clone();
                async move { stopping.notified().await }
            })
            .keep_alive(IDLE_TIMEOUT)
            .client_request_timeout(HEAD_TIMEOUT)
            .client_disconnect_timeout(PARTING_TIMEOUT)
            .on_connect_ext(|io: &Seated<TcpStream>, data| {
                if let Some(presence) = io.presence() {
                    data.insert(presence);
                }
            })
            .h1(map_config(app, |()| AppConfig::default()));
        fn_service(move |io: TcpStream| {
            let seats = seats.clone();
            // In the task of the connection, which reads at once: whoever has sent a request is
            // worked for before the next one is seated.
            async move { seat(io, &seats) }
        })
        .and_then(http)
    });
    let server = listening.with_context(|| port_advice(port.address))?.run();
    tokio::spawn(look_over(looked_over));
    Ok(server)
}

/// Seats for a port: a quarter of them for one address, so that three that behave badly leave room.
/// What the system holds beside them are connections that are about to close.
pub fn seats(connections: usize) -> Seats {
    let all = connections - connections / 8;
    Seats::new(Bounds { all, per_address: (all / 4).max(SHARE_MIN) })
}

fn port_advice(address: &str) -> String {
    format!("cannot listen on {address}; is another program using the port? Change node.toml")
}

type Connected = (Seated<TcpStream>, Option<SocketAddr>);

fn seat(io: TcpStream, seats: &Seats) -> Result<Connected, DispatchError> {
    let peer = io.peer_addr().map_err(DispatchError::Io)?;
    let Some(seat) = seats.enter(peer) else {
        metrics::counter!("http_connections_refused_total").increment(1);
        return Err(DispatchError::Io(io::ErrorKind::QuotaExceeded.into()));
    };
    Ok((Seated::new(io, seat), Some(peer)))
}

/// Ends what takes too long, as long as the port is open.
async fn look_over(port: WeakSeats) {
    while let Some(seats) = port.upgrade() {
        seats.end_overdue(PATIENCE);
        drop(seats);
        sleep(LOOK).await;
    }
}

/// Tells the connection's seat what it is doing, and gives a body its time.
async fn attend<B: MessageBody>(
    mut request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<B>, Error> {
    // Without a seat there is no connection, as in tests of single handlers.
    let Some(presence) = request.conn_data::<Presence>().cloned() else {
        return next.call(request).await;
    };
    let payload = request.take_payload();
    if matches!(payload, Payload::None) {
        presence.is_worked_for();
        let answer = next.call(request).await;
        presence.is_waited_for();
        return answer;
    }
    presence.is_waited_for();
    let arrived = Rc::new(Cell::new(false));
    let body = Arriving { payload, arrived: Rc::clone(&arrived), presence: presence.clone() };
    request.set_payload(Payload::Stream { payload: Box::pin(body) });
    let answer = in_time(next.call(request), &arrived).await;
    presence.is_waited_for();
    answer.unwrap_or_else(|| Err(too_slow()))
}

/// The answer, unless the body does not arrive before its time is over.
async fn in_time<T>(answer: impl Future<Output = T>, arrived: &Cell<bool>) -> Option<T> {
    let mut answer = pin!(answer);
    // Made only when something is waited for: most bodies arrive with their heads.
    let mut timer: Option<Pin<Box<Sleep>>> = None;
    poll_fn(|context| {
        if let Poll::Ready(answer) = answer.as_mut().poll(context) {
            return Poll::Ready(Some(answer));
        }
        if arrived.get() {
            return Poll::Pending;
        }
        let timer = timer.get_or_insert_with(|| Box::pin(sleep(BODY_TIMEOUT)));
        timer.as_mut().poll(context).map(|()| None)
    })
    .await
}

fn too_slow() -> Error {
    let answer = HttpResponse::RequestTimeout()
        .insert_header((CONTENT_TYPE, ContentType::plaintext()))
        .insert_header((X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .insert_header((CONTENT_SECURITY_POLICY, "default-src 'none'"))
        .force_close()
        .body(TOO_SLOW);
    InternalError::from_response("a body was too slow", answer).into()
}

/// A body that tells when all of it is here.
struct Arriving {
    payload: Payload,
    arrived: Rc<Cell<bool>>,
    presence: Presence,
}

impl Stream for Arriving {
    type Item = Result<Bytes, PayloadError>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let next = Pin::new(&mut self.payload).poll_next(context);
        if let Poll::Ready(None | Some(Err(_))) = next {
            self.arrived.set(true);
            self.presence.is_worked_for();
        }
        next
    }
}

impl Drop for Arriving {
    // Nobody reads the rest: then it is not waited for either.
    fn drop(&mut self) {
        self.arrived.set(true);
    }
}
