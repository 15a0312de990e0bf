//! Who may be connected to a listening port. Every connection takes a seat. Seats are bounded, for
//! the port and for each address, and whoever finds none takes the seat of the one that has kept
//! this node waiting longest: for the rest of a request, for the next one, or for room to send an
//! answer. A connection that is being worked for is never ended. So a thousand that say nothing
//! cost no more than the seats of their address, and whoever speaks gets in.

mod stream;
#[cfg(test)]
mod tests;

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, Weak,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    task::Waker,
};

use futures::task::AtomicWaker;
use ipnet::{IpNet, Ipv6Net};
use lianshi_store::address::Neighborhood;
use tokio::time::{Duration, Instant};

pub use stream::Seated;

/// Bits of an IPv6 address that tell a subscriber, as [`Neighborhood`] has them.
const SUBSCRIBER_BITS: u8 = 64;
/// Stands for "is not waited for".
const WORKED_FOR: u64 = u64::MAX;

/// How many seats there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// For the port.
    pub all: usize,
    /// For one address, unless it is favored.
    pub per_address: usize,
}

/// The seats of a port; cheap to clone.
#[derive(Clone)]
pub struct Seats(Arc<Inner>);

/// Seats as long as somebody else holds them.
pub struct WeakSeats(Weak<Inner>);

impl WeakSeats {
    /// The seats; `None` when the port is closed.
    pub fn upgrade(&self) -> Option<Seats> {
        self.0.upgrade().map(Seats)
    }
}

struct Inner {
    bounds: Bounds,
    began: Instant,
    taken: Mutex<Taken>,
}

#[derive(Default)]
struct Taken {
    next: u64,
    count: usize,
    by_address: BTreeMap<Neighborhood, BTreeMap<u64, Arc<State>>>,
    favored: Vec<IpNet>,
}

/// One connection, as seen by its own task and by whoever may end it.
struct State {
    /// Since when it is waited for, in milliseconds since the port was opened, or [`WORKED_FOR`].
    waits_since_ms: AtomicU64,
    remote: SocketAddr,
    is_over: AtomicBool,
    task: AtomicWaker,
}

impl State {
    fn end(&self) {
        self.is_over.store(true, Ordering::Release);
        self.task.wake();
    }

    /// Since when it is waited for.
    fn waits_since_ms(&self) -> Option<u64> {
        Some(self.waits_since_ms.load(Ordering::Relaxed)).filter(|since| *since != WORKED_FOR)
    }
}

impl Seats {
    /// Opens a port with so many.
    pub fn new(bounds: Bounds) -> Self {
        let taken = Mutex::new(Taken::default());
        Self(Arc::new(Inner { bounds, began: Instant::now(), taken }))
    }

    /// The same without holding them: for a task that ends with them.
    pub fn downgrade(&self) -> WeakSeats {
        WeakSeats(Arc::downgrade(&self.0))
    }

    /// Addresses that have no share of their own to keep to, and whose seats nobody from elsewhere
    /// takes: proxies that speak for many, and members that are expected.
    pub fn favor(&self, networks: impl IntoIterator<Item = IpNet>) {
        self.taken().favored = networks.into_iter().map(of_neighborhoods).collect();
    }

    /// Seats a connection from an address. `None` when there is no seat, and none that could be
    /// taken from another.
    pub fn enter(&self, remote: SocketAddr) -> Option<Seat> {
        self.enter_at(remote, self.now_ms())
    }

    fn enter_at(&self, remote: SocketAddr, now_ms: u64) -> Option<Seat> {
        let from = Neighborhood::of(remote.ip());
        let mut taken = self.taken();
        taken.make_room(from, self.0.bounds)?;
        let state = Arc::new(State {
            waits_since_ms: AtomicU64::new(now_ms),
            remote,
            is_over: AtomicBool::new(false),
            task: AtomicWaker::new(),
        });
        let number = taken.next;
        taken.next += 1;
        taken.count += 1;
        taken.by_address.entry(from).or_default().insert(number, Arc::clone(&state));
        drop(taken);
        Some(Seat(Presence { place: (from, number), seats: self.clone(), state }))
    }

    /// The connection from there has become what no seat is needed for, and is not ended any more.
    pub fn settle(&self, remote: SocketAddr) {
        let from = Neighborhood::of(remote.ip());
        let mut taken = self.taken();
        let seated = taken.by_address.get(&from).into_iter().flatten();
        let mut found =
            seated.filter(|(_, state)| state.remote == remote).map(|(number, _)| *number);
        if let Some(number) = found.next_back() {
            taken.leave((from, number));
        }
    }

    /// Ends every connection that is waited for longer than this.
    pub fn end_overdue(&self, patience: Duration) {
        let patience_ms = u64::try_from(patience.as_millis()).unwrap_or(u64::MAX);
        self.end_waiting_before(self.now_ms().saturating_sub(patience_ms));
    }

    fn end_waiting_before(&self, latest_ms: u64) {
        let mut taken = self.taken();
        let overdue: Vec<(Neighborhood, u64)> = taken
            .waiting()
            .filter(|(_, _, since_ms)| *since_ms < latest_ms)
            .map(|(from, number, _)| (from, number))
            .collect();
        for place in overdue {
            taken.end(place);
        }
    }

    fn taken(&self) -> MutexGuard<'_, Taken> {
        self.0.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now_ms(&self) -> u64 {
        u64::try_from(self.0.began.elapsed().as_millis()).unwrap_or(WORKED_FOR - 1)
    }
}

impl Taken {
    /// Sees to it that one more from there may enter; `None` when that cannot be.
    fn make_room(&mut self, from: Neighborhood, bounds: Bounds) -> Option<()> {
        let of_address = |taken: &Self| taken.by_address.get(&from).map_or(0, BTreeMap::len);
        if !self.favors(from) && of_address(self) >= bounds.per_address {
            let place = self.oldest_of(from)?;
            self.end(place);
        } else if self.count >= bounds.all {
            let place = self.oldest_of_fullest().or_else(|| self.oldest_of(from))?;
            self.end(place);
        }
        Some(())
    }

    /// The one at an address that is waited for longest.
    fn oldest_of(&self, from: Neighborhood) -> Option<(Neighborhood, u64)> {
        let seated = self.by_address.get(&from)?.iter();
        let waiting = seated.filter_map(|(number, state)| Some((state.waits_since_ms()?, number)));
        waiting.min().map(|(_, number)| (from, *number))
    }

    /// The one that is waited for longest at the address that holds most seats, favored ones apart.
    fn oldest_of_fullest(&self) -> Option<(Neighborhood, u64)> {
        let mut addresses: Vec<(usize, Neighborhood)> = self
            .by_address
            .iter()
            .filter(|(address, _)| !self.favors(**address))
            .map(|(address, seated)| (seated.len(), *address))
            .collect();
        addresses.sort_unstable();
        addresses.into_iter().rev().find_map(|(_, address)| self.oldest_of(address))
    }

    fn favors(&self, from: Neighborhood) -> bool {
        self.favored.iter().any(|network| network.contains(&from.first_address()))
    }

    fn waiting(&self) -> impl Iterator<Item = (Neighborhood, u64, u64)> {
        self.by_address.iter().flat_map(|(from, seated)| {
            let waiting = |(number, state): (&u64, &Arc<State>)| {
                Some((*from, *number, state.waits_since_ms()?))
            };
            seated.iter().filter_map(waiting)
        })
    }

    /// Ends a connection; its seat is free at once, its socket a moment later.
    fn end(&mut self, place: (Neighborhood, u64)) {
        if let Some(state) = self.leave(place) {
            state.end();
        }
    }

    fn leave(&mut self, (from, number): (Neighborhood, u64)) -> Option<Arc<State>> {
        let seated = self.by_address.get_mut(&from)?;
        let state = seated.remove(&number)?;
        self.count -= 1;
        if seated.is_empty() {
            self.by_address.remove(&from);
        }
        Some(state)
    }
}

/// The neighborhoods of a network: one within a /64 stands for all of it.
fn of_neighborhoods(network: IpNet) -> IpNet {
    match network {
        IpNet::V6(v6) if v6.prefix_len() > SUBSCRIBER_BITS => {
            Ipv6Net::new(v6.addr(), SUBSCRIBER_BITS).map_or(network, |net| net.trunc().into())
        }
        _ => network,
    }
}

/// A seat; free again when dropped.
pub struct Seat(Presence);

impl Seat {
    /// What may be told of the connection while somebody else holds it.
    pub fn presence(&self) -> Presence {
        self.0.clone()
    }

    fn is_over(&self) -> bool {
        self.0.state.is_over.load(Ordering::Acquire)
    }

    /// Whom to wake when it is over.
    fn listen(&self, task: &Waker) {
        self.0.state.task.register(task);
    }

    /// Some of an answer was taken by the other side.
    fn took_some(&self) {
        self.took_some_at(self.0.seats.now_ms());
    }

    fn took_some_at(&self, now_ms: u64) {
        if self.0.state.waits_since_ms().is_some() {
            self.0.waits_since(now_ms);
        }
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.0.seats.taken().leave(self.0.place);
    }
}

/// Tells of a connection what it is doing.
#[derive(Clone)]
pub struct Presence {
    place: (Neighborhood, u64),
    seats: Seats,
    state: Arc<State>,
}

impl Presence {
    /// The other side is to send or to take something, from now on.
    pub fn is_waited_for(&self) {
        self.waits_since(self.seats.now_ms());
    }

    fn waits_since(&self, now_ms: u64) {
        self.state.waits_since_ms.store(now_ms, Ordering::Relaxed);
    }

    /// This node has everything it needs and works; the connection is not ended.
    pub fn is_worked_for(&self) {
        self.state.waits_since_ms.store(WORKED_FOR, Ordering::Relaxed);
    }
}
