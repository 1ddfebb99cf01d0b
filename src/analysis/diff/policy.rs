//! The policies that select a tool, as far as no command line shows them: redactions, approvers,
//! invariants, and rules for single roles and channels.
//!
//! What policies deny, allow and ask of everybody, the comparison of the command lines tells. So a
//! policy that starts or stops applying is told, but widens only by what is compared here: moved into
//! another file, it is the same policy.

use std::collections::{BTreeMap, BTreeSet};

use super::record::{Record, Weight};
use super::{Side, fingerprint};
use crate::config::name::RoleName;
use crate::config::policy::{AskRule, EffectAnswer, Policy, Selector};
use crate::config::tool::Effect;
use crate::diagnostic::listed;

/// Notes everything that differs in the policies of a tool.
pub(super) fn compare(record: &mut Record, old: Side<'_>, new: Side<'_>) {
    applying(record, old, new);
    redactions(record, old, new);
    asks(record, old, new);
    effects(record, old, new);
    invariants(record, old, new);
}

fn policies((config, tool): Side<'_>) -> impl Iterator<Item = &Policy> {
    let selection = config.selection(&tool.name).into_iter();
    selection
        .flat_map(|selection| &selection.policies)
        .map(AsRef::as_ref)
}

/// The policies that select a tool, each with the kinds of its rules.
pub(super) fn kinds(side: Side<'_>) -> BTreeMap<String, String> {
    policies(side)
        .map(|policy| {
            let mut kinds: Vec<String> = [
                ("deny", policy.deny.len()),
                ("ask", policy.ask.len()),
                ("allow", policy.allow.as_ref().map_or(0, Vec::len)),
                ("redact", policy.redact.len()),
                ("never", policy.never.len()),
            ]
            .into_iter()
            .filter(|(_, count)| *count > 0)
            .map(|(kind, count)| format!("{count} {kind}"))
            .collect();
            if policy.read_effect.is_some() || policy.write_effect.is_some() {
                kinds.push("effect".to_owned());
            }
            kinds.extend(audience(&policy.applies_to));
            (policy.name.to_string(), kinds.join(", "))
        })
        .collect()
}

fn applying(record: &mut Record, old: Side<'_>, new: Side<'_>) {
    let (before, after) = (kinds(old), kinds(new));
    for (name, rules) in &before {
        if !after.contains_key(name) {
            record.lost(format!("policy {name}"), rules.as_str());
        }
    }
    for (name, rules) in &after {
        if !before.contains_key(name) {
            let what = format!("policy {name}");
            record.note(what, None, Some(rules.clone()), Weight::Harmless);
        }
    }
}

/// For whom alone a policy speaks; absent when for everybody.
fn audience(selector: &Selector) -> Option<String> {
    let mut parts = Vec::new();
    if let Some(roles) = &selector.roles {
        let roles: BTreeSet<&str> = roles.iter().map(RoleName::as_str).collect();
        parts.push(format!("for {}", listed(roles, "and")));
    }
    if let Some(channels) = &selector.channels {
        let channels: BTreeSet<&str> = channels.iter().map(|one| one.as_str()).collect();
        parts.push(format!("through {}", listed(channels, "and")));
    }
    (!parts.is_empty()).then(|| parts.join(" "))
}

/// Shapes that are taken out of outputs, and what stands there instead; a replacement may put the value
/// back, so that another one widens like none.
fn redactions(record: &mut Record, old: Side<'_>, new: Side<'_>) {
    let all = |side| -> BTreeMap<(String, Option<String>), BTreeSet<String>> {
        let mut all: BTreeMap<_, BTreeSet<String>> = BTreeMap::new();
        for policy in policies(side) {
            for one in &policy.redact {
                let key = (
                    one.expression.as_str().to_owned(),
                    audience(&policy.applies_to),
                );
                all.entry(key).or_default().insert(one.replace.clone());
            }
        }
        all
    };
    let (before, after) = (all(old), all(new));
    for ((expression, audience), replaced) in &before {
        let same = after
            .get(&(expression.clone(), audience.clone()))
            .or_else(|| after.get(&(expression.clone(), None)));
        let text = |replaced: &BTreeSet<String>| {
            let replaced = listed(replaced.iter().map(String::as_str), "and");
            format!("{expression} → {replaced}{}", suffix(audience.as_ref()))
        };
        let was = Some(text(replaced));
        record.note("redact", was, same.map(text), Weight::Widens);
    }
    for (expression, audience) in after.keys() {
        if !before.contains_key(&(expression.clone(), audience.clone())) {
            let text = format!("{expression}{}", suffix(audience.as_ref()));
            record.note("redact", None, Some(text), Weight::Harmless);
        }
    }
}

fn suffix(audience: Option<&String>) -> String {
    audience.map_or_else(String::new, |audience| format!(" ({audience})"))
}

/// One pattern that asks: as written, what the names in it stand for, and for whom.
type AskKey = (String, String, Option<String>);

/// Who alone may approve; absent means every role that may approve at all.
type Approvers = Option<BTreeSet<RoleName>>;

fn asking(side: Side<'_>) -> BTreeMap<AskKey, Approvers> {
    let mut all: BTreeMap<AskKey, Approvers> = BTreeMap::new();
    for policy in policies(side) {
        for ask in &policy.ask {
            let approvers: Approvers = ask
                .approvers
                .as_ref()
                .map(|roles| roles.iter().cloned().collect());
            all.entry(key(side, policy, ask))
                // Whoever approves must satisfy every rule that asks.
                .and_modify(|known| match (known.as_mut(), &approvers) {
                    (Some(known), Some(more)) => known.retain(|role| more.contains(role)),
                    (None, more) => known.clone_from(more),
                    (Some(_), None) => {}
                })
                .or_insert(approvers);
        }
    }
    all
}

fn key((config, _): Side<'_>, policy: &Policy, ask: &AskRule) -> AskKey {
    let pattern = ask.rule.pattern.to_string();
    let mut names = BTreeMap::new();
    if pattern.contains('<') {
        for section in ["let", "parts"] {
            names.insert(
                section.to_owned(),
                policy.content.section(section).to_owned(),
            );
        }
        fingerprint::names(config, &policy.content, &mut names);
    }
    let names: Vec<String> = names.into_values().collect();
    (pattern, names.join("\n"), audience(&policy.applies_to))
}

/// Approvers count only by the rule that names them: where that rule is gone or reads otherwise, what
/// it matched may be approved by others now. A rule for single roles or channels is in no command line.
fn asks(record: &mut Record, old: Side<'_>, new: Side<'_>) {
    let (before, after) = (asking(old), asking(new));
    for ((pattern, names, audience), approvers) in &before {
        let find = |audience: Option<&String>| {
            after.get(&(pattern.clone(), names.clone(), audience.cloned()))
        };
        let now = find(audience.as_ref()).or_else(|| find(None));
        let what = format!("ask `{pattern}`{}", suffix(audience.as_ref()));
        match (approvers, now) {
            (None, None) if audience.is_none() => {}
            (_, None) => record.note(what, Some(told(approvers)), None, Weight::Widens),
            (approvers, Some(now)) => {
                let weight = Weight::widens_if(!is_within(now.as_ref(), approvers.as_ref()));
                record.note(what, Some(told(approvers)), Some(told(now)), weight);
            }
        }
    }
    for ((pattern, names, audience), approvers) in &after {
        let key = (pattern.clone(), names.clone(), audience.clone());
        if !before.contains_key(&key) && (approvers.is_some() || audience.is_some()) {
            let what = format!("ask `{pattern}`{}", suffix(audience.as_ref()));
            record.note(what, None, Some(told(approvers)), Weight::Harmless);
        }
    }
}

fn is_within(now: Option<&BTreeSet<RoleName>>, before: Option<&BTreeSet<RoleName>>) -> bool {
    match (now, before) {
        (_, None) => true,
        (None, Some(_)) => false,
        (Some(now), Some(before)) => now.is_subset(before),
    }
}

fn told(approvers: &Approvers) -> String {
    match approvers {
        None => "every role that may approve".to_owned(),
        Some(roles) => listed(roles.iter().map(RoleName::as_str), "or"),
    }
}

/// What the policies for each audience answer to the tool's effect: the strictest of them.
fn answers(side: Side<'_>) -> BTreeMap<Option<String>, EffectAnswer> {
    let mut all = BTreeMap::new();
    for policy in policies(side) {
        let answer = match side.1.effect {
            Effect::Read => policy.read_effect,
            Effect::Write => policy.write_effect,
        };
        if let Some(answer) = answer {
            let strictest = all.entry(audience(&policy.applies_to)).or_insert(answer);
            *strictest = answer.max(*strictest);
        }
    }
    all
}

/// Of everybody's answers the milder one widens. Of an audience's, which stand among others that the
/// comparison does not weigh: a strict one that is lost or milder, and an `allow` that a write gains.
fn effects(record: &mut Record, old: Side<'_>, new: Side<'_>) {
    let default = |side: Side<'_>| match side.1.effect {
        Effect::Read => EffectAnswer::Allow,
        Effect::Write => EffectAnswer::Ask,
    };
    let (mut before, mut after) = (answers(old), answers(new));
    if before.contains_key(&None) || after.contains_key(&None) {
        before.entry(None).or_insert(default(old));
        after.entry(None).or_insert(default(new));
    }
    let audiences: BTreeSet<Option<String>> = before.keys().chain(after.keys()).cloned().collect();
    for audience in audiences {
        // What holds for everybody now holds for them too.
        let everybody = after.get(&None);
        let (had, has) = (
            before.get(&audience),
            after
                .get(&audience)
                .max(everybody.filter(|_| audience.is_some())),
        );
        let is_milder = match (had, has) {
            (Some(had), Some(has)) => has < had,
            (Some(had), None) => *had > EffectAnswer::Allow,
            (None, Some(has)) => *has == EffectAnswer::Allow && new.1.effect == Effect::Write,
            (None, None) => false,
        };
        let word = |answer: Option<&EffectAnswer>| answer.map(|answer| answer_word(*answer));
        let what = format!("answer to the effect{}", suffix(audience.as_ref()));
        record.note(what, word(had), word(has), Weight::widens_if(is_milder));
    }
}

fn answer_word(answer: EffectAnswer) -> String {
    match answer {
        EffectAnswer::Allow => "allow",
        EffectAnswer::Ask => "ask",
        EffectAnswer::Deny => "deny",
    }
    .to_owned()
}

/// An invariant permits and denies nothing: without it, the next widening is still one.
fn invariants(record: &mut Record, old: Side<'_>, new: Side<'_>) {
    let all = |side| -> BTreeSet<String> {
        let policies = policies(side).flat_map(|policy| &policy.never);
        policies.map(|rule| rule.pattern.to_string()).collect()
    };
    let (before, after) = (all(old), all(new));
    for pattern in before.difference(&after) {
        record.lost("never", pattern.as_str());
    }
    for pattern in after.difference(&before) {
        record.note("never", None, Some(pattern.clone()), Weight::Harmless);
    }
}
