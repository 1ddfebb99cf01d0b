//! Turns whose server ends before they do, and goes on with them when it is there again.

use super::*;

/// Writes down its process id in `pid` and its name in `ran`; the first time, it then never ends.
fn slow(folder: &Path, effect: &str) -> String {
    format!(
        r#"
description: Takes its time once.
effect: {effect}
input: {{type: object, properties: {{}}}}
run:
  command:
    - sh
    - -c
    - "echo {effect} >> {0}/ran; [ -e {0}/again ] || {{ touch {0}/again; echo $$ > {0}/pid; exec sleep 100000; }}; echo came to its end"
timeout: 1h
tests: [{{allow: {{}}}}, {{deny: {{for: 1}}}}]
"#,
        folder.display()
    )
}

/// A configuration whose slow tools run without an approval.
pub(super) fn trusted(folder: &Path, settings: &str) -> Arc<Config> {
    let policy = "description: It may.\napplies_to: {tools: [change]}\neffect: {write: allow}\n";
    config_with(
        folder,
        settings,
        &[
            ("tools.d/look.yaml", &slow(folder, "read")),
            ("tools.d/change.yaml", &slow(folder, "write")),
            ("policies/trusted.yaml", policy),
        ],
    )
}

/// One server after another on one store.
struct Lives {
    folder: tempfile::TempDir,
    fake: Fake,
    in_force: Arc<ArcSwap<InForce>>,
    outer: tokio::runtime::Runtime,
}

impl Lives {
    fn new(settings: &str) -> Self {
        Self::of(|folder| trusted(folder, settings))
    }

    fn of(config: impl FnOnce(&Path) -> Arc<Config>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let outer = tokio::runtime::Runtime::new().unwrap();
        let fake = outer.block_on(Fake::start());
        let in_force = in_force(&fake.base_url(), config(folder.path()));
        Self {
            folder,
            fake,
            in_force,
            outer,
        }
    }

    async fn open(&self, tasks: &Tasks, clock: Clock) -> Sessions {
        open(self.folder.path(), &self.in_force, tasks, clock).await
    }

    /// A server that is killed while the turn runs that `until` waits for: a runtime that is
    /// dropped stops every task where it stands.
    fn killed(
        &self,
        until: impl AsyncFnOnce(&Sessions, &SessionId, &TurnId),
    ) -> (SessionId, TurnId) {
        let inner = tokio::runtime::Runtime::new().unwrap();
        let begun = inner.block_on(async {
            let tasks = Tasks::new();
            let sessions = self.open(&tasks, Clock::system()).await;
            let begun = self.begin(&sessions).await;
            until(&sessions, &begun.0, &begun.1).await;
            begun
        });
        inner.shutdown_timeout(LONG);
        begun
    }

    async fn begin(&self, sessions: &Sessions) -> (SessionId, TurnId) {
        let session = sessions.create(&joao(), None, None).await.unwrap();
        let session = session.session_id;
        let content = "look".to_owned();
        let turn = sessions
            .send(&joao(), &session, content, Some(key("k", 1)))
            .await;
        (session, turn.unwrap())
    }

    /// The next server sees the turn to its end.
    fn over(&self, (session, turn): &(SessionId, TurnId)) -> TurnView {
        self.outer.block_on(async {
            let tasks = Tasks::new();
            let sessions = self.open(&tasks, Clock::system()).await;
            let view = sessions.turn(&joao(), session, turn, LONG).await.unwrap();
            let content = "look".to_owned();
            let again = sessions
                .send(&joao(), session, content, Some(key("k", 1)))
                .await;
            assert_eq!(again, Ok(turn.clone()), "its key is known");
            tasks.end(LONG).await;
            view
        })
    }

    /// What ran, in order.
    fn ran(&self) -> String {
        fs::read_to_string(self.folder.path().join("ran")).unwrap_or_default()
    }

    /// The results that the model got last, without their wrapping.
    fn results(&self) -> Vec<(String, bool)> {
        assert_eq!(self.fake.refusals(), [""; 0]);
        let results = self.fake.requests().pop().unwrap().results();
        let results = results.into_iter();
        results.map(|(_, text, error)| (text, error)).collect()
    }
}

/// Waits until the call has written down its process id.
pub(super) async fn running(folder: &Path) -> Pid {
    let path = folder.join("pid");
    let read = tokio::task::spawn_blocking(move || fs::read_to_string(path).unwrap());
    Pid::from_raw(read.await.unwrap().trim().parse().unwrap()).unwrap()
}

#[test]
fn a_call_that_changes_nothing_is_made_again_after_a_kill() {
    let lives = Lives::new("");
    lives.fake.push(
        Answer::tools([("echo", json!({"words": ["beside"]})), ("look", json!({}))]).thinking("so"),
    );
    lives.fake.push(Answer::text("It is there."));
    let mut pid = None;
    let begun = lives.killed(async |sessions, session, turn| {
        pid = Some(running(lives.folder.path()).await);
        ended(sessions, session, turn, 1).await;
    });
    let view = lives.over(&begun);
    assert!(!runs(pid.unwrap()), "what a killed server ran is gone");
    assert_eq!(view.response.as_deref(), Some("It is there."));
    assert_eq!(outcomes(&view), ["exited", "exited"]);
    assert_eq!(lives.ran(), "read\nread\n");
    assert!(lives.results()[1].0.contains("came to its end"));
    assert_eq!(lives.fake.requests().len(), 2, "no reply was lost");
}

#[test]
fn a_call_that_may_have_changed_something_is_not_made_again_and_the_model_is_told() {
    let lives = Lives::new("");
    lives.fake.push(Answer::tools([
        ("echo", json!({"words": ["beside"]})),
        ("change", json!({})),
    ]));
    lives.fake.push(Answer::text("I will check."));
    let begun = lives.killed(async |sessions, session, turn| {
        running(lives.folder.path()).await;
        ended(sessions, session, turn, 1).await;
    });
    let view = lives.over(&begun);
    assert_eq!(view.response.as_deref(), Some("I will check."));
    assert_eq!(outcomes(&view), ["exited", "interrupted"]);
    assert_eq!(lives.ran(), "write\n");
    let (told, is_error) = lives.results().pop().unwrap();
    assert_eq!(
        (told.as_str(), is_error),
        (
            "Interrupted: the server ended while this call was running, so whether it did \
             anything is unknown. Check before you try again.",
            true
        )
    );
}

#[test]
fn an_approval_is_for_one_run_of_a_call() {
    let policy = "description: Asks.\napplies_to: {tools: [look]}\neffect: {read: ask}\n";
    let lives = Lives::of(|folder| {
        let files = [
            (
                "tools.d/look.yaml",
                slow(folder, "read").replace("{allow: {}}", "{ask: {}}"),
            ),
            ("policies/careful.yaml", policy.to_owned()),
        ];
        config_with(
            folder,
            "",
            &files.each_ref().map(|(name, text)| (*name, text.as_str())),
        )
    });
    lives.fake.push(Answer::tools([("look", json!({}))]));
    lives.fake.push(Answer::text("I will check."));
    let begun = lives.killed(async |sessions, session, turn| {
        let view = sessions.turn(&joao(), session, turn, LONG).await.unwrap();
        let asked = &view.pending_approvals.first().unwrap().approval_id;
        let decided = sessions.decide(&joao(), session, asked, true, None).await;
        assert!(decided.is_ok());
        running(lives.folder.path()).await;
    });
    let view = lives.over(&begun);
    assert_eq!(outcomes(&view), ["interrupted"]);
    assert_eq!(lives.ran(), "read\n");
}

#[test]
fn a_model_call_that_was_cut_off_is_made_again() {
    let lives = Lives::new("");
    lives.fake.push(Answer::silence());
    lives.fake.push(Answer::text("Here I am."));
    let begun = lives.killed(async |_, _, _| lives.fake.requested(1).await);
    assert_eq!(lives.over(&begun).response.as_deref(), Some("Here I am."));
    let asked: Vec<_> = lives
        .fake
        .requests()
        .iter()
        .map(|seen| seen.raw.clone())
        .collect();
    assert_eq!(asked[0], asked[1], "to the byte");
}

#[test]
fn a_server_that_ends_leaves_its_turns_for_the_next() {
    for (effect, ran) in [("look", "read\nread\n"), ("change", "write\n")] {
        let lives = Lives::new("");
        lives.fake.push(Answer::tools([(effect, json!({}))]));
        lives.fake.push(Answer::text("Done."));
        let begun = lives.outer.block_on(async {
            let tasks = Tasks::new();
            let sessions = lives.open(&tasks, Clock::system()).await;
            let (session, turn) = lives.begin(&sessions).await;
            let pid = running(lives.folder.path()).await;
            tasks.end(Duration::ZERO).await;
            assert!(!runs(pid));
            let view = sessions
                .turn(&joao(), &session, &turn, Duration::ZERO)
                .await;
            assert!(!view.unwrap().status.is_over());
            let more = sessions
                .send(&joao(), &session, "more".to_owned(), None)
                .await;
            assert_eq!(more, Err(Error::ShuttingDown));
            (session, turn)
        });
        assert_eq!(lives.over(&begun).response.as_deref(), Some("Done."));
        assert_eq!(lives.ran(), ran, "{effect}");
    }
}

#[test]
fn a_turn_that_nobody_went_on_with_in_time_is_ended() {
    let lives = Lives::new("limits: {session_idle: 30m}\n");
    lives.fake.push(Answer::tools([("look", json!({}))]));
    let begun = lives.killed(async |_, _, _| {
        running(lives.folder.path()).await;
    });
    let view = lives.outer.block_on(async {
        let (tasks, clock) = (Tasks::new(), Clock::system());
        clock.advance(Duration::from_mins(31));
        let sessions = lives.open(&tasks, clock).await;
        let view = sessions.turn(&joao(), &begun.0, &begun.1, LONG).await;
        tasks.end(LONG).await;
        view.unwrap()
    });
    assert_eq!(stop(&view), "interrupted");
    assert_eq!(outcomes(&view), ["interrupted"]);
    assert_eq!(lives.ran(), "read\n");
}

/// Waits until so many calls of a turn are over.
pub(super) async fn ended(sessions: &Sessions, session: &SessionId, turn: &TurnId, calls: usize) {
    let events = pin!(sessions.events(&joao(), session, turn, 0));
    let ends = events.filter(|event| {
        let ends = matches!(event.as_ref().unwrap().item, Event::CallEnded(_));
        async move { ends }
    });
    assert_eq!(ends.take(calls).count().await, calls);
}
