//! Why a command could not do what it was asked: told on standard error, with the exit code that it
//! stands for.

use std::fmt;

use super::{Exit, client};
use crate::api::Code;
use crate::config::scenario::Scenarios;
use crate::config::{Loaded, Refused};

/// Why a command ended without its answer.
#[derive(Debug)]
pub(crate) enum Failure {
    /// One sentence, and the way out.
    Told {
        /// The code it stands for.
        exit: Exit,
        /// What went wrong, causes included.
        error: anyhow::Error,
        /// The way out.
        help: Option<String>,
    },
    /// The configuration is invalid, and its findings say why.
    Invalid(Box<Loaded>),
    /// The configuration says something that this build reads and does not enforce.
    NotEnforced(Box<Loaded>),
    /// Scenarios have errors, and their findings say which.
    Scenarios(Scenarios),
}

/// What a command answers.
pub(crate) type Result<T = Exit> = std::result::Result<T, Failure>;

impl Failure {
    /// Wrong usage.
    pub(crate) fn usage(message: impl fmt::Display) -> Self {
        Self::new(Exit::Usage, message)
    }

    /// The environment failed.
    pub(crate) fn environment(message: impl fmt::Display) -> Self {
        Self::new(Exit::Environment, message)
    }

    /// A failure with an exit code of its own.
    pub(crate) fn new(exit: Exit, message: impl fmt::Display) -> Self {
        Self::Told {
            exit,
            error: anyhow::anyhow!("{message}"),
            help: None,
        }
    }

    /// The same with a way out.
    #[must_use]
    pub(crate) fn help(mut self, text: impl Into<String>) -> Self {
        if let Self::Told { help, .. } = &mut self {
            *help = Some(text.into());
        }
        self
    }

    /// The code it stands for.
    pub(crate) fn exit(&self) -> Exit {
        match self {
            Self::Told { exit, .. } => *exit,
            Self::Invalid(_) | Self::NotEnforced(_) | Self::Scenarios(_) => Exit::Usage,
        }
    }
}

/// What has no better code of its own is the environment's fault.
impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        Self::Told {
            exit: Exit::Environment,
            error,
            help: None,
        }
    }
}

impl From<Refused> for Failure {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::Invalid(loaded) => Self::Invalid(loaded),
            Refused::NotEnforced(loaded) => Self::NotEnforced(loaded),
        }
    }
}

impl From<client::Error> for Failure {
    fn from(error: client::Error) -> Self {
        let client::Error::Refused(problem) = &error else {
            let help = "check the address, and that the server runs: `--server`, TOLKIEN_SERVER";
            return Self::environment(&error).help(help);
        };
        let (exit, help) = match problem.code {
            Code::Unauthorized => (
                Exit::Environment,
                "set TOLKIEN_TOKEN to a token that the server knows",
            ),
            Code::SessionNotFound => (
                Exit::Environment,
                "sessions end when nothing happens in them; begin a new one by leaving `--session` \
                 and TOLKIEN_SESSION out",
            ),
            Code::InvalidRequest | Code::MessageTooLong | Code::PayloadTooLarge => {
                return Self::usage(&error);
            }
            _ => return Self::environment(&error),
        };
        Self::new(exit, &error).help(help)
    }
}
