//! Values of the wrong kind, and keys that are not known or missing.

#![expect(
    clippy::too_many_lines,
    reason = "one snapshot shows a mistake at every level of the format"
)]

use super::of;

#[test]
fn a_text_that_looks_like_something_else_wants_quotes() {
    insta::assert_snapshot!(of("unquoted-scalar"), @r#"
    tolkien.yaml:1:40-1:41 error[unquoted-scalar] `3` without quotes is a number here, and a text is needed
      help: write "3"
      fix: tolkien.yaml:1:40 -> "3"
    tolkien.yaml:3:15-3:16 error[unquoted-scalar] `4` without quotes is a number here, and a text is needed
      help: write "4"
      fix: tolkien.yaml:3:15 -> "4"
    tools.d/no.yaml:1:14-1:16 error[unquoted-scalar] `no` without quotes is a boolean to many YAML readers, and a text is needed
      help: write "no"
      fix: tools.d/no.yaml:1:14 -> "no"
    tools.d/no.yaml:3:66-3:69 error[unquoted-scalar] `yes` without quotes is a boolean to many YAML readers, and a text is needed
      help: write "yes"
      fix: tools.d/no.yaml:3:66 -> "yes"
    tools.d/no.yaml:3:71-3:73 error[unquoted-scalar] `no` without quotes is a boolean to many YAML readers, and a text is needed
      help: write "no"
      fix: tools.d/no.yaml:3:71 -> "no"
    tools.d/no.yaml:4:23-4:24 error[unquoted-scalar] `5` without quotes is a number here, and a text is needed
      help: write "5"
      fix: tools.d/no.yaml:4:23 -> "5"
    tools.d/no.yaml:4:26-4:30 error[unquoted-scalar] `true` without quotes is a boolean here, and a text is needed
      help: write "true"
      fix: tools.d/no.yaml:4:26 -> "true"
    tools.d/no.yaml:4:32-4:34 error[unquoted-scalar] `on` without quotes is a boolean to many YAML readers, and a text is needed
      help: write "on"
      fix: tools.d/no.yaml:4:32 -> "on"
    tools.d/no.yaml:4:50-4:51 error[unquoted-scalar] `5` without quotes is a number here, and a text is needed
      help: write "5"
      fix: tools.d/no.yaml:4:50 -> "5"
    "#);
}

#[test]
fn a_value_of_the_wrong_type_is_told_for_every_key() {
    insta::assert_snapshot!(of("wrong-type"), @"
    permissions.ack.yaml:1:1-1:17 error[wrong-type] the acknowledgements must be a list, not a mapping
      help: write a list
    policies/values.yaml:1:13-1:20 error[wrong-type] `applies_to` must be a mapping of `key: value`, not the text `kubectl`
      help: write a mapping of `key: value`
    policies/values.yaml:2:7-2:24 error[wrong-type] `deny` must be a list, not the text `kubectl delete **`
      help: write one `- item` a line, or `[item, item]`
    policies/values.yaml:3:6-3:16 error[wrong-type] `ask` must be a list, not a mapping
      help: write a list
    policies/values.yaml:4:8-4:9 error[wrong-type] `allow` must be a list, not the number `5`
      help: write one `- item` a line, or `[item, item]`
    policies/values.yaml:5:9-5:14 error[wrong-type] `effect` must be a mapping of `key: value`, not the text `allow`
      help: write a mapping of `key: value`
    policies/values.yaml:6:9-6:13 error[wrong-type] `redact` must be a list, not the text `text`
      help: write one `- item` a line, or `[item, item]`
    policies/values.yaml:7:8-7:12 error[wrong-type] `never` must be a list, not the text `text`
      help: write one `- item` a line, or `[item, item]`
    policies/values.yaml:8:8-8:18 error[wrong-type] `tests` must be a list, not a mapping
      help: write a list
    tolkien.yaml:1:8-1:14 error[wrong-type] `model` must be a mapping of `key: value`, not the text `claude`
      help: write a mapping of `key: value`
    tolkien.yaml:2:9-2:13 error[wrong-type] `limits` must be a mapping of `key: value`, not a list
      help: write a mapping of `key: value`
    tolkien.yaml:3:9-3:13 error[wrong-type] `server` must be a mapping of `key: value`, not the number `7331`
      help: write a mapping of `key: value`
    tolkien.yaml:4:8-4:16 error[wrong-type] `store` must be a text, not a list
      help: write a text
    tolkien.yaml:5:14-5:26 error[wrong-type] `environment` must be a mapping of `key: value`, not a list
      help: write a mapping of `key: value`
    tolkien.yaml:6:10-6:13 error[wrong-type] `secrets` must be a mapping of `key: value`, not a list
      help: write a mapping of `key: value`
    tolkien.yaml:7:8-7:18 error[wrong-type] `roles` must be a mapping of `key: value`, not a list
      help: write a mapping of `key: value`
    tolkien.yaml:8:10-8:22 error[wrong-type] `callers` must be a list, not a mapping
      help: write a list
    tolkien.yaml:9:14-9:22 error[wrong-type] `mcp_servers` must be a mapping of `key: value`, not a list
      help: write a mapping of `key: value`
    tolkien.yaml:10:10-10:13 error[wrong-type] `sandbox` must be a mapping of `key: value`, not the text `off`
      help: write a mapping of `key: value`
    tolkien.yaml:11:8-11:12 error[wrong-type] `audit` must be a mapping of `key: value`, not the boolean `true`
      help: write a mapping of `key: value`
    tolkien.yaml:12:12-12:16 error[wrong-type] `telemetry` must be a mapping of `key: value`, not the text `json`
      help: write a mapping of `key: value`
    tolkien.yaml:13:8-13:15 error[wrong-type] `facts` must be a mapping of `key: value`, not the text `valinor`
      help: write a mapping of `key: value`
    tools.d/list.yaml:1:1-1:31 error[wrong-type] a tool must be a mapping of `key: value`, not a list
      help: write a mapping of `key: value`
    tools.d/text.yaml:1:1-1:12 error[wrong-type] a tool must be a mapping of `key: value`, not the text `just a text`
      help: write a mapping of `key: value`
    tools.d/values.yaml:1:14-1:20 error[wrong-type] `description` must be a text, not a list
      help: write a text
    tools.d/values.yaml:2:9-2:21 error[unknown-value] `effect` must be `read` or `write`, not a mapping
      help: write `read` or `write`
    tools.d/values.yaml:3:8-3:14 error[wrong-type] `input` must be a mapping of `key: value`, not the text `object`
      help: write a mapping of `key: value`
    tools.d/values.yaml:4:6-4:16 error[wrong-type] `run` must be a mapping of `key: value`, not the text `echo hello`
      help: write a mapping of `key: value`
    tools.d/values.yaml:5:10-5:15 error[wrong-type] `timeout` must be a length of time such as `60s`, not a list
      help: write a length of time such as `60s`
    tools.d/values.yaml:6:9-6:14 error[wrong-type] `output` must be a mapping of `key: value`, not the number `12000`
      help: write a mapping of `key: value`
    tools.d/values.yaml:7:6-7:12 error[wrong-type] `let` must be a mapping of `key: value`, not a list
      help: write a mapping of `key: value`
    tools.d/values.yaml:8:8-8:12 error[wrong-type] `parts` must be a mapping of `key: value`, not the text `text`
      help: write a mapping of `key: value`
    tools.d/values.yaml:9:12-9:18 error[wrong-type] `arguments` must be a mapping of `key: value`, not a list
      help: write a mapping of `key: value`
    tools.d/values.yaml:10:10-10:13 error[wrong-type] `sandbox` must be a mapping of `key: value`, not the text `off`
      help: write a mapping of `key: value`
    tools.d/values.yaml:11:8-11:16 error[wrong-type] `tests` must be a list, not the text `get pods`
      help: write one `- item` a line, or `[item, item]`
    ");
}

#[test]
fn a_word_that_is_none_of_the_few_is_told_with_the_nearest() {
    insta::assert_snapshot!(of("unknown-value"), @"
    policies/values.yaml:1:30-1:36 error[unknown-value] an effect must be `read` or `write`, not the text `delete`
      help: write `read` or `write`
    policies/values.yaml:1:50-1:53 error[unknown-value] a channel must be `api`, `telegram`, `mcp` or `local`, not the text `apy`
      help: did you mean `api`?
      fix: policies/values.yaml:1:50 -> api
    policies/values.yaml:2:17-2:24 error[unknown-value] `write` must be `allow`, `ask` or `deny`, not the text `allowed`
      help: did you mean `allow`?
      fix: policies/values.yaml:2:17 -> allow
    tolkien.yaml:1:19-1:24 error[unknown-value] `provider` must be `claude` or `script`, not the text `clade`
      help: did you mean `claude`?
      fix: tolkien.yaml:1:19 -> claude
    tolkien.yaml:2:8-2:33 error[unknown-value] `mysql://localhost/tolkien` is no store
      help: write `sqlite`, `sqlite:PATH`, `sqlite::memory:` or `postgres://…`
    tolkien.yaml:3:18-3:23 error[unknown-value] `log` must be `json` or `text`, not the text `jsonl`
      help: did you mean `json`?
      fix: tolkien.yaml:3:18 -> json
    tolkien.yaml:4:44-4:49 error[unknown-value] an effect must be `read` or `write`, not the text `reads`
      help: did you mean `read`?
      fix: tolkien.yaml:4:44 -> read
    tools.d/values.yaml:2:9-2:13 error[unknown-value] `effect` must be `read` or `write`, not the text `reed`
      help: did you mean `read`?
      fix: tools.d/values.yaml:2:9 -> read
    tools.d/values.yaml:3:15-3:20 error[unknown-value] the `type` of an input must be `object`, not the text `objct`
      help: did you mean `object`?
      fix: tools.d/values.yaml:3:15 -> object
    tools.d/values.yaml:3:45-3:50 error[unknown-value] `type` must be `string`, `integer`, `number`, `boolean`, `array` or `object`, not the text `strng`
      help: did you mean `string`?
      fix: tools.d/values.yaml:3:45 -> string
    tools.d/values.yaml:5:16-5:20 error[unknown-value] `keep` must be `head`, `tail` or `head_tail`, not the text `both`
      help: write `head`, `tail` or `head_tail`
    tools.d/values.yaml:6:20-6:23 error[unknown-value] `require` must be `full`, `best-effort` or `off`, not the text `ful`
      help: did you mean `full`?
      fix: tools.d/values.yaml:6:20 -> full
    ");
}

#[test]
fn a_number_beyond_its_bounds_is_told_with_them() {
    insta::assert_snapshot!(of("out-of-range"), @"
    tolkien.yaml:1:18-1:19 error[out-of-range] `rounds` is 0, and must be between 1 and 1000
      help: write a number from 1 to 1000
    tolkien.yaml:1:37-1:41 error[out-of-range] `parallel_calls` is 1000, and must be between 1 and 256
      help: write a number from 1 to 256
    tolkien.yaml:1:57-1:61 error[out-of-range] `session_idle` is `400d`, and at most a year is taken
      help: write a shorter time: `60s`, `20m`, `1h`, `7d`
    tolkien.yaml:2:21-2:22 error[out-of-range] `max_tokens` is 0, and must be between 1 and 1000000
      help: write a number from 1 to 1000000
    tools.d/numbers.yaml:4:43-4:46 error[out-of-range] an exit code is 256, and must be between 0 and 255
      help: write a number from 0 to 255
    tools.d/numbers.yaml:5:10-5:15 error[out-of-range] `timeout` is `9000d`, and at most a year is taken
      help: write a shorter time: `60s`, `20m`, `1h`, `7d`
    tools.d/numbers.yaml:6:17-6:18 error[out-of-range] `limit` is 5, and must be between 100 and 1000000
      help: write a number from 100 to 1000000
    tools.d/numbers.yaml:6:32-6:33 error[out-of-range] `keep_bytes` is 0, and must be between 1024 and 67108864
      help: write a number from 1024 to 67108864
    tools.d/numbers.yaml:7:23-7:24 error[out-of-range] `max` is 0, and must be between 1 and 1000000
      help: write a number from 1 to 1000000
    tools.d/numbers.yaml:8:22-8:23 error[out-of-range] `max` is 0, and must be between 1 and 10000000
      help: write a number from 1 to 10000000
    tools.d/numbers.yaml:9:21-9:22 error[out-of-range] a port is 0, and must be between 1 and 65535
      help: write a number from 1 to 65535
    tools.d/numbers.yaml:9:24-9:29 error[out-of-range] a port is 65536, and must be between 1 and 65535
      help: write a number from 1 to 65535
    ");
}

#[test]
fn a_length_of_time_needs_a_unit() {
    insta::assert_snapshot!(of("bad-duration"), @"
    tolkien.yaml:1:24-1:34 error[bad-duration] `30 minutes` is no length of time for `session_idle`
      help: write a number with `ms`, `s`, `m`, `h` or `d`: `60s`
    tolkien.yaml:1:50-1:52 error[bad-duration] `0s` is no length of time for `call_timeout`
      help: write a number with `ms`, `s`, `m`, `h` or `d`: `60s`
    tolkien.yaml:1:72-1:75 error[bad-duration] `-1m` is no length of time for `approval_timeout`
      help: write a number with `ms`, `s`, `m`, `h` or `d`: `60s`
    tolkien.yaml:2:26-2:30 error[bad-duration] `soon` is no length of time for `shutdown_grace`
      help: write a number with `ms`, `s`, `m`, `h` or `d`: `60s`
    tools.d/times.yaml:5:10-5:12 error[bad-duration] `60` is no length of time for `timeout`
      help: give it a unit: `60s`
    ");
}

#[test]
fn a_text_for_a_reader_says_something() {
    insta::assert_snapshot!(of("empty-text"), @"
    policies/silent.yaml:1:14-1:16 error[empty-text] `description` is empty
      help: write a sentence, or remove the key where it is optional
    policies/silent.yaml:2:31-2:34 error[empty-text] `because` is empty
      help: write a sentence, or remove the key where it is optional
    tools.d/silent.yaml:1:14-1:18 error[empty-text] `description` is empty
      help: write a sentence, or remove the key where it is optional
    tools.d/silent.yaml:7:37-7:39 error[empty-text] `because` is empty
      help: write a sentence, or remove the key where it is optional
    ");
}

#[test]
fn a_key_that_is_not_known_is_told_at_every_level() {
    insta::assert_snapshot!(of("unknown-key"), @"
    permissions.ack.yaml:1:4-1:9 error[unknown-key] `reson` is not a key of an acknowledgement
      help: did you mean `reason`?
      fix: permissions.ack.yaml:1:4 -> reason
    policies/keys.yaml:1:1-1:11 error[unknown-key] `applies-to` is not a key of a policy
      help: did you mean `applies_to`?
      fix: policies/keys.yaml:1:1 -> applies_to
    policies/keys.yaml:2:14-2:18 error[unknown-key] `tool` is not a key of `applies_to`
      help: did you mean `tools`?
      fix: policies/keys.yaml:2:14 -> tools
    policies/keys.yaml:3:1-3:7 error[unknown-key] `denies` is not a key of a policy
      help: its keys are `description`, `applies_to`, `let`, `parts`, `deny`, `ask`, `allow`, `effect`, `redact`, `never` and `tests`
    policies/keys.yaml:4:19-4:22 error[unknown-key] `why` is not a key of a rule
      help: its keys are `id`, `match` and `because`
    policies/keys.yaml:5:18-5:26 error[unknown-key] `approver` is not a key of a rule
      help: did you mean `approvers`?
      fix: policies/keys.yaml:5:18 -> approvers
    policies/keys.yaml:6:10-6:16 error[unknown-key] `writes` is not a key of `effect`
      help: did you mean `write`?
      fix: policies/keys.yaml:6:10 -> write
    policies/keys.yaml:7:10-7:10 error[missing-key] a redaction needs `replace`
      help: write what stands there instead: `[redacted]`
    policies/keys.yaml:7:21-7:25 error[unknown-key] `with` is not a key of a redaction
      help: its keys are `match` and `replace`
    policies/keys.yaml:8:9-8:45 error[missing-key] a case needs exactly one of `allow`, `ask` and `deny`
      help: write `- allow: get pods -A`, or the whole input: `- deny: {args: [get, secrets]}`
    policies/keys.yaml:8:25-8:31 error[unknown-key] `denied` is not a key of a case
      help: its keys are `tool`, `allow`, `ask`, `deny` and `rule`
    tolkien.yaml:1:1-1:6 error[unknown-key] `modle` is not a key of the settings
      help: did you mean `model`?
      fix: tolkien.yaml:1:1 -> model
    tolkien.yaml:2:9-2:12 error[unknown-key] `nam` is not a key of `model`
      help: did you mean `name`?
      fix: tolkien.yaml:2:9 -> name
    tolkien.yaml:3:10-3:15 error[unknown-key] `round` is not a key of `limits`
      help: did you mean `rounds`?
      fix: tolkien.yaml:3:10 -> rounds
    tolkien.yaml:4:10-4:14 error[unknown-key] `port` is not a key of `server`
      help: its keys are `listen`, `shutdown_grace` and `state_dir`
    tolkien.yaml:5:1-5:11 error[unknown-key] `enviroment` is not a key of the settings
      help: did you mean `environment`?
      fix: tolkien.yaml:5:1 -> environment
    tolkien.yaml:6:15-6:20 error[unknown-key] `files` is not a key of a secret
      help: did you mean `file`?
      fix: tolkien.yaml:6:15 -> file
    tolkien.yaml:7:20-7:24 error[unknown-key] `tool` is not a key of the role `operator`
      help: did you mean `tools`?
      fix: tolkien.yaml:7:20 -> tools
    tolkien.yaml:8:40-8:45 error[unknown-key] `token` is not a key of a caller
      help: its keys are `name`, `role`, `token_sha256` and `telegram`
    tolkien.yaml:9:23-9:33 error[missing-key] the MCP server `github` needs exactly one of `command` and `url`
      help: write `{command: [...]}` or `{url: https://…}`
    tolkien.yaml:9:24-9:27 error[unknown-key] `cmd` is not a key of an MCP server
      help: its keys are `command`, `env` and `url`
    tolkien.yaml:10:11-10:19 error[unknown-key] `requires` is not a key of `sandbox`
      help: did you mean `require`?
      fix: tolkien.yaml:10:11 -> require
    tolkien.yaml:11:9-11:14 error[unknown-key] `files` is not a key of `audit`
      help: did you mean `file`?
      fix: tolkien.yaml:11:9 -> file
    tolkien.yaml:12:13-12:17 error[unknown-key] `logs` is not a key of `telemetry`
      help: did you mean `log`?
      fix: tolkien.yaml:12:13 -> log
    tools.d/beside.yaml:4:24-4:33 error[unknown-key] `workspace` has no meaning beside `command`
      help: remove it, or move it to where it belongs
    tools.d/beside.yaml:4:41-4:47 error[unknown-key] `result` has no meaning beside `command`
      help: remove it, or move it to where it belongs
    tools.d/http.yaml:4:14-4:17 error[unknown-key] `uri` is not a key of `http`
      help: did you mean `url`?
      fix: tools.d/http.yaml:4:14 -> url
    tools.d/http.yaml:4:44-4:48 error[unknown-key] `host` is not a key of `http`
      help: did you mean `hosts`?
      fix: tools.d/http.yaml:4:44 -> hosts
    tools.d/http.yaml:4:67-4:71 error[unknown-key] `body` has no meaning beside `GET`
      help: remove it, or write the `method` that takes one
    tools.d/keys.yaml:1:1-1:11 error[unknown-key] `descripton` is not a key of a tool
      help: did you mean `description`?
      fix: tools.d/keys.yaml:1:1 -> description
    tools.d/keys.yaml:5:3-5:12 error[unknown-key] `propertys` is not a key of `input`
      help: did you mean `properties`?
      fix: tools.d/keys.yaml:5:3 -> properties
    tools.d/keys.yaml:7:47-7:56 error[unknown-key] `minLenght` is not a keyword of JSON Schema
      help: did you mean `minLength`?
      fix: tools.d/keys.yaml:7:47 -> minLength
    tools.d/keys.yaml:7:62-7:70 error[unknown-key] `nullable` is not a keyword of JSON Schema
      help: json-schema.org lists the keywords; words for people go into `description`
    tools.d/keys.yaml:9:3-9:9 error[unknown-key] `comand` is not a key of `run`
      help: did you mean `command`?
      fix: tools.d/keys.yaml:9:3 -> command
    tools.d/keys.yaml:10:3-10:8 error[unknown-key] `shell` is not a key of `run`
      help: its keys are `command`, `env`, `stdin`, `cwd`, `ok`, `workspace`, `steps`, `result`, `http` and `mcp`
    tools.d/keys.yaml:11:1-11:8 error[unknown-key] `outputs` is not a key of a tool
      help: did you mean `output`?
      fix: tools.d/keys.yaml:11:1 -> output
    tools.d/keys.yaml:12:10-12:16 error[unknown-key] `limits` is not a key of `output`
      help: did you mean `limit`?
      fix: tools.d/keys.yaml:12:10 -> limit
    tools.d/keys.yaml:13:13-13:13 error[missing-key] a named expression needs `re`
      help: write `{re: '[a-z]+', max: 63}`
    tools.d/keys.yaml:13:14-13:19 error[unknown-key] `regex` is not a key of a named expression
      help: its keys are `re` and `max`
    tools.d/keys.yaml:14:1-14:9 error[unknown-key] `argument` is not a key of a tool
      help: did you mean `arguments`?
      fix: tools.d/keys.yaml:14:1 -> arguments
    tools.d/keys.yaml:15:11-15:16 error[unknown-key] `reads` is not a key of `sandbox`
      help: did you mean `read`?
      fix: tools.d/keys.yaml:15:11 -> read
    tools.d/keys.yaml:18:5-18:9 error[unknown-key] `alow` is not a key of the rules on a parameter
      help: did you mean `allow`?
      fix: tools.d/keys.yaml:18:5 -> allow
    tools.d/keys.yaml:19:5-19:9 error[unknown-key] `dash` has no meaning for a list
      help: remove it: for the items of a list the `allow` patterns alone decide
    tools.d/keys.yaml:21:20-21:26 error[unknown-key] `becuse` is not a key of a rule
      help: did you mean `because`?
      fix: tools.d/keys.yaml:21:20 -> because
    tools.d/keys.yaml:23:6-23:10 error[unknown-key] `alow` is not a key of a case
      help: did you mean `allow`?
      fix: tools.d/keys.yaml:23:6 -> allow
    tools.d/keys.yaml:24:15-24:18 error[unknown-key] `rul` is not a key of a case
      help: did you mean `rule`?
      fix: tools.d/keys.yaml:24:15 -> rule
    tools.d/mcp.yaml:4:13-4:18 error[unknown-key] `sever` is not a key of `mcp`
      help: did you mean `server`?
      fix: tools.d/mcp.yaml:4:13 -> server
    tools.d/steps.yaml:4:33-4:39 error[unknown-key] `comand` is not a key of a step
      help: did you mean `command`?
      fix: tools.d/steps.yaml:4:33 -> command
    tools.d/steps.yaml:4:49-4:61 error[unknown-key] `idle-timeout` is not a key of a step
      help: did you mean `idle_timeout`?
      fix: tools.d/steps.yaml:4:49 -> idle_timeout
    tools.d/steps.yaml:4:96-4:103 error[unknown-key] `matches` is not a key of `require`
      help: did you mean `match`?
      fix: tools.d/steps.yaml:4:96 -> match
    ");
}

#[test]
fn a_key_that_is_missing_is_told_once() {
    insta::assert_snapshot!(of("missing-key"), @r#"
    permissions.ack.yaml:1:3-1:3 error[missing-key] an acknowledgement needs `fingerprint`
      help: write `{fingerprint: …, reason: …}` as `tolkien diff` prints it
    permissions.ack.yaml:1:3-1:3 error[missing-key] an acknowledgement needs `reason`
      help: write `{fingerprint: …, reason: …}` as `tolkien diff` prints it
    policies/rules.yaml:1:8-1:8 error[missing-key] a rule needs `match`
      help: write its pattern: `match: 'get **'`
    policies/rules.yaml:2:10-2:10 error[missing-key] a redaction needs `match`
      help: write the expression to look for
    policies/rules.yaml:2:10-2:10 error[missing-key] a redaction needs `replace`
      help: write what stands there instead: `[redacted]`
    policies/rules.yaml:3:9-3:9 error[missing-key] a policy's case needs `tool`
      help: name the tool that is called
    policies/rules.yaml:3:27-3:42 error[missing-key] a case needs exactly one of `allow`, `ask` and `deny`
      help: write `- allow: get pods -A`, or the whole input: `- deny: {args: [get, secrets]}`
    tolkien.yaml:1:8-1:8 error[missing-key] the scripted model needs `script`
      help: write the path of the script, relative to the configuration's folder
    tolkien.yaml:2:14-2:16 error[missing-key] the secret `A` needs exactly one of `file` and `env`
      help: write `{file: PATH}` or `{env: NAME}`
    tolkien.yaml:2:21-2:39 error[missing-key] the secret `B` needs exactly one of `file` and `env`
      help: write `{file: PATH}` or `{env: NAME}`
    tolkien.yaml:3:19-3:19 error[missing-key] the role `operator` needs `tools`
      help: write `tools: ["*"]` for all of them
    tolkien.yaml:4:11-4:11 error[missing-key] a caller needs `name`
      help: write who it is: `name: joao`
    tolkien.yaml:4:11-4:11 error[missing-key] a caller needs `role`
      help: write one of the roles: `role: operator`
    tolkien.yaml:4:15-4:43 error[missing-key] the caller `joao` has no way in
      help: write `token_sha256: [...]` (see `tolkien token`) or `telegram: {user_ids: [...]}`
    tolkien.yaml:5:23-5:25 error[missing-key] the MCP server `github` needs exactly one of `command` and `url`
      help: write `{command: [...]}` or `{url: https://…}`
    tolkien.yaml:5:43-5:45 error[missing-key] `command` is empty
      help: write the program and its arguments: `[github-mcp-server, stdio]`
    tools.d/both.yaml:4:6-4:85 error[missing-key] `run` needs exactly one of `command`, `steps`, `http` and `mcp`
      help: write `command: [program, "{{ args }}"]`
    tools.d/command.yaml:4:16-4:18 error[missing-key] `command` is empty
      help: write the program first: `[kubectl, "{{ args }}"]`
    tools.d/command.yaml:4:24-4:26 error[missing-key] `ok` is an empty list
      help: list the exit codes that are a result: `ok: [0, 1]`
    tools.d/empty.yaml:3:8-3:8 error[missing-key] `input` needs `type`
      help: write `type: object`
    tools.d/empty.yaml:4:6-4:8 error[missing-key] `run` needs exactly one of `command`, `steps`, `http` and `mcp`
      help: write `command: [program, "{{ args }}"]`
    tools.d/empty.yaml:6:9-6:11 error[missing-key] a case needs exactly one of `allow`, `ask` and `deny`
      help: write `- allow: get pods -A`, or the whole input: `- deny: {args: [get, secrets]}`
    tools.d/http.yaml:4:13-4:13 error[missing-key] `http` needs `url`
      help: write the address: `url: "{{ url }}"`
    tools.d/http.yaml:4:21-4:23 error[missing-key] `hosts` is empty, so every call would be refused
      help: list every host that may be asked: `hosts: [kubernetes.io]`
    tools.d/mcp.yaml:4:12-4:12 error[missing-key] `mcp` needs `server`
      help: name one of `mcp_servers` in `tolkien.yaml`
    tools.d/mcp.yaml:4:12-4:12 error[missing-key] `mcp` needs `tool`
      help: name the server's tool
    tools.d/nothing.yaml:1:1-1:1 error[missing-key] a tool needs `description`
      help: tell the model what it is for, with an example
    tools.d/nothing.yaml:1:1-1:1 error[missing-key] a tool needs `effect`
      help: write `effect: read`, or `effect: write` when it changes anything
    tools.d/nothing.yaml:1:1-1:1 error[missing-key] a tool needs `input`
      help: write the JSON Schema of its arguments: `{type: object, properties: {…}}`
    tools.d/nothing.yaml:1:1-1:1 error[missing-key] a tool needs `run`
      help: write what it starts: `run: {command: [program, "{{ args }}"]}`
    tools.d/step.yaml:4:15-4:15 error[missing-key] a step needs `command`
      help: write `command: [program, …]`
    tools.d/step.yaml:4:51-4:53 error[missing-key] `require` requires nothing
      help: write `match: EXPRESSION`, `each_line: EXPRESSION` or `not_empty: true`
    tools.d/steps.yaml:4:14-4:16 error[missing-key] `steps` is empty
      help: write at least one `- command: [...]`
    "#);
}

#[test]
fn a_name_that_nothing_can_have_is_told() {
    insta::assert_snapshot!(of("bad-name"), @r#"
    policies/ids.yaml:1:13-1:16 error[bad-name] `a b` cannot name a rule
      help: start with a letter and use letters, digits, `-` and `_`; `allow` and `effect` are taken
    policies/ids.yaml:1:37-1:42 error[bad-name] `allow` cannot name a rule
      help: start with a letter and use letters, digits, `-` and `_`; `allow` and `effect` are taken
    policies/read_only.yaml:1:1-1:1 error[bad-name] `read_only` is no name for a policy
      help: start with a letter and use `a-z`, `0-9` and `-`, at most 64: `read-only`
    tolkien.yaml:1:33-1:36 error[bad-name] `A-B` is no environment name
      help: use letters, digits and `_`, and do not start with a digit
    tolkien.yaml:2:11-2:13 error[bad-name] `1A` is no environment name
      help: use letters, digits and `_`, and do not start with a digit
    tolkien.yaml:2:34-2:39 error[bad-name] `B C` is no environment name
      help: use letters, digits and `_`, and do not start with a digit
    tolkien.yaml:3:39-3:41 error[bad-name] `` is no environment name
      help: use letters, digits and `_`, and do not start with a digit
    tools.d/9lives.yaml:1:1-1:1 error[bad-name] `9lives` is no name for a tool
      help: start with a letter and use `a-z`, `0-9` and `_`, at most 64: `lives`
    tools.d/Big.yaml:1:1-1:1 error[bad-name] `Big` is no name for a tool
      help: start with a letter and use `a-z`, `0-9` and `_`, at most 64: `big`
    tools.d/docs-list.yaml:1:1-1:1 error[bad-name] `docs-list` is no name for a tool
      help: start with a letter and use `a-z`, `0-9` and `_`, at most 64: `docs_list`
    tools.d/headers.yaml:4:78-4:82 error[bad-name] `Host` cannot be set as a header
      help: remove it: it follows from the address and the body
    tools.d/headers.yaml:4:87-4:92 error[bad-name] `X Y` cannot be set as a header
      help: use letters, digits and `-`
    tools.d/headers.yaml:4:97-4:103 error[bad-name] `Accept` cannot be set as a header
      help: write the media types under `accept`
    tools.d/headers.yaml:4:108-4:123 error[bad-name] `Accept-Encoding` cannot be set as a header
      help: remove it: answers are asked for as they are, never compressed
    tools.d/names.yaml:3:36-3:39 error[bad-name] `env` is no name for a parameter
      help: use letters, digits and `_`, start with a letter, and leave `env`, `secret`, `steps`, `workspace` and `prompt` to templates
    tools.d/names.yaml:3:57-3:60 error[bad-name] `a-b` is no name for a parameter
      help: use letters, digits and `_`, start with a letter, and leave `env`, `secret`, `steps`, `workspace` and `prompt` to templates
    tools.d/names.yaml:3:78-3:80 error[bad-name] `1a` is no name for a parameter
      help: use letters, digits and `_`, start with a letter, and leave `env`, `secret`, `steps`, `workspace` and `prompt` to templates
    tools.d/names.yaml:4:20-4:25 error[bad-name] `1st` cannot name a step
      help: use letters, digits and `_`, and start with a letter
    tools.d/names.yaml:4:50-4:53 error[bad-name] `A-B` is no environment name
      help: use letters, digits and `_`, and do not start with a digit
    tools.d/names.yaml:4:58-4:60 error[bad-name] `` is no environment name
      help: use letters, digits and `_`, and do not start with a digit
    tools.d/names.yaml:4:62-4:63 error[unquoted-scalar] `y` without quotes is a boolean to many YAML readers, and a text is needed
      help: write "y"
      fix: tools.d/names.yaml:4:62 -> "y"
    "#);
}

#[test]
fn the_name_that_the_engine_keeps_is_told() {
    insta::assert_snapshot!(of("reserved-name"), @"
    tools.d/read_output.yaml:1:1-1:1 error[reserved-name] the engine keeps the name `read_output` for itself
      help: give the tool's file another name
    ");
}

#[test]
fn a_file_that_would_be_passed_over_is_told() {
    insta::assert_snapshot!(of("unexpected-file"), @"
    permissions.ack.yml:1:1-1:1 error[unexpected-file] `permissions.ack.yml` is not read
      help: did you mean `permissions.ack.yaml`?
    policies/cluster.json:1:1-1:1 error[unexpected-file] `policies/cluster.json` is not read: a policy is a file that ends in `.yaml`
      help: rename it to `cluster.yaml`, or move it out of this folder
    policy:1:1-1:1 warning[unexpected-file] `policy` is not read
      help: did you mean `policies`?
    prompts/extra.txt:1:1-1:1 error[unexpected-file] `prompts/extra.txt` is not read: a prompt is a file that ends in `.md`
      help: rename it to `extra.md`, or move it out of this folder
    promts:1:1-1:1 warning[unexpected-file] `promts` is not read
      help: did you mean `prompts`?
    tolkien.yml:1:1-1:1 warning[unexpected-file] `tolkien.yml` is not read
      help: did you mean `tolkien.yaml`?
    tools.d/README.md:1:1-1:1 error[unexpected-file] `tools.d/README.md` is not read: a tool is a file that ends in `.yaml`
      help: move it out of this folder
    tools.d/notes.yml:1:1-1:1 error[unexpected-file] `tools.d/notes.yml` is not read: a tool is a file that ends in `.yaml`
      help: rename it to `notes.yaml`, or move it out of this folder
    tools__kubectl.yaml:1:1-1:1 warning[unexpected-file] `tools__kubectl.yaml` is not read
      help: did you mean `tools.d__kubectl.yaml`?
    ");
}

#[test]
fn a_fingerprint_has_one_spelling() {
    insta::assert_snapshot!(of("bad-fingerprint"), @r#"
    permissions.ack.yaml:1:17-1:20 error[bad-fingerprint] `abc` is no fingerprint
      help: it has 64 digits of `0-9` and `a-f`: copy it from what `tolkien diff` prints
    permissions.ack.yaml:2:17-2:90 error[bad-fingerprint] `sha256:5FECEB66FFC86F38D952786C6D696C79C2DBC239DD4E91B46729D73A27FB57E9` is no fingerprint
      help: it has 64 digits of `0-9` and `a-f`: copy it from what `tolkien diff` prints
      fix: permissions.ack.yaml:2:17 -> "5feceb66ffc86f38d952786c6d696c79c2dbc239dd4e91b46729d73a27fb57e9"
    permissions.ack.yaml:3:17-3:21 error[unquoted-scalar] `1234` without quotes is a number here, and a text is needed
      help: write "1234"
      fix: permissions.ack.yaml:3:17 -> "1234"
    permissions.ack.yaml:3:31-3:34 error[empty-text] `reason` is empty
      help: write a sentence, or remove the key where it is optional
    "#);
}

#[test]
fn a_change_is_acknowledged_once() {
    insta::assert_snapshot!(of("duplicate-acknowledgement"), @"
    permissions.ack.yaml:2:3-2:97 error[duplicate-acknowledgement] `5feceb66ffc86f38d952786c6d696c79c2dbc239dd4e91b46729d73a27fb57e9` is acknowledged a second time
      permissions.ack.yaml:1:3 first here
      help: keep one of the two entries
    ");
}
