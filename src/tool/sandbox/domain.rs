//! The domain: what the kernel holds a program in, and the one thread of the supervisor that entered
//! it. That thread starts the program, and is the one that can signal everything in the domain at
//! once; it can signal nothing else.

use std::fs;
use std::net::UdpSocket;
use std::path::Path;

use nix::sys::signal::kill;
use nix::unistd::Pid as Anyone;
use rustix::io::Errno;
use rustix::process::{Signal, getpid, getppid, test_kill_process};

use super::{Lists, filter, kin, landlock, privilege};

/// Every process that may be signalled (`kill(2)`).
const ALL: i32 = -1;

/// The domain that the calling thread is in.
#[derive(Debug)]
pub(super) struct Domain {
    /// What the kernel does not enforce of what this build asks for, in words.
    pub(super) lacks: Vec<String>,
    reach: Reach,
}

/// How everything in the domain is signalled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reach {
    /// By the kernel, in one go: no process can be started while it looks.
    Domain,
    /// One descendant after the other.
    Kin,
}

impl Domain {
    /// Enters for good. What cannot be enforced is lacking, and everything else still holds.
    pub(super) fn enter(lists: &Lists, program: &Path) -> Self {
        // Otherwise what the domain cannot do says nothing of the domain.
        let reached_before = reaches_the_engine();
        let (mut lacks, mut signals) = match landlock::enter(lists, program) {
            Ok(held) => (held.lacks, held.signals),
            Err(error) => (vec![format!("Landlock failed: {error}")], false),
        };
        if signals && !(reached_before == Some(true) && reaches_the_engine() == Some(false)) {
            lacks.push("the Landlock of this kernel let a signal out of a sandbox".to_owned());
            signals = false;
        }
        if let Err(error) = filter::enter(lists, signals) {
            lacks.push(error.to_string());
        }
        if let Err(error) = privilege::give_up() {
            lacks.push(format!("the rights of root cannot be given up: {error}"));
        }
        let reach = if signals { Reach::Domain } else { Reach::Kin };
        Self { lacks, reach }
    }

    /// Enters a domain in which nothing is allowed, and tries what it must not let through.
    pub(super) fn tried() -> Vec<String> {
        let nothing = Lists {
            read: Some(Vec::new()),
            write: Some(Vec::new()),
            exec: Some(Vec::new()),
            connect: Some(Vec::new()),
        };
        let mut lacks = Self::enter(&nothing, Path::new("/")).lacks;
        if lacks.is_empty() {
            if fs::read_dir("/").is_ok() {
                lacks.push("the Landlock of this kernel let a folder be read".to_owned());
            }
            if UdpSocket::bind(("127.0.0.1", 0)).is_ok() {
                lacks.push("the filter of system calls let a socket be opened".to_owned());
            }
        }
        lacks
    }

    /// Signals everything in the domain. Who is not there to get it needs it no more.
    pub(super) fn signal(&self, signal: Signal) {
        match self.reach {
            // The kernel was seen to keep this thread's signals in the domain.
            Reach::Domain => {
                if let Ok(signal) = nix::sys::signal::Signal::try_from(signal.as_raw()) {
                    let _ = kill(Anyone::from_raw(ALL), signal);
                }
            }
            Reach::Kin => kin::signal(getpid(), signal),
        }
    }
}

/// Whether this thread could signal the engine; nothing when that cannot be told.
fn reaches_the_engine() -> Option<bool> {
    match test_kill_process(getppid()?) {
        Ok(()) => Some(true),
        Err(Errno::PERM) => Some(false),
        Err(_) => None,
    }
}
