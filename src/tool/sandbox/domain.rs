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
use rustix::thread::sched_getaffinity;

use super::{Lists, filter, kin, landlock, privilege};

/// Every process that may be signalled (`kill(2)`).
const ALL: i32 = -1;

/// Processes and threads for each processor that make a crowd of those ready to run: each has its
/// turn of up to 4 ms, the tick of most kernels, so the next one waits for a quarter of a second.
const READY: u32 = 64;

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

    /// Asks everything in the domain to end, and says whether that is worth waiting for: where the
    /// machine is crowded nobody has a grace, since at its end whoever is to end the crowd would wait
    /// for its turn behind it.
    pub(super) fn ask_to_end(&self) -> bool {
        if is_crowded() {
            return false;
        }
        // A stopped process gets nothing but KILL until it goes on.
        let signals = [Signal::TERM, Signal::CONT];
        match self.reach {
            Reach::Domain => signals.into_iter().for_each(everybody),
            Reach::Kin => kin::signal(getpid(), &signals),
        }
        true
    }

    /// Kills everything in the domain. Where that is one after the other, somebody may be started
    /// meanwhile: ask again until nobody is left.
    pub(super) fn end(&self) {
        match self.reach {
            Reach::Domain => everybody(Signal::KILL),
            Reach::Kin => kin::end(getpid()),
        }
    }
}

/// Whether this machine has so much to run that whoever wakes may wait for long. Counting the domain's
/// own processes would take turns too, a thousand files of `/proc` many.
fn is_crowded() -> bool {
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let processors = sched_getaffinity(None).map_or(1, |all| all.count().max(1));
    ready(&load).is_some_and(|ready| ready > READY.saturating_mul(processors))
}

/// Those who run or could, the first half of the fourth field (`proc_loadavg(5)`).
fn ready(load: &str) -> Option<u32> {
    let (ready, _) = load.split_whitespace().nth(3)?.split_once('/')?;
    ready.parse().ok()
}

/// Signals everything that the kernel lets this thread signal, which it was seen to keep in the
/// domain. Who is not there to get it needs it no more.
fn everybody(signal: Signal) {
    if let Ok(signal) = nix::sys::signal::Signal::try_from(signal.as_raw()) {
        let _ = kill(Anyone::from_raw(ALL), signal);
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_ready_to_run_is_read_of_the_load() {
        assert_eq!(ready("23.81 9.73 17.39 412/1082 27788\n"), Some(412));
        assert_eq!(ready(""), None);
    }
}
