//! Configurations in `ConfigMap` manifests: the same findings, each with its place in the manifest.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use tolkien::config::{Origin, Overrides};
use tolkien::diagnostic::Position;
use tolkien::policy;

use super::{every_root, files_below, findings, fixtures};

/// The files of a root as one manifest, and for each the line of its key, from 1. Those that are no
/// text are left out.
fn manifest(root: &Path, indent: usize) -> (String, Vec<(String, u32)>) {
    let mut text = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: tolkien}\ndata:\n".to_owned();
    let mut keys = Vec::new();
    for (path, bytes) in files_below(root) {
        let content = String::from_utf8(bytes).unwrap();
        let key = path.replace('/', "__");
        keys.push((
            key.clone(),
            u32::try_from(text.lines().count()).unwrap() + 1,
        ));
        let chomp = if content.ends_with('\n') { "+" } else { "-" };
        writeln!(text, "  {key}: |{indent}{chomp}").unwrap();
        for line in content.lines() {
            writeln!(text, "{}{line}", " ".repeat(indent + 2)).unwrap();
        }
    }
    (text, keys)
}

/// A manifest in a folder of its own.
fn written(text: &str) -> (tempfile::TempDir, Origin) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("configmap.yaml");
    fs::write(&file, text).unwrap();
    let origin = Origin::at(&file);
    (folder, origin)
}

/// The findings of a manifest.
fn of(text: &str) -> String {
    let (_folder, origin) = written(text);
    findings(origin)
}

/// The good root as a manifest with one text replaced.
fn good(from: &str, to: &str) -> String {
    let (text, _) = manifest(&fixtures().join("good"), 4);
    assert!(text.contains(from));
    text.replace(from, to)
}

#[test]
fn every_mistake_is_told_at_its_place_in_the_manifest() {
    // What is said of folders and of names with a slash has no like in a manifest.
    let others = ["unexpected-file"];
    let mut places = 0;
    for (name, root) in every_root().filter(|(name, _)| !others.contains(&name.as_str())) {
        let (text, keys) = manifest(root.path(), 4);
        let (_folder, origin) = written(&text);
        let told = policy::load(origin, Overrides::None).unwrap().diagnostics;
        let told: Vec<_> = told
            .iter()
            .map(|found| {
                assert_eq!(&*found.place.file, "configmap.yaml", "{name}: {found:?}");
                (found.code, found.place.start, found.severity)
            })
            .collect();
        for found in policy::load(root.path(), Overrides::None)
            .unwrap()
            .diagnostics
        {
            let flat = found.place.file.replace('/', "__");
            let Some((_, key)) = keys.iter().find(|(key, _)| *key == flat) else {
                continue;
            };
            let Position { line, column } = found.place.start;
            let place = Position {
                line: key + line,
                column: column + 6,
            };
            let whole = Position {
                line: *key,
                column: 3,
            };
            let is_told = |place| told.contains(&(found.code, place, found.severity));
            let is_whole = found.place.bytes == (0..0);
            assert!(
                is_told(place) || is_whole && is_told(whole),
                "{name}: {found:?}\n{told:?}"
            );
            places += 1;
        }
    }
    assert!(places > 300, "{places}");
}

#[test]
fn a_manifest_of_the_good_root_has_no_findings_and_is_the_same_revision() {
    let root = fixtures().join("good");
    let revision = |origin: Origin| {
        let loaded = policy::load(origin, Overrides::None).unwrap();
        assert_eq!(loaded.diagnostics, []);
        loaded.config.unwrap().revision().to_string()
    };
    for indent in [1, 2, 4, 9] {
        let (text, _) = manifest(&root, indent);
        let (_folder, origin) = written(&text);
        assert_eq!(revision(origin), revision(Origin::from(&root)));
    }
    let data: serde_json::Map<String, serde_json::Value> = files_below(&root)
        .into_iter()
        .map(|(path, bytes)| {
            (
                path.replace('/', "__"),
                String::from_utf8(bytes).unwrap().into(),
            )
        })
        .collect();
    let json = serde_json::json!({"kind": "ConfigMap", "immutable": true, "data": data});
    let (_folder, origin) = written(&json.to_string());
    assert_eq!(revision(origin), revision(Origin::from(&root)));
}

#[test]
fn findings_labels_and_fixes_are_inside_the_manifest() {
    let text = good("effect: read", "efect: read").replace("get <name> [", "get <nme> [");
    insta::assert_snapshot!(of(&text), @"
    configmap.yaml:22:7-22:12 error[unknown-key] `efect` is not a key of a tool
      help: did you mean `effect`?
      fix: configmap.yaml:22:7 -> effect
    configmap.yaml:37:19-37:24 error[pattern-unknown-name] `<nme>` is not a known name
      help: did you mean `<name>`?
      fix: configmap.yaml:37:19 -> <name>
    ");
    let crlf = text.replace('\n', "\r\n");
    assert_eq!(of(&crlf), of(&text));
}

#[test]
fn of_a_text_in_another_notation_the_start_is_told_and_nothing_is_mended() {
    insta::assert_snapshot!(of("\
kind: ConfigMap
data:
  tools.d__json.yaml: \"efect: read\\nrun: {command: [x]}\\n\"
  tools.d__folded.yaml: >
    efect: read

    description: Says.
  tools.d__one.yaml: 'effect: reed'
binaryData:
  policies__a.yaml: ZGVueTog
    W10K
"), @r#"
    configmap.yaml:1:1-1:1 error[missing-prompt] there is no `prompts/system.md`
      help: write one: it tells the model who it is and what it may do
    configmap.yaml:3:23-3:23 error[missing-key] a tool needs `description`
      help: tell the model what it is for, with an example
    configmap.yaml:3:23-3:23 error[missing-key] a tool needs `effect`
      help: write `effect: read`, or `effect: write` when it changes anything
    configmap.yaml:3:23-3:23 error[missing-key] a tool needs `input`
      help: write the JSON Schema of its arguments: `{type: object, properties: {…}}`
    configmap.yaml:3:23-3:23 error[unknown-key] `efect` is not a key of a tool
      help: did you mean `effect`?
    configmap.yaml:5:5-5:5 error[missing-key] a tool needs `effect`
      help: write `effect: read`, or `effect: write` when it changes anything
    configmap.yaml:5:5-5:5 error[missing-key] a tool needs `input`
      help: write the JSON Schema of its arguments: `{type: object, properties: {…}}`
    configmap.yaml:5:5-5:5 error[missing-key] a tool needs `run`
      help: write what it starts: `run: {command: [program, "{{ args }}"]}`
    configmap.yaml:5:5-5:5 error[unknown-key] `efect` is not a key of a tool
      help: did you mean `effect`?
    configmap.yaml:8:22-8:22 error[missing-key] a tool needs `description`
      help: tell the model what it is for, with an example
    configmap.yaml:8:22-8:22 error[missing-key] a tool needs `input`
      help: write the JSON Schema of its arguments: `{type: object, properties: {…}}`
    configmap.yaml:8:22-8:22 error[missing-key] a tool needs `run`
      help: write what it starts: `run: {command: [program, "{{ args }}"]}`
    configmap.yaml:8:22-8:22 error[unknown-value] `effect` must be `read` or `write`, not the text `reed`
      help: did you mean `read`?
    configmap.yaml:10:21-11:9 error[bad-base64] the value of `policies__a.yaml` is not base64
      help: encode it (`base64 -w0 FILE`), or write it as text under `data`
    "#);
}

#[test]
fn several_config_maps_are_one_root_and_other_kinds_are_not_ours() {
    let (text, _) = manifest(&fixtures().join("good"), 2);
    let at = text.find("  prompts__").unwrap();
    let (one, other) = text.split_at(at);
    let others = "\
# A chart's other things, with what our own files may not have.
---
kind: Deployment
spec: &spec {replicas: 1, replicas: 2}
status: {<<: *spec, !local tag: 1}
---
kind: ConfigMap
metadata: {name: grafana}
data: {settings.yaml: 'a: 1', policy: 'none'}
";
    let several = format!("{one}---\n{others}---\n---\nkind: ConfigMap\ndata:\n{other}");
    assert_eq!(of(&several), "");
    let indented = |part: &str| part.replace('\n', "\n    ");
    let list = format!(
        "kind: List\nitems:\n  - {}\n  - kind: Secret\n  - kind: ConfigMap\n    data:\n    {}\n",
        indented(one),
        indented(other)
    );
    assert_eq!(of(&list), "");
}

#[test]
fn a_folder_of_manifests_is_one_root() {
    let folder = tempfile::tempdir().unwrap();
    let (text, _) = manifest(&fixtures().join("good"), 2);
    let at = text.find("  prompts__").unwrap();
    let (one, other) = text.split_at(at);
    let one = format!("{one}  tolkien.yaml: |\n    facts: {{}}\n");
    let other = format!("kind: ConfigMap\ndata:\n{other}");
    let broken = "{{- if .Values.enabled }}\n";
    for (file, text) in [
        ("a.yaml", one.as_str()),
        ("b.yml", other.as_str()),
        ("chart.yaml", broken),
    ] {
        fs::write(folder.path().join(file), text).unwrap();
    }
    let origin = Origin::at(folder.path());
    assert_eq!(origin.folder(), Some(folder.path()));
    insta::assert_snapshot!(findings(origin), @"
    b.yml:4:29-4:42 error[unknown-name] there is no fact `cluster`
      help: write `cluster` under `facts` in `tolkien.yaml`
    b.yml:7:3-7:15 error[file-twice] `tolkien.yaml` stands here a second time
      a.yaml:13:3 first here
      help: keep one of the two
    b.yml:21:29-21:43 error[unknown-name] there is no environment name `KUBECONFIG`
      help: list it under `environment` in `tolkien.yaml`, with a default or null
    ");
    fs::create_dir(folder.path().join("tools.d")).unwrap();
    assert!(matches!(Origin::at(folder.path()), Origin::Folder(_)));
}

#[test]
fn a_config_map_that_no_cluster_takes_is_told() {
    let half = format!("#{}\n", "x".repeat(600 * 1024));
    let text = good(
        "data:\n",
        &format!("data:\n  tools.d/more.yaml: |\n    {half}"),
    );
    let text = format!(
        "{text}binaryData:\n  policies__b.yaml: '???'\n  big.bin: |\n    {}\n",
        "QUFB".repeat(200 * 1024)
    );
    insta::assert_snapshot!(of(&text), @"
    configmap.yaml:3:18-3:25 error[too-large] the data of this ConfigMap has 1229668 bytes, and a cluster takes at most 1048576
      help: move some of its keys into a second ConfigMap, and mount both as one volume
    configmap.yaml:5:3-5:20 error[bad-name] `tools.d/more.yaml` is no key that a ConfigMap can have
      help: use letters, digits, `-`, `_` and `.`, and `__` for `/`: `tools.d__kubectl.yaml`
    configmap.yaml:6:5-6:5 error[empty-file] this file says nothing
      help: write its keys, or delete the file
    configmap.yaml:47:21-47:26 error[bad-base64] the value of `policies__b.yaml` is not base64
      help: encode it (`base64 -w0 FILE`), or write it as text under `data`
    ");
}

#[test]
fn a_value_that_is_no_text_and_an_alias_are_told() {
    insta::assert_snapshot!(of("\
kind: ConfigMap
data:
  tools.d__a.yaml: {description: Says}
  tools.d__b.yaml: *other
  tolkien.yaml: 5
  policies__p.yaml: !!binary ZGVueTogW10K
---
kind: ConfigMap
data: &data {a: b}
---
kind: ConfigMap
data: *data
"), @r#"
    configmap.yaml:1:1-1:1 error[missing-prompt] there is no `prompts/system.md`
      help: write one: it tells the model who it is and what it may do
    configmap.yaml:3:20-3:39 error[wrong-type] the value of `tools.d__a.yaml` must be a text, not a mapping
      help: write a text
    configmap.yaml:4:20-4:26 error[yaml-alias] a value that begins with `*` is a YAML alias, and this dialect has none
      help: put the whole value in quotes if it is a pattern: '** secrets **'
    configmap.yaml:5:17-5:18 error[unquoted-scalar] `5` without quotes is a number here, and a text is needed
      help: write "5"
      fix: configmap.yaml:5:17 -> "5"
    configmap.yaml:6:30-6:30 error[yaml-tag] a tag (`!name`) stands before this value, and this dialect has none
      help: remove it, or quote the value if the `!` belongs to it
    configmap.yaml:12:7-12:12 error[yaml-alias] the data of this ConfigMap is an alias or has a tag, and is not read
      help: write the data out: a reviewer reads it where it counts
    "#);
}

#[test]
fn a_misspelt_folder_in_a_key_is_told() {
    let text = good("  policies__read-only.yaml:", "  policy__read-only.yaml:");
    insta::assert_snapshot!(of(&text), @"
    configmap.yaml:5:3-5:25 error[unexpected-file] `policy__read-only.yaml` is not read
      help: did you mean `policies__read-only.yaml`?
    ");
}

#[test]
fn a_manifest_without_a_configuration_is_nothing_to_check() {
    insta::assert_snapshot!(of("kind: Deployment\n"), @"
    configmap.yaml:1:1-1:1 error[nothing-to-check] there is no ConfigMap of a configuration here
      help: its `data` has keys such as `tools.d__kubectl.yaml`; to check a folder, name the one that holds `tools.d`
    ");
    insta::assert_snapshot!(of("kind: ConfigMap\ndata: {a: b\n"), @"
    configmap.yaml:2:7-2:8 error[yaml-syntax] this `{` is never closed
      help: close it, or put the whole value in quotes if it is text
    ");
    let (_folder, origin) = written("");
    assert!(policy::load(origin, Overrides::None).unwrap().empty);
    let gone = Origin::Manifest("gone.yaml".into());
    let error = policy::load(gone, Overrides::None).unwrap_err();
    insta::assert_snapshot!(error, @"cannot read `gone.yaml`: No such file or directory (os error 2)");
}

#[test]
fn a_script_in_a_manifest_is_found_by_its_flat_name() {
    let model = "model: {provider: script, script: scripts/demo.yaml}";
    let text = good(
        "facts: {cluster: valinor}",
        &format!("facts: {{cluster: valinor}}\n      {model}"),
    );
    let with_script = format!("{text}  scripts__demo.yaml: |\n    turns: []\n");
    assert_eq!(of(&with_script), "");
    let broken = format!("{text}  scripts__demo.yaml: |\n    turns: [\n");
    insta::assert_snapshot!(of(&broken), @"
    configmap.yaml:46:12-46:13 error[yaml-syntax] this `[` is never closed
      help: close it, or put the whole value in quotes if it is text
    ");
}
