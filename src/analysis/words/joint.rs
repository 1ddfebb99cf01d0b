//! Many automata as one.
//!
//! What all of them have come to is a single number: automata are put together in pairs, pairs in
//! pairs of pairs, and so on, and each pair numbers what its two halves have come to. A step of
//! the whole is then one look-up of two numbers, however many automata there are, and what a few of
//! them do is found out once and not in every state of the others. States are made as they are met.

use std::rc::Rc;

use rustc_hash::FxHashMap;

use crate::analysis::automaton::{Automaton, DEAD};
use crate::analysis::bits::Bits;
use crate::analysis::classes::Classes;

/// Automata that walk together.
pub(super) enum Joint {
    One(One),
    Pair(Box<Pair>),
}

impl Joint {
    /// These automata over joint classes of characters, of which `characters` has one each; `None`
    /// where there are more than can be numbered.
    pub(super) fn new(
        automata: &[impl AsRef<Automaton>],
        classes: &Classes,
        characters: &[usize],
    ) -> Option<Self> {
        match automata {
            [] => Some(Self::One(One::none(characters))),
            automata => Self::of(automata, 0, classes, characters),
        }
    }

    fn of(
        automata: &[impl AsRef<Automaton>],
        first: usize,
        classes: &Classes,
        characters: &[usize],
    ) -> Option<Self> {
        if let [automaton] = automata {
            let one = One::new(automaton.as_ref(), first, classes, characters);
            return one.map(Self::One);
        }
        let half = automata.len() / 2;
        let (left, right) = automata.split_at(half);
        Some(Self::Pair(Box::new(Pair::new(
            Self::of(left, first, classes, characters)?,
            Self::of(right, first + half, classes, characters)?,
        ))))
    }

    /// The state before the first character.
    pub(super) fn start(&mut self) -> u32 {
        match self {
            Self::One(one) => one.start,
            Self::Pair(pair) => {
                let (left, right) = (pair.left.start(), pair.right.start());
                pair.number(left, right)
            }
        }
    }

    /// Finds out where characters lead from a state: to be called before `next` and `firsts`.
    pub(super) fn expand(&mut self, state: u32) {
        if let Self::Pair(pair) = self {
            pair.expand(state);
        }
    }

    /// The state after each group of characters that lead different ways.
    pub(super) fn next(&self, state: u32) -> &[u32] {
        let (cells, at) = match self {
            Self::One(one) => (&one.cells, one.states.get(state as usize).map(|one| one.at)),
            Self::Pair(pair) => (
                &pair.cells,
                pair.states.get(state as usize).map(|pair| pair.at),
            ),
        };
        let cells = at.and_then(|at| cells.get(at as usize..));
        let cells = cells.and_then(|cells| cells.get(..self.firsts(state).len()));
        cells.unwrap_or_default()
    }

    /// The first character of each of these groups.
    pub(super) fn firsts(&self, state: u32) -> &[u32] {
        let groupings = match self {
            Self::One(one) => &one.groupings,
            Self::Pair(pair) => &pair.groupings,
        };
        let firsts = groupings.firsts.get(self.grouping(state) as usize);
        firsts.map(Box::as_ref).unwrap_or_default()
    }

    fn grouping(&self, state: u32) -> u32 {
        match self {
            Self::One(one) => one.states.get(state as usize).map(|state| state.grouping),
            Self::Pair(pair) => pair.states.get(state as usize).map(|state| state.grouping),
        }
        .unwrap_or(UNKNOWN)
    }

    /// Which of them can still accept, as the number of a set.
    pub(super) fn alive(&self, state: u32) -> u32 {
        match self {
            Self::One(_) => u32::from(state != DEAD),
            Self::Pair(pair) => pair
                .states
                .get(state as usize)
                .map_or(0, |state| state.alive),
        }
    }

    /// Which of them accept, as the number of a set.
    pub(super) fn accepting(&self, state: u32) -> u32 {
        match self {
            Self::One(one) => one
                .states
                .get(state as usize)
                .map_or(0, |state| state.accepts.into()),
            Self::Pair(pair) => pair
                .states
                .get(state as usize)
                .map_or(0, |state| state.accepting),
        }
    }

    /// Puts the automata of a set that `alive` numbers into `out`.
    pub(super) fn alive_set(&self, set: u32, out: &mut Bits) {
        self.set(set, |pair| &pair.alive, out);
    }

    /// Puts the automata of a set that `accepting` numbers into `out`.
    pub(super) fn accepting_set(&self, set: u32, out: &mut Bits) {
        self.set(set, |pair| &pair.accepting, out);
    }

    fn set(&self, set: u32, of: fn(&Pair) -> &Numbers, out: &mut Bits) {
        match self {
            Self::One(one) if set != 0 => out.insert(one.number),
            Self::Pair(pair) if set != 0 => {
                if let Some((left, right)) = of(pair).pairs.get(set as usize) {
                    pair.left.set(*left, of, out);
                    pair.right.set(*right, of, out);
                }
            }
            Self::One(_) | Self::Pair(_) => {}
        }
    }
}

/// What has no number yet.
const UNKNOWN: u32 = u32::MAX;

/// One automaton.
pub(super) struct One {
    number: usize,
    start: u32,
    states: Vec<OneState>,
    /// For each state, from `at` on, the state after each group of its grouping.
    cells: Vec<u32>,
    groupings: Groupings,
}

struct OneState {
    grouping: u32,
    at: u32,
    accepts: bool,
}

impl One {
    /// No automaton: one state, which everything leads to.
    fn none(characters: &[usize]) -> Self {
        let mut groupings = Groupings::default();
        let state = OneState {
            grouping: groupings.number(vec![0; characters.len()]),
            at: 0,
            accepts: false,
        };
        Self {
            number: 0,
            start: DEAD,
            states: vec![state],
            cells: vec![DEAD],
            groupings,
        }
    }

    fn new(
        automaton: &Automaton,
        number: usize,
        classes: &Classes,
        characters: &[usize],
    ) -> Option<Self> {
        let map = automaton.map_from(classes);
        let own = characters.iter().map(|class| map.get(*class).copied());
        let own: Vec<usize> = own.collect::<Option<_>>()?;
        let mut one = Self {
            number,
            start: automaton.start(),
            states: Vec::with_capacity(automaton.size()),
            cells: Vec::new(),
            groupings: Groupings::default(),
        };
        // Few states differ in which characters lead the same way.
        let mut known: FxHashMap<Vec<u32>, u32> = FxHashMap::default();
        for state in 0..u32::try_from(automaton.size()).ok()? {
            let mut firsts: FxHashMap<u32, u32> = FxHashMap::default();
            let after = (0..automaton.classes().count()).map(|class| automaton.step(state, class));
            let alike = after.map(|after| {
                let fresh = u32::try_from(firsts.len()).unwrap_or(UNKNOWN);
                *firsts.entry(after).or_insert(fresh)
            });
            let alike: Vec<u32> = alike.collect();
            let grouping = if let Some(known) = known.get(&alike) {
                *known
            } else {
                let groups = own.iter().map(|class| alike.get(*class).copied());
                let grouping = one.groupings.number(groups.collect::<Option<_>>()?);
                known.insert(alike, grouping);
                grouping
            };
            one.states.push(OneState {
                grouping,
                at: u32::try_from(one.cells.len()).ok()?,
                accepts: automaton.is_accepting(state),
            });
            let firsts = one.groupings.firsts.get(grouping as usize)?;
            for first in firsts {
                let class = own.get(*first as usize)?;
                one.cells.push(automaton.step(state, *class));
            }
        }
        Some(one)
    }
}

/// Two of them together.
pub(super) struct Pair {
    left: Joint,
    right: Joint,
    numbers: FxHashMap<(u32, u32), u32>,
    states: Vec<PairState>,
    cells: Vec<u32>,
    groupings: Groupings,
    /// What two groupings are together.
    common: FxHashMap<(u32, u32), Common>,
    alive: Numbers,
    accepting: Numbers,
}

struct PairState {
    left: u32,
    right: u32,
    alive: u32,
    accepting: u32,
    /// `UNKNOWN` until it is expanded, as `at` is.
    grouping: u32,
    at: u32,
}

/// The common refinement of two groupings: its number, and for each of its groups the two that it
/// is part of.
type Common = (u32, Rc<[(u32, u32)]>);

impl Pair {
    fn new(left: Joint, right: Joint) -> Self {
        let mut pair = Self {
            left,
            right,
            numbers: FxHashMap::default(),
            states: Vec::new(),
            cells: Vec::new(),
            groupings: Groupings::default(),
            common: FxHashMap::default(),
            alive: Numbers::default(),
            accepting: Numbers::default(),
        };
        pair.alive.number(0, 0);
        pair.accepting.number(0, 0);
        // What can accept nothing any more is the first state, as in an automaton.
        pair.number(DEAD, DEAD);
        pair
    }

    fn number(&mut self, left: u32, right: u32) -> u32 {
        let fresh = u32::try_from(self.states.len()).unwrap_or(UNKNOWN);
        let number = *self.numbers.entry((left, right)).or_insert(fresh);
        if number == fresh {
            let alive = (self.left.alive(left), self.right.alive(right));
            let accepting = (self.left.accepting(left), self.right.accepting(right));
            self.states.push(PairState {
                left,
                right,
                alive: self.alive.number(alive.0, alive.1),
                accepting: self.accepting.number(accepting.0, accepting.1),
                grouping: UNKNOWN,
                at: UNKNOWN,
            });
        }
        number
    }

    fn expand(&mut self, state: u32) {
        let Some(&PairState {
            left,
            right,
            at: UNKNOWN,
            ..
        }) = self.states.get(state as usize)
        else {
            return;
        };
        self.left.expand(left);
        self.right.expand(right);
        let (grouping, groups) = self.common(left, right);
        let at = u32::try_from(self.cells.len()).unwrap_or(UNKNOWN);
        for (group_left, group_right) in groups.iter() {
            let after = |joint: &Joint, state: u32, group: u32| {
                let cell = joint.next(state).get(group as usize);
                cell.copied().unwrap_or(DEAD)
            };
            let after_left = after(&self.left, left, *group_left);
            let after_right = after(&self.right, right, *group_right);
            let after = self.number(after_left, after_right);
            self.cells.push(after);
        }
        if let Some(state) = self.states.get_mut(state as usize) {
            (state.grouping, state.at) = (grouping, at);
        }
    }

    fn common(&mut self, left: u32, right: u32) -> Common {
        let (left, right) = (self.left.grouping(left), self.right.grouping(right));
        if let Some((grouping, groups)) = self.common.get(&(left, right)) {
            return (*grouping, Rc::clone(groups));
        }
        let mut numbers = Numbers::default();
        let of = |joint: &Joint, grouping: u32| {
            let groupings = match joint {
                Joint::One(one) => &one.groupings,
                Joint::Pair(pair) => &pair.groupings,
            };
            groupings.groups.get(grouping as usize).map(Rc::clone)
        };
        let groups = of(&self.left, left).zip(of(&self.right, right));
        let groups = groups.map(|(left, right)| {
            let pairs = left.iter().zip(right.iter());
            pairs
                .map(|(left, right)| numbers.number(*left, *right))
                .collect()
        });
        let grouping = self.groupings.number(groups.unwrap_or_default());
        let groups: Rc<[(u32, u32)]> = numbers.pairs.into();
        self.common
            .insert((left, right), (grouping, Rc::clone(&groups)));
        (grouping, groups)
    }
}

/// Ways to put characters into groups that lead the same way.
#[derive(Default)]
struct Groupings {
    /// For each way the group of each character; groups are numbered by their first characters.
    groups: Vec<Rc<[u32]>>,
    /// For each way the first character of each group.
    firsts: Vec<Box<[u32]>>,
    numbers: FxHashMap<Rc<[u32]>, u32>,
}

impl Groupings {
    fn number(&mut self, mut groups: Vec<u32>) -> u32 {
        let mut renumbered: FxHashMap<u32, u32> = FxHashMap::default();
        let mut firsts = Vec::new();
        for (character, group) in (0_u32..).zip(&mut groups) {
            let fresh = u32::try_from(firsts.len()).unwrap_or(UNKNOWN);
            *group = *renumbered.entry(*group).or_insert_with(|| {
                firsts.push(character);
                fresh
            });
        }
        let groups: Rc<[u32]> = groups.into();
        let fresh = u32::try_from(self.groups.len()).unwrap_or(UNKNOWN);
        let number = *self.numbers.entry(Rc::clone(&groups)).or_insert(fresh);
        if number == fresh {
            self.groups.push(groups);
            self.firsts.push(firsts.into());
        }
        number
    }
}

/// Pairs of numbers, numbered as they are met.
#[derive(Default)]
struct Numbers {
    pairs: Vec<(u32, u32)>,
    numbers: FxHashMap<(u32, u32), u32>,
}

impl Numbers {
    fn number(&mut self, left: u32, right: u32) -> u32 {
        let fresh = u32::try_from(self.pairs.len()).unwrap_or(UNKNOWN);
        let number = *self.numbers.entry((left, right)).or_insert(fresh);
        if number == fresh {
            self.pairs.push((left, right));
        }
        number
    }
}
