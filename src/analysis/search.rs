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

/// The lines of a search may be in so many places, counted once for each state and each group of words:
/// where items are counted, and it is open where they end, each state is in as many places.
const MOST_WORK: usize = 4_000_000;

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

    fn group(&mut self, answers: &Bits) -> Option<u32> {
        let group = match self {
            Self::Line(line) => line.group(answers),
            Self::Patterns(track) => track.group(answers),
        };
        (group != UNKNOWN).then_some(group)
    }

    fn after(&mut self, state: u32, group: u32) -> Option<u32> {
        let after = match self {
            Self::Line(line) => line.after(state, group),
            Self::Patterns(track) => track.after(state, group),
        };
        (after != UNKNOWN).then_some(after)
    }

    /// How much it took to walk as far as it was walked.
    fn work(&self) -> usize {
        match self {
            Self::Line(line) => line.work(),
            Self::Patterns(_) => 0,
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
    let mut found = Found {
        paths: Vec::new(),
        states: 0,
        complete: false,
    };
    found.complete = walk(machines, words, goal, &mut found).is_some();
    found
}

/// Looks at everything there is; `None` where it stopped before, or lost sight of anything.
fn walk(
    machines: &mut [Machine],
    words: &Words,
    goal: &impl Goal,
    found: &mut Found,
) -> Option<()> {
    let mut start = States::default();
    for (state, machine) in start.iter_mut().zip(machines.iter()) {
        *state = machine.start();
    }
    let mut nodes = Nodes::new(start);
    let mut heap = BinaryHeap::from([Reverse((0_u32, 0_u32))]);
    let mut done: Vec<bool> = Vec::new();
    let mut ways = Ways::new(machines, words)?;
    while let Some(Reverse((cost, node))) = heap.pop() {
        found.states = nodes.states.len();
        if found.states > MOST_STATES
            || machines.iter().map(Machine::work).sum::<usize>() > MOST_WORK
        {
            return None;
        }
        done.resize(nodes.states.len(), false);
        let done = done.get_mut(node as usize)?;
        if std::mem::replace(done, true) {
            continue;
        }
        let states = nodes.states.get(node as usize).copied()?;
        if goal.is_met(machines, &states) {
            found.paths.push(nodes.path(node));
            if found.paths.len() >= goal.wanted() {
                return None;
            }
        }
        for way in ways.onward(machines, &states)?.iter() {
            let (kind, reading, groups) = ways.kinds.get(*way as usize)?;
            let mut after = States::default();
            let each = states.iter().zip(groups).zip(&mut after);
            for (machine, ((state, group), after)) in machines.iter_mut().zip(each) {
                *after = machine.after(*state, *group)?;
            }
            if goal.is_hopeless(machines, &after) {
                continue;
            }
            let reached = cost.saturating_add(*reading).saturating_add(WORD);
            if let Reached::Cheaper(next) = nodes.reach(after, reached, node, *kind)? {
                heap.push(Reverse((reached, next)));
            }
        }
    }
    found.states = nodes.states.len();
    Some(())
}

/// What a search that found nothing did not come to the end of.
pub(super) fn unfinished(machines: &[Machine]) -> String {
    let lists = machines.iter().filter_map(|machine| match machine {
        Machine::Line(line) if line.work() > MOST_WORK / 2 => line.longest(),
        Machine::Line(_) | Machine::Patterns(_) => None,
    });
    let list = lists.max();
    list.unwrap_or_else(|| "telling all lines apart".to_owned())
}

/// The kinds of words that the automata tell apart, each by its cheapest: its number, what it costs
/// to read, and its group for each automaton.
fn told_apart(machines: &mut [Machine], words: &Words) -> Option<Vec<(usize, u32, States)>> {
    let mut seen: FxHashSet<States> = FxHashSet::default();
    let mut kinds = Vec::new();
    for (number, kind) in words.kinds.iter().enumerate() {
        let mut groups = States::default();
        for (group, machine) in groups.iter_mut().zip(machines.iter_mut()) {
            *group = machine.group(&kind.answers)?;
        }
        // Cheapest first: of those that are the same the first counts.
        if seen.insert(groups) {
            kinds.push((number, kind.cost, groups));
        }
    }
    Some(kinds)
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
    fn new(machines: &mut [Machine], words: &Words) -> Option<Self> {
        Some(Self {
            kinds: told_apart(machines, words)?,
            groupings: Groupings::default(),
            by_state: Default::default(),
        })
    }

    /// The cheapest of all kinds that lead the same way from these states, one for each way; `None`
    /// where that cannot be told.
    fn onward(&mut self, machines: &mut [Machine], states: &States) -> Option<Rc<[u32]>> {
        let mut all: Option<u32> = None;
        let each = machines.iter_mut().zip(states).zip(&mut self.by_state);
        for (number, ((machine, state), by_state)) in each.enumerate() {
            let at = *state as usize;
            if by_state.len() <= at {
                by_state.resize(at + 1, UNKNOWN);
            }
            let grouping = by_state.get_mut(at)?;
            if *grouping == UNKNOWN {
                let groups = self.kinds.iter().map(|(_, _, groups)| groups.get(number));
                let after = groups.map(|group| machine.after(*state, *group?));
                let after: Vec<u32> = after.collect::<Option<_>>()?;
                *grouping = self.groupings.number(after);
            }
            all = Some(match all {
                Some(all) => self.groupings.common(all, *grouping),
                None => *grouping,
            });
        }
        let all = all.filter(|all| *all != UNKNOWN)?;
        Some(self.groupings.firsts(all))
    }
}

/// What a way to states is.
enum Reached {
    /// The cheapest so far, to the states of this number.
    Cheaper(u32),
    /// No cheaper than one that is known.
    Known,
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

    /// Notes a way to states; `None` where there are
    /// more than can be numbered.
    fn reach(&mut self, states: States, cost: u32, from: u32, kind: usize) -> Option<Reached> {
        let way = (cost, Some((from, kind)));
        if let Some(number) = self.numbers.get(&states) {
            let known = self.ways.get_mut(*number as usize)?;
            if cost >= known.0 {
                return Some(Reached::Known);
            }
            *known = way;
            return Some(Reached::Cheaper(*number));
        }
        let number = u32::try_from(self.states.len()).ok()?;
        self.numbers.insert(states, number);
        self.states.push(states);
        self.ways.push(way);
        Some(Reached::Cheaper(number))
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
