//! The order of a decision, each step shown by a call that only that step denies.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::{Value, json};
use tolkien::call::Caller;
use tolkien::config::name::{CallerName, RoleName};
use tolkien::config::policy::Channel;
use tolkien::config::{Config, Overrides};
use tolkien::policy::{self, Request, Verdict, decide};

/// A root of inline files over a system prompt; without findings, or the test ends here.
pub(crate) fn config(files: &[(&str, &str)]) -> Arc<Config> {
    let root = tempfile::tempdir().unwrap();
    for (name, text) in [("prompts/system.md", "You are the agent.\n")]
        .iter()
        .chain(files)
    {
        let path = root.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    let loaded = policy::load(root.path(), Overrides::None).unwrap();
    loaded
        .config
        .unwrap_or_else(|| panic!("{:#?}", loaded.diagnostics))
}

pub(crate) fn caller(role: &str, channel: Channel) -> Caller {
    let name: CallerName = serde_json::from_value(json!("joao")).unwrap();
    let role: RoleName = serde_json::from_value(json!(role)).unwrap();
    Caller {
        name,
        role,
        channel,
    }
}

fn shipped() -> Arc<Config> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    policy::load(root, Overrides::None).unwrap().config.unwrap()
}

/// Verdict, rule, reason and command line of one call.
fn explained(config: &Config, tool: &str, input: &Value, caller: &Caller) -> String {
    let verdict = decide(config, Request { tool, input }, caller);
    let reason = verdict.reason();
    let mut text = format!(
        "{} {}: {}",
        verdict.decision().as_str(),
        reason.rule,
        reason.because
    );
    if let Some(line) = verdict.command_line() {
        write!(text, "\n$ {line}").unwrap();
    }
    if let Verdict::Deny(refusal) = &verdict {
        for usage in &refusal.usage {
            write!(text, "\nallowed: {usage}").unwrap();
        }
    }
    text
}

const SEND: &str = r#"
description: Sends a message.
effect: write
input:
  type: object
  required: [to]
  properties:
    to: {type: string}
    cc: {type: string}
    body: {type: string, default: hello}
    copies: {type: integer, default: 1}
    files: {type: array, items: {type: string}, default: []}
run:
  command: [/usr/local/bin/send, "--copies={{ copies }}", [--cc, "{{ cc }}"], "{{ to }}", "{{ files }}", --, "{{ env.SENDER }}:{{ body }}"]
arguments:
  to:
    allow: ['[a-z]+@example\.org']
    deny: [{match: 'root@.*', because: nobody writes to root}]
  body: {multiline: true, max: 40}
  files:
    allow: ['[ <word> ]...']
    within: /srv/files
tests:
  - ask: {to: sam@example.org}
  - deny: {to: sam}
"#;

const SETTINGS: &str = r#"
environment: {SENDER: null}
roles:
  operator: {tools: ["*"], approve: true}
  viewer: {tools: ["*"], effects: [read]}
"#;

fn send(input: Value) -> String {
    send_as("operator", input)
}

#[expect(
    clippy::needless_pass_by_value,
    reason = "inputs are written where they are sent"
)]
fn send_as(role: &str, input: Value) -> String {
    let config = config(&[("tools.d/send.yaml", SEND), ("tolkien.yaml", SETTINGS)]);
    explained(&config, "send", &input, &caller(role, Channel::Local))
}

/// What came of the cases of one file of the corpus.
#[derive(Default)]
struct Tally {
    cases: usize,
    wrong: usize,
    false_denials: usize,
}

/// The corpus of the homelab, and beside it other members of its classes: other spellings of the
/// flags, other commands that change something, other useful reads.
#[test]
fn every_case_of_the_corpus_is_decided_as_it_says() {
    let config = shipped();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/corpus");
    let mut table = String::from("file                 cases  right  wrong  false denials\n");
    let mut wrong = String::new();
    let mut all = Tally::default();
    for path in files_below(&folder) {
        let mut tally = Tally::default();
        for line in fs::read_to_string(&path).unwrap().lines() {
            let case: Value = serde_json::from_str(line).unwrap();
            let tool = case["tool"].as_str().unwrap();
            if config.tool(tool).is_none() {
                continue;
            }
            let input = &case["input"];
            let verdict = decide(
                &config,
                Request { tool, input },
                &caller("operator", Channel::Api),
            );
            let decision = verdict.decision().as_str();
            tally.cases += 1;
            if decision != case["expect"] {
                tally.wrong += 1;
                tally.false_denials += usize::from(decision == "deny");
                writeln!(wrong, "{line}\n  {decision}: {:?}", verdict.reason()).unwrap();
            }
        }
        let name = path.strip_prefix(&folder).unwrap().display().to_string();
        tally.row(&name, &mut table);
        all.cases += tally.cases;
        all.wrong += tally.wrong;
        all.false_denials += tally.false_denials;
    }
    all.row("together", &mut table);
    assert!(all.wrong == 0, "{table}\n{wrong}");
    assert!(all.cases > 1000, "{table}");
}

impl Tally {
    fn row(&self, name: &str, table: &mut String) {
        let right = self.cases - self.wrong;
        let (cases, wrong, false_denials) = (self.cases, self.wrong, self.false_denials);
        writeln!(
            table,
            "{name:20} {cases:5}  {right:5}  {wrong:5}  {false_denials:13}"
        )
        .unwrap();
    }
}

/// The files of a folder, in the order of their names.
pub(crate) fn files_below(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(files_below(&path));
        } else {
            files.push(path);
        }
    }
    files.sort();
    files
}

#[test]
fn a_write_asks_and_its_command_line_names_what_the_machine_fills_in() {
    insta::assert_snapshot!(send(json!({"to": "sam@example.org", "body": "it's me"})), @r"
    ask send.effect: `effect: write` needs an approval
    $ send --copies=1 sam@example.org -- $SENDER':it'\''s me'
    ");
}

#[test]
fn a_group_is_dropped_as_one_and_a_list_is_spliced() {
    let input = json!({"to": "sam@example.org", "cc": "rosie", "files": ["a b", "c"], "copies": 2});
    insta::assert_snapshot!(send(input), @r"
    ask send.effect: `effect: write` needs an approval
    $ send --copies=2 --cc rosie sam@example.org 'a b' c -- $SENDER:hello
    ");
}

#[test]
fn an_input_that_does_not_fit_the_schema_is_denied_first() {
    insta::assert_snapshot!(send(json!({"too": "sam@example.org"})), @r#"
    deny send.input: the input does not fit the schema: Additional properties are not allowed ('too' was unexpected); "to" is a required property
    allowed: files: [ <word> ]...
    allowed: to: [a-z]+@example\.org
    "#);
}

#[test]
fn a_role_is_closed() {
    insta::assert_snapshot!(send_as("viewer", json!({"to": "sam@example.org"})), @"deny roles.viewer: the role `viewer` may not use `send`");
    insta::assert_snapshot!(send_as("stranger", json!({"to": "sam@example.org"})), @"deny roles.stranger: there is no role `stranger`, and what is not listed may nothing");
}

#[test]
fn characters_that_deceive_are_denied() {
    insta::assert_snapshot!(send(json!({"to": "sam\u{200b}@example.org"})), @r"
    deny send.to.characters: `to` holds the character \u{200b}, which cannot be seen or breaks the line
    allowed: to: [a-z]+@example\.org
    ");
    insta::assert_snapshot!(send(json!({"to": "sam@example.org", "cc": "a\nb"})), @r"deny send.cc.characters: `cc` holds the character \u{a}, which cannot be seen or breaks the line");
    insta::assert_snapshot!(send(json!({"to": "sam@example.org", "body": "a\nb"})), @"
    ask send.effect: `effect: write` needs an approval
    $ send --copies=1 sam@example.org -- $SENDER':a
    b'
    ");
}

#[test]
fn lengths_are_bounded() {
    insta::assert_snapshot!(send(json!({"to": "sam@example.org", "body": "é".repeat(41)})), @"deny send.body.max: a text in `body` is longer than 40 characters");
}

#[test]
fn a_deny_wins_over_an_allow_and_what_is_not_allowed_is_denied() {
    insta::assert_snapshot!(send(json!({"to": "root@example.org"})), @r"
    deny send.to.deny[0]: nobody writes to root
    allowed: to: [a-z]+@example\.org
    ");
    insta::assert_snapshot!(send(json!({"to": "sam@example.com"})), @r"
    deny send.to.allow: no `allow` of `to` matches
    allowed: to: [a-z]+@example\.org
    ");
}

#[test]
fn a_value_never_turns_into_a_flag() {
    insta::assert_snapshot!(send(json!({"to": "sam@example.org", "cc": "--config=/etc/x"})), @"deny send.cc.dash: `--config=/etc/x` starts with a dash, so the program would take `cc` for a flag");
}

#[test]
fn a_path_stays_inside() {
    insta::assert_snapshot!(send(json!({"to": "sam@example.org", "files": ["a/../../b"]})), @"
    deny send.files.within: `a/../../b` leaves the folder by `..`
    allowed: files: [ <word> ]...
    ");
}

#[test]
fn an_unknown_tool_is_denied_with_the_nearest_name() {
    let config = shipped();
    insta::assert_snapshot!(explained(&config, "kubctl", &json!({}), &caller("operator", Channel::Api)), @"deny tools: there is no tool `kubctl`; did you mean `kubectl`?");
}

const REMOTE: &str = r"
environment: {TOKEN: null}
mcp_servers: {wiki: {url: https://wiki.example.org/mcp}}
";

const FETCH: &str = r#"
description: Fetches a page.
effect: read
input: {type: object, required: [url], properties: {url: {type: string}}}
run: {http: {url: "{{ url }}", hosts: [kubernetes.io, "*.example.org"]}}
tests: [{allow: {url: https://kubernetes.io/docs/}}, {deny: {url: https://kubernetes.io.evil.org/}}]
"#;

const STEPS: &str = r#"
description: Clones and pushes.
effect: write
input: {type: object, required: [title], properties: {title: {type: string}}}
run:
  workspace: true
  steps:
    - {id: clone, command: [git, clone, https://git.example.org/x, "{{ workspace }}/x"]}
    - {command: [git, commit, "--message={{ title }}"], stdin: "{{ steps.clone.stdout }}"}
tests: [{allow: {title: a}}, {deny: {title: "a\u200b"}}]
"#;

const TRUST: &str = r"
applies_to: {tools: [push, wiki], effects: [write]}
effect: {write: allow}
";

const GUARD: &str = r"
applies_to: {tools: [push]}
allow: ['git **']
deny: [{id: no-force, match: 'git ** [^ ]*force.* **'}]
ask: [{id: main, match: 'git commit .*main.*', because: main is watched, approvers: [admin]}]
";

const WIKI: &str = r"
description: Writes a page of the wiki.
effect: write
input: {type: object, required: [page], properties: {page: {type: string}, text: {type: string}}}
run: {mcp: {server: wiki, tool: write_page}}
tests: [{allow: {page: a}}, {deny: {}}]
";

/// A root with all four forms of `run`; three of them give the warning that they do not run yet.
fn remote() -> Arc<Config> {
    config(&[
        ("tolkien.yaml", REMOTE),
        ("tools.d/fetch.yaml", FETCH),
        ("tools.d/push.yaml", STEPS),
        ("tools.d/wiki.yaml", WIKI),
        ("policies/trust.yaml", TRUST),
        ("policies/guard.yaml", GUARD),
    ])
}

#[expect(
    clippy::needless_pass_by_value,
    reason = "inputs are written where they are sent"
)]
fn remotely(tool: &str, input: Value) -> String {
    explained(&remote(), tool, &input, &caller("operator", Channel::Api))
}

#[test]
fn an_address_is_judged_as_it_was_understood() {
    for (url, expected) in [
        ("https://kubernetes.io/docs/", "allow"),
        ("https://KUBERNETES.io/docs/", "allow"),
        ("https://kubernetes.io:443/", "allow"),
        ("https://docs.example.org/a?b#c", "allow"),
        ("https://example.org/", "deny"),
        ("https://badexample.org/", "deny"),
        ("http://kubernetes.io/", "deny"),
        ("https://kubernetes.io:8443/", "deny"),
        ("https://kubernetes.io@evil.org/", "deny"),
        ("https://user@kubernetes.io/", "deny"),
        ("https://kubernetes.io.evil.org/", "deny"),
        ("https://kubernetes.io./", "deny"),
        ("https://127.0.0.1/", "deny"),
        ("https://2130706433/", "deny"),
        ("https://[::1]/", "deny"),
        ("https:kubernetes.io", "allow"),
        ("file:///etc/passwd", "deny"),
        ("kubernetes.io", "deny"),
        ("", "deny"),
    ] {
        let answer = remotely("fetch", json!({"url": url}));
        assert!(answer.starts_with(expected), "{url}: {answer}");
    }
}

#[test]
fn a_request_reads_as_its_method_and_the_address_that_was_judged() {
    insta::assert_snapshot!(remotely("fetch", json!({"url": "HTTPS://Kubernetes.io/docs"})), @"
    allow fetch.effect: `effect: read` runs without an approval
    $ GET https://kubernetes.io/docs
    ");
}

#[test]
fn a_backslash_in_an_address_has_one_spelling() {
    let url = r"https://kubernetes.io\docs/a b?c9'd\z#e\f";
    insta::assert_snapshot!(remotely("fetch", json!({"url": url})), @"
    allow fetch.effect: `effect: read` runs without an approval
    $ GET https://kubernetes.io/docs/a%20b?c9%27d%5Cz#e%5Cf
    ");
}

#[test]
fn every_line_of_several_is_judged_and_the_strictest_answer_counts() {
    insta::assert_snapshot!(remotely("push", json!({"title": "mend the chart"})), @"
    allow trust.effect: the policy `trust` answers allow to `effect: write`
    $ git clone https://git.example.org/x $WORKSPACE/x
    git commit '--message=mend the chart'
    ");
    insta::assert_snapshot!(remotely("push", json!({"title": "to main"})), @"
    ask guard.main: main is watched
    $ git clone https://git.example.org/x $WORKSPACE/x
    git commit '--message=to main'
    ");
    insta::assert_snapshot!(remotely("push", json!({"title": "force"})), @"
    deny guard.no-force: it matches `git ** [^ ]*force.* **`
    $ git clone https://git.example.org/x $WORKSPACE/x
    git commit --message=force
    ");
}

#[test]
fn an_mcp_call_reads_as_server_tool_and_canonical_json() {
    insta::assert_snapshot!(remotely("wiki", json!({"text": "it's", "page": "a"})), @r#"
    allow trust.effect: the policy `trust` answers allow to `effect: write`
    $ mcp wiki write_page {"page":"a","text":"it's"}
    "#);
}

#[test]
fn who_approves_must_satisfy_every_rule_that_asks() {
    let config = remote();
    let input = json!({"title": "to main"});
    let request = Request {
        tool: "push",
        input: &input,
    };
    let Verdict::Ask(pending) = decide(&config, request, &caller("operator", Channel::Api)) else {
        panic!("the rule `main` asks");
    };
    let approvers: Vec<&str> = pending
        .approvers()
        .unwrap()
        .iter()
        .map(RoleName::as_str)
        .collect();
    assert_eq!(approvers, ["admin"]);
    let as_role = |role: &str| policy::Approver {
        name: serde_json::from_value(json!("joao")).unwrap(),
        role: serde_json::from_value(json!(role)).unwrap(),
    };
    let pending = pending.approve(&as_role("operator")).unwrap_err();
    let permit = pending.approve(&as_role("admin")).unwrap();
    assert_eq!(permit.reason().rule.as_str(), "guard.main");
}

const NARROW: &str = r"
applies_to: {tools: [send]}
allow: ['send --copies=1 **']
";

const CHANNEL: &str = r"
applies_to: {tools: [send], channels: [telegram], roles: [operator]}
effect: {write: deny}
";

#[test]
fn a_policy_narrows_and_speaks_only_where_it_applies() {
    let config = config(&[
        ("tools.d/send.yaml", SEND),
        ("tolkien.yaml", SETTINGS),
        ("policies/narrow.yaml", NARROW),
        ("policies/phone.yaml", CHANNEL),
    ]);
    let ask =
        |input: Value, channel| explained(&config, "send", &input, &caller("operator", channel));
    let one = json!({"to": "sam@example.org"});
    insta::assert_snapshot!(ask(json!({"to": "sam@example.org", "copies": 2}), Channel::Api), @"
    deny narrow.allow: no `allow` of the policy `narrow` matches
    $ send --copies=2 sam@example.org -- $SENDER:hello
    allowed: send --copies=1 **
    ");
    insta::assert_snapshot!(ask(one.clone(), Channel::Api), @"
    ask send.effect: `effect: write` needs an approval
    $ send --copies=1 sam@example.org -- $SENDER:hello
    ");
    insta::assert_snapshot!(ask(one, Channel::Telegram), @"
    deny phone.effect: the policy `phone` answers deny to `effect: write`
    $ send --copies=1 sam@example.org -- $SENDER:hello
    ");
}

#[test]
fn a_digest_is_one_of_a_whole_call_and_revision() {
    let of = |settings: &str, tool: &str, input: Value| {
        let config = config(&[("tolkien.yaml", settings), ("tools.d/send.yaml", tool)]);
        let who = caller("operator", Channel::Api);
        let input = &input;
        let tool = "send";
        match decide(&config, Request { tool, input }, &who) {
            Verdict::Ask(pending) => pending.call().digest(pending.revision()),
            other => panic!("{other:?}"),
        }
    };
    let to = "sam@example.org";
    let plain = of(SETTINGS, SEND, json!({"to": to}));
    // What is left out is what the default gives.
    let given = json!({"body": "hello", "to": to});
    assert_eq!(of(SETTINGS, SEND, given), plain);
    let another = SEND.replace("--copies=", "--count=");
    let others = [
        of(SETTINGS, SEND, json!({"to": "ann@example.org"})),
        of(SETTINGS, SEND, json!({"to": to, "body": "bye"})),
        of(SETTINGS, SEND, json!({"to": to, "copies": 2})),
        of(SETTINGS, SEND, json!({"to": to, "files": ["a", "b"]})),
        of(SETTINGS, SEND, json!({"to": to, "files": ["b", "a"]})),
        of(SETTINGS, &another, json!({"to": to})),
        of(
            &format!("{SETTINGS}limits: {{rounds: 39}}\n"),
            SEND,
            json!({"to": to}),
        ),
    ];
    let distinct: std::collections::BTreeSet<&String> =
        others.iter().chain(std::iter::once(&plain)).collect();
    assert_eq!(distinct.len(), others.len() + 1);
}
