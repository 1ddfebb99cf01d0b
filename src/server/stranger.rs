//! Requests without a valid token, in the log: a few of them one by one, the rest as a number, so
//! that whoever guesses tokens does not fill the disk.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How long a count runs.
const WINDOW: Duration = Duration::from_mins(1);

/// Lines in one window: enough to see who it is, and from which client.
const LINES: u64 = 10;

/// What was turned away lately.
#[derive(Debug, Default)]
pub(super) struct Strangers {
    window: Mutex<Window>,
}

#[derive(Debug, Default)]
struct Window {
    began: Option<Instant>,
    count: u64,
}

/// What the log says of one request that was turned away.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Told {
    /// How many of the window before were not logged, where this request begins another.
    pub(super) before: Option<u64>,
    /// Whether it gets a line of its own.
    pub(super) this: bool,
}

impl Strangers {
    /// Counts a request that is turned away now.
    pub(super) fn turned_away(&self, now: Instant) -> Told {
        let mut window = self.window.lock().unwrap_or_else(PoisonError::into_inner);
        let is_over = |began| now.saturating_duration_since(began) >= WINDOW;
        let mut before = None;
        if window.began.is_none_or(is_over) {
            before = window.count.checked_sub(LINES).filter(|count| *count > 0);
            *window = Window {
                began: Some(now),
                count: 0,
            };
        }
        window.count = window.count.saturating_add(1);
        Told {
            before,
            this: window.count <= LINES,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_strangers_make_a_few_lines_and_a_number() {
        let strangers = Strangers::default();
        let start = Instant::now();
        let lines = (0..20_000).filter(|_| strangers.turned_away(start).this);
        assert_eq!(lines.count(), 10);
        let later = strangers.turned_away(start + WINDOW);
        let (before, this) = (Some(19_990), true);
        assert_eq!(later, Told { before, this });
        let next = strangers.turned_away(start + WINDOW);
        assert_eq!(next, Told { before: None, this });
    }
}
