//! What exactly a call would run, for whoever approves it: as one digest, and as texts to be read.

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::{Call, Piece, Plan, Rendered, Start, canonical_json};
use crate::config::hex;
use crate::config::name::Revision;

impl Call {
    /// SHA-256, in lower-case hexadecimal, of all that decides what would run: the tool, the input,
    /// the words, the templates of the environment, the folder, what is read or sent, and the
    /// revision. Calls with the same digest do the same.
    pub fn digest(&self, revision: &Revision) -> String {
        let whole = json!({
            "tool": self.tool.name.as_str(),
            "input": self.input,
            "plan": plan(&self.plan),
            "revision": revision.as_str(),
        });
        hex(&Sha256::digest(canonical_json(&whole).as_bytes()))
    }

    /// What the programs would read, with names where the machine fills something in; those of
    /// several steps one after the other.
    pub fn stdin(&self) -> Option<String> {
        let starts = match &self.plan {
            Plan::Command(start) => std::slice::from_ref(start),
            Plan::Steps { starts, .. } => starts,
            Plan::Http(_) | Plan::Mcp { .. } => &[],
        };
        let given = starts.iter().filter_map(|start| start.stdin.as_ref());
        let given: Vec<String> = given.map(Rendered::visible).collect();
        (!given.is_empty()).then(|| given.join("\n"))
    }

    /// What a request would send, with names where the machine fills something in.
    pub fn body(&self) -> Option<String> {
        match &self.plan {
            Plan::Http(request) => request.body.as_ref().map(Rendered::visible),
            _ => None,
        }
    }
}

fn plan(plan: &Plan) -> Value {
    match plan {
        Plan::Command(start) => json!({"command": program(start)}),
        Plan::Steps {
            workspace,
            starts,
            result,
        } => json!({
            "workspace": workspace,
            "steps": starts.iter().map(program).collect::<Vec<_>>(),
            "result": result.as_ref().map(text),
        }),
        Plan::Http(request) => json!({
            "method": request.method,
            "url": text(&request.url),
            "headers": named(&request.headers),
            "body": request.body.as_ref().map(text),
        }),
        Plan::Mcp {
            server,
            tool,
            arguments,
        } => json!({"server": server, "tool": tool, "arguments": arguments}),
    }
}

fn program(start: &Start) -> Value {
    json!({
        "id": start.id,
        "words": start.words.iter().map(text).collect::<Vec<_>>(),
        "env": named(&start.env),
        "stdin": start.stdin.as_ref().map(text),
        "cwd": start.cwd.as_ref().map(text),
    })
}

fn named(texts: &[(String, Rendered)]) -> Value {
    let texts = texts.iter().map(|(name, value)| json!([name, text(value)]));
    texts.collect()
}

/// A text as its pieces, so that a text `$HOME` is not the name `$HOME`.
fn text(rendered: &Rendered) -> Value {
    let pieces = rendered.pieces.iter().map(|piece| match piece {
        Piece::Text(text) => json!(["text", text]),
        Piece::Env(name) => json!(["env", name.as_str()]),
        Piece::Workspace => json!(["workspace"]),
        Piece::Secret(name) => json!(["secret", name.as_str()]),
        Piece::Step { id, stream } => json!(["step", id, format!("{stream:?}")]),
    });
    pieces.collect()
}
