//! The order of a decision, fail closed at every step.

use serde_json::Value;

use std::sync::Arc;

use super::verdict::{Reason, Refusal, Verdict};
use crate::call::Caller;
use crate::config::Config;
use crate::config::name::RuleId;
use crate::config::policy::glob_matches;
use crate::config::tool::Tool;

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

/// The tools that a caller's role may use, by name.
pub fn visible_tools<'a>(
    config: &'a Config,
    caller: &Caller,
) -> impl Iterator<Item = &'a Arc<Tool>> {
    let role = config.settings().roles.by_name.get(&caller.role);
    config.tools().values().filter(move |tool| {
        role.is_some_and(|role| {
            let effects = role.effects.as_ref();
            role.tools
                .iter()
                .any(|glob| glob_matches(glob, tool.name.as_str()))
                && effects.is_none_or(|effects| effects.contains(&tool.effect))
        })
    })
}
