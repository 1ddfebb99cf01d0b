//! Every stop and mix of a turn, stepped without a model.

mod approval;

mod resume;

use std::collections::VecDeque;

use super::super::event::{Approval, Cause};
use super::*;
use crate::config::name::{CallerName, Revision, RoleName, RuleId};
use crate::config::policy::Channel;
use crate::model::{Stop as Said, Usage};

const BOUNDS: Bounds = Bounds {
    rounds: 3,
    parallel: 2,
};

fn started() -> Event {
    Event::TurnStarted {
        content: "why is immich down?".to_owned(),
        caller: CallerName::new("joao"),
        role: RoleName::new("operator"),
        channel: Channel::Api,
        revision: Revision::new("r1"),
        rounds: None,
        named: false,
    }
}

fn reply(stop: Said, calls: &[&str]) -> Event {
    let calls = calls.iter().map(|name| Asked {
        call_id: CallId::from(*name),
        tool_use_id: format!("toolu_{name}"),
        tool: "kubectl".to_owned(),
    });
    Event::ModelReplied(Reply {
        content: Vec::new(),
        stop,
        usage: Usage::default(),
        message_id: "msg_1".to_owned(),
        model: "claude".to_owned(),
        truncated_tool: None,
        calls: calls.collect(),
    })
}

fn decided(call: &str, verdict: Decision) -> Event {
    Event::CallDecided {
        call_id: CallId::from(call),
        verdict,
        rule: RuleId::new("kubectl.args.deny[0]"),
        because: "secret values must never reach the model".to_owned(),
        command_line: None,
        usage: vec!["get|describe [ <name> ]...".to_owned()],
        awaits: false,
        approval: None,
        effect: None,
        revision: Revision::new("r1"),
    }
}

fn ended(call: &str) -> Event {
    Event::CallEnded(Ended {
        call_id: CallId::from(call),
        outcome: super::super::event::Outcome::Exited,
        exit_code: Some(0),
        duration_ms: Some(1),
        truncated: false,
        is_error: false,
        shown: "ok".to_owned(),
    })
}

fn failed(place: Option<BlockPlace>) -> Event {
    Event::ModelFailed {
        code: "model_rejected".to_owned(),
        detail: "no".to_owned(),
        invalid_thinking: place,
    }
}

fn cancelled(cause: Cause) -> Event {
    Event::CancelAsked { cause }
}

fn said(effect: &Effect) -> String {
    match effect {
        Effect::Record(event) => format!("record {}", told(event)),
        Effect::Ask(ToolChoice::Auto) => "ask".to_owned(),
        Effect::Ask(ToolChoice::None) => "ask without tools".to_owned(),
        Effect::Strip(place) => format!("strip {}.{}", place.message, place.block),
        Effect::Decide(call) => format!("decide {call}"),
        Effect::Await(call) => format!("have {call} approved"),
        Effect::Start(call) => format!("start {call}"),
    }
}

fn told(event: &Event) -> String {
    match event {
        Event::CallStarted { call_id } => format!("start of {call_id}"),
        Event::CallEnded(ended) => format!("end of {}: {:?}", ended.call_id, ended.outcome),
        Event::TurnEnded { stop, detail } => {
            let detail = detail.as_ref().map(|text| format!(" ({text})"));
            format!(
                "{:?} {}{}",
                stop.status(),
                stop.reason(),
                detail.unwrap_or_default()
            )
        }
        other => other.name().to_owned(),
    }
}

/// Steps through the events and whatever they say is to be recorded; tells every effect.
fn play(events: Vec<Event>) -> Vec<String> {
    let mut state = State::default();
    let mut effects = Vec::new();
    for event in events {
        let mut queue = VecDeque::from([event]);
        while let Some(event) = queue.pop_front() {
            for effect in step(&mut state, &event, BOUNDS) {
                effects.push(said(&effect));
                if let Effect::Record(event) = effect {
                    queue.push_back(event);
                }
            }
        }
    }
    effects
}

fn after_the_question(events: impl IntoIterator<Item = Event>) -> Vec<String> {
    let mut effects = play([started()].into_iter().chain(events).collect());
    assert_eq!(effects.remove(0), "ask");
    effects
}

#[test]
fn every_stop_that_runs_no_tools_ends_the_turn_under_its_name() {
    let refusal = Said::Refusal {
        category: Some("cyber".to_owned()),
        explanation: Some("it would do harm".to_owned()),
    };
    for (stop, expected) in [
        (Said::EndTurn, "Completed end_turn"),
        (Said::StopSequence, "Completed stop_sequence"),
        (
            Said::MaxTokens,
            "Failed max_tokens (the answer is longer than `model.max_tokens` allows)",
        ),
        (
            refusal,
            "Failed refusal (the model refused (cyber): it would do harm)",
        ),
        (
            Said::ContextWindowExceeded,
            "Failed model_context_window_exceeded (the conversation is longer than the model can \
             read; start a new one)",
        ),
        (
            Said::Unknown("tired".to_owned()),
            "Failed unknown_stop (the model stopped with `tired`, which is not known here)",
        ),
        (
            Said::Unstated,
            "Failed unknown_stop (the model stopped without saying why)",
        ),
        (
            Said::ToolUse,
            "Failed no_calls (the model said that it calls tools, and called none)",
        ),
    ] {
        let effects = after_the_question([reply(stop, &[])]);
        assert_eq!(effects, [format!("record {expected}")]);
    }
}

#[test]
fn a_stop_other_than_tool_use_runs_no_call_even_when_the_reply_holds_some() {
    for stop in [
        Said::EndTurn,
        Said::MaxTokens,
        Said::PauseTurn,
        Said::Unknown("tired".to_owned()),
    ] {
        for effect in after_the_question([reply(stop, &["c1"])]) {
            assert!(
                !effect.starts_with("decide") && !effect.starts_with("start"),
                "{effect}"
            );
        }
    }
}

#[test]
fn a_call_cut_off_by_max_tokens_is_named() {
    let Event::ModelReplied(cut) = reply(Said::MaxTokens, &[]) else {
        panic!("a reply");
    };
    let cut = Event::ModelReplied(Reply {
        truncated_tool: Some("kubectl".to_owned()),
        ..cut
    });
    assert_eq!(
        after_the_question([cut]),
        [
            "record Failed max_tokens (the answer is longer than `model.max_tokens` allows, and its \
          call of `kubectl` was cut off and not run)"
        ]
    );
}

#[test]
fn a_paused_reply_is_asked_to_go_on_five_times_within_the_rounds() {
    let bounds = Bounds {
        rounds: 40,
        parallel: 2,
    };
    let mut state = State::default();
    step(&mut state, &started(), bounds);
    for _ in 0..5 {
        let effects = step(&mut state, &reply(Said::PauseTurn, &[]), bounds);
        assert_eq!(effects.iter().map(said).collect::<Vec<_>>(), ["ask"]);
    }
    let effects = step(&mut state, &reply(Said::Compaction, &[]), bounds);
    assert_eq!(
        effects.iter().map(said).collect::<Vec<_>>(),
        ["record Failed continuations_exhausted (the model paused more than 5 times)"]
    );
}

#[test]
fn all_calls_of_a_reply_are_decided_and_run_bounded_and_then_the_model_is_asked_again() {
    let decided = [
        reply(Said::ToolUse, &["c1", "c2", "c3"]),
        decided("c1", Decision::Allow),
        decided("c2", Decision::Allow),
        decided("c3", Decision::Allow),
    ];
    let two_start = [
        "decide c1",
        "decide c2",
        "decide c3",
        "record start of c1",
        "start c1",
        "record start of c2",
        "start c2",
    ];
    assert_eq!(after_the_question(decided.clone()), two_start);
    let rest = [
        ended("c2"),
        ended("c3"),
        ended("c1"),
        reply(Said::EndTurn, &[]),
    ];
    let effects = after_the_question(decided.into_iter().chain(rest));
    assert_eq!(
        effects.split_at(two_start.len()).1,
        [
            "record start of c3",
            "start c3",
            "ask",
            "record Completed end_turn",
        ]
    );
}

#[test]
fn a_denied_call_never_starts_and_neither_does_one_that_needs_an_approval() {
    let effects = after_the_question([
        reply(Said::ToolUse, &["c1", "c2"]),
        decided("c1", Decision::Deny),
        decided("c2", Decision::Ask),
    ]);
    assert_eq!(
        effects,
        [
            "decide c1",
            "decide c2",
            "record end of c1: Denied",
            "record end of c2: Denied",
            "ask",
        ]
    );
}

/// A call that waits for an approval.
fn waits(call: &str) -> Event {
    let mut waits = decided(call, Decision::Ask);
    if let Event::CallDecided { awaits, .. } = &mut waits {
        *awaits = true;
    }
    waits
}

fn answered(call: &str, is_approved: bool) -> Event {
    Event::ApprovalDecided(Approval {
        approval_id: None,
        call_id: CallId::from(call),
        is_approved,
        by: CallerName::new("joao"),
        reason: None,
    })
}

#[test]
fn a_call_that_waits_starts_when_it_is_approved_and_ends_when_it_is_not() {
    let effects = after_the_question([
        reply(Said::ToolUse, &["c1", "c2", "c3"]),
        waits("c1"),
        decided("c2", Decision::Allow),
        waits("c3"),
        // An answer to a call that does not wait changes nothing.
        answered("c2", false),
        answered("c3", false),
        answered("c1", true),
        answered("c1", false),
    ]);
    assert_eq!(
        effects,
        [
            "decide c1",
            "decide c2",
            "decide c3",
            "have c1 approved",
            "record start of c2",
            "start c2",
            "have c3 approved",
            "record end of c3: Denied",
            "record start of c1",
            "start c1",
        ]
    );
}

#[test]
fn a_call_that_waits_ends_with_its_turn() {
    let effects = after_the_question([
        reply(Said::ToolUse, &["c1"]),
        waits("c1"),
        cancelled(Cause::Caller),
    ]);
    assert_eq!(
        effects,
        [
            "decide c1",
            "have c1 approved",
            "record end of c1: Cancelled",
            "record Cancelled cancelled",
        ]
    );
}

#[test]
fn after_the_last_round_the_model_is_asked_once_without_tools_and_the_turn_says_so() {
    let round = || {
        [
            reply(Said::ToolUse, &["c1"]),
            decided("c1", Decision::Allow),
            ended("c1"),
        ]
    };
    let events: Vec<Event> = [round(), round(), round()].into_iter().flatten().collect();
    for last in [Said::EndTurn, Said::ToolUse, Said::PauseTurn] {
        let mut effects = after_the_question(events.iter().cloned().chain([reply(last, &["c9"])]));
        assert_eq!(
            effects.split_off(effects.len() - 3),
            [
                "record sum_up_asked",
                "ask without tools",
                "record Completed rounds_exhausted (the model had used its 3 rounds and was \
                 asked to sum up)",
            ]
        );
    }
    let mut effects = after_the_question(events.into_iter().chain([reply(Said::MaxTokens, &[])]));
    assert_eq!(
        effects.pop().as_deref(),
        Some("record Failed max_tokens (the answer is longer than `model.max_tokens` allows)")
    );
}

#[test]
fn a_refused_signature_is_stripped_once_for_each_reply() {
    let place = BlockPlace {
        message: 2,
        block: 1,
    };
    let stripped = || Event::ThinkingStripped {
        turn: super::super::TurnId::from("t_1"),
        place,
    };
    let effects = after_the_question([failed(Some(place)), stripped(), failed(Some(place))]);
    assert_eq!(
        effects,
        ["strip 2.1", "ask", "record Failed model_rejected (no)"]
    );
    let effects = after_the_question([
        failed(Some(place)),
        stripped(),
        reply(Said::PauseTurn, &[]),
        failed(Some(place)),
    ]);
    assert_eq!(effects, ["strip 2.1", "ask", "ask", "strip 2.1"]);
}

#[test]
fn a_model_that_cannot_be_asked_fails_the_turn_under_its_own_word() {
    assert_eq!(
        after_the_question([failed(None)]),
        ["record Failed model_rejected (no)"]
    );
}

#[test]
fn cancelling_while_the_model_is_asked_ends_the_turn_at_once() {
    assert_eq!(
        after_the_question([cancelled(Cause::Caller)]),
        ["record Cancelled cancelled"]
    );
}

#[test]
fn cancelling_waits_for_what_runs_and_starts_nothing_more() {
    let effects = after_the_question([
        reply(Said::ToolUse, &["c1", "c2", "c3"]),
        decided("c1", Decision::Allow),
        decided("c2", Decision::Allow),
        decided("c3", Decision::Allow),
        cancelled(Cause::SessionEnded),
        ended("c2"),
        ended("c1"),
    ]);
    assert_eq!(
        effects.split_at(7).1,
        ["record end of c3: Cancelled", "record Cancelled cancelled"]
    );
}

#[test]
fn what_has_no_place_in_a_state_changes_nothing() {
    let mut state = State::default();
    step(&mut state, &started(), BOUNDS);
    let before = state.clone();
    for event in [ended("c1"), started(), decided("c1", Decision::Allow)] {
        assert!(step(&mut state, &event, BOUNDS).is_empty());
        assert_eq!(state, before);
    }
    let over = Event::TurnEnded {
        stop: Stop::EndTurn,
        detail: None,
    };
    step(&mut state, &over, BOUNDS);
    assert!(step(&mut state, &cancelled(Cause::Caller), BOUNDS).is_empty());
    assert_eq!(state, State::Over(Stop::EndTurn));
}

#[test]
fn an_abandoned_turn_gets_a_result_for_each_open_call_and_its_end() {
    let mut state = State::default();
    for event in [
        started(),
        reply(Said::ToolUse, &["c1", "c2", "c3"]),
        decided("c1", Decision::Allow),
        Event::CallStarted {
            call_id: CallId::from("c1"),
        },
        decided("c2", Decision::Allow),
        ended("c2"),
    ] {
        step(&mut state, &event, BOUNDS);
    }
    let events = state.abandon(Stop::Interrupted, "the server ended");
    assert_eq!(
        events.iter().map(told).collect::<Vec<_>>(),
        [
            "end of c1: Interrupted",
            "end of c3: Interrupted",
            "Failed interrupted (the server ended)",
        ]
    );
    let shown = events.iter().filter_map(|event| match event {
        Event::CallEnded(ended) => Some(ended.shown.as_str()),
        _ => None,
    });
    let unknown: Vec<bool> = shown.map(|text| text.contains("unknown")).collect();
    assert_eq!(unknown, [true, false]);
}

#[test]
fn events_are_the_same_after_the_store_to_the_byte() {
    let text = r#"{"model_replied":{"content":[{"type":"thinking",  "signature":"é\u00e9" }],"stop":"tool_use","usage":{"input_tokens":1,"output_tokens":2,"cache_read_input_tokens":3,"cache_creation_input_tokens":4},"message_id":"m","model":"claude","truncated_tool":null,"calls":[{"call_id":"c_1","tool_use_id":"toolu_1","tool":"kubectl"}]}}"#;
    let event: Event = serde_json::from_str(text).unwrap();
    assert_eq!(serde_json::to_string(&event).unwrap(), text);
    assert_eq!(event.name(), "model_replied");
}
