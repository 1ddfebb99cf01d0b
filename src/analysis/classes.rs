//! Classes of characters that a question cannot tell apart.
//!
//! The alphabet of every automaton here is Unicode scalar values, never bytes: valid UTF-8 is then
//! automatic, and a look at a word boundary needs one neighbouring character and nothing else.

use rustc_hash::FxHashMap;

/// Surrogates are no scalar values: from here
const SURROGATES: u32 = 0xD800;

/// to before here.
const AFTER_SURROGATES: u32 = 0xE000;

/// Behind the last scalar value.
const END: u32 = 0x11_0000;

/// The class of what is no scalar value.
const NONE: u16 = u16::MAX;

/// A map from every scalar value to its class, as stretches.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Classes {
    /// The first value of each stretch, ascending; the first is 0.
    starts: Vec<u32>,
    /// The number of each stretch's class.
    numbers: Vec<u16>,
    count: u16,
}

/// Scalar values as inclusive ranges, ascending and apart.
pub(super) type Ranges = Vec<(u32, u32)>;

impl Classes {
    /// The coarsest classes in which every set is a union of some; `None` when there are too many.
    pub(super) fn telling_apart<'a>(
        sets: impl IntoIterator<Item = &'a Ranges> + Clone,
    ) -> Option<Self> {
        let mut starts = vec![0, SURROGATES, AFTER_SURROGATES];
        for set in sets.clone() {
            for (first, last) in set {
                starts.extend([*first, last + 1]);
            }
        }
        let mut classes = Self::one(starts);
        for set in sets {
            let mut ranges = set.iter().peekable();
            classes.split(|start| {
                while ranges.next_if(|(_, last)| *last < start).is_some() {}
                u16::from(ranges.peek().is_some_and(|(first, _)| *first <= start))
            })?;
        }
        Some(classes)
    }

    /// The coarsest classes that are finer than each of several.
    pub(super) fn refining<'a>(all: impl IntoIterator<Item = &'a Self> + Clone) -> Option<Self> {
        let starts = all.clone().into_iter().flat_map(|one| one.starts.clone());
        let starts = [0, SURROGATES, AFTER_SURROGATES].into_iter().chain(starts);
        let mut classes = Self::one(starts.collect());
        for one in all {
            let mut stretches = one.stretches().peekable();
            let mut class = 0;
            classes.split(|start| {
                while let Some((_, next)) = stretches.next_if(|(first, _)| *first <= start) {
                    class = next;
                }
                class
            })?;
        }
        Some(classes)
    }

    /// Everything in one class, with stretches that begin at these values.
    fn one(mut starts: Vec<u32>) -> Self {
        starts.sort_unstable();
        starts.dedup();
        starts.retain(|start| *start < END);
        let class = |start: &u32| {
            if (SURROGATES..AFTER_SURROGATES).contains(start) {
                NONE
            } else {
                0
            }
        };
        Self {
            numbers: starts.iter().map(class).collect(),
            starts,
            count: 1,
        }
    }

    /// Splits every class by what a label says of each stretch, asked in ascending order.
    fn split(&mut self, mut label: impl FnMut(u32) -> u16) -> Option<()> {
        let mut numbers: FxHashMap<(u16, u16), u16> = FxHashMap::default();
        for (start, class) in self.starts.iter().zip(&mut self.numbers) {
            let label = label(*start);
            if *class != NONE {
                let next = u16::try_from(numbers.len()).ok().filter(|n| *n != NONE)?;
                *class = *numbers.entry((*class, label)).or_insert(next);
            }
        }
        self.count = u16::try_from(numbers.len()).ok()?;
        Some(())
    }

    /// The same with several classes as one: `merged` gives each its new number.
    pub(super) fn merged(&self, merged: &[u16]) -> Self {
        let mut starts: Vec<u32> = Vec::new();
        let mut numbers: Vec<u16> = Vec::new();
        for (start, class) in self.stretches() {
            let class = merged.get(usize::from(class)).copied().unwrap_or(NONE);
            if numbers.last() != Some(&class) {
                starts.push(start);
                numbers.push(class);
            }
        }
        let highest = merged.iter().max().copied().unwrap_or(0);
        Self {
            starts,
            numbers,
            count: highest + 1,
        }
    }

    /// How many classes there are.
    pub(super) fn count(&self) -> usize {
        usize::from(self.count)
    }

    /// The class of a character.
    pub(super) fn of(&self, character: char) -> usize {
        let at = self
            .starts
            .partition_point(|start| *start <= u32::from(character));
        let class = self.numbers.get(at.wrapping_sub(1)).copied();
        usize::from(class.unwrap_or(0))
    }

    /// The first value of every stretch with its class.
    pub(super) fn stretches(&self) -> impl Iterator<Item = (u32, u16)> + '_ {
        self.starts
            .iter()
            .copied()
            .zip(self.numbers.iter().copied())
    }

    /// For each class the character of it that reads best, with what it costs to read.
    pub(super) fn representatives(&self) -> Vec<(char, u32)> {
        let mut best: Vec<Option<(char, u32)>> = vec![None; self.count()];
        let offer = |best: &mut Vec<Option<(char, u32)>>, character: char, class: usize| {
            let cost = reading_cost(character);
            if let Some(slot) = best.get_mut(class)
                && slot.is_none_or(|(_, least)| cost < least)
            {
                *slot = Some((character, cost));
            }
        };
        for character in '\0'..='\u{7f}' {
            offer(&mut best, character, self.of(character));
        }
        for (at, (start, class)) in self.stretches().enumerate() {
            let read = best.get(usize::from(class)).copied().flatten();
            if class == NONE || read.is_some_and(|(_, cost)| cost <= LEAST_BEYOND_ASCII) {
                continue;
            }
            let end = self.starts.get(at + 1).copied().unwrap_or(END);
            // A stretch may begin with what cannot be seen and go on with letters.
            for character in (start..end).take(MOST_TRIED).filter_map(char::from_u32) {
                offer(&mut best, character, usize::from(class));
            }
        }
        best.into_iter()
            .map(|best| best.unwrap_or(('\u{fffd}', reading_cost('\u{fffd}'))))
            .collect()
    }
}

/// So many values of a stretch are looked at for one that reads well.
const MOST_TRIED: usize = 64;

/// The least that a character beyond ASCII costs.
const LEAST_BEYOND_ASCII: u32 = 30;

/// What a character costs in a witness: letters read best, and what cannot be seen worst. The
/// dearest costs six times the cheapest, so that a cheap word is a short word too.
pub(super) fn reading_cost(character: char) -> u32 {
    match character {
        // One letter is cheaper than the rest, so that words come out the same on every machine.
        'a' => 10,
        'b'..='z' => 11,
        '0'..='9' => 13,
        '-' | '.' | '/' | '_' | ':' | '=' | ',' => 15,
        'A'..='Z' => 17,
        '!'..='~' => 22,
        ' ' => 26,
        _ if character.is_ascii_control() => 60,
        _ if character.is_alphabetic() => LEAST_BEYOND_ASCII,
        _ => 45,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn characters_are_told_apart_by_the_sets_and_by_nothing_else() {
        let lower = vec![(u32::from('a'), u32::from('z'))];
        let vowels = "aeiou".chars().map(|c| (u32::from(c), u32::from(c)));
        let vowels: Ranges = vowels.collect();
        let classes = Classes::telling_apart([&lower, &vowels]).unwrap();
        assert_eq!(classes.count(), 3);
        assert_eq!(classes.of('a'), classes.of('u'));
        assert_eq!(classes.of('b'), classes.of('z'));
        assert_eq!(classes.of('A'), classes.of('\u{10ffff}'));
        assert_ne!(classes.of('a'), classes.of('b'));
        let readable: Vec<char> = classes
            .representatives()
            .iter()
            .map(|best| best.0)
            .collect();
        let mut sorted = readable.clone();
        sorted.sort_unstable();
        assert_eq!(sorted, ['0', 'a', 'b']);
    }

    #[test]
    fn refining_keeps_every_difference_and_makes_none() {
        let set = |from: char, to: char| vec![(u32::from(from), u32::from(to))];
        let one = Classes::telling_apart([&set('a', 'm')]).unwrap();
        let two = Classes::telling_apart([&set('h', 'z'), &set('\u{e000}', '\u{f000}')]).unwrap();
        let both = Classes::refining([&one, &two]).unwrap();
        assert_eq!(both.count(), 5);
        assert_eq!(both.of('a'), both.of('g'));
        assert_ne!(both.of('g'), both.of('h'));
        assert_ne!(both.of('m'), both.of('n'));
        assert_eq!(Classes::refining([&both, &one]).unwrap(), both);
    }
}
