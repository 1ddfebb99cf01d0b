//! Words of a wanted length.
//!
//! Where no limit asks, the cheapest word of a kind stands for it. Where limits ask, words up to a
//! limit and words beyond it are different kinds, and each needs a word of its length, or a proof
//! that there is none: first the cheapest word as it is, then one that goes round a loop of one
//! character as often as it must, then every word, length by length.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::{Collected, TooLarge, Walk};
use crate::analysis::bits::Bits;

/// Pairs of a state and a length that the last resort looks at.
const MOST_PAIRS: usize = 2_000_000;

/// Offers a word of every kind.
pub(super) fn collect(walk: &Walk, collected: &mut Collected<'_>) -> Result<(), TooLarge> {
    let mut ends: Vec<Vec<u32>> = vec![Vec::new(); walk.accepting.len()];
    for (state, set) in (0_u32..).zip(&walk.states) {
        if let Some(ends) = ends.get_mut(*set as usize) {
            ends.push(state);
        }
    }
    let limited = collected
        .vocabulary
        .atoms()
        .iter()
        .any(|atom| atom.1.is_some());
    let round = limited.then(|| Round::new(walk));
    for (set, ends) in walk.accepting.iter().zip(&ends) {
        let kinds = kinds(collected, set);
        for kind in &kinds {
            offer(walk, round.as_ref(), collected, ends, kind)?;
        }
    }
    Ok(())
}

/// Words with these answers have at least `from` and at most `up_to` characters.
struct Wanted {
    answers: Bits,
    from: usize,
    up_to: Option<usize>,
}

impl Wanted {
    fn fits(&self, length: usize) -> bool {
        length >= self.from && self.up_to.is_none_or(|up_to| length <= up_to)
    }
}

/// The kinds of words that exactly these automata accept: one for each stretch of lengths.
fn kinds(collected: &Collected<'_>, set: &Bits) -> Vec<Wanted> {
    let atoms = collected.vocabulary.atoms();
    let mut limits: Vec<usize> = atoms
        .iter()
        .filter(|(automaton, _)| set.contains(*automaton))
        .filter_map(|(_, limit)| usize::try_from((*limit)?).ok())
        .collect();
    limits.sort_unstable();
    limits.dedup();
    let mut from = 0;
    let mut kinds: Vec<Wanted> = Vec::new();
    for up_to in limits.into_iter().map(Some).chain([None]) {
        let yes = atoms.iter().enumerate().filter(|(_, (automaton, limit))| {
            let fits = match (limit, up_to) {
                (None, _) => true,
                (Some(_), None) => false,
                (Some(limit), Some(up_to)) => up_to <= *limit as usize,
            };
            fits && set.contains(*automaton)
        });
        let answers = Bits::of(atoms.len(), yes.map(|(atom, _)| atom));
        if collected.wants(&answers) {
            kinds.push(Wanted {
                answers,
                from,
                up_to,
            });
        }
        from = up_to.map_or(from, |up_to| up_to + 1);
    }
    kinds
}

/// Offers the cheapest word of a kind, where there is one.
fn offer(
    walk: &Walk,
    round: Option<&Round>,
    collected: &mut Collected<'_>,
    ends: &[u32],
    wanted: &Wanted,
) -> Result<(), TooLarge> {
    let cheapest = ends
        .iter()
        .filter_map(|end| walk.ways.get(*end as usize).map(|way| (way.0, *end)))
        .filter(|(cost, _)| *cost != u32::MAX)
        .min();
    let Some((cost, end)) = cheapest else {
        return Ok(());
    };
    let Some(round) = round else {
        collected.offer(wanted.answers.clone(), cost, || walk.word(end));
        return Ok(());
    };
    let word = walk.word(end);
    if wanted.fits(word.chars().count()) {
        collected.offer(wanted.answers.clone(), cost, || word);
        return Ok(());
    }
    if let Some((cost, word)) = round.word(ends, wanted) {
        collected.offer(wanted.answers.clone(), cost, || word);
        return Ok(());
    }
    match by_length(walk, ends, wanted) {
        Search::Found(word) => {
            let cost = u32::try_from(word.chars().count()).unwrap_or(u32::MAX);
            collected.offer(wanted.answers.clone(), cost.saturating_mul(20), || word);
            Ok(())
        }
        // No word of that length exists.
        Search::Nothing => Ok(()),
        Search::TooLong if collected.holds(&wanted.answers) => Ok(()),
        Search::TooLong => Err(TooLarge),
    }
}

/// Ways that pass a state with a loop of one character, where a word can be made longer at will.
struct Round {
    /// For each state the cheapest such way: its cost, and the step before.
    ways: Vec<(u32, Step)>,
    /// For each state the character of its loop.
    loops: Vec<Option<(char, u32)>>,
    before: Vec<(u32, Option<(u32, char)>)>,
}

/// How a way with a loop came to a state.
#[derive(Debug, Clone, Copy)]
enum Step {
    /// Not at all.
    None,
    /// The loop is here, and the way to it has none.
    Here,
    /// From another state with a loop behind it.
    From(u32, char),
}

impl Round {
    fn new(walk: &Walk) -> Self {
        let mut ways = vec![(u32::MAX, Step::None); walk.states.len()];
        let mut loops = vec![None; walk.states.len()];
        let mut heap = BinaryHeap::new();
        for state in 0..u32::try_from(walk.states.len()).unwrap_or(u32::MAX) {
            let turn = walk.edges(state).iter().find(|edge| edge.to == state);
            let way = walk.ways.get(state as usize).copied();
            if let (Some(turn), Some((cost, _))) = (turn, way)
                && let Some(slot) = loops.get_mut(state as usize)
                && let Some(reached) = ways.get_mut(state as usize)
            {
                *slot = Some((turn.character, turn.cost));
                *reached = (cost, Step::Here);
                heap.push(Reverse((cost, state)));
            }
        }
        while let Some(Reverse((cost, state))) = heap.pop() {
            if ways.get(state as usize).is_none_or(|way| way.0 < cost) {
                continue;
            }
            for edge in walk.edges(state) {
                let reached = cost.saturating_add(edge.cost);
                if let Some(way) = ways.get_mut(edge.to as usize)
                    && reached < way.0
                {
                    *way = (reached, Step::From(state, edge.character));
                    heap.push(Reverse((reached, edge.to)));
                }
            }
        }
        Self {
            ways,
            loops,
            before: walk.ways.clone(),
        }
    }

    /// The cheapest word of a wanted length that ends in one of these states, by going round.
    fn word(&self, ends: &[u32], wanted: &Wanted) -> Option<(u32, String)> {
        let mut ends: Vec<(u32, u32)> = ends
            .iter()
            .filter_map(|end| self.ways.get(*end as usize).map(|way| (way.0, *end)))
            .filter(|(cost, _)| *cost != u32::MAX)
            .collect();
        ends.sort_unstable();
        ends.into_iter()
            .find_map(|(cost, end)| self.stretched(cost, end, wanted))
    }

    fn stretched(&self, cost: u32, end: u32, wanted: &Wanted) -> Option<(u32, String)> {
        let mut after = Vec::new();
        let mut at = end;
        while let Some((_, Step::From(before, character))) = self.ways.get(at as usize) {
            after.push(*character);
            at = *before;
        }
        let (character, each) = self.loops.get(at as usize).copied().flatten()?;
        let mut word = Vec::new();
        while let Some((_, Some((before, character)))) = self.before.get(at as usize) {
            word.push(*character);
            at = *before;
        }
        word.reverse();
        let length = word.len() + after.len();
        let turns = wanted.from.saturating_sub(length);
        if wanted.up_to.is_some_and(|up_to| length + turns > up_to) {
            return None;
        }
        word.extend(std::iter::repeat_n(character, turns));
        word.extend(after.into_iter().rev());
        let turns = u32::try_from(turns).unwrap_or(u32::MAX);
        let cost = cost.saturating_add(each.saturating_mul(turns));
        Some((cost, word.into_iter().collect()))
    }
}

/// What looking at every word gave.
enum Search {
    /// A word of the wanted length.
    Found(String),
    /// There is none.
    Nothing,
    /// That takes more than the budget.
    TooLong,
}

/// Looks at every word, length by length.
fn by_length(walk: &Walk, ends: &[u32], wanted: &Wanted) -> Search {
    let useful = reaching(walk, ends);
    let mut is_end = vec![false; walk.states.len()];
    for end in ends {
        if let Some(is_end) = is_end.get_mut(*end as usize) {
            *is_end = true;
        }
    }
    let mut layers: Vec<Vec<(u32, u32, char)>> = Vec::new();
    let mut layer = vec![(0, 0, '\0')];
    let mut pairs = 0;
    let mut met: Vec<usize> = vec![usize::MAX; walk.states.len()];
    loop {
        let length = layers.len();
        if layer.is_empty() || wanted.up_to.is_some_and(|up_to| length > up_to) {
            return Search::Nothing;
        }
        if wanted.fits(length)
            && let Some(at) = layer
                .iter()
                .position(|(state, ..)| is_end.get(*state as usize) == Some(&true))
        {
            layers.push(layer);
            return Search::Found(read_back(&layers, at));
        }
        let mut next = Vec::new();
        for (from, (state, ..)) in (0_u32..).zip(&layer) {
            for edge in walk.edges(*state) {
                let to = edge.to as usize;
                if useful.get(to) == Some(&true)
                    && let Some(met) = met.get_mut(to)
                    && *met != length
                {
                    *met = length;
                    next.push((edge.to, from, edge.character));
                }
            }
        }
        pairs += next.len() + 1;
        if pairs > MOST_PAIRS {
            return Search::TooLong;
        }
        layers.push(std::mem::replace(&mut layer, next));
    }
}

fn read_back(layers: &[Vec<(u32, u32, char)>], at: usize) -> String {
    let mut characters = Vec::new();
    let mut at = at;
    for layer in layers.iter().skip(1).rev() {
        if let Some((_, before, character)) = layer.get(at) {
            characters.push(*character);
            at = *before as usize;
        }
    }
    characters.into_iter().rev().collect()
}

/// The states from which one of the ends can be reached.
fn reaching(walk: &Walk, ends: &[u32]) -> Vec<bool> {
    let before = walk.before();
    let mut useful = vec![false; walk.states.len()];
    let mut open = ends.to_vec();
    while let Some(state) = open.pop() {
        if let Some(useful) = useful.get_mut(state as usize)
            && !*useful
        {
            *useful = true;
            open.extend(before.get(state as usize).into_iter().flatten());
        }
    }
    useful
}
