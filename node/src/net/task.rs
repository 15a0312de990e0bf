//! The loop of the swarm: commands in, events out. Inbound requests run on blocking threads, a
//! bounded number at a time.

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
};

use futures::StreamExt as _;
use lianshi_registry::{
    id::NodeName,
    key::KeyPair,
    wire::{Answer, Request},
};
use libp2p::{
    Multiaddr, PeerId, Swarm, identify, ping,
    request_response::{self, Message, OutboundRequestId},
    swarm::{SwarmEvent, dial_opts::DialOpts},
};
use tokio::{
    sync::{Mutex, mpsc, oneshot, watch},
    time::{Duration, Instant, MissedTickBehavior, interval},
};

use super::{
    LinkEvent, NetError, NetHandle, Serve,
    handle::Command,
    link::Links,
    serving::Serving,
    swarm::{Behaviour, BehaviourEvent, build},
    transport::Port,
};

/// Commands waiting for the loop; senders wait beyond that.
const COMMANDS_MAX: usize = 256;
/// Requests that wait for one peer to be dialed.
const PARKED_PER_PEER_MAX: usize = 16;
/// How often links are looked over.
const DIAL_TICK: Duration = Duration::from_millis(250);
/// Pause before a swarm that panicked is built again.
const RESTART_PAUSE: Duration = Duration::from_secs(1);

/// What a swarm and its successors after a panic share.
struct Shared {
    commands: Mutex<mpsc::Receiver<Command>>,
    events: mpsc::UnboundedSender<LinkEvent>,
    connected: watch::Sender<BTreeSet<NodeName>>,
    links: Mutex<Links>,
    serve: Serve,
    port: Port,
}

pub(super) fn spawn(
    identity: KeyPair,
    port: Port,
    swarm: Swarm<Behaviour>,
    serve: Serve,
) -> (NetHandle, mpsc::UnboundedReceiver<LinkEvent>) {
    let (commands_in, commands) = mpsc::channel(COMMANDS_MAX);
    let (events, events_out) = mpsc::unbounded_channel();
    let (connected, connected_out) = watch::channel(BTreeSet::new());
    let shared = Arc::new(Shared {
        commands: Mutex::new(commands),
        events,
        connected,
        links: Mutex::new(Links::default()),
        serve,
        port,
    });
    tokio::spawn(supervise(identity, swarm, shared));
    (NetHandle { commands: commands_in, connected: connected_out }, events_out)
}

async fn supervise(identity: KeyPair, swarm: Swarm<Behaviour>, shared: Arc<Shared>) {
    let mut next = Some(swarm);
    loop {
        if let Some(swarm) = next.take() {
            let run = tokio::spawn(Loop::new(swarm, Arc::clone(&shared)).run());
            match run.await {
                Ok(()) => return,
                Err(error) => tracing::error!(%error, "the peer network failed and is restarted"),
            }
        }
        for node in shared.connected.send_replace(BTreeSet::new()) {
            let _ = shared.events.send(LinkEvent::Disconnected(node));
        }
        tokio::time::sleep(RESTART_PAUSE).await;
        match build(&identity, &shared.port) {
            Ok(swarm) => next = Some(swarm),
            Err(error) => tracing::error!(%error, "the peer network could not be restarted"),
        }
    }
}

type Waiting = oneshot::Sender<Result<Answer, NetError>>;

/// A request that waits for a connection.
struct Parked {
    to: NodeName,
    request: Request,
    answer: Waiting,
}

struct Loop {
    swarm: Swarm<Behaviour>,
    shared: Arc<Shared>,
    waiting: HashMap<OutboundRequestId, Waiting>,
    /// Requests to peers that are being dialed for them.
    parked: HashMap<PeerId, Vec<Parked>>,
    serving: Serving,
    introduced: BTreeSet<PeerId>,
}

impl Loop {
    fn new(swarm: Swarm<Behaviour>, shared: Arc<Shared>) -> Self {
        let serving = Serving::new(Arc::clone(&shared.serve));
        Self {
            swarm,
            shared,
            waiting: HashMap::new(),
            parked: HashMap::new(),
            serving,
            introduced: BTreeSet::new(),
        }
    }

    async fn run(mut self) {
        let shared = Arc::clone(&self.shared);
        let mut commands = shared.commands.lock().await;
        let mut links = shared.links.lock().await;
        for peer in links.ids() {
            self.swarm.behaviour_mut().allowed.allow_peer(peer);
        }
        let mut tick = interval(DIAL_TICK);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                command = commands.recv() => match command {
                    Some(Command::Stop) | None => return,
                    Some(command) => self.obey(command, &mut links),
                },
                event = self.swarm.select_next_some() => self.notice(event, &mut links),
                Some(ready) = self.serving.next() => {
                    let exchange = &mut self.swarm.behaviour_mut().exchange;
                    // The asker is gone when this fails; it will ask again.
                    let send = |to, answer| exchange.send_response(to, answer).is_ok();
                    self.serving.send(ready, send);
                }
                _ = tick.tick() => self.dial(&mut links),
            }
        }
    }

    fn obey(&mut self, command: Command, links: &mut Links) {
        match command {
            Command::Ask { to, request, answer } => self.ask(&to, request, answer, links),
            Command::SetPeers(peers) => {
                let own = *self.swarm.local_peer_id();
                let change = links.replace(&peers, own, Instant::now());
                for peer in change.closed {
                    self.swarm.behaviour_mut().allowed.disallow_peer(peer);
                    self.serving.forget(&peer);
                }
                for (node, _) in change.removed {
                    self.lost(&node);
                }
                self.shared.port.expect(links.addresses());
                for peer in change.allowed {
                    self.swarm.behaviour_mut().allowed.allow_peer(peer);
                }
                self.dial(links);
            }
            Command::Stop => {}
        }
    }

    fn ask(&mut self, to: &NodeName, request: Request, answer: Waiting, links: &mut Links) {
        let Some(peer) = links.id(to) else {
            let _ = answer.send(Err(NetError::NotAMember(to.clone())));
            return;
        };
        if self.swarm.is_connected(&peer) {
            self.send(&peer, request, answer);
            return;
        }
        if !self.parked.contains_key(&peer)
            && let Some(addresses) = links.take_wanted(to, Instant::now())
            && self.dial_one(peer, addresses)
        {
            self.parked.insert(peer, Vec::new());
        }
        match self.parked.get_mut(&peer).filter(|parked| parked.len() < PARKED_PER_PEER_MAX) {
            Some(parked) => parked.push(Parked { to: to.clone(), request, answer }),
            None => {
                let _ = answer.send(Err(NetError::NotConnected(to.clone())));
            }
        }
    }

    fn send(&mut self, peer: &PeerId, request: Request, answer: Waiting) {
        let id = self.swarm.behaviour_mut().exchange.send_request(peer, request);
        self.waiting.insert(id, answer);
    }

    fn dial(&mut self, links: &mut Links) {
        let is_down = |peer: &PeerId| !self.swarm.is_connected(peer);
        for (peer, addresses) in links.take_due(Instant::now(), is_down) {
            self.dial_one(peer, addresses);
        }
    }

    /// Whether the dial began: then a connection or an error follows.
    fn dial_one(&mut self, peer: PeerId, addresses: Vec<Multiaddr>) -> bool {
        // A dial from the listening port cannot be repeated while the last one lingers.
        let dial = DialOpts::peer_id(peer).addresses(addresses).allocate_new_port().build();
        let dialed = self.swarm.dial(dial);
        if let Err(error) = &dialed {
            tracing::debug!(%peer, %error, "not dialed");
        }
        dialed.is_ok()
    }

    fn notice(&mut self, event: SwarmEvent<BehaviourEvent>, links: &mut Links) {
        match event {
            SwarmEvent::Behaviour(BehaviourEvent::Exchange(event)) => self.exchange(event, links),
            SwarmEvent::Behaviour(BehaviourEvent::Ping(ping::Event {
                peer,
                connection,
                result: Err(error),
            })) => {
                tracing::debug!(%peer, %error, "a link died");
                self.swarm.close_connection(connection);
            }
            SwarmEvent::Behaviour(BehaviourEvent::Identify(identify::Event::Received {
                peer_id,
                info,
                ..
            })) => {
                // Heard once a link: a peer may introduce itself as often as it likes.
                if let Some(node) = links.name(&peer_id).cloned()
                    && self.introduced.insert(peer_id)
                {
                    let introduced = LinkEvent::Introduced(node, info.agent_version);
                    let _ = self.shared.events.send(introduced);
                }
            }
            SwarmEvent::ConnectionEstablished { peer_id, num_established, .. } => {
                for Parked { request, answer, .. } in
                    self.parked.remove(&peer_id).unwrap_or_default()
                {
                    self.send(&peer_id, request, answer);
                }
                if num_established.get() == 1
                    && let Some(node) = links.name(&peer_id)
                {
                    self.gained(node);
                }
            }
            SwarmEvent::ConnectionClosed { peer_id, num_established: 0, .. } => {
                links.ended(&peer_id, Instant::now() + DIAL_TICK);
                self.introduced.remove(&peer_id);
                if let Some(node) = links.name(&peer_id) {
                    self.lost(node);
                }
            }
            SwarmEvent::OutgoingConnectionError { peer_id: Some(peer), .. } => {
                for Parked { to, answer, .. } in self.parked.remove(&peer).unwrap_or_default() {
                    let _ = answer.send(Err(NetError::NotConnected(to)));
                }
            }
            SwarmEvent::ListenerError { error, .. } => tracing::warn!(%error, "listener"),
            SwarmEvent::ListenerClosed { reason: Err(error), .. } => {
                tracing::error!(%error, "the peer listener closed");
            }
            _ => {}
        }
    }

    fn gained(&self, node: &NodeName) {
        let is_new = self.shared.connected.send_if_modified(|set| set.insert(node.clone()));
        if is_new {
            let _ = self.shared.events.send(LinkEvent::Connected(node.clone()));
        }
    }

    fn lost(&self, node: &NodeName) {
        if self.shared.connected.send_if_modified(|set| set.remove(node)) {
            let _ = self.shared.events.send(LinkEvent::Disconnected(node.clone()));
        }
    }

    fn exchange(&mut self, event: request_response::Event<Request, Answer>, links: &mut Links) {
        use request_response::Event;
        match event {
            Event::Message {
                peer,
                message: Message::Request { request_id, request, channel },
                ..
            } => match links.name(&peer) {
                Some(node) => {
                    self.serving.take((peer, node.clone()), request, (request_id, channel));
                }
                None => self.serving.refuse(request_id, channel, peer),
            },
            Event::Message {
                peer, message: Message::Response { request_id, response }, ..
            } => {
                links.answered(&peer);
                if let Some(waiting) = self.waiting.remove(&request_id) {
                    let _ = waiting.send(Ok(response));
                }
            }
            Event::OutboundFailure { request_id, error, .. } => {
                if let Some(waiting) = self.waiting.remove(&request_id) {
                    let _ = waiting.send(Err(NetError::Lost(error.to_string())));
                }
            }
            Event::InboundFailure { peer, request_id, error, .. } => {
                tracing::debug!(%peer, %error, "an inbound request failed");
                self.serving.done(request_id);
            }
            Event::ResponseSent { request_id, .. } => self.serving.done(request_id),
        }
    }
}
