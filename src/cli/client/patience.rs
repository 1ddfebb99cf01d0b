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

/// The pauses between attempts: a few where the server never answered, else without end, until the
/// operator gives up or a deadline elsewhere ends it.
pub(super) fn pauses(reached: bool) -> impl Iterator<Item = Duration> {
    let growing = ExponentialBuilder::new()
        .with_min_delay(FIRST)
        .with_max_delay(LONGEST)
        .with_factor(2.0)
        .with_jitter();
    if reached {
        growing.without_max_times().build()
    } else {
        growing.with_max_times(BEFORE_CONTACT).build()
    }
}
