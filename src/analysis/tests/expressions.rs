//! Random expressions: how they are written, how else the same is written, and words that they match.

use regex_automata::meta;
use regex_syntax::hir::{Class, Hir, HirKind, Look};

use super::Random;
use crate::pattern::{Lengths, Names, Pattern, Symbol};

/// An expression before it is written down.
#[derive(Debug, Clone)]
pub(super) enum Shape {
    /// One character, a class, or a look, as it is written.
    Leaf(&'static str),
    /// One of these characters.
    OneOf(Vec<char>),
    Sequence(Vec<Shape>),
    Either(Vec<Shape>),
    /// So often; without an end, any number of times more.
    Counted(Box<Shape>, u32, Option<u32>),
    Flagged(&'static str, Box<Shape>),
}

const CHARACTERS: [&str; 14] = [
    "a", "a", "b", "k", "s", "-", "=", "/", r"\.", "é", r"\n", r"\r", "_", "1",
];

const CLASSES: [&str; 18] = [
    ".",
    r"\w",
    r"\W",
    r"\d",
    r"\s",
    "[^-]",
    "[^a]",
    "[a-k]",
    r"[^\w-]",
    "[[:alpha:]]",
    r"[\w&&[^b]]",
    r"\p{Greek}",
    r"\PL",
    r"[\x{D7FF}-\x{E000}]",
    r"\x{10FFFF}",
    r"[^\x{0}-\x{D7FF}]",
    r"[\n\r]",
    r"[é-\x{FFFF}]",
];

const LOOKS: [&str; 11] = [
    r"\b",
    r"\b",
    r"\B",
    r"\b{start}",
    r"\b{end}",
    r"\b{start-half}",
    r"\b{end-half}",
    "^",
    "$",
    r"\A",
    r"\z",
];

const FLAGS: [&str; 7] = ["i", "i", "u", "m", "mR", "-s", "iu"];

/// Characters of which short words are made.
pub(super) const ALPHABET: [char; 24] = [
    'a',
    'b',
    'c',
    'k',
    's',
    'K',
    'S',
    '-',
    '=',
    '/',
    '.',
    '_',
    '1',
    'é',
    'ſ',
    '\u{212A}',
    'α',
    '\n',
    '\r',
    ' ',
    '\u{D7FF}',
    '\u{E000}',
    '\u{10FFFF}',
    '\0',
];

impl Shape {
    pub(super) fn random(random: &mut Random, depth: usize) -> Self {
        if depth == 0 {
            return match random.below(10) {
                0..5 => Self::Leaf(random.pick::<&str>(&CHARACTERS)),
                5 => {
                    let mut all = vec!['a', 'b', 'c', 'k', 'é', '1'];
                    random.shuffle(&mut all);
                    all.truncate(2 + random.below(3));
                    Self::OneOf(all)
                }
                6 | 7 => Self::Leaf(random.pick::<&str>(&CLASSES)),
                _ => Self::Leaf(random.pick::<&str>(&LOOKS)),
            };
        }
        let mut several = |most| {
            (0..=random.below(most))
                .map(|_| {
                    let depth = random.below(depth);
                    Self::random(random, depth)
                })
                .collect::<Vec<_>>()
        };
        let inner = several(3);
        match random.below(8) {
            0..3 => Self::Sequence(inner),
            3 | 4 => Self::Either(inner),
            5 | 6 => {
                let (least, most) = *random.pick(&[
                    (0, None),
                    (0, None),
                    (1, None),
                    (0, Some(1)),
                    (2, Some(2)),
                    (1, Some(3)),
                    (0, Some(4)),
                    (2, None),
                    (3, Some(8)),
                ]);
                Self::Counted(Box::new(Self::Sequence(inner)), least, most)
            }
            _ => Self::Flagged(random.pick::<&str>(&FLAGS), Box::new(Self::Sequence(inner))),
        }
    }

    /// As one would write it.
    pub(super) fn print(&self) -> String {
        match self {
            Self::Leaf(text) => (*text).to_owned(),
            Self::OneOf(all) => format!("[{}]", all.iter().collect::<String>()),
            Self::Sequence(all) => {
                let each = all.iter().map(|one| match one {
                    Self::Either(_) => format!("(?:{})", one.print()),
                    _ => one.print(),
                });
                each.collect()
            }
            Self::Either(all) => {
                let each = all.iter().map(Self::print);
                each.collect::<Vec<_>>().join("|")
            }
            Self::Counted(inner, least, most) => {
                format!("(?:{}){}", inner.print(), count(*least, *most))
            }
            Self::Flagged(flags, inner) => format!("(?{flags}:{})", inner.print()),
        }
    }

    /// Another way to write the same.
    pub(super) fn rewritten(&self, random: &mut Random) -> String {
        let plain = match self {
            Self::Leaf(text) => (*text).to_owned(),
            Self::OneOf(all) => {
                let mut all = all.clone();
                random.shuffle(&mut all);
                let (one, others) = all.split_first().unwrap();
                let others: String = others.iter().collect();
                format!("(?:{one}|[{others}{one}])")
            }
            Self::Sequence(all) => Self::rewritten_sequence(all, random),
            Self::Either(all) => {
                let mut each: Vec<String> = all.iter().map(|one| one.rewritten(random)).collect();
                if random.one_in(2) {
                    each.push(all[0].rewritten(random));
                }
                random.shuffle(&mut each);
                format!("(?:{})", each.join("|"))
            }
            Self::Counted(inner, least, most) => {
                let mut one = || format!("(?:{})", inner.rewritten(random));
                match (least, most) {
                    (0, None) => format!("(?:(?:{0}{0}|{0})+)?", one()),
                    (1, None) => format!("{}{}*", one(), one()),
                    (0, Some(1)) => format!("(?:{}){{0,1}}", one()),
                    (least, Some(most)) => {
                        let always: String = (0..*least).map(|_| one()).collect();
                        let more: String = (*least..*most).map(|_| one() + "?").collect();
                        format!("{always}{more}")
                    }
                    (least, None) => format!("{0}*{0}{{{least}}}", one()),
                }
            }
            Self::Flagged(flags, inner) => format!("(?{flags}:{})", inner.rewritten(random)),
        };
        match random.below(6) {
            0 => format!("(?:{plain}){{1}}"),
            1 => format!("(?:{plain}|{plain})"),
            _ => format!("(?:{plain})"),
        }
    }

    /// A sequence, which a choice in it may stand around.
    fn rewritten_sequence(all: &[Self], random: &mut Random) -> String {
        let choice = all.iter().position(|one| matches!(one, Self::Either(_)));
        if let Some(at) = choice
            && let Self::Either(ways) = &all[at]
            && random.one_in(2)
        {
            let ways = ways.iter().map(|way| {
                let mut all = all.to_vec();
                all[at] = way.clone();
                Self::Sequence(all).rewritten(random)
            });
            return format!("(?:{})", ways.collect::<Vec<_>>().join("|"));
        }
        if all.len() > 2 && random.one_in(2) {
            let at = 1 + random.below(all.len() - 1);
            let (front, back) = all.split_at(at);
            return [front, back]
                .map(|side| Self::Sequence(side.to_vec()).rewritten(random))
                .concat();
        }
        all.iter().map(|one| one.rewritten(random)).collect()
    }
}

fn count(least: u32, most: Option<u32>) -> String {
    match (least, most) {
        (0, None) => "*".to_owned(),
        (1, None) => "+".to_owned(),
        (0, Some(1)) => "?".to_owned(),
        (least, None) => format!("{{{least},}}"),
        (least, Some(most)) if least == most => format!("{{{least}}}"),
        (least, Some(most)) => format!("{{{least},{most}}}"),
    }
}

/// An expression as rules read it; where the notation refuses it, as `regex-syntax` does.
pub(super) fn read(text: &str) -> Option<Hir> {
    let pattern = Pattern::parse(text, &Names::builtin(), Lengths::Enforced);
    let hir = pattern.ok().and_then(|(pattern, _)| {
        let [Symbol::Word(word)] = pattern.sequence().symbols() else {
            return None;
        };
        let branches = word.branches().iter();
        let branches = branches.map(|branch| branch.expression().clone());
        Some(Hir::alternation(branches.collect()))
    });
    let ascii = || {
        let builder = &mut regex_syntax::ParserBuilder::new();
        builder.dot_matches_new_line(true).build().parse(text).ok()
    };
    hir.or_else(ascii)
}

/// The engine that says what an expression matches whole.
pub(super) fn engine(hir: &Hir) -> Option<meta::Regex> {
    let whole = vec![Hir::look(Look::Start), hir.clone(), Hir::look(Look::End)];
    meta::Regex::builder()
        .build_from_hir(&Hir::concat(whole))
        .ok()
}

/// A word that an expression matches, as far as its looks let it.
pub(super) fn member(hir: &Hir, random: &mut Random) -> String {
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => String::new(),
        HirKind::Literal(literal) => String::from_utf8_lossy(&literal.0).into_owned(),
        HirKind::Class(Class::Unicode(class)) => match class.ranges() {
            [] => String::new(),
            ranges => {
                let range = random.pick(ranges);
                random.pick(&[range.start(), range.end()]).to_string()
            }
        },
        HirKind::Class(Class::Bytes(class)) => match class.ranges() {
            [] => String::new(),
            ranges => char::from(random.pick(ranges).start()).to_string(),
        },
        HirKind::Repetition(repetition) => {
            let room = repetition.max.map_or(2, |max| max - repetition.min);
            let times = repetition.min as usize + random.below(room as usize + 1);
            (0..times)
                .map(|_| member(&repetition.sub, random))
                .collect()
        }
        HirKind::Capture(capture) => member(&capture.sub, random),
        HirKind::Concat(all) => all.iter().map(|one| member(one, random)).collect(),
        HirKind::Alternation(all) => member(random.pick(all), random),
    }
}

/// Words that tell much about an expression: all short ones over a few characters, and some that it
/// matches or nearly does.
pub(super) fn probes(hirs: &[&Hir], random: &mut Random, most: usize) -> Vec<String> {
    let mut alphabet = ALPHABET;
    random.shuffle(&mut alphabet);
    let mut words = super::words_over(&alphabet[..5], 3);
    words.truncate(most);
    for hir in hirs {
        for _ in 0..12 {
            let mut word: Vec<char> = member(hir, random).chars().collect();
            words.push(word.iter().collect());
            let at = random.below(word.len() + 1);
            match random.below(3) {
                0 => word.insert(at, *random.pick(&ALPHABET)),
                1 if at < word.len() => word[at] = *random.pick(&ALPHABET),
                _ if at < word.len() => {
                    word.remove(at);
                }
                _ => {}
            }
            words.push(word.into_iter().collect());
        }
    }
    words
}
