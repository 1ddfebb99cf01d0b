//! Reading rules: the allows and denies of parameters and policies.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::World;
use super::run::parse_template;
use crate::config::name::{EnvName, RuleId};
use crate::config::schema::{self, ParameterKind};
use crate::config::template::{Allowed, Known, Template};
use crate::config::tool::{ArgumentRules, DEFAULT_ARGUMENT_MAX, Rule};
use crate::config::yaml::{Entry, Fields, Kind, Node, Reader};
use crate::diagnostic::{Diagnostic, nearest, suggestion};
use crate::pattern::{Lengths, Lookalike, Names, Pattern, Problem};

/// A rule as written, with what stands beside its pattern.
#[derive(Debug)]
pub(crate) struct Written<'n> {
    /// The rule.
    pub(crate) rule: Rule,
    /// Its pattern.
    pub(crate) node: &'n Node,
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
        let fix = problem.fix;
        reader
            .found
            .push(match fix.map(|fix| node.write_inside(reader.source, fix)) {
                Some(fix) if place.start != place.end && problem.unsure => {
                    found.proposal(place, fix)
                }
                Some(fix) if place.start != place.end => found.fix(place, fix),
                _ => found,
            });
    }
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
    let what = format!("`{}`", prefix.rsplit('.').next().unwrap_or_default());
    let Some(items) = reader.list(node, &what) else {
        return Vec::new();
    };
    if items.is_empty() {
        reader.error(
            "empty-rules",
            node,
            format!("{what} is an empty list"),
            "write a rule, or remove the key",
        );
    }
    let mut rules = Vec::new();
    for (index, item) in items.iter().enumerate() {
        if let Some(written) = rule(reader, item, keys, names, lengths) {
            let id = match &written.id {
                Some(id) => format!("{owner}.{id}"),
                None => format!("{prefix}[{index}]"),
            };
            rules.push(Written {
                rule: Rule {
                    id: RuleId::new(id),
                    pattern: Arc::new(written.pattern),
                    because: written.because,
                    place: reader.place(item),
                },
                node: written.node,
                fields: written.fields,
            });
        }
    }
    rules
}

/// One rule before it has its name.
struct Unnamed<'n> {
    id: Option<String>,
    pattern: Pattern,
    because: Option<String>,
    node: &'n Node,
    fields: Option<Fields<'n>>,
}

fn rule<'n>(
    reader: &mut Reader<'_>,
    item: &'n Node,
    keys: &[&str],
    names: &Names,
    lengths: Lengths,
) -> Option<Unnamed<'n>> {
    if !matches!(item.kind, Kind::Map(_)) {
        return Some(Unnamed {
            id: None,
            pattern: pattern(reader, item, names, lengths)?,
            because: None,
            node: item,
            fields: None,
        });
    }
    let fields = reader.fields(item, "a rule", keys)?;
    let help = "write its pattern: `match: 'get **'`";
    let node = reader.required(&fields, "match", "a rule", help);
    let because = fields
        .get("because")
        .and_then(|node| reader.prose(node, "`because`"))
        .map(str::to_owned);
    let id = fields.get("id").and_then(|node| rule_id(reader, node));
    Some(Unnamed {
        id,
        pattern: pattern(reader, node?, names, lengths)?,
        because,
        node: node?,
        fields: Some(fields),
    })
}

fn rule_id(reader: &mut Reader<'_>, node: &Node) -> Option<String> {
    let id = reader.text(node, "`id`")?;
    let fits = id.starts_with(|first: char| first.is_ascii_alphabetic())
        && id
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte));
    if !fits || ["allow", "effect"].contains(&id) {
        reader.error(
            "bad-name",
            node,
            format!("`{id}` cannot name a rule"),
            "start with a letter and use letters, digits, `-` and `_`; `allow` and `effect` are taken",
        );
        return None;
    }
    Some(id.to_owned())
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

/// The rules of all parameters.
#[derive(Debug, Default)]
pub(super) struct Rules {
    /// By parameter.
    pub(super) by_name: BTreeMap<String, ArgumentRules>,
    /// Parameters whose rules are written, but could not be read.
    pub(super) doubtful: BTreeSet<String>,
    /// `arguments` itself could not be read.
    pub(super) unread: bool,
}

/// Reads `arguments`.
pub(super) fn read_arguments(
    reader: &mut Reader<'_>,
    tool: &str,
    fields: &Fields<'_>,
    (input, names): (&schema::Read, &Names),
    world: World<'_>,
) -> Rules {
    let mut all = Rules {
        unread: reader.misspelt(fields, "arguments"),
        ..Rules::default()
    };
    let Some(node) = fields.get("arguments") else {
        return all;
    };
    let Some(entries) = reader.entries(node, "`arguments`") else {
        all.unread = true;
        return all;
    };
    for entry in entries {
        let Some(kind) = ruled_kind(reader, entry, input, &mut all) else {
            continue;
        };
        let before = reader.found.len();
        let prefix = format!("{tool}.{}", entry.key);
        let rules = argument_rules(reader, &prefix, &entry.value, kind, names, world);
        if reader.failed_since(before) {
            all.doubtful.insert(entry.key.clone());
        }
        all.by_name
            .extend(rules.map(|rules| (entry.key.clone(), rules)));
    }
    all
}

/// The kind of a parameter that rules can read; what else has rules is reported. A parameter that
/// could not be read itself counts as a structure.
fn ruled_kind(
    reader: &mut Reader<'_>,
    entry: &Entry,
    input: &schema::Read,
    all: &mut Rules,
) -> Option<ParameterKind> {
    let place = reader.place_of(&entry.key_span);
    let name = &entry.key;
    let Some(parameter) = input.parameters.get(name) else {
        if input.complete && !input.declared.contains(name) {
            let known = input.parameters.keys().map(String::as_str);
            // Its rules are meant for that one.
            let near = nearest(name, known.clone());
            all.doubtful.extend(near.map(str::to_owned));
            reader.found.push(
                Diagnostic::error(
                    "unknown-parameter",
                    place,
                    format!("`{name}` is not a parameter of this tool's input"),
                )
                .help(suggestion(name, known, "the parameters are")),
            );
            return None;
        }
        // The rest of its rules can be read without knowing what it is.
        return Some(ParameterKind::Structure);
    };
    if matches!(parameter.kind, ParameterKind::Text | ParameterKind::Words) {
        return Some(parameter.kind);
    }
    reader.found.push(
        Diagnostic::error(
            "parameter-type",
            place,
            format!("`{name}` is neither a text nor a list of texts, so no rule can read it"),
        )
        .help("bound it in the schema: `enum`, `minimum`, `maximum`"),
    );
    None
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
    let mut rules = |key: &str, lengths: Lengths| -> Option<Vec<Rule>> {
        let node = fields.get(key)?;
        let prefix = format!("{prefix}.{key}");
        let keys = ["match", "because"];
        let written = read_rules(reader, node, (&prefix, &prefix), &keys, names, lengths);
        for written in &written {
            check_pattern(reader, written, kind, lengths);
        }
        Some(written.into_iter().map(|written| written.rule).collect())
    };
    let allow = rules("allow", Lengths::Enforced);
    let deny = rules("deny", Lengths::Ignored).unwrap_or_default();
    if let (Some(entry), ParameterKind::Words) = (fields.entry("dash"), kind) {
        let place = reader.place_of(&entry.key_span);
        reader.found.push(
            Diagnostic::error("unknown-key", place, "`dash` has no meaning for a list")
                .help("remove it: for the items of a list the `allow` patterns alone decide"),
        );
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
    Some(ArgumentRules {
        compiled: Arc::new(ArgumentRules::compile(&deny, allow.as_deref())),
        allow,
        deny,
        within,
        dash,
        multiline,
        max,
        place: reader.place_of(&(node.span.start..node.span.start)),
    })
}

/// What a pattern must be for the kind of its parameter.
fn check_pattern(
    reader: &mut Reader<'_>,
    written: &Written<'_>,
    kind: ParameterKind,
    lengths: Lengths,
) {
    let pattern = &written.rule.pattern;
    if kind == ParameterKind::Text && !pattern.is_single_word() {
        reader.error(
            "not-one-word",
            written.node,
            "this pattern matches lists of words, and the parameter is one text",
            "write one expression for the whole text; a space in it is written `\\ `",
        );
    }
    if lengths == Lengths::Ignored {
        return;
    }
    check_letters(reader, written);
    if kind != ParameterKind::Words {
        return;
    }
    for span in pattern.loose_dash_words() {
        let word = pattern.text().get(span.clone()).unwrap_or_default();
        let message =
            format!("`{word}` is not written as a flag, and can match a word that begins with `-`");
        let place = written.node.place_inside(reader.source, span);
        reader.found.push(
            Diagnostic::warning("loose-dash", place, message).help(
                "begin it with a class without `-`: `[a-z0-9].*`, or `<word>`; a flag that is meant is written out",
            ),
        );
    }
}

/// What is let through and read by a person must not look like something else.
fn check_letters(reader: &mut Reader<'_>, written: &Written<'_>) {
    let pattern = &written.rule.pattern;
    for (span, found) in pattern.lookalike_words() {
        let word = pattern.text().get(span.clone()).unwrap_or_default();
        let place = written.node.place_inside(reader.source, span);
        let (message, help) = match found {
            Lookalike::Script => (
                format!(
                    "`{word}` lets letters of every script through, and some look like others: the \
                     Cyrillic `\u{430}` like `a`"
                ),
                "list the letters that are meant, as in `[A-Za-zÀ-ÿ]`; `\\w` and `\\d` are ASCII",
            ),
            Lookalike::Folded(folded, plain) => (
                format!("`{word}` lets `{folded}` through, which `(?i)` counts as `{plain}`"),
                "write both letters out, as in `[Kk]ind`",
            ),
        };
        reader
            .found
            .push(Diagnostic::warning("look-alike", place, message).help(help));
    }
}

fn within(reader: &mut Reader<'_>, node: &Node, world: World<'_>) -> Option<Template> {
    let text = reader.prose(node, "`within`")?;
    let settings = world.settings;
    let environment: Vec<&str> = settings.environment.keys().map(EnvName::as_str).collect();
    let allowed = Allowed {
        parameters: Known::default(),
        no_parameters: Some("`within` names one folder, the same for every call"),
        environment: Known {
            names: &environment,
            complete: settings.knows("environment"),
        },
        secrets: None,
        steps: None,
        workspace: true,
        prompts: Known::default(),
    };
    Some(Template {
        text: text.to_owned(),
        parts: parse_template(reader, node, text, &allowed)?,
        place: reader.place(node),
    })
}
