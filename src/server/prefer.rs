//! How long a client wants to wait for a whole answer: `Prefer: wait=N` (RFC 7240).

use std::time::Duration;

use axum::http::{HeaderMap, HeaderValue};

/// Proxies commonly cut an answer that takes 120 s, and some at 100 s after theirs.
const DEFAULT_SECONDS: u64 = 100;

/// The longest wait, in seconds.
pub(super) const MAX_SECONDS: u64 = 120;

/// How long to wait, and what to say about it in `Preference-Applied`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Patience {
    /// How long.
    pub(super) wait: Duration,
    /// Present when the client stated a preference.
    pub(super) applied: Option<HeaderValue>,
}

/// Reads the preference; what cannot be read is passed over, as the RFC wants.
pub(super) fn patience(headers: &HeaderMap) -> Patience {
    let stated = || {
        headers
            .get_all("prefer")
            .iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(','))
            .map(|one| one.split(';').next().unwrap_or_default().trim())
    };
    let wait = stated().find_map(|one| {
        let (name, value) = one.split_once('=')?;
        let value = value.trim().trim_matches('"');
        name.trim()
            .eq_ignore_ascii_case("wait")
            .then_some(value)?
            .parse::<u64>()
            .ok()
    });
    let asynchronous = stated().any(|one| one.eq_ignore_ascii_case("respond-async"));
    match (wait, asynchronous) {
        (Some(seconds), _) => {
            let seconds = seconds.min(MAX_SECONDS);
            Patience {
                wait: Duration::from_secs(seconds),
                applied: HeaderValue::try_from(format!("wait={seconds}")).ok(),
            }
        }
        (None, true) => Patience {
            wait: Duration::ZERO,
            applied: Some(HeaderValue::from_static("respond-async")),
        },
        (None, false) => Patience {
            wait: Duration::from_secs(DEFAULT_SECONDS),
            applied: None,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wait_is_read_capped_and_said_back() {
        for (prefer, seconds, applied) in [
            (&[][..], 100, None),
            (&["wait=5"], 5, Some("wait=5")),
            (&["wait=0"], 0, Some("wait=0")),
            (&["Wait = \"7\""], 7, Some("wait=7")),
            (&["wait=4000"], 120, Some("wait=120")),
            (&["respond-async"], 0, Some("respond-async")),
            (&["respond-async, wait=10"], 10, Some("wait=10")),
            (
                &["return=minimal", "handling=strict, wait=3;x=1"],
                3,
                Some("wait=3"),
            ),
            (&["wait=soon"], 100, None),
            (&["wait=-1"], 100, None),
            (&["wait"], 100, None),
        ] {
            let mut headers = HeaderMap::new();
            for value in prefer {
                headers.append("prefer", HeaderValue::from_static(value));
            }
            assert_eq!(
                patience(&headers),
                Patience {
                    wait: Duration::from_secs(seconds),
                    applied: applied.map(HeaderValue::from_static),
                },
                "{prefer:?}"
            );
        }
    }
}
