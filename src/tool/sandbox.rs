//! The sandbox: a program runs under a supervisor of its own, which the kernel stands behind.
//!
//! The engine starts itself again ([`WORD`] as its only argument) and tells the new process through
//! a socket what to run ([`plan`]). That process is the *supervisor* ([`supervisor`]): it leads a
//! session of its own, adopts whatever its descendants leave behind, and ends all of them when the
//! engine says so or is gone, however it went. It is started the cheap way (`posix_spawn`), which
//! does not depend on the engine's memory; code between a `fork` and an `exec` would.
//!
//! Landlock and seccomp bind a thread and what it starts. So one thread of the supervisor enters the
//! *domain* ([`domain`]) and starts the program from within it, while the main thread stays outside
//! and reaps: nothing in the domain can signal or trace the supervisor, or the engine. What holds in
//! the domain:
//!
//! * `landlock`: the lists of paths, executables and TCP ports of the configuration, where they are
//!   written; signals and abstract sockets end at the domain's border, always;
//! * `filter`: no tracing, no namespaces, no mounts, no `io_uring`, no raw sockets, no kernel keys or
//!   modules, always;
//! * `privilege`: root keeps what concerns files and users, and nothing that concerns the kernel;
//! * `limit`: open files, the size of a file, processes, no core dumps, no new privileges, always.
//!
//! The program stands back behind its supervisor (`nice`), so that the one that ends it gets its turn.
//!
//! What it does not hold: metadata (`stat`, and `chmod` of the user's own files) is not a matter of
//! Landlock; a program that may execute the dynamic linker may run any file that it may read;
//! `connect` speaks of TCP, so UDP leaves unless no port is allowed at all; the limit on files is for
//! each file, not for their sum; and the limit on processes is the kernel's, which counts all
//! processes of the user and does not count for root.
//!
//! Everything that is asked for and not enforced is told: with `require: full` the program is not
//! started then, and [`probe()`] asks once at start, so that its tool is not offered at all.

mod confined;

mod domain;

mod filter;

mod kin;

mod landlock;

mod limit;

mod plan;

mod privilege;

mod probe;

mod supervisor;

mod system;

use std::ffi::OsStr;

use rustix::process::{DumpableBehavior, set_dumpable_behavior};

pub(super) use confined::Confined;
pub use limit::Limits;
pub(super) use plan::{Lists, Plan};
pub use probe::probe;
pub use supervisor::supervise;
pub(super) use system::{Kind, widen};

/// The first argument that makes this program a supervisor.
pub const WORD: &str = "__supervise";

/// Whether this process was started to supervise another.
pub fn is_supervisor(first_argument: Option<&OsStr>) -> bool {
    first_argument == Some(OsStr::new(WORD))
}

/// Keeps other processes of the same user from reading this one's memory and environment, where the
/// keys are; they cannot trace it either, and it leaves no core dump.
pub fn conceal() {
    if let Err(error) = set_dumpable_behavior(DumpableBehavior::NotDumpable) {
        tracing::warn!(%error, "this process can be read by others of its user");
    }
}
