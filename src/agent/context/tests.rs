//! What is replayed, and what is taken away.

use super::super::CallId;
use super::super::event::{Asked, Ended, Outcome};
use super::*;
use crate::config::name::{CallerName, Revision, RoleName};
use crate::config::policy::Channel;
use crate::model::{Stop as Said, Usage};

fn started(content: &str) -> Event {
    Event::TurnStarted {
        content: content.to_owned(),
        caller: CallerName::new("joao"),
        role: RoleName::new("operator"),
        channel: Channel::Api,
        revision: Revision::new("r1"),
        rounds: None,
        named: false,
    }
}

fn reply(stop: Said, blocks: &[&str], calls: &[&str]) -> Event {
    let calls = calls.iter().map(|name| Asked {
        call_id: CallId::from(*name),
        tool_use_id: format!("toolu_{name}"),
        tool: "kubectl".to_owned(),
    });
    let content = blocks
        .iter()
        .map(|block| RawValue::from_string((*block).to_owned()).unwrap());
    Event::ModelReplied(Reply {
        content: content.collect(),
        stop,
        usage: Usage::default(),
        message_id: "msg_1".to_owned(),
        model: "claude".to_owned(),
        truncated_tool: None,
        calls: calls.collect(),
    })
}

fn ended(call: &str, shown: &str) -> Event {
    Event::CallEnded(Ended {
        call_id: CallId::from(call),
        outcome: Outcome::Exited,
        exit_code: Some(0),
        duration_ms: Some(1),
        truncated: false,
        is_error: false,
        shown: shown.to_owned(),
    })
}

fn over(stop: Stop) -> Event {
    Event::TurnEnded { stop, detail: None }
}

const THOUGHT: &str = r#"{"type":"thinking","thinking":"","signature":"s" }"#;
const CALLS: &str = r#"{"type":"tool_use","id":"toolu_c1","name":"kubectl","input":{}}"#;

/// A turn with a thought, a call and an answer.
fn whole(number: u32) -> Vec<Event> {
    vec![
        started(&format!("q{number}")),
        reply(Said::ToolUse, &[THOUGHT, CALLS], &["c1"]),
        ended("c1", "out"),
        reply(
            Said::EndTurn,
            &[THOUGHT, r#"{"type":"text","text":"a"}"#],
            &[],
        ),
        over(Stop::EndTurn),
    ]
}

fn history(turns: &[Vec<Event>]) -> History {
    let mut history = History::default();
    for (position, events) in (1_u32..).zip(turns) {
        history.begin(TurnId::from(format!("t_{position}")), position);
        for event in events {
            history.apply(event);
        }
    }
    history
}

fn lines(history: &History) -> Vec<String> {
    let messages = history.messages();
    messages
        .iter()
        .map(|message| serde_json::to_string(message.as_ref()).unwrap())
        .collect()
}

#[test]
fn a_turn_is_replayed_to_the_byte_with_its_results_in_one_message_in_the_order_asked() {
    let second = CALLS.replace("c1", "c2");
    let turn = vec![
        started("q"),
        reply(Said::ToolUse, &[THOUGHT, CALLS, &second], &["c1", "c2"]),
        ended("c2", "two"),
        ended("c1", "one"),
        Event::SumUpAsked {
            note: "the last round".to_owned(),
        },
        reply(Said::EndTurn, &[r#"{"type":"text","text":"a"}"#], &[]),
        over(Stop::EndTurn),
    ];
    assert_eq!(
        lines(&history(&[turn])),
        [
            r#"{"role":"user","content":[{"type":"text","text":"q"}]}"#.to_owned(),
            format!(r#"{{"role":"assistant","content":[{THOUGHT},{CALLS},{second}]}}"#),
            concat!(
                r#"{"role":"user","content":["#,
                r#"{"type":"tool_result","tool_use_id":"toolu_c1","content":"one"},"#,
                r#"{"type":"tool_result","tool_use_id":"toolu_c2","content":"two"},"#,
                r#"{"type":"text","text":"the last round"}]}"#
            )
            .to_owned(),
            r#"{"role":"assistant","content":[{"type":"text","text":"a"}]}"#.to_owned(),
        ]
    );
}

#[test]
fn a_result_that_the_store_lost_is_told_as_interrupted() {
    let turn = vec![started("q"), reply(Said::ToolUse, &[CALLS], &["c1"])];
    let lines = lines(&history(&[turn]));
    assert_eq!(
        lines[2],
        format!(
            r#"{{"role":"user","content":[{{"type":"tool_result","tool_use_id":"toolu_c1","content":"{LOST}","is_error":true}}]}}"#
        )
    );
}

#[test]
fn a_turn_without_an_answer_leaves_the_history_alternating() {
    let cancelled = vec![
        started("q"),
        reply(Said::ToolUse, &[CALLS], &["c1"]),
        ended("c1", "out"),
        over(Stop::Cancelled),
    ];
    let empty = vec![
        started("q"),
        reply(Said::EndTurn, &[], &[]),
        over(Stop::EndTurn),
    ];
    let failed = vec![started("q"), over(Stop::Interrupted)];
    let roles = |history: &History| -> Vec<Role> {
        history
            .messages()
            .iter()
            .map(|message| message.role)
            .collect()
    };
    let history = history(&[cancelled, empty, failed, whole(4)]);
    assert_eq!(
        roles(&history),
        [
            Role::User,
            Role::Assistant,
            Role::User,
            Role::Assistant,
            Role::User,
            Role::Assistant,
        ]
    );
    assert_eq!(
        lines(&history)[2],
        concat!(
            r#"{"role":"user","content":["#,
            r#"{"type":"tool_result","tool_use_id":"toolu_c1","content":"out"},"#,
            r#"{"type":"text","text":"[This turn ended without an answer: cancelled.]"},"#,
            r#"{"type":"text","text":"q"},"#,
            r#"{"type":"text","text":"[This turn ended without an answer: end_turn.]"},"#,
            r#"{"type":"text","text":"q"},"#,
            r#"{"type":"text","text":"[This turn ended without an answer: interrupted.]"},"#,
            r#"{"type":"text","text":"q4"}]}"#
        )
    );
    let in_the_last = BlockPlace {
        message: 3,
        block: 0,
    };
    let own = BlockPlace {
        message: 1,
        block: 0,
    };
    assert_eq!(
        history.locate(in_the_last),
        Some((TurnId::from("t_4"), own))
    );
}

#[test]
fn a_reply_that_holds_a_call_and_runs_none_is_kept_out() {
    for stop in [Said::MaxTokens, Said::EndTurn, Said::Unstated] {
        let turn = vec![
            started("q"),
            reply(stop, &[r#"{"type":"text","text":"a"}"#, CALLS], &[]),
            over(Stop::MaxTokens),
        ];
        let lines = lines(&history(&[turn]));
        assert_eq!(lines.len(), 1);
        assert!(!lines.concat().contains("tool_use"), "{lines:?}");
    }
}

#[test]
fn a_new_prefix_or_a_cut_removes_all_thinking_from_before_and_none_from_after() {
    let mut third = whole(3);
    third.insert(1, Event::HistoryTrimmed { kept_from: 3 });
    let cut = history(&[whole(1), whole(2), third]);
    let thoughts: Vec<bool> = lines(&cut)
        .iter()
        .map(|line| line.contains("thinking"))
        .collect();
    assert_eq!(
        thoughts,
        [false, false, false, false, false, true, false, true]
    );
    assert!(lines(&cut)[4].contains("q3"));

    let mut second = whole(2);
    second.insert(
        1,
        Event::PrefixFrozen {
            revision: Revision::new("r2"),
        },
    );
    let frozen = lines(&history(&[whole(1), second]));
    let thoughts: Vec<bool> = frozen
        .iter()
        .map(|line| line.contains("thinking"))
        .collect();
    assert_eq!(
        thoughts,
        [false, false, false, false, false, true, false, true]
    );
}

#[test]
fn the_block_that_the_api_names_is_found_in_its_turn_and_stripped_with_what_follows() {
    let mut history = history(&[whole(1), vec![started("q2")]]);
    let named = BlockPlace {
        message: 3,
        block: 0,
    };
    assert_eq!(history.locate(named), Some((TurnId::from("t_1"), named)));
    let next = BlockPlace {
        message: 4,
        block: 0,
    };
    let own = BlockPlace {
        message: 0,
        block: 0,
    };
    assert_eq!(history.locate(next), Some((TurnId::from("t_2"), own)));
    let beyond = BlockPlace {
        message: 9,
        block: 0,
    };
    assert_eq!(history.locate(beyond), None);
    history.apply(&Event::ThinkingStripped {
        turn: TurnId::from("t_1"),
        place: named,
    });
    let thoughts: Vec<bool> = lines(&history)
        .iter()
        .map(|line| line.contains("thinking"))
        .collect();
    assert_eq!(thoughts, [false, true, false, false, false]);
}

#[test]
fn the_history_is_cut_in_batches_to_the_first_turn_and_the_last_few() {
    let mut kept_from = 0;
    let mut kept = Vec::new();
    for ended in 0..100 {
        if let Some(from) = cut(ended, kept_from, 20) {
            kept_from = from;
            kept.push((ended, from));
        }
    }
    // 31 turns beside the first are one more than 1.5 × 20; the last 20 of them stay.
    assert_eq!(kept[..3], [(32, 13), (43, 24), (54, 35)]);
    assert_eq!(cut(5, 0, 0), Some(6));
}
