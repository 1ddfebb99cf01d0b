//! One problem in a pattern's text, with its place in it.

use std::ops::Range;

/// One thing wrong, or odd, in the text of a pattern or an expression.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Bytes of the text that was parsed; `0..0` when the name it is written under is at fault.
    pub span: Range<usize>,
    /// The kind, kebab-case and stable: `pattern-empty-alternative`.
    pub code: &'static str,
    /// What is wrong, in one sentence.
    pub message: String,
    /// The way out.
    pub help: Option<String>,
    /// What to write in place of the span.
    pub fix: Option<String>,
    /// The fix may match more than was meant, or guesses a name: a person looks at it first.
    pub unsure: bool,
    /// A warning only: the pattern can be used as it is.
    pub hint: bool,
}

impl Problem {
    pub(super) fn new(span: Range<usize>, code: &'static str, message: impl Into<String>) -> Self {
        Self {
            span,
            code,
            message: message.into(),
            help: None,
            fix: None,
            unsure: false,
            hint: false,
        }
    }

    pub(super) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    pub(super) fn fix(mut self, fix: impl Into<String>) -> Self {
        self.fix = Some(fix.into());
        self
    }

    /// A fix for a person to look at first.
    pub(super) fn proposal(mut self, fix: impl Into<String>) -> Self {
        self.unsure = true;
        self.fix(fix)
    }

    pub(super) fn hint(mut self) -> Self {
        self.hint = true;
        self
    }

    /// The same problem in a longer text that holds this one from `offset` on.
    pub(super) fn shift(mut self, offset: usize) -> Self {
        self.span = self.span.start + offset..self.span.end + offset;
        self
    }
}
