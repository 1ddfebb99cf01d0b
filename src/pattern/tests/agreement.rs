//! The ways to match a pattern agree with each other, and with an oracle that shares nothing with
//! them: a backtracking walk over a tree that is built beside the text, and the `regex` crate.

use std::collections::HashSet;
use std::sync::LazyLock;

use super::super::{Lengths, Names, Pattern, RuleSet};
use super::names;
use proptest::prelude::*;

/// A pattern before it is written down.
#[derive(Debug, Clone)]
enum Shape {
    /// The word as written, as the `regex` crate would write it, and the most characters it takes.
    Word(&'static str, &'static str, Option<usize>),
    Any,
    Rest,
    Sequence(Vec<Shape>),
    Either(Vec<Shape>),
    Optional(Box<Shape>),
    Repeated(Box<Shape>),
}

/// What is written, what it means, its `max`.
const WORDS: [(&str, &str, Option<usize>); 32] = [
    ("a", "a", None),
    ("get|top", "get|top", None),
    ("<short>", "[a-z]+", Some(3)),
    ("-<short>", "-[a-z]+", Some(4)),
    ("<short><short>", "[a-z]+[a-z]+", Some(6)),
    ("<kind>/<short>", "(?:pod|deploy)/[a-z]+", Some(10)),
    ("<any><short>", "(?s:.*)[a-z]+", None),
    ("<ref>", "(?:pod|deploy)/[a-z]+", Some(10)),
    ("<loud>er", "(?i:loud)er", None),
    ("(?i)<kind>K", "(?:pod|deploy)(?i:k)", None),
    ("(?i:k|s)+", "(?i:k|s)+", None),
    (r"(?i)[\w]+", "[0-9A-Za-z_]+", None),
    (r"(?i)[^\wk]+", r"[^0-9A-Za-z_kK\u{212A}]+", None),
    (r"\w+", "[0-9A-Za-z_]+", None),
    (r"(?u)\w+", r"\w+", None),
    (r"\W*", "[^0-9A-Za-z_]*", None),
    (r"[\d\s]*x", r"[0-9\t\n\x0B\f\r ]*x", None),
    (r"(?u:\d)\d", r"\d[0-9]", None),
    (r".*\bs\b.*", r"(?s:.*)(?-u:\b)s(?-u:\b)(?s:.*)", None),
    (r"(?u).*\bs\b.*", r"(?s:.*)\bs\b(?s:.*)", None),
    (r".*\b{start}s.*", r"(?s:.*)(?-u:\b{start})s(?s:.*)", None),
    (r"(?u).\B.*", r"(?s:.)\B(?s:.*)", None),
    (r".\B.*", r"(?s:.)(?-u:\B)(?s:.*)", None),
    ("(?-s)a.*", "a.*", None),
    ("(?m)^a$.*", "(?m:^a$)(?s:.*)", None),
    ("a|ab|abc{0,2}", "a|ab|abc{0,2}", None),
    ("(?i)a|(b)", "(?i:a)|(?i:b)", None),
    ("(?i:secret)s?", "(?i:secret)s?", None),
    ("[^-].*", "[^-](?s:.*)", None),
    ("x(?:<kind>)?", "x(?:pod|deploy)?", None),
    ("(?x:a b)", "ab", None),
    (r"\p{Greek}+|é", r"\p{Greek}+|é", None),
];

const ARGUMENTS: [&str; 40] = [
    "",
    "a",
    "A",
    "b",
    "ab",
    "abc",
    "abcc",
    "abcd",
    "get",
    "top",
    "-abc",
    "-abcd",
    "-",
    "pod/abc",
    "pod/abcd",
    "deploy/a",
    "deploy/abc",
    "deploy/abcd",
    "LOUDer",
    "louder",
    "loudER",
    "podK",
    "pod\u{212A}",
    "k",
    "\u{212A}ſ",
    "ſecret",
    "SECRETS",
    "é",
    "αβγ",
    "a\nb",
    "٣3",
    "33",
    " \t1x",
    "s s",
    "és",
    "és é",
    "abcdef",
    "abcdefg",
    "xpod",
    "\u{10FFFF}\u{2028}",
];

/// Which argument each expression means, by the `regex` crate.
static MEANT: LazyLock<HashSet<(&str, &str)>> = LazyLock::new(|| {
    let meant = |meaning| {
        let regex = regex::Regex::new(&format!(r"\A(?:{meaning})\z")).unwrap();
        ARGUMENTS
            .into_iter()
            .filter(move |argument| regex.is_match(argument))
    };
    WORDS
        .iter()
        .flat_map(|(_, meaning, _)| meant(meaning).map(move |one| (*meaning, one)))
        .collect()
});

static NAMES: LazyLock<Names> = LazyLock::new(names);

impl Shape {
    fn print(&self) -> String {
        let list = |shapes: &[Shape], by: &str| {
            shapes.iter().map(Shape::print).collect::<Vec<_>>().join(by)
        };
        match self {
            Self::Word(text, ..) => (*text).to_owned(),
            Self::Any => "*".to_owned(),
            Self::Rest => "**".to_owned(),
            Self::Sequence(shapes) => list(shapes, " "),
            Self::Either(shapes) => format!("( {} )", list(shapes, " | ")),
            Self::Optional(shape) => format!("[ {} ]", shape.print()),
            Self::Repeated(shape) => format!("( {} )...", shape.print()),
        }
    }

    /// Calls `then` with every rest of the words that this shape leaves; true when that was.
    fn walk(&self, words: &[&str], enforced: bool, then: &mut dyn FnMut(&[&str]) -> bool) -> bool {
        match self {
            Self::Word(_, meaning, max) => words.split_first().is_some_and(|(first, rest)| {
                let fits = !enforced || max.is_none_or(|max| first.chars().count() <= max);
                fits && MEANT.contains(&(meaning, first)) && then(rest)
            }),
            Self::Any => words.split_first().is_some_and(|(_, rest)| then(rest)),
            Self::Rest => (0..=words.len()).any(|at| then(&words[at..])),
            Self::Sequence(shapes) => match shapes.split_first() {
                None => then(words),
                Some((first, rest)) => {
                    let rest = Self::Sequence(rest.to_vec());
                    first.walk(words, enforced, &mut |words| {
                        rest.walk(words, enforced, then)
                    })
                }
            },
            Self::Either(shapes) => shapes.iter().any(|shape| shape.walk(words, enforced, then)),
            Self::Optional(shape) => then(words) || shape.walk(words, enforced, then),
            Self::Repeated(shape) => shape.walk(words, enforced, &mut |rest| {
                then(rest) || (rest.len() < words.len() && self.walk(rest, enforced, then))
            }),
        }
    }

    fn matches(&self, words: &[&str], enforced: bool) -> bool {
        self.walk(words, enforced, &mut |rest| rest.is_empty())
    }
}

fn shapes() -> impl Strategy<Value = Shape> {
    let leaf = prop_oneof![
        6 => prop::sample::select(WORDS.as_slice()).prop_map(|(a, b, c)| Shape::Word(a, b, c)),
        1 => Just(Shape::Any),
        1 => Just(Shape::Rest),
    ];
    leaf.prop_recursive(4, 12, 3, |inner| {
        prop_oneof![
            4 => prop::collection::vec(inner.clone(), 1..4).prop_map(Shape::Sequence),
            2 => prop::collection::vec(inner.clone(), 1..4).prop_map(Shape::Either),
            1 => inner.clone().prop_map(|shape| Shape::Optional(Box::new(shape))),
            1 => inner.prop_map(|shape| Shape::Repeated(Box::new(shape))),
        ]
    })
}

fn arguments() -> impl Strategy<Value = Vec<&'static str>> {
    prop::collection::vec(prop::sample::select(ARGUMENTS.as_slice()), 0..5)
}

fn parse(shape: &Shape, enforced: bool) -> Pattern {
    let lengths = if enforced {
        Lengths::Enforced
    } else {
        Lengths::Ignored
    };
    match Pattern::parse(&shape.print(), &NAMES, lengths) {
        Ok((pattern, _)) => pattern,
        Err(problems) => panic!("{}: {problems:#?}", shape.print()),
    }
}

#[test]
fn every_expression_means_what_the_regex_crate_means() {
    for (text, meaning, max) in WORDS {
        let shape = Shape::Word(text, meaning, max);
        for enforced in [true, false] {
            let pattern = parse(&shape, enforced);
            let set = RuleSet::new([&pattern]);
            for argument in ARGUMENTS {
                let expected = shape.matches(&[argument], enforced);
                assert_eq!(
                    pattern.matches(&[argument]),
                    expected,
                    "{text} {argument:?}"
                );
                assert_eq!(
                    set.matching(&[argument]).count(),
                    usize::from(expected),
                    "{text}"
                );
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn all_ways_to_match_agree(
        shapes in prop::collection::vec((shapes(), any::<bool>()), 1..6),
        lists in prop::collection::vec(arguments(), 1..12),
        room in prop_oneof![0..2_000_usize, Just(1 << 18)],
    ) {
            let patterns: Vec<Pattern> =
            shapes.iter().map(|(shape, enforced)| parse(shape,  *enforced)).collect();
        let set = RuleSet::with_room(&patterns, room);
        // Twice: the first walk numbers what it comes to, the second looks it up.
        for words in lists.iter().chain(&lists) {
            let expected: Vec<usize> = (0..shapes.len())
                .filter(|at| shapes[*at].0.matches(words, shapes[*at].1))
                .collect();
            let plainly: Vec<usize> =
                (0..shapes.len()).filter(|at| patterns[*at].matches(words)).collect();
            prop_assert_eq!(&plainly, &expected, "{:?}", words);
            prop_assert_eq!(set.matching(words).collect::<Vec<_>>(), expected, "{:?}", words);
        }
    }

    #[test]
    fn what_is_printed_reads_back_as_the_same(shape in shapes()) {
        let pattern = parse(&shape, true);
        let printed = pattern.to_string();
        let (again, _) = Pattern::parse(&printed, &NAMES, Lengths::Enforced).unwrap();
        prop_assert_eq!(&again, &pattern);
        prop_assert_eq!(again.to_string(), printed);
    }

    #[test]
    fn any_text_is_read_or_refused_with_places_in_it(
        text in prop::collection::vec(prop::sample::select(PIECES.as_slice()), 0..14),
    ) {
        let text = text.concat();
        let problems = match Pattern::parse(&text, &NAMES, Lengths::Enforced) {
            Ok((pattern, hints)) => {
                prop_assert!(hints.iter().all(|problem| problem.hint));
                let printed = pattern.to_string();
                let again = Pattern::parse(&printed, &NAMES, Lengths::Enforced);
                prop_assert_eq!(again.map(|(pattern, _)| pattern), Ok(pattern), "{}", printed);
                hints
            }
            Err(problems) => {
                prop_assert!(problems.iter().any(|problem| !problem.hint));
                problems
            }
        };
        for problem in problems {
            prop_assert!(text.get(problem.span.clone()).is_some(), "{problem:?}");
        }
    }
}

/// What texts are put together from: the notation's marks and the expressions', and wide characters.
const PIECES: [&str; 44] = [
    " ",
    " ",
    " ",
    "[",
    "]",
    "(",
    ")",
    "|",
    "*",
    "**",
    "...",
    "<",
    ">",
    "<ns>",
    "<flag>",
    "<nope>",
    "<pods>",
    "\\",
    "\\ ",
    "a",
    "-",
    "get",
    "é",
    "\u{2028}",
    "\u{1F600}",
    "^",
    "$",
    "?",
    "+",
    ".",
    "{9}",
    "{0,3}",
    "(?i)",
    "(?:",
    "(?<n>",
    "(?P=n)",
    "\\1",
    "[:alpha:]",
    "[^",
    "&&",
    "\n",
    "\\b{start}",
    "\\p{L}",
    "<short>",
];
