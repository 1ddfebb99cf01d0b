//! The JSON Schema of a tool's input: checked, compiled once, and taken apart as far as templates
//! and rules need it.

mod keyword;

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use serde_json::{Map, Value};

use super::yaml::{Entry, Fields, Kind, Node, Reader};
use crate::diagnostic::{Diagnostic, Place, listed, nearest};

/// A checked JSON Schema (2020-12) of an object.
#[derive(Debug, Clone)]
pub struct InputSchema {
    /// As sent to Claude, `additionalProperties: false` included.
    pub json: Value,
    /// The parameters, by name.
    pub parameters: BTreeMap<String, Parameter>,
    validator: jsonschema::Validator,
}

/// One parameter of a tool.
#[derive(Debug, Clone)]
pub struct Parameter {
    /// What kind of value it takes.
    pub kind: ParameterKind,
    /// Whether a call may leave it out.
    pub required: bool,
    /// Filled in when a call leaves it out.
    pub default: Option<Value>,
    /// Where it is written.
    pub place: Place,
}

impl Parameter {
    /// Whether a call may come without any value for it.
    pub fn may_be_absent(&self) -> bool {
        !self.required && self.default.is_none()
    }
}

/// What kind of value a parameter takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ParameterKind {
    /// A text.
    Text,
    /// A list of texts.
    Words,
    /// A number or a boolean: renders as JSON.
    Scalar,
    /// An object, or a list of something else: only in `body` and `stdin`.
    Structure,
}

impl InputSchema {
    /// The compiled schema.
    pub fn validator(&self) -> &jsonschema::Validator {
        &self.validator
    }

    /// The tool's only parameter that is a list of texts, for calls that come as a line.
    pub fn only_words(&self) -> Option<&str> {
        let mut lists = self
            .parameters
            .iter()
            .filter(|(_, parameter)| parameter.kind == ParameterKind::Words);
        match (lists.next(), lists.next()) {
            (Some((name, _)), None) => Some(name),
            _ => None,
        }
    }
}

/// The types of a parameter.
const TYPES: [&str; 6] = ["string", "integer", "number", "boolean", "array", "object"];

/// What templates call by these names is never a parameter.
pub(crate) const TEMPLATE_NAMES: [&str; 5] = ["env", "secret", "steps", "workspace", "prompt"];

/// Keys that make sense at the top of an input schema; others are JSON Schema's but not an object's.
const TOP_KEYS: [&str; 16] = [
    "type",
    "properties",
    "required",
    "additionalProperties",
    "description",
    "title",
    "examples",
    "minProperties",
    "maxProperties",
    "dependentRequired",
    "allOf",
    "anyOf",
    "oneOf",
    "not",
    "$defs",
    "$schema",
];

/// What could be read of an `input`.
#[derive(Debug)]
pub(crate) struct Read {
    /// The schema; absent when anything is wrong with it.
    pub(crate) schema: Option<InputSchema>,
    /// The parameters, as far as they could be read.
    pub(crate) parameters: BTreeMap<String, Parameter>,
    /// The names of all parameters that are written.
    pub(crate) declared: BTreeSet<String>,
    /// Whether these are all of them, so that another name is a mistake.
    pub(crate) complete: bool,
}

/// Reads `input`; absent stands for a key that was not written, which was reported.
pub(crate) fn read(reader: &mut Reader<'_>, node: Option<&Node>) -> Read {
    let nothing = Read {
        schema: None,
        parameters: BTreeMap::new(),
        declared: BTreeSet::new(),
        complete: false,
    };
    let before = reader.found.len();
    let Some(node) = node else {
        return nothing;
    };
    let Some(fields) = reader.fields(node, "`input`", &TOP_KEYS) else {
        return nothing;
    };
    if let Some(kind) = fields.get("type") {
        reader.choice(kind, "the `type` of an input", &[("object", ())]);
    } else {
        reader.required(&fields, "type", "`input`", "write `type: object`");
    }
    if let Some(more) = fields.get("additionalProperties")
        && reader.boolean(more, "`additionalProperties`") == Some(true)
    {
        reader.error(
            "additional-properties",
            more,
            "an input never takes properties that are not declared",
            "remove the key: `additionalProperties: false` is implied",
        );
    }
    let parameters = read_parameters(reader, &fields);
    let properties = fields.get("properties");
    let declared: BTreeSet<String> = properties
        .map(Node::members)
        .unwrap_or_default()
        .iter()
        .map(|entry| entry.key.clone())
        .collect();
    let complete = properties.is_none_or(|node| matches!(node.kind, Kind::Map(_)))
        && !reader.misspelt(&fields, "properties");
    if complete {
        check_required(reader, &fields, &declared);
    }
    keyword::check_members(reader, node);
    let validator = compile(reader, node, before);
    let schema = validator
        .filter(|_| !reader.failed_since(before))
        .map(|(json, validator)| InputSchema {
            json,
            parameters: parameters.clone(),
            validator,
        });
    if let Some(schema) = &schema {
        check_defaults(reader, node, &schema.json, &parameters);
    }
    Read {
        schema: schema.filter(|_| !reader.failed_since(before)),
        parameters,
        declared,
        complete,
    }
}

fn read_parameters(reader: &mut Reader<'_>, fields: &Fields<'_>) -> BTreeMap<String, Parameter> {
    let required: Vec<&str> = fields
        .get("required")
        .map(Node::items)
        .unwrap_or_default()
        .iter()
        .filter_map(|item| match &item.kind {
            Kind::Scalar { text, .. } => Some(text.as_str()),
            _ => None,
        })
        .collect();
    let Some(properties) = fields.get("properties") else {
        return BTreeMap::new();
    };
    let mut parameters = BTreeMap::new();
    for entry in reader
        .entries(properties, "`properties`")
        .unwrap_or_default()
    {
        let required = required.contains(&entry.key.as_str());
        if let Some(parameter) = read_parameter(reader, entry, required) {
            parameters.insert(entry.key.clone(), parameter);
        }
    }
    parameters
}

fn read_parameter(reader: &mut Reader<'_>, entry: &Entry, required: bool) -> Option<Parameter> {
    let place = reader.place_of(&entry.key_span);
    if !is_identifier(&entry.key) || TEMPLATE_NAMES.contains(&entry.key.as_str()) {
        reader.found.push(
            Diagnostic::error(
                "bad-name",
                place,
                format!("`{}` is no name for a parameter", entry.key),
            )
            .help(format!(
                "use letters, digits and `_`, start with a letter, and leave {} to templates",
                listed(TEMPLATE_NAMES, "and")
            )),
        );
        return None;
    }
    let what = format!("the parameter `{}`", entry.key);
    reader.entries(&entry.value, &what)?;
    if let Some(kind) = entry.value.member("type")
        && matches!(kind.kind, Kind::Scalar { .. })
    {
        reader.choice(kind, "`type`", &TYPES.map(|kind| (kind, ())))?;
    }
    let schema = Reader::new(reader.source, &mut Vec::new()).json(&entry.value);
    let Some(kind) = kind_of(&schema) else {
        reader.found.push(
            Diagnostic::error(
                "parameter-type",
                place,
                format!("the parameter `{}` has no single `type`", entry.key),
            )
            .help(format!("give it one: {}", listed(TYPES, "or"))),
        );
        return None;
    };
    Some(Parameter {
        kind,
        required,
        default: schema.get("default").cloned(),
        place,
    })
}

fn kind_of(schema: &Value) -> Option<ParameterKind> {
    let texts = |values: &Value| {
        values
            .as_array()
            .is_some_and(|values| !values.is_empty() && values.iter().all(Value::is_string))
    };
    match schema.get("type").and_then(Value::as_str) {
        Some("string") => Some(ParameterKind::Text),
        Some("integer" | "number" | "boolean") => Some(ParameterKind::Scalar),
        Some("object") => Some(ParameterKind::Structure),
        Some("array") => {
            let items = schema.get("items").and_then(|items| items.get("type"));
            Some(if items.and_then(Value::as_str) == Some("string") {
                ParameterKind::Words
            } else {
                ParameterKind::Structure
            })
        }
        Some(_) => None,
        None => schema
            .get("enum")
            .is_some_and(texts)
            .then_some(ParameterKind::Text)
            .or_else(|| {
                schema
                    .get("const")
                    .is_some_and(Value::is_string)
                    .then_some(ParameterKind::Text)
            }),
    }
}

fn check_required(reader: &mut Reader<'_>, fields: &Fields<'_>, declared: &BTreeSet<String>) {
    let Some(node) = fields.get("required") else {
        return;
    };
    for item in reader.list(node, "`required`").unwrap_or_default() {
        let Some(name) = reader.text(item, "a required parameter's name") else {
            continue;
        };
        if declared.contains(name) {
            continue;
        }
        let help = match nearest(name, declared.iter().map(String::as_str)) {
            Some(near) => format!("did you mean `{near}`?"),
            None => "declare it under `properties`, or remove it here".to_owned(),
        };
        reader.error(
            "unknown-parameter",
            item,
            format!("`{name}` is required, but is not declared under `properties`"),
            help,
        );
    }
}

/// The schema as it is sent, and compiled; what is wrong with it is reported unless its place was
/// reported already since there were `before` findings.
fn compile(
    reader: &mut Reader<'_>,
    node: &Node,
    before: usize,
) -> Option<(Value, jsonschema::Validator)> {
    let mut json = reader.json(node);
    if node.holds_refused() {
        return None;
    }
    let problems: Vec<(Range<usize>, String)> = jsonschema::draft202012::meta::validator()
        .iter_errors(&json)
        .map(|error| {
            let pointer = error.instance_path().to_string();
            (span_at(node, &pointer), keyword::problem(&pointer, &error))
        })
        .collect();
    for (span, message) in problems {
        let place = reader.place_of(&span);
        let told = reader.found.iter().skip(before).any(|found| {
            found.place.file == place.file
                && (place.bytes.contains(&found.place.bytes.start)
                    || found.place.bytes.contains(&place.bytes.start))
        });
        if !told {
            reader
                .found
                .push(Diagnostic::error("bad-json-schema", place, message).help(
                    "`input` is JSON Schema 2020-12: json-schema.org says what each keyword takes",
                ));
        }
    }
    if reader.failed_since(before) {
        return None;
    }
    let object = json.as_object_mut()?;
    object.insert("additionalProperties".to_owned(), Value::Bool(false));
    match options().build(&json) {
        Ok(validator) => Some((json, validator)),
        Err(error) => {
            let (place, message, help) = unusable(reader, node, &error);
            reader
                .found
                .push(Diagnostic::error("bad-json-schema", place, message).help(help));
            None
        }
    }
}

/// A schema that is one, but asks for what is not offered here.
fn unusable(
    reader: &Reader<'_>,
    node: &Node,
    error: &jsonschema::ValidationError<'_>,
) -> (Place, String, &'static str) {
    let mut wanted = None;
    let named = error.to_string();
    find_keyword(node, &mut |key, value| {
        if let Kind::Scalar { text, .. } = &value.kind
            && ["pattern", "format", "$ref"].contains(&key)
            && wanted.is_none()
            && !works(key, text)
        {
            wanted = Some((key.to_owned(), text.clone(), value.span.clone()));
        }
    });
    let Some((key, text, span)) = wanted else {
        let span = span_at(node, &error.instance_path().to_string());
        return (
            reader.place_of(&span),
            format!("this schema cannot be used: {named}"),
            "references must stay within the schema, formats must be known, and expressions are the `regex` crate's",
        );
    };
    let place = reader.place_of(&span);
    match key.as_str() {
        "pattern" => (
            place,
            format!("`{text}` is no expression of the `regex` crate"),
            "see docs.rs/regex for its syntax: it has no look-around and no back-references",
        ),
        "format" => (
            place,
            format!("there is no format `{text}`"),
            "the formats are those of JSON Schema 2020-12: `date-time`, `email`, `uri`, `uuid`, …",
        ),
        _ => (
            place,
            format!("`{text}` refers to nothing in this schema"),
            "a reference stays within the schema: `#/$defs/NAME`",
        ),
    }
}

/// Whether a schema of this keyword alone can be used; references are never tried alone.
fn works(key: &str, text: &str) -> bool {
    let mut alone = Map::new();
    alone.insert(key.to_owned(), Value::String(text.to_owned()));
    key != "$ref" && options().build(&Value::Object(alone)).is_ok()
}

fn find_keyword<'n>(node: &'n Node, visit: &mut dyn FnMut(&'n str, &'n Node)) {
    for entry in node.members() {
        visit(&entry.key, &entry.value);
        find_keyword(&entry.value, visit);
    }
    for item in node.items() {
        find_keyword(item, visit);
    }
}

fn options() -> jsonschema::ValidationOptions<'static> {
    jsonschema::options()
        .with_draft(jsonschema::Draft::Draft202012)
        .with_pattern_options(jsonschema::PatternOptions::regex())
        .should_validate_formats(true)
        .should_ignore_unknown_formats(false)
}

fn check_defaults(
    reader: &mut Reader<'_>,
    node: &Node,
    json: &Value,
    parameters: &BTreeMap<String, Parameter>,
) {
    for (name, parameter) in parameters {
        let Some(default) = &parameter.default else {
            continue;
        };
        let pointer = format!("/properties/{name}");
        let mut schema = json.pointer(&pointer).cloned().unwrap_or_default();
        if let (Some(schema), Some(definitions)) = (schema.as_object_mut(), json.get("$defs")) {
            schema.insert("$defs".to_owned(), definitions.clone());
        }
        let fits = options()
            .build(&schema)
            .is_ok_and(|validator| validator.is_valid(default));
        if !fits {
            let span = span_at(node, &format!("{pointer}/default"));
            let place = reader.place_of(&span);
            reader.found.push(
                Diagnostic::error(
                    "bad-default",
                    place,
                    format!("the default of `{name}` does not fit its own schema"),
                )
                .help("a default is filled in before the rules are looked at, and must pass them"),
            );
        }
    }
}

/// The bytes of the node that a JSON pointer leads to, or of the last one on the way.
fn span_at(node: &Node, pointer: &str) -> Range<usize> {
    let mut here = node;
    for step in pointer.split('/').skip(1) {
        let step = step.replace("~1", "/").replace("~0", "~");
        let next = match &here.kind {
            Kind::Map(entries) => entries
                .iter()
                .find(|entry| entry.key == step)
                .map(|entry| &entry.value),
            Kind::List(items) => step.parse::<usize>().ok().and_then(|at| items.get(at)),
            Kind::Scalar { .. } | Kind::Refused => None,
        };
        match next {
            Some(next) => here = next,
            None => break,
        }
    }
    here.span.clone()
}

/// Whether a name can stand in a template as it is.
pub(crate) fn is_identifier(name: &str) -> bool {
    name.starts_with(|first: char| first.is_ascii_alphabetic())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// Fills a schema's defaults into an input that leaves them out.
pub(crate) fn fill_defaults(schema: &InputSchema, input: &mut Map<String, Value>) {
    for (name, parameter) in &schema.parameters {
        if let Some(default) = &parameter.default
            && !input.contains_key(name)
        {
            input.insert(name.clone(), default.clone());
        }
    }
}

#[cfg(test)]
mod tests;
