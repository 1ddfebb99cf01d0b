//! Ways to put things into groups: characters, or kinds of words, that lead the same way.
//!
//! Few of the states of an automaton differ in what they tell apart, and automata that walk
//! together tell apart what each of them does. So a way to group is a number, found once, and so is
//! what two of them are together.

use std::rc::Rc;

use rustc_hash::FxHashMap;

/// Ways to group the same things, by number.
#[derive(Debug, Default)]
pub(super) struct Groupings {
    /// For each way the group of each thing; groups are numbered by their first.
    groups: Vec<Rc<[u32]>>,
    /// For each way the first thing of each group.
    firsts: Vec<Rc<[u32]>>,
    numbers: FxHashMap<Rc<[u32]>, u32>,
    common: FxHashMap<(u32, u32), u32>,
}

impl Groupings {
    /// The number of a way to group: things are in one group that have the same value here.
    pub(super) fn number(&mut self, values: impl IntoIterator<Item = u32>) -> u32 {
        self.numbered(values.into_iter())
    }

    /// Things are in one group here that both ways have in one group.
    pub(super) fn common(&mut self, one: u32, other: u32) -> u32 {
        if one == other {
            return one;
        }
        if let Some(known) = self.common.get(&(one, other)) {
            return *known;
        }
        let (left, right) = (self.groups(one), self.groups(other));
        let pairs = left.iter().zip(right.iter());
        let number = self.numbered(pairs.map(|(left, right)| (*left, *right)));
        self.common.insert((one, other), number);
        number
    }

    /// The group of each thing.
    pub(super) fn groups(&self, number: u32) -> Rc<[u32]> {
        of(&self.groups, number)
    }

    /// The first thing of each group, ascending.
    pub(super) fn firsts(&self, number: u32) -> Rc<[u32]> {
        of(&self.firsts, number)
    }

    fn numbered<T: Eq + std::hash::Hash>(&mut self, values: impl Iterator<Item = T>) -> u32 {
        let mut seen: FxHashMap<T, u32> = FxHashMap::default();
        let mut firsts: Vec<u32> = Vec::new();
        let groups = (0_u32..).zip(values).map(|(thing, value)| {
            let fresh = u32::try_from(firsts.len()).unwrap_or(u32::MAX);
            *seen.entry(value).or_insert_with(|| {
                firsts.push(thing);
                fresh
            })
        });
        let groups: Rc<[u32]> = groups.collect();
        let fresh = u32::try_from(self.groups.len()).unwrap_or(u32::MAX);
        let number = *self.numbers.entry(Rc::clone(&groups)).or_insert(fresh);
        if number == fresh {
            self.groups.push(groups);
            self.firsts.push(firsts.into());
        }
        number
    }
}

fn of(all: &[Rc<[u32]>], number: u32) -> Rc<[u32]> {
    all.get(number as usize)
        .map_or_else(|| Rc::new([]), Rc::clone)
}
