//! Limits on what one program may take of the machine.

use std::fs;
use std::io;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use serde::{Deserialize, Serialize};

/// How much a program may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// Files that it may have open, unless it asks for more.
    pub open_files: u64,
    /// Files that it may have open.
    pub most_open_files: u64,
    /// The longest file that it may write, in bytes.
    pub file_bytes: u64,
    /// Processes and threads of the user when no further one may start. The kernel counts all of the
    /// user, those outside of this container too, and never counts for root.
    pub processes: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            // What a shell has; programs that close every descriptor on their way take long with more.
            open_files: 1_024,
            most_open_files: 16_384,
            // A clone's pack fits, a disk does not fill in one go.
            file_bytes: 2 << 30,
            // A build or an agent runs hundreds; pods of a node that share a user count together.
            processes: 4_096,
        }
    }
}

/// How likely the kernel ends a process when memory runs out, of 1,000: before the engine, whose own
/// is 0 where nobody says.
const FIRST_TO_GO: i32 = 500;

const OOM: &str = "/proc/self/oom_score_adj";

impl Limits {
    /// Binds this process and what it starts.
    pub(super) fn enforce(self) -> io::Result<()> {
        let Self {
            open_files,
            most_open_files,
            file_bytes,
            processes,
        } = self;
        at_most(Resource::Nofile, open_files, most_open_files)?;
        at_most(Resource::Fsize, file_bytes, file_bytes)?;
        at_most(Resource::Nproc, processes, processes)?;
        at_most(Resource::Core, 0, 0)?;
        go_first();
        Ok(())
    }
}

/// Lowers a limit; it is never raised.
fn at_most(resource: Resource, current: u64, maximum: u64) -> io::Result<()> {
    let now = getrlimit(resource);
    let maximum = now.maximum.map_or(maximum, |now| now.min(maximum));
    let current = now.current.map_or(current, |now| now.min(current));
    let limit = Rlimit {
        current: Some(current.min(maximum)),
        maximum: Some(maximum),
    };
    Ok(setrlimit(resource, limit)?)
}

/// Best effort: what it protects is the engine, and only when memory runs out.
fn go_first() {
    let now = fs::read_to_string(OOM).ok();
    let now: Option<i32> = now.and_then(|now| now.trim().parse().ok());
    if now.is_some_and(|now| now < FIRST_TO_GO) {
        let _ = fs::write(OOM, FIRST_TO_GO.to_string());
    }
}
