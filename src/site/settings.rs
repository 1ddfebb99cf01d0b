//! The page on who may use the agent, and what bounds it: names and numbers, never a secret, a digest
//! or an identity of somebody elsewhere.

use serde::Serialize;

use super::tool::usable;
use super::tool_file;
use crate::config::Config;
use crate::config::settings::{Caller, Limits, Model, SecretSource, length};

/// What the page shows.
#[derive(Debug, Serialize)]
pub(super) struct Access {
    roles: Vec<RoleView>,
    callers: Vec<CallerView>,
    model: Vec<[String; 2]>,
    limits: Vec<[String; 2]>,
    environment: Vec<[String; 2]>,
    secrets: Vec<[String; 2]>,
}

#[derive(Debug, Serialize)]
struct RoleView {
    name: String,
    approve: bool,
    tools: Vec<[String; 2]>,
    /// Whether these are all.
    all: bool,
}

#[derive(Debug, Serialize)]
struct CallerView {
    name: String,
    role: String,
    doors: Vec<&'static str>,
}

/// The page on roles, callers and settings.
pub(super) fn view(config: &Config) -> Access {
    let settings = config.settings();
    let roles = settings.roles.by_name.iter().map(|(name, role)| {
        let tools = usable(config, name);
        let tools: Vec<[String; 2]> = tools
            .iter()
            .map(|tool| [tool.name.to_string(), tool_file(tool.name.as_str())])
            .collect();
        RoleView {
            name: name.to_string(),
            approve: role.approve,
            all: tools.len() == config.tools().len(),
            tools,
        }
    });
    let environment = settings.environment.iter().map(|(name, default)| {
        let default = default.as_ref().map(|_| "has a default");
        let default = default.unwrap_or("must be set where it runs");
        [name.to_string(), default.to_owned()]
    });
    let secrets = settings.secrets.iter().map(|(name, source)| {
        let source = match source {
            SecretSource::File(_) => "from a file",
            SecretSource::Env(_) => "from the environment",
        };
        [name.to_string(), source.to_owned()]
    });
    Access {
        roles: roles.collect(),
        callers: settings.callers.iter().map(caller).collect(),
        model: model(&settings.model),
        limits: limits(&settings.limits),
        environment: environment.collect(),
        secrets: secrets.collect(),
    }
}

fn caller(caller: &Caller) -> CallerView {
    let doors = [
        (!caller.token_sha256.is_empty(), "a token"),
        (!caller.telegram_user_ids.is_empty(), "Telegram"),
    ];
    let doors = doors.into_iter().filter(|(open, _)| *open);
    CallerView {
        name: caller.name.to_string(),
        role: caller.role.to_string(),
        doors: doors.map(|(_, door)| door).collect(),
    }
}

fn model(model: &Model) -> Vec<[String; 2]> {
    let rows = match model {
        Model::Claude(claude) => vec![
            ("name", claude.name.clone()),
            ("address", claude.base_url.clone()),
            ("tokens of a reply", claude.max_tokens.to_string()),
        ],
        Model::Script { script, .. } => vec![("a script", script.display().to_string())],
    };
    rows.into_iter()
        .map(|(key, value)| [key.to_owned(), value])
        .collect()
}

fn limits(limits: &Limits) -> Vec<[String; 2]> {
    let rows = [
        ("replies of the model in a turn", limits.rounds.to_string()),
        ("calls at the same time", limits.parallel_calls.to_string()),
        (
            "turns that the model sees, beside the first",
            limits.history_turns.to_string(),
        ),
        (
            "time for a call, where its tool says nothing",
            length(limits.call_timeout),
        ),
        ("time for an approval", length(limits.approval_timeout)),
        (
            "a session ends after idling for",
            length(limits.session_idle),
        ),
        (
            "sessions of one caller",
            limits.sessions_per_caller.to_string(),
        ),
        ("characters of a message", limits.message_chars.to_string()),
    ];
    rows.map(|(key, value)| [key.to_owned(), value]).into()
}
