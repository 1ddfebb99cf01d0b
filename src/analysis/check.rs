//! What the analysis says of a configuration as findings: every invariant is proved, or a reader is
//! told which command line breaks it, why nobody knows, or that it says nothing.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::cache::{Cache, Content};
use super::cores;
use super::invariant::{Effort, Outcome, Proof, prove_tool};
use super::lint::lint;
use super::witness::allowing;
use crate::config::name::ToolName;
use crate::config::tool::{Rule, Tool};
use crate::config::{Config, Loaded, Origin, Overrides, RootError};
use crate::diagnostic::{self, Diagnostic, Severity, Source, listed};
use crate::policy;

/// How much is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Thoroughness {
    /// What a configuration needs to be valid: its cases hold, and its invariants are proved.
    Valid,
    /// The lints too, none of which makes a configuration invalid.
    Linted,
}

/// Reads and checks a whole root, runs its cases and proves its invariants, but for what the cache
/// knows.
pub fn load(
    origin: impl Into<Origin>,
    overrides: Overrides,
    thoroughness: Thoroughness,
    cache: &Cache,
) -> Result<Loaded, RootError> {
    let mut loaded = policy::load(origin, overrides)?;
    if let Some(config) = &loaded.config {
        let contents = Content::of_all(config, &loaded.sources);
        let known = Known { cache, contents };
        let found = check(config, thoroughness, &known);
        if found.iter().any(|found| found.severity == Severity::Error) {
            loaded.config = None;
        }
        loaded.diagnostics.extend(found);
        diagnostic::sort(&mut loaded.diagnostics);
    }
    Ok(loaded)
}

/// What was proved of every invariant of a configuration that was read from these sources, tool by tool,
/// but for what the cache knows: after [`load`] with the same cache it knows all of it.
pub fn proofs(config: &Config, sources: &[Source], cache: &Cache) -> Vec<Proof> {
    let contents = Content::of_all(config, sources);
    Known { cache, contents }.all(config)
}

/// What is known of the tools of a configuration.
pub(super) struct Known<'a> {
    cache: &'a Cache,
    contents: BTreeMap<ToolName, Content>,
}

impl Known<'_> {
    /// The answer to a question about a tool, found out where it is not known.
    pub(super) fn answer<T: Serialize + DeserializeOwned, E>(
        &self,
        question: &str,
        tool: &Tool,
        find: impl FnOnce() -> Result<T, E>,
    ) -> Result<T, E> {
        match self.contents.get(&tool.name) {
            Some(content) => self.cache.answer(question, content, find),
            None => find(),
        }
    }

    /// Every proof, tool by tool.
    fn all(&self, config: &Config) -> Vec<Proof> {
        let tools: Vec<&Arc<Tool>> = config.tools().values().collect();
        cores::map(&tools, |tool| self.proofs(config, tool)).concat()
    }

    fn proofs(&self, config: &Config, tool: &Arc<Tool>) -> Vec<Proof> {
        let found = self.answer("proofs", tool, || -> Result<_, Infallible> {
            let proofs = prove_tool(config, tool).into_iter();
            let outcomes =
                proofs.map(|proof| (proof.rule.id.to_string(), proof.outcome, proof.effort));
            Ok(outcomes.collect::<Vec<(String, Outcome, Effort)>>())
        });
        let Ok(outcomes) = found;
        let policies = config
            .selection(&tool.name)
            .map_or(&[][..], |selection| &selection.policies);
        let rules: BTreeMap<&str, &Rule> = policies
            .iter()
            .flat_map(|policy| &policy.never)
            .map(|rule| (rule.id.as_str(), rule))
            .collect();
        let whole = outcomes.len() == rules.len()
            && outcomes
                .iter()
                .all(|(id, ..)| rules.contains_key(id.as_str()));
        if !whole {
            // Somebody else's entry: what is not about these rules says nothing of them.
            return prove_tool(config, tool);
        }
        let proofs = outcomes.into_iter().filter_map(|(id, outcome, effort)| {
            Some(Proof {
                tool: Arc::clone(tool),
                rule: (*rules.get(id.as_str())?).clone(),
                outcome,
                effort,
            })
        });
        proofs.collect()
    }
}

/// Everything that the analysis finds in a configuration.
fn check(config: &Config, thoroughness: Thoroughness, known: &Known<'_>) -> Vec<Diagnostic> {
    let proofs = known.all(config);
    let policies = config.policies().values();
    let invariants = policies.flat_map(|policy| &policy.never);
    let found = invariants.flat_map(|rule| {
        let about = proofs.iter().filter(|proof| proof.rule.id == rule.id);
        let about: Vec<&Proof> = about.collect();
        invariant(rule, &about)
    });
    let mut found: Vec<Diagnostic> = found.collect();
    if thoroughness == Thoroughness::Linted {
        found.extend(lint(config, known));
    }
    found
}

/// What there is to say of one invariant, proof by proof.
fn invariant(rule: &Rule, proofs: &[&Proof]) -> Vec<Diagnostic> {
    if !proofs.is_empty() && proofs.iter().all(|proof| proof.outcome == Outcome::Idle) {
        return vec![idle(rule, proofs)];
    }
    let found = proofs.iter().filter_map(|proof| match &proof.outcome {
        Outcome::Proved | Outcome::Idle => None,
        Outcome::Violated {
            input,
            command_line,
        } => Some(violated(rule, proof, input, command_line)),
        Outcome::Undecided(why) => Some(undecided(rule, proof, why)),
    });
    found.collect()
}

fn violated(
    rule: &Rule,
    proof: &Proof,
    input: &serde_json::Value,
    command_line: &str,
) -> Diagnostic {
    let tool = &proof.tool;
    let line = command_line.replace('\n', "; ");
    let message = format!(
        "`{line}` is let through, and `{}` says it never is",
        rule.id
    );
    let found = Diagnostic::error("invariant-violated", rule.place.clone(), message);
    let found = match allowing(tool, input) {
        Some(allow) => found.label(
            allow.place.clone(),
            format!("let through by `{}`", allow.id),
        ),
        None => found.label(
            tool.places.run.clone(),
            format!("no rule of `{}` bounds it", tool.name),
        ),
    };
    let because = rule.because.as_ref();
    let because = because.map_or_else(String::new, |because| format!("; {because}"));
    found.help(format!(
        "deny it in a rule, or let the invariant say only what is meant{because}"
    ))
}

fn undecided(rule: &Rule, proof: &Proof, why: &str) -> Diagnostic {
    Diagnostic::error(
        "invariant-undecided",
        rule.place.clone(),
        format!(
            "`{}` is not decided for the tool `{}`: {why}",
            rule.id, proof.tool.name
        ),
    )
    .label(
        proof.tool.places.file.clone(),
        format!("the tool `{}`", proof.tool.name),
    )
    .help(
        "what is named there costs it: bound it (a class in place of `.`, fewer alternatives, `max`), \
         or name fewer tools in `applies_to`; until then it fails like a violation",
    )
}

fn idle(rule: &Rule, proofs: &[&Proof]) -> Diagnostic {
    let tools = proofs.iter().map(|proof| proof.tool.name.as_str());
    Diagnostic::error(
        "idle-invariant",
        rule.place.clone(),
        format!(
            "`{}` says nothing: no command line of {} could be one of these, even without any rule",
            rule.id,
            listed(tools, "and")
        ),
    )
    .help(
        "look for a misspelt word, and for the words that the template forces into every line; \
         `tolkien check` prints whole lines",
    )
}
