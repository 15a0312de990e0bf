//! What happens to nodes: crashes, partitions, lost disks, restored backups; and the healing after
//! it.

use lianshi_registry::sync::Input;

use super::{Event, Faults, SKEW_MS_MAX, Traitor, World};
use crate::{disk::StoredLog, random::Random};

impl World {
    pub(super) fn break_something(&mut self) {
        let count = u64::try_from(self.nodes.len()).expect("small");
        let pick = |random: &mut Random| usize::try_from(random.below(count)).expect("small");
        let a = pick(&mut self.random);
        let neighbors: Vec<usize> =
            (0..self.nodes.len()).filter(|b| *b != a && self.are_neighbors(a, *b)).collect();
        let length = self.random.between(100, 40_000);
        match self.random.below(10) {
            0..4 => {
                self.after(0, Event::Crash(a));
                self.after(length, Event::Start(a));
            }
            4 => self.set_clock(a),
            5 => self.nodes[a].backup = Some(self.nodes[a].disk.clone()),
            _ => {
                let b = neighbors[pick(&mut self.random) % neighbors.len()];
                self.after(0, Event::Break(a, b));
                self.after(length, Event::Mend(a, b));
            }
        }
    }

    /// A clock is set, forward or back, while the node runs.
    fn set_clock(&mut self, place: usize) {
        let skew = self.random.between(-SKEW_MS_MAX, SKEW_MS_MAX);
        self.note(&format!("clock {place} {skew}"));
        self.nodes[place].skew_ms = skew;
    }

    pub(super) fn crash(&mut self, place: usize) {
        self.note(&format!("crash {place}"));
        self.nodes[place].crash(&mut self.random);
        for other in 0..self.nodes.len() {
            self.unlink(place, other);
        }
    }

    pub(super) fn start(&mut self, place: usize) {
        self.note(&format!("start {place}"));
        self.nodes[place].restart();
        let sources = self.nodes[place].sources();
        self.step(place, Input::Sources(sources));
        let held = self.nodes[place].disk.iter().map(|(origin, log)| Input::Held {
            origin: origin.clone(),
            size: log.size(),
            root: log.root(),
            head: log.head.clone(),
        });
        let forks = self.nodes[place].forks.keys().cloned().map(Input::Forked);
        for input in held.chain(forks).collect::<Vec<_>>() {
            self.step(place, input);
        }
        self.mend_all(50, place);
    }

    pub fn lose_replicas(&mut self, place: usize) {
        self.crash(place);
        let origin = self.nodes[place].origin.clone();
        self.nodes[place].disk.retain(|held, _| *held == origin);
        self.start(place);
    }

    /// A node that was withdrawn comes back with nothing but new keys.
    pub(super) fn begin_again(&mut self, place: usize) {
        self.crash(place);
        self.nodes[place].begin_again();
        // What its witness swore before is bound to a key that is gone.
        self.sworn.retain(|(witness, _), _| *witness != place);
        self.start(place);
    }

    /// A node restores a backup, forgets that it did, and signs another history of the same length.
    pub fn fork(&mut self, place: usize) {
        self.healed = true;
        let origin = self.nodes[place].origin.clone();
        let original = self.nodes[place].disk[&origin].clone();
        let mut forked = StoredLog::default();
        for entry in &original.entries[..original.entries.len() - 1] {
            forked.append(entry.clone());
        }
        self.forked = Some((origin.clone(), original));
        self.crash(place);
        self.nodes[place].disk.insert(origin, forked);
        let mut facts = self.nodes[place].organizations(2);
        facts.remove(0);
        self.nodes[place].append(facts);
        let size = self.nodes[place].own_size();
        self.nodes[place].sign(size);
        self.start(place);
    }

    pub fn restore_backup(&mut self, place: usize) {
        self.healed = true;
        self.crash(place);
        let origin = self.nodes[place].origin.clone();
        let original = self.nodes[place].disk[&origin].clone();
        let mut restored = StoredLog::default();
        for entry in &original.entries[..original.entries.len() / 2] {
            restored.append(entry.clone());
        }
        self.nodes[place].synced = restored.size();
        self.nodes[place].disk.insert(origin, restored);
        self.start(place);
    }

    /// Every link stands, every node is up, nothing is lost any more.
    pub fn heal(&mut self) {
        self.note("heal");
        let Faults { traitor, roots, .. } = self.faults;
        self.faults = Faults { traitor, roots, ..Faults::none() };
        for place in 0..self.nodes.len() {
            if !self.nodes[place].up {
                self.start(place);
            }
            self.mend_all(100, place);
            // Whoever was down all the time says something now.
            if place >= self.faults.roots && self.nodes[place].own_size() == 0 {
                let facts = self.nodes[place].organizations(1);
                self.append_now(place, facts);
            }
        }
        // Whoever was not admitted yet is now, and an equivocator has said two things.
        for root in 0..self.faults.roots {
            while self.unadmitted(root) > 0 {
                self.root_speaks(root);
                self.own_log_grew(root, self.nodes[root].own_size());
            }
        }
        let last = self.nodes.len() - 1;
        if self.faults.traitor == Traitor::Padded {
            self.betray(last);
            self.own_log_grew(last, self.nodes[last].own_size());
        }
        if self.faults.traitor == Traitor::Equivocator && self.is_traitor(last) {
            self.work(last);
            let facts = self.nodes[last].organizations(1);
            self.nodes[last].append_other(0);
            self.append_now(last, facts);
        }
        self.healed = true;
    }

    fn append_now(&mut self, place: usize, facts: Vec<lianshi_registry::entry::Fact>) {
        self.nodes[place].append(facts);
        self.own_log_grew(place, self.nodes[place].own_size());
    }
}
