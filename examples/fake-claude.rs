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
use serde_json::{Value, json};

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
    /// What the first requests get instead, in order; may be given several times.
    #[arg(long, value_enum)]
    first: Vec<First>,
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

/// Answers out of the ordinary.
#[derive(clap::ValueEnum, Clone, Copy)]
enum First {
    RateLimit,
    RateLimitAfter,
    SpendLimit,
    Overloaded,
    Internal,
    Html,
    ErrorEvent,
    Cut,
    NoMessageStop,
    TruncatedCall,
    Unknown,
    ByteByByte,
    Refusal,
    PauseTurn,
    MaxTokens,
}

impl First {
    fn answer(self) -> Answer {
        let half = Answer::text("This is the beginning of a longer answer.");
        match self {
            Self::RateLimit => Answer::rate_limited(),
            Self::RateLimitAfter => Answer::rate_limited().retry_after(Duration::from_secs(1)),
            Self::SpendLimit => Answer::rate_limited().error_code("enforced_spend_limit_reached"),
            Self::Overloaded => Answer::overloaded(),
            Self::Internal => Answer::error(500, "api_error", "Internal server error"),
            Self::Html => Answer::html(502),
            Self::ErrorEvent => half.error_after(4, "overloaded_error", "Overloaded"),
            Self::Cut => half.cut_after(4),
            Self::NoMessageStop => half.without_message_stop(),
            Self::TruncatedCall => {
                Answer::tools([("echo", json!({"text": "hello"}))]).truncated_call()
            }
            Self::Unknown => half
                .event("novelty", &json!({"type": "novelty", "index": "x"}))
                .block(json!({"type": "novel_block", "payload": [1, 2, 3]})),
            Self::ByteByByte => half.in_pieces_of(1),
            Self::Refusal => Answer::refusal(Some("cyber"), Some("This is not allowed.")),
            Self::PauseTurn => half.stop("pause_turn"),
            Self::MaxTokens => half.stop("max_tokens"),
        }
    }
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
    flags
        .first
        .iter()
        .for_each(|first| fake.push(first.answer()));
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
