//! Putting a reply together from the events of its stream.

use std::{collections::HashSet, time::Duration};

use futures_util::{Stream, StreamExt};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::{
    block::{Block, Ended},
    wire,
};
use crate::model::{
    error::{Failure, one_line},
    message::{Reply, Stop, Usage},
    sse,
};

/// The longest reply that is read, in bytes of its stream. The longest honest one is 128,000
/// tokens; even with an event for each it stays below a third of this.
const MAX_REPLY_BYTES: usize = 64 << 20;

/// Reads a stream of bytes to the end of the reply in it.
///
/// `idle` is the longest wait for the next bytes, however few they are.
pub(super) async fn read<S, B, E>(mut stream: S, idle: Duration) -> Result<Reply, Failure>
where
    S: Stream<Item = Result<B, E>> + Unpin,
    B: AsRef<[u8]>,
    E: std::error::Error,
{
    let mut decoder = sse::Decoder::default();
    let mut assembly = Assembly::default();
    let mut length = 0_usize;
    loop {
        let next = tokio::time::timeout(idle, stream.next()).await;
        let bytes = match next.map_err(|_| Failure::Idle(idle))? {
            Some(Ok(bytes)) => bytes,
            Some(Err(error)) => return Err(Failure::CutStream(wire::causes(&error))),
            None => return Err(Failure::CutStream("the stream ended early".to_owned())),
        };
        length = length.saturating_add(bytes.as_ref().len());
        if length > MAX_REPLY_BYTES {
            return Err(Failure::Malformed(format!(
                "it is longer than {MAX_REPLY_BYTES} bytes"
            )));
        }
        let events = decoder.push(bytes.as_ref());
        for data in events.map_err(|error| Failure::Malformed(error.to_string()))? {
            if assembly.take(&data)? == Progress::Complete {
                return assembly.finish();
            }
        }
    }
}

/// Whether the reply is complete.
#[derive(PartialEq, Eq)]
enum Progress {
    Underway,
    Complete,
}

/// A reply under way.
#[derive(Default)]
struct Assembly {
    message_id: String,
    model: String,
    usage: Usage,
    blocks: Vec<Block>,
    stop: Option<Stop>,
}

#[derive(Deserialize)]
struct Kind {
    r#type: String,
}

#[derive(Deserialize)]
struct MessageStart {
    message: Head,
}

#[derive(Deserialize)]
struct Head {
    #[serde(default)]
    id: String,
    #[serde(default)]
    model: String,
    usage: Option<Counts>,
}

#[derive(Deserialize)]
struct BlockStart {
    index: u64,
    content_block: Box<RawValue>,
}

#[derive(Deserialize)]
struct BlockDelta {
    index: u64,
    delta: Box<RawValue>,
}

#[derive(Deserialize)]
struct BlockStop {
    index: u64,
}

#[derive(Deserialize)]
struct MessageDelta {
    delta: End,
    usage: Option<Counts>,
}

#[derive(Deserialize)]
struct End {
    stop_reason: Option<String>,
    stop_details: Option<Details>,
}

#[derive(Deserialize)]
struct Details {
    category: Option<String>,
    explanation: Option<String>,
}

/// Token counts; those that are absent say nothing.
#[derive(Deserialize)]
struct Counts {
    #[serde(rename = "input_tokens")]
    input: Option<u64>,
    #[serde(rename = "output_tokens")]
    output: Option<u64>,
    #[serde(rename = "cache_read_input_tokens")]
    cache_read: Option<u64>,
    #[serde(rename = "cache_creation_input_tokens")]
    cache_creation: Option<u64>,
}

impl Assembly {
    /// Takes one event's data. Kinds of events that are not known are passed over.
    fn take(&mut self, data: &str) -> Result<Progress, Failure> {
        match parse::<Kind>(data)?.r#type.as_str() {
            "message_start" => {
                let MessageStart { message } = parse(data)?;
                (self.message_id, self.model) = (message.id, message.model);
                self.count(message.usage);
            }
            "content_block_start" => {
                let BlockStart {
                    index,
                    content_block,
                } = parse(data)?;
                self.blocks.push(Block::new(index, content_block));
            }
            "content_block_delta" => {
                let BlockDelta { index, delta } = parse(data)?;
                self.block(index)?.add(&delta);
            }
            "content_block_stop" => {
                let BlockStop { index } = parse(data)?;
                self.block(index)?.close();
            }
            "message_delta" => {
                let MessageDelta { delta, usage } = parse(data)?;
                self.count(usage);
                if let Some(word) = &delta.stop_reason {
                    self.stop = Some(stop(word, delta.stop_details));
                }
            }
            "error" => return Err(wire::error_event(data)),
            "message_stop" => return Ok(Progress::Complete),
            _ => {}
        }
        Ok(Progress::Underway)
    }

    /// The block at hand is nearly always the last.
    fn block(&mut self, index: u64) -> Result<&mut Block, Failure> {
        let block = self
            .blocks
            .iter_mut()
            .rev()
            .find(|block| block.index == index);
        block.ok_or_else(|| Failure::Malformed(format!("content block {index} never started")))
    }

    /// The counts of a stream are running totals: they replace, they do not add.
    fn count(&mut self, counts: Option<Counts>) {
        let Some(counts) = counts else { return };
        let usage = &mut self.usage;
        for (total, count) in [
            (&mut usage.input_tokens, counts.input),
            (&mut usage.output_tokens, counts.output),
            (&mut usage.cache_read_input_tokens, counts.cache_read),
            (
                &mut usage.cache_creation_input_tokens,
                counts.cache_creation,
            ),
        ] {
            *total = count.unwrap_or(*total);
        }
    }

    /// The reply. A call that cannot be read is an error where calls would run, and left out
    /// where the reply was cut anyway.
    fn finish(self) -> Result<Reply, Failure> {
        let stop = self.stop.unwrap_or(Stop::Unstated);
        let (mut content, mut truncated_tool) = (Vec::new(), None);
        for block in self.blocks {
            match block.end() {
                Ended::Whole(block) => content.push(block),
                Ended::Empty => {}
                Ended::BrokenCall(name) => truncated_tool = Some(name),
            }
        }
        let reply = Reply {
            content,
            stop,
            usage: self.usage,
            message_id: self.message_id,
            model: self.model,
            truncated_tool,
        };
        if reply.stop.runs_tools() {
            check_calls(&reply)?;
        }
        Ok(reply)
    }
}

/// Whether every call of a reply that runs tools can be run and answered.
fn check_calls(reply: &Reply) -> Result<(), Failure> {
    if let Some(name) = &reply.truncated_tool {
        let name = one_line(name);
        return Err(Failure::Malformed(format!(
            "the input of a call of `{name}` is not complete"
        )));
    }
    let calls = reply.tool_uses();
    if calls.is_empty() {
        return Err(Failure::Malformed(
            "it asks for tools but names none".to_owned(),
        ));
    }
    let mut ids = HashSet::new();
    match calls.iter().find(|call| !ids.insert(call.id.as_str())) {
        Some(call) => {
            let id = one_line(&call.id);
            Err(Failure::Malformed(format!("two calls have the id `{id}`")))
        }
        None => Ok(()),
    }
}

fn stop(word: &str, details: Option<Details>) -> Stop {
    match (Stop::from_word(word), details) {
        (
            Stop::Refusal { .. },
            Some(Details {
                category,
                explanation,
            }),
        ) => Stop::Refusal {
            category,
            explanation,
        },
        (stop, _) => stop,
    }
}

fn parse<'a, T: Deserialize<'a>>(data: &'a str) -> Result<T, Failure> {
    serde_json::from_str(data)
        .map_err(|error| Failure::Malformed(format!("an event of the stream: {error}")))
}
