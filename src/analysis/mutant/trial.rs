//! Which mutants decide a call otherwise, for all that no case notices at once.
//!
//! A rule that stops calls and is weaker stops fewer, and all that it no longer stops is among what it
//! matched. So the lines that pass without the rule are walked once for each rule; where none of them
//! is one that it matched, none of its mutants changes anything.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::Value;

use super::made::{Home, Mutant, What};
use crate::analysis::bits::Bits;
use crate::analysis::expression::TooLarge;
use crate::analysis::language::{Depth, Judge, Language, explored, learn_words, numbers, policies};
use crate::analysis::line::{Element, IMPOSSIBLE, Line};
use crate::analysis::search::{Goal, Machine, States, search};
use crate::analysis::track::{Patterns, Track};
use crate::analysis::vocabulary::Vocabulary;
use crate::analysis::witness::{self, spelt};
use crate::analysis::words::Words;
use crate::config::Config;
use crate::config::name::ToolName;
use crate::config::tool::{Rule, Tool};
use crate::pattern::Weaker;
use crate::policy::{Decision, Request, decide_for};

/// What a search for a call showed.
#[derive(Debug, PartialEq)]
enum Shown {
    /// There is none.
    Nothing,
    /// This input.
    Call(Value),
    /// Nobody knows.
    Unknown,
}

/// What a mutant decides otherwise.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Difference {
    /// Nothing.
    None,
    /// This call of this tool.
    Call(ToolName, Value),
}

/// What some mutants decide otherwise, by number; one that is missing is not decided here.
pub(super) fn differences(
    config: &Config,
    mutants: &[Mutant<'_>],
    left: &[usize],
) -> BTreeMap<usize, Difference> {
    let mut told: BTreeMap<usize, Difference> = BTreeMap::new();
    let mut unclear: BTreeSet<usize> = BTreeSet::new();
    for tool in config.tools().values() {
        let touches = |mutant: &Mutant<'_>| {
            let tools = mutant.tools(config);
            matches!(mutant.what, What::Rule { .. })
                && tools.iter().any(|touched| touched.name == tool.name)
        };
        let numbers = left.iter().copied();
        let numbers = numbers.filter(|number| mutants.get(*number).is_some_and(touches));
        let open = numbers.filter(|number| !matches!(told.get(number), Some(Difference::Call(..))));
        let open: Vec<usize> = open.collect();
        if open.is_empty() {
            continue;
        }
        let Ok(tried) = try_all(config, tool, mutants, &open) else {
            unclear.extend(open);
            continue;
        };
        for (number, difference) in tried {
            match difference {
                Some(difference) => {
                    told.insert(number, difference);
                }
                None => {
                    unclear.insert(number);
                }
            }
        }
    }
    told.retain(|number, found| !unclear.contains(number) || *found != Difference::None);
    told
}

/// The mutants of one rule.
struct Group<'m> {
    home: Home<'m>,
    rule: &'m Rule,
    answer: Decision,
    /// Their numbers.
    mutants: Vec<usize>,
    /// The lines without the rule.
    lines: Vec<Vec<Element>>,
    whole: Patterns,
    /// What is left of the rule by each of them.
    left: Vec<Patterns>,
}

/// All mutants that touch one tool.
struct Trial<'m> {
    config: &'m Config,
    tool: &'m Arc<Tool>,
    all: &'m [Mutant<'m>],
    words: Words,
    judge: Judge,
    policies: Patterns,
    numbers: BTreeMap<String, usize>,
}

/// What one mutant decides otherwise; nothing where it could not be told.
type Told = BTreeMap<usize, Option<Difference>>;

fn try_all<'m>(
    config: &'m Config,
    tool: &'m Arc<Tool>,
    all: &'m [Mutant<'m>],
    open: &[usize],
) -> Result<Told, TooLarge> {
    let mut vocabulary = Vocabulary::default();
    learn_words(tool, policies(config, tool), &mut vocabulary);
    let (judge, of_policies) = Judge::new(config, tool, None, &mut vocabulary)?;
    let mut groups: Vec<Group<'m>> = Vec::new();
    let mut languages = Vec::new();
    for number in open {
        let Some(mutant) = all.get(*number) else {
            continue;
        };
        let What::Rule { rule, answer, left } = &mutant.what else {
            continue;
        };
        let mut patterns = Patterns::new();
        if let Some(Weaker { left, .. }) = left {
            let too_large = |_| TooLarge(format!("`{}`", rule.id));
            vocabulary.pattern(left, &mut patterns).map_err(too_large)?;
        }
        if let Some(group) = groups.iter_mut().find(|group| group.rule.id == rule.id) {
            group.mutants.push(*number);
            group.left.push(patterns);
            continue;
        }
        let language = without(mutant, tool, rule, *answer, &mut vocabulary)?;
        let mut whole = Patterns::new();
        vocabulary.rule(rule, &mut whole)?;
        let lines = language.lines.iter().map(|(_, elements)| elements.clone());
        groups.push(Group {
            home: mutant.home,
            rule,
            answer: *answer,
            mutants: vec![*number],
            lines: lines.collect(),
            whole,
            left: vec![patterns],
        });
        languages.push(language);
    }
    let trial = Trial {
        config,
        tool,
        all,
        words: explored(&vocabulary, &languages)?,
        judge,
        policies: of_policies,
        numbers: numbers(config, tool),
    };
    let mut told = Told::new();
    for group in &groups {
        trial.group(group, &mut told);
    }
    Ok(told)
}

/// The lines of a tool without a rule of its own; without one of a policy they are the same.
fn without(
    mutant: &Mutant<'_>,
    tool: &Arc<Tool>,
    rule: &Rule,
    answer: Decision,
    vocabulary: &mut Vocabulary,
) -> Result<Language, TooLarge> {
    let Home::Parameter(_, name, rules) = mutant.home else {
        return Language::new(tool, Depth::Ruled, vocabulary);
    };
    let gone = Mutant {
        home: mutant.home,
        what: What::Rule {
            rule,
            answer,
            left: None,
        },
    };
    Language::new(&gone.tool(tool, name, rules), Depth::Ruled, vocabulary)
}

impl Trial<'_> {
    /// Tries the mutants of one rule.
    fn group(&self, group: &Group<'_>, told: &mut Told) {
        if let Home::Parameter(_, name, _) = group.home
            && !group
                .lines
                .iter()
                .flatten()
                .any(|element| is_list(element, name))
        {
            told.extend(group.mutants.iter().map(|number| (*number, None)));
            return;
        }
        let nothing = Patterns::new();
        let dropped = group
            .lines
            .iter()
            .map(|line| self.search(group, line, &nothing));
        let idle: Vec<bool> = dropped.map(|found| found == Shown::Nothing).collect();
        for (number, left) in group.mutants.iter().zip(&group.left) {
            let mut answer = Some(Difference::None);
            for (line, idle) in group.lines.iter().zip(&idle) {
                if *idle || matches!(answer, Some(Difference::Call(..))) {
                    continue;
                }
                match self.search(group, line, left) {
                    Shown::Nothing => {}
                    Shown::Call(input) if self.differs(*number, &input) => {
                        answer = Some(Difference::Call(self.tool.name.clone(), input));
                    }
                    _ => answer = None,
                }
            }
            told.insert(*number, answer);
        }
    }

    /// A call that the rule matches, what is left of it does not, and that passes without the rule.
    fn search(&self, group: &Group<'_>, line: &[Element], left: &Patterns) -> Shown {
        let policies = Machine::Patterns(Track::new(self.policies.clone()));
        let track = |patterns: &Patterns| Machine::Patterns(Track::new(patterns.clone()));
        let mut machines = vec![];
        let mut except = None;
        match group.home {
            Home::Parameter(_, name, _) => {
                let elements = line.iter().map(|element| {
                    let element = conditioned(element, name, &group.whole, true);
                    conditioned(&element, name, left, false)
                });
                machines.push(Machine::Line(Line::new(elements.collect())));
                machines.push(policies);
            }
            Home::Policy(_) => {
                except = self.numbers.get(group.rule.id.as_str()).copied();
                machines.push(Machine::Line(Line::new(line.to_vec())));
                machines.extend([policies, track(&group.whole), track(left)]);
            }
        }
        let goal = Loosened {
            judge: &self.judge,
            answer: group.answer,
            except,
        };
        let found = search(&mut machines, &self.words, &goal);
        let Some(path) = found.paths.first() else {
            return if found.complete {
                Shown::Nothing
            } else {
                Shown::Unknown
            };
        };
        let input = match machines.first_mut() {
            Some(Machine::Line(line)) => witness::input(self.tool, line, &spelt(&self.words, path)),
            _ => None,
        };
        input.map_or(Shown::Unknown, Shown::Call)
    }

    /// Whether a call is really decided otherwise.
    fn differs(&self, number: usize, input: &Value) -> bool {
        let Some(mutant) = self.all.get(number) else {
            return false;
        };
        let request = Request {
            tool: self.tool.name.as_str(),
            input,
        };
        let before = decide_for(self.config, request, None).decision();
        decide_for(&mutant.config(self.config), request, None).decision() != before
    }
}

fn is_list(element: &Element, name: &str) -> bool {
    matches!(element, Element::Splice { parameter, .. } if parameter == name)
}

/// An element whose list must match a pattern, or must not.
fn conditioned(element: &Element, name: &str, pattern: &Patterns, must: bool) -> Element {
    let mut element = element.clone();
    if let Element::Splice {
        parameter, rules, ..
    } = &mut element
        && parameter == name
        && let Some(rules) = rules
    {
        **rules = rules.with_condition(pattern, must);
    }
    element
}

/// A line that gets a milder answer without a rule than with it. Behind the line and the policies stand,
/// for a rule of a policy, the whole rule and what is left of it.
struct Loosened<'a> {
    judge: &'a Judge,
    answer: Decision,
    /// The number of the rule among those of the policies.
    except: Option<usize>,
}

impl Loosened<'_> {
    fn kept(&self, matching: &Bits) -> Bits {
        match self.except {
            Some(rule) => matching.without(rule),
            None => matching.clone(),
        }
    }
}

impl Goal for Loosened<'_> {
    fn is_hopeless(&self, machines: &[Machine], states: &States) -> bool {
        let [line, policy, whole, ..] = states;
        let settled = match machines.get(1) {
            Some(Machine::Patterns(policies)) => policies.settled(*policy),
            _ => None,
        };
        let dead = match machines.get(2) {
            Some(Machine::Patterns(rule)) => rule.is_dead(*whole),
            _ => false,
        };
        let lost = |settled: &Bits| self.judge.is_hopeless(&self.kept(settled));
        dead || *line == IMPOSSIBLE || settled.is_none_or(lost)
    }

    fn is_met(&self, machines: &[Machine], states: &States) -> bool {
        let [line, policy, whole, left, ..] = states;
        let is_whole = match machines.first() {
            Some(Machine::Line(machine)) => machine.is_whole(*line),
            _ => false,
        };
        let milder = match machines.get(1) {
            Some(Machine::Patterns(policies)) => policies
                .accepting(*policy)
                .is_some_and(|rules| self.judge.decision(&self.kept(rules)) < self.answer),
            _ => false,
        };
        let matches = |at: usize, state: u32| match machines.get(at) {
            Some(Machine::Patterns(rule)) => {
                Some(rule.accepting(state).is_some_and(|rules| !rules.is_empty()))
            }
            _ => None,
        };
        is_whole
            && milder
            && matches(2, *whole).unwrap_or(true)
            && !matches(3, *left).unwrap_or(false)
    }
}
