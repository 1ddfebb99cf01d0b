//! Why a connection came to nothing, in words of whoever must mend it.

use std::error::Error;
use std::io::{self, ErrorKind};

use reqwest::Url;

use super::error::one_line;

/// What an address is for people: scheme, host and port. Whatever else stands in it may be a
/// credential.
pub(crate) fn address(url: &Url) -> String {
    url.origin().ascii_serialization()
}

/// Why a request got no answer, in one line that does not name the address.
pub(crate) fn cause(error: &reqwest::Error) -> String {
    if error.is_timeout() {
        return "it took too long".to_owned();
    }
    let mut deepest: &dyn Error = error;
    while let Some(deeper) = deepest.source() {
        // The layer of the client that looks names up.
        if deepest.to_string() == "dns error" {
            return "its name is not known here".to_owned();
        }
        if let Some(words) = deeper.downcast_ref::<io::Error>().and_then(of_system) {
            return words.to_owned();
        }
        deepest = deeper;
    }
    match deepest.to_string().as_str() {
        // What rustls says of an answer in plain HTTP.
        "received corrupt message of type InvalidContentType" => {
            "it answers without TLS (an address with `http://`?)".to_owned()
        }
        other => one_line(other),
    }
}

fn of_system(error: &io::Error) -> Option<&'static str> {
    Some(match error.kind() {
        ErrorKind::ConnectionRefused => "nothing listens there (connection refused)",
        ErrorKind::ConnectionReset | ErrorKind::BrokenPipe => "it broke the connection off",
        ErrorKind::HostUnreachable | ErrorKind::NetworkUnreachable => {
            "there is no way to it from here (network unreachable)"
        }
        ErrorKind::TimedOut => "it took too long",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_shown_without_what_may_be_a_credential() {
        for (url, expected) in [
            (
                "http://user:password@127.0.0.1:8080/v1?key=k",
                "http://127.0.0.1:8080",
            ),
            (
                "https://api.anthropic.com/v1/messages",
                "https://api.anthropic.com",
            ),
        ] {
            assert_eq!(address(&Url::parse(url).unwrap()), expected);
        }
    }
}
