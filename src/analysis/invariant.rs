//! Invariants: is there any command line, let through for any role and channel, that `never` forbids?

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::bits::Bits;
use super::cores;
use super::expression::TooLarge;
use super::language::{Depth, Judge, Language, learn_words, track, wanted};
use super::line::{IMPOSSIBLE, Line};
use super::search::{Goal, Machine, States, search, unfinished};
use super::track::{Patterns, Track};
use super::vocabulary::Vocabulary;
use super::witness::{input, spelt};
use super::words::Words;
use crate::config::Config;
use crate::config::policy::Policy;
use crate::config::tool::{Rule, Tool};
use crate::policy::{Decision, Request, Verdict, decide_for};

/// What is known of one invariant for one tool.
#[derive(Debug, Clone)]
pub struct Proof {
    /// The tool.
    pub tool: Arc<Tool>,
    /// The invariant.
    pub rule: Rule,
    /// What came out.
    pub outcome: Outcome,
    /// How much was looked at.
    pub effort: Effort,
}

/// What came out of a proof.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Outcome {
    /// No line that is let through is forbidden.
    Proved,
    /// This call is let through, and starts a forbidden line.
    Violated {
        /// The cheapest such call.
        input: serde_json::Value,
        /// Its canonical command line.
        command_line: String,
    },
    /// No line could be forbidden even without the rules and the policies: it says nothing.
    Idle,
    /// A budget ran out, or the tool is written in a way that cannot be judged.
    Undecided(String),
}

/// How much was looked at, in states: the same on every machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Effort {
    /// States of the walk over one word.
    pub word_states: usize,
    /// Kinds of words.
    pub kinds: usize,
    /// States of the search over lines.
    pub line_states: usize,
}

/// So many lines are tried where the first ones turn out not to be what they seemed.
const MOST_TRIED: usize = 16;

/// Proves every invariant of a configuration for every tool that its policy selects.
pub fn prove(config: &Config) -> Vec<Proof> {
    let tools: Vec<&Arc<Tool>> = config.tools().values().collect();
    cores::map(&tools, |tool| prove_tool(config, tool)).concat()
}

/// Proves the invariants that hold for one tool.
pub fn prove_tool(config: &Config, tool: &Arc<Tool>) -> Vec<Proof> {
    let policies = config
        .selection(&tool.name)
        .map_or(&[][..], |selection| &selection.policies);
    let rules: Vec<&Rule> = policies.iter().flat_map(|policy| &policy.never).collect();
    if rules.is_empty() {
        return Vec::new();
    }
    let attempt = |depth| Attempt::new(config, tool, policies, depth);
    let mut answers = attempt(Depth::Ruled).answers(&rules);
    // Lengths of lists are looked at only where a line turns out to have too many items.
    let open = rules.iter().zip(&answers);
    let open = open.filter(|(_, answer)| !answer.is_final());
    let open: Vec<&Rule> = open.map(|(rule, _)| *rule).collect();
    if !open.is_empty() {
        let counted = attempt(Depth::Counted).answers(&open);
        let open = answers.iter_mut().filter(|answer| !answer.is_final());
        for (answer, counted) in open.zip(counted) {
            if answer.is_open() || !counted.is_open() {
                *answer = counted;
            }
        }
    }
    let proofs = rules.into_iter().zip(answers).map(|(rule, answer)| Proof {
        tool: Arc::clone(tool),
        rule: rule.clone(),
        outcome: answer.outcome,
        effort: answer.effort,
    });
    proofs.collect()
}

/// What is known of one invariant at one depth.
#[derive(Debug, Clone)]
struct Answer {
    outcome: Outcome,
    effort: Effort,
    /// Whether a cheaper line than the one that is shown was not what it seemed.
    is_second: bool,
}

impl Answer {
    fn new(outcome: Outcome) -> Self {
        Self {
            outcome,
            effort: Effort::default(),
            is_second: false,
        }
    }

    fn is_open(&self) -> bool {
        matches!(self.outcome, Outcome::Undecided(_))
    }

    /// Whether looking at more would change nothing.
    fn is_final(&self) -> bool {
        !self.is_open() && !self.is_second
    }
}

/// Proofs for one tool at one depth.
struct Attempt<'a> {
    config: &'a Config,
    tool: &'a Arc<Tool>,
    policies: &'a [Arc<Policy>],
    depth: Depth,
}

impl<'a> Attempt<'a> {
    fn new(
        config: &'a Config,
        tool: &'a Arc<Tool>,
        policies: &'a [Arc<Policy>],
        depth: Depth,
    ) -> Self {
        Self {
            config,
            tool,
            policies,
            depth,
        }
    }

    fn answers(&self, rules: &[&Rule]) -> Vec<Answer> {
        self.search_all(rules).unwrap_or_else(|TooLarge(what)| {
            let why = format!("{what} needs more states than are looked at");
            let undecided = |_: &&Rule| Answer::new(Outcome::Undecided(why.clone()));
            rules.iter().map(undecided).collect()
        })
    }

    fn search_all(&self, rules: &[&Rule]) -> Result<Vec<Answer>, TooLarge> {
        let mut vocabulary = Vocabulary::default();
        learn_words(self.tool, self.policies, &mut vocabulary);
        let language = Language::new(self.tool, self.depth, &mut vocabulary)?;
        let (judge, patterns) = Judge::new(self.config, self.tool, None, &mut vocabulary)?;
        let forbidden = rules.iter().map(|rule| {
            let mut patterns = Patterns::new();
            vocabulary.rule(rule, &mut patterns)?;
            Ok(patterns)
        });
        let forbidden: Vec<Patterns> = forbidden.collect::<Result<_, _>>()?;
        let words = Words::explore(&vocabulary, &wanted([&language]))
            .map_err(|_| TooLarge("telling the words of all rules apart".to_owned()))?;
        let opaque = language
            .opaque
            .iter()
            .cloned()
            .collect::<Vec<_>>()
            .join("; ");
        let mut answers = vec![Answer::new(Outcome::Proved); rules.len()];
        let lines = language
            .lines
            .into_iter()
            .map(|(_, elements)| Line::new(elements));
        for line in lines.collect::<Vec<_>>() {
            let mut machines = vec![
                Machine::Line(line),
                Machine::Patterns(Track::new(patterns.clone())),
            ];
            if together(&forbidden, &judge, &mut machines, &words, &mut answers) {
                continue;
            }
            for ((rule, patterns), answer) in rules.iter().zip(&forbidden).zip(&mut answers) {
                machines.truncate(2);
                machines.push(Machine::Patterns(Track::new(patterns.clone())));
                self.one(rule, &judge, &mut machines, &words, &opaque, answer);
            }
        }
        for (rule, answer) in rules.iter().zip(&mut answers) {
            if answer.outcome == Outcome::Proved && self.is_idle(rule)? {
                answer.outcome = Outcome::Idle;
            }
        }
        Ok(answers)
    }

    /// Searches one line for what one rule forbids.
    fn one(
        &self,
        rule: &Rule,
        judge: &Judge,
        machines: &mut [Machine],
        words: &Words,
        opaque: &str,
        answer: &mut Answer,
    ) {
        let goal = Forbidden {
            judge,
            wanted: MOST_TRIED,
        };
        let first = Forbidden { judge, wanted: 1 };
        let mut found = search(machines, words, &first);
        answer.effort = Effort {
            word_states: words.states,
            kinds: words.kinds.len(),
            line_states: answer.effort.line_states + found.states,
        };
        if matches!(answer.outcome, Outcome::Violated { .. })
            || found.paths.is_empty() && found.complete
        {
            return;
        }
        if let Some(violated) = self.replay(rule, machines, words, &found.paths) {
            answer.outcome = violated;
            return;
        }
        found = search(machines, words, &goal);
        if let Some(violated) = self.replay(rule, machines, words, &found.paths) {
            answer.outcome = violated;
            answer.is_second = true;
            return;
        }
        answer.outcome = Outcome::Undecided(if found.paths.is_empty() {
            format!(
                "{} needs more states than are looked at",
                unfinished(machines)
            )
        } else if opaque.is_empty() {
            "the lines that were found are not let through when they are decided".to_owned()
        } else {
            format!("this cannot be judged exactly: {opaque}")
        });
    }

    /// The first of these lines that is let through and forbidden when it is decided for real.
    fn replay(
        &self,
        rule: &Rule,
        machines: &mut [Machine],
        words: &Words,
        paths: &[Vec<usize>],
    ) -> Option<Outcome> {
        let Some(Machine::Line(line)) = machines.first_mut() else {
            return None;
        };
        paths.iter().find_map(|path| {
            let input = input(self.tool, line, &spelt(words, path))?;
            let request = Request {
                tool: self.tool.name.as_str(),
                input: &input,
            };
            let verdict = decide_for(self.config, request, None);
            let call = match &verdict {
                Verdict::Allow(permit) => permit.call(),
                Verdict::Ask(pending) => pending.call(),
                Verdict::Deny(_) => return None,
            };
            let forbidden = call.lines().iter().any(|line| rule.pattern.matches(line));
            forbidden.then(|| Outcome::Violated {
                command_line: call.command_line(),
                input: input.clone(),
            })
        })
    }

    /// Whether no line of the template could be forbidden, whatever the rules.
    fn is_idle(&self, rule: &Rule) -> Result<bool, TooLarge> {
        let mut vocabulary = Vocabulary::default();
        let language = Language::new(self.tool, Depth::Bare, &mut vocabulary)?;
        let patterns = track(rule, &mut vocabulary)?;
        let words = Words::explore(&vocabulary, &wanted([&language]))
            .map_err(|_| TooLarge(format!("`{}`", rule.id)))?;
        let mut patterns = Some(patterns);
        for (_, elements) in language.lines {
            let patterns = match patterns.take() {
                Some(patterns) => patterns,
                None => track(rule, &mut vocabulary)?,
            };
            let mut machines = [
                Machine::Line(Line::new(elements)),
                Machine::Patterns(patterns),
            ];
            let found = search(&mut machines, &words, &Reachable);
            if !found.paths.is_empty() || !found.complete {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

/// Whether one search proves that a line is none of what any rule forbids, as nearly always.
fn together(
    forbidden: &[Patterns],
    judge: &Judge,
    machines: &mut Vec<Machine>,
    words: &Words,
    answers: &mut [Answer],
) -> bool {
    machines.push(Machine::Patterns(Track::new(Patterns::beside(forbidden))));
    let found = search(machines, words, &Forbidden { judge, wanted: 1 });
    let proved = found.paths.is_empty() && found.complete;
    for answer in answers.iter_mut().filter(|_| proved) {
        answer.effort = Effort {
            word_states: words.states,
            kinds: words.kinds.len(),
            line_states: answer.effort.line_states + found.states,
        };
    }
    proved
}

/// A whole line that the policies let through and the last machine forbids.
struct Forbidden<'a> {
    judge: &'a Judge,
    wanted: usize,
}

impl Goal for Forbidden<'_> {
    fn is_hopeless(&self, machines: &[Machine], states: &States) -> bool {
        let [Machine::Line(_), Machine::Patterns(policies), ..] = machines else {
            return true;
        };
        let [line, policy, matching, ..] = states;
        let settled = policies.settled(*policy);
        let dead = match machines.get(2) {
            Some(Machine::Patterns(forbidden)) => forbidden.is_dead(*matching),
            _ => true,
        };
        dead || *line == IMPOSSIBLE || settled.is_none_or(|settled| self.judge.is_hopeless(settled))
    }

    fn is_met(&self, machines: &[Machine], states: &States) -> bool {
        let [
            Machine::Line(line),
            Machine::Patterns(policies),
            Machine::Patterns(forbidden),
        ] = machines
        else {
            return false;
        };
        let [whole, policy, matching, ..] = states;
        let passes = |matching: &Bits| self.judge.decision(matching) != Decision::Deny;
        line.is_whole(*whole)
            && forbidden
                .accepting(*matching)
                .is_some_and(|rules| !rules.is_empty())
            && policies.accepting(*policy).is_some_and(passes)
    }

    fn wanted(&self) -> usize {
        self.wanted
    }
}

/// A whole line that the last machine forbids, whatever lets it through.
struct Reachable;

impl Goal for Reachable {
    fn is_hopeless(&self, _: &[Machine], states: &States) -> bool {
        states.first() == Some(&IMPOSSIBLE)
    }

    fn is_met(&self, machines: &[Machine], states: &States) -> bool {
        match (machines, states) {
            ([Machine::Line(line), Machine::Patterns(forbidden)], [whole, matching, ..]) => {
                line.is_whole(*whole)
                    && forbidden
                        .accepting(*matching)
                        .is_some_and(|rules| !rules.is_empty())
            }
            _ => false,
        }
    }
}
