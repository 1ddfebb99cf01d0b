//! Which of many lines to show: real ones, different in kind, those that look dangerous first.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use regex::Regex;
use serde_json::Value;

use super::fresh::Alternative;
use super::{Comparison, MOST_KINDS, MOST_WITNESSES, Towards};
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
fn mark(line: &[Word<'_>]) -> usize {
    let words = line.iter().skip(1).map(|(_, text)| mark_of(text));
    words.min().unwrap_or(DANGEROUS.len())
}

/// The mark of one word.
pub(super) fn mark_of(word: &str) -> usize {
    let worst = DANGEROUS.iter().position(|kind| kind.is_match(word));
    worst.unwrap_or(DANGEROUS.len())
}

/// The witnesses so far, by what tells them apart.
pub(super) struct Told {
    /// The cheapest witness of each kind, in the order in which they were found, each with its mark
    /// and whether it is the first to show a new alternative.
    witnesses: Vec<(usize, bool, Witness)>,
    /// The marks and rules that were met.
    kinds: BTreeSet<(usize, String)>,
    /// The first word of a line that the rules choose.
    first: usize,
    /// The new alternatives that none shows so far.
    untold: Vec<Alternative>,
}

impl Told {
    /// None so far, which shall show each of these alternatives.
    pub(super) fn new(fresh: &[Alternative], has_program: bool) -> Self {
        Self {
            first: usize::from(has_program),
            witnesses: Vec::new(),
            kinds: BTreeSet::new(),
            untold: fresh.to_vec(),
        }
    }

    /// Whether a witness shows an alternative.
    pub(super) fn shows(&self, alternative: &Alternative) -> bool {
        let mut untold = self.untold.iter();
        !untold.any(|one| one.it == alternative.it)
    }

    /// Adds a witness, where it shows a new alternative or is the first with its rules and its mark;
    /// `matters` says of a word whether the verdicts differ for it.
    pub(super) fn add(
        &mut self,
        witness: Witness,
        rules: String,
        line: &[Word<'_>],
        mut matters: impl FnMut(usize) -> bool,
    ) {
        let before = self.untold.len();
        let mut shown_by = |one: &Alternative| {
            let mut chosen = line.iter().enumerate().skip(self.first);
            chosen.any(|(at, (answers, _))| {
                one.alone.holds(answers) || one.it.holds(answers) && matters(at)
            })
        };
        self.untold.retain(|one| !shown_by(one));
        let shows = self.untold.len() < before;
        let mark = mark(line);
        if self.kinds.insert((mark, rules)) || shows {
            self.witnesses.push((mark, shows, witness));
        }
    }

    /// The most telling ones: first one for each mark, the worst first, then the others; what shows a
    /// new alternative is not left out for being too many.
    pub(super) fn best(self) -> Vec<Witness> {
        let mut rows: BTreeMap<usize, Vec<(bool, Witness)>> = BTreeMap::new();
        for (mark, shows, witness) in self.witnesses {
            rows.entry(mark).or_default().push((shows, witness));
        }
        let longest = rows.values().map(Vec::len).max().unwrap_or(0);
        let in_turn =
            (0..longest).flat_map(|round| rows.values().filter_map(move |row| row.get(round)));
        let in_turn: Vec<_> = in_turn.collect();
        let (first, rest) = in_turn
            .split_at_checked(MOST_KINDS)
            .unwrap_or((&in_turn, &[]));
        let rest = rest.iter().filter(|(shows, _)| *shows);
        let best = first.iter().chain(rest).take(MOST_WITNESSES);
        best.map(|(_, witness)| witness.clone()).collect()
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
    let alone = match towards {
        Towards::Milder => "written",
        Towards::Stricter => "gone",
    };
    let other = strict.map(|_| allows(strict));
    let change = changed(rule, &allows(mild), other.as_deref(), alone);
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
    let own = stops(strict);
    let written = own.iter().find(|rule| rule.id == reason.rule);
    let alone = match towards {
        Towards::Milder => "gone",
        Towards::Stricter => "written",
    };
    let change = written.map_or_else(String::new, |rule| {
        let other = mild.map(|_| stops(mild));
        changed(rule, &own, other.as_deref(), alone)
    });
    let rule = reason.rule.to_string();
    (format!("{was}{verb} by `{rule}`{change}"), rule)
}

/// What a change did to a rule of one side, in words: nothing, where the same stands on the other
/// side or where there is none; rewrote it, where another stands there by its name that did not only
/// move; or else what `alone` says.
fn changed(rule: &Rule, own: &[&Rule], other: Option<&[&Rule]>, alone: &str) -> String {
    let stands = |rules: &[&Rule], one: &Rule| rules.iter().any(|rule| rule.pattern == one.pattern);
    let Some(other) = other.filter(|other| !stands(other, rule)) else {
        return String::new();
    };
    let namesake = other.iter().find(|one| one.id == rule.id);
    match namesake {
        Some(namesake) if !stands(own, namesake) => ", changed here".to_owned(),
        _ => format!(", {alone} here"),
    }
}

/// Every rule on a parameter that lets calls through.
fn allows(side: Option<Side<'_>>) -> Vec<&Rule> {
    let rules = side
        .into_iter()
        .flat_map(|(_, tool)| tool.arguments.values());
    rules
        .flat_map(|rules| rules.allow.iter().flatten())
        .collect()
}

/// Every written rule that stops calls of a tool.
fn stops(side: Option<Side<'_>>) -> Vec<&Rule> {
    let Some((config, tool)) = side else {
        return Vec::new();
    };
    let of_tool = tool.arguments.values().flat_map(|rules| &rules.deny);
    let selection = config.selection(&tool.name);
    let policies = selection
        .into_iter()
        .flat_map(|selection| &selection.policies);
    let of_policies = policies.flat_map(|policy| {
        let asks = policy.ask.iter().map(|ask| &ask.rule);
        policy.deny.iter().chain(asks)
    });
    of_tool.chain(of_policies).collect()
}
