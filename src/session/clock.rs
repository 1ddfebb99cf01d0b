//! What time it is.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use jiff::Timestamp;

/// What time it is: the system's, put forward by what a test asked for. Only what is kept is dated
/// by it; leases and waits go by time that nobody moves.
#[derive(Debug, Clone)]
pub struct Clock {
    /// Microseconds.
    ahead: Arc<AtomicU64>,
}

impl Clock {
    /// The system's.
    pub fn system() -> Self {
        Self {
            ahead: Arc::new(AtomicU64::new(0)),
        }
    }

    /// Puts it and its clones forward.
    pub fn advance(&self, by: Duration) {
        let by = u64::try_from(by.as_micros()).unwrap_or(u64::MAX);
        self.ahead.fetch_add(by, Ordering::Relaxed);
    }

    pub(super) fn now(&self) -> Timestamp {
        let ahead = Duration::from_micros(self.ahead.load(Ordering::Relaxed));
        later(Timestamp::now(), ahead)
    }
}

/// A time so much later; the end of time for what is beyond it.
pub(super) fn later(time: Timestamp, by: Duration) -> Timestamp {
    time.checked_add(by).unwrap_or(Timestamp::MAX)
}
