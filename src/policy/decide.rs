//! The order of a decision, fail closed at every step.

use serde_json::Value;

use super::verdict::{Reason, Refusal, Verdict};
use crate::call::Caller;
use crate::config::Config;
use crate::config::name::RuleId;

/// A call as it was asked for, before anything about it was checked.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// The tool's name as asked for.
    pub tool: &'a str,
    /// The input as asked for.
    pub input: &'a Value,
}

/// Decides one call; what it cannot judge it denies.
pub fn decide(config: &Config, request: Request<'_>, caller: &Caller) -> Verdict {
    let _ = (config, request, caller);
    Verdict::Deny(Refusal {
        reason: Reason {
            rule: RuleId::new("engine"),
            because: "nothing is decided yet".to_owned(),
            place: None,
        },
        command_line: None,
        usage: Vec::new(),
    })
}
