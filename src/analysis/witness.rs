//! From a line that a search found back to a call, which is then decided for real.

use serde_json::{Map, Value};

use super::bits::Bits;
use super::line::{Element, Line, Part};
use super::words::Words;
use crate::config::schema::{Parameter, ParameterKind};
use crate::config::tool::{Expect, Rule, Tool};
use crate::policy;

/// A word of a line with the answers that it gives.
pub(super) type Word<'a> = (&'a Bits, &'a str);

/// The words of a path, each the cheapest of its kind.
pub(super) fn spelt<'a>(words: &'a Words, path: &[usize]) -> Vec<Word<'a>> {
    let kinds = path.iter().filter_map(|kind| words.kinds.get(*kind));
    kinds
        .map(|kind| (&kind.answers, kind.word.as_str()))
        .collect()
}

/// Reads a line back as an input of a tool; `None` where the line does not tell.
pub(super) fn input(tool: &Tool, line: &mut Line, words: &[Word<'_>]) -> Option<Value> {
    let answers: Vec<&Bits> = words.iter().map(|(answers, _)| *answers).collect();
    let reading = line.reading(&answers)?;
    let texts: Vec<&str> = words.iter().map(|(_, text)| *text).collect();
    read_back(tool, line, &reading, &texts).map(Value::Object)
}

/// The input that a reading of a line stands for.
fn read_back(
    tool: &Tool,
    line: &Line,
    reading: &[usize],
    texts: &[&str],
) -> Option<Map<String, Value>> {
    let mut input = base(tool);
    for element in line.elements() {
        match element {
            Element::Splice {
                parameter,
                may_be_absent,
                ..
            } => {
                input.remove(parameter);
                if !may_be_absent {
                    input.insert(parameter.clone(), Value::Array(Vec::new()));
                }
            }
            Element::Word { parts, .. } => {
                for part in parts {
                    if let Part::Text(name) | Part::Scalar(name) = part {
                        input.remove(name);
                    }
                }
            }
        }
    }
    for (at, text) in reading.iter().zip(texts) {
        match line.elements().get(*at)? {
            Element::Word { parts, .. } => read_word(tool, parts, text, &mut input)?,
            Element::Splice { parameter, .. } => {
                let list = input.entry(parameter.clone());
                let list = list.or_insert_with(|| Value::Array(Vec::new()));
                list.as_array_mut()?.push(Value::from(*text));
            }
        }
    }
    for (name, parameter) in &tool.input.parameters {
        if parameter.required && !input.contains_key(name) {
            input.insert(name.clone(), some_value(tool, name, parameter));
        }
    }
    Some(input)
}

/// An input as a case writes it: a line where it is the words of the tool's only list, or JSON.
pub(super) fn written(tool: &Tool, input: &Value) -> String {
    let only = tool.input.only_words();
    let list = match input {
        Value::Object(members) if members.len() == 1 => only.and_then(|name| members.get(name)),
        _ => None,
    };
    let words = list
        .and_then(Value::as_array)
        .filter(|words| !words.is_empty());
    let quoted = |word: &Value| word.as_str().map(crate::call::quote);
    match words.and_then(|words| words.iter().map(quoted).collect::<Option<Vec<_>>>()) {
        Some(words) => words.join(" "),
        None => input.to_string(),
    }
}

/// The first `allow` on a parameter that matches an input.
pub(super) fn allowing<'a>(tool: &'a Tool, input: &Value) -> Option<&'a Rule> {
    tool.arguments.iter().find_map(|(name, rules)| {
        let words: Vec<&str> = match input.get(name)? {
            Value::String(text) => vec![text],
            Value::Array(items) => items.iter().filter_map(Value::as_str).collect(),
            _ => return None,
        };
        let mut matching = rules.compiled.matching(&words);
        let first = matching.find(|rule| *rule >= rules.deny.len())?;
        rules.allow.as_ref()?.get(first - rules.deny.len())
    })
}

/// The input of a case that passes: it has a good value for whatever a line does not show.
fn base(tool: &Tool) -> Map<String, Value> {
    let passing = tool.tests.iter().find(|case| case.expect != Expect::Deny);
    let input = passing.and_then(|case| policy::input(tool, &case.input).ok());
    match input {
        Some(Value::Object(members)) => members,
        _ => Map::new(),
    }
}

fn some_value(tool: &Tool, name: &str, parameter: &Parameter) -> Value {
    let schema = tool
        .input
        .json
        .get("properties")
        .and_then(|all| all.get(name));
    let fixed = schema.and_then(|schema| {
        let listed = schema.get("enum").and_then(|values| values.get(0));
        listed
            .or_else(|| schema.get("const"))
            .or_else(|| schema.get("minimum"))
    });
    match (fixed, parameter.kind) {
        (Some(value), _) => value.clone(),
        (None, ParameterKind::Text) => Value::from("a"),
        (None, ParameterKind::Words) => Value::Array(Vec::new()),
        (None, ParameterKind::Scalar) => {
            match schema
                .and_then(|schema| schema.get("type"))
                .and_then(Value::as_str)
            {
                Some("boolean") => Value::Bool(false),
                _ => Value::from(1),
            }
        }
        (None, ParameterKind::Structure) => Value::Object(Map::new()),
    }
}

/// Reads the parameters of one word out of it.
fn read_word(
    tool: &Tool,
    parts: &[Part],
    text: &str,
    input: &mut Map<String, Value>,
) -> Option<()> {
    if let [Part::Opaque(_)] = parts
        && let Ok(Value::Object(members)) = serde_json::from_str(text)
        && matches!(tool.run, crate::config::tool::Run::Mcp { .. })
    {
        input.extend(members);
        return Some(());
    }
    for (part, value) in split(parts, text)? {
        match part {
            Part::Text(name) => {
                input.insert(name.clone(), Value::String(value.to_owned()));
            }
            Part::Scalar(name) => {
                input.insert(name.clone(), serde_json::from_str(value).ok()?);
            }
            Part::Literal(_) | Part::Opaque(_) => {}
        }
    }
    Some(())
}

/// One way of cutting a word into its parts.
fn split<'p, 't>(parts: &'p [Part], text: &'t str) -> Option<Vec<(&'p Part, &'t str)>> {
    let Some((part, rest)) = parts.split_first() else {
        return text.is_empty().then(Vec::new);
    };
    if let Part::Literal(literal) = part {
        let after = text.strip_prefix(literal.as_str())?;
        let mut all = split(rest, after)?;
        all.insert(0, (part, text.get(..literal.len())?));
        return Some(all);
    }
    let ends = text
        .char_indices()
        .map(|(at, _)| at)
        .skip(1)
        .chain([text.len()]);
    let ends: Vec<usize> = if rest.is_empty() {
        vec![text.len()]
    } else {
        ends.chain([0]).collect()
    };
    ends.into_iter().find_map(|end| {
        let (value, after) = text.split_at_checked(end)?;
        let mut all = split(rest, after)?;
        all.insert(0, (part, value));
        Some(all)
    })
}
