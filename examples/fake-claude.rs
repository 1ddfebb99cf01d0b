//! The tests' fake of the Messages API as a program, for benches and for trying things by hand:
//! every question gets some rounds of calls, then a text.
//!
//! It prints its base URL on the first line and then only what clients did wrong.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a fake that cannot go on should stop where it is"
)]
#![expect(
    clippy::print_stdout,
    reason = "whoever starts it reads the address there"
)]

use std::time::Duration;

use clap::Parser;
use serde_json::Value;

#[path = "../tests/integration"]
mod integration {
    #[expect(dead_code, unused_imports, reason = "tests use the rest")]
    pub(crate) mod fake;
}

use integration::fake::{Answer, Fake, Seen};

/// A fake of the Messages API with a simple policy.
#[derive(Parser, Clone)]
struct Flags {
    /// The port on 127.0.0.1; 0 takes a free one.
    #[arg(long, default_value_t = 0)]
    port: u16,
    /// How many rounds of calls come before the text.
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// How many calls a round has.
    #[arg(long, default_value_t = 4)]
    calls: usize,
    /// The tool that is called.
    #[arg(long, default_value = "echo")]
    tool: String,
    /// The input of every call, as JSON.
    #[arg(long, default_value = r#"{"text":"hello"}"#, value_parser = parse_json)]
    input: Value,
    /// The text at the end.
    #[arg(long, default_value = "done")]
    text: String,
    /// Thinks aloud before every reply.
    #[arg(long)]
    thinking: bool,
    /// Waits so many milliseconds before every answer.
    #[arg(long, default_value_t = 0)]
    latency_ms: u64,
    /// Compares replayed content by meaning: for clients that render what they replay.
    #[arg(long)]
    by_meaning: bool,
    /// Checks, keeps and accounts for nothing: for measuring the client, not the fake.
    #[arg(long)]
    unchecked: bool,
}

fn parse_json(text: &str) -> Result<Value, serde_json::Error> {
    serde_json::from_str(text)
}

impl Flags {
    fn answer(&self, seen: &Seen) -> Answer {
        let answer = if seen.rounds() < self.rounds {
            let call = (self.tool.as_str(), self.input.clone());
            Answer::tools(std::iter::repeat_n(call, self.calls))
        } else {
            Answer::text(&self.text)
        };
        if self.thinking {
            answer.thinking("The next step is clear.")
        } else {
            answer
        }
    }
}

#[tokio::main]
async fn main() {
    let flags = Flags::parse();
    let fake = Fake::start_on(flags.port).await;
    fake.set_latency(Duration::from_millis(flags.latency_ms));
    if flags.by_meaning {
        fake.compare_by_meaning();
    }
    if flags.unchecked {
        fake.trust();
    }
    println!("{}", fake.base_url());
    fake.respond_with(move |seen| flags.answer(seen));
    let mut told = 0;
    for requests in 1.. {
        fake.requested(requests).await;
        let refusals = fake.refusals();
        refusals
            .iter()
            .skip(told)
            .for_each(|refusal| println!("refused: {refusal}"));
        told = refusals.len();
    }
}
