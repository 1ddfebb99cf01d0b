//! A difference between two configurations: for people, as JSON, and as a comment on a pull request.
//! As annotations and SARIF it is shown by its findings.

mod comment;

mod terminal;

#[cfg(test)]
mod tests;

use super::counted;
use super::paint::harmless;
use crate::analysis::diff::{Change, Difference};

pub(crate) use comment::markdown;
pub(crate) use terminal::human;

/// The difference as one JSON object.
pub(crate) fn json(difference: &Difference) -> serde_json::Result<String> {
    serde_json::to_string_pretty(difference).map(|text| text + "\n")
}

/// The difference in one sentence.
pub(crate) fn verdict(difference: &Difference) -> String {
    let undecided = difference.undecided().count();
    let (new, less) = (news(difference), losses(difference));
    let mut text = match (joined(&new), joined(&less)) {
        (Some(new), _) => format!("This change {new}"),
        (None, _) if undecided > 0 => "Nothing new was found".to_owned(),
        (None, Some(less)) => format!("This change permits nothing new (proved), and {less}"),
        (None, None) => "No change in what is permitted (proved)".to_owned(),
    };
    if difference.acknowledged {
        text += ", acknowledged";
    }
    if undecided > 0 {
        text += "; ";
        text += &counted(undecided, "tool", "tools");
        text += " could not be compared";
    }
    text
}

/// What may happen now and could not.
fn news(difference: &Difference) -> Vec<String> {
    let tools = || difference.tools.iter();
    let added = tools().filter(|tool| tool.change == Change::Added).count();
    let permitted = tools().map(|tool| tool.newly_permitted.len()).sum();
    let beside = tools()
        .filter(|tool| tool.change != Change::Added)
        .filter(|tool| tool.other.iter().any(|other| other.widens))
        .count();
    let settings = difference.other.iter().filter(|other| other.widens).count();
    [
        (added, format!("adds {}", counted(added, "tool", "tools"))),
        (permitted, format!("newly permits {}", lines(permitted))),
        (
            beside,
            format!(
                "widens {} beside the command lines",
                counted(beside, "tool", "tools")
            ),
        ),
        (
            settings,
            format!("widens {}", counted(settings, "setting", "settings")),
        ),
    ]
    .into_iter()
    .filter_map(|(count, text)| (count > 0).then_some(text))
    .collect()
}

/// What may happen no more.
fn losses(difference: &Difference) -> Vec<String> {
    let tools = || difference.tools.iter();
    let removed = tools()
        .filter(|tool| tool.change == Change::Removed)
        .count();
    let denied = tools().map(|tool| tool.newly_denied.len()).sum();
    [
        (
            removed,
            format!("removes {}", counted(removed, "tool", "tools")),
        ),
        (denied, format!("newly denies {}", lines(denied))),
    ]
    .into_iter()
    .filter_map(|(count, text)| (count > 0).then_some(text))
    .collect()
}

/// Nobody counts the lines: those that are shown are examples.
fn lines(examples: usize) -> String {
    format!(
        "command lines ({})",
        counted(examples, "example", "examples")
    )
}

/// Parts of a sentence; absent without any.
fn joined(parts: &[String]) -> Option<String> {
    match parts.split_last()? {
        (only, []) => Some(only.clone()),
        (last, rest) => Some(format!("{} and {last}", rest.join(", "))),
    }
}

/// How many tools there are of each kind.
pub(crate) fn summary(difference: &Difference) -> String {
    let changes = [
        Change::Added,
        Change::Removed,
        Change::Widened,
        Change::Narrowed,
        Change::Changed,
        Change::Undecided,
        Change::Same,
    ];
    let parts: Vec<String> = changes
        .into_iter()
        .map(|change| {
            let tools = difference.tools.iter();
            (tools.filter(|tool| tool.change == change).count(), change)
        })
        .filter(|(count, _)| *count > 0)
        .map(|(count, change)| format!("{count} {}", change.as_str()))
        .collect();
    let open = difference.open().count();
    let open = match open {
        0 => String::new(),
        _ => format!(
            "; {} not acknowledged",
            counted(open, "widening", "widenings")
        ),
    };
    let other = counted(
        difference.other.len(),
        "setting or prompt differs",
        "settings and prompts differ",
    );
    format!("tools: {}; {other}{open}", listed(&parts))
}

fn listed(parts: &[String]) -> String {
    if parts.is_empty() {
        "none".to_owned()
    } else {
        parts.join(", ")
    }
}

/// The entries of `permissions.ack.yaml` that would accept what is open, and for what each is.
fn entries(difference: &Difference) -> Vec<String> {
    difference
        .open()
        .map(|(what, fingerprint)| {
            format!(
                "# {}\n- fingerprint: \"{fingerprint}\"\n  reason: …\n",
                harmless(what).replace('\n', " ")
            )
        })
        .collect()
}
