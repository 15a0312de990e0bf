//! What must hold: at every step, and once the network has healed.

use lianshi_registry::id::Origin;

use super::World;

impl World {
    /// No node ever stores what the writer did not write.
    pub(super) fn assert_prefix(&self, place: usize, origin: &Origin) {
        let copy = &self.nodes[place].disk[origin].entries;
        let writer = self.nodes.iter().find(|node| node.origin == *origin).expect("a writer");
        let original = &writer.disk[origin].entries;
        let forked = self.forked.as_ref().filter(|log| log.size() > 0).or(writer.other.as_ref());
        let fits = |entries: &Vec<Vec<u8>>| entries.starts_with(copy);
        let is_one = fits(original) || forked.is_some_and(|log| fits(&log.entries));
        assert!(is_one, "node {place} mixed up {origin}");
    }

    pub fn own_logs_behind(&self) -> usize {
        self.own_behind
    }

    /// Every other node holds evidence against this one.
    pub fn assert_known_forked(&self, place: usize) {
        let origin = &self.nodes[place].origin;
        for node in self.nodes.iter().filter(|node| node.origin != *origin) {
            assert!(node.forks.contains_key(origin), "{} knows nothing", node.name);
        }
    }

    pub fn assert_no_replica_mixes_the_forks(&self) {
        for place in 0..self.nodes.len() {
            for origin in self.nodes[place].disk.keys() {
                self.assert_prefix(place, origin);
            }
        }
    }

    /// Every honest node holds every sound log to its newest head, shows the same catalog, accuses
    /// nobody who is honest, and remembered little.
    pub fn assert_converged(&self) {
        let traitors = usize::from(self.is_traitor(self.nodes.len() - 1));
        let honest = &self.nodes[..self.nodes.len() - traitors];
        let heads = honest[0].heads();
        let digest = honest[0].catalog_digest();
        for node in honest {
            let writer_size = node.disk[&node.origin].size();
            assert_eq!(heads[&node.origin].0, writer_size, "the newest head of {}", node.name);
            for other in honest {
                assert_eq!(node.heads()[&other.origin], heads[&other.origin], "at {}", node.name);
                assert!(!node.forks.contains_key(&other.origin), "{} is accused", other.name);
            }
            assert_eq!(node.catalog_digest(), digest, "catalog of {}", node.name);
        }
        let nothing = lianshi_registry::catalog::Catalog::default().digest();
        assert_ne!(digest, nothing, "the catalog says something");
        assert_eq!(self.own_behind, 0, "nobody's own log is behind");
        let count = self.nodes.len();
        assert!(self.remembered < count * (count + 64), "{} things remembered", self.remembered);
    }

    /// Once two histories were signed, every honest node holds evidence and follows the log no
    /// more.
    pub fn assert_exposed(&self) {
        let traitor = self.nodes.last().expect("a node");
        let other = traitor.other.as_ref().expect("it equivocated");
        let one = &traitor.disk[&traitor.origin];
        let parted = one.entries.iter().zip(&other.entries).any(|(a, b)| a != b);
        assert!(parted, "both histories went on");
        for node in &self.nodes[..self.nodes.len() - 1] {
            assert!(node.forks.contains_key(&traitor.origin), "{} knows nothing", node.name);
        }
    }
}
