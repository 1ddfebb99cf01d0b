//! What is known of every rule that a tool meets, for that tool alone.
//!
//! One list of rules at a time: each rule is asked for the cheapest line that it matches, and only
//! where those lines make two rules look alike is anything else searched for. Whether an `allow` lets
//! anything through is asked of the tool as if it were the only one.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::question::{Firing, Passing, Question};
use crate::analysis::bits::Bits;
use crate::analysis::expression::TooLarge;
use crate::analysis::language::{
    Depth, Judge, Language, applying, by_itself, explored, learn_words, numbers, policies,
};
use crate::analysis::line::Line;
use crate::analysis::search::{Found, Goal, Machine, search, unfinished};
use crate::analysis::track::{self, Patterns, Track};
use crate::analysis::vocabulary::Vocabulary;
use crate::analysis::witness::{self, spelt};
use crate::analysis::words::Words;
use crate::config::Config;
use crate::config::policy::Policy;
use crate::config::tool::{ArgumentRules, Rule, Tool};
use crate::policy::{self, Request, Verdict, decide_for};

/// What is known of one rule for one tool.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Fact {
    /// The cheapest line that it matches, whatever the rules say; none when there is no such line.
    pub(super) met: Option<Met>,
    /// Of an `allow`: whether it lets anything through.
    pub(super) fires: bool,
    /// Of a `deny`: whether it denies anything that the others of its list do not.
    pub(super) alone: bool,
    /// Rules of its list that match everything that it matches, by themselves.
    pub(super) within: BTreeSet<String>,
    /// Rules of its list that match exactly the same lines.
    pub(super) same: BTreeSet<String>,
    /// Whether there is a line that it does not match.
    pub(super) misses: bool,
}

/// A line that a rule matches.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Met {
    /// Its words; of a parameter's rule the items of the parameter.
    pub(super) words: Vec<String>,
    /// A call that would start it, where one is known.
    pub(super) input: Option<Value>,
}

/// The line, and every rule of the list that matches it; none where there is none.
type MetWith = Option<(Met, BTreeSet<usize>)>;

/// The facts, by the name of the rule.
pub(super) type Survey = BTreeMap<String, Fact>;

/// What a list of rules does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Allow,
    Ask,
    Deny,
}

/// Rules that stand in one list.
#[derive(Debug, Clone)]
pub(super) struct List<'a> {
    pub(super) kind: Kind,
    /// The parameter that they read; none where they read whole lines.
    pub(super) parameter: Option<&'a str>,
    pub(super) rules: Vec<&'a Rule>,
}

/// The lists of rules on the parameters of a tool.
pub(super) fn of_tool(tool: &Tool) -> Vec<List<'_>> {
    let lists = tool.arguments.iter().flat_map(|(name, rules)| {
        let parameter = Some(name.as_str());
        [
            (Kind::Deny, rules.deny.as_slice()),
            (Kind::Allow, rules.allow.as_deref().unwrap_or_default()),
        ]
        .map(|(kind, rules)| List {
            kind,
            parameter,
            rules: rules.iter().collect(),
        })
    });
    lists.filter(|list| !list.rules.is_empty()).collect()
}

/// The lists of rules of a policy.
pub(super) fn of_policy(policy: &Policy) -> Vec<List<'_>> {
    let lists = [
        (Kind::Deny, policy.deny.iter().collect::<Vec<&Rule>>()),
        (Kind::Ask, policy.ask.iter().map(|ask| &ask.rule).collect()),
        (Kind::Allow, policy.allow.iter().flatten().collect()),
    ];
    let lists = lists.map(|(kind, rules)| List {
        kind,
        parameter: None,
        rules,
    });
    let filled = lists.into_iter().filter(|list| !list.rules.is_empty());
    filled.collect()
}

/// Each rule of a list is laid beside every word of the others: longer lists are not looked at.
const MOST_RULES: usize = 2_000;

/// Surveys a tool.
pub(super) fn survey(config: &Config, tool: &Tool) -> Result<Survey, TooLarge> {
    let policies = policies(config, tool);
    let mut survey = Survey::new();
    let of_policies = policies.iter().flat_map(|policy| of_policy(policy));
    for list in of_tool(tool).into_iter().chain(of_policies) {
        let rules = list.rules.len();
        if rules > MOST_RULES {
            let what = format!("laying {rules} rules of one list beside each other");
            return Err(TooLarge(what));
        }
        Ground::new(tool, policies, &list)?.compare(&list, &mut survey)?;
    }
    let quiet = seen_firing(config, tool, &mut survey);
    if !quiet.is_empty() {
        firing(config, tool, &quiet, &mut survey)?;
    }
    Ok(survey)
}

/// What one list of rules is laid over: everything that the schema and the template let a line be.
struct Ground<'a> {
    tool: &'a Tool,
    words: Words,
    lines: Vec<Line>,
    /// For each rule its pattern.
    patterns: Vec<Patterns>,
}

impl<'a> Ground<'a> {
    fn new(tool: &'a Tool, policies: &[Arc<Policy>], list: &List<'_>) -> Result<Self, TooLarge> {
        let mut vocabulary = Vocabulary::default();
        learn_words(tool, policies, &mut vocabulary);
        let language = match list.parameter {
            Some(name) => by_itself(tool, name, Depth::Bare, &mut vocabulary)?,
            None => Language::new(tool, Depth::Bare, &mut vocabulary)?,
        };
        let patterns = list.rules.iter().map(|rule| {
            let mut patterns = Patterns::new();
            vocabulary.rule(rule, &mut patterns)?;
            Ok(patterns)
        });
        let patterns = patterns.collect::<Result<_, _>>()?;
        let words = explored(&vocabulary, [&language])?;
        let lines = language.lines.into_iter();
        Ok(Self {
            tool,
            words,
            lines: lines.map(|(_, elements)| Line::new(elements)).collect(),
            patterns,
        })
    }

    fn compare(mut self, list: &List<'_>, survey: &mut Survey) -> Result<(), TooLarge> {
        let mut facts: Vec<Fact> = vec![Fact::default(); list.rules.len()];
        // For each rule those that may match all that it matches; before a line is known, all.
        let mut around: Vec<Option<BTreeSet<usize>>> = vec![None; list.rules.len()];
        let mut all = Track::new(Patterns::beside(&self.patterns));
        for line in std::mem::take(&mut self.lines) {
            let mut machines = vec![Machine::Line(line)];
            let met = self.met(&mut machines, &mut all)?;
            // By how many of these lines each rule is matched.
            let mut matched = vec![0; list.rules.len()];
            for rule in met.iter().flatten().flat_map(|(_, matching)| matching) {
                if let Some(matched) = matched.get_mut(*rule) {
                    *matched += 1;
                }
            }
            let lines = met.iter().flatten().count();
            for (number, fact) in facts.iter_mut().enumerate() {
                if list.kind == Kind::Allow && !fact.misses {
                    fact.misses = matched.get(number).is_some_and(|matched| *matched < lines)
                        || self.ask(&mut machines, &[&[number]], Question::Missed)?;
                }
                let Some(Some((here, matching))) = met.get(number) else {
                    continue;
                };
                let mut matching = matching.clone();
                matching.remove(&number);
                self.within(&mut machines, number, &matching, &mut around)?;
                if list.kind == Kind::Deny && !fact.alone {
                    let others = (0..list.rules.len()).filter(|other| *other != number);
                    fact.alone = matching.is_empty()
                        || self.ask(
                            &mut machines,
                            &[&[number], &others.collect::<Vec<_>>()],
                            Question::Alone,
                        )?;
                }
                fact.met.get_or_insert_with(|| here.clone());
            }
        }
        for (number, mut fact) in facts.into_iter().enumerate() {
            let name = |at: usize| list.rules.get(at).map(|rule| rule.id.to_string());
            let of = |at: usize| around.get(at).cloned().flatten().unwrap_or_default();
            if fact.met.is_some() {
                fact.within = of(number).into_iter().filter_map(name).collect();
                let same = of(number).into_iter();
                let same = same.filter(|other| of(*other).contains(&number));
                fact.same = same.filter_map(name).collect();
            }
            if let Some(id) = name(number) {
                survey.insert(id, fact);
            }
        }
        Ok(())
    }

    /// For each rule the cheapest line that it matches, and all rules that match this line.
    fn met(
        &self,
        machines: &mut Vec<Machine>,
        rules: &mut Track,
    ) -> Result<Vec<MetWith>, TooLarge> {
        let mut all = Vec::new();
        for number in 0..self.patterns.len() {
            let found = self.search(machines, &[&[number]], Question::Matched)?;
            let met = found.paths.first().map(|path| {
                let mut state = track::START;
                for kind in path.iter().filter_map(|kind| self.words.kinds.get(*kind)) {
                    let group = rules.group(&kind.answers);
                    state = rules.after(state, group);
                }
                let matching = rules.accepting(state).into_iter().flat_map(Bits::iter);
                let kinds = path.iter().filter_map(|kind| self.words.kinds.get(*kind));
                let words = kinds.map(|kind| kind.word.clone()).collect();
                let input = match machines.first_mut() {
                    Some(Machine::Line(line)) => {
                        witness::input(self.tool, line, &spelt(&self.words, path))
                    }
                    _ => None,
                };
                (Met { words, input }, matching.collect())
            });
            all.push(met);
        }
        Ok(all)
    }

    /// Keeps, of the rules that may match all that one matches, those that do so on this line.
    fn within(
        &self,
        machines: &mut Vec<Machine>,
        number: usize,
        matching: &BTreeSet<usize>,
        around: &mut [Option<BTreeSet<usize>>],
    ) -> Result<(), TooLarge> {
        let Some(others) = around.get_mut(number) else {
            return Ok(());
        };
        let others = others.get_or_insert_with(|| matching.clone());
        others.retain(|other| matching.contains(other));
        for other in others.clone() {
            if self.ask(machines, &[&[number], &[other]], Question::Alone)? {
                others.remove(&other);
            }
        }
        Ok(())
    }

    /// Whether there is a line of which a question is true, each machine being some of the rules.
    fn ask(
        &self,
        machines: &mut Vec<Machine>,
        rules: &[&[usize]],
        question: Question,
    ) -> Result<bool, TooLarge> {
        let found = self.search(machines, rules, question)?;
        Ok(!found.paths.is_empty())
    }

    fn search(
        &self,
        machines: &mut Vec<Machine>,
        rules: &[&[usize]],
        question: Question,
    ) -> Result<Found, TooLarge> {
        machines.truncate(1);
        for rules in rules {
            let patterns = rules.iter().filter_map(|rule| self.patterns.get(*rule));
            let patterns = Patterns::beside(patterns);
            machines.push(Machine::Patterns(Track::new(patterns)));
        }
        searched(machines, &self.words, &question)
    }
}

/// Notes which `allow` lets a call through that is known already, of a case or as the cheapest that a
/// rule matches; the names of the others.
fn seen_firing(config: &Config, tool: &Tool, survey: &mut Survey) -> BTreeSet<String> {
    let of_policies = policies(config, tool)
        .iter()
        .flat_map(|policy| &policy.tests);
    let cases = tool
        .tests
        .iter()
        .chain(of_policies.filter(|case| case.tool == tool.name));
    let inputs = cases.filter_map(|case| policy::input(tool, &case.input).ok());
    let met = survey
        .values()
        .filter_map(|fact| fact.met.as_ref()?.input.clone());
    // Those of parameters are looked up by their list.
    let mut quiet: BTreeMap<&str, Option<&Rule>> = BTreeMap::new();
    for rules in tool.arguments.values() {
        let allows = rules.allow.iter().flatten();
        quiet.extend(allows.map(|rule| (rule.id.as_str(), None)));
    }
    for policy in applying(config, tool, None) {
        let allows = policy.allow.iter().flatten();
        quiet.extend(allows.map(|rule| (rule.id.as_str(), Some(rule))));
    }
    let mut fired = BTreeSet::new();
    for input in inputs.chain(met) {
        let request = Request {
            tool: tool.name.as_str(),
            input: &input,
        };
        let verdict = decide_for(config, request, None);
        let call = match &verdict {
            Verdict::Allow(permit) => permit.call(),
            Verdict::Ask(pending) => pending.call(),
            Verdict::Deny(_) => continue,
        };
        let matching = tool.arguments.iter().flat_map(|(name, rules)| {
            let all = rules.compiled.matching(&texts(call.input().get(name)));
            let allows = rules.allow.as_deref().unwrap_or_default();
            let allows = all.filter_map(|rule| allows.get(rule.checked_sub(rules.deny.len())?));
            allows.map(|rule| rule.id.as_str())
        });
        let matching: BTreeSet<&str> = matching.collect();
        quiet.retain(|id, of_policy| {
            let matched = match of_policy {
                None => matching.contains(id),
                Some(rule) => call.lines().iter().any(|line| rule.pattern.matches(line)),
            };
            if matched {
                fired.insert((*id).to_owned());
            }
            !matched
        });
        if quiet.is_empty() {
            break;
        }
    }
    let quiet = quiet.into_keys().map(str::to_owned).collect();
    for id in fired {
        survey.entry(id).or_default().fires = true;
    }
    quiet
}

/// What the rules on a parameter read of its value.
fn texts(value: Option<&Value>) -> Vec<&str> {
    match value {
        Some(Value::String(text)) => vec![text],
        Some(Value::Array(items)) => items.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    }
}

/// Notes which of some `allow` let anything through.
fn firing(
    config: &Config,
    tool: &Tool,
    quiet: &BTreeSet<String>,
    survey: &mut Survey,
) -> Result<(), TooLarge> {
    let mut vocabulary = Vocabulary::default();
    learn_words(tool, policies(config, tool), &mut vocabulary);
    let whole = Language::new(tool, Depth::Ruled, &mut vocabulary)?;
    let (judge, patterns) = Judge::new(config, tool, None, &mut vocabulary)?;
    let mut single = Vec::new();
    for (name, rules) in &tool.arguments {
        let allows = rules.allow.iter().flatten();
        for allow in allows.filter(|rule| quiet.contains(rule.id.as_str())) {
            let alone = with_only(tool, name, rules, allow);
            let lines = Language::new(&alone, Depth::Ruled, &mut vocabulary)?;
            let itself = by_itself(&alone, name, Depth::Ruled, &mut vocabulary)?;
            single.push((allow, lines, itself));
        }
    }
    let languages = single.iter().flat_map(|(_, lines, itself)| [lines, itself]);
    let words = explored(&vocabulary, languages.chain([&whole]))?;
    let open = Judge::open();
    for (allow, lines, itself) in single {
        let mut fires = true;
        let lines = lines
            .lines
            .into_iter()
            .map(|line| (line, &judge, &patterns));
        let nothing = Patterns::new();
        let itself = itself.lines.into_iter().map(|line| (line, &open, &nothing));
        for ((_, elements), judge, patterns) in lines.chain(itself) {
            let mut machines = [
                Machine::Line(Line::new(elements)),
                Machine::Patterns(Track::new(patterns.clone())),
            ];
            let found = searched(&mut machines, &words, &Passing { judge })?;
            fires &= !found.paths.is_empty();
        }
        survey.entry(allow.id.to_string()).or_default().fires = fires;
    }
    let mut allows = allows(config, tool);
    allows.retain(|_, name| quiet.contains(name));
    let goal = Firing {
        judge: &judge,
        left: RefCell::new(allows.keys().copied().collect()),
    };
    for (_, elements) in whole.lines {
        let mut machines = [
            Machine::Line(Line::new(elements)),
            Machine::Patterns(Track::new(patterns.clone())),
        ];
        if !goal.left.borrow().is_empty() {
            searched(&mut machines, &words, &goal)?;
        }
    }
    let left = goal.left.into_inner();
    for (number, name) in allows {
        survey.entry(name).or_default().fires = !left.contains(&number);
    }
    Ok(())
}

/// Every `allow` of the policies that apply to a tool, by its number among all their rules.
fn allows(config: &Config, tool: &Tool) -> BTreeMap<usize, String> {
    let numbers = numbers(config, tool);
    let policies = applying(config, tool, None).into_iter();
    let allows = policies.flat_map(|policy| policy.allow.iter().flatten());
    let names = allows.map(|rule| rule.id.to_string());
    names
        .filter_map(|name| Some((*numbers.get(&name)?, name)))
        .collect()
}

/// A tool with one `allow` of a parameter in place of all.
fn with_only(tool: &Tool, name: &str, rules: &ArgumentRules, allow: &Rule) -> Tool {
    let mut tool = tool.clone();
    let rules = rules.with(rules.deny.clone(), Some(vec![allow.clone()]));
    tool.arguments.insert(name.to_owned(), rules);
    tool
}

/// A search that must come to an end: with a line, or with the proof that there is none.
pub(super) fn searched(
    machines: &mut [Machine],
    words: &Words,
    goal: &impl Goal,
) -> Result<Found, TooLarge> {
    let found = search(machines, words, goal);
    if found.paths.is_empty() && !found.complete {
        return Err(TooLarge(unfinished(machines)));
    }
    Ok(found)
}
