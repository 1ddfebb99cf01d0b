//! Policies, and the cases that show what they do.

use super::of;

#[test]
fn a_role_that_is_not_listed_is_told() {
    insta::assert_snapshot!(of("unknown-role"), @"
    policies/roles.yaml:1:22-1:28 error[unknown-role] there is no role `viewer`
      help: the roles are `operator`
    policies/roles.yaml:2:39-2:47 error[unknown-role] there is no role `operater`
      help: did you mean `operator`?
    tolkien.yaml:3:24-3:32 error[unknown-role] there is no role `operater`
      help: did you mean `operator`?
    ");
}

#[test]
fn somebody_can_approve() {
    insta::assert_snapshot!(of("no-approver"), @"
    policies/approvers.yaml:2:37-2:39 error[no-approver] nobody may approve this
      help: list the roles that may, or remove the key: then every role with `approve: true` may
    policies/approvers.yaml:3:38-3:44 error[no-approver] the role `viewer` may not approve anything
      help: write `approve: true` for `viewer` in `tolkien.yaml`, or name another role
    ");
}

#[test]
fn a_tool_that_does_not_exist_is_told_where_it_is_named() {
    insta::assert_snapshot!(of("unknown-tool"), @"
    policies/tools.yaml:1:22-1:28 error[unknown-tool] no tool is named `kubctl`
      help: did you mean `kubectl`?
    policies/tools.yaml:1:30-1:38 error[unknown-tool] no tool is named `docs_*`
      help: the tools are `kubectl`
    policies/tools.yaml:4:12-4:20 error[unknown-tool] no tool is named `kubectll`
      help: did you mean `kubectl`?
    tolkien.yaml:1:61-1:67 error[unknown-tool] no tool is named `kubctl`
      help: did you mean `kubectl`?
    tolkien.yaml:1:69-1:77 error[unknown-tool] no tool is named `repo_*`
      help: the tools are `kubectl`
    ");
}

#[test]
fn a_policy_that_selects_nothing_is_told() {
    insta::assert_snapshot!(of("selects-nothing"), @"
    policies/writes.yaml:1:1-1:1 error[selects-nothing] the policy `writes` selects no tool
      help: look at `applies_to`: every part of it must hold for at least one tool
    ");
}

#[test]
fn rules_that_hold_for_everybody_select_nobody() {
    insta::assert_snapshot!(of("selector-not-for-all"), @"
    policies/some.yaml:1:14-1:19 error[selector-not-for-all] `roles` may not stand beside `deny`, `allow` and `never`, which hold for everybody
      help: move those rules into a policy of their own; what a role may use at all is closed by `roles` in `tolkien.yaml`
    policies/some.yaml:1:33-1:41 error[selector-not-for-all] `channels` may not stand beside `deny`, `allow` and `never`, which hold for everybody
      help: move those rules into a policy of their own; what a role may use at all is closed by `roles` in `tolkien.yaml`
    ");
}

#[test]
fn a_policy_that_says_nothing_is_told() {
    insta::assert_snapshot!(of("empty-policy"), @"
    policies/nothing.yaml:1:1-1:1 error[empty-policy] this policy says nothing
      help: write `deny`, `ask`, `allow`, `effect`, `redact` or `never`, or delete the file
    ");
}

#[test]
fn a_rule_has_a_name_of_its_own() {
    insta::assert_snapshot!(of("duplicate-rule"), @"
    policies/twice.yaml:3:5-3:34 error[duplicate-rule] there is a second rule `twice.a`
      policies/twice.yaml:2:5 first here
      help: give each rule of a policy an `id` of its own
    policies/twice.yaml:5:5-5:32 error[duplicate-rule] there is a second rule `twice.a`
      policies/twice.yaml:2:5 first here
      help: give each rule of a policy an `id` of its own
    ");
}

#[test]
fn a_redaction_needs_something_to_find() {
    insta::assert_snapshot!(of("redacts-nothing"), @"
    policies/empty.yaml:1:18-1:26 error[redacts-nothing] `[a-z]*` matches the empty text, which stands everywhere
      help: say what must be there: `+` in place of `*`
    ");
}

#[test]
fn policies_do_not_import_from_each_other() {
    insta::assert_snapshot!(of("import-circle"), @"
    policies/a.yaml:1:1-1:1 error[import-circle] the policies `a` and `b` import names from each other
      help: move the names that both need into one of the two, or into a policy of their own
    ");
}

#[test]
fn a_name_that_nothing_refers_to_is_told() {
    insta::assert_snapshot!(of("unused-name"), @"
    policies/names.yaml:1:16-1:22 warning[unused-name] nothing refers to `<unused>`
      help: remove it from `let`, or write `<unused>` in a rule
    policies/names.yaml:2:9-2:13 warning[unused-name] nothing refers to `<idle>`
      help: remove it from `parts`, or write `<idle>` in a rule
    ");
}

#[test]
fn a_tool_has_a_case_that_passes_and_one_that_is_denied() {
    insta::assert_snapshot!(of("missing-case"), @"
    tools.d/none.yaml:1:1-1:1 error[missing-case] the tool `none` has no case
      help: write at least one call that passes and one that is denied: `tests: [{allow: …}, {deny: …}]`
    tools.d/passes.yaml:1:1-1:1 error[missing-case] the tool `passes` has no case that is denied
      help: write at least one call that passes and one that is denied: `tests: [{allow: …}, {deny: …}]`
    ");
}

#[test]
fn a_case_that_cannot_be_called_is_told() {
    insta::assert_snapshot!(of("bad-case"), @"
    policies/quote.yaml:2:32-2:43 error[bad-case] the quote `'` at character 5 is never closed
      help: mend the line, or write the whole input as a mapping: `{args: [get, pods]}`
    tools.d/line.yaml:5:17-5:22 error[bad-case] a line stands for the words of a tool's only list, and `line` has not exactly one
      help: mend the line, or write the whole input as a mapping: `{args: [get, pods]}`
    ");
}

#[test]
fn a_case_that_fails_tells_the_rule_that_decided() {
    insta::assert_snapshot!(of("case-fails"), @"
    policies/cases.yaml:3:28-3:45 error[case-fails] this case expects allow, and the answer is ask: somebody lives there
      policies/cases.yaml:1:7 decided by `cases.media`
      tools.d/kubectl.yaml:17:9 let through by `kubectl.args.allow[0]`
      help: `cases.media` decided; mend the rule, or the case
    policies/cases.yaml:4:28-4:39 error[case-fails] this case expects allow, and the answer is deny: secret values must never reach the model
      tools.d/kubectl.yaml:19:9 decided by `kubectl.args.deny[0]`
      help: `kubectl.args.deny[0]` decided; mend the rule, or the case
    policies/cases.yaml:5:27-5:35 error[case-fails] this case expects deny, and the answer is allow: `effect: read` runs without an approval
      tools.d/kubectl.yaml:2:9 decided by `kubectl.effect`
      tools.d/kubectl.yaml:17:9 let through by `kubectl.args.allow[0]`
      help: `kubectl.args.allow[0]` let it through; mend the rule, or the case
    tools.d/kubectl.yaml:22:12-22:29 error[case-fails] this case expects allow, and the answer is ask: somebody lives there
      policies/cases.yaml:1:7 decided by `cases.media`
      tools.d/kubectl.yaml:17:9 let through by `kubectl.args.allow[0]`
      help: `cases.media` decided; mend the rule, or the case
    ");
}

#[test]
fn a_case_names_the_rule_that_decides() {
    insta::assert_snapshot!(of("case-rule"), @"
    policies/cases.yaml:3:46-3:64 error[case-rule] this case expects `kubectl.args.allow` to decide, and `kubectl.args.deny[0]` did
      tools.d/kubectl.yaml:19:9 decided by `kubectl.args.deny[0]`
      help: mend the rules, or write `rule: kubectl.args.deny[0]`
    ");
}

#[test]
fn a_case_names_a_rule_that_exists() {
    insta::assert_snapshot!(of("unknown-rule"), @"
    policies/cases.yaml:3:46-3:68 error[unknown-rule] no rule that could decide this is named `kubectl.args.deny[1]`
      help: did you mean `kubectl.args.deny[0]`?
    policies/cases.yaml:4:51-4:63 error[unknown-rule] no rule that could decide this is named `cases.medium`
      help: did you mean `cases.media`?
    ");
}

#[test]
fn what_is_not_enforced_yet_is_told() {
    insta::assert_snapshot!(of("not-enforced-yet"), @"
    tolkien.yaml:3:1-3:10 warning[not-enforced-yet] `telemetry.otlp` is set, which this build reads but does not enforce
      help: remove it
    tolkien.yaml:4:18-4:22 warning[not-enforced-yet] a caller comes through Telegram, which this build reads but does not enforce
      help: give it `token_sha256`
    tools.d/remote.yaml:4:6-4:6 warning[not-enforced-yet] `remote` runs `mcp`, which this build reads but does not enforce
      help: its calls are decided, but this build cannot run `mcp`
    ");
}
