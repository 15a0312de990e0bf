//! The peers the swarm should be connected to, and when to dial them next: at once when they are
//! new or lost, then with growing pauses.

use std::collections::{BTreeMap, BTreeSet};

use lianshi_registry::{backoff::Backoff, id::NodeName};
use libp2p::{Multiaddr, PeerId};
use tokio::time::{Duration, Instant};

use super::{Peer, peer_id};

/// Pauses after failed dials: a peer that returns dials by itself anyway.
const REDIAL: Backoff = Backoff::new(500, 30_000);

/// One peer.
struct Link {
    peer: PeerId,
    addresses: Vec<Multiaddr>,
    kept: bool,
    failures: u32,
    next_dial: Instant,
    /// It answered a request since the link stands.
    answered: bool,
}

impl Link {
    /// Where to dial it now, if it is due.
    fn take(&mut self, now: Instant) -> Option<Vec<Multiaddr>> {
        if self.next_dial > now || self.addresses.is_empty() {
            return None;
        }
        self.next_dial = now + pause(self.failures);
        self.failures = self.failures.saturating_add(1);
        Some(self.addresses.clone())
    }
}

/// What changed when the allow-list was replaced.
#[derive(Default)]
pub(super) struct Change {
    pub(super) allowed: Vec<PeerId>,
    pub(super) removed: Vec<(NodeName, PeerId)>,
    /// Those of them that no name has any more.
    pub(super) closed: Vec<PeerId>,
}

/// All peers by name.
#[derive(Default)]
pub(super) struct Links(BTreeMap<NodeName, Link>);

impl Links {
    /// Replaces the list. Peers whose key does not parse or is `own` are left out; of two names
    /// with one key the first has it, and neither takes it from the other.
    pub(super) fn replace(&mut self, peers: &[Peer], own: PeerId, now: Instant) -> Change {
        let mut change = Change::default();
        let mut next = BTreeMap::new();
        let mut ids = BTreeSet::new();
        for peer in peers {
            let Some(id) = peer_id(&peer.identity_key).filter(|id| *id != own) else { continue };
            if !ids.insert(id) {
                continue;
            }
            let addresses = peer.addresses.iter().filter_map(|text| text.parse().ok()).collect();
            let kept = peer.kept;
            let mut link =
                Link { peer: id, addresses, kept, failures: 0, next_dial: now, answered: false };
            match self.0.remove(&peer.node) {
                Some(old) if old.peer == id => {
                    link.answered = old.answered;
                    if old.addresses == link.addresses {
                        (link.failures, link.next_dial) = (old.failures, old.next_dial);
                    }
                }
                Some(old) => {
                    change.removed.push((peer.node.clone(), old.peer));
                    change.allowed.push(id);
                }
                None => change.allowed.push(id),
            }
            next.insert(peer.node.clone(), link);
        }
        let left = std::mem::replace(&mut self.0, next);
        change.removed.extend(left.into_iter().map(|(node, link)| (node, link.peer)));
        // A key that another name has now stays allowed.
        change.closed = change.removed.iter().map(|(_, peer)| *peer).collect();
        change.closed.retain(|peer| !ids.contains(peer));
        change
    }

    /// The id of a named peer.
    pub(super) fn id(&self, node: &NodeName) -> Option<PeerId> {
        self.0.get(node).map(|link| link.peer)
    }

    /// The ids of all peers.
    pub(super) fn ids(&self) -> Vec<PeerId> {
        self.0.values().map(|link| link.peer).collect()
    }

    /// Where they are reached, and come from in most cases.
    pub(super) fn addresses(&self) -> impl Iterator<Item = &Multiaddr> {
        self.0.values().flat_map(|link| &link.addresses)
    }

    /// The name of a peer.
    pub(super) fn name(&self, peer: &PeerId) -> Option<&NodeName> {
        self.0.iter().find(|(_, link)| link.peer == *peer).map(|(node, _)| node)
    }

    /// Peers to dial now, of those a link is kept with and `is_down` says are not connected. The
    /// next dial of each is pushed back at once, so a dial that hangs does not repeat.
    pub(super) fn take_due(
        &mut self,
        now: Instant,
        is_down: impl Fn(&PeerId) -> bool,
    ) -> Vec<(PeerId, Vec<Multiaddr>)> {
        let mut dials = Vec::new();
        for link in self.0.values_mut() {
            if link.kept && is_down(&link.peer) {
                dials.extend(link.take(now).map(|addresses| (link.peer, addresses)));
            }
        }
        dials
    }

    /// Where to dial a peer that no link is kept with; `None` while it is to be left alone.
    pub(super) fn take_wanted(&mut self, node: &NodeName, now: Instant) -> Option<Vec<Multiaddr>> {
        self.0.get_mut(node).filter(|link| !link.kept)?.take(now)
    }

    /// A peer answered: earlier failures delay nothing any more. That a connection stands says
    /// less: who refuses us closes it again at once, and would be dialed for ever without a pause.
    pub(super) fn answered(&mut self, peer: &PeerId) {
        if let Some(link) = self.of(peer) {
            (link.failures, link.answered) = (0, true);
        }
    }

    /// A connection ended: one that was of use is dialed again from `soon` on, any other when its
    /// pause is over.
    pub(super) fn ended(&mut self, peer: &PeerId, soon: Instant) {
        if let Some(link) = self.of(peer)
            && std::mem::take(&mut link.answered)
        {
            link.next_dial = soon;
        }
    }

    fn of(&mut self, peer: &PeerId) -> Option<&mut Link> {
        self.0.values_mut().find(|link| link.peer == *peer)
    }
}

/// The pause after one more failure; up to a quarter is random, so that nodes started together do
/// not dial in step.
fn pause(failures: u32) -> Duration {
    let pause_ms = REDIAL.pause_ms(failures.saturating_add(1));
    let doubled = Duration::from_millis(pause_ms.unsigned_abs());
    let random = getrandom::u32().unwrap_or(0) % 256;
    doubled.saturating_sub(doubled / 1024 * random)
}

#[cfg(test)]
mod tests {
    use lianshi_registry::key::KeyPair;

    use super::*;

    fn pause_max() -> Duration {
        Duration::from_millis(REDIAL.max_ms().unsigned_abs())
    }

    fn peer(name: &str, seed: u8) -> Peer {
        Peer {
            node: NodeName::parse(name).expect("valid"),
            identity_key: KeyPair::from_seed([seed; 32]).public(),
            addresses: vec!["/ip4/127.0.0.1/tcp/1".to_owned(), "nonsense".to_owned()],
            kept: true,
        }
    }

    #[tokio::test]
    async fn a_lost_peer_is_dialed_with_growing_pauses() {
        let own = peer_id(&KeyPair::from_seed([9; 32]).public()).expect("own");
        let mut links = Links::default();
        let mut now = Instant::now();
        let change = links.replace(&[peer("haishu", 1), peer("self", 9)], own, now);
        assert_eq!((change.allowed.len(), change.removed.len()), (1, 0));
        let mut pauses = Vec::new();
        let mut last = now;
        while pauses.len() < 9 {
            for (_, addresses) in links.take_due(now, |_| true) {
                assert_eq!(addresses.len(), 1, "the address that does not parse is left out");
                pauses.push(now - last);
                last = now;
            }
            now += Duration::from_millis(50);
        }
        assert_eq!(pauses[0], Duration::ZERO);
        assert!(pauses[1] >= Duration::from_millis(350) && pauses[1] <= Duration::from_secs(1));
        assert!(pauses[8] <= pause_max() + Duration::from_millis(50));
        assert!(pauses[8] > pauses[2]);
    }

    #[tokio::test]
    async fn who_closes_every_connection_is_dialed_less_and_less_until_it_answers() {
        let own = peer_id(&KeyPair::from_seed([9; 32]).public()).expect("own");
        let mut links = Links::default();
        let mut now = Instant::now();
        links.replace(&[peer("haishu", 1)], own, now);
        let id = links.id(&NodeName::parse("haishu").expect("valid")).expect("known");
        let tick = Duration::from_millis(250);
        let dials_in_100_s = |links: &mut Links, now: &mut Instant, answers: bool| {
            let mut dials = 0;
            for _ in 0..400 {
                *now += tick;
                if links.take_due(*now, |_| true).is_empty() {
                    continue;
                }
                dials += 1;
                if answers {
                    links.answered(&id);
                }
                links.ended(&id, *now + tick);
            }
            dials
        };
        let refused = dials_in_100_s(&mut links, &mut now, false);
        assert!((5..=12).contains(&refused), "{refused} dials");
        now += pause_max();
        let answered = dials_in_100_s(&mut links, &mut now, true);
        assert!(answered > 300, "{answered} dials");
    }

    #[tokio::test]
    async fn a_peer_without_a_kept_link_is_dialed_when_wanted_and_then_left_alone() {
        let own = peer_id(&KeyPair::from_seed([9; 32]).public()).expect("own");
        let mut links = Links::default();
        let now = Instant::now();
        let other = Peer { kept: false, ..peer("yinzhou", 2) };
        links.replace(&[peer("haishu", 1), other.clone()], own, now);
        let due = links.take_due(now, |_| true);
        assert_eq!(due.len(), 1, "nobody asks it anything");
        assert!(links.take_wanted(&other.node, now).is_some());
        assert_eq!(links.take_wanted(&other.node, now), None, "it is being dialed");
        assert!(links.take_wanted(&other.node, now + Duration::from_millis(500)).is_some());
    }

    #[tokio::test]
    async fn a_peer_off_the_list_or_with_another_key_is_removed() {
        let own = peer_id(&KeyPair::from_seed([9; 32]).public()).expect("own");
        let mut links = Links::default();
        let now = Instant::now();
        links.replace(&[peer("haishu", 1), peer("yinzhou", 2)], own, now);
        let change = links.replace(&[peer("haishu", 3)], own, now);
        assert_eq!((change.allowed.len(), change.removed.len()), (1, 2));
        assert!(links.id(&NodeName::parse("yinzhou").expect("valid")).is_none());
    }
}
