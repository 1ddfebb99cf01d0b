//! The order of a decision, each step shown by a call that only that step denies.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
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

fn send_as(role: &str, input: Value) -> String {
    let config = config(&[("tools.d/send.yaml", SEND), ("tolkien.yaml", SETTINGS)]);
    explained(&config, "send", &input, &caller(role, Channel::Local))
}

#[test]
fn every_case_of_the_corpus_is_decided_as_it_says() {
    let config = shipped();
    let mut wrong = String::new();
    let mut count = 0;
    for file in ["kubectl.jsonl", "files.jsonl"] {
        let path = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("tests/fixtures/corpus")
            .join(file);
        for line in fs::read_to_string(path).unwrap().lines() {
            let case: Value = serde_json::from_str(line).unwrap();
            let request = Request {
                tool: case["tool"].as_str().unwrap(),
                input: &case["input"],
            };
            let verdict = decide(&config, request, &caller("operator", Channel::Api));
            count += 1;
            if verdict.decision().as_str() != case["expect"] {
                writeln!(wrong, "{line}\n  {:?}", verdict.reason()).unwrap();
            }
        }
    }
    assert_eq!(wrong, "");
    assert_eq!(count, 140);
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
