//! What is written down before what happens, with a journal that can fail.

use std::fs;
use std::path::Path;
use std::sync::Mutex;

use serde_json::json;

use super::*;
use crate::agent::{ApprovalId, TurnId};
use crate::config::Overrides;
use crate::config::host::Host;
use crate::config::name::{CallerName, RoleName};
use crate::config::policy::Channel;
use crate::model::Script;
use crate::policy;

/// Remembers what was appended, and whether the tool's mark was there by then; fails at one append,
/// and swaps something else in with the first.
struct Pages {
    mark: std::path::PathBuf,
    fails_at: usize,
    appended: Mutex<Vec<(Vec<&'static str>, bool)>>,
    in_force: Arc<ArcSwap<InForce>>,
    next: InForce,
}

impl Journal for &Pages {
    async fn append(&self, entries: Vec<Entry>) -> Result<Kept, Lost> {
        let names = entries.iter().map(|entry| entry.event.name()).collect();
        let mut appended = self.appended.lock().unwrap();
        appended.push((names, self.mark.exists()));
        self.in_force.store(Arc::new(self.next.clone()));
        if appended.len() == self.fails_at {
            return Err(Lost::Turn);
        }
        Ok(Trail::Kept.into())
    }

    async fn output(&self, _: &CallId) -> Result<Option<String>, Lost> {
        Ok(None)
    }

    async fn decision(&self, _: &ApprovalId) -> Option<Decided> {
        None
    }
}

const TOOL: &str = r"
description: Leaves a mark.
effect: read
input: {type: object, properties: {}}
run: {command: [touch, '{{ env.MARK }}']}
tests: [{allow: {}}, {deny: {now: 1}}]
";

/// A configuration whose tool leaves this mark, and a model that calls it once.
fn leaving(mark: &Path) -> InForce {
    let root = tempfile::tempdir().unwrap();
    let root = root.path();
    for folder in ["tools.d", "prompts"] {
        fs::create_dir(root.join(folder)).unwrap();
    }
    let settings = format!("environment: {{MARK: {}}}\n", mark.display());
    fs::write(root.join("tolkien.yaml"), settings).unwrap();
    fs::write(root.join("tools.d/mark.yaml"), TOOL).unwrap();
    fs::write(root.join("prompts/system.md"), "You are the agent.\n").unwrap();
    let loaded = policy::load(root, Overrides::None).unwrap();
    let config = loaded
        .config
        .unwrap_or_else(|| panic!("{:#?}", loaded.diagnostics));
    let script = json!([{"replies": [{"calls": [{"tool": "mark"}]}, {"text": "Done."}]}]);
    InForce {
        host: Arc::new(Host::probe(&config)),
        config,
        model: Model::Script(Script::parse(script).unwrap()),
    }
}

/// One call and an answer, with a journal that fails at one of its appends (none is 0); whether its
/// mark is there, and whether that of what came into force between its decision and its start is.
async fn drive(
    fails_at: usize,
) -> (
    Result<Driven, Lost>,
    Vec<(Vec<&'static str>, bool)>,
    [bool; 2],
) {
    let folder = tempfile::tempdir().unwrap();
    let (mark, other) = (folder.path().join("mark"), folder.path().join("other"));
    let now = leaving(&mark);
    let in_force = Arc::new(ArcSwap::from_pointee(now.clone()));
    let pages = Pages {
        mark,
        fails_at,
        appended: Mutex::default(),
        in_force: Arc::clone(&in_force),
        next: leaving(&other),
    };
    let caller = Caller {
        name: CallerName::new("joao"),
        role: RoleName::new("operator"),
        channel: Channel::Local,
    };
    let mut history = History::default();
    history.begin(TurnId::from("t_1"), 1);
    let opening = [Event::TurnStarted {
        content: "leave a mark".to_owned(),
        caller: caller.name.clone(),
        role: caller.role.clone(),
        channel: caller.channel,
        revision: now.config.revision().clone(),
        rounds: None,
        named: false,
    }];
    let mut turn = Turn {
        prefix: Prefix::render(&now.config, &now.host, &caller).unwrap(),
        caller,
        in_force,
        model: now.model,
        journal: &pages,
        approve: None,
        history,
        cancel: Cancel::new(),
        paused: watch::Sender::new(None).subscribe(),
        leave: CancellationToken::new(),
    };
    let outcome = turn.run(&opening).await;
    let marked = [pages.mark.exists(), other.exists()];
    (outcome, pages.appended.into_inner().unwrap(), marked)
}

#[tokio::test]
async fn a_decision_and_a_start_are_written_before_the_process_runs() {
    let (outcome, appended, marked) = drive(0).await;
    assert_eq!(outcome, Ok(Driven::Over));
    assert_eq!(marked, [true, false]);
    assert_eq!(
        appended,
        [
            (vec!["model_replied", "call_decided", "call_started"], false),
            (vec!["call_ended"], true),
            (vec!["model_replied", "turn_ended"], true),
        ]
    );
}

#[tokio::test]
async fn what_cannot_be_written_down_does_not_happen() {
    let (outcome, appended, marked) = drive(1).await;
    assert_eq!(
        (outcome, appended.len(), marked),
        (Err(Lost::Turn), 1, [false, false])
    );
    let (outcome, appended, marked) = drive(2).await;
    assert_eq!(
        (outcome, appended.len(), marked),
        (Err(Lost::Turn), 2, [true, false])
    );
}

#[tokio::test]
async fn a_permitted_call_runs_on_the_terms_that_permitted_it() {
    let (outcome, appended, marked) = drive(0).await;
    assert_eq!((outcome, appended.len()), (Ok(Driven::Over), 3));
    assert_eq!(marked, [true, false], "what was swapped in did not run");
}

#[tokio::test]
async fn the_first_to_cancel_says_why() {
    let asked = Cancel::new();
    asked.ask(Cause::SessionEnded);
    asked.ask(Cause::Caller);
    assert_eq!(asked.asked().await, Cause::SessionEnded);
}
