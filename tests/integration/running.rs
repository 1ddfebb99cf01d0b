//! Running what was permitted, through the only door there is: a permit.

use std::os::unix::fs::symlink;

use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;
use tolkien::config::Config;
use tolkien::config::host::Host;
use tolkien::config::policy::Channel;
use tolkien::policy::{Approver, Permit, Request, Verdict, decide};
use tolkien::tool::{self, Finished, Outcome, Terms};

use crate::decision::{caller, config};

fn permit(config: &Config, tool: &str, input: &Value) -> Permit {
    let caller = caller("operator", Channel::Local);
    match decide(config, Request { tool, input }, &caller) {
        Verdict::Allow(permit) => permit,
        Verdict::Ask(pending) => pending
            .approve(&Approver {
                name: caller.name,
                role: caller.role,
            })
            .unwrap(),
        Verdict::Deny(refusal) => panic!("{refusal:?}"),
    }
}

async fn run(config: &Config, tool: &str, input: Value) -> Finished {
    let host = Host::probe(config);
    let permit = permit(config, tool, &input);
    sent(tool::run(
        permit,
        "c_7",
        Terms::new(&host, config.settings()),
        CancellationToken::new(),
    ))
    .await
}

/// A call may run on any thread.
fn sent<F: Future + Send>(future: F) -> F {
    future
}

const LINES: &str = r#"
description: Prints lines.
effect: read
input:
  type: object
  required: [words]
  properties:
    words: {type: array, items: {type: string}}
    suffix: {type: string}
run:
  command: [printf, '%s\n', "in {{ env.FOLDER }}", "{{ words }}", "<{{ suffix }}>"]
  ok: [0]
output: {limit: 100, keep: head}
arguments:
  words: {allow: ['<word>...']}
tests:
  - allow: {words: [a]}
  - deny: {words: [-a]}
"#;

/// The cases of a tool without parameters.
const CASES: &str = "tests: [{allow: {}}, {deny: {other: 1}}]\n";

#[tokio::test]
async fn a_permitted_call_runs_with_the_values_of_this_host() {
    let config = config(&[
        (
            "tolkien.yaml",
            "environment: {FOLDER: /srv/shire}\nsandbox: {require: off}\n",
        ),
        ("tools.d/lines.yaml", LINES),
    ]);
    let finished = run(&config, "lines", json!({"words": ["a b"], "suffix": "$x"})).await;
    assert_eq!(finished.outcome, Outcome::Exited { code: 0 });
    assert_eq!(finished.stored, "in /srv/shire\na b\n<$x>\n");

    let finished = run(&config, "lines", json!({"words": vec!["friend"; 20]})).await;
    assert!(finished.truncated && !finished.is_error);
    let (cut, last) = finished.shown.rsplit_once('\n').unwrap();
    assert_eq!(cut, format!("in /srv/shire\n{}fr", "friend\n".repeat(12)));
    assert_eq!(
        last,
        "[… 54 characters left out, lines 14 to 21 of the output; read_output shows them: \
         {\"call_id\": \"c_7\", \"offset\": 14} …]"
    );
}

#[tokio::test]
async fn a_deadline_is_the_tools_own_where_it_names_one() {
    let sleep = "description: Sleeps.\neffect: read\ninput: {type: object}\n\
                 run: {command: [sleep, '1000']}\ntimeout: 50ms\n";
    let config = config(&[
        ("tolkien.yaml", "sandbox: {require: off}\n"),
        ("tools.d/sleep.yaml", &format!("{sleep}{CASES}")),
    ]);
    let finished = run(&config, "sleep", json!({})).await;
    assert_eq!(finished.outcome, Outcome::TimedOut);
    assert_eq!(
        finished.shown,
        "[ended because it had not finished after 50ms; it had written nothing]"
    );
}

#[tokio::test]
async fn a_path_is_followed_only_within_its_folder() {
    let root = tempfile::tempdir().unwrap();
    let docs = root.path().join("docs");
    std::fs::create_dir(&docs).unwrap();
    std::fs::write(docs.join("page.md"), "a page").unwrap();
    std::fs::write(root.path().join("token"), "a secret").unwrap();
    symlink("../token", docs.join("link.md")).unwrap();
    let settings = format!(
        "environment: {{DOCS: {}}}\nsandbox: {{require: off}}\n",
        docs.display()
    );
    let read = r#"
description: Reads a page.
effect: read
input: {type: object, required: [path], properties: {path: {type: string}}}
run: {command: [cat, "{{ env.DOCS }}/{{ path }}"]}
arguments: {path: {within: "{{ env.DOCS }}"}}
tests:
  - allow: {path: page.md}
  - deny: {path: ../token}
"#;
    let config = config(&[("tolkien.yaml", &settings), ("tools.d/read.yaml", read)]);
    let page = run(&config, "read", json!({"path": "page.md"})).await;
    assert_eq!(page.shown, "a page");
    let link = run(&config, "read", json!({"path": "link.md"})).await;
    assert_eq!(
        link.shown,
        "not started: `link.md` may not be used: it leads out of its folder, through a symbolic \
         link or `..`"
    );
}

#[tokio::test]
async fn the_form_that_comes_later_is_not_started() {
    let mcp = "description: Another's.\neffect: read\ninput: {type: object}\n\
               run: {mcp: {server: wiki, tool: search}}\n";
    let config = config(&[
        (
            "tolkien.yaml",
            "mcp_servers: {wiki: {url: 'https://wiki.example.org/mcp'}}\n\
             sandbox: {require: off}\n",
        ),
        ("tools.d/mcp.yaml", &format!("{mcp}{CASES}")),
    ]);
    let finished = run(&config, "mcp", json!({})).await;
    let because = "this version of the engine does not run tools of other servers (`mcp`) yet";
    assert!(finished.is_error);
    assert_eq!(finished.shown, format!("not started: {because}"));
    let because = because.to_owned();
    assert_eq!(finished.outcome, Outcome::NotStarted { because });
}

/// A tool that asks hosts for pages; no host of this name exists (RFC 6761).
const FETCH: &str = r#"
description: Fetches a page.
effect: read
input:
  type: object
  required: [url]
  properties:
    url: {type: string}
run:
  http: {url: "{{ url }}", hosts: [docs.invalid, "*.example.invalid"]}
timeout: 5s
arguments:
  url: {allow: ['https://.*']}
tests:
  - allow: {url: 'https://docs.invalid/'}
  - deny: {url: 'http://docs.invalid/'}
"#;

#[tokio::test]
async fn a_request_is_sent_and_says_why_it_could_not() {
    let config = config(&[("tools.d/fetch.yaml", FETCH)]);
    let finished = run(&config, "fetch", json!({"url": "https://docs.invalid/"})).await;
    assert!(finished.is_error);
    // A machine without any resolver may need longer than the deadline to say so.
    match &finished.outcome {
        Outcome::NotStarted { because } => {
            let start = "`docs.invalid` cannot be reached: ";
            assert!(because.starts_with(start), "{because}");
        }
        other => assert_eq!(*other, Outcome::TimedOut),
    }
}

#[test]
fn an_address_that_leads_elsewhere_is_denied() {
    let tool = FETCH
        .replace("docs.invalid", "docs.example.org")
        .replace("example.invalid", "example.net")
        .replace("['https://.*']", "['.*']")
        .replace("http://docs.example.org/", "https://example.com/");
    let config = config(&[("tools.d/fetch.yaml", &tool)]);
    let caller = caller("operator", Channel::Local);
    let tricks = include_str!("../../src/tool/http/tests/tricks.txt").lines();
    let tricks = tricks.filter(|line| !line.starts_with('#'));
    let tricks: Vec<String> = tricks
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let allowed = |trick: &&String| {
        let input = json!({ "url": trick.replace("PORT", "7331") });
        let tool = "fetch";
        let verdict = decide(
            &config,
            Request {
                tool,
                input: &input,
            },
            &caller,
        );
        !matches!(verdict, Verdict::Deny(_))
    };
    let allowed: Vec<&String> = tricks.iter().filter(allowed).collect();
    // As it is understood: the rest is a path, a query or a fragment of the right host.
    insta::assert_debug_snapshot!(allowed, @r#"
    [
        "https://docs.example.org\\@127.0.0.1:PORT/",
        "https://docs.example.org#@127.0.0.1:PORT/",
        "https://docs.example.org?@127.0.0.1:PORT/",
        "https://docs.example.org/..//127.0.0.1:PORT/",
        "https://docs.example。org/https://127.0.0.1:PORT/",
    ]
    "#);
    assert!(tricks.len() > 100);
}

#[test]
fn a_host_says_what_each_tool_lacks_on_it() {
    let tool = "description: Not here.\neffect: read\ninput: {type: object}\n\
                run: {command: [no-such-program, \"{{ env.TOLKIEN_TEST_UNSET }}\"]}\n";
    let config = config(&[
        (
            "tolkien.yaml",
            "environment: {TOLKIEN_TEST_UNSET: null, FOLDER: /srv}\nsandbox: {require: off}\n",
        ),
        ("tools.d/absent.yaml", &format!("{tool}{CASES}")),
        ("tools.d/lines.yaml", LINES),
    ]);
    let host = Host::probe(&config);
    let lacks = |name: &str| host.lacks(&config.tool(name).unwrap().name).to_vec();
    assert_eq!(
        lacks("absent"),
        [
            "`no-such-program` is not on the engine's PATH",
            "environment name `TOLKIEN_TEST_UNSET` is not set and has no default",
        ]
    );
    assert!(lacks("lines").is_empty());
}
