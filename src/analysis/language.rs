//! The language of a tool: every line that its schema, its template, its parameter rules and the
//! policies together let through.
//!
//! What is regular is compiled exactly. What is not (other keywords of JSON Schema, expressions in
//! templates, a parameter that stands twice) is taken from above, as if it let everything through,
//! and named in [`Language::opaque`]: a proof that nothing gets through stays a proof, and of two tools
//! that are opaque in the same places each parameter is compared by itself.

mod parameter;

mod scalar;

mod template;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::bits::Bits;
use super::expression::TooLarge;
use super::line::Element;
use super::track::{Patterns, Track};
use super::vocabulary::{Test, Vocabulary};
use super::words::Words;
use crate::call::Caller;
use crate::config::Config;
use crate::config::policy::Policy;
use crate::config::tool::{CaseInput, Tool};
use crate::policy::{Decision, effect_decision};

/// What is looked at beside the schema and the template.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Depth {
    /// Nothing: what could be rendered at all.
    Bare,
    /// The rules on parameters too.
    Ruled,
    /// The rules on parameters, and the number of items in lists.
    Counted,
}

/// What of a tool is compiled.
#[derive(Debug)]
pub(super) struct Language {
    /// For each line that a call starts its name and its elements.
    pub(super) lines: Vec<(String, Vec<Element>)>,
    /// What was taken from above, in words that are equal where the meaning is.
    pub(super) opaque: BTreeSet<String>,
}

impl Language {
    /// Compiles a tool's template and rules.
    pub(super) fn new(
        tool: &Tool,
        depth: Depth,
        vocabulary: &mut Vocabulary,
    ) -> Result<Self, TooLarge> {
        let mut compiler = template::Compiler::new(tool, depth, vocabulary);
        let lines = compiler.lines()?;
        let opaque = compiler.opaque;
        Ok(Self { lines, opaque })
    }

    /// The same, with each parameter that no line shows as a line of its own: for comparing two
    /// versions, where a rule on it counts too.
    pub(super) fn with_hidden(
        tool: &Tool,
        depth: Depth,
        vocabulary: &mut Vocabulary,
    ) -> Result<Self, TooLarge> {
        let mut compiler = template::Compiler::new(tool, depth, vocabulary);
        let mut lines = compiler.lines()?;
        lines.extend(compiler.hidden()?);
        let opaque = compiler.opaque;
        Ok(Self { lines, opaque })
    }
}

/// One parameter by itself, as a line.
pub(super) fn by_itself(
    tool: &Tool,
    name: &str,
    depth: Depth,
    vocabulary: &mut Vocabulary,
) -> Result<Language, TooLarge> {
    let mut compiler = template::Compiler::new(tool, depth, vocabulary);
    let line = compiler.by_itself(name)?;
    let opaque = compiler.opaque;
    Ok(Language {
        lines: line.into_iter().collect(),
        opaque,
    })
}

/// Words of a tool that read well: those of its cases.
pub(super) fn learn_words(tool: &Tool, policies: &[Arc<Policy>], vocabulary: &mut Vocabulary) {
    let of_policies = policies.iter().flat_map(|policy| &policy.tests);
    let cases = tool
        .tests
        .iter()
        .chain(of_policies.filter(|case| case.tool == tool.name));
    for case in cases {
        match &case.input {
            CaseInput::Line(line) => {
                let words = crate::call::words::split(line).unwrap_or_default();
                vocabulary.dictionary.extend(words);
            }
            CaseInput::Input(input) => learn_texts(input, vocabulary),
        }
    }
}

fn learn_texts(value: &serde_json::Value, vocabulary: &mut Vocabulary) {
    match value {
        serde_json::Value::String(text) if text.len() <= LONGEST_LEARNT => {
            vocabulary.dictionary.insert(text.clone());
        }
        serde_json::Value::Array(items) => {
            for item in items {
                learn_texts(item, vocabulary);
            }
        }
        serde_json::Value::Object(members) => {
            for value in members.values() {
                learn_texts(value, vocabulary);
            }
        }
        _ => {}
    }
}

/// A longer text of a case reads no better than a made-up word.
const LONGEST_LEARNT: usize = 80;

/// What the policies that apply to a call answer to its line.
#[derive(Debug)]
pub(super) struct Judge {
    rules: Vec<Answer>,
    /// The policies, by number, of which one `allow` must match.
    closed: Vec<usize>,
    effect: Decision,
}

/// What a rule of a policy does when it matches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Answer {
    Deny,
    Ask,
    /// Keeps the line in what the policy of this number allows.
    Allow(usize),
}

impl Judge {
    /// Compiles the policies that apply to a tool for a caller, or for nobody in particular.
    pub(super) fn new(
        config: &Config,
        tool: &Tool,
        caller: Option<&Caller>,
        vocabulary: &mut Vocabulary,
    ) -> Result<(Self, Patterns), TooLarge> {
        let policies = applying(config, tool, caller);
        let mut patterns = Patterns::new();
        let mut rules = Vec::new();
        let mut closed = Vec::new();
        for (number, policy) in policies.iter().enumerate() {
            for rule in &policy.deny {
                vocabulary.rule(rule, &mut patterns)?;
                rules.push(Answer::Deny);
            }
            for rule in &policy.ask {
                vocabulary.rule(&rule.rule, &mut patterns)?;
                rules.push(Answer::Ask);
            }
            if let Some(allow) = &policy.allow {
                closed.push(number);
                for rule in allow {
                    vocabulary.rule(rule, &mut patterns)?;
                    rules.push(Answer::Allow(number));
                }
            }
        }
        let judge = Self {
            rules,
            closed,
            effect: effect_decision(tool, &policies),
        };
        Ok((judge, patterns))
    }

    /// One that lets everything through.
    pub(super) fn open() -> Self {
        Self {
            rules: Vec::new(),
            closed: Vec::new(),
            effect: Decision::Allow,
        }
    }

    /// What the policies and the effect answer to a line that these rules match.
    pub(super) fn decision(&self, matching: &Bits) -> Decision {
        let mut decision = self.effect;
        let mut kept: Vec<usize> = Vec::new();
        for rule in matching.iter().filter_map(|rule| self.rules.get(rule)) {
            match rule {
                Answer::Deny => return Decision::Deny,
                Answer::Ask => decision = decision.max(Decision::Ask),
                Answer::Allow(policy) => kept.push(*policy),
            }
        }
        if self.closed.iter().all(|policy| kept.contains(policy)) {
            decision
        } else {
            Decision::Deny
        }
    }

    /// Whether a rule denies whatever follows, or nothing is let through at all.
    pub(super) fn is_hopeless(&self, settled: &Bits) -> bool {
        self.effect == Decision::Deny
            || settled
                .iter()
                .any(|rule| self.rules.get(rule) == Some(&Answer::Deny))
    }
}

/// The policies that apply to a tool for a caller; for nobody in particular, those that hold for
/// every role and channel.
pub(super) fn applying<'a>(
    config: &'a Config,
    tool: &Tool,
    caller: Option<&Caller>,
) -> Vec<&'a Policy> {
    let policies = config
        .selection(&tool.name)
        .map(|selection| &selection.policies);
    let applies = |policy: &&Arc<Policy>| match caller {
        Some(caller) => policy.applies_to.applies(&caller.role, caller.channel),
        None => policy.applies_to.roles.is_none() && policy.applies_to.channels.is_none(),
    };
    let policies = policies.into_iter().flatten();
    policies.filter(applies).map(AsRef::as_ref).collect()
}

/// The numbers under which a [`Judge`] of nobody in particular knows the rules of policies, by name.
pub(super) fn numbers(config: &Config, tool: &Tool) -> BTreeMap<String, usize> {
    let rules = applying(config, tool, None).into_iter().flat_map(|policy| {
        let asks = policy.ask.iter().map(|ask| &ask.rule);
        let allows = policy.allow.iter().flatten();
        policy.deny.iter().chain(asks).chain(allows)
    });
    let names = rules.map(|rule| rule.id.to_string());
    names.zip(0..).collect()
}

/// The patterns of one rule by itself.
pub(super) fn track(
    rule: &crate::config::tool::Rule,
    vocabulary: &mut Vocabulary,
) -> Result<Track, TooLarge> {
    let mut patterns = Patterns::new();
    vocabulary.rule(rule, &mut patterns)?;
    Ok(Track::new(patterns))
}

/// The kinds of words that some lines tell apart.
pub(super) fn explored<'a>(
    vocabulary: &Vocabulary,
    languages: impl IntoIterator<Item = &'a Language>,
) -> Result<Words, TooLarge> {
    Words::explore(vocabulary, &wanted(languages))
        .map_err(|_| TooLarge("telling the words of all rules apart".to_owned()))
}

/// The policies that select a tool.
pub(super) fn policies<'a>(config: &'a Config, tool: &Tool) -> &'a [Arc<Policy>] {
    let selection = config.selection(&tool.name);
    selection.map_or(&[], |selection| &selection.policies)
}

/// What a word of one of these lines must be: of an item of a list also that some rule can take it,
/// where one must.
pub(super) fn wanted<'a>(languages: impl IntoIterator<Item = &'a Language>) -> Vec<Test> {
    let lines = languages.into_iter().flat_map(|language| &language.lines);
    lines
        .flat_map(|(_, elements)| elements)
        .map(|element| match element {
            Element::Word { test, .. } => test.clone(),
            Element::Splice { item, rules, .. } => {
                let taken = rules.as_ref().filter(|rules| rules.closed).map(|rules| {
                    let tests = rules.track.patterns().tests_from(rules.denies);
                    Test::Any(tests.cloned().collect())
                });
                Test::All([item.clone()].into_iter().chain(taken).collect())
            }
        })
        .collect()
}
