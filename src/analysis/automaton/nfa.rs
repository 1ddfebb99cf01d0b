//! An expression as an automaton with empty moves, over scalar values.
//!
//! A state of the walk is the set of nodes that wait for the next character, and what the character
//! before was; a look is passed when the next character, or the end, is known.

use regex_syntax::hir::{Class, Hir, HirKind, Look, Repetition};
use rustc_hash::{FxHashMap, FxHashSet};

use super::super::classes::{Classes, Ranges};
use super::looks;

/// An expression may have this many nodes once its counts are written out.
const MOST_NODES: usize = 100_000;

#[derive(Debug)]
enum Node {
    /// All of these at once.
    Split(Vec<u32>),
    /// A character of a set, then on.
    Set(usize, u32),
    /// A look, then on.
    Look(Look, u32),
    /// The end of a match.
    Accept,
}

/// An expression as an automaton.
pub(super) struct Nfa {
    nodes: Vec<Node>,
    start: u32,
    classes: Classes,
    /// For each class what looks want to know of its characters.
    kinds: Vec<u32>,
    /// For each set and each class whether the class is in the set.
    members: Vec<Vec<bool>>,
    looks: bool,
}

/// What a look wants to know of a character. A state carries it as its last number, above all nodes.
mod kind {
    pub(super) const BASE: u32 = 1 << 24;
    pub(super) const LINE_FEED: u32 = 1;
    pub(super) const RETURN: u32 = 2;
    pub(super) const WORD_ASCII: u32 = 4;
    pub(super) const WORD_UNICODE: u32 = 8;
    /// No character: the start or the end.
    pub(super) const EDGE: u32 = 16;
}

impl Nfa {
    /// `None` when it would get too large, or is not over characters.
    pub(super) fn new(expression: &Hir) -> Option<Self> {
        let mut builder = Builder::default();
        let accept = builder.push(Node::Accept)?;
        let start = builder.compile(expression, accept)?;
        let looks = looks(expression).next().is_some();
        let mut told_apart = builder.sets.clone();
        if looks {
            told_apart.extend(looked_at());
        }
        let classes = Classes::telling_apart(&told_apart)?;
        let representatives = classes.representatives();
        let member = |set: &Ranges| {
            let inside = |c: char| {
                let value = u32::from(c);
                set.iter()
                    .any(|(first, last)| (*first..=*last).contains(&value))
            };
            representatives.iter().map(|(c, _)| inside(*c)).collect()
        };
        Some(Self {
            members: builder.sets.iter().map(member).collect(),
            kinds: representatives.iter().map(|(c, _)| kind_of(*c)).collect(),
            nodes: builder.nodes,
            start,
            classes,
            looks,
        })
    }

    pub(super) fn classes(&self) -> &Classes {
        &self.classes
    }

    pub(super) fn start(&self) -> Vec<u32> {
        let mut state = self.closure([self.start], None);
        self.mark(&mut state, kind::EDGE);
        state
    }

    /// The state after a character of a class.
    pub(super) fn step(&self, state: &[u32], class: usize) -> Option<Vec<u32>> {
        let kind = self.kinds.get(class).copied()?;
        let waiting = self.looking(state, kind);
        let after = waiting.iter().filter_map(|node| match self.node(*node)? {
            Node::Set(set, next) => self.members.get(*set)?.get(class)?.then_some(*next),
            _ => None,
        });
        let mut after = self.closure(after, None);
        if after.is_empty() {
            return Some(after);
        }
        self.mark(&mut after, kind);
        Some(after)
    }

    /// Whether a word may end in a state.
    pub(super) fn accepts(&self, state: &[u32]) -> bool {
        let ended = self.looking(state, kind::EDGE);
        ended
            .iter()
            .any(|node| matches!(self.node(*node), Some(Node::Accept)))
    }

    fn node(&self, number: u32) -> Option<&Node> {
        self.nodes.get(number as usize)
    }

    /// What the character before was stands last in a state, where a look may ask for it.
    fn mark(&self, state: &mut Vec<u32>, kind: u32) {
        if self.looks {
            state.push(kind::BASE + kind);
        }
    }

    /// The nodes that wait for a character once looks are passed.
    fn looking(&self, state: &[u32], after: u32) -> Vec<u32> {
        match state.split_last() {
            Some((mark, nodes)) if *mark >= kind::BASE => {
                self.closure(nodes.iter().copied(), Some((mark - kind::BASE, after)))
            }
            _ => state.to_vec(),
        }
    }

    /// Follows empty moves; looks only where the characters on both sides are known.
    fn closure(
        &self,
        from: impl IntoIterator<Item = u32>,
        between: Option<(u32, u32)>,
    ) -> Vec<u32> {
        let mut seen: Vec<u32> = Vec::new();
        let mut passed: FxHashSet<u32> = FxHashSet::default();
        let mut open: Vec<u32> = from.into_iter().collect();
        while let Some(number) = open.pop() {
            match self.node(number) {
                Some(Node::Split(all)) if passed.insert(number) => {
                    open.extend(all);
                }
                Some(Node::Look(look, next)) if between.is_some() => {
                    let holds = between.is_some_and(|(before, after)| holds(*look, before, after));
                    if holds && passed.insert(number) {
                        open.push(*next);
                    }
                }
                Some(_) => seen.push(number),
                None => {}
            }
        }
        seen.sort_unstable();
        seen.dedup();
        seen
    }
}

/// Whether a look holds between two characters, by the rules of `regex_automata::util::look`.
fn holds(look: Look, before: u32, after: u32) -> bool {
    let is = |kind: u32, bit: u32| kind & bit != 0;
    let (start, end) = (is(before, kind::EDGE), is(after, kind::EDGE));
    let word = |bit: u32| (is(before, bit), is(after, bit));
    let (ascii, unicode) = (word(kind::WORD_ASCII), word(kind::WORD_UNICODE));
    match look {
        Look::Start => start,
        Look::End => end,
        Look::StartLF => start || is(before, kind::LINE_FEED),
        Look::EndLF => end || is(after, kind::LINE_FEED),
        Look::StartCRLF => {
            start
                || is(before, kind::LINE_FEED)
                || (is(before, kind::RETURN) && !is(after, kind::LINE_FEED))
        }
        Look::EndCRLF => {
            end || is(after, kind::RETURN)
                || (is(after, kind::LINE_FEED) && !is(before, kind::RETURN))
        }
        Look::WordAscii => ascii.0 != ascii.1,
        Look::WordAsciiNegate => ascii.0 == ascii.1,
        Look::WordUnicode => unicode.0 != unicode.1,
        Look::WordUnicodeNegate => unicode.0 == unicode.1,
        Look::WordStartAscii => !ascii.0 && ascii.1,
        Look::WordEndAscii => ascii.0 && !ascii.1,
        Look::WordStartUnicode => !unicode.0 && unicode.1,
        Look::WordEndUnicode => unicode.0 && !unicode.1,
        Look::WordStartHalfAscii => !ascii.0,
        Look::WordEndHalfAscii => !ascii.1,
        Look::WordStartHalfUnicode => !unicode.0,
        Look::WordEndHalfUnicode => !unicode.1,
    }
}

/// The sets that looks ask for.
fn looked_at() -> impl Iterator<Item = Ranges> {
    let one = |c: char| vec![(u32::from(c), u32::from(c))];
    let words = [r"(?-u:\w)", r"\w"].into_iter().filter_map(|text| {
        let hir = regex_syntax::parse(text).ok()?;
        match hir.kind() {
            HirKind::Class(class) => ranges(class),
            _ => None,
        }
    });
    [one('\n'), one('\r')].into_iter().chain(words)
}

fn kind_of(c: char) -> u32 {
    let bit = |holds: bool, bit: u32| if holds { bit } else { 0 };
    bit(c == '\n', kind::LINE_FEED)
        | bit(c == '\r', kind::RETURN)
        | bit(c.is_ascii_alphanumeric() || c == '_', kind::WORD_ASCII)
        | bit(regex_syntax::is_word_character(c), kind::WORD_UNICODE)
}

/// A class as ranges; `None` where it holds bytes that are no characters.
fn ranges(class: &Class) -> Option<Ranges> {
    let unicode = match class {
        Class::Unicode(class) => class.clone(),
        Class::Bytes(class) => class.to_unicode_class()?,
    };
    Some(
        unicode
            .iter()
            .map(|range| (u32::from(range.start()), u32::from(range.end())))
            .collect(),
    )
}

#[derive(Default)]
struct Builder {
    nodes: Vec<Node>,
    sets: Vec<Ranges>,
    by_set: FxHashMap<Ranges, usize>,
}

impl Builder {
    fn push(&mut self, node: Node) -> Option<u32> {
        if self.nodes.len() >= MOST_NODES {
            return None;
        }
        self.nodes.push(node);
        u32::try_from(self.nodes.len() - 1).ok()
    }

    fn set(&mut self, ranges: Ranges, next: u32) -> Option<u32> {
        let fresh = self.sets.len();
        let number = *self.by_set.entry(ranges.clone()).or_insert(fresh);
        if number == fresh {
            self.sets.push(ranges);
        }
        self.push(Node::Set(number, next))
    }

    /// The node at which an expression begins that goes on to `next`.
    fn compile(&mut self, hir: &Hir, next: u32) -> Option<u32> {
        match hir.kind() {
            HirKind::Empty => Some(next),
            HirKind::Literal(literal) => {
                let text = std::str::from_utf8(&literal.0).ok()?;
                text.chars().rev().try_fold(next, |next, c| {
                    self.set(vec![(u32::from(c), u32::from(c))], next)
                })
            }
            HirKind::Class(class) => self.set(ranges(class)?, next),
            HirKind::Look(look) => self.push(Node::Look(*look, next)),
            HirKind::Capture(capture) => self.compile(&capture.sub, next),
            HirKind::Concat(hirs) => hirs
                .iter()
                .rev()
                .try_fold(next, |next, hir| self.compile(hir, next)),
            HirKind::Alternation(hirs) => {
                let all = hirs.iter().map(|hir| self.compile(hir, next));
                let all = all.collect::<Option<_>>()?;
                self.push(Node::Split(all))
            }
            HirKind::Repetition(repetition) => self.repetition(repetition, next),
        }
    }

    fn repetition(&mut self, repetition: &Repetition, next: u32) -> Option<u32> {
        let mut start = next;
        match repetition.max {
            None => {
                start = self.push(Node::Split(Vec::new()))?;
                let body = self.compile(&repetition.sub, start)?;
                if let Some(node) = self.nodes.get_mut(start as usize) {
                    *node = Node::Split(vec![body, next]);
                }
            }
            Some(max) => {
                for _ in repetition.min..max {
                    let body = self.compile(&repetition.sub, start)?;
                    start = self.push(Node::Split(vec![body, next]))?;
                }
            }
        }
        (0..repetition.min).try_fold(start, |start, _| self.compile(&repetition.sub, start))
    }
}
