//! The first page: what the agent may do, at one look.

use serde::Serialize;

use super::rule::{ProofView, proofs};
use super::{Content, policy_file, prompt_file, tool_file};
use crate::config::tool::{Effect, Tool};
use crate::config::{Checked, Config};

/// What stands on every page.
#[derive(Debug, Serialize)]
pub(super) struct Site {
    revision: String,
    /// Enough of it to tell two apart by eye.
    short: String,
    tools: Vec<[String; 2]>,
    policies: Vec<[String; 2]>,
    prompts: Vec<[String; 2]>,
}

/// What stands on every page.
pub(super) fn site(config: &Config) -> Site {
    let revision = config.revision().to_string();
    let tools = config.tools().keys();
    let policies = config.policies().keys();
    let prompts = config.prompts().names();
    Site {
        short: revision.chars().take(12).collect(),
        revision,
        tools: tools
            .map(|name| [name.to_string(), tool_file(name.as_str())])
            .collect(),
        policies: policies
            .map(|name| [name.to_string(), policy_file(name.as_str())])
            .collect(),
        prompts: prompts
            .into_iter()
            .map(|name| [name.to_owned(), prompt_file(name)])
            .collect(),
    }
}

/// What the first page shows.
#[derive(Debug, Serialize)]
pub(super) struct Overview {
    counts: Vec<Count>,
    groups: Vec<Group>,
    policies: Vec<PolicyEntry>,
    prompts: Vec<PromptEntry>,
    proved: usize,
}

#[derive(Debug, Serialize)]
struct Count {
    number: usize,
    what: &'static str,
    href: &'static str,
}

/// The tools of one effect.
#[derive(Debug, Serialize)]
struct Group {
    effect: &'static str,
    tools: Vec<ToolEntry>,
}

#[derive(Debug, Serialize)]
struct ToolEntry {
    name: String,
    file: String,
    summary: String,
    answer: &'static str,
    /// Whether a rule asks about some of its calls.
    some_ask: bool,
    invariants: usize,
    cases: usize,
    policies: Vec<[String; 2]>,
}

#[derive(Debug, Serialize)]
struct PolicyEntry {
    name: String,
    file: String,
    description: Option<String>,
    says: Vec<String>,
    /// Its invariants, each with its proofs.
    never: Vec<Vec<ProofView>>,
}

#[derive(Debug, Serialize)]
struct PromptEntry {
    name: String,
    file: String,
    characters: usize,
}

/// The first page.
pub(super) fn view(content: Content<'_>) -> Overview {
    let config = content.config;
    let groups = [Effect::Read, Effect::Write].map(|effect| Group {
        effect: effect.as_str(),
        tools: config
            .tools()
            .values()
            .filter(|tool| tool.effect == effect)
            .map(|tool| entry(content, tool))
            .collect(),
    });
    let policies = config.policies().values().map(|policy| PolicyEntry {
        name: policy.name.to_string(),
        file: policy_file(policy.name.as_str()),
        description: policy.description.clone(),
        says: super::policy::says(policy),
        never: policy
            .never
            .iter()
            .map(|rule| proofs(content, |proof| proof.rule.id == rule.id))
            .collect(),
    });
    let prompts = config.prompts();
    let names = prompts.names().into_iter();
    let prompts = names.map(|name| PromptEntry {
        name: name.to_owned(),
        file: prompt_file(name),
        characters: prompts.text(name).unwrap_or_default().chars().count(),
    });
    let all = proofs(content, |_| true);
    Overview {
        counts: counts(content.checked),
        groups: groups
            .into_iter()
            .filter(|group| !group.tools.is_empty())
            .collect(),
        policies: policies.collect(),
        prompts: prompts.collect(),
        proved: all.iter().filter(|proof| proof.is_proved()).count(),
    }
}

fn counts(checked: Checked) -> Vec<Count> {
    let Checked {
        tools,
        policies,
        prompts,
        cases,
        invariants,
    } = checked;
    let counts = [
        (tools, "tool", "tools", "#tools"),
        (policies, "policy", "policies", "#policies"),
        (invariants, "invariant", "invariants", "#never"),
        (cases, "case", "cases", "#tools"),
        (prompts, "prompt", "prompts", "#prompts"),
    ];
    let counts = counts.map(|(number, one, many, href)| Count {
        number,
        what: if number == 1 { one } else { many },
        href,
    });
    counts.into()
}

fn entry(content: Content<'_>, tool: &Tool) -> ToolEntry {
    let config = content.config;
    let policies: Vec<_> = super::tool::selecting(config, tool).collect();
    ToolEntry {
        name: tool.name.to_string(),
        file: tool_file(tool.name.as_str()),
        summary: summary(&tool.description),
        answer: super::tool::answer(config, tool),
        some_ask: policies.iter().any(|policy| !policy.ask.is_empty()),
        invariants: proofs(content, |proof| proof.tool.name == tool.name).len(),
        cases: tool.tests.len(),
        policies: policies
            .iter()
            .map(|policy| [policy.name.to_string(), policy_file(policy.name.as_str())])
            .collect(),
    }
}

/// The first sentence of a description.
fn summary(description: &str) -> String {
    let paragraph = description.split("\n\n").next().unwrap_or_default();
    let text = paragraph.split_whitespace().collect::<Vec<_>>().join(" ");
    match text.split_once(". ") {
        Some((sentence, _)) => format!("{sentence}."),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::summary;

    #[test]
    fn a_summary_is_the_first_sentence() {
        for (description, expected) in [
            ("Reads files.\nNever writes. More.\n", "Reads files."),
            ("Reads\nfiles\n\nMore.", "Reads files"),
            ("Version 1.2 of it. More", "Version 1.2 of it."),
        ] {
            assert_eq!(summary(description), expected);
        }
    }
}
