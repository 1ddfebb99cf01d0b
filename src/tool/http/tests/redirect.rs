//! What goes along when an answer redirects, and what does not.

use super::site::{Site, ok, reply, to};
use super::{failed, fetch, get, request, shown, text};
use crate::call::{Piece, Rendered, Request};
use crate::config::name::SecretName;

fn secret(before: &str) -> Rendered {
    Rendered {
        pieces: vec![
            Piece::Text(before.to_owned()),
            Piece::Secret(SecretName::new("TOKEN")),
        ],
    }
}

/// A request with a secret in a header.
fn with_secret(method: &str) -> Request {
    let mut request = request(method, "https://docs.example.org/a?b#c");
    request.headers = vec![
        ("Authorization".to_owned(), secret("Bearer ")),
        ("X-Plain".to_owned(), text("plain")),
        ("User-Agent".to_owned(), text("mine")),
    ];
    request
}

/// What came after the first line, in order.
fn headers(site: &Site, request: usize) -> Vec<String> {
    let requests = site.requests.lock().unwrap();
    let (head, body) = requests[request].split_once("\r\n\r\n").unwrap();
    let mut lines: Vec<String> = head.lines().skip(1).map(str::to_owned).collect();
    lines.sort_unstable();
    if !body.is_empty() {
        lines.push(body.to_owned());
    }
    lines
}

#[tokio::test]
async fn a_request_says_what_it_wants_and_no_more() {
    let site = Site::new([ok("text/plain", "an answer")]);
    let finished = fetch(&get("https://docs.example.org/a?b=c#d"), &site.reach).await;
    assert_eq!(shown(&finished), "an answer");
    assert_eq!(finished.stored, "an answer");
    assert_eq!(finished.bytes, 9);
    assert_eq!(site.asked_for(), ["GET /a?b=c HTTP/1.1"]);
    let agent = format!("user-agent: tolkien/{}", env!("CARGO_PKG_VERSION"));
    assert_eq!(
        headers(&site, 0),
        [
            "accept-encoding: identity",
            "accept: text/markdown, text/plain;q=0.9, text/html;q=0.8, application/json;q=0.8, \
             */*;q=0.1",
            "host: docs.example.org",
            &agent,
        ]
    );
}

#[tokio::test]
async fn headers_and_body_are_sent_with_their_secrets() {
    let site = Site::new([ok("text/plain", "made")]);
    let mut request = with_secret("POST");
    request.body = Some(secret("token="));
    request.accept = vec!["text/plain".to_owned(), "application/json".to_owned()];
    assert_eq!(shown(&fetch(&request, &site.reach).await), "made");
    assert_eq!(
        headers(&site, 0),
        [
            "accept-encoding: identity",
            "accept: text/plain, application/json",
            "authorization: Bearer s3cret0of0the0test",
            "content-length: 24",
            "host: docs.example.org",
            "user-agent: mine",
            "x-plain: plain",
            "token=s3cret0of0the0test",
        ]
    );
}

#[tokio::test]
async fn a_redirect_on_the_same_host_keeps_headers_and_body() {
    let site = Site::new([to("307 Temporary Redirect", "b"), ok("text/plain", "made")]);
    let mut request = with_secret("POST");
    request.body = Some(secret("token="));
    let finished = fetch(&request, &site.reach).await;
    assert_eq!(
        shown(&finished),
        "[redirected to https://docs.example.org/b]\nmade"
    );
    assert_eq!(finished.stored, "made");
    assert_eq!(site.asked_for(), ["POST /a?b HTTP/1.1", "POST /b HTTP/1.1"]);
    assert_eq!(headers(&site, 1), headers(&site, 0));
    assert!(headers(&site, 1).contains(&"token=s3cret0of0the0test".to_owned()));
}

#[tokio::test]
async fn a_redirect_to_another_host_leaves_headers_behind_for_good() {
    let site = Site::new([
        to("302 Found", "https://www.example.net/b"),
        to("302 Found", "https://docs.example.org/c"),
        ok("text/plain", "there"),
    ]);
    let finished = fetch(&with_secret("GET"), &site.reach).await;
    assert_eq!(
        shown(&finished),
        "[redirected to https://docs.example.org/c]\nthere"
    );
    assert_eq!(
        site.asked_for(),
        ["GET /a?b HTTP/1.1", "GET /b HTTP/1.1", "GET /c HTTP/1.1"]
    );
    let requests = site.requests.lock().unwrap();
    for later in &requests[1..] {
        for secret in [
            "s3cret0of0the0test",
            "uthorization",
            "plain\r",
            "mine",
            "ookie",
            "eferer",
        ] {
            assert!(!later.contains(secret), "{secret}: {later}");
        }
    }
}

#[tokio::test]
async fn a_body_is_never_sent_to_another_host() {
    for status in ["307 Temporary Redirect", "308 Permanent Redirect"] {
        let site = Site::new([
            to(status, "https://www.example.net/b"),
            ok("text/plain", "x"),
        ]);
        let mut request = with_secret("POST");
        request.body = Some(secret("token="));
        let finished = fetch(&request, &site.reach).await;
        let (code, why) = failed(&finished);
        assert!(status.starts_with(&code.to_string()));
        assert_eq!(
            why,
            "[failed: it redirects the `POST` to another host, `https://www.example.net/b`, which \
             is not followed]"
        );
        assert_eq!(site.asked_for(), ["POST /a?b HTTP/1.1"]);
    }
    let site = Site::new([
        to("303 See Other", "//www.example.net/b"),
        ok("text/plain", "x"),
    ]);
    let mut request = with_secret("POST");
    request.body = Some(secret("token="));
    assert!(shown(&fetch(&request, &site.reach).await).ends_with("\nx"));
    assert_eq!(site.asked_for(), ["POST /a?b HTTP/1.1", "GET /b HTTP/1.1"]);
    assert!(!site.requests.lock().unwrap()[1].contains("s3cret0of0the0test"));
}

#[tokio::test]
async fn no_cookie_is_kept() {
    let redirect = reply(
        "302 Found",
        &["location: /b", "set-cookie: session=1; Path=/; Secure"],
        "",
    );
    let site = Site::new([redirect, ok("text/plain", "there")]);
    shown(&fetch(&get("https://docs.example.org/a"), &site.reach).await);
    assert!(!site.requests.lock().unwrap()[1].contains("ookie"));
}

#[tokio::test]
async fn a_circle_of_redirects_ends() {
    let site = Site::new([to("302 Found", "/a")]);
    let finished = fetch(&get("https://docs.example.org/a"), &site.reach).await;
    assert_eq!(
        failed(&finished),
        (
            1,
            "[failed: it redirects more than 5 times, at last to `https://docs.example.org/a`]"
        )
    );
    assert_eq!(site.asked_for().len(), 6);
}

#[tokio::test]
async fn a_redirect_to_nowhere_is_an_error_answer() {
    let site = Site::new([reply("302 Found", &["content-type: text/plain"], "where?")]);
    let finished = fetch(&get("https://docs.example.org/a"), &site.reach).await;
    assert_eq!(
        failed(&finished),
        (302, "[failed with status 302 Found]\nwhere?")
    );
}

#[tokio::test]
async fn a_secret_that_is_missing_or_no_headers_value_is_not_sent() {
    let site = Site::new([ok("text/plain", "x")]);
    let mut request = get("https://docs.example.org/");
    let missing = Rendered {
        pieces: vec![Piece::Secret(SecretName::new("OTHER"))],
    };
    request.headers = vec![("Authorization".to_owned(), missing)];
    let finished = fetch(&request, &site.reach).await;
    insta::assert_snapshot!(super::not_sent(&finished), @"secret `OTHER` is not available: the environment variable `OTHER` is not set");
    request.headers = vec![("Authorization".to_owned(), secret("a\n"))];
    let finished = fetch(&request, &site.reach).await;
    insta::assert_snapshot!(super::not_sent(&finished), @"header `Authorization` cannot be sent: its value is no header's");
    assert_eq!(site.asked_for(), [""; 0]);
}
