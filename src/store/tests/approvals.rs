//! Approvals: kept with the event that waits for one, decided once.

use super::*;
use crate::agent::approve::{ApprovalStatus, Change, Decided, Question, Shown};
use crate::agent::{Answer, ApprovalId};
use crate::config::name::RuleId;
use crate::config::tool::Effect;
use crate::policy::Approver;

fn question(id: &str, timeout: Duration) -> Change {
    Change::Asked(Box::new(Question {
        id: ApprovalId::from(id),
        call: CallId::from(format!("c_{id}")),
        digest: "d1".to_owned(),
        revision: Revision::new("r1"),
        shown: Shown {
            tool: "write".to_owned(),
            command_line: "touch mark".to_owned(),
            input: serde_json::json!({"b": [1], "a": null}),
            stdin: Some("text".to_owned()),
            body: None,
            effect: Effect::Write,
            rule: RuleId::new("write.effect"),
            because: "it writes".to_owned(),
        },
        approvers: Some(vec![RoleName::new("admin")]),
        timeout,
    }))
}

/// An event with what becomes of approvals by it.
fn entry(changes: Vec<Change>) -> Entry {
    let retried = Event::ModelRetried {
        attempt: 1,
        error_code: "busy".to_owned(),
        detail: "busy".to_owned(),
        wait_ms: 0,
    };
    Entry {
        approvals: changes,
        ..retried.into()
    }
}

/// A turn that waits for these.
async fn waiting(store: &Store, timeout: Duration, ids: &[&str]) {
    store.create(session("s_1", "joao")).await.unwrap();
    store.start(turn("s_1", "t_1", 1)).await.unwrap();
    let changes = ids.iter().map(|id| question(id, timeout)).collect();
    let held = held("s_1", "t_1");
    let kept = tried(store, &held, 1, vec![entry(changes)]).await;
    assert!(kept.unwrap().is_some());
}

async fn status(store: &Store, id: &str) -> ApprovalStatus {
    let found = store.approval(&ApprovalId::from(id)).await.unwrap();
    found.unwrap().view.status
}

fn maria() -> Approver {
    Approver {
        name: CallerName::new("maria"),
        role: RoleName::new("admin"),
    }
}

const LONG: Duration = Duration::from_mins(10);

on_both! {
    an_approval_is_kept_with_its_event_and_read_back_whole
    the_first_who_decides_has_decided
    an_approval_whose_time_is_over_is_nobodys_to_give
    a_question_that_is_not_asked_any_more_permits_nothing
    a_late_writer_asks_nothing
    approvals_go_with_their_session
}

async fn an_approval_is_kept_with_its_event_and_read_back_whole(store: Store) {
    waiting(&store, LONG, &["a_1", "a_2"]).await;
    let turn = TurnId::from("t_1");
    let pending = store.pending_of(&turn).await.unwrap();
    assert_eq!(store.pending(None).await.unwrap(), pending);
    let [one, two] = pending.as_slice() else {
        panic!("{pending:?}");
    };
    assert_eq!(two.view.approval_id, ApprovalId::from("a_2"));
    let rest = store.pending(Some(one)).await.unwrap();
    assert_eq!(rest, std::slice::from_ref(two));
    assert_eq!(store.pending(Some(two)).await, Ok(vec![]));
    let Change::Asked(asked) = question("a_1", LONG) else {
        panic!("it is asked");
    };
    let view = &one.view;
    assert_eq!(
        (&view.shown, &view.call_id, &view.turn_id, &one.approvers),
        (&asked.shown, &asked.call, &turn, &asked.approvers)
    );
    assert_eq!(
        (one.is_due, one.decided(), &view.decided_by),
        (false, None, &None)
    );
    let session = store.session(&SessionId::from("s_1")).await.unwrap();
    assert!(session.unwrap().waits);
    assert!(store.progress(&[turn]).await.unwrap()[0].waits);
}

async fn the_first_who_decides_has_decided(store: Store) {
    waiting(&store, LONG, &["a_1"]).await;
    let id = ApprovalId::from("a_1");
    let denied = Answer::Denied(maria(), Some("no".to_owned()));
    assert_eq!(store.decide(&id, denied.clone()).await, Ok(true));
    assert_eq!(
        store.decide(&id, Answer::Approved(maria())).await,
        Ok(false)
    );
    let approval = store.approval(&id).await.unwrap().unwrap();
    assert_eq!(approval.decided(), Some(Decided::Answered(denied)));
    assert_eq!(approval.view.decided_by, Some(maria().name));
    assert_eq!(store.pending(None).await, Ok(vec![]));
    let session = store.session(&SessionId::from("s_1")).await.unwrap();
    assert!(!session.unwrap().waits);
}

async fn an_approval_whose_time_is_over_is_nobodys_to_give(store: Store) {
    waiting(&store, Duration::ZERO, &["a_1"]).await;
    let id = ApprovalId::from("a_1");
    let approval = store.approval(&id).await.unwrap().unwrap();
    assert!(approval.is_due);
    assert_eq!(store.pending(None).await, Ok(vec![]));
    assert_eq!(
        store.decide(&id, Answer::Approved(maria())).await,
        Ok(false)
    );
    store.expire(vec![id.clone()]).await.unwrap();
    let approval = store.approval(&id).await.unwrap().unwrap();
    assert_eq!(approval.decided(), Some(Decided::Expired));
}

async fn a_question_that_is_not_asked_any_more_permits_nothing(store: Store) {
    waiting(&store, LONG, &["a_1", "a_2", "a_3", "a_4"]).await;
    let id = ApprovalId::from;
    for approved in ["a_1", "a_3"] {
        let decided = store.decide(&id(approved), Answer::Approved(maria())).await;
        assert_eq!(decided, Ok(true));
    }
    let changes = vec![
        Change::Superseded(id("a_1")),
        Change::Superseded(id("a_2")),
        Change::Cancelled(id("a_3")),
        Change::Cancelled(id("a_4")),
    ];
    let held = held("s_1", "t_1");
    tried(&store, &held, 2, vec![entry(changes)]).await.unwrap();
    let mut found = Vec::new();
    for name in ["a_1", "a_2", "a_3", "a_4"] {
        found.push(status(&store, name).await.as_str());
    }
    assert_eq!(found, ["superseded", "superseded", "approved", "cancelled"]);
    let late = store.decide(&id("a_2"), Answer::Approved(maria())).await;
    assert_eq!(late, Ok(false));
}

async fn a_late_writer_asks_nothing(store: Store) {
    waiting(&store, LONG, &["a_1"]).await;
    let moved = Held {
        fence: FIRST_FENCE + 1,
        ..held("s_1", "t_1")
    };
    let changes = vec![question("a_2", LONG), Change::Cancelled("a_1".into())];
    let kept = tried(&store, &moved, 2, vec![entry(changes)]).await;
    assert_eq!(kept, Ok(None));
    assert_eq!(status(&store, "a_1").await, ApprovalStatus::Pending);
    assert_eq!(store.approval(&ApprovalId::from("a_2")).await, Ok(None));
}

async fn approvals_go_with_their_session(store: Store) {
    waiting(&store, LONG, &["a_1"]).await;
    assert_eq!(store.delete(&SessionId::from("s_1")).await, Ok(true));
    assert_eq!(store.approval(&ApprovalId::from("a_1")).await, Ok(None));
}
