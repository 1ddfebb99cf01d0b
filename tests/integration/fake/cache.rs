//! Prompt caching as documented: the prefix in the order tools, system, messages is matched at
//! breakpoints; at most 20 positions back; nothing shorter than 512 tokens is kept.

use std::collections::{HashMap, HashSet};

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::{blocks_of, canonical, is_thinking};

/// The shortest prefix that is cached, in tokens.
const MINIMUM: usize = 512;

/// How many positions before a breakpoint are looked at; a run of calls or of results is one.
const LOOK_BACK: usize = 20;

/// The prompt of one reply, in tokens.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Account {
    /// The whole prompt.
    pub(crate) prompt: usize,
    /// The part at its beginning that an earlier prompt had too.
    pub(crate) repeated: usize,
    /// The part that was read from the cache.
    pub(crate) read: usize,
    /// The part that was written to the cache.
    pub(crate) created: usize,
    /// The rest.
    pub(crate) input: usize,
    /// The reply.
    pub(crate) output: usize,
}

impl Account {
    #[expect(
        clippy::cast_precision_loss,
        reason = "a share of at most a few million tokens"
    )]
    pub(super) fn share(ledger: &[Self]) -> f64 {
        let repeated: usize = ledger.iter().map(|account| account.repeated).sum();
        let read: usize = ledger.iter().map(|account| account.read).sum();
        if repeated == 0 {
            1.0
        } else {
            read as f64 / repeated as f64
        }
    }
}

/// What is cached, and every prefix that was ever seen.
#[derive(Default)]
pub(super) struct Cache {
    entries: HashMap<String, usize>,
    seen: HashSet<String>,
}

/// The prompt up to and with one block.
struct Position {
    hash: String,
    /// The same without the settings: what was said before, whether it can be read or not.
    plain: String,
    tokens: usize,
    /// Blocks of the same run share its number.
    run: usize,
    breakpoint: bool,
}

/// An estimate: four bytes a token.
pub(super) fn tokens(text: &str) -> usize {
    text.len().div_ceil(4)
}

impl Cache {
    /// Accounts for one prompt, and keeps what it caches.
    pub(super) fn charge(&mut self, body: &Value, output: usize) -> Account {
        let positions = positions(body);
        let prompt = positions.last().map_or(0, |position| position.tokens);
        let known = positions
            .iter()
            .take_while(|position| self.seen.contains(&position.plain));
        let repeated = known.last().map_or(0, |position| position.tokens);
        let breakpoints = || {
            positions
                .iter()
                .enumerate()
                .filter(|(_, position)| position.breakpoint)
        };
        let read = breakpoints()
            .filter_map(|(at, _)| self.look_back(&positions[..=at]))
            .max();
        let read = read.unwrap_or(0);
        let cached = breakpoints()
            .map(|(_, position)| position.tokens)
            .max()
            .unwrap_or(0);
        let cached = if cached < MINIMUM { 0 } else { cached };
        for (_, position) in breakpoints().filter(|(_, position)| position.tokens >= MINIMUM) {
            self.entries.insert(position.hash.clone(), position.tokens);
        }
        self.seen
            .extend(positions.iter().map(|position| position.plain.clone()));
        let (created, input) = (cached.saturating_sub(read), prompt - cached.max(read));
        Account {
            prompt,
            repeated,
            read,
            created,
            input,
            output,
        }
    }

    /// The longest entry within reach of the breakpoint at the end.
    fn look_back(&self, positions: &[Position]) -> Option<usize> {
        let last = positions.last()?.run;
        let near = positions
            .iter()
            .rev()
            .take_while(|position| last - position.run <= LOOK_BACK);
        near.filter_map(|position| self.entries.get(&position.hash).copied())
            .max()
    }
}

fn positions(body: &Value) -> Vec<Position> {
    let mut walk = Walk {
        hash: hash("", &body["model"].to_string()),
        ..Walk::default()
    };
    walk.plain.clone_from(&walk.hash);
    for tool in body["tools"].as_array().map_or(&[][..], Vec::as_slice) {
        walk.step("tool", tool);
    }
    for block in blocks_of(&body["system"]) {
        walk.step("system", &block);
    }
    // What invalidates the messages but not what is before them.
    let settings = json!([body["tool_choice"], body["thinking"], body["output_config"]]);
    walk.hash = hash(&walk.hash, &settings.to_string());
    for message in body["messages"].as_array().map_or(&[][..], Vec::as_slice) {
        let role = message["role"].as_str().unwrap_or_default();
        for block in blocks_of(&message["content"]) {
            walk.step(role, &block);
        }
    }
    if !body["cache_control"].is_null()
        && let Some(position) = walk
            .last_cacheable
            .and_then(|at| walk.positions.get_mut(at))
    {
        position.breakpoint = true;
    }
    walk.positions
}

#[derive(Default)]
struct Walk {
    hash: String,
    plain: String,
    tokens: usize,
    run: usize,
    run_kind: String,
    positions: Vec<Position>,
    last_cacheable: Option<usize>,
}

impl Walk {
    fn step(&mut self, section: &str, block: &Value) {
        let text = canonical(block);
        self.hash = hash(&self.hash, &format!("{section} {text}"));
        self.plain = hash(&self.plain, &format!("{section} {text}"));
        self.tokens += tokens(&text);
        let kind = block["type"].as_str().unwrap_or_default();
        if !(matches!(kind, "tool_use" | "tool_result") && self.run_kind == kind) {
            self.run += 1;
        }
        kind.clone_into(&mut self.run_kind);
        if !is_thinking(block) {
            self.last_cacheable = Some(self.positions.len());
        }
        self.positions.push(Position {
            hash: self.hash.clone(),
            plain: self.plain.clone(),
            tokens: self.tokens,
            run: self.run,
            breakpoint: !block["cache_control"].is_null(),
        });
    }
}

fn hash(before: &str, text: &str) -> String {
    let digest = Sha256::digest(format!("{before} {text}"));
    digest
        .iter()
        .fold(String::new(), |hex, byte| format!("{hex}{byte:02x}"))
}
