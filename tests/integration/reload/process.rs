//! The program itself, with its own pace and its own environment: what it logs, and what it holds.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::world::{files, revision, until};
use crate::end_to_end::{Home, Serving};
use crate::fake::Fake;

const SAY: &str = "\
description: Says a text.
effect: read
input: {type: object, required: [text], properties: {text: {type: string}}}
run: {command: [echo, '{{ text }}']}
tests: [{allow: {text: hello}}, {deny: {}}]
";

async fn serving() -> (Home, Serving, PathBuf) {
    let fake = Fake::start().await;
    let home = Home::new(&[("tools.d/say.yaml", SAY)]);
    let serving = home.serve(&fake).await;
    let root = home.config();
    (home, serving, root)
}

/// Waits until the program serves what its root holds.
async fn followed(serving: &Serving, root: &Path) {
    let wanted = revision(root);
    until("served", async || ready(serving).await == wanted).await;
}

async fn ready(serving: &Serving) -> String {
    let ready: Value = serde_json::from_str(&serving.get("/readyz").await).unwrap();
    ready["revision"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_rejection_and_a_reload_are_one_line_each() {
    let (home, serving, root) = serving().await;
    let first = ready(&serving).await;
    home.write(
        "tools.d/say.yaml",
        &SAY.replace("effect: read", "effect: red"),
    );
    let rejected = revision(&root);
    until("rejected", async || {
        let config: Value = serde_json::from_str(&serving.get("/config").await).unwrap();
        config["last_rejected_reload"]["revision"] == rejected
    })
    .await;
    assert_eq!(ready(&serving).await, first);
    home.write("tools.d/say.yaml", &SAY.replace("a text", "it"));
    home.write("tolkien.yaml", "server: {listen: 127.0.0.1:1}\n");
    followed(&serving, &root).await;
    let told = || {
        let log = serving.log.lock().unwrap();
        let lines = log
            .lines()
            .filter(|line| line.contains("a changed configuration"));
        lines
            .map(|line| serde_json::from_str(line).unwrap())
            .collect::<Vec<Value>>()
    };
    until("told", async || told().len() >= 2).await;
    let told = told();
    assert_eq!(told.len(), 2, "{told:#?}");
    let expected = json!({
        "level": "WARN",
        "message": "a changed configuration was rejected, and the last good one stays in force",
        "revision": rejected,
        "why": "it has 1 error",
        "first": "tools.d/say.yaml:2:9: `effect` must be `read` or `write`, not the text `red`",
        "in_force": first,
    });
    for (key, value) in expected.as_object().unwrap() {
        assert_eq!(told[0][key], *value, "{told:#?}");
    }
    let expected = json!({
        "level": "INFO",
        "message": "a changed configuration is in force",
        "revision": revision(&root),
        "at_restart": "`server.listen`",
        "disabled": "nothing",
    });
    for (key, value) in expected.as_object().unwrap() {
        assert_eq!(told[1][key], *value, "{told:#?}");
    }
}

/// What a process has open, and how many folders it watches through it.
fn held(serving: &Serving) -> (usize, usize, usize) {
    let process = PathBuf::from(format!("/proc/{}", serving.child.id().unwrap()));
    let open: Vec<_> = fs::read_dir(process.join("fd"))
        .unwrap()
        .flatten()
        .collect();
    let is_inotify = |entry: &&fs::DirEntry| {
        fs::read_link(entry.path()).is_ok_and(|it| it == Path::new("anon_inode:inotify"))
    };
    let folders = |entry: &fs::DirEntry| {
        let info = fs::read_to_string(process.join("fdinfo").join(entry.file_name()));
        info.unwrap_or_default().matches("inotify wd:").count()
    };
    let watchers: Vec<_> = open.iter().filter(is_inotify).collect();
    let watched = watchers.iter().map(|entry| folders(entry)).sum();
    (open.len(), watchers.len(), watched)
}

#[tokio::test]
async fn a_root_that_is_replaced_again_and_again_leaves_nothing_open() {
    let (home, serving, root) = serving().await;
    let away = root.with_file_name("away");
    let mut before = None;
    for round in 0..6 {
        fs::rename(&root, &away).unwrap();
        let tool = SAY.replace("a text", &format!("text {round}"));
        let all = files(&[
            ("tools.d/say.yaml", &tool),
            ("prompts/system.md", "You are the agent of a test.\n"),
        ]);
        super::world::write(&root, &all);
        fs::remove_dir_all(&away).unwrap();
        followed(&serving, &root).await;
        // The root, the folder around it, and the two folders in it.
        until("only what is there is watched", async || {
            let (_, watchers, watched) = held(&serving);
            (watchers, watched) == (1, 4)
        })
        .await;
        if round > 0 {
            let open = *before.get_or_insert(held(&serving).0);
            until("no more is open than before", async || {
                held(&serving).0 <= open
            })
            .await;
        }
    }
    drop(home);
}
