//! Carries the outputs of the state machine out, each in a task of its own, and mails the answer
//! back.

use std::{sync::Arc, time::Duration};

use lianshi_registry::{
    checkpoint::Checkpoint,
    id::{NodeName, Origin},
    key::PublicKey,
    refusal::Refusal as _,
    sync::{Conflict, Input, Output, PullFault, Pulled, SignedHead},
};
use lianshi_store::{
    Failure, Fault, Site,
    forks::{self, Seen},
    log, replica, witness,
};
use tokio::sync::{mpsc, watch};

use super::{LogKeys, Mail};
use crate::net::{NetHandle, Request};

/// Pause before the store is asked again: a full disk or a lock does not go away at once.
const RETRY: Duration = Duration::from_secs(2);

/// What carrying out needs.
pub(super) struct Carrier {
    pub(super) site: Site,
    pub(super) net: NetHandle,
    pub(super) keys: watch::Receiver<LogKeys>,
    pub(super) mail: mpsc::UnboundedSender<Mail>,
}

impl Carrier {
    pub(super) fn carry(self, output: Output) {
        match output {
            Output::AskHeads { request, peer, digest } => {
                tokio::spawn(async move {
                    let heads = match self.net.ask(&peer, Request::Heads(digest)).await {
                        Ok(bytes) => self.open_all(peer, bytes).await,
                        Err(_) => None,
                    };
                    self.post(match heads {
                        Some(heads) => Mail::Heads(Input::Heads { request, heads }),
                        None => Mail::Input(Input::Failed { request }),
                    });
                });
            }
            Output::Announce { peer, head } => {
                tokio::spawn(async move {
                    // A hint: the exchange of heads makes good what is lost.
                    let _ = self.net.ask(&peer, Request::Announce(head.note().to_owned())).await;
                });
            }
            Output::Fetch { request, peer, origin, path } => {
                tokio::spawn(async move {
                    let input = match self.net.ask(&peer, Request::Resource { origin, path }).await
                    {
                        Ok(bytes) => Input::Fetched { request, bytes },
                        Err(error) => {
                            tracing::debug!(%peer, %error, "a resource was not had");
                            Input::Failed { request }
                        }
                    };
                    self.post(Mail::Input(input));
                });
            }
            Output::Store(pulled) => self.on_thread(|carrier| carrier.store(*pulled)),
            Output::Confirmed(origin) => self.on_thread(move |carrier| carrier.confirm(&origin)),
            Output::Conflict(conflict) => {
                self.until_done(move |carrier| carrier.witness(&conflict));
            }
            Output::Compare(head) => self.until_done(move |carrier| carrier.compare(&head)),
            Output::Keep(head) => {
                self.until_done(move |carrier| carrier.keep(&head));
            }
            Output::DropTail(origin) => self.until_done(move |carrier| carrier.drop_tail(&origin)),
            Output::OwnLogBehind(head) => self.on_thread(move |carrier| carrier.behind(&head)),
        }
    }

    fn post(&self, mail: Mail) {
        // The driver is gone when this fails.
        let _ = self.mail.send(mail);
    }

    fn on_thread(self, work: impl FnOnce(&Self) + Send + 'static) {
        tokio::task::spawn_blocking(move || work(&self));
    }

    /// Does work of the store that the state machine asks for only once: again and again, until it
    /// is done or the driver is gone.
    fn until_done(self, work: impl Fn(&Self) -> Result<(), Fault> + Send + Sync + 'static) {
        let (carrier, work) = (Arc::new(self), Arc::new(work));
        tokio::spawn(async move {
            while !carrier.mail.is_closed() {
                let (again, work) = (Arc::clone(&carrier), Arc::clone(&work));
                match tokio::task::spawn_blocking(move || work(&again)).await {
                    Ok(Ok(())) | Err(_) => return,
                    Ok(Err(fault)) => {
                        let error: &dyn std::error::Error = &fault;
                        tracing::error!(error, "the store failed; tried again");
                    }
                }
                tokio::time::sleep(RETRY).await;
            }
        });
    }

    /// The heads a peer shows; `None` when its answer is no list of notes.
    async fn open_all(&self, peer: NodeName, bytes: Vec<u8>) -> Option<Vec<SignedHead>> {
        let keys = LogKeys::clone(&self.keys.borrow());
        let opened = tokio::task::spawn_blocking(move || {
            match serde_json::from_slice::<Vec<String>>(&bytes) {
                Ok(notes) => Some(notes.iter().filter_map(|n| open(&peer, n, &keys)).collect()),
                Err(error) => {
                    refused(&peer, "sync.heads_malformed", &error);
                    None
                }
            }
        });
        opened.await.ok().flatten()
    }

    fn store(&self, pulled: Pulled) {
        let origin = pulled.head.origin().clone();
        let peer = pulled.peer.clone();
        let key = self.keys.borrow().get(&origin).copied();
        let Some(key) = key else {
            self.post(Mail::Input(Input::NotStored { origin, fault: PullFault::Own }));
            return;
        };
        let input = match replica::adopt(&self.site, key, pulled) {
            Ok((size, root)) => {
                self.examine(&origin, key);
                Input::Stored { origin, size, root }
            }
            Err(Failure::Refused(refusal)) => {
                let fault = refusal.fault();
                if fault != PullFault::Own {
                    refused(&peer, refusal.code(), &refusal);
                }
                Input::NotStored { origin, fault }
            }
            Err(Failure::Fault(fault)) => {
                let error: &dyn std::error::Error = &fault;
                tracing::error!(%origin, error, "a range could not be stored");
                Input::NotStored { origin, fault: PullFault::Own }
            }
        };
        self.post(Mail::Input(input));
    }

    /// What this node cosigned of a log, and heads that were beyond it, must lie on the entries it
    /// now holds.
    fn examine(&self, origin: &Origin, key: PublicKey) {
        let kept = forks::examine_kept(&self.site, (origin, key)).map_err(|e| e.to_string());
        let cosigned = witness::check(&self.site, origin, key).map_err(|e| e.to_string());
        for examined in [kept, cosigned] {
            match examined {
                Ok(false) => {}
                Ok(true) => {
                    tracing::error!(%origin, "a head that was seen before contradicts the log");
                    (self.site.nudge)();
                }
                // Looked at again when the log grows.
                Err(error) => tracing::error!(%origin, error, "heads could not be compared"),
            }
        }
    }

    fn witness(&self, conflict: &Conflict) -> Result<(), Fault> {
        let origin = conflict.older.origin();
        let key = self.keys.borrow().get(origin).copied();
        // A log whose source is gone is followed no more.
        let Some(key) = key else { return Ok(()) };
        match forks::witness(&self.site, key, conflict) {
            Ok(true) => {
                tracing::error!(%origin, "the log was forked; the evidence is published");
                (self.site.nudge)();
            }
            Ok(false) => {}
            Err(Failure::Refused(reason)) => {
                tracing::error!(%origin, %reason, "two heads contradict each other without proof");
            }
            Err(Failure::Fault(fault)) => return Err(fault),
        }
        Ok(())
    }

    fn compare(&self, head: &SignedHead) -> Result<(), Fault> {
        let found = forks::compare(&self.site, head)?;
        self.post(Mail::Input(Input::Compared { head: head.clone(), found }));
        Ok(())
    }

    fn keep(&self, head: &SignedHead) -> Result<(), Fault> {
        let key = self.keys.borrow().get(head.origin()).copied();
        let Some(key) = key else { return Ok(()) };
        match forks::examine(&self.site, key, (head, Seen::Shown)) {
            Ok(_) | Err(Failure::Refused(_)) => Ok(()),
            Err(Failure::Fault(fault)) => Err(fault),
        }
    }

    fn drop_tail(&self, origin: &Origin) -> Result<(), Fault> {
        let (size, root) = replica::drop_tail(&self.site, origin)?;
        self.post(Mail::Input(Input::TailDropped { origin: origin.clone(), size, root }));
        Ok(())
    }

    fn confirm(&self, origin: &Origin) {
        if let Err(error) = replica::confirm(&self.site, origin) {
            tracing::error!(%origin, %error, "a confirmation could not be kept");
        }
    }

    fn behind(&self, head: &SignedHead) {
        match log::remember_head(&self.site, head.note().as_bytes()) {
            Ok(true) => {
                let size = head.size();
                tracing::error!(size, "a peer holds more of this node's log than its database");
            }
            Ok(false) => {}
            Err(error) => tracing::error!(%error, "a head of the own log could not be kept"),
        }
    }
}

/// Verifies a note with the key of the log it names. A head of a log that is not known here is
/// passed over; one that is not signed by its log is refused, and the peer that showed it named.
pub(super) fn open(peer: &NodeName, note: &str, keys: &LogKeys) -> Option<SignedHead> {
    let opened = Checkpoint::claimed(note.as_bytes()).and_then(|claimed| {
        let key = keys.get(&claimed.origin);
        key.map(|key| SignedHead::open(note, &claimed.origin, key)).transpose()
    });
    opened.unwrap_or_else(|error| {
        refused(peer, "sync.head_refused", &error);
        None
    })
}

/// What a peer gave is not what it should be: said and counted under its name.
fn refused(peer: &NodeName, code: &'static str, reason: &(dyn std::error::Error + 'static)) {
    metrics::counter!("peer_refusals_total", "peer" => peer.to_string(), "code" => code)
        .increment(1);
    tracing::warn!(%peer, code, reason, "what a peer gave was refused");
}

#[cfg(test)]
mod tests {
    use lianshi_registry::{key::KeyPair, merkle::leaf_hash};

    use super::*;

    #[test]
    fn heads_of_a_million_unknown_logs_are_passed_over_unverified() {
        let origin = Origin::parse("ningbo.example/yinzhou/1").expect("a log");
        let key = KeyPair::from_seed([7; 32]);
        let keys = LogKeys::new([(origin.clone(), key.public())].into());
        let peer = NodeName::parse("haishu").expect("a name");
        let root = leaf_hash(b"made up");
        let sign = |origin| Checkpoint { origin, size: 9, root }.sign(&key);
        let known = sign(origin.clone());
        for number in 0..1_000_000 {
            let unknown = format!("ningbo.example/n{number}/1");
            let note = known.replace(&origin.to_string(), &unknown);
            assert!(open(&peer, &note, &keys).is_none(), "{unknown}");
        }
        assert!(open(&peer, &known, &keys).is_some());
    }
}
