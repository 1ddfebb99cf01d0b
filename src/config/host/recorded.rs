//! A host on which tools answer what was recorded of them, for `tolkien eval`.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::Host;
use crate::config::Config;
use crate::config::name::{EnvName, ToolName};
use crate::config::scenario::Recording;

impl Host {
    /// Looks for what a configuration names, with these values in place of this machine's environment.
    pub fn probe_in(config: &Config, environment: &BTreeMap<EnvName, String>) -> Self {
        Self::probe_with(config, &|name| environment.get(name).cloned())
    }

    /// The same, where each tool with a recording answers with one instead of running. Such a tool
    /// lacks nothing.
    #[must_use]
    pub fn playing(mut self, recordings: Arc<[Recording]>) -> Self {
        self.recordings = recordings;
        let recorded: Vec<ToolName> = self.disabled.keys().cloned().collect();
        for tool in recorded
            .iter()
            .filter(|tool| self.is_recorded(tool))
            .collect::<Vec<_>>()
        {
            self.disabled.remove(tool);
        }
        self
    }

    /// Whether a tool answers what was recorded.
    pub fn is_recorded(&self, tool: &ToolName) -> bool {
        let of = |recording: &Recording| recording.calls.tool.as_ref() == Some(tool);
        self.recordings.iter().any(of)
    }

    /// What was recorded of a call with these lines; the first that fits.
    pub fn recording(&self, tool: &ToolName, lines: &[Vec<String>]) -> Option<&Recording> {
        let fits = |recording: &&Recording| recording.calls.take(tool.as_str(), lines);
        self.recordings.iter().find(fits)
    }
}
