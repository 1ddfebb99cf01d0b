//! The built-in tool `read_output`: pages through the whole output of an earlier call.
//!
//! It reads what its own session already has, for every role, so no policy selects it; it starts
//! nothing and needs no permit. Its name is reserved.

use serde::Deserialize;
use serde_json::{Value, json};

use super::answer;
use super::event::{Ended, Event, Outcome};
use super::id::CallId;
use crate::config::name::{Revision, RuleId};
use crate::policy::Decision;

/// Its name.
pub(crate) const NAME: &str = "read_output";

/// Its rule, where one is named.
const RULE: &str = "read_output.input";

/// Lines that it shows where the model does not say.
const DEFAULT_LINES: usize = 200;

/// Characters that it shows at most: the default of every other tool.
const LIMIT: usize = 12_000;

/// What the model asks of it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Input {
    /// The call whose output is read.
    pub(super) call_id: String,
    /// The first line that is shown, from 1.
    offset: Option<usize>,
    /// How many lines.
    lines: Option<usize>,
    /// Only lines that hold this text.
    grep: Option<String>,
}

impl Input {
    /// Reads the model's input; the error is a sentence for it.
    pub(super) fn parse(input: &Value) -> Result<Self, String> {
        serde_json::from_value(input.clone()).map_err(|error| error.to_string())
    }

    /// The call whose output is read.
    pub(super) fn call(&self) -> CallId {
        CallId::from(self.call_id.as_str())
    }

    /// What a person would type.
    pub(super) fn command_line(&self) -> String {
        let mut line = format!("{NAME} {}", self.call_id);
        if let Some(offset) = self.offset {
            line.push_str(&format!(" offset={offset}"));
        }
        if let Some(lines) = self.lines {
            line.push_str(&format!(" lines={lines}"));
        }
        if let Some(grep) = &self.grep {
            line.push_str(&format!(" grep={}", crate::call::quote(grep)));
        }
        line
    }

    /// The lines that were asked for, with a last line that says where they stand in the whole;
    /// and whether there are more.
    pub(super) fn page(&self, whole: &str) -> (String, bool) {
        let offset = self.offset.unwrap_or(1).max(1);
        let most = self.lines.unwrap_or(DEFAULT_LINES).max(1);
        let grep = self.grep.as_deref().unwrap_or_default();
        let mut shown = String::new();
        let (mut last, mut count, mut chars, mut more) = (0, 0, 0_usize, false);
        for (number, line) in (1_usize..).zip(whole.lines()) {
            if number < offset || !line.contains(grep) {
                continue;
            }
            let length = line.chars().count().saturating_add(1);
            if count == most || (count > 0 && chars.saturating_add(length) > LIMIT) {
                more = true;
                break;
            }
            if !grep.is_empty() {
                shown.push_str(&format!("{number}: "));
            }
            shown.extend(line.chars().take(LIMIT));
            shown.push('\n');
            (last, count, chars) = (
                number,
                count.saturating_add(1),
                chars.saturating_add(length),
            );
        }
        let total = whole.lines().count();
        shown.push_str(&match (count, more) {
            (0, _) => format!("[no such line among the {total} of this output]"),
            (_, true) => format!(
                "[{count} lines of {total}; go on with offset {}]",
                last.saturating_add(1)
            ),
            (_, false) => format!("[{count} lines of {total}; there are no more]"),
        });
        (shown, more)
    }
}

/// It may always run.
pub(super) fn allowed(call_id: CallId, line: String, revision: Revision) -> Event {
    Event::CallDecided {
        call_id,
        verdict: Decision::Allow,
        rule: RuleId::new(RULE),
        because: "it reads what this session already has".to_owned(),
        command_line: Some(line),
        usage: Vec::new(),
        revision,
    }
}

/// It cannot be asked like that.
pub(super) fn misused(call_id: CallId, error: &str, revision: Revision) -> Event {
    Event::CallDecided {
        call_id,
        verdict: Decision::Deny,
        rule: RuleId::new(RULE),
        because: error.to_owned(),
        command_line: None,
        usage: vec!["{call_id, offset?, lines?, grep?}".to_owned()],
        revision,
    }
}

/// What came of it.
pub(super) fn ended(call_id: CallId, input: &Input, found: Option<String>) -> Ended {
    let (shown, truncated, is_error) = match found {
        Some(whole) => {
            let (page, more) = input.page(&whole);
            (answer::untrusted(&call_id, NAME, &page, false), more, false)
        }
        None => {
            let call = answer::bounded(&input.call_id);
            let shown = format!(
                "There is no stored output of call `{call}` in this session. The first line of \
                 an output names its call."
            );
            (shown, false, true)
        }
    };
    Ended {
        call_id,
        outcome: Outcome::Exited,
        exit_code: None,
        duration_ms: None,
        truncated,
        is_error,
        shown,
    }
}

/// As it is sent to the model.
pub(super) fn definition() -> Value {
    json!({
        "name": NAME,
        "description": "Read more of the output of an earlier call of this session, where it was \
            cut. `offset` is the first line to show, from 1; `lines` how many (200 by default); \
            `grep` shows only lines that hold this text, with their numbers.",
        "input_schema": {
            "type": "object",
            "required": ["call_id"],
            "properties": {
                "call_id": {"type": "string", "description": "as the first line of the output names it"},
                "offset": {"type": "integer", "minimum": 1},
                "lines": {"type": "integer", "minimum": 1},
                "grep": {"type": "string"},
            },
            "additionalProperties": false,
        },
    })
}
