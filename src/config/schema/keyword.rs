//! The keywords of JSON Schema: a misspelt one would be passed over in silence by every validator.

use crate::config::yaml::{Node, Reader};
use crate::diagnostic::{Diagnostic, nearest};

/// Keywords whose value is a mapping of names to schemas.
const MEMBERS: [&str; 4] = [
    "properties",
    "patternProperties",
    "$defs",
    "dependentSchemas",
];

/// Keywords whose value is a schema, or a list of them.
const SCHEMAS: [&str; 15] = [
    "items",
    "prefixItems",
    "contains",
    "allOf",
    "anyOf",
    "oneOf",
    "not",
    "if",
    "then",
    "else",
    "additionalProperties",
    "unevaluatedProperties",
    "unevaluatedItems",
    "propertyNames",
    "contentSchema",
];

/// All other keywords of the 2020-12 vocabularies.
const PLAIN: [&str; 35] = [
    "type",
    "enum",
    "const",
    "description",
    "title",
    "default",
    "examples",
    "deprecated",
    "readOnly",
    "writeOnly",
    "format",
    "pattern",
    "minLength",
    "maxLength",
    "minimum",
    "maximum",
    "exclusiveMinimum",
    "exclusiveMaximum",
    "multipleOf",
    "minItems",
    "maxItems",
    "uniqueItems",
    "minContains",
    "maxContains",
    "required",
    "minProperties",
    "maxProperties",
    "dependentRequired",
    "contentEncoding",
    "contentMediaType",
    "$ref",
    "$anchor",
    "$id",
    "$schema",
    "$comment",
];

/// Every keyword.
pub(super) fn all() -> impl Iterator<Item = &'static str> {
    MEMBERS.into_iter().chain(SCHEMAS).chain(PLAIN)
}

/// Checks the keywords of all schemas inside one whose own keys were looked at.
pub(super) fn check_members(reader: &mut Reader<'_>, node: &Node) {
    for entry in node.members() {
        if MEMBERS.contains(&entry.key.as_str()) {
            for member in entry.value.members() {
                check(reader, &member.value);
            }
        } else if SCHEMAS.contains(&entry.key.as_str()) {
            check(reader, &entry.value);
            for item in entry.value.items() {
                check(reader, item);
            }
        }
    }
}

fn check(reader: &mut Reader<'_>, node: &Node) {
    for entry in node.members() {
        if all().any(|known| known == entry.key) {
            continue;
        }
        let place = reader.place_of(&entry.key_span);
        let message = format!("`{}` is not a keyword of JSON Schema", entry.key);
        let found = Diagnostic::error("unknown-key", place.clone(), message);
        reader.found.push(match nearest(&entry.key, all()) {
            Some(near) => found
                .help(format!("did you mean `{near}`?"))
                .fix(place, near),
            None => found
                .help("json-schema.org lists the keywords; words for people go into `description`"),
        });
    }
    check_members(reader, node);
}

/// What is wrong with the value of a keyword, by the pointer to it.
pub(super) fn problem(pointer: &str, error: &jsonschema::ValidationError<'_>) -> String {
    let keyword = pointer
        .rsplit('/')
        .find(|step| !step.is_empty() && step.parse::<usize>().is_err());
    match keyword {
        Some(keyword) => format!("`{keyword}` cannot be this: {error}"),
        None => format!("this is no JSON Schema: {error}"),
    }
}
