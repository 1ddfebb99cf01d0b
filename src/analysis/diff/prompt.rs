//! Prompts: those that a tool's templates render are a part of what it starts; the others are words
//! for the model, on which no permission depends.

use std::collections::BTreeMap;

use super::Side;
use super::record::{Record, Weight};
use crate::config::Config;
use crate::config::template::Part;
use crate::diagnostic::Place;

/// The texts that a tool's templates render, with everything that these include, by file name.
pub(in crate::analysis) fn of_tool((config, tool): Side<'_>) -> BTreeMap<String, String> {
    let templates = tool.templates();
    let parts = templates.iter().flat_map(|template| &template.parts);
    let names = parts.filter_map(|part| match part {
        Part::Prompt { name, .. } => Some(name),
        _ => None,
    });
    names
        .flat_map(|name| config.prompts().family(name))
        .collect()
}

/// What a program is given on its standard input or in a word may be a program itself, so that any
/// change of a prompt that is rendered there widens.
pub(super) fn compare(record: &mut Record, old: Side<'_>, new: Side<'_>) {
    let (mut before, after) = (of_tool(old), of_tool(new));
    for (name, text) in after {
        let what = format!("prompt {name}");
        record.note(what, before.remove(&name), Some(text), Weight::Widens);
    }
    for (name, text) in before {
        record.lost(format!("prompt {name}"), text);
    }
}

/// Every prompt of both sides: a changed instruction to the model permits nothing by itself.
pub(super) fn compare_all(record: &mut Record, base: Option<&Config>, head: Option<&Config>) {
    let texts = |config: Option<&Config>| -> BTreeMap<String, String> {
        let prompts = config.into_iter().map(Config::prompts);
        prompts
            .flat_map(|prompts| {
                let names = prompts.names().into_iter();
                names.filter_map(|name| Some((format!("prompts/{name}"), prompts.text(name)?)))
            })
            .collect()
    };
    let (mut before, after) = (texts(base), texts(head));
    let mut note = |file: &str, before: Option<String>, after: Option<String>| {
        record.setting(file, (before, after), Weight::Harmless, Place::file(file));
    };
    for (file, text) in after {
        let old = before.remove(&file);
        note(&file, old, Some(text));
    }
    for (file, text) in before {
        note(&file, Some(text), None);
    }
}
