//! What is said of a mutant that no case notices.

use serde_json::Value;

use super::made::{Home, Mutant, What};
use crate::analysis::witness::written;
use crate::config::Config;
use crate::config::name::ToolName;
use crate::config::tool::Tool;
use crate::diagnostic::Diagnostic;
use crate::policy::{Decision, Request, Verdict, decide_for};

/// The finding on a mutant that decides a call otherwise, with the case that is missing.
pub(super) fn survives(
    config: &Config,
    mutant: &Mutant<'_>,
    tool: &ToolName,
    input: &Value,
) -> Option<Diagnostic> {
    let tool = config.tool(tool.as_str())?;
    let request = Request {
        tool: tool.name.as_str(),
        input,
    };
    let before = decide_for(config, request, None);
    let after = decide_for(&mutant.config(config), request, None);
    let line = line(&after).unwrap_or_else(|| input.to_string());
    let does = match after.decision() {
        Decision::Allow => "is let through",
        Decision::Ask => "only needs an approval",
        Decision::Deny => "is denied",
    };
    let message = format!(
        "no case notices when {}: `{line}` {does} then",
        weaker(mutant)
    );
    let case = case(mutant, tool, input, before.decision());
    let file = match mutant.home {
        Home::Parameter(tool, ..) => &tool.places.file.file,
        Home::Policy(policy) => &policy.place.file,
    };
    Some(
        Diagnostic::warning("rule-not-tested", mutant.place().clone(), message).help(format!(
            "add this case under `tests:` of `{file}`: `{case}`"
        )),
    )
}

/// That nobody can tell whether a mutant changes anything.
pub(super) fn undecided(mutant: &Mutant<'_>, why: &str) -> Diagnostic {
    let message = format!(
        "it is not decided whether anything changes when {}: {why}",
        weaker(mutant)
    );
    Diagnostic::warning("rule-not-tested", mutant.place().clone(), message)
        .help("write a case that this rule decides, and name the rule in it")
}

/// What a mutant is, in words.
fn weaker(mutant: &Mutant<'_>) -> String {
    match (&mutant.what, mutant.home) {
        (
            What::Rule {
                rule, left: None, ..
            },
            _,
        ) => format!("`{}` is gone", rule.id),
        (What::Rule { rule, .. }, _) => format!("`{}` lacks an alternative", rule.id),
        (What::Allows(_), Home::Policy(policy)) => format!("`allow` of `{}` is gone", policy.name),
        (What::Max, Home::Parameter(_, name, _)) => format!("`max` of `{name}` is gone"),
        (What::Within(_), Home::Parameter(_, name, _)) => format!("`within` of `{name}` is gone"),
        (What::Allows(_), Home::Parameter(..)) | (What::Max | What::Within(_), Home::Policy(_)) => {
            "it is gone".to_owned()
        }
    }
}

fn line(verdict: &Verdict) -> Option<String> {
    Some(verdict.command_line()?.replace('\n', "; "))
}

/// The case that is missing, to be pasted.
fn case(mutant: &Mutant<'_>, tool: &Tool, input: &Value, expected: Decision) -> String {
    let input = scalar(&written(tool, input));
    let expected = expected.as_str();
    match mutant.home {
        Home::Parameter(..) => format!("- {expected}: {input}"),
        Home::Policy(_) => format!("- {{tool: {}, {expected}: {input}}}", tool.name),
    }
}

/// A text as YAML may have it in a flow mapping: JSON as it is, plain where nothing in it means
/// anything, else in single quotes.
fn scalar(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b" -_./=".contains(&byte);
    let begins = text.starts_with(|first: char| first.is_ascii_alphabetic());
    if text.starts_with('{') || begins && text.bytes().all(plain) {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', "''"))
    }
}
