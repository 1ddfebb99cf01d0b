//! What a lint asks of the lines of a tool, as goals of a search.

use std::cell::RefCell;
use std::collections::BTreeSet;

use crate::analysis::bits::Bits;
use crate::analysis::language::Judge;
use crate::analysis::line::IMPOSSIBLE;
use crate::analysis::search::{Goal, Machine, States};
use crate::policy::Decision;

/// A question about a line and one or two rules beside it, whatever lets the line through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Question {
    /// The rule matches.
    Matched,
    /// The rule does not match.
    Missed,
    /// The first rule matches, and none of the others.
    Alone,
}

impl Goal for Question {
    fn is_hopeless(&self, machines: &[Machine], states: &States) -> bool {
        let state = |at: usize| states.get(at).copied().unwrap_or_default();
        let dead = |at: usize| match machines.get(at) {
            Some(Machine::Patterns(track)) => track.is_dead(state(at)),
            _ => true,
        };
        let settled = |at: usize| match machines.get(at) {
            Some(Machine::Patterns(track)) => track
                .settled(state(at))
                .is_some_and(|rules| !rules.is_empty()),
            _ => false,
        };
        states.first() == Some(&IMPOSSIBLE)
            || match self {
                Self::Matched => dead(1),
                Self::Missed => settled(1),
                Self::Alone => dead(1) || settled(2),
            }
    }

    fn is_met(&self, machines: &[Machine], states: &States) -> bool {
        let state = |at: usize| states.get(at).copied().unwrap_or_default();
        let matches = |at: usize| match machines.get(at) {
            Some(Machine::Patterns(track)) => track
                .accepting(state(at))
                .is_some_and(|rules| !rules.is_empty()),
            _ => false,
        };
        let whole = match machines.first() {
            Some(Machine::Line(line)) => line.is_whole(state(0)),
            _ => false,
        };
        whole
            && match self {
                Self::Matched => matches(1),
                Self::Missed => !matches(1),
                Self::Alone => matches(1) && !matches(2),
            }
    }
}

/// A line that the policies let through, and that the machine behind them, if there is one, matches.
#[derive(Debug)]
pub(super) struct Passing<'a> {
    pub(super) judge: &'a Judge,
}

impl Goal for Passing<'_> {
    fn is_hopeless(&self, machines: &[Machine], states: &States) -> bool {
        let dead = match (machines.get(2), states.get(2)) {
            (Some(Machine::Patterns(track)), Some(state)) => track.is_dead(*state),
            _ => false,
        };
        dead || is_lost(self.judge, machines, states)
    }

    fn is_met(&self, machines: &[Machine], states: &States) -> bool {
        let matches = match (machines.get(2), states.get(2)) {
            (Some(Machine::Patterns(track)), Some(state)) => track
                .accepting(*state)
                .is_some_and(|rules| !rules.is_empty()),
            _ => true,
        };
        matches && passing(self.judge, machines, states).is_some()
    }
}

/// Lines that the policies let through, until each of some rules of theirs has matched one.
#[derive(Debug)]
pub(super) struct Firing<'a> {
    pub(super) judge: &'a Judge,
    /// The rules that have matched none yet, by number.
    pub(super) left: RefCell<BTreeSet<usize>>,
}

impl Goal for Firing<'_> {
    fn is_hopeless(&self, machines: &[Machine], states: &States) -> bool {
        is_lost(self.judge, machines, states)
    }

    fn is_met(&self, machines: &[Machine], states: &States) -> bool {
        let Some(matching) = passing(self.judge, machines, states) else {
            return false;
        };
        let mut left = self.left.borrow_mut();
        left.retain(|rule| !matching.contains(*rule));
        left.is_empty()
    }
}

fn is_lost(judge: &Judge, machines: &[Machine], states: &States) -> bool {
    let [line, policy, ..] = states;
    let settled = match machines.get(1) {
        Some(Machine::Patterns(policies)) => policies.settled(*policy),
        _ => None,
    };
    *line == IMPOSSIBLE || settled.is_none_or(|settled| judge.is_hopeless(settled))
}

/// The rules of the policies that match a whole line which is let through.
fn passing<'m>(judge: &Judge, machines: &'m [Machine], states: &States) -> Option<&'m Bits> {
    let [Machine::Line(line), Machine::Patterns(policies), ..] = machines else {
        return None;
    };
    let [whole, policy, ..] = states;
    let matching = policies.accepting(*policy)?;
    (line.is_whole(*whole) && judge.decision(matching) != Decision::Deny).then_some(matching)
}
