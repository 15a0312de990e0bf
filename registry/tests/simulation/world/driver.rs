//! What the driver of a node does: carries out what its state machine says, and tells it what came
//! of it.

use lianshi_registry::{
    entry::Fact,
    id::{NodeName, Origin},
    sync::{Comparison, Conflict, Input, Output, Pulled},
};

use super::{Event, Message, World};
use crate::{disk::short, node::Node};

/// How long it takes to link with who was admitted anew.
const LET_IN_MS: i64 = 50;

impl World {
    pub(super) fn step(&mut self, place: usize, input: Input) {
        let now = self.clock(place);
        self.remembered = self.remembered.max(self.nodes[place].sync.remembered());
        for output in self.nodes[place].sync.step(now, input) {
            self.carry_out(place, output);
        }
    }

    pub(super) fn carry_out(&mut self, place: usize, output: Output) {
        self.note(&format!("{place} {}", summary(&output)));
        let find = |nodes: &[Node], peer: &NodeName| nodes.iter().position(|n| n.name == *peer);
        match output {
            Output::AskHeads { request, peer, digest } => {
                let to = find(&self.nodes, &peer).expect("a node");
                self.send(place, to, Message::AskHeads(request, digest));
            }
            Output::Announce { peer, head } => {
                let to = find(&self.nodes, &peer).expect("a node");
                let note = if *head.origin() == self.nodes[place].origin {
                    self.shown(place, to).head.expect("signed").note().to_owned()
                } else {
                    head.note().to_owned()
                };
                self.send(place, to, Message::Announce(note));
            }
            Output::Fetch { request, peer, origin, path } => {
                let to = find(&self.nodes, &peer).expect("a node");
                self.send(place, to, Message::Ask(request, origin, path));
            }
            Output::Store(pulled) => {
                let delay = self.random.between(1, 50);
                let life = self.nodes[place].life;
                self.after(delay, Event::Verified { node: place, life, pulled });
            }
            Output::Confirmed(_) => {}
            Output::Compare(head) => {
                let found = self.nodes[place].disk[head.origin()].compare(&head);
                self.step(place, Input::Compared { head, found });
            }
            Output::Keep(head) => {
                self.nodes[place].disk.entry(head.origin().clone()).or_default().keep(head);
            }
            Output::DropTail(origin) => {
                let (size, root) = self.nodes[place].drop_tail(&origin);
                self.step(place, Input::TailDropped { origin, size, root });
            }
            Output::Conflict(conflict) => self.witness(place, &conflict),
            Output::OwnLogBehind(_) => self.own_behind += usize::from(!self.is_traitor(place)),
        }
    }

    pub(super) fn store(&mut self, place: usize, life: u32, pulled: Pulled) {
        // A crash before the commit loses the range, one in the middle of it the end of the range,
        // and one after it only the news.
        let crashed = self.nodes[place].life != life || !self.nodes[place].up;
        if crashed && self.random.chance(50) {
            return;
        }
        let origin = pulled.head.origin().clone();
        let kept = pulled.from + self.random.below(pulled.to - pulled.from + 1);
        let node = &mut self.nodes[place];
        let log = node.disk.entry(origin.clone()).or_default();
        let before = log.head.clone();
        let input = match pulled.verify(log.edge.clone()) {
            Ok(verified) => {
                log.adopt(verified);
                if crashed {
                    log.truncate(kept);
                    log.head = before;
                }
                let (size, root) = (log.size(), log.root());
                node.arrivals.note(&origin, size);
                self.assert_prefix(place, &origin);
                Input::Stored { origin: origin.clone(), size, root }
            }
            Err(refusal) => Input::NotStored { origin: origin.clone(), fault: refusal.fault() },
        };
        if crashed {
            return;
        }
        self.step(place, input);
        self.examine_kept(place, &origin);
        self.learn(place);
    }

    /// What was kept on disk is compared when the log has reached it.
    fn examine_kept(&mut self, place: usize, origin: &Origin) {
        let log = self.nodes[place].disk.get_mut(origin).expect("held");
        let reached = log.take_reached();
        let found: Vec<Comparison> = reached.iter().map(|head| log.compare(head)).collect();
        for comparison in found {
            if let Comparison::Contradicted(conflict) = comparison {
                self.witness(place, &conflict);
            }
        }
    }

    /// What new entries say about members and forks reaches the state machine.
    pub(super) fn learn(&mut self, place: usize) {
        if let Some(sources) = self.nodes[place].fold_members() {
            self.step(place, Input::Sources(sources));
            // Who was withdrawn is cut off.
            for other in 0..self.nodes.len() {
                let member = self.nodes[place].members.get(&self.nodes[other].name);
                let is_anew = member.is_some_and(|member| !member.past.generations.is_empty());
                if self.nodes[place].has_left(&self.nodes[other].name) {
                    self.unlink(place, other);
                } else if is_anew && other != place && self.are_neighbors(place, other) {
                    // And let in when it was admitted anew.
                    self.after(LET_IN_MS, Event::Mend(place, other));
                }
            }
        }
        for origin in self.nodes[place].fold_forks() {
            self.note(&format!("{place} knows of the fork of {}", short(&origin)));
            self.tell(place, &origin);
            self.step(place, Input::Forked(origin));
        }
    }

    /// Whoever reads evidence tells it in its own log: who told it first may be cut off.
    fn tell(&mut self, place: usize, origin: &Origin) {
        let node = &mut self.nodes[place];
        if node.origin != *origin && node.told.insert(origin.clone()) {
            let evidence = node.forks[origin].clone();
            self.append(place, vec![Fact::ForkWitnessed(Box::new(evidence))]);
        }
    }

    /// A node that has seen two histories publishes the evidence.
    pub(super) fn witness(&mut self, place: usize, conflict: &Conflict) {
        let origin = conflict.older.origin().clone();
        let writer = self.nodes.iter().position(|node| node.written(&origin).is_some());
        let writer = writer.expect("a node");
        let admission = self.nodes[writer].admission_of(origin.generation());
        let evidence = conflict.evidence(admission.log_key);
        evidence.verify().expect("a conflict is proved");
        if self.nodes[place].forks.contains_key(&origin) || place == writer {
            return;
        }
        self.nodes[place].told.insert(origin);
        self.append(place, vec![Fact::ForkWitnessed(Box::new(evidence))]);
    }
}

fn summary(output: &Output) -> String {
    match output {
        Output::AskHeads { request, peer, .. } => format!("heads? {request} {peer}"),
        Output::Announce { peer, head } => {
            format!("announce {peer} {} {}", short(head.origin()), head.size())
        }
        Output::Fetch { request, peer, origin, path } => {
            format!("fetch {request} {peer} {} {path}", short(origin))
        }
        Output::Store(pulled) => {
            format!("store {} {}..{}", short(pulled.head.origin()), pulled.from, pulled.to)
        }
        Output::Confirmed(origin) => format!("confirmed {}", short(origin)),
        Output::Conflict(conflict) => format!("conflict {}", short(conflict.older.origin())),
        Output::Compare(head) => format!("compare {} {}", short(head.origin()), head.size()),
        Output::Keep(head) => format!("keep {} {}", short(head.origin()), head.size()),
        Output::DropTail(origin) => format!("drop tail {}", short(origin)),
        Output::OwnLogBehind(head) => format!("behind {}", head.size()),
    }
}
