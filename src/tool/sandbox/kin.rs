//! Finding and signalling what descends from a process, where the kernel cannot be asked to
//! signal a whole domain.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use rustix::process::{
    Pid, PidfdFlags, Signal, kill_process, kill_process_group, pidfd_open, pidfd_send_signal,
};

/// One process as `/proc/PID/stat` has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Entry {
    parent: i32,
    group: i32,
    session: i32,
    /// With the number, this names a process for good.
    started: u64,
}

/// Every process that `/proc` shows, by its number.
type All = BTreeMap<i32, Entry>;

/// Rounds of looking for those who were started meanwhile, before what was found is killed. Usually
/// there are two; more when they wake each other.
const ROUNDS: u32 = 50;

/// Signals every descendant of a process, those that left its group or session too. Whoever is
/// started meanwhile may be missed.
pub(super) fn signal(ancestor: Pid, signals: &[Signal]) {
    let all = processes();
    let kin = descendants(ancestor, &all);
    for signal in signals {
        send(&kin, &all, Some(ancestor), *signal);
    }
}

/// Kills every descendant of a process. Whoever is started meanwhile may be missed: ask again until
/// nobody is left.
pub(super) fn end(ancestor: Pid) {
    stop_and_kill(Some(ancestor), |all| descendants(ancestor, all));
}

/// Kills what is left of a session whose leader is gone.
pub(super) fn end_session(leader: Pid) {
    let leader = leader.as_raw_nonzero().get();
    stop_and_kill(None, |all| {
        let left = all.iter().filter(|(_, entry)| entry.session == leader);
        left.map(|(id, _)| *id).collect()
    });
}

/// Stops them all before it kills any. A process that is killed makes room below the limit on
/// processes, and whoever forks without end would fill it sooner than the next one is killed; those
/// who are stopped keep their room and start nobody.
fn stop_and_kill(spared: Option<Pid>, find: impl Fn(&All) -> BTreeSet<i32>) {
    let mut stopped = BTreeSet::new();
    for round in 1.. {
        let all = processes();
        let kin = find(&all);
        let is_new = |id: &i32| {
            all.get(id)
                .is_some_and(|entry| stopped.insert((*id, entry.started)))
        };
        let new: BTreeSet<i32> = kin.iter().copied().filter(is_new).collect();
        if new.is_empty() || round == ROUNDS {
            send(&kin, &all, spared, Signal::KILL);
            return;
        }
        send(&new, &all, spared, Signal::STOP);
    }
}

fn descendants(ancestor: Pid, all: &All) -> BTreeSet<i32> {
    let mut children: BTreeMap<i32, Vec<i32>> = BTreeMap::new();
    for (id, entry) in all {
        children.entry(entry.parent).or_default().push(*id);
    }
    let mut kin = BTreeSet::new();
    let mut parents = vec![ancestor.as_raw_nonzero().get()];
    while let Some(parent) = parents.pop() {
        for child in children.remove(&parent).unwrap_or_default() {
            kin.insert(child);
            parents.push(child);
        }
    }
    kin
}

/// Signals by whole groups, in which nobody can be started while the kernel looks. A group of theirs
/// holds nobody else: it is of one session, and they descend from who made it, or are in the group
/// of the one that is spared.
fn send(kin: &BTreeSet<i32>, all: &All, spared: Option<Pid>, signal: Signal) {
    let spared = spared.map(|process| process.as_raw_nonzero().get());
    let mut reached = BTreeSet::new();
    for id in kin {
        let (Some(process), Some(found)) = (Pid::from_raw(*id), all.get(id)) else {
            continue;
        };
        let group = Pid::from_raw(found.group).filter(|_| Some(found.group) != spared);
        if reached.contains(&found.group) && group.is_some() {
            continue;
        }
        // Without `pidfd` (before Linux 5.3) a number may pass to a stranger; most live on.
        let held = pidfd_open(process, PidfdFlags::empty());
        // What is held now is what was found before: its number did not pass to a stranger.
        let now = entry(*id);
        if now.map(|now| now.started) != Some(found.started) {
            continue;
        }
        let _ = match (group, held) {
            (Some(group), _) if now.map(|now| now.group) == Some(found.group) => {
                reached.insert(found.group);
                kill_process_group(group, signal)
            }
            (_, Ok(held)) => pidfd_send_signal(held, signal),
            (_, Err(_)) => kill_process(process, signal),
        };
    }
}

fn processes() -> All {
    let Ok(folder) = fs::read_dir("/proc") else {
        return All::new();
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
        group: fields.get(2)?.parse().ok()?,
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
            group: 6,
            session: 7,
            started: 4711,
        };
        assert_eq!(parse(stat), Some(expected));
        assert_eq!(parse("7 (a"), None);
    }
}
