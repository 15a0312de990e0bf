//! The door to the swarm for the rest of the node: cheap to clone, used from any task.

use std::collections::BTreeSet;

use lianshi_registry::{
    id::NodeName,
    wire::{Answer, REQUEST_BYTES_MAX, Request},
};
use tokio::sync::{mpsc, oneshot, watch};

use super::Peer;

/// Why a request brought no answer. Only [`NetError::Refused`] is the peer's decision; everything
/// else may be tried again.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NetError {
    /// The node is not on the allow-list.
    #[error("`{0}` is not a member of the federation")]
    NotAMember(NodeName),
    /// No connection at the moment, and none could be made.
    #[error("`{0}` is not connected")]
    NotConnected(NodeName),
    /// The peer has too much to do; try later.
    #[error("`{0}` is busy")]
    Busy(NodeName),
    /// The peer does not hold what was asked for.
    #[error("`{0}` does not have it")]
    Missing(NodeName),
    /// The peer refused, with its reason.
    #[error("refused by the peer: {0}")]
    Refused(String),
    /// The request exceeds the limit of one frame.
    #[error("the message has {0} bytes, at most {REQUEST_BYTES_MAX} fit")]
    TooLarge(usize),
    /// The connection broke or the peer took too long; the request may have been carried out.
    #[error("no answer: {0}")]
    Lost(String),
    /// The network of this node has stopped.
    #[error("the network has stopped")]
    Stopped,
}

pub(super) enum Command {
    Ask { to: NodeName, request: Request, answer: oneshot::Sender<Result<Answer, NetError>> },
    SetPeers(Vec<Peer>),
    Stop,
}

/// Sends requests and letters through the swarm.
#[derive(Clone)]
pub struct NetHandle {
    pub(super) commands: mpsc::Sender<Command>,
    pub(super) connected: watch::Receiver<BTreeSet<NodeName>>,
}

impl NetHandle {
    /// Sends a letter and waits for the receiver's answer, at most the request timeout. A letter
    /// may arrive although the answer is lost, so receivers accept repeats.
    pub async fn send(
        &self,
        to: &NodeName,
        kind: &str,
        bytes: Vec<u8>,
    ) -> Result<Vec<u8>, NetError> {
        self.ask(to, Request::Letter { kind: kind.to_owned(), bytes }).await
    }

    /// Sends any request and waits for its bytes. A member that no link is kept with is dialed
    /// first.
    pub async fn ask(&self, to: &NodeName, request: Request) -> Result<Vec<u8>, NetError> {
        let size = request.encode().len();
        if size > REQUEST_BYTES_MAX {
            return Err(NetError::TooLarge(size));
        }
        let (answer, answered) = oneshot::channel();
        let command = Command::Ask { to: to.clone(), request, answer };
        self.commands.send(command).await.map_err(|_| NetError::Stopped)?;
        match answered.await.map_err(|_| NetError::Stopped)?? {
            Answer::Done(bytes) => Ok(bytes),
            Answer::Missing => Err(NetError::Missing(to.clone())),
            Answer::Busy => Err(NetError::Busy(to.clone())),
            Answer::Refused(reason) => Err(NetError::Refused(reason)),
        }
    }

    /// Replaces the allow-list. Connections to nodes no longer on it are closed.
    pub async fn set_peers(&self, peers: Vec<Peer>) {
        // A stopped network has no allow-list to change.
        let _ = self.commands.send(Command::SetPeers(peers)).await;
    }

    /// The nodes connected at this moment.
    pub fn connected(&self) -> BTreeSet<NodeName> {
        self.connected.borrow().clone()
    }

    /// Waits until the set of connected nodes has changed and returns it; `None` when the network
    /// has stopped.
    pub async fn next_change(&mut self) -> Option<BTreeSet<NodeName>> {
        self.connected.changed().await.ok()?;
        Some(self.connected.borrow_and_update().clone())
    }

    /// Ends the swarm and its connections.
    pub async fn stop(&self) {
        let _ = self.commands.send(Command::Stop).await;
    }
}
