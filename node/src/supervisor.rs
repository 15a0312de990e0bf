//! What starts and stops a serving process: its signals, and word to systemd where that waits for
//! it (`Type=notify`).

use std::{
    env, fs,
    os::{
        linux::net::SocketAddrExt as _,
        unix::net::{SocketAddr, UnixDatagram},
    },
};

use anyhow::Context as _;
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::journal;

/// The signals a serving process hears. From the moment this exists none of them kills it.
pub struct Signals {
    interrupt: Signal,
    terminate: Signal,
    hang_up: Signal,
    /// Somebody started it with `nohup`: the end of the terminal is not its end.
    outlives_terminal: bool,
}

impl Signals {
    /// Begins to listen.
    pub fn listen() -> anyhow::Result<Self> {
        let outlives_terminal = ignores_hang_up();
        let of = |kind| signal(kind).context("cannot listen to signals");
        Ok(Self {
            interrupt: of(SignalKind::interrupt())?,
            terminate: of(SignalKind::terminate())?,
            hang_up: of(SignalKind::hangup())?,
            outlives_terminal,
        })
    }

    /// Waits until the process is to stop: Ctrl-C, SIGTERM, or SIGHUP of a terminal that goes away.
    /// With a log file SIGHUP begins that file anew, as programs that rotate logs expect.
    pub async fn stop(&mut self) {
        loop {
            tokio::select! {
                _ = self.interrupt.recv() => return,
                _ = self.terminate.recv() => return,
                _ = self.hang_up.recv() => {
                    if !journal::reopen() && !self.outlives_terminal {
                        return;
                    }
                }
            }
        }
    }

    /// Does this unless it is to stop before; `None` then.
    pub async fn unless_stopped<T>(&mut self, work: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            done = work => Some(done),
            () = self.stop() => None,
        }
    }
}

/// Whether SIGHUP was ignored when the process began.
fn ignores_hang_up() -> bool {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = ignored.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    // The first bit is the first signal, which is SIGHUP.
    mask.is_some_and(|mask| mask & 1 == 1)
}

/// Everything answers.
pub fn tell_ready() {
    tell("READY=1");
}

/// Nothing new is taken in.
pub fn tell_stopping() {
    tell("STOPPING=1");
}

/// Says it where systemd asked to hear it.
fn tell(state: &str) {
    let Some(socket) = env::var_os("NOTIFY_SOCKET") else { return };
    let address = match socket.as_encoded_bytes() {
        [b'@', name @ ..] => SocketAddr::from_abstract_name(name),
        _ => SocketAddr::from_pathname(&socket),
    };
    let sent = address
        .and_then(|address| UnixDatagram::unbound()?.send_to_addr(state.as_bytes(), &address));
    if let Err(error) = sent {
        tracing::warn!(%error, state, "the supervisor could not be told");
    }
}
