//! The JSON Schema of a tool's input: checked, compiled once, and taken apart as far as templates
//! and rules need it.

use std::collections::BTreeMap;
use std::ops::Range;

use serde_json::{Map, Value};

use super::yaml::{Fields, Kind, Node, Reader};
use crate::diagnostic::{Diagnostic, Place, nearest};

/// A checked JSON Schema (2020-12) of an object.
#[derive(Debug)]
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

/// Reads `input`.
pub(crate) fn read(reader: &mut Reader<'_>, node: &Node) -> Option<InputSchema> {
    let before = reader.found.len();
    let fields = reader.fields(node, "`input`", &TOP_KEYS)?;
    let mut json = reader.json(node);
    if let Some(kind) = fields.get("type") {
        reader.choice(kind, "the `type` of an input", &[("object", ())]);
    } else {
        reader.required(&fields, "type", "`input`", "write `type: object`");
    }
    if let Some(more) = fields.get("additionalProperties")
        && reader.boolean(more, "`additionalProperties`") != Some(false)
    {
        reader.error(
            "additional-properties",
            more,
            "an input never takes properties that are not declared",
            "remove the key: `additionalProperties: false` is implied",
        );
    }
    let parameters = read_parameters(reader, &fields);
    check_required(reader, &fields, &parameters);
    let object = json.as_object_mut()?;
    object.insert("additionalProperties".to_owned(), Value::Bool(false));
    let validator = compile(reader, node, &json)?;
    check_defaults(reader, node, &json, &parameters);
    (reader.found.len() == before).then_some(InputSchema {
        json,
        parameters,
        validator,
    })
}

fn read_parameters(reader: &mut Reader<'_>, fields: &Fields<'_>) -> BTreeMap<String, Parameter> {
    let required: Vec<&str> = fields
        .get("required")
        .and_then(|node| match &node.kind {
            Kind::List(items) => Some(items),
            _ => None,
        })
        .into_iter()
        .flatten()
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
        if !is_identifier(&entry.key) {
            let place = reader.place_of(&entry.key_span);
            reader.found.push(
                Diagnostic::error(
                    "bad-name",
                    place,
                    format!("`{}` is no name for a parameter", entry.key),
                )
                .help("use letters, digits and `_`, and start with a letter"),
            );
            continue;
        }
        let schema = reader.json(&entry.value);
        let Some(kind) = kind_of(&schema) else {
            reader.error(
                "parameter-type",
                &entry.value,
                format!("parameter `{}` has no single `type`", entry.key),
                "give it one: `string`, `integer`, `number`, `boolean`, `array` or `object`",
            );
            continue;
        };
        parameters.insert(
            entry.key.clone(),
            Parameter {
                kind,
                required: required.contains(&entry.key.as_str()),
                default: schema.get("default").cloned(),
                place: reader.place_of(&entry.key_span),
            },
        );
    }
    parameters
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

fn check_required(
    reader: &mut Reader<'_>,
    fields: &Fields<'_>,
    parameters: &BTreeMap<String, Parameter>,
) {
    let declared: Vec<&str> = fields
        .get("properties")
        .and_then(|node| match &node.kind {
            Kind::Map(entries) => Some(entries),
            _ => None,
        })
        .into_iter()
        .flatten()
        .map(|entry| entry.key.as_str())
        .collect();
    let Some(node) = fields.get("required") else {
        return;
    };
    for item in reader.list(node, "`required`").unwrap_or_default() {
        let Some(name) = reader.text(item, "a required parameter's name") else {
            continue;
        };
        if parameters.contains_key(name) || declared.contains(&name) {
            continue;
        }
        let help = match nearest(name, declared.iter().copied()) {
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

fn compile(reader: &mut Reader<'_>, node: &Node, json: &Value) -> Option<jsonschema::Validator> {
    if let Err(error) = jsonschema::draft202012::meta::validate(json) {
        let pointer = error.instance_path().to_string();
        let span = span_at(node, &pointer);
        let place = reader.place_of(&span);
        reader.found.push(
            Diagnostic::error(
                "bad-json-schema",
                place,
                format!("this is no JSON Schema: {error}"),
            )
            .help("`input` is JSON Schema 2020-12; see json-schema.org for its keywords"),
        );
        return None;
    }
    match options().build(json) {
        Ok(validator) => Some(validator),
        Err(error) => {
            let pointer = error.instance_path().to_string();
            let span = span_at(node, &pointer);
            let place = reader.place_of(&span);
            reader.found.push(
                Diagnostic::error("bad-json-schema", place, format!("this schema cannot be used: {error}"))
                    .help("references must stay within the schema, formats must be known, and expressions are the `regex` crate's"),
            );
            None
        }
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
            Kind::Scalar { .. } => None,
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
