//! Checking one input: schema, characters, the rules on its parameters.

use std::sync::{Arc, LazyLock};

use regex::Regex;
use serde_json::{Map, Value};

use super::{Call, render};
use crate::config::name::RuleId;
use crate::config::prompt::Prompts;
use crate::config::schema::fill_defaults;
use crate::config::tool::{ArgumentRules, DEFAULT_ARGUMENT_MAX, Rule, Tool};
use crate::diagnostic::Place;

/// Why an input is no call: the rule that it broke, implicit ones included.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// The rule: `kubectl.input`, `kubectl.args.allow`, `kubectl.args.deny[0]`.
    pub rule: RuleId,
    /// Why, for the model and the operator.
    pub because: String,
    /// Where the rule is written.
    pub place: Place,
    /// What is allowed instead.
    pub usage: Vec<String>,
}

/// Characters that deceive whoever approves a call, or break its line: control, format (zero-width
/// and bidirectional ones), unassigned, and the separators of lines and paragraphs.
static DECEIVING: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"[\p{Cc}\p{Cf}\p{Cn}\p{Zl}\p{Zp}]").ok());

/// Longer explanations of a schema error would repeat a long input to the model.
const MAX_SCHEMA_ERROR_CHARS: usize = 300;

impl Call {
    /// Checks an input against its tool and renders everything that the call would start.
    pub(crate) fn parse(
        tool: &Arc<Tool>,
        input: &Value,
        prompts: &Prompts,
    ) -> Result<Self, Violation> {
        let mut input = input.clone();
        if let Value::Object(members) = &mut input {
            fill_defaults(&tool.input, members);
        }
        check_schema(tool, &input)?;
        let Value::Object(members) = &input else {
            return Err(of_input(tool, "the input must be an object".to_owned()));
        };
        for (name, value) in members {
            check_texts(tool, name, value)?;
        }
        for (name, rules) in &tool.arguments {
            if let Some(value) = members.get(name) {
                check_rules(tool, name, rules, value)?;
            }
        }
        let plan = render::plan(tool, members, prompts)?;
        Ok(Self {
            tool: Arc::clone(tool),
            input,
            plan,
        })
    }
}

fn of_input(tool: &Tool, because: String) -> Violation {
    Violation {
        rule: RuleId::new(format!("{}.input", tool.name)),
        because,
        place: tool.places.input.clone(),
        usage: usage(tool),
    }
}

/// A violation of an implicit rule on one parameter.
pub(super) fn of_parameter(tool: &Tool, name: &str, rule: &str, because: String) -> Violation {
    let rules = tool.arguments.get(name);
    Violation {
        rule: RuleId::new(format!("{}.{name}.{rule}", tool.name)),
        because,
        place: rules.map_or_else(|| tool.places.input.clone(), |rules| rules.place.clone()),
        usage: usage_of(tool, name),
    }
}

/// The usages that a tool's parameters allow, as written.
pub(super) fn usage(tool: &Tool) -> Vec<String> {
    let parameters = tool.arguments.keys();
    parameters.flat_map(|name| usage_of(tool, name)).collect()
}

/// The usages that one parameter allows, as written.
fn usage_of(tool: &Tool, name: &str) -> Vec<String> {
    let rules = tool
        .arguments
        .get(name)
        .and_then(|rules| rules.allow.as_ref());
    rules
        .into_iter()
        .flatten()
        .map(|rule| format!("{name}: {}", rule.pattern.text()))
        .collect()
}

fn check_schema(tool: &Tool, input: &Value) -> Result<(), Violation> {
    let validator = tool.input.validator();
    if validator.is_valid(input) {
        return Ok(());
    }
    let because = validator
        .iter_errors(input)
        .take(3)
        .map(|error| {
            let at = error.instance_path().to_string();
            let mut text = error.to_string();
            if text.chars().count() > MAX_SCHEMA_ERROR_CHARS {
                text = text
                    .chars()
                    .take(MAX_SCHEMA_ERROR_CHARS)
                    .chain("…".chars())
                    .collect();
            }
            if at.is_empty() {
                text
            } else {
                format!("{at}: {text}")
            }
        })
        .collect::<Vec<_>>()
        .join("; ");
    Err(of_input(
        tool,
        format!("the input does not fit the schema: {because}"),
    ))
}

fn check_texts(tool: &Tool, name: &str, value: &Value) -> Result<(), Violation> {
    match value {
        Value::String(text) => check_text(tool, name, text),
        Value::Array(items) => items
            .iter()
            .try_for_each(|item| check_texts(tool, name, item)),
        Value::Object(members) => members.iter().try_for_each(|(key, value)| {
            check_text(tool, name, key)?;
            check_texts(tool, name, value)
        }),
        _ => Ok(()),
    }
}

fn check_text(tool: &Tool, name: &str, text: &str) -> Result<(), Violation> {
    let rules = tool.arguments.get(name);
    let max = rules.map_or(DEFAULT_ARGUMENT_MAX, |rules| rules.max);
    // A text has at most as many characters as bytes.
    if text.len() > max && text.chars().count() > max {
        let because = format!("a text in `{name}` is longer than {max} characters");
        return Err(of_parameter(tool, name, "max", because));
    }
    let multiline = rules.is_some_and(|rules| rules.multiline);
    match deceiving(text, multiline) {
        Some(character) => {
            let because = format!(
                "`{name}` holds the character {}, which cannot be seen or breaks the line",
                character.escape_unicode()
            );
            Err(of_parameter(tool, name, "characters", because))
        }
        None => Ok(()),
    }
}

/// The first character of a text that may not stand in it.
fn deceiving(text: &str, multiline: bool) -> Option<char> {
    if text.bytes().all(|byte| (b' '..=b'~').contains(&byte)) {
        return None;
    }
    let Some(expression) = DECEIVING.as_ref() else {
        return text.chars().next();
    };
    expression
        .find_iter(text)
        .filter_map(|found| found.as_str().chars().next())
        .find(|character| !(multiline && ['\n', '\t'].contains(character)))
}

fn check_rules(
    tool: &Tool,
    name: &str,
    rules: &ArgumentRules,
    value: &Value,
) -> Result<(), Violation> {
    let words = words(value);
    let matched: Vec<usize> = rules.compiled.matching(&words).collect();
    let denies = rules.deny.len();
    if let Some(rule) = matched.first().and_then(|first| rules.deny.get(*first)) {
        let because = rule
            .because
            .clone()
            .unwrap_or_else(|| format!("it matches `{}`", rule.pattern.text()));
        return Err(Violation {
            rule: rule.id.clone(),
            because,
            place: rule.place.clone(),
            usage: usage_of(tool, name),
        });
    }
    if rules.allow.is_some() && !matched.iter().any(|index| *index >= denies) {
        let because = format!("no `allow` of `{name}` matches");
        return Err(of_parameter(tool, name, "allow", because));
    }
    if rules.within.is_some() {
        for path in words {
            if let Some(because) = leaves(path) {
                return Err(of_parameter(tool, name, "within", because));
            }
        }
    }
    Ok(())
}

impl Call {
    /// The rules on its parameters that let it through: of each parameter with an `allow` the first
    /// that matches.
    pub fn let_through(&self) -> impl Iterator<Item = &Rule> {
        let rules = self.tool.arguments.iter();
        rules.filter_map(|(name, rules)| {
            let words = words(self.input.get(name)?);
            let mut matched = rules.compiled.matching(&words);
            let allow = rules.allow.as_ref()?;
            matched.find_map(|index| allow.get(index.checked_sub(rules.deny.len())?))
        })
    }
}

/// The words that rules read: the items of a list, or the one text.
fn words(value: &Value) -> Vec<&str> {
    match value {
        Value::String(text) => vec![text],
        Value::Array(items) => items.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    }
}

/// Why a path does not stay below a folder, by its text alone.
fn leaves(path: &str) -> Option<String> {
    if path.starts_with('/') {
        return Some(format!(
            "`{path}` is an absolute path, and must stay inside the folder"
        ));
    }
    path.split('/')
        .any(|component| component == "..")
        .then(|| format!("`{path}` leaves the folder by `..`"))
}

/// The value of a parameter as it stands in a text: strings as they are, the rest as JSON.
pub(super) fn as_text(members: &Map<String, Value>, name: &str) -> Option<String> {
    members.get(name).map(|value| match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    })
}

#[cfg(test)]
mod tests {
    use super::{deceiving, leaves};

    #[test]
    fn characters_that_cannot_be_seen_are_found() {
        for (text, expected) in [
            ("plain -n media", None),
            ("instalação do cluster", None),
            ("tab\tand\nnewline", Some('\t')),
            ("nul\0", Some('\0')),
            ("zero\u{200b}width", Some('\u{200b}')),
            ("right\u{202e}left", Some('\u{202e}')),
            ("line\u{2028}separator", Some('\u{2028}')),
            ("unassigned\u{0378}", Some('\u{0378}')),
        ] {
            assert_eq!(deceiving(text, false), expected, "{text:?}");
        }
        assert_eq!(deceiving("tab\tand\nnewline", true), None);
        assert_eq!(deceiving("return\r\n", true), Some('\r'));
    }

    #[test]
    fn a_path_leaves_its_folder_by_its_text() {
        for path in ["/", "/etc", "..", "a/../b", "../x", "a/.."] {
            assert!(leaves(path).is_some(), "{path}");
        }
        for path in ["", "a", "a/b/", "..a/b..", "a/.../b", "./a"] {
            assert!(leaves(path).is_none(), "{path}");
        }
    }
}
