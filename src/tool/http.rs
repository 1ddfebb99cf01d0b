//! Sending one request and bringing back what it answers as text.
//!
//! The request is the call's own, judged once more (`request`), and so is every address that an
//! answer redirects to (`hop`); connections go to public addresses alone (`reach`, `address`). What
//! comes back is bounded in size and time (`answer`), is text or refused (`text`), and pages become
//! Markdown (`page`).

mod address;

mod answer;

mod hop;

mod page;

mod reach;

mod request;

mod text;

#[cfg(test)]
mod tests;

use std::error::Error;
use std::fmt::Write as _;
use std::time::Duration;

use reqwest::header::LOCATION;
use reqwest::{StatusCode, Url};
use tokio::time::{Instant, sleep};

use super::capture::Capture;
use super::clean::told;
use super::command::Run;
use super::output::Output;
use super::{Finished, Outcome};
use crate::call::Request;
use crate::config::tool::{Keep, OutputLimits};
use answer::{Answer, Stopped};
use hop::MAX_REDIRECTS;
pub(super) use reach::Reach;
use request::Prepared;

/// The code of a request that failed without a status that says so.
const FAILED: i32 = 1;

/// Characters of one sentence about an answer. Much in it is the server's own words; the longest
/// addresses that browsers and servers agree on have some two thousand.
const TOLD: usize = 2500;

/// Why there is no answer to show.
enum Failed {
    /// Nothing was sent.
    NotSent(String),
    /// Something was sent, and it came to nothing, with the status that was the last.
    Sent(String, Option<StatusCode>),
}

/// Sends a request and the ones it is redirected to. Dropping the future closes the connection.
pub(super) async fn send(request: &Request, run: &Run<'_>, reach: &Reach) -> Finished {
    let began = Instant::now();
    if run.cancel.is_cancelled() {
        return Finished::cancelled_before(began.elapsed());
    }
    let mut bytes = 0;
    let done = tokio::select! {
        biased;
        () = run.cancel.cancelled() => Err(Outcome::Cancelled),
        () = sleep(run.timeout) => Err(Outcome::TimedOut),
        answer = ask(request, run, reach, &mut bytes) => Ok(answer),
    };
    let duration = began.elapsed();
    match done {
        Ok(Ok(answer)) => finish(answer, run, duration, bytes),
        Ok(Err(Failed::NotSent(because))) => {
            Finished::not_started(&harmless(&because, run), duration, run.redactor)
        }
        Ok(Err(Failed::Sent(because, status))) => {
            let code = status.map_or(FAILED, |status| i32::from(status.as_u16()));
            let why = format!("failed: {}", harmless(&because, run));
            ended(Outcome::Exited { code }, &why, duration, bytes)
        }
        Err(outcome) => {
            let why = if outcome == Outcome::Cancelled {
                "cancelled while it was asked for".to_owned()
            } else {
                format!(
                    "ended because the answer was not there after {:?}; {bytes} bytes of it had come",
                    run.timeout
                )
            };
            ended(outcome, &why, duration, bytes)
        }
    }
}

/// Words of somebody else within a line: cleaned, then freed of secrets, then cut, so that nothing
/// hides a secret and no part of one is left.
fn harmless(text: &str, run: &Run<'_>) -> String {
    told(&run.redactor.text(&told(text, usize::MAX)), TOLD)
}

/// A request that came to nothing.
fn ended(outcome: Outcome, why: &str, duration: Duration, bytes: u64) -> Finished {
    Finished {
        outcome,
        is_error: true,
        shown: format!("[{why}]"),
        stored: String::new(),
        truncated: false,
        duration,
        bytes,
        ended_by: Some(format!("the request {why}")),
    }
}

/// A request that was answered, be it with an error.
fn finish(answer: Answer, run: &Run<'_>, duration: Duration, bytes: u64) -> Finished {
    let is_error = !answer.status.is_success();
    let limits = OutputLimits {
        keep: if is_error {
            Keep::Head
        } else {
            run.output.keep
        },
        ..run.output
    };
    let mut capture = Capture::new(limits.keep_bytes, limits.keep);
    capture.push(answer.text.as_bytes());
    let nothing = Capture::new(0, limits.keep);
    let output = Output::new((capture, nothing), !answer.cut, limits, run.redactor);
    let shown = output.shown(run.call_id, limits);
    let failed = is_error.then(|| format!("failed with status {}", answer.status));
    let mut notes = answer.notes;
    notes.splice(0..0, failed.clone());
    if !is_error && shown.text.is_empty() {
        notes.push(format!("no content, status {}", answer.status));
    }
    let mut text = String::new();
    for note in notes {
        let _ = writeln!(text, "[{}]", harmless(&note, run));
    }
    text.push_str(&shown.text);
    let code = failed.as_ref().map(|_| i32::from(answer.status.as_u16()));
    Finished {
        outcome: Outcome::Exited {
            code: code.unwrap_or(0),
        },
        is_error,
        shown: text.trim_end_matches('\n').to_owned(),
        stored: output.stored,
        truncated: shown.truncated || answer.cut,
        duration,
        bytes,
        ended_by: failed.map(|why| format!("the request {why}")),
    }
}

/// Asks, and follows where it is sent.
async fn ask(
    request: &Request,
    run: &Run<'_>,
    reach: &Reach,
    bytes: &mut u64,
) -> Result<Answer, Failed> {
    let prepared = Prepared::new(request, run.host).map_err(Failed::NotSent)?;
    let client = reach.client().map_err(|error| {
        Failed::NotSent(format!("the client cannot be made: {}", innermost(&error)))
    })?;
    let mut hop = prepared.first.clone();
    for asked in 0..=MAX_REDIRECTS {
        let response = prepared.request(&client, &hop).send().await;
        let response = response.map_err(|error| {
            let because = failure(&error, &hop.url, reach);
            if asked == 0 && (error.is_connect() || error.is_builder()) {
                Failed::NotSent(because)
            } else {
                Failed::Sent(because, None)
            }
        })?;
        let status = response.status();
        let location = response.headers().get(LOCATION);
        let Some(location) = location.filter(|_| hop::redirects(status)) else {
            let answer = Answer::read(response, &hop, &request.accept, bytes).await;
            let mut answer = answer.map_err(|stopped| {
                let because = match stopped {
                    Stopped::Refused(because) => because,
                    Stopped::Broken(error) => failure(&error, &hop.url, reach),
                };
                Failed::Sent(because, (!status.is_success()).then_some(status))
            })?;
            if asked > 0 {
                answer.notes.insert(0, format!("redirected to {}", hop.url));
            }
            return Ok(answer);
        };
        let location = String::from_utf8_lossy(location.as_bytes());
        hop = hop
            .next(status, &location, &request.hosts)
            .map_err(|because| Failed::Sent(because, Some(status)))?;
    }
    let because = format!(
        "it redirects more than {MAX_REDIRECTS} times, at last to `{}`",
        hop.url
    );
    Err(Failed::Sent(because, None))
}

/// Why a request failed, in words for the model.
fn failure(error: &reqwest::Error, url: &Url, reach: &Reach) -> String {
    let host = url.host_str().unwrap_or_default();
    let cause = innermost(error);
    if error.is_connect() {
        format!("`{host}` cannot be reached: {cause}")
    } else if error.is_timeout() {
        format!("`{host}` was silent for {:?}", reach.silence)
    } else {
        format!("the answer of `{host}` broke off: {cause}")
    }
}

fn innermost(error: &reqwest::Error) -> String {
    let mut cause: &dyn Error = error;
    while let Some(next) = cause.source() {
        cause = next;
    }
    cause.to_string()
}
