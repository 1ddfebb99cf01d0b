//! Which of many lines to show: real ones, different in kind, those that look dangerous first.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use regex::Regex;
use serde_json::Value;

use super::{Comparison, Towards};
use crate::analysis::bits::Bits;
use crate::analysis::diff::{Side, Witness};
use crate::analysis::search::Machine;
use crate::analysis::vocabulary::Vocabulary;
use crate::analysis::witness::{self, Word, allowing};
use crate::config::tool::Rule;
use crate::policy::{Decision, Reason, Request, Verdict, decide_for};

/// Words that make a line worth a second look, the worst first. They only order what is shown.
static DANGEROUS: LazyLock<Vec<Regex>> = LazyLock::new(|| {
    let kinds = [
        "(?is)(.*[^a-z])?(secret|token|password|passwd|credential|kubeconfig|private-?key)s?([^a-z].*)?",
        "(?is)delete|destroy|apply|create|patch|edit|replace|exec|drain|cordon|scale|restart|undo|push|merge|write|put|sync|terminate|run|attach|cp|proxy|port-forward|rm|mv|unseal|seal|rotate|revoke",
        "(?s)-s|--(server|context|cluster|user|as|as-.*|host|address|addr|url|namespace|endpoint)(=.*)?",
        "(?s)-f|--(filename|file|kustomize|output-file|exec|pre|config|follow|raw|template)(=.*)?|.*file=.*|/.*|(.*/)?\\.\\.(/.*)?",
        "-A|--all|--all-namespaces|-v|--v=.*",
    ];
    kinds
        .iter()
        .filter_map(|kind| Regex::new(&format!("^(?:{kind})$")).ok())
        .collect()
});

/// Words to show in the place of any other of their kind, the worst first.
const TELLING: [&str; 24] = [
    "secrets",
    "secret",
    "--token=x",
    "delete",
    "exec",
    "apply",
    "create",
    "edit",
    "patch",
    "push",
    "merge",
    "--server=https://attacker.example",
    "--server",
    "--context=other",
    "--as=admin",
    "-s",
    "/etc/passwd",
    "../../etc/passwd",
    "--filename=/etc/passwd",
    "--output=jsonpath-file=/etc/passwd",
    "-f",
    "--exec",
    "-A",
    "--all",
];

/// The words of [`TELLING`] with the answers that they give.
pub(super) struct Dangerous(Vec<(Bits, &'static str)>);

impl Dangerous {
    pub(super) fn new(vocabulary: &Vocabulary) -> Self {
        Self(
            TELLING
                .iter()
                .map(|word| (vocabulary.answers(word), *word))
                .collect(),
        )
    }

    /// A line as it was found, and with a telling word in each place where one of the same kind
    /// fits: all rules treat the two alike.
    pub(super) fn readings<'a>(&'a self, line: &[Word<'a>]) -> Vec<Vec<Word<'a>>> {
        let mut readings = vec![line.to_vec()];
        for (at, (answers, text)) in line.iter().enumerate() {
            let telling = self.0.iter().find(|(known, _)| known == *answers);
            if let Some((_, word)) = telling
                && word != text
            {
                let mut reading = line.to_vec();
                if let Some(slot) = reading.get_mut(at) {
                    *slot = (*answers, *word);
                }
                readings.push(reading);
            }
        }
        readings
    }
}

/// The worst mark of a line; lower is worse.
pub(super) fn mark(line: &[Word<'_>]) -> usize {
    let worst = DANGEROUS
        .iter()
        .position(|kind| line.iter().skip(1).any(|(_, text)| kind.is_match(text)));
    worst.unwrap_or(DANGEROUS.len())
}

/// The witnesses so far, by what tells them apart.
#[derive(Default)]
pub(super) struct Told {
    /// The cheapest witness of each kind, in the order in which they were found.
    kinds: BTreeMap<(usize, String), (usize, Witness)>,
    found: usize,
}

impl Told {
    /// Adds a witness; of those with the same rules and the same mark the first is kept.
    pub(super) fn add(&mut self, witness: Witness, rules: String, mark: usize) {
        self.found += 1;
        let found = self.found;
        self.kinds.entry((mark, rules)).or_insert((found, witness));
    }

    /// The most telling ones: first one for each mark, the worst first, then the others.
    pub(super) fn best(self, most: usize) -> Vec<Witness> {
        let mut by_mark: BTreeMap<usize, Vec<(usize, Witness)>> = BTreeMap::new();
        for ((mark, _), entry) in self.kinds {
            by_mark.entry(mark).or_default().push(entry);
        }
        let mut rows: Vec<_> = by_mark.into_values().collect();
        for row in &mut rows {
            row.sort_by_key(|(found, _)| *found);
        }
        let mut best = Vec::new();
        let mut round = 0;
        while best.len() < most && rows.iter().any(|row| row.len() > round) {
            for row in &rows {
                if let Some((_, witness)) = row.get(round) {
                    best.push(witness.clone());
                }
            }
            round += 1;
        }
        best.truncate(most);
        best
    }
}

/// A version's verdict on one call.
struct Answer {
    decision: Decision,
    reason: Option<Reason>,
    command_line: Option<String>,
    lines: Vec<Vec<String>>,
}

/// Decides one line on both sides: a witness and the rules that tell it apart from others, or
/// nothing where the verdicts do not differ that way.
pub(super) fn witness(
    comparison: &Comparison<'_>,
    machines: &mut [Machine],
    line: &[Word<'_>],
    towards: Towards,
) -> Option<(Witness, String)> {
    let mut input = |side: Option<Side<'_>>, number: usize| -> Option<Value> {
        let (_, tool) = side?;
        match machines.get_mut(number)? {
            Machine::Line(own) => witness::input(tool, own, line),
            Machine::Patterns(_) => None,
        }
    };
    let new_input = input(comparison.new, 0);
    let old_input = input(comparison.old, 2);
    // A side that cannot have made the line is asked about the call that the other makes it with.
    let (own, other) = match towards {
        Towards::Milder => (new_input.as_ref().or(old_input.as_ref())?, &old_input),
        Towards::Stricter => (old_input.as_ref().or(new_input.as_ref())?, &new_input),
    };
    let mild = answer(comparison, towards, true, own)?;
    let strict = match other {
        Some(input) => answer(comparison, towards, false, input),
        None => answer(comparison, towards, false, own),
    };
    let strict = strict.map(|strict| {
        // Another line is no answer to this one.
        if strict.decision != Decision::Deny && strict.lines != mild.lines {
            Answer {
                decision: Decision::Deny,
                reason: None,
                ..strict
            }
        } else {
            strict
        }
    });
    let stricter = strict
        .as_ref()
        .map_or(Decision::Deny, |strict| strict.decision);
    if mild.decision >= stricter {
        return None;
    }
    let sides = match towards {
        Towards::Milder => (comparison.new, comparison.old),
        Towards::Stricter => (comparison.old, comparison.new),
    };
    let (through, rule) = let_through(sides.0, sides.1, own, &mild, towards);
    let (stopped, by) = stopped(sides, strict.as_ref(), towards);
    let why = match towards {
        Towards::Milder => format!("{through}; {stopped}"),
        Towards::Stricter => format!("{stopped}; {through}"),
    };
    let (before, after) = match towards {
        Towards::Milder => (stricter, mild.decision),
        Towards::Stricter => (mild.decision, stricter),
    };
    let witness = Witness {
        command_line: mild.command_line.clone().unwrap_or_default(),
        input: Some(own.clone()),
        before,
        after,
        why: match comparison.caller {
            Some(caller) => format!("as {} over {}: {why}", caller.role, caller.channel.as_str()),
            None => why,
        },
    };
    Some((witness, format!("{rule} {by} {before:?} {after:?}")))
}

/// What a side answers to a call; nothing where there is no such side.
fn answer(
    comparison: &Comparison<'_>,
    towards: Towards,
    mild: bool,
    input: &Value,
) -> Option<Answer> {
    let (config, tool) = match (towards, mild) {
        (Towards::Milder, true) | (Towards::Stricter, false) => comparison.new,
        (Towards::Milder, false) | (Towards::Stricter, true) => comparison.old,
    }?;
    let request = Request {
        tool: tool.name.as_str(),
        input,
    };
    let verdict = decide_for(config, request, comparison.caller);
    let lines = match &verdict {
        Verdict::Allow(permit) => permit.call().lines(),
        Verdict::Ask(pending) => pending.call().lines(),
        Verdict::Deny(_) => Vec::new(),
    };
    Some(Answer {
        decision: verdict.decision(),
        reason: Some(verdict.reason().clone()),
        command_line: verdict.command_line(),
        lines,
    })
}

/// What lets a call through, in words, and the rule's name.
fn let_through(
    mild: Option<Side<'_>>,
    strict: Option<Side<'_>>,
    input: &Value,
    answer: &Answer,
    towards: Towards,
) -> (String, String) {
    let by = match towards {
        Towards::Milder => "let through by",
        Towards::Stricter => "was let through by",
    };
    let rule = mild.and_then(|(_, tool)| allowing(tool, input));
    let Some(rule) = rule else {
        let name = answer
            .reason
            .as_ref()
            .map_or("", |reason| reason.rule.as_str())
            .to_owned();
        return (format!("{by} `{name}`"), name);
    };
    let known = strict.is_some_and(|(_, tool)| {
        let rules = tool
            .arguments
            .values()
            .flat_map(|rules| rules.allow.iter().flatten());
        rules.into_iter().any(|other| other.pattern == rule.pattern)
    });
    let change = match (known, strict.is_some(), towards) {
        (false, true, Towards::Milder) => ", written here",
        (false, true, Towards::Stricter) => ", gone here",
        _ => "",
    };
    (format!("{by} `{}`{change}", rule.id), rule.id.to_string())
}

/// What stops a call, in words, and the rule's name. `strict` is the side that stops it.
fn stopped(
    (mild, strict): (Option<Side<'_>>, Option<Side<'_>>),
    answer: Option<&Answer>,
    towards: Towards,
) -> (String, String) {
    let was = match towards {
        Towards::Milder => "was ",
        Towards::Stricter => "",
    };
    let Some(answer) = answer else {
        let words = match towards {
            Towards::Milder => "there was no such tool",
            Towards::Stricter => "there is no such tool any more",
        };
        return (words.to_owned(), String::new());
    };
    let Some(reason) = &answer.reason else {
        let words = match towards {
            Towards::Milder => "no call made this line before",
            Towards::Stricter => "no call makes this line any more",
        };
        return (words.to_owned(), String::new());
    };
    let verb = match answer.decision {
        Decision::Ask => "asked about",
        _ => "denied",
    };
    let written = strict.and_then(|side| stopping(side, reason.rule.as_str()));
    let kept = match (&written, mild) {
        (Some(rule), Some(side)) => stops(side).any(|other| other.pattern == rule.pattern),
        _ => true,
    };
    let change = match (kept, towards) {
        (false, Towards::Milder) => ", gone here",
        (false, Towards::Stricter) => ", written here",
        (true, _) => "",
    };
    let rule = reason.rule.to_string();
    (format!("{was}{verb} by `{rule}`{change}"), rule)
}

/// The written rule of this name that stops calls.
fn stopping<'a>(side: Side<'a>, name: &str) -> Option<&'a Rule> {
    stops(side).find(|rule| rule.id.as_str() == name)
}

/// Every written rule that stops calls of a tool.
fn stops((config, tool): Side<'_>) -> impl Iterator<Item = &Rule> {
    let of_tool = tool.arguments.values().flat_map(|rules| &rules.deny);
    let selection = config.selection(&tool.name);
    let policies = selection
        .into_iter()
        .flat_map(|selection| &selection.policies);
    let of_policies = policies.flat_map(|policy| {
        let asks = policy.ask.iter().map(|ask| &ask.rule);
        policy.deny.iter().chain(asks)
    });
    of_tool.chain(of_policies)
}
