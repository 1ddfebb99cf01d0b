//! Findings as people and programs see them.

use super::*;
use crate::diagnostic::Source;

fn loaded() -> Loaded {
    let tool = Source::new(
        "tools.d/kubectl.yaml",
        "description: Queries\nefect: read\nrun:\n  command: [kubectl, \"{{ arg }}\"]\n",
    );
    let policy = Source::new("policies/p.yaml", "deny:\n  - match: 'a ['\n");
    Loaded {
        config: None,
        empty: false,
        diagnostics: vec![
            Diagnostic::error("bad-pattern", policy.place(18..21), "`a [` is never closed")
                .label(tool.place(0..11), "selected here")
                .help("close it with `]`"),
            Diagnostic::warning("unknown-key", tool.place(21..26), "there is no key `efect`")
                .help("did you mean `effect`?")
                .fix(tool.place(21..26), "effect"),
            Diagnostic::error(
                "no-prompt",
                Place::file("prompts/system.md"),
                "`system.md` is missing",
            ),
        ],
        sources: vec![tool, policy],
        checked: Checked {
            tools: 1,
            policies: 2,
            ..Checked::default()
        },
    }
}

#[test]
fn findings_show_their_lines_their_labels_and_the_way_out() {
    insta::assert_snapshot!(human(&loaded(), Paint::plain()), @r"
    error[bad-pattern]: `a [` is never closed
     --> policies/p.yaml:2:13
      |
    2 |   - match: 'a ['
      |             ^^^
      |
     ::: tools.d/kubectl.yaml:1:1
      |
    1 | description: Queries
      | ----------- selected here
      |
      = help: close it with `]`

    warning[unknown-key]: there is no key `efect`
     --> tools.d/kubectl.yaml:2:1
      |
    2 | efect: read
      | ^^^^^
      |
    help: did you mean `effect`?
      |
    2 | effect: read
      |   +

    error[no-prompt]: `system.md` is missing
    --> prompts/system.md
    ");
}

#[test]
fn of_a_line_that_nobody_reads_only_the_place_is_shown() {
    let text = format!("a: {}\nb: 1\n", "é".repeat(LONGEST_LINE));
    let source = Source::new("tools.d/a.yaml", text.as_str());
    let second = text.find("b: 1").unwrap();
    let loaded = Loaded {
        diagnostics: vec![
            Diagnostic::error("long", source.place(5..7), "in a long line"),
            Diagnostic::error("after", source.place(second..second + 1), "after it"),
        ],
        sources: vec![source],
        ..loaded()
    };
    insta::assert_snapshot!(human(&loaded, Paint::plain()), @r"
    error[long]: in a long line
    --> tools.d/a.yaml:1:5

    error[after]: after it
     --> tools.d/a.yaml:2:1
      |
    2 | b: 1
      | ^
    ");
}

#[test]
fn the_summary_counts_the_findings_and_what_was_checked() {
    assert_eq!(
        summary(&loaded()),
        "2 errors, 1 warning; checked 1 tool, 2 policies, 0 prompts, 0 cases and 0 invariants"
    );
}

#[test]
fn findings_in_json_have_the_fields_of_the_contract() {
    let mut loaded = loaded();
    loaded.diagnostics.remove(0);
    insta::assert_snapshot!(json(&loaded, false).unwrap(), @r#"
    {
      "diagnostics": [
        {
          "code": "unknown-key",
          "severity": "warning",
          "message": "there is no key `efect`",
          "help": "did you mean `effect`?",
          "file": "tools.d/kubectl.yaml",
          "start": {
            "line": 2,
            "column": 1
          },
          "end": {
            "line": 2,
            "column": 6
          },
          "fix": {
            "file": "tools.d/kubectl.yaml",
            "start": {
              "line": 2,
              "column": 1
            },
            "end": {
              "line": 2,
              "column": 6
            },
            "replacement": "effect"
          }
        },
        {
          "code": "no-prompt",
          "severity": "error",
          "message": "`system.md` is missing",
          "help": null,
          "file": "prompts/system.md",
          "start": {
            "line": 1,
            "column": 1
          },
          "end": {
            "line": 1,
            "column": 1
          }
        }
      ],
      "checked": {
        "tools": 1,
        "policies": 2,
        "prompts": 0,
        "cases": 0,
        "invariants": 0
      },
      "ok": false
    }
    "#);
}

#[test]
fn colour_is_only_painted_where_it_is_asked_for() {
    assert!(!human(&loaded(), Paint::plain()).contains('\u{1b}'));
    assert!(human(&loaded(), Paint::coloured()).contains('\u{1b}'));
}
