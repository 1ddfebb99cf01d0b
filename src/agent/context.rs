//! What the model sees: the frozen prefix, and the history of a session as a fold over its events.
//!
//! The API binds thinking to every earlier byte of a conversation, and its cache to the same
//! prefix. So what was sent once is sent again as it was: the model's words from the events that
//! hold them, the results as they were told, the system prompt and the tools as they were rendered
//! for this session and revision ([`Prefix`]). What has to be taken away (old turns, thinking that
//! lost what it was bound to) is taken away by an event, so that it stays away.

use std::sync::Arc;

use serde::Serialize;
use serde_json::value::RawValue;

use super::event::{Event, Reply, Stop};
use super::id::TurnId;
use crate::model::{self, BlockPlace, Message, Request, Role, ToolChoice, ToolResult};

mod prefix;

pub use prefix::{Prefix, tools_json};

/// The history of a session, as far as the model sees it.
#[derive(Debug, Clone, Default)]
pub struct History {
    turns: Vec<Kept>,
}

/// One turn of it.
#[derive(Debug, Clone)]
struct Kept {
    turn: TurnId,
    position: u32,
    messages: Vec<Arc<Message>>,
    round: Option<Round>,
}

/// The calls of a reply, until the next message.
#[derive(Debug, Clone)]
struct Round {
    results: Vec<(super::CallId, String, Option<ToolResult>)>,
    note: Option<String>,
}

impl History {
    /// Begins with the next turn of the session; the events that follow are its own.
    pub fn begin(&mut self, turn: TurnId, position: u32) {
        self.turns.push(Kept {
            turn,
            position,
            messages: Vec::new(),
            round: None,
        });
    }

    /// Takes the next event of the newest turn.
    pub fn apply(&mut self, event: &Event) {
        match event {
            Event::PrefixFrozen { .. } => self.strip_all(),
            Event::HistoryTrimmed { kept_from } => {
                let newest = self.turns.last().map_or(0, |kept| kept.position);
                self.turns
                    .retain(|kept| kept.position == 1 || kept.position >= (*kept_from).min(newest));
                self.strip_all();
            }
            Event::ThinkingStripped { turn, place } => self.strip_from(turn, *place),
            event => {
                if let Some(newest) = self.turns.last_mut() {
                    newest.apply(event);
                }
            }
        }
    }

    /// The messages, oldest first.
    pub fn messages(&self) -> Vec<Arc<Message>> {
        self.assembled()
            .into_iter()
            .map(|(_, message)| message)
            .collect()
    }

    /// What its messages take, in bytes of JSON.
    pub fn bytes(&self) -> usize {
        let messages = self.turns.iter().flat_map(|kept| &kept.messages);
        messages.map(|message| message.bytes()).sum()
    }

    /// The messages with the turn and the place in it that each comes from. After a turn that the
    /// model did not close, its user's message and the next one are one: speakers alternate, and
    /// no word is put into the model's mouth.
    fn assembled(&self) -> Vec<((&TurnId, usize), Arc<Message>)> {
        let mut all: Vec<((&TurnId, usize), Arc<Message>)> = Vec::new();
        for kept in &self.turns {
            let messages = kept.messages.iter().cloned().chain(kept.answers());
            for (at, message) in messages.enumerate() {
                match all.last_mut() {
                    Some((_, last)) if last.role == Role::User && message.role == Role::User => {
                        Arc::make_mut(last)
                            .content
                            .extend(message.content.iter().cloned());
                    }
                    _ => all.push(((&kept.turn, at), message)),
                }
            }
        }
        all
    }

    /// Everything that the next model call says.
    pub fn request(&self, prefix: &Prefix, tool_choice: ToolChoice) -> Request {
        Request {
            system: Arc::clone(&prefix.system),
            tools: Arc::clone(&prefix.tools),
            messages: self.messages(),
            tool_choice,
        }
    }

    /// The turn that holds the block which the API named by its place in the last request, and
    /// the place in it.
    pub fn locate(&self, place: BlockPlace) -> Option<(TurnId, BlockPlace)> {
        let assembled = self.assembled();
        let ((turn, message), _) = assembled.get(place.message)?;
        let message = *message;
        Some(((*turn).clone(), BlockPlace { message, ..place }))
    }

    fn strip_all(&mut self) {
        for kept in &mut self.turns {
            model::strip_thinking(&mut kept.messages);
        }
    }

    fn strip_from(&mut self, turn: &TurnId, place: BlockPlace) {
        let affected = self.turns.iter_mut().skip_while(|kept| kept.turn != *turn);
        for kept in affected {
            if kept.turn == *turn {
                model::strip_thinking_from(&mut kept.messages, place);
            } else {
                model::strip_thinking(&mut kept.messages);
            }
        }
    }
}

impl Kept {
    fn apply(&mut self, event: &Event) {
        match event {
            Event::TurnStarted { content, .. } => self.push(Message::user(content)),
            Event::ModelReplied(reply) => {
                self.settle();
                self.replied(reply);
            }
            Event::CallEnded(ended) => {
                let open = self.round.iter_mut().flat_map(|round| &mut round.results);
                for (_, id, result) in open.filter(|(call, ..)| *call == ended.call_id) {
                    *result = Some(ToolResult {
                        tool_use_id: id.clone(),
                        content: ended.shown.clone(),
                        is_error: ended.is_error,
                    });
                }
            }
            Event::SumUpAsked { note } => {
                if let Some(round) = &mut self.round {
                    round.note = Some(note.clone());
                }
            }
            Event::TurnEnded { stop, .. } => self.ended(stop),
            _ => {}
        }
    }

    /// Keeps a reply, unless it holds calls that will never have a result.
    fn replied(&mut self, reply: &Reply) {
        let message = Message {
            role: Role::Assistant,
            content: reply.content.clone(),
        };
        let unanswerable = reply.calls.is_empty() && !message.tool_uses().is_empty();
        if message.content.is_empty() || unanswerable {
            return;
        }
        self.push(message);
        if !reply.calls.is_empty() {
            let calls = reply.calls.iter();
            let open = calls.map(|asked| (asked.call_id.clone(), asked.tool_use_id.clone(), None));
            self.round = Some(Round {
                results: open.collect(),
                note: None,
            });
        }
    }

    /// Says after a turn that the model did not close that it ended, and why.
    fn ended(&mut self, stop: &Stop) {
        self.settle();
        if let Some(last) = self
            .messages
            .last_mut()
            .filter(|last| last.role == Role::User)
        {
            let note = format!("[This turn ended without an answer: {}.]", stop.reason());
            Arc::make_mut(last)
                .content
                .extend(Message::user(&note).content);
        }
    }

    fn settle(&mut self) {
        self.messages.extend(self.answers());
        self.round = None;
    }

    /// The one message that answers every call of the last reply.
    fn answers(&self) -> Option<Arc<Message>> {
        let round = self.round.as_ref()?;
        let results = round.results.iter().map(|(_, id, result)| {
            result.clone().unwrap_or_else(|| ToolResult {
                tool_use_id: id.clone(),
                content: LOST.to_owned(),
                is_error: true,
            })
        });
        let results: Vec<ToolResult> = results.collect();
        let message = Message::tool_results(&results, round.note.as_deref());
        Some(Arc::new(message))
    }

    fn push(&mut self, message: Message) {
        self.messages.push(Arc::new(message));
    }
}

/// Stands for a result that the store does not hold.
const LOST: &str = "Interrupted: the result of this call was lost, so whether it did anything is \
     unknown. Check before you try again.";

/// Where the history is cut before a new turn, if it has to be: the first position that is kept
/// beside the first turn.
///
/// It grows to one and a half times `history_turns` before it is cut back, so that the cached
/// prefix is lost once in a while and not with every turn. `ended` counts the session's turns so
/// far, `kept_from` is the last answer of this function (0 before the first).
pub fn cut(ended: u32, kept_from: u32, history_turns: u32) -> Option<u32> {
    let first = kept_from.max(2);
    let kept = ended.saturating_add(1).saturating_sub(first);
    let most = history_turns.saturating_add(history_turns / 2);
    let from = ended.saturating_add(1).saturating_sub(history_turns);
    (kept > most && from > first).then_some(from)
}

/// Renders a value that is made of strings and checked JSON.
fn raw(value: &impl Serialize) -> Arc<RawValue> {
    let text = serde_json::value::to_raw_value(value);
    Arc::from(text.unwrap_or_else(|_| RawValue::NULL.to_owned()))
}

#[cfg(test)]
mod tests;
