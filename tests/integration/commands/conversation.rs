//! Talking: `ask`, `repl`, `serve` and `demo`, with a scripted model and with a fake of Claude.

use std::fs;
use std::path::Path;

use nix::sys::signal::Signal;
use serde_json::{Value, json};
use tolkien::tool::sandbox::probe;

use super::program::Folder;
use crate::fake::{Answer, Fake};

/// The script of these tests: one turn with calls, of which one is denied, and one without.
const SCRIPT: &str = r"
turns:
  - when: disks
    replies:
      - text: I will look.
        calls:
          - {tool: disk, input: {args: ['-h', /]}}
          - {tool: disk, input: {args: [/proc]}}
      - text: There is **room**.
  - when: hello
    replies:
      - text: Hello yourself.
";

/// A tool whose calls can be told apart.
const ECHO: &str = r#"
description: Says something.
effect: read
input:
  type: object
  required: [text]
  properties:
    text: {type: string}
run:
  command: [echo, "said {{ text }}"]
tests:
  - allow: {text: hello}
  - deny: {text: 1}
"#;

pub(super) fn scripted() -> Folder {
    let folder = Folder::with_configuration();
    folder.write("script.yaml", SCRIPT);
    let settings = folder.read("tolkien.yaml");
    let settings = settings.replace(
        "model:\n  name: claude-opus-5-5\n",
        "model: {provider: script, script: script.yaml}\n",
    );
    folder.write("tolkien.yaml", &settings);
    folder
}

#[test]
fn ask_prints_the_answer_alone_and_tells_the_calls_beside_it() {
    let folder = scripted();
    let ran = folder.run(&["ask", "how full are the disks?"]);
    assert_eq!((ran.code, ran.out.as_str()), (0, "There is **room**.\n"));
    let mut lines: Vec<&str> = ran.err.lines().collect();
    lines.sort_unstable();
    assert_eq!(lines.len(), 3, "{}", ran.err);
    assert!(lines[0].starts_with("  ✓ disk  df -h /  "), "{}", ran.err);
    assert_eq!(
        lines[1],
        "  ✗ disk  df /proc  denied by read-only.no-kernel-files: the kernel's file systems are not disks"
    );
    assert_eq!(lines[2], "I will look.");
}

#[test]
fn the_script_that_the_documentation_shows_is_played_as_it_says() {
    let page =
        fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/scenarios.md")).unwrap();
    let (_, part) = page.split_once("## A server that plays a script").unwrap();
    let script = part.split("```").nth(1).unwrap();
    let folder = scripted();
    folder.write("script.yaml", script.strip_prefix("yaml\n").unwrap());
    // There is no kubectl in this configuration, so that its call fails.
    let known = folder.run(&["ask", "Is the backup fresh?"]);
    let answer = "I could not look.\n\nThe last sync was last night.\n";
    assert_eq!((known.code, known.out.as_str()), (0, answer));
    assert!(known.err.contains("Let me look."), "{}", known.err);
    let other = folder.run(&["ask", "What is the time?"]);
    assert_eq!(other.code, 1);
    assert!(other.err.contains("(max_tokens)"), "{}", other.err);
}

#[test]
fn ask_prints_the_whole_turn_as_json_and_reads_standard_input() {
    let folder = scripted();
    let ran = folder.run_with(&["ask", "--json", "-"], &[], "the disks\nplease");
    assert_eq!(ran.code, 0, "{}", ran.err);
    let turn: Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!(turn["status"], "completed");
    assert_eq!(turn["response"], "There is **room**.");
    let calls: Vec<Value> = turn["tool_calls"]
        .as_array()
        .unwrap()
        .iter()
        .map(|call| {
            json!([
                call["command_line"],
                call["verdict"],
                call["outcome"],
                call["rule"]
            ])
        })
        .collect();
    assert_eq!(
        calls,
        [
            json!(["df -h /", "allow", "exited", "disk.effect"]),
            json!(["df /proc", "deny", "denied", "read-only.no-kernel-files"]),
        ]
    );
}

#[test]
fn a_session_goes_on_where_it_was_left() {
    let folder = scripted();
    let first = folder.run(&["ask", "--json", "hello"]);
    let first: Value = serde_json::from_str(&first.out).unwrap();
    let session = first["session_id"].as_str().unwrap();
    let second = folder.run_with(
        &["ask", "--json", "the disks"],
        &[("TOLKIEN_SESSION", session)],
        "",
    );
    let second: Value = serde_json::from_str(&second.out).unwrap();
    assert_eq!(second["session_id"], session);
    let gone = folder.run(&["ask", "--session", "s_gone", "hello"]);
    assert_eq!((gone.code, gone.out.as_str()), (4, ""));
    assert!(
        gone.err.contains("there is no such session"),
        "{}",
        gone.err
    );
}

#[test]
fn a_piped_repl_works_line_by_line() {
    let folder = scripted();
    let ran = folder.run_with(
        &["repl"],
        &[],
        "/usage\n/tols\nhello\\\nyou\n/tools\n/usage\n/retry\n/quit\nhello\n",
    );
    assert_eq!(ran.code, 0, "{}", ran.err);
    insta::assert_snapshot!(ran.out, @r"
    Hello yourself.
    TOOL  EFFECT  STATUS
    disk  read    ready
    TOKENS                IN 1 TURN
    input                 0
    output                0
    read from the cache   0
    written to the cache  0
    This is a scripted model, and its script has nothing to say to that. To talk to Claude, set the environment variable `ANTHROPIC_API_KEY` to a key of your account and run `tolkien repl` with a configuration whose settings name no script.
    ");
    let (level, notes) = ran.err.split_once('\n').unwrap();
    assert!(level.starts_with(&format!("sandbox level: {}", sandbox_level())));
    insta::assert_snapshot!(notes, @r"
    nothing was said yet
    there is no command `/tols`; did you mean `/tools`?
    ");
}

/// A tool that writes, and a script that calls it.
fn writing() -> Folder {
    let folder = scripted();
    let mark = folder.path("mark");
    folder.write(
        "tools.d/leave.yaml",
        &format!(
            "description: Leaves a mark.\neffect: write\ninput: {{type: object, properties: {{}}}}\n\
             run: {{command: [touch, '{}']}}\ntests: [{{ask: {{}}}}, {{deny: {{now: 1}}}}]\n",
            mark.display()
        ),
    );
    folder.write(
        "script.yaml",
        "turns:\n  - when: leave\n    replies:\n      - calls: [{tool: leave, input: {}}]\n      \
         - text: So be it.\n",
    );
    folder
}

/// What was told, without what differs from run to run.
fn told(folder: &Folder, text: &str) -> String {
    let text = text.replace(&folder.path("").display().to_string(), "FOLDER/");
    let lines = text
        .lines()
        .filter(|line| !line.starts_with("sandbox level"));
    let took = regex::Regex::new("  [0-9.]+ m?s$").unwrap();
    let lines: Vec<String> = lines
        .map(|line| took.replace(line, "").into_owned())
        .collect();
    lines.join("\n")
}

#[test]
fn a_call_that_waits_is_shown_whole_and_runs_only_after_a_yes() {
    let folder = writing();
    let ran = folder.run_with(&["repl"], &[], "leave one\nperhaps\ny\n");
    assert_eq!(
        (ran.code, ran.out.as_str()),
        (0, "So be it.\n"),
        "{}",
        ran.err
    );
    assert!(folder.path("mark").exists());
    insta::assert_snapshot!(told(&folder, &ran.err), @"
    leave needs an approval
        touch FOLDER/mark
      effect  write
      rule    leave.effect: `effect: write` needs an approval
      input   {}
    approve? [y/n]
    `y` or `/approve` runs it; `n` or `/deny REASON` does not
      ✓ leave  touch FOLDER/mark
    ");
}

#[test]
fn a_call_that_is_refused_does_not_run() {
    let folder = writing();
    let lines = "leave one\n/deny not on a Friday\n/approve\n/deny\n";
    let ran = folder.run_with(&["repl"], &[], lines);
    assert_eq!(
        (ran.code, ran.out.as_str()),
        (0, "So be it.\n"),
        "{}",
        ran.err
    );
    assert!(!folder.path("mark").exists());
    insta::assert_snapshot!(told(&folder, &ran.err), @"
    leave needs an approval
        touch FOLDER/mark
      effect  write
      rule    leave.effect: `effect: write` needs an approval
      input   {}
    approve? [y/n]
      ✗ leave  touch FOLDER/mark  denied by local: not on a Friday
    nothing waits for your decision
    nothing waits for your decision
    ");
}

#[test]
fn ask_on_a_terminal_asks_there() {
    for (answer, response, runs) in [
        ("y", "So be it.", true),
        ("/deny later", "So be it.", false),
    ] {
        let folder = writing();
        let ran = folder.type_into("ask 'leave one'", &[answer]);
        assert_eq!(ran.code, 0, "{}", ran.out);
        for text in ["leave needs an approval", response] {
            assert!(ran.out.contains(text), "{text}: {}", ran.out);
        }
        assert_eq!(folder.path("mark").exists(), runs);
    }
}

#[test]
fn an_interrupt_at_the_question_runs_nothing_and_says_so_to_the_shell() {
    let folder = writing();
    let ran = folder.type_into("ask 'leave one'", &["\u{3}"]);
    assert_eq!(ran.code, 130, "{}", ran.out);
    assert!(ran.out.contains("leave needs an approval"), "{}", ran.out);
    assert!(!ran.out.contains("So be it."), "{}", ran.out);
    assert!(!folder.path("mark").exists());
}

#[test]
fn whoever_leaves_approves_nothing() {
    let folder = writing();
    let ran = folder.run_with(&["repl"], &[], "leave one\n");
    assert_eq!((ran.code, ran.out.as_str()), (1, ""), "{}", ran.err);
    assert!(!folder.path("mark").exists());
    insta::assert_snapshot!(told(&folder, &ran.err), @"
    leave needs an approval
        touch FOLDER/mark
      effect  write
      rule    leave.effect: `effect: write` needs an approval
      input   {}
    approve? [y/n]
    warning: `touch FOLDER/mark` needs an approval, and nobody gave one
      ✗ leave  touch FOLDER/mark  cancelled
    cancelled
    ");
}

#[test]
fn ask_without_a_terminal_approves_nothing_and_fails() {
    let folder = writing();
    for arguments in [
        &["ask", "leave one"][..],
        &["ask", "leave one", "--approve-with", "never"],
    ] {
        let ran = folder.run_with(arguments, &[], "y\n");
        assert_eq!((ran.code, ran.out.as_str()), (1, ""), "{}", ran.err);
        let said = "needs an approval, and nobody gave one";
        assert!(ran.err.contains(said), "{}", ran.err);
    }
    let ran = folder.run_with(&["ask", "leave one", "--approve-with", "tty"], &[], "y\n");
    assert_eq!((ran.code, ran.out.as_str()), (2, ""), "{}", ran.err);
    assert!(!folder.path("mark").exists());
}

#[test]
fn the_demonstration_says_what_is_scripted_and_shows_a_denial() {
    let folder = Folder::new();
    let ran = folder.run_with(&["demo"], &[("DOCS_DIR", "/nowhere")], "");
    assert_eq!(ran.code, 0, "{}", ran.err);
    for text in [
        "The model is SCRIPTED",
        "ANTHROPIC_API_KEY",
        "denied by docs_read.path",
    ] {
        assert!(ran.err.contains(text), "{text}: {}", ran.err);
    }
    assert!(
        ran.out.contains("The database of Immich filled the SSD"),
        "{}",
        ran.out
    );
    assert_eq!(ran.err.matches("  ✗ ").count(), 1, "{}", ran.err);
    // It lacks nothing but what it would use.
    let mut warnings = ran.err.lines().filter(|line| line.starts_with("warning"));
    let of_search = "warning: `rg` is not on the engine's PATH (`apt install ripgrep` brings it)";
    assert!(
        warnings.all(|line| line.starts_with(of_search)),
        "{}",
        ran.err
    );
}

/// How far this machine can confine programs.
fn sandbox_level() -> &'static str {
    probe(Some(Path::new(env!("CARGO_BIN_EXE_tolkien"))))
        .level
        .as_str()
}

#[test]
fn an_interrupt_in_the_first_moment_of_the_demonstration_leaves_nothing_behind() {
    let folder = Folder::new();
    let scratch = folder.path("scratch");
    fs::create_dir(&scratch).unwrap();
    let demo = folder.start(&["demo"], &[("TMPDIR", scratch.to_str().unwrap())]);
    while scratch.read_dir().unwrap().next().is_none() {
        std::thread::yield_now();
    }
    demo.signal(Signal::SIGINT);
    let ran = demo.ended();
    assert_eq!((ran.code, ran.out.as_str()), (130, ""), "{}", ran.err);
    assert_eq!(scratch.read_dir().unwrap().count(), 0);
}

#[test]
fn the_demonstration_at_a_keyboard_writes_nothing_outside_its_folder() {
    let folder = Folder::new();
    let ran = folder.type_into("demo", &["/help", "exit"]);
    assert_eq!(ran.code, 0, "{}", ran.out);
    assert!(ran.out.contains("You are in the REPL now"), "{}", ran.out);
    assert!(ran.out.contains("`exit` and Ctrl-D"), "{}", ran.out);
    let left: Vec<_> = folder.path("").read_dir().unwrap().collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn what_is_typed_into_the_repl_is_remembered() {
    let folder = scripted();
    let ran = folder.type_into("repl", &["/usage", "quit"]);
    assert_eq!(ran.code, 0, "{}", ran.out);
    let history = folder.read(".local/state/tolkien/history");
    assert_eq!(history, "#V2\n/usage\nquit\n");
}

#[test]
fn a_server_says_what_serves_and_ends_well() {
    let folder = scripted();
    let server = folder.serve(&[]);
    assert!(
        server
            .said
            .contains(&format!("sandbox level: {}", sandbox_level())),
        "{}",
        server.said
    );
    assert!(server.said.contains("revision "), "{}", server.said);
    let ran = folder.run(&["ask", "hello", "--server", &server.url]);
    assert_eq!(
        (ran.code, ran.out.as_str()),
        (0, "Hello yourself.\n"),
        "{}",
        ran.err
    );
    let wrong = folder.run_with(
        &["ask", "hello"],
        &[("TOLKIEN_SERVER", &server.url), ("TOLKIEN_TOKEN", "wrong")],
        "",
    );
    assert_eq!((wrong.code, wrong.out.as_str()), (4, ""), "{}", wrong.err);
    assert!(wrong.err.contains("TOLKIEN_TOKEN"), "{}", wrong.err);
    let address = server.url.strip_prefix("http://").unwrap();
    let taken = folder.run(&["serve", "--listen", address]);
    assert_eq!(taken.code, 4, "{}", taken.err);
    let beside = folder.run(&["ask", "hello"]);
    assert_eq!(beside.code, 0, "{}", beside.err);
    assert!(beside.err.contains("in memory"), "{}", beside.err);
    server.signal(Signal::SIGTERM);
    let (code, said) = server.ended();
    assert_eq!(code, 0, "{said}");
    assert!(said.contains("a second signal ends at once"), "{said}");
}

#[test]
fn the_local_token_is_in_the_state_folder_and_nobody_else_s() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = scripted();
    let server = folder.serve(&[]);
    server.signal(Signal::SIGINT);
    let (_, said) = server.ended();
    let token = folder.path(".local/state/tolkien/token");
    assert!(said.contains(&token.display().to_string()), "{said}");
    let mode = token.metadata().unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[tokio::test(flavor = "multi_thread")]
async fn three_rounds_of_four_calls_run_and_their_output_reaches_claude_in_order() {
    let fake = Fake::start().await;
    fake.respond_with(|seen| {
        let round = seen.rounds();
        if round == 3 {
            return Answer::text("All twelve ran.");
        }
        Answer::tools((0..4).map(|call| ("echo", json!({"text": format!("{round}.{call}")}))))
    });
    let folder = Folder::with_configuration();
    folder.write("tools.d/echo.yaml", ECHO);
    let url = fake.base_url();
    let asked = tokio::task::spawn_blocking(move || {
        folder.run_with(
            &["ask", "say twelve things"],
            &[
                ("ANTHROPIC_API_KEY", "sk-ant-test"),
                ("TOLKIEN_MODEL__BASE_URL", &url),
            ],
            "",
        )
    });
    let ran = asked.await.unwrap();
    assert_eq!(
        (ran.code, ran.out.as_str()),
        (0, "All twelve ran.\n"),
        "{}",
        ran.err
    );
    assert_eq!(fake.refusals(), [""; 0]);
    let last = fake.requests().pop().unwrap().body.to_string();
    let places: Vec<usize> = (0..12)
        .map(|call| format!("said {}.{}", call / 4, call % 4))
        .map(|said| {
            last.find(&said)
                .unwrap_or_else(|| panic!("{said} is missing"))
        })
        .collect();
    assert!(places.is_sorted(), "{places:?}");
}
