//! What the lints say of several tools and lines at once, and what they must not say.

use std::fmt::Write as _;

use tolkien::config::{File, Origin};

use super::{findings, of};

/// The messages of all findings on some files, each behind its code.
fn told(files: &[(&str, String)]) -> String {
    let prompt = ("prompts/system.md", "You look after things.\n".to_owned());
    let files = files.iter().chain([&prompt]);
    let files = files.map(|(path, text)| File::new(*path, text.clone().into_bytes()));
    let findings = findings(Origin::Files(files.collect()));
    let mut text = String::new();
    for line in findings.lines().filter(|line| !line.starts_with("  ")) {
        let (_, message) = line.split_once('[').unwrap_or(("", line));
        writeln!(text, "[{message}").unwrap();
    }
    text
}

/// A tool that hands its words to a command, with these rules on them and these two cases.
fn tool(command: &str, rules: &str, [allow, deny]: [&str; 2]) -> String {
    format!(
        "description: Does something.
effect: read
input:
  type: object
  required: [args]
  properties:
    args: {{type: array, items: {{type: string}}, maxItems: 6}}
run: {{command: [{command}, \"{{{{ args }}}}\"]}}
arguments:
  args:
{rules}tests:
  - allow: {allow}
  - deny: {deny}
"
    )
}

/// The rules of a tool that takes any words but `never`.
const ALMOST_ANYTHING: &str = "    allow: ['<word> **']\n    deny: [never]\n";

/// Two tools that take almost anything.
fn git_and_hg() -> [(&'static str, String); 2] {
    ["git", "hg"].map(|name| {
        let text = tool(name, ALMOST_ANYTHING, ["log", "never"]);
        let path = match name {
            "git" => "tools.d/git.yaml",
            _ => "tools.d/hg.yaml",
        };
        (path, text)
    })
}

fn with(tools: impl IntoIterator<Item = (&'static str, String)>, policy: &str) -> String {
    let policy = format!("applies_to: {{effects: [read]}}\n{policy}");
    let mut files: Vec<_> = tools.into_iter().collect();
    files.push(("policies/both.yaml", policy));
    told(&files)
}

fn one(name: &str, rules: &str, cases: [&str; 2]) -> String {
    let text = tool(name, rules, cases);
    told(&[("tools.d/any.yaml", text)])
}

#[test]
fn what_a_call_says_is_no_part_of_a_script() {
    insta::assert_snapshot!(of("input-in-script"), @r#"
    tools.d/input.yaml:4:36-4:38 warning[flag-before-dropped] the flag `-s` stands directly before the words of `words`, of which there may be none
      help: write flag and value as one element (`--flag={{ value }}`), as a nested list that is dropped as one, or move the flag
    tools.d/input.yaml:4:63-4:88 warning[input-in-script] `text` becomes a part of the script that `dash` runs
      help: write the script without it, and give it as a word of its own behind the script, which reads it as "$1", behind a word for `$0`
    tools.d/joined.yaml:4:43-4:64 warning[input-in-script] `text` becomes a part of the script that `python3.11` runs
      help: write the script without it, and give it as a word of its own behind the script, which reads it as sys.argv[1]
    tools.d/list.yaml:4:21-4:23 warning[flag-before-dropped] the flag `-c` stands directly before the words of `words`, of which there may be none
      help: write flag and value as one element (`--flag={{ value }}`), as a nested list that is dropped as one, or move the flag
    tools.d/list.yaml:4:25-4:38 warning[input-in-script] `words` becomes a part of the script that `sh` runs
      help: write the script without it, and give it as a word of its own behind the script, which reads it as "$1", behind a word for `$0`
    tools.d/shell.yaml:4:48-4:65 warning[input-in-script] `text` becomes a part of the script that `bash` runs
      help: write the script without it, and give it as a word of its own behind the script, which reads it as "$1", behind a word for `$0`
    tools.d/steps.yaml:8:32-8:56 warning[input-in-script] `steps.ask` becomes a part of the script that `ruby` runs
      help: write the script without it, and give it as a word of its own behind the script, which reads it as ARGV[0]
    tools.d/steps.yaml:9:29-9:52 warning[input-in-script] `text` becomes a part of the script that `perl` runs
      help: write the script without it, and give it as a word of its own behind the script, which reads it as $ARGV[0]
    "#);
}

#[test]
fn a_rule_for_one_tool_of_several_is_judged_by_that_tool() {
    let policy = "deny:
  - {id: clone, match: 'git clone **'}
  - {id: push, match: 'git push **'}
  - {id: push-again, match: 'git (push) **'}
  - {id: force, match: 'git push --force **'}
";
    insta::assert_snapshot!(with(git_and_hg(), policy), @"
    [identical-rules] `both.push-again` says the same as `both.push`
    [covered-deny] everything that `both.force` denies is denied by `both.push` too
    [flag-forms] `both.force` denies `--force` and not `--force=…`: `git git --force=a` is let through
    ");
}

#[test]
fn a_deny_that_another_rule_covers_for_each_tool_is_covered_by_them_together() {
    let policy = "deny:
  - {id: git, match: 'git push **'}
  - {id: hg, match: 'hg push **'}
  - {id: force, match: '* push --force **'}
  - {id: twice, match: '* push --force --force **'}
";
    insta::assert_snapshot!(with(git_and_hg(), policy), @"
    [covered-deny] everything that `both.force` denies is denied by the other rules of its list together too
    [flag-forms] `both.force` denies `--force` and not `--force=…`: `git git --force=a` is let through
    [flag-forms] `both.force` denies `--force` and not `--force=…`: `hg git --force=a` is let through
    [covered-deny] everything that `both.twice` denies is denied by `both.force` too
    [flag-forms] `both.twice` denies `--force` and not `--force=…`: `git git --force=a` is let through
    [flag-forms] `both.twice` denies `--force` and not `--force=…`: `hg git --force=a` is let through
    ");
}

#[test]
fn an_allow_of_all_lines_of_one_tool_swallows_nothing_of_the_other() {
    let policy = "allow:
  - {id: git, match: 'git **'}
  - {id: hg, match: 'hg log **'}
";
    assert_eq!(with(git_and_hg(), policy), "");
    let policy = "allow: [{id: all, match: 'git|hg **'}]\n";
    assert_eq!(with(git_and_hg(), policy), "");
}

#[test]
fn nothing_is_told_of_a_policy_where_one_of_its_tools_is_too_large() {
    let [git, _] = git_and_hg();
    let rules = "    allow: ['get [ab]*a[ab]{8}[ab]{8}']\n";
    let large = tool("large", rules, ["get aaaaaaaaaaaaaaaaa", "put"]);
    let policy = "deny: [{id: misspelt, match: 'gti push **'}]\n";
    insta::assert_snapshot!(with([git, ("tools.d/large.yaml", large)], policy), @"[lint-undone] the rules that `large` meets were not searched for those that say nothing: `large.args.allow[0]`, at tools.d/large.yaml:11:13 needs more states than are looked at");
}

#[test]
fn a_deny_is_covered_only_where_nothing_is_left_of_it() {
    let policy = "deny:
  - {id: secrets, match: 'git get secrets **'}
  - {id: all, match: 'git get [ secrets|-A ]...'}
";
    assert_eq!(with(git_and_hg(), policy), "");
}

#[test]
fn a_case_that_only_the_schema_can_deny_tests_what_there_is() {
    let bare = "description: Says when.
effect: read
input: {type: object, properties: {}}
run: {command: [date]}
tests:
  - allow: {}
  - deny: {more: 1}
";
    let date = ("tools.d/date.yaml", bare.to_owned());
    assert_eq!(told(std::slice::from_ref(&date)), "");
    let policy = "allow: [{id: date, match: '* **'}]\n";
    insta::assert_snapshot!(with([date], policy), @"[case-without-rule] this case tests no rule, since its input is not valid: the input does not fit the schema: Additional properties are not allowed ('more' was unexpected)");
    let writing = bare
        .replace("effect: read", "effect: write")
        .replace("allow: {}", "ask: {}");
    let policy = "applies_to: {tools: [date]}\ndeny: [{id: other, match: 'dat. -s'}]\n";
    insta::assert_snapshot!(told(&[("tools.d/date.yaml", writing), ("policies/both.yaml", policy.to_owned())]), @"
    [idle-rule] `both.other` denies nothing: no command line of `date` could be like that, even without any rule
    [case-without-rule] this case tests no rule, since its input is not valid: the input does not fit the schema: Additional properties are not allowed ('more' was unexpected)
    ");
    let with_rules = tool("log", ALMOST_ANYTHING, ["log", "{more: 1}"]);
    insta::assert_snapshot!(told(&[("tools.d/any.yaml", with_rules)]), @r#"[case-without-rule] this case tests no rule, since its input is not valid: the input does not fit the schema: Additional properties are not allowed ('more' was unexpected); "args" is a required property"#);
}

#[test]
fn a_flag_whose_separate_form_takes_more_is_told_once() {
    let rules = "    allow:
      - get [ --output wide|json | --output=wide | -o wide | -o=json | -kind a | -kind=b ]
      - describe [ --output wide|json | --output=wide ]
      - top [ --sort ** | --sort=cpu ]
";
    insta::assert_snapshot!(one("any", rules, ["get", "put"]), @"
    [flag-forms] `any.args.allow[0]` takes `--output json` and not `--output=json`
    [flag-forms] `any.args.allow[0]` takes `-kind=b` and not `-kind b`
    [flag-forms] `any.args.allow[2]` takes `--sort ''` and not `--sort=`
    ");
}

#[test]
fn a_flag_that_goes_on_is_not_the_flag_it_begins_with() {
    let rules = "    allow: ['get **']\n    deny: ['** --kube[a-z]* **']\n";
    assert_eq!(one("any", rules, ["get", "put"]), "");
}

#[test]
fn a_flag_that_the_template_forces_is_no_hole_in_either_form() {
    let rules = "    allow: ['get [a-z]+']\n    deny: ['** --context=.* **']\n";
    assert_eq!(
        one("kubectl, --context, home", rules, ["get pods", "put"]),
        ""
    );
}

#[test]
fn every_line_of_a_tool_in_steps_is_looked_at() {
    let steps = "description: Looks at what is new.
effect: read
input:
  type: object
  required: [args]
  properties:
    args: {type: array, items: {type: string}, maxItems: 6}
run:
  steps:
    - command: [git, fetch]
    - {id: log, command: [git, log, \"{{ args }}\"]}
  result: \"{{ steps.log.stdout }}\"
arguments:
  args:
    allow: ['[ [a-z]+ | --ext-diff ]...']
tests:
  - allow: main
  - deny: -p
";
    let policy = "deny:
  - {id: graph, match: 'git log main main **'}
  - {id: diff, match: 'git log ** --ext-diff=.* **'}
";
    insta::assert_snapshot!(with([("tools.d/news.yaml", steps.to_owned())], policy), @"[flag-forms] `both.diff` denies `--ext-diff=…` and not `--ext-diff`: `git fetch; git log --ext-diff` is let through");
}

#[test]
fn an_allow_on_what_no_line_shows_is_told_too() {
    let tool = "description: Greets somebody.
effect: read
input:
  type: object
  required: [name]
  properties:
    name: {type: string}
run: {command: [cat], stdin: \"{{ name }}\"}
arguments:
  name:
    allow: ['[a-z]+', SAM]
    deny: [SAM]
tests:
  - allow: {name: frodo}
  - deny: {name: SAURON}
";
    insta::assert_snapshot!(told(&[("tools.d/greet.yaml", tool.to_owned())]), @"[idle-allow] `greet.name.allow[1]` lets nothing through: everything that it matches is denied");
}

#[test]
fn a_list_too_long_to_be_laid_beside_itself_is_told() {
    let rules: Vec<String> = (0..2_001).map(|at| format!("'get w{at}'")).collect();
    let rules = format!("    allow: [{}]\n", rules.join(", "));
    let long = tool("long", &rules, ["get w7", "put"]);
    let policy = "deny: [{id: other, match: 'long put **'}]\n";
    insta::assert_snapshot!(with([("tools.d/long.yaml", long)], policy), @"[lint-undone] the rules that `long` meets were not searched for those that say nothing: laying 2001 rules of one list beside each other needs more states than are looked at");
}
