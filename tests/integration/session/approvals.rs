//! Calls that wait for an approval: every way in which one comes to its end, with what the model is
//! told.

use futures_util::future::join;
use tolkien::agent::approve::ApprovalStatus;
use tolkien::agent::event::Status;
use tolkien::agent::{ApprovalId, ApprovalView};

use super::*;

/// What is asked for besides what `config` has.
const ROLES: &str = "roles:\n  operator: {tools: ['*'], approve: true}\n  admin: {tools: ['*'], \
                     approve: true}\n  viewer: {tools: ['*']}\n";

fn write(name: &str) -> (&'static str, Value) {
    ("write", json!({"name": name}))
}

impl World {
    /// A world whose model makes these calls and then says "Done.", with the turn that waits.
    async fn waiting(
        settings: &str,
        calls: impl IntoIterator<Item = (&'static str, Value)>,
    ) -> (Self, SessionId, TurnView) {
        let world = Self::with(settings, Clock::system()).await;
        world.fake.push(Answer::tools(calls));
        world.fake.push(Answer::text("Done."));
        let session = world.session().await;
        let turn = world.send(&session, "write it").await;
        let view = world.rests(&session, &turn).await;
        assert_eq!(view.status, Status::AwaitingApproval, "{view:?}");
        (world, session, view)
    }

    async fn rests(&self, session: &SessionId, turn: &TurnId) -> TurnView {
        let view = self.sessions.turn(&joao(), session, turn, LONG).await;
        view.unwrap()
    }

    async fn decide(&self, asked: &ApprovalView, approve: bool) -> Result<ApprovalView, Error> {
        let reason = (!approve).then(|| "not on a Friday".to_owned());
        let (session, id) = (&asked.session_id, &asked.approval_id);
        let sessions = &self.sessions;
        sessions.decide(&joao(), session, id, approve, reason).await
    }

    /// The turn when it is over, whatever it waits for on the way.
    async fn ended(&self, session: &SessionId, turn: &TurnId) -> TurnView {
        let events = self.sessions.events(&joao(), session, turn, 0);
        assert!(events.count().await > 0);
        self.over(session, turn).await
    }

    /// What became of a question, as whoever asks again is told.
    async fn status(&self, asked: &ApprovalView) -> Error {
        self.decide(asked, true).await.unwrap_err()
    }

    /// What the model was told of the last round, without its wrapping.
    fn told(&self) -> Vec<String> {
        let results = self.results().into_iter();
        results.map(|(_, text, _)| text).collect()
    }
}

fn asked(view: &TurnView) -> &ApprovalView {
    view.pending_approvals.first().unwrap()
}

#[tokio::test]
async fn what_waits_is_shown_whole_and_runs_when_somebody_approves_it() {
    let (world, session, view) = World::waiting("", [write("a")]).await;
    let question = asked(&view);
    let line = format!("touch {}", world.path("a").display());
    assert_eq!(question.shown.command_line, line);
    let shown = serde_json::to_value(&question.shown).unwrap();
    assert_eq!(
        (
            &shown["tool"],
            &shown["input"],
            &shown["effect"],
            &shown["rule"],
            &shown["because"]
        ),
        (
            &json!("write"),
            &json!({"name": "a"}),
            &json!("write"),
            &json!("write.effect"),
            &json!("`effect: write` needs an approval"),
        )
    );
    let kept = world.sessions.view(&joao(), &session).await.unwrap();
    assert_eq!(kept.status, SessionStatus::AwaitingApproval);
    assert_eq!(kept.turns, std::slice::from_ref(&view));
    assert_eq!(
        world.sessions.approvals(&joao()).await,
        Ok(vec![question.clone()])
    );
    assert!(!world.path("a").exists());
    let approved = world.decide(question, true).await.unwrap();
    assert_eq!(approved.status, ApprovalStatus::Approved);
    assert_eq!(approved.decided_by, Some(joao().name));
    let view = world.ended(&session, &view.turn_id).await;
    assert_eq!(outcomes(&view), ["exited"]);
    assert!(world.path("a").exists());
    assert_eq!(world.sessions.approvals(&joao()).await, Ok(vec![]));
}

#[tokio::test]
async fn other_calls_of_the_round_go_on_meanwhile() {
    let (world, session, view) = World::waiting("", [write("a"), echo("beside")]).await;
    resuming::ended(&world.sessions, &session, &view.turn_id, 1).await;
    let view = world.rests(&session, &view.turn_id).await;
    assert_eq!(outcomes(&view), ["pending", "exited"]);
    assert_eq!(view.status, Status::AwaitingApproval);
}

#[tokio::test]
async fn the_model_is_told_who_refused_and_why() {
    let (world, session, view) = World::waiting("", [write("a")]).await;
    let denied = world.decide(asked(&view), false).await.unwrap();
    assert_eq!(denied.status, ApprovalStatus::Denied);
    let view = world.ended(&session, &view.turn_id).await;
    assert_eq!(outcomes(&view), ["denied"]);
    assert!(!world.path("a").exists());
    insta::assert_snapshot!(world.told().join("\n"), @"Not run: joao refused to approve this call: not on a Friday. Do not try to reach the same effect another way; ask the operator how to go on.");
}

#[tokio::test]
async fn nobody_in_time_is_not_the_same_as_somebody_who_refused() {
    let settings = "limits: {approval_timeout: 1s}\n";
    let world = World::with(settings, Clock::system()).await;
    world.fake.push(Answer::tools([write("a")]));
    world.fake.push(Answer::text("Done."));
    let session = world.session().await;
    let turn = world.send(&session, "write it").await;
    let events = world.sessions.events(&joao(), &session, &turn, 0);
    let expired = events.filter_map(|event| {
        let expired = match event.unwrap().item {
            Event::ApprovalExpired { approval_id, .. } => Some(approval_id),
            _ => None,
        };
        async move { expired }
    });
    let expired: Vec<ApprovalId> = expired.collect().await;
    let [question] = expired.as_slice() else {
        panic!("{expired:?}");
    };
    assert_eq!(outcomes(&world.over(&session, &turn).await), ["expired"]);
    let (who, sessions) = (joao(), &world.sessions);
    let late = sessions.decide(&who, &session, question, true, None);
    assert_eq!(late.await, Err(Error::ApprovalExpired));
    assert!(!world.path("a").exists());
    insta::assert_snapshot!(world.told().join("\n"), @"Not run: nobody decided about this call in time. Nobody refused it either. Do not try to reach the same effect another way; tell the operator what waits for an approval, and ask again when they want it.");
}

#[tokio::test]
async fn an_approval_ends_with_its_turn() {
    let (world, session, view) = World::waiting("", [write("a")]).await;
    world
        .sessions
        .cancel(&joao(), &session, &view.turn_id)
        .await
        .unwrap();
    let question = asked(&view).clone();
    let view = world.ended(&session, &view.turn_id).await;
    assert_eq!(
        (stop(&view), outcomes(&view)),
        ("cancelled", vec!["cancelled"])
    );
    let late = Error::ApprovalDecided(ApprovalStatus::Cancelled);
    assert_eq!(world.status(&question).await, late);
    assert_eq!(world.sessions.approvals(&joao()).await, Ok(vec![]));
    assert!(!world.path("a").exists());
    world.ask(&session, "and now?").await;
    insta::assert_snapshot!(world.told().join("\n"), @"Not run: the turn was cancelled first.");
}

#[tokio::test]
async fn several_are_decided_one_by_one() {
    let (world, session, view) = World::waiting("", [write("a"), write("b")]).await;
    let [first, second] = view.pending_approvals.as_slice() else {
        panic!("{view:?}");
    };
    let of = |name: &str| world.path(name).display().to_string();
    let (first, second) = if first.shown.command_line.ends_with(&of("a")) {
        (first, second)
    } else {
        (second, first)
    };
    world.decide(second, true).await.unwrap();
    resuming::ended(&world.sessions, &session, &view.turn_id, 1).await;
    let half = world.rests(&session, &view.turn_id).await;
    assert_eq!(outcomes(&half), ["pending", "exited"]);
    assert_eq!(half.pending_approvals, std::slice::from_ref(first));
    world.decide(first, false).await.unwrap();
    let view = world.ended(&session, &view.turn_id).await;
    assert_eq!(outcomes(&view), ["denied", "exited"]);
    assert!(!world.path("a").exists() && world.path("b").exists());
}

#[tokio::test]
async fn of_two_who_decide_one_does() {
    let (world, session, view) = World::waiting("", [write("a")]).await;
    let question = asked(&view);
    let (yes, no) = join(world.decide(question, true), world.decide(question, false)).await;
    let is_approved = yes.is_ok();
    let (won, lost) = if is_approved { (yes, no) } else { (no, yes) };
    let won = won.unwrap().status;
    assert_eq!(lost, Err(Error::ApprovalDecided(won)));
    let view = world.ended(&session, &view.turn_id).await;
    assert_eq!(world.path("a").exists(), is_approved);
    let expected = if is_approved { "exited" } else { "denied" };
    assert_eq!(outcomes(&view), [expected]);
    assert_eq!(world.status(question).await, Error::ApprovalDecided(won));
}

#[tokio::test]
async fn who_may_decide_is_a_matter_of_roles_and_not_of_whose_session_it_is() {
    let (world, session, view) = World::waiting(ROLES, [write("a")]).await;
    let question = asked(&view);
    let decide = async |who: Caller, id: &ApprovalId| {
        let sessions = &world.sessions;
        let decided = sessions.decide(&who, &session, id, true, None).await;
        decided.map(|approval| approval.decided_by)
    };
    let viewer = Caller {
        role: decision::caller("viewer", Channel::Api).role,
        ..joao()
    };
    let id = &question.approval_id;
    assert_eq!(decide(viewer.clone(), id).await, Err(Error::NotAnApprover));
    assert_eq!(
        decide(maria("viewer"), id).await,
        Err(Error::ApprovalNotFound)
    );
    let unknown = ApprovalId::from("a_1");
    assert_eq!(decide(joao(), &unknown).await, Err(Error::ApprovalNotFound));
    assert_eq!(world.sessions.approvals(&viewer).await, Ok(vec![]));
    let theirs = world.sessions.approvals(&maria("operator")).await;
    assert_eq!(theirs, Ok(vec![question.clone()]));
    let seen = world.sessions.view(&maria("operator"), &session).await;
    assert_eq!(seen.unwrap_err(), Error::SessionNotFound);
    let decided = decide(maria("operator"), id).await;
    assert_eq!(decided, Ok(Some(maria("operator").name)));
    world.ended(&session, &view.turn_id).await;
    assert!(world.path("a").exists());
}

/// A policy that lets only admins approve.
const ADMINS: (&str, &str) = (
    "policies/admins.yaml",
    "description: Only admins.\napplies_to: {tools: [write], roles: [operator]}\nask: [{id: admins, match: 'touch **', because: it leaves something, \
     approvers: [admin]}]\n",
);

/// Somebody who is an admin.
const AN_ADMIN: &str = "callers: [{name: maria, role: admin, token_sha256: \
     ['e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855']}]\n";

impl World {
    /// Puts another configuration in force.
    fn swap(&self, settings: &str, others: &[(&str, &str)]) {
        let config = config_with(self.folder.path(), settings, others);
        let next = InForce {
            host: Arc::new(Host::probe(&config)),
            config,
            model: self.in_force.load().model.clone(),
        };
        self.in_force.store(Arc::new(next));
    }
}

#[tokio::test]
async fn a_rule_that_names_approvers_asks_only_them() {
    let world = World::with(AN_ADMIN, Clock::system()).await;
    world.swap(AN_ADMIN, &[ADMINS]);
    world.fake.push(Answer::tools([write("a")]));
    world.fake.push(Answer::text("Done."));
    let session = world.session().await;
    let turn = world.send(&session, "write it").await;
    let view = world.rests(&session, &turn).await;
    let question = asked(&view);
    assert_eq!(question.shown.rule.to_string(), "admins.admins");
    assert_eq!(world.status(question).await, Error::NotAnApprover);
    assert_eq!(world.sessions.approvals(&joao()).await, Ok(vec![]));
    let (id, maria) = (&question.approval_id, maria("admin"));
    let decided = world
        .sessions
        .decide(&maria, &session, id, true, None)
        .await;
    assert_eq!(decided.unwrap().status, ApprovalStatus::Approved);
    assert_eq!(outcomes(&world.ended(&session, &turn).await), ["exited"]);
}

#[tokio::test]
async fn a_call_that_nobody_may_approve_is_denied_at_once() {
    let world = World::new().await;
    world.swap("", &[ADMINS]);
    world.fake.push(Answer::tools([write("a")]));
    world.fake.push(Answer::text("Done."));
    let session = world.session().await;
    let view = world.ask(&session, "write it").await;
    assert_eq!(outcomes(&view), ["denied"]);
    assert!(!world.path("a").exists());
    insta::assert_snapshot!(world.told().join("\n"), @"Not run: this call needs an approval, and nobody here may give one (rule admins.admins: it leaves something). Do not try to reach the same effect another way; tell the operator what you would have run and why.");
}

#[tokio::test]
async fn whoever_is_removed_or_demoted_may_no_more_in_turns_that_run() {
    let callers = |joao: &str| {
        let digest = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        let second = "a3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        format!(
            "roles: {{operator: {{tools: ['*'], approve: true}}, admin: {{tools: ['*'], approve: true}}, \
             reader: {{tools: [echo]}}}}\ncallers:\n  - {{name: maria, role: admin, token_sha256: \
             ['{digest}']}}\n{}",
            joao.replace("DIGEST", second)
        )
    };
    let joao = |role: &str| format!("  - {{name: joao, role: {role}, token_sha256: ['DIGEST']}}\n");
    for (later, rule) in [
        (String::new(), "roles.(removed)"),
        (joao("reader"), "roles.reader"),
    ] {
        let (world, session, view) =
            World::waiting(&callers(&joao("operator")), [write("a")]).await;
        world.swap(&callers(&later), &[]);
        let (who, id) = (maria("admin"), &asked(&view).approval_id);
        let decided = world.sessions.decide(&who, &session, id, true, None).await;
        assert!(decided.is_ok());
        let view = world.ended(&session, &view.turn_id).await;
        assert_eq!(outcomes(&view), ["denied"]);
        let by = view.tool_calls[0].rule.as_ref().unwrap().to_string();
        assert_eq!(by, rule);
        assert!(!world.path("a").exists());
    }
}

/// Two callers, and what a third line says of joao.
fn callers_and(joao: &str) -> String {
    let digest = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    let second = "a3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    format!(
        "callers:\n  - {{name: maria, role: admin, token_sha256: ['{digest}']}}\n{}",
        joao.replace("DIGEST", second)
    )
}

const JOAO: &str = "  - {name: joao, role: operator, token_sha256: ['DIGEST']}\n";

#[tokio::test]
async fn whoever_was_removed_while_no_server_ran_may_no_more_in_the_turn_that_goes_on() {
    for later in [callers_and(""), String::new()] {
        let calls = [write("a")];
        let (world, session, view) = World::waiting(&callers_and(JOAO), calls).await;
        let world = world.again_with(&later).await;
        let view = world.ended(&session, &view.turn_id).await;
        assert_eq!(outcomes(&view), ["denied"]);
        let by = view.tool_calls[0].rule.as_ref().unwrap().to_string();
        assert_eq!(by, "roles.(removed)");
        assert!(!world.path("a").exists());
    }
    // Who was not removed is asked about as before.
    let (world, session, view) = World::waiting(&callers_and(JOAO), [write("a")]).await;
    let world = world.again_with(&callers_and(JOAO)).await;
    world.decide(asked(&view), true).await.unwrap();
    let view = world.ended(&session, &view.turn_id).await;
    assert_eq!(outcomes(&view), ["exited"]);
}

#[tokio::test]
async fn a_denial_beside_a_call_that_waits_keeps_its_reason() {
    let forbidden = ("mark", json!({"name": "forbidden"}));
    let (world, session, view) = World::waiting("", [write("a"), forbidden]).await;
    assert_eq!(outcomes(&view), ["pending", "denied"]);
    let rule = view.tool_calls[1].rule.clone();
    let world = world.again().await;
    let view = world.rests(&session, &view.turn_id).await;
    assert_eq!(outcomes(&view), ["pending", "denied"]);
    assert_eq!(view.tool_calls[1].rule, rule);
    world.decide(asked(&view), false).await.unwrap();
    let view = world.ended(&session, &view.turn_id).await;
    assert_eq!(outcomes(&view), ["denied", "denied"]);
    insta::assert_snapshot!(world.told().join("\n"), @"
    Not run: joao refused to approve this call: not on a Friday. Do not try to reach the same effect another way; ask the operator how to go on.
    Denied by mark.name.deny[0]: nobody leaves that. It did not run. What is allowed:
      name: [a-z]+
    ");
}

/// What comes of an approval when this is in force by then.
async fn approved_after(others: &[(&str, &str)]) -> (World, SessionId, TurnId, ApprovalView) {
    let (world, session, view) = World::waiting("", [write("a")]).await;
    world.swap("limits: {rounds: 39}\n", others);
    let question = asked(&view).clone();
    let decided = world.decide(&question, true).await.unwrap();
    assert_eq!(decided.status, ApprovalStatus::Approved);
    (world, session, view.turn_id, question)
}

#[tokio::test]
async fn after_a_reload_an_approved_call_is_decided_again() {
    // The next revision asks again.
    let (world, session, turn, old) = approved_after(&[]).await;
    let new = loop {
        let view = world.rests(&session, &turn).await;
        assert_eq!(view.status, Status::AwaitingApproval, "{view:?}");
        if let Some(new) = view.pending_approvals.first() {
            break new.clone();
        }
    };
    assert!(!world.path("a").exists());
    assert_ne!(new.approval_id, old.approval_id);
    let superseded = Error::ApprovalDecided(ApprovalStatus::Superseded);
    assert_eq!(world.status(&old).await, superseded);
    world.decide(&new, true).await.unwrap();
    assert_eq!(outcomes(&world.ended(&session, &turn).await), ["exited"]);
    assert!(world.path("a").exists());
}

#[tokio::test]
async fn after_a_reload_that_allows_or_denies_nobody_is_asked_again() {
    let policy = |effect: &str| {
        format!(
            "description: It says.\napplies_to: {{tools: [write], roles: [operator]}}\neffect: {{write: {effect}}}\n"
        )
    };
    for (effect, outcome, runs) in [("allow", "exited", true), ("deny", "denied", false)] {
        let text = policy(effect);
        let (world, session, turn, old) = approved_after(&[("policies/says.yaml", &text)]).await;
        let view = world.ended(&session, &turn).await;
        assert_eq!(outcomes(&view), [outcome]);
        assert_eq!(world.path("a").exists(), runs);
        let superseded = Error::ApprovalDecided(ApprovalStatus::Superseded);
        assert_eq!(world.status(&old).await, superseded);
    }
}

/// A server that ends while a call waits, and the next one on its store.
async fn restarted(settings: Option<&str>) -> (World, SessionId, TurnView, TurnView) {
    let (world, session, before) = World::waiting("", [write("a")]).await;
    if let Some(settings) = settings {
        world.tasks.end(LONG).await;
        world.swap(settings, &[]);
    }
    let world = world.again().await;
    let events = pin!(world.sessions.events(&joao(), &session, &before.turn_id, 0));
    let decided = events.filter(|event| {
        let decided = matches!(event.as_ref().unwrap().item, Event::CallDecided { .. });
        async move { decided }
    });
    assert_eq!(decided.take(2).count().await, 2, "it is decided again");
    let after = world.rests(&session, &before.turn_id).await;
    (world, session, before, after)
}

#[tokio::test]
async fn the_same_question_outlives_its_server() {
    let (world, session, before, after) = restarted(None).await;
    assert_eq!(after.pending_approvals, before.pending_approvals);
    world.decide(asked(&after), true).await.unwrap();
    assert_eq!(
        outcomes(&world.ended(&session, &after.turn_id).await),
        ["exited"]
    );
    assert!(world.path("a").exists());
}

#[tokio::test]
async fn a_server_that_starts_with_another_revision_asks_anew() {
    let (world, session, before, after) = restarted(Some("limits: {rounds: 39}\n")).await;
    assert_ne!(asked(&after).approval_id, asked(&before).approval_id);
    let superseded = Error::ApprovalDecided(ApprovalStatus::Superseded);
    assert_eq!(world.status(asked(&before)).await, superseded);
    world.decide(asked(&after), false).await.unwrap();
    assert_eq!(
        outcomes(&world.ended(&session, &after.turn_id).await),
        ["denied"]
    );
}
