//! One call the model asked for, checked against its tool and rendered into what it would run.
//!
//! A [`Call`] can only be made by [`Call::parse`], so its input is valid for the tool's schema, its
//! texts are free of what deceives an approver's eye, and every command line it would start is
//! rendered before the first of them starts. What depends on the machine (`env.NAME`, the working
//! folder, secrets) stays a name in it: rules, approvals, audit and analysis see the name, only the
//! process gets the value.

mod address;

mod digest;

mod line;

mod parse;

mod render;

pub mod words;

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

use crate::config::name::{CallerName, EnvName, RoleName, SecretName};
use crate::config::policy::Channel;
use crate::config::template::StepStream;
use crate::config::tool::{Requirement, Sandbox, Tool};

pub(crate) use address::{address, may_ask, redirected};
pub use line::{canonical_json, quote};
pub use parse::Violation;

/// Who asks for a call, and through which door.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// The name in the settings.
    pub name: CallerName,
    /// Its role.
    pub role: RoleName,
    /// The door.
    pub channel: Channel,
}

/// A call whose input was checked and whose command lines were rendered.
#[derive(Debug, Clone)]
pub struct Call {
    tool: Arc<Tool>,
    input: Value,
    plan: Plan,
}

/// A text that was rendered, with the names in it that only the machine can fill in.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Rendered {
    /// In order.
    pub pieces: Vec<Piece>,
}

/// A part of a rendered text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece {
    /// Text as it is.
    Text(String),
    /// The value of a name of the environment.
    Env(EnvName),
    /// The path of the call's private folder.
    Workspace,
    /// The value of a secret.
    Secret(SecretName),
    /// What an earlier step gave.
    Step {
        /// The step.
        id: String,
        /// Which part of it.
        stream: StepStream,
    },
}

/// What a call would start.
#[derive(Debug, Clone)]
#[expect(
    clippy::large_enum_variant,
    reason = "there is one for each call, and the common one is the large one"
)]
pub enum Plan {
    /// One program.
    Command(Start),
    /// Several, one after the other, in one private folder.
    Steps {
        /// Whether they share a private folder.
        workspace: bool,
        /// In order.
        starts: Vec<Start>,
        /// What the model gets; absent means the last step's output.
        result: Option<Rendered>,
    },
    /// One request.
    Http(Request),
    /// One call of an MCP server's tool.
    Mcp {
        /// A server of the settings.
        server: String,
        /// Its tool.
        tool: String,
        /// What it is called with.
        arguments: Value,
    },
}

/// One program that would be started.
#[derive(Debug, Clone)]
pub struct Start {
    /// The step's name, for `steps`.
    pub id: Option<String>,
    /// The argument vector; the first word is the program.
    pub words: Vec<Rendered>,
    /// The whole environment.
    pub env: Vec<(String, Rendered)>,
    /// Absent means closed.
    pub stdin: Option<Rendered>,
    /// Absent means a fresh private empty folder.
    pub cwd: Option<Rendered>,
    /// Exit codes that are a result.
    pub ok: Vec<i32>,
    /// Its own deadline, where it has one beside the call's.
    pub timeout: Option<Duration>,
    /// No byte of output for this long ends it.
    pub idle_timeout: Option<Duration>,
    /// What must hold of its output for the call to go on.
    pub require: Option<Requirement>,
    /// Paths of the input that must be opened beneath a folder: (folder, the path as given).
    pub within: Vec<(Rendered, String)>,
    /// Its own sandbox, over the tool's.
    pub sandbox: Option<Sandbox>,
}

/// One request that would be sent.
#[derive(Debug, Clone)]
pub struct Request {
    /// The method.
    pub method: String,
    /// The address, its host checked.
    pub url: Rendered,
    /// The headers.
    pub headers: Vec<(String, Rendered)>,
    /// What is sent.
    pub body: Option<Rendered>,
    /// The hosts that may be asked, redirects included: exact, or `*.domain`.
    pub hosts: Vec<String>,
    /// The media types that are shown; empty means every text.
    pub accept: Vec<String>,
}

impl Call {
    /// The tool that is called.
    pub fn tool(&self) -> &Arc<Tool> {
        &self.tool
    }

    /// The input, with the schema's defaults filled in.
    pub fn input(&self) -> &Value {
        &self.input
    }

    /// What it would start.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }
}
