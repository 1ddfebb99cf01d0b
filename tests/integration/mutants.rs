//! Mutants: every rule is made weaker in turn, and some case must notice.

use std::fmt::Write as _;

use tolkien::analysis::mutant;
use tolkien::config::{Config, File, Origin, Overrides};
use tolkien::policy;

/// A tool of whose rules the last changes nothing: no `allow` matches what it stops.
const TOOL: &str = r#"
description: Read-only queries.
effect: read
input:
  type: object
  required: [args]
  properties:
    args: {type: array, items: {type: string}, maxItems: 5}
    file: {type: string}
run:
  command: [kubectl, "--log-file={{ file }}", "{{ args }}"]
arguments:
  args:
    allow:
      - 'get|describe|top [a-z]+ [ --[a-z]+=[a-z]+ ]...'
    deny:
      - '** secrets|tokens **'
      - get nodes ** | describe nodes|no
      - '** --raw=.* **'
      - 'delete|drain **'
  file: {max: 10, within: logs}
tests:
  - allow: get pods
  - deny: get secrets
"#;

const POLICY: &str = r"
deny:
  - {id: no-leases, match: 'kubectl ** leases **'}
ask:
  - {id: top, match: 'kubectl ** top **'}
allow:
  - 'kubectl ** get|top|describe **'
tests:
  - {tool: kubectl, allow: describe pods}
";

/// The files of a configuration, by path.
type Files = Vec<(String, String)>;

fn files(tool: &str, policy: &str) -> Files {
    let files = [
        ("tools.d/kubectl.yaml", tool),
        ("policies/narrow.yaml", policy),
        ("prompts/system.md", "You help.\n"),
    ];
    let files = files.map(|(path, text)| (path.to_owned(), text.to_owned()));
    files.into()
}

fn config(files: &Files) -> Config {
    let files = files
        .iter()
        .map(|(path, text)| File::new(path, text.clone()));
    let loaded = policy::load(Origin::Files(files.collect()), Overrides::None).unwrap();
    let found = loaded.diagnostics.iter();
    let found: Vec<String> = found
        .map(|found| format!("{} {}", found.place, found.message))
        .collect();
    std::sync::Arc::unwrap_or_clone(loaded.config.unwrap_or_else(|| panic!("{found:?}")))
}

/// What comes of the mutants of a configuration.
fn report(files: &Files) -> String {
    let report = mutant::test(&config(files));
    let mut text = format!(
        "{} made, {} noticed, {} equal\n",
        report.made, report.noticed, report.equal
    );
    for found in report.findings {
        writeln!(
            text,
            "{} {}[{}] {}",
            found.place, found.severity, found.code, found.message
        )
        .unwrap();
        writeln!(text, "  {}", found.help.unwrap()).unwrap();
    }
    text
}

/// The same files with every case that the report says is missing, each pasted where the help says.
fn pasted(files: &Files) -> Files {
    let mut files = files.clone();
    for found in mutant::test(&config(&files)).findings {
        let help = found.help.unwrap();
        let told: Vec<&str> = help.split('`').collect();
        let [_, "tests:", _, path, _, case, ""] = told[..] else {
            panic!("no case in {help:?}");
        };
        let file = files.iter_mut().find(|(of, _)| of == path).unwrap();
        if !file.1.contains("\ntests:\n") {
            file.1.push_str("tests:\n");
        }
        writeln!(file.1, "  {case}").unwrap();
    }
    files
}

#[test]
fn a_rule_that_no_case_meets_is_told_with_the_case_that_is_missing() {
    insta::assert_snapshot!(report(&files(TOOL, POLICY)), @"
    17 made, 2 noticed, 4 equal
    tools.d/kubectl.yaml:17:9 warning[rule-not-tested] no case notices when `kubectl.args.deny[0]` lacks the alternative `tokens`: `kubectl get tokens` is let through then
      add this case under `tests:` of `tools.d/kubectl.yaml`: `- deny: get tokens`
    tools.d/kubectl.yaml:18:9 warning[rule-not-tested] no case notices when `kubectl.args.deny[1]` is gone: `kubectl get nodes` is let through then
      add this case under `tests:` of `tools.d/kubectl.yaml`: `- deny: get nodes`
    tools.d/kubectl.yaml:18:9 warning[rule-not-tested] no case notices when `kubectl.args.deny[1]` lacks the alternative `describe nodes|no`: `kubectl describe no` is let through then
      add this case under `tests:` of `tools.d/kubectl.yaml`: `- deny: describe no`
    tools.d/kubectl.yaml:18:9 warning[rule-not-tested] no case notices when `kubectl.args.deny[1]` lacks the alternative `nodes`: `kubectl describe nodes` is let through then
      add this case under `tests:` of `tools.d/kubectl.yaml`: `- deny: describe nodes`
    tools.d/kubectl.yaml:19:9 warning[rule-not-tested] no case notices when `kubectl.args.deny[2]` is gone: `kubectl get get --raw=a` is let through then
      add this case under `tests:` of `tools.d/kubectl.yaml`: `- deny: get get --raw=a`
    tools.d/kubectl.yaml:21:9 warning[rule-not-tested] no case notices when `max` of `file` is gone: `kubectl --log-file=aaaaaaaaaaa get get --token=x` is let through then
      add this case under `tests:` of `tools.d/kubectl.yaml`: `- deny: {args: [get, get, '--token=x'], file: aaaaaaaaaaa}`
    tools.d/kubectl.yaml:21:27 warning[rule-not-tested] no case notices when `within` of `file` is gone: `kubectl --log-file=/ get get --token=x` is let through then
      add this case under `tests:` of `tools.d/kubectl.yaml`: `- deny: {args: [get, get, '--token=x'], file: '/'}`
    policies/narrow.yaml:3:5 warning[rule-not-tested] no case notices when `narrow.no-leases` is gone: `kubectl get leases` is let through then
      add this case under `tests:` of `policies/narrow.yaml`: `- {tool: kubectl, deny: get leases}`
    policies/narrow.yaml:5:5 warning[rule-not-tested] no case notices when `narrow.top` is gone: `kubectl get top` is let through then
      add this case under `tests:` of `policies/narrow.yaml`: `- {tool: kubectl, ask: get top}`
    ");
}

#[test]
fn the_cases_that_are_told_are_all_that_is_missing() {
    insta::assert_snapshot!(report(&pasted(&files(TOOL, POLICY))), @"17 made, 13 noticed, 4 equal");
}

/// A tool with one rule, which a policy repeats.
const LOCKED: &str = r#"
description: Read-only queries.
effect: read
input:
  type: object
  required: [args]
  properties:
    args: {type: array, items: {type: string}, maxItems: 5}
run:
  command: [kubectl, "{{ args }}"]
arguments:
  args:
    allow: ['get|describe [a-z]+']
    deny: [get|describe leases]
tests:
  - allow: get pods
"#;

#[test]
fn a_second_lock_makes_the_first_superfluous_but_for_a_case_that_names_it() {
    let report = |cases: &str| {
        let policy = "deny:\n  - kubectl * leases\n";
        report(&files(&format!("{LOCKED}{cases}"), policy))
    };
    insta::assert_snapshot!(report("  - deny: get leases\n"), @"4 made, 0 noticed, 4 equal");
    insta::assert_snapshot!(report("  - {deny: get leases, rule: 'kubectl.args.deny[0]'}\n"), @"4 made, 2 noticed, 2 equal");
}

/// A tool whose rules stop texts that mean something in YAML.
const TEXTS: &str = r#"
description: Says something.
effect: read
input:
  type: object
  required: [text]
  properties:
    text: {type: string}
    to: {type: string}
run:
  command: [say, "to:{{ to }}", "text:{{ text }}"]
arguments:
  text:
    multiline: true
    deny: ["it's", 'true', 'a:\ b,\ c', 'one\ntwo', 'plain\ words']
tests:
  - allow: {text: something}
  - deny: {}
"#;

#[test]
fn a_case_to_paste_is_quoted_as_yaml_wants_it() {
    let files = files(TEXTS, "deny: [say to:nobody **]\n");
    insta::assert_snapshot!(report(&files), @r#"
    6 made, 0 noticed, 0 equal
    tools.d/kubectl.yaml:15:12 warning[rule-not-tested] no case notices when `kubectl.text.deny[0]` is gone: `say 'text:it'\''s'` is let through then
      add this case under `tests:` of `tools.d/kubectl.yaml`: `- deny: {text: "it's"}`
    tools.d/kubectl.yaml:15:20 warning[rule-not-tested] no case notices when `kubectl.text.deny[1]` is gone: `say text:true` is let through then
      add this case under `tests:` of `tools.d/kubectl.yaml`: `- deny: {text: 'true'}`
    tools.d/kubectl.yaml:15:28 warning[rule-not-tested] no case notices when `kubectl.text.deny[2]` is gone: `say 'text:a: b, c'` is let through then
      add this case under `tests:` of `tools.d/kubectl.yaml`: `- deny: {text: 'a: b, c'}`
    tools.d/kubectl.yaml:15:41 warning[rule-not-tested] no case notices when `kubectl.text.deny[3]` is gone: `say 'text:one; two'` is let through then
      add this case under `tests:` of `tools.d/kubectl.yaml`: `- deny: {text: "one\ntwo"}`
    tools.d/kubectl.yaml:15:53 warning[rule-not-tested] no case notices when `kubectl.text.deny[4]` is gone: `say 'text:plain words'` is let through then
      add this case under `tests:` of `tools.d/kubectl.yaml`: `- deny: {text: plain words}`
    policies/narrow.yaml:1:8 warning[rule-not-tested] no case notices when `narrow.deny[0]` is gone: `say to:nobody text:` is let through then
      add this case under `tests:` of `policies/narrow.yaml`: `- {tool: kubectl, deny: {to: nobody, text: ''}}`
    "#);
    insta::assert_snapshot!(report(&pasted(&files)), @"6 made, 6 noticed, 0 equal");
}

#[test]
fn a_length_above_the_default_is_no_rule_to_weaken() {
    let tool = TOOL.replace("max: 10", "max: 20000");
    let report = report(&files(&tool, POLICY));
    assert!(!report.contains("`max` of"), "{report}");
}

#[test]
fn a_long_call_is_shown_in_short_and_told_whole() {
    let tool = TOOL.replace("max: 10", "max: 300");
    let report = report(&files(&tool, POLICY));
    let found = report.lines().skip_while(|line| !line.contains("`max` of"));
    insta::assert_snapshot!(found.take(2).collect::<Vec<_>>().join("\n"), @"
    tools.d/kubectl.yaml:21:9 warning[rule-not-tested] no case notices when `max` of `file` is gone: `kubectl --log-file=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa…` is let through then
      add this case under `tests:` of `tools.d/kubectl.yaml`: `- deny: {args: [get, get, '--token=x'], file: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa}`
    ");
}
