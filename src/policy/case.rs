//! Cases: calls written beside the rules with how they must be decided, run through the same
//! decision as at run time.

use std::collections::BTreeSet;

use serde_json::Value;

use super::decide::{Request, decide_for, let_through};
use super::verdict::{Decision, Reason};
use crate::call::words;
use crate::config::tool::{Case, CaseInput, Expect, Tool};
use crate::config::{self, Config, Loaded, Origin, Overrides, RootError};
use crate::diagnostic::{self, Diagnostic, Severity, nearest};

/// Reads and checks a whole root and runs its cases: what `validate` says of it. A path is a folder.
pub fn load(origin: impl Into<Origin>, overrides: Overrides) -> Result<Loaded, RootError> {
    let mut loaded = config::load(&origin.into(), overrides)?;
    if let Some(config) = &loaded.config {
        let found = check(config);
        if found.iter().any(|found| found.severity == Severity::Error) {
            loaded.config = None;
        }
        loaded.diagnostics.extend(found);
        diagnostic::sort(&mut loaded.diagnostics);
    }
    Ok(loaded)
}

/// Runs every case of every tool and policy.
pub fn check(config: &Config) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    for tool in config.tools().values() {
        found.extend(missing(tool));
        found.extend(tool.tests.iter().filter_map(|case| run(config, case)));
    }
    for policy in config.policies().values() {
        found.extend(policy.tests.iter().filter_map(|case| run(config, case)));
    }
    found
}

/// A tool shows by at least one case that it works, and by one that it is bounded.
fn missing(tool: &Tool) -> Option<Diagnostic> {
    let denied = |case: &&Case| case.expect == Expect::Deny;
    let lacks = match (
        tool.tests.iter().any(|case| case.expect != Expect::Deny),
        tool.tests.iter().find(denied).is_some(),
    ) {
        (true, true) => return None,
        (false, false) => "no case",
        (false, true) => "no case that passes",
        (true, false) => "no case that is denied",
    };
    Some(
        Diagnostic::error(
            "missing-case",
            tool.places.file.clone(),
            format!("the tool `{}` has {lacks}", tool.name),
        )
        .help("write at least one call that passes and one that is denied: `tests: [{allow: …}, {deny: …}]`"),
    )
}

/// Whether a case is decided as it says.
pub(crate) fn holds(config: &Config, case: &Case) -> bool {
    run(config, case).is_none()
}

/// Runs one case; absent when it holds.
fn run(config: &Config, case: &Case) -> Option<Diagnostic> {
    let tool = config.tool(case.tool.as_str())?;
    let input = match input(tool, &case.input) {
        Ok(input) => input,
        Err(why) => {
            return Some(Diagnostic::error("bad-case", case.place.clone(), why).help(
                "mend the line, or write the whole input as a mapping: `{args: [get, pods]}`",
            ));
        }
    };
    let request = Request {
        tool: case.tool.as_str(),
        input: &input,
    };
    let verdict = decide_for(config, request, None);
    let expected = match case.expect {
        Expect::Allow => Decision::Allow,
        Expect::Ask => Decision::Ask,
        Expect::Deny => Decision::Deny,
    };
    let (decision, reason) = (verdict.decision(), verdict.reason());
    if decision != expected {
        let message = format!(
            "this case expects {}, and the answer is {}: {}",
            expected.as_str(),
            decision.as_str(),
            reason.because
        );
        let failed = Diagnostic::error("case-fails", case.place.clone(), message);
        let through = let_through(config, &verdict);
        let found = through
            .iter()
            .fold(labelled(failed, reason), |found, rule| {
                found.label(rule.place.clone(), format!("let through by `{}`", rule.id))
            });
        return Some(found.help(match through.last() {
            // The effect alone says nothing of why the call came so far.
            Some(rule) if expected == Decision::Deny => {
                format!("`{}` let it through; mend the rule, or the case", rule.id)
            }
            _ => format!("`{}` decided; mend the rule, or the case", reason.rule),
        }));
    }
    let rule = case.rule.as_ref()?;
    (rule != reason.rule.as_str()).then(|| other_rule(config, tool, case, rule, reason))
}

/// A case that is decided as expected, but by another rule than it names.
fn other_rule(
    config: &Config,
    tool: &Tool,
    case: &Case,
    rule: &String,
    reason: &Reason,
) -> Diagnostic {
    let place = case.rule_place.as_ref().unwrap_or(&case.place).clone();
    let rules = rules_for(config, tool);
    if !rules.contains(rule) {
        let known = rules.iter().map(String::as_str);
        let message = format!("no rule that could decide this is named `{rule}`");
        let help = match nearest(rule, known) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("`{}` decided", reason.rule),
        };
        return Diagnostic::error("unknown-rule", place, message).help(help);
    }
    let message = format!(
        "this case expects `{rule}` to decide, and `{}` did",
        reason.rule
    );
    labelled(Diagnostic::error("case-rule", place, message), reason)
        .help(format!("mend the rules, or write `rule: {}`", reason.rule))
}

/// The finding with the place of the rule that decided.
fn labelled(found: Diagnostic, reason: &Reason) -> Diagnostic {
    match &reason.place {
        Some(place) => found.label(place.clone(), format!("decided by `{}`", reason.rule)),
        None => found,
    }
}

/// The names of all rules that can decide a call of a tool, implicit ones included.
fn rules_for(config: &Config, tool: &Tool) -> BTreeSet<String> {
    let mut names: BTreeSet<String> = ["input", "effect", "run", "hosts"]
        .iter()
        .map(|rule| format!("{}.{rule}", tool.name))
        .collect();
    for name in tool.input.parameters.keys() {
        let implicit = ["allow", "within", "dash", "max", "characters"];
        names.extend(implicit.map(|rule| format!("{}.{name}.{rule}", tool.name)));
    }
    for rules in tool.arguments.values() {
        let written = rules.deny.iter().chain(rules.allow.iter().flatten());
        names.extend(written.map(|rule| rule.id.to_string()));
    }
    for policy in config.policies().values() {
        names.extend(["allow", "effect"].map(|rule| format!("{}.{rule}", policy.name)));
        let asks = policy.ask.iter().map(|ask| &ask.rule);
        names.extend(
            policy
                .deny
                .iter()
                .chain(asks)
                .map(|rule| rule.id.to_string()),
        );
    }
    names
}

/// The input that a case or a command line stands for.
pub fn input(tool: &Tool, input: &CaseInput) -> Result<Value, String> {
    match input {
        CaseInput::Input(input) => Ok(input.clone()),
        CaseInput::Line(line) => {
            let words = words::split(line).map_err(|error| error.to_string())?;
            words::input(tool, words).ok_or_else(|| {
                format!(
                    "a line stands for the words of a tool's only list, and `{}` has not exactly one",
                    tool.name
                )
            })
        }
    }
}
