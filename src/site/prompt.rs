//! The page of a prompt: what the model is told, and what it is made of.

use serde::Serialize;

use super::{Content, prompt_file};
use crate::agent::context::Prefix;
use crate::config::host::Host;
use crate::config::prompt::SYSTEM;

/// What the page shows.
#[derive(Debug, Serialize)]
pub(super) struct PromptView {
    name: String,
    /// As a session begins with it; only what every session begins with is rendered.
    rendered: Option<String>,
    role: String,
    characters: usize,
    source: String,
    /// The other prompts that it reads, and these in turn.
    reads: Vec<[String; 2]>,
    /// The prompts that read it.
    read_by: Vec<[String; 2]>,
}

/// The page of a prompt.
pub(super) fn view(content: Content<'_>, name: &str) -> PromptView {
    let prompts = content.config.prompts();
    // A prompt that a tool renders needs the arguments of a call.
    let rendered = (name == SYSTEM)
        .then(|| Prefix::prompt(content.config, &Host::default(), content.caller, name))
        .and_then(Result::ok);
    let source = prompts.text(name).unwrap_or_default();
    let link = |name: &str| [name.to_owned(), prompt_file(name)];
    let family = prompts.family(name);
    let reads = family.keys().filter(|other| *other != name);
    let others = prompts.names().into_iter().filter(|other| *other != name);
    PromptView {
        name: name.to_owned(),
        role: content.caller.role.to_string(),
        characters: rendered.as_ref().unwrap_or(&source).chars().count(),
        rendered,
        reads: reads.map(|other| link(other)).collect(),
        read_by: others
            .filter(|other| prompts.family(other).contains_key(name))
            .map(link)
            .collect(),
        source,
    }
}
