//! The input of a call as it is typed: JSON, a line, or the words themselves.

mod twice;

use std::sync::Arc;

use serde_json::Value;

use super::failure::{Failure, Result};
use super::render::Screen;
use crate::call::words;
use crate::config::Config;
use crate::config::name::ToolName;
use crate::config::tool::Tool;
use crate::diagnostic::{listed, nearest};

/// What `INPUT…` means, for the help of the commands that take it.
pub(crate) const HELP: &str = "JSON when it starts with `{`, else a line for the tool's only array \
                               parameter; several are the words themselves";

/// The tool of this name, or the nearest one as a suggestion.
pub(crate) fn tool<'a>(config: &'a Config, name: &str) -> Result<&'a Arc<Tool>> {
    config.tool(name).ok_or_else(|| {
        let names = || config.tools().keys().map(ToolName::as_str);
        let help = match nearest(name, names()) {
            Some(known) => format!("did you mean `{known}`?"),
            None => format!("the tools are {}", listed(names(), "and")),
        };
        Failure::usage(format!("there is no tool `{name}`")).help(help)
    })
}

/// Reads the input of a call to a tool, and warns of one that was probably meant otherwise.
pub(crate) fn parse(tool: &Tool, arguments: &[String], screen: &Screen) -> Result<Value> {
    let words = match arguments {
        [json] if json.trim_start().starts_with('{') => return parse_json(json),
        [line] => {
            if let Some(help) = list(tool, line) {
                let message = format!("`{line}` is read as a line of words, not as JSON");
                screen.advise(&message, &help);
            }
            words::split(line).map_err(|error| {
                let help = "quote it as for a POSIX shell, or give each word by itself";
                Failure::usage(error).help(help)
            })?
        }
        several => several.to_vec(),
    };
    words::input(tool, words).ok_or_else(|| {
        Failure::usage(format!(
            "`{}` has no single array parameter that words could stand for",
            tool.name
        ))
        .help(format!("give the whole input as JSON: {}", example(tool)))
    })
}

/// The way out for a JSON list in the place of a line.
fn list(tool: &Tool, line: &str) -> Option<String> {
    let words: Vec<String> = serde_json::from_str(line).ok()?;
    let input = words::input(tool, words)?;
    Some(format!("JSON is the whole input: '{input}'"))
}

fn parse_json(text: &str) -> Result<Value> {
    let input = serde_json::from_str(text).map_err(|error| {
        let message = format!("the input is not JSON: {}", in_words(text, &error));
        Failure::usage(message)
            .help("in a shell, put all of it in single quotes: '{\"key\": \"value\"}'")
    })?;
    match twice::find(text) {
        Some(key) => Err(
            Failure::usage(format!("the input has the key `{key}` twice"))
                .help("write each key once: readers do not agree on which of two counts"),
        ),
        None => Ok(input),
    }
}

/// What is wrong with a JSON text and where, in words of JSON.
fn in_words(text: &str, error: &serde_json::Error) -> String {
    if error.is_eof() {
        return "it ends before it is complete".to_owned();
    }
    let line = text.lines().nth(error.line().saturating_sub(1));
    let before = line
        .and_then(|line| line.get(..error.column().saturating_sub(1)))
        .unwrap_or_default();
    let column = before.chars().count() + 1;
    let place = match error.line() {
        0 | 1 => format!("column {column}"),
        line => format!("line {line}, column {column}"),
    };
    let written = error.to_string();
    let what = WORDS
        .iter()
        .find(|(theirs, _)| written.starts_with(theirs))
        .map_or("this is not allowed here", |(_, ours)| ours);
    format!("at {place} {what}")
}

/// The parser's words, and ours.
const WORDS: [(&str, &str); 12] = [
    ("key must be a string", "a key in double quotes is missing"),
    ("expected value", "a value is missing"),
    ("expected `:`", "a `:` is missing"),
    ("expected `,` or `}`", "a `,` or a `}` is missing"),
    ("expected `,` or `]`", "a `,` or a `]` is missing"),
    (
        "expected ident",
        "a word stands that is not `true`, `false` or `null`",
    ),
    ("trailing comma", "a comma stands before the end"),
    ("trailing characters", "something stands behind the end"),
    ("invalid number", "a number is not written as JSON wants it"),
    ("number out of range", "a number is too large"),
    (
        "control character",
        "a control character stands inside a string",
    ),
    ("invalid escape", "an escape means nothing"),
];

/// An input of the right shape, to be filled in.
fn example(tool: &Tool) -> String {
    let required = tool.input.json.get("required").and_then(Value::as_array);
    let members: Vec<String> = required
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .map(|name| format!("{}: …", Value::from(name)))
        .collect();
    format!("'{{{}}}'", members.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_broken_input_is_told_with_its_column_in_plain_words() {
        for (text, expected) in [
            ("{oops", "at column 2 a key in double quotes is missing"),
            ("{\"é\" 1}", "at column 6 a `:` is missing"),
            ("{\"a\": }", "at column 7 a value is missing"),
            ("{\"a\": 1", "it ends before it is complete"),
            (
                "{\"a\": 1} x",
                "at column 10 something stands behind the end",
            ),
            (
                "{\n\"a\": 1,}",
                "at line 2, column 8 a comma stands before the end",
            ),
            ("{\"a\": 1 2}", "at column 9 a `,` or a `}` is missing"),
            (
                "{\"a\": tru}",
                "at column 10 a word stands that is not `true`, `false` or `null`",
            ),
            ("{\"a\": \"\\q\"}", "at column 9 an escape means nothing"),
            (
                "{\"a\": 01}",
                "at column 8 a number is not written as JSON wants it",
            ),
            ("{\"a\": 1e999}", "at column 11 a number is too large"),
        ] {
            let error = serde_json::from_str::<Value>(text).unwrap_err();
            assert_eq!(in_words(text, &error), expected, "{text}: {error}");
        }
    }
}
