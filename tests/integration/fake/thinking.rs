//! Preserved thinking: a signature is bound to the system prompt, the set of tools and every
//! earlier message; thinking itself may be removed from the front or from the back, never from
//! the middle.

use std::collections::HashMap;

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::{blocks_of, canonical, is_thinking, rules::Refused};

/// The signatures that were given out.
#[derive(Default)]
pub(super) struct Seals {
    seals: HashMap<String, Seal>,
}

struct Seal {
    /// What the block is bound to, itself included.
    binding: String,
    /// The signature of the thinking before it in the same conversation.
    previous: Option<String>,
}

impl Seals {
    /// Signs the thinking of a reply to `body`.
    pub(super) fn sign(&mut self, body: &Value, blocks: &mut [Value]) {
        let messages = body["messages"].as_array().cloned().unwrap_or_default();
        let mut earlier = messages
            .iter()
            .flat_map(|message| blocks_of(&message["content"]));
        let mut previous = earlier.rfind(is_thinking).map(|block| signature(&block));
        for block in blocks.iter_mut().filter(|block| is_thinking(block)) {
            let binding = binding(body, &messages, block);
            let number = self.seals.len();
            let signature = hash(&format!("{number} {binding} {previous:?}"));
            let field = field(block);
            block[field] = json!(signature);
            let seal = Seal {
                binding,
                previous: previous.replace(signature.clone()),
            };
            self.seals.insert(signature, seal);
        }
    }

    /// Checks all thinking in a request.
    pub(super) fn check(&self, body: &Value) -> Result<(), Refused> {
        let messages = body["messages"].as_array().map_or(&[][..], Vec::as_slice);
        let mut previous: Option<String> = None;
        for (index, message) in messages.iter().enumerate() {
            for (at, block) in blocks_of(&message["content"]).iter().enumerate() {
                if !is_thinking(block) {
                    continue;
                }
                let signature = signature(block);
                let bound = self.seals.get(&signature).is_some_and(|seal| {
                    let follows = previous.is_none() || seal.previous == previous;
                    follows && seal.binding == binding(body, &messages[..index], block)
                });
                if !bound {
                    let kind = block["type"].as_str().unwrap();
                    return Err(Refused::invalid(&format!(
                        "messages.{index}.content.{at}: Invalid `signature` in `{kind}` block. \
                         The block is bound to a different conversation. Thinking blocks must be \
                         passed back exactly as they were received, with the same system prompt, \
                         tools and earlier messages."
                    )));
                }
                previous = Some(signature);
            }
        }
        Ok(())
    }
}

/// The field that carries the signature.
fn field(block: &Value) -> &'static str {
    if block["type"] == "thinking" {
        "signature"
    } else {
        "data"
    }
}

fn signature(block: &Value) -> String {
    block[field(block)].as_str().unwrap_or_default().to_owned()
}

/// What a thinking block is bound to. Not compared: the model, settings, `cache_control`, the
/// order of keys and of tools, and earlier thinking (its removal is legal).
fn binding(body: &Value, earlier: &[Value], block: &Value) -> String {
    let system: Vec<Value> = blocks_of(&body["system"]);
    let mut tools: Vec<String> = body["tools"]
        .as_array()
        .map_or(&[][..], Vec::as_slice)
        .iter()
        .map(tool)
        .collect();
    tools.sort();
    let earlier: Vec<String> = earlier
        .iter()
        .map(|message| {
            let blocks = blocks_of(&message["content"]);
            let kept: Vec<String> = blocks
                .iter()
                .filter(|block| !is_thinking(block))
                .map(canonical)
                .collect();
            format!("{}{}", message["role"], kept.join(","))
        })
        .collect();
    let text = &block["thinking"];
    hash(&format!(
        "{} {tools:?} {earlier:?} {text}",
        canonical(&json!(system))
    ))
}

fn tool(tool: &Value) -> String {
    canonical(&json!([
        tool["name"],
        tool["description"],
        tool["input_schema"]
    ]))
}

fn hash(text: &str) -> String {
    let digest = Sha256::digest(text);
    digest
        .iter()
        .fold(String::new(), |hex, byte| format!("{hex}{byte:02x}"))
}
