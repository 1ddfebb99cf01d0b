//! What time it is.

use std::time::Duration;

use jiff::Timestamp;
use tokio::time::Instant;

/// What time it is: the system's, or the runtime's, which a test can move.
#[derive(Debug, Clone, Copy)]
pub struct Clock(Option<(Timestamp, Instant)>);

impl Clock {
    /// The system's.
    pub fn system() -> Self {
        Self(None)
    }

    /// The system's as of now, going on as the runtime's goes on.
    pub fn runtime() -> Self {
        Self(Some((Timestamp::now(), Instant::now())))
    }

    pub(super) fn now(&self) -> Timestamp {
        match self.0 {
            None => Timestamp::now(),
            Some((start, since)) => later(start, since.elapsed()),
        }
    }
}

/// A time so much later; the end of time for what is beyond it.
pub(super) fn later(time: Timestamp, by: Duration) -> Timestamp {
    time.checked_add(by).unwrap_or(Timestamp::MAX)
}
