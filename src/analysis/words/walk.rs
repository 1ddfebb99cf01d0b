//! The joint walk of all automata over one word.
//!
//! A state is what each automaton has come to. It is left out where nothing that is wanted lies
//! behind it.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::ops::Range;
use std::sync::OnceLock;

use rustc_hash::FxHashMap;

use super::joint::Joint;
use super::{MOST_STATES, TooLarge};
use crate::analysis::bits::Bits;
use crate::analysis::classes::Classes;
use crate::analysis::vocabulary::{Test, Vocabulary};

/// The tables of all automata together may have this many cells, and the walk so many ways on.
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
    /// The ways on from all states, and for each state where its own stand.
    edges: Vec<Edge>,
    places: Vec<Range<u32>>,
    /// For each state those that have a way to it; made when it is first asked for.
    before: OnceLock<Vec<Vec<u32>>>,
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
        let mut edges: Vec<Edge> = Vec::new();
        let mut places: Vec<Option<Range<u32>>> = Vec::new();
        let mut ways: Vec<(u32, Option<(u32, char)>)> = vec![(0, None)];
        while let Some(Reverse((cost, state))) = heap.pop() {
            places.resize(builder.states.len(), None);
            if places.get(state as usize).is_none_or(Option::is_some) {
                continue;
            }
            let first = edges.len();
            builder.onward(state, &mut edges)?;
            ways.resize(builder.states.len(), (u32::MAX, None));
            for edge in edges.iter().skip(first) {
                let reached = cost.saturating_add(edge.cost);
                if let Some(way) = ways.get_mut(edge.to as usize)
                    && reached < way.0
                {
                    *way = (reached, Some((state, edge.character)));
                    heap.push(Reverse((reached, edge.to)));
                }
            }
            let place = |at: usize| u32::try_from(at).map_err(|_| TooLarge);
            if let Some(slot) = places.get_mut(state as usize) {
                *slot = Some(place(first)?..place(edges.len())?);
            }
        }
        let (states, accepting) = builder.accepting();
        Ok(Self {
            places: places.into_iter().map(Option::unwrap_or_default).collect(),
            before: OnceLock::new(),
            states,
            edges,
            ways,
            accepting,
        })
    }

    /// The ways on from a state, one for each state that they lead to.
    pub(super) fn edges(&self, state: u32) -> &[Edge] {
        let place = self.places.get(state as usize);
        let place = place.map(|place| place.start as usize..place.end as usize);
        place
            .and_then(|place| self.edges.get(place))
            .unwrap_or_default()
    }

    /// For each state those that have a way to it.
    pub(super) fn before(&self) -> &[Vec<u32>] {
        self.before.get_or_init(|| {
            let mut before = vec![Vec::new(); self.states.len()];
            for state in 0..u32::try_from(self.states.len()).unwrap_or(u32::MAX) {
                for edge in self.edges(state) {
                    if let Some(before) = before.get_mut(edge.to as usize) {
                        before.push(state);
                    }
                }
            }
            before
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

/// What no word that is wanted leads to.
const NOWHERE: u32 = u32::MAX;

/// What has not been looked at.
const UNKNOWN: u32 = u32::MAX - 1;

struct Builder<'a> {
    vocabulary: &'a Vocabulary,
    wanted: &'a [Test],
    joint: Joint,
    /// The joint classes, the cheapest to read first: a character and its cost.
    characters: Vec<(char, u32)>,
    /// For each state what all automata together have come to.
    states: Vec<u32>,
    /// For each of these the number of its state.
    numbers: Vec<u32>,
    /// For each set of automata that can still accept, whether a wanted word can go on.
    leads_on: FxHashMap<u32, bool>,
    /// For each state the last one that has a way to it.
    reached_from: Vec<u32>,
    /// The ways on from the state that is looked at: a character and what comes after it.
    onward: Vec<(u32, u32)>,
}

impl<'a> Builder<'a> {
    fn new(vocabulary: &'a Vocabulary, wanted: &'a [Test]) -> Result<Self, TooLarge> {
        let automata = vocabulary.automata();
        let classes = Classes::refining(automata.iter().map(|automaton| automaton.classes()));
        let classes = classes.ok_or(TooLarge)?;
        let mut order: Vec<(u32, char, usize)> = classes
            .representatives()
            .into_iter()
            .enumerate()
            .map(|(class, (character, cost))| (cost, character, class))
            .collect();
        order.sort_unstable();
        let rows: usize = automata.iter().map(|automaton| automaton.size()).sum();
        if rows * order.len() > MOST_CELLS {
            return Err(TooLarge);
        }
        let by_class: Vec<usize> = order.iter().map(|(.., class)| *class).collect();
        let mut joint = Joint::new(automata, &classes, &by_class).ok_or(TooLarge)?;
        let start = joint.start().ok_or(TooLarge)?;
        let mut builder = Self {
            vocabulary,
            wanted,
            characters: order
                .iter()
                .map(|(cost, character, _)| (*character, *cost))
                .collect(),
            joint,
            states: Vec::new(),
            numbers: Vec::new(),
            leads_on: FxHashMap::default(),
            reached_from: Vec::new(),
            onward: Vec::new(),
        };
        builder.add(start)?;
        Ok(builder)
    }

    /// Appends the ways on from a state, one for each state that they lead to, by the cheapest
    /// character.
    fn onward(&mut self, state: u32, edges: &mut Vec<Edge>) -> Result<(), TooLarge> {
        let from = self.states.get(state as usize).copied().ok_or(TooLarge)?;
        let onward = self.joint.onward(from, &mut self.onward);
        onward.ok_or(TooLarge)?;
        for at in 0..self.onward.len() {
            let Some((first, after)) = self.onward.get(at).copied() else {
                continue;
            };
            let Some(to) = self.number(after)? else {
                continue;
            };
            if let Some(last) = self.reached_from.get_mut(to as usize)
                && *last != state
                && let Some((character, cost)) = self.characters.get(first as usize)
            {
                *last = state;
                edges.push(Edge {
                    to,
                    character: *character,
                    cost: *cost,
                });
            }
        }
        if edges.len() > MOST_CELLS {
            return Err(TooLarge);
        }
        Ok(())
    }

    /// The number of a state; `None` where no word that is wanted can go on from it.
    fn number(&mut self, joint: u32) -> Result<Option<u32>, TooLarge> {
        match self.numbers.get(joint as usize) {
            Some(&NOWHERE) => return Ok(None),
            Some(&UNKNOWN) | None => {}
            Some(known) => return Ok(Some(*known)),
        }
        let alive = self.joint.alive(joint);
        let leads_on = if let Some(known) = self.leads_on.get(&alive) {
            *known
        } else {
            let leads_on = self.leads_on(alive);
            self.leads_on.insert(alive, leads_on);
            leads_on
        };
        if leads_on {
            return self.add(joint).map(Some);
        }
        self.note(joint, NOWHERE);
        Ok(None)
    }

    fn add(&mut self, joint: u32) -> Result<u32, TooLarge> {
        if self.states.len() >= MOST_STATES {
            return Err(TooLarge);
        }
        let number = u32::try_from(self.states.len()).map_err(|_| TooLarge)?;
        self.states.push(joint);
        self.reached_from.push(NOWHERE);
        self.note(joint, number);
        Ok(number)
    }

    fn note(&mut self, joint: u32, number: u32) {
        let joint = joint as usize;
        if self.numbers.len() <= joint {
            self.numbers.resize(joint + 1, UNKNOWN);
        }
        if let Some(slot) = self.numbers.get_mut(joint) {
            *slot = number;
        }
    }

    /// Whether a word can go on to where one of the wanted tests holds.
    fn leads_on(&self, alive: u32) -> bool {
        let automata = self.vocabulary.automata().len();
        let automata = self.joint.alive_set(alive, automata);
        let may = |atom: usize| {
            let atom = self.vocabulary.atoms().get(atom);
            atom.is_some_and(|(automaton, _)| automata.contains(*automaton))
        };
        self.wanted.iter().any(|test| test.may_hold(&may))
    }

    /// For each state the number of its set of accepting automata, and the sets.
    fn accepting(self) -> (Vec<u32>, Vec<Bits>) {
        let mut numbers: FxHashMap<u32, u32> = FxHashMap::default();
        let mut sets = Vec::new();
        let states = self.states.iter().map(|joint| {
            let set = self.joint.accepting(*joint);
            *numbers.entry(set).or_insert_with(|| {
                let automata = self.vocabulary.automata().len();
                sets.push(self.joint.accepting_set(set, automata));
                u32::try_from(sets.len() - 1).unwrap_or(u32::MAX)
            })
        });
        (states.collect(), sets)
    }
}
