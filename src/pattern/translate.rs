//! From the syntax tree of one regular expression to its meaning ([`Hir`]).
//!
//! `regex-syntax` parses and knows every leaf (classes, case folding); this file walks the tree in
//! between, so that the notation's own choices are made on the tree and never by gluing strings: dot
//! matches everything, `\w \d \s \b` are ASCII unless `(?u)`, `<name>` is another tree, and what the
//! notation refuses is found with its place.

use std::ops::Range;

use regex_syntax::ast::{
    self, AssertionKind, Ast, GroupKind, LiteralKind, RepetitionKind, RepetitionRange,
};
use regex_syntax::hir::translate::TranslatorBuilder;
use regex_syntax::hir::{self, Hir};

use super::class;
use super::flags::{Flags, Reach};
use super::length::{Length, Piece, longest, merge};
use super::name::{Names, Referent};
use super::problem::Problem;
use super::reference::Reference;
use super::refusal;

/// Counts in an expression go this far; lengths beyond it belong in `max`, which is exact and cheap.
pub(super) const HIGHEST_COUNT: u32 = 8;

/// How deep one written expression may nest.
const DEEPEST_SYNTAX: u32 = 64;

/// Names whose alternatives differ in length are multiplied out up to here.
const MOST_COMBINATIONS: usize = 16;

/// Written out, the names of one expression may have this many nodes.
const MOST_NODES: usize = 10_000;

/// What an expression is for: it decides which of the notation's refusals apply.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    /// Matched against a whole word, and analysed.
    Whole,
    /// Searched in a text, and not analysed: counts and captures are free.
    Searched,
}

/// Parses the text of one expression.
pub(super) fn parse(text: &str) -> Result<Ast, Problem> {
    ast::parse::ParserBuilder::new()
        .nest_limit(DEEPEST_SYNTAX)
        .build()
        .parse(text)
        .map_err(|error| refusal::of_syntax(text, &error))
}

/// Walks one expression's tree.
pub(super) struct Translator<'a> {
    text: &'a str,
    names: &'a Names,
    purpose: Purpose,
    flags: Flags,
    /// Everything wrong or odd, with places in `text`.
    pub(super) problems: Vec<Problem>,
    /// It refers to a name that could not be read.
    pub(super) broken: bool,
    /// Nodes of all names that were written out.
    size: usize,
    /// Where a name with `max` stands beside something other than literals and names.
    pub(super) misplaced: Vec<(Range<usize>, String)>,
}

impl<'a> Translator<'a> {
    pub(super) fn new(text: &'a str, names: &'a Names, purpose: Purpose) -> Self {
        Self {
            text,
            names,
            purpose,
            flags: Flags::default(),
            problems: Vec::new(),
            broken: false,
            size: 0,
            misplaced: Vec::new(),
        }
    }

    /// The alternatives of a whole expression, each with what it says about length.
    pub(super) fn pieces(&mut self, ast: &Ast) -> Vec<Piece> {
        let Ast::Alternation(alternation) = ast else {
            return self.branch(ast);
        };
        self.refuse_empty(alternation, None);
        alternation
            .asts
            .iter()
            .flat_map(|ast| self.branch(ast))
            .collect()
    }

    /// One top-level branch: the only place where the `max` of a name can be added up.
    fn branch(&mut self, ast: &Ast) -> Vec<Piece> {
        let parts = match ast {
            Ast::Concat(concat) => self.concat(&concat.asts),
            _ => vec![self.element(ast)],
        };
        if parts.iter().any(|part| part.rigid)
            && let Some(part) = parts.iter().find(|part| part.limited.is_some())
        {
            self.misplaced.extend(part.limited.clone());
            return vec![Piece {
                hir: whole(parts),
                length: Length::Free,
            }];
        }
        self.add_up(parts)
    }

    /// All combinations of the names' alternatives, where they differ in length.
    fn add_up(&mut self, parts: Vec<Part>) -> Vec<Piece> {
        let limited = parts.iter().find_map(|part| part.limited.clone());
        let free = parts
            .iter()
            .any(|part| part.pieces.iter().all(|p| p.length == Length::Free));
        if let (Some((span, name)), true) = (limited, free) {
            self.problems.push(refusal::idle_max(span, &name));
        }
        let mut sums = vec![(Vec::new(), Length::Bounded(0))];
        for part in parts {
            let ways = part.pieces.len().saturating_mul(sums.len());
            let pieces = if ways > MOST_COMBINATIONS {
                vec![merge(part.pieces)]
            } else {
                part.pieces
            };
            let Some((last, others)) = pieces.split_last() else {
                continue;
            };
            let mut next = Vec::with_capacity(ways);
            for piece in others {
                next.extend(sums.iter().cloned().map(|sum| extend(sum, piece)));
            }
            next.extend(sums.into_iter().map(|sum| extend(sum, last)));
            sums = next;
        }
        sums.into_iter()
            .map(|(hirs, length)| Piece {
                hir: Hir::concat(hirs),
                length,
            })
            .collect()
    }

    /// A sequence, with `<name>`s found among its literals.
    fn concat(&mut self, asts: &[Ast]) -> Vec<Part> {
        let mut parts = Vec::new();
        let mut rest = asts;
        while let Some(first) = rest.first() {
            if let Some(reference) = Reference::read(self.text, rest) {
                parts.push(self.named(&reference));
                rest = rest.get(reference.width..).unwrap_or_default();
                continue;
            }
            if let Ast::Assertion(assertion) = first {
                self.hint_anchor(assertion, asts, rest.len());
            }
            parts.push(self.element(first));
            rest = rest.get(1..).unwrap_or_default();
        }
        parts
    }

    fn element(&mut self, ast: &Ast) -> Part {
        let hir = self.hir(ast);
        let rigid = !matches!(ast, Ast::Literal(_) | Ast::Flags(_) | Ast::Empty(_))
            && !matches!(ast, Ast::Assertion(a) if is_anchor(&a.kind));
        let length = longest(&hir).map_or(Length::Free, Length::Bounded);
        Part {
            pieces: vec![Piece { hir, length }],
            rigid,
            limited: None,
        }
    }

    fn named(&mut self, reference: &Reference<'_>) -> Part {
        let span = reference.span.clone();
        let name = reference.name;
        let named = match self.names.referent(name) {
            Referent::Expression(named) => named.clone(),
            Referent::Fragment(_) => return self.refuse(Names::inside_word(name, span)),
            Referent::Unknown => return self.refuse(self.names.unknown(name, span)),
            Referent::Broken => {
                self.broken = true;
                return Part::fail();
            }
        };
        self.size += named.size;
        if self.size > MOST_NODES {
            let problem = refusal::too_large(span, "the expression that the names write out to");
            return self.refuse(problem);
        }
        let limited = named.is_limited().then(|| (span, name.to_owned()));
        if reference.repetitions.is_empty() {
            return Part {
                pieces: named.pieces.clone(),
                rigid: false,
                limited,
            };
        }
        let hir = reference
            .repetitions
            .iter()
            .rev()
            .fold(merge(named.pieces.clone()).hir, |hir, op| {
                self.repeat(op, hir)
            });
        let length = longest(&hir).map_or(Length::Free, Length::Bounded);
        Part {
            pieces: vec![Piece { hir, length }],
            rigid: true,
            limited,
        }
    }

    /// The meaning of any tree, where a name's `max` cannot be kept.
    pub(super) fn hir(&mut self, ast: &Ast) -> Hir {
        match ast {
            Ast::Empty(_) => Hir::empty(),
            Ast::Flags(set) => {
                self.flags.set(&set.flags);
                Hir::empty()
            }
            Ast::Literal(literal) => {
                self.hint_space(literal);
                self.leaf(ast)
            }
            Ast::Assertion(assertion) => Hir::look(self.flags.look(&assertion.kind)),
            Ast::ClassPerl(perl) if self.flags.reach == Reach::Plain => {
                Hir::class(hir::Class::Unicode(class::perl(perl)))
            }
            Ast::Dot(_) | Ast::ClassUnicode(_) | Ast::ClassPerl(_) => self.leaf(ast),
            Ast::ClassBracketed(bracketed) => {
                if self.flags.reach == Reach::Plain && class::holds_perl(&bracketed.kind) {
                    Hir::class(hir::Class::Unicode(class::bracketed(self, bracketed)))
                } else {
                    self.leaf(ast)
                }
            }
            Ast::Repetition(repetition) => {
                let hir = self.hir(&repetition.ast);
                self.repeat(repetition, hir)
            }
            Ast::Group(group) => self.group(group),
            Ast::Alternation(alternation) => {
                self.refuse_empty(alternation, None);
                Hir::alternation(alternation.asts.iter().map(|ast| self.hir(ast)).collect())
            }
            Ast::Concat(concat) => {
                let parts = self.concat(&concat.asts);
                self.misplaced
                    .extend(parts.iter().filter_map(|part| part.limited.clone()));
                whole(parts)
            }
        }
    }

    fn group(&mut self, group: &ast::Group) -> Hir {
        let before = self.flags;
        if let GroupKind::NonCapturing(flags) = &group.kind {
            self.flags.set(flags);
        }
        let sub = if let Ast::Alternation(alternation) = &*group.ast {
            self.refuse_empty(alternation, Some(&group.span));
            Hir::alternation(alternation.asts.iter().map(|ast| self.hir(ast)).collect())
        } else {
            self.hir(&group.ast)
        };
        self.flags = before;
        let (index, name) = match &group.kind {
            GroupKind::NonCapturing(_) => return sub,
            GroupKind::CaptureIndex(index) => (*index, None),
            GroupKind::CaptureName { name, .. } => (name.index, Some(name.name.as_str().into())),
        };
        match self.purpose {
            Purpose::Whole => sub,
            Purpose::Searched => Hir::capture(hir::Capture {
                index,
                name,
                sub: Box::new(sub),
            }),
        }
    }

    fn repeat(&mut self, repetition: &ast::Repetition, sub: Hir) -> Hir {
        let (min, max) = match &repetition.op.kind {
            RepetitionKind::ZeroOrOne => (0, Some(1)),
            RepetitionKind::ZeroOrMore => (0, None),
            RepetitionKind::OneOrMore => (1, None),
            RepetitionKind::Range(RepetitionRange::Exactly(n)) => (*n, Some(*n)),
            RepetitionKind::Range(RepetitionRange::AtLeast(n)) => (*n, None),
            RepetitionKind::Range(RepetitionRange::Bounded(min, max)) => (*min, Some(*max)),
        };
        if self.purpose == Purpose::Whole && min.max(max.unwrap_or(0)) > HIGHEST_COUNT {
            self.problems
                .push(refusal::count(self.text, &repetition.op.span, min, max));
            return Hir::fail();
        }
        let greedy = repetition.greedy != self.flags.swap_greed;
        Hir::repetition(hir::Repetition {
            min,
            max,
            greedy,
            sub: Box::new(sub),
        })
    }

    /// What `regex-syntax` says about a tree without any of the notation's own choices in it.
    pub(super) fn leaf(&mut self, ast: &Ast) -> Hir {
        let hir = TranslatorBuilder::new()
            .case_insensitive(self.flags.insensitive)
            .dot_matches_new_line(self.flags.dot_all)
            .crlf(self.flags.crlf)
            .unicode(self.flags.reach != Reach::Bytes)
            .build()
            .translate(self.text, ast);
        match hir {
            Ok(hir) => match hir.kind() {
                hir::HirKind::Class(hir::Class::Bytes(bytes)) => match bytes.to_unicode_class() {
                    Some(class) => Hir::class(hir::Class::Unicode(class)),
                    None => hir,
                },
                _ => hir,
            },
            Err(error) => {
                self.problems.push(refusal::of_meaning(self.text, &error));
                Hir::fail()
            }
        }
    }

    fn refuse(&mut self, problem: Problem) -> Part {
        // One of a kind is enough when an expansion runs over.
        if problem.code != "pattern-too-large" || self.size <= MOST_NODES * 2 {
            self.problems.push(problem);
        }
        Part::fail()
    }

    fn refuse_empty(&mut self, alternation: &ast::Alternation, group: Option<&ast::Span>) {
        if alternation
            .asts
            .iter()
            .any(|ast| matches!(ast, Ast::Empty(_)))
        {
            self.problems
                .push(refusal::empty_branch(self.text, alternation, group));
        }
    }

    /// `left` counts the elements of the sequence from the assertion on.
    fn hint_anchor(&mut self, assertion: &ast::Assertion, asts: &[Ast], left: usize) {
        if self.purpose != Purpose::Whole || self.flags.multi_line || !is_caret(&assertion.kind) {
            return;
        }
        let (before, from) = asts.split_at(asts.len() - left);
        let beyond = match assertion.kind {
            AssertionKind::StartLine => before,
            _ => from,
        };
        let is_text = |ast: &Ast| !matches!(ast, Ast::Assertion(_) | Ast::Flags(_));
        let place = if beyond.iter().any(is_text) {
            refusal::Anchor::Inside
        } else if asts.iter().any(is_text) {
            refusal::Anchor::Edge
        } else {
            refusal::Anchor::Alone
        };
        self.problems
            .push(refusal::written_anchor(self.text, &assertion.span, place));
    }

    fn hint_space(&mut self, literal: &ast::Literal) {
        let plain = literal.c == ' ' && literal.kind == LiteralKind::Verbatim;
        if self.purpose == Purpose::Whole && plain {
            self.problems.push(refusal::inner_space(&literal.span));
        }
    }
}

/// One element of a sequence: what it can be, whether a `max` may stand beside it, and the place and
/// name when it is a name with `max`.
struct Part {
    pieces: Vec<Piece>,
    rigid: bool,
    limited: Option<(Range<usize>, String)>,
}

impl Part {
    fn fail() -> Self {
        let piece = Piece {
            hir: Hir::fail(),
            length: Length::Bounded(0),
        };
        Self {
            pieces: vec![piece],
            rigid: false,
            limited: None,
        }
    }
}

fn extend((mut hirs, length): (Vec<Hir>, Length), piece: &Piece) -> (Vec<Hir>, Length) {
    hirs.push(piece.hir.clone());
    (hirs, length.then(piece.length))
}

fn whole(parts: Vec<Part>) -> Hir {
    Hir::concat(
        parts
            .into_iter()
            .map(|part| merge(part.pieces).hir)
            .collect(),
    )
}

fn is_caret(kind: &AssertionKind) -> bool {
    matches!(kind, AssertionKind::StartLine | AssertionKind::EndLine)
}

fn is_anchor(kind: &AssertionKind) -> bool {
    is_caret(kind) || matches!(kind, AssertionKind::StartText | AssertionKind::EndText)
}
