//! A call that answers what was recorded of it, in place of running: for `tolkien eval`.

use std::os::unix::process::ExitStatusExt as _;
use std::process::ExitStatus;
use std::time::Duration;

use super::Finished;
use super::capture::Capture;
use super::command::{Over, Run};
use super::ending::{Ended, Ending};
use crate::call::{Call, Plan};

/// What the model is told of a call that was not recorded.
const NOT_RECORDED: &str = "nothing was recorded of this call";

/// Answers as the program would have, through everything that its output would pass.
pub(super) fn play(call: &Call, run: &Run<'_>) -> Finished {
    let Some(recording) = run.host.recording(&call.tool().name, &call.lines()) else {
        return Finished::not_started(NOT_RECORDED, Duration::ZERO, run.redactor);
    };
    let captured = || Capture::new(run.output.keep_bytes, run.output.keep);
    let mut stdout = captured();
    stdout.push(recording.output.as_bytes());
    let ended = Ended {
        ending: Ending::Itself,
        // As `wait` tells it: the exit code above the byte of the signal.
        status: Some(ExitStatus::from_raw(i32::from(recording.exit_code) << 8)),
        deadline: run.timeout,
        flood: run.bounds.flood,
    };
    let over = Over {
        ended,
        stdout,
        stderr: captured(),
    };
    let ok: &[i32] = match call.plan() {
        Plan::Command(start) => &start.ok,
        _ => &[0],
    };
    over.finished(ok, run, Duration::ZERO)
}
