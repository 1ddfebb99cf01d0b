//! What becomes of an answer: its size, its time, its kind and its status.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::super::answer::{MAX_BYTES, MAX_ERROR_BYTES};
use super::super::reach::Reach;
use super::site::{Reply, Site, head, ok, reply, to};
use super::{NEVER, failed, fetch, get, request, sent, shown};
use crate::tool::Outcome;

const URL: &str = "https://docs.example.org/guide/";

/// Long enough for a handshake on a busy machine, short enough to wait for.
const SHORT: Duration = Duration::from_millis(300);

async fn answered(reply: Reply) -> crate::tool::Finished {
    let site = Site::new([reply]);
    fetch(&get(URL), &site.reach).await
}

#[tokio::test]
async fn a_page_is_shown_as_markdown_with_links_that_can_be_asked_for() {
    let html = "<title>A guide</title><nav>menu</nav><main><p>See <a href='../ref'>here</a>.";
    let finished = answered(ok("text/html; charset=utf-8", html)).await;
    let markdown = "# A guide\n\nSee [here](https://docs.example.org/ref).";
    assert_eq!(shown(&finished), markdown);
    assert_eq!(finished.stored, markdown);
    assert_eq!(finished.bytes, html.len() as u64);
}

#[tokio::test]
async fn another_text_is_shown_as_it_is_in_its_own_characters() {
    let yaml = "a: <b>1</b>\nc: [2]\n";
    assert_eq!(
        shown(&answered(ok("text/yaml", yaml)).await),
        yaml.trim_end()
    );
    let latin = answered(ok("text/plain; charset=iso-8859-1", b"caf\xe9")).await;
    assert_eq!(shown(&latin), "café");
    let page = b"<meta charset=shift_jis><p>\x93\xfa\x96\x7b";
    assert_eq!(shown(&answered(ok("text/html", page)).await), "日本");
    let plain = reply("200 OK", &[], "no media type");
    assert_eq!(shown(&answered(plain).await), "no media type");
}

#[tokio::test]
async fn an_answer_goes_the_way_of_every_output() {
    let text = format!("\u{1b}[31mred\u{1b}[0m \u{202e}{}", "x".repeat(20_000));
    let finished = answered(ok("text/plain", text)).await;
    assert!(shown(&finished).starts_with("red <U+202E>xxx"));
    assert!(finished.truncated);
    assert!(finished.shown.contains("read_output"), "{}", finished.shown);
    assert!(finished.shown.chars().count() < 13_000);
    assert_eq!(finished.stored.len(), 20_000 + "red <U+202E>".len());
}

#[tokio::test]
async fn a_secret_that_a_server_sends_back_is_taken_out_wherever_it_stands() {
    let page = ok("text/html", "<p>your token is <b>s3cret0of0the0test</b>");
    let finished = answered(page).await;
    assert!(shown(&finished).contains("your token is"));
    let error = reply(
        "403 Forbidden",
        &["content-type: text/plain"],
        "s3cret0of0the0test?",
    );
    let away = to("302 Found", "https://s3cret0of0the0test.example.com/");
    for finished in [finished, answered(error).await, answered(away).await] {
        let told = format!("{finished:?}");
        assert!(!told.contains("s3cret0of0the0test"), "{told}");
        assert!(told.contains("[redacted"), "{told}");
    }
}

#[tokio::test]
async fn what_a_server_says_of_its_answer_is_told_as_a_line() {
    let long = format!("https://docs.example.org/{}", "x".repeat(10_000));
    for (headers, expected) in [
        (
            ["content-type: a\u{9b}31m/\u{202e}b\tc"],
            "its answer is `a/<U+202E>b c`, and only text is shown",
        ),
        (
            ["content-encoding: \u{202e}x"],
            "its answer is compressed (`<U+202E>x`), which was not asked for",
        ),
    ] {
        let finished = answered(reply("200 OK", &headers, "x")).await;
        assert_eq!(failed(&finished), (1, &*format!("[failed: {expected}]")));
        let why = format!("the request failed: {expected}");
        assert_eq!(finished.ended_by, Some(why));
    }
    let finished = answered(to("302 Found", "https://[\u{202e}")).await;
    let expected = "[failed: it redirects to `https://[<U+202E>`, which is no address: invalid \
                    IPv6 address]";
    assert_eq!(failed(&finished), (302, expected));
    let site = Site::new([to("302 Found", &long), ok("text/plain", "there")]);
    let finished = fetch(&get(URL), &site.reach).await;
    assert!(shown(&finished).ends_with("xxx…]\nthere"));
    assert!(finished.shown.len() < 3_000);
}

#[tokio::test]
async fn what_is_no_text_is_refused() {
    for (reply, expected) in [
        (
            ok("image/png", "\u{89}PNG"),
            "its answer is `image/png`, and only text is shown",
        ),
        (
            ok("text/plain", b"PK\x03\x04\0\0"),
            "its answer is called `text/plain` and is binary, and only text is shown",
        ),
        (
            reply(
                "200 OK",
                &["content-type: text/html", "content-encoding: gzip"],
                b"\x1f\x8b\x08",
            ),
            "its answer is compressed (`gzip`), which was not asked for",
        ),
    ] {
        let finished = answered(reply).await;
        let expected = format!("[failed: {expected}]");
        assert_eq!(failed(&finished), (1, expected.as_str()));
        assert_eq!(finished.stored, "");
    }
    let site = Site::new([ok("text/html", "<p>x")]);
    let mut request = get(URL);
    request.accept = vec!["application/json".to_owned(), "text/yaml".to_owned()];
    assert_eq!(
        failed(&fetch(&request, &site.reach).await),
        (
            1,
            "[failed: its answer is `text/html`, and only `application/json`, `text/yaml` is shown]"
        )
    );
}

#[tokio::test]
async fn a_bomb_that_was_not_asked_for_is_not_unpacked() {
    let mut bomb = head(
        "200 OK",
        &["content-type: text/plain", "content-encoding: gzip"],
    );
    bomb.extend_from_slice(&[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3]);
    let finished = answered(Reply::Endless(bomb)).await;
    let (_, why) = failed(&finished);
    assert!(why.contains("compressed"), "{why}");
    assert!(finished.bytes < 100_000);
}

#[tokio::test]
async fn an_answer_without_end_ends() {
    let endless = |status: &str, media: &str| {
        let media = format!("content-type: {media}");
        Reply::Endless(head(status, &[&media]))
    };
    let finished = answered(endless("200 OK", "text/plain")).await;
    let note = "[the answer is longer than 4194304 bytes; the rest of it was not read]\nxxx";
    assert!(shown(&finished).starts_with(note), "{}", finished.shown);
    assert!(finished.truncated);
    let read = usize::try_from(finished.bytes).unwrap();
    assert!((MAX_BYTES..MAX_BYTES + (1 << 20)).contains(&read), "{read}");

    let finished = answered(endless("500 Internal Server Error", "text/plain")).await;
    let read = usize::try_from(finished.bytes).unwrap();
    assert!((MAX_ERROR_BYTES..MAX_ERROR_BYTES + (1 << 20)).contains(&read));
    assert_eq!(failed(&finished).0, 500);
    // An image is not read for its size.
    let finished = answered(endless("200 OK", "image/png")).await;
    assert!(finished.bytes < 100_000);
}

#[tokio::test]
async fn a_page_that_was_not_read_to_its_end_is_not_whole() {
    let mut page = head("200 OK", &["content-type: text/html"]);
    page.extend_from_slice(b"<p>the beginning.<script>");
    let finished = answered(Reply::Endless(page)).await;
    let note = "[the answer is longer than 4194304 bytes; the rest of it was not read]";
    assert_eq!(shown(&finished), format!("{note}\nthe beginning."));
    assert!(finished.truncated);
}

#[tokio::test]
async fn an_error_is_told_with_the_beginning_of_its_body() {
    let body = "<h1>Not here</h1><p>Try <a href='/index'>the index</a>.";
    let finished = answered(reply("404 Not Found", &["content-type: text/html"], body)).await;
    assert_eq!(
        failed(&finished),
        (
            404,
            "[failed with status 404 Not Found]\n# Not here\n\nTry [the \
             index](https://docs.example.org/index)."
        )
    );
    let long = format!("why{}", "x".repeat(15_000));
    let finished = answered(reply("503 Busy", &["content-type: text/plain"], long)).await;
    let (code, shown) = failed(&finished);
    assert_eq!(code, 503);
    assert!(shown.starts_with("[failed with status 503 Service Unavailable]\nwhyxxx"));
    assert!(!shown.ends_with('x'), "the end is what is left out");
    let image = reply("404 Not Found", &["content-type: image/png"], "\u{89}");
    assert_eq!(
        failed(&answered(image).await),
        (
            404,
            "[failed: its answer is `image/png`, and only text is shown]"
        )
    );
}

#[tokio::test]
async fn an_answer_without_content_says_so() {
    let finished = answered(reply("204 No Content", &[], "")).await;
    assert_eq!(shown(&finished), "[no content, status 204 No Content]");
    let finished = answered(reply("403 Forbidden", &["content-encoding: gzip"], "")).await;
    assert_eq!(
        failed(&finished),
        (403, "[failed with status 403 Forbidden]")
    );
}

#[tokio::test]
async fn head_shows_what_the_headers_say() {
    let headers = [
        "content-type: image/png",
        "content-length: 5000",
        "etag: \"a\"",
    ];
    let site = Site::new([Reply::Whole(head("200 OK", &headers))]);
    let finished = fetch(&request("HEAD", URL), &site.reach).await;
    assert_eq!(
        shown(&finished),
        "200 OK\ncontent-type: image/png\ncontent-length: 5000\netag: \"a\""
    );
    assert_eq!(site.asked_for(), ["HEAD /guide/ HTTP/1.1"]);
}

#[tokio::test]
async fn a_slow_answer_ends_at_the_deadline() {
    let mut slow = head("200 OK", &["content-type: text/plain"]);
    slow.extend_from_slice(b"the beginning");
    for reply in [
        Reply::Stall(slow.clone()),
        Reply::Stall(Vec::new()),
        Reply::Drip(slow),
    ] {
        let site = Site::new([reply]);
        let token = CancellationToken::new();
        let finished = sent(&get(URL), &site.reach, SHORT, &token).await;
        assert_eq!(finished.outcome, Outcome::TimedOut);
        assert!(finished.is_error);
        let start = "[ended because the answer was not there after 300ms; ";
        assert!(finished.shown.starts_with(start), "{}", finished.shown);
        let why = finished.shown.trim_matches(['[', ']']);
        assert_eq!(finished.ended_by, Some(format!("the request {why}")));
    }
}

#[tokio::test]
async fn a_silent_server_is_given_up() {
    let site = Site::new([Reply::Stall(head("200 OK", &["content-type: text/plain"]))]);
    let reach = Reach {
        silence: SHORT,
        ..site.reach.clone()
    };
    let finished = fetch(&get(URL), &reach).await;
    assert_eq!(
        failed(&finished),
        (1, "[failed: `docs.example.org` was silent for 300ms]")
    );
}

#[tokio::test]
async fn an_answer_that_breaks_off_is_an_error() {
    let mut half = head(
        "200 OK",
        &["content-type: text/plain", "content-length: 100"],
    );
    half.extend_from_slice(b"half");
    let finished = answered(Reply::Whole(half)).await;
    let (code, why) = failed(&finished);
    assert_eq!(code, 1);
    assert!(
        why.starts_with("[failed: the answer of `docs.example.org` broke off: "),
        "{why}"
    );
}

#[tokio::test]
async fn a_cancelled_request_ends_at_once() {
    let site = Site::new([Reply::Stall(Vec::new())]);
    let token = CancellationToken::new();
    let request = get(URL);
    let asked = async {
        site.asked.notified().await;
        token.cancel();
    };
    let (finished, ()) = tokio::join!(sent(&request, &site.reach, NEVER, &token), asked);
    assert_eq!(finished.outcome, Outcome::Cancelled);
    assert_eq!(finished.shown, "[cancelled while it was asked for]");

    let finished = sent(&request, &site.reach, NEVER, &token).await;
    assert_eq!(finished.outcome, Outcome::Cancelled);
    assert_eq!(finished.shown, "[cancelled before it started]");
    assert_eq!(site.asked_for().len(), 1);
}
