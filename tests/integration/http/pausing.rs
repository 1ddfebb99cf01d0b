//! Stopping all tools over HTTP, and with `tolkien pause`.

use serde_json::{Value, json};

use super::world::{World, code, json_of};
use crate::commands::program::Folder;

/// What `/config` says about it.
async fn paused(world: &World) -> Value {
    let config = json_of(world.get("/config").await).await;
    config["paused"].clone()
}

#[tokio::test]
async fn an_admin_stops_all_tools_and_everybody_sees_it() {
    let world = World::start().await;
    let refused = world.post("/pause", &json!({"reason": "mine"})).await;
    assert_eq!(refused.status(), 403);
    assert_eq!(code(refused).await, "403 not_an_admin");
    let refused = world.by("frodo", "POST", "/resume").send().await.unwrap();
    assert_eq!(refused.status(), 403);
    assert_eq!(paused(&world).await, Value::Null);
    let by_gandalf = async |path: &str, body: Value| {
        let request = world.by("gandalf", "POST", path).json(&body);
        request.send().await.unwrap()
    };
    for wrong in [
        json!({"why": "a word it does not know"}),
        json!({"reason": 1}),
        json!({"reason": "a\u{0}b"}),
        json!({"reason": "x".repeat(2_001)}),
    ] {
        assert_eq!(by_gandalf("/pause", wrong).await.status(), 400);
    }
    assert_eq!(paused(&world).await, Value::Null);
    let stopped = by_gandalf("/pause", json!({"reason": "you shall not pass"})).await;
    assert_eq!(stopped.status(), 200);
    let stopped = json_of(stopped).await["paused"].clone();
    assert_eq!(
        (&stopped["by"], &stopped["reason"]),
        (&json!("gandalf"), &json!("you shall not pass"))
    );
    assert!(stopped["since"].is_string());
    assert_eq!(paused(&world).await, stopped);
    let started = world.by("gandalf", "POST", "/resume").send().await.unwrap();
    assert_eq!(started.status(), 200);
    assert_eq!(json_of(started).await, json!({"paused": null}));
    assert_eq!(paused(&world).await, Value::Null);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_command_line_stops_and_starts_them() {
    let world = World::start().await;
    let folder = Folder::new();
    let run = |who: &str, arguments: &[&str]| {
        let token = format!("{who}-token");
        let environment = [
            ("TOLKIEN_SERVER", world.base.as_str()),
            ("TOLKIEN_TOKEN", token.as_str()),
        ];
        let ran = folder.run_with(arguments, &environment, "");
        format!("{} {}{}", ran.code, ran.out, ran.err)
    };
    let refused = run("frodo", &["pause", "mine"]);
    let stopped = run("gandalf", &["pause", "you shall not pass"]);
    let since = paused(&world).await["since"].clone();
    let since: jiff::Timestamp = since.as_str().unwrap().parse().unwrap();
    let shown = since.strftime("%Y-%m-%d %H:%M:%S").to_string();
    let stopped = stopped.replace(&shown, "NOW");
    let started = run("gandalf", &["resume"]);
    assert_eq!(paused(&world).await, Value::Null);
    insta::assert_snapshot!([refused, stopped, started].join(""), @"
    4 error: only an admin may do this
    help: use the token of a caller whose role is `admin`
    0 all tools are stopped, by gandalf at NOW UTC: you shall not pass
    0 tools run
    ");
}
