//! Names that are written wrongly, expressions by themselves, and the usage text.

use std::collections::BTreeMap;

use insta::assert_snapshot;

use super::super::{Expression, Lengths, NameProblem, Names, Pattern, usage};
use super::refusals::render;
use super::{names, pattern};

fn name_problems(lets: &[(&str, &str, Option<u32>)], parts: &[(&str, &str)]) -> String {
    let imported = BTreeMap::from([("other-policy".to_owned(), names())]);
    let (_, problems) = Names::new(lets.iter().copied(), parts.iter().copied(), &imported);
    let one = |problem: &NameProblem| {
        let text = if problem.part {
            parts
                .iter()
                .find(|(name, _)| *name == problem.name)
                .unwrap()
                .1
        } else {
            lets.iter()
                .find(|(name, ..)| *name == problem.name)
                .unwrap()
                .1
        };
        let kind = if problem.part { "parts" } else { "let" };
        format!(
            "{kind} {}\n{}",
            problem.name,
            render(text, std::slice::from_ref(&problem.problem))
        )
    };
    problems.iter().map(one).collect::<Vec<_>>().join("\n")
}

#[test]
fn names_are_checked_where_they_are_written() {
    let lets = [
        ("good", "<other-policy.ns>/<int>", None),
        ("both", "a", None),
        ("int", "[0-9]", None),
        ("1st", "a", None),
        ("typo", "<goood>", None),
        ("behind", "x<typo>", None),
        ("inner", "a<pair>", None),
        ("long", "(<ns>)", None),
        ("ns", "[a-z]{63}", None),
    ];
    let parts = [("both", "a"), ("pair", "<good> <behind>"), ("open", "[ a")];
    assert_snapshot!(name_problems(&lets, &parts), @"
    let 1st
    a
    ^ error pattern-bad-name: `1st` cannot be a name
    help: a name is a letter, then letters, digits, `_` and `-`
    let int
    [0-9]
    ^ error pattern-name-taken: `<int>` is built in
    help: choose another name
    parts both
    a
    ^ error pattern-name-taken: `<both>` is both an expression (`let`) and a fragment (`parts`)
    help: choose another name
    let ns
    [a-z]{63}
         ^^^^ error pattern-count: `{63}` counts further than 8
    help: write `+`, and the length beside the expression: `name: {re: '…', max: 63}`
    fix: [a-z]+
    let typo
    <goood>
    ^^^^^^^ error pattern-unknown-name: `<goood>` is not a known name
    help: did you mean `<good>`?
    fix: <good>
    parts open
    [ a
    ^ error pattern-unclosed-bracket: this `[` is never closed
    help: it is closed by a ` ]` with a space before it
    ");
}

#[test]
fn circles_are_told_by_everyone_on_them() {
    let lets = [
        ("a", "x<b>", None),
        ("b", "<c>|y", None),
        ("c", "z<a>?", None),
        ("d", "<a>", None),
    ];
    let parts = [("p", "[ <p> ]..."), ("q", "<p>")];
    assert_snapshot!(name_problems(&lets, &parts), @"
    let a
    x<b>
     ^^^ error pattern-name-cycle: `<a>` refers to itself through `<b>`
    help: write out what is meant to repeat: `(…)*` in an expression, `...` after an item
    let b
    <c>|y
    ^^^ error pattern-name-cycle: `<b>` refers to itself through `<c>`
    help: write out what is meant to repeat: `(…)*` in an expression, `...` after an item
    let c
    z<a>?
     ^^^ error pattern-name-cycle: `<c>` refers to itself through `<a>`
    help: write out what is meant to repeat: `(…)*` in an expression, `...` after an item
    parts p
    [ <p> ]...
      ^^^ error pattern-name-cycle: `<p>` refers to itself
    help: write out what is meant to repeat: `(…)*` in an expression, `...` after an item
    ");
}

#[test]
fn names_that_double_themselves_are_refused_and_not_built() {
    let mut lets = vec![("l0".to_owned(), "[a-c]|de".to_owned(), None)];
    let mut parts = vec![("p0".to_owned(), "a | b c".to_owned())];
    for at in 1..40 {
        lets.push((format!("l{at}"), format!("<l{0}>,<l{0}>", at - 1), None));
        parts.push((format!("p{at}"), format!("<p{0}> <p{0}>", at - 1)));
    }
    let lets = lets
        .iter()
        .map(|(name, text, max)| (name.as_str(), text.as_str(), *max));
    let parts = parts
        .iter()
        .map(|(name, text)| (name.as_str(), text.as_str()));
    let (names, problems) = Names::new(lets, parts, &BTreeMap::new());
    assert_eq!(problems.len(), 1);
    assert_eq!(problems[0].problem.code, "pattern-too-large");
    let refused = Pattern::parse("<p39>", &names, Lengths::Enforced).unwrap_err();
    assert_snapshot!(render("<p39>", &refused), @"
    <p39>
    ^^^^^ error pattern-too-large: this pattern is too large to be compiled
    help: take counts and wide Unicode classes out of it, or split it
    ");
}

#[test]
fn a_pattern_on_a_broken_name_is_refused_without_saying_so_twice() {
    let (names, problems) = Names::new([("bad", "(", None)], [], &BTreeMap::new());
    assert_eq!(problems.len(), 1);
    assert_eq!(
        Pattern::parse("get <bad>", &names, Lengths::Ignored).unwrap_err(),
        []
    );
    assert_eq!(
        Pattern::parse("get x<bad>", &names, Lengths::Ignored).unwrap_err(),
        []
    );
}

#[test]
fn a_searched_expression_may_count_and_capture() {
    let names = names();
    let regex = Expression::searched(r"(?i)bearer (?<token>[a-z0-9._-]{20,})", &names).unwrap();
    assert_eq!(
        regex.replace("x Bearer abcdefghijklmnopqrstuvwxyz y", "[$token]"),
        "x [abcdefghijklmnopqrstuvwxyz] y"
    );
    let refused = Expression::searched("a**(", &names).unwrap_err();
    assert_snapshot!(render("a**(", &refused), @r"
    a**(
       ^ error pattern-bad-expression: the group that begins with `(` is never closed
    help: to match a `(`, write `\(`
    ");
    let (whole, _) = Expression::whole("<short>/|<kind>.*", &names).unwrap();
    assert!(whole.is_match("abc/") && !whole.is_match("abcd/") && !whole.is_match("x abc/"));
    assert!(whole.is_match("pod\n"));
    assert_eq!(whole.text(), "<short>/|<kind>.*");
}

#[test]
fn what_may_be_left_out_of_a_searched_expression_is_searched_too() {
    for (expression, text) in [
        ("key(?:[0-9]+)?=[a-z]*", "key=abc"),
        ("key(?:[0-9]{2})?=[a-z]*", "key=abc"),
        ("key=(?:[a-z]*)?", "key=abc"),
        ("key=(?:<short>)?", "key=abc"),
        ("key<short>?=[a-z]*", "key=abc"),
    ] {
        let regex = Expression::searched(expression, &names()).unwrap();
        assert_eq!(regex.replace(text, "…"), "…", "{expression}");
    }
}

#[test]
fn usage_shows_what_is_written_and_stays_short() {
    let two = ["get <name> [ <flag> ]...", "auth  can-i <name>"].map(pattern);
    assert_snapshot!(usage(&two), @"
    allowed: get <name> [ <flag> ]...
         or: auth can-i <name>
    ");
    let many: Vec<Pattern> = (0..99)
        .map(|n| pattern(&format!("command-number-{n} <name>")))
        .collect();
    let text = usage(&many);
    assert!(text.len() < 700 && text.ends_with(" more"), "{text}");
    assert_eq!(usage(&[]), "");
}
