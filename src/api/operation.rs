//! What an operator asks about the server itself.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Finding;
use crate::agent::Pause;
use crate::config::host::{self, Level};
use crate::config::tool::Effect;
use crate::reload::{InForce, Rejection, Reloads};

/// `GET /healthz`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Health {
    /// `ok` while the process can answer.
    pub status: String,
}

/// `GET /readyz`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Readiness {
    /// `ready`, or with 503 `shutting_down` or `store_unavailable` (the disk is full, or the database
    /// does not answer).
    pub status: String,
    /// The revision that serves.
    pub revision: String,
    /// How far tools are confined on this machine.
    pub sandbox: SandboxLevel,
}

/// How far tools are confined on this machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum SandboxLevel {
    /// As far as this build knows to ask for.
    Full,
    /// As far as this kernel can, which is less.
    BestEffort,
    /// Not at all: programs are started directly.
    Off,
}

impl From<&Level> for SandboxLevel {
    fn from(level: &Level) -> Self {
        match level {
            Level::Full => Self::Full,
            Level::BestEffort { .. } => Self::BestEffort,
            Level::Off { .. } => Self::Off,
        }
    }
}

/// `GET /config`: what serves.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ConfigReport {
    /// The content that was loaded: SHA-256 in hexadecimal.
    pub revision: String,
    /// The tools, by name.
    pub tools: Vec<ToolReport>,
    /// The policies, by name.
    pub policies: Vec<PolicyReport>,
    /// The last changed root that was not taken over, with what was wrong in it.
    #[schema(required)]
    pub last_rejected_reload: Option<RejectedReload>,
    /// Settings that were changed since the server started, and hold from its next start on.
    #[serde(default)]
    pub at_restart: Vec<String>,
    /// The sandbox of this machine.
    pub sandbox: SandboxReport,
    /// Who stopped all tools, while they are stopped.
    #[serde(default)]
    #[schema(required)]
    pub paused: Option<Paused>,
}

/// The body of `POST /pause`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, expecting = "an object, `{\"reason\": \"…\"}`")]
pub struct PauseTools {
    /// Why, for the model and for whoever asks; at most 2,000 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// The answer to `POST /pause` and `POST /resume`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PauseState {
    /// Who stopped all tools; null when they run.
    #[schema(required)]
    pub paused: Option<Paused>,
}

/// Who stopped all tools, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Paused {
    /// Who.
    pub by: String,
    /// Why.
    #[schema(required)]
    pub reason: Option<String>,
    /// Since when.
    #[schema(value_type = String, format = DateTime)]
    pub since: Timestamp,
}

impl From<Pause> for Paused {
    fn from(pause: Pause) -> Self {
        Self {
            by: pause.by.to_string(),
            reason: pause.reason,
            since: pause.since,
        }
    }
}

/// One tool of the revision.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ToolReport {
    /// Its name.
    pub name: String,
    /// `read` or `write`.
    pub effect: String,
    /// Whether this machine has what it needs.
    pub status: ToolStatus,
    /// What this machine lacks; empty when it is ready.
    pub lacks: Vec<String>,
    /// What its calls will fail for while it stays as it is: folders that are not there now. The
    /// tool is ready all the same, since somebody may make them at any time.
    #[serde(default)]
    pub warnings: Vec<String>,
}

/// Whether a tool can run on this machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ToolStatus {
    /// It can.
    Ready,
    /// It lacks something, and the model is not offered it.
    Disabled,
}

/// One policy of the revision.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PolicyReport {
    /// Its name.
    pub name: String,
    /// What it is for.
    #[schema(required)]
    pub description: Option<String>,
    /// The tools that it speaks about.
    pub tools: Vec<String>,
}

/// A changed root that was not taken over.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct RejectedReload {
    /// When.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// What was rejected; null when there was nothing to read.
    #[serde(default)]
    #[schema(required)]
    pub revision: Option<String>,
    /// Why, in a sentence about the configuration: how many errors it has, say.
    #[serde(default)]
    pub detail: String,
    /// What was wrong, as `tolkien validate --format json` has it; the first hundred.
    pub diagnostics: Vec<Finding>,
}

impl From<&Rejection> for RejectedReload {
    fn from(rejection: &Rejection) -> Self {
        Self {
            at: rejection.at,
            revision: rejection.revision.as_ref().map(ToString::to_string),
            detail: rejection.detail.clone(),
            diagnostics: rejection.diagnostics.iter().map(Finding::from).collect(),
        }
    }
}

/// The sandbox of this machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SandboxReport {
    /// How far tools are confined.
    pub level: SandboxLevel,
    /// What keeps the level from being `full`; empty when nothing does.
    pub lacks: Vec<String>,
}

impl ConfigReport {
    /// Describes a revision as it serves on this machine, and what became of changes since.
    pub fn of(in_force: &InForce, reloads: &Reloads, pause: Option<Pause>) -> Self {
        let (config, host) = (&in_force.config, &in_force.host);
        let rejection = reloads.last_rejection();
        let tools = config.tools().values().map(|tool| {
            let lacks = host.lacks(&tool.name).to_vec();
            let warnings = host.missing_folders(tool).into_iter().map(|folder| {
                let name = format!("`{}`", tool.name);
                format!("{}; {}", host::missing(&folder.path, &name), folder.help)
            });
            ToolReport {
                name: tool.name.to_string(),
                effect: Effect::as_str(tool.effect).to_owned(),
                status: if lacks.is_empty() {
                    ToolStatus::Ready
                } else {
                    ToolStatus::Disabled
                },
                lacks,
                warnings: warnings.collect(),
            }
        });
        let policies = config.policies().values().map(|policy| PolicyReport {
            name: policy.name.to_string(),
            description: policy.description.clone(),
            tools: config
                .tools()
                .values()
                .filter(|tool| policy.applies_to.selects(tool))
                .map(|tool| tool.name.to_string())
                .collect(),
        });
        Self {
            revision: config.revision().to_string(),
            tools: tools.collect(),
            policies: policies.collect(),
            last_rejected_reload: rejection.as_deref().map(RejectedReload::from),
            at_restart: reloads
                .at_restart()
                .into_iter()
                .map(str::to_owned)
                .collect(),
            sandbox: SandboxReport {
                level: (&host.confinement().level).into(),
                lacks: host.confinement().level.lacks().to_vec(),
            },
            paused: pause.map(Paused::from),
        }
    }
}
