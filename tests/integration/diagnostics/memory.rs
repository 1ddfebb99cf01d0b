//! Roots in memory: what is said of files does not depend on where they are.

use tolkien::config::{File, Origin, Overrides};
use tolkien::policy;

use super::{every_root, files_below, findings, fixtures, written};

/// What the good root needs of its settings.
const SETTINGS: &str = "environment: {KUBECONFIG: null}\nfacts: {cluster: valinor}\n";

/// The files of the good root.
fn good() -> Vec<File> {
    let files = files_below(&fixtures().join("good")).into_iter();
    files.map(|(path, bytes)| File::new(path, bytes)).collect()
}

#[test]
fn every_mistake_is_told_in_memory_as_it_is_in_a_folder() {
    let told = |origin: Origin| {
        let loaded = policy::load(origin, Overrides::None).unwrap();
        let nested = |found| written(found).replace("__", "/");
        let mut told: Vec<String> = loaded.diagnostics.iter().map(nested).collect();
        told.sort();
        told
    };
    let mut roots = 0;
    for (name, root) in every_root() {
        let files = files_below(root.path()).into_iter();
        let nested: Vec<File> = files.map(|(path, bytes)| File::new(path, bytes)).collect();
        let flat = nested.iter().map(|file| File {
            path: file.path.replacen('/', "__", 1),
            ..file.clone()
        });
        let of_a_folder = told(Origin::from(root.path()));
        let of_flat = told(Origin::Files(flat.collect()));
        // A folder with a wrong name is one finding; without folders each file in it is.
        if name != "unexpected-file" {
            assert_eq!(of_flat, of_a_folder, "{name}, flat");
        }
        assert_eq!(told(Origin::Files(nested)), of_a_folder, "{name}");
        roots += 1;
    }
    assert!(roots > 60, "{roots}");
}

#[test]
fn a_root_in_memory_is_the_same_revision() {
    let revision = |origin: Origin| {
        let loaded = policy::load(&origin, Overrides::None).unwrap();
        loaded.config.unwrap().revision().to_string()
    };
    let folder = Origin::from(&fixtures().join("good"));
    assert_eq!(revision(Origin::Files(good())), revision(folder));
}

#[test]
fn of_two_files_with_the_same_path_the_last_counts() {
    let mut files = good();
    files.push(File::new("tolkien.yaml", "limits: {round: 1}\n"));
    files.push(File::new(
        "tolkien.yaml",
        format!("limits: {{rounds: 1}}\n{SETTINGS}"),
    ));
    let loaded = policy::load(Origin::Files(files), Overrides::None).unwrap();
    assert_eq!(loaded.diagnostics, []);
    assert_eq!(loaded.config.unwrap().settings().limits.rounds, 1);
}

#[test]
fn a_file_that_could_not_be_read_is_told_with_the_reason() {
    let mut files = good();
    files.push(File {
        path: "tools.d/kubectl.yaml".to_owned(),
        content: Err("its object\nis missing".to_owned()),
    });
    files.push(File::new("policies/deep/er.yaml", "deny: [rm]\n"));
    files.push(File::new("prompts/system.md", vec![b'#'; 1024 * 1024 + 1]));
    insta::assert_snapshot!(findings(Origin::Files(files)), @"
    policies/deep:1:1-1:1 error[unexpected-file] `policies/deep` is not read: a policy is a file that ends in `.yaml`
      help: move it out of this folder
    prompts/system.md:1:1-1:1 error[too-large] this file has 1048577 bytes, and at most 1048576 are read
      help: a ConfigMap, the whole of it, holds no more than 1 MiB
    tools.d/kubectl.yaml:1:1-1:1 error[unreadable-file] `tools.d/kubectl.yaml` cannot be read: its object�is missing
      help: look at its permissions, and where it leads if it is a link
    ");
}

#[test]
fn no_file_at_all_is_an_empty_root_and_a_wrong_file_is_not() {
    let loaded = |files| policy::load(Origin::Files(files), Overrides::None).unwrap();
    let readme = File::new("README.md", "# Tools\n");
    let empty = loaded(vec![readme]);
    assert!(empty.empty && empty.config.is_none());
    let wrong = loaded(vec![File::new("tools.d/x.txt", "")]);
    assert!(!wrong.empty && wrong.config.is_none());
}

#[test]
fn a_script_in_memory_is_found_below_the_root_and_flat() {
    let model = "model: {provider: script, script: scripts/demo.yaml}\n";
    let settings = format!("{model}{SETTINGS}");
    for path in ["scripts/demo.yaml", "scripts__demo.yaml"] {
        let mut files = good();
        files.push(File::new("tolkien.yaml", settings.clone()));
        files.push(File::new(path, "turns: []\n"));
        let loaded = policy::load(Origin::Files(files), Overrides::None).unwrap();
        assert_eq!(loaded.diagnostics, []);
        let script = loaded.config.unwrap().script().unwrap().to_string();
        assert_eq!(script, r#"{"turns":[]}"#);
    }
    let mut files = good();
    files.push(File::new("tolkien.yaml", settings.clone()));
    insta::assert_snapshot!(findings(Origin::Files(files)), @"
    tolkien.yaml:1:35-1:52 error[missing-file] there is no file `scripts/demo.yaml`
      help: write its path relative to the configuration's folder
    ");
}

#[test]
fn what_drives_a_terminal_is_not_repeated() {
    let mut files = good();
    files.push(File::new(
        "tools.d/kubectl.yaml",
        "description: {{ \u{1b}[31mred }}\n",
    ));
    let found = findings(Origin::Files(files));
    assert!(!found.contains('\u{1b}'), "{found:?}");
    insta::assert_snapshot!(found, @r#"
    tools.d/kubectl.yaml:1:14-1:28 error[unquoted-template] `{{` without quotes starts a YAML mapping, not a template
      help: put the template in quotes: "{{ �[31mred }}"
    "#);
}
