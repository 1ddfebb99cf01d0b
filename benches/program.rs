//! The whole program: CPU of a turn with twelve real calls beside the twelve bare spawns, one call
//! with and without the sandbox, start-up, and resident memory when idle. `cargo bench --bench program` prints one table.
//!
//! CPU is that of the server and of everything it started (`/proc/PID/stat`, in ticks of 10 ms, over
//! many turns), because on a shared machine wall time says more about the neighbours.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a bench starts programs, prints its table, and stops at once when it cannot go on"
)]

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;
use tolkien::call::Caller;
use tolkien::config::Overrides;
use tolkien::config::host::Host;
use tolkien::config::name::{CallerName, RoleName};
use tolkien::config::policy::Channel;
use tolkien::policy::{self, Request, Verdict, decide};
use tolkien::tool::sandbox::probe;
use tolkien::tool::{self, Terms};

mod process;

#[path = "../tests/integration"]
mod integration {
    #[expect(dead_code, unused_imports, reason = "tests use the rest")]
    pub(crate) mod fake;
}

use integration::fake::{Answer, Fake, Seen};
use process::Server;

/// Turns that are measured, each of three rounds of four calls.
const TURNS: u32 = 100;

const CALLS: u32 = 12;

/// Linux's `USER_HZ`, the unit of `/proc/PID/stat`.
const TICK: Duration = Duration::from_millis(10);

const ECHO: &str = "description: Says a text.\neffect: read\n\
    input: {type: object, required: [text], properties: {text: {type: string}}}\n\
    run: {command: [/bin/echo, \"{{ text }}\"]}\n\
    tests: [{allow: {text: hello}}, {deny: {}}]\n";

fn main() {
    // `cargo test --benches` runs this too, and measures nothing.
    if !std::env::args().any(|argument| argument == "--bench") {
        return;
    }
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(measure());
}

async fn measure() {
    let bare = bare_spawns();
    calls(bare / CALLS).await;
    let fake = Fake::start().await;
    fake.trust();
    fake.respond_with(three_rounds);
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("config");
    fs::create_dir_all(config.join("tools.d")).unwrap();
    fs::create_dir_all(config.join("prompts")).unwrap();
    let tool = format!("{ECHO}sandbox: {{require: off}}\n");
    fs::write(config.join("tools.d/echo.yaml"), tool).unwrap();
    fs::write(config.join("prompts/system.md"), "You are a bench.\n").unwrap();
    let state = folder.path().join("state");
    let server = Server::start(&config, &state, &fake.base_url(), None);
    let token = server.token();
    turns(&server.address, &token, 5).await;
    let process = server.id().to_string();
    let before = cpu(&process);
    turns(&server.address, &token, TURNS).await;
    let turn = cpu(&process).saturating_sub(before) / TURNS;
    drop(server);
    println!(
        "{:<52} {:>9.2} ms",
        "12 bare spawns of /bin/echo, CPU",
        ms(bare)
    );
    println!(
        "{:<52} {:>9.2} ms",
        "a turn of 3 x 4 calls of it, no sandbox, CPU",
        ms(turn)
    );
    println!(
        "{:<52} {:>9.2}",
        "  ratio (aim 1.25)",
        turn.as_secs_f64() / bare.as_secs_f64()
    );

    let shipped = Path::new(env!("CARGO_MANIFEST_DIR"));
    let state = folder.path().join("shipped");
    // What the first one proves, the next ones find in the state folder.
    for which in ["for the first time", "again"] {
        let started = Instant::now();
        let server = Server::start(shipped, &state, &fake.base_url(), None);
        let ready = started.elapsed();
        println!(
            "{:<52} {:>9.2} ms",
            format!("serve ready, as shipped (aim 150), {which}"),
            ms(ready)
        );
        println!(
            "{:<52} {:>9.1} MB",
            "  resident when idle (aim 20)",
            server.memory("VmRSS")
        );
    }
    println!(
        "{:<52} {:>9.2} ms",
        "tolkien --version, median of 21 (aim 5)",
        ms(version())
    );
}

/// What one call costs, beside the bare spawn: started directly, in the sandbox where nothing is
/// written, and with every list closed; then the last again with a large engine.
async fn calls(bare: Duration) {
    let row = |what: &str, cost: Duration| {
        let ratio = cost.as_secs_f64() / bare.as_secs_f64();
        println!("{what:<52} {:>9.2} ms  ratio {ratio:.2}", ms(cost));
    };
    row("one bare spawn of /bin/echo, CPU", bare);
    row("one call of it, no sandbox", call("{require: off}").await);
    row("one call of it, in the sandbox (aim 3)", call("{}").await);
    row("  with every list closed", call(CLOSED).await);
    let large = vec![1_u8; GIBIBYTE];
    row("  and 1 GiB resident (aim: the same)", call(CLOSED).await);
    drop(std::hint::black_box(large));
}

const GIBIBYTE: usize = 1 << 30;

const CLOSED: &str =
    "{read: ['@system'], write: ['@system'], exec: ['@system'], connect: [], require: full}";

/// CPU of one call in a sandbox, that of its processes included.
async fn call(sandbox: &str) -> Duration {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir_all(folder.path().join("tools.d")).unwrap();
    fs::create_dir_all(folder.path().join("prompts")).unwrap();
    let tool = format!("{ECHO}sandbox: {sandbox}\n");
    fs::write(folder.path().join("tools.d/echo.yaml"), tool).unwrap();
    fs::write(
        folder.path().join("prompts/system.md"),
        "You are a bench.\n",
    )
    .unwrap();
    let config = policy::load(folder.path(), Overrides::None).unwrap();
    let config = config.config.unwrap();
    let confinement = probe(Some(Path::new(env!("CARGO_BIN_EXE_tolkien"))));
    let host = Host::probe(&config).confined(&config, confinement);
    let name: CallerName = serde_json::from_value(json!("bench")).unwrap();
    let role: RoleName = serde_json::from_value(json!("operator")).unwrap();
    let caller = Caller {
        name,
        role,
        channel: Channel::Local,
    };
    let calls = TURNS * CALLS;
    let before = cpu("self");
    for _ in 0..calls {
        let request = Request {
            tool: "echo",
            input: &json!({"text": "hello"}),
        };
        let Verdict::Allow(permit) = decide(&config, request, &caller) else {
            panic!("it is not permitted");
        };
        let terms = Terms::new(&host, config.settings());
        let finished = tool::run(permit, "c_1", terms, CancellationToken::new()).await;
        assert_eq!(finished.shown, "hello", "{finished:?}");
    }
    cpu("self").saturating_sub(before) / calls
}

fn three_rounds(seen: &Seen) -> Answer {
    match seen.rounds() {
        3 => Answer::text("Done."),
        _ => Answer::tools((0..4).map(|call| ("echo", json!({"text": format!("{call}")})))),
    }
}

fn ms(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}

/// CPU that twelve spawns cost, the least that any turn with them can.
fn bare_spawns() -> Duration {
    let before = cpu("self");
    for call in 0..TURNS * CALLS {
        let mut echo = Command::new("/bin/echo");
        let output = echo
            .arg(call.to_string())
            .env_clear()
            .stdin(Stdio::null())
            .output();
        assert!(output.unwrap().status.success());
    }
    cpu("self").saturating_sub(before) / TURNS
}

/// CPU of a process and of its children that ended.
fn cpu(process: &str) -> Duration {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).unwrap();
    // Behind the name, which may hold anything, stand state and numbers: utime is the 12th of them.
    let fields: Vec<&str> = stat
        .rsplit(')')
        .next()
        .unwrap()
        .split_whitespace()
        .collect();
    let ticks: u32 = fields[11..15]
        .iter()
        .map(|field| field.parse::<u32>().unwrap())
        .sum();
    TICK * ticks
}

async fn turns(address: &str, token: &str, count: u32) {
    let client = reqwest::Client::new();
    let post = |path: &str, body: Value| {
        client
            .post(format!("{address}{path}"))
            .bearer_auth(token)
            .json(&body)
            .send()
    };
    for _ in 0..count {
        let session: Value = post("/sessions", json!({}))
            .await
            .unwrap()
            .json()
            .await
            .unwrap();
        let path = format!(
            "/sessions/{}/messages",
            session["session_id"].as_str().unwrap()
        );
        let turn = post(&path, json!({"content": "Say twelve things."}))
            .await
            .unwrap();
        let turn: Value = turn.json().await.unwrap();
        assert_eq!(turn["status"], "completed", "{turn}");
        assert_eq!(
            turn["tool_calls"].as_array().map(Vec::len),
            Some(12),
            "{turn}"
        );
    }
}

fn version() -> Duration {
    let mut times: Vec<Duration> = (0..21)
        .map(|_| {
            let started = Instant::now();
            let output = Command::new(env!("CARGO_BIN_EXE_tolkien"))
                .arg("--version")
                .output();
            assert!(output.unwrap().status.success());
            started.elapsed()
        })
        .collect();
    times.sort();
    times[10]
}
