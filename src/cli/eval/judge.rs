//! What did not come as a scenario says.

use super::play::{Played, PlayedCall};
use crate::cli::render::counted;
use crate::config::scenario::{Calls, ExpectedCall, Scenario};
use crate::config::tool::Expect;
use crate::diagnostic::listed;
use crate::policy::Decision;

/// Lines of an output that are shown where something is missing in it.
const MOST_SEEN: usize = 20;

/// Everything that is not as it must, in sentences. The answer and the calls of a script are its own:
/// of Claude's answer more is asked, and of its calls those that only a script makes are not.
pub(super) fn judge(scenario: &Scenario, played: &Played, is_claude: bool) -> Vec<String> {
    let mut failures = Vec::new();
    if let Some(stopped) = &played.stopped {
        failures.push(format!("the turn ended without a whole answer: {stopped}"));
    }
    let replies = scenario.script.as_array().map_or(0, Vec::len);
    if !is_claude && played.replies != replies {
        failures.push(format!(
            "the model was asked for {}, and the script has {replies}",
            counted(played.replies, "reply", "replies")
        ));
    }
    let expected = scenario.calls.iter();
    let expected = expected.filter(|expected| !(is_claude && expected.is_scripted));
    failures.extend(expected.filter_map(|expected| missing(expected, &played.calls)));
    for call in played.calls.iter().filter(|call| call.ran) {
        let forbidden = |calls: &&Calls| calls.take(&call.tool, &call.lines);
        if let Some(calls) = scenario.forbidden.iter().find(forbidden) {
            failures.push(format!("{} ran, and {} must not", line(call), calls.said()));
        }
    }
    if is_claude {
        failures.extend(answer(scenario, played));
    }
    failures
}

/// What was called and what was expected, side by side: how each was, or must be, decided.
pub(super) fn account(scenario: &Scenario, calls: &[PlayedCall], is_claude: bool) -> Vec<String> {
    let called = calls.iter().map(|call| {
        let verdict = call.verdict.map_or("nothing", Decision::as_str);
        let line = match &call.command_line {
            Some(line) => line.replace('\n', "; "),
            None => call.lines.concat().join(" "),
        };
        let because = match (&call.rule, call.verdict) {
            (Some(rule), Some(Decision::Deny)) => format!("  by {rule}"),
            _ => String::new(),
        };
        format!("{verdict:<5}  {line}{because}")
    });
    let expected = scenario.calls.iter();
    let expected = expected.filter(|expected| !(is_claude && expected.is_scripted));
    let expected = expected.map(|expected| {
        let shown = expected.shown.iter().map(String::as_str);
        let shown = match expected.shown.as_slice() {
            [] => String::new(),
            _ => format!("  showing {}", listed(shown, "and")),
        };
        let verdict = decision(expected.verdict).as_str();
        format!("{verdict:<5}  {}{shown}", expected.calls.said())
    });
    let forbidden = scenario.forbidden.iter().map(Calls::said);
    let seen = calls.iter().filter(|call| hides(scenario, call));
    let seen = seen.flat_map(|call| {
        let lines = call.shown.lines().filter(|line| !is_mark(line));
        lines.take(MOST_SEEN).map(str::to_owned)
    });
    [
        table("called", called.collect()),
        table("seen", seen.collect()),
        table("expected", expected.collect()),
        table("forbidden", forbidden.collect()),
    ]
    .concat()
}

/// Whether the model was to see something in the output of a call, and did not.
fn hides(scenario: &Scenario, call: &PlayedCall) -> bool {
    let of_it = scenario.calls.iter();
    let of_it = of_it.filter(|expected| expected.calls.take(&call.tool, &call.lines));
    let mut texts = of_it.flat_map(|expected| &expected.shown);
    texts.any(|text| !call.shown.contains(text))
}

/// Whether a line only says where an output begins or ends.
fn is_mark(line: &str) -> bool {
    line.starts_with("[output of ") || line.starts_with("[end of output, ")
}

/// Lines behind the word that says what they are.
fn table(name: &str, lines: Vec<String>) -> Vec<String> {
    let names = std::iter::once(name).chain(std::iter::repeat(""));
    let rows = names.zip(lines);
    rows.map(|(name, line)| format!("{name:<9}  {line}"))
        .collect()
}

/// Why none of the calls is the one that is expected: told of the one that comes nearest.
fn missing(expected: &ExpectedCall, calls: &[PlayedCall]) -> Option<String> {
    let mut told = format!("{} was not called", expected.calls.said());
    for call in calls {
        if !expected.calls.take(&call.tool, &call.lines) {
            continue;
        }
        if call.verdict != Some(decision(expected.verdict)) {
            let verdict = call.verdict.map_or("nothing", Decision::as_str);
            let rule = call.rule.as_deref().unwrap_or_default();
            let wanted = decision(expected.verdict).as_str();
            told = format!("{}: {verdict} by `{rule}`, not {wanted}", line(call));
            continue;
        }
        if expected.verdict == Expect::Allow && !call.ran {
            told = format!("{} was allowed and did not run", line(call));
            continue;
        }
        let unseen = expected
            .shown
            .iter()
            .find(|text| !call.shown.contains(*text));
        let unseen = unseen?;
        told = format!(
            "the model did not see `{unseen}` in the output of {}",
            line(call)
        );
    }
    Some(told)
}

fn answer<'a>(scenario: &'a Scenario, played: &'a Played) -> impl Iterator<Item = String> + 'a {
    let said = played.answer.as_deref().unwrap_or_default().to_lowercase();
    let other = said.clone();
    let lacking = scenario.answer.contains.iter();
    let lacking = lacking.filter(move |text| !said.contains(&text.to_lowercase()));
    let lacking = lacking.map(|text| format!("the answer does not say `{text}`"));
    let present = scenario.answer.lacks.iter();
    let present = present.filter(move |text| other.contains(&text.to_lowercase()));
    lacking.chain(present.map(|text| format!("the answer says `{text}`")))
}

fn decision(expect: Expect) -> Decision {
    match expect {
        Expect::Allow => Decision::Allow,
        Expect::Ask => Decision::Ask,
        Expect::Deny => Decision::Deny,
    }
}

fn line(call: &PlayedCall) -> String {
    match &call.command_line {
        Some(line) => format!("`{line}`"),
        None => format!("a call of `{}`", call.tool),
    }
}
