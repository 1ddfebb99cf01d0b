//! What a pattern says, as a tree, and how it is printed.
//!
//! Two trees are equal when they say the same in the same words, wherever that is written.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use super::name::Fragment;
use super::word::Word;

/// One or more sequences, any of which matches.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Alternatives(pub(crate) Vec<Vec<Item>>);

/// One item of a sequence.
#[derive(Debug, Clone)]
pub(crate) struct Item {
    pub(crate) kind: Kind,
    /// One or more times.
    pub(crate) repeated: bool,
    /// Bytes of the pattern's text.
    pub(crate) span: Range<usize>,
}

/// What an item matches.
#[derive(Debug, Clone)]
pub(crate) enum Kind {
    /// One argument, by an expression as written.
    Word(String, Arc<Word>),
    /// One argument, by a named expression.
    Name(String, Arc<Word>),
    /// A named fragment.
    Part(String, Arc<Fragment>),
    /// Any one argument.
    Any,
    /// Any number of arguments.
    Rest,
    /// `( … )`.
    Group(Alternatives),
    /// `[ … ]`.
    Optional(Alternatives),
}

impl Alternatives {
    pub(crate) fn items(&self) -> impl Iterator<Item = &Item> {
        self.0.iter().flatten()
    }

    /// How deep it nests, with its fragments written out.
    pub(super) fn depth(&self) -> usize {
        let inner = |item: &Item| match &item.kind {
            Kind::Group(body) | Kind::Optional(body) => body.depth(),
            Kind::Part(_, fragment) => fragment.depth,
            Kind::Word(..) | Kind::Name(..) | Kind::Any | Kind::Rest => 0,
        };
        1 + self.items().map(inner).max().unwrap_or(0)
    }

    /// Calls `visit` for every word with the place, in this text, that brings it in; stops early
    /// when `visit` answers `true`, and says so.
    pub(super) fn any_word(&self, visit: &mut dyn FnMut(&Word, &Range<usize>) -> bool) -> bool {
        self.items().any(|item| match &item.kind {
            Kind::Word(_, word) | Kind::Name(_, word) => visit(word, &item.span),
            Kind::Group(body) | Kind::Optional(body) => body.any_word(visit),
            Kind::Part(_, fragment) => fragment
                .body
                .any_word(&mut |word, _| visit(word, &item.span)),
            Kind::Any | Kind::Rest => false,
        })
    }
}

impl PartialEq for Item {
    fn eq(&self, other: &Self) -> bool {
        let same = match (&self.kind, &other.kind) {
            (Kind::Word(a, _), Kind::Word(b, _))
            | (Kind::Name(a, _), Kind::Name(b, _))
            | (Kind::Part(a, _), Kind::Part(b, _)) => a == b,
            (Kind::Group(a), Kind::Group(b)) | (Kind::Optional(a), Kind::Optional(b)) => a == b,
            (Kind::Any, Kind::Any) | (Kind::Rest, Kind::Rest) => true,
            _ => false,
        };
        same && self.repeated == other.repeated
    }
}

impl fmt::Display for Alternatives {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, sequence) in self.0.iter().enumerate() {
            f.write_str(if at == 0 { "" } else { " | " })?;
            for (at, item) in sequence.iter().enumerate() {
                write!(f, "{}{item}", if at == 0 { "" } else { " " })?;
            }
        }
        Ok(())
    }
}

impl fmt::Display for Item {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let glue = match &self.kind {
            Kind::Word(text, _) => write!(f, "{text}").map(|()| " "),
            Kind::Name(name, _) | Kind::Part(name, _) => write!(f, "<{name}>").map(|()| ""),
            Kind::Any => f.write_str("*").map(|()| " "),
            Kind::Rest => f.write_str("**").map(|()| " "),
            Kind::Group(body) => write!(f, "( {body} )").map(|()| ""),
            Kind::Optional(body) => write!(f, "[ {body} ]").map(|()| ""),
        }?;
        if self.repeated {
            write!(f, "{glue}...")
        } else {
            Ok(())
        }
    }
}
