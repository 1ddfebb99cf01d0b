//! The language of one word as a minimal automaton over classes of characters.
//!
//! Two automata are equal exactly when they accept the same words: states and classes are merged
//! where nothing tells them apart, and numbered in the order in which words reach them.

mod nfa;

use std::collections::VecDeque;

use regex_syntax::hir::{Hir, Look};
use rustc_hash::FxHashMap;

use super::classes::Classes;
use nfa::Nfa;

/// An automaton may have this many states before it is made minimal; counts, not seconds, so that
/// every machine gives the same answer.
pub(super) const MOST_STATES: usize = 10_000;

/// The state from which nothing is accepted any more.
pub(super) const DEAD: u32 = 0;

/// A minimal deterministic automaton.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Automaton {
    classes: Classes,
    /// For each state a row of one cell for each class.
    next: Vec<u32>,
    accepts: Vec<bool>,
    start: u32,
}

impl Automaton {
    /// The words that an expression matches whole; `None` when it would get too large.
    pub(crate) fn of(expression: &Hir) -> Option<Self> {
        let nfa = Nfa::new(expression)?;
        explore(
            nfa.classes(),
            nfa.start(),
            |state, class| nfa.step(state, class),
            |state| nfa.accepts(state),
        )
    }

    /// One word after the other, each from its own language; `None` when it would get too large.
    pub(super) fn concatenation(parts: &[&Self]) -> Option<Self> {
        let classes = Classes::refining(parts.iter().map(|part| &part.classes))?;
        let maps: Vec<Vec<usize>> = parts.iter().map(|part| part.map_from(&classes)).collect();
        // A place in the chain is a part and a state of it, as one number.
        let stride = parts.iter().map(|part| part.accepts.len()).max()?;
        let place = |part: usize, state: u32| u32::try_from(part * stride + state as usize).ok();
        // A part that may end here lets the next one begin.
        let begin = |mut part: usize, mut state: u32, out: &mut Vec<u32>| -> Option<()> {
            loop {
                out.push(place(part, state)?);
                let next = parts.get(part + 1);
                match (next, parts.get(part)) {
                    (Some(next), Some(this)) if this.is_accepting(state) => {
                        part += 1;
                        state = next.start;
                    }
                    _ => return Some(()),
                }
            }
        };
        let mut start = Vec::new();
        begin(0, parts.first()?.start, &mut start)?;
        start.sort_unstable();
        explore(
            &classes,
            start,
            |places, class| {
                let mut after = Vec::new();
                for place in places {
                    let (number, state) = (*place as usize / stride, *place as usize % stride);
                    let class = maps.get(number)?.get(class)?;
                    let state = parts.get(number)?.step(u32::try_from(state).ok()?, *class);
                    if state != DEAD {
                        begin(number, state, &mut after)?;
                    }
                }
                after.sort_unstable();
                after.dedup();
                Some(after)
            },
            |places| {
                places.iter().any(|place| {
                    let (number, state) = (*place as usize / stride, *place as usize % stride);
                    number + 1 == parts.len()
                        && parts
                            .last()
                            .is_some_and(|last| last.accepts.get(state) == Some(&true))
                })
            },
        )
    }

    /// The words of which a question over several languages is true; `None` when it would get too
    /// large.
    pub(super) fn combination(
        parts: &[&Self],
        accepts: impl Fn(&dyn Fn(usize) -> bool) -> bool,
    ) -> Option<Self> {
        let classes = Classes::refining(parts.iter().map(|part| &part.classes))?;
        let maps: Vec<Vec<usize>> = parts.iter().map(|part| part.map_from(&classes)).collect();
        explore(
            &classes,
            parts.iter().map(|part| part.start).collect(),
            |states, class| {
                let each = states.iter().zip(parts.iter().zip(&maps));
                each.map(|(state, (part, map))| Some(part.step(*state, *map.get(class)?)))
                    .collect()
            },
            |states| {
                accepts(&|number| {
                    let state = states.get(number).copied().unwrap_or(DEAD);
                    parts
                        .get(number)
                        .is_some_and(|part| part.is_accepting(state))
                })
            },
        )
    }

    /// Words of at most so many characters.
    pub(super) fn up_to(length: usize) -> Option<Self> {
        let longest = u32::try_from(length).ok()?;
        explore(
            &Classes::telling_apart([])?,
            vec![0],
            |state, _| {
                let next = state.first()? + 1;
                // Too long is one state, whatever follows.
                Some(vec![next.min(longest + 1)])
            },
            |state| state.first().is_some_and(|length| *length <= longest),
        )
    }

    /// The classes that its words are told apart by.
    pub(super) fn classes(&self) -> &Classes {
        &self.classes
    }

    /// How many states it has, the dead one included.
    pub(super) fn size(&self) -> usize {
        self.accepts.len()
    }

    /// The state before the first character.
    pub(super) fn start(&self) -> u32 {
        self.start
    }

    /// The state after one more character of a class.
    pub(super) fn step(&self, state: u32, class: usize) -> u32 {
        let cell = state as usize * self.classes.count() + class;
        self.next.get(cell).copied().unwrap_or(DEAD)
    }

    /// Whether a word may end in a state.
    pub(super) fn is_accepting(&self, state: u32) -> bool {
        self.accepts.get(state as usize).copied().unwrap_or(false)
    }

    /// Whether no word at all is accepted.
    pub(super) fn is_empty(&self) -> bool {
        self.start == DEAD
    }

    /// Whether it accepts a word.
    pub(super) fn accepts(&self, word: &str) -> bool {
        let state = word
            .chars()
            .fold(self.start, |state, c| self.step(state, self.classes.of(c)));
        self.is_accepting(state)
    }

    /// What may follow a beginning; `None` where nothing may.
    pub(super) fn after(&self, beginning: &str) -> Option<Self> {
        let start = self.behind(beginning);
        if start == DEAD {
            return None;
        }
        explore(
            &self.classes,
            vec![start],
            |state, class| Some(vec![self.step(*state.first()?, class)]),
            |state| state.first().is_some_and(|state| self.is_accepting(*state)),
        )
    }

    fn behind(&self, beginning: &str) -> u32 {
        let characters = beginning
            .chars()
            .map(|character| self.classes.of(character));
        characters.fold(self.start, |state, class| self.step(state, class))
    }

    /// One of the shortest words that it accepts and that do not begin with a character.
    pub(super) fn shortest(&self, but: char) -> Option<String> {
        let characters = self.classes.representatives();
        let mut waiting = VecDeque::from([(self.start, String::new())]);
        let mut seen = vec![false; self.accepts.len()];
        while let Some((state, word)) = waiting.pop_front() {
            if self.is_accepting(state) {
                return Some(word);
            }
            for (class, (character, _)) in characters.iter().enumerate() {
                let after = self.step(state, class);
                let begins = word.is_empty() && *character == but;
                match seen.get_mut(after as usize) {
                    Some(seen) if !*seen && !begins && after != DEAD => *seen = true,
                    _ => continue,
                }
                waiting.push_back((after, format!("{word}{character}")));
            }
        }
        None
    }

    /// For each class of a refinement the class here.
    pub(super) fn map_from(&self, finer: &Classes) -> Vec<usize> {
        let mut map = vec![0; finer.count()];
        let mut stretches = self.classes.stretches().peekable();
        let mut class = 0;
        for (start, fine) in finer.stretches() {
            while let Some((_, next)) = stretches.next_if(|(first, _)| *first <= start) {
                class = usize::from(next);
            }
            if let Some(slot) = map.get_mut(usize::from(fine)) {
                *slot = class;
            }
        }
        map
    }
}

/// Every look at a neighbouring character that an expression can take.
pub(super) fn looks(expression: &Hir) -> impl Iterator<Item = Look> {
    expression.properties().look_set().iter()
}

/// Explores everything that words reach from a start, and makes it minimal.
fn explore(
    classes: &Classes,
    start: Vec<u32>,
    step: impl Fn(&[u32], usize) -> Option<Vec<u32>>,
    accepts: impl Fn(&[u32]) -> bool,
) -> Option<Automaton> {
    let width = classes.count();
    let mut numbers: FxHashMap<Vec<u32>, u32> = FxHashMap::default();
    let mut waiting = VecDeque::from([start.clone()]);
    numbers.insert(start, 0);
    let mut next = Vec::new();
    let mut accepting = Vec::new();
    while let Some(state) = waiting.pop_front() {
        accepting.push(accepts(&state));
        for class in 0..width {
            let after = step(&state, class)?;
            let number = if let Some(number) = numbers.get(&after) {
                *number
            } else {
                let number = u32::try_from(numbers.len()).ok()?;
                if numbers.len() >= MOST_STATES {
                    return None;
                }
                numbers.insert(after.clone(), number);
                waiting.push_back(after);
                number
            };
            next.push(number);
        }
    }
    Some(minimal(classes, &next, &accepting))
}

/// The minimal automaton of the same language, numbered from the start.
fn minimal(classes: &Classes, next: &[u32], accepts: &[bool]) -> Automaton {
    let width = classes.count();
    let blocks = blocks(width, next, accepts);
    let block = |state: u32| blocks.get(state as usize).copied().unwrap_or(0);
    // One state stands for each block.
    let mut members: FxHashMap<u32, u32> = FxHashMap::default();
    for (state, block) in (0_u32..).zip(&blocks) {
        members.entry(*block).or_insert(state);
    }
    let row = |block: u32| {
        let state = members.get(&block).copied().unwrap_or(0) as usize;
        let row = next.get(state * width..(state + 1) * width);
        row.unwrap_or_default()
            .iter()
            .map(|state| by(&blocks, *state))
    };
    let accepting = |block: u32| {
        let state = members.get(&block).copied().unwrap_or(0) as usize;
        accepts.get(state).copied().unwrap_or(false)
    };
    let dead = members
        .keys()
        .copied()
        .find(|block| !accepting(*block) && row(*block).all(|after| after == *block));
    // The dead state is the first, also where there is none.
    let mut numbers: FxHashMap<u32, u32> = FxHashMap::default();
    let mut order: Vec<Option<u32>> = vec![dead];
    if let Some(dead) = dead {
        numbers.insert(dead, DEAD);
    }
    let mut number = |block: u32, order: &mut Vec<Option<u32>>| {
        *numbers.entry(block).or_insert_with(|| {
            order.push(Some(block));
            u32::try_from(order.len() - 1).unwrap_or(DEAD)
        })
    };
    let start = number(block(0), &mut order);
    let mut rows: Vec<Vec<u32>> = Vec::new();
    let mut accepts = Vec::new();
    let mut at = 0;
    while let Some(block) = order.get(at).copied() {
        at += 1;
        accepts.push(block.is_some_and(accepting));
        rows.push(match block {
            Some(block) => row(block).map(|after| number(after, &mut order)).collect(),
            None => vec![DEAD; width],
        });
    }
    narrow(classes, &rows, accepts, start)
}

fn by(blocks: &[u32], state: u32) -> u32 {
    blocks.get(state as usize).copied().unwrap_or(0)
}

/// Merges the classes that lead the same way from everywhere.
fn narrow(classes: &Classes, rows: &[Vec<u32>], accepts: Vec<bool>, start: u32) -> Automaton {
    let mut numbers: FxHashMap<Vec<u32>, u16> = FxHashMap::default();
    let mut merged = vec![0; classes.count()];
    let mut kept: Vec<usize> = Vec::new();
    // Stretches come in the order of characters, so that the numbers depend on the language alone.
    let mut seen = vec![false; classes.count()];
    for (_, class) in classes.stretches() {
        let class = usize::from(class);
        match seen.get_mut(class) {
            Some(seen) if !*seen => *seen = true,
            _ => continue,
        }
        let column = rows
            .iter()
            .map(|row| row.get(class).copied().unwrap_or(DEAD));
        let fresh = u16::try_from(numbers.len()).unwrap_or(0);
        let number = *numbers.entry(column.collect()).or_insert(fresh);
        if usize::from(number) == kept.len() {
            kept.push(class);
        }
        if let Some(slot) = merged.get_mut(class) {
            *slot = number;
        }
    }
    let cell = |row: &Vec<u32>, class: &usize| row.get(*class).copied().unwrap_or(DEAD);
    let next = rows
        .iter()
        .flat_map(|row| kept.iter().map(move |class| cell(row, class)))
        .collect();
    renumbered(Automaton {
        classes: classes.merged(&merged),
        next,
        accepts,
        start,
    })
}

/// The same with its states in the order in which words reach them, class by class.
fn renumbered(automaton: Automaton) -> Automaton {
    let width = automaton.classes.count();
    let mut order = vec![DEAD];
    let mut numbers = vec![None; automaton.accepts.len()];
    let number = |state: u32, order: &mut Vec<u32>, numbers: &mut Vec<Option<u32>>| {
        if state == DEAD {
            return DEAD;
        }
        let fresh = u32::try_from(order.len()).unwrap_or(DEAD);
        match numbers.get_mut(state as usize) {
            Some(Some(known)) => *known,
            Some(slot) => {
                *slot = Some(fresh);
                order.push(state);
                fresh
            }
            None => DEAD,
        }
    };
    let start = number(automaton.start, &mut order, &mut numbers);
    let mut next = Vec::with_capacity(automaton.next.len());
    let mut accepts = Vec::with_capacity(automaton.accepts.len());
    let mut at = 0;
    while let Some(state) = order.get(at).copied() {
        at += 1;
        accepts.push(automaton.is_accepting(state));
        for class in 0..width {
            let after = automaton.step(state, class);
            next.push(number(after, &mut order, &mut numbers));
        }
    }
    Automaton {
        classes: automaton.classes,
        next,
        accepts,
        start,
    }
}

/// For each state the block of those that nothing tells apart from it: split until nothing splits.
fn blocks(width: usize, next: &[u32], accepts: &[bool]) -> Vec<u32> {
    let mut blocks: Vec<u32> = accepts.iter().map(|accepts| u32::from(*accepts)).collect();
    let mut count = 0;
    loop {
        let mut numbers: FxHashMap<Vec<u32>, u32> = FxHashMap::default();
        let mut split = Vec::with_capacity(blocks.len());
        for (state, block) in blocks.iter().enumerate() {
            let row = next
                .get(state * width..(state + 1) * width)
                .unwrap_or_default();
            let mut key = Vec::with_capacity(width + 1);
            key.push(*block);
            key.extend(row.iter().map(|after| by(&blocks, *after)));
            let fresh = u32::try_from(numbers.len()).unwrap_or(0);
            split.push(*numbers.entry(key).or_insert(fresh));
        }
        if numbers.len() == count {
            return split;
        }
        count = numbers.len();
        blocks = split;
    }
}
