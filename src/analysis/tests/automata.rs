//! One expression against the `regex` engine, and what is made of several against brute force.

use std::collections::{HashSet, VecDeque};

use regex_syntax::hir::Hir;

use super::expressions::{Shape, engine, probes, read};
use super::{Random, draw, is_whole_run, words_over};
use crate::analysis::automaton::Automaton;
use crate::pattern::printed;

fn random(random: &mut Random, depth: usize) -> (Shape, Hir) {
    loop {
        let shape = Shape::random(random, depth);
        if let Some(hir) = read(&shape.print()) {
            return (shape, hir);
        }
    }
}

/// The shortest word that exactly one of two automata accepts.
fn difference(one: &Automaton, other: &Automaton) -> Option<String> {
    let either = Automaton::combination(&[one, other], |holds| holds(0) != holds(1)).unwrap();
    let characters = either.classes().representatives();
    let mut seen = HashSet::from([either.start()]);
    let mut waiting = VecDeque::from([(either.start(), String::new())]);
    while let Some((state, word)) = waiting.pop_front() {
        if either.is_accepting(state) {
            return Some(word);
        }
        for (class, (character, _)) in characters.iter().enumerate() {
            let next = either.step(state, class);
            if seen.insert(next) {
                waiting.push_back((next, format!("{word}{character}")));
            }
        }
    }
    None
}

/// How many states no word tells apart from another, by filling the table of all pairs.
fn superfluous(automaton: &Automaton) -> usize {
    let size = u32::try_from(automaton.size()).unwrap();
    let classes = automaton.classes().count();
    let mut apart: HashSet<(u32, u32)> = HashSet::new();
    loop {
        let before = apart.len();
        for one in 0..size {
            for other in 0..one {
                let differ = automaton.is_accepting(one) != automaton.is_accepting(other)
                    || (0..classes).any(|class| {
                        let (one, other) =
                            (automaton.step(one, class), automaton.step(other, class));
                        apart.contains(&(one.max(other), one.min(other)))
                    });
                if differ {
                    apart.insert((one, other));
                }
            }
        }
        if apart.len() == before {
            break;
        }
    }
    let pairs = (0..size).flat_map(|one| (0..one).map(move |other| (one, other)));
    pairs.filter(|pair| !apart.contains(pair)).count()
}

#[test]
fn an_automaton_accepts_what_the_engine_matches() {
    let (mut accepted, mut asked) = (0_u64, 0_u64);
    draw(1_500, |rng| {
        let depth = 1 + rng.below(3);
        let (shape, hir) = random(rng, depth);
        let (Some(automaton), Some(engine)) = (Automaton::of(&hir), engine(&hir)) else {
            return;
        };
        for word in probes(&[&hir], rng, 200) {
            asked += 1;
            let matched = engine.is_match(&word);
            accepted += u64::from(matched);
            assert_eq!(
                automaton.accepts(&word),
                matched,
                "{}: {word:?}",
                shape.print()
            );
        }
    });
    // Neither answer is rare, or the words would tell nothing.
    let told = accepted * 20 > asked && accepted * 2 < asked;
    assert!(told || !is_whole_run(), "{accepted} of {asked}");
}

#[test]
fn the_same_language_written_otherwise_is_the_same_automaton() {
    draw(400, |rng| {
        let depth = 1 + rng.below(2);
        let (shape, hir) = random(rng, depth);
        let text = shape.rewritten(rng);
        let other = read(&text).unwrap_or_else(|| panic!("{text}"));
        let (Some(one), Some(other)) = (Automaton::of(&hir), Automaton::of(&other)) else {
            return;
        };
        let word = difference(&one, &other);
        assert_eq!(word, None, "{} and {text}", shape.print());
        assert_eq!(one, other, "{} and {text}", shape.print());
        // Printed and read again it is the same too: automata are known by what is printed.
        let printed = regex_syntax::parse(&printed(&hir)).unwrap();
        assert_eq!(Automaton::of(&printed).unwrap(), one, "{hir}");
    });
}

#[test]
fn different_automata_are_told_apart_by_a_word() {
    let mut different = 0;
    draw(400, |rng| {
        let ((one_shape, one), (other_shape, other)) = (random(rng, 1), random(rng, 1));
        let (Some(one_automaton), Some(other_automaton)) =
            (Automaton::of(&one), Automaton::of(&other))
        else {
            return;
        };
        let word = difference(&one_automaton, &other_automaton);
        assert_eq!(word.is_none(), one_automaton == other_automaton);
        if let Some(word) = word {
            different += 1;
            let [one, other] = [&one, &other].map(|hir| engine(hir).unwrap().is_match(&word));
            assert_ne!(
                one,
                other,
                "{} and {}: {word:?}",
                one_shape.print(),
                other_shape.print()
            );
        }
    });
    assert!(different > 0 || !is_whole_run());
}

#[test]
fn no_state_is_superfluous() {
    draw(300, |rng| {
        let depth = 1 + rng.below(2);
        let (shape, hir) = random(rng, depth);
        if let Some(automaton) = Automaton::of(&hir).filter(|one| one.size() <= 40) {
            assert_eq!(superfluous(&automaton), 0, "{}", shape.print());
        }
    });
}

#[test]
fn what_is_made_of_several_is_what_brute_force_makes() {
    draw(300, |rng| {
        let all: Vec<(Shape, Hir)> = (0..=rng.below(3)).map(|_| random(rng, 1)).collect();
        let automata: Option<Vec<Automaton>> =
            all.iter().map(|(_, hir)| Automaton::of(hir)).collect();
        let Some(automata) = automata else { return };
        let parts: Vec<&Automaton> = automata.iter().collect();
        let printed: Vec<String> = all.iter().map(|(shape, _)| shape.print()).collect();
        let hirs: Vec<&Hir> = all.iter().map(|(_, hir)| hir).collect();
        let engines: Vec<_> = hirs.iter().map(|hir| engine(hir).unwrap()).collect();

        let table = rng.number();
        let asked = |answers: &dyn Fn(usize) -> bool| {
            let number = (0..parts.len()).map(|at| usize::from(answers(at)) << at);
            table >> number.sum::<usize>() & 1 == 1
        };
        let combination = Automaton::combination(&parts, asked).unwrap();
        let concatenation = Automaton::concatenation(&parts);
        let length = rng.below(5);
        let short = Automaton::up_to(length).unwrap();
        let mut words = probes(&hirs, rng, 100);
        let joined: String = words.iter().rev().step_by(20).take(3).cloned().collect();
        words.push(joined);
        for word in words {
            let matched: Vec<bool> = engines.iter().map(|one| one.is_match(&word)).collect();
            assert_eq!(
                combination.accepts(&word),
                asked(&|at| matched[at]),
                "{printed:?} {table:b}: {word:?}"
            );
            assert_eq!(short.accepts(&word), word.chars().count() <= length);
            if let Some(concatenation) = &concatenation {
                assert_eq!(
                    concatenation.accepts(&word),
                    follows(&engines, &word),
                    "{printed:?}: {word:?}"
                );
            }
        }
    });
}

/// Whether a word can be cut so that each piece is matched by its expression.
fn follows(engines: &[regex_automata::meta::Regex], word: &str) -> bool {
    let Some((first, rest)) = engines.split_first() else {
        return word.is_empty();
    };
    let cuts = word.char_indices().map(|(at, _)| at).chain([word.len()]);
    cuts.into_iter().any(|at| {
        let (front, back) = word.split_at(at);
        first.is_match(front) && follows(rest, back)
    })
}

#[test]
fn well_known_equalities_hold() {
    for (one, other) in [
        ("x|y", "y|x"),
        ("x|y", "[xy]"),
        ("a(?:b|c)", "ab|ac"),
        ("(?:a|b)*", "(?:a*b*)*"),
        ("(?i)k", "[kK\u{212A}]"),
        (".*", r"(?:\w|\W)*"),
        (r".*\bx", r"(?:.*\W)?x"),
        (r"\B", r"\B\B"),
        (r"a\bb", r"[a&&b]"),
        ("(?:a?){8}", "a{0,8}"),
        (r"[\x{D7FF}-\x{E000}]", r"[\x{D7FF}\x{E000}]"),
        ("a$|a", "a"),
    ] {
        let [left, right] = [one, other].map(|text| Automaton::of(&read(text).unwrap()).unwrap());
        assert_eq!(left, right, "{one} and {other}");
    }
    let words = words_over(&['a', 'b'], 4);
    assert_eq!(words.len(), 31);
}
