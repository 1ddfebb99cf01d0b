//! One word of a pattern: an expression for one whole argument, compiled.

use std::sync::{Arc, OnceLock};

use regex_automata::nfa::thompson::pikevm::PikeVM;
use regex_automata::nfa::thompson::{self, NFA, WhichCaptures};
use regex_syntax::hir::{Hir, HirKind, Look};

use super::length::{Length, Piece, merge};
use super::name::Names;
use super::problem::Problem;
use super::refusal;
use super::table::Table;
use super::translate::{self, Purpose, Translator};

/// The automaton of one expression may take this many bytes (`\p{L}` takes some 20,000).
const LARGEST_NFA_BYTES: usize = 1 << 20;

/// How deep an expression may nest once its names are written out.
const DEEPEST: usize = 250;

/// Whether `max` is applied: in `deny`, `ask` and `never` a longer word must not slip through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lengths {
    /// A word longer than its `max` does not match.
    Enforced,
    /// `max` is not looked at.
    Ignored,
}

/// Any one of its branches matches one whole argument.
#[derive(Debug)]
pub(crate) struct Word {
    branches: Vec<Branch>,
    flag: Flag,
    loose: bool,
}

/// An expression and the most characters it takes.
#[derive(Debug)]
pub(crate) struct Branch {
    expression: Hir,
    limit: Option<u32>,
    vm: PikeVM,
    /// Made when many words are compiled together, and shared by all who do.
    table: OnceLock<Option<Arc<Table>>>,
}

/// Which alternatives are written as a flag, that is begin with a literal `-`.
#[derive(Debug)]
enum Flag {
    None,
    All,
    Some(Vec<Branch>),
}

/// An expression that was read, and what it says about length.
pub(super) struct Reading {
    pub(super) pieces: Vec<Piece>,
    /// Hints only.
    pub(super) hints: Vec<Problem>,
}

/// Reads an expression that is matched whole; without a problem that is more than a hint, it fails
/// only for a name that was reported already.
pub(super) fn read(text: &str, names: &Names, lengths: Lengths) -> Result<Reading, Vec<Problem>> {
    let ast = translate::parse(text).map_err(|problem| vec![problem])?;
    let mut translator = Translator::new(text, names, Purpose::Whole);
    let pieces = translator.pieces(&ast);
    let Translator {
        mut problems,
        misplaced,
        broken,
        ..
    } = translator;
    if lengths == Lengths::Ignored {
        problems.retain(|problem| problem.code != refusal::IDLE_MAX);
    } else {
        problems.extend(
            misplaced
                .into_iter()
                .map(|(span, name)| refusal::misplaced_max(span, &name)),
        );
    }
    if broken || problems.iter().any(|problem| !problem.hint) {
        return Err(problems);
    }
    if pieces.iter().any(|piece| depth(&piece.hir) > DEEPEST) {
        problems.push(refusal::too_large(0..text.len(), "this expression"));
        return Err(problems);
    }
    Ok(Reading {
        pieces,
        hints: problems,
    })
}

impl Word {
    /// Compiles the alternatives of one word; `None` when an automaton gets too large.
    pub(super) fn new(pieces: &[Piece]) -> Option<Self> {
        let mut flags: Vec<Piece> = Vec::new();
        let mut loose = false;
        for piece in pieces {
            if must_be_flag(&piece.hir) {
                flags.push(piece.clone());
            } else {
                loose |= may_be_flag(&piece.hir).0;
            }
        }
        let flag = if flags.is_empty() {
            Flag::None
        } else if flags.len() == pieces.len() {
            Flag::All
        } else {
            Flag::Some(compile(flags)?)
        };
        Some(Self {
            branches: compile(pieces.to_vec())?,
            flag,
            loose,
        })
    }

    /// The branches, for whoever compiles many words together.
    pub(crate) fn branches(&self) -> &[Branch] {
        &self.branches
    }

    /// The branches of the alternatives that are written with a leading `-`.
    pub(crate) fn flag_branches(&self) -> &[Branch] {
        match &self.flag {
            Flag::None => &[],
            Flag::All => &self.branches,
            Flag::Some(branches) => branches,
        }
    }

    /// Whether it matches this argument.
    pub(crate) fn matches(&self, argument: &str, lengths: Lengths) -> bool {
        any(&self.branches, argument, lengths)
    }

    /// Whether an alternative that is written with a leading `-` matches this argument.
    pub(super) fn matches_as_flag(&self, argument: &str, lengths: Lengths) -> bool {
        any(self.flag_branches(), argument, lengths)
    }

    /// Whether an alternative that is not written as a flag can match a leading `-`.
    pub(super) fn is_loose(&self) -> bool {
        self.loose
    }
}

impl Branch {
    /// The expression, to be matched whole.
    pub(crate) fn expression(&self) -> &Hir {
        &self.expression
    }

    /// The automaton of the expression by itself.
    pub(super) fn vm(&self) -> &PikeVM {
        &self.vm
    }

    /// The same as a table that has only this expression; `None` when it cannot be one.
    pub(super) fn table(&self) -> Option<Arc<Table>> {
        let table = || Table::new(&[(0, anchored(&self.expression))]).map(Arc::new);
        self.table.get_or_init(table).clone()
    }

    /// Whether a table can hold it together with others: what is bounded does not multiply.
    pub(super) fn is_sociable(&self) -> bool {
        let properties = self.expression.properties();
        properties.maximum_len().is_some() && !properties.look_set().contains_word_unicode()
    }

    /// The most characters that it takes, where that is applied.
    pub(crate) fn limit(&self, lengths: Lengths) -> Option<u32> {
        match lengths {
            Lengths::Enforced => self.limit,
            Lengths::Ignored => None,
        }
    }
}

/// Whether a text is at most that many characters long.
pub(super) fn fits(text: &str, limit: Option<u32>) -> bool {
    let Some(limit) = limit.and_then(|limit| usize::try_from(limit).ok()) else {
        return true;
    };
    text.len() <= limit || text.chars().nth(limit).is_none()
}

fn any(branches: &[Branch], argument: &str, lengths: Lengths) -> bool {
    branches.iter().any(|branch| {
        fits(argument, branch.limit(lengths))
            && branch.vm.is_match(&mut branch.vm.create_cache(), argument)
    })
}

/// One piece for each different limit.
pub(super) fn condense(pieces: Vec<Piece>) -> Vec<Piece> {
    let mut kinds: Vec<(Option<u32>, Vec<Piece>)> = Vec::new();
    for piece in pieces {
        let limit = piece.length.limit();
        match kinds.iter_mut().find(|(known, _)| *known == limit) {
            Some((_, same)) => same.push(piece),
            None => kinds.push((limit, vec![piece])),
        }
    }
    kinds.into_iter().map(|(_, same)| merge(same)).collect()
}

fn compile(pieces: Vec<Piece>) -> Option<Vec<Branch>> {
    let branch = |piece: Piece| {
        let limit = match piece.length {
            Length::Limited(limit) => Some(limit),
            Length::Bounded(_) | Length::Free => None,
        };
        let vm = PikeVM::builder()
            .build_from_nfa(nfa(&anchored(&piece.hir))?)
            .ok()?;
        Some(Branch {
            expression: piece.hir,
            limit,
            vm,
            table: OnceLock::new(),
        })
    };
    condense(pieces).into_iter().map(branch).collect()
}

/// The expression with both ends of the text around it.
pub(super) fn anchored(hir: &Hir) -> Hir {
    Hir::concat(vec![
        Hir::look(Look::Start),
        hir.clone(),
        Hir::look(Look::End),
    ])
}

fn nfa(hir: &Hir) -> Option<NFA> {
    let config = thompson::Config::new()
        .which_captures(WhichCaptures::None)
        .nfa_size_limit(Some(LARGEST_NFA_BYTES));
    thompson::Compiler::new()
        .configure(config)
        .build_from_hir(hir)
        .ok()
}

/// Whether every match begins with `-`.
fn must_be_flag(hir: &Hir) -> bool {
    match hir.kind() {
        HirKind::Literal(literal) => literal.0.starts_with(b"-"),
        HirKind::Concat(hirs) => hirs
            .iter()
            .find(|hir| !matches!(hir.kind(), HirKind::Look(_) | HirKind::Empty))
            .is_some_and(must_be_flag),
        HirKind::Alternation(hirs) => hirs.iter().all(must_be_flag),
        HirKind::Repetition(repetition) => repetition.min > 0 && must_be_flag(&repetition.sub),
        HirKind::Capture(capture) => must_be_flag(&capture.sub),
        HirKind::Class(_) | HirKind::Empty | HirKind::Look(_) => false,
    }
}

/// Whether a match can begin with `-`, and whether it can be empty; assertions are taken as true.
fn may_be_flag(hir: &Hir) -> (bool, bool) {
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => (false, true),
        HirKind::Literal(literal) => (literal.0.starts_with(b"-"), false),
        HirKind::Class(regex_syntax::hir::Class::Unicode(class)) => (
            class
                .iter()
                .any(|range| (range.start()..=range.end()).contains(&'-')),
            false,
        ),
        HirKind::Class(regex_syntax::hir::Class::Bytes(class)) => (
            class
                .iter()
                .any(|range| (range.start()..=range.end()).contains(&b'-')),
            false,
        ),
        HirKind::Repetition(repetition) if repetition.max == Some(0) => (false, true),
        HirKind::Repetition(repetition) => {
            let (dash, empty) = may_be_flag(&repetition.sub);
            (dash, empty || repetition.min == 0)
        }
        HirKind::Capture(capture) => may_be_flag(&capture.sub),
        HirKind::Concat(hirs) => {
            let mut dash = false;
            for hir in hirs {
                let (here, empty) = may_be_flag(hir);
                dash |= here;
                if !empty {
                    return (dash, false);
                }
            }
            (dash, true)
        }
        HirKind::Alternation(hirs) => hirs
            .iter()
            .map(may_be_flag)
            .fold((false, false), |(dash, empty), (here, nothing)| {
                (dash || here, empty || nothing)
            }),
    }
}

fn depth(hir: &Hir) -> usize {
    1 + hir.kind().subs().iter().map(depth).max().unwrap_or(0)
}

/// How many nodes an expression has.
pub(super) fn size(hir: &Hir) -> usize {
    1 + hir.kind().subs().iter().map(size).sum::<usize>()
}
