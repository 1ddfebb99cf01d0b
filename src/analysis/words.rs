//! Level one: every kind of word that a vocabulary tells apart, each with one that reads well.
//!
//! All automata walk together over one word. Two words are of one kind when they give the same
//! answers to all questions; a search over lines needs one word of each kind and no more. How long a
//! word is stands beside the walk and is never counted in it: a kind is kept apart by length only
//! where a limit asks, and a word of a wanted length is made by going round a loop of one character.

mod lengths;

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use std::sync::Arc;

use rustc_hash::FxHashMap;

use super::automaton::{Automaton, DEAD};
use super::bits::Bits;
use super::classes::Classes;
use super::vocabulary::{Test, Vocabulary};

/// The joint walk may have this many states: a policy of forty rules needs a tenth.
pub(super) const MOST_STATES: usize = 200_000;

/// What a word of the dictionary costs, beside a tenth for each character: less than any made-up
/// word.
const KNOWN_WORD: u32 = 2;

/// A kind of words.
#[derive(Debug, Clone)]
pub(super) struct Kind {
    /// The answers that its words give.
    pub(super) answers: Bits,
    /// One of its words; the cheapest to read.
    pub(super) word: String,
    /// What that costs.
    pub(super) cost: u32,
}

/// Every kind of word.
#[derive(Debug)]
pub(super) struct Words {
    /// The kinds, cheapest word first.
    pub(super) kinds: Vec<Kind>,
    /// How many states the walk had.
    pub(super) states: usize,
    /// Whether some kind may be missing a word of its length, and was left out.
    pub(super) complete: bool,
}

/// The walk has more states than the budget allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct TooLarge;

impl Words {
    /// Explores the words of a vocabulary; of those for which none of the tests holds, none is kept.
    pub(super) fn explore(vocabulary: &Vocabulary, wanted: &[Test]) -> Result<Self, TooLarge> {
        let walk = Walk::new(vocabulary)?;
        let mut collected = Collected {
            vocabulary,
            wanted,
            best: FxHashMap::default(),
        };
        for word in &vocabulary.dictionary {
            let cost = KNOWN_WORD + u32::try_from(word.chars().count() / 10).unwrap_or(u32::MAX);
            collected.offer(vocabulary.answers(word), cost, || word.clone());
        }
        let complete = lengths::collect(&walk, &mut collected);
        let mut kinds: Vec<Kind> = collected
            .best
            .into_iter()
            .map(|(answers, (cost, word))| Kind {
                answers,
                word,
                cost,
            })
            .collect();
        kinds.sort_by(|a, b| (a.cost, &a.word).cmp(&(b.cost, &b.word)));
        Ok(Self {
            kinds,
            states: walk.states.len(),
            complete,
        })
    }
}

/// The kinds met so far.
struct Collected<'a> {
    vocabulary: &'a Vocabulary,
    wanted: &'a [Test],
    best: FxHashMap<Bits, (u32, String)>,
}

impl Collected<'_> {
    fn wants(&self, answers: &Bits) -> bool {
        self.wanted.iter().any(|test| test.holds(answers))
    }

    /// Keeps a word where it is the cheapest of its kind.
    fn offer(&mut self, answers: Bits, cost: u32, word: impl FnOnce() -> String) {
        if !self.wants(&answers) {
            return;
        }
        match self.best.get_mut(&answers) {
            Some((least, _)) if *least < cost => {}
            // Of equally cheap words the first by the alphabet, so that the order of the walk is
            // nothing that anybody sees.
            Some((least, kept)) => {
                let word = word();
                if *least > cost || word < *kept {
                    (*least, *kept) = (cost, word);
                }
            }
            None => {
                self.best.insert(answers, (cost, word()));
            }
        }
    }

    fn holds(&self, answers: &Bits) -> bool {
        self.best.contains_key(answers)
    }
}

/// A step to a state, by a character.
#[derive(Debug, Clone, Copy)]
struct Edge {
    to: u32,
    character: char,
    cost: u32,
}

/// The joint walk of all automata.
struct Walk {
    /// For each state the automata that accept a word that ends there, as a number of `accepting`.
    states: Vec<u32>,
    /// For each state its ways on, one for each state that they lead to.
    edges: Vec<Vec<Edge>>,
    /// For each state the cheapest way to it: what it costs, and the state and character before.
    ways: Vec<(u32, Option<(u32, char)>)>,
    /// The different sets of automata that accept.
    accepting: Vec<Bits>,
}

impl Walk {
    fn new(vocabulary: &Vocabulary) -> Result<Self, TooLarge> {
        let mut builder = Builder::new(vocabulary).ok_or(TooLarge)?;
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
    fn word(&self, state: u32) -> String {
        let mut characters = Vec::new();
        let mut at = state;
        while let Some((_, Some((before, character)))) = self.ways.get(at as usize) {
            characters.push(*character);
            at = *before;
        }
        characters.into_iter().rev().collect()
    }
}

/// An automaton and one of its states, as one number.
type Live = u32;

struct Builder<'a> {
    vocabulary: &'a Vocabulary,
    /// For each automaton and each joint class the automaton's own class.
    maps: Vec<Vec<usize>>,
    /// The joint classes' characters, the cheapest first: (class, character, cost).
    characters: Vec<(usize, char, u32)>,
    /// For each state the automata that can still accept, with their states.
    live: Vec<Box<[Live]>>,
    numbers: FxHashMap<Box<[Live]>, u32>,
}

impl<'a> Builder<'a> {
    fn new(vocabulary: &'a Vocabulary) -> Option<Self> {
        let automata = vocabulary.automata();
        let classes = Classes::refining(automata.iter().map(|automaton| automaton.classes()))?;
        let maps = automata
            .iter()
            .map(|automaton| automaton.map_from(&classes));
        let mut characters: Vec<(usize, char, u32)> = classes
            .representatives()
            .into_iter()
            .enumerate()
            .map(|(class, (character, cost))| (class, character, cost))
            .collect();
        characters.sort_by_key(|(_, character, cost)| (*cost, *character));
        let start: Box<[Live]> = (0_u32..)
            .zip(automata)
            .filter(|(_, automaton)| !automaton.is_empty())
            .map(|(number, automaton)| number << 16 | automaton.start())
            .collect();
        Some(Self {
            maps: maps.collect(),
            characters,
            numbers: FxHashMap::from_iter([(start.clone(), 0)]),
            live: vec![start],
            vocabulary,
        })
    }

    /// The ways on from a state, one for each state that they lead to, by the cheapest character.
    fn onward(&mut self, state: u32) -> Result<Vec<Edge>, TooLarge> {
        let live = self.live.get(state as usize).cloned().unwrap_or_default();
        let rows: Vec<(u32, &Arc<Automaton>, u32, &[usize])> = live
            .iter()
            .filter_map(|live| {
                let number = live >> 16;
                let automaton = self.vocabulary.automata().get(number as usize)?;
                let map = self.maps.get(number as usize)?;
                Some((number << 16, automaton, live & 0xFFFF, map.as_slice()))
            })
            .collect();
        let mut edges: Vec<Edge> = Vec::new();
        let mut reached: FxHashMap<Box<[Live]>, ()> = FxHashMap::default();
        let mut fresh: Vec<(Box<[Live]>, char, u32)> = Vec::new();
        for (class, character, cost) in &self.characters {
            let next: Box<[Live]> = rows
                .iter()
                .filter_map(|(number, automaton, state, map)| {
                    let own = map.get(*class).copied().unwrap_or(0);
                    let after = automaton.step(*state, own);
                    (after != DEAD).then_some(number | after)
                })
                .collect();
            if reached.insert(next.clone(), ()).is_none() {
                fresh.push((next, *character, *cost));
            }
        }
        for (next, character, cost) in fresh {
            let to = match self.numbers.get(&next) {
                Some(number) => *number,
                None => {
                    if self.live.len() >= MOST_STATES {
                        return Err(TooLarge);
                    }
                    let number = u32::try_from(self.live.len()).map_err(|_| TooLarge)?;
                    self.numbers.insert(next.clone(), number);
                    self.live.push(next);
                    number
                }
            };
            edges.push(Edge {
                to,
                character,
                cost,
            });
        }
        Ok(edges)
    }

    /// For each state the number of its set of accepting automata, and the sets.
    fn accepting(self) -> (Vec<u32>, Vec<Bits>) {
        let automata = self.vocabulary.automata();
        let mut numbers: FxHashMap<Bits, u32> = FxHashMap::default();
        let mut sets = Vec::new();
        let states = self.live.iter().map(|live| {
            let accepting = live.iter().filter_map(|live| {
                let number = (live >> 16) as usize;
                let automaton = automata.get(number)?;
                automaton.is_accepting(live & 0xFFFF).then_some(number)
            });
            let set = Bits::of(automata.len(), accepting);
            let fresh = u32::try_from(sets.len()).unwrap_or(u32::MAX);
            *numbers.entry(set.clone()).or_insert_with(|| {
                sets.push(set);
                fresh
            })
        });
        (states.collect(), sets)
    }
}
