//! The filter of system calls (seccomp): what no tool has a use for, and what would lead around the
//! rest of the sandbox.
//!
//! It names what is refused, not what is allowed: the programs are the operator's own, of any kind,
//! and a list of what they may ask of the kernel would be wrong with their next version. What is
//! refused answers "not permitted"; only where programs try something and fall back when the kernel
//! does not have it, the answer is that it has not.

use std::collections::BTreeMap;

use nix::libc;
use rustix::process::{Pid, getpid, getppid};
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen as Width, SeccompCmpOp as Is, SeccompCondition,
    SeccompFilter, SeccompRule, TargetArch, sock_filter,
};

use super::Lists;

/// Why no filter is in force.
#[derive(Debug, thiserror::Error)]
pub(super) enum Error {
    /// The filter could not be made.
    #[error("the filter of system calls cannot be made here: {0}")]
    Made(#[from] seccompiler::BackendError),
    /// The kernel did not take it.
    #[error("this kernel has no filters of system calls: {0}")]
    Taken(#[from] seccompiler::Error),
}

/// Refused whatever their arguments.
const REFUSED: &[i64] = &[
    // Looking into, and changing, other processes.
    libc::SYS_ptrace,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_process_madvise,
    libc::SYS_pidfd_getfd,
    libc::SYS_kcmp,
    libc::SYS_move_pages,
    libc::SYS_migrate_pages,
    // Namespaces and mounts: a program that is root in a namespace of its own reaches far more of the
    // kernel.
    libc::SYS_unshare,
    libc::SYS_setns,
    libc::SYS_mount,
    libc::SYS_umount2,
    libc::SYS_pivot_root,
    libc::SYS_chroot,
    libc::SYS_open_tree,
    libc::SYS_move_mount,
    libc::SYS_fsopen,
    libc::SYS_fsconfig,
    libc::SYS_fsmount,
    libc::SYS_fspick,
    libc::SYS_mount_setattr,
    libc::SYS_open_by_handle_at,
    libc::SYS_fanotify_init,
    // The kernel itself.
    libc::SYS_bpf,
    libc::SYS_perf_event_open,
    libc::SYS_userfaultfd,
    libc::SYS_keyctl,
    libc::SYS_add_key,
    libc::SYS_request_key,
    // Memory, semaphores and queues that belong to no folder, and that every process of the user finds.
    libc::SYS_shmget,
    libc::SYS_semget,
    libc::SYS_msgget,
    libc::SYS_mq_open,
    libc::SYS_init_module,
    libc::SYS_finit_module,
    libc::SYS_delete_module,
    libc::SYS_kexec_load,
    libc::SYS_reboot,
    libc::SYS_swapon,
    libc::SYS_swapoff,
    libc::SYS_quotactl,
    libc::SYS_acct,
    libc::SYS_syslog,
    libc::SYS_sethostname,
    libc::SYS_setdomainname,
    libc::SYS_settimeofday,
    libc::SYS_clock_settime,
    libc::SYS_clock_adjtime,
    libc::SYS_adjtimex,
];

/// The same, of one architecture.
#[cfg(target_arch = "x86_64")]
const REFUSED_HERE: &[i64] = &[
    libc::SYS_kexec_file_load,
    libc::SYS_iopl,
    libc::SYS_ioperm,
    libc::SYS_modify_ldt,
];

#[cfg(not(target_arch = "x86_64"))]
const REFUSED_HERE: &[i64] = &[libc::SYS_kexec_file_load];

/// Answered as if the kernel did not have them. `clone3` hands its flags over in memory, where a
/// filter cannot see them: with this answer the C library uses `clone`.
const ABSENT: &[i64] = &[
    libc::SYS_clone3,
    libc::SYS_io_uring_setup,
    libc::SYS_io_uring_enter,
    libc::SYS_io_uring_register,
];

/// A file in memory has no path: executing one leads around the list of what may be executed.
const FILE_IN_MEMORY: i64 = libc::SYS_memfd_create;

/// Numbers from here on are those of the 32-bit interface with 64-bit registers (`x32`), a second
/// door to the same calls.
const X32: u32 = 0x4000_0000;

/// One condition: argument, comparison, value; arguments of 32 bits.
type When = (u8, Is, u64);

/// Refuses for the calling thread, and what it starts from here on, for good.
pub(super) fn enter(lists: &Lists, signals_are_held: bool) -> Result<(), Error> {
    let program = program(lists, signals_are_held)?;
    Ok(seccompiler::apply_filter(&program)?)
}

fn program(lists: &Lists, signals_are_held: bool) -> Result<BpfProgram, Error> {
    let mut rules: BTreeMap<i64, Vec<SeccompRule>> = BTreeMap::new();
    for call in REFUSED.iter().chain(REFUSED_HERE) {
        rules.insert(*call, Vec::new());
    }
    let mut add = |call: i64, when: &[When]| -> Result<(), Error> {
        let conditions = when.iter().map(|(argument, is, value)| {
            SeccompCondition::new(*argument, Width::Dword, is.clone(), *value)
        });
        let rule = SeccompRule::new(conditions.collect::<Result<_, _>>()?)?;
        rules.entry(call).or_default().push(rule);
        Ok(())
    };
    for (call, when) in conditional(lists) {
        add(call, &when)?;
    }
    if !signals_are_held {
        for (call, when) in signals(getpid(), getppid()) {
            add(call, &when)?;
        }
    }
    if lists.connect.is_some() {
        // Without an address of its own a socket that listens gets any free port, and Landlock does
        // not see that.
        rules.insert(libc::SYS_listen, Vec::new());
    }
    if lists.connect.as_deref() == Some(&[]) {
        rules.insert(libc::SYS_socket, Vec::new());
    }
    let filter = SeccompFilter::new(
        rules,
        SeccompAction::Allow,
        SeccompAction::Errno(libc::EPERM.cast_unsigned()),
        TargetArch::try_from(std::env::consts::ARCH)?,
    )?;
    let named = BpfProgram::try_from(filter)?;
    let absent = ABSENT.iter().copied();
    let absent = absent.chain(lists.exec.is_some().then_some(FILE_IN_MEMORY));
    let mut program = answer_absent(absent);
    program.extend(named);
    Ok(program)
}

/// What is refused for some arguments.
fn conditional(lists: &Lists) -> Vec<(i64, Vec<When>)> {
    let mut all = Vec::new();
    // Every namespace that `clone` can make.
    for flag in [
        libc::CLONE_NEWNS,
        libc::CLONE_NEWCGROUP,
        libc::CLONE_NEWUTS,
        libc::CLONE_NEWIPC,
        libc::CLONE_NEWUSER,
        libc::CLONE_NEWPID,
        libc::CLONE_NEWNET,
    ] {
        let flag = number(flag);
        all.push((libc::SYS_clone, vec![(0, Is::MaskedEq(flag), flag)]));
    }
    // Limits of another process: lowering the engine's would end it.
    all.push((libc::SYS_prlimit64, vec![(0, Is::Ne, 0)]));
    // How soon another process runs: its supervisor's, or that of all processes of the user.
    for (call, process) in [
        (libc::SYS_setpriority, PRIO_PROCESS),
        (libc::SYS_ioprio_set, IOPRIO_WHO_PROCESS),
    ] {
        all.push((call, vec![(0, Is::Ne, process)]));
        all.push((call, vec![(1, Is::Ne, 0)]));
    }
    // Typing into a terminal, whose reader may be a shell.
    for request in [libc::TIOCSTI, TIOCLINUX] {
        all.push((libc::SYS_ioctl, vec![(1, Is::Eq, request & 0xffff_ffff)]));
    }
    all.extend(sockets());
    if lists.connect.is_some() {
        // A first message that opens a connection by itself is not seen by Landlock.
        let fast = number(libc::MSG_FASTOPEN);
        for (call, flags) in [
            (libc::SYS_sendto, 3),
            (libc::SYS_sendmsg, 2),
            (libc::SYS_sendmmsg, 3),
        ] {
            all.push((call, vec![(flags, Is::MaskedEq(fast), fast)]));
        }
    }
    all
}

/// `PRIO_PROCESS` of `sys/resource.h`.
const PRIO_PROCESS: u64 = 0;

/// `IOPRIO_WHO_PROCESS` of `linux/ioprio.h`.
const IOPRIO_WHO_PROCESS: u64 = 1;

/// `TIOCLINUX` of `asm/ioctls.h`.
const TIOCLINUX: u64 = 0x541C;

/// Sockets: local ones, TCP, UDP and ping over the internet's families, and asking for routes, which
/// resolvers do. Not raw ones, and not other transports: Landlock holds the ports of TCP only.
fn sockets() -> Vec<(i64, Vec<When>)> {
    let ne = |argument: u8, values: &[i32]| -> Vec<When> {
        let values = values.iter();
        values
            .map(|value| (argument, Is::Ne, number(*value)))
            .collect()
    };
    let internet = ne(0, &[libc::AF_UNIX, libc::AF_NETLINK]);
    let families = [
        libc::AF_UNIX,
        libc::AF_INET,
        libc::AF_INET6,
        libc::AF_NETLINK,
    ];
    let transports = [
        0,
        libc::IPPROTO_TCP,
        libc::IPPROTO_UDP,
        libc::IPPROTO_ICMP,
        libc::IPPROTO_ICMPV6,
    ];
    let mut refused = vec![
        ne(0, &families),
        [
            ne(0, &[libc::AF_UNIX, libc::AF_INET, libc::AF_INET6]),
            ne(2, &[0]),
        ]
        .concat(),
        [internet.clone(), ne(2, &transports)].concat(),
    ];
    for kind in [
        libc::SOCK_RAW,
        libc::SOCK_RDM,
        libc::SOCK_SEQPACKET,
        libc::SOCK_DCCP,
        SOCK_PACKET,
    ] {
        let mut when = internet.clone();
        when.push((1, Is::MaskedEq(0xf), number(kind)));
        refused.push(when);
    }
    refused
        .into_iter()
        .map(|when| (libc::SYS_socket, when))
        .collect()
}

/// `SOCK_PACKET` of `linux/net.h`.
const SOCK_PACKET: i32 = 10;

/// Where the kernel cannot keep signals within the domain: none to the supervisor, none to the
/// engine, and none to everybody.
fn signals(supervisor: Pid, engine: Option<Pid>) -> Vec<(i64, Vec<When>)> {
    let mut all = Vec::new();
    all.push((libc::SYS_kill, vec![(0, Is::Eq, number(-1))]));
    for process in [Some(supervisor), engine].into_iter().flatten() {
        let process = process.as_raw_nonzero().get();
        for call in [
            libc::SYS_kill,
            libc::SYS_tkill,
            libc::SYS_tgkill,
            libc::SYS_rt_sigqueueinfo,
            libc::SYS_rt_tgsigqueueinfo,
            libc::SYS_pidfd_open,
        ] {
            all.push((call, vec![(0, Is::Eq, number(process))]));
        }
        all.push((libc::SYS_kill, vec![(0, Is::Eq, number(-process))]));
    }
    all
}

/// An argument of 32 bits as a filter sees it.
fn number(value: i32) -> u64 {
    u64::from(value.cast_unsigned())
}

/// Instructions that answer "no such call" for these numbers and for all of `x32`, and go on behind
/// them otherwise. They cannot be said in the filter's own terms, which know one answer.
fn answer_absent(calls: impl Iterator<Item = i64>) -> BpfProgram {
    let load_number = statement(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0);
    let answer = libc::SECCOMP_RET_ERRNO | libc::ENOSYS.cast_unsigned();
    let absent = statement(libc::BPF_RET | libc::BPF_K, answer);
    let mut program = vec![load_number, unless(libc::BPF_JGE, X32), absent.clone()];
    for call in calls {
        let call = u32::try_from(call).unwrap_or(X32);
        program.extend([unless(libc::BPF_JEQ, call), absent.clone()]);
    }
    program
}

fn statement(code: u32, k: u32) -> sock_filter {
    let code = u16::try_from(code).unwrap_or_default();
    sock_filter {
        code,
        jt: 0,
        jf: 0,
        k,
    }
}

/// Passes over the next instruction unless the comparison holds.
fn unless(comparison: u32, k: u32) -> sock_filter {
    sock_filter {
        jf: 1,
        ..statement(libc::BPF_JMP | comparison | libc::BPF_K, k)
    }
}
