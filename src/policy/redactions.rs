//! Which redactions apply to what a call writes and to what is written about it.

use std::sync::Arc;

use crate::call::Caller;
use crate::config::Config;
use crate::config::policy::{Policy, Redaction};

/// The redactions of every policy that speaks about a call, added up. They travel with its permit,
/// so that nothing can run without them.
#[derive(Debug, Clone, Default)]
pub struct Redactions {
    policies: Vec<Arc<Policy>>,
}

impl Redactions {
    /// Every rule, by policy and then as written.
    pub fn rules(&self) -> impl Iterator<Item = &Redaction> {
        self.policies.iter().flat_map(|policy| &policy.redact)
    }
}

/// The redactions for a call of a tool. A tool that does not exist is covered by those of all tools:
/// its name is the model's own text.
pub fn redactions(config: &Config, tool: &str, caller: Option<&Caller>) -> Redactions {
    let known = config.tool(tool);
    let speaks = |policy: &&Arc<Policy>| {
        let selector = &policy.applies_to;
        known.is_none_or(|tool| selector.selects(tool))
            && caller.is_none_or(|caller| selector.applies(&caller.role, caller.channel))
    };
    let policies = config.policies().values();
    Redactions {
        policies: policies
            .filter(|policy| !policy.redact.is_empty())
            .filter(speaks)
            .cloned()
            .collect(),
    }
}
