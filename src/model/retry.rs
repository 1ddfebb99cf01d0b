//! When a model call is repeated, and after how long: by status and error type, never by words.
//!
//! The rules are those of the vendor's SDKs (`x-should-retry` first, then the status) with two
//! differences: a spend limit, which the API also answers with 429, is final, and what
//! `retry-after` asks for is capped. A repeated call may be billed twice; the API has no
//! idempotency key.

use std::time::{Duration, SystemTime};

use backon::ExponentialBuilder;

/// The longest wait that a server's `retry-after` gets. The API's rate windows are a minute long;
/// a person is waiting, and the SDK's own cap of fifty days is none.
pub const RETRY_AFTER_CAP: Duration = Duration::from_mins(1);

/// The error codes of a 429 that no waiting cures.
const SPEND_LIMITS: [&str; 3] = [
    "enforced_spend_limit_reached",
    "contract_spend_limit_reached",
    "ramp_limit_exceeded",
];

/// How often and how fast a model call is repeated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Policy {
    /// How many attempts a call gets, the first included.
    pub attempts: u32,
    /// The wait after the first attempt; it doubles with each, and up to as much again is added
    /// at random, so that many replicas do not come back together.
    pub first_delay: Duration,
    /// The longest wait before the random part.
    pub longest_delay: Duration,
    /// The longest wait that a server may ask for.
    pub retry_after_cap: Duration,
}

impl Default for Policy {
    /// Five attempts over 15 to 30 seconds: overload passes in that time, or lasts.
    fn default() -> Self {
        Self {
            attempts: 5,
            first_delay: Duration::from_secs(1),
            longest_delay: Duration::from_secs(16),
            retry_after_cap: RETRY_AFTER_CAP,
        }
    }
}

impl Policy {
    /// The waits between the attempts.
    pub(crate) fn backoff(&self) -> ExponentialBuilder {
        let waits = self.attempts.saturating_sub(1);
        ExponentialBuilder::new()
            .with_min_delay(self.first_delay)
            .with_max_delay(self.longest_delay)
            .with_max_times(usize::try_from(waits).unwrap_or(usize::MAX))
            .with_jitter()
    }
}

/// Whether a 429 with this error code is about money, not about the rate.
pub(crate) fn is_spend_limit(status: u16, error_code: Option<&str>) -> bool {
    status == 429 && error_code.is_some_and(|code| SPEND_LIMITS.contains(&code))
}

/// Whether an answer with this status is worth another attempt.
pub(crate) fn is_transient(
    status: u16,
    error_code: Option<&str>,
    should_retry: Option<bool>,
) -> bool {
    should_retry.unwrap_or_else(|| match status {
        408 | 409 => true,
        429 => !is_spend_limit(status, error_code),
        _ => status >= 500,
    })
}

/// The status that belongs to an error type; an `error` event in a stream has only the type.
/// A type that nobody knows counts as the server's own trouble.
pub(crate) fn status_of(kind: &str) -> u16 {
    match kind {
        "invalid_request_error" => 400,
        "authentication_error" => 401,
        "billing_error" => 402,
        "permission_error" => 403,
        "not_found_error" => 404,
        "conflict_error" => 409,
        "request_too_large" => 413,
        "rate_limit_error" => 429,
        "timeout_error" => 504,
        "overloaded_error" => 529,
        _ => 500,
    }
}

/// The wait a server asks for: `retry-after-ms`, else `retry-after` in seconds or as a date.
/// Nothing useful, nothing positive: none.
pub(crate) fn retry_after(
    milliseconds: Option<&str>,
    seconds_or_date: Option<&str>,
    now: SystemTime,
) -> Option<Duration> {
    let number = |text: &str| {
        text.trim()
            .parse::<f64>()
            .ok()
            .filter(|number| *number > 0.0)
    };
    let duration = |seconds: f64| Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX);
    if let Some(milliseconds) = milliseconds.and_then(number) {
        return Some(duration(milliseconds / 1000.0));
    }
    let text = seconds_or_date?;
    number(text).map(duration).or_else(|| {
        let date = httpdate::parse_http_date(text.trim()).ok()?;
        date.duration_since(now).ok().filter(|wait| !wait.is_zero())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn transient_is_judged_by_status_and_code() {
        let transient: Vec<u16> = (100..600)
            .filter(|status| is_transient(*status, None, None))
            .collect();
        let expected: Vec<u16> = [408, 409, 429].into_iter().chain(500..600).collect();
        assert_eq!(transient, expected);
        for code in SPEND_LIMITS {
            assert!(!is_transient(429, Some(code), None), "{code}");
        }
        assert!(is_transient(429, Some("requests_per_minute"), None));
        assert!(is_transient(
            529,
            Some("enforced_spend_limit_reached"),
            None
        ));
    }

    #[test]
    fn the_server_has_the_last_word_on_retrying() {
        assert!(!is_transient(529, None, Some(false)));
        assert!(is_transient(400, None, Some(true)));
        assert!(is_transient(429, Some("ramp_limit_exceeded"), Some(true)));
    }

    #[test]
    fn retry_after_is_read_in_all_its_forms() {
        let now = httpdate::parse_http_date("Sun, 06 Nov 1994 08:49:37 GMT").unwrap();
        let read = |ms: Option<&str>, text: Option<&str>| retry_after(ms, text, now);
        assert_eq!(read(None, None), None);
        assert_eq!(read(None, Some("2.5")), Some(Duration::from_millis(2500)));
        assert_eq!(
            read(Some("250"), Some("9")),
            Some(Duration::from_millis(250))
        );
        assert_eq!(read(Some("soon"), Some("9")), Some(Duration::from_secs(9)));
        let later = Some("Sun, 06 Nov 1994 08:50:07 GMT");
        assert_eq!(read(None, later), Some(Duration::from_secs(30)));
        for useless in [
            "0",
            "-1",
            "NaN",
            "soon",
            "",
            "Sun, 06 Nov 1994 08:49:07 GMT",
        ] {
            assert_eq!(read(None, Some(useless)), None, "{useless}");
        }
        assert_eq!(read(None, Some("inf")), Some(Duration::MAX));
        assert_eq!(read(None, Some("1e300")), Some(Duration::MAX));
    }
}
