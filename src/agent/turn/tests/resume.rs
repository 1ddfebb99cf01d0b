//! What is left to do in a turn that was read back.

use super::*;

fn begun(call: &str) -> Event {
    Event::CallStarted {
        call_id: CallId::from(call),
    }
}

/// What is left to do after exactly these events; `c9` may change something.
fn left(events: impl IntoIterator<Item = Event>) -> Vec<String> {
    let mut state = State::default();
    let mut last = Vec::new();
    for event in [started()].into_iter().chain(events) {
        last = step(&mut state, &event, BOUNDS);
    }
    let next = state.resume(last, BOUNDS, |call| call.as_str() == "c9");
    next.iter().map(said).collect()
}

#[test]
fn the_model_is_asked_again() {
    let retried = Event::ModelRetried {
        attempt: 1,
        error_code: "overloaded_error".to_owned(),
        detail: "busy".to_owned(),
        wait_ms: 500,
    };
    assert_eq!(left([]), ["ask"]);
    assert_eq!(left([retried]), ["ask"]);
    assert_eq!(left([reply(Said::PauseTurn, &[])]), ["ask"]);
    let round = [
        reply(Said::ToolUse, &["c1"]),
        decided("c1", Decision::Allow),
        begun("c1"),
        ended("c1"),
    ];
    assert_eq!(left(round), ["ask"]);
}

#[test]
fn calls_that_change_nothing_are_decided_and_run_again() {
    let asked = reply(Said::ToolUse, &["c1", "c2", "c3"]);
    let allowed = ["c1", "c2", "c3"].map(|call| decided(call, Decision::Allow));
    let events = [asked].into_iter().chain(allowed).chain([
        begun("c1"),
        begun("c2"),
        ended("c1"),
        begun("c3"),
    ]);
    assert_eq!(left(events), ["decide c2", "decide c3"]);
}

#[test]
fn a_call_that_may_have_changed_something_is_over_and_the_model_told_so() {
    let events = [
        reply(Said::ToolUse, &["c1", "c9"]),
        decided("c1", Decision::Allow),
        decided("c9", Decision::Allow),
        begun("c1"),
        begun("c9"),
    ];
    assert_eq!(left(events), ["decide c1", "record end of c9: Interrupted"]);
}

#[test]
fn a_call_that_was_permitted_and_not_started_is_decided_again_whatever_it_does() {
    let events = [
        reply(Said::ToolUse, &["c1", "c2", "c9"]),
        decided("c1", Decision::Allow),
        decided("c2", Decision::Allow),
        decided("c9", Decision::Allow),
        begun("c1"),
        begun("c2"),
    ];
    let left = left(events);
    assert_eq!(left, ["decide c1", "decide c2", "decide c9"]);
}

#[test]
fn a_call_that_waits_for_an_approval_is_decided_again() {
    let mut asks = decided("c1", Decision::Ask);
    if let Event::CallDecided { awaits, .. } = &mut asks {
        *awaits = true;
    }
    assert_eq!(left([reply(Said::ToolUse, &["c1"]), asks]), ["decide c1"]);
}

#[test]
fn what_the_last_event_led_to_and_was_not_kept_is_done() {
    let round = |call: &str| {
        [
            reply(Said::ToolUse, &[call]),
            decided(call, Decision::Allow),
            begun(call),
            ended(call),
        ]
    };
    let rounds: Vec<Event> = ["c1", "c2", "c3"].into_iter().flat_map(round).collect();
    assert_eq!(left(rounds), ["record sum_up_asked"]);
    assert_eq!(
        left([reply(Said::EndTurn, &[])]),
        ["record Completed end_turn"]
    );
}

#[test]
fn a_turn_that_was_being_cancelled_is_cancelled() {
    let calls = [
        reply(Said::ToolUse, &["c1", "c9"]),
        decided("c1", Decision::Allow),
        decided("c9", Decision::Allow),
        begun("c1"),
        begun("c9"),
        cancelled(Cause::Caller),
    ];
    assert_eq!(
        left(calls.clone()),
        [
            "record end of c1: Interrupted",
            "record end of c9: Interrupted"
        ]
    );
    let over = calls.into_iter().chain([ended("c1"), ended("c9")]);
    assert_eq!(left(over), ["record Cancelled cancelled"]);
    assert_eq!(
        left([cancelled(Cause::SessionEnded)]),
        ["record Cancelled cancelled"]
    );
}

#[test]
fn a_turn_that_is_over_stays_over() {
    let over = Event::TurnEnded {
        stop: Stop::EndTurn,
        detail: None,
    };
    assert_eq!(left([over]), [""; 0]);
}
