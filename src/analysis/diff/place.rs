//! Where a reviewer is shown that a tool permits more: at the line of the change that does it, since an
//! annotation elsewhere is not shown beside the change.

use super::{Other, Side, Witness};
use crate::analysis::witness::allowing;
use crate::config::policy::AskRule;
use crate::config::tool::Rule;
use crate::diagnostic::Place;
use crate::policy::{Request, decide_for};

/// The place of a tool's difference, on the newer side where the tool is there.
pub(super) fn of_tool(
    old: Option<Side<'_>>,
    new: Option<Side<'_>>,
    permitted: &[Witness],
    others: &[Other],
) -> Option<Place> {
    let file = new.or(old).map(|(_, tool)| tool.places.file.clone());
    let (Some(old), Some(new)) = (old, new) else {
        return file;
    };
    let place = match permitted.first() {
        Some(witness) => of_witness(old, new, witness),
        None => others
            .iter()
            .find(|other| other.widens)
            .and_then(|other| of_other(new, other)),
    };
    place.or(file)
}

/// What lets a line through: a rule that was written or rewritten, or else the part of the file that
/// stopped it before.
fn of_witness(old: Side<'_>, new: Side<'_>, witness: &Witness) -> Option<Place> {
    let (tool, input) = (new.1, witness.input.as_ref()?);
    let request = Request {
        tool: tool.name.as_str(),
        input,
    };
    let verdict = decide_for(old.0, request, None);
    let makes_another = |line| line != witness.command_line;
    if verdict.command_line().is_some_and(makes_another) {
        return Some(tool.places.run.clone());
    }
    let before = verdict.reason();
    let known: Vec<(List, &Rule)> = rules(old).collect();
    let is_new = |(list, rule): &(List, &Rule)| {
        let is_same = |known: &(List, &Rule)| known.0 == *list && known.1.pattern == rule.pattern;
        !known.iter().any(is_same)
    };
    let written: Vec<&Rule> = rules(new).filter(is_new).map(|(_, rule)| rule).collect();
    let through = allowing(tool, input);
    let is_through = |rule: &Rule| through.is_some_and(|through| through.id == rule.id);
    let first = |wanted: &dyn Fn(&Rule) -> bool| written.iter().find(|rule| wanted(rule)).copied();
    let file = before.place.as_ref().map(|place| &place.file);
    let rule = first(&|rule| rule.id == before.rule)
        .or_else(|| first(&is_through))
        .or_else(|| first(&|rule| Some(&rule.place.file) == file));
    if let Some(rule) = rule {
        return Some(rule.place.clone());
    }
    if before.rule.as_str() == format!("{}.input", tool.name) {
        return Some(tool.places.input.clone());
    }
    let was_written = known.iter().any(|(_, rule)| rule.id == before.rule);
    match (through, file) {
        // What it means is written elsewhere, by the names in it.
        (Some(rule), _) if !was_written => Some(rule.place.clone()),
        (_, Some(file)) if is_there(new, file) => Some(Place::file(&**file)),
        _ => None,
    }
}

/// What a rule does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum List {
    Deny,
    Ask,
    Allow,
}

/// Every rule that a tool's calls meet.
fn rules((config, tool): Side<'_>) -> impl Iterator<Item = (List, &Rule)> {
    let own = tool.arguments.values();
    let own = own.flat_map(|rules| lists(&rules.deny, &[], rules.allow.as_deref()));
    let selection = config.selection(&tool.name);
    let policies = selection.into_iter().flat_map(|all| &all.policies);
    own.chain(policies.flat_map(|policy| lists(&policy.deny, &policy.ask, policy.allow.as_deref())))
}

fn lists<'a>(
    deny: &'a [Rule],
    ask: &'a [AskRule],
    allow: Option<&'a [Rule]>,
) -> impl Iterator<Item = (List, &'a Rule)> {
    let deny = deny.iter().map(|rule| (List::Deny, rule));
    let ask = ask.iter().map(|ask| (List::Ask, &ask.rule));
    let allow = allow.into_iter().flatten();
    deny.chain(ask).chain(allow.map(|rule| (List::Allow, rule)))
}

fn is_there((config, tool): Side<'_>, file: &str) -> bool {
    let policies = config.policies().values();
    *tool.places.file.file == *file
        || policies
            .into_iter()
            .any(|policy| *policy.place.file == *file)
}

/// The part of the tool's file that says something beside the command lines.
fn of_other((_, tool): Side<'_>, other: &Other) -> Option<Place> {
    let what = other.what.rsplit(": ").next().unwrap_or_default();
    let what = what.split(' ').next().unwrap_or_default();
    match what {
        "effect" => Some(tool.places.effect.clone()),
        "input" => Some(tool.places.input.clone()),
        "runs" | "program" | "command" | "forced" | "environment" | "stdin" | "cwd" | "ok"
        | "method" | "url" | "header" | "body" | "steps" | "result" => {
            Some(tool.places.run.clone())
        }
        _ => None,
    }
}
