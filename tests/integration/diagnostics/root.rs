//! Roots that a folder of fixtures cannot hold: the tests make them.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use tolkien::config::Overrides;
use tolkien::policy;

use super::{copy, findings, fixtures};

const TOOL: &str = "tools.d/kubectl.yaml";

fn good() -> tempfile::TempDir {
    let root = tempfile::tempdir().unwrap();
    copy(&fixtures().join("good"), root.path());
    root
}

fn revision(root: &Path) -> String {
    let loaded = policy::load(root, Overrides::None).unwrap();
    loaded.config.unwrap().revision().to_string()
}

/// Writes every file of a root under its flat name into another folder.
fn flattened(root: &Path, target: &Path) {
    for entry in fs::read_dir(root).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        if path.is_dir() {
            for entry in fs::read_dir(&path).unwrap() {
                let entry = entry.unwrap();
                let file = entry.file_name().into_string().unwrap();
                fs::copy(entry.path(), target.join(format!("{name}__{file}"))).unwrap();
            }
        } else {
            fs::copy(&path, target.join(name)).unwrap();
        }
    }
}

#[test]
fn a_file_that_is_not_utf8_is_told_where_it_stops_being_text() {
    let root = good();
    fs::write(root.path().join(TOOL), b"description: Says\neffect: \xff\n").unwrap();
    fs::write(root.path().join("prompts/system.md"), b"\xc3(").unwrap();
    insta::assert_snapshot!(findings(root.path()), @"
    prompts/system.md:1:1-1:1 error[not-utf8] this file is not UTF-8 text
      help: save it as UTF-8; the first wrong byte stands here
    tools.d/kubectl.yaml:2:9-2:9 error[not-utf8] this file is not UTF-8 text
      help: save it as UTF-8; the first wrong byte stands here
    ");
}

#[test]
fn a_file_of_ten_megabytes_is_not_read() {
    let root = good();
    fs::write(root.path().join(TOOL), vec![b'#'; 10 * 1024 * 1024]).unwrap();
    fs::write(
        root.path().join("tolkien.yaml"),
        vec![b'#'; 10 * 1024 * 1024],
    )
    .unwrap();
    insta::assert_snapshot!(findings(root.path()), @"
    tolkien.yaml:1:1-1:1 error[too-large] this file has 10485760 bytes, and at most 1048576 are read
      help: a ConfigMap, the whole of it, holds no more than 1 MiB
    tools.d/kubectl.yaml:1:1-1:1 error[too-large] this file has 10485760 bytes, and at most 1048576 are read
      help: a ConfigMap, the whole of it, holds no more than 1 MiB
    ");
}

#[test]
fn a_folder_where_a_file_should_be_is_told() {
    let root = good();
    fs::create_dir(root.path().join("tools.d/x.yaml")).unwrap();
    fs::write(root.path().join("policies/y.yaml"), "deny: [echo]\n").unwrap();
    fs::remove_dir_all(root.path().join("prompts")).unwrap();
    fs::write(root.path().join("prompts"), "You are an agent.\n").unwrap();
    insta::assert_snapshot!(findings(root.path()), @"
    prompts:1:1-1:1 error[not-a-folder] `prompts` is a file, and must be a folder
      help: move its content into files below a folder of this name
    tools.d/x.yaml:1:1-1:1 error[not-a-file] `tools.d/x.yaml` is not a file
      help: a configuration holds files only; remove it, or give it another ending
    ");
}

#[test]
fn a_link_that_leads_nowhere_is_told() {
    let root = good();
    symlink("gone.yaml", root.path().join("tools.d/link.yaml")).unwrap();
    insta::assert_snapshot!(findings(root.path()), @"
    tools.d/link.yaml:1:1-1:1 error[unreadable-file] `tools.d/link.yaml` cannot be read: No such file or directory (os error 2)
      help: look at its permissions, and where it leads if it is a link
    ");
}

#[test]
fn a_folder_that_is_empty_is_one_finding() {
    let root = tempfile::tempdir().unwrap();
    insta::assert_snapshot!(findings(root.path()), @"
    tools.d:1:1-1:1 error[nothing-to-check] there is no configuration here: no settings, no tool, no policy, no prompt
      help: name the folder that holds `tools.d`, or start one with `tolkien init`
    ");
}

#[test]
fn a_root_without_tools_and_prompts_is_told() {
    let root = tempfile::tempdir().unwrap();
    fs::write(root.path().join("tolkien.yaml"), "limits: {rounds: 5}\n").unwrap();
    insta::assert_snapshot!(findings(root.path()), @"
    prompts/system.md:1:1-1:1 error[missing-prompt] there is no `prompts/system.md`
      help: write one: it tells the model who it is and what it may do
    tools.d:1:1-1:1 error[nothing-to-check] there is no tool here
      help: write `tools.d/NAME.yaml`, or start with `tolkien init`
    ");
}

#[test]
fn a_folder_that_does_not_exist_is_an_error_of_its_own() {
    let root = good();
    let error = policy::load(&root.path().join("gone"), Overrides::None).unwrap_err();
    let shown = root.path().join("gone").display().to_string();
    assert_eq!(error.to_string(), format!("there is no folder `{shown}`"));
}

#[test]
fn settings_that_hold_only_comments_are_fine() {
    let root = tempfile::tempdir().unwrap();
    copy(&fixtures().join("good"), root.path());
    fs::write(root.path().join(TOOL), SAYS_HELLO).unwrap();
    fs::write(root.path().join("prompts/system.md"), "You are an agent.\n").unwrap();
    for text in [
        "",
        "# everything has a default\n",
        "---\n# nothing\n",
        "{}\n",
    ] {
        fs::write(root.path().join("tolkien.yaml"), text).unwrap();
        assert_eq!(findings(root.path()), "", "{text:?}");
    }
    fs::write(root.path().join("permissions.ack.yaml"), "# none yet\n").unwrap();
    assert_eq!(findings(root.path()), "");
}

const SAYS_HELLO: &str = "\
description: Says something.
effect: read
input: {type: object, properties: {args: {type: array, items: {type: string}}}}
run: {command: [kubectl, '{{ args }}']}
arguments: {args: {allow: [get pods], deny: [get secrets]}}
tests:
  - allow: get pods
  - deny: get secrets
";

#[test]
fn broken_settings_are_told_once_and_nothing_follows_from_them() {
    let root = good();
    fs::write(root.path().join("tolkien.yaml"), "limits: [\n").unwrap();
    fs::write(
        root.path().join("policies/roles.yaml"),
        "applies_to: {roles: [viewer]}\nask: [{match: kubectl **, approvers: [viewer]}]\n",
    )
    .unwrap();
    insta::assert_snapshot!(findings(root.path()), @"
    tolkien.yaml:1:9-1:10 error[yaml-syntax] this `[` is never closed
      help: close it, or put the whole value in quotes if it is text
    ");
}

#[test]
fn a_broken_policy_is_told_once_and_nothing_follows_from_it() {
    let root = good();
    fs::write(root.path().join("policies/names.yaml"), "let: [\n").unwrap();
    fs::write(
        root.path().join("policies/borrows.yaml"),
        "deny: ['kubectl <names.ns>']\n",
    )
    .unwrap();
    insta::assert_snapshot!(findings(root.path()), @"
    policies/names.yaml:1:6-1:7 error[yaml-syntax] this `[` is never closed
      help: close it, or put the whole value in quotes if it is text
    ");
}

#[test]
fn deep_nesting_is_refused() {
    let root = good();
    let deep = format!("description: {}{}\n", "[".repeat(100), "]".repeat(100));
    fs::write(root.path().join(TOOL), deep).unwrap();
    let block: Vec<String> = (0..100)
        .map(|at| format!("{}a:\n", " ".repeat(at)))
        .collect();
    let block = block.concat();
    fs::write(root.path().join("tools.d/block.yaml"), block).unwrap();
    insta::assert_snapshot!(findings(root.path()), @"
    tools.d/block.yaml:65:65-65:65 error[too-deep] this is nested more than 64 levels deep
      help: no format here needs that depth; look for a bracket that was not closed
    tools.d/kubectl.yaml:1:77-1:78 error[too-deep] this is nested more than 64 levels deep
      help: no format here needs that depth; look for a bracket that was not closed
    ");
}

#[test]
fn a_file_that_is_here_flat_and_in_a_folder_is_told() {
    let root = good();
    let flat = root.path().join("tools.d__kubectl.yaml");
    fs::copy(root.path().join(TOOL), flat).unwrap();
    insta::assert_snapshot!(findings(root.path()), @"
    tools.d__kubectl.yaml:1:1-1:1 error[file-twice] `tools.d/kubectl.yaml` is here a second time, in a folder and flat
      help: keep one of the two files
    ");
}

#[test]
fn findings_in_a_flat_root_show_the_names_that_its_files_have() {
    let root = tempfile::tempdir().unwrap();
    flattened(&fixtures().join("good"), root.path());
    fs::write(root.path().join("tools.d__Big.yaml"), SAYS_HELLO).unwrap();
    fs::write(root.path().join("policies__a.yaml"), "deny: []\n").unwrap();
    fs::write(root.path().join("prompts__system.md"), "{{ nothing }}\n").unwrap();
    insta::assert_snapshot!(findings(root.path()), @"
    policies__a.yaml:1:7-1:9 error[empty-rules] `deny` is an empty list
      help: write a rule, or remove the key
    prompts__system.md:1:4-1:11 error[unknown-name] `nothing` is not defined here
      help: this prompt may use `caller`, `channel`, `facts` and `tools`
    tools.d__Big.yaml:1:1-1:1 error[bad-name] `Big` is no name for a tool
      help: start with a letter and use `a-z`, `0-9` and `_`, at most 64: `big`
    ");
}

#[test]
fn a_flat_root_is_the_same_revision() {
    let flat = tempfile::tempdir().unwrap();
    flattened(&fixtures().join("good"), flat.path());
    assert_eq!(findings(flat.path()), "");
    assert_eq!(revision(flat.path()), revision(&fixtures().join("good")));
}

#[test]
fn a_mounted_config_map_is_an_ordinary_root() {
    let mount = tempfile::tempdir().unwrap();
    let data = mount.path().join("..2026_11_23_00_00_00.1");
    fs::create_dir(&data).unwrap();
    flattened(&fixtures().join("good"), &data);
    symlink(data.file_name().unwrap(), mount.path().join("..data")).unwrap();
    for entry in fs::read_dir(&data).unwrap() {
        let name = entry.unwrap().file_name();
        symlink(Path::new("..data").join(&name), mount.path().join(&name)).unwrap();
    }
    assert_eq!(findings(mount.path()), "");
    assert_eq!(revision(mount.path()), revision(&fixtures().join("good")));
}

#[test]
fn each_folder_may_be_a_config_map_of_its_own() {
    let root = good();
    let tools = root.path().join("tools.d");
    let data = tools.join("..2026_11_23_00_00_00.1");
    fs::create_dir(&data).unwrap();
    fs::rename(root.path().join(TOOL), data.join("kubectl.yaml")).unwrap();
    symlink(data.file_name().unwrap(), tools.join("..data")).unwrap();
    symlink("..data/kubectl.yaml", root.path().join(TOOL)).unwrap();
    assert_eq!(findings(root.path()), "");
    assert_eq!(revision(root.path()), revision(&fixtures().join("good")));
}

#[test]
fn acknowledgements_are_no_part_of_the_revision_and_everything_else_is() {
    let root = good();
    let before = revision(root.path());
    let acknowledged = format!("- {{fingerprint: {}, reason: agreed}}\n", "a1".repeat(32));
    fs::write(root.path().join("permissions.ack.yaml"), acknowledged).unwrap();
    fs::write(root.path().join("README.md"), "not read\n").unwrap();
    assert_eq!(revision(root.path()), before);
    let prompt = root.path().join("prompts/system.md");
    fs::write(&prompt, "You are another agent.\n").unwrap();
    assert_ne!(revision(root.path()), before);
}

#[test]
fn acknowledgements_are_kept_beside_the_configuration() {
    let root = good();
    let [one, other] = ["0f", "1e"].map(|digits| digits.repeat(32));
    fs::write(
        root.path().join("permissions.ack.yaml"),
        format!("- {{fingerprint: {one}, reason: agreed}}\n- fingerprint: {other}\n  reason: |\n    because\n"),
    )
    .unwrap();
    let loaded = policy::load(root.path(), Overrides::None).unwrap();
    let config = loaded.config.unwrap();
    let kept: Vec<(String, &str, String)> = config
        .acknowledgements()
        .iter()
        .map(|kept| {
            let fingerprint = kept.fingerprint.to_string();
            (fingerprint, kept.reason.as_str(), kept.place.to_string())
        })
        .collect();
    assert_eq!(
        kept,
        [
            (one, "agreed", "permissions.ack.yaml:1:3".to_owned()),
            (other, "because\n", "permissions.ack.yaml:2:3".to_owned()),
        ]
    );
}

#[test]
fn a_folder_of_more_files_than_anybody_writes_is_not_read() {
    let root = good();
    for number in 0..10_000 {
        fs::write(root.path().join(format!("tools.d/t{number}.yaml")), "").unwrap();
    }
    insta::assert_snapshot!(findings(root.path()), @"
    tools.d:1:1-1:1 error[too-many-files] `tools.d` has 10001 files, and at most 10000 are read
      help: look at what wrote them; a configuration of many agents is many folders
    ");
}

/// A tool whose `let` has so many names, each of which refers to the one before it.
fn chained(names: usize) -> String {
    let after = |at: usize| format!("  n{at}: '<n{}>b'\n", at - 1);
    let links = (1..names).map(after).collect::<Vec<_>>().concat();
    let last = names - 1;
    let rules = format!("allow: [get <n{last}>], deny: [get secrets]");
    let line = format!("get a{}", "b".repeat(last));
    SAYS_HELLO
        .replace("allow: [get pods], deny: [get secrets]", &rules)
        .replace("allow: get pods", &format!("allow: {line}"))
        .replace("arguments:", &format!("let:\n  n0: a\n{links}arguments:"))
}

#[test]
fn a_long_chain_of_names_is_read_and_one_too_long_is_told_once() {
    let root = good();
    fs::write(root.path().join("tools.d/chain.yaml"), chained(1_000)).unwrap();
    assert_eq!(findings(root.path()), "");
    fs::write(root.path().join("tools.d/chain.yaml"), chained(1_001)).unwrap();
    fs::write(
        root.path().join("policies/borrows.yaml"),
        "deny: ['kubectl <many.n5>']\n",
    )
    .unwrap();
    let names: Vec<String> = (0..20_000).map(|at| format!("  n{at}: get\n")).collect();
    let names = names.concat();
    fs::write(
        root.path().join("policies/many.yaml"),
        format!("parts:\n{names}deny: ['kubectl <n7>']\n"),
    )
    .unwrap();
    insta::assert_snapshot!(findings(root.path()), @"
    policies/many.yaml:1:1-1:6 error[too-many-names] `parts` has 20000 names, and at most 1000 are read
      help: write alternatives into one expression: `a|b|c`
    tools.d/chain.yaml:5:1-5:4 error[too-many-names] `let` has 1001 names, and at most 1000 are read
      help: write alternatives into one expression: `a|b|c`
    ");
}

#[test]
fn line_ends_of_another_system_and_a_mark_of_order_are_fine() {
    let root = good();
    for file in [
        TOOL,
        "policies/read-only.yaml",
        "prompts/system.md",
        "tolkien.yaml",
    ] {
        let text = fs::read_to_string(root.path().join(file)).unwrap();
        let text = format!("\u{feff}{}", text.replace('\n', "\r\n"));
        fs::write(root.path().join(file), text).unwrap();
    }
    assert_eq!(findings(root.path()), "");
}

#[test]
fn places_are_exact_in_a_file_with_line_ends_of_another_system() {
    let root = good();
    let text = fs::read_to_string(root.path().join(TOOL)).unwrap();
    let text = text
        .replace("get <name> [", "get <nam> (")
        .replace('\n', "\r\n");
    fs::write(root.path().join(TOOL), format!("\u{feff}{text}")).unwrap();
    insta::assert_snapshot!(findings(root.path()), @"
    tools.d/kubectl.yaml:17:13-17:18 error[pattern-unknown-name] `<nam>` is not a known name
      help: did you mean `<name>`?
      fix: tools.d/kubectl.yaml:17:13 -> <name>
    tools.d/kubectl.yaml:17:31-17:32 error[pattern-unclosed-bracket] `]` closes a `(`
      fix: tools.d/kubectl.yaml:17:31 -> )
    ");
}

#[test]
fn several_mistakes_in_one_file_are_told_in_the_order_of_their_places() {
    let root = good();
    let text = fs::read_to_string(root.path().join(TOOL))
        .unwrap()
        .replace("effect: read", "efect: read")
        .replace("type: array", "type: aray")
        .replace("{{ since }}", "{{ sinc }}")
        .replace("env.KUBECONFIG", "env.KUBECONFG")
        .replace("get <name>", "get <nme>")
        .replace("because:", "becuse:");
    fs::write(root.path().join(TOOL), text).unwrap();
    insta::assert_snapshot!(findings(root.path()), @"
    tools.d/kubectl.yaml:2:1-2:6 error[unknown-key] `efect` is not a key of a tool
      help: did you mean `effect`?
      fix: tools.d/kubectl.yaml:2:1 -> effect
    tools.d/kubectl.yaml:7:18-7:22 error[unknown-value] `type` must be `string`, `integer`, `number`, `boolean`, `array` or `object`, not the text `aray`
      help: did you mean `array`?
      fix: tools.d/kubectl.yaml:7:18 -> array
    tools.d/kubectl.yaml:10:48-10:52 error[unknown-name] there is no parameter `sinc`
      help: did you mean `since`?
    tools.d/kubectl.yaml:11:25-11:38 error[unknown-name] there is no environment name `KUBECONFG`
      help: did you mean `KUBECONFIG`?
    tools.d/kubectl.yaml:17:13-17:18 error[pattern-unknown-name] `<nme>` is not a known name
      help: did you mean `<name>`?
      fix: tools.d/kubectl.yaml:17:13 -> <name>
    tools.d/kubectl.yaml:20:9-20:15 error[unknown-key] `becuse` is not a key of a rule
      help: did you mean `because`?
      fix: tools.d/kubectl.yaml:20:9 -> because
    ");
}
