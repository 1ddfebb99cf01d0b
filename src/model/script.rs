//! A model that plays a script back, for the demonstration and for tests without a key.
//!
//! It keeps no state: which turn of the script is being played follows from the conversation in
//! the request, so a restart changes nothing. It never pretends: when the script has nothing to
//! say, it says that it is a script.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use regex::Regex;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};

use super::{
    Request, ToolChoice,
    message::{Message, Reply, Role, Stop, Usage, raw, text_block},
};

/// What the model says when the script has nothing left.
const NOTHING_LEFT: &str = "This is a scripted model, and its script has nothing to say to that. \
    To talk to Claude, set the environment variable `ANTHROPIC_API_KEY` to a key of your account \
    and run `tolkien repl` with a configuration whose settings name no script.";

/// A script that was read and checked.
#[derive(Debug, Clone)]
pub struct Script {
    question: Option<Arc<str>>,
    turns: Arc<[Turn]>,
}

/// What is played when a user's message comes.
#[derive(Debug)]
struct Turn {
    when: Option<Regex>,
    replies: Vec<Played>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "a list of turns")]
struct RawScript {
    question: Option<String>,
    turns: Vec<Value>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "a turn")]
struct RawTurn {
    when: Option<String>,
    replies: Vec<Played>,
}

/// One reply of a turn.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, expecting = "a reply")]
struct Played {
    #[serde(default)]
    text: String,
    /// What is said before the text when a call of this tool failed in the turn.
    #[serde(default)]
    if_failed: BTreeMap<String, String>,
    #[serde(default)]
    calls: Vec<Call>,
    stop: Option<String>,
}

/// One call of a reply.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, expecting = "a call")]
struct Call {
    tool: String,
    #[serde(default)]
    input: Map<String, Value>,
}

impl Script {
    /// Reads a script: `{question?, turns}`, or the list of turns alone. A turn is `{when?,
    /// replies: [{text?, if_failed?: {tool: text}, calls?: [{tool, input?}], stop?}]}`, where `when`
    /// is a regular expression on the user's text and a turn without it takes any. What `if_failed`
    /// says of a tool comes before the text when one of its calls failed in the turn. `stop` is the
    /// API's word and follows from `calls` by default.
    ///
    /// The error is one sentence that names the turn, counted from 1.
    pub fn parse(document: Value) -> Result<Self, String> {
        let document = match document {
            Value::Array(turns) => RawScript {
                question: None,
                turns,
            },
            other => {
                serde_json::from_value(other).map_err(|error| format!("the script: {error}"))?
            }
        };
        let turns: Result<Vec<Turn>, String> = (1..)
            .zip(document.turns)
            .map(|(number, turn)| {
                Turn::parse(turn).map_err(|error| format!("turn {number} of the script: {error}"))
            })
            .collect();
        Ok(Self {
            question: document.question.map(Into::into),
            turns: turns?.into(),
        })
    }

    /// The question that the script suggests to begin with.
    pub fn question(&self) -> Option<&str> {
        self.question.as_deref()
    }

    /// The tools that it calls anywhere.
    pub(crate) fn tools(&self) -> BTreeSet<&str> {
        let replies = self.turns.iter().flat_map(|turn| &turn.replies);
        let calls = replies.flat_map(|reply| &reply.calls);
        calls.map(|call| call.tool.as_str()).collect()
    }

    /// The reply that the script has for this conversation.
    pub(crate) fn reply(&self, request: &Request) -> Reply {
        let played = self.next(&request.messages);
        let allowed = request.tool_choice == ToolChoice::Auto;
        let mut content = Vec::new();
        let (mut text, mut stop) = (NOTHING_LEFT.to_owned(), Stop::EndTurn);
        if let Some(reply) = played {
            text = reply.text_after(&failed_tools(&request.messages));
            if allowed && !reply.calls.is_empty() {
                stop = Stop::ToolUse;
                let digest = digest(&request.messages);
                content.extend((0..).zip(&reply.calls).map(|(number, call)| {
                    tool_use(&format!("toolu_script_{digest}_{number}"), call)
                }));
            }
            if let Some(word) = &reply.stop {
                stop = Stop::from_word(word);
            }
        }
        if content.is_empty() && text.is_empty() {
            NOTHING_LEFT.clone_into(&mut text);
        }
        if !text.is_empty() {
            content.insert(0, text_block(&text));
        }
        Reply {
            content,
            stop,
            usage: Usage::default(),
            message_id: format!("msg_script_{}", digest(&request.messages)),
            model: "script".to_owned(),
            truncated_tool: None,
        }
    }

    /// The reply at the place the conversation has come to: every text of the user takes the first
    /// turn not yet taken that fits, and every reply since then is one reply of it.
    fn next(&self, messages: &[Arc<Message>]) -> Option<&Played> {
        let mut taken = vec![false; self.turns.len()];
        let (mut turn, mut replies) = (None, 0_usize);
        for message in messages {
            match message.role {
                Role::Assistant => replies = replies.saturating_add(1),
                Role::User if message.has_tool_result() => {}
                Role::User => {
                    let text = message.text();
                    let mut free = self.turns.iter().zip(&mut taken);
                    turn = free
                        .find(|(turn, taken)| !**taken && turn.takes(&text))
                        .map(|(turn, taken)| {
                            *taken = true;
                            turn
                        });
                    replies = 0;
                }
            }
        }
        turn?.replies.get(replies)
    }
}

impl Played {
    /// What is said when calls of these tools failed.
    fn text_after(&self, failed: &BTreeSet<String>) -> String {
        let told = self.if_failed.iter();
        let told = told.filter(|(tool, _)| failed.contains(*tool));
        let texts = told.map(|(_, text)| text.trim_end()).chain([&*self.text]);
        let texts: Vec<&str> = texts.filter(|text| !text.is_empty()).collect();
        texts.join("\n\n")
    }
}

/// The tools of which a call failed since the user last said something.
fn failed_tools(messages: &[Arc<Message>]) -> BTreeSet<String> {
    let mut tools = BTreeSet::new();
    let mut failed: Vec<String> = Vec::new();
    for message in messages.iter().rev() {
        match message.role {
            Role::User if message.has_tool_result() => failed.extend(message.failed_calls()),
            Role::User => break,
            Role::Assistant => {
                let calls = message.tool_uses().into_iter();
                let calls = calls.filter(|call| failed.contains(&call.id));
                tools.extend(calls.map(|call| call.name));
            }
        }
    }
    tools
}

impl Turn {
    fn parse(turn: Value) -> Result<Self, String> {
        let raw: RawTurn = serde_json::from_value(turn).map_err(|error| error.to_string())?;
        let when = raw.when.map(|when| {
            Regex::new(&when).map_err(|_| format!("`{when}` is not a regular expression"))
        });
        if raw.replies.is_empty() {
            return Err("it has no replies".to_owned());
        }
        Ok(Self {
            when: when.transpose()?,
            replies: raw.replies,
        })
    }

    fn takes(&self, text: &str) -> bool {
        self.when.as_ref().is_none_or(|when| when.is_match(text))
    }
}

fn tool_use(id: &str, call: &Call) -> Box<serde_json::value::RawValue> {
    #[derive(Serialize)]
    struct Block<'a> {
        r#type: &'static str,
        id: &'a str,
        name: &'a str,
        input: &'a Map<String, Value>,
    }
    raw(&Block {
        r#type: "tool_use",
        id,
        name: &call.tool,
        input: &call.input,
    })
}

/// Names the state of a conversation, so that ids are the same when it is played again and never
/// meet twice in one history, trimmed or not.
fn digest(messages: &[Arc<Message>]) -> String {
    let mut hash = Sha256::new();
    for message in messages {
        hash.update(raw(message.as_ref()).get());
    }
    hash.finalize()
        .iter()
        .take(6)
        .fold(String::new(), |hex, byte| format!("{hex}{byte:02x}"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::model::message::ToolResult;

    fn script() -> Script {
        let calls = json!([{"tool": "logs", "input": {"n": 1}}, {"tool": "top"}]);
        let look = json!({"text": "Let me look.", "calls": calls});
        let blind = json!({"logs": "I saw no logs.", "top": "I saw no processes."});
        let document = json!([
            {"when": "(?i)slow", "replies": [look, {"text": "The disk is full.", "if_failed": blind}]},
            {"when": "(?i)slow", "replies": [{"text": "Still full."}]},
            {"replies": [{"text": "Hm.", "stop": "max_tokens"}]},
        ]);
        let script = Script::parse(json!({"question": "Why?", "turns": document})).unwrap();
        assert_eq!(script.question(), Some("Why?"));
        script
    }

    /// What the script says next, and the conversation with it.
    fn next(conversation: &mut Request) -> String {
        next_where(conversation, "nothing")
    }

    /// The same where the calls of one tool fail.
    fn next_where(conversation: &mut Request, failing: &str) -> String {
        let reply = script().reply(conversation);
        conversation.messages.push(Arc::new(reply.message()));
        let results: Vec<ToolResult> = reply
            .tool_uses()
            .into_iter()
            .map(|call| {
                let is_error = call.name == failing;
                let (tool_use_id, content) = (call.id, "ok".to_owned());
                ToolResult {
                    tool_use_id,
                    content,
                    is_error,
                }
            })
            .collect();
        if !results.is_empty() {
            conversation
                .messages
                .push(Arc::new(Message::tool_results(&results, Some("go on"))));
        }
        let calls: Vec<String> = reply
            .tool_uses()
            .into_iter()
            .map(|it| format!("{} {}", it.name, it.input))
            .collect();
        format!("{:?} {} {calls:?}", reply.stop, reply.text())
    }

    fn ask(conversation: &mut Request, text: &str) -> String {
        conversation.messages.push(Arc::new(Message::user(text)));
        next(conversation)
    }

    fn conversation() -> Request {
        let tools = serde_json::value::RawValue::from_string("[]".to_owned()).unwrap();
        let tool_choice = ToolChoice::Auto;
        Request {
            system: "".into(),
            tools: tools.into(),
            messages: Vec::new(),
            tool_choice,
        }
    }

    #[test]
    fn a_script_is_played_turn_by_turn_and_then_says_that_it_is_one() {
        let mut talk = conversation();
        let said = [
            ask(&mut talk, "Why is it SLOW?"),
            next(&mut talk),
            ask(&mut talk, "hello"),
            ask(&mut talk, "Is it slow?"),
            ask(&mut talk, "and now?"),
        ];
        insta::assert_snapshot!(said.join("\n"), @r#"
        ToolUse Let me look. ["logs {\"n\":1}", "top {}"]
        EndTurn The disk is full. []
        MaxTokens Hm. []
        EndTurn Still full. []
        EndTurn This is a scripted model, and its script has nothing to say to that. To talk to Claude, set the environment variable `ANTHROPIC_API_KEY` to a key of your account and run `tolkien repl` with a configuration whose settings name no script. []
        "#);
    }

    #[test]
    fn a_script_says_when_a_call_that_it_speaks_of_failed() {
        let mut talk = conversation();
        talk.messages.push(Arc::new(Message::user("slow")));
        next_where(&mut talk, "logs");
        let said = next(&mut talk);
        assert_eq!(said, "EndTurn I saw no logs.\n\nThe disk is full. []");
    }

    #[test]
    fn ids_are_the_same_when_played_again_and_differ_within_a_conversation() {
        let ids = |text: &str| {
            let mut talk = conversation();
            ask(&mut talk, text);
            let calls = talk.messages.iter().flat_map(|message| message.tool_uses());
            calls.map(|call| call.id).collect::<Vec<_>>()
        };
        assert_eq!(ids("slow"), ids("slow"));
        assert_ne!(ids("slow"), ids("slow?"));
        assert_ne!(ids("slow").first(), ids("slow").last());
    }

    #[test]
    fn without_a_choice_of_tools_a_script_calls_none() {
        let mut talk = conversation();
        talk.tool_choice = ToolChoice::None;
        assert_eq!(ask(&mut talk, "slow"), "EndTurn Let me look. []");
    }

    #[test]
    fn a_script_that_cannot_be_read_names_the_turn() {
        let errors: Vec<String> = [
            json!("hello"),
            json!({"turn": []}),
            json!([{"replies": []}]),
            json!([{"replies": [{"text": "a"}]}, {"when": "(", "replies": [{}]}]),
            json!([{"replies": [{"txt": "a"}]}]),
            json!([{"when": "a"}]),
            json!(["hello"]),
            json!([{"replies": ["hello"]}]),
            json!([{"replies": [{"calls": [{"tool": "t", "input": []}]}]}]),
        ]
        .map(|document| Script::parse(document).unwrap_err())
        .into();
        insta::assert_snapshot!(errors.join("\n"), @r#"
        the script: invalid type: string "hello", expected a list of turns
        the script: unknown field `turn`, expected `question` or `turns`
        turn 1 of the script: it has no replies
        turn 2 of the script: `(` is not a regular expression
        turn 1 of the script: unknown field `txt`, expected one of `text`, `if_failed`, `calls`, `stop`
        turn 1 of the script: missing field `replies`
        turn 1 of the script: invalid type: string "hello", expected a turn
        turn 1 of the script: invalid type: string "hello", expected a reply
        turn 1 of the script: invalid type: sequence, expected a map
        "#);
    }
}
