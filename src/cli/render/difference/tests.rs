//! Every form of one difference, and of those that try to break out of it.

use serde_json::json;

use super::{human, json, markdown, summary, verdict};
use crate::analysis::diff::{Change, Difference, Other, ToolDifference, Witness};
use crate::cli::render::paint::Paint;
use crate::config::acknowledgement::Acknowledgement;
use crate::config::name::Fingerprint;
use crate::diagnostic::Place;
use crate::policy::Decision;

fn witness(line: &str, before: Decision, after: Decision, why: &str) -> Witness {
    Witness {
        command_line: line.to_owned(),
        input: Some(json!({"args": line.split(' ').skip(1).collect::<Vec<_>>()})),
        before,
        after,
        why: why.to_owned(),
    }
}

fn other(what: &str, before: Option<&str>, after: Option<&str>, widens: bool) -> Other {
    Other {
        what: what.to_owned(),
        before: before.map(str::to_owned),
        after: after.map(str::to_owned),
        widens,
        fingerprint: None,
        acknowledgement: None,
        place: None,
    }
}

fn tool(name: &str, change: Change) -> ToolDifference {
    let widens = matches!(change, Change::Widened | Change::Added);
    ToolDifference {
        tool: name.to_owned(),
        change,
        widens,
        newly_permitted: Vec::new(),
        newly_denied: Vec::new(),
        other: Vec::new(),
        undecided: None,
        fingerprint: widens.then(|| "f1".repeat(4)),
        acknowledgement: None,
        place: Place::file(format!("tools.d/{name}.yaml")),
    }
}

fn empty() -> Difference {
    Difference {
        tools: Vec::new(),
        other: Vec::new(),
        widened: false,
        acknowledged: false,
        unused: Vec::new(),
    }
}

/// A pull request as there are many.
fn sample() -> Difference {
    let kubectl = ToolDifference {
        newly_permitted: vec![
            witness(
                "kubectl get secrets -A",
                Decision::Deny,
                Decision::Allow,
                "by allow[2]; was stopped by deny no-secrets, removed here",
            ),
            witness(
                "kubectl delete pod a",
                Decision::Ask,
                Decision::Allow,
                "by kubectl.effect",
            ),
        ],
        newly_denied: vec![witness(
            "kubectl top nodes",
            Decision::Allow,
            Decision::Deny,
            "by kubectl.args.allow",
        )],
        other: vec![
            other("program", Some("kubectl"), Some("/opt/kubectl"), true),
            other("timeout", Some("30s"), Some("1m"), false),
        ],
        ..tool("kubectl", Change::Changed)
    };
    let kubectl = ToolDifference {
        widens: true,
        fingerprint: Some("ab".repeat(8)),
        ..kubectl
    };
    let accepted = ToolDifference {
        other: vec![other("effect", None, Some("read"), true)],
        acknowledgement: Some("we want lists".to_owned()),
        ..tool("list", Change::Added)
    };
    let undecided = ToolDifference {
        undecided: Some("the budget of 10 states ran out".to_owned()),
        ..tool("vault", Change::Undecided)
    };
    let setting = Other {
        fingerprint: Some("cd".repeat(8)),
        place: Some(Place::file("tolkien.yaml")),
        ..other(
            "roles.viewer.tools",
            Some("docs_*"),
            Some("docs_*, kubectl"),
            true,
        )
    };
    Difference {
        tools: vec![kubectl, accepted, tool("rg", Change::Same), undecided],
        other: vec![setting],
        widened: true,
        acknowledged: false,
        unused: vec![Acknowledgement {
            fingerprint: Fingerprint::new("00"),
            reason: "old".to_owned(),
            place: Place::file("permissions.ack.yaml"),
        }],
    }
}

#[test]
fn a_terminal_shows_what_is_new_and_how_to_accept_it() {
    insta::assert_snapshot!(human(&sample(), Paint::plain()), @r#"
    This change adds 1 tool, newly permits command lines (2 examples), widens 1 tool beside the command lines and widens 1 setting; 1 tool could not be compared

    kubectl  changed
      newly permitted
        kubectl get secrets -A
          deny → allow: by allow[2]; was stopped by deny no-secrets, removed here
        kubectl delete pod a
          ask → allow: by kubectl.effect
      newly denied
        kubectl top nodes
          allow → deny: by kubectl.args.allow
      ! program  kubectl → /opt/kubectl
        timeout  30s → 1m

    list  added
      acknowledged: we want lists
      ! effect  + read

    vault  undecided
      not compared: the budget of 10 states ran out

    settings and prompts
      ! roles.viewer.tools  docs_* → docs_*, kubectl

    narrow it, or accept it in permissions.ack.yaml:
      # kubectl
      - fingerprint: "abababababababab"
        reason: …
      # roles.viewer.tools
      - fingerprint: "cdcdcdcdcdcdcdcd"
        reason: …
    "#);
    assert!(human(&sample(), Paint::coloured()).contains("\u{1b}["));
}

#[test]
fn a_comment_has_a_table_and_witnesses_in_fences() {
    insta::assert_snapshot!(markdown(&sample()), @r#"
    **This change adds 1 tool, newly permits command lines (2 examples), widens 1 tool beside the command lines and widens 1 setting; 1 tool could not be compared**

    | tool | change | newly permitted | newly denied | beside |
    | --- | --- | --- | --- | --- |
    | `kubectl` | **changed** | 2 examples | 1 example | 2, 1 widening |
    | `list` | **added**, acknowledged |  |  | 1, 1 widening |
    | `vault` | **undecided** |  |  |  |

    1 tool is the same.

    #### `kubectl`

    Newly permitted:

    ```sh
    kubectl get secrets -A
    ```
    deny → allow: by allow\[2\]; was stopped by deny no-secrets, removed here

    ```sh
    kubectl delete pod a
    ```
    ask → allow: by kubectl.effect

    Newly denied:

    ```sh
    kubectl top nodes
    ```
    allow → deny: by kubectl.args.allow

    - **widens** `program`: `kubectl` → `/opt/kubectl`
    - `timeout`: `30s` → `1m`

    #### `list`

    Acknowledged: `we want lists`

    - **widens** `effect`: _none_ → `read`

    #### `vault`

    Not compared: the budget of 10 states ran out


    #### Settings and prompts

    - **widens** `roles.viewer.tools`: `docs_*` → `docs_*, kubectl`

    <details><summary>Accept it in <code>permissions.ack.yaml</code></summary>

    ```yaml
    # kubectl
    - fingerprint: "abababababababab"
      reason: …
    # roles.viewer.tools
    - fingerprint: "cdcdcdcdcdcdcdcd"
      reason: …
    ```

    </details>
    "#);
}

#[test]
fn json_has_the_fields_of_the_contract() {
    let mut sample = sample();
    sample.tools.truncate(1);
    sample.tools[0].newly_permitted.truncate(1);
    insta::assert_snapshot!(json(&sample).unwrap(), @r#"
    {
      "tools": [
        {
          "tool": "kubectl",
          "change": "changed",
          "widens": true,
          "newly_permitted": [
            {
              "command_line": "kubectl get secrets -A",
              "input": {
                "args": [
                  "get",
                  "secrets",
                  "-A"
                ]
              },
              "before": "deny",
              "after": "allow",
              "why": "by allow[2]; was stopped by deny no-secrets, removed here"
            }
          ],
          "newly_denied": [
            {
              "command_line": "kubectl top nodes",
              "input": {
                "args": [
                  "top",
                  "nodes"
                ]
              },
              "before": "allow",
              "after": "deny",
              "why": "by kubectl.args.allow"
            }
          ],
          "other": [
            {
              "what": "program",
              "before": "kubectl",
              "after": "/opt/kubectl",
              "widens": true
            },
            {
              "what": "timeout",
              "before": "30s",
              "after": "1m",
              "widens": false
            }
          ],
          "fingerprint": "abababababababab"
        }
      ],
      "other": [
        {
          "what": "roles.viewer.tools",
          "before": "docs_*",
          "after": "docs_*, kubectl",
          "widens": true,
          "fingerprint": "cdcdcdcdcdcdcdcd"
        }
      ],
      "widened": true,
      "acknowledged": false
    }
    "#);
}

#[test]
fn the_verdict_is_one_sentence_and_proved_only_where_it_is() {
    let with = |tools: Vec<ToolDifference>| Difference { tools, ..empty() };
    let denied = ToolDifference {
        newly_denied: vec![witness("a", Decision::Allow, Decision::Deny, "b")],
        ..tool("a", Change::Narrowed)
    };
    let accepted = Difference {
        acknowledged: true,
        ..with(vec![tool("a", Change::Added)])
    };
    for (difference, expected) in [
        (
            sample(),
            "This change adds 1 tool, newly permits command lines (2 examples), widens 1 tool beside the command lines and widens 1 setting; 1 tool could not be compared",
        ),
        (empty(), "No change in what is permitted (proved)"),
        (
            with(vec![tool("a", Change::Same)]),
            "No change in what is permitted (proved)",
        ),
        (
            with(vec![denied]),
            "This change permits nothing new (proved), and newly denies command lines (1 example)",
        ),
        (
            with(vec![tool("a", Change::Removed)]),
            "This change permits nothing new (proved), and removes 1 tool",
        ),
        (
            with(vec![tool("a", Change::Undecided)]),
            "Nothing new was found; 1 tool could not be compared",
        ),
        (accepted, "This change adds 1 tool, acknowledged"),
    ] {
        assert_eq!(verdict(&difference), expected);
    }
}

#[test]
fn the_summary_counts_the_tools_of_each_kind() {
    assert_eq!(
        summary(&sample()),
        "tools: 1 added, 1 changed, 1 undecided, 1 same; 1 setting or prompt differs; 2 widenings not acknowledged"
    );
}

/// Everything that an author of a change might write to speak to its reader.
fn hostile() -> Difference {
    let line = "kubectl get '```\n\n# Approved\n<b>@team</b>\u{202e}\u{1b}[2J'";
    let kubectl = ToolDifference {
        newly_permitted: vec![witness(
            line,
            Decision::Deny,
            Decision::Allow,
            "by `` ` @team",
        )],
        other: vec![other(
            "header `x`",
            Some("| a\n::error::b"),
            Some("</details>"),
            true,
        )],
        acknowledgement: Some("ok\n::error::x".to_owned()),
        ..tool("kubectl", Change::Widened)
    };
    Difference {
        tools: vec![kubectl],
        widened: true,
        ..empty()
    }
}

#[test]
fn nothing_in_a_change_breaks_out_of_its_place() {
    let text = markdown(&hostile()).replace('\u{200b}', "<nothing>");
    insta::assert_snapshot!(text, @r"
    **This change newly permits command lines (1 example) and widens 1 tool beside the command lines**

    | tool | change | newly permitted | newly denied | beside |
    | --- | --- | --- | --- | --- |
    | `kubectl` | **widened**, acknowledged | 1 example |  | 1, 1 widening |

    #### `kubectl`

    Acknowledged: `ok ::error::x`

    Newly permitted:

    ````sh
    kubectl get '```

    # Approved
    <b>@team</b>[2J'
    ````
    deny → allow: by \`\` \` @<nothing>team

    - **widens** <code>header &#96;x&#96;</code>: <code>&#124; a &#58;&#58;error&#58;&#58;b</code> → `</details>`
    ");
    let terminal = human(&hostile(), Paint::plain());
    assert!(!terminal.contains(['\u{1b}', '\u{202e}']));
}

#[test]
fn a_comment_is_never_longer_than_a_comment_may_be() {
    let long = "x".repeat(1_900);
    let tools = (0..200).map(|at| ToolDifference {
        newly_permitted: vec![witness(&long, Decision::Deny, Decision::Allow, "by"); 5],
        other: vec![other("host", None, Some(&long), true); 20],
        ..tool(&format!("t{at}"), Change::Widened)
    });
    let difference = Difference {
        tools: tools.collect(),
        widened: true,
        ..empty()
    };
    let text = markdown(&difference);
    let length = text.chars().count();
    assert!((56_000..=60_000).contains(&length), "{length}");
    assert!(text.contains("parts left out for length"));
    assert_eq!(
        text.matches("<details>").count(),
        text.matches("</details>").count()
    );
    assert_eq!(text.matches("```").count() % 2, 0);
    assert!(text.trim_end().ends_with("</details>"));
}
