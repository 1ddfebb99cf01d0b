//! A template of a command, checked: literal text and the names in it, taken apart once at load.
//!
//! `{{ name }}` with a parameter, `env.NAME`, `workspace`, `secret.NAME`, `steps.ID.stdout` and
//! `prompt("file.md", …)` stay names, so that a command line can be shown and judged without the
//! machine. Any other MiniJinja expression over the input's parameters is kept whole and rendered
//! at the call.

mod parse;

use std::collections::BTreeSet;
use std::ops::Range;

use super::name::{EnvName, SecretName};
use crate::diagnostic::Place;

pub(crate) use parse::{Allowed, Known, parse};

/// A checked template.
#[derive(Debug, Clone)]
pub struct Template {
    /// As written.
    pub text: String,
    /// Taken apart.
    pub parts: Vec<Part>,
    /// Where it is written.
    pub place: Place,
}

/// A part of a template.
#[derive(Debug, Clone, PartialEq)]
pub enum Part {
    /// Text as it is.
    Literal(String),
    /// A parameter of the input.
    Parameter(String),
    /// A name of the environment.
    Env(EnvName),
    /// The call's private folder.
    Workspace,
    /// A secret.
    Secret(SecretName),
    /// What an earlier step gave.
    Step {
        /// The step.
        id: String,
        /// Which part of it.
        stream: StepStream,
    },
    /// A prompt, rendered with arguments; each an expression over the parameters.
    Prompt {
        /// The prompt's file.
        name: String,
        /// Name and MiniJinja expression of each argument.
        arguments: Vec<(String, String)>,
    },
    /// Any other MiniJinja text over the parameters.
    Computed {
        /// The MiniJinja source, braces included.
        source: String,
        /// The parameters that it mentions.
        parameters: BTreeSet<String>,
    },
}

/// What an earlier step gave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StepStream {
    /// Its standard output.
    Stdout,
    /// Its standard error.
    Stderr,
    /// Its exit code.
    Code,
}

impl Template {
    /// The parameters that it mentions.
    pub fn parameters(&self) -> BTreeSet<&str> {
        self.parts.iter().flat_map(Part::parameters).collect()
    }

    /// The text, when it is nothing but literal.
    pub fn literal(&self) -> Option<&str> {
        match self.parts.as_slice() {
            [] => Some(""),
            [Part::Literal(text)] => Some(text),
            _ => None,
        }
    }

    /// The one parameter that it consists of.
    pub fn only_parameter(&self) -> Option<&str> {
        match self.parts.as_slice() {
            [Part::Parameter(name)] => Some(name),
            _ => None,
        }
    }
}

impl Part {
    /// The parameters that it mentions.
    pub fn parameters(&self) -> Vec<&str> {
        match self {
            Self::Parameter(name) => vec![name.as_str()],
            Self::Computed { parameters, .. } => parameters.iter().map(String::as_str).collect(),
            _ => Vec::new(),
        }
    }
}

/// A problem inside a template's text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Problem {
    /// Bytes of the template's text.
    pub(crate) span: Range<usize>,
    /// The finding's code.
    pub(crate) code: &'static str,
    /// What is wrong.
    pub(crate) message: String,
    /// The way out.
    pub(crate) help: Option<String>,
}
