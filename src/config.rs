//! Loading what an operator wrote into one checked [`Config`], or diagnostics.
//!
//! Nothing else reads the operator's files or the environment. What a file says is read once into a
//! tree with places ([`yaml`]), turned into checked types ([`settings`], [`tool`], [`policy`],
//! [`prompt`]), and then looked at as a whole ([`check`]): all findings at once, each with its exact
//! place. A [`Config`] exists only when none of them is an error. The files come from a folder as a
//! rule, and from elsewhere ([`Origin`]) where two configurations are compared.

pub mod acknowledgement;

mod check;

pub(crate) mod content;

pub mod host;

pub mod name;

pub mod policy;

pub mod prompt;

pub mod scenario;

pub mod schema;

pub mod secret;

pub mod settings;

pub mod template;

pub mod tool;

mod jinja;

mod source;

mod watch;

mod yaml;

use std::collections::BTreeMap;
use std::sync::Arc;

use name::{PolicyName, Revision, ToolName};
use policy::Policy;
use prompt::Prompts;
use settings::Settings;
use tool::Tool;

pub use acknowledgement::Acknowledgement;
pub use check::NOT_ENFORCED;
pub(crate) use check::{load, load_settings};
pub(crate) use source::hex;
pub use source::{File, Origin, Snapshot};
pub use watch::Pace;
pub(crate) use watch::Watch;
pub(crate) use yaml::is_readable;

use crate::diagnostic::{Code, Diagnostic, Severity, Source};
use crate::pattern::RuleSet;

/// Everything an operator wrote, checked; made only by loading.
#[derive(Debug, Clone)]
pub struct Config {
    revision: Revision,
    settings: Settings,
    tools: BTreeMap<ToolName, Arc<Tool>>,
    policies: BTreeMap<PolicyName, Arc<Policy>>,
    selections: BTreeMap<ToolName, Selection>,
    prompts: Prompts,
    acknowledgements: Vec<Acknowledgement>,
    /// What the model's script says, where there is one.
    script: Option<serde_json::Value>,
}

/// Whether the environment may set settings: where something is served or run, never where a
/// configuration is checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Overrides {
    /// The root alone counts.
    None,
    /// `TOLKIEN_SECTION__KEY` stands over `tolkien.yaml`.
    Environment,
}

/// What loading an origin gave.
#[derive(Debug)]
pub struct Loaded {
    /// The configuration; absent when any finding is an error.
    pub config: Option<Arc<Config>>,
    /// Whether there is no file of a configuration at all: nothing was written, rather than something
    /// wrong.
    pub empty: bool,
    /// Every finding, sorted by place.
    pub diagnostics: Vec<Diagnostic>,
    /// The texts that the findings' places point into, by name.
    pub sources: Vec<Source>,
    /// How much was looked at.
    pub checked: Checked,
}

/// How much a check looked at; "nothing to check" is an error, never a success.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize)]
pub struct Checked {
    /// Files of `tools.d/`.
    pub tools: usize,
    /// Files of `policies/`.
    pub policies: usize,
    /// Files of `prompts/`.
    pub prompts: usize,
    /// Cases under `tests:`.
    pub cases: usize,
    /// Invariants under `never:`.
    pub invariants: usize,
}

impl Loaded {
    /// The worst finding.
    pub fn worst(&self) -> Option<Severity> {
        self.diagnostics.iter().map(|found| found.severity).max()
    }

    /// The configuration, where it is valid.
    pub fn valid(&self) -> Option<&Arc<Config>> {
        self.config
            .as_ref()
            .filter(|_| self.worst() != Some(Severity::Error))
    }

    /// The configuration, where it may serve or run something: it is valid, and this build enforces
    /// its every word.
    pub fn enforced(mut self) -> Result<Arc<Config>, Refused> {
        let Some(config) = self.valid().cloned() else {
            return Err(Refused::Invalid(Box::new(self)));
        };
        self.diagnostics
            .retain(|found| found.code == Code(NOT_ENFORCED));
        if self.diagnostics.is_empty() {
            Ok(config)
        } else {
            Err(Refused::NotEnforced(Box::new(self)))
        }
    }
}

/// Why a configuration may not serve or run anything.
#[derive(Debug)]
pub enum Refused {
    /// It has errors.
    Invalid(Box<Loaded>),
    /// It says something that this build reads and does not enforce; only that is among the findings.
    NotEnforced(Box<Loaded>),
}

/// The configuration cannot be read at all.
#[derive(Debug, thiserror::Error)]
pub enum RootError {
    /// There is no such folder.
    #[error("there is no folder `{0}`")]
    Missing(String),
    /// The system refused.
    #[error("cannot read `{path}`: {source}")]
    Io {
        /// The file or folder.
        path: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// A revision was asked for, and the folder is in no git repository.
    #[error("`{0}` is in no git repository")]
    NoRepository(String),
    /// The repository does not have the revision.
    #[error("cannot find the revision `{revision}`: {why}")]
    Revision {
        /// As it was typed.
        revision: String,
        /// What was found instead.
        why: &'static str,
        /// The branch or tag that was probably meant.
        near: Option<String>,
    },
    /// The repository is broken.
    #[error("cannot read the git repository `{path}`: {why}")]
    Repository {
        /// Its folder.
        path: String,
        /// What the library says.
        why: String,
    },
}

/// The policies that select one tool, with all their rules compiled together.
#[derive(Debug, Clone, Default)]
pub struct Selection {
    /// By name.
    pub policies: Vec<Arc<Policy>>,
    /// Every rule of them: for each policy in order its `deny`, `ask` and `allow`.
    pub compiled: Arc<RuleSet>,
}

impl Selection {
    /// Those of all policies that select a tool.
    fn of(tool: &Tool, policies: &BTreeMap<PolicyName, Arc<Policy>>) -> Self {
        let policies: Vec<Arc<Policy>> = policies
            .values()
            .filter(|policy| policy.applies_to.selects(tool))
            .cloned()
            .collect();
        let compiled = RuleSet::new(policies.iter().flat_map(|policy| {
            let asks = policy.ask.iter().map(|ask| &ask.rule);
            policy
                .deny
                .iter()
                .chain(asks)
                .chain(policy.allow.iter().flatten())
                .map(|rule| rule.pattern.as_ref())
        }));
        Self {
            policies,
            compiled: Arc::new(compiled),
        }
    }
}

impl Config {
    /// The content it was loaded from.
    pub fn revision(&self) -> &Revision {
        &self.revision
    }

    /// `tolkien.yaml`.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The tools, by name.
    pub fn tools(&self) -> &BTreeMap<ToolName, Arc<Tool>> {
        &self.tools
    }

    /// The tool of this name.
    pub fn tool(&self, name: &str) -> Option<&Arc<Tool>> {
        self.tools.get(name)
    }

    /// The policies, by name.
    pub fn policies(&self) -> &BTreeMap<PolicyName, Arc<Policy>> {
        &self.policies
    }

    /// The policies that select a tool.
    pub fn selection(&self, tool: &ToolName) -> Option<&Selection> {
        self.selections.get(tool)
    }

    /// The prompts.
    pub fn prompts(&self) -> &Prompts {
        &self.prompts
    }

    /// The same with another version of one tool, for asking what would be different then.
    pub(crate) fn with_tool(&self, tool: Tool) -> Self {
        let mut config = self.clone();
        let selection = Selection::of(&tool, &config.policies);
        config.selections.insert(tool.name.clone(), selection);
        config.tools.insert(tool.name.clone(), Arc::new(tool));
        config
    }

    /// The same with another version of one policy.
    pub(crate) fn with_policy(&self, policy: Policy) -> Self {
        let mut config = self.clone();
        let policy = Arc::new(policy);
        let before = config
            .policies
            .insert(policy.name.clone(), Arc::clone(&policy));
        for tool in config.tools.values() {
            let met = before
                .iter()
                .chain([&policy])
                .any(|policy| policy.applies_to.selects(tool));
            if met {
                let selection = Selection::of(tool, &config.policies);
                config.selections.insert(tool.name.clone(), selection);
            }
        }
        config
    }

    /// The widenings that `permissions.ack.yaml` accepts.
    pub fn acknowledgements(&self) -> &[Acknowledgement] {
        &self.acknowledgements
    }
}
