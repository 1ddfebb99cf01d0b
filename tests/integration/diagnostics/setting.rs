//! Settings and prompts.

use super::of;

#[test]
fn an_address_to_listen_on_has_a_port() {
    insta::assert_snapshot!(of("bad-address"), @"
    tolkien.yaml:1:18-1:27 error[bad-address] `localhost` is no address to listen on
      help: write host and port: `127.0.0.1:7331`
    ");
}

#[test]
fn a_secret_in_a_file_is_told() {
    insta::assert_snapshot!(of("secret-in-file"), @"
    tolkien.yaml:1:18-1:25 error[secret-in-file] `TOKEN` is given a value here, and files of a configuration hold no secrets
      help: name where the value comes from: `{file: /run/secrets/…}` or `{env: NAME}`
    tolkien.yaml:2:8-2:45 error[secret-in-file] this database address holds a password, and files of a configuration hold no secrets
      help: leave `store` out and set `TOLKIEN_STORE`, or `TOLKIEN_STORE_FILE`, where it is served
    ");
}

#[test]
fn a_digest_is_not_a_token() {
    insta::assert_snapshot!(of("bad-digest"), @"
    tolkien.yaml:2:49-2:55 error[bad-digest] this is no SHA-256 digest
      help: write the 64 hexadecimal digits that `tolkien token` prints, never the token itself
    tolkien.yaml:2:57-2:60 error[bad-digest] this is no SHA-256 digest
      help: write the 64 hexadecimal digits that `tolkien token` prints, never the token itself
    tolkien.yaml:2:62-2:65 error[wrong-type] a digest must be 64 hexadecimal digits, not a list
      help: write 64 hexadecimal digits
    ");
}

#[test]
fn a_caller_has_a_name_of_its_own() {
    insta::assert_snapshot!(of("duplicate-caller"), @"
    tolkien.yaml:3:12-3:16 error[duplicate-caller] there is a second caller named `joao`
      help: give each caller a name of its own; one caller may have two tokens while they are rotated
    ");
}

#[test]
fn a_token_belongs_to_one_caller() {
    insta::assert_snapshot!(of("shared-token"), @"
    tolkien.yaml:3:12-3:17 error[shared-token] the callers `joao` and `maria` share a token or a Telegram user
      tolkien.yaml:2:12 the other caller
      help: give each caller a token of its own with `tolkien token`
    ");
}

#[test]
fn a_script_that_is_not_there_is_told() {
    insta::assert_snapshot!(of("missing-file"), @"
    tolkien.yaml:1:35-1:44 error[missing-file] there is no file `demo.yaml`
      help: write its path relative to the configuration's folder
    ");
}

#[test]
fn an_include_that_is_missing_is_found_in_a_dead_branch() {
    insta::assert_snapshot!(of("missing-include"), @"
    prompts/system.md:2:12-2:25 error[missing-include] there is no prompt `workflow.md`
      help: did you mean `workflows.md`?
    prompts/system.md:3:26-3:35 error[missing-include] there is no prompt `gone.md`
      help: the prompts are `system.md` and `workflows.md`
    ");
}

#[test]
fn an_include_is_written_as_it_is() {
    insta::assert_snapshot!(of("computed-include"), @"
    prompts/system.md:2:12-2:33 error[computed-include] the name of an included file is computed here
      help: write the file's name as it is, so that a reviewer sees what is read
    ");
}

#[test]
fn a_prompt_that_nothing_reads_is_told() {
    insta::assert_snapshot!(of("unused-prompt"), @r#"
    prompts/idle.md:1:1-1:1 warning[unused-prompt] nothing reads `prompts/idle.md`
      help: include it from `system.md`, use it with `prompt("…")` in a tool, or delete it
    "#);
}

#[test]
fn an_argument_that_a_prompt_never_mentions_is_told() {
    insta::assert_snapshot!(of("unused-argument"), @"
    tools.d/task.yaml:4:30-4:78 warning[unused-argument] `task.md` never mentions `extra`
      help: remove the argument, or use it in the prompt
    ");
}

#[test]
fn a_prompt_that_cannot_be_rendered_is_told() {
    insta::assert_snapshot!(of("prompt-fails"), @"
    prompts/system.md:1:17-1:28 error[prompt-fails] the system prompt cannot be rendered: `facts.cluster.name` is undefined
      help: `tolkien prompt` shows it as the model would get it
    ");
}

#[test]
fn a_test_that_does_not_exist_is_told() {
    insta::assert_snapshot!(of("unknown-test"), @"
    prompts/system.md:1:35-1:42 error[unknown-test] there is no test `definde`
      help: did you mean `defined`?
    ");
}
