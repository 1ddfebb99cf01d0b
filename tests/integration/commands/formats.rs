//! The formats of `validate`, and what it writes with `--fix`.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;

use serde_json::Value;

use super::program::Folder;

/// A repository whose configuration in `agent/` has an error, warnings, a label and fixes.
fn repository() -> Folder {
    let folder = Folder::new();
    assert_eq!(folder.run(&["init", "agent"]).code, 0);
    fs::create_dir(folder.path(".git")).unwrap();
    folder.write("agent/policies/second lock.yaml", "deny: [df]\n");
    folder.write(
        "agent/policies/lock.yaml",
        "descripton: 'Größe | @all'\nlet: {a|b: x, idle: y}\ndeny:\n  - match: 'df (a b)'\n    becuse: no\n\
         ask:\n  - {id: one, match: df /}\n  - {id: one, match: df /home}\n",
    );
    folder
}

fn published_schema() -> Value {
    let file = "tests/fixtures/sarif/sarif-schema-2.1.0.json";
    let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(file)).unwrap();
    serde_json::from_str(&text).unwrap()
}

#[test]
fn sarif_is_valid_for_the_published_schema() {
    let schema = jsonschema::validator_for(&published_schema()).unwrap();
    let clean = Folder::with_configuration();
    for (folder, root, code) in [(repository(), "agent", 1), (clean, ".", 0)] {
        let ran = folder.run(&["validate", root, "--format", "sarif"]);
        assert_eq!(ran.code, code, "{}", ran.err);
        let log: Value = serde_json::from_str(&ran.out).unwrap();
        let errors: Vec<String> = schema
            .iter_errors(&log)
            .map(|error| format!("{}: {error}", error.instance_path()))
            .collect();
        assert_eq!(errors, [""; 0]);
        assert!(log["runs"][0]["results"].is_array());
    }
    assert!(!schema.is_valid(&serde_json::json!({"version": "2.1.0", "runs": [{}]})));
}

#[test]
fn a_finding_in_sarif_has_its_rule_its_place_its_fix_and_a_fingerprint() {
    let folder = repository();
    let ran = folder.run(&["validate", "agent", "--format", "sarif"]);
    let log: Value = serde_json::from_str(&ran.out).unwrap();
    let run = &log["runs"][0];
    let results = run["results"].as_array().unwrap();
    for result in results {
        let rule = usize::try_from(result["ruleIndex"].as_u64().unwrap()).unwrap();
        let rule = &run["tool"]["driver"]["rules"][rule];
        assert_eq!(rule["id"], result["ruleId"]);
        let help = rule["help"]["markdown"].as_str().unwrap();
        assert!(help.starts_with(&format!("# {}", rule["id"].as_str().unwrap())));
        assert!(
            rule["shortDescription"]["text"]
                .as_str()
                .unwrap()
                .ends_with('.')
        );
    }
    let misspelt = results
        .iter()
        .find(|result| result["ruleId"] == "unknown-key")
        .unwrap();
    insta::assert_snapshot!(serde_json::to_string_pretty(misspelt).unwrap(), @r#"
    {
      "ruleId": "unknown-key",
      "ruleIndex": 4,
      "level": "error",
      "message": {
        "text": "`descripton` is not a key of a policy\n\nhelp: did you mean `description`?"
      },
      "locations": [
        {
          "physicalLocation": {
            "artifactLocation": {
              "uri": "agent/policies/lock.yaml",
              "uriBaseId": "%SRCROOT%"
            },
            "region": {
              "startLine": 1,
              "startColumn": 1,
              "endLine": 1,
              "endColumn": 11
            }
          }
        }
      ],
      "fixes": [
        {
          "description": {
            "text": "did you mean `description`?"
          },
          "artifactChanges": [
            {
              "artifactLocation": {
                "uri": "agent/policies/lock.yaml",
                "uriBaseId": "%SRCROOT%"
              },
              "replacements": [
                {
                  "deletedRegion": {
                    "startLine": 1,
                    "startColumn": 1,
                    "endLine": 1,
                    "endColumn": 11
                  },
                  "insertedContent": {
                    "text": "description"
                  }
                }
              ]
            }
          ]
        }
      ],
      "partialFingerprints": {
        "primaryLocationLineHash": "2e9258ee64687302:1"
      }
    }
    "#);
    let twice = results
        .iter()
        .find(|result| result["ruleId"] == "duplicate-rule")
        .unwrap();
    insta::assert_snapshot!(serde_json::to_string(&twice["relatedLocations"]).unwrap(), @r#"[{"id":0,"physicalLocation":{"artifactLocation":{"uri":"agent/policies/lock.yaml","uriBaseId":"%SRCROOT%"},"region":{"startLine":7,"startColumn":5,"endLine":7,"endColumn":27}},"message":{"text":"first here"}}]"#);
    let uris: Vec<&str> = results
        .iter()
        .map(|result| {
            let place = &result["locations"][0]["physicalLocation"]["artifactLocation"];
            place["uri"].as_str().unwrap()
        })
        .collect();
    assert!(
        uris.contains(&"agent/policies/second%20lock.yaml"),
        "{uris:?}"
    );
}

#[test]
fn a_fingerprint_stays_when_lines_move_and_differs_from_all_others() {
    let folder = repository();
    let fingerprints = || -> Vec<String> {
        let ran = folder.run(&["validate", "agent", "--format", "sarif"]);
        let log: Value = serde_json::from_str(&ran.out).unwrap();
        let results = log["runs"][0]["results"].as_array().unwrap();
        let mut all: Vec<String> = results
            .iter()
            .map(|result| result["partialFingerprints"]["primaryLocationLineHash"].to_string())
            .collect();
        all.sort();
        all
    };
    let before = fingerprints();
    let mut apart = before.clone();
    apart.dedup();
    assert_eq!(apart, before);
    let text = folder.read("agent/policies/lock.yaml");
    folder.write("agent/policies/lock.yaml", &format!("# moved\n\n{text}"));
    assert_eq!(fingerprints(), before);
}

#[test]
fn annotations_name_the_file_from_the_top_of_the_repository() {
    let folder = repository();
    let ran = folder.run(&["validate", "agent", "--format", "github"]);
    assert_eq!(ran.code, 1);
    insta::assert_snapshot!(ran.out, @r#"
    ::error file=agent/policies/lock.yaml,line=1,endLine=1,col=1,endColumn=11,title=unknown-key::`descripton` is not a key of a policy%0Ahelp: did you mean `description`?
    ::error file=agent/policies/lock.yaml,line=2,endLine=2,col=12,endColumn=12,title=pattern-bad-name::`a|b` cannot be a name%0Ahelp: a name is a letter, then letters, digits, `_` and `-`
    ::error file=agent/policies/lock.yaml,line=2,endLine=2,col=21,endColumn=22,title=unquoted-scalar::`y` without quotes is a boolean to many YAML readers, and a text is needed%0Ahelp: write "y"
    ::warning file=agent/policies/lock.yaml,line=4,endLine=4,col=18,endColumn=19,title=pattern-space-in-word::this space is a part of one single word%0Ahelp: write `\ ` if that is meant; brackets around several words need spaces inside: `( a b )`
    ::error file=agent/policies/lock.yaml,line=5,endLine=5,col=5,endColumn=11,title=unknown-key::`becuse` is not a key of a rule%0Ahelp: did you mean `because`?
    ::error file=agent/policies/lock.yaml,line=8,endLine=8,col=5,endColumn=31,title=duplicate-rule::there is a second rule `lock.one`%0Ahelp: give each rule of a policy an `id` of its own%0Aagent/policies/lock.yaml:7: first here
    ::error file=agent/policies/second lock.yaml,line=1,endLine=1,title=bad-name::`second lock` is no name for a policy%0Ahelp: start with a letter and use `a-z`, `0-9` and `-`, at most 64: `second-lock`
    "#);
}

#[test]
fn a_comment_has_a_line_that_says_how_it_stands_and_a_table_for_each_severity() {
    let folder = repository();
    let ran = folder.run(&[
        "validate",
        "agent",
        "--format",
        "markdown",
        "-o",
        "comment.md",
    ]);
    assert_eq!((ran.code, ran.out.as_str()), (1, ""));
    insta::assert_snapshot!(folder.read("comment.md"), @r#"
    ❌ **tolkien validate**: 6 errors, 1 warning; checked 1 tool, 3 policies, 1 prompt, 7 cases and 0 invariants

    ### Errors

    | Where | Finding | What to do |
    | --- | --- | --- |
    | `agent/policies/lock.yaml:1` | **unknown-key**: `descripton` is not a key of a policy | did you mean `description`? |
    | `agent/policies/lock.yaml:2` | **pattern-bad-name**: <code>a&#124;b</code> cannot be a name | a name is a letter, then letters, digits, `_` and `-` |
    | `agent/policies/lock.yaml:2` | **unquoted-scalar**: `y` without quotes is a boolean to many YAML readers, and a text is needed | write "y" |
    | `agent/policies/lock.yaml:5` | **unknown-key**: `becuse` is not a key of a rule | did you mean `because`? |
    | `agent/policies/lock.yaml:8` | **duplicate-rule**: there is a second rule `lock.one` | give each rule of a policy an `id` of its own |
    | `agent/policies/second lock.yaml` | **bad-name**: `second lock` is no name for a policy | start with a letter and use `a-z`, `0-9` and `-`, at most 64: `second-lock` |

    ### Warnings

    | Where | Finding | What to do |
    | --- | --- | --- |
    | `agent/policies/lock.yaml:4` | **pattern-space-in-word**: this space is a part of one single word | write <code>&#92; </code> if that is meant; brackets around several words need spaces inside: `( a b )` |

    `tolkien validate --fix` mends 4 findings.
    "#);
    let clean = Folder::with_configuration();
    let ran = clean.run(&["validate", "--format", "markdown"]);
    insta::assert_snapshot!(ran.out, @"✅ **tolkien validate**: no findings; checked 1 tool, 1 policy, 1 prompt, 7 cases and 0 invariants");
}

#[test]
fn a_comment_on_very_many_findings_is_short_enough_for_github() {
    let folder = Folder::with_configuration();
    let long = "é".repeat(20);
    let keys: Vec<String> = (0..2_000).map(|at| format!("k{at}: '{long}'\n")).collect();
    folder.write("policies/many.yaml", &keys.concat());
    let ran = folder.run(&["validate", "--format", "markdown"]);
    assert!(ran.out.chars().count() < 60_000);
    let shown = ran
        .out
        .lines()
        .filter(|line| line.starts_with("| `"))
        .count();
    let rest = ran.out.lines().last().unwrap();
    let left_out = 2_001 - shown;
    assert_eq!(
        rest,
        format!(
            "{left_out} further findings are left out here: `tolkien validate` tells them all."
        )
    );
}

#[test]
fn a_verdict_is_not_written_as_findings() {
    let folder = Folder::with_configuration();
    let ran = folder.run(&["check", "disk", "--format", "sarif", "/"]);
    assert_eq!((ran.code, ran.out.as_str()), (2, ""));
    insta::assert_snapshot!(ran.err, @"
    error: invalid value 'sarif' for '--format <FORMAT>'
      [possible values: human, json]

    For more information, try '--help'.
    ");
    let help = folder.run(&["check", "-h"]).out;
    assert!(help.contains("[possible values: human, json]"), "{help}");
    assert!(!help.contains("--cache"), "{help}");
    let ran = folder.run(&[
        "check",
        "disk",
        "--format",
        "json",
        "-o",
        "verdict.json",
        "/",
    ]);
    assert_eq!((ran.code, ran.out.as_str()), (0, ""));
    let verdict: Value = serde_json::from_str(&folder.read("verdict.json")).unwrap();
    assert_eq!(verdict["verdict"], "allow");
}

#[test]
fn a_call_that_is_let_through_names_the_rules_without_which_it_would_not_be() {
    let folder = Folder::with_configuration();
    folder.write(
        "policies/known.yaml",
        "description: Known calls.\napplies_to: {tools: [disk]}\nallow:\n  \
         - {id: other, match: 'df /other'}\n  - {id: root, match: 'df ** /'}\n  - {id: all, match: 'df **'}\n",
    );
    let ran = folder.run(&["check", "disk", "--", "-h", "/"]);
    insta::assert_snapshot!(ran.out, @"
    allow  df -h /
      rule     disk.effect
      because  `effect: read` runs without an approval
      at       tools.d/disk.yaml:8:9
      through  disk.args.allow[0] at tools.d/disk.yaml:30:9
      through  known.root at policies/known.yaml:5:5
    ");
    let ran = folder.run(&["check", "disk", "--format", "json", "/"]);
    let verdict: Value = serde_json::from_str(&ran.out).unwrap();
    insta::assert_snapshot!(verdict["allowed_by"], @r#"[{"rule":"disk.args.allow[0]","place":{"file":"tools.d/disk.yaml","line":30,"column":9}},{"rule":"known.root","place":{"file":"policies/known.yaml","line":5,"column":5}}]"#);
    let ran = folder.run(&["check", "disk", "--format", "json", "/proc"]);
    let verdict: Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!(verdict.get("allowed_by"), None);
}

#[test]
fn an_input_that_is_no_json_is_told_with_its_column() {
    let folder = Folder::with_configuration();
    let ran = folder.run(&["check", "disk", r#"{"args": ["/",]}"#]);
    assert_eq!(ran.code, 2);
    insta::assert_snapshot!(ran.err, @r#"
    error: the input is not JSON: at column 15 a comma stands before the end
    help: in a shell, put all of it in single quotes: '{"key": "value"}'
    "#);
}

#[test]
fn what_is_safe_is_fixed_and_the_rest_is_told() {
    let folder = repository();
    let before = folder.read("agent/policies/lock.yaml");
    let mode = fs::Permissions::from_mode(0o640);
    fs::set_permissions(folder.path("agent/policies/lock.yaml"), mode).unwrap();
    let ran = folder.run(&["validate", "agent", "--fix", "--format", "json"]);
    assert_eq!(ran.code, 1);
    assert_ne!(folder.read("agent/policies/lock.yaml"), before);
    insta::assert_snapshot!(folder.read("agent/policies/lock.yaml"), @r#"
    description: 'Größe | @all'
    let: {a|b: x, idle: "y"}
    deny:
      - match: 'df (a\ b)'
        because: "no"
    ask:
      - {id: one, match: df /}
      - {id: one, match: df /home}
    "#);
    let told = ran.err.lines().next().unwrap();
    assert_eq!(told, "fixed 5 findings in `policies/lock.yaml`");
    let left: Value = serde_json::from_str(&ran.out).unwrap();
    let left: Vec<&str> = left["diagnostics"]
        .as_array()
        .unwrap()
        .iter()
        .map(|found| found["code"].as_str().unwrap())
        .collect();
    assert_eq!(left, ["pattern-bad-name", "duplicate-rule", "bad-name"]);
    let metadata = fs::metadata(folder.path("agent/policies/lock.yaml")).unwrap();
    assert_eq!(metadata.permissions().mode() & 0o777, 0o640);
    let files = fs::read_dir(folder.path("agent/policies")).unwrap();
    assert_eq!(files.count(), 3, "nothing is left beside the files");
    let again = folder.run(&["validate", "agent", "--fix"]);
    assert!(again.err.starts_with("nothing to fix\n"), "{}", again.err);
}

#[test]
fn a_fix_that_could_permit_more_is_shown_and_not_applied() {
    let folder = Folder::with_configuration();
    let tool = folder
        .read("tools.d/disk.yaml")
        .replace(
            "'/|(/[A-Za-z0-9_-][A-Za-z0-9._-]*)+'",
            "/[A-Za-z0-9._/-]{0,60}",
        )
        .replace("-h /home/../proc", "-h relative");
    folder.write("tools.d/disk.yaml", &tool);
    let ran = folder.run(&["validate", "--fix"]);
    assert_eq!(ran.code, 1);
    assert!(ran.err.starts_with("nothing to fix\n"), "{}", ran.err);
    assert!(
        ran.out.contains("+   path: /[A-Za-z0-9._/-]*"),
        "{}",
        ran.out
    );
    assert_eq!(folder.read("tools.d/disk.yaml"), tool);
}

#[test]
fn a_link_inside_is_followed_and_one_that_leads_out_is_left_alone() {
    let folder = Folder::with_configuration();
    for (real, link) in [
        ("shared.yaml", "policies/inside.yaml"),
        ("../outside.yaml", "policies/outside.yaml"),
    ] {
        let real = folder.path(real);
        fs::write(&real, "deny: [{match: df, becuase: it is slow}]\n").unwrap();
        symlink(&real, folder.path(link)).unwrap();
    }
    let ran = folder.run(&["validate", "--fix"]);
    let outside = folder.path("../outside.yaml");
    let kept = fs::read_to_string(&outside).unwrap();
    fs::remove_file(&outside).unwrap();
    assert_eq!(kept, "deny: [{match: df, becuase: it is slow}]\n");
    assert_eq!(
        folder.read("shared.yaml"),
        "deny: [{match: df, because: it is slow}]\n"
    );
    assert!(folder.path("policies/inside.yaml").is_symlink());
    assert_eq!(ran.code, 1);
    let told: Vec<&str> = ran.err.lines().take(2).collect();
    assert_eq!(
        told,
        [
            "fixed 1 finding in `policies/inside.yaml`",
            "warning: `policies/outside.yaml` is a link that leads out of the folder, so it was left alone",
        ]
    );
}

#[test]
fn only_a_plain_folder_is_fixed() {
    let folder = Folder::with_configuration();
    fs::create_dir(folder.path("..data")).unwrap();
    let ran = folder.run(&["validate", "--fix"]);
    assert_eq!(ran.code, 2);
    insta::assert_snapshot!(ran.err, @r"
    error: `.` is a mounted ConfigMap, which nobody can write to
    help: mend the folder that it is made from
    ");
    let ran = folder.run(&["validate", "tolkien.yaml", "--fix"]);
    assert_eq!(ran.code, 2);
    insta::assert_snapshot!(ran.err, @r"
    error: `tolkien.yaml` is a file, and `--fix` mends folders
    help: mend the folder that it is made from
    ");
}

#[test]
fn a_line_end_of_another_system_and_a_mark_of_order_survive_a_fix() {
    let folder = Folder::with_configuration();
    folder.write(
        "policies/lock.yaml",
        "\u{feff}descripton: a\r\ndeny: [\"df 'x y' (a b)\"]\r\n",
    );
    folder.run(&["validate", "--fix"]);
    assert_eq!(
        folder.read("policies/lock.yaml"),
        "\u{feff}description: a\r\ndeny: [\"df 'x y' (a\\\\ b)\"]\r\n"
    );
}

#[test]
fn what_this_machine_lacks_is_told_only_where_it_is_asked_for_and_behind_the_rest() {
    let folder = Folder::with_configuration();
    let tool = folder.read("tools.d/disk.yaml").replace(
        "command: [df,",
        "env: {A: \"{{ env.NOT_HERE }}\"}\n  command: [no-such-df,",
    );
    folder.write("tools.d/disk.yaml", &tool);
    let settings = folder.read("tolkien.yaml") + "\nenvironment: {NOT_HERE: null}\n";
    folder.write("tolkien.yaml", &settings);
    folder.write(
        "policies/read-only.yaml",
        "let: {idle: x}\ndeny: ['rm **']\n",
    );
    let without = folder.run(&["validate", "--fail-on", "warning", "--format", "github"]);
    assert_eq!(without.code, 1);
    let with = folder.run(&["validate", "--host", "--format", "github"]);
    assert_eq!(with.code, 0, "{}", with.out);
    let own = with.out.strip_prefix(&without.out).unwrap();
    insta::assert_snapshot!(own, @"
    ::warning file=tools.d/disk.yaml,line=21,endLine=21,col=12,endColumn=32,title=host-environment::environment name `NOT_HERE` is not set and has no default, so `disk` is disabled here%0Ahelp: set it where the engine runs, or give it a default in `tolkien.yaml`
    ::warning file=tools.d/disk.yaml,line=22,endLine=22,col=12,endColumn=12,title=host-program::`no-such-df` is not on the engine's PATH, so `disk` is disabled here%0Ahelp: install it in one of `/usr/local/sbin`, `/usr/local/bin`, `/usr/sbin`, `/usr/bin`, `/sbin` and `/bin`, which are the engine's own PATH
    ");
    let here = folder.run_with(
        &["validate", "--host", "--format", "github"],
        &[("NOT_HERE", "x")],
        "",
    );
    assert!(!here.out.contains("host-environment"), "{}", here.out);
}

#[test]
fn what_is_kept_in_a_folder_is_known_to_the_next_run() {
    let folder = Folder::with_configuration();
    let run = |args: &[&str]| {
        let ran = folder.run(args);
        assert_eq!(ran.code, 0, "{}", ran.err);
        ran.err
    };
    let first = run(&["validate", "--cache", "kept"]);
    assert!(!first.contains("known"), "{first}");
    let next = run(&["validate", "--cache", "kept"]);
    assert!(next.contains("2 of 2 answers were known"), "{next}");
    let compared = run(&["diff", ".", "--cache", "kept"]);
    assert!(compared.contains("2 of 2 answers were known"), "{compared}");
    folder.write("file", "");
    let refused = run(&["validate", "--cache", "file"]);
    assert!(
        refused.contains("cannot write to `file`: ")
            && refused.contains("nothing is kept for the next run"),
        "{refused}"
    );
}
