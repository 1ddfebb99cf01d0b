//! Rules, the names that they use, cases and proofs, as pages show them.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;

use super::{Content, policy_file, tool_file};
use crate::analysis::invariant::{Outcome, Proof};
use crate::call::canonical_json;
use crate::config::Config;
use crate::config::content::Content as Written;
use crate::config::tool::{Case, CaseInput, Rule};
use crate::diagnostic::Place;
use crate::policy::{self, Request};

/// A rule.
#[derive(Debug, Serialize)]
pub(super) struct RuleView {
    id: String,
    /// The part of it that tells it from the others beside it.
    short: String,
    anchor: String,
    pattern: String,
    because: Option<String>,
    line: u32,
    /// Roles that alone may approve.
    approvers: Option<Vec<String>>,
}

impl RuleView {
    pub(super) fn new(rule: &Rule) -> Self {
        Self {
            id: rule.id.to_string(),
            short: short(rule.id.as_str()),
            anchor: anchor(rule.id.as_str()),
            pattern: rule.pattern.text().to_owned(),
            because: rule.because.clone(),
            line: rule.place.start.line,
            approvers: None,
        }
    }

    #[must_use]
    pub(super) fn approvers(self, approvers: Option<Vec<String>>) -> Self {
        Self { approvers, ..self }
    }
}

/// Several.
pub(super) fn rules<'a>(rules: impl IntoIterator<Item = &'a Rule>) -> Vec<RuleView> {
    rules.into_iter().map(RuleView::new).collect()
}

fn short(id: &str) -> String {
    id.rsplit('.').next().unwrap_or(id).to_owned()
}

/// The name of a rule where it is part of an address.
fn anchor(id: &str) -> String {
    id.replace('[', "-").replace(']', "")
}

/// The names that the patterns of a file use, and what they stand for.
pub(super) fn names(written: &Written) -> BTreeMap<String, String> {
    let sections = ["let", "parts"].map(|key| serde_json::from_str::<Value>(written.section(key)));
    let entries = sections
        .into_iter()
        .flatten()
        .filter_map(|section| match section {
            Value::Object(entries) => Some(entries),
            _ => None,
        });
    entries
        .flatten()
        .map(|(name, value)| (name, definition(&value)))
        .collect()
}

fn definition(value: &Value) -> String {
    let max = value
        .get("max")
        .map(|max| format!("   (at most {max} characters)"));
    let text = value.get("re").unwrap_or(value);
    let text = text
        .as_str()
        .map_or_else(|| text.to_string(), str::to_owned);
    text + &max.unwrap_or_default()
}

/// A case, and what decides it.
#[derive(Debug, Serialize)]
pub(super) struct CaseView {
    decision: &'static str,
    tool: String,
    call: String,
    rule: String,
    /// Where the rule is shown, where it is on any page.
    href: Option<String>,
    because: String,
}

/// Every case of a file, each decided anew: a configuration is valid only where all of them hold.
pub(super) fn cases(config: &Config, cases: &[Case]) -> Vec<CaseView> {
    let decided = cases.iter().filter_map(|case| {
        let tool = config.tool(case.tool.as_str())?;
        let input = policy::input(tool, &case.input).ok()?;
        let request = Request {
            tool: tool.name.as_str(),
            input: &input,
        };
        let verdict = policy::decide_for(config, request, None);
        let reason = verdict.reason();
        Some(CaseView {
            decision: verdict.decision().as_str(),
            tool: tool.name.to_string(),
            call: match &case.input {
                CaseInput::Line(line) => line.clone(),
                CaseInput::Input(input) => canonical_json(input),
            },
            rule: reason.rule.to_string(),
            href: page_of(config, reason.rule.as_str()),
            because: reason.because.clone(),
        })
    });
    decided.collect()
}

/// Where a rule is shown; rules without a text of their own lead to what they are about.
fn page_of(config: &Config, rule: &str) -> Option<String> {
    let (owner, rest) = rule.split_once('.')?;
    if config.policies().contains_key(owner) {
        let place = match rest {
            "allow" | "effect" => rest.to_owned(),
            _ => anchor(rule),
        };
        return Some(format!("{}#{place}", policy_file(owner)));
    }
    let tool = config.tool(owner)?;
    let place = match rest.split_once('.') {
        None if ["input", "effect"].contains(&rest) => rest.to_owned(),
        None => "run".to_owned(),
        Some((parameter, kind)) if tool.arguments.contains_key(parameter) => {
            if kind.starts_with("allow") || kind.starts_with("deny") {
                anchor(rule)
            } else {
                format!("parameter-{parameter}")
            }
        }
        Some(_) => "input".to_owned(),
    };
    Some(format!("{}#{place}", tool_file(owner)))
}

/// An invariant of one policy for one tool.
#[derive(Debug, Serialize)]
pub(super) struct ProofView {
    tool: String,
    tool_file: String,
    policy: String,
    policy_file: String,
    id: String,
    short: String,
    anchor: String,
    pattern: String,
    because: Option<String>,
    /// `proved`, `idle`, `violated` or `undecided`.
    verdict: &'static str,
    /// The call that breaks it, or why nobody knows.
    witness: Option<String>,
    /// So many states of the search over lines were looked at.
    states: usize,
}

impl ProofView {
    /// Whether no line that is let through is forbidden.
    pub(super) fn is_proved(&self) -> bool {
        self.verdict == "proved"
    }

    fn new(policy: &str, proof: &Proof) -> Self {
        let (verdict, witness) = match &proof.outcome {
            Outcome::Proved => ("proved", None),
            Outcome::Idle => ("idle", None),
            Outcome::Violated { command_line, .. } => ("violated", Some(command_line.clone())),
            Outcome::Undecided(why) => ("undecided", Some(why.clone())),
        };
        let tool = proof.tool.name.as_str();
        Self {
            tool: tool.to_owned(),
            tool_file: tool_file(tool),
            policy: policy.to_owned(),
            policy_file: policy_file(policy),
            id: proof.rule.id.to_string(),
            short: short(proof.rule.id.as_str()),
            anchor: anchor(proof.rule.id.as_str()),
            pattern: proof.rule.pattern.text().to_owned(),
            because: proof.rule.because.clone(),
            verdict,
            witness,
            states: proof.effort.line_states,
        }
    }
}

/// The proofs that a question is about, policy by policy as these are written.
pub(super) fn proofs(content: Content<'_>, about: impl Fn(&Proof) -> bool) -> Vec<ProofView> {
    let policies = content.config.policies().values();
    let views = policies.flat_map(|policy| {
        let rules = policy.never.iter();
        rules.flat_map(|rule| {
            let proofs = content.proofs.iter();
            let these = proofs.filter(|proof| proof.rule.id == rule.id && about(proof));
            these.map(|proof| ProofView::new(policy.name.as_str(), proof))
        })
    });
    views.collect()
}

/// The line that a place begins at.
pub(super) fn line(place: &Place) -> u32 {
    place.start.line
}
