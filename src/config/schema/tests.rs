//! The JSON Schemas that are shipped for editors, held against what the loader reads.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::config::yaml::asked::{self, Asked};
use crate::config::yaml::{self, Reader};
use crate::config::{self, Origin, Overrides};
use crate::diagnostic::Source;

/// What a mapping is called in findings; the schema's file; where its properties stand, all together
/// where it has several forms.
const MAPPINGS: [(&str, &str, &[&str]); 33] = [
    ("a tool", "tool", &[""]),
    ("`input`", "tool", &["/properties/input"]),
    ("`output`", "tool", &["/properties/output"]),
    (
        "a named expression",
        "tool",
        &["/properties/let/additionalProperties/anyOf/1"],
    ),
    ("`sandbox`", "tool", &["/$defs/sandbox"]),
    (
        "`run`",
        "tool",
        &[
            "/$defs/run/oneOf/0",
            "/$defs/run/oneOf/1",
            "/$defs/run/oneOf/2",
            "/$defs/run/oneOf/3",
        ],
    ),
    (
        "a step",
        "tool",
        &["/$defs/run/oneOf/1/properties/steps/items"],
    ),
    (
        "`require`",
        "tool",
        &["/$defs/run/oneOf/1/properties/steps/items/properties/require"],
    ),
    ("`http`", "tool", &["/$defs/run/oneOf/2/properties/http"]),
    ("`mcp`", "tool", &["/$defs/run/oneOf/3/properties/mcp"]),
    ("a case", "tool", &["/$defs/case"]),
    ("a rule", "tool", &["/$defs/rule/anyOf/1"]),
    ("the rules on a parameter", "tool", &["/$defs/argument"]),
    ("a policy", "policy", &[""]),
    ("`applies_to`", "policy", &["/properties/applies_to"]),
    (
        "a named expression",
        "policy",
        &["/properties/let/additionalProperties/anyOf/1"],
    ),
    ("`effect`", "policy", &["/properties/effect"]),
    ("a redaction", "policy", &["/properties/redact/items"]),
    ("a rule", "policy", &["/$defs/rule"]),
    ("a rule", "policy", &["/$defs/ask"]),
    ("a case", "policy", &["/$defs/case"]),
    ("the settings", "settings", &[""]),
    ("`model`", "settings", &["/properties/model"]),
    ("`limits`", "settings", &["/properties/limits"]),
    ("`server`", "settings", &["/properties/server"]),
    (
        "a secret",
        "settings",
        &[
            "/properties/secrets/additionalProperties/oneOf/0",
            "/properties/secrets/additionalProperties/oneOf/1",
        ],
    ),
    (
        "the role",
        "settings",
        &["/properties/roles/additionalProperties"],
    ),
    ("a caller", "settings", &["/properties/callers/items"]),
    (
        "`telegram`",
        "settings",
        &["/properties/callers/items/properties/telegram"],
    ),
    (
        "an MCP server",
        "settings",
        &[
            "/properties/mcp_servers/additionalProperties/oneOf/0",
            "/properties/mcp_servers/additionalProperties/oneOf/1",
        ],
    ),
    ("`audit`", "settings", &["/properties/audit"]),
    ("`telemetry`", "settings", &["/properties/telemetry"]),
    ("`sandbox`", "settings", &["/$defs/sandbox"]),
];

fn schemas() -> BTreeMap<&'static str, Value> {
    [
        ("tool", include_str!("tool.json")),
        ("policy", include_str!("policy.json")),
        ("settings", include_str!("settings.json")),
    ]
    .map(|(name, text)| (name, serde_json::from_str(text).unwrap()))
    .into()
}

fn keys(schema: &Value, pointers: &[&str]) -> BTreeSet<String> {
    pointers
        .iter()
        .flat_map(|pointer| {
            let mapping = schema.pointer(pointer).unwrap();
            assert_eq!(mapping["additionalProperties"], false, "{pointer}");
            mapping["properties"].as_object().unwrap().keys().cloned()
        })
        .collect()
}

/// What the loader asked for while it read every fixture.
fn asked() -> Asked {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/diagnostics");
    drop(asked::take());
    for fixture in fs::read_dir(&fixtures).unwrap() {
        config::load(&Origin::from(&fixture.unwrap().path()), Overrides::None).unwrap();
    }
    asked::take()
        .into_iter()
        // Acknowledgements are written by `diff`, and roles are called by their names.
        .filter(|(what, _)| what != "an acknowledgement")
        .map(|(what, keys)| match what.strip_prefix("the role `") {
            Some(_) => ("the role".to_owned(), keys),
            None => (what, keys),
        })
        .collect()
}

#[test]
fn the_schemas_know_exactly_the_keys_that_the_loader_knows() {
    let schemas = schemas();
    let known: Asked = MAPPINGS
        .iter()
        .map(|(what, file, pointers)| ((*what).to_owned(), keys(&schemas[file], pointers)))
        .collect();
    let asked = asked();
    let only = |one: &Asked, other: &Asked| one.difference(other).cloned().collect::<Vec<_>>();
    assert_eq!(
        (only(&asked, &known), only(&known, &asked)),
        (Vec::new(), Vec::new()),
        "on the left what the loader reads and no schema says, on the right the other way round"
    );
}

#[test]
fn every_closed_mapping_of_the_schemas_is_held_against_the_loader() {
    for (file, schema) in schemas() {
        let mut closed = BTreeSet::new();
        collect(&schema, "", &mut closed);
        let held = MAPPINGS.iter().filter(|(_, of, _)| *of == file);
        let held = held.flat_map(|(_, _, pointers)| pointers.iter().map(|at| (*at).to_owned()));
        let mut held: BTreeSet<String> = held.collect();
        if file == "tool" {
            // The keywords of JSON Schema: see the test of theirs.
            held.insert("/$defs/schema/anyOf/1".to_owned());
        }
        assert_eq!(closed, held, "{file}");
    }
}

/// Where mappings with known keys alone stand.
fn collect(schema: &Value, at: &str, closed: &mut BTreeSet<String>) {
    match schema {
        Value::Object(members) => {
            if members
                .get("properties")
                .is_some_and(|keys| keys.get("type") != Some(&Value::from("object")))
                && members.get("additionalProperties") == Some(&Value::Bool(false))
            {
                closed.insert(at.to_owned());
            }
            for (key, member) in members {
                collect(member, &format!("{at}/{key}"), closed);
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                collect(item, &format!("{at}/{index}"), closed);
            }
        }
        _ => {}
    }
}

#[test]
fn the_keywords_of_an_input_are_those_that_the_loader_knows() {
    let schemas = schemas();
    let written = keys(&schemas["tool"], &["/$defs/schema/anyOf/1"]);
    let known: BTreeSet<String> = super::keyword::all().map(str::to_owned).collect();
    assert_eq!(written, known);
}

/// The files of a root that are shipped, each with its schema.
fn files(root: &Path) -> Vec<(&'static str, std::path::PathBuf)> {
    let mut files = vec![("settings", root.join("tolkien.yaml"))];
    for (kind, folder) in [("tool", "tools.d"), ("policy", "policies")] {
        let entries = fs::read_dir(root.join(folder)).unwrap();
        files.extend(entries.map(|entry| (kind, entry.unwrap().path())));
    }
    files
}

#[test]
fn what_is_shipped_fits_the_schemas_and_names_them() {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    let schemas = schemas();
    for (kind, file) in files(package) {
        let text = fs::read_to_string(&file).unwrap();
        let source = Source::new(file.display().to_string(), text);
        let mut found = Vec::new();
        let node = yaml::parse(&source, &mut found).unwrap();
        let value = Reader::new(&source, &mut found).json(&node);
        let validator = jsonschema::validator_for(&schemas[kind]).unwrap();
        let errors = validator.iter_errors(&value).map(|error| error.to_string());
        assert_eq!(errors.collect::<Vec<_>>(), [""; 0], "{}", source.name());
        let first = source.text().lines().next().unwrap_or_default();
        let named = first
            .strip_prefix("# yaml-language-server: $schema=")
            .unwrap();
        let named = file.parent().unwrap().join(named);
        let shipped = package.join(format!(".schema/{kind}.json"));
        assert_eq!(
            named.canonicalize().unwrap(),
            shipped.canonicalize().unwrap()
        );
    }
}

#[test]
fn the_schemas_beside_the_shipped_files_are_those_of_the_program() {
    for (name, schema) in schemas() {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!(".schema/{name}.json"));
        let beside: Value = serde_json::from_str(&fs::read_to_string(file).unwrap()).unwrap();
        assert_eq!(
            beside, schema,
            "copy src/config/schema/{name}.json to .schema/"
        );
    }
}
