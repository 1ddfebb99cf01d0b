//! Reading a file of `policies/`.

use std::collections::BTreeMap;

use super::{AskRule, Channel, EffectAnswer, Policy, Redaction, Selector, glob_matches};
use crate::config::content::Content;
use crate::config::name::{PolicyName, RoleName};
use crate::config::settings::{Settings, effects, unknown_role};
use crate::config::template::Known;
use crate::config::tool::{
    Rule, World, Written, names, read_cases, read_rules, report, unknown_tool,
};
use crate::config::yaml::{Fields, Kind, Node, Reader};
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
    world: World<'_>,
) -> Option<Policy> {
    // Unknown keys were reported with the names.
    let fields = Fields::known(node)?;
    let applies_to = fields
        .get("applies_to")
        .and_then(|node| selector(reader, node, world))
        .unwrap_or_default();
    let rules = Rules::read(reader, name, &fields, names, world);
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
        .map(|node| read_cases(reader, node, None, world.tools))
        .unwrap_or_default();
    let description = fields
        .get("description")
        .and_then(|node| reader.prose(node, "`description`"))
        .map(str::to_owned);
    check_selector(reader, &fields);
    check_says_something(reader, &fields);
    Some(Policy {
        name: PolicyName::new(name),
        description,
        applies_to,
        deny: rules.deny,
        ask: rules.ask,
        allow: rules.allow,
        read_effect,
        write_effect,
        redact,
        never: rules.never,
        tests,
        place: reader.place_of(&(0..0)),
        content: Content::of(node),
    })
}

/// The four lists of rules.
struct Rules {
    deny: Vec<Rule>,
    ask: Vec<AskRule>,
    allow: Option<Vec<Rule>>,
    never: Vec<Rule>,
}

impl Rules {
    fn read(
        reader: &mut Reader<'_>,
        name: &str,
        fields: &Fields<'_>,
        names: &Names,
        world: World<'_>,
    ) -> Self {
        let mut written = |key: &str, keys: &[&str], lengths: Lengths| {
            let node = fields.get(key)?;
            let prefix = format!("{name}.{key}");
            let rules = read_rules(reader, node, (&prefix, name), keys, names, lengths);
            Some(rules)
        };
        let plain = |written: Vec<Written<'_>>| -> Vec<Rule> {
            written.into_iter().map(|written| written.rule).collect()
        };
        let keys = ["id", "match", "because"];
        let deny = written("deny", &keys, Lengths::Ignored).map(plain);
        let allow = written("allow", &keys, Lengths::Enforced).map(plain);
        let never = written("never", &keys, Lengths::Ignored).map(plain);
        let keys = ["id", "match", "because", "approvers"];
        let ask = written("ask", &keys, Lengths::Ignored).unwrap_or_default();
        let ask = ask
            .into_iter()
            .map(|written| AskRule {
                approvers: written
                    .fields
                    .and_then(|fields| fields.get("approvers"))
                    .map(|node| approvers(reader, node, world.settings)),
                rule: written.rule,
            })
            .collect();
        let rules = Self {
            deny: deny.unwrap_or_default(),
            ask,
            allow,
            never: never.unwrap_or_default(),
        };
        rules.check_ids(reader);
        rules
    }

    fn check_ids(&self, reader: &mut Reader<'_>) {
        let all = self.deny.iter().chain(self.allow.iter().flatten());
        let all = all
            .chain(&self.never)
            .chain(self.ask.iter().map(|ask| &ask.rule));
        let mut seen: BTreeMap<&str, &Rule> = BTreeMap::new();
        let mut all: Vec<&Rule> = all.collect();
        all.sort_by_key(|rule| rule.place.bytes.start);
        for rule in all {
            let Some(first) = seen.get(rule.id.as_str()) else {
                seen.insert(rule.id.as_str(), rule);
                continue;
            };
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

/// A policy that says nothing was meant to say something.
fn check_says_something(reader: &mut Reader<'_>, fields: &Fields<'_>) {
    let keys = ["deny", "ask", "allow", "effect", "redact", "never"];
    let said = |key: &str| {
        let value = fields.get(key);
        value.is_some_and(|value| !matches!(&value.kind, Kind::Map(entries) if entries.is_empty()))
    };
    if keys
        .iter()
        .any(|key| said(key) || reader.misspelt(fields, key))
    {
        return;
    }
    let place = reader.place_of(&(fields.node.span.start..fields.node.span.start));
    reader.found.push(
        Diagnostic::error("empty-policy", place, "this policy says nothing").help(
            "write `deny`, `ask`, `allow`, `effect`, `redact` or `never`, or delete the file",
        ),
    );
}

/// `deny`, `allow` and `never` hold for everybody, or a new role would slip past them.
fn check_selector(reader: &mut Reader<'_>, fields: &Fields<'_>) {
    let holds = ["deny", "allow", "never"];
    if holds.iter().all(|key| fields.get(key).is_none()) {
        return;
    }
    let Some(selector) = fields.get("applies_to").and_then(Fields::known) else {
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

/// Reads `applies_to`; a part that cannot be read selects everything, so that nothing follows from it.
fn selector(reader: &mut Reader<'_>, node: &Node, world: World<'_>) -> Option<Selector> {
    let known = ["tools", "effects", "roles", "channels"];
    let fields = reader.fields(node, "`applies_to`", &known)?;
    let before = reader.found.len();
    let tools = fields.get("tools").and_then(|node| {
        let tools = reader.texts(node, "`tools`")?;
        check_globs(reader, node, world.tools);
        (!reader.failed_since(before)).then_some(tools)
    });
    let before = reader.found.len();
    let effects = fields
        .get("effects")
        .map(|node| effects(reader, node))
        .filter(|_| !reader.failed_since(before));
    let roles = fields
        .get("roles")
        .map(|node| roles(reader, node, world.settings));
    let channels = fields.get("channels").map(|node| {
        reader
            .list(node, "`channels`")
            .unwrap_or_default()
            .iter()
            .filter_map(|item| reader.choice(item, "a channel", &Channel::WORDS))
            .collect()
    });
    Some(Selector {
        tools,
        effects,
        roles,
        channels,
    })
}

/// Reports globs that cover no tool.
pub(crate) fn check_globs(reader: &mut Reader<'_>, node: &Node, tools: Known<'_>) {
    for item in node.items() {
        if let Kind::Scalar { text, .. } = &item.kind
            && tools.complete
            && !tools.names.iter().any(|name| glob_matches(text, name))
        {
            unknown_tool(reader, item, text, tools);
        }
    }
}

fn roles(reader: &mut Reader<'_>, node: &Node, settings: &Settings) -> Vec<RoleName> {
    let mut all = Vec::new();
    for item in reader.list(node, "a list of roles").unwrap_or_default() {
        if let Some(role) = reader.text(item, "a role") {
            unknown_role(reader, item, role, settings);
            all.push(RoleName::new(role));
        }
    }
    all
}

/// Roles that alone may approve: a list of nobody, or of those who may not, would wait for ever.
fn approvers(reader: &mut Reader<'_>, node: &Node, settings: &Settings) -> Vec<RoleName> {
    let all = roles(reader, node, settings);
    if matches!(&node.kind, Kind::List(items) if items.is_empty()) {
        reader.error(
            "no-approver",
            node,
            "nobody may approve this",
            "list the roles that may, or remove the key: then every role with `approve: true` may",
        );
    }
    for item in node.items() {
        if let Kind::Scalar { text, .. } = &item.kind
            && let Some(role) = settings.roles.by_name.get(text.as_str())
            && !role.approve
        {
            reader.error(
                "no-approver",
                item,
                format!("the role `{text}` may not approve anything"),
                format!(
                    "write `approve: true` for `{text}` in `tolkien.yaml`, or name another role"
                ),
            );
        }
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
    let Some(items) = reader.list(node, "`redact`") else {
        return Vec::new();
    };
    items
        .iter()
        .filter_map(|item| redaction(reader, item, names))
        .collect()
}

fn redaction(reader: &mut Reader<'_>, item: &Node, names: &Names) -> Option<Redaction> {
    let fields = reader.fields(item, "a redaction", &["match", "replace"])?;
    let help = "write the expression to look for";
    let node = reader.required(&fields, "match", "a redaction", help);
    let help = "write what stands there instead: `[redacted]`";
    let replace = reader.required(&fields, "replace", "a redaction", help);
    let replace = replace.and_then(|node| reader.text(node, "`replace`"));
    let node = node?;
    let text = reader.text(node, "`match`")?;
    match Expression::searched(text, names) {
        Ok(expression) if expression.is_match("") => {
            reader.error(
                "redacts-nothing",
                node,
                format!("`{text}` matches the empty text, which stands everywhere"),
                "say what must be there: `+` in place of `*`",
            );
            None
        }
        Ok(expression) => Some(Redaction {
            expression,
            replace: replace?.to_owned(),
            place: reader.place(item),
        }),
        Err(problems) => {
            report(reader, node, problems);
            None
        }
    }
}
