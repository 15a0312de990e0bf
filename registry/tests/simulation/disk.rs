//! The simulated disk of a node: what survives a restart.

use lianshi_registry::{
    id::Origin,
    merkle::{self, Hash},
    sync::{Comparison, Conflict, SignedHead, Tail, Verified},
    tile::{Coordinate, Edge, Level, encode_bundle, encode_hashes},
};

/// One stored log.
#[derive(Clone, Default)]
pub struct StoredLog {
    pub entries: Vec<Vec<u8>>,
    /// Complete subtrees: `levels[l][i]` covers 2^l leaves.
    levels: Vec<Vec<Hash>>,
    pub edge: Edge,
    pub head: Option<SignedHead>,
    /// What the entries beyond the head were pulled towards.
    pub tail: Option<Tail>,
    /// Heads to be compared when the log reaches them.
    kept: Vec<SignedHead>,
}

impl StoredLog {
    pub fn size(&self) -> u64 {
        u64::try_from(self.entries.len()).expect("small")
    }

    pub fn root(&self) -> Hash {
        self.root_at(self.size()).expect("complete")
    }

    /// The root of the first entries; none when there are fewer.
    pub fn root_at(&self, size: u64) -> Option<Hash> {
        (size <= self.size()).then(|| merkle::root(size, |level, index| self.node(level, index)))?
    }

    /// Whether a history contains a head.
    pub fn contains(&self, size: u64, root: Hash) -> bool {
        self.root_at(size) == Some(root)
    }

    fn node(&self, level: u8, index: u64) -> Option<Hash> {
        self.levels.get(usize::from(level))?.get(usize::try_from(index).ok()?).copied()
    }

    pub fn append(&mut self, entry: Vec<u8>) {
        let leaf = merkle::leaf_hash(&entry);
        self.entries.push(entry);
        self.edge.extend(&[leaf]);
        self.push(leaf);
    }

    fn push(&mut self, leaf: Hash) {
        let mut hash = leaf;
        for level in 0.. {
            if self.levels.len() == level {
                self.levels.push(Vec::new());
            }
            let row = &mut self.levels[level];
            row.push(hash);
            if row.len() % 2 == 1 {
                return;
            }
            hash = merkle::node_hash(&row[row.len() - 2], &row[row.len() - 1]);
        }
    }

    pub fn adopt(&mut self, verified: Verified) {
        assert_eq!(verified.from, self.size(), "a range is stored where it belongs");
        if let Some(head) = verified.head() {
            self.head = Some(head.clone());
        }
        for entry in verified.entries {
            self.push(merkle::leaf_hash(&entry));
            self.entries.push(entry);
        }
        self.edge = verified.edge;
        assert_eq!(self.edge.root(), self.root(), "edge and tree agree");
        self.tail = Some(verified.tail);
    }

    /// What is held says of a head that is not larger.
    pub fn compare(&self, older: &SignedHead) -> Comparison {
        let Some(root) = self.root_at(older.size()) else { return Comparison::Unproved };
        if root == older.root() {
            return Comparison::Contained;
        }
        let source = |level, index| self.node(level, index);
        let head = self.head.as_ref().filter(|head| older.size() <= head.size());
        let of_head = head.map(|newer| {
            let is_one_size = older.size() == newer.size();
            let proof = merkle::prefix_proof(older.size(), newer.size(), source);
            (newer.clone(), if is_one_size { Vec::new() } else { proof.expect("held") })
        });
        let told = of_head.or_else(|| {
            let tail = self.tail.as_ref()?;
            let proof = tail.prefix_proof(older.size(), self.size(), source)?;
            Some((tail.head.clone(), proof))
        });
        let conflict = told.map(|(newer, proof)| Conflict { older: older.clone(), newer, proof });
        conflict.map_or(Comparison::Unproved, |it| Comparison::Contradicted(Box::new(it)))
    }

    /// Has a head kept until the log reaches it.
    pub fn keep(&mut self, head: SignedHead) {
        if !self.kept.contains(&head) {
            self.kept.push(head);
        }
    }

    /// Takes the kept heads that the log has reached.
    pub fn take_reached(&mut self) -> Vec<SignedHead> {
        let held = self.head.as_ref().map_or(0, SignedHead::size);
        self.kept.extract_if(.., |head| head.size() <= held).collect()
    }

    /// Forgets the entries beyond the head.
    pub fn drop_tail(&mut self) {
        self.truncate(self.head.as_ref().map_or(0, SignedHead::size));
    }

    /// Forgets the entries from `size` on.
    pub fn truncate(&mut self, size: u64) {
        if size == self.size() {
            return;
        }
        let left = self.entries[..usize::try_from(size).expect("small")].to_vec();
        let (head, kept) = (self.head.clone(), self.kept.clone());
        let mut shorter = Self { head, kept, ..Self::default() };
        for entry in left {
            shorter.append(entry);
        }
        *self = shorter;
    }

    pub fn consistency_proof(&self, from: u64, to: u64) -> Option<Vec<Hash>> {
        merkle::consistency_proof(from, to, |level, index| self.node(level, index))
    }

    /// Serves what a peer asks for, as a node does.
    pub fn resource(&self, path: &str) -> Option<Vec<u8>> {
        if let Some(sizes) = path.strip_prefix("prefix/") {
            let (from, to) = sizes.split_once('/')?;
            let (from, to) = (from.parse().ok()?, to.parse().ok()?);
            let source = |level, index| self.node(level, index);
            return merkle::prefix_proof(from, to, source).map(|hashes| encode_hashes(&hashes));
        }
        if let Some(sizes) = path.strip_prefix("proof/") {
            let (from, to) = sizes.split_once('/')?;
            let (from, to) = (from.parse().ok()?, to.parse().ok()?);
            return self.consistency_proof(from, to).map(|hashes| encode_hashes(&hashes));
        }
        if let Some(places) = path.strip_prefix("entries/") {
            let (from, to) = places.split_once('/')?;
            return encode_bundle(self.entries.get(from.parse().ok()?..to.parse().ok()?)?).ok();
        }
        let tile = Coordinate::parse(path).ok()?;
        if tile.level != Level::Entries || !tile.lies_in(self.size()) {
            return None;
        }
        let first = usize::try_from(tile.number).ok()? * 256;
        let entries = self.entries.get(first..first + usize::from(tile.width))?;
        encode_bundle(entries).ok()
    }
}

/// Names a log in traces.
pub fn short(origin: &Origin) -> &str {
    origin.node().as_str()
}
