//! The suite on a kernel without Landlock: a thread under a filter of system calls that answers as
//! such a kernel does, and everything that it starts.

use std::collections::BTreeMap;

use nix::libc;
use seccompiler::{BpfProgram, SeccompAction, SeccompFilter, TargetArch, apply_filter};
use tolkien::tool::Outcome;

use super::ending::{PRELUDE, Witness, forks_end};
use super::*;

/// Runs a test on a thread whose kernel has no Landlock; nor has what it starts.
fn without_landlock<T: Send>(test: impl AsyncFnOnce() -> T + Send) -> T {
    std::thread::scope(|scope| {
        let thread = scope.spawn(|| {
            refuse(libc::SYS_landlock_create_ruleset);
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap();
            runtime.block_on(test())
        });
        thread.join().unwrap()
    })
}

fn refuse(call: i64) {
    let filter = SeccompFilter::new(
        BTreeMap::from([(call, Vec::new())]),
        SeccompAction::Allow,
        SeccompAction::Errno(libc::ENOSYS.cast_unsigned()),
        TargetArch::try_from(std::env::consts::ARCH).unwrap(),
    )
    .unwrap();
    apply_filter(&BpfProgram::try_from(filter).unwrap()).unwrap();
}

const LACKS: &str = "this kernel runs without Landlock";

#[test]
fn the_level_says_what_is_lacking() {
    let level = without_landlock(async || confinement().level);
    let lacks = vec![LACKS.to_owned()];
    assert_eq!(level, Level::BestEffort { lacks });
}

#[test]
fn a_tool_that_requires_all_of_it_is_disabled_and_never_runs() {
    without_landlock(async || {
        let hostile = Hostile::new("{require: full}", "print 'it ran'", &[]);
        let host = Host::probe(&hostile.config).confined(&hostile.config, confinement());
        let tool = &hostile.config.tool("hostile").unwrap().name;
        let lacks = format!("its sandbox must be enforced wholly (`require: full`), and {LACKS}");
        assert_eq!(host.lacks(tool), [lacks.as_str()]);
        let findings = host.findings();
        let codes = findings.iter().map(|finding| finding.code.to_string());
        assert_eq!(codes.collect::<Vec<_>>(), ["host-sandbox"]);

        let because = format!("its sandbox must be enforced wholly, and {LACKS}");
        let finished = hostile.run().await;
        assert_eq!(finished.outcome, Outcome::NotStarted { because });
        // The supervisor refuses too, should the engine be wrong about the kernel.
        let confinement = Confinement {
            level: Level::Full,
            ..confinement()
        };
        let because = format!("its sandbox must be enforced wholly, and {LACKS}");
        let finished = hostile.run_in(confinement).await;
        assert_eq!(finished.outcome, Outcome::NotStarted { because });
    });
}

#[test]
fn what_landlock_would_hold_is_let_through_where_best_effort_is_enough() {
    without_landlock(async || {
        let script = r"print open(my $f, '<', '/etc/passwd') ? 'read' : $!";
        assert_eq!(said("{read: ['@system']}", script, &[]).await, "read");
        // A filter of system calls needs no Landlock.
        let call = r"print syscall(@ARGV[0] + 0, 0) < 0 ? $! : 'done'";
        let unshare = libc::SYS_unshare.to_string();
        assert_eq!(
            said(DEFAULT, call, &[&unshare]).await,
            "Operation not permitted"
        );
    });
}

#[test]
fn neither_the_supervisor_nor_the_engine_nor_everybody_is_signalled() {
    without_landlock(async || {
        let script = r"my ($engine) = @ARGV; my $supervisor = getppid;
            for my $p ($supervisor, -$supervisor) { print kill('KILL', $p) ? qq(killed\n) : qq($!\n) }
            for my $p ($engine, -1) { print kill(0, $p) ? qq(reached\n) : qq($!\n) }
            for my $f ('mem', 'environ') {
                print open(my $h, '<', qq(/proc/$supervisor/$f)) ? qq(read\n) : qq($!\n) }";
        let engine = std::process::id().to_string();
        let said = said(DEFAULT, script, &[&engine]).await;
        let lines: Vec<&str> = said.lines().collect();
        assert_eq!(lines[..4], ["Operation not permitted"; 4]);
        if !nix::unistd::geteuid().is_root() {
            assert_eq!(lines[4..], ["Permission denied"; 2]);
        }
    });
}

#[test]
fn who_leaves_the_session_twice_is_ended() {
    without_landlock(async || {
        let mut witness = Witness::new();
        let path = witness.path().to_str().unwrap().to_owned();
        let script = format!(
            "{PRELUDE}escape(sub {{ $SIG{{TERM}} = 'IGNORE'; print $w qq(ready\\n); sleep 1000 while 1 }}); \
             sleep 1000 while 1"
        );
        let hostile = Hostile::new(DEFAULT, &script, &[&path]);
        let cancel = async {
            assert_eq!(witness.line().await, "ready");
            hostile.cancel.cancel();
        };
        let (finished, ()) = tokio::join!(hostile.run(), cancel);
        assert_eq!(finished.outcome, Outcome::Cancelled);
        witness.gone().await;
    });
}

#[test]
fn what_a_program_leaves_behind_is_ended() {
    without_landlock(async || {
        let mut witness = Witness::new();
        let path = witness.path().to_str().unwrap().to_owned();
        let script = format!(
            "{PRELUDE}pipe(my $r, my $s); $^F = 2; escape(sub {{ print $w qq(up\\n); close $r; close $s; \
             sleep 1000 while 1 }}); close $s; <$r>; print 'done'"
        );
        assert_eq!(said(DEFAULT, &script, &[&path]).await, "done");
        witness.gone().await;
    });
}

#[test]
fn forks_without_end_meet_a_limit_and_end() {
    if !nix::unistd::geteuid().is_root() {
        without_landlock(forks_end);
    }
}
