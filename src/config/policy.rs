//! A policy, checked: rules over the command lines of the tools that it selects.

mod read;

use serde::{Deserialize, Serialize};

use super::content::Content;
use super::name::{PolicyName, RoleName};
use super::tool::{Case, Effect, Rule, Tool};
use crate::diagnostic::Place;

pub(crate) use read::{check_globs, read, read_names};

/// The door through which a call came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Channel {
    /// The HTTP API, the REPL included.
    Api,
    /// Telegram.
    Telegram,
    /// MCP.
    Mcp,
    /// The command line on the same machine.
    Local,
}

impl Channel {
    /// The word in files and prompts.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Api => "api",
            Self::Telegram => "telegram",
            Self::Mcp => "mcp",
            Self::Local => "local",
        }
    }

    /// The words that files use, with what they mean.
    pub(crate) const WORDS: [(&'static str, Self); 4] = [
        ("api", Self::Api),
        ("telegram", Self::Telegram),
        ("mcp", Self::Mcp),
        ("local", Self::Local),
    ];
}

/// A policy, checked.
#[derive(Debug, Clone)]
pub struct Policy {
    /// The stem of its file.
    pub name: PolicyName,
    /// What it is for.
    pub description: Option<String>,
    /// Which calls it speaks about.
    pub applies_to: Selector,
    /// A call that one of them matches does not run.
    pub deny: Vec<Rule>,
    /// A call that one of them matches waits for an approval.
    pub ask: Vec<AskRule>,
    /// When given, a call that none of them matches does not run; they never grant anything.
    pub allow: Option<Vec<Rule>>,
    /// What a read answers where this policy applies.
    pub read_effect: Option<EffectAnswer>,
    /// What a write answers where this policy applies.
    pub write_effect: Option<EffectAnswer>,
    /// Applied to the output of the selected tools.
    pub redact: Vec<Redaction>,
    /// Invariants over every command line that a selected tool lets through.
    pub never: Vec<Rule>,
    /// Its cases.
    pub tests: Vec<Case>,
    /// Where it is written.
    pub place: Place,
    /// What its file says.
    pub(crate) content: Content,
}

/// Which calls a policy speaks about; every part that is given must hold.
#[derive(Debug, Clone, Default)]
pub struct Selector {
    /// Globs over tool names; absent means all.
    pub tools: Option<Vec<String>>,
    /// Effects; absent means both.
    pub effects: Option<Vec<Effect>>,
    /// Roles; absent means all.
    pub roles: Option<Vec<RoleName>>,
    /// Channels; absent means all.
    pub channels: Option<Vec<Channel>>,
}

impl Selector {
    /// Whether it speaks about a tool for some role and channel.
    pub fn selects(&self, tool: &Tool) -> bool {
        self.tools.as_ref().is_none_or(|globs| {
            globs
                .iter()
                .any(|glob| glob_matches(glob, tool.name.as_str()))
        }) && self
            .effects
            .as_ref()
            .is_none_or(|effects| effects.contains(&tool.effect))
    }

    /// Whether it speaks about calls of this role through this channel.
    pub fn applies(&self, role: &RoleName, channel: Channel) -> bool {
        self.roles.as_ref().is_none_or(|roles| roles.contains(role))
            && self
                .channels
                .as_ref()
                .is_none_or(|channels| channels.contains(&channel))
    }
}

/// Whether a glob covers a name; `*` stands for any run of characters, everything else for itself.
pub fn glob_matches(glob: &str, name: &str) -> bool {
    let mut parts = glob.split('*');
    let Some(mut rest) = parts.next().and_then(|head| name.strip_prefix(head)) else {
        return false;
    };
    let mut parts: Vec<&str> = parts.collect();
    let Some(tail) = parts.pop() else {
        return rest.is_empty();
    };
    for part in parts {
        match rest.find(part).and_then(|at| rest.get(at + part.len()..)) {
            Some(after) => rest = after,
            None => return false,
        }
    }
    rest.ends_with(tail)
}

/// Whether a host is one that `hosts` lists: exactly, or below a `*.domain`.
pub fn host_matches(listed: &str, host: &str) -> bool {
    match listed.strip_prefix('*') {
        // The dot stays, so that `*.example.org` does not cover `badexample.org`.
        Some(suffix) => host.len() > suffix.len() && host.ends_with(suffix),
        None => host == listed,
    }
}

/// An `ask` rule, with who may answer it.
#[derive(Debug, Clone)]
pub struct AskRule {
    /// The rule.
    pub rule: Rule,
    /// Roles that alone may approve; absent means every role that may approve at all.
    pub approvers: Option<Vec<RoleName>>,
}

/// What an effect answers; the strictest of several counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum EffectAnswer {
    /// Runs at once.
    Allow,
    /// Waits for an approval.
    Ask,
    /// Does not run.
    Deny,
}

/// A shape that is replaced in outputs.
#[derive(Debug, Clone)]
pub struct Redaction {
    /// Searched in the output.
    pub expression: regex::Regex,
    /// What stands there instead; `$1` refers to a group.
    pub replace: String,
    /// Where it is written.
    pub place: Place,
}

#[cfg(test)]
mod tests {
    use super::glob_matches;

    #[test]
    fn a_star_in_a_glob_stands_for_any_run_of_characters() {
        for (glob, name, expected) in [
            ("*", "kubectl", true),
            ("kubectl*", "kubectl", true),
            ("kubectl*", "kubectl_admin", true),
            ("docs_*", "repo_read", false),
            ("*_read", "docs_read", true),
            ("d*s_r*d", "docs_read", true),
            ("kubectl", "kubectl_admin", false),
            ("a*a", "a", false),
        ] {
            assert_eq!(glob_matches(glob, name), expected, "{glob} on {name}");
        }
    }
}
