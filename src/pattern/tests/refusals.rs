//! Every refusal, with its place, its help and its fix.

use insta::assert_snapshot;

use super::super::{Lengths, Pattern, Problem};
use super::names;

/// Each problem as a compiler would show it.
pub(super) fn render(text: &str, problems: &[Problem]) -> String {
    let one = |problem: &Problem| {
        let before = text.get(..problem.span.start).unwrap().chars().count();
        let width = text
            .get(problem.span.clone())
            .unwrap()
            .chars()
            .count()
            .max(1);
        let level = if problem.hint { "hint" } else { "error" };
        let line = format!(
            "{text}\n{}{} {level} {}: {}",
            " ".repeat(before),
            "^".repeat(width),
            problem.code,
            problem.message
        );
        let mut lines = vec![line];
        if let Some(help) = &problem.help {
            lines.push(format!("help: {help}"));
        }
        if let Some(fix) = &problem.fix {
            let mut fixed = text.to_owned();
            fixed.replace_range(problem.span.clone(), fix);
            lines.push(format!("fix: {fixed}"));
        }
        lines.join("\n")
    };
    problems.iter().map(one).collect::<Vec<_>>().join("\n")
}

/// The problems of a pattern; hints too.
fn problems(text: &str) -> String {
    match Pattern::parse(text, &names(), Lengths::Enforced) {
        Ok((_, hints)) => render(text, &hints),
        Err(problems) => render(text, &problems),
    }
}

#[test]
fn an_empty_alternative_is_refused_with_a_fix() {
    assert_snapshot!(problems("get ( pods | )"), @"
    get ( pods | )
               ^ error pattern-empty-alternative: this `|` has nothing on one side
    help: what may be left out is written `[ … ]`; alternatives of one word are written without spaces: `get|describe`
    fix: get ( pods  )
    ");
    assert_snapshot!(problems("| get"), @"
    | get
    ^ error pattern-empty-alternative: this `|` has nothing on one side
    help: what may be left out is written `[ … ]`; alternatives of one word are written without spaces: `get|describe`
    fix:  get
    ");
    assert_snapshot!(problems("a | | b"), @"
    a | | b
        ^ error pattern-empty-alternative: this `|` has nothing on one side
    help: what may be left out is written `[ … ]`; alternatives of one word are written without spaces: `get|describe`
    fix: a |  b
    ");
    assert_snapshot!(problems("get [ ]..."), @"
    get [ ]...
        ^^^^^^ error pattern-empty-alternative: there is nothing between these brackets
    fix: get
    ");
    assert_snapshot!(problems("get| describe"), @"
    get| describe
    ^^^^ error pattern-empty-alternative: `get|` has an empty alternative
    help: what may be left out is written `(…)?` inside a word and `[ … ]` around whole words
    fix: get describe
    ");
    assert_snapshot!(problems("x(?i:a||b)y"), @"
    x(?i:a||b)y
     ^^^^^^^^^ error pattern-empty-alternative: `(?i:a||b)` has an empty alternative
    help: what may be left out is written `(…)?` inside a word and `[ … ]` around whole words
    fix: x(?i:a|b)?y
    ");
    assert_snapshot!(problems(" "), @"
     
    ^ error pattern-empty: the pattern is empty
    help: `**` matches any words, and `*` any one word
    ");
}

#[test]
fn a_word_that_ends_in_a_repeat_is_refused_with_a_fix() {
    assert_snapshot!(problems("get|top... x"), @"
    get|top... x
    ^^^^^^^^^^ error pattern-glued-repeat: `...` is a part of the word `get|top...`, and repeats nothing
    help: put a space before it; for any three characters write `.{3}`
    fix: get|top ... x
    ");
    assert_snapshot!(problems("*..."), @"
    *...
    ^^^^ error pattern-glued-repeat: `...` is a part of the word `*...`, and repeats nothing
    help: put a space before it; for any three characters write `.{3}`
    fix: * ...
    ");
    assert_snapshot!(problems("... x"), @"
    ... x
    ^^^ error pattern-nothing-to-repeat: `...` has nothing before it to repeat
    help: it repeats the item before it one or more times: `<name>...`, `[ <flag> ]...`
    ");
    assert_snapshot!(problems("<name>... ..."), @"
    <name>... ...
              ^^^ error pattern-nothing-to-repeat: the item before this `...` is repeated already
    fix: <name>...
    ");
}

#[test]
fn a_class_that_was_meant_as_an_option_is_refused_with_a_fix() {
    assert_snapshot!(problems("get [-A]"), @"
    get [-A]
        ^^^^ error pattern-class-word: `[-A]` is one single character out of a class
    help: an optional part needs spaces inside its brackets; in a class that is meant, put the `-` last
    fix: get [ -A ]
    ");
    assert_snapshot!(problems("get [-A | <name>]..."), @"
    get [-A | <name>]...
        ^^^^^^^^^^^^^^^^ error pattern-class-word: `[-A | <name>]` is one single character out of a class
    help: an optional part needs spaces inside its brackets; in a class that is meant, put the `-` last
    fix: get [ -A | <name> ]...
    ");
    assert_snapshot!(problems("get [<name>]"), @"
    get [<name>]
        ^^^^^^^^ error pattern-class-word: `[<name>]` is one single character out of a class
    help: an optional part needs spaces inside its brackets; in a class that is meant, put the `-` last
    fix: get [ <name> ]
    ");
    assert_snapshot!(problems("get [a b]"), @"
    get [a b]
        ^^^^^ hint pattern-class-word: `[a b]` is one single character out of a class
    help: an optional part needs spaces inside its brackets; in a class that is meant, put the `-` last
    fix: get [ a b ]
    ");
    assert_snapshot!(problems("[a-z] [a-z-] [^-] a[-b]"), @"");
}

#[test]
fn a_capture_that_is_referred_to_is_refused_with_a_fix() {
    assert_snapshot!(problems(r"([a-z]+)=\1"), @r"
    ([a-z]+)=\1
             ^^ error pattern-back-reference: `\1` refers to a capture, and an expression remembers none
    help: write the group's expression again; the two then need not match the same text
    fix: ([a-z]+)=(?:[a-z]+)
    ");
    assert_snapshot!(problems(r"(?:x)([(]\))(?<n>y(z))\2"), @r"
    (?:x)([(]\))(?<n>y(z))\2
                          ^^ error pattern-back-reference: `\2` refers to a capture, and an expression remembers none
    help: write the group's expression again; the two then need not match the same text
    fix: (?:x)([(]\))(?<n>y(z))(?:y(z))
    ");
    assert_snapshot!(problems(r"(?P<kind>a|b)/(?P=kind)"), @"
    (?P<kind>a|b)/(?P=kind)
                  ^^^^^^^^^ error pattern-back-reference: `(?P=kind)` refers to a capture, and an expression remembers none
    help: write the group's expression again; the two then need not match the same text
    fix: (?P<kind>a|b)/(?:a|b)
    ");
    assert_snapshot!(problems(r"(?<ns>a)-\k<ns>"), @r"
    (?<ns>a)-\k<ns>
             ^^^^^^ error pattern-back-reference: `\k<ns>` refers to a capture, and an expression remembers none
    help: write the group's expression again; the two then need not match the same text
    fix: (?<ns>a)-(?:a)
    ");
    assert_snapshot!(problems(r"(?<ns>a)"), @"");
}

#[test]
fn a_count_above_eight_is_refused_with_a_fix() {
    assert_snapshot!(problems("x{9,}"), @"
    x{9,}
     ^^^^ error pattern-count: `{9,}` counts further than 8
    help: write `+`, and the length beside the expression: `name: {re: '…', max: …}`
    fix: x+
    ");
    assert_snapshot!(problems("[a-z0-9][-a-z0-9]{0,61}"), @"
    [a-z0-9][-a-z0-9]{0,61}
                     ^^^^^^ error pattern-count: `{0,61}` counts further than 8
    help: write `*`, and the length beside the expression: `name: {re: '…', max: 61}`
    fix: [a-z0-9][-a-z0-9]*
    ");
    assert_snapshot!(problems("(a{9}){10} x{8} y{2,8}"), @"
    (a{9}){10} x{8} y{2,8}
      ^^^ error pattern-count: `{9}` counts further than 8
    help: write `+`, and the length beside the expression: `name: {re: '…', max: 9}`
    fix: (a+){10} x{8} y{2,8}
    (a{9}){10} x{8} y{2,8}
          ^^^^ error pattern-count: `{10}` counts further than 8
    help: write `+`, and the length beside the expression: `name: {re: '…', max: 10}`
    fix: (a{9})+ x{8} y{2,8}
    ");
}

#[test]
fn brackets_that_do_not_pair_are_refused() {
    assert_snapshot!(problems("get [ <name>"), @"
    get [ <name>
        ^ error pattern-unclosed-bracket: this `[` is never closed
    help: it is closed by a ` ]` with a space before it
    ");
    assert_snapshot!(problems("get [ <name> | pods]... x"), @"
    get [ <name> | pods]... x
                       ^^^^ error pattern-glued-bracket: `]...` is a part of the word `pods]...`, so the `[` before it stays open
    help: a closing bracket around words is a token of its own: put a space before it
    fix: get [ <name> | pods ]... x
    ");
    assert_snapshot!(problems("( a b)"), @"
    ( a b)
         ^ error pattern-glued-bracket: `)` is a part of the word `b)`, so the `(` before it stays open
    help: a closing bracket around words is a token of its own: put a space before it
    fix: ( a b )
    ");
    assert_snapshot!(problems("a ] b )..."), @r"
    a ] b )...
      ^ error pattern-unopened-bracket: this `]` closes nothing
    help: an opening bracket around words is followed by a space; for the character write `\]`
    a ] b )...
          ^^^^ error pattern-unopened-bracket: this `)` closes nothing
    help: an opening bracket around words is followed by a space; for the character write `\)`
    ");
    assert_snapshot!(problems("( a ]"), @"
    ( a ]
        ^ error pattern-unclosed-bracket: `]` closes a `(`
    fix: ( a )
    ");
    assert_snapshot!(problems("get [foo bar"), @r"
    get [foo bar
        ^ error pattern-bad-expression: the class that begins with `[` is never closed
    help: an optional part needs spaces inside its brackets: `[ … ]`; to match a `[`, write `\[`
    ");
    assert_snapshot!(problems("get (foo bar"), @r"
    get (foo bar
        ^ error pattern-bad-expression: the group that begins with `(` is never closed
    help: to match a `(`, write `\(`
    ");
    assert_snapshot!(problems("foo) bar"), @r"
    foo) bar
       ^ error pattern-bad-expression: `)` closes a group that was not opened in this word
    help: a bracket around several words is a word of its own: put a space before it; to match a `)`, write `\)`
    ");
}

#[test]
fn a_name_that_nobody_gave_is_refused_with_the_nearest() {
    assert_snapshot!(problems("get <nam> -n=<nss> <flga>... <Zzz> <other.ns>"), @"
    get <nam> -n=<nss> <flga>... <Zzz> <other.ns>
        ^^^^^ error pattern-unknown-name: `<nam>` is not a known name
    help: did you mean `<name>`?
    fix: get <name> -n=<nss> <flga>... <Zzz> <other.ns>
    get <nam> -n=<nss> <flga>... <Zzz> <other.ns>
                 ^^^^^ error pattern-unknown-name: `<nss>` is not a known name
    help: did you mean `<ns>`?
    fix: get <nam> -n=<ns> <flga>... <Zzz> <other.ns>
    get <nam> -n=<nss> <flga>... <Zzz> <other.ns>
                       ^^^^^^ error pattern-unknown-name: `<flga>` is not a known name
    help: did you mean `<flag>`?
    fix: get <nam> -n=<nss> <flag>... <Zzz> <other.ns>
    get <nam> -n=<nss> <flga>... <Zzz> <other.ns>
                                 ^^^^^ error pattern-unknown-name: `<Zzz>` is not a known name
    help: names are given under `let` and `parts`; for the character write `[<]`
    get <nam> -n=<nss> <flga>... <Zzz> <other.ns>
                                       ^^^^^^^^^^ error pattern-unknown-name: `<other.ns>` is not a known name
    help: names are given under `let` and `parts`; for the character write `[<]`
    ");
    assert_snapshot!(problems("x<flag>"), @"
    x<flag>
     ^^^^^^ error pattern-part-in-word: `<flag>` is a fragment of several words, and stands alone
    help: put spaces around it, or name an expression for one word with `let`
    ");
}

#[test]
fn an_expression_that_cannot_be_read_is_refused_at_its_place() {
    assert_snapshot!(problems(r"get *.yaml \q (?=a) a{2 \p{Nope} (?-u:\W) [z-a] (?!x)"), @r"
    get *.yaml \q (?=a) a{2 \p{Nope} (?-u:\W) [z-a] (?!x)
        ^ error pattern-bad-expression: `*` has nothing before it to repeat
    help: expressions are not globs: `.*` is any text, and `*` by itself any one word
    get *.yaml \q (?=a) a{2 \p{Nope} (?-u:\W) [z-a] (?!x)
               ^^ error pattern-bad-expression: the escape `\q` means nothing
    help: only punctuation is escaped to stand for itself; a letter after `\` is a class or an assertion
    get *.yaml \q (?=a) a{2 \p{Nope} (?-u:\W) [z-a] (?!x)
                  ^^^ error pattern-bad-expression: look-around such as `(?=…)` and `(?!…)` is not supported
    help: say what is allowed and leave the exceptions to a `deny` rule
    get *.yaml \q (?=a) a{2 \p{Nope} (?-u:\W) [z-a] (?!x)
                         ^^ error pattern-bad-expression: the expression cannot be read: unclosed counted repetition
    get *.yaml \q (?=a) a{2 \p{Nope} (?-u:\W) [z-a] (?!x)
                            ^^^^^^^^ error pattern-bad-expression: `\p{Nope}` is not a known Unicode property
    get *.yaml \q (?=a) a{2 \p{Nope} (?-u:\W) [z-a] (?!x)
                                          ^^ error pattern-bad-expression: `\W` could match half a character
    help: leave `(?-u)` out: `\w`, `\d`, `\s` and `\b` are ASCII anyway
    get *.yaml \q (?=a) a{2 \p{Nope} (?-u:\W) [z-a] (?!x)
                                               ^^^ error pattern-bad-expression: the expression cannot be read: invalid character class range, the start must be <= the end
    get *.yaml \q (?=a) a{2 \p{Nope} (?-u:\W) [z-a] (?!x)
                                                    ^^^ error pattern-bad-expression: look-around such as `(?=…)` and `(?!…)` is not supported
    help: say what is allowed and leave the exceptions to a `deny` rule
    ");
}

#[test]
fn a_max_beside_more_than_literals_and_names_is_refused() {
    assert_snapshot!(problems("--ns=<ns>? ([a-z]|<short>) <ns>[a-z] <ns>/<short>"), @"
    --ns=<ns>? ([a-z]|<short>) <ns>[a-z] <ns>/<short>
         ^^^^ error pattern-max-place: `<ns>` has a `max`, and can stand only beside literals and other names
    help: give the rest of the word a name of its own, or the whole of it a name with one `max`
    --ns=<ns>? ([a-z]|<short>) <ns>[a-z] <ns>/<short>
                      ^^^^^^^ error pattern-max-place: `<short>` has a `max`, and can stand only beside literals and other names
    help: give the rest of the word a name of its own, or the whole of it a name with one `max`
    --ns=<ns>? ([a-z]|<short>) <ns>[a-z] <ns>/<short>
                               ^^^^ error pattern-max-place: `<ns>` has a `max`, and can stand only beside literals and other names
    help: give the rest of the word a name of its own, or the whole of it a name with one `max`
    ");
    let text = "--ns=<ns>? ([a-z]|<short>)";
    assert!(Pattern::parse(text, &names(), Lengths::Ignored).is_ok());
}

#[test]
fn what_is_odd_but_clear_is_a_hint() {
    assert_snapshot!(problems("^get$ a^b ^$ (?m)^a"), @r"
    ^get$ a^b ^$ (?m)^a
    ^ hint pattern-written-anchor: `^` says nothing here: an expression always matches whole
    help: leave it out
    fix: get$ a^b ^$ (?m)^a
    ^get$ a^b ^$ (?m)^a
        ^ hint pattern-written-anchor: `$` says nothing here: an expression always matches whole
    help: leave it out
    fix: ^get a^b ^$ (?m)^a
    ^get$ a^b ^$ (?m)^a
           ^ hint pattern-written-anchor: `^` holds only at an edge of the word, and something stands beyond it
    help: for the character write `\^`
    ^get$ a^b ^$ (?m)^a
              ^ hint pattern-written-anchor: `^` says nothing here: an expression always matches whole
    ^get$ a^b ^$ (?m)^a
               ^ hint pattern-written-anchor: `$` says nothing here: an expression always matches whole
    ");
    assert_snapshot!(problems(r"(get pods) (get\ pods) (?x:a b)"), @r"
    (get pods) (get\ pods) (?x:a b)
        ^ hint pattern-space-in-word: this space is a part of one single word
    help: write `\ ` if that is meant; brackets around several words need spaces inside: `( a b )`
    fix: (get\ pods) (get\ pods) (?x:a b)
    ");
    assert_snapshot!(problems("<any><short>"), @"
    <any><short>
         ^^^^^^^ hint pattern-idle-max: the `max` of `<short>` is not checked here: what stands beside it has no bound
    help: give the other name a `max` too
    ");
}

#[test]
fn all_problems_are_told_and_in_order() {
    assert_snapshot!(problems("[-A] x{9} | | <nope> ^y y{10}"), @"
    [-A] x{9} | | <nope> ^y y{10}
    ^^^^ error pattern-class-word: `[-A]` is one single character out of a class
    help: an optional part needs spaces inside its brackets; in a class that is meant, put the `-` last
    fix: [ -A ] x{9} | | <nope> ^y y{10}
    [-A] x{9} | | <nope> ^y y{10}
          ^^^ error pattern-count: `{9}` counts further than 8
    help: write `+`, and the length beside the expression: `name: {re: '…', max: 9}`
    fix: [-A] x+ | | <nope> ^y y{10}
    [-A] x{9} | | <nope> ^y y{10}
                ^ error pattern-empty-alternative: this `|` has nothing on one side
    help: what may be left out is written `[ … ]`; alternatives of one word are written without spaces: `get|describe`
    fix: [-A] x{9} |  <nope> ^y y{10}
    [-A] x{9} | | <nope> ^y y{10}
                  ^^^^^^ error pattern-unknown-name: `<nope>` is not a known name
    help: names are given under `let` and `parts`; for the character write `[<]`
    [-A] x{9} | | <nope> ^y y{10}
                         ^ hint pattern-written-anchor: `^` says nothing here: an expression always matches whole
    help: leave it out
    fix: [-A] x{9} | | <nope> y y{10}
    [-A] x{9} | | <nope> ^y y{10}
                             ^^^^ error pattern-count: `{10}` counts further than 8
    help: write `+`, and the length beside the expression: `name: {re: '…', max: 10}`
    fix: [-A] x{9} | | <nope> ^y y+
    ");
}

#[test]
fn what_is_too_large_is_refused_and_not_built() {
    assert_snapshot!(problems(r"(((\p{L}{8}){8}){8}){8}"), @r"
    (((\p{L}{8}){8}){8}){8}
    ^^^^^^^^^^^^^^^^^^^^^^^ error pattern-too-large: this expression is too large to be compiled
    help: take counts and wide Unicode classes out of it, or split it
    ");
    assert_snapshot!(problems(&"( ".repeat(70)), @"
    ( ( ( ( ( ( ( ( ( ( ( ( ( ( ( ( ( ( ( ( ( ( ( ( ( ( ( ( ( ( ( ( ( ( ( ( ( ( ( ( ( ( ( ( ( ( ( ( ( ( ( ( ( ( ( ( ( ( ( ( ( ( ( ( ( ( ( ( ( ( 
                                                                                                                                    ^ error pattern-too-large: brackets nest deeper than 64 levels
    help: give parts of the pattern a name with `parts`
    ");
    let text = format!("{} [ x ]...", "[ x ] ".repeat(5_000));
    let refused = Pattern::parse(&text, &names(), Lengths::Enforced).unwrap_err();
    assert_eq!(
        refused[0].message,
        "this pattern is too large to be compiled"
    );
    let many = format!("[ {} ]...", vec!["x"; 2_000].join(" | "));
    let refused = Pattern::parse(&many, &names(), Lengths::Enforced).unwrap_err();
    assert_eq!(
        refused[0].message,
        "this pattern is too large to be compiled"
    );
}
