//! Flags that a rule knows in one of their two forms: `--flag value` and `--flag=value`.

use std::collections::{BTreeMap, BTreeSet};

use regex_syntax::hir::Hir;
use regex_syntax::hir::literal::Extractor;

use super::question::Passing;
use super::survey::{Survey, searched};
use crate::analysis::automaton::Automaton;
use crate::analysis::expression::TooLarge;
use crate::analysis::language::{Depth, Judge, Language, explored, learn_words, policies};
use crate::analysis::line::{Element, Line, Part};
use crate::analysis::search::Machine;
use crate::analysis::track::{Patterns, Position, Track};
use crate::analysis::vocabulary::{Test, Vocabulary};
use crate::analysis::witness::{self, spelt};
use crate::config::Config;
use crate::config::tool::{Rule, Tool};
use crate::diagnostic::Diagnostic;
use crate::pattern::{Branch, Pattern, Symbol};
use crate::policy::{Decision, Request, decide_for};

/// A form of a flag.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    /// `--flag`, by itself or with a value in the next word.
    Separate,
    /// `--flag=value`.
    Joined,
}

/// What a rule knows one form of, and what that form is.
struct Half<'a> {
    rule: &'a Rule,
    flag: String,
    unseen: Form,
}

/// Looks at the rules that a tool meets.
pub(super) fn lint(
    config: &Config,
    tool: &Tool,
    survey: &Survey,
) -> Result<Vec<Diagnostic>, TooLarge> {
    let mut vocabulary = Vocabulary::default();
    let mut found = Vec::new();
    for rules in tool.arguments.values() {
        let mut told = BTreeSet::new();
        for allow in rules.allow.iter().flatten() {
            found.extend(values(&mut vocabulary, allow, &mut told)?);
        }
    }
    let of_tool = tool.arguments.values().flat_map(|rules| &rules.deny);
    let of_policies = policies(config, tool)
        .iter()
        .flat_map(|policy| &policy.deny);
    let mut halves = Vec::new();
    let is_met = |rule: &&Rule| {
        let fact = survey.get(rule.id.as_str());
        fact.is_none_or(|fact| fact.met.is_some())
    };
    for rule in of_tool.chain(of_policies).filter(is_met) {
        halves.extend(half_seen(&mut vocabulary, rule)?);
    }
    if !halves.is_empty() {
        found.extend(let_through(config, tool, halves)?);
    }
    Ok(found)
}

/// The flags of which a rule names one form only.
fn half_seen<'a>(vocabulary: &mut Vocabulary, rule: &'a Rule) -> Result<Vec<Half<'a>>, TooLarge> {
    let mut halves = Vec::new();
    let branches: Vec<&Branch> = branches(&rule.pattern).collect();
    let named: BTreeSet<String> = branches
        .iter()
        .flat_map(|branch| flags(branch.expression()))
        .collect();
    for flag in named {
        let (mut separate, mut joined, mut any) = (false, false, false);
        for branch in &branches {
            let automaton = automaton(vocabulary, branch.expression())?;
            separate |= automaton.accepts(&flag);
            if let Some(value) = automaton.after(&format!("{flag}=")) {
                joined = true;
                let others = Automaton::combination(&[&value], |holds| !holds(0));
                any |= others.is_some_and(|others| others.is_empty());
            }
        }
        // A rule on some values only may read them elsewhere too.
        let unseen = match (separate, joined, any) {
            (true, false, _) => Form::Joined,
            (false, true, true) => Form::Separate,
            _ => continue,
        };
        halves.push(Half { rule, flag, unseen });
    }
    Ok(halves)
}

/// Those whose other form is let through.
fn let_through(
    config: &Config,
    tool: &Tool,
    halves: Vec<Half<'_>>,
) -> Result<Vec<Diagnostic>, TooLarge> {
    let mut vocabulary = Vocabulary::default();
    learn_words(tool, policies(config, tool), &mut vocabulary);
    let language = Language::new(tool, Depth::Ruled, &mut vocabulary)?;
    let (judge, patterns) = Judge::new(config, tool, None, &mut vocabulary)?;
    let mut asked = Vec::new();
    for half in halves {
        if is_forced(&language, &half.flag) {
            continue;
        }
        let form = match half.unseen {
            Form::Separate => vocabulary.literals([half.flag.as_str()])?,
            Form::Joined => {
                vocabulary.dictionary.insert(format!("{}=a", half.flag));
                vocabulary.written(&format!("(?s){}=.*", regex_syntax::escape(&half.flag)))?
            }
        };
        asked.push((half, somewhere(form)));
    }
    if asked.is_empty() {
        return Ok(Vec::new());
    }
    let words = explored(&vocabulary, [&language])?;
    let mut found = Vec::new();
    for (_, elements) in language.lines {
        let mut machines = vec![
            Machine::Line(Line::new(elements)),
            Machine::Patterns(Track::new(patterns.clone())),
        ];
        for (half, form) in &asked {
            machines.truncate(2);
            machines.push(Machine::Patterns(Track::new(form.clone())));
            let passing = Passing { judge: &judge };
            let lines = searched(&mut machines, &words, &passing)?;
            let (Some(path), Some(Machine::Line(line))) =
                (lines.paths.first(), machines.first_mut())
            else {
                continue;
            };
            let call = witness::input(tool, line, &spelt(&words, path));
            found.extend(call.and_then(|call| half_denied(config, tool, half, &call)));
        }
    }
    Ok(found)
}

/// Any line with such a word in it.
fn somewhere(word: Test) -> Patterns {
    let position = |takes: Test, followers: &[usize], accepts: bool| Position {
        takes,
        followers: followers.to_vec(),
        accepts: accepts.then_some(0),
    };
    let mut patterns = Patterns::new();
    let positions = vec![
        position(Test::ALWAYS, &[0, 1], false),
        position(word, &[2], true),
        position(Test::ALWAYS, &[2], true),
    ];
    patterns.push(positions, &[0, 1], false);
    patterns
}

/// Whether the template itself writes a flag, so that every line has it.
fn is_forced(language: &Language, flag: &str) -> bool {
    let elements = language.lines.iter().flat_map(|(_, elements)| elements);
    let parts = elements.filter_map(|element| match element {
        Element::Word { parts, .. } => parts.first(),
        Element::Splice { .. } => None,
    });
    parts.into_iter().any(|part| match part {
        Part::Literal(text) => text == flag || text.starts_with(&format!("{flag}=")),
        _ => false,
    })
}

fn half_denied(
    config: &Config,
    tool: &Tool,
    half: &Half<'_>,
    input: &serde_json::Value,
) -> Option<Diagnostic> {
    let request = Request {
        tool: tool.name.as_str(),
        input,
    };
    let verdict = decide_for(config, request, None);
    if verdict.decision() == Decision::Deny {
        return None;
    }
    let line = verdict.command_line()?.replace('\n', "; ");
    let Half { rule, flag, unseen } = half;
    let (seen, unseen, write) = match unseen {
        Form::Joined => (flag.clone(), format!("{flag}=…"), format!("{flag}(=.*)?")),
        Form::Separate => (format!("{flag}=…"), flag.clone(), format!("{flag}(=.*)?")),
    };
    Some(
        Diagnostic::warning(
            "flag-forms",
            rule.place.clone(),
            format!(
                "`{}` denies `{seen}` and not `{unseen}`: `{line}` is let through",
                rule.id
            ),
        )
        .help(format!("write both forms, as in `{write}`")),
    )
}

/// The flags whose value may be something else when it is joined than when it is the next word.
fn values(
    vocabulary: &mut Vocabulary,
    rule: &Rule,
    told: &mut BTreeSet<String>,
) -> Result<Vec<Diagnostic>, TooLarge> {
    let sequence = rule.pattern.sequence();
    let mut separate: BTreeMap<String, Vec<Automaton>> = BTreeMap::new();
    let mut joined: BTreeMap<String, Vec<Automaton>> = BTreeMap::new();
    for (at, symbol) in sequence.symbols().iter().enumerate() {
        let Symbol::Word(word) = symbol else {
            continue;
        };
        for branch in word.branches() {
            for flag in flags(branch.expression()) {
                let own = automaton(vocabulary, branch.expression())?;
                let value = own.after(&format!("{flag}="));
                match (own.accepts(&flag), value, sequence.followers(at)) {
                    (false, Some(value), _) => joined.entry(flag).or_default().push(value),
                    (true, None, [next]) => {
                        let values = taken(vocabulary, sequence.symbols().get(*next))?;
                        separate.entry(flag).or_default().extend(values);
                    }
                    _ => {}
                }
            }
        }
    }
    let mut found = Vec::new();
    for (flag, joined) in joined {
        let Some(separate) = separate.get(&flag) else {
            continue;
        };
        let parts: Vec<&Automaton> = separate.iter().chain(&joined).collect();
        let forms = |holds: &dyn Fn(usize) -> bool| {
            let separately = (0..separate.len()).any(holds);
            let jointly = (separate.len()..parts.len()).any(holds);
            (separately, jointly)
        };
        let more = |wanted: (bool, bool)| {
            let differing = Automaton::combination(&parts, |holds| forms(holds) == wanted);
            let differing = differing.ok_or_else(|| TooLarge(format!("`{flag}`")))?;
            Ok(differing.shortest('-'))
        };
        let message = if let Some(value) = more((false, true))? {
            format!(
                "`{}` takes `{flag}={value}` and not `{}`",
                rule.id,
                apart(&flag, &value)
            )
        } else if let Some(value) = more((true, false))? {
            format!(
                "`{}` takes `{}` and not `{flag}={value}`",
                rule.id,
                apart(&flag, &value)
            )
        } else {
            continue;
        };
        if told.insert(flag.clone()) {
            found.push(
                Diagnostic::warning("flag-forms", rule.place.clone(), message).help(format!(
                    "give both forms the same value: a name under `let`, as in `{flag} <value> | {flag}=<value>`"
                )),
            );
        }
    }
    Ok(found)
}

/// A flag with its value in the next word, as a person would type it.
fn apart(flag: &str, value: &str) -> String {
    match value {
        "" => format!("{flag} ''"),
        _ => format!("{flag} {value}"),
    }
}

/// The words that a position takes.
fn taken(vocabulary: &mut Vocabulary, symbol: Option<&Symbol>) -> Result<Vec<Automaton>, TooLarge> {
    match symbol {
        Some(Symbol::Word(word)) => {
            let branches = word.branches().iter();
            let automata = branches.map(|branch| automaton(vocabulary, branch.expression()));
            automata.collect()
        }
        _ => Ok(vec![automaton(
            vocabulary,
            &crate::analysis::expression::any(),
        )?]),
    }
}

fn automaton(vocabulary: &mut Vocabulary, expression: &Hir) -> Result<Automaton, TooLarge> {
    let automaton = vocabulary.automaton(expression);
    let automaton = automaton.ok_or_else(|| TooLarge(format!("`{expression}`")))?;
    Ok(automaton.as_ref().clone())
}

fn branches(pattern: &Pattern) -> impl Iterator<Item = &Branch> {
    let symbols = pattern.sequence().symbols().iter();
    symbols.flat_map(|symbol| match symbol {
        Symbol::Word(word) => word.branches(),
        Symbol::Any => &[],
    })
}

/// The long flags that an expression names, without their values.
fn flags(expression: &Hir) -> BTreeSet<String> {
    let prefixes = Extractor::new().extract(expression);
    let prefixes = prefixes.literals().unwrap_or_default();
    let texts = prefixes.iter().filter_map(|literal| {
        let text = std::str::from_utf8(literal.as_bytes()).ok()?;
        match text.split_once('=') {
            Some((flag, _)) => Some(flag),
            // Of a flag that goes on the rest is not known.
            None => literal.is_exact().then_some(text),
        }
    });
    let is_long = |flag: &&str| {
        let name = flag.trim_start_matches('-');
        let dashes = flag.len() - name.len();
        (dashes == 2 || dashes == 1 && name.len() > 1)
            && name
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
            && !name.is_empty()
    };
    texts.filter(is_long).map(str::to_owned).collect()
}
