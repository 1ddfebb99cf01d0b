//! How long a client keeps trying.

use std::time::Duration;

use backon::{BackoffBuilder as _, ExponentialBuilder};

/// The first pause; a dropped packet is no reason to wait longer.
const FIRST: Duration = Duration::from_millis(250);

/// The longest pause: an operator who opens the lid again should not stare at it.
const LONGEST: Duration = Duration::from_secs(10);

/// Attempts to reach a server that never answered: together about two seconds, since a wrong
/// address is likelier than a server that is just starting.
const BEFORE_CONTACT: usize = 3;

/// How long a client keeps trying once a server has answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Patience {
    /// Until the operator gives up, or a deadline elsewhere ends it.
    Endless,
    /// No second attempt.
    #[cfg(test)]
    None,
}

impl Patience {
    /// The pauses between attempts.
    pub(super) fn pauses(self, reached: bool) -> impl Iterator<Item = Duration> {
        let growing = ExponentialBuilder::new()
            .with_min_delay(FIRST)
            .with_max_delay(LONGEST)
            .with_factor(2.0)
            .with_jitter();
        match self {
            Self::Endless if reached => growing.without_max_times(),
            Self::Endless => growing.with_max_times(BEFORE_CONTACT),
            #[cfg(test)]
            Self::None => growing.with_max_times(0),
        }
        .build()
    }
}
