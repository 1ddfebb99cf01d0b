//! Leaving a turn where it is, and going on from what was kept of it.

use std::collections::HashMap;

use serde_json::Value;

use super::{Driver, Entry, Journal, Lost};
use crate::agent::answer;
use crate::agent::event::{Event, Outcome};
use crate::config::tool::Effect;
use crate::model;

impl<J: Journal> Driver<'_, J> {
    /// Reads off an event what the driver needs to go on from it.
    pub(super) fn remember(&mut self, event: &Event) {
        match event {
            Event::TurnStarted {
                role, named: true, ..
            } => {
                self.named.get_or_insert_with(|| role.clone());
            }
            Event::ModelReplied(reply) => {
                let asked = model::tool_uses(&reply.content).into_iter();
                let mut inputs: HashMap<String, Value> =
                    asked.map(|asked| (asked.id, asked.input)).collect();
                self.inputs = reply
                    .calls
                    .iter()
                    .map(|call| {
                        let input = inputs.remove(&call.tool_use_id).unwrap_or_default();
                        (call.call_id.clone(), (call.tool.clone(), input))
                    })
                    .collect();
            }
            Event::CallDecided {
                call_id,
                effect,
                approval,
                ..
            } => {
                self.asked.remove(call_id);
                let asked = approval.clone().map(|asked| (call_id.clone(), asked));
                self.asked.extend(asked);
                if *effect == Some(Effect::Read) {
                    self.writing.remove(call_id);
                } else {
                    self.writing.insert(call_id.clone());
                }
            }
            Event::ApprovalSuperseded { call_id, .. } => {
                self.asked.remove(call_id);
            }
            Event::CallEnded(ended) => {
                self.asked.remove(&ended.call_id);
            }
            Event::CancelAsked { .. } => self.cancel_asked = true,
            _ => {}
        }
    }

    /// Appends how calls ended that were cut off because the turn is left; what follows from it is
    /// for whoever goes on with the turn.
    pub(super) async fn close(&mut self, entries: Vec<Entry>) -> Result<(), Lost> {
        let mut batch = Vec::new();
        for mut entry in entries {
            let Event::CallEnded(ended) = &entry.event else {
                continue;
            };
            let call = ended.call_id.clone();
            if ended.outcome == Outcome::Cancelled {
                // One that changes nothing is made again; of another nobody knows what it did.
                if !self.writing.contains(&call) {
                    continue;
                }
                let event = Event::CallEnded(answer::interrupted(call, true));
                let record = self.reader.read(&event);
                entry = Entry {
                    record,
                    ..event.into()
                };
            }
            batch.push(entry);
        }
        self.append(batch).await
    }
}
