//! Mistakes of YAML itself, and what this dialect leaves out.

use super::of;

#[test]
fn a_tab_is_shown_where_it_stands() {
    insta::assert_snapshot!(of("yaml-tab"), @"
    tools.d/list.yaml:4:1-4:2 error[yaml-tab] this line is indented with a tab, and YAML allows only spaces
      help: replace the tab by spaces
    tools.d/value.yaml:6:1-6:2 error[yaml-tab] this line is indented with a tab, and YAML allows only spaces
      help: replace the tab by spaces
    ");
}

#[test]
fn a_broken_syntax_is_told_in_words_of_the_file() {
    insta::assert_snapshot!(of("yaml-syntax"), @r#"
    tools.d/after_quotes.yaml:1:18-1:19 error[yaml-syntax] the quote before this ends the value, and something follows
      help: put the whole value in one pair of quotes; a `"` inside is written `\"`
    tools.d/apostrophe.yaml:1:18-1:19 error[yaml-syntax] the quote before this ends the value, and something follows
      help: write a `'` inside single quotes twice (`'it''s'`), or use double quotes: "it's"
    tools.d/at.yaml:1:14-1:15 error[yaml-syntax] a value without quotes cannot begin with `@`
      help: put the whole value in quotes
    tools.d/brace.yaml:3:8-3:9 error[yaml-syntax] this `{` is not closed where its content ends
      help: close it with `}`, and put a comma between any two of its entries
    tools.d/bracket.yaml:3:16-3:17 error[yaml-syntax] this `[` is closed by `}`
      help: close each bracket by its own kind, the last one opened first
    tools.d/closes_nothing.yaml:3:22-3:23 error[yaml-syntax] this bracket closes nothing
      help: remove it, or put the whole value in quotes if it is text
    tools.d/colon.yaml:1:18-1:19 error[yaml-syntax] a value without quotes cannot hold `: `
      help: put the whole value in quotes
    tools.d/escape.yaml:1:25-1:26 error[yaml-syntax] `\d` is no escape of double quotes
      help: use single quotes, where a backslash is one: '\d', or write it twice: "\\d"
    tools.d/indent.yaml:5:2-5:3 error[yaml-syntax] this line is indented like none of the lines above that it could belong to
      help: give it the indentation of its neighbours
    tools.d/list_in_map.yaml:2:3-2:4 error[yaml-syntax] a list item stands among the keys of a mapping
      help: indent it below the key that it belongs to, or remove the `- `
    tools.d/list_open.yaml:4:12-4:13 error[yaml-syntax] this `[` is not closed where its content ends
      help: close it with `]`, and put a comma between any two of its entries
    tools.d/no_colon.yaml:2:1-2:2 error[yaml-syntax] `effect` has no colon, so it is no key
      help: write `effect: …`, or indent the line if it belongs to the text above it
    tools.d/no_space.yaml:2:7-2:8 error[yaml-syntax] this key cannot stand here: the line above is no `key: value`
      help: write a space behind the colon of the line above
    tools.d/percent.yaml:1:14-1:15 error[yaml-syntax] a value without quotes cannot begin with `%`
      help: put the whole value in quotes
    tools.d/quote.yaml:1:14-1:15 error[yaml-syntax] this quote is never closed
      help: close it with the same quote; in single quotes a quote is written twice
    "#);
}

#[test]
fn a_template_without_quotes_is_told_as_one() {
    insta::assert_snapshot!(of("unquoted-template"), @r#"
    tools.d/block.yaml:7:7-7:17 error[unquoted-template] `{{` without quotes starts a YAML mapping, not a template
      help: put the template in quotes: "{{ text }}"
    tools.d/block.yaml:8:10-8:20 error[unquoted-template] `{{` without quotes starts a YAML mapping, not a template
      help: put the template in quotes: "{{ text }}"
    tools.d/flow.yaml:4:23-4:33 error[unquoted-template] `{{` without quotes starts a YAML mapping, not a template
      help: put the template in quotes: "{{ text }}"
    tools.d/flow_inside.yaml:3:23-3:33 error[unquoted-template] `{{` without quotes starts a YAML mapping, not a template
      help: put the template in quotes: "{{ text }}.txt"
    tools.d/inside.yaml:7:7-7:17 error[unquoted-template] `{{` without quotes starts a YAML mapping, not a template
      help: put the template in quotes: "{{ text }}.txt"
    "#);
}

#[test]
fn a_key_that_stands_twice_is_shown_with_the_first() {
    insta::assert_snapshot!(of("duplicate-key"), @"
    tools.d/twice.yaml:3:1-3:7 error[duplicate-key] `effect` stands here a second time
      tools.d/twice.yaml:2:1 first here
      help: keep one of the two
    tools.d/twice.yaml:4:23-4:27 error[duplicate-key] `type` stands here a second time
      tools.d/twice.yaml:4:9 first here
      help: keep one of the two
    ");
}

#[test]
fn a_second_document_is_refused() {
    insta::assert_snapshot!(of("two-documents"), @"
    tools.d/two.yaml:8:1-8:4 error[two-documents] a second document starts here, and a file holds one
      help: remove the `---`, or move what follows into a file of its own
    ");
}

#[test]
fn an_anchor_is_told_once_however_often_it_is_used() {
    insta::assert_snapshot!(of("yaml-alias"), @"
    tolkien.yaml:4:9-4:9 error[yaml-alias] an anchor (`&name`) stands before this value, and this dialect has no aliases
      tolkien.yaml:5:10 used here
      help: remove it, and write the value out wherever `*name` stands: a reviewer reads it where it counts
    tolkien.yaml:5:9-5:9 error[yaml-alias] an anchor (`&name`) stands before this value, and this dialect has no aliases
      tolkien.yaml:6:10 used here
      help: remove it, and write the value out wherever `*name` stands: a reviewer reads it where it counts
    tolkien.yaml:6:9-6:9 error[yaml-alias] an anchor (`&name`) stands before this value, and this dialect has no aliases
      tolkien.yaml:7:7 used here
      help: remove it, and write the value out wherever `*name` stands: a reviewer reads it where it counts
    tools.d/anchor.yaml:3:15-3:15 error[yaml-alias] an anchor (`&name`) stands before this value, and this dialect has no aliases
      help: remove it, and write the value out wherever `*name` stands: a reviewer reads it where it counts
    tools.d/merge.yaml:3:14-3:14 error[yaml-alias] an anchor (`&name`) stands before this value, and this dialect has no aliases
      tools.d/merge.yaml:5:7 used here
      help: remove it, and write the value out wherever `*name` stands: a reviewer reads it where it counts
    tools.d/merge.yaml:5:3-5:5 error[yaml-alias] a merge key (`<<`) stands here, and this dialect has none
      help: write the keys out: a reviewer reads them where they count
    tools.d/pattern.yaml:8:9-8:10 error[yaml-alias] a value that begins with `*` is a YAML alias, and this dialect has none
      help: put the whole value in quotes if it is a pattern: '** secrets **'
    tools.d/word.yaml:1:14-1:22 error[yaml-alias] a value that begins with `*` is a YAML alias, and this dialect has none
      help: put the whole value in quotes if it is a pattern: '** secrets **'
    ");
}

#[test]
fn a_tag_is_refused() {
    insta::assert_snapshot!(of("yaml-tag"), @"
    tools.d/tag.yaml:1:20-1:20 error[yaml-tag] a tag (`!name`) stands before this value, and this dialect has none
      help: remove it, or quote the value if the `!` belongs to it
    tools.d/tag.yaml:2:14-2:14 error[yaml-tag] a tag (`!name`) stands before this value, and this dialect has none
      help: remove it, or quote the value if the `!` belongs to it
    tools.d/tag.yaml:3:27-3:27 error[yaml-tag] a tag (`!name`) stands before this value, and this dialect has none
      help: remove it, or quote the value if the `!` belongs to it
    tools.d/tag.yaml:4:22-4:22 error[yaml-tag] a tag (`!name`) stands before this value, and this dialect has none
      help: remove it, or quote the value if the `!` belongs to it
    ");
}

#[test]
fn a_key_is_a_word() {
    insta::assert_snapshot!(of("yaml-key"), @"
    tools.d/key.yaml:3:1-3:7 error[yaml-key] a key must be a plain word, not a list or a mapping
      help: quote it if it is meant as text
    ");
}

#[test]
fn a_file_without_content_is_told() {
    insta::assert_snapshot!(of("empty-file"), @"
    policies/nothing.yaml:1:1-1:1 error[empty-file] this file says nothing
      help: write its keys, or delete the file
    tools.d/comment.yaml:1:1-1:1 error[empty-file] this file says nothing
      help: write its keys, or delete the file
    tools.d/nothing.yaml:1:1-1:1 error[empty-file] this file says nothing
      help: write its keys, or delete the file
    tools.d/null.yaml:1:1-1:1 error[empty-file] this file says nothing
      help: write its keys, or delete the file
    ");
}
