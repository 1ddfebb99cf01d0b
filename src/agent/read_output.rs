//! The built-in tool `read_output` as a turn meets it: offered beside the configured tools, allowed
//! to every role, answered from what the session's store holds.
//!
//! It reads what its own session already has, so no policy selects it; it starts nothing and needs
//! no permit.

use serde_json::{Value, json};

use super::answer;
use super::event::{Ended, Event, Outcome};
use super::id::CallId;
use crate::call::quote;
use crate::config::name::{Revision, RuleId};
use crate::config::tool::Effect;
use crate::policy::Decision;
use crate::tool::read_output::{DESCRIPTION, Request, SCHEMA, read};
use crate::tool::redact::Redactor;

pub(crate) use crate::tool::read_output::NAME;

/// Its only rule.
const RULE: &str = "read_output.input";

/// As it is sent to the model.
pub(super) fn definition() -> Value {
    json!({
        "name": NAME,
        "description": DESCRIPTION,
        "input_schema": serde_json::from_str(SCHEMA).unwrap_or(Value::Null),
    })
}

/// Whether it may run: whenever it can be read.
pub(super) fn decide(
    call_id: CallId,
    input: &Value,
    revision: Revision,
    redactor: &Redactor<'_>,
) -> (Event, Option<Request>) {
    let (request, because, usage) = match Request::parse(input) {
        Ok(request) => (
            Some(request),
            "it reads what this session already has".to_owned(),
            None,
        ),
        Err(error) => (
            None,
            error,
            Some("{call_id, offset?, lines?, grep?}".to_owned()),
        ),
    };
    let decided = Event::CallDecided {
        call_id,
        verdict: if request.is_some() {
            Decision::Allow
        } else {
            Decision::Deny
        },
        rule: RuleId::new(RULE),
        because: redactor.text(&because),
        command_line: request
            .as_ref()
            .map(|request| redactor.text(&command_line(request))),
        usage: usage.into_iter().collect(),
        awaits: false,
        approval: None,
        effect: Some(Effect::Read),
        revision,
    };
    (decided, request)
}

/// What a person would type.
fn command_line(request: &Request) -> String {
    let mut words = vec![NAME.to_owned(), quote(&request.call_id)];
    words.extend(request.offset.map(|offset| format!("offset={offset}")));
    words.extend(request.lines.map(|lines| format!("lines={lines}")));
    words.extend(
        request
            .grep
            .as_ref()
            .map(|grep| quote(&format!("grep={grep}"))),
    );
    words.join(" ")
}

/// What came of it.
pub(super) fn ended(call_id: CallId, request: &Request, found: Option<&str>) -> Ended {
    let read = match found {
        Some(stored) => read(stored, request),
        None => Err(format!(
            "this session has no stored output of a call `{}`; the first line of each output \
             names its call",
            request.call_id
        )),
    };
    let is_error = read.is_err();
    let shown = match read {
        Ok(page) => answer::untrusted(&call_id, NAME, &page),
        Err(error) => answer::bounded(&error),
    };
    Ended {
        call_id,
        outcome: Outcome::Exited,
        exit_code: None,
        duration_ms: None,
        truncated: false,
        is_error,
        shown,
    }
}
