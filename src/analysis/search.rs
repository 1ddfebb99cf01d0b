//! Level two: the cheapest lines that several automata agree on.
//!
//! The automata walk together over kinds of words, cheapest line first. A search that ends without a
//! line has seen everything there is: only that is a proof.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use rustc_hash::FxHashMap;

use super::line::Line;
use super::track::Track;
use super::words::Words;

/// A search may have this many states.
pub(super) const MOST_STATES: usize = 400_000;

/// What one more word of a line costs, beside what it costs to read.
const WORD: u32 = 12;

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
            Self::Line(line) => line.start(),
            Self::Patterns(track) => track.start(),
        }
    }
}

/// What is searched for.
pub(super) trait Goal {
    /// Whether nothing that is searched for lies behind these states.
    fn is_hopeless(&self, machines: &[Machine], states: &[u32]) -> bool;

    /// Whether a line that ends in these states is one.
    fn is_met(&self, machines: &[Machine], states: &[u32]) -> bool;

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
    let start: Box<[u32]> = machines.iter().map(Machine::start).collect();
    let mut nodes = Nodes::new(start);
    let mut heap = BinaryHeap::from([Reverse((0_u32, 0_u32))]);
    let mut done: Vec<bool> = Vec::new();
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
        let Some(states) = nodes.states.get(node as usize).cloned() else {
            continue;
        };
        if goal.is_met(machines, &states) {
            found.paths.push(nodes.path(node));
            if found.paths.len() >= goal.wanted() {
                found.complete = false;
                break;
            }
        }
        for (kind, word) in words.kinds.iter().enumerate() {
            let step = |(machine, state): (&mut Machine, &u32)| match machine {
                Machine::Line(line) => line.after(*state, kind, &word.answers),
                Machine::Patterns(track) => track.after(*state, kind, &word.answers),
            };
            let after: Box<[u32]> = machines.iter_mut().zip(&states).map(step).collect();
            if goal.is_hopeless(machines, &after) {
                continue;
            }
            let reached = cost.saturating_add(word.cost).saturating_add(WORD);
            if let Some(next) = nodes.reach(after, reached, node, kind) {
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

/// The states met so far, each with the cheapest way to it.
struct Nodes {
    states: Vec<Box<[u32]>>,
    numbers: FxHashMap<Box<[u32]>, u32>,
    ways: Vec<(u32, Option<(u32, usize)>)>,
}

impl Nodes {
    fn new(start: Box<[u32]>) -> Self {
        Self {
            numbers: FxHashMap::from_iter([(start.clone(), 0)]),
            states: vec![start],
            ways: vec![(0, None)],
        }
    }

    /// Notes a way to states; their number where it is the cheapest so far.
    fn reach(&mut self, states: Box<[u32]>, cost: u32, from: u32, kind: usize) -> Option<u32> {
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
        self.numbers.insert(states.clone(), number);
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
