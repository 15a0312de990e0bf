//! Time as the state machine counts it. Deadlines lie in the future; a clock that is set back would
//! move all of them away, and a node would not speak to its peers for as long as that.

use crate::time::Timestamp;

/// Reads a clock that may be set back, and never goes back itself.
#[derive(Debug, Default)]
pub(super) struct Steady {
    last: Timestamp,
    set_back_ms: i64,
}

impl Steady {
    /// The time by which deadlines are set, when the clock says `now`.
    pub(super) fn read(&mut self, now: Timestamp) -> Timestamp {
        let back_ms = self.last.millis() - now.millis();
        self.set_back_ms += back_ms.max(0);
        self.last = now;
        now.plus_millis(self.set_back_ms)
    }
}
