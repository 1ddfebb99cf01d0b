//! Finding and signalling what descends from a process, where the kernel cannot be asked to signal a
//! whole domain.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use rustix::process::{Pid, PidfdFlags, Signal, kill_process, pidfd_open, pidfd_send_signal};

/// One process as `/proc/PID/stat` has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Entry {
    parent: i32,
    session: i32,
    /// With the number, this names a process for good.
    started: u64,
}

/// Signals every descendant of a process, those that left its group or session too. Whoever is
/// started meanwhile may be missed: ask again until nobody is left.
pub(super) fn signal(ancestor: Pid, signal: Signal) {
    let all = processes();
    let mut kin = BTreeSet::from([ancestor.as_raw_nonzero().get()]);
    loop {
        let more: Vec<i32> = all
            .iter()
            .filter(|(id, entry)| kin.contains(&entry.parent) && !kin.contains(id))
            .map(|(id, _)| *id)
            .collect();
        if more.is_empty() {
            break;
        }
        kin.extend(more);
    }
    kin.remove(&ancestor.as_raw_nonzero().get());
    send(&kin, &all, signal);
}

/// Kills what is left of a session whose leader is gone.
pub(super) fn end_session(leader: Pid) {
    let leader = leader.as_raw_nonzero().get();
    let all = processes();
    let left = all.iter().filter(|(_, entry)| entry.session == leader);
    let left: BTreeSet<i32> = left.map(|(id, _)| *id).collect();
    send(&left, &all, Signal::KILL);
}

fn send(kin: &BTreeSet<i32>, all: &BTreeMap<i32, Entry>, signal: Signal) {
    for id in kin {
        let Some(process) = Pid::from_raw(*id) else {
            continue;
        };
        let Ok(held) = pidfd_open(process, PidfdFlags::empty()) else {
            // Without `pidfd` (before Linux 5.3) a number may pass to a stranger; most live on.
            if entry(*id) == all.get(id).copied() {
                let _ = kill_process(process, signal);
            }
            continue;
        };
        // What is held now is what was found before: its number did not pass to a stranger.
        if entry(*id).map(|entry| entry.started) == all.get(id).map(|entry| entry.started) {
            let _ = pidfd_send_signal(held, signal);
        }
    }
}

fn processes() -> BTreeMap<i32, Entry> {
    let Ok(folder) = fs::read_dir("/proc") else {
        return BTreeMap::new();
    };
    folder
        .flatten()
        .filter_map(|found| found.file_name().to_str()?.parse().ok())
        .filter_map(|id| Some((id, entry(id)?)))
        .collect()
}

fn entry(id: i32) -> Option<Entry> {
    let stat = fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
    parse(&stat)
}

/// The name may hold anything, so what follows its last bracket counts: state, parent, group,
/// session, …, start as the twentieth (`proc_pid_stat(5)`, 22nd of all).
fn parse(stat: &str) -> Option<Entry> {
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    Some(Entry {
        parent: fields.get(1)?.parse().ok()?,
        session: fields.get(3)?.parse().ok()?,
        started: fields.get(19)?.parse().ok()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_read_whatever_it_calls_itself() {
        let stat = "7 (a) S 1 (b) S 5 6 7 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 4711 0 0 0\n";
        let expected = Entry {
            parent: 5,
            session: 7,
            started: 4711,
        };
        assert_eq!(parse(stat), Some(expected));
        assert_eq!(parse("7 (a"), None);
    }
}
