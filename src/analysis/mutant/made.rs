//! Making mutants: which rules can be weaker, and how.

use std::sync::Arc;

use serde_json::Value;

use crate::call::Call;
use crate::config::Config;
use crate::config::policy::{AskRule, Policy};
use crate::config::tool::{ArgumentRules, Case, DEFAULT_ARGUMENT_MAX, Rule, Tool};
use crate::diagnostic::Place;
use crate::pattern::{Pattern, Weaker};
use crate::policy::{self, Decision};

/// One rule made weaker.
#[derive(Clone)]
pub(super) struct Mutant<'a> {
    pub(super) home: Home<'a>,
    pub(super) what: What<'a>,
}

/// Where a rule is written.
#[derive(Clone, Copy)]
pub(super) enum Home<'a> {
    /// At a parameter of a tool.
    Parameter(&'a Arc<Tool>, &'a str, &'a ArgumentRules),
    /// In a policy.
    Policy(&'a Policy),
}

/// What is made weaker.
#[derive(Clone)]
pub(super) enum What<'a> {
    /// A rule that stops calls, with what is left of its pattern.
    Rule {
        rule: &'a Rule,
        /// What it answers.
        answer: Decision,
        /// None where the whole rule is gone.
        left: Option<Weaker<Arc<Pattern>>>,
    },
    /// All that a policy allows: it bounds nothing any more.
    Allows(&'a [Rule]),
    /// `max` of a parameter.
    Max,
    /// `within` of a parameter.
    Within(&'a Place),
}

/// Every mutant of a configuration.
pub(super) fn all(config: &Config) -> Vec<Mutant<'_>> {
    let mut all = Vec::new();
    for tool in config.tools().values() {
        for (name, rules) in &tool.arguments {
            let home = Home::Parameter(tool, name, rules);
            for rule in &rules.deny {
                of_rule(home, rule, Decision::Deny, &mut all);
            }
            // Without a longer one than the default less is let through: that is no weaker rule.
            if rules.max < DEFAULT_ARGUMENT_MAX {
                all.push(Mutant {
                    home,
                    what: What::Max,
                });
            }
            if let Some(within) = &rules.within {
                let what = What::Within(&within.place);
                all.push(Mutant { home, what });
            }
        }
    }
    for policy in config.policies().values() {
        let applies_to = &policy.applies_to;
        // A case speaks of nobody in particular, so that none meets a policy for some callers.
        if applies_to.roles.is_some() || applies_to.channels.is_some() {
            continue;
        }
        let home = Home::Policy(policy);
        for rule in &policy.deny {
            of_rule(home, rule, Decision::Deny, &mut all);
        }
        for ask in &policy.ask {
            of_rule(home, &ask.rule, Decision::Ask, &mut all);
        }
        if let Some(allow) = &policy.allow {
            let what = What::Allows(allow);
            all.push(Mutant { home, what });
        }
    }
    all
}

/// A rule gone, and without each of its alternatives.
fn of_rule<'a>(home: Home<'a>, rule: &'a Rule, answer: Decision, all: &mut Vec<Mutant<'a>>) {
    let left = rule.pattern.weaker().into_iter();
    let left = left.map(|weaker| Some(weaker.within(Arc::new)));
    all.extend([None].into_iter().chain(left).map(|left| Mutant {
        home,
        what: What::Rule { rule, answer, left },
    }));
}

impl Mutant<'_> {
    /// Where what is weaker is written.
    pub(super) fn place(&self) -> &Place {
        match (&self.what, self.home) {
            (What::Rule { rule, .. }, _) => &rule.place,
            (What::Within(place), _) => place,
            (What::Allows(allow), Home::Policy(policy)) => {
                allow.first().map_or(&policy.place, |rule| &rule.place)
            }
            (What::Allows(_) | What::Max, Home::Parameter(_, _, rules)) => &rules.place,
            (What::Max, Home::Policy(policy)) => &policy.place,
        }
    }

    /// The tools whose calls it may change.
    pub(super) fn tools<'c>(&self, config: &'c Config) -> Vec<&'c Arc<Tool>> {
        let touches = |tool: &&Arc<Tool>| match self.home {
            Home::Parameter(own, ..) => own.name == tool.name,
            Home::Policy(policy) => policy.applies_to.selects(tool),
        };
        config.tools().values().filter(touches).collect()
    }

    /// The configuration with it.
    pub(super) fn config(&self, config: &Config) -> Config {
        match self.home {
            Home::Parameter(tool, name, rules) => config.with_tool(self.tool(tool, name, rules)),
            Home::Policy(policy) => config.with_policy(self.policy(policy)),
        }
    }

    /// Its tool with it.
    pub(super) fn tool(&self, tool: &Tool, name: &str, rules: &ArgumentRules) -> Tool {
        let mut rules = match &self.what {
            What::Rule { rule, left, .. } => {
                let deny = without(rules.deny.iter(), rule, left.as_ref());
                rules.with(deny, rules.allow.clone())
            }
            What::Allows(_) | What::Max | What::Within(_) => rules.clone(),
        };
        match self.what {
            What::Max => rules.max = DEFAULT_ARGUMENT_MAX,
            What::Within(_) => rules.within = None,
            What::Rule { .. } | What::Allows(_) => {}
        }
        let mut tool = tool.clone();
        tool.arguments.insert(name.to_owned(), rules);
        tool
    }

    fn policy(&self, policy: &Policy) -> Policy {
        let mut policy = policy.clone();
        match &self.what {
            What::Rule { rule, left, .. } => {
                policy.deny = without(policy.deny.iter(), rule, left.as_ref());
                let asks = std::mem::take(&mut policy.ask).into_iter();
                let asks = asks.filter_map(|ask| {
                    let rule = without([&ask.rule], rule, left.as_ref()).pop()?;
                    Some(AskRule { rule, ..ask })
                });
                policy.ask = asks.collect();
            }
            What::Allows(_) => policy.allow = None,
            What::Max | What::Within(_) => {}
        }
        policy
    }

    /// Whether a case could be decided otherwise: what only matches less touches only what it matched.
    pub(super) fn may_touch(&self, config: &Config, tool: &Arc<Tool>, case: &Case) -> bool {
        let What::Rule { rule, left, .. } = &self.what else {
            return true;
        };
        let Ok(input) = policy::input(tool, &case.input) else {
            return false;
        };
        let matches = |words: &[String]| {
            let kept = left
                .as_ref()
                .is_some_and(|weaker| weaker.left.matches(words));
            rule.pattern.matches(words) && !kept
        };
        match self.home {
            Home::Parameter(tool, name, _) => {
                let parameter = tool.input.parameters.get(name);
                let default = parameter.and_then(|parameter| parameter.default.as_ref());
                match input.get(name).or(default) {
                    Some(Value::String(text)) => matches(std::slice::from_ref(text)),
                    Some(Value::Array(items)) => {
                        let items = items.iter().filter_map(Value::as_str);
                        matches(&items.map(str::to_owned).collect::<Vec<_>>())
                    }
                    _ => false,
                }
            }
            Home::Policy(_) => {
                let call = Call::parse(tool, &input, config.prompts());
                call.is_ok_and(|call| call.lines().iter().any(|line| matches(line)))
            }
        }
    }
}

/// Rules with what is left of one of them.
fn without<'r>(
    rules: impl IntoIterator<Item = &'r Rule>,
    weaker: &Rule,
    left: Option<&Weaker<Arc<Pattern>>>,
) -> Vec<Rule> {
    let rules = rules.into_iter().filter_map(|rule| {
        if rule.id != weaker.id {
            return Some(rule.clone());
        }
        Some(Rule {
            pattern: Arc::clone(&left?.left),
            ..rule.clone()
        })
    });
    rules.collect()
}
