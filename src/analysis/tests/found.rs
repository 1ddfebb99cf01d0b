//! What random cases found once, too rare to be met in every run.

use serde_json::{Value, json};

use super::loaded::load;
use super::roots::Drawn;
use super::seen::decided;
use crate::analysis::compare::languages;
use crate::analysis::diff::Witness;
use crate::analysis::invariant::{Outcome, prove_tool};
use crate::policy::Decision;

/// A tool with these parameters, this command, and a policy.
pub(super) fn drawn(properties: &Value, command: &Value, policy: Value) -> Drawn {
    let mut policy = policy;
    policy["description"] = "A policy.".into();
    policy["applies_to"] = json!({"tools": ["t0"]});
    let names: Vec<&String> = properties.as_object().unwrap().keys().collect();
    Drawn {
        tool: json!({
            "description": "A tool.",
            "effect": "read",
            "input": {"type": "object", "required": names, "properties": properties},
            "run": {"command": command},
        }),
        policies: vec![policy],
    }
}

pub(super) fn never(pattern: &str) -> Value {
    json!({"never": [{"id": "it", "match": pattern, "because": "it is so"}]})
}

/// What is said of the only invariant of a tool.
pub(super) fn outcome(drawn: Drawn) -> Outcome {
    let config = load(&[drawn]);
    let proofs = prove_tool(&config, config.tool("t0").unwrap());
    let [proof] = &proofs[..] else {
        panic!("{proofs:?}");
    };
    proof.outcome.clone()
}

#[test]
fn a_least_length_beyond_what_is_counted_proves_nothing() {
    let long = json!({"type": "string", "minLength": 300});
    let tool = drawn(
        &json!({"a": long, "b": {"type": "string"}}),
        &json!(["tool", "{{ a }}:{{ b }}"]),
        never("tool x.*"),
    );
    let input = json!({"a": "x".repeat(300), "b": ""});
    let config = load(std::slice::from_ref(&tool));
    let call = decided(&config, config.tool("t0").unwrap(), &input);
    assert_eq!(call.decision, Decision::Allow);
    assert!(
        !matches!(outcome(tool), Outcome::Proved | Outcome::Idle),
        "the line that was just allowed is forbidden"
    );
}

#[test]
fn a_number_is_the_same_however_it_is_written() {
    for (schema, pattern, input) in [
        (json!({"type": "number", "enum": [3.0]}), "tool 3", json!(3)),
        (
            json!({"type": "number", "enum": [3]}),
            r"tool 3\.0",
            json!(3.0),
        ),
        (
            json!({"type": "integer", "const": 0}),
            r"tool -?0\.0",
            json!(0.0),
        ),
        (
            json!({"type": "number", "enum": [1e15]}),
            "tool 1000000000000000",
            json!(1_000_000_000_000_000_u64),
        ),
        (
            json!({"type": "integer", "const": 1e18}),
            "tool 1000000000000000000",
            json!(1_000_000_000_000_000_000_u64),
        ),
    ] {
        let tool = drawn(
            &json!({"n": schema}),
            &json!(["tool", "{{ n }}"]),
            never(pattern),
        );
        let Outcome::Violated { input: witness, .. } = outcome(tool) else {
            panic!("{schema}, {pattern}");
        };
        assert_eq!(witness["n"].as_f64(), input.as_f64(), "{schema}, {pattern}");
    }
    let whole = json!({"type": "integer", "minimum": 0, "maximum": 3});
    for pattern in [r"tool .*\.5", "tool 4.*", "tool -1"] {
        let tool = drawn(
            &json!({"n": whole}),
            &json!(["tool", "{{ n }}"]),
            never(pattern),
        );
        assert_eq!(outcome(tool), Outcome::Idle, "{pattern}");
    }
}

#[test]
fn a_class_that_the_two_notations_read_differently_proves_nothing() {
    for (pattern, value) in [
        ("^[[:alpha:]]+$", "a]"),
        ("^[a-z&&[^b]]+$", "b]"),
        ("^[a-z--b]+$", "b"),
        ("^[a~~b]+$", "~"),
        ("^[[a]b]$", "[b]"),
        ("^[^[a]]$", "b]"),
    ] {
        let schema = json!({"type": "string", "pattern": pattern});
        let line = regex::escape(value).replace(' ', r"\ ");
        let tool = drawn(
            &json!({"a": schema}),
            &json!(["tool", "{{ a }}"]),
            never(&format!("tool {line}")),
        );
        let config = load(std::slice::from_ref(&tool));
        let input = json!({"a": value});
        let call = decided(&config, config.tool("t0").unwrap(), &input);
        // The invariant is no rule: it denies nothing.
        assert_eq!(call.decision, Decision::Allow, "{pattern}");
        let outcome = outcome(tool);
        assert!(
            !matches!(outcome, Outcome::Proved | Outcome::Idle),
            "{pattern}: {outcome:?}"
        );
    }
}

#[test]
fn what_is_listed_and_fixed_too_is_only_what_is_both() {
    let both = json!({"type": "integer", "enum": [1, 2], "const": 1});
    let old = drawn(
        &json!({"n": both}),
        &json!(["tool", "{{ n }}"]),
        never("tool x"),
    );
    let listed = json!({"type": "integer", "enum": [1, 2]});
    let new = drawn(
        &json!({"n": listed}),
        &json!(["tool", "{{ n }}"]),
        never("tool x"),
    );
    let (old, new) = (load(&[old]), load(&[new]));
    let side = |config| (config, config_tool(config));
    let found = languages(Some(side(&old)), Some(side(&new)));
    assert!(!found.permitted.is_empty(), "{found:#?}");
}

#[test]
fn a_negative_number_is_refused_as_a_flag_where_it_begins_its_word() {
    let schema = json!({"type": "integer", "minimum": -3, "maximum": 3});
    for (word, expected) in [("{{ n }}", true), ("n={{ n }}", false)] {
        let tool = drawn(
            &json!({"n": schema}),
            &json!(["tool", word]),
            never("tool .*-.*"),
        );
        let proved = outcome(tool) == Outcome::Proved;
        assert_eq!(proved, expected, "{word}");
    }
}

#[test]
fn a_new_denial_hides_no_widening_that_cannot_be_judged() {
    let tool = |schema: Value, policy: Value| {
        drawn(&json!({"n": schema}), &json!(["tool", "{{ n }}/x"]), policy)
    };
    let deny = json!({"deny": [{"id": "it", "match": "tool 7/x", "because": "it is so"}]});
    let old = load(&[tool(
        json!({"type": "integer", "minimum": 2}),
        never("tool x"),
    )]);
    let new = load(&[tool(json!({"type": "integer"}), deny)]);
    let side = |config| (config, config_tool(config));
    let found = languages(Some(side(&old)), Some(side(&new)));
    assert_eq!(found.permitted, []);
    assert_eq!(found.denied[0].command_line, "tool 7/x");
    assert!(found.undecided.is_some(), "`tool 1/x` is permitted now");
}

pub(super) fn config_tool(config: &crate::config::Config) -> &crate::config::tool::Tool {
    config.tool("t0").unwrap()
}

#[test]
fn an_item_of_a_list_is_not_taken_for_a_word_behind_it() {
    let tool = |required: Value, n: Value| Drawn {
        tool: json!({
            "description": "A tool.",
            "effect": "read",
            "input": {
                "type": "object",
                "required": required,
                "properties": {
                    "args": {"type": "array", "items": {"type": "string"}, "maxItems": 3},
                    "n": n,
                },
            },
            "run": {"command": ["tool", "{{ args }}", "{{ n }}", "get"]},
            "arguments": {"args": {"allow": ["**"]}},
        }),
        policies: Vec::new(),
    };
    let number = json!({"type": "integer", "const": 2});
    let old = load(&[tool(json!(["args"]), number.clone())]);
    let new = load(&[tool(json!(["args"]), json!({"type": "boolean"}))]);
    let side = |config| (config, config_tool(config));
    let found = languages(Some(side(&old)), Some(side(&new)));
    let lines = |witnesses: &[Witness]| -> Vec<String> {
        let lines = witnesses.iter().map(|witness| witness.command_line.clone());
        lines.collect()
    };
    assert!(!found.equal);
    assert!(
        lines(&found.denied)
            .iter()
            .any(|line| line.ends_with(" 2 get")),
        "`n: 2` behind three items is refused now: {found:#?}"
    );
    let same = load(&[tool(json!(["args"]), number)]);
    assert!(languages(Some(side(&old)), Some(side(&same))).equal);
}

/// A tool with these parameters, rules and templates, of which those in `required` must be there.
pub(super) fn tool(properties: &Value, required: &Value, arguments: &Value, run: &Value) -> Drawn {
    Drawn {
        tool: json!({
            "description": "A tool.",
            "effect": "read",
            "input": {"type": "object", "required": required, "properties": properties},
            "run": run,
            "arguments": arguments,
        }),
        policies: Vec::new(),
    }
}

/// Two versions differ, or it is not known; the first is equal to itself.
fn assert_never_equal(name: &str, before: Drawn, after: Drawn) {
    let (old, new) = (load(&[before]), load(&[after]));
    let side = |config| (config, config_tool(config));
    let found = languages(Some(side(&old)), Some(side(&new)));
    assert!(!found.equal, "{name}: {found:#?}");
    assert!(
        !found.permitted.is_empty() || found.undecided.is_some(),
        "{name}: {found:#?}"
    );
    assert!(
        languages(Some(side(&old)), Some(side(&old))).equal,
        "{name}"
    );
}

#[test]
fn what_ties_parameters_together_is_never_proved_equal_by_its_lines() {
    let texts = json!({"type": "array", "items": {"type": "string"}, "maxItems": 3});
    let lists = json!({"xs": texts, "ys": texts});
    let [word, text] = [json!({"type": "string"}), json!({"type": "string"})];
    let words = json!({"a": word, "b": text});
    let none = json!([]);
    let allow = |ys: &str| json!({"xs": {"allow": ["[ a ]..."]}, "ys": {"allow": [ys]}});
    let steps = json!({"steps": [{"command": ["look", "{{ xs }}"]}, {"command": ["rm", "{{ xs }}", "{{ ys }}"]}]});
    let twice = json!({"command": ["prog", "{{ xs }}", "k", "{{ ys }}", "{{ xs }}"]});
    let dash =
        |dash: bool| json!({"a": {"allow": ["[a-z]*"]}, "b": {"allow": ["[a-z-]*"], "dash": dash}});
    let two = json!({"command": ["prog", "{{ a }}{{ b }}"]});
    let upper = json!({"command": ["prog", "{{ b | upper }}"]});
    let optional = json!({"command": ["prog", "--x={{ a }}", ["-y", "{{ b }}", "{{ a }}"]]});
    let address =
        json!({"http": {"url": "https://a.example/{{ a }}?o={{ b }}", "hosts": ["a.example"]}});
    let open = json!({});
    let both = json!(["a", "b"]);
    for (name, before, after) in [
        (
            "computed words that change places",
            tool(
                &words,
                &both,
                &open,
                &json!({"command": ["prog", "{{ a | lower }}", "{{ b | lower }}"]}),
            ),
            tool(
                &words,
                &both,
                &open,
                &json!({"command": ["prog", "{{ b | lower }}", "{{ a | lower }}"]}),
            ),
        ),
        (
            "a flag in a computed word",
            tool(&words, &both, &json!({"b": {"allow": ["[-a-z]+"]}}), &upper),
            tool(
                &words,
                &both,
                &json!({"b": {"allow": ["-[-a-z]*|[-a-z]+"]}}),
                &upper,
            ),
        ),
        (
            "a flag in a word of two",
            tool(
                &words,
                &both,
                &json!({"a": {"allow": [".*"]}, "b": {"allow": ["(-|x).*"]}}),
                &two,
            ),
            tool(
                &words,
                &both,
                &json!({"a": {"allow": [".*"]}, "b": {"allow": ["-.*|x.*"]}}),
                &two,
            ),
        ),
        (
            "two steps that share a parameter",
            tool(&lists, &none, &allow("[ a ]"), &steps),
            tool(&lists, &none, &allow("[ a ]..."), &steps),
        ),
        (
            "a parameter that stands twice",
            tool(&lists, &none, &allow("[ a ]"), &twice),
            tool(&lists, &none, &allow("[ a ]..."), &twice),
        ),
        (
            "a flag in a word of two parameters",
            tool(&words, &both, &dash(false), &two),
            tool(&words, &both, &dash(true), &two),
        ),
        (
            "a flag through a filter",
            tool(&words, &both, &dash(false), &upper),
            tool(&words, &both, &dash(true), &upper),
        ),
        (
            "a parameter that may be absent now",
            tool(&words, &both, &open, &optional),
            tool(&words, &json!(["a"]), &open, &optional),
        ),
        (
            "a part of an address that may be absent now",
            tool(&words, &both, &open, &address),
            tool(&words, &json!(["a"]), &open, &address),
        ),
    ] {
        assert_never_equal(name, before, after);
    }
}

#[test]
fn more_items_than_are_counted_are_undecided() {
    let list =
        |most: u32| json!({"xs": {"type": "array", "items": {"type": "string"}, "maxItems": most}});
    let command = json!({"command": ["prog", "{{ xs }}"]});
    let tool = |most| {
        tool(
            &list(most),
            &json!(["xs"]),
            &json!({"xs": {"allow": ["**"]}}),
            &command,
        )
    };
    let (old, new) = (load(&[tool(70_000)]), load(&[tool(70_001)]));
    let side = |config| (config, config_tool(config));
    let found = languages(Some(side(&old)), Some(side(&new)));
    assert!(!found.equal && found.undecided.is_some(), "{found:#?}");
}

#[test]
fn a_repeated_group_that_may_be_left_out_now_is_newly_permitted() {
    let text = json!({"a": {"type": "string"}});
    let tool = |allow: &str| {
        tool(
            &text,
            &json!(["a"]),
            &json!({"a": {"allow": [allow]}}),
            &json!({"command": ["prog", "{{ a }}"]}),
        )
    };
    for (before, after) in [
        ("x(?:ab)+?", "x(?:(?:ab)+)?"),
        ("x[0-9]+?", "x(?:[0-9]+)?"),
        ("x(?:[0-9]){2}?", "x(?:[0-9]{2})?"),
    ] {
        let (old, new) = (load(&[tool(before)]), load(&[tool(after)]));
        let side = |config| (config, config_tool(config));
        let found = languages(Some(side(&old)), Some(side(&new)));
        let lines = found.permitted.iter().map(|witness| &*witness.command_line);
        assert_eq!(
            lines.collect::<Vec<_>>(),
            ["prog x"],
            "{before} and {after}"
        );
        assert_eq!(found.denied, [], "{before} and {after}");
    }
}

#[test]
fn a_list_that_may_be_empty_now_is_newly_permitted_where_it_is_computed_with() {
    let tool = |allow: &str| {
        tool(
            &json!({"xs": {"type": "array", "items": {"type": "string"}}}),
            &json!([]),
            &json!({"xs": {"allow": [allow]}}),
            &json!({"command": ["prog", "--xs={{ xs | join(',') }}"]}),
        )
    };
    // Without a list the word is dropped, and of an empty one the word is `--xs=`.
    let (old, new) = (load(&[tool("* **")]), load(&[tool("**")]));
    let side = |config| (config, config_tool(config));
    let found = languages(Some(side(&old)), Some(side(&new)));
    let lines = found.permitted.iter().map(|witness| &*witness.command_line);
    assert_eq!(lines.collect::<Vec<_>>(), ["prog --xs="], "{found:#?}");
}

#[test]
fn a_list_that_may_be_empty_no_longer_is_as_good_as_absent_where_only_its_items_stand() {
    let parameters = json!({
        "xs": {"type": "array", "items": {"type": "string"}},
        "a": {"type": "string"},
    });
    let tool = |xs: Value| {
        tool(
            &parameters,
            &json!(["a"]),
            &json!({"xs": {"allow": xs}}),
            &json!({"command": ["prog", "{{ a }}", "{{ xs }}", "of", "{{ a }}"]}),
        )
    };
    let old = load(&[tool(json!(["* **", "[ x ]"]))]);
    let new = load(&[tool(json!(["* **"]))]);
    let [empty, absent] = [json!({"a": "b", "xs": []}), json!({"a": "b"})];
    let line = [["prog", "b", "of", "b"]];
    for (config, input, lines) in [
        (&old, &empty, &line[..]),
        (&new, &empty, &[]),
        (&new, &absent, &line),
    ] {
        assert_eq!(decided(config, config_tool(config), input).lines, lines);
    }
    let side = |config| (config, config_tool(config));
    assert!(languages(Some(side(&old)), Some(side(&new))).equal);
}

#[test]
fn the_cheapest_line_is_shown_where_a_cheaper_one_has_too_many_items() {
    let list = json!({"type": "array", "items": {"type": "string"}, "maxItems": 1});
    let mut tool = tool(
        &json!({"xs": list, "n": {"type": "integer", "enum": [1]}}),
        &json!([]),
        &json!({"xs": {"allow": ["**"], "max": 4}}),
        &json!({"command": ["tool", "{{ xs }}", "x{{ n }}y"]}),
    );
    tool.policies = vec![json!({
        "description": "A policy.",
        "applies_to": {"tools": ["t0"]},
        "never": [{"id": "it", "match": "tool * *", "because": "it is so"}],
    })];
    let Outcome::Violated { command_line, .. } = outcome(tool) else {
        panic!();
    };
    assert_eq!(command_line, "tool '' x1y");
}
