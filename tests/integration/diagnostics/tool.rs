//! Tools: their input, their templates and what they run.

use super::of;

#[test]
fn a_schema_that_is_none_is_told_where_it_is_wrong() {
    insta::assert_snapshot!(of("bad-json-schema"), @r#"
    tools.d/format.yaml:3:62-3:66 error[bad-json-schema] there is no format `ipv5`
      help: the formats are those of JSON Schema 2020-12: `date-time`, `email`, `uri`, `uuid`, …
    tools.d/reference.yaml:3:60-3:71 error[bad-json-schema] `#/$defs/b` refers to nothing in this schema
      help: a reference stays within the schema: `#/$defs/NAME`
    tools.d/remote.yaml:3:60-3:93 error[bad-json-schema] `https://example.org/schema.json` refers to nothing in this schema
      help: a reference stays within the schema: `#/$defs/NAME`
    tools.d/unusable.yaml:3:63-3:70 error[bad-json-schema] `(?=x)` is no expression of the `regex` crate
      help: see docs.rs/regex for its syntax: it has no look-around and no back-references
    tools.d/values.yaml:3:65-3:69 error[bad-json-schema] `minLength` cannot be this: "long" is not of type "integer"
      help: `input` is JSON Schema 2020-12: json-schema.org says what each keyword takes
    tools.d/values.yaml:3:106-3:114 error[bad-json-schema] `items` cannot be this: ["string"] is not of types "boolean", "object"
      help: `input` is JSON Schema 2020-12: json-schema.org says what each keyword takes
    tools.d/values.yaml:3:128-3:129 error[wrong-type] `required` must be a list, not the text `a`
      help: write one `- item` a line, or `[item, item]`
    tools.d/values.yaml:3:146-3:148 error[bad-json-schema] `minProperties` cannot be this: -1 is less than the minimum of 0
      help: `input` is JSON Schema 2020-12: json-schema.org says what each keyword takes
    "#);
}

#[test]
fn a_default_fits_its_own_schema() {
    insta::assert_snapshot!(of("bad-default"), @"
    tools.d/default.yaml:3:76-3:77 error[bad-default] the default of `a` does not fit its own schema
      help: a default is filled in before the rules are looked at, and must pass them
    ");
}

#[test]
fn an_input_is_closed() {
    insta::assert_snapshot!(of("additional-properties"), @"
    tools.d/open.yaml:3:45-3:49 error[additional-properties] an input never takes properties that are not declared
      help: remove the key: `additionalProperties: false` is implied
    ");
}

#[test]
fn a_parameter_has_one_type() {
    insta::assert_snapshot!(of("parameter-type"), @"
    tools.d/types.yaml:3:36-3:37 error[parameter-type] the parameter `a` has no single `type`
      help: give it one: `string`, `integer`, `number`, `boolean`, `array` or `object`
    tools.d/types.yaml:3:64-3:65 error[parameter-type] the parameter `b` has no single `type`
      help: give it one: `string`, `integer`, `number`, `boolean`, `array` or `object`
    tools.d/types.yaml:5:13-5:14 error[parameter-type] `c` is neither a text nor a list of texts, so no rule can read it
      help: bound it in the schema: `enum`, `minimum`, `maximum`
    ");
}

#[test]
fn a_parameter_that_is_not_declared_is_told() {
    insta::assert_snapshot!(of("unknown-parameter"), @"
    tools.d/names.yaml:3:34-3:37 error[unknown-parameter] `arg` is required, but is not declared under `properties`
      help: did you mean `args`?
    tools.d/names.yaml:3:39-3:44 error[unknown-parameter] `other` is required, but is not declared under `properties`
      help: declare it under `properties`, or remove it here
    tools.d/names.yaml:5:13-5:16 error[unknown-parameter] `arg` is not a parameter of this tool's input
      help: did you mean `args`?
    tools.d/names.yaml:5:35-5:40 error[unknown-parameter] `other` is not a parameter of this tool's input
      help: the parameters are `args`
    ");
}

#[test]
fn a_name_that_a_template_does_not_know_is_told_with_the_nearest() {
    insta::assert_snapshot!(of("unknown-name"), @"
    prompts/system.md:1:4-1:11 error[unknown-name] `cluster` is not defined here
      help: this prompt may use `caller`, `channel`, `facts` and `tools`
    prompts/system.md:1:18-1:30 error[unknown-name] there is no fact `clustr`
      help: did you mean `facts.cluster`?
    prompts/system.md:1:37-1:41 error[unknown-name] `tols` is not defined here
      help: did you mean `tools`?
    prompts/system.md:1:48-1:59 error[unknown-name] there is no fact `owner`
      help: write `owner` under `facts` in `tolkien.yaml`
    prompts/system.md:2:18-2:25 error[unknown-name] `nothing` is not defined here
      help: this prompt may use `caller`, `channel`, `facts` and `tools`
    prompts/system.md:2:31-2:34 error[unknown-name] `now` is not defined here
      help: this prompt may use `caller`, `channel`, `facts` and `tools`
    prompts/task.md:1:21-1:27 error[unknown-name] `author` is not defined here
      tools.d/task.yaml:4:30 rendered here without it
      help: this prompt may use `text`
    tools.d/mcp.yaml:4:21-4:27 error[unknown-name] there is no MCP server `githib`
      help: did you mean `github`?
    tools.d/names.yaml:4:27-4:30 error[unknown-name] there is no parameter `txt`
      help: did you mean `text`?
    tools.d/names.yaml:4:40-4:53 error[unknown-name] there is no environment name `KUBECONFG`
      help: did you mean `KUBECONFIG`?
    tools.d/names.yaml:4:63-4:68 error[unknown-name] there is no parameter `other`
      help: the parameters are `text`
    tools.d/names.yaml:4:94-4:105 error[unknown-name] there is no secret `TOKN`
      help: did you mean `TOKEN`?
    tools.d/names.yaml:4:112-4:138 error[unknown-name] there is no prompt `tsk.md`
      help: did you mean `task.md`?
    tools.d/names.yaml:4:145-4:153 error[unknown-name] there is no environment name `HOME`
      help: list it under `environment` in `tolkien.yaml`, with a default or null
    tools.d/names.yaml:4:197-4:209 error[unknown-name] there is no secret `OTHER`
      help: list it under `secrets` in `tolkien.yaml`, with its `file` or `env`
    tools.d/steps.yaml:4:60-4:73 error[unknown-name] there is no earlier step `later`
      help: give an earlier step this `id`
    tools.d/steps.yaml:4:125-4:137 error[unknown-name] there is no earlier step `clon`
      help: did you mean `clone`?
    tools.d/steps.yaml:4:149-4:161 error[unknown-name] a step has no `stdot`
      help: it has `stdout`, `stderr` and `code`
    ");
}

#[test]
fn a_name_that_may_not_stand_there_is_told() {
    insta::assert_snapshot!(of("misplaced-name"), @r#"
    tools.d/include.yaml:4:43-4:54 error[misplaced-name] another file may not stand here
      help: use `prompt("file.md", …)`
    tools.d/places.yaml:4:27-4:39 error[misplaced-name] the secret `TOKEN` may not stand here
      help: secrets may stand in `env`, `headers`, `stdin` and `body` only, never in a command line
    tools.d/places.yaml:4:54-4:63 error[misplaced-name] the output of a step may not stand here
      help: it may stand in a later step's `stdin` and in `result` only
    tools.d/places.yaml:4:73-4:76 error[misplaced-name] `env` by itself may not stand here
      help: write `env.NAME`
    tools.d/places.yaml:4:86-4:89 error[misplaced-name] `env` inside an expression may not stand here
      help: let it stand alone in its braces, so that rules and approvals see its name
    tools.d/places.yaml:4:128-4:132 error[misplaced-name] the parameter `text` may not stand here
      help: what the model sends goes into `command`, `stdin` or `body`, never into the environment, the folder or a header
    tools.d/places.yaml:4:148-4:152 error[misplaced-name] the parameter `text` may not stand here
      help: what the model sends goes into `command`, `stdin` or `body`, never into the environment, the folder or a header
    tools.d/places.yaml:4:159-4:171 error[misplaced-name] the secret `TOKEN` may not stand here
      help: secrets may stand in `env`, `headers`, `stdin` and `body` only, never in a command line
    tools.d/places.yaml:5:32-5:36 error[misplaced-name] the parameter `text` may not stand here
      help: `within` names one folder, the same for every call
    tools.d/result.yaml:4:65-4:74 error[misplaced-name] the output of a step may not stand here
      help: it may stand in a later step's `stdin` and in `result` only
    tools.d/result.yaml:4:95-4:107 error[misplaced-name] the secret `TOKEN` may not stand here
      help: secrets may stand in `env`, `headers`, `stdin` and `body` only, never in a command line
    tools.d/steps.yaml:4:36-4:45 error[misplaced-name] `workspace` may not stand here
      help: write `workspace: true` beside `steps` to have one
    "#);
}

#[test]
fn a_filter_that_does_not_exist_is_found_in_a_dead_branch() {
    insta::assert_snapshot!(of("unknown-filter"), @"
    prompts/system.md:1:45-1:50 error[unknown-filter] there is no filter `frist`
      help: did you mean `first`?
    tools.d/filter.yaml:4:48-4:52 error[unknown-filter] there is no filter `uper`
      help: did you mean `upper`?
    tools.d/filter.yaml:4:80-4:86 error[unknown-filter] there is no filter `nosuch`
      help: MiniJinja's own filters are the only ones here
    ");
}

#[test]
fn a_template_that_is_none_is_told() {
    insta::assert_snapshot!(of("bad-template"), @r#"
    prompts/system.md:2:15-3:7 error[bad-template] unexpected end of input, expected end of block
      help: see the MiniJinja syntax: `{{ name }}`, `{% if … %}…{% endif %}`, `{% include "file.md" %}`
    tools.d/open.yaml:4:27-4:31 error[bad-template] this is no template: unexpected end of input, expected end of variable block
      help: a template is text with `{{ name }}` in it; close every `{{` with `}}`
    tools.d/open.yaml:4:43-4:45 error[bad-template] this is no template: unexpected end of block
      help: a template is text with `{{ name }}` in it; close every `{{` with `}}`
    tools.d/open.yaml:4:67-4:68 error[bad-template] this is no template: unexpected `}`, expected end of variable block
      help: a template is text with `{{ name }}` in it; close every `{{` with `}}`
    "#);
}

#[test]
fn a_prompt_is_called_by_its_name() {
    insta::assert_snapshot!(of("bad-prompt-call"), @r#"
    tools.d/call.yaml:4:34-4:42 error[bad-prompt-call] `prompt` takes a file's name and named arguments
      help: write `prompt("task.md", title=title)`
    tools.d/call.yaml:4:49-4:61 error[bad-prompt-call] `prompt` takes a file's name and named arguments
      help: write `prompt("task.md", title=title)`
    tools.d/call.yaml:4:68-4:92 error[bad-prompt-call] `prompt` takes a file's name and named arguments
      help: write `prompt("task.md", title=title)`
    "#);
}

#[test]
fn a_list_is_no_text() {
    insta::assert_snapshot!(of("list-in-text"), @r#"
    tools.d/list.yaml:4:23-4:41 error[list-in-text] `args` is a list, and a list can only be spliced
      help: let "{{ args }}" stand alone as an element of the command
    tools.d/list.yaml:4:43-4:56 error[list-in-text] `thing` is an object, which may stand in `stdin` and `body` only
      help: pass its parts as parameters of their own
    "#);
}

#[test]
fn a_program_is_not_computed() {
    insta::assert_snapshot!(of("computed-program"), @"
    tools.d/program.yaml:4:17-4:32 error[computed-program] the program is computed by a template, and must be written as it is
      help: write its bare name (it is found on the engine's own PATH), or its absolute path
    ");
}

#[test]
fn a_program_is_one_word() {
    insta::assert_snapshot!(of("bad-program"), @"
    tools.d/line.yaml:4:17-4:27 error[bad-program] `echo hello` is no program
      help: no shell reads this: write program and arguments as elements of the list
    tools.d/nothing.yaml:4:17-4:19 error[bad-program] `` is no program
      help: no shell reads this: write program and arguments as elements of the list
    tools.d/relative.yaml:4:17-4:27 error[bad-program] `./bin/echo` is a relative path
      help: write its bare name (it is found on the engine's own PATH), or its absolute path
    ");
}

#[test]
fn a_flag_before_what_may_be_dropped_is_told() {
    insta::assert_snapshot!(of("flag-before-dropped"), @"
    tools.d/drop.yaml:4:23-4:29 warning[flag-before-dropped] the flag `--text` stands directly before an element that is dropped when its parameter is absent
      help: write flag and value as one element (`--flag={{ value }}`), as a nested list that is dropped as one, or move the flag
    tools.d/drop.yaml:4:45-4:47 warning[flag-before-dropped] the flag `-n` stands directly before the words of `args`, of which there may be none
      help: write flag and value as one element (`--flag={{ value }}`), as a nested list that is dropped as one, or move the flag
    tools.d/drop.yaml:4:63-4:65 warning[flag-before-dropped] the flag `-v` stands directly before a group that is dropped when its parameter is absent
      help: write flag and value as one element (`--flag={{ value }}`), as a nested list that is dropped as one, or move the flag
    ");
}

#[test]
fn a_word_behind_a_bare_double_dash_is_told() {
    insta::assert_snapshot!(of("word-after-splice"), @r#"
    tools.d/ending.yaml:4:37-4:46 warning[word-after-splice] `--limit=5` stands after the words of `args`, which may end in a bare `--`: then it is no flag
      tools.d/ending.yaml:5:31 this rule lets a bare `--` through
      help: write it before "{{ args }}", or deny the ending: `deny: ['** --']`
    "#);
}

#[test]
fn an_expression_that_lets_a_dash_through_is_told() {
    insta::assert_snapshot!(of("loose-dash"), @r"
    tools.d/dash.yaml:6:31-6:37 warning[loose-dash] `<text>` is not written as a flag, and can match a word that begins with `-`
      help: begin it with a class without `-`: `[a-z0-9].*`, or `<word>`; a flag that is meant is written out
    tools.d/dash.yaml:6:43-6:48 warning[look-alike] `[^x]+` lets letters of every script through, and some look like others: the Cyrillic `а` like `a`
      help: list the letters that are meant, as in `[A-Za-zÀ-ÿ]`; `\w` and `\d` are ASCII
    tools.d/dash.yaml:6:43-6:48 warning[loose-dash] `[^x]+` is not written as a flag, and can match a word that begins with `-`
      help: begin it with a class without `-`: `[a-z0-9].*`, or `<word>`; a flag that is meant is written out
    ");
}

#[test]
fn a_list_that_is_spliced_needs_rules() {
    insta::assert_snapshot!(of("missing-allow"), @r#"
    tools.d/free.yaml:4:23-4:35 error[missing-allow] `args` is spliced into the command, and no rule says which words it may hold
      help: write `arguments: {args: {allow: [...]}}`; `allow: ['**']` says "anything" on purpose
    "#);
}

#[test]
fn a_rule_on_a_text_is_one_word() {
    insta::assert_snapshot!(of("not-one-word"), @r"
    tools.d/words.yaml:5:28-5:33 error[not-one-word] this pattern matches lists of words, and the parameter is one text
      help: write one expression for the whole text; a space in it is written `\ `
    tools.d/words.yaml:5:50-5:54 error[not-one-word] this pattern matches lists of words, and the parameter is one text
      help: write one expression for the whole text; a space in it is written `\ `
    ");
}

#[test]
fn a_list_of_rules_is_not_empty() {
    insta::assert_snapshot!(of("empty-rules"), @"
    policies/none.yaml:1:7-1:9 error[empty-rules] `deny` is an empty list
      help: write a rule, or remove the key
    policies/none.yaml:2:8-2:10 error[empty-rules] `allow` is an empty list
      help: write a rule, or remove the key
    tools.d/none.yaml:5:27-5:29 error[empty-rules] `allow` is an empty list
      help: write a rule, or remove the key
    ");
}

#[test]
fn a_tool_that_reads_does_not_post() {
    insta::assert_snapshot!(of("method-writes"), @"
    tools.d/post.yaml:4:22-4:26 error[method-writes] `POST` changes something, and this tool says `effect: read`
      help: write `effect: write`, or use `GET` or `HEAD`
    ");
}

#[test]
fn a_host_is_a_full_name() {
    insta::assert_snapshot!(of("bad-host"), @"
    tools.d/hosts.yaml:4:40-4:55 error[bad-host] `https://a.org` is no host name
      help: write a full name in lower case without scheme, port or path: `kubernetes.io`, or `*.example.org`
    tools.d/hosts.yaml:4:57-4:66 error[bad-host] `localhost` is no host name
      help: write a full name in lower case without scheme, port or path: `kubernetes.io`, or `*.example.org`
    tools.d/hosts.yaml:4:68-4:76 error[bad-host] `10.0.0.1` is no host name
      help: write a full name in lower case without scheme, port or path: `kubernetes.io`, or `*.example.org`
    tools.d/hosts.yaml:4:78-4:89 error[bad-host] `a.org:443` is no host name
      help: write a full name in lower case without scheme, port or path: `kubernetes.io`, or `*.example.org`
    tools.d/hosts.yaml:4:91-4:94 error[bad-host] `*` is no host name
      help: write a full name in lower case without scheme, port or path: `kubernetes.io`, or `*.example.org`
    tools.d/hosts.yaml:4:96-4:101 error[bad-host] `A.org` is no host name
      help: write a full name in lower case without scheme, port or path: `kubernetes.io`, or `*.example.org`
    tools.d/hosts.yaml:4:113-4:117 error[unknown-value] `html` is no media type
      help: write type and subtype: `text/html`, `application/json`
    ");
}

#[test]
fn an_address_is_one_that_can_be_asked() {
    insta::assert_snapshot!(of("bad-url"), @"
    tolkien.yaml:1:19-1:36 error[bad-url] `api.anthropic.com` is no `http` or `https` address
      help: write it with its scheme and host: `https://example.org`
    tolkien.yaml:2:24-2:37 error[bad-url] `ftp://a.org` is no `http` or `https` address
      help: write it with its scheme and host: `https://example.org`
    tools.d/other.yaml:4:19-4:42 error[bad-url] `example.org` is not one of `hosts`, so every call would be refused
      help: list it under `hosts`
    tools.d/plain.yaml:4:19-4:49 error[bad-url] `http://kubernetes.io/{{ a }}` does not begin with `https://`
      help: write the scheme: only HTTPS is spoken
    tools.d/port.yaml:4:19-4:49 error[bad-url] `kubernetes.io:8443` is more than a host
      help: write the host alone: no user, no password, and the port is always 443
    ");
}

#[test]
fn a_step_has_a_name_of_its_own() {
    insta::assert_snapshot!(of("duplicate-step"), @"
    tools.d/steps.yaml:4:46-4:47 error[duplicate-step] there is a second step `a`
      help: give each step an `id` of its own
    ");
}
