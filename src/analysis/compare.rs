//! Two versions of a tool: the command lines whose verdict differs, or the proof that none does.
//!
//! Lines are compared, not texts: what the older version answers to a line is laid beside what the
//! newer one answers. A parameter that no line shows is compared by itself, since a rule on it lets
//! calls through as well. What is shown was decided on both sides.

mod fresh;

mod side;

mod telling;

use std::collections::BTreeSet;

use super::diff::{Languages, Side};
use super::expression::TooLarge;
use super::language::{Depth, learn_words, wanted};
use super::line::{IMPOSSIBLE, Line};
use super::search::{Found, Goal, Machine, States, search, unfinished};
use super::track::Track;
use super::vocabulary::{Test, Vocabulary};
use super::witness::spelt;
use super::words::Words;
use crate::call::Caller;
use crate::policy::Decision;
use fresh::Fresh;
use side::{Compiled, LineSide};

/// So many lines are looked at for those that tell most.
const MOST_LINES: usize = 120;

/// So many witnesses of one difference are shown, different in kind,
const MOST_KINDS: usize = 6;

/// and with those that each show another new alternative no more than this.
const MOST_WITNESSES: usize = 12;

/// Compares two versions of a tool; an absent one lets nothing through.
pub fn languages(old: Option<Side<'_>>, new: Option<Side<'_>>) -> Languages {
    let mut answer = Languages::default();
    for caller in side::callers(old, new) {
        let comparison = Comparison {
            old,
            new,
            caller: caller.as_ref(),
        };
        let one = comparison.settle();
        answer.permitted.extend(one.permitted);
        answer.denied.extend(one.denied);
        answer.undecided = answer.undecided.or(one.undecided);
    }
    for witnesses in [&mut answer.permitted, &mut answer.denied] {
        let mut seen: BTreeSet<String> = BTreeSet::new();
        witnesses.retain(|witness| seen.insert(witness.command_line.clone()));
        witnesses.truncate(MOST_WITNESSES);
    }
    answer.equal =
        answer.undecided.is_none() && answer.permitted.is_empty() && answer.denied.is_empty();
    answer
}

/// The comparison of two versions for one caller, or for nobody in particular.
struct Comparison<'a> {
    old: Option<Side<'a>>,
    new: Option<Side<'a>>,
    caller: Option<&'a Caller>,
}

impl Comparison<'_> {
    /// Compares without counting the items of lists where that gives the same answer.
    fn settle(&self) -> Languages {
        if side::counts_items_alike(self.old, self.new) {
            let answer = self.languages(Depth::Ruled);
            if answer.undecided.is_none() {
                return answer;
            }
        }
        self.languages(Depth::Counted)
    }

    fn languages(&self, depth: Depth) -> Languages {
        let mut answer = Languages::default();
        if let Err(TooLarge(what)) = self.search(depth, &mut answer) {
            answer.undecided = Some(format!(
                "{what} needs more states than are looked at; bound it, or write it in fewer alternatives"
            ));
        }
        answer
    }

    fn search(&self, depth: Depth, answer: &mut Languages) -> Result<(), TooLarge> {
        let mut vocabulary = Vocabulary::default();
        for (config, tool) in [self.old, self.new].into_iter().flatten() {
            let selection = config.selection(&tool.name);
            let policies = selection.map_or(&[][..], |selection| &selection.policies);
            learn_words(tool, policies, &mut vocabulary);
        }
        let old = Compiled::new(self.old, depth, self.caller, &mut vocabulary)?;
        let new = Compiled::new(self.new, depth, self.caller, &mut vocabulary)?;
        let tests = wanted(
            [&old, &new]
                .into_iter()
                .filter_map(|side| side.language.as_ref()),
        );
        let (words, fresh, vocabulary) = self.explored(vocabulary, &tests)?;
        let dangerous = telling::Dangerous::new(&vocabulary);
        let unsound = side::unsound(&old, &new);
        let (mut old, mut new) = (old, new);
        for name in side::line_names(&old, &new) {
            let sides = (old.take(&name), new.take(&name));
            self.one_line(sides, (&old, &new), (&words, &fresh), &dangerous, answer);
        }
        // What is denied now says nothing of what is permitted beside it.
        if answer.undecided.is_none() && answer.permitted.is_empty() {
            answer.undecided = unsound;
        }
        Ok(())
    }

    /// The kinds of words, where they fit into the budget also for each new alternative.
    fn explored(
        &self,
        vocabulary: Vocabulary,
        tests: &[Test],
    ) -> Result<(Words, Fresh, Vocabulary), TooLarge> {
        let mut with = vocabulary.clone();
        let fresh = Fresh::new(self.old, self.new, self.caller, &mut with);
        if !fresh.is_empty()
            && let Ok(words) = Words::explore(&with, tests)
        {
            return Ok((words, fresh, with));
        }
        let words = Words::explore(&vocabulary, tests)
            .map_err(|_| TooLarge("telling the words of all rules apart".to_owned()))?;
        Ok((words, Fresh::default(), vocabulary))
    }

    /// Compares one line, or one parameter by itself, in both directions.
    fn one_line(
        &self,
        (old_line, new_line): (LineSide, LineSide),
        (old, new): (&Compiled<'_>, &Compiled<'_>),
        (words, fresh): (&Words, &Fresh),
        dangerous: &telling::Dangerous,
        answer: &mut Languages,
    ) {
        let has_program = ![old_line.kind, new_line.kind].contains(&side::Kind::Hidden);
        let line = |side: LineSide| Machine::Line(Line::new(side.elements.unwrap_or_default()));
        let mut goal = Milder {
            kinds: [new_line.kind, old_line.kind],
            compiled: [new, old],
            towards: Towards::Milder,
            wanted: 1,
        };
        let mut machines = vec![
            line(new_line),
            Machine::Patterns(Track::new(new.patterns.clone())),
            line(old_line),
            Machine::Patterns(Track::new(old.patterns.clone())),
        ];
        for towards in [Towards::Milder, Towards::Stricter] {
            goal.towards = towards;
            goal.wanted = 1;
            let first = search(&mut machines, words, &goal);
            if first.paths.is_empty() && first.complete {
                continue;
            }
            // There is a difference, or seems to be one: look at more lines for those that tell most.
            goal.wanted = MOST_LINES;
            let found = search(&mut machines, words, &goal);
            let mut told = telling::Told::new(fresh.towards(towards), has_program);
            self.tell(&mut machines, words, &found, dangerous, towards, &mut told);
            for alternative in fresh.towards(towards) {
                for test in [&alternative.alone, &alternative.it] {
                    if !told.shows(alternative) {
                        machines.push(fresh::showing(test.clone(), has_program));
                        let found = search(&mut machines, words, &fresh::Showing(&goal));
                        self.tell(&mut machines, words, &found, dangerous, towards, &mut told);
                        machines.truncate(4);
                    }
                }
            }
            let witnesses = told.best();
            if witnesses.is_empty() && answer.undecided.is_none() {
                answer.undecided = Some(undecided(&found, &machines, old, new));
            }
            let list = match towards {
                Towards::Milder => &mut answer.permitted,
                Towards::Stricter => &mut answer.denied,
            };
            list.extend(witnesses);
        }
    }

    /// Tells the lines of a search that differ when they are decided for real.
    fn tell(
        &self,
        machines: &mut [Machine],
        words: &Words,
        found: &Found,
        dangerous: &telling::Dangerous,
        towards: Towards,
        told: &mut telling::Told,
    ) {
        for path in &found.paths {
            let line = spelt(words, path);
            for line in dangerous.readings(&line) {
                if let Some((witness, rules)) = telling::witness(self, machines, &line, towards) {
                    // Without a word that matters the verdicts are the same.
                    let matters = |at: usize| {
                        let mut without = line.clone();
                        without.remove(at);
                        telling::witness(self, machines, &without, towards).is_none()
                    };
                    told.add(witness, rules, &line, matters);
                }
            }
        }
    }
}

fn undecided(
    found: &Found,
    machines: &[Machine],
    old: &Compiled<'_>,
    new: &Compiled<'_>,
) -> String {
    let opaque: BTreeSet<&String> = old.opaque().chain(new.opaque()).collect();
    if found.paths.is_empty() {
        format!(
            "{} needs more states than are looked at; bound it, or write it in fewer alternatives",
            unfinished(machines)
        )
    } else if opaque.is_empty() {
        "the lines that were found have the same verdict when they are decided".to_owned()
    } else {
        let opaque: Vec<&str> = opaque.into_iter().map(String::as_str).collect();
        format!("this cannot be judged exactly: {}", opaque.join("; "))
    }
}

/// Which way a verdict moves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Towards {
    Milder,
    Stricter,
}

/// A whole line whose verdict differs between two versions.
struct Milder<'a> {
    /// The newer line, then the older.
    kinds: [side::Kind; 2],
    compiled: [&'a Compiled<'a>; 2],
    towards: Towards,
    wanted: usize,
}

impl Milder<'_> {
    /// What a version answers to a line, or that nobody asks it; the newer is number 0.
    fn decision(&self, number: usize, machines: &[Machine], states: &States) -> Option<Decision> {
        let (Some(kind), Some(compiled)) = (self.kinds.get(number), self.compiled.get(number))
        else {
            return None;
        };
        let (Some(Machine::Line(line)), Some(Machine::Patterns(policies))) =
            (machines.get(number * 2), machines.get(number * 2 + 1))
        else {
            return None;
        };
        let (Some(whole), Some(policy)) = (states.get(number * 2), states.get(number * 2 + 1))
        else {
            return None;
        };
        match kind {
            side::Kind::Free => None,
            side::Kind::Hidden if line.is_whole(*whole) => Some(Decision::Allow),
            side::Kind::Shown if line.is_whole(*whole) => {
                let matching = policies.accepting(*policy)?;
                Some(compiled.judge.as_ref()?.decision(matching))
            }
            side::Kind::Absent | side::Kind::Hidden | side::Kind::Shown => Some(Decision::Deny),
        }
    }

    /// Whether a version lets nothing through whatever follows.
    fn is_lost(&self, number: usize, machines: &[Machine], states: &States) -> bool {
        let kind = self.kinds.get(number);
        let (whole, policy) = (states.get(number * 2), states.get(number * 2 + 1));
        match kind {
            Some(side::Kind::Free) => false,
            Some(side::Kind::Hidden) => whole == Some(&IMPOSSIBLE),
            Some(side::Kind::Shown) => {
                let settled = match (machines.get(number * 2 + 1), policy) {
                    (Some(Machine::Patterns(policies)), Some(state)) => policies.settled(*state),
                    _ => None,
                };
                let judge = self.compiled.get(number).and_then(|one| one.judge.as_ref());
                let hopeless = settled
                    .zip(judge)
                    .is_none_or(|(settled, judge)| judge.is_hopeless(settled));
                whole == Some(&IMPOSSIBLE) || hopeless
            }
            Some(side::Kind::Absent) | None => true,
        }
    }
}

impl Goal for Milder<'_> {
    fn is_hopeless(&self, machines: &[Machine], states: &States) -> bool {
        let milder = match self.towards {
            Towards::Milder => 0,
            Towards::Stricter => 1,
        };
        // Where one version has no such line, the other's is looked at for what it denies.
        if self.kinds.get(milder) == Some(&side::Kind::Free) {
            return states.get((1 - milder) * 2) == Some(&IMPOSSIBLE);
        }
        self.is_lost(milder, machines, states)
    }

    fn is_met(&self, machines: &[Machine], states: &States) -> bool {
        let new = self.decision(0, machines, states);
        let old = self.decision(1, machines, states);
        let (mild, strict, other) = match self.towards {
            Towards::Milder => (new, old, 2),
            Towards::Stricter => (old, new, 0),
        };
        match (mild, strict) {
            (Some(mild), Some(strict)) => mild < strict,
            (None, Some(strict)) => {
                let whole = match (machines.get(other), states.get(other)) {
                    (Some(Machine::Line(line)), Some(state)) => line.is_whole(*state),
                    _ => false,
                };
                whole && strict == Decision::Deny
            }
            _ => false,
        }
    }

    fn wanted(&self) -> usize {
        self.wanted
    }
}
