//! Small tools, of which one answer is known, for what random cases meet too rarely.

use serde_json::{Value, json};

use super::found::{config_tool, drawn, never, outcome};
use super::loaded::load;
use crate::analysis::compare::languages;
use crate::analysis::diff::Witness;
use crate::analysis::invariant::Outcome;
use crate::policy::Decision;

/// A tool that puts a list behind its name, with this policy beside its `never`.
fn of_words(never: &str, policy: Value) -> super::roots::Drawn {
    let words = json!({"args": {"type": "array", "items": {"type": "string"}}});
    let mut tool = drawn(&words, &json!(["tool", "{{ args }}"]), policy);
    tool.tool["arguments"] = json!({"args": {"allow": ["**"]}});
    tool.policies[0]["never"] = json!([{"id": "it", "match": never, "because": "it is so"}]);
    tool
}

/// The line that shows that an invariant does not hold.
fn shown(tool: super::roots::Drawn) -> String {
    match outcome(tool) {
        Outcome::Violated { command_line, .. } => command_line,
        other => panic!("{other:?}"),
    }
}

/// Whether what an invariant forbids happens.
fn happens(tool: super::roots::Drawn) -> bool {
    match outcome(tool) {
        Outcome::Violated { .. } => true,
        Outcome::Proved | Outcome::Idle => false,
        Outcome::Undecided(why) => panic!("{why}"),
    }
}

fn deny(pattern: &str) -> Value {
    json!({"deny": [{"id": "no", "match": pattern, "because": "it is so"}]})
}

#[test]
fn a_denied_beginning_does_not_deny_what_goes_on() {
    // A last word of any kind, and any number of words of one kind.
    for (denied, expected) in [("tool *", "tool a b"), ("tool [a-m]* ...", "tool a z")] {
        let (_, last) = expected.rsplit_once(' ').unwrap();
        let tool = of_words(&format!("tool a {last}"), deny(denied));
        assert_eq!(shown(tool), expected, "{denied}");
    }
    let tool = of_words("tool a z", deny("tool **"));
    assert_eq!(outcome(tool), Outcome::Proved);
}

#[test]
fn a_cheaper_way_that_is_met_later_is_shown() {
    // Both lines end in the same states; the one that begins cheaper ends dearer.
    let tool = of_words("tool (?:a|bb) (?:m{8}|n{2})", deny("tool a n{2}"));
    assert_eq!(shown(tool), "tool bb nn");
}

#[test]
fn a_line_of_fewer_words_is_cheaper() {
    let tool = of_words("tool ( k{2} | a a a )", json!({}));
    assert_eq!(shown(tool), "tool kk");
}

#[test]
fn a_line_that_no_longer_asks_is_newly_permitted() {
    let asks = json!({"ask": [{"id": "ask", "match": "tool x **", "because": "it is so"}]});
    let (old, new) = (
        load(&[of_words("tool never", asks)]),
        load(&[of_words("tool never", json!({}))]),
    );
    let side = |config| Some((config, config_tool(config)));
    let found = languages(side(&old), side(&new));
    assert_eq!(found.denied, []);
    let lines = found.permitted.iter();
    let lines = lines.map(|witness| (&*witness.command_line, witness.before, witness.after));
    let (ask, allow) = (Decision::Ask, Decision::Allow);
    assert_eq!(
        lines.collect::<Vec<_>>(),
        [("tool x secrets", ask, allow), ("tool x", ask, allow)]
    );
    let found = languages(side(&new), side(&old));
    assert_eq!((found.permitted.len(), found.denied.len()), (0, 2));
}

#[test]
fn a_value_may_be_a_flag_where_a_rule_says_so() {
    let text = json!({"it": {"type": "string"}});
    for dash in [true, false] {
        let mut tool = drawn(&text, &json!(["tool", "{{ it }}"]), never("tool -x"));
        tool.tool["arguments"] = json!({"it": {"allow": ["[a-z-]*"], "dash": dash}});
        assert_eq!(happens(tool), dash);
    }
}

#[test]
fn a_value_holds_line_breaks_only_where_a_rule_says_so() {
    let text = json!({"it": {"type": "string"}});
    for multiline in [true, false] {
        let mut tool = drawn(&text, &json!(["tool", "{{ it }}"]), never(r"tool a\nb"));
        tool.tool["arguments"] = json!({"it": {"allow": ["<any>"], "multiline": multiline}});
        assert_eq!(happens(tool), multiline);
    }
}

#[test]
fn a_value_stands_within_the_text_around_it() {
    let text = json!({"it": {"type": "string"}});
    for (pattern, expected) in [("tool bxe", true), ("tool xe", false), ("tool bx", false)] {
        let mut tool = drawn(&text, &json!(["tool", "b{{ it }}e"]), never(pattern));
        tool.tool["arguments"] = json!({"it": {"allow": ["<any>"], "deny": ["y"]}});
        assert_eq!(happens(tool), expected, "{pattern}");
    }
}

/// What a change of the rules on a list newly permits and newly denies: each line, and why.
fn told(before: Value, after: Value) -> String {
    let of = |rules: Value| {
        let mut tool = of_words("tool never", json!({}));
        tool.tool["arguments"]["args"] = rules;
        load(&[tool])
    };
    let (old, new) = (of(before), of(after));
    let side = |config| Some((config, config_tool(config)));
    let found = languages(side(&old), side(&new));
    let each = |sign: &str, witnesses: &[Witness]| -> String {
        let line = |it: &Witness| format!("{sign} {}: {}\n", it.command_line, it.why);
        witnesses.iter().map(line).collect()
    };
    each("+", &found.permitted) + &each("-", &found.denied)
}

#[test]
fn each_new_alternative_is_shown_the_dangerous_ones_first() {
    let before = json!({"allow": ["[ -h | -m|-k ]..."]});
    let after = json!({"allow": ["[ -h|-a|--exec=.*|--(in|out)=x | -m|-k ]..."]});
    insta::assert_snapshot!(told(before.clone(), after.clone()), @"
    + tool --exec=: let through by `t0.args.allow[0]`, changed here; was denied by `t0.args.allow`
    + tool -a: let through by `t0.args.allow[0]`, changed here; was denied by `t0.args.allow`
    + tool --in=x: let through by `t0.args.allow[0]`, changed here; was denied by `t0.args.allow`
    + tool --out=x: let through by `t0.args.allow[0]`, changed here; was denied by `t0.args.allow`
    ");
    insta::assert_snapshot!(told(after, before), @"
    - tool --exec=: denied by `t0.args.allow`; was let through by `t0.args.allow[0]`, changed here
    - tool -a: denied by `t0.args.allow`; was let through by `t0.args.allow[0]`, changed here
    - tool --in=x: denied by `t0.args.allow`; was let through by `t0.args.allow[0]`, changed here
    - tool --out=x: denied by `t0.args.allow`; was let through by `t0.args.allow[0]`, changed here
    ");
    let before = json!({"deny": ["** secrets?|tokens|x[a-z]+ **"], "allow": ["**"]});
    let after = json!({"deny": ["** tokens **"], "allow": ["**"]});
    insta::assert_snapshot!(told(before, after), @"
    + tool secret: let through by `t0.args.allow[0]`; was denied by `t0.args.deny[0]`, changed here
    + tool xa: let through by `t0.args.allow[0]`; was denied by `t0.args.deny[0]`, changed here
    ");
}

#[test]
fn a_dozen_examples_are_enough() {
    let words: Vec<String> = ('a'..='z')
        .map(|letter| format!("{letter}{letter}"))
        .collect();
    let after = json!({"allow": [words.join("|")]});
    let lines = told(json!({"allow": ["none"]}), after);
    let (new, gone): (Vec<&str>, Vec<&str>) = lines.lines().partition(|line| line.starts_with('+'));
    assert_eq!((new.len(), gone.len()), (12, 1), "{lines}");
}

#[test]
fn a_rule_that_was_rewritten_is_not_called_gone() {
    let allow = |rules: Value| json!({"allow": rules});
    insta::assert_snapshot!(told(allow(json!(["get x", "a"])), allow(json!(["get y", "a"]))), @"
    + tool get y: let through by `t0.args.allow[0]`, changed here; was denied by `t0.args.allow`
    - tool get x: denied by `t0.args.allow`; was let through by `t0.args.allow[0]`, changed here
    ");
    // Now in the place of another that moved.
    insta::assert_snapshot!(told(allow(json!(["a"])), allow(json!(["get y", "a"]))), @"+ tool get y: let through by `t0.args.allow[0]`, written here; was denied by `t0.args.allow`");
    insta::assert_snapshot!(told(allow(json!(["get x", "a"])), allow(json!(["a"]))), @"- tool get x: denied by `t0.args.allow`; was let through by `t0.args.allow[0]`, gone here");
    let deny = |rules: Value| json!({"deny": rules, "allow": ["a|b|c"]});
    insta::assert_snapshot!(told(deny(json!(["a", "b"])), deny(json!(["c", "b"]))), @"
    + tool a: let through by `t0.args.allow[0]`; was denied by `t0.args.deny[0]`, changed here
    - tool c: denied by `t0.args.deny[0]`, changed here; was let through by `t0.args.allow[0]`
    ");
    insta::assert_snapshot!(told(deny(json!(["a", "b"])), deny(json!(["b"]))), @"+ tool a: let through by `t0.args.allow[0]`; was denied by `t0.args.deny[0]`, gone here");
}

#[test]
fn items_of_two_lists_that_are_counted_far_are_undecided_and_named() {
    let of = |most: u32| {
        let list =
            |most: u32| json!({"type": "array", "items": {"type": "string"}, "maxItems": most});
        let lists = json!({"xs": list(most), "ys": list(400)});
        let mut tool = drawn(
            &lists,
            &json!(["tool", "{{ xs }}", "{{ ys }}"]),
            never("none"),
        );
        let any = json!({"allow": ["[ a | b ]... [ c | d ]..."]});
        tool.tool["arguments"] = json!({"xs": any, "ys": any});
        load(&[tool])
    };
    let (old, new) = (of(500), of(499));
    let side = |config| Some((config, config_tool(config)));
    let found = languages(side(&old), side(&new));
    insta::assert_snapshot!(found.undecided.unwrap_or_default(), @"counting up to 500 items of `xs` needs more states than are looked at; bound it, or write it in fewer alternatives");
}
