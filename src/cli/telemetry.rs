//! How a process reports on itself: log lines on standard error.

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt;

use super::render;
use crate::config::secret::variable;
use crate::config::settings::LogFormat;

/// How much is logged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Level {
    /// What went wrong.
    Error,
    /// What happens.
    Info,
    /// Why it happens.
    Debug,
    /// Everything.
    Trace,
}

impl Level {
    /// What is asked for on the command line, over what a command logs by itself.
    pub(crate) fn asked(verbose: u8, quiet: bool, own: Self) -> Self {
        match (quiet, verbose) {
            (true, _) => Self::Error,
            (false, 0) => own,
            (false, 1) => Self::Debug,
            (false, _) => Self::Trace,
        }
    }

    /// The libraries below talk about every packet and every statement: they get a level less.
    fn directives(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Info => "info,sqlx=warn",
            Self::Debug => "info,tolkien=debug,sqlx=warn",
            Self::Trace => "debug,tolkien=trace",
        }
    }
}

/// Starts logging; the second start in a process changes nothing. `RUST_LOG` stands over the level.
pub(crate) fn start(level: Level, format: LogFormat) {
    let wanted = variable("RUST_LOG").and_then(|text| EnvFilter::try_new(text).ok());
    let filter = wanted.unwrap_or_else(|| EnvFilter::new(level.directives()));
    // Without a reader of the log there is nowhere to complain, and complaining would panic.
    let lines = fmt()
        .with_env_filter(filter)
        .with_writer(render::log)
        .log_internal_errors(false);
    // Another subscriber is a library's test harness, which keeps what it has.
    drop(match format {
        LogFormat::Json => lines
            .json()
            .flatten_event(true)
            .with_span_list(false)
            .try_init(),
        LogFormat::Text => lines.with_ansi(false).try_init(),
    });
}
