//! From what is known of the rules to findings.

use std::collections::{BTreeMap, BTreeSet};

use super::survey::{Fact, Kind, List, Survey, of_policy, of_tool, searched};
use crate::analysis::expression::TooLarge;
use crate::analysis::language::{Language, explored};
use crate::analysis::line::{Element, Line};
use crate::analysis::search::Machine;
use crate::analysis::track::{Patterns, Track};
use crate::analysis::vocabulary::{Test, Vocabulary};
use crate::analysis::witness::written;
use crate::config::Config;
use crate::config::name::ToolName;
use crate::config::tool::{Rule, Tool};
use crate::diagnostic::{Diagnostic, listed};
use crate::policy::{Reason, Request, decide_for};

/// What is known of the rules of one list: for each tool that meets it, its name and its facts.
struct Known<'a> {
    config: &'a Config,
    list: List<'a>,
    tools: Vec<(&'a ToolName, &'a Survey)>,
}

/// Everything that the surveys say of the rules.
pub(super) fn report(config: &Config, surveys: &BTreeMap<ToolName, Survey>) -> Vec<Diagnostic> {
    let mut all: Vec<Known<'_>> = Vec::new();
    for (name, tool) in config.tools() {
        let tools = || surveys.get_key_value(name).into_iter().collect();
        all.extend(of_tool(tool).into_iter().map(|list| Known {
            config,
            list,
            tools: tools(),
        }));
    }
    for policy in config.policies().values() {
        let selected = config
            .tools()
            .iter()
            .filter(|(_, tool)| policy.applies_to.selects(tool));
        let tools: Option<Vec<_>> = selected
            .map(|(name, _)| surveys.get_key_value(name))
            .collect();
        // What is not known of one tool is not known of the policy.
        if let Some(tools) = tools {
            all.extend(of_policy(policy).into_iter().map(|list| Known {
                config,
                list,
                tools: tools.clone(),
            }));
        }
    }
    all.iter().flat_map(Known::report).collect()
}

/// That a tool could not be surveyed.
pub(super) fn undone(tool: &Tool, what: &str) -> Diagnostic {
    Diagnostic::info(
        "lint-undone",
        tool.places.file.clone(),
        format!(
            "the rules that `{}` meets were not searched for those that say nothing: {what} needs more \
             states than are looked at",
            tool.name
        ),
    )
    .help("bound what is named there: a class in place of `.`, fewer alternatives, `max`")
}

impl Known<'_> {
    fn report(&self) -> Vec<Diagnostic> {
        if self.tools.is_empty() {
            return Vec::new();
        }
        let rules = self.list.rules.iter().enumerate();
        rules
            .filter_map(|(number, rule)| self.of_rule(number, rule))
            .collect()
    }

    fn facts(&self, rule: &Rule) -> Vec<&Fact> {
        let facts = self.tools.iter();
        facts
            .filter_map(|(_, survey)| survey.get(rule.id.as_str()))
            .collect()
    }

    /// The one thing that is most worth saying of a rule.
    fn of_rule(&self, number: usize, rule: &Rule) -> Option<Diagnostic> {
        let facts = self.facts(rule);
        if facts.is_empty() {
            return None;
        }
        if facts.iter().all(|fact| fact.met.is_none()) {
            return Some(if accepts_nothing(rule) == Ok(true) {
                nothing(rule)
            } else {
                self.idle(rule)
            });
        }
        let earlier = self.list.rules.iter().take(number);
        if let Some(same) = earlier.copied().find(|other| self.is_same(&facts, other)) {
            return Some(identical(rule, same));
        }
        // The later of two that say the same is told, and may go.
        let mut later = self.list.rules.iter().skip(number + 1);
        if self.list.kind == Kind::Deny && later.any(|other| self.is_same(&facts, other)) {
            return None;
        }
        match self.list.kind {
            Kind::Deny if facts.iter().all(|fact| fact.met.is_none() || !fact.alone) => {
                Some(self.covered(rule, &facts))
            }
            Kind::Allow if facts.iter().all(|fact| !fact.fires) => Some(self.never(rule, &facts)),
            Kind::Allow if self.list.rules.len() > 1 && facts.iter().all(|fact| !fact.misses) => {
                Some(swallowing(rule))
            }
            _ => None,
        }
    }

    /// Whether a rule says the same as another for every tool that meets any of the two.
    fn is_same(&self, facts: &[&Fact], other: &Rule) -> bool {
        let name = other.id.as_str();
        let others = self.facts(other);
        facts.iter().zip(&others).all(|(fact, other)| {
            fact.same.contains(name) || fact.met.is_none() && other.met.is_none()
        })
    }

    /// The tools that meet the rule, for a message.
    fn of_tools(&self) -> String {
        let tools = self.tools.iter().map(|(name, _)| name.as_str());
        match self.list.parameter {
            Some(parameter) => format!("no value of `{parameter}`"),
            None => format!("no command line of {}", listed(tools, "and")),
        }
    }

    fn idle(&self, rule: &Rule) -> Diagnostic {
        let does = match self.list.kind {
            Kind::Allow => "allows",
            Kind::Ask => "asks about",
            Kind::Deny => "denies",
        };
        let message = format!(
            "`{}` {does} nothing: {} could be like that, even without any rule",
            rule.id,
            self.of_tools()
        );
        let code = match self.list.kind {
            Kind::Allow => "idle-allow",
            Kind::Ask | Kind::Deny => "idle-rule",
        };
        Diagnostic::warning(code, rule.place.clone(), message).help(
            "look for a misspelt word, and for the words that the template forces into every line; \
             `tolkien check` prints whole lines",
        )
    }

    /// An `allow` whose lines are all denied.
    fn never(&self, rule: &Rule, facts: &[&Fact]) -> Diagnostic {
        let message = format!(
            "`{}` lets nothing through: everything that it matches is denied",
            rule.id
        );
        let found = Diagnostic::warning("idle-allow", rule.place.clone(), message);
        let stopped = self.tools.iter().zip(facts).find_map(|((tool, _), fact)| {
            let tool = self.config.tool(tool.as_str())?;
            let input = fact.met.as_ref()?.input.as_ref()?;
            let request = Request {
                tool: tool.name.as_str(),
                input,
            };
            let verdict = decide_for(self.config, request, None);
            let line = verdict.command_line();
            let Reason { rule, place, .. } = verdict.reason().clone();
            Some((line.unwrap_or_else(|| written(tool, input)), rule, place))
        });
        let found = match &stopped {
            Some((line, rule, Some(place))) => {
                found.label(place.clone(), format!("`{line}` is denied by `{rule}`"))
            }
            _ => found,
        };
        found.help("remove it, or mend the rule that denies what it is for")
    }

    fn covered(&self, rule: &Rule, facts: &[&Fact]) -> Diagnostic {
        let met = || facts.iter().filter(|fact| fact.met.is_some());
        let within = met().map(|fact| &fact.within).cloned();
        let within: BTreeSet<String> = within
            .reduce(|all, within| &all & &within)
            .unwrap_or_default();
        let by = match within.iter().next() {
            Some(other) => format!("`{other}`"),
            None => "the other rules of its list together".to_owned(),
        };
        let message = format!("everything that `{}` denies is denied by {by} too", rule.id);
        let found = Diagnostic::info("covered-deny", rule.place.clone(), message);
        let wider = self
            .list
            .rules
            .iter()
            .find(|other| within.first().is_some_and(|id| id == other.id.as_str()));
        let found = match wider {
            Some(wider) => found.label(wider.place.clone(), "this rule denies all of it"),
            None => found,
        };
        found
            .help("keep it where its reason is worth telling; otherwise one rule is easier to read")
    }
}

fn nothing(rule: &Rule) -> Diagnostic {
    Diagnostic::warning(
        "matches-nothing",
        rule.place.clone(),
        format!("`{}` matches nothing at all", rule.id),
    )
    .help(
        "no word can match one of its expressions: look for a class without characters, a boundary \
         that cannot stand there, or a `max` that is too short",
    )
}

fn identical(rule: &Rule, same: &Rule) -> Diagnostic {
    Diagnostic::warning(
        "identical-rules",
        rule.place.clone(),
        format!("`{}` says the same as `{}`", rule.id, same.id),
    )
    .label(same.place.clone(), "first here")
    .help("remove one of them")
}

fn swallowing(rule: &Rule) -> Diagnostic {
    Diagnostic::warning(
        "swallowing-allow",
        rule.place.clone(),
        format!(
            "`{}` allows everything, so that the other rules of its list say nothing",
            rule.id
        ),
    )
    .help("remove it, or remove the others: `allow: ['**']` by itself says that anything is meant")
}

/// Whether a pattern matches no list of words, whatever the words.
fn accepts_nothing(rule: &Rule) -> Result<bool, TooLarge> {
    let mut vocabulary = Vocabulary::default();
    let mut patterns = Patterns::new();
    vocabulary.rule(rule, &mut patterns)?;
    let anything = Element::Splice {
        parameter: String::new(),
        item: Test::ALWAYS,
        rules: None,
        least: 0,
        most: None,
        may_be_absent: true,
    };
    let language = Language {
        lines: vec![(String::new(), vec![anything])],
        opaque: BTreeSet::new(),
    };
    let words = explored(&vocabulary, [&language])?;
    let lines = language.lines.into_iter();
    for (_, elements) in lines {
        let mut machines = [
            Machine::Line(Line::new(elements)),
            Machine::Patterns(Track::new(patterns.clone())),
        ];
        let found = searched(&mut machines, &words, &super::question::Question::Matched)?;
        if !found.paths.is_empty() {
            return Ok(false);
        }
    }
    Ok(true)
}
