//! Level two: the cheapest lines that several automata agree on.
//!
//! The automata walk together over kinds of words, cheapest line first. A search that ends without a
//! line has seen everything there is: only that is a proof.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::rc::Rc;

use rustc_hash::{FxHashMap, FxHashSet};

use super::bits::Bits;
use super::grouping::Groupings;
use super::line::{self, Line};
use super::track::{self, Track};
use super::words::Words;

/// A search may have this many states.
pub(super) const MOST_STATES: usize = 400_000;

/// What one more word of a line costs, beside what it costs to read.
const WORD: u32 = 12;

/// What has no number yet.
const UNKNOWN: u32 = u32::MAX;

/// What the automata of a search have come to, in their order; what is not used is 0.
pub(super) type States = [u32; MOST_MACHINES];

/// A search is over at most this many automata: two versions of a tool with their policies, and a
/// mark.
const MOST_MACHINES: usize = 6;

/// One of the automata of a search.
#[derive(Debug)]
pub(super) enum Machine {
    /// A tool's template.
    Line(Line),
    /// Patterns over the whole line.
    Patterns(Track),
}

impl Machine {
    fn start(&self) -> u32 {
        match self {
            Self::Line(_) => line::START,
            Self::Patterns(_) => track::START,
        }
    }

    fn group(&mut self, answers: &Bits) -> u32 {
        match self {
            Self::Line(line) => line.group(answers),
            Self::Patterns(track) => track.group(answers),
        }
    }

    fn after(&mut self, state: u32, group: u32) -> u32 {
        match self {
            Self::Line(line) => line.after(state, group),
            Self::Patterns(track) => track.after(state, group),
        }
    }
}

/// What is searched for.
pub(super) trait Goal {
    /// Whether nothing that is searched for lies behind these states.
    fn is_hopeless(&self, machines: &[Machine], states: &States) -> bool;

    /// Whether a line that ends in these states is one.
    fn is_met(&self, machines: &[Machine], states: &States) -> bool;

    /// How many lines are wanted.
    fn wanted(&self) -> usize {
        1
    }
}

/// A line: the kind of each word.
pub(super) type Path = Vec<usize>;

/// What a search found.
#[derive(Debug)]
pub(super) struct Found {
    /// The lines, cheapest first, each ending in other states.
    pub(super) paths: Vec<Path>,
    /// How many states were looked at.
    pub(super) states: usize,
    /// Whether everything was looked at.
    pub(super) complete: bool,
}

/// Searches for lines.
pub(super) fn search(machines: &mut [Machine], words: &Words, goal: &impl Goal) -> Found {
    let mut start = States::default();
    for (state, machine) in start.iter_mut().zip(machines.iter()) {
        *state = machine.start();
    }
    let mut nodes = Nodes::new(start);
    let mut heap = BinaryHeap::from([Reverse((0_u32, 0_u32))]);
    let mut done: Vec<bool> = Vec::new();
    let mut ways = Ways::new(machines, words);
    let mut found = Found {
        paths: Vec::new(),
        states: 0,
        complete: true,
    };
    while let Some(Reverse((cost, node))) = heap.pop() {
        done.resize(nodes.states.len(), false);
        match done.get_mut(node as usize) {
            Some(done) if !*done => *done = true,
            _ => continue,
        }
        let Some(states) = nodes.states.get(node as usize).copied() else {
            continue;
        };
        if goal.is_met(machines, &states) {
            found.paths.push(nodes.path(node));
            if found.paths.len() >= goal.wanted() {
                found.complete = false;
                break;
            }
        }
        let onward = ways.onward(machines, &states);
        for (kind, reading, groups) in onward
            .iter()
            .filter_map(|way| ways.kinds.get(*way as usize))
        {
            let mut after = States::default();
            let each = states.iter().zip(groups).zip(&mut after);
            for (machine, ((state, group), after)) in machines.iter_mut().zip(each) {
                *after = machine.after(*state, *group);
            }
            if goal.is_hopeless(machines, &after) {
                continue;
            }
            let reached = cost.saturating_add(*reading).saturating_add(WORD);
            if let Some(next) = nodes.reach(after, reached, node, *kind) {
                heap.push(Reverse((reached, next)));
            }
        }
        if nodes.states.len() > MOST_STATES {
            found.complete = false;
            break;
        }
    }
    found.states = nodes.states.len();
    found
}

/// The kinds of words that the automata tell apart, each by its cheapest: its number, what it costs
/// to read, and its group for each automaton.
fn told_apart(machines: &mut [Machine], words: &Words) -> Vec<(usize, u32, States)> {
    let mut seen: FxHashSet<States> = FxHashSet::default();
    let mut kinds = Vec::new();
    for (number, kind) in words.kinds.iter().enumerate() {
        let mut groups = States::default();
        for (group, machine) in groups.iter_mut().zip(machines.iter_mut()) {
            *group = machine.group(&kind.answers);
        }
        // Cheapest first: of those that are the same the first counts.
        if seen.insert(groups) {
            kinds.push((number, kind.cost, groups));
        }
    }
    kinds
}

/// Which kinds of words lead different ways from where.
struct Ways {
    /// What `told_apart` gives.
    kinds: Vec<(usize, u32, States)>,
    groupings: Groupings,
    /// For each machine and each of its states which kinds lead the same way.
    by_state: [Vec<u32>; MOST_MACHINES],
}

impl Ways {
    fn new(machines: &mut [Machine], words: &Words) -> Self {
        Self {
            kinds: told_apart(machines, words),
            groupings: Groupings::default(),
            by_state: Default::default(),
        }
    }

    /// The cheapest of all kinds that lead the same way from these states, one for each way.
    fn onward(&mut self, machines: &mut [Machine], states: &States) -> Rc<[u32]> {
        let mut all: Option<u32> = None;
        let each = machines.iter_mut().zip(states).zip(&mut self.by_state);
        for (number, ((machine, state), by_state)) in each.enumerate() {
            let at = *state as usize;
            if by_state.len() <= at {
                by_state.resize(at + 1, UNKNOWN);
            }
            let Some(grouping) = by_state.get_mut(at) else {
                continue;
            };
            if *grouping == UNKNOWN {
                let after = self.kinds.iter().map(|(_, _, groups)| {
                    let group = groups.get(number).copied().unwrap_or(UNKNOWN);
                    machine.after(*state, group)
                });
                *grouping = self.groupings.number(after);
            }
            all = Some(match all {
                Some(all) => self.groupings.common(all, *grouping),
                None => *grouping,
            });
        }
        self.groupings.firsts(all.unwrap_or(UNKNOWN))
    }
}

/// The states met so far, each with the cheapest way to it.
struct Nodes {
    states: Vec<States>,
    numbers: FxHashMap<States, u32>,
    ways: Vec<(u32, Option<(u32, usize)>)>,
}

impl Nodes {
    fn new(start: States) -> Self {
        Self {
            numbers: FxHashMap::from_iter([(start, 0)]),
            states: vec![start],
            ways: vec![(0, None)],
        }
    }

    /// Notes a way to states; their number where it is the cheapest so far.
    fn reach(&mut self, states: States, cost: u32, from: u32, kind: usize) -> Option<u32> {
        let way = (cost, Some((from, kind)));
        if let Some(number) = self.numbers.get(&states) {
            let known = self.ways.get_mut(*number as usize)?;
            if cost >= known.0 {
                return None;
            }
            *known = way;
            return Some(*number);
        }
        let number = u32::try_from(self.states.len()).ok()?;
        self.numbers.insert(states, number);
        self.states.push(states);
        self.ways.push(way);
        Some(number)
    }

    fn path(&self, node: u32) -> Path {
        let mut path = Vec::new();
        let mut at = node;
        while let Some((_, Some((before, kind)))) = self.ways.get(at as usize) {
            path.push(*kind);
            at = *before;
        }
        path.reverse();
        path
    }
}
