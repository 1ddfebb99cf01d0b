//! Turns that run while what is in force changes.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;

use futures_util::StreamExt as _;
use serde_json::{Value, json};
use tolkien::agent::{Event, SessionId, TurnId};

use super::world::{World, joao, until, version, write};
use crate::fake::{Answer, Gate, Seen};

/// A call of the tool that says which version ran it.
fn say(word: &str) -> (&'static str, Value) {
    ("say", json!({"words": [word]}))
}

/// What a request said of its configuration: model, prompt, the tool's description, and how many
/// thoughts were sent back.
fn prefix(seen: &Seen) -> (String, String, String, usize) {
    let text = |value: &Value| value.as_str().unwrap_or_default().trim().to_owned();
    (
        text(&seen.body["model"]),
        text(&seen.body["system"][0]["text"]),
        text(&seen.body["tools"][0]["description"]),
        seen.raw.matches("\"thinking\":").count(),
    )
}

/// The revision under which each call of a turn was decided, in order.
async fn decided(world: &World, session: &SessionId, turn: &TurnId) -> Vec<(String, String)> {
    let events = world.sessions.events(&joao(), session, turn, 0);
    let events: Vec<_> = events.map(|event| event.unwrap().item).collect().await;
    let decided = events.into_iter().filter_map(|event| match event {
        Event::CallDecided {
            verdict, revision, ..
        } => Some((verdict.as_str().to_owned(), revision.to_string())),
        _ => None,
    });
    decided.collect()
}

#[tokio::test]
async fn the_next_call_is_decided_and_run_by_the_new_revision_and_the_model_hears_of_it_next_turn()
{
    let world = World::new().await;
    let gate = Gate::new();
    let held = gate.clone();
    world.fake.respond_with(
        move |seen| match (seen.question().as_str(), seen.rounds()) {
            ("first", 0) => Answer::tools([say("one")]).thinking("which?"),
            ("first", 1) => {
                let answer = Answer::tools([say("two"), say("orc")]).thinking("and now?");
                answer.behind(&held)
            }
            _ => Answer::text("Done.").thinking("so"),
        },
    );
    let session = world.session().await;
    let turn = world.send(&session, "first").await;
    world.fake.requested(2).await;
    let before = world.revision();
    let mut files = version(&world.fake, 2);
    let tool = files.get_mut("tools.d/say.yaml").unwrap();
    *tool = tool.replace("mellon", "orc");
    write(&world.root, &files);
    world.followed().await;
    gate.open();
    world.over(&session, &turn).await;
    world.ask(&session, "second").await;
    let after = world.revision();
    assert_eq!(
        decided(&world, &session, &turn).await,
        [("allow", &before), ("allow", &after), ("deny", &after)]
            .map(|(verdict, revision)| (verdict.to_owned(), revision.clone()))
    );
    assert_eq!(
        outputs(&world),
        ["tool-1 settings-1 one", "tool-2 settings-2 two"]
    );
    let seen = |version: usize, thoughts| {
        (
            format!("claude-{version}"),
            format!("You are prompt-{version}."),
            format!("Says something, version {version}."),
            thoughts,
        )
    };
    let requests = world.fake.requests();
    assert_eq!(
        requests.iter().map(prefix).collect::<Vec<_>>(),
        [seen(1, 0), seen(1, 1), seen(1, 2), seen(2, 0)]
    );
    assert_eq!(world.fake.refusals(), [""; 0]);
}

/// What the calls said, in the order in which the model got to see it.
fn outputs(world: &World) -> Vec<String> {
    let mut said = Vec::new();
    for seen in world.fake.requests() {
        for (_, text, _) in seen.results() {
            let line = text.lines().find(|line| line.starts_with("tool-"));
            said.extend(line.map(str::to_owned).filter(|line| !said.contains(line)));
        }
    }
    said
}

/// A tool that says which version it is, waits, and says what the settings of its time say.
fn waiting(folder: &std::path::Path, number: usize) -> String {
    format!(
        "description: Waits.\neffect: read\ninput: {{type: object, properties: {{}}}}\n\
         run: {{command: [sh, -c, 'echo tool-{number} $SAYS; read line < {}/go; echo $line'], \
         env: {{SAYS: '{{{{ env.SAYS }}}}'}}}}\n\
         timeout: 1h\ntests: [{{allow: {{}}}}, {{deny: {{for: 1}}}}]\n",
        folder.display()
    )
}

#[tokio::test]
async fn a_running_call_keeps_the_revision_that_permitted_it_and_so_does_one_that_waits_for_its_turn()
 {
    let (fake, folder, root) = super::world::first_version().await;
    nix::unistd::mkfifo(&folder.path().join("go"), nix::sys::stat::Mode::S_IRWXU).unwrap();
    let with = |number: usize| {
        let mut files = version(&fake, number);
        let settings = files.get_mut("tolkien.yaml").unwrap();
        settings.push_str("limits: {parallel_calls: 1}\n");
        let tool = waiting(folder.path(), number);
        files.insert("tools.d/wait.yaml".to_owned(), tool);
        files
    };
    let (first, second) = (with(1), with(2));
    write(&root, &first);
    let world = World::of((fake, folder, root)).await;
    world.fake.respond_with(|seen| match seen.rounds() {
        0 => Answer::tools([("wait", json!({})), say("after it")]),
        1 => Answer::tools([say("next")]),
        _ => Answer::text("Done."),
    });
    let session = world.session().await;
    let turn = world.send(&session, "wait").await;
    let before = world.revision();
    let go = world.folder.path().join("go");
    // The program has opened the pipe: it runs.
    let opened = world
        .tasks
        .spawn_blocking(move || fs::File::options().write(true).open(go).unwrap());
    let mut opened = opened.await.unwrap();
    write(&world.root, &second);
    world.followed().await;
    opened.write_all(b"went\n").unwrap();
    drop(opened);
    let view = world.over(&session, &turn).await;
    assert_eq!(view.tool_calls.len(), 3, "{view:?}");
    let after = world.revision();
    let decided = decided(&world, &session, &turn).await;
    let decided: Vec<&str> = decided
        .iter()
        .map(|(_, revision)| revision.as_str())
        .collect();
    assert_eq!(decided, [&before, &before, &after]);
    assert_eq!(
        outputs(&world),
        [
            "tool-1 settings-1",
            "tool-1 settings-1 after it",
            "tool-2 settings-2 next"
        ]
    );
}

#[tokio::test]
async fn a_rejected_change_is_nothing_to_a_turn() {
    let world = World::new().await;
    let gate = Gate::new();
    let held = gate.clone();
    world.fake.respond_with(move |seen| match seen.rounds() {
        0 => Answer::tools([say("one")]).behind(&held),
        _ => Answer::text("Done."),
    });
    let session = world.session().await;
    let turn = world.send(&session, "go").await;
    world.fake.requested(1).await;
    let first = world.revision();
    let mut files: BTreeMap<String, String> = version(&world.fake, 2);
    files.insert("tools.d/say.yaml".to_owned(), "effect: [".to_owned());
    write(&world.root, &files);
    until("rejected", async || {
        let rejection = world.reloads.last_rejection();
        let wanted = super::world::revision(&world.root);
        rejection.is_some_and(|it| it.revision.as_ref().is_some_and(|it| it.as_str() == wanted))
    })
    .await;
    gate.open();
    let view = world.over(&session, &turn).await;
    assert_eq!(view.response.as_deref(), Some("Done."));
    assert_eq!(
        decided(&world, &session, &turn).await,
        [("allow".to_owned(), first)]
    );
    assert_eq!(outputs(&world), ["tool-1 settings-1 one"]);
}
