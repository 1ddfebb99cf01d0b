//! What is not taken over, and what is in force meanwhile.

use std::fs;

use serde_json::Value;

use super::world::{World, until};

/// A rejection without what differs from run to run.
fn shown(rejection: &Value) -> String {
    let mut rejection = rejection.clone();
    assert!(rejection["at"].as_str().unwrap().ends_with('Z'));
    rejection["at"] = "[time]".into();
    if let Some(revision) = rejection["revision"].as_str() {
        assert_eq!(revision.len(), 64);
        rejection["revision"] = "[revision]".into();
    }
    serde_json::to_string_pretty(&rejection).unwrap()
}

#[tokio::test]
async fn half_a_file_is_rejected_with_its_place_and_the_whole_one_is_in_force() {
    let world = World::new().await;
    let first = world.revision();
    let path = world.root.join("tools.d/say.yaml");
    let text = fs::read_to_string(&path)
        .unwrap()
        .replace("version 1", "another");
    let half = text.find("properties: {words").unwrap();
    fs::write(&path, text.split_at(half).0).unwrap();
    let rejected = world.rejected().await;
    insta::assert_snapshot!(shown(&rejected), @r#"
    {
      "at": "[time]",
      "revision": "[revision]",
      "detail": "it has 1 error",
      "diagnostics": [
        {
          "code": "yaml-syntax",
          "severity": "error",
          "message": "this `{` is never closed",
          "help": "close it, or put the whole value in quotes if it is text",
          "file": "tools.d/say.yaml",
          "start": {
            "line": 3,
            "column": 8
          },
          "end": {
            "line": 3,
            "column": 9
          }
        }
      ]
    }
    "#);
    assert_eq!(world.revision(), first);
    let ready = world.get("/readyz").await;
    assert_eq!(
        (&ready["status"], &ready["revision"]),
        (&"ready".into(), &first.into())
    );
    fs::write(&path, &text).unwrap();
    world.followed().await;
    assert!(world.config().await["last_rejected_reload"].is_null());
}

#[tokio::test]
async fn going_back_to_what_is_in_force_clears_a_rejection() {
    let world = World::new().await;
    let first = world.revision();
    let path = world.root.join("tools.d/say.yaml");
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, text.replace("effect: read", "effect: red")).unwrap();
    let rejected = world.rejected().await;
    assert_eq!(rejected["diagnostics"][0]["code"], "unknown-value");
    fs::write(&path, text).unwrap();
    until("cleared", async || world.reloads.last_rejection().is_none()).await;
    assert_eq!(world.revision(), first);
}

#[tokio::test]
async fn what_only_the_analysis_refuses_is_rejected_too() {
    let world = World::new().await;
    let first = world.revision();
    fs::create_dir(world.root.join("policies")).unwrap();
    let never = "applies_to: {tools: [say]}\nnever: [{id: no-orc, match: 'echo ** orc **'}]\n\
                 tests: [{tool: say, allow: friend}]\n";
    fs::write(world.root.join("policies/p.yaml"), never).unwrap();
    let rejected = world.rejected().await;
    let found = &rejected["diagnostics"][0];
    assert_eq!(found["code"], "invariant-violated", "{rejected}");
    assert_eq!(found["file"], "policies/p.yaml");
    assert_eq!(world.revision(), first);
}

#[tokio::test]
async fn what_this_build_does_not_enforce_is_rejected_too() {
    let world = World::new().await;
    let first = world.revision();
    let path = world.root.join("tolkien.yaml");
    let settings = fs::read_to_string(&path).unwrap();
    fs::write(
        &path,
        settings + "telemetry: {otlp: http://localhost:4317}\n",
    )
    .unwrap();
    let rejected = world.rejected().await;
    assert_eq!(
        rejected["detail"],
        "this build does not enforce what it says: 1 finding"
    );
    assert_eq!(rejected["diagnostics"][0]["code"], "not-enforced-yet");
    assert_eq!(world.revision(), first);
}

#[tokio::test]
async fn a_root_that_vanished_is_a_rejection_and_its_return_ends_it() {
    let world = World::new().await;
    let first = world.revision();
    let away = world.folder.path().join("away");
    fs::rename(&world.root, &away).unwrap();
    insta::assert_snapshot!(shown(&world.rejected().await), @r#"
    {
      "at": "[time]",
      "revision": null,
      "detail": "its folder is not there",
      "diagnostics": []
    }
    "#);
    assert_eq!(world.get("/readyz").await["revision"], first);
    fs::rename(&away, &world.root).unwrap();
    until("cleared", async || world.reloads.last_rejection().is_none()).await;
    assert_eq!(world.revision(), first);
    world.write(2);
    world.followed().await;
}

#[tokio::test]
async fn an_empty_root_is_a_rejection() {
    let world = World::new().await;
    let first = world.revision();
    fs::remove_dir_all(&world.root).unwrap();
    fs::create_dir(&world.root).unwrap();
    until("empty", async || {
        let rejection = world.reloads.last_rejection();
        rejection.is_some_and(|it| !it.diagnostics.is_empty())
    })
    .await;
    insta::assert_snapshot!(shown(&world.rejected().await), @r#"
    {
      "at": "[time]",
      "revision": null,
      "detail": "it has 1 error",
      "diagnostics": [
        {
          "code": "nothing-to-check",
          "severity": "error",
          "message": "there is no configuration here: no settings, no tool, no policy, no prompt",
          "help": "name the folder that holds `tools.d`, or start one with `tolkien init`",
          "file": "tools.d",
          "start": {
            "line": 1,
            "column": 1
          },
          "end": {
            "line": 1,
            "column": 1
          }
        }
      ]
    }
    "#);
    assert_eq!(world.revision(), first);
    world.write(2);
    world.followed().await;
}

#[tokio::test]
async fn what_is_open_waits_for_a_restart_and_says_so() {
    let world = World::new().await;
    let path = world.root.join("tolkien.yaml");
    let settings = fs::read_to_string(&path).unwrap();
    let moved =
        "server: {listen: 127.0.0.1:1}\nstore: 'sqlite::memory:'\naudit: {file: audit.log}\n";
    fs::write(&path, format!("{settings}{moved}")).unwrap();
    world.followed().await;
    let waiting = &world.config().await["at_restart"];
    assert_eq!(
        *waiting,
        serde_json::json!(["server.listen", "store", "audit.file"])
    );
    // A second change does not make it forget what the process was started with.
    fs::write(&path, format!("{settings}{moved}limits: {{rounds: 7}}\n")).unwrap();
    world.followed().await;
    assert_eq!(world.config().await["at_restart"], *waiting);
    fs::write(&path, settings).unwrap();
    world.followed().await;
    assert_eq!(world.config().await["at_restart"], serde_json::json!([]));
}
