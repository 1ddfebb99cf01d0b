//! What the kernel is asked to hold, in the words of the configuration.

use serde::Serialize;

use crate::config::template::Template;
use crate::config::tool::{Enforcement, SYSTEM, Sandbox, Tool};

/// The sandbox of one program.
#[derive(Debug, Serialize)]
pub(super) struct SandboxView {
    require: &'static str,
    lists: Vec<List>,
}

/// One of its lists.
#[derive(Debug, Serialize)]
struct List {
    key: &'static str,
    /// What is in it; absent where it restricts nothing.
    items: Option<Vec<String>>,
}

impl SandboxView {
    /// The sandbox of a program of this tool.
    pub(super) fn new(tool: &Tool, sandbox: &Sandbox) -> Self {
        let texts = |list: &Option<Vec<Template>>| -> Option<Vec<String>> {
            let list = list.as_ref()?;
            Some(list.iter().map(|path| path.text.clone()).collect())
        };
        let within = tool
            .arguments
            .values()
            .filter_map(|rules| rules.within.as_ref());
        let within: Vec<String> = within.map(|folder| folder.text.clone()).collect();
        let mut read = texts(&sandbox.read);
        if !within.is_empty() {
            // As `docs/sandbox.md` has it: the folder is readable whatever the list says.
            let read = read.get_or_insert_with(|| vec![SYSTEM.to_owned()]);
            read.extend(within);
            read.dedup();
        }
        let connect = sandbox.connect.as_ref();
        let connect = connect.map(|ports| ports.iter().map(ToString::to_string).collect());
        let list = |key, items| List { key, items };
        Self {
            require: match sandbox.enforcement() {
                Enforcement::Full => "full",
                Enforcement::BestEffort => "best-effort",
                Enforcement::Off => "off",
            },
            lists: vec![
                list("read", read),
                list("write", texts(&sandbox.write)),
                list("exec", texts(&sandbox.exec)),
                list("connect", connect),
            ],
        }
    }
}
