//! What a tool's template makes of its input: a line as an automaton over kinds of words.
//!
//! A line is a row of elements. Which word belongs to which element is not always told by the word
//! itself, so a state is the set of everything that the words so far can have been.

use rustc_hash::FxHashMap;

use super::bits::Bits;
use super::track::{self, Patterns, Track, UNKNOWN, remember};
use super::vocabulary::Test;

/// One element of a line.
#[derive(Debug, Clone)]
pub(super) enum Element {
    /// Exactly one word.
    Word {
        /// What the word must be.
        test: Test,
        /// Where it may be left out, the element after it and what is left out with it.
        skip_to: Option<usize>,
        /// The parts that the word is made of, for reading an input back from a line.
        parts: Vec<Part>,
    },
    /// The items of a list.
    Splice {
        /// The parameter.
        parameter: String,
        /// What each item must be.
        item: Test,
        /// The rules on the items: first every `deny`, then every `allow`.
        rules: Option<Box<Rules>>,
        /// The fewest items.
        least: usize,
        /// The most items, where they are counted.
        most: Option<usize>,
        /// Whether the whole list may be left out.
        may_be_absent: bool,
    },
}

/// A part of a word.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Part {
    /// Text that always stands there.
    Literal(String),
    /// A parameter that is a text.
    Text(String),
    /// A parameter that is a number or a boolean.
    Scalar(String),
    /// Text that is made from the input in a way that cannot be read back.
    Opaque(String),
}

/// The rules on a list.
#[derive(Debug, Clone)]
pub(super) struct Rules {
    /// How many of the patterns deny,
    pub(super) denies: usize,
    /// and where those end that allow; the others are conditions.
    pub(super) allows: usize,
    /// Whether one must allow.
    pub(super) closed: bool,
    /// For each condition whether its pattern must match or must not.
    pub(super) conditions: Vec<bool>,
    /// All patterns.
    pub(super) track: Track,
}

impl Rules {
    fn let_through(&self, state: u32) -> bool {
        let Some(matching) = self.track.accepting(state) else {
            return false;
        };
        let denied = matching.iter().any(|rule| rule < self.denies);
        let allows = self.denies..self.allows;
        let mut conditions = (self.allows..).zip(&self.conditions);
        !denied
            && (!self.closed || matching.iter().any(|rule| allows.contains(&rule)))
            && conditions.all(|(rule, must)| matching.contains(rule) == *must)
    }

    /// The same where one pattern more must match, or must not.
    pub(super) fn with_condition(&self, pattern: &Patterns, must: bool) -> Self {
        let conditions = self.conditions.iter().copied().chain([must]);
        Self {
            conditions: conditions.collect(),
            track: Track::new(Patterns::beside([self.track.patterns(), pattern])),
            ..*self
        }
    }

    fn is_hopeless(&self, state: u32) -> bool {
        let settled = self.track.settled(state);
        settled.is_some_and(|settled| settled.iter().any(|rule| rule < self.denies))
    }
}

/// Where in a line the words so far can have led.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Spot {
    /// The next element; inside a list, that list.
    element: u32,
    /// Inside a list: the state of its rules, and how many items there were.
    inside: Option<(u32, u16)>,
}

/// A line's automaton, as far as it was walked.
#[derive(Debug)]
pub(super) struct Line {
    elements: Vec<Element>,
    states: Vec<Vec<Spot>>,
    numbers: FxHashMap<Vec<Spot>, u32>,
    accepts: Vec<bool>,
    /// For each group of words what each element makes of them.
    groups: Vec<Vec<Taken>>,
    by_answer: FxHashMap<Vec<Taken>, u32>,
    /// For each state and each group the state after it.
    steps: Vec<Vec<u32>>,
    /// How many spots were looked at.
    work: usize,
}

/// What an element makes of a word: nothing, or for a list the group of its rules.
type Taken = Option<u32>;

/// The state of a line that no words can complete.
pub(super) const IMPOSSIBLE: u32 = 0;

/// The state of a line before the first word.
pub(super) const START: u32 = 1;

impl Line {
    pub(super) fn new(elements: Vec<Element>) -> Self {
        let mut line = Self {
            elements,
            states: Vec::new(),
            numbers: FxHashMap::default(),
            accepts: Vec::new(),
            groups: Vec::new(),
            by_answer: FxHashMap::default(),
            steps: Vec::new(),
            work: 0,
        };
        line.number(Vec::new());
        line.number(vec![Spot {
            element: 0,
            inside: None,
        }]);
        line
    }

    /// Whether the words so far can be a whole line.
    pub(super) fn is_whole(&self, state: u32) -> bool {
        self.accepts.get(state as usize).copied().unwrap_or(false)
    }

    /// How much it took to walk as far as it was walked, in spots.
    pub(super) fn work(&self) -> usize {
        self.work
    }

    /// What makes it long to walk: the list of which the most items are counted.
    pub(super) fn longest(&self) -> Option<String> {
        let lists = self.elements.iter().filter_map(|element| match element {
            Element::Splice {
                parameter,
                least,
                most,
                ..
            } => Some((most.unwrap_or(0).max(*least), parameter)),
            Element::Word { .. } => None,
        });
        let (items, parameter) = lists.max()?;
        (items > 1).then(|| format!("counting up to {items} items of `{parameter}`"))
    }

    /// Its elements.
    pub(super) fn elements(&self) -> &[Element] {
        &self.elements
    }

    /// The group of words with these answers: those of one group are the same here.
    pub(super) fn group(&mut self, answers: &Bits) -> u32 {
        let taken: Vec<Taken> = self
            .elements
            .iter_mut()
            .map(|element| match element {
                Element::Word { test, .. } => test.holds(answers).then_some(0),
                Element::Splice { item, rules, .. } => item.holds(answers).then(|| {
                    let rules = rules.as_mut();
                    rules.map_or(0, |rules| rules.track.group(answers))
                }),
            })
            .collect();
        if let Some(known) = self.by_answer.get(&taken) {
            return *known;
        }
        let group = u32::try_from(self.groups.len()).unwrap_or(UNKNOWN);
        self.by_answer.insert(taken.clone(), group);
        self.groups.push(taken);
        group
    }

    /// The state after one more word of a group.
    pub(super) fn after(&mut self, state: u32, group: u32) -> u32 {
        let known = self
            .steps
            .get(state as usize)
            .and_then(|row| row.get(group as usize));
        if let Some(next) = known.copied().filter(|next| *next != UNKNOWN) {
            return next;
        }
        let spots = self.states.get(state as usize).cloned().unwrap_or_default();
        let taken = self.groups.get(group as usize).cloned().unwrap_or_default();
        let mut after: Vec<Spot> = Vec::new();
        self.work += spots.len();
        for spot in spots {
            self.follow(spot, &taken, &mut after);
        }
        after.sort_unstable();
        after.dedup();
        let next = self.number(after);
        if let Some(row) = self.steps.get_mut(state as usize) {
            remember(row, group, next);
        }
        next
    }

    /// For each word of a line the element that it belongs to, in one way of reading the line.
    pub(super) fn reading(&mut self, words: &[&Bits]) -> Option<Vec<usize>> {
        let mut layers: Vec<Vec<(Spot, usize)>> = vec![vec![(
            Spot {
                element: 0,
                inside: None,
            },
            0,
        )]];
        for answers in words {
            let group = self.group(answers);
            let taken = self.groups.get(group as usize)?.clone();
            let mut next: Vec<(Spot, usize)> = Vec::new();
            for (from, (spot, _)) in layers.last()?.clone().into_iter().enumerate() {
                let mut after = Vec::new();
                self.follow(spot, &taken, &mut after);
                for spot in after {
                    if !next.iter().any(|(known, _)| *known == spot) {
                        next.push((spot, from));
                    }
                }
            }
            layers.push(next);
        }
        let last = layers.last()?;
        let mut at = last.iter().position(|(spot, _)| self.completes(*spot))?;
        let mut reading = Vec::new();
        for layer in layers.iter().skip(1).rev() {
            let (spot, from) = layer.get(at)?;
            let element = spot.element as usize;
            // Behind a word stands the element after it.
            reading.push(if spot.inside.is_some() {
                element
            } else {
                element.checked_sub(1)?
            });
            at = *from;
        }
        reading.reverse();
        Some(reading)
    }

    fn number(&mut self, state: Vec<Spot>) -> u32 {
        if let Some(number) = self.numbers.get(&state) {
            return *number;
        }
        let number = u32::try_from(self.states.len()).unwrap_or(UNKNOWN);
        self.accepts
            .push(state.iter().any(|spot| self.completes(*spot)));
        self.steps.push(Vec::new());
        self.numbers.insert(state.clone(), number);
        self.states.push(state);
        number
    }

    /// Every spot that a word leads to from one.
    fn follow(&mut self, spot: Spot, taken: &[Taken], out: &mut Vec<Spot>) {
        let mut at = spot.element as usize;
        let group = |at: usize| taken.get(at).copied().flatten();
        if let Some((state, items)) = spot.inside {
            self.item(at, state, items, group(at), out);
            if !self.may_end(at, state, items) {
                return;
            }
            at += 1;
        }
        while let Some(element) = self.elements.get(at) {
            match element {
                Element::Word { skip_to, .. } => {
                    if group(at).is_some()
                        && let Ok(element) = u32::try_from(at + 1)
                    {
                        out.push(Spot {
                            element,
                            inside: None,
                        });
                    }
                    match skip_to {
                        Some(next) => at = *next,
                        None => return,
                    }
                }
                Element::Splice { .. } => {
                    self.item(at, track::START, 0, group(at), out);
                    if !self.may_be_empty(at) {
                        return;
                    }
                    at += 1;
                }
            }
        }
    }

    /// One more item of a list.
    fn item(&mut self, at: usize, state: u32, items: u16, taken: Taken, out: &mut Vec<Spot>) {
        let (
            Some(Element::Splice {
                rules, least, most, ..
            }),
            Some(group),
        ) = (self.elements.get_mut(at), taken)
        else {
            return;
        };
        let enough = u16::try_from(*least).unwrap_or(u16::MAX);
        let full = most.map(|most| u16::try_from(most).unwrap_or(u16::MAX));
        if full.is_some_and(|full| items >= full) {
            return;
        }
        let mut next = 0;
        if let Some(rules) = rules {
            next = rules.track.after(state, group);
            if rules.is_hopeless(next) {
                return;
            }
        }
        // Beyond what anybody asks for, more items are no different.
        let items = items.saturating_add(1).min(full.unwrap_or(enough));
        if let Ok(element) = u32::try_from(at) {
            out.push(Spot {
                element,
                inside: Some((next, items)),
            });
        }
    }

    /// Whether a list may end after so many items.
    fn may_end(&self, at: usize, state: u32, items: u16) -> bool {
        match self.elements.get(at) {
            Some(Element::Splice { rules, least, .. }) => {
                usize::from(items) >= *least
                    && rules.as_ref().is_none_or(|rules| rules.let_through(state))
            }
            _ => false,
        }
    }

    /// Whether a list may have no items, or be left out.
    fn may_be_empty(&self, at: usize) -> bool {
        match self.elements.get(at) {
            Some(Element::Splice {
                may_be_absent,
                rules: _,
                ..
            }) => {
                let start = track::START;
                *may_be_absent || self.may_end(at, start, 0)
            }
            _ => false,
        }
    }

    /// Whether nothing more is needed after a spot.
    fn completes(&self, spot: Spot) -> bool {
        let mut at = spot.element as usize;
        if let Some((state, items)) = spot.inside {
            if !self.may_end(at, state, items) {
                return false;
            }
            at += 1;
        }
        while let Some(element) = self.elements.get(at) {
            at = match element {
                Element::Word {
                    skip_to: Some(next),
                    ..
                } => *next,
                Element::Splice { .. } if self.may_be_empty(at) => at + 1,
                _ => return false,
            };
        }
        true
    }
}
