//! `tolkien tools`: what the agent can do, and the rules in force.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use serde_json::Value;

use super::failure::Result;
use super::render::paint::{Paint, Tone};
use super::render::table::table;
use super::render::{Screen, counted};
use super::{Exit, compose, input, root};
use crate::agent::context::tools_json;
use crate::config::host::Host;
use crate::config::policy::{EffectAnswer, Policy};
use crate::config::settings::{Limits, length};
use crate::config::tool::{Command, CommandWord, Keep, Rule, Run, Tool};
use crate::config::{Config, Overrides};

/// List what the agent can do, with the limits and rules in force
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  tolkien tools\n  tolkien tools kubectl\n  tolkien tools --json | jq '.[].name'",
    long_about = "Lists the tools, with what they change, their limits, and the rules in force; with \
                  a NAME everything about one. What this machine lacks of what they need is told \
                  beside the list. `--json` prints exactly what is sent to Claude where \
                  every tool is ready, whatever this machine has."
)]
pub(crate) struct Tools {
    /// One tool, with its rules
    name: Option<String>,
    /// Print exactly what is sent to Claude
    #[arg(long)]
    json: bool,
}

impl Tools {
    /// Lists.
    pub(crate) fn run(&self, config: Option<&Path>, screen: &Screen) -> Result {
        let (config, _) = root::valid(&root::choose(config), Overrides::None)?;
        let one = match &self.name {
            Some(name) => Some(input::tool(&config, name)?),
            None => None,
        };
        match (one, self.json) {
            (None, true) => screen.line(tools_json(config.tools().values()).get())?,
            (Some(tool), true) => screen.line(&sent(&config, tool))?,
            (None, false) => {
                screen.data(&list(&config))?;
                compose::tell_lacks(&config, &Host::probe(&config), screen);
            }
            (Some(tool), false) => screen.data(&describe(&config, tool, screen.paint()))?,
        }
        Ok(Exit::Done)
    }
}

/// One tool's element of what is sent to Claude.
fn sent(config: &Config, tool: &Tool) -> String {
    let all: Vec<Value> =
        serde_json::from_str(tools_json(config.tools().values()).get()).unwrap_or_default();
    let one = all
        .into_iter()
        .find(|one| one.get("name").and_then(Value::as_str) == Some(tool.name.as_str()));
    one.map(|one| one.to_string()).unwrap_or_default()
}

fn list(config: &Config) -> String {
    let rows = config.tools().values().map(|tool| {
        let policies: Vec<&str> = selecting(config, tool)
            .map(|policy| policy.name.as_str())
            .collect();
        let own: usize = tool
            .arguments
            .values()
            .map(|rules| rules.deny.len() + rules.allow.as_ref().map_or(0, Vec::len))
            .sum();
        vec![
            tool.name.to_string(),
            tool.effect.as_str().to_owned(),
            length(timeout(config, tool)),
            tool.output.limit.to_string(),
            counted(own, "rule", "rules"),
            policies.join(", "),
        ]
    });
    let headings = [
        "TOOL",
        "EFFECT",
        "TIMEOUT",
        "CHARACTERS",
        "RULES",
        "POLICIES",
    ];
    table(&headings, rows)
}

fn selecting<'a>(config: &'a Config, tool: &Tool) -> impl Iterator<Item = &'a Arc<Policy>> {
    config
        .selection(&tool.name)
        .into_iter()
        .flat_map(|selection| &selection.policies)
}

fn timeout(config: &Config, tool: &Tool) -> Duration {
    let Limits { call_timeout, .. } = config.settings().limits;
    tool.timeout.unwrap_or(call_timeout)
}

/// Everything about one tool.
fn describe(config: &Config, tool: &Tool, paint: Paint) -> String {
    let head = paint.tone(Tone::Strong, tool.name.as_str());
    let mut page = Page {
        paint,
        sections: vec![format!(
            "{head}  {}\n\n{}\n",
            tool.effect.as_str(),
            indented(&tool.description)
        )],
    };
    page.section("runs", &runs(&tool.run));
    page.section("input", &parameters(tool));
    page.section(
        "limits",
        &[format!(
            "{}, {} characters of output ({} kept)",
            length(timeout(config, tool)),
            tool.output.limit,
            match tool.output.keep {
                Keep::Head => "the head is",
                Keep::Tail => "the tail is",
                Keep::HeadTail => "head and tail are",
            }
        )],
    );
    for (name, rules) in &tool.arguments {
        page.rules(&format!("{name}: deny"), &rules.deny);
        page.rules(
            &format!("{name}: allow"),
            rules.allow.as_deref().unwrap_or_default(),
        );
    }
    for policy in selecting(config, tool) {
        page.policy(policy);
    }
    page.sections.join("\n")
}

struct Page {
    paint: Paint,
    sections: Vec<String>,
}

impl Page {
    fn section(&mut self, title: &str, lines: &[String]) {
        if lines.is_empty() {
            return;
        }
        let title = self.paint.tone(Tone::Help, title);
        let lines: Vec<String> = lines.iter().map(|line| indented(line)).collect();
        self.sections
            .push(format!("{title}\n{}\n", lines.join("\n")));
    }

    fn rules<'a>(&mut self, title: &str, rules: impl IntoIterator<Item = &'a Rule>) {
        let lines: Vec<String> = rules.into_iter().map(|rule| self.rule(rule)).collect();
        self.section(title, &lines);
    }

    fn rule(&self, rule: &Rule) -> String {
        let name = self.paint.tone(Tone::Faint, rule.id.as_str());
        let pattern = self.paint.tone(Tone::Code, rule.pattern.text());
        match &rule.because {
            Some(because) => format!("{name}  {pattern}\n  {because}"),
            None => format!("{name}  {pattern}"),
        }
    }

    fn policy(&mut self, policy: &Policy) {
        let title = |kind: &str| format!("policy {}: {kind}", policy.name);
        if let Some(description) = &policy.description {
            let name = format!("policy {}", policy.name);
            self.section(&name, std::slice::from_ref(description));
        }
        self.rules(&title("deny"), &policy.deny);
        self.rules(&title("ask"), policy.ask.iter().map(|ask| &ask.rule));
        self.rules(&title("allow"), policy.allow.as_deref().unwrap_or_default());
        let effects = [("read", policy.read_effect), ("write", policy.write_effect)];
        let effects: Vec<String> = effects
            .into_iter()
            .filter_map(|(effect, answer)| Some(format!("{effect}: {}", word(answer?))))
            .collect();
        self.section(&title("effect"), &effects);
    }
}

fn word(answer: EffectAnswer) -> &'static str {
    match answer {
        EffectAnswer::Allow => "allow",
        EffectAnswer::Ask => "ask",
        EffectAnswer::Deny => "deny",
    }
}

fn indented(text: &str) -> String {
    let lines: Vec<String> = text
        .trim_end()
        .lines()
        .map(|line| format!("  {line}"))
        .collect();
    lines.join("\n")
}

fn runs(run: &Run) -> Vec<String> {
    match run {
        Run::Command(command) => vec![line(command)],
        Run::Steps(steps) => steps.list.iter().map(|step| line(&step.command)).collect(),
        Run::Http(http) => vec![format!("{} {}", http.method, http.url.text)],
        Run::Mcp { server, tool } => vec![format!("mcp {server} {tool}")],
    }
}

/// A command as its file writes it, word by word.
fn line(command: &Command) -> String {
    let mut words = vec![command.program.clone()];
    for word in &command.words {
        match word {
            CommandWord::One(template) => words.push(template.text.clone()),
            CommandWord::Splice { parameter, .. } => words.push(format!("{{{{ {parameter} }}}}")),
            CommandWord::Group(group) => {
                let group: Vec<&str> = group.iter().map(|word| word.text.as_str()).collect();
                words.push(format!("[{}]", group.join(" ")));
            }
        }
    }
    words.join(" ")
}

fn parameters(tool: &Tool) -> Vec<String> {
    let schema = &tool.input.json;
    let required: Vec<&str> = schema
        .get("required")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    let properties = schema.get("properties").and_then(Value::as_object);
    properties
        .into_iter()
        .flatten()
        .map(|(name, property)| {
            let kind = property.get("type").and_then(Value::as_str);
            let optional = if required.contains(&name.as_str()) {
                ""
            } else {
                ", optional"
            };
            let head = format!("{name}  {}{optional}", kind.unwrap_or("any value"));
            match property.get("description").and_then(Value::as_str) {
                Some(description) => format!("{head}\n  {}", description.trim_end()),
                None => head,
            }
        })
        .collect()
}
