//! What no program may ask of the kernel, whatever its lists say.

use nix::libc;

use super::*;

/// A system call by its number; the arguments are numbers.
const CALL: &str =
    r"my ($n, @with) = map { int } @ARGV; my $r = syscall($n, @with); print $r < 0 ? $! : 'done'";

async fn call(sandbox: &str, arguments: &[i64]) -> String {
    let arguments: Vec<String> = arguments.iter().map(ToString::to_string).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    said(sandbox, CALL, &arguments).await
}

#[tokio::test]
async fn what_no_program_needs_is_refused() {
    if !is_full() {
        return;
    }
    let user_namespace = i64::from(libc::CLONE_NEWUSER);
    let child_in_one = i64::from(libc::CLONE_NEWUSER | libc::SIGCHLD);
    for (what, arguments) in [
        ("tracing", vec![libc::SYS_ptrace, 16, 1, 0, 0]),
        ("tracing itself", vec![libc::SYS_ptrace, 0, 0, 0, 0]),
        (
            "reading a process",
            vec![libc::SYS_process_vm_readv, 1, 0, 0, 0, 0, 0],
        ),
        ("a namespace", vec![libc::SYS_unshare, user_namespace]),
        (
            "a process in a namespace",
            vec![libc::SYS_clone, child_in_one, 0, 0, 0, 0],
        ),
        ("another namespace", vec![libc::SYS_setns, 0, 0]),
        ("a mount", vec![libc::SYS_fsopen, 0, 0]),
        ("a loaded program", vec![libc::SYS_bpf, 0, 0, 0]),
        ("a counter", vec![libc::SYS_perf_event_open, 0, 0, 0, 0, 0]),
        ("a key", vec![libc::SYS_keyctl, 0, -3, 1]),
        ("a fault handler", vec![libc::SYS_userfaultfd, 1]),
        (
            "a limit of its parent",
            vec![libc::SYS_prlimit64, 1, 7, 0, 0],
        ),
        ("a raw socket", vec![libc::SYS_socket, 2, 3, 1]),
        ("a raw socket of IPv6", vec![libc::SYS_socket, 10, 3, 58]),
        ("a packet socket", vec![libc::SYS_socket, 17, 3, 0]),
        ("a kernel crypto socket", vec![libc::SYS_socket, 38, 5, 0]),
        (
            "a socket to the hypervisor",
            vec![libc::SYS_socket, 40, 1, 0],
        ),
        (
            "another netlink than routes",
            vec![libc::SYS_socket, 16, 3, 9],
        ),
        ("another transport", vec![libc::SYS_socket, 2, 1, 132]),
        ("shared memory", vec![libc::SYS_shmget, 7, 4096, 0o1600]),
        ("shared semaphores", vec![libc::SYS_semget, 7, 1, 0o1600]),
        ("a shared queue", vec![libc::SYS_msgget, 7, 0o1600]),
        ("a named queue", vec![libc::SYS_mq_open, 0, 0, 0, 0]),
        (
            "slowing a process down",
            vec![libc::SYS_setpriority, 0, 1, 19],
        ),
        ("slowing all down", vec![libc::SYS_setpriority, 2, 0, 19]),
        ("slowing its disk down", vec![libc::SYS_ioprio_set, 1, 1, 0]),
    ] {
        assert_eq!(
            call(DEFAULT, &arguments).await,
            "Operation not permitted",
            "{what}"
        );
    }
    for (what, arguments) in [
        ("clone3", vec![libc::SYS_clone3, 0, 0]),
        ("io_uring", vec![libc::SYS_io_uring_setup, 1, 0]),
    ] {
        assert_eq!(
            call(DEFAULT, &arguments).await,
            "Function not implemented",
            "{what}"
        );
    }
    // The same numbers do something, or fail otherwise, where nobody filters.
    assert_eq!(call(OFF, &[libc::SYS_ptrace, 0, 0, 0, 0]).await, "done");
    assert_eq!(
        call(OFF, &[libc::SYS_clone3, 0, 0]).await,
        "Invalid argument"
    );
}

#[cfg(target_arch = "x86_64")]
#[tokio::test]
async fn the_second_door_to_the_same_calls_is_closed() {
    if !is_full() {
        return;
    }
    let x32 = 0x4000_0000;
    assert_eq!(
        call(DEFAULT, &[x32 | libc::SYS_unshare, 0]).await,
        "Function not implemented"
    );
}

#[tokio::test]
async fn what_programs_need_is_left() {
    if !is_full() {
        return;
    }
    for (what, arguments) in [
        ("TCP", vec![libc::SYS_socket, 2, 1, 6]),
        ("UDP of IPv6", vec![libc::SYS_socket, 10, 2, 0]),
        ("local", vec![libc::SYS_socket, 1, 5, 0]),
        ("routes", vec![libc::SYS_socket, 16, 3, 0]),
        ("its own pace", vec![libc::SYS_setpriority, 0, 0, 19]),
        ("its own limits", vec![libc::SYS_prlimit64, 0, 7, 0, 0]),
        ("a file in memory", vec![libc::SYS_memfd_create, 0, 0]),
    ] {
        let said = call(DEFAULT, &arguments).await;
        let expected = if what == "a file in memory" {
            "Bad address"
        } else {
            "done"
        };
        assert_eq!(said, expected, "{what}");
    }
    // Such a file could be executed, since no path leads to it.
    assert_eq!(
        call(r#"{exec: ["@system"]}"#, &[libc::SYS_memfd_create, 0, 0]).await,
        "Function not implemented"
    );
}

#[tokio::test]
async fn a_program_with_a_list_of_ports_listens_on_none() {
    if !is_full() {
        return;
    }
    // Nobody gave the socket an address, so there is no port that Landlock could ask about.
    let script = r"use Socket; socket(my $s, PF_INET, SOCK_STREAM, 0) or die qq(no socket: $!);
        print listen($s, 1) ? 'listens' : $!";
    let with = |lists: &str| format!(r#"{{read: ["@system", /usr/share/perl], {lists}}}"#);
    assert_eq!(
        said(&with("connect: [443]"), script, &[]).await,
        "Operation not permitted"
    );
    assert_eq!(said(DEFAULT, script, &[]).await, "listens");
}

#[tokio::test]
async fn neither_its_supervisor_nor_the_engine_is_signalled_or_read() {
    if !is_full() {
        return;
    }
    let script = r"my ($engine) = @ARGV; my $supervisor = getppid;
        for my $p ($supervisor, -$supervisor) { print kill('KILL', $p) ? qq(killed\n) : qq($!\n) }
        for my $p ($engine, 1) { print kill(0, $p) ? qq(reached\n) : qq($!\n) }
        for my $p ($supervisor, $engine) { for my $f ('mem', 'environ', 'maps') {
            print open(my $h, '<', qq(/proc/$p/$f)) ? qq(read\n) : qq($!\n) } }";
    let engine = std::process::id().to_string();
    let said = said(DEFAULT, script, &[&engine]).await;
    let lines: Vec<&str> = said.lines().collect();
    assert_eq!(lines[..4], ["Operation not permitted"; 4]);
    assert_eq!(lines[4..], ["Permission denied"; 6]);
}

#[tokio::test]
async fn root_keeps_no_right_over_the_kernel() {
    let script = r"open(my $f, '<', '/proc/self/status') or die; for (<$f>) { print $1 if /^CapPrm:\s*(\w+)/ }";
    let kept = said(DEFAULT, script, &[]).await;
    let kept = u64::from_str_radix(&kept, 16).unwrap();
    // Owners and modes of files, signals, users and groups, low ports (`linux/capability.h`).
    let may_keep = [0, 1, 3, 4, 5, 6, 7, 10].map(|bit| 1_u64 << bit);
    assert_eq!(kept & !may_keep.iter().sum::<u64>(), 0, "{kept:x}");
}

#[tokio::test]
async fn a_file_has_its_largest_size() {
    let script = r"$SIG{XFSZ} = 'IGNORE'; open(my $f, '>', 'big') or die; my $k = 'x' x 1024;
        for (1 .. 100) { syswrite($f, $k) or do { print qq($!\n); last } } print -s 'big'";
    let mut hostile = Hostile::new(DEFAULT, script, &[]);
    hostile.bounds.limits.file_bytes = 10_240;
    assert_eq!(hostile.run().await.stored, "File too large\n10240");

    let script = script.replace("$SIG{XFSZ} = 'IGNORE';", "");
    let mut hostile = Hostile::new(DEFAULT, &script, &[]);
    hostile.bounds.limits.file_bytes = 10_240;
    let finished = hostile.run().await;
    assert_eq!(finished.shown, "[ended by SIGXFSZ, exit code 153]");
}

#[tokio::test]
async fn its_limits_are_those_of_the_engine() {
    let script = r"open(my $f, '<', '/proc/self/limits') or die;
        for (<$f>) { print if /core|open files|file size|processes/ }";
    let limits = said(DEFAULT, script, &[]).await;
    let values: Vec<(&str, Vec<&str>)> = limits
        .lines()
        .map(|line| {
            let (name, values) = line.split_at(26);
            (name.trim(), values.split_whitespace().take(2).collect())
        })
        .collect();
    assert_eq!(
        values,
        [
            ("Max file size", vec!["2147483648", "2147483648"]),
            ("Max core file size", vec!["0", "0"]),
            ("Max processes", vec!["4096", "4096"]),
            ("Max open files", vec!["1024", "16384"]),
        ]
    );
}
