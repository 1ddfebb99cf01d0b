//! What is said of a mutant that no case notices.

use serde_json::Value;

use super::made::{Home, Mutant, What};
use crate::analysis::witness::written;
use crate::config::Config;
use crate::config::name::ToolName;
use crate::config::tool::{CaseInput, Tool};
use crate::diagnostic::Diagnostic;
use crate::policy::{self, Decision, Request, Verdict, decide_for};

/// So many characters of a command line are shown: more is a length that was met, and says no more.
const LONGEST_LINE: usize = 160;

/// What some reader of YAML takes for no text where it stands plain.
const NO_TEXT: [&str; 9] = ["true", "false", "null", "yes", "no", "on", "off", "y", "n"];

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
    let line = shortened(line);
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
        (What::Rule { rule, left, .. }, _) => match left {
            None => format!("`{}` is gone", rule.id),
            Some(weaker) => format!("`{}` lacks the alternative `{}`", rule.id, weaker.lacks),
        },
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

fn shortened(line: String) -> String {
    match line.char_indices().nth(LONGEST_LINE) {
        Some((end, _)) => format!("{}…", line.get(..end).unwrap_or_default()),
        None => line,
    }
}

/// The case that is missing, to be pasted.
fn case(mutant: &Mutant<'_>, tool: &Tool, input: &Value, expected: Decision) -> String {
    let text = written(tool, input);
    let is_line =
        policy::input(tool, &CaseInput::Line(text.clone())).is_ok_and(|read| read == *input);
    let input = if is_line { scalar(&text) } else { flow(input) };
    let expected = expected.as_str();
    match mutant.home {
        Home::Parameter(..) => format!("- {expected}: {input}"),
        Home::Policy(_) => format!("- {{tool: {}, {expected}: {input}}}", tool.name),
    }
}

/// A value as a person writes it in a flow mapping.
fn flow(value: &Value) -> String {
    match value {
        Value::String(text) => scalar(text),
        Value::Array(items) => {
            let items: Vec<String> = items.iter().map(flow).collect();
            format!("[{}]", items.join(", "))
        }
        Value::Object(members) => {
            let member =
                |(name, value): (&String, &Value)| format!("{}: {}", scalar(name), flow(value));
            let members: Vec<String> = members.iter().map(member).collect();
            format!("{{{}}}", members.join(", "))
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => value.to_string(),
    }
}

/// A text as YAML may have it in a flow mapping: plain where nothing in it means anything, else in
/// quotes, of which JSON's can hold all.
fn scalar(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b" -_./=".contains(&byte);
    let begins = text.starts_with(|first: char| first.is_ascii_alphabetic());
    if begins
        && text.trim_end() == text
        && text.bytes().all(plain)
        && !NO_TEXT.iter().any(|word| word.eq_ignore_ascii_case(text))
    {
        text.to_owned()
    } else if text.contains('\'') || text.contains(char::is_control) {
        Value::from(text).to_string()
    } else {
        format!("'{text}'")
    }
}
