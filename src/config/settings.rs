//! `tolkien.yaml`, checked: the engine's settings, each with its default and why it is that.

mod overlay;

mod read;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::Duration;

use serde_json::{Map, Value};

use super::name::{CallerName, EnvName, RoleName, SecretName};
use super::tool::{Effect, Sandbox};
use crate::diagnostic::Place;

pub(crate) use overlay::overlay;
pub(crate) use read::{check_env_name, check_password, effects, is_address, read, unknown_role};

/// The whole of `tolkien.yaml`; every setting has a default.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// Which model answers.
    pub model: Model,
    /// What bounds a turn, a session and a caller.
    pub limits: Limits,
    /// Where the server listens and keeps its state.
    pub server: Server,
    /// Where events are kept.
    pub store: StoreLocation,
    /// The names that templates may read as `env.NAME`, with their defaults.
    pub environment: BTreeMap<EnvName, Option<String>>,
    /// The names that templates may read as `secret.NAME`, with where their values come from.
    pub secrets: BTreeMap<SecretName, SecretSource>,
    /// What each role may use; closed: a role that is not listed may nothing.
    pub roles: Roles,
    /// Who may talk to the server.
    pub callers: Vec<Caller>,
    /// MCP servers that `run: {mcp: …}` may name.
    pub mcp_servers: BTreeMap<String, McpServer>,
    /// The sandbox of every tool that does not say otherwise.
    pub sandbox: Sandbox,
    /// Where copies of the audit trail go.
    pub audit: Audit,
    /// How the server reports on itself.
    pub telemetry: Telemetry,
    /// Host-specific text for prompts, as written.
    pub facts: Map<String, Value>,
    /// Where each section is written.
    pub(crate) places: BTreeMap<&'static str, Place>,
    /// Sections that could not be read as a whole: nothing else may complain of what it misses there.
    pub(crate) broken: BTreeSet<&'static str>,
}

impl Settings {
    /// Settings whose file could not be read at all.
    pub(crate) fn unread() -> Self {
        Self {
            broken: read::KEYS.into(),
            ..Self::default()
        }
    }

    /// Whether this is one of the callers.
    pub(crate) fn names(&self, caller: &CallerName) -> bool {
        self.callers.iter().any(|known| known.name == *caller)
    }

    /// Whether all that a section says is known.
    pub(crate) fn knows(&self, section: &str) -> bool {
        !self.broken.contains(section)
    }

    /// Where a section is written, or the file.
    pub(crate) fn place(&self, section: &str) -> Place {
        let file = || Place::file("tolkien.yaml");
        self.places.get(section).cloned().unwrap_or_else(file)
    }
}

/// Which model answers.
#[derive(Debug, Clone, PartialEq)]
pub enum Model {
    /// The Messages API.
    Claude(Claude),
    /// A script played back: the path as written, relative to the root.
    Script {
        /// The script's file.
        script: PathBuf,
        /// Where it is named.
        place: Option<Place>,
    },
}

/// The Messages API and what is asked of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Claude {
    /// The model's id, opaque.
    pub name: String,
    /// `max_tokens` of every request.
    pub max_tokens: u32,
    /// Anything that speaks the Messages API.
    pub base_url: String,
    /// `output_config.effort`; not sent when absent, since models differ in what they reject.
    pub effort: Option<String>,
    /// `thinking`, sent as written; not sent when absent.
    pub thinking: Option<Value>,
}

impl Default for Model {
    fn default() -> Self {
        Self::Claude(Claude::default())
    }
}

impl Default for Claude {
    fn default() -> Self {
        Self {
            name: "claude-opus-5-5".to_owned(),
            max_tokens: 16_000,
            base_url: "https://api.anthropic.com".to_owned(),
            effort: None,
            thinking: None,
        }
    }
}

/// What bounds a turn, a session and a caller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Model calls in one turn; then one last call sums up.
    pub rounds: u32,
    /// Tool calls of one round that run at the same time.
    pub parallel_calls: u32,
    /// Turns of a session that the model sees, beside the first.
    pub history_turns: u32,
    /// A session without activity for this long ends.
    pub session_idle: Duration,
    /// A call's deadline where its tool names none.
    pub call_timeout: Duration,
    /// The longest message of an operator, in characters.
    pub message_chars: u32,
    /// Sessions that one caller may hold at a time.
    pub sessions_per_caller: u32,
    /// An approval that nobody decides for this long is denied.
    pub approval_timeout: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            rounds: 40,
            parallel_calls: 8,
            history_turns: 20,
            session_idle: Duration::from_mins(30),
            call_timeout: Duration::from_mins(1),
            message_chars: 100_000,
            sessions_per_caller: 100,
            approval_timeout: Duration::from_mins(10),
        }
    }
}

/// Where the server listens and keeps its state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Server {
    /// The address, `HOST:PORT`.
    pub listen: String,
    /// How long running calls may take to finish after the signal to end.
    pub shutdown_grace: Duration,
    /// Database, audit file, local token; absent means `$XDG_STATE_HOME/tolkien`.
    pub state_dir: Option<PathBuf>,
}

impl Default for Server {
    fn default() -> Self {
        Self {
            listen: "127.0.0.1:7331".to_owned(),
            shutdown_grace: Duration::from_secs(30),
            state_dir: None,
        }
    }
}

/// Where events are kept.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum StoreLocation {
    /// `tolkien.db` in the state folder.
    #[default]
    StateDir,
    /// A SQLite file.
    Sqlite(PathBuf),
    /// SQLite in memory: nothing outlives the process.
    Memory,
    /// A PostgreSQL URL.
    Postgres(String),
}

/// Where a secret's value comes from; it is read again at each call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SecretSource {
    /// The content of a file, one trailing newline removed.
    File(PathBuf),
    /// A variable of the server's environment.
    Env(String),
}

/// What each role may use.
#[derive(Debug, Clone)]
pub struct Roles {
    /// By name.
    pub by_name: BTreeMap<RoleName, Role>,
}

impl Default for Roles {
    /// `operator` and `admin` may use everything and approve, as config-format says.
    fn default() -> Self {
        let everything = || Role {
            tools: vec!["*".to_owned()],
            effects: None,
            approve: true,
            place: None,
        };
        Self {
            by_name: [("operator", everything()), ("admin", everything())]
                .map(|(name, role)| (RoleName::new(name), role))
                .into(),
        }
    }
}

/// What one role may use.
#[derive(Debug, Clone)]
pub struct Role {
    /// Globs over tool names; `*` stands for any run of characters.
    pub tools: Vec<String>,
    /// The effects it is limited to; absent means both.
    pub effects: Option<Vec<Effect>>,
    /// Whether its callers may decide approvals.
    pub approve: bool,
    /// Where it is written; absent for the default roles.
    pub place: Option<Place>,
}

/// Somebody who may talk to the server.
#[derive(Debug, Clone)]
pub struct Caller {
    /// Unique among the callers.
    pub name: CallerName,
    /// One of the roles.
    pub role: RoleName,
    /// SHA-256 digests of its tokens; two while rotating.
    pub token_sha256: Vec<[u8; 32]>,
    /// Its Telegram user ids.
    pub telegram_user_ids: Vec<i64>,
    /// Where it is written.
    pub place: Place,
}

/// How an MCP server is reached.
#[derive(Debug, Clone)]
pub enum McpServer {
    /// A child process that speaks on stdio.
    Stdio {
        /// Program and arguments.
        command: Vec<String>,
        /// Its environment.
        env: BTreeMap<String, String>,
    },
    /// A streamable HTTP endpoint.
    Http {
        /// Its address.
        url: String,
    },
}

/// Where copies of the audit trail go; the store holds the record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Audit {
    /// A file, or none.
    pub file: Option<PathBuf>,
    /// Whether the log on standard output carries it.
    pub stdout: bool,
}

impl Default for Audit {
    fn default() -> Self {
        Self {
            file: None,
            stdout: true,
        }
    }
}

/// How the server reports on itself.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Telemetry {
    /// An OTLP endpoint, or none.
    pub otlp: Option<String>,
    /// The log's format.
    pub log: LogFormat,
}

/// The log's format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LogFormat {
    /// One JSON object a line, for machines.
    #[default]
    Json,
    /// For people.
    Text,
}

/// A length of time as the files write it, as far as one unit says it.
pub(crate) fn length(time: Duration) -> String {
    let (seconds, rest) = (time.as_secs(), time.subsec_millis());
    match (seconds, rest) {
        (_, 1..) => format!("{}ms", time.as_millis()),
        (0, _) => "0s".to_owned(),
        (seconds, _) if seconds.is_multiple_of(3_600) => format!("{}h", seconds / 3_600),
        (seconds, _) if seconds.is_multiple_of(60) => format!("{}m", seconds / 60),
        (seconds, _) => format!("{seconds}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_length_of_time_is_written_as_the_configuration_does() {
        for (millis, text) in [
            (0, "0s"),
            (500, "500ms"),
            (50_000, "50s"),
            (60_000, "1m"),
            (90_000, "90s"),
            (7_200_000, "2h"),
        ] {
            assert_eq!(length(Duration::from_millis(millis)), text);
        }
    }
}
