//! Programs that do not want to end: what became of each, how long it took from the moment it was
//! told, and the engine's memory. `cargo bench --bench hostile` prints one table; run it as a user
//! without rights (`setpriv --reuid 65534 --regid 65534 --clear-groups`): the kernel counts no
//! processes of root, so as root nothing forks without end here. `flood` is not ended by the engine:
//! its time is what writing 10 GiB takes.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a bench prints its table, and stops at once when it cannot go on"
)]

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::json;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};
use tokio::net::unix::pipe;
use tokio_util::sync::CancellationToken;
use tolkien::call::Caller;
use tolkien::config::host::Host;
use tolkien::config::name::{CallerName, RoleName};
use tolkien::config::policy::Channel;
use tolkien::config::{Config, Overrides};
use tolkien::policy::{self, Request, Verdict, decide};
use tolkien::tool::sandbox::probe;
use tolkien::tool::{self, Bounds, Finished, Terms};

/// The name of each and its script, which says `ready` when it is as bad as it gets; what they begin
/// with holds the witness open in all that they start.
const CASES: [(&str, &str); 10] = [
    ("sleeps", "ready(); sleep 1000 while 1"),
    (
        "ignores every signal",
        "$SIG{$_} = 'IGNORE' for keys %SIG; ready(); sleep 1000 while 1",
    ),
    ("stopped", "ready(); kill 'STOP', $$; sleep 1000"),
    (
        "left the session twice",
        "escape(sub { $SIG{TERM} = 'IGNORE'; ready(); sleep 1000 while 1 }); sleep 1000 while 1",
    ),
    (
        "flees from process to process",
        "escape(sub { my $n = 0; while (1) { ready() if $n++ == 200; setsid; exit if fork } }); sleep 1000 while 1",
    ),
    (
        "ended, and its daemon holds the output",
        "pipe(my $r, my $s); escape(sub { $SIG{TERM} = 'IGNORE'; ready(); close $s; sleep 1000 while 1 }); close $s; <$r>",
    ),
    (
        "forks without end (1,000 processes)",
        "$SIG{TERM} = 'IGNORE'; while (1) { defined(fork) or do { ready(); sleep 1000 } }",
    ),
    (
        "the same, and they never rest",
        "$SIG{TERM} = 'IGNORE'; my $n = 0; while (1) { defined(fork) or $n++ or ready() }",
    ),
    (
        "the same, each in a session of its own",
        "$SIG{TERM} = 'IGNORE'; my $n = 0; while (1) { my $p = fork; defined $p ? $p || setsid : $n++ || ready() }",
    ),
    (
        "flood of 10 GiB",
        "ready(); my $k = 'x' x 65536; syswrite(STDOUT, $k) for 1 .. 163840; kill 'KILL', $$",
    ),
];

const PRELUDE: &str = r"use POSIX; $^F = 100; open(our $w, '>', shift) or die; select $w; $| = 1; select STDOUT;
    sub ready { print $w qq(ready\n) }
    sub escape { my $then = shift; return if fork; setsid; exit if fork; setsid; exit if fork; setsid; $then->(); }
";

fn main() {
    // `cargo test --benches` runs this too, and measures nothing.
    if !std::env::args().any(|argument| argument == "--bench") {
        return;
    }
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        println!(
            "{:<42} {:<34} {:>9}  engine's peak",
            "", "outcome", "gone after"
        );
        for sandbox in ["{}", "{require: off}"] {
            println!("sandbox: {sandbox}");
            for (name, script) in CASES {
                // Without a supervisor nobody would end these.
                let forks = script.contains("defined");
                let escapes = forks || script.contains("escape");
                if sandbox != "{}" && escapes {
                    continue;
                }
                if forks && nix::unistd::geteuid().is_root() {
                    println!("{name:<42} not as root");
                } else {
                    row(name, script, sandbox).await;
                }
            }
        }
    });
}

async fn row(name: &str, script: &str, sandbox: &str) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("witness");
    let mode = nix::sys::stat::Mode::S_IRWXU;
    nix::unistd::mkfifo(&path, mode).unwrap();
    let mut witness = BufReader::new(pipe::OpenOptions::new().open_receiver(&path).unwrap());
    let config = config(folder.path(), &format!("{PRELUDE}{script}"), &path, sandbox);
    let cancel = CancellationToken::new();
    let ready = async {
        let mut line = String::new();
        // Before the first writer has come, a pipe is at its end.
        while line.is_empty() {
            witness.read_line(&mut line).await.unwrap();
            tokio::task::yield_now().await;
        }
        if !name.starts_with("flood") && !name.starts_with("ended") {
            cancel.cancel();
        }
        Instant::now()
    };
    let (finished, told) = tokio::join!(run(&config, cancel.clone()), ready);
    witness.read_to_end(&mut Vec::new()).await.unwrap();
    println!(
        "{name:<42} {:<34} {:>6} ms  {:>6.1} MB",
        format!("{:?}", finished.outcome),
        told.elapsed().as_millis(),
        peak()
    );
}

fn config(root: &Path, script: &str, witness: &Path, sandbox: &str) -> std::sync::Arc<Config> {
    let tool = format!(
        "description: Hostile.\neffect: read\ninput: {{type: object}}\n\
         run: {{command: {}}}\nsandbox: {sandbox}\ntimeout: 10m\n\
         tests: [{{allow: {{}}}}, {{deny: {{other: 1}}}}]\n",
        json!(["perl", "-e", script, witness])
    );
    for name in ["tools.d", "prompts"] {
        fs::create_dir(root.join(name)).unwrap();
    }
    fs::write(root.join("tools.d/hostile.yaml"), tool).unwrap();
    fs::write(root.join("prompts/system.md"), "You are a bench.\n").unwrap();
    let loaded = policy::load(&*root.join(""), Overrides::None).unwrap();
    loaded
        .config
        .unwrap_or_else(|| panic!("{:#?}", loaded.diagnostics))
}

async fn run(config: &Config, cancel: CancellationToken) -> Finished {
    let confinement = probe(Some(Path::new(env!("CARGO_BIN_EXE_tolkien"))));
    let host = Host::probe(config).confined(config, confinement);
    let name: CallerName = serde_json::from_value(json!("bench")).unwrap();
    let role: RoleName = serde_json::from_value(json!("operator")).unwrap();
    let caller = Caller {
        name,
        role,
        channel: Channel::Local,
    };
    let request = Request {
        tool: "hostile",
        input: &json!({}),
    };
    let Verdict::Allow(permit) = decide(config, request, &caller) else {
        panic!("it is not permitted");
    };
    let mut bounds = Bounds {
        grace: Duration::from_millis(1500),
        ..Bounds::default()
    };
    bounds.limits.processes = 1_000;
    let terms = Terms {
        bounds,
        ..Terms::new(&host, config.settings())
    };
    tool::run(permit, "c_1", terms, cancel).await
}

/// The most memory that this process ever had resident, in MB.
fn peak() -> f64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:"));
    let kilobytes = line.and_then(|line| line.split_whitespace().nth(1));
    kilobytes.unwrap().parse::<f64>().unwrap() / 1024.0
}
