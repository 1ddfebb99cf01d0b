//! Prompts: MiniJinja templates, strict about undefined names, checked in all their branches.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use serde_json::{Map, Value};

use super::jinja::{self, Mentions};
use crate::diagnostic::{Diagnostic, Place, Source, listed, nearest};

/// The prompt that every session starts with.
pub const SYSTEM: &str = "system.md";

/// What `system.md` and the files that it includes may mention.
const SYSTEM_NAMES: [&str; 4] = ["tools", "caller", "channel", "facts"];

/// The templates of `prompts/`.
#[derive(Debug)]
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
}

/// Checks all prompts together and compiles them.
pub(crate) fn read(
    sources: &BTreeMap<String, Source>,
    uses: &[Use],
    report_unused: bool,
    facts: &Map<String, Value>,
    found: &mut Vec<Diagnostic>,
) -> Prompts {
    let mut environment = jinja::environment();
    let mut mentions = BTreeMap::new();
    for (name, source) in sources {
        let added = environment.add_template_owned(name.clone(), source.text().to_string());
        match added.and_then(|()| jinja::mentions(source.text())) {
            Ok(all) => {
                mentions.insert(name.as_str(), all);
            }
            Err(error) => found.push(syntax(source, &error)),
        }
    }
    for (name, all) in &mentions {
        if let Some(source) = sources.get(*name) {
            check_files(source, all, sources, found);
            check_filters(source, all, &environment, found);
        }
    }
    let readers = readers(&mentions, uses);
    for (name, all) in &mentions {
        let Some(source) = sources.get(*name) else {
            continue;
        };
        match readers.get(*name) {
            Some(known) => check_names(source, all, known, &environment, facts, found),
            None if report_unused => found.push(unused(source)),
            None => {}
        }
    }
    if !sources.contains_key(SYSTEM) {
        found.push(
            Diagnostic::error(
                "missing-prompt",
                Place::file(format!("prompts/{SYSTEM}")),
                format!("there is no `prompts/{SYSTEM}`"),
            )
            .help("write one: it tells the model who it is and what it may do"),
        );
    }
    Prompts { environment }
}

/// For each file that is read at all, the names that everything which reads it provides.
fn readers<'a>(
    mentions: &BTreeMap<&'a str, Mentions>,
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
        for (file, _) in &all.files {
            let included = file
                .as_deref()
                .and_then(|file| mentions.get_key_value(file));
            if let Some((included, _)) = included {
                open.push((included, narrowed.clone()));
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
    found: &mut Vec<Diagnostic>,
) {
    for (file, range) in &all.files {
        let place = source.place(range.clone());
        let Some(file) = file else {
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
        if sources.contains_key(file) {
            continue;
        }
        let help = match nearest(file, sources.keys().map(String::as_str)) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!(
                "the prompts are {}",
                listed(sources.keys().map(String::as_str), "and")
            ),
        };
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
                found.push(unknown_filter(
                    kind,
                    name,
                    source.place(name_in(source, range, name)),
                ));
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

fn name_in(source: &Source, range: &Range<usize>, name: &str) -> Range<usize> {
    let text = source.text().get(range.clone()).unwrap_or_default();
    match text.find(name) {
        Some(at) => range.start + at..range.start + at + name.len(),
        None => range.clone(),
    }
}

fn check_names(
    source: &Source,
    all: &Mentions,
    known: &BTreeSet<&str>,
    environment: &minijinja::Environment<'_>,
    facts: &Map<String, Value>,
    found: &mut Vec<Diagnostic>,
) {
    let globals: BTreeSet<&str> = environment.globals().map(|(name, _)| name).collect();
    for (name, range) in &all.names {
        if known.contains(name.as_str()) || globals.contains(name.as_str()) {
            continue;
        }
        let help = match nearest(name, known.iter().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!(
                "this prompt may use {}",
                listed(known.iter().copied(), "and")
            ),
        };
        found.push(
            Diagnostic::error(
                "unknown-name",
                source.place(range.clone()),
                format!("`{name}` is not defined here"),
            )
            .help(help),
        );
    }
    if !known.contains("facts") {
        return;
    }
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
