//! The input: what the model may send, and what becomes of it outside the command lines.
//!
//! What a parameter's schema and rules let into a command line or an address, the comparison of the
//! command lines tells exactly. What goes into a standard input, a body or the arguments of an MCP
//! tool it does not see: there any change widens that does not plainly narrow.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::record::{Record, Weight};
use crate::config::content::ANNOTATIONS;
use crate::config::template::{Part, Template};
use crate::config::tool::{ArgumentRules, DEFAULT_ARGUMENT_MAX, Run, Tool};

/// Notes everything that differs in the input and its rules.
pub(super) fn compare(record: &mut Record, old: &Tool, new: &Tool) {
    let unseen = unseen(new);
    let (before, after) = (Schema::of(old), Schema::of(new));
    for name in new.input.parameters.keys() {
        let weight = Weight::widens_if(unseen.contains(name));
        let what = format!("input {name}");
        let had = old.input.parameters.contains_key(name);
        record.note(
            &what,
            before.properties.get(name).map(plain),
            after.properties.get(name).map(plain),
            weight,
        );
        if !had {
            continue;
        }
        let required = |schema: &Schema| Some(schema.required.contains(name).to_string());
        // What must be there is no longer left out, and that is all.
        let is_looser = unseen.contains(name) && !after.required.contains(name);
        record.note(
            format!("{what} required"),
            required(&before),
            required(&after),
            Weight::widens_if(is_looser),
        );
        for key in ANNOTATIONS {
            let said = |schema: &Schema| Some(schema.properties.get(name)?.get(key)?.to_string());
            record.note(
                format!("{what} {key}"),
                said(&before),
                said(&after),
                Weight::Harmless,
            );
        }
    }
    for name in old.input.parameters.keys() {
        if !new.input.parameters.contains_key(name) {
            let was = before.properties.get(name).map(plain).unwrap_or_default();
            record.lost(format!("input {name}"), was);
        }
    }
    let rest = |schema: &Schema| Some(plain(&Value::Object(schema.rest.clone())));
    let weight = Weight::widens_if(!unseen.is_empty());
    record.note("input", rest(&before), rest(&after), weight);
    for name in new.input.parameters.keys() {
        if old.input.parameters.contains_key(name) {
            rules(record, name, (old, new), unseen.contains(name));
        }
    }
}

/// The parts of a schema that are compared by themselves.
struct Schema {
    properties: Map<String, Value>,
    required: BTreeSet<String>,
    rest: Map<String, Value>,
}

impl Schema {
    fn of(tool: &Tool) -> Self {
        let mut rest = tool.input.json.as_object().cloned().unwrap_or_default();
        let properties = match rest.remove("properties") {
            Some(Value::Object(properties)) => properties,
            _ => Map::new(),
        };
        let required = rest.remove("required");
        let required = required.as_ref().and_then(Value::as_array);
        Self {
            properties,
            required: required
                .into_iter()
                .flatten()
                .filter_map(Value::as_str)
                .map(str::to_owned)
                .collect(),
            rest,
        }
    }
}

/// A schema without its annotations, as JSON with sorted keys.
fn plain(schema: &Value) -> String {
    let mut schema = schema.clone();
    if let Value::Object(members) = &mut schema {
        for key in ANNOTATIONS {
            members.remove(key);
        }
    }
    schema.sort_all_objects();
    schema.to_string()
}

/// Parameters that reach something that no command line shows.
fn unseen(tool: &Tool) -> BTreeSet<String> {
    let all = tool.input.parameters.keys();
    let templates: Vec<&Template> = match &tool.run {
        Run::Mcp { .. } => return all.cloned().collect(),
        Run::Command(_) | Run::Steps(_) => {
            let commands = tool.run.commands().into_iter();
            commands.filter_map(|one| one.stdin.as_ref()).collect()
        }
        Run::Http(http) => http.body.iter().collect(),
    };
    let parts = || templates.iter().flat_map(|template| &template.parts);
    all.filter(|name| parts().any(|part| mentions(part, name)))
        .cloned()
        .collect()
}

fn mentions(part: &Part, name: &str) -> bool {
    match part {
        // The arguments are expressions: whatever looks like the name may be it.
        Part::Prompt { arguments, .. } => arguments.iter().any(|(_, text)| text.contains(name)),
        part => part.parameters().contains(&name),
    }
}

fn rules(record: &mut Record, name: &str, (old, new): (&Tool, &Tool), is_unseen: bool) {
    let of = |tool: &Tool| Bounds::of(tool.arguments.get(name));
    let (before, after) = (of(old), of(new));
    // A leading dash means something in a command line only, and is compared there; where that cannot be
    // done exactly, a change of it leaves the tool undecided.
    let dash = |bounds: &Bounds| Some(bounds.dash.to_string());
    let what = |key: &str| format!("{name}.{key}");
    record.note(what("dash"), dash(&before), dash(&after), Weight::Harmless);
    let multiline = |bounds: &Bounds| Some(bounds.multiline.to_string());
    record.note(
        what("multiline"),
        multiline(&before),
        multiline(&after),
        Weight::widens_if(is_unseen && after.multiline),
    );
    let max = |bounds: &Bounds| Some(bounds.max.to_string());
    record.note(
        what("max"),
        max(&before),
        max(&after),
        Weight::widens_if(is_unseen && after.max > before.max),
    );
    // The comparison of the command lines knows folders only roughly: another one widens, and so does
    // none.
    let weight_within = Weight::widens_if(before.within.is_some());
    record.note(what("within"), before.within, after.within, weight_within);
    if is_unseen {
        let written = |tool: &Tool| {
            let rules = ["allow", "deny"].map(|key| (key, format!("arguments.{name}.{key}")));
            let names = ["let", "parts"].map(|key| (key, key.to_owned()));
            let text = |(key, path): &(&str, String)| match tool.content.section(path) {
                "" => None,
                text => Some(format!("{key} {text}")),
            };
            let rules: Vec<String> = rules.iter().filter_map(text).collect();
            let uses_names = rules.iter().any(|rule| rule.contains('<'));
            let names = names.iter().filter(|_| uses_names).filter_map(text);
            Some(
                rules
                    .iter()
                    .cloned()
                    .chain(names)
                    .collect::<Vec<_>>()
                    .join("; "),
            )
        };
        let (before, after) = (written(old), written(new));
        record.note(what("rules"), before, after, Weight::Widens);
    }
}

/// What bounds a parameter beside its patterns.
struct Bounds {
    dash: bool,
    multiline: bool,
    max: usize,
    within: Option<String>,
}

impl Bounds {
    fn of(rules: Option<&ArgumentRules>) -> Self {
        Self {
            dash: rules.is_some_and(|rules| rules.dash),
            multiline: rules.is_some_and(|rules| rules.multiline),
            max: rules.map_or(DEFAULT_ARGUMENT_MAX, |rules| rules.max),
            within: rules.and_then(|rules| Some(rules.within.as_ref()?.text.clone())),
        }
    }
}
