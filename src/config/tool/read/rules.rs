//! Reading rules: `let`, `parts`, and the allows and denies of parameters and policies.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::World;
use super::run::parse_template;
use crate::config::name::RuleId;
use crate::config::schema::{InputSchema, ParameterKind};
use crate::config::template::{Allowed, Template};
use crate::config::tool::{ArgumentRules, DEFAULT_ARGUMENT_MAX, Rule};
use crate::config::yaml::{Fields, Kind, Node, Reader};
use crate::diagnostic::{Diagnostic, listed, nearest};
use crate::pattern::{Lengths, NameProblem, Names, Pattern, Problem, RuleSet};

/// A rule as written, with what stands beside its pattern.
#[derive(Debug)]
pub(crate) struct Written<'n> {
    /// The rule.
    pub(crate) rule: Rule,
    /// Its mapping, where it is one.
    pub(crate) fields: Option<Fields<'n>>,
}

/// Reports the problems of a pattern or expression inside the scalar that holds it.
pub(crate) fn report(reader: &mut Reader<'_>, node: &Node, problems: Vec<Problem>) {
    for problem in problems {
        let place = node.place_inside(reader.source, problem.span);
        let found = if problem.hint {
            Diagnostic::warning(problem.code, place.clone(), problem.message)
        } else {
            Diagnostic::error(problem.code, place.clone(), problem.message)
        };
        let found = found.maybe_help(problem.help);
        reader.found.push(match problem.fix {
            Some(fix) if place.start != place.end => found.fix(place, fix),
            _ => found,
        });
    }
}

/// Reads `let` and `parts`; `imported` holds other policies' names.
pub(crate) fn names(
    reader: &mut Reader<'_>,
    fields: &Fields<'_>,
    imported: &BTreeMap<String, Names>,
) -> Names {
    let mut nodes: BTreeMap<(bool, &str), &Node> = BTreeMap::new();
    let mut lets = Vec::new();
    let mut parts = Vec::new();
    if let Some(node) = fields.get("let") {
        for entry in reader.entries(node, "`let`").unwrap_or_default() {
            if let Some((node, text, max)) = expression(reader, &entry.value) {
                nodes.insert((false, &entry.key), node);
                lets.push((entry.key.as_str(), text, max));
            }
        }
    }
    if let Some(node) = fields.get("parts") {
        for entry in reader.entries(node, "`parts`").unwrap_or_default() {
            if let Some(text) = reader.text(&entry.value, "a part") {
                nodes.insert((true, &entry.key), &entry.value);
                parts.push((entry.key.as_str(), text.to_owned()));
            }
        }
    }
    let lets = lets
        .iter()
        .map(|(name, text, max)| (*name, text.as_str(), *max));
    let parts = parts.iter().map(|(name, text)| (*name, text.as_str()));
    let (names, problems) = Names::new(lets, parts, imported);
    for NameProblem {
        name,
        part,
        problem,
    } in problems
    {
        if let Some(node) = nodes.get(&(part, name.as_str())) {
            report(reader, node, vec![problem]);
        }
    }
    names
}

/// A `let`: a text, or `{re, max}`.
fn expression<'n>(
    reader: &mut Reader<'_>,
    node: &'n Node,
) -> Option<(&'n Node, String, Option<u32>)> {
    if !matches!(node.kind, Kind::Map(_)) {
        return Some((node, reader.text(node, "an expression")?.to_owned(), None));
    }
    let fields = reader.fields(node, "a named expression", &["re", "max"])?;
    let re = reader.required(
        &fields,
        "re",
        "a named expression",
        "write `{re: '[a-z]+', max: 63}`",
    )?;
    let text = reader.text(re, "`re`")?.to_owned();
    let max = fields
        .get("max")
        .and_then(|node| reader.integer(node, "`max`", 1..=1_000_000))
        .and_then(|max| u32::try_from(max).ok());
    Some((re, text, max))
}

/// Reads a list of rules: each a pattern, or a mapping with `match` and the further keys that may
/// stand there. `prefix` names the list: `kubectl.args.deny`; `owner` names a rule with an `id`.
pub(crate) fn read_rules<'n>(
    reader: &mut Reader<'_>,
    node: &'n Node,
    (prefix, owner): (&str, &str),
    keys: &[&str],
    names: &Names,
    lengths: Lengths,
) -> Vec<Written<'n>> {
    let what = "a list of rules";
    let mut rules: Vec<Written<'n>> = Vec::new();
    for (index, item) in reader
        .list(node, what)
        .unwrap_or_default()
        .iter()
        .enumerate()
    {
        let fields = match &item.kind {
            Kind::Map(_) => match reader.fields(item, "a rule", keys) {
                Some(fields) => Some(fields),
                None => continue,
            },
            _ => None,
        };
        let pattern_node = match &fields {
            Some(fields) => reader.required(
                fields,
                "match",
                "a rule",
                "write its pattern: `match: 'get **'`",
            ),
            None => Some(item),
        };
        let mut field = |key: &str| {
            let node = fields.as_ref()?.get(key)?;
            reader.text(node, &format!("`{key}`")).map(str::to_owned)
        };
        let because = field("because");
        let id = match field("id") {
            Some(id) => {
                let id = format!("{owner}.{id}");
                if rules.iter().any(|other| other.rule.id.as_str() == id) {
                    reader.error(
                        "duplicate-rule",
                        item,
                        format!("there is a second rule `{id}`"),
                        "give each rule an `id` of its own",
                    );
                }
                id
            }
            None => format!("{prefix}[{index}]"),
        };
        let Some(pattern) = pattern_node.and_then(|node| pattern(reader, node, names, lengths))
        else {
            continue;
        };
        rules.push(Written {
            rule: Rule {
                id: RuleId::new(id),
                pattern: Arc::new(pattern),
                because,
                place: reader.place(item),
            },
            fields,
        });
    }
    rules
}

fn pattern(
    reader: &mut Reader<'_>,
    node: &Node,
    names: &Names,
    lengths: Lengths,
) -> Option<Pattern> {
    let text = reader.text(node, "a pattern")?;
    match Pattern::parse(text, names, lengths) {
        Ok((pattern, hints)) => {
            report(reader, node, hints);
            Some(pattern)
        }
        Err(problems) => {
            report(reader, node, problems);
            None
        }
    }
}

/// Reads `arguments`.
pub(super) fn read_arguments(
    reader: &mut Reader<'_>,
    tool: &str,
    node: Option<&Node>,
    input: &InputSchema,
    names: &Names,
    world: World<'_>,
) -> BTreeMap<String, ArgumentRules> {
    let mut all = BTreeMap::new();
    let Some(node) = node else {
        return all;
    };
    for entry in reader.entries(node, "`arguments`").unwrap_or_default() {
        let Some(parameter) = input.parameters.get(&entry.key) else {
            let known = || input.parameters.keys().map(String::as_str);
            let help = match nearest(&entry.key, known()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("the parameters are {}", listed(known(), "and")),
            };
            let place = reader.place_of(&entry.key_span);
            reader.found.push(
                Diagnostic::error(
                    "unknown-parameter",
                    place,
                    format!("`{}` is not a parameter of this tool's input", entry.key),
                )
                .help(help),
            );
            continue;
        };
        if !matches!(parameter.kind, ParameterKind::Text | ParameterKind::Words) {
            let place = reader.place_of(&entry.key_span);
            reader.found.push(
                Diagnostic::error(
                    "parameter-type",
                    place,
                    format!(
                        "`{}` is neither a text nor a list of texts, so no rule can read it",
                        entry.key
                    ),
                )
                .help("bound it in the schema: `enum`, `minimum`, `maximum`"),
            );
            continue;
        }
        let prefix = format!("{tool}.{}", entry.key);
        if let Some(rules) =
            argument_rules(reader, &prefix, &entry.value, parameter.kind, names, world)
        {
            all.insert(entry.key.clone(), rules);
        }
    }
    all
}

fn argument_rules(
    reader: &mut Reader<'_>,
    prefix: &str,
    node: &Node,
    kind: ParameterKind,
    names: &Names,
    world: World<'_>,
) -> Option<ArgumentRules> {
    let known = ["allow", "deny", "within", "dash", "multiline", "max"];
    let fields = reader.fields(node, "the rules on a parameter", &known)?;
    let mut rules = |key: &str, lengths: Lengths| {
        let node = fields.get(key)?;
        let prefix = format!("{prefix}.{key}");
        let written = read_rules(
            reader,
            node,
            (&prefix, &prefix),
            &["match", "because"],
            names,
            lengths,
        );
        if written.is_empty() && matches!(&node.kind, Kind::List(items) if items.is_empty()) {
            reader.error(
                "empty-rules",
                node,
                format!("`{key}` is an empty list"),
                "write a rule, or remove the key",
            );
        }
        Some(
            written
                .into_iter()
                .map(|written| written.rule)
                .collect::<Vec<_>>(),
        )
    };
    let allow = rules("allow", Lengths::Enforced);
    let deny = rules("deny", Lengths::Ignored).unwrap_or_default();
    if kind == ParameterKind::Text {
        for rule in allow.iter().flatten().chain(&deny) {
            if !rule.pattern.is_single_word() {
                reader.found.push(
                    Diagnostic::error(
                        "not-one-word",
                        rule.place.clone(),
                        "this pattern matches lists of words, and the parameter is one text",
                    )
                    .help(
                        "write one expression for the whole text; a space in it is written `\\ `",
                    ),
                );
            }
        }
    }
    let mut flag = |key: &str| {
        fields
            .get(key)
            .and_then(|node| reader.boolean(node, &format!("`{key}`")))
            .unwrap_or(false)
    };
    let (dash, multiline) = (flag("dash"), flag("multiline"));
    let max = fields
        .get("max")
        .and_then(|node| reader.integer(node, "`max`", 1..=10_000_000))
        .and_then(|max| usize::try_from(max).ok())
        .unwrap_or(DEFAULT_ARGUMENT_MAX);
    let within = fields
        .get("within")
        .and_then(|node| within(reader, node, world));
    let compiled = RuleSet::new(
        deny.iter()
            .chain(allow.iter().flatten())
            .map(|rule| rule.pattern.as_ref()),
    );
    Some(ArgumentRules {
        allow,
        deny,
        compiled,
        within,
        dash,
        multiline,
        max,
        place: reader.place_of(&(node.span.start..node.span.start)),
    })
}

fn within(reader: &mut Reader<'_>, node: &Node, world: World<'_>) -> Option<Template> {
    let text = reader.text(node, "`within`")?;
    let environment: Vec<&str> = world
        .settings
        .environment
        .keys()
        .map(crate::config::name::EnvName::as_str)
        .collect();
    let allowed = Allowed {
        parameters: &[],
        no_parameters: Some("`within` names one folder, the same for every call"),
        environment: &environment,
        secrets: None,
        steps: None,
        workspace: true,
        prompts: &[],
    };
    Some(Template {
        text: text.to_owned(),
        parts: parse_template(reader, node, text, &allowed)?,
        place: reader.place(node),
    })
}
