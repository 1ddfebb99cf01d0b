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
    begun: bool,
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
                self.begun = true;
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
        if !self.begun {
            return Err(Failure::Malformed(
                "it ends without having begun".to_owned(),
            ));
        }
        let stop = self.stop.unwrap_or(Stop::Unstated);
        let (mut content, mut truncated_tool) = (Vec::new(), None);
        for block in self.blocks {
            match block.end() {
                Ended::Whole(block) => content.push(block),
                Ended::Blank => {}
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
        let name = if name.is_empty() {
            "a tool without a name"
        } else {
            &format!("`{name}`")
        };
        let detail = format!(
            "the input of the call of {} cannot be read as JSON",
            one_line(name)
        );
        return Err(Failure::Malformed(detail));
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

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use futures_util::stream;
    use serde_json::{Value, json};

    use super::*;

    const IDLE: Duration = Duration::from_mins(2);

    fn event(data: &Value) -> String {
        format!("data: {data}\n\n")
    }

    fn start() -> Value {
        let usage = json!({"input_tokens": 7, "output_tokens": 1, "cache_read_input_tokens": 5});
        json!({"type": "message_start", "message": {"id": "m", "model": "c", "usage": usage}})
    }

    async fn assemble(events: Vec<Value>) -> Result<Reply, Failure> {
        let pieces = events.iter().map(|data| Ok::<_, Infallible>(event(data)));
        read(stream::iter(pieces), IDLE).await
    }

    #[tokio::test(start_paused = true)]
    async fn a_stream_that_falls_silent_is_given_up_after_the_idle_time() {
        let begun = tokio::time::Instant::now();
        let stream = stream::iter([Ok::<_, Infallible>(event(&start()))]).chain(stream::pending());
        let failure = read(stream, IDLE).await.unwrap_err();
        assert_eq!(failure, Failure::Idle(IDLE));
        assert_eq!(begun.elapsed(), IDLE);
    }

    #[tokio::test(start_paused = true)]
    async fn a_slow_stream_is_not_idle() {
        let end = [start(), json!({"type": "message_stop"})];
        let events: Vec<Value> = std::iter::repeat_n(json!({"type": "ping"}), 50).collect();
        let events = [&end[..1], &events, &end[1..]].concat();
        let stream = stream::iter(events).then(|data| async move {
            tokio::time::sleep(IDLE / 2).await;
            Ok::<_, Infallible>(event(&data))
        });
        assert_eq!(
            read(Box::pin(stream), IDLE).await.unwrap().stop,
            Stop::Unstated
        );
    }

    #[tokio::test]
    async fn counts_replace_and_absent_ones_stay() {
        let delta = |usage: Value| json!({"type": "message_delta", "delta": {"stop_reason": null}, "usage": usage});
        let reply = assemble(vec![
            start(),
            delta(json!({"output_tokens": 20})),
            delta(json!({"output_tokens": 30, "input_tokens": null})),
            json!({"type": "message_stop"}),
        ]);
        let (input_tokens, output_tokens, cache_read_input_tokens) = (7, 30, 5);
        let cache_creation_input_tokens = 0;
        let usage = Usage {
            input_tokens,
            output_tokens,
            cache_read_input_tokens,
            cache_creation_input_tokens,
        };
        assert_eq!(reply.await.unwrap().usage, usage);
    }

    #[tokio::test]
    async fn a_call_is_kept_as_the_model_wrote_it() {
        let block = json!({"type": "tool_use", "id": "a", "name": "t", "input": {}, "new": 1.0});
        let piece = |json: &str| json!({"type": "content_block_delta", "index": 3, "delta": {"type": "input_json_delta", "partial_json": json}});
        let reply = assemble(vec![
            start(),
            json!({"type": "content_block_start", "index": 3, "content_block": block}),
            piece(""),
            piece("{ \"n\": 1.0e0,\n  \"\\u"),
            piece("00e9\": 12345678901234567890123}"),
            json!({"type": "content_block_stop", "index": 3}),
            json!({"type": "message_delta", "delta": {"stop_reason": "tool_use"}}),
            json!({"type": "message_stop"}),
        ]);
        let content = reply.await.unwrap().content;
        let wire: Vec<&str> = content.iter().map(|block| block.get()).collect();
        let input = "{ \"n\": 1.0e0,\n  \"\\u00e9\": 12345678901234567890123}";
        let start = r#"{"type":"tool_use","id":"a","name":"t","input":"#;
        assert_eq!(wire, [format!("{start}{input},\"new\":1.0}}")]);
    }

    #[tokio::test]
    async fn a_call_that_was_never_closed_or_nests_too_deep_does_not_run() {
        let block = json!({"type": "tool_use", "id": "a", "name": "t", "input": {}});
        let deep = format!("{{\"a\":{}{}}}", "[".repeat(500), "]".repeat(500));
        let delta = json!({"type": "input_json_delta", "partial_json": deep});
        let begin = json!({"type": "content_block_start", "index": 0, "content_block": block});
        let fill = json!({"type": "content_block_delta", "index": 0, "delta": delta});
        let close = json!({"type": "content_block_stop", "index": 0});
        let asks = json!({"type": "message_delta", "delta": {"stop_reason": "tool_use"}});
        let end = json!({"type": "message_stop"});
        let detail = "the input of the call of `t` cannot be read as JSON".to_owned();
        for events in [
            vec![start(), begin.clone(), asks.clone(), end.clone()],
            vec![start(), begin, fill, close, asks, end],
        ] {
            assert_eq!(
                assemble(events).await.unwrap_err(),
                Failure::Malformed(detail.clone())
            );
        }
    }

    #[tokio::test]
    async fn a_delta_for_a_block_that_never_started_is_an_error() {
        let stray = json!({"type": "content_block_delta", "index": 4, "delta": {"type": "text_delta", "text": "x"}});
        let failure = assemble(vec![start(), stray]).await.unwrap_err();
        let detail = "content block 4 never started".to_owned();
        assert_eq!(failure, Failure::Malformed(detail));
    }
}
