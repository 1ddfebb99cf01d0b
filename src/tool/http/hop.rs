//! The requests of one call: the first, and those that redirects lead to.

use reqwest::{Method, StatusCode, Url};

use crate::call::{may_ask, redirected};

/// How many redirects are followed: documentation hosts need one or two, for a language and a
/// version.
pub(super) const MAX_REDIRECTS: usize = 5;

/// One request of a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Hop {
    pub(super) method: Method,
    pub(super) url: Url,
    /// Whether the headers of the tool go along: never again after another host was asked, since
    /// they may hold secrets.
    pub(super) headers: bool,
    /// Whether the body goes along.
    pub(super) body: bool,
}

impl Hop {
    /// Where an answer that redirects leads to, if that may be followed.
    pub(super) fn next(
        &self,
        status: StatusCode,
        location: &str,
        hosts: &[String],
    ) -> Result<Self, String> {
        let url = redirected(&self.url, location).map_err(|error| {
            format!("it redirects to `{location}`, which is no address: {error}")
        })?;
        may_ask(&url, hosts)
            .map_err(|refused| format!("it redirects to `{url}`, and {refused}"))?;
        let same_host = url.host() == self.url.host();
        let method = self.method_after(status);
        if !same_host && !matches!(method, Method::GET | Method::HEAD) {
            return Err(format!(
                "it redirects the `{method}` to another host, `{url}`, which is not followed"
            ));
        }
        Ok(Self {
            url,
            headers: self.headers && same_host,
            body: self.body && same_host && method == self.method,
            method,
        })
    }

    /// The method after a redirect, as browsers have it (the Fetch standard, HTTP-redirect fetch).
    fn method_after(&self, status: StatusCode) -> Method {
        let becomes_get = match status {
            StatusCode::SEE_OTHER => self.method != Method::HEAD,
            StatusCode::MOVED_PERMANENTLY | StatusCode::FOUND => self.method == Method::POST,
            _ => false,
        };
        if becomes_get {
            Method::GET
        } else {
            self.method.clone()
        }
    }
}

/// Whether a status asks to look elsewhere.
pub(super) fn redirects(status: StatusCode) -> bool {
    matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hosts() -> [String; 2] {
        ["docs.example.org", "*.example.net"].map(str::to_owned)
    }

    fn first(method: &str) -> Hop {
        Hop {
            method: method.parse().unwrap(),
            url: Url::parse("https://docs.example.org/a/b?c#d").unwrap(),
            headers: true,
            body: method != "GET" && method != "HEAD",
        }
    }

    fn next(method: &str, status: u16, location: &str) -> Result<String, String> {
        let status = StatusCode::from_u16(status).unwrap();
        let hop = first(method).next(status, location, &hosts())?;
        let headers = if hop.headers { " +headers" } else { "" };
        let body = if hop.body { " +body" } else { "" };
        Ok(format!("{} {}{headers}{body}", hop.method, hop.url))
    }

    #[test]
    fn a_redirect_keeps_what_it_may_keep() {
        let own = "https://docs.example.org";
        let other = "https://x.example.net";
        for (method, status, location, expected) in [
            ("GET", 301, "c", format!("GET {own}/a/c +headers")),
            ("GET", 302, "/c?d", format!("GET {own}/c?d +headers")),
            ("HEAD", 303, "/c", format!("HEAD {own}/c +headers")),
            ("GET", 307, "//x.example.net/c", format!("GET {other}/c")),
            ("HEAD", 308, other, format!("HEAD {other}/")),
            ("POST", 301, "/c", format!("GET {own}/c +headers")),
            ("POST", 303, other, format!("GET {other}/")),
            ("PUT", 302, "/c", format!("PUT {own}/c +headers +body")),
            ("PUT", 303, "/c", format!("GET {own}/c +headers")),
            ("POST", 307, "/c", format!("POST {own}/c +headers +body")),
            (
                "GET",
                301,
                "https://DOCS.example.org:443/c",
                format!("GET {own}/c +headers"),
            ),
        ] {
            let hop = next(method, status, location);
            assert_eq!(hop, Ok(expected), "{method} {status} {location}");
        }
    }

    #[test]
    fn a_redirect_that_may_not_be_followed_says_why() {
        for (method, location, expected) in [
            (
                "GET",
                "http://docs.example.org/",
                "to `http://docs.example.org/`, and `http` is not `https`",
            ),
            (
                "GET",
                "//docs.example.org:444/",
                "to `https://docs.example.org:444/`, and the address names a port, and only 443 is \
                 asked",
            ),
            (
                "GET",
                "//u:p@docs.example.org/",
                "to `https://u:p@docs.example.org/`, and the address holds a user name or a \
                 password",
            ),
            (
                "GET",
                "https://example.net/",
                "to `https://example.net/`, and `example.net` is not one of the hosts that may be \
                 asked",
            ),
            (
                "GET",
                "https://0x7f.1/",
                "to `https://127.0.0.1/`, and `127.0.0.1` is not one of the hosts that may be asked",
            ),
            (
                "GET",
                "https://[",
                "to `https://[`, which is no address: invalid IPv6 address",
            ),
            (
                "POST",
                "https://x.example.net/",
                "the `POST` to another host, `https://x.example.net/`, which is not followed",
            ),
        ] {
            let error = next(method, 307, location).unwrap_err();
            assert_eq!(error, format!("it redirects {expected}"));
        }
    }

    #[test]
    fn headers_that_were_left_behind_do_not_come_back() {
        let go = |hop: Hop, to| hop.next(StatusCode::FOUND, to, &hosts()).unwrap();
        let back = go(go(first("GET"), "//a.example.net/"), "//docs.example.org/");
        assert_eq!(back.url.as_str(), "https://docs.example.org/");
        assert!(!back.headers);
    }
}
