//! Level one against brute force over all short words: every kind that a short word realises is
//! found, and every kind that is found is real.

use std::collections::{BTreeMap, HashMap};

use regex_automata::meta;
use regex_syntax::hir::Hir;

use super::expressions::{ALPHABET, Shape, engine, probes, read};
use super::{Random, draw, is_whole_run, words_over};
use crate::analysis::bits::Bits;
use crate::analysis::classes::Classes;
use crate::analysis::vocabulary::{Test, Vocabulary};
use crate::analysis::words::Words;

/// Questions, and how the engine answers them.
struct Asked {
    vocabulary: Vocabulary,
    meant: Vec<(meta::Regex, Option<u32>)>,
    hirs: Vec<Hir>,
    printed: String,
}

impl Asked {
    fn random(random: &mut Random, limited: bool) -> Self {
        let mut asked = Self {
            vocabulary: Vocabulary::default(),
            meant: Vec::new(),
            hirs: Vec::new(),
            printed: String::new(),
        };
        for _ in 0..=random.below(4) {
            let shape = Shape::random(random, 1);
            let Some(hir) = read(&shape.print()) else {
                continue;
            };
            for _ in 0..=random.below(2) {
                let limit =
                    (limited && !random.one_in(3)).then(|| u32::try_from(random.below(7)).unwrap());
                let before = asked.vocabulary.atoms().len();
                let test = asked.vocabulary.expression(&hir, limit).unwrap();
                let printed = format!("{}~{limit:?} is {test:?}; ", shape.print());
                asked.printed.push_str(&printed);
                if asked.vocabulary.atoms().len() > before {
                    asked.meant.push((engine(&hir).unwrap(), limit));
                }
            }
            asked.hirs.push(hir);
        }
        asked
    }

    /// What the engine answers.
    fn answers(&self, word: &str) -> Bits {
        let length = u32::try_from(word.chars().count()).unwrap();
        let yes = self.meant.iter().enumerate().filter(|(_, (regex, limit))| {
            limit.is_none_or(|limit| length <= limit) && regex.is_match(word)
        });
        Bits::of(self.meant.len(), yes.map(|(at, _)| at))
    }

    fn test(&self, random: &mut Random, depth: usize) -> Test {
        let some = |random: &mut Random| {
            (0..random.below(4))
                .map(|_| self.test(random, depth - 1))
                .collect::<Vec<_>>()
        };
        match random.below(if depth == 0 { 2 } else { 6 }) {
            _ if self.meant.is_empty() => Test::ALWAYS,
            0 | 1 => Test::Atom(random.below(self.meant.len())),
            2 => !self.test(random, depth - 1),
            3 => Test::ALWAYS,
            4 => Test::All(some(random)),
            _ => Test::Any(some(random)),
        }
    }
}

/// Short words over characters that the questions tell apart, each with what it costs to read.
fn short_words(asked: &Asked, random: &mut Random) -> Vec<(String, u32)> {
    let automata = asked.vocabulary.automata();
    let classes = Classes::refining(automata.iter().map(|one| one.classes())).unwrap();
    let mut characters = classes.representatives();
    random.shuffle(&mut characters);
    let longest = match characters.len() {
        0..=2 => 7,
        3 => 5,
        4 => 4,
        _ => 3,
    };
    characters.truncate(7);
    let costs: HashMap<char, u32> = characters.iter().copied().collect();
    let alphabet: Vec<char> = costs.keys().copied().collect();
    let words = words_over(&alphabet, longest).into_iter();
    words
        .map(|word| {
            let cost = word.chars().map(|character| costs[&character]).sum();
            (word, cost)
        })
        .collect()
}

#[test]
fn every_kind_of_word_is_found_and_every_kind_is_real() {
    let (mut kinds, mut wanted_kinds) = (0, 0);
    draw(500, |rng| {
        let limited = !rng.one_in(3);
        let mut asked = Asked::random(rng, limited);
        let wanted: Vec<Test> = match rng.below(3) {
            0 => vec![Test::ALWAYS],
            _ => (0..=rng.below(2)).map(|_| asked.test(rng, 2)).collect(),
        };
        for _ in 0..rng.below(4) {
            let word = (0..rng.below(4)).map(|_| *rng.pick(&ALPHABET)).collect();
            asked.vocabulary.dictionary.insert(word);
        }
        let told = format!("{}wanted {wanted:?}", asked.printed);
        let found = Words::explore(&asked.vocabulary, &wanted).unwrap();
        let wants = |answers: &Bits| wanted.iter().any(|test| test.holds(answers));
        let mut by_answers = BTreeMap::new();
        for kind in &found.kinds {
            assert_eq!(kind.answers, asked.answers(&kind.word), "{told}: {kind:?}");
            assert!(wants(&kind.answers), "{told}: {kind:?}");
            let twice = by_answers.insert(kind.answers.clone(), kind);
            assert!(twice.is_none(), "{told}: {kind:?} and {twice:?}");
        }
        kinds += found.kinds.len();
        for (word, cost) in short_words(&asked, rng) {
            let answers = asked.answers(&word);
            assert_eq!(asked.vocabulary.answers(&word), answers, "{told}: {word:?}");
            if !wants(&answers) {
                continue;
            }
            wanted_kinds += 1;
            let Some(kind) = by_answers.get(&answers) else {
                panic!("{told}: {word:?} is of no kind");
            };
            // Where no limit asks, the word that is shown is the cheapest of all.
            assert!(
                limited || kind.cost <= cost,
                "{told}: {word:?} costs {cost}, less than {kind:?}"
            );
        }
    });
    assert!(
        wanted_kinds > kinds || !is_whole_run(),
        "{kinds} {wanted_kinds}"
    );
}

#[test]
fn a_word_of_a_wanted_length_is_found_without_a_loop_of_one_character() {
    for (expression, limit, expected) in [
        // Round by two characters, and the odd lengths do not exist.
        ("(?:ab)*", 4, vec![("", true), ("ababab", false)]),
        ("(?:ab)*", 0, vec![("", true), ("ab", false)]),
        // A loop behind which a fixed end stands.
        ("a*b", 3, vec![("aaab", false), ("b", true)]),
        // No longer word exists.
        ("abc", 3, vec![("abc", true)]),
        ("abc", 2, vec![("abc", false)]),
        ("a{1,5}", 5, vec![("a", true)]),
        ("[a-z]+", 63, vec![("a", true), ("a…", false)]),
    ] {
        let mut vocabulary = Vocabulary::default();
        let hir = read(expression).unwrap();
        let test = vocabulary.expression(&hir, Some(limit)).unwrap();
        let all = vocabulary.expression(&hir, None).unwrap();
        let found = Words::explore(&vocabulary, &[all]).unwrap();
        let mut words: Vec<(String, bool)> = found
            .kinds
            .iter()
            .map(|kind| {
                (
                    kind.word.replace(&"a".repeat(64), "a…"),
                    test.holds(&kind.answers),
                )
            })
            .collect();
        words.sort();
        let mut expected: Vec<(String, bool)> = expected
            .into_iter()
            .map(|(word, short)| (word.to_owned(), short))
            .collect();
        expected.sort();
        assert_eq!(words, expected, "{expression} up to {limit}");
    }
}

#[test]
fn a_test_around_which_something_stands_is_the_same_test() {
    draw(300, |rng| {
        let mut asked = Asked::random(rng, true);
        let test = asked.test(rng, 2);
        let stretch = |rng: &mut Random| -> String {
            (0..rng.below(3)).map(|_| *rng.pick(&ALPHABET)).collect()
        };
        let (before, after) = (stretch(rng), stretch(rng));
        let hirs: Vec<&Hir> = asked.hirs.iter().collect();
        let words = probes(&hirs, rng, 150);
        let around = asked.vocabulary.around(&before, &test, &after).unwrap();
        for word in words {
            let whole = format!("{before}{word}{after}");
            assert_eq!(
                around.holds(&asked.vocabulary.answers(&whole)),
                test.holds(&asked.answers(&word)),
                "{}{before:?} {test:?} {after:?}: {word:?}",
                asked.printed
            );
        }
    });
}

#[test]
fn a_test_as_one_automaton_is_the_same_test_or_lets_more_through() {
    draw(300, |rng| {
        let mut asked = Asked::random(rng, true);
        let test = asked.test(rng, 2);
        let longest = u32::try_from(rng.below(6)).unwrap();
        let exact = asked
            .meant
            .iter()
            .all(|(_, limit)| limit.is_none_or(|limit| limit <= longest));
        let hirs: Vec<&Hir> = asked.hirs.iter().collect();
        let words = probes(&hirs, rng, 150);
        let Some(automaton) = asked.vocabulary.accepted(&test, longest) else {
            return;
        };
        for word in words {
            let holds = test.holds(&asked.answers(&word));
            let accepts = automaton.accepts(&word);
            let told = format!("{}{test:?} up to {longest}: {word:?}", asked.printed);
            assert!(accepts || !holds, "{told} is lost");
            assert!(!exact || accepts == holds, "{told} is too much");
        }
    });
}
