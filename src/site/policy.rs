//! The page of a policy: which calls it speaks about, and what it says of them.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;

use super::listing::{Listing, listing};
use super::rule::{CaseView, ProofView, RuleView, cases, line, names, proofs, rules};
use super::{Content, tool_file};
use crate::config::name::RoleName;
use crate::config::policy::{AskRule, EffectAnswer, Policy};
use crate::diagnostic::listed;

/// What the page shows.
#[derive(Debug, Serialize)]
pub(super) struct PolicyView {
    name: String,
    description: Option<String>,
    only: Option<String>,
    tools: Vec<[String; 2]>,
    deny: Vec<RuleView>,
    ask: Vec<RuleView>,
    allow: Option<Vec<RuleView>>,
    effects: Vec<[&'static str; 2]>,
    redact: Vec<RedactionView>,
    never: Vec<Never>,
    names: BTreeMap<String, String>,
    cases: Vec<CaseView>,
    listing: Option<Listing>,
}

#[derive(Debug, Serialize)]
struct RedactionView {
    expression: String,
    replace: String,
    line: u32,
}

/// An invariant with what is known of it, tool by tool.
#[derive(Debug, Serialize)]
struct Never {
    rule: RuleView,
    proofs: Vec<ProofView>,
}

/// The page of a policy.
pub(super) fn view(content: Content<'_>, policy: &Policy) -> PolicyView {
    let tools = content.config.tools().values();
    let tools = tools.filter(|tool| policy.applies_to.selects(tool));
    let never = policy.never.iter().map(|rule| Never {
        rule: RuleView::new(rule),
        proofs: proofs(content, |proof| proof.rule.id == rule.id),
    });
    PolicyView {
        name: policy.name.to_string(),
        description: policy.description.clone(),
        only: only(policy),
        tools: tools
            .map(|tool| [tool.name.to_string(), tool_file(tool.name.as_str())])
            .collect(),
        deny: rules(&policy.deny),
        ask: policy.ask.iter().map(ask).collect(),
        allow: policy.allow.as_ref().map(rules),
        effects: effects(policy),
        redact: redactions(policy),
        never: never.collect(),
        names: names(&policy.content),
        cases: cases(content.config, &policy.tests),
        listing: listing(content, &policy.place),
    }
}

fn ask(ask: &AskRule) -> RuleView {
    let approvers = ask.approvers.as_ref();
    RuleView::new(&ask.rule)
        .approvers(approvers.map(|roles| roles.iter().map(ToString::to_string).collect()))
}

/// What is redacted, as it is written: what is searched has every name spelt out.
fn redactions(policy: &Policy) -> Vec<RedactionView> {
    let written: Value = serde_json::from_str(policy.content.section("redact")).unwrap_or_default();
    let text = |at: usize| written.get(at)?.get("match")?.as_str();
    let views = policy.redact.iter().enumerate().map(|(at, redaction)| {
        let spelt = redaction.expression.as_str();
        RedactionView {
            expression: text(at).unwrap_or(spelt).to_owned(),
            replace: redaction.replace.clone(),
            line: line(&redaction.place),
        }
    });
    views.collect()
}

fn effects(policy: &Policy) -> Vec<[&'static str; 2]> {
    let effects = [("read", policy.read_effect), ("write", policy.write_effect)];
    let said = effects.into_iter().filter_map(|(effect, answer)| {
        let answer = match answer? {
            EffectAnswer::Allow => "allow",
            EffectAnswer::Ask => "ask",
            EffectAnswer::Deny => "deny",
        };
        Some([effect, answer])
    });
    said.collect()
}

/// For which calls of its tools it speaks, where it is not for all.
pub(super) fn only(policy: &Policy) -> Option<String> {
    let roles = policy.applies_to.roles.as_ref();
    let roles = roles.map(|roles| {
        format!(
            "for the role {}",
            listed(roles.iter().map(RoleName::as_str), "or")
        )
    });
    let channels = policy.applies_to.channels.as_ref();
    let channels = channels.map(|channels| {
        let channels = channels.iter().map(|channel| channel.as_str());
        format!("through {}", listed(channels, "or"))
    });
    let parts: Vec<String> = roles.into_iter().chain(channels).collect();
    (!parts.is_empty()).then(|| format!("only {}", parts.join(", ")))
}

/// What it says, in a few words.
pub(super) fn says(policy: &Policy) -> Vec<String> {
    let counts = [
        (policy.deny.len(), "denied"),
        (policy.ask.len(), "asked about"),
        (
            policy.allow.as_ref().map_or(0, Vec::len),
            "allowed, and nothing else",
        ),
        (policy.never.len(), "never let through"),
        (policy.redact.len(), "redacted"),
    ];
    let says = counts.into_iter().filter(|(count, _)| *count > 0);
    let forms = |count| if count == 1 { "form" } else { "forms" };
    let mut says: Vec<String> = says
        .map(|(count, what)| format!("{count} {} {what}", forms(count)))
        .collect();
    let effects = effects(policy);
    let effects = effects
        .iter()
        .map(|[effect, answer]| format!("answers {answer} to a {effect}"));
    says.extend(effects);
    says
}
