//! `validate --mutants`: what it prints, and its exit codes.

use serde_json::Value;

use super::program::Folder;

/// A configuration with a rule of which one alternative is not tested.
fn folder(cases: &str) -> Folder {
    let folder = Folder::new();
    for name in ["tools.d", "prompts"] {
        std::fs::create_dir(folder.path(name)).unwrap();
    }
    folder.write("prompts/system.md", "You look after a cluster.\n");
    folder.write(
        "tools.d/kubectl.yaml",
        &format!(
            r#"description: Lists one type.
effect: read
input:
  type: object
  required: [args]
  properties:
    args: {{type: array, items: {{type: string}}, maxItems: 3}}
run:
  command: [kubectl, get, "{{{{ args }}}}"]
arguments:
  args:
    allow: ['[a-z]+']
    deny:
      - {{match: 'secrets|tokens', because: secret values must never reach the model}}
tests:
  - allow: pods
  - deny: secrets
{cases}"#
        ),
    );
    folder
}

#[test]
fn the_cases_that_init_writes_notice_every_weaker_rule() {
    let ran = Folder::with_configuration().run(&["validate", "--mutants"]);
    assert_eq!((ran.code, ran.out.as_str()), (0, ""), "{}", ran.err);
}

#[test]
fn a_rule_that_no_case_tests_is_a_warning_and_fails_where_warnings_do() {
    let folder = folder("");
    let unasked = folder.run(&["validate", "--fail-on", "info"]);
    assert_eq!((unasked.code, unasked.out.as_str()), (0, ""));
    let told = folder.run(&["validate", "--mutants"]);
    assert_eq!(told.code, 0);
    insta::assert_snapshot!(told.out, @"
    warning[rule-not-tested]: no case notices when `kubectl.args.deny[0]` lacks the alternative `tokens`: `kubectl get tokens` is let through then
      --> tools.d/kubectl.yaml:14:9
       |
    14 |       - {match: 'secrets|tokens', because: secret values must never reach the model}
       |         ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
       |
       = help: add this case under `tests:` of `tools.d/kubectl.yaml`: `- deny: tokens`
    ");
    insta::assert_snapshot!(told.err, @"
    3 mutants: 2 noticed by a case, 0 changed nothing, 1 by none
    1 warning; checked 1 tool, 0 policies, 1 prompt, 2 cases and 0 invariants
    ");
    let failed = folder.run(&["validate", "--mutants", "--fail-on", "warning"]);
    assert_eq!((failed.code, failed.out), (1, told.out));
}

#[test]
fn nothing_is_told_once_the_missing_case_is_pasted() {
    let ran = folder("  - deny: tokens\n").run(&["validate", "--mutants", "--fail-on", "info"]);
    assert_eq!((ran.code, ran.out.as_str()), (0, ""));
    insta::assert_snapshot!(ran.err, @"
    3 mutants: 3 noticed by a case, 0 changed nothing, 0 by none
    no findings; checked 1 tool, 0 policies, 1 prompt, 3 cases and 0 invariants
    ");
}

#[test]
fn a_finding_in_json_has_the_case_in_its_help() {
    let ran = folder("").run(&["validate", "--mutants", "--format", "json"]);
    assert_eq!(ran.code, 0);
    let json: Value = serde_json::from_str(&ran.out).unwrap();
    insta::assert_snapshot!(serde_json::to_string_pretty(&json).unwrap(), @r#"
    {
      "diagnostics": [
        {
          "code": "rule-not-tested",
          "severity": "warning",
          "message": "no case notices when `kubectl.args.deny[0]` lacks the alternative `tokens`: `kubectl get tokens` is let through then",
          "help": "add this case under `tests:` of `tools.d/kubectl.yaml`: `- deny: tokens`",
          "file": "tools.d/kubectl.yaml",
          "start": {
            "line": 14,
            "column": 9
          },
          "end": {
            "line": 14,
            "column": 85
          }
        }
      ],
      "checked": {
        "tools": 1,
        "policies": 0,
        "prompts": 1,
        "cases": 2,
        "invariants": 0
      },
      "ok": true
    }
    "#);
}

#[test]
fn an_invalid_configuration_has_no_mutants() {
    let folder = folder("  - deny: pods\n");
    let ran = folder.run(&["validate", "--mutants"]);
    assert_eq!(ran.code, 1);
    assert!(!ran.err.contains("mutant"), "{}", ran.err);
}
