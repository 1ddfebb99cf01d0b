//! Folders that a tool works in or stays inside, and that this machine does not have.
//!
//! Nothing is remembered of them: a clone may arrive while the server runs, and from then on the
//! tool works. So a missing folder disables nothing; it is told at the start, wherever the tools are
//! listed, and at the call.

use std::path::Path;

use super::Host;
use crate::config::name::EnvName;
use crate::config::template::Part;
use crate::config::tool::{CommandWord, Tool};
use crate::diagnostic::{Diagnostic, Place};

/// A folder that a tool needs and that is not here now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MissingFolder {
    /// Its path, with the values of this machine.
    pub path: String,
    /// Where the path comes from, and the way out.
    pub help: String,
    place: Place,
}

impl MissingFolder {
    /// A warning: on another machine, or later, it does not hold.
    pub(super) fn finding(&self, tool: &Tool) -> Diagnostic {
        let message = missing(&self.path, &format!("`{}`", tool.name));
        Diagnostic::warning("host-folder", self.place.clone(), message).help(&self.help)
    }
}

/// Whether a tool can use it: a program runs in a folder of its own, so a relative path would lead
/// elsewhere.
fn is_folder(path: &Path) -> bool {
    path.is_absolute() && path.is_dir()
}

/// The sentence about a missing folder and the tools that need it.
pub fn missing(path: &str, tools: &str) -> String {
    format!("there is no folder `{path}` here, so {tools} cannot be used until there is")
}

impl Host {
    /// The folders that a tool needs and that are not here now, each once: its `cwd`, those that
    /// paths must stay `within`, and those that a word of its command begins with.
    pub fn missing_folders(&self, tool: &Tool) -> Vec<MissingFolder> {
        let mut missing: Vec<MissingFolder> = Vec::new();
        let commands = tool.run.commands();
        let whole = commands
            .iter()
            .filter_map(|command| command.cwd.as_ref())
            .chain(tool.arguments.values().filter_map(|it| it.within.as_ref()))
            .map(|text| (text, text.parts.as_slice(), is_folder as fn(&Path) -> bool));
        let begun = commands
            .iter()
            .flat_map(|command| &command.words)
            .flat_map(CommandWord::templates)
            // What a word says behind the name may be a file, or something that is made there.
            .filter_map(|text| {
                Some((
                    text,
                    text.parts.get(..1)?,
                    Path::exists as fn(&Path) -> bool,
                ))
            })
            .filter(|(_, parts, _)| self.is_absolute(parts));
        for (text, parts, is_here) in whole.chain(begun) {
            let Some(path) = self.expanded(parts) else {
                continue;
            };
            if !is_here(Path::new(&path)) && missing.iter().all(|one| one.path != path) {
                let name = parts.iter().find_map(as_env);
                missing.push(MissingFolder {
                    help: self.way_to_a_folder(name, Path::new(&path).is_absolute()),
                    place: text.place.clone(),
                    path,
                });
            }
        }
        missing
    }

    /// Where the path of a missing folder comes from, and what to do about it.
    fn way_to_a_folder(&self, name: Option<&EnvName>, is_absolute: bool) -> String {
        match name {
            Some(name) if !is_absolute => {
                format!("a path must begin with `/`: `export {name}=…` with an absolute one")
            }
            None if !is_absolute => "a path must begin with `/` in the tool's file".to_owned(),
            None => "make it, or name another one in the tool's file".to_owned(),
            Some(name) if self.is_default(name) => format!(
                "`{name}` is not set, so its default is used: `export {name}=…` with the folder's \
                 path, or make it"
            ),
            Some(name) => format!(
                "it is what `{name}` is set to: `export {name}=…` with another path, or make it"
            ),
        }
    }

    /// The text with the values of this machine; nothing where it depends on the call.
    fn expanded(&self, parts: &[Part]) -> Option<String> {
        let parts = parts.iter().map(|part| match part {
            Part::Literal(text) => Some(text.as_str()),
            Part::Env(name) => self.env(name),
            _ => None,
        });
        parts.collect()
    }

    /// Whether it begins with a value that is an absolute path: any other value of a word may be an
    /// address or a name.
    fn is_absolute(&self, parts: &[Part]) -> bool {
        let value = parts.first().and_then(as_env).and_then(|it| self.env(it));
        value.is_some_and(|value| value.starts_with('/'))
    }
}

fn as_env(part: &Part) -> Option<&EnvName> {
    match part {
        Part::Env(name) => Some(name),
        _ => None,
    }
}
