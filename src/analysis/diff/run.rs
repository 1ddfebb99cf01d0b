//! What a tool starts: its form, its steps, and what it reads of the machine.

use std::collections::BTreeSet;
use std::time::Duration;

use super::command::{self, Following};
use super::record::{Record, Weight};
use super::{Side, remote, sandbox};
use crate::config::settings::length;
use crate::config::template::{Part, Template};
use crate::config::tool::{Requirement, Run, Step, Steps, Tool};
use crate::pattern::Expression;

/// Notes everything that differs in what is started.
pub(super) fn compare(record: &mut Record, old: Side<'_>, new: Side<'_>) {
    match (&old.1.run, &new.1.run) {
        (Run::Command(before), Run::Command(after)) => {
            command::compare(record, before, after, Following::Nothing);
        }
        (Run::Steps(before), Run::Steps(after)) => {
            steps(record, (old, before), (new, after));
        }
        (Run::Http(before), Run::Http(after)) => remote::compare(record, before, after),
        (before, after) => {
            let text = |run: &Run| Some(texts(run).join("\n"));
            record.note("runs", text(before), text(after), Weight::Widens);
        }
    }
    mentions(record, old.1, new.1);
}

/// What is started, a text for each program or request.
pub(super) fn texts(run: &Run) -> Vec<String> {
    match run {
        Run::Command(command) => vec![command::text(command)],
        Run::Steps(steps) => {
            let steps = steps.list.iter().map(|step| command::text(&step.command));
            steps.collect()
        }
        Run::Http(http) => {
            let hosts = http.hosts.join(", ");
            vec![format!("{} {} (hosts {hosts})", http.method, http.url.text)]
        }
        Run::Mcp { server, tool } => vec![format!("mcp {server} {tool}")],
    }
}

/// The environment names and the secrets that a tool's templates mention.
pub(super) fn mentioned(tool: &Tool) -> BTreeSet<String> {
    let within = tool
        .arguments
        .values()
        .filter_map(|rules| rules.within.as_ref());
    let templates = tool.templates().into_iter().chain(within);
    let parts = templates.flat_map(|template: &Template| &template.parts);
    parts
        .filter_map(|part| match part {
            Part::Env(name) => Some(format!("env.{name}")),
            Part::Secret(name) => Some(format!("secret.{name}")),
            _ => None,
        })
        .collect()
}

fn mentions(record: &mut Record, old: &Tool, new: &Tool) {
    let (old, new) = (mentioned(old), mentioned(new));
    for name in new.difference(&old) {
        record.gained("reads", name.as_str());
    }
    for name in old.difference(&new) {
        record.lost("reads", name.as_str());
    }
}

/// Steps by their names, or by their number where they have none.
fn labelled(steps: &Steps) -> Vec<(String, &Step)> {
    let numbered = steps.list.iter().enumerate();
    numbered
        .map(|(at, step)| {
            let label = step.id.clone().unwrap_or_else(|| (at + 1).to_string());
            (format!("step {label}"), step)
        })
        .collect()
}

fn steps(record: &mut Record, (old, before): (Side<'_>, &Steps), (new, after): (Side<'_>, &Steps)) {
    let (mut known, now) = (labelled(before), labelled(after));
    let order = |steps: &[(String, &Step)]| {
        let labels: Vec<&str> = steps.iter().map(|(label, _)| label.as_str()).collect();
        Some(labels.join(", "))
    };
    // A step that goes may have been the one that checked something, and an order is a meaning.
    record.note("steps", order(&known), order(&now), Weight::Widens);
    let yes = |is: bool| Some(is.to_string());
    // In a common folder a step reads what another one left there.
    let (had, has) = (yes(before.workspace), yes(after.workspace));
    let weight = Weight::widens_if(after.workspace);
    record.note("workspace", had, has, weight);
    for (label, step) in now {
        let Some(at) = known.iter().position(|(other, _)| *other == label) else {
            record.gained(&label, command::text(&step.command));
            continue;
        };
        let (_, before) = known.remove(at);
        record.within(format!("{label}: "));
        one(record, (old, before), (new, step));
        record.within("");
    }
    let result = |steps: &Steps| steps.result.as_ref().map(|template| template.text.clone());
    // What the model is shown of it is redacted and cut like every output.
    record.note("result", result(before), result(after), Weight::Harmless);
}

fn one(record: &mut Record, (old, before): (Side<'_>, &Step), (new, after): (Side<'_>, &Step)) {
    command::compare(record, &before.command, &after.command, Following::Steps);
    let time = |time: Option<Duration>| time.map(length);
    let (had, has) = (time(before.timeout), time(after.timeout));
    record.note("timeout", had, has, Weight::Harmless);
    let (had, has) = (time(before.idle_timeout), time(after.idle_timeout));
    record.note("idle_timeout", had, has, Weight::Harmless);
    sandbox::compare_step(
        record,
        (old, before.sandbox.as_ref()),
        (new, after.sandbox.as_ref()),
    );
    let had = demands(before.require.as_ref(), old.1);
    let has = demands(after.require.as_ref(), new.1);
    let weight = Weight::widens_if(!had.is_subset(&has));
    let text = |demands: &BTreeSet<Demand>| {
        let demands = demands.iter().map(|(text, _)| text.clone());
        let demands: Vec<String> = demands.collect();
        (!demands.is_empty()).then(|| demands.join(", "))
    };
    if had != has && text(&had) == text(&has) {
        let names = |tool: &Tool| Some(tool.content.section("let").to_owned());
        record.note("names in require", names(old.1), names(new.1), weight);
    }
    record.note("require", text(&had), text(&has), weight);
}

/// One thing that must hold, and what the names in it stand for.
type Demand = (String, String);

fn demands(require: Option<&Requirement>, tool: &Tool) -> BTreeSet<Demand> {
    let Some(require) = require else {
        return BTreeSet::new();
    };
    let demand = |key: &str, expression: &Expression| {
        let text = expression.text();
        let names = if text.contains('<') {
            tool.content.section("let").to_owned()
        } else {
            String::new()
        };
        (format!("{key} {text}"), names)
    };
    let whole = require.expression.iter().map(|one| demand("match", one));
    let lines = require.each_line.iter().map(|one| demand("each_line", one));
    let not_empty = require
        .not_empty
        .then(|| ("not_empty".to_owned(), String::new()));
    whole.chain(lines).chain(not_empty).collect()
}
