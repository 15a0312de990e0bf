//! What peers ask of this node, answered on blocking threads. How much of it one peer may have at a
//! time is bounded: an answer counts as long as it is not sent, so that whoever asks for much and
//! reads nothing is given nothing more. What is over a peer's quota is answered with `busy`.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use lianshi_registry::{
    id::NodeName,
    wire::{Answer, Request},
};
use libp2p::{
    PeerId,
    request_response::{InboundRequestId, ResponseChannel},
};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore, mpsc},
    time::Instant,
};

use super::{Serve, quota::Quota};

/// Requests worked on at once for all peers together: as many threads.
const SERVING_MAX: usize = 32;
/// Requests of one peer worked on, or answered and not sent yet. Others wait for them: an honest
/// peer pulls four ranges at a time, with nine requests each.
pub(super) const SERVING_PER_PEER_MAX: usize = 8;

/// An answer on its way to the stream.
pub(super) struct Ready {
    peer: PeerId,
    id: InboundRequestId,
    channel: ResponseChannel<Answer>,
    answer: Answer,
    /// Held until the answer is sent.
    slot: Option<OwnedSemaphorePermit>,
}

/// What one peer uses.
struct Used {
    quota: Quota,
    slots: Arc<Semaphore>,
}

/// Requests that came in.
pub(super) struct Serving {
    serve: Serve,
    all: Arc<Semaphore>,
    by_peer: BTreeMap<PeerId, Used>,
    unsent: HashMap<InboundRequestId, OwnedSemaphorePermit>,
    ready_in: mpsc::UnboundedSender<Ready>,
    ready: mpsc::UnboundedReceiver<Ready>,
}

impl Serving {
    pub(super) fn new(serve: Serve) -> Self {
        let (ready_in, ready) = mpsc::unbounded_channel();
        Self {
            serve,
            all: Arc::new(Semaphore::new(SERVING_MAX)),
            by_peer: BTreeMap::new(),
            unsent: HashMap::new(),
            ready_in,
            ready,
        }
    }

    /// Takes a request of a peer whose name is known, unless it is over its quota.
    pub(super) fn take(
        &mut self,
        (peer, node): (PeerId, NodeName),
        request: Request,
        (id, channel): (InboundRequestId, ResponseChannel<Answer>),
    ) {
        let used = self.by_peer.entry(peer).or_insert_with(|| Used {
            quota: Quota::default(),
            slots: Arc::new(Semaphore::new(SERVING_PER_PEER_MAX)),
        });
        let (ready, slots) = (self.ready_in.clone(), Arc::clone(&used.slots));
        if !used.quota.admit(Instant::now(), &request) {
            metrics::counter!("peer_over_quota_total", "peer" => node.to_string()).increment(1);
            let _ = ready.send(Ready { peer, id, channel, answer: Answer::Busy, slot: None });
            return;
        }
        let (serve, all) = (Arc::clone(&self.serve), Arc::clone(&self.all));
        tokio::spawn(async move {
            // Neither is ever closed. The first is waited for by this peer alone.
            let (Ok(slot), Ok(_thread)) = (slots.acquire_owned().await, all.acquire().await) else {
                return;
            };
            let Ok(answer) = tokio::task::spawn_blocking(move || serve(node, request)).await else {
                return;
            };
            let _ = ready.send(Ready { peer, id, channel, answer, slot: Some(slot) });
        });
    }

    /// Answers a peer that has no name here.
    pub(super) fn refuse(
        &self,
        id: InboundRequestId,
        channel: ResponseChannel<Answer>,
        peer: PeerId,
    ) {
        let answer = Answer::Refused("not a member".to_owned());
        let _ = self.ready_in.send(Ready { peer, id, channel, answer, slot: None });
    }

    /// The next answer to send.
    pub(super) async fn next(&mut self) -> Option<Ready> {
        self.ready.recv().await
    }

    /// An answer goes to its stream by `send`, which tells whether the asker is still there.
    pub(super) fn send(
        &mut self,
        ready: Ready,
        send: impl FnOnce(ResponseChannel<Answer>, Answer) -> bool,
    ) {
        if let (Some(used), Answer::Done(bytes)) =
            (self.by_peer.get_mut(&ready.peer), &ready.answer)
        {
            used.quota.charge(Instant::now(), bytes.len());
        }
        if send(ready.channel, ready.answer)
            && let Some(slot) = ready.slot
        {
            self.unsent.insert(ready.id, slot);
        }
    }

    /// An answer was sent, or never will be.
    pub(super) fn done(&mut self, id: InboundRequestId) {
        self.unsent.remove(&id);
    }

    /// A peer is no member any more.
    pub(super) fn forget(&mut self, peer: &PeerId) {
        self.by_peer.remove(peer);
    }
}
