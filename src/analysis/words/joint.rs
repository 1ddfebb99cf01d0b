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
use crate::analysis::grouping::Groupings;

/// The tables of all parts together may have this many cells.
const MOST_CELLS: usize = 1 << 25;

/// Automata that walk together.
pub(super) struct Joint {
    whole: Part,
    /// Which characters lead the same way from a state.
    groupings: Groupings,
    /// So many cells more may be filled.
    room: usize,
}

impl Joint {
    /// These automata over joint classes of characters, of which `characters` has one each; `None`
    /// where there are more than the budget allows.
    pub(super) fn new(
        automata: &[impl AsRef<Automaton>],
        classes: &Classes,
        characters: &[usize],
    ) -> Option<Self> {
        let mut groupings = Groupings::default();
        let mut parts = Vec::with_capacity(automata.len());
        for (number, automaton) in automata.iter().enumerate() {
            let one = One::new(
                automaton.as_ref(),
                number,
                classes,
                characters,
                &mut groupings,
            );
            parts.push(Part::One(one?));
        }
        if parts.is_empty() {
            parts.push(Part::One(One::none(characters, &mut groupings)));
        }
        let mut room = MOST_CELLS;
        while parts.len() > 1 {
            let mut halves = parts.into_iter();
            parts = Vec::new();
            while let Some(left) = halves.next() {
                parts.push(match halves.next() {
                    Some(right) => Part::Pair(Box::new(Pair::new(left, right, &mut room)?)),
                    None => left,
                });
            }
        }
        Some(Self {
            whole: parts.pop()?,
            groupings,
            room,
        })
    }

    /// The state before the first character; `None` where the budget ran out.
    pub(super) fn start(&mut self) -> Option<u32> {
        self.whole.start(&mut self.room)
    }

    /// Writes the ways on from a state: one character of each group that leads another way, the
    /// first, and the state after it. `None` where the budget ran out.
    pub(super) fn onward(&mut self, state: u32, out: &mut Vec<(u32, u32)>) -> Option<()> {
        self.whole
            .expand(state, &mut self.groupings, &mut self.room)?;
        let firsts = self.groupings.firsts(self.whole.grouping(state)?);
        let after = self.whole.after(state).get(..firsts.len())?;
        out.clear();
        out.extend(firsts.iter().copied().zip(after.iter().copied()));
        Some(())
    }

    /// Which automata can still accept, as the number of a set.
    pub(super) fn alive(&self, state: u32) -> u32 {
        self.whole.alive(state)
    }

    /// Which automata accept, as the number of a set.
    pub(super) fn accepting(&self, state: u32) -> u32 {
        self.whole.accepting(state)
    }

    /// The automata of a set that `alive` numbers, of so many.
    pub(super) fn alive_set(&self, set: u32, automata: usize) -> Bits {
        let mut out = Bits::none(automata);
        self.whole.set(set, |pair| &pair.alive, &mut out);
        out
    }

    /// The automata of a set that `accepting` numbers, of so many.
    pub(super) fn accepting_set(&self, set: u32, automata: usize) -> Bits {
        let mut out = Bits::none(automata);
        self.whole.set(set, |pair| &pair.accepting, &mut out);
        out
    }
}

/// An automaton, or two parts together.
enum Part {
    One(One),
    Pair(Box<Pair>),
}

impl Part {
    fn start(&mut self, room: &mut usize) -> Option<u32> {
        match self {
            Self::One(one) => Some(one.start),
            Self::Pair(pair) => {
                let (left, right) = (pair.left.start(room)?, pair.right.start(room)?);
                pair.number(left, right, room)
            }
        }
    }

    /// Finds out where characters lead from a state.
    fn expand(&mut self, state: u32, groupings: &mut Groupings, room: &mut usize) -> Option<()> {
        match self {
            Self::One(_) => Some(()),
            Self::Pair(pair) => pair.expand(state, groupings, room),
        }
    }

    /// The state after each group of characters, where the state is expanded.
    fn after(&self, state: u32) -> &[u32] {
        let (cells, at) = match self {
            Self::One(one) => (&one.cells, one.states.get(state as usize).map(|one| one.at)),
            Self::Pair(pair) => {
                let at = pair.states.get(state as usize).map(|state| state.at);
                (&pair.cells, at)
            }
        };
        let cells = at.and_then(|at| cells.get(at as usize..));
        cells.unwrap_or_default()
    }

    /// Which characters lead the same way, where the state is expanded.
    fn grouping(&self, state: u32) -> Option<u32> {
        let state = state as usize;
        let grouping = match self {
            Self::One(one) => one.states.get(state).map(|state| state.grouping),
            Self::Pair(pair) => pair.states.get(state).map(|state| state.grouping),
        };
        grouping.filter(|grouping| *grouping != UNKNOWN)
    }

    fn alive(&self, state: u32) -> u32 {
        match self {
            Self::One(_) => u32::from(state != DEAD),
            Self::Pair(pair) => {
                let state = pair.states.get(state as usize);
                state.map_or(0, |state| state.alive)
            }
        }
    }

    fn accepting(&self, state: u32) -> u32 {
        let state = state as usize;
        match self {
            Self::One(one) => one
                .states
                .get(state)
                .map_or(0, |state| state.accepts.into()),
            Self::Pair(pair) => pair.states.get(state).map_or(0, |state| state.accepting),
        }
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
struct One {
    number: usize,
    start: u32,
    states: Vec<OneState>,
    /// For each state, from `at` on, the state after each group of its grouping.
    cells: Vec<u32>,
}

struct OneState {
    grouping: u32,
    at: u32,
    accepts: bool,
}

impl One {
    /// No automaton: one state, which everything leads to.
    fn none(characters: &[usize], groupings: &mut Groupings) -> Self {
        Self {
            number: 0,
            start: DEAD,
            states: vec![OneState {
                grouping: groupings.number(characters.iter().map(|_| 0)),
                at: 0,
                accepts: false,
            }],
            cells: vec![DEAD],
        }
    }

    fn new(
        automaton: &Automaton,
        number: usize,
        classes: &Classes,
        characters: &[usize],
        groupings: &mut Groupings,
    ) -> Option<Self> {
        let map = automaton.map_from(classes);
        let own = characters.iter().map(|class| map.get(*class).copied());
        let own: Vec<usize> = own.collect::<Option<_>>()?;
        let mut one = Self {
            number,
            start: automaton.start(),
            states: Vec::with_capacity(automaton.size()),
            cells: Vec::new(),
        };
        // Few states differ in which classes lead the same way.
        let mut classes_alike = Groupings::default();
        let mut known: Vec<u32> = Vec::new();
        for state in 0..u32::try_from(automaton.size()).ok()? {
            let after = (0..automaton.classes().count()).map(|class| automaton.step(state, class));
            let alike = classes_alike.number(after);
            let grouping = if let Some(known) = known.get(alike as usize) {
                *known
            } else {
                let alike = classes_alike.groups(alike);
                let groups = own.iter().map(|class| alike.get(*class).copied());
                let groups: Vec<u32> = groups.collect::<Option<_>>()?;
                let grouping = groupings.number(groups);
                known.push(grouping);
                grouping
            };
            one.states.push(OneState {
                grouping,
                at: u32::try_from(one.cells.len()).ok()?,
                accepts: automaton.is_accepting(state),
            });
            for first in groupings.firsts(grouping).iter() {
                let class = own.get(*first as usize)?;
                one.cells.push(automaton.step(state, *class));
            }
        }
        Some(one)
    }
}

/// Two parts together.
struct Pair {
    left: Part,
    right: Part,
    states: Vec<PairState>,
    numbers: FxHashMap<(u32, u32), u32>,
    cells: Vec<u32>,
    /// For two groupings their common one, and for each of its groups the two it is part of.
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

type Common = (u32, Rc<[(u32, u32)]>);

impl Pair {
    fn new(left: Part, right: Part, room: &mut usize) -> Option<Self> {
        let mut pair = Self {
            left,
            right,
            states: Vec::new(),
            numbers: FxHashMap::default(),
            cells: Vec::new(),
            common: FxHashMap::default(),
            alive: Numbers::default(),
            accepting: Numbers::default(),
        };
        pair.alive.number(0, 0);
        pair.accepting.number(0, 0);
        // Where nothing is accepted any more is the first state, as in an automaton.
        pair.number(DEAD, DEAD, room)?;
        Some(pair)
    }

    /// The number of a state; `None` where the budget ran out.
    fn number(&mut self, left: u32, right: u32, room: &mut usize) -> Option<u32> {
        let fresh = u32::try_from(self.states.len()).ok()?;
        let number = *self.numbers.entry((left, right)).or_insert(fresh);
        if number == fresh {
            *room = room.checked_sub(1)?;
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
        Some(number)
    }

    fn expand(&mut self, state: u32, groupings: &mut Groupings, room: &mut usize) -> Option<()> {
        let Some(&PairState {
            left,
            right,
            at: UNKNOWN,
            ..
        }) = self.states.get(state as usize)
        else {
            return Some(());
        };
        self.left.expand(left, groupings, room)?;
        self.right.expand(right, groupings, room)?;
        let (grouping, groups) = self.common(left, right, groupings, room)?;
        let at = u32::try_from(self.cells.len()).ok()?;
        *room = room.checked_sub(groups.len())?;
        for (group_left, group_right) in groups.iter() {
            let after = |part: &Part, state: u32, group: u32| {
                let cell = part.after(state).get(group as usize);
                cell.copied()
            };
            let after_left = after(&self.left, left, *group_left)?;
            let after_right = after(&self.right, right, *group_right)?;
            let after = self.number(after_left, after_right, room)?;
            self.cells.push(after);
        }
        let state = self.states.get_mut(state as usize)?;
        (state.grouping, state.at) = (grouping, at);
        Some(())
    }

    fn common(
        &mut self,
        left: u32,
        right: u32,
        groupings: &mut Groupings,
        room: &mut usize,
    ) -> Option<Common> {
        let (left, right) = (self.left.grouping(left)?, self.right.grouping(right)?);
        if let Some((grouping, groups)) = self.common.get(&(left, right)) {
            return Some((*grouping, Rc::clone(groups)));
        }
        let grouping = groupings.common(left, right);
        let (left_groups, right_groups) = (groupings.groups(left), groupings.groups(right));
        let firsts = groupings.firsts(grouping);
        let groups = firsts.iter().map(|first| {
            let group = |groups: &[u32]| groups.get(*first as usize).copied();
            Some((group(&left_groups)?, group(&right_groups)?))
        });
        let groups: Rc<[(u32, u32)]> = groups.collect::<Option<_>>()?;
        // A new way to group has a number for each character.
        *room = room.checked_sub(left_groups.len())?;
        self.common
            .insert((left, right), (grouping, Rc::clone(&groups)));
        Some((grouping, groups))
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
