//! What the analysis says: invariants, and rules that say nothing or less than they seem to.

use super::of;

#[test]
fn an_invariant_that_is_broken_shows_the_shortest_command_line() {
    insta::assert_snapshot!(of("invariant-violated"), @"
    policies/never.yaml:3:5-3:88 error[invariant-violated] `kubectl get media` is let through, and `never.no-media` says it never is
      tools.d/kubectl.yaml:17:9 let through by `kubectl.args.allow[0]`
      help: deny it in a rule, or let the invariant say only what is meant; somebody else looks after it
    policies/never.yaml:4:5-4:18 error[invariant-violated] `kubectl get get` is let through, and `never.never[1]` says it never is
      tools.d/kubectl.yaml:17:9 let through by `kubectl.args.allow[0]`
      help: deny it in a rule, or let the invariant say only what is meant
    ");
}

#[test]
fn an_invariant_that_nobody_can_decide_names_what_costs_it() {
    insta::assert_snapshot!(of("invariant-undecided"), @"
    policies/never.yaml:3:5-3:35 error[invariant-undecided] `never.twice` is not decided for the tool `kubectl`: `kubectl.args.allow[1]`, at tools.d/kubectl.yaml:14:9 needs more states than are looked at
      tools.d/kubectl.yaml:1:1 the tool `kubectl`
      help: what is named there costs it: bound it (a class in place of `.`, fewer alternatives, `max`), or name fewer tools in `applies_to`; until then it fails like a violation
    policies/never.yaml:3:5-3:35 error[invariant-undecided] `never.twice` is not decided for the tool `say`: this cannot be judged exactly: `text` stands in several words
      tools.d/say.yaml:1:1 the tool `say`
      help: what is named there costs it: bound it (a class in place of `.`, fewer alternatives, `max`), or name fewer tools in `applies_to`; until then it fails like a violation
    policies/never.yaml:4:5-4:44 error[invariant-undecided] `never.nothing` is not decided for the tool `kubectl`: `kubectl.args.allow[1]`, at tools.d/kubectl.yaml:14:9 needs more states than are looked at
      tools.d/kubectl.yaml:1:1 the tool `kubectl`
      help: what is named there costs it: bound it (a class in place of `.`, fewer alternatives, `max`), or name fewer tools in `applies_to`; until then it fails like a violation
    tools.d/kubectl.yaml:1:1-1:1 info[lint-undone] the rules that `kubectl` meets were not searched for those that say nothing: `kubectl.args.allow[1]`, at tools.d/kubectl.yaml:14:9 needs more states than are looked at
      help: bound what is named there: a class in place of `.`, fewer alternatives, `max`
    ");
}

#[test]
fn an_invariant_that_nothing_could_break_is_told() {
    insta::assert_snapshot!(of("idle-invariant"), @"
    policies/never.yaml:3:5-3:46 error[idle-invariant] `never.misspelt` says nothing: no command line of `kubectl` could be one of these, even without any rule
      help: look for a misspelt word, and for the words that the template forces into every line; `tolkien check` prints whole lines
    ");
}

#[test]
fn a_rule_that_no_line_could_meet_is_told() {
    insta::assert_snapshot!(of("idle-rule"), @"
    policies/typing.yaml:3:5-3:46 warning[idle-rule] `typing.misspelt` denies nothing: no command line of `kubectl` could be like that, even without any rule
      help: look for a misspelt word, and for the words that the template forces into every line; `tolkien check` prints whole lines
    policies/typing.yaml:5:5-5:43 warning[idle-rule] `typing.joined` asks about nothing: no command line of `kubectl` could be like that, even without any rule
      help: look for a misspelt word, and for the words that the template forces into every line; `tolkien check` prints whole lines
    ");
}

#[test]
fn an_allow_that_never_lets_anything_through_is_told_with_what_denies_it() {
    insta::assert_snapshot!(of("idle-allow"), @"
    policies/narrow.yaml:4:5-4:42 warning[idle-allow] `narrow.listing` lets nothing through: everything that it matches is denied
      tools.d/kubectl.yaml:12:5 `list` is denied by `kubectl.args.allow`
      help: remove it, or mend the rule that denies what it is for
    tools.d/kubectl.yaml:14:9-14:21 warning[idle-allow] `kubectl.args.allow[1]` lets nothing through: everything that it matches is denied
      tools.d/kubectl.yaml:18:9 `get secret` is denied by `kubectl.args.deny[0]`
      help: remove it, or mend the rule that denies what it is for
    tools.d/kubectl.yaml:15:9-15:22 warning[idle-allow] `kubectl.args.allow[2]` lets nothing through: everything that it matches is denied
      policies/narrow.yaml:3:5 `kubectl delete get` is denied by `narrow.allow`
      help: remove it, or mend the rule that denies what it is for
    tools.d/kubectl.yaml:16:9-16:39 warning[idle-allow] `kubectl.args.allow[3]` allows nothing: no value of `args` could be like that, even without any rule
      help: look for a misspelt word, and for the words that the template forces into every line; `tolkien check` prints whole lines
    ");
}

#[test]
fn a_pattern_that_matches_nothing_is_told() {
    insta::assert_snapshot!(of("matches-nothing"), @"
    policies/empty.yaml:3:5-3:48 warning[matches-nothing] `empty.intersection` matches nothing at all
      help: no word can match one of its expressions: look for a class without characters, a boundary that cannot stand there, or a `max` that is too short
    policies/empty.yaml:5:5-5:45 warning[matches-nothing] `empty.boundary` matches nothing at all
      help: no word can match one of its expressions: look for a class without characters, a boundary that cannot stand there, or a `max` that is too short
    ");
}

#[test]
fn a_deny_that_others_cover_is_told_with_the_one_that_does() {
    insta::assert_snapshot!(of("covered-deny"), @"
    policies/twice.yaml:3:5-3:54 info[covered-deny] everything that `twice.pods` denies is denied by `twice.all` too
      policies/twice.yaml:4:5 this rule denies all of it
      help: keep it where its reason is worth telling; otherwise one rule is easier to read
    policies/twice.yaml:5:5-5:39 info[covered-deny] everything that `twice.top` denies is denied by the other rules of its list together too
      help: keep it where its reason is worth telling; otherwise one rule is easier to read
    policies/twice.yaml:6:5-6:44 info[covered-deny] everything that `twice.top-nothing` denies is denied by `twice.top` too
      policies/twice.yaml:5:5 this rule denies all of it
      help: keep it where its reason is worth telling; otherwise one rule is easier to read
    policies/twice.yaml:7:5-7:51 info[covered-deny] everything that `twice.top-something` denies is denied by `twice.top` too
      policies/twice.yaml:5:5 this rule denies all of it
      help: keep it where its reason is worth telling; otherwise one rule is easier to read
    ");
}

#[test]
fn rules_that_say_the_same_in_other_words_are_told() {
    insta::assert_snapshot!(of("identical-rules"), @"
    tools.d/kubectl.yaml:15:9-15:39 warning[identical-rules] `kubectl.args.allow[2]` says the same as `kubectl.args.allow[0]`
      tools.d/kubectl.yaml:13:9 first here
      help: remove one of them
    tools.d/kubectl.yaml:16:9-16:24 warning[identical-rules] `kubectl.args.allow[3]` says the same as `kubectl.args.allow[1]`
      tools.d/kubectl.yaml:14:9 first here
      help: remove one of them
    ");
}

#[test]
fn an_allow_of_everything_beside_others_is_told() {
    insta::assert_snapshot!(of("swallowing-allow"), @"
    tools.d/kubectl.yaml:15:9-15:13 warning[swallowing-allow] `kubectl.args.allow[1]` allows everything, so that the other rules of its list say nothing
      help: remove it, or remove the others: `allow: ['**']` by itself says that anything is meant
    tools.d/kubectl.yaml:19:24-19:31 warning[swallowing-allow] `kubectl.since.allow[1]` allows everything, so that the other rules of its list say nothing
      help: remove it, or remove the others: `allow: ['**']` by itself says that anything is meant
    ");
}

#[test]
fn letters_that_look_like_others_are_told() {
    let text = of("look-alike").replace('\u{212a}', "<Kelvin>");
    insta::assert_snapshot!(text, @r"
    tools.d/kubectl.yaml:15:13-15:20 warning[look-alike] `<title>` lets letters of every script through, and some look like others: the Cyrillic `а` like `a`
      help: list the letters that are meant, as in `[A-Za-zÀ-ÿ]`; `\w` and `\d` are ASCII
    tools.d/kubectl.yaml:16:18-16:24 warning[look-alike] `[^-/]+` lets letters of every script through, and some look like others: the Cyrillic `а` like `a`
      help: list the letters that are meant, as in `[A-Za-zÀ-ÿ]`; `\w` and `\d` are ASCII
    tools.d/kubectl.yaml:17:9-17:18 warning[look-alike] `(?i:kind)` lets `<Kelvin>` through, which `(?i)` counts as `k`
      help: write both letters out, as in `[Kk]ind`
    ");
}

#[test]
fn a_flag_that_is_known_in_one_form_only_is_told() {
    insta::assert_snapshot!(of("flag-forms"), @"
    policies/watching.yaml:3:5-3:54 warning[flag-forms] `watching.no-watch` denies `--watch=…` and not `--watch`: `kubectl get get --watch --request-timeout=50s` is let through
      help: write both forms, as in `--watch(=.*)?`
    tools.d/kubectl.yaml:13:9-13:118 warning[flag-forms] `kubectl.args.allow[0]` takes `--output=wide` and not `--output wide`
      help: give both forms the same value: a name under `let`, as in `--output <value> | --output=<value>`
    tools.d/kubectl.yaml:15:9-15:45 warning[flag-forms] `kubectl.args.deny[0]` denies `--server` and not `--server=…`: `kubectl get get --server=a --request-timeout=50s` is let through
      help: write both forms, as in `--server(=.*)?`
    ");
}

#[test]
fn a_case_that_only_fails_the_schema_is_told() {
    insta::assert_snapshot!(of("case-without-rule"), @r#"
    policies/cases.yaml:4:27-4:46 warning[case-without-rule] this case tests no rule, since its input is not valid: the input does not fit the schema: /args/1: 1 is not of type "string"
      tools.d/kubectl.yaml:4:3 the schema denies it
      help: mend the input, or write `rule: kubectl.input` beside it where the schema is what is tested
    tools.d/kubectl.yaml:15:11-15:32 warning[case-without-rule] this case tests no rule, since its input is not valid: the input does not fit the schema: Additional properties are not allowed ('arg' was unexpected); "args" is a required property
      tools.d/kubectl.yaml:4:3 the schema denies it
      help: mend the input, or write `rule: kubectl.input` beside it where the schema is what is tested
    "#);
}

#[test]
fn what_is_too_large_to_be_searched_is_told() {
    insta::assert_snapshot!(of("lint-undone"), @"
    tools.d/kubectl.yaml:1:1-1:1 info[lint-undone] the rules that `kubectl` meets were not searched for those that say nothing: `kubectl.args.allow[1]`, at tools.d/kubectl.yaml:14:9 needs more states than are looked at
      help: bound what is named there: a class in place of `.`, fewer alternatives, `max`
    ");
}
