//! Reading an answer: how much of it, and as which text.

use std::fmt::Write as _;

use reqwest::header::{CONTENT_ENCODING, CONTENT_TYPE};
use reqwest::{Method, Response, StatusCode, Url};

use super::hop::Hop;
use super::page::{Bounds, markdown};
use super::text::Media;
use crate::tasks;

/// How much of an answer is read: beyond any page of documentation, and most indexes of charts.
pub(super) const MAX_BYTES: usize = 4 << 20;

/// How much of an answer that is an error is read: the reason stands at its beginning.
pub(super) const MAX_ERROR_BYTES: usize = 16 << 10;

/// An answer as text.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    /// What the model is told above it.
    pub(super) notes: Vec<String>,
    pub(super) text: String,
    /// Whether a part of it was not read.
    pub(super) cut: bool,
}

/// Why an answer is not there.
#[derive(Debug)]
pub(super) enum Stopped {
    /// It is none that is shown.
    Refused(String),
    /// It broke off.
    Broken(reqwest::Error),
}

impl Answer {
    /// Reads the answer of `hop`, which is one of the media types of `accept` (empty: any text).
    /// `bytes` counts what has come, also when this future is dropped.
    pub(super) async fn read(
        mut response: Response,
        hop: &Hop,
        accept: &[String],
        bytes: &mut u64,
    ) -> Result<Self, Stopped> {
        let mut answer = Self {
            status: response.status(),
            notes: Vec::new(),
            text: String::new(),
            cut: false,
        };
        if hop.method == Method::HEAD {
            answer.text = headers(&response);
            return Ok(answer);
        }
        // An error says what it says, whatever the tool wants to see.
        let (accept, max) = if answer.status.is_success() {
            (accept, MAX_BYTES)
        } else {
            (&[][..], MAX_ERROR_BYTES)
        };
        let media = Media::of(response.headers().get(CONTENT_TYPE));
        let mut body = body(&mut response, &media, accept, max, bytes).await?;
        if body.len() > max {
            body.truncate(max);
            answer.note_cut(format!(
                "the answer is longer than {max} bytes; the rest of it was not read"
            ));
        }
        answer.decode(body, &media, &hop.url).await?;
        Ok(answer)
    }

    fn note_cut(&mut self, note: String) {
        self.notes.push(note);
        self.cut = true;
    }

    /// The text of a body; a page as Markdown, which takes a while and so has a thread of its own.
    async fn decode(&mut self, body: Vec<u8>, media: &Media, url: &Url) -> Result<(), Stopped> {
        let text = media.decode(&body).ok_or_else(|| {
            Stopped::Refused(format!(
                "its answer is called `{}` and is binary, and only text is shown",
                media.essence
            ))
        })?;
        if !media.is_html() {
            self.text = text;
            return Ok(());
        }
        let url = url.clone();
        let page = tasks::blocking(move || markdown(&text, &url, Bounds::default())).await;
        let page = page
            .map_err(|_| Stopped::Refused("its answer is a page that cannot be read".to_owned()))?;
        if page.cut {
            self.note_cut(
                "the page is too large or too deeply nested; parts were left out".to_owned(),
            );
        }
        self.text = page.text;
        Ok(())
    }
}

/// Reads a body until it ends or is longer than it may be.
async fn body(
    response: &mut Response,
    media: &Media,
    accept: &[String],
    max: usize,
    bytes: &mut u64,
) -> Result<Vec<u8>, Stopped> {
    let encoding = response.headers().get(CONTENT_ENCODING);
    let encoding = encoding.map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
    let mut body = Vec::new();
    while body.len() <= max {
        let Some(chunk) = response.chunk().await.map_err(Stopped::Broken)? else {
            break;
        };
        // What has no body need not say what it is.
        if body.is_empty() && !chunk.is_empty() {
            check(media, accept, encoding.as_deref()).map_err(Stopped::Refused)?;
        }
        *bytes += chunk.len() as u64;
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// Whether an answer is one that is shown, before more of it is read than its beginning.
fn check(media: &Media, accept: &[String], encoding: Option<&str>) -> Result<(), String> {
    if let Some(encoding) = encoding.filter(|name| !name.eq_ignore_ascii_case("identity")) {
        return Err(format!(
            "its answer is compressed (`{encoding}`), which was not asked for"
        ));
    }
    if media.is_accepted(accept) {
        return Ok(());
    }
    let shown = if accept.is_empty() {
        "text".to_owned()
    } else {
        format!("`{}`", accept.join("`, `"))
    };
    Err(format!(
        "its answer is `{}`, and only {shown} is shown",
        media.essence
    ))
}

/// What an answer without a body says.
fn headers(response: &Response) -> String {
    let mut text = format!("{}\n", response.status());
    for (name, value) in response.headers() {
        let value = String::from_utf8_lossy(value.as_bytes());
        let _ = writeln!(text, "{name}: {value}");
    }
    text
}
