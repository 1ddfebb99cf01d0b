//! Messages and histories: what is kept, to the byte, and what is stripped.

use super::*;

fn message(json: &str) -> Arc<Message> {
    Arc::new(serde_json::from_str(json).unwrap())
}

fn written(messages: &[Arc<Message>]) -> Vec<String> {
    messages
        .iter()
        .map(|message| raw(message.as_ref()).get().to_owned())
        .collect()
}

const ASKED: &str = r#"{"role":"user","content":[{"type":"text","text":"a"}]}"#;

#[test]
fn a_message_is_stored_and_read_back_to_the_byte() {
    let json = r#"{"role":"assistant","content":[{ "type": "odd",  "n": 1.0e0 }]}"#;
    assert_eq!(written(&[message(json)]), [json]);
}

#[test]
fn results_come_first_in_the_order_given_and_only_failures_are_marked() {
    let result = |id: &str, is_error| {
        let (tool_use_id, content) = (id.to_owned(), "x \"y\"".to_owned());
        ToolResult {
            tool_use_id,
            content,
            is_error,
        }
    };
    let message = Message::tool_results(&[result("b", false), result("a", true)], Some("note"));
    insta::assert_snapshot!(raw(&message), @r#"{"role":"user","content":[{"type":"tool_result","tool_use_id":"b","content":"x \"y\""},{"type":"tool_result","tool_use_id":"a","content":"x \"y\"","is_error":true},{"type":"text","text":"note"}]}"#);
    assert_eq!(Message::tool_results(&[], Some(" ")).content.len(), 0);
}

#[test]
fn neighbouring_texts_are_one_and_others_are_paragraphs() {
    let json = r#"{"role":"assistant","content":[{"type":"thinking","thinking":"t"},{"type":"text","text":"a"},{"type":"text","text":"b"},{"type":"odd","text":"no"},{"type":"text","text":"c"}]}"#;
    assert_eq!(message(json).text(), "ab\n\nc");
}

#[test]
fn a_call_that_cannot_be_read_is_still_a_call() {
    let json = r#"{"role":"assistant","content":[{"type":"tool_use","id":7,"name":"t"},{"type":"tool_use","id":"a","name":"t","input":{"n":1}},{"type":"server_tool_use","id":"b"}]}"#;
    let call = |id: &str, name: &str, input| ToolUse {
        id: id.to_owned(),
        name: name.to_owned(),
        input,
    };
    let calls = [
        call("", "", Value::Null),
        call("a", "t", serde_json::json!({"n": 1})),
    ];
    assert_eq!(message(json).tool_uses(), calls);
}

#[test]
fn thinking_is_stripped_from_a_place_on_and_nothing_else_changes() {
    let thought = r#"{"role":"assistant","content":[{"type":"thinking","thinking":"1","signature":"s"},{"type":"text","text":"b"},{"type":"redacted_thinking","data":"d"},{ "type":"odd" }]}"#;
    let only = r#"{"role":"assistant","content":[{"type":"thinking","thinking":"2"}]}"#;
    let history = || [ASKED, thought, ASKED, only].map(message);

    let mut messages = history();
    assert_eq!(
        strip_thinking_from(
            &mut messages,
            BlockPlace {
                message: 1,
                block: 1
            }
        ),
        2
    );
    let first = r#"{"role":"assistant","content":[{"type":"thinking","thinking":"1","signature":"s"},{"type":"text","text":"b"},{ "type":"odd" }]}"#;
    let stand_in = r#"{"role":"assistant","content":[{"type":"text","text":"(no answer)"}]}"#;
    assert_eq!(written(&messages), [ASKED, first, ASKED, stand_in]);

    let mut messages = history();
    assert_eq!(strip_thinking(&mut messages), 3);
    let first = r#"{"role":"assistant","content":[{"type":"text","text":"b"},{ "type":"odd" }]}"#;
    assert_eq!(written(&messages), [ASKED, first, ASKED, stand_in]);
    assert_eq!(strip_thinking(&mut messages), 0);

    let mut messages = history();
    assert_eq!(
        strip_thinking_from(
            &mut messages,
            BlockPlace {
                message: 9,
                block: 0
            }
        ),
        0
    );
    assert_eq!(messages, history());
}
