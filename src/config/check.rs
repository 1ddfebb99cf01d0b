//! Loading a root as a whole: every file read, then what no single file can know.

mod unenforced;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use serde_json::{Value, json};

use super::name::{PolicyName, ToolName};
use super::policy::{Policy, glob_matches};
use super::prompt::{self, Prompts, SYSTEM, Use};
use super::settings::{Model, Settings};
use super::source::Root;
use super::template::{Part, Template};
use super::tool::{CommandWord, Run, Tool, World};
use super::yaml::{self, Kind, Node, Reader};
use super::{Checked, Config, Loaded, Overrides, RootError, Selection};
use crate::diagnostic::{self, Diagnostic, Place, Severity, Source, listed, nearest};
use crate::pattern::{Names, RuleSet};

pub use unenforced::NOT_ENFORCED;

/// Reads and checks a whole root; its cases are run by [`crate::policy::load`].
pub(crate) fn load(folder: &Path, overrides: Overrides) -> Result<Loaded, RootError> {
    let mut found = Vec::new();
    let root = Root::read(folder, &mut found)?;
    let parsed = Parsed::read(&root, overrides, &mut found);
    if let Some(source) = &root.acknowledgements {
        read_acknowledgements(source, &mut found);
    }
    let [tools, policies, prompts] = root.counts;
    let mut checked = Checked {
        tools,
        policies,
        prompts,
        ..Checked::default()
    };
    checked.cases = parsed
        .tools
        .values()
        .map(|tool| tool.tests.len())
        .sum::<usize>()
        + parsed
            .policies
            .values()
            .map(|policy| policy.tests.len())
            .sum::<usize>();
    checked.invariants = parsed
        .policies
        .values()
        .map(|policy| policy.never.len())
        .sum();
    if tools == 0 {
        found.push(
            Diagnostic::error(
                "nothing-to-check",
                Place::file("tools.d"),
                "there is no tool here",
            )
            .help("write `tools.d/NAME.yaml`, or start with `tolkien init`"),
        );
    }
    let config = parsed.finish(&root, &mut found);
    diagnostic::sort(&mut found);
    let failed = found.iter().any(|found| found.severity == Severity::Error);
    Ok(Loaded {
        config: config.filter(|_| !failed).map(Arc::new),
        diagnostics: found,
        sources: root.into_sources(),
        checked,
    })
}

/// Checks the form of `permissions.ack.yaml`; what it says counts for `diff` alone.
fn read_acknowledgements(source: &Source, found: &mut Vec<Diagnostic>) {
    let Some(node) = yaml::parse(source, found) else {
        return;
    };
    let mut reader = Reader::new(source, found);
    for item in reader
        .list(&node, "the acknowledgements")
        .unwrap_or_default()
    {
        let known = ["fingerprint", "reason"];
        let Some(fields) = reader.fields(item, "an acknowledgement", &known) else {
            continue;
        };
        for key in known {
            let help = "write `{fingerprint: …, reason: …}` as `tolkien diff` prints it";
            if let Some(node) = reader.required(&fields, key, "an acknowledgement", help) {
                reader.text(node, &format!("`{key}`"));
            }
        }
    }
}

fn read_settings(
    source: Option<&Source>,
    overrides: Overrides,
    found: &mut Vec<Diagnostic>,
) -> Settings {
    let none = Source::new("tolkien.yaml", "");
    let source = source.unwrap_or(&none);
    let node = if source.text().is_empty() {
        None
    } else {
        yaml::parse(source, found)
    };
    let node = match (node, overrides) {
        (Some(node), Overrides::None) => node,
        (None, Overrides::None) => return Settings::default(),
        (node, Overrides::Environment) => {
            let empty = Node {
                span: 0..0,
                kind: Kind::Map(Vec::new()),
            };
            super::settings::overlay(node.unwrap_or(empty), found)
        }
    };
    super::settings::read(&mut Reader::new(source, found), &node)
}

/// The files, each read by itself.
struct Parsed {
    settings: Settings,
    tools: BTreeMap<ToolName, Arc<Tool>>,
    policies: BTreeMap<PolicyName, Arc<Policy>>,
    prompts: Prompts,
    /// Tools whose file has errors: they exist, so that nothing else complains that they do not.
    broken: BTreeSet<String>,
}

impl Parsed {
    fn read(root: &Root, overrides: Overrides, found: &mut Vec<Diagnostic>) -> Self {
        let settings = read_settings(root.settings.as_ref(), overrides, found);
        let names: Vec<&str> = root.prompts.keys().map(String::as_str).collect();
        let world = World {
            settings: &settings,
            prompts: &names,
        };
        let mut tools = BTreeMap::new();
        let mut broken = BTreeSet::new();
        for (name, source) in &root.tools {
            let tool = yaml::parse(source, found).and_then(|node| {
                super::tool::read(&mut Reader::new(source, found), name, &node, world)
            });
            match tool {
                Some(tool) => {
                    tools.insert(tool.name.clone(), Arc::new(tool));
                }
                None => {
                    broken.insert(name.clone());
                }
            }
        }
        let policies = read_policies(root, &settings, found);
        let uses: Vec<Use> = tools.values().flat_map(|tool| prompts_of(tool)).collect();
        // A broken tool may be the one that uses a prompt.
        let prompts = prompt::read(
            &root.prompts,
            &uses,
            broken.is_empty(),
            &settings.facts,
            found,
        );
        Self {
            settings,
            tools,
            policies,
            prompts,
            broken,
        }
    }

    fn finish(self, root: &Root, found: &mut Vec<Diagnostic>) -> Option<Config> {
        self.check_names(found);
        self.check_not_enforced(found);
        if found.iter().any(|found| found.severity == Severity::Error) {
            return None;
        }
        let selections = self
            .tools
            .values()
            .map(|tool| (tool.name.clone(), self.selection(tool)))
            .collect();
        let config = Config {
            revision: root.revision(),
            settings: self.settings,
            tools: self.tools,
            policies: self.policies,
            selections,
            prompts: self.prompts,
            folder: root.folder.clone(),
        };
        check_system_prompt(&config, root, found);
        Some(config)
    }

    fn selection(&self, tool: &Tool) -> Selection {
        let policies: Vec<Arc<Policy>> = self
            .policies
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
        Selection { policies, compiled }
    }

    /// Names of tools, wherever they are written.
    fn check_names(&self, found: &mut Vec<Diagnostic>) {
        let names: Vec<&str> = self
            .tools
            .keys()
            .map(ToolName::as_str)
            .chain(self.broken.iter().map(String::as_str))
            .collect();
        for policy in self.policies.values() {
            for glob in policy.applies_to.tools.iter().flatten() {
                if !names.iter().any(|name| glob_matches(glob, name)) {
                    found.push(unknown_tool(glob, &names, policy.place.clone()));
                }
            }
            let selects = self
                .tools
                .values()
                .any(|tool| policy.applies_to.selects(tool));
            if !selects && self.broken.is_empty() {
                found.push(
                    Diagnostic::error(
                        "selects-nothing",
                        policy.place.clone(),
                        format!("the policy `{}` selects no tool", policy.name),
                    )
                    .help("look at `applies_to`: every part of it must hold for at least one tool"),
                );
            }
            for case in &policy.tests {
                if !names.contains(&case.tool.as_str()) {
                    found.push(unknown_tool(case.tool.as_str(), &names, case.place.clone()));
                }
            }
        }
        for role in self.settings.roles.by_name.values() {
            for glob in &role.tools {
                if let Some(place) = &role.place
                    && !names.iter().any(|name| glob_matches(glob, name))
                {
                    found.push(unknown_tool(glob, &names, place.clone()));
                }
            }
        }
    }
}

fn unknown_tool(name: &str, names: &[&str], place: Place) -> Diagnostic {
    let help = match nearest(name, names.iter().copied()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("the tools are {}", listed(names.iter().copied(), "and")),
    };
    Diagnostic::error("unknown-tool", place, format!("no tool is named `{name}`")).help(help)
}

/// Reads all policies: first their names, in an order in which each finds the names it imports.
fn read_policies(
    root: &Root,
    settings: &Settings,
    found: &mut Vec<Diagnostic>,
) -> BTreeMap<PolicyName, Arc<Policy>> {
    let mut nodes = BTreeMap::new();
    for (name, source) in &root.policies {
        if let Some(node) = yaml::parse(source, found) {
            nodes.insert(name.as_str(), (source, node));
        }
    }
    let mut names: BTreeMap<String, Names> = BTreeMap::new();
    let mut waiting: Vec<&str> = nodes.keys().copied().collect();
    while !waiting.is_empty() {
        let others: Vec<&str> = waiting.clone();
        let imports = |name: &str| {
            let text = nodes.get(name).map_or("", |(source, _)| source.text());
            others
                .iter()
                .any(|other| *other != name && text.contains(&format!("<{other}.")))
        };
        // Those that import from each other in a circle are read too; what they miss is reported.
        let (later, mut now): (Vec<&str>, Vec<&str>) =
            waiting.iter().copied().partition(|name| imports(name));
        waiting = if now.is_empty() {
            now = later;
            Vec::new()
        } else {
            later
        };
        for name in now {
            if let Some((source, node)) = nodes.get(name) {
                let mut reader = Reader::new(source, found);
                if let Some(read) = super::policy::read_names(&mut reader, node, &names) {
                    names.insert(name.to_owned(), read);
                }
            }
        }
    }
    let mut policies = BTreeMap::new();
    for (name, (source, node)) in &nodes {
        let Some(names) = names.get(*name) else {
            continue;
        };
        let mut reader = Reader::new(source, found);
        if let Some(policy) = super::policy::read(&mut reader, name, node, names, settings) {
            policies.insert(policy.name.clone(), Arc::new(policy));
        }
    }
    policies
}

/// The prompts that a tool's templates render.
fn prompts_of(tool: &Tool) -> Vec<Use> {
    let mut templates: Vec<&Template> = Vec::new();
    for command in tool.run.commands() {
        templates.extend(command.stdin.iter().chain(&command.cwd));
        templates.extend(command.env.iter().map(|(_, template)| template));
        for word in &command.words {
            match word {
                CommandWord::One(template) => templates.push(template),
                CommandWord::Group(group) => templates.extend(group),
                CommandWord::Splice { .. } => {}
            }
        }
    }
    match &tool.run {
        Run::Steps(steps) => templates.extend(steps.result.iter()),
        Run::Http(http) => templates.extend(http.body.iter()),
        Run::Command(_) | Run::Mcp { .. } => {}
    }
    templates
        .into_iter()
        .flat_map(|template| &template.parts)
        .filter_map(|part| match part {
            Part::Prompt { name, arguments } => Some(Use {
                name: name.clone(),
                arguments: arguments.iter().map(|(key, _)| key.clone()).collect(),
            }),
            _ => None,
        })
        .collect()
}

/// Renders `system.md` once as a session would, which finds what no reading of names can.
fn check_system_prompt(config: &Config, root: &Root, found: &mut Vec<Diagnostic>) {
    let tools: Vec<&Arc<Tool>> = config.tools.values().collect();
    let context = config.prompt_context(&tools, "operator", "operator", "api");
    if let Err(error) = config.prompts.render(SYSTEM, &context) {
        let file = error.name().unwrap_or(SYSTEM);
        let source = root.prompts.get(file).or_else(|| root.prompts.get(SYSTEM));
        let place = source.map_or_else(
            || Place::file(format!("prompts/{SYSTEM}")),
            |source: &Source| source.place(error.range().unwrap_or(0..0)),
        );
        let why = error
            .detail()
            .map_or_else(|| error.kind().to_string(), str::to_owned);
        found.push(
            Diagnostic::error(
                "prompt-fails",
                place,
                format!("the system prompt cannot be rendered: {why}"),
            )
            .help("`tolkien prompt` shows it as the model would get it"),
        );
    }
}

impl Config {
    /// What `system.md` may mention: the tools in force, who asks and through which door, and the
    /// settings' facts.
    pub fn prompt_context(
        &self,
        tools: &[&Arc<Tool>],
        caller: &str,
        role: &str,
        channel: &str,
    ) -> Value {
        let tools: Vec<Value> = tools
            .iter()
            .map(|tool| {
                let usage: Vec<&str> = tool
                    .arguments
                    .values()
                    .flat_map(|rules| rules.allow.iter().flatten())
                    .map(|rule| rule.pattern.text())
                    .collect();
                json!({
                    "name": tool.name,
                    "description": tool.description,
                    "effect": tool.effect,
                    "usage": usage,
                })
            })
            .collect();
        json!({
            "tools": tools,
            "caller": {"name": caller, "role": role},
            "channel": channel,
            "facts": self.settings.facts,
        })
    }

    /// Reads the script that `model: {provider: script}` names; absent for another model.
    pub fn script(&self) -> Result<Option<Value>, Box<Diagnostic>> {
        let Model::Script { script, .. } = &self.settings.model else {
            return Ok(None);
        };
        let shown = script.display().to_string();
        let source = super::source::read_beside(&self.folder, script, &shown)?;
        let mut found = Vec::new();
        let node = yaml::parse(&source, &mut found);
        match (node, found.into_iter().next()) {
            (Some(node), None) => {
                let mut found = Vec::new();
                let value = Reader::new(&source, &mut found).json(&node);
                match found.into_iter().next() {
                    Some(problem) => Err(Box::new(problem)),
                    None => Ok(Some(value)),
                }
            }
            (_, problem) => Err(Box::new(problem.unwrap_or_else(|| {
                Diagnostic::error("empty-file", Place::file(shown), "this file is empty")
            }))),
        }
    }
}
