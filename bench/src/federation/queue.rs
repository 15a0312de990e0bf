//! What happens when: one list of events for each simulated millisecond of the next minute, in a
//! ring. Events of one millisecond happen in the order they were put in.

/// The farthest an event may lie ahead.
pub const AHEAD_MS_MAX: u64 = 1 << 16;

pub struct Queue<E> {
    ring: Vec<Vec<E>>,
    now: u64,
}

impl<E> Queue<E> {
    pub fn new() -> Self {
        let mut ring = Vec::new();
        ring.resize_with(usize::try_from(AHEAD_MS_MAX).unwrap_or(usize::MAX), Vec::new);
        Self { ring, now: 0 }
    }

    /// Milliseconds since the beginning.
    pub fn now(&self) -> u64 {
        self.now
    }

    /// Puts an event in; one without delay happens in the next millisecond.
    pub fn after(&mut self, delay_ms: u64, event: E) {
        let at = self.now + delay_ms.clamp(1, AHEAD_MS_MAX - 1);
        if let Some(place) = self.place(at) {
            place.push(event);
        }
    }

    /// Goes to the next millisecond and gives what happens in it.
    pub fn next(&mut self) -> Vec<E> {
        self.now += 1;
        let now = self.now;
        self.place(now).map(std::mem::take).unwrap_or_default()
    }

    fn place(&mut self, at: u64) -> Option<&mut Vec<E>> {
        self.ring.get_mut(usize::try_from(at % AHEAD_MS_MAX).ok()?)
    }
}
