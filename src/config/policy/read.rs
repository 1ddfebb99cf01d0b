//! Reading a file of `policies/`.

use std::collections::BTreeMap;

use super::{AskRule, Channel, EffectAnswer, Policy, Redaction, Selector};
use crate::config::name::{PolicyName, RoleName};
use crate::config::settings::{Settings, effects, unknown_role};
use crate::config::tool::{Rule, names, read_cases, read_rules};
use crate::config::yaml::{Fields, Node, Reader};
use crate::diagnostic::Diagnostic;
use crate::pattern::{Expression, Lengths, Names};

/// The keys of a policy.
const KEYS: [&str; 11] = [
    "description",
    "applies_to",
    "let",
    "parts",
    "deny",
    "ask",
    "allow",
    "effect",
    "redact",
    "never",
    "tests",
];

/// Reads the `let` and `parts` of one policy.
pub(crate) fn read_names(
    reader: &mut Reader<'_>,
    node: &Node,
    imported: &BTreeMap<String, Names>,
) -> Option<Names> {
    let fields = reader.fields(node, "a policy", &KEYS)?;
    Some(names(reader, &fields, imported))
}

/// Reads one policy whose names were read before.
pub(crate) fn read(
    reader: &mut Reader<'_>,
    name: &str,
    node: &Node,
    names: &Names,
    settings: &Settings,
) -> Option<Policy> {
    // Unknown keys were reported with the names.
    let fields = reader.fields_known(node)?;
    let applies_to = fields
        .get("applies_to")
        .and_then(|node| selector(reader, node, settings))
        .unwrap_or_default();
    let keys = ["id", "match", "because"];
    let mut rules = |key: &str, keys: &[&str], lengths: Lengths| {
        let node = fields.get(key)?;
        let prefix = format!("{name}.{key}");
        Some(read_rules(
            reader,
            node,
            (&prefix, name),
            keys,
            names,
            lengths,
        ))
    };
    let plain = |written: Vec<crate::config::tool::Written<'_>>| -> Vec<Rule> {
        written.into_iter().map(|written| written.rule).collect()
    };
    let deny = rules("deny", &keys, Lengths::Ignored)
        .map(plain)
        .unwrap_or_default();
    let allow = rules("allow", &keys, Lengths::Enforced).map(plain);
    let never = rules("never", &keys, Lengths::Ignored)
        .map(plain)
        .unwrap_or_default();
    let ask = rules(
        "ask",
        &["id", "match", "because", "approvers"],
        Lengths::Ignored,
    )
    .unwrap_or_default();
    let ask: Vec<AskRule> = ask
        .into_iter()
        .map(|written| AskRule {
            approvers: written
                .fields
                .and_then(|fields| fields.get("approvers"))
                .map(|node| roles(reader, node, settings)),
            rule: written.rule,
        })
        .collect();
    check_ids(
        reader,
        deny.iter()
            .chain(allow.iter().flatten())
            .chain(&never)
            .chain(ask.iter().map(|ask| &ask.rule)),
    );
    let holds_for_everybody = !deny.is_empty() || allow.is_some() || !never.is_empty();
    if holds_for_everybody {
        check_selector(reader, &fields);
    }
    let (read_effect, write_effect) = fields
        .get("effect")
        .map(|node| effect(reader, node))
        .unwrap_or_default();
    let redact = fields
        .get("redact")
        .map(|node| redactions(reader, node, names))
        .unwrap_or_default();
    let tests = fields
        .get("tests")
        .map(|node| read_cases(reader, node, None))
        .unwrap_or_default();
    let description = fields
        .get("description")
        .and_then(|node| reader.text(node, "`description`"))
        .map(str::to_owned);
    let says_something = holds_for_everybody
        || !ask.is_empty()
        || read_effect.is_some()
        || write_effect.is_some()
        || !redact.is_empty();
    if !says_something {
        let place = reader.place_of(&(node.span.start..node.span.start));
        reader.found.push(
            Diagnostic::error("empty-policy", place, "this policy says nothing").help(
                "write `deny`, `ask`, `allow`, `effect`, `redact` or `never`, or delete the file",
            ),
        );
    }
    Some(Policy {
        name: PolicyName::new(name),
        description,
        applies_to,
        deny,
        ask,
        allow,
        read_effect,
        write_effect,
        redact,
        never,
        tests,
        place: reader.place_of(&(0..0)),
    })
}

fn check_ids<'r>(reader: &mut Reader<'_>, rules: impl Iterator<Item = &'r Rule>) {
    let mut seen: BTreeMap<&str, &Rule> = BTreeMap::new();
    for rule in rules {
        if let Some(first) = seen.insert(rule.id.as_str(), rule) {
            reader.found.push(
                Diagnostic::error(
                    "duplicate-rule",
                    rule.place.clone(),
                    format!("there is a second rule `{}`", rule.id),
                )
                .label(first.place.clone(), "first here")
                .help("give each rule of a policy an `id` of its own"),
            );
        }
    }
}

/// `deny`, `allow` and `never` hold for everybody, or a new role would slip past them.
fn check_selector(reader: &mut Reader<'_>, fields: &Fields<'_>) {
    let Some(selector) = fields
        .get("applies_to")
        .and_then(|node| reader.fields_known(node))
    else {
        return;
    };
    for key in ["roles", "channels"] {
        if let Some(entry) = selector.entry(key) {
            let place = reader.place_of(&entry.key_span);
            reader.found.push(
                Diagnostic::error(
                    "selector-not-for-all",
                    place,
                    format!("`{key}` may not stand beside `deny`, `allow` and `never`, which hold for everybody"),
                )
                .help("move those rules into a policy of their own; what a role may use at all is closed by `roles` in `tolkien.yaml`"),
            );
        }
    }
}

fn selector(reader: &mut Reader<'_>, node: &Node, settings: &Settings) -> Option<Selector> {
    let known = ["tools", "effects", "roles", "channels"];
    let fields = reader.fields(node, "`applies_to`", &known)?;
    Some(Selector {
        tools: fields
            .get("tools")
            .and_then(|node| reader.texts(node, "`tools`")),
        effects: fields.get("effects").map(|node| effects(reader, node)),
        roles: fields
            .get("roles")
            .map(|node| roles(reader, node, settings)),
        channels: fields.get("channels").map(|node| {
            reader
                .list(node, "`channels`")
                .unwrap_or_default()
                .iter()
                .filter_map(|item| reader.choice(item, "a channel", &Channel::WORDS))
                .collect()
        }),
    })
}

fn roles(reader: &mut Reader<'_>, node: &Node, settings: &Settings) -> Vec<RoleName> {
    let mut all = Vec::new();
    for item in reader.list(node, "a list of roles").unwrap_or_default() {
        let Some(role) = reader.text(item, "a role") else {
            continue;
        };
        if !settings.roles.by_name.contains_key(role) {
            unknown_role(reader, item, role, &settings.roles);
        }
        all.push(RoleName::new(role));
    }
    all
}

fn effect(reader: &mut Reader<'_>, node: &Node) -> (Option<EffectAnswer>, Option<EffectAnswer>) {
    let words = [
        ("allow", EffectAnswer::Allow),
        ("ask", EffectAnswer::Ask),
        ("deny", EffectAnswer::Deny),
    ];
    let Some(fields) = reader.fields(node, "`effect`", &["read", "write"]) else {
        return (None, None);
    };
    let mut answer = |key: &str| {
        fields
            .get(key)
            .and_then(|node| reader.choice(node, &format!("`{key}`"), &words))
    };
    (answer("read"), answer("write"))
}

fn redactions(reader: &mut Reader<'_>, node: &Node, names: &Names) -> Vec<Redaction> {
    let mut all = Vec::new();
    for item in reader.list(node, "`redact`").unwrap_or_default() {
        let Some(fields) = reader.fields(item, "a redaction", &["match", "replace"]) else {
            continue;
        };
        let expression = reader.required(
            &fields,
            "match",
            "a redaction",
            "write the expression to look for",
        );
        let replace = reader.required(
            &fields,
            "replace",
            "a redaction",
            "write what stands there instead: `[redacted]`",
        );
        let replace = replace.and_then(|node| reader.text(node, "`replace`"));
        let Some((node, Some(text))) = expression.map(|node| (node, reader.text(node, "`match`")))
        else {
            continue;
        };
        match (Expression::searched(text, names), replace) {
            (Ok(expression), Some(replace)) => all.push(Redaction {
                expression,
                replace: replace.to_owned(),
                place: reader.place(item),
            }),
            (Ok(_), None) => {}
            (Err(problems), _) => crate::config::tool::report(reader, node, problems),
        }
    }
    all
}
