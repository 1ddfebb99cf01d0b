//! `tolkien diff` between two folders.

use std::fs;

use serde_json::{Value, json};

use super::TOUCH;
use super::program::{Folder, Ran};

/// A folder with a configuration and, in `before`, the same as it was.
fn changed(change: impl FnOnce(&Folder)) -> Folder {
    let folder = Folder::with_configuration();
    for part in [
        "before",
        "before/tools.d",
        "before/policies",
        "before/prompts",
    ] {
        fs::create_dir(folder.path(part)).unwrap();
    }
    for file in [
        "tolkien.yaml",
        "tools.d/disk.yaml",
        "policies/read-only.yaml",
        "prompts/system.md",
    ] {
        folder.write(&format!("before/{file}"), &folder.read(file));
    }
    change(&folder);
    folder
}

fn edit(folder: &Folder, file: &str, from: &str, to: &str) {
    let text = folder.read(file);
    assert!(text.contains(from), "{file} does not hold {from}");
    folder.write(file, &text.replacen(from, to, 1));
}

/// A name that templates may read.
fn with_a_name(folder: &Folder) {
    let settings = folder.read("tolkien.yaml");
    folder.write(
        "tolkien.yaml",
        &format!("{settings}\nenvironment: {{HOME: null}}\n"),
    );
}

fn open_fingerprints(ran: &Ran) -> Vec<String> {
    let lines = ran.out.lines().map(str::trim);
    let fingerprints = lines.filter_map(|line| line.strip_prefix("- fingerprint: "));
    fingerprints
        .map(|text| text.trim_matches('"').to_owned())
        .collect()
}

fn accept(folder: &Folder, fingerprints: &[String]) {
    let entries = fingerprints
        .iter()
        .map(|one| format!("- {{fingerprint: \"{one}\", reason: it was discussed}}\n"));
    folder.write("permissions.ack.yaml", &entries.collect::<String>());
}

#[test]
fn comments_cases_and_descriptions_permit_nothing() {
    let folder = changed(|folder| {
        edit(
            folder,
            "tools.d/disk.yaml",
            "effect: read",
            "effect: 'read' # only looks",
        );
        edit(
            folder,
            "tools.d/disk.yaml",
            "Free and used",
            "Used and free",
        );
    });
    let ran = folder.run(&["diff", "before"]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert!(
        ran.out
            .starts_with("No change in what is permitted (proved)\n"),
        "{}",
        ran.out
    );
    assert_eq!(ran.err, "tools: 1 changed; 0 settings and prompts differ\n");
}

#[test]
fn a_new_tool_fails_until_exactly_this_tool_is_acknowledged() {
    let folder = changed(|folder| folder.write("tools.d/touch.yaml", TOUCH));
    let ran = folder.run(&["diff", "before"]);
    assert_eq!(ran.code, 1, "{}", ran.err);
    assert!(
        ran.out.starts_with("This change adds 1 tool"),
        "{}",
        ran.out
    );
    let fingerprints = open_fingerprints(&ran);
    assert_eq!(fingerprints.len(), 1, "{}", ran.out);
    accept(&folder, &fingerprints);
    let ran = folder.run(&["diff", "before"]);
    assert_eq!(ran.code, 0, "{}", ran.out);
    assert!(
        ran.out.contains("acknowledged: it was discussed"),
        "{}",
        ran.out
    );
    assert_eq!(
        folder.run(&["diff", "before", "--fail-on", "warning"]).code,
        1
    );
    edit(&folder, "tools.d/touch.yaml", "[touch, ", "[touch, -c, ");
    let ran = folder.run(&["diff", "before"]);
    assert_eq!(ran.code, 1);
    assert!(
        ran.err
            .contains("permissions.ack.yaml:1:3 acknowledges nothing that differs here"),
        "{}",
        ran.err
    );
}

#[test]
fn a_setting_is_acknowledged_by_its_path_and_values() {
    let folder = changed(with_a_name);
    let ran = folder.run(&["diff", "before"]);
    assert_eq!(ran.code, 1);
    accept(&folder, &open_fingerprints(&ran));
    assert_eq!(folder.run(&["diff", "before"]).code, 0);
    edit(&folder, "tolkien.yaml", "HOME: null", "HOME: /root");
    assert_eq!(folder.run(&["diff", "before"]).code, 1);
}

#[test]
fn the_entry_as_printed_is_no_reason() {
    let folder = changed(with_a_name);
    let ran = folder.run(&["diff", "before"]);
    let entry = ran.out.split("permissions.ack.yaml:\n").nth(1).unwrap();
    folder.write("permissions.ack.yaml", entry);
    let ran = folder.run(&["diff", "before"]);
    assert_eq!(ran.code, 2);
    assert!(ran.err.contains("`reason` says nothing"), "{}", ran.err);
}

#[test]
fn what_goes_away_passes_unless_every_difference_counts() {
    let folder = changed(|_| {});
    folder.write("before/tools.d/touch.yaml", TOUCH);
    let ran = folder.run(&["diff", "before"]);
    assert_eq!(ran.code, 0, "{}", ran.out);
    assert!(
        ran.out
            .starts_with("This change permits nothing new (proved), and removes 1 tool"),
        "{}",
        ran.out
    );
    assert_eq!(folder.run(&["diff", "before", "--fail-on", "info"]).code, 1);
    assert_eq!(folder.run(&["diff", ".", ".", "--fail-on", "info"]).code, 0);
}

#[test]
fn a_base_without_any_configuration_is_empty() {
    let folder = Folder::with_configuration();
    fs::create_dir(folder.path("nothing")).unwrap();
    let ran = folder.run(&["diff", "nothing", "--format", "json"]);
    assert_eq!(ran.code, 1, "{}", ran.err);
    let difference: Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!(difference["tools"][0]["tool"], json!("disk"));
    assert_eq!(difference["tools"][0]["change"], json!("added"));
    assert_eq!(difference["widened"], json!(true));
    assert_eq!(difference["acknowledged"], json!(false));
    assert_eq!(folder.run(&["diff", ".", "nothing"]).code, 2);
}

#[test]
fn an_invalid_or_missing_side_is_named() {
    let folder = changed(|folder| edit(folder, "before/tools.d/disk.yaml", "effect:", "efect:"));
    let ran = folder.run(&["diff", "before"]);
    assert_eq!((ran.code, ran.out.as_str()), (2, ""));
    assert!(
        ran.err
            .contains("the configuration before the change, `before`, is invalid"),
        "{}",
        ran.err
    );
    let ran = folder.run(&["diff", ".", "before"]);
    assert_eq!((ran.code, ran.out.as_str()), (2, ""));
    assert!(ran.err.contains("after the change"), "{}", ran.err);
    for arguments in [["diff", "main", "."], ["diff", ".", "main"]] {
        let ran = folder.run(&arguments);
        assert_eq!((ran.code, ran.out.as_str()), (4, ""));
        assert!(
            ran.err
                .contains("`main` is neither a folder nor a revision"),
            "{}",
            ran.err
        );
    }
}

#[test]
fn every_format_goes_into_a_file_too() {
    let folder = changed(with_a_name);
    for (format, start) in [
        ("human", "This change widens 1 setting\n"),
        ("json", "{\n"),
        ("sarif", "{\n"),
        ("github", "::error file=tolkien.yaml,line="),
        ("markdown", "**This change widens 1 setting**\n"),
    ] {
        let arguments = ["diff", "before", "--format", format, "-o", "out"];
        let ran = folder.run(&arguments);
        assert_eq!(
            (ran.code, ran.out.as_str()),
            (1, ""),
            "{format}: {}",
            ran.err
        );
        let text = folder.read("out");
        assert!(text.starts_with(start), "{format}: {text}");
    }
}

#[test]
fn a_comparison_without_a_configuration_says_where_one_was_looked_for() {
    let ran = Folder::new().run(&["diff", "main"]);
    assert_eq!((ran.code, ran.out.as_str()), (2, ""));
    insta::assert_snapshot!(ran.err, @"
    error: there is no configuration here: the current folder has no `tools.d/`, and there is no `/etc/tolkien`
    help: name the working folder with `--config DIR` or TOLKIEN_CONFIG_DIR, or two folders: `tolkien diff BEFORE AFTER`
    ");
}
