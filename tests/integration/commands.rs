//! The built binary, as an operator's shell sees it: output, errors and exit codes.

mod codes;

mod conversation;

mod diff;

mod diff_revisions;

mod docs;

mod formats;

mod host;

mod link;

mod mutants;

mod pages;

mod prefix;

pub(crate) mod program;

use std::collections::BTreeSet;
use std::fs;
use std::io::ErrorKind;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use program::{Folder, Ran};

/// A tool that writes: it needs an approval.
const TOUCH: &str = r#"
description: Makes an empty file.
effect: write
input:
  type: object
  required: [path]
  properties:
    path: {type: string}
run:
  command: [touch, "{{ path }}"]
arguments:
  path: {allow: ['/.*']}
tests:
  - ask: {path: /tmp/a}
  - deny: {path: a}
"#;

#[test]
fn the_short_help_lists_the_commands_and_the_long_one_the_exit_codes() {
    let folder = Folder::new();
    let short = folder.run(&["-h"]);
    assert_eq!(short.code, 0);
    insta::assert_snapshot!(short.out, @"
    An infrastructure agent that a team can review in a pull request

    Usage: tolkien [OPTIONS] <COMMAND>

    Commands:
      demo         See it work: a scripted model, bundled documents, real processes, no key
      repl         Talk to the agent
      ask          Say one thing, and print the answer
      serve        Serve the HTTP API
      validate     Check a configuration: every file, every rule, every case
      diff         Tell what a change newly permits, and what else it touches
      check        Decide one call without running it, and say which rule decides
      call         Decide one call, and run it
      eval         Play recorded questions, and check what the agent did
      tools        List what the agent can do, with the limits and rules in force
      prompt       Render a prompt as the model would get it
      docs         Write a static site of what the agent may do
      schema       Print the JSON Schema of a file format, for editors
      init         Write a small configuration that works anywhere
      audit        Read the audit trail, or check that it is whole
      pause        Stop all tools of a server at once
      resume       Let the tools of a server run again
      token        Make a token for somebody who may talk to the server
      completions  Print the completions of a shell
      man          Write the manual pages to a folder
      help         Print this message or the help of the given subcommand(s)

    Options:
          --config <DIR>  The configuration folder (default: the current folder when it has tools.d/,
                          else /etc/tolkien) [env: TOLKIEN_CONFIG_DIR]
          --color <WHEN>  When to colour [default: auto] [possible values: auto, always, never]
      -v, --verbose...    Tell more (twice: everything)
      -q, --quiet         Tell failures only
      -h, --help          Print help (see more with '--help')
      -V, --version       Print version

    Start here:
      tolkien demo                      see it work, without a key
      tolkien init && tolkien validate  a small configuration, checked
      tolkien repl                      talk to it

    More with `--help`; on one command with `tolkien COMMAND --help`.
    ");
    let long = folder.run(&["--help"]);
    assert_eq!(long.code, 0);
    assert!(long.out.contains("130  interrupted"), "{}", long.out);
    assert!(long.out.len() > short.out.len());
    assert_eq!((short.err, long.err), (String::new(), String::new()));
}

#[test]
fn every_command_has_short_help_with_an_example() {
    let folder = Folder::new();
    for command in folder.commands() {
        let help = folder.run(&[&command, "-h"]);
        assert_eq!(help.code, 0, "{command}");
        assert!(
            help.out.contains(&format!("  tolkien {command}")) || help.out.contains("| tolkien"),
            "{command}: {}",
            help.out
        );
    }
}

#[test]
fn exit_codes_are_those_of_the_contract() {
    let folder = Folder::with_configuration();
    folder.write("tools.d/touch.yaml", TOUCH);
    let made = folder.path("made");
    let made_json = json!({"path": made}).to_string();
    for (arguments, code) in [
        (&["--version"][..], 0),
        (&[], 2),
        (&["vaildate"], 2),
        (&["validate", "--fomat", "json"], 2),
        (&["validate"], 0),
        (&["validate", "missing"], 2),
        (&["--config", "missing", "tools"], 2),
        (&["check", "disk", "--", "-h", "/"], 0),
        (&["check", "disk", "--format", "json", "/"], 0),
        (&["check", "disk", "/", "--channel", "mcp"], 0),
        (&["check", "disk", "/proc"], 1),
        (&["check", "disk", "relative"], 1),
        (&["check", "disk", r#"{"arguments": []}"#], 1),
        (&["check", "disk", "/", "--role", "stranger"], 1),
        (&["check", "touch", &made_json], 3),
        (&["check", "disk", "{oops"], 2),
        (&["check", "disk", "'/"], 2),
        (&["check", "dsik", "/"], 2),
        (&["check", "touch", "/a"], 2),
        (&["check", "disk", "-A"], 2),
        (&["check", "disk", "-h /"], 2),
        (&["check", "disk", "--format", "json", "/", "--help"], 2),
        (&["call", "disk", "-h"], 2),
        (&["check", "-h"], 0),
        (&["call", "--help", "disk"], 0),
        (&["call", "disk", "/"], 0),
        (&["call", "disk", "/no/such/folder"], 1),
        (&["call", "disk", "/proc"], 1),
        (&["call", "touch", &made_json], 3),
        (&["prompt", "nope"], 2),
        (&["token", "João"], 2),
        (&["ask", "hello"], 4),
        (&["ask", "hello", "--server", "http://127.0.0.1:1"], 2),
        (&["ask", "hello", "--server", "not a url"], 2),
        (&["ask", "hello", "--timeout", "soon"], 2),
        (&["serve", "--listen", "256.0.0.1:1"], 4),
        (&["serve", "--listen", "7331"], 2),
        (&["serve", "--listen", "localhost"], 2),
        (&["serve", "--listen", "localhost:http"], 2),
        (&["serve", "--store", "nowhere"], 2),
    ] {
        let ran = folder.run(arguments);
        assert_eq!(ran.code, code, "{arguments:?}: {}{}", ran.out, ran.err);
    }
    assert!(!made.exists());
    assert_eq!(folder.run(&["call", "--yes", "touch", &made_json]).code, 0);
    assert!(made.exists());
}

#[test]
fn a_server_that_does_not_answer_is_the_environment_s_fault() {
    let folder = Folder::new();
    let ran = folder.run_with(
        &["ask", "hello", "--server", "http://127.0.0.1:1"],
        &[("TOLKIEN_TOKEN", "some")],
        "",
    );
    assert_eq!((ran.code, ran.out.as_str()), (4, ""));
    assert!(
        ran.err.contains("cannot reach `http://127.0.0.1:1`"),
        "{}",
        ran.err
    );
    assert_eq!(ran.err.matches("trying again").count(), 1, "{}", ran.err);
}

#[test]
fn a_mistake_comes_with_the_way_out() {
    let folder = Folder::with_configuration();
    for (arguments, help) in [
        (
            &["vaildate"][..],
            "similar subcommands exist: 'eval', 'validate'",
        ),
        (&["check", "dsik", "/"], "did you mean `disk`?"),
        (&["validate", "missing"], "tolkien init"),
        (&["check", "disk", "-A"], "-- -A"),
        (
            &["check", "disk", "-h /"],
            "`tolkien check disk -- '-h /'`; the help is `tolkien check --help`",
        ),
        (&["call", "disk", "/", "-h"], "`tolkien call disk -- / -h`"),
        (&["prompt", "sistem"], "did you mean `system.md`?"),
        (&["ask", "hello"], "ANTHROPIC_API_KEY"),
        (
            &["serve", "--listen", "7331"],
            "'--listen <HOST:PORT>': write host and port: `127.0.0.1:7331`",
        ),
        (
            &["serve", "--listen", ":80"],
            "write host and port: `127.0.0.1:80`",
        ),
        (&["serve", "--listen", "localhost"], "`localhost:7331`"),
    ] {
        let ran = folder.run(arguments);
        assert!(ran.err.contains(help), "{arguments:?}: {}", ran.err);
        assert_eq!(ran.out, "", "{arguments:?}");
    }
}

#[test]
fn what_is_no_input_of_a_call_is_told_what_input_looks_like() {
    let folder = Folder::with_configuration();
    let told = |arguments: &[&str]| {
        let ran = folder.run(arguments);
        assert_eq!((ran.code, ran.out.as_str()), (2, ""), "{arguments:?}");
        ran.err
    };
    insta::assert_snapshot!(told(&["check", "disk"]), @r#"
    error: `tolkien check disk` lacks the input of the call
    help: the input is a line in quotes ('get pods -A'), its words behind a bare `--` (-- get pods -A), or JSON ('{"KEY": …}')
    "#);
    insta::assert_snapshot!(told(&["call", "--yes", "disk", "-n", "media"]), @r#"
    error: `-n` is no option of `tolkien call`
    help: input that starts with `-` comes behind a bare `--`: `tolkien call disk -- -n media`; the input is a line in quotes ('get pods -A'), its words behind a bare `--` (-- get pods -A), or JSON ('{"KEY": …}')
    "#);
    insta::assert_snapshot!(told(&["check", "disk", "/", "--previous=x"]), @r#"
    error: `--previous=x` is no option of `tolkien check`
    help: input that starts with `-` comes behind a bare `--`: `tolkien check disk -- / --previous=x`; the input is a line in quotes ('get pods -A'), its words behind a bare `--` (-- get pods -A), or JSON ('{"KEY": …}')
    "#);
    insta::assert_snapshot!(told(&["check", "disk", r#"{"args": ["/"], "args": []}"#]), @"
    error: the input has the key `args` twice
    help: write each key once: readers do not agree on which of two counts
    ");
    for (arguments, parser) in [
        (&["check"][..], "<TOOL>"),
        (&["check", "disk", "/", "--chanel", "api"], "'--channel'"),
        (&["validate", "-n"], "unexpected argument '-n'"),
    ] {
        let said = told(arguments);
        assert!(said.contains(parser), "{said}");
    }
    let list = folder.run(&["check", "disk", r#"["/"]"#]);
    assert_eq!(list.code, 1);
    insta::assert_snapshot!(list.err, @r#"
    warning: `["/"]` is read as a line of words, not as JSON
    help: JSON is the whole input: '{"args":["/"]}'
    "#);
    let quiet = folder.run(&["check", "-q", "disk", r#"["/"]"#]);
    assert_eq!((quiet.code, quiet.err.as_str()), (1, ""));
}

#[test]
fn what_is_missing_around_a_configuration_comes_with_a_way_out() {
    let nowhere = Folder::new().run(&["tools"]);
    assert_eq!(nowhere.code, 2);
    insta::assert_snapshot!(nowhere.err, @"
    error: there is no configuration here: the current folder has no `tools.d/`, and there is no `/etc/tolkien`
    help: `tolkien init` makes a small one here; `--config DIR` or TOLKIEN_CONFIG_DIR names another
    ");
    let folder = Folder::with_configuration();
    folder.write("file", "");
    let file = folder.path("file/below").display().to_string();
    for (name, value, code) in [
        ("ANTHROPIC_API_KEY", "sk-ant-\none", 2),
        ("ANTHROPIC_API_KEY_FILE", file.as_str(), 2),
        ("XDG_STATE_HOME", &file, 4),
        ("TOLKIEN_LIMITS__X", "1", 2),
        ("TOLKIEN_LIMITS__RONDS", "1", 2),
    ] {
        let ran = folder.run_with(
            &["ask", "hello"],
            &[("ANTHROPIC_API_KEY", "k"), (name, value)],
            "",
        );
        assert_eq!((ran.code, ran.out.as_str()), (code, ""), "{name}");
        let told = ran.err.replace(&file, "FILE");
        assert!(told.contains(expected_help(name)), "{name}: {told}");
    }
}

fn expected_help(name: &str) -> &'static str {
    match name {
        "ANTHROPIC_API_KEY" => "help: a key is one line of plain characters",
        "ANTHROPIC_API_KEY_FILE" => "help: ANTHROPIC_API_KEY_FILE names that file",
        "XDG_STATE_HOME" => "help: name a folder that this user may write to: `server.state_dir`",
        "TOLKIEN_LIMITS__X" => {
            "help: of `limits` there are `TOLKIEN_LIMITS__ROUNDS`, `TOLKIEN_LIMITS__PARALLEL_CALLS`"
        }
        _ => "help: did you mean `TOLKIEN_LIMITS__ROUNDS`?",
    }
}

#[test]
fn colour_is_for_terminals_unless_asked_for() {
    let folder = Folder::with_configuration();
    let painted = |arguments: &[&str]| {
        let Ran { out, err, .. } = folder.run(arguments);
        format!("{out}{err}").contains('\u{1b}')
    };
    assert!(!painted(&["check", "disk", "/"]));
    assert!(painted(&["--color", "always", "check", "disk", "/"]));
    assert!(!painted(&["--color=never", "-h"]));
    assert!(painted(&["--color=always", "-h"]));
}

#[test]
fn a_check_says_which_door_it_decided_for_where_doors_differ() {
    let folder = Folder::with_configuration();
    let plain = folder.run(&["check", "disk", "/"]);
    folder.write(
        "policies/from-afar.yaml",
        "applies_to: {channels: [api, telegram]}\nask:\n  - {id: ask-first, match: 'df **'}\n",
    );
    let local = folder.run(&["check", "disk", "/"]);
    assert_eq!((plain.code, local.code), (0, 0));
    insta::assert_snapshot!(plain.out + "\n" + &local.out, @"
    allow  df /
      rule     disk.effect
      because  `effect: read` runs without an approval
      at       tools.d/disk.yaml:8:9
      through  disk.args.allow[0] at tools.d/disk.yaml:30:9

    allow  df /
      rule     disk.effect
      because  `effect: read` runs without an approval
      at       tools.d/disk.yaml:8:9
      through  disk.args.allow[0] at tools.d/disk.yaml:30:9
      for      the role `admin` through `local`
      but      ask by `from-afar.ask-first` through `api`, where the REPL and `ask` come in
               ask by `from-afar.ask-first` through `telegram`
    ");
    let afar = folder.run(&[
        "check",
        "disk",
        "/",
        "--channel",
        "telegram",
        "--role",
        "operator",
    ]);
    assert_eq!(afar.code, 3);
    insta::assert_snapshot!(afar.out, @"
    ask  df /
      rule     from-afar.ask-first
      because  it matches `df **`
      at       policies/from-afar.yaml:3:5
      through  disk.args.allow[0] at tools.d/disk.yaml:30:9
      for      the role `operator` through `telegram`
      but      allow by `disk.effect` through `mcp`
               allow by `disk.effect` through `local`
    ");
    let json = |channel: &str| {
        let ran = folder.run(&[
            "check",
            "disk",
            "/",
            "--format",
            "json",
            "--channel",
            channel,
        ]);
        let keys: serde_json::Map<String, Value> = serde_json::from_str(&ran.out).unwrap();
        keys.into_iter().map(|(key, _)| key).collect::<Vec<_>>()
    };
    let keys = [
        "verdict",
        "rule",
        "because",
        "command_line",
        "place",
        "allowed_by",
        "revision",
    ];
    assert_eq!(
        (json("local"), json("api")),
        (keys.map(str::to_owned).to_vec(), json("telegram"))
    );
}

#[test]
fn the_json_of_check_names_the_rule_and_its_line() {
    let folder = Folder::with_configuration();
    let ran = folder.run(&[
        "check",
        "disk",
        "--format",
        "json",
        "--",
        "-h",
        "/proc/self",
    ]);
    let mut verdict: Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!(verdict["revision"].as_str().unwrap().len(), 64);
    verdict["revision"] = json!("…");
    assert_eq!(
        verdict,
        json!({
            "verdict": "deny",
            "rule": "read-only.no-kernel-files",
            "because": "the kernel's file systems are not disks",
            "command_line": "df -h /proc/self",
            "place": {"file": "policies/read-only.yaml", "line": 9, "column": 5},
            "revision": "…",
        })
    );
}

#[test]
fn a_manifest_is_validated_in_place_of_a_folder() {
    let folder = Folder::new();
    folder.write(
        "configmap.yaml",
        "kind: ConfigMap\ndata:\n  tools.d__disk.yaml: |\n    efect: read\n",
    );
    let ran = folder.run(&["validate", "configmap.yaml"]);
    assert_eq!(ran.code, 1);
    let shown = "error[unknown-key]: `efect` is not a key of a tool
 --> configmap.yaml:4:5
  |
4 |     efect: read
  |     ^^^^^
";
    assert!(ran.out.contains(shown), "{}", ran.out);
    assert_eq!(folder.run(&["validate", "gone.yaml"]).code, 2);
}

#[test]
fn a_quiet_check_tells_what_makes_it_fail_and_nothing_else() {
    let folder = Folder::with_configuration();
    let tool = folder.read("tools.d/disk.yaml");
    let tool = tool.replace("let:\n", "let:\n  unused: x\n");
    folder.write("tools.d/disk.yaml", &tool);
    let titles = |arguments: &[&str]| {
        let ran = folder.run(&[&["validate"], arguments].concat());
        let lines = ran.out.lines().filter(|line| line.contains("]: "));
        let titles: Vec<String> = lines.map(str::to_owned).collect();
        (ran.code, titles.join("; "), ran.err)
    };
    let warning = "warning[unused-name]: nothing refers to `<unused>`";
    let (code, shown, said) = titles(&[]);
    assert_eq!((code, shown.as_str()), (0, warning));
    assert!(said.contains("1 warning"), "{said}");
    let silent = (0, String::new(), String::new());
    assert_eq!(titles(&["-q"]), silent);
    let failing = titles(&["-q", "--fail-on", "warning"]);
    assert_eq!(failing, (1, warning.to_owned(), String::new()));
    folder.write("tools.d/disk.yaml", &format!("{tool}efect: read\n"));
    let ran = folder.run(&["tools", "-q"]);
    assert_eq!((ran.code, ran.out.as_str()), (2, ""));
    assert!(ran.err.contains("error[unknown-key]"), "{}", ran.err);
    assert!(!ran.err.contains("warning"), "{}", ran.err);
}

#[test]
fn the_json_of_validate_has_every_finding_and_what_was_checked() {
    let folder = Folder::with_configuration();
    let text = folder
        .read("tools.d/disk.yaml")
        .replace("effect: read", "efect: read");
    folder.write("tools.d/disk.yaml", &text);
    let ran = folder.run(&["validate", "--format", "json", "-o", "findings.json"]);
    assert_eq!((ran.code, ran.out.as_str()), (1, ""));
    let found: Value = serde_json::from_str(&folder.read("findings.json")).unwrap();
    assert_eq!(found["ok"], json!(false));
    assert_eq!(
        found["checked"],
        json!({"tools": 1, "policies": 1, "prompts": 1, "cases": 3, "invariants": 0})
    );
    let misspelt = found["diagnostics"]
        .as_array()
        .unwrap()
        .iter()
        .find(|found| found["code"] == "unknown-key")
        .unwrap();
    for (key, value) in [
        ("severity", json!("error")),
        ("file", json!("tools.d/disk.yaml")),
        ("start", json!({"line": 8, "column": 1})),
        ("end", json!({"line": 8, "column": 6})),
    ] {
        assert_eq!(misspelt[key], value, "{key}");
    }
    assert!(ran.err.trim_end().ends_with("0 invariants"), "{}", ran.err);
}

#[test]
fn a_fresh_configuration_is_valid_and_is_never_written_over() {
    let folder = Folder::with_configuration();
    let ran = folder.run(&["validate"]);
    assert_eq!((ran.code, ran.out.as_str()), (0, ""));
    assert_eq!(
        ran.err,
        "no findings; checked 1 tool, 1 policy, 1 prompt, 7 cases and 0 invariants\n"
    );
    folder.write("policies/read-only.yaml", "mine");
    fs::remove_file(folder.path("tolkien.yaml")).unwrap();
    assert_eq!(folder.run(&["init"]).code, 2);
    assert_eq!(folder.read("policies/read-only.yaml"), "mine");
    assert!(!folder.path("tolkien.yaml").exists());
}

#[test]
fn a_configuration_that_would_not_be_enforced_runs_nothing() {
    let folder = Folder::with_configuration();
    let mut settings = folder.read("tolkien.yaml");
    settings.push_str("telemetry: {otlp: http://localhost:4317}\n");
    folder.write("tolkien.yaml", &settings);
    for arguments in [&["serve"][..], &["call", "disk", "/"], &["ask", "hello"]] {
        let ran = folder.run(arguments);
        assert_eq!((ran.code, ran.out.as_str()), (2, ""), "{arguments:?}");
        assert!(ran.err.contains("not-enforced-yet"), "{}", ran.err);
    }
    assert_eq!(folder.run(&["validate"]).code, 0);
    assert_eq!(folder.run(&["validate", "--fail-on", "warning"]).code, 1);
}

#[test]
fn what_was_proved_of_a_configuration_is_kept_for_the_next_command() {
    let folder = Folder::with_configuration();
    let proofs = folder.path(".local/state/tolkien/proofs");
    let kept = || {
        let entries = fs::read_dir(&proofs).unwrap();
        let kept = entries.map(|entry| entry.unwrap().path());
        kept.map(|path| (fs::metadata(&path).unwrap().modified().unwrap(), path))
            .collect::<BTreeSet<_>>()
    };
    assert_eq!(folder.run(&["validate"]).code, 0);
    assert!(!proofs.exists(), "a gate keeps what it is told to keep");
    assert_eq!(folder.run(&["check", "disk", "/"]).code, 0);
    let first = kept();
    assert_eq!(first.len(), 1);
    assert_eq!(folder.run(&["call", "disk", "/"]).code, 0);
    assert_eq!(kept(), first, "nothing was proved again");
    let said = [("TOLKIEN_LIMITS__ROUNDS", "7")];
    for _ in 0..2 {
        assert_eq!(folder.run_with(&["call", "disk", "/"], &said, "").code, 0);
        assert_eq!(kept().len(), 2, "the environment has a say");
    }
    assert_eq!(
        fs::metadata(&proofs).unwrap().permissions().mode() & 0o777,
        0o700
    );
    let nowhere = [("XDG_STATE_HOME", "/proc")];
    let ran = folder.run_with(&["check", "disk", "/"], &nowhere, "");
    assert_eq!((ran.code, ran.err.as_str()), (0, ""));
}

#[test]
fn the_script_of_the_model_is_checked_with_the_rest() {
    let folder = Folder::with_configuration();
    folder.write(
        "tolkien.yaml",
        "facts: {place: here}\nmodel: {provider: script, script: play.yaml}\n",
    );
    folder.write("play.yaml", "turns:\n  - reply: Hello.\n");
    let ran = folder.run(&["validate"]);
    assert_eq!(ran.code, 1);
    insta::assert_snapshot!(ran.out, @"
    error[bad-script]: turn 1 of the script: unknown field `reply`, expected `when` or `replies`
    --> play.yaml
     = help: a script is `{question?, turns}`, a turn `{when?, replies}`, and a reply `{text?, calls?: [{tool, input?}]}`
    ");
    let said = [("TOLKIEN_SERVER__LISTEN", "7331")];
    let ran = folder.run_with(&["serve"], &said, "");
    insta::assert_snapshot!(ran.err, @"
    error[bad-address]: `TOLKIEN_SERVER__LISTEN`: `7331` is no address to listen on
    --> TOLKIEN_SERVER__LISTEN:1:1
     = help: write host and port: `127.0.0.1:7331`

    1 error; checked 1 tool, 1 policy, 1 prompt, 7 cases and 0 invariants
    the configuration is invalid, so nothing was done with it
    ");
}

#[test]
fn call_prints_what_the_program_wrote() {
    let folder = Folder::with_configuration();
    let ran = folder.run(&["call", "disk", "--", "-h", "/"]);
    assert!(ran.out.starts_with("Filesystem"), "{}", ran.out);
    assert_eq!(ran.err, "+ df -h /\n");
    assert_eq!(folder.run(&["call", "-q", "disk", "/"]).err, "");
}

#[test]
fn call_sends_a_request_that_no_proxy_of_the_environment_sees() {
    let folder = Folder::with_configuration();
    folder.write(
        "tools.d/page.yaml",
        "description: Fetches a page.\neffect: read\ninput: {type: object}\n\
         run: {http: {url: 'https://docs.invalid/', hosts: [docs.invalid]}}\ntimeout: 5s\n\
         tests: [{allow: {}}, {deny: {x: 1}}]\n",
    );
    let proxy = TcpListener::bind("127.0.0.1:0").unwrap();
    proxy.set_nonblocking(true).unwrap();
    let address = format!("http://{}", proxy.local_addr().unwrap());
    let names = [
        "HTTPS_PROXY",
        "https_proxy",
        "HTTP_PROXY",
        "ALL_PROXY",
        "all_proxy",
    ];
    let environment = names.map(|name| (name, address.as_str()));
    let ran = folder.run_with(&["call", "page", "{}"], &environment, "");
    assert_eq!((ran.code, ran.out.as_str()), (1, ""));
    let (said, why) = ran.err.split_once("error: ").unwrap();
    assert_eq!(said, "+ GET https://docs.invalid/\n");
    // A machine without any resolver may need longer than the deadline to say so.
    let expected = [
        "nothing was started: `docs.invalid` cannot be reached: ",
        "the request ended because the answer was not there after 5s",
    ];
    assert!(expected.iter().any(|start| why.starts_with(start)), "{why}");
    assert_eq!(proxy.accept().unwrap_err().kind(), ErrorKind::WouldBlock);
}

#[test]
fn tools_shows_what_is_sent_to_claude() {
    let folder = Folder::with_configuration();
    let sent: Value = serde_json::from_str(&folder.run(&["tools", "--json"]).out).unwrap();
    let names: Vec<&str> = sent
        .as_array()
        .unwrap()
        .iter()
        .map(|tool| tool["name"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["disk", "read_output"]);
    assert_eq!(
        sent[0]["input_schema"]["additionalProperties"],
        json!(false)
    );
    let one: Value = serde_json::from_str(&folder.run(&["tools", "disk", "--json"]).out).unwrap();
    assert_eq!(one, sent[0]);
    insta::assert_snapshot!(folder.run(&["tools"]).out, @r"
    TOOL  EFFECT  TIMEOUT  CHARACTERS  RULES   POLICIES
    disk  read    10s      12000       1 rule  read-only
    ");
    insta::assert_snapshot!(folder.run(&["tools", "disk"]).out, @r#"
    disk  read

      Free and used space of the file systems of this machine (df). For example ["-h", "/"] shows the
      root file system in readable sizes, and ["-h"] all of them.

    runs
      df {{ args }}

    input
      args  array
        Options and paths of df.

    limits
      10s, 12000 characters of output (head and tail are kept)

    args: allow
      disk.args.allow[0]  [ -h|-i|-T ]... [ <path> ]...

    policy read-only
      Nothing here looks at the kernel's own file systems.

    policy read-only: deny
      read-only.no-kernel-files  ** /(proc|sys)(/.*)? **
        the kernel's file systems are not disks
    "#);
}

#[test]
fn prompt_renders_what_the_model_is_told() {
    let folder = Folder::with_configuration();
    let ran = folder.run(&["prompt"]);
    assert!(ran.out.contains("- `disk` (read)"), "{}", ran.out);
    assert!(ran.err.starts_with("system.md: "), "{}", ran.err);
}

#[test]
fn a_token_is_shown_once_and_its_digest_lets_its_caller_in() {
    let folder = Folder::with_configuration();
    let ran = folder.run(&["token", "joao"]);
    let (token, entry) = ran.out.trim_end().split_once('\n').unwrap();
    let digest: [u8; 32] = Sha256::digest(token.as_bytes()).into();
    let digest = digest.map(|byte| format!("{byte:02x}")).concat();
    assert_eq!(
        entry,
        format!("  - {{name: joao, role: operator, token_sha256: [\"{digest}\"]}}")
    );
    assert_ne!(folder.run(&["token", "joao"]).out, ran.out);
    let settings = folder.read("tolkien.yaml");
    folder.write("tolkien.yaml", &format!("{settings}callers:\n{entry}\n"));
    assert_eq!(folder.run(&["validate"]).code, 0);
}

#[test]
fn completions_and_manual_pages_name_every_command() {
    let folder = Folder::new();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = folder.run(&["completions", shell]).out;
        for command in folder.commands() {
            assert!(script.contains(&command), "{shell}: {command}");
        }
    }
    assert_eq!(folder.run(&["man", "pages"]).code, 0);
    for command in folder.commands() {
        let page = folder.read(&format!("pages/tolkien-{command}.1"));
        assert!(page.contains(".TH"), "{command}");
    }
}

#[test]
fn the_schemas_are_those_that_init_writes_for_editors() {
    let folder = Folder::with_configuration();
    for format in ["tool", "policy", "settings"] {
        let printed = folder.run(&["schema", format]).out;
        assert_eq!(printed, folder.read(&format!(".schema/{format}.json")));
        let schema: Value = serde_json::from_str(&printed).unwrap();
        assert_eq!(schema["additionalProperties"], json!(false), "{format}");
    }
}
