//! The alternatives of words that only one of two versions has, so that each can be shown in a line.

use std::collections::BTreeMap;

use regex_syntax::hir::{Hir, HirKind};

use super::{Goal, Machine, Milder, States, Towards, telling};
use crate::analysis::diff::Side;
use crate::analysis::expression::{literal, members};
use crate::analysis::language::applying;
use crate::analysis::track::{Patterns, Position, Track};
use crate::analysis::vocabulary::{Test, Vocabulary};
use crate::call::Caller;
use crate::config::tool::{Rule, Run, Tool};
use crate::pattern::{Symbol, printed};

/// A word with more alternatives is taken as one.
const MOST_TOGETHER: usize = 64;

/// So many alternatives of a direction are looked for, the most dangerous ones.
const MOST_FRESH: usize = 12;

/// The alternatives that make a line milder, and those that make it stricter.
#[derive(Debug, Default)]
pub(super) struct Fresh {
    milder: Vec<Alternative>,
    stricter: Vec<Alternative>,
}

/// An alternative of one version.
#[derive(Debug, Clone)]
pub(super) struct Alternative {
    /// A word of it,
    pub(super) it: Test,
    /// and one that no alternative of the other version takes.
    pub(super) alone: Test,
}

impl Fresh {
    /// Adds the alternatives to a vocabulary; a version that is absent has none to be laid beside.
    pub(super) fn new(
        old: Option<Side<'_>>,
        new: Option<Side<'_>>,
        caller: Option<&Caller>,
        vocabulary: &mut Vocabulary,
    ) -> Self {
        let (Some(old), Some(new)) = (old, new) else {
            return Self::default();
        };
        let before = Written::new(old, caller, vocabulary);
        let after = Written::new(new, caller, vocabulary);
        let mut both = |one: &Written, other: &Written| {
            let mut fresh = beyond(&one.through, &other.through);
            fresh.extend(beyond(&other.stopped, &one.stopped));
            fresh.sort_by_cached_key(|(hir, _)| worst(hir));
            let fresh = fresh.into_iter().take(MOST_FRESH);
            // One that is too large by itself is compared all the same, as a part of its word.
            let made = fresh.filter_map(|(hir, others)| {
                let it = vocabulary.expression(hir, None).ok()?;
                let alone = Test::All(vec![it.clone(), !Test::Any(others.to_vec())]);
                Some(Alternative { it, alone })
            });
            made.collect()
        };
        Self {
            milder: both(&after, &before),
            stricter: both(&before, &after),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.milder.is_empty() && self.stricter.is_empty()
    }

    /// Those of a direction.
    pub(super) fn towards(&self, towards: Towards) -> &[Alternative] {
        match towards {
            Towards::Milder => &self.milder,
            Towards::Stricter => &self.stricter,
        }
    }
}

/// How dangerous a word of an alternative looks; lower is worse.
fn worst(hir: &Hir) -> usize {
    let words = members(hir).unwrap_or_default();
    let marks = words.iter().map(|word| telling::mark_of(word));
    marks.min().unwrap_or(usize::MAX)
}

/// The alternatives of one version that another has not, each with the words of the other.
fn beyond<'a>(one: &'a Choices, other: &'a Choices) -> Vec<(&'a Hir, &'a [Test])> {
    let fresh = one.alternatives.iter();
    let fresh = fresh.filter(|(text, _)| !other.alternatives.contains_key(*text));
    fresh
        .map(|(_, hir)| (hir, other.words.as_slice()))
        .collect()
}

/// What the rules of a version choose between.
#[derive(Default)]
struct Written {
    /// In rules that let a call through.
    through: Choices,
    /// In rules that stop one.
    stopped: Choices,
}

#[derive(Default)]
struct Choices {
    /// By their text.
    alternatives: BTreeMap<String, Hir>,
    /// The words that they are alternatives of.
    words: Vec<Test>,
}

impl Written {
    fn new((config, tool): Side<'_>, caller: Option<&Caller>, vocabulary: &mut Vocabulary) -> Self {
        let mut written = Self::default();
        let (through, stopped) = (&mut written.through, &mut written.stopped);
        for rules in tool.arguments.values() {
            stopped.add(&rules.deny, vocabulary);
            through.add(rules.allow.iter().flatten(), vocabulary);
        }
        for policy in applying(config, tool, caller) {
            stopped.add(&policy.deny, vocabulary);
            stopped.add(policy.ask.iter().map(|ask| &ask.rule), vocabulary);
            through.add(policy.allow.iter().flatten(), vocabulary);
        }
        for word in first_words(tool) {
            let text = printed(&literal(word));
            through.alternatives.remove(&text);
            stopped.alternatives.remove(&text);
        }
        written
    }
}

impl Choices {
    /// Adds rules, whose words a vocabulary knows.
    fn add<'a>(&mut self, rules: impl IntoIterator<Item = &'a Rule>, vocabulary: &mut Vocabulary) {
        for rule in rules {
            let symbols = rule.pattern.sequence().symbols();
            let words = symbols.iter().filter_map(|symbol| match symbol {
                Symbol::Word(word) => Some(word),
                Symbol::Any => None,
            });
            for branch in words.flat_map(|word| word.branches()) {
                let limit = branch.limit(rule.pattern.lengths());
                let word = vocabulary.expression(branch.expression(), limit);
                self.words.extend(word);
                for alternative in alternatives(branch.expression()) {
                    self.alternatives.insert(printed(&alternative), alternative);
                }
            }
        }
    }
}

/// What the patterns of policies begin with, and no call chooses.
fn first_words(tool: &Tool) -> Vec<&str> {
    let commands = match &tool.run {
        Run::Command(command) => vec![command],
        Run::Steps(steps) => steps.list.iter().map(|step| &step.command).collect(),
        Run::Http(http) => return vec![http.method.as_str()],
        Run::Mcp { .. } => return vec!["mcp"],
    };
    let programs = commands.into_iter().map(|command| &command.program);
    let programs = programs.filter_map(|program| program.rsplit('/').next());
    programs.collect()
}

/// What an expression chooses between, wherever in it the choice stands.
fn alternatives(hir: &Hir) -> Vec<Hir> {
    let several = match hir.kind() {
        HirKind::Capture(capture) => alternatives(&capture.sub),
        HirKind::Alternation(hirs) => hirs.iter().flat_map(alternatives).collect(),
        HirKind::Concat(hirs) => hirs.iter().fold(vec![Hir::empty()], |before, hir| {
            let next = alternatives(hir);
            if before.len() * next.len() > MOST_TOGETHER {
                return Vec::new();
            }
            let joined = |before: &Hir, next: &Hir| Hir::concat(vec![before.clone(), next.clone()]);
            let pairs = before.iter().map(|before| (before, &next));
            let pairs =
                pairs.flat_map(|(before, next)| next.iter().map(move |next| joined(before, next)));
            pairs.collect()
        }),
        _ => Vec::new(),
    };
    if several.is_empty() || several.len() > MOST_TOGETHER {
        vec![hir.clone()]
    } else {
        several
    }
}

/// A line in which this holds of a word; the first word of a command is its program.
pub(super) fn showing(test: Test, has_program: bool) -> Machine {
    let any = |followers: &[usize], accepts| Position {
        takes: Test::ALWAYS,
        followers: followers.to_vec(),
        accepts,
    };
    let mut it = any(&[2], Some(0));
    it.takes = test;
    let positions = vec![any(&[0, 1], None), it, any(&[2], Some(0))];
    let mut patterns = Patterns::new();
    let first: &[usize] = if has_program { &[0] } else { &[0, 1] };
    patterns.push(positions, first, false);
    Machine::Patterns(Track::new(patterns))
}

/// A line whose verdict differs and that the last machine shows.
pub(super) struct Showing<'a>(pub(super) &'a Milder<'a>);

impl Goal for Showing<'_> {
    fn is_hopeless(&self, machines: &[Machine], states: &States) -> bool {
        self.0.is_hopeless(machines, states)
    }

    fn is_met(&self, machines: &[Machine], states: &States) -> bool {
        let shown = match (machines.get(4), states.get(4)) {
            (Some(Machine::Patterns(shown)), Some(state)) => shown.accepting(*state),
            _ => None,
        };
        shown.is_some_and(|shown| !shown.is_empty()) && self.0.is_met(machines, states)
    }
}
