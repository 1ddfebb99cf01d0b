//! Patterns and expressions, each with its place inside the scalar.

use super::of;

#[test]
fn an_expression_that_cannot_be_read_is_shown_where_it_breaks() {
    insta::assert_snapshot!(of("pattern-bad-expression"), @r"
    policies/search.yaml:1:19-1:20 error[pattern-bad-expression] the group that begins with `(` is never closed
      help: to match a `(`, write `\(`
    tools.d/folded.yaml:9:9-9:9 error[pattern-bad-expression] the group that begins with `(` is never closed
      help: to match a `(`, write `\(`
    tools.d/folded.yaml:11:9-11:9 error[pattern-bad-expression] the group that begins with `(` is never closed
      help: to match a `(`, write `\(`
    tools.d/folded.yaml:13:13-13:14 error[pattern-bad-expression] the group that begins with `(` is never closed
      help: to match a `(`, write `\(`
    tools.d/plain.yaml:8:13-8:14 error[pattern-bad-expression] the group that begins with `(` is never closed
      help: to match a `(`, write `\(`
    tools.d/plain.yaml:9:13-9:14 error[pattern-bad-expression] the class that begins with `[` is never closed
      help: an optional part needs spaces inside its brackets: `[ … ]`; to match a `[`, write `\[`
    tools.d/plain.yaml:10:13-10:14 error[pattern-bad-expression] `)` closes a group that was not opened in this word
      help: a bracket around several words is a word of its own: put a space before it; to match a `)`, write `\)`
    tools.d/plain.yaml:11:13-11:14 error[pattern-bad-expression] `*` has nothing before it to repeat
      help: expressions are not globs: `.*` is any text, and `*` by itself any one word
    tools.d/plain.yaml:12:14-12:17 error[pattern-bad-expression] look-around such as `(?=…)` and `(?!…)` is not supported
      help: say what is allowed and leave the exceptions to a `deny` rule
    tools.d/plain.yaml:13:14-13:16 error[pattern-bad-expression] the escape `\q` means nothing
      help: only punctuation is escaped to stand for itself; a letter after `\` is a class or an assertion
    tools.d/plain.yaml:14:14-14:15 error[pattern-bad-expression] the group that begins with `(` is never closed
      help: to match a `(`, write `\(`
    tools.d/plain.yaml:15:14-15:22 error[pattern-bad-expression] `\p{Nope}` is not a known Unicode property
    ");
}

#[test]
fn a_notation_that_was_meant_otherwise_is_told_with_what_to_write() {
    insta::assert_snapshot!(of("pattern-notation"), @r"
    tools.d/brackets.yaml:8:13-8:14 error[pattern-unclosed-bracket] this `[` is never closed
      help: it is closed by a ` ]` with a space before it
    tools.d/brackets.yaml:9:20-9:21 error[pattern-unclosed-bracket] `]` closes a `(`
      fix: tools.d/brackets.yaml:9:20 -> )
    tools.d/brackets.yaml:10:18-10:19 error[pattern-unopened-bracket] this `]` closes nothing
      help: an opening bracket around words is followed by a space; for the character write `\]`
    tools.d/brackets.yaml:11:18-11:19 error[pattern-glued-bracket] `]` is a part of the word `a|b]`, so the `[` before it stays open
      help: a closing bracket around words is a token of its own: put a space before it
      fix: tools.d/brackets.yaml:11:18 ->  ]
    tools.d/brackets.yaml:12:13-12:17 error[pattern-class-word] `[-A]` is one single character out of a class
      help: an optional part needs spaces inside its brackets; in a class that is meant, put the `-` last
      fix: tools.d/brackets.yaml:12:13 -> [ -A ]
    tools.d/brackets.yaml:13:13-13:21 error[pattern-class-word] `[<word>]` is one single character out of a class
      help: an optional part needs spaces inside its brackets; in a class that is meant, put the `-` last
      fix: tools.d/brackets.yaml:13:13 -> [ <word> ]
    tools.d/brackets.yaml:14:10-14:13 error[pattern-empty-alternative] there is nothing between these brackets
      fix: tools.d/brackets.yaml:14:10 -> 
    tools.d/repeats.yaml:8:13-8:20 error[pattern-glued-repeat] `...` is a part of the word `pods...`, and repeats nothing
      help: put a space before it; for any three characters write `.{3}`
      fix: tools.d/repeats.yaml:8:13 -> pods ...
    tools.d/repeats.yaml:9:10-9:13 error[pattern-nothing-to-repeat] `...` has nothing before it to repeat
      help: it repeats the item before it one or more times: `<name>...`, `[ <flag> ]...`
    tools.d/repeats.yaml:10:22-10:25 error[pattern-nothing-to-repeat] the item before this `...` is repeated already
      fix: tools.d/repeats.yaml:10:22 -> 
    tools.d/repeats.yaml:11:15-11:16 error[pattern-empty-alternative] this `|` has nothing on one side
      help: what may be left out is written `[ … ]`; alternatives of one word are written without spaces: `get|describe`
      fix: tools.d/repeats.yaml:11:15 -> 
    tools.d/repeats.yaml:12:14-12:16 error[pattern-empty-alternative] `a|` has an empty alternative
      help: what may be left out is written `(…)?` inside a word and `[ … ]` around whole words
      fix: tools.d/repeats.yaml:12:14 -> a
    tools.d/repeats.yaml:13:10-13:10 error[pattern-empty] the pattern is empty
      help: `**` matches any words, and `*` any one word
    tools.d/words.yaml:8:16-8:17 warning[pattern-space-in-word] this space is a part of one single word
      help: write `\ ` if that is meant; brackets around several words need spaces inside: `( a b )`
      fix: tools.d/words.yaml:8:16 -> \ 
    tools.d/words.yaml:9:13-9:14 warning[pattern-written-anchor] `^` says nothing here: an expression always matches whole
      help: leave it out
      fix: tools.d/words.yaml:9:13 -> 
    tools.d/words.yaml:9:18-9:19 warning[pattern-written-anchor] `$` says nothing here: an expression always matches whole
      help: leave it out
      fix: tools.d/words.yaml:9:18 -> 
    tools.d/words.yaml:10:14-10:17 error[pattern-count] `{9}` counts further than 8
      help: write `+`, and the length beside the expression: `name: {re: '…', max: 9}`
      fix: tools.d/words.yaml:10:14 -> +
    tools.d/words.yaml:11:17-11:19 error[pattern-back-reference] `\1` refers to a capture, and an expression remembers none
      help: write the group's expression again; the two then need not match the same text
      fix: tools.d/words.yaml:11:17 -> (?:a)
    ");
}

#[test]
fn a_name_that_is_wrong_is_told_where_it_is_written() {
    insta::assert_snapshot!(of("pattern-names"), @r"
    policies/lengths.yaml:3:24-3:33 warning[pattern-idle-max] the `max` of `<limited>` is not checked here: what stands beside it has no bound
      help: give the other name a `max` too
    policies/names.yaml:2:17-2:25 error[pattern-unknown-name] `<nope.x>` is not a known name
      help: names are given under `let` and `parts`; for the character write `[<]`
    policies/names.yaml:2:37-2:46 error[pattern-unknown-name] `<names.n>` is not a known name
      help: names are given under `let` and `parts`; for the character write `[<]`
    policies/names.yaml:2:58-2:71 error[pattern-unknown-name] `<read-only.x>` is not a known name
      help: names are given under `let` and `parts`; for the character write `[<]`
    tools.d/names.yaml:5:23-5:23 error[pattern-bad-name] `<bad>` cannot be a name
      help: a name is a letter, then letters, digits, `_` and `-`
    tools.d/names.yaml:5:31-5:31 error[pattern-name-taken] `<int>` is built in
      help: choose another name
    tools.d/names.yaml:5:42-5:48 error[pattern-name-cycle] `<loop>` refers to itself
      help: write out what is meant to repeat: `(…)*` in an expression, `...` after an item
    tools.d/names.yaml:5:57-5:62 error[pattern-name-cycle] `<one>` refers to itself through `<two>`
      help: write out what is meant to repeat: `(…)*` in an expression, `...` after an item
    tools.d/names.yaml:5:71-5:76 error[pattern-name-cycle] `<two>` refers to itself through `<one>`
      help: write out what is meant to repeat: `(…)*` in an expression, `...` after an item
    tools.d/names.yaml:5:134-5:135 error[pattern-bad-expression] the group that begins with `(` is never closed
      help: to match a `(`, write `\(`
    tools.d/names.yaml:6:15-6:15 error[pattern-name-taken] `<both>` is both an expression (`let`) and a fragment (`parts`)
      help: choose another name
    tools.d/names.yaml:6:47-6:55 error[pattern-name-cycle] `<around>` refers to itself
      help: write out what is meant to repeat: `(…)*` in an expression, `...` after an item
    tools.d/names.yaml:10:13-10:18 error[pattern-unknown-name] `<nam>` is not a known name
      help: did you mean `<name>`?
      fix: tools.d/names.yaml:10:13 -> <name>
    tools.d/names.yaml:10:19-10:26 error[pattern-unknown-name] `<other>` is not a known name
      help: names are given under `let` and `parts`; for the character write `[<]`
    tools.d/names.yaml:13:10-13:17 error[pattern-part-in-word] `<scope>` is a fragment of several words, and stands alone
      help: put spaces around it, or name an expression for one word with `let`
    tools.d/names.yaml:14:10-14:19 error[pattern-max-place] `<limited>` has a `max`, and can stand only beside literals and other names
      help: give the rest of the word a name of its own, or the whole of it a name with one `max`
    tools.d/names.yaml:15:10-15:19 warning[pattern-idle-max] the `max` of `<limited>` is not checked here: what stands beside it has no bound
      help: give the other name a `max` too
    ");
}

#[test]
fn a_pattern_that_grows_too_large_is_told() {
    insta::assert_snapshot!(of("pattern-too-large"), @"
    tools.d/large.yaml:8:138-8:139 error[pattern-too-large] brackets nest deeper than 64 levels
      help: give parts of the pattern a name with `parts`
    tools.d/large.yaml:9:10-9:40 error[pattern-too-large] this expression is too large to be compiled
      help: take counts and wide Unicode classes out of it, or split it
    ");
}
