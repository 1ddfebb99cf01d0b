//! What the fake answers: replies, errors, and every way in which a reply can go wrong.

use std::{sync::Arc, time::Duration};

use axum::response::Response;
use serde_json::{Value, json};
use tokio::sync::Semaphore;

use super::wire::{self, Fault};

/// An answer to one request.
#[derive(Clone)]
pub(crate) struct Answer {
    kind: Kind,
    gate: Option<Gate>,
}

#[derive(Clone)]
enum Kind {
    /// A message of the model, and how its stream goes.
    Reply(Spoken, wire::Course),
    /// An error of the API.
    Error(ApiError),
    /// Some other body.
    Page {
        status: u16,
        content_type: &'static str,
        body: String,
    },
    /// Nothing, for ever.
    Silence,
}

/// What the model says.
#[derive(Clone, Default)]
pub(crate) struct Spoken {
    pub(super) blocks: Vec<Value>,
    pub(super) stop_reason: Option<String>,
    pub(super) stop_details: Option<Value>,
}

/// An error as the API sends it.
#[derive(Clone)]
pub(super) struct ApiError {
    pub(super) status: u16,
    pub(super) kind: String,
    pub(super) message: String,
    pub(super) error_code: Option<String>,
    pub(super) headers: Vec<(&'static str, String)>,
}

/// Holds an answer back until it is opened.
#[derive(Clone)]
pub(crate) struct Gate(Arc<Semaphore>);

impl Gate {
    /// A closed gate.
    pub(crate) fn new() -> Self {
        Self(Arc::new(Semaphore::new(0)))
    }

    /// Lets everything through, now and later.
    pub(crate) fn open(&self) {
        self.0.close();
    }

    async fn passed(&self) {
        assert!(
            self.0.acquire().await.is_err(),
            "a gate has no permits, it is closed or open"
        );
    }
}

impl Answer {
    fn of(kind: Kind) -> Self {
        Self { kind, gate: None }
    }

    fn said(blocks: Vec<Value>, stop: &str) -> Self {
        let stop_reason = Some(stop.to_owned());
        let spoken = Spoken {
            blocks,
            stop_reason,
            stop_details: None,
        };
        Self::of(Kind::Reply(spoken, wire::Course::default()))
    }

    /// Text, and the end of the turn.
    pub(crate) fn text(text: &str) -> Self {
        Self::said(vec![json!({"type": "text", "text": text})], "end_turn")
    }

    /// Calls of tools with their inputs.
    pub(crate) fn tools<'a>(calls: impl IntoIterator<Item = (&'a str, Value)>) -> Self {
        Self::said(calls.into_iter().map(call).collect(), "tool_use")
    }

    /// Nothing, and the end of the turn.
    pub(crate) fn empty() -> Self {
        Self::said(Vec::new(), "end_turn")
    }

    /// A refusal.
    pub(crate) fn refusal(category: Option<&str>, explanation: Option<&str>) -> Self {
        let mut answer = Self::said(Vec::new(), "refusal");
        answer.spoken().stop_details =
            Some(json!({"type": "refusal", "category": category, "explanation": explanation}));
        answer
    }

    /// An error of the API.
    pub(crate) fn error(status: u16, kind: &str, message: &str) -> Self {
        let (kind, message) = (kind.to_owned(), message.to_owned());
        Self::of(Kind::Error(ApiError {
            status,
            kind,
            message,
            error_code: None,
            headers: Vec::new(),
        }))
    }

    /// 529, as under load.
    pub(crate) fn overloaded() -> Self {
        Self::error(529, "overloaded_error", "Overloaded")
    }

    /// 429 without a word on when to come back.
    pub(crate) fn rate_limited() -> Self {
        Self::error(
            429,
            "rate_limit_error",
            "This request would exceed your rate limit",
        )
    }

    /// A body that is not the API's, as a proxy sends it.
    pub(crate) fn html(status: u16) -> Self {
        let body = "<html><head><title>Bad gateway</title></head><body>…</body></html>".to_owned();
        Self::of(Kind::Page {
            status,
            content_type: "text/html; charset=utf-8",
            body,
        })
    }

    /// A body of any type.
    pub(crate) fn page(status: u16, content_type: &'static str, body: &str) -> Self {
        Self::of(Kind::Page {
            status,
            content_type,
            body: body.to_owned(),
        })
    }

    /// No answer, not even a status.
    pub(crate) fn silence() -> Self {
        Self::of(Kind::Silence)
    }

    /// Held back until the gate is opened.
    pub(crate) fn behind(mut self, gate: &Gate) -> Self {
        self.gate = Some(gate.clone());
        self
    }

    /// Thinking before everything else; it is signed when it is sent.
    pub(crate) fn thinking(self, text: &str) -> Self {
        self.first(json!({"type": "thinking", "thinking": text, "signature": null}))
    }

    /// Redacted thinking before everything else.
    pub(crate) fn redacted_thinking(self) -> Self {
        self.first(json!({"type": "redacted_thinking", "data": null}))
    }

    /// Text before everything else.
    pub(crate) fn saying(self, text: &str) -> Self {
        self.first(json!({"type": "text", "text": text}))
    }

    fn first(mut self, block: Value) -> Self {
        self.spoken().blocks.insert(0, block);
        self
    }

    /// Any block, after the others.
    pub(crate) fn block(mut self, block: Value) -> Self {
        self.spoken().blocks.push(block);
        self
    }

    /// A call, after the other blocks; the stop stays.
    pub(crate) fn call(self, tool: &str, input: Value) -> Self {
        self.block(call((tool, input)))
    }

    /// Another stop; none sends null.
    pub(crate) fn stop(mut self, stop: impl Into<Option<&'static str>>) -> Self {
        self.spoken().stop_reason = stop.into().map(str::to_owned);
        self
    }

    /// Any event, in the middle of the stream.
    pub(crate) fn event(mut self, name: &str, data: &Value) -> Self {
        self.course()
            .extra
            .push((name.to_owned(), data.to_string()));
        self
    }

    /// Breaks the connection after so many events.
    pub(crate) fn cut_after(mut self, events: usize) -> Self {
        self.course().fault = Some((events, Fault::Cut));
        self
    }

    /// Ends the stream in good order after so many events.
    pub(crate) fn end_after(mut self, events: usize) -> Self {
        self.course().fault = Some((events, Fault::End));
        self
    }

    /// Leaves out the event that says that the message is complete.
    pub(crate) fn without_message_stop(mut self) -> Self {
        self.course().without_stop = true;
        self
    }

    /// Sends an `error` event after so many events.
    pub(crate) fn error_after(mut self, events: usize, kind: &str, message: &str) -> Self {
        let error = json!({"type": "error", "error": {"type": kind, "message": message}});
        self.course().fault = Some((events, Fault::Error(error.to_string())));
        self
    }

    /// Sends nothing more after so many events, and keeps the connection.
    pub(crate) fn stall_after(mut self, events: usize) -> Self {
        self.course().fault = Some((events, Fault::Stall));
        self
    }

    /// Cuts the last call's input in half; everything else is in order.
    pub(crate) fn truncated_call(mut self) -> Self {
        self.course().truncated_call = true;
        self
    }

    /// Sends the stream in pieces of so many bytes.
    pub(crate) fn in_pieces_of(mut self, bytes: usize) -> Self {
        self.course().piece_bytes = bytes;
        self
    }

    /// Sends the stream with other line ends.
    pub(crate) fn line_end(mut self, end: &'static str) -> Self {
        self.course().line_end = end;
        self
    }

    /// Adds a header to an error.
    pub(crate) fn header(mut self, name: &'static str, value: &str) -> Self {
        self.api_error().headers.push((name, value.to_owned()));
        self
    }

    /// Asks to wait before the next attempt.
    pub(crate) fn retry_after(self, wait: Duration) -> Self {
        self.header("retry-after", &wait.as_secs_f64().to_string())
    }

    /// Sets the finer code of an error.
    pub(crate) fn error_code(mut self, code: &str) -> Self {
        self.api_error().error_code = Some(code.to_owned());
        self
    }

    pub(super) fn reply(&self) -> Option<&Spoken> {
        match &self.kind {
            Kind::Reply(spoken, _) => Some(spoken),
            _ => None,
        }
    }

    pub(super) async fn respond(
        self,
        reply: Option<wire::Reply>,
        streams: bool,
        request_id: &str,
    ) -> Response {
        if let Some(gate) = &self.gate {
            gate.passed().await;
        }
        match (self.kind, reply) {
            (Kind::Reply(_, course), Some(reply)) if streams => {
                wire::streamed(&reply, course, request_id)
            }
            (Kind::Reply(..), reply) => wire::whole(&reply.unwrap(), request_id),
            (Kind::Error(error), _) => wire::error(&error, request_id),
            (
                Kind::Page {
                    status,
                    content_type,
                    body,
                },
                _,
            ) => wire::page(status, content_type, body),
            (Kind::Silence, _) => std::future::pending().await,
        }
    }

    fn spoken(&mut self) -> &mut Spoken {
        match &mut self.kind {
            Kind::Reply(spoken, _) => spoken,
            _ => panic!("only a reply has content"),
        }
    }

    fn course(&mut self) -> &mut wire::Course {
        match &mut self.kind {
            Kind::Reply(_, course) => course,
            _ => panic!("only a reply is streamed"),
        }
    }

    fn api_error(&mut self) -> &mut ApiError {
        match &mut self.kind {
            Kind::Error(error) => error,
            _ => panic!("only an error has these headers"),
        }
    }
}

/// The id is put in when it is sent.
fn call((tool, input): (&str, Value)) -> Value {
    json!({"type": "tool_use", "id": null, "name": tool, "input": input})
}
