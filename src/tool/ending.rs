//! How a program ended, in the words that the model reads above its output.

use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::time::Duration;

use super::Outcome;

/// Why a program does not run any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ending {
    /// It ended without the engine.
    Itself,
    /// Its deadline ended it.
    TimedOut,
    /// It wrote nothing for so long.
    Silent(Duration),
    /// Whoever asked for it ended it.
    Cancelled,
    /// It wrote too much.
    Flooded,
}

/// The end of a program with what is needed to tell of it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ended {
    pub(super) ending: Ending,
    /// Absent when the kernel did not let it go in time.
    pub(super) status: Option<ExitStatus>,
    pub(super) deadline: Duration,
    pub(super) flood: u64,
}

impl Ended {
    pub(super) fn outcome(&self) -> Outcome {
        match self.ending {
            Ending::TimedOut | Ending::Silent(_) => Outcome::TimedOut,
            Ending::Cancelled => Outcome::Cancelled,
            Ending::Itself | Ending::Flooded => Outcome::Exited { code: self.code() },
        }
    }

    /// Whether the model is told that it failed.
    pub(super) fn is_error(&self, ok: &[i32]) -> bool {
        self.ending != Ending::Itself || self.signal().is_some() || !ok.contains(&self.code())
    }

    /// Whether it wrote all that it wanted to write.
    pub(super) fn is_its_own(&self) -> bool {
        self.ending == Ending::Itself && self.signal().is_none()
    }

    fn signal(&self) -> Option<i32> {
        self.status.and_then(|status| status.signal())
    }

    pub(super) fn code(&self) -> i32 {
        // Without a status only KILL was left to end it.
        let killed = 128 + rustix::process::Signal::KILL.as_raw();
        self.status.map_or(killed, |status| {
            status
                .code()
                .or_else(|| status.signal().map(|signal| 128 + signal))
                .unwrap_or(killed)
        })
    }

    /// How it ended, in a few words.
    pub(super) fn why(&self) -> String {
        match self.ending {
            Ending::Itself => match self.signal() {
                Some(signal) => format!("it was ended by {}", signal_name(signal)),
                None => format!("it failed with exit code {}", self.code()),
            },
            Ending::TimedOut => format!("it had not finished after {:?}", self.deadline),
            Ending::Silent(idle) => format!("it had written nothing for {idle:?}"),
            Ending::Cancelled => "it was cancelled".to_owned(),
            Ending::Flooded => format!("it wrote more than {} bytes", self.flood),
        }
    }

    /// Puts a line above the output where it does not speak for itself.
    pub(super) fn head(&self, is_error: bool, output: String) -> String {
        let code = self.code();
        let silent = output.is_empty();
        let written = if silent {
            "it had written nothing"
        } else {
            "what it wrote until then:"
        };
        let line = match self.ending {
            Ending::Itself => match self.signal() {
                Some(signal) => format!("[ended by {}, exit code {code}]", signal_name(signal)),
                None if is_error && silent => format!("[failed with exit code {code}, no output]"),
                None if is_error => format!("[failed with exit code {code}]"),
                None if silent => return format!("(no output, exit code {code})"),
                None if code == 0 => return output,
                None => format!("[exit code {code}]"),
            },
            Ending::TimedOut => format!(
                "[ended because it had not finished after {:?}; {written}]",
                self.deadline
            ),
            Ending::Silent(idle) => {
                format!("[ended because it had written nothing for {idle:?}; {written}]")
            }
            Ending::Cancelled => format!("[cancelled while it ran; {written}]"),
            Ending::Flooded => format!(
                "[ended because it wrote more than {} bytes; the output:]",
                self.flood
            ),
        };
        if silent {
            line
        } else {
            format!("{line}\n{output}")
        }
    }
}

/// The signals that end a program, by their Linux names.
fn signal_name(signal: i32) -> String {
    let name = match signal {
        1 => "SIGHUP",
        2 => "SIGINT",
        3 => "SIGQUIT",
        4 => "SIGILL",
        5 => "SIGTRAP",
        6 => "SIGABRT",
        7 => "SIGBUS",
        8 => "SIGFPE",
        9 => "SIGKILL",
        11 => "SIGSEGV",
        13 => "SIGPIPE",
        14 => "SIGALRM",
        15 => "SIGTERM",
        24 => "SIGXCPU",
        25 => "SIGXFSZ",
        31 => "SIGSYS",
        other => return format!("signal {other}"),
    };
    name.to_owned()
}
