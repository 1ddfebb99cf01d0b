//! The joint walk of all automata over one word.
//!
//! A state is what each automaton that can still accept has come to. Characters that lead the same
//! way from all of them are found once for each combination of rows, not once for each state.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::rc::Rc;

use rustc_hash::{FxHashMap, FxHashSet};

use super::{MOST_STATES, TooLarge};
use crate::analysis::automaton::DEAD;
use crate::analysis::bits::Bits;
use crate::analysis::classes::Classes;
use crate::analysis::vocabulary::{Test, Vocabulary};

/// The tables of all automata together may have this many cells.
const MOST_CELLS: usize = 1 << 25;

/// A step to a state, by a character.
#[derive(Debug, Clone, Copy)]
pub(super) struct Edge {
    pub(super) to: u32,
    pub(super) character: char,
    pub(super) cost: u32,
}

/// What the walk came to.
pub(super) struct Walk {
    /// For each state the automata that accept a word that ends there, as a number of `accepting`.
    pub(super) states: Vec<u32>,
    /// For each state its ways on, one for each state that they lead to.
    pub(super) edges: Vec<Vec<Edge>>,
    /// For each state the cheapest way to it: what it costs, and the state and character before.
    pub(super) ways: Vec<(u32, Option<(u32, char)>)>,
    /// The different sets of automata that accept.
    pub(super) accepting: Vec<Bits>,
}

impl Walk {
    /// Walks wherever a word can come to for which one of the tests holds.
    pub(super) fn new(vocabulary: &Vocabulary, wanted: &[Test]) -> Result<Self, TooLarge> {
        let mut builder = Builder::new(vocabulary, wanted)?;
        let mut heap = BinaryHeap::from([Reverse((0_u32, 0_u32))]);
        let mut edges: Vec<Vec<Edge>> = Vec::new();
        let mut ways: Vec<(u32, Option<(u32, char)>)> = vec![(0, None)];
        let mut done: Vec<bool> = Vec::new();
        while let Some(Reverse((cost, state))) = heap.pop() {
            done.resize(builder.live.len(), false);
            match done.get_mut(state as usize) {
                Some(done) if !*done => *done = true,
                _ => continue,
            }
            let onward = builder.onward(state)?;
            ways.resize(builder.live.len(), (u32::MAX, None));
            for edge in &onward {
                let reached = cost.saturating_add(edge.cost);
                if let Some(way) = ways.get_mut(edge.to as usize)
                    && reached < way.0
                {
                    *way = (reached, Some((state, edge.character)));
                    heap.push(Reverse((reached, edge.to)));
                }
            }
            edges.resize(builder.live.len(), Vec::new());
            if let Some(slot) = edges.get_mut(state as usize) {
                *slot = onward;
            }
        }
        edges.resize(builder.live.len(), Vec::new());
        let (states, accepting) = builder.accepting();
        Ok(Self {
            states,
            edges,
            ways,
            accepting,
        })
    }

    /// The cheapest word to a state.
    pub(super) fn word(&self, state: u32) -> String {
        let mut characters = Vec::new();
        let mut at = state;
        while let Some((_, Some((before, character)))) = self.ways.get(at as usize) {
            characters.push(*character);
            at = *before;
        }
        characters.into_iter().rev().collect()
    }
}

/// A row of the tables: an automaton in one of its states.
type Row = u32;

/// The rows of the automata that can still accept, ascending.
type Live = Box<[Row]>;

/// What leads nowhere.
const NOWHERE: Row = Row::MAX;

struct Builder<'a> {
    vocabulary: &'a Vocabulary,
    wanted: &'a [Test],
    tables: Tables,
    /// For each set of row patterns the characters that lead different ways.
    apart: FxHashMap<Box<[u32]>, Rc<[u32]>>,
    live: Vec<Live>,
    numbers: FxHashMap<Live, u32>,
}

/// All automata over joint classes of characters, row by row.
struct Tables {
    /// The joint classes, the cheapest to read first: a character and its cost.
    characters: Vec<(char, u32)>,
    /// For each row and each character the row after it.
    next: Vec<Row>,
    /// For each row its automaton, and whether it accepts.
    rows: Vec<(u32, bool)>,
    /// For each row which of its characters lead the same way, as a number of `patterns`.
    pattern: Vec<u32>,
    /// For each character the number of its group.
    patterns: Vec<Vec<u32>>,
    start: Live,
}

impl Tables {
    fn new(vocabulary: &Vocabulary) -> Option<Self> {
        let automata = vocabulary.automata();
        let classes = Classes::refining(automata.iter().map(|automaton| automaton.classes()))?;
        let mut order: Vec<(u32, char, usize)> = classes
            .representatives()
            .into_iter()
            .enumerate()
            .map(|(class, (character, cost))| (cost, character, class))
            .collect();
        order.sort_unstable();
        let rows: usize = automata.iter().map(|automaton| automaton.size()).sum();
        if rows * order.len() > MOST_CELLS {
            return None;
        }
        let mut tables = Self {
            characters: order
                .iter()
                .map(|(cost, character, _)| (*character, *cost))
                .collect(),
            next: Vec::with_capacity(rows * order.len()),
            rows: Vec::with_capacity(rows),
            pattern: Vec::with_capacity(rows),
            patterns: Vec::new(),
            start: Live::default(),
        };
        let mut start = Vec::new();
        let mut by_pattern: FxHashMap<Vec<u32>, u32> = FxHashMap::default();
        for (number, automaton) in (0_u32..).zip(automata) {
            let first = u32::try_from(tables.rows.len()).ok()?;
            let map = automaton.map_from(&classes);
            if !automaton.is_empty() {
                start.push(first + automaton.start());
            }
            for state in 0..u32::try_from(automaton.size()).ok()? {
                let mut groups: FxHashMap<u32, u32> = FxHashMap::default();
                let mut pattern = Vec::with_capacity(order.len());
                for (_, _, class) in &order {
                    let after = automaton.step(state, *map.get(*class)?);
                    let fresh = u32::try_from(groups.len()).ok()?;
                    pattern.push(*groups.entry(after).or_insert(fresh));
                    let row = if after == DEAD {
                        NOWHERE
                    } else {
                        first + after
                    };
                    tables.next.push(row);
                }
                let fresh = u32::try_from(tables.patterns.len()).ok()?;
                let known = *by_pattern.entry(pattern.clone()).or_insert(fresh);
                if known == fresh {
                    tables.patterns.push(pattern);
                }
                tables.pattern.push(known);
                tables.rows.push((number, automaton.is_accepting(state)));
            }
        }
        tables.start = start.into();
        Some(tables)
    }

    fn next(&self, row: Row, character: u32) -> Row {
        let cell = row as usize * self.characters.len() + character as usize;
        self.next.get(cell).copied().unwrap_or(NOWHERE)
    }

    /// One character, the cheapest, of each group that these patterns tell apart.
    fn told_apart(&self, patterns: &[u32]) -> Rc<[u32]> {
        let patterns: Vec<&Vec<u32>> = patterns
            .iter()
            .filter_map(|pattern| self.patterns.get(*pattern as usize))
            .collect();
        let mut seen: FxHashSet<Vec<u32>> = FxHashSet::default();
        let characters = 0..u32::try_from(self.characters.len()).unwrap_or(u32::MAX);
        let fresh = characters.filter(|character| {
            let groups = patterns
                .iter()
                .map(|pattern| pattern.get(*character as usize).copied());
            let groups: Vec<u32> = groups.map(Option::unwrap_or_default).collect();
            seen.insert(groups)
        });
        fresh.collect()
    }
}

impl<'a> Builder<'a> {
    fn new(vocabulary: &'a Vocabulary, wanted: &'a [Test]) -> Result<Self, TooLarge> {
        let tables = Tables::new(vocabulary).ok_or(TooLarge)?;
        let start = tables.start.clone();
        Ok(Self {
            vocabulary,
            wanted,
            apart: FxHashMap::default(),
            numbers: FxHashMap::from_iter([(start.clone(), 0)]),
            live: vec![start],
            tables,
        })
    }

    /// The ways on from a state, one for each state that they lead to, by the cheapest character.
    fn onward(&mut self, state: u32) -> Result<Vec<Edge>, TooLarge> {
        let live = self.live.get(state as usize).cloned().unwrap_or_default();
        let patterns = live
            .iter()
            .filter_map(|row| self.tables.pattern.get(*row as usize));
        let mut patterns: Vec<u32> = patterns.copied().collect();
        patterns.sort_unstable();
        patterns.dedup();
        let characters = if let Some(known) = self.apart.get(patterns.as_slice()) {
            Rc::clone(known)
        } else {
            let characters = self.tables.told_apart(&patterns);
            self.apart.insert(patterns.into(), Rc::clone(&characters));
            characters
        };
        let mut edges: Vec<Edge> = Vec::with_capacity(characters.len());
        let mut after: Vec<Row> = Vec::with_capacity(live.len());
        for at in characters.iter() {
            after.clear();
            let rows = live.iter().map(|row| self.tables.next(*row, *at));
            after.extend(rows.filter(|row| *row != NOWHERE));
            let Some(to) = self.number(&after)? else {
                continue;
            };
            if edges.iter().all(|edge| edge.to != to)
                && let Some((character, cost)) = self.tables.characters.get(*at as usize)
            {
                edges.push(Edge {
                    to,
                    character: *character,
                    cost: *cost,
                });
            }
        }
        Ok(edges)
    }

    /// The number of a state; `None` where no word that is wanted can go on from it.
    fn number(&mut self, live: &[Row]) -> Result<Option<u32>, TooLarge> {
        if let Some(number) = self.numbers.get(live) {
            return Ok((*number != NOWHERE).then_some(*number));
        }
        if !self.leads_on(live) {
            self.numbers.insert(live.into(), NOWHERE);
            return Ok(None);
        }
        if self.live.len() >= MOST_STATES {
            return Err(TooLarge);
        }
        let number = u32::try_from(self.live.len()).map_err(|_| TooLarge)?;
        self.numbers.insert(live.into(), number);
        self.live.push(live.into());
        Ok(Some(number))
    }

    /// Whether a word can go on to where one of the wanted tests holds.
    fn leads_on(&self, live: &[Row]) -> bool {
        let rows = live
            .iter()
            .filter_map(|row| self.tables.rows.get(*row as usize));
        let alive = rows.map(|(automaton, _)| *automaton as usize);
        let alive = Bits::of(self.vocabulary.automata().len(), alive);
        let may = |atom: usize| {
            let atom = self.vocabulary.atoms().get(atom);
            atom.is_some_and(|(automaton, _)| alive.contains(*automaton))
        };
        self.wanted.iter().any(|test| test.may_hold(&may))
    }

    /// For each state the number of its set of accepting automata, and the sets.
    fn accepting(self) -> (Vec<u32>, Vec<Bits>) {
        let automata = self.vocabulary.automata().len();
        let mut numbers: FxHashMap<Bits, u32> = FxHashMap::default();
        let mut sets = Vec::new();
        let states = self.live.iter().map(|live| {
            let rows = live
                .iter()
                .filter_map(|row| self.tables.rows.get(*row as usize));
            let accepting = rows.filter(|(_, accepts)| *accepts);
            let set = Bits::of(
                automata,
                accepting.map(|(automaton, _)| *automaton as usize),
            );
            let fresh = u32::try_from(sets.len()).unwrap_or(u32::MAX);
            *numbers.entry(set.clone()).or_insert_with(|| {
                sets.push(set);
                fresh
            })
        });
        (states.collect(), sets)
    }
}
