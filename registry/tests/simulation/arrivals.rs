//! In which order entries came to a disk: a fold must not depend on it, so the simulation folds in
//! just that order.

use std::collections::BTreeMap;

use lianshi_registry::id::Origin;

use crate::disk::StoredLog;

/// Ranges of logs, in the order in which they came.
#[derive(Default)]
pub struct Arrivals {
    ranges: Vec<(Origin, u64, u64)>,
    sizes: BTreeMap<Origin, u64>,
}

impl Arrivals {
    /// A log has grown to `size`.
    pub fn note(&mut self, origin: &Origin, size: u64) {
        let known = self.sizes.entry(origin.clone()).or_default();
        if size > *known {
            self.ranges.push((origin.clone(), *known, size));
            *known = size;
        }
    }

    /// What a disk does not hold any more has not come.
    pub fn cut(&mut self, disk: &BTreeMap<Origin, StoredLog>) {
        let size = |origin: &Origin| disk.get(origin).map_or(0, StoredLog::size);
        for (origin, known) in &mut self.sizes {
            *known = (*known).min(size(origin));
        }
        for (origin, from, to) in &mut self.ranges {
            *to = (*to).min(size(origin));
            *from = (*from).min(*to);
        }
        self.ranges.retain(|(_, from, to)| from < to);
    }

    /// Every entry, by its log and index.
    pub fn in_order(&self) -> impl Iterator<Item = (&Origin, u64)> {
        self.ranges.iter().flat_map(|(origin, from, to)| (*from..*to).map(move |n| (origin, n)))
    }
}
