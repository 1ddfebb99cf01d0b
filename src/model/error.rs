//! What can go wrong with a model call: one attempt's [`Failure`], and the [`Error`] that ends
//! the call.

use std::time::Duration;

use super::{message::BlockPlace, retry};

/// The longest message of an API that is passed on, in characters.
const MAX_MESSAGE_CHARS: usize = 600;

/// Why one attempt failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// The API answered with an error, as a status or as an event in the stream.
    #[error("the model's API answered {status} {kind}{}", tail(message))]
    Answered {
        /// The HTTP status; of an event, the one that belongs to its type.
        status: u16,
        /// The API's error type; `http_error` if the body has none (a proxy's page).
        kind: String,
        /// The API's finer code, where it gives one.
        error_code: Option<String>,
        /// The API's words, shortened and on one line.
        message: String,
        /// The API's id of the request.
        request_id: Option<String>,
        /// What `x-should-retry` says.
        should_retry: Option<bool>,
        /// What `retry-after` says.
        retry_after: Option<Duration>,
    },
    /// No answer came: no connection, or it broke before the first byte.
    #[error("the model's API at `{address}` cannot be reached: {cause}")]
    Unreachable {
        /// Scheme, host and port.
        address: String,
        /// In words.
        cause: String,
    },
    /// Nothing arrived for so long.
    #[error("the model's API sent nothing for {} s", .0.as_secs_f64())]
    Idle(Duration),
    /// The whole reply took longer than a reply can.
    #[error("the reply was not complete after {} s", .0.as_secs_f64())]
    Overlong(Duration),
    /// The stream ended or broke before the reply was complete.
    #[error("the reply broke off{}", tail(.0))]
    CutStream(String),
    /// The answer is not one of the Messages API, or a call in it cannot be read.
    #[error("the model's reply cannot be read{}", tail(.0))]
    Malformed(String),
}

impl Failure {
    /// A stable word: the API's error type, or `connection`, `idle_timeout`, `reply_timeout`,
    /// `cut_stream`, `malformed_reply`.
    pub fn code(&self) -> &str {
        match self {
            Self::Answered { kind, .. } => kind,
            Self::Unreachable { .. } => "connection",
            Self::Idle(_) => "idle_timeout",
            Self::Overlong(_) => "reply_timeout",
            Self::CutStream(_) => "cut_stream",
            Self::Malformed(_) => "malformed_reply",
        }
    }

    /// Whether another attempt may do better. A cut stream may: nobody saw what had arrived.
    pub(crate) fn is_transient(&self) -> bool {
        match self {
            Self::Answered {
                status,
                error_code,
                should_retry,
                ..
            } => retry::is_transient(*status, error_code.as_deref(), *should_retry),
            Self::Unreachable { .. } | Self::Idle(_) | Self::CutStream(_) => true,
            // An hour went by: the turn's patience is over before the second one does.
            Self::Overlong(_) | Self::Malformed(_) => false,
        }
    }

    /// Whether the server itself is to blame, even where it says not to come back.
    fn is_the_servers_trouble(&self) -> bool {
        matches!(self, Self::Answered { status, .. } if *status >= 500)
    }

    /// The wait that the server asked for.
    pub(crate) fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Answered { retry_after, .. } => *retry_after,
            _ => None,
        }
    }
}

/// Why a model call failed for good.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The API refused the request (any 4xx that is not named below).
    #[error(
        "the model's API rejected the request: {status} {kind}{}",
        tail(message)
    )]
    Rejected {
        /// The HTTP status.
        status: u16,
        /// The API's error type.
        kind: String,
        /// The API's words, shortened and on one line.
        message: String,
        /// The API's id of the request, for its support.
        request_id: Option<String>,
        /// The thinking block whose signature the API refused: strip it and what follows
        /// ([`strip_thinking_from`](super::strip_thinking_from)), and ask again once.
        invalid_thinking: Option<BlockPlace>,
    },
    /// The vendor's API was to be asked without a key: nothing was sent.
    #[error("there is no key for the model's API")]
    NoKey,
    /// The API does not accept the key, or the key may not do this (401, 403).
    #[error(
        "the model's API does not accept the key: {status} {kind}{}",
        tail(message)
    )]
    Unauthorized {
        /// The HTTP status.
        status: u16,
        /// The API's error type.
        kind: String,
        /// The API's words, shortened and on one line.
        message: String,
        /// The API's id of the request, for its support.
        request_id: Option<String>,
    },
    /// The account's money or limit is used up (402, or 429 with a spend limit's code).
    #[error(
        "the account's spend limit is reached: {status} {kind}{}",
        tail(message)
    )]
    SpendLimit {
        /// The HTTP status.
        status: u16,
        /// The API's error code or type.
        kind: String,
        /// The API's words, shortened and on one line.
        message: String,
        /// The API's id of the request, for its support.
        request_id: Option<String>,
    },
    /// All attempts failed, or the last failure was not worth another.
    #[error("{last} ({attempts} {})", if *attempts == 1 { "attempt" } else { "attempts" })]
    Unavailable {
        /// How many attempts were made.
        attempts: u32,
        /// Why the last one failed.
        last: Failure,
    },
    /// The answer is not one of the Messages API, or holds a call that cannot be read.
    #[error("the model's reply cannot be read{}", tail(.0))]
    Malformed(String),
}

impl Error {
    /// A stable word for clients: `model_rejected`, `model_unauthorized`, `model_spend_limit`,
    /// `model_unavailable`, `model_malformed_reply`.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Rejected { .. } => "model_rejected",
            Self::NoKey => "model_no_key",
            Self::Unauthorized { .. } => "model_unauthorized",
            Self::SpendLimit { .. } => "model_spend_limit",
            Self::Unavailable { .. } => "model_unavailable",
            Self::Malformed(_) => "model_malformed_reply",
        }
    }

    /// The way out, where there is one that the operator can take.
    pub fn help(&self) -> Option<&'static str> {
        match self {
            Self::NoKey | Self::Unauthorized { .. } => {
                Some("set `ANTHROPIC_API_KEY` to a key of your account")
            }
            Self::SpendLimit { .. } => Some("raise the limit in the vendor's console"),
            Self::Unavailable {
                last: Failure::Unreachable { .. },
                ..
            } => Some("check `model.base_url` and the network"),
            _ => None,
        }
    }

    /// The error that ends a call after its last attempt.
    pub(crate) fn after(attempts: u32, last: Failure) -> Self {
        let rejects = !last.is_transient() && !last.is_the_servers_trouble();
        match last {
            Failure::Malformed(detail) => Self::Malformed(detail),
            Failure::Answered {
                status,
                kind,
                error_code,
                message,
                request_id,
                ..
            } if rejects => {
                if status == 402 || retry::is_spend_limit(status, error_code.as_deref()) {
                    let kind = error_code.unwrap_or(kind);
                    Self::SpendLimit {
                        status,
                        kind,
                        message,
                        request_id,
                    }
                } else if matches!(status, 401 | 403) {
                    Self::Unauthorized {
                        status,
                        kind,
                        message,
                        request_id,
                    }
                } else {
                    let invalid_thinking = (status == 400).then(|| invalid_thinking(&message));
                    let invalid_thinking = invalid_thinking.flatten();
                    Self::Rejected {
                        status,
                        kind,
                        message,
                        request_id,
                        invalid_thinking,
                    }
                }
            }
            last => Self::Unavailable { attempts, last },
        }
    }
}

/// Reads the place out of ``messages.N.content.M: Invalid `signature` in `thinking` block…``: the
/// one place where the API's words are parsed, since it tells the place nowhere else.
fn invalid_thinking(message: &str) -> Option<BlockPlace> {
    let (place, complaint) = message.split_once(": ")?;
    if !(complaint.starts_with("Invalid `signature`") && complaint.contains("thinking`")) {
        return None;
    }
    let (_, numbers) = place.rsplit_once("messages.")?;
    let (message, block) = numbers.split_once(".content.")?;
    Some(BlockPlace {
        message: message.parse().ok()?,
        block: block.parse().ok()?,
    })
}

/// A foreign text as one bounded line without control characters.
pub(crate) fn one_line(text: &str) -> String {
    let words = text.split(|c: char| c.is_whitespace() || c.is_control());
    let mut line = String::new();
    for word in words.filter(|word| !word.is_empty()) {
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
        if line.len() > MAX_MESSAGE_CHARS * 4 {
            break;
        }
    }
    match line.char_indices().nth(MAX_MESSAGE_CHARS) {
        Some((end, _)) => {
            line.truncate(end);
            line + "…"
        }
        None => line,
    }
}

fn tail(text: &str) -> String {
    if text.is_empty() {
        String::new()
    } else {
        format!(": {text}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_invalid_signature_names_its_block() {
        let place = |message, block| Some(BlockPlace { message, block });
        let bound = "messages.3.content.1: Invalid `signature` in `thinking` block. The block is bound to a different conversation";
        assert_eq!(invalid_thinking(bound), place(3, 1));
        let redacted = "messages.12.content.0: Invalid `signature` in `redacted_thinking` block";
        assert_eq!(invalid_thinking(redacted), place(12, 0));
        for other in [
            "messages.3.content.1: text content blocks must be non-empty",
            "messages.3.content.x: Invalid `signature` in `thinking` block",
            "Invalid `signature` in `thinking` block",
            "prompt is too long: Invalid `signature` in `thinking` block",
            "",
        ] {
            assert_eq!(invalid_thinking(other), None, "{other}");
        }
    }

    #[test]
    fn foreign_words_become_one_bounded_line() {
        assert_eq!(one_line(" a\r\n\u{1b}[31mb\t c "), "a [31mb c");
        let long = one_line(&"é".repeat(5000));
        assert_eq!(long.chars().count(), MAX_MESSAGE_CHARS + 1);
        assert_eq!(
            one_line(&"é ".repeat(5000)).chars().count(),
            MAX_MESSAGE_CHARS + 1
        );
    }
}
