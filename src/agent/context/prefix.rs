//! What every request of a session begins with: the system prompt and the tools, rendered once
//! for a session and revision and then frozen.

use std::sync::Arc;

use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::raw;
use crate::agent::read_output;
use crate::call::Caller;
use crate::config::Config;
use crate::config::host::Host;
use crate::config::prompt;
use crate::config::tool::Tool;
use crate::policy;

/// The system prompt and the tools of a session.
#[derive(Debug, Clone)]
pub struct Prefix {
    /// The system prompt.
    pub system: Arc<str>,
    /// The tools, as the JSON array that goes over the wire.
    pub tools: Arc<RawValue>,
}

impl Prefix {
    /// Renders both for a caller: the tools that its role may use and this machine can run, in
    /// the order of their names.
    pub fn render(config: &Config, host: &Host, caller: &Caller) -> Result<Self, minijinja::Error> {
        let system = Self::prompt(config, host, caller, prompt::SYSTEM)?;
        Ok(Self {
            system: system.into(),
            tools: tools_json(ready(config, host, caller)),
        })
    }

    /// Renders one prompt as a session of this caller would.
    pub fn prompt(
        config: &Config,
        host: &Host,
        caller: &Caller,
        name: &str,
    ) -> Result<String, minijinja::Error> {
        let tools: Vec<&Arc<Tool>> = ready(config, host, caller).collect();
        let (who, role) = (caller.name.as_str(), caller.role.as_str());
        let context = config.prompt_context(&tools, who, role, caller.channel.as_str());
        config.prompts().render(name, &context)
    }

    /// What names the rendering: a prefix of another name is not this one.
    pub fn frozen_for(config: &Config, caller: &Caller) -> String {
        let who = json!([config.revision(), caller.name, caller.role, caller.channel]);
        who.to_string()
    }

    /// Takes back what was stored; absent when the tools are not JSON.
    pub fn stored(system: &str, tools: String) -> Option<Self> {
        let tools = RawValue::from_string(tools).ok()?;
        Some(Self {
            system: system.into(),
            tools: Arc::from(tools),
        })
    }
}

/// The tools that a caller's role may use and this machine can run.
fn ready<'a>(
    config: &'a Config,
    host: &'a Host,
    caller: &'a Caller,
) -> impl Iterator<Item = &'a Arc<Tool>> {
    policy::visible_tools(config, caller).filter(|tool| host.lacks(&tool.name).is_empty())
}

/// The tools as they are sent to the model, the built-in `read_output` last.
pub fn tools_json<'a>(tools: impl IntoIterator<Item = &'a Arc<Tool>>) -> Arc<RawValue> {
    let configured = tools.into_iter().map(|tool| {
        json!({
            "name": tool.name,
            "description": tool.description,
            "input_schema": tool.input.json,
        })
    });
    let all: Vec<Value> = configured.chain([read_output::definition()]).collect();
    raw(&all)
}
