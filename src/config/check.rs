//! Loading a root as a whole: every file read, then what no single file can know.

mod import;

mod unenforced;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::{Value, json};

use super::name::{PolicyName, ToolName};
use super::policy::{Policy, check_globs};
use super::prompt::{self, Prompts, SYSTEM, Surroundings, Use};
use super::settings::{Model, Settings};
use super::source::{EVERYTHING, Origin, PROMPTS, Root, TOOLS};
use super::template::{Known, Part, Template};
use super::tool::{Tool, World};
use super::yaml::{self, Node, Reader};
use super::{Checked, Config, Loaded, Overrides, RootError, Selection, acknowledgement};
use crate::diagnostic::{self, Diagnostic, Place, Severity, Source};

pub use unenforced::NOT_ENFORCED;

/// Reads and checks a whole root; its cases are run by [`crate::policy::load`].
pub(crate) fn load(origin: &Origin, overrides: Overrides) -> Result<Loaded, RootError> {
    let mut found = Vec::new();
    let root = Root::read(origin, &mut found)?;
    if root.is_empty() {
        // What could not be read may have held one.
        let empty = found.iter().all(|found| found.severity != Severity::Error);
        if empty {
            found.push(root.nothing());
        }
        root.settle(&mut found);
        diagnostic::sort(&mut found);
        return Ok(Loaded {
            config: None,
            empty,
            diagnostics: found,
            sources: root.into_sources(),
            checked: Checked::default(),
        });
    }
    let parsed = Parsed::read(&root, overrides, &mut found);
    let acknowledgements = acknowledgement::read(root.acknowledgements.as_ref(), &mut found);
    let checked = parsed.checked(&root);
    if checked.tools == 0 && root.unread.get(TOOLS).is_none_or(BTreeSet::is_empty) {
        found.push(
            Diagnostic::error(
                "nothing-to-check",
                Place::file("tools.d"),
                "there is no tool here",
            )
            .help("write `tools.d/NAME.yaml`, or start with `tolkien init`"),
        );
    }
    let config = parsed.finish(&root, &mut found).map(|config| Config {
        acknowledgements,
        ..config
    });
    root.settle(&mut found);
    diagnostic::sort(&mut found);
    let failed = found.iter().any(|found| found.severity == Severity::Error);
    Ok(Loaded {
        config: config.filter(|_| !failed).map(Arc::new),
        empty: false,
        diagnostics: found,
        sources: root.into_sources(),
        checked,
    })
}

/// The settings of a root, as far as they can be read whatever is wrong with it, and what loading it as
/// a whole gives.
pub(crate) fn load_settings(
    origin: &Origin,
    overrides: Overrides,
) -> Result<(Settings, Loaded), RootError> {
    let loaded = load(origin, overrides)?;
    if let Some(config) = &loaded.config {
        return Ok((config.settings.clone(), loaded));
    }
    let mut told = Vec::new();
    let root = Root::read(origin, &mut told)?;
    Ok((read_settings(&root, overrides, &mut told), loaded))
}

fn read_settings(root: &Root, overrides: Overrides, found: &mut Vec<Diagnostic>) -> Settings {
    let none = Source::new("tolkien.yaml", "");
    let source = root.settings.as_ref().unwrap_or(&none);
    if root.settings_unread {
        return Settings::unread();
    }
    let Some(written) = yaml::parse_optional(source, found) else {
        return Settings::unread();
    };
    super::settings::check_password(&mut Reader::new(source, found), &written);
    let tree = match overrides {
        Overrides::None => written,
        Overrides::Environment => super::settings::overlay(written, found),
    };
    let mut reader = Reader::new(source, found);
    let settings = super::settings::read(&mut reader, &tree);
    let names = tool_names(root);
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let tools = Known {
        names: &names,
        complete: !names.contains(&EVERYTHING),
    };
    for role in tree.member("roles").map(Node::members).unwrap_or_default() {
        if let Some(globs) = role.value.member("tools") {
            check_globs(&mut reader, globs, tools);
        }
    }
    settings
}

/// The names of all tools that there are, unreadable ones included.
fn tool_names(root: &Root) -> BTreeSet<String> {
    let unread = root.unread.get(TOOLS).into_iter().flatten();
    root.tools.keys().chain(unread).cloned().collect()
}

/// The files, each read by itself.
struct Parsed {
    settings: Settings,
    tools: BTreeMap<ToolName, Arc<Tool>>,
    policies: BTreeMap<PolicyName, Arc<Policy>>,
    prompts: Prompts,
    /// Whether a tool's file could not be read: nothing follows from its absence.
    broken: bool,
}

impl Parsed {
    fn read(root: &Root, overrides: Overrides, found: &mut Vec<Diagnostic>) -> Self {
        let settings = read_settings(root, overrides, found);
        let nothing = BTreeSet::new();
        let unread = root.unread.get(PROMPTS).unwrap_or(&nothing);
        let prompt_names = root.prompts.keys().chain(unread);
        let prompt_names: Vec<&str> = prompt_names.map(String::as_str).collect();
        let tool_names = tool_names(root);
        let names: Vec<&str> = tool_names.iter().map(String::as_str).collect();
        let world = World {
            settings: &settings,
            prompts: Known {
                names: &prompt_names,
                complete: !unread.contains(EVERYTHING),
            },
            tools: Known {
                names: &names,
                complete: !tool_names.contains(EVERYTHING),
            },
        };
        let mut tools = BTreeMap::new();
        for (name, source) in &root.tools {
            let tool = yaml::parse(source, found).and_then(|node| {
                super::tool::read(&mut Reader::new(source, found), name, &node, world)
            });
            tools.extend(tool.map(|tool| (tool.name.clone(), Arc::new(tool))));
        }
        let broken = tools.len() < tool_names.len();
        let policies = import::read_policies(root, world, found);
        let uses: Vec<Use> = tools.values().flat_map(|tool| prompts_of(tool)).collect();
        let around = Surroundings {
            uses: &uses,
            // A broken tool may be the one that uses a prompt.
            all_uses: !broken,
            facts: settings.knows("facts").then_some(&settings.facts),
            unread,
        };
        let prompts = prompt::read(&root.prompts, around, found);
        Self {
            settings,
            tools,
            policies,
            prompts,
            broken,
        }
    }

    fn checked(&self, root: &Root) -> Checked {
        let [tools, policies, prompts] = root.counts;
        let tool_cases = self.tools.values().map(|tool| tool.tests.len());
        let policy_cases = self.policies.values().map(|policy| policy.tests.len());
        let invariants = self.policies.values().map(|policy| policy.never.len());
        Checked {
            tools,
            policies,
            prompts,
            cases: tool_cases.chain(policy_cases).sum(),
            invariants: invariants.sum(),
        }
    }

    fn finish(self, root: &Root, found: &mut Vec<Diagnostic>) -> Option<Config> {
        self.check_selectors(root, found);
        self.check_not_enforced(found);
        let script = read_script(&self.settings.model, root, found);
        if found.iter().any(|found| found.severity == Severity::Error) {
            return None;
        }
        let selections = self
            .tools
            .values()
            .map(|tool| (tool.name.clone(), Selection::of(tool, &self.policies)))
            .collect();
        let config = Config {
            revision: root.revision(),
            settings: self.settings,
            tools: self.tools,
            policies: self.policies,
            selections,
            prompts: self.prompts,
            acknowledgements: Vec::new(),
            script,
        };
        check_system_prompt(&config, root, found);
        Some(config)
    }

    /// A policy that selects nothing was meant for something.
    fn check_selectors(&self, root: &Root, found: &mut Vec<Diagnostic>) {
        if self.broken {
            return;
        }
        for policy in self.policies.values() {
            let selects = |tool: &Arc<Tool>| policy.applies_to.selects(tool);
            let source = root.policies.get(policy.name.as_str());
            let told = |found: &Diagnostic| {
                found.code.0 == "unknown-tool"
                    && source.is_some_and(|source| source.holds(&found.place))
            };
            if !self.tools.values().any(selects) && !found.iter().any(told) {
                found.push(
                    Diagnostic::error(
                        "selects-nothing",
                        policy.place.clone(),
                        format!("the policy `{}` selects no tool", policy.name),
                    )
                    .help("look at `applies_to`: every part of it must hold for at least one tool"),
                );
            }
        }
    }
}

/// The prompts that a tool's templates render.
fn prompts_of(tool: &Tool) -> Vec<Use> {
    let used = |template: &Template| {
        let place = template.place.clone();
        let parts = template.parts.iter().filter_map(move |part| match part {
            Part::Prompt { name, arguments } => Some(Use {
                name: name.clone(),
                arguments: arguments.iter().map(|(key, _)| key.clone()).collect(),
                place: place.clone(),
            }),
            _ => None,
        });
        parts.collect::<Vec<Use>>()
    };
    tool.templates().into_iter().flat_map(used).collect()
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

    /// What the script says that `model: {provider: script}` names; absent for another model.
    pub fn script(&self) -> Option<&Value> {
        self.script.as_ref()
    }
}

/// Reads the script that the settings name, which must be there and be readable.
fn read_script(model: &Model, root: &Root, found: &mut Vec<Diagnostic>) -> Option<Value> {
    let Model::Script { script, place } = model else {
        return None;
    };
    let source = root.read_beside(script, place.as_ref(), found)?;
    let node = yaml::parse(&source, found)?;
    Some(Reader::new(&source, found).json(&node))
}
