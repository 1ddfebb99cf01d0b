//! Mistakes of YAML itself, and what this dialect leaves out.

use super::of;

#[test]
fn a_tab_is_shown_where_it_stands() {
    insta::assert_snapshot!(of("yaml-tab"), @"
    tools.d/list.yaml:4:1-4:2 error[yaml-tab] this line is indented with a tab, and YAML allows only spaces
      help: replace the tab by spaces
    tools.d/value.yaml:5:5-5:6 error[yaml-syntax] while scanning a plain scalar, found a tab
      help: check this line's indentation against the lines above it, and that quotes and brackets are closed
    ");
}

#[test]
fn a_broken_syntax_is_told_in_words_of_the_file() {
    insta::assert_snapshot!(of("yaml-syntax"), @"
    tools.d/at.yaml:1:14-1:15 error[yaml-syntax] unexpected character: `@'
      help: check this line's indentation against the lines above it, and that quotes and brackets are closed
    tools.d/bracket.yaml:3:16-3:17 error[yaml-syntax] mismatched bracket '[' closed by '}'
      help: check this line's indentation against the lines above it, and that quotes and brackets are closed
    tools.d/colon.yaml:1:18-1:19 error[yaml-syntax] mapping values are not allowed in this context
      help: check this line's indentation against the lines above it, and that quotes and brackets are closed
    tools.d/indent.yaml:5:2-5:3 error[yaml-syntax] while parsing a block mapping, did not find expected key
      help: check this line's indentation against the lines above it, and that quotes and brackets are closed
    tools.d/list_in_map.yaml:2:3-2:4 error[yaml-syntax] while parsing a block mapping, did not find expected key
      help: check this line's indentation against the lines above it, and that quotes and brackets are closed
    tools.d/no_space.yaml:2:7-2:8 error[yaml-syntax] mapping values are not allowed in this context
      help: check this line's indentation against the lines above it, and that quotes and brackets are closed
    tools.d/percent.yaml:1:14-1:15 error[yaml-syntax] unexpected character: `%'
      help: check this line's indentation against the lines above it, and that quotes and brackets are closed
    tools.d/quote.yaml:1:14-1:15 error[yaml-syntax] unclosed quote
      help: check this line's indentation against the lines above it, and that quotes and brackets are closed
    ");
}

#[test]
fn a_template_without_quotes_is_told_as_one() {
    insta::assert_snapshot!(of("unquoted-template"), @r#"
    tools.d/block.yaml:7:7-7:17 error[unquoted-template] `{{` without quotes starts a YAML mapping, not a template
      help: put the template in quotes: "{{ name }}"
    tools.d/block.yaml:7:7-7:17 error[wrong-type] a word must be a text, not a mapping
      help: write a text
    tools.d/block.yaml:8:10-8:20 error[unquoted-template] `{{` without quotes starts a YAML mapping, not a template
      help: put the template in quotes: "{{ name }}"
    tools.d/block.yaml:8:10-8:20 error[wrong-type] `stdin` must be a text, not a mapping
      help: write a text
    tools.d/flow.yaml:4:23-4:33 error[unquoted-template] `{{` without quotes starts a YAML mapping, not a template
      help: put the template in quotes: "{{ name }}"
    tools.d/flow.yaml:4:23-4:33 error[wrong-type] a word must be a text, not a mapping
      help: write a text
    tools.d/flow_inside.yaml:3:23-3:33 error[unquoted-template] `{{` without quotes starts a YAML mapping, not a template
      help: put the template in quotes: "{{ name }}"
    tools.d/flow_inside.yaml:3:23-3:25 error[unquoted-template] `{{` without quotes starts a YAML mapping, not a template
      help: put the template in quotes: "{{ name }}"
    tools.d/inside.yaml:7:7-7:17 error[unquoted-template] `{{` without quotes starts a YAML mapping, not a template
      help: put the template in quotes: "{{ name }}"
    tools.d/inside.yaml:7:7-7:9 error[unquoted-template] `{{` without quotes starts a YAML mapping, not a template
      help: put the template in quotes: "{{ name }}"
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
    insta::assert_snapshot!(of("yaml-alias"), @r#"
    tools.d/anchor.yaml:3:15-3:15 error[yaml-alias] an anchor (`&name`) stands before this value, and this dialect has no aliases
      help: remove it, and write the value out wherever `*name` stands: a reviewer reads it where it counts
    tools.d/bomb.yaml:1:1-1:1 error[missing-key] a tool needs `description`
      help: tell the model what it is for, with an example
    tools.d/bomb.yaml:1:1-1:1 error[missing-key] a tool needs `effect`
      help: write `effect: read`, or `effect: write` when it changes anything
    tools.d/bomb.yaml:1:1-1:1 error[missing-key] a tool needs `input`
      help: write the JSON Schema of its arguments: `{type: object, properties: {…}}`
    tools.d/bomb.yaml:1:1-1:1 error[missing-key] a tool needs `run`
      help: write what it starts: `run: {command: [program, "{{ args }}"]}`
    tools.d/bomb.yaml:1:1-1:2 error[unknown-key] `a` is not a key of a tool
      help: its keys are `description`, `effect`, `input`, `run`, `timeout`, `output`, `let`, `parts`, `arguments`, `sandbox` and `tests`
    tools.d/bomb.yaml:1:7-1:7 error[yaml-alias] an anchor (`&name`) stands before this value, and this dialect has no aliases
      tools.d/bomb.yaml:2:8 used here
      help: remove it, and write the value out wherever `*name` stands: a reviewer reads it where it counts
    tools.d/bomb.yaml:2:1-2:2 error[unknown-key] `b` is not a key of a tool
      help: its keys are `description`, `effect`, `input`, `run`, `timeout`, `output`, `let`, `parts`, `arguments`, `sandbox` and `tests`
    tools.d/bomb.yaml:2:7-2:7 error[yaml-alias] an anchor (`&name`) stands before this value, and this dialect has no aliases
      tools.d/bomb.yaml:3:8 used here
      help: remove it, and write the value out wherever `*name` stands: a reviewer reads it where it counts
    tools.d/bomb.yaml:3:1-3:2 error[unknown-key] `c` is not a key of a tool
      help: its keys are `description`, `effect`, `input`, `run`, `timeout`, `output`, `let`, `parts`, `arguments`, `sandbox` and `tests`
    tools.d/bomb.yaml:3:7-3:7 error[yaml-alias] an anchor (`&name`) stands before this value, and this dialect has no aliases
      tools.d/bomb.yaml:4:5 used here
      help: remove it, and write the value out wherever `*name` stands: a reviewer reads it where it counts
    tools.d/bomb.yaml:4:1-4:2 error[unknown-key] `d` is not a key of a tool
      help: its keys are `description`, `effect`, `input`, `run`, `timeout`, `output`, `let`, `parts`, `arguments`, `sandbox` and `tests`
    tools.d/merge.yaml:1:1-1:1 error[missing-key] a tool needs `description`
      help: tell the model what it is for, with an example
    tools.d/merge.yaml:1:1-1:1 error[missing-key] a tool needs `effect`
      help: write `effect: read`, or `effect: write` when it changes anything
    tools.d/merge.yaml:1:1-1:1 error[missing-key] a tool needs `run`
      help: write what it starts: `run: {command: [program, "{{ args }}"]}`
    tools.d/merge.yaml:1:1-1:5 error[unknown-key] `base` is not a key of a tool
      help: its keys are `description`, `effect`, `input`, `run`, `timeout`, `output`, `let`, `parts`, `arguments`, `sandbox` and `tests`
    tools.d/merge.yaml:1:13-1:13 error[yaml-alias] an anchor (`&name`) stands before this value, and this dialect has no aliases
      tools.d/merge.yaml:3:7 used here
      help: remove it, and write the value out wherever `*name` stands: a reviewer reads it where it counts
    tools.d/merge.yaml:3:3-3:3 error[missing-key] `input` needs `type`
      help: write `type: object`
    tools.d/merge.yaml:3:3-3:5 error[yaml-alias] a merge key (`<<`) stands here, and this dialect has none
      help: write the keys out: a reviewer reads them where they count
    tools.d/pattern.yaml:8:9-8:10 error[yaml-syntax] while scanning an anchor or alias, did not find expected alphabetic or numeric character
      help: check this line's indentation against the lines above it, and that quotes and brackets are closed
    tools.d/word.yaml:1:1-1:1 error[missing-key] a tool needs `input`
      help: write the JSON Schema of its arguments: `{type: object, properties: {…}}`
    tools.d/word.yaml:1:1-1:1 error[missing-key] a tool needs `run`
      help: write what it starts: `run: {command: [program, "{{ args }}"]}`
    tools.d/word.yaml:1:14-1:22 error[yaml-alias] a value that begins with `*` is a YAML alias, and this dialect has none
      help: put the whole value in quotes if it is a pattern: '** secrets **'
    "#);
}

#[test]
fn a_tag_is_refused() {
    insta::assert_snapshot!(of("yaml-tag"), @r#"
    tools.d/tag.yaml:1:20-1:21 error[unquoted-scalar] `5` without quotes is a number here, and a text is needed
      help: write "5"
      fix: tools.d/tag.yaml:1:20 -> "5"
    tools.d/tag.yaml:1:20-1:20 error[yaml-tag] a tag (`!name`) stands before this value, and this dialect has none
      help: remove it, or quote the value if the `!` belongs to it
    tools.d/tag.yaml:2:1-2:7 error[missing-key] a tool needs `effect`
      help: write `effect: read`, or `effect: write` when it changes anything
    tools.d/tag.yaml:2:14-2:14 error[yaml-tag] a tag (`!name`) stands before this value, and this dialect has none
      help: remove it, or quote the value if the `!` belongs to it
    tools.d/tag.yaml:3:27-3:27 error[yaml-tag] a tag (`!name`) stands before this value, and this dialect has none
      help: remove it, or quote the value if the `!` belongs to it
    tools.d/tag.yaml:4:22-4:22 error[yaml-tag] a tag (`!name`) stands before this value, and this dialect has none
      help: remove it, or quote the value if the `!` belongs to it
    "#);
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
    policies/nothing.yaml:1:1-1:1 error[empty-file] this file is empty
      help: write its keys, or delete the file
    tools.d/comment.yaml:1:1-1:1 error[empty-file] this file is empty
      help: write its keys, or delete the file
    tools.d/nothing.yaml:1:1-1:1 error[empty-file] this file is empty
      help: write its keys, or delete the file
    tools.d/null.yaml:1:1-1:1 error[empty-file] this file is empty
      help: write its keys, or delete the file
    ");
}
