//! A call as it is decided, and a tool as the analysis sees it.

use std::collections::HashMap;

use serde_json::{Map, Value};

use crate::analysis::bits::Bits;
use crate::analysis::language::{Depth, Judge, Language, learn_words, track, wanted};
use crate::analysis::line::{self, Element, Line, Part};
use crate::analysis::track::{self as tracks, Patterns, Track};
use crate::analysis::vocabulary::Vocabulary;
use crate::analysis::witness;
use crate::analysis::words::Words;
use crate::config::Config;
use crate::config::tool::{Rule, Tool};
use crate::policy::{Decision, Request, Verdict, decide_for};

/// A call: how it is decided, and its lines where they are known.
#[derive(Debug)]
pub(super) struct Decided {
    pub(super) decision: Decision,
    pub(super) lines: Vec<Vec<String>>,
}

impl Decided {
    /// Whether another call starts the same lines in another version, which answers no stricter to it.
    pub(super) fn starts_nothing_new(
        &self,
        input: &Value,
        (config, tool): (&Config, &Tool),
    ) -> bool {
        let seen = Seen::new(config, tool, Depth::Counted);
        let read = seen.and_then(|mut seen| seen.read(tool, &self.lines));
        let mut others = [Some(without_empty_lists(input)), read]
            .into_iter()
            .flatten();
        others.any(|other| {
            let other = decided(config, tool, &other);
            other.decision <= self.decision && other.lines == self.lines
        })
    }
}

/// A list without items starts the same line as none.
fn without_empty_lists(input: &Value) -> Value {
    let mut input = input.clone();
    let members = input.as_object_mut().unwrap();
    members.retain(|_, value| value.as_array().is_none_or(|items| !items.is_empty()));
    input
}

pub(super) fn decided(config: &Config, tool: &Tool, input: &Value) -> Decided {
    let request = Request {
        tool: tool.name.as_str(),
        input,
    };
    let verdict = decide_for(config, request, None);
    let lines = match &verdict {
        Verdict::Allow(permit) => permit.call().lines(),
        Verdict::Ask(pending) => pending.call().lines(),
        Verdict::Deny(_) => Vec::new(),
    };
    Decided {
        decision: verdict.decision(),
        lines,
    }
}

/// A tool as the analysis sees it.
pub(super) struct Seen {
    vocabulary: Vocabulary,
    pub(super) words: Words,
    kinds: HashMap<Bits, usize>,
    pub(super) lines: Vec<Line>,
    judge: Judge,
    patterns: Patterns,
    /// Whether one line tells everything, exactly.
    pub(super) exact: bool,
}

impl Seen {
    pub(super) fn new(config: &Config, tool: &Tool, depth: Depth) -> Option<Self> {
        let mut vocabulary = Vocabulary::default();
        let policies = &config.selection(&tool.name)?.policies;
        learn_words(tool, policies, &mut vocabulary);
        let language = Language::new(tool, depth, &mut vocabulary).ok()?;
        let (judge, patterns) = Judge::new(config, tool, None, &mut vocabulary).ok()?;
        for rule in nevers(config, tool) {
            track(&rule, &mut vocabulary).ok()?;
        }
        let words = Words::explore(&vocabulary, &wanted([&language])).ok()?;
        let exact = language.opaque.is_empty() && language.lines.len() == 1;
        let lines = language.lines.into_iter();
        Some(Self {
            kinds: words
                .kinds
                .iter()
                .enumerate()
                .map(|(at, kind)| (kind.answers.clone(), at))
                .collect(),
            lines: lines.map(|(_, elements)| Line::new(elements)).collect(),
            vocabulary,
            words,
            judge,
            patterns,
            exact,
        })
    }

    /// The kinds of a line's words; absent where one is of no kind that any rule takes.
    pub(super) fn path(&self, line: &[String]) -> Option<Vec<usize>> {
        line.iter()
            .map(|word| self.kinds.get(&self.vocabulary.answers(word)).copied())
            .collect()
    }

    /// An input whose call would start these lines, as far as each can be read by itself.
    fn read(&mut self, tool: &Tool, lines: &[Vec<String>]) -> Option<Value> {
        let mut whole: Option<Map<String, Value>> = None;
        for (template, line) in self.lines.iter_mut().zip(lines) {
            let answers: Vec<Bits> = line
                .iter()
                .map(|word| self.vocabulary.answers(word))
                .collect();
            let words: Vec<_> = answers
                .iter()
                .zip(line.iter().map(String::as_str))
                .collect();
            let Value::Object(read) = witness::input(tool, template, &words)? else {
                return None;
            };
            let whole = whole.get_or_insert_with(|| read.clone());
            for name in shown(template) {
                match read.get(name) {
                    Some(value) => whole.insert(name.clone(), value.clone()),
                    None => whole.remove(name),
                };
            }
        }
        whole.map(Value::Object)
    }

    /// What the rules answer to a line that calls can start; absent where none can.
    pub(super) fn decision(&mut self, number: usize, path: &[usize]) -> Option<Decision> {
        let template = &mut self.lines[number];
        let mut track = Track::new(self.patterns.clone());
        let (mut state, mut policies) = (line::START, tracks::START);
        let (mut hopeless, mut lost) = (false, false);
        for kind in path {
            let answers = &self.words.kinds[*kind].answers;
            let (of_line, of_track) = (template.group(answers), track.group(answers));
            state = template.after(state, of_line);
            policies = track.after(policies, of_track);
            hopeless |= self.judge.is_hopeless(track.settled(policies).unwrap());
            lost |= state == line::IMPOSSIBLE;
        }
        let decision = self.judge.decision(track.accepting(policies).unwrap());
        assert!(
            !hopeless || decision == Decision::Deny,
            "given up too early"
        );
        let whole = template.is_whole(state);
        assert!(!lost || !whole, "given up too early");
        whole.then_some(decision)
    }

    pub(super) fn cost(&self, path: &[usize]) -> u32 {
        path.iter().map(|kind| self.words.kinds[*kind].cost).sum()
    }
}

/// The parameters that a line shows.
fn shown(line: &Line) -> Vec<&String> {
    let mut names = Vec::new();
    for element in line.elements() {
        match element {
            Element::Splice { parameter, .. } => names.push(parameter),
            Element::Word { parts, .. } => {
                for part in parts {
                    if let Part::Text(name) | Part::Scalar(name) = part {
                        names.push(name);
                    }
                }
            }
        }
    }
    names
}

fn nevers(config: &Config, tool: &Tool) -> Vec<Rule> {
    let selection = config.selection(&tool.name);
    let policies = selection.map_or(&[][..], |selection| &selection.policies);
    policies
        .iter()
        .flat_map(|policy| policy.never.clone())
        .collect()
}
