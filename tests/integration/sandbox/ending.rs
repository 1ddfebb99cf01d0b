//! That nothing a program starts outlives its call, whatever it does against that.

use std::fs::{self, File};
use std::io::{ErrorKind, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;

use nix::libc;
use nix::sys::stat::Mode;
use tolkien::tool::Outcome;

use super::*;

/// A named pipe that processes hold open: it tells what they say, and when the last of them is gone.
pub(super) struct Witness {
    folder: tempfile::TempDir,
    reader: File,
}

impl Witness {
    pub(super) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        nix::unistd::mkfifo(&folder.path().join("witness"), Mode::S_IRWXU).unwrap();
        let reader = File::options()
            .read(true)
            .custom_flags(libc::O_NONBLOCK)
            .open(folder.path().join("witness"))
            .unwrap();
        Self { folder, reader }
    }

    pub(super) fn path(&self) -> PathBuf {
        self.folder.path().join("witness")
    }

    /// A line that a process says.
    pub(super) async fn line(&mut self) -> String {
        let mut line = Vec::new();
        loop {
            let mut byte = [0];
            match self.reader.read(&mut byte) {
                Ok(1) if byte == *b"\n" => return String::from_utf8(line).unwrap(),
                Ok(1) => line.extend(byte),
                Err(error) if error.kind() != ErrorKind::WouldBlock => panic!("{error}"),
                _ => tokio::task::yield_now().await,
            }
        }
    }

    /// Whether no process holds the pipe any more, as it is now.
    fn is_alone(&mut self) -> bool {
        let mut rest = [0; 4096];
        loop {
            match self.reader.read(&mut rest) {
                Ok(0) => return true,
                Ok(_) => {}
                Err(_) => return false,
            }
        }
    }

    /// Returns when no process holds the pipe any more.
    pub(super) async fn gone(&mut self) {
        let mut rest = [0; 100];
        while !matches!(self.reader.read(&mut rest), Ok(0)) {
            tokio::task::yield_now().await;
        }
    }
}

/// What every hostile script here begins with: the witness is held open by it and by all that it
/// starts, and `escape` leaves the group and the session twice, with its parents gone.
pub(super) const PRELUDE: &str = r"use POSIX; open(our $w, '>', shift) or die; select $w; $| = 1; select STDOUT; $| = 1;
    sub escape { my $then = shift; return if fork; setsid; exit if fork; setsid; exit if fork; setsid; $then->(); }
    $^F = 100;
";

/// A script that says `ready` when it is as bad as it gets, ended at that moment by a cancel.
async fn cancelled(script: &str) -> Finished {
    let mut witness = Witness::new();
    let path = witness.path().to_str().unwrap().to_owned();
    let script = format!("{PRELUDE}{script}");
    let hostile = Hostile::new(DEFAULT, &script, &[&path]);
    let cancel = async {
        assert_eq!(witness.line().await, "ready");
        hostile.cancel.cancel();
    };
    let (finished, ()) = tokio::join!(hostile.run(), cancel);
    assert_eq!(finished.outcome, Outcome::Cancelled, "{finished:?}");
    witness.gone().await;
    finished
}

#[tokio::test]
async fn a_program_that_ignores_everything_is_ended() {
    cancelled(r"$SIG{$_} = 'IGNORE' for keys %SIG; print $w qq(ready\n); sleep 1000 while 1").await;
}

#[tokio::test]
async fn a_stopped_program_is_ended() {
    cancelled(r"print $w qq(ready\n); kill 'STOP', $$; sleep 1000").await;
}

#[tokio::test]
async fn who_leaves_the_session_twice_is_ended() {
    cancelled(
        r"escape(sub { $SIG{TERM} = 'IGNORE'; print $w qq(ready\n); sleep 1000 while 1 });
          sleep 1000 while 1",
    )
    .await;
}

#[tokio::test]
async fn who_flees_from_process_to_process_is_ended() {
    cancelled(
        r"escape(sub { my $n = 0; while (1) { print $w qq(ready\n) if $n++ == 50; setsid; exit if fork } });
          sleep 1000 while 1",
    )
    .await;
}

#[tokio::test]
async fn what_a_program_leaves_behind_is_ended_though_it_ended_well() {
    for closing in ["", "close STDOUT; close STDERR;"] {
        let mut witness = Witness::new();
        let path = witness.path().to_str().unwrap().to_owned();
        let script = format!(
            "{PRELUDE}pipe(my $r, my $s); $^F = 2; escape(sub {{ {closing} $SIG{{TERM}} = 'IGNORE'; \
             print $w qq(up\\n); close $r; close $s; sleep 1000 while 1 }}); close $s; <$r>; \
             print 'done'; exit 3"
        );
        let finished = Hostile::new(DEFAULT, &script, &[&path]).run().await;
        assert_eq!(finished.outcome, Outcome::Exited { code: 3 });
        assert_eq!(finished.stored, "done");
        witness.gone().await;
    }
}

#[tokio::test]
async fn a_deadline_ends_everything() {
    let mut witness = Witness::new();
    let path = witness.path().to_str().unwrap().to_owned();
    let script = format!("{PRELUDE}escape(sub {{ sleep 1000 while 1 }}); sleep 1000 while 1");
    let tool = format!(
        "description: Hostile.\neffect: read\ninput: {{type: object}}\n\
         run: {{command: {}}}\ntimeout: 300ms\ntests: [{{allow: {{}}}}, {{deny: {{other: 1}}}}]\n",
        json!(["perl", "-e", script, path])
    );
    let mut hostile = Hostile::new(DEFAULT, "", &[]);
    hostile.config = config(&[("tools.d/hostile.yaml", &tool)]);
    let finished = hostile.run().await;
    assert_eq!(finished.outcome, Outcome::TimedOut);
    witness.gone().await;
}

#[tokio::test]
async fn a_dropped_call_leaves_neither_a_process_nor_a_folder() {
    let mut witness = Witness::new();
    let path = witness.path().to_str().unwrap().to_owned();
    let script = format!(
        "{PRELUDE}escape(sub {{ print $w getcwd, qq(\\n); sleep 1000 while 1 }}); sleep 1000 while 1"
    );
    let hostile = Hostile::new(DEFAULT, &script, &[&path]);
    let folder = tokio::select! {
        finished = hostile.run() => panic!("it ended: {finished:?}"),
        folder = witness.line() => folder,
    };
    witness.gone().await;
    assert!(folder.contains("/tolkien-"), "{folder}");
    while Path::new(&folder).exists() {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_flood_costs_its_cap_in_memory_and_ends_the_program() {
    let script = r"$SIG{PIPE} = 'IGNORE'; my $k = 'x' x 65536; while (1) { syswrite(STDOUT, $k) }";
    let mut hostile = Hostile::new(DEFAULT, script, &[]);
    hostile.bounds.flood = 64 << 20;
    let finished = hostile.run().await;
    assert!(
        finished.bytes > 64 << 20 && finished.bytes < 128 << 20,
        "{}",
        finished.bytes
    );
    assert!(finished.stored.len() < 2 << 20);
    assert!(
        finished
            .shown
            .starts_with("[ended because it wrote more than 67108864 bytes"),
        "{}",
        finished.shown
    );
}

#[tokio::test]
async fn a_long_input_is_read_to_its_end_or_not_at_all() {
    let text = "x".repeat(1_000_000);
    let tool = |script: &str| {
        format!(
            "description: Reads.\neffect: read\ninput: {{type: object}}\n\
             run: {{command: {}, stdin: {text}}}\ntests: [{{allow: {{}}}}, {{deny: {{other: 1}}}}]\n",
            json!(["perl", "-e", script])
        )
    };
    let mut hostile = Hostile::new(DEFAULT, "", &[]);
    hostile.config = config(&[(
        "tools.d/hostile.yaml",
        &tool("print length join '', <STDIN>"),
    )]);
    assert_eq!(hostile.run().await.stored, "1000000");
    hostile.config = config(&[("tools.d/hostile.yaml", &tool("print 'deaf'"))]);
    assert_eq!(hostile.run().await.stored, "deaf");
}

#[tokio::test]
async fn what_cannot_start_says_so() {
    let tool = "description: Not here.\neffect: read\ninput: {type: object}\n\
                run: {command: [/nonexistent/program]}\n\
                tests: [{allow: {}}, {deny: {other: 1}}]\n";
    let mut hostile = Hostile::new(DEFAULT, "", &[]);
    hostile.config = config(&[("tools.d/hostile.yaml", tool)]);
    assert_eq!(
        hostile.run().await.shown,
        "not started: `/nonexistent/program` cannot be started: No such file or directory (os error 2)"
    );
}

/// Forking without end: those for whom there is no room sleep, or try again and again, or do that in
/// sessions of their own.
const FORKS: [&str; 3] = [
    "while (1) { defined(fork) or do { full(); sleep 1000 } }",
    "while (1) { defined(fork) or full() }",
    "while (1) { my $p = fork; defined $p ? $p || setsid : full() }",
];

/// Ends each of them when they have met the limit, and looks at once who is left.
pub(super) async fn forks_end() {
    for script in FORKS {
        let mut witness = Witness::new();
        let path = witness.path().to_str().unwrap().to_owned();
        let script = format!(
            "{PRELUDE} my $n = 0; sub full {{ $n++ or print $w qq(ready\\n) }} \
             $SIG{{TERM}} = 'IGNORE'; {script}"
        );
        let mut hostile = Hostile::new(DEFAULT, &script, &[&path]);
        hostile.bounds.limits.processes = own_processes() + 200;
        // What is left when it is over for the second time is left for good.
        hostile.bounds.grace = Duration::from_secs(5);
        let cancel = async {
            assert_eq!(witness.line().await, "ready");
            hostile.cancel.cancel();
        };
        let (finished, ()) = tokio::join!(hostile.run(), cancel);
        assert_eq!(finished.outcome, Outcome::Cancelled);
        assert!(witness.is_alone(), "{script}");
    }
}

#[tokio::test]
async fn forks_without_end_meet_a_limit_and_end() {
    // The kernel counts no processes of root; `unprivileged` runs this again.
    if !nix::unistd::geteuid().is_root() {
        forks_end().await;
    }
}

#[tokio::test]
async fn a_program_stands_back_behind_its_supervisor() {
    let script = r"my ($s) = getppid; print getpriority(0, 0), ' behind';
        for my $f (sort glob qq(/proc/$s/task/*/stat)) {
            open(my $h, '<', $f); my ($rest) = <$h> =~ /.*\) (.*)/; print ' ', (split ' ', $rest)[16] }";
    let own = rustix::process::getpriority_process(None).unwrap();
    let behind = (own + 10).min(19);
    let expected = format!("{behind} behind {own} {own}");
    assert_eq!(said(DEFAULT, script, &[]).await, expected);
}

/// Threads of this user.
fn own_processes() -> u64 {
    let me = nix::unistd::geteuid().as_raw();
    let mut count = 0;
    for entry in fs::read_dir("/proc").unwrap().flatten() {
        use std::os::unix::fs::MetadataExt;
        if entry.metadata().is_ok_and(|found| found.uid() == me)
            && let Ok(tasks) = fs::read_dir(entry.path().join("task"))
        {
            count += tasks.count() as u64;
        }
    }
    count
}
