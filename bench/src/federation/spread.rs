//! How far the newest head of each log has come: who holds it, after how long, and over how many
//! steps.
#![expect(
    clippy::indexing_slicing,
    reason = "a simulation that breaks its own invariants must stop"
)]

/// What is known of all publications that arrived everywhere.
pub struct Summary {
    pub publications: usize,
    pub seconds_median: f64,
    pub seconds_max: f64,
    pub hops_max: u8,
}

/// What is known of the logs that had to arrive after healing.
pub struct Healing {
    /// Until half of what was missing had arrived.
    pub seconds_half: f64,
    pub seconds_all: f64,
    pub hops_max: u8,
}

/// The newest head of one log on its way.
#[derive(Clone, Copy, Default)]
struct Journey {
    size: u64,
    since_ms: u64,
    /// Nodes that do not hold it.
    missing: usize,
    hops_max: u8,
}

pub struct Spread {
    count: usize,
    /// What node `n` holds of log `l`, at `n * count + l`.
    held: Vec<u32>,
    /// Over how many nodes it came there.
    hops: Vec<u8>,
    journeys: Vec<Journey>,
    /// Milliseconds and steps of each journey that ended.
    ended: Vec<(u64, u8)>,
    /// Pairs of node and log that are behind.
    behind: usize,
}

impl Spread {
    pub fn new(sizes: &[u64]) -> Self {
        let count = sizes.len();
        let row: Vec<u32> = sizes.iter().map(|size| small(*size)).collect();
        let journey = |size: &u64| Journey { size: *size, ..Journey::default() };
        Self {
            count,
            held: row.repeat(count),
            hops: vec![0; count * count],
            journeys: sizes.iter().map(journey).collect(),
            ended: Vec::new(),
            behind: 0,
        }
    }

    pub fn held(&self, node: usize, log: usize) -> u64 {
        u64::from(self.held[node * self.count + log])
    }

    /// Pairs of node and log that do not hold the newest head.
    pub fn behind(&self) -> usize {
        self.behind
    }

    /// A node published.
    pub fn begin(&mut self, log: usize, size: u64, now_ms: u64) {
        self.behind += self.count - 1 - self.journeys[log].missing;
        let missing = self.count - 1;
        self.journeys[log] = Journey { size, since_ms: now_ms, missing, hops_max: 0 };
        let at = log * self.count + log;
        (self.held[at], self.hops[at]) = (small(size), 0);
    }

    /// A node holds something of a log now, which it has from another.
    pub fn arrive(&mut self, (node, log): (usize, usize), size: u64, from: usize, now_ms: u64) {
        let at = node * self.count + log;
        let hops = self.hops[from * self.count + log].saturating_add(1);
        let journey = &mut self.journeys[log];
        if size >= journey.size && u64::from(self.held[at]) < journey.size {
            self.behind -= 1;
            journey.missing -= 1;
            journey.hops_max = journey.hops_max.max(hops);
            if journey.missing == 0 {
                self.ended.push((now_ms - journey.since_ms, journey.hops_max));
            }
        }
        (self.held[at], self.hops[at]) = (small(size), hops);
    }

    /// A node was given the newest head of a log, and it came to it over no step that counts.
    pub fn give(&mut self, node: usize, log: usize) {
        let at = node * self.count + log;
        (self.held[at], self.hops[at]) = (small(self.journeys[log].size), 0);
        self.journeys[log].missing -= 1;
        self.behind -= 1;
    }

    /// Forgets the journeys that ended, and gives what they say together.
    pub fn take_summary(&mut self) -> Summary {
        let mut ended = std::mem::take(&mut self.ended);
        ended.sort_unstable();
        let seconds = |place: usize| ended.get(place).map_or(0.0, |(ms, _)| seconds(*ms));
        Summary {
            publications: ended.len(),
            seconds_median: seconds(ended.len() / 2),
            seconds_max: seconds(ended.len().saturating_sub(1)),
            hops_max: ended.iter().map(|(_, hops)| *hops).max().unwrap_or(0),
        }
    }
}

pub fn seconds(ms: u64) -> f64 {
    f64::from(small(ms)) / 1_000.0
}

fn small(number: u64) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}
