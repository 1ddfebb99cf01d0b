//! The input of a call as it is typed: JSON, a line, or the words themselves.

use std::sync::Arc;

use serde_json::Value;

use super::failure::{Failure, Result};
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

/// Reads the input of a call to a tool.
pub(crate) fn parse(tool: &Tool, arguments: &[String]) -> Result<Value> {
    let words = match arguments {
        [json] if json.trim_start().starts_with('{') => return parse_json(json),
        [line] => words::split(line).map_err(|error| {
            Failure::usage(error).help("quote it as for a POSIX shell, or give each word by itself")
        })?,
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

fn parse_json(text: &str) -> Result<Value> {
    serde_json::from_str(text)
        .map_err(|error| Failure::usage(format!("the input is not JSON: {error}")))
}

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
