//! The flags of an expression, and what they make of its assertions.

use regex_syntax::ast::{self, AssertionKind, Flag, FlagsItemKind};
use regex_syntax::hir::Look;

/// How `\w`, `\d`, `\s` and `\b` are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reach {
    /// Nothing written: they are ASCII, everything else knows all characters.
    Plain,
    /// `(?u)`.
    Unicode,
    /// `(?-u)`.
    Bytes,
}

/// The flags in force at one place of an expression.
#[derive(Debug, Clone, Copy)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is one that an expression can switch"
)]
pub(super) struct Flags {
    pub(super) insensitive: bool,
    pub(super) multi_line: bool,
    pub(super) dot_all: bool,
    pub(super) swap_greed: bool,
    pub(super) crlf: bool,
    pub(super) reach: Reach,
}

impl Default for Flags {
    /// Dot-all; `\w`, `\d`, `\s` and `\b` are ASCII.
    fn default() -> Self {
        Self {
            insensitive: false,
            multi_line: false,
            dot_all: true,
            swap_greed: false,
            crlf: false,
            reach: Reach::Plain,
        }
    }
}

impl Flags {
    /// What an assertion means.
    pub(super) fn look(self, kind: &AssertionKind) -> Look {
        let unicode = self.reach == Reach::Unicode;
        let pick = |wide, ascii| if unicode { wide } else { ascii };
        match kind {
            AssertionKind::StartLine if self.multi_line && self.crlf => Look::StartCRLF,
            AssertionKind::StartLine if self.multi_line => Look::StartLF,
            AssertionKind::EndLine if self.multi_line && self.crlf => Look::EndCRLF,
            AssertionKind::EndLine if self.multi_line => Look::EndLF,
            AssertionKind::StartLine | AssertionKind::StartText => Look::Start,
            AssertionKind::EndLine | AssertionKind::EndText => Look::End,
            AssertionKind::WordBoundary => pick(Look::WordUnicode, Look::WordAscii),
            AssertionKind::NotWordBoundary => pick(Look::WordUnicodeNegate, Look::WordAsciiNegate),
            AssertionKind::WordBoundaryStart | AssertionKind::WordBoundaryStartAngle => {
                pick(Look::WordStartUnicode, Look::WordStartAscii)
            }
            AssertionKind::WordBoundaryEnd | AssertionKind::WordBoundaryEndAngle => {
                pick(Look::WordEndUnicode, Look::WordEndAscii)
            }
            AssertionKind::WordBoundaryStartHalf => {
                pick(Look::WordStartHalfUnicode, Look::WordStartHalfAscii)
            }
            AssertionKind::WordBoundaryEndHalf => {
                pick(Look::WordEndHalfUnicode, Look::WordEndHalfAscii)
            }
        }
    }

    /// Switches what is written.
    pub(super) fn set(&mut self, flags: &ast::Flags) {
        let mut on = true;
        for item in &flags.items {
            match item.kind {
                FlagsItemKind::Negation => on = false,
                FlagsItemKind::Flag(Flag::CaseInsensitive) => self.insensitive = on,
                FlagsItemKind::Flag(Flag::MultiLine) => self.multi_line = on,
                FlagsItemKind::Flag(Flag::DotMatchesNewLine) => self.dot_all = on,
                FlagsItemKind::Flag(Flag::SwapGreed) => self.swap_greed = on,
                FlagsItemKind::Flag(Flag::CRLF) => self.crlf = on,
                FlagsItemKind::Flag(Flag::Unicode) => {
                    self.reach = if on { Reach::Unicode } else { Reach::Bytes };
                }
                // The parser has already left out the spaces.
                FlagsItemKind::Flag(Flag::IgnoreWhitespace) => {}
            }
        }
    }
}
