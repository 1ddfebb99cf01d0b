//! Exit codes: one closed list, returned from `main` and never decided in the middle of a command.

use std::process::{ExitCode, Termination};

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// Clean: no finding, an allow, a call or a turn that is done.
    Done = 0,
    /// The answer is no: a finding at or above the threshold, a denial, a failed call or turn.
    Negative = 1,
    /// Wrong usage, a missing folder, or an invalid configuration.
    Usage = 2,
    /// Somebody must be asked: `check` answers ask, or `call` needs `--yes`.
    Ask = 3,
    /// The environment failed: server unreachable, port taken, I/O.
    Environment = 4,
    /// Interrupted by the operator; 128 + SIGINT, as shells count.
    Interrupted = 130,
}

impl Termination for Exit {
    fn report(self) -> ExitCode {
        ExitCode::from(self as u8)
    }
}
