//! Prompts: MiniJinja templates, strict about undefined names, checked in all their branches.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use super::jinja::{self, Mentioned, Mentions};
use super::source::EVERYTHING;
use crate::diagnostic::{Diagnostic, Place, Source, nearest, suggestion};

/// The prompt that every session starts with.
pub const SYSTEM: &str = "system.md";

/// What `system.md` and the files that it includes may mention.
const SYSTEM_NAMES: [&str; 4] = ["tools", "caller", "channel", "facts"];

/// The templates of `prompts/`.
#[derive(Debug, Clone)]
pub struct Prompts {
    environment: minijinja::Environment<'static>,
}

impl Prompts {
    /// The names of the templates, in order.
    pub fn names(&self) -> Vec<&str> {
        let mut names: Vec<&str> = self.environment.templates().map(|(name, _)| name).collect();
        names.sort_unstable();
        names
    }

    /// The text of one.
    pub fn text(&self, name: &str) -> Option<String> {
        let template = self.environment.get_template(name).ok()?;
        Some(template.source().to_owned())
    }

    /// One with every file that it reads, and these in turn; empty where there is no such prompt.
    pub(crate) fn family(&self, name: &str) -> BTreeMap<String, String> {
        let mut family = BTreeMap::new();
        let mut open = vec![name.to_owned()];
        while let Some(name) = open.pop() {
            if family.contains_key(&name) {
                continue;
            }
            if let Some(text) = self.text(&name) {
                let files = jinja::mentions(&text).map(|all| all.files);
                open.extend(files.into_iter().flatten().filter_map(|file| file.name));
                family.insert(name, text);
            }
        }
        family
    }

    /// Renders one; the same context gives the same bytes.
    pub fn render(&self, name: &str, context: &Value) -> Result<String, minijinja::Error> {
        self.environment
            .get_template(name)?
            .render(minijinja::value::Serde(context))
    }

    /// Renders an expression or text over a call's parameters.
    pub(crate) fn render_text(
        &self,
        source: &str,
        context: &Value,
    ) -> Result<String, minijinja::Error> {
        self.environment
            .render_str(source, minijinja::value::Serde(context))
    }
}

/// A prompt that a tool's template renders, with the names it gives it.
#[derive(Debug, Clone)]
pub(crate) struct Use {
    /// The prompt's file name.
    pub(crate) name: String,
    /// The names of the arguments.
    pub(crate) arguments: BTreeSet<String>,
    /// Where the template is written.
    pub(crate) place: Place,
}

/// What prompts are checked against.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Surroundings<'a> {
    /// What the tools render.
    pub(crate) uses: &'a [Use],
    /// Whether these are all uses, so that a prompt without one is not used.
    pub(crate) all_uses: bool,
    /// The settings' facts; absent where they could not be read.
    pub(crate) facts: Option<&'a Map<String, Value>>,
    /// Files that exist, but could not be read.
    pub(crate) unread: &'a BTreeSet<String>,
}

/// Checks all prompts together and compiles them.
pub(crate) fn read(
    sources: &BTreeMap<String, Source>,
    around: Surroundings<'_>,
    found: &mut Vec<Diagnostic>,
) -> Prompts {
    let before = found.len();
    let mut environment = jinja::environment();
    let mut mentions = BTreeMap::new();
    for (name, source) in sources {
        if let Some(range) = jinja::too_long(source.text()) {
            let place = source.place(range);
            found.push(
                Diagnostic::error(
                    "bad-template",
                    place,
                    "this expression is too long to be read",
                )
                .help("write it as several, with `{% set name = … %}` between them"),
            );
            continue;
        }
        let added = environment.add_template_owned(name.clone(), source.text().to_string());
        match added.and_then(|()| jinja::mentions(source.text())) {
            Ok(all) => {
                mentions.insert(name.as_str(), all);
            }
            Err(error) => found.push(syntax(source, &error)),
        }
    }
    let unread = [SYSTEM, EVERYTHING].map(|name| around.unread.contains(name));
    if !sources.contains_key(SYSTEM) && unread == [false; 2] {
        found.push(
            Diagnostic::error(
                "missing-prompt",
                Place::file(format!("prompts/{SYSTEM}")),
                format!("there is no `prompts/{SYSTEM}`"),
            )
            .help("write one: it tells the model who it is and what it may do"),
        );
    }
    for (name, all) in &mentions {
        if let Some(source) = sources.get(*name) {
            check_files(source, all, sources, around.unread, found);
            check_filters(source, all, &environment, found);
        }
    }
    // What cannot be read, or is named wrongly, may be what reads another prompt.
    let all_uses = around.all_uses && found.len() == before && around.unread.is_empty();
    let readers = readers(&mentions, around.uses);
    for (name, all) in &mentions {
        let Some(source) = sources.get(*name) else {
            continue;
        };
        match readers.get(*name) {
            Some(known) => {
                check_names((name, source), all, known, &environment, around.uses, found);
                if let (Some(facts), true) = (around.facts, known.contains("facts")) {
                    check_facts(source, all, facts, found);
                }
            }
            None if all_uses => found.push(unused(source)),
            None => {}
        }
    }
    check_arguments(&mentions, around.uses, found);
    Prompts { environment }
}

/// Reports arguments that a prompt, and what it includes, never mentions.
fn check_arguments(mentions: &BTreeMap<&str, Mentions>, uses: &[Use], found: &mut Vec<Diagnostic>) {
    for one in uses {
        let mut open = vec![one.name.as_str()];
        let mut seen = BTreeSet::new();
        let mut mentioned: BTreeSet<&str> = BTreeSet::new();
        while let Some(name) = open.pop() {
            let Some(all) = mentions.get(name) else {
                return;
            };
            if seen.insert(name) {
                mentioned.extend(all.names.iter().map(|(name, _)| name.as_str()));
                open.extend(all.files.iter().filter_map(|file| file.name.as_deref()));
            }
        }
        for argument in &one.arguments {
            if !mentioned.contains(argument.as_str()) {
                found.push(
                    Diagnostic::warning(
                        "unused-argument",
                        one.place.clone(),
                        format!("`{}` never mentions `{argument}`", one.name),
                    )
                    .help("remove the argument, or use it in the prompt"),
                );
            }
        }
    }
}

/// For each file that is read at all, the names that everything which reads it provides.
fn readers<'a>(
    mentions: &'a BTreeMap<&'a str, Mentions>,
    uses: &'a [Use],
) -> BTreeMap<&'a str, BTreeSet<&'a str>> {
    let system = || SYSTEM_NAMES.into_iter().collect::<BTreeSet<&str>>();
    let mut open: Vec<(&str, BTreeSet<&str>)> = vec![(SYSTEM, system())];
    open.extend(uses.iter().map(|one| {
        let names = one.arguments.iter().map(String::as_str).collect();
        (one.name.as_str(), names)
    }));
    let mut readers: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    while let Some((name, known)) = open.pop() {
        let Some((name, all)) = mentions.get_key_value(name) else {
            continue;
        };
        let narrowed = match readers.get(name) {
            Some(before) => before.intersection(&known).copied().collect(),
            None => known,
        };
        if readers.get(name) == Some(&narrowed) {
            continue;
        }
        for file in &all.files {
            let included = file
                .name
                .as_deref()
                .and_then(|name| mentions.get_key_value(name));
            if let Some((included, _)) = included {
                let scope = file.scope.iter().map(String::as_str);
                open.push((included, narrowed.iter().copied().chain(scope).collect()));
            }
        }
        readers.insert(name, narrowed);
    }
    readers
}

fn syntax(source: &Source, error: &minijinja::Error) -> Diagnostic {
    let range = error.range().unwrap_or(0..0);
    let message = error.detail().unwrap_or("this is no MiniJinja template");
    Diagnostic::error("bad-template", source.place(range), lower_first(message))
        .help("see the MiniJinja syntax: `{{ name }}`, `{% if … %}…{% endif %}`, `{% include \"file.md\" %}`")
}

fn check_files(
    source: &Source,
    all: &Mentions,
    sources: &BTreeMap<String, Source>,
    unread: &BTreeSet<String>,
    found: &mut Vec<Diagnostic>,
) {
    for Mentioned { name, span, .. } in &all.files {
        let place = source.place(span.clone());
        let Some(file) = name else {
            found.push(
                Diagnostic::error(
                    "computed-include",
                    place,
                    "the name of an included file is computed here",
                )
                .help("write the file's name as it is, so that a reviewer sees what is read"),
            );
            continue;
        };
        if sources.contains_key(file) || unread.contains(file) || unread.contains(EVERYTHING) {
            continue;
        }
        let known = sources.keys().map(String::as_str);
        let help = suggestion(file, known, "the prompts are");
        found.push(
            Diagnostic::error(
                "missing-include",
                place,
                format!("there is no prompt `{file}`"),
            )
            .help(help),
        );
    }
}

/// Reports filters and tests that do not exist.
pub(crate) fn check_filters(
    source: &Source,
    all: &Mentions,
    environment: &minijinja::Environment<'_>,
    found: &mut Vec<Diagnostic>,
) {
    for (kind, names) in [("filter", &all.filters), ("test", &all.tests)] {
        for (name, range) in names {
            if !jinja::knows(environment, kind, name) {
                found.push(unknown_filter(kind, name, source.place(range.clone())));
            }
        }
    }
}

/// The finding for a filter or test that does not exist.
pub(crate) fn unknown_filter(kind: &str, name: &str, place: Place) -> Diagnostic {
    const FILTERS: [&str; 26] = [
        "abs",
        "bool",
        "capitalize",
        "default",
        "first",
        "float",
        "indent",
        "int",
        "items",
        "join",
        "last",
        "length",
        "lines",
        "list",
        "lower",
        "map",
        "replace",
        "reverse",
        "round",
        "select",
        "sort",
        "split",
        "title",
        "trim",
        "unique",
        "upper",
    ];
    const TESTS: [&str; 8] = [
        "defined",
        "undefined",
        "none",
        "string",
        "number",
        "in",
        "startingwith",
        "endingwith",
    ];
    let known: &[&str] = if kind == "filter" { &FILTERS } else { &TESTS };
    let help = match nearest(name, known.iter().copied()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("MiniJinja's own {kind}s are the only ones here"),
    };
    let code = if kind == "filter" {
        "unknown-filter"
    } else {
        "unknown-test"
    };
    Diagnostic::error(code, place, format!("there is no {kind} `{name}`")).help(help)
}

fn check_names(
    (file, source): (&str, &Source),
    all: &Mentions,
    known: &BTreeSet<&str>,
    environment: &minijinja::Environment<'_>,
    uses: &[Use],
    found: &mut Vec<Diagnostic>,
) {
    let globals: BTreeSet<&str> = environment.globals().map(|(name, _)| name).collect();
    for (name, range) in &all.names {
        if known.contains(name.as_str()) || globals.contains(name.as_str()) {
            continue;
        }
        let help = if known.is_empty() {
            format!("a tool gives it as an argument: `prompt(\"{file}\", {name}=…)`")
        } else {
            suggestion(name, known.iter().copied(), "this prompt may use")
        };
        let place = source.place(range.clone());
        let message = format!("`{name}` is not defined here");
        let mut finding = Diagnostic::error("unknown-name", place, message).help(help);
        let without = |one: &&Use| one.name == file && !one.arguments.contains(name);
        if let Some(one) = uses.iter().find(without) {
            finding = finding.label(one.place.clone(), "rendered here without it");
        }
        found.push(finding);
    }
}

fn check_facts(
    source: &Source,
    all: &Mentions,
    facts: &Map<String, Value>,
    found: &mut Vec<Diagnostic>,
) {
    for (_, attribute, range) in all.attributes.iter().filter(|(name, ..)| name == "facts") {
        if facts.contains_key(attribute) {
            continue;
        }
        let help = match nearest(attribute, facts.keys().map(String::as_str)) {
            Some(near) => format!("did you mean `facts.{near}`?"),
            None => format!("write `{attribute}` under `facts` in `tolkien.yaml`"),
        };
        found.push(
            Diagnostic::error(
                "unknown-name",
                source.place(range.clone()),
                format!("there is no fact `{attribute}`"),
            )
            .help(help),
        );
    }
}

fn unused(source: &Source) -> Diagnostic {
    Diagnostic::warning(
        "unused-prompt",
        source.place(0..0),
        format!("nothing reads `{}`", source.name()),
    )
    .help(format!(
        "include it from `{SYSTEM}`, use it with `prompt(\"…\")` in a tool, or delete it"
    ))
}

fn lower_first(text: &str) -> String {
    let mut characters = text.chars();
    characters.next().map_or_else(String::new, |first| {
        first.to_lowercase().chain(characters).collect()
    })
}
