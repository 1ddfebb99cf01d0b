//! The order of a decision, fail closed at every step.
//!
//! Strictest wins: deny over ask over allow, without priorities and without exceptions to a deny.
//! Of several rules that answer the same, the first is reported in the order input, parameter,
//! policies by name, effect.

use serde_json::Value;

use super::redactions::redactions;
use super::verdict::{Decision, Pending, Permit, Reason, Refusal, Verdict};
use crate::call::{Call, Caller};
use crate::config::name::{RoleName, RuleId};
use crate::config::policy::{EffectAnswer, Policy, glob_matches};
use crate::config::settings::Role;
use crate::config::tool::{Effect, Rule, Tool};
use crate::config::{Config, Selection};
use crate::diagnostic::suggestion;

/// A call as it was asked for, before anything about it was checked.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// The tool's name as asked for.
    pub tool: &'a str,
    /// The input as asked for.
    pub input: &'a Value,
}

/// Decides one call; what it cannot judge it denies.
pub fn decide(config: &Config, request: Request<'_>, caller: &Caller) -> Verdict {
    decide_for(config, request, Some(caller))
}

/// Decides one call for a caller, or for nobody in particular: cases speak of what holds for every
/// role and channel.
pub(crate) fn decide_for(
    config: &Config,
    request: Request<'_>,
    caller: Option<&Caller>,
) -> Verdict {
    let Some(tool) = config.tool(request.tool) else {
        return unknown_tool(config, request.tool, caller);
    };
    if let Some(caller) = caller
        && let Err(reason) = role_may_use(config, tool, &caller.role)
    {
        return refuse(reason, None, Vec::new());
    }
    let call = match Call::parse(tool, request.input, config.prompts()) {
        Ok(call) => call,
        Err(violation) => {
            let reason = Reason {
                rule: violation.rule,
                because: violation.because,
                place: Some(violation.place),
            };
            return refuse(reason, None, violation.usage);
        }
    };
    let answer = match config.selection(&tool.name) {
        Some(selection) => judge(&call, selection, caller),
        None => effect_alone(tool),
    };
    let revision = config.revision().clone();
    let redactions = redactions(config, request.tool, caller);
    match answer.decision {
        Decision::Allow => Verdict::Allow(Permit::new(call, answer.reason, revision, redactions)),
        Decision::Ask => Verdict::Ask(Pending::new(
            call,
            answer.reason,
            revision,
            redactions,
            answer.approvers,
        )),
        Decision::Deny => {
            let line = call.command_line();
            refuse(answer.reason, Some(line), answer.usage)
        }
    }
}

/// The `allow` rules that let a call through, of its parameters and then of the policies by name;
/// none of a call that is denied. They grant nothing by themselves, but without them it would be
/// denied.
pub fn let_through<'a>(config: &'a Config, verdict: &'a Verdict) -> Vec<&'a Rule> {
    let Some(call) = verdict.call() else {
        return Vec::new();
    };
    let mut rules: Vec<&Rule> = call.let_through().collect();
    let Some(selection) = config.selection(&call.tool().name) else {
        return rules;
    };
    let mut first = 0;
    let lines = call.lines();
    let matched: Vec<Vec<usize>> = lines
        .iter()
        .map(|line| selection.compiled.matching(line).collect())
        .collect();
    for policy in &selection.policies {
        let places = PolicyRules::new(policy, first);
        first = places.end;
        let allow = policy.allow.iter().flatten();
        for (index, rule) in (places.allow..).zip(allow) {
            // Of each line the first that matches, each rule once.
            let decides = |line: &Vec<usize>| {
                line.iter()
                    .find(|index| (places.allow..places.end).contains(*index))
                    .is_some_and(|found| *found == index)
            };
            if matched.iter().any(decides) {
                rules.push(rule);
            }
        }
    }
    rules
}

/// The tools that a caller's role may use, by name: derived from the same question that
/// [`decide`] asks.
pub fn visible_tools<'a>(
    config: &'a Config,
    caller: &Caller,
) -> impl Iterator<Item = &'a std::sync::Arc<Tool>> {
    let role = caller.role.clone();
    config
        .tools()
        .values()
        .filter(move |tool| role_may_use(config, tool, &role).is_ok())
}

fn refuse(reason: Reason, command_line: Option<String>, usage: Vec<String>) -> Verdict {
    Verdict::Deny(Refusal {
        reason,
        command_line,
        usage,
    })
}

fn unknown_tool(config: &Config, name: &str, caller: Option<&Caller>) -> Verdict {
    let names: Vec<&str> = match caller {
        Some(caller) => visible_tools(config, caller)
            .map(|tool| tool.name.as_str())
            .collect(),
        None => config
            .tools()
            .keys()
            .map(crate::config::name::ToolName::as_str)
            .collect(),
    };
    let help = suggestion(name, names.iter().copied(), "the tools are");
    let reason = Reason {
        rule: RuleId::new("tools"),
        because: format!("there is no tool `{name}`; {help}"),
        place: None,
    };
    refuse(reason, None, Vec::new())
}

fn role_may_use(config: &Config, tool: &Tool, name: &RoleName) -> Result<(), Reason> {
    let rule = RuleId::new(format!("roles.{name}"));
    let Some(granted) = config.settings().roles.by_name.get(name) else {
        return Err(Reason {
            rule,
            because: format!("there is no role `{name}`, and what is not listed may nothing"),
            place: None,
        });
    };
    if covers(granted, tool) {
        return Ok(());
    }
    Err(Reason {
        rule,
        because: format!("the role `{name}` may not use `{}`", tool.name),
        place: granted.place.clone(),
    })
}

fn covers(role: &Role, tool: &Tool) -> bool {
    let mut globs = role.tools.iter();
    globs.any(|glob| glob_matches(glob, tool.name.as_str()))
        && role
            .effects
            .as_ref()
            .is_none_or(|effects| effects.contains(&tool.effect))
}

/// An answer with the rule that gave it.
struct Answer {
    decision: Decision,
    reason: Reason,
    approvers: Option<Vec<RoleName>>,
    usage: Vec<String>,
}

/// What the policies and the effect say; the strictest answer, the first of its kind.
fn judge(call: &Call, selection: &Selection, caller: Option<&Caller>) -> Answer {
    let lines = call.lines();
    let matched: Vec<Vec<usize>> = lines
        .iter()
        .map(|line| selection.compiled.matching(line).collect())
        .collect();
    let mut asked: Option<Answer> = None;
    let mut first = 0;
    let mut applying: Vec<&Policy> = Vec::new();
    for policy in &selection.policies {
        let rules = PolicyRules::new(policy, first);
        first = rules.end;
        let applies = match caller {
            Some(caller) => policy.applies_to.applies(&caller.role, caller.channel),
            None => policy.applies_to.roles.is_none() && policy.applies_to.channels.is_none(),
        };
        if !applies {
            continue;
        }
        applying.push(policy);
        for line in &matched {
            if let Some(denied) = rules.denied(line) {
                return denied;
            }
        }
        for rule in matched.iter().flat_map(|line| rules.asks(line)) {
            match &mut asked {
                // Whoever approves must satisfy every rule that asks.
                Some(answer) => narrow(&mut answer.approvers, rule.approvers.as_deref()),
                None => {
                    asked = Some(Answer {
                        decision: Decision::Ask,
                        reason: reason(&rule.rule),
                        approvers: rule.approvers.clone(),
                        usage: Vec::new(),
                    });
                }
            }
        }
    }
    let effect = effect(call.tool(), &applying);
    match asked {
        Some(asked) if asked.decision >= effect.decision => asked,
        _ => effect,
    }
}

fn narrow(approvers: &mut Option<Vec<RoleName>>, more: Option<&[RoleName]>) {
    match (approvers.as_mut(), more) {
        (Some(roles), Some(more)) => roles.retain(|role| more.contains(role)),
        (None, Some(more)) => *approvers = Some(more.to_vec()),
        (_, None) => {}
    }
}

/// Where one policy's rules stand among all that were compiled together.
struct PolicyRules<'a> {
    policy: &'a Policy,
    deny: usize,
    ask: usize,
    allow: usize,
    end: usize,
}

impl<'a> PolicyRules<'a> {
    fn new(policy: &'a Policy, first: usize) -> Self {
        let ask = first + policy.deny.len();
        let allow = ask + policy.ask.len();
        let end = allow + policy.allow.as_ref().map_or(0, Vec::len);
        Self {
            policy,
            deny: first,
            ask,
            allow,
            end,
        }
    }

    fn denied(&self, line: &[usize]) -> Option<Answer> {
        let matched = line
            .iter()
            .find(|index| (self.deny..self.ask).contains(*index));
        if let Some(rule) = matched.and_then(|index| self.policy.deny.get(index - self.deny)) {
            return Some(deny(reason(rule), Vec::new()));
        }
        let allow = self.policy.allow.as_ref()?;
        if line
            .iter()
            .any(|index| (self.allow..self.end).contains(index))
        {
            return None;
        }
        let reason = Reason {
            rule: RuleId::new(format!("{}.allow", self.policy.name)),
            because: format!("no `allow` of the policy `{}` matches", self.policy.name),
            place: allow.first().map(|rule| rule.place.clone()),
        };
        let usage = allow
            .iter()
            .map(|rule| rule.pattern.text().to_owned())
            .collect();
        Some(deny(reason, usage))
    }

    fn asks(&self, line: &[usize]) -> impl Iterator<Item = &'a crate::config::policy::AskRule> {
        let (policy, range) = (self.policy, self.ask..self.allow);
        line.iter()
            .filter(|index| range.contains(*index))
            .filter_map(|index| policy.ask.get(index - self.ask))
            .collect::<Vec<_>>()
            .into_iter()
    }
}

fn deny(reason: Reason, usage: Vec<String>) -> Answer {
    Answer {
        decision: Decision::Deny,
        reason,
        approvers: None,
        usage,
    }
}

fn reason(rule: &Rule) -> Reason {
    Reason {
        rule: rule.id.clone(),
        because: rule
            .because
            .clone()
            .unwrap_or_else(|| format!("it matches `{}`", rule.pattern.text())),
        place: Some(rule.place.clone()),
    }
}

/// What the effect of a tool answers where these policies apply.
pub(crate) fn effect_decision(tool: &Tool, applying: &[&Policy]) -> Decision {
    effect(tool, applying).decision
}

/// What the effect answers: the strictest of what the applying policies say of it, and where none
/// does, reads run and writes wait for an approval.
fn effect(tool: &Tool, applying: &[&Policy]) -> Answer {
    let said = applying.iter().filter_map(|policy| {
        let answer = match tool.effect {
            Effect::Read => policy.read_effect,
            Effect::Write => policy.write_effect,
        };
        answer.map(|answer| (answer, *policy))
    });
    // Of equal answers the first policy by name is reported.
    let strictest = said.reduce(|best, next| if next.0 > best.0 { next } else { best });
    let Some((answer, policy)) = strictest else {
        return effect_alone(tool);
    };
    let decision = match answer {
        EffectAnswer::Allow => Decision::Allow,
        EffectAnswer::Ask => Decision::Ask,
        EffectAnswer::Deny => Decision::Deny,
    };
    Answer {
        decision,
        reason: Reason {
            rule: RuleId::new(format!("{}.effect", policy.name)),
            because: format!(
                "the policy `{}` answers {} to `effect: {}`",
                policy.name,
                decision.as_str(),
                tool.effect.as_str()
            ),
            place: Some(policy.place.clone()),
        },
        approvers: None,
        usage: Vec::new(),
    }
}

fn effect_alone(tool: &Tool) -> Answer {
    let (decision, because) = match tool.effect {
        Effect::Read => (Decision::Allow, "`effect: read` runs without an approval"),
        Effect::Write => (Decision::Ask, "`effect: write` needs an approval"),
    };
    Answer {
        decision,
        reason: Reason {
            rule: RuleId::new(format!("{}.effect", tool.name)),
            because: because.to_owned(),
            place: Some(tool.places.effect.clone()),
        },
        approvers: None,
        usage: Vec::new(),
    }
}
