//! A tool, checked: what Claude is told about it, what it runs, and the rules on its parameters.

mod read;

mod sandbox;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::content::Content;
use super::name::{RuleId, ToolName};
use super::schema::InputSchema;
use super::template::Template;
use crate::diagnostic::Place;
use crate::pattern::{Pattern, RuleSet};

pub(crate) use read::{
    World, Written, check_unused, names, read, read_cases, read_rules, read_sandbox, referred,
    report, unknown_tool,
};
pub use sandbox::{Enforcement, SYSTEM, Sandbox};

/// Whether a tool changes anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Effect {
    /// It only looks: allowed unless a rule says otherwise.
    Read,
    /// It changes something: needs an approval unless a policy says otherwise.
    Write,
}

impl Effect {
    /// The word in files and answers.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
        }
    }
}

/// A tool, checked.
#[derive(Debug, Clone)]
pub struct Tool {
    /// The stem of its file.
    pub name: ToolName,
    /// What Claude is told about it.
    pub description: String,
    /// Whether it changes anything.
    pub effect: Effect,
    /// Its arguments.
    pub input: InputSchema,
    /// What it starts.
    pub run: Run,
    /// Its deadline; absent means `limits.call_timeout`.
    pub timeout: Option<Duration>,
    /// What the model sees of its output.
    pub output: OutputLimits,
    /// The rules on each parameter, by name.
    pub arguments: BTreeMap<String, ArgumentRules>,
    /// Its own sandbox, over the default of the settings.
    pub sandbox: Option<Sandbox>,
    /// Its cases.
    pub tests: Vec<Case>,
    /// Places of the file and of `input`, `run`, `effect`, `arguments`, for rules without a text.
    pub places: Places,
    /// What its file says.
    pub(crate) content: Content,
}

impl Tool {
    /// Every template of what it starts.
    pub fn templates(&self) -> Vec<&Template> {
        let mut templates: Vec<&Template> = Vec::new();
        for command in self.run.commands() {
            templates.extend(command.stdin.iter().chain(&command.cwd));
            templates.extend(command.env.iter().map(|(_, template)| template));
            templates.extend(command.words.iter().flat_map(CommandWord::templates));
        }
        match &self.run {
            Run::Steps(steps) => templates.extend(steps.result.iter()),
            Run::Http(http) => {
                templates.push(&http.url);
                templates.extend(http.body.iter());
                templates.extend(http.headers.iter().map(|(_, template)| template));
            }
            Run::Command(_) | Run::Mcp { .. } => {}
        }
        templates
    }

    /// Its own sandbox and those of its steps, as they are written.
    pub fn sandboxes(&self) -> impl Iterator<Item = &Sandbox> {
        let steps = match &self.run {
            Run::Steps(steps) => steps.list.as_slice(),
            _ => &[],
        };
        let of_steps = steps.iter().filter_map(|step| step.sandbox.as_ref());
        self.sandbox.iter().chain(of_steps)
    }

    /// The sandboxes that hold for what it starts, under the default of the settings: one for each
    /// program.
    pub fn sandboxes_under(&self, default: &Sandbox) -> Vec<Sandbox> {
        let own = default.under(self.sandbox.as_ref());
        match &self.run {
            Run::Command(_) => vec![own],
            Run::Steps(steps) => {
                let steps = steps.list.iter();
                steps.map(|step| own.under(step.sandbox.as_ref())).collect()
            }
            Run::Http(_) | Run::Mcp { .. } => Vec::new(),
        }
    }
}

/// Where a tool's parts are written.
#[derive(Debug, Clone)]
pub struct Places {
    /// The file.
    pub file: Place,
    /// The value of `effect`.
    pub effect: Place,
    /// The key `input`.
    pub input: Place,
    /// The key `run`.
    pub run: Place,
}

/// What the model sees of a tool's output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OutputLimits {
    /// Characters that the model sees.
    pub limit: usize,
    /// Which end is kept where it is cut.
    pub keep: Keep,
    /// Bytes of the redacted whole that are stored with the session, for `read_output`.
    pub keep_bytes: usize,
}

impl Default for OutputLimits {
    fn default() -> Self {
        Self {
            // The plan's figure for every reading tool: about 3,000 tokens.
            limit: 12_000,
            keep: Keep::HeadTail,
            keep_bytes: 1024 * 1024,
        }
    }
}

/// Which end of a long output is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keep {
    /// The beginning.
    Head,
    /// The end.
    Tail,
    /// Half of each.
    HeadTail,
}

/// What a tool starts.
#[derive(Debug, Clone)]
pub enum Run {
    /// One program.
    Command(Command),
    /// Several, one after the other.
    Steps(Steps),
    /// One HTTPS request.
    Http(Http),
    /// One call of an MCP server's tool.
    Mcp {
        /// A server of the settings.
        server: String,
        /// Its tool.
        tool: String,
    },
}

/// One program with its arguments, never through a shell.
#[derive(Debug, Clone)]
pub struct Command {
    /// The program: a bare name, or a path.
    pub program: String,
    /// What stands after it.
    pub words: Vec<CommandWord>,
    /// The whole environment of the process.
    pub env: Vec<(String, Template)>,
    /// Absent means closed.
    pub stdin: Option<Template>,
    /// Absent means a fresh private empty folder.
    pub cwd: Option<Template>,
    /// Exit codes that are a result.
    pub ok: Vec<i32>,
    /// Where it is written.
    pub place: Place,
}

/// One element of a command.
#[derive(Debug, Clone)]
pub enum CommandWord {
    /// Exactly one word; dropped when it mentions an absent optional parameter.
    One(Template),
    /// An array parameter, item by item.
    Splice {
        /// The parameter.
        parameter: String,
        /// Where it is written.
        place: Place,
    },
    /// Several words that are dropped as one.
    Group(Vec<Template>),
}

impl CommandWord {
    /// The templates that it is made of.
    pub fn templates(&self) -> &[Template] {
        match self {
            Self::One(template) => std::slice::from_ref(template),
            Self::Group(group) => group,
            Self::Splice { .. } => &[],
        }
    }
}

/// Several programs in a private folder.
#[derive(Debug, Clone)]
pub struct Steps {
    /// Whether there is a fresh private folder, removed afterwards.
    pub workspace: bool,
    /// In order.
    pub list: Vec<Step>,
    /// What the model gets.
    pub result: Option<Template>,
}

/// One program of several.
#[derive(Debug, Clone)]
pub struct Step {
    /// The name under which later steps see its output.
    pub id: Option<String>,
    /// What it starts.
    pub command: Command,
    /// Its own deadline.
    pub timeout: Option<Duration>,
    /// No byte of output for this long ends it.
    pub idle_timeout: Option<Duration>,
    /// Its own sandbox.
    pub sandbox: Option<Sandbox>,
    /// What must hold of its output.
    pub require: Option<Requirement>,
}

/// What must hold of a step's output for the call to go on.
#[derive(Debug, Clone)]
pub struct Requirement {
    /// The whole output matches.
    pub expression: Option<crate::pattern::Expression>,
    /// Every line matches.
    pub each_line: Option<crate::pattern::Expression>,
    /// There is some.
    pub not_empty: bool,
    /// Told to the model when it does not hold.
    pub because: Option<String>,
}

/// One HTTPS request.
#[derive(Debug, Clone)]
pub struct Http {
    /// `GET`, `HEAD`, `POST`, …
    pub method: String,
    /// The address.
    pub url: Template,
    /// Further headers.
    pub headers: Vec<(String, Template)>,
    /// What is sent.
    pub body: Option<Template>,
    /// Exact hosts, or `*.domain`.
    pub hosts: Vec<String>,
    /// Media types that are shown to the model; empty means every text.
    pub accept: Vec<String>,
    /// Where it is written.
    pub place: Place,
}

/// The rules on one parameter.
#[derive(Debug, Clone)]
pub struct ArgumentRules {
    /// `allow`, in order; absent when nothing is written.
    pub allow: Option<Vec<Rule>>,
    /// `deny`, in order.
    pub deny: Vec<Rule>,
    /// All of them compiled together: first every `deny`, then every `allow`.
    pub compiled: Arc<RuleSet>,
    /// The folder that a path must stay in, as rendered text would name it.
    pub within: Option<Template>,
    /// Whether it may start with `-`.
    pub dash: bool,
    /// Whether newlines and tabs may stand in it.
    pub multiline: bool,
    /// Characters in a string, or in each item.
    pub max: usize,
    /// Where the rules are written.
    pub place: Place,
}

impl ArgumentRules {
    /// The same with other rules.
    pub(crate) fn with(&self, deny: Vec<Rule>, allow: Option<Vec<Rule>>) -> Self {
        Self {
            compiled: Arc::new(Self::compile(&deny, allow.as_deref())),
            allow,
            deny,
            ..self.clone()
        }
    }

    /// The rules compiled together: first every `deny`, then every `allow`.
    pub(crate) fn compile(deny: &[Rule], allow: Option<&[Rule]>) -> RuleSet {
        let all = deny.iter().chain(allow.unwrap_or_default());
        RuleSet::new(all.map(|rule| rule.pattern.as_ref()))
    }
}

/// The longest string (or item) of an argument where its rules do not say, in characters.
pub const DEFAULT_ARGUMENT_MAX: usize = 4_096;

/// One written rule.
#[derive(Debug, Clone)]
pub struct Rule {
    /// Its name: `kubectl.args.deny[0]`, `cluster-read-only.no-secrets`.
    pub id: RuleId,
    /// The pattern.
    pub pattern: Arc<Pattern>,
    /// Why, for the model and the operator.
    pub because: Option<String>,
    /// Where it is written.
    pub place: Place,
}

/// A case of a tool or a policy: a call and how it must be decided.
#[derive(Debug, Clone)]
pub struct Case {
    /// The tool that is called.
    pub tool: ToolName,
    /// The call's input; a line was split into the words of the tool's only array parameter.
    pub input: CaseInput,
    /// How it must be decided.
    pub expect: Expect,
    /// The rule that must have decided it, when named.
    pub rule: Option<String>,
    /// Where that rule is named.
    pub rule_place: Option<Place>,
    /// Where the case is written.
    pub place: Place,
}

/// What a case calls the tool with.
#[derive(Debug, Clone)]
pub enum CaseInput {
    /// A line for the tool's only array parameter.
    Line(String),
    /// The whole input.
    Input(serde_json::Value),
}

/// How a case must be decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expect {
    /// Runs at once.
    Allow,
    /// Waits for an approval.
    Ask,
    /// Does not run.
    Deny,
}
