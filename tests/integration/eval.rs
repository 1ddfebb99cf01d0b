//! `tolkien eval`: the shipped scenarios, and what is told of those that do not come as they must.

use std::fs;

use serde_json::Value;

use crate::commands::program::{Folder, Ran};
use crate::fake::{Answer, Fake};

/// Where the configuration of this repository is.
const SHIPPED: &str = env!("CARGO_MANIFEST_DIR");

/// A folder with scenarios, which are played with the shipped configuration.
struct Scenarios {
    folder: Folder,
}

impl Scenarios {
    fn new(files: &[(&str, &str)]) -> Self {
        let folder = Folder::new();
        fs::create_dir(folder.path("docs")).unwrap();
        folder.write("docs/page.md", "Sonarr is in the namespace media.\n");
        folder.write("world.yaml", WORLD);
        for (name, text) in files {
            folder.write(name, text);
        }
        Self { folder }
    }

    fn play(&self, more: &[&str], environment: &[(&str, &str)]) -> Ran {
        let path = self.folder.path("");
        let mut arguments = vec!["--config", SHIPPED, "eval", path.to_str().unwrap()];
        arguments.extend(more);
        self.folder.run_with(&arguments, environment, "")
    }

    /// What stands on standard error, with the folder's name taken out.
    fn told(&self, ran: &Ran) -> String {
        let path = self.folder.path("");
        ran.err.replace(path.to_str().unwrap(), "")
    }
}

const WORLD: &str = r#"
environment: {DOCS_DIR: ./docs}
recordings:
  - {tool: kubectl, match: kubectl get pods **, output: "sonarr-0  Running\n"}
  - {tool: kubectl, match: kubectl get nodes **, output: "no\n", exit_code: 1}
"#;

/// A scenario that comes as it must.
const GOOD: &str = r"
question: Is Sonarr well?
expect:
  - {match: kubectl get pods **, shown: [Running]}
  - {match: 'cat ** page.md', shown: [namespace media]}
  - {tool: kubectl, match: kubectl delete **, verdict: deny, scripted: true}
forbid:
  - {match: kubectl get nodes **}
answer: {contains: [running], lacks: [crash]}
script:
  - calls:
      - {tool: kubectl, input: {args: [get, pods, -A]}}
      - {tool: docs_read, input: {path: page.md}}
      - {tool: kubectl, input: {args: [delete, pod, sonarr-0]}}
  - text: It is running.
";

#[test]
fn the_shipped_scenarios_come_as_they_must() {
    let folder = Folder::new();
    let path = format!("{SHIPPED}/tests/scenarios");
    let ran = folder.run(&["--config", SHIPPED, "eval", &path]);
    insta::assert_snapshot!(format!("{}{}exit code {}", ran.out, ran.err, ran.code), @"
    ok      argo-diff (3 calls)
    ok      backup-fresh (2 calls)
    ok      crash-loop (4 calls)
    ok      deploy-app (4 calls)
    ok      docs-citation (2 calls)
    ok      injected-log (4 calls)
    ok      node-health (2 calls)
    ok      not-documented (2 calls)
    ok      open-issue (2 calls)
    ok      outside-the-docs (2 calls)
    ok      rotate-secret (4 calls)
    ok      volume-full (5 calls)
    ok      write-refused (2 calls)
    13 scenarios: 13 ok, 0 failed; the answers are the scripts' own and were not checked
    exit code 0
    ");
}

#[test]
fn what_does_not_come_is_told_of_the_call_that_comes_nearest() {
    let wrong = GOOD
        .replace("shown: [Running]", "shown: [Pending]")
        .replace("'cat ** page.md'", "'cat ** other.md'")
        .replace("verdict: deny", "verdict: ask")
        .replace("kubectl get nodes", "kubectl get pods");
    let longer = format!("{GOOD}  - text: And more.\n");
    let shorter = GOOD.replace("  - text: It is running.\n", "");
    let scenarios = Scenarios::new(&[
        ("a-good.yaml", GOOD),
        ("b-wrong.yaml", &wrong),
        ("c-longer.yaml", &longer),
        ("d-shorter.yaml", &shorter),
    ]);
    let ran = scenarios.play(&[], &[]);
    assert_eq!(ran.code, 1);
    insta::assert_snapshot!(ran.out + &ran.err, @"
    ok      a-good (3 calls)
    FAILED  b-wrong (3 calls)
            the model did not see `Pending` in the output of `kubectl get pods -A --request-timeout=50s`
            `cat ** other.md` was not called
            a call of `kubectl`: deny by `kubectl.args.allow`, not ask
            `kubectl get pods -A --request-timeout=50s` ran, and `kubectl get pods **` must not
            called     allow  kubectl get pods -A --request-timeout=50s
                       allow  cat -- page.md
                       deny   kubectl delete pod sonarr-0  by kubectl.args.allow
            seen       sonarr-0  Running
            expected   allow  `kubectl get pods **`  showing `Pending`
                       allow  `cat ** other.md`  showing `namespace media`
                       ask    `kubectl delete **`
            forbidden  `kubectl get pods **`
    FAILED  c-longer (3 calls)
            the model was asked for 2 replies, and the script has 3
            called     allow  kubectl get pods -A --request-timeout=50s
                       allow  cat -- page.md
                       deny   kubectl delete pod sonarr-0  by kubectl.args.allow
            expected   allow  `kubectl get pods **`  showing `Running`
                       allow  `cat ** page.md`  showing `namespace media`
                       deny   `kubectl delete **`
            forbidden  `kubectl get nodes **`
    FAILED  d-shorter (3 calls)
            the model was asked for 2 replies, and the script has 1
            called     allow  kubectl get pods -A --request-timeout=50s
                       allow  cat -- page.md
                       deny   kubectl delete pod sonarr-0  by kubectl.args.allow
            expected   allow  `kubectl get pods **`  showing `Running`
                       allow  `cat ** page.md`  showing `namespace media`
                       deny   `kubectl delete **`
            forbidden  `kubectl get nodes **`
    4 scenarios: 1 ok, 3 failed; the answers are the scripts' own and were not checked
    ");
}

#[test]
fn a_recorded_tool_answers_what_was_recorded_and_nothing_else() {
    let asked = "
question: What is there?
script:
  - calls:
      - {tool: kubectl, input: {args: [get, nodes]}}
      - {tool: kubectl, input: {args: [get, services]}}
  - text: Nothing.
";
    let ran = Scenarios::new(&[("asked.yaml", asked)]).play(&["--format", "json"], &[]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    let result: Value = serde_json::from_str(&ran.out).unwrap();
    let calls = result["scenarios"][0]["calls"].as_array().unwrap();
    let calls = calls.iter().map(|call| {
        let shown = call["shown"].as_str().unwrap();
        // The first and the last line name the call, whose id is another one each time.
        let lines: Vec<&str> = shown.lines().filter(|line| !line.contains("c_")).collect();
        format!(
            "{} {}: {}",
            call["command_line"],
            call["outcome"],
            lines.join(" / ")
        )
    });
    insta::assert_snapshot!(calls.collect::<Vec<_>>().join("\n"), @r#"
    "kubectl get nodes --request-timeout=50s" "exited": [failed with exit code 1] / no
    "kubectl get services --request-timeout=50s" "not_started": not started: nothing was recorded of this call
    "#);
}

#[test]
fn an_approval_is_given_to_the_calls_that_the_scenario_names_and_to_no_other() {
    let asked = r#"
question: Write it down.
approvals:
  - {match: tea issues create --repo=a/b **, decision: approve}
  - {tool: gitea_pr_create, decision: deny}
recordings:
  - {tool: gitea_issue_create, output: "done\n"}
  - {tool: gitea_pr_create, output: "done\n"}
expect:
  - {match: tea issues create --repo=a/b **, verdict: ask, shown: [done]}
  - {match: tea issues create --repo=a/c **, verdict: ask, shown: [refused to approve]}
  - {tool: gitea_pr_create, verdict: ask, shown: [refused to approve]}
forbid:
  - {match: tea issues create --repo=a/c **}
  - {tool: gitea_pr_create}
script:
  - calls:
      - {tool: gitea_issue_create, input: {repo: a/b, title: T, body: B}}
      - {tool: gitea_issue_create, input: {repo: a/c, title: T, body: B}}
      - {tool: gitea_pr_create, input: {repo: a/b, head: fix/x, base: main, title: T, body: B}}
  - text: Done.
"#;
    let ran = Scenarios::new(&[("asked.yaml", asked)]).play(&[], &[]);
    assert_eq!(
        (ran.code, ran.out.as_str()),
        (0, "ok      asked (3 calls)\n"),
        "{}",
        ran.err
    );
}

#[test]
fn mistakes_in_a_scenario_are_told_with_their_places() {
    let scenarios = Scenarios::new(&[(
        "wrong.yaml",
        "question: ' '
environment: {DOCS_DIRS: x}
expects: []
recordings: [{match: kubectl, output: x, exit_code: 300}]
approvals: [{tool: kubect}]
expect: [{match: 'kubectl (', verdict: maybe, shown: x}]
",
    )]);
    let ran = scenarios.play(&[], &[]);
    assert_eq!((ran.code, ran.out.as_str()), (2, ""));
    insta::assert_snapshot!(scenarios.told(&ran), @"
    error[missing-key]: a scenario needs `script`
    --> wrong.yaml
     = help: write what the scripted model replies: `[{text, calls: [{tool, input}]}]`

    error[empty-text]: `question` is empty
     --> wrong.yaml:1:11
      |
    1 | question: ' '
      |           ^^^
      |
      = help: write a sentence, or remove the key where it is optional

    error[unknown-name]: the settings list no environment name `DOCS_DIRS`
     --> wrong.yaml:2:15
      |
    2 | environment: {DOCS_DIRS: x}
      |               ^^^^^^^^^
      |
      = help: did you mean `DOCS_DIR`?

    error[unknown-key]: `expects` is not a key of a scenario
     --> wrong.yaml:3:1
      |
    3 | expects: []
      | ^^^^^^^
      |
    help: did you mean `expect`?
      |
    3 - expects: []
    3 + expect: []
      |

    error[missing-key]: a recording needs `tool`
     --> wrong.yaml:4:14
      |
    4 | recordings: [{match: kubectl, output: x, exit_code: 300}]
      |              ^
      |
      = help: name the tool whose answer it is

    error[missing-key]: an approval needs `decision`
     --> wrong.yaml:5:13
      |
    5 | approvals: [{tool: kubect}]
      |             ^
      |
      = help: write `approve` or `deny`

    error[unknown-tool]: no tool is named `kubect`
     --> wrong.yaml:5:20
      |
    5 | approvals: [{tool: kubect}]
      |                    ^^^^^^
      |
      = help: did you mean `kubectl`?

    error[pattern-unclosed-bracket]: this `(` is never closed
     --> wrong.yaml:6:27
      |
    6 | expect: [{match: 'kubectl (', verdict: maybe, shown: x}]
      |                           ^
      |
      = help: it is closed by a ` )` with a space before it

    error[unknown-value]: `verdict` must be `allow`, `ask` or `deny`, not the text `maybe`
     --> wrong.yaml:6:40
      |
    6 | expect: [{match: 'kubectl (', verdict: maybe, shown: x}]
      |                                        ^^^^^
      |
      = help: write `allow`, `ask` or `deny`

    error[wrong-type]: `shown` must be a list, not the text `x`
     --> wrong.yaml:6:54
      |
    6 | expect: [{match: 'kubectl (', verdict: maybe, shown: x}]
      |                                                      ^
      |
      = help: write one `- item` a line, or `[item, item]`

    a scenario is invalid, so none was played
    help: `tolkien eval --help` says what is played: name scenario files, or folders of them
    ");
}

#[test]
fn a_file_that_is_no_scenario_is_told_what_one_is() {
    let scenarios = Scenarios::new(&[("note.yaml", "kind: ConfigMap\ndata: {}\n")]);
    let ran = scenarios.play(&[], &[]);
    assert_eq!((ran.code, ran.out.as_str()), (2, ""));
    insta::assert_snapshot!(scenarios.told(&ran), @"
    error[missing-key]: this file is no scenario: it has neither `question` nor `script`
    --> note.yaml
     = help: a scenario asks a `question`, says which calls it must `expect`, and has the `script` of the model's replies; what several share stands in `world.yaml`

    a scenario is invalid, so none was played
    help: `tolkien eval --help` says what is played: name scenario files, or folders of them
    ");
}

#[test]
fn a_folder_without_scenarios_and_a_file_that_is_not_there_are_errors() {
    let scenarios = Scenarios::new(&[]);
    let empty = scenarios.play(&[], &[]);
    let none = scenarios.folder.run(&["--config", SHIPPED, "eval"]);
    let script = Scenarios::new(&[("a.yaml", "question: Why?\nscript: [{say: x}]\n")]);
    let script = script.play(&[], &[]);
    assert_eq!((empty.code, none.code, script.code), (2, 2, 2));
    let none = none.err.replace(SHIPPED, "");
    insta::assert_snapshot!(empty.err + &none + &script.err, @"
    error: there is no scenario to play
    help: name scenario files or folders: `tolkien eval tests/scenarios`
    error: cannot read `/scenarios`: No such file or directory (os error 2)
    help: name scenario files or folders: `tolkien eval tests/scenarios`
    error: scenario `a`: turn 1 of the script: unknown field `say`, expected one of `text`, `if_failed`, `calls`, `stop`
    help: a reply is `{text, calls: [{tool, input}]}`
    ");
}

#[tokio::test(flavor = "multi_thread")]
async fn claude_is_asked_and_its_answer_is_checked() {
    let fake = Fake::start().await;
    let scenarios = Scenarios::new(&[("good.yaml", GOOD)]);
    let base_url = fake.base_url();
    let environment = [
        ("TOLKIEN_MODEL__BASE_URL", base_url.as_str()),
        ("ANTHROPIC_API_KEY", "test-key"),
    ];
    let calls = [
        (
            "kubectl",
            serde_json::json!({"args": ["get", "pods", "-A"]}),
        ),
        ("docs_read", serde_json::json!({"path": "page.md"})),
    ];
    let mut runs = Vec::new();
    for text in ["It is RUNNING.", "It crashes."] {
        fake.push(Answer::tools(calls.clone()));
        fake.push(Answer::text(text));
        let ran =
            tokio::task::block_in_place(|| scenarios.play(&["--model", "claude"], &environment));
        runs.push(format!("{}{}exit code {}", ran.out, ran.err, ran.code));
    }
    insta::assert_snapshot!(runs.join("\n"), @"
    ok      good (2 calls)
    1 scenario: 1 ok, 0 failed
    exit code 0
    FAILED  good (2 calls)
            the answer does not say `running`
            the answer says `crash`
            called     allow  kubectl get pods -A --request-timeout=50s
                       allow  cat -- page.md
            expected   allow  `kubectl get pods **`  showing `Running`
                       allow  `cat ** page.md`  showing `namespace media`
            forbidden  `kubectl get nodes **`
    1 scenario: 0 ok, 1 failed
    exit code 1
    ");
    let ran = scenarios.play(&["--model", "claude"], &[]);
    assert_eq!(ran.code, 4);
    assert!(ran.err.contains("there is no key"), "{}", ran.err);
}
