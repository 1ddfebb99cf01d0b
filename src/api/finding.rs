//! One thing wrong in a file, as every JSON answer has it.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::diagnostic::{self, Diagnostic};

/// One thing wrong in a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Finding {
    /// Its kind; `tolkien validate --explain CODE` prints a page on it.
    pub code: String,
    /// `error`, `warning` or `info`.
    pub severity: String,
    /// What is wrong.
    pub message: String,
    /// The way out.
    #[schema(required)]
    pub help: Option<String>,
    /// The file, as an operator would type it from the root.
    pub file: String,
    /// Where it starts.
    pub start: Position,
    /// Where it ends, exclusive.
    pub end: Position,
    /// What mends it without changing what was meant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fix: Option<Fix>,
}

/// A position in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Position {
    /// The line, from 1.
    pub line: u32,
    /// The column in characters, from 1.
    pub column: u32,
}

/// A replacement that a machine may apply.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Fix {
    /// The file.
    pub file: String,
    /// Where what is replaced starts.
    pub start: Position,
    /// Where it ends, exclusive.
    pub end: Position,
    /// What stands there afterwards.
    pub replacement: String,
}

impl From<&Diagnostic> for Finding {
    fn from(found: &Diagnostic) -> Self {
        let fix = found.fix.as_ref().filter(|fix| fix.safe);
        Self {
            code: found.code.0.to_owned(),
            severity: found.severity.as_str().to_owned(),
            message: found.message.clone(),
            help: found.help.clone(),
            file: found.place.file.to_string(),
            start: found.place.start.into(),
            end: found.place.end.into(),
            fix: fix.map(|fix| Fix {
                file: fix.place.file.to_string(),
                start: fix.place.start.into(),
                end: fix.place.end.into(),
                replacement: fix.replacement.clone(),
            }),
        }
    }
}

impl From<diagnostic::Position> for Position {
    fn from(position: diagnostic::Position) -> Self {
        let diagnostic::Position { line, column } = position;
        Self { line, column }
    }
}
