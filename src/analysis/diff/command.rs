//! One program with everything that it is given beside what the model sends.

use std::collections::{BTreeMap, BTreeSet};

use super::record::{Record, Weight};
use crate::config::template::{Part, Template};
use crate::config::tool::{Command, CommandWord};

/// What follows from a program's exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Following {
    /// Only how its output is shown.
    Nothing,
    /// Whether the next step is started.
    Steps,
}

/// Notes everything that differs between two commands.
pub(super) fn compare(record: &mut Record, old: &Command, new: &Command, following: Following) {
    let program = |command: &Command| Some(command.program.clone());
    record.note("program", program(old), program(new), Weight::Widens);
    words(record, old, new);
    environment(record, &old.env, &new.env);
    let text = |template: &Option<Template>| template.as_ref().map(|one| one.text.clone());
    // A standard input may be a program or a manifest; a closed one is nothing.
    let weight = Weight::widens_if(new.stdin.is_some());
    record.note("stdin", text(&old.stdin), text(&new.stdin), weight);
    // The folder says which files a relative name means. Without it a program alone gets an empty one,
    // and a step the one that other steps filled.
    let weight = Weight::widens_if(new.cwd.is_some() || following == Following::Steps);
    record.note("cwd", text(&old.cwd), text(&new.cwd), weight);
    exit_codes(record, &old.ok, &new.ok, following);
}

/// Words that nobody but the file chooses. Any difference widens: a word that was forced may have held
/// the program back, and one that is new may be `--pre=sh`. How the model's words stand among them is
/// for the comparison of the command lines to judge.
fn words(record: &mut Record, old: &Command, new: &Command) {
    let (before, after) = (after_program(old), after_program(new));
    if forced(old) == forced(new) {
        record.note(
            "command template",
            Some(before),
            Some(after),
            Weight::Harmless,
        );
    } else {
        record.note(
            "forced arguments",
            Some(before),
            Some(after),
            Weight::Widens,
        );
    }
}

/// The command without its program, with a blank for whatever the model sends.
fn forced(command: &Command) -> Vec<Vec<String>> {
    let of = |template: &Template| -> String { template.parts.iter().map(fixed).collect() };
    let words = command.words.iter().map(|word| match word {
        CommandWord::One(template) => vec![of(template)],
        CommandWord::Splice { .. } => vec!["\0…".to_owned()],
        CommandWord::Group(group) => {
            let group = group.iter().map(of);
            std::iter::once("\0[".to_owned()).chain(group).collect()
        }
    });
    words.collect()
}

fn fixed(part: &Part) -> String {
    match part {
        Part::Literal(text) => text.clone(),
        Part::Env(name) => format!("\0env {name}"),
        Part::Workspace => "\0workspace".to_owned(),
        Part::Secret(name) => format!("\0secret {name}"),
        Part::Step { id, stream } => format!("\0step {id} {stream:?}"),
        Part::Prompt { name, .. } => format!("\0prompt {name}"),
        Part::Parameter(_) | Part::Computed { .. } => "\0".to_owned(),
    }
}

/// As the file says it, in one line.
pub(super) fn text(command: &Command) -> String {
    format!("{} {}", command.program, after_program(command))
        .trim_end()
        .to_owned()
}

fn after_program(command: &Command) -> String {
    let words = command.words.iter().map(|word| match word {
        CommandWord::One(template) => template.text.clone(),
        CommandWord::Splice { parameter, .. } => format!("{{{{ {parameter} }}}}"),
        CommandWord::Group(group) => {
            let group: Vec<&str> = group
                .iter()
                .map(|template| template.text.as_str())
                .collect();
            format!("[{}]", group.join(" "))
        }
    });
    words.collect::<Vec<_>>().join(" ")
}

/// Names that a process gets. A lost one widens too: without `KUBECONFIG` the program takes another
/// identity, without `GIT_CONFIG_NOSYSTEM=1` it reads another file.
fn environment(record: &mut Record, old: &[(String, Template)], new: &[(String, Template)]) {
    for (name, before, after) in pairs(old, new) {
        record.note(format!("environment {name}"), before, after, Weight::Widens);
    }
}

/// Named templates of both sides, by name.
pub(super) fn pairs<'a>(
    old: &'a [(String, Template)],
    new: &'a [(String, Template)],
) -> Vec<(&'a str, Option<String>, Option<String>)> {
    let by_name = |all: &'a [(String, Template)]| -> BTreeMap<&'a str, &'a str> {
        all.iter()
            .map(|(name, template)| (name.as_str(), template.text.as_str()))
            .collect()
    };
    let (old, new) = (by_name(old), by_name(new));
    let names: BTreeSet<&str> = old.keys().chain(new.keys()).copied().collect();
    let value = |side: &BTreeMap<&str, &str>, name| side.get(name).map(|text| (*text).to_owned());
    names
        .into_iter()
        .map(|name| (name, value(&old, name), value(&new, name)))
        .collect()
}

/// Another code that counts as a result lets the steps behind this one start.
fn exit_codes(record: &mut Record, old: &[i32], new: &[i32], following: Following) {
    let sorted = |codes: &[i32]| -> BTreeSet<i32> { codes.iter().copied().collect() };
    let (old, new) = (sorted(old), sorted(new));
    let weight = Weight::widens_if(following == Following::Steps && !new.is_subset(&old));
    let text = |codes: &BTreeSet<i32>| {
        let codes: Vec<String> = codes.iter().map(ToString::to_string).collect();
        Some(codes.join(", "))
    };
    record.note("ok", text(&old), text(&new), weight);
}
